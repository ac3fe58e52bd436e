"""Times of oximeter tables, in the ways that apps write them, as seconds on one line.

The forms, by exports that people have described in public: ``23:05:12 22/10/2021``,
``18:02:48 Aug 03 2026`` (apps of Viatom, sold as Wellue and Checkme), ``11:20:29PM Jun 19, 2026``
(O2 Insight Pro), ``2/26/2024`` and ``9:10:35 PM`` in two columns (EMAY), ISO 8601 with or without a
zone, seconds from the start, seconds or milliseconds since 1970.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.errors import ReadError
from hsat.recording import Note

__all__ = ["Clock", "is_moment", "read_moments"]

DAY_S = 86_400.0
EPOCH_FROM_S = 1e9
"""Numbers from here on are seconds since 1970 (this is the year 2001), not seconds of a night."""
EPOCH_FROM_MS = 1e12
UNIT_NAMES = {0.001: "milliseconds", 60.0: "minutes", 3600.0: "hours"}
FIRST_YEAR, LAST_YEAR = 1970, 2100
FIRST_SET_YEAR = 1980
"""No oximeter stored a night before; a clock that was never set, or lost its battery, starts in 1970."""
CLOSEST_DAYS = 2
"""A night touches two dates, and a file name may carry the evening's or the morning's."""

TIME = re.compile(
    r"(?<!\d)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?(?:\s*([AaPp])\.?[Mm]\.?(?![A-Za-z]))?"
    r"(?:\s?(?:(?:UTC|GMT)?(Z|[+-]\d{2}:?\d{2})(?!\d)|(UTC|GMT)\b))?"
)
ZONE_NAMES = re.compile(
    r"^(?:[ECMP][SD]T|AK[SD]T|HST|CES?T|WES?T|EES?T|MES?Z|BST|IST|JST|AE[SD]T|NZ[SD]T)\b|\([^()]*\)$"
)
"""Names of zones behind a time tell no more than its clock; a date that follows is kept."""
ISO_MARK = re.compile(r"(?<=\d)T$")
NUMBERS = re.compile(r"(\d{1,4})([./-])(\d{1,2})[./-](\d{2,4})\.?")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
WORDS = re.compile(r"[^\W\d_]+|\d+")
NAME_DATE = re.compile(r"(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])")
NAME_EPOCH = re.compile(r"(?<!\d)(1\d{9})(?:\d{3})?(?!\d)")

MONTH_STARTS = (
    ("jan", "ene", "gen"),
    ("feb", "f\u00e9v", "fev"),
    ("mar", "m\u00e4r", "maa", "mrz"),
    ("apr", "avr", "abr"),
    ("may", "mai", "mag", "mei"),
    ("jun", "juin", "giu"),
    ("jul", "juil", "lug"),
    ("aug", "ao\u00fb", "aou", "ago"),
    ("sep", "set"),
    ("oct", "okt", "ott", "out"),
    ("nov",),
    ("dec", "dez", "dic", "d\u00e9c"),
)
"""How names of months begin in English, German, French, Spanish, Italian, Dutch, Portuguese."""


class Clock(NamedTuple):
    """Times of rows.

    Attributes
    ----------
    seconds : ndarray, shape (n_rows,), float64
        From the first readable row; NaN where a row's time cannot be read.
    start_local : datetime or None
        Wall clock of the first readable row; None where the times do not tell it.
    has_seconds : bool
        Whether times are written to the second.
    """

    seconds: NDArray[np.float64]
    start_local: datetime | None
    has_seconds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """One time as written: second of the day, date as written, offset from UTC."""

    second_of_day: float
    date_text: str
    zone_s: float | None
    has_seconds: bool
    is_12_hour: bool


def is_moment(text: str) -> bool:
    """Whether a cell can be a time of a row: a clock time, with or without a date."""
    return _moment(text) is not None


def read_moments(texts: Sequence[str], *, path: str, notes: list[Note], unit_s: float | None = None) -> Clock:
    """Turn the times of all rows, as written, into seconds from the first.

    Parameters
    ----------
    texts : sequence of str
        One a row; of date and time columns both, with a space between.
    path : str
        For errors, and for the date that many apps put into the name.
    notes : list of Note
        What was decided, and why, is added here.
    unit_s : float, optional
        What numbers count, by the name of their column; else seconds, or milliseconds since 1970.

    Returns
    -------
    Clock

    Raises
    ------
    ReadError
        Where hardly any time can be read, or dates contradict each other.
    """
    numbers = _numbers(texts)
    if np.isfinite(numbers).mean() > 0.5:
        return _of_numbers(numbers, unit_s, notes)
    moments = [_moment(text) for text in texts]
    known = [moment for moment in moments if moment is not None]
    if 2 * len(known) < len(texts):
        raise ReadError(f"{path}: expected a time in every row, got {len(known)} in {len(texts)} rows")
    days = _days(known, path, notes)
    seconds = np.array(
        [
            np.nan if m is None or (day := days[m.date_text]) is None else day * DAY_S + m.second_of_day
            for m in moments
        ]
    )
    is_first = int(np.argmax(np.isfinite(seconds)))
    start_s = float(seconds[is_first])
    has_date = bool(known[0].date_text)
    start_local = (
        datetime.min + timedelta(seconds=start_s - DAY_S) if has_date and np.isfinite(start_s) else None
    )
    if start_local is not None and start_local.year < FIRST_SET_YEAR:
        text = f"the oximeter's clock was not set (it says {start_local:%Y-%m-%d}); the clock is unknown"
        notes.append(Note("start_unknown", text))
        start_local = None
    if not has_date:
        seconds, start_local = _unrolled(seconds, path, notes)
    _apply_zones(seconds, moments, notes)
    return Clock(
        seconds=seconds - seconds[is_first],
        start_local=start_local,
        has_seconds=any(moment.has_seconds for moment in known),
    )


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    out = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        try:
            out[row] = float(text.strip().replace(",", ".")) if "_" not in text else np.nan
        except ValueError:
            continue
    out[~np.isfinite(out)] = np.nan
    return out


def _of_numbers(numbers: NDArray[np.float64], unit_s: float | None, notes: list[Note]) -> Clock:
    first = float(numbers[np.isfinite(numbers)][0])
    if unit_s is None:
        unit_s = 0.001 if abs(first) >= EPOCH_FROM_MS else 1.0
    numbers, first = numbers * unit_s, first * unit_s
    if first >= EPOCH_FROM_S:
        text = "times are written in seconds since 1970 in UTC; the local clock is unknown"
    else:
        text = f"times are written in {UNIT_NAMES.get(unit_s, 'seconds')}; the clock is unknown"
    notes.append(Note("start_unknown", text))
    return Clock(seconds=numbers - first, start_local=None, has_seconds=True)


def _moment(text: str) -> _Moment | None:
    found = TIME.search(text)
    if found is None:
        return None
    hour, minute, second, fraction, half, offset, universal = found.groups()
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + 12 * (half in "Pp")
    is_midnight = hours == 24 and half is None  # the end of the day that is named
    if (hours > 23 and not is_midnight) or minutes > 59 or seconds > 59:
        return None
    left, right = text[: found.start()].strip(), ZONE_NAMES.sub("", text[found.end() :].strip()).strip()
    return _Moment(
        second_of_day=3600.0 * hours + 60.0 * minutes + seconds + float(f"0.{fraction or 0}"),
        date_text=f"{ISO_MARK.sub('', left).strip()} {right}".strip(" ,"),
        zone_s=_zone_s("Z" if universal else offset),
        has_seconds=second is not None,
        is_12_hour=half is not None,
    )


def _zone_s(zone: str | None) -> float | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0.0
    digits = zone[1:].replace(":", "")
    return (3600.0 * int(digits[:2]) + 60.0 * int(digits[2:])) * (-1.0 if zone[0] == "-" else 1.0)


def _days(known: Sequence[_Moment], path: str, notes: list[Note]) -> dict[str, int | None]:
    """Day number of every date text; 0 for all where times have no date."""
    texts = list(dict.fromkeys(moment.date_text for moment in known))
    if texts == [""]:
        return {"": 0}
    numeric = {text: match for text in texts if (match := NUMBERS.fullmatch(text)) is not None}
    ambiguous = [text for text, match in numeric.items() if len(match[1]) <= 2]
    is_day_first = _is_day_first(
        [numeric[text] for text in ambiguous], path, any(m.is_12_hour for m in known), notes
    )
    days: dict[str, int | None] = {}
    for text in texts:
        day = _numeric_date(numeric[text], is_day_first) if text in numeric else _worded_date(text)
        days[text] = None if day is None else day.toordinal()
    if all(day is None for day in days.values()):
        raise ReadError(f"{path}: expected dates with the times, got text that is no date")
    return days


def _numeric_date(match: "re.Match[str]", is_day_first: bool) -> date | None:
    first, _, second, third = match.groups()
    if len(first) == 4:
        return _date(int(first), int(second), int(third))
    year = int(third) + (2000 if len(third) == 2 else 0)
    day, month = (first, second) if is_day_first else (second, first)
    return _date(year, int(month), int(day))


def _date(year: int, month: int, day: int) -> date | None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _worded_date(text: str) -> date | None:
    compact = COMPACT.fullmatch(text)
    if compact is not None:
        return _date(int(compact[1]), int(compact[2]), int(compact[3]))
    words = [word.casefold() for word in WORDS.findall(text)]
    numbers = [int(word) for word in words if word.isdecimal() and len(word) <= 4]
    months = [
        number
        for number, starts in enumerate(MONTH_STARTS, start=1)
        if any(word.startswith(starts) for word in words)
    ]
    if len(months) != 1 or len(numbers) != 2:
        return None
    day, year = numbers if numbers[0] <= 31 and numbers[1] > 31 else (numbers[1], numbers[0])
    return _date(year, months[0], day)


def _is_day_first(dates: Sequence["re.Match[str]"], path: str, is_12_hour: bool, notes: list[Note]) -> bool:
    """Order of day and month, by the dates themselves, then by the file's name, then by custom."""
    if not dates:
        return True
    can_day_first = all(int(d[3]) <= 12 and int(d[1]) <= 31 for d in dates)
    can_month_first = all(int(d[1]) <= 12 and int(d[3]) <= 31 for d in dates)
    if not (can_day_first or can_month_first):
        raise ReadError(f"{path}: dates contradict each other: some put the day first, some the month")
    if can_day_first != can_month_first:
        return can_day_first
    spans = [_span_days(dates, is_day_first=order) for order in (True, False)]
    if (spans[0] <= CLOSEST_DAYS) != (spans[1] <= CLOSEST_DAYS):
        is_day_first, why = spans[0] <= CLOSEST_DAYS, "the dates then follow each other"
    elif (named := _by_name(dates[0], path)) is not None:
        is_day_first, why = named, "the file's name carries this date"
    elif dates[0][2] == ".":
        is_day_first, why = True, "dates with dots put the day first"
    elif is_12_hour:
        is_day_first, why = False, "the clock has 12 hours, as where the month comes first; not certain"
    else:
        is_day_first, why = True, "as most apps write it; not certain"
    day = _numeric_date(dates[0], is_day_first)
    shown = "unknown" if day is None else f"{day:%Y-%m-%d}"
    notes.append(Note("date_order", f"date {dates[0][0]} read as {shown}: {why}"))
    return is_day_first


