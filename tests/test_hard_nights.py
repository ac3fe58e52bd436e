"""Nights that are hard to score: severe runs, long apneas, edges and gaps, sensors that are off."""

from collections.abc import Sequence

import numpy as np
import pytest
from breathing_signals import PERIOD_S, Fall, flow_channel, night_of, recording_of, signal_of, spo2_channel
from hypothesis import given, settings
from hypothesis import strategies as st

import hsat
from hsat.detect.artifacts import flag_missing_baseline
from hsat.intervals import as_spans, intersect_spans, total_s
from hsat.quality import QualityFlag
from hsat.recording import Recording
from hsat.results import NightResult

RATE_HZ = 10.0
PLAIN = tuple(Fall(start_s, 16, 0.5, 5) for start_s in (200.0, 400.0, 600.0, 800.0))
"""Falls that tell the night's delay."""


def part(start_s: float, stop_s: float) -> slice:
    return slice(round(start_s * RATE_HZ), round(stop_s * RATE_HZ))


def check_found(night: NightResult, falls: Sequence[Fall]) -> None:
    """Each drawn fall is one event, with its boundaries within half a breath."""
    assert len(night.events) == len(falls)
    for event, fall in zip(night.events, falls, strict=True):
        assert event.start_s == pytest.approx(fall.start_s, abs=PERIOD_S / 2)
        assert event.stop_s == pytest.approx(fall.stop_s, abs=PERIOD_S / 2)


