"""A night computed from a person's event list: what is kept, edited, added, removed, and the numbers.

Ten falls drawn by hand in one hour, 5 min apart: five apneas of 20 s and five hypopneas of 24 s with
60 % less flow, each with a fall of SpO2 by 6 points. So 10 an hour, and each row of the list is 1 an hour.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from breathing_signals import DELAY_S, Fall, flow_channel, recording_of, signal_of, spo2_channel

import hsat
from hsat.errors import EventListError
from hsat.events import EventKind, EventOrigin
from hsat.hypnogram import Hypnogram, SleepStage, StagedSpan
from hsat.report.document import night_document, night_json
from hsat.report.tables import events_csv
from hsat.report.text import night_text
from hsat.results import NightResult
from hsat.scorings import ScoredEvent, Scoring
from hsat.simulate import make_night

FALLS = [Fall(300.0 * i + 200.0, 20.0 if i % 2 else 24.0, 1.0 if i % 2 else 0.6, 6.0) for i in range(10)]


def hour(*more):
    return recording_of(flow_channel(3600.0, FALLS), spo2_channel(3600.0, FALLS), *more)


RECORDING = hour()
AUTOMATIC = hsat.score_night(RECORDING)


def row(kind: str, start_s: float, stop_s: float, **more) -> ScoredEvent:
    return ScoredEvent(kind=EventKind(kind), start_s=start_s, stop_s=stop_s, **more)


def rows() -> list[ScoredEvent]:
    """The automatic events as a list that a person gets."""
    return [row(event.kind.value, event.start_s, event.stop_s) for event in AUTOMATIC.events]


def rescore(events, recording=RECORDING, **more) -> NightResult:
    return hsat.score_night(recording, events=events, **more)


def origins(night: NightResult) -> list[str]:
    return [event.origin.value for event in night.events]


def removed(night: NightResult) -> list:
    return [candidate for candidate in night.rejected if candidate.reason.startswith("removed by the scorer")]


def test_the_hour_has_ten_events():
    assert AUTOMATIC.indices.ahi_per_h == pytest.approx(10.0)
    assert (AUTOMATIC.indices.n_apneas, AUTOMATIC.indices.n_hypopneas) == (5, 5)
    assert set(origins(AUTOMATIC)) == {"automatic"}
    assert AUTOMATIC.scoring == "automatic"


# round trips ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("name", ["by hand", "simulated"])
def test_a_list_that_nobody_changed_gives_the_same_night(tmp_path, form, name):
    recording = RECORDING if name == "by hand" else make_night(seed=3, duration_h=2.0).recording
    automatic = hsat.score_night(recording)
    path = tmp_path / f"events.{form}"
    path.write_text(night_json(automatic) if form == "json" else events_csv(automatic), encoding="utf-8")
    again = rescore(hsat.read_scoring(path), recording)
    assert again.indices == automatic.indices
    assert again.events == automatic.events
    assert again.rejected == automatic.rejected
    assert (again.severity, again.adequacy) == (automatic.severity, automatic.adequacy)
    assert again.scoring == "edited"


def test_an_edited_night_read_back_gives_itself(tmp_path):
    listed = [*rows()[1:], row("hypopnea", 3500.0, 3515.0)]
    listed[2] = replace(listed[2], stop_s=listed[2].stop_s + 5.0)
    once = rescore(listed)
    path = tmp_path / "once.json"
    path.write_text(night_json(once), encoding="utf-8")
    twice = rescore(hsat.read_scoring(path))
    assert twice.events == once.events
    assert twice.indices == once.indices
    assert origins(twice).count("edited") == origins(twice).count("added") == 1


def test_times_rounded_by_another_program_are_the_same_event():
    rounded = [
        replace(event, start_s=round(event.start_s, 1), stop_s=round(event.stop_s, 1)) for event in rows()
    ]
    night = rescore(rounded)
    assert set(origins(night)) == {"automatic"}
    assert night.events == AUTOMATIC.events


# one change each --------------------------------------------------------------------------------


def test_a_row_taken_out_is_one_event_less_and_is_listed_as_removed():
    gone = AUTOMATIC.events[4]
    night = rescore(rows()[:4] + rows()[5:])
    assert night.indices.ahi_per_h == pytest.approx(9.0)
    assert set(origins(night)) == {"automatic"}
    assert [(out.start_s, out.stop_s) for out in removed(night)] == [(gone.start_s, gone.stop_s)]
    assert gone.criterion in removed(night)[0].reason
    assert removed(night)[0].desaturation == gone.desaturation
    assert removed(night)[0].baseline_excursion == gone.baseline_excursion


def test_a_row_put_in_is_one_event_more_with_what_the_signal_shows():
    """At 3,000 s nothing was drawn: breathing is at its baseline and SpO2 does not fall."""
    night = rescore([*rows(), row("hypopnea", 3000.0, 3020.0)])
    assert night.indices.ahi_per_h == pytest.approx(11.0)
    added = next(event for event in night.events if event.origin is EventOrigin.ADDED)
    assert (added.start_s, added.stop_s, added.kind) == (3000.0, 3020.0, EventKind.HYPOPNEA)
    assert added.criterion == "scored by a person"
    assert added.flow_reduction_fraction == pytest.approx(0.0, abs=0.03)
    assert added.desaturation is None
    assert added.baseline_excursion == pytest.approx(AUTOMATIC.events[0].baseline_excursion, rel=0.05)


def test_an_event_put_over_a_drawn_fall_is_measured_as_it_was_drawn():
    """Spans and depths as drawn, not as detected, so that all are measured anew."""
    listed = [
        row("unclassified_apnea" if i % 2 else "hypopnea", fall.start_s, fall.stop_s)
        for i, fall in enumerate(FALLS)
    ]
    night = rescore(listed)
    assert night.indices.ahi_per_h == pytest.approx(10.0)
    for event, fall in zip(night.events, FALLS, strict=True):
        assert event.criterion == "scored by a person"
        assert event.flow_reduction_fraction == pytest.approx(fall.reduction, abs=0.06)
        assert event.desaturation.drop_points == 6.0
        assert event.desaturation.nadir_s == pytest.approx(fall.stop_s + DELAY_S, abs=3.0)


@pytest.mark.parametrize(
    ("kind", "n_apneas", "index"),
    [
        ("central_apnea", 6, "central_apnea_index_per_h"),
        ("mixed_apnea", 6, "mixed_apnea_index_per_h"),
        ("unclassified_apnea", 6, "unclassified_apnea_index_per_h"),
    ],
)
def test_a_kind_changed_by_hand_moves_the_event_between_the_indices(kind, n_apneas, index):
    listed = rows()
    listed[0] = replace(listed[0], kind=EventKind(kind))
    night = rescore(listed)
    assert night.indices.ahi_per_h == pytest.approx(10.0)
    assert (night.indices.n_apneas, night.indices.n_hypopneas) == (n_apneas, 10 - n_apneas)
    assert getattr(night.indices, index) == pytest.approx(6.0 if kind.startswith("uncl") else 1.0)
    assert origins(night) == ["edited"] + ["automatic"] * 9
    assert night.events[0].desaturation == AUTOMATIC.events[0].desaturation
    assert not removed(night)


def test_an_edge_moved_by_hand_is_measured_anew():
    """Twenty seconds of whole breaths more: a hypopnea is shallower by them, the pause of an apnea is not."""
    listed = rows()
    for place in (0, 1):
        listed[place] = replace(listed[place], stop_s=listed[place].stop_s + 20.0)
    night = rescore(listed)
    for event, old in zip(night.events[:2], AUTOMATIC.events, strict=False):
        assert event.origin is EventOrigin.EDITED
        assert event.criterion == "scored by a person"
        assert event.duration_s == pytest.approx(old.duration_s + 20.0)
    hypopnea, apnea = night.events[:2]
    assert hypopnea.flow_reduction_fraction < AUTOMATIC.events[0].flow_reduction_fraction - 0.2
    assert apnea.flow_reduction_fraction == pytest.approx(1.0, abs=0.02)
    assert night.indices.longest_apnea_duration_s == pytest.approx(apnea.duration_s)
    assert not removed(night)


@pytest.mark.parametrize("from_onset_s", [-1.9, -1.0, 0.0, 1.0])
@pytest.mark.parametrize("overlap_s", [0.0, 10.0])
def test_an_apnea_is_as_deep_as_its_pause_wherever_a_person_starts_it(from_onset_s, overlap_s):
    """As for the automatic ones: 1 as drawn. Events of a list may overlap; neither hides the other."""
    listed = [row("central_apnea", f.start_s + from_onset_s, f.stop_s + 0.3) for f in FALLS[1::2]]
    if overlap_s:
        listed += [row("hypopnea", f.stop_s - overlap_s, f.stop_s + 12.0) for f in FALLS[1::2]]
    events = [event for event in rescore(listed).events if event.kind.is_apnea]
    assert len(events) == 5
    for event in events:
        assert event.origin is EventOrigin.EDITED
        assert event.flow_reduction_fraction == pytest.approx(1.0, abs=0.02)


def test_an_apnea_of_a_person_where_breathing_goes_on_shows_what_is_left():
    """Drawn with 60 % less flow: no pause of 10 s is there, and none is claimed."""
    listed = [row("obstructive_apnea", fall.start_s, fall.stop_s) for fall in FALLS[::2]]
    for event in rescore(listed).events:
        assert event.flow_reduction_fraction == pytest.approx(0.6, abs=0.03)


def test_evidence_comes_from_the_sensor_that_serves_at_the_time():
    """Nasal pressure is off from 1,500 s on: the thermistor tells of the events there, as they were drawn."""
    pressure = flow_channel(3600.0, FALLS, name="nasal_pressure")
    pressure[2][len(pressure[2]) * 1500 // 3600 :] = 0.0
    thermistor = flow_channel(3600.0, FALLS, name="thermistor")
    recording = recording_of(pressure, thermistor, spo2_channel(3600.0, FALLS))
    listed = [
        row("unclassified_apnea" if i % 2 else "hypopnea", fall.start_s, fall.stop_s)
        for i, fall in enumerate(FALLS)
    ]
    for event, fall in zip(rescore(listed, recording).events, FALLS, strict=True):
        is_pressure = fall.start_s < 1500.0 and not event.kind.is_apnea
        assert event.sensor == ("nasal_pressure" if is_pressure else "thermistor")
        assert event.flow_reduction_fraction == pytest.approx(fall.reduction, abs=0.06)


@pytest.mark.parametrize("from_onset_s", [-1.9, -1.0, 0.0])
def test_a_hypopnea_is_measured_over_its_small_breaths_whether_from_the_nadir_or_the_onset(from_onset_s):
    """Flow is lowest 1.9 s before a drawn breath; from there on nothing is large but the breath before."""
    listed = [row("hypopnea", fall.start_s + from_onset_s, fall.stop_s) for fall in FALLS[::2]]
    events = rescore(listed).events
    assert [event.origin.value for event in events] == ["edited"] * len(listed)
    for event, fall in zip(events, FALLS[::2], strict=True):
        assert event.flow_reduction_fraction == pytest.approx(fall.reduction, abs=0.03)


def test_times_rounded_to_tenths_of_a_second_are_the_same():
    """Half a tenth is more than 0.05 in binary numbers: 498.05 - 498.0 is 0.05000000000001137."""
    automatic = AUTOMATIC.events[1]
    assert (automatic.start_s, automatic.kind.is_apnea) == (498.0, True)
    listed = rows()
    listed[1] = replace(listed[1], start_s=498.05)
    assert 498.05 - 498.0 > 0.05
    assert origins(rescore(listed)) == ["automatic"] * 10


@pytest.mark.parametrize(("shift_s", "origin"), [(0.049, "automatic"), (0.051, "edited")])
def test_an_edge_is_the_same_up_to_a_twentieth_of_a_second(shift_s, origin):
    listed = rows()
    listed[3] = replace(listed[3], start_s=listed[3].start_s - shift_s)
    assert origins(rescore(listed))[3] == origin


def test_one_event_split_in_two_is_one_edited_and_one_added():
    first = rows()[0]
    middle_s = (first.start_s + first.stop_s) / 2
    halves = [replace(first, stop_s=middle_s - 2.0), replace(first, start_s=middle_s)]
    night = rescore([*halves, *rows()[1:]])
    assert night.indices.ahi_per_h == pytest.approx(11.0)
    assert sorted(origins(night)[:2]) == ["added", "edited"]
    assert not removed(night)


def test_two_events_joined_are_one_edited_and_one_removed():
    listed = rows()
    joined = replace(listed[0], stop_s=listed[1].stop_s)
    night = rescore([joined, *listed[2:]])
    assert night.indices.ahi_per_h == pytest.approx(9.0)
    assert origins(night)[0] == "edited"
    assert len(removed(night)) == 1


def test_an_event_that_the_list_does_not_count_is_in_no_index():
    listed = rows()
    listed[2] = replace(listed[2], is_counted=False)
    night = rescore(listed)
    assert night.indices.ahi_per_h == pytest.approx(9.0)
    assert night.events[2].is_counted is False
    assert origins(night)[2] == "edited"


def test_a_refused_candidate_that_a_person_scores_is_no_longer_refused():
    """A fall without a desaturation: rule 1B refuses it, a person may know of an arousal."""
    falls = [*FALLS, Fall(3300.0, 24.0, 0.6, 0.0)]
    recording = recording_of(flow_channel(3600.0, falls), spo2_channel(3600.0, falls))
    automatic = hsat.score_night(recording)
    assert len(automatic.rejected) == 1
    refused = automatic.rejected[0]
    night = rescore([*rows(), row("hypopnea", refused.start_s, refused.stop_s)], recording)
    assert night.rejected == ()
    assert night.indices.ahi_per_h == pytest.approx(11.0)
    assert night.events[-1].flow_reduction_fraction == pytest.approx(0.6, abs=0.06)


def test_an_empty_list_is_a_night_without_events():
    night = rescore([])
    assert night.indices.ahi_per_h == 0.0
    assert len(removed(night)) == 10
    assert night.severity is None  # one hour
    assert night.indices.odi4_per_h == AUTOMATIC.indices.odi4_per_h


# what goes with it ------------------------------------------------------------------------------


def test_burden_pulse_and_durations_are_those_of_the_listed_events():
    """The pulse rises by 20 after the first five falls alone; a list of those has the whole response."""
    pulse = np.full(3600, 60.0)
    for fall in FALLS[:5]:
        pulse[int(fall.stop_s) + 2 : int(fall.stop_s) + 12] = 80.0
    recording = hour(signal_of("pulse", pulse, 1.0))
    half = rescore(rows()[:5], recording)
    assert half.indices.pulse_response_bpm == pytest.approx(20.0)
    assert rescore(rows(), recording).indices.pulse_response_bpm == pytest.approx(10.0)
    whole_burden = AUTOMATIC.indices.hypoxic_burden_percent_min_per_h
    assert half.indices.hypoxic_burden_percent_min_per_h == pytest.approx(whole_burden / 2, rel=0.05)


def test_position_and_sleep_split_a_persons_events():
    codes = np.zeros(3600)
    codes[1800:] = 1  # on the left side from the middle on
    stages = Hypnogram(
        spans=(StagedSpan(0.0, 1800.0, SleepStage.N2), StagedSpan(1800.0, 3600.0, SleepStage.REM))
    )
    night = rescore(rows()[:7], hour(signal_of("position", codes, 1.0)), hypnogram=stages)
    assert night.indices.supine_ahi_per_h == night.indices.nrem_ahi_per_h == pytest.approx(12.0)
    assert night.indices.non_supine_ahi_per_h == night.indices.rem_ahi_per_h == pytest.approx(2.0)


def test_other_rule_sets_are_not_available_and_it_says_why():
    document = night_document(rescore(rows()))
    assert document["scoring"] == "edited"
    assert document["alternatives"]["aasm_1a"]["ahi_per_h"] is None
    for key in ("ahi_per_h", "severity"):
        assert "scored by a person" in document["not_measured"][f"alternatives.aasm_1a.{key}"]


def test_the_report_says_that_a_person_edited_and_what():
    listed = [*rows()[2:], row("hypopnea", 3000.0, 3020.0)]
    text = " ".join(night_text(rescore(listed)).split())
    assert "Computed from an event list that a person edited." in text
    assert "8 automatic events kept, 0 edited, 1 added, 2 removed" in text
    assert "2 automatic events removed by the scorer" in text
    assert text.count("aasm_1a, cms: AHI not measured: the events were scored by a person") == 1
    assert "edited scoring" in text


@pytest.mark.parametrize("item", ["e.csv", (10.0, 30.0, "hypopnea"), None])
def test_what_is_no_event_is_one_clear_line(item):
    with pytest.raises(EventListError, match="events: expected ScoredEvent or RespiratoryEvent"):
        rescore([item])


def test_a_kind_that_is_a_bare_text_is_one_clear_line():
    with pytest.raises(EventListError, match="of a kind of EventKind"):
        rescore([ScoredEvent(kind="hypopnea", start_s=10.0, stop_s=30.0)])


def test_types_that_a_person_gives_are_counted_without_belts_and_without_the_rule_for_hypopneas():
    listed = [row("central_hypopnea", 3000.0, 3020.0), row("obstructive_hypopnea", 3100.0, 3120.0)]
    night = rescore([*listed, row("hypopnea", 3200.0, 3220.0)])
    assert night.indices.central_hypopnea_index_per_h == pytest.approx(1.0)
    assert night.indices.obstructive_hypopnea_index_per_h == pytest.approx(1.0)
    assert night.indices.unclassified_hypopnea_index_per_h == pytest.approx(1.0)
    assert night.indices.cheyne_stokes_min == 0.0


def test_tables_tell_the_origin():
    header, *lines = events_csv(rescore([*rows()[:1], row("hypopnea", 3000.0, 3020.0)])).splitlines()
    place = header.split(",").index("origin")
    assert [line.split(",")[place] for line in lines] == ["automatic", "added"]


def test_an_apnea_that_a_person_calls_a_hypopnea_has_the_evidence_of_a_hypopnea():
    """Breaths of 15 % for 8 s on both sides of a pause of 20 s: what is left of the whole is 6.7 %."""
    parts = [(200.0, 8.0, 0.85, 0.0), (208.0, 20.0, 1.0, 6.0), (228.0, 8.0, 0.85, 0.0)]
    falls = [Fall(300.0 * i + start_s, *more) for i in range(5) for start_s, *more in parts]
    recording = recording_of(flow_channel(3600.0, falls), spo2_channel(3600.0, falls))
    automatic = hsat.score_night(recording).events
    assert [event.kind.is_apnea for event in automatic] == [True] * 5
    listed = [row("hypopnea", event.start_s, event.stop_s) for event in automatic]
    for event, old in zip(rescore(listed, recording).events, automatic, strict=True):
        assert (event.origin, event.criterion) == (EventOrigin.EDITED, "scored by a person")
        assert old.flow_reduction_fraction > 0.98
        assert event.flow_reduction_fraction == pytest.approx(1.0 - 0.15 * 16.0 / 36.0, abs=0.03)
        assert event.desaturation == old.desaturation


@pytest.mark.parametrize("kind", ["central_apnea", "hypopnea"])
def test_no_limits_decided_what_a_person_changed(kind):
    listed = rows()
    listed[1] = replace(listed[1], kind=EventKind(kind))
    assert AUTOMATIC.events[1].confidence_fraction is not None
    assert rescore(listed).events[1].confidence_fraction is None


@pytest.mark.parametrize(
    ("start_s", "stop_s"), [(0.0, 0.01), (0.0, 1.0), (3599.0, 3600.0), (3599.99, 3600.0)]
)
def test_an_event_shorter_than_a_breath_at_the_edge_of_a_night_with_belts(start_s, stop_s):
    """Its middle, where the belts are asked, would lie before the night."""
    belt = flow_channel(3600.0, FALLS, name="thorax")
    night = rescore([row("central_apnea", start_s, stop_s)], hour(belt))
    assert night.events[0].effort_fraction == pytest.approx(1.0, abs=0.2)


# odd lists --------------------------------------------------------------------------------------


def test_events_may_overlap_and_each_counts():
    night = rescore([*rows(), row("hypopnea", 3000.0, 3030.0), row("central_apnea", 3020.0, 3040.0)])
    assert night.indices.ahi_per_h == pytest.approx(12.0)
    assert "events_overlap" in [note.code for note in night.notes]


def test_an_event_that_reaches_out_of_the_recording_is_cut_and_noted():
    night = rescore([*rows(), row("hypopnea", 3590.0, 3620.0)])
    assert night.events[-1].stop_s == 3600.0
    assert "events_cut" in [note.code for note in night.notes]


@pytest.mark.parametrize(("start_s", "stop_s"), [(3600.0, 3620.0), (9000.0, 9020.0), (50.0, 40.0)])
def test_an_event_outside_the_recording_is_one_clear_line(start_s, stop_s):
    with pytest.raises(
        EventListError, match="expected events within the recording, 0 s to 3600 s, got one from"
    ):
        rescore([*rows(), row("hypopnea", start_s, stop_s)])


def test_an_event_outside_monitored_time_is_listed_and_not_counted():
    night = rescore([*rows(), row("hypopnea", 3000.0, 3020.0)], lights_s=(0.0, 2700.0))
    inside = sum(fall.start_s < 2700.0 for fall in FALLS)
    assert night.indices.ahi_per_h == pytest.approx(inside / 0.75)
    assert night.events[-1].is_counted is False


def test_a_list_made_under_other_rules_or_from_another_file_is_noted():
    scoring = Scoring(
        source_path="a.json", format="hsat.night/1", events=tuple(rows()), rules_id="aasm_1a@000000000000"
    )
    codes = [note.code for note in rescore(scoring).notes]
    assert "events_other_rules" in codes
    assert "events_other_file" not in codes


def test_kinds_by_a_person_need_no_belts_and_hypopneas_no_oximeter():
    recording = recording_of(flow_channel(3600.0, FALLS))
    assert hsat.score_night(recording).indices.ahi_per_h is None
    night = rescore([row("hypopnea", 200.0, 224.0), row("central_apnea", 500.0, 520.0)], recording)
    assert night.indices.ahi_per_h == pytest.approx(2.0)
    assert night.indices.central_apnea_index_per_h == pytest.approx(1.0)
    assert night.indices.obstructive_apnea_index_per_h == 0.0


def test_a_night_without_airflow_lists_a_persons_events_and_has_no_ahi():
    recording = recording_of(spo2_channel(3600.0, FALLS))
    night = rescore([row("hypopnea", fall.start_s, fall.stop_s) for fall in FALLS], recording)
    assert night.indices.ahi_per_h is None
    assert night.not_measured["indices.ahi_per_h"] == "no airflow or effort channel"
    assert [event.flow_reduction_fraction for event in night.events] == [None] * 10
    assert [event.desaturation.drop_points for event in night.events] == [6.0] * 10
    document = night_document(night)
    assert "events.flow_reduction_fraction" in document["not_measured"]
    json.dumps(document, allow_nan=False)
