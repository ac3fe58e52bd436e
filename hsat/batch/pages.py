"""The report of a single night as files: the one place that says which forms there are."""

from collections.abc import Callable

from hsat.batch.outcome import Page
from hsat.recording import Recording
from hsat.report.plain import without_surrogates
from hsat.results import NightResult

__all__ = ["PAGES", "make_pages"]


def _page(night: NightResult, recording: Recording) -> str:
    from hsat.report.page import render_page

    return render_page(night, recording)


def _text(night: NightResult, recording: Recording) -> str:
    from hsat.report.text import night_text

    return night_text(night)


def _json(night: NightResult, recording: Recording) -> str:
    from hsat.report.document import night_json

    return night_json(night)


PAGES: dict[str, Callable[[NightResult, Recording], str]] = {
    ".night.html": _page,
    ".night.txt": _text,
    ".night.json": _json,
}
"""How a page's name ends, and what makes it; the first is what the index links first."""


def make_pages(night: NightResult, recording: Recording) -> tuple[Page, ...]:
    """All pages of a night; a worker makes them, so that they cost the one that writes nothing.

    Parameters
    ----------
    night : NightResult
    recording : Recording
        What was scored: the page holds its signals.

    Returns
    -------
    tuple of Page

    Raises
    ------
    ReadError
        Where the recording's file can no longer be read.
    """
    return tuple(
        Page(ending=ending, content=without_surrogates(make(night, recording)).encode("utf-8"))
        for ending, make in PAGES.items()
    )
