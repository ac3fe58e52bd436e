"""Where things lie in an EDF or BDF file: its family, channels, data; repaired where the size tells.

A header says several things twice: the number of channels and the size of the header, the number
of records and the size of the file. Where one of the two is damaged the other one mends it.
"""

from itertools import accumulate

from hsat.errors import ReadError
from hsat.io.fields import parse_count, parse_number, quotable
from hsat.recording import Note

__all__ = [
    "BDF_VERSION",
    "CHANNEL_LIMITS",
    "CHANNEL_TEXTS",
    "CHANNEL_WIDTHS",
    "DIGITAL_LIMITS",
    "EDF_STARTS",
    "EDF_VERSION",
    "FIXED_BYTES",
    "LARGEST_HEADER_BYTES",
    "LARGEST_STORED",
    "SAMPLE_BYTES",
    "channel_column",
    "count_channels",
    "data_start",
    "declared_records",
    "family_by_size",
    "file_family",
    "header_bytes_to_read",
    "is_unsigned_range",
]

FIXED_BYTES = 256
"""Size of the fixed part of the header, and of each channel's part."""

LARGEST_HEADER_BYTES = FIXED_BYTES * 10_000

SAMPLE_BYTES = {"EDF": 2, "BDF": 3}
LARGEST_STORED = {"EDF": 32768.0, "BDF": 8388608.0}
"""The largest number, sign aside, that a sample of 16 or 24 bits can hold."""

CHANNEL_WIDTHS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "physical_min": 8,
    "physical_max": 8,
    "digital_min": 8,
    "digital_max": 8,
    "prefilter": 80,
    "n_samples": 8,
    "reserved": 32,
}
"""Fields of the channel part and their bytes, each stored for all channels in a row."""

CHANNEL_STARTS = dict(zip(CHANNEL_WIDTHS, accumulate(CHANNEL_WIDTHS.values(), initial=0), strict=False))
CHANNEL_TEXTS = ("label", "transducer", "unit", "prefilter")
DIGITAL_LIMITS = ("digital_min", "digital_max")
CHANNEL_LIMITS = ("physical_min", "physical_max", *DIGITAL_LIMITS)

EDF_VERSION = b"0"
BDF_VERSION = b"\xffBIOSEMI"
EDF_STARTS = (b"0       ", BDF_VERSION, b"\xc3\xbfBIOSEMI", b"\xef\xbf\xbdBIOSEM")
"""First bytes of EDF and BDF files, those that a text editor has spoilt included."""

PRINTABLE = frozenset(range(0x20, 0x7F))

OTHER_FILES: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!", "a rar archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\xfd7zXZ", "an xz archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it first"),
    (b"version https://git-lfs", "a pointer that stands for a file kept elsewhere (git LFS); get the file"),
    (b"\xef\xbb\xbf", "a text editor saved it with a byte-order mark; get the original file"),
    (b"\xff\xfe", "a text editor saved it with a byte-order mark; get the original file"),
    (b"\xfe\xff", "a text editor saved it with a byte-order mark; get the original file"),
    (b"\xc3\xbfBIOSEMI", "a text editor re-encoded a BDF file as UTF-8: its samples are destroyed"),
    (b"\xef\xbf\xbdBIOSEM", "a text editor re-encoded a BDF file as UTF-8: its samples are destroyed"),
    (b"<?xml", "an XML document"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"%PDF", "a PDF document"),
)
"""How files begin that are taken for recordings, and what to say of them."""


def channel_column(raw: bytes, name: str, n_channels: int) -> list[bytes]:
    """One field of the channel part, for all channels.

    Parameters
    ----------
    raw : bytes
        The file's first bytes.
    name : str
        Field, as in `CHANNEL_WIDTHS`.
    n_channels : int
        Channels of the file.

    Returns
    -------
    list of bytes
    """
    width = CHANNEL_WIDTHS[name]
    first = FIXED_BYTES + CHANNEL_STARTS[name] * n_channels
    return [raw[at : at + width] for at in range(first, first + width * n_channels, width)]


def is_unsigned_range(low: float | None, high: float | None, family: str) -> bool:
    """Whether digital limits are those of numbers without a sign: none below 0, more than a sign leaves."""
    largest = LARGEST_STORED[family]
    return low is not None and high is not None and 0.0 <= low < largest < high < 2.0 * largest


def header_bytes_to_read(fixed: bytes) -> int:
    """Bytes that may belong to the header, whatever of the two sizes is right; bounded."""
    n_channels, declared = parse_count(fixed[252:256]), parse_count(fixed[184:192])
    by_count = FIXED_BYTES * (1 + n_channels) if n_channels is not None else LARGEST_HEADER_BYTES
    wanted = max(by_count, declared or 0, FIXED_BYTES)
    return min(wanted, LARGEST_HEADER_BYTES)


def file_family(raw: bytes, path: str, notes: list[Note]) -> str:
    """``"EDF"`` or ``"BDF"`` by the version field.

    Parameters
    ----------
    raw : bytes
        The file's first bytes.
    path : str
        For error messages.
    notes : list of Note
        Repairs are added here.

    Returns
    -------
    str

    Raises
    ------
    ReadError
        Where the bytes are no EDF or BDF header.
    """
    version = raw[:8].strip(b" \0")
    if version not in (EDF_VERSION, BDF_VERSION):
        for start, what in OTHER_FILES:
            if raw.startswith(start):
                raise ReadError(f"{path}: no EDF or BDF file: {what}")
    if len(raw) < FIXED_BYTES:
        raise ReadError(f"{path}: {len(raw)} bytes, too short for an EDF header of {FIXED_BYTES} bytes")
    if raw[:8] == BDF_VERSION:
        return "BDF"
    if version == EDF_VERSION:
        return "EDF"
    n_channels = parse_count(raw[252:256])
    is_header = n_channels is not None and _is_channel_part(raw, n_channels)
    if not (
        is_header and n_channels is not None and parse_count(raw[184:192]) == (1 + n_channels) * FIXED_BYTES
    ):
        raise ReadError(f"{path}: no EDF or BDF file: it does not begin with '0' or 255 and 'BIOSEMI'")
    family = "BDF" if b"BIOSEMI" in raw[:8] or raw[192:195] in (b"BDF", b"24B") else "EDF"
    notes.append(
        Note("version", f"version {quotable(raw[:8])!r} is unknown; the rest fits, read as {family}")
    )
    return family


