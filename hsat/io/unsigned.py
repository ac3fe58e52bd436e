"""Channels that store numbers without a sign: digital limits from 0 up to twice what a sample can hold.

EDF and BDF samples have a sign. Some programs write numbers from 0 to 65535 all the same; read with
a sign, the upper half of them comes out below zero.
"""

import numpy as np

from hsat.io.header import EdfHeader
from hsat.io.layout import is_unsigned_range
from hsat.io.records import EdfSource
from hsat.recording import Note

__all__ = ["unsigned_channels"]


def unsigned_channels(source: EdfSource, header: EdfHeader, notes: list[Note]) -> frozenset[int]:
    """Places of the channels whose samples are to be read without a sign.

    By their digital limits, and where samples below zero occur, by which of both readings makes the
    smaller steps: a signal goes from one sample to the next, and does not jump by the whole range.

    Parameters
    ----------
    source : EdfSource
        With its segments.
    header : EdfHeader
    notes : list of Note
        What was decided is added here.

    Returns
    -------
    frozenset of int
    """
    n_bits = 8 * header.bytes_per_sample
    found: set[int] = set()
    for channel in header.channels:
        low, high = channel.digital_min, channel.digital_max
        if not (channel.is_signal and is_unsigned_range(low, high, header.format[:3]) and source.segments):
            continue
        signed = source.peek(channel.index)
        unsigned = np.where(signed < 0, signed + 2.0**n_bits, signed)
        is_unsigned = np.abs(np.diff(unsigned)).sum() <= np.abs(np.diff(signed)).sum()
        limits = f"channel {channel.label!r}: digital limits {low:g} and {high:g}"
        if is_unsigned:
            found.add(channel.index)
            text = f"{limits}: its samples are read as numbers of {n_bits} bits without a sign"
        else:
            text = f"{limits} exceed {n_bits} bits, but its samples run on only as numbers with a sign"
        notes.append(Note("digital_range", text))
    return frozenset(found)
