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
from batch_nights import (
    GIVEN_UP_S,
    ROOT,
    batch_here,
    contents,
    rows,
    run_batch,
    start_batch,
    wait_until,
    write_night,
    write_nights,
)

from hsat.batch.cluster import ClusterExecutor
from hsat.batch.files import FoundFile, Listing, list_files
from hsat.batch.outcome import FailureKind, Task
from hsat.batch.settings import BatchSettings
from hsat.batch.tasks import do_task
from hsat.batch.watching import StableFiles
from hsat.cli.batch_progress import BatchProgress
from hsat.cli.interrupts import noted_interrupts
from hsat.errors import BatchError
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
    if "kills" in path:
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
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    }
    return run_batch(*arguments, "--scheduler", "local", env=env)


def test_a_cluster_scores_the_same_and_only_the_night_that_kills_its_worker_fails(tmp_path):
    """Dask gives up all that is beside it at once; the others are scored by the workers that are left."""
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 4)
    kills = write_night(nights / "kills.edf", 9)
    process = run_cluster(tmp_path / "site", nights, "--out", out, "--jobs", 2, "--pages")
    assert process.returncode == 1, process.stderr
    assert [(row["file"], row["kind"]) for row in table(out, "failures")] == [(str(kills), "crashing")]
    kills.unlink()
    here = tmp_path / "here"
    assert batch_here(nights, "--out", here, "--jobs", 1, "--pages") == 0
    assert (out / "nights.csv").read_bytes() == (here / "nights.csv").read_bytes()
    assert (out / "events.csv").read_bytes() == (here / "events.csv").read_bytes()
    assert contents(out / "pages") == contents(here / "pages")
    assert len(contents(out / "pages")) == 4 * 3 + 4 * 3


SLOW = """
import time
import hsat.batch.tasks as tasks

original = tasks._score


def slow(recording, part, settings):
    open(recording.source.path + ".begun", "w").close()
    time.sleep(1.0)
    return original(recording, part, settings)


tasks._score = slow
"""


def test_ctrl_c_ends_a_cluster_of_its_own_without_a_word_of_its_workers(tmp_path):
    """A terminal sends it to every process: to the batch alone is it of any use."""
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 6)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "slow_workers.py").write_text(SLOW, encoding="utf-8")
    env = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)]),
        "DASK_DISTRIBUTED__WORKER__PRELOAD": "slow_workers",
        "PYTHONWARNINGS": "ignore",
    }
    words = ["--out", out, "--jobs", 1, "--scheduler", "local"]
    process = start_batch(nights, *words, env=env, start_new_session=True)
    wait_until(lambda: any(nights.glob("*.begun")) or process.poll() is not None, "a night in work")
    os.killpg(process.pid, signal.SIGINT)
    said, complained = process.communicate(timeout=GIVEN_UP_S)
    assert process.returncode == 130, complained
    assert "(not finished)" in said
    assert not [line for line in complained.splitlines() if not line.startswith("hsat: ")]


class Answer:
    """What Dask holds for a task, whose end is made up."""

    def __init__(self, key: str, end: object) -> None:
        self.key = key
        self.is_cancelled = False
        self.outcome = end

    def add_done_callback(self, tell) -> None:
        if self.outcome is not None:
            tell(self)

    def cancel(self) -> None:
        self.is_cancelled = True

    def result(self) -> object:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Client:
    """A cluster of two workers of one thread; `ends` is what comes of the tasks, None keeps them at work."""

    def __init__(self, *ends: object) -> None:
        self.ends = list(ends)
        self.sent: list[Answer] = []
        self.kept_to: list[object] = []
        self.held: dict[str, list[str]] = {"w1": [], "w2": []}
        self.restarted: list[str] = []
        self.has_nannies = True

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.held, 1)

    def submit(self, run: object, task: Task, *, workers: object, **_: object) -> Answer:
        self.sent.append(Answer(f"{task.files[0]} {len(self.sent)}", self.ends.pop(0)))
        self.kept_to.append(workers)
        return self.sent[-1]

    def processing(self) -> dict[str, list[str]]:
        return self.held

    def restart_workers(self, workers: list[str], **_: object) -> None:
        if not self.has_nannies:
            raise ValueError("Restarting workers requires a nanny to be used.")
        self.restarted.extend(workers)


def cluster_of(monkeypatch, client: Client, n_tasks: int) -> ClusterExecutor:
    """An executor on made-up workers, with tasks handed in."""
    monkeypatch.setattr("hsat.batch.cluster._connect", lambda *_: (client, None))
    executor = ClusterExecutor("made up", 2, night_timeout_s=5.0)
    settings = BatchSettings(rules=load_rules("aasm_1b"))
    for number in range(n_tasks):
        executor.submit(number, Task(files=(f"n{number}",), settings=settings))
    return executor


