"""Sensors that hang and belts that slip: told from pauses of breathing by what the signal does elsewhere."""

from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
from breathing_signals import Fall, flow_channel, recording_of, signal_of, spo2_channel

import hsat
from hsat.detect.airflow import measure_flow
from hsat.detect.faults import find_frozen, find_slips
from hsat.quality import QualityFlag

RULES = hsat.load_rules("aasm_1b")
RULE = RULES.sensor_off
RATE_HZ = 25.0
DURATION_S = 1800.0
FALLS = [Fall(start_s, 24.0, 1.0, 6.0) for start_s in (300.0, 600.0, 1200.0, 1500.0)]


def live_flow(noise=0.005):
    """Breathing with pauses, and the noise that every sensor has: half a percent of a breath's peak."""
    flow = flow_channel(DURATION_S, FALLS, rate_hz=RATE_HZ)[2].copy()
    return flow + (noise * np.random.default_rng(3).standard_normal(len(flow))).astype(np.float32)


def score(flow):
    return hsat.score_night(
        recording_of(signal_of("flow", flow, RATE_HZ), spo2_channel(DURATION_S, FALLS), age_years=50.0)
    )


def held(flow, start_s, stop_s, value=None):
    """The signal keeps the value it had at the start, or the given one."""
    flow = flow.copy()
    part = slice(round(start_s * RATE_HZ), round(stop_s * RATE_HZ))
    flow[part] = flow[part.start] if value is None else value
    return flow


@pytest.mark.parametrize("value", [None, 0.0, 7.0])
@pytest.mark.parametrize("lasts_s", [12.0, 30.0, 80.0])
def test_a_frozen_sensor_shows_no_apnea(lasts_s, value):
    night = score(held(live_flow(), 900.0, 900.0 + lasts_s, value))
    assert [event.kind.is_apnea for event in night.events] == [True] * len(FALLS)
    off_s = sum(x.minutes for x in night.monitored.excluded if x.cause is QualityFlag.FLOW_OFF) * 60.0
    assert off_s == pytest.approx(lasts_s, abs=0.3)
    assert all(x.reason.startswith("artifact") for x in night.rejected if 890.0 < x.start_s < 990.0)


@pytest.mark.parametrize("step", [0.1, 0.25])
def test_in_coarse_steps_a_still_signal_says_nothing(step):
    """Ten or four steps to a breath's peak: every pause keeps one value, and each apnea is one."""
    night = score(np.round(live_flow() / step) * np.float32(step))
    assert [event.kind.is_apnea for event in night.events] == [True] * len(FALLS)
    assert night.monitored.flow_h == 0.5


def test_without_any_noise_a_still_signal_says_nothing():
    night = score(live_flow(noise=0.0))
    assert [event.kind.is_apnea for event in night.events] == [True] * len(FALLS)
    assert night.monitored.flow_h == 0.5


@pytest.mark.parametrize("step", [0.0, 0.02])
@pytest.mark.parametrize("time_constant_s", [1.0, 2.0, 4.0])
def test_a_sensor_that_comes_to_rest_little_by_little_shows_an_apnea(time_constant_s, step):
    """A slow thermistor without noise, as it is and in steps of 2 % of a breath."""
    falls = [Fall(start_s, 56.0, 1.0, 6.0) for start_s in (300.0, 900.0)]
    flow = flow_channel(DURATION_S, falls, rate_hz=RATE_HZ)[2]
    kept = np.exp(-1.0 / (RATE_HZ * time_constant_s))
    lagged = np.array(list(accumulate(flow, lambda last, now: kept * last + (1.0 - kept) * now)))
    if step:
        lagged = np.round(lagged / step) * step
    night = hsat.score_night(
        recording_of(signal_of("thermistor", lagged, RATE_HZ), spo2_channel(DURATION_S, falls))
    )
    assert [event.kind.is_apnea for event in night.events] == [True] * len(falls)


@pytest.mark.parametrize(("n_changing", "is_frozen"), [(8, False), (9, True), (20, True)])
def test_frozen_from_one_moment_to_the_next(n_changing, is_frozen):
    """At least 10 of the 20 steps of the 2 s before; the last one leads into the frozen stretch."""
    values = noise(600.0)
    values[980 : 1000 - n_changing] = np.linspace(0.0, 0.001, 20 - n_changing)
    values[1000:1200] = 0.5
    assert len(find_frozen(values, 10.0, RULE)) == is_frozen


@pytest.mark.parametrize("start", [0, 19])
def test_what_went_before_must_be_known(start):
    values = noise(600.0)
    values[start : start + 200] = 0.5
    assert len(find_frozen(values, 10.0, RULE)) == 0


def noise(seconds, seed=5):
    return np.random.default_rng(seed).standard_normal(round(seconds * 10)).astype(np.float32)


@pytest.mark.parametrize(("n_samples", "is_frozen"), [(99, False), (100, True), (101, True), (1500, True)])
@pytest.mark.parametrize("first", [20, 1234, 1239])
def test_frozen_from_10_s_on(n_samples, is_frozen, first):
    """At 10 samples a second: 100 equal ones are 10 s."""
    values = noise(600.0)
    values[first : first + n_samples] = 0.5
    expected = [[first / 10, (first + n_samples) / 10]] if is_frozen else []
    assert find_frozen(values, 10.0, RULE).tolist() == expected


