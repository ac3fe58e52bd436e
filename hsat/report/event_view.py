"""Events, refused candidates and desaturations, each with its evidence in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from hsat.events import Desaturation, RejectedCandidate, RespiratoryEvent
from hsat.report.clock import clock_text
from hsat.report.limits import limits_of
from hsat.report.plain import printable
from hsat.report.rows import rounded
from hsat.report.sections import Row
from hsat.results import NightResult

__all__ = [
    "CANDIDATE",
    "DESATURATION",
    "KIND_WORDS",
    "EventLine",
    "describe_candidate",
    "describe_event",
    "event_lines",
]

CANDIDATE = "candidate"
DESATURATION = "desaturation"

KIND_WORDS = {
    "obstructive_apnea": "obstructive apnea",
    "central_apnea": "central apnea",
    "mixed_apnea": "mixed apnea",
    "unclassified_apnea": "apnea, unclassified",
    "hypopnea": "hypopnea",
    "obstructive_hypopnea": "obstructive hypopnea",
    "central_hypopnea": "central hypopnea",
    CANDIDATE: "not an event",
    DESATURATION: "desaturation",
}
NOT_MEASURED = "-"
NOT_COUNTED = "lies outside the monitored time, or is not counted by the list: in no index"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One line of the table of events; every text is ready to print.

    Attributes
    ----------
    kind : str
        Value of `hsat.events.EventKind`, `CANDIDATE` or `DESATURATION`.
    start_s, stop_s : float
        Seconds from the start of the recording, unrounded.
    words, clock, duration, reduction, drop, nadir, rank, verdict : str
        Cells: what it is, when, how long, how far airflow fell, how far SpO2 fell and to what, how far it
        lies from the limits, and the clause that admitted or refused it.
    reduction_fraction, drop_points, nadir_percent, confidence_fraction : float or None
        The same unrounded.
    is_counted : bool
    sensor : str or None
    baseline_excursion : float or None
    desaturation : Desaturation or None
    evidence : tuple of Row
        Everything that is known of it.
    """

    kind: str
    start_s: float
    stop_s: float
    words: str
    clock: str
    duration: str
    reduction: str
    drop: str
    nadir: str
    rank: str
    verdict: str
    reduction_fraction: float | None
    drop_points: float | None
    nadir_percent: float | None
    confidence_fraction: float | None
    is_counted: bool
    sensor: str | None
    baseline_excursion: float | None
    desaturation: Desaturation | None
    evidence: tuple[Row, ...]


def event_lines(night: NightResult) -> tuple[EventLine, ...]:
    """Events and refused candidates in order of time; desaturations where no airflow was recorded.

    Parameters
    ----------
    night : NightResult

    Returns
    -------
    tuple of EventLine
    """
    start = night.recording.start_local
    lines = [describe_event(event, night) for event in night.events]
    lines += [describe_candidate(candidate, night) for candidate in night.rejected]
    if night.flow_sensor is None:
        lines += [_describe_fall(fall, start) for fall in night.desaturations]
    return tuple(sorted(lines, key=lambda line: line.start_s))


def describe_event(event: RespiratoryEvent, night: NightResult) -> EventLine:
    """One event with the evidence for it."""
    return _line(
        event,
        night,
        kind=event.kind.value,
        verdict=event.criterion,
        is_counted=event.is_counted,
        evidence=(
            *_reading_rows(event, night),
            Row("Effort", _effort_words(event.effort_fraction)),
            *_fall_rows(event.desaturation, event.stop_s),
            *_sign_rows(event),
            *_confidence_rows(event.confidence_fraction),
            Row("Scored", event.origin.value),
            *(() if event.is_counted else (Row("Not counted", NOT_COUNTED),)),
        ),
    )


def describe_candidate(candidate: RejectedCandidate, night: NightResult) -> EventLine:
    """One stretch of reduced breathing that is no event, with what was missing."""
    return _line(
        candidate,
        night,
        kind=CANDIDATE,
        verdict=candidate.reason,
        is_counted=False,
        evidence=(
            *_reading_rows(candidate, night),
            *_fall_rows(candidate.desaturation, candidate.stop_s),
            *_confidence_rows(candidate.confidence_fraction),
        ),
    )


def _line(
    found: RespiratoryEvent | RejectedCandidate,
    night: NightResult,
    *,
    kind: str,
    verdict: str,
    is_counted: bool,
    evidence: tuple[Row, ...],
) -> EventLine:
    start = night.recording.start_local
    fall, reduction = found.desaturation, found.flow_reduction_fraction
    span = f"{clock_text(start, found.start_s)} to {clock_text(start, found.stop_s)}"
    return EventLine(
        kind=kind,
        start_s=found.start_s,
        stop_s=found.stop_s,
        words=KIND_WORDS[kind],
        clock=clock_text(start, found.start_s),
        duration=_length_words(found.duration_s, night),
        reduction=_reduction_words(reduction, night),
        drop=NOT_MEASURED if fall is None else _points(fall.drop_points),
        nadir=NOT_MEASURED if fall is None else _level(fall.nadir_percent),
        rank=NOT_MEASURED if found.confidence_fraction is None else f"{found.confidence_fraction:.2f}",
        verdict=printable(verdict),
        reduction_fraction=reduction,
        drop_points=None if fall is None else fall.drop_points,
        nadir_percent=None if fall is None else fall.nadir_percent,
        confidence_fraction=found.confidence_fraction,
        is_counted=is_counted,
        sensor=found.sensor,
        baseline_excursion=found.baseline_excursion,
        desaturation=fall,
        evidence=(
            Row("Refused" if kind == CANDIDATE else "Criterion", printable(verdict)),
            Row("Time", f"{span}, {_length_words(found.duration_s, night)}"),
            *evidence,
        ),
    )


