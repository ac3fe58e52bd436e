"""A text file with columns: bytes to rows of cells, and which column holds what."""

import csv
import io
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hsat.errors import MissingChannelError, ReadError
from hsat.io.channels import simplify_label
from hsat.io.oximeters.moments import is_moment

__all__ = ["Columns", "Table", "find_columns", "parse_table", "parse_values", "read_text"]

MAX_BYTES = 67_108_864
"""64 MiB: a night of one row a second has about 1.5 MB; more is another kind of file."""
HEADER_LINES = 60
"""Lines looked through for the line of column names; some programs write a page before it."""
SNIFFED_ROWS = 200
SEPARATORS = (",", ";", "\t", "|")
MISSING_WORDS = frozenset(
    ("", "-", "--", "---", "----", "na", "n/a", "nan", "null", "none", "off", "invalid", "?")
)

TIME_NAMES = frozenset(
    [
        "time",
        "timestamp",
        "date time",
        "datetime",
        "date and time",
        "time stamp",
        "zeit",
        "uhrzeit",
        "heure",
        "hora",
        "ora",
        "recording time",
        "local time",
        "elapsed time",
        "time s",
        "seconds",
        "sec",
        "t",
        "elapsed",
        "time sec",
        "datum uhrzeit",
        "datum zeit",
        "epoch",
        "unix time",
    ]
)
DATE_NAMES = frozenset(["date", "datum", "fecha", "data", "day", "tag"])
TIME_UNITS_S = {
    "ms": 0.001,
    "msec": 0.001,
    "milliseconds": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "seconds": 1.0,
    "min": 60.0,
    "mins": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hours": 3600.0,
}
"""Last word of a column of times, as in ``Time (min)``: what its numbers count."""
SPO2_NAMES = frozenset(
    [
        "spo2",
        "spo2 %",
        "sao2",
        "oxygen level",
        "oxygen",
        "oxygen level %",
        "blood oxygen",
        "oxygen saturation",
        "o2",
        "o2 %",
        "o2 level",
        "oxygen saturation %",
        "sp02",
        "spo2 percent",
        "saturation",
        "spo2 value",
        "spo2 pct",
        "sat",
        "sauerstoffsättigung",
        "sauerstoff",
        "saturation %",
        "spo2 in %",
        "blood oxygen %",
    ]
)
PULSE_NAMES = frozenset(
    [
        "pulse",
        "pulse rate",
        "pr",
        "pr bpm",
        "pulse rate bpm",
        "pulse bpm",
        "heart rate",
        "heart rate bpm",
        "hr",
        "hr bpm",
        "bpm",
        "puls",
        "pulsfrequenz",
        "herzfrequenz",
        "pulse value",
        "heartrate",
        "pulserate",
        "puls bpm",
        "pouls",
        "pulso",
        "pulse rate 1 min",
        "pr 1 min",
    ]
)
MOTION_NAMES = frozenset(
    ["motion", "movement", "activity", "bewegung", "mouvement", "movimiento", "body movement"]
)

