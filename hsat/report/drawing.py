"""Drawings without a medium: shapes with the names of their styles, for SVG in pages and for PDF."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Dot", "Drawing", "Shape", "Stroke", "Words", "strokes_of", "value_ticks"]

STEPS = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0, 200.0)
MOST_VALUE_TICKS = 6


class Box(NamedTuple):
    """A filled rectangle; `y` is its upper edge."""

    style: str
    x: float
    y: float
    width: float
    height: float

    form: str = "box"


class Stroke(NamedTuple):
    """A line through points; filled where its style says so."""

    style: str
    points: tuple[tuple[float, float], ...]

    form: str = "stroke"


class Dot(NamedTuple):
    """A point of a chart."""

    style: str
    x: float
    y: float
    radius: float

    form: str = "dot"


class Words(NamedTuple):
    """A text on its base line; `anchor` is ``"start"``, ``"middle"`` or ``"end"``."""

    style: str
    x: float
    y: float
    text: str
    anchor: str = "start"

    form: str = "words"


Shape = Box | Stroke | Dot | Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Shapes on a plane whose y grows downwards.

    Attributes
    ----------
    width, height : float
        In its own unit, that of the font sizes: CSS pixels or points.
    shapes : tuple of Shape
        From the lowest to the topmost.
    """

    width: float
    height: float
    shapes: tuple[Shape, ...]


def value_ticks(top: float) -> tuple[float, ...]:
    """Round values from 0 to the end of an axis, seven at most."""
    step = next((step for step in STEPS if top / step <= MOST_VALUE_TICKS), top / MOST_VALUE_TICKS)
    return tuple(float(value) for value in np.arange(0.0, top + 1e-9, step))


def strokes_of(style: str, xs: Sequence[float], ys: NDArray[np.float64]) -> Iterable[Stroke]:
    """Lines through points, broken where a value is missing.

    Parameters
    ----------
    style : str
    xs : sequence of float, shape (n,)
    ys : ndarray, shape (n,), float64
        NaN where nothing was measured. A value alone between two gaps becomes a short line.

    Yields
    ------
    Stroke
    """
    measured = np.isfinite(ys).tolist()
    points = [(round(float(x), 2), round(float(y), 2)) for x, y in zip(xs, np.nan_to_num(ys), strict=True)]
    for is_measured, run in groupby(range(len(points)), key=measured.__getitem__):
        if not is_measured:
            continue
        line = [points[place] for place in run]
        if len(line) == 1:
            (x, y) = line[0]
            line.append((round(x + 0.5, 2), y))
        yield Stroke(style, tuple(line))
