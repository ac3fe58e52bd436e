"""What is in a recording and what can be scored: the result of looking without scoring."""

from dataclasses import dataclass
from datetime import datetime

from hsat.intervals import Spans
from hsat.recording import DeviceInfo, Note

__all__ = ["ChannelQuality", "InspectedChannel", "Inspection", "Scorable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelQuality:
    """How the samples of one channel look.

    Attributes
    ----------
    missing_percent : float or None
        Share of stored samples that are no measurement; None without samples.
    flat_percent : float or None
        Share of 10 s stretches in which nothing changes; None where that says nothing (numbers
        such as SpO2 rest for long) or the channel is too short.
    lowest, highest : float or None
        Extremes of the valid samples, in the channel's unit.
    sentence : str
        The same in words.
    """

    missing_percent: float | None
    flat_percent: float | None
    lowest: float | None
    highest: float | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedChannel:
    """One signal channel of the file, with or without a canonical name.

    Attributes
    ----------
    source_label : str
    name : str or None
        Canonical name; None where the label means none of them.
    rate_hz : float or None
        None where the file gives no duration of its records.
    unit : str
        As scored, for a channel with a name; else as in the file.
    physical_range, digital_range : tuple of float or None
        The header's limits; None where unreadable.
    mapped_by : str or None
        Why the channel has its name.
    quality : ChannelQuality
    """

    source_label: str
    name: str | None
    rate_hz: float | None
    unit: str
    physical_range: tuple[float | None, float | None]
    digital_range: tuple[float | None, float | None]
    mapped_by: str | None
    quality: ChannelQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorable:
    """What can be scored, and for everything that cannot, why; noise is not looked for."""

    apneas: bool
    hypopneas: bool
    desaturations: bool
    kinds: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What one file holds.

    Attributes
    ----------
    file : str
        Path as given.
    format : str
        ``"EDF"``, ``"EDF+C"``, ``"EDF+D"``, ``"BDF"``, ``"BDF+C"`` or ``"BDF+D"``.
    start_local : datetime or None
    duration_s : float
        From the first record to the end of the last, gaps included.
    n_records : int
    record_duration_s : float
    gaps_s : ndarray, shape (n, 2), float64
    n_annotations : int
        Time-keeping entries not counted.
    device : DeviceInfo
    patient : str or None
        Pseudonym.
    channels : tuple of InspectedChannel
    scorable : Scorable
    notes : tuple of Note
        Every repair.
    """

    file: str
    format: str
    start_local: datetime | None
    duration_s: float
    n_records: int
    record_duration_s: float
    gaps_s: Spans
    n_annotations: int
    device: DeviceInfo
    patient: str | None
    channels: tuple[InspectedChannel, ...]
    scorable: Scorable
    notes: tuple[Note, ...]
