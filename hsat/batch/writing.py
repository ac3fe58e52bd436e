"""Rows of the ledger: nights with all that belongs to them, and what became of files.

Each function works inside the transaction of whoever calls it.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from hsat.batch.files import FoundFile
from hsat.batch.outcome import Cell, Failure, StoredNight
from hsat.batch.rows import DESATURATION_COLUMNS, NIGHT_CELLS
from hsat.events import EVENT_COLUMNS
from hsat.report.plain import without_surrogates

__all__ = [
    "FileFate",
    "drop_nights",
    "insert_failure",
    "insert_night",
    "mark_gone",
    "question_marks",
    "settle_files",
    "stored_text",
]


class FileFate(NamedTuple):
    """What became of a file, for its row in ``recordings``."""

    file: FoundFile
    fate: str
    reason: str | None = None
    original: str | None = None
    group_key: str | None = None
    head_sha256: str | None = None


def question_marks(n: int) -> str:
    """As many marks as there are values."""
    return ", ".join("?" * n)


def _insertion(table: str, columns: Sequence[str]) -> str:
    """SQL: a row with these columns."""
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({question_marks(len(columns))})"


OWN_CELLS = (
    "night_id",
    "part",
    "n_files",
    "fingerprint",
    "settings_id",
    "is_present",
    "page",
    "patient_page",
)
INSERT_NIGHT = _insertion("nights", (*OWN_CELLS, *NIGHT_CELLS))
INSERT_EVENT = _insertion("events", ("night_id", "number", *EVENT_COLUMNS))
INSERT_DESATURATION = _insertion("desaturations", ("night_id", "number", *DESATURATION_COLUMNS))


def mark_gone(connection: sqlite3.Connection, path: str) -> None:
    """A file that is not there any more: its result is kept and marked, anything else forgotten."""
    connection.execute("DELETE FROM failures WHERE file = ?", (path,))
    connection.execute("DELETE FROM recordings WHERE path = ? AND fate != 'scored'", (path,))
    connection.execute(
        "UPDATE nights SET is_present = 0 "
        "WHERE night_id IN (SELECT night_id FROM night_files WHERE path = ?)",
        (path,),
    )


def settle_files(
    connection: sqlite3.Connection, fates: Sequence[FileFate], settings_id: str, kept: set[str]
) -> None:
    """Rows of files that belong together; whatever they gave before and no longer give goes first."""
    stale: set[str] = set()
    for fate in fates:
        path = stored_text(fate.file.path)
        query = "SELECT night_id FROM night_files WHERE path = ?"
        stale.update(row[0] for row in connection.execute(query, (path,)))
        connection.execute("DELETE FROM failures WHERE file = ?", (path,))
    connection.executemany("DELETE FROM nights WHERE night_id = ?", ((x,) for x in stale - kept))
    for fate in fates:
        path = stored_text(fate.file.path)
        texts = [
            None if text is None else stored_text(text)
            for text in (fate.reason, fate.original, fate.group_key)
        ]
        connection.execute(
            "INSERT OR REPLACE INTO recordings VALUES (?, ?, ?, ?, "
            "coalesce(?, (SELECT head_sha256 FROM recordings WHERE path = ? AND fingerprint = ?)), "
            "(SELECT sha256 FROM night_files WHERE path = ?), ?, ?, ?, ?, ?)",
            (
                path,
                stored_text(fate.file.folder),
                fate.file.n_bytes,
                fate.file.fingerprint,
                fate.head_sha256,  # None of a file that stands there already, beside new ones of its group
                path,
                fate.file.fingerprint,
                path,
                settings_id,
                fate.fate,
                *texts,
            ),
        )


def insert_night(
    connection: sqlite3.Connection, night: StoredNight, fingerprint: str, settings_id: str
) -> None:
    """A night with its files, events and desaturations, in the place of an earlier one."""
    night_id = night.night_id  # a hash, and asked for with every row
    own: dict[str, Cell] = {
        "night_id": night_id,
        "part": night.part,
        "n_files": len(night.files),
        "fingerprint": fingerprint,
        "settings_id": settings_id,
        "is_present": 1,
        "page": night.page,
        "patient_page": night.patient_page,
    }
    values = [*(own[name] for name in OWN_CELLS), *(night.cells[name] for name in NIGHT_CELLS)]
    connection.execute("DELETE FROM nights WHERE night_id = ?", (night_id,))
    connection.execute(INSERT_NIGHT, values)
    for position, path in enumerate(night.files):
        connection.execute(
            "INSERT INTO night_files VALUES (?, ?, ?, ?)",
            (night_id, position, stored_text(path), night.sha256.get(path)),
        )
    connection.executemany(
        "INSERT INTO alternatives VALUES (?, ?, ?, ?, ?)",
        [(night_id, *row) for row in night.alternatives],
    )
    for statement, rows in ((INSERT_EVENT, night.events), (INSERT_DESATURATION, night.desaturations)):
        connection.executemany(
            statement, [(night_id, number, *row) for number, row in enumerate(rows, start=1)]
        )


def insert_failure(connection: sqlite3.Connection, failure: Failure) -> None:
    """A failure, in the place of an earlier one of the same night."""
    connection.execute(
        "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?)",
        (
            stored_text(failure.files[0]),
            failure.part,
            failure.kind.value,
            stored_text(failure.error),
            len(failure.files),
        ),
    )


def drop_nights(connection: sqlite3.Connection, ids: Sequence[str]) -> bool:
    """Nights, and the rows of their files that belong to no other night.

    Returns whether any of these files is still there: nothing is known of it any more.
    """
    n_left = 0
    for night_id in ids:
        paths = [
            row[0]
            for row in connection.execute("SELECT path FROM night_files WHERE night_id = ?", (night_id,))
        ]
        connection.execute("DELETE FROM nights WHERE night_id = ?", (night_id,))
        for path in paths:
            alone = "FROM recordings WHERE path = ? AND path NOT IN (SELECT path FROM night_files)"
            query = f"SELECT count(*) {alone} AND path IN (SELECT path FROM listed)"
            n_left += connection.execute(query, (path,)).fetchone()[0]
            connection.execute(f"DELETE {alone}", (path,))
    return n_left > 0


def stored_text(text: str) -> str:
    """A text as the ledger keeps it: bytes that are no UTF-8 are written out."""
    return without_surrogates(text)
