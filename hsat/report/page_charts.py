"""The small charts of a night's page: bars with their table, ready for a template to draw."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from hsat.distribution import Distribution, DropBin, DurationBin, HourOfNight
from hsat.report.clock import clock_text
from hsat.report.rows import index_value
from hsat.results import NightResult

__all__ = ["Bar", "BarChart", "night_charts"]

WIDTH = 340.0
HEIGHT = 158.0
LEFT, RIGHT, TOP, BOTTOM = 8.0, 8.0, 20.0, 24.0
LETTER_WIDTH = 6.2
"""Of the figures below the bars, generously: labels that would touch are left out."""
GAP_FRACTION = 0.22
NOT_MEASURED = "not measured"


class Part(NamedTuple):
    """A piece of a bar: its class in the style sheet, and where it is drawn."""

    style: str
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: label below, text above, cells in the table, pieces; `edge` is where its bin begins."""

    label: str
    text: str
    cells: tuple[str, ...]
    x: float
    width: float
    parts: tuple[Part, ...]
    edge: float | None = None

    @property
    def middle(self) -> float:
        """Where its texts are centred."""
        return self.x + self.width / 2.0

    @property
    def label_x(self) -> float:
        """Where its label is centred: below the bar, or below the edge that it names."""
        return self.middle if self.edge is None else self.edge

    @property
    def top(self) -> float:
        """The height at which its text stands."""
        return min((part.y for part in self.parts), default=HEIGHT - BOTTOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """A titled chart.

    Attributes
    ----------
    key, title, axis : str
        Its place in the page, what it shows, what the bars stand on.
    columns : tuple of str
        Heads of its table: the label's, then one a cell.
    legend : tuple of (str, str)
        Style and words of the pieces; empty where there is one kind.
    bars : tuple of Bar
    empty : str
        What stands in for bars where there are none.
    width, height, floor : float
        Size of the drawing, and the height on which the bars stand.
    """

    key: str
    title: str
    axis: str
    columns: tuple[str, ...]
    legend: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...]
    empty: str
    width: float = WIDTH
    height: float = HEIGHT
    floor: float = HEIGHT - BOTTOM

    @property
    def label_step(self) -> int:
        """Every how many-th bar has its label below it; the table has them all."""
        widest = max((len(bar.label) for bar in self.bars), default=0) * LETTER_WIDTH + 3.0
        return max(math.ceil(widest * len(self.bars) / (WIDTH - LEFT - RIGHT)), 1)


class _Column(NamedTuple):
    label: str
    text: str
    cells: tuple[str, ...]
    pieces: tuple[tuple[str, float], ...]


def night_charts(night: NightResult, spread: Distribution) -> tuple[BarChart, ...]:
    """AHI by hour and by position, lengths of events, depths of desaturations.

    Parameters
    ----------
    night : NightResult
    spread : Distribution
        Of the same night.

    Returns
    -------
    tuple of BarChart
    """
    kinds = (("apnea", "apneas"), ("hypopnea", "hypopneas"))
    n_events = sum(hour.n_events for hour in spread.hours)
    no_events = "No airflow was recorded." if night.flow_sensor is None else "No event was counted."
    start = night.recording.start_local
    has_rates = any(hour.ahi_per_h is not None for hour in spread.hours)
    return (
        _chart(
            "hours",
            "AHI by hour",
            "events per monitored hour" if start else "hours from the start",
            ("Hour", "AHI", "Events", "Monitored"),
            [_hour_column(hour, start) for hour in spread.hours] if has_rates else [],
            empty="No airflow was recorded." if night.flow_sensor is None else "No AHI was measured.",
        ),
        _chart(
            "positions",
            "AHI by position",
            "events per monitored hour",
            ("Position", "AHI", "Monitored"),
            list(_position_columns(night)),
            empty="No position was recorded that can be read.",
        ),
        _chart(
            "durations",
            "Length of events",
            "seconds; number of events",
            ("From", "Apneas", "Hypopneas"),
            _duration_columns(spread.durations) if n_events else [],
            legend=kinds if n_events else (),
            is_histogram=True,
            empty=no_events,
        ),
        _chart(
            "drops",
            "Depth of desaturations",
            "points of SpO2; number of desaturations",
            ("From", "Desaturations"),
            _drop_columns(spread.drops) if any(row.n_desaturations for row in spread.drops) else [],
            is_histogram=True,
            empty="No desaturation was counted.",
        ),
    )


