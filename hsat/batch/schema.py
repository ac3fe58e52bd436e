"""The tables of the ledger, their versions, and the steps from one version to the next.

docs/store.md describes every table. A step that has been published is never changed: a later
version adds one.
"""

import sqlite3

from hsat.batch.rows import DESATURATION_COLUMNS, NIGHT_CELLS
from hsat.errors import BatchError
from hsat.events import EVENT_COLUMNS

__all__ = ["FIRST_FILE", "FLAGS", "PATIENT_COLUMNS", "STEPS", "TABLES", "TEXTS", "VERSION", "migrate"]

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE runs (
        run_id INTEGER PRIMARY KEY, started_utc TEXT NOT NULL, stopped_utc TEXT, hsat_version TEXT NOT NULL,
        rules_id TEXT NOT NULL, settings_id TEXT NOT NULL, settings TEXT NOT NULL,
        n_scored INTEGER, n_failed INTEGER, is_complete INTEGER NOT NULL DEFAULT 0,
        exported TEXT
    );
    CREATE TABLE rule_sets (rules_id TEXT PRIMARY KEY, name TEXT NOT NULL, numbers TEXT NOT NULL);
    CREATE TABLE recordings (
        path TEXT PRIMARY KEY, folder TEXT NOT NULL, n_bytes INTEGER NOT NULL, fingerprint TEXT NOT NULL,
        head_sha256 TEXT, sha256 TEXT, settings_id TEXT NOT NULL, fate TEXT NOT NULL, reason TEXT,
        original TEXT, group_key TEXT
    );
    CREATE INDEX recordings_by_content ON recordings (sha256);
    CREATE TABLE nights (
        night_id TEXT PRIMARY KEY, part INTEGER NOT NULL, n_files INTEGER NOT NULL,
        fingerprint TEXT NOT NULL, settings_id TEXT NOT NULL, is_present INTEGER NOT NULL DEFAULT 1,
        page TEXT, file TEXT NOT NULL
    );
    CREATE TABLE night_files (
        night_id TEXT NOT NULL REFERENCES nights ON DELETE CASCADE, position INTEGER NOT NULL,
        path TEXT NOT NULL, sha256 TEXT, PRIMARY KEY (night_id, position)
    ) WITHOUT ROWID;
    CREATE INDEX night_files_by_path ON night_files (path);
    CREATE TABLE alternatives (
        night_id TEXT NOT NULL REFERENCES nights ON DELETE CASCADE, name TEXT NOT NULL,
        rules_id TEXT NOT NULL,
        ahi_per_h REAL, severity TEXT, PRIMARY KEY (night_id, name)
    ) WITHOUT ROWID;
    CREATE TABLE events (
        night_id TEXT NOT NULL REFERENCES nights ON DELETE CASCADE, number INTEGER NOT NULL,
        PRIMARY KEY (night_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE desaturations (
        night_id TEXT NOT NULL REFERENCES nights ON DELETE CASCADE, number INTEGER NOT NULL,
        PRIMARY KEY (night_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE failures (
        file TEXT NOT NULL, part INTEGER NOT NULL, kind TEXT NOT NULL, error TEXT NOT NULL,
        n_files INTEGER NOT NULL,
        PRIMARY KEY (file, part)
    ) WITHOUT ROWID;
    CREATE TABLE patients (
        number INTEGER PRIMARY KEY, patient TEXT, grouped_by TEXT NOT NULL, n_nights INTEGER NOT NULL,
        n_excluded INTEGER NOT NULL, first_night_local TEXT, last_night_local TEXT, monitoring_h REAL,
        pooled_ahi_per_h REAL, mean_ahi_per_h REAL, median_ahi_per_h REAL, sd_ahi_per_h REAL,
        min_ahi_per_h REAL, max_ahi_per_h REAL, rules_id TEXT, notes TEXT
    );
    CREATE TABLE patient_nights (
        number INTEGER NOT NULL REFERENCES patients ON DELETE CASCADE, night_id TEXT NOT NULL, excluded TEXT,
        PRIMARY KEY (number, night_id)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE patients ADD COLUMN posterior_mean_ahi_per_h REAL;
    ALTER TABLE patients ADD COLUMN posterior_low95_ahi_per_h REAL;
    ALTER TABLE patients ADD COLUMN posterior_high95_ahi_per_h REAL;
    ALTER TABLE patients ADD COLUMN severity TEXT;
    ALTER TABLE patients ADD COLUMN p_normal REAL;
    ALTER TABLE patients ADD COLUMN p_mild REAL;
    ALTER TABLE patients ADD COLUMN p_moderate REAL;
    ALTER TABLE patients ADD COLUMN p_severe REAL;
    ALTER TABLE patients ADD COLUMN is_firm INTEGER;
    ALTER TABLE patients ADD COLUMN nights_needed INTEGER;
    ALTER TABLE patients ADD COLUMN prior TEXT;
    ALTER TABLE patients ADD COLUMN error TEXT;
    ALTER TABLE patients ADD COLUMN content_id TEXT;
    """,
    """
    ALTER TABLE nights ADD COLUMN patient_page TEXT;
    ALTER TABLE patients ADD COLUMN page TEXT;
    ALTER TABLE patients ADD COLUMN page_id TEXT;
    UPDATE nights SET page = NULL;
    """,
    """
    UPDATE recordings SET head_sha256 = NULL;
    UPDATE recordings SET group_key = NULL WHERE group_key LIKE 'head %';
    """,
)
"""SQL that leads from each version to the next; the first from an empty file."""

VERSION = len(STEPS)

PATIENT_COLUMNS = (
    "patient",
    "grouped_by",
    "n_nights",
    "n_excluded",
    "first_night_local",
    "last_night_local",
    "monitoring_h",
    "pooled_ahi_per_h",
    "mean_ahi_per_h",
    "median_ahi_per_h",
    "sd_ahi_per_h",
    "min_ahi_per_h",
    "max_ahi_per_h",
    "posterior_mean_ahi_per_h",
    "posterior_low95_ahi_per_h",
    "posterior_high95_ahi_per_h",
    "severity",
    "p_normal",
    "p_mild",
    "p_moderate",
    "p_severe",
    "is_firm",
    "nights_needed",
    "prior",
    "rules_id",
    "notes",
    "error",
)
"""Columns of ``patients.csv``."""

TEXTS = frozenset(
    {"patient", "start_local", "device", "rules_id", "hsat_version", "therapy", "scoring", "severity"}
    | {
        "adequacy",
        "reasons",
        "denominator",
        "sex",
        "recorder",
        "not_measured",
        "notes",
        "monitored_spans_s",
        "gaps_s",
    }
    | {"kind", "criterion", "origin", "obstructive_signs", "sensor"}
)
FIRST_FILE = (
    "(SELECT path FROM night_files AS of_night WHERE of_night.night_id = nights.night_id AND position = 0)"
)
"""SQL: a night's first file, by which it is called in short; ``nights.file`` lists all."""

FLAGS = frozenset(["is_adequate", "is_class_stable", "is_cheyne_stokes", "is_card", "is_counted"])


def _type_of(column: str) -> str:
    if column in TEXTS:
        return "TEXT"
    return "INTEGER" if column in FLAGS or column.startswith("n_") else "REAL"


TABLES: dict[str, tuple[str, ...]] = {
    "nights": NIGHT_CELLS,
    "events": EVENT_COLUMNS,
    "desaturations": DESATURATION_COLUMNS,
}
"""Tables with a column for every number of a result: what a version measures anew is added to them."""


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring a ledger to this version, in one transaction; an empty file becomes a ledger.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode.
    name : str
        The file, for errors.

    Raises
    ------
    HsatError
        As a `BatchError`, where a newer hsat has written the file, or another program.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise BatchError(
            f"{name}: written by a newer hsat (schema {version}, this one knows {VERSION}): use that one, or "
            "another folder"
        )
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version == 0 and tables:
        raise BatchError(f"{name}: a database of another program; choose another folder")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in STEPS[version:]:
            for statement in step.split(";"):
                if statement.strip():
                    connection.execute(statement)
        for table, columns in TABLES.items():
            present = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for column in columns:
                if column not in present:
                    connection.execute(f'ALTER TABLE {table} ADD COLUMN "{column}" {_type_of(column)}')
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
