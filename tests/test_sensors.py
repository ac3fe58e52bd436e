"""Several airflow sensors in one night: who serves when, and what they say together.

Nights are drawn breath by breath; which sensor sees which fall, and when it is dead, is planted.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from breathing_signals import PERIOD_S, Fall, flow_channel, recording_of, signal_of, spo2_channel

import hsat
from hsat.detect.sensors import APNEA_SENSORS, HYPOPNEA_SENSORS, effort_sensors, recorded_sensors
from hsat.errors import ReadError
from hsat.intervals import intersect_spans, total_s, unite_spans
from hsat.quality import QualityFlag
from hsat.recording import Recording
from hsat.report.document import night_json
from hsat.report.tables import events_csv
from hsat.report.text import night_text
from hsat.results import NightResult

RATE_HZ = 10.0
DURATION_S = 3600.0
HALF_BREATH_S = PERIOD_S / 2
PLAIN = tuple(Fall(start_s, 16.0, 0.6, 6.0) for start_s in (300.0, 500.0, 3000.0, 3300.0))
"""Hypopneas that every sensor sees, and that tell the night's delay."""


def sense(falls: tuple[Fall, ...] = PLAIN, *, duration_s: float = DURATION_S) -> np.ndarray:
    """What a sensor sees of these falls."""
    return flow_channel(duration_s, sorted(falls), rate_hz=RATE_HZ)[2].copy()


def part(start_s: float, stop_s: float) -> slice:
    return slice(round(start_s * RATE_HZ), round(stop_s * RATE_HZ))


def dead(flow: np.ndarray, start_s: float, stop_s: float) -> np.ndarray:
    flow = flow.copy()
    flow[part(start_s, stop_s)] = 0.0
    return flow


def lagged(flow: np.ndarray, time_constant_s: float) -> np.ndarray:
    """Through a first-order lag, step by step from its differential equation."""
    share = 1.0 - np.exp(-1.0 / (time_constant_s * RATE_HZ))
    warmth, out = 0.0, np.empty_like(flow)
    for i, value in enumerate(flow.tolist()):
        warmth += share * (value - warmth)
        out[i] = warmth
    return out


def night_of(falls: tuple[Fall, ...] = PLAIN, **sensors: np.ndarray) -> Recording:
    """The sensors as they are, with the SpO2 that follows the falls."""
    duration_s = len(next(iter(sensors.values()))) / RATE_HZ
    channels = [signal_of(name, values, RATE_HZ) for name, values in sensors.items()]
    return recording_of(*channels, spo2_channel(duration_s, sorted(falls)))


def score(falls: tuple[Fall, ...] = PLAIN, **sensors: np.ndarray) -> NightResult:
    return hsat.score_night(night_of(falls, **sensors))


def minutes(night: NightResult, purpose: str) -> dict[str, float]:
    return {time.sensor: time.minutes for time in getattr(night.sensors, purpose)}


def near(start_s: float, stop_s: float, night: NightResult):
    """The events that share time with a span."""
    return [event for event in night.events if event.start_s < stop_s and event.stop_s > start_s]


def check_shares(night: NightResult) -> None:
    """Every judged minute once for either purpose; no two events at a time; excluded time adds up."""
    for times in (night.sensors.apneas, night.sensors.hypopneas):
        assert sum(time.minutes for time in times) == pytest.approx(60.0 * night.monitored.flow_h)
        for i, time in enumerate(times):
            for other in times[i + 1 :]:
                assert total_s(intersect_spans(time.spans_s, other.spans_s)) == 0.0
    for event, following in zip(night.events, night.events[1:], strict=False):
        assert event.stop_s <= following.start_s
    causes = [item.spans_s for item in night.monitored.excluded]
    excluded_s = sum(total_s(spans) for spans in causes)
    assert excluded_s == pytest.approx(total_s(unite_spans(*causes)))
    assert excluded_s + total_s(night.monitored.spans_s) == pytest.approx(night.recording.duration_s)


