"""Scorings out: what goes out comes back, and other programs read it.

Round trips are judged by the events that went in; EDF+ is read by MNE, pyedflib and edfio, XML by the
standard library, so that a mistake that our own reader shares would show.
"""

import csv
import random
import tempfile
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from pathlib import Path

import edfio
import mne
import numpy as np
import pyedflib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from night_builder import make_result

import hsat
from hsat.cli.main import main
from hsat.errors import HsatError
from hsat.events import EventKind
from hsat.io.scorings.writing import EXPORT_FORMATS, render_scoring
from hsat.scorings import ScoredEvent, Scoring

START = datetime(2024, 5, 30, 23, 59, 50, 394531)
EVENTS = (
    ScoredEvent(kind=EventKind.OBSTRUCTIVE_APNEA, start_s=10.123, stop_s=25.5),
    ScoredEvent(kind=EventKind.HYPOPNEA, start_s=100.001, stop_s=140.25),
    ScoredEvent(kind=EventKind.CENTRAL_APNEA, start_s=100.5, stop_s=112.0),
)


def scoring_of(events, **more) -> Scoring:
    return Scoring(source_path="night.json", format="", events=tuple(events), **more)


def listed(scoring):
    return sorted((event.kind.value, event.start_s, event.stop_s) for event in scoring.events)


EVENT = st.builds(
    lambda kind, start_s, length_s: ScoredEvent(kind=kind, start_s=start_s, stop_s=start_s + length_s),
    st.sampled_from(EventKind),
    st.floats(0.0, 40_000.0),
    st.floats(0.01, 200.0),
)


@pytest.mark.parametrize("form", EXPORT_FORMATS)
@settings(deadline=None, max_examples=25)
@given(
    events=st.lists(EVENT, max_size=8, unique_by=lambda e: (e.kind, round(e.start_s, 3))),
    start=st.none() | st.datetimes(datetime(1985, 1, 2), datetime(2084, 12, 31)),
    duration_s=st.none() | st.floats(40_200.0, 41_000.0),
)
def test_what_goes_out_comes_back_to_a_millisecond(form, events, start, duration_s):
    scoring = scoring_of(events, start_local=start, duration_s=duration_s)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"night.{form}"
        hsat.write_scoring(scoring, path)
        back = hsat.read_scoring(path)
        assert [row[0] for row in listed(back)] == [row[0] for row in listed(scoring)]
        times = [np.array([row[1:] for row in listed(x)]).reshape(-1, 2) for x in (back, scoring)]
        np.testing.assert_allclose(times[0], times[1], rtol=0.0, atol=0.001)
        if form == "edf":
            assert back.start_local == start
        if form == "xml" and duration_s is not None:
            assert back.duration_s == pytest.approx(duration_s, abs=0.001)


@pytest.mark.parametrize("start", [START, START.replace(microsecond=0), None])
def test_mne_shows_the_annotations_at_their_times(tmp_path, start):
    path = tmp_path / "a.edf"
    hsat.write_scoring(scoring_of(EVENTS, start_local=start, duration_s=200.4), path)
    for found in (mne.read_annotations(path), mne.io.read_raw_edf(path, verbose="ERROR").annotations):
        np.testing.assert_allclose(found.onset, [10.123, 100.001, 100.5], atol=1e-4)
        np.testing.assert_allclose(found.duration, [15.377, 40.249, 11.5], atol=1e-4)
        assert list(found.description) == ["Obstructive apnea", "Hypopnea", "Central apnea"]


