"""Plain twins of the kernels, written from their docstrings by other, obvious algorithms.

Slow on purpose: every answer is looked up anew in whole slices, no state is carried along.
"""

import itertools
from fractions import Fraction

import numpy as np


def moving_mean(values, half_width):
    """Mean of each window, summed anew."""
    wide = np.asarray(values, dtype=np.float64)
    return np.array([wide[max(i - half_width, 0) : i + half_width + 1].mean() for i in range(len(wide))])


def subtract_drift(values, half_width):
    """Values less the mean of each window of means, summed anew."""
    return values - moving_mean(moving_mean(values, half_width), half_width)


def rolling_range(values, half_width):
    """Largest minus smallest of each window."""
    windows = [values[max(i - half_width, 0) : i + half_width + 1] for i in range(len(values))]
    return np.array([w.max() - w.min() for w in windows])


def held_level(values, width):
    """Smallest of the next `width` samples; NaN spreads, and so does the end."""
    padded = np.concatenate((values, np.full(width - 1, np.nan, values.dtype)))
    return np.array([padded[i : i + width].min() for i in range(len(values))], dtype=values.dtype)


def add_to_bins(stored, n_columns, first_sample, ratio, *, n_bins, valid=None, missing=()):
    """Share every sample among all bins by exact overlap. Returns sums and weights."""
    sums, weights = np.zeros(n_bins), np.zeros(n_bins)
    length = 1 / Fraction(ratio)
    for i, value in enumerate(np.asarray(stored[:, :n_columns], dtype=np.float64).reshape(-1)):
        if valid is not None and not (valid[0] <= value <= valid[1] and value not in set(missing)):
            continue
        start = (first_sample + i) * length
        for k in range(max(int(start) - 1, 0), min(int(start) + 3, n_bins)):
            share = max(min(start + length, k + 1) - max(start, k), Fraction(0)) / length
            sums[k] += value * float(share)
            weights[k] += float(share)
    return sums, weights


def finish_bins(sums, weights, gain, offset):
    """Mean of each bin in physical units; NaN where it holds less than half a sample."""
    found = []
    for total, weight in zip(sums, weights, strict=True):
        mean = np.float32(total) / np.float32(weight) if weight >= 0.5 else np.float32(np.nan)
        found.append(mean * np.float32(gain) + np.float32(offset))
    return np.array(found, dtype=np.float32)


def f32(values):
    """As the kernels keep samples."""
    return np.asarray(values, dtype=np.float32)


def find_breaths(flow, hysteresis):
    """For each sample above the band: an onset where the flow was below it since the last such sample."""
    n = len(flow)
    above = [i for i in range(1, n) if flow[i] > hysteresis[i]]
    crossings = [i for i in range(1, n) if flow[i - 1] <= 0 < flow[i]]
    onsets = []
    for last, i in zip([0, *above], above, strict=False):
        if any(flow[j] < -hysteresis[j] for j in range(max(last, 1), i)):
            onsets.append(max((c for c in crossings if c <= i), default=0))
    return onsets


def find_recovery_breaths(onsets, sizes, rule):
    """Whether each breath is part of a run, from all pauses between breaths as large, written out."""
    return [_is_recovery(i, onsets, sizes, rule) for i in range(len(sizes))]


def _is_recovery(i, onsets, sizes, rule):
    if np.isnan(sizes[i]):
        return False
    least = rule["reduced_fraction"] * sizes[i]
    gone = np.flatnonzero(np.isnan(sizes))
    first, stop = max([0, *(gone[gone < i] + 1)]), min([len(sizes), *gone[gone > i]])
    large = [j for j in range(first, stop) if sizes[j] >= least]
    pauses = [onsets[b] - onsets[a] - rule["n_breath"][a] for a, b in itertools.pairwise(large)]
    is_alone = [  # too near a neighbour on either side: breathing that goes on
        all(pause >= rule["n_shortest"] for pause in pauses[max(place - 1, 0) : place + 1])
        for place in range(len(large))
    ]
    runs = [[0]]
    for place, pause in enumerate(pauses, 1):
        if pause <= rule["n_longest"] and is_alone[place] and is_alone[place - 1]:
            runs[-1].append(place)
        else:
            runs.append([place])
    here = large.index(i)
    (run,) = [run for run in runs if here in run]
    return bool(is_alone[here]) and len(run) >= rule["n_recoveries"]


