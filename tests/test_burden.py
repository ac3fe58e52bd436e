"""Hypoxic burden and the burden of all desaturations, worked out on paper."""

from typing import Any

import numpy as np
import pytest
from breathing_signals import recording_of, signal_of
from index_builder import DURATION_S, RULES, event_at, indices_of, measured, monitored_of, quarter_seconds

import hsat
from hsat.detect.desaturations import find_desaturations, measure_oximetry
from hsat.indices import compute_indices
from hsat.indices.aligned import steps_to_peak
from hsat.intervals import as_spans

# hypoxic burden ---------------------------------------------------------------------------------

STOPS_S = (1000.0, 2500.0, 4000.0)


def dips(
    points: float, *, start_s: float = 0.0, half_s: float = 16.0, stops_s: tuple[float, ...] = STOPS_S
) -> np.ndarray:
    """How far SpO2 is below its baseline: a triangle that starts `start_s` after each event's end."""
    depth = np.zeros(int(DURATION_S))
    for stop_s in stops_s:
        first = stop_s + start_s
        depth += np.interp(
            np.arange(len(depth)),
            [first, first + half_s, first + 2 * half_s],
            [0.0, points, 0.0],
            left=0,
            right=0,
        )
    return depth


def burden_of(depth: np.ndarray, stops_s: tuple[float, ...] = STOPS_S, baseline: float = 96.0) -> float:
    events = [event_at(stop_s - 20.0) for stop_s in stops_s]
    return indices_of(
        events=events, spo2_percent=quarter_seconds(baseline - depth)
    ).hypoxic_burden_percent_min_per_h


@pytest.mark.parametrize("points", [4.0, 8.0])
@pytest.mark.parametrize(
    ("start_s", "half_s"),
    [(-15.0, 16.0), (-15.0, 25.0), (0.0, 10.0), (0.0, 16.0), (0.0, 25.0), (10.0, 10.0), (10.0, 25.0)],
)
def test_hypoxic_burden_of_triangles(points, half_s, start_s):
    """Three triangles of ``points * half_s`` %s each in 2 h, their nadir after the event's end."""
    area_percent_min = 3 * points * half_s / 60
    assert burden_of(dips(points, start_s=start_s, half_s=half_s)) == pytest.approx(
        area_percent_min / 2, rel=0.01
    )


def test_hypoxic_burden_needs_events():
    assert burden_of(dips(8.0), stops_s=()) == 0.0


def test_hypoxic_burden_baseline_is_the_highest_of_the_100_s_before_the_end():
    """A level one point higher from 90 s to 70 s before the end lifts the baseline of the event."""
    depth = dips(8.0)
    for stop_s in STOPS_S:
        depth[int(stop_s) - 90 : int(stop_s) - 70] -= 1.0
    # The dip lasts from 0 to 32 s; its mean over 5 s is back at the baseline at -2 and at 34 s.
    window_s = 37.0
    by_hand = 3 * (8.0 * 16.0 + 1.0 * window_s) / 60 / 2
    assert burden_of(depth) == pytest.approx(by_hand, rel=0.01)
    for stop_s in STOPS_S:
        depth[int(stop_s) - 90 : int(stop_s) - 70] += 1.0
        depth[int(stop_s) - 140 : int(stop_s) - 110] -= 1.0
    assert burden_of(depth) == pytest.approx(3 * 8.0 * 16.0 / 60 / 2, rel=0.01)


def test_hypoxic_burden_ends_at_the_peak_after_the_dip():
    """A second dip, 20 s after SpO2 is back, belongs to none of the events."""
    depth = dips(8.0) + dips(5.0, start_s=60.0)
    assert burden_of(depth) == pytest.approx(3 * 8.0 * 16.0 / 60 / 2, rel=0.01)


@pytest.mark.parametrize(
    ("cycle_s", "half_s"), [(50, 20.0), (50, 25.0), (40, 20.0), (60, 25.0)], ids=lambda value: f"{value:g}"
)
def test_hypoxic_burden_of_periodic_breathing_counts_each_dip_once(cycle_s, half_s):
    """Sixty dips of 6 points, one a cycle, as in Cheyne-Stokes breathing: the window is one dip wide."""
    stops_s = tuple(1000.0 + cycle_s * i for i in range(60))
    depth = dips(6.0, start_s=5.0, half_s=half_s, stops_s=stops_s)
    assert burden_of(depth, stops_s) == pytest.approx(60 * 6.0 * half_s / 60 / 2, rel=0.04)


