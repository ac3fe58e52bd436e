"""Reduced breathing to apneas, hypopneas and rejected candidates, each with its clause."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

import numpy as np

from hsat.detect.combining import Stretches
from hsat.detect.confidence import rank_candidate
from hsat.detect.desaturations import Oximetry, match_desaturations
from hsat.detect.effort import Effort, EventEffort, measure_event_efforts
from hsat.detect.respiratory import Reductions
from hsat.events import (
    Desaturation,
    EventKind,
    EventOrigin,
    RejectedCandidate,
    RespiratoryEvent,
    from_columns,
)
from hsat.intervals import Spans, overlaps_s
from hsat.kernels.reductions import CLOSED, TOO_LONG
from hsat.recording import Note
from hsat.rules.model import HypopneaRule, ScoringRules

__all__ = [
    "Candidate",
    "Verdict",
    "gather_candidates",
    "is_admitted",
    "judge",
    "judge_candidates",
    "note_disagreement",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One stretch of reduced breathing with all that a rule asks about it.

    Attributes
    ----------
    start_s, stop_s : float
        First reduced breath to first recovered breath.
    core_s, apnea_core_s : tuple of float
        Start and stop of the part in which the whole measuring window is reduced, and of the
        longest one in which it is as deep as an apnea.
    baseline : float
        Pre-event baseline excursion in the unit of flow.
    reduction_fraction : float
    longest_apnea_s : float
        Longest part that is deep enough for an apnea.
    ending : int
        How it ended, see `hsat.kernels.reductions.find_reductions`.
    desaturation : Desaturation or None
        The fall of SpO2 that belongs to it; None where SpO2 is missing.
    is_counted : bool
        Whether it lies in monitored time.
    is_artifact : bool
        Whether the airflow sensor is off or moved here.
    sensor, apnea_sensor : str
        Who shows it, and who says whether it is an apnea.
    unconfirmed_apnea_s : float
        Longest part that is deep enough for an apnea on the first, where the second shows none.
    is_contradicted : bool
        Whether an apnea is shown by the second alone, while the first shows breathing that goes on.
    """

    start_s: float
    stop_s: float
    core_s: tuple[float, float]
    apnea_core_s: tuple[float, float]
    baseline: float
    reduction_fraction: float
    longest_apnea_s: float
    ending: int
    desaturation: Desaturation | None
    is_counted: bool
    is_artifact: bool
    sensor: str
    apnea_sensor: str
    unconfirmed_apnea_s: float = 0.0
    is_contradicted: bool = False

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.stop_s - self.start_s


class Verdict(NamedTuple):
    """What a rule set says of a candidate.

    Attributes
    ----------
    is_apnea, is_hypopnea : bool
        Admitted as the one or the other; both False where refused.
    clause : str
        The clause that admitted or refused it, with the measured and the required value.
    """

    is_apnea: bool
    is_hypopnea: bool
    clause: str

    @property
    def is_event(self) -> bool:
        """Whether the candidate was admitted."""
        return self.is_apnea or self.is_hypopnea


def gather_candidates(
    stretches: Stretches,
    oximetry: Oximetry | None,
    delay_s: float,
    *,
    monitored_s: Spans,
    rules: ScoringRules,
) -> list[Candidate]:
    """List the reductions long enough to be mentioned, each with its fall of SpO2.

    Parameters
    ----------
    stretches : Stretches
    oximetry : Oximetry or None
    delay_s : float
        Delay of SpO2 behind flow.
    monitored_s : ndarray, shape (n, 2)
        Time in which events count.
    rules : ScoringRules
        ``[event_span]``, ``[desaturation]`` and the durations of ``[apnea]``, ``[hypopnea]``.

    Returns
    -------
    list of Candidate
        In order of time.
    """
    reductions = stretches.reductions
    spans = reductions.spans_s
    durations = spans[:, 1] - spans[:, 0]
    kept = np.flatnonzero(durations >= rules.event_span.min_listed_s)
    falls: dict[int, Desaturation | None] = {}
    if oximetry is not None:
        falls = _match_falls(reductions, oximetry, delay_s, rules)
    share = rules.event_span.min_counted_share_fraction
    is_counted = overlaps_s(spans, monitored_s) >= share * durations
    places = kept.tolist()
    return from_columns(
        Candidate,
        start_s=spans[kept, 0].tolist(),
        stop_s=spans[kept, 1].tolist(),
        core_s=list(map(tuple, reductions.core_spans_s[kept].tolist())),
        apnea_core_s=list(map(tuple, reductions.apnea_core_spans_s[kept].tolist())),
        baseline=reductions.baselines[kept].tolist(),
        reduction_fraction=np.clip(reductions.reduction_fractions[kept], 0.0, 1.0).tolist(),
        longest_apnea_s=np.minimum(reductions.longest_apnea_s, durations)[kept].tolist(),
        ending=reductions.endings[kept].tolist(),
        desaturation=[falls.get(i) for i in places],
        is_counted=is_counted[kept].tolist(),
        is_artifact=stretches.is_artifact[kept].tolist(),
        sensor=[stretches.sensors[i] for i in places],
        apnea_sensor=[stretches.apnea_sensors[i] for i in places],
        unconfirmed_apnea_s=stretches.unconfirmed_apnea_s[kept].tolist(),
        is_contradicted=stretches.is_contradicted[kept].tolist(),
    )


