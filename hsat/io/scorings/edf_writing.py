"""Events as EDF+: annotations for viewers and libraries, beside one trace to show them on.

Source of the format: EDF (Kemp et al. 1992) and EDF+ (Kemp and Olivan 2003). The file is written here
because a start between two seconds, or none at all, has to be exact: the first time-keeping annotation
carries the fraction, as section 2.2.4 has it.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from hsat.errors import HsatError
from hsat.scorings import ScoredEvent, Scoring

__all__ = ["NO_EVENT_TEXT", "edf_bytes"]

MAX_DURATION_S = 14 * 86_400.0
"""Two weeks: no recording of one night."""
NO_DATE = "01.01.85"
"""What EDF+ writes where the date is not known."""
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
FIXED_BYTES = 256
LIST_BYTES = 256
"""Room for several events that begin in one second."""
TRACE = "Resp event"
"""1 in seconds whose middle lies in an event, else 0: viewers show no file without a signal."""
WRITER = "hsat_scoring"
NO_EVENT_TEXT = "No respiratory event"
"""Annotation of a night without events: a file without any annotation would say nothing."""


class _Channel(NamedTuple):
    """Fields of a channel's header."""

    label: str
    physical: tuple[int, int]
    digital: tuple[int, int]
    n_samples: int


def edf_bytes(scoring: Scoring, events: Sequence[ScoredEvent], texts: Sequence[str]) -> bytes:
    """A scoring as an EDF+C file with data records of 1 s.

    Parameters
    ----------
    scoring : Scoring
        For start and duration; where the duration is not known, the file ends after the last event.
    events : sequence of ScoredEvent
    texts : sequence of str
        What each is called.

    Returns
    -------
    bytes
        Names nobody: the patient field is ``X X X X``.

    Raises
    ------
    HsatError
        Where the scoring is longer than two weeks.
    """
    last_s = max((event.stop_s for event in events), default=1.0)
    duration_s = max(scoring.duration_s or 0.0, last_s)
    if duration_s > MAX_DURATION_S:
        raise HsatError(
            f"{scoring.source_path}: expected a scoring of at most {MAX_DURATION_S:g} s, got {duration_s:g} s"
        )
    n_records = math.ceil(duration_s)
    start = scoring.start_local
    fraction_s = 0.0 if start is None else start.microsecond / 1e6
    lists = [bytearray(f"{_onset(fraction_s + i)}\x14\x14\0".encode()) for i in range(n_records)]
    entries: list[tuple[int, bytes]] = []
    trace = np.zeros(n_records, dtype="<i2")
    middles_s = np.arange(n_records) + 0.5
    for event, text in zip(events, texts, strict=True):
        stamp = f"{_onset(fraction_s + event.start_s)}\x15{_number(event.stop_s - event.start_s)}"
        entries.append((int(event.start_s), f"{stamp}\x14{text}\x14\0".encode()))
        trace[(middles_s >= event.start_s) & (middles_s < event.stop_s)] = 1
    if not events:
        entries.append((0, f"{_onset(fraction_s)}\x14{NO_EVENT_TEXT}\x14\0".encode()))
    _put(entries, lists)
    width = max(len(entry) for entry in lists)
    width += width % 2
    channels = (
        _Channel(TRACE, (0, 1), (0, 1), 1),
        _Channel("EDF Annotations", (-1, 1), (-32768, 32767), width // 2),
    )
    records = b"".join(
        trace[i : i + 1].tobytes() + bytes(entry).ljust(width, b"\0") for i, entry in enumerate(lists)
    )
    return _header(start, n_records, channels) + records


def _put(entries: Sequence[tuple[int, bytes]], lists: Sequence[bytearray]) -> None:
    """Each entry into the list of its record, or the next one with room.

    All lists of a file have one length: if thousands of events began in one second, every second would
    get room for thousands. An entry tells its own time, so any record may hold it (EDF+, 2.2.2).
    """
    n_all = sum(len(entry) for _, entry in entries)
    longest = max(len(entry) for _, entry in entries)
    room = max(LIST_BYTES, max(map(len, lists)) + longest + n_all // len(lists))
    waiting: list[bytes] = []
    for place, entry in entries:
        if len(lists[place]) + len(entry) <= room:
            lists[place].extend(entry)
        else:
            waiting.append(entry)
    place = 0
    for entry in waiting:
        while len(lists[place]) + len(entry) > room:
            place += 1
        lists[place].extend(entry)


def _onset(seconds: float) -> str:
    return f"+{_number(seconds)}"


def _number(seconds: float) -> str:
    """To the microsecond, without zeros at the end."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def _header(start: datetime | None, n_records: int, channels: Sequence[_Channel]) -> bytes:
    day = "X" if start is None else f"{start.day:02d}-{MONTHS[start.month - 1]}-{start.year:04d}"
    fixed = (
        ("0", 8),
        ("X X X X", 80),
        (f"Startdate {day} X X {WRITER}", 80),
        (NO_DATE if start is None else f"{start:%d.%m}.{start.year % 100:02d}", 8),
        ("00.00.00" if start is None else f"{start:%H.%M.%S}", 8),
        (str(FIXED_BYTES * (1 + len(channels))), 8),
        ("EDF+C", 44),
        (str(n_records), 8),
        ("1", 8),
        (str(len(channels)), 4),
    )
    by_channel = (
        ([channel.label for channel in channels], 16),
        ([""] * len(channels), 80),
        ([""] * len(channels), 8),
        ([str(channel.physical[0]) for channel in channels], 8),
        ([str(channel.physical[1]) for channel in channels], 8),
        ([str(channel.digital[0]) for channel in channels], 8),
        ([str(channel.digital[1]) for channel in channels], 8),
        ([""] * len(channels), 80),
        ([str(channel.n_samples) for channel in channels], 8),
        ([""] * len(channels), 32),
    )
    fields = [*fixed, *((text, n_bytes) for texts, n_bytes in by_channel for text in texts)]
    return "".join(text.ljust(n_bytes) for text, n_bytes in fields).encode("ascii")
