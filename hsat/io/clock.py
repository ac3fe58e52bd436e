"""Where each data record lies on the recording's clock: segments without gaps."""

import math
from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.errors import ReadError
from hsat.recording import Note

__all__ = ["Placement", "Segment", "contiguous_segments", "segments_from_onsets"]

ONSET_TOLERANCE_S = 0.01
"""Onsets are often written with two decimals; less than this is no gap."""

LONGEST_GAPS_S = 3 * 86400.0
"""More silence than this within one recording is a wrong onset, not a pause of the device.

Scoring has room for every second from start to end: a limit on silence is one on memory.
"""


class Segment(NamedTuple):
    """Records that follow each other without a gap.

    Attributes
    ----------
    first_record, n_records : int
        Which records of the file.
    start_s : float
        Onset of the first one on the recording's clock, seconds.
    """

    first_record: int
    n_records: int
    start_s: float


class Placement(NamedTuple):
    """Segments, the first at time 0, and the onset of time 0 as the file stores it, seconds."""

    segments: tuple[Segment, ...]
    origin_s: float


def contiguous_segments(n_records: int) -> tuple[Segment, ...]:
    """All records in a row from time 0."""
    return (Segment(0, n_records, 0.0),) if n_records else ()


def segments_from_onsets(
    onsets_s: NDArray[np.float64], record_duration_s: float, *, path: str, notes: list[Note]
) -> Placement:
    """Group records into segments by the onsets stored with them.

    Small deviations (10 ms) do not break a segment, but they do not add up either: each onset is
    compared with the segment's own start. Where records overlap or run backwards, the longest row
    of records that follow each other is kept and the others are left out with a note; so are
    records after more than three days of silence.

    Parameters
    ----------
    onsets_s : ndarray, shape (n_records,), float64
        Onset of each record; NaN where the record stores none: it then follows its predecessor.
    record_duration_s : float
        Length of a record in seconds.
    path : str
        For error messages.
    notes : list of Note
        Repairs are added here.

    Returns
    -------
    Placement
        Segments in order of time, not overlapping.

    Raises
    ------
    ReadError
        Where most records would have to be left out.
    """
    n_records = len(onsets_s)
    if n_records == 0:
        return Placement((), 0.0)
    is_absent = np.isnan(onsets_s)
    n_absent = int(is_absent.sum())
    if n_absent:
        notes.append(
            Note(
                "record_onsets",
                f"{n_absent} of {n_records} data records store no onset; taken to follow on",
            )
        )
    if n_absent == n_records:
        return Placement(contiguous_segments(n_records), 0.0)
    origin_s = float(onsets_s[~is_absent][0]) - record_duration_s * int(np.argmin(is_absent))
    expected_s = np.arange(n_records) * record_duration_s
    if not n_absent and bool(np.all(np.abs(onsets_s - origin_s - expected_s) <= ONSET_TOLERANCE_S)):
        return Placement(contiguous_segments(n_records), origin_s)
    filled_s = _filled(onsets_s.tolist(), origin_s, record_duration_s)
    kept = _longest_row(filled_s, record_duration_s)
    origin_s = filled_s[kept[0]]
    relative_s = [onset_s - origin_s for onset_s in filled_s]
    segments, n_early, n_late = _walk(kept, relative_s, record_duration_s)
    _note_left_out(n_records - len(kept) + n_early, n_late, n_records, path, notes)
    return Placement(segments, origin_s)


def _note_left_out(n_early: int, n_late: int, n_records: int, path: str, notes: list[Note]) -> None:
    if 2 * (n_early + n_late) > n_records:
        raise ReadError(
            f"{path}: {n_early} of {n_records} data records begin within others and {n_late} lie more "
            "than three days away: the onsets cannot be right"
        )
    if n_early:
        text = f"{n_early} data records overlap others or are out of order by their onsets; left out"
        notes.append(Note("records_overlap", text))
    if n_late:
        text = f"{n_late} data records lie more than three days after the rest; left out"
        notes.append(Note("records_far_away", text))


def _filled(onsets_s: list[float], origin_s: float, record_duration_s: float) -> list[float]:
    """Onsets; a record without one (NaN) begins where its predecessor ends."""
    filled_s: list[float] = []
    end_s = origin_s
    for onset_s in onsets_s:
        begin_s = end_s if math.isnan(onset_s) else onset_s
        filled_s.append(begin_s)
        end_s = begin_s + record_duration_s
    return filled_s


def _longest_row(onsets_s: list[float], record_duration_s: float) -> list[int]:
    """The most records of which each begins no earlier than the one before it ends.

    The longest increasing subsequence (Schensted 1961), with the length of a record, less what an
    onset may be off by, as the smallest step. A single wrong onset then costs a single record,
    whichever way it is wrong.
    """
    smallest_step_s = max(record_duration_s - _largest_overlap_s(record_duration_s), 0.0)
    ends_s: list[float] = []  # the earliest end of a row of each length
    last: list[int] = []
    before: list[int] = []
    for record, onset_s in enumerate(onsets_s):
        length = bisect_right(ends_s, onset_s)
        before.append(last[length - 1] if length else -1)
        if length == len(ends_s):
            ends_s.append(onset_s + smallest_step_s)
            last.append(record)
        elif onset_s + smallest_step_s < ends_s[length]:
            ends_s[length] = onset_s + smallest_step_s
            last[length] = record
    row: list[int] = []
    record = last[-1]
    while record >= 0:
        row.append(record)
        record = before[record]
    return row[::-1]


def _largest_overlap_s(record_duration_s: float) -> float:
    """How far a record may begin within the one before it, and still follow it."""
    return max(ONSET_TOLERANCE_S, 0.5 * record_duration_s)


def _walk(
    records: list[int], onsets_s: list[float], record_duration_s: float
) -> tuple[tuple[Segment, ...], int, int]:
    """Segments of the named records, and how many were left out as early, or as too late."""
    segments: list[Segment] = []
    n_early = n_late = 0
    first = records[0]
    count = 0
    start_s = gaps_s = 0.0
    for record in records:
        end_s = start_s + count * record_duration_s
        ahead_s = onsets_s[record] - end_s
        if ahead_s - LONGEST_GAPS_S + gaps_s > 0:
            n_late += 1
            continue
        if ahead_s < -_largest_overlap_s(record_duration_s):
            n_early += 1  # short steps, each allowed, have added up
            continue
        is_gap = ahead_s > ONSET_TOLERANCE_S
        if record == first + count and not is_gap:
            count += 1
            continue
        segments.append(Segment(first, count, start_s))
        gaps_s += ahead_s if is_gap else 0.0
        start_s = onsets_s[record] if is_gap else end_s
        first, count = record, 1
    segments.append(Segment(first, count, start_s))
    return tuple(segments), n_early, n_late