def test_hypoxic_burden_is_not_lessened_by_spo2_above_its_baseline():
    """After the dip SpO2 climbs to 2 points above the baseline: that is no negative burden."""
    depth = dips(8.0) - dips(2.0, start_s=32.0)
    assert burden_of(depth) == pytest.approx(3 * 8.0 * 16.0 / 60 / 2, rel=0.01)


def test_hypoxic_burden_is_per_monitored_hour():
    events = [event_at(stop_s - 20.0) for stop_s in STOPS_S]
    found = indices_of(
        events=events,
        spo2_percent=quarter_seconds(96.0 - dips(8.0)),
        monitored=monitored_of((0.0, 4500.0)),
    )
    assert found.hypoxic_burden_percent_min_per_h == pytest.approx(3 * 8 * 16 / 60 / 1.25, rel=0.01)


def test_hypoxic_burden_of_an_event_without_spo2_adds_nothing():
    percent = 96.0 - dips(8.0)
    percent[3800:4200] = np.nan
    events = [event_at(stop_s - 20.0) for stop_s in STOPS_S]
    found = indices_of(events=events, spo2_percent=quarter_seconds(percent))
    assert found.hypoxic_burden_percent_min_per_h == pytest.approx(2 * 8 * 16 / 60 / 2, rel=0.01)


def boxes(*spans: tuple[float, float, float], baseline: float = 96.0) -> np.ndarray:
    """SpO2 that is `points` below its baseline from one second to another, once a second."""
    percent = np.full(int(DURATION_S), baseline)
    for start_s, stop_s, points in spans:
        percent[int(start_s) : int(stop_s)] -= points
    return percent


def box_burden(percent: np.ndarray, *stops_s: float) -> float:
    events = [event_at(stop_s - 20.0) for stop_s in stops_s]
    found = indices_of(events=events, spo2_percent=quarter_seconds(percent))
    return found.hypoxic_burden_percent_min_per_h


def test_hypoxic_burden_of_boxes():
    """Three boxes of 6 points and 20 s, 5 s after each event: 120 %s each."""
    percent = boxes(*[(stop_s + 5, stop_s + 25, 6.0) for stop_s in STOPS_S])
    assert box_burden(percent, *STOPS_S) == pytest.approx(3 * 120 / 60 / 2)


def test_hypoxic_burden_of_one_event():
    assert box_burden(boxes((1005, 1025, 6.0)), 1000.0) == pytest.approx(120 / 60 / 2)


def test_hypoxic_burden_of_events_without_a_fall_is_nothing():
    assert box_burden(boxes(), *STOPS_S) == 0.0


def test_hypoxic_burden_counts_a_second_in_two_windows_once():
    """Boxes of 6 points for 40 s after three events; a fourth event ends amid the first box.

    The mean curve is below its baseline from 20 s before to 40 s after an end, so the windows of
    the first and the fourth event share the box: it is counted once, 240 %s as the others.
    """
    percent = boxes(*[(stop_s, stop_s + 40, 6.0) for stop_s in STOPS_S])
    assert box_burden(percent, 1000.0, 1020.0, 2500.0, 4000.0) == pytest.approx(3 * 240 / 60 / 2)


def test_hypoxic_burden_of_two_events_that_end_together_is_that_of_one():
    percent = boxes(*[(stop_s + 5, stop_s + 25, 6.0) for stop_s in STOPS_S])
    assert box_burden(percent, 1000.0, *STOPS_S) == pytest.approx(3 * 120 / 60 / 2)


def test_hypoxic_burden_at_the_edges_of_the_night():
    """Of the last box 10 s are recorded; the first event ends after 30 s, with less than 100 s before."""
    stops_s = (30.0, 2500.0, DURATION_S - 15.0)
    percent = boxes(*[(stop_s + 5, stop_s + 25, 6.0) for stop_s in stops_s])
    assert box_burden(percent, *stops_s) == pytest.approx((120 + 120 + 60) / 60 / 2)


def test_hypoxic_burden_misses_what_was_not_measured():
    """8 of the 20 s of one box are missing."""
    percent = boxes(*[(stop_s + 5, stop_s + 25, 6.0) for stop_s in STOPS_S])
    percent[1010:1018] = np.nan
    assert box_burden(percent, *STOPS_S) == pytest.approx((12 * 6 + 120 + 120) / 60 / 2)


