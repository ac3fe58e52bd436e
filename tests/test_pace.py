"""The usual breath of each part of the night, and what a night with two of them is measured with."""

from collections.abc import Sequence

import naive
import numpy as np
import pytest
from breathing_signals import Fall, flow_curve, recording_of, signal_of, spo2_channel

import hsat
from hsat.detect.breathing import Breathing
from hsat.detect.effort import measure_effort
from hsat.detect.pace import Pace, excursion_at_pace, find_pace
from hsat.detect.pauses import Pauses, measure_pauses
from hsat.events import EventKind
from hsat.recording import Recording

RULES = hsat.load_rules("aasm_1b")
RATE_HZ = 10.0


def onsets_of(*parts: tuple[int, float]) -> np.ndarray:
    """Onsets of so many breaths of so many seconds each, one part after another, in samples."""
    lengths_s = np.concatenate([np.full(n, length_s) for n, length_s in parts])
    return np.rint(np.concatenate(([0.0], np.cumsum(lengths_s))) * RATE_HZ).astype(np.int64)


def pace_of(*parts: tuple[int, float]) -> list[tuple[float, float]]:
    """Start and usual breath of each part that is found."""
    pace = find_pace(onsets_of(*parts), RATE_HZ, RULES.breath)
    return list(zip(pace.starts_s.tolist(), pace.periods_s.tolist(), strict=True))


def test_a_night_at_one_pace_has_one_usual_breath():
    lengths_s = np.random.default_rng(3).normal(4.0, 0.4, 5000).clip(2.5, 6.0)
    onsets = np.rint(np.cumsum(lengths_s) * RATE_HZ).astype(np.int64)
    pace = find_pace(onsets, RATE_HZ, RULES.breath)
    assert pace.starts_s.tolist() == [0.0]
    assert pace.periods_s.tolist() == [float(np.median(np.diff(onsets))) / RATE_HZ]


def test_another_pace_starts_with_its_first_breath():
    assert pace_of((150, 3.0), (149, 5.5)) == [(0.0, 3.0), (450.0, 5.5)]


@pytest.mark.parametrize(
    ("period_s", "is_other"),
    [(5.1, False), (5.2, False), (5.3, True), (2.7, False), (2.6, False), (2.5, True)],
)
def test_another_pace_is_one_the_window_does_not_fit(period_s, is_other):
    """The window is 1.3 times 4 s: breaths of more than 5.2 s do not fit in, below 2.6 s two do."""
    found = pace_of((300, 4.0), (200, period_s))
    assert found == [(0.0, 4.0), (1200.0, period_s)] if is_other else [(0.0, 4.0)]


@pytest.mark.parametrize(("n_slow", "n_parts"), [(49, 1), (50, 1), (51, 3), (52, 3)])
def test_another_pace_lasts_for_more_than_half_of_the_101_breaths(n_slow, n_parts):
    found = pace_of((300, 3.0), (n_slow, 6.0), (300, 3.0))
    assert len(found) == n_parts
    if n_parts == 3:
        assert found == [(0.0, 3.0), (900.0, 6.0), (900.0 + 6.0 * n_slow, 3.0)]


def test_several_paces():
    assert pace_of((200, 4.0), (120, 2.5), (200, 4.0), (120, 6.5)) == [
        (0.0, 4.0),
        (800.0, 2.5),
        (1100.0, 4.0),
        (1900.0, 6.5),
    ]


def test_a_slow_part_may_have_two_paces_of_its_own():
    assert pace_of((300, 2.5), (130, 4.0), (120, 7.0)) == [(0.0, 2.5), (750.0, 4.0), (1270.0, 7.0)]


def test_pauses_between_breaths_are_no_slow_breaths():
    """Three breaths of 3 s and an apnea of 20 s, for an hour."""
    assert pace_of((200, 3.0), *[(3, 3.0), (1, 20.0)] * 120) == [(0.0, 3.0)]


def test_noise_is_no_fast_breathing():
    """40 swings a minute are noise, 30 are breaths."""
    assert pace_of((400, 4.0), (300, 1.5)) == [(0.0, 4.0)]
    assert pace_of((400, 4.0), (300, 2.0)) == [(0.0, 4.0), (1600.0, 2.0)]


