"""The ledger of a batch: one SQLite file that one process writes, a transaction a night.

In WAL mode whoever reads the file sees whole transactions, also while a batch is writing, and a
process that is killed leaves the last whole one. docs/store.md describes the tables.
"""

import json
import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from hsat.batch.files import FoundFile, Listing
from hsat.batch.outcome import Failure, StoredNight
from hsat.batch.schema import FIRST_FILE, migrate
from hsat.batch.settings import BatchSettings
from hsat.batch.writing import (
    FileFate,
    drop_nights,
    insert_failure,
    insert_night,
    mark_gone,
    question_marks,
    settle_files,
    stored_text,
)
from hsat.errors import BatchError
from hsat.io.duplicates import FileHead

__all__ = ["FILE_NAME", "KnownFile", "Store", "place_of"]

FILE_NAME = "hsat.sqlite"
BUSY_S = 30.0
"""How long a reader of the file may keep the writer waiting."""
PAGE_BYTES = 16_384
"""A night's events fill some pages of this size: smaller ones are more to write and to find."""
FLUSHED_S = 1.0
"""How often nights wait until the disk has them: a power cut costs the nights since, which are scored anew.

A killed process costs none, and neither can damage the file: SQLite's log is whole up to some commit.
"""


FilePlace = tuple[int, int]
"""Device and number of a file: another file under the same name has another."""


def place_of(name: str) -> FilePlace | None:
    """Where a file lies; None where there is none, as of a ledger in memory.

    Parameters
    ----------
    name : str

    Returns
    -------
    tuple of int or None
    """
    try:
        status = os.stat(name)  # noqa: PTH116 - a name as SQLite takes it
    except OSError:
        return None
    return status.st_dev, status.st_ino


class KnownFile(NamedTuple):
    """A file as an earlier run has left it."""

    n_bytes: int
    fingerprint: str
    head_sha256: str | None
    sha256: str | None
    settings_id: str
    fate: str
    original: str | None
    group_key: str | None


