"""Tasks on a Dask cluster: the same tasks, one process that keeps the ledger, lost workers made good.

Dask gives the tasks of a lost worker to others. A task that loses several workers one after the
other (Dask's ``allowed-failures``, 3 by default) it gives up, and with it those that were unlucky enough to
wait on the same workers each time. So whatever it gives up is tried once more when nothing else is at
work: only a night that loses its worker alone has lost it. Nights that wait behind one that hangs
are treated alike.
"""

import logging
import queue
import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from hsat.batch.executor import TaskFault
from hsat.batch.outcome import FailureKind, Task, TaskOutcome
from hsat.batch.starting import deaf_to_ctrl_c
from hsat.errors import BatchError

__all__ = ["ClusterExecutor", "check_scheduler"]

LOCAL = "local"
NEEDS_DASK = "--scheduler: needs Dask distributed: install hsat[cluster]"
PLACE = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s/:\[\]@]+):[0-9]{1,5}/?")
"""Host or address, and port."""
SOCKETS = frozenset({"tcp", "tls", "ucx", "ws", "wss"})
"""Protocols of Dask whose addresses are places; of others Dask itself has to say what it knows."""
WAITING_PER_WORKER = 3
CONNECTING_S = 10.0
RESTARTING_S = 20.0
"""How long a worker that is ended may take to come back; the others go on without it."""
LOOKED_S = 1.0
"""How often tasks that take too long are looked for."""


def check_scheduler(address: str) -> None:
    """Refuse what is no address, without loading Dask: a batch with nothing to do never asks the scheduler.

    Parameters
    ----------
    address : str

    Raises
    ------
    HsatError
        As a `BatchError`, where Dask is missing, or the address has no host or port.
    """
    if find_spec("distributed") is None:
        raise BatchError(NEEDS_DASK)
    protocol, _, place = address.rpartition("://")
    if address == LOCAL or (protocol and protocol not in SOCKETS):
        return
    if PLACE.fullmatch(place) is None:
        raise BatchError(
            f"--scheduler: expected an address such as tcp://host:8786, or {LOCAL}, got {address!r}"
        )


class _Look(NamedTuple):
    """The tasks that a worker holds, one of them at work, and since when it has finished none."""

    keys: frozenset[str]
    since_s: float


def _run_task(task: Task) -> TaskOutcome:
    from hsat.batch.tasks import do_task

    return do_task(task)


