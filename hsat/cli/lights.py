"""Lights off and lights on: from what people write to seconds from the recording's start."""

import argparse
import re
from datetime import datetime, time, timedelta

from hsat.errors import HsatError
from hsat.recording import Recording

__all__ = ["lights_span_s", "parse_time"]

CLOCK_PATTERN = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
DAY_S = 86_400.0


def parse_time(text: str) -> time | datetime:
    """A clock time ``HH:MM[:SS]`` or an ISO date with time, without time zone.

    Parameters
    ----------
    text : str

    Returns
    -------
    datetime.time or datetime.datetime

    Raises
    ------
    ValueError
        (as argparse reports it) for anything else.
    """
    try:
        if CLOCK_PATTERN.fullmatch(text):
            return time.fromisoformat(text.zfill(5) if text.count(":") == 1 else text.zfill(8))
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or ":" not in text or moment.tzinfo is not None:
        raise argparse.ArgumentTypeError(
            f"expected HH:MM, HH:MM:SS or YYYY-MM-DDTHH:MM without time zone, got {text!r}"
        )
    return moment


def lights_span_s(
    recording: Recording, off: time | datetime | None, on: time | datetime | None
) -> tuple[float, float] | None:
    """Lights off and on in seconds from the recording's start.

    Parameters
    ----------
    recording : Recording
        Has to know when it started.
    off, on : datetime.time, datetime.datetime or None
        A clock time is the one inside the recording, else the last before its start; lights on
        is the first such time after lights off, over midnight where need be. None: the
        recording's start, its end.

    Returns
    -------
    tuple of float or None
        ``(off_s, on_s)`` within the recording; None where neither time was given.

    Raises
    ------
    HsatError
        Where the recording does not know its start, or the span does not touch it.
    """
    if off is None and on is None:
        return None
    path = recording.source.path
    start = recording.start_local
    if start is None:
        raise HsatError(f"{path}: lights off and on need a clock, but the file holds no valid start")
    off_s = 0.0 if off is None else _seconds(off, start)
    if isinstance(off, time) and off_s >= recording.duration_s:
        off_s -= DAY_S
    on_s = recording.duration_s if on is None else _seconds(on, start)
    if isinstance(on, time):
        on_s = off_s + (on_s - off_s) % DAY_S
    clipped = (max(off_s, 0.0), min(on_s, recording.duration_s))
    if clipped[1] <= clipped[0]:
        stop = start + timedelta(seconds=recording.duration_s)
        raise HsatError(
            f"{path}: lights off {_words(start, off_s)} to on {_words(start, on_s)} is no time within the "
            f"recording, {start:%Y-%m-%d %H:%M:%S} to {stop:%Y-%m-%d %H:%M:%S}"
        )
    return clipped


def _seconds(moment: time | datetime, start: datetime) -> float:
    """Seconds from the start; for a clock time to its first occurrence from the start on."""
    if isinstance(moment, datetime):
        return (moment - start).total_seconds()
    return (datetime.combine(start.date(), moment) - start).total_seconds() % DAY_S


def _words(start: datetime, seconds: float) -> str:
    return f"{start + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
