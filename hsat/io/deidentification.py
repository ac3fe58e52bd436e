"""Copies of EDF and BDF files without what identifies a person; every sample stays byte for byte.

The two identification fields are written anew, the start date is moved or set to 01.01.85 as EDF+ asks
where it is unknown, terms of the header are blanked in annotations and in the other texts of the header.
Nothing changes its length, so that records keep their places; damaged files are copied damaged.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

from hsat.errors import HsatError, ReadError
from hsat.io.devices import list_profiles, load_profile
from hsat.io.fields import MONTHS, parse_date, parse_text
from hsat.io.header import EdfHeader, parse_header
from hsat.io.identification import parse_equipment, parse_start_date
from hsat.io.identifiers import Identifiers, collect_identifiers
from hsat.io.layout import CHANNEL_WIDTHS, FIXED_BYTES

__all__ = ["Deidentified", "check_code", "deidentify_file"]

UNKNOWN_DATE = b"01.01.85"
"""EDF+ specification, 2.1.3: the start date of a recording whose date is not to be known."""
FIRST_YEAR, LAST_YEAR = 1985, 2084
"""What two digits of a year can say (EDF specification)."""
LARGEST_HEADER_BYTES = FIXED_BYTES * 10_000
BLOCK_BYTES = 1 << 22
END_TEXT, END_TAL = b"\x14", b"\0"
TEXT_FIELDS = ("label", "transducer", "unit", "prefilter", "reserved")
LONGEST_CODE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentified:
    """What was done to one file, without saying what stood there.

    Attributes
    ----------
    path : str
        The copy.
    changes : tuple of str
        What was changed, one sentence part each.
    n_annotations : int
        Annotation texts in which something was blanked.
    """

    path: str
    changes: tuple[str, ...]
    n_annotations: int


def deidentify_file(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    shift_days: int | None = None,
    patient: str | None = None,
    terms: Sequence[str] = (),
) -> Deidentified:
    """Copy an EDF, EDF+, BDF or BDF+ file without what identifies a person.

    Parameters
    ----------
    path : str or path-like
        Stays as it is.
    folder : str or path-like
        Takes the copy, under the file's name, in which terms are blanked too.
    shift_days : int, optional
        Days by which the start date is moved; without it the date becomes 01.01.85. The time of day
        stays.
    patient : str, optional
        Code for the patient field: up to 40 letters, digits and ``._-``.
    terms : sequence of str
        Further texts to blank, such as a name that is not in the header.

    Returns
    -------
    Deidentified

    Raises
    ------
    ReadError
        Where the file cannot be read, or is no EDF or BDF file.
    HsatError
        Where the copy would overwrite a file, cannot be written, or an argument is not allowed.
    """
    name = os.fspath(path)
    check_code(patient)
    try:
        with Path(name).open("rb") as source:
            n_bytes = os.fstat(source.fileno()).st_size
            raw = source.read(FIXED_BYTES)
            raw += source.read(_rest_of_header(raw))
            header = parse_header(raw, path=name, n_file_bytes=n_bytes)
            raw += source.read(max(header.header_bytes - len(raw), 0))
            start = _start_date(raw)
            found = collect_identifiers(raw[8:88], raw[88:168], start, terms)
            target = _target(name, folder, found)
            changed, changes = _new_header(raw[: header.header_bytes], header, found, shift_days, patient)
            source.seek(header.header_bytes)
            n_annotations = _write(target, changed, _records(source, header, found))
    except HsatError:
        raise
    except OSError as error:
        raise ReadError(f"{name}: {error.strerror or type(error).__name__}") from error
    except ValueError as error:  # a NUL in the name
        raise ReadError(f"{name!r}: {error}") from error
    if n_annotations:
        changes.append(f"{n_annotations} annotations blanked in part")
    return Deidentified(path=os.fspath(target), changes=tuple(changes), n_annotations=n_annotations)


def check_code(patient: str | None) -> None:
    """Refuse a patient code that the header's field cannot hold, as a `HsatError`."""
    if patient is None:
        return
    is_allowed = 0 < len(patient) <= LONGEST_CODE and all(
        c.isascii() and (c.isalnum() or c in "._-") for c in patient
    )
    if not is_allowed:
        raise HsatError(
            f"patient: expected 1 to {LONGEST_CODE} letters, digits and '._-', got {len(patient)} characters"
        )


def _rest_of_header(fixed: bytes) -> int:
    digits = fixed[252:256].strip(b" \0")
    n_channels = int(digits) if digits.isdigit() else LARGEST_HEADER_BYTES // FIXED_BYTES
    return min(n_channels * FIXED_BYTES, LARGEST_HEADER_BYTES)


def _start_date(raw: bytes) -> date | None:
    """The day the recording started, by the EDF+ field (whole year) or the date field."""
    return parse_start_date(parse_text(raw[88:168])) or parse_date(raw[168:176])


def _target(name: str, folder: str | os.PathLike[str], found: Identifiers) -> Path:
    """Where the copy goes: a file that is not there yet."""
    stem, ending = os.path.splitext(Path(name).name)  # noqa: PTH122 - bytes of names are kept
    plain = found.blank(os.fsencode(stem))
    target = Path(folder) / (os.fsdecode(plain) + ending)
    n = 1
    while target.exists():
        if plain == os.fsencode(stem):
            raise HsatError(f"{target}: exists; copies never overwrite a file")
        n += 1
        target = Path(folder) / f"{os.fsdecode(plain)}-{n}{ending}"
    return target


