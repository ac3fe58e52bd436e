"""One event in a figure: the signals around it, its baseline and limits, its fall of SpO2, its evidence."""

from textwrap import fill
from typing import TYPE_CHECKING, Literal

import numpy as np

from hsat.errors import EventListError
from hsat.recording import Recording
from hsat.report.clock import clock_ticks
from hsat.report.event_view import CANDIDATE, EventLine, describe_candidate, describe_event
from hsat.report.figures import figure_words, new_figure
from hsat.report.limits import limits_of
from hsat.report.plain import shortened
from hsat.report.plots import BLUE, GREEN, SHADE, VERMILION
from hsat.report.traces import Trace, read_traces
from hsat.results import NightResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_event"]

Stroke = Literal["solid", "dashed", "dotted"]

AROUND_S = 60.0
"""Time shown before and after an event."""
FALL_SHOWN_S = 15.0
"""Time shown after the end of the event's fall of SpO2, which may come late."""
MOST_SAMPLES = 20_000_000
"""Nothing is stored: every night gets the best rates."""
MOST_TICKS = 11
"""Of times to the second, which are wide."""
EVIDENCE_WIDTH = 120
REFUSED = "#555555"
"""Grey, as on the page: what was refused is no event."""
BELTS = ("thorax", "abdomen")
BEFORE_S = 45.0
"""How far before the event its baseline and limits are drawn."""


def plot_event(
    night: NightResult, index: int, recording: Recording, *, is_rejected: bool = False
) -> "Figure":
    """Draw one event, or one refused candidate, with its evidence.

    Parameters
    ----------
    night : NightResult
    index : int
        Place in ``night.events``, or in ``night.rejected``; negative ones count from the end.
    recording : Recording
        What was scored.
    is_rejected : bool, optional
        Draw a candidate that no rule admitted.

    Returns
    -------
    matplotlib.figure.Figure
        Airflow with the baseline of the event and the limits of its rule set, belts, SpO2 with the
        fall that belongs to the event; below them the evidence in words. The horizontal axis is the
        clock where the start is known. The figure belongs to no window.

    Raises
    ------
    EventListError
        Where the night has no event of that number.
    ReadError
        Where the recording's file can no longer be read.
    """
    line = _line_of(night, index, is_rejected=is_rejected)
    sensor = line.sensor or night.flow_sensor
    names = tuple(dict.fromkeys(name for name in (sensor, *BELTS, "spo2") if name is not None))
    traces = read_traces(recording, names=names, n_most=MOST_SAMPLES)
    start_s, stop_s = _window_s(line, recording.duration_s)
    figure = new_figure(11.0, 2.2 + 1.7 * max(len(traces), 1))
    panels = figure.subplots(max(len(traces), 1), 1, sharex=True, squeeze=False)[:, 0]
    for axes, trace in zip(panels, traces, strict=False):
        _draw_signal(axes, trace, start_s, stop_s)
        if trace.name == "spo2":
            _draw_fall(axes, line, night)
            continue
        colour = REFUSED if line.kind == CANDIDATE else VERMILION
        axes.axvspan(line.start_s, line.stop_s, color=colour, alpha=0.18, linewidth=0)
        if trace.name == sensor:
            _draw_limits(axes, line, trace, night)
    ticks = clock_ticks(night.recording.start_local, start_s, stop_s, n_most=MOST_TICKS)
    panels[-1].set_xlim(start_s, stop_s)
    panels[-1].set_xticks(ticks.seconds, ticks.labels)
    has_clock = night.recording.start_local is not None
    panels[-1].set_xlabel("clock time" if has_clock else "time from the start")
    panels[0].set_title(f"{line.words} at {line.clock}", fontsize="medium", loc="left")
    words = (f"{row.label}: {shortened(row.value)}" for row in line.evidence)
    evidence = "\n".join(fill(text, EVIDENCE_WIDTH) for text in words)
    figure.supxlabel(figure_words(evidence), fontsize="small", x=0.01, ha="left")
    return figure


def _line_of(night: NightResult, index: int, *, is_rejected: bool) -> EventLine:
    found = night.rejected if is_rejected else night.events
    what = "rejected" if is_rejected else "events"
    if not -len(found) <= index < len(found):
        raise EventListError(f"{what}[{index}]: the night has {len(found)} {what}")
    if is_rejected:
        return describe_candidate(night.rejected[index], night)
    return describe_event(night.events[index], night)


