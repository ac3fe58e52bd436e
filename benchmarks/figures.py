"""A figure beside what is asked of it, and tables as text and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hsat.agreement.estimates import Estimate

__all__ = ["Figure", "Table", "figure_table", "number", "share"]

FRACTION, PERCENT, PER_H, COUNT = "fraction", "percent", "per_h", "count"
"""How a figure is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Something that was measured.

    Attributes
    ----------
    nights : str
        What it was measured on.
    what : str
    estimate : Estimate
        A share as a fraction.
    asked : float
    is_upper_limit : bool
        Whether at most, rather than at least, `asked` will do.
    n : str
        Number of events, nights or epochs, in words.
    style : str
        `FRACTION`, `PERCENT`, `PER_H` or `COUNT`.
    """

    nights: str
    what: str
    estimate: Estimate
    asked: float
    n: str
    is_upper_limit: bool = False
    style: str = FRACTION

    @property
    def is_met(self) -> bool | None:
        """Whether the unrounded figure is as asked; None where it could not be measured."""
        value = self.estimate.value
        if value is None:
            return None
        return value <= self.asked if self.is_upper_limit else value >= self.asked

    @property
    def verdict(self) -> str:
        """``"yes"``, ``"no"`` or ``"not measured"``."""
        return {None: "not measured", True: "yes", False: "**no**"}[self.is_met]

    def write(self, value: float) -> str:
        """A value in the figure's style."""
        if self.style == PERCENT:
            return f"{100.0 * value:.1f} %"
        return {FRACTION: f"{value:.3f}", PER_H: f"{value:.2f} /h", COUNT: f"{value:.0f}"}[self.style]

    def cells(self) -> list[str]:
        """The row of `figure_table`."""
        limit = f"{100 * self.asked:g} %" if self.style == PERCENT else f"{self.asked:g}"
        limit += " /h" if self.style == PER_H else ""
        value, ci95 = self.estimate.value, self.estimate.ci95
        measured = "-" if value is None else self.write(value)
        interval = "-" if ci95 is None else " to ".join(self.write(end) for end in ci95)
        asked = f"{'at most' if self.is_upper_limit else 'at least'} {limit}"
        return [self.nights, self.what, measured, interval, asked, self.n, self.verdict]


class Table(NamedTuple):
    """Rows under a header, all cells text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_text(self) -> str:
        """Columns as wide as their content; the first to the left."""
        lines = [self.header, *self.rows]
        widths = [max(len(row[i]) for row in lines) for i in range(len(self.header))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in lines
        )

    def as_markdown(self) -> str:
        """The same for a document."""
        lines = ["| " + " | ".join(row) + " |" for row in (self.header, *self.rows)]
        return "\n".join([lines[0], "|" + "---|" * len(self.header), *lines[1:]])


def figure_table(figures: Sequence[Figure]) -> Table:
    """What was measured beside what was asked."""
    header = ["nights", "figure", "measured", "95 % interval", "asked", "of", "met"]
    return Table(header, [figure.cells() for figure in figures])


def number(value: float | None, spec: str = ".1f") -> str:
    """A number, ``-`` where it is not measured."""
    return "-" if value is None else format(value, spec)


def share(part: int, whole: int) -> str:
    """Share in percent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
