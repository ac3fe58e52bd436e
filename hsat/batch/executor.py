"""What the runner asks of whoever does the tasks, be it processes here or a cluster."""

from dataclasses import dataclass
from typing import Protocol

from hsat.batch.outcome import FailureKind, Task, TaskOutcome

__all__ = ["Executor", "TaskFault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFault:
    """A task that no worker has finished: it hung, or took its worker with it."""

    kind: FailureKind
    reason: str


class Executor(Protocol):
    """Does tasks; each comes back once, under the number that it was given."""

    @property
    def n_running(self) -> int:
        """Tasks handed in and not yet given back."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether another task would keep a worker busy; the rest waits with the caller."""
        ...

    def submit(self, number: int, task: Task) -> None:
        """Hand in a task."""
        ...

    def collect(self) -> list[tuple[int, TaskOutcome | TaskFault]]:
        """Wait for one task at least, and give back what is done.

        Raises
        ------
        HsatError
            As a `BatchError`, where nothing can be done at all.
        """
        ...

    def stop(self) -> None:
        """End the workers; tasks that are not done are dropped."""
        ...
