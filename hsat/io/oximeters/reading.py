"""Oximeter tables become recordings: rows placed on a regular clock, nothing invented between them."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.errors import HsatError, ReadError
from hsat.intervals import Spans
from hsat.io.channels import canonical_channel
from hsat.io.devices import DeviceProfile, load_profile
from hsat.io.layout import EDF_STARTS
from hsat.io.oximeters.moments import Clock, read_moments
from hsat.io.oximeters.table import Columns, Table, decode, find_columns, parse_table, parse_values, read_text
from hsat.recording import ArraySource, DeviceInfo, Note, Recording, Signal, SourceFile, Subject

__all__ = ["find_oximeter_tables", "is_oximeter_table", "read_oximeter_table"]

TABLE_ENDINGS = (".csv", ".tsv", ".txt")
PEEK_BYTES = 4096

LARGEST_PERCENT = 100.0
LARGEST_PULSE_BPM = 300.0
"""No heart beats faster; oximeters write such numbers for "no value"."""
NO_VALUE = (0.0, 127.0, 255.0, 511.0, 65535.0)
"""Written for "no value" besides the profile's: 65535 is two bytes of 255."""
LARGEST_FRACTION = 1.0

LONGEST_S = 7 * 86_400.0
FEWEST_ROWS = 10
SHORTEST_INTERVAL_S = 0.01
"""No oximeter stores values more often; pulse waves come 75 times a second at most."""
LARGEST_SAMPLES = 5_000_000
"""A week at 8 values a second: what a few rows far apart could claim is not allocated."""
LARGEST_LEFT_OUT_FRACTION = 0.05
"""Where more rows than these run backwards, the times as a whole cannot be right."""
HOLE_STEPS = 2.5
"""A step of two intervals is one lost row, a missing sample; from here on the device stored nothing."""
TURN_BACK_S = 3600.0
TURN_BACK_TOLERANCE_S = 60.0
"""Clocks go back by an hour when summer time ends."""
SUNDAY = 6
TURN_FORWARD_HOURS = (1, 2, 3)
"""Clocks go forward at 1 (Britain, Portugal), 2 (most countries) or 3 (eastern Europe), on a Sunday."""
REGULAR_FRACTION = 0.5
NEAR_STEP_FRACTION = 0.05


def is_oximeter_table(path: str | os.PathLike[str]) -> bool:
    """Whether a file is to be read as a table: named like one, or text that names times and SpO2.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    bool
        False for everything that begins as EDF or BDF does, and for what cannot be opened.
    """
    try:
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            head = file.read(PEEK_BYTES)
    except (OSError, ValueError):
        return False
    if not head or head.startswith(EDF_STARTS):
        return False
    return os.fspath(path).lower().endswith(TABLE_ENDINGS) or _names_oximetry(head)


def _names_oximetry(head: bytes) -> bool:
    table = parse_table(decode(head))
    return table is not None and bool(table.header)


def find_oximeter_tables(folder: str | os.PathLike[str]) -> list[str]:
    """Tables of a folder, not of those in it, whose columns name times and SpO2.

    Parameters
    ----------
    folder : str or path-like

    Returns
    -------
    list of str
        In the order of names; hidden files, and what cannot be opened, left out.
    """
    found: list[str] = []
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - paths stay as they were given
    except OSError:
        return []
    for name in names:
        path = os.path.join(folder, name)  # noqa: PTH118 - the same
        if name.startswith(".") or not name.lower().endswith(TABLE_ENDINGS):
            continue
        try:
            if not Path(path).is_file():
                continue
            with Path(path).open("rb") as file:
                if _names_oximetry(file.read(PEEK_BYTES)):
                    found.append(path)
        except OSError:
            continue
    return found


class _Rows(NamedTuple):
    """Readable rows in order of time: seconds from the first, and the row of the table."""

    seconds: NDArray[np.float64]
    rows: NDArray[np.intp]


class _Grid(NamedTuple):
    """A regular clock: seconds between samples, number of them, the place of every row."""

    interval_s: float
    n_samples: int
    places: NDArray[np.intp]
    rows: NDArray[np.intp]
    gaps_s: Spans


