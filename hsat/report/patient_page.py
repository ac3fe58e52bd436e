"""Several nights of one patient as one page, and a treatment as one: files that open without a network."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from hsat.patient import PatientSummary
from hsat.report.drawing import Drawing
from hsat.report.night_lines import NightLine, describe_night
from hsat.report.page_shell import Banner, KeyFigure, PageLink, fill_page
from hsat.report.patient_drawings import (
    draw_classes,
    draw_nights,
    draw_positions,
    draw_posterior,
    draw_strip,
    draw_treatment,
)
from hsat.report.patient_plots import top_per_h
from hsat.report.patient_view import MAX_NIGHTS, view_patient
from hsat.report.patient_words import nights_words
from hsat.report.titles import patient_title, treatment_title
from hsat.report.treatment_view import view_treatment
from hsat.report.view import PHYSICIAN, NightView
from hsat.treatment import TreatmentResponse

__all__ = ["render_patient_page", "render_treatment_page"]

STYLES = ("night.css", "patient.css")
SCRIPTS = ("theme.js",)

PATIENT_FIGURES = (
    ("Pooled AHI", "Pooled AHI"),
    ("Mean AHI over many nights", "Long-run mean"),
    ("Lowest night", "Lowest night"),
    ("Highest night", "Highest night"),
    ("AHI supine", "AHI supine"),
    ("AHI not supine", "AHI not supine"),
    ("Further nights to a firm class", "Nights still needed"),
)
TREATMENT_FIGURES = (
    ("Change", "Change"),
    ("Relative change", "Relative change"),
    ("AHI fell by 50 % or more", "AHI halved"),
    ("AHI on treatment below 5 /h", "AHI below 5 /h"),
)
"""Rows of the view that stand at the head of the page too: label there, short label."""

DOTS = "Dots: nights (open: partial), with the 95 % interval that the chance of counting alone gives."
MEAN = "Blue: mean over many nights, dashed its 95 % interval."
CURVE = "How probable each mean AHI is; dot and bar: mean and 95 % interval."
EACH_HEIGHT = "Each curve has its own height; dots and bars: means and 95 % intervals."


class Chart(NamedTuple):
    """A drawing with what it shows; `legend` has styles and words."""

    key: str
    title: str
    note: str
    drawing: Drawing
    legend: tuple[tuple[str, str], ...] = ()


class NightEntry(NamedTuple):
    """A line of the table of nights: its words, its strip, and where its own page is."""

    line: NightLine
    strip: Drawing
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The nights of a summary, drawn and listed.

    Attributes
    ----------
    key, title : str
    charts : tuple of Chart
    entries : tuple of NightEntry
    n_older : int
        Nights at the head of the list that are not printed.
    """

    key: str
    title: str
    charts: tuple[Chart, ...]
    entries: tuple[NightEntry, ...]
    n_older: int


def render_patient_page(
    summary: PatientSummary, night_links: Sequence[str | None] = (), ways: Sequence[PageLink] = ()
) -> str:
    """Describe several nights as one HTML page.

    Parameters
    ----------
    summary : PatientSummary
    night_links : sequence of str or None, optional
        For each night of ``summary.nights`` the place of its own page as seen from this one, such as
        ``"nights/n1.night.html"``: parts of a path below, not encoded. None where there is no page. By
        default there are no links.
    ways : sequence of PageLink, optional
        Other pages that this one leads to, such as the list of all patients.

    Returns
    -------
    str
        HTML with everything in it; it loads nothing and computes no number of the patient.

    Raises
    ------
    ValueError
        Where there are links, but not one a night.
    """
    view = view_patient(summary)
    banners = [] if summary.named_rule is None else [Banner("beware", summary.named_rule.warning)]
    if any(night.scoring == "edited" for night in summary.nights):
        banners.append(Banner("edited", "Edited scoring: nights among these were scored by a person."))
    return _fill(
        patient_title(summary),
        view,
        badges=_badges(summary),
        banners=banners,
        figures=tuple(_figures(view, PATIENT_FIGURES)),
        comparison=(),
        sides=(_side("nights", "The nights", summary, night_links),),
        ways=ways,
    )


def render_treatment_page(
    response: TreatmentResponse,
    before_links: Sequence[str | None] = (),
    after_links: Sequence[str | None] = (),
) -> str:
    """Describe the effect of a treatment as one HTML page, the nights of both sides below it.

    Parameters
    ----------
    response : TreatmentResponse
    before_links, after_links : sequence of str or None, optional
        As ``night_links`` of `render_patient_page`, for the nights of each side.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        Where there are links, but not one a night.
    """
    view = view_treatment(response)
    top = max(top_per_h(response.before), top_per_h(response.after))
    return _fill(
        treatment_title(response),
        view,
        badges=("enough nights" if response.is_enough else "not enough nights",),
        banners=(),
        figures=tuple(_figures(view, TREATMENT_FIGURES)),
        comparison=tuple(_comparison(response)),
        sides=(
            _side("before", "Nights before", response.before, before_links, top),
            _side("after", "Nights on treatment", response.after, after_links, top),
        ),
    )


