"""``events.csv`` made in parts: by whomever, in whatever order, it is the same file."""

import csv
import io
import shutil

import pytest
from batch_nights import write_nights

from hsat.batch import event_lines
from hsat.batch.event_lines import lines_from_ledger, lines_here, lines_with
from hsat.batch.executor import TaskFault
from hsat.batch.outcome import EventNights, FailureKind
from hsat.batch.processes import ProcessExecutor
from hsat.batch.settings import BatchOptions, BatchSettings
from hsat.batch.store import FILE_NAME, Store, place_of
from hsat.batch.tasks import do_task
from hsat.batch.work import Batch
from hsat.cli.main import main
from hsat.errors import HsatError
from hsat.report.tables import cell_lines, known_lines
from hsat.rules.load import load_rules

N_NIGHTS = 5


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Results of a batch of a few nights."""
    folder = tmp_path_factory.mktemp("lines")
    write_nights(folder / "nights", N_NIGHTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HSAT_CONFIG_DIR", str(folder))
        assert main(["batch", str(folder / "nights"), "--out", str(folder / "out"), "--jobs", "1"]) == 0
    return folder / "out"


@pytest.fixture
def store(out, monkeypatch):
    """Its ledger, with a part for each night."""
    monkeypatch.setattr(event_lines, "NIGHTS_PER_PART", 1)
    found = Store(out / FILE_NAME)
    yield found
    found.close()


class Workers:
    """Does tasks here, and gives back the last one first, or the first."""

    def __init__(self, outcome=do_task, *, is_backwards=True):
        self.outcome = outcome
        self.is_backwards = is_backwards
        self.tasks = {}

    @property
    def n_running(self):
        return len(self.tasks)

    @property
    def has_room(self):
        return len(self.tasks) < 3

    def submit(self, number, task):
        self.tasks[number] = task

    def collect(self):
        number = list(self.tasks)[-1 if self.is_backwards else 0]
        return [(number, self.outcome(self.tasks.pop(number)))]


@pytest.fixture
def settings():
    return BatchSettings(rules=load_rules("aasm_1b"))


def test_the_file_holds_the_events_of_all_nights_in_the_order_of_their_files(out):
    with open(out / "events.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    store = Store(out / FILE_NAME)
    query = (
        "SELECT nights.file, kind, events.start_s FROM events JOIN nights USING (night_id) "
        "ORDER BY nights.file, number"
    )
    expected = [(file, kind, repr(start_s)) for file, kind, start_s in store.rows(query)]
    store.close()
    assert len({file for file, _, _ in expected}) == N_NIGHTS
    assert [(row["file"], row["kind"], row["start_s"]) for row in rows] == expected


def test_workers_make_the_same_file_whatever_comes_first(out, store, settings):
    made = b"".join(lines_with(Workers(), settings, store, str(out / FILE_NAME)))
    assert made == b"".join(lines_here(store)) == (out / "events.csv").read_bytes()


def test_what_a_lost_worker_leaves_is_made_here(out, store, settings):
    lost = TaskFault(kind=FailureKind.CRASHING, reason="was lost")
    made = b"".join(lines_with(Workers(lambda task: lost), settings, store, str(out / FILE_NAME)))
    assert made == (out / "events.csv").read_bytes()


def test_a_ledger_that_a_worker_cannot_read_is_read_here(out, store, settings, tmp_path):
    missing = str(tmp_path / FILE_NAME)
    assert lines_from_ledger(EventNights(ledger=missing, place=(0, 0), night_ids=("0",))) is None
    made = b"".join(lines_with(Workers(), settings, store, missing))
    assert made == (out / "events.csv").read_bytes()
    assert not (tmp_path / FILE_NAME).exists()


def test_a_ledger_is_found_whatever_its_folder_is_called(out, store, tmp_path):
    folder = tmp_path / "a b?mode=memory&x=1#y%41;é"  # all that has a meaning in the address of a database
    folder.mkdir()
    shutil.copy(out / FILE_NAME, folder)
    night_ids = tuple(row["night_id"] for row in store.rows("SELECT night_id FROM nights ORDER BY file"))
    made = lines_from_ledger(
        EventNights(
            ledger=str(folder / FILE_NAME), place=place_of(str(folder / FILE_NAME)), night_ids=night_ids
        )
    )
    assert made is not None
    assert made == (out / "events.csv").read_bytes().split(b"\n", 1)[1]


def test_another_file_in_the_place_of_the_ledger_is_not_read(out, store, settings, tmp_path):
    expected = b"".join(lines_here(store))
    other = tmp_path / FILE_NAME
    with Store(other)._writing():
        pass
    name = str(other)  # an empty ledger, as a worker that looks by name would find it
    assert b"".join(lines_with(Workers(), settings, store, name)) == expected


def test_no_task_is_left_with_the_workers_where_the_file_cannot_be_written(out, store, settings):
    workers = Workers(is_backwards=False)
    lines = lines_with(workers, settings, store, str(out / FILE_NAME))
    for _ in range(2):
        next(lines)
    assert workers.n_running
    lines.close()
    assert not workers.n_running


def test_the_workers_are_at_it_as_soon_as_the_names_of_the_columns_are_there(out, store, settings):
    workers = Workers()
    lines = lines_with(workers, settings, store, str(out / FILE_NAME))
    assert next(lines).startswith(b"file,")
    assert workers.n_running == 3
    lines.close()


def test_lines_that_nobody_asks_for_any_more_wait_for_no_ended_worker(out, store, settings):
    workers = ProcessExecutor(1, night_timeout_s=600.0)
    lines = lines_with(workers, settings, store, str(out / FILE_NAME))
    next(lines)
    workers.stop()
    assert workers.n_running == 0  # else the next line waits for ever
    lines.close()


def test_parts_that_are_made_too_early_wait_and_no_more_are_handed_out(out, store, settings, monkeypatch):
    monkeypatch.setattr(event_lines, "MOST_WAITING", 1)
    made = b"".join(lines_with(Workers(), settings, store, str(out / FILE_NAME)))
    assert made == (out / "events.csv").read_bytes()


def test_lines_of_known_columns_are_those_of_the_table_writer():
    rows = [
        ("=1+1", 1, 0.1, None),
        ('say "x", y', 0, 1e300, "é"),
        (None, None, None, "a;=b"),
        ("", 1, -0.0, "line\nend"),
    ]
    head = ("a,b", None)
    flagged = [(*head, text, None if flag is None else bool(flag), *rest) for text, flag, *rest in rows]
    expected = "".join(list(cell_lines(("x",), flagged))[1:])
    assert known_lines(head, rows, texts=(0, 3), flags=(1,)) == expected
    assert len(list(csv.reader(io.StringIO(expected)))) == len(rows)
    assert known_lines(head, (), texts=(0,), flags=()) == ""


def test_tables_that_could_not_be_written_leave_nothing_for_the_next_run(tmp_path):
    write_nights(tmp_path / "nights", 2)
    in_the_way = tmp_path / "out" / "nights.csv"
    in_the_way.mkdir(parents=True)
    (in_the_way / "file").touch()
    settings, options = (
        BatchSettings(rules=load_rules("aasm_1b")),
        BatchOptions(out=str(tmp_path / "out"), n_workers=1),
    )
    with Batch([str(tmp_path / "nights")], settings, options) as work:
        assert len([step for step in work.run(work.list()) if step.night]) == 2
        with pytest.raises(HsatError, match=r"nights\.csv") as kept:  # with all that it held
            work.export()
        write_nights(tmp_path / "nights", 4)
        found = [step.night for step in work.run(work.list()) if step.night]
    assert kept.value is not None
    assert len(found) == 2
