"""A night, several nights or a treatment as sheets that a clinic can file: PDF from the same view."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from hsat.patient import PatientSummary
from hsat.report.drawing import Drawing
from hsat.report.night_drawing import draw_overview
from hsat.report.patient_drawings import (
    draw_classes,
    draw_nights,
    draw_positions,
    draw_posterior,
    draw_responses,
    draw_treatment,
)
from hsat.report.patient_plots import top_per_h
from hsat.report.patient_view import view_patient
from hsat.report.pdf_columns import (
    BODY_WIDTH,
    Sheets,
    column_width,
    fact_lines,
    list_lines,
    paragraph,
    section_lines,
)
from hsat.report.pdf_paper import Line, Piece, shown, text_width, write_pdf
from hsat.report.titles import night_title, patient_title, treatment_title
from hsat.report.treatment_view import view_treatment
from hsat.report.view import PHYSICIAN, NightView, view_night
from hsat.results import NightResult
from hsat.treatment import TreatmentResponse

__all__ = ["render_night_pdf", "render_patient_pdf", "render_treatment_pdf"]

DOCUMENT = "Home sleep apnea test"
"""Title in the file's own description, which leaves the clinic with the file: it names nobody."""
DOT_WORDS = (
    "Dots: nights (open: partial) with the 95 % interval that the chance of counting alone gives; blue: mean "
    "over many nights, dashed its interval."
)
PAIR_WORDS = f"{DOT_WORDS} Right: how probable each mean AHI is; dot and bar: mean and 95 % interval."
CHANGE_WORDS = (
    "Curves: how probable each mean AHI is before (blue) and on treatment (red, dashed), each of its own "
    "height; dots and bars: means and 95 % intervals."
)
PLAIN_BADGES = ("", "automatic scoring", "automatic scoring, adequate", "device scoring")
"""What needs no emphasis beside the title; a night that is edited, partial or inadequate does."""
ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
ESCAPED = "Characters that this sheet cannot draw are written by their Unicode numbers, such as \\u05d0."
N_COLUMNS = 3
N_FACT_COLUMNS = 2
SIGN_HEIGHT = 14.0


class Figure(NamedTuple):
    """Drawings side by side, the words below them, their titles above."""

    drawings: tuple[Drawing, ...]
    words: str
    titles: tuple[str, ...] = ()


def render_night_pdf(night: NightResult) -> bytes:
    """One night as a PDF, on one sheet unless its lists are long.

    Parameters
    ----------
    night : NightResult

    Returns
    -------
    bytes
        The same bytes for the same result.
    """
    return _render(
        night_title(night),
        f"{night.scoring} scoring, {night.adequacy}",
        view_night(night),
        (Figure((draw_overview(night),), _shade_words(night)),),
    )


def _shade_words(night: NightResult) -> str:
    """What the shades of the overview mean, as far as it has them."""
    words = []
    if any(item.minutes > 0.0 for item in night.monitored.excluded):
        words.append("Grey: not monitored.")
    if any(not event.is_counted for event in night.events):
        words.append("Pale bars: events that are not counted.")
    return " ".join(words)


def render_patient_pdf(summary: PatientSummary) -> bytes:
    """Several nights of one patient as a PDF, on one sheet unless they are many.

    Parameters
    ----------
    summary : PatientSummary

    Returns
    -------
    bytes
        The same bytes for the same summary.
    """
    figures: list[Figure] = []
    posterior = summary.posterior
    if summary.nights and posterior is not None:
        pair = (draw_nights(summary, top_per_h(summary)), draw_posterior(summary))
        figures.append(Figure(pair, PAIR_WORDS, ("AHI of each night", "What they say of the mean")))
        bars: list[Drawing] = []
        titles = []
        if posterior.class_probability:
            bars.append(draw_classes(posterior))
            titles.append("Probability of each class")
        positions = draw_positions(summary)
        if positions is not None:
            bars.append(positions)
            titles.append("AHI by position, all nights together")
        if bars:
            figures.append(Figure(_half(bars), "", tuple(titles)))
    ways = dict.fromkeys(f"{night.scoring} scoring" for night in summary.nights)
    return _render(patient_title(summary), ", ".join(ways), view_patient(summary), figures)


