"""Every index by hand: events, curves and times are given, the numbers worked out on paper."""

from dataclasses import fields, replace

import numpy as np
import pytest
from breathing_signals import Fall, flow_channel, recording_of, signal_of, spo2_channel
from index_builder import (
    DURATION_S,
    RULES,
    event_at,
    fall_at,
    indices_of,
    measured,
    monitored_of,
    quarter_seconds,
)

import hsat
from hsat.events import EventKind, RespiratoryEvent
from hsat.indices import compute_indices
from hsat.indices.measurements import valid_in
from hsat.intervals import as_spans
from hsat.results import NightIndices

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
    indices, reasons = compute_indices(measured(why_no_effort="no effort belt"), RULES)
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


@pytest.mark.parametrize(
    ("start_s", "n_counted"),
    [(479.0, 0), (480.0, 0), (481.0, 1), (2299.0, 1), (2300.0, 0)],
)
def test_a_fall_counts_where_it_goes_down_within_spo2_time(start_s, n_counted):
    """From 500 s to 2300 s, half an hour, SpO2 can be judged; the fall takes 20 s to its nadir."""
    half = as_spans([(500.0, 2300.0)])
    found = indices_of(desaturations=[fall_at(start_s, 5.0)], monitored=monitored_of(spo2_spans_s=half))
    assert (found.odi3_per_h, found.odi4_per_h) == (n_counted / 0.5, n_counted / 0.5)


def test_each_rate_has_its_own_hours():
    """2 h monitored of which SpO2 can be judged in 1.5 h: events per 2 h, falls per 1.5 h."""
    found = indices_of(
        events=[event_at(100.0 + 100 * i) for i in range(6)],
        desaturations=[fall_at(100.0 + 100 * i, 3.0) for i in range(6)],
        monitored=monitored_of(spo2_spans_s=as_spans([(0.0, 5400.0)])),
    )
    assert (found.ahi_per_h, found.odi3_per_h, found.odi4_per_h) == (6 / 2, 6 / 1.5, 0.0)


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


# ventilation, position ----------------------------------------------------------------------------


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


@pytest.mark.parametrize(("pause_s", "n_missing"), [(8.0, 0), (9.9, 0), (10.1, 2), (20.0, 4), (41.0, 9)])
def test_ventilatory_burden_counts_breaths_missing_in_a_pause_from_10_s(pause_s, n_missing):
    """A hundred breaths of 4 s, a pause from one onset to the next, a hundred more breaths.

    41 s have time for ten breaths; one was there, so nine are missing.
    """
    before = np.arange(100) * 4.0
    breaths = {"breath_ranges": np.ones(200, np.float32), "breath_baselines": np.ones(200)}
    onsets = np.concatenate((before, before[-1] + pause_s + before))
    found = indices_of(breath_onsets_s=onsets, **breaths)
    assert found.ventilatory_burden_percent == pytest.approx(100 * n_missing / (200 + n_missing))


def test_no_breath_is_missing_where_flow_cannot_be_judged():
    """Of a pause of 40 s, 396 to 436 s, the flow of the last 20 s cannot be judged; nine would be missing."""
    before = np.arange(100) * 4.0
    breaths = {"breath_ranges": np.ones(200, np.float32), "breath_baselines": np.ones(200)}
    onsets = np.concatenate((before, before[-1] + 40.0 + before))
    found = indices_of(
        breath_onsets_s=onsets, monitored=monitored_of((0.0, 416.0), (436.0, 7200.0)), **breaths
    )
    n_missing = 4  # at 400, 404, 408 and 412 s
    assert found.ventilatory_burden_percent == pytest.approx(100 * n_missing / (200 + n_missing))


def test_breaths_missing_without_a_baseline_are_not_judged():
    before = np.arange(100) * 4.0
    baselines = np.ones(200)
    baselines[99] = np.nan  # of the breath before the pause
    onsets = np.concatenate((before, before[-1] + 40.0 + before))
    ranges = np.ones(200, np.float32)
    found = indices_of(breath_onsets_s=onsets, breath_ranges=ranges, breath_baselines=baselines)
    assert found.ventilatory_burden_percent == 0.0


@pytest.mark.parametrize(("has_snore", "reason"), [(False, "no snore channel"), (True, "own unit")])
def test_no_share_of_snoring_and_the_reason(has_snore, reason):
    indices, reasons = compute_indices(measured(has_snore=has_snore), RULES)
    assert indices.snore_percent is None
    assert reason in reasons["indices.snore_percent"]


@pytest.mark.parametrize(("level_db", "share_percent"), [(39.9, 0.0), (40.0, 0.0), (40.1, 25.0)])
def test_time_with_snoring_is_that_above_40_db_of_what_is_known(level_db, share_percent):
    """A quarter of the known seconds has this level; the first tenth holds nothing."""
    levels = np.full(4000, 33.0)
    levels[:400] = np.nan
    levels[400:1300] = level_db
    found = indices_of(has_snore=True, sound_level_db=levels)
    assert found.snore_percent == pytest.approx(share_percent)


