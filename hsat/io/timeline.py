"""Times as tables write them, seconds, clock times or dates, on a recording's clock."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, NoReturn

from hsat.errors import ReadError, shown

__all__ = ["LARGEST_S", "Timeline", "dated_start"]

DAY_S = 86_400.0
LARGEST_S = 1e7
"""Seconds from the start that no night comes near."""

NO_DATE = date(1985, 1, 1)
"""EDF+ (Kemp and Olivan 2003, 2.1.3.4): 01.01.85 stands for a date that is not known."""

CLOCK_PATTERN = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:[.,]\d+)?))?")
DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
DOTTED_PATTERN = re.compile(r"(\d{2})\.(\d{2})\.(\d{4}) +(\d{1,2}:\d{2}:\d{2})(?:[.,](\d+))?")


def dated_start(start: datetime | None, recording_start: datetime | None) -> datetime | None:
    """When a file starts, on the calendar of its recording.

    Parameters
    ----------
    start : datetime or None
        As its header says. On 01.01.85 the date is not known; the time of day may be, but for midnight,
        which stands where nothing is known.
    recording_start : datetime or None

    Returns
    -------
    datetime or None
        None where it is not known. Where neither date is known the times of day place the file, over
        midnight too.
    """
    if start is None or start.date() != NO_DATE:
        return start
    if recording_start is None or recording_start.date() != NO_DATE or start.time() == time():
        return None
    ahead_s = (start - recording_start).total_seconds() % DAY_S
    return recording_start + timedelta(seconds=ahead_s - DAY_S * (ahead_s > DAY_S / 2))


class _Clock(NamedTuple):
    """A time of day, seconds from midnight."""

    seconds: float


Moment = float | _Clock | datetime


@dataclass(slots=True, kw_only=True)
class Timeline:
    """Turns the times of rows, as written, into seconds from the recording's start.

    Attributes
    ----------
    name : str
        How errors name the file.
    start_local : datetime or None
        Start of the recording, for clock times and dates.
    kind : type or None
        How the rows write their times, by the first one; set while reading.
    before_s : float or None
        Start of the row before; set while reading.
    """

    name: str
    start_local: datetime | None
    kind: type[Moment] | None = None
    before_s: float | None = None

    @property
    def is_by_clock(self) -> bool:
        """Whether the rows write clock times or dates."""
        return self.kind is not float

    def place_start(self, line: int, text: str) -> float:
        """Start of a row; clock times go on from the row before."""
        moment = self._parse(line, text)
        if self.kind is None:
            self.kind = type(moment)
        elif type(moment) is not self.kind:
            self._refuse(line, "a time written as in the rows before", text)
        start_s = self._seconds(line, moment, text)
        if isinstance(moment, _Clock):
            if self.before_s is None:  # the night whose start is nearest
                start_s -= DAY_S * (start_s >= DAY_S / 2)
            else:
                step_s = (start_s - self.before_s) % DAY_S
                if step_s > DAY_S / 2:
                    self._refuse(line, "clock times in order", text)
                start_s = self.before_s + step_s
        self.before_s = start_s
        return start_s

    def place_stop(self, line: int, text: str, start_s: float) -> float:
        """Stop of a row; a clock time is the next such time after the start."""
        moment = self._parse(line, text)
        if type(moment) is not self.kind:
            self._refuse(line, "a time written as the start is", text)
        stop_s = self._seconds(line, moment, text)
        return start_s + (stop_s - start_s) % DAY_S if isinstance(moment, _Clock) else stop_s

    def number(self, line: int, text: str) -> float:
        """A number of seconds."""
        moment = self._parse(line, text)
        if not isinstance(moment, float):
            self._refuse(line, "a number of seconds", text)
        return moment

    def _seconds(self, line: int, moment: Moment, text: str) -> float:
        if isinstance(moment, float):
            return moment
        if self.start_local is None:
            raise ReadError(
                f"{self.name}, line {line}: {shown(text)} needs the clock of a recording that "
                "knows when it started; give seconds from its start"
            )
        if isinstance(moment, datetime):
            return (moment - self.start_local).total_seconds()
        midnight = datetime.combine(self.start_local.date(), datetime.min.time())
        return (midnight + timedelta(seconds=moment.seconds) - self.start_local).total_seconds() % DAY_S

    def _parse(self, line: int, text: str) -> Moment:
        moment = _parse_moment(text)
        if moment is None:
            self._refuse(line, "seconds, HH:MM:SS or YYYY-MM-DDTHH:MM:SS without time zone", text)
        return moment

    def _refuse(self, line: int, expected: str, text: str) -> NoReturn:
        raise ReadError(f"{self.name}, line {line}: expected {expected}, got {shown(text)}")


def _parse_moment(text: str) -> Moment | None:
    """A number, a clock time or a date with time; None for anything else."""
    clock = CLOCK_PATTERN.fullmatch(text)
    if clock is not None:
        hours, minutes, seconds = int(clock[1]), int(clock[2]), float((clock[3] or "0").replace(",", "."))
        is_time = hours < 24 and minutes < 60 and seconds < 60.0
        return _Clock(3600.0 * hours + 60.0 * minutes + seconds) if is_time else None
    dotted = DOTTED_PATTERN.fullmatch(text)
    if dotted is not None:
        day, month, year, time, fraction = dotted.groups()
        text = f"{year}-{month}-{day}T{time.zfill(8)}.{(fraction or '0')[:6].ljust(6, '0')}"
    try:
        number = float(text.replace(",", ".") if DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        number = None
    if number is not None:
        return number if abs(number) < LARGEST_S and "_" not in text else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if ":" in text and moment.tzinfo is None else None