def test_hypoxic_burden_follows_a_wandering_baseline():
    """98 in the first event, 96 and 93 in the others: each box is measured from its own baseline."""
    percent = boxes(*[(stop_s + 5, stop_s + 25, 6.0) for stop_s in STOPS_S])
    percent[:1700] += 2.0
    percent[3200:] -= 3.0
    assert box_burden(percent, *STOPS_S) == pytest.approx(3 * 120 / 60 / 2)


@pytest.mark.parametrize(("lead_s", "points"), [(99, 7.0), (100, 7.0), (101, 6.0)])
def test_hypoxic_burden_baseline_window_is_100_s(lead_s, points):
    """One second at 97, so long before the end, lifts the baseline while it lies within 100 s.

    The boxes are the whole window but for 4 s: the smoothed curve is back at its peak 2 s after
    the box, and 2 s before it.
    """
    percent = boxes(*[(stop_s + 5, stop_s + 25, 6.0) for stop_s in STOPS_S])
    for stop_s in STOPS_S:
        percent[int(stop_s) - lead_s] = 97.0
    around = 4.0 + 1.0  # both ends of the window are part of it
    by_hand = 3 * (20 * points + around * (points - 6.0)) / 60 / 2
    assert box_burden(percent, *STOPS_S) == pytest.approx(by_hand, rel=0.01)


@pytest.mark.parametrize(
    ("curve", "steps"),
    [
        ([0, 5, 10, 8, 8], 2),  # a peak, and a fall by more than a tenth
        ([0, 5, 10, 9.5, 20, 0], 4),  # 9.5 is no turn: a fall by less than a tenth
        ([0, 5, 19, 18.5, 20, 0], 2),  # but the first peak is nearly as high as the highest
        ([0, 5, 17, 16.5, 20, 0], 4),  # 85 % are not
        ([0, 5, 10, 10, 10], 2),  # it never falls: the first of the highest
        ([0, 1, 2, 3], 3),
        ([0, 0, 0], 0),
        ([3, 2, 1], 0),
        ([0, 5, np.nan, 10], 1),
        ([0], 0),
    ],
)
def test_the_way_out_of_a_dip(curve, steps):
    assert steps_to_peak(np.array(curve, dtype=float), 0.10, 0.90) == steps


# all desaturations -------------------------------------------------------------------------------


def desaturation_burden(percent: np.ndarray, **changes: Any) -> float:
    oximetry = measure_oximetry(quarter_seconds(percent), 1.0, RULES)
    falls = find_desaturations(oximetry, RULES)
    found = indices_of(desaturations=falls, spo2_percent=oximetry.percent, **changes)
    return found.desaturation_burden_percent_min_per_h


def stairs(*steps: tuple[float, float]) -> np.ndarray:
    """96 but for steps, each a level from a time on."""
    percent = np.full(int(DURATION_S), 96.0)
    for start_s, level in steps:
        percent[int(start_s) :] = level
    return percent


def test_desaturation_burden_of_stairs():
    """3 points for 10 s, 6 for 10 s, 3 for 10 s: 120 %s, three times in 2 h."""
    one = [(0, 93.0), (10, 90.0), (20, 93.0), (30, 96.0)]
    percent = stairs(*[(stop_s + at, level) for stop_s in STOPS_S for at, level in one])
    assert desaturation_burden(percent) == pytest.approx(3 * 120 / 60 / 2)


def test_desaturation_burden_needs_no_event_and_no_flow():
    percent = stairs((1000, 93.0), (1010, 90.0), (1020, 93.0), (1030, 96.0))
    assert desaturation_burden(percent, events=(), has_flow=False) == pytest.approx(120 / 60 / 2)


def test_a_fall_of_2_points_has_no_burden():
    assert desaturation_burden(stairs((1000, 94.0), (1030, 96.0))) == 0.0
    assert desaturation_burden(stairs((1000, 93.0), (1030, 96.0))) == pytest.approx(3 * 30 / 60 / 2)


def test_desaturation_burden_of_a_fall_that_does_not_come_back():
    """Down to 90 for 20 s, up to 94 for good: 6 points for 20 s, then the new level holds."""
    assert desaturation_burden(stairs((1000, 92.5), (1002, 90.0), (1022, 94.0))) == pytest.approx(
        (2 * 3.5 + 20 * 6) / 60 / 2
    )


