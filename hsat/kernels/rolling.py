"""Statistics of a sliding window over regular samples."""

import numpy as np

from hsat.kernels import kernel

__all__ = ["held_level", "moving_mean", "rolling_range"]


@kernel
def moving_mean(values, half_width, means):
    """Mean over a centred window that shrinks at the ends.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        Finite samples.
    half_width : int
        The window of sample ``i`` is ``i - half_width`` to ``i + half_width``, both included.
    means : ndarray, shape (n,), float32
        Filled in place.
    """
    n = len(values)
    total = 0.0
    count = 0
    for i in range(min(half_width, n)):
        total += values[i]
        count += 1
    for i in range(n):
        enters = i + half_width
        leaves = i - half_width - 1
        if enters < n:
            total += values[enters]
            count += 1
        if leaves >= 0:
            total -= values[leaves]
            count -= 1
        means[i] = total / count


@kernel
def rolling_range(values, half_width, ranges):
    """Largest minus smallest value in a centred window that shrinks at the ends.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        Finite samples.
    half_width : int
        The window of sample ``i`` is ``i - half_width`` to ``i + half_width``, both included.
    ranges : ndarray, shape (n,), float32
        Filled in place.
    """
    n = len(values)
    size = 2 * half_width + 2
    falling = np.empty(size, np.int64)  # ring of indices whose values fall: the first is the largest
    rising = np.empty(size, np.int64)
    head_f, n_f, head_r, n_r = 0, 0, 0, 0
    entered = 0
    for i in range(n):
        stop = min(i + half_width + 1, n)
        while entered < stop:
            value = values[entered]
            while n_f > 0 and values[falling[(head_f + n_f - 1) % size]] <= value:
                n_f -= 1
            falling[(head_f + n_f) % size] = entered
            n_f += 1
            while n_r > 0 and values[rising[(head_r + n_r - 1) % size]] >= value:
                n_r -= 1
            rising[(head_r + n_r) % size] = entered
            n_r += 1
            entered += 1
        first = i - half_width
        while falling[head_f] < first:
            head_f = (head_f + 1) % size
            n_f -= 1
        while rising[head_r] < first:
            head_r = (head_r + 1) % size
            n_r -= 1
        ranges[i] = values[falling[head_f]] - values[rising[head_r]]


@kernel
def held_level(values, width, held):
    """Level that is held from each sample on: the smallest of the next `width` samples.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        NaN where missing.
    width : int
        Samples that must hold the level, the first included.
    held : ndarray, shape (n,), float32
        Filled in place; NaN where the window holds a missing sample or passes the end.
    """
    n = len(values)
    for i in range(n):
        lowest = np.inf
        for j in range(i, i + width):
            if j >= n or np.isnan(values[j]):
                lowest = np.nan
                break
            lowest = min(lowest, values[j])
        held[i] = lowest
