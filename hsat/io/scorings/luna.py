"""Annotation files of Luna (``.annot``): class, instance, channel, start, stop, meta-data."""

import re
from datetime import datetime
from typing import NamedTuple

from hsat.errors import ReadError
from hsat.io.scorings.clocks import DAY_S, parse_clock
from hsat.io.scorings.source import ScoringFile, wrong_value
from hsat.io.scorings.vendor import VendorEvents, start_needed
from hsat.scorings import Scoring

__all__ = ["LUNA_ANNOT", "is_luna_annot", "read_luna_annot"]

LUNA_ANNOT = "Luna .annot"
LAYOUTS = {6: (0, 3, 4), 4: (0, 2, 3), 3: (0, 1, 2)}
"""Number of columns to the places of class, start and stop (Luna's documentation, ".annot files")."""
HEADER = "class"
UNTIL_NEXT = "..."
NONE = "."
ELAPSED = "0+"
EPOCH_PATTERN = re.compile(r"e:(\d{1,7})(?::(\d+(?:\.\d+)?))?(?::(\d+(?:\.\d+)?))?")
EPOCH_S = 30.0
TIME_PATTERN = re.compile(
    r"[+-]?\d+(?:\.\d+)?|(?:0\+)?\d{1,2}[:.]\d{2}[:.]\d{2}(?:\.\d+)?|e:[\d.:]+|\.\.\.|\."
)


class _Row(NamedTuple):
    number: int
    name: str
    start: str
    stop: str


def is_luna_annot(file: ScoringFile) -> bool:
    """Whether the first line that is no comment is Luna's header, or a row with times in place."""
    for line in file.text[:65_536].splitlines():
        if line.strip() and not line.startswith("#"):
            cells = _cells(line)
            if len(cells) not in LAYOUTS:
                return False
            name, start, stop = (cells[i] for i in LAYOUTS[len(cells)])
            is_header = name.lower() == HEADER and (start.lower(), stop.lower()) == ("start", "stop")
            return is_header or bool(TIME_PATTERN.fullmatch(start) and TIME_PATTERN.fullmatch(stop))
    return file.text.startswith("#")


def read_luna_annot(file: ScoringFile) -> Scoring:
    """Read rows of three, four or six columns apart by tabs (or spaces, where there is no tab).

    Parameters
    ----------
    file : ScoringFile
        Starts are seconds, clock times ``hh:mm:ss`` (the first such time after the recording's
        start), elapsed times ``0+hh:mm:ss`` or epochs ``e:n``; stops may also be lengths ``+s``,
        or ``...`` for the start of the next row.

    Returns
    -------
    Scoring

    Raises
    ------
    ReadError
        Naming the line, what is allowed and what is there; where there are clock times and the
        recording's start is not known.
    """
    rows = _rows(file)
    collected = VendorEvents(path=file.path)
    starts_s = [_start_s(file, row) for row in rows]
    for i, row in enumerate(rows):
        next_s = starts_s[i + 1] if i + 1 < len(rows) else None
        collected.add(row.name, starts_s[i], _stop_s(file, row, starts_s[i], next_s))
    return collected.scoring(LUNA_ANNOT, start_local=file.start_local)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]


def _rows(file: ScoringFile) -> list[_Row]:
    rows: list[_Row] = []
    for number, line in enumerate(file.text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = _cells(line)
        if len(cells) not in LAYOUTS:
            raise wrong_value(file.path, f"line {number}", "3, 4 or 6 columns", len(cells))
        name, start, stop = (cells[i] for i in LAYOUTS[len(cells)])
        if rows or name.lower() != HEADER:
            rows.append(_Row(number, name, start, stop))
    return rows


def _start_s(file: ScoringFile, row: _Row) -> float:
    epoch = EPOCH_PATTERN.fullmatch(row.start)
    if epoch is not None:
        return _epoch_start_s(epoch)
    return _time_s(file, row, row.start, "a start", 0.0)


def _stop_s(file: ScoringFile, row: _Row, start_s: float, next_s: float | None) -> float:
    """The stop; a row without one does not last."""
    epoch = EPOCH_PATTERN.fullmatch(row.stop)
    if epoch is not None:
        return _epoch_start_s(epoch) + float(epoch[2] or EPOCH_S)
    if row.stop == NONE:
        first = EPOCH_PATTERN.fullmatch(row.start)
        return start_s if first is None else start_s + float(first[2] or EPOCH_S)
    if row.stop == UNTIL_NEXT:
        return start_s if next_s is None else next_s
    if row.stop.startswith("+"):
        return start_s + _time_s(file, row, row.stop[1:], "a length", 0.0)
    return _time_s(file, row, row.stop, "a stop", start_s)


def _epoch_start_s(epoch: re.Match[str]) -> float:
    length_s = float(epoch[2] or EPOCH_S)
    return (int(epoch[1]) - 1) * float(epoch[3] or length_s)


def _time_s(file: ScoringFile, row: _Row, text: str, what: str, after_s: float) -> float:
    """Seconds from the recording's start; a clock time is the first one from `after_s` on."""
    is_elapsed = text.startswith(ELAPSED)
    clock_s = parse_clock(text.removeprefix(ELAPSED))
    if clock_s is not None and is_elapsed:
        return clock_s
    if clock_s is not None:
        if file.start_local is None:
            raise start_needed(file.path)
        start = file.start_local
        midnight = datetime(start.year, start.month, start.day)
        since_s = clock_s - (start - midnight).total_seconds()
        step_s = round(since_s - after_s, 6) % DAY_S
        if step_s > DAY_S / 2.0 and after_s > 0.0:
            raise wrong_value(file.path, f"line {row.number}", f"{what} after the start", text)
        return after_s + step_s
    if not TIME_PATTERN.fullmatch(text) or text in (NONE, UNTIL_NEXT):
        raise wrong_value(file.path, f"line {row.number}", f"{what}: seconds, hh:mm:ss or e:epoch", text)
    try:
        return float(text)
    except ValueError as error:
        raise ReadError(
            f"{file.path}: line {row.number}: expected {what} in seconds, got {text!r}"
        ) from error
