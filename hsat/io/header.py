"""The header of an EDF or BDF file: by specification, tolerant where devices are not.

Sources: EDF (Kemp et al. 1992, Electroenceph. clin. Neurophysiol. 82:391), EDF+ (Kemp and Olivan
2003, Clin. Neurophysiol. 114:1755), BDF (BioSemi's 24-bit variant). Every departure that is
repaired is a note; what cannot be repaired is a `ReadError` in one line.

Names, birth dates and free text of the two identification fields are read here and dropped here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from hsat.errors import ReadError
from hsat.io.fields import parse_count, parse_date, parse_number, parse_text, parse_time, quotable
from hsat.io.identification import (
    HeaderSubject,
    parse_equipment,
    parse_recorder,
    parse_start_date,
    parse_subject,
)
from hsat.recording import Note

__all__ = ["EDF_STARTS", "FIXED_BYTES", "EdfChannel", "EdfHeader", "parse_header"]

FIXED_BYTES = 256
"""Size of the fixed part of the header, and of each channel's part."""

CHANNEL_FIELDS = (
    ("label", 16),
    ("transducer", 80),
    ("unit", 8),
    ("physical_min", 8),
    ("physical_max", 8),
    ("digital_min", 8),
    ("digital_max", 8),
    ("prefilter", 80),
    ("n_samples", 8),
    ("reserved", 32),
)
"""Fields of the channel part: name and bytes, each stored for all channels in a row."""

