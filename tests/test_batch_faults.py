"""A night that hangs or crashes, a killed batch, two batches at once, a full disk: nothing is lost."""

import gc
import io
import os
import random
import resource
import signal
import sqlite3
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
    whole_ledger,
    write_night,
    write_nights,
)

from hsat.batch.exports import Table, write_workbook
from hsat.batch.store import Store

FAULTY = """
import os, signal, sys, time
import hsat.batch.tasks as tasks

original = tasks._score


def meet(path):
    # with one night at a time nobody ever comes
    open(path + ".here", "w").close()
    given_up_s = time.monotonic() + 300.0
    while sum(name.endswith(".here") for name in os.listdir(os.path.dirname(path))) < 2:
        if time.monotonic() > given_up_s:
            raise RuntimeError("nobody came")
        time.sleep(0.02)


def faulty(recording, part, settings):
    path = recording.source.path
    if "hangs" in path:
        time.sleep(3600)
    if "crashes" in path:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "exits" in path:
        os._exit(7)
    if "raises" in path:
        raise ZeroDivisionError("planted")
    if "slow" in path:
        time.sleep(0.4)
    if "meets" in path:
        meet(path)
    return original(recording, part, settings)


tasks._score = faulty
"""
"""Faults by the file's name, put into every worker: the package of workers' faults is on their path."""


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path / "configuration"))


@pytest.fixture
def faulty(tmp_path):
    """Environment in which workers meet faults: a module that Python itself imports at its start."""
    folder = tmp_path / "site"
    folder.mkdir()
    hook = (
        "import sys\n"
        "from importlib.abc import MetaPathFinder\n"
        "from importlib.util import find_spec\n\n\n"
        "class Watch(MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name != 'hsat.batch.warming':\n"
        "            return None\n"
        "        sys.meta_path.remove(self)\n"
        "        import faults_of_workers\n"
        "        return None\n\n\n"
        "sys.meta_path.insert(0, Watch())\n"
    )
    (folder / "sitecustomize.py").write_text(hook, encoding="utf-8")
    (folder / "faults_of_workers.py").write_text(FAULTY, encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def failures(out: Path) -> dict[str, tuple[str, str]]:
    found = rows(out, "SELECT file, kind, error FROM failures")
    return {Path(str(file)).name: (str(kind), str(error)) for file, kind, error in found}


def test_nights_that_hang_or_crash_fail_alone_each_with_its_reason(tmp_path, faulty):
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 3)
    for number, name in enumerate(("hangs", "crashes", "exits", "raises"), start=10):
        write_night(nights / f"{name}.edf", number)
    process = run_batch(nights, "--out", out, "--jobs", 2, "--timeout", 4, env=faulty)
    assert process.returncode == 1, process.stderr
    found = failures(out)
    assert {name: kind for name, (kind, _) in found.items()} == {
        "hangs.edf": "hanging",
        "crashes.edf": "crashing",
        "exits.edf": "crashing",
        "raises.edf": "scoring",
    }
    assert "did not end within 4 s" in found["hangs.edf"][1]
    assert "killed (SIGSEGV)" in found["crashes.edf"][1]
    assert "exit code 7" in found["exits.edf"][1]
    assert "ZeroDivisionError: planted" in found["raises.edf"][1]
    assert rows(out, "SELECT count(*) FROM nights") == [(3,)]
    assert batch_here(nights, "--out", out, "--jobs", 2, "--retry-failed") == 0
    assert rows(out, "SELECT count(*) FROM nights") == [(7,)]


