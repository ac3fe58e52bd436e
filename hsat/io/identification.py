"""The two identification fields of a header: what is kept of them, and what is dropped.

Kept: the patient's code (for the pseudonym, never shown by default), sex, age at the recording,
and the recorder's name with all digits masked. Dropped at once: name, birth date, everything else.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime

from hsat.io.fields import parse_edf_plus_date
from hsat.io.identity import recorder_token

__all__ = ["HeaderSubject", "parse_equipment", "parse_recorder", "parse_start_date", "parse_subject"]

OLDEST_AGE_YEARS = 114
"""Older "patients" are null dates such as 30-DEC-1899."""

PLACEHOLDERS = frozenset(
    [
        "ANON",
        "ANONYM",
        "ANONYME",
        "ANONYMISED",
        "ANONYMISIERT",
        "ANONYMIZED",
        "ANONYMOUS",
        "CODE",
        "DEFAULT",
        "DEMO",
        "ID",
        "INCONNU",
        "KEINCODE",
        "KEINE",
        "KEINER",
        "MRN",
        "NA",
        "NAN",
        "NIL",
        "NN",
        "NO",
        "NOCODE",
        "NOID",
        "NONE",
        "NOTAVAILABLE",
        "NOTGIVEN",
        "NOTKNOWN",
        "NOTSPECIFIED",
        "NULL",
        "OHNE",
        "PATIENT",
        "PATIENTID",
        "PID",
        "SUBJECT",
        "TBD",
        "UNBEKANNT",
        "UNDEFINED",
        "UNK",
        "UNKNOWN",
    ]
)
"""Codes, in capitals and without punctuation, that name nobody.

Two patients called so must not become one.
"""

PLACEHOLDER_START = "TEST"

BIRTH_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\d{1,2}[._/-]\d{1,2}[._/-](\d{2}|\d{4})",
        r"\d{4}[._/-]\d{1,2}[._/-]\d{1,2}",
        r"\d{1,2}[._/-]?[A-Z\u00c4]{3,9}[._/-]?(\d{2}|\d{4})",
        r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
        r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])(19|20)\d\d",
    )
)
"""How birth dates are written: strangers share one, so it is no code."""

MONTH_NAMES = re.compile("JAN|FEB|MAR|M\u00c4R|APR|MAY|MAI|JUN|JUL|AUG|SEP|OCT|OKT|NOV|DEC|DEZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderSubject:
    """What is kept of the patient field.

    Attributes
    ----------
    code : str or None
        The header's patient code; an identifier, used only for the pseudonym.
    sex : str or None
        ``"F"`` or ``"M"``.
    age_years : float or None
        Age at the recording, from the birth date.
    """

    code: str | None = field(default=None, repr=False)
    sex: str | None = None
    age_years: float | None = None


def parse_subject(text: str, start_local: datetime | None) -> HeaderSubject:
    """Patient field, EDF+ style (``code sex birthdate name``), to what may be kept of it.

    A field in free text (plain EDF) may be a name; its first word is taken as a code only where
    it holds a digit.
    """
    words = text.split()
    if not words:
        return HeaderSubject()
    sexes = ("X", "F", "M")
    is_plus_style = len(words) > 2 and words[1].upper() in sexes
    if is_plus_style and len(words) < 4 and words[0].upper() in ("F", "M"):
        # "M X X": the code was removed without its placeholder.
        return HeaderSubject(sex=words[0].upper())
    code = words[0] if _is_code(words[0]) else None
    if not is_plus_style:
        return HeaderSubject(code=code if any(c.isdigit() for c in words[0]) else None)
    sex = words[1].upper()
    birth = parse_edf_plus_date(words[2])
    return HeaderSubject(
        code=code,
        sex=sex if sex != "X" else None,
        age_years=_age_years(birth, start_local),
    )


def _is_code(word: str) -> bool:
    """Whether a word can stand for one patient: no placeholder, no birth date."""
    word = word.upper()
    letters = "".join(c for c in word if c.isalnum())
    if len(letters) < 2 or set(letters) <= {"0"} or set(letters) <= {"X"}:
        return False
    if letters in PLACEHOLDERS or letters.startswith(PLACEHOLDER_START):
        return False
    is_date = any(pattern.fullmatch(word) for pattern in BIRTH_DATES)
    has_letters = any(c.isalpha() for c in word)
    return not is_date or (has_letters and MONTH_NAMES.search(word) is None)


def _age_years(birth: date | None, start_local: datetime | None) -> float | None:
    if birth is None or start_local is None:
        return None
    # Whole years: an exact age and the date of the night would give the birth date away.
    is_before_birthday = (start_local.month, start_local.day) < (birth.month, birth.day)
    age_years = start_local.year - birth.year - int(is_before_birthday)
    return float(age_years) if 0 <= age_years <= OLDEST_AGE_YEARS else None


def parse_start_date(text: str) -> date | None:
    """Start date of an EDF+ recording field (``Startdate dd-MMM-yyyy ...``)."""
    words = text.split()
    if len(words) < 2 or words[0].lower() != "startdate":
        return None
    return parse_edf_plus_date(words[1])


def parse_equipment(text: str) -> str:
    """Equipment subfield of an EDF+ recording field, every digit masked with ``#``.

    Hospital code and technician, the two subfields before it, are dropped.
    """
    words = text.split()
    if len(words) < 5 or words[0].lower() != "startdate":
        return ""
    return "".join("#" if c.isdigit() else c for c in " ".join(words[4:]))


def parse_recorder(text: str) -> str | None:
    """Token of the equipment subfield, serial number included, see `hsat.io.identity.recorder_token`.

    Two files of one recorder give the same token, and nothing can be read from it. None where the
    field is absent or a placeholder.
    """
    words = text.split()
    if len(words) < 5 or words[0].lower() != "startdate" or set("".join(words[4:]).upper()) <= {"X"}:
        return None
    return recorder_token(" ".join(words[4:]))
