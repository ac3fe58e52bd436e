"""Which pages of nights lie beside a page of their patient."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hsat.patient import PatientNight
from hsat.report.plain import printable

__all__ = ["NIGHT_ENDING", "find_night_pages"]

NIGHT_ENDING = ".night.html"
STORED_ENDING = ".night.json"
HEAD_BYTES = 4096
"""The title of a night's page stands within these."""


def find_night_pages(nights: Sequence[PatientNight], folder: Path) -> tuple[str | None, ...]:
    """For each night the name of its page in a folder.

    Parameters
    ----------
    nights : sequence of PatientNight
    folder : Path

    Returns
    -------
    tuple of (str or None)
        None where no page has the name of the recording, where several nights share that name, or
        where the page is of another date: no link leads to the wrong night.
    """
    stems = [_stem(night.file) for night in nights]
    shared = Counter(stem.casefold() for stem in stems)
    return tuple(
        f"{stem}{NIGHT_ENDING}" if shared[stem.casefold()] == 1 and _is_page_of(night, folder, stem) else None
        for night, stem in zip(nights, stems, strict=True)
    )


def _stem(file: str) -> str:
    """What the page of a recording, or of its stored result, begins with; as ``hsat score`` names it."""
    name = Path(file).name
    is_stored = name.lower().endswith(STORED_ENDING)
    return printable(name[: -len(STORED_ENDING)] if is_stored else Path(file).stem).replace("\\", "_")


def _is_page_of(night: PatientNight, folder: Path, stem: str) -> bool:
    when = "start unknown" if night.start_local is None else f"{night.start_local:%Y-%m-%d}"
    try:
        with (folder / f"{stem}{NIGHT_ENDING}").open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False
    return f"<title>Night of {when}".encode() in head
