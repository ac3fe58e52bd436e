"""The figure of several nights: each night on the calendar, the posterior beside it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hsat.patient import AhiPosterior, PatientNight, PatientSummary
from hsat.report.figures import new_figure
from hsat.report.patient_words import class_words, interval_words, nights_words, percent_words
from hsat.report.rows import rounded
from hsat.sessions import night_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BAND_FROM_PER_H",
    "count_interval_per_h",
    "mean_top_per_h",
    "night_places",
    "plot_patient",
    "top_per_h",
]

# Okabe and Ito's palette (jfly.uni-koeln.de/color): told apart with every form of colour blindness.
# The bands are greys that darken with severity and have their names written in them.
BLACK, BLUE, VERMILION = "#000000", "#0072B2", "#D55E00"
BAND_GREYS = {"normal": "#FFFFFF", "mild": "#F2F2F2", "moderate": "#E2E2E2", "severe": "#D0D0D0"}
BAND_FROM_PER_H = {"normal": 0.0, "mild": 5.0, "moderate": 15.0, "severe": 30.0}
"""Lower limits of the classes, as in ``[severity]`` of the rule sets (AASM 1999)."""

HOUR_WORDS = {"monitoring": "monitored hour", "sleep": "hour of sleep", "usage": "hour of use"}
BAR_WORDS = "bars: 95 % interval by the chance of counting alone"
MAX_LABELLED = 14
HEADROOM = 1.12
LABEL_HEIGHT = 0.052
"""Height of a line of text as a share of the axis."""
LEAST_TOP_PER_H = 10.0
Z95 = 1.959964


def plot_patient(summary: PatientSummary) -> "Figure":
    """Draw several nights of one patient.

    Parameters
    ----------
    summary : PatientSummary

    Returns
    -------
    matplotlib.figure.Figure
        At the left a point a night over its date with the 95 % interval that the chance of counting
        gives it, an open point for a partial night, the mean over many nights as a line with its
        interval dashed, and the classes as bands of grey. At the right the posterior of the mean and the
        probability of each class in words. Without dates nights are numbered. The figure belongs to no
        window: save it with ``figure.savefig``.
    """
    figure = new_figure(10.0, 5.2)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3.2, 1.0))
    top = top_per_h(summary)
    has_class = bool(summary.posterior and summary.posterior.class_probability)
    for axes in (left, right):
        _draw_bands(axes, top, has_class=has_class)
    left.set_ylabel(f"AHI (events per {HOUR_WORDS[summary.denominator or 'monitoring']})")
    if not summary.nights or summary.posterior is None:
        left.set_title("No night of this patient can be used", loc="left", fontsize="medium")
        right.set_axis_off()
        return figure
    _draw_mean(left, summary.posterior)
    _draw_nights(left, summary.nights)
    _draw_density(right, summary.posterior, top)
    _write_classes(right, summary.posterior, top)
    left.set_ylim(0.0, top)
    left.set_title(_title(summary), loc="left", fontsize="medium")
    return figure


def count_interval_per_h(n_events: int, hours: float) -> tuple[float, float]:
    """95 % interval of a rate by the chance of counting alone, events per hour.

    Parameters
    ----------
    n_events : int
    hours : float
        Above 0.

    Returns
    -------
    (float, float)
        By the cube-root approximation of Wilson and Hilferty to the exact Poisson limits (Breslow and
        Day 1987, IARC 82, eq. 2.11), within 1 % of them from 5 events on.
    """
    low = 0.0
    if n_events > 0:
        low = n_events * (1.0 - 1.0 / (9.0 * n_events) - Z95 / (3.0 * n_events**0.5)) ** 3
    more = n_events + 1.0
    high = more * (1.0 - 1.0 / (9.0 * more) + Z95 / (3.0 * more**0.5)) ** 3
    return max(low, 0.0) / hours, high / hours


def _title(summary: PatientSummary) -> str:
    posterior = summary.posterior
    if posterior is None:
        return ""
    mean = f"{rounded(posterior.mean_ahi_per_h, 1)} /h"
    interval = interval_words(posterior.ci95_ahi_per_h)
    verdict = class_words(posterior)
    if summary.therapy in ("pap", "appliance"):
        verdict = f"residual AHI on {'PAP' if summary.therapy == 'pap' else 'an appliance'}: no class"
    if posterior.severity is not None and not posterior.is_firm:
        verdict += "; another night is recommended"
    pooled = "" if summary.pooled_ahi_per_h is None else f"AHI {rounded(summary.pooled_ahi_per_h, 1)} /h; "
    return (
        f"{nights_words(len(summary.nights))}: {pooled}mean over many nights {mean}, 95 % interval "
        f"{interval}\n"
        f"{verdict}"
    )


def top_per_h(summary: PatientSummary) -> float:
    """Where an axis of AHI ends that holds every night and the posterior with their intervals."""
    highest = [count_interval_per_h(night.n_events, night.monitoring_h)[1] for night in summary.nights]
    if summary.posterior is not None:
        highest.append(summary.posterior.ci95_ahi_per_h[1])
    return max(LEAST_TOP_PER_H, HEADROOM * max(highest, default=0.0))


def mean_top_per_h(posterior: AhiPosterior) -> float:
    """Where an axis of mean AHI ends that holds the interval of a posterior: a night may lie far beyond."""
    return max(LEAST_TOP_PER_H, HEADROOM * posterior.ci95_ahi_per_h[1])


def _draw_bands(axes: "Axes", top: float, *, has_class: bool) -> None:
    if not has_class:
        return
    names = list(BAND_FROM_PER_H)
    for name, following in zip(names, [*names[1:], None], strict=True):
        low = BAND_FROM_PER_H[name]
        high = top if following is None else min(BAND_FROM_PER_H[following], top)
        if low < top:
            axes.axhspan(low, high, color=BAND_GREYS[name], linewidth=0.0, zorder=0)
        if 0.0 < low < top:
            axes.axhline(low, color="#999999", linewidth=0.6, zorder=1)


def _draw_mean(axes: "Axes", posterior: AhiPosterior) -> None:
    """The mean as a line, its interval as dashed ones: a fill would hide the greys of the classes."""
    axes.axhline(posterior.mean_ahi_per_h, color=BLUE, linewidth=1.6, zorder=3)
    for limit in posterior.ci95_ahi_per_h:
        axes.axhline(limit, color=BLUE, linewidth=1.1, linestyle=(0, (5, 3)), zorder=3)
    for height, words in ((posterior.mean_ahi_per_h, "mean"), (posterior.ci95_ahi_per_h[1], "95 % interval")):
        axes.annotate(
            words,
            xy=(0.006, height),
            xycoords=axes.get_yaxis_transform(),
            xytext=(0, 2),
            textcoords="offset points",
            color=BLUE,
            fontsize="small",
            va="bottom",
            zorder=6,
        )


def _draw_nights(axes: "Axes", nights: Sequence[PatientNight]) -> None:
    places = night_places(nights)
    rates = np.array([night.ahi_per_h for night in nights])
    limits = np.array([count_interval_per_h(night.n_events, night.monitoring_h) for night in nights])
    is_few = len(nights) <= 2 * MAX_LABELLED
    axes.vlines(
        places, limits[:, 0], limits[:, 1], color=BLACK, linewidth=1.2 if is_few else 0.5, alpha=0.8, zorder=4
    )
    adequate = np.array([night.is_adequate for night in nights])
    for mask, face, label in ((adequate, BLACK, "adequate night"), (~adequate, "white", "partial night")):
        if mask.any():
            axes.scatter(
                places[mask],
                rates[mask],
                s=36.0 if is_few else 12.0,
                facecolor=face,
                edgecolor=BLACK,
                linewidth=1.2 if is_few else 0.6,
                zorder=5,
                label=label,
            )
    if len(nights) <= MAX_LABELLED:
        for place, rate in zip(places, rates, strict=True):
            axes.annotate(
                rounded(float(rate), 1),
                (place, rate),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                fontsize="small",
                zorder=6,
                bbox={"facecolor": "white", "alpha": 0.6, "edgecolor": "none", "pad": 0.6},
            )
    if adequate.any() and not adequate.all():
        axes.legend(loc="upper right", fontsize="small", framealpha=0.9)
    _label_dates(axes, nights, places)


def night_places(nights: Sequence[PatientNight]) -> NDArray[np.float64]:
    """Place of each night on the axis: its calendar night; several of one night side by side."""
    if any(night.day is None for night in nights):
        return np.arange(len(nights), dtype=np.float64)
    days = np.array([night.day or 0 for night in nights], dtype=np.float64)
    for day in np.unique(days):
        same = np.flatnonzero(days == day)
        if len(same) > 1:
            days[same] += np.linspace(-0.15, 0.15, len(same))
    return days


def _label_dates(axes: "Axes", nights: Sequence[PatientNight], places: NDArray[np.float64]) -> None:
    margin = max(0.5, 0.06 * float(np.ptp(places)))
    axes.set_xlim(float(places.min()) - margin, float(places.max()) + margin)
    start = nights[0].start_local
    if start is None or any(night.day is None for night in nights):
        axes.set_xlabel(f"nights in the order given (without dates); {BAR_WORDS}")
        axes.set_xticks(places if len(nights) <= MAX_LABELLED else places[:: len(nights) // MAX_LABELLED + 1])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value + 1:.0f}")
        return
    first = night_of(start)
    n_days = int(places.max()) + 1
    step = next((s for s in (1, 2, 7, 14, 28, 56, 91, 182, 365) if n_days / s <= 10), 730)
    ticks = np.arange(0, n_days, step)
    form = "%a %d %b" if n_days <= 7 else "%d %b" if n_days <= 300 else "%d %b %Y"
    axes.set_xticks(ticks, [f"{first + timedelta(days=int(tick)):{form}}" for tick in ticks])
    last = first + timedelta(days=n_days - 1)
    years = f"{first:%Y}" if first.year == last.year else f"{first:%Y} to {last:%Y}"
    axes.set_xlabel(f"{f'nights of {years}' if form != '%d %b %Y' else 'night'}; {BAR_WORDS}")


def _draw_density(axes: "Axes", posterior: AhiPosterior, top: float) -> None:
    """The posterior of the mean, sideways on the same axis of AHI."""
    grid, density = posterior.grid_ahi_per_h, posterior.density
    axes.fill_betweenx(grid, 0.0, density, color=BLUE, alpha=0.35, linewidth=0.0, zorder=2)
    axes.plot(density, grid, color=BLUE, linewidth=1.2, zorder=3)
    axes.axhline(posterior.mean_ahi_per_h, color=BLUE, linewidth=1.6, zorder=3)
    shown = density[grid <= top]
    axes.set_xlim(0.0, 2.4 * float(shown.max() if len(shown) else density.max()))
    axes.set_xticks([])
    axes.set_xlabel("how probable each\nmean AHI is")


def _write_classes(axes: "Axes", posterior: AhiPosterior, top: float) -> None:
    """Name and probability of each class, beside its band."""
    if not posterior.class_probability:
        return
    names = list(BAND_FROM_PER_H)
    least_gap = LABEL_HEIGHT * top
    height = -least_gap
    for name, following in zip(names, [*names[1:], None], strict=True):
        low = BAND_FROM_PER_H[name]
        if low >= top:
            break
        high = top if following is None else min(BAND_FROM_PER_H[following], top)
        height = max((low + high) / 2.0, height + least_gap)
        _write_class(axes, posterior, [name], height)
    beyond = [name for name in reversed(names) if BAND_FROM_PER_H[name] >= top]
    if beyond:
        _write_class(axes, posterior, beyond, top * (1.0 - 0.6 * LABEL_HEIGHT * len(beyond)))


def _write_class(axes: "Axes", posterior: AhiPosterior, names: Sequence[str], height: float) -> None:
    is_main = posterior.severity in names
    axes.annotate(
        "\n".join(f"{name} {percent_words(posterior.class_probability[name])}" for name in names),
        xy=(0.97, height),
        xycoords=axes.get_yaxis_transform(),
        ha="right",
        va="center",
        fontsize="medium" if is_main else "small",
        fontweight="bold" if is_main else "normal",
        color=BLACK,
        zorder=6,
        annotation_clip=False,
    )
