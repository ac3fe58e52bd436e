"""Tables and pages of a batch: whole or not at all, inside their folder, nothing in them active."""

import csv
from html import escape
from pathlib import Path

import pytest
from batch_nights import write_night, write_nights

from hsat.batch.exports import read_tables
from hsat.batch.folder import BatchFolder, safe_name
from hsat.batch.store import Store
from hsat.cli.main import main
from hsat.errors import BatchError

FORMULA = "=HYPERLINK(1)&cmd|'x'!A1.edf"
MARKUP = "<script>alert(1)</script>.edf".replace("/", "\u2215")
NAME = "DOE^JANE"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Results of nights with hostile names, with everything that can be written."""
    folder = tmp_path_factory.mktemp("exports")
    nights = folder / "nights"
    for number, name in enumerate((FORMULA, MARKUP, "x..\\..\\y.edf", "CON.edf", "a" * 200 + ".edf")):
        write_night(nights / name, number, patient=f"CODE{number} F 02-MAR-1970 {NAME}")
    (nights / "+bad.edf").write_bytes(b"no recording" * 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HSAT_CONFIG_DIR", str(folder))
        patch.chdir(nights)
        words = ["batch", ".", "--out", str(folder / "out"), "--jobs", "2", "--pages", "--parquet", "--excel"]
        assert main(words) == 1
    return folder / "out"


def table(out: Path, name: str) -> list[dict[str, str]]:
    with open(out / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_cell_of_a_table_begins_as_a_formula(out):
    for path in out.glob("*.csv"):
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    is_number = (
                        cell.lstrip("-").replace(".", "").replace("e", "").replace("-", "").isdecimal()
                    )
                    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or is_number, cell


def test_a_named_formula_gets_an_apostrophe_in_csv_and_is_text_in_the_workbook(tmp_path, monkeypatch):
    import openpyxl

    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_night(tmp_path / FORMULA, 1)
    assert main(["batch", FORMULA, "--out", "out", "--jobs", "1", "--excel"]) == 0
    assert table(tmp_path / "out", "nights")[0]["file"] == f"'{FORMULA}"
    sheet = openpyxl.load_workbook(tmp_path / "out" / "hsat.xlsx")["nights"]
    cell = sheet["A2"]
    assert (cell.data_type, cell.value) == ("s", f"'{FORMULA}")


def test_markup_in_names_is_text_in_the_index(out):
    text = (out / "index.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_nothing_is_written_outside_the_folder_whatever_a_file_is_called(out):
    around = {path.name for path in out.parent.iterdir()}
    assert around == {"nights", "out", "site.key"}
    for path in everything(out):
        assert path.resolve().is_relative_to(out.resolve())
        if path.parent.name == "pages":
            assert len(path.name) < 100
            assert (
                path.name.partition(".night")[0].replace("-", "").replace("_", "").replace(".", "").isalnum()
            )
    assert len(everything(out / "pages")) == 5 * 3 + 5 * 3  # nights and patients, in three forms


@pytest.mark.parametrize("code", ["../../x", "/etc/x", "CON", "a" * 300, "=1+1", "<b>"])
def test_a_patients_code_names_no_file(tmp_path, monkeypatch, code):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path))
    nights, out = tmp_path / "nights", tmp_path / "a" / "b" / "out"
    write_nights(nights, 1)
    before = set(everything(tmp_path))
    words = ["batch", str(nights), "--out", str(out), "--jobs", "1", "--pages", "--patient", code]
    assert main(words) == 0
    new = set(everything(tmp_path)) - before
    assert all(path.is_relative_to(out) for path in new)
    assert not any(code[:20] in path.name for path in new)
    assert table(out, "patients")[0]["patient"].lstrip("'") == code
    assert f"<b>{escape(code)}</b>" in (out / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("../../x", "x"),
        ("/etc/passwd", "etc_passwd"),
        ("a\0b", "a_b"),
        ("", "night"),
        ("...", "night"),
        (".hidden", "hidden"),
        ("M\u00fcller", "M_ller"),
        ("x" * 100, "x" * 60),
    ],
)
def test_names_of_files_are_made_of_harmless_characters(text, expected):
    assert safe_name(text) == expected


def test_no_identifier_reaches_any_output(out):
    for path in everything(out):
        content = path.read_bytes()
        for secret in (NAME.encode(), b"CODE1", b"02-MAR-1970", b"1970-03-02"):
            assert secret not in content, path


def test_the_files_own_code_is_kept_only_where_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path))
    write_night(tmp_path / "nights" / "a.edf", 1, patient=f"CODE7 F 02-MAR-1970 {NAME}")
    words = ["batch", str(tmp_path / "nights"), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert main([*words, "--keep-identifiers"]) == 0
    assert table(tmp_path / "out", "nights")[0]["patient"] == "CODE7"
    assert main(words) == 0
    assert table(tmp_path / "out", "nights")[0]["patient"].startswith("P-")


def test_parquet_and_workbook_hold_what_csv_holds(out):
    import openpyxl
    import pandas

    book = openpyxl.load_workbook(out / "hsat.xlsx", read_only=True)
    assert book.sheetnames == ["nights", "patients", "events", "failures"]
    for name in book.sheetnames:
        expected = table(out, name)
        frame = pandas.read_parquet(out / f"{name}.parquet")
        assert len(frame) == len(expected)
        assert list(frame.columns) == list(expected[0])
        sheet = list(book[name].iter_rows(values_only=True))
        assert list(sheet[0]) == list(expected[0])
        assert len(sheet) - 1 == len(expected)
    nights = pandas.read_parquet(out / "nights.parquet")
    assert nights["ahi_per_h"].dtype == "float64"
    assert nights["is_adequate"].dtype == "bool"
    assert nights["ahi_per_h"].tolist() == [float(row["ahi_per_h"]) for row in table(out, "nights")]
    book.close()


def test_the_index_links_only_pages_that_exist(out):
    import re
    from urllib.parse import unquote

    text = (out / "index.html").read_text(encoding="utf-8")
    targets = re.findall(r'href="([^"]+)"', text)
    assert sum(target.startswith("pages/") for target in targets) == 30
    assert all((out / unquote(target)).is_file() for target in targets)
    assert "://" not in text


def test_many_nights_make_several_pages_of_the_index(out, tmp_path, monkeypatch):
    from hsat.batch import index

    monkeypatch.setattr(index, "NIGHTS_PER_PAGE", 2)
    folder = BatchFolder(tmp_path)
    store = Store(out / "hsat.sqlite")
    index.write_index(folder, store)
    assert sorted(path.name for path in tmp_path.glob("*.html")) == [
        "index-2.html",
        "index-3.html",
        "index.html",
    ]
    assert 'href="index-3.html"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    store.close()
    folder.close()


def test_a_table_that_breaks_off_leaves_the_old_file_and_no_rest(tmp_path):
    folder = BatchFolder(tmp_path)
    folder.write("a.csv", lambda file: file.write("old"))

    def fill(file):
        file.write("new, half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(
        BatchError, match=r"a\.csv: cannot be written: No space left on device: .*make room and run"
    ):
        folder.write("a.csv", fill)
    with pytest.raises(KeyboardInterrupt):
        folder.write("a.csv", interrupt)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hsat-batch.lock", "a.csv"]
    folder.close()


def interrupt(file):
    raise KeyboardInterrupt


def test_all_tables_are_read_in_the_order_of_files(out):
    store = Store(out / "hsat.sqlite")
    nights = next(table for table in read_tables(store) if table.name == "nights")
    files = [row["file"] for row in nights.rows()]
    assert files == sorted(files)
    store.close()
