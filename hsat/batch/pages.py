"""The report of a single night as files: the one place that says which forms there are."""

import io
from collections.abc import Callable

from hsat.batch.outcome import Page
from hsat.results import NightResult

__all__ = ["PAGES", "make_pages"]


def _text(night: NightResult) -> bytes:
    from hsat.report.text import night_text

    return night_text(night).encode("utf-8")


def _json(night: NightResult) -> bytes:
    from hsat.report.document import night_json

    return night_json(night).encode("utf-8")


def _figure(night: NightResult) -> bytes:
    stream = io.BytesIO()
    night.plot().savefig(stream, format="png")
    return stream.getvalue()


PAGES: dict[str, Callable[[NightResult], bytes]] = {
    ".night.txt": _text,
    ".night.json": _json,
    ".night.png": _figure,
}
"""How a page's name ends, and what makes it; the first is what the index links first."""


def make_pages(night: NightResult) -> tuple[Page, ...]:
    """All pages of a night.

    Parameters
    ----------
    night : NightResult

    Returns
    -------
    tuple of Page
    """
    return tuple(Page(ending=ending, content=make(night)) for ending, make in PAGES.items())