class ClusterExecutor:
    """A Dask cluster.

    Parameters
    ----------
    address : str
        Of a scheduler (``tcp://host:8786``), or ``"local"``: a cluster of its own on this machine.
    n_workers : int
        Of a local cluster.
    night_timeout_s : float
        A task that is worked on for longer is ended with its worker, where the worker has a nanny.

    Raises
    ------
    HsatError
        As a `BatchError`, where Dask is missing or the scheduler does not answer.
    """

    def __init__(self, address: str, n_workers: int, *, night_timeout_s: float) -> None:
        self.night_timeout_s = night_timeout_s
        self._client, self._cluster = _connect(address, n_workers)
        self._tasks: dict[int, Task] = {}
        self._futures: dict[int, Any] = {}
        self._suspects: deque[int] = deque()
        self._alone: int | None = None
        self._stuck: set[str] = set()
        self._looks: dict[str, _Look] = {}
        self._looked_s = time.monotonic()
        self._room = WAITING_PER_WORKER * self._n_threads()
        self._done: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()

    @property
    def n_running(self) -> int:
        """Tasks handed in and not yet given back."""
        return len(self._tasks)

    @property
    def has_room(self) -> bool:
        """Whether another task would keep a worker busy; beside one that is tried alone there is none."""
        return self._alone is None and len(self._futures) < self._room

    def submit(self, number: int, task: Task) -> None:
        """Hand in a task under a number of its own."""
        self._tasks[number] = task
        self._send(number)

    def collect(self) -> list[tuple[int, TaskOutcome | TaskFault]]:
        """Wait for one task at least, and give back what is done."""
        found: list[tuple[int, TaskOutcome | TaskFault]] = []
        while not found and self._tasks:
            if not self._futures:
                self._alone = self._suspects.popleft()
                self._send(self._alone)
            with suppress(queue.Empty):
                found.extend(self._result(*self._done.get(timeout=LOOKED_S)))
            while not self._done.empty():
                found.extend(self._result(*self._done.get()))
            if time.monotonic() - self._looked_s >= LOOKED_S:
                self._looked_s = time.monotonic()
                self._room = WAITING_PER_WORKER * self._n_threads()
                found.extend(self._overdue())
        return found

    def stop(self) -> None:
        """Leave the cluster; end it where it is ours."""
        for future in self._futures.values():
            future.cancel()
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _n_threads(self) -> int:
        """Tasks that are worked on at a time; one at least: workers may still be on their way."""
        threads: dict[str, int] = self._client.nthreads()
        return max(sum(n for worker, n in threads.items() if worker not in self._stuck), 1)

    def _send(self, number: int) -> None:
        workers = None
        if self._stuck:
            workers = [worker for worker in self._client.nthreads() if worker not in self._stuck]
            if not workers:
                raise BatchError("--scheduler: every worker hangs, and none has a nanny that starts it anew")
        future = self._client.submit(_run_task, self._tasks[number], pure=False, retries=0, workers=workers)
        self._futures[number] = future
        future.add_done_callback(lambda _: self._done.put((number, future)))

    def _result(self, number: int, future: Any) -> Iterator[tuple[int, TaskOutcome | TaskFault]]:
        from distributed import KilledWorker

        if number not in self._futures or self._futures[number] is not future:  # given up before
            return
        try:
            outcome: TaskOutcome | TaskFault = future.result()
        except KilledWorker:
            reason = "every worker that tried it was lost, also while it was the only task"
            outcome = TaskFault(kind=FailureKind.CRASHING, reason=reason)
            if self._alone != number:
                self._suspect(number)
                return
        yield self._end(number, outcome)

    def _end(self, number: int, outcome: TaskOutcome | TaskFault) -> tuple[int, TaskOutcome | TaskFault]:
        del self._tasks[number], self._futures[number]
        if self._alone == number:
            self._alone = None
        return number, outcome

    def _suspect(self, number: int) -> None:
        """Try a task once more, later, when nothing else is at work."""
        del self._futures[number]
        self._suspects.append(number)

    def _overdue(self) -> Iterator[tuple[int, TaskOutcome | TaskFault]]:
        """Tasks of workers that have finished nothing for too long; these workers are started anew.

        The scheduler does not tell which of a worker's tasks is at work, so that the only one alone is
        known to hang.
        """
        now_s = time.monotonic()
        numbers = {future.key: number for number, future in self._futures.items()}
        looks: dict[str, _Look] = {}
        for worker, held in self._client.processing().items():
            keys, before = frozenset(held), self._looks.get(worker)
            is_going_on = before is None or not before.keys <= keys or not before.keys
            looks[worker] = _Look(keys, now_s if before is None or is_going_on else before.since_s)
        self._looks = looks
        for worker, look in list(looks.items()):
            own = sorted(numbers[key] for key in look.keys if key in numbers)
            if now_s - look.since_s <= self.night_timeout_s or not own:
                continue
            del self._looks[worker]
            futures = {number: self._futures[number] for number in own}
            for number in own:
                if len(look.keys) == 1 or number == self._alone:
                    reason = f"did not end within {self.night_timeout_s:g} s and was stopped"
                    yield self._end(number, TaskFault(kind=FailureKind.HANGING, reason=reason))
                else:
                    self._suspect(number)
            for future in futures.values():
                future.cancel()
            self._start_anew(worker)

    def _start_anew(self, worker: str) -> None:
        try:
            self._client.restart_workers([worker], timeout=RESTARTING_S, raise_for_error=False)
        except ValueError:  # it has no nanny: it hangs for good, and gets no task any more
            self._stuck.add(worker)


def _connect(address: str, n_workers: int) -> tuple[Any, Any]:
    """A client of the scheduler, and the cluster where it is ours."""
    try:
        dask: Any = import_module("distributed")
    except ImportError as error:
        raise BatchError(NEEDS_DASK) from error
    cluster, is_connected = None, False
    try:
        if address == LOCAL:
            with deaf_to_ctrl_c():  # the terminal sends it to the workers too, which would all tell of it
                cluster = dask.LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    silence_logs=logging.ERROR,  # what is lost stands in failures.csv
                )
        else:
            _check_address(address)
        client = dask.Client(
            address if cluster is None else cluster, timeout=CONNECTING_S, set_as_default=False
        )
        is_connected = True
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without certificates
        raise BatchError(f"--scheduler {address}: no answer: {error}") from error
    finally:
        if cluster is not None and not is_connected:
            cluster.close()
    return client, cluster


def _check_address(address: str) -> None:
    """Refuse what no client could connect to; a client that has tried would take a minute to end."""
    import_module("distributed.comm").resolve_address(address)
