"""A hypnogram turns the index into events per hour of sleep. Events are drawn by hand, rates counted.

One hour: 10 min wake, 20 min N2, 10 min REM, 5 min wake, 5 min not scored, 10 min N1. Ten apneas of
20 s with a fall of SpO2 by 6 points: 1 in the first wake, 3 in N2, 2 in REM, 1 in the second wake,
1 in the time not scored, 2 in N1. So 7 events in 40 min of sleep: 10.5 an hour, 2 in 10 min of REM:
12 an hour, 5 in 30 min of NREM: 10 an hour; without the hypnogram 10 in an hour.
"""

import csv
import json
from collections import Counter

import numpy as np
import pytest
from breathing_signals import Fall, flow_channel, recording_of, signal_of, spo2_channel

import hsat
from hsat.hypnogram import Hypnogram, SleepStage, StagedSpan
from hsat.quality import QualityFlag
from hsat.recording import Recording
from hsat.report.document import night_document, night_json
from hsat.report.tables import nights_csv
from hsat.report.text import night_text, nights_text
from hsat.simulate import make_night

STARTS_S = (300, 800, 1100, 1400, 1900, 2200, 2500, 2850, 3100, 3400)
FALLS = [Fall(float(start_s), 20.0, 1.0, 6.0) for start_s in STARTS_S]
STAGES = (
    (0, 600, SleepStage.WAKE),
    (600, 1800, SleepStage.N2),
    (1800, 2400, SleepStage.REM),
    (2400, 2700, SleepStage.WAKE),
    (3000, 3600, SleepStage.N1),
)


def hour(*more) -> Recording:
    return recording_of(flow_channel(3600.0, FALLS), spo2_channel(3600.0, FALLS), *more)


def stages(*rows) -> Hypnogram:
    return Hypnogram(spans=tuple(StagedSpan(*row) for row in rows or STAGES), source="h.csv")


@pytest.fixture(scope="module")
def night():
    return hsat.score_night(hour(), hypnogram=stages())


def test_ahi_is_events_in_sleep_per_hour_of_sleep(night):
    assert night.indices.ahi_per_h == pytest.approx(10.5)
    assert night.indices.apnea_index_per_h == pytest.approx(10.5)
    assert night.indices.n_apneas == 7
    assert night.indices.sleep_h == night.monitored.monitoring_h == pytest.approx(40 / 60)
    assert night.monitored.denominator == "sleep"


def test_ahi_in_rem_and_in_nrem(night):
    assert night.indices.rem_ahi_per_h == pytest.approx(12.0)
    assert night.indices.nrem_ahi_per_h == pytest.approx(10.0)
    assert (night.indices.rem_h, night.indices.nrem_h) == (pytest.approx(1 / 6), pytest.approx(0.5))


def test_oxygen_is_that_of_sleep(night):
    assert night.monitored.spo2_h == pytest.approx(40 / 60)
    assert night.indices.odi4_per_h == pytest.approx(10.5)


def test_wake_and_unscored_time_are_excluded_each_under_its_cause(night):
    minutes = {item.cause: item.minutes for item in night.monitored.excluded}
    assert minutes == {QualityFlag.AWAKE: pytest.approx(15.0), QualityFlag.UNSCORED: pytest.approx(5.0)}


def test_events_outside_sleep_are_listed_and_not_counted(night):
    listed = Counter(event.is_counted for event in night.events)
    assert listed == {True: 7, False: 3}


def test_the_events_themselves_are_those_of_the_whole_night(night):
    """Baselines and the delay of SpO2 come from wake too: nothing but is_counted may change."""
    whole = hsat.score_night(hour())
    assert whole.indices.ahi_per_h == pytest.approx(10.0)
    assert whole.spo2_delay_s == night.spo2_delay_s
    for with_stages, without in zip(night.events, whole.events, strict=True):
        for name in ("start_s", "stop_s", "kind", "baseline_excursion", "desaturation"):
            assert getattr(with_stages, name) == getattr(without, name)


@pytest.mark.parametrize(("asleep_from_s", "is_counted"), [(1, True), (9, True), (11, False), (19, False)])
def test_an_event_counts_from_half_of_it_in_sleep(asleep_from_s, is_counted):
    event = hsat.score_night(hour()).events[1]
    middle_s = (event.start_s + event.stop_s) / 2
    falls_asleep_s = middle_s + (asleep_from_s - 10) * event.duration_s / 20
    rows = ((0, falls_asleep_s, SleepStage.WAKE), (falls_asleep_s, 3600, SleepStage.N2))
    night = hsat.score_night(hour(), hypnogram=stages(*rows))
    assert night.events[1].is_counted is is_counted


def test_an_event_on_the_border_belongs_where_more_of_it_lies():
    event = hsat.score_night(hour()).events[1]
    for shift_s, n_rem in ((-1.0, 1), (1.0, 0)):  # REM begins before, or after, the event's middle
        border_s = (event.start_s + event.stop_s) / 2 + shift_s
        rows = ((600, border_s, SleepStage.N2), (border_s, 1000, SleepStage.REM))
        indices = hsat.score_night(hour(), hypnogram=stages(*rows)).indices
        assert indices.rem_ahi_per_h == pytest.approx(n_rem / indices.rem_h)
        assert indices.nrem_ahi_per_h == pytest.approx((1 - n_rem) / indices.nrem_h)


