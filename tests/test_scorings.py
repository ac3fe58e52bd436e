"""Reading scorings: every format, and every way in which a file can be wrong."""

import json

import numpy as np
import pytest
from night_builder import make_result

import hsat
from hsat.errors import ReadError
from hsat.events import EventKind
from hsat.io.scorings import FORMATS
from hsat.io.scorings.source import MAX_BYTES
from hsat.report.document import night_document
from hsat.report.tables import events_csv
from hsat.simulate import make_night
from hsat.simulate.edf import truth_document

HEADER = "start_s,stop_s,kind\n"


@pytest.fixture
def read(tmp_path):
    """Read a text or bytes as a file of any name."""

    def write_and_read(content, name="scoring"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return hsat.read_scoring(path)

    return write_and_read


def spans(scoring):
    return [(event.start_s, event.stop_s, event.kind.value) for event in scoring.events]


def refusal(read, content) -> str:
    with pytest.raises(ReadError) as caught:
        read(content)
    text = str(caught.value)
    assert "\n" not in text
    assert text.isprintable()
    return text


# ------------------------------------------------------------------------ event tables


def test_truth_csv_in_order_of_time(read):
    scoring = read(HEADER + "100.5,120,hypopnea\n10,25.25,central_apnea\n")
    assert spans(scoring) == [(10.0, 25.25, "central_apnea"), (100.5, 120.0, "hypopnea")]
    assert scoring.format == "event table"
    assert scoring.duration_s is None
    assert scoring.monitored_h is None
    assert scoring.ahi_per_h is None
    assert len(scoring.ignored_spans_s) == 0


def test_header_alone_is_a_night_without_events(read):
    assert read(HEADER).events == ()


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffstart_s,stop_s,kind\r\n1,12,hypopnea\r\n",
        "start_s;stop_s;kind\n1,0;12,0;hypopnea\n",
        "start_s\tstop_s\tkind\n1\t12.0\thypopnea\n",
        '"start_s","stop_s","kind"\n"1","12","hypopnea"\n\n\n',
        "Kind, START_S ,stop_s,remark\nHypopnea,1,12,\u00e9\n",
        "start_s,stop_s,kind,remark\n1,12,hypopnea,\u00e9\n".encode("latin-1"),
        "start_s,stop_s,kind\n1,12,hypopnea\n".encode("utf-16"),
        "\n\nstart_s,stop_s,kind\n1,12,hypopnea",
        "start_s,stop_s,kind,remark\n1,12,hypopnea\n",
    ],
)
def test_bytes_marks_line_ends_separators_and_columns_do_not_matter(read, content):
    assert spans(read(content)) == [(1.0, 12.0, "hypopnea")]


def test_capitals_spaces_and_hyphens_of_a_kind_do_not_matter(read):
    assert spans(read(HEADER + "1,12,Obstructive Apnea\n20,32,central-apnea\n")) == [
        (1.0, 12.0, "obstructive_apnea"),
        (20.0, 32.0, "central_apnea"),
    ]


def test_optional_columns(read):
    text = "start_s,stop_s,kind,is_counted,event_id,origin\n1,12,hypopnea,false,e7,human\n20,31,hypopnea,,,\n"
    first, second = read(text).events
    assert (first.is_counted, first.event_id, first.origin) == (False, "e7", "human")
    assert (second.is_counted, second.event_id, second.origin) == (True, None, None)
    assert len(read(text).counted_events) == 1


def test_our_own_event_csv_comes_back_as_it_was(read):
    night = make_result()
    scoring = read(events_csv(night))
    assert spans(scoring) == [(e.start_s, e.stop_s, e.kind.value) for e in night.events]
    assert [e.is_counted for e in scoring.events] == [e.is_counted for e in night.events]
    assert {e.is_counted for e in scoring.events} == {True, False}


def test_apostrophe_against_formulas_is_taken_off(read):
    assert spans(read(HEADER + "'1,'12,'hypopnea\n")) == [(1.0, 12.0, "hypopnea")]


