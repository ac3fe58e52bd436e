"""Sheets as PDF, read back by another library: numbers of the JSON, nothing clipped, nothing that acts."""

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from night_builder import make_event, make_recording, make_result
from patient_nights import make_night as make_scored
from patient_nights import make_nights
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, NameObject
from test_report import HOSTILE, hostile_night

from benchmarks.edf_files import small_night, write_edf
from hsat.cli.main import main
from hsat.events import EventKind
from hsat.nights.summary import summarize_nights
from hsat.nights.treatment import compare_treatment
from hsat.patient import PatientSummary
from hsat.recording import Note, Subject
from hsat.report.document import night_document
from hsat.report.drawing import Box, Drawing, Stroke, Words
from hsat.report.night_drawing import draw_overview
from hsat.report.patient_document import patient_document
from hsat.report.patient_view import view_patient
from hsat.report.pdf import render_night_pdf, render_patient_pdf, render_treatment_pdf
from hsat.report.pdf_paper import shown, text_width, wrapped
from hsat.report.treatment_document import treatment_document
from hsat.report.treatment_view import view_treatment
from hsat.report.view import NightView, view_night
from hsat.results import NightResult
from hsat.score import score_night
from hsat.simulate import make_night

ROOT = Path(__file__).resolve().parents[1]
PHYSICIAN = "Interpreting physician:"
ACTIONS = {
    "/JavaScript",
    "/JS",
    "/OpenAction",
    "/AA",
    "/A",
    "/URI",
    "/Launch",
    "/EmbeddedFiles",
    "/SubmitForm",
}
"""Keys and names by which a PDF acts or reaches out (ISO 32000-1, 12.6)."""


