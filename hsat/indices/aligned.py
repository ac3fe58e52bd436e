"""Curves aligned at the ends of events, their mean, and the night's own window in it."""

from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from hsat.indices.measurements import Floats

__all__ = ["align_at_ends", "mean_curve", "steps_to_peak"]

Curves = NDArray[np.float64]


def align_at_ends(
    values: Floats, rate_hz: float, ends_s: NDArray[np.float64], before_s: float, after_s: float
) -> Curves:
    """One row an event: the value in every whole second around the event's end.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        NaN where missing.
    rate_hz : float
        A whole number.
    ends_s : ndarray, shape (k,), float64
    before_s, after_s : float
        Whole seconds before and after the end, both included.

    Returns
    -------
    ndarray, shape (k, before_s + after_s + 1), float64
        NaN also where the recording has not begun or is over.
    """
    seconds = values[:: int(rate_hz)]
    width = int(before_s) + int(after_s) + 1
    padded = np.full(len(seconds) + 2 * width, np.nan)
    padded[width : width + len(seconds)] = seconds
    firsts = np.rint(ends_s).astype(np.int64) - int(before_s) + width
    rows = _windows(padded, width)
    aligned: Curves = rows[np.clip(firsts, 0, len(rows) - 1)]
    return aligned


def _windows(values: Curves, width: int) -> Curves:
    """Every window of the values as a row, without a copy; values in one piece, at least one window."""
    # What `sliding_window_view` gives, of which 50 microseconds go into its checks.
    shape = (len(values) - width + 1, width)
    return np.ndarray(shape, values.dtype, values, strides=(values.itemsize, values.itemsize))


def mean_curve(curves: Curves, smoothing_s: float) -> Curves:
    """Mean of the rows where they are valid, smoothed by a moving mean.

    Parameters
    ----------
    curves : ndarray, shape (k, n), float64
        One row an event, one column a second; NaN where missing.
    smoothing_s : float
        Width of the moving mean in seconds.

    Returns
    -------
    ndarray, shape (n,), float64
        NaN within half a smoothing width of seconds in which no row is valid.
    """
    mean = curves.sum(axis=0) / len(curves)
    if np.isnan(mean).any():
        is_valid = ~np.isnan(curves)
        n_valid = is_valid.sum(axis=0)
        sums = np.where(is_valid, curves, 0.0).sum(axis=0)
        mean = np.where(n_valid > 0, sums / np.maximum(n_valid, 1), np.nan)
    half = int(smoothing_s / 2)
    around = np.concatenate((np.full(half, mean[0]), mean, np.full(half, mean[-1])))
    smooth: Curves = np.mean(_windows(around, 2 * half + 1), axis=1)
    return smooth


def steps_to_peak(curve: Sequence[float], turn_fraction: float, share_fraction: float) -> int:
    """Steps from a dip at the start of a curve to the peak beside it.

    Parameters
    ----------
    curve : sequence of float, length n
        Seconds from the dip on; what follows a number that is not finite is not looked at.
    turn_fraction : float
        The curve is followed until it has fallen from its highest point by this part of the rise
        from the dip to it.
    share_fraction : float
        The first point that the curve falls from is the peak if it has this share of that rise.

    Returns
    -------
    int
        0 where the curve does not rise, or does not begin with a number. Where it never falls, its
        highest point is the peak.
    """
    highest = 0
    turns: list[int] = []
    if len(curve) == 0 or not isfinite(curve[0]):
        return 0
    for i in range(1, len(curve)):
        if not isfinite(curve[i]):
            break
        if curve[i] > curve[highest]:
            highest = i
        elif curve[i] < curve[highest]:
            if not turns or turns[-1] != highest:
                turns.append(highest)
            if curve[highest] - curve[i] > turn_fraction * (curve[highest] - curve[0]):
                break
    least = curve[0] + share_fraction * (curve[highest] - curve[0])
    return next((place for place in turns if curve[place] >= least), highest)
