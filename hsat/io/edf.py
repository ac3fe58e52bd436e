"""EDF, EDF+C, EDF+D, BDF, BDF+C, BDF+D: one file to one `EdfFile`.

Reads the header and, where there are annotation channels, their bytes; samples are read when they
are asked for (`EdfFile.source`). Nothing is allocated by what a header claims, only by what the
file holds.
"""

import math
import os
import stat
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.errors import ReadError
from hsat.intervals import Spans
from hsat.io.clock import Placement, Segment, contiguous_segments, segments_from_onsets
from hsat.io.damage import refuse_text_damage
from hsat.io.header import EdfChannel, EdfHeader, parse_header
from hsat.io.identification import HeaderSubject
from hsat.io.layout import FIXED_BYTES, header_bytes_to_read
from hsat.io.records import ChannelPlace, EdfSource
from hsat.io.tals import parse_tals, record_onsets_s
from hsat.io.unsigned import unsigned_channels
from hsat.recording import Annotation, Note

__all__ = ["EdfFile", "read_edf"]

LARGEST_FIRST_ONSET_S = 86400.0
"""EDF+ wants less than a second; a first onset beyond a day cannot be right."""

CONTINUITY_TOLERANCE_S = 0.5
"""An EDF+C file whose last onset is off by more is placed by its onsets, as if it were EDF+D."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdfFile:
    """What a file holds, samples excepted.

    Attributes
    ----------
    path : str
        As the caller gave it.
    n_bytes : int
        Size of the file.
    format : str
        ``"EDF"``, ``"EDF+C"``, ``"EDF+D"``, ``"BDF"``, ``"BDF+C"`` or ``"BDF+D"``.
    start_local : datetime or None
        Wall clock at time 0, the first record's onset included; None where unknown.
    n_records : int
        Data records that are there and used.
    record_duration_s : float
        Length of a data record.
    channels : tuple of EdfChannel
        All channels of the header, annotation and checksum channels included.
    segments : tuple of Segment
        Records without gaps between them. Time 0 is the onset of the first.
    annotations : tuple of Annotation
        Texts with their onset on the recording's clock.
    subject : HeaderSubject
    equipment : str
        Recorder by the header, digits masked.
    recorder : str or None
        The same for two files of one recorder; see `hsat.recording.DeviceInfo`.
    source : EdfSource
        The samples.
    notes : tuple of Note
        Everything that was repaired.
    """

    path: str
    n_bytes: int
    format: str
    start_local: datetime | None
    n_records: int
    record_duration_s: float
    channels: tuple[EdfChannel, ...]
    segments: tuple[Segment, ...]
    annotations: tuple[Annotation, ...] = field(repr=False)
    subject: HeaderSubject = field(repr=False)
    equipment: str = field(repr=False)
    recorder: str | None = field(repr=False)
    source: EdfSource = field(repr=False)
    notes: tuple[Note, ...]

    @property
    def duration_s(self) -> float:
        """From the first record to the end of the last, gaps included."""
        if not self.segments:
            return 0.0
        last = self.segments[-1]
        return last.start_s + last.n_records * self.record_duration_s

    @property
    def gaps_s(self) -> Spans:
        """Spans between segments, shape (n, 2), float64, seconds."""
        stops = [s.start_s + s.n_records * self.record_duration_s for s in self.segments[:-1]]
        starts = [s.start_s for s in self.segments[1:]]
        rows = [(stop, start) for stop, start in zip(stops, starts, strict=True) if start > stop]
        return np.array(rows, dtype=np.float64).reshape(-1, 2)


def read_edf(path: str | os.PathLike[str]) -> EdfFile:
    """Read what an EDF or BDF file holds, samples excepted.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    EdfFile

    Raises
    ------
    ReadError
        Where there is no such file, or it is no EDF or BDF file, or its layout, rates or samples
        cannot be known; one line with the file and the reason.
    """
    name = os.fspath(path)
    try:
        return _read(name)
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(f"{name}: {error.strerror or type(error).__name__}") from error
    except ValueError as error:
        # A path with a NUL byte, the only way open() raises ValueError.
        raise ReadError(f"{name!r}: {error}") from error


def _read(name: str) -> EdfFile:
    status = Path(name).stat()
    if stat.S_ISDIR(status.st_mode):
        raise ReadError(f"{name}: a folder, expected an EDF or BDF file")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(f"{name}: no regular file, expected an EDF or BDF file")
    if status.st_size == 0:
        raise ReadError(f"{name}: the file is empty")
    with Path(name).open("rb") as file:
        raw = file.read(FIXED_BYTES)
        raw += file.read(header_bytes_to_read(raw) - FIXED_BYTES)
        header = parse_header(raw, path=name, n_file_bytes=status.st_size)
        refuse_text_damage(file, header, path=name, n_file_bytes=status.st_size)
    notes = list(header.notes)
    n_records = _count_records(header, status.st_size, notes)
    source = _source(name, header, ())
    contents = _read_annotations(source, header, n_records, notes)
    duration_s = _usable_duration_s(header, contents.heads, n_records, name, notes)
    segments, offset_s = _place_records(header, duration_s, contents.heads, n_records, name=name, notes=notes)
    source = _source(name, header, segments, record_duration_s=duration_s)
    source = replace(source, unsigned=unsigned_channels(source, header, notes))
    return EdfFile(
        path=name,
        n_bytes=status.st_size,
        format=header.format,
        start_local=_shift(header.start_local, offset_s, notes),
        n_records=n_records,
        record_duration_s=duration_s,
        channels=header.channels,
        segments=segments,
        annotations=_on_clock(contents.annotations, offset_s),
        subject=header.subject,
        equipment=header.equipment,
        recorder=header.recorder,
        source=source,
        notes=tuple(notes),
    )


def _on_clock(annotations: tuple[Annotation, ...], offset_s: float) -> tuple[Annotation, ...]:
    if offset_s == 0.0:
        return annotations
    return tuple(a._replace(onset_s=a.onset_s - offset_s) for a in annotations)


def _source(
    name: str, header: EdfHeader, segments: tuple[Segment, ...], *, record_duration_s: float | None = None
) -> EdfSource:
    return EdfSource(
        path=name,
        data_start=header.header_bytes,
        record_bytes=header.record_bytes,
        record_duration_s=header.record_duration_s if record_duration_s is None else record_duration_s,
        bytes_per_sample=header.bytes_per_sample,
        places=tuple(ChannelPlace(c.first_byte, c.n_samples_per_record) for c in header.channels),
        segments=segments,
    )


def _count_records(header: EdfHeader, n_file_bytes: int, notes: list[Note]) -> int:
    """Records to use: those the header declares, as far as the file holds them."""
    n_held, n_rest = divmod(max(n_file_bytes - header.header_bytes, 0), header.record_bytes)
    n_declared = header.n_records_declared
    if n_declared == 0 and n_held:
        text = f"the header declares 0 data records, the file holds {n_held}; they are read"
        notes.append(Note("record_count_unknown", text))
        n_declared = None
    if n_declared is None or n_declared > n_held:
        if n_declared is not None:
            notes.append(
                Note("truncated", f"the header promises {n_declared} data records, the file holds {n_held}")
            )
        if n_rest:
            notes.append(
                Note(
                    "cut_record",
                    f"the last data record is cut: {n_rest} of {header.record_bytes} bytes; left out",
                )
            )
        n_used = n_held
    else:
        n_used = n_declared
        n_more = n_file_bytes - header.header_bytes - n_used * header.record_bytes
        if n_more:
            whole = f", enough for {n_held - n_used} more data records," if n_held > n_used else ""
            notes.append(
                Note(
                    "trailing_bytes",
                    f"{n_more} bytes after the {n_used} data records the header declares{whole} are not read",
                )
            )
    if n_used == 0:
        notes.append(Note("no_data", "the file holds no data records"))
    return n_used


class _Annotations(NamedTuple):
    """Annotations of all channels; the time stamps of the one that keeps time, None without any."""

    heads: NDArray[np.uint8] | None
    annotations: tuple[Annotation, ...]


def _read_annotations(
    source: EdfSource, header: EdfHeader, n_records: int, notes: list[Note]
) -> _Annotations:
    heads: list[NDArray[np.uint8]] = []
    annotations: list[Annotation] = []
    n_unreadable = n_bare = 0
    for channel in header.channels:
        if not channel.is_annotation or channel.n_samples_per_record == 0:
            continue
        contents = parse_tals(source.channel_bytes(channel.index, n_records), n_records=n_records)
        heads.append(contents.heads)
        annotations.extend(contents.annotations)
        n_unreadable += contents.n_unreadable
        n_bare += contents.n_bare
    if n_bare:
        notes.append(Note("onset_sign", f"{n_bare} onsets are written without their sign; read as positive"))
    if n_unreadable:
        notes.append(
            Note(
                "annotations_unreadable",
                f"{n_unreadable} annotation entries have no readable onset; left out",
            )
        )
    # By specification the first of them keeps the time; another one may where that one does not.
    keeping = (h for h in heads if len(heads) == 1 or np.isfinite(record_onsets_s(h)).any())
    return _Annotations(heads=next(keeping, heads[0] if heads else None), annotations=tuple(annotations))


def _usable_duration_s(
    header: EdfHeader, heads: NDArray[np.uint8] | None, n_records: int, name: str, notes: list[Note]
) -> float:
    """Duration of a record; by the onsets where the header says 0 although there are signals."""
    has_samples = any(c.is_signal and c.n_samples_per_record for c in header.channels)
    if header.record_duration_s > 0 or n_records == 0 or not has_samples:
        return header.record_duration_s
    steps_s = np.empty(0) if heads is None else np.diff(record_onsets_s(heads))
    steps_s = steps_s[steps_s > 0]
    if len(steps_s) == 0:
        raise ReadError(
            f"{name}: the header gives 0 s as duration of a data record, so the signals have no rate"
        )
    duration_s = float(np.median(steps_s))
    notes.append(
        Note("record_duration", f"data records of 0 s by the header; {duration_s:g} s by their onsets")
    )
    return duration_s


def _place_records(
    header: EdfHeader,
    duration_s: float,
    heads: NDArray[np.uint8] | None,
    n_records: int,
    *,
    name: str,
    notes: list[Note],
) -> Placement:
    """Segments on the recording's clock, and the onset of the first after the header's start."""
    if heads is None or n_records == 0:
        if n_records and header.is_discontinuous:
            text = "the header promises onsets of the data records but none are stored; gaps are unknown"
            notes.append(Note("record_onsets", text))
        return Placement(contiguous_segments(n_records), 0.0)
    if not duration_s > 0:
        # Records without length hold texts alone: there is nothing between which a gap could be.
        first_s = float(record_onsets_s(heads[:1])[0])
        return Placement(contiguous_segments(n_records), first_s if math.isfinite(first_s) else 0.0)
    if header.is_discontinuous:
        placement = segments_from_onsets(record_onsets_s(heads), duration_s, path=name, notes=notes)
    else:
        placement = _place_continuous(header, heads, duration_s, name=name, notes=notes)
    if abs(placement.origin_s) > LARGEST_FIRST_ONSET_S:
        text = f"the first data record is {placement.origin_s:g} s after the start by its onset; taken as 0"
        notes.append(Note("first_onset", text))
    return placement


def _place_continuous(
    header: EdfHeader, heads: NDArray[np.uint8], duration_s: float, *, name: str, notes: list[Note]
) -> Placement:
    """Place the records of a file that says it has no gaps, by its onsets where those show some."""
    n_records = len(heads)
    first_s, last_s = record_onsets_s(heads[[0, -1]]).tolist()
    drift_s = last_s - first_s - (n_records - 1) * duration_s
    plain = Placement(contiguous_segments(n_records), first_s if math.isfinite(first_s) else 0.0)
    if abs(drift_s) <= CONTINUITY_TOLERANCE_S:
        return plain
    onsets_s = record_onsets_s(heads)
    kept_s = onsets_s[np.isfinite(onsets_s)]
    # Plain EDF keeps no time in its records; only onsets in each of them can be meant as such.
    if len(kept_s) < (2 if header.format.endswith("+C") else n_records):
        return plain
    trial: list[Note] = []
    try:
        placement = segments_from_onsets(onsets_s, duration_s, path=name, notes=trial)
    except ReadError:
        text = "the onsets of the data records contradict the header (continuous) and themselves; ignored"
        notes.append(Note("record_onsets", text))
        return plain
    if len(placement.segments) == 1 and placement.segments[0].n_records == n_records:
        return placement
    text = "the header says continuous, the onsets of the data records show gaps; the onsets are used"
    notes.append(Note("hidden_gaps", text))
    notes.extend(trial)
    return placement


def _shift(start_local: datetime | None, offset_s: float, notes: list[Note]) -> datetime | None:
    """Start of the clock moved to the first record's onset."""
    if start_local is None or offset_s == 0.0 or abs(offset_s) > LARGEST_FIRST_ONSET_S:
        return start_local
    try:
        return start_local + timedelta(seconds=offset_s)
    except OverflowError:
        notes.append(Note("start_unknown", "the start lies outside the calendar"))
        return None