def _new_header(
    raw: bytes, header: EdfHeader, found: Identifiers, shift_days: int | None, patient: str | None
) -> tuple[bytes, list[str]]:
    """The header's bytes with new fields, and what was changed."""
    out = bytearray(raw)
    changes = ["patient field"]
    out[8:88] = f"{patient or 'X'} X X X".encode("ascii").ljust(80)
    old = _start_date(raw)
    day = None if shift_days is None else _shifted(old, shift_days)
    written = "X" if day is None else f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year}"
    equipment = _equipment(parse_text(raw[88:168]))
    out[88:168] = f"Startdate {written} X X {equipment}".encode("ascii", errors="replace")[:80].ljust(80)
    changes.append("recording field" + ("" if equipment == "X" else " (the kind of recorder kept)"))
    if day is None:
        out[168:176] = UNKNOWN_DATE
        changes.append("start date set to 01.01.85")
    else:
        out[168:176] = f"{day.day:02d}.{day.month:02d}.{day.year % 100:02d}".encode("ascii")
        changes.append(f"start date moved by {shift_days} days")
    n_fields = _blank_fields(out, header, found)
    if n_fields:
        changes.append(f"{n_fields} more header fields blanked in part")
    return bytes(out), changes


def _shifted(day: date | None, n_days: int) -> date | None:
    if day is None:
        return None
    try:
        moved = day + timedelta(days=n_days)
    except OverflowError:
        moved = date.max
    if not FIRST_YEAR <= moved.year <= LAST_YEAR:
        raise HsatError(
            f"shift_days: expected a start between {FIRST_YEAR} and {LAST_YEAR}, got {n_days} days too many"
        )
    return moved


def _equipment(recording_text: str) -> str:
    """What tells the kind of recorder, by the profiles' own words, and nothing else of the field."""
    masked = parse_equipment(recording_text)
    for name in list_profiles():
        for text in load_profile(name).equipment:
            if text in masked:
                return text
    return "X"


def _blank_fields(out: bytearray, header: EdfHeader, found: Identifiers) -> int:
    """Terms out of the other texts of the header; returns how many fields held one."""
    n_channels = len(header.channels)
    spans = [(197, 236)]  # the reserved field after its mark "EDF+C"
    at = FIXED_BYTES
    for name, width in CHANNEL_WIDTHS.items():
        if name in TEXT_FIELDS:
            spans += [(at + i * width, at + (i + 1) * width) for i in range(n_channels)]
        at += width * n_channels
    spans.append((at, len(out)))
    n_fields = 0
    for start, stop in spans:
        field = bytes(out[start:stop])
        blanked = found.blank(field)
        if blanked != field:
            out[start:stop] = blanked
            n_fields += 1
    return n_fields


def _records(source: BinaryIO, header: EdfHeader, found: Identifiers) -> Iterator[tuple[bytes, int]]:
    """The data, some records at a time, and the number of annotations blanked in them.

    What stands behind the records that the header declares may be records, or anything: long terms
    are blanked there too.
    """
    n_declared = header.n_records_declared
    n_left = None if n_declared is None else n_declared * header.record_bytes
    spans = [(c.first_byte, c.first_byte + c.n_bytes) for c in header.channels if c.is_annotation]
    per_block = max(1, BLOCK_BYTES // header.record_bytes) * header.record_bytes
    while block := source.read(per_block):
        out = bytearray(block)
        if n_left is not None:
            out[n_left:] = found.blank(block[n_left:], is_text=False)
            n_left = max(n_left - len(block), 0)
        n_blanked = 0
        for record in range(0, len(block), header.record_bytes):
            for start, stop in spans:
                place = slice(record + start, min(record + stop, len(block)))
                lists = bytes(out[place])
                if lists.count(END_TEXT) <= 2:  # the time of the record and nothing else
                    continue
                blanked, n_texts = _blank_lists(lists, found)
                out[place] = blanked
                n_blanked += n_texts
        yield bytes(out), n_blanked


def _blank_lists(lists: bytes, found: Identifiers) -> tuple[bytes, int]:
    """Texts of annotation lists blanked; times stay. Also how many texts were touched."""
    n_blanked = 0
    out: list[bytes] = []
    for tal in lists.split(END_TAL):
        stamp, *texts = tal.split(END_TEXT)
        blanked = [found.blank(text) for text in texts]
        n_blanked += sum(a != b for a, b in zip(blanked, texts, strict=True))
        out.append(END_TEXT.join([stamp, *blanked]))
    return END_TAL.join(out), n_blanked


def _write(target: Path, header: bytes, records: Iterator[tuple[bytes, int]]) -> int:
    """Write the copy under a name that must be free; half a copy is taken away again."""
    n_annotations = 0
    try:
        copy = target.open("xb")
    except OSError as error:
        raise HsatError(f"{target}: cannot be written: {error.strerror}") from error
    try:
        with copy:
            copy.write(header)
            for block, n_blanked in records:
                copy.write(block)
                n_annotations += n_blanked
    except OSError as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise HsatError(f"{target}: cannot be written: {error.strerror}") from error
    return n_annotations
