"""Hypnograms: a table, a list of epochs or EDF+ annotations to one `hsat.hypnogram.Hypnogram`."""

import csv
import math
import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hsat.errors import ReadError, shown
from hsat.hypnogram import Hypnogram, SleepStage, StagedSpan
from hsat.io.edf import read_edf
from hsat.io.layout import EDF_STARTS
from hsat.io.stages import PREFIXES, find_stage
from hsat.io.texts import decode_text, read_text_file
from hsat.io.timeline import LARGEST_S, Timeline, dated_start
from hsat.recording import Note, Recording

__all__ = ["read_hypnogram"]

EPOCH_S = 30.0
"""Sleep is staged in epochs of 30 s (AASM manual; Rechtschaffen and Kales)."""
MAX_BYTES = 4 << 20
"""A week of epochs as text is far below; a recording given by mistake is refused before it is parsed."""
MAX_ROWS = 100_000
"""A row a second for a day; a week of epochs is a fifth of it."""
MAX_OVERLAP_S = 1.0
"""Clock times cut to whole seconds may overlap by so much; the later row then wins."""

WHAT = "a table, a list or EDF+ with stages of sleep"

MAX_DIGITS = 10
"""Longer numbers are no epochs, and Python refuses very long ones."""

EXPORT_START = "signal id:"
"""How the header of a sleep profile begins that PSG software exports as text."""

COLUMNS = {
    "start": ("start_s", "start", "onset_s", "onset", "start_time", "time"),
    "stop": ("stop_s", "stop", "end_s", "end", "stop_time", "end_time"),
    "duration": ("duration_s", "duration"),
    "epoch": ("epoch",),
    "stage": ("stage", "sleep_stage", "description"),
}
"""What a column holds, to the names it may have."""

DATED_ROW = re.compile(r"\d{2}\.\d{2}\.\d{4} ")
RATE_PATTERN = re.compile(r"rate: *(\d+(?:\.\d+)?) *s", re.IGNORECASE)


class _Row(NamedTuple):
    """One row as written; None where the file has no such column."""

    line: int
    start: str | None
    stop: str | None
    duration: str | None
    epoch: str | None
    stage: str


def read_hypnogram(path: str | os.PathLike[str], recording: Recording | None = None) -> Hypnogram:
    """Read the stages of one night.

    Parameters
    ----------
    path : str or path-like
        One of these:

        - a table (comma, semicolon or tab) with a header line and the columns ``start_s`` and
          ``stop_s`` or ``duration_s``, and ``stage``. Without either, a row lasts until the next,
          the last one 30 s. Times are seconds from the recording's start, clock times
          ``HH:MM:SS`` in order, over midnight too, or dates with time, ``YYYY-MM-DDTHH:MM:SS``;
        - a table ``epoch,stage`` of 30 s epochs that count from 0 where there is a 0, else from 1;
        - one stage a line, 30 s each from the recording's start;
        - a sleep profile exported as text, ``DD.MM.YYYY HH:MM:SS,mmm; stage``;
        - XML of the NSRR (``PSGAnnotation``) or of Profusion (``CMPStudyConfig``);
        - EDF+ or BDF+ with annotations ``Sleep stage ...``, placed by its own start where file
          and recording have one, else at the recording's start.

        Stages are read as `hsat.io.stages.STAGE_WORDS` lists them.
    recording : Recording, optional
        What clock times are placed on, by its `start_local`.

    Returns
    -------
    Hypnogram
        A note says how it was placed.

    Raises
    ------
    ReadError
        Where the file cannot be read as a hypnogram, a row is wrong (the message names file and
        line), a clock is needed and not known, or no row falls into the recording.
    """
    name = os.fspath(path)
    raw = read_text_file(name, where=f"hypnogram {name}", what=WHAT, most_bytes=MAX_BYTES)
    is_edf = raw.startswith(EDF_STARTS)
    spans, notes = _from_annotations(name, recording) if is_edf else _from_text(name, raw, recording)
    if recording is not None:
        first_s, last_s = spans[0].start_s, spans[-1].stop_s
        if first_s >= recording.duration_s or last_s <= 0.0:
            raise ReadError(
                f"hypnogram {name}: lies outside the recording: from {first_s:.0f} s to {last_s:.0f} s, "
                f"the recording lasts from 0 s to {recording.duration_s:.0f} s"
            )
        notes += _outside_notes(spans, recording.duration_s)
    return Hypnogram(spans=_joined(spans), source=name, notes=tuple(notes))