def text_of(data: bytes) -> str:
    """All pages as one text, each run of white space as one blank."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


def squeezed(text: str) -> str:
    """Without white space: lines break where the sheet has no more room."""
    return re.sub(r"\s", "", text)


def names_in(data: bytes) -> set[str]:
    """Every key, and every value that is a name, of every object of a PDF."""
    found: set[str] = set()

    def look(thing):
        if isinstance(thing, DictionaryObject):
            for key, value in thing.items():
                found.add(str(key))
                look(value)
        elif isinstance(thing, ArrayObject):
            for value in thing:
                look(value)
        elif isinstance(thing, NameObject):
            found.add(str(thing))

    reader = PdfReader(io.BytesIO(data))
    for number in range(1, int(reader.trailer["/Size"])):
        look(reader.get_object(number))
    return found


def n_pages(data: bytes) -> int:
    return len(PdfReader(io.BytesIO(data)).pages)


@pytest.fixture(scope="module")
def night() -> NightResult:
    return score_night(make_night(seed=4, duration_h=1.5, events_per_h=25.0, near_misses_per_h=6.0).recording)


@pytest.fixture(scope="module")
def data(night) -> bytes:
    return render_night_pdf(night)


@pytest.fixture(scope="module")
def summary() -> PatientSummary:
    position = {"supine_h": 2.5, "non_supine_h": 4.0, "supine_ahi_per_h": 31.2, "non_supine_ahi_per_h": 9.1}
    nights = [*make_nights([75, 123, 95, 140], **position), make_scored(4, 20, 3.0), make_scored(5, 5, 1.0)]
    return summarize_nights(nights, rule="worst-night")


# -------------------------------------------------------------------------- the same words and numbers


def assert_holds_the_view(data: bytes, view: NightView) -> None:
    """Every word of the view stands in the text that the other library reads."""
    text = squeezed(text_of(data))
    for words in (view.headline, *view.remarks, *view.closing):
        assert squeezed(words) in text
    for section in (view.facts, *view.sections):
        assert squeezed(section.title + section.text) == "" or squeezed(section.title) in text
        assert squeezed(section.text) in text
        for row in section.rows:
            for words in (row.label, row.value, row.remark):
                assert squeezed(words) in text, row
    for title, items in view.lists:
        assert squeezed(title) in text
        for item in items:
            assert squeezed(item) in text


def test_every_word_of_the_nights_view_can_be_read_back(night, data):
    assert_holds_the_view(data, view_night(night))


def test_every_word_of_the_patients_view_can_be_read_back(summary):
    assert_holds_the_view(render_patient_pdf(summary), view_patient(summary))


def test_every_word_of_the_treatments_view_can_be_read_back():
    after = [make_scored(30 + day, n, therapy="pap", severity=None) for day, n in enumerate((12, 20, 15))]
    response = compare_treatment(make_nights([203, 180, 220]), after)
    data = render_treatment_pdf(response)
    assert_holds_the_view(data, view_treatment(response))
    change = treatment_document(response)["change_per_h"]
    assert f"Change {change:+.1f} /h" in text_of(data)


def test_numbers_of_a_night_are_those_of_the_json(night, data):
    """Rounded here by hand: one decimal for rates and shares, none for the lowest SpO2 and pulse."""
    text, indices = text_of(data), night_document(night)["indices"]
    for label, words in (
        ("Apneas + hypopneas (AHI)", f"{indices['ahi_per_h']:.1f} /h"),
        ("Desaturations >= 4 points (ODI4)", f"{indices['odi4_per_h']:.1f} /h"),
        ("Mean SpO2", f"{indices['mean_spo2_percent']:.1f} %"),
        ("Lowest SpO2", f"{indices['min_spo2_percent']:.0f} %"),
        ("Time below 90 % (T90)", f"{indices['t90_percent']:.1f} % of time"),
        ("Mean pulse", f"{indices['mean_pulse_bpm']:.0f} bpm"),
        ("AHI supine", f"{indices['supine_ahi_per_h']:.1f} /h"),
        ("central", f"{indices['central_apnea_index_per_h']:.1f} /h"),
    ):
        assert f"{label} {words}" in text


def test_numbers_of_a_patient_are_those_of_the_json(summary):
    text, document = text_of(render_patient_pdf(summary)), patient_document(summary)
    assert f"Pooled AHI {document['pooled_ahi_per_h']:.1f} /h" in text
    assert f"Mean AHI over many nights {document['posterior']['mean_ahi_per_h']:.1f} /h" in text
    assert f"AHI supine {document['position']['supine_ahi_per_h']:.1f} /h" in text
    for night in document["nights"]:
        assert (
            f"{night['start_local'].replace('T', ' ')[:16]} {night['severity']} {night['ahi_per_h']:.1f} /h"
            in text
        )
    moderate = document["posterior"]["class_probability"]["moderate"]
    assert f"moderate {100 * moderate:.0f} %" in text
    assert "night-6.edf: inadequate" in text


def test_a_sheet_says_rules_version_way_of_scoring_and_has_a_line_to_sign(night, data):
    text = text_of(data)
    assert f"Rules {night.rules_id}; hsat {night.hsat_version}; automatic scoring." in text
    assert "automatic scoring, adequate" in text or "automatic scoring, inadequate" in text
    assert PHYSICIAN in text
    assert text.count(PHYSICIAN) == 1
    assert "edited scoring" in text_of(render_night_pdf(make_result(scoring="edited")))


def test_what_was_not_measured_stands_there_with_its_reason():
    """A night by hand without effort, position and snoring sensors."""
    text = squeezed(text_of(render_night_pdf(make_result())))
    view = dict(view_night(make_result()).lists)
    assert view["Not measured"]
    for line in view["Not measured"]:
        assert squeezed(line) in text


@pytest.mark.parametrize(
    "changes",
    [
        {"events": (), "rejected": (), "desaturations": ()},
        {"flow_sensor": None, "events": (), "rejected": (), "severity": None},
        {"recording": make_recording(start_local=None)},
        {"overview": replace(make_result().overview, flow_excursion=None, spo2_percent=None)},
        {"adequacy": "inadequate", "reasons": ("too short",), "severity": None},
        {"therapy": "pap", "severity": None},
    ],
)
def test_nights_that_lack_something_are_written_too(changes):
    night = make_result(**changes)
    assert_holds_the_view(render_night_pdf(night), view_night(night))


def test_a_patient_without_a_usable_night_has_a_sheet_that_says_why():
    summary = summarize_nights([make_scored(0, 5, 1.0)])
    text = text_of(render_patient_pdf(summary))
    assert "No night of this patient can be used" in text
    assert "night-1.edf: inadequate" in text


# ----------------------------------------------------------------------------------------- the sheets


def test_a_night_takes_one_sheet(data):
    assert n_pages(data) == 1
    assert "page 1 of 1" in text_of(data)


def test_a_patient_takes_one_sheet_with_the_last_31_nights():
    summary = summarize_nights(make_nights([20 + 37 * i % 60 for i in range(60)]), compare_priors=False)
    data = render_patient_pdf(summary)
    assert n_pages(data) == 1
    assert text_of(data).count("night-") == 31


@pytest.mark.parametrize("n_notes", [60, 400])
def test_long_lists_go_on_on_further_sheets_and_lose_no_line(n_notes):
    notes = tuple(
        Note(code="x", text=f"note {n:03d} of a file with many faults, told at length")
        for n in range(n_notes)
    )
    data = render_night_pdf(make_result(notes=notes))
    pages = [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages]
    assert len(pages) > 1 + (n_notes > 100)
    whole = " ".join(pages)
    assert [n for n in range(n_notes) if f"note {n:03d} of a file" not in whole] == []
    for number, page in enumerate(pages, start=1):
        assert f"page {number} of {len(pages)}" in page
        assert "Night of 2026-03-03, p-0123456789ab" in page
    assert PHYSICIAN in pages[-1]


def test_a_block_stays_in_one_column_where_the_sheet_has_room(night, data):
    """Rows of a section begin at the left edge of its title, or at the indent of 7 points."""
    places = positions_of(data)
    for title, last in (
        ("Oxygen", "Burden of all desaturations"),
        ("Position", "Time upright, monitored or not"),
    ):
        (top,) = [(x, y) for x, y, text in places if text.strip() == title and x > 36.0 - 1.0][-1:]
        (end,) = [(x, y) for x, y, text in places if text.strip() == last]
        assert end[0] == pytest.approx(top[0], abs=0.01)
        assert end[1] < top[1]


def positions_of(data: bytes) -> list[tuple[float, float, str]]:
    """Where each text begins, in points from the lower left corner."""
    found = []

    def visit(text, matrix, text_matrix, _font, _size):
        if text.strip():
            found.append(
                (text_matrix[4] * matrix[0] + matrix[4], text_matrix[5] * matrix[3] + matrix[5], text)
            )

    for page in PdfReader(io.BytesIO(data)).pages:
        page.extract_text(visitor_text=visit)
    return found


def test_no_text_begins_outside_the_margins(data, summary):
    for sheet in (data, render_patient_pdf(summary)):
        places = positions_of(sheet)
        assert len(places) > 50
        assert min(x for x, _, _ in places) >= 30.0
        assert max(x for x, _, _ in places) <= 595.28 - 30.0
        assert min(y for _, y, _ in places) >= 12.0
        assert max(y for _, y, _ in places) <= 841.89 - 20.0


def test_lines_are_never_wider_than_asked_and_lose_nothing():
    text = "The quick " + "w" * 300 + " fox, 17.3 /h " + "again and " * 40
    lines = wrapped(text, "row", 90.0)
    assert max(text_width(line, "row") for line in lines) <= 90.0
    assert squeezed("".join(lines)) == squeezed(text)


def test_latin_greek_and_cyrillic_are_drawn_and_other_scripts_escaped():
    """DejaVu Sans has no Chinese characters: they are written out, not drawn as empty boxes."""
    assert shown("Grün é ₂ ≥ µ αβγ Пример") == "Grün é ₂ ≥ µ αβγ Пример"
    assert shown("睡眠 ok") == r"\u7761\u7720 ok"
    night = make_result(notes=(Note(code="x", text="Запись № 7: Ἀθῆναι, 睡眠"),))
    assert r"Запись № 7: Ἀθῆναι, \u7761\u7720" in text_of(render_night_pdf(night))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\u05d0\u05d1 1", r"\u05d0\u05d1 1"),  # Hebrew alef, bet: would be written from the left
        ("\u0639-7", r"\u0639-7"),  # Arabic ain: would be neither joined nor in order
        ("\u0661", r"\u0661"),  # an Arabic digit one
        ("e\u0301", "\xe9"),  # a letter with its mark is one letter
        ("q\u0301", r"q\u0301"),  # no such letter: the mark has no place to stand
        ("\u0928\u093f", r"\u0928\u093f"),  # Devanagari: the second sign is written before the first
        ("\uf001", r"\uf001"),  # for private use
    ],
)
def test_scripts_that_need_an_order_or_shapes_are_escaped_and_the_sheet_says_so(text, words):
    assert shown(text) == words
    data = render_night_pdf(make_result(notes=(Note(code="x", text=text),)))
    assert words in text_of(data)
    assert ("by their Unicode numbers" in text_of(data)) == ("\\" in words)


# ----------------------------------------------------------------------------------------- the figure


def boxes(drawing: Drawing, style: str) -> list[Box]:
    return [shape for shape in drawing.shapes if isinstance(shape, Box) and shape.style.startswith(style)]


def test_the_overview_has_every_event_in_the_row_of_its_kind_and_every_excluded_span():
    """8 h over 447 points: an hour is 55.875 points; the first event is after 1 h."""
    drawing = draw_overview(make_result())
    assert [box.style for box in boxes(drawing, "event")] == [
        "event obstructive_apnea",
        "event central_apnea",
        "event hypopnea",
        "event uncounted",
    ]
    first = boxes(drawing, "event")[0]
    assert first.x == pytest.approx(74.0 + 55.875, abs=0.01)
    assert len({box.y for box in boxes(drawing, "event")}) == 3
    shades = [(box.x, box.width) for box in boxes(drawing, "excluded")]
    per_s = 447.0 / 28_800.0
    wanted = [(20_000.0, 300.0), (0.0, 900.0), (25_680.0, 3120.0)]
    assert shades == [
        pytest.approx((74.0 + start * per_s, length * per_s), abs=0.01) for start, length in wanted
    ]
    clock = [shape.text for shape in drawing.shapes if isinstance(shape, Words) and ":" in shape.text]
    assert clock[:3] == ["23:00", "00:00", "01:00"]


def test_the_overview_breaks_its_lines_where_nothing_was_measured():
    overview = make_result().overview
    spo2 = overview.spo2_percent.copy()
    spo2[100:200] = float("nan")
    drawing = draw_overview(make_result(overview=replace(overview, spo2_percent=spo2)))
    lines = [shape for shape in drawing.shapes if isinstance(shape, Stroke) and shape.style == "spo2"]
    assert [len(line.points) for line in lines] == [100, 280]


def test_the_figure_is_vectors(data):
    page = PdfReader(io.BytesIO(data)).pages[0]
    assert len(page.images) == 0
    assert page.get_contents().get_data().count(b" re") > 20


# ------------------------------------------------------------------------------- bytes, time and safety


def test_the_same_night_gives_the_same_bytes_in_any_process(tmp_path):
    code = (
        "import sys; sys.path[:0] = ['tests', '.']\n"
        "from night_builder import make_result\n"
        "from hsat.report.pdf import render_night_pdf\n"
        "data = render_night_pdf(make_result())\n"
        "open(sys.argv[1], 'wb').write(data)\n"
    )
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes() == render_night_pdf(make_result())


def test_a_night_of_8_h_is_small():
    long = replace(
        make_result(), events=tuple(make_event(EventKind.HYPOPNEA, 900.0 + 50.0 * n) for n in range(500))
    )
    assert len(render_night_pdf(long)) < 200_000


def test_metadata_name_nobody():
    night = make_result(recording=make_recording(subject=Subject(patient="Ms-Code-77")))
    data = render_night_pdf(night)
    reader = PdfReader(io.BytesIO(data))
    assert "Ms-Code-77" in text_of(data)
    assert reader.metadata is not None
    words = " ".join(str(value) for value in reader.metadata.values())
    assert reader.metadata.title == "Home sleep apnea test"
    for identifier in ("Ms-Code-77", "night.edf", "2026"):
        assert identifier not in words
        assert identifier.encode() not in data  # pages are compressed, the rest is not
    assert reader.xmp_metadata is None


def test_hostile_texts_are_inert():
    data = render_night_pdf(hostile_night())
    text = text_of(data)
    assert r"\x1b[31mred\x07\nnext" in text
    assert HOSTILE not in text
    assert text.isprintable()
    script = "<script>alert(1)</script> (x) Tj ET /JS (app.alert(1)) \\) ../../etc"
    reader_bytes = render_night_pdf(make_result(notes=(Note(code="x", text=script),)))
    assert squeezed(script) in squeezed(text_of(reader_bytes))
    for sheet in (data, reader_bytes):
        assert "/Font" in names_in(sheet)
        assert names_in(sheet) & ACTIONS == set()


def test_a_label_of_10_kb_is_cut_and_says_so():
    night = make_result(notes=(Note(code="x", text="L" * 10_000),))
    text = squeezed(text_of(render_night_pdf(night)))
    assert max(len(run) for run in re.findall("L+", text)) == 300
    assert "L...(10000characters)" in text


# ----------------------------------------------------------------------------------- the command line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_edf(tmp_path / "night.edf", small_night(), duration_s=1800)
    return tmp_path


def test_format_pdf_sends_the_sheet_of_one_night_to_standard_output(folder, capfdbinary):
    assert main(["score", "night.edf", "--format", "pdf"]) == 0
    out = capfdbinary.readouterr().out
    assert out.startswith(b"%PDF-")
    assert "night.edf" in text_of(out)


def test_format_pdf_writes_a_sheet_a_night_and_prints_the_table(folder, capsys):
    Path("other.edf").write_bytes(Path("night.edf").read_bytes())
    assert main(["score", "night.edf", "other.edf", "--format", "pdf", "--out", "sheets"]) == 0
    assert sorted(path.name for path in Path("sheets").iterdir()) == ["night.night.pdf", "other.night.pdf"]
    assert "2 of 2 files scored" in capsys.readouterr().out


def test_several_sheets_need_a_folder(folder, capsys):
    Path("other.edf").write_bytes(Path("night.edf").read_bytes())
    assert main(["score", "night.edf", "other.edf", "--format", "pdf"]) == 2
    err = capsys.readouterr().err
    assert err == "hsat: --format pdf without --out DIR: expected one recording with it, got 2\n"


@pytest.mark.parametrize("form", ["pdf", "html"])
@pytest.mark.parametrize(
    "words",
    [["score", "night.edf"], ["patient", "night.edf"], ["treatment", "--before", "a", "--after", "b"]],
)
def test_a_terminal_gets_no_page(folder, capsys, monkeypatch, form, words):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main([*words, "--format", form]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"hsat: --format {form}: expected --out DIR, or standard output sent to a file, got a terminal\n"
    )


def test_the_sheet_of_a_patient_and_of_a_treatment(folder, capsys):
    sample = [str(ROOT / "data" / "samples" / f"night-{n}.edf") for n in (1, 2, 3)]
    for number, path in enumerate(sample, start=1):
        assert main(["score", path, "--format", "json", "--out", "scored"]) == 0, number
    assert main(["patient", "scored", "--format", "pdf", "--out", "sheets"]) == 0
    assert main(["patient", "scored", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out.rpartition("\n{")[2].join(["{", ""]))
    sheet = text_of(Path("sheets/patient.pdf").read_bytes())
    assert f"Pooled AHI {document['pooled_ahi_per_h']:.1f} /h" in sheet
    sides = ["--before", "scored/night-1.night.json", "scored/night-2.night.json"]
    sides += ["--after", "scored/night-3.night.json", "--treatment", "appliance"]
    assert main(["treatment", *sides, "--format", "pdf", "--out", "sheets"]) == 0
    assert "Mean AHI over many nights" in text_of(Path("sheets/treatment.pdf").read_bytes())
    assert sorted(path.name for path in Path("sheets").iterdir()) == ["patient.pdf", "treatment.pdf"]
