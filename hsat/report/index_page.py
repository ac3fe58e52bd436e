"""The index of a folder of results as HTML: patients with their nights, what failed, links to what exists."""

from dataclasses import dataclass
from typing import NamedTuple

from hsat.report.page_shell import fill_page
from hsat.report.plain import printable
from hsat.report.rows import INDEX_ROWS, duration_words, index_text
from hsat.report.view import NOT_A_DEVICE

__all__ = [
    "IndexFact",
    "IndexFile",
    "IndexLink",
    "IndexNight",
    "IndexPage",
    "IndexPatient",
    "index_night",
    "render_index",
]

NOTHING = "-"
S_PER_H = 3600.0


class IndexFact(NamedTuple):
    """A number at the top, and what it counts."""

    value: str
    label: str


class IndexFile(NamedTuple):
    """A file without a result of its own."""

    file: str
    reason: str


class IndexLink(NamedTuple):
    """A page that exists: where, and what to call it."""

    target: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexNight:
    """A row of the index, ready to print.

    Attributes
    ----------
    start, ahi, severity : str
    mark : str
        ``"normal"``, ``"mild"``, ``"moderate"``, ``"severe"`` or ``"none"``, for the coloured square.
    adequacy, hours, odi4, t90, lowest_spo2, file, remark : str
    links : tuple of IndexLink
    patient_links : tuple of IndexLink
        Pages of the patient, where this night is all there is.
    """

    start: str
    ahi: str
    severity: str
    mark: str
    adequacy: str
    hours: str
    odi4: str
    t90: str
    lowest_spo2: str
    file: str
    remark: str = ""
    links: tuple[IndexLink, ...] = ()
    patient_links: tuple[IndexLink, ...] = ()


class IndexPatient(NamedTuple):
    """A patient, or nights that belong to none: title, what they say together, nights, pages that exist."""

    title: str
    remark: str
    nights: tuple[IndexNight, ...]
    links: tuple[IndexLink, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPage:
    """One page of the index.

    Attributes
    ----------
    number, n_pages : int
        From 1.
    page_names : tuple of str
        Files of all pages.
    facts : tuple of IndexFact
    rules, versions : tuple of str
    tables : tuple of str
        Files of the tables.
    failures : tuple of IndexFile
        Files that could not be scored.
    n_more_failures : int
        Those that are not listed here.
    left_out : tuple of IndexFile
        Files that were not to be scored, such as copies.
    n_more_left_out : int
    patients : tuple of IndexPatient
    closing : str
    """

    number: int
    n_pages: int
    page_names: tuple[str, ...]
    facts: tuple[IndexFact, ...] = ()
    rules: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    failures: tuple[IndexFile, ...] = ()
    n_more_failures: int = 0
    left_out: tuple[IndexFile, ...] = ()
    n_more_left_out: int = 0
    patients: tuple[IndexPatient, ...] = ()
    closing: str = NOT_A_DEVICE

    @property
    def failures_title(self) -> str:
        """Heading of the files that could not be scored."""
        return f"{_files(len(self.failures) + self.n_more_failures)} not scored"

    @property
    def left_out_title(self) -> str:
        """Heading of the files that were not to be scored."""
        return f"{_files(len(self.left_out) + self.n_more_left_out)} left out"


def _files(n_files: int) -> str:
    return "1 file" if n_files == 1 else f"{n_files} files"


def index_night(
    *,
    file: str,
    start_local: str | None,
    therapy: str,
    severity: str | None,
    adequacy: str,
    monitoring_h: float,
    ahi_per_h: float | None,
    odi4_per_h: float | None,
    t90_percent: float | None,
    min_spo2_percent: float | None,
    remark: str = "",
    links: tuple[IndexLink, ...] = (),
    patient_links: tuple[IndexLink, ...] = (),
) -> IndexNight:
    """A night's numbers as the cells of its row: the rounding and words of the table of nights.

    Parameters
    ----------
    file, start_local, therapy, severity, adequacy, monitoring_h, ahi_per_h, odi4_per_h, t90_percent, \
min_spo2_percent
        As in the ledger.
    remark : str
    links, patient_links : tuple of IndexLink

    Returns
    -------
    IndexNight
    """
    return IndexNight(
        start=NOTHING if start_local is None else start_local[:16].replace("T", " "),
        ahi=_number("ahi_per_h", ahi_per_h),
        severity="on therapy" if therapy == "pap" else severity or "no class",
        mark="none" if therapy == "pap" or severity is None else severity,
        adequacy=adequacy,
        hours=duration_words(monitoring_h * S_PER_H),
        odi4=_number("odi4_per_h", odi4_per_h),
        t90=_number("t90_percent", t90_percent),
        lowest_spo2=_number("min_spo2_percent", min_spo2_percent),
        file=printable(file),
        remark=remark,
        links=links,
        patient_links=patient_links,
    )


def _number(key: str, value: float | None) -> str:
    if value is None:
        return NOTHING
    return index_text(next(row for row in INDEX_ROWS if row.key == key), value).split()[0]


def render_index(page: IndexPage) -> str:
    """One page as HTML; every text is escaped, nothing is loaded from elsewhere.

    Parameters
    ----------
    page : IndexPage

    Returns
    -------
    str
    """
    return fill_page("index.html.j2", styles=("index.css",), scripts=(), page=page)
