"""Patients summed up by the workers that have scored their nights."""

from collections.abc import Iterator, Sequence

from hsat.batch.executor import Executor, TaskFault
from hsat.batch.outcome import PatientNights, PatientRow, Task
from hsat.batch.patients import summarize_here
from hsat.batch.settings import BatchSettings

__all__ = ["summarize_with"]

PATIENTS_PER_TASK = 4
"""A patient takes a millisecond, or twenty: more than the way to a worker and back; none waits for many."""


def summarize_with(
    executor: Executor, settings: BatchSettings, patients: Sequence[PatientNights]
) -> Iterator[tuple[int, PatientRow]]:
    """Sum up patients.

    Parameters
    ----------
    executor : Executor
        Without any task in work.
    settings : BatchSettings
    patients : sequence of PatientNights

    Yields
    ------
    (int, PatientRow)
        The place of each patient and its row, as they come; what a lost worker leaves is done here.

    Raises
    ------
    HsatError
        As a `BatchError`, where no worker can work or a page cannot be written.
    """
    starts = range(0, len(patients), PATIENTS_PER_TASK)
    number = n_done = 0
    while n_done < len(starts):
        while number < len(starts) and executor.has_room:
            part = patients[starts[number] : starts[number] + PATIENTS_PER_TASK]
            executor.submit(number, Task(files=(), settings=settings, patients=tuple(part)))
            number += 1
        for done, result in executor.collect():
            n_done += 1
            start = starts[done]
            if isinstance(result, TaskFault):
                own = summarize_here(patients[start : start + PATIENTS_PER_TASK], settings.pages)
                yield from ((start + place, row) for place, row in own)
            else:
                yield from enumerate(result.patients, start=start)
