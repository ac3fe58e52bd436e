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
    # van Herk 1992, Gil and Werman 1993: extremes from the left and from the right edge of blocks
    # as wide as the window; any window is the end of one block and the start of the next.
    n = len(values)
    width = 2 * half_width + 1
    n_padded = n + 2 * half_width
    n_padded += -n_padded % width
    largest_left = np.full(n_padded, -np.inf, np.float32)
    smallest_left = np.full(n_padded, np.inf, np.float32)
    largest_left[half_width : half_width + n] = values
    smallest_left[half_width : half_width + n] = values
    largest_right = largest_left.copy()
    smallest_right = smallest_left.copy()
    # Comparisons instead of max() and min(): those test for NaN, which the values never are.
    for block in range(0, n_padded, width):
        largest = largest_left[block]
        smallest = smallest_left[block]
        for i in range(block, block + width):
            largest = largest_left[i] if largest_left[i] > largest else largest
            smallest = smallest_left[i] if smallest_left[i] < smallest else smallest
            largest_left[i] = largest
            smallest_left[i] = smallest
        largest = largest_right[block + width - 1]
        smallest = smallest_right[block + width - 1]
        for i in range(block + width - 1, block - 1, -1):
            largest = largest_right[i] if largest_right[i] > largest else largest
            smallest = smallest_right[i] if smallest_right[i] < smallest else smallest
            largest_right[i] = largest
            smallest_right[i] = smallest
    for i in range(n):
        j = i + width - 1
        top = largest_right[i] if largest_right[i] > largest_left[j] else largest_left[j]
        bottom = smallest_right[i] if smallest_right[i] < smallest_left[j] else smallest_left[j]
        ranges[i] = top - bottom


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
