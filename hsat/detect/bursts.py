"""Bursts of movement that must not pass for what is usual in the minutes around."""

import numpy as np
from numpy.typing import NDArray

from hsat.intervals import spans_from_mask
from hsat.rules.model import BaselineRule

__all__ = ["find_bursts"]

Sizes = NDArray[np.float32]


def find_bursts(by_second: Sizes, usual: Sizes, step_s: int, rule: BaselineRule) -> NDArray[np.bool_]:
    """Seconds in which flow swings further than breathing does around, but not for long.

    Breaths are found again: in a run of events a large breath comes back at least every
    ``max_run_reduction_s``, however small the others are, and where a sensor shows more from some
    time on, all of it is large. Hence what is compared with is the range that every stretch of
    ``max_run_reduction_s`` reaches, in the ``outlier_window_s`` before or in those after, whichever is
    more. Movement leaves stretches free before and after, until there is more of it than breathing.

    Parameters
    ----------
    by_second : ndarray, shape (n,), float32
        Range of flow around every second; 0 where flow is missing.
    usual : ndarray, shape (ceil(n / step_s),), float32
        Median excursion of the breaths around: what is reached is no less.
    step_s : int
        Seconds of the grid of `usual`.
    rule : BaselineRule

    Returns
    -------
    ndarray, shape (n,), bool
        All False where nothing is known of what is around.
    """
    padded = np.zeros(len(usual) * step_s, np.float32)
    padded[: len(by_second)] = by_second
    half, n_window = int(rule.max_run_reduction_s / (2 * step_s)), int(rule.outlier_window_s / step_s)
    # One row a second of the step: numpy compares whole rows at a time.
    highest = np.ascontiguousarray(padded.reshape(-1, step_s).T).max(axis=0)
    reached = _in_windows(np.maximum, np.pad(highest, half), 2 * half + 1)
    reached[reached == 0] = np.inf  # no flow: it says nothing
    lowest = _in_windows(np.minimum, np.pad(reached, n_window, constant_values=np.inf), n_window + 1)
    before, after = lowest[: len(usual)].copy(), lowest[n_window:].copy()
    before[np.isinf(before)] = 0.0  # what the other side says counts
    after[np.isinf(after)] = 0.0
    limit = np.float32(rule.burst_ratio) * np.maximum(np.maximum(before, after), usual)
    limit[limit == 0] = np.inf
    is_burst: NDArray[np.bool_] = padded > np.repeat(limit, step_s)
    if is_burst.any():
        for start, stop in spans_from_mask(is_burst, 1.0).astype(np.int64).tolist():
            if stop - start > rule.max_burst_s:
                is_burst[start:stop] = False
    return is_burst[: len(by_second)]


def _in_windows(extreme: np.ufunc, values: Sizes, n: int) -> Sizes:
    """Largest or smallest of every `n` neighbours, shape (len(values) - n + 1,), by doubling windows."""
    width = 1
    while 2 * width <= n:
        values = extreme(values[:-width], values[width:])
        width *= 2
    rest = n - width
    found: Sizes = extreme(values[: len(values) - rest], values[rest:])
    return found