def _match_falls(
    reductions: Reductions, oximetry: Oximetry, delay_s: float, rules: ScoringRules
) -> dict[int, Desaturation | None]:
    """The fall of SpO2 of each reduction that is long enough to be an event and has recovered."""
    spans = reductions.spans_s
    shortest_s = min(rules.hypopnea.min_duration_s, rules.apnea.min_duration_s)
    long = np.flatnonzero((spans[:, 1] - spans[:, 0] >= shortest_s) & (reductions.endings == CLOSED))
    is_apnea = reductions.longest_apnea_s[long] >= rules.apnea.min_duration_s
    matched = match_desaturations(
        reductions.reduced_from_s[long], spans[long, 1], is_apnea, oximetry, delay_s=delay_s, rules=rules
    )
    return dict(zip(long.tolist(), matched, strict=True))


def judge(candidate: Candidate, rules: ScoringRules, *, has_oximetry: bool) -> Verdict:
    """Apply the apnea and hypopnea rules to one candidate.

    Parameters
    ----------
    candidate : Candidate
    rules : ScoringRules
        ``[apnea]``, ``[hypopnea]`` and ``[event_span]`` are used.
    has_oximetry : bool
        Whether the recording has SpO2 at all.

    Returns
    -------
    Verdict
        With the clause that admitted or refused, in plain words with the measured value.
    """
    if candidate.is_artifact:
        return _refused("artifact: the airflow sensor is off or moved")
    if candidate.ending == TOO_LONG:
        return _refused(
            f"event_span.max_duration_s: no recovery within {rules.event_span.max_duration_s:g} s"
        )
    if candidate.ending != CLOSED:
        return _refused("event_span: the flow signal stops before breathing recovers")
    if candidate.longest_apnea_s >= rules.apnea.min_duration_s:
        return _judge_apnea(candidate, rules)
    return _judge_hypopnea(
        candidate, rules.hypopnea, _disagreement(candidate, rules), has_oximetry=has_oximetry
    )


def is_admitted(candidate: Candidate, rules: ScoringRules) -> bool:
    """Whether `judge` makes the candidate an event; for counts, which need no words.

    Parameters
    ----------
    candidate : Candidate
    rules : ScoringRules

    Returns
    -------
    bool
    """
    if candidate.is_artifact or candidate.ending != CLOSED:
        return False
    if candidate.longest_apnea_s >= rules.apnea.min_duration_s:
        return not _why_no_apnea(candidate, rules)
    hypopnea, fall = rules.hypopnea, candidate.desaturation
    return (
        candidate.duration_s >= hypopnea.min_duration_s
        and candidate.reduction_fraction >= hypopnea.min_reduction_fraction
        and (
            not hypopnea.needs_desaturation
            or (fall is not None and fall.drop_points >= hypopnea.min_desaturation_points)
        )
    )