@pytest.mark.parametrize(
    ("row", "place", "expected", "got"),
    [
        ("12,10,hypopnea", "row 3, stop_s", "more than start_s 12", "10.0"),
        ("10,10,hypopnea", "row 3, stop_s", "more than start_s 10", "10.0"),
        ("-1,10,hypopnea", "row 3, start_s", "seconds from the start, 0 or more", "-1.0"),
        ("'-1,10,hypopnea", "row 3, start_s", "seconds from the start, 0 or more", "-1.0"),
        ("nan,10,hypopnea", "row 3, start_s", "seconds from the start, 0 or more", "'nan'"),
        ("1,inf,hypopnea", "row 3, stop_s", "seconds from the start, 0 or more", "'inf'"),
        ("1,1e999,hypopnea", "row 3, stop_s", "seconds from the start, 0 or more", "'1e999'"),
        ("1,22:15:03,hypopnea", "row 3, stop_s", "seconds from the start, 0 or more", "'22:15:03'"),
        ("1,1_0,hypopnea", "row 3, stop_s", "seconds from the start, 0 or more", "'1_0'"),
        ("1,,hypopnea", "row 3, stop_s", "seconds from the start, 0 or more", "nothing"),
        ("1", "row 3, kind", "one of obstructive_apnea, ", "''"),
        ("1,12,apnoea", "row 3, kind", "one of obstructive_apnea, ", "'apnoea'"),
        ("1,12,\x1b[31m", "row 3, kind", "one of obstructive_apnea, ", r"'\x1b[31m'"),
        ("1,12,hypopnea,x", "row 3", "at most 3 cells as in the header", "4"),
        ("500,520,hypopnea", "row 3", "every event once", "the same hypopnea as in row 2"),
        ('"1,12,hypopnea', "row 3", "at most 3 cells", None),
    ],
)
def test_a_bad_row_is_named_with_column_and_value(read, row, place, expected, got):
    if got is None:  # an open quote swallows the rest of the file: what remains is one cell
        assert "row 3" in refusal(read, f"{HEADER}500,520,hypopnea\n{row}\n")
        return
    text = refusal(read, f"{HEADER}500,520,hypopnea\n{row}\n")
    assert f"scoring: {place}: expected {expected}" in text
    assert text.endswith(f"got {got}")


def test_a_flag_is_true_or_false(read):
    text = refusal(read, "start_s,stop_s,kind,is_counted\n1,12,hypopnea,perhaps\n")
    assert "row 2, is_counted: expected true or false, got 'perhaps'" in text


@pytest.mark.parametrize("column", ["start_s", "stop_s", "kind"])
def test_a_missing_column_is_refused(read, column):
    text = refusal(read, HEADER.replace(column, "other") + "1,12,hypopnea\n")
    assert "row 1: expected the columns start_s, stop_s, kind of an event table, or JSON" in text


def test_a_column_that_is_there_twice_is_refused(read):
    assert "the column start_s once" in refusal(read, "start_s,start_s,stop_s,kind\n1,2,12,hypopnea\n")


@pytest.mark.parametrize("content", ["", "  \n\n", b"0       \0\0\0", ",,,\n", b"\xff\xfe\x00", "hello\n"])
def test_what_is_no_table_is_one_line(read, content):
    refusal(read, content)


def test_a_cell_without_end_is_one_line(read):
    assert "row" in refusal(read, HEADER + '1,12,"' + "x" * 200_000)


# ------------------------------------------------------------------------ files


def test_a_file_of_more_than_16_mib_is_refused_unread(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ReadError, match="of at most 16 MiB"):
        hsat.read_scoring(path)


