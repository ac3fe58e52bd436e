"""Samples of an EDF or BDF file, read block by block into one small buffer.

No memory map: it inflates the resident memory by the file's size and kills the process with
SIGBUS where a file on a network drive shrinks. One buffer of about a megabyte stays in the
processor's cache; its columns are handed out as strided views, without a copy.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.errors import ReadError
from hsat.io.clock import Segment
from hsat.io.digest import RunningDigest
from hsat.recording import SampleBlock

__all__ = ["ChannelPlace", "EdfSource", "Recoding"]

BUFFER_BYTES = 1 << 19
"""Fits the second-level cache; larger buffers measured slower, smaller ones cost more calls."""

CHUNK_BYTES = 1 << 16
"""Annotation bytes handed out together: copies of this size come from the heap, without page faults."""

PAD_BYTES = 8
"""Bytes before the records, so that a 24-bit sample can be read as the top of a 32-bit word."""

SECONDS_PER_BYTE = 1e-10
SECONDS_PER_READ = 1.2e-6
"""Measured on files in the page cache: copying a byte, and one call that reads from Python."""

MERGE_BYTES = int(SECONDS_PER_READ / SECONDS_PER_BYTE)
"""Reading over a hole up to this size is cheaper than another call."""

LARGEST_PEEK_SAMPLES = 4096


class ChannelPlace(NamedTuple):
    """Where a channel lies within a data record: first byte and number of samples."""

    first_byte: int
    n_samples: int


class Recoding(NamedTuple):
    """Replacement of stored numbers by codes, for channels whose numbers are names.

    Attributes
    ----------
    channel : int
        Channel of the source.
    stored, codes : tuple of float
        Stored numbers, and what each becomes. Any other number becomes NaN.
    """

    channel: int
    stored: tuple[float, ...]
    codes: tuple[float, ...]


class _Target(NamedTuple):
    """Where one range of one record of a block goes: place after the block's start, buffer, size."""

    place: int
    buffers: list[memoryview]
    n_bytes: int


