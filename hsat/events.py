"""Respiratory events and desaturations, and their tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "EVENT_COLUMNS",
    "Desaturation",
    "EventKind",
    "RejectedCandidate",
    "RespiratoryEvent",
    "event_rows",
]


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
        return self.value.endswith("_apnea")


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
        Half-open span, seconds from the start of the recording.
    flow_reduction_fraction : float
        1 minus the mean breath excursion within the event over the pre-event baseline, 0 to 1.
    baseline_excursion : float
        The pre-event baseline excursion, in the unit of the flow signal as recorded.
    effort_fraction : float or None
        Mean respiratory effort within the event over what is usual in the 5 min around; None
        without an effort belt that shows breathing.
    desaturation : Desaturation or None
        The fall of SpO2 that belongs to the event, if there is one.
    criterion : str
        The rule clause that admitted the event, as ``"table.key ..."`` in plain words.
    is_counted : bool
        False where the event lies outside monitored time: listed, but in no index.
    sensor : str or None
        Canonical name of the airflow sensor that the event was judged on; None where nobody says.
    """

    kind: EventKind
    start_s: float
    stop_s: float
    flow_reduction_fraction: float
    baseline_excursion: float
    effort_fraction: float | None
    desaturation: Desaturation | None
    criterion: str
    is_counted: bool = True
    sensor: str | None = None

    @property
    def duration_s(self) -> float:
        """Length of the event in seconds."""
        return self.stop_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedCandidate:
    """A stretch of reduced breathing that no rule admitted, with the clause that refused it.

    Attributes
    ----------
    start_s, stop_s : float
        Half-open span, seconds from the start of the recording.
    flow_reduction_fraction : float
        As for `RespiratoryEvent`.
    desaturation : Desaturation or None
        The deepest fall of SpO2 that could belong to it.
    reason : str
        The clause that refused the candidate, with the measured and the required value.
    sensor : str or None
        As for `RespiratoryEvent`.
    """

    start_s: float
    stop_s: float
    flow_reduction_fraction: float
    desaturation: Desaturation | None
    reason: str
    sensor: str | None = None

    @property
    def duration_s(self) -> float:
        """Length of the candidate in seconds."""
        return self.stop_s - self.start_s


EVENT_COLUMNS: tuple[str, ...] = (
    "kind",
    "start_s",
    "stop_s",
    "duration_s",
    "flow_reduction_fraction",
    "effort_fraction",
    "criterion",
    "is_counted",
    "sensor",
    "desaturation_start_s",
    "desaturation_nadir_s",
    "desaturation_stop_s",
    "desaturation_baseline_percent",
    "desaturation_nadir_percent",
)
"""Columns of the event table, in order."""


def event_rows(events: Iterable[RespiratoryEvent]) -> Sequence[dict[str, object]]:
    """Flatten events into rows with `EVENT_COLUMNS` as keys, None where there is no value."""
    rows: list[dict[str, object]] = []
    for event in events:
        fall = event.desaturation
        rows.append(
            {
                "kind": event.kind.value,
                "start_s": event.start_s,
                "stop_s": event.stop_s,
                "duration_s": event.duration_s,
                "flow_reduction_fraction": event.flow_reduction_fraction,
                "effort_fraction": event.effort_fraction,
                "criterion": event.criterion,
                "is_counted": event.is_counted,
                "sensor": event.sensor,
                "desaturation_start_s": fall.start_s if fall else None,
                "desaturation_nadir_s": fall.nadir_s if fall else None,
                "desaturation_stop_s": fall.stop_s if fall else None,
                "desaturation_baseline_percent": fall.baseline_percent if fall else None,
                "desaturation_nadir_percent": fall.nadir_percent if fall else None,
            }
        )
    return rows
