"""Kernels against their plain twins: edge cases, then hundreds of seeded random inputs."""

import naive
import numpy as np
import pytest
from numba import config

from hsat.kernels import breaths, depths, oxygen, pauses, recovery, reductions, rolling, sampling

N_RANDOM = 200
RULE = {
    "enter_fraction": 0.7,
    "recovery_fraction": 0.45,
    "floor_fraction": 0.6,
    "n_recovery": 3,
    "n_after": 10,
    "n_longest": 60,
    "n_window": 80,
    "n_oldest": 150,
    "n_largest": 3,
    "max_variation": 0.25,
    "sigh_ratio": 1.4,
    "max_sigh_share": 0.1,
    "floor": 0.2,
}


def f32(values):
    return np.asarray(values, dtype=np.float32)


def edge_series():
    """Series at which windows, loops and divisions go wrong."""
    return [f32(x) for x in ([], [3], [2, 2, 2, 2], [1, 5], [5, 1, 5, 1, 5], np.arange(9), -np.arange(9.0))]


def random_series(rng, n_most=80, missing=0.0):
    values = np.round(rng.normal(0, 4, rng.integers(0, n_most))).astype(np.float32)
    values[rng.random(len(values)) < missing] = np.nan
    return values


@pytest.mark.parametrize("name", ["moving_mean", "rolling_range", "subtract_drift"])
def test_centred_windows(name):
    kernel, twin = getattr(rolling, name), getattr(naive, name)
    rng = np.random.default_rng(21)
    series = [*edge_series(), *(random_series(rng) for _ in range(N_RANDOM))]
    for values in series:
        for half_width in (0, 1, 3, int(rng.integers(0, 40)), 200):
            result = np.full(len(values), -1, np.float32)
            kernel(values, half_width, result)
            np.testing.assert_allclose(result, twin(values, half_width), rtol=1e-5, atol=1e-5)


def test_moving_mean_does_not_drift_over_a_night():
    values = f32(np.random.default_rng(5).normal(1000, 1, 20_000))
    result = np.empty_like(values)
    rolling.moving_mean(values, 30, result)
    expected = np.convolve(values.astype(float), np.ones(61) / 61, mode="valid")
    # Uncompiled, the sum is a float32 as the samples are: only the compiled kernel has to be exact.
    np.testing.assert_allclose(result[30:-30], expected, rtol=1e-5 if config.DISABLE_JIT else 1e-6)


def test_held_level():
    rng = np.random.default_rng(22)
    series = [*edge_series(), f32([np.nan] * 5), *(random_series(rng, missing=0.1) for _ in range(N_RANDOM))]
    for values in series:
        for width in (1, 2, 12, len(values) + 3):
            result = np.full(len(values), -1, np.float32)
            rolling.held_level(values, width, result)
            np.testing.assert_array_equal(result, naive.held_level(values, width))


def run_add_to_bins(stored, n_columns, first_sample, ratio, *, n_bins, valid=None, missing=()):
    sums, weights = np.zeros(n_bins, np.float32), np.zeros(n_bins, np.float32)
    codes = np.array(missing, dtype=np.float64)
    limits = (-np.inf, np.inf) if valid is None else valid
    sampling.add_to_bins(
        stored[:, :n_columns], first_sample, ratio, valid is not None, *limits, codes, sums, weights
    )
    return sums, weights


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("is_checked", [False, True])
def test_add_to_bins(dtype, is_checked):
    rng = np.random.default_rng(23)
    for _ in range(N_RANDOM):
        n_columns = int(rng.integers(1, 12))
        n_row = n_columns + int(rng.integers(0, 3))
        stored = rng.integers(-500, 500, (int(rng.integers(0, 6)), n_row)).astype(dtype)
        if dtype is np.float32 and is_checked:
            stored[rng.random(stored.shape) < 0.1] = np.nan
        ratio = float(rng.choice([1.0, 2.0, 2.5, 3.2, 10.0, 25.6, 1.5, n_columns]))
        place = (stored, n_columns, int(rng.integers(-5, 30)), ratio)
        options = {"n_bins": int(rng.integers(0, 30))}
        if is_checked:
            options |= {"valid": (-400.0, 450.0), "missing": (127.0, -1.0)}
        for got, expected in zip(
            run_add_to_bins(*place, **options), naive.add_to_bins(*place, **options), strict=True
        ):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-3)


