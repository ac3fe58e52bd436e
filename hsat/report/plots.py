"""The night in one figure: airflow, oxygen, events, and the time that does not count."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hsat.hypnogram import Hypnogram, SleepStage
from hsat.report.clock import clock_ticks
from hsat.report.figures import figure_words, new_figure
from hsat.report.view import view_night
from hsat.results import SECONDS_PER_HOUR, NightResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_night"]

# Okabe and Ito's palette (jfly.uni-koeln.de/color), told apart with every form of colour blindness; green
# and purple darker, for their contrast with white, as on the night's page. Each kind has its own row
# besides, so that no kind depends on colour.
BLACK, BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE = (
    "#000000",
    "#0072B2",
    "#56B4E9",
    "#00805D",
    "#E69F00",
    "#D55E00",
    "#B3609A",
)
SHADE = "#BBBBBB"

KIND_ROWS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("hypopnea", ("hypopnea", "obstructive_hypopnea", "central_hypopnea"), BLUE),
    ("apnea, unclassified", ("unclassified_apnea",), BLACK),
    ("mixed apnea", ("mixed_apnea",), PURPLE),
    ("central apnea", ("central_apnea",), ORANGE),
    ("obstructive apnea", ("obstructive_apnea",), VERMILION),
)
"""Rows of the event panel from below: label, kinds, colour."""

STAGE_ROWS: tuple[tuple[str, tuple[SleepStage, ...], str], ...] = (
    ("N3", (SleepStage.N3,), BLUE),
    ("N2", (SleepStage.N2,), BLUE),
    ("N1", (SleepStage.N1,), SKY),
    ("REM", (SleepStage.REM,), VERMILION),
    ("sleep", (SleepStage.SLEEP,), SKY),
    ("wake", (SleepStage.WAKE,), ORANGE),
)
"""Rows of the hypnogram from below: label, stages, colour. What was not scored is left empty."""

UNCOUNTED_ALPHA = 0.35
SHADE_WORDS = "shaded: not monitored; pale events do not count"


def plot_night(night: NightResult) -> "Figure":
    """Draw the overview of a night.

    Parameters
    ----------
    night : NightResult

    Returns
    -------
    matplotlib.figure.Figure
        Panels from above: sleep and wake where a hypnogram was given, mean breath excursion, lowest
        SpO2, events by kind; time that is not monitored is shaded in all. The horizontal axis is the
        clock where the start is known, hours from the start otherwise. The figure belongs to no
        window: show it in a notebook or save it with ``figure.savefig``. A channel that was not
        recorded leaves its panel out; where oximetry alone was recorded, desaturations stand in the
        place of events.
    """
    overview = night.overview
    panels = ["events"]
    if overview.spo2_percent is not None:
        panels.insert(0, "spo2")
    if overview.flow_excursion is not None:
        panels.insert(0, "flow")
    if night.monitored.hypnogram is not None:
        panels.insert(0, "stages")
    figure = new_figure(11.0, 1.2 + 1.9 * len(panels))
    axes = dict(zip(panels, figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0], strict=True))
    if overview.flow_excursion is not None:
        _draw_trace(axes["flow"], overview.flow_excursion, overview.step_s, BLUE)
        axes["flow"].set_ylabel(f"breath excursion\n({_flow_unit(night)})")
        axes["flow"].set_ylim(bottom=0.0)
    if overview.spo2_percent is not None:
        _draw_trace(axes["spo2"], overview.spo2_percent, overview.step_s, GREEN)
        axes["spo2"].set_ylabel("SpO2 (%)")
    if night.flow_sensor is None:
        _draw_desaturations(axes["events"], night)
    else:
        _draw_events(axes["events"], night)
    if night.monitored.hypnogram is not None:
        _draw_stages(axes["stages"], night.monitored.hypnogram)
    for panel in axes.values():
        _shade_excluded(panel, night)
    _draw_clock(axes["events"], night)
    axes[panels[0]].set_title(view_night(night).headline, fontsize="medium", loc="left")
    return figure


def _draw_trace(axes: "Axes", values: NDArray[np.float32], step_s: float, colour: str) -> None:
    hours = (np.arange(len(values)) + 0.5) * step_s / SECONDS_PER_HOUR
    axes.plot(hours, values, color=colour, linewidth=0.8)
    axes.grid(visible=True, axis="y", alpha=0.3)


def _draw_events(axes: "Axes", night: NightResult) -> None:
    """Each event as a bar over its span in the row of its kind; uncounted ones pale."""
    for height, (_, kinds, colour) in enumerate(KIND_ROWS):
        for is_counted in (True, False):
            bars = [
                (event.start_s / SECONDS_PER_HOUR, event.duration_s / SECONDS_PER_HOUR)
                for event in night.events
                if event.kind.value in kinds and event.is_counted is is_counted
            ]
            axes.broken_barh(
                bars,
                (height - 0.35, 0.7),
                facecolor=colour,
                edgecolor=colour,
                linewidth=0.6,
                alpha=1.0 if is_counted else UNCOUNTED_ALPHA,
            )
    axes.set_yticks(range(len(KIND_ROWS)), [label for label, _, _ in KIND_ROWS])
    axes.set_ylim(-0.6, len(KIND_ROWS) - 0.4)


def _draw_desaturations(axes: "Axes", night: NightResult) -> None:
    """Each fall of SpO2 that the ODI counts, as a bar from its baseline to its end."""
    bars = [
        (fall.start_s / SECONDS_PER_HOUR, (fall.stop_s - fall.start_s) / SECONDS_PER_HOUR)
        for fall in night.desaturations
    ]
    axes.broken_barh(bars, (-0.35, 0.7), facecolor=VERMILION, edgecolor=VERMILION, linewidth=0.6)
    axes.set_yticks([0], ["desaturation"])
    axes.set_ylim(-0.6, 0.6)


def _draw_stages(axes: "Axes", hypnogram: Hypnogram) -> None:
    """Each stage as a bar in its own row, REM below wake as hypnograms are drawn."""
    for height, (_, stages, colour) in enumerate(STAGE_ROWS):
        bars = [
            (span.start_s / SECONDS_PER_HOUR, (span.stop_s - span.start_s) / SECONDS_PER_HOUR)
            for span in hypnogram.spans
            if span.stage in stages
        ]
        axes.broken_barh(bars, (height - 0.35, 0.7), facecolor=colour)
    axes.set_yticks(range(len(STAGE_ROWS)), [label for label, _, _ in STAGE_ROWS])
    axes.set_ylim(-0.6, len(STAGE_ROWS) - 0.4)


def _shade_excluded(axes: "Axes", night: NightResult) -> None:
    for item in night.monitored.excluded:
        for start_s, stop_s in item.spans_s:
            axes.axvspan(
                start_s / SECONDS_PER_HOUR, stop_s / SECONDS_PER_HOUR, color=SHADE, alpha=0.5, linewidth=0
            )


def _draw_clock(axes: "Axes", night: NightResult) -> None:
    """Ticks at round times of the clock where the start is known."""
    duration_s = night.recording.duration_s
    axes.set_xlim(0.0, max(duration_s / SECONDS_PER_HOUR, 1e-3))
    start = night.recording.start_local
    if start is None:
        axes.set_xlabel(f"hours from the start; {SHADE_WORDS}")
        return
    axes.set_xlabel(f"clock time; {SHADE_WORDS}")
    ticks = clock_ticks(start, 0.0, duration_s)
    axes.set_xticks(ticks.seconds / SECONDS_PER_HOUR, ticks.labels)


def _flow_unit(night: NightResult) -> str:
    units = [channel.unit for channel in night.recording.channels if channel.name == night.flow_sensor]
    return figure_words(units[0]) if units and units[0] else "as recorded"
