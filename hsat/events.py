"""Respiratory events and desaturations, and their tables."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "EVENT_COLUMNS",
    "REMOVED",
    "UNTYPED_KINDS",
    "Desaturation",
    "EventKind",
    "EventOrigin",
    "PeriodicRun",
    "RejectedCandidate",
    "RespiratoryEvent",
    "event_cells",
    "event_rows",
    "from_columns",
]


Made = TypeVar("Made", bound="DataclassInstance")

REMOVED = "removed by the scorer"
"""How the reason of an automatic event begins that a person took out."""


class EventKind(StrEnum):
    """What an event is. ``unclassified_apnea``: no effort belt could tell its type."""

    OBSTRUCTIVE_APNEA = "obstructive_apnea"
    CENTRAL_APNEA = "central_apnea"
    MIXED_APNEA = "mixed_apnea"
    UNCLASSIFIED_APNEA = "unclassified_apnea"
    HYPOPNEA = "hypopnea"
    OBSTRUCTIVE_HYPOPNEA = "obstructive_hypopnea"
    CENTRAL_HYPOPNEA = "central_hypopnea"

    @property
    def is_apnea(self) -> bool:
        """Whether the kind is one of the four apnea kinds."""
        return self.endswith("_apnea")


UNTYPED_KINDS = frozenset({EventKind.UNCLASSIFIED_APNEA, EventKind.HYPOPNEA})
"""Kinds of events of which nobody says whether they are obstructive or central."""


class EventOrigin(StrEnum):
    """Who found an event: the program, the program with a person's changes, or a person alone."""

    AUTOMATIC = "automatic"
    EDITED = "edited"
    ADDED = "added"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desaturation:
    """A fall of oxygen saturation.

    Attributes
    ----------
    start_s, nadir_s, stop_s : float
        Last time at the baseline, time of the lowest value, time of recovery; seconds from
        the start of the recording.
    baseline_percent, nadir_percent : float
        SpO2 before the fall and at its lowest, percent.
    """

    start_s: float
    nadir_s: float
    stop_s: float
    baseline_percent: float
    nadir_percent: float

    @property
    def drop_points(self) -> float:
        """Baseline minus nadir, SpO2 points."""
        return self.baseline_percent - self.nadir_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class RespiratoryEvent:
    """An apnea or hypopnea that a rule admitted.

    Attributes
    ----------
    kind : EventKind
        Type of the event.
    start_s, stop_s : float
        Half-open span, seconds from the start of the recording: from the nadir of flow to the first
        recovered breath, as ``[event_span]`` has it.
    flow_reduction_fraction : float or None
        1 minus what is left over the pre-event baseline, 0 to 1: the mean breath excursion within the
        event or, of an apnea, the mean range of flow within its pause.
        None where a person scored what flow does not show.
    baseline_excursion : float or None
        The pre-event baseline excursion, in the unit of the flow signal as recorded; None likewise.
    effort_fraction : float or None
        Mean respiratory effort within the event over what is usual around it (``[effort]``); None
        without an effort belt that shows breathing.
    desaturation : Desaturation or None
        The fall of SpO2 that belongs to the event, if there is one.
    criterion : str
        The rule clause that admitted the event, as ``"table.key ..."`` in plain words, or that a
        person scored it.
    is_counted : bool
        False where the event lies outside monitored time: listed, but in no index.
    origin : EventOrigin
        ``edited`` and ``added`` in a night that was computed from a person's event list.
    confidence_fraction : float or None
        Rank of the event by its distance from the limits that decided: 0.5 at a limit, towards 1
        far inside. Not a probability. None where no limits decided.
    obstructive_signs : tuple of str or None
        Of a hypopnea that was typed: which of ``"snoring"``, ``"flattening"`` and ``"paradox"``
        showed. None where it was not typed.
    sensor : str or None
        Canonical name of the airflow sensor that the event was judged on; None where nobody says.
    """

    kind: EventKind
    start_s: float
    stop_s: float
    flow_reduction_fraction: float | None
    baseline_excursion: float | None
    effort_fraction: float | None
    desaturation: Desaturation | None
    criterion: str
    is_counted: bool = True
    origin: EventOrigin = EventOrigin.AUTOMATIC
    confidence_fraction: float | None = None
    obstructive_signs: tuple[str, ...] | None = None
    sensor: str | None = None

    @property
    def duration_s(self) -> float:
        """Length of the event in seconds."""
        return self.stop_s - self.start_s

    @property
    def desaturation_delay_s(self) -> float | None:
        """From the event's end to the nadir of its desaturation; None without one."""
        return None if self.desaturation is None else self.desaturation.nadir_s - self.stop_s


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedCandidate:
    """A stretch of reduced breathing that no rule admitted, with the clause that refused it.

    Attributes
    ----------
    start_s, stop_s : float
        Half-open span, seconds from the start of the recording.
    flow_reduction_fraction : float or None
        As for `RespiratoryEvent`.
    desaturation : Desaturation or None
        The deepest fall of SpO2 that could belong to it.
    reason : str
        The clause that refused the candidate, with the measured and the required value.
    baseline_excursion : float or None
        As for `RespiratoryEvent`.
    confidence_fraction : float or None
        As for `RespiratoryEvent`, below 0.5: the nearer to 0.5, the nearer to being an event.
    sensor : str or None
        As for `RespiratoryEvent`.
    """

    start_s: float
    stop_s: float
    flow_reduction_fraction: float | None
    desaturation: Desaturation | None
    reason: str
    baseline_excursion: float | None = None
    confidence_fraction: float | None = None
    sensor: str | None = None

    @property
    def duration_s(self) -> float:
        """Length of the candidate in seconds."""
        return self.stop_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicRun:
    """A run of events at even cycles, with breathing that waxes and wanes between them.

    Attributes
    ----------
    start_s, stop_s : float
        From the start of the first event to the stop of the last; seconds from the start of the
        recording.
    n_cycles : int
        Cycles from event to event: one less than events.
    cycle_length_s : float
        Mean time from the start of an event to the start of the next.
    n_events, n_central_events : int
        Events of the run, and those known to be central.
    is_cheyne_stokes : bool
        Whether enough events are known to be central. Else the run shows a pattern, and the type of
        its events is unknown.
    """

    start_s: float
    stop_s: float
    n_cycles: int
    cycle_length_s: float
    n_events: int
    n_central_events: int
    is_cheyne_stokes: bool

    @property
    def duration_s(self) -> float:
        """Length of the run in seconds."""
        return self.stop_s - self.start_s


