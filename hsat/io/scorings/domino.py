"""Event lists that SOMNOmedics DOMINO exports as text."""

import re
from datetime import datetime, timedelta

from hsat.errors import ReadError
from hsat.io.scorings.clocks import DAY_S, parse_clock, place_dates, possible_dates
from hsat.io.scorings.source import ScoringFile, wrong_value
from hsat.io.scorings.vendor import VendorEvents, shift_to_recording, start_needed
from hsat.scorings import Scoring

__all__ = ["DOMINO_TEXT", "is_domino_text", "read_domino_text"]

DOMINO_TEXT = "DOMINO event text"
OPENING = "signal id:"
START_KEYS = ("start time", "startzeit")
HEADER_LINE = re.compile(r"([^;0-9][^;:]*):(.*)")
EVENT_LINE = re.compile(
    r"([\d./-]+ +[\d:.,]+(?: ?[AaPp][Mm])?) ?- ?([\d:.,]+(?: ?[AaPp][Mm])?) *;([^;]*);([^;]*)(?:;.*)?"
)
LONGEST_S = DAY_S / 2.0
"""A stop that lies further behind its start is one before it."""
EXAMPLE = "'30.05.2024 23:48:45,119-23:49:01,408; 16;Hypopnea; N1'"


def is_domino_text(file: ScoringFile) -> bool:
    """Whether the text begins as such an export does."""
    return file.text[:1024].lstrip().lower().startswith(OPENING)


def read_domino_text(file: ScoringFile) -> Scoring:
    """Read lines such as ``30.05.2024 23:48:45,119-23:49:01,408; 16;Hypopnea; N1``.

    Parameters
    ----------
    file : ScoringFile
        Times are dates with a decimal comma; a stop that is earlier in the day than its start lies
        behind midnight. They are placed by the recording's start, else by the export's own.

    Returns
    -------
    Scoring

    Raises
    ------
    ReadError
        Naming the line, what is allowed and what is there; where neither start is known; where the
        export is of another day than the recording.
    """
    headers, rows = _split(file)
    found = next((headers[key] for key in START_KEYS if key in headers), "")
    written = list(possible_dates(found).values())
    near = written if file.start_local is None else [file.start_local]
    starts = place_dates([row[1] for row in rows], near)
    if starts is None:
        line, text = next((row for row in rows if not possible_dates(row[1])), rows[0])[:2]
        raise wrong_value(file.path, f"line {line}", "dates with time, all in one order", text)
    own_start = _nearest(written, near if not starts else starts[:1])
    if own_start is None:
        own_start = file.start_local
    if own_start is None:
        raise start_needed(file.path)
    shift_s, placed = shift_to_recording(file, own_start)
    collected = VendorEvents(path=file.path, shift_s=shift_s)
    for (line, _, stop, name), start in zip(rows, starts, strict=True):
        stop_clock_s = parse_clock(stop)
        if stop_clock_s is None:
            raise wrong_value(file.path, f"line {line}", "a time of day as stop", stop)
        length_s = _until_s(start, stop_clock_s)
        if length_s > LONGEST_S:
            raise wrong_value(file.path, f"line {line}", "a stop after the start", stop)
        start_s = (start - own_start).total_seconds()
        collected.add(name, start_s, start_s + length_s)
    start_local = own_start if file.start_local is None else file.start_local
    return collected.scoring(DOMINO_TEXT, placed, start_local=start_local)


def _split(file: ScoringFile) -> tuple[dict[str, str], list[tuple[int, str, str, str]]]:
    """Header entries; number, start, stop and name of every event line."""
    headers: dict[str, str] = {}
    rows = []
    for number, line in enumerate(file.text.splitlines(), start=1):
        text = line.strip()
        event = EVENT_LINE.fullmatch(text)
        if event is not None:
            rows.append((number, event[1], event[2], event[4]))
            continue
        header = HEADER_LINE.fullmatch(text)
        if header is not None and not rows:
            headers[header[1].strip().lower()] = header[2].strip()
        elif text:
            raise ReadError(
                f"{file.path}: line {number}: expected an event such as {EXAMPLE}, got another line"
            )
    return headers, rows


def _nearest(dates: list[datetime], to: list[datetime]) -> datetime | None:
    """Which reading of the header's date is meant: the one next to the events."""
    if not to:
        return dates[0] if dates else None
    return min(dates, key=lambda date: abs((date - to[0]).total_seconds()), default=None)


def _until_s(start: datetime, stop_clock_s: float) -> float:
    """From a moment to the next such time of day."""
    midnight = datetime(start.year, start.month, start.day)
    start_clock_s = (start - midnight) / timedelta(seconds=1)
    return round(stop_clock_s - start_clock_s, 6) % DAY_S