def baseline_before(k, onsets, excursions, is_left_out, is_recovery, rule):
    """Baseline before breath `k` from sorted lists, and mean; NaN with too few breaths."""
    n_largest = rule["n_largest"]
    usable = [j for j in range(k) if not is_left_out[j] and onsets[k] - onsets[j] <= rule["n_oldest"]]
    recent = [j for j in usable if onsets[k] - onsets[j] <= rule["n_window"]]
    if len(recent) < n_largest:
        recent = usable[-n_largest:]
    if len(recent) < n_largest:
        usable = [
            j
            for j in range(k, len(onsets))
            if not is_left_out[j] and onsets[j] - onsets[k] <= rule["n_oldest"]
        ]
        recent = [j for j in usable if onsets[j] - onsets[k] <= rule["n_window"]]
        if len(recent) < n_largest:
            recent = usable[:n_largest]
    recoveries = [float(excursions[j]) for j in recent if is_recovery[j]]
    return baseline_of([float(excursions[j]) for j in recent], rule, max(recoveries, default=0.0))


def baseline_of(sizes, rule, recovery=0.0):
    """Baseline and mean of a list of excursions; NaN with too few. Up to `recovery` none is a sigh."""
    n_largest = rule["n_largest"]
    sizes = sorted(size for size in sizes if not np.isnan(size))
    if len(sizes) < n_largest:
        return np.nan, np.nan
    for _ in range(max(int(rule["max_sigh_share"] * len(sizes)), 1)):
        if len(sizes) <= n_largest or sizes[-1] <= recovery:
            break
        if sizes[-1] > rule["sigh_ratio"] * sizes[-1 - n_largest]:
            sizes = sizes[:-1]
    while len(sizes) > n_largest and sizes[0] < rule["floor"] * sizes[-1]:
        sizes = sizes[1:]
    mean = np.mean(sizes)
    if np.std(sizes) <= rule["max_variation"] * mean:
        return mean, mean
    return np.mean(sizes[-n_largest:]), mean


def _first_run(is_high, start, length):
    """Last sample of the first run of `length` True from `start` on; None where there is none."""
    for i in range(start, len(is_high) - length + 1):
        if all(is_high[i : i + length]):
            return i + length - 1
    return None


def _stretch_end(excursion, start, baseline, rule):
    """Where a stretch that enters at `start` ends: sample, how (0, 1, 2), sample of its lowest."""
    n = len(excursion)
    for j in range(start, n):
        if np.isnan(excursion[j]):
            break
        if j - start >= rule["n_longest"]:
            return j, 1, start + int(np.argmin(excursion[start:j]))
        lowest_at = start + int(np.argmin(excursion[start : j + 1]))
        # A rise counts from where it began, judged against the lowest sample known at that time.
        run = range(j - rule["n_recovery"] + 1, j + 1)
        if run[0] >= start and all(
            excursion[i] >= _back(excursion[start : i + 1].min(), baseline, rule["recovery_fraction"])
            for i in run
        ):
            return j, 0, lowest_at
    else:
        j = n
    return j, 2, start + int(np.argmin(excursion[start:j]))


def _back(lowest, baseline, fraction):
    """Level that is `fraction` of the way from `lowest` back to `baseline`."""
    return lowest + fraction * (baseline - lowest)


def _bounds(excursion, start, lowest_at, end, how, baseline, rule, k):
    """First and last sample of a stretch behind breath `k`."""
    lowest = excursion[lowest_at]
    enter = rule["enter_fraction"] * baseline
    back = _back(lowest, baseline, rule["recovery_fraction"])
    level = min(max(back, rule["floor_fraction"] * baseline), enter)
    after = [x for x in excursion[end : max(end + rule["n_after"][k], end + 1)] if not np.isnan(x)]
    if how == 0 and max(after) < enter:
        level = min(level, _back(lowest, max(after), rule["recovery_fraction"]))
    is_high = [bool(x >= level) for x in excursion]
    backwards = _first_run(is_high[start + 1 : lowest_at + 1][::-1], 0, rule["n_recovery"])
    first = start
    if backwards is not None:
        first = lowest_at - backwards + rule["n_recovery"]
    low = [x for x in range(lowest_at, min(end, len(excursion) - 1) + 1) if excursion[x] < level]
    return first, max(low, default=lowest_at)