def render_treatment_pdf(response: TreatmentResponse) -> bytes:
    """The effect of a treatment as a PDF.

    Parameters
    ----------
    response : TreatmentResponse

    Returns
    -------
    bytes
        The same bytes for the same response.
    """
    figures: list[Figure] = []
    change, responses = draw_treatment(response), draw_responses(response)
    if change is not None:
        top = max(top_per_h(response.before), top_per_h(response.after))
        nights = (draw_nights(response.before, top), draw_nights(response.after, top))
        both = [change] if responses is None else [change, responses]
        figures.append(Figure(_half(both), CHANGE_WORDS, ("Mean AHI", "Probability")[: len(both)]))
        titles = ("AHI of each night before", "AHI of each night on treatment, on the same scale")
        figures.append(Figure(nights, DOT_WORDS, titles))
    return _render(treatment_title(response), "", view_treatment(response), figures)


def _half(drawings: Sequence[Drawing]) -> tuple[Drawing, ...]:
    """One or two drawings, each half as wide as the sheet."""
    empty = Drawing(width=drawings[0].width, height=1.0, shapes=())
    return (*drawings, *[empty] * (2 - len(drawings)))


def _render(title: str, badge: str, view: NightView, figures: Sequence[Figure]) -> bytes:
    """One order for all: head, remarks, facts, figures, blocks in columns, closing words, a line to sign."""
    sheets = Sheets()
    _add_head(sheets, title, badge, view)
    sheets.skip(4.0)
    facts = [fact_lines([row], column_width(N_FACT_COLUMNS)) for row in view.facts.rows]
    sheets.add_columns(facts, N_FACT_COLUMNS)
    sheets.skip(7.0)
    for figure in figures:
        sheets.add_drawings(figure.drawings, figure.titles)
        if figure.words:
            sheets.add_lines(paragraph(figure.words, "aside", BODY_WIDTH))
        sheets.skip(6.0)
    closing = _closing_lines(view, [ESCAPED] if _has_escapes(title, view) else [])
    width = column_width(N_COLUMNS)
    blocks = [section_lines(section, width) for section in view.sections if section.rows or section.text]
    blocks += [list_lines(heading, items, width) for heading, items in view.lists]
    sheets.add_columns(blocks, N_COLUMNS, sum(line.height for line in closing) + 6.0)
    sheets.skip(6.0)
    sheets.add_together(closing)
    return write_pdf(sheets.finish(title), DOCUMENT)


def _add_head(sheets: Sheets, title: str, badge: str, view: NightView) -> None:
    style = "badge" if badge in PLAIN_BADGES else "badge alert"
    badge_width = text_width(badge, style)
    lines = paragraph(title, "title", BODY_WIDTH - badge_width - 10.0)
    first = lines[0]
    lines[0] = Line(
        height=first.height, pieces=(*first.pieces, Piece(BODY_WIDTH, shown(badge), style, "end"))
    )
    lines += paragraph(view.headline, "headline", BODY_WIDTH)
    for remark in view.remarks:
        lines += paragraph(remark, "remark", BODY_WIDTH)
    sheets.add_lines(lines)


def _has_escapes(title: str, view: NightView) -> bool:
    """Whether a text of the file holds what the sheet writes by its number."""
    texts = [title, view.headline, *view.remarks, *(item for _, items in view.lists for item in items)]
    for section in (view.facts, *view.sections):
        texts += [word for row in section.rows for word in row]
    return any(ESCAPE.search(shown(text)) for text in texts)


def _closing_lines(view: NightView, more: Sequence[str]) -> list[Line]:
    """What ends every report, the line for the interpreting physician last."""
    lines: list[Line] = []
    for remark in (*view.closing, *more):
        if remark != PHYSICIAN:
            lines += paragraph(remark, "closing", BODY_WIDTH)
    return [*lines, Line(height=SIGN_HEIGHT), *paragraph(PHYSICIAN, "sign", BODY_WIDTH)]
