"""`hsat batch` on files, names, options and programs that are not as they should be."""

import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
from batch_nights import GIVEN_UP_S, ROOT, rows, write_night, write_nights

from hsat.batch import tasks
from hsat.batch.cluster import check_scheduler
from hsat.batch.outcome import Task
from hsat.batch.settings import BatchOptions, BatchSettings
from hsat.batch.tasks import do_task
from hsat.batch.work import _start_executor
from hsat.cli.main import main
from hsat.io.listing import UnlistedFolder, walk_recordings
from hsat.rules.load import load_rules


@pytest.fixture(autouse=True)
def own_configuration(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "configuration"
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(folder))


def batch(*arguments: object) -> int:
    return main(["batch", *map(str, arguments), "--jobs", "1"])


def test_a_name_that_is_no_utf_8_is_known_again(tmp_path, capsys):
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_night(nights / "a.edf", 1)
    write_night(nights / "b.edf", 2).rename(nights / os.fsdecode(b"b\xff\xfe.edf"))
    assert batch(nights, "--out", out, "--pages") == 0
    assert batch(nights, "--out", out, "--pages") == 0
    assert "2 files done before" in capsys.readouterr().out
    assert rows(out, "SELECT n_scored FROM runs ORDER BY run_id") == [(2,), (0,)]
    assert rows(out, "SELECT count(*) FROM nights WHERE is_present") == [(2,)]


def test_a_pipe_that_is_named_is_refused_and_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.edf")
    write_night(tmp_path / "a.edf", 1)
    assert batch(tmp_path / "pipe.edf", tmp_path / "a.edf", "--out", tmp_path / "out") == 1
    assert "pipe.edf: no regular file" in capsys.readouterr().err


