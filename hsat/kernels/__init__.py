"""Numba kernels: arrays and scalars in, arrays or counts out; nothing else from hsat.

An index may count from the end, as everywhere in Python, and numba looks at each whether it does: a
third of the time of a short loop. Where the compiler can tell that it does not, the look is left out:
in a loop ``for i in range(len(part))`` over a slice, not in one from `start` to `stop`.

Compiled code is cached beside the source or, where that is read-only, in the user's cache
folder (numba's own rule); where neither can be written, or
the disk is full, kernels compile anew in each process.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.options import DefaultOptions

from hsat.kernels.startup import start_numba

__all__ = ["inner_kernel", "is_compiled", "kernel"]

start_numba()

_dispatchers: list[Any] = []


def kernel(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile a function with numba at its first call, from the cache where there is one.

    No fastmath: it would break tests for NaN.
    """
    try:
        compiled: Callable[..., Any] = njit(cache=True, **options)(function)
    except RuntimeError:  # numba: no folder for the cache can be written
        compiled = njit(**options)(function)
    _save_where_there_is_room(compiled)
    _dispatchers.append(compiled)
    return compiled


def _save_where_there_is_room(dispatcher: Any) -> None:
    """What is compiled can be used though a full disk, or a quota, does not let it be kept."""
    cache = getattr(dispatcher, "_cache", None)
    save = getattr(cache, "save_overload", None)
    if cache is None or save is None:
        return

    def save_if_possible(*arguments: Any) -> None:
        with suppress(OSError):
            save(*arguments)

    cache.save_overload = save_if_possible


def inner_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that kernels alone call, and that makes no arrays.

    Numba counts who uses an array, up and down at each call that is handed it: ten nanoseconds, which
    is as much as the work of a function that is called for every breath. What the caller holds anyway
    needs no count. A numba that does not know how to leave it out counts.
    """
    return kernel(function, _nrt=False) if hasattr(DefaultOptions, "_nrt") else kernel(function)


def is_compiled() -> bool:
    """Whether every kernel imported so far has been compiled into the cache before.

    Import `hsat.score` first, which imports them all.

    Returns
    -------
    bool
        False where the next call has to compile; True also where numba is switched off.
    """
    for dispatcher in _dispatchers:
        stats = getattr(dispatcher, "stats", None)
        if stats is None:
            continue
        folder = stats.cache_path
        function = dispatcher.py_func
        module = function.__module__.rpartition(".")[2]
        if folder is None or not any(Path(folder).glob(f"{module}.{function.__qualname__}-*.nbi")):
            return False
    return True
