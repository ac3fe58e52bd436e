"""What the header of a file says of the square root of nasal pressure."""

from hsat.io.channels import simplify_label
from hsat.io.header import EdfChannel

__all__ = ["root_taken_by"]

ROOT_WORDS = ("sqrt", "square root", "linearised", "linearized", "linearisiert")
DENIALS = frozenset(("no", "not", "non", "off", "without", "nicht", "ohne", "aus"))
"""A text with one of these beside a word of a root says nothing clear."""

FLOW_UNITS = frozenset(("l s", "l sec", "l min", "lpm", "slm", "slpm", "ml s", "ml sec", "ml min"))
"""Units of flow, simplified as labels are: pressure has another."""


def root_taken_by(channel: EdfChannel, unit: str) -> str:
    """Why a channel of nasal pressure shows flow, its root taken before the file was written.

    Parameters
    ----------
    channel : EdfChannel
    unit : str
        Unit of the signal: the header's, or the device profile's in its place.

    Returns
    -------
    str
        In words, without the header's own text but for the unit; empty where the header says nothing.
    """
    for field, text in (("label", channel.label), ("prefilter", channel.prefilter)):
        padded = f" {simplify_label(text)} "
        if DENIALS.isdisjoint(padded.split()):
            for word in ROOT_WORDS:
                if f" {word} " in padded:
                    return f"{field} with {word!r}"
    return f"unit {unit!r}" if simplify_label(unit) in FLOW_UNITS else ""