def test_sleep_without_stages_has_an_ahi_and_none_in_rem():
    rows = ((0, 600, SleepStage.WAKE), (600, 2400, SleepStage.SLEEP), (2400, 3600, SleepStage.WAKE))
    night = hsat.score_night(hour(), hypnogram=stages(*rows))
    assert night.indices.ahi_per_h == pytest.approx(10.0)  # 5 in half an hour
    assert night.indices.rem_ahi_per_h is night.indices.nrem_ahi_per_h is None
    assert night.not_measured["indices.rem_ahi_per_h"] == "no REM sleep"


def test_a_night_without_sleep_has_no_ahi_and_says_why():
    night = hsat.score_night(hour(), hypnogram=stages((0, 3600, SleepStage.WAKE)))
    assert night.indices.ahi_per_h is None
    assert night.indices.sleep_h == 0.0
    assert night.not_measured["indices.ahi_per_h"] == "too little monitored time"
    assert night.adequacy == "inadequate"


def test_the_hypnogram_reaches_beyond_the_recording():
    rows = ((-600, 0, SleepStage.WAKE), (0, 7200, SleepStage.N2))
    night = hsat.score_night(hour(), hypnogram=stages(*rows))
    assert night.indices.sleep_h == pytest.approx(1.0)
    assert night.indices.ahi_per_h == pytest.approx(10.0)


def test_sleep_sitting_up_is_sleep():
    """Without EEG an upright body stands for wake; a hypnogram knows better."""
    position = signal_of("position", np.full(3600, 4.0), 1.0)
    assert hsat.score_night(hour(position)).indices.ahi_per_h is None
    assert hsat.score_night(hour(position), hypnogram=stages()).indices.ahi_per_h == pytest.approx(10.5)


def test_hours_asleep_that_cannot_be_judged_are_in_sleep_h_alone():
    flow = flow_channel(3600.0, FALLS)
    flow[2][3000 * 20 : 3600 * 20] = np.nan
    recording = recording_of(flow, spo2_channel(3600.0, FALLS))
    night = hsat.score_night(recording, hypnogram=stages())
    assert night.indices.sleep_h == pytest.approx(40 / 60)
    assert night.monitored.monitoring_h == pytest.approx(30 / 60)
    assert night.indices.ahi_per_h == pytest.approx(5 / 0.5)


def test_json_names_the_denominator_and_the_stages(night):
    document = json.loads(night_json(night))
    assert document["denominator"] == "sleep"
    assert document["monitored"]["hypnogram"]["file"] == "h.csv"
    assert document["monitored"]["hypnogram"]["stages"] == [[a, b, c.value] for a, b, c in STAGES]
    assert document["indices"]["rem_ahi_per_h"] == pytest.approx(12.0)
    plain = night_document(hsat.score_night(hour()))
    assert plain["denominator"] == "monitoring"
    for path in ("monitored.hypnogram", "indices.sleep_h", "indices.rem_ahi_per_h"):
        assert plain["not_measured"][path] == "no hypnogram was given"


def test_reports_say_ahi_and_not_rei(night):
    text = night_text(night)
    assert text.startswith("AHI 10.5 /h, no class, aasm_1b, inadequate: 0.7 h of sleep monitored\n")
    assert "REI" not in text
    assert "0.67 h that can be judged of 0.67 h asleep" in " ".join(text.split())
    assert "AHI in REM sleep" in text
    assert "0.67 h of sleep with flow and SpO2" in " ".join(text.split())
    assert "per hour of sleep" in nights_text([night, night])
    assert next(csv.DictReader(nights_csv([night]).splitlines()))["denominator"] == "sleep"
    plain = night_text(hsat.score_night(hour()))
    assert "AHI (REI)" in plain
    assert "REM" not in plain


def test_simulated_night_under_stages_laid_over_it():
    """The truth's events with half or more of them in sleep, per hour of sleep without sensor-off time."""
    simulated = make_night(seed=11, duration_h=3.0, events_per_h=25.0, has_position=False)
    blocks = [(1200 * i, 1200 * (i + 1), list(SleepStage)[i % 5]) for i in range(9)]
    night = hsat.score_night(simulated.recording, hypnogram=stages(*blocks))
    asleep = [(start, stop) for start, stop, stage in blocks if stage is not SleepStage.WAKE]

    def is_asleep(event):
        inside_s = sum(max(0, min(event.stop_s, stop) - max(event.start_s, start)) for start, stop in asleep)
        return inside_s >= (event.stop_s - event.start_s) / 2

    inside = [event for event in simulated.truth.events if is_asleep(event)]
    n_true = sum(event.scorable_1b == "yes" for event in inside)
    n_uncertain = sum(event.scorable_1b == "uncertain" for event in inside)
    assert n_true > 30
    assert night.indices.sleep_h == pytest.approx(7 / 3)
    assert night.monitored.monitoring_h == pytest.approx(7 / 3, abs=0.05)
    n_found = night.indices.ahi_per_h * night.monitored.monitoring_h
    assert n_true - 2 <= n_found <= n_true + n_uncertain + 2
