"""SpO2: spikes, falls of the night, falls that belong to events."""

import numpy as np

from hsat.kernels import inner_kernel, kernel

__all__ = ["fall_areas", "find_falls", "find_troughs", "match_falls", "remove_plateaus", "remove_spikes"]


@inner_kernel
def _spike_stop(values, start, i, before, may_come_back, n_longest, n_lag, max_change):
    """First sample behind a stretch that sample `i` begins; -1 where it is no spike.

    It ends where values are back or missing (if it may), where not, at the last jump the other way.
    """
    is_up = values[i] > before
    last_jump = -1
    for j in range(i + 1, min(start + n_longest + 1, len(values))):
        if may_come_back and (np.isnan(values[j]) or abs(values[j] - before) <= max_change):
            return j
        change = values[j] - values[j - n_lag]
        if abs(change) > max_change and (change > 0.0) != is_up:
            last_jump = j
    return last_jump


@inner_kernel
def _last_valid(values, i, n_longest):
    """Value of the last valid sample among the `n_longest` before `i`; NaN where there is none."""
    for j in range(i - 1, max(i - n_longest - 1, -1), -1):
        if not np.isnan(values[j]):
            return values[j]
    return np.nan


@kernel
def remove_spikes(values, n_longest, n_lag, max_change):
    """Set short stretches to NaN that begin with an impossible change and come back or are lost.

    A stretch ends where values are back to within `max_change` of the one before it, or missing;
    where neither happens, where they last jump the other way by more. One that begins behind missing
    samples, fewer than `n_longest`, may have come about slowly: only such a jump tells it. Where missing
    samples ended less than `n_lag` ago, a change is measured from the first one valid since.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        SpO2; NaN where missing. Changed in place.
    n_longest : int
        Longest stretch that is a spike, in samples.
    n_lag : int
        Samples across which a change is measured.
    max_change : float
        Largest change across `n_lag` samples that blood can show, in points.
    """
    n = len(values)
    i = n_lag
    while i < n:
        is_behind_gap = np.isnan(values[i - 1])
        start = i - n_lag + 1
        while start < i and np.isnan(values[start - 1]):  # a gap ended less than a lag ago
            start += 1
        before = values[start - 1]
        if is_behind_gap:
            start = i
            before = _last_valid(values, i, n_longest)
        if not abs(values[i] - before) > max_change:  # also where either is missing
            i += 1
            continue
        stop = _spike_stop(values, start, i, before, not is_behind_gap, n_longest, n_lag, max_change)
        if stop < 0:
            i += 1
            continue
        # The way back may take as many samples as the way there.
        for j in range(start, min(stop + n_lag - 1, n)):
            values[j] = np.nan
        i = stop


@inner_kernel
def _plateau_stop(values, i, n_shortest, n_longest, n_lag, max_change):
    """First sample that has jumped up from the plateau below the jump at `i`; -1 where it is none."""
    lowest, highest = np.inf, -np.inf
    for j in range(i + 1, min(i + n_longest + 1, len(values))):
        settled = j - n_lag
        if settled >= i + n_lag and not np.isnan(values[settled]):
            lowest = min(lowest, values[settled])
            highest = max(highest, values[settled])
            if highest - lowest > max_change:
                return -1
        if values[j] - values[j - n_lag] > max_change:
            return j if j - i >= n_shortest else -1
    return -1


@kernel
def remove_plateaus(values, n_shortest, n_longest, n_lag, max_change):
    """Set long level stretches to NaN that begin with an impossible fall and end with such a rise.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        SpO2; NaN where missing. Changed in place.
    n_shortest, n_longest : int
        Samples from the fall to the rise.
    n_lag : int
        Samples across which a change is measured, and that a jump takes at most.
    max_change : float
        Largest change across `n_lag` samples that blood can show, and largest range of a plateau
        between the jumps, in points.
    """
    n = len(values)
    i = n_lag
    while i < n:
        stop = -1
        if values[i - n_lag] - values[i] > max_change:  # not where either is missing
            stop = _plateau_stop(values, i, n_shortest, n_longest, n_lag, max_change)
        if stop < 0:
            i += 1
            continue
        for j in range(i - n_lag + 1, min(stop + n_lag - 1, n)):
            values[j] = np.nan
        i = stop


@inner_kernel
def _ring_size(n_least):
    """Smallest power of two from `n_least` on."""
    size = 1
    while size < n_least:
        size *= 2
    return size


