"""What SpO2 says of an event: which fall is its own, and where one event ends and the next begins.

Breathing and SpO2 are drawn by hand; what belongs together follows from the drawing.
"""

import numpy as np
import pytest
from breathing_signals import (
    PERIOD_S,
    Fall,
    breath_table,
    flow_curve,
    recording_of,
    signal_of,
    spo2_channel,
)

import hsat
from hsat.detect.desaturations import match_desaturations, measure_oximetry

RULES = hsat.load_rules("aasm_1b")
SPO2_RATE_HZ = RULES.sampling.oximetry_rate_hz
RATE_HZ = 10.0
DELAY_S = 20.0
DURATION_S = 3600.0
PLAIN = tuple(Fall(start_s, 16.0, 0.6, 6.0) for start_s in (300.0, 500.0, 3000.0, 3300.0))
"""Hypopneas that tell the night's delay."""


def drops_of(corners: list[tuple[float, float]], *spans_s: tuple[float, float]) -> list[float]:
    """Drop of the falls that belong to the spans, with SpO2 in straight lines between corners."""
    times_s, percent = zip(*corners, strict=True)
    values = np.interp(np.arange(0.0, 400.0, 1.0 / SPO2_RATE_HZ), times_s, percent).astype(np.float32)
    starts_s, stops_s = np.array(spans_s).T
    found = match_desaturations(
        starts_s,
        stops_s,
        np.ones(len(spans_s), dtype=bool),
        measure_oximetry(values, SPO2_RATE_HZ, RULES),
        delay_s=DELAY_S,
        rules=RULES,
    )
    return [round(fall.drop_points) for fall in found]


@pytest.mark.parametrize("late_s", [0.0, 3.0, 6.0])
def test_a_fall_behind_a_deeper_trough_of_the_event_before_is_the_events_own(late_s):
    """The first event's nadir comes later than the night's delay says: it lies in the second's window."""
    corners = [(0, 96), (115, 96), (140 + late_s, 84), (150 + late_s, 93), (155 + late_s, 93)]
    corners += [(170 + late_s, 87), (180 + late_s, 96), (400, 96)]
    first, second = drops_of(corners, (100.0, 118.0), (122.0, 150.0))
    assert (first, second) == (12, 6)


@pytest.mark.parametrize(("begins_s", "is_own"), [(-5.0, True), (4.0, True), (7.0, False), (20.0, False)])
def test_a_fall_that_begins_more_than_5_s_after_the_events_end_has_another_cause(begins_s, is_own):
    """Seconds after the end of the event as the finger sees it, at 120 + 20 s."""
    begins_s += 120.0 + DELAY_S
    corners = [(0, 96), (begins_s, 96), (begins_s + 10, 90), (begins_s + 20, 96), (400, 96)]
    assert drops_of(corners, (100.0, 120.0)) == [6 if is_own else 0]


def test_a_fall_may_go_on_after_the_event_until_it_is_back():
    """What counts is where it begins: the nadir may come 35 s after the event's end."""
    corners = [(0, 96), (125, 96), (175, 89), (190, 96), (400, 96)]
    assert drops_of(corners, (100.0, 120.0)) == [7]


def two_with_a_small_breath(between: float, rise_points: float, second_points: float = 5.0):
    """Breathing at 30 % from 1000 to 1060 s, at `between` from 1028 to 1032 s; SpO2 in straight lines."""
    table = breath_table(DURATION_S, sorted((*PLAIN, Fall(1000.0, 60.0, 0.7))))
    table[table[:, 0] == 1028.0, 2] = between
    flow = signal_of("flow", flow_curve(table, DURATION_S, RATE_HZ), RATE_HZ)
    _, rate_hz, percent = spo2_channel(DURATION_S, PLAIN)
    percent = percent.copy()
    trough = 90.0
    corners = [(1000, 96), (1005, 96), (1030, trough), (1037, trough + rise_points)]
    corners += [(1040, trough + rise_points), (1060, trough + rise_points - second_points), (1070, 96)]
    times_s, levels = np.array(corners, dtype=np.float64).T
    part = slice(1000, 1100)
    percent[part] = np.rint(np.interp(np.arange(1000.0, 1100.0) - DELAY_S + 0.5, times_s, levels))
    night = hsat.score_night(recording_of(flow, signal_of("spo2", percent, rate_hz)))
    return [event for event in night.events if 900 < event.start_s < 1200]


@pytest.mark.parametrize(("rise_points", "n_events"), [(1.0, 1), (2.0, 2), (4.0, 2)])
def test_an_event_ends_at_a_resaturation_of_2_points(rise_points, n_events):
    """Berry 2012. The breath between reaches half of the baseline: no clear rise by itself."""
    events = two_with_a_small_breath(0.5, rise_points)
    assert len(events) == n_events
    assert events[0].start_s == pytest.approx(1000.0, abs=PERIOD_S / 2)
    assert events[-1].stop_s == pytest.approx(1060.0, abs=PERIOD_S / 2)
    if n_events == 2:
        assert events[0].stop_s == pytest.approx(1028.0, abs=PERIOD_S / 2)
        assert events[1].start_s == pytest.approx(1032.0, abs=PERIOD_S / 2)


@pytest.mark.parametrize(("second_points", "n_events"), [(2.0, 1), (3.0, 1), (4.0, 2)])
def test_a_resaturation_without_a_fall_behind_it_ends_nothing(second_points, n_events):
    """A second fall of 2 points cuts nothing; one of 3 does, and makes no event of what follows."""
    events = two_with_a_small_breath(0.5, 3.0, second_points)
    assert len(events) == n_events
    ends_s = {2.0: 1060.0, 3.0: 1028.0, 4.0: 1028.0}[second_points]
    assert events[0].stop_s == pytest.approx(ends_s, abs=PERIOD_S / 2)


@pytest.mark.parametrize(
    ("sensor", "swing", "has_events"),
    [
        ("flow", 0.5, False),
        ("flow", 0.6, True),
        ("nasal_pressure", 0.5, False),
        ("nasal_pressure", 0.95, True),
    ],
)
def test_pressure_may_vary_more_than_flow_before_its_largest_breaths_are_the_baseline(
    sensor, swing, has_events
):
    """Breaths wax and wane by `swing` every 24 s, and SpO2 falls now and then.

    Below 70 % of their mean they are for less than 10 s, also from the nadir before (at a swing of 0.5 for
    7.1 s, as cos x < -0.6 for 0.295 of 24 s, and 1.9 s), below 70 % of the largest for
    longer: only against these it is an event.
    """
    table = breath_table(DURATION_S)
    middles_s = table[:, 0] + PERIOD_S / 2
    waves = 1.0 + swing * np.cos(2 * np.pi * middles_s / 24.0)
    table[:, 2] = np.where(middles_s < 600.0, 1.0, waves)
    falls = [Fall(700.0 + 120.0 * i, 20.0, 0.0, 6.0) for i in range(20)]
    flow = signal_of(sensor, flow_curve(table, DURATION_S, RATE_HZ), RATE_HZ)
    night = hsat.score_night(recording_of(flow, spo2_channel(DURATION_S, falls)))
    late = [event for event in night.events if event.start_s > 900.0]
    assert (len(late) > 0) is has_events
