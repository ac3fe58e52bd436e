"""Getting the compiled kernels ready for a command: one line where that takes long, and no detour."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from hsat.cli.faults import complain

__all__ = ["ready_kernels"]

LINEAR_ALGEBRA = "scipy.linalg.cython_blas"


@contextmanager
def ready_kernels() -> Iterator[None]:
    """Say once that kernels compile, and keep numba from loading SciPy's linear algebra.

    numba looks for BLAS when its first function is loaded, and takes longer to load it than a
    night takes to score; no kernel multiplies matrices. Only commands do this: inside somebody
    else's program numba is left as it is.
    """
    from hsat.kernels import is_compiled

    import_module("hsat.score")  # and with it every kernel there is

    is_hidden = LINEAR_ALGEBRA not in sys.modules
    if is_hidden:
        sys.modules[LINEAR_ALGEBRA] = None  # type: ignore[assignment]  # "this import fails"
    if not is_compiled():
        complain("first use: compiling the scoring kernels once, some seconds")
    try:
        yield
    finally:
        if is_hidden:
            sys.modules.pop(LINEAR_ALGEBRA, None)