def _outside_notes(spans: Sequence[StagedSpan], duration_s: float) -> list[Note]:
    """That more than one epoch lies outside the recording: it may be another night's hypnogram."""
    inside_s = [max(min(span.stop_s, duration_s) - max(span.start_s, 0.0), 0.0) for span in spans]
    outside_s = sum(span.stop_s - span.start_s for span in spans) - sum(inside_s)
    if outside_s <= EPOCH_S:
        return []
    text = f"{outside_s / 60.0:.1f} min of the hypnogram lie outside the recording and were left out"
    return [Note("hypnogram_outside", text)]


def _joined(spans: Iterable[StagedSpan]) -> tuple[StagedSpan, ...]:
    """Touching spans of one stage as one."""
    joined: list[StagedSpan] = []
    for span in spans:
        if joined and joined[-1].stage is span.stage and joined[-1].stop_s == span.start_s:
            joined[-1] = joined[-1]._replace(stop_s=span.stop_s)
        else:
            joined.append(span)
    return tuple(joined)


# EDF+ -------------------------------------------------------------------------------------------


def _from_annotations(name: str, recording: Recording | None) -> tuple[list[StagedSpan], list[Note]]:
    """Spans of an EDF+ file: annotations that name a stage, all others left out."""
    edf = read_edf(name)
    offset_s = 0.0
    note = _note_from_start("its first record was put at the recording's start")
    start_local = None if recording is None else recording.start_local
    own_start = dated_start(edf.start_local, start_local)
    if start_local is not None and own_start is not None:
        offset_s = (own_start - start_local).total_seconds()
        note = _note_by_clock(offset_s)
    found = [
        (annotation.onset_s + offset_s, annotation.duration_s, stage)
        for annotation in sorted(edf.annotations, key=lambda annotation: annotation.onset_s)
        if (stage := _annotated_stage(annotation.text)) is not None
    ]
    if not found:
        raise ReadError(f"hypnogram {name}: expected EDF+ annotations such as 'Sleep stage N2', got none")
    spans: list[StagedSpan] = []
    for place, (start_s, duration_s, stage) in enumerate(found):
        next_s = found[place + 1][0] if place + 1 < len(found) else None
        stop_s = start_s + duration_s if duration_s else (start_s + EPOCH_S if next_s is None else next_s)
        _add_span(spans, StagedSpan(start_s, stop_s, stage), f"hypnogram {name}, annotation {place + 1}")
    return spans, [note]


def _annotated_stage(text: str) -> SleepStage | None:
    """Stage of an annotation. Other events are annotated too, so a bare number is none."""
    word = text.lower().strip()
    is_stage = word.startswith(PREFIXES) or word == "movement time"
    return find_stage(text) if is_stage else None


# Texts ------------------------------------------------------------------------------------------


def _from_text(name: str, raw: bytes, recording: Recording | None) -> tuple[list[StagedSpan], list[Note]]:
    text = _decoded(name, raw)
    if text[:1024].lstrip().startswith("<"):
        return _from_xml(name, raw, text)
    n_lines = text.count("\n")
    if n_lines > MAX_ROWS:
        raise ReadError(f"hypnogram {name}: expected at most {MAX_ROWS:,} rows, got {n_lines:,}")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    filled = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not filled:
        raise ReadError(f"hypnogram {name}: expected a table or a list of stages, got an empty file")
    longest_s = math.inf
    if filled[0][1].lower().startswith(EXPORT_START):
        longest_s, filled = _export_rows(name, filled)
    rows = _rows(name, filled)
    if rows[0].start is None:
        if rows[0].epoch is None:
            _refuse_holes(name, lines, rows)
        spans, note = (
            _epoch_spans(name, rows),
            _note_from_start("its epochs count from the recording's start"),
        )
    else:
        spans, note = _timed_spans(name, rows, recording, longest_s)
    return spans, [note, *_coding_notes(rows)]