def test_too_few_breaths_tell_nothing():
    assert pace_of((9, 3.0)) == [(0.0, RULES.breath.assumed_period_s)]
    assert pace_of((10, 3.0)) == [(0.0, 3.0)]
    nothing = find_pace(np.empty(0, np.int64), RATE_HZ, RULES.breath)
    assert nothing.periods_s.tolist() == [RULES.breath.assumed_period_s]


def test_excursion_is_that_of_the_window_of_each_part():
    rng = np.random.default_rng(8)
    values = rng.normal(size=900).astype(np.float32)
    pace = Pace(starts_s=np.array([0.0, 30.0, 61.3]), periods_s=np.array([3.0, 6.0, 2.0]), window_periods=1.3)
    found = excursion_at_pace(values, pace, RATE_HZ)
    halves = np.repeat([19, 39, 13], [300, 313, 287])  # samples of half of 3.9, 7.8 and 2.6 s
    expected = [naive.rolling_range(values, half)[i] for i, half in enumerate(halves.tolist())]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


FAST_S, SLOW_S = 2.5, 7.0
"""24 and 8.6 breaths a minute."""


def two_paces(
    first_s: float, n_breaths: Sequence[int], size: float
) -> tuple[Recording, list[tuple[Fall, float]]]:
    """A quarter of an hour at either pace, twice, without noise, and its events with their breath."""
    rows: list[tuple[float, float, float]] = []
    falls: list[tuple[Fall, float]] = []
    now_s = 0.0

    def breathe(n: int, period_s: float, flow: float) -> None:
        nonlocal now_s
        for _ in range(n):
            rows.append((now_s, period_s, flow))
            now_s += period_s

    for period_s in (first_s, FAST_S + SLOW_S - first_s) * 2:
        breathe(round(150 / period_s), period_s, 1.0)
        for n in n_breaths:
            n_event = n if period_s == SLOW_S else round(n * 2.4)
            falls.append((Fall(now_s, n_event * period_s, 1.0 - size, 6.0), period_s))
            breathe(n_event, period_s, size)
            breathe(round(150 / period_s), period_s, 1.0)
    now_s = float(np.ceil(now_s))
    flow = flow_curve(np.array(rows), now_s, 20.0)
    oxygen = spo2_channel(now_s, [fall for fall, _ in falls])
    return recording_of(signal_of("flow", flow, 20.0), oxygen), falls


@pytest.mark.parametrize("first_s", [FAST_S, SLOW_S])
@pytest.mark.parametrize(("size", "is_apnea"), [(0.5, False), (0.35, False), (0.0, True)])
def test_breathing_at_24_and_at_8_6_a_minute_is_measured_alike(first_s, size, is_apnea):
    """Events of 3 to 6 slow breaths, or 7 to 14 fast ones: found to a breath, as deep as they are drawn."""
    recording, falls = two_paces(first_s, (3, 4, 5, 6), size)
    night = hsat.score_night(recording, RULES)
    assert len(night.events) == len(falls) == 16
    for event, (fall, period_s) in zip(night.events, falls, strict=True):
        assert event.start_s == pytest.approx(fall.start_s, abs=1.25 * period_s)
        assert event.stop_s == pytest.approx(fall.stop_s, abs=0.5 * period_s)
        assert event.kind is (EventKind.UNCLASSIFIED_APNEA if is_apnea else EventKind.HYPOPNEA)
        if not is_apnea:
            assert event.flow_reduction_fraction == pytest.approx(fall.reduction, abs=0.05)


