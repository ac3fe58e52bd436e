"""The ledger as tables for people: CSV, Parquet, a workbook; streamed, so that any number of nights fits."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import IO, Any, NamedTuple

from hsat.batch.event_lines import EVENT_TABLE_COLUMNS
from hsat.batch.folder import BatchFolder
from hsat.batch.rows import ROW_COLUMNS
from hsat.batch.schema import FLAGS, PATIENT_COLUMNS, TEXTS
from hsat.batch.store import Store
from hsat.errors import BatchError
from hsat.events import EVENT_COLUMNS
from hsat.report.tables import cell_lines, safe_cell

__all__ = [
    "TABLE_NAMES",
    "WORKBOOK",
    "read_tables",
    "write_csv_tables",
    "write_parquet_tables",
    "write_workbook",
]

TABLE_NAMES = ("nights", "patients", "events", "failures")
WORKBOOK = "hsat.xlsx"
ROWS_PER_BATCH = 10_000
LONGEST_SHEET = 1_048_575
"""Rows below the header that a sheet of a workbook can hold."""
TEXT_COLUMNS = TEXTS | {"file", "kind", "error", "grouped_by", "notes", "files", "prior"}


class Table(NamedTuple):
    """A table to write: its name, its columns, and its rows, made anew at every call of `rows`."""

    name: str
    columns: tuple[str, ...]
    store: Store
    query: str

    def rows(self) -> Iterator[dict[str, object]]:
        """Rows with the columns as keys; flags are booleans."""
        for row in self.store.rows(self.query):
            values = dict(row)
            others = values.pop("alternatives", None)
            if others:
                for name, (ahi_per_h, severity) in json.loads(others).items():
                    values |= {f"{name}_ahi_per_h": ahi_per_h, f"{name}_severity": severity}
            yield {
                name: bool(value) if name in BOOLEANS and value is not None else value
                for name, value in values.items()
            }

    def cells(self) -> Iterator[Sequence[object]]:
        """Rows as values in the order of the columns; without a mapping where the ledger's row is one."""
        rows = self.store.rows(self.query)
        first = next(rows, None)
        if first is None:
            return
        if tuple(first.keys()) != self.columns:
            rows.close()
            yield from ([row.get(name) for name in self.columns] for row in self.rows())
            return
        flags = [place for place, name in enumerate(self.columns) if name in BOOLEANS]
        for row in chain([first], rows):
            values = list(row)
            for place in flags:
                if values[place] is not None:
                    values[place] = bool(values[place])
            yield values


BOOLEANS = FLAGS | {"is_present", "is_firm"}
NIGHTS = """
    SELECT {columns}, is_present, (
        SELECT group_concat(path, '; ') FROM (
            SELECT path FROM night_files WHERE night_files.night_id = nights.night_id ORDER BY position)
    ) AS file, (
        SELECT json_group_object(name, json_array(ahi_per_h, severity)) FROM (
            SELECT * FROM alternatives WHERE alternatives.night_id = nights.night_id ORDER BY name)
    ) AS alternatives
    FROM nights ORDER BY nights.file, part
"""
EVENTS = """
    SELECT nights.file AS file, start_local AS night_start_local, {columns}
    FROM events JOIN nights USING (night_id) ORDER BY nights.file, part, number
"""
FAILURE_COLUMNS = ("file", "part", "kind", "error", "n_files")


def read_tables(store: Store) -> tuple[Table, ...]:
    """The tables of the ledger that are exported, in the order of `TABLE_NAMES`.

    Parameters
    ----------
    store : Store

    Returns
    -------
    tuple of Table
    """
    names = [row[0] for row in store.rows("SELECT DISTINCT name FROM alternatives ORDER BY name")]
    others = [f"{name}_{key}" for name in names for key in ("ahi_per_h", "severity")]
    own = ", ".join(f'"{name}"' for name in ROW_COLUMNS if name != "file")
    events = ", ".join(f'events."{name}"' for name in EVENT_COLUMNS)
    return (
        Table("nights", (*ROW_COLUMNS, *others, "is_present"), store, NIGHTS.format(columns=own)),
        Table("patients", PATIENT_COLUMNS, store, "SELECT * FROM patients ORDER BY number"),
        Table("events", EVENT_TABLE_COLUMNS, store, EVENTS.format(columns=events)),
        Table("failures", FAILURE_COLUMNS, store, "SELECT * FROM failures ORDER BY file, part"),
    )


