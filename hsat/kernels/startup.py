"""Starting numba without what no kernel needs: 20 MiB and a fifth of a second less.

When its first function is loaded, numba imports SciPy's linear algebra to see whether BLAS is
there, and optimises its own small runtime. No kernel multiplies matrices, and the runtime only
counts references. Both are put off here, once, and afterwards numba is as it always is: code
that does need BLAS imports it then. Where numba has been started before, or its inner names have
changed, nothing is done.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["start_numba"]

LINEAR_ALGEBRA = "scipy.linalg.cython_blas"


def start_numba() -> None:
    """Start numba's compiler the short way, if it has not been started yet."""
    try:
        config: Any = import_module("numba.core.config")
        cpu_target: Any = import_module("numba.core.registry").cpu_target
        rtsys: Any = import_module("numba.core.runtime").rtsys
    except (ImportError, AttributeError):
        return
    is_started = "numba.np.arraymath" in sys.modules or LINEAR_ALGEBRA in sys.modules
    if is_started or config.DISABLE_JIT:
        return
    context = cpu_target.target_context  # made first: it fixes how kernels are compiled
    level = config.OPT
    sys.modules[LINEAR_ALGEBRA] = None  # type: ignore[assignment]  # importing it fails for now
    config.OPT = type(level)(0)
    try:
        rtsys.initialize(context)
    finally:
        config.OPT = level
    try:
        cpu_target.typing_context.refresh()
        context.refresh()
    finally:
        del sys.modules[LINEAR_ALGEBRA]
    arraymath: Any = sys.modules.get("numba.np.arraymath")
    if hasattr(arraymath, "_HAVE_BLAS"):
        arraymath._HAVE_BLAS = find_spec("scipy") is not None
