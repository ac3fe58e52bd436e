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
    share = 1.0 / (2 * half_width + 1)
    total = 0.0
    for i in range(min(half_width, n)):
        total += values[i]
    for i in range(n):
        enters = i + half_width
        leaves = i - half_width - 1
        if enters < n and leaves >= 0:
            total += float(values[enters]) - float(values[leaves])
            means[i] = total * share
            continue
        if enters < n:
            total += values[enters]
        if leaves >= 0:
            total -= values[leaves]
        means[i] = total / (min(enters, n - 1) - max(leaves + 1, 0) + 1)


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
    # van Herk 1992, Gil and Werman 1993: cut time into blocks as wide as the window; any window is
    # the end of one block and the start of the next, so extremes from a block's right edge and from
    # the next one's left edge give those of every window between. Only one block is kept.
    # Comparisons instead of max() and min(): those test for NaN, which the values never are.
    n = len(values)
    width = 2 * half_width + 1
    largest_right = np.empty(width, np.float32)
    smallest_right = np.empty(width, np.float32)
    for block in range(-half_width, n, width):  # block holds block, ..., block + width - 1
        largest = np.float32(-np.inf)
        smallest = np.float32(np.inf)
        for k in range(width - 1, -1, -1):
            i = block + k
            if 0 <= i < n:
                largest = values[i] if values[i] > largest else largest
                smallest = values[i] if values[i] < smallest else smallest
            largest_right[k] = largest
            smallest_right[k] = smallest
        largest = np.float32(-np.inf)
        smallest = np.float32(np.inf)
        for k in range(width):  # the window that starts at block + k and is width samples wide
            if k > 0:
                i = block + width + k - 1
                if i < n:
                    largest = values[i] if values[i] > largest else largest
                    smallest = values[i] if values[i] < smallest else smallest
            middle = block + k + half_width
            if middle < n:
                top = largest_right[k] if largest_right[k] > largest else largest
                bottom = smallest_right[k] if smallest_right[k] < smallest else smallest
                ranges[middle] = top - bottom


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
