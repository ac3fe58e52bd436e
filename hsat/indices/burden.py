"""Hypoxic burden: the area of SpO2 below its baseline that belongs to events."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hsat.indices.measurements import Floats
from hsat.rules.model import ScoringRules

__all__ = ["hypoxic_area_percent_min"]


def hypoxic_area_percent_min(
    spo2_percent: Floats, rate_hz: float, stops_s: Sequence[float], rules: ScoringRules
) -> float:
    """Area between baseline and SpO2 over the night's own window, summed over events.

    Azarbarzin 2019: baseline is the maximum of the window before the event's end; the window
    comes from the mean curve aligned at event ends. Overlapping windows each count.
    """
    if not stops_s:
        return 0.0
    rule = rules.hypoxic_burden
    seconds = spo2_percent[:: int(rate_hz)]
    reach = int(max(rule.baseline_window_s, rule.search_before_s, rule.search_after_s))
    padded = np.concatenate((np.full(reach, np.nan), seconds, np.full(reach, np.nan))).astype(np.float64)
    ends = np.rint(np.asarray(stops_s)).astype(np.int64) + reach
    offsets = np.arange(-int(rule.search_before_s), int(rule.search_after_s) + 1)
    curves = padded[np.minimum(ends[:, None] + offsets, len(padded) - 1)]
    is_valid = ~np.isnan(curves)
    n_valid = is_valid.sum(axis=0)
    if n_valid.max() == 0:
        return 0.0
    mean = np.where(n_valid > 0, np.where(is_valid, curves, 0.0).sum(axis=0) / np.maximum(n_valid, 1), np.inf)
    end = int(rule.search_before_s)
    half = int(rule.smoothing_s / 2)
    around = np.pad(mean, half, mode="edge")
    smooth = np.mean(np.lib.stride_tricks.sliding_window_view(around, 2 * half + 1), axis=1)
    earliest = end - int(rule.nadir_from_s)
    nadir = earliest + int(np.argmin(smooth[earliest : end + int(rule.nadir_within_s) + 1]))
    first = nadir - _peak_beside(smooth[nadir::-1], rule.peak_prominence_fraction)
    last = nadir + _peak_beside(smooth[nadir:], rule.peak_prominence_fraction)
    before = padded[ends[:, None] + np.arange(-int(rule.baseline_window_s), 1)]
    baselines = np.max(np.where(np.isnan(before), -np.inf, before), axis=1)
    depth = np.nan_to_num(baselines[:, None] - curves[:, first : last + 1], nan=0.0, neginf=0.0)
    return float(np.sum(np.maximum(depth, 0.0))) / 60.0


def _peak_beside(curve: NDArray[np.float64], prominence_fraction: float) -> int:
    """Steps from a dip at the start of the curve to the first peak beside it.

    The curve must fall again from the peak by `prominence_fraction` of the rise from the dip to
    it; where it never does, the highest point is the peak.
    """
    highest = 0
    for i in range(1, len(curve)):
        if not np.isfinite(curve[i]):
            break
        if curve[i] > curve[highest]:
            highest = i
        elif curve[highest] - curve[i] > prominence_fraction * (curve[highest] - curve[0]):
            break
    return highest
