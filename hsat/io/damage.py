"""Files whose samples a text program has destroyed: recognised and refused.

An editor, a mail gateway or an FTP client in text mode that takes a recording for text re-encodes
it (every byte from 0x80 on becomes two or three, or a question mark, or loses its highest bit),
changes its line ends, or drops or replaces zero bytes. The header survives, the samples become
rubbish that still looks like numbers. Most of this changes the size of the file; some does not.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.errors import ReadError
from hsat.io.header import EdfHeader

__all__ = ["refuse_text_damage"]

SAMPLED_BYTES = 1 << 16
CHUNK_BYTES = 1 << 20
MOST_CHUNKS = 32
"""Enough of any night, and no more time where a file is huge."""
SMALLEST_HIGH_FRACTION = 0.02
"""Half the bytes of an intact waveform are 0x80 or more; a file with hardly any cannot be judged."""

FEWEST_BYTES = 1024
FEWEST_LINE_ENDS = 64
FEWEST_DISTINCT = 16
"""Different bytes that a waveform has at least; a flat line or a few codes could be text by chance."""


class _TextByte(NamedTuple):
    """A byte that programs drop from text or replace in it, and by what."""

    value: int
    replacement: int
    name: str


TEXT_BYTES = (
    _TextByte(0x00, 0x20, "zero bytes"),
    _TextByte(0x0A, 0x0D, "line feeds"),
    _TextByte(0x0D, 0x0A, "carriage returns"),
)
FEWEST_NEIGHBOURS = 32
NEIGHBOURS_OF_REPLACED, NEIGHBOURS_OF_DROPPED = 16, 64
"""A byte value that never occurs, although each of so many on either side occurs 32 times and more, is
absent against all chance: a waveform spreads smoothly over the numbers near one another. A converter may
skip single codes; so the replacement has to be too frequent, or the size wrong and the surroundings wide."""
LEAST_EXCESS = 1.5
"""A byte that stands for two kinds is twice as frequent as the bytes next to it."""

FEWEST_PAIRS = 80
LARGEST_SHARE_OF_PAIRS = 0.02
"""By chance 0D 0A is as frequent as each of four pairs that differ from it by 1, a quarter of them
together. Of 80 pairs 20 are expected, and at most one has a chance of 5e-8 (Poisson)."""

TEXT_MODE = "the file was sent or saved as text"


def refuse_text_damage(file: BinaryIO, header: EdfHeader, *, path: str, n_file_bytes: int) -> None:
    """Raise `ReadError` where the data records were changed as if they were text.

    Judged by the first 64 KiB of data; line ends that were shortened, by 32 MiB, where the file's size
    is not the one that its header declares.
    """
    if not any(c.is_signal for c in header.channels):
        return
    file.seek(header.header_bytes)
    data = file.read(SAMPLED_BYTES)
    if len(data) < FEWEST_BYTES:
        return
    n_data_bytes = n_file_bytes - header.header_bytes
    is_declared = n_data_bytes == (header.n_records_declared or 0) * header.record_bytes
    if _is_utf8(data) and _looks_re_encoded(data, header, is_declared=is_declared):
        raise _destroyed(path, "a text editor re-encoded the file as UTF-8")
    if not is_declared and data.count(b"\r\n") == data.count(b"\n") >= FEWEST_LINE_ENDS:
        raise _destroyed(path, "the file was sent as text and every line end changed")
    signals = _signal_bytes(data, header)
    if _has_lost_high_bits(signals, header.bytes_per_sample):
        raise _destroyed(path, f"{TEXT_MODE} of 7 bits and no byte beyond is left")
    for byte in _taken_out(signals, header.bytes_per_sample, is_declared=is_declared):
        raise _destroyed(path, f"{TEXT_MODE} and all {byte.name} were dropped or replaced")
    if not is_declared and _has_shortened_line_ends(file, header):
        raise _destroyed(path, f"{TEXT_MODE} and line ends of two bytes became one")


def _destroyed(path: str, why: str) -> ReadError:
    return ReadError(f"{path}: the samples are destroyed: {why}; get the original file")


def _signal_bytes(data: bytes, header: EdfHeader) -> NDArray[np.uint8]:
    """Bytes where the header puts signals; annotations hold text rightly."""
    record = np.frombuffer(data, dtype=np.uint8)
    if not any(channel.is_annotation for channel in header.channels):
        return record
    width = min(header.record_bytes, len(record))
    is_signal = np.ones(width, dtype=bool)
    for channel in header.channels:
        if channel.is_annotation:
            is_signal[channel.first_byte : channel.first_byte + channel.n_bytes] = False
    n_whole = len(record) // width * width
    return record[:n_whole].reshape(-1, width)[:, is_signal].reshape(-1)


def _looks_re_encoded(data: bytes, header: EdfHeader, *, is_declared: bool) -> bool:
    """Whether enough bytes that form valid UTF-8 are no ASCII, and differ, to be no chance."""
    signals = _signal_bytes(data, header)
    high = signals[signals >= 0x80]
    if len(high) < SMALLEST_HIGH_FRACTION * max(len(signals), 1):
        return False
    return not is_declared or len(np.unique(high)) >= FEWEST_DISTINCT


def _is_utf8(data: bytes) -> bool:
    """Whether bytes that are no text by nature form valid UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.start >= len(data) - 3
    return True