class Store:
    """The ledger.

    Parameters
    ----------
    path : str or Path
        Made where it is missing, brought to this version where it is older; ``":memory:"`` keeps
        it in memory.

    Raises
    ------
    HsatError
        As a `BatchError`, where the file cannot be opened, written or understood.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self._connection: sqlite3.Connection | None = None
        self._flushed_s = -FLUSHED_S
        self._is_flushing: bool | None = None
        self._names: dict[str, str] = {}
        self.place: FilePlace | None = None
        try:
            self._connection = sqlite3.connect(self.name, timeout=BUSY_S, isolation_level=None)
            self._connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a new file alone
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            migrate(self._connection, self.name)
            self.place = place_of(self.name)
            self._connection.execute(
                "CREATE TEMP TABLE listed (path TEXT PRIMARY KEY, is_seen INTEGER DEFAULT 1)"
            )
        except sqlite3.Error as error:
            self.close()
            raise _as_batch_error(self.name, error) from error
        except BatchError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; what was committed stays. Fails in silence, as after a full disk."""
        if self._connection is not None:
            with suppress(
                sqlite3.Error
            ):  # the last checkpoint needs room; the log beside the file keeps it all
                self._connection.close()
            self._connection = None

    @contextmanager
    def _writing(self, *, is_night: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when it ends; of nights only one in a while waits for the disk."""
        if self._connection is None:
            raise BatchError(f"{self.name}: closed")
        is_flushed = not is_night or time.monotonic() - self._flushed_s >= FLUSHED_S
        if is_flushed and self.place is not None and place_of(self.name) != self.place:
            raise BatchError(
                f"{self.name}: removed or replaced while this batch was at work: what it finishes is not "
                "kept; run the same command again"
            )
        try:
            if is_flushed != self._is_flushing:
                self._connection.execute(f"PRAGMA synchronous = {'FULL' if is_flushed else 'NORMAL'}")
                self._is_flushing = is_flushed
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            self._connection.execute("COMMIT")
            if is_flushed:  # with it everything that was committed before
                self._flushed_s = time.monotonic()
        except sqlite3.Error as error:
            raise _as_batch_error(self.name, error) from error
        finally:
            self._roll_back()

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with suppress(sqlite3.Error):  # it has rolled back itself, as after an input/output error
                self._connection.execute("ROLLBACK")

    def rows(self, query: str, values: Sequence[object] = ()) -> Generator[sqlite3.Row, None, None]:
        """Rows of a query, one after the other.

        Parameters
        ----------
        query : str
        values : sequence of object
            For the question marks in it.

        Yields
        ------
        sqlite3.Row

        Raises
        ------
        HsatError
            As a `BatchError`, where the file cannot be read.
        """
        if self._connection is None:
            raise BatchError(f"{self.name}: closed")
        try:
            cursor = self._connection.cursor()
            cursor.row_factory = sqlite3.Row
            yield from cursor.execute(query, values)
        except sqlite3.Error as error:
            raise _as_batch_error(self.name, error) from error

    def begin_run(self, settings: BatchSettings, listing: Listing) -> int:
        """Note what is to be done, and what has gone from the folders since.

        Parameters
        ----------
        settings : BatchSettings
        listing : Listing
            Files of earlier runs below the folders that were walked, but not in it, are gone.

        Returns
        -------
        int
            Number of the run.
        """
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (started_utc, hsat_version, rules_id, settings_id, settings) "
                "VALUES (?, ?, ?, ?, ?)",
                (
                    _now(),
                    settings.hsat_version,
                    settings.rules.rules_id,
                    settings.settings_id,
                    settings.as_json(),
                ),
            )
            numbers = json.dumps(asdict(settings.rules), sort_keys=True, default=list)
            connection.execute(
                "INSERT OR IGNORE INTO rule_sets VALUES (?, ?, ?)",
                (settings.rules.rules_id, settings.rules.name, numbers),
            )
            connection.execute("DELETE FROM listed")
            self._names = {stored_text(file.path): file.path for file in listing.files}
            growing = (stored_text(file.path) for file in listing.growing)
            connection.executemany(
                "INSERT OR IGNORE INTO listed (path) VALUES (?)",
                ((name,) for name in chain(self._names, growing)),
            )
            connection.execute(  # folders, and named files that were missing, are looked for anew
                "DELETE FROM failures WHERE file NOT IN (SELECT path FROM recordings WHERE fate = 'failed')"
            )
            self._note_unlisted(connection, listing.unlisted)
            self._note_gone(connection, listing.roots)
            for failure in listing.failures:
                insert_failure(connection, failure)
        return int(cursor.lastrowid or 0)

    def _note_unlisted(self, connection: sqlite3.Connection, folders: Sequence[str]) -> None:
        """Files of folders that could not be listed: whether they are there stays as it was."""
        for folder in folders:
            prefix = stored_text(folder if folder.endswith("/") else f"{folder}/")
            connection.execute(
                "INSERT OR IGNORE INTO listed (path, is_seen) "
                "SELECT path, 0 FROM recordings WHERE substr(path, 1, ?) = ?",
                (len(prefix), prefix),
            )

    def _note_gone(self, connection: sqlite3.Connection, roots: Sequence[str]) -> None:
        """Files that are gone: what failed or was left out is forgotten, results are kept and marked."""
        gone: set[str] = set()
        for root in roots:
            prefix = stored_text(root if root.endswith("/") else f"{root}/")
            query = (
                "SELECT path FROM recordings WHERE substr(path, 1, ?) = ? "
                "AND path NOT IN (SELECT path FROM listed)"
            )
            gone.update(row[0] for row in connection.execute(query, (len(prefix), prefix)))
        for path in sorted(gone):
            mark_gone(connection, path)
        connection.execute(
            "UPDATE nights SET is_present = 1 WHERE NOT is_present AND night_id NOT IN "
            "(SELECT night_id FROM night_files WHERE path NOT IN (SELECT path FROM listed WHERE is_seen))"
        )

    def end_run(self, run_id: int, *, n_scored: int, n_failed: int, is_complete: bool) -> None:
        """Close the run's row."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE runs SET stopped_utc = ?, n_scored = ?, n_failed = ?, is_complete = ? "
                "WHERE run_id = ?",
                (_now(), n_scored, n_failed, int(is_complete), run_id),
            )

    def snapshot(self) -> tuple[object, ...]:
        """What changes when a run forgets, marks or adds something, without looking at single results."""
        query = (
            "SELECT (SELECT count(*) FROM nights), (SELECT total(is_present) FROM nights), "
            "(SELECT group_concat(file || error) FROM "
            "(SELECT * FROM failures ORDER BY file, part LIMIT 1000))"
        )
        return tuple(next(self.rows(query)))

    def exported(self) -> str | None:
        """What the last run wrote as tables; None where it was broken off before."""
        found = list(self.rows("SELECT exported FROM runs ORDER BY run_id DESC LIMIT 1"))
        return None if not found else found[0][0]

    def note_exported(self, run_id: int, text: str | None) -> None:
        """The run's tables are written, or they are those of the run before."""
        with self._writing() as connection:
            connection.execute("UPDATE runs SET exported = ? WHERE run_id = ?", (text, run_id))

    def known_files(self) -> dict[str, KnownFile]:
        """Files of this run's listing that an earlier run has dealt with, by path."""
        query = (
            "SELECT path, n_bytes, fingerprint, head_sha256, sha256, settings_id, fate, original, group_key "
            "FROM recordings JOIN listed USING (path)"
        )
        found = {
            self._names[row[0]]: KnownFile(*row[1:]) for row in self.rows(query) if row[0] in self._names
        }
        return {
            path: known if known.original is None else known._replace(original=self.path_of(known.original))
            for path, known in found.items()
        }

    def note_heads(self, heads: Mapping[str, FileHead]) -> None:
        """Keep beginnings of files, by path, that an older version has not kept or kept otherwise."""
        values = ((head.sha256, stored_text(path)) for path, head in heads.items())
        with self._writing() as connection:
            connection.executemany("UPDATE recordings SET head_sha256 = ? WHERE path = ?", values)

    def path_of(self, name: str) -> str:
        """The path that stands in the ledger as `name`: another one where it has bytes that are no UTF-8."""
        return self._names.get(name, name)

    def nights_as_paged(self) -> Iterator[sqlite3.Row]:
        """What tells whether nights have their pages, a row a file of a night."""
        return self.rows(
            f"SELECT path, night_id, page, patient_page, {FIRST_FILE} AS file, patient, recorder, is_card "
            "FROM night_files JOIN nights USING (night_id)"
        )

    def page_stems(self) -> set[str]:
        """What the names of the pages of all nights and patients begin with."""
        query = (
            "SELECT page FROM nights WHERE page IS NOT NULL "
            "UNION ALL SELECT page FROM patients WHERE page IS NOT NULL"
        )
        return {row[0] for row in self.rows(query)}

    def is_scored(self, night_id: str, fingerprint: str, settings_id: str) -> bool:
        """Whether the night is there already, of the same files under the same settings."""
        query = "SELECT 1 FROM nights WHERE night_id = ? AND fingerprint = ? AND settings_id = ?"
        return bool(list(self.rows(query, (night_id, fingerprint, settings_id))))

    def patient_page(self, night_id: str) -> str | None:
        """What the page of a night leads to."""
        found = list(self.rows("SELECT patient_page FROM nights WHERE night_id = ?", (night_id,)))
        return found[0][0] if found else None

    def record_night(
        self,
        night: StoredNight,
        *,
        fingerprint: str,
        settings_id: str,
        fates: Sequence[FileFate] = (),
    ) -> None:
        """Keep a night, and where it was the last of its files, what became of them; one transaction."""
        with self._writing(is_night=True) as connection:
            insert_night(connection, night, fingerprint, settings_id)
            if fates:
                settle_files(connection, fates, settings_id, {night.night_id})

    def settle(
        self,
        fates: Sequence[FileFate],
        settings_id: str,
        *,
        kept: Iterable[str] = (),
        failures: Sequence[Failure] = (),
    ) -> None:
        """Keep what became of files that belong together; their nights other than `kept` are gone."""
        with self._writing(is_night=True) as connection:
            settle_files(connection, fates, settings_id, set(kept))
            for failure in failures:
                insert_failure(connection, failure)

    def refresh(self, files: Sequence[FoundFile]) -> None:
        """Files that were touched, and hold what they held; their nights too."""
        with self._writing() as connection:
            for file in files:
                path = stored_text(file.path)
                connection.execute(
                    "UPDATE recordings SET fingerprint = ? WHERE path = ?", (file.fingerprint, path)
                )
                for (night_id,) in connection.execute(
                    "SELECT night_id FROM night_files WHERE path = ?", (path,)
                ).fetchall():
                    query = (
                        "SELECT fingerprint FROM night_files JOIN recordings USING (path) "
                        "WHERE night_id = ? ORDER BY position"
                    )
                    joined = "|".join(row[0] for row in connection.execute(query, (night_id,)))
                    connection.execute(
                        "UPDATE nights SET fingerprint = ?, is_present = 1 WHERE night_id = ?",
                        (joined, night_id),
                    )

    def note_missing(self, paths: Sequence[str], failures: Sequence[Failure]) -> None:
        """Files that were named and are not there: a failure; what they gave before is kept, and marked."""
        with self._writing() as connection:
            for path in paths:
                mark_gone(connection, stored_text(path))
            for failure in failures:
                insert_failure(connection, failure)

    def forget_moved(self) -> bool:
        """Drop nights whose files this run has found elsewhere, by content.

        Returns whether files of them are still there, which make a night of their own now.
        """
        query = """
            SELECT DISTINCT night_id FROM night_files AS old
            JOIN recordings AS before ON before.path = old.path
            WHERE before.path NOT IN (SELECT path FROM listed) AND before.sha256 IN (
                SELECT now.sha256 FROM recordings AS now JOIN listed ON listed.path = now.path
                WHERE now.fate = 'scored' AND now.sha256 IS NOT NULL
            )
        """
        with self._writing() as connection:
            return drop_nights(connection, [row[0] for row in connection.execute(query)])

    def forget_gone(self) -> bool:
        """Drop nights of which a file is gone; returns whether other files of them are still there."""
        with self._writing() as connection:
            ids = [row[0] for row in connection.execute("SELECT night_id FROM nights WHERE NOT is_present")]
            return drop_nights(connection, ids)

    def write_patients(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], members: Iterable[Sequence[object]]
    ) -> None:
        """Put new rows in the place of the tables of patients and of their nights."""
        with self._writing() as connection:
            connection.execute("DELETE FROM patients")
            connection.executemany(
                f"INSERT INTO patients ({', '.join(columns)}) VALUES ({question_marks(len(columns))})", rows
            )
            connection.executemany("INSERT INTO patient_nights VALUES (?, ?, ?)", members)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _as_batch_error(name: str, error: sqlite3.Error) -> BatchError:
    reason = str(error)
    if "full" in reason or "I/O" in reason:
        reason = f"{reason}: what was finished before is kept; make room and run the same command again"
    return BatchError(f"{name}: cannot be used: {reason}")