@kernel
def find_falls(values, held, min_drop, min_rise, tolerance, n_before, n_longest, n_forgotten, falls, levels):
    """Find every fall of at least `min_drop` from a held level to a nadir.

    The level of a sample is the highest one held in the `n_longest` samples before it, but not
    before the last fall ended: a slower decline is drift. The first sample `min_drop` below its
    level opens a fall from that level. It starts at the last sample at the level or, where that is
    more than `n_before` samples before the last one within `tolerance` of it (a blip of long ago),
    at that one. It ends at its lowest sample, where the value has risen by `min_rise` from it, it
    has been below the tolerance for more than `n_longest` samples, values are missing for
    `n_forgotten` samples, or the series ends. Levels from before such missing values are forgotten.

    Parameters
    ----------
    values, held : ndarray, shape (n,), float32
        SpO2 with NaN where missing, and `hsat.kernels.rolling.held_level` of it.
    min_drop, min_rise, tolerance : float
        Points.
    n_before : int
        Samples.
    n_longest, n_forgotten : int
        Samples from leaving the level to the nadir, and of missing values across which nothing is
        known.
    falls : ndarray, shape (k, 3), int64
        Filled in place: start, sample of the nadir, sample at which the fall ended. ``k`` must be
        at least ``n // 2 + 1``.
    levels : ndarray, shape (k, 2), float32
        Filled in place: level and nadir in percent.

    Returns
    -------
    int
        Number of falls.
    """
    n = len(values)
    last = _ring_size(n_longest + 2) - 1  # places in the ring wrap around by their bits
    highest = np.empty(last + 1, np.int64)  # ring of samples whose held levels fall: the first is the level
    head, n_kept = 0, 0
    count = 0
    level = np.nan
    level_at = -1  # start of the open fall; -1 where none is open
    left_at = -1  # where it left its level
    nadir_at = -1
    last_valid = -1
    for i in range(n + 1):
        is_end = i == n
        if not is_end and np.isnan(values[i]):
            continue
        is_break = is_end or (last_valid >= 0 and i - last_valid - 1 >= n_forgotten)
        if level_at >= 0:
            if not is_break and i - left_at <= n_longest and values[i] < values[nadir_at]:
                nadir_at = i
            has_risen = not is_break and values[i] >= values[nadir_at] + min_rise
            if has_risen or is_break or i - left_at > n_longest:
                falls[count, 0], falls[count, 1] = level_at, nadir_at
                falls[count, 2] = last_valid if is_break else i
                levels[count, 0], levels[count, 1] = level, values[nadir_at]
                count += 1
                level_at = -1
                n_kept = 0
        if is_end:
            break
        if is_break:
            n_kept = 0
        last_valid = i
        while n_kept > 0 and highest[head] < i - n_longest:
            head = (head + 1) & last
            n_kept -= 1
        if not np.isnan(held[i]):
            while n_kept > 0 and held[highest[(head + n_kept - 1) & last]] <= held[i]:
                n_kept -= 1
            highest[(head + n_kept) & last] = i
            n_kept += 1
        if level_at < 0 and n_kept > 0 and held[highest[head]] - values[i] >= min_drop:
            level = held[highest[head]]
            nadir_at = i
            left_at = i
            while not values[left_at] >= level - tolerance:
                left_at -= 1
            level_at = left_at
            while level_at > left_at - n_before and not values[level_at] >= level:
                level_at -= 1
            if not values[level_at] >= level:
                level_at = left_at
    return count


@inner_kernel
def _fall_within(values, held, first, start, stop, latest):
    """Level and sample of the nadir of the largest fall from ``[first, stop)`` into ``[start, stop)``.

    From `latest` on the way ends where values are back at the level; -1 where there is none.
    """
    highest, level, drop = -np.inf, -np.inf, -np.inf
    nadir_at = -1
    here, levels = values[first:stop], held[first:stop]
    for i in range(len(here)):
        if first + i >= latest and nadir_at >= 0 and here[i] >= highest:
            break
        if not np.isnan(levels[i]) and levels[i] > highest:
            highest = levels[i]
        if first + i >= start and highest > -np.inf and highest - here[i] > drop:
            level, drop = highest, highest - here[i]
            nadir_at = first + i
    return level, nadir_at


