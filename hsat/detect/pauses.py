"""The pause in each stretch of reduced breathing: what makes it an apnea."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import Breathing
from hsat.detect.ventilation import find_still_ventilation
from hsat.intervals import Spans
from hsat.kernels.pauses import PauseLimits, find_pauses, measure_smoothing
from hsat.rules.model import ScoringRules

__all__ = ["Pauses", "measure_pauses", "rest_of"]

N_SAMPLED_BREATHS = 200
"""Breaths from which it is measured what smoothing leaves of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """The longest pause of each stretch of reduced breathing, as arrays of length k.

    Attributes
    ----------
    spans_s : ndarray, shape (k, 2), float64
        Nadir of the breath before to the start of the breath after; empty where there is none.
    core_spans_s : ndarray, shape (k, 2), float64
        Where the whole measuring window of breathing lies in still flow.
    reduction_fractions : ndarray, shape (k,), float64
        1 minus the mean range of still flow over the baseline; NaN where there is none.
    """

    spans_s: Spans
    core_spans_s: Spans
    reduction_fractions: NDArray[np.float64]

    @property
    def durations_s(self) -> NDArray[np.float64]:
        """Lengths; 0 where there is none."""
        durations: NDArray[np.float64] = self.spans_s[:, 1] - self.spans_s[:, 0]
        return durations


def rest_of(reduction_fraction: float) -> float:
    """What is left after a reduction; 1 - 0.9 is 0.1 here, not the next number below."""
    return round(1.0 - reduction_fraction, 9)


def measure_pauses(
    breathing: Breathing,
    spans: NDArray[np.int64],
    baselines: NDArray[np.float64],
    rules: ScoringRules,
    *,
    is_pressure: bool,
) -> Pauses:
    """Find the pause in each stretch of reduced breathing.

    Parameters
    ----------
    breathing : Breathing
    spans : ndarray, shape (k, 2), int64
        Stretches in samples, rising, without overlap.
    baselines : ndarray, shape (k,), float64
        Mean breath before each.
    rules : ScoringRules
        ``[apnea]``, ``[event_span]``, ``[ventilation]`` and ``[sensor_off]`` are used.
    is_pressure : bool
        Whether breathing was measured on nasal pressure that was not linearised.

    Returns
    -------
    Pauses
    """
    apnea, event_span, rate_hz = rules.apnea, rules.event_span, breathing.rate_hz
    starts_s = spans[:, 0] / rate_hz
    periods_s = breathing.pace.periods_at(starts_s)
    windows_s = breathing.pace.windows_at(starts_s)
    n_reach = (windows_s * rate_hz / 2).astype(np.int64)
    if breathing.ventilation_share is not None:
        n_window = int(rules.ventilation.window_s * rate_hz)
        limit_fraction = rest_of(apnea.min_reduction_fraction)
        pauses, reductions = find_still_ventilation(
            breathing.ventilation_share, spans, n_reach, n_window, limit_fraction
        )
    else:
        n_smooth = int(apnea.smoothing_s * rate_hz / 2)
        least = apnea.min_pressure_reduction_fraction if is_pressure else apnea.min_reduction_fraction
        limits = PauseLimits(
            apnea.max_beating_fraction,
            rest_of(least)
            * _kept_by_smoothing(breathing, starts_s, n_smooth, rules.sensor_off.max_roughness),
            n_smooth,
            (apnea.window_periods * periods_s * rate_hz / 2).astype(np.int64),
            n_reach,
            (event_span.nadir_within_periods * periods_s * rate_hz).astype(np.int64),
            event_span.nadir_rise_fraction,
        )
        pauses = np.empty((len(spans), 3), np.int64)
        reductions = np.empty(len(spans), np.float64)
        find_pauses(
            breathing.flow,
            breathing.excursion,
            breathing.is_missing,
            spans,
            baselines,
            limits,
            pauses,
            reductions,
        )
        # Not one breath is missing: what stands still is the end of a slow and shallow one.
        n_least = apnea.min_still_periods * periods_s * rate_hz
        is_breath = pauses[:, 2] - pauses[:, 1] < n_least
        pauses[is_breath] = pauses[is_breath, :1]
        reductions[is_breath] = np.nan
    pauses_s = pauses / rate_hz
    middles_s = (pauses_s[:, 1] + pauses_s[:, 2]) / 2
    half_s = np.maximum((pauses_s[:, 2] - pauses_s[:, 1] - windows_s) / 2, 0.0)
    return Pauses(
        spans_s=pauses_s[:, ::2],
        core_spans_s=np.column_stack((middles_s - half_s, middles_s + half_s)),
        reduction_fractions=reductions,
    )


def _kept_by_smoothing(
    breathing: Breathing, times_s: NDArray[np.float64], n_smooth: int, max_roughness: float
) -> NDArray[np.float64]:
    """Share of its range that a usual breath at the pace of each of the times keeps when flow is smoothed.

    Minutes that are rougher hold the noise of a sensor that is off, of which smoothing leaves little.
    """
    flow, onsets, rate_hz = breathing.flow, breathing.onsets, breathing.rate_hz
    onsets = onsets[breathing.roughness_at(onsets) <= max_roughness]
    kept = []
    for start, stop, period_s in breathing.pace.parts(len(flow), rate_hz):
        first, last = np.searchsorted(onsets, (start, stop))
        step = max(int(last - first) // N_SAMPLED_BREATHS, 1)
        middles = np.minimum(onsets[first:last:step] + int(period_s * rate_hz / 2), len(flow) - 1)
        shares = np.empty(len(middles), np.float64)
        n_half = int(breathing.pace.window_periods * period_s * rate_hz / 2)
        measure_smoothing(flow, middles, n_half, n_smooth, shares)
        shares = shares[~np.isnan(shares)]
        kept.append(float(np.median(shares)) if len(shares) else 1.0)
    return np.array(kept)[breathing.pace.places_at(times_s)]
