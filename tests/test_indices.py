"""Every index by hand: events, curves and times are given, the numbers worked out on paper."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from breathing_signals import Fall, flow_channel, recording_of, signal_of, spo2_channel

import hsat
from hsat.events import Desaturation, EventKind, RespiratoryEvent
from hsat.indices import NightMeasurements, compute_indices
from hsat.intervals import as_spans
from hsat.results import MonitoredTime, NightIndices

RULES = hsat.load_rules("aasm_1b")
RATE_HZ = 4.0
HOURS = 2.0
DURATION_S = HOURS * 3600.0


def event_at(
    start_s: float, length_s: float = 20.0, kind: EventKind = EventKind.HYPOPNEA, **changes: Any
) -> RespiratoryEvent:
    event = RespiratoryEvent(
        kind=kind,
        start_s=start_s,
        stop_s=start_s + length_s,
        flow_reduction_fraction=0.5,
        baseline_excursion=1.0,
        effort_fraction=None,
        desaturation=None,
        criterion="by hand",
    )
    return replace(event, **changes)


def fall_at(start_s: float, points: float) -> Desaturation:
    return Desaturation(
        start_s=start_s,
        nadir_s=start_s + 20,
        stop_s=start_s + 30,
        baseline_percent=96.0,
        nadir_percent=96.0 - points,
    )


def monitored_of(*spans: tuple[float, float], **changes: Any) -> MonitoredTime:
    rows = as_spans(spans or [(0.0, DURATION_S)])
    return replace(MonitoredTime(spans_s=rows, flow_spans_s=rows, spo2_spans_s=rows, excluded=()), **changes)


def quarter_seconds(values: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(np.float32), int(RATE_HZ))


def measured(**changes: Any) -> NightMeasurements:
    plain: dict[str, Any] = {
        "monitored": monitored_of(),
        "events": (),
        "desaturations": (),
        "has_flow": True,
        "has_effort": True,
        "oximetry_rate_hz": RATE_HZ,
        "spo2_percent": quarter_seconds(np.full(int(DURATION_S), 96.0)),
        "why_no_spo2": "no SpO2 channel",
        "pulse_bpm": None,
        "position": None,
        "breath_onsets_s": np.arange(0.0, DURATION_S, 4.0),
        "breath_ranges": np.full(1800, 1.0, np.float32),
        "breath_baselines": np.full(1800, 1.0),
    }
    return NightMeasurements(**{**plain, **changes})


def indices_of(**changes: Any) -> NightIndices:
    return compute_indices(measured(**changes), RULES)[0]


# events per hour --------------------------------------------------------------------------------

KINDS = {
    EventKind.OBSTRUCTIVE_APNEA: 5,
    EventKind.CENTRAL_APNEA: 3,
    EventKind.MIXED_APNEA: 2,
    EventKind.UNCLASSIFIED_APNEA: 1,
    EventKind.HYPOPNEA: 8,
    EventKind.OBSTRUCTIVE_HYPOPNEA: 4,
}


def events_of_all_kinds() -> list[RespiratoryEvent]:
    kinds = [kind for kind, n in KINDS.items() for _ in range(n)]
    return [event_at(100.0 + 200.0 * i, kind=kind) for i, kind in enumerate(kinds)]


def test_ahi_is_ai_plus_hi_per_monitored_hour():
    found = indices_of(events=events_of_all_kinds())
    assert (found.n_apneas, found.n_hypopneas) == (11, 12)
    assert found.ahi_per_h == 23 / 2
    assert found.apnea_index_per_h == 11 / 2
    assert found.hypopnea_index_per_h == 12 / 2
    assert found.obstructive_apnea_index_per_h == 5 / 2
    assert found.central_apnea_index_per_h == 3 / 2
    assert found.mixed_apnea_index_per_h == 2 / 2
    assert found.unclassified_apnea_index_per_h == 1 / 2


def test_only_counted_events_over_monitored_time():
    events = [replace(event, is_counted=i % 2 == 0) for i, event in enumerate(events_of_all_kinds())]
    found = indices_of(events=events, monitored=monitored_of((0, 1800), (5400, 7200)))
    assert found.n_apneas + found.n_hypopneas == 12
    assert found.ahi_per_h == 12.0
    assert found.ahi_per_h == pytest.approx(found.apnea_index_per_h + found.hypopnea_index_per_h)


def test_without_effort_no_index_by_type():
    indices, reasons = compute_indices(measured(has_effort=False), RULES)
    for name in ("obstructive", "central", "mixed"):
        assert getattr(indices, f"{name}_apnea_index_per_h") is None
        assert "effort" in reasons[f"indices.{name}_apnea_index_per_h"]
    assert indices.unclassified_apnea_index_per_h == 0.0


def test_no_denominator_no_index():
    nothing = monitored_of((0, 0))
    indices = indices_of(events=[event_at(10.0)], monitored=nothing)
    rates = [field.name for field in fields(NightIndices) if field.name.endswith("_per_h")]
    assert len(rates) > 9
    assert [name for name in rates if getattr(indices, name) is not None] == []


def test_durations():
    lengths = (10.0, 14.0, 30.0, 18.0)
    events = [event_at(100.0 + 100 * i, s, EventKind.CENTRAL_APNEA) for i, s in enumerate(lengths)]
    events += [event_at(1000.0 + 100 * i, s) for i, s in enumerate((12.0, 13.0, 50.0))]
    events.append(event_at(3000.0, 120.0, is_counted=False))
    found = indices_of(events=events)
    assert found.mean_apnea_duration_s == 18.0
    assert found.median_apnea_duration_s == 16.0
    assert found.longest_apnea_duration_s == 30.0
    assert found.mean_hypopnea_duration_s == 25.0
    assert found.median_hypopnea_duration_s == 13.0
    assert found.longest_hypopnea_duration_s == 50.0


def test_no_event_no_duration():
    indices, reasons = compute_indices(measured(), RULES)
    assert indices.mean_apnea_duration_s is None
    assert reasons["indices.mean_apnea_duration_s"] == "no apnea was counted"
    assert reasons["indices.longest_hypopnea_duration_s"] == "no hypopnea was counted"


# oxygen -----------------------------------------------------------------------------------------


def test_odi_per_spo2_hour():
    falls = [fall_at(100.0 + 100 * i, points) for i, points in enumerate((3, 3, 3.5, 4, 4, 6, 3, 10))]
    found = indices_of(desaturations=falls)
    assert found.odi3_per_h == 8 / 2
    assert found.odi4_per_h == 4 / 2


def test_odi_counts_falls_in_valid_time():
    falls = [fall_at(start_s, 5.0) for start_s in (100.0, 1000.0, 3000.0)]
    half = as_spans([(500.0, 2300.0)])
    found = indices_of(desaturations=falls, monitored=monitored_of(spo2_spans_s=half))
    assert found.odi4_per_h == 1 / 0.5


def test_more_than_128_desaturations():
    """The sickest patients: an 8 bit count would be negative."""
    falls = [fall_at(20.0 * i, 5.0) for i in range(300)]
    assert indices_of(desaturations=falls).odi4_per_h == 150.0


def test_spo2_statistics():
    seconds = np.concatenate((np.full(4000, 97.0), np.full(2000, 92.0), np.full(1200, 80.0)))
    found = indices_of(spo2_percent=quarter_seconds(seconds))
    assert found.mean_spo2_percent == pytest.approx((4000 * 97 + 2000 * 92 + 1200 * 80) / 7200)
    assert found.median_spo2_percent == 97.0
    assert found.min_spo2_percent == 80.0
    assert found.baseline_spo2_percent == 97.0
    assert found.t90_min == found.t88_min == found.t85_min == pytest.approx(20.0)
    assert found.t90_percent == pytest.approx(100 * 1200 / 7200)


def test_spo2_statistics_leave_out_what_cannot_be_judged():
    seconds = np.concatenate((np.full(3600, 96.0), np.full(3600, 70.0)))
    first = as_spans([(0.0, 3600.0)])
    found = indices_of(spo2_percent=quarter_seconds(seconds), monitored=monitored_of(spo2_spans_s=first))
    assert (found.min_spo2_percent, found.mean_spo2_percent, found.t90_percent) == (96.0, 96.0, 0.0)


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


# ventilation, pulse, position -------------------------------------------------------------------


def test_ventilatory_burden_is_the_share_of_breaths_below_half():
    ranges = np.full(1800, 1.0, np.float32)
    ranges[:90] = 0.499
    ranges[90:200] = 0.5
    ranges[200:400] = 0.501
    baselines = np.full(1800, 1.0)
    assert indices_of(breath_ranges=ranges, breath_baselines=baselines).ventilatory_burden_percent == 5.0
    baselines[-900:] = np.nan  # breaths without a baseline are not judged
    assert indices_of(breath_ranges=ranges, breath_baselines=baselines).ventilatory_burden_percent == 10.0


def test_ventilatory_burden_counts_breaths_in_flow_time():
    ranges = np.full(1800, 1.0, np.float32)
    ranges[900:] = 0.1
    found = indices_of(breath_ranges=ranges, monitored=monitored_of((0.0, 4000.0)))
    assert found.ventilatory_burden_percent == 10.0


def pulse_of(*parts: tuple[float, float, float]) -> np.ndarray:
    """60 a minute, and `bpm` from `start_s` to `stop_s`."""
    seconds = np.full(int(DURATION_S), 60.0)
    for start_s, stop_s, bpm in parts:
        seconds[int(start_s) : int(stop_s)] = bpm
    return quarter_seconds(seconds)


def test_pulse_response():
    """Event 1: 52 within, 75 after: 23. Event 2: 60 within, 70 after, 90 beyond 30 s: 10."""
    pulse = pulse_of((1005, 1010, 52), (1030, 1034, 75), (2025, 2030, 70), (2051, 2060, 90), (995, 1000, 45))
    found = indices_of(events=[event_at(1000.0), event_at(2000.0)], pulse_bpm=pulse)
    assert found.pulse_response_bpm == (23 + 10) / 2
    assert (found.min_pulse_bpm, found.max_pulse_bpm) == (45.0, 90.0)


def test_pulse_response_of_events_closer_than_its_window():
    pulse = pulse_of((1000, 1020, 50), (1022, 1025, 80), (1030, 1050, 55), (1055, 1060, 85))
    found = indices_of(events=[event_at(1000.0), event_at(1030.0)], pulse_bpm=pulse)
    assert found.pulse_response_bpm == (30 + 30) / 2


def test_pulse_leaves_out_impossible_values():
    pulse = pulse_of((100, 200, 511), (300, 400, 0), (500, 600, 24), (700, 800, 221), (1025, 1030, np.nan))
    pulse[:10] = (25.0, 220.0, *[60.0] * 8)
    found = indices_of(events=[event_at(1000.0)], pulse_bpm=pulse)
    assert (found.min_pulse_bpm, found.max_pulse_bpm) == (25.0, 220.0)
    assert found.mean_pulse_bpm == pytest.approx(60.0, abs=0.01)
    assert found.pulse_response_bpm == 0.0


def test_mean_pulse():
    assert indices_of(pulse_bpm=pulse_of((0, 1800, 80))).mean_pulse_bpm == 65.0


def test_pulse_without_values_at_any_event():
    indices, reasons = compute_indices(
        measured(events=[event_at(1000.0)], pulse_bpm=pulse_of((900, 1100, np.nan))), RULES
    )
    assert indices.pulse_response_bpm is None
    assert reasons["indices.pulse_response_bpm"] == "no valid pulse rate at any event"
    assert indices.mean_pulse_bpm == 60.0


def test_supine_and_non_supine():
    """Back for 30 min, sides for 60, sensor lost for 30; an event belongs where its middle lies."""
    codes = np.concatenate((np.zeros(1800), np.ones(1800), np.full(1800, 2.0), np.full(1800, np.nan)))
    events = [event_at(start_s) for start_s in (100, 500, 900, 1785, 1795, 2000, 6000)]
    found = indices_of(events=events, position=quarter_seconds(codes))
    assert (found.supine_h, found.non_supine_h) == (0.5, 1.0)
    assert found.supine_ahi_per_h == 4 / 0.5
    assert found.non_supine_ahi_per_h == 2 / 1.0


def test_position_within_monitored_time():
    codes = np.concatenate((np.zeros(3600), np.ones(3600)))
    events = [event_at(100.0, is_counted=False), event_at(1000.0), event_at(5000.0)]
    found = indices_of(
        events=events, position=quarter_seconds(codes), monitored=monitored_of((900.0, 5400.0))
    )
    assert (found.supine_h, found.non_supine_h) == (0.75, 0.5)
    assert found.supine_ahi_per_h == pytest.approx(1 / 0.75)
    assert found.non_supine_ahi_per_h == 1 / 0.5


def test_no_supine_time_has_no_supine_ahi():
    indices, reasons = compute_indices(measured(position=quarter_seconds(np.ones(7200))), RULES)
    assert indices.supine_h == 0.0
    assert indices.supine_ahi_per_h is None
    assert reasons["indices.supine_ahi_per_h"] == "no supine time"
    assert indices.non_supine_ahi_per_h == 0.0


# from signals -----------------------------------------------------------------------------------


def test_indices_of_a_drawn_hour():
    """Ten apneas and five hypopneas of 20 s in 1 h, half of each on the back."""
    falls = [Fall(300.0 + 210 * i, 20, 1.0 if i % 3 else 0.6, 6) for i in range(15)]
    codes = np.where(np.arange(3600) < 1770, 0, 1)
    pulse = np.full(3600, 60.0)
    for fall in falls:
        pulse[int(fall.stop_s) + 5 : int(fall.stop_s) + 10] = 72.0
    night = hsat.score_night(
        recording_of(
            flow_channel(3600.0, falls),
            spo2_channel(3600.0, falls),
            signal_of("position", codes, 1.0),
            signal_of("pulse", pulse, 1.0),
        )
    )
    found = night.indices
    assert (found.ahi_per_h, found.apnea_index_per_h, found.hypopnea_index_per_h) == (15.0, 10.0, 5.0)
    assert (found.odi3_per_h, found.odi4_per_h) == (15.0, 15.0)
    # 20 s from the onset that fails to come, 21.9 s from the nadir of the breath before it.
    assert 19.5 <= found.mean_apnea_duration_s <= 22.4
    assert found.mean_hypopnea_duration_s == pytest.approx(20.0, abs=1.0)
    assert found.pulse_response_bpm == 12.0
    assert found.supine_ahi_per_h == pytest.approx(7 / (1770 / 3600))
    assert found.non_supine_ahi_per_h == pytest.approx(8 / (1830 / 3600))


def test_ventilatory_burden_of_drawn_breathing():
    """Ten falls by 60 % of five breaths each, among 900 breaths."""
    falls = [Fall(300.0 + 310 * i, 20, 0.6, 6) for i in range(10)]
    night = hsat.score_night(recording_of(flow_channel(3600.0, falls), spo2_channel(3600.0, falls)))
    assert night.indices.ventilatory_burden_percent == pytest.approx(100 * 50 / 900, abs=0.6)
