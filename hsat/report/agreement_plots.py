"""Bland and Altman's figure: differences of the AHI against its mean."""

from typing import TYPE_CHECKING

from hsat.agreement.cohort import CohortAgreement
from hsat.agreement.estimates import Estimate
from hsat.report.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_bland_altman"]

# Okabe and Ito's palette (jfly.uni-koeln.de/color): told apart with every form of colour blindness;
# line style and the label beside each line say the same without colour.
BLACK, BLUE, VERMILION = "#000000", "#0072B2", "#D55E00"


def plot_bland_altman(cohort: CohortAgreement) -> "Figure":
    """Draw scored minus reference AHI of each night against the mean of the two.

    Parameters
    ----------
    cohort : CohortAgreement

    Returns
    -------
    matplotlib.figure.Figure
        A point a night; bias and 95 % limits of agreement as lines with their intervals as bands,
        where there are nights enough for them. The figure belongs to no window: save it with
        ``figure.savefig``.
    """
    ahi = cohort.ahi
    figure = new_figure(8.0, 5.0)
    axes = figure.subplots()
    axes.axhline(0.0, color="#BBBBBB", linewidth=0.8)
    axes.scatter(
        (ahi.scored_per_h + ahi.reference_per_h) / 2.0,
        ahi.scored_per_h - ahi.reference_per_h,
        color=BLACK,
        s=24.0,
        alpha=0.7,
        linewidths=0.0,
        zorder=3,
    )
    _draw_line(axes, ahi.bias_per_h, "bias", BLUE, "-")
    _draw_line(axes, ahi.upper_limit_per_h, "+1.96 SD", VERMILION, "--")
    _draw_line(axes, ahi.lower_limit_per_h, "-1.96 SD", VERMILION, "--")
    axes.set_xlabel("mean of scored and reference AHI (events/h)")
    axes.set_ylabel("scored minus reference AHI (events/h)")
    n = len(ahi.nights)
    title = f"AHI of {n} {'night' if n == 1 else 'nights'}: difference against mean"
    if ahi.lower_limit_per_h.reason is None:
        title += "\nlines: bias and 95 % limits of agreement; bands: their 95 % intervals"
    else:
        title += f"\nno limits of agreement: {ahi.lower_limit_per_h.reason}"
    axes.set_title(title, fontsize="medium", loc="left")
    return figure


def _draw_line(axes: "Axes", estimate: Estimate, name: str, colour: str, style: str) -> None:
    """A level with its interval as a band and its value at the right-hand edge."""
    if estimate.value is None:
        return
    axes.axhline(estimate.value, color=colour, linestyle=style, linewidth=1.2)
    if estimate.ci95 is not None:
        axes.axhspan(*estimate.ci95, color=colour, alpha=0.12, linewidth=0.0)
    axes.annotate(
        f"{name}\n{estimate.value:+.1f}",
        xy=(1.01, estimate.value),
        xycoords=axes.get_yaxis_transform(),
        color=colour,
        va="center",
        fontsize="small",
        annotation_clip=False,
    )
