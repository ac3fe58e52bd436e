"""When breathing and SpO2 can be judged: every cause, to the minute, and the sum of them all."""

from itertools import product

import numpy as np
import pytest
from breathing_signals import Fall, flow_channel, recording_of, signal_of, spo2_channel

import hsat
from hsat.intervals import intersect_spans, total_s, unite_spans
from hsat.quality import QualityFlag
from hsat.recording import Recording
from hsat.results import NightResult

RATE_HZ = 10.0
DURATION_S = 3600.0
TWO_BREATHS_S = 10.0
EVENTS = [Fall(start_s, 20, 1.0, 6) for start_s in (300.0, 600.0, 900.0, 2400.0, 2700.0, 3000.0)]


def flow_of(falls: list[Fall] | None = None) -> np.ndarray:
    return flow_channel(DURATION_S, EVENTS if falls is None else falls, rate_hz=RATE_HZ)[2].copy()


def spo2_of(falls: list[Fall] | None = None) -> np.ndarray:
    return spo2_channel(DURATION_S, EVENTS if falls is None else falls)[2].copy()


def hour_of(
    flow: np.ndarray | None = None, spo2: np.ndarray | None = None, *more: tuple, **changes
) -> Recording:
    channels = [
        signal_of("flow", flow_of() if flow is None else flow, RATE_HZ),
        signal_of("spo2", spo2_of() if spo2 is None else spo2, 1.0),
        *more,
    ]
    return recording_of(*channels, **changes)


def place(start_s: float, stop_s: float, rate_hz: float = RATE_HZ) -> slice:
    return slice(round(start_s * rate_hz), round(stop_s * rate_hz))


def minutes_of(night: NightResult) -> dict[QualityFlag, float]:
    return {item.cause: item.minutes for item in night.monitored.excluded}


def check_sum(night: NightResult) -> None:
    """Excluded and monitored time are disjoint and together the whole recording."""
    monitored = night.monitored
    causes = [item.spans_s for item in monitored.excluded]
    assert len({item.cause for item in monitored.excluded}) == len(causes)
    excluded_s = sum(total_s(spans) for spans in causes)
    assert excluded_s + total_s(monitored.spans_s) == pytest.approx(night.recording.duration_s, abs=1e-6)
    assert total_s(unite_spans(monitored.spans_s, *causes)) == pytest.approx(
        night.recording.duration_s, abs=1e-6
    )
    assert total_s(intersect_spans(unite_spans(*causes), monitored.spans_s)) == 0.0


def test_a_night_without_trouble_is_monitored_whole():
    night = hsat.score_night(hour_of())
    assert night.monitored.excluded == ()
    assert (night.monitored.monitoring_h, night.monitored.flow_h, night.monitored.spo2_h) == (1.0, 1.0, 1.0)
    assert night.indices.ahi_per_h == 6.0


