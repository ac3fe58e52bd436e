"""The header of an EDF or BDF file: by specification, tolerant where devices are not.

Sources: EDF (Kemp et al. 1992, Electroenceph. clin. Neurophysiol. 82:391), EDF+ (Kemp and Olivan
2003, Clin. Neurophysiol. 114:1755), BDF (BioSemi's 24-bit variant). Every departure that is
repaired is a note; what cannot be repaired is a `ReadError` in one line.

Names, birth dates and free text of the two identification fields are read here and dropped here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hsat.errors import ReadError
from hsat.io.fields import is_grouped, parse_count, parse_date, parse_number, parse_text, parse_time, quotable
from hsat.io.identification import (
    HeaderSubject,
    parse_equipment,
    parse_recorder,
    parse_start_date,
    parse_subject,
)
from hsat.io.layout import (
    CHANNEL_LIMITS,
    CHANNEL_TEXTS,
    DIGITAL_LIMITS,
    FIXED_BYTES,
    LARGEST_STORED,
    SAMPLE_BYTES,
    channel_column,
    count_channels,
    data_start,
    declared_records,
    family_by_size,
    file_family,
    is_unsigned_range,
)
from hsat.recording import Note

__all__ = ["EdfChannel", "EdfHeader", "parse_header"]

ANNOTATION_LABELS = ("EDF Annotations", "BDF Annotations")
ANNOTATION_WORDS = frozenset(("edfannotations", "edfannotation", "bdfannotations", "bdfannotation"))
"""How writers misspell them: in other capitals, without the space, in the singular."""

FORMAT_MARKS = ("+C", "+D")
MOST_NUMBER_NOTES = 8
"""Repaired numbers told one by one; a header of hundreds of channels would bury all else."""

DATE_BYTES = frozenset(b"0123456789.\0")
"""What a start is written with, by specification."""

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
    label, transducer, unit, prefilter : str
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
    prefilter: str
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
        return SAMPLE_BYTES[self.format[:3]]

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
    notes: list[Note] = []
    family = file_family(raw, path, notes)
    n_channels = count_channels(raw, path=path, n_file_bytes=n_file_bytes, notes=notes)
    layout_bytes = FIXED_BYTES * (1 + n_channels)
    duration_s = _record_duration_s(raw[244:252], path, notes)
    n_declared = declared_records(raw[236:244], notes)
    n_samples = _sample_counts(raw, n_channels, path)
    header_bytes = data_start(
        raw,
        layout_bytes,
        n_file_bytes=n_file_bytes,
        n_data_bytes=None if n_declared is None else n_declared * sum(n_samples) * SAMPLE_BYTES[family],
        notes=notes,
    )
    n_data_bytes = n_file_bytes - header_bytes
    family = family_by_size(
        raw, family, n_samples, n_data_bytes=n_data_bytes, n_declared=n_declared, notes=notes
    )
    channels = _channels(raw, n_samples, family, notes)
    record_bytes = sum(channel.n_bytes for channel in channels)
    if not 0 < record_bytes <= LARGEST_RECORD_BYTES:
        raise ReadError(f"{path}: a data record of {record_bytes} bytes, expected at least one sample")
    kind, reserved = _format(family, raw[192:236], channels, notes)
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


def _record_duration_s(raw: bytes, path: str, notes: list[Note]) -> float:
    duration_s, was_repaired = parse_number(raw)
    if duration_s is None or duration_s < 0 or 0 < duration_s < SHORTEST_RECORD_S:
        raise ReadError(f"{path}: header, duration of a data record: expected seconds, got {quotable(raw)!r}")
    if was_repaired:
        notes.append(
            Note("header_number", f"duration of a data record {quotable(raw)!r} read as {duration_s:g} s")
        )
    return duration_s


def _format(family: str, raw: bytes, channels: Sequence[EdfChannel], notes: list[Note]) -> tuple[str, bool]:
    """Format by the reserved field, and whether that field holds something unknown."""
    reserved = parse_text(raw).upper()
    closed = reserved.replace(" ", "")
    for mark in FORMAT_MARKS:
        if not closed.startswith((f"EDF{mark}", f"BDF{mark}", mark)):
            continue
        if not reserved.startswith((f"EDF{mark}", f"BDF{mark}")):
            text = f"the header's format mark is misspelt; read as {family}{mark}"
            notes.append(Note("header_reserved", text))
        return family + mark, False
    if any(channel.is_annotation for channel in channels):
        notes.append(
            Note(
                "annotations_in_plain_edf",
                f"the header says plain {family} but a channel holds annotations; they are read",
            )
        )
    return family, reserved not in ("", family, "24BIT")


def _sample_counts(raw: bytes, n_channels: int, path: str) -> tuple[int, ...]:
    """Samples of each channel in a data record."""
    counts: list[int] = []
    for i, field_bytes in enumerate(channel_column(raw, "n_samples", n_channels)):
        count = parse_count(field_bytes)
        if count is None or count < 0:
            label = parse_text(channel_column(raw, "label", n_channels)[i])
            raise ReadError(
                f"{path}: header, channel {i + 1} ({label!r}), samples a record: not a count: "
                f"{quotable(field_bytes)!r}"
            )
        counts.append(count)
    return tuple(counts)


def _channels(
    raw: bytes, n_samples: tuple[int, ...], family: str, notes: list[Note]
) -> tuple[EdfChannel, ...]:
    columns = {name: channel_column(raw, name, len(n_samples)) for name in CHANNEL_TEXTS + CHANNEL_LIMITS}
    channels: list[EdfChannel] = []
    repairs: list[str] = []
    first_byte = 0
    for i, count in enumerate(n_samples):
        label, transducer, unit, prefilter = (parse_text(columns[name][i]) for name in CHANNEL_TEXTS)
        limits = [_limit(columns[name][i], name, label, family, repairs) for name in CHANNEL_LIMITS]
        is_annotation = _is_annotation(label, notes)
        if not is_annotation:
            _note_digital_range(label, limits[2], limits[3], family, notes)
        n_bytes = count * SAMPLE_BYTES[family]
        channels.append(
            EdfChannel(
                index=i,
                label=label,
                transducer=transducer,
                unit=unit,
                prefilter=prefilter,
                physical_min=limits[0],
                physical_max=limits[1],
                digital_min=limits[2],
                digital_max=limits[3],
                n_samples_per_record=count,
                first_byte=first_byte,
                n_bytes=n_bytes,
                is_annotation=is_annotation,
                is_checksum=label in CHECKSUM_LABELS,
            )
        )
        first_byte += n_bytes
    notes.extend(Note("header_number", text) for text in repairs[:MOST_NUMBER_NOTES])
    if len(repairs) > MOST_NUMBER_NOTES:
        notes.append(
            Note("header_number", f"{len(repairs) - MOST_NUMBER_NOTES} more numbers repaired in the same way")
        )
    return tuple(channels)


def _is_annotation(label: str, notes: list[Note]) -> bool:
    if label in ANNOTATION_LABELS:
        return True
    if "".join(label.split()).casefold() not in ANNOTATION_WORDS:
        return False
    notes.append(Note("annotation_label", f"channel {label!r} is read as annotations"))
    return True


def _note_digital_range(
    label: str, low: float | None, high: float | None, family: str, notes: list[Note]
) -> None:
    """Say that digital limits are none that a sample of this size can reach."""
    largest = LARGEST_STORED[family]
    if low is None or high is None or max(abs(low), abs(high)) <= largest:
        return
    if is_unsigned_range(low, high, family):
        return  # the samples tell how they are meant
    n_bits = 8 * SAMPLE_BYTES[family]
    notes.append(
        Note(
            "digital_range",
            f"channel {label!r}: digital limits {low:g} and {high:g} exceed {n_bits} bits; used as written",
        )
    )


def _limit(raw: bytes, name: str, label: str, family: str, repairs: list[str]) -> float | None:
    value, was_repaired = parse_number(raw)
    if name in DIGITAL_LIMITS and is_grouped(raw):
        # Digital limits are whole numbers: "32,767" is not 32.767, "100,000" cannot be 100000.
        whole, _ = parse_number(raw.replace(b",", b""))
        value = whole if whole is not None and abs(whole) < 2.0 * LARGEST_STORED[family] else value
    if value is not None and was_repaired:
        repairs.append(f"channel {label!r}, {name.replace('_', ' ')} {quotable(raw)!r} read as {value:g}")
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
    if set(raw_date.strip(b" \0") + raw_time.strip(b" \0")) - DATE_BYTES:
        notes.append(
            Note(
                "start_format",
                f"start written as {quotable(raw_date)} {quotable(raw_time)}, not with dots",
            )
        )
    return datetime.combine(day, clock)