def find_reductions(excursion, onsets, breath_excursions, is_unusable, is_recovery, rule):
    """Walk from stretch to stretch. Returns spans, their baselines and means, endings, baselines."""
    is_left_out = list(is_unusable)
    in_force = []
    found = []
    levels = []  # new levels of breathing: until when, baseline, mean
    starts, long_ones = [], []  # where walks began; too long ones: how many were found before
    i = 0
    while i < len(excursion):
        for k in range(len(in_force), sum(onset <= i for onset in onsets)):
            in_force.append(baseline_before(k, onsets, breath_excursions, is_left_out, is_recovery, rule))
        if levels and i < levels[-1][0]:
            _, baseline, mean = levels[-1]
        elif in_force:
            baseline, mean = in_force[-1]
        elif len(onsets):
            baseline, mean = baseline_before(0, onsets, breath_excursions, is_left_out, is_recovery, rule)
        else:
            baseline, mean = np.nan, np.nan
        if not excursion[i] < rule["enter_fraction"] * baseline:
            i += 1
            continue
        end, how, lowest_at = _stretch_end(excursion, i, baseline, rule)
        k = max(len(in_force) - 1, 0)
        if how == 2 and end - i < rule["n_recovery"]:
            i = max(end, i + 1)
            continue
        if how == 1 and not (levels and i < levels[-1][0]):
            inside = [x for x, onset in zip(breath_excursions, onsets, strict=True) if i <= onset < end]
            new, new_mean = baseline_of([float(x) for x in inside], rule)
            if new >= rule["floor"] * baseline:
                first, last = _bounds(excursion, i, lowest_at, end, how, baseline, rule, k)
                levels.append((end, new, new_mean))
                long_ones.append((len(found), ((first, last + 1), baseline, mean, how), i, end))
                continue
        first, last = _bounds(excursion, i, lowest_at, end, how, baseline, rule, k)
        found.append(((first, last + 1), baseline, mean, how))
        starts.append(i)
        if how == 0:
            for b in range(len(onsets)):
                if first <= onsets[b] <= last:
                    is_left_out[b] = True
        i = max(end, i + 1)
    for n_before, row, begin, end in reversed(long_ones):
        if not (n_before < len(found) and starts[n_before] < end):
            found.insert(n_before, row)
            starts.insert(n_before, begin)
    spans, span_baselines, span_means, endings = (
        (list(column) for column in zip(*found, strict=True)) if (found) else ([], [], [], [])
    )
    baselines = [baseline for baseline, _ in in_force]
    baselines += [np.nan] * (len(onsets) - len(baselines))
    return spans, span_baselines, span_means, endings, baselines


def measure_breaths(flow, onsets, n_longest):
    """Range of each piece from onset to onset, the next onset included."""
    ends = [*onsets[1:], len(flow) - 1][: len(onsets)]
    stops = [min(a + n, b, len(flow) - 1) for a, n, b in zip(onsets, n_longest, ends, strict=True)]
    pieces = [flow[a : stop + 1] for a, stop in zip(onsets, stops, strict=True)]
    return [np.max(piece) - np.min(piece) for piece in pieces]


