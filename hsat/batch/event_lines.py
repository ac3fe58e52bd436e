"""The lines of ``events.csv``, some nights at a time, so that the workers can share in making them."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from hsat.batch.executor import Executor, TaskFault
from hsat.batch.outcome import EventNights, Task
from hsat.batch.schema import FLAGS, TEXTS
from hsat.batch.settings import BatchSettings
from hsat.batch.store import Store, place_of
from hsat.events import EVENT_COLUMNS
from hsat.report.tables import cell_lines, known_lines

__all__ = ["EVENT_TABLE_COLUMNS", "lines_from_ledger", "lines_here", "lines_with"]

EVENT_TABLE_COLUMNS = ("file", "night_start_local", *EVENT_COLUMNS)
NIGHTS_PER_PART = 16
"""Some milliseconds of work and a megabyte: so much outweighs the way to a worker and back."""
MOST_WAITING = 16
"""Parts that wait until those before them are written: memory stays flat."""

TEXT_PLACES = tuple(place for place, name in enumerate(EVENT_COLUMNS) if name in TEXTS)
FLAG_PLACES = tuple(place for place, name in enumerate(EVENT_COLUMNS) if name in FLAGS)
NIGHT_IDS = "SELECT night_id FROM nights ORDER BY nights.file, part, night_id"
NIGHT = "SELECT file, start_local FROM nights WHERE night_id = ?"
EVENTS = "SELECT {} FROM events WHERE night_id = ? ORDER BY number".format(
    ", ".join(f'"{name}"' for name in EVENT_COLUMNS)
)

Rows = Callable[[str, Sequence[object]], Iterable[Sequence[Any]]]


def lines_here(store: Store) -> Iterator[bytes]:
    """The file, part by part, made in this process.

    Parameters
    ----------
    store : Store

    Yields
    ------
    bytes
    """
    yield _header()
    for night_ids in _parts(store):
        yield _lines(store.rows, night_ids)


def lines_with(executor: Executor, settings: BatchSettings, store: Store, ledger: str) -> Iterator[bytes]:
    """The file, part by part, made by the workers.

    Parameters
    ----------
    executor : Executor
        Without any task in work.
    settings : BatchSettings
    store : Store
    ledger : str
        Its file; the workers read it themselves.

    Yields
    ------
    bytes
        In the order of the nights; what a lost worker leaves, or cannot read, is made here.

    Raises
    ------
    HsatError
        As a `BatchError`, where no worker can work.
    """
    parts = enumerate(_parts(store))
    begun: dict[int, tuple[str, ...]] = {}
    made: dict[int, bytes] = {}
    n_written, is_listed = 0, False
    head = _header()
    try:
        while begun or not is_listed:
            while executor.has_room and len(made) < MOST_WAITING and not is_listed:
                number, night_ids = next(parts, (0, ()))
                is_listed = not night_ids
                if night_ids:
                    begun[number] = night_ids
                    work = EventNights(ledger=ledger, place=store.place, night_ids=night_ids)
                    executor.submit(number, Task(files=(), settings=settings, events_of=work))
            if head:  # not before the workers are at it: whoever asks for it early writes other things then
                yield head
                head = b""
            for number, result in executor.collect():
                lines = None if isinstance(result, TaskFault) else result.event_lines
                made[number] = _lines(store.rows, begun[number]) if lines is None else lines
                del begun[number]
            while n_written in made:
                yield made.pop(n_written)
                n_written += 1
    except GeneratorExit:  # the file cannot be written: the next to use the workers finds none at work
        while executor.n_running:
            executor.collect()
        raise


def lines_from_ledger(work: EventNights) -> bytes | None:
    """The lines of some nights, in a worker.

    Parameters
    ----------
    work : EventNights

    Returns
    -------
    bytes or None
        None where the ledger cannot be read from here, as on a file system without shared memory, or
        another file has taken its place.
    """
    if place_of(work.ledger) != work.place:
        return None
    try:
        with closing(sqlite3.connect(f"{Path(work.ledger).as_uri()}?mode=ro", uri=True)) as connection:
            return _lines(connection.execute, work.night_ids)
    except sqlite3.Error:
        return None


def _header() -> bytes:
    return "".join(cell_lines(EVENT_TABLE_COLUMNS, ())).encode()


def _parts(store: Store) -> Iterator[tuple[str, ...]]:
    night_ids = (str(row[0]) for row in store.rows(NIGHT_IDS))
    while part := tuple(islice(night_ids, NIGHTS_PER_PART)):
        yield part


def _lines(rows: Rows, night_ids: Iterable[str]) -> bytes:
    texts = []
    for night_id in night_ids:
        for file, start_local in rows(NIGHT, (night_id,)):
            events = rows(EVENTS, (night_id,))
            texts.append(known_lines((file, start_local), events, texts=TEXT_PLACES, flags=FLAG_PLACES))
    return "".join(texts).encode()