def _fill(
    title: str,
    view: NightView,
    *,
    badges: Sequence[str],
    banners: Sequence[Banner],
    figures: Sequence[KeyFigure],
    comparison: Sequence[Chart],
    sides: Sequence[Side],
    ways: Sequence[PageLink] = (),
) -> str:
    return fill_page(
        "patient.html.j2",
        styles=STYLES,
        scripts=SCRIPTS,
        title=title,
        view=view,
        badges=badges,
        banners=banners,
        figures=figures,
        comparison=comparison,
        sides=sides,
        left_out=dict(view.lists).get("Nights left out", ()),
        physician=PHYSICIAN,
        ways=ways,
    )


def _badges(summary: PatientSummary) -> tuple[str, ...]:
    ways = list(dict.fromkeys(f"{night.scoring} scoring" for night in summary.nights))
    posterior = summary.posterior
    if posterior is not None and posterior.severity is not None:
        ways.append("firm class" if posterior.is_firm else "class not settled")
    return tuple(ways)


def _figures(view: NightView, labels: Sequence[tuple[str, str]]) -> Iterable[KeyFigure]:
    """Rows of the view by their labels; the remark below where it has the interval."""
    rows = {row.label: row for section in view.sections for row in section.rows}
    for label, words in labels:
        row = rows.get(label)
        if row is not None:
            remark = row.remark.partition(";")[0]
            yield KeyFigure(words, row.value, remark if row.value == "-" or "interval" in remark else "")


def _comparison(response: TreatmentResponse) -> Iterable[Chart]:
    """Both posteriors on one axis, then the nights of both sides on another."""
    drawing = draw_treatment(response)
    if drawing is None:
        return
    legend = (("before", "before"), ("after", "on treatment"))
    yield Chart("change", "Mean AHI", EACH_HEIGHT, drawing, legend)
    top = max(top_per_h(response.before), top_per_h(response.after))
    for key, title, summary in (
        ("before-dates", "AHI of each night before", response.before),
        ("after-dates", "AHI of each night on treatment", response.after),
    ):
        yield Chart(key, title, f"{DOTS} {MEAN}", draw_nights(summary, top))


def _side(
    key: str, title: str, summary: PatientSummary, links: Sequence[str | None], top: float | None = None
) -> Side:
    """The nights of a summary; with its own charts where they are on no scale that it shares."""
    nights = summary.nights
    if links and len(links) != len(nights):
        raise ValueError(f"night_links: expected one a night, {nights_words(len(nights))}, got {len(links)}")
    has_class = _has_class(summary)
    charts = tuple(_charts(key, summary)) if top is None else ()
    top = top_per_h(summary) if top is None else top
    entries = tuple(
        NightEntry(
            describe_night(night),
            draw_strip(night, top, has_class=has_class),
            _reference(links[place] if links else None),
        )
        for place, night in enumerate(nights)
    )
    return Side(
        key=key,
        title=title,
        charts=charts,
        entries=entries,
        n_older=max(len(nights) - MAX_NIGHTS, 0),
    )


def _has_class(summary: PatientSummary) -> bool:
    return summary.posterior is not None and bool(summary.posterior.class_probability)


def _reference(link: str | None) -> str:
    """A path below as a reference that can be nothing else: no scheme, no host, no step up."""
    if link is None:
        return ""
    parts = [part for part in link.split("/") if part not in ("", ".", "..")]
    return "./" + "/".join(quote(part, safe="", errors="surrogateescape") for part in parts)


def _charts(key: str, summary: PatientSummary) -> Iterable[Chart]:
    posterior = summary.posterior
    if not summary.nights or posterior is None:
        return
    yield Chart(
        f"{key}-dates", "AHI of each night", f"{DOTS} {MEAN}", draw_nights(summary, top_per_h(summary))
    )
    yield Chart(f"{key}-posterior", "What they say of the mean", CURVE, draw_posterior(summary))
    if posterior.class_probability:
        note = "Grey bands in the charts are these classes."
        yield Chart(f"{key}-classes", "Probability of each class", note, draw_classes(posterior))
    positions = draw_positions(summary)
    if positions is not None:
        yield Chart(f"{key}-positions", "AHI by position", "All nights together.", positions)
