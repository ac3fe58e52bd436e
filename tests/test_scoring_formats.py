"""Scorings of other programs: what each format says, where its events lie, what is refused.

Expected times are reckoned by hand from the text of each file; real exports are compared with truth
tables that were made from them by another program.
"""

import json
from datetime import datetime, timedelta

import pytest

import hsat
from benchmarks.edf_files import small_night, write_edf
from hsat.cli.main import main
from hsat.errors import ReadError, StartNeededError
from hsat.events import EventKind
from hsat.io.scorings import read_scoring_pair
from hsat.io.scorings.names import find_meaning
from hsat.scorings import ScoredEvent, Scoring

START = datetime(2024, 5, 30, 23, 0, 0)
OA, CA, MA = "obstructive_apnea", "central_apnea", "mixed_apnea"


@pytest.fixture
def read(tmp_path):
    """Read a text or bytes as a scoring."""

    def write_and_read(content, start_local=None):
        path = tmp_path / "scoring"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return hsat.read_scoring(path, start_local=start_local)

    return write_and_read


def spans(scoring):
    return [(round(e.start_s, 6), round(e.stop_s, 6), e.kind.value) for e in scoring.events]


def codes(scoring):
    return {note.code for note in scoring.notes}


def refusal(read, content, start_local=START) -> str:
    with pytest.raises(ReadError) as caught:
        read(content, start_local)
    text = str(caught.value)
    assert "\n" not in text
    assert text.isprintable()
    return text


# ------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Obstructive apnea|Obstructive Apnea", OA),
        ("Obstructive Apnea", OA),
        ("apnea_obstructive", OA),
        ("apnea/central", CA),
        ("A. Obstructive", OA),
        ("A. gemischt", MA),
        ("a. zentral", CA),
        ("Obstruktive Apnoe", OA),
        ("Gemischte Apnoe", MA),
        ("Apnée centrale", CA),
        ("OBST. APNEA", OA),
        ("Apnea", "unclassified_apnea"),
        ("Obstructive and central apnea", "unclassified_apnea"),
        ("Hypopnea|Hypopnea", "hypopnea"),
        ("hypopnea30", "hypopnea"),
        ("Hypopnée", "hypopnea"),
        ("Hypopn?e", "hypopnea"),
        ("H. Obstructive", "obstructive_hypopnea"),
        ("Hypopnea Mixed", "hypopnea"),
        ("hypopnea_central", "central_hypopnea"),
    ],
)
def test_names_of_events(name, kind):
    meaning = find_meaning(name)
    assert meaning is not None
    assert (meaning.kind.value, meaning.is_uncertain) == (kind, False)


@pytest.mark.parametrize(
    "name",
    [
        "Arousal|Arousal (ARO RES)",
        "Hypopnea Arousal",
        "SpO2 desaturation|SpO2 desaturation",
        "Respiratory effort related arousal|RERA",
        "no apnea seen",
        "FG Apnoe geschlossen",
        "Sleep stage N2",
        "Recording starts",
        "eupnea",
        "",
    ],
)
def test_names_of_anything_else(name):
    assert find_meaning(name) is None


@pytest.mark.parametrize("name", ["Unsure|Unsure|Unsure", "possible obstructive apnea", "apnea/hypopnea"])
def test_names_that_leave_it_open(name):
    meaning = find_meaning(name)
    assert meaning is not None
    assert meaning.is_uncertain


# ------------------------------------------------------------------------ SOMNOmedics DOMINO

DOMINO = (
    "Signal ID: FlowD\\flow\r\nStart Time: 5/30/2024 10:59:00 PM\r\nUnit: s\r\nSignal Type: Impuls\r\n\r\n"
    "30.05.2024 23:48:45,119-23:49:01,408; 16;Hypopnea; N1\r\n"
    "30.05.2024 23:59:50,500-00:00:05,250; 15;Obstructive Apnea; Wake\r\n"
    "31.05.2024 00:10:00,000-00:10:12,000; 12;Arousal; N2\r\n"
)