def _from_xml(name: str, raw: bytes, text: str) -> tuple[list[StagedSpan], list[Note]]:
    from hsat.io.stages_xml import staged_spans  # few hypnograms are XML

    spans: list[StagedSpan] = []
    for number, span in enumerate(staged_spans(f"hypnogram {name}", raw, text), start=1):
        _add_span(spans, span, f"hypnogram {name}, stage {number}")
    return spans, [_note_from_start("its times count from the recording's start")]


def _coding_notes(rows: Sequence[_Row]) -> list[Note]:
    """Codings of stages by numbers differ: 4 is stage 4 with 5 for REM, or REM itself."""
    words = {row.stage for row in rows}
    if "4" not in words or "5" in words:
        return []
    text = (
        "stage 4 of the hypnogram was read as N3: where 4 stands for REM, AHI and sleep hours hold and "
        "those in REM and NREM do not"
    )
    return [Note("hypnogram_coding", text)]


def _decoded(name: str, raw: bytes) -> str:
    try:
        return decode_text(raw)
    except UnicodeDecodeError as error:
        raise ReadError(f"hypnogram {name}: expected text, got broken UTF-16") from error


def _export_rows(name: str, filled: list[tuple[int, str]]) -> tuple[float, list[tuple[int, str]]]:
    """Length of an epoch and the rows of an export, its header left out."""
    rates = [RATE_PATTERN.fullmatch(line) for _, line in filled]
    epoch_s = next((float(rate[1]) for rate in rates if rate is not None), EPOCH_S)
    rows = [(number, line) for number, line in filled if DATED_ROW.match(line)]
    if not rows or epoch_s <= 0.0:
        raise ReadError(f"hypnogram {name}: expected rows such as 'DD.MM.YYYY 23:05:30,000; N2', got none")
    return epoch_s, rows


def _rows(name: str, filled: Sequence[tuple[int, str]]) -> list[_Row]:
    """Rows of a table with or without a header line."""
    first = filled[0][1]
    delimiter = next((mark for mark in ";\t," if mark in first), ",")
    table = [(number, _cells(name, number, line, delimiter)) for number, line in filled]
    names = [_column_of(cell) for cell in table[0][1]]
    if "stage" in names:
        table = table[1:]
        if not table:
            raise ReadError(f"hypnogram {name}: expected rows below the header line, got none")
    elif len(names) == 1:
        names = ["stage"]
    elif len(names) == 2:
        names = ["epoch" if table[0][1][0].isdigit() else "start", "stage"]
    else:
        raise ReadError(
            f"hypnogram {name}, line {filled[0][0]}: expected a header line with start_s, stop_s or "
            f"duration_s, and stage, got {shown(first)}"
        )
    if "start" not in names and ("stop" in names or "duration" in names):
        raise ReadError(f"hypnogram {name}, line {filled[0][0]}: expected a column start_s, got none")
    places = {column: names.index(column) for column in COLUMNS if column in names}
    rows: list[_Row] = []
    for number, cells in table:
        if len(cells) <= max(places.values()):
            raise ReadError(f"hypnogram {name}, line {number}: expected {len(names)} cells, got {len(cells)}")
        found = {column: cells[places[column]] if column in places else None for column in COLUMNS}
        stage = found.pop("stage") or ""
        rows.append(_Row(line=number, stage=stage, **found))
    return rows


