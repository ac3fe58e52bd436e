"""What is drawn of several nights: nights by date, the posterior, classes, positions, a treatment."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from hsat.patient import AhiPosterior, PatientNight, PatientSummary
from hsat.report.drawing import Box, Dot, Drawing, Shape, Stroke, Words, value_ticks
from hsat.report.patient_plots import BAND_FROM_PER_H, count_interval_per_h, mean_top_per_h, night_places
from hsat.report.patient_words import CLASS_LIMITS, nights_words, percent_words
from hsat.report.rows import rounded
from hsat.sessions import night_of
from hsat.treatment import TreatmentResponse

__all__ = [
    "draw_classes",
    "draw_nights",
    "draw_positions",
    "draw_posterior",
    "draw_responses",
    "draw_strip",
    "draw_treatment",
]

WIDTH = 440.0
HEIGHT = 236.0
LEFT, RIGHT, TOP, BOTTOM = 34.0, 10.0, 22.0, 34.0
ROW_HEIGHT = 38.0
STRIP_WIDTH, STRIP_HEIGHT = 150.0, 16.0
MOST_VALUES = 10
"""Nights up to which each has its number beside its point."""
MOST_DATES = 6
DAY_STEPS = (1, 2, 3, 7, 14, 28, 56, 91, 182, 365, 730)
LEAST_LABELLED_PX = 46.0
"""Width of a band that its name fits into."""
DIGIT_WIDTH = 6.9
FLOOR = HEIGHT - BOTTOM
CURVE_POINTS = 160


class _Scale(NamedTuple):
    """From a value to a place: the value at the end of the axis, and where the axis begins and ends."""

    top: float
    begin: float
    end: float

    def place(self, value: float) -> float:
        share = min(max(value / self.top, 0.0), 1.0)
        return round(self.begin + share * (self.end - self.begin), 2)


def draw_nights(summary: PatientSummary, top: float) -> Drawing:
    """A point a night over its date with the interval that the chance of counting gives it, the mean behind.

    Parameters
    ----------
    summary : PatientSummary
        With at least one night.
    top : float
        AHI at the end of the axis.

    Returns
    -------
    Drawing
    """
    up = _Scale(top, FLOOR, TOP)
    shapes: list[Shape] = list(_level_bands(up, has_class=_has_class(summary.posterior)))
    shapes += _value_axis(up)
    posterior = summary.posterior
    if posterior is not None:
        for limit in posterior.ci95_ahi_per_h:
            shapes.append(_level("interval", up.place(limit)))
        shapes.append(_level("mean", up.place(posterior.mean_ahi_per_h)))
    shapes += _night_points(summary.nights, up)
    shapes += _dates(summary.nights)
    return Drawing(width=WIDTH, height=HEIGHT, shapes=tuple(shapes))


def _has_class(posterior: AhiPosterior | None) -> bool:
    return posterior is not None and bool(posterior.class_probability)


def _bands(top: float) -> Iterable[tuple[str, float, float]]:
    """Name, lower and upper limit of each class as far as the axis goes."""
    names = list(BAND_FROM_PER_H)
    for name, following in zip(names, [*names[1:], None], strict=True):
        low = BAND_FROM_PER_H[name]
        high = top if following is None else min(BAND_FROM_PER_H[following], top)
        if low < high:
            yield name, low, high


def _level_bands(up: _Scale, *, has_class: bool) -> Iterable[Shape]:
    if not has_class:
        return
    for name, low, high in _bands(up.top):
        y, bottom = up.place(high), up.place(low)
        yield Box(f"band {name}", LEFT, y, WIDTH - LEFT - RIGHT, round(bottom - y, 2))
        if bottom - y >= 12.0:
            yield Words("band-name", WIDTH - RIGHT - 4.0, y + 11.0, name, "end")


def _level(style: str, y: float) -> Stroke:
    return Stroke(style, ((LEFT, y), (WIDTH - RIGHT, y)))


def _value_axis(up: _Scale) -> Iterable[Shape]:
    for value in value_ticks(up.top):
        yield Words("tick", LEFT - 5.0, up.place(value) + 4.0, f"{value:g}", "end")
    yield Words("tick", 2.0, 10.0, "AHI, /h")
    yield _level("axis", FLOOR)


def _across(nights: Sequence[PatientNight]) -> tuple[list[float], float]:
    """Where each night stands, and the places a day is wide."""
    places = night_places(nights)
    low, high = float(places.min()), float(places.max())
    margin = max(0.5, 0.04 * (high - low))
    per_day = (WIDTH - LEFT - RIGHT - 12.0) / (high - low + 2.0 * margin)
    return [round(LEFT + 6.0 + (float(place) - low + margin) * per_day, 2) for place in places], per_day


def _night_points(nights: Sequence[PatientNight], up: _Scale) -> Iterable[Shape]:
    xs, _ = _across(nights)
    radius = 4.5 if len(nights) <= 31 else 2.5
    for x, night in zip(xs, nights, strict=True):
        low, high = count_interval_per_h(night.n_events, night.monitoring_h)
        yield Stroke("whisker", ((x, up.place(low)), (x, up.place(high))))
        yield Dot("night" if night.is_adequate else "night partial", x, up.place(night.ahi_per_h), radius)
        if len(nights) <= MOST_VALUES:
            is_last = x > WIDTH - RIGHT - 40.0
            words = rounded(night.ahi_per_h, 1)
            wide = DIGIT_WIDTH * len(words)
            plate_x = x - 8.0 - wide if is_last else x + 8.0
            yield Box("plate", round(plate_x, 2), up.place(night.ahi_per_h) - 7.0, round(wide, 2), 13.0)
            yield Words(
                "number",
                x + (-8.0 if is_last else 8.0),
                up.place(night.ahi_per_h) + 4.0,
                words,
                "end" if is_last else "start",
            )


def _dates(nights: Sequence[PatientNight]) -> Iterable[Shape]:
    xs, per_day = _across(nights)
    start = nights[0].start_local
    if start is None or any(night.day is None for night in nights):
        step = max(len(nights) // 10 + 1, 1)
        for place in range(0, len(nights), step):
            yield Words("tick", xs[place], FLOOR + 15.0, str(place + 1), "middle")
        yield Words("tick", (LEFT + WIDTH) / 2.0, FLOOR + 29.0, "nights without dates, in order", "middle")
        return
    n_days = max(night.day or 0 for night in nights) + 1
    step = next((step for step in DAY_STEPS if n_days / step <= MOST_DATES), DAY_STEPS[-1])
    first = night_of(start)
    form = "%d %b" if n_days <= 300 else "%b %Y"
    at_first = xs[0]
    if nights[0].day == 0 and len(nights) > 1 and nights[1].day == 0:  # side by side
        at_first += 0.15 * per_day
    for day in range(0, n_days, step):
        x = round(at_first + day * per_day, 2)
        yield Words("tick", x, FLOOR + 15.0, f"{first + timedelta(days=day):{form}}", "middle")
    last = first + timedelta(days=n_days - 1)
    years = f"{first:%Y}" if first.year == last.year else f"{first:%Y} to {last:%Y}"
    yield Words("tick", (LEFT + WIDTH) / 2.0, FLOOR + 29.0, f"nights of {years}", "middle")


def draw_strip(night: PatientNight, top: float, *, has_class: bool) -> Drawing:
    """One night as a bar on the scale that all nights share, with the bands of the classes behind."""
    across = _Scale(top, 0.0, STRIP_WIDTH)
    shapes: list[Shape] = []
    if has_class:
        for name, low, high in _bands(top):
            x = across.place(low)
            shapes.append(Box(f"band {name}", x, 0.0, round(across.place(high) - x, 2), STRIP_HEIGHT))
    shapes.append(
        Box("bar" if night.is_adequate else "bar partial", 0.0, 4.0, across.place(night.ahi_per_h), 8.0)
    )
    low, high = count_interval_per_h(night.n_events, night.monitoring_h)
    middle = STRIP_HEIGHT / 2.0
    shapes.append(Stroke("whisker", ((across.place(low), middle), (across.place(high), middle))))
    return Drawing(width=STRIP_WIDTH, height=STRIP_HEIGHT, shapes=tuple(shapes))


def draw_posterior(summary: PatientSummary) -> Drawing:
    """How probable each mean AHI is, over the bands of the classes; mean and interval below the curve.

    Parameters
    ----------
    summary : PatientSummary
        With a posterior.

    Returns
    -------
    Drawing
    """
    posterior = summary.posterior
    if posterior is None:
        return Drawing(width=WIDTH, height=HEIGHT, shapes=())
    across = _Scale(mean_top_per_h(posterior), LEFT, WIDTH - RIGHT)
    shapes: list[Shape] = list(_column_bands(across, posterior))
    highest = float(posterior.density.max())
    shapes.append(_curve("density", posterior, across, highest))
    shapes += _mean_mark("mean", posterior, across, FLOOR - 4.0)
    shapes += _across_axis(across)
    return Drawing(width=WIDTH, height=HEIGHT, shapes=tuple(shapes))


def _column_bands(across: _Scale, posterior: AhiPosterior) -> Iterable[Shape]:
    if not posterior.class_probability:
        return
    for name, low, high in _bands(across.top):
        x, stop = across.place(low), across.place(high)
        yield Box(f"band {name}", x, TOP, round(stop - x, 2), FLOOR - TOP)
        if stop - x >= LEAST_LABELLED_PX:
            style = "band-name main" if name == posterior.severity else "band-name"
            yield Words(style, (x + stop) / 2.0, TOP - 4.0, name, "middle")


def _curve(style: str, posterior: AhiPosterior, across: _Scale, highest: float) -> Stroke:
    grid = np.linspace(0.0, across.top, CURVE_POINTS)
    heights = np.interp(grid, posterior.grid_ahi_per_h, posterior.density, left=0.0, right=0.0)
    room = FLOOR - TOP - 14.0
    points = [
        (across.place(float(value)), round(FLOOR - room * float(height) / highest, 2))
        for value, height in zip(grid, heights, strict=True)
    ]
    return Stroke(style, ((points[0][0], FLOOR), *points, (points[-1][0], FLOOR)))


def _mean_mark(style: str, posterior: AhiPosterior, across: _Scale, y: float) -> Iterable[Shape]:
    low, high = posterior.ci95_ahi_per_h
    yield Stroke(style, ((across.place(low), y), (across.place(high), y)))
    yield Dot(f"{style} mark", across.place(posterior.mean_ahi_per_h), y, 4.0)


def _across_axis(across: _Scale) -> Iterable[Shape]:
    yield Stroke("axis", ((across.begin, FLOOR), (across.end, FLOOR)))
    for value in value_ticks(across.top):
        yield Words("tick", across.place(value), FLOOR + 15.0, f"{value:g}", "middle")
    yield Words("tick", (LEFT + WIDTH) / 2.0, FLOOR + 29.0, "mean AHI over many nights, /h", "middle")


def draw_classes(posterior: AhiPosterior) -> Drawing:
    """Each class with its limits and its probability as a bar, the most probable one marked."""
    rows = [
        (
            f"{name}, {CLASS_LIMITS[name]}",
            posterior.class_probability[name],
            percent_words(posterior.class_probability[name]),
            name == posterior.severity,
        )
        for name in CLASS_LIMITS
        if name in posterior.class_probability
    ]
    return _bar_rows(rows, 1.0)


def draw_positions(summary: PatientSummary) -> Drawing | None:
    """The AHI on the back and off it, all nights together; None where no position has one."""
    position = summary.position
    if position is None:
        return None
    parts = (
        ("AHI supine", position.supine_ahi_per_h, position.supine_h),
        ("AHI not supine", position.non_supine_ahi_per_h, position.non_supine_h),
    )
    rates = [rate for _, rate, _ in parts if rate is not None]
    if not rates:
        return None
    rows = [
        (
            f"{name}, {rounded(hours, 1)} h over {nights_words(position.n_nights)}",
            rate or 0.0,
            "-" if rate is None else f"{rounded(rate, 1)} /h",
            False,
        )
        for name, rate, hours in parts
    ]
    return _bar_rows(rows, max(*rates, 1.0))


def draw_responses(response: TreatmentResponse) -> Drawing | None:
    """How probable it is that the AHI fell by half, and that what is left is normal; None where unknown."""
    parts = (
        ("AHI fell by 50 % or more", response.p_halved),
        ("AHI on treatment below 5 /h", response.p_complete),
    )
    rows = [
        (name, probability, percent_words(probability), False)
        for name, probability in parts
        if probability is not None
    ]
    return _bar_rows(rows, 1.0) if rows else None


def _bar_rows(rows: Sequence[tuple[str, float, str, bool]], top: float) -> Drawing:
    """Bars one below the other: label above, value at the right."""
    across = _Scale(top, 0.0, WIDTH - 62.0)
    shapes: list[Shape] = []
    for number, (label, value, text, is_main) in enumerate(rows):
        y = number * ROW_HEIGHT
        main = " main" if is_main else ""
        shapes.append(Words(f"label{main}", 0.0, y + 13.0, label))
        shapes.append(Box("track", 0.0, y + 18.0, WIDTH - 62.0, 13.0))
        shapes.append(Box(f"bar{main}", 0.0, y + 18.0, across.place(value), 13.0))
        shapes.append(Words(f"number{main}", WIDTH - 2.0, y + 29.0, text, "end"))
    return Drawing(width=WIDTH, height=ROW_HEIGHT * len(rows) + 2.0, shapes=tuple(shapes))


def draw_treatment(response: TreatmentResponse) -> Drawing | None:
    """The posterior before and on treatment on one axis; None where a side has none."""
    before, after = response.before.posterior, response.after.posterior
    if before is None or after is None:
        return None
    top = max(mean_top_per_h(before), mean_top_per_h(after))
    across = _Scale(top, LEFT, WIDTH - RIGHT)
    shapes: list[Shape] = list(_column_bands(across, before))
    for side, posterior, lift in (("before", before, 5.0), ("after", after, 15.0)):
        # each curve has its own height: a narrow posterior would flatten the other one
        shapes.append(_curve(f"density {side}", posterior, across, float(posterior.density.max())))
        shapes += _mean_mark(f"mean {side}", posterior, across, FLOOR - lift)
    shapes += _across_axis(across)
    return Drawing(width=WIDTH, height=HEIGHT, shapes=tuple(shapes))