def _chart(
    key: str,
    title: str,
    axis: str,
    columns: tuple[str, ...],
    rows: Sequence[_Column],
    *,
    legend: tuple[tuple[str, str], ...] = (),
    is_histogram: bool = False,
    empty: str,
) -> BarChart:
    bars = _drawn(rows, is_histogram=is_histogram)
    return BarChart(key=key, title=title, axis=axis, columns=columns, legend=legend, bars=bars, empty=empty)


def _drawn(rows: Sequence[_Column], *, is_histogram: bool) -> tuple[Bar, ...]:
    """Places of bars side by side, the highest as high as the chart; labels of a histogram at the edges."""
    highest = max((sum(value for _, value in row.pieces) for row in rows), default=0.0)
    floor = HEIGHT - BOTTOM
    scale = (floor - TOP) / highest if highest > 0.0 else 0.0
    slot = (WIDTH - LEFT - RIGHT) / max(len(rows), 1)
    width = min(slot * (1.0 - GAP_FRACTION), 60.0)
    bars = []
    for number, row in enumerate(rows):
        base, parts = floor, []
        for style, value in row.pieces:
            base -= value * scale
            parts.append(Part(style, round(base, 2), round(value * scale, 2)))
        x = LEFT + slot * number + (slot - width) / 2.0
        bars.append(
            Bar(
                label=row.label,
                text=row.text,
                cells=row.cells,
                x=round(x, 2),
                width=round(width, 2),
                parts=tuple(parts),
                edge=round(LEFT + slot * number, 2) if is_histogram else None,
            )
        )
    return tuple(bars)


def _hour_column(hour: HourOfNight, start: datetime | None) -> _Column:
    label = clock_text(start, hour.start_s).rpartition(":")[0]
    hours = f"{hour.monitoring_h:.2f} h"
    if hour.ahi_per_h is None:
        return _Column(label, "-", (NOT_MEASURED, str(hour.n_events), hours), ())
    rate = f"{hour.ahi_per_h:.1f}"
    return _Column(label, rate, (f"{rate} /h", str(hour.n_events), hours), (("event", hour.ahi_per_h),))


def _position_columns(night: NightResult) -> Iterable[_Column]:
    for label, name in (
        ("supine", "supine"),
        ("not supine", "non_supine"),
        ("left", "left"),
        ("right", "right"),
        ("prone", "prone"),
    ):
        hours = index_value(night.indices, f"{name}_h")
        if not hours:
            continue
        rate = index_value(night.indices, f"{name}_ahi_per_h")
        amount = f"{hours:.2f} h"
        if rate is None:
            yield _Column(label, "-", (NOT_MEASURED, amount), ())
        else:
            words = f"{rate:.1f}"
            yield _Column(label, words, (f"{words} /h", amount), (("event", rate),))


def _duration_columns(rows: Sequence[DurationBin]) -> list[_Column]:
    return [
        _Column(
            _from(row.from_s, is_last=row is rows[-1]),
            str(row.n_apneas + row.n_hypopneas) if row.n_apneas + row.n_hypopneas else "",
            (str(row.n_apneas), str(row.n_hypopneas)),
            (("apnea", float(row.n_apneas)), ("hypopnea", float(row.n_hypopneas))),
        )
        for row in rows
    ]


def _drop_columns(rows: Sequence[DropBin]) -> list[_Column]:
    return [
        _Column(
            _from(row.from_points, is_last=row is rows[-1]),
            str(row.n_desaturations) if row.n_desaturations else "",
            (str(row.n_desaturations),),
            (("event", float(row.n_desaturations)),),
        )
        for row in rows
    ]


def _from(edge: float, *, is_last: bool) -> str:
    """Where a bin begins; the last has no end."""
    return f"{edge:.0f}{'+' if is_last else ''}"
