"""The baseline of breaths, and the stretches in which breathing is reduced."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.kernels import inner_kernel, kernel

__all__ = [
    "BaselineLimits",
    "SpanLimits",
    "find_reductions",
]

CLOSED, TOO_LONG, INTERRUPTED = 0, 1, 2


class BaselineLimits(NamedTuple):
    """Numbers of the baseline rule, times in samples.

    Attributes
    ----------
    n_window, n_oldest : int
        Samples before a breath from which its baseline is taken, and where these hold fewer than
        `n_largest` breaths, the samples back to which the last so many are looked for. Where these
        are missing too, the breaths of the window that follows are taken.
    n_largest : int
        Breaths of the "largest breaths" rule, and the fewest a baseline may rest on.
    max_variation : float
        Coefficient of variation up to which breathing is stable.
    sigh_ratio : float
        A breath this many times the one `n_largest` ranks below is a sigh.
    max_sigh_share : float
        Sighs are at most this share of the breaths; one there may always be.
    floor : float
        Fraction of the largest breath below which a ripple is no breath.
    """

    n_window: int
    n_oldest: int
    n_largest: int
    max_variation: float
    sigh_ratio: float
    max_sigh_share: float
    floor: float


class SpanLimits(NamedTuple):
    """Numbers of the event span rule, times in samples.

    Attributes
    ----------
    enter_fraction : float
        A stretch starts where the excursion falls below this fraction of the baseline.
    recovery_fraction : float
        Rise from the lowest excursion towards the baseline that ends a stretch.
    floor_fraction : float
        A stretch goes on, outwards from its lowest sample, at least while the excursion is below
        this fraction of the baseline.
    n_recovery : int
        Samples for which the rise must hold.
    n_after : ndarray, shape (m,), int64
        Samples after a stretch that show what breathing came back to, of the last breath before it.
    n_longest : int
        Samples after which a stretch is given up.
    """

    enter_fraction: float
    recovery_fraction: float
    floor_fraction: float
    n_recovery: int
    n_after: NDArray[np.int64]
    n_longest: int


@inner_kernel
def _mean_and_variance(values):
    """Mean of some values, and the mean squared distance from it."""
    total = 0.0
    for value in values:
        total += value
    mean = total / len(values)
    total = 0.0
    for value in values:
        total += (value - mean) ** 2
    return mean, total / len(values)


@inner_kernel
def _insert(value, ordered, count):
    """Put a value in its place among the first `count`, which rise; return the new count.

    By insertion: neighbours are alike and windows short, and nothing is allocated.
    """
    place = count
    while place > 0 and ordered[place - 1] > value:
        ordered[place] = ordered[place - 1]
        place -= 1
    ordered[place] = value
    return count + 1


@inner_kernel
def _remove(value, ordered, count):
    """Take a value out of the first `count`, which rise and hold it; return the new count."""
    place = count - 1
    while ordered[place] != value:
        place -= 1
    for i in range(place, count - 1):
        ordered[i] = ordered[i + 1]
    return count - 1


@inner_kernel
def _move_window(k, first, onsets, excursions, is_left_out, limits, ordered, count):
    """Turn the sorted window before breath ``k - 1`` into that before `k`.

    `first` is the first breath of the old window, `count` the number of those in it that are not
    left out; both are returned anew. One breath comes in and a few go, where a sort would look at
    them all. With a `count` below 0 the old window is not known, and the new one is sorted.
    """
    if count < 0:
        count, first = 0, k
        while first > 0 and onsets[k] - onsets[first - 1] <= limits.n_window:
            first -= 1
            if not is_left_out[first]:
                count = _insert(excursions[first], ordered, count)
        return first, count
    if not is_left_out[k - 1]:
        count = _insert(excursions[k - 1], ordered, count)
    while onsets[k] - onsets[first] > limits.n_window:
        if not is_left_out[first]:
            count = _remove(excursions[first], ordered, count)
        first += 1
    return first, count


@inner_kernel
def _collect_breaths(k, breaths, limits, ordered):
    """Sort the excursions a baseline at breath `k` rests on into `ordered`; return their number.

    `breaths` are onsets, excursions, whether each is left out and whether it is a recovery breath.

    The breaths of the window before; where they are fewer than ``n_largest``, the last so many, as
    far back as ``n_oldest``; where these are missing too, the breaths of the window that follows, or
    the first so many, as far on. The largest recovery breath among them is returned too, 0 if none.
    """
    onsets, excursions, is_left_out, is_recovery = breaths
    count = 0
    recovery = 0.0
    j = k - 1
    while j >= 0:
        age = onsets[k] - onsets[j]
        if age > limits.n_oldest or (age > limits.n_window and count >= limits.n_largest):
            break
        if not is_left_out[j]:
            count = _insert(excursions[j], ordered, count)
            if is_recovery[j]:
                recovery = max(recovery, excursions[j])
        j -= 1
    if count >= limits.n_largest:
        return count, recovery
    count = 0
    recovery = 0.0
    j = k
    while j < len(onsets):
        age = onsets[j] - onsets[k]
        if age > limits.n_oldest or (age > limits.n_window and count >= limits.n_largest):
            break
        if not is_left_out[j]:
            count = _insert(excursions[j], ordered, count)
            if is_recovery[j]:
                recovery = max(recovery, excursions[j])
        j += 1
    return count, recovery


@inner_kernel
def _baseline(ordered, count, recovery, limits):
    """Baseline from the first `count` excursions, which rise: the mean where stable, else of the largest.

    What is no larger than the largest `recovery` breath is no sigh.

    Returned with the mean, which is what breathing usually is.
    """
    stop = count
    fewest = max(limits.n_largest, count - max(int(limits.max_sigh_share * count), 1))
    while (
        stop > fewest
        and ordered[stop - 1] > recovery
        and ordered[stop - 1] > limits.sigh_ratio * ordered[stop - 1 - limits.n_largest]
    ):
        stop -= 1
    start = 0
    floor = limits.floor * ordered[stop - 1]
    while start < stop - limits.n_largest and ordered[start] < floor:
        start += 1
    mean, variance = _mean_and_variance(ordered[start:stop])
    if np.sqrt(variance) <= limits.max_variation * mean:
        return mean, mean
    largest, _ = _mean_and_variance(ordered[stop - limits.n_largest : stop])
    return largest, mean


@inner_kernel
def _largest_recovery(first, stop, breaths):
    """Largest of the recovery breaths in ``[first, stop)`` that are not left out; 0 if none."""
    _, excursions, is_left_out, is_recovery = breaths
    largest = 0.0
    for j in range(first, stop):
        if is_recovery[j] and not is_left_out[j]:
            largest = max(largest, excursions[j])
    return largest


@inner_kernel
def _baseline_at(k, breaths, limits, first, window, n_near, ordered):
    """Baseline in force at breath `k`, and mean; NaN where too few breaths are near.

    The first `n_near` of `window` are the sorted excursions of the window before it, from breath `first`
    on: mostly enough.
    """
    if n_near >= limits.n_largest:
        recovery = 0.0
        sigh = limits.sigh_ratio * window[max(n_near - 1 - limits.n_largest, 0)]
        if window[n_near - 1] > sigh:  # else it matters to nothing
            recovery = _largest_recovery(first, k, breaths)
        return _baseline(window, n_near, recovery, limits)
    count, recovery = _collect_breaths(k, breaths, limits, ordered)
    if count < limits.n_largest:
        return np.nan, np.nan
    return _baseline(ordered, count, recovery, limits)


@inner_kernel
def _first_below(values, start, stop, level):
    """First sample of ``[start, stop)`` below `level`; `stop` where none is, or `level` is NaN."""
    n_below = 0
    for value in values[start:stop]:  # without a way out the processor compares many at a time
        n_below += value < level
    if n_below == 0:
        return stop
    for i in range(start, stop):
        if values[i] < level:
            return i
    return stop


@inner_kernel
def _walk_to_recovery(excursion, start, baseline, limits):
    """From the first reduced sample to the end of the recovery: (sample, lowest sample, ending)."""
    lowest_at = start
    n_up = 0
    j = start
    while j < len(excursion) and not np.isnan(excursion[j]):
        if j - start >= limits.n_longest:
            return j, lowest_at, TOO_LONG
        if excursion[j] < excursion[lowest_at]:
            lowest_at = j
        lowest = excursion[lowest_at]
        if excursion[j] >= lowest + limits.recovery_fraction * (baseline - lowest):
            n_up += 1
            if n_up >= limits.n_recovery:
                return j, lowest_at, CLOSED
        else:
            n_up = 0
        j += 1
    return j, lowest_at, INTERRUPTED


@inner_kernel
def _tighten(excursion, start, lowest_at, stop, level, n_recovery):
    """First and last sample of the stretch around the lowest one that stays below `level`.

    Rises shorter than `n_recovery` samples before the lowest sample are bridged.
    """
    first = lowest_at
    n_up = 0
    while first > start and n_up < n_recovery:
        if excursion[first] >= level:
            n_up += 1
        else:
            n_up = 0
        first -= 1
    if n_up >= n_recovery:
        first += n_up + 1
    last = stop
    while last > lowest_at and not excursion[last] < level:
        last -= 1
    return first, last


@inner_kernel
def _bounds(excursion, start, lowest_at, stop, ending, baseline, limits, k):
    """First and last sample of a stretch that was walked from `start`, behind breath `k`, to `stop`."""
    n = len(excursion)
    lowest = excursion[lowest_at]
    enter = limits.enter_fraction * baseline
    level = max(lowest + limits.recovery_fraction * (baseline - lowest), limits.floor_fraction * baseline)
    level = min(level, enter)
    if ending == CLOSED:
        back = excursion[stop]
        for i in range(stop, min(stop + limits.n_after[k], n)):
            back = max(back, excursion[i])
        if back < enter:  # breathing that is as low before the fall as after it is no part of the fall
            level = min(level, lowest + limits.recovery_fraction * (back - lowest))
    return _tighten(excursion, start, lowest_at, min(stop, n - 1), level, limits.n_recovery)


@inner_kernel
def _baseline_within(start, stop, onsets, excursions, limits, ordered):
    """Baseline, and mean, of the breaths that begin in ``[start, stop)``; NaN where they are too few."""
    count = 0
    b = np.searchsorted(onsets, start)
    while b < len(onsets) and onsets[b] < stop:
        if not np.isnan(excursions[b]):
            count = _insert(excursions[b], ordered, count)
        b += 1
    if count < limits.n_largest:
        return np.nan, np.nan
    return _baseline(ordered, count, 0.0, limits)


@inner_kernel
def _leave_out(is_left_out, onsets, first, last):
    """Mark the breaths that begin between two samples, both included."""
    b = np.searchsorted(onsets, first)
    while b < len(onsets) and onsets[b] <= last:
        is_left_out[b] = True
        b += 1


@inner_kernel
def _write(spans, span_baselines, span_means, endings, place, span, baseline, mean, ending):
    """Put a stretch, given by its first and last sample, into its place."""
    spans[place, 0] = span[0]
    spans[place, 1] = span[1] + 1
    span_baselines[place] = baseline
    span_means[place] = mean
    endings[place] = ending


@kernel
def find_reductions(
    excursion,
    onsets,
    breath_excursions,
    is_unusable,
    is_recovery,
    baseline_limits,
    span_limits,
    spans,
    span_baselines,
    span_means,
    endings,
    baselines,
):
    """Walk through the night and find the stretches in which breathing is reduced.

    A stretch starts where the excursion falls below ``enter_fraction`` of the baseline in force.
    Let ``f`` be its lowest excursion: it stops where the excursion has risen by
    ``recovery_fraction`` of the way from ``f`` back to the baseline for ``n_recovery`` samples.
    Its start is then moved to the last such rise before the lowest point, so that a slow decline
    before a clear fall is not part of it. Where breathing comes back to less than
    ``enter_fraction`` of the baseline, what it comes back to stands for the baseline in this.
    Breaths inside a stretch that stopped by itself are left out of later baselines.

    A stretch of ``n_longest`` samples is a new level of breathing: its time is walked through once
    more with the baseline of its own breaths, and what is found there stands in its place.

    Parameters
    ----------
    excursion : ndarray, shape (n,), float32
        Range of flow in a window of about one breath; NaN where flow is missing.
    onsets : ndarray, shape (m,), int64
        Breath onsets in samples, rising.
    breath_excursions : ndarray, shape (m,), float32
        NaN only where unusable.
    is_unusable : ndarray, shape (m,), bool
        True for breaths that may not enter a baseline (movement).
    is_recovery : ndarray, shape (m,), bool
        True for breaths that come back between reductions: none up to their size is a sigh.
    baseline_limits : BaselineLimits
    span_limits : SpanLimits
    spans : ndarray, shape (k, 2), int64
    span_baselines, span_means : ndarray, shape (k,), float64
    endings : ndarray, shape (k,), int8
        Filled in place: start and stop samples, baseline, mean of the breaths that the baseline
        rests on, and how it ended: 0 by itself, 1 given up as too long, 2 by missing flow or the end
        (those shorter than ``n_recovery`` samples are left out). The walk ends when ``k`` are found;
        more than ``n // min(n_recovery, n_longest) + 1`` there cannot be.
    baselines : ndarray, shape (m,), float64
        Filled in place: the baseline in force from each breath on, NaN where there is none.

    Returns
    -------
    int
        Number of stretches.
    """
    n, m = len(excursion), len(onsets)
    is_left_out, sizes, rule = is_unusable.copy(), breath_excursions, baseline_limits
    chosen, window = np.empty(m + 1, np.float64), np.empty(m + 1, np.float64)
    # Typed: numba takes a bare number for a type of its own, and compiles what it is handed to twice.
    i, k, count, first, n_near = np.int64(0), np.int64(-1), np.int64(0), np.int64(0), np.int64(-1)
    breaths = (onsets, sizes, is_left_out, is_recovery)
    baseline, mean = usual, usual_mean = _baseline_at(i, breaths, rule, first, window, count, chosen)
    level_until = np.int64(0)  # up to here the baseline is that of a new level
    long_at = np.int64(-1)  # place of the stretch that showed it; the first one found on it takes the place
    while i < n and count < len(spans):
        while k + 1 < m and onsets[k + 1] <= i:
            k += 1
            first, n_near = _move_window(k, first, onsets, sizes, is_left_out, rule, window, n_near)
            usual, usual_mean = _baseline_at(k, breaths, rule, first, window, n_near, chosen)
            baselines[k] = usual
        if i >= level_until:
            baseline, mean = usual, usual_mean
            if long_at == count:
                count += 1
                long_at = np.int64(-1)
                continue
        edge = onsets[k + 1] if k + 1 < m else n  # from there on another baseline may be in force
        edge = min(edge, level_until) if i < level_until else edge
        i = _first_below(excursion, i, edge, span_limits.enter_fraction * baseline)
        if i == edge:
            continue
        j, lowest_at, ending = _walk_to_recovery(excursion, i, baseline, span_limits)
        if ending == INTERRUPTED and j - i < span_limits.n_recovery:
            i = max(j, i + 1)
            continue
        new, new_mean = np.nan, np.nan
        if ending == TOO_LONG and i >= level_until:
            new, new_mean = _baseline_within(i, j, onsets, sizes, rule, chosen)
        span = _bounds(excursion, i, lowest_at, j, ending, baseline, span_limits, max(k, 0))
        _write(spans, span_baselines, span_means, endings, count, span, baseline, mean, ending)
        if new >= rule.floor * baseline:
            baseline, mean, level_until, long_at = new, new_mean, j, count
            continue
        count += 1
        if ending == CLOSED:
            _leave_out(is_left_out, onsets, span[0], span[1])
            n_near = np.int64(-1)
        i = max(j, i + 1)
    if long_at == count and count < len(spans):
        count += 1
    return count
