"""A scored night against what was planted: events, boundaries, kinds, falls of SpO2."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

import hsat
from benchmarks.hard.sensors import Airflow, Channel, Oximeter, airflow, recording_of, saturation
from benchmarks.hard.sleep import Night, Planted
from hsat.agreement import match_events
from hsat.events import RespiratoryEvent
from hsat.recording import Recording
from hsat.results import NightResult

MIN_IOU_FRACTION = 0.5
BOUNDARY_BREATHS = 1.25
"""How far a boundary may lie from the true one: a breath, and what lengths of breaths vary by."""

CLEAR_FALL_POINTS, UNCLEAR_FALL_POINTS = 4.9, 2.5
"""Planted falls between the two may or may not reach 4 points once noise and rounding are on them."""

NADIR_S = 5.0
"""How long before the planted nadir SpO2 may be back by what ends a fall."""

MAX_DROP_ERROR_POINTS = 1.5
"""A point, and rounding of two values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A recording with its truth.

    Attributes
    ----------
    recording : Recording
    truth : tuple of Planted
        What an expert would score; reductions that no rule admits are left out.
    drops_points : tuple of float
        Fall of SpO2 of each, as the oximeter shows it.
    period_s : float
    more_boundary_s : float
        Allowance for a sensor that is slow.
    more_drop_points : float
        Allowance for a coarse oximeter.
    has_belts : bool
        Whether apneas have a type.
    falls : tuple of (nadir_s, drop_points)
        Every planted fall of SpO2, whether or not an event caused it.
    """

    recording: Recording
    truth: tuple[Planted, ...]
    drops_points: tuple[float, ...]
    period_s: float
    more_boundary_s: float = 0.0
    more_drop_points: float = 0.0
    has_belts: bool = False
    falls: tuple[tuple[float, float], ...] = ()


def draw(
    night: Night,
    rng: np.random.Generator,
    *,
    flow: Airflow | None = None,
    oximeter: Oximeter | None = None,
    belts: Sequence[Channel] = (),
    others: Sequence[Channel] = (),
    more_boundary_s: float = 0.0,
) -> Drawn:
    """Record a night."""
    flow = flow or Airflow()
    oximeter = oximeter or Oximeter()
    oxygen = saturation(night, oximeter, rng)
    channels = [airflow(night, flow, rng), ("spo2", oximeter.rate_hz, oxygen.percent), *belts, *others]
    chosen = [i for i, p in enumerate(night.planted) if p.kind != "none"]
    return Drawn(
        recording=recording_of(channels, night.duration_s),
        truth=tuple(night.planted[i] for i in chosen),
        drops_points=tuple(oxygen.drops_points[i] for i in chosen),
        period_s=night.period_s,
        more_boundary_s=more_boundary_s + flow.time_constant_s,
        more_drop_points=oximeter.step_points / 2 if oximeter.step_points > 1 else 0.0,
        has_belts=bool(belts),
        falls=tuple(zip(oxygen.nadirs_s, oxygen.drops_points, strict=True)),
    )


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was right and wrong.

    Attributes
    ----------
    n_true, n_scored, n_matched : int
        Planted events, counted events, pairs with an IoU of at least `MIN_IOU_FRACTION`.
    n_boundaries, n_kinds, n_drops : int
        Pairs whose boundaries, kind, fall of SpO2 are wrong.
    n_falls, n_falls_missed, n_falls_false : int
        Planted falls of SpO2 clear of 4 points, those that are not among the desaturations from 4
        points, and those among them that were not planted.
    problems, fall_problems : list of str
        One sentence each.
    start_errors_s, stop_errors_s, drop_errors_points : list of float
    """

    n_true: int = 0
    n_scored: int = 0
    n_matched: int = 0
    n_boundaries: int = 0
    n_kinds: int = 0
    n_drops: int = 0
    n_falls: int = 0
    n_falls_missed: int = 0
    n_falls_false: int = 0
    problems: list[str] = field(default_factory=list)
    fall_problems: list[str] = field(default_factory=list)
    start_errors_s: list[float] = field(default_factory=list)
    stop_errors_s: list[float] = field(default_factory=list)
    drop_errors_points: list[float] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Take in another night."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def _nearest(event: RespiratoryEvent, planted: Planted) -> tuple[float, float]:
    """Boundaries of the truth as near the event's as an expert may have set them."""
    return (
        float(np.clip(event.start_s, *planted.starts_s)),
        float(np.clip(event.stop_s, *planted.stops_s)),
    )