@pytest.mark.parametrize(("n_still", "is_frozen"), [(5, True), (6, True), (7, False), (60, False)])
def test_a_signal_still_for_more_than_1_percent_at_other_times_is_left_alone(n_still, is_frozen):
    """600 s of noise, of which n stretches of 1 s keep one value; 1 % of what is not frozen is 6.0 s."""
    values = np.concatenate((noise(600.0), np.full(300, 0.25, np.float32)))
    for i in range(n_still):
        values[100 * i : 100 * i + 10] = 0.75
    assert len(find_frozen(values, 10.0, RULE)) == is_frozen


@pytest.mark.parametrize(("n_samples", "is_frozen"), [(4, True), (5, False)])
def test_stillness_counts_from_half_a_second_on(n_samples, is_frozen):
    values = np.concatenate((noise(600.0), np.full(300, 0.25, np.float32)))
    for i in range(60):
        values[100 * i : 100 * i + n_samples] = 0.75
    assert len(find_frozen(values, 10.0, RULE)) == is_frozen


def test_missing_samples_are_not_frozen():
    values = noise(600.0)
    values[1000:2000] = np.nan
    assert len(find_frozen(values, 10.0, RULE)) == 0
    assert len(find_frozen(np.full(6000, np.nan, np.float32), 10.0, RULE)) == 0
    assert len(find_frozen(np.empty(0, np.float32), 10.0, RULE)) == 0


def test_means_over_equal_samples_are_equal():
    """At 32 Hz a bin of the copy holds 3.2 samples: sums of parts, rounded."""
    rng = np.random.default_rng(1)
    flow = (np.sin(np.arange(32 * 1800) * (2 * np.pi / 128)) + 0.01 * rng.standard_normal(32 * 1800)) * 777.7
    flow[32 * 900 : 32 * 940] = 123.456
    night = hsat.score_night(recording_of(signal_of("flow", flow, 32.0), spo2_channel(DURATION_S)))
    assert [x.cause for x in night.monitored.excluded] == [QualityFlag.FLOW_OFF]
    assert night.events == ()


@pytest.mark.parametrize("name", ["thorax", "abdomen"])
def test_another_sensor_takes_over_from_a_frozen_one(name):
    """Nasal pressure hangs over an apnea that the thermistor shows."""
    flow = live_flow()
    frozen = held(flow, 590.0, 690.0)
    belts = signal_of(name, live_flow(0.01), RATE_HZ)
    channels = [signal_of("nasal_pressure", frozen, RATE_HZ), signal_of("thermistor", flow, RATE_HZ), belts]
    night = hsat.score_night(recording_of(*channels, spo2_channel(DURATION_S, FALLS)))
    assert len(night.events) == len(FALLS)
    assert night.monitored.flow_h == 0.5


def test_the_number_of_seconds_is_the_rules():
    values = noise(600.0)
    values[1000:1150] = 0.5
    assert len(find_frozen(values, 10.0, replace(RULE, frozen_from_s=15.0))) == 1
    assert len(find_frozen(values, 10.0, replace(RULE, frozen_from_s=15.1))) == 0


def chest(level, *, gain=1.0, falls=FALLS):
    """Volume from full expiration, 0, to full inspiration, 1; from 900 s on it rests at `level` for 24 s."""
    flow = flow_channel(DURATION_S, falls, rate_hz=RATE_HZ)[2].astype(np.float64)
    volume = np.cumsum(flow)
    volume = (volume - volume.min()) / (volume.max() - volume.min())
    volume[round(900 * RATE_HZ) : round(924 * RATE_HZ)] = level
    return gain * (volume + 0.004 * np.random.default_rng(4).standard_normal(len(volume)))


@pytest.mark.parametrize("gain", [1.0, -40.0])
@pytest.mark.parametrize("name", ["thorax", "abdomen", "rip_sum"])
@pytest.mark.parametrize(
    ("level", "is_apnea"),
    [
        (0.0, True),
        (0.5, True),
        (1.0, True),
        (1.1, True),
        (-0.15, True),
        (1.35, False),
        (-0.35, False),
        (5.0, False),
    ],
)
def test_a_belt_that_rests_beyond_every_breath_has_slipped(name, level, is_apnea, gain):
    """By more than a quarter of a breath: limits at -0.25 and 1.25, a little less for the tips of breaths."""
    belt = signal_of(name, chest(level, gain=gain), RATE_HZ)
    night = hsat.score_night(recording_of(belt, spo2_channel(DURATION_S, FALLS)))
    here = [event for event in night.events if 880.0 < event.start_s < 940.0]
    assert [event.kind.is_apnea for event in here] == [True] * is_apnea
    assert len(night.events) - len(here) == len(FALLS)
    off_s = sum(x.minutes for x in night.monitored.excluded if x.cause is QualityFlag.FLOW_OFF) * 60.0
    if is_apnea:
        assert off_s == 0.0
    elif abs(level) < 5.0:  # a larger step swings for longer before it shows a pause
        assert off_s == pytest.approx(24.0, abs=4.0)
    else:
        assert off_s > 12.0


def test_flow_may_rest_at_any_level():
    """A sensor of flow has no full inspiration: its zero wanders."""
    flow = held(live_flow(), 900.0, 924.0, 4.0)
    flow += (0.005 * np.random.default_rng(6).standard_normal(len(flow))).astype(np.float32)
    assert len(score(flow).events) == len(FALLS) + 1


def test_a_pause_without_breaths_before_it_is_no_slip():
    """The belt was off for the minute before: there is nothing to compare with."""
    volume = chest(3.0)
    volume[round(830 * RATE_HZ) : round(891 * RATE_HZ)] = np.nan
    reading = measure_flow("thorax", volume[:: round(RATE_HZ / 10)].astype(np.float32), RULES)
    assert len(find_slips(volume[:: round(RATE_HZ)].astype(np.float32), reading.reductions, RULES)) == 0