def test_folders_and_missing_files_are_one_line(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv", f"{tmp_path}/a\0b"):
        with pytest.raises(ReadError):
            hsat.read_scoring(path)


# ------------------------------------------------------------------------ our JSON


def test_a_night_of_ours(read):
    night = make_result()
    document = night_document(night)
    scoring = read(json.dumps(document))
    assert spans(scoring) == [(e["start_s"], e["stop_s"], e["kind"]) for e in document["events"]]
    assert scoring.format == "hsat.night/1"
    assert scoring.duration_s == night.recording.duration_s
    assert scoring.monitored_h == document["monitored"]["monitoring_h"]
    assert scoring.monitored_spans_s.tolist() == document["monitored"]["spans_s"]
    assert scoring.ahi_per_h == document["indices"]["ahi_per_h"]
    assert scoring.gaps_s.tolist() == document["recording"]["gaps_s"] != []
    assert scoring.rules_id == document["rules_id"]
    assert scoring.patient == document["recording"]["patient"]
    assert scoring.no_class_reason is None
    assert spans(read(json.dumps([document]))) == spans(scoring)


def test_the_json_says_when_the_night_was_monitored():
    document = night_document(make_result())
    total_s = sum(stop - start for start, stop in document["monitored"]["spans_s"])
    assert total_s / 3600 == pytest.approx(document["monitored"]["monitoring_h"])


def test_what_the_scoring_could_not_tell(read):
    document = {
        "schema": "hsat.night/1",
        "events": [],
        "indices": {"ahi_per_h": None, "n_apneas": 3, "n_hypopneas": None},
        "not_measured": {"indices.n_hypopneas": "no SpO2 channel", "indices.ahi_per_h": "no SpO2"},
    }
    scoring = read(json.dumps(document))
    assert scoring.not_scored == {"hypopneas": "no SpO2 channel"}
    assert scoring.no_ahi_reason == "no SpO2"


def test_why_there_is_no_class(read):
    document = {"schema": "hsat.night/1", "events": [], "severity": None, "not_measured": {"severity": "why"}}
    assert read(json.dumps(document)).no_class_reason == "why"


@pytest.mark.parametrize(
    ("change", "place", "expected"),
    [
        ({"events": None}, "events", "a list"),
        ({"events": [3]}, "events[0]", "an object"),
        ({"events": [{"kind": "hypopnea", "start_s": "1", "stop_s": 12}]}, "events[0], start_s", "seconds"),
        ({"events": [{"kind": "hypopnea", "start_s": True, "stop_s": 12}]}, "events[0], start_s", "seconds"),
        ({"events": [{"kind": "hypopnea", "start_s": 13, "stop_s": 12}]}, "events[0], stop_s", "more than"),
        ({"events": [{"kind": "hypopnea", "start_s": 10**400, "stop_s": 12}]}, "events[0], start_s", "secon"),
        ({"events": [{"kind": ["x"], "start_s": 1, "stop_s": 12}]}, "events[0], kind", "one of"),
        (
            {"events": [{"kind": "hypopnea", "start_s": 1, "stop_s": 12, "is_counted": 1}]},
            "events[0], is_counted",
            "true or false",
        ),
        ({"monitored": []}, "monitored", "an object"),
        ({"monitored": {"monitoring_h": -1}}, "monitored.monitoring_h", "a number, 0 or more, or null"),
        ({"monitored": {"spans_s": [[3, 1]]}}, "monitored.spans_s[0]", "a stop from 3 on"),
        ({"monitored": {"spans_s": [[3]]}}, "monitored.spans_s[0]", "a pair of seconds"),
        ({"indices": {"ahi_per_h": "x"}}, "indices.ahi_per_h", "a number, 0 or more, or null"),
        ({"recording": {"patient": 7}}, "recording.patient", "text or null"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(read, change, place, expected):
    text = refusal(read, json.dumps({"schema": "hsat.night/1", "events": [], **change}))
    assert f"scoring: {place}: expected {expected}" in text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"schema": "hsat.night/1", "events": [', "expected valid JSON"),
        ('{"schema": "hsat.night/1", "events": [], "x": NaN}', "NaN is no number of JSON"),
        ("[" * 100_000, "expected"),
        ('{"schema": "hsat.patient/1"}', "got 'hsat.patient/1'"),
        ('{"schema": ["hsat.night/1"]}', "got another JSON"),
        ("[]", "expected one night, got a list of 0"),
        ('[{"schema": "hsat.night/1"}, {}]', "expected one night, got a list of 2"),
        ("[3]", "got another JSON"),
        (
            '[{"file": "a.edf", "error": "a.edf: expected an EDF header"}]',
            "got one that failed: a.edf: expec",
        ),
    ],
)
def test_other_json_is_refused(read, content, expected):
    assert expected in refusal(read, content)


# ------------------------------------------------------------------------ planted truth


def test_truth_of_a_simulated_night(read):
    simulated = make_night(seed=5, duration_h=2.0, events_per_h=20.0, flow_off_spans_s=((1000.0, 1600.0),))
    truth = truth_document(simulated.truth)
    scoring = read(json.dumps(truth))
    words = [row["scorable_1b"] for row in truth["events"]]
    assert len(scoring.events) == words.count("yes") > 10
    assert len(scoring.ignored_spans_s) == words.count("uncertain")
    assert scoring.ahi_per_h == pytest.approx(truth["ahi_1b_per_h"])
    assert scoring.duration_s == 7200.0
    assert scoring.monitored_spans_s.tolist() == [[0.0, 1000.0], [1600.0, 7200.0]]
    assert scoring.monitored_h == truth["monitored_h"]


def test_uncertain_events_are_ignored_and_others_left_out(read):
    rows = [
        {"kind": "hypopnea", "start_s": i * 50, "stop_s": i * 50 + 20, "scorable_1b": word}
        for i, word in enumerate(["yes", "no", "uncertain"])
    ]
    scoring = read(
        json.dumps({"schema": "planted-night/1", "duration_s": 3600, "monitored_h": 1.0, "events": rows})
    )
    assert spans(scoring) == [(0.0, 20.0, "hypopnea")]
    assert np.array_equal(scoring.ignored_spans_s, [[100.0, 120.0]])
    rows[0]["scorable_1b"] = "maybe"
    text = refusal(read, json.dumps({"schema": "planted-night/1", "duration_s": 3600, "events": rows}))
    assert "events[0], scorable_1b: expected one of yes, no, uncertain, got 'maybe'" in text


def test_the_formats_are_those_of_the_manual():
    assert [known.name for known in FORMATS] == [
        "EDF+ annotations",
        "hsat.night/1",
        "planted-night/1",
        "hsat.simulated-night/1",
        "NSRR XML or Profusion XML",
        "DOMINO event text",
        "event table",
        "Luna .annot",
        "Noxturnal CSV",
        "event table",
    ]


def test_every_kind_can_be_read(read):
    rows = "".join(f"{i * 30},{i * 30 + 12},{kind.value}\n" for i, kind in enumerate(EventKind))
    assert [event.kind for event in read(HEADER + rows).events] == list(EventKind)