# severe runs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lead_s", "length_s"),
    [
        *[(200.0, length_s) for length_s in (28.0, 32.0, 40.0, 60.0)],
        *[(0.0, length_s) for length_s in (28.0, 32.0, 40.0, 60.0)],
    ],
)
def test_an_hour_of_apneas_with_one_breath_between(length_s, lead_s):
    """Hardly a breath is left for a baseline, and breaths are as rare as swings of a drifting sensor."""
    n = int(3600 // (length_s + PERIOD_S))
    falls = [Fall(lead_s + (length_s + PERIOD_S) * i, length_s, 1.0, 6.0) for i in range(n)]
    duration_s = 4000.0
    night = hsat.score_night(night_of(falls, duration_s=duration_s, rate_hz=RATE_HZ))
    assert night.monitored.monitoring_h == pytest.approx(duration_s / 3600, rel=0.01)
    drawn = np.array([(fall.start_s, fall.stop_s) for fall in falls])
    found = [event for event in night.events if event.kind.is_apnea]
    is_mine = [np.abs(drawn[:, 0] - event.start_s).min() <= PERIOD_S / 2 for event in found]
    assert sum(is_mine) >= 0.95 * n
    assert len(night.events) == pytest.approx(n, rel=0.05)
    assert night.indices.ahi_per_h == pytest.approx(n / (duration_s / 3600), rel=0.05)
    # The nadir of the breath before, from which apneas are counted, lies 1.9 s before the onset.
    assert length_s <= night.indices.mean_apnea_duration_s <= length_s + 2.3


@pytest.mark.parametrize(
    ("length_s", "n_breaths", "noise"),
    [
        (28.0, 1, 0.01),
        (32.0, 1, 0.02),
        (60.0, 1, 0.02),
        (60.0, 1, 0.05),
        (40.0, 2, 0.02),
        (60.0, 2, 0.05),
        (60.0, 3, 0.02),
    ],
)
def test_an_hour_of_apneas_on_a_sensor_with_noise(length_s, n_breaths, noise):
    """White noise of 1 to 5 % of a breath's peak, as every amplifier has it: the same apneas."""
    cycle_s = length_s + n_breaths * PERIOD_S
    n = int(3600 // cycle_s)
    falls = [Fall(200.0 + cycle_s * i, length_s, 1.0, 6.0) for i in range(n)]
    flow = flow_channel(4000.0, falls, rate_hz=25.0)[2].copy()
    flow += (noise * np.random.default_rng(1).standard_normal(len(flow))).astype(np.float32)
    night = hsat.score_night(recording_of(signal_of("flow", flow, 25.0), spo2_channel(4000.0, falls)))
    assert night.indices.n_apneas == pytest.approx(n, rel=0.05)
    assert night.indices.ahi_per_h == pytest.approx(n / (4000 / 3600), rel=0.05)


# long apneas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("length_s", [95.0, 120.0, 145.0])
def test_a_long_apnea_with_a_fall_of_20_points_is_one(length_s):
    falls = [*PLAIN, Fall(1100.0, length_s, 1.0, 20.0)]
    night = hsat.score_night(night_of(falls))
    check_found(night, falls)
    assert night.events[-1].kind.is_apnea
    assert night.events[-1].desaturation.drop_points == pytest.approx(20.0, abs=1.0)
    assert night.events[-1].is_counted
    assert night.monitored.flow_h == 0.5


@pytest.mark.parametrize("length_s", [95.0, 120.0, 145.0])
def test_a_long_apnea_without_a_fall_is_a_fault_of_the_sensor(length_s):
    night = hsat.score_night(night_of([*PLAIN, Fall(1100.0, length_s, 1.0)]))
    check_found(night, PLAIN)
    (refused,) = night.rejected
    assert refused.reason.startswith("apnea.longest_without_fall_s")
    assert refused.start_s == pytest.approx(1100.0, abs=PERIOD_S / 2)
    assert refused.duration_s == pytest.approx(length_s, abs=PERIOD_S)


def test_a_long_apnea_without_oximetry_is_one():
    """Where SpO2 was not recorded, its silence says nothing."""
    night = hsat.score_night(recording_of(flow_channel(1800.0, [Fall(1100.0, 120.0, 1.0)])))
    assert [event.kind.is_apnea for event in night.events] == [True]


# edges and gaps ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("start_s", "length_s"), [(0.0, 20.0), (4.0, 12.0), (4.0, 16.0), (8.0, 16.0)])
def test_an_apnea_in_the_first_20_s(start_s, length_s):
    falls = [Fall(start_s, length_s, 1.0, 6.0), *PLAIN]
    night = hsat.score_night(night_of(falls))
    check_found(night, falls)
    assert night.events[0].kind.is_apnea


def night_with_gap(
    falls: Sequence[Fall], gap_s: tuple[float, float], duration_s: float = 1800.0
) -> Recording:
    """A night in which the device stored nothing for a while."""
    flow = flow_channel(duration_s, falls, rate_hz=RATE_HZ)[2].copy()
    spo2 = spo2_channel(duration_s, falls)[2].copy()
    flow[part(*gap_s)] = np.nan
    spo2[int(np.floor(gap_s[0])) : int(np.ceil(gap_s[1]))] = np.nan
    return recording_of(signal_of("flow", flow, RATE_HZ), signal_of("spo2", spo2, 1.0), gaps_s=[gap_s])


@pytest.mark.parametrize("away_s", [8.0, 16.0, 40.0])
def test_apneas_beside_a_gap(away_s):
    """A breath or two from it on either side."""
    falls = [*PLAIN, Fall(1000.0 - away_s - 20.0, 20.0, 1.0, 6.0), Fall(1300.0 + away_s, 20.0, 1.0, 6.0)]
    night = hsat.score_night(night_with_gap(falls, (1000.0, 1300.0)))
    check_found(night, falls)
    assert [event.kind.is_apnea for event in night.events] == [False] * 4 + [True] * 2


@pytest.mark.parametrize("fall", [Fall(984.0, 40.0, 1.0, 6.0), Fall(1280.0, 40.0, 1.0, 6.0)])
def test_an_apnea_does_not_reach_into_a_gap(fall):
    gap_s = (1000.0, 1300.0)
    night = hsat.score_night(night_with_gap([*PLAIN, fall], gap_s))
    for span in (*night.events, *night.rejected):
        assert span.stop_s <= gap_s[0] or span.start_s >= gap_s[1]


@settings(max_examples=40)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([2.0, 4.0, 8.0, 12.0, 40.0]),
            st.sampled_from([6.0, 10.0, 16.0, 30.0, 70.0]),
            st.sampled_from([0.35, 0.5, 0.8, 0.95, 1.0]),
            st.sampled_from([0.0, 3.0, 5.0, 9.0]),
        ),
        min_size=3,
        max_size=14,
    ),
    gap=st.tuples(st.floats(0.0, 500.0), st.floats(0.3, 200.0)),
)
def test_events_never_overlap_nor_leave_the_recording_nor_reach_into_a_gap(steps, gap):
    falls, at_s = [], 0.0
    for pause_s, length_s, reduction, points in steps:
        falls.append(Fall(at_s + pause_s, length_s, reduction, points))
        at_s = falls[-1].stop_s
    duration_s = float(np.ceil(at_s + 2.0))  # the last one may run into the end
    start_s = min(gap[0], duration_s - 1.0)
    gap_s = (round(start_s, 1), round(min(start_s + gap[1], duration_s), 1))
    night = hsat.score_night(night_with_gap(falls, gap_s, duration_s))
    spans = sorted((x.start_s, x.stop_s) for x in (*night.events, *night.rejected))
    rows = np.array(spans).reshape(-1, 2)
    assert (rows[:, 1] > rows[:, 0]).all()
    assert (rows >= 0.0).all()
    assert (rows <= duration_s).all()
    assert (rows[1:, 0] >= rows[:-1, 1] - 1e-9).all()
    assert total_s(intersect_spans(as_spans(rows), as_spans([gap_s]))) == pytest.approx(0.0, abs=1e-6)