def test_the_library_of_edfbrowser_opens_it_and_edfio_knows_the_fraction_of_the_start(tmp_path):
    """pyedflib wraps EDFlib, by the author of EDFbrowser, with the same strict checks."""
    path = tmp_path / "a.edf"
    hsat.write_scoring(scoring_of(EVENTS, start_local=START, duration_s=200.4), path)
    with pyedflib.EdfReader(str(path)) as reader:
        onsets, durations, texts = reader.readAnnotations()
        assert reader.getStartdatetime().replace(microsecond=0) == START.replace(microsecond=0)
        assert reader.getFileDuration() == 201
        trace = reader.readSignal(0)
        assert {reader.getPatientName(), reader.getPatientCode()} <= {"X", ""}
    np.testing.assert_allclose(onsets, [10.123, 100.001, 100.5], atol=1e-4)
    np.testing.assert_allclose(durations, [15.377, 40.249, 11.5], atol=1e-4)
    assert list(texts) == ["Obstructive apnea", "Hypopnea", "Central apnea"]
    assert np.flatnonzero(trace).tolist() == [*range(10, 25), *range(100, 140)]
    edf = edfio.read_edf(path)
    assert datetime.combine(edf.startdate, edf.starttime) == START
    assert [a.onset for a in edf.annotations] == [10.123, 100.001, 100.5]


def test_events_of_one_second_share_a_record(tmp_path):
    events = [ScoredEvent(kind=EventKind.HYPOPNEA, start_s=5.0 + i / 16, stop_s=20.0 + i) for i in range(16)]
    path = tmp_path / "a.edf"
    hsat.write_scoring(scoring_of(events), path)
    assert len(mne.read_annotations(path)) == 16
    assert listed(hsat.read_scoring(path)) == listed(scoring_of(events))


def test_xml_is_what_the_archive_has(tmp_path):
    path = tmp_path / "a.xml"
    hsat.write_scoring(scoring_of(EVENTS, start_local=START, duration_s=200.4), path)
    root = ET.parse(path).getroot()
    first, apnea, *_ = root.findall("ScoredEvents/ScoredEvent")
    assert root.tag == "PSGAnnotation"
    assert root.findtext("EpochLength") == "30"
    assert first.findtext("EventConcept") == "Recording Start Time"
    assert first.findtext("ClockTime") == "00.00.00 23.59.50"
    assert apnea.findtext("EventType") == "Respiratory|Respiratory"
    assert apnea.findtext("EventConcept") == "Obstructive apnea|Obstructive Apnea"
    assert float(apnea.findtext("Start")) == 10.123
    assert float(apnea.findtext("Duration")) == pytest.approx(15.377)


def test_annot_has_six_columns_and_names_its_classes():
    lines = render_scoring(scoring_of(EVENTS), "annot").decode().splitlines()
    header = lines.index("class\tinstance\tchannel\tstart\tstop\tmeta")
    assert all(line.startswith("# ") for line in lines[:header])
    assert lines[header + 1] == "apnea_obstructive\t.\t.\t10.123000\t25.500000\t."


def test_no_text_of_a_file_goes_out():
    event = ScoredEvent(
        kind=EventKind.HYPOPNEA, start_s=1.0, stop_s=12.0, event_id="=CMD()", origin="Dr Miller"
    )
    scoring = scoring_of([event], patient="Miller-1970")
    for form in EXPORT_FORMATS:
        content = render_scoring(scoring, form)
        assert b"Miller" not in content
        assert b"CMD" not in content


def test_a_night_is_exported_with_its_counted_events(tmp_path):
    night = make_result()
    counted = [(e.kind.value, e.start_s, e.stop_s) for e in night.events if e.is_counted]
    assert len(counted) < len(night.events)
    for form in ("edf", "xml", "annot"):
        hsat.write_scoring(night, tmp_path / "a", form=form)
        back = listed(hsat.read_scoring(tmp_path / "a"))
        assert [row[0] for row in back] == [row[0] for row in sorted(counted)]
        np.testing.assert_allclose(
            [row[1:] for row in back], [row[1:] for row in sorted(counted)], rtol=0.0, atol=1e-3
        )
    hsat.write_scoring(night, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["is_counted"] for row in rows] == [str(e.is_counted).lower() for e in night.events]
    assert [row["origin"] for row in rows] == [e.origin.value for e in night.events]


def test_a_format_or_place_that_cannot_be_is_one_line(tmp_path):
    with pytest.raises(HsatError, match="expected one of edf, csv, xml, annot, got 'doc'"):
        hsat.write_scoring(scoring_of(EVENTS), tmp_path / "a.doc")
    with pytest.raises(HsatError, match="cannot be written"):
        hsat.write_scoring(scoring_of(EVENTS), tmp_path / "no" / "a.csv")
    late = ScoredEvent(kind=EventKind.HYPOPNEA, start_s=1_209_590.0, stop_s=1_209_600.5)
    with pytest.raises(HsatError, match="at most"):
        render_scoring(scoring_of([late]), "edf")