DECIMALS = re.compile(r"[1-9]|0\d+")
LARGEST_DECIMALS_FRACTION = 0.05
"""Of decimals of two digits a tenth begins with zero."""
LOWEST_SPO2_MEDIAN_PERCENT = 80.0
"""Without column names only a column whose middle lies between here and 100 is taken for SpO2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells.

    Attributes
    ----------
    header : tuple of str
        Names of the columns; empty where the file has none.
    rows : list of list of str
        The rows after the header, blank ones left out.
    """

    header: tuple[str, ...]
    rows: list[list[str]]

    def cells(self, column: int) -> list[str]:
        """One column; empty where a row is too short."""
        return [row[column] if column < len(row) else "" for row in self.rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what; None where none does. ``time_unit_s``: what its numbers count, if named."""

    time: int
    date: int | None
    spo2: int
    pulse: int | None
    motion: int | None
    time_unit_s: float | None = None


def read_text(path: str | os.PathLike[str]) -> str:
    """The whole file as text: UTF-8, UTF-16 with or without its mark, else Windows-1252 or Latin-1.

    Raises
    ------
    ReadError
        Where it cannot be opened, is no plain file, empty, or larger than 64 MiB.
    """
    name = os.fspath(path)
    try:
        status = Path(name).stat()
        if not stat.S_ISREG(status.st_mode):
            raise ReadError(f"{name}: no regular file, expected a table of an oximeter")
        if status.st_size > MAX_BYTES:
            raise ReadError(
                f"{name}: expected a table of at most {MAX_BYTES // 2**20} MiB, "
                f"got {status.st_size / 2**20:.0f} MiB"
            )
        with Path(name).open("rb") as file:
            data = file.read(MAX_BYTES)
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(f"{name}: {error.strerror or type(error).__name__}") from error
    return decode(data)


def decode(data: bytes) -> str:
    """Bytes of a text file as text; never fails."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    sample = data[:1000]
    if sample.count(0) > len(sample) // 3:
        is_big = sample[:1] == b"\0"
        return data.decode("utf-16-be" if is_big else "utf-16-le", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_table(text: str) -> Table | None:
    """Rows of a text, and its column names where a line names times and SpO2; None for no table."""
    lines = text.splitlines()
    for number, line in enumerate(lines[:HEADER_LINES]):
        for separator in SEPARATORS:
            if separator not in line:
                continue
            names = _cells([line], separator)[0]
            has_time = (
                _place(names, TIME_NAMES | DATE_NAMES) is not None or _place_with_unit(names) is not None
            )
            if _place(names, SPO2_NAMES) is not None and has_time:
                rows = _rows(lines[number + 1 :], separator, text)
                return Table(header=tuple(name.strip() for name in names), rows=rows)
    first = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    if separator not in first or "\0" in first:
        return None
    return Table(header=(), rows=_rows(lines, separator, text))


def _cells(lines: Sequence[str], separator: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator, strict=False)) or [[]]
    except csv.Error:
        return [line.split(separator) for line in lines]


def _rows(lines: Sequence[str], separator: str, text: str) -> list[list[str]]:
    """Rows with something in them; a last one that was cut off is left out."""
    rows = [row for row in _cells(lines, separator) if any(cell.strip() for cell in row)]
    is_cut = len(rows) > 1 and not text.endswith(("\n", "\r")) and len(rows[-1]) < len(rows[-2])
    return rows[:-1] if is_cut else rows


def _place(names: Sequence[str], wanted: frozenset[str]) -> int | None:
    """First column of one of the wanted names, with or without its unit in brackets."""
    for column, name in enumerate(names):
        plain = simplify_label(name)
        bare = simplify_label(name.partition("(")[0].partition("[")[0])
        if plain in wanted or bare in wanted:
            return column
    return None


def _place_with_unit(names: Sequence[str]) -> tuple[int, float] | None:
    """First column of times whose name ends in a unit, and the unit in seconds."""
    for column, name in enumerate(names):
        *words, last = simplify_label(name).split() or [""]
        if last in TIME_UNITS_S and " ".join(words) in TIME_NAMES:
            return column, TIME_UNITS_S[last]
    return None


def find_columns(table: Table, *, channel_map: Mapping[str, str], path: str) -> Columns | None:
    """Which column holds what, by the user's map, by names, or without names by the values.

    Raises
    ------
    MissingChannelError
        Where the map asks for a column that is not there.
    ReadError
        Where decimal commas split the cells.
    """
    mapped = {name: _mapped(table, label, path) for name, label in channel_map.items()}
    if not table.header:
        return _columns_by_values(table)
    day = _place(table.header, DATE_NAMES)
    with_unit = _place_with_unit(table.header)
    time = _place(table.header, TIME_NAMES)
    if time is None and with_unit is not None:
        time = with_unit[0]
    if time is None:
        time, day = day, None
    spo2 = mapped.get("spo2", _place(table.header, SPO2_NAMES))
    if time is None or spo2 is None:
        return None
    if day is not None and any(":" in cell for cell in table.cells(day)[:1]):
        time, day = day, None  # a "date" that holds the time of day
    _refuse_split_decimals(table, spo2, path)
    return Columns(
        time=time,
        date=day,
        spo2=spo2,
        pulse=mapped.get("pulse", _place(table.header, PULSE_NAMES)),
        motion=mapped.get("activity", _place(table.header, MOTION_NAMES)),
        time_unit_s=with_unit[1] if with_unit is not None and with_unit[0] == time else None,
    )


def _refuse_split_decimals(table: Table, spo2: int, path: str) -> None:
    """Refuse rows with more cells than names whose cells after SpO2 are decimals: commas between commas.

    The decimals would be read as what the next name says. They are told by zeros in front and by
    single digits, with which nobody writes a pulse.
    """
    n_names = len(table.header)
    wide = [row for row in table.rows if any(cell.strip() for cell in row[n_names:])]
    n_decimals = sum(DECIMALS.fullmatch(row[spo2 + 1].strip()) is not None for row in wide)
    if 2 * len(wide) > len(table.rows) and n_decimals > LARGEST_DECIMALS_FRACTION * len(wide):
        n_cells = max(len(row) for row in wide)
        raise ReadError(
            f"{path}: rows of {n_cells} cells under {n_names} column names, as decimal commas between commas "
            "give: export it with semicolons or points"
        )


def _mapped(table: Table, label: str, path: str) -> int:
    wanted = simplify_label(label)
    for column, name in enumerate(table.header):
        if simplify_label(name) == wanted:
            return column
    present = ", ".join(repr(name) for name in table.header if name) or "none with a name"
    raise MissingChannelError(f"{path}: no column {label!r}; columns here: {present}")


def _columns_by_values(table: Table) -> Columns | None:
    """Without names: the column of times, and the one that can be SpO2; None where in doubt."""
    sample = table.rows[:SNIFFED_ROWS]
    n_columns = max((len(row) for row in sample), default=0)
    times = [
        c for c in range(n_columns) if sum(is_moment(r[c]) for r in sample if c < len(r)) > len(sample) / 2
    ]
    if len(times) != 1:
        return None
    medians: dict[int, float] = {}
    for column in range(n_columns):
        values, _ = parse_values([row[column] if column < len(row) else "" for row in sample])
        valid = values[np.isfinite(values) & (values > 0)]
        if column != times[0] and 2 * len(valid) > len(sample):
            medians[column] = float(np.median(valid))
    saturations = [c for c, median in medians.items() if LOWEST_SPO2_MEDIAN_PERCENT <= median <= 100.0]
    others = [c for c in medians if c not in saturations]
    if len(saturations) != 1:
        return None
    pulse = others[0] if len(others) == 1 and medians[others[0]] >= 25.0 else None
    day = times[0] - 1 if times[0] > 0 and times[0] - 1 not in medians else None
    return Columns(time=times[0], date=day, spo2=saturations[0], pulse=pulse, motion=None)


def parse_values(cells: Sequence[str]) -> tuple[NDArray[np.float64], int]:
    """Numbers of a column, NaN where a cell says that there is none.

    Returns
    -------
    values : ndarray, shape (n_rows,), float64
    n_unreadable : int
        Cells that hold neither a number nor a sign for "no value".
    """
    known: dict[str, float] = {}
    n_unreadable = 0
    out = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if cell not in known:
            known[cell] = _value(cell)
        value = known[cell]
        n_unreadable += value == -np.inf
        out[row] = value
    out[~np.isfinite(out)] = np.nan
    return out, n_unreadable


def _value(cell: str) -> float:
    """A number; NaN for a sign of "no value", minus infinity for anything else."""
    text = cell.strip().casefold()
    if text in MISSING_WORDS:
        return np.nan
    for unit in ("%", "bpm", "/min"):
        text = text.removesuffix(unit).rstrip()
    try:
        value = float(text.replace(",", ".")) if "_" not in text else -np.inf
    except ValueError:
        return -np.inf
    return value if np.isfinite(value) else -np.inf
