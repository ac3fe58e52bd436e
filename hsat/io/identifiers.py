"""What identifies a person in a header, as terms that can be found and blanked in any text.

Terms come from the two identification fields and from the user. They are found as whole words, long ones
within words too, whatever the case and the accents, and in the spellings that keyboards without accents
bring about (Mueller for M\u00fcller).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hsat.io.fields import MONTHS, parse_date, parse_edf_plus_date

__all__ = ["Identifiers", "collect_identifiers", "date_spellings"]

SHORTEST_TERM = 2
SHORTEST_WITHIN_WORDS = 5
"""Shorter terms are looked for as whole words only: "Ann" also stands in "annotation"."""

NO_IDENTIFIERS = frozenset(
    (
        "x",
        "xx",
        "xxx",
        "f",
        "m",
        "male",
        "female",
        "startdate",
        "unknown",
        "anonymous",
        "anonymized",
        "none",
        "na",
    )
)
"""Words of the identification fields that name nobody."""

TRANSLITERATED = {
    "\u00e4": "ae",
    "\u00f6": "oe",
    "\u00fc": "ue",
    "\u00df": "ss",
    "\u00f8": "oe",
    "\u00e5": "aa",
    "\u00e6": "ae",
}
UNDIVIDED = {"\u00df": "ss", "\u00f8": "o", "\u00e6": "ae", "\u0142": "l", "\u0111": "d", "\u0153": "oe"}
"""Letters without a decomposition into a plain letter and an accent."""

PARTS = re.compile(r"[\s_,;^/\\|()\[\]<>=:\"'.+-]+")
WHOLE = re.compile(r"[\s,;]+")
SHORTEST_NUMBER = 3
"""Shorter numbers in a header are ages and counts, and stand in half of all annotations."""
FIXED_SUBFIELDS = 4
"""Words of an EDF+ recording field before the equipment: Startdate, date, hospital code, technician."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifiers:
    """Terms to blank; never shown, not even in a representation.

    Attributes
    ----------
    pattern : re.Pattern or None
        Finds every term in folded text; None where there is no term.
    long_pattern : re.Pattern or None
        Finds the long ones alone.
    n_terms : int
    """

    pattern: "re.Pattern[str] | None"
    long_pattern: "re.Pattern[str] | None"
    n_terms: int

    def __repr__(self) -> str:
        return f"Identifiers({self.n_terms} terms)"

    def blank(self, raw: bytes, *, is_text: bool = True) -> bytes:
        """Bytes of a text with every term replaced by ``X``, of the same length.

        Read as UTF-8, else as Latin-1; a character of several bytes becomes as many ``X``. In bytes
        that may be no text only long terms are looked for: short ones come about by chance.
        """
        pattern = self.pattern if is_text else self.long_pattern
        if pattern is None or not raw:
            return raw
        try:
            text, encoding = raw.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            text, encoding = raw.decode("latin-1"), "latin-1"
        # Nearly nothing holds a term: the quick look first.
        if pattern.search(text.translate(_FOLDED)) is None:
            return raw
        folded, places = _folded_with_places(text)
        marked = {
            places[at] for found in pattern.finditer(folded) for at in range(found.start(), found.end())
        }
        if not marked:
            return raw
        return b"".join(
            b"X" * len(character.encode(encoding)) if place in marked else character.encode(encoding)
            for place, character in enumerate(text)
        )


def collect_identifiers(
    patient: bytes, recording: bytes, starts: Iterable[date], more: Iterable[str]
) -> Identifiers:
    """Terms of the two identification fields of a header, and those the user gave.

    Parameters
    ----------
    patient, recording : bytes
        The fields as stored, 80 bytes each.
    starts : iterable of date
        Days on which the recording may have started: they and the days after are terms, in every
        spelling.
    more : iterable of str
        Further texts to blank.

    Returns
    -------
    Identifiers
    """
    terms: set[str] = set()
    for field in (patient, recording):
        for text in {field.decode("latin-1"), field.decode("utf-8", errors="ignore")}:
            words = WHOLE.split(text.replace("\0", " ").strip())
            terms |= _terms_of(words if field is patient else _of_people(words))
    for start in starts:
        terms |= date_spellings(start)
        if start < date.max:
            terms |= date_spellings(start + timedelta(days=1))
    for text in more:
        terms |= {text.strip(), *(part for part in PARTS.split(text) if len(part) >= SHORTEST_TERM)}
    folded = {spelling for term in terms for spelling in _spellings(term)}
    folded = {term for term in folded if _is_term(term)}
    patterns = dict.fromkeys(_pattern(term) for term in sorted(folded, key=len, reverse=True))
    long = dict.fromkeys(_pattern(term) for term in sorted(folded) if len(term) >= SHORTEST_WITHIN_WORDS)
    return Identifiers(
        pattern=re.compile("|".join(patterns)) if patterns else None,
        long_pattern=re.compile("|".join(long)) if long else None,
        n_terms=len(patterns),
    )