EVENT_COLUMNS: tuple[str, ...] = (
    "kind",
    "start_s",
    "stop_s",
    "duration_s",
    "flow_reduction_fraction",
    "baseline_excursion",
    "effort_fraction",
    "criterion",
    "is_counted",
    "origin",
    "confidence_fraction",
    "obstructive_signs",
    "sensor",
    "desaturation_start_s",
    "desaturation_nadir_s",
    "desaturation_stop_s",
    "desaturation_baseline_percent",
    "desaturation_nadir_percent",
    "desaturation_drop_points",
    "desaturation_delay_s",
)
"""Columns of the event table, in order."""


def from_columns(row_type: type[Made], /, **columns: Sequence[object]) -> list[Made]:
    """Make many instances of a frozen dataclass, three times as fast as one by one.

    Its ``__init__`` looks up how to set a frozen field, each time; here once for a whole column.

    Parameters
    ----------
    row_type : type
        A frozen dataclass with slots that checks nothing at its making.
    **columns : sequence, length n
        The values of every field.

    Returns
    -------
    list of `row_type`, length n

    Raises
    ------
    TypeError
        Where a field has no column, or columns differ in length.
    """
    lengths = {len(values) for values in columns.values()}
    if columns.keys() != {field.name for field in fields(row_type)} or len(lengths) != 1:
        raise TypeError(f"{row_type.__name__} needs a column for each field, all of one length")
    made = [object.__new__(row_type) for _ in range(lengths.pop())]
    for name, values in columns.items():
        deque(map(getattr(row_type, name).__set__, made, values), maxlen=0)
    return made


def event_rows(events: Iterable[RespiratoryEvent]) -> Sequence[dict[str, object]]:
    """Flatten events into rows with `EVENT_COLUMNS` as keys, None where there is no value."""
    return [dict(zip(EVENT_COLUMNS, event_cells(event), strict=True)) for event in events]


def event_cells(event: RespiratoryEvent) -> tuple[float | str | None, ...]:
    """The values of an event in the order of `EVENT_COLUMNS`, None where there is none."""
    fall = event.desaturation
    return (
        event.kind.value,
        event.start_s,
        event.stop_s,
        event.duration_s,
        event.flow_reduction_fraction,
        event.baseline_excursion,
        event.effort_fraction,
        event.criterion,
        event.is_counted,
        event.origin.value,
        event.confidence_fraction,
        _signs_text(event),
        event.sensor,
        *((None,) * 7 if fall is None else _fall_cells(event, fall)),
    )


def _fall_cells(event: RespiratoryEvent, fall: Desaturation) -> tuple[float, ...]:
    """The values of an event's fall of SpO2, likewise."""
    return (
        fall.start_s,
        fall.nadir_s,
        fall.stop_s,
        fall.baseline_percent,
        fall.nadir_percent,
        fall.drop_points,
        fall.nadir_s - event.stop_s,
    )


def _signs_text(event: RespiratoryEvent) -> str | None:
    """The signs of an obstruction in one cell: ``"none"`` where it was typed and none showed."""
    return None if event.obstructive_signs is None else "; ".join(event.obstructive_signs) or "none"