def test_domino_text_with_decimal_commas_and_midnight_inside_a_line(read):
    scoring = read(DOMINO, START)
    assert spans(scoring) == [(2925.119, 2941.408, "hypopnea"), (3590.5, 3605.25, OA)]
    assert scoring.format == "DOMINO event text"
    assert codes(scoring) == {"scoring_by_clock", "scoring_other_entries"}
    assert scoring.start_local == START


def test_domino_text_without_a_recording_counts_from_its_own_start(read):
    scoring = read(DOMINO)
    assert spans(scoring)[0] == (2985.119, 3001.408, "hypopnea")
    assert scoring.start_local == START - timedelta(minutes=1)


def test_domino_header_in_which_day_and_month_can_be_told_by_the_events_alone(read):
    """5/6/2024 is 5 June or 6 May; the events are of 6 May."""
    line = "06.05.2024 22:00:30,000-22:00:45,000; 15;Hypopnea; N1\n"
    text = f"Signal ID: x\nStart Time: 5/6/2024 10:00:00 PM\n\n{line}"
    assert spans(read(text)) == [(30.0, 45.0, "hypopnea")]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (DOMINO.replace("23:49:01,408", "23:61:01,408"), "time of day"),
        (DOMINO.replace("23:49:01,408", "23:48:01,408"), "stop after the start"),
        (DOMINO.replace("30.05.2024 23:48", "31.02.2024 23:48"), "line 6"),
        (DOMINO + "nonsense\n", "line 9"),
        ("Signal ID: Schlafprofil\\profil\n\n30.05.2024 20:59:00,000; Wach\n", "line 3"),
    ],
)
def test_domino_lines_that_are_wrong_are_named(read, text, word):
    assert word in refusal(read, text)


def test_domino_text_of_another_night_is_refused(read):
    assert "within a day" in refusal(read, DOMINO, datetime(2024, 6, 2))


def test_real_domino_exports_give_their_truth(shared_data):
    folder = shared_data / "real" / "ap"
    for name in ("AP01", "AP03"):
        (export,) = folder.glob(f"{name} Flow Events*.txt")
        start = hsat.read_recording(folder / f"{name}.edf").start_local
        truth = hsat.read_scoring(folder / f"{name}.truth.csv")
        scoring = hsat.read_scoring(export, start_local=start)
        assert len(truth.events) > 20
        assert [e.kind for e in scoring.events] == [e.kind for e in truth.events]
        for ours, theirs in zip(scoring.events, truth.events, strict=True):
            assert (ours.start_s, ours.stop_s) == pytest.approx((theirs.start_s, theirs.stop_s), abs=0.001)


# ------------------------------------------------------------------------ Noxturnal


def nox(header="Event,Start Time,End Time,Duration", unit="[],[],[],[s]", rows=None, form="{d}/{m}/{y}"):
    """A table of three rows over midnight of 30 May 2024."""
    days = [form.format(d=f"{day:02d}", m="05", y="2024") for day in (30, 30, 31)]
    rows = rows or [
        f"A. Obstructive,{days[0]} 23:48:45,{days[0]} 23:49:01,16.29",
        f"Hypopnea,{days[1]} 23:59:50,{days[2]} 00:00:05,15.00",
        f"Supine,{days[2]} 00:00:05,{days[2]} 04:00:05,14400",
    ]
    return "\r\n".join([header, unit, *rows]) + "\r\n"


NOX_SPANS = [(2925.0, 2941.29, OA), (3590.0, 3605.0, "hypopnea")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "utf-8"])
def test_noxturnal_csv_in_its_encodings(read, encoding):
    scoring = read(nox().encode(encoding), START)
    assert spans(scoring) == NOX_SPANS
    assert scoring.format == "Noxturnal CSV"
    assert "scoring_other_entries" in codes(scoring)


