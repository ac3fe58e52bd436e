"""Tasks in processes of this machine: a hang or a crash costs its own night, nothing else.

The workers are forked from a server that has loaded the scoring code once (where the system can
fork; elsewhere they load it themselves), so that a new one costs milliseconds.
"""

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any

from pebble import ProcessExpired, ProcessPool
from pebble.pool.process import PoolManager

from hsat.batch.executor import TaskFault
from hsat.batch.outcome import FailureKind, Task, TaskOutcome
from hsat.batch.starting import start_server, worker_context
from hsat.errors import BatchError

__all__ = ["ProcessExecutor", "available_processors"]

TASKS_BEFORE_RENEWAL = 500
"""A worker is replaced after so many tasks, so that no leak of a library grows with the batch."""
WAITING_PER_WORKER = 3
"""Tasks that wait in the pipe for each worker: it never runs dry, and memory stays flat."""
RENEWALS = 3
"""How often a pool that has lost all its workers is made anew while no task gets done."""
LOOKED_S = 1.0
"""How often tasks that nobody works on any more are looked for."""
GRACE_S = 60.0
STARTING_S = 10.0
"""Ctrl-C waits so long for workers that are being started, which takes a second or two."""
PRELOADED = "hsat.batch.warming"
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)
"""A worker has one processor: libraries that would start threads of their own must not."""


def available_processors() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def _run_task(task: Task) -> TaskOutcome:
    from hsat.batch.tasks import do_task

    return do_task(task)


def _start_worker() -> None:
    """In a new worker: load and warm what scores, and leave when the batch is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()
    import_module(PRELOADED)


def _leave_with(sentinel: int) -> None:
    """A killed batch cannot end its workers: each waits for the sign that it is gone."""
    wait([sentinel])
    os._exit(1)


class _Manager(PoolManager):
    """Hears out what a dead worker has said before it looks for the task that died with it.

    A worker says which task it takes, and one thread of the pool hears it; another sees that the worker
    has died. Where the second is quicker, nobody would know of a task in work: it would wait for its
    time limit, or, where no other worker is at work either, the pool would be given up with all tasks.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._dead: deque[tuple[int, int]] = deque()
        self._heard_out: deque[tuple[int, int]] = deque()

    def update_workers(self) -> None:
        while self._heard_out:
            super().handle_worker_expiration(self._heard_out.popleft())
        super().update_workers()  # type: ignore[no-untyped-call]

    def handle_worker_expiration(self, expiration: tuple[int, int]) -> None:
        self._dead.append(expiration)

    def process_next_message(self, timeout: float) -> None:
        n_dead, channel = len(self._dead), self.worker_manager.pool_channel
        with suppress(OSError):  # the pipe is closed: the last line tells the pool
            if n_dead and channel is not None and not channel.poll(0):
                self._heard_out.extend(self._dead.popleft() for _ in range(n_dead))
        super().process_next_message(timeout)


class _Pool(ProcessPool):
    """A pool with such a manager."""

    def __init__(self, *, context: BaseContext, **arguments: Any) -> None:
        super().__init__(context=context, **arguments)
        self._pool_manager = _Manager(self._context, context)


