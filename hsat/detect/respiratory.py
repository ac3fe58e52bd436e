"""Breaths to stretches of reduced breathing: how deep, how long, against which baseline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import Breathing
from hsat.intervals import Spans
from hsat.kernels.reductions import (
    BaselineLimits,
    SpanLimits,
    find_reductions,
    measure_reductions,
)
from hsat.rules.model import ScoringRules

__all__ = ["Reductions", "find_reduced_breathing"]


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
        Length of the longest part that is deep enough for an apnea, from the nadir before it to
        the breath after it; 0 where there is none.
    apnea_core_spans_s : ndarray, shape (k, 2), float64
        Of that part, where the whole measuring window is as deep; empty where there is none.
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
    apnea_core_spans_s: Spans
    endings: NDArray[np.int8]
    breath_baselines: NDArray[np.float64]


def find_reduced_breathing(breathing: Breathing, rules: ScoringRules) -> Reductions:
    """Find every stretch in which breathing is reduced by the hypopnea limit or more.

    Parameters
    ----------
    breathing : Breathing
    rules : ScoringRules
        ``[hypopnea]``, ``[apnea]``, ``[baseline]`` and ``[event_span]`` are used.

    Returns
    -------
    Reductions

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
            int(baseline.oldest_s * rate_hz),
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
    longest_low = np.empty((count, 2), np.int64)
    apnea_fraction = 1.0 - rules.apnea.min_reduction_fraction
    measure_reductions(breathing.excursion, spans, span_baselines, apnea_fraction, reductions, longest_low)
    # The excursion falls once its window has left the last large breath behind: what was
    # reduced starts and ends about half a window outside, at the breaths' own onsets.
    before_s = breathing.window_s / 2 - event_span.start_shift_periods * breathing.period_s
    after_s = breathing.window_s / 2 - event_span.stop_shift_periods * breathing.period_s
    core_s = spans / rate_hz
    low_s = (longest_low[:, 1] - longest_low[:, 0]) / rate_hz
    return Reductions(
        spans_s=np.column_stack((np.maximum(core_s[:, 0] - before_s, 0.0), core_s[:, 1] + after_s)),
        core_spans_s=core_s,
        baselines=span_baselines,
        reduction_fractions=reductions,
        longest_apnea_s=np.where(low_s > 0, low_s + breathing.window_s / 2 + after_s, 0.0),
        apnea_core_spans_s=longest_low / rate_hz,
        endings=endings,
        breath_baselines=breath_baselines,
    )