def read_oximeter_table(
    path: str | os.PathLike[str],
    *,
    subject: Subject,
    channel_map: Mapping[str, str] | None = None,
    device: str | None = None,
    therapy: str | None = None,
) -> Recording:
    """Read a table of an oximeter: SpO2, pulse and motion over time.

    Rows are put on a regular clock at the interval that most of them keep. A place without a row
    holds no value; where two or more in a row are missing, that is a gap.

    Parameters
    ----------
    path : str or path-like
    subject : Subject
    channel_map : mapping of str to str, optional
        ``spo2``, ``pulse`` or ``activity`` to the name of a column.
    device : str, optional
        Name or path of a device profile, for its sentinels; else the generic one.
    therapy : str, optional

    Returns
    -------
    Recording
        With the signals ``spo2`` and, where the table has them, ``pulse`` and ``activity``.

    Raises
    ------
    ReadError
        Where the file holds no such table, or its times cannot be right.
    MissingChannelError
        Where `channel_map` names a column that is not there.
    """
    name = os.fspath(path)
    text = read_text(name)
    if not text.strip():
        raise ReadError(f"{name}: the file is empty")
    table = parse_table(text)
    mapping = _refuse_names(dict(channel_map or {}), name)
    columns = None if table is None else find_columns(table, channel_map=mapping, path=name)
    if table is None or columns is None:
        raise ReadError(
            f"{name}: no EDF or BDF file and no table of an oximeter: expected a line of column names with "
            "a time and SpO2, such as 'Time,SpO2,Pulse'"
        )
    if len(table.rows) < FEWEST_ROWS:
        raise ReadError(
            f"{name}: expected at least {FEWEST_ROWS} rows of measurements, got {len(table.rows)}"
        )
    notes: list[Note] = []
    if not table.header:
        notes.append(Note("column_names", "no column names; columns are told by their values"))
    times = _time_texts(table, columns)
    clock = read_moments(times, path=name, notes=notes, unit_s=columns.time_unit_s)
    rows, start_local = _in_order(clock, name, notes)
    grid = _grid(rows, name, notes)
    profile = load_profile(device or "generic")
    signals = _signals(table, columns, grid, profile, path=name, notes=notes)
    return Recording(
        signals=signals,
        start_local=start_local,
        duration_s=grid.n_samples * grid.interval_s,
        gaps_s=grid.gaps_s,
        device=DeviceInfo(profile=profile.name, name="oximeter (table)", therapy=therapy or profile.therapy),
        subject=subject,
        source=SourceFile(path=name, n_bytes=Path(name).stat().st_size, format="CSV"),
        notes=tuple(notes),
    )


def _refuse_names(channel_map: dict[str, str], path: str) -> dict[str, str]:
    allowed = ("spo2", "pulse", "activity")
    for canonical in channel_map:
        canonical_channel(canonical)
        if canonical not in allowed:
            raise HsatError(f"{path}: --map {canonical}: an oximeter's table has {', '.join(allowed)}")
    return channel_map


def _time_texts(table: Table, columns: Columns) -> list[str]:
    times = table.cells(columns.time)
    if columns.date is None:
        return times
    return [f"{day} {time}" for day, time in zip(table.cells(columns.date), times, strict=True)]


def _in_order(clock: Clock, path: str, notes: list[Note]) -> tuple[_Rows, datetime | None]:
    """Rows whose time can be read and does not run backwards."""
    rows = np.flatnonzero(np.isfinite(clock.seconds))
    n_unreadable = len(clock.seconds) - len(rows)
    if n_unreadable:
        notes.append(Note("rows_left_out", f"{n_unreadable} rows have no readable time; left out"))
    seconds = clock.seconds[rows]
    if len(rows) < FEWEST_ROWS:
        raise ReadError(f"{path}: expected at least {FEWEST_ROWS} rows with a time, got {len(rows)}")
    if (np.diff(seconds) <= 0).all() and seconds[0] > seconds[-1]:
        notes.append(Note("rows_turned", "the newest row stands first; read in order of time"))
        rows, seconds = rows[::-1], seconds[::-1]
    seconds = _without_turn_back(seconds, notes)
    seconds = _without_turn_forward(seconds, clock.start_local, notes)
    is_stray = np.zeros(len(rows), dtype=bool)
    is_stray[1:-1] = (seconds[1:-1] > seconds[2:]) & (seconds[2:] >= seconds[:-2])
    rows, seconds = rows[~is_stray], seconds[~is_stray]
    is_late = seconds < np.maximum.accumulate(seconds)
    n_out = int(is_stray.sum() + is_late.sum())
    if n_out > LARGEST_LEFT_OUT_FRACTION * len(is_stray):
        raise ReadError(f"{path}: expected times in order, got {n_out} of {len(is_stray)} rows out of order")
    if n_out:
        notes.append(Note("rows_left_out", f"{n_out} rows have a time out of order; left out"))
    rows, seconds = rows[~is_late], seconds[~is_late]
    is_repeated = np.concatenate(([False], np.diff(seconds) <= 0))
    n_repeated = int(is_repeated.sum())
    if 2 * n_repeated > len(rows) and not clock.has_seconds:
        raise ReadError(f"{path}: expected times to the second, got several rows a minute with times HH:MM")
    if n_repeated:
        notes.append(Note("rows_repeated", f"{n_repeated} rows repeat the time of the row before; left out"))
    rows, seconds = rows[~is_repeated], seconds[~is_repeated]
    start = clock.start_local
    if start is not None:
        start += timedelta(seconds=float(seconds[0]))
    return _Rows(seconds - seconds[0], rows), start


