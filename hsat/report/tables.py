"""Nights and events as CSV: one header, one row each, unrounded, safe to open in a spreadsheet."""

import csv
import io
import math
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from hsat.events import EVENT_COLUMNS, event_rows
from hsat.quality import QualityFlag
from hsat.report.failed import FailedNight
from hsat.report.plain import printable
from hsat.report.rows import INDEX_ROWS, index_value
from hsat.results import NightResult

__all__ = [
    "NIGHT_COLUMNS",
    "cell_lines",
    "csv_lines",
    "csv_text",
    "events_csv",
    "known_lines",
    "night_row",
    "nights_csv",
    "safe_cell",
]

NIGHT_COLUMNS: tuple[str, ...] = (
    "file",
    "patient",
    "start_local",
    "duration_s",
    "device",
    "rules_id",
    "hsat_version",
    "therapy",
    "scoring",
    "severity",
    "adequacy",
    "is_adequate",
    "reasons",
    "denominator",
    "is_class_stable",
    "is_cheyne_stokes",
    "monitoring_h",
    "flow_h",
    "spo2_h",
    *(f"excluded_{flag.label}_min" for flag in QualityFlag),
    *(row.key for row in INDEX_ROWS),
    "error",
)
"""Columns of the table of nights, in order; columns of alternative rule sets follow before ``error``."""

FORMULA_STARTS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
"""Also the wide forms of East Asian keyboards, which some spreadsheets take for the narrow ones."""
NEXT_CELL = re.compile(rf";(?=\s*[{re.escape(''.join(FORMULA_STARTS))}])")
"""Where a spreadsheet that splits at semicolons, as in much of Europe, would begin a cell with a formula."""


def nights_csv(results: Sequence[NightResult | FailedNight]) -> str:
    """Nights as CSV, one row each in the order given.

    Parameters
    ----------
    results : sequence of NightResult or FailedNight
        A failed file has its row too, with ``file`` and ``error`` alone.

    Returns
    -------
    str
        Columns `NIGHT_COLUMNS`, with ``NAME_ahi_per_h`` and ``NAME_severity`` of every alternative
        rule set before ``error``. A cell without a value is empty.
    """
    names = dict.fromkeys(
        name for result in results if isinstance(result, NightResult) for name in result.alternatives
    )
    others = [f"{name}_{key}" for name in names for key in ("ahi_per_h", "severity")]
    columns = (*NIGHT_COLUMNS[:-1], *others, NIGHT_COLUMNS[-1])
    return csv_text(columns, (night_row(result) for result in results))


def events_csv(night: NightResult) -> str:
    """The events of a night as CSV with the columns `hsat.events.EVENT_COLUMNS`."""
    return csv_text(EVENT_COLUMNS, event_rows(night.events))