def count_channels(raw: bytes, *, path: str, n_file_bytes: int, notes: list[Note]) -> int:
    """Number of channels, by its field or by the header's size where that alone makes sense.

    Parameters
    ----------
    raw : bytes
        The file's first bytes.
    path : str
        For error messages.
    n_file_bytes : int
        Size of the file.
    notes : list of Note
        Repairs are added here.

    Returns
    -------
    int

    Raises
    ------
    ReadError
        Where there is none, or the file cannot hold so many.
    """
    n_channels, declared_bytes = parse_count(raw[252:256]), parse_count(raw[184:192])
    n_by_size = None
    if declared_bytes is not None and declared_bytes % FIXED_BYTES == 0:
        n_by_size = declared_bytes // FIXED_BYTES - 1
    got = quotable(raw[252:256])
    is_doubtful = n_channels != n_by_size and not _is_channel_part(raw, n_channels)
    if is_doubtful and n_by_size is not None and _is_channel_part(raw, n_by_size):
        text = f"the header gives {got!r} as number of channels; {n_by_size} by the header's size"
        notes.append(Note("channel_count", text))
        return n_by_size
    if n_channels is None or n_channels < 1:
        raise ReadError(f"{path}: header, number of channels: expected 1 or more, got {got!r}")
    layout_bytes = FIXED_BYTES * (1 + n_channels)
    if layout_bytes > n_file_bytes:
        raise ReadError(
            f"{path}: the header promises {n_channels} channels in {layout_bytes} bytes, "
            f"but the file has {n_file_bytes}"
        )
    return n_channels


def _is_channel_part(raw: bytes, n_channels: int | None) -> bool:
    """Whether the bytes can be those of so many channels: counts and limits all numbers."""
    if (
        n_channels is None
        or not 1 <= n_channels < LARGEST_HEADER_BYTES // FIXED_BYTES
        or len(raw) < FIXED_BYTES * (1 + n_channels)
    ):
        return False
    counts = [parse_count(field) for field in channel_column(raw, "n_samples", n_channels)]
    if any(count is None or count < 0 for count in counts):
        return False
    return all(
        parse_number(field)[0] is not None
        for name in DIGITAL_LIMITS
        for field in channel_column(raw, name, n_channels)
    )


def declared_records(raw: bytes, notes: list[Note]) -> int | None:
    """Number of data records by the header; None, with a note, where it is -1 or unreadable."""
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


def data_start(
    raw: bytes, layout_bytes: int, *, n_file_bytes: int, n_data_bytes: int | None, notes: list[Note]
) -> int:
    """First byte of the data: after the channel fields, unless a longer header is evident.

    Parameters
    ----------
    raw : bytes
        The file's first bytes.
    layout_bytes : int
        Header size by the number of channels.
    n_file_bytes : int
        Size of the file.
    n_data_bytes : int or None
        Size of the declared data records; None where their number is unknown.
    notes : list of Note
        Repairs are added here.

    Returns
    -------
    int
    """
    declared = parse_count(raw[184:192])
    if declared == layout_bytes:
        return layout_bytes
    if declared is not None and layout_bytes < declared <= n_file_bytes:
        # Text between the fields and the declared end is a longer header; samples are no text.
        between = raw[layout_bytes:declared]
        is_text = len(between) == declared - layout_bytes >= FIXED_BYTES and PRINTABLE.issuperset(between)
        if is_text or (n_data_bytes is not None and n_file_bytes - declared == n_data_bytes):
            text = f"header of {declared} bytes where its channels need {layout_bytes}; the rest skipped"
            notes.append(Note("header_size", text))
            return declared
    got = quotable(raw[184:192])
    notes.append(Note("header_size", f"header size {got!r} corrected to {layout_bytes} bytes"))
    return layout_bytes


def family_by_size(
    raw: bytes,
    family: str,
    n_samples: tuple[int, ...],
    *,
    n_data_bytes: int,
    n_declared: int | None,
    notes: list[Note],
) -> str:
    """The family, changed where size and digital limits both are those of the other sample size.

    Parameters
    ----------
    raw : bytes
        The file's first bytes.
    family : str
        By the version field.
    n_samples : tuple of int
        Samples of each channel in a record.
    n_data_bytes : int
        Bytes after the header.
    n_declared : int or None
        Data records by the header.
    notes : list of Note
        The change is noted here.

    Returns
    -------
    str
    """
    other = "BDF" if family == "EDF" else "EDF"
    n_stored = (n_declared or 0) * sum(n_samples)
    is_own_size = n_data_bytes == n_stored * SAMPLE_BYTES[family]
    if is_own_size or n_data_bytes != n_stored * SAMPLE_BYTES[other]:
        return family
    maxima = [parse_number(field)[0] or 0.0 for field in channel_column(raw, "digital_max", len(n_samples))]
    if (max(maxima) > LARGEST_STORED["EDF"]) == (family == "BDF"):
        return family
    n_bytes = SAMPLE_BYTES[other]
    text = f"the version says {family}, size and limits say samples of {n_bytes} bytes; read as {other}"
    notes.append(Note("sample_size", text))
    return other
