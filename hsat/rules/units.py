"""The unit of a rule's number, read from the end of its key, with the values the unit allows."""

from typing import NamedTuple

__all__ = ["Unit", "unit_of"]


class Unit(NamedTuple):
    """A unit in words and the closed range its numbers may have; None where open."""

    words: str
    lowest: float | None = 0.0
    highest: float | None = None

    def range_words(self) -> str:
        """The range as it reads in an error: ``" from 0 to 1"``, ``" of at least 0"`` or nothing."""
        if self.lowest is None:
            return ""
        if self.highest is None:
            return f" of at least {self.lowest:g}"
        return f" from {self.lowest:g} to {self.highest:g}"


UNITLESS = Unit("", lowest=None)
COUNT = Unit("", lowest=1.0, highest=10_000.0)
DAY_S = 86_400.0
FASTEST = 1000.0
"""Highest number of anything per hour, minute or second: no body and no sensor comes near."""
BY_ENDING: dict[str, Unit] = {
    "s": Unit("s", highest=DAY_S),
    "min": Unit("min", highest=1440.0),
    "h": Unit("h", highest=24.0),
    "years": Unit("years", highest=130.0),
    "hz": Unit("Hz", lowest=0.5, highest=100.0),
    "percent": Unit("%", highest=100.0),
    "fraction": Unit("", highest=1.0),
    "points": Unit("SpO2 points", highest=100.0),
    "bpm": Unit("bpm", highest=500.0),
    "samples": Unit("samples", lowest=1.0, highest=10_000.0),
    "breaths": Unit("breaths", lowest=1.0, highest=10_000.0),
    "reductions": COUNT,
    "events": COUNT,
    "periods": Unit("breath periods", highest=100.0),
    "ratio": Unit("times", highest=1000.0),
    "roughness": Unit("", highest=1000.0),
    "kurtosis": Unit("", highest=1000.0),
    "degrees": Unit("degrees", highest=180.0),
    "db": Unit("dB", highest=200.0),
}


def unit_of(key: str) -> Unit:
    """The unit that a key's name states.

    Parameters
    ----------
    key : str
        Name of a rule's number: ``"min_duration_s"``, ``"severe_ahi_per_h"``, ``"n_events"``.

    Returns
    -------
    Unit
        ``_fraction`` lies in 0 to 1, ``_percent`` and ``_points`` in 0 to 100, times within a day,
        counts in 1 to 10000, and nothing with a unit is negative, but for a place in time
        (``_offset_s``). Without a known ending: any number.
    """
    if key.endswith("_offset_s"):
        return Unit("s", lowest=-DAY_S, highest=DAY_S)
    if key.startswith("n_"):
        return COUNT
    above, per, below = key.rpartition("_per_")
    if per:
        return Unit(f"{unit_of(above).words} per {below.replace('_', ' ')}".strip(), highest=FASTEST)
    return BY_ENDING.get(key.rpartition("_")[2], UNITLESS)