# the order --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "apneas", "hypopneas"),
    [
        (
            {"nasal_pressure", "thermistor"},
            ("thermistor", "nasal_pressure"),
            ("nasal_pressure", "thermistor"),
        ),
        ({"nasal_pressure"}, ("nasal_pressure",), ("nasal_pressure",)),
        ({"flow", "thermistor"}, ("thermistor", "flow"), ("flow", "thermistor")),
        ({"flow", "nasal_pressure"}, ("flow", "nasal_pressure"), ("nasal_pressure", "flow")),
        ({"rip_flow", "rip_sum"}, ("rip_sum", "rip_flow"), ("rip_sum", "rip_flow")),
        (
            {"rip_flow", "rip_sum", "thermistor", "nasal_pressure"},
            ("thermistor", "nasal_pressure", "rip_sum", "rip_flow"),
            ("nasal_pressure", "thermistor", "rip_sum", "rip_flow"),
        ),
        ({"flow", "thorax", "abdomen"}, ("flow",), ("flow",)),
        ({"thorax", "abdomen"}, ("thorax+abdomen",), ("thorax+abdomen",)),
        ({"abdomen"}, ("abdomen",), ("abdomen",)),
        (set(), (), ()),
    ],
)
def test_order_of_sensors_for_apneas_and_hypopneas(recorded, apneas, hypopneas):
    """Berry 2012: apneas thermal, nasal pressure, RIP; hypopneas nasal pressure, thermal, RIP."""
    night = recording_of(*[signal_of(name, np.zeros(10), 1.0) for name in sorted(recorded)], duration_s=10.0)
    assert recorded_sensors(night, APNEA_SENSORS) == apneas
    assert recorded_sensors(night, HYPOPNEA_SENSORS) == hypopneas


def test_a_belt_that_stands_in_for_flow_alone_is_no_effort_belt():
    night = recording_of(*[signal_of(name, np.zeros(10), 1.0) for name in ("thorax", "abdomen")])
    assert effort_sensors(night, ()) == ()
    assert effort_sensors(night, ("thorax",)) == ("abdomen",)
    assert effort_sensors(night, ("thorax+abdomen",)) == ("thorax", "abdomen")


class ForbiddenSource:
    """Samples that nobody may ask for."""

    def blocks(self, indices):
        raise ReadError("asked for a sensor that was not needed")


def test_a_sensor_is_measured_only_where_a_better_one_fails():
    night = night_of(nasal_pressure=sense(), thermistor=sense(), rip_sum=sense())
    forbidden = replace(night.signal("rip_sum"), source=ForbiddenSource())
    signals = tuple(forbidden if signal.name == "rip_sum" else signal for signal in night.signals)
    result = hsat.score_night(replace(night, signals=signals))
    assert minutes(result, "apneas") == {"thermistor": 60.0}
    assert minutes(result, "hypopneas") == {"nasal_pressure": 60.0}
    both_off = night_of(
        nasal_pressure=dead(sense(), 1000, 1500), thermistor=dead(sense(), 1000, 1500), rip_sum=sense()
    )
    signals = tuple(forbidden if signal.name == "rip_sum" else signal for signal in both_off.signals)
    with pytest.raises(ReadError, match="not needed"):
        hsat.score_night(replace(both_off, signals=signals))


# a sensor that fails for a part of the night ------------------------------------------------------

FOUR_HOURS_S = 14_400.0
HOURLY = tuple(
    Fall(3600.0 * hour + start_s, 20.0, reduction, 6.0)
    for hour in range(4)
    for start_s, reduction in ((600.0, 1.0), (1200.0, 0.6), (1800.0, 1.0), (2400.0, 0.6))
)
"""In every hour two apneas and two hypopneas."""


@pytest.mark.parametrize("how", ["zero", "nan", "noise"])
def test_nasal_pressure_dead_from_2_h_to_3_h_is_replaced_by_the_thermistor(how):
    nasal, thermistor = (sense(HOURLY, duration_s=FOUR_HOURS_S) for _ in range(2))
    hour = part(7200, 10_800)
    noise = 0.002 * np.random.default_rng(1).standard_normal(36_000)
    nasal[hour] = {"zero": 0.0, "nan": np.nan, "noise": noise}[how]
    night = score(HOURLY, nasal_pressure=nasal, thermistor=thermistor)
    check_shares(night)
    assert night.flow_sensor == "nasal_pressure"
    assert night.monitored.monitoring_h == 4.0
    assert minutes(night, "apneas") == {"thermistor": 240.0}
    assert minutes(night, "hypopneas") == {
        "nasal_pressure": pytest.approx(180.0, abs=0.3),
        "thermistor": pytest.approx(60.0, abs=0.3),
    }
    assert [round(event.start_s, -1) for event in night.events] == [fall.start_s for fall in HOURLY]
    assert [event.kind.is_apnea for event in night.events] == [fall.reduction == 1.0 for fall in HOURLY]
    for event in night.events:
        is_dead = 7200 <= event.start_s < 10_800
        assert event.sensor == ("thermistor" if event.kind.is_apnea or is_dead else "nasal_pressure")
    (note,) = [note.text for note in night.notes if note.code == "flow_sensor_fallback"]
    cause = "flow missing" if how == "nan" else "flow sensor off"
    assert note == f"nasal_pressure: {cause} for 60 min; hypopneas were judged there on thermistor"