HARD_OF_HEARING = """

if "batch" in sys.orig_argv:
    import time
    from pebble.pool.process import TaskManager

    hear = TaskManager.task_start

    def hear_late(manager, task_id, worker_id):
        time.sleep(0.5)  # the pool looks for dead workers each 0.1 s
        hear(manager, task_id, worker_id)

    TaskManager.task_start = hear_late
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_worker_dead_before_the_pool_knows_its_task_costs_this_night_alone(tmp_path, faulty, n_jobs):
    """The worker is dead when the batch hears that it has taken the night, as on a machine under load."""
    with open(tmp_path / "site" / "sitecustomize.py", "a", encoding="utf-8") as hook:
        hook.write(HARD_OF_HEARING)
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 1)
    write_night(nights / "crashes.edf", 10)
    process = run_batch(nights, "--out", out, "--jobs", n_jobs, env=faulty)
    assert process.returncode == 1, process.stderr
    ((name, (kind, error)),) = failures(out).items()
    assert (name, kind) == ("crashes.edf", "crashing")
    assert "killed (SIGSEGV)" in error
    assert rows(out, "SELECT n_scored, n_failed FROM runs") == [(1, 1)]


def test_two_workers_score_two_nights_at_the_same_time(tmp_path, faulty):
    """Each night ends only when the other has begun; the order and speed of the machine do not matter."""
    nights, out = tmp_path / "nights", tmp_path / "out"
    for number in range(2):
        write_night(nights / f"meets-{number}.edf", number)
    process = run_batch(nights, "--out", out, "--jobs", 2, env=faulty)
    assert process.returncode == 0, process.stderr
    assert rows(out, "SELECT count(*) FROM nights") == [(2,)]


def wait_for_nights(out: Path, n_nights: int) -> None:
    """Until a running batch has so many nights in its ledger."""

    def are_there() -> bool:
        try:
            return rows(out, "SELECT count(*) FROM nights")[0][0] >= n_nights
        except sqlite3.OperationalError:  # not there yet
            return False

    wait_until(are_there, f"{n_nights} nights in the ledger")


def integrity(out: Path) -> list[tuple[object, ...]]:
    return rows(out, "PRAGMA integrity_check")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Fourteen nights of four patients and a bad file, and the results of a batch that nothing disturbs.

    Where nights meet faults the last two never end: no batch is done before it is killed.
    """
    folder = tmp_path_factory.mktemp("uninterrupted")
    nights = folder / "nights"
    for number in range(14):
        name = f"slow-{number:02d}{'-hangs' if number >= 12 else ''}.edf"
        write_night(nights / name, number, patient=f"CODE-{number % 4} X X X")
    (nights / "bad.edf").write_bytes(b"no recording" * 50)
    whole = folder / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HSAT_CONFIG_DIR", str(folder))
        assert batch_here(nights, "--out", whole, "--jobs", 2, "--pages") == 1
    return nights, whole, folder


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_batch_goes_on_and_ends_as_if_nothing_had_been(
    tmp_path, seed, faulty, uninterrupted, monkeypatch
):
    nights, whole, configuration = uninterrupted
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(configuration))
    rng = random.Random(seed)
    out = tmp_path / "killed"
    process = start_batch(nights, "--out", out, "--jobs", 2, "--pages", env=faulty)
    wait_for_nights(out, 1)
    time.sleep(rng.uniform(0.0, 0.8))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    n_before = int(str(rows(out, "SELECT count(*) FROM nights")[0][0]))
    assert integrity(out) == [("ok",)]
    assert n_before < 14
    assert batch_here(nights, "--out", out, "--jobs", 2, "--pages") == 1
    assert integrity(out) == [("ok",)]
    n_scored = [row[0] for row in rows(out, "SELECT n_scored FROM runs ORDER BY run_id")]
    assert n_scored == [None, 14 - n_before]
    assert whole_ledger(out) == whole_ledger(whole)
    for name in ("nights.csv", "events.csv", "patients.csv", "failures.csv", "index.html"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert contents(out / "pages") == contents(whole / "pages")


def test_workers_of_a_killed_batch_end_by_themselves(tmp_path, faulty):
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_night(nights / "hangs.edf", 1)
    write_night(nights / "a.edf", 2)
    marked = {**faulty, "HSAT_TEST_MARK": str(tmp_path)}
    process = start_batch(nights, "--out", out, "--jobs", 2, env=marked)
    wait_for_nights(out, 1)
    assert len(marked_processes(tmp_path)) > 1
    process.kill()
    process.communicate()
    wait_until(lambda: not marked_processes(tmp_path), "all processes at their end")


def marked_processes(mark: Path) -> list[int]:
    """Processes with the test's mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if f"HSAT_TEST_MARK={mark}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_ctrl_c_stops_with_a_summary_keeps_what_is_done_and_goes_on(tmp_path, faulty):
    nights, out = tmp_path / "nights", tmp_path / "out"
    for number in range(12):
        write_night(nights / f"slow-{number:02d}{'-hangs' if number == 11 else ''}.edf", number)
    process = start_batch(nights, "--out", out, "--jobs", 1, env=faulty)
    wait_for_nights(out, 2)
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=GIVEN_UP_S)
    assert process.returncode == 130, complained
    assert "(not finished)" in said
    assert "the same command goes on from here" in complained
    assert "Traceback" not in complained
    n_done = int(str(rows(out, "SELECT count(*) FROM nights")[0][0]))
    lines = (out / "nights.csv").read_text(encoding="utf-8").splitlines()
    assert 2 <= n_done == len(lines) - 1 < 12
    assert batch_here(nights, "--out", out, "--jobs", 2) == 0
    assert rows(out, "SELECT count(*) FROM nights") == [(12,)]


@pytest.mark.parametrize("to_all", [True, False], ids=["group", "batch"])
def test_ctrl_c_while_workers_are_being_started_is_no_traceback(tmp_path, to_all):
    """A terminal sends Ctrl-C to every process; the server of workers loads Python's modules then."""
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 2)
    loading = tmp_path / "loading"
    (tmp_path / "site").mkdir()
    hook = f"""
import sys, time

if "forkserver" in " ".join(sys.orig_argv):
    open({str(loading)!r}, "w").close()
    time.sleep(1.5)
"""
    (tmp_path / "site" / "sitecustomize.py").write_text(hook, encoding="utf-8")
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
    process = start_batch(nights, "--out", out, env=env, start_new_session=True)
    wait_until(lambda: loading.exists() or process.poll() is not None, "a server of workers")
    assert process.poll() is None
    (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
    said, complained = process.communicate(timeout=GIVEN_UP_S)
    assert process.returncode == 130, complained
    assert "(not finished)" in said
    assert complained.splitlines()[-1].endswith("the same command goes on from here")
    assert not [line for line in complained.splitlines() if not line.startswith("hsat: ")]


ENDS_SLOWLY = """
import atexit, sys, time


def end():
    open({ending!r}, "w").close()
    time.sleep(2.0)


if "batch" in sys.orig_argv:
    atexit.register(end)
"""


def test_ctrl_c_while_an_interrupted_batch_ends_is_neither_a_traceback_nor_another_end(tmp_path, faulty):
    """As from an impatient user, while Python waits for what is to be done at its end."""
    nights, out, ending = tmp_path / "nights", tmp_path / "out", tmp_path / "ending"
    write_night(nights / "a.edf", 1)
    write_night(nights / "b-hangs.edf", 2)
    with open(tmp_path / "site" / "sitecustomize.py", "a", encoding="utf-8") as hook:
        hook.write(ENDS_SLOWLY.format(ending=str(ending)))
    process = start_batch(nights, "--out", out, "--jobs", 1, env=faulty)
    wait_for_nights(out, 1)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: ending.exists() or process.poll() is not None, "the end of Python")
    process.send_signal(signal.SIGINT)
    _, complained = process.communicate(timeout=GIVEN_UP_S)
    assert process.returncode == 130, complained
    assert not [line for line in complained.splitlines() if not line.startswith("hsat: ")]


