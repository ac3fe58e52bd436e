"""A cluster that loses a worker, folders behind URLs, folders that are watched, progress."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batch_nights import ROOT, rows, run_batch, start_batch, write_night, write_nights

from hsat.batch.cluster import ClusterExecutor
from hsat.batch.files import FoundFile, Listing, list_files
from hsat.batch.outcome import FailureKind, Task
from hsat.batch.settings import BatchSettings
from hsat.batch.tasks import do_task
from hsat.batch.watching import StableFiles
from hsat.cli.batch_progress import BatchProgress
from hsat.rules.load import load_rules


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path / "configuration"))


def table(out: Path, name: str) -> list[dict[str, str]]:
    with open(out / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


LOSING = """
import os, signal, sys
import hsat.batch.tasks as tasks

original = tasks._score


def losing(recording, part, settings):
    path = recording.source.path
    if "loses" in path:
        try:
            os.close(os.open(path + ".lost", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return original(recording, part, settings)


tasks._score = losing
"""


def run_cluster(site: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """``hsat batch`` on a cluster of its own, whose workers meet faults."""
    site.mkdir()
    (site / "losing_workers.py").write_text(LOSING, encoding="utf-8")
    preload = {"DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON__HSAT": "1", "PYTHONWARNINGS": "ignore"}
    env = {
        **preload,
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "DASK_DISTRIBUTED__WORKER__PRELOAD": "losing_workers",
    }
    return run_batch(*arguments, "--scheduler", "local", env=env)


def test_a_cluster_scores_the_same_and_makes_good_a_lost_worker(tmp_path):
    """The worker is killed while it scores one of the nights for the first time."""
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 3)
    write_night(nights / "loses.edf", 8)
    process = run_cluster(tmp_path / "site", nights, "--out", out, "--jobs", 2)
    assert process.returncode == 0, process.stderr
    assert (nights / "loses.edf.lost").exists()
    here = tmp_path / "here"
    assert run_batch(nights, "--out", here, "--jobs", 2).returncode == 0
    assert (out / "nights.csv").read_bytes() == (here / "nights.csv").read_bytes()
    assert (out / "events.csv").read_bytes() == (here / "events.csv").read_bytes()


class Answer:
    """What Dask holds for a task, of which only the end is made up."""

    def __init__(self, key: str, error: Exception | None = None) -> None:
        self.key = key
        self.error = error
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def result(self) -> None:
        if self.error is not None:
            raise self.error


class Client:
    """A cluster of two workers, the first with a task in line behind the one it works on."""

    def __init__(self) -> None:
        self.restarted: list[str] = []

    def processing(self) -> dict[str, tuple[str, ...]]:
        return {"w1": ("a", "b"), "w2": ("c",)}

    def restart_workers(self, workers: list[str], **_: object) -> None:
        self.restarted.extend(workers)


def executor_of(answers: dict[int, Answer]) -> ClusterExecutor:
    executor = ClusterExecutor.__new__(ClusterExecutor)
    executor.night_timeout_s = 5.0
    executor._client, executor._tasks, executor._since_s = Client(), dict(answers), {}
    return executor


def test_a_task_of_a_cluster_that_takes_too_long_is_ended_with_its_worker(monkeypatch):
    """The clock is made up: at 5.0 s nobody is late, just after those that are worked on are."""
    now_s = [100.0]
    monkeypatch.setattr("hsat.batch.cluster.time.monotonic", lambda: now_s[0])
    answers = {1: Answer("a"), 2: Answer("b"), 3: Answer("c")}
    executor = executor_of(answers)
    assert list(executor._overdue()) == []
    now_s[0] = 105.0
    assert list(executor._overdue()) == []
    now_s[0] = 105.001
    found = dict(executor._overdue())
    assert {number: fault.kind for number, fault in found.items()} == {
        1: FailureKind.HANGING,
        3: FailureKind.HANGING,
    }
    assert "did not end within 5 s" in found[1].reason
    assert executor._client.restarted == ["w1", "w2"]
    assert [answer.is_cancelled for answer in answers.values()] == [True, False, True]
    assert executor.n_running == 1


def test_a_task_that_has_killed_every_worker_that_tried_it_fails_alone():
    from distributed import KilledWorker

    executor = executor_of({1: Answer("a", KilledWorker("a", "w1", 4)), 2: Answer("b")})
    ((number, fault),) = executor._result(1)
    assert (number, fault.kind) == (1, FailureKind.CRASHING)
    assert list(executor._result(1)) == []
    assert executor.n_running == 1


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path, monkeypatch, capsys):
    from hsat.cli.main import main

    monkeypatch.setattr("hsat.batch.cluster.CONNECTING_S", 0.2)
    write_nights(tmp_path / "nights", 1)
    words = ["--out", str(tmp_path / "out"), "--scheduler", "tcp://127.0.0.1:9"]
    assert main(["batch", str(tmp_path / "nights"), *words]) == 3
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hsat:")]
    assert len(said) == 1
    assert "--scheduler tcp://127.0.0.1:9: no answer" in said[0]


# ------------------------------------------------------------------------ URLs


def test_a_folder_behind_a_url_gives_what_the_folder_gives(tmp_path):
    nights = tmp_path / "nights"
    write_nights(nights, 2)
    assert run_batch(f"file://{nights}", "--out", tmp_path / "far", "--jobs", 1).returncode == 0
    assert run_batch(nights, "--out", tmp_path / "near", "--jobs", 1).returncode == 0
    far, near = table(tmp_path / "far", "nights"), table(tmp_path / "near", "nights")
    assert [Path(row.pop("file")).name for row in far] == [Path(row.pop("file")).name for row in near]
    assert far == near


def test_files_in_memory_are_listed_and_scored(tmp_path):
    import fsspec

    (path,) = write_nights(tmp_path, 1)
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/nights/a/night.edf", path.read_bytes())
    memory.pipe_file("/nights/readme.txt", b"no recording")
    listing = list_files(["memory://nights"])
    assert [file.path for file in listing.files] == ["memory:///nights/a/night.edf"]
    settings = BatchSettings(rules=load_rules("aasm_1b"))
    outcome = do_task(Task(files=(listing.files[0].path,), settings=settings))
    near = do_task(Task(files=(str(path),), settings=settings))
    assert outcome.nights[0].events == near.nights[0].events
    assert outcome.nights[0].files == ("memory:///nights/a/night.edf",)
    assert not outcome.failures


def test_an_unknown_protocol_is_a_failure_that_is_named():
    listing = list_files(["nonsense://bucket/nights"])
    assert listing.failures[0].kind is FailureKind.FOLDER
    assert "nonsense://bucket/nights: cannot be opened" in listing.failures[0].error


# ------------------------------------------------------------------------ watching


def found(path: str, fingerprint: str, *, age_s: float = 0.0) -> FoundFile:
    return FoundFile(path, "n", False, 1, fingerprint, time.time_ns() - int(age_s * 1e9))


def test_a_file_that_grows_waits_until_two_looks_agree():
    stable = StableFiles(60.0)
    assert stable.look(Listing((found("a", "1"),), (), ())).files == ()
    assert not stable.has_news
    assert stable.look(Listing((found("a", "2"),), (), ())).files == ()
    assert [f.path for f in stable.look(Listing((found("a", "2"),), (), ())).files] == ["a"]
    assert stable.has_news
    stable.look(Listing((found("a", "2"),), (), ()))
    assert not stable.has_news
    assert stable.look(Listing((found("a", "3"),), (), ())).files == ()


def test_a_file_that_has_been_quiet_for_long_is_taken_at_once():
    stable = StableFiles(60.0)
    files = (found("new", "1", age_s=59.0), found("old", "1", age_s=61.0))
    assert [f.path for f in stable.look(Listing(files, (), ())).files] == ["old"]


def test_watching_scores_what_appears_and_ends_with_ctrl_c(tmp_path):
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 1)
    process = start_batch(nights, "--out", out, "--jobs", 1, "--watch", "--interval", 0.3)
    wait_for(out, 1)
    content = write_night(tmp_path / "elsewhere.edf", 6).read_bytes()
    with open(nights / "arrives.edf", "wb") as file:
        for start in range(0, len(content), len(content) // 8):
            file.write(content[start : start + len(content) // 8])
            file.flush()
            time.sleep(0.15)
    wait_for(out, 2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "stopped watching" in said
    assert rows(out, "SELECT count(*) FROM failures") == [(0,)]
    assert sum(int(row[0]) for row in rows(out, "SELECT n_scored FROM runs")) == 2


def wait_for(out: Path, n_nights: int) -> None:
    for _ in range(1200):
        time.sleep(0.05)
        if (out / "nights.csv").exists() and len(table(out, "nights")) >= n_nights:
            return
    pytest.fail("nothing was scored")


# ------------------------------------------------------------------------ progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_with_rate_time_left_and_failures(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with BatchProgress(200) as progress:
        progress.advance(100, n_known=100)
        time.sleep(0.15)
        progress.advance(50, n_known=0)
        progress.fail("a.edf: no recording")
        time.sleep(0.15)
        progress.advance(1, n_known=0)
    text = stream.getvalue()
    assert "150/200 files" in text
    assert "files/s" in text
    assert " left" in text
    assert "1 failed" in text
    assert "hsat: a.edf: no recording" in text


def test_elsewhere_a_line_after_each_tenth(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with BatchProgress(40) as progress:
        for _ in range(40):
            progress.advance(1, n_known=0)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[4].startswith("hsat: 20 of 40 files done, ")
    assert "\r" not in stream.getvalue()


def test_what_an_earlier_run_has_done_is_no_speed(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with BatchProgress(40) as progress:
        progress.advance(39, n_known=39)
        assert stream.getvalue() == ""
