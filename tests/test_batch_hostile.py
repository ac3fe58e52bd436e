"""`hsat batch` on files, names, options and programs that are not as they should be."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batch_nights import ROOT, rows, write_night, write_nights

from hsat.batch.settings import BatchOptions
from hsat.batch.work import _start_executor
from hsat.cli.main import main


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


@pytest.mark.parametrize("address", ["nonsense", "foo://here:1", "tls://127.0.0.1:9"])
def test_an_address_that_no_scheduler_can_have_is_one_line_at_once(tmp_path, capsys, address):
    path = write_night(tmp_path / "a.edf", 1)
    began_s = time.monotonic()
    assert batch(path, "--out", tmp_path / "out", "--scheduler", address) == 3
    assert time.monotonic() - began_s < 30.0  # a client that is left to itself takes a minute to end
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hsat:")]
    assert len(said) == 1
    assert f"--scheduler {address}: no answer" in said[0]


def run_python(*arguments: str, said: str = "", cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
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