def test_thermistor_dead_from_2_h_to_3_h_is_replaced_by_nasal_pressure():
    nasal, thermistor = (sense(HOURLY, duration_s=FOUR_HOURS_S) for _ in range(2))
    night = score(HOURLY, nasal_pressure=nasal, thermistor=dead(thermistor, 7200, 10_800))
    check_shares(night)
    assert minutes(night, "hypopneas") == {"nasal_pressure": 240.0}
    assert minutes(night, "apneas") == {
        "nasal_pressure": pytest.approx(60.0, abs=0.3),
        "thermistor": pytest.approx(180.0, abs=0.3),
    }
    assert [event.kind.is_apnea for event in night.events] == [fall.reduction == 1.0 for fall in HOURLY]
    assert {event.sensor for event in near(7200, 10_800, night)} == {"nasal_pressure"}


def test_what_no_sensor_can_judge_is_excluded_once():
    """Nasal pressure off from 20 to 40 min, thermistor from 30 to 50 min: 10 min are lost."""
    night = score(nasal_pressure=dead(sense(), 1200, 2400), thermistor=dead(sense(), 1800, 3000))
    check_shares(night)
    assert {item.cause: item.minutes for item in night.monitored.excluded} == {
        QualityFlag.FLOW_OFF: pytest.approx(10.0, abs=0.3)
    }
    assert minutes(night, "hypopneas") == {
        "nasal_pressure": pytest.approx(40.0, abs=0.3),
        "thermistor": pytest.approx(10.0, abs=0.3),
    }


def test_both_sensors_dead_leave_nothing():
    night = score(nasal_pressure=dead(sense(), 0, 3600), thermistor=dead(sense(), 0, 3600))
    assert night.monitored.flow_h == 0.0
    assert night.indices.ahi_per_h is None
    assert night.events == ()
    assert night.sensors.hypopneas == ()


@pytest.mark.parametrize("seed", range(12))
def test_shares_add_up_whatever_fails(seed):
    """Three sensors that fail at random: planted events where a sensor lives, no others."""
    rng = np.random.default_rng(seed)
    falls = tuple(Fall(200.0 + 120.0 * i, 20.0, rng.choice([0.6, 1.0]), 6.0) for i in range(28))
    sensors, lives = {}, np.zeros((3, 3600), dtype=bool)
    for alive, name in zip(lives, ("nasal_pressure", "thermistor", "rip_sum"), strict=True):
        flow, silence = sense(falls), rng.choice([0.0, np.nan])
        alive[:] = True
        for _ in range(3):
            start_s = int(rng.integers(0, 3300))
            stop_s = start_s + int(rng.integers(160, 700))
            flow[part(start_s, stop_s)] = silence
            alive[start_s:stop_s] = False
        sensors[name] = flow
    night = score(falls, **sensors)
    check_shares(night)
    assert night.monitored.flow_h == pytest.approx(lives.any(axis=0).mean(), abs=0.03)
    for event in night.events:  # each begins with a fall, or where its sensor comes back within one
        begun = [event.start_s - fall.start_s for fall in falls]
        alive = lives[list(sensors).index(event.sensor)]
        is_back = not alive[int(event.start_s) - 3 : int(event.start_s) + 3].all()
        assert min(np.abs(begun)) <= PERIOD_S or (is_back and any(0 < late_s < 20 for late_s in begun))
    for fall in falls:
        if lives[:, int(fall.start_s) - 130 : int(fall.stop_s) + 60].all(axis=1).any():
            assert len(near(fall.start_s + 4, fall.stop_s - 4, night)) == 1