def _window_s(line: EventLine, duration_s: float) -> tuple[float, float]:
    last_s = line.stop_s + AROUND_S
    if line.desaturation is not None:
        last_s = max(last_s, line.desaturation.stop_s + FALL_SHOWN_S)
    return max(0.0, line.start_s - AROUND_S), min(duration_s, last_s)


def _draw_signal(axes: "Axes", trace: Trace, start_s: float, stop_s: float) -> None:
    first = max(0, int(start_s * trace.rate_hz))
    stop = min(len(trace.values), int(np.ceil(stop_s * trace.rate_hz)) + 1)
    values = trace.values[first:stop]
    seconds = np.arange(first, stop) / trace.rate_hz
    if trace.name == "spo2":
        axes.step(seconds, values, where="post", color=GREEN, linewidth=1.0)
        axes.set_ylabel("SpO2 (%)")
    else:
        axes.plot(seconds + 0.5 / trace.rate_hz, values, color=BLUE, linewidth=0.8)
        unit = trace.signal.unit or "as recorded"
        axes.set_ylabel(figure_words(f"{trace.name.replace('_', ' ')}\n({unit})"))
    axes.grid(visible=True, alpha=0.3)


def _draw_limits(axes: "Axes", line: EventLine, trace: Trace, night: NightResult) -> None:
    """The breath excursion of the baseline, and what of it each limit leaves, around the middle of flow."""
    if line.baseline_excursion is None:
        return
    first = max(0, int((line.start_s - AROUND_S) * trace.rate_hz))
    near = trace.values[first : int(line.stop_s * trace.rate_hz)]
    if len(near) == 0 or bool(np.isnan(near).all()):
        return
    middle = float(np.nanmedian(near))
    drawn: list[tuple[str, float, Stroke, str]] = [("baseline", 1.0, "solid", "black")]
    limits = limits_of(night.rules_id, is_pressure_rooted=night.is_pressure_rooted)
    if limits is not None:
        on_pressure = trace.name == "nasal_pressure"
        apnea = limits[
            "pressure_apnea_min_reduction_fraction" if on_pressure else "apnea_min_reduction_fraction"
        ]
        hypopnea = limits["hypopnea_min_reduction_fraction"]
        if not line.kind.endswith("_apnea"):
            drawn.append(("hypopnea limit", 1.0 - hypopnea, "dashed", BLUE))
        if not line.kind.endswith("hypopnea"):
            drawn.append(("apnea limit", 1.0 - apnea, "dotted", VERMILION))
    for label, share, style, colour in drawn:
        half = line.baseline_excursion * share / 2.0
        levels = (middle - half, middle + half)
        axes.hlines(levels, line.start_s - BEFORE_S, line.stop_s, colour, style, label=label, linewidth=1.2)
    _name_lines(axes, len(drawn))


def _draw_fall(axes: "Axes", line: EventLine, night: NightResult) -> None:
    fall = line.desaturation
    if fall is None or fall.nadir_percent >= fall.baseline_percent:
        return
    axes.axvspan(fall.start_s, fall.stop_s, color=SHADE, alpha=0.4, linewidth=0)
    axes.plot(
        [fall.start_s, fall.nadir_s, fall.nadir_s],
        [fall.baseline_percent, fall.baseline_percent, fall.nadir_percent],
        color="black",
        linewidth=1.2,
        label="fall",
    )
    axes.plot([fall.nadir_s], [fall.nadir_percent], "o", color="black", markersize=4)
    limits = limits_of(night.rules_id)
    if limits is not None and not line.kind.endswith("_apnea"):  # an apnea needs no fall
        points = limits["min_desaturation_points"]
        level, words = fall.baseline_percent - points, f"limit: {points:g} points"
        axes.hlines([level], fall.start_s, fall.stop_s, "black", "dashed", label=words, linewidth=1.0)
    _name_lines(axes, 2)


def _name_lines(axes: "Axes", n_lines: int) -> None:
    """The legend above the panel, where it hides no trace."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.1,
        frameon=False,
        fontsize="small",
        ncols=n_lines,
    )