def compare(drawn: Drawn, night: NightResult) -> Outcome:
    """Match events one to one, then look at each pair."""
    events = [event for event in night.events if event.is_counted]
    outcome = Outcome(n_true=len(drawn.truth), n_scored=len(events))
    spans = []
    for planted in drawn.truth:
        over = [e for e in events if e.start_s < planted.stops_s[1] and e.stop_s > planted.starts_s[0]]
        if over:
            best = max(over, key=lambda event, planted=planted: _overlap_s(event, planted))
            spans.append(_nearest(best, planted))
        else:
            spans.append((planted.starts_s[1], planted.stops_s[0]))
    pairs = match_events([(e.start_s, e.stop_s) for e in events], spans, min_iou_fraction=MIN_IOU_FRACTION)
    outcome.n_matched = len(pairs)
    matched_events, matched_truth = {i for i, _ in pairs}, {j for _, j in pairs}
    for i, event in enumerate(events):
        if i not in matched_events:
            outcome.problems.append(f"false: {event.kind} {event.start_s:.1f}-{event.stop_s:.1f} s")
    for j, planted in enumerate(drawn.truth):
        if j not in matched_truth:
            outcome.problems.append(
                f"missed: {planted.kind} {planted.starts_s[0]:.1f}-{planted.stops_s[1]:.1f} s"
                + _why_missed(planted, night)
            )
    for i, j in pairs:
        _look_at(events[i], j, spans[j], drawn, outcome)
    _look_at_falls(drawn, night, outcome)
    return outcome


def _look_at_falls(drawn: Drawn, night: NightResult, outcome: Outcome) -> None:
    """The desaturations of the night against the planted falls, whatever breathing did."""
    clear = [fall for fall in drawn.falls if fall[1] >= CLEAR_FALL_POINTS]
    found = [fall for fall in night.desaturations if fall.drop_points >= 4.0]
    outcome.n_falls += len(clear)
    limit_points = MAX_DROP_ERROR_POINTS + drawn.more_drop_points
    for nadir_s, drop_points in clear:
        over = [fall for fall in found if fall.start_s < nadir_s <= fall.stop_s + NADIR_S]
        if not any(abs(fall.drop_points - drop_points) <= limit_points for fall in over):
            outcome.n_falls_missed += 1
            near = [x for x in night.desaturations if x.start_s - 30 < nadir_s < x.stop_s + 30]
            outcome.fall_problems.append(f"no fall at {nadir_s:.1f} s, true {drop_points:.1f} points: {near}")
    for fall in found:
        planted_s = [nadir_s for nadir_s, drop_points in drawn.falls if not drop_points < UNCLEAR_FALL_POINTS]
        if not any(fall.start_s <= at_s and at_s - 2 * NADIR_S <= fall.stop_s for at_s in planted_s):
            outcome.n_falls_false += 1
            outcome.fall_problems.append(f"false fall: {fall}")


def _overlap_s(event: RespiratoryEvent, planted: Planted) -> float:
    return min(event.stop_s, planted.stops_s[1]) - max(event.start_s, planted.starts_s[0])


def _why_missed(planted: Planted, night: NightResult) -> str:
    near = [
        f"{x.start_s:.1f}-{x.stop_s:.1f} {getattr(x, 'reason', 'scored')}"
        for x in (*night.events, *night.rejected)
        if x.start_s < planted.stops_s[1] and x.stop_s > planted.starts_s[0]
    ]
    return f" ({'; '.join(near) or 'no candidate'})"


def _look_at(
    event: RespiratoryEvent, place: int, span: tuple[float, float], drawn: Drawn, outcome: Outcome
) -> None:
    planted, drop_points = drawn.truth[place], drawn.drops_points[place]
    limit_s = BOUNDARY_BREATHS * drawn.period_s + drawn.more_boundary_s
    errors_s = event.start_s - span[0], event.stop_s - span[1]
    outcome.start_errors_s.append(errors_s[0])
    outcome.stop_errors_s.append(errors_s[1])
    where = f"{event.kind} {event.start_s:.1f}-{event.stop_s:.1f} s"
    if max(map(abs, errors_s)) > limit_s:
        outcome.n_boundaries += 1
        outcome.problems.append(f"boundary: {where}: {errors_s[0]:+.1f}, {errors_s[1]:+.1f} s")
    expected = planted.kind
    if expected.endswith("_apnea") and not drawn.has_belts:
        expected = "unclassified_apnea"
    if event.kind != expected and not (expected == "hypopnea" and event.kind.endswith("_hypopnea")):
        outcome.n_kinds += 1
        outcome.problems.append(f"kind: {where}: true {expected}")
    if math.isnan(drop_points):
        return
    found = event.desaturation.drop_points if event.desaturation else 0.0
    outcome.drop_errors_points.append(found - drop_points)
    if abs(found - drop_points) > MAX_DROP_ERROR_POINTS + drawn.more_drop_points:
        outcome.n_drops += 1
        outcome.problems.append(f"fall: {where}: {found:.2f}, true {drop_points:.2f} points")


def score_and_compare(drawn: Drawn) -> Outcome:
    """Score a drawn night and compare it with its truth."""
    return compare(drawn, hsat.score_night(drawn.recording))