def measure_way(flow, excursion, n_block, n_blocks):
    """Sums of whole lists, block by block."""
    steps = np.abs(np.diff(flow.astype(np.float64), prepend=flow[:1].astype(np.float64)))
    blocks = np.minimum(np.arange(len(flow)) // n_block, n_blocks - 1)
    ways = [sum(steps[blocks == k]) for k in range(n_blocks)]
    return ways, [sum(excursion[blocks == k].astype(np.float64)) for k in range(n_blocks)]


def measure_reductions(excursion, spans, span_baselines):
    """Reduction of each span."""
    return [
        1 - excursion[start:stop].astype(np.float64).mean() / baseline
        for (start, stop), baseline in zip(spans, span_baselines, strict=True)
    ]


def measure_smoothing(flow, middles, n_half, n_smooth):
    """Ranges of whole slices."""
    smooth = [flow[_around(i, n_smooth, 0, len(flow))].astype(np.float64).mean() for i in range(len(flow))]
    windows = [_around(middle, n_half, 0, len(flow)) for middle in middles]
    return [
        np.ptp(smooth[window]) / np.ptp(flow[window]) if np.ptp(flow[window]) else np.nan
        for window in windows
    ]


def _around(i, half, first, stop):
    """Slice of half a width to either side of `i`, inside ``[first, stop)``."""
    return slice(max(i - half, first), min(i + half + 1, stop))


def _still_part(flow, is_missing, span, baseline, first, rule):
    """Where flow is looked at for one pause, its smoothed samples, and which of them are still."""
    n = len(flow)
    begin, end = max(span[0], first), span[1]
    gaps = np.flatnonzero(is_missing)
    earliest = max([first, span[0] - rule["n_reach"], *(gaps[gaps < begin] + 1)])
    latest = min([n, span[1] + rule["n_reach"], *gaps[gaps >= end]])
    part = range(min(begin, earliest) if earliest <= begin else begin, max(end, latest))
    smooth = f32([flow[_around(i, rule["n_smooth"], 0, n)].astype(np.float64).mean() for i in part])
    ranges = [np.ptp(smooth[_around(i, rule["n_half_window"], 0, len(part))]) for i in range(len(part))]
    return part, smooth, ranges, [x <= rule["still_fraction"] * baseline for x in ranges]


def _walk_out(flow, places, level, limit):
    """Last of the places that can be reached while flow is near the level; None: not even the first."""
    reached = None
    for j in places:
        if abs(flow[j] - level) > limit:
            break
        reached = j
    return reached


OF_EACH_STRETCH = ("still_fraction", "n_half_window", "n_reach", "n_back")
"""Limits of a pause that depend on the pace of breathing around it."""


def find_pauses(flow, excursion, is_missing, spans, span_baselines, rules):
    """The longest still run of each span from lists. Returns pauses and reductions."""
    pauses, reductions = [], []
    behind = 0
    for place, (span, baseline) in enumerate(zip(spans, span_baselines, strict=True)):
        rule = rules | {key: rules[key][place] for key in OF_EACH_STRETCH}
        first = max(span[0] - rule["n_reach"], behind)
        if max(span[0], first) >= span[1]:
            pauses.append([max(span[0], first)] * 3)
            reductions.append(np.nan)
            behind = pauses[-1][2]
            continue
        part, smooth, ranges, is_still = _still_part(flow, is_missing, span, baseline, first, rule)
        runs, k = [], 0
        while k < len(part):
            j = k
            while j < len(part) and is_still[j]:
                j += 1
            if j > k and part[0] + j > span[0] and part[0] + k < span[1]:
                runs.append((k, j))
            k = max(j, k + 1)
        if not runs or min(excursion[span[0] : span[1]]) > rule["low_fraction"] * baseline:
            pauses.append([part[0]] * 3)
            reductions.append(np.nan)
            behind = pauses[-1][2]
            continue
        k, j = max(runs, key=lambda run: (run[1] - run[0], -run[0]))
        half, limit = rule["n_half_window"], rule["still_fraction"] * baseline
        start, stop = max(part[0] + k - half, part[0]), min(part[0] + j + half, part[-1] + 1)
        steps = range(1, rule["n_smooth"] + 1)
        lefts = [start - x for x in steps if start - x >= part[0]]
        rights = [stop - 1 + x for x in steps if stop - 1 + x <= part[-1]]
        left = _walk_out(flow, lefts, smooth[start - part[0]], limit)
        right = _walk_out(flow, rights, smooth[stop - 1 - part[0]], limit)
        start, stop = start if left is None else left, stop if right is None else right + 1
        lowest = start
        for x in range(start - 1, max(start - rule["n_back"], behind) - 1, -1):
            if is_missing[x] or flow[x] > flow[lowest] + rule["rise_fraction"] * baseline:
                break
            lowest = x if flow[x] < flow[lowest] else lowest
        pauses.append([lowest, start, stop])
        reductions.append(1 - np.mean(ranges[k:j]) / baseline)
        behind = stop
    return pauses, reductions


def find_nadirs(flow, is_missing, starts, n_back, rises):
    """The latest lowest of the samples that a walk backwards reaches without rising."""
    nadirs = []
    for start, back, rise in zip(starts, n_back, rises, strict=True):
        reached = [start]
        for x in range(start - 1, max(start - back, 0) - 1, -1):
            if is_missing[x] or flow[x] > min(flow[reached]) + rise:
                break
            reached.append(x)
        nadirs.append(max(x for x in reached if flow[x] == min(flow[reached])))
    return nadirs


def remove_spikes(values, n_longest, n_lag, max_change):
    """Look ahead from each impossible change for the first sample that ends it."""
    out = values.copy()
    i = n_lag
    while i < len(out):
        known = [j for j in range(i - n_lag, i) if not np.isnan(out[j])]
        start, before = (known[0] + 1, out[known[0]]) if known else (i, np.nan)
        is_behind_gap = bool(np.isnan(out[i - 1]))
        if is_behind_gap:
            valid = [x for x in out[max(i - n_longest, 0) : i] if not np.isnan(x)]
            start, before = i, valid[-1] if valid else np.nan
        change = out[i] - before
        if not abs(change) > max_change:
            i += 1
            continue
        ahead = range(i + 1, min(start + n_longest, len(out) - 1) + 1)
        ends = [j for j in ahead if np.isnan(out[j]) or abs(out[j] - before) <= max_change]
        jumps = [j for j in ahead if (out[j] - out[j - n_lag]) * -np.sign(change) > max_change]
        ends = ends if ends and not is_behind_gap else jumps[-1:]
        if ends:
            out[start : ends[0] + n_lag - 1] = np.nan
        i = ends[0] if ends else i + 1
    return out


def remove_plateaus(values, n_shortest, n_longest, n_lag, max_change):
    """List the jumps of what is left; of each fall the next rise, and what lies settled between them."""
    out = values.copy()
    for i in range(n_lag, len(out)):
        changes = np.full(len(out), np.nan)
        changes[n_lag:] = out[n_lag:] - out[:-n_lag]
        rises = np.flatnonzero(changes > max_change)
        later = rises[rises > i]
        if not changes[i] < -max_change or len(later) == 0 or not n_shortest <= later[0] - i <= n_longest:
            continue
        between = out[i + n_lag : later[0] - n_lag + 1]
        if np.isnan(between).all() or np.nanmax(between) - np.nanmin(between) <= max_change:
            out[i - n_lag + 1 : later[0] + n_lag - 1] = np.nan
    return out


def match_falls(values, held, windows, latest, n_before, recovered_fraction, min_valid_fraction):
    """Fall of each window by looking at all pairs. Returns falls and levels."""
    falls, levels = [], []
    limit = 0
    for (start, stop), last in zip(
        ((max(a, 0), min(b, len(values))) for a, b in windows), latest, strict=True
    ):
        falls.append([-1, -1, -1])
        levels.append([np.nan, np.nan])
        n_valid = sum(not np.isnan(values[i]) for i in range(start, stop))
        if n_valid < min_valid_fraction * (stop - start):
            continue
        first = max(start - n_before, limit)

        def highest(until, first=first):
            known = [held[i] for i in range(first, until) if not np.isnan(held[i])]
            return max(known) if known else np.nan

        drops = {i: highest(i + 1) - values[i] for i in range(start, stop)}
        drops = {i: drop for i, drop in drops.items() if not np.isnan(drop)}
        if not drops:
            continue
        ends = [i for i in range(max(last, min(drops) + 1), stop) if values[i] >= highest(i)]
        drops = {i: drop for i, drop in drops.items() if i < min([*ends, stop])}
        nadir_at = min(drops, key=lambda i: (-drops[i], i))
        level, nadir = highest(nadir_at + 1), values[nadir_at]
        at_level = [i for i in range(first, nadir_at + 1) if values[i] >= level]
        back = [i for i in range(nadir_at, stop) if values[i] >= nadir + recovered_fraction * (level - nadir)]
        falls[-1] = [max(at_level), nadir_at, min([*back, stop - 1]) + 1]
        levels[-1] = [level, nadir]
        if level > nadir:
            limit = nadir_at
    return falls, levels


def find_troughs(values, windows, min_fall, min_rise):
    """Nadirs between two falls: each valid value moves one small state machine, written as text."""
    found = []
    for k, (a, b) in enumerate(windows):
        rows = [(i, values[i]) for i in range(max(a, 0), min(b, len(values))) if not np.isnan(values[i])]
        turns, since, is_down = [], 0, False
        for place, (_, value) in enumerate(rows):
            stretch = [v for _, v in rows[since : place + 1]]
            if is_down and value >= min(stretch) + min_rise:
                is_down, since = False, place
            elif not is_down and value <= max(stretch) - min_fall:
                turns.append(place)
                is_down, since = True, place
        for first, second in itertools.pairwise(turns):
            way = rows[first:second]
            risen = next(
                p for p in range(len(way)) if way[p][1] >= min(v for _, v in way[: p + 1]) + min_rise
            )
            lowest = min(v for _, v in way[:risen])
            found.append((k, max(i for i, v in way[:risen] if v == lowest)))
    return found


def _known_stretches(values, n_forgotten):
    """Lists of valid samples between long runs of missing ones."""
    stretches = [[]]
    for i in range(len(values)):
        if np.isnan(values[i]):
            continue
        if stretches[-1] and i - stretches[-1][-1] > n_forgotten:
            stretches.append([])
        stretches[-1].append(i)
    return stretches


def find_falls(values, held, min_drop, min_rise, tolerance, n_before, n_longest, n_forgotten):
    """Look for the opening of each fall, then for its end, stretch by stretch."""
    falls, levels = [], []
    for valid in _known_stretches(values, n_forgotten):
        rest = valid
        while rest:
            begin, opening = rest[0], None
            for i in rest:
                tops = [held[j] for j in valid if max(begin, i - n_longest) <= j <= i and held[j] == held[j]]
                if tops and max(tops) - values[i] >= min_drop:
                    opening = i
                    break
            if opening is None:
                break
            top = max(tops)
            left_at = max(j for j in valid if j <= opening and values[j] >= top - tolerance)
            level_at = max(j for j in valid if j <= opening and values[j] >= top)
            level_at = level_at if left_at - level_at <= n_before else left_at
            low, end = [opening], None
            for j in (j for j in rest if j > opening):
                if j - left_at > n_longest or values[j] >= min(values[low]) + min_rise:
                    end = j
                    break
                low.append(j)
            nadir_at = min(low, key=lambda i: (values[i], i))
            falls.append([level_at, nadir_at, valid[-1] if end is None else end])
            levels.append([top, values[nadir_at]])
            rest = [] if end is None else [j for j in rest if j >= end]
    return falls, levels


def fall_areas(values, falls, levels, min_rise, n_longest, n_forgotten):
    """Cut each fall's own samples out, find where it ends among the valid ones, add up."""
    areas = []
    for k, (start, nadir) in enumerate(falls):
        last = min(len(values) - 1, nadir + n_longest, *(row[0] for row in falls[k + 1 : k + 2]))
        after = [i for i in range(nadir, last + 1) if not np.isnan(values[i])]
        holes = [n for n in range(1, len(after)) if after[n] - after[n - 1] > n_forgotten]
        known = after[: min(holes, default=len(after))]
        back = [i for i in known if values[i] >= levels[k]]
        way = known[: known.index(back[0]) + 1] if back else known
        highest = max(way, key=lambda i: (values[i], -i))
        stop = highest if values[highest] >= values[nadir] + min_rise else way[-1] + 1
        depths = [levels[k] - values[i] for i in range(start, stop) if not np.isnan(values[i])]
        areas.append(sum(depth for depth in depths if depth > 0))
    return areas
