"""A night, or several, as plain text for a terminal of 80 columns."""

from collections.abc import Iterable, Sequence
from textwrap import wrap

from hsat.report.failed import FailedNight
from hsat.report.plain import file_words, printable
from hsat.report.rows import INDEX_ROWS, index_text, index_value, rounded
from hsat.report.sections import Row, Section
from hsat.report.view import NOT_A_DEVICE, NightView, view_night
from hsat.results import NightResult

__all__ = ["night_text", "nights_text", "view_text"]

WIDTH = 80
LABEL_WIDTH = 33
NUMBER_WIDTH = 6
FACT_WIDTH = 11
NOTHING = "-"

COLUMNS = ("AHI/h", "class", "adequacy", "hours", "ODI4/h", "T90 %", "min SpO2", "start", "file")
NUMERIC = ("AHI/h", "hours", "ODI4/h", "T90 %", "min SpO2")


def night_text(night: NightResult) -> str:
    """One night's report.

    Parameters
    ----------
    night : NightResult

    Returns
    -------
    str
        Lines of at most about 80 characters, no control characters but line ends.
    """
    return view_text(view_night(night))


def view_text(view: NightView) -> str:
    """A view as lines of at most about 80 characters, no control characters but line ends."""
    lines = [view.headline, "=" * min(len(view.headline), WIDTH)]
    for remark in view.remarks:
        lines += wrap(remark, WIDTH)
    lines.append("")
    lines += [_fact_line(row) for row in view.facts.rows]
    for section in view.sections:
        lines += ["", section.title]
        lines += _section_lines(section)
        lines += _wrapped(section.text) if section.text else []
    for title, items in view.lists:
        lines += ["", title]
        lines += [line for item in items for line in _item_lines(item)]
    lines.append("")
    for remark in view.closing:
        lines += wrap(remark, WIDTH)
    return "\n".join(lines) + "\n"


def _fact_line(row: Row) -> str:
    remark = f"  ({row.remark})" if row.remark else ""
    return f"{row.label:<{FACT_WIDTH}} {row.value}{remark}"


def _section_lines(section: Section) -> list[str]:
    """Label, number and unit in columns, the remark beside them, wrapped in its own column."""
    numbers = [row.value.partition(" ") for row in section.rows]
    unit_width = max((len(unit) for _, _, unit in numbers), default=0)
    lines = []
    for row, (number, _, unit) in zip(section.rows, numbers, strict=True):
        start = f"  {row.label:<{LABEL_WIDTH}}{number:>{NUMBER_WIDTH}} {unit:<{unit_width}}   "
        remark = wrap(row.remark, WIDTH - len(start)) or [""]
        lines += [(start + remark[0]).rstrip(), *(" " * len(start) + more for more in remark[1:])]
    return lines


def _item_lines(item: str) -> list[str]:
    return wrap(item, WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def nights_text(results: Sequence[NightResult | FailedNight]) -> str:
    """A table of several nights, one row each, in the order given.

    Parameters
    ----------
    results : sequence of NightResult or FailedNight

    Returns
    -------
    str
        A file that failed keeps its row; its error stands elsewhere.
    """
    rows = [_cells(result) for result in results]
    widths = [max(len(line[i]) for line in [COLUMNS, *rows]) for i in range(len(COLUMNS))]
    lines = [_table_line(cells, widths) for cells in [COLUMNS, *rows]]
    nights = [result for result in results if isinstance(result, NightResult)]
    lines += ["", *_table_remarks(nights, n_failed=len(results) - len(nights))]
    return "\n".join(lines) + "\n"


def _table_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = [
        f"{cell:>{width}}" if name in NUMERIC else f"{cell:<{width}}"
        for name, cell, width in zip(COLUMNS, cells, widths, strict=True)
    ]
    return "  ".join(parts).rstrip()


def _cells(result: NightResult | FailedNight) -> tuple[str, ...]:
    if isinstance(result, FailedNight):
        return (NOTHING, "failed", *[NOTHING] * (len(COLUMNS) - 3), printable(result.file))
    start = result.recording.start_local
    return (
        _number(result, "ahi_per_h"),
        "on therapy" if result.therapy == "pap" else result.severity or "no class",
        result.adequacy,
        rounded(result.monitored.monitoring_h, 1),
        _number(result, "odi4_per_h"),
        _number(result, "t90_percent"),
        _number(result, "min_spo2_percent"),
        NOTHING if start is None else f"{start:%Y-%m-%d %H:%M}",
        file_words(result.recording.source),
    )


def _number(night: NightResult, key: str) -> str:
    row = next(row for row in INDEX_ROWS if row.key == key)
    value = index_value(night.indices, key)
    return NOTHING if value is None else index_text(row, value).split()[0]


def _denominator_words(denominators: set[str]) -> str:
    if denominators == {"sleep"}:
        return "AHI: events per hour of sleep that can be judged. Hours: these. -: not measured."
    return "AHI: events per monitored hour (REI), no EEG. Hours: monitored. -: not measured."


def _table_remarks(nights: Sequence[NightResult], *, n_failed: int) -> Iterable[str]:
    n_all = len(nights) + n_failed
    what = "nights" if any(night.recording.source.parts for night in nights) else "files"
    yield f"{len(nights)} of {n_all} {what} scored" + (f", {n_failed} failed." if n_failed else ".")
    if nights:
        yield _denominator_words({night.monitored.denominator for night in nights})
        rules = sorted({f"rules {night.rules_id}; hsat {night.hsat_version}" for night in nights})
        yield printable("; ".join(rules)) + "."
    yield from wrap(NOT_A_DEVICE, WIDTH)
