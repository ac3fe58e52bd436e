"""Hours and events in every position of the body: drawn by hand, and planted by the simulator.

Two hours drawn: back 20 min, left 30, back 25, right 20, prone 15, upright 10. Apneas of 20 s with a
fall of SpO2: 5 on the back, 2 left, 1 right, 1 upright. Upright time is not monitored.
"""

import numpy as np
import pytest
from breathing_signals import Fall, flow_channel, recording_of, signal_of, spo2_channel

import hsat
from hsat.hypnogram import Hypnogram, SleepStage, StagedSpan
from hsat.indices.position import POSITION_CODES
from hsat.intervals import as_spans, intersect_spans, total_s
from hsat.io.channels import PositionCode
from hsat.report.text import night_text
from hsat.simulate import BreathingOptions, Recorder, record_night, simulate_breathing

BACK, LEFT, RIGHT, PRONE, UPRIGHT = 0, 1, 2, 3, 4
MINUTES = ((BACK, 20), (LEFT, 30), (BACK, 25), (RIGHT, 20), (PRONE, 15), (UPRIGHT, 10))
STARTS_MIN = (6, 11, 16, 25, 40, 55, 65, 85, 114)
FALLS = [Fall(60.0 * start_min, 20.0, 1.0, 6.0) for start_min in STARTS_MIN]
DURATION_S = 7200.0


def drawn_recording(falls=FALLS):
    codes = np.concatenate([np.full(60 * minutes, float(code)) for code, minutes in MINUTES])
    return recording_of(
        flow_channel(DURATION_S, falls), spo2_channel(DURATION_S, falls), signal_of("position", codes, 1.0)
    )


def minutes_of(night) -> dict[str, float]:
    names = ("supine", "non_supine", "left", "right", "prone", "upright")
    return {name: 60 * getattr(night.indices, f"{name}_h") for name in names}


def test_hours_and_ahi_with_changes_of_position():
    night = hsat.score_night(drawn_recording())
    expected = {"supine": 45, "non_supine": 65, "left": 30, "right": 20, "prone": 15, "upright": 10}
    assert minutes_of(night) == pytest.approx(expected)
    assert night.monitored.monitoring_h == pytest.approx(110 / 60)
    assert night.indices.supine_ahi_per_h == pytest.approx(5 / 0.75)
    assert night.indices.non_supine_ahi_per_h == pytest.approx(3 / (65 / 60))
    assert night.indices.left_ahi_per_h == pytest.approx(2 / 0.5)
    assert night.indices.right_ahi_per_h == pytest.approx(1 / (20 / 60))
    assert night.indices.prone_ahi_per_h == 0.0
    assert night.indices.ahi_per_h == pytest.approx(8 / (110 / 60))


def test_hours_are_those_within_monitored_time_but_for_upright():
    """Lights on after an hour: back 30 min and left 30; upright is told of the whole recording."""
    night = hsat.score_night(drawn_recording(), lights_s=(0.0, 3600.0))
    expected = {"supine": 30, "non_supine": 30, "left": 30, "right": 0, "prone": 0, "upright": 10}
    assert minutes_of(night) == pytest.approx(expected)
    assert night.indices.supine_ahi_per_h == pytest.approx(4 / 0.5)


def test_asleep_and_upright_is_not_supine():
    """All night asleep: the event in upright time counts, with its 10 min."""
    asleep = Hypnogram(spans=(StagedSpan(0.0, DURATION_S, SleepStage.N2),))
    night = hsat.score_night(drawn_recording(), hypnogram=asleep)
    assert night.indices.non_supine_ahi_per_h == pytest.approx(4 / 1.25)
    assert night.indices.ahi_per_h == pytest.approx(9 / 2)


@pytest.mark.parametrize(("shift_s", "is_supine"), [(-2.0, False), (2.0, True)])
def test_an_event_across_a_change_belongs_where_more_of_it_lies(shift_s, is_supine):
    """The change to the left side, at 1,200 s, falls 2 s before or after the middle of the event."""
    around = hsat.score_night(drawn_recording([Fall(1190.0, 20.0, 1.0, 6.0)])).events[0]
    start_s = 1190.0 + 1200.0 - (around.start_s + around.stop_s) / 2 - shift_s
    indices = hsat.score_night(drawn_recording([Fall(start_s, 20.0, 1.0, 6.0)])).indices
    assert (indices.supine_ahi_per_h > 0) is is_supine
    assert (indices.non_supine_ahi_per_h > 0) is not is_supine


def test_the_report_tells_the_hours_in_every_position():
    text = night_text(hsat.score_night(drawn_recording()))
    block = text.split("\nPosition\n")[1].split("\n\n")[0].splitlines()
    assert [" ".join(line.split()) for line in block] == [
        "AHI supine 6.7 /h",
        "AHI not supine 2.8 /h",
        "left side 4.0 /h",
        "right side 3.0 /h",
        "prone 0.0 /h",
        "Time supine 0.75 h",
        "Time not supine 1.08 h",
        "Time on the left side 0.50 h",
        "Time on the right side 0.33 h",
        "Time prone 0.25 h",
        "Time upright, monitored or not 0.17 h",
    ]


def test_positions_of_a_simulated_night_are_those_that_were_planted():
    options = BreathingOptions(duration_h=5.0, events_per_h=15.0, upright_spans_s=((7200.0, 7800.0),))
    sleeper = simulate_breathing(seed=5, options=options)
    simulated = record_night(sleeper, Recorder())
    night = hsat.score_night(simulated.recording)
    planted = {
        name: as_spans([(b.start_s, b.stop_s) for b in sleeper.positions if b.position == name])
        for name in ("supine", "left", "right", "prone", "upright")
    }
    assert sum(len(spans) > 0 for spans in planted.values()) >= 4
    upright_h = total_s(planted.pop("upright")) / 3600.0
    assert night.indices.upright_h == pytest.approx(upright_h, abs=2 / 3600)
    for name, spans in planted.items():
        judged_h = total_s(intersect_spans(spans, night.monitored.spans_s)) / 3600.0
        assert getattr(night.indices, f"{name}_h") == pytest.approx(judged_h, abs=0.005)
    counted = [event for event in simulated.truth.events if event.scorable_1b == "yes"]
    on_back = [
        e for e in counted if len(intersect_spans(as_spans([(e.start_s, e.stop_s)]), planted["supine"]))
    ]
    assert len(on_back) > 10
    n_found = night.indices.supine_ahi_per_h * night.indices.supine_h
    assert n_found == pytest.approx(len(on_back), abs=2 + simulated.truth.n_uncertain_1b)


def test_position_codes_are_those_of_the_channel_table():
    assert {name.upper(): code for name, code in {"supine": BACK, **POSITION_CODES}.items()} == {
        code.name: code.value for code in PositionCode
    }
