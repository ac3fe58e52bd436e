"""Event tables: CSV with the columns ``start_s``, ``stop_s`` and ``kind``, ours or anybody's."""

import csv
import io
import math
from collections.abc import Iterator

from hsat.errors import ReadError
from hsat.io.scorings.source import EventChecker, ScoringFile, wrong_value
from hsat.scorings import Scoring

__all__ = ["EVENT_TABLE", "is_event_table", "read_event_table"]

EVENT_TABLE = "event table"
NEEDED = ("start_s", "stop_s", "kind")
SEPARATORS = (",", ";", "\t")
TRUE_WORDS = frozenset({"", "true", "yes", "1"})
FALSE_WORDS = frozenset({"false", "no", "0"})


def is_event_table(file: ScoringFile) -> bool:
    """Whether the first line names the columns of an event table."""
    first_line = file.text.lstrip("\r\n").partition("\n")[0]
    return any(set(NEEDED) <= set(_names(first_line, mark)) for mark in SEPARATORS)


def read_event_table(file: ScoringFile) -> Scoring:
    """Read a table of events.

    Parameters
    ----------
    file : ScoringFile
        CSV with a header; cells apart by commas, semicolons or tabs. Beside ``start_s``, ``stop_s``
        and ``kind``, the columns ``is_counted``, ``event_id`` and ``origin`` are read where they are
        there, and all others ignored. With semicolons or tabs a number may have a decimal comma.

    Returns
    -------
    Scoring
        Neither duration nor hours are known.

    Raises
    ------
    ReadError
        Naming row and column: a column that is missing or there twice, a value that is not allowed,
        an event that is there twice. The header is row 1.
    """
    if "\0" in file.text:
        raise wrong_value(file.path, "", "JSON or a table of events", file.data[:8])
    first_line = file.text.lstrip("\r\n").partition("\n")[0]
    separator = max(SEPARATORS, key=lambda mark: len(set(_names(first_line, mark)) & set(NEEDED)))
    rows = _rows(file, separator)
    n_header, header = next(rows, (1, []))
    names = [name.strip().lower() for name in header]
    places = _columns(file.path, f"row {n_header}", names)
    checker = EventChecker(file.path)
    events = []
    for n_row, row in rows:
        place = f"row {n_row}"
        if len(row) > len(names):
            raise wrong_value(file.path, place, f"at most {len(names)} cells as in the header", len(row))
        cells = {name: _cell(row, i) for name, i in places.items()}
        decimal_mark = "." if separator == "," else ","
        events.append(
            checker.event(
                place,
                kind=cells["kind"],
                start_s=_number(cells["start_s"], decimal_mark),
                stop_s=_number(cells["stop_s"], decimal_mark),
                is_counted=_flag(cells.get("is_counted", "")),
                event_id=cells.get("event_id") or None,
                origin=cells.get("origin") or None,
            )
        )
    return Scoring(
        source_path=file.path,
        format=EVENT_TABLE,
        events=tuple(sorted(events, key=lambda event: (event.start_s, event.stop_s))),
    )


def _names(line: str, separator: str) -> list[str]:
    return [cell.strip().strip('"').strip().lower() for cell in line.split(separator)]


def _rows(file: ScoringFile, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, with their number as a spreadsheet shows it."""
    rows = csv.reader(io.StringIO(file.text, newline=""), delimiter=separator)
    try:
        for n_row, row in enumerate(rows, start=1):
            if any(cell.strip() for cell in row):
                yield n_row, row
    except csv.Error as error:
        raise ReadError(
            f"{file.path}: row {rows.line_num}: expected a row of CSV, got an error: {error}"
        ) from error


def _columns(path: str, place: str, names: list[str]) -> dict[str, int]:
    """Where the columns are that are read."""
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise wrong_value(
            path, place, f"the columns {', '.join(NEEDED)} of an event table, or JSON", ", ".join(names)
        )
    wanted = (*NEEDED, "is_counted", "event_id", "origin")
    for name in wanted:
        if names.count(name) > 1:
            raise wrong_value(path, place, f"the column {name} once", f"{names.count(name)} times")
    return {name: names.index(name) for name in wanted if name in names}


def _cell(row: list[str], i: int) -> str:
    """A cell without the apostrophe that keeps spreadsheets from running it."""
    text = row[i].strip() if i < len(row) else ""
    return text.removeprefix("'").strip()


def _number(text: str, decimal_mark: str) -> object:
    """The number, or the text itself where it is none: the checker names it."""
    plain = text.replace(",", ".") if decimal_mark == "," and text.count(",") == 1 else text
    if "_" in plain:  # Python would read 1_000
        return text
    try:
        number = float(plain)
    except ValueError:
        return text or None
    return number if math.isfinite(number) else text


def _flag(text: str) -> object:
    word = text.lower()
    if word in TRUE_WORDS or word in FALSE_WORDS:
        return word in TRUE_WORDS
    return text
