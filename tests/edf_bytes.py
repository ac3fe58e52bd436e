"""EDF and BDF files byte by byte, every header field free: written from the specification, for tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(kw_only=True)
class Channel:
    """One channel: header texts as they shall stand in the file, and stored samples (records, n)."""

    label: str | bytes
    stored: np.ndarray
    unit: str = ""
    transducer: str = ""
    prefilter: str = ""
    physical: tuple[str, str] = ("-100", "100")
    digital: tuple[str, str] = ("-32768", "32767")
    n_samples: str | None = None


@dataclass(kw_only=True)
class Header:
    """The fixed fields as they shall stand in the file."""

    version: bytes = b"0"
    patient: str | bytes = "X X X X"
    recording: str = "Startdate 03-MAR-2026 X X X"
    date: str = "03.03.26"
    time: str = "22.30.00"
    header_bytes: str | None = None
    reserved: str = ""
    n_records: str | None = None
    duration: str = "1"
    n_channels: str | None = None
    extra: bytes = field(default=b"")


def annotation_channel(
    texts: Sequence[bytes], *, n_bytes: int = 60, label: str = "EDF Annotations"
) -> Channel:
    """Channel of 16-bit samples whose bytes are the given annotation lists, one a record."""
    raw = b"".join(text.ljust(n_bytes, b"\0") for text in texts)
    stored = np.frombuffer(raw, dtype="<i2").reshape(len(texts), n_bytes // 2)
    return Channel(label=label, stored=stored, physical=("-1", "1"))


def time_keeping(onsets: Sequence[str]) -> list[bytes]:
    """Time-keeping annotation list of each record."""
    return [f"{onset}\x14\x14\0".encode() for onset in onsets]


def build(header: Header, channels: Sequence[Channel], *, is_bdf: bool = False) -> bytes:
    """The whole file."""
    n = len(channels)
    n_records = len(channels[0].stored) if channels else 0
    fixed = b"".join(
        _pad(value, width)
        for value, width in (
            (header.version, 8),
            (header.patient, 80),
            (header.recording, 80),
            (header.date, 8),
            (header.time, 8),
            (header.header_bytes or str(256 * (n + 1)), 8),
            (header.reserved, 44),
            (str(n_records) if header.n_records is None else header.n_records, 8),
            (header.duration, 8),
            (header.n_channels or str(n), 4),
        )
    )
    columns = [
        ([c.label for c in channels], 16),
        ([c.transducer for c in channels], 80),
        ([c.unit for c in channels], 8),
        ([c.physical[0] for c in channels], 8),
        ([c.physical[1] for c in channels], 8),
        ([c.digital[0] for c in channels], 8),
        ([c.digital[1] for c in channels], 8),
        ([c.prefilter for c in channels], 80),
        ([c.n_samples or str(c.stored.shape[1]) for c in channels], 8),
        (["" for _ in channels], 32),
    ]
    described = b"".join(_pad(value, width) for values, width in columns for value in values)
    data = b"".join(_bytes(c.stored[record], is_bdf) for record in range(n_records) for c in channels)
    return fixed + described + data + header.extra


def _pad(value: str | bytes, width: int) -> bytes:
    raw = value.encode("latin-1") if isinstance(value, str) else value
    return raw[:width].ljust(width)


def _bytes(row: np.ndarray, is_bdf: bool) -> bytes:
    if not is_bdf:
        return row.astype("<i2").tobytes()
    return b"".join(int(v).to_bytes(3, "little", signed=True) for v in row)