def test_a_gap_asks_for_no_other_sensor():
    nasal, thermistor = sense(), sense()
    nasal[part(1200, 1800)] = thermistor[part(1200, 1800)] = np.nan
    channels = [signal_of("nasal_pressure", nasal, RATE_HZ), signal_of("thermistor", thermistor, RATE_HZ)]
    night = hsat.score_night(
        recording_of(*channels, spo2_channel(DURATION_S, PLAIN), gaps_s=[(1200.0, 1800.0)])
    )
    assert minutes(night, "hypopneas") == {"nasal_pressure": 50.0}
    assert not [note for note in night.notes if note.code == "flow_sensor_fallback"]


@pytest.mark.parametrize(
    ("missing_s", "takes_over"), [(50.0, False), (59.0, False), (61.0, True), (90.0, True)]
)
def test_nobody_serves_for_less_than_60_s(missing_s, takes_over):
    nasal = sense()
    nasal[part(1500, 1500 + missing_s)] = np.nan
    night = score(nasal_pressure=nasal, thermistor=sense())
    check_shares(night)
    assert ("thermistor" in minutes(night, "hypopneas")) is takes_over
    assert night.monitored.flow_h == pytest.approx(1.0 - (not takes_over) * missing_s / 3600.0, abs=1e-4)


# a switch in the middle of an event ---------------------------------------------------------------


@pytest.mark.parametrize("reduction", [1.0, 0.6])
@pytest.mark.parametrize("into_s", [2.0, 10.0, 18.0])
@pytest.mark.parametrize("is_start", [True, False])
def test_an_event_across_a_switch_is_one(into_s, is_start, reduction):
    """Nasal pressure stops, or starts again, within an event that the thermistor sees whole."""
    falls = (*PLAIN, Fall(1500.0, 20.0, reduction, 6.0))
    switch_s = 1500.0 + into_s
    nasal = dead(sense(falls), *((switch_s, 2400.0) if is_start else (900.0, switch_s)))
    night = score(falls, nasal_pressure=nasal, thermistor=sense(falls))
    check_shares(night)
    (event,) = near(1480, 1540, night)
    assert event.start_s == pytest.approx(1500.0, abs=PERIOD_S)
    assert event.stop_s == pytest.approx(1520.0, abs=PERIOD_S)
    assert event.kind.is_apnea is (reduction == 1.0)
    assert len(night.events) == len(falls)


# what two sensors say together --------------------------------------------------------------------

DEEP = Fall(1500.0, 20.0, 1.0)


@pytest.mark.parametrize(("drop_points", "is_event"), [(0.0, False), (3.0, False), (4.0, True), (6.0, True)])
def test_an_apnea_on_nasal_pressure_alone_is_judged_as_a_hypopnea(drop_points, is_event):
    """Breathing through the mouth: the thermistor goes on, so a desaturation is needed."""
    falls = (*PLAIN, DEEP._replace(drop_points=drop_points))
    night = score(falls, nasal_pressure=sense(falls), thermistor=sense(PLAIN))
    check_shares(night)
    found = near(1480, 1540, night)
    assert [event.kind.value for event in found] == ["hypopnea"] * is_event
    told = "nasal_pressure shows an apnea, thermistor does not"
    if is_event:
        assert found[0].sensor == "nasal_pressure"
        assert told in found[0].criterion
    else:
        (refused,) = night.rejected
        assert refused.start_s == pytest.approx(1500.0, abs=HALF_BREATH_S)
        assert refused.reason.startswith("hypopnea.min_desaturation_points: ")
        assert told in refused.reason
        assert refused.sensor == "nasal_pressure"


@pytest.mark.parametrize("n", [1, 3])
def test_a_note_counts_the_apneas_that_were_not_confirmed(n):
    falls = (*PLAIN, *[Fall(1000.0 + 300.0 * i, 20.0, 1.0) for i in range(n)])
    night = score(falls, nasal_pressure=sense(falls), thermistor=sense(PLAIN))
    (text,) = [note.text for note in night.notes if note.code == "apneas_unconfirmed"]
    assert text.startswith(f"{n} stretch")
    agreeing = score(falls, nasal_pressure=sense(falls), thermistor=sense(falls))
    assert "apneas_unconfirmed" not in [note.code for note in agreeing.notes]


def test_nasal_pressure_as_the_only_sensor_scores_that_apnea():
    falls = (*PLAIN, DEEP)
    (event,) = near(1480, 1540, score(falls, nasal_pressure=sense(falls)))
    assert event.kind.is_apnea
    assert event.sensor == "nasal_pressure"