def _describe_fall(fall: Desaturation, start: datetime | None) -> EventLine:
    length_s = fall.stop_s - fall.start_s
    span = f"{clock_text(start, fall.start_s)} to {clock_text(start, fall.stop_s)}"
    words = f"fall of SpO2 by {_points(fall.drop_points)}"
    return EventLine(
        kind=DESATURATION,
        start_s=fall.start_s,
        stop_s=fall.stop_s,
        words=KIND_WORDS[DESATURATION],
        clock=clock_text(start, fall.start_s),
        duration=f"{length_s:.1f} s",
        reduction=NOT_MEASURED,
        drop=_points(fall.drop_points),
        nadir=_level(fall.nadir_percent),
        rank=NOT_MEASURED,
        verdict=words,
        reduction_fraction=None,
        drop_points=fall.drop_points,
        nadir_percent=fall.nadir_percent,
        confidence_fraction=None,
        is_counted=True,
        sensor=None,
        baseline_excursion=None,
        desaturation=fall,
        evidence=(
            Row("Time", f"{span}, {length_s:.1f} s"),
            Row("SpO2", f"from {_level(fall.baseline_percent)} to {_level(fall.nadir_percent)}: {words}"),
        ),
    )


def _reading_rows(found: RespiratoryEvent | RejectedCandidate, night: NightResult) -> Iterable[Row]:
    sensor = found.sensor or night.flow_sensor
    if found.flow_reduction_fraction is None or found.baseline_excursion is None:
        yield Row("Airflow", "no airflow to measure against")
        return
    units = [channel.unit for channel in night.recording.channels if channel.name == sensor]
    unit = f" {units[0]}" if units and units[0] else ""
    words = (
        f"breath excursion reduced by {_reduction_words(found.flow_reduction_fraction, night)} "
        f"below a baseline of {found.baseline_excursion:.3g}{unit}"
    )
    yield Row("Airflow", printable(words + (f" ({sensor.replace('_', ' ')})" if sensor else "")))


def _effort_words(effort_fraction: float | None) -> str:
    if effort_fraction is None:
        return "cannot be judged here"
    return f"{rounded(effort_fraction * 100.0, 1)} % of what is usual around it"


def _fall_rows(fall: Desaturation | None, stop_s: float) -> Iterable[Row]:
    if fall is None:
        yield Row("SpO2", "no fall belongs to it")
        return
    delay_s = fall.nadir_s - stop_s
    when = f"{abs(delay_s):.0f} s {'after' if delay_s >= 0 else 'before'} the end of it"
    words = (
        f"from {_level(fall.baseline_percent)} to {_level(fall.nadir_percent)}, {_points(fall.drop_points)}"
    )
    yield Row("SpO2", f"{words}; lowest {when}")


def _sign_rows(event: RespiratoryEvent) -> Iterable[Row]:
    if event.obstructive_signs is not None:
        yield Row("Signs of obstruction", printable(", ".join(event.obstructive_signs) or "none"))


def _confidence_rows(confidence_fraction: float | None) -> Iterable[Row]:
    if confidence_fraction is not None:
        words = f"{confidence_fraction:.2f}: a rank by its distance from the limits, no probability"
        yield Row("Rank", words)


def _length_words(length_s: float, night: NightResult) -> str:
    """A length that is not rounded up to the least one of the rules."""
    limits = limits_of(night.rules_id)
    least = limits and (limits["apnea_min_duration_s"], limits["hypopnea_min_duration_s"])
    return f"{rounded(length_s, 1, least)} s"


def _reduction_words(fraction: float | None, night: NightResult) -> str:
    """A reduction that is not rounded up to one that the rules ask for."""
    if fraction is None:
        return NOT_MEASURED
    limits = limits_of(night.rules_id)
    least = limits and (
        round(100.0 * limits["apnea_min_reduction_fraction"], 1),
        round(100.0 * limits["pressure_apnea_min_reduction_fraction"], 1),
        round(100.0 * limits["hypopnea_min_reduction_fraction"], 1),
    )
    return f"{rounded(100.0 * fraction, 1, least)} %"


def _points(points: float) -> str:
    return f"{rounded(points, 1)} points"


def _level(percent: float) -> str:
    """A level of SpO2: whole percents as oximeters give them, else one decimal."""
    return f"{percent:.1f}".removesuffix(".0") + " %"
