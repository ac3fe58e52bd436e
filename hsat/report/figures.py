"""Figures that belong to no window, and that a notebook shows by themselves."""

import io
from functools import cache, partial
from typing import TYPE_CHECKING

from hsat.report.plain import drawable, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_words", "new_figure"]

SHOWN_DPI = 75.0
N_SHOWN_COLOURS = 128
"""In a notebook: readable, and small enough to be kept in one. ``savefig`` has its own."""


def new_figure(width_in: float, height_in: float) -> "Figure":
    """Make an empty figure whose panels make room for their labels.

    Parameters
    ----------
    width_in, height_in : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure
        Jupyter shows such a figure only once pyplot has been loaded; this one it always shows.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    vars(figure)["_repr_png_"] = partial(_png, figure)
    return figure


def _png(figure: "Figure") -> bytes:
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=SHOWN_DPI)
    with Image.open(drawn) as image:
        # by coverage: a cut by frequency turns the colours of rare events grey
        few = image.convert("RGB").quantize(
            N_SHOWN_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        few.save(small, format="png", optimize=True)
    return small.getvalue()


def figure_words(text: str) -> str:
    """A text of a file as matplotlib can write it; line ends are ours.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        A ``$`` would open a formula; what the font in use has no glyph for is written as an escape.
    """
    from matplotlib.font_manager import FontProperties, findfont

    glyphs = _glyphs(findfont(FontProperties()))
    lines = (drawable(printable(line), glyphs) for line in text.split("\n"))
    return "\n".join(lines).replace("$", r"\$")


@cache
def _glyphs(path: str) -> frozenset[int]:
    from matplotlib.font_manager import get_font

    return frozenset(get_font(path).get_charmap())
