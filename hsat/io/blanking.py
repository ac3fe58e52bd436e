"""Identifiers out of the fields of a header and out of annotation lists, lengths and meanings kept.

A copy must be read as its original is: what the reader takes for a number, a time, a mark of the format or
the name of a sensor stays. Where a field that should hold a number holds none, anything may stand there (a
header whose fields have shifted has pieces of the name in them), and all of it is blanked.
"""

import re
from collections.abc import Callable
from functools import cache

from hsat.io.channels import CANONICAL_CHANNELS, simplify_label
from hsat.io.devices import list_profiles, load_profile
from hsat.io.fields import parse_number, parse_time
from hsat.io.header import EdfHeader
from hsat.io.identifiers import Identifiers
from hsat.io.layout import BDF_VERSION, CHANNEL_WIDTHS, EDF_VERSION, FIXED_BYTES

__all__ = ["blank_annotations", "blank_header_fields"]

VERSION = slice(0, 8)
TIME = slice(176, 184)
NUMBERS = (slice(184, 192), slice(236, 244), slice(244, 252), slice(252, 256))
"""Size of the header, number of records, their duration, number of channels."""
RESERVED = slice(192, 236)
FORMAT_MARK = re.compile(rb"\s*(?:(?:EDF|BDF)\s*)?\+\s*[CD]|\s*24BIT|\s*[EB]DF", re.IGNORECASE)
"""What the reader knows a format by, misspelt too."""
TEXTS = ("transducer", "prefilter", "reserved")
UNITS = frozenset(
    ("%", "bpm", "au", "cmh2o", "l/s", "l/min", "ml/s", "mv", "uv", "\u00b5v", "v", "hpa", "mbar", "pa", "db")
)
"""Units of the channel table, and those that recorders write for the same channels."""
NUMBER_FIELDS = ("physical_min", "physical_max", "digital_min", "digital_max", "n_samples")

END_TEXT, END_TAL, DURATION_MARK = b"\x14", b"\0", b"\x15"
TIME_KEEPING = re.compile(rb"[+-]?\d+(?:[.,]\d+)?\x14\x14\0*")
"""A record's list with its time and nothing else: nearly all lists of a night are such."""
STAMP_NUMBER = re.compile(rb"[+-]?\d+(?:[.,]\d*)?")
WORD = re.compile(r"[^\W_]+")


def blank_header_fields(out: bytearray, header: EdfHeader, found: Identifiers) -> int:
    """Blank terms in all fields but the two of identification and the date.

    Parameters
    ----------
    out : bytearray
        The header; changed in place, its length stays.
    header : EdfHeader
        How the reader understood it.
    found : Identifiers
        Terms to blank.

    Returns
    -------
    int
        Fields in which something was blanked.
    """
    fields: list[tuple[slice, Callable[[bytes], bytes]]] = [
        (
            VERSION,
            lambda raw: raw if raw[:8].strip(b" \0") in (EDF_VERSION, BDF_VERSION) else found.blank(raw),
        ),
        (TIME, lambda raw: raw if parse_time(raw) is not None else _all_blank(raw)),
        (RESERVED, lambda raw: _blank_reserved(raw, found)),
        *((place, _blank_number) for place in NUMBERS),
    ]
    n_channels = len(header.channels)
    at = FIXED_BYTES
    for name, width in CHANNEL_WIDTHS.items():
        places = [slice(at + i * width, at + (i + 1) * width) for i in range(n_channels)]
        if name == "label":
            fields += [
                (place, lambda raw: _blank_names(raw, found, _sensor_words()))
                for place, channel in zip(places, header.channels, strict=True)
                if channel.is_signal
            ]
        elif name == "unit":
            fields += [(place, lambda raw: _blank_unit(raw, found)) for place in places]
        elif name in TEXTS:
            fields += [(place, lambda raw: _blank_names(raw, found, _sensor_words())) for place in places]
        elif name in NUMBER_FIELDS:
            fields += [(place, _blank_number) for place in places]
        at += width * n_channels
    fields.append((slice(at, len(out)), found.blank))
    n_changed = 0
    if out[VERSION].strip(b" \0") not in (EDF_VERSION, BDF_VERSION):
        fields.append((VERSION, found.blank))
    for place, blanked in fields:
        before = bytes(out[place])
        after = blanked(before)
        if place != VERSION and place.stop <= at:
            after = _without_remains(after)
        out[place] = after
        n_changed += after != before
    return n_changed


