"""The night at a glance as a drawing: events by kind, breathing and SpO2 on one axis of the clock."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hsat.hypnogram import Hypnogram, SleepStage
from hsat.report.clock import clock_ticks
from hsat.report.drawing import Box, Drawing, Shape, Stroke, Words, strokes_of
from hsat.report.plain import printable, shortened
from hsat.results import NightResult

__all__ = ["draw_overview"]

WIDTH = 523.0
LEFT, RIGHT = 74.0, 2.0
ROW_HEIGHT = 9.5
TRACE_HEIGHT = 56.0
GAP = 5.0
AXIS_HEIGHT = 12.0
LONGEST_UNIT = 12
LEAST_BAR = 0.45
"""Width of the shortest bar: an event of 10 s in 8 h would be thinner than a printed line."""
LOWEST_TOP_PERCENT = 90.0
"""The axis of SpO2 reaches at least from here to 100 %: nights without falls look flat."""
SPO2_GRID_PERCENT = (90.0, 80.0, 70.0)
NARROW_SPO2_GRID_PERCENT = (95.0, 90.0, 85.0, 80.0)
NARROW_POINTS = 20.0
"""An axis of SpO2 no longer than this has more levels."""
MOST_TICKS = 10

KIND_ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("obstructive apnea", ("obstructive_apnea",)),
    ("central apnea", ("central_apnea",)),
    ("mixed apnea", ("mixed_apnea",)),
    ("apnea, unclassified", ("unclassified_apnea",)),
    ("hypopnea", ("hypopnea", "obstructive_hypopnea", "central_hypopnea")),
)
STAGE_ROWS: tuple[tuple[str, tuple[SleepStage, ...]], ...] = (
    ("wake", (SleepStage.WAKE,)),
    ("sleep", (SleepStage.SLEEP,)),
    ("REM", (SleepStage.REM,)),
    ("N1", (SleepStage.N1,)),
    ("N2", (SleepStage.N2,)),
    ("N3", (SleepStage.N3,)),
)
"""Rows from above: label, kinds or stages. Stages that a hypnogram does not have take no row."""


class _Panels:
    """Panels one below the other on one axis of time."""

    def __init__(self, duration_s: float, step_s: float) -> None:
        self.step_s = step_s
        self.per_s = (WIDTH - LEFT - RIGHT) / max(duration_s, 1.0)
        self.y = 0.0
        self.shapes: list[Shape] = []

    def x(self, seconds: float) -> float:
        return round(LEFT + seconds * self.per_s, 2)

    def bar(self, style: str, start_s: float, stop_s: float, y: float, height: float) -> Box:
        width = max((stop_s - start_s) * self.per_s, LEAST_BAR)
        return Box(style, self.x(start_s), y, round(width, 2), height)

    def add_row(self, label: str, bars: Iterable[tuple[str, float, float]]) -> None:
        """A row of bars: style, start and stop."""
        base = self.y + ROW_HEIGHT
        self.shapes.append(Words("row-name", LEFT - 4.0, base - 2.0, label, "end"))
        self.shapes += [
            self.bar(style, start_s, stop_s, self.y + 1.0, ROW_HEIGHT - 2.0)
            for style, start_s, stop_s in bars
        ]
        self.shapes.append(Stroke("grid", ((LEFT, base), (WIDTH - RIGHT, base))))
        self.y = base

    def add_trace(
        self, style: str, labels: tuple[str, ...], values: NDArray[np.float64], *, low: float, high: float
    ) -> None:
        """A line between the lowest and the highest value of its axis, one value every step."""
        span = max(high - low, 1e-9)
        heights = self.y + TRACE_HEIGHT * (1.0 - (np.clip(values, low, high) - low) / span)
        xs = [LEFT + (place + 0.5) * self.step_s * self.per_s for place in range(len(values))]
        for number, label in enumerate(labels):
            style_of_label = "clock" if number else "row-name"
            self.shapes.append(Words(style_of_label, LEFT - 4.0, self.y + 9.0 + 8.0 * number, label, "end"))
        self.shapes += strokes_of(style, xs, heights)
        self.y += TRACE_HEIGHT
        self.shapes.append(Stroke("grid", ((LEFT, self.y), (WIDTH - RIGHT, self.y))))


def draw_overview(night: NightResult) -> Drawing:
    """Draw a night from what its result keeps.

    Parameters
    ----------
    night : NightResult

    Returns
    -------
    Drawing
        Stages where a hypnogram was given, events by kind (desaturations where no airflow was
        recorded), mean breath excursion and lowest SpO2; grey where time is not monitored.
    """
    duration_s = night.recording.duration_s
    panels = _Panels(duration_s, night.overview.step_s)
    if night.monitored.hypnogram is not None:
        _add_stages(panels, night.monitored.hypnogram)
    _add_events(panels, night)
    overview = night.overview
    if overview.flow_excursion is not None:
        values = overview.flow_excursion.astype(np.float64)
        panels.y += GAP
        high = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
        panels.add_trace(
            "flow", ("breath excursion", f"0 to {high:.2g}", _flow_unit(night)), values, low=0.0, high=high
        )
    if overview.spo2_percent is not None:
        panels.y += GAP
        _add_spo2(panels, overview.spo2_percent.astype(np.float64))
    shades = [
        panels.bar("excluded", start_s, stop_s, 0.0, panels.y)
        for item in night.monitored.excluded
        for start_s, stop_s in item.spans_s.tolist()
    ]
    ticks = clock_ticks(night.recording.start_local, 0.0, duration_s, n_most=MOST_TICKS)
    for second, label in zip(ticks.seconds.tolist(), ticks.labels, strict=True):
        anchor = "start" if second == 0.0 else "end" if panels.x(second) > WIDTH - 12.0 else "middle"
        panels.shapes.append(Words("clock", panels.x(second), panels.y + 8.0, label, anchor))
    return Drawing(width=WIDTH, height=panels.y + AXIS_HEIGHT, shapes=(*shades, *panels.shapes))


def _add_stages(panels: _Panels, hypnogram: Hypnogram) -> None:
    for label, stages in STAGE_ROWS:
        spans = [span for span in hypnogram.spans if span.stage in stages]
        if spans:
            panels.add_row(label, [("stage", span.start_s, span.stop_s) for span in spans])
    panels.y += GAP


def _add_events(panels: _Panels, night: NightResult) -> None:
    if night.flow_sensor is None:
        falls = [("desaturation", fall.start_s, fall.stop_s) for fall in night.desaturations]
        panels.add_row("desaturation", falls)
        return
    for label, kinds in KIND_ROWS:
        events = [event for event in night.events if event.kind.value in kinds]
        panels.add_row(
            label,
            [
                (f"event {kinds[0]}" if event.is_counted else "event uncounted", event.start_s, event.stop_s)
                for event in events
            ],
        )


def _add_spo2(panels: _Panels, values: NDArray[np.float64]) -> None:
    lowest = float(np.nanmin(values)) if np.isfinite(values).any() else LOWEST_TOP_PERCENT
    low, top = min(lowest, LOWEST_TOP_PERCENT), panels.y
    levels = NARROW_SPO2_GRID_PERCENT if 100.0 - low <= NARROW_POINTS else SPO2_GRID_PERCENT
    for level in levels:
        if level >= low:
            y = round(top + TRACE_HEIGHT * (100.0 - level) / (100.0 - low), 2)
            panels.shapes.append(Stroke("grid", ((LEFT, y), (WIDTH - RIGHT, y))))
            panels.shapes.append(Words("clock", LEFT - 4.0, y + 2.0, f"{level:g} %", "end"))
    panels.add_trace("spo2", ("SpO2",), values, low=low, high=100.0)


def _flow_unit(night: NightResult) -> str:
    units = [channel.unit for channel in night.recording.channels if channel.name == night.flow_sensor]
    return shortened(printable(units[0]), LONGEST_UNIT) if units and units[0] else "unit as recorded"
