"""Event tables that Nox Noxturnal exports as CSV, in the language of the program."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from hsat.errors import ReadError
from hsat.io.scorings.clocks import place_dates, possible_dates
from hsat.io.scorings.source import ScoringFile, wrong_value
from hsat.io.scorings.vendor import VendorEvents, shift_to_recording, start_needed
from hsat.scorings import Scoring

__all__ = ["NOXTURNAL_CSV", "is_noxturnal_csv", "read_noxturnal_csv"]

NOXTURNAL_CSV = "Noxturnal CSV"
SEPARATORS = (",", ";", "\t")
COLUMNS = {
    "event": ("event", "ereignis", "événement", "atburður", "evento", "händelse", "hendelse"),
    "start": ("start time", "anfangszeit", "startzeit", "heure de début", "upphafstími", "hora de inicio"),
    "stop": ("end time", "endzeit", "heure de fin", "lokatími", "hora de fin"),
    "duration": ("duration", "dauer", "durée", "tímalengd", "lengd", "duración"),
}
"""Column to its names. English, German and French are those of exports; the others are by the dictionary.
Where the header is in another language, or lost its accents, columns are known by what is in them."""
UNIT_MARK = "["
"""Cells of the row of units that may follow the header begin with it."""
ROUNDING_S = 1.0
"""Start and end may be cut to whole seconds where the duration is not."""
N_LOOKED_AT = 20
"""Rows by which a column is known from its content."""


class _Row(NamedTuple):
    number: int
    cells: list[str]


def is_noxturnal_csv(file: ScoringFile) -> bool:
    """Whether the text is a table with a column of names and two of dates with time."""
    rows = _rows(file, limit=N_LOOKED_AT)
    return len(rows) > 0 and _columns(rows) is not None


def read_noxturnal_csv(file: ScoringFile) -> Scoring:
    """Read a table with event, start time, end time and perhaps duration.

    Parameters
    ----------
    file : ScoringFile
        UTF-16 or UTF-8; dates are placed by the recording's start.

    Returns
    -------
    Scoring

    Raises
    ------
    ReadError
        Naming row and column, what is allowed and what is there; where the recording's start is
        not known, or is more than a day from the first entry.
    """
    rows = _rows(file)
    places = _columns(rows[:N_LOOKED_AT])
    if places is None:
        raise wrong_value(file.path, "row 1", "columns such as Event, Start Time and End Time", None)
    data = [row for row in rows[1:] if not all(cell[:1] in (UNIT_MARK, "") for cell in row.cells)]
    for row in data:
        if len(row.cells) <= max(places[name] for name in ("event", "start", "stop")):
            raise wrong_value(file.path, f"row {row.number}", f"{len(rows[0].cells)} cells", len(row.cells))
        for name in ("start", "stop"):
            if not possible_dates(row.cells[places[name]]):
                where = f"row {row.number}, column {places[name] + 1}"
                raise wrong_value(file.path, where, "a date with time", row.cells[places[name]])
    if file.start_local is None:
        raise start_needed(file.path)
    texts = [row.cells[places[name]] for row in data for name in ("start", "stop")]
    moments = place_dates(texts, [file.start_local])
    if moments is None:
        raise ReadError(f"{file.path}: expected dates that all have one order of day and month, got several")
    if moments:
        shift_to_recording(file, min(moments))
    collected = VendorEvents(path=file.path)
    for row, start, stop in zip(data, moments[::2], moments[1::2], strict=True):
        start_s = (start - file.start_local).total_seconds()
        collected.add(
            row.cells[places["event"]], start_s, start_s + _length_s(row, places, start, stop, collected)
        )
    return collected.scoring(NOXTURNAL_CSV, start_local=file.start_local)


def _length_s(
    row: _Row, places: dict[str, int], start: datetime, stop: datetime, collected: VendorEvents
) -> float:
    """By the duration where it only refines what start and end say."""
    length_s = (stop - start).total_seconds()
    place = places.get("duration", len(row.cells))
    if place >= len(row.cells) or not row.cells[place] or stop.microsecond or start.microsecond:
        return length_s
    duration_s = collected.seconds(f"row {row.number}, column {place + 1}", row.cells[place])
    return duration_s if abs(duration_s - length_s) <= ROUNDING_S else length_s


def _rows(file: ScoringFile, *, limit: int | None = None) -> list[_Row]:
    """Rows that are not empty; none where it is no table."""
    first_line = file.text.lstrip("\r\n").partition("\n")[0]
    separator = max(SEPARATORS, key=first_line.count)
    found: list[_Row] = []
    rows = csv.reader(io.StringIO(file.text, newline=""), delimiter=separator)
    try:
        for number, row in enumerate(rows, start=1):
            if any(cell.strip() for cell in row):
                found.append(_Row(number, [cell.strip() for cell in row]))
            if limit is not None and len(found) >= limit:
                break
    except csv.Error as error:
        if limit is None:
            raise ReadError(f"{file.path}: row {rows.line_num}: expected a row of CSV: {error}") from error
    return found


def _columns(rows: Sequence[_Row]) -> dict[str, int] | None:
    """Where the columns are, by their names, else by content; None where it is no such table."""
    names = [name.casefold() for name in rows[0].cells]
    places = {
        column: next((i for i, name in enumerate(names) if name in words), -1)
        for column, words in COLUMNS.items()
    }
    places = {column: i for column, i in places.items() if i >= 0}
    data = [row.cells for row in rows[1:] if row.cells[0][:1] != UNIT_MARK]
    if {"event", "start", "stop"} <= places.keys():
        is_dated = all(possible_dates(row[places["start"]]) for row in data if len(row) > places["start"])
        return places if is_dated else None
    if not data:
        return None
    n_cells = min(len(row) for row in data)
    dated = [i for i in range(n_cells) if all(possible_dates(row[i]) for row in data)]
    worded = [i for i in range(n_cells) if i not in dated and all(_is_word(row[i]) for row in data)]
    if len(dated) != 2 or not worded:
        return None
    found = {"event": places.get("event", worded[0]), "start": dated[0], "stop": dated[1]}
    if "duration" in places:
        found["duration"] = places["duration"]
    return found


def _is_word(cell: str) -> bool:
    return any(letter.isalpha() for letter in cell)