def _without_remains(raw: bytes) -> bytes:
    """Nothing behind a NUL: no reader shows it, and it may be what stood in the memory before."""
    kept, mark, _ = raw.partition(b"\0")
    return (kept + mark).ljust(len(raw), b"\0") if mark else raw


def _all_blank(raw: bytes) -> bytes:
    return re.sub(rb"[^ \0]", b"X", raw)


def _blank_number(raw: bytes) -> bytes:
    return raw if parse_number(raw)[0] is not None else _all_blank(raw)


def _blank_reserved(raw: bytes, found: Identifiers) -> bytes:
    mark = FORMAT_MARK.match(raw)
    n_kept = mark.end() if mark else 0
    return raw[:n_kept] + found.blank(raw[n_kept:])


def _blank_unit(raw: bytes, found: Identifiers) -> bytes:
    is_unit = raw.strip(b" \0").decode("utf-8", errors="replace").casefold() in UNITS
    return raw if is_unit else found.blank(raw)


def _blank_names(raw: bytes, found: Identifiers, kept_words: frozenset[str]) -> bytes:
    """Terms blanked, but for words that say what a sensor is: a label "Flow" is nobody's name."""
    blanked = bytearray(found.blank(raw))
    if blanked == raw:
        return raw
    text = raw.decode("latin-1")  # a character a byte, so that places agree
    for word in WORD.finditer(text):
        if word[0].casefold() in kept_words:
            blanked[word.start() : word.end()] = raw[word.start() : word.end()]
    return bytes(blanked)


@cache
def _sensor_words() -> frozenset[str]:
    """Words by which channels are known, to the channel table and to the device profiles."""
    labels = [alias for row in CANONICAL_CHANNELS for alias in row.aliases]
    labels += [word for row in CANONICAL_CHANNELS for words in row.words for word in words]
    for name in list_profiles():
        profile = load_profile(name)
        labels += [*profile.labels, *(label for labels in profile.label_sets for label in labels)]
    return frozenset(word for label in labels for word in simplify_label(label).split())


def blank_annotations(lists: bytes, found: Identifiers) -> tuple[bytes, int]:
    """Terms out of the texts of a record's annotation lists; times and durations stay.

    Parameters
    ----------
    lists : bytes
        What one annotation channel holds of one record.
    found : Identifiers
        Terms to blank.

    Returns
    -------
    blanked : bytes
        Of the same length.
    n_blanked : int
        Texts that held a term.
    """
    if TIME_KEEPING.fullmatch(lists):
        return lists, 0
    n_blanked = 0
    out: list[bytes] = []
    for tal in lists.split(END_TAL):
        stamp, *texts = tal.split(END_TEXT)
        onset, mark, duration = stamp.partition(DURATION_MARK)
        parts = [onset, duration, *texts]
        # What is no number is no time: a damaged list may hold a text there.
        is_kept = [STAMP_NUMBER.fullmatch(part) is not None for part in (onset, duration)]
        is_kept += [False] * len(texts)
        blanked = [part if keep else found.blank(part) for part, keep in zip(parts, is_kept, strict=True)]
        n_blanked += sum(a != b for a, b in zip(blanked, parts, strict=True))
        out.append(END_TEXT.join([blanked[0] + mark + blanked[1], *blanked[2:]]))
    return END_TAL.join(out), n_blanked
