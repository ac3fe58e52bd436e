"""Times within a night, in words: the clock where the start is known, else time from the start."""

import math
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ClockTicks", "clock_text", "clock_ticks", "into_day_s"]

TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400)
MOST_TICKS = 16
HALF_MILLISECOND_S = 5e-4
"""Clock times are cut to whole seconds: what is short of one by floating point alone is not."""


class ClockTicks(NamedTuple):
    """Where an axis has its ticks, and what stands there.

    Attributes
    ----------
    seconds : ndarray, shape (n,), float64
        From the start of the recording.
    labels : list of str
    """

    seconds: NDArray[np.float64]
    labels: list[str]


def into_day_s(start: datetime) -> float:
    """Seconds from midnight to a time."""
    return start.hour * 3600.0 + start.minute * 60.0 + start.second + start.microsecond / 1e6


def clock_text(start: datetime | None, seconds: float) -> str:
    """A time of the night to the second.

    Parameters
    ----------
    start : datetime or None
        Start of the recording.
    seconds : float
        From the start of the recording.

    Returns
    -------
    str
        ``"23:04:10"``; from an unknown start ``"+0:34:10"``.
    """
    if start is not None:
        return f"{start + timedelta(seconds=seconds + HALF_MILLISECOND_S):%H:%M:%S}"
    whole = math.floor(seconds + HALF_MILLISECOND_S)
    return f"+{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def clock_ticks(
    start: datetime | None, start_s: float, stop_s: float, *, n_most: int = MOST_TICKS
) -> ClockTicks:
    """Ticks at round times of the clock within a window of the night.

    Parameters
    ----------
    start : datetime or None
        Start of the recording; where it is unknown, round times count from it.
    start_s, stop_s : float
        The window, seconds from the start of the recording.
    n_most : int, optional
        Most steps between two ticks that the window may have.

    Returns
    -------
    ClockTicks
        At most one more than `n_most`, for windows up to some days.
    """
    length_s = max(stop_s - start_s, 1.0)
    step_s = next((step for step in TICK_STEPS_S if length_s / step <= n_most), TICK_STEPS_S[-1])
    origin_s = 0.0 if start is None else into_day_s(start)
    first = math.ceil((start_s + origin_s) / step_s - 1e-9) * step_s - origin_s
    seconds = np.arange(first, stop_s + 1e-6, step_s)
    texts = [clock_text(start, float(second)) for second in seconds]
    return ClockTicks(seconds, texts if step_s < 60 else [text.rpartition(":")[0] for text in texts])