class ProcessExecutor:
    """A pool of processes.

    Parameters
    ----------
    n_workers : int
    night_timeout_s : float
        A task that takes longer is ended with its worker.
    """

    def __init__(self, n_workers: int, *, night_timeout_s: float) -> None:
        self.n_workers = n_workers
        self.night_timeout_s = night_timeout_s
        self._tasks: dict[int, tuple[Task, float]] = {}
        self._done: queue.SimpleQueue[tuple[int, Future[TaskOutcome]]] = queue.SimpleQueue()
        self._renewals_left = RENEWALS
        self._pool = self._new_pool()

    @property
    def n_running(self) -> int:
        """Tasks handed in and not yet given back."""
        return len(self._tasks)

    @property
    def has_room(self) -> bool:
        """Whether another task would keep a worker busy."""
        return len(self._tasks) < WAITING_PER_WORKER * self.n_workers

    def submit(self, number: int, task: Task) -> None:
        """Hand in a task under a number of its own."""
        self._tasks[number] = (task, time.monotonic())
        try:
            future: Any = self._pool.schedule(_run_task, args=[task], timeout=self.night_timeout_s)
        except (RuntimeError, OSError, EOFError):  # the pool has broken, or no process can be started
            future = Future()
            future.set_exception(BrokenProcessPool())
        future.add_done_callback(lambda done: self._done.put((number, done)))

    def collect(self) -> list[tuple[int, TaskOutcome | TaskFault]]:
        """Wait for one task at least, and give back what is done."""
        found: list[tuple[int, TaskOutcome | TaskFault]] = []
        while not found and self._tasks:
            try:
                number, future = self._done.get(timeout=LOOKED_S)
            except queue.Empty:
                found.extend(self._lost())
                continue
            found.extend(self._result(number, future))
            while not self._done.empty():
                found.extend(self._result(*self._done.get()))
        return found

    def stop(self) -> None:
        """End the workers; tasks that are not done are dropped."""
        _stop(self._pool)
        self._tasks.clear()

    def _result(
        self, number: int, future: Future[TaskOutcome]
    ) -> Iterator[tuple[int, TaskOutcome | TaskFault]]:
        if number not in self._tasks:  # given up before
            return
        task = self._tasks[number][0]
        result: TaskOutcome | TaskFault
        try:
            result = future.result()
            self._renewals_left = RENEWALS
        except TimeoutError:
            result = TaskFault(
                kind=FailureKind.HANGING,
                reason=f"did not end within {self.night_timeout_s:g} s and was stopped",
            )
        except ProcessExpired as error:
            result = TaskFault(kind=FailureKind.CRASHING, reason=_death_words(error.exitcode))
        except (BrokenProcessPool, CancelledError):
            self._renew()
            self.submit(number, task)
            return
        del self._tasks[number]
        yield number, result

    def _renew(self) -> None:
        """A new pool for one that has lost all its workers between two tasks."""
        with suppress(RuntimeError, OSError, EOFError):  # it looks by starting processes
            if self._pool.active:
                return
        if not self._renewals_left:
            raise BatchError(
                "no worker process can be started or stays alive; is there memory enough? "
                "Fewer --jobs may help"
            )
        self._renewals_left -= 1
        _stop(self._pool)
        self._pool = self._new_pool()

    def _lost(self) -> Iterator[tuple[int, TaskOutcome | TaskFault]]:
        """Tasks that nobody works on any more, as when a worker dies while it takes one."""
        longest_s = (WAITING_PER_WORKER + 1) * self.night_timeout_s + GRACE_S
        for number, (_, since) in list(self._tasks.items()):
            if time.monotonic() - since > longest_s:
                del self._tasks[number]
                yield number, TaskFault(kind=FailureKind.CRASHING, reason="was lost with its worker")

    def _new_pool(self) -> ProcessPool:
        context = worker_context()
        with _environment(ONE_THREAD):
            if context.get_start_method() == "forkserver":
                start_server([PRELOADED])
            pool = _Pool(
                max_workers=self.n_workers,
                max_tasks=TASKS_BEFORE_RENEWAL,
                initializer=_start_worker,
                context=context,
            )
            if context.get_start_method() == "spawn":  # children take the environment as it is now
                pool.schedule(os.getpid).result()
        _start(pool)
        return pool


def _start(pool: ProcessPool) -> None:
    """Start the workers in a thread: Ctrl-C in between would leave some that nobody knows and ends."""

    is_started = threading.Event()  # a thread whose join is interrupted counts as ended in Python 3.11

    def start() -> None:
        try:
            with suppress(RuntimeError, OSError, EOFError):  # whoever hands in the first task is told
                _ = pool.active  # it looks by starting processes
        finally:
            is_started.set()

    is_wanted = False
    try:
        threading.Thread(target=start, daemon=True).start()
        is_wanted = is_started.wait()
    finally:
        if not is_wanted:
            is_started.wait(STARTING_S)
            _stop(pool)


def _stop(pool: Any) -> None:
    pool.stop()
    pool.join()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment of processes started here; what the user has set himself counts."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _death_words(exit_code: int) -> str:
    if exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        memory = ", as for want of memory" if name == "SIGKILL" else ""
        return f"its worker process was killed ({name}{memory})"
    return f"its worker process ended (exit code {exit_code})"