def test_time_without_a_baseline_by_hand():
    """Before the first breath as at the first breath; each breath's holds until the next."""
    onsets_s = np.array([10.0, 20.0, 30.0])
    spans = flag_missing_baseline(onsets_s, np.array([np.nan, 1.0, np.nan]), 40.0)
    assert spans.tolist() == [[0.0, 20.0], [30.0, 40.0]]
    assert flag_missing_baseline(onsets_s, np.ones(3), 40.0).tolist() == []
    assert flag_missing_baseline(np.empty(0), np.empty(0), 40.0).tolist() == [[0.0, 40.0]]


# sensors that are off ---------------------------------------------------------------------------


def silence(name: str, n: int) -> np.ndarray:
    """What a recorder stores without a sensor; a breath is 1.7 high."""
    times_s = np.arange(n) / RATE_HZ
    noise = np.random.default_rng(11).standard_normal(n)
    return {
        "flat": np.full(n, 0.2),
        "noise": 0.01 * noise,
        "faint-noise": 0.0005 * noise,
        "drift": 0.3 * np.sin(2 * np.pi * times_s / 200.0),
        "drift-and-noise": 0.3 * np.sin(2 * np.pi * times_s / 200.0) + 0.005 * noise,
    }[name]


SILENCES = ["flat", "noise", "faint-noise", "drift", "drift-and-noise"]
FOUR_HOURS_S = 14_400.0


@pytest.mark.parametrize("is_off_first", [False, True], ids=["then-off", "off-first"])
@pytest.mark.parametrize("name", SILENCES)
def test_a_night_of_4_h_off_for_three_quarters(name, is_off_first):
    """76 % of the night: 0.96 h are left to judge, which is no night."""
    flow = flow_channel(FOUR_HOURS_S, rate_hz=RATE_HZ)[2].copy()
    n_off = round(0.76 * len(flow))
    off = slice(0, n_off) if is_off_first else slice(len(flow) - n_off, len(flow))
    flow[off] = silence(name, n_off)
    night = hsat.score_night(recording_of(signal_of("flow", flow, RATE_HZ), spo2_channel(FOUR_HOURS_S)))
    assert night.monitored.flow_h == pytest.approx(0.96, abs=0.03)
    assert night.monitored.monitoring_h == pytest.approx(0.96, abs=0.03)
    assert night.monitored.spo2_h == 4.0
    assert night.adequacy == "inadequate"
    assert night.severity is None
    assert night.reasons
    assert not [event for event in night.events if event.is_counted]