def test_finish_bins():
    rng = np.random.default_rng(24)
    for n_bins in (0, 1, 300):
        sums = rng.normal(0.0, 500.0, n_bins).astype(np.float32)
        weights = rng.choice(f32([0.0, 0.25, 0.49999997, 0.5, 0.75, 1.0, 9.6, 10.0]), n_bins)
        expected = naive.finish_bins(sums, weights, 0.037, -12.5)
        sampling.finish_bins(sums, weights, np.float32(0.037), np.float32(-12.5))
        np.testing.assert_array_equal(sums, expected)


def test_add_to_bins_reads_a_strided_view():
    record = np.arange(60, dtype=np.int16).reshape(3, 20)
    place = (record[:, 4:12], 8, 0, 4.0)
    for got, expected in zip(
        run_add_to_bins(*place, n_bins=6), naive.add_to_bins(*place, n_bins=6), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def test_add_to_bins_sums_beyond_sixteen_bits():
    stored = np.full((1, 20), 32767, np.int16)
    sums, weights = run_add_to_bins(stored, 20, 0, 20.0, n_bins=1)
    assert sums[0] == 20 * 32767
    assert weights[0] == 20


def test_find_breaths():
    rng = np.random.default_rng(24)
    cases = [(x, np.ones_like(x)) for x in edge_series()]
    for _ in range(N_RANDOM):
        n = int(rng.integers(2, 150))
        wave = np.sin(np.arange(n) * rng.uniform(0.2, 1.0)) * rng.uniform(0.2, 2.0)
        cases.append((f32(wave + rng.normal(0, 0.3, n)), f32(rng.uniform(0.05, 0.6, n))))
    for flow, hysteresis in cases:
        onsets = np.full(len(flow), -1, np.int64)
        count = breaths.find_breaths(flow, hysteresis, onsets)
        assert onsets[:count].tolist() == naive.find_breaths(flow, hysteresis)


def test_find_breaths_in_a_sine_are_its_upward_crossings():
    flow = f32(-np.cos(2 * np.pi * np.arange(400) / 40 + 0.01))
    onsets = np.empty(400, np.int64)
    count = breaths.find_breaths(flow, np.full(400, 0.2, np.float32), onsets)
    assert onsets[:count].tolist() == list(range(10, 400, 40))


RUN = {"reduced_fraction": 0.7, "n_shortest": 10, "n_longest": 30, "n_recoveries": 3}


def run_find_recovery_breaths(onsets, sizes, rule):
    rule = {"n_breath": np.full(len(onsets), 4), **rule}
    limits = recovery.RunLimits(*(rule[key] for key in recovery.RunLimits._fields))
    is_recovery = np.ones(len(onsets), bool)
    recovery.find_recovery_breaths(np.asarray(onsets, np.int64), f32(sizes), limits, is_recovery)
    return is_recovery.tolist()


def test_find_recovery_breaths():
    rng = np.random.default_rng(31)
    n_found = n_nights = 0
    for turn in range(N_RANDOM):
        rule = dict(RUN, n_recoveries=int(rng.integers(1, 5)), n_longest=int(rng.choice([10, 20, 40])))
        n = int(rng.integers(0, 60))
        rule["n_breath"] = rng.integers(3, 6, n)
        onsets = np.cumsum(rng.integers(3, 9, n))
        sizes = f32(rng.choice([0.4, 0.5, 0.6, 1.0, 1.3], n, p=[0.4, 0.2, 0.2, 0.15, 0.05]))
        sizes[rng.random(n) < rng.choice([0.0, 0.05])] = np.nan
        found = run_find_recovery_breaths(onsets, sizes, rule)
        assert found == naive.find_recovery_breaths(onsets, sizes, rule), turn
        n_found += sum(found)
        n_nights += any(found)
    assert n_found > N_RANDOM / 2
    assert n_nights < N_RANDOM


@pytest.mark.parametrize(
    ("n_between", "n_runs", "small", "is_run"),
    [
        (10, 3, 0.69, True),
        (9, 3, 0.69, False),  # too short to be a reduction
        (30, 3, 0.69, True),
        (31, 3, 0.69, False),  # too far apart
        (20, 2, 0.69, False),  # too few
        (20, 3, 0.71, False),  # not reduced
    ],
)
def test_recovery_breaths_at_just_below_and_just_above_each_limit(n_between, n_runs, small, is_run):
    """A breath of 4 samples, then nothing or one smaller breath, up to the next."""
    large = np.arange(n_runs) * (4 + n_between)
    onsets = np.sort(np.concatenate((large, large[:-1] + 5)))
    sizes = np.where(np.isin(onsets, large), 1.0, small)
    assert run_find_recovery_breaths(onsets, sizes, RUN) == (np.isin(onsets, large) & is_run).tolist()


def test_a_sigh_is_what_is_larger_than_every_recovery_breath():
    onsets = np.arange(0, 85, 5)
    sizes = np.array([1.0] * 12 + [1.5, 1.5, 1.5, 2.5] + [1.0])
    none = np.zeros(17, bool)
    rule = dict(RULE, max_variation=0.0, max_sigh_share=0.3)
    for is_recovery, expected in ((none, 1.0), (sizes == 1.5, 1.5)):
        # Of 16 breaths at most 4 are sighs; flow itself is never reduced.
        *_, baselines = run_find_reductions(
            np.full(90, 9.0, np.float32), onsets, sizes, none, is_recovery, rule
        )
        assert baselines[-1] == expected


@pytest.mark.parametrize(("last", "is_found"), [(150, True), (151, False)])
def test_the_first_breaths_that_follow_stand_for_a_baseline_where_few_do(last, is_found):
    """Three breaths, the third `last` samples after the first: within ``n_oldest`` or beyond."""
    excursion = np.ones(200, np.float32)
    none = np.zeros(3, bool)
    *_, baselines = run_find_reductions(excursion, [0, 100, last], [1.0, 1.0, 1.0], none, none, RULE)
    assert np.isnan(baselines).tolist() == [not is_found, True, True]


def run_find_reductions(excursion, onsets, breath_excursions, is_unusable, is_recovery, rule):
    n, m = len(excursion), len(onsets)
    rule = rule | {"n_after": np.full(m, rule["n_after"])}  # of each breath
    spans = np.zeros((n + 1, 2), np.int64)
    span_baselines, span_means, endings = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1, np.int8)
    baselines = np.full(m, np.nan)
    count = reductions.find_reductions(
        excursion,
        np.asarray(onsets, np.int64),
        f32(breath_excursions),
        np.asarray(is_unusable, bool),
        np.asarray(is_recovery, bool),
        reductions.BaselineLimits(*(rule[key] for key in reductions.BaselineLimits._fields)),
        reductions.SpanLimits(*(rule[key] for key in reductions.SpanLimits._fields)),
        spans,
        span_baselines,
        span_means,
        endings,
        baselines,
    )
    return spans[:count], span_baselines[:count], span_means[:count], endings[:count], baselines


