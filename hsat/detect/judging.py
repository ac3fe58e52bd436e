"""Candidates to apneas, hypopneas and rejected ones, each with its clause."""

from collections import Counter
from collections.abc import Sequence
from itertools import compress
from math import isnan
from typing import NamedTuple

import numpy as np

from hsat.detect.candidates import Candidate
from hsat.detect.confidence import rank_candidate
from hsat.detect.effort import Effort, EventEffort, measure_event_efforts
from hsat.events import (
    Desaturation,
    EventKind,
    EventOrigin,
    RejectedCandidate,
    RespiratoryEvent,
    from_columns,
)
from hsat.kernels.reductions import CLOSED, TOO_LONG
from hsat.recording import Note
from hsat.rules.model import HypopneaRule, ScoringRules

__all__ = [
    "Verdict",
    "is_admitted",
    "judge",
    "judge_candidates",
    "note_disagreement",
]


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
    ranks = [rank_candidate(candidate, rules) for candidate in candidates]
    is_event = [verdict.is_event for verdict in verdicts]
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
        for candidate, verdict, rank in zip(candidates, verdicts, ranks, strict=True)
        if not verdict.is_event
    )
    events = _events(
        list(compress(candidates, is_event)),
        list(compress(verdicts, is_event)),
        list(compress(ranks, is_event)),
        effort,
        rules,
    )
    return tuple(events), rejected


def _events(
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict],
    ranks: Sequence[float | None],
    effort: Effort | None,
    rules: ScoringRules,
) -> list[RespiratoryEvent]:
    """The events that candidates were admitted as."""
    efforts: Sequence[EventEffort | None] = [None] * len(candidates)
    if effort is not None and candidates:
        cores_s = [
            candidate.apnea_core_s if verdict.is_apnea else candidate.core_s
            for candidate, verdict in zip(candidates, verdicts, strict=True)
        ]
        efforts = measure_event_efforts(
            effort,
            np.array([candidate.start_s for candidate in candidates]),
            np.array(cores_s),
            np.array([verdict.is_apnea for verdict in verdicts]),
            rules.effort,
        )
    return from_columns(
        RespiratoryEvent,
        kind=list(map(_kind_of, verdicts, efforts)),
        start_s=[candidate.start_s for candidate in candidates],
        stop_s=[candidate.stop_s for candidate in candidates],
        flow_reduction_fraction=[candidate.reduction_fraction for candidate in candidates],
        baseline_excursion=[candidate.baseline for candidate in candidates],
        effort_fraction=list(map(_known_fraction, efforts)),
        desaturation=[_real_fall(candidate.desaturation) for candidate in candidates],
        criterion=[verdict.clause for verdict in verdicts],
        is_counted=[candidate.is_counted for candidate in candidates],
        origin=[EventOrigin.AUTOMATIC] * len(candidates),
        confidence_fraction=ranks,
        obstructive_signs=[None] * len(candidates),
        sensor=[
            candidate.apnea_sensor if verdict.is_apnea else candidate.sensor
            for candidate, verdict in zip(candidates, verdicts, strict=True)
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
