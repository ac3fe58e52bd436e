"""Tasks on a Dask cluster: the same tasks, one process that keeps the ledger, lost workers made good.

A worker that is lost gives its task to another one; a task that loses several workers one after
the other (Dask's ``allowed-failures``, 3 by default) has killed them itself and fails alone.
"""

import queue
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from hsat.batch.executor import TaskFault
from hsat.batch.outcome import FailureKind, Task, TaskOutcome
from hsat.errors import BatchError

__all__ = ["ClusterExecutor"]

LOCAL = "local"
WAITING_PER_WORKER = 3
CONNECTING_S = 10.0
RESTARTING_S = 20.0
"""How long a worker that is ended may take to come back; the others go on without it."""
LOOKED_S = 1.0
"""How often tasks that take too long are looked for."""


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
        try:
            dask: Any = import_module("distributed")
        except ImportError as error:
            raise BatchError("--scheduler: needs Dask distributed: install hsat[cluster]") from error
        self.night_timeout_s = night_timeout_s
        self._cluster: Any = None
        try:
            if address == LOCAL:
                self._cluster = dask.LocalCluster(
                    n_workers=n_workers, threads_per_worker=1, processes=True, dashboard_address=None
                )
            else:
                _check_address(address)
            self._client: Any = dask.Client(
                address if self._cluster is None else self._cluster,
                timeout=CONNECTING_S,
                set_as_default=False,
            )
        except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without certificates
            raise BatchError(f"--scheduler {address}: no answer: {error}") from error
        self._tasks: dict[int, Any] = {}
        self._since_s: dict[str, float] = {}
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()

    @property
    def n_running(self) -> int:
        """Tasks handed in and not yet given back."""
        return len(self._tasks)

    @property
    def has_room(self) -> bool:
        """Whether another task would keep a worker busy."""
        return len(self._tasks) < WAITING_PER_WORKER * max(self._n_threads(), 1)

    def submit(self, number: int, task: Task) -> None:
        """Hand in a task under a number of its own."""
        future = self._client.submit(_run_task, task, pure=False, retries=0)
        self._tasks[number] = future
        future.add_done_callback(lambda _: self._done.put(number))

    def collect(self) -> list[tuple[int, TaskOutcome | TaskFault]]:
        """Wait for one task at least, and give back what is done."""
        found: list[tuple[int, TaskOutcome | TaskFault]] = []
        while not found and self._tasks:
            try:
                found.extend(self._result(self._done.get(timeout=LOOKED_S)))
            except queue.Empty:
                found.extend(self._overdue())
                continue
            while not self._done.empty():
                found.extend(self._result(self._done.get()))
        return found

    def stop(self) -> None:
        """Leave the cluster; end it where it is ours."""
        for future in self._tasks.values():
            future.cancel()
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _n_threads(self) -> int:
        return sum(self._client.nthreads().values())

    def _result(self, number: int) -> Iterator[tuple[int, TaskOutcome | TaskFault]]:
        from distributed import KilledWorker

        future = self._tasks.pop(number, None)
        if future is None:  # given up before
            return
        self._since_s.pop(future.key, None)
        try:
            yield number, future.result()
        except KilledWorker:
            reason = "every worker that tried it was lost"
            yield number, TaskFault(kind=FailureKind.CRASHING, reason=reason)

    def _overdue(self) -> Iterator[tuple[int, TaskOutcome | TaskFault]]:
        """Tasks that have been worked on for too long: their workers are started anew."""
        now_s = time.monotonic()
        at_work = {key: worker for worker, keys in self._client.processing().items() for key in keys[:1]}
        self._since_s = {key: self._since_s.get(key, now_s) for key in at_work}
        for number, future in list(self._tasks.items()):
            if now_s - self._since_s.get(future.key, now_s) <= self.night_timeout_s:
                continue
            del self._tasks[number]
            future.cancel()
            self._client.restart_workers([at_work[future.key]], timeout=RESTARTING_S, raise_for_error=False)
            reason = f"did not end within {self.night_timeout_s:g} s and was stopped"
            yield number, TaskFault(kind=FailureKind.HANGING, reason=reason)


def _check_address(address: str) -> None:
    """Refuse what no client could connect to; a client that has tried would take a minute to end."""
    import_module("distributed.comm").resolve_address(address)
