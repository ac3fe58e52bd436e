"""Recordings whose names, labels and codes are made to hurt, through every command and format as files."""

import csv
import io
import json
import os
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from edf_bytes import Channel, Header, build
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, NameObject

from hsat.cli.main import main
from hsat.report.rows import INDEX_ROWS
from hsat.report.tables import csv_text

MINUTES = 40
FLOW_HZ = 10
FLOW_LABEL = "<script>x()//"
SPO2_LABEL = "=1+1;@cmd $\\f{"
LABELS = ("--map", f"flow={FLOW_LABEL}", "--map", f"spo2={SPO2_LABEL}")
NAMES = (
    "<img src=x onerror=alert(1)>.edf",
    "\x1b[31mred\x07.edf",
    "a\u202efde\u2066.edf",
    "=1+1;=2;-3.edf",
    "@SUM(1)|cmd.edf",
    "a\nb\r=2.edf",
    os.fsdecode(b"b\xffd.edf"),
    "\U0001f634日本.edf",
    "{{7*7}}{% raw %}$\\frac{.edf",
    "up\\..\\..\\x.edf",
    "-rf.edf",
    "x" * 250 + ".edf",
)
CODES = (
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "../../x",
    "$\\frac{$",
    "\u202eabc",
    "(x)Tj/JS(app.alert(1))",
    "a\u200b\u200d\ufeffb",
    "שלום-עربي",
)
GIVEN_CODES = tuple(code for code in CODES if code.isprintable())
ACTING = {"/JavaScript", "/JS", "/OpenAction", "/AA", "/A", "/URI", "/Launch", "/EmbeddedFiles", "/Annots"}
"""Keys and names by which a PDF acts, links or reaches out (ISO 32000-1, 12.5 and 12.6)."""
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
FORMATS = ("text", "json", "csv", "html", "pdf", "fhir")
FORMULA_STARTS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")


def edf(code: str, day: int, flow: str = FLOW_LABEL, spo2: str = SPO2_LABEL) -> bytes:
    """40 min of breathing, a pause of 20 s every 2 min with a fall of SpO2 behind it."""
    seconds = np.arange(MINUTES * 60)
    times = np.arange(MINUTES * 60 * FLOW_HZ) / FLOW_HZ
    breathing = 20_000 * np.sin(2 * np.pi * times / 4)
    breathing[(times % 120 > 60) & (times % 120 < 80)] *= 0.02
    saturation = np.where((seconds % 120 > 75) & (seconds % 120 < 100), 90, 96) * 100
    channels = [
        Channel(
            label=flow,
            stored=breathing.reshape(-1, FLOW_HZ).astype("<i2"),
            unit="L/min",
            transducer="<b>=1+1\x1b[0m",
        ),
        Channel(
            label=spo2,
            stored=saturation.reshape(-1, 1).astype("<i2"),
            unit="%",
            physical=("-327.68", "327.67"),
        ),
        Channel(label="<svg/onload=x>", stored=np.zeros((len(seconds), 1), "<i2"), unit="<i>\x07"),
        Channel(label=b"\x00\x01=cmd\x1b[1m", stored=np.zeros((len(seconds), 1), "<i2")),
    ]
    header = Header(
        patient=f"{code} F X X".encode(),
        recording="Startdate 03-MAR-2026 <b> =1 \x1b[1m",
        date=f"{day:02d}.03.26",
    )
    return build(header, channels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "in").mkdir()
    for i, name in enumerate(NAMES):
        (folder / "in" / name).write_bytes(edf(CODES[i % len(CODES)], i + 1))
    (folder / "tame.edf").write_bytes(edf("P1", 3, "Flow", "SpO2"))
    return folder


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def stored(folder):
    """The JSON of every night, as other commands read it."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        code = main(["score", "in", *LABELS, "--format", "json", "--out", "stored", "--keep-identifiers"])
    finally:
        os.chdir(here)
    assert code == 0
    return sorted(str(path.relative_to(folder)) for path in (folder / "stored").iterdir())


def files_below(folder: Path) -> set[str]:
    return {os.fsdecode(os.path.relpath(path, folder)) for path in folder.rglob("*") if path.is_file()}


def check_text(text: str) -> None:
    """Nothing that steers a terminal or turns the direction of writing."""
    assert [line for line in text.split("\n") if not line.isprintable()] == []
    text.encode("utf-8")


def check_csv(text: str) -> None:
    """No cell is a formula, split at commas or at semicolons."""
    check_text(text)
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    cells += [cell for line in text.split("\n") for cell in line.split(";")[1:]]
    for cell in cells:
        if cell.strip().startswith(FORMULA_STARTS):
            float(cell)


def check_json(text: str) -> None:
    assert text.isascii()
    json.loads(text)
    check_text(text)


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: Counter[tuple[str, ...]] = Counter()
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found[(tag, *sorted(name for name, _ in attributes))] += 1


def check_html(html: str, tame: str) -> None:
    """The elements of a page of a harmless file, and none other."""
    check_text(html)
    hostile, harmless = Elements(html).found, Elements(tame).found
    hostile.pop(("bdi",), None)  # around words from the right
    assert set(hostile) == set(harmless)
    for tag in (("script",), ("script", "id", "type"), ("style",), ("meta", "content", "http-equiv")):
        assert hostile[tag] == harmless[tag] == 1


def check_several(html: str, tame: str) -> None:
    """The page of a harmless code element for element; links lead to nothing outside."""
    check_text(html)
    hostile, harmless = Elements(html).found, Elements(tame).found
    for found in (hostile, harmless):
        found.pop(("bdi",), None)  # around words from the right
    assert hostile == harmless
    assert not re.search(r"""(?:href|src)\s*=\s*["'](?!#)""", html)


