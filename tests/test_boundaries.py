"""The breath and the point of it that an event starts at."""

from dataclasses import replace

import numpy as np
import pytest
from breathing_signals import PERIOD_S, Fall, breath_table, flow_curve, recording_of, signal_of, spo2_channel

import hsat
from hsat.detect.boundaries import first_reduced_onsets, nadirs_before
from hsat.detect.breathing import Breathing
from hsat.detect.respiratory import find_reduced_breathing
from hsat.detect.signals import measure_signals

RULES = hsat.load_rules("aasm_1b")
DURATION_S, RATE_HZ = 1800.0, 20.0
START_S, STOP_S = 1000.0, 1016.0
"""A hypopnea of four breaths."""

TROUGH_BEFORE_S = 1.9
"""A drawn breath is in for 30 % of its 4 s and out for 45 %: its trough is at 2.1 s."""

PAUSE_S = 1.0
"""Before each breath flow is zero for a quarter of its 4 s: the drift decides where in it the onset is."""


def flow_with(inspirations: dict[float, float], expirations: dict[float, float] | None = None) -> np.ndarray:
    """A hypopnea by 60 %, and breaths (by their onset) whose inspiration or expiration has another size."""
    flow = flow_curve(breath_table(DURATION_S, [Fall(START_S, STOP_S - START_S, 0.6)]), DURATION_S, RATE_HZ)
    times_s = (np.arange(len(flow)) + 0.5) / RATE_HZ
    for is_in, sizes in ((True, inspirations), (False, expirations or {})):
        for onset_s, size in sizes.items():
            here = (times_s >= onset_s) & (times_s < onset_s + PERIOD_S) & ((flow > 0) == is_in)
            flow[here] *= size
    return flow


def breathing_with(flow: np.ndarray) -> Breathing:
    signals = measure_signals(recording_of(signal_of("flow", flow, RATE_HZ)), RULES)
    assert signals.airflow is not None
    return signals.airflow.main.breathing


def start_of(breathing: Breathing, *, is_volume: bool = False) -> float:
    """Start of the one reduction near the drawn one."""
    reductions = find_reduced_breathing(breathing, RULES, is_volume=is_volume)
    ((start_s, _),) = [span for span in reductions.spans_s.tolist() if span[1] > START_S and span[0] < STOP_S]
    return start_s


def test_a_hypopnea_starts_at_the_nadir_before_its_first_reduced_breath():
    assert start_of(breathing_with(flow_with({}))) == pytest.approx(START_S - TROUGH_BEFORE_S, abs=0.4)


def test_on_belts_it_starts_where_the_breath_does():
    breathing = breathing_with(flow_with({}))
    start_s = start_of(breathing, is_volume=True)
    assert start_s == pytest.approx(START_S, abs=PAUSE_S + 0.2)
    assert start_s > start_of(breathing) + 0.5


@pytest.mark.parametrize(
    ("size", "is_reduced"),
    [
        (0.40, True),  # the rise is 0.667 + 0.40 of 1.667: 36 % less
        (0.45, True),  # 33 %
        (0.55, False),  # 27 %
        (0.60, False),
        (1.0, False),
    ],
)
def test_a_breath_of_half_an_inspiration_and_a_whole_expiration_is_the_first(size, is_reduced):
    """A larger expiration makes it fill the measuring window, whatever its inspiration."""
    before_s = START_S - PERIOD_S
    breathing = breathing_with(flow_with({before_s: size}, {before_s: 1.6}))
    onset_s = before_s if is_reduced else START_S
    assert start_of(breathing) == pytest.approx(onset_s - TROUGH_BEFORE_S, abs=0.5)


def moved(breathing: Breathing, *, stops: tuple[int, ...] = (), starts_s: tuple[float, ...] = ()) -> float:
    """Where the start of a stretch at `START_S` is moved to; of the last, where others are before it."""
    starts = np.array([*starts_s, START_S])
    ends = np.array([*stops, round(STOP_S * breathing.rate_hz)])
    return float(first_reduced_onsets(starts, ends, np.full(len(starts), 5 / 3), breathing, RULES)[-1])


HALF_IN = flow_with({START_S - PERIOD_S: 0.4}, {START_S - PERIOD_S: 1.6})


def test_only_the_breath_before_is_looked_at():
    """Both rise by 0.4 of 1.667, from a full expiration of 0.667 and from one of 0.7."""
    before_s = START_S - PERIOD_S
    two = {before_s: 0.4, before_s - PERIOD_S: 0.4}
    breathing = breathing_with(flow_with(two, {before_s: 1.6, before_s - PERIOD_S: 1.05}))
    sizes = np.full(len(breathing.breath_excursions), 2.0, np.float32)
    found_s = moved(replace(breathing, breath_excursions=sizes))
    assert found_s == pytest.approx(before_s - PAUSE_S / 2, abs=PAUSE_S / 2 + 0.2)


