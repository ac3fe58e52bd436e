"""The one line that is said when kernels have to be compiled."""

from functools import cache
from importlib import import_module

from hsat.cli.faults import complain

__all__ = ["announce_compilation"]


@cache
def announce_compilation() -> None:
    """Say that the first use compiles the kernels, where it does; once in a process."""
    from hsat.kernels import is_compiled

    import_module("hsat.score")  # and with it every kernel there is
    if not is_compiled():
        complain("first use: compiling the scoring kernels once, some seconds")