STOPPED_EARLY = """
from pebble import ProcessPool

from hsat.batch.starting import start_server, worker_context

start_server([])
pool = ProcessPool(2, context=worker_context())
assert pool.active
pool.stop()
pool.join()
"""
SLOW_TO_BEGIN_AND_TO_END = """
import os, signal, sys, time

forked = []


def delay():
    if len(forked) == 1:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    time.sleep(0.5 * (3 - len(forked)))  # the second begins when the pool waits for the end of the first


if "forkserver" in " ".join(sys.orig_argv):
    os.register_at_fork(before=lambda: forked.append(1), after_in_child=delay)
"""


def test_workers_stopped_before_they_have_read_what_they_are_to_do_say_nothing(tmp_path):
    """The pool has dropped its locks by then, and a worker would look for them in vain."""
    (tmp_path / "sitecustomize.py").write_text(SLOW_TO_BEGIN_AND_TO_END, encoding="utf-8")
    stopped = subprocess.run(
        [sys.executable, "-c", STOPPED_EARLY],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
        timeout=GIVEN_UP_S,
    )
    assert (stopped.returncode, stopped.stderr) == (0, "")


def test_a_request_to_end_is_as_ctrl_c(tmp_path, monkeypatch, capsys):
    """The signal comes while the tables are about to be written; the summary and the next run follow."""
    from hsat.batch.work import Batch

    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 2)
    run = Batch.run

    def run_and_be_asked(work, listing):
        for number, step in enumerate(run(work, listing)):
            if number == 2:
                signal.raise_signal(signal.SIGTERM)
            yield step

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Batch, "run", run_and_be_asked)
    assert batch_here(nights, "--out", out, "--jobs", 1) == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.setattr(Batch, "run", run)
    assert batch_here(nights, "--out", out, "--jobs", 1) == 0
    assert rows(out, "SELECT count(*) FROM nights") == [(2,)]


