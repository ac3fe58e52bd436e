"""Scorings that are too large, too late, or made to hurt: one line, in little time and memory."""

from datetime import datetime

import pytest

import hsat
from hsat.errors import ReadError
from hsat.events import EventKind
from hsat.io.scorings.writing import render_scoring
from hsat.scorings import ScoredEvent, Scoring

START = datetime(2024, 5, 30, 23, 58)


def write(tmp_path, content, name="scoring"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def test_thousands_of_events_in_one_second_make_no_gigabytes_of_edf(tmp_path):
    """20,000 entries of some 30 bytes: a file of about as many bytes, not of their square."""
    events = tuple(
        ScoredEvent(kind=EventKind.HYPOPNEA, start_s=10.0, stop_s=11.0 + 0.25 * i) for i in range(20_000)
    )
    scoring = Scoring(source_path="x", format="memory", events=events, start_local=START)
    raw = render_scoring(scoring, "edf")
    assert len(raw) < 4_000_000
    read = hsat.read_scoring(write(tmp_path, raw, "x.edf"), start_local=START)
    assert [(e.kind, e.start_s, e.stop_s) for e in read.events] == [
        (e.kind, e.start_s, e.stop_s) for e in events
    ]


def test_events_that_begin_together_stay_in_their_record(tmp_path):
    events = tuple(ScoredEvent(kind=EventKind.HYPOPNEA, start_s=3.0, stop_s=20.0 + i) for i in range(4))
    scoring = Scoring(source_path="x", format="memory", events=events, duration_s=60.0, start_local=START)
    raw = render_scoring(scoring, "edf")
    n_record = (len(raw) - 3 * 256) // 60
    assert raw[3 * 256 + 3 * n_record : 3 * 256 + 4 * n_record].count(b"Hypopnea") == 4


LATE = {
    "event table": "start_s,stop_s,kind\n10,1500000000,hypopnea\n",
    "Noxturnal": "Event,Start Time,End Time\nHypopnea,5/30/2024 23:59:00,5/30/2074 23:59:10\n",
    "DOMINO": (
        "Signal ID: x\nStart Time: 5/30/2024 11:58:00 PM\n\n"
        "30.05.2024 23:59:45,119-23:59:51,408; 6;Hypopnea; N1\n"
        "30.05.9024 23:59:45,119-23:59:51,408; 6;Hypopnea; N1\n"
    ),
    "Luna": "class\tstart\tstop\nhypopnea\t10\t1500000000\n",
}


@pytest.mark.parametrize("name", LATE)
def test_times_that_no_night_comes_near_are_refused(tmp_path, name):
    """A wrong digit in a year would make an event of decades, which an edit would count as one."""
    with pytest.raises(ReadError, match=r"scoring: .*(below 1e\+07|within 116 days)"):
        hsat.read_scoring(write(tmp_path, LATE[name]), start_local=START)


def test_more_events_than_any_night_has_are_refused(tmp_path):
    rows = "".join(f"{i},{i + 1},hypopnea\n" for i in range(100_001))
    with pytest.raises(ReadError, match="expected at most 100,000 events, got"):
        hsat.read_scoring(write(tmp_path, "start_s,stop_s,kind\n" + rows))


BOMBS = {
    "entities": b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<PSGAnnotation><ScoredEvents><ScoredEvent>&b;</ScoredEvent></ScoredEvents></PSGAnnotation>""",
    "file": b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<PSGAnnotation><ScoredEvents><ScoredEvent>&a;</ScoredEvent></ScoredEvents></PSGAnnotation>""",
    "type alone": b"<!DOCTYPE PSGAnnotation><PSGAnnotation><ScoredEvents/></PSGAnnotation>",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("read", [hsat.read_scoring, hsat.read_hypnogram])
def test_xml_that_declares_entities_or_a_type_is_refused_in_any_encoding(tmp_path, name, encoding, read):
    raw = BOMBS[name].decode().encode(encoding)
    with pytest.raises(ReadError, match="without document type and entities") as caught:
        read(write(tmp_path, raw, "x.xml"))
    assert "\n" not in str(caught.value)