def off_signals() -> dict[str, np.ndarray]:
    """What a recorder stores for 20 minutes without a cannula."""
    times_s = np.arange(round(1200 * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(5).standard_normal(len(times_s))
    return {
        "flat": np.zeros(len(times_s)),
        "flat-elsewhere": np.full(len(times_s), -0.7),
        "noise": 0.01 * noise,
        "drift": 0.3 * np.sin(2 * np.pi * times_s / 200.0),
        "drift-and-noise": 0.3 * np.sin(2 * np.pi * times_s / 200.0) + 0.005 * noise,
    }


@pytest.mark.parametrize("name", off_signals())
def test_detached_cannula(name):
    """No event on it, its minutes under their cause, breathing on either side judged."""
    flow = flow_of()
    flow[place(1140, 2340)] = off_signals()[name]
    night = hsat.score_night(hour_of(flow))
    assert minutes_of(night)[QualityFlag.FLOW_OFF] == pytest.approx(20.0, abs=TWO_BREATHS_S / 60)
    assert night.monitored.flow_h == pytest.approx(2 / 3, abs=TWO_BREATHS_S / 3600)
    assert night.monitored.spo2_h == 1.0
    assert [round(event.start_s, -1) for event in night.events] == [fall.start_s for fall in EVENTS]
    assert night.indices.ahi_per_h == pytest.approx(9.0, rel=0.02)
    check_sum(night)


@pytest.mark.parametrize("off_share", [0.5, 0.7, 0.8, 0.9])
def test_detached_cannula_for_most_of_the_night(off_share):
    """However long it is off: a sensor's noise is no breathing."""
    flow = flow_of([])
    start_s = (1.0 - off_share) * DURATION_S
    noise = np.random.default_rng(5).standard_normal(len(flow))
    flow[place(start_s, DURATION_S)] = 0.0
    flow += 0.005 * noise.astype(np.float32)
    night = hsat.score_night(hour_of(flow))
    assert night.monitored.flow_h == pytest.approx(1.0 - off_share, abs=TWO_BREATHS_S / 3600)
    assert not [event for event in night.events if event.start_s > start_s]


@pytest.mark.parametrize(
    ("off_s", "is_off", "is_event"),
    [
        (40.0, False, True),
        (55.0, False, True),
        (70.0, False, False),
        (105.0, False, False),
        (140.0, False, False),
        (170.0, True, False),
        (300.0, True, False),
    ],
)
def test_cannula_counts_as_off_after_150_s(off_s, is_off, is_event):
    """As long as the longest event; from 60 s on stillness without a fall of SpO2 is no apnea."""
    flow = flow_of()
    flow[place(1500, 1500 + off_s)] = 0.0
    night = hsat.score_night(hour_of(flow))
    assert (QualityFlag.FLOW_OFF in minutes_of(night)) is is_off
    assert bool([event for event in night.events if 1490 < event.start_s < 1900]) is is_event
    assert len(night.events) == len(EVENTS) + is_event


@pytest.mark.parametrize("code", [np.nan, 127.0, 0.0, 255.0])
def test_probe_off(code):
    spo2 = spo2_of()
    spo2[1140:2340] = code
    night = hsat.score_night(hour_of(None, spo2))
    assert minutes_of(night) == {QualityFlag.SPO2_OFF: pytest.approx(20.0)}
    assert night.monitored.spo2_h == pytest.approx(2 / 3)
    assert night.monitored.flow_h == 1.0
    assert night.indices.ahi_per_h == pytest.approx(9.0)
    assert night.indices.odi4_per_h == pytest.approx(9.0)
    check_sum(night)


@pytest.mark.parametrize(("missing_s", "is_off"), [(10, False), (29, False), (30, True), (31, True)])
def test_probe_counts_as_off_after_30_s(missing_s, is_off):
    spo2 = spo2_of()
    spo2[1500 : 1500 + missing_s] = np.nan
    night = hsat.score_night(hour_of(None, spo2))
    assert minutes_of(night) == ({QualityFlag.SPO2_OFF: pytest.approx(missing_s / 60)} if is_off else {})


def held_oximeter(held_s: int, pulse: str) -> Recording:
    """2 h of an oximeter whose SpO2 stays at one value for `held_s` from 1100 s on."""
    seconds = np.arange(7200)
    is_held = (seconds >= 1100) & (seconds < 1100 + held_s)
    spo2 = np.where(is_held, 93.0, 95.0 + seconds // 100 % 2)
    alive = 60.0 + seconds // 7 % 3
    pulses = {
        "alive": alive,
        "held": np.where(is_held, 75.0, alive),
        "missing": np.where(is_held, np.nan, alive),
        "dead after 5 min": np.where(is_held & (seconds >= 1400), 75.0, alive),
    }
    channels = [signal_of("spo2", spo2, 1.0)]
    if pulse in pulses:
        channels.append(signal_of("pulse", pulses[pulse], 1.0))
    return recording_of(*channels)


@pytest.mark.parametrize(
    ("held_s", "pulse", "off_s"),
    [
        (590, "held", 0),
        (620, "held", 620),
        (590, "missing", 0),
        (620, "missing", 620),
        (620, "alive", 0),
        (4000, "alive", 0),
        (620, "dead after 5 min", 0),
        (1000, "dead after 5 min", 700),
        (620, "none recorded", 0),
        (3550, "none recorded", 0),
        (3650, "none recorded", 3650),
    ],
)
def test_a_held_value_is_the_probe_where_the_pulse_is_held_too_or_after_an_hour(held_s, pulse, off_s):
    night = hsat.score_night(held_oximeter(held_s, pulse))
    expected = {QualityFlag.SPO2_OFF: pytest.approx(off_s / 60, abs=0.05)} if off_s else {}
    assert minutes_of(night) == expected


def test_apnea_while_the_probe_is_off_is_listed_but_not_counted():
    spo2 = spo2_of()
    spo2[560:800] = np.nan
    night = hsat.score_night(hour_of(None, spo2))
    assert [event.is_counted for event in night.events] == [True, False, True, True, True, True]
    assert night.indices.n_apneas == 5
    assert night.indices.ahi_per_h == pytest.approx(5 / ((3600 - 240) / 3600))


@pytest.mark.parametrize(
    ("start_s", "stop_s", "is_counted"),
    [(320.5, 900.0, True), (309.0, 900.0, False), (100.0, 308.0, True), (100.0, 319.0, False)],
)
def test_an_event_counts_where_half_of_it_is_monitored(start_s, stop_s, is_counted):
    """The apnea from 300 to 320 s, with the position sensor upright over a part of it."""
    codes = np.zeros(3600)
    codes[int(start_s) : int(stop_s)] = 4
    night = hsat.score_night(hour_of(None, None, signal_of("position", codes, 1.0)))
    assert night.events[0].is_counted is is_counted


def test_gap():
    flow, spo2 = flow_of(), spo2_of()
    flow[place(1200, 1500)] = np.nan
    spo2[1200:1500] = np.nan
    night = hsat.score_night(hour_of(flow, spo2, gaps_s=[(1200.0, 1500.0)]))
    assert minutes_of(night) == {QualityFlag.GAP: 5.0}
    assert night.monitored.monitoring_h == pytest.approx(55 / 60)
    assert night.monitored.flow_h == night.monitored.spo2_h == night.monitored.monitoring_h
    assert len(night.events) == len(EVENTS)
    check_sum(night)


def test_flow_missing():
    flow = flow_of()
    flow[place(1200, 1500)] = np.nan
    night = hsat.score_night(hour_of(flow))
    assert minutes_of(night) == {QualityFlag.FLOW_MISSING: 5.0}
    assert night.monitored.spo2_h == 1.0
    assert len(night.events) == len(EVENTS)
    check_sum(night)


@pytest.mark.parametrize("level", [0.0, 0.4, -0.6])
@pytest.mark.parametrize("flat_s", [12.0, 30.0, 90.0])
@pytest.mark.parametrize(("lost_s", "is_apnea"), [(5.0, True), (9.9, True), (10.2, False), (300.0, False)])
def test_a_sensor_that_comes_back_flat_shows_no_apnea(lost_s, is_apnea, flat_s, level):
    """Flow is lost from 1,500 s on and comes back resting at some level until the first breath.

    Lost for no more than 10 s, it is an apnea with a drop-out in it; at the level it was lost at.
    """
    back_s = 1500.0 + lost_s
    first_breath_s = 4.0 * np.ceil((back_s + flat_s) / 4.0)
    flow, spo2 = flow_of(), spo2_of()
    flow[place(1500, back_s)] = np.nan
    flow[place(back_s, first_breath_s)] = 0.0 if is_apnea else level
    spo2[int(first_breath_s) + 5 : int(first_breath_s) + 25] -= 10.0
    night = hsat.score_night(hour_of(flow, spo2))
    here = [event for event in night.events if 1400.0 < event.start_s < 2000.0]
    assert [event.kind.is_apnea for event in here] == [True] * is_apnea
    assert len(night.events) - len(here) == len(EVENTS)
    refused = [item.reason for item in night.rejected if back_s - 1.0 < item.start_s < first_breath_s]
    assert all(reason.startswith("artifact") for reason in refused)
    assert bool(refused) is not is_apnea
    check_sum(night)


def test_outside_lights():
    night = hsat.score_night(hour_of(), lights_s=(450.0, 2850.0))
    assert minutes_of(night) == {QualityFlag.OUTSIDE_LIGHTS: 20.0}
    assert night.monitored.monitoring_h == pytest.approx(40 / 60)
    assert night.indices.n_apneas == 4
    assert night.indices.ahi_per_h == pytest.approx(6.0)
    check_sum(night)


def test_upright():
    codes = np.zeros(3600)
    codes[480:1080] = 4
    night = hsat.score_night(hour_of(None, None, signal_of("position", codes, 1.0)))
    assert minutes_of(night) == {QualityFlag.UPRIGHT: 10.0}
    assert night.indices.n_apneas == 4
    assert night.indices.ahi_per_h == pytest.approx(4 / (50 / 60))
    check_sum(night)


def test_before_the_first_and_after_the_last_breathing():
    flow = flow_of()
    flow[place(0, 240)] = 0.0
    flow[place(3240, 3600)] = 0.0
    night = hsat.score_night(hour_of(flow))
    minutes = minutes_of(night)
    assert set(minutes) == {QualityFlag.BEFORE_BREATHING, QualityFlag.AFTER_BREATHING}
    assert minutes[QualityFlag.BEFORE_BREATHING] == pytest.approx(4.0, abs=TWO_BREATHS_S / 60)
    assert minutes[QualityFlag.AFTER_BREATHING] == pytest.approx(6.0, abs=TWO_BREATHS_S / 60)
    assert len([event for event in night.events if event.is_counted]) == 6
    check_sum(night)


def test_movement_is_excluded_and_no_event():
    flow = flow_of()
    times_s = np.arange(round(12 * RATE_HZ)) / RATE_HZ
    flow[place(1500, 1512)] += 6.0 * np.sin(2 * np.pi * times_s / 1.5)
    night = hsat.score_night(hour_of(flow))
    assert 5.0 < 60 * minutes_of(night)[QualityFlag.MOVEMENT] < 12 + 2 * TWO_BREATHS_S
    assert len(night.events) == len(EVENTS)
    check_sum(night)


def test_a_sigh_is_no_movement():
    """One breath of three times the size is breathing."""
    flow = flow_of()
    flow[place(1500, 1504)] *= 3.0
    night = hsat.score_night(hour_of(flow))
    assert night.monitored.excluded == ()
    assert len(night.events) == len(EVENTS)


def test_flow_that_never_breathes_is_not_monitored():
    night = hsat.score_night(hour_of(np.zeros(36_000)))
    assert night.monitored.monitoring_h == 0.0
    assert night.monitored.flow_h == 0.0
    assert night.monitored.spo2_h == 1.0
    assert night.indices.ahi_per_h is None
    assert night.indices.odi4_per_h == 6.0
    check_sum(night)


def test_coinciding_causes_are_booked_once_under_the_first():
    codes = np.zeros(3600)
    codes[1200:1800] = 4
    flow, spo2 = flow_of(), spo2_of()
    flow[place(1500, 2100)] = np.nan
    spo2[1800:2280] = np.nan
    night = hsat.score_night(hour_of(flow, spo2, signal_of("position", codes, 1.0)))
    assert minutes_of(night) == {
        QualityFlag.UPRIGHT: pytest.approx(10.0),
        QualityFlag.FLOW_MISSING: pytest.approx(5.0),
        QualityFlag.SPO2_OFF: pytest.approx(3.0),
    }
    check_sum(night)


@pytest.mark.parametrize(
    ("has_gap", "is_off", "is_missing", "has_lights"), list(product([False, True], repeat=4))
)
def test_excluded_and_monitored_minutes_add_up(has_gap, is_off, is_missing, has_lights):
    """Whatever comes together, also overlapping and on no round second."""
    flow, spo2 = flow_of(), spo2_of()
    gaps_s = []
    if has_gap:
        gaps_s = [(1000.3, 1077.7)]
        flow[place(1000.3, 1077.7)] = np.nan
        spo2[1000:1077] = np.nan
    if is_off:
        flow[place(1050, 1900)] = 0.0
    if is_missing:
        spo2[1700:2111] = np.nan
        flow[place(3333.3, 3600)] = np.nan
    lights_s = (77.7, 3401.9) if has_lights else None
    check_sum(hsat.score_night(hour_of(flow, spo2, gaps_s=gaps_s), lights_s=lights_s))


def test_monitored_time_without_flow_or_without_spo2():
    spo2 = spo2_of()
    spo2[600:1200] = np.nan
    no_flow = hsat.score_night(recording_of(signal_of("spo2", spo2, 1.0)))
    assert no_flow.monitored.flow_h == 0.0
    assert no_flow.monitored.spo2_h == pytest.approx(50 / 60)
    check_sum(no_flow)
    flow = flow_of()
    flow[place(600, 1200)] = np.nan
    no_spo2 = hsat.score_night(recording_of(signal_of("flow", flow, RATE_HZ)))
    assert no_spo2.monitored.spo2_h == 0.0
    assert no_spo2.monitored.monitoring_h == pytest.approx(50 / 60)
    check_sum(no_spo2)


def test_spo2_alone_and_missing_throughout_is_excluded_time():
    night = hsat.score_night(recording_of(signal_of("spo2", np.full(3600, np.nan), 1.0)))
    assert night.monitored.monitoring_h == 0.0
    check_sum(night)