@pytest.mark.parametrize(
    "header",
    [
        "Ereignis,Anfangszeit,Endzeit,Dauer",
        "Événement,Heure de début,Heure de fin,Durée",
        "Atburður,Upphafstími,Lokatími,Tímalengd",
    ],
)
def test_noxturnal_columns_in_the_language_of_the_program(read, header):
    assert spans(read(nox(header).encode("utf-16"), START)) == NOX_SPANS


def test_noxturnal_columns_of_an_unknown_language_are_known_by_their_content(read):
    scoring = read(nox("Tapahtuma,Alkoi,Loppui,Kesto"), START)
    assert spans(scoring) == [(2925.0, 2941.0, OA), (3590.0, 3605.0, "hypopnea")]


@pytest.mark.parametrize("form", ["{d}.{m}.{y}", "{y}-{m}-{d}", "{m}/{d}/{y}", "{d}-{m}-{y}"])
def test_noxturnal_dates_in_the_order_of_the_country(read, form):
    assert spans(read(nox(form=form), START)) == NOX_SPANS


def test_of_two_possible_orders_of_a_date_the_night_decides(read):
    rows = ["Hypopnea,05/06/2024 23:00:10,05/06/2024 23:00:30,20"]
    for start in (datetime(2024, 6, 5, 23), datetime(2024, 5, 6, 23)):
        assert spans(read(nox(rows=rows), start)) == [(10.0, 30.0, "hypopnea")]


def test_clock_times_without_the_recordings_start_are_one_clear_line(read):
    with pytest.raises(StartNeededError, match=r"clock times.*--start"):
        read(nox())


def test_noxturnal_rows_that_are_wrong_are_named(read):
    assert "row 4, column 3" in refusal(read, nox().replace("31/05/2024 00:00:05,15", "31/05/2024,15"))
    assert "got 2" in refusal(read, nox(rows=["Hypopnea,30/05/2024 23:59:50", *nox().splitlines()[2:]]))
    assert "within a day" in refusal(read, nox(), datetime(2024, 6, 3))


# ------------------------------------------------------------------------ XML


def nsrr(*entries, head="", root="PSGAnnotation", tag="EventConcept"):
    events = "".join(
        f"<ScoredEvent><EventType>x</EventType><{tag}>{name}</{tag}><Start>{start}</Start>"
        f"<Duration>{duration}</Duration></ScoredEvent>"
        for name, start, duration in entries
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<{root}><EpochLength>30</EpochLength>'
        f"<ScoredEvents>{events}</ScoredEvents></{root}>"
    )


def test_nsrr_xml(read):
    text = nsrr(
        ("Recording Start Time", 0, 3600.0),
        ("Obstructive apnea|Obstructive Apnea", 70.5, 22),
        ("Stage 2 sleep|2", 60, 30),
        ("Hypopnea|Hypopnea", "200,25", "12,5"),
        ("Unsure|Unsure", 300, 20),
        ("Hypopnea|Hypopnea", 400, 0),
        ("Hypopnea|Hypopnea", "200.25", "12.5"),
    )
    scoring = read(text)
    assert spans(scoring) == [(70.5, 92.5, OA), (200.25, 212.75, "hypopnea")]
    assert scoring.ignored_spans_s.tolist() == [[300.0, 320.0]]
    assert scoring.duration_s == 3600.0
    assert codes(scoring) == {
        "scoring_other_entries",
        "scoring_uncertain",
        "scoring_without_length",
        "scoring_twice",
    }


def test_profusion_xml_with_the_recordings_length_by_its_epochs(read):
    text = nsrr(("Central Apnea", 10.1, 11.2), root="CMPStudyConfig", tag="Name")
    stages = f"<SleepStages>{'<SleepStage>2</SleepStage>' * 100}</SleepStages></CMPStudyConfig>"
    scoring = read(text.replace("</CMPStudyConfig>", stages))
    assert spans(scoring) == [(10.1, 21.3, CA)]
    assert scoring.duration_s == 3000.0