def _has_lost_high_bits(signals: NDArray[np.uint8], bytes_per_sample: int) -> bool:
    """Whether no byte has its highest bit, although samples run over more than a byte and never rest.

    The lowest byte of such samples takes every value; none from 0x80 on is no chance.
    """
    if len(signals) < FEWEST_BYTES or signals.max() >= 0x80:
        return False
    lowest, next_higher = signals[0::bytes_per_sample], signals[1::bytes_per_sample]
    is_large = int(np.count_nonzero(next_higher)) >= FEWEST_BYTES // 2
    is_varied = len(np.unique(lowest)) >= 2 * FEWEST_DISTINCT
    return is_large and is_varied and len(np.unique(next_higher)) >= FEWEST_DISTINCT // 2


def _taken_out(
    signals: NDArray[np.uint8], bytes_per_sample: int, *, is_declared: bool
) -> Iterator[_TextByte]:
    """Those of the bytes that text programs change of which there is not one, against all chance."""
    lowest = np.bincount(signals[0::bytes_per_sample], minlength=256)
    for byte in TEXT_BYTES:
        if lowest[byte.value] == 0 and _is_replaced(lowest, byte):
            yield byte
    if is_declared:
        return
    counts = np.bincount(signals, minlength=256)  # bytes that were dropped move those behind them
    for byte in TEXT_BYTES:
        if counts[byte.value] == 0 and _is_amid(counts, byte, NEIGHBOURS_OF_DROPPED):
            yield byte


def _is_amid(counts: NDArray[np.intp], byte: _TextByte, n_neighbours: int) -> bool:
    """Whether all byte values around one are frequent."""
    around = np.concatenate((np.arange(-n_neighbours, 0), np.arange(1, n_neighbours + 1)))
    return bool(counts[(byte.value + around) % 256].min() >= FEWEST_NEIGHBOURS)


def _is_replaced(counts: NDArray[np.intp], byte: _TextByte) -> bool:
    """Whether an absent byte's replacement is too frequent for its place."""
    if not _is_amid(counts, byte, NEIGHBOURS_OF_REPLACED):
        return False
    beside = [value for step in (-2, -1, 1, 2) if (value := byte.replacement + step) != byte.value]
    return bool(counts[byte.replacement] >= LEAST_EXCESS * counts[beside].max())


def _has_shortened_line_ends(file: BinaryIO, header: EdfHeader) -> bool:
    """Whether 0D 0A is all but absent from the whole file although pairs next to it are frequent."""
    file.seek(header.header_bytes)
    n_near = n_pairs = 0
    last = b""
    for _ in range(MOST_CHUNKS):
        data = last + file.read(CHUNK_BYTES)
        n_pairs += data.count(b"\r\n")
        n_near += sum(data.count(pair) for pair in (b"\r\x09", b"\r\x0b", b"\x0c\n", b"\x0e\n"))
        last = data[-1:]
    return n_near >= FEWEST_PAIRS and n_pairs <= LARGEST_SHARE_OF_PAIRS * n_near
