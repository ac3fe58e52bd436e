"""Paper: a typeface that measures and wraps, and sheets of lines and drawings written as a PDF."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hsat.report.drawing import Box, Dot, Drawing, Stroke, Words
from hsat.report.pdf_inks import FONTS, INKS, FontStyle, Ink
from hsat.report.plain import drawable, printable, told, without_surrogates

__all__ = [
    "PAGE_HEIGHT",
    "PAGE_WIDTH",
    "Line",
    "Piece",
    "Placed",
    "shown",
    "text_width",
    "wrapped",
    "write_pdf",
]

PAGE_WIDTH, PAGE_HEIGHT = 595.28, 841.89
"""A4 in points (ISO 216); printed on Letter it loses margin only."""
REGULAR, BOLD = "hsat-sans", "hsat-sans-bold"
FILES = {REGULAR: "DejaVuSans.ttf", BOLD: "DejaVuSans-Bold.ttf"}
"""Matplotlib's wheel brings these fonts: Latin, Greek, Cyrillic and more; free to embed."""
KAPPA = 0.8
"""Share of a line's height at which its base line lies."""


class Piece(NamedTuple):
    """A text within a line: where, what, in which of `FONTS`; `anchor` is ``"start"`` or ``"end"``."""

    x: float
    text: str
    style: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of pieces; one that `keeps_next` is never the last of a column."""

    height: float
    pieces: tuple[Piece, ...] = ()
    keeps_next: bool = False


class Placed(NamedTuple):
    """A line or drawing on a sheet: its left and upper edge from the sheet's upper left corner."""

    x: float
    y: float
    what: Line | Drawing
    scale: float = 1.0


@cache
def _typefaces() -> dict[str, Any]:
    """The fonts, read once; reportlab embeds the glyphs that a document uses."""
    import matplotlib
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    found = {name: TTFont(name, str(folder / file)) for name, file in FILES.items()}
    for font in found.values():
        pdfmetrics.registerFont(font)
    return found


def shown(text: str) -> str:
    """A text as the sheet has it: harmless, not endless, what the sheet cannot draw as an escape.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        A character without a glyph would be an empty box, Arabic and Hebrew would be in the wrong order:
        U+65E5 becomes ``\\u65e5``.
    """
    return drawable(printable(told(without_surrogates(text))), _glyphs())


@cache
def _glyphs() -> frozenset[int]:
    """What can be drawn whatever the weight."""
    return frozenset.intersection(*(frozenset(font.face.charToGlyph) for font in _typefaces().values()))


def text_width(text: str, style: str) -> float:
    """Width of a text in points."""
    font = FONTS[style]
    return float(_typefaces()[BOLD if font.is_bold else REGULAR].stringWidth(text, font.size))


def wrapped(text: str, style: str, width: float) -> list[str]:
    """A text as lines of a width at most; words that are longer are cut."""
    lines: list[str] = []
    line = ""
    for word in shown(text).split(" "):
        longer = f"{line} {word}" if line else word
        if text_width(longer, style) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _cut(word, style, width)
        lines += full
    return [*lines, line]


def _cut(word: str, style: str, width: float) -> list[str]:
    parts, rest = [], word
    while text_width(rest, style) > width and len(rest) > 1:
        n = max(int(len(rest) * width / text_width(rest, style)), 1)
        while n > 1 and text_width(rest[:n], style) > width:
            n -= 1
        parts.append(rest[:n])
        rest = rest[n:]
    return [*parts, rest]


def write_pdf(sheets: Sequence[Sequence[Placed]], title: str) -> bytes:
    """Sheets as a PDF.

    Parameters
    ----------
    sheets : sequence of sequence of Placed
    title : str
        Of the document, for viewers and file managers: no identifier.

    Returns
    -------
    bytes
        The same for the same sheets: its dates are fixed. Text can be selected; the fonts are inside.
    """
    from reportlab.pdfgen.canvas import Canvas

    _typefaces()
    stream = io.BytesIO()
    canvas = Canvas(
        stream,
        pagesize=(PAGE_WIDTH, PAGE_HEIGHT),
        pageCompression=1,
        invariant=1,
        initialFontName=REGULAR,
        initialFontSize=8.0,
        lang="en",
    )
    canvas.setTitle(title)
    canvas.setAuthor("")
    canvas.setSubject("")
    canvas.setCreator("hsat")
    canvas.setProducer("hsat")
    for sheet in sheets:
        for item in sheet:
            if isinstance(item.what, Line):
                _write_line(canvas, item.what, item.x, item.y)
            else:
                _write_drawing(canvas, item.what, item)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _write_line(canvas: Any, line: Line, x: float, y: float) -> None:
    base = PAGE_HEIGHT - y - line.height * KAPPA
    for piece in line.pieces:
        _write_text(canvas, piece, x + piece.x, base)


def _write_text(canvas: Any, words: Piece | Words, x: float, y: float) -> None:
    font: FontStyle = FONTS[words.style]
    canvas.setFont(BOLD if font.is_bold else REGULAR, font.size)
    canvas.setFillColorRGB(*_rgb(font.colour))
    draw = {"start": canvas.drawString, "end": canvas.drawRightString, "middle": canvas.drawCentredString}
    draw[words.anchor](x, y, shown(words.text))


def _write_drawing(canvas: Any, drawing: Drawing, item: Placed) -> None:
    canvas.saveState()
    canvas.translate(item.x, PAGE_HEIGHT - item.y)
    canvas.scale(item.scale, item.scale)
    for shape in drawing.shapes:
        if isinstance(shape, Words):
            _write_text(canvas, shape, shape.x, -shape.y)
            continue
        ink = INKS[shape.style]
        _take(canvas, ink)
        has_line, has_fill = int(ink.line is not None), int(ink.fill is not None)
        if isinstance(shape, Box):
            bottom = -shape.y - shape.height
            canvas.rect(shape.x, bottom, shape.width, shape.height, stroke=has_line, fill=has_fill)
        elif isinstance(shape, Dot):
            canvas.circle(shape.x, -shape.y, shape.radius, stroke=has_line, fill=has_fill)
        elif isinstance(shape, Stroke):
            canvas.drawPath(_path(canvas, shape.points), stroke=has_line, fill=has_fill)
    canvas.restoreState()


def _take(canvas: Any, ink: Ink) -> None:
    if ink.fill is not None:
        canvas.setFillColorRGB(*_rgb(ink.fill), alpha=ink.fill_alpha)
    if ink.line is not None:
        canvas.setStrokeColorRGB(*_rgb(ink.line))
        canvas.setLineWidth(ink.width)
        canvas.setDash(list(ink.dash))


def _path(canvas: Any, points: Iterable[tuple[float, float]]) -> Any:
    path = canvas.beginPath()
    for number, (x, y) in enumerate(points):
        (path.lineTo if number else path.moveTo)(x, -y)
    return path


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255.0 for place in (1, 3, 5))
    return red, green, blue
