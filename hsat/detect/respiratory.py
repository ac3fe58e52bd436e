"""Reduced breathing to apneas, hypopneas and rejected candidates, each with its clause."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import Breathing
from hsat.events import Desaturation
from hsat.intervals import Spans
from hsat.kernels.reductions import (
    CLOSED,
    TOO_LONG,
    BaselineLimits,
    SpanLimits,
    find_reductions,
    measure_reductions,
)
from hsat.rules.model import ScoringRules

__all__ = ["Candidate", "Reductions", "Verdict", "find_candidates", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reductions:
    """Every stretch of reduced breathing of the night, as arrays of length k.

    Attributes
    ----------
    spans_s : ndarray, shape (k, 2), float64
        First reduced breath to first recovered breath.
    core_spans_s : ndarray, shape (k, 2), float64
        The part of each in which the whole measuring window is reduced.
    baselines : ndarray, shape (k,), float64
        Pre-event baseline excursion in the unit of flow.
    reduction_fractions : ndarray, shape (k,), float64
    longest_apnea_s : ndarray, shape (k,), float64
        Longest part that is deep enough for an apnea.
    endings : ndarray, shape (k,), int8
        How each ended, see `hsat.kernels.reductions.find_reductions`.
    breath_baselines : ndarray, shape (m,), float64
        Baseline in force from each breath of the night on; NaN where there is none.
    """

    spans_s: Spans
    core_spans_s: Spans
    baselines: NDArray[np.float64]
    reduction_fractions: NDArray[np.float64]
    longest_apnea_s: NDArray[np.float64]
    endings: NDArray[np.int8]
    breath_baselines: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One stretch of reduced breathing with all that a rule asks about it.

    Attributes
    ----------
    start_s, stop_s, baseline, reduction_fraction, longest_apnea_s, ending
        As in `Reductions`.
    desaturation : Desaturation or None
        The fall of SpO2 that belongs to it; None where SpO2 is missing.
    is_counted : bool
        Whether it lies in monitored time.
    """

    start_s: float
    stop_s: float
    baseline: float
    reduction_fraction: float
    longest_apnea_s: float
    ending: int
    desaturation: Desaturation | None
    is_counted: bool

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.stop_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rule set says of a candidate: admitted as apnea or hypopnea, or refused, and why."""

    is_apnea: bool
    is_hypopnea: bool
    clause: str


def find_candidates(breathing: Breathing, rules: ScoringRules) -> Reductions:
    """Find every stretch in which breathing is reduced by the hypopnea limit or more.

    Parameters
    ----------
    breathing : Breathing
    rules : ScoringRules
        ``[hypopnea]``, ``[apnea]``, ``[baseline]`` and ``[event_span]`` are used.

    Notes
    -----
    Baseline and event span follow Berry 2012 as stated in the rule set; the excursion is the
    range of flow in a window of about one breath, so that neither polarity nor a slow drift
    matters.
    """
    rate_hz = breathing.rate_hz
    baseline, event_span = rules.baseline, rules.event_span
    n_recovery = max(int(event_span.min_recovery_s * rate_hz), 1)
    n_most = len(breathing.excursion) // n_recovery + 1
    spans = np.empty((n_most, 2), np.int64)
    span_baselines = np.empty(n_most, np.float64)
    endings = np.empty(n_most, np.int8)
    breath_baselines = np.full(len(breathing.onsets), np.nan)
    limit = baseline.outlier_ratio * breathing.level_at(breathing.onsets)
    count = find_reductions(
        breathing.excursion,
        breathing.onsets,
        breathing.breath_excursions,
        ~(breathing.breath_excursions <= limit),
        BaselineLimits(
            int(baseline.window_s * rate_hz),
            baseline.n_largest_breaths,
            baseline.max_stable_variation_fraction,
            baseline.sigh_ratio,
            baseline.min_breath_fraction,
        ),
        SpanLimits(
            1.0 - rules.hypopnea.min_reduction_fraction,
            event_span.recovery_fraction,
            n_recovery,
            int(event_span.max_duration_s * rate_hz),
        ),
        spans,
        span_baselines,
        endings,
        breath_baselines,
    )
    spans, span_baselines, endings = spans[:count], span_baselines[:count], endings[:count]
    reductions = np.empty(count, np.float64)
    longest_low = np.empty(count, np.int64)
    apnea_fraction = 1.0 - rules.apnea.min_reduction_fraction
    measure_reductions(breathing.excursion, spans, span_baselines, apnea_fraction, reductions, longest_low)
    # The excursion falls once its window has left the last large breath behind: what was
    # reduced starts and ends about half a window outside, at the breaths' own onsets.
    before_s = breathing.window_s / 2 - event_span.start_shift_periods * breathing.period_s
    after_s = breathing.window_s / 2 - event_span.stop_shift_periods * breathing.period_s
    core_s = spans / rate_hz
    return Reductions(
        spans_s=np.column_stack((np.maximum(core_s[:, 0] - before_s, 0.0), core_s[:, 1] + after_s)),
        core_spans_s=core_s,
        baselines=span_baselines,
        reduction_fractions=reductions,
        longest_apnea_s=np.where(longest_low > 0, longest_low / rate_hz + before_s + after_s, 0.0),
        endings=endings,
        breath_baselines=breath_baselines,
    )


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
    apnea, hypopnea = rules.apnea, rules.hypopnea
    if candidate.ending == TOO_LONG:
        return _refused(
            f"event_span.max_duration_s: no recovery within {rules.event_span.max_duration_s:g} s"
        )
    if candidate.ending != CLOSED:
        return _refused("event_span: the flow signal stops before breathing recovers")
    if candidate.longest_apnea_s >= apnea.min_duration_s:
        return Verdict(
            is_apnea=True,
            is_hypopnea=False,
            clause=f"apnea: reduced by at least {apnea.min_reduction_fraction:.0%} "
            f"for {candidate.longest_apnea_s:.1f} s (at least {apnea.min_duration_s:g} s)",
        )
    if candidate.duration_s < hypopnea.min_duration_s:
        return _refused(
            f"hypopnea.min_duration_s: lasts {candidate.duration_s:.1f} s, needs {hypopnea.min_duration_s:g} s"
        )
    if candidate.reduction_fraction < hypopnea.min_reduction_fraction:
        return _refused(
            f"hypopnea.min_reduction_fraction: reduced by {candidate.reduction_fraction:.1%}, "
            f"needs {hypopnea.min_reduction_fraction:.0%}"
        )
    fall = candidate.desaturation
    if fall is None:
        why = "SpO2 is missing here" if has_oximetry else "the recording has no SpO2"
        return _refused(f"hypopnea.min_desaturation_points: {why}")
    if fall.drop_points < hypopnea.min_desaturation_points:
        return _refused(
            f"hypopnea.min_desaturation_points: SpO2 falls by {fall.drop_points:.1f} points, "
            f"needs {hypopnea.min_desaturation_points:g}"
        )
    return Verdict(
        is_apnea=False,
        is_hypopnea=True,
        clause=f"hypopnea: reduced by {candidate.reduction_fraction:.0%} for {candidate.duration_s:.1f} s "
        f"with a fall of SpO2 by {fall.drop_points:.1f} points",
    )


def _refused(clause: str) -> Verdict:
    return Verdict(is_apnea=False, is_hypopnea=False, clause=clause)