def test_results_have_a_name_and_a_folder_of_their_own(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_nights(tmp_path / "nights", 1)
    assert batch("nights", "--out", "") == 2
    assert batch("nights", "--out", "nights") == 2
    assert batch("nights", "--out", ".") == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert "empty name" in said[0]
    assert all("holds the recordings (nights)" in line for line in said[1:])
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["night-000.edf"]


def test_a_file_that_is_named_counts_wherever_it_lies(tmp_path):
    path = write_night(tmp_path / "out" / "a.edf", 1)
    assert batch(path, "--out", tmp_path / "out") == 0
    assert rows(tmp_path / "out", "SELECT count(*) FROM nights") == [(1,)]


@pytest.mark.parametrize(("n_files", "n_processors", "n_workers"), [(1, 2, 1), (3, 2, 3), (900, 2, 8)])
def test_a_thousand_jobs_start_no_more_workers_than_have_something_to_do(
    monkeypatch, n_files, n_processors, n_workers
):
    started = []
    monkeypatch.setattr("hsat.batch.processes.available_processors", lambda: n_processors)
    monkeypatch.setattr("hsat.batch.processes.ProcessExecutor", lambda n, **_: started.append(n))
    _start_executor(BatchOptions(n_workers=1000), n_files)
    assert started == [n_workers]


@pytest.mark.parametrize("address", ["foo://here:1", "tls://127.0.0.1:9"])
def test_an_address_that_no_scheduler_can_have_is_one_line_at_once(tmp_path, capsys, address):
    path = write_night(tmp_path / "a.edf", 1)
    import_module("distributed")  # may take long, the first time
    began_s = time.monotonic()
    assert batch(path, "--out", tmp_path / "out", "--scheduler", address) == 3
    assert time.monotonic() - began_s < 30.0  # a client that is left to itself takes a minute to end
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hsat:")]
    assert len(said) == 1
    assert f"--scheduler {address}: no answer" in said[0]


@pytest.mark.parametrize(
    "address", ["", "nonsense", "tcp://", "tcp://host", "host:", "host:port", "tcp://host:123456", "a b:1"]
)
def test_what_is_no_address_of_a_scheduler_is_wrong_usage_with_nothing_to_do_too(tmp_path, capsys, address):
    path, out = write_night(tmp_path / "a.edf", 1), tmp_path / "out"
    assert batch(path, "--out", out) == 0
    capsys.readouterr()
    assert batch(path, "--out", out, "--scheduler", address) == 2
    expected = "hsat: --scheduler: expected an address such as tcp://host:8786, or local, got "
    assert capsys.readouterr().err == f"{expected}{address!r}\n"


@pytest.mark.parametrize(
    "address", ["local", "host:8786", "tcp://10.0.0.1:8786", "tls://[::1]:1", "inproc://a/1/2"]
)
def test_addresses_that_dask_may_know_are_left_to_dask(address):
    check_scheduler(address)


@pytest.mark.parametrize("where", ["s3://bucket/results", "memory://results", "file:///results"])
def test_results_are_not_put_behind_a_url_nor_into_a_folder_of_that_name(
    tmp_path, capsys, monkeypatch, where
):
    monkeypatch.chdir(tmp_path)
    write_night(tmp_path / "a.edf", 1)
    assert batch("a.edf", "--out", where) == 2
    expected = f"hsat: --out {where}: expected a folder of this machine, got a URL\n"
    assert capsys.readouterr().err == expected
    assert [path.name for path in tmp_path.iterdir()] == ["a.edf"]


def test_an_empty_name_is_called_so(tmp_path, capsys):
    assert batch("", "--out", tmp_path / "out") == 3
    assert "expected a file or a folder, got an empty name" in capsys.readouterr().err


# Root may do anything, so that permissions prove nothing: the system's answers are put in their place.


def test_what_lies_in_a_folder_that_cannot_be_listed_is_not_gone(tmp_path, capsys, monkeypatch):
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_night(nights / "open" / "a.edf", 1)
    write_night(nights / "locked" / "b.edf", 2)
    (nights / "locked" / "c.edf").write_bytes(b"no recording")
    assert batch(nights, "--out", out) == 1
    before = rows(out, "SELECT night_id, is_present FROM nights ORDER BY night_id")
    real = os.scandir

    def scandir(path):
        if os.fspath(path) == str(nights / "locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        assert batch(nights, "--out", out, "--forget-removed") == 1
    assert rows(out, "SELECT night_id, is_present FROM nights ORDER BY night_id") == before
    assert len(before) == 2
    failures = {str(row[0]) for row in rows(out, "SELECT file FROM failures")}
    assert failures == {str(nights / "locked"), str(nights / "locked" / "c.edf")}
    capsys.readouterr()
    assert batch(nights, "--out", out) == 1
    assert capsys.readouterr().out.startswith("0 nights scored")


def test_a_folder_whose_names_alone_may_be_read_is_one_failure(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.edf").touch()
    (tmp_path / "b.edf").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(tmp_path / "inner"))
    found = list(walk_recordings(str(tmp_path)))
    assert found == [
        str(tmp_path / "b.edf"),
        UnlistedFolder(str(tmp_path / "inner"), "Permission denied"),
    ]


def test_a_folder_that_goes_away_during_the_walk_holds_nothing(tmp_path):
    (tmp_path / "a.edf").touch()
    (tmp_path / "inner").mkdir()
    walk = walk_recordings(str(tmp_path))
    assert next(walk) == str(tmp_path / "a.edf")
    (tmp_path / "inner").rmdir()
    assert [item for item in walk if isinstance(item, str)] == []


def test_a_link_into_a_locked_folder_is_found_so_that_it_can_be_named(tmp_path, monkeypatch):
    (tmp_path / "a.edf").touch()
    real = Path.is_file

    def is_file(path):
        if path.name == "a.edf":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    assert list(walk_recordings(str(tmp_path))) == [str(tmp_path / "a.edf")]


def test_a_file_that_may_not_be_read_any_more_says_so(tmp_path, monkeypatch):
    path = str(write_night(tmp_path / "a.edf", 1))
    real = open

    def locked(file, *arguments, **options):
        if os.fspath(file) == path:
            raise PermissionError(13, "Permission denied", path)
        return real(file, *arguments, **options)

    monkeypatch.setattr("builtins.open", locked)
    monkeypatch.setattr("io.open", locked)  # by which Path opens
    settings = BatchSettings(rules=load_rules("aasm_1b"))
    outcome = do_task(Task(files=(path,), settings=settings, known_sha256={path: "0" * 64}))
    assert [failure.error for failure in outcome.failures] == [f"{path}: Permission denied"]


def test_a_file_that_goes_away_while_it_is_scored_says_so(tmp_path, monkeypatch):
    path = write_night(tmp_path / "a.edf", 1)

    def score_night(recording, rules):
        night = original(recording, rules)
        path.unlink()
        return night

    original = tasks.score_night
    monkeypatch.setattr(tasks, "score_night", score_night)
    outcome = do_task(Task(files=(str(path),), settings=BatchSettings(rules=load_rules("aasm_1b"))))
    why = "No such file or directory while it was scored"
    assert [failure.error for failure in outcome.failures] == [f"{path}: {why}"]


def run_python(*arguments: str, said: str = "", cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        input=said,
        capture_output=True,
        text=True,
        timeout=GIVEN_UP_S,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("is_piped", [True, False])
def test_a_script_needs_no_guard_of_its_main_part_and_may_come_through_a_pipe(tmp_path, is_piped):
    write_nights(tmp_path / "nights", 1)
    script = "import hsat\nprint(*[type(x).__name__ for x in hsat.batch('nights', jobs=1)])\n"
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    process = (
        run_python("-", said=script, cwd=tmp_path) if is_piped else run_python("script.py", cwd=tmp_path)
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == "NightResult\n"


def test_workers_that_cannot_be_started_are_one_line(tmp_path):
    write_nights(tmp_path / "nights", 1)
    script = (
        "import multiprocessing, sys\n"
        "from multiprocessing import resource_tracker\n"
        "resource_tracker.ensure_running()\n"
        "multiprocessing.set_executable('/bin/false')\n"
        "from hsat.cli.main import main\n"
        "sys.exit(main(['batch', 'nights', '--out', 'out', '--jobs', '1']))\n"
    )
    process = run_python("-W", "ignore", "-c", script, cwd=tmp_path)
    assert process.returncode == 3
    assert "no worker process can be started" in process.stderr
    assert "Traceback" not in process.stderr