def _cells(name: str, number: int, line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error as error:
        raise ReadError(f"hypnogram {name}, line {number}: {error}") from error


def _column_of(cell: str) -> str | None:
    word = cell.lower().replace(" ", "_")
    return next((column for column, words in COLUMNS.items() if word in words), None)


def _refuse_holes(name: str, lines: Sequence[tuple[int, str]], rows: Sequence[_Row]) -> None:
    """In a list of stages an empty line would shift all that follow."""
    inside = lines[rows[0].line - 1 : rows[-1].line]
    hole = next((number for number, line in inside if not line), None)
    if hole is not None:
        raise ReadError(f"hypnogram {name}, line {hole}: expected a stage, got an empty line")


def _stage(name: str, row: _Row) -> SleepStage:
    stage = find_stage(row.stage)
    if stage is None:
        raise ReadError(
            f"hypnogram {name}, line {row.line}: expected a stage such as W, N1, N2, N3, R or ?, "
            f"got {shown(row.stage)}"
        )
    return stage


def _epoch_spans(name: str, rows: Sequence[_Row]) -> list[StagedSpan]:
    """Spans of 30 s epochs, by their numbers or one after the other."""
    if rows[0].epoch is None:
        places = list(range(len(rows)))
    else:
        places = [_epoch_number(name, row) for row in rows]
        first = 0 if 0 in places else 1
        places = [place - first for place in places]
    spans: list[StagedSpan] = []
    for place, row in sorted(zip(places, rows, strict=True)):
        span = StagedSpan(place * EPOCH_S, (place + 1) * EPOCH_S, _stage(name, row))
        _add_span(spans, span, f"hypnogram {name}, line {row.line}")
    return spans


def _epoch_number(name: str, row: _Row) -> int:
    text = row.epoch or ""
    is_number = text.isascii() and text.isdigit() and len(text) < MAX_DIGITS
    if not is_number or int(text) > LARGEST_S / EPOCH_S:
        raise ReadError(
            f"hypnogram {name}, line {row.line}: expected the number of an epoch, got {shown(text)}"
        )
    return int(text)


def _timed_spans(
    name: str, rows: Sequence[_Row], recording: Recording | None, longest_s: float
) -> tuple[list[StagedSpan], Note]:
    """Spans of rows with times, in seconds from the recording's start."""
    timeline = Timeline(
        name=f"hypnogram {name}", start_local=None if recording is None else recording.start_local
    )
    starts_s = [timeline.place_start(row.line, row.start or "") for row in rows]
    spans: list[StagedSpan] = []
    order = sorted(range(len(rows)), key=lambda i: starts_s[i])
    for rank, i in enumerate(order):
        row, start_s = rows[i], starts_s[i]
        if row.stop:
            stop_s = timeline.place_stop(row.line, row.stop, start_s)
        elif row.duration:
            stop_s = start_s + timeline.number(row.line, row.duration)
        else:
            next_s = starts_s[order[rank + 1]] if rank + 1 < len(order) else start_s + EPOCH_S
            stop_s = min(next_s, start_s + longest_s)
        span = StagedSpan(start_s, stop_s, _stage(name, row))
        _add_span(spans, span, f"hypnogram {name}, line {row.line}")
    if timeline.is_by_clock:
        return spans, _note_by_clock(spans[0].start_s)
    return spans, _note_from_start("its times count from the recording's start")


def _add_span(spans: list[StagedSpan], span: StagedSpan, where: str) -> None:
    """Append a span of later start; one before that reaches a little into it is cut."""
    if not span.stop_s > span.start_s:
        raise ReadError(
            f"{where}: expected a stop after the start, got {span.start_s:g} s to {span.stop_s:g} s"
        )
    if spans and spans[-1].stop_s > span.start_s:
        before = spans[-1]
        if before.stop_s - span.start_s > MAX_OVERLAP_S or before.start_s >= span.start_s:
            raise ReadError(
                f"{where}: expected a start from {before.stop_s:g} s on, where the stage before stops, "
                f"got {span.start_s:g} s"
            )
        spans[-1] = before._replace(stop_s=span.start_s)
    spans.append(span)


def _note_by_clock(first_s: float) -> Note:
    where = "before" if first_s < 0 else "after"
    return Note(
        "hypnogram_by_clock",
        f"hypnogram placed by the clock: it begins {abs(first_s) / 60.0:.1f} min {where} the recording does",
    )


def _note_from_start(how: str) -> Note:
    return Note("hypnogram_from_start", f"hypnogram placed without a clock: {how}")
