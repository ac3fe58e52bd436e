"""SpO2: spikes, falls of the night, falls that belong to events."""

import numpy as np

from hsat.kernels import kernel

__all__ = ["find_falls", "match_falls", "remove_spikes"]


@kernel
def remove_spikes(values, n_longest, max_change):
    """Set short stretches to NaN that are reached and left by an impossible change.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        SpO2; NaN where missing. Changed in place.
    n_longest : int
        Longest stretch that is a spike, in samples.
    max_change : float
        Largest change between two samples that blood can show, in points.
    """
    n = len(values)
    i = 1
    while i < n:
        if np.isnan(values[i - 1]) or abs(values[i] - values[i - 1]) <= max_change or np.isnan(values[i]):
            i += 1
            continue
        before = values[i - 1]
        stop = i
        while stop < n and stop - i < n_longest and not abs(values[stop] - before) <= max_change:
            stop += 1
        is_back = stop < n and abs(values[stop] - before) <= max_change
        if is_back:
            for j in range(i, stop):
                values[j] = np.nan
        i = stop if is_back else i + 1


@kernel
def find_falls(values, held, min_drop, min_rise, n_longest, falls, levels):
    """Find every fall of at least `min_drop` from a held level to a nadir.

    The level of a sample is the highest one held in the `n_longest` samples before it, but not
    before the last fall ended: a slower decline is drift. A sample `min_drop` below its level may
    be a nadir; the fall ends, at the lowest such sample, where the value has risen by `min_rise`
    from it or the series ends.

    Parameters
    ----------
    values, held : ndarray, shape (n,), float32
        SpO2 with NaN where missing, and `hsat.kernels.rolling.held_level` of it.
    min_drop, min_rise : float
        Points.
    n_longest : int
        Samples from the level to the nadir.
    falls : ndarray, shape (k, 3), int64
        Filled in place: last sample at the level, sample of the nadir, first sample of recovery.
        ``k`` must be at least ``n // 2 + 1``.
    levels : ndarray, shape (k, 2), float32
        Filled in place: level and nadir in percent.

    Returns
    -------
    int
        Number of falls.
    """
    n = len(values)
    size = n_longest + 2
    highest = np.empty(size, np.int64)  # ring of samples whose held levels fall: the first is the level
    head, n_kept = 0, 0
    count = 0
    nadir_at = -1
    level = np.nan
    for i in range(n):
        if np.isnan(values[i]):
            continue
        while n_kept > 0 and highest[head] < i - n_longest:
            head = (head + 1) % size
            n_kept -= 1
        if not np.isnan(held[i]):
            while n_kept > 0 and held[highest[(head + n_kept - 1) % size]] <= held[i]:
                n_kept -= 1
            highest[(head + n_kept) % size] = i
            n_kept += 1
        if (
            n_kept > 0
            and held[highest[head]] - values[i] >= min_drop
            and (nadir_at < 0 or values[i] < values[nadir_at])
        ):
            nadir_at = i
            level = held[highest[head]]
        if nadir_at >= 0 and (values[i] >= values[nadir_at] + min_rise or i == n - 1):
            level_at = nadir_at
            while not values[level_at] >= level:
                level_at -= 1
            falls[count, 0], falls[count, 1], falls[count, 2] = level_at, nadir_at, i
            levels[count, 0], levels[count, 1] = level, values[nadir_at]
            count += 1
            nadir_at = -1
            n_kept = 0
            if not np.isnan(held[i]):
                highest[head] = i
                n_kept = 1
    return count


@kernel
def match_falls(values, held, windows, n_before, min_valid_fraction, falls, levels):
    """For each event, the fall of SpO2 that belongs to it; each fall to one event.

    Parameters
    ----------
    values, held : ndarray, shape (n,), float32
        SpO2 with NaN where missing, and `hsat.kernels.rolling.held_level` of it.
    windows : ndarray, shape (k, 2), int64
        First and last sample in which the nadir of each event may lie, rising.
    n_before : int
        Samples before the window in which the baseline may be held; the nadir of the event
        before is a limit too.
    min_valid_fraction : float
        Share of valid samples the window needs.
    falls : ndarray, shape (k, 3), int64
        Filled in place: last sample at the baseline, nadir, one past the first sample after it
        that is back halfway (the window's end where none is); -1 where nothing can be measured.
    levels : ndarray, shape (k, 2), float32
        Filled in place: baseline and nadir; NaN where nothing can be measured.
    """
    n = len(values)
    previous_nadir = 0
    for k in range(len(windows)):
        start = max(windows[k, 0], 0)
        stop = min(windows[k, 1], n)
        falls[k, :] = -1
        levels[k, :] = np.nan
        nadir = np.inf
        nadir_at = -1
        n_valid = 0
        for i in range(start, stop):
            if not np.isnan(values[i]):
                n_valid += 1
                if values[i] < nadir:
                    nadir = values[i]
                    nadir_at = i
        if nadir_at < 0 or n_valid < min_valid_fraction * (stop - start):
            continue
        level = -np.inf
        level_at = -1
        for i in range(max(start - n_before, previous_nadir), nadir_at + 1):
            if not np.isnan(held[i]) and held[i] > level:
                level = held[i]
        if level == -np.inf:
            continue
        for i in range(max(start - n_before, previous_nadir), nadir_at + 1):
            if values[i] >= level:
                level_at = i
        level_at = max(level_at, 0)
        back_at = nadir_at
        while back_at < stop - 1 and not values[back_at] >= (level + nadir) / 2.0:
            back_at += 1
        falls[k, 0] = min(level_at, nadir_at)
        falls[k, 1] = nadir_at
        falls[k, 2] = back_at + 1
        levels[k, 0] = level
        levels[k, 1] = nadir
        if level > nadir:
            previous_nadir = nadir_at