@pytest.mark.parametrize("apnea_s", [12.0, 16.0, 24.0])
def test_a_hypopnea_in_which_the_thermistor_shows_an_apnea_is_an_apnea(apnea_s):
    """The whole-event rule, with the boundaries of nasal pressure."""
    falls = (*PLAIN, Fall(1500.0, 40.0, 0.6))
    within = (*PLAIN, Fall(1508.0, apnea_s, 1.0))
    night = score(falls, nasal_pressure=sense(falls), thermistor=sense(within))
    check_shares(night)
    (event,) = near(1480, 1560, night)
    assert event.kind.is_apnea
    assert event.sensor == "thermistor"
    assert event.criterion.endswith(" on thermistor")
    assert event.start_s == pytest.approx(1500.0, abs=HALF_BREATH_S)
    assert event.stop_s == pytest.approx(1540.0, abs=HALF_BREATH_S)
    assert event.flow_reduction_fraction > 0.9
    assert event.desaturation is None


@pytest.mark.parametrize(
    ("apnea_start_s", "min_overlap_fraction", "is_same"),
    [
        (1520.0, 0.5, True),
        (1526.0, 0.5, True),
        (1534.0, 0.5, False),
        (1526.0, 0.9, False),
        (1534.0, 0.1, True),
    ],
)
def test_an_apnea_that_lies_in_a_hypopnea_by_half_is_the_same_event(
    apnea_start_s, min_overlap_fraction, is_same
):
    """A hypopnea from 1500 to 1540 s; the thermistor's apnea lasts 20 s: 14 of them inside, or 6.

    Where it is another one, nasal pressure is back to full breathing in most of it.
    """
    falls = (*PLAIN, Fall(1500.0, 40.0, 0.6, 6.0))
    within = (*PLAIN, Fall(apnea_start_s, 20.0, 1.0))
    rules = hsat.load_rules("aasm_1b")
    rules = replace(rules, airflow=replace(rules.airflow, min_overlap_fraction=min_overlap_fraction))
    night = hsat.score_night(night_of(falls, nasal_pressure=sense(falls), thermistor=sense(within)), rules)
    check_shares(night)
    assert [event.kind.is_apnea for event in near(1480, 1570, night)] == [is_same]
    others = [refused.start_s for refused in night.rejected if refused.sensor == "thermistor"]
    assert len(others) == (not is_same)


@pytest.mark.parametrize(("reduction", "is_event"), [(0.0, False), (0.2, False), (0.4, True), (0.6, True)])
def test_nasal_pressure_contradicts_an_apnea_only_where_it_falls_by_less_than_30_percent(reduction, is_event):
    night = score(
        (*PLAIN,),
        nasal_pressure=sense((*PLAIN, Fall(1500.0, 20.0, reduction))),
        thermistor=sense((*PLAIN, DEEP)),
    )
    assert [event.kind.is_apnea for event in near(1480, 1540, night)] == [True] * is_event


@pytest.mark.parametrize(("drop_points", "is_event"), [(0.0, False), (2.0, False), (3.0, True), (6.0, True)])
def test_an_apnea_on_the_thermistor_alone_needs_a_fall_of_3_points(drop_points, is_event):
    """While nasal pressure shows full breathing, stillness without a fall is the sensor's."""
    falls = (*PLAIN, DEEP._replace(drop_points=drop_points))
    night = score(falls, nasal_pressure=sense(PLAIN), thermistor=sense(falls))
    check_shares(night)
    found = near(1480, 1540, night)
    assert len(found) == is_event
    if is_event:
        assert found[0].kind.is_apnea
        assert found[0].sensor == "thermistor"
        assert found[0].start_s == pytest.approx(1500.0, abs=PERIOD_S)
        assert found[0].stop_s == pytest.approx(1520.0, abs=HALF_BREATH_S)
    else:
        (refused,) = night.rejected
        assert refused.reason.startswith("airflow: thermistor alone shows an apnea")
        assert refused.sensor == "thermistor"


def test_without_oximetry_the_thermistor_says_what_an_apnea_is():
    """What is an apnea on nasal pressure alone is none; on the thermistor alone it is one."""
    on_nasal, on_thermistor = (*PLAIN, DEEP), (*PLAIN, Fall(2000.0, 20.0, 1.0))
    night = hsat.score_night(
        recording_of(
            signal_of("nasal_pressure", sense(on_nasal), RATE_HZ),
            signal_of("thermistor", sense(on_thermistor), RATE_HZ),
        )
    )
    assert [round(event.start_s, -1) for event in night.events] == [2000.0]