@pytest.mark.parametrize(("back_s", "counted_s"), [(119, 119), (120, 120), (121, 30)])
def test_a_fall_is_followed_back_for_120_s(back_s, counted_s):
    """Nadir 92, 30 s later 94, then 96 so many seconds after the nadir.

    Beyond 120 s the way back ends at the highest value until then, where 94 began.
    """
    percent = stairs((1000, 92.0), (1030, 94.0), (1000 + back_s, 96.0))
    by_hand = 30 * 4 + max(counted_s - 30, 0) * 2
    assert desaturation_burden(percent) == pytest.approx(by_hand / 60 / 2, rel=0.02)


def test_desaturation_burden_of_a_fall_that_stays_down():
    """At 90 for 20 min, with a point up and down: 6 points for the 120 s that are followed, no more."""
    percent = stairs((1000, 92.5), (1002, 90.0), (1050, 91.0), (1052, 90.0), (2200, 96.0))
    assert desaturation_burden(percent) == pytest.approx((2 * 3.5 + 120 * 6 - 2) / 60 / 2, rel=0.01)


def test_desaturation_burden_of_a_fall_within_the_way_back_of_another():
    """96, 90 for 20 s, 93 for 10 s, 89 for 20 s, 96: the second fall starts from 93."""
    percent = stairs((1000, 93.0), (1001, 90.0), (1021, 93.0), (1031, 89.0), (1051, 96.0))
    first = 3 + 20 * 6  # until 93, its highest value before the next fall
    second = 20 * 4
    assert desaturation_burden(percent) == pytest.approx((first + second) / 60 / 2, rel=0.02)


def test_desaturation_burden_of_spo2_that_was_not_measured():
    """5 of 20 s at 90 are missing, and of another fall all after 10 s, for 40 s."""
    percent = stairs((1000, 92.5), (1002, 90.0), (1022, 96.0), (2000, 92.5), (2002, 90.0), (2060, 96.0))
    percent[1010:1015] = np.nan
    percent[2012:2052] = np.nan
    by_hand = (2 * 3.5 + 15 * 6) + (2 * 3.5 + 10 * 6)
    assert desaturation_burden(percent) == pytest.approx(by_hand / 60 / 2, rel=0.05)


def test_desaturation_burden_is_per_spo2_hour_and_of_falls_within_it():
    one = [(0, 93.0), (10, 90.0), (20, 93.0), (30, 96.0)]
    percent = stairs(*[(stop_s + at, level) for stop_s in STOPS_S for at, level in one])
    monitored = monitored_of(spo2_spans_s=as_spans([(0.0, 3600.0)]))
    assert desaturation_burden(percent, monitored=monitored) == pytest.approx(2 * 120 / 60)


def test_no_fall_no_burden_and_no_spo2_no_number():
    assert desaturation_burden(stairs()) == 0.0
    indices, reasons = compute_indices(measured(spo2_percent=None), RULES)
    assert indices.desaturation_burden_percent_min_per_h is None
    assert reasons["indices.desaturation_burden_percent_min_per_h"] == "no SpO2 channel"
    short = monitored_of(spo2_spans_s=as_spans([(0.0, 60.0)]))
    indices, reasons = compute_indices(measured(monitored=short), RULES)
    assert indices.desaturation_burden_percent_min_per_h is None
    assert reasons["indices.desaturation_burden_percent_min_per_h"] == "too little valid SpO2 for a rate"


@pytest.mark.parametrize("rate_hz", [0.25, 0.5, 1.0, 4.0])
def test_desaturation_burden_at_the_rates_of_oximeters(rate_hz):
    """Ten falls by 8 points in 40 s and back in 40 s, 320 %s each, in 1 h."""
    times_s = np.arange(0.0, 3600.0, 1.0 / rate_hz)
    phase_s = np.minimum(times_s % 360.0, 80.0)
    percent = np.round(96.0 - 8.0 + np.abs(phase_s - 40.0) / 5.0)
    night = hsat.score_night(recording_of(signal_of("spo2", percent, rate_hz)))
    assert night.indices.desaturation_burden_percent_min_per_h == pytest.approx(10 * 320 / 60, rel=0.05)
