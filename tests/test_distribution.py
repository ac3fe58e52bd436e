"""How events are spread over hours, lengths and depths: small nights counted by hand."""

from datetime import datetime

import pytest
from night_builder import make_event, make_recording, make_result, spans

from hsat.distribution import describe_distribution
from hsat.events import Desaturation, EventKind
from hsat.report.clock import clock_text, clock_ticks
from hsat.report.document import night_document


def event(start_s: float, length_s: float = 20.0, kind: EventKind = EventKind.HYPOPNEA, **changes):
    return make_event(kind, start_s, stop_s=start_s + length_s, **changes)


def test_hours_are_those_of_the_clock_and_clipped_to_the_recording():
    """22:30 to 06:30: half an hour, seven hours, half an hour."""
    hours = describe_distribution(make_result()).hours
    assert [hour.start_s for hour in hours] == [0.0, *(1800.0 + 3600.0 * n for n in range(8))]
    assert hours[-1].stop_s == 28_800.0


def test_hours_count_from_the_start_where_the_clock_is_unknown():
    hours = describe_distribution(make_result(recording=make_recording(start_local=None))).hours
    assert [hour.start_s for hour in hours] == [3600.0 * n for n in range(8)]


def test_the_rate_of_an_hour_is_its_counted_events_per_monitored_hour():
    """Events at 1,000, 1,799.9 (first), 1,800 and 2,000 s; the night is monitored from 900 s on."""
    events = [event(1000.0), event(1799.9), event(1800.0), event(2000.0), event(2100.0, is_counted=False)]
    first, second, *_ = describe_distribution(make_result(events=tuple(events))).hours
    assert (first.n_events, first.monitoring_h, first.ahi_per_h) == (2, 0.25, 8.0)
    assert (second.n_events, second.monitoring_h, second.ahi_per_h) == (2, 1.0, 2.0)


def test_an_hour_with_less_than_a_quarter_monitored_has_no_rate_and_the_json_a_reason():
    monitored = make_result().monitored
    short = make_result(
        monitored=type(monitored)(
            spans_s=spans((900.1, 28_800.0)),
            flow_spans_s=monitored.flow_spans_s,
            spo2_spans_s=monitored.spo2_spans_s,
            excluded=monitored.excluded,
        )
    )
    assert describe_distribution(short).hours[0].ahi_per_h is None
    document = night_document(short)
    assert document["hours"][0]["ahi_per_h"] is None
    assert document["not_measured"]["hours.ahi_per_h"] == "less than a quarter of the hour is monitored"


def test_counted_events_of_all_hours_add_up():
    night = make_result()
    assert sum(hour.n_events for hour in describe_distribution(night).hours) == 3


def test_oximetry_alone_has_no_hours():
    assert describe_distribution(make_result(flow_sensor=None)).hours == ()


@pytest.mark.parametrize(
    ("length_s", "from_s"),
    [(9.9, 0.0), (10.0, 10.0), (14.9, 10.0), (15.0, 15.0), (60.0, 60.0), (300.0, 60.0)],
)
def test_lengths_fall_into_the_bin_they_reach(length_s, from_s):
    apnea = event(100.0, length_s, EventKind.MIXED_APNEA)
    bins = describe_distribution(make_result(events=(apnea,))).durations
    assert [(row.from_s, row.n_apneas, row.n_hypopneas) for row in bins if row.n_apneas] == [(from_s, 1, 0)]


def test_depths_are_those_of_falls_within_spo2_time():
    """Two falls of 4 and 25 points in SpO2 time, one of 6 points after the probe fell off at 25,680 s."""
    falls = [(1000.0, 4.0), (2000.0, 25.0), (26_000.0, 6.0)]
    desaturations = tuple(
        Desaturation(
            start_s=start_s,
            nadir_s=start_s + 20.0,
            stop_s=start_s + 40.0,
            baseline_percent=95.0,
            nadir_percent=95.0 - drop,
        )
        for start_s, drop in falls
    )
    bins = describe_distribution(make_result(desaturations=desaturations)).drops
    assert {row.from_points: row.n_desaturations for row in bins if row.n_desaturations} == {4.0: 1, 20.0: 1}


# ------------------------------------------------------------------------------------------ the clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "22:30:15"), (44.9999, "22:31:00"), (44.99, "22:30:59"), (5385.0, "00:00:00")]
)
def test_clock_times_are_cut_to_seconds(seconds, text):
    assert clock_text(datetime(2026, 3, 2, 22, 30, 15), seconds) == text


def test_times_of_an_unknown_clock_count_from_the_start():
    assert clock_text(None, 36_125.0) == "+10:02:05"


def test_ticks_stand_at_round_times():
    start = datetime(2026, 3, 2, 22, 30, 15)
    ticks = clock_ticks(start, 0.0, 120.0)
    assert ticks.labels[:3] == ["22:30:20", "22:30:30", "22:30:40"]
    assert ticks.seconds[:2].tolist() == [5.0, 15.0]
    assert clock_ticks(start, 0.0, 8 * 3600.0).labels[:2] == ["23:00", "23:30"]
    assert clock_ticks(None, 0.0, 8 * 3600.0).labels[:2] == ["+0:00", "+0:30"]
