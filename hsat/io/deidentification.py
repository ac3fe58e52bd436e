"""Copies of EDF and BDF files without what identifies a person; every sample stays byte for byte.

The two identification fields are written anew, the start date is moved or set to 01.01.85 as EDF+ asks
where it is unknown, terms of the header are blanked in annotations and in the other texts of the header.
Nothing changes its length, so that records keep their places; damaged files are copied damaged.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

from hsat.errors import HsatError, ReadError
from hsat.io.blanking import blank_annotations, blank_header_fields
from hsat.io.devices import list_profiles, load_profile
from hsat.io.fields import MONTHS, parse_date, parse_text
from hsat.io.header import EdfHeader, parse_header
from hsat.io.identification import parse_equipment, parse_start_date
from hsat.io.identifiers import Identifiers, collect_identifiers
from hsat.io.layout import FIXED_BYTES, header_bytes_to_read

__all__ = ["Deidentified", "check_code", "deidentify_file"]

UNKNOWN_DATE = b"01.01.85"
"""EDF+ specification, 2.1.3: the start date of a recording whose date is not to be known."""
FIRST_YEAR, LAST_YEAR = 1985, 2084
"""What two digits of a year can say (EDF specification)."""
BLOCK_BYTES = 1 << 22
LONGEST_CODE = 40
NO_TEXT = re.compile(rb"[\x01-\x08\x0b\x0e-\x1f]")
"""Bytes that no text holds, and samples do."""


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
        _refuse_odd_files(Path(name))
        with Path(name).open("rb") as source:
            n_bytes = os.fstat(source.fileno()).st_size
            raw = source.read(FIXED_BYTES)
            raw += source.read(header_bytes_to_read(raw) - FIXED_BYTES)
            header = parse_header(raw, path=name, n_file_bytes=n_bytes)
            raw += source.read(max(header.header_bytes - len(raw), 0))
            days = _start_dates(raw, header)
            found = collect_identifiers(raw[8:88], raw[88:168], days, terms)
            target = _target(name, folder, found)
            day = None if shift_days is None or not days else _shifted(days[0], shift_days)
            changed, changes = _new_header(raw[: header.header_bytes], header, found, day, patient)
            if day is not None:
                changes.append(f"start date moved by {shift_days} days")
            source.seek(header.header_bytes)
            n_annotations = _write(target, changed, _records(source, n_bytes, header, found))
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


def _refuse_odd_files(path: Path) -> None:
    """A pipe would keep the reader waiting for ever; a folder is no file."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        got = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise ReadError(f"{path}: expected an EDF or BDF file, got {got}")


def _start_dates(raw: bytes, header: EdfHeader) -> list[date]:
    """Every day that the header gives as its start, the one that the reader takes first."""
    taken = header.start_local.date() if header.start_local is not None else None
    days = (taken, parse_start_date(parse_text(raw[88:168])), parse_date(raw[168:176]))
    return list(dict.fromkeys(day for day in days if day is not None))


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
    raw: bytes, header: EdfHeader, found: Identifiers, day: date | None, patient: str | None
) -> tuple[bytes, list[str]]:
    """The header's bytes with new fields, and what was changed."""
    out = bytearray(raw)
    changes = ["patient field"]
    out[8:88] = f"{patient or 'X'} X X X".encode("ascii").ljust(80)
    written = "X" if day is None else f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year}"
    equipment = _equipment(parse_text(raw[88:168]))
    out[88:168] = f"Startdate {written} X X {equipment}".encode("ascii", errors="replace")[:80].ljust(80)
    changes.append("recording field" + ("" if equipment == "X" else " (the kind of recorder kept)"))
    if day is None:
        out[168:176] = UNKNOWN_DATE
        changes.append("start date set to 01.01.85")
    else:
        out[168:176] = f"{day.day:02d}.{day.month:02d}.{day.year % 100:02d}".encode("ascii")
    n_fields = blank_header_fields(out, header, found)
    if n_fields:
        changes.append(f"{n_fields} more header fields blanked in part")
    return bytes(out), changes


def _shifted(day: date, n_days: int) -> date:
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


def _records(
    source: BinaryIO, n_bytes: int, header: EdfHeader, found: Identifiers
) -> Iterator[tuple[bytes, int]]:
    """The data, some records at a time, and the number of annotations blanked in them.

    What stands behind the records that the reader uses may be records, or anything: terms are blanked
    there too, short ones where it is a text.
    """
    spans = [(c.first_byte, c.first_byte + c.n_bytes) for c in header.channels if c.is_annotation]
    n_data = max(n_bytes - header.header_bytes, 0)
    n_held = n_data // header.record_bytes
    # None, or 0 with data behind: the reader takes all that is there.
    n_used = min(header.n_records_declared or n_held, n_held)
    n_left = n_used * header.record_bytes
    per_block = min(max(1, BLOCK_BYTES // header.record_bytes) * header.record_bytes, max(n_data, 1))
    while block := source.read(per_block):
        out = bytearray(block)
        rest = block[n_left:]
        if rest:
            out[n_left:] = found.blank(rest, is_text=NO_TEXT.search(rest) is None)
        n_blanked = 0
        for record in range(0, len(block), header.record_bytes) if spans else ():
            for start, stop in spans:
                place = slice(record + start, min(record + stop, len(block)))
                lists = bytes(out[place])
                if record >= n_left and lists[:1] not in (b"+", b"-"):
                    continue  # behind the records, and no list either
                out[place], n_texts = blank_annotations(lists, found)
                n_blanked += n_texts
        n_left = max(n_left - len(block), 0)
        yield bytes(out), n_blanked


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
