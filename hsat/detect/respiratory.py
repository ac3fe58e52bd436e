"""Breaths to stretches of reduced breathing: how deep, how long, against which baseline."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.detect.boundaries import first_reduced_onsets, nadirs_before, without_overlap
from hsat.detect.breathing import Breathing
from hsat.detect.pauses import measure_pauses, rest_of
from hsat.intervals import Spans, spans_from_mask
from hsat.kernels.depths import measure_reductions
from hsat.kernels.recovery import RunLimits, find_recovery_breaths
from hsat.kernels.reductions import (
    BaselineLimits,
    SpanLimits,
    find_reductions,
)
from hsat.rules.model import ScoringRules

__all__ = ["Reductions", "cut_reductions", "find_reduced_breathing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reductions:
    """Every stretch of reduced breathing of the night, as arrays of length k.

    Attributes
    ----------
    spans_s : ndarray, shape (k, 2), float64
        Nadir before the first reduced breath to the start of the first recovered breath; of an apnea
        from the onset of its first reduced breath, or from the nadir before its pause where that is
        earlier.
    reduced_from_s : ndarray, shape (k,), float64
        Onset of the first reduced breath.
    core_spans_s : ndarray, shape (k, 2), float64
        The part of each in which the whole measuring window is reduced.
    baselines : ndarray, shape (k,), float64
        Pre-event baseline excursion in the unit of flow.
    mean_breaths : ndarray, shape (k,), float64
        Mean excursion of the breaths that the baseline rests on.
    reduction_fractions : ndarray, shape (k,), float64
        Mean over the core; of an apnea, over its pause.
    longest_apnea_s : ndarray, shape (k,), float64
        Length of the longest pause, from the nadir before it to the breath after it; 0 where
        there is none.
    apnea_core_spans_s : ndarray, shape (k, 2), float64
        Where the whole measuring window lies in the pause; empty where it never does.
    endings : ndarray, shape (k,), int8
        How each ended, see `hsat.kernels.reductions.find_reductions`.
    breath_baselines : ndarray, shape (m,), float64
        Baseline in force from each breath of the night on; NaN where there is none.
    """

    spans_s: Spans
    reduced_from_s: NDArray[np.float64]
    core_spans_s: Spans
    baselines: NDArray[np.float64]
    mean_breaths: NDArray[np.float64]
    reduction_fractions: NDArray[np.float64]
    longest_apnea_s: NDArray[np.float64]
    apnea_core_spans_s: Spans
    endings: NDArray[np.int8]
    breath_baselines: NDArray[np.float64]


class _Stretches(NamedTuple):
    """Stretches as they were found: samples, baseline, mean breath, ending; and every breath's baseline."""

    spans: NDArray[np.int64]
    baselines: NDArray[np.float64]
    mean_breaths: NDArray[np.float64]
    endings: NDArray[np.int8]
    breath_baselines: NDArray[np.float64]


