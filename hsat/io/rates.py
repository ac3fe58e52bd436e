"""Sampling rates that a recorder is known for: what a file with other ones may be.

A recorder writes each channel at a rate of its own. Another rate means another setting or firmware, or
that somebody exported or resampled the night, which may have smoothed away what breathing looks like.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from hsat.recording import Note

if TYPE_CHECKING:
    from hsat.io.devices import DeviceProfile

__all__ = ["RATE_CODE", "RatedChannel", "has_known_rates", "is_known_rate", "rate_notes"]

RATE_CODE = "rate_unusual"
"""Code of the note on channels at a rate that the recorder is not known for."""

TOLERANCE_FRACTION = 0.01
"""Rates this near are the same: record durations are written with few digits and clocks of recorders
differ by far less than 1 %, while rates that recorders do write (25 and 25.6 Hz) lie further apart."""


class RatedChannel(NamedTuple):
    """A channel of a file that a profile names."""

    label: str
    name: str
    rate_hz: float


def is_known_rate(rate_hz: float, known_hz: Iterable[float]) -> bool:
    """Whether a rate is one of those known, to 1 %."""
    return any(abs(rate_hz - known) <= TOLERANCE_FRACTION * known for known in known_hz)


def has_known_rates(rates_hz: Mapping[str, tuple[float, ...]], channels: Iterable[RatedChannel]) -> bool:
    """Whether a file's rates speak for a recorder: some are known of it, and none is another.

    Parameters
    ----------
    rates_hz : mapping of str to tuple of float
        Canonical name to the rates that the recorder writes.
    channels : iterable of RatedChannel

    Returns
    -------
    bool
    """
    told = [channel for channel in channels if channel.rate_hz > 0 and channel.name in rates_hz]
    return bool(told) and all(is_known_rate(channel.rate_hz, rates_hz[channel.name]) for channel in told)


def rate_notes(profile: "DeviceProfile", channels: Iterable[RatedChannel]) -> list[Note]:
    """One note on all channels at a rate that the recorder is not known for; none where there is none.

    Parameters
    ----------
    profile : DeviceProfile
    channels : iterable of RatedChannel
        Those that got their name by the profile.

    Returns
    -------
    list of Note
    """
    parts: list[str] = []
    is_from_literature = False
    for label, name, rate_hz in channels:
        known_hz = profile.rates_hz.get(name, ())
        if not known_hz or rate_hz <= 0 or is_known_rate(rate_hz, known_hz):
            continue
        parts.append(f"{label!r} at {rate_hz:g} Hz (known: {' or '.join(f'{x:g}' for x in known_hz)} Hz)")
        is_from_literature |= name in profile.unseen_rates
    if not parts:
        return []
    source = ", by the literature" if is_from_literature else ""
    text = (
        f"sampling rates that device profile {profile.name} does not know{source}: {', '.join(parts)}; "
        "another setting, exported or resampled?"
    )
    return [Note(RATE_CODE, text)]
