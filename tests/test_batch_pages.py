"""Pages of nights and patients that a batch writes: whole, leading to each other, never out of date."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from batch_nights import ROOT, rows, write_night

import hsat
from hsat.batch.folder import UnwrittenError
from hsat.batch.outcome import Task
from hsat.batch.page_names import patient_stem
from hsat.batch.settings import BatchSettings, PageSettings
from hsat.batch.tasks import do_task
from hsat.cli.main import main
from hsat.report.document import night_json
from hsat.report.page import render_page
from hsat.report.page_shell import PageLink
from hsat.report.patient_page import render_patient_page
from hsat.report.pdf import render_night_pdf, render_patient_pdf
from hsat.rules.load import load_rules

LENGTH_S = 7500
"""A little over two hours: a night that counts, if partly."""
CODE = "CODE-A"
NIGHT_FORMS = (".night.html", ".night.json", ".night.pdf", ".night.txt")
PATIENT_FORMS = (".patient.html", ".patient.json", ".patient.pdf", ".patient.txt")


def night(path: Path, number: int, patient: str = "X") -> Path:
    return write_night(path, number, patient=f"{patient} F 02-MAR-1970 DOE^JANE", length_s=LENGTH_S)


def batch(*words: object) -> int:
    """``hsat batch`` on the folder of nights below the working folder."""
    return main(["batch", "nights", "--out", "out", "--jobs", "1", *map(str, words)])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two nights of a patient and one of nobody, with every page."""
    folder = tmp_path_factory.mktemp("pages")
    for number, name in enumerate(("a1.edf", "b/a2.edf")):
        night(folder / "nights" / name, number, CODE)
    night(folder / "nights" / "x.edf", 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HSAT_CONFIG_DIR", str(folder))
        patch.chdir(folder)
        assert batch("--pages", "--pdf") == 0
    return folder


@pytest.fixture
def copied(written, tmp_path, monkeypatch):
    """The same once more, to be changed; the working folder."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pages(folder: Path) -> dict[str, Path]:
    """Files of the folder of pages by name."""
    return {path.name: path for path in (folder / "out" / "pages").iterdir()}


def page_of(folder: Path, file: str) -> str:
    """What the names of a night's pages begin with, by its file."""
    ((stem,),) = rows(folder / "out", "SELECT page FROM nights WHERE file = ?", (file,))
    return str(stem).removeprefix("pages/")


def patient_page_of(folder: Path, file: str) -> str:
    """The same for its patient."""
    query = (
        "SELECT patients.page FROM nights JOIN patient_nights USING (night_id) "
        "JOIN patients USING (number) WHERE file = ?"
    )
    ((stem,),) = rows(folder / "out", query, (file,))
    return str(stem).removeprefix("pages/")


def links(path: Path) -> list[str]:
    """Where a page leads to, but for places on itself."""
    found = re.findall(r'<a [^>]*href="([^"#]+)"', path.read_text(encoding="utf-8"))
    return [unquote(target) for target in found]


def dead_links(folder: Path) -> list[tuple[str, str]]:
    """Links of the index and of every page that lead nowhere, or out of the folder of results."""
    out = folder / "out"
    found = []
    for path in (*out.glob("*.html"), *(out / "pages").glob("*.html")):
        for target in links(path):
            place = path.parent / target
            if not place.is_file() or not place.resolve().is_relative_to(out.resolve()):
                found.append((path.name, target))
    return found


# ------------------------------------------------------------------------ what is written


def test_every_night_and_every_patient_has_a_page_in_every_form(written):
    found = sorted(pages(written))
    assert len(found) == 3 * 4 + 2 * 4
    for ending in NIGHT_FORMS:
        assert sum(name.endswith(ending) for name in found) == 3
    for ending in PATIENT_FORMS:
        assert sum(name.endswith(ending) for name in found) == 2


def test_index_nights_and_patients_lead_to_each_other_and_nowhere_else(written):
    assert dead_links(written) == []
    patient = patient_page_of(written, "nights/a1.edf")
    nights = [page_of(written, name) for name in ("nights/a1.edf", "nights/b/a2.edf")]
    assert patient_page_of(written, "nights/b/a2.edf") == patient != patient_page_of(written, "nights/x.edf")
    for stem in nights:
        assert links(pages(written)[f"{stem}.html"]) == [f"{patient}.html", "../index.html"]
    to_nights = [f"./{stem}.html" for stem in nights]
    assert links(pages(written)[f"{patient}.html"]) == ["../index.html", *to_nights]
    targets = [target for target in links(written / "out" / "index.html") if target.startswith("pages/")]
    assert sorted(targets) == sorted(f"pages/{name}" for name in pages(written))


def test_the_pages_of_a_night_are_those_of_hsat_score_with_the_signals(written, monkeypatch):
    monkeypatch.chdir(written)
    ((code,),) = rows(written / "out", "SELECT patient FROM nights WHERE file = 'nights/a1.edf'")
    recording = hsat.read_recording("nights/a1.edf", patient=str(code))
    result = hsat.score_night(recording)
    stem, patient = page_of(written, "nights/a1.edf"), patient_page_of(written, "nights/a1.edf")
    ways = (PageLink("This patient", f"{patient}.html"), PageLink("All patients", "../index.html"))
    text = pages(written)[f"{stem}.html"].read_text(encoding="utf-8")
    assert text == render_page(result, recording, ways)
    assert text != render_page(result, None, ways)
    assert pages(written)[f"{stem}.json"].read_text(encoding="utf-8") == night_json(result)
    assert pages(written)[f"{stem}.pdf"].read_bytes() == render_night_pdf(result)


def test_the_pages_of_a_patient_are_those_of_hsat_patient(written, monkeypatch):
    """Summed up anew from the files, not from the ledger."""
    monkeypatch.chdir(written)
    ((code,),) = rows(written / "out", "SELECT patient FROM nights WHERE file = 'nights/a1.edf'")
    names = ("nights/a1.edf", "nights/b/a2.edf")
    results = [hsat.score_night(hsat.read_recording(name, patient=str(code))) for name in names]
    summary = hsat.summarize_nights(results, patient=str(code))
    assert [item.file for item in summary.nights] == list(names)
    stem = patient_page_of(written, names[0])
    to_nights = [f"{page_of(written, name)}.html" for name in names]
    expected = render_patient_page(summary, to_nights, (PageLink("All patients", "../index.html"),))
    assert pages(written)[f"{stem}.html"].read_text(encoding="utf-8") == expected
    assert pages(written)[f"{stem}.pdf"].read_bytes() == render_patient_pdf(summary)


def test_no_page_holds_or_is_called_by_an_identifier(written):
    from pypdf import PdfReader

    for name, path in pages(written).items():
        text = path.read_bytes().decode("utf-8", "replace")
        if name.endswith(".pdf"):
            text += "".join(page.extract_text() for page in PdfReader(path).pages)
        for secret in (CODE, "DOE^JANE", "02-MAR-1970", "1970-03-02"):
            assert secret not in text, name
            assert secret not in name


def test_the_files_own_code_stands_on_its_pages_where_asked_and_in_no_name(copied):
    assert batch("--pages", "--keep-identifiers") == 0
    stem = patient_page_of(copied, "nights/a1.edf")
    assert f"<h1>Patient {CODE}</h1>" in pages(copied)[f"{stem}.html"].read_text(encoding="utf-8")
    assert not any(CODE in name for name in pages(copied))
    assert dead_links(copied) == []


def test_names_of_patients_pages_hang_on_code_folder_or_card_as_patients_do():
    """By hand: same code, same folder, same card: same page; a night of nobody has its own."""

    def stem(patient_from: str = "code", night_id: str = "n1", **cells: object) -> str:
        given = {"file": "f/a.edf", "patient": None, "recorder": None, "is_card": 0}
        return patient_stem(given | cells, night_id=night_id, patient_from=patient_from)

    assert stem(patient="P-1") == stem(patient="P-1", file="g/b.edf", night_id="n2")
    assert stem(patient="P-1") != stem(patient="P-2")
    assert stem() != stem(night_id="n2")
    assert stem("folder") == stem("folder", file="f/b.edf", patient="P-1", night_id="n2")
    assert stem("folder") != stem("folder", file="g/b.edf")
    card = {"recorder": "token", "is_card": 1}
    assert stem(**card) == stem(**card, file="g/b.edf", night_id="n2") != stem(night_id="n2")
    assert stem(**card, patient="P-1") == stem(patient="P-1")


# ------------------------------------------------------------------------ going on


def inodes(folder: Path) -> dict[str, int]:
    return {name: path.stat().st_ino for name, path in pages(folder).items()}


def test_nothing_new_writes_no_page(copied):
    before = inodes(copied)
    assert batch("--pages", "--pdf") == 0
    assert inodes(copied) == before


def test_pages_are_written_later_for_nights_that_were_scored_without(copied):
    shutil.rmtree(copied / "out")
    assert batch() == 0
    assert not (copied / "out" / "pages").exists()
    assert batch("--pages") == 0
    assert len(pages(copied)) == 3 * 3 + 2 * 3
    assert batch("--pdf") == 0
    assert len(pages(copied)) == 3 * 4 + 2 * 4
    assert dead_links(copied) == []
    assert batch("--pages", "--pdf") == 0
    assert rows(copied / "out", "SELECT n_scored FROM runs ORDER BY run_id") == [(3,), (3,), (3,), (0,)]


@pytest.mark.parametrize("kind", ["night", "patient"])
def test_a_page_that_is_gone_is_written_anew_and_no_other(copied, kind):
    of = page_of if kind == "night" else patient_page_of
    gone = f"{of(copied, 'nights/x.edf')}.html"
    before = inodes(copied)
    expected = pages(copied)[gone].read_bytes()
    pages(copied)[gone].unlink()
    assert batch("--pages", "--pdf") == 0
    assert pages(copied)[gone].read_bytes() == expected
    own = page_of(copied, "nights/x.edf") if kind == "night" else gone.removesuffix(".html")
    changed = {name for name, inode in inodes(copied).items() if inode != before[name]}
    assert changed
    assert all(name.startswith(own) for name in changed)


def test_a_patient_whose_night_has_changed_gets_new_pages_and_the_others_keep_theirs(copied):
    patient, other = (patient_page_of(copied, f"nights/{name}.edf") for name in ("a1", "x"))
    before = {name: path.read_bytes() for name, path in pages(copied).items()}
    inode = pages(copied)[f"{other}.html"].stat().st_ino
    night(copied / "nights" / "a1.edf", 9, CODE)
    assert batch("--pages", "--pdf") == 0
    after = {name: path.read_bytes() for name, path in pages(copied).items()}
    assert after.keys() == before.keys()
    for form in ("html", "json", "pdf", "txt"):
        assert after[f"{patient}.{form}"] != before[f"{patient}.{form}"]
    assert pages(copied)[f"{other}.html"].stat().st_ino == inode


def test_pages_of_an_earlier_result_are_not_left_where_the_new_one_has_none(copied):
    night(copied / "nights" / "a1.edf", 9, CODE)
    stem, patient = page_of(copied, "nights/a1.edf"), patient_page_of(copied, "nights/a1.edf")
    assert batch("--pages") == 0
    assert f"{stem}.html" in pages(copied)
    assert f"{stem}.pdf" not in pages(copied)
    assert f"{patient}.pdf" not in pages(copied)
    assert dead_links(copied) == []
    night(copied / "nights" / "a1.edf", 11, CODE)
    assert batch() == 0
    assert not [name for name in pages(copied) if name.startswith((stem, patient))]
    assert len(pages(copied)) == 2 * 4 + 4  # the other two nights, and the patient of one of them


def test_a_removed_night_lingers_on_no_page_once_it_is_forgotten(copied):
    stem, patient = page_of(copied, "nights/a1.edf"), patient_page_of(copied, "nights/a1.edf")
    (copied / "nights" / "a1.edf").unlink()
    assert batch("--pages", "--pdf") == 0
    assert f"{stem}.html" in pages(copied)  # kept and marked
    assert batch("--pages", "--pdf", "--forget-removed") == 0
    assert not [name for name in pages(copied) if name.startswith(stem)]
    assert stem not in pages(copied)[f"{patient}.html"].read_text(encoding="utf-8")
    assert dead_links(copied) == []


def test_a_patient_whose_nights_cannot_be_summed_up_has_a_page_that_says_why(copied):
    """One night is gone and keeps its result by rule 1B, the other is scored anew by rule 1A."""
    (copied / "nights" / "a1.edf").unlink()
    assert batch("--pages", "--pdf", "--rules", "aasm_1a") == 0
    patient = patient_page_of(copied, "nights/b/a2.edf")
    assert patient == patient_page_of(copied, "nights/a1.edf")
    for form in ("html", "txt", "json"):
        assert "expected one rule set, got 2" in pages(copied)[f"{patient}.{form}"].read_text(
            encoding="utf-8"
        )
    assert pages(copied)[f"{patient}.pdf"].read_bytes().startswith(b"%PDF")
    assert dead_links(copied) == []
    before = inodes(copied)
    assert batch("--pages", "--pdf", "--rules", "aasm_1a") == 0
    assert inodes(copied) == before


def test_a_moved_night_has_its_page_under_its_new_name_alone(copied):
    (copied / "nights" / "a1.edf").rename(copied / "nights" / "renamed.edf")
    assert batch("--pages", "--pdf") == 0
    assert len(pages(copied)) == 3 * 4 + 2 * 4
    assert not [name for name in pages(copied) if name.startswith("a1-")]
    assert dead_links(copied) == []


def test_patients_by_folder_have_other_pages_which_the_nights_lead_to(copied):
    assert batch("--pages", "--pdf", "--patient-from", "folder") == 0
    assert patient_page_of(copied, "nights/a1.edf") == patient_page_of(copied, "nights/x.edf")
    assert patient_page_of(copied, "nights/a1.edf") != patient_page_of(copied, "nights/b/a2.edf")
    assert dead_links(copied) == []
    assert len(pages(copied)) == 3 * 4 + 2 * 4


def test_nothing_but_pages_is_ever_removed(copied):
    kept = ["mine.html", "notes.txt", "a-0123.night.html", "patient-0123456789abcdef.patient.html.bak"]
    stale = ["old-01234567.night.html", "patient-0123456789abcdef.patient.html"]
    broken_off = [f".{page_of(copied, 'nights/x.edf')}.html.part"]
    for name in (*kept, *stale, *broken_off):
        (copied / "out" / "pages" / name).write_text("here", encoding="utf-8")
    (copied / "out" / "index.html").unlink()
    assert batch("--pages", "--pdf") == 0
    names = set(pages(copied))
    assert names.issuperset(kept)
    assert not names.intersection([*stale, *broken_off])


def test_a_file_with_several_nights_counts_those_that_can_be_used(tmp_path):
    """By hand: of two nights in one file the first is too short to count."""
    from datetime import datetime

    from hsat.batch.outcome import PatientNights
    from hsat.batch.summaries import summarize_patient
    from hsat.patient import PatientGroup, ScoredNight

    short, whole = (
        ScoredNight(
            file="two.edf",
            start_local=datetime(2026, 3, day, 22),
            duration_s=hours * 3600.0,
            rules_id="aasm_1b@1",
            monitoring_h=hours,
            n_events=10,
            ahi_per_h=10 / hours,
            severity="mild",
            adequacy=adequacy,
        )
        for day, hours, adequacy in ((1, 1.0, "inadequate"), (2, 7.0, "adequate"))
    )
    group = PatientGroup(patient="P-1", grouped_by="code", members=(0, 1))
    row = summarize_patient(PatientNights(group=group, nights=(short, whole)))
    assert row.cells["n_nights"] == 1
    assert row.excluded[0].startswith("inadequate")
    assert row.excluded[1] is None


# ------------------------------------------------------------------------ workers


def test_workers_that_may_not_write_send_their_pages_back(written, tmp_path, monkeypatch):
    """As on a cluster; the bytes are those that workers of this machine write."""
    monkeypatch.chdir(written)
    ((code,),) = rows(written / "out", "SELECT patient FROM nights WHERE file = 'nights/a1.edf'")
    settings = BatchSettings(
        rules=load_rules("aasm_1b"), patient=str(code), pages=PageSettings(has_html=True, has_pdf=True)
    )
    outcome = do_task(Task(files=("nights/a1.edf",), settings=settings, is_named=True))
    (found,) = outcome.nights
    assert [page.form for page in found.pages] == ["html", "txt", "json", "pdf"]
    for page in found.pages:
        assert page.content == (written / "out" / f"{found.page}.{page.form}").read_bytes()


def test_a_page_that_cannot_be_written_is_no_fault_of_the_night(written, tmp_path, monkeypatch):
    monkeypatch.chdir(written)
    (tmp_path / "pages").write_text("a file where the folder should be", encoding="utf-8")
    settings = BatchSettings(
        rules=load_rules("aasm_1b"), pages=PageSettings(has_html=True, folder=str(tmp_path))
    )
    with pytest.raises(UnwrittenError, match=r"\.night\.html: cannot be written: "):
        do_task(Task(files=("nights/a1.edf",), settings=settings, is_named=True))


def test_a_batch_whose_pages_cannot_be_written_stops_in_one_line(copied, capsys):
    shutil.rmtree(copied / "out")
    (copied / "out").mkdir()
    (copied / "out" / "pages").write_text("a file where the folder should be", encoding="utf-8")
    assert batch("--pages") == 3
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "Traceback" not in said
    assert rows(copied / "out", "SELECT count(*) FROM failures") == [(0,)]
    (copied / "out" / "pages").unlink()
    assert batch("--pages") == 0
    assert len(pages(copied)) == 3 * 3 + 2 * 3


PROBE = """
import sys
from hsat.batch import warming
from hsat.batch.outcome import Task
from hsat.batch.settings import BatchSettings, PageSettings
from hsat.batch.tasks import do_task
from hsat.rules.load import load_rules

pages = PageSettings(has_html={has_html}, has_pdf={has_pdf}, folder=sys.argv[1])
settings = BatchSettings(rules=load_rules("aasm_1b"), pages=pages)
assert do_task(Task(files=("nights/a1.edf",), settings=settings, is_named=True)).nights
print(*[name for name in ("reportlab", "jinja2") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("has_html", "has_pdf", "loaded"), [(True, False, "jinja2\n"), (False, True, "reportlab\n")]
)
def test_a_worker_loads_what_it_writes_with_and_nothing_else(written, tmp_path, has_html, has_pdf, loaded):
    process = subprocess.run(
        [sys.executable, "-c", PROBE.format(has_html=has_html, has_pdf=has_pdf), str(tmp_path)],
        cwd=written,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HSAT_CONFIG_DIR": str(written)},
    )
    assert process.stdout == loaded
