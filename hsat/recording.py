"""A night as it was recorded: signals at their own rates on one clock. No algorithms here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hsat.errors import MissingChannelError
from hsat.intervals import Spans

if TYPE_CHECKING:
    import mne

__all__ = [
    "Annotation",
    "ArraySource",
    "Calibration",
    "DeviceInfo",
    "Note",
    "Recording",
    "SampleBlock",
    "SampleSource",
    "Signal",
    "SourceFile",
    "Subject",
]


HASHED_BYTES = 1 << 18
"""Bytes of a file that a checksum takes at a time; `hashlib` itself uses as much."""


class Note(NamedTuple):
    """Something a reader of the result has to know: what was repaired, assumed or left out."""

    code: str
    text: str


class Annotation(NamedTuple):
    """A text with a time, as stored in the file. ``duration_s`` is None where none was stored."""

    onset_s: float
    duration_s: float | None
    text: str


class SampleBlock(NamedTuple):
    """A run of stored samples of one signal.

    Attributes
    ----------
    position : int
        Position of the signal in the request that `SampleSource.blocks` was given.
    first_sample : int
        Place of the block's first sample on the recording's clock: sample ``i`` of a signal
        lasts from ``i / rate_hz`` to ``(i + 1) / rate_hz``. Places no block covers are gaps.
    stored : ndarray, shape (n_records, n_samples_per_record), int16 or float32
        Samples as stored, row after row in time, not calibrated. May be a strided view into a
        buffer that the next block reuses: use it or copy it before asking for the next.
    """

    position: int
    first_sample: int
    stored: NDArray[np.int16] | NDArray[np.float32]


class SampleSource(Protocol):
    """Where stored samples come from: a file, or arrays in memory."""

    def blocks(self, indices: Sequence[int]) -> Iterator[SampleBlock]:
        """Yield the samples of the named source channels in order of time, in one pass.

        Blocks of different channels interleave; those of one channel come in order of time and
        do not overlap. Memory stays bounded whatever the length of the recording.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How stored numbers become physical values: ``physical = gain * stored + offset``.

    Attributes
    ----------
    gain, offset : float
        May be negative (inverted sensors).
    lowest_stored, highest_stored : float
        Stored values outside ``[lowest_stored, highest_stored]`` are missing samples.
    missing_stored : tuple of float
        Stored values inside the range that a device writes for "no value".
    """

    gain: float = 1.0
    offset: float = 0.0
    lowest_stored: float = -np.inf
    highest_stored: float = np.inf
    missing_stored: tuple[float, ...] = ()

    def to_physical(self, stored: NDArray[np.generic]) -> NDArray[np.float64]:
        """Physical values of stored samples, NaN where missing; any shape, float64."""
        numbers = stored.astype(np.float64)
        is_missing = ~((numbers >= self.lowest_stored) & (numbers <= self.highest_stored))
        for code in self.missing_stored:
            is_missing |= numbers == code
        physical = numbers * self.gain + self.offset
        physical[is_missing] = np.nan
        return physical


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One channel of a recording under its canonical name.

    Attributes
    ----------
    name : str
        Canonical name: ``"flow"``, ``"nasal_pressure"``, ``"thermistor"``, ``"thorax"``,
        ``"abdomen"``, ``"spo2"``, ``"pulse"``, ``"position"``, ``"snore"``, ...
    rate_hz : float
        Samples per second as recorded; need not be whole.
    unit : str
        Unit of the physical values (``"%"``, ``"L/s"``, ``"bpm"``, ``"au"`` where unknown).
    n_samples : int
        Samples from the recording's start to its end, gaps included.
    source_label : str
        The label in the file.
    source : SampleSource
        Gives the samples when they are asked for.
    source_index : int
        Which channel of the source this is.
    calibration : Calibration
        From stored numbers to physical values, and which numbers mean "missing".
    mapped_by : str
        Why the label was given this name, in words (``"alias 'spo2'"``, ``"--map"``).
    rooted_by : str
        Of nasal pressure: the words of the header that say that its square root was taken before, so
        that it is proportional to flow (``"unit 'L/min'"``); empty where it says nothing of it.
    """

    name: str
    rate_hz: float
    unit: str
    n_samples: int
    source_label: str
    source: SampleSource = field(repr=False)
    source_index: int
    calibration: Calibration = field(default=Calibration(), repr=False)
    mapped_by: str = ""
    rooted_by: str = ""

    @property
    def values(self) -> NDArray[np.float64]:
        """Physical values on the recording's clock, read from the source at every access.

        Returns
        -------
        ndarray, shape (n_samples,), float64
            In `unit`; NaN where a sample is missing or the device stored nothing.
        """
        values = np.full(self.n_samples, np.nan)
        for block in self.source.blocks([self.source_index]):
            physical = self.calibration.to_physical(block.stored).reshape(-1)
            start = max(block.first_sample, 0)
            stop = min(block.first_sample + len(physical), self.n_samples)
            if stop > start:
                values[start:stop] = physical[start - block.first_sample : stop - block.first_sample]
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySource:
    """Samples in memory, for simulated nights and for bridges from other libraries.

    Attributes
    ----------
    arrays : tuple of ndarray, shape (n_samples,) each, float32
        One array a channel, from the start of the recording; NaN is a missing sample.
    """

    arrays: tuple[NDArray[np.float32], ...]

    def blocks(self, indices: Sequence[int]) -> Iterator[SampleBlock]:
        """Yield each named array as one block."""
        for position, index in enumerate(indices):
            yield SampleBlock(position, 0, self.arrays[index].reshape(1, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """The recorder, as far as its profile knows it. No serial number.

    Attributes
    ----------
    profile : str
        Name of the device profile (``"generic"`` where none fits).
    name : str
        Maker and model in words.
    therapy : str
        ``"none"``, ``"pap"``, ``"appliance"`` or ``"unknown"``: what treatment was on while
        the device recorded.
    recorder : str or None
        The same for two files of one recorder, by what their headers say of it; made anew in
        every process (in a batch, under the site's key), tells nothing by itself and is never
        shown. None where the header is silent.
    oximeter_averaging_s : float or None
        Time over which the oximeter averages SpO2; None where nothing says.
    """

    profile: str
    name: str
    therapy: str = "unknown"
    recorder: str | None = field(default=None, repr=False)
    oximeter_averaging_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who was recorded, without a name.

    Attributes
    ----------
    patient : str or None
        Stable pseudonym, or the code the user gave; None where the file holds no code.
    age_years : float or None
        Age at the recording.
    sex : str or None
        ``"F"`` or ``"M"``.
    """

    patient: str | None = None
    age_years: float | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """The file, or the files, a recording came from.

    Attributes
    ----------
    path : str
        As the user gave it; of several files the first.
    n_bytes : int
        Size of the file; of several files their sum.
    format : str
        ``"EDF"``, ``"EDF+C"``, ``"EDF+D"``, ``"BDF"``, ``"BDF+C"``, ``"BDF+D"``, ``"CSV"`` or
        ``"memory"``; of several files that of the first.
    stream : int or None
        Where a device writes several files side by side, which of them this is: 0 is the one that
        sets the clock. None for a device that writes one file a recording.
    parts : tuple of str
        Paths of all files of a recording that was joined from several; else empty.
    """

    path: str
    n_bytes: int
    format: str
    stream: int | None = None
    parts: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of all files, in the order in which they were joined."""
        return self.parts or (self.path,)

    def sha256(self) -> str | None:
        """SHA-256 of the bytes of all files in a row, as hexadecimal text, read now; None for "memory"."""
        if self.format == "memory":
            return None
        import hashlib

        digest = hashlib.sha256()
        for path in self.files:
            with open(path, "rb") as file:
                while block := file.read(HASHED_BYTES):
                    digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording on one clock.

    Attributes
    ----------
    signals : tuple of Signal
        Every channel that has a canonical name, in the file's order.
    start_local : datetime or None
        Wall-clock start, naive; None where the file holds no valid date.
    duration_s : float
        From the first sample to the end of the last, gaps included.
    gaps_s : ndarray, shape (n, 2), float64
        Spans in which the device stored nothing.
    device : DeviceInfo
    subject : Subject
    source : SourceFile
    annotations : tuple of Annotation
        Texts stored in the file; may hold what identifies a person.
    notes : tuple of Note
        Everything that was repaired or assumed while reading.
    """

    signals: tuple[Signal, ...]
    start_local: datetime | None
    duration_s: float
    gaps_s: Spans
    device: DeviceInfo
    subject: Subject
    source: SourceFile
    annotations: tuple[Annotation, ...] = field(default=(), repr=False)
    notes: tuple[Note, ...] = ()

    def has_signal(self, name: str) -> bool:
        """Whether a signal has this canonical name."""
        return any(signal.name == name for signal in self.signals)

    def signal(self, name: str) -> Signal:
        """The signal with this canonical name.

        Raises
        ------
        MissingChannelError
            Where the recording has no such signal.
        """
        for signal in self.signals:
            if signal.name == name:
                return signal
        present = ", ".join(s.name for s in self.signals) or "none"
        raise MissingChannelError(f"{self.source.path}: no channel {name!r}; channels here: {present}")

    def to_mne(self) -> "mne.io.RawArray":
        """Bridge to MNE: see `hsat.interop.mne.to_mne`."""
        from hsat.interop.mne import to_mne

        return to_mne(self)