def test_two_sensors_that_agree_give_each_event_once():
    night = score(HOURLY, **{name: sense(HOURLY, duration_s=FOUR_HOURS_S) for name in APNEA_SENSORS[::2]})
    alone = score(HOURLY, nasal_pressure=sense(HOURLY, duration_s=FOUR_HOURS_S))
    check_shares(night)
    spans = [(event.start_s, event.stop_s, event.kind) for event in night.events]
    assert spans == [(event.start_s, event.stop_s, event.kind) for event in alone.events]
    assert len(spans) == len(HOURLY)


def test_a_slow_thermistor_confirms_apneas_with_one_breath_between():
    """With a time constant of 2 s it hardly shows the breath between; nasal pressure does."""
    falls = tuple(Fall(1000.0 + 24.0 * i, 20.0, 1.0, 6.0) for i in range(10))
    night = score(
        (*PLAIN, *falls),
        nasal_pressure=sense((*PLAIN, *falls)),
        thermistor=lagged(sense((*PLAIN, *falls)), 2.0),
    )
    check_shares(night)
    found = near(990, 1250, night)
    assert [event.start_s for event in found] == pytest.approx([fall.start_s for fall in falls], abs=PERIOD_S)
    assert all(event.kind.is_apnea for event in found)


def noisy(flow: np.ndarray, noise_fraction: float) -> np.ndarray:
    """With white noise of this share of the largest breath as its standard deviation."""
    return flow + np.random.default_rng(3).normal(0.0, noise_fraction * np.ptp(flow), len(flow))


RUN = tuple(Fall(1000.0 + 60.0 * i, 20.0, 1.0) for i in range(20))
"""Apneas without a fall of SpO2."""


@pytest.mark.parametrize("noise_fraction", [0.0, 0.08, 0.12])
def test_a_thermistor_whose_noise_is_more_than_an_apnea_leaves_denies_none(noise_fraction):
    """Its noise alone spans 30 % of a breath and more: it cannot show a fall by 90 %."""
    falls = (*PLAIN, *RUN)
    night = score(
        falls, nasal_pressure=sense(falls), thermistor=noisy(lagged(sense(falls), 1.0), noise_fraction)
    )
    check_shares(night)
    found = near(950, 2400, night)
    assert [event.kind.is_apnea for event in found] == [True] * len(RUN)
    assert {event.sensor for event in found} <= {"nasal_pressure", "thermistor"}
    assert "apneas_unconfirmed" not in [note.code for note in night.notes]


@pytest.mark.parametrize("left", [0.8, 1.0])
def test_a_noisy_thermistor_still_shows_breathing_through_the_mouth(left):
    falls = (*PLAIN, *RUN)
    mouth = (*PLAIN, *[fall._replace(reduction=1.0 - left) for fall in RUN])
    night = score(falls, nasal_pressure=sense(falls), thermistor=noisy(lagged(sense(mouth), 1.0), 0.12))
    assert near(950, 2400, night) == []
    (text,) = [note.text for note in night.notes if note.code == "apneas_unconfirmed"]
    assert text.startswith(f"{len(RUN)} stretches")


# single sensors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("time_constant_s", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("length_s", [12.0, 20.0, 30.0])
def test_apneas_on_a_slow_thermistor_alone(length_s, time_constant_s):
    apneas = tuple(Fall(start_s, length_s, 1.0) for start_s in (1000.0, 1400.0, 1800.0, 2200.0))
    night = score((*PLAIN, *apneas), thermistor=lagged(sense((*PLAIN, *apneas)), time_constant_s))
    found = near(900, 2400, night)
    assert [event.kind.is_apnea for event in found] == [True] * 4
    for event, fall in zip(found, apneas, strict=True):
        assert event.start_s == pytest.approx(fall.start_s, abs=PERIOD_S)
        assert event.stop_s == pytest.approx(fall.stop_s, abs=PERIOD_S)


