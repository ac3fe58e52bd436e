"""Damaged recordings: good EDF, EDF+C, EDF+D and BDF+ files, and seeded ways to spoil them.

The layout of the good files is read here by the specification alone, not by the reader under test.
Case ``n`` of a seed is always the same file.
"""

import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hsat.simulate import make_night, write_edf

FIXED_FIELDS = (
    ("version", 0, 8),
    ("patient", 8, 80),
    ("recording", 88, 80),
    ("date", 168, 8),
    ("time", 176, 8),
    ("header_bytes", 184, 8),
    ("reserved", 192, 44),
    ("n_records", 236, 8),
    ("duration", 244, 8),
    ("n_channels", 252, 4),
)
"""Name, first byte and bytes of the fixed fields."""

CHANNEL_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Bytes of a channel's fields: label, transducer, unit, four limits, prefilter, samples, reserved."""

SAMPLES_FIELD = 8
NASTY_VALUES = tuple(
    b"|0|-0|1|-1|2|3|9|10|255|256|257|512|513|1e3|1e9|1e-9|1e-320|1e308|-1e308|inf|-inf|nan|+5|1.|.5|00|0x1"
    b"|1,5|1_0|99999999|-9999999|2147483|4294967296|32767|32768|65535|8388607|-8388608|61440|61441|86400"
    b"|0.00001|1/3|None|\0\0\0\0|\xff\xff\xff\xff|\xc2\xb5V|EDF+C|EDF+D|BDF+D|EDF|24BIT|EDF Annotations"
    b"|BDF Annotations|Crc16|Status|SpO2|Flow|Thorax|Abdomen|Pulse|Position|00.00.00|31.02.26|29.02.00"
    b"|24.00.00|23:59:59|99.99.99|Startdate 31-DEC-9999 X X X|X X X X|\x1b[2J|=1+1|\xe2\x80\xae".split(b"|")
)
NASTY_LISTS = tuple(
    b"+0\x14\x14\0|+1e9\x14\x14\0|-5\x14\x14\0|+99999999999999999999\x14\x14\0|+0\x15-1\x14a\x14\0|+nan\x14x\x14\0"
    b"|+\x14\x14\0|\x14\x14\x14\x14|+0\x14|+1\x15\x15\x14b\x14\0|+604799\x14\x14\0|+3\x14\xff\xfe\x14\0|+0.5\x14\x14"
    b"|\0\0\0\0|+1_0\x14c\x14\0|+1,5\x14\x14\0|++1\x14\x14\0|+86400.5\x14\x14\0|+2\x14a\x14b\x14c\x14\0".split(
        b"|"
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things lie in a good file."""

    n_channels: int
    n_samples: tuple[int, ...]
    is_annotation: tuple[bool, ...]
    bytes_per_sample: int

    @property
    def header_bytes(self) -> int:
        """Where the data begin."""
        return 256 * (1 + self.n_channels)

    @property
    def record_bytes(self) -> int:
        """Size of a data record."""
        return sum(self.n_samples) * self.bytes_per_sample

    def field(self, column: int, channel: int) -> slice:
        """Place of a channel's field in the header."""
        first = 256 + sum(CHANNEL_WIDTHS[:column]) * self.n_channels + channel * CHANNEL_WIDTHS[column]
        return slice(first, first + CHANNEL_WIDTHS[column])

    def lists(self, n_bytes: int) -> list[slice]:
        """Places of the annotation lists in a file of so many bytes."""
        places = []
        for start in range(self.header_bytes, n_bytes - self.record_bytes + 1, max(1, self.record_bytes)):
            at = start
            for count, is_annotation in zip(self.n_samples, self.is_annotation, strict=True):
                if is_annotation:
                    places.append(slice(at, at + count * self.bytes_per_sample))
                at += count * self.bytes_per_sample
        return places


def layout_of(raw: bytes) -> Layout:
    """Layout of a good file."""
    n_channels = int(raw[252:256])
    bare = Layout(n_channels=n_channels, n_samples=(), is_annotation=(), bytes_per_sample=2)
    return Layout(
        n_channels=n_channels,
        n_samples=tuple(int(raw[bare.field(SAMPLES_FIELD, i)]) for i in range(n_channels)),
        is_annotation=tuple(b"Annotations" in raw[bare.field(0, i)] for i in range(n_channels)),
        bytes_per_sample=3 if raw[:1] == b"\xff" else 2,
    )


def good_files(odd_folder: Path | None = None, *, minutes: float = 15.0) -> dict[str, bytes]:
    """Good recordings by name: simulated, without annotations, with gaps, of 24 bits, and odd ones.

    Parameters
    ----------
    odd_folder : Path, optional
        Folder of further recordings; those with a layout of their own are used.
    minutes : float
        Length of the simulated night.
    """
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "night.edf"
        write_edf(make_night(seed=77, duration_h=minutes / 60.0, events_per_h=40.0), path)
        night = path.read_bytes()
    files = {"EDF+C": night, "EDF": _plain(night), "EDF+D": _with_gaps(night), "BDF+C": _of_24_bits(night)}
    files["small"] = _with_gaps(_first_records(night, 5))
    for path in sorted(odd_folder.iterdir()) if odd_folder is not None and odd_folder.is_dir() else ():
        raw = path.read_bytes() if path.suffix.lower() in (".edf", ".bdf") else b""
        try:
            is_usable = 1 <= layout_of(raw).n_channels < 100 and len(raw) < 400_000
        except ValueError:
            continue
        if is_usable:
            files[path.name] = raw
    return files


def _set(raw: bytearray, name: str, value: bytes) -> None:
    _, first, width = next(field for field in FIXED_FIELDS if field[0] == name)
    raw[first : first + width] = value[:width].ljust(width)


def _plain(night: bytes) -> bytes:
    """The same without its format mark and annotations' label."""
    raw, layout = bytearray(night), layout_of(night)
    _set(raw, "reserved", b"")
    for i, is_annotation in enumerate(layout.is_annotation):
        if is_annotation:
            raw[layout.field(0, i)] = b"Marker".ljust(16)
    return bytes(raw)


def _with_gaps(night: bytes) -> bytes:
    """The same as EDF+D, with a gap of a minute after a third of the records."""
    raw, layout = bytearray(night), layout_of(night)
    _set(raw, "reserved", b"EDF+D")
    duration_s = float(night[244:252])
    lists = layout.lists(len(raw))
    for i, place in enumerate(lists):
        onset_s = i * duration_s + (60.0 if i > len(lists) // 3 else 0.0)
        stamp = f"+{onset_s:g}\x14\x14\0".encode()
        raw[place] = stamp.ljust(place.stop - place.start, b"\0")
    return bytes(raw)


def _of_24_bits(night: bytes) -> bytes:
    """The same as BDF+C; annotation lists keep their bytes, in more room."""
    layout = layout_of(night)
    raw = bytearray(night[: layout.header_bytes])
    _set(raw, "version", b"\xffBIOSEMI")
    _set(raw, "reserved", b"BDF+C")
    out = io.BytesIO()
    for start in range(layout.header_bytes, len(night), layout.record_bytes):
        at = start
        for count, is_annotation in zip(layout.n_samples, layout.is_annotation, strict=True):
            piece = night[at : at + 2 * count]
            at += 2 * count
            if is_annotation:
                out.write(piece.ljust(3 * count, b"\0"))
            else:
                wide = np.frombuffer(piece, dtype="<i2").astype("<i4").reshape(-1, 1).view(np.uint8)
                out.write(wide[:, :3].tobytes())
    for i, is_annotation in enumerate(layout.is_annotation):
        if is_annotation:
            raw[layout.field(0, i)] = b"BDF Annotations".ljust(16)
    return bytes(raw) + out.getvalue()


def _first_records(raw: bytes, n_records: int) -> bytes:
    layout = layout_of(raw)
    short = bytearray(raw[: layout.header_bytes + n_records * layout.record_bytes])
    _set(short, "n_records", str(n_records).encode())
    return bytes(short)


Mutation = Callable[[bytearray, Layout, np.random.Generator], None]


def _flip(raw: bytearray, first: int, stop: int, n: int, rng: np.random.Generator) -> None:
    stop = min(stop, len(raw))
    if stop > first:
        for place in rng.integers(first, stop, n):
            raw[place] = int(rng.integers(256))


def flip_header(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Random bytes in the header."""
    _flip(raw, 0, layout.header_bytes, int(rng.integers(1, 9)), rng)


def flip_fixed(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Random bytes among the fixed numbers and dates."""
    _flip(raw, 168, 256, int(rng.integers(1, 5)), rng)


def flip_data(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Random bytes anywhere."""
    _flip(raw, layout.header_bytes, len(raw), int(rng.integers(1, 65)), rng)


def cut(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """The end is missing."""
    first = 0 if rng.random() < 0.4 else layout.header_bytes
    del raw[int(rng.integers(min(first, len(raw)), len(raw) + 1)) :]


def insert(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Bytes are inserted, in the header or after it."""
    limit = layout.header_bytes if rng.random() < 0.5 else len(raw)
    place = int(rng.integers(0, min(limit, len(raw)) + 1))
    piece = rng.bytes(int(rng.integers(1, 300))) if rng.random() < 0.5 else b" " * int(rng.integers(1, 300))
    raw[place:place] = piece


def remove(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Bytes are missing, in the header or after it."""
    limit = layout.header_bytes if rng.random() < 0.5 else len(raw)
    place = int(rng.integers(0, min(limit, len(raw)) + 1))
    del raw[place : place + int(rng.integers(1, 300))]


def nasty_field(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """A header field gets a value that nobody expects there."""
    value = NASTY_VALUES[int(rng.integers(len(NASTY_VALUES)))]
    if rng.random() < 0.5:
        _set(raw, FIXED_FIELDS[int(rng.integers(len(FIXED_FIELDS)))][0], value)
        return
    place = layout.field(int(rng.integers(len(CHANNEL_WIDTHS))), int(rng.integers(layout.n_channels)))
    raw[place] = value[: place.stop - place.start].ljust(place.stop - place.start)


def huge_counts(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Numbers that promise far more than the file holds."""
    value = str(10 ** int(rng.integers(3, 9)) - 1).encode()
    kind = int(rng.integers(5))
    if kind < 4:
        _set(raw, ("n_records", "n_channels", "duration", "header_bytes")[kind], value)
    else:
        place = layout.field(SAMPLES_FIELD, int(rng.integers(layout.n_channels)))
        raw[place] = value.ljust(8)


def swap_fields(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Two fields of eight bytes change places."""
    places = [layout.field(c, i) for c in (2, 3, 4, 5, 6, 8) for i in range(layout.n_channels)]
    places += [slice(a, a + w) for _, a, w in FIXED_FIELDS if w == 8]
    a, b = (places[i] for i in rng.choice(len(places), 2, replace=False))
    raw[a], raw[b] = raw[b], raw[a]


def shift_header(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Everything after some place in the header moves by a byte; the size stays."""
    place = int(rng.integers(0, min(layout.header_bytes, len(raw)) + 1))
    raw[place:place] = b" "
    del raw[-1:]


def nasty_lists(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Annotation lists hold onsets that cannot be, or no onset."""
    lists = layout.lists(len(raw))
    for i in rng.integers(0, max(len(lists), 1), int(rng.integers(1, 20))) if lists else ():
        room = lists[i].stop - lists[i].start
        pieces = [NASTY_LISTS[k] for k in rng.integers(0, len(NASTY_LISTS), int(rng.integers(1, 4)))]
        piece = b"".join(pieces) if rng.random() < 0.8 else rng.bytes(room)
        raw[lists[i]] = piece[:room].ljust(room, b"\0")


def move_records(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Data records change places, or some are doubled or lost."""
    size, first = layout.record_bytes, layout.header_bytes
    n_records = (len(raw) - first) // max(size, 1)
    if n_records < 2:
        return
    records = [raw[first + i * size : first + (i + 1) * size] for i in range(n_records)]
    kind = int(rng.integers(3))
    if kind == 0:
        order = rng.permutation(n_records).tolist()
    elif kind == 1:
        order = sorted(rng.integers(0, n_records, n_records).tolist())
    else:
        k = int(rng.integers(n_records))
        order = [*range(k, n_records), *range(k)]
    raw[first:] = b"".join(bytes(records[i]) for i in order)


def text_mode(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """Sent or saved as text."""
    kind = int(rng.integers(5))
    data = bytes(raw)
    if kind == 0:
        raw[:] = data.replace(b"\n", b"\r\n")
    elif kind == 1:
        raw[:] = data.replace(b"\r\n", b"\n")
    elif kind == 2:
        raw[:] = data.decode("latin-1").encode("utf-8")
    elif kind == 3:
        raw[:] = data.decode("utf-8", "replace").encode("utf-8")
    else:
        raw[:] = bytes(byte & 0x7F for byte in data)


def blank(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """A stretch of one value: a card that failed."""
    first = int(rng.integers(0, len(raw) + 1))
    stop = min(len(raw), first + int(rng.integers(1, 1 << 16)))
    raw[first:stop] = bytes([(0, 255, 32, 128)[int(rng.integers(4))]]) * (stop - first)


def append(raw: bytearray, layout: Layout, rng: np.random.Generator) -> None:
    """More at the end: rubbish, or the file once more."""
    raw.extend(bytes(raw) if rng.random() < 0.2 else rng.bytes(int(rng.integers(1, 5000))))


MUTATIONS: tuple[Mutation, ...] = (
    flip_header,
    flip_fixed,
    flip_data,
    cut,
    insert,
    remove,
    nasty_field,
    nasty_field,
    huge_counts,
    swap_fields,
    shift_header,
    nasty_lists,
    move_records,
    text_mode,
    blank,
    append,
)


def mutated(files: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """Case ``number`` of ``seed``: what was done to which file, and the file.

    Parameters
    ----------
    files : dict of str to bytes
        From `good_files`.
    seed, number : int

    Returns
    -------
    tuple of str, bytes
    """
    rng = np.random.default_rng([seed, number])
    name = sorted(files)[int(rng.integers(len(files)))]
    raw, layout = bytearray(files[name]), layout_of(files[name])
    n_steps = 1 + int(rng.geometric(0.6)) // 2
    steps: Sequence[int] = rng.integers(0, len(MUTATIONS), n_steps).tolist()
    for step in steps:
        if raw:
            MUTATIONS[step](raw, layout, rng)
    return f"{name}: {', '.join(MUTATIONS[i].__name__ for i in steps)}", bytes(raw)


def shared_odd_folder() -> Path:
    """Where the odd recordings lie on a machine that has them; need not exist."""
    return Path(__file__).resolve().parents[2] / "shared" / "data" / "odd"
