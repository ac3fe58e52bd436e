"""Patients summed up by the workers that have scored their nights."""

from collections.abc import Sequence

from hsat.batch.executor import Executor, TaskFault
from hsat.batch.outcome import PatientNights, PatientRow, Task
from hsat.batch.patients import summarize_here
from hsat.batch.settings import BatchSettings

__all__ = ["summarize_with"]

PATIENTS_PER_TASK = 8
"""A patient takes some milliseconds: so many outweigh the way to a worker and back."""


def summarize_with(
    executor: Executor, settings: BatchSettings, patients: Sequence[PatientNights]
) -> list[PatientRow]:
    """Sum up patients.

    Parameters
    ----------
    executor : Executor
        Without any task in work.
    settings : BatchSettings
    patients : sequence of PatientNights

    Returns
    -------
    list of PatientRow
        One a patient, in their order; what a lost worker leaves is done here.

    Raises
    ------
    HsatError
        As a `BatchError`, where no worker can work.
    """
    parts = [patients[at : at + PATIENTS_PER_TASK] for at in range(0, len(patients), PATIENTS_PER_TASK)]
    found: dict[int, Sequence[PatientRow]] = {}
    number = 0
    while len(found) < len(parts):
        while number < len(parts) and executor.has_room:
            executor.submit(number, Task(files=(), settings=settings, patients=tuple(parts[number])))
            number += 1
        for done, result in executor.collect():
            rows = () if isinstance(result, TaskFault) else result.patients
            found[done] = rows or summarize_here(parts[done])
    return [row for at in range(len(parts)) for row in found[at]]
