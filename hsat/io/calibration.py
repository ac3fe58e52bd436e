"""From stored numbers to physical values: gain, missing samples, and units judged by the signal."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.io.header import EdfChannel
from hsat.recording import Calibration, Note

__all__ = ["VITAL_NAMES", "calibrate", "scale_to_percent"]

VITAL_NAMES = frozenset(("spo2", "pulse"))
"""Channels whose stored numbers beyond the declared range, or at a sentinel, are no measurement.

Waveforms may leave their declared range (a deep sigh) and stay what they are.
"""

SPO2_LIMITS_PERCENT = (30.0, 103.0)
"""Where the usual SpO2 of a living patient lies, whatever the scale it was written in."""

SCALES = ((1.0, "percent"), (100.0, "a fraction"), (0.1, "per mille"), (0.01, "hundredths of a percent"))
"""Factors to percent. Ten lies between any two of them, so that at most one brings a signal into
the limits."""


class _Line(NamedTuple):
    gain: float
    offset: float


SMALLEST_RANGE = 1e-100
"""Physical limits closer than this are equal: their gain could not be divided by."""


def calibrate(
    channel: EdfChannel,
    name: str,
    sentinels: tuple[float, ...],
    *,
    is_inverted: bool,
    is_bdf: bool,
    notes: list[Note],
) -> Calibration:
    """Calibration of a channel by its header fields.

    Parameters
    ----------
    channel : EdfChannel
    name : str
        Canonical name; decides whether samples can be missing.
    sentinels : tuple of float
        Physical values that mean "no value".
    is_inverted : bool
        Whether the recorder stores the signal upside down.
    is_bdf : bool
        Whether samples have 24 bits.
    notes : list of Note
        Repairs are added here.

    Returns
    -------
    Calibration
    """
    line = _line(channel, notes)
    if is_inverted:
        line = _Line(-line.gain, -line.offset)
    if name not in VITAL_NAMES:
        return Calibration(gain=line.gain, offset=line.offset)
    full = 8388607 if is_bdf else 32767
    low, high = channel.digital_min, channel.digital_max
    if low is None or high is None or low == high:
        low, high = -full - 1, full
    return Calibration(
        gain=line.gain,
        offset=line.offset,
        lowest_stored=float(min(low, high)),
        highest_stored=float(max(low, high)),
        missing_stored=_stored(sentinels, line.gain, line.offset),
    )


def _line(channel: EdfChannel, notes: list[Note]) -> _Line:
    """Gain and offset; 1 and 0 where the header's limits define no line."""
    low, high = channel.digital_min, channel.digital_max
    physical_low, physical_high = channel.physical_min, channel.physical_max
    where = f"channel {channel.label!r}"
    if low is None or high is None or physical_low is None or physical_high is None:
        notes.append(
            Note(
                "no_calibration",
                f"{where}: limits in the header unreadable; stored numbers are used as they are",
            )
        )
        return _Line(1.0, 0.0)
    if low == high or abs(physical_high - physical_low) < SMALLEST_RANGE:
        kind = "digital" if low == high else "physical"
        notes.append(
            Note(
                "no_calibration",
                f"{where}: {kind} minimum equals maximum; stored numbers are used as they are",
            )
        )
        return _Line(1.0, 0.0)
    if low > high:
        notes.append(
            Note(
                "digital_range",
                f"{where}: digital minimum {low:g} above the maximum {high:g}; read as written",
            )
        )
    gain = (physical_high - physical_low) / (high - low)
    return _Line(gain, physical_low - gain * low)


def _stored(physical: tuple[float, ...], gain: float, offset: float) -> tuple[float, ...]:
    """Stored whole numbers that come nearest to physical values, as far as they come near."""
    stored: list[float] = []
    for value in physical:
        number = float(round((value - offset) / gain))
        if abs(number * gain + offset - value) <= 0.5 and abs(number) < 1e9:
            stored.append(number)
    return tuple(sorted(set(stored)))


def scale_to_percent(
    calibration: Calibration,
    peeked: NDArray[np.float64],
    sentinels: tuple[float, ...],
    label: str,
    notes: list[Note],
) -> Calibration:
    """Rescale SpO2 written as fraction, per mille or hundredths to percent, judged by the samples.

    Parameters
    ----------
    calibration : Calibration
        By the header.
    peeked : ndarray, shape (n,), float64
        Stored samples from all over the file.
    sentinels : tuple of float
        Physical values, in percent, that mean "no value".
    label : str
        The channel's label, for the note.
    notes : list of Note
        The rescaling is noted here.

    Returns
    -------
    Calibration
    """
    physical = calibration.to_physical(peeked)
    physical = physical[np.isfinite(physical) & (physical > 0)]
    if len(physical) == 0:
        return calibration
    for factor, what in SCALES:
        usual = _usual_value(physical * factor, sentinels)
        if usual is None or not SPO2_LIMITS_PERCENT[0] <= usual <= SPO2_LIMITS_PERCENT[1]:
            continue
        if factor == 1.0:
            return calibration
        if factor > 1.0 and bool(np.all(physical == np.round(physical))):
            continue  # a signal of zeros and ones is a state, not a fraction
        return _rescaled(calibration, factor, what, sentinels=sentinels, label=label, notes=notes)
    notes.append(Note("spo2_scale", f"channel {label!r}: its values are no SpO2 in any scale known"))
    return calibration


def _usual_value(percent: NDArray[np.float64], sentinels: tuple[float, ...]) -> float | None:
    """Median of the upper half, sentinels left out: drop-outs near zero must not decide."""
    is_code = np.zeros(len(percent), dtype=bool)
    for sentinel in sentinels:
        is_code |= np.abs(percent - sentinel) < 0.05
    kept = np.sort(percent[~is_code])
    # Both medians from one sorted array: np.median takes five times as long for so few.
    upper = kept[np.searchsorted(kept, _median_of_sorted(kept)) :] if len(kept) else kept
    return _median_of_sorted(upper) if len(upper) else None


def _median_of_sorted(values: NDArray[np.float64]) -> float:
    return float(values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2.0


def _rescaled(
    calibration: Calibration,
    factor: float,
    what: str,
    *,
    sentinels: tuple[float, ...],
    label: str,
    notes: list[Note],
) -> Calibration:
    notes.append(
        Note("spo2_scale", f"channel {label!r}: its samples are SpO2 as {what}; converted to percent")
    )
    gain, offset = calibration.gain * factor, calibration.offset * factor
    return Calibration(
        gain=gain,
        offset=offset,
        lowest_stored=calibration.lowest_stored,
        highest_stored=calibration.highest_stored,
        missing_stored=tuple(sorted({*calibration.missing_stored, *_stored(sentinels, gain, offset)})),
    )