def test_snoring_outside_monitored_time_is_not_counted():
    levels = np.full(int(DURATION_S), 33.0)
    levels[:1000] = 60.0
    found = indices_of(has_snore=True, sound_level_db=levels, monitored=monitored_of((500.0, 2500.0)))
    assert found.snore_percent == pytest.approx(25.0)
    _, reasons = compute_indices(
        measured(has_snore=True, sound_level_db=np.full(int(DURATION_S), np.nan)), RULES
    )
    assert reasons["indices.snore_percent"] == "no sound level in monitored time"


def test_supine_and_non_supine():
    """Back for 30 min, sides for 60, sensor lost for 30; an event belongs where its middle lies."""
    codes = np.concatenate((np.zeros(1800), np.ones(1800), np.full(1800, 2.0), np.full(1800, np.nan)))
    events = [event_at(start_s) for start_s in (100, 500, 900, 1785, 1795, 2000, 6000)]
    found = indices_of(events=events, position=quarter_seconds(codes))
    assert (found.supine_h, found.non_supine_h) == (0.5, 1.0)
    assert found.supine_ahi_per_h == 4 / 0.5
    assert found.non_supine_ahi_per_h == 2 / 1.0


def test_sides_have_rates_of_their_own():
    """Back for 30 min, left 30, right 30, prone 30; an event lies where most of it lies.

    Of 20 s each: three on the left (one of them 15 s there, 5 s on the back), one on the right, none prone.
    """
    codes = np.repeat([0.0, 1.0, 2.0, 3.0], 1800)
    events = [event_at(start_s) for start_s in (100, 1795, 2000, 3000, 5000)]
    found = indices_of(events=events, position=quarter_seconds(codes))
    assert (found.left_ahi_per_h, found.right_ahi_per_h, found.prone_ahi_per_h) == (3 / 0.5, 1 / 0.5, 0.0)
    assert found.supine_ahi_per_h == 1 / 0.5
    assert found.non_supine_ahi_per_h == 4 / 1.5


def test_a_side_that_was_never_lain_on_has_no_rate():
    indices, reasons = compute_indices(measured(position=quarter_seconds(np.ones(7200))), RULES)
    assert indices.left_ahi_per_h == 0.0
    assert indices.prone_ahi_per_h is None
    assert reasons["indices.prone_ahi_per_h"] == "no prone time"
    assert reasons["indices.right_ahi_per_h"] == "no time on the right side"


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
    # 20 s from the onset that fails to come or is small, 21.9 s from the nadir of the breath before it.
    assert 19.5 <= found.mean_apnea_duration_s <= 22.4
    assert 19.5 <= found.mean_hypopnea_duration_s <= 22.4
    assert found.pulse_response_bpm == 12.0
    assert found.supine_ahi_per_h == pytest.approx(7 / (1770 / 3600))
    assert found.non_supine_ahi_per_h == pytest.approx(8 / (1830 / 3600))


@pytest.mark.parametrize("reduction", [0.6, 0.8, 1.0])
def test_ventilatory_burden_of_drawn_breathing(reduction):
    """Ten falls of five breaths each, among 900 breaths; no breath at all counts as a small one."""
    falls = [Fall(300.0 + 310 * i, 20, reduction, 6) for i in range(10)]
    night = hsat.score_night(recording_of(flow_channel(3600.0, falls), spo2_channel(3600.0, falls)))
    assert night.indices.ventilatory_burden_percent == pytest.approx(100 * 50 / 900, abs=0.6)


def test_oximetry_alone_gives_odi_burden_and_time_but_no_ahi():
    """One hour of SpO2: four falls by 8 points in 16 s, back in 16 s, so 4 x 128 %s; nothing else."""
    percent = np.full(3600, 96.0)
    for start in (500, 1200, 2000, 3000):
        percent[start : start + 33] -= 8.0 - np.abs(np.arange(33) - 16) / 2
    night = hsat.score_night(recording_of(signal_of("spo2", percent, 1.0)))
    found = night.indices
    assert (found.odi3_per_h, found.odi4_per_h) == (4.0, 4.0)
    assert found.desaturation_burden_percent_min_per_h == pytest.approx(4 * 128 / 60, abs=0.1)
    # Below 90 lies what is more than 6 points down: 3.5 s to either side of the nadir and itself.
    assert found.t90_percent == pytest.approx(100 * 4 * 7 / 3600)
    reasons = night.not_measured
    for name in ("ahi_per_h", "hypoxic_burden_percent_min_per_h", "ventilatory_burden_percent"):
        assert getattr(found, name) is None
        assert "no airflow" in reasons[f"indices.{name}"]
    assert night.severity is None
    assert reasons["indices.pulse_response_bpm"] == "no pulse channel"


# values within spans ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([(1.0, 2.0)], [2.0, 3.0]),
        ([(0.0, 1.0), (1.5, 9.0)], [0.0, 1.0, 3.0, 5.0]),
        ([(2.0, 2.5)], []),
    ],
    ids=["none", "one", "beyond the end, a value missing", "all missing"],
)
def test_valid_values_within_spans(spans, expected):
    """Two values a second, the one from 2.0 to 2.5 s missing."""
    values = np.array([0, 1, 2, 3, np.nan, 5], dtype=np.float32)
    assert valid_in(as_spans(spans), values, 2.0).tolist() == expected