def night_row(night: NightResult | FailedNight) -> dict[str, object]:
    """A night as a row: `NIGHT_COLUMNS`, then rate and class of every alternative rule set, as keys.

    Parameters
    ----------
    night : NightResult or FailedNight
        Of a failed one ``file`` and ``error`` alone.

    Returns
    -------
    dict of str to object
    """
    if isinstance(night, FailedNight):
        return {"file": night.file, "error": night.error}
    recording = night.recording
    start = recording.start_local
    row: dict[str, object] = {
        "file": "; ".join(recording.source.files),
        "patient": recording.subject.patient,
        "start_local": None if start is None else start.isoformat(),
        "duration_s": float(recording.duration_s),
        "device": recording.device.profile,
        "rules_id": night.rules_id,
        "hsat_version": night.hsat_version,
        "therapy": night.therapy,
        "scoring": night.scoring,
        "severity": night.severity,
        "adequacy": night.adequacy,
        "is_adequate": night.is_adequate,
        "reasons": "; ".join(night.reasons),
        "denominator": night.monitored.denominator,
        "is_class_stable": night.is_class_stable,
        "is_cheyne_stokes": None if night.cheyne_stokes is None else night.cheyne_stokes.is_met,
        "monitoring_h": night.monitored.monitoring_h,
        "flow_h": night.monitored.flow_h,
        "spo2_h": night.monitored.spo2_h,
    }
    row |= {f"excluded_{flag.label}_min": 0.0 for flag in QualityFlag}
    row |= {f"excluded_{item.cause.label}_min": item.minutes for item in night.monitored.excluded}
    row |= {index.key: index_value(night.indices, index.key) for index in INDEX_ROWS}
    for name, other in night.alternatives.items():
        row |= {f"{name}_ahi_per_h": other.ahi_per_h, f"{name}_severity": other.severity}
    return row


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as CSV: unrounded numbers, empty cells for None, texts that no spreadsheet runs."""
    return "".join(csv_lines(columns, rows))


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """As `csv_text`, a line at a time, for tables of any length.

    Parameters
    ----------
    columns : sequence of str
    rows : iterable of mapping

    Yields
    ------
    str
        The line of column names first; each with its line end.
    """
    return cell_lines(columns, ([row.get(column) for column in columns] for row in rows))


def cell_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """As `csv_lines`, of rows that have their values in the order of `columns`.

    Parameters
    ----------
    columns : sequence of str
    rows : iterable of sequence

    Yields
    ------
    str
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    texts: dict[str, str] = {}  # of events: a few words and a file's name, over and over
    for row in chain([columns], rows):
        if len(texts) > TEXTS_REMEMBERED:
            texts.clear()
        cells: list[object] = []
        for value in row:
            if type(value) is str:
                if value not in texts:
                    texts[value] = safe_cell(value)
                cells.append(texts[value])
            elif value is None or (type(value) is float and math.isfinite(value)):
                cells.append(value)  # the writer itself leaves None empty and writes floats in full
            else:
                cells.append(_cell(value))
        writer.writerow(cells)
        yield stream.getvalue()
        stream.seek(0)
        stream.truncate()


TEXTS_REMEMBERED = 1000
FLAG_WORDS = {None: "", 0: "false", 1: "true"}


def known_lines(
    head: Iterable[str | None],
    rows: Iterable[Sequence[Any]],
    *,
    texts: Container[int],
    flags: Container[int],
) -> str:
    """As `cell_lines`, in half the time, of rows of which it is known what each column holds.

    Parameters
    ----------
    head : iterable of str or None
        Cells that every line begins with.
    rows : iterable of sequence
        The cells that follow: in the columns `texts` str, in `flags` 0 and 1, else finite numbers; or None.
    texts, flags : container of int

    Returns
    -------
    str
        Without a line of column names.
    """
    columns = []
    for place, values in enumerate(zip(*rows, strict=True)):
        if place in texts:
            columns.append(["" if value is None else _field(value) for value in values])
        elif place in flags:
            columns.append([FLAG_WORDS[value] for value in values])
        else:
            columns.append(["" if value is None else repr(value) for value in values])
    start = "".join(["," if text is None else f"{_field(text)}," for text in head])
    return "".join([f"{start}{','.join(cells)}\n" for cells in zip(*columns, strict=True)])


@lru_cache(maxsize=TEXTS_REMEMBERED)  # of events: a few words and a file's name, over and over
def _field(text: str) -> str:
    """A text as it stands in a line, in quotation marks where it needs them."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow([safe_cell(text), None])
    return stream.getvalue().removesuffix(",")


def _cell(value: object) -> str:
    """A value as a cell; a text that a spreadsheet would run as a formula gets an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else ""
    return safe_cell(str(value))


def safe_cell(text: str) -> str:
    """A text as a cell: printable, with an apostrophe where a spreadsheet would run it as a formula."""
    text = printable(text)
    if ";" in text:
        text = NEXT_CELL.sub(";'", text)
    return f"'{text}" if text.lstrip().startswith(FORMULA_STARTS) else text
