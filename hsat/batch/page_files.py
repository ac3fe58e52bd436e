"""The folder of pages: which are missing, left of an earlier result, or of nobody any more."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from sqlite3 import Row
from typing import NamedTuple

from hsat.batch.folder import PART
from hsat.batch.outcome import Page
from hsat.batch.page_names import FOLDER, FORMS, ID_DIGITS, page_name, patient_stem, wanted_forms
from hsat.batch.pages import write_page
from hsat.batch.settings import PageSettings
from hsat.batch.store import Store

__all__ = ["PageFiles", "Unpaged", "sweep_pages"]

OURS = re.compile(
    rf"\.?(?P<stem>.+-[0-9a-f]{{8,{ID_DIGITS}}}\.(?:night|patient))\.(?:{'|'.join(FORMS)})"
    rf"(?P<part>{re.escape(PART)})?"
)
"""Names that batches give, those of versions with shorter ids among them; nothing else is ever removed."""


class Unpaged(NamedTuple):
    """Nights that lack a page that is asked for: their ids, and the paths of their files."""

    night_ids: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()


class PageFiles:
    """The pages that a batch is asked for.

    Parameters
    ----------
    folder : Path
        The folder of results.
    settings : PageSettings
    """

    def __init__(self, folder: Path, settings: PageSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.forms = wanted_forms(settings)

    def keep(self, stem: str | None, pages: Sequence[Page], *, is_as_before: bool) -> None:
        """Write what a worker could not, and remove forms that are left of an earlier result.

        Parameters
        ----------
        stem : str or None
        pages : sequence of Page
        is_as_before : bool
            Whether the report is of the same result as the files that are there.

        Raises
        ------
        HsatError
            As an `UnwrittenError`.
        """
        if stem is None:
            return
        for page in pages:
            write_page(self.folder, stem, page)
        if not is_as_before:
            for form in FORMS:
                if form not in self.forms:
                    with suppress(OSError):  # a folder by that name is not ours
                        (self.folder / page_name(stem, form)).unlink(missing_ok=True)

    def link(self, stem: str | None) -> str | None:
        """The HTML page of a night as the page of its patient names it; None where there is none."""
        if stem is None:
            return None
        name = page_name(stem, "html")
        return name.rpartition("/")[2] if (self.folder / name).is_file() else None

    def is_whole(self, stem: str | None) -> bool:
        """Whether every form that is asked for is there."""
        if stem is None:
            return False
        return all((self.folder / page_name(stem, form)).is_file() for form in self.forms)

    def has_all_patients(self, store: Store) -> bool:
        """Whether every patient has the pages that are asked for."""
        return all(self.is_whole(row["page"]) for row in store.rows("SELECT page FROM patients"))

    def unpaged(self, store: Store) -> Unpaged:
        """Nights without a page that is asked for, or whose page leads to another patient's.

        Parameters
        ----------
        store : Store

        Returns
        -------
        Unpaged
        """
        ids: set[str] = set()
        paths: set[str] = set()
        for row in store.nights_as_paged():
            if row["night_id"] not in ids and self._is_paged(row):
                continue
            ids.add(row["night_id"])
            paths.add(store.path_of(row["path"]))
        return Unpaged(frozenset(ids), frozenset(paths))

    def _is_paged(self, row: Row) -> bool:
        if self.settings.has_html:
            patient = patient_stem(
                dict(row), night_id=row["night_id"], patient_from=self.settings.patient_from
            )
            if row["patient_page"] != patient:
                return False
        return self.is_whole(row["page"])


def sweep_pages(folder: Path, store: Store) -> None:
    """Remove pages of results that the ledger does not hold any more, and what a killed worker has left.

    Parameters
    ----------
    folder : Path
        The folder of results.
    store : Store

    Notes
    -----
    Only files whose names batches give are removed, and only from the folder of pages.
    """
    pages = folder / FOLDER
    try:
        names = os.listdir(pages)  # noqa: PTH208 - names alone, of very many files
    except OSError:  # no page was ever written
        return
    kept = store.page_stems()
    for name in names:
        match = OURS.fullmatch(name)
        if match is not None and (match["part"] or f"{FOLDER}/{match['stem']}" not in kept):
            with suppress(OSError):  # such as a folder by that name: it is not ours
                (pages / name).unlink()