class _Span(NamedTuple):
    """A byte range of each record, and where it is put in the packed row."""

    first_byte: int
    n_bytes: int
    packed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdfSource:
    """Stored samples of a file; a `hsat.recording.SampleSource` that can be pickled.

    Attributes
    ----------
    path : str
        The file; opened for each pass and closed after it.
    data_start : int
        Byte at which the data records begin.
    record_bytes : int
        Size of a data record.
    record_duration_s : float
        Length of a data record.
    bytes_per_sample : int
        2 (EDF, blocks of int16) or 3 (BDF, blocks of float32, which holds 24 bits exactly).
    places : tuple of ChannelPlace
        One for each channel of the file.
    segments : tuple of Segment
        Records without gaps between them, on the recording's clock.
    unsigned : frozenset of int
        Channels whose samples have no sign (blocks of float32).
    recodings : tuple of Recoding
        Channels whose numbers are replaced (blocks of float32).
    digest : RunningDigest or None
        Follows what is read, where somebody wants the file's digest too.
    """

    path: str
    data_start: int
    record_bytes: int
    record_duration_s: float
    bytes_per_sample: int
    places: tuple[ChannelPlace, ...] = field(repr=False)
    segments: tuple[Segment, ...] = field(repr=False)
    unsigned: frozenset[int] = frozenset()
    recodings: tuple[Recoding, ...] = ()
    digest: RunningDigest | None = field(default=None, repr=False, compare=False)

    def rate_hz(self, index: int) -> float:
        """Samples per second of a channel; 0 where records have no duration."""
        n_samples = self.places[index].n_samples
        return n_samples / self.record_duration_s if self.record_duration_s > 0 else 0.0

    def first_samples(self, index: int) -> list[int]:
        """Place of the first sample of each segment on the channel's own clock.

        Rounding never makes segments overlap.
        """
        rate_hz, n_per_record = self.rate_hz(index), self.places[index].n_samples
        firsts: list[int] = []
        stop = 0
        for segment in self.segments:
            first = max(round(segment.start_s * rate_hz), stop)
            firsts.append(first)
            stop = first + segment.n_records * n_per_record
        return firsts

    def n_samples(self, index: int) -> int:
        """Samples from the recording's start to its end, gaps included."""
        if not self.segments:
            return 0
        return self.first_samples(index)[-1] + self.segments[-1].n_records * self.places[index].n_samples

    def blocks(self, indices: Sequence[int]) -> Iterator[SampleBlock]:
        """Yield the samples of the named channels in order of time, in one pass.

        Parameters
        ----------
        indices : sequence of int
            Channels of the file.

        Yields
        ------
        SampleBlock
            A view into a buffer that the next block reuses.

        Raises
        ------
        ReadError
            Where the file cannot be read any more, or has become shorter.
        """
        wanted = [(position, index) for position, index in enumerate(indices) if self.places[index].n_samples]
        if not wanted or not self.segments:
            return
        spans = self._spans([index for _, index in wanted])
        row_bytes = sum(span.n_bytes for span in spans)
        with self._opened() as file:
            if row_bytes > BUFFER_BYTES:
                yield from self._huge_record_blocks(file, wanted)
            else:
                yield from self._row_blocks(file, wanted, spans, row_bytes)

    def peek(self, index: int, *, n_records: int = 64) -> NDArray[np.float64]:
        """Stored samples of a few records spread over the file, shape (n,), float64."""
        place = self.places[index]
        stored = [r for s in self.segments for r in _spread(s.first_record, s.n_records, n_records)]
        chosen = [stored[i] for i in _spread(0, len(stored), n_records)]
        n_samples = min(place.n_samples, LARGEST_PEEK_SAMPLES)
        width = n_samples * self.bytes_per_sample
        buffer = bytearray(PAD_BYTES + width * len(chosen))
        view = memoryview(buffer)
        with self._opened() as file:
            for row, record in enumerate(chosen):
                offset = self.data_start + record * self.record_bytes + place.first_byte
                at = PAD_BYTES + row * width
                self._read(file, offset, view[at : at + width])
        samples = _samples(
            buffer,
            PAD_BYTES,
            len(chosen),
            n_samples,
            row_bytes=width,
            bytes_per_sample=self.bytes_per_sample,
        )
        meant = _without_sign(samples) if index in self.unsigned else samples
        return meant.reshape(-1).astype(np.float64)

    def _meant(
        self, stored: NDArray[np.int16] | NDArray[np.float32], index: int
    ) -> NDArray[np.int16] | NDArray[np.float32]:
        """Samples of a channel as they are meant: without a sign, or as codes, where that is known."""
        if index in self.unsigned:
            stored = _without_sign(stored)
        for recoding in self.recodings:
            if recoding.channel == index:
                stored = _recode(stored, recoding)
        return stored

    def channel_bytes(self, index: int, n_records: int) -> Iterator[NDArray[np.uint8]]:
        """Raw bytes of a channel in the first records, chunk by chunk, each (n, n_bytes) and a copy.

        Annotation channels are read this way, before the segments are known.
        """
        place = self.places[index]
        width = place.n_samples * self.bytes_per_sample
        if width == 0 or n_records == 0:
            return
        with self._opened() as file:
            if self.record_bytes > MERGE_BYTES + width:
                yield from self._sparse_columns(file, place.first_byte, width, n_records)
            else:
                yield from self._dense_columns(file, place.first_byte, width, n_records)

    @contextmanager
    def _opened(self) -> Iterator[FileIO]:
        """The file, closed afterwards; what the system says of it becomes a `ReadError`."""
        try:
            with FileIO(self.path) as file:
                yield file
        except ReadError:
            raise
        except OSError as error:
            raise ReadError(f"{self.path}: {error.strerror or error} while reading samples") from error

    def _sparse_columns(
        self, file: FileIO, first_byte: int, width: int, n_records: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Read one byte range of each record alone."""
        per_block = max(1, BUFFER_BYTES // width)
        for first in range(0, n_records, per_block):
            rows = np.empty((min(per_block, n_records - first), width), dtype=np.uint8)
            view = memoryview(rows.data).cast("B")
            for row in range(len(rows)):
                offset = self.data_start + (first + row) * self.record_bytes + first_byte
                self._read(file, offset, view[row * width : (row + 1) * width])
            yield rows

    def _dense_columns(
        self, file: FileIO, first_byte: int, width: int, n_records: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Read whole records in blocks and copy one byte range of each."""
        per_block = min(max(1, BUFFER_BYTES // self.record_bytes), n_records)
        per_chunk = max(1, CHUNK_BYTES // width)
        buffer = bytearray(per_block * self.record_bytes)
        records = np.frombuffer(buffer, dtype=np.uint8).reshape(per_block, self.record_bytes)
        view = memoryview(buffer)
        for first in range(0, n_records, per_block):
            count = min(per_block, n_records - first)
            self._read(file, self.data_start + first * self.record_bytes, view[: count * self.record_bytes])
            for start in range(0, count, per_chunk):
                chunk = records[start : min(start + per_chunk, count), first_byte : first_byte + width]
                yield np.ascontiguousarray(chunk)

    def _spans(self, indices: Sequence[int]) -> list[_Span]:
        """Byte ranges to read of each record: the whole, or only what is wanted, whichever is cheaper."""
        ranges: list[list[int]] = []
        for place in sorted(self.places[index] for index in set(indices)):
            stop = place.first_byte + place.n_samples * self.bytes_per_sample
            if ranges and place.first_byte - ranges[-1][1] <= MERGE_BYTES:
                ranges[-1][1] = stop
            else:
                ranges.append([place.first_byte, stop])
        n_bytes = sum(stop - start for start, stop in ranges)
        if (self.record_bytes - n_bytes) * SECONDS_PER_BYTE <= len(ranges) * SECONDS_PER_READ:
            return [_Span(0, self.record_bytes, 0)]
        spans: list[_Span] = []
        packed_at = 0
        for start, stop in ranges:
            spans.append(_Span(start, stop - start, packed_at))
            packed_at += stop - start
        return spans

    def _row_blocks(
        self, file: FileIO, wanted: Sequence[tuple[int, int]], spans: Sequence[_Span], row_bytes: int
    ) -> Iterator[SampleBlock]:
        """Blocks of several records; rows hold whole records or the packed ranges of them."""
        longest = max(segment.n_records for segment in self.segments)
        per_block = min(max(1, BUFFER_BYTES // row_bytes), longest)
        buffer = bytearray(PAD_BYTES + per_block * row_bytes)
        rows = memoryview(buffer)[PAD_BYTES:]
        is_whole = row_bytes == self.record_bytes
        targets = [] if is_whole else self._targets(rows, spans, per_block, row_bytes)
        firsts = {index: self.first_samples(index) for _, index in wanted}
        offsets = {index: _packed_offset(self.places[index].first_byte, spans) for _, index in wanted}
        is_plain = not (self.unsigned or self.recodings)
        width = self.bytes_per_sample
        views = {
            index: _int16_view(
                buffer, PAD_BYTES + offsets[index], per_block, self.places[index].n_samples, row_bytes
            )
            for _, index in wanted
            if width == 2
        }
        for number, segment in enumerate(self.segments):
            for done in range(0, segment.n_records, per_block):
                count = min(per_block, segment.n_records - done)
                offset = self.data_start + (segment.first_record + done) * self.record_bytes
                if is_whole:
                    self._read(file, offset, rows[: count * row_bytes])
                else:
                    self._read_packed(file, offset, targets, count * len(spans))
                for position, index in wanted:
                    n_samples = self.places[index].n_samples
                    stored: NDArray[np.int16] | NDArray[np.float32] = (
                        views[index][:count]
                        if width == 2
                        else _float32_of_24_bit(
                            buffer, PAD_BYTES + offsets[index], count, n_samples, row_bytes
                        )
                    )
                    meant = stored if is_plain else self._meant(stored, index)
                    yield SampleBlock(position, firsts[index][number] + done * n_samples, meant)

    def _huge_record_blocks(self, file: FileIO, wanted: Sequence[tuple[int, int]]) -> Iterator[SampleBlock]:
        """Blocks of pieces of a record, for records that exceed the buffer."""
        width = self.bytes_per_sample
        per_block = BUFFER_BYTES // width
        buffer = bytearray(PAD_BYTES + per_block * width)
        view = memoryview(buffer)
        firsts = {index: self.first_samples(index) for _, index in wanted}
        for number, segment in enumerate(self.segments):
            for done in range(segment.n_records):
                for position, index in wanted:
                    place = self.places[index]
                    offset = (
                        self.data_start + (segment.first_record + done) * self.record_bytes + place.first_byte
                    )
                    for at in range(0, place.n_samples, per_block):
                        count = min(per_block, place.n_samples - at)
                        self._read(file, offset + at * width, view[PAD_BYTES : PAD_BYTES + count * width])
                        stored = _samples(
                            buffer, PAD_BYTES, 1, count, row_bytes=count * width, bytes_per_sample=width
                        )
                        first_sample = firsts[index][number] + done * place.n_samples + at
                        yield SampleBlock(position, first_sample, self._meant(stored, index))

    def _targets(
        self, rows: memoryview, spans: Sequence[_Span], per_block: int, row_bytes: int
    ) -> list[_Target]:
        targets: list[_Target] = []
        for row in range(per_block):
            for span in spans:
                at = row * row_bytes + span.packed_at
                buffers = [rows[at : at + span.n_bytes]]
                targets.append(_Target(row * self.record_bytes + span.first_byte, buffers, span.n_bytes))
        return targets

    def _read_packed(self, file: FileIO, offset: int, targets: Sequence[_Target], count: int) -> None:
        """Read the ranges of some records, one call each; targets are those of a full block."""
        if not hasattr(os, "preadv"):  # Windows
            for target in targets[:count]:
                self._read(file, offset + target.place, target.buffers[0])
            return
        descriptor, preadv = file.fileno(), os.preadv
        for place, buffers, n_bytes in targets[:count]:
            if preadv(descriptor, buffers, offset + place) != n_bytes:
                self._read(file, offset + place, buffers[0])

    def _read(self, file: FileIO, offset: int, target: memoryview) -> None:
        """Fill the target from the file, or say that the file has become shorter."""
        file.seek(offset)
        n_read = file.readinto(target) or 0
        while n_read < len(target):
            more = file.readinto(target[n_read:])
            if not more:
                raise ReadError(
                    f"{self.path}: the file ends at byte {offset + n_read}; it has become shorter"
                )
            n_read += more
        if self.digest is not None:
            self.digest.follow(offset, target)


def _spread(first: int, n_available: int, n_wanted: int) -> list[int]:
    """At most ``n_wanted`` whole numbers spread evenly from ``first`` on."""
    if n_available <= n_wanted:
        return list(range(first, first + n_available))
    return [first + i * (n_available - 1) // (n_wanted - 1) for i in range(n_wanted)]


def _packed_offset(first_byte: int, spans: Sequence[_Span]) -> int:
    for span in reversed(spans):
        if span.first_byte <= first_byte:
            return span.packed_at + first_byte - span.first_byte
    return first_byte


def _int16_view(
    buffer: bytearray, offset: int, n_rows: int, n_samples: int, row_bytes: int
) -> NDArray[np.int16]:
    return np.ndarray((n_rows, n_samples), dtype="<i2", buffer=buffer, offset=offset, strides=(row_bytes, 2))


def _float32_of_24_bit(
    buffer: bytearray, offset: int, n_rows: int, n_samples: int, row_bytes: int
) -> NDArray[np.float32]:
    """24-bit little-endian numbers: the upper three bytes of 32-bit words, shifted down with sign."""
    words = np.ndarray(
        (n_rows, n_samples), dtype="<i4", buffer=buffer, offset=offset - 1, strides=(row_bytes, 3)
    )
    return (words >> 8).astype(np.float32)


def _samples(
    buffer: bytearray, offset: int, n_rows: int, n_samples: int, *, row_bytes: int, bytes_per_sample: int
) -> NDArray[np.int16] | NDArray[np.float32]:
    if bytes_per_sample == 2:
        return _int16_view(buffer, offset, n_rows, n_samples, row_bytes)
    return _float32_of_24_bit(buffer, offset, n_rows, n_samples, row_bytes)


def _without_sign(stored: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Numbers whose highest bit was read as a sign; float32 holds 16 and 24 bits exactly."""
    full = np.float32(1 << 16 if stored.dtype == np.int16 else 1 << 24)
    numbers = stored.astype(np.float32)
    meant: NDArray[np.float32] = np.where(numbers < 0, numbers + full, numbers)
    return meant


def _recode(stored: NDArray[np.int16] | NDArray[np.float32], recoding: Recoding) -> NDArray[np.float32]:
    codes = np.full(stored.shape, np.nan, dtype=np.float32)
    for number, code in zip(recoding.stored, recoding.codes, strict=True):
        codes[stored == number] = code
    return codes