def pdf_names(thing, found: set[str]) -> set[str]:
    """Every key, and every value that is a name, below an object of a PDF."""
    if isinstance(thing, DictionaryObject):
        for key, value in thing.items():
            found.add(str(key))
            pdf_names(value, found)
    elif isinstance(thing, ArrayObject):
        for value in thing:
            pdf_names(value, found)
    elif isinstance(thing, NameObject):
        found.add(str(thing))
    return found


def check_pdf(raw: bytes) -> None:
    """Words of the file are only words: nothing acts, links or is drawn in another order than it is read."""
    reader = PdfReader(io.BytesIO(raw))
    found: set[str] = set()
    for number in range(1, int(reader.trailer["/Size"])):
        pdf_names(reader.get_object(number), found)
    assert "/Font" in found  # the walk saw the sheets
    assert found & ACTING == set()
    text = "\n".join(page.extract_text() for page in reader.pages)
    check_text(text)
    assert "Interpreting physician" in text
    assert not RIGHT_TO_LEFT.search(text)
    words = " ".join(str(value) for value in (reader.metadata or {}).values())
    assert not re.search(r"script|HYPERLINK|frac|\.edf", words)


def check(text: str, form: str) -> None:
    {"csv": check_csv, "json": check_json, "fhir": check_json}.get(form, check_text)(text)


@pytest.mark.parametrize("form", FORMATS)
def test_score_prints_and_writes_hostile_files_inert(folder, capsys, form):
    before = files_below(folder)
    arguments = ["score", "in", *LABELS, "--format", form, "--keep-identifiers"]
    assert main([*arguments, "--out", f"out-{form}"]) == 0
    streams = capsys.readouterr()
    check(streams.out, "text" if form in ("html", "pdf") else form)
    check_text(streams.err)
    written = files_below(folder) - before
    assert len(written) == len(NAMES) + (form == "csv")
    assert {os.path.dirname(path) for path in written} == {f"out-{form}"}  # noqa: PTH120 - texts, as given
    check_text("".join(sorted(written)))
    tame = ""
    if form == "html":
        assert main(["score", "tame.edf", "--format", "html"]) == 0
        tame = capsys.readouterr().out
    for path in written:
        if form == "pdf":
            check_pdf(Path(path).read_bytes())
            continue
        text = Path(path).read_text(encoding="utf-8")
        if form == "html":
            check_html(text, tame)
        else:
            check(text, form)