def test_xml_whose_declaration_names_another_encoding_than_it_has(read):
    text = nsrr(("Hypopnea|Hypopnea", 1, 12), ("Bemerkung: \u00fc", 3, 4))
    assert spans(read(text.encode("latin-1"))) == [(1.0, 13.0, "hypopnea")]


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    "head",
    [
        BOMB,
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x SYSTEM "http://localhost/x.dtd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>',
    ],
)
def test_entities_and_document_types_are_refused(read, head):
    assert "without document type and entities" in refusal(read, nsrr(("&c;", 1, 12), head=head))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (nsrr(("Hypopnea", "ten", 12)), "ScoredEvent 1, Start: expected a number of seconds, got 'ten'"),
        (nsrr(("Hypopnea", 1, "nan")), "ScoredEvent 1, Duration"),
        (nsrr(("Hypopnea", 1, "1e999")), "ScoredEvent 1, Duration"),
        (nsrr(("Hypopnea", 1, 12))[:-9], "valid XML"),
        ("<html></html>", "PSGAnnotation or CMPStudyConfig"),
        ("<PSGAnnotation></PSGAnnotation>", "an element ScoredEvents"),
        (nsrr(("Hypopnea", 1, 12), tag="Concept"), "an element EventConcept"),
    ],
)
def test_xml_that_is_wrong_is_one_line(read, text, words):
    assert words in refusal(read, text)


STAGES = "".join(
    f"<ScoredEvent><EventType>Stages|Stages</EventType><EventConcept>{concept}</EventConcept>"
    f"<Start>{start}</Start><Duration>{duration}</Duration></ScoredEvent>"
    for concept, start, duration in (
        ("Wake|0", 0, 60),
        ("Stage 2 sleep|2", 60, 30),
        ("Stage 4 sleep|4", 90, 30),
        ("REM sleep|5", 120, 30),
        ("Unscored|9", 150, 30),
    )
)
STAGED_SPANS = [(0, 60, "wake"), (60, 90, "n2"), (90, 120, "n3"), (120, 150, "rem"), (150, 180, "unknown")]


def test_stages_of_nsrr_xml_are_a_hypnogram(tmp_path):
    path = tmp_path / "a.xml"
    text = nsrr(("Hypopnea|Hypopnea", 70, 20))
    path.write_text(text.replace("</ScoredEvents>", f"{STAGES}</ScoredEvents>"), encoding="utf-8")
    assert [tuple(span) for span in hsat.read_hypnogram(path).spans] == STAGED_SPANS
    assert spans(hsat.read_scoring(path)) == [(70.0, 90.0, "hypopnea")]


def test_stages_of_profusion_xml_are_a_hypnogram(tmp_path):
    path = tmp_path / "a.xml"
    epochs = "".join(f"<SleepStage>{stage}</SleepStage>" for stage in (0, 0, 2, 4, 5, 9))
    text = (
        f"<CMPStudyConfig><EpochLength>30</EpochLength><SleepStages>{epochs}</SleepStages></CMPStudyConfig>"
    )
    path.write_text(text, encoding="utf-8")
    assert [tuple(span) for span in hsat.read_hypnogram(path).spans] == STAGED_SPANS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (nsrr(("Hypopnea", 1, 12)), "stages of sleep"),
        (nsrr(head=BOMB), "without document type and entities"),
        (nsrr().replace("</Sc", STAGES.replace("|2<", "|nap<") + "</Sc"), "ScoredEvent 2: expected a stage"),
        (nsrr().replace("</Sc", STAGES.replace(">60<", ">x<") + "</Sc"), "ScoredEvent 1, Duration"),
        ("<html></html>", "PSGAnnotation or CMPStudyConfig"),
    ],
)
def test_xml_that_is_no_hypnogram_is_one_line(tmp_path, text, words):
    path = tmp_path / "a.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReadError, match=words) as caught:
        hsat.read_hypnogram(path)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------ Luna


