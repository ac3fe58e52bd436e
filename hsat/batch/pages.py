"""Reports of nights and patients: made in every form that is asked for, written where this process may."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hsat.batch.folder import write_whole
from hsat.batch.outcome import Page, StoredNight
from hsat.batch.page_names import night_stem, page_name, patient_stem, wanted_forms
from hsat.batch.settings import PageSettings
from hsat.patient import PatientSummary
from hsat.recording import Recording
from hsat.report.page_shell import PageLink
from hsat.report.plain import without_surrogates
from hsat.results import NightResult

__all__ = ["make_patient_pages", "with_pages", "write_page"]

INDEX = PageLink("All patients", "../index.html")

Maker = Callable[[], str | bytes]


def with_pages(
    stored: StoredNight, night: NightResult, recording: Recording, settings: PageSettings
) -> StoredNight:
    """Make all pages of a night; a worker does, so that they cost no other process anything.

    Parameters
    ----------
    stored : StoredNight
        The night as the ledger keeps it.
    night : NightResult
    recording : Recording
        What was scored: the page holds its signals.
    settings : PageSettings

    Returns
    -------
    StoredNight
        With the names of its pages, and those that are still to be written: all of them where this
        process may not.

    Raises
    ------
    HsatError
        As a `ReadError`, where the recording's file can no longer be read; as an `UnwrittenError`,
        where a page cannot be written.
    """
    stem = night_stem(stored.files, stored.night_id)
    whose = {**stored.cells, "file": without_surrogates(stored.files[0])}
    patient = patient_stem(whose, night_id=stored.night_id, patient_from=settings.patient_from)

    def as_html() -> str:
        from hsat.report.page import render_page

        to_patient = PageLink("This patient", _beside(patient, "html"))
        return render_page(night, recording, ways=(to_patient, INDEX))

    def as_text() -> str:
        from hsat.report.text import night_text

        return night_text(night)

    def as_json() -> str:
        from hsat.report.document import night_json

        return night_json(night)

    def as_pdf() -> bytes:
        from hsat.report.pdf import render_night_pdf

        return render_night_pdf(night)

    makers: dict[str, Maker] = {"html": as_html, "txt": as_text, "json": as_json, "pdf": as_pdf}
    pages = tuple(_unwritten(makers, stem, settings))
    return replace(stored, page=stem, patient_page=patient, pages=pages)


def make_patient_pages(
    summary: PatientSummary, links: Sequence[str | None], stem: str, settings: PageSettings
) -> tuple[Page, ...]:
    """Make all pages of a patient, as `with_pages` does those of a night.

    Parameters
    ----------
    summary : PatientSummary
    links : sequence of str or None
        Name of the HTML page of each night of the summary, which lies beside this one.
    stem : str
    settings : PageSettings

    Returns
    -------
    tuple of Page

    Raises
    ------
    HsatError
        As an `UnwrittenError`.
    """

    def as_html() -> str:
        from hsat.report.patient_page import render_patient_page

        return render_patient_page(summary, links, ways=(INDEX,))

    def as_text() -> str:
        from hsat.report.patient_view import view_patient
        from hsat.report.text import view_text

        return view_text(view_patient(summary))

    def as_json() -> str:
        from hsat.report.patient_document import patient_json

        return patient_json(summary)

    def as_pdf() -> bytes:
        from hsat.report.pdf import render_patient_pdf

        return render_patient_pdf(summary)

    makers: dict[str, Maker] = {"html": as_html, "txt": as_text, "json": as_json, "pdf": as_pdf}
    return tuple(_unwritten(makers, stem, settings))


def _beside(stem: str, form: str) -> str:
    """A file as its neighbours in the folder of pages see it."""
    return page_name(stem.rpartition("/")[2], form)


def _unwritten(makers: Mapping[str, Maker], stem: str, settings: PageSettings) -> Iterator[Page]:
    """Make one page after the other; write it, or give it back where this process may not."""
    for form in wanted_forms(settings):
        made = makers[form]()
        content = made if isinstance(made, bytes) else without_surrogates(made).encode("utf-8")
        page = Page(form=form, content=content)
        if settings.folder is None:
            yield page
        else:
            write_page(Path(settings.folder), stem, page)


def write_page(folder: Path, stem: str, page: Page) -> None:
    """Write a page whole or not at all.

    Parameters
    ----------
    folder : Path
        The folder of results.
    stem : str
    page : Page

    Raises
    ------
    HsatError
        As an `UnwrittenError`.
    """
    write_whole(folder / page_name(stem, page.form), lambda file: file.write(page.content), is_binary=True)
