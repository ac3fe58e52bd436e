"""A night as one page: a single file that opens in a browser without a network."""

from collections.abc import Iterable, Sequence

from hsat.distribution import describe_distribution
from hsat.recording import Recording
from hsat.report.event_view import CANDIDATE, KIND_WORDS, EventLine, event_lines
from hsat.report.page_charts import night_charts
from hsat.report.page_data import page_document, script_json
from hsat.report.page_shell import Banner, KeyFigure, PageLink, fill_page, static_text
from hsat.report.plain import printable, shortened
from hsat.report.rows import INDEX_ROWS, index_text, index_value, reason_for
from hsat.report.titles import night_title
from hsat.report.view import PHYSICIAN, view_night
from hsat.results import NightResult

__all__ = ["render_page"]

STYLES = ("uplot/uPlot.min.css", "night.css")
SCRIPTS = ("uplot/uPlot.iife.min.js", "samples.js", "panels.js", "navigation.js", "table.js", "night.js")
"""Scripts in the order in which they run; each is one function that adds to the page's own name."""
LICENCE = "uplot/LICENSE"

KEY_FIGURES: tuple[tuple[str, str], ...] = (
    ("ahi_per_h", "AHI"),
    ("central_apnea_index_per_h", "Central apneas"),
    ("supine_ahi_per_h", "AHI supine"),
    ("odi3_per_h", "ODI3"),
    ("odi4_per_h", "ODI4"),
    ("min_spo2_percent", "Lowest SpO2"),
    ("t90_percent", "T90"),
    ("mean_pulse_bpm", "Mean pulse"),
)
"""Numbers at the head of the page: key and short label."""


def render_page(night: NightResult, recording: Recording | None = None, ways: Sequence[PageLink] = ()) -> str:
    """Describe a night as one HTML page.

    Parameters
    ----------
    night : NightResult
    recording : Recording, optional
        What was scored: its signals are embedded. Without it the page draws the overview that the
        result keeps.
    ways : sequence of PageLink, optional
        Pages that this one leads to, such as that of the patient.

    Returns
    -------
    str
        HTML with everything in it. The page asks no network for anything and runs no other script
        than its own; it computes no number of the night.

    Raises
    ------
    ReadError
        Where the recording's file can no longer be read.
    """
    lines = event_lines(night)
    return fill_page(
        "night.html.j2",
        styles=STYLES,
        scripts=SCRIPTS,
        title=night_title(night),
        ways=ways,
        licence=static_text(LICENCE),
        data=script_json(page_document(night, lines, recording)),
        view=view_night(night),
        night=night,
        banners=tuple(_banners(night, has_signals=recording is not None)),
        figures=tuple(_figures(night)),
        charts=night_charts(night, describe_distribution(night)),
        lines=lines,
        kinds=_kinds(lines),
        counts=_counts(lines),
        physician=PHYSICIAN,
    )


def _banners(night: NightResult, *, has_signals: bool) -> Iterable[Banner]:
    if night.scoring == "edited":
        yield Banner("edited", "Edited scoring: computed from an event list that a person edited.")
    if not night.is_adequate:  # its reasons tell of the treatment and of missing airflow too
        reasons = "; ".join(printable(reason) for reason in night.reasons)
        yield Banner(night.adequacy, f"Night {night.adequacy}" + (f": {reasons}." if reasons else "."))
    elif night.therapy == "pap":
        yield Banner("therapy", "Recorded under positive airway pressure: no diagnostic class.")
    elif night.flow_sensor is None:
        yield Banner("oximetry", "No airflow was recorded: apneas and hypopneas cannot be told.")
    if not has_signals:
        yield Banner("overview", "The recording was not at hand: the traces are an overview in steps.")


def _figures(night: NightResult) -> Iterable[KeyFigure]:
    rows = {row.key: row for row in INDEX_ROWS}
    for key, label in KEY_FIGURES:
        value = index_value(night.indices, key)
        if value is None:
            yield KeyFigure(label, "not measured", shortened(printable(reason_for(night, key)), 90))
        else:
            yield KeyFigure(label, index_text(rows[key], value), "")


def _kinds(lines: Iterable[EventLine]) -> tuple[tuple[str, str], ...]:
    """Kinds that the night has, for the filter, in the order of the table of kinds."""
    present = {line.kind for line in lines}
    return tuple((kind, words) for kind, words in KIND_WORDS.items() if kind in present)


def _counts(lines: Iterable[EventLine]) -> str:
    """How many lines the table has, in words."""
    n_candidates = n_others = 0
    for line in lines:
        n_candidates += line.kind == CANDIDATE
        n_others += line.kind != CANDIDATE
    return f"{n_others} scored, {n_candidates} refused"
