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

    The level is the highest one held since the last fall ended; the fall ends where the value
    has risen by `min_rise` from its nadir. A level older than `n_longest` samples at the nadir
    is given up for the highest held since: a slow decline is drift.

    Parameters
    ----------
    values, held : ndarray, shape (n,), float32
        SpO2 with NaN where missing, and `hsat.kernels.rolling.held_level` of it.
    min_drop, min_rise : float
        Points.
    n_longest : int
        Samples from the last time at the level to the nadir.
    falls : ndarray, shape (k, 3), int64
        Filled in place: last sample at the level, sample of the nadir, first sample of recovery.
    levels : ndarray, shape (k, 2), float32
        Filled in place: level and nadir in percent.

    Returns
    -------
    int
        Number of falls.
    """
    n = len(values)
    count = 0
    top = np.nan
    top_at = 0
    low = np.nan
    low_at = 0
    i = 0
    while i < n:
        value = values[i]
        if np.isnan(value):
            i += 1
            continue
        if not np.isnan(held[i]) and not held[i] < top:  # also where there is no level yet
            top = held[i]
            top_at = i
            low = value
            low_at = i
        if value < low:
            low = value
            low_at = i
        if value >= top:
            top_at = i
        if i - top_at > n_longest and top - low < min_drop:
            # Too long without a fall: look for the highest held level of the last stretch anew.
            top = -np.inf
            start = i - n_longest
            for j in range(start, i + 1):
                if not np.isnan(held[j]) and held[j] >= top:
                    top = held[j]
                    top_at = j
            low = value
            low_at = i
            for j in range(top_at, i + 1):
                if values[j] < low:
                    low = values[j]
                    low_at = j
        has_risen = value >= low + min_rise or i == n - 1
        if has_risen and top - low >= min_drop:
            if low_at - top_at <= n_longest and count < len(falls):
                falls[count, 0] = top_at
                falls[count, 1] = low_at
                falls[count, 2] = i
                levels[count, 0] = top
                levels[count, 1] = low
                count += 1
            top = np.nan
            low = value
            low_at = i
        i += 1
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
        Filled in place: last sample at the baseline, nadir, first sample after it that is back
        halfway (the window's last sample where it never is); -1 where nothing can be measured.
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
