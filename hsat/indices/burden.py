"""Hypoxic burden: area of SpO2 below its baseline, of events and of desaturations."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hsat.events import Desaturation
from hsat.indices.aligned import align_at_ends, mean_curve, steps_to_peak
from hsat.indices.measurements import Floats
from hsat.kernels.oxygen import fall_areas
from hsat.rules.model import ScoringRules

__all__ = ["desaturation_areas_percent_min", "hypoxic_area_percent_min"]

SECONDS_PER_MINUTE = 60.0


def hypoxic_area_percent_min(
    spo2_percent: Floats, rate_hz: float, stops_s: Sequence[float], rules: ScoringRules
) -> float:
    """Area between baseline and SpO2 over the night's own window, summed over events.

    Parameters
    ----------
    spo2_percent : ndarray, shape (n,), float32
        NaN where missing; missing seconds add nothing.
    rate_hz : float
    stops_s : sequence of float
        Ends of the events, rising.
    rules : ScoringRules
        ``[hypoxic_burden]`` is used.

    Returns
    -------
    float
        Percent times minutes; 0 without an event.

    Notes
    -----
    Azarbarzin 2019: the baseline is the highest value of the window before the event's end; the
    window comes from the mean curve aligned at event ends. A second that lies in the windows of
    two events counts once, with the first (Sutherland 2022).
    """
    if not len(stops_s):
        return 0.0
    rule = rules.hypoxic_burden
    ends_s = np.asarray(stops_s, dtype=np.float64)
    before_s = max(rule.search_before_s, rule.baseline_window_s)
    aligned = align_at_ends(spo2_percent, rate_hz, ends_s, before_s, rule.search_after_s)
    end = int(before_s)
    curves = aligned[:, end - int(rule.search_before_s) :]
    if np.isnan(curves).all():
        return 0.0
    mean = mean_curve(curves, rule.smoothing_s)
    first, last = _window(np.where(np.isnan(mean), np.inf, mean), rules)
    baselines = np.fmax.reduce(aligned[:, end - int(rule.baseline_window_s) : end + 1], axis=1)
    depth = np.fmax(baselines[:, None] - curves[:, first : last + 1], 0.0)  # fmax: missing is 0
    places = np.rint(ends_s).astype(np.int64)[:, None] + np.arange(first, last + 1)
    is_fresh = places[1:] > np.maximum.accumulate(places[:-1, -1])[:, None]
    depth[1:][~is_fresh] = 0.0
    return float(np.sum(depth)) / SECONDS_PER_MINUTE


def _window(curve: NDArray[np.float64], rules: ScoringRules) -> tuple[int, int]:
    """First and last column of the dip: between the two peaks beside its lowest point."""
    rule = rules.hypoxic_burden
    end = int(rule.search_before_s)
    earliest = end - int(rule.nadir_from_s)
    nadir = earliest + int(np.argmin(curve[earliest : end + int(rule.nadir_within_s) + 1]))
    turn, share = rule.peak_prominence_fraction, rule.peak_share_fraction
    first = nadir - steps_to_peak(curve[nadir::-1].tolist(), turn, share)
    return first, nadir + steps_to_peak(curve[nadir:].tolist(), turn, share)


def desaturation_areas_percent_min(
    spo2_percent: Floats, rate_hz: float, desaturations: Sequence[Desaturation], rules: ScoringRules
) -> NDArray[np.float64]:
    """Area of every desaturation below its own baseline, whatever breathing did.

    Parameters
    ----------
    spo2_percent : ndarray, shape (n,), float32
        NaN where missing; missing samples add nothing.
    rate_hz : float
    desaturations : sequence of Desaturation
        In order of time.
    rules : ScoringRules
        ``[desaturation_burden]``, ``[desaturation]`` and ``[probe_off]`` are used.

    Returns
    -------
    ndarray, shape (k,), float64
        Percent times minutes, each from the fall's start until SpO2 is back, see
        `hsat.kernels.oxygen.fall_areas`.
    """
    rows_s = np.column_stack(
        ([fall.start_s for fall in desaturations], [fall.nadir_s for fall in desaturations])
    )
    areas = np.empty(len(desaturations))
    fall_areas(
        spo2_percent,
        np.rint(rows_s * rate_hz).astype(np.int64),
        np.array([fall.baseline_percent for fall in desaturations], dtype=np.float64),
        rules.desaturation.resaturation_points,
        int(rules.desaturation_burden.max_recovery_s * rate_hz),
        int(rules.probe_off.min_duration_s * rate_hz),
        areas,
    )
    return areas / rate_hz / SECONDS_PER_MINUTE
