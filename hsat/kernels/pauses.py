"""Pauses of breathing: where flow stands still within reduced breathing."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.kernels import inner_kernel, kernel

__all__ = ["PauseLimits", "find_nadirs", "find_pauses", "measure_smoothing"]


class PauseLimits(NamedTuple):
    """Numbers of the apnea rule, times in samples; arrays have one value for each stretch.

    Attributes
    ----------
    low_fraction : float
        A stretch with a pause has an excursion of at most this fraction of the baseline somewhere,
        whatever the heart adds to it.
    still_fraction : ndarray, shape (k,), float64
        Flow stands still where its range is at most this fraction of the baseline.
    n_smooth : int
        Half the width of the mean that takes the heart's beat out of flow.
    n_half_window : ndarray, shape (k,), int64
        Half the width of the window that the range is taken over.
    n_reach : ndarray, shape (k,), int64
        Samples beyond either end of a stretch that a pause in it may reach.
    n_back : ndarray, shape (k,), int64
        Samples before a pause in which the nadir of the breath before it is looked for.
    rise_fraction : float
        The nadir is the last one that flow fell to by this fraction of the baseline.
    """

    low_fraction: float
    still_fraction: NDArray[np.float64]
    n_smooth: int
    n_half_window: NDArray[np.int64]
    n_reach: NDArray[np.int64]
    n_back: NDArray[np.int64]
    rise_fraction: float


@inner_kernel
def _smooth(flow, start, stop, n_smooth, smooth):
    """Mean of `flow` around each sample of ``[start, stop)`` into the head of `smooth`."""
    n = len(flow)
    total = 0.0
    for j in range(max(start - n_smooth, 0), min(start + n_smooth, n)):
        total += flow[j]
    for i in range(start, stop):
        if i + n_smooth < n:
            total += flow[i + n_smooth]
        smooth[i - start] = total / (min(i + n_smooth, n - 1) - max(i - n_smooth, 0) + 1)
        if i - n_smooth >= 0:
            total -= flow[i - n_smooth]


@kernel
def measure_smoothing(flow, middles, n_half, n_smooth, shares):
    """Share of its range that each breath keeps when flow is smoothed.

    Parameters
    ----------
    flow : ndarray, shape (n,), float32
        Finite.
    middles : ndarray, shape (m,), int64
        A sample in the middle of each breath.
    n_half, n_smooth : int
        Half the width of the window around a breath, and of the mean that smooths.
    shares : ndarray, shape (m,), float64
        Filled in place: range of smoothed flow over range of flow; NaN where flow has none.
    """
    smooth = np.empty(2 * n_half + 1, np.float32)
    for k in range(len(middles)):
        start = max(middles[k] - n_half, 0)
        stop = min(middles[k] + n_half + 1, len(flow))
        _smooth(flow, start, stop, n_smooth, smooth)
        largest, smallest = flow[start], flow[start]
        largest_smooth, smallest_smooth = smooth[0], smooth[0]
        for i in range(start, stop):
            largest = max(largest, flow[i])
            smallest = min(smallest, flow[i])
            largest_smooth = max(largest_smooth, smooth[i - start])
            smallest_smooth = min(smallest_smooth, smooth[i - start])
        shares[k] = np.nan
        if largest > smallest:
            shares[k] = (largest_smooth - smallest_smooth) / (largest - smallest)


@inner_kernel
def _longest_still(smooth, n_part, n_half, limit, from_, to):
    """Longest run of samples around which flow keeps within `limit`; it must touch ``[from_, to)``.

    The window of a sample shrinks at the ends of the part. Returns start, stop and the mean range
    over the run; an empty run where there is none.
    """
    best_start, best_stop, best_mean = 0, 0, 0.0
    run_start = 0
    total = 0.0
    largest, smallest = smooth[0], smooth[0]
    for i in range(n_part + 1):
        is_still = False
        if i < n_part:
            # Extremes of the window before hold on, unless the sample that leaves it is one of them.
            leaves = i - n_half - 1
            is_known = i > run_start and (leaves < 0 or smallest < smooth[leaves] < largest)
            first = i + n_half if is_known else max(i - n_half, 0)
            window = smooth[first : min(i + n_half + 1, n_part)]
            if not is_known:
                largest, smallest = window[0], window[0]
            for j in range(len(window)):  # to its end: a look for a way out takes longer
                largest = max(largest, window[j])
                smallest = min(smallest, window[j])
            is_still = largest - smallest <= limit
            if is_still:
                total += largest - smallest
        if not is_still:
            if i - run_start > best_stop - best_start and i > from_ and run_start < to:
                best_start, best_stop, best_mean = run_start, i, total / (i - run_start)
            run_start = i + 1
            total = 0.0
    return best_start, best_stop, best_mean


@inner_kernel
def _edge(flow, start, step, n_most, level, limit):
    """Walk from `start` for at most `n_most` samples, as long as flow keeps within `limit` of `level`."""
    at = start
    for _ in range(n_most):
        if abs(flow[at + step] - level) > limit:
            break
        at += step
    return at


@inner_kernel
def _last_nadir(flow, is_missing, start, earliest, rise):
    """Lowest sample from `start` backwards, as far as flow has not risen by `rise` above it."""
    lowest_at = start
    j = start - 1
    while j >= earliest and not is_missing[j] and flow[j] <= flow[lowest_at] + rise:
        if flow[j] < flow[lowest_at]:
            lowest_at = j
        j -= 1
    return lowest_at


@kernel
def find_nadirs(flow, is_missing, starts, n_back, rises, nadirs):
    """Find the nadir of flow before each of some samples.

    Parameters
    ----------
    flow : ndarray, shape (n,), float32
        Finite.
    is_missing : ndarray, shape (n,), bool
        No nadir lies beyond a missing sample.
    starts : ndarray, shape (k,), int64
        Within flow.
    n_back : ndarray, shape (k,), int64
        Samples back to which each is looked for.
    rises : ndarray, shape (k,), float64
        The nadir is the last one that flow fell to by this much.
    nadirs : ndarray, shape (k,), int64
        Filled in place.
    """
    for k in range(len(starts)):
        nadirs[k] = _last_nadir(flow, is_missing, starts[k], max(starts[k] - n_back[k], 0), rises[k])


@inner_kernel
def _lowest(values, start, stop):
    """Smallest value of ``values[start:stop]``."""
    lowest = np.inf
    part = values[start:stop]
    for i in range(len(part)):
        lowest = min(lowest, part[i])
    return lowest


@kernel
def find_pauses(flow, excursion, is_missing, spans, span_baselines, limits, pauses, reductions):
    """Find the longest pause in each stretch of reduced breathing.

    Flow is smoothed first, so that the beat of the heart does not pass for breaths. A pause is the
    longest run of samples around which smoothed flow keeps within a small range, half a window
    longer at either end, so that its edges are those of the still flow. It begins at the nadir of
    the breath before it.

    Parameters
    ----------
    flow : ndarray, shape (n,), float32
        Flow without drift, inspiration upwards; finite.
    excursion : ndarray, shape (n,), float32
        Its range in a window of about one breath.
    is_missing : ndarray, shape (n,), bool
        No pause reaches across a missing sample.
    spans : ndarray, shape (k, 2), int64
        Rising, without overlap. A pause touches its own stretch and keeps out of the pause before.
    span_baselines : ndarray, shape (k,), float64
    limits : PauseLimits
    pauses : ndarray, shape (k, 3), int64
        Filled in place: nadir of the breath before, start and stop of still flow; all equal where
        there is none.
    reductions : ndarray, shape (k,), float64
        Filled in place: 1 minus the mean range of still flow over the baseline; NaN where there
        is none.
    """
    n = len(flow)
    longest = 0
    for k in range(len(spans)):
        longest = max(longest, spans[k, 1] - spans[k, 0] + 2 * limits.n_reach[k])
    smooth = np.empty(longest, np.float32)
    for k in range(len(spans)):
        first = max(spans[k, 0] - limits.n_reach[k], 0 if k == 0 else pauses[k - 1, 2])
        last = min(spans[k, 1] + limits.n_reach[k], n)
        start, stop = max(spans[k, 0], first), spans[k, 1]
        while start > first and not is_missing[start - 1]:
            start -= 1
        while stop < last and not is_missing[stop]:
            stop += 1
        pauses[k, :] = start
        reductions[k] = np.nan
        if start >= stop:  # the pause of the stretch before goes on through this one
            continue
        if _lowest(excursion, spans[k, 0], spans[k, 1]) > limits.low_fraction * span_baselines[k]:
            continue
        _smooth(flow, start, stop, limits.n_smooth, smooth)
        limit = limits.still_fraction[k] * span_baselines[k]
        n_half = limits.n_half_window[k]
        run_start, run_stop, mean = _longest_still(
            smooth, stop - start, n_half, limit, spans[k, 0] - start, spans[k, 1] - start
        )
        if run_stop == run_start:
            continue
        still_start = max(start + run_start - n_half, start)
        still_stop = min(start + run_stop + n_half, stop)
        # Smoothing took the edges off: they are looked for in flow itself.
        level = smooth[still_start - start]
        n_most = min(limits.n_smooth, still_start - start)
        still_start = _edge(flow, still_start, -1, n_most, level, limit)
        level = smooth[still_stop - 1 - start]
        n_most = min(limits.n_smooth, stop - still_stop)
        still_stop = 1 + _edge(flow, still_stop - 1, 1, n_most, level, limit)
        earliest = max(still_start - limits.n_back[k], 0 if k == 0 else pauses[k - 1, 2])
        rise = limits.rise_fraction * span_baselines[k]
        pauses[k, 0] = _last_nadir(flow, is_missing, still_start, earliest, rise)
        pauses[k, 1] = still_start
        pauses[k, 2] = still_stop
        reductions[k] = 1.0 - mean / span_baselines[k]