HOLDER = """
import sys
from hsat.batch.folder import BatchFolder

folder = BatchFolder(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_batch_on_one_folder_is_refused_in_one_line(tmp_path, capsys):
    """The first is another process that holds the folder as a batch does; it is killed."""
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 1)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(out)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        assert batch_here(nights, "--out", out, "--jobs", 1) == 2
        complained = capsys.readouterr().err
        first.kill()
    assert complained.count("\n") == 1
    assert "another hsat batch is at work in this folder" in complained
    assert batch_here(nights, "--out", out, "--jobs", 1) == 0
    assert rows(out, "SELECT count(*) FROM nights") == [(1,)]


def limited(arguments: list[object], n_bytes: int) -> "tuple[int, str]":
    """``hsat batch`` in a process whose files may not grow beyond a limit, as on a full disk."""
    process = subprocess.run(
        [sys.executable, "-m", "hsat", "batch", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes)),
    )
    return process.returncode, process.stderr


def test_a_full_disk_is_one_line_and_what_was_done_is_kept(tmp_path):
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 8)
    assert batch_here(nights / "night-000.edf", "--out", out) == 0
    code, said = limited([nights, "--out", out, "--jobs", 1], (out / "hsat.sqlite").stat().st_size + 60_000)
    assert code in (1, 3)
    assert "make room and run the same command again" in said
    assert "Traceback" not in said
    assert integrity(out) == [("ok",)]
    assert int(str(rows(out, "SELECT count(*) FROM nights")[0][0])) >= 1
    assert not list(out.glob(".*.part"))
    assert batch_here(nights, "--out", out) == 0
    assert rows(out, "SELECT count(*) FROM nights") == [(8,)]


def test_a_disk_that_fills_with_pages_is_one_line_and_the_batch_goes_on_when_there_is_room(tmp_path):
    """The limit lies between a table and a page of 400 kB."""
    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 2)
    assert batch_here(nights, "--out", out, "--jobs", 1) == 0
    code, said = limited([nights, "--out", out, "--jobs", 1, "--pages"], 300_000)
    assert code == 1
    assert "night.html: cannot be written: File too large: what was finished before is kept" in said
    assert said.count("cannot be written") == 1
    assert "Traceback" not in said
    assert integrity(out) == [("ok",)]
    assert not list((out / "pages").iterdir())
    assert rows(out, "SELECT count(*), count(page) FROM nights") == [(2, 0)]
    assert batch_here(nights, "--out", out, "--jobs", 1, "--pages") == 0
    assert len(contents(out / "pages")) == 2 * 3 + 2 * 3


def test_a_ledger_that_is_replaced_during_a_run_is_one_line_and_no_success(tmp_path, capsys, monkeypatch):
    out, nights = tmp_path / "out", tmp_path / "nights"
    write_nights(nights, 1)
    original = Store.end_run

    def end_run(self, *arguments, **options):
        original(self, *arguments, **options)
        other = tmp_path / "other.sqlite"
        sqlite3.connect(other).close()
        other.touch()
        other.replace(out / "hsat.sqlite")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "end_run", end_run)
        assert batch_here(nights, "--out", out, "--jobs", "1") == 1
    said = [line for line in capsys.readouterr().err.splitlines() if "replaced" in line]
    assert said == [
        f"hsat: {out / 'hsat.sqlite'}: removed or replaced while this batch was at work: what it finishes is "
        "not kept; run the same command again"
    ]


def test_a_workbook_that_finds_the_disk_full_ends_without_a_traceback(monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    class Folder:
        def write(self, name, fill, *, is_binary):
            with Full() as file:
                fill(file)

    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    store = Store(":memory:")
    table = Table(name="nights", columns=("file",), store=store, query="SELECT 'a.edf' AS file")
    with pytest.raises(OSError, match="No space left on device"):
        write_workbook(Folder(), [table])
    store.close()
    gc.collect()
    assert said == []


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path, capsys):
    from hsat.cli.main import main

    nights, out = tmp_path / "nights", tmp_path / "out"
    write_nights(nights, 1)
    assert main(["batch", str(nights), "--out", str(out), "--jobs", "1"]) == 0
    before = (out / "nights.csv").read_bytes()
    (out / ".nights.csv.part").mkdir()  # where the new table would be written first
    write_night(nights / "new.edf", 5)
    assert main(["batch", str(nights), "--out", str(out), "--jobs", "1"]) == 1
    assert "nights.csv: cannot be written" in capsys.readouterr().err
    assert (out / "nights.csv").read_bytes() == before
    assert rows(out, "SELECT count(*) FROM nights") == [(2,)]


@pytest.mark.parametrize("where", ["file", "below a file", "NUL", "/proc/nowhere"])
def test_a_folder_that_cannot_be_made_is_wrong_usage(tmp_path, capsys, where):
    from hsat.cli.main import main

    (tmp_path / "file").write_text("here", encoding="utf-8")
    out = {"file": tmp_path / "file", "below a file": tmp_path / "file" / "out", "NUL": "a\0b"}.get(
        where, where
    )
    assert main(["batch", str(tmp_path), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--out" in said