def _span_days(dates: Sequence["re.Match[str]"], *, is_day_first: bool) -> int:
    days = [day.toordinal() for d in dates if (day := _numeric_date(d, is_day_first)) is not None]
    return max(days) - min(days) if len(days) == len(dates) else 10**6


def _name_date(path: str) -> date | None:
    """Date in a file's name, written out or as seconds or milliseconds since 1970."""
    name = re.split(r"[\\/]", path)[-1]
    found = NAME_DATE.search(name)
    if found is not None:
        return _date(int(found[1]), int(found[2]), int(found[3]))
    epoch = NAME_EPOCH.search(name)
    return None if epoch is None else date(1970, 1, 1) + timedelta(seconds=int(epoch[1]))


def _by_name(first: "re.Match[str]", path: str) -> bool | None:
    """Whether the day comes first by the date in the file's name; None where that does not tell."""
    named = _name_date(path)
    if named is None:
        return None
    fits = []
    for is_day_first in (True, False):
        day = _numeric_date(first, is_day_first)
        fits.append(day is not None and abs((day - named).days) <= CLOSEST_DAYS)
    return fits[0] if fits[0] != fits[1] else None


def _unrolled(
    seconds: NDArray[np.float64], path: str, notes: list[Note]
) -> tuple[NDArray[np.float64], datetime | None]:
    """Clock times without dates go on over midnight; the date comes from the file's name, if at all."""
    known = np.isfinite(seconds)
    turned = seconds[known]
    turned = turned + DAY_S * np.concatenate(([0.0], np.cumsum(np.diff(turned) < -DAY_S / 2)))
    out = seconds.copy()
    out[known] = turned
    named = _name_date(path)
    if named is None:
        notes.append(Note("start_unknown", "times have no date; the day of the recording is unknown"))
        return out, None
    notes.append(Note("start_date", f"times have no date; {named:%Y-%m-%d} is taken from the file's name"))
    return out, datetime.combine(named, datetime.min.time()) + timedelta(seconds=float(turned[0] % DAY_S))


def _apply_zones(seconds: NDArray[np.float64], moments: Sequence[_Moment | None], notes: list[Note]) -> None:
    """Times with a zone run on where the zone changes, as it does with summer time."""
    zones_s = [np.nan if m is None or m.zone_s is None else m.zone_s for m in moments]
    zones = np.array(zones_s)
    known = zones[np.isfinite(zones)]
    if len(known) == 0:
        return
    seconds -= np.where(np.isfinite(zones), zones - known[0], 0.0)
    hours = known[0] / 3600.0
    notes.append(Note("time_zone", f"times carry a zone (UTC{hours:+.3g} h); the clock is kept as written"))
