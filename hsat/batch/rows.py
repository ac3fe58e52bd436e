"""A night's result as rows of the ledger, made by the workers so that one process can keep up with many."""

import json
from collections.abc import Iterable
from math import isfinite
from operator import attrgetter

from hsat.batch.outcome import Cell, Cells, StoredNight
from hsat.events import event_cells
from hsat.report.plain import without_surrogates
from hsat.report.tables import NIGHT_COLUMNS, night_row
from hsat.results import NightResult

__all__ = ["DESATURATION_COLUMNS", "NIGHT_CELLS", "stored_night"]

ROW_COLUMNS = tuple(name for name in NIGHT_COLUMNS if name != "error")
OWN_COLUMNS = (
    "age_years",
    "sex",
    "is_card",
    "recorder",
    "not_measured",
    "notes",
    "monitored_spans_s",
    "gaps_s",
)
NIGHT_CELLS = (*ROW_COLUMNS, *OWN_COLUMNS)
"""Columns of the table ``nights`` that come from the result: those of ``nights.csv``, and a few more."""

DESATURATION_COLUMNS = ("start_s", "nadir_s", "stop_s", "baseline_percent", "nadir_percent")


def stored_night(
    night: NightResult, *, part: int, sha256: dict[str, str], has_lasting_tokens: bool = False
) -> StoredNight:
    """Flatten a result.

    Parameters
    ----------
    night : NightResult
    part : int
        Which night of its files it is.
    sha256 : dict of str to str
        Content of each file.
    has_lasting_tokens : bool
        Whether tokens of recorders are made under the site's key, so that other processes make the same.

    Returns
    -------
    StoredNight
        Booleans as 0 and 1, lists as JSON, no NaN.
    """
    cells = {name: _cell(value) for name, value in night_row(night).items() if name in ROW_COLUMNS}
    recording = night.recording
    cells |= {
        "age_years": _cell(recording.subject.age_years),
        "sex": recording.subject.sex,
        "is_card": int(recording.source.stream is not None),
        "recorder": recording.device.recorder if has_lasting_tokens else None,
        "not_measured": _json(dict(night.not_measured)),
        "notes": _json([{"code": note.code, "text": note.text} for note in night.notes]),
        "monitored_spans_s": _json(night.monitored.spans_s.tolist()),
        "gaps_s": _json(recording.gaps_s.tolist()),
    }
    return StoredNight(
        files=recording.source.files,
        part=part,
        cells=cells,
        alternatives=tuple(
            (name, other.rules_id, _cell(other.ahi_per_h), other.severity)
            for name, other in night.alternatives.items()
        ),
        events=tuple(_cells(event_cells(event)) for event in night.events),
        desaturations=tuple(_cells(_of_desaturation(fall)) for fall in night.desaturations),
        sha256=sha256,
    )


_of_desaturation = attrgetter(*DESATURATION_COLUMNS)


def _cells(values: Iterable[object]) -> Cells:
    return tuple(  # most need no change: these are told here, without a call for each
        [
            value
            if (type(value) is float and isfinite(value))
            or value is None
            or (type(value) is str and value.isascii())
            else _cell(value)
            for value in values
        ]
    )


def _cell(value: object) -> Cell:
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.isascii() else without_surrogates(value)
    if isinstance(value, bool | int):
        return int(value)
    number = float(value)  # type: ignore[arg-type]  # numpy's floats too
    return number if isfinite(number) else None


def _json(value: object) -> str:
    return without_surrogates(json.dumps(value, ensure_ascii=False, allow_nan=False))