def test_fast_breathing_in_a_slow_night_is_no_noise():
    """Seven minutes at 24 a minute between 23 at 8.6: monitored, and the event of 17.5 s in them is seen."""
    lengths = [(200, SLOW_S, 1.0), (80, FAST_S, 1.0), (7, FAST_S, 0.5), (80, FAST_S, 1.0), (200, SLOW_S, 1.0)]
    sizes = np.concatenate([np.full((n, 2), (period_s, size)) for n, period_s, size in lengths])
    onsets_s = np.concatenate(([0.0], np.cumsum(sizes[:, 0])))
    duration_s = float(np.ceil(onsets_s[-1]))
    fall = Fall(float(onsets_s[280]), 7 * FAST_S, 0.5, 6.0)
    flow = flow_curve(np.column_stack((onsets_s[:-1], sizes)), duration_s, 20.0)
    recording = recording_of(signal_of("flow", flow, 20.0), spo2_channel(duration_s, [fall]))
    night = hsat.score_night(recording, RULES)
    assert night.monitored.monitoring_h == pytest.approx(duration_s / 3600, rel=0.01)
    (event,) = night.events
    assert event.start_s == pytest.approx(fall.start_s, abs=1.25 * FAST_S)
    assert event.stop_s == pytest.approx(fall.stop_s, abs=0.5 * FAST_S)


@pytest.mark.parametrize(("still_s", "is_pause"), [(6.5, False), (6.9, False), (7.0, True), (7.1, True)])
def test_flow_that_stands_still_for_less_than_a_breath_is_the_end_of_one(still_s, is_pause):
    """Breaths of 7 s; one goes out slowly for 5 s, and flow stands still for so long after it."""
    breath = np.concatenate((np.full(30, 1.0), np.full(40, -1.0)))
    ramp = np.linspace(-1.0, -0.6, 50)
    n_still = round(still_s * RATE_HZ)
    flow = np.concatenate((*[breath] * 10, np.full(30, 1.0), ramp, np.zeros(n_still), *[breath] * 10))
    span = (730, 780 + n_still)
    found = pause_in(flow, span, 7.0)
    assert (found.durations_s[0] > 0) == is_pause
    assert np.isnan(found.reduction_fractions[0]) != is_pause
    if is_pause:  # from the nadir, where breathing out began, to the next breath
        assert found.durations_s[0] == pytest.approx(5.0 + still_s, abs=0.2)


def test_effort_is_compared_with_breaths_at_the_same_pace():
    """A belt moves 2.8 times as far in breaths 2.8 times as long; usual effort is 1 up to the change."""
    rate_hz = RULES.sampling.effort_rate_hz
    times_s = np.arange(0.0, 1200.0, 1.0 / rate_hz)
    is_slow = times_s >= 600.0  # a whole number of fast breaths: no step
    period_s = np.where(is_slow, SLOW_S, FAST_S)
    belt = (period_s * np.sin(2 * np.pi * (times_s - 600.0 * is_slow) / period_s)).astype(np.float32)
    pace = Pace(starts_s=np.array([0.0, 600.0]), periods_s=np.array([FAST_S, SLOW_S]), window_periods=1.3)
    effort = measure_effort([belt], pace, RULES)
    assert effort is not None
    for start_s in (300.0, 500.0, 580.0, 600.0, 620.0, 800.0):
        strength = effort.strength[int((start_s + 5.0) * rate_hz) : int((start_s + 15.0) * rate_hz)]
        assert float(strength.min()) == pytest.approx(1.0, abs=0.05)
        assert float(strength.max()) == pytest.approx(1.0, abs=0.05)


def pause_in(flow: np.ndarray, span: tuple[int, int], period_s: float) -> Pauses:
    """Pause of one stretch of breathing that is given as it is."""
    nothing = np.empty(0, np.float32)
    breathing = Breathing(
        rate_hz=RATE_HZ,
        is_missing=np.zeros(len(flow), bool),
        ventilation_share=None,
        flow=flow.astype(np.float32),
        excursion=np.full(len(flow), 0.1, np.float32),
        level=nothing,
        level_step_s=10.0,
        roughness=np.zeros(1),
        pace=Pace(starts_s=np.zeros(1), periods_s=np.array([period_s]), window_periods=1.3),
        onsets=np.arange(0, 700, 70),
        breath_excursions=nothing,
        breath_ranges=nothing,
    )
    return measure_pauses(breathing, np.array([span]), np.array([2.0]), RULES, is_pressure=False)