@pytest.mark.parametrize("form", ["text", "json"])
def test_inspect_shows_hostile_files_inert(capsys, form):
    assert main(["inspect", "in", "--format", form]) == 0
    streams = capsys.readouterr()
    check(streams.out, form)
    check_text(streams.err)


@pytest.mark.parametrize("form", ["text", "json", "csv"])
@pytest.mark.parametrize("code", GIVEN_CODES)
def test_patient_sums_up_hostile_nights_inert(stored, capsys, code, form):
    assert main(["patient", *stored, "--patient", code, "--format", form]) == 0
    streams = capsys.readouterr()
    check(streams.out, form)
    check_text(streams.err)


@pytest.mark.parametrize("code", [code for code in CODES if not code.isprintable()])
def test_a_code_that_turns_or_hides_text_is_refused_where_it_is_given(stored, capsys, code):
    assert main(["patient", *stored, "--patient", code]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    check_text(streams.err)


@pytest.mark.parametrize("form", ["html", "pdf"])
@pytest.mark.parametrize("command", ["patient", "treatment"])
def test_pages_and_sheets_of_several_nights_are_inert(stored, capsys, command, form):
    """Each code in turn over nights whose files have every hostile name; beside it a harmless one."""
    sides = ["--before", *stored[:6], "--after", *stored[6:]] if command == "treatment" else stored
    made = []
    for number, code in enumerate(("tame", "x" * 5000, *GIVEN_CODES)):
        place = Path(f"out-{command}-{form}-{number}")
        assert main([command, *sides, "--patient", code, "--format", form, "--out", str(place)]) == 0
        streams = capsys.readouterr()
        check_text(streams.out)
        check_text(streams.err)
        assert [path.name for path in place.iterdir()] == [f"{command}.{form}"]
        made.append((place / f"{command}.{form}").read_bytes())
    tame, *others = made
    for raw in others:
        if form == "pdf":
            check_pdf(raw)
        else:
            check_several(raw.decode("utf-8"), tame.decode("utf-8"))


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_pages_and_sheets_with_the_codes_of_hostile_files_are_inert(stored, capsys, form):
    """The codes as the files hold them, those too that the command line refuses."""
    pages = []
    for path in stored[: len(CODES)]:
        assert main(["patient", path, "--format", form, "--out", f"own-{form}"]) == 0
        check_text(capsys.readouterr().out)
        raw = Path(f"own-{form}/patient.{form}").read_bytes()
        if form == "pdf":
            check_pdf(raw)
        else:
            check_several(raw.decode("utf-8"), pages[0] if pages else raw.decode("utf-8"))
            pages.append(raw.decode("utf-8"))


def test_a_patients_figure_takes_a_code_that_opens_a_formula(stored, capsys):
    """A figure's text between dollars is mathematics, which this code would break off."""
    assert main(["patient", *stored, "--patient", "$\\frac{$", "--out", "figure"]) == 0
    assert Path("figure/patient.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("form", ["text", "json"])
def test_treatment_compares_hostile_nights_inert(stored, capsys, form):
    sides = ["--before", *stored[:3], "--after", *stored[3:6]]
    assert main(["treatment", *sides, "--patient", "<b>=1$\\f{", "--format", form]) == 0
    streams = capsys.readouterr()
    check(streams.out, form)
    check_text(streams.err)


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_compare_names_hostile_files_inert(stored, capsys, form):
    assert main(["compare", "stored", "stored", "--format", form]) == 0
    streams = capsys.readouterr()
    check(streams.out, form)
    check_text(streams.err)


@pytest.mark.parametrize("form", ["csv", "xml", "annot", "edf"])
def test_export_carries_nothing_of_the_files_texts(stored, capsys, form):
    """Only times and our own names of kinds go out, so that any hostile night exports the same bytes."""
    contents = set()
    for path in stored[:4]:
        assert main(["export", path, "--format", form, "--out", "exported"]) == 0
        raw = Path("exported").read_bytes()
        contents.add(raw[256:] if form == "edf" else raw)  # the header has the day of the night
    assert len(contents) == 1
    assert not re.search(rb"script|HYPERLINK|\x1b|cmd", contents.pop())
    check_text(capsys.readouterr().err)


def test_errors_about_hostile_files_are_one_printable_line(capsys):
    bad = "in/\x1b[31m<script>\n\u202e.edf"
    assert main(["score", bad, "nul\x00.edf", "--format", "json"]) == 3
    streams = capsys.readouterr()
    check_json(streams.out)
    check_text(streams.err)
    assert len(streams.err.splitlines()) == 2


@pytest.mark.parametrize("name", ["x" * 250, "\U0001f634" * 62, os.fsdecode(b"\xff" * 250)], ids=len)
def test_results_of_files_with_the_longest_names_are_stored(tmp_path, monkeypatch, capsys, name):
    """255 bytes is what file systems take: with ``.night.html.part`` behind, such a name has no room."""
    monkeypatch.chdir(tmp_path)
    for last in ("edf", "rec"):  # two of one name
        Path(f"{name}.{last}").write_bytes(edf("X", 3 if last == "edf" else 4, "Flow", "SpO2"))
    assert main(["score", f"{name}.edf", f"{name}.rec", "--format", "html", "--out", "out"]) == 0
    names = sorted(path.name for path in Path("out").iterdir())
    assert len(names) == 2
    assert any(item.endswith("-2.night.html") for item in names)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        (" @SUM(1)", "' @SUM(1)"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff20x", "'\uff20x"),
        ("a; =1+1", "a;' =1+1"),
        ("a;-1;+2", "a;'-1;'+2"),
        ("a; b; c", "a; b; c"),
        ("a-1; b=2", "a-1; b=2"),
    ],
)
def test_no_spreadsheet_begins_a_formula_in_a_cell_however_it_splits(text, cell):
    assert csv_text(("column",), [{"column": text}]) == f"column\n{cell}\n"


class Rows(HTMLParser):
    """Label and value of every row of the report's tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.is_open = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        self.is_open = tag in ("th", "td")
        if self.is_open and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.is_open = self.is_open and tag not in ("th", "td")

    def handle_data(self, data):
        if self.is_open and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_every_number_of_the_pages_report_is_the_jsons_rounded(samples, capsys):
    """Read from both outputs as texts: a number shown to n decimals lies within half of its last one."""
    path = str(samples / "night-1.edf")
    assert main(["score", path, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main(["score", path, "--format", "html"]) == 0
    html = capsys.readouterr().out
    report = html[html.index('class="report"') : html.index('id="events-title"')]
    labels = Counter(row.label.strip() for row in INDEX_ROWS if row.section)
    shown = [(row[0], row[1]) for row in Rows(report).rows if len(row) > 1]
    section_order = [row for row in INDEX_ROWS if row.section and document["indices"][row.key] is not None]
    n_compared = 0
    for row in section_order:
        texts = [value for label, value in shown if label == row.label.strip()]
        assert len(texts) >= 1, row.label
        value = document["indices"][row.key]
        near = [_distance(text, value) for text in texts]
        assert min(near) <= 0.5 + 1e-6, (row.key, texts, value)
        if labels[row.label.strip()] == 1:
            assert len(texts) == 1
        n_compared += 1
    assert n_compared > 30
    assert f"{document['scoring']} scoring" in html
    assert document["rules_id"] in html
    assert f"hsat {document['hsat_version']}" in html


def _distance(text: str, value: float) -> float:
    """How far a shown number lies from the value, in units of its last decimal."""
    found = re.match(r"-?\d+(?:\.(\d+))?", text)
    assert found is not None, text
    return abs(float(found[0]) - value) * 10 ** len(found[1] or "")