@pytest.mark.parametrize("name", list(SILENCES))
def test_a_night_of_4_h_off_throughout(name):
    flow = silence(name, round(FOUR_HOURS_S * RATE_HZ))
    night = hsat.score_night(recording_of(signal_of("flow", flow, RATE_HZ), spo2_channel(FOUR_HOURS_S)))
    assert night.monitored.flow_h == 0.0
    assert night.monitored.monitoring_h == 0.0
    assert night.indices.ahi_per_h is None
    assert night.indices.n_apneas is None
    assert night.indices.n_hypopneas is None
    assert night.adequacy == "inadequate"
    assert night.severity is None
    assert not [event for event in night.events if event.is_counted]
    assert sum(item.minutes for item in night.monitored.excluded) == pytest.approx(240.0)
    assert {item.cause for item in night.monitored.excluded} <= {
        QualityFlag.FLOW_OFF,
        QualityFlag.BEFORE_BREATHING,
        QualityFlag.AFTER_BREATHING,
        QualityFlag.NO_BASELINE,
    }


def two_sensors(nasal: np.ndarray, thermistor: np.ndarray) -> NightResult:
    return hsat.score_night(
        recording_of(
            signal_of("nasal_pressure", nasal, RATE_HZ),
            signal_of("thermistor", thermistor, RATE_HZ),
            spo2_channel(1800.0, PLAIN),
        )
    )


def breathing() -> np.ndarray:
    return flow_channel(1800.0, PLAIN, rate_hz=RATE_HZ)[2].copy()


def fallbacks_of(night: NightResult) -> list[str]:
    return [note.text for note in night.notes if note.code == "flow_sensor_fallback"]


@pytest.mark.parametrize("name", [*SILENCES, "nan"])
@pytest.mark.parametrize("dead_share", [0.6, 1.0])
def test_a_dead_nasal_pressure_gives_way_to_the_thermistor(dead_share, name):
    nasal = breathing()
    n_dead = round(dead_share * len(nasal))
    nasal[len(nasal) - n_dead :] = np.nan if name == "nan" else silence(name, n_dead)
    night = two_sensors(nasal, breathing())
    assert night.flow_sensor == "thermistor"
    (text,) = fallbacks_of(night)
    assert "thermistor" in text
    assert "nasal_pressure" in text
    check_found(night, PLAIN)
    assert night.monitored.flow_h == 0.5


def test_a_sensor_that_shows_breathing_for_most_of_the_night_is_kept_for_that_part():
    nasal = breathing()
    nasal[part(1100, 1800)] = 0.0
    night = two_sensors(nasal, breathing())
    assert night.flow_sensor == "nasal_pressure"
    (text,) = fallbacks_of(night)
    assert "thermistor" in text
    assert night.monitored.flow_h == 0.5


def test_two_dead_sensors_leave_the_better_one():
    night = two_sensors(np.zeros(18_000), np.zeros(18_000))
    assert night.flow_sensor == "nasal_pressure"
    assert fallbacks_of(night) == []
    assert night.indices.ahi_per_h is None


def test_a_sensor_does_not_give_way_to_one_that_shows_nothing():
    nasal = breathing()
    nasal[part(700, 1800)] = 0.0
    night = two_sensors(nasal, np.zeros(18_000))
    assert night.flow_sensor == "nasal_pressure"
    (text,) = fallbacks_of(night)  # of the thermistor, which should have served apneas
    assert text.startswith("thermistor: ")
    assert night.monitored.flow_h == pytest.approx(700 / 3600, abs=PERIOD_S / 3600)