def note_disagreement(candidates: Sequence[Candidate], rules: ScoringRules) -> list[Note]:
    """Say how many apneas of one sensor the other did not confirm: many may be the sensor's fault.

    Parameters
    ----------
    candidates : sequence of Candidate
    rules : ScoringRules
        ``[apnea]`` is used.

    Returns
    -------
    list of Note
        One for each pair of sensors.
    """
    pairs = Counter((c.sensor, c.apnea_sensor) for c in candidates if _disagreement(c, rules))
    return [
        Note(
            "apneas_unconfirmed",
            f"{n} {'stretch' if n == 1 else 'stretches'} with an apnea on {sensor} but not on {judge}: "
            "judged as hypopneas (breathing through the mouth, or a fault of the sensor)",
        )
        for (sensor, judge), n in pairs.items()
    ]


def _disagreement(candidate: Candidate, rules: ScoringRules) -> str:
    """Words for an apnea that the sensor for apneas does not confirm; empty where there is none."""
    if candidate.unconfirmed_apnea_s < rules.apnea.min_duration_s or candidate.ending != CLOSED:
        return ""
    return f" ({candidate.sensor} shows an apnea, {candidate.apnea_sensor} does not)"


def _why_no_apnea(candidate: Candidate, rules: ScoringRules) -> str:
    """The clause that refuses a reduction deep and long enough for an apnea; empty where none does."""
    apnea, fall = rules.apnea, candidate.desaturation
    if fall is None:
        return ""
    smallest = rules.desaturation.small_points
    pause_s = candidate.longest_apnea_s
    least = apnea.least_fall_points(pause_s, smallest)
    if pause_s > apnea.longest_without_fall_s and fall.drop_points < least:
        return (
            f"apnea.longest_without_fall_s: {pause_s:.0f} s without breath, and SpO2 falls "
            f"by {fall.drop_points:.1f} points, needs {least:.1f}: a fault of the sensor"
        )
    if candidate.is_contradicted and fall.drop_points < smallest:
        return (
            f"airflow: {candidate.apnea_sensor} alone shows an apnea, without a fall of SpO2 "
            f"by {smallest:g} points: a fault of the sensor"
        )
    return ""


def _judge_apnea(candidate: Candidate, rules: ScoringRules) -> Verdict:
    """An apnea by its depth and length, unless it outlasts what blood can bear unchanged."""
    apnea, why_not = rules.apnea, _why_no_apnea(candidate, rules)
    if why_not:
        return _refused(why_not)
    where = "" if candidate.sensor == candidate.apnea_sensor else f" on {candidate.apnea_sensor}"
    return Verdict(
        is_apnea=True,
        is_hypopnea=False,
        clause=f"apnea: reduced by at least {apnea.min_reduction_fraction:.0%} "
        f"for {candidate.longest_apnea_s:.1f} s (at least {apnea.min_duration_s:g} s){where}",
    )


def _judge_hypopnea(
    candidate: Candidate, hypopnea: HypopneaRule, disagreement: str, *, has_oximetry: bool
) -> Verdict:
    """A hypopnea by its length and depth and, unless the rule does without, its fall of SpO2.

    `disagreement` tells of an apnea that was not confirmed.
    """
    duration_s, reduction = candidate.duration_s, candidate.reduction_fraction
    if duration_s < hypopnea.min_duration_s:
        return _refused(
            f"hypopnea.min_duration_s: lasts {duration_s:.1f} s, needs {hypopnea.min_duration_s:g} s"
        )
    if reduction < hypopnea.min_reduction_fraction:
        return _refused(
            f"hypopnea.min_reduction_fraction: reduced by {reduction:.1%}, "
            f"needs {hypopnea.min_reduction_fraction:.0%}"
        )
    if not hypopnea.needs_desaturation:
        oxygen = "; no fall of SpO2 is asked for"
    elif candidate.desaturation is None:
        why = "SpO2 is missing here" if has_oximetry else "the recording has no SpO2"
        return _refused(f"hypopnea.min_desaturation_points: {why}{disagreement}")
    else:
        drop_points = candidate.desaturation.drop_points
        if drop_points < hypopnea.min_desaturation_points:
            return _refused(
                f"hypopnea.min_desaturation_points: SpO2 falls by {drop_points:.1f} points, "
                f"needs {hypopnea.min_desaturation_points:g}{disagreement}"
            )
        oxygen = f" with a fall of SpO2 by {drop_points:.1f} points"
    clause = f"hypopnea: reduced by {reduction:.0%} for {duration_s:.1f} s{oxygen}{disagreement}"
    return Verdict(is_apnea=False, is_hypopnea=True, clause=clause)