# ------------------------------------------------------------------------ the command


@pytest.fixture
def events_csv(tmp_path):
    path = tmp_path / "night.csv"
    path.write_text(
        "start_s,stop_s,kind,is_counted\n10.5,22.5,hypopnea,true\n40,55,central_apnea,false\n",
        encoding="utf-8",
    )
    return path


def test_export_prints_or_writes(tmp_path, capsys, events_csv):
    assert main(["export", str(events_csv), "--format", "annot"]) == 0
    printed = capsys.readouterr()
    assert "hypopnea\t.\t.\t10.500000\t22.500000\t.\n" in printed.out
    assert "apnea_central\t" not in printed.out
    assert "1 events that do not count are left out" in printed.err
    target = tmp_path / "out.edf"
    options = ["--format", "edf", "--out", str(target), "--start", "2024-05-30T23:00"]
    assert main(["export", str(events_csv), *options]) == 0
    assert capsys.readouterr().out == ""
    back = hsat.read_scoring(target)
    assert back.start_local == datetime(2024, 5, 30, 23)
    assert listed(back) == [("hypopnea", 10.5, 22.5)]


def test_export_refuses_what_cannot_be(tmp_path, capsys, events_csv):
    assert main(["export", str(events_csv), "--format", "edf"]) == 2
    assert "expected --out FILE" in capsys.readouterr().err
    assert main(["export", str(events_csv), "--format", "csv", "--out", str(events_csv)]) == 2
    assert "the same" in capsys.readouterr().err
    assert main(["export", str(events_csv)]) == 2
    assert main(["export", str(tmp_path / "none.csv"), "--format", "csv"]) == 3
    assert main(["export", str(events_csv), "--format", "csv", "--out", str(tmp_path)]) == 3


def test_a_persons_scoring_in_another_format_scores_the_night(tmp_path, samples, capsys):
    """Exported events, moved by nothing, are all kept as automatic."""
    recording = sorted(samples.glob("*.edf"))[0]
    night = hsat.score_night(hsat.read_recording(recording))
    target = tmp_path / "night.xml"
    hsat.write_scoring(night, target)
    edited = hsat.score_night(hsat.read_recording(recording), events=hsat.read_scoring(target))
    assert edited.indices.ahi_per_h == night.indices.ahi_per_h
    hsat.write_scoring(night, tmp_path / "night.events.edf")
    assert main(["score", str(recording), "--events", str(tmp_path / "night.events.edf")]) == 0
    assert "scoring placed by the clock" in capsys.readouterr().out


def test_an_exported_scoring_in_a_folder_is_no_failed_recording(tmp_path, capsys, samples):
    recording = sorted(samples.glob("*.edf"))[0]
    (tmp_path / "night.edf").write_bytes(recording.read_bytes())
    hsat.write_scoring(scoring_of(EVENTS, start_local=START), tmp_path / "night.events.edf")
    assert main(["score", str(tmp_path), "--format", "csv"]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "night.events.edf: events written by hsat export" in printed.err


# ------------------------------------------------------------------------ damage


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_damaged_scorings_are_read_or_refused_in_one_line(tmp_path, form):
    content = render_scoring(scoring_of(EVENTS, start_local=START, duration_s=200.0), form)
    head = min(len(content), 2000)
    rng = random.Random(20)
    n_refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(head)] = rng.randrange(256)
        path = tmp_path / "damaged"
        path.write_bytes(bytes(damaged[: rng.choice([len(damaged), rng.randrange(1, head)])]))
        refused = ""
        try:
            events = hsat.read_scoring(path, start_local=START + timedelta(seconds=1)).events
        except HsatError as error:
            events, refused = (), str(error)
        assert "\n" not in refused
        assert all(0.0 <= event.start_s < event.stop_s for event in events)
        n_refused += bool(refused)
    assert n_refused > 0
