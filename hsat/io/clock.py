"""Where each data record lies on the recording's clock: segments without gaps."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.errors import ReadError
from hsat.recording import Note

__all__ = ["Segment", "contiguous_segments", "segments_from_onsets"]

ONSET_TOLERANCE_S = 0.01
"""Onsets are often written with two decimals; less than this is no gap."""

LONGEST_GAPS_S = 7 * 86400.0
"""More silence than this within one recording is a wrong onset, not a pause of the device."""


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


def contiguous_segments(n_records: int) -> tuple[Segment, ...]:
    """All records in a row from time 0."""
    return (Segment(0, n_records, 0.0),) if n_records else ()


def segments_from_onsets(
    onsets_s: NDArray[np.float64], record_duration_s: float, *, path: str, notes: list[Note]
) -> tuple[Segment, ...]:
    """Group records into segments by the onsets stored with them.

    Small deviations (10 ms) do not break a segment, but they do not add up either: each onset is
    compared with the segment's own start. Records that begin within earlier ones, or later than a
    week of silence, are left out with a note; their onsets are wrong.

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
    tuple of Segment
        In order of time, not overlapping, the first at time 0.

    Raises
    ------
    ReadError
        Where most records would have to be left out.
    """
    n_records = len(onsets_s)
    if n_records == 0:
        return ()
    is_absent = np.isnan(onsets_s)
    n_absent = int(is_absent.sum())
    if n_absent:
        notes.append(
            Note(
                "record_onsets",
                f"{n_absent} of {n_records} data records store no onset; taken to follow on",
            )
        )
    origin_s = (
        float(onsets_s[~is_absent][0]) - record_duration_s * int(np.argmin(is_absent))
        if n_absent < n_records
        else 0.0
    )
    relative_s = onsets_s - origin_s
    expected_s = np.arange(n_records) * record_duration_s
    if not n_absent and bool(np.all(np.abs(relative_s - expected_s) <= ONSET_TOLERANCE_S)):
        return contiguous_segments(n_records)
    segments, n_early, n_late = _walk(relative_s.tolist(), record_duration_s)
    if 2 * (n_early + n_late) > n_records:
        raise ReadError(
            f"{path}: {n_early} of {n_records} data records begin within earlier ones and {n_late} lie more "
            "than a week away: the onsets cannot be right"
        )
    if n_early:
        notes.append(Note("records_overlap", f"{n_early} data records begin within earlier ones; left out"))
    if n_late:
        notes.append(
            Note("records_far_away", f"{n_late} data records lie more than a week after the rest; left out")
        )
    return segments


def _walk(onsets_s: list[float], record_duration_s: float) -> tuple[tuple[Segment, ...], int, int]:
    """Segments, and the numbers of records left out because they are early, or too late."""
    segments: list[Segment] = []
    n_early = n_late = 0
    first = count = 0
    start_s = gaps_s = 0.0
    for record, onset_s in enumerate(onsets_s):
        end_s = start_s + count * record_duration_s
        ahead_s = onset_s - end_s
        if ahead_s - LONGEST_GAPS_S + gaps_s > 0:
            n_late += 1
            continue
        if ahead_s < -max(ONSET_TOLERANCE_S, 0.5 * record_duration_s):
            n_early += 1
            continue
        is_next = record == first + count
        if is_next and not ahead_s > ONSET_TOLERANCE_S:
            count += 1
            continue
        if count:
            segments.append(Segment(first, count, start_s))
        is_gap = ahead_s > ONSET_TOLERANCE_S  # False for a record without an onset
        gaps_s += ahead_s if is_gap else 0.0
        start_s = onset_s if is_gap else end_s
        first, count = record, 1
    segments.append(Segment(first, count, start_s))
    return tuple(segments), n_early, n_late
