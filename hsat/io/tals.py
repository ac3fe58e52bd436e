"""Time-stamped annotation lists (TALs) of EDF+ and BDF+: annotations and record onsets.

Source: EDF+ (Kemp and Olivan 2003), sections 2.2.2 to 2.2.4. A TAL is
``+onset[<21>duration]<20>text<20>text<20><0>``; the first TAL of a record, with an empty first
text, keeps the record's time. A night of 8 hours has 28,800 records of which nearly all hold
nothing else, so those are recognised for all records at once and only the rest is parsed.

Onsets without their sign are read as positive where nothing but digits and one point stand in the
sign's place and the marks around them are right: no text of an annotation looks like that.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.recording import Annotation

__all__ = ["TalContents", "parse_tals", "record_onsets_s"]

END_TAL = 0
END_TEXT = 20
DURATION_MARK = 21
SIGNS = (b"+", b"-")
LONGEST_ONSET = 24
"""Characters of an onset that are looked at; a double needs no more."""

LARGEST_ONSET_S = 1e12
BARE_ONSET = re.compile(rb"\d+(?:[.,]\d*)?")


class TalContents(NamedTuple):
    """What an annotation channel holds.

    Attributes
    ----------
    heads : ndarray, shape (n_records, n_bytes), uint8
        The beginning of each record's list, for `record_onsets_s`.
    annotations : tuple of Annotation
        In order of storage, onsets after the header's start; time-keeping entries left out.
    n_unreadable : int
        Annotation lists that were left out because their onset is no number.
    n_bare : int
        Annotations, and time stamps of records, whose onset has no sign; read as positive.
    """

    heads: NDArray[np.uint8]
    annotations: tuple[Annotation, ...]
    n_unreadable: int
    n_bare: int


def parse_tals(chunks: Iterable[NDArray[np.uint8]], *, n_records: int) -> TalContents:
    """Parse the bytes of one annotation channel.

    Parameters
    ----------
    chunks : iterable of ndarray, shape (n, n_bytes), uint8
        Bytes of the channel, one row a record, as many records at a time as come handy.
    n_records : int
        Records in all chunks together.

    Returns
    -------
    TalContents
        Source of the format: EDF+, section 2.2.2.
    """
    heads = np.zeros((n_records, LONGEST_ONSET), dtype=np.uint8)
    annotations: list[Annotation] = []
    n_unreadable = n_bare = 0
    first = 0
    for lists in chunks:
        width = min(LONGEST_ONSET, lists.shape[1])
        heads[first : first + len(lists), :width] = lists[:, :width]
        first += len(lists)
        for row in _rows_with_text(lists):
            for tal in lists[row].tobytes().rstrip(b"\0").split(b"\0"):
                parsed = _parse_tal(tal) if tal else []
                if parsed is None:
                    n_unreadable += 1
                else:
                    annotations.extend(parsed)
                    n_bare += len(parsed) if tal[:1] not in SIGNS else 0
    is_bare = heads[:, 0] - np.uint8(ord("0")) < 10
    if is_bare.any():
        n_bare += int(np.count_nonzero(np.isfinite(record_onsets_s(heads[is_bare]))))
    return TalContents(heads=heads, annotations=tuple(annotations), n_unreadable=n_unreadable, n_bare=n_bare)


def _rows_with_text(lists: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Records that may hold more than the time stamp with its empty text.

    A plain time-keeping list ends in two marks and has no others. Any text brings another mark;
    where all marks come in pairs, one pair a record, there is none.
    """
    is_mark = lists == END_TEXT
    flat = is_mark.reshape(-1)
    n_marks, n_pairs = np.count_nonzero(flat), np.count_nonzero(flat[1:] & flat[:-1])
    if n_marks == 0 or (n_marks == 2 * len(lists) and n_pairs == len(lists)):
        return np.empty(0, dtype=np.intp)
    marks_of_row = np.count_nonzero(is_mark, axis=1)
    pairs_of_row = np.count_nonzero(is_mark[:, 1:] & is_mark[:, :-1], axis=1)
    return np.flatnonzero((marks_of_row > 0) & ((marks_of_row != 2) | (pairs_of_row != 1)))


def _parse_tal(raw: bytes) -> list[Annotation] | None:
    """Annotations of one TAL (empty texts left out); None where its onset is no number."""
    stamp, *texts = raw.split(bytes([END_TEXT]))
    if not any(texts):
        return []
    onset, _, duration = stamp.partition(bytes([DURATION_MARK]))
    onset_s = _seconds(onset)
    if onset_s is None or not (onset[:1] in SIGNS or BARE_ONSET.fullmatch(onset)):
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


def record_onsets_s(heads: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Onset of records by the time stamps their lists begin with.

    The digits of all records are read at once, column by column.

    Parameters
    ----------
    heads : ndarray, shape (n_records, n_bytes), uint8
        The beginning of each record's list.

    Returns
    -------
    ndarray, shape (n_records,), float64
        Seconds after the header's start; NaN where there is no time stamp. A list that begins with
        an annotation (a duration or a text behind its onset) keeps no time. One without a sign needs
        both marks behind its digits.
    """
    columns = np.ascontiguousarray(heads.T)
    n_records = len(heads)
    is_negative = columns[0] == ord("-")
    lead = columns[0] - np.uint8(ord("0"))
    is_bare = lead < 10
    is_open = is_negative | (columns[0] == ord("+")) | is_bare
    is_ended = np.zeros(n_records, dtype=bool)
    has_point = np.zeros(n_records, dtype=bool)
    n_digits = is_bare.astype(np.uint8)
    mantissa, scale = np.where(is_bare, lead, 0.0), np.ones(n_records)
    followers = [*columns[2:], np.zeros(n_records, dtype=np.uint8)]
    for column, follower in zip(columns[1:], followers, strict=True):
        digit = column - np.uint8(ord("0"))
        is_digit = is_open & (digit < 10)
        is_point = is_open & ~has_point & ((column == ord(".")) | (column == ord(",")))
        is_closed = (follower == END_TEXT) | (~is_bare & (follower == END_TAL))
        is_ended |= is_open & (column == END_TEXT) & is_closed
        is_open = is_digit | is_point
        if not is_open.any():
            break
        mantissa = np.where(is_digit, mantissa * 10.0 + digit, mantissa)
        if has_point.any():
            scale = np.where(is_digit & has_point, scale * 10.0, scale)
        n_digits += is_digit
        has_point |= is_point
    onsets_s = mantissa / scale
    onsets_s[is_negative] *= -1.0
    onsets_s[~(is_ended & (n_digits > 0) & (np.abs(onsets_s) < LARGEST_ONSET_S))] = np.nan
    return onsets_s
