"""What the pages of nights and patients are called: nothing in a name says whose they are."""

import json
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from hsat.batch.folder import safe_name
from hsat.batch.outcome import Cell
from hsat.batch.settings import PageSettings
from hsat.nights.patients import patient_key

__all__ = [
    "FOLDER",
    "FORMS",
    "ID_DIGITS",
    "existing_pages",
    "night_stem",
    "page_name",
    "patient_stem",
    "wanted_forms",
]

FOLDER = "pages"
FORMS = ("html", "txt", "json", "pdf")
"""In the order in which the index links them."""
ID_DIGITS = 16


def wanted_forms(settings: PageSettings) -> tuple[str, ...]:
    """Those of `FORMS` that are asked for.

    Parameters
    ----------
    settings : PageSettings

    Returns
    -------
    tuple of str
    """
    return tuple(form for form in FORMS if (settings.has_pdf if form == "pdf" else settings.has_html))


def page_name(stem: str, form: str) -> str:
    """The file that holds a report in one form, as seen from the folder of results."""
    return f"{stem}.{form}"


def night_stem(files: Sequence[str], night_id: str) -> str:
    """What the names of a night's pages begin with: they say little, and their end makes them unique.

    Parameters
    ----------
    files : sequence of str
    night_id : str

    Returns
    -------
    str
        As seen from the folder of results.
    """
    name = os.path.splitext(os.path.basename(files[0]))[0]  # noqa: PTH119, PTH122 - URLs too
    return f"{FOLDER}/{safe_name(name)}-{night_id}.night"


def patient_stem(night: Mapping[str, Cell], *, night_id: str, patient_from: str) -> str:
    """What the names of a patient's pages begin with, told by any of the nights: no code stands in it.

    Parameters
    ----------
    night : mapping of str to cell
        ``file`` (the first one), ``patient``, ``recorder`` and ``is_card``, as in the ledger.
    night_id : str
    patient_from : str
        ``"code"`` or ``"folder"``.

    Returns
    -------
    str
        As seen from the folder of results.
    """
    key = patient_key(
        file=str(night["file"]),
        patient=_text(night["patient"]),
        recorder=_text(night["recorder"]),
        is_card=bool(night["is_card"]),
        patient_from=patient_from,
    )
    text = json.dumps(key or ("alone", night_id))
    return f"{FOLDER}/patient-{sha256(text.encode('utf-8')).hexdigest()[:ID_DIGITS]}.patient"


def _text(cell: Cell) -> str | None:
    return None if cell is None else str(cell)


def existing_pages(folder: Path, stem: str | None) -> tuple[str, ...]:
    """The files of a report that are there, in the order of `FORMS`.

    Parameters
    ----------
    folder : Path
        The folder of results.
    stem : str or None

    Returns
    -------
    tuple of str
        As seen from the folder of results.
    """
    if stem is None:
        return ()
    names = [page_name(stem, form) for form in FORMS]
    return tuple(name for name in names if (folder / name).is_file())