def write_csv_tables(folder: BatchFolder, tables: Iterable[Table], event_lines: Iterable[bytes]) -> None:
    """Write ``NAME.csv`` for every table; cells that a spreadsheet would run get an apostrophe.

    Parameters
    ----------
    folder : BatchFolder
    tables : iterable of Table
    event_lines : iterable of bytes
        The whole of ``events.csv``, see `hsat.batch.event_lines`: all but a few rows are events.

    Raises
    ------
    HsatError
        As a `BatchError`, where a file cannot be written.
    """
    rest = iter(event_lines)
    head = list(islice(rest, 1))  # the workers begin, while the other tables are written
    for table in tables:
        if table.name == "events":
            folder.write("events.csv", lambda file: file.writelines(chain(head, rest)), is_binary=True)
            continue
        lines = cell_lines(table.columns, table.cells())
        folder.write(f"{table.name}.csv", lambda file, lines=lines: file.writelines(lines))  # type: ignore[misc]


def write_parquet_tables(folder: BatchFolder, tables: Iterable[Table]) -> None:
    """Write ``NAME.parquet`` for every table, numbers as numbers.

    Parameters
    ----------
    folder : BatchFolder
    tables : iterable of Table

    Raises
    ------
    HsatError
        As a `BatchError`, where pyarrow is missing or a file cannot be written.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BatchError("--parquet: needs pyarrow: install hsat[parquet]") from error
    kinds = {"text": pyarrow.string(), "flag": pyarrow.bool_(), "count": pyarrow.int64()}

    for table in tables:
        schema = pyarrow.schema(
            [(name, kinds.get(_kind_of(name), pyarrow.float64())) for name in table.columns]
        )

        def fill(file: IO[Any], table: Table = table, schema: Any = schema) -> None:
            with parquet.ParquetWriter(file, schema) as writer:
                for rows in _batches(table.rows()):
                    writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))

        folder.write(f"{table.name}.parquet", fill, is_binary=True)


def write_workbook(folder: BatchFolder, tables: Sequence[Table], name: str = WORKBOOK) -> None:
    """Write a workbook with a sheet a table; texts are texts, never formulas or links.

    Parameters
    ----------
    folder : BatchFolder
    tables : sequence of Table
    name : str

    Raises
    ------
    HsatError
        As a `BatchError`, where XlsxWriter is missing, the file cannot be written, or a table has
        more rows than a sheet can hold.
    """
    try:
        import xlsxwriter
        from xlsxwriter.exceptions import XlsxWriterException
    except ImportError as error:
        raise BatchError("--excel: needs XlsxWriter: install hsat[excel]") from error
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        "default_date_format": "yyyy-mm-dd hh:mm",
    }

    def fill(file: IO[Any]) -> None:
        target = _Target(file)
        book = xlsxwriter.Workbook(target, options)
        bold = book.add_format({"bold": True, "bottom": 1})
        try:
            for table in tables:
                _fill_sheet(book.add_worksheet(table.name), table, bold)
        finally:
            try:
                book.close()
            finally:
                target.let_go()

    try:
        folder.write(name, fill, is_binary=True)
    except XlsxWriterException as error:  # pragma: no cover - it wraps what the disk says
        raise BatchError(f"{name}: cannot be written: {error}") from error


class _Target:
    """The file of a workbook, until it is let go.

    On a full disk the archive that is being written stays open, and ends itself some time later, in a file
    that is closed by then: Python would print a traceback.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file: IO[bytes] | None = file

    def let_go(self) -> None:
        self._file = None

    def write(self, data: Any) -> int:
        return len(data) if self._file is None else self._file.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0 if self._file is None else self._file.seek(offset, whence)

    def tell(self) -> int:
        return 0 if self._file is None else self._file.tell()

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()


def _fill_sheet(sheet: Any, table: Table, bold: Any) -> None:
    sheet.freeze_panes(1, 1)
    for column, name in enumerate(table.columns):
        sheet.set_column(
            column, column, 40 if name in ("file", "error", "reasons") else max(len(name) + 1, 10)
        )
        sheet.write_string(0, column, name, bold)
    number = 0
    for number, row in enumerate(table.rows(), start=1):
        if number > LONGEST_SHEET:
            raise BatchError(
                f"--excel: {table.name} has more rows than a sheet can hold ({LONGEST_SHEET}): use --parquet"
            )
        for column, name in enumerate(table.columns):
            value = row.get(name)
            if isinstance(value, bool):
                sheet.write_boolean(number, column, value)
            elif isinstance(value, int | float):
                sheet.write_number(number, column, value)
            elif value is not None:
                sheet.write_string(number, column, safe_cell(str(value)))
    if number:
        sheet.autofilter(0, 0, number, len(table.columns) - 1)


def _kind_of(column: str) -> str:
    if column in TEXT_COLUMNS or column.endswith(("_severity", "_local")):
        return "text"
    if column in BOOLEANS:
        return "flag"
    return "count" if column.startswith("n_") or column in ("part", "nights_needed") else "number"


def _batches(rows: Iterator[dict[str, object]]) -> Iterator[list[Mapping[str, object]]]:
    batch: list[Mapping[str, object]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_PER_BATCH:
            yield batch
            batch = []
    yield batch
