"""Dates and clock times as exports write them, in the order of day and month that fits the night."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

__all__ = ["DAY_S", "parse_clock", "place_dates", "possible_dates"]

DAY_S = 86_400.0
CLOCK = r"(\d{1,2})[:.](\d{2})[:.](\d{2})(?:[.,](\d{1,9}))?(?: ?([AaPp])\.?[Mm]\.?)?"
CLOCK_PATTERN = re.compile(CLOCK)
DATE_PATTERN = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})[ T]+(" + CLOCK + ")")
ORDERS = ("dmy", "mdy", "ymd")


def parse_clock(text: str) -> float | None:
    """Seconds from midnight of ``23:48:45,119`` or ``8:59:00 PM``; None where it is no time of day."""
    found = CLOCK_PATTERN.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds = (int(found[i]) for i in (1, 2, 3))
    half = (found[5] or "").lower()
    if half and not 1 <= hours <= 12:
        return None
    if half:
        hours = hours % 12 + 12 * (half == "p")
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return 3600.0 * hours + 60.0 * minutes + seconds + float(f"0.{found[4] or 0}")


def possible_dates(text: str) -> dict[str, datetime]:
    """What a date with time can mean, by the order of day, month and year; empty where it is none.

    Parameters
    ----------
    text : str
        ``30.05.2024 23:48:45,119``, ``5/30/2024 8:59:00 PM``, ``2024-05-30 23:48:45``. Years have
        four digits; with points the day comes first.

    Returns
    -------
    dict of str to datetime
        Orders ``"dmy"``, ``"mdy"``, ``"ymd"``.
    """
    found = DATE_PATTERN.fullmatch(text.strip())
    if found is None:
        return {}
    clock_s = parse_clock(found[5])
    if clock_s is None:
        return {}
    first, middle, last = found[1], int(found[3]), found[4]
    orders: dict[str, tuple[int, int, int]] = {}
    if len(first) == 4 and len(last) <= 2:
        orders["ymd"] = (int(first), middle, int(last))
    elif len(last) == 4 and len(first) <= 2:
        orders["dmy"] = (int(last), middle, int(first))
        if found[2] != ".":
            orders["mdy"] = (int(last), int(first), middle)
    dates = {}
    for order, (year, month, day) in orders.items():
        try:
            dates[order] = datetime(year, month, day) + timedelta(seconds=clock_s)
        except (ValueError, OverflowError):
            continue
    return dates


def place_dates(texts: Sequence[str], near: Iterable[datetime]) -> list[datetime] | None:
    """Dates of one file, which writes them all in one order.

    Parameters
    ----------
    texts : sequence of str
    near : iterable of datetime
        Where the night may start: of several orders that all dates allow, the one goes that
        brings the first date nearest to any of these; without any, the day comes first.

    Returns
    -------
    list of datetime or None
        None where they are not all dates of one order.
    """
    known = [possible_dates(text) for text in texts]
    orders = [order for order in ORDERS if all(order in dates for dates in known)]
    if not orders or not known:
        return None if known else []
    starts = list(near)

    def distance_s(order: str) -> float:
        return min((abs((known[0][order] - start).total_seconds()) for start in starts), default=0.0)

    best = min(orders, key=distance_s)
    return [dates[best] for dates in known]