def _spellings(term: str) -> set[str]:
    """A term without accents, with its letters written out, and as UTF-8 that was read as Latin-1."""
    plain = _folded(term)
    shortened = plain
    for pair, letter in (("ae", "a"), ("oe", "o"), ("ue", "u")):
        shortened = shortened.replace(pair, letter)
    misread = _folded(term.encode("utf-8").decode("latin-1"))
    return {plain, shortened, misread, _folded(_transliterated(term))}


def _is_term(term: str) -> bool:
    if len(term) < SHORTEST_TERM or term in NO_IDENTIFIERS or not term.strip("x# "):
        return False
    return not term.isdecimal() or len(term) >= SHORTEST_NUMBER


def _of_people(words: list[str]) -> list[str]:
    """Words of a recording field that may tell who; of the equipment only its numbers.

    EDF+ has one word of equipment, or pairs such as ``SRN=123``. In any other number of words some
    may be a name.
    """
    if not words or words[0].casefold() != "startdate":
        return words
    equipment = words[FIXED_SUBFIELDS:]
    if len(equipment) > 1 and not all("=" in word for word in equipment):
        return words
    numbers = [part for word in equipment for part in PARTS.split(word) if any(c.isdecimal() for c in part)]
    serials = [part for part in numbers if sum(c.isdecimal() for c in part) >= SHORTEST_NUMBER]
    return [*words[:FIXED_SUBFIELDS], *serials]


def _terms_of(words: list[str]) -> set[str]:
    """Words of a field, whole and in parts, dates of birth in every spelling."""
    terms: set[str] = set()
    for word in words:
        day = _any_date(word)
        if day is not None:
            terms |= date_spellings(day)
            continue
        parts = [part for part in PARTS.split(word) if len(part) >= SHORTEST_TERM]
        terms |= {word, *parts, " ".join(parts)}
    return terms


def _any_date(word: str) -> date | None:
    """A date as headers write it; None for anything else."""
    day = parse_edf_plus_date(word) or parse_date(word.encode("latin-1", errors="ignore"))
    if day is not None:
        return day
    for form in ("%Y-%m-%d", "%Y%m%d", "%Y.%m.%d", "%Y/%m/%d"):
        try:
            return datetime.strptime(word, form).date()
        except ValueError:
            continue
    return None


def date_spellings(day: date) -> set[str]:
    """A day in the ways that headers and notes write it, day, month or year first."""
    d, m, y = f"{day.day:02d}", f"{day.month:02d}", f"{day.year:04d}"
    month = MONTHS[day.month - 1]
    spellings = {f"{d}{m}{y}", f"{y}{m}{d}", f"{m}{d}{y}"}
    for mark in "-./ _":
        orders = ((d, m, y), (m, d, y), (y, m, d), (d, month, y), (month, d, y), (str(day.day), month, y))
        spellings |= {mark.join(order) for order in orders}
        short = ((d, m, y[2:]), (str(day.day), str(day.month), y), (str(day.month), str(day.day), y))
        spellings |= {mark.join(order) for order in short}
    return spellings | {f"{d}{month}{y}", f"{month} {day.day}, {y}", f"{month} {d}, {y}"}


def _pattern(term: str) -> str:
    """A term with any space or mark between its parts; a short one only as a whole word."""
    body = r"[\W_]{1,3}".join(re.escape(part) for part in re.split(r"[\W_]+", term) if part)
    if not body:
        return re.escape(term)
    is_within = len(term) >= SHORTEST_WITHIN_WORDS and not term.isdecimal()
    if is_within:
        return body
    # "20260303T2210" holds a date; "123" is no part of "1234".
    before = r"\d" if term[0].isdecimal() else r"[^\W_]"
    after = r"(?!\d)" if term[-1].isdecimal() else r"(?![^\W_])"
    if "{" in body:
        return f"(?<!{before}){body}{after}"
    # What stands before is looked at last: a pattern that begins with letters is found much faster.
    return f"{body}{after}(?<!{before}{body})"


def _transliterated(text: str) -> str:
    return "".join(TRANSLITERATED.get(character, character) for character in text.casefold())


def _fold_character(character: str) -> str:
    low = character.lower()
    if low in UNDIVIDED:
        return UNDIVIDED[low]
    plain = "".join(c for c in unicodedata.normalize("NFKD", low) if not unicodedata.combining(c))
    return plain.casefold()


class _Folds(dict[int, str]):
    """A table for `str.translate`, made as characters come."""

    def __missing__(self, code: int) -> str:
        self[code] = _fold_character(chr(code))
        return self[code]


_FOLDED = _Folds()


def _folded(text: str) -> str:
    return text.translate(_FOLDED).strip()


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """Folded text, and for each of its characters the character of the text it came from."""
    pieces: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        piece = _fold_character(character)
        pieces.append(piece)
        places.extend([place] * len(piece))
    return "".join(pieces), places