def _without_turn_back(seconds: NDArray[np.float64], notes: list[Note]) -> NDArray[np.float64]:
    """The hour that summer time's end repeats: later rows run on, as the device did."""
    steps = np.diff(seconds)
    back = np.flatnonzero(np.abs(steps + TURN_BACK_S) <= TURN_BACK_TOLERANCE_S)
    if len(back) != 1 or np.count_nonzero(steps < 0) != 1:
        return seconds
    at = int(back[0])
    usual_s = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    notes.append(Note("clock_turned_back", "the clock goes back by an hour once; the rows after it run on"))
    shifted = seconds.copy()
    shifted[at + 1 :] += usual_s - steps[at]
    return shifted


def _without_turn_forward(
    seconds: NDArray[np.float64], start_local: datetime | None, notes: list[Note]
) -> NDArray[np.float64]:
    """The hour that summer time's begin leaves out: later rows follow on, as the device did.

    Only on a Sunday, at a full hour of the early morning, where one step of the usual length is longer
    by an hour: a sensor that was taken off for an hour just then is not to be expected.
    """
    steps = np.diff(seconds)
    forward = np.flatnonzero(np.abs(steps - TURN_BACK_S) <= TURN_BACK_TOLERANCE_S)
    if start_local is None or len(forward) != 1 or not (steps > 0).any():
        return seconds
    at = int(forward[0])
    usual_s = float(np.median(steps[steps > 0]))
    before = start_local + timedelta(seconds=float(seconds[at]))
    full_hour = (before + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    is_turn = before.weekday() == SUNDAY and full_hour.hour in TURN_FORWARD_HOURS
    to_hour_s = (full_hour - before).total_seconds()
    if not is_turn or to_hour_s > usual_s or abs(steps[at] - TURN_BACK_S - usual_s) > 0.5 * usual_s:
        return seconds
    notes.append(
        Note(
            "clock_turned_forward",
            f"the clock goes forward by an hour at {full_hour:%H:%M}, as summer time begins; the rows "
            "after it follow on",
        )
    )
    shifted = seconds.copy()
    shifted[at + 1 :] -= TURN_BACK_S
    return shifted


def _grid(ordered: _Rows, path: str, notes: list[Note]) -> _Grid:
    seconds = ordered.seconds
    if len(seconds) < FEWEST_ROWS:
        raise ReadError(
            f"{path}: expected at least {FEWEST_ROWS} rows at different times, got {len(seconds)}"
        )
    span_s = float(seconds[-1])
    if span_s > LONGEST_S:
        raise ReadError(f"{path}: expected one night, at most 7 days, got {span_s / 86_400.0:.0f} days")
    steps = np.round(np.diff(seconds), 3)
    values, counts = np.unique(steps, return_counts=True)
    most = int(np.argmax(counts))
    # Times with few decimals come in two or three neighbouring steps: the mean of them is the device's.
    is_near = np.abs(values - values[most]) <= NEAR_STEP_FRACTION * values[most]
    interval_s = round(float(np.average(values[is_near], weights=counts[is_near])), 4)
    if counts[is_near].sum() < REGULAR_FRACTION * len(steps):
        interval_s = float(np.median(steps))
        text = f"rows come irregularly; placed every {interval_s:g} s, the median step, without filling in"
        notes.append(Note("irregular", text))
    if interval_s < SHORTEST_INTERVAL_S or span_s / interval_s > LARGEST_SAMPLES:
        raise ReadError(
            f"{path}: rows every {interval_s:g} s over {span_s:.0f} s: expected at most one every "
            f"{SHORTEST_INTERVAL_S:g} s, and at most {LARGEST_SAMPLES:,} places"
        )
    slowest_s = 1.0 / canonical_channel("spo2").slowest_hz
    if interval_s > slowest_s:
        raise ReadError(
            f"{path}: a value every {interval_s:g} s: expected one every {slowest_s:g} s or more often, "
            "slower ones miss desaturations"
        )
    places = np.floor(seconds / interval_s + 0.5).astype(np.intp)
    is_first = np.concatenate(([True], np.diff(places) > 0))
    n_shared = int(np.count_nonzero(~is_first))
    if n_shared:
        notes.append(Note("rows_shared", f"{n_shared} rows fall on the place of the row before; left out"))
    places = places[is_first]
    stops_s, starts_s = (places[:-1] + 1) * interval_s, places[1:] * interval_s
    is_gap = np.diff(places) >= HOLE_STEPS
    gaps_s = np.stack([stops_s[is_gap], starts_s[is_gap]], axis=1).astype(np.float64)
    n_single = int(np.count_nonzero(np.diff(places) == 2))
    if n_single:
        notes.append(Note("rows_missing", f"{n_single} single rows are missing; no value there"))
    return _Grid(interval_s, int(places[-1]) + 1, places, ordered.rows[is_first], gaps_s)


def _signals(
    table: Table, columns: Columns, grid: _Grid, profile: DeviceProfile, *, path: str, notes: list[Note]
) -> tuple[Signal, ...]:
    wanted = [("spo2", columns.spo2), ("pulse", columns.pulse), ("activity", columns.motion)]
    arrays: list[NDArray[np.float32]] = []
    signals: list[tuple[str, str]] = []
    for name, column in wanted:
        if column is None:
            continue
        label = table.header[column] if table.header else f"column {column + 1}"
        values, n_unreadable = parse_values(table.cells(column))
        if n_unreadable:
            if 2 * n_unreadable > len(values):
                raise ReadError(
                    f"{path}: column {label!r}: expected numbers, got text in {n_unreadable} rows"
                )
            text = f"column {label!r}: {n_unreadable} cells are no number; no value there"
            notes.append(Note("cells_unreadable", text))
        values = _measured(values, name, profile, label, notes)
        placed = np.full(grid.n_samples, np.nan, dtype=np.float32)
        placed[grid.places] = values[grid.rows]
        arrays.append(placed)
        signals.append((name, label))
    source = ArraySource(arrays=tuple(arrays))
    return tuple(
        Signal(
            name=name,
            rate_hz=1.0 / grid.interval_s,
            unit=canonical_channel(name).unit,
            n_samples=grid.n_samples,
            source_label=label,
            source=source,
            source_index=index,
            mapped_by=f"column {label!r}",
        )
        for index, (name, label) in enumerate(signals)
    )


def _measured(
    values: NDArray[np.float64], name: str, profile: DeviceProfile, label: str, notes: list[Note]
) -> NDArray[np.float64]:
    """Physical values, NaN where the number stands for "no value"."""
    if name == "activity":
        return values
    largest = LARGEST_PERCENT if name == "spo2" else LARGEST_PULSE_BPM
    is_none = np.isin(values, (*NO_VALUE, *profile.sentinels.get(name, ())))
    if name == "pulse":  # 127 is a pulse; only SpO2 uses it for "no value"
        is_none &= values != 127.0
    positive = values[(values > 0) & ~is_none]
    is_fraction = len(positive) > 0 and positive.max() <= LARGEST_FRACTION
    if name == "spo2" and is_fraction and not np.all(positive == LARGEST_FRACTION):  # zeros and ones: a state
        notes.append(Note("spo2_scale", f"column {label!r} holds fractions; times 100"))
        values = values * 100.0
    is_wrong = ~is_none & ((values <= 0.0) | (values > largest))
    if is_wrong.any():
        n_wrong = int(is_wrong.sum())
        notes.append(
            Note("out_of_range", f"column {label!r}: {n_wrong} values outside 0 to {largest:g}; left out")
        )
    return np.where(is_none | is_wrong, np.nan, values)