def lost() -> Exception:
    from distributed import KilledWorker

    return KilledWorker("n", "w1", 4)


def test_a_night_beside_the_one_that_kills_workers_is_scored_once_it_is_alone(monkeypatch):
    """Dask gives up both; n0 loses its worker alone too, n1 does not. Nothing is handed in beside them."""
    client = Client(lost(), lost(), "n2 scored", lost(), "n1 scored")
    executor = cluster_of(monkeypatch, client, 3)
    assert executor.collect() == [(2, "n2 scored")]
    assert len(client.sent) == 3
    assert executor.n_running == 2
    ((number, fault),) = executor.collect()
    assert [answer.key for answer in client.sent[3:]] == ["n0 3"]
    assert (number, fault.kind) == (0, FailureKind.CRASHING)
    assert "also while it was the only task" in fault.reason
    assert executor.collect() == [(1, "n1 scored")]
    assert executor.n_running == 0


def test_nothing_is_handed_in_beside_a_night_that_is_tried_alone(monkeypatch):
    executor = cluster_of(monkeypatch, Client(lost(), None), 1)
    assert executor.has_room
    looks = iter([[], [(9, "looked")]])
    monkeypatch.setattr(executor, "_overdue", lambda: next(looks))
    monkeypatch.setattr("hsat.batch.cluster.LOOKED_S", 0.01)
    assert executor.collect() == [(9, "looked")]
    assert len(executor._client.sent) == 2
    assert not executor.has_room


def made_up_clock(monkeypatch) -> list[float]:
    now_s = [100.0]
    monkeypatch.setattr("hsat.batch.cluster.time.monotonic", lambda: now_s[0])
    return now_s


def test_a_night_of_a_cluster_that_takes_too_long_is_ended_with_its_worker(monkeypatch):
    """At 5.0 s nobody is late, just after that the first worker is; the second has finished something."""
    now_s = made_up_clock(monkeypatch)
    client = Client(None, None, None)
    executor = cluster_of(monkeypatch, client, 3)
    keys = [answer.key for answer in client.sent]
    client.held = {"w1": keys[:1], "w2": keys[1:]}
    assert list(executor._overdue()) == []
    now_s[0] = 105.0
    assert list(executor._overdue()) == []
    client.held = {"w1": keys[:1], "w2": keys[2:]}
    now_s[0] = 105.001
    ((number, fault),) = executor._overdue()
    assert (number, fault.kind) == (0, FailureKind.HANGING)
    assert "did not end within 5 s" in fault.reason
    assert client.restarted == ["w1"]
    assert [answer.is_cancelled for answer in client.sent] == [True, False, False]
    assert executor.n_running == 2


def test_nights_that_wait_behind_one_that_hangs_are_each_tried_alone(monkeypatch):
    """The scheduler does not say which of a worker's tasks is at work: n1 waited, n0 hangs alone too."""
    now_s = made_up_clock(monkeypatch)
    client = Client(None, None, None, "n1 scored")
    executor = cluster_of(monkeypatch, client, 2)
    client.held = {"w1": [answer.key for answer in client.sent], "w2": []}
    assert list(executor._overdue()) == []
    now_s[0] = 105.1
    assert list(executor._overdue()) == []
    assert client.restarted == ["w1"]
    assert [answer.is_cancelled for answer in client.sent] == [True, True]

    def a_look_later() -> float:
        client.held = {"w1": [], "w2": ["n0 2"] if len(client.sent) == 3 else []}
        now_s[0] += 2.0
        return now_s[0]

    monkeypatch.setattr("hsat.batch.cluster.time.monotonic", a_look_later)
    monkeypatch.setattr("hsat.batch.cluster.LOOKED_S", 0.01)
    ((number, fault),) = executor.collect()
    assert (number, fault.kind) == (0, FailureKind.HANGING)
    assert executor.collect() == [(1, "n1 scored")]


def test_a_worker_that_hangs_and_that_nobody_starts_anew_gets_no_more_tasks(monkeypatch):
    now_s = made_up_clock(monkeypatch)
    client = Client(None, "n1 scored", None)
    client.has_nannies = False
    executor = cluster_of(monkeypatch, client, 1)
    client.held = {"w1": [client.sent[0].key], "w2": []}
    assert list(executor._overdue()) == []
    now_s[0] = 105.1
    ((number, fault),) = executor._overdue()
    assert (number, fault.kind) == (0, FailureKind.HANGING)
    settings = BatchSettings(rules=load_rules("aasm_1b"))
    executor.submit(1, Task(files=("n1",), settings=settings))
    assert client.kept_to == [None, ["w2"]]
    client.held = {"w1": []}
    with pytest.raises(BatchError, match="every worker hangs, and none has a nanny"):
        executor.submit(2, Task(files=("n2",), settings=settings))


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
    assert batch_here(f"file://{nights}", "--out", tmp_path / "far", "--jobs", 1) == 0
    assert batch_here(nights, "--out", tmp_path / "near", "--jobs", 1) == 0
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


