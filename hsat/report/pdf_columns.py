"""From rows and sections of a view to lines, and from lines to columns on sheets."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hsat.report.drawing import Drawing
from hsat.report.pdf_paper import (
    PAGE_HEIGHT,
    PAGE_WIDTH,
    Line,
    Piece,
    Placed,
    shown,
    text_width,
    wrapped,
)
from hsat.report.sections import Row, Section

__all__ = ["BODY_WIDTH", "Sheets", "column_width", "fact_lines", "list_lines", "paragraph", "section_lines"]

MARGIN, TOP, BOTTOM = 36.0, 30.0, 32.0
BODY_WIDTH = PAGE_WIDTH - 2.0 * MARGIN
GUTTER = 16.0
FACT_WIDTH = 54.0
INDENT = 7.0
LEAST_COLUMN = 60.0
"""With less room than this left on a sheet, columns begin on the next."""
STEP = 3.0
WIDEST_VALUE = 0.62
"""Share of a column above which a value takes a line of its own."""

HEIGHTS = {
    "title": 17.0,
    "headline": 13.5,
    "remark": 10.2,
    "heading": 10.4,
    "row": 9.2,
    "aside": 8.0,
    "closing": 8.6,
    "sign": 12.0,
    "foot": 8.0,
}


def paragraph(text: str, style: str, width: float, indent: float = 0.0) -> list[Line]:
    """A text over as many lines as it needs."""
    return [
        Line(height=HEIGHTS[style], pieces=(Piece(indent, line, style),))
        for line in wrapped(text, style, width - indent)
    ]


def fact_lines(rows: Iterable[Row], width: float) -> list[Line]:
    """Labels at the left, values beside them, remarks in brackets."""
    lines: list[Line] = []
    for row in rows:
        value = f"{row.value} ({row.remark})" if row.remark else row.value
        label = shown(row.label)
        for text in wrapped(value, "row", width - FACT_WIDTH):
            pieces = (Piece(0.0, label, "aside"), Piece(FACT_WIDTH, text, "row"))
            lines.append(Line(height=HEIGHTS["row"], pieces=pieces if label else pieces[1:]))
            label = ""
    return lines


def section_lines(section: Section, width: float) -> list[Line]:
    """Title, rows and text of a section, a gap in front."""
    lines = _heading(section.title, width)
    for row in section.rows:
        lines += _row_lines(row, width)
    if section.text:
        lines += paragraph(section.text, "aside", width)
    return lines


def list_lines(title: str, items: Iterable[str], width: float) -> list[Line]:
    """A titled list, a gap in front."""
    lines = _heading(title, width)
    for item in items:
        first, *more = wrapped(item, "row", width - INDENT)
        lines.append(
            Line(height=HEIGHTS["row"], pieces=(Piece(0.0, "-", "row"), Piece(INDENT, first, "row")))
        )
        lines += [Line(height=HEIGHTS["row"], pieces=(Piece(INDENT, text, "row"),)) for text in more]
    return lines


def _heading(title: str, width: float) -> list[Line]:
    texts = wrapped(title, "heading", width)
    return [
        Line(height=5.0, keeps_next=True),
        *(
            Line(height=HEIGHTS["heading"], pieces=(Piece(0.0, text, "heading"),), keeps_next=True)
            for text in texts
        ),
    ]


def _row_lines(row: Row, width: float) -> list[Line]:
    """Label at the left, value at the right, the remark below."""
    value = shown(row.value)
    indent = INDENT if row.label.startswith("  ") else 0.0
    value_width = text_width(value, "row")
    is_long = value_width > WIDEST_VALUE * width
    labels = wrapped(row.label.strip(), "row", width - indent - (0.0 if is_long else value_width + 5.0))
    texts: list[tuple[Piece, ...]] = [(Piece(indent, label, "row"),) for label in labels]
    if is_long:
        texts += [(Piece(2 * INDENT, text, "row"),) for text in wrapped(value, "row", width - 2 * INDENT)]
    else:
        texts[0] = (*texts[0], Piece(width, value, "row", "end"))
    heights = [HEIGHTS["row"]] * len(texts)
    inline = shown(row.remark)
    x_inline = indent + text_width(labels[-1], "row") + 4.0
    free = width - x_inline - (0.0 if is_long or len(labels) > 1 else value_width + 4.0)
    if row.remark and not is_long and text_width(inline, "aside") <= free:
        texts[-1] = (*texts[-1], Piece(x_inline, inline, "aside"))
    elif row.remark:
        asides = wrapped(row.remark, "aside", width - indent - INDENT)
        texts += [(Piece(indent + INDENT, text, "aside"),) for text in asides]
        heights += [HEIGHTS["aside"]] * len(asides)
    last = len(texts) - 1
    return [
        Line(height=height, pieces=pieces, keeps_next=place < last)
        for place, (height, pieces) in enumerate(zip(heights, texts, strict=True))
    ]


class Sheets:
    """Sheets that are filled from above; a new one begins where nothing more fits."""

    def __init__(self) -> None:
        self.sheets: list[list[Placed]] = [[]]
        self.y = TOP

    @property
    def room(self) -> float:
        """What is left of the sheet."""
        return PAGE_HEIGHT - BOTTOM - self.y

    def turn(self) -> None:
        """Go on with a new sheet."""
        self.sheets.append([])
        self.y = TOP

    def skip(self, height: float) -> None:
        """Leave some space."""
        self.y += height

    def add_lines(self, lines: Sequence[Line]) -> None:
        """Lines over the whole width, on the next sheet where this one is full."""
        for line in lines:
            if line.height > self.room:
                self.turn()
            self.sheets[-1].append(Placed(MARGIN, self.y, line))
            self.y += line.height

    def add_together(self, lines: Sequence[Line]) -> None:
        """Lines that stay on one sheet."""
        if sum(line.height for line in lines) > self.room:
            self.turn()
        self.add_lines(lines)

    def add_drawings(self, drawings: Sequence[Drawing], titles: Sequence[str]) -> None:
        """Drawings side by side, each as wide as its share, its title above it."""
        share = (BODY_WIDTH - GUTTER * (len(drawings) - 1)) / len(drawings)
        highest = max(drawing.height * share / drawing.width for drawing in drawings)
        head = HEIGHTS["heading"] + 2.0 if any(titles) else 0.0
        if highest + head > self.room:
            self.turn()
        for number, drawing in enumerate(drawings):
            x = MARGIN + number * (share + GUTTER)
            if number < len(titles):
                title = Line(height=HEIGHTS["heading"], pieces=(Piece(0.0, titles[number], "heading"),))
                self.sheets[-1].append(Placed(x, self.y, title))
            self.sheets[-1].append(Placed(x, self.y + head, drawing, share / drawing.width))
        self.y += highest + head

    def add_columns(self, blocks: Sequence[Sequence[Line]], n_columns: int, reserve: float = 0.0) -> None:
        """Blocks of lines in columns of about equal height, over as many sheets as they need.

        Parameters
        ----------
        blocks : sequence of sequence of Line
            Made for the width that `column_width` tells. A block is broken between two columns only where
            whole ones need more than the sheet.
        n_columns : int
        reserve : float
            What is kept free below them, where they can all stand above it.
        """
        left = [line for block in blocks for line in _together(block)]
        room = self.room - reserve
        highest = max((sum(line.height for line in block) for block in blocks), default=0.0)
        if highest > room or _even_height(left, n_columns, room) is None:
            left = [line for block in blocks for line in block]
        if left and self.room < LEAST_COLUMN:
            self.turn()
        while left:
            height = _even_height(left, n_columns, self.room - reserve)
            height = _even_height(left, n_columns, self.room) if height is None else height
            columns, rest = _fill(left, n_columns, self.room if height is None else height)
            self._place(columns, n_columns)
            if rest:
                self.turn()
            left = rest

    def _place(self, columns: Sequence[Sequence[Line]], n_columns: int) -> None:
        lowest = self.y
        for number, column in enumerate(columns):
            x = MARGIN + number * (column_width(n_columns) + GUTTER)
            y = self.y
            for line in column:
                self.sheets[-1].append(Placed(x, y, line))
                y += line.height
            lowest = max(lowest, y)
        self.y = lowest

    def finish(self, foot: str) -> list[list[Placed]]:
        """The sheets, each with its number at the foot."""
        n_sheets = len(self.sheets)
        for number, sheet in enumerate(self.sheets, start=1):
            words = wrapped(foot, "foot", BODY_WIDTH - 60.0)[0]
            pieces = (
                Piece(0.0, words, "foot"),
                Piece(BODY_WIDTH, f"page {number} of {n_sheets}", "foot", "end"),
            )
            y = PAGE_HEIGHT - BOTTOM + 8.0
            sheet.append(Placed(MARGIN, y, Line(height=HEIGHTS["foot"], pieces=pieces)))
        return self.sheets


def _together(block: Sequence[Line]) -> list[Line]:
    """The lines of a block, none of which but the last may end a column."""
    return [*(replace(line, keeps_next=True) for line in block[:-1]), *block[-1:]]


def column_width(n_columns: int) -> float:
    """Width of each of some columns, in points."""
    return (BODY_WIDTH - GUTTER * (n_columns - 1)) / n_columns


def _even_height(lines: Sequence[Line], n_columns: int, room: float) -> float | None:
    """The least height at which the lines fit; None where they do not fit into the room."""
    height = sum(line.height for line in lines) / n_columns
    while height <= room:
        if not _fill(lines, n_columns, height)[1]:
            return height
        height += STEP
    return None if _fill(lines, n_columns, max(room, 0.0))[1] else room


def _fill(lines: Sequence[Line], n_columns: int, height: float) -> tuple[list[list[Line]], list[Line]]:
    """Columns of at most a height, and the lines that are left. A column has a group at least."""
    columns: list[list[Line]] = []
    place = 0
    for _ in range(n_columns):
        column: list[Line] = []
        used = 0.0
        while place < len(lines):
            stop = place + 1
            while lines[stop - 1].keeps_next and stop < len(lines):
                stop += 1
            group = [line for line in lines[place:stop] if column or line.pieces]
            needed = sum(line.height for line in group)
            if column and used + needed > height:
                break
            column += group
            used += needed
            place = stop
        columns.append(column)
    return columns, list(lines[place:])
