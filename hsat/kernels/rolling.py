"""Statistics of a sliding window over regular samples."""

import numpy as np

from hsat.kernels import inner_kernel, kernel

__all__ = ["held_level", "moving_mean", "rolling_range", "subtract_drift"]


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


@inner_kernel
def _subtract_at_edge(values, half_width, i, ring, totals, rest):
    """One step of `subtract_drift` where a window of either mean shrinks; returns both totals."""
    n, n_ring, width = len(values), len(ring), 2 * half_width + 1
    share = 1.0 / width
    total, total_of_means = totals
    leaves = i - half_width - 1
    if i + half_width < n and leaves >= 0:
        total += float(values[i + half_width]) - float(values[leaves])
        ring[i & (n_ring - 1)] = total * share
    elif i < n:
        if i + half_width < n:
            total += values[i + half_width]
        if leaves >= 0:
            total -= values[leaves]
        ring[i & (n_ring - 1)] = total / (min(i + half_width, n - 1) - max(leaves + 1, 0) + 1)
    k = i - half_width  # the sample whose mean of means is complete
    leaves = i - width
    if i < n and leaves >= 0:
        total_of_means += float(ring[i & (n_ring - 1)]) - float(ring[leaves & (n_ring - 1)])
        rest[k] = values[k] - np.float32(total_of_means * share)
        return total, total_of_means
    if i < n:
        total_of_means += ring[i & (n_ring - 1)]
    if leaves >= 0:
        total_of_means -= ring[leaves & (n_ring - 1)]
    if k >= 0:
        mean = total_of_means / (min(i, n - 1) - max(leaves + 1, 0) + 1)
        rest[k] = values[k] - np.float32(mean)
    return total, total_of_means


@kernel
def subtract_drift(values, half_width, rest):
    """Values without their drift: the moving mean of their moving mean, see `moving_mean`.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        Finite samples.
    half_width : int
        As of `moving_mean`, of both.
    rest : ndarray, shape (n,), float32
        Filled in place.
    """
    # Both means run side by side, the second half a window behind: each step of a running sum has to
    # wait for the one before, and two that do not wait for each other take the time of one. Of the
    # first mean only the window of the second is kept, in a ring.
    n = len(values)
    width = 2 * half_width + 1
    share = 1.0 / width
    n_ring = 1
    while n_ring < width + 1:
        n_ring *= 2
    ring = np.empty(n_ring, np.float32)
    total = 0.0
    for i in range(min(half_width, n)):
        total += values[i]
    totals = (total, 0.0)
    start = min(width, n)
    stop = max(n - half_width, start)  # between them, no window shrinks
    for i in range(start):
        totals = _subtract_at_edge(values, half_width, i, ring, totals, rest)
    total, total_of_means = totals
    enters, leaves = values[start + half_width : stop + half_width], values[start - half_width - 1 : stop]
    here, out = values[start - half_width : stop], rest[start - half_width : stop]
    for j in range(stop - start):
        total += float(enters[j]) - float(leaves[j])
        mean = np.float32(total * share)
        ring[(start + j) & (n_ring - 1)] = mean
        total_of_means += float(mean) - float(ring[(start + j - width) & (n_ring - 1)])
        out[j] = here[j] - np.float32(total_of_means * share)
    totals = (total, total_of_means)
    for i in range(stop, n + half_width):
        totals = _subtract_at_edge(values, half_width, i, ring, totals, rest)


CHUNK = 1024
"""Windows whose extremes are found together: their work space fits into the first-level cache."""


@inner_kernel
def _fill(values, first, n, outside, chunk):
    """Copy ``values[first : first + n]``; what lies outside the series is `outside`."""
    n_before = min(max(-first, 0), n)
    inside = values[first + n_before : first + n]
    if len(inside) < n:
        for i in range(n):
            chunk[i] = outside
    target = chunk[n_before : n_before + len(inside)]
    for i in range(len(inside)):
        target[i] = inside[i]


@inner_kernel
def _smaller(values, n, step, lowest):
    """Smaller one of each of the first `n` values and the one `step` samples later."""
    here, later, out = values[:n], values[step : step + n], lowest[:n]
    for i in range(n):
        out[i] = later[i] if later[i] < here[i] else here[i]


@inner_kernel
def _larger(values, n, step, highest):
    """Larger one of each of the first `n` values and the one `step` samples later."""
    here, later, out = values[:n], values[step : step + n], highest[:n]
    for i in range(n):
        out[i] = later[i] if later[i] > here[i] else here[i]


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
    # Doubling: the extreme of a window of two is that of two samples, of four that of two windows of
    # two, and so on; the last two overlap. Seven passes for 81 samples, each over neighbours that
    # the processor takes many at a time, which no running maximum allows.
    # Comparisons instead of max() and min(): those test for NaN, which the values never are.
    n = len(values)
    width = 2 * half_width + 1
    size = CHUNK + width - 1
    low, high = np.empty(size, np.float32), np.empty(size, np.float32)
    next_low, next_high = np.empty(size, np.float32), np.empty(size, np.float32)
    for start in range(0, n, CHUNK):
        count = min(CHUNK, n - start)
        n_left = count + width - 1
        _fill(values, start - half_width, n_left, np.float32(np.inf), low)
        _fill(values, start - half_width, n_left, np.float32(-np.inf), high)
        reach = 1
        while reach < width:
            step = min(reach, width - reach)
            n_left -= step
            _smaller(low, n_left, step, next_low)
            _larger(high, n_left, step, next_high)
            low, next_low = next_low, low
            high, next_high = next_high, high
            reach += step
        out = ranges[start : start + count]
        for i in range(count):
            out[i] = high[i] - low[i]


@kernel
def held_level(values, width, held):
    """Level that is held from each sample on: the smallest of the next `width` samples.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        Finite, NaN where missing.
    width : int
        Samples that must hold the level, the first included.
    held : ndarray, shape (n,), float32
        Filled in place; NaN where the window holds a missing sample or passes the end.
    """
    # By doubling, as `rolling_range`: what is missing is the smallest of all until the end.
    n = len(values)
    low, next_low = np.empty(CHUNK + width - 1, np.float32), np.empty(CHUNK + width - 1, np.float32)
    for start in range(0, n, CHUNK):
        count = min(CHUNK, n - start)
        n_left = count + width - 1
        n_there = min(n_left, n - start)
        there = values[start : start + n_there]
        for i in range(len(there)):
            low[i] = there[i] if there[i] == there[i] else np.float32(-np.inf)
        low[n_there:n_left] = -np.inf
        reach = 1
        while reach < width:
            step = min(reach, width - reach)
            n_left -= step
            _smaller(low, n_left, step, next_low)
            low, next_low = next_low, low
            reach += step
        out = held[start : start + count]
        for i in range(len(out)):
            out[i] = low[i] if low[i] > -np.inf else np.float32(np.nan)
