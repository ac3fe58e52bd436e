"""Time-stamped annotation lists (TALs) of EDF+ and BDF+: annotations and record onsets.

Source: EDF+ (Kemp and Olivan 2003), sections 2.2.2 to 2.2.4. A TAL is
``+onset[<21>duration]<20>text<20>text<20><0>``; the first TAL of a record, with an empty first
text, keeps the record's time. A night of 8 hours has 28,800 records of which nearly all hold
nothing else, so those are recognised for all records at once and only the rest is parsed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.recording import Annotation

__all__ = ["TalContents", "parse_tals"]

END_TAL = 0
END_TEXT = 20
DURATION_MARK = 21
LONGEST_ONSET = 24
"""Characters of an onset that are looked at; a double needs no more."""

USUAL_ONSET = 10
LARGEST_ONSET_S = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class TalContents:
    """What the annotation channels of a file hold.

    Attributes
    ----------
    onsets_s : ndarray, shape (n_records,), float64
        Onset of each record after the header's start; NaN where the record keeps no time.
    annotations : tuple of Annotation
        In order of storage, onsets after the header's start; time-keeping entries left out.
    n_unreadable : int
        Annotation lists that were left out because their onset is no number.
    """

    onsets_s: NDArray[np.float64]
    annotations: tuple[Annotation, ...]
    n_unreadable: int


def parse_tals(chunks: Iterable[NDArray[np.uint8]], *, n_records: int, keeps_time: bool) -> TalContents:
    """Parse the bytes of one annotation channel.

    Parameters
    ----------
    chunks : iterable of ndarray, shape (n, n_bytes), uint8
        Bytes of the channel, one row a record, as many records at a time as come handy.
    n_records : int
        Records in all chunks together.
    keeps_time : bool
        Whether the channel keeps the records' time (the first annotation channel does).

    Returns
    -------
    TalContents
        Source of the format: EDF+, section 2.2.2.
    """
    onsets_s = np.full(n_records, np.nan)
    annotations: list[Annotation] = []
    n_unreadable = 0
    first = 0
    for lists in chunks:
        n_plain_bytes = 0
        if keeps_time:
            onsets_s[first : first + len(lists)], n_plain_bytes = _record_onsets_s(lists)
        first += len(lists)
        # Where the time-keeping lists account for every byte in use, there is no text.
        if np.count_nonzero(lists != END_TAL) == n_plain_bytes:
            continue
        raw = lists.tobytes()
        for start, stop in _tals_with_text(lists.reshape(-1), lists.shape[1]):
            parsed = _parse_tal(raw[start:stop])
            if parsed is None:
                n_unreadable += 1
            else:
                annotations.extend(parsed)
    return TalContents(onsets_s=onsets_s, annotations=tuple(annotations), n_unreadable=n_unreadable)


def _tals_with_text(flat: NDArray[np.uint8], n_bytes: int) -> list[tuple[int, int]]:
    """Start and stop of every TAL that holds more than a time stamp and its two end marks."""
    is_filled = flat != END_TAL
    is_start = is_filled.copy()
    is_start[1:] &= ~is_filled[:-1]
    is_start[::n_bytes] |= is_filled[::n_bytes]
    is_last = is_filled.copy()
    is_last[:-1] &= ~is_filled[1:]
    is_last[n_bytes - 1 :: n_bytes] |= is_filled[n_bytes - 1 :: n_bytes]
    starts, stops = np.flatnonzero(is_start), np.flatnonzero(is_last) + 1
    is_mark = flat == END_TEXT
    marks = np.concatenate(([0], np.cumsum(is_mark)))
    is_plain = (marks[stops] - marks[starts] == 2) & is_mark[stops - 1] & is_mark[np.maximum(stops - 2, 0)]
    chosen = np.flatnonzero(~is_plain)
    return list(zip(starts[chosen].tolist(), stops[chosen].tolist(), strict=True))


def _parse_tal(raw: bytes) -> list[Annotation] | None:
    """Annotations of one TAL (empty texts left out); None where its onset is no number."""
    stamp, *texts = raw.split(bytes([END_TEXT]))
    onset, _, duration = stamp.partition(bytes([DURATION_MARK]))
    onset_s = _seconds(onset)
    if onset_s is None or onset[:1] not in (b"+", b"-"):
        return None
    duration_s = _seconds(duration) if duration else None
    if duration_s is not None and duration_s < 0:
        duration_s = None
    return [Annotation(onset_s, duration_s, _text(text)) for text in texts if text.strip()]


def _seconds(raw: bytes) -> float | None:
    if b"_" in raw or len(raw) > LONGEST_ONSET:
        return None
    try:
        value = float(raw.replace(b",", b"."))
    except ValueError:
        return None
    return value if abs(value) < LARGEST_ONSET_S else None


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = text.strip()
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _record_onsets_s(lists: NDArray[np.uint8]) -> tuple[NDArray[np.float64], int]:
    """Onset of each record by the TAL at its beginning (NaN where there is none); bytes of plain TALs.

    A plain TAL is a stamp and the two marks of an empty text. The digits of all records are read at once, column by column.
    """
    n_records, n_bytes = lists.shape
    # Few columns hold all onsets of a night; copying them beats striding over the lists.
    head = np.ascontiguousarray(lists[:, :USUAL_ONSET].T)
    is_negative = head[0] == ord("-")
    is_open = is_negative | (head[0] == ord("+"))
    n_chars = is_open.astype(np.uint8)
    has_point = np.zeros(n_records, dtype=bool)
    n_digits = np.zeros(n_records, dtype=np.uint8)
    mantissa, scale = np.zeros(n_records), np.ones(n_records)
    for place in range(1, min(n_bytes, LONGEST_ONSET)):
        column = head[place] if place < len(head) else lists[:, place]
        digit = column - np.uint8(ord("0"))
        is_digit = is_open & (digit < 10)
        is_point = is_open & ~has_point & ((column == ord(".")) | (column == ord(",")))
        is_open = is_digit | is_point
        if not is_open.any():
            break
        mantissa = np.where(is_digit, mantissa * 10.0 + digit, mantissa)
        if has_point.any():
            scale = np.where(is_digit & has_point, scale * 10.0, scale)
        n_chars += is_open
        n_digits += is_digit
        has_point |= is_point
    onsets_s = mantissa / scale
    onsets_s[is_negative] *= -1.0
    rows = np.arange(n_records)
    lengths = n_chars.astype(np.int64)
    after = lists[rows, np.minimum(lengths, n_bytes - 1)]
    after_that = lists[rows, np.minimum(lengths + 1, n_bytes - 1)]
    is_stamp = (after == END_TEXT) | (after == DURATION_MARK)
    is_valid = is_stamp & (n_digits > 0) & (np.abs(onsets_s) < LARGEST_ONSET_S)
    onsets_s[~is_valid] = np.nan
    is_plain = is_valid & (after == END_TEXT) & (after_that == END_TEXT) & (lengths + 1 < n_bytes)
    return onsets_s, int(lengths[is_plain].sum()) + 2 * int(np.count_nonzero(is_plain))