@kernel
def match_falls(
    values, held, windows, latest, n_before, recovered_fraction, min_valid_fraction, falls, levels
):
    """For each event, the fall of SpO2 that belongs to it; each fall to one event.

    It is the largest one from a held level to a later value in the event's window: the lowest value
    of the window may still be the trough of the event before.

    Parameters
    ----------
    values, held : ndarray, shape (n,), float32
        SpO2 with NaN where missing, and `hsat.kernels.rolling.held_level` of it.
    windows : ndarray, shape (k, 2), int64
        First and last sample in which the nadir of each event may lie, rising.
    latest : ndarray, shape (k,), int64
        From this sample of each window on no fall may begin: it ends where values are back at the
        level.
    n_before : int
        Samples before the window in which the baseline may be held; the nadir of the event
        before is a limit too.
    recovered_fraction : float
        Part of the drop that is back where the fall has stopped.
    min_valid_fraction : float
        Share of valid samples the window needs.
    falls : ndarray, shape (k, 3), int64
        Filled in place: last sample at the baseline, nadir, one past the first sample after it
        that is back far enough (the window's end where none is); -1 where nothing can be measured.
    levels : ndarray, shape (k, 2), float32
        Filled in place: baseline and nadir; NaN where nothing can be measured.
    """
    n = len(values)
    previous_nadir = 0
    for k in range(len(windows)):
        start = max(windows[k, 0], 0)
        stop = max(min(windows[k, 1], n), start)
        falls[k, :] = -1
        levels[k, :] = np.nan
        n_valid = 0
        window = values[start:stop]
        for i in range(len(window)):
            n_valid += window[i] == window[i]  # not where it is NaN
        if n_valid < min_valid_fraction * (stop - start):
            continue
        first = max(start - n_before, previous_nadir)
        level, nadir_at = _fall_within(values, held, first, start, stop, latest[k])
        if nadir_at < 0:
            continue
        nadir = values[nadir_at]
        level_at = nadir_at
        while level_at > first and not values[level_at] >= level:
            level_at -= 1
        if not values[level_at] >= level:
            level_at = 0
        back_at = nadir_at
        while back_at < stop - 1 and not values[back_at] >= nadir + recovered_fraction * (level - nadir):
            back_at += 1
        falls[k, 0] = level_at
        falls[k, 1] = nadir_at
        falls[k, 2] = back_at + 1
        levels[k, 0] = level
        levels[k, 1] = nadir
        if level > nadir:
            previous_nadir = nadir_at


@kernel
def find_troughs(values, windows, min_fall, min_rise, places, troughs):
    """In each window, the nadirs between two falls.

    A fall is one by `min_fall` from the highest value since the last rise, or the window's start; it
    is over once the value has risen by `min_rise` from its nadir.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        SpO2 with NaN where missing.
    windows : ndarray, shape (k, 2), int64
        First and last sample (not included).
    min_fall, min_rise : float
        Points.
    places : ndarray, shape (m,), int64
    troughs : ndarray, shape (m,), int64
        Filled in place: window and last sample at the nadir of each fall that another one
        follows. ``m`` must be at least half the length of all windows.

    Returns
    -------
    int
        Number of troughs.
    """
    count = 0
    for k in range(len(windows)):
        level = -np.inf
        nadir = np.inf
        nadir_at = -1
        is_falling = False
        for i in range(max(windows[k, 0], 0), min(windows[k, 1], len(values))):
            if np.isnan(values[i]):
                continue
            if is_falling:
                if values[i] <= nadir:
                    nadir = values[i]
                    nadir_at = i
                elif values[i] >= nadir + min_rise:
                    is_falling = False
                    level = values[i]
                continue
            level = max(level, values[i])
            if values[i] <= level - min_fall:
                if nadir_at >= 0:
                    places[count] = k
                    troughs[count] = nadir_at
                    count += 1
                is_falling = True
                nadir = values[i]
                nadir_at = i
    return count


@kernel
def fall_areas(values, falls, levels, min_rise, n_longest, n_forgotten, areas):
    """Area between its level and the values of each fall, until the values are back.

    A fall is followed from its nadir until a sample is back at the level, the next fall begins,
    values are missing for `n_forgotten` samples or `n_longest` samples have passed. If it is not
    back by then, it ends at the first of the highest samples on the way, provided that one is
    `min_rise` above the nadir; the sample at which a fall ends is not part of it. Without such a
    rise all that was followed is part of it. Values above the level and missing values add nothing.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        SpO2 with NaN where missing.
    falls : ndarray, shape (k, 2), int64
        Last sample at the level and nadir of each fall, rising.
    levels : ndarray, shape (k,), float64
        Level of each fall in percent.
    min_rise : float
        Points.
    n_longest, n_forgotten : int
        Samples after the nadir, and of missing values across which nothing is known.
    areas : ndarray, shape (k,), float64
        Filled in place: sum over samples, in percent.
    """
    for k in range(len(falls)):
        start, nadir = falls[k, 0], falls[k, 1]
        limit = min(len(values), nadir + n_longest + 1)
        if k + 1 < len(falls):
            limit = min(limit, falls[k + 1, 0] + 1)
        stop = nadir
        last_valid = nadir
        for i in range(nadir, limit):
            if np.isnan(values[i]):
                continue
            if i - last_valid - 1 >= n_forgotten:
                break
            last_valid = i
            if values[i] > values[stop]:
                stop = i
            if values[i] >= levels[k]:
                break
        if values[stop] < values[nadir] + min_rise:
            stop = last_valid + 1
        total = 0.0
        for i in range(start, stop):
            depth = levels[k] - values[i]
            if depth > 0.0:
                total += depth
        areas[k] = total
