"""Files whose samples a text program has destroyed: recognised and refused.

An editor, a mail gateway or an FTP client in text mode that takes a recording for text re-encodes
it (every byte from 0x80 on becomes two or three) or changes its line ends. The header survives,
the samples become rubbish that still looks like numbers.
"""

from typing import BinaryIO

import numpy as np

from hsat.errors import ReadError
from hsat.io.header import EdfHeader

__all__ = ["refuse_text_damage"]

SAMPLED_BYTES = 1 << 17
SMALLEST_HIGH_FRACTION = 0.02
"""Half the bytes of an intact waveform are 0x80 or more; a file with hardly any cannot be judged."""

FEWEST_BYTES = 1024
FEWEST_LINE_ENDS = 64


def refuse_text_damage(file: BinaryIO, header: EdfHeader, *, path: str, n_file_bytes: int) -> None:
    """Raise `ReadError` where the data records were re-encoded or given other line ends.

    Only files whose size does not agree with the header are looked at: damage of this kind
    always changes the size.
    """
    n_data_bytes = n_file_bytes - header.header_bytes
    if header.n_records_declared is None:
        is_consistent = n_data_bytes % header.record_bytes == 0
    else:
        is_consistent = n_data_bytes == header.n_records_declared * header.record_bytes
    if is_consistent or not any(c.is_signal for c in header.channels):
        return
    file.seek(header.header_bytes)
    data = file.read(SAMPLED_BYTES)
    is_enough = len(data) >= FEWEST_BYTES
    if is_enough and _share_of_high_bytes(data, header) >= SMALLEST_HIGH_FRACTION and _is_utf8(data):
        raise ReadError(
            f"{path}: the samples are destroyed: a text editor re-encoded the file as UTF-8; "
            "get the original file"
        )
    n_line_ends = data.count(b"\n")
    if n_line_ends >= FEWEST_LINE_ENDS and data.count(b"\r\n") == n_line_ends:
        raise ReadError(
            f"{path}: the samples are destroyed: the file was sent as text and every line end changed; "
            "get the original file"
        )


def _share_of_high_bytes(data: bytes, header: EdfHeader) -> float:
    """Share of bytes from 0x80 on, where the header puts signals; annotations may hold UTF-8 rightly."""
    record = np.frombuffer(data, dtype=np.uint8)
    place = np.arange(len(record)) % header.record_bytes
    is_signal = np.ones(len(record), dtype=bool)
    for channel in header.channels:
        if channel.is_annotation:
            is_signal &= (place < channel.first_byte) | (place >= channel.first_byte + channel.n_bytes)
    n_signal = int(np.count_nonzero(is_signal))
    return np.count_nonzero(record[is_signal] >= 0x80) / n_signal if n_signal else 0.0


def _is_utf8(data: bytes) -> bool:
    """Whether bytes that are no text by nature form valid UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.start >= len(data) - 3
    return True
