"""What the styles of drawings and lines look like on paper: the twin of the pages' style sheets."""

from typing import NamedTuple

__all__ = ["FONTS", "INKS", "FontStyle", "Ink"]

# Okabe and Ito's palette (jfly.uni-koeln.de/color), as in every figure.
BLACK, GREY, PALE, WHITE = "#000000", "#555555", "#DDDDDD", "#FFFFFF"
BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE = "#0072B2", "#56B4E9", "#00805D", "#E69F00", "#D55E00", "#B3609A"


class FontStyle(NamedTuple):
    """Size in points, weight and colour of a text."""

    size: float
    is_bold: bool = False
    colour: str = BLACK


class Ink(NamedTuple):
    """How a shape is filled and lined; None where it is not."""

    fill: str | None = None
    line: str | None = None
    width: float = 1.0
    dash: tuple[float, ...] = ()
    fill_alpha: float = 1.0


FONTS: dict[str, FontStyle] = {
    "title": FontStyle(13.0, is_bold=True),
    "badge": FontStyle(7.5, colour=GREY),
    "badge alert": FontStyle(8.5, is_bold=True, colour="#9C4400"),
    "headline": FontStyle(10.5, is_bold=True),
    "remark": FontStyle(8.0),
    "heading": FontStyle(7.8, is_bold=True),
    "row": FontStyle(7.2),
    "aside": FontStyle(6.4, colour=GREY),
    "closing": FontStyle(6.8, colour=GREY),
    "sign": FontStyle(8.5),
    "foot": FontStyle(6.2, colour=GREY),
    # words of drawings
    "row-name": FontStyle(6.2),
    "clock": FontStyle(6.2, colour=GREY),
    "tick": FontStyle(11.0, colour=GREY),
    "band-name": FontStyle(11.0, colour=GREY),
    "band-name main": FontStyle(11.0, is_bold=True),
    "label": FontStyle(12.0),
    "label main": FontStyle(12.0, is_bold=True),
    "number": FontStyle(12.0),
    "number main": FontStyle(12.0, is_bold=True),
}
INKS: dict[str, Ink] = {
    "band normal": Ink(WHITE),
    "band mild": Ink("#F0F1F2"),
    "band moderate": Ink("#E2E4E6"),
    "band severe": Ink("#D1D5D8"),
    "axis": Ink(line=GREY),
    "grid": Ink(line=PALE, width=0.4),
    "mean": Ink(line=BLUE, width=1.8),
    "mean before": Ink(line=BLUE, width=1.8),
    "mean after": Ink(line=VERMILION, width=1.8),
    "mean mark": Ink(BLUE, WHITE),
    "mean before mark": Ink(BLUE, WHITE),
    "mean after mark": Ink(VERMILION, WHITE),
    "interval": Ink(line=BLUE, width=1.2, dash=(5.0, 3.0)),
    "whisker": Ink(line=BLACK, width=1.2),
    "night": Ink(BLACK, BLACK, 1.4),
    "night partial": Ink(WHITE, BLACK, 1.4),
    "density": Ink(BLUE, BLUE, 1.4, fill_alpha=0.3),
    "density before": Ink(BLUE, BLUE, 1.4, fill_alpha=0.3),
    "density after": Ink(VERMILION, VERMILION, 1.4, dash=(6.0, 2.0), fill_alpha=0.3),
    "plate": Ink(WHITE, fill_alpha=0.7),
    "track": Ink("#F3F5F6"),
    "bar": Ink(SKY),
    "bar main": Ink(BLUE),
    "bar partial": Ink(line=SKY, width=1.5),
    "excluded": Ink("#E3E3E3"),
    "flow": Ink(line=BLUE, width=0.45),
    "spo2": Ink(line=GREEN, width=0.55),
    "stage": Ink(SKY),
    "event obstructive_apnea": Ink(VERMILION),
    "event central_apnea": Ink(ORANGE),
    "event mixed_apnea": Ink(PURPLE),
    "event unclassified_apnea": Ink(BLACK),
    "event hypopnea": Ink(BLUE),
    "event uncounted": Ink("#AAAAAA"),
    "desaturation": Ink(GREEN),
}
