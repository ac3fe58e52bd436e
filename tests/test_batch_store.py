"""The ledger: its versions, who can read it, and what stands in docs/store.md."""

import csv
import re
import sqlite3
from pathlib import Path

import pytest
from batch_nights import rows, write_nights

from hsat.batch.patients import summarize_patients
from hsat.batch.schema import STEPS, VERSION
from hsat.batch.store import Store
from hsat.cli.main import main
from hsat.errors import BatchError

ROOT = Path(__file__).resolve().parents[1]
OLDEST = ROOT / "tests" / "data" / "store_v1.sql"
PAGE = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A ledger of two nights and a failure."""
    folder = tmp_path_factory.mktemp("store")
    nights = folder / "nights"
    write_nights(nights, 2)
    (nights / "bad.edf").write_bytes(b"no recording" * 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HSAT_CONFIG_DIR", str(folder))
        assert main(["batch", str(nights), "--out", str(folder / "out"), "--jobs", "1"]) == 1
    return folder / "out"


def tables_of(path: Path) -> dict[str, list[str]]:
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {n: [row[1] for row in connection.execute(f"PRAGMA table_info({n})")] for n in names}
    connection.close()
    return found


def test_every_table_and_its_own_columns_are_documented(out):
    for table, columns in tables_of(out / "hsat.sqlite").items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{table}` "))
        if table in ("nights", "events", "patients"):
            continue
        for column in columns:
            assert f"`{column}`" in row, f"{table}.{column}"
    documented = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert documented == set(tables_of(out / "hsat.sqlite"))
    assert f"now {VERSION}." in PAGE


def test_the_ledger_is_in_wal_mode_and_whole(out):
    assert rows(out, "PRAGMA journal_mode") == [("wal",)]
    assert rows(out, "PRAGMA integrity_check") == [("ok",)]
    assert rows(out, "PRAGMA foreign_key_check") == []
    assert rows(out, "PRAGMA user_version") == [(VERSION,)]


def test_pandas_and_duckdb_read_it_in_one_line(out):
    import pandas

    connection = sqlite3.connect(out / "hsat.sqlite")
    nights = pandas.read_sql("SELECT * FROM nights", connection)
    connection.close()
    assert len(nights) == 2
    assert nights["ahi_per_h"].between(5, 60).all()


def test_nights_of_a_ledger_can_be_read_while_a_batch_writes(tmp_path):
    store = Store(tmp_path / "hsat.sqlite")
    with store._writing() as connection:
        connection.execute("INSERT INTO rule_sets VALUES ('a@1', 'a', '{}')")
        assert rows(tmp_path, "SELECT count(*) FROM rule_sets") == [(0,)]
    assert rows(tmp_path, "SELECT count(*) FROM rule_sets") == [(1,)]
    store.close()


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "hsat.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(BatchError, match=f"written by a newer hsat .schema {VERSION + 1}"):
        Store(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "hsat.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photographs (name TEXT)")
    connection.close()
    with pytest.raises(BatchError, match="a database of another program"):
        Store(path)


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "hsat.sqlite").write_bytes(b"something else entirely" * 100)
    assert main(["batch", str(tmp_path), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "hsat.sqlite: cannot be used: file is not a database" in said


def test_a_number_measured_in_addition_gets_its_column(tmp_path, monkeypatch):
    path = tmp_path / "hsat.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE nights DROP COLUMN odi4_per_h")
    connection.close()
    Store(path).close()
    assert "odi4_per_h" in tables_of(path)["nights"]


def test_a_ledger_of_version_1_is_brought_to_this_one_with_all_its_rows(tmp_path):
    """The file was written by the last hsat that wrote version 1; its events were cut to three a night."""
    path = tmp_path / "hsat.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(OLDEST.read_text(encoding="utf-8"))
    before = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in tables_of(path)}
    assert before["nights"] == (2,)
    assert before["events"] == (6,)
    connection.close()
    assert "posterior_mean_ahi_per_h" not in tables_of(path)["patients"]
    store = Store(path)
    assert rows(tmp_path, "PRAGMA user_version") == [(VERSION,)]
    assert {name: rows(tmp_path, f"SELECT count(*) FROM {name}")[0] for name in before} == before
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    summarize_patients(store)
    found = rows(tmp_path, "SELECT sum(n_nights + n_excluded), min(content_id IS NOT NULL) FROM patients")
    assert found == [(2, 1)]
    store.close()


def test_pages_of_version_2_are_made_anew_since_they_lead_to_no_patient(tmp_path):
    path = tmp_path / "hsat.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(OLDEST.read_text(encoding="utf-8"))
    connection.executescript(STEPS[1])
    connection.execute("UPDATE nights SET page = 'pages/a-01234567.night.html'")
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.close()
    Store(path).close()
    assert rows(tmp_path, "SELECT count(*), count(page), count(patient_page) FROM nights") == [(2, 0, 0)]
    assert rows(tmp_path, "SELECT count(page), count(page_id) FROM patients") == [(0, 0)]


def test_patients_csv_says_what_summarize_nights_says(out):
    import hsat

    with open(out / "patients.csv", encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    nights = [hsat.score_night(recording) for recording in hsat.read_nights(out.parent / "nights")]
    assert len(found) == len(nights) == 2
    for row, night in zip(found, nights, strict=True):
        summary = hsat.summarize_nights([night])
        assert (row["n_nights"], row["n_excluded"]) == (str(len(summary.nights)), str(len(summary.excluded)))
        expected = summary.posterior
        assert row["posterior_mean_ahi_per_h"] == ("" if expected is None else repr(expected.mean_ahi_per_h))


def test_a_step_that_fails_leaves_the_old_version(tmp_path, monkeypatch):
    path = tmp_path / "hsat.sqlite"
    Store(path).close()
    before = tables_of(path)
    monkeypatch.setattr("hsat.batch.schema.STEPS", (*STEPS, "CREATE TABLE added (x TEXT); SELECT nonsense"))
    monkeypatch.setattr("hsat.batch.schema.VERSION", VERSION + 1)
    with pytest.raises(BatchError, match="nonsense"):
        Store(path)
    assert tables_of(path) == before
    assert rows(tmp_path, "PRAGMA user_version") == [(VERSION,)]