def find_reduced_breathing(
    breathing: Breathing, rules: ScoringRules, *, is_pressure: bool = False, is_volume: bool = False
) -> Reductions:
    """Find every stretch in which breathing is reduced by the hypopnea limit or more.

    Parameters
    ----------
    breathing : Breathing
    rules : ScoringRules
        ``[hypopnea]``, ``[apnea]``, ``[baseline]`` and ``[event_span]`` are used.
    is_pressure : bool
        Whether breathing was measured on nasal pressure that was not linearised: it goes with the
        square of flow, and falls further than flow does.
    is_volume : bool
        Whether it was measured on belts, which show the volume of the chest.

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
    baseline = rules.baseline
    periods_s = breathing.pace.periods_at(breathing.onsets / rate_hz)
    limits = _span_limits(rules, rate_hz, periods_s)
    n_most = len(breathing.excursion) // min(limits.n_recovery, max(limits.n_longest, 1)) + 1
    spans = np.empty((n_most, 2), np.int64)
    span_baselines, span_means = np.empty(n_most, np.float64), np.empty(n_most, np.float64)
    endings = np.empty(n_most, np.int8)
    breath_baselines = np.full(len(breathing.onsets), np.nan)
    limit = np.float32(baseline.outlier_ratio) * breathing.level_at(breathing.onsets)
    is_usual = breathing.breath_excursions <= limit
    is_recovery = np.empty(len(breathing.onsets), np.bool_)
    # The breath alone, where it is smaller: the window of one reaches into the large breath beside it.
    sizes = np.minimum(breathing.breath_excursions, breathing.breath_ranges)
    find_recovery_breaths(breathing.onsets, sizes, _run_limits(rules, rate_hz, periods_s), is_recovery)
    count = find_reductions(
        breathing.excursion,
        breathing.onsets,
        breathing.breath_excursions,
        ~(is_usual | is_recovery),
        is_recovery,
        _baseline_limits(rules, rate_hz, is_pressure=is_pressure),
        limits,
        spans,
        span_baselines,
        span_means,
        endings,
        breath_baselines,
    )
    # Copies, so that the room for the most there could be is given back.
    stretches = _Stretches(
        spans[:count].copy(),
        span_baselines[:count].copy(),
        span_means[:count].copy(),
        endings[:count].copy(),
        breath_baselines,
    )
    return _describe(stretches, breathing, rules, is_pressure=is_pressure, is_volume=is_volume)


def cut_reductions(
    reductions: Reductions,
    breathing: Breathing,
    places: NDArray[np.int64],
    cuts: NDArray[np.int64],
    rules: ScoringRules,
    *,
    is_pressure: bool,
    is_volume: bool,
) -> Reductions:
    """Measure stretches anew that were cut in parts.

    Parameters
    ----------
    reductions : Reductions
    breathing : Breathing
    places : ndarray, shape (m,), int64
        Stretches that are cut, rising; one that is cut twice is named twice.
    cuts : ndarray, shape (m, 2), int64
        Last sample before and first sample after each cut, one behind the other.
    rules : ScoringRules
    is_pressure, is_volume : bool
        See `find_reduced_breathing`.

    Returns
    -------
    Reductions
    """
    spans = np.rint(reductions.core_spans_s * breathing.rate_hz).astype(np.int64)
    starts, stops = spans.T
    order = np.sort(np.concatenate((np.arange(len(spans)), places)))
    starts = np.sort(np.concatenate((starts, cuts[:, 1])))
    stops = np.sort(np.concatenate((stops, cuts[:, 0] + 1)))
    parts = _Stretches(
        np.column_stack((starts, stops)),
        reductions.baselines[order],
        reductions.mean_breaths[order],
        reductions.endings[order],
        reductions.breath_baselines,
    )
    return _describe(parts, breathing, rules, is_pressure=is_pressure, is_volume=is_volume)


def _describe(
    stretches: _Stretches,
    breathing: Breathing,
    rules: ScoringRules,
    *,
    is_pressure: bool,
    is_volume: bool,
) -> Reductions:
    """Depth, boundaries and pause of each stretch."""
    rate_hz, event_span = breathing.rate_hz, rules.event_span
    spans, baselines = stretches.spans, stretches.baselines
    fractions = np.empty(len(spans), np.float64)
    measure_reductions(breathing.excursion, spans, baselines, fractions)
    # The excursion falls once its window has left the last large breath behind: what was
    # reduced starts and ends about half a window outside, at the breaths' own onsets.
    core_s = spans / rate_hz
    periods_s, windows_s = breathing.pace.periods_at(core_s), breathing.pace.windows_at(core_s)
    before_s = windows_s[:, 0] / 2 - event_span.start_shift_periods * periods_s[:, 0]
    after_s = windows_s[:, 1] / 2 - event_span.stop_shift_periods * periods_s[:, 1]
    onsets_s = first_reduced_onsets(
        core_s[:, 0] - before_s, spans[:, 1], stretches.mean_breaths, breathing, rules
    )
    # A belt shows volume: there the window's edges are where the chest is smallest, as a breath begins.
    starts_s = (
        onsets_s.copy() if is_volume else nadirs_before(onsets_s, stretches.mean_breaths, breathing, rules)
    )
    stops_s = core_s[:, 1] + after_s
    pauses = measure_pauses(breathing, spans, stretches.mean_breaths, rules, is_pressure=is_pressure)
    is_apnea = pauses.durations_s >= rules.apnea.min_duration_s
    starts_s[is_apnea] = np.minimum(onsets_s, pauses.spans_s[:, 0])[is_apnea]
    stops_s[is_apnea] = np.maximum(stops_s, pauses.spans_s[:, 1])[is_apnea]
    spans_s = without_overlap(
        np.column_stack((starts_s, stops_s)),
        spans_from_mask(breathing.is_missing, rate_hz),
        len(breathing.excursion) / rate_hz,
    )
    inside_s = np.clip(pauses.spans_s, spans_s[:, :1], spans_s[:, 1:])
    return Reductions(
        spans_s=spans_s,
        reduced_from_s=np.clip(onsets_s, spans_s[:, 0], spans_s[:, 1]),
        core_spans_s=core_s,
        baselines=baselines,
        mean_breaths=stretches.mean_breaths,
        reduction_fractions=np.where(is_apnea, pauses.reduction_fractions, fractions),
        longest_apnea_s=inside_s[:, 1] - inside_s[:, 0],
        apnea_core_spans_s=pauses.core_spans_s,
        endings=stretches.endings,
        breath_baselines=stretches.breath_baselines,
    )


def _baseline_limits(rules: ScoringRules, rate_hz: float, *, is_pressure: bool) -> BaselineLimits:
    rule = rules.baseline
    return BaselineLimits(
        int(rule.window_s * rate_hz),
        int(rule.oldest_s * rate_hz),
        rule.n_largest_breaths,
        rule.max_stable_pressure_variation_fraction if is_pressure else rule.max_stable_variation_fraction,
        rule.sigh_ratio,
        rule.max_sigh_share_fraction,
        rule.min_breath_fraction,
    )


def _run_limits(rules: ScoringRules, rate_hz: float, periods_s: NDArray[np.float64]) -> RunLimits:
    return RunLimits(
        rest_of(rules.hypopnea.min_reduction_fraction),
        (periods_s * rate_hz).astype(np.int64),
        int(rules.hypopnea.min_duration_s * rate_hz),
        int(rules.baseline.max_run_reduction_s * rate_hz),
        rules.baseline.n_run_breaths,
    )


def _span_limits(rules: ScoringRules, rate_hz: float, periods_s: NDArray[np.float64]) -> SpanLimits:
    rule = rules.event_span
    return SpanLimits(
        rest_of(rules.hypopnea.min_reduction_fraction),
        rule.recovery_fraction,
        rule.level_floor_fraction,
        max(int(rule.min_recovery_s * rate_hz), 1),
        (rule.settled_after_periods * periods_s * rate_hz).astype(np.int64),
        int(rule.max_duration_s * rate_hz),
    )
