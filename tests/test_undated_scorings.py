"""Scorings and hypnograms as EDF+ without a date (01.01.85), beside recordings with and without one."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from breathing_signals import flow_channel, recording_of
from edf_bytes import Channel, Header, annotation_channel, build

import hsat
from hsat.io.timeline import dated_start
from hsat.scorings import Scoring

NIGHT = datetime(2024, 5, 30, 22, 0)
UNDATED = datetime(1985, 1, 1, 22, 0)


@pytest.mark.parametrize(
    ("start", "recording_start", "expected"),
    [
        (datetime(2024, 5, 30, 22, 5), NIGHT, datetime(2024, 5, 30, 22, 5)),
        (datetime(1985, 1, 1, 22, 5), NIGHT, None),
        (datetime(1985, 1, 1, 22, 5), None, None),
        (datetime(1985, 1, 1, 22, 5), UNDATED, datetime(1985, 1, 1, 22, 5)),
        (datetime(1985, 1, 1, 21, 55), UNDATED, datetime(1985, 1, 1, 21, 55)),
        (datetime(1985, 1, 1, 0, 5), UNDATED, datetime(1985, 1, 2, 0, 5)),
        (datetime(1985, 1, 1, 0, 0), UNDATED, None),
        (datetime(1985, 1, 2, 0, 0), UNDATED, datetime(1985, 1, 2, 0, 0)),
        (None, UNDATED, None),
    ],
)
def test_where_a_file_without_a_date_starts(start, recording_start, expected):
    assert dated_start(start, recording_start) == expected


def annotated(tmp_path, clock, text):
    lists = [b"+0\x14\x14\0+100\x1530\x14" + text + b"\x14\0", b"+1\x14\x14\0"]
    header = Header(recording="Startdate X X X X", date="01.01.85", time=clock, reserved="EDF+C")
    flow = Channel(label="Flow", stored=np.zeros((2, 1)))
    path = tmp_path / "scoring.edf"
    path.write_bytes(build(header, [flow, annotation_channel(lists)]))
    return path


@pytest.mark.parametrize(("clock", "shift_s"), [("22.05.00", 300.0), ("00.05.00", 7500.0), ("00.00.00", 0.0)])
def test_a_scoring_lies_by_the_time_of_day_where_both_have_no_date(tmp_path, clock, shift_s):
    """Our own copies without names keep the time of day: 5 min later then is 5 min later now."""
    scoring = hsat.read_scoring(annotated(tmp_path, clock, b"Obstructive apnea"), start_local=UNDATED)
    assert [(event.start_s, event.stop_s) for event in scoring.events] == [(100 + shift_s, 130 + shift_s)]


def test_a_scoring_without_a_date_lies_at_the_start_of_a_dated_recording(tmp_path):
    scoring = hsat.read_scoring(annotated(tmp_path, "22.05.00", b"Obstructive apnea"), start_local=NIGHT)
    assert [event.start_s for event in scoring.events] == [100.0]
    assert scoring.notes[0].code == "scoring_from_start"


@pytest.mark.parametrize(
    ("start", "clock", "first_s"),
    [(UNDATED, "22.05.00", 400.0), (UNDATED, "00.00.00", 100.0), (NIGHT, "22.05.00", 100.0)],
)
def test_a_hypnogram_without_a_date_is_placed_in_the_same_way(tmp_path, start, clock, first_s):
    recording = replace(recording_of(flow_channel(1200.0)), start_local=start)
    hypnogram = hsat.read_hypnogram(annotated(tmp_path, clock, b"Sleep stage N2"), recording)
    assert hypnogram.spans[0].start_s == first_s


def test_a_scoring_of_which_no_name_is_known_says_so_first(tmp_path):
    """Otherwise its AHI of 0 would look like a healthy night."""
    scoring = hsat.read_scoring(annotated(tmp_path, "22.00.00", b"Bezdech obturacyjny"))
    assert scoring.events == ()
    texts = [note.text for note in scoring.notes if note.code == "scoring_no_events"]
    assert len(texts) == 1
    assert "Bezdech" not in texts[0]
    path = tmp_path / "none.edf"
    hsat.write_scoring(Scoring(source_path="x", format="memory", events=(), start_local=NIGHT), path)
    assert "scoring_no_events" not in {note.code for note in hsat.read_scoring(path).notes}
    known = hsat.read_scoring(annotated(tmp_path, "22.00.00", b"Hypopnea"))
    assert "scoring_no_events" not in {note.code for note in known.notes}