def test_luna_annot_in_all_its_times(read):
    """Start 23:00:00; 23:59:50 is 3590 s, 00:00:05 the next day 3605 s."""
    text = (
        "# hypopnea | a description | val[num]\n"
        "class\tinstance\tchannel\tstart\tstop\tmeta\n"
        "apnea_obstructive\t.\t.\t10.25\t22.5\t.\n"
        "A. Central\t2\tC3\t30\t+12.5\t1\n"
        "hypopnea\t.\t.\t23:59:50\t00:00:05\t.\n"
        "hypopnea\t.\t.\t23.01.00.500\t+15\t.\n"
        "hypopnea\t.\t.\t0+00:02:00\t0+00:02:20\t.\n"
        "hypopnea\t.\t.\t200\t...\t.\n"
        "N2\t.\t.\te:8\t.\t.\n"
        "apnea_mixed\t.\t.\te:11\te:11\t.\n"
    )
    assert spans(read(text, START)) == [
        (10.25, 22.5, OA),
        (30.0, 42.5, CA),
        (60.5, 75.5, "hypopnea"),
        (120.0, 140.0, "hypopnea"),
        (200.0, 210.0, "hypopnea"),
        (300.0, 330.0, MA),
        (3590.0, 3605.0, "hypopnea"),
    ]


@pytest.mark.parametrize(
    "text",
    ["hypopnea 10.5 22.5\n", "hypopnea . 10.5 22.5\n", "class start stop\nhypopnea 10.5 +12\n"],
)
def test_luna_annot_of_three_and_four_columns(read, text):
    assert spans(read(text)) == [(10.5, 22.5, "hypopnea")]
    assert read(text).format == "Luna .annot"


def test_luna_clock_times_need_the_recordings_start(read):
    with pytest.raises(StartNeededError):
        read("hypopnea\t23:00:10\t23:00:30\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hypopnea\t1\t12\nhypopnea\tx\t20\n", "line 2"),
        ("hypopnea\t1\t12\nhypopnea\t1\n", "line 2: expected 3, 4 or 6 columns, got 2"),
        ("hypopnea\t23:00:30\t23:00:10\n", "a stop after the start"),
    ],
)
def test_luna_lines_that_are_wrong_are_named(read, text, words):
    assert words in refusal(read, text)


# ------------------------------------------------------------------------ EDF+ and EVE


def test_real_device_events_end_at_their_stamp_and_lie_on_the_recordings_clock(shared_data):
    """The truths were made from the same cards by another program, hypopneas 20 s long."""
    folder = shared_data / "real"
    pairs = {
        "cpaplib-20230822T2251": "resmed-cpaplib/DATALOG/20230822/20230822_224916_EVE.edf",
        "cpaplib-20230825T2256": "resmed-cpaplib/DATALOG/20230825/20230825_225630_EVE.edf",
        "cpaplib-20230906T2222": "resmed-cpaplib/DATALOG/20230906/20230906_222216_EVE.edf",
        "snore-20250808T0102": "resmed-snore/20250808/20250808_010203_EVE.edf",
    }
    for name, log in pairs.items():
        start = hsat.read_recording(folder / "resmed-joined" / f"{name}.edf").start_local
        truth = hsat.read_scoring(folder / "resmed-joined" / f"{name}.truth.csv")
        scoring = hsat.read_scoring(folder / "resmed-original" / log, start_local=start)
        assert spans(scoring) == spans(truth)
        assert scoring.format == "ResMed EVE"
        has_hypopneas = any(event.kind is EventKind.HYPOPNEA for event in truth.events)
        assert ("scoring_guessed_length" in codes(scoring)) is has_hypopneas