def _refused(clause: str) -> Verdict:
    return Verdict(is_apnea=False, is_hypopnea=False, clause=clause)


def judge_candidates(
    candidates: Sequence[Candidate], effort: Effort | None, rules: ScoringRules, *, has_oximetry: bool
) -> tuple[tuple[RespiratoryEvent, ...], tuple[RejectedCandidate, ...]]:
    """Sort candidates into events and rejected ones, each with its clause.

    Parameters
    ----------
    candidates : sequence of Candidate
    effort : Effort or None
        None without belts: apneas stay unclassified.
    rules : ScoringRules
    has_oximetry : bool
        Whether the recording has SpO2 at all.

    Returns
    -------
    events : tuple of RespiratoryEvent
    rejected : tuple of RejectedCandidate
        Both in order of time.
    """
    verdicts = [judge(candidate, rules, has_oximetry=has_oximetry) for candidate in candidates]
    efforts: list[EventEffort | None] = [None] * len(candidates)
    if effort is not None and candidates:
        cores_s = [
            candidate.apnea_core_s if verdict.is_apnea else candidate.core_s
            for candidate, verdict in zip(candidates, verdicts, strict=True)
        ]
        efforts[:] = measure_event_efforts(
            effort,
            np.array([candidate.start_s for candidate in candidates]),
            np.array(cores_s),
            np.array([verdict.is_apnea for verdict in verdicts]),
            rules.effort,
        )
    ranks = [rank_candidate(candidate, rules) for candidate in candidates]
    judged = list(zip(candidates, verdicts, efforts, ranks, strict=True))
    events = _events([item for item in judged if item[1].is_event])
    rejected = tuple(
        RejectedCandidate(
            start_s=candidate.start_s,
            stop_s=candidate.stop_s,
            flow_reduction_fraction=candidate.reduction_fraction,
            desaturation=candidate.desaturation,
            reason=verdict.clause,
            baseline_excursion=candidate.baseline,
            confidence_fraction=rank,
            sensor=candidate.sensor,
        )
        for candidate, verdict, _, rank in judged
        if not verdict.is_event
    )
    return tuple(events), rejected


def _events(
    judged: Sequence[tuple[Candidate, Verdict, EventEffort | None, float | None]],
) -> list[RespiratoryEvent]:
    """The events that candidates were admitted as; without belts there is no effort."""
    return from_columns(
        RespiratoryEvent,
        kind=[_kind_of(verdict, effort) for _, verdict, effort, _ in judged],
        start_s=[candidate.start_s for candidate, *_ in judged],
        stop_s=[candidate.stop_s for candidate, *_ in judged],
        flow_reduction_fraction=[candidate.reduction_fraction for candidate, *_ in judged],
        baseline_excursion=[candidate.baseline for candidate, *_ in judged],
        effort_fraction=[_known_fraction(effort) for _, _, effort, _ in judged],
        desaturation=[_real_fall(candidate.desaturation) for candidate, *_ in judged],
        criterion=[verdict.clause for _, verdict, _, _ in judged],
        is_counted=[candidate.is_counted for candidate, *_ in judged],
        origin=[EventOrigin.AUTOMATIC] * len(judged),
        confidence_fraction=[rank for *_, rank in judged],
        obstructive_signs=[None] * len(judged),
        sensor=[
            candidate.apnea_sensor if verdict.is_apnea else candidate.sensor
            for candidate, verdict, *_ in judged
        ],
    )


def _kind_of(verdict: Verdict, effort: EventEffort | None) -> EventKind:
    if not verdict.is_apnea:
        return EventKind.HYPOPNEA
    return EventKind.UNCLASSIFIED_APNEA if effort is None else effort.apnea_kind


def _known_fraction(effort: EventEffort | None) -> float | None:
    return None if effort is None or isnan(effort.mean_fraction) else effort.mean_fraction


def _real_fall(fall: Desaturation | None) -> Desaturation | None:
    return fall if fall is not None and fall.drop_points > 0 else None
