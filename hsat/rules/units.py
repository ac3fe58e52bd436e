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
COUNT = Unit("")
BY_ENDING: dict[str, Unit] = {
    "s": Unit("s"),
    "min": Unit("min"),
    "h": Unit("h"),
    "years": Unit("years"),
    "hz": Unit("Hz"),
    "percent": Unit("%", highest=100.0),
    "fraction": Unit("", highest=1.0),
    "points": Unit("SpO2 points", highest=100.0),
    "bpm": Unit("bpm"),
    "samples": Unit("samples"),
    "breaths": Unit("breaths"),
    "periods": Unit("breath periods"),
    "ratio": Unit("times"),
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
        ``_fraction`` lies in 0 to 1, ``_percent`` and ``_points`` in 0 to 100, and nothing with a
        unit is negative, but for a place in time (``_offset_s``). Without a known ending: any number.
    """
    if key.endswith("_offset_s"):
        return Unit("s", lowest=None)
    if key.startswith("n_"):
        return COUNT
    above, per, below = key.rpartition("_per_")
    if per:
        return Unit(f"{unit_of(above).words} per {below.replace('_', ' ')}".strip())
    return BY_ENDING.get(key.rpartition("_")[2], UNITLESS)