@pytest.mark.parametrize(
    ("silent_s", "takes_over"), [(48.0, False), (72.0, True), (112.0, True), (140.0, True)]
)
def test_breathing_through_the_mouth_for_more_than_60_s_is_judged_on_the_thermistor(silent_s, takes_over):
    """A hypopnea and an apnea of 20 s in it keep their boundaries: they are not as long as the silence."""
    falls = (*PLAIN, Fall(1020.0, 20.0, 0.6, 6.0), Fall(2004.0, 20.0, 1.0, 6.0))
    pressure = sense(falls)
    for start_s in (1000.0, 1988.0):
        pressure = dead(pressure, start_s, start_s + silent_s)
    night = hsat.score_night(night_of(falls, nasal_pressure=pressure, thermistor=sense(falls)))
    assert len(night.events) == len(falls)
    inside = [event for event in night.events if 980.0 <= event.start_s <= 2100.0]
    assert [event.kind.is_apnea for event in inside] == [False, True]
    if takes_over:
        assert [event.sensor for event in inside] == ["thermistor"] * 2
        assert [event.duration_s for event in inside] == pytest.approx([20.0, 20.0], abs=HALF_BREATH_S + 0.5)
    minutes = {part.sensor: part.minutes for part in night.sensors.hypopneas}
    assert minutes.get("thermistor", 0.0) == pytest.approx(2 * silent_s / 60.0 * takes_over, abs=0.3)


def test_an_apnea_of_more_than_60_s_that_both_sensors_show_is_no_silence():
    falls = (*PLAIN, Fall(1000.0, 72.0, 1.0, 12.0))
    night = hsat.score_night(night_of(falls, nasal_pressure=sense(falls), thermistor=sense(falls)))
    assert [part.sensor for part in night.sensors.hypopneas] == ["nasal_pressure"]
    longest = max(night.events, key=lambda event: event.duration_s)
    assert longest.kind.is_apnea
    assert longest.duration_s == pytest.approx(72.0, abs=HALF_BREATH_S + 0.5)


def test_mouth_breathing_for_half_an_hour_is_judged_on_the_thermistor():
    falls = (*PLAIN, Fall(1500.0, 20.0, 1.0, 6.0), Fall(1900.0, 20.0, 0.6, 6.0))
    nasal = sense(falls)
    nasal[part(1200, 2400)] *= 0.05
    night = score(falls, nasal_pressure=nasal, thermistor=sense(falls))
    check_shares(night)
    assert night.monitored.flow_h == 1.0
    assert minutes(night, "hypopneas")["thermistor"] == pytest.approx(20.0, abs=0.3)
    assert [event.kind.is_apnea for event in near(1200, 2400, night)] == [True, False]
    assert len(night.events) == len(falls)
    alone = score(falls, nasal_pressure=nasal)
    assert alone.monitored.flow_h == pytest.approx(2 / 3, abs=0.01)
    assert near(1210, 2390, alone) == []


@pytest.mark.parametrize("left", [0.2, 0.3, 0.4])
def test_a_cannula_half_out_for_the_rest_of_the_night_is_no_event(left):
    nasal = sense()
    nasal[part(1500, 3600)] *= left
    for sensors in ({}, {"thermistor": sense()}):
        night = score(nasal_pressure=nasal, **sensors)
        check_shares(night)
        assert [round(event.start_s, -1) for event in night.events] == [fall.start_s for fall in PLAIN]
        assert minutes(night, "hypopneas") == {"nasal_pressure": pytest.approx(60.0, abs=0.2)}


@pytest.mark.parametrize("name", ["rip_sum", "rip_flow"])
def test_rip_serves_where_airflow_fails(name):
    off = dead(sense(), 1200, 3600)
    night = score(nasal_pressure=off, thermistor=off, **{name: sense()})
    check_shares(night)
    assert night.monitored.flow_h == 1.0
    assert minutes(night, "apneas")[name] == minutes(night, "hypopneas")[name] == pytest.approx(40.0, abs=0.3)
    assert len(night.events) == len(PLAIN)
    assert "flow_from_effort" in [note.code for note in night.notes]


# the sum of the belts -----------------------------------------------------------------------------

APNEAS = tuple(Fall(start_s, 24.0, 1.0, 6.0) for start_s in (400.0, 800.0, 1200.0, 1600.0))


def belt(*, is_paradox: bool = False, falls: tuple[Fall, ...] = ()) -> np.ndarray:
    """A belt in volume that turns its direction in the apneas, or falls."""
    flow = sense(falls).astype(np.float64)
    if is_paradox:
        for fall in APNEAS:
            flow[part(fall.start_s, fall.stop_s)] *= -1.0
    return np.cumsum(flow) / RATE_HZ


