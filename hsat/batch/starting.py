"""How worker processes are started: from a server that forks, and without the caller's program in them.

`multiprocessing` runs the caller's main program again in every process it starts, for functions that
are defined there. Workers here need none of it: without it a batch works from a script that has no
``if __name__ == "__main__":``, from a pipe, and from a notebook.

Ctrl-C is for the batch alone, which ends its workers: the terminal sends it to all processes, and whoever
is still loading Python's modules would end with a traceback.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from types import ModuleType
from typing import Any

__all__ = ["deaf_to_ctrl_c", "start_server", "worker_context"]

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
            return _received, (base.Process, bytes(ForkingPickler.dumps(self.__dict__)))

    class Context(type(base)):  # type: ignore[misc]
        """As the system's, for such workers."""

        Process = Worker

    return Context()


def _received(kind: type[BaseProcess], content: bytes) -> BaseProcess:
    """In a new worker: the process that it is; it leaves without a word where it is not wanted any more.

    A pool drops its locks before it ends its workers, and the system forgets a lock that nobody owns: who
    is about to take it over would end with a traceback.
    """
    process = object.__new__(kind)
    try:
        process.__dict__.update(pickle.loads(content))
    except FileNotFoundError:  # the locks of the pool have gone
        os._exit(1)
    return process


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Keep Ctrl-C back for the while, for good from processes and threads that are started meanwhile."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # whoever starts it with the first process lets signals in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield  # new processes and threads begin with the mask of who starts them
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_server(modules: Sequence[str]) -> None:
    """Start the server that forks workers, deaf to Ctrl-C from its first moment on.

    Parameters
    ----------
    modules : sequence of str
        What it loads before the first fork.
    """
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload(list(modules))
    with deaf_to_ctrl_c():
        forkserver.ensure_running()
