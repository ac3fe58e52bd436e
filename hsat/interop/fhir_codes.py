"""What FHIR calls the numbers of a night: LOINC terms where they exist, our own codes, UCUM units."""

from typing import NamedTuple
from uuid import UUID, uuid5

__all__ = [
    "LOINC",
    "LOINC_SYSTEM",
    "LOINC_TERMS",
    "NAMESPACE",
    "SYSTEMS",
    "UCUM_SYSTEM",
    "UCUM_UNITS",
    "LoincTerm",
]

LOINC_SYSTEM = "http://loinc.org"
UCUM_SYSTEM = "http://unitsofmeasure.org"

NAMESPACE = UUID("53681349-897c-491a-9d12-bcbc0ed85953")
"""Drawn once; every identifier and code system of hsat is a UUID of version 5 below it."""

SYSTEMS = {
    name: f"urn:uuid:{uuid5(NAMESPACE, f'code-system/{name}')}"
    for name in ("result", "severity", "adequacy", "scoring", "rules", "therapy", "exclusion", "patient")
}
"""Code systems that are ours alone, by subject; ``"patient"`` is the system of patients' codes.

A UUID names them because hsat owns no domain and no registered URN namespace.
"""


class LoincTerm(NamedTuple):
    """A term of LOINC as it was looked up.

    Attributes
    ----------
    code : str
    display : str
        Its long common name; empty where no source tells it word by word.
    is_exact : bool
        False where a part of the definition does not fit a night, which `remark` tells.
    remark : str
    source : str
        Where code and meaning were read.
    """

    code: str
    display: str
    is_exact: bool
    remark: str
    source: str


PER_SLEEP = "defined per hour of sleep; without a hypnogram hsat counts per hour of monitored time"
FULL_DAY = "the only term of this index; its time aspect is 24 h, where a night is meant here"

LOINC_TERMS: tuple[LoincTerm, ...] = (
    LoincTerm(
        "69990-0",
        "Apnea hypopnea index 24 hour",
        False,
        FULL_DAY,
        "LOINC 2.82 as shown by healthassure.in/codes/loinc-69990-0-apnea-hypopnea-index-24-hour",
    ),
    LoincTerm("90562-0", "Apnea index", False, PER_SLEEP, "loinc.org/90562-0"),
    LoincTerm("90561-2", "Hypopnea index", False, PER_SLEEP, "loinc.org/90561-2"),
    LoincTerm(
        "70002-1",
        "Obstructive apnea index 24 hour",
        False,
        FULL_DAY,
        "LOINC 2.82 as shown by healthassure.in/codes/loinc-70002-1-obstructive-apnea-index-24-hour",
    ),
    LoincTerm("90555-4", "", True, "", "loinc.org/90561-2, whose formula names it the number of hypopneas"),
    LoincTerm(
        "90567-9",
        "Oxygen desaturation index",
        False,
        "does not tell the size of the falls: our code beside it does",
        "LOINC 2.82 as shown by healthassure.in/codes/loinc-90567-9-oxygen-desaturation-index",
    ),
    LoincTerm(
        "103209-3", "Mean oxygen saturation", True, "", "findacode.com/loinc/103209-3--mean-o2-sat.html"
    ),
    LoincTerm(
        "103205-1",
        "Mean heart rate",
        True,
        "",
        "LOINC 2.82 as shown by healthassure.in/codes/loinc-103205-1-mean-heart-rate",
    ),
)

_BY_CODE = {term.code: term for term in LOINC_TERMS}

LOINC: dict[str, LoincTerm] = {
    key: _BY_CODE[code]
    for key, code in (
        ("ahi_per_h", "69990-0"),
        ("apnea_index_per_h", "90562-0"),
        ("hypopnea_index_per_h", "90561-2"),
        ("obstructive_apnea_index_per_h", "70002-1"),
        ("n_hypopneas", "90555-4"),
        ("odi3_per_h", "90567-9"),
        ("odi4_per_h", "90567-9"),
        ("mean_spo2_percent", "103209-3"),
        ("mean_pulse_bpm", "103205-1"),
    )
}
"""The term of LOINC for a number of `NightIndices`, by its key."""

UCUM_UNITS: dict[str, str] = {
    "/h": "/h",
    "%": "%",
    "% of time": "%",
    "% of breaths": "%",
    "%min/h": "%.min/h",
    "min": "min",
    "h": "h",
    "s": "s",
    "bpm": "/min",
}
"""Units of the report as UCUM codes."""