def random_breathing(rng):
    """Excursions that fall and rise again, breaths every few samples, some missing samples."""
    n = int(rng.integers(0, 400))
    onsets = np.flatnonzero(rng.random(n) < 0.2)
    levels = rng.choice([1.0, 1.0, 1.0, 0.6, 0.3, 0.05], n // 20 + 1)
    excursion = f32(np.repeat(levels, 20)[:n] * rng.lognormal(0, rng.choice([0.02, 0.15]), n))
    if rng.random() < 0.3:
        excursion[rng.random(n) < 0.01] = np.nan
    breaths = np.nan_to_num(excursion[onsets], nan=1.0)
    return excursion, onsets, breaths, rng.random(len(onsets)) < 0.05, rng.random(len(onsets)) < 0.05


def test_find_reductions():
    rng = np.random.default_rng(25)
    n_found, endings_seen = 0, set()
    for turn in range(N_RANDOM):
        night = random_breathing(rng)
        rule = dict(RULE, n_recovery=int(rng.integers(1, 6)), n_longest=int(rng.choice([15, 60, 200])))
        rule["n_after"] = rng.integers(0, 30, len(night[1]))
        got = run_find_reductions(*night, rule)
        spans, span_baselines, span_means, endings, baselines = naive.find_reductions(*night, rule)
        assert got[0].tolist() == [list(x) for x in spans], turn
        np.testing.assert_allclose(got[1], span_baselines, rtol=1e-6)
        np.testing.assert_allclose(got[2], span_means, rtol=1e-6)
        assert got[3].tolist() == endings
        np.testing.assert_allclose(got[4], baselines, rtol=1e-6)
        n_found += len(spans)
        endings_seen |= set(endings)
    assert n_found > N_RANDOM
    assert endings_seen == {0, 1, 2}


@pytest.mark.parametrize("values", [[], [1.0], [np.nan] * 30, [1.0] * 30])
def test_find_reductions_finds_nothing_in_nothing(values):
    onsets = np.arange(0, len(values), 3)
    none = np.zeros(len(onsets), bool)
    spans, *_ = run_find_reductions(f32(values), onsets, np.ones(len(onsets)), none, none, RULE)
    assert len(spans) == 0


@pytest.mark.parametrize("n_low", [1, 9, 10])
def test_find_reductions_keeps_to_the_room_its_docstring_asks_for(n_low):
    # Breathing that drops out again and again makes the most stretches.
    excursion = f32([1.0] * 100 + ([0.4] * n_low + [np.nan]) * 100)
    onsets = np.arange(0, 100, 5)
    none = np.zeros(len(onsets), bool)
    rule = dict(RULE, n_recovery=10)
    spans, *_ = run_find_reductions(excursion, onsets, excursion[onsets], none, none, rule)
    assert len(spans) == (100 if n_low == 10 else 0)
    assert len(spans) <= len(excursion) // rule["n_recovery"] + 1


def test_find_reductions_of_one_clear_fall():
    excursion = f32([1.0] * 100 + [0.4] * 30 + [1.0] * 40)
    onsets = np.arange(0, 170, 5)
    none = np.zeros(len(onsets), bool)
    found = run_find_reductions(excursion, onsets, excursion[onsets], none, none, RULE)
    spans, bases, means, endings, _ = found
    assert spans.tolist() == [[100, 130]]
    assert bases.tolist() == means.tolist() == [1.0]
    assert endings.tolist() == [0]


def test_measure_reductions():
    rng = np.random.default_rng(26)
    for _ in range(N_RANDOM):
        excursion = f32(rng.choice([0.05, 0.1, 0.4, 1.0], rng.integers(1, 100)))
        starts = rng.integers(0, len(excursion), rng.integers(0, 5))
        spans = np.array([(s, rng.integers(s + 1, len(excursion) + 1)) for s in starts], np.int64).reshape(
            -1, 2
        )
        bases = rng.uniform(0.5, 2.0, len(spans))
        got = np.zeros(len(spans))
        depths.measure_reductions(excursion, spans, bases, got)
        expected = naive.measure_reductions(excursion, spans, bases)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


PAUSE = {
    "low_fraction": 0.5,
    "still_fraction": 0.1,
    "n_smooth": 2,
    "n_half_window": 3,
    "n_reach": 6,
    "n_back": 12,
    "rise_fraction": 0.25,
}


def run_find_pauses(flow, is_missing, spans, bases, rule, excursion=None):
    found, depths = np.zeros((len(spans), 3), np.int64), np.zeros(len(spans))
    rule = rule | {key: np.full(len(spans), rule[key]) for key in naive.OF_EACH_STRETCH}
    limits = pauses.PauseLimits(*(rule[key] for key in pauses.PauseLimits._fields))
    excursion = np.zeros_like(flow) if excursion is None else excursion
    spans, bases = np.asarray(spans, np.int64), np.asarray(bases)
    pauses.find_pauses(flow, excursion, is_missing, spans, bases, limits, found, depths)
    return found.tolist(), depths


def test_find_pauses():
    rng = np.random.default_rng(33)
    n_found = n_none = 0
    for turn in range(N_RANDOM):
        n = int(rng.integers(30, 300))
        depth = np.repeat(rng.choice([1.0, 0.3, 0.02], n // 15 + 1), 15)[:n]
        flow = f32(depth * np.sin(2 * np.pi * np.arange(n) / 11) + 0.02 * rng.normal(size=n))
        is_missing = rng.random(n) < rng.choice([0.0, 0.01])
        flow[is_missing] = 0.0
        edges = np.sort(rng.choice(n, 2 * int(rng.integers(0, 6)), replace=False)).reshape(-1, 2)
        spans = edges[[not is_missing[a:b].any() for a, b in edges]] if len(edges) else edges
        bases = rng.uniform(0.8, 2.2, len(spans))
        rule = dict(PAUSE, n_smooth=int(rng.integers(0, 4)))
        rule["still_fraction"] = rng.uniform(0.08, 0.12, len(spans))
        rule["n_half_window"] = rng.integers(2, 5, len(spans))
        rule["n_reach"], rule["n_back"] = rng.integers(0, 10, len(spans)), rng.integers(0, 20, len(spans))
        excursion = f32(rng.choice([0.1, 2.0], n, p=[0.05, 0.95]))
        got, got_depths = run_find_pauses(flow, is_missing, spans, bases, rule, excursion)
        expected, expected_depths = naive.find_pauses(
            flow, excursion, is_missing, spans.tolist(), bases, rule
        )
        assert got == expected, turn
        np.testing.assert_allclose(got_depths, expected_depths, rtol=1e-4, atol=1e-5)
        n_found += int(np.count_nonzero(~np.isnan(got_depths)))
        n_none += int(np.count_nonzero(np.isnan(got_depths)))
    assert n_found > 100
    assert n_none > 100


def test_measure_smoothing():
    rng = np.random.default_rng(35)
    for _ in range(N_RANDOM):
        flow = f32(rng.normal(size=rng.integers(1, 60)) * rng.choice([0.0, 1.0], p=[0.1, 0.9]))
        middles = rng.integers(0, len(flow), rng.integers(0, 6))
        n_half, n_smooth = int(rng.integers(1, 8)), int(rng.integers(0, 4))
        got = np.zeros(len(middles))
        pauses.measure_smoothing(flow, middles, n_half, n_smooth, got)
        np.testing.assert_allclose(
            got, naive.measure_smoothing(flow, middles, n_half, n_smooth), rtol=1e-4, atol=1e-6
        )


def test_find_nadirs():
    rng = np.random.default_rng(34)
    for _ in range(N_RANDOM):
        n = int(rng.integers(1, 80))
        flow = f32(rng.choice([1.0, 10.0]) * rng.integers(-4, 5, n) / 4)
        is_missing = rng.random(n) < rng.choice([0.0, 0.1])
        starts = rng.integers(0, n, int(rng.integers(0, 6)))
        n_back, rises = rng.integers(0, 30, len(starts)), rng.choice([0.0, 0.25, 0.3, 2.0], len(starts))
        got = np.empty(len(starts), np.int64)
        pauses.find_nadirs(flow, is_missing, starts, n_back, rises, got)
        assert got.tolist() == naive.find_nadirs(flow, is_missing, starts, n_back, rises)


def test_a_nadir_by_hand():
    """Back over a shallow ripple to the trough at sample 2, but not over the breath before it."""
    flow = f32([-3.0, 1.0, -2.0, -1.0, -1.5, -0.5, 0.0])
    got = np.empty(3, np.int64)
    starts, n_back = np.array([6, 6, 6]), np.array([9, 9, 3])
    pauses.find_nadirs(flow, np.zeros(7, bool), starts, n_back, np.array([0.5, 0.4, 0.5]), got)
    assert got.tolist() == [2, 4, 4]


def test_a_pause_by_hand():
    """Expiration ends at sample 40 at -1 and decays to 0 by 44; flow rises at sample 100."""
    flow = f32(np.zeros(140))
    flow[:40] = np.tile([1.0] * 5 + [-1.0] * 5, 4)
    flow[40:44] = [-1.0, -0.75, -0.5, -0.25]
    flow[100:] = np.tile([1.0] * 5 + [-1.0] * 5, 4)
    rule = dict(PAUSE, n_smooth=0)
    found, depths = run_find_pauses(flow, np.zeros(140, bool), [(50, 95)], [2.0], rule)
    # The last nadir is sample 40: the latest at -1 before flow stands still from 44 to 100; a limit
    # of 0.2 lets the window of the first still sample begin at 44.
    assert found == [[40, 44, 100]]
    assert depths.tolist() == [1.0]


def test_a_pause_that_two_stretches_share_belongs_to_the_first():
    flow = f32(np.zeros(100))
    flow[:20] = flow[80:] = np.tile([1.0, 1.0, -1.0, -1.0], 5)
    found, depths = run_find_pauses(flow, np.zeros(100, bool), [(25, 45), (50, 70)], [2.0, 2.0], PAUSE)
    assert found[0][2] > 45
    assert found[1][1] >= found[0][2]
    assert found[1][2] - found[1][1] < 40
    assert not np.isnan(depths[0])


def test_measure_breaths():
    rng = np.random.default_rng(31)
    for _ in range(N_RANDOM):
        flow = f32(rng.normal(size=rng.integers(1, 80)))
        onsets = np.flatnonzero(rng.random(len(flow)) < 0.2)
        got = np.zeros(len(onsets), np.float32)
        n_longest = rng.integers(1, 20, len(onsets))
        breaths.measure_breaths(flow, onsets, n_longest, got)
        np.testing.assert_array_equal(got, f32(naive.measure_breaths(flow, onsets, n_longest)))


@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 95])
def test_measure_way(n):
    rng = np.random.default_rng(n)
    flow, excursion = f32(rng.normal(size=n)), f32(rng.random(n))
    n_blocks = max(round(n / 10), 1)
    ways, reaches = np.zeros(n_blocks), np.zeros(n_blocks)
    breaths.measure_way(flow, excursion, 10, ways, reaches)
    expected = naive.measure_way(flow, excursion, 10, n_blocks)
    np.testing.assert_allclose(ways, expected[0], rtol=1e-6)
    np.testing.assert_allclose(reaches, expected[1], rtol=1e-6)


def random_saturation(rng):
    """Whole percent that wanders, with dips, jumps and missing samples."""
    n = int(rng.integers(0, 150))
    steps = rng.choice([-2, -1, 0, 0, 0, 0, 0, 1, 2], n)
    values = f32(np.clip(94 + np.cumsum(steps) - 0.0, 80, 100))
    for _ in range(int(rng.integers(0, 4))):
        start = int(rng.integers(0, n + 1))
        values[start : start + int(rng.integers(1, 10))] -= float(rng.integers(3, 25))
    values[rng.random(n) < rng.choice([0.0, 0.05])] = np.nan
    return values


def test_remove_spikes():
    rng = np.random.default_rng(27)
    series = [*edge_series(), f32([np.nan] * 4), *(random_saturation(rng) for _ in range(2 * N_RANDOM))]
    n_changed = 0
    for turn, values in enumerate(series):
        got = values.copy()
        n_lag = 1 + turn % 4
        oxygen.remove_spikes(got, 6, n_lag, 4.0)
        np.testing.assert_array_equal(got, naive.remove_spikes(values, 6, n_lag, 4.0))
        n_changed += int(np.isnan(got).sum() > np.isnan(values).sum())
    assert n_changed > N_RANDOM / 4


def test_remove_plateaus():
    rng = np.random.default_rng(29)
    series = [*edge_series(), f32([np.nan] * 4), *(random_saturation(rng) for _ in range(2 * N_RANDOM))]
    n_changed = 0
    for turn, values in enumerate(series):
        if len(values) > 40:
            start = int(rng.integers(0, len(values) - 30))
            length = int(rng.integers(5, 50))
            values[start : start + length] = 85.0 + rng.integers(-2, 2, len(values[start : start + length]))
        got = values.copy()
        n_lag = 1 + turn % 4
        oxygen.remove_plateaus(got, 8, 30, n_lag, 4.0)
        np.testing.assert_array_equal(got, naive.remove_plateaus(values, 8, 30, n_lag, 4.0))
        n_changed += int(np.isnan(got).sum() > np.isnan(values).sum())
    assert n_changed > N_RANDOM / 4


def test_match_falls():
    rng = np.random.default_rng(28)
    n_found = 0
    for _ in range(2 * N_RANDOM):
        values = random_saturation(rng)
        held = np.empty_like(values)
        rolling.held_level(values, 3, held)
        starts = np.sort(rng.integers(-5, len(values) + 5, rng.integers(0, 6)))
        windows = np.column_stack((starts, starts + rng.integers(0, 40, len(starts)))).astype(np.int64)
        falls, levels = np.zeros((len(windows), 3), np.int64), np.zeros((len(windows), 2), np.float32)
        latest = windows[:, 0] + rng.integers(0, 40, len(starts))
        oxygen.match_falls(values, held, windows, latest, 20, 0.5, 0.5, falls, levels)
        expected = naive.match_falls(values, held, windows, latest, 20, 0.5, 0.5)
        assert falls.tolist() == expected[0]
        np.testing.assert_array_equal(levels, f32(expected[1]).reshape(-1, 2))
        n_found += int((falls[:, 0] >= 0).sum())
    assert n_found > N_RANDOM


def test_find_troughs():
    rng = np.random.default_rng(29)
    n_found = 0
    for _ in range(2 * N_RANDOM):
        values = random_saturation(rng)
        starts = np.sort(rng.integers(-5, len(values) + 5, rng.integers(0, 6)))
        windows = np.column_stack((starts, starts + rng.integers(0, 60, len(starts)))).astype(np.int64)
        n_most = 30 * len(starts) + 1
        places, troughs = np.zeros(n_most, np.int64), np.zeros(n_most, np.int64)
        count = oxygen.find_troughs(values, windows, 3.0, 2.0, places, troughs)
        found = list(zip(places[:count].tolist(), troughs[:count].tolist(), strict=True))
        assert found == naive.find_troughs(values, windows.tolist(), 3.0, 2.0)
        n_found += count
    assert n_found > N_RANDOM


def run_find_falls(values, min_drop, min_rise, n_longest, n_forgotten=8, tolerance=1.0):
    held = np.empty_like(values)
    rolling.held_level(values, 2, held)
    falls = np.zeros((len(values) + 1, 3), np.int64)
    levels = np.zeros((len(values) + 1, 2), np.float32)
    count = oxygen.find_falls(
        values, held, min_drop, min_rise, tolerance, 10, n_longest, n_forgotten, falls, levels
    )
    return falls[:count].tolist(), levels[:count].tolist(), held


def test_find_falls():
    rng = np.random.default_rng(29)
    n_found = 0
    series = [*edge_series(), f32([np.nan] * 4), *(random_saturation(rng) for _ in range(2 * N_RANDOM))]
    for values in series:
        falls, levels, held = run_find_falls(values, 3.0, 2.0, 30)
        expected = naive.find_falls(values, held, 3.0, 2.0, 1.0, 10, 30, 8)
        assert falls == expected[0]
        assert levels == [[float(x) for x in row] for row in expected[1]]
        n_found += len(falls)
    assert n_found > N_RANDOM


def test_find_falls_of_a_fall_that_recovers_at_once():
    values = f32([96] * 6 + [92] * 3 + [96] * 6)
    assert run_find_falls(values, 3.0, 2.0, 30)[:2] == ([[5, 6, 9]], [[96.0, 92.0]])


@pytest.mark.parametrize(("drop", "n_falls"), [(2, 0), (3, 1), (4, 1)])
def test_find_falls_at_just_below_and_above_the_smallest_drop(drop, n_falls):
    steps = [96.0 - x for x in range(drop + 1)]
    values = f32([96] * 5 + steps + steps[::-1] + [96] * 5)
    assert len(run_find_falls(values, 3.0, 2.0, 30)[0]) == n_falls


def test_find_falls_ignores_a_slow_drift():
    values = f32(np.repeat(np.arange(98, 88, -1), 20))
    assert run_find_falls(values, 3.0, 2.0, 30)[0] == []


def run_fall_areas(values, falls, levels, n_longest=30, n_forgotten=8, min_rise=2.0):
    rows = np.array([fall[:2] for fall in falls], dtype=np.int64).reshape(-1, 2)
    areas = np.full(len(rows), -1.0)
    tops = np.array(levels, dtype=np.float64)
    oxygen.fall_areas(values, rows, tops, min_rise, n_longest, n_forgotten, areas)
    return areas.tolist()


def test_fall_areas():
    rng = np.random.default_rng(30)
    n_found = 0
    for values in (random_saturation(rng) for _ in range(2 * N_RANDOM)):
        falls, levels, _ = run_find_falls(values, 3.0, 2.0, 30)
        tops = [level for level, _ in levels]
        for n_longest, n_forgotten in ((30, 8), (3, 2), (500, 500)):
            result = run_fall_areas(values, falls, tops, n_longest, n_forgotten)
            rows = [fall[:2] for fall in falls]
            assert result == pytest.approx(naive.fall_areas(values, rows, tops, 2.0, n_longest, n_forgotten))
        n_found += len(falls)
    assert n_found > N_RANDOM


def test_no_sample_is_in_the_area_of_two_falls():
    """The areas of all falls together are at most the area below the highest level."""
    rng = np.random.default_rng(31)
    for values in (random_saturation(rng) for _ in range(N_RANDOM)):
        falls, levels, _ = run_find_falls(values, 3.0, 2.0, 30)
        if falls:
            below = np.nansum(np.maximum(max(level for level, _ in levels) - values.astype(float), 0))
            assert sum(run_fall_areas(values, falls, [x for x, _ in levels], 500)) <= below + 1e-6


@pytest.mark.parametrize(
    ("after", "area"),
    [
        ([92, 94, 96, 96], 6 + 4 + 2),  # back at the level: the sample that is back is not counted
        ([92, 94, 97, 97], 6 + 4 + 2),  # above the level
        ([92, 94, 94, 94], 6 + 4),  # not back: to the first of the highest
        ([92, 94, 93, 95], 6 + 4 + 2 + 3),
        ([np.nan, 94, np.nan, 96], 6 + 2),  # missing samples add nothing
        ([92, *[np.nan] * 8, 96], 6),  # nothing is known across a long hole
        ([92, *[np.nan] * 7, 96], 6 + 4),
        ([92] * 29 + [96], 6 + 29 * 4),  # at the longest way back
        ([92] * 30 + [96], 6),  # just above it
        ([91, 91, 91.5, 91], 6 + 5 + 5 + 4.5 + 5),  # no rise by 2: all that was followed
        ([91, 92, 91, 91], 6 + 5),  # a rise by 2: until there
        ([90, 90, 90], 4 * 6),
        ([], 6),  # the series ends at the nadir
    ],
)
def test_fall_area_by_hand(after, area):
    assert run_fall_areas(f32([96, 96, 90, *after]), [[1, 2]], [96.0]) == [area]