ARRIVING = """
import os, sys

if "--watch" in sys.orig_argv:
    from hsat.batch.watching import StableFiles

    look = StableFiles.look

    def look_and_write(stable, listing):
        stable.quiet_s = 3600.0  # only looks that agree count
        found = look(stable, listing)
        source, arrives = os.environ["HSAT_TEST_SOURCE"], os.environ["HSAT_TEST_ARRIVES"]
        n_bytes = os.path.getsize(arrives) if os.path.exists(arrives) else 0
        if os.path.exists(source) and n_bytes < os.path.getsize(source):
            with open(source, "rb") as file, open(arrives, "ab") as copy:
                file.seek(n_bytes)
                copy.write(file.read(os.path.getsize(source) // 8))
        return found

    StableFiles.look = look_and_write
"""
"""A file that grows by an eighth between every two looks, however fast or slow the machine is."""


def test_watching_scores_what_appears_marks_what_goes_and_ends_with_ctrl_c(tmp_path):
    nights, out = tmp_path / "nights", tmp_path / "out"
    (gone,) = write_nights(nights, 1)
    source = tmp_path / "elsewhere" / "source.edf"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(ARRIVING, encoding="utf-8")
    env = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)]),
        "HSAT_TEST_SOURCE": str(source),
        "HSAT_TEST_ARRIVES": str(nights / "arrives.edf"),
    }
    process = start_batch(nights, "--out", out, "--jobs", 1, "--watch", "--interval", 0.1, env=env)
    wait_for(out, 1)
    write_night(tmp_path / "source.edf", 6)
    source.parent.mkdir()
    (tmp_path / "source.edf").rename(source)  # whole from its first moment on
    wait_for(out, 2)
    assert (nights / "arrives.edf").read_bytes() == source.read_bytes()
    source.unlink()
    assert sum(int(row[0]) for row in rows(out, "SELECT n_scored FROM runs")) == 2
    (nights / "arrives.edf").rename(nights / "renamed.edf")
    gone.unlink()
    expected = {"night-000.edf": "false", "renamed.edf": "true"}
    wait_until(lambda: presence(out) == expected, f"{expected} in nights.csv")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=GIVEN_UP_S)
    assert process.returncode == 0, said
    assert "stopped watching" in said
    assert rows(out, "SELECT count(*) FROM failures") == [(0,)]


def test_ctrl_c_that_a_destructor_swallows_is_raised_again_and_prints_nothing(capsys):
    class Falling:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    with noted_interrupts() as interrupts:
        interrupts.check()
        falling = Falling()
        del falling  # raises inside of it: Python prints such an exception, and goes on
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert capsys.readouterr().err == ""


def wait_for(out: Path, n_nights: int) -> None:
    """Until nights.csv has so many nights."""
    path = out / "nights.csv"
    wait_until(lambda: path.exists() and len(table(out, "nights")) >= n_nights, f"{n_nights} nights scored")


def presence(out: Path) -> dict[str, str]:
    """Whether the files of nights.csv are there, by their names."""
    return {Path(row["file"]).name: row["is_present"] for row in table(out, "nights")}


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


def test_a_slow_bar_tells_files_a_second_too_and_a_bar_of_patients_says_so(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with BatchProgress(3, "patients") as progress:
        assert "starting" in stream.getvalue()
        time.sleep(1.2)
        progress.advance(1, n_known=0)
    last = stream.getvalue().split("\r")[-1]
    assert "1/3 patients" in last
    assert " patients/s" in last
    assert "starting" not in last


def test_elsewhere_a_line_after_each_tenth(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with BatchProgress(40) as progress:
        for _ in range(40):
            progress.advance(1, n_known=0)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[4].startswith("hsat: 20 of 40 files done, ")
    assert lines[4].endswith(" left")
    assert " left" not in lines[9]
    assert "\r" not in stream.getvalue()


def test_the_time_until_the_first_file_is_no_pace(monkeypatch):
    stream, now_s = io.StringIO(), [0.0]
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("hsat.cli.batch_progress.time.monotonic", lambda: now_s[0])
    with BatchProgress(100) as progress:
        now_s[0] = 60.0  # kernels were compiled
        progress.advance(1, n_known=0)
        for _ in range(9):
            now_s[0] += 0.5
            progress.advance(1, n_known=0)
    last = stream.getvalue().splitlines()[-1]
    assert last == "hsat: 10 of 100 files done, 2.0 files/s, about 0:00:45 left"


def test_what_an_earlier_run_has_done_is_no_speed(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with BatchProgress(40) as progress:
        progress.advance(39, n_known=39)
        assert stream.getvalue() == ""
