"""What goes to the workers and what comes back: small, and ready for the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from hsat.batch.settings import BatchSettings
from hsat.nights.grouping import LeftOut
from hsat.patient import PatientGroup, ScoredNight
from hsat.results import NightResult

__all__ = [
    "Cell",
    "EventNights",
    "Failure",
    "FailureKind",
    "Page",
    "PatientNights",
    "PatientRow",
    "StoredNight",
    "Task",
    "TaskOutcome",
    "WaitingNight",
    "night_id_of",
]

ID_DIGITS = 16


class FailureKind(StrEnum):
    """Why a file or night gave no result."""

    FOLDER = "folder"
    READING = "reading"
    SCORING = "scoring"
    HANGING = "hanging"
    CRASHING = "crashing"


def night_id_of(files: tuple[str, ...], part: int) -> str:
    """Sixteen hexadecimal digits that name a night by its files, the same in every run.

    Parameters
    ----------
    files : tuple of str
        Paths in the order in which they were joined.
    part : int
        Which night of these files it is, from 1.

    Returns
    -------
    str
    """
    text = "\n".join((*files, f"#{part}"))
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:ID_DIGITS]


Cell = str | int | float | None
Cells = tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientNights:
    """A patient to sum up.

    Attributes
    ----------
    group : PatientGroup
    nights : tuple of ScoredNight
        In the order of the group's members.
    page : str or None
        What the names of the patient's pages begin with; None where none are written.
    links : tuple of (str or None)
        Name of the HTML page of each night, where there is one.
    """

    group: PatientGroup
    nights: tuple[ScoredNight, ...]
    page: str | None = None
    links: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRow:
    """A patient summed up.

    Attributes
    ----------
    cells : mapping of str to cell
        Columns of the table ``patients``, but for its keys.
    excluded : tuple of (str or None)
        For each night why it is no part of the summary; None where it is.
    page : str or None
        What the names of the patient's pages begin with; None where there are none.
    pages : tuple of Page
        Those that the worker could not write itself.
    """

    cells: Mapping[str, Cell]
    excluded: tuple[str | None, ...]
    page: str | None = None
    pages: "tuple[Page, ...]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNights:
    """Nights whose lines of ``events.csv`` are to be made.

    Attributes
    ----------
    ledger : str
        Absolute path of the ledger's file.
    place : tuple of int or None
        Its device and number: another file of this name is not the ledger.
    night_ids : tuple of str
        In the order of the lines.
    """

    ledger: str
    place: tuple[int, int] | None
    night_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One piece of work.

    Attributes
    ----------
    files : tuple of str
        Files to open, all of one folder; of a single file its patient's other files may follow later.
    settings : BatchSettings
    alike_key : str or None
        What a single file has in common with others of its folder that may be copies of it, broken off.
    is_whole : bool
        Whether `files` are all there is to join: a single file that may belong to others is handed
        back without being scored where it is False.
    is_named : bool
        Whether the user named the file itself: what is left out of a folder is a failure then.
    known_sha256 : mapping of str to str
        Content of the files when they were scored last: where nothing has changed, nothing is done.
    waiting : WaitingNight or None
        A night that has been opened before, in the place of files to open.
    patients : tuple of PatientNights
        Patients to sum up, in the place of files.
    events_of : EventNights or None
        Lines to make, in the place of files.
    """

    files: tuple[str, ...]
    settings: BatchSettings = field(repr=False)
    alike_key: str | None = None
    is_whole: bool = False
    is_named: bool = False
    known_sha256: Mapping[str, str] = field(default_factory=dict)
    waiting: "WaitingNight | None" = None
    patients: tuple[PatientNights, ...] = ()
    events_of: EventNights | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingNight:
    """One of several nights that a task has found: a task of its own. `recording` is a pickle."""

    files: tuple[str, ...]
    part: int
    recording: bytes = field(repr=False)

    @property
    def night_id(self) -> str:
        """See `night_id_of`."""
        return night_id_of(self.files, self.part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A report as a file: its form (``"html"``, ``"txt"``, ``"json"``, ``"pdf"``), and its bytes."""

    form: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNight:
    """A scored night as the ledger keeps it.

    Attributes
    ----------
    files : tuple of str
    part : int
    cells : mapping of str to cell
        Columns of the table ``nights``.
    alternatives, events, desaturations : tuple of tuple
        Rows of these tables, without the night's id.
    sha256 : mapping of str to str
        Content of each file.
    page : str or None
        What the names of the night's pages begin with; None where there are none.
    patient_page : str or None
        What the names of its patient's pages begin with, which the night's page leads to; None as `page`.
    pages : tuple of Page
        Those that the worker could not write itself.
    result : NightResult or None
        Where the caller wants it.
    """

    files: tuple[str, ...]
    part: int
    cells: Mapping[str, Cell]
    alternatives: tuple[Cells, ...]
    events: tuple[Cells, ...]
    desaturations: tuple[Cells, ...]
    sha256: Mapping[str, str]
    page: str | None = None
    patient_page: str | None = None
    pages: tuple[Page, ...] = ()
    result: NightResult | None = None

    @property
    def night_id(self) -> str:
        """See `night_id_of`."""
        return night_id_of(self.files, self.part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Files, or a night of them, that gave no result, and the reason in one line."""

    files: tuple[str, ...]
    kind: FailureKind
    error: str
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutcome:
    """What has come of a task.

    Attributes
    ----------
    group_key : str or None
        Of a single file that is not to be scored alone: what it has in common with those that it
        may belong to.
    is_unchanged : bool
        Whether the files hold what they held when they were scored last.
    nights : tuple of StoredNight
    waiting : tuple of WaitingNight
        Nights of files that hold several: none of them is scored yet.
    left_out : tuple of LeftOut
    failures : tuple of Failure
    patients : tuple of PatientRow
        As many as the task has patients.
    event_lines : bytes or None
        None where the worker cannot read the ledger.
    """

    group_key: str | None = None
    is_unchanged: bool = False
    nights: tuple[StoredNight, ...] = ()
    waiting: tuple[WaitingNight, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    failures: tuple[Failure, ...] = ()
    patients: tuple[PatientRow, ...] = ()
    event_lines: bytes | None = field(default=None, repr=False)