def test_annotations_of_an_edf_count_from_the_recordings_start(tmp_path):
    event = ScoredEvent(kind=EventKind.HYPOPNEA, start_s=100.0, stop_s=120.0)
    early = ScoredEvent(kind=EventKind.HYPOPNEA, start_s=10.0, stop_s=35.0)
    path = tmp_path / "a.edf"
    scoring = Scoring(source_path="", format="", events=(early, event), start_local=START)
    hsat.write_scoring(scoring, path)
    read = hsat.read_scoring(path, start_local=START + timedelta(seconds=30))
    assert spans(read) == [(0.0, 5.0, "hypopnea"), (70.0, 90.0, "hypopnea")]
    assert codes(read) == {"scoring_by_clock", "scoring_cut"}
    read = hsat.read_scoring(path, start_local=START + timedelta(seconds=35))
    assert spans(read) == [(65.0, 85.0, "hypopnea")]
    assert "scoring_before_start" in codes(read)
    hsat.read_scoring(path, start_local=START + timedelta(days=1))
    with pytest.raises(ReadError, match="within a day"):
        hsat.read_scoring(path, start_local=START + timedelta(days=1, seconds=1))


def test_an_edf_without_annotations_is_no_scoring(tmp_path):
    path = tmp_path / "night.edf"
    write_edf(path, small_night(), duration_s=60)
    with pytest.raises(ReadError, match="without any"):
        hsat.read_scoring(path)


def test_texts_of_a_technician_appear_nowhere(read):
    scoring = read(nsrr(("Mr Miller turned", 1, 2), ("Hypopnea|Hypopnea", 10, 12)))
    assert "Miller" not in repr(scoring)


# ------------------------------------------------------------------------ commands


def table(*rows):
    return "\n".join(["start_s,stop_s,kind", *rows]) + "\n"


def test_compare_takes_the_start_from_the_other_file(tmp_path, capsys):
    event = ScoredEvent(kind=EventKind.HYPOPNEA, start_s=3590.0, stop_s=3605.0)
    first, second = tmp_path / "a.edf", tmp_path / "b.csv"
    hsat.write_scoring(Scoring(source_path="", format="", events=(event,), start_local=START), first)
    second.write_text(nox(), encoding="utf-16")
    for pair in ([first, second], [second, first]):
        assert main(["compare", *map(str, pair), "--format", "csv"]) == 0
        header, row = capsys.readouterr().out.splitlines()
        figures = dict(zip(header.split(","), row.split(","), strict=False))
        assert figures["events_any_n_matched"] == "1"


def test_a_scored_recording_says_when_it_started_on_either_side(tmp_path):
    """The export's own start is a minute before the recording's."""
    night, export = tmp_path / "a.json", tmp_path / "b.txt"
    document = {"schema": "hsat.night/1", "recording": {"start_local": "2024-05-30T23:00:00"}, "events": []}
    night.write_text(json.dumps(document), encoding="utf-8")
    export.write_text(DOMINO, encoding="utf-8")
    for pair in ((night, export), (export, night)):
        scoring = next(x for x in read_scoring_pair(*pair) if x.format == "DOMINO event text")
        assert spans(scoring)[0] == (2925.119, 2941.408, "hypopnea")


def test_compare_of_clock_times_needs_a_start(tmp_path, capsys):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(table("2925,2941,obstructive_apnea"), encoding="utf-8")
    second.write_text(nox(), encoding="utf-16")
    assert main(["compare", str(first), str(second)]) == 3
    assert "--start YYYY-MM-DDTHH:MM:SS" in capsys.readouterr().err
    assert main(["compare", str(first), str(second), "--start", "2024-05-30T23:00"]) == 0
    assert "REFERENCE: scoring: 1 entries" in capsys.readouterr().out
    assert main(["compare", str(first), str(second), "--start", "23:00"]) == 2


def test_folders_of_the_archive_pair_by_the_name_of_the_night(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "shhs1-200001.csv").write_text(table("1,12,hypopnea"), encoding="utf-8")
    xml = nsrr(("Hypopnea|Hypopnea", 1, 11))
    (tmp_path / "b" / "shhs1-200001-nsrr.xml").write_text(xml, encoding="utf-8")
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
