"""`hsat batch`: every good night once, every bad one named, and nothing done twice."""

import csv
import hashlib
import os
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from batch_nights import rows, whole_ledger, write_night, write_nights
from card_files import write_session

import hsat
from hsat.batch.executor import TaskFault
from hsat.batch.files import FoundFile, Listing, list_files
from hsat.batch.outcome import FailureKind, Task
from hsat.batch.runner import Runner
from hsat.batch.settings import BatchOptions, BatchSettings
from hsat.batch.store import Store
from hsat.batch.work import Batch
from hsat.batch.writing import FileFate
from hsat.cli.main import main
from hsat.errors import HsatError
from hsat.folders import read_nights
from hsat.report.tables import nights_csv
from hsat.rules.load import load_rules
from hsat.score import score_night


@pytest.fixture(autouse=True)
def own_configuration(tmp_path_factory, monkeypatch):
    """A key of the site that the tests of this file share."""
    folder = tmp_path_factory.getbasetemp() / "configuration"
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(folder))


def batch(*arguments: object) -> int:
    """``hsat batch`` in this process, with two workers."""
    return main(["batch", *map(str, arguments), "--jobs", "2"])


def table(out: Path, name: str) -> list[dict[str, str]]:
    with open(out / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def scored(out: Path) -> list[str]:
    """Base names of the files that the last run has scored anew, by the ledger's runs."""
    return [row[0] for row in rows(out, "SELECT n_scored FROM runs ORDER BY run_id")]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three nights in a folder that no test changes."""
    folder = tmp_path_factory.mktemp("three")
    write_nights(folder, 3)
    return folder


# ------------------------------------------------------------------------ results


def test_every_night_is_scored_once_and_says_what_hsat_score_says(three, tmp_path, capsys):
    assert batch(three, "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert said.out.startswith("3 nights scored in ")
    ours = table(tmp_path / "out", "nights")
    theirs = list(
        csv.DictReader(nights_csv([score_night(r) for r in read_nights(three)]).splitlines(keepends=True))
    )
    assert len(ours) == 3
    for one, other in zip(ours, theirs, strict=True):
        assert one.pop("is_present") == "true"
        assert other.pop("error") == ""
        assert one == other


def test_events_csv_holds_every_event_of_every_night(three, tmp_path):
    assert batch(three, "--out", tmp_path / "out") == 0
    found = table(tmp_path / "out", "events")
    nights = [score_night(recording) for recording in read_nights(three)]
    assert [(row["kind"], float(row["start_s"])) for row in found] == [
        (event.kind.value, event.start_s) for night in nights for event in night.events
    ]
    n_falls = rows(tmp_path / "out", "SELECT count(*) FROM desaturations")[0][0]
    assert n_falls == sum(len(night.desaturations) for night in nights) > 0


def test_a_bad_file_is_named_and_the_others_are_done(tmp_path, capsys):
    nights = tmp_path / "nights"
    write_nights(nights, 2)
    (nights / "bad.edf").write_bytes(b"this is no EDF file at all" * 20)
    (nights / "notes.txt").write_text("not a recording", encoding="utf-8")
    assert batch(nights, "--out", tmp_path / "out") == 1
    assert "bad.edf" in capsys.readouterr().err
    failures = table(tmp_path / "out", "failures")
    assert [Path(row["file"]).name for row in failures] == ["bad.edf"]
    assert failures[0]["kind"] == "reading"
    assert len(table(tmp_path / "out", "nights")) == 2


def test_nothing_to_score_is_exit_code_3_with_tables_all_the_same(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert batch(tmp_path / "empty", "--out", tmp_path / "out") == 3
    assert "no file in this folder ends in .edf" in capsys.readouterr().err
    assert table(tmp_path / "out", "failures")[0]["kind"] == "folder"
    assert table(tmp_path / "out", "nights") == []


def test_copies_are_left_out_and_named(tmp_path, capsys):
    write_nights(tmp_path / "a", 2)
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / "night-001.edf", tmp_path / "b" / "other-name.edf")
    assert batch(tmp_path / "a", tmp_path / "b", "--out", tmp_path / "out") == 0
    assert "1 file left out" in capsys.readouterr().out
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "<summary>1 file left out</summary>" in index
    assert f"the same content as {tmp_path / 'a' / 'night-001.edf'}" in index
    copy = rows(tmp_path / "out", "SELECT original FROM recordings WHERE fate = 'copy'")
    assert [Path(str(row[0])).name for row in copy] == ["night-001.edf"]


def test_a_copy_that_was_broken_off_is_left_out_whenever_it_comes(tmp_path):
    out, nights = tmp_path / "out", tmp_path / "nights"
    path, _ = write_nights(nights, 2)
    content = path.read_bytes()
    (nights / "broken-off.edf").write_bytes(content[: len(content) * 2 // 3])
    assert batch(nights, "--out", out) == 0
    assert [Path(row["file"]).name for row in table(out, "nights")] == ["night-000.edf", "night-001.edf"]
    (nights / "later.edf").write_bytes(content[: len(content) // 2])
    assert batch(nights, "--out", out) == 0
    assert [Path(row["file"]).name for row in table(out, "nights")] == ["night-000.edf", "night-001.edf"]
    cut = bytearray(content[: len(content) // 3])  # its recorder had not yet counted the records
    cut[236:244] = b"-1      "
    (nights / "uncounted.edf").write_bytes(cut)
    assert batch(nights, "--out", out) == 0
    assert [Path(row["file"]).name for row in table(out, "nights")] == ["night-000.edf", "night-001.edf"]
    fates = dict(rows(out, "SELECT path, fate FROM recordings"))
    assert fates[str(nights / "uncounted.edf")] == "left_out"
    assert fates[str(nights / "later.edf")] == fates[str(nights / "broken-off.edf")] == "left_out"


def test_a_card_gives_one_night_for_its_files(tmp_path):
    card = tmp_path / "card"
    write_session(card, datetime(2026, 3, 2, 22, 30), 40)
    write_session(card, datetime(2026, 3, 2, 23, 30), 50, first=7)
    assert batch(card, "--out", tmp_path / "out") == 0
    expected = read_nights(card)
    found = rows(tmp_path / "out", "SELECT path FROM night_files ORDER BY position")
    assert [row[0] for row in found] == list(expected[0].source.files)
    assert len(expected) == 1
    assert len(table(tmp_path / "out", "nights")) == 1


def test_circles_of_links_and_locked_folders_are_survived(tmp_path, capsys, monkeypatch):
    nights = tmp_path / "nights"
    write_nights(nights, 2)
    (nights / "inner").mkdir()
    (nights / "inner" / "back").symlink_to(nights)
    (nights / "night-link.edf").symlink_to(nights / "night-000.edf")
    (nights / "gone.edf").symlink_to(nights / "nowhere.edf")
    locked = nights / "locked"
    locked.mkdir()
    real = os.scandir

    def scandir(path):
        if os.fspath(path) == str(locked):  # root may enter any folder, so that permissions prove nothing
            raise PermissionError(13, "Permission denied", str(locked))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert batch(nights, "--out", tmp_path / "out") == 1
    assert "locked: cannot be listed: Permission denied" in capsys.readouterr().err
    assert len(table(tmp_path / "out", "nights")) == 2


def test_a_file_that_was_gone_is_not_back_because_its_folder_cannot_be_listed(tmp_path, monkeypatch):
    nights, out = tmp_path / "nights", tmp_path / "out"
    gone, there = write_nights(nights / "inner", 2)
    write_night(nights / "other.edf", 7)
    assert batch(nights, "--out", out) == 0
    gone.unlink()
    assert batch(nights, "--out", out) == 0
    present = "SELECT path, is_present FROM nights JOIN night_files USING (night_id) ORDER BY path"
    expected = [(str(gone), 0), (str(there), 1), (str(nights / "other.edf"), 1)]
    assert rows(out, present) == expected
    real = os.scandir

    def scandir(path):
        if os.fspath(path) == str(nights / "inner"):
            raise PermissionError(13, "Permission denied", str(nights / "inner"))
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        assert batch(nights, "--out", out) == 1
    assert rows(out, present) == expected
    write_night(gone, 0)
    assert batch(nights, "--out", out) == 0
    assert rows(out, present) == [(str(gone), 1), *expected[1:]]


def as_version_3(out):
    """Files' beginnings with the number of records in them, as ledgers of version 3 have them."""
    with closing(sqlite3.connect(out / "hsat.sqlite")) as connection:
        for (name,) in connection.execute("SELECT path FROM recordings").fetchall():
            head = hashlib.sha256(Path(name).read_bytes()[:4096]).hexdigest()
            connection.execute("UPDATE recordings SET head_sha256 = ? WHERE path = ?", (head, name))
            connection.execute(
                "UPDATE recordings SET group_key = 'head ' || ? WHERE path = ? AND group_key LIKE 'head %'",
                (head, name),
            )
        connection.execute("PRAGMA user_version = 3")
        connection.commit()


def test_nothing_of_a_ledger_of_version_3_is_scored_anew_and_beginnings_are_read_once(tmp_path, monkeypatch):
    nights, out = tmp_path / "nights", tmp_path / "out"
    path, _ = write_nights(nights, 2)
    (nights / "broken-off.edf").write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    shutil.copy(path, nights / "whole-copy.edf")
    assert batch(nights, "--out", out) == 0
    before = rows(out, "SELECT * FROM recordings ORDER BY path")
    as_version_3(out)
    assert batch(nights, "--out", out) == 0
    without_group = [(*row[:-1], None if str(row[-1]).startswith("head ") else row[-1]) for row in before]
    assert rows(out, "SELECT * FROM recordings ORDER BY path") == without_group
    assert rows(out, "SELECT n_scored FROM runs") == [(2,), (0,)]
    monkeypatch.setattr("hsat.batch.runner.head_of", None)  # calling it would be an error
    assert batch(nights, "--out", out) == 0


def test_a_copy_that_is_broken_off_joins_those_of_a_ledger_of_version_3(tmp_path):
    nights, out = tmp_path / "nights", tmp_path / "out"
    path, _ = write_nights(nights, 2)
    content = path.read_bytes()
    (nights / "broken-off.edf").write_bytes(content[: len(content) * 2 // 3])
    assert batch(nights, "--out", out) == 0
    as_version_3(out)
    (nights / "later.edf").write_bytes(content[: len(content) // 2])
    assert batch(nights, "--out", out) == 0
    assert [Path(row["file"]).name for row in table(out, "nights")] == ["night-000.edf", "night-001.edf"]
    assert rows(out, "SELECT count(*) FROM recordings WHERE head_sha256 IS NULL") == [(0,)]


def test_a_copy_that_is_broken_off_is_left_out_where_the_whole_was_touched_too(tmp_path):
    nights, out = tmp_path / "nights", tmp_path / "out"
    path, _ = write_nights(nights, 2)
    assert batch(nights, "--out", out) == 0
    path.touch()
    content = path.read_bytes()
    (nights / "later.edf").write_bytes(content[: len(content) // 2])
    assert batch(nights, "--out", out) == 0
    assert [Path(row["file"]).name for row in table(out, "nights")] == ["night-000.edf", "night-001.edf"]
    assert rows(out, "SELECT n_scored FROM runs") == [(2,), (1,)]  # the whole, to be compared with


def test_the_folder_of_results_holds_no_recordings_of_anybody(tmp_path):
    write_nights(tmp_path / "nights", 1)
    out = tmp_path / "nights" / "out"
    write_night(out / "stray.edf", 9)
    assert batch(tmp_path / "nights", "--out", out) == 0
    assert len(table(out, "nights")) == 1


def test_cards_of_one_device_in_several_folders_are_one_patients_and_its_token_is_never_shown(tmp_path):
    """By hand: two evenings of one card lie in a folder a date, without a patient's code."""
    out, card = tmp_path / "out", tmp_path / "card"
    for day in (2, 3):
        write_session(card / f"2026030{day}", datetime(2026, 3, day, 22, 30), 40, first=day)
    assert batch(card, "--out", out, "--pages") == 0
    assert rows(out, "SELECT grouped_by, n_nights + n_excluded FROM patients") == [("card", 2)]
    ((token,),) = rows(out, "SELECT DISTINCT recorder FROM nights")
    assert len(str(token)) == 32
    shown = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith("hsat.sqlite")]
    assert not [path for path in shown if str(token).encode() in path.read_bytes()]
    (tmp_path / "again").mkdir()
    assert batch(card, "--out", tmp_path / "again") == 0
    assert rows(tmp_path / "again", "SELECT DISTINCT recorder FROM nights") == [(token,)]


def test_no_token_of_a_recorder_is_kept_without_a_key_of_the_site(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path / "file"))
    for day in (2, 3):
        write_session(tmp_path / "card" / str(day), datetime(2026, 3, day, 22, 30), 40, first=day)
    assert batch(tmp_path / "card", "--out", tmp_path / "out") == 0
    assert rows(tmp_path / "out", "SELECT DISTINCT recorder FROM nights") == [(None,)]
    assert rows(tmp_path / "out", "SELECT grouped_by FROM patients") == [("alone",), ("alone",)]


def test_joined_nights_of_one_folder_are_one_patients_and_are_called_by_their_first_files(
    tmp_path, monkeypatch
):
    """By hand: two evenings of two sessions each lie in one folder; nothing else says whose they are."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path / "file"))
    out, card = tmp_path / "out", tmp_path / "card"
    for day in (2, 3):
        write_session(card, datetime(2026, 3, day, 22, 30), 40, first=day)
        write_session(card, datetime(2026, 3, day, 23, 30), 50, first=day + 7)
    assert batch(card, "--out", out, "--patient-from", "folder") == 0
    firsts = [row[0] for row in rows(out, "SELECT path FROM night_files WHERE position = 0")]
    assert len(firsts) == 2
    found = rows(out, "SELECT patient, grouped_by, n_nights + n_excluded FROM patients")
    assert found == [("card", "folder", 2)]
    index = (out / "index.html").read_text(encoding="utf-8")
    n_others = rows(out, "SELECT count(*) - 1 FROM night_files GROUP BY night_id")
    assert all(f"{path} and {n} more" in index for path, (n,) in zip(firsts, n_others, strict=True))


def test_a_patient_is_summed_up_anew_when_the_content_of_a_night_has_changed(tmp_path):
    out = tmp_path / "out"
    path = write_night(tmp_path / "nights" / "a.edf", 1, patient="CODE X X X")
    batch(tmp_path / "nights", "--out", out)
    before = rows(out, "SELECT first_night_local FROM patients")
    write_night(path, 7, patient="CODE X X X")
    batch(tmp_path / "nights", "--out", out)
    assert rows(out, "SELECT first_night_local FROM patients") != before
    assert rows(out, "SELECT first_night_local FROM patients") == rows(out, "SELECT start_local FROM nights")


def test_many_patients_are_summed_up_by_workers_as_here(tmp_path):
    from hsat.batch.patients import summarize_here

    nights = tmp_path / "nights"
    for number in range(9):
        write_night(nights / f"n{number}.edf", number, patient=f"CODE{number} X X X")
    settings = BatchSettings(rules=load_rules("aasm_1b"))
    asked = []
    with Batch([str(nights)], settings, BatchOptions(out=str(tmp_path / "out"), n_workers=2)) as work:
        assert len([step for step in work.run(work.list()) if step.night]) == 9
        by_workers = work._summarize
        work._summarize = lambda patients: asked.append((patients, list(by_workers(patients)))) or asked[0][1]
        assert work._executor is not None
        work.export()
    ((patients, found),) = asked
    assert len(patients) == 9
    assert sorted(found) == list(summarize_here(patients))


# ------------------------------------------------------------------------ going on


def test_a_second_run_scores_nothing_and_changes_nothing(three, tmp_path, capsys):
    out = tmp_path / "out"
    batch(three, "--out", out)
    before, tables = whole_ledger(out), (out / "nights.csv").read_bytes()
    capsys.readouterr()
    assert batch(three, "--out", out) == 0
    assert capsys.readouterr().out.startswith("0 nights scored in ")
    assert whole_ledger(out) == before
    assert (out / "nights.csv").read_bytes() == tables


def test_tables_are_written_anew_only_where_something_is_new_or_missing(three, tmp_path):
    out = tmp_path / "out"
    batch(three, "--out", out)
    before = (out / "events.csv").stat().st_ino
    batch(three, "--out", out)
    assert (out / "events.csv").stat().st_ino == before
    (out / "nights.csv").unlink()
    batch(three, "--out", out)
    assert (out / "events.csv").stat().st_ino != before
    assert len(table(out, "nights")) == 3


def test_a_new_file_is_scored_and_the_others_are_not(tmp_path):
    out = tmp_path / "out"
    write_nights(tmp_path / "nights", 2)
    batch(tmp_path / "nights", "--out", out)
    write_night(tmp_path / "nights" / "new.edf", 5)
    batch(tmp_path / "nights", "--out", out)
    assert scored(out) == [2, 1]
    assert len(table(out, "nights")) == 3


def test_changed_content_is_scored_anew_and_replaces_the_old_result(tmp_path):
    out = tmp_path / "out"
    first, _ = write_nights(tmp_path / "nights", 2)
    batch(tmp_path / "nights", "--out", out)
    before = {row["file"]: row for row in table(out, "nights")}
    write_night(first, 7)
    batch(tmp_path / "nights", "--out", out)
    after = {row["file"]: row for row in table(out, "nights")}
    assert scored(out) == [2, 1]
    assert len(after) == 2
    assert after[str(first)]["start_local"] != before[str(first)]["start_local"]


def test_changed_content_with_the_old_size_and_time_is_seen(tmp_path):
    out = tmp_path / "out"
    (path,) = write_nights(tmp_path / "nights", 1)
    batch(tmp_path / "nights", "--out", out)
    status = path.stat()
    write_night(path, 7)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    batch(tmp_path / "nights", "--out", out)
    assert scored(out) == [1, 1]


def test_a_touched_file_is_compared_by_content_and_not_scored(tmp_path):
    out = tmp_path / "out"
    path, _ = write_nights(tmp_path / "nights", 2)
    batch(tmp_path / "nights", "--out", out)
    os.utime(path)
    batch(tmp_path / "nights", "--out", out)
    assert scored(out) == [2, 0]
    assert rows(out, "SELECT count(*) FROM nights WHERE is_present")[0][0] == 2
    os.utime(path)
    batch(tmp_path / "nights", "--out", out)
    assert scored(out) == [2, 0, 0]


def test_other_rules_score_every_night_anew(three, tmp_path):
    out = tmp_path / "out"
    batch(three, "--out", out)
    batch(three, "--out", out, "--rules", "aasm_1a")
    assert scored(out) == [3, 3]
    assert {row["rules_id"].split("@")[0] for row in table(out, "nights")} == {"aasm_1a"}
    names = rows(out, "SELECT name FROM rule_sets ORDER BY name")
    assert names == [("aasm_1a",), ("aasm_1b",)]


def test_another_version_scores_every_night_anew(three, tmp_path, monkeypatch):
    out = tmp_path / "out"
    batch(three, "--out", out)
    options = BatchOptions(out=str(out), n_workers=1)
    older = BatchSettings(rules=load_rules("aasm_1b"), hsat_version="0.0.9")
    with (
        Batch([str(three)], older, options) as work,
        pytest.raises(HsatError, match=r"a worker runs hsat .*, this is 0\.0\.9"),
    ):
        list(work.run(work.list()))
    assert scored(out) == [3, 0]
    assert len(table(out, "nights")) == 3


def test_failed_files_are_tried_again_only_when_asked_or_changed(tmp_path, capsys):
    out, nights = tmp_path / "out", tmp_path / "nights"
    write_nights(nights, 1)
    (nights / "bad.edf").write_bytes(b"no recording" * 50)
    assert batch(nights, "--out", out) == 1
    capsys.readouterr()
    assert batch(nights, "--out", out) == 1
    assert "bad.edf" not in capsys.readouterr().err
    assert batch(nights, "--out", out, "--retry-failed") == 1
    assert "bad.edf" in capsys.readouterr().err
    write_night(nights / "bad.edf", 4)
    assert batch(nights, "--out", out) == 0
    assert table(out, "failures") == []
    assert scored(out) == [1, 0, 0, 1]


def test_results_of_removed_files_are_kept_and_marked_until_they_are_to_be_forgotten(tmp_path):
    out, nights = tmp_path / "out", tmp_path / "nights"
    path, _ = write_nights(nights, 2)
    (nights / "bad.edf").write_bytes(b"no recording" * 50)
    batch(nights, "--out", out)
    path.unlink()
    (nights / "bad.edf").unlink()
    assert batch(nights, "--out", out) == 0
    assert [row["is_present"] for row in table(out, "nights")] == ["false", "true"]
    assert "not there any more" in (out / "index.html").read_text(encoding="utf-8")
    write_night(path, 0)
    batch(nights, "--out", out)
    assert [row["is_present"] for row in table(out, "nights")] == ["true", "true"]
    path.unlink()
    batch(nights, "--out", out, "--forget-removed")
    assert [row["is_present"] for row in table(out, "nights")] == ["true"]


def test_a_named_file_that_is_not_there_keeps_its_earlier_result(tmp_path, capsys):
    out = tmp_path / "out"
    (path,) = write_nights(tmp_path / "nights", 1)
    assert batch(path, "--out", out) == 0
    path.unlink()
    assert batch(path, "--out", out) == 1
    assert "night-000.edf" in capsys.readouterr().err
    assert [row["is_present"] for row in table(out, "nights")] == ["false"]
    write_night(path, 0)
    assert batch(path, "--out", out) == 0


def test_a_file_that_is_changing_now_is_not_gone(tmp_path):
    """As a watch finds one that is being written again: its result stands until the new file is whole."""
    out, nights = tmp_path / "out", tmp_path / "nights"
    write_nights(nights, 2)
    assert batch(nights, "--out", out) == 0
    settings, options = (
        BatchSettings(rules=load_rules("aasm_1b")),
        BatchOptions(out=str(out), is_forgetting=True),
    )
    with Batch([str(nights)], settings, options) as work:
        listing = work.list()
        later = listing._replace(files=listing.files[1:], growing=listing.files[:1])
        assert [step.n_known for step in work.run(later)] == [1]
        work.export()
    assert [row["is_present"] for row in table(out, "nights")] == ["true", "true"]


def test_a_moved_file_is_one_night_under_its_new_name(tmp_path):
    out, nights = tmp_path / "out", tmp_path / "nights"
    path, _ = write_nights(nights, 2)
    batch(nights, "--out", out)
    path.rename(nights / "renamed.edf")
    batch(nights, "--out", out)
    assert [Path(row["file"]).name for row in table(out, "nights")] == ["night-001.edf", "renamed.edf"]


def test_no_file_is_counted_twice(tmp_path):
    nights, out = tmp_path / "nights", tmp_path / "out"
    path = write_night(nights / "b.edf", 1)
    assert batch(nights, "--out", out) == 0
    shutil.copy(path, nights / "a.edf")  # is before it, and brings it with it
    settings = BatchSettings(rules=load_rules("aasm_1b"))
    with Batch([str(nights)], settings, BatchOptions(out=str(out), n_workers=1)) as work:
        assert sum(step.n_files for step in work.run(work.list())) == 2


def test_a_copy_becomes_the_night_when_its_original_is_gone_or_changed(tmp_path):
    out, nights = tmp_path / "out", tmp_path / "nights"
    path, _ = write_nights(nights, 2)
    shutil.copy(path, nights / "z-copy.edf")
    batch(nights, "--out", out)
    assert len(table(out, "nights")) == 2
    write_night(path, 9)
    batch(nights, "--out", out)
    assert len(table(out, "nights")) == 3


def test_two_folders_in_one_folder_of_results_add_up(three, tmp_path):
    out = tmp_path / "out"
    batch(three, "--out", out)
    write_night(tmp_path / "more" / "night.edf", 8)
    batch(tmp_path / "more", "--out", out)
    assert len(table(out, "nights")) == 4
    assert {row["is_present"] for row in table(out, "nights")} == {"true"}


def test_a_session_that_comes_later_joins_its_night(tmp_path):
    out, card = tmp_path / "out", tmp_path / "card"
    write_session(card, datetime(2026, 3, 2, 22, 30), 40)
    batch(card, "--out", out)
    assert rows(out, "SELECT count(*) FROM nights")[0][0] == 1
    write_session(card, datetime(2026, 3, 2, 23, 30), 50, first=7)
    batch(card, "--out", out)
    expected = read_nights(card)
    assert len(expected) == 1
    found = rows(out, "SELECT path FROM night_files ORDER BY position")
    assert [row[0] for row in found] == list(expected[0].source.files)


@pytest.mark.parametrize("is_moved", [False, True], ids=["forgotten", "moved"])
def test_what_is_left_of_a_night_is_scored_as_in_a_new_folder_of_results(tmp_path, is_moved):
    """A joined night of which a file goes must not take the other files' result with it for good."""
    out, card, new = tmp_path / "out", tmp_path / "all" / "card", tmp_path / "new"
    write_session(card, datetime(2026, 3, 2, 22, 30), 40)
    before = set(card.iterdir())
    write_session(card, datetime(2026, 3, 2, 23, 30), 50, first=7)
    batch(card.parent, "--out", out)
    for path in set(card.iterdir()) - before:
        if is_moved:
            (tmp_path / "all" / "other").mkdir(exist_ok=True)
            path.rename(tmp_path / "all" / "other" / path.name)
        else:
            path.unlink()
    assert batch(card.parent, "--out", out, *([] if is_moved else ["--forget-removed"])) == 0
    batch(card.parent, "--out", new)
    query = "SELECT files.path, ahi_per_h, is_present FROM nights JOIN night_files AS files USING (night_id)"
    assert sorted(rows(out, query)) == sorted(rows(new, query))
    assert len(table(out, "nights")) == 1 + is_moved
    n_scored = scored(out)
    batch(card.parent, "--out", out)
    assert scored(out) == [*n_scored, 0]


# ------------------------------------------------------------------------ in Python


def test_hsat_batch_yields_results_as_they_come_and_writes_nothing_unasked(three, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = {night.recording.source.path: night for night in hsat.batch(three, jobs=2)}
    expected = {recording.source.path: score_night(recording) for recording in read_nights(three)}
    assert {path: night.indices for path, night in found.items()} == {
        path: night.indices for path, night in expected.items()
    }
    assert list(tmp_path.iterdir()) == []


def test_hsat_batch_yields_failures_and_keeps_a_ledger_where_asked(tmp_path):
    nights = tmp_path / "nights"
    write_nights(nights, 1)
    (nights / "bad.edf").write_bytes(b"no recording" * 50)
    found = list(hsat.batch([nights], out=tmp_path / "out", jobs=1))
    assert sorted(type(item).__name__ for item in found) == ["FailedNight", "NightResult"]
    assert list(hsat.batch([nights], out=tmp_path / "out", jobs=1)) == []
    assert len(table(tmp_path / "out", "nights")) == 1


@pytest.mark.parametrize("option", [{"jobs": 0}, {"jobs": -2}, {"night_timeout_s": 0.0}])
def test_a_number_that_would_never_end_is_refused_at_once(three, option):
    """Without workers a batch would wait for its first night for ever."""
    (name,) = option
    with pytest.raises(HsatError, match=f"{name}: expected"):
        hsat.batch(three, **option)


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ({"jobs": 1.5}, "jobs: expected a whole number"),
        ({"jobs": "2"}, "jobs: expected a whole number"),
        ({"device": "nosuch"}, "no profile of this name"),
        ({"therapy": "surgery"}, "therapy: expected one of none, pap, appliance, unknown, got 'surgery'"),
        ({"channel_map": {"breath": "Flow"}}, "channel name 'breath' is unknown"),
        ({"scheduler": "nonsense"}, "expected an address"),
        ({"patient": " "}, "patient: expected a code of printable characters"),
        ({"patient": "A\n1"}, "patient: expected a code of printable characters"),
        ({"patient": 5}, "patient: expected a code of printable characters, got 5"),
        ({"age_years": "61"}, "age_years: expected years from 0 to 130, got '61'"),
        ({"age_years": 131.0}, "age_years: expected years from 0 to 130, got 131.0"),
        ({"age_years": float("nan")}, "age_years: expected years from 0 to 130"),
        ({"sex": "f"}, "sex: expected one of F, M, got 'f'"),
        ({"patient_from": "name"}, "patient_from: expected one of code, folder, got 'name'"),
    ],
)
def test_an_option_that_is_wrong_for_every_file_is_no_failure_of_each(three, tmp_path, option, why):
    with pytest.raises(HsatError, match=why):
        next(hsat.batch(three, out=tmp_path / "out", **option))
    assert not (tmp_path / "out").exists()


def test_age_sex_and_whose_nights_they_are_can_be_said_in_python_too(tmp_path):
    nights, out = tmp_path / "nights", tmp_path / "out"
    for number in range(4):
        write_night(nights / f"{'ab'[number % 2]}" / f"{number}.edf", number, patient="SAME X X X")
    found = list(hsat.batch(nights, out=out, jobs=1, age_years=61.0, sex="F", patient_from="folder"))
    assert [(night.recording.subject.age_years, night.recording.subject.sex) for night in found] == [
        (61.0, "F")
    ] * 4
    assert len(table(out, "patients")) == 2  # by the file's code, which is the same, they would be one


def test_a_generator_that_is_left_early_lets_go_of_the_folder(three, tmp_path):
    found = hsat.batch(three, out=tmp_path / "out", jobs=1)
    next(found)
    found.close()
    assert batch(three, "--out", tmp_path / "out") == 0


class Idle:
    """Workers that are never asked."""

    n_running = 0
    has_room = True


def test_a_week_of_ten_thousand_unchanged_files_is_passed_over_in_seconds(tmp_path):
    """No reading at all: a listing of so many files against the ledger, with the files made up."""
    files = tuple(FoundFile(f"n/{i:05d}.edf", "n", False, 100, f"f{i}") for i in range(10_000))
    settings = BatchSettings(rules=load_rules("aasm_1b"))
    store = Store(tmp_path / "hsat.sqlite")
    listing = Listing(files, (), ("n",))
    store.begin_run(settings, listing)
    head = "0" * 64
    store.settle([FileFate(f, "left_out", "test", None, None, head) for f in files], settings.settings_id)
    begin = time.process_time()
    store.begin_run(settings, listing)
    n_known = sum(step.n_known for step in Runner(store, settings, Idle()).run(listing))
    assert n_known == 10_000
    assert time.process_time() - begin < 10.0
    store.close()


class Supplied:
    """Workers with room for six tasks, which lose the oldest at every look and note how many they had."""

    def __init__(self) -> None:
        self.tasks: list[int] = []
        self.n_in_flight: list[int] = []

    @property
    def n_running(self) -> int:
        return len(self.tasks)

    @property
    def has_room(self) -> bool:
        return len(self.tasks) < 6

    def submit(self, number: int, task: Task) -> None:
        self.tasks.append(number)

    def collect(self) -> list[tuple[int, TaskFault]]:
        self.n_in_flight.append(len(self.tasks))
        return [(self.tasks.pop(0), TaskFault(kind=FailureKind.CRASHING, reason="made up"))]


def test_workers_have_all_they_have_room_for_before_anything_is_waited_for():
    """By hand: ten files and room for six tasks, of which one ends at a time."""
    files = tuple(FoundFile(f"n/{i}.edf", "n", False, 100, f"f{i}") for i in range(10))
    settings = BatchSettings(rules=load_rules("aasm_1b"))
    store, workers = Store(":memory:"), Supplied()
    listing = Listing(files, (), ("n",))
    store.begin_run(settings, listing)
    steps = list(Runner(store, settings, workers).run(listing))
    assert sum(step.failure is not None for step in steps) == 10
    assert workers.n_in_flight == [6, 6, 6, 6, 6, 5, 4, 3, 2, 1]
    store.close()


def test_listing_names_every_file_once(tmp_path):
    paths = write_nights(tmp_path / "a", 2)
    listing = list_files([str(tmp_path / "a"), str(paths[0]), str(tmp_path)])
    assert sorted(file.path for file in listing.files) == sorted(map(str, paths))
    assert [file.is_named for file in sorted(listing.files)] == [True, False]


def test_a_batch_without_work_starts_no_worker(three, tmp_path):
    settings = BatchSettings(rules=load_rules("aasm_1b"))
    options = BatchOptions(out=str(tmp_path / "out"), n_workers=1)
    with Batch([str(three)], settings, options) as work:
        list(work.run(work.list()))
        assert work._executor is not None
    with Batch([str(three)], settings, options) as work:
        assert [step.n_known for step in work.run(work.list())] == [1, 1, 1]
        assert work._executor is None