EDF_VERSION = b"0"
BDF_VERSION = b"\xffBIOSEMI"
EDF_STARTS = (b"0       ", BDF_VERSION, b"\xc3\xbfBIOSEMI", b"\xef\xbf\xbdBIOSEM")
"""First bytes of EDF and BDF files, those that a text editor has spoilt included."""
ANNOTATION_LABELS = ("EDF Annotations", "BDF Annotations")
CHECKSUM_LABELS = ("Crc16",)
LARGEST_RECORD_BYTES = 1 << 40
SHORTEST_RECORD_S = 1e-4
"""A sample rate from a shorter record would not be one of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdfChannel:
    """One channel as the header describes it.

    Attributes
    ----------
    index : int
        Place in the header, from 0.
    label, transducer, unit : str
        Texts of the header.
    physical_min, physical_max : float or None
        Physical values that belong to `digital_min` and `digital_max`; None where unreadable.
    digital_min, digital_max : float or None
        Smallest and largest stored number by declaration; None where unreadable.
    n_samples_per_record : int
        Samples in each data record.
    first_byte : int
        Place of the channel within a data record.
    n_bytes : int
        Bytes the channel takes in a data record.
    is_annotation, is_checksum : bool
        Channels that hold texts or checksums and never signals.
    """

    index: int
    label: str
    transducer: str
    unit: str
    physical_min: float | None
    physical_max: float | None
    digital_min: float | None
    digital_max: float | None
    n_samples_per_record: int
    first_byte: int
    n_bytes: int
    is_annotation: bool
    is_checksum: bool

    @property
    def is_signal(self) -> bool:
        """Whether the channel holds samples of a signal."""
        return not (self.is_annotation or self.is_checksum)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdfHeader:
    """A parsed header.

    Attributes
    ----------
    format : str
        ``"EDF"``, ``"EDF+C"``, ``"EDF+D"``, ``"BDF"``, ``"BDF+C"`` or ``"BDF+D"``.
    start_local : datetime or None
        Start by the header's fields, whole seconds; None where the file holds no valid date.
    header_bytes : int
        Where the data records begin.
    n_records_declared : int or None
        None where the field is -1 or unreadable.
    record_duration_s : float
        Length of a data record; 0 in files that hold only annotations.
    record_bytes : int
        Size of a data record.
    channels : tuple of EdfChannel
    subject : HeaderSubject
    equipment : str
        Recorder by the recording field, digits masked (they are serial numbers).
    recorder : str or None
        The same for two files of one recorder; see `hsat.recording.DeviceInfo`.
    notes : tuple of Note
    """

    format: str
    start_local: datetime | None
    header_bytes: int
    n_records_declared: int | None
    record_duration_s: float
    record_bytes: int
    channels: tuple[EdfChannel, ...]
    subject: HeaderSubject = field(repr=False)
    equipment: str = field(repr=False)
    recorder: str | None = field(repr=False)
    notes: tuple[Note, ...]

    @property
    def bytes_per_sample(self) -> int:
        """2 in EDF, 3 in BDF."""
        return 3 if self.format.startswith("BDF") else 2

    @property
    def is_discontinuous(self) -> bool:
        """Whether the records may have gaps between them (EDF+D, BDF+D)."""
        return self.format.endswith("+D")


def parse_header(raw: bytes, *, path: str, n_file_bytes: int) -> EdfHeader:
    """Parse the header of an EDF or BDF file.

    Parameters
    ----------
    raw : bytes
        The file's first bytes, at least the whole header where the file is long enough.
    path : str
        For error messages.
    n_file_bytes : int
        Size of the file.

    Returns
    -------
    EdfHeader

    Raises
    ------
    ReadError
        Where the bytes are no EDF or BDF header, or its layout cannot be known.
    """
    family = _family(raw, path)
    notes: list[Note] = []
    n_channels = _channel_count(raw, path, notes)
    layout_bytes = FIXED_BYTES * (1 + n_channels)
    if layout_bytes > n_file_bytes:
        raise ReadError(
            f"{path}: the header promises {n_channels} channels in {layout_bytes} bytes, "
            f"but the file has {n_file_bytes}"
        )
    duration_s = _record_duration_s(raw[244:252], path, notes)
    channels = _channels(raw, n_channels, family, path, notes)
    record_bytes = sum(channel.n_bytes for channel in channels)
    if not 0 < record_bytes <= LARGEST_RECORD_BYTES:
        raise ReadError(f"{path}: a data record of {record_bytes} bytes, expected at least one sample")
    n_declared = _declared_records(raw[236:244], notes)
    kind, reserved = _format(family, raw[192:236], channels, notes)
    header_bytes = _data_start(
        raw[184:192],
        layout_bytes,
        n_file_bytes=n_file_bytes,
        n_declared=n_declared,
        record_bytes=record_bytes,
        notes=notes,
    )
    patient_text, recording_text = parse_text(raw[8:88]), parse_text(raw[88:168])
    start = _start(raw[168:176], raw[176:184], recording_text, notes)
    subject = parse_subject(patient_text, start)
    if reserved:
        notes.append(
            Note("header_reserved", "the header's reserved field holds an unknown text; read as plain EDF")
        )
    return EdfHeader(
        format=kind,
        start_local=start,
        header_bytes=header_bytes,
        n_records_declared=n_declared,
        record_duration_s=duration_s,
        record_bytes=record_bytes,
        channels=channels,
        subject=subject,
        equipment=parse_equipment(recording_text),
        recorder=parse_recorder(recording_text),
        notes=tuple(notes),
    )


def _family(raw: bytes, path: str) -> str:
    if len(raw) < FIXED_BYTES:
        raise ReadError(f"{path}: {len(raw)} bytes, too short for an EDF header of {FIXED_BYTES} bytes")
    if raw[:8] == BDF_VERSION:
        return "BDF"
    if raw[:8].strip(b" \0") == EDF_VERSION:
        return "EDF"
    if raw[:10] in (b"\xc3\xbfBIOSEMI ", b"\xef\xbf\xbdBIOSEM"):
        raise ReadError(
            f"{path}: a BDF file that a text editor re-encoded as UTF-8: its samples are destroyed"
        )
    raise ReadError(f"{path}: no EDF or BDF file: it does not begin with '0' or 255 and 'BIOSEMI'")


def _channel_count(raw: bytes, path: str, notes: list[Note]) -> int:
    n_channels = parse_count(raw[252:256])
    header_bytes = parse_count(raw[184:192])
    if n_channels is None and header_bytes is not None and header_bytes % FIXED_BYTES == 0:
        n_channels = header_bytes // FIXED_BYTES - 1
        notes.append(
            Note("channel_count", f"number of channels unreadable; {n_channels} by the header's size")
        )
    if n_channels is None or n_channels < 1:
        got = quotable(raw[252:256])
        raise ReadError(f"{path}: header, number of channels: expected 1 or more, got {got!r}")
    return n_channels


def _record_duration_s(raw: bytes, path: str, notes: list[Note]) -> float:
    duration_s, was_repaired = parse_number(raw)
    if duration_s is None or duration_s < 0 or 0 < duration_s < SHORTEST_RECORD_S:
        raise ReadError(f"{path}: header, duration of a data record: expected seconds, got {quotable(raw)!r}")
    if was_repaired:
        notes.append(
            Note("header_number", f"duration of a data record {quotable(raw)!r} read as {duration_s:g} s")
        )
    return duration_s


def _declared_records(raw: bytes, notes: list[Note]) -> int | None:
    n_records = parse_count(raw)
    if n_records is not None and n_records >= 0:
        return n_records
    got = quotable(raw)
    notes.append(
        Note(
            "record_count_unknown",
            f"the header gives {got!r} as number of data records; counted from the file's size",
        )
    )
    return None


def _format(family: str, raw: bytes, channels: Sequence[EdfChannel], notes: list[Note]) -> tuple[str, bool]:
    """Format by the reserved field, and whether that field holds something unknown."""
    reserved = parse_text(raw).upper()
    for mark in ("+C", "+D"):
        if reserved.startswith((f"EDF{mark}", f"BDF{mark}")):
            return family + mark, False
    if any(channel.is_annotation for channel in channels):
        notes.append(
            Note(
                "annotations_in_plain_edf",
                f"the header says plain {family} but a channel holds annotations; they are read",
            )
        )
    return family, reserved not in ("", family, "24BIT")


def _data_start(
    raw: bytes,
    layout_bytes: int,
    *,
    n_file_bytes: int,
    n_declared: int | None,
    record_bytes: int,
    notes: list[Note],
) -> int:
    """Where the data begin: after the channel fields, unless only the declared size fits the file."""
    declared = parse_count(raw)
    if declared == layout_bytes:
        return layout_bytes
    got = quotable(raw)
    if (
        declared is not None
        and n_declared is not None
        and layout_bytes < declared <= n_file_bytes
        and n_file_bytes - declared == n_declared * record_bytes
    ):
        notes.append(
            Note(
                "header_size",
                f"header of {declared} bytes where its channels need {layout_bytes}; the rest skipped",
            )
        )
        return declared
    notes.append(Note("header_size", f"header size {got!r} corrected to {layout_bytes} bytes"))
    return layout_bytes


class _Columns(NamedTuple):
    label: list[bytes]
    transducer: list[bytes]
    unit: list[bytes]
    physical_min: list[bytes]
    physical_max: list[bytes]
    digital_min: list[bytes]
    digital_max: list[bytes]
    prefilter: list[bytes]
    n_samples: list[bytes]
    reserved: list[bytes]


def _channels(
    raw: bytes, n_channels: int, family: str, path: str, notes: list[Note]
) -> tuple[EdfChannel, ...]:
    columns: list[list[bytes]] = []
    offset = FIXED_BYTES
    for _, width in CHANNEL_FIELDS:
        columns.append([raw[offset + i * width : offset + (i + 1) * width] for i in range(n_channels)])
        offset += width * n_channels
    fields = _Columns(*columns)
    bytes_per_sample = 3 if family == "BDF" else 2
    channels: list[EdfChannel] = []
    first_byte = 0
    for i in range(n_channels):
        label = parse_text(fields.label[i])
        n_samples = parse_count(fields.n_samples[i])
        if n_samples is None or n_samples < 0:
            got = quotable(fields.n_samples[i])
            raise ReadError(
                f"{path}: header, channel {i + 1} ({label!r}), samples a record: not a count: {got!r}"
            )
        limits = [
            _limit(fields[column][i], CHANNEL_FIELDS[column][0], label, notes) for column in range(3, 7)
        ]
        channels.append(
            EdfChannel(
                index=i,
                label=label,
                transducer=parse_text(fields.transducer[i]),
                unit=parse_text(fields.unit[i]),
                physical_min=limits[0],
                physical_max=limits[1],
                digital_min=limits[2],
                digital_max=limits[3],
                n_samples_per_record=n_samples,
                first_byte=first_byte,
                n_bytes=n_samples * bytes_per_sample,
                is_annotation=label in ANNOTATION_LABELS,
                is_checksum=label in CHECKSUM_LABELS,
            )
        )
        first_byte += n_samples * bytes_per_sample
    return tuple(channels)


def _limit(raw: bytes, name: str, label: str, notes: list[Note]) -> float | None:
    value, was_repaired = parse_number(raw)
    if value is not None and was_repaired:
        notes.append(
            Note(
                "header_number",
                f"channel {label!r}, {name.replace('_', ' ')} {quotable(raw)!r} read as {value:g}",
            )
        )
    return value


def _start(raw_date: bytes, raw_time: bytes, recording_text: str, notes: list[Note]) -> datetime | None:
    """Start by date and time fields, the EDF+ start date standing in for an invalid date field."""
    day, clock = parse_date(raw_date), parse_time(raw_time)
    plus_day = parse_start_date(recording_text)
    if day is None and plus_day is not None:
        notes.append(
            Note("start_date", f"start date {quotable(raw_date)!r} is no date; the EDF+ start date is used")
        )
        day = plus_day
    elif day is not None and plus_day is not None and day != plus_day:
        if (day.month, day.day, day.year % 100) != (plus_day.month, plus_day.day, plus_day.year % 100):
            notes.append(
                Note(
                    "start_date",
                    f"two start dates: {day} in the date field, {plus_day} by EDF+; the first is used",
                )
            )
        else:
            day = plus_day
    if day is None or clock is None:
        got = f"{quotable(raw_date)} {quotable(raw_time)}"
        notes.append(Note("start_unknown", f"start {got!r} is no date and time; the clock time is unknown"))
        return None
    if b":" in raw_time or b"-" in raw_date or b"/" in raw_date:
        notes.append(
            Note(
                "start_format",
                f"start written as {quotable(raw_date)} {quotable(raw_time)}, not with dots",
            )
        )
    return datetime.combine(day, clock)
