"""How worker processes are started: from a server that forks, and without the caller's program in them.

`multiprocessing` runs the caller's main program again in every process it starts, for functions that
are defined there. Workers here need none of it: without it a batch works from a script that has no
``if __name__ == "__main__":``, from a pipe, and from a notebook.
"""

import multiprocessing
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from types import ModuleType
from typing import Any

__all__ = ["worker_context"]

MAIN = "__main__"
_one_at_a_time = threading.Lock()


@contextmanager
def _without_main() -> Iterator[None]:
    with _one_at_a_time:
        main = sys.modules[MAIN]
        empty = ModuleType(MAIN)
        empty.__spec__ = None
        sys.modules[MAIN] = empty
        try:
            yield
        finally:
            sys.modules[MAIN] = main


def worker_context() -> BaseContext:
    """The way in which this system starts processes best, see `multiprocessing.get_context`.

    Returns
    -------
    BaseContext
        Forking from a server where there is one, else spawning; never forking from this process,
        which may have threads.
    """
    is_forking = "forkserver" in multiprocessing.get_all_start_methods()
    base: Any = multiprocessing.get_context("forkserver" if is_forking else "spawn")

    class Worker(base.Process):  # type: ignore[misc]
        """A process that does not know the caller's main program."""

        @staticmethod
        def _Popen(process: Any) -> Any:  # noqa: N802 - the name that multiprocessing asks for
            with _without_main():
                return base.Process._Popen(process)

        def __reduce__(self) -> Any:
            """Sent as the process it is: a class made in a function could not be found again."""
            return object.__new__, (base.Process,), self.__dict__

    class Context(type(base)):  # type: ignore[misc]
        """As the system's, for such workers."""

        Process = Worker

    return Context()
