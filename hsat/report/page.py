"""A night as one page: a single file that opens in a browser without a network."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hsat.distribution import describe_distribution
from hsat.recording import Recording
from hsat.report.event_view import CANDIDATE, KIND_WORDS, EventLine, event_lines
from hsat.report.page_charts import night_charts
from hsat.report.page_data import page_document, script_json
from hsat.report.plain import printable, shortened, without_surrogates
from hsat.report.rows import INDEX_ROWS, index_text, index_value, reason_for
from hsat.report.view import view_night
from hsat.results import NightResult

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render_page"]

FOLDER = Path(__file__).parent
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


class KeyFigure(NamedTuple):
    """A number at the head of the page; `reason` where it was not measured."""

    label: str
    value: str
    reason: str


class Banner(NamedTuple):
    """What nobody may overlook: its style, and its words."""

    style: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """A style sheet or script as it stands in the page, with its hash for the page's policy."""

    text: str

    @property
    def hash_source(self) -> str:
        """The source expression of the content security policy that lets exactly this text run."""
        digest = hashlib.sha256(self.text.encode("utf-8")).digest()
        return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def render_page(night: NightResult, recording: Recording | None = None) -> str:
    """Describe a night as one HTML page.

    Parameters
    ----------
    night : NightResult
    recording : Recording, optional
        What was scored: its signals are embedded. Without it the page draws the overview that the
        result keeps.

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
    style = Inline(text=_styles())
    script = Inline(text=_scripts())
    policy = (
        f"default-src 'none'; script-src {script.hash_source}; style-src {style.hash_source}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template("night.html.j2")
        .render(
            title=_title(night),
            policy=policy,
            style=style.text,
            script=script.text,
            licence=_read(LICENCE),
            data=script_json(page_document(night, lines, recording)),
            view=view_night(night),
            night=night,
            banners=tuple(_banners(night, has_signals=recording is not None)),
            figures=tuple(_figures(night)),
            charts=night_charts(night, describe_distribution(night)),
            lines=lines,
            kinds=_kinds(lines),
            counts=_counts(lines),
        )
    )


def _title(night: NightResult) -> str:
    start = night.recording.start_local
    when = "start unknown" if start is None else f"{start:%Y-%m-%d}"
    patient = night.recording.subject.patient
    return f"Night of {when}" + (f", {shortened(printable(patient), 60)}" if patient else "")


def _banners(night: NightResult, *, has_signals: bool) -> Iterable[Banner]:
    if night.scoring == "edited":
        yield Banner("edited", "Edited scoring: computed from an event list that a person edited.")
    if not night.is_adequate:
        reasons = "; ".join(printable(reason) for reason in night.reasons)
        yield Banner(night.adequacy, f"Night {night.adequacy}" + (f": {reasons}." if reasons else "."))
    if night.therapy == "pap":
        yield Banner("therapy", "Recorded under positive airway pressure: no diagnostic class.")
    if night.flow_sensor is None:
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


@cache
def _read(name: str) -> str:
    return (FOLDER / "static" / name).read_text(encoding="utf-8")


@cache
def _styles() -> str:
    return "\n".join(_read(name) for name in STYLES)


@cache
def _scripts() -> str:
    return "\n".join(_read(name) for name in SCRIPTS)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = lambda text: shortened(without_surrogates(str(text)))
    return environment
