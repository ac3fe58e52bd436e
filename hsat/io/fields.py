"""Header fields of EDF and BDF: bytes to text, numbers, dates; tolerant, and saying so.

Every function takes the raw bytes of one field and returns None where it cannot be read; the
caller decides whether that is a repair (a note) or a refusal.
"""

import math
import re
from datetime import date, time

__all__ = [
    "MONTHS",
    "is_grouped",
    "parse_count",
    "parse_date",
    "parse_edf_plus_date",
    "parse_number",
    "parse_text",
    "parse_time",
    "quotable",
]

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

CLIPPING_YEAR = 85
"""EDF specification: two-digit years 85 to 99 are 1985 to 1999, 00 to 84 are 2000 to 2084."""

LARGEST_NUMBER = 1e15
"""No physical limit, rate or count of a night comes near; beyond it a field is rubbish."""

GROUPED = re.compile(rb"[+-]?\d{1,3}(?:,\d{3})+")
"""Digits in groups of three, or three decimals behind a comma: a count does not tell which."""

QUOTABLE_CHARACTERS = frozenset("0123456789 .:-+,/")
"""What numbers, dates and times are written with; names are not."""


def parse_text(field: bytes) -> str:
    """Text of a field: ASCII by specification, UTF-8 or Latin-1 where devices write that.

    Unprintable characters become ``?``, so that a label can be shown on a terminal.
    """
    raw = field.partition(b"\0")[0].strip()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        # A multi-byte character cut by the field's end is still UTF-8.
        is_cut_at_end = error.start >= len(raw) - 3 and error.reason == "unexpected end of data"
        text = raw[: error.start].decode("utf-8") if is_cut_at_end else raw.decode("latin-1")
    text = text.strip()
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def quotable(field: bytes) -> str:
    """Text of a field that is no text, for notes and errors: ``?`` for all but digits and ``.:-+,/``.

    Where the fields of a header are shifted, a number's place holds a piece of the patient's name.
    """
    return "".join(c if c in QUOTABLE_CHARACTERS else "?" for c in parse_text(field))


def is_grouped(field: bytes) -> bool:
    """Whether a number has commas that may stand between thousands."""
    return GROUPED.fullmatch(field.partition(b"\0")[0].strip()) is not None


def parse_number(field: bytes) -> tuple[float | None, bool]:
    """Number in a field, and whether it needed a repair (decimal comma, stray NUL).

    Returns
    -------
    value : float or None
        None where the field holds no finite number.
    was_repaired : bool
        Whether the field departs from the specification but could be read.
    """
    text = field.partition(b"\0")[0].strip()
    was_repaired = b"\0" in field
    if b"," in text:
        text = text.replace(b",", b".", 1)
        was_repaired = True
    if not text or b"_" in text:
        return None, was_repaired
    try:
        value = float(text)
    except ValueError:
        return None, was_repaired
    if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
        return None, was_repaired
    return value, was_repaired


def parse_count(field: bytes) -> int | None:
    """Whole number in a field; ``"500.0"`` passes, ``"500.5"`` and ``"1,000"`` (1 or 1000?) do not."""
    if is_grouped(field):
        return None
    value, _ = parse_number(field)
    return int(value) if value is not None and value == int(value) else None


def _three_numbers(field: bytes) -> tuple[int, int, int] | None:
    """Numbers of ``dd.mm.yy`` or ``hh.mm.ss``, whatever separates them."""
    text = field.partition(b"\0")[0].strip()
    for separator in b":-/, ":
        text = text.replace(bytes([separator]), b".")
    parts = text.split(b".")
    if len(parts) != 3 or not all(part.isdigit() and len(part) <= 4 for part in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2])


def parse_date(field: bytes) -> date | None:
    """Start date ``dd.mm.yy`` with the specification's clipping year; None where it is no date."""
    numbers = _three_numbers(field)
    if numbers is None:
        return None
    day, month, year = numbers
    if year < 100:
        year += 1900 if year >= CLIPPING_YEAR else 2000
    try:
        return date(year, month, day)
    except ValueError:
        return None


def parse_time(field: bytes) -> time | None:
    """Start time ``hh.mm.ss``; None where it is no time of day."""
    numbers = _three_numbers(field)
    if numbers is None:
        return None
    try:
        return time(*numbers)
    except ValueError:
        return None


def parse_edf_plus_date(text: str) -> date | None:
    """Date ``dd-MMM-yyyy`` with an English month, as in EDF+ header subfields."""
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    if not (day.isdecimal() and year.isdecimal() and len(year) == 4 and month.upper() in MONTHS):
        return None
    try:
        return date(int(year), MONTHS.index(month.upper()) + 1, int(day))
    except ValueError:
        return None