@pytest.mark.parametrize("gain", [1.0, -1.0, 40.0, -0.02])
def test_the_sum_of_both_belts_stands_in_where_no_airflow_was_recorded(gain):
    """In obstructive apneas the belts move against each other: the sum falls, each goes on."""
    night = score(APNEAS, thorax=belt(), abdomen=gain * belt(is_paradox=True))
    check_shares(night)
    assert (night.flow_sensor, night.effort_sensor) == ("thorax+abdomen", "thorax+abdomen")
    assert [event.kind.value for event in night.events] == ["obstructive_apnea"] * len(APNEAS)
    for event, fall in zip(night.events, APNEAS, strict=True):
        assert event.start_s == pytest.approx(fall.start_s, abs=PERIOD_S)
    (note,) = [note.text for note in night.notes if note.code == "flow_from_effort"]
    assert "uncalibrated" in note


def test_apneas_without_effort_on_the_sum_of_the_belts_are_central():
    night = score(APNEAS, thorax=belt(falls=APNEAS), abdomen=3.0 * belt(falls=APNEAS))
    assert [event.kind.value for event in night.events] == ["central_apnea"] * len(APNEAS)


@pytest.mark.parametrize("how", ["flat", "noise"])
def test_a_belt_without_breathing_is_left_out_of_the_sum(how):
    still = np.zeros(36_000) if how == "flat" else np.random.default_rng(2).standard_normal(36_000)
    night = score(APNEAS, thorax=still, abdomen=belt(falls=APNEAS))
    assert night.flow_sensor == "abdomen"
    assert len(night.events) == len(APNEAS)


@pytest.mark.parametrize(("dead_from_s", "helps"), [(2000.0, False), (1600.0, True), (0.0, True)])
def test_the_sum_helps_out_where_airflow_shows_less_than_half_of_the_night(dead_from_s, helps):
    falls = tuple(Fall(start_s, 24.0, 1.0, 6.0) for start_s in (400.0, 800.0, 1200.0, 2200.0, 2600.0))
    flow = dead(sense(falls), dead_from_s, 3600.0)
    night = score(falls, flow=flow, thorax=belt(falls=falls), abdomen=belt(falls=falls))
    check_shares(night)
    assert ("thorax+abdomen" in minutes(night, "hypopneas")) is helps
    assert night.monitored.flow_h == pytest.approx(1.0 if helps else dead_from_s / 3600.0, abs=0.01)
    assert len(night.events) == (5 if helps else 3)


# what is printed ----------------------------------------------------------------------------------


def test_outputs_say_which_minutes_came_from_which_sensor():
    night = score(
        HOURLY,
        nasal_pressure=dead(sense(HOURLY, duration_s=FOUR_HOURS_S), 7200, 10_080),
        thermistor=sense(HOURLY, duration_s=FOUR_HOURS_S),
    )
    document = json.loads(night_json(night))
    assert [entry["sensor"] for entry in document["sensors"]["hypopneas"]] == ["nasal_pressure", "thermistor"]
    ((start_s, stop_s),) = document["sensors"]["hypopneas"][1]["spans_s"]
    assert (start_s, stop_s) == (pytest.approx(7200, abs=5), pytest.approx(10_080, abs=5))
    assert document["sensors"]["apneas"] == [
        {"sensor": "thermistor", "minutes": 240.0, "spans_s": [[0.0, FOUR_HOURS_S]]}
    ]
    assert {event["sensor"] for event in document["events"]} == {"nasal_pressure", "thermistor"}
    text = night_text(night)
    assert "  apneas    thermistor 4.0 h\n" in text
    assert "  hypopneas nasal pressure 3.2 h, thermistor 48 min\n" in text
    header, first = events_csv(night).splitlines()[:2]
    assert dict(zip(header.split(","), first.split(","), strict=True))["sensor"] == "thermistor"
    assert set(night.events_frame()["sensor"]) == {"nasal_pressure", "thermistor"}


def test_one_sensor_for_all_needs_no_word():
    night = score(flow=sense())
    assert "hypopneas flow" not in night_text(night)
    assert json.loads(night_json(night))["sensors"] == {
        purpose: [{"sensor": "flow", "minutes": 60.0, "spans_s": [[0.0, 3600.0]]}]
        for purpose in ("apneas", "hypopneas")
    }