def test_a_breath_whose_nadir_lies_in_the_stretch_before_is_left_alone():
    breathing = breathing_with(HALF_IN)
    nadir = round((START_S - PERIOD_S - TROUGH_BEFORE_S) * breathing.rate_hz)
    onset_s = START_S - PERIOD_S - PAUSE_S / 2
    found_s = moved(breathing, starts_s=(900.0,), stops=(nadir - 35,))
    assert found_s == pytest.approx(onset_s, abs=PAUSE_S / 2 + 0.2)
    assert moved(breathing, starts_s=(900.0,), stops=(nadir + 5,)) == START_S


def test_a_breath_that_the_window_calls_small_is_left_to_the_window():
    breathing = breathing_with(HALF_IN)
    nearest = int(np.argmin(np.abs(breathing.onsets / breathing.rate_hz - (START_S - PERIOD_S))))
    sizes = breathing.breath_excursions.copy()
    sizes[nearest] = 0.5
    assert moved(replace(breathing, breath_excursions=sizes)) == START_S


@pytest.mark.parametrize(("whole", "is_moved"), [(1.0, False), (0.75, False), (0.65, True)])
def test_no_start_is_moved_across_a_whole_breath(whole, is_moved):
    """The small breaths have no onsets, so that the nearest is that of the last breath before them."""
    first_s, last_s = START_S - 2 * PERIOD_S, START_S - PERIOD_S
    breathing = breathing_with(flow_with({first_s: 0.4, last_s: whole}, {first_s: 1.6, last_s: whole}))
    onsets_s = breathing.onsets / breathing.rate_hz
    is_kept = (onsets_s < START_S - 1.5) | (onsets_s > START_S + 2 * PERIOD_S - 1.5)
    thinned = replace(
        breathing,
        onsets=breathing.onsets[is_kept],
        breath_excursions=np.full(is_kept.sum(), 2.0, np.float32),
        breath_ranges=breathing.breath_ranges[is_kept],
    )
    onset_s = first_s - PAUSE_S / 2 if is_moved else START_S
    assert moved(thinned) == pytest.approx(onset_s, abs=PAUSE_S / 2 + 0.2)


def test_a_breath_with_missing_flow_is_not_measured():
    breathing = breathing_with(HALF_IN)
    is_missing = breathing.is_missing.copy()
    is_missing[round((START_S - PERIOD_S + 1.0) * breathing.rate_hz)] = True
    assert moved(replace(breathing, is_missing=is_missing)) == START_S


def test_a_breath_longer_than_any_is_no_breath():
    """The onset between is gone: the two breaths together last longer than 8 s."""
    breathing = breathing_with(HALF_IN)
    onsets_s = breathing.onsets / breathing.rate_hz
    is_kept = (onsets_s < START_S - PERIOD_S - 5.5) | (onsets_s > START_S - 1.0)
    onsets = breathing.onsets[is_kept]
    thinned = replace(
        breathing,
        onsets=onsets,
        breath_excursions=breathing.breath_excursions[is_kept],
        breath_ranges=breathing.breath_ranges[is_kept],
    )
    assert moved(thinned) == START_S


@pytest.mark.parametrize("n_onsets", [0, 1, 2])
def test_too_few_breaths_move_nothing(n_onsets):
    breathing = breathing_with(HALF_IN)
    few = replace(
        breathing,
        onsets=breathing.onsets[:n_onsets],
        breath_excursions=breathing.breath_excursions[:n_onsets],
        breath_ranges=breathing.breath_ranges[:n_onsets],
    )
    assert moved(few) == START_S


def test_no_nadir_lies_before_missing_flow():
    breathing = breathing_with(flow_with({}))
    is_missing = breathing.is_missing.copy()
    is_missing[: round((START_S - 1.0) * breathing.rate_hz)] = True
    gap = replace(breathing, is_missing=is_missing)
    (start_s,) = nadirs_before(np.array([START_S]), np.array([5 / 3]), gap, RULES)
    assert start_s == pytest.approx(START_S - 1.0, abs=0.2)


def test_a_night_of_half_inspirations_is_scored_from_them_on():
    """Three breaths of 12 s and the one before: 16 s and the way from the nadir."""
    falls = [Fall(start_s, 12.0, 0.6, 6.0) for start_s in (400.0, 700.0, 1000.0, 1300.0)]
    flow = flow_curve(breath_table(DURATION_S, falls), DURATION_S, RATE_HZ)
    times_s = (np.arange(len(flow)) + 0.5) / RATE_HZ
    for fall in falls:
        here = (times_s >= fall.start_s - PERIOD_S) & (times_s < fall.start_s)
        flow[here & (flow > 0)] *= 0.4
        flow[here & (flow < 0)] *= 1.6
    night = hsat.score_night(recording_of(signal_of("flow", flow, RATE_HZ), spo2_channel(DURATION_S, falls)))
    assert len(night.events) == 4
    for event in night.events:
        assert event.duration_s == pytest.approx(16.0 + TROUGH_BEFORE_S, abs=1.0)
