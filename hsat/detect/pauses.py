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
        ``[apnea]`` and ``[ventilation]`` are used.
    is_pressure : bool
        Whether breathing was measured on nasal pressure that was not linearised.

    Returns
    -------
    Pauses
    """
    apnea, rate_hz = rules.apnea, breathing.rate_hz
    n_reach = int(breathing.window_s * rate_hz / 2)
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
            rest_of(least) * _kept_by_smoothing(breathing, n_smooth),
            n_smooth,
            int(apnea.window_periods * breathing.period_s * rate_hz / 2),
            n_reach,
            int(apnea.nadir_within_periods * breathing.period_s * rate_hz),
            apnea.nadir_rise_fraction,
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
    pauses_s = pauses / rate_hz
    middles_s = (pauses_s[:, 1] + pauses_s[:, 2]) / 2
    half_s = np.maximum((pauses_s[:, 2] - pauses_s[:, 1] - breathing.window_s) / 2, 0.0)
    return Pauses(
        spans_s=pauses_s[:, ::2],
        core_spans_s=np.column_stack((middles_s - half_s, middles_s + half_s)),
        reduction_fractions=reductions,
    )


def _kept_by_smoothing(breathing: Breathing, n_smooth: int) -> float:
    """Share of its range that a usual breath of the night keeps when flow is smoothed."""
    step = max(len(breathing.onsets) // N_SAMPLED_BREATHS, 1)
    half_period = int(breathing.period_s * breathing.rate_hz / 2)
    middles = np.minimum(breathing.onsets[::step] + half_period, len(breathing.flow) - 1)
    shares = np.empty(len(middles), np.float64)
    measure_smoothing(
        breathing.flow, middles, int(breathing.window_s * breathing.rate_hz / 2), n_smooth, shares
    )
    shares = shares[~np.isnan(shares)]
    return float(np.median(shares)) if len(shares) else 1.0
