"""The patients of a ledger: which nights are whose, and what they say together."""

import os
import statistics
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from hsat.batch.store import Store

__all__ = ["summarize_patients"]

COLUMNS = [
    "number",
    "patient",
    "grouped_by",
    "n_nights",
    "n_excluded",
    "first_night_local",
    "last_night_local",
    "monitoring_h",
    "pooled_ahi_per_h",
    "mean_ahi_per_h",
    "median_ahi_per_h",
    "sd_ahi_per_h",
    "min_ahi_per_h",
    "max_ahi_per_h",
    "rules_id",
    "notes",
]

QUERY = """
    SELECT night_id, patient, file, part, start_local, monitoring_h, ahi_per_h, adequacy, rules_id
    FROM nights ORDER BY file, part
"""


class _Night(NamedTuple):
    """What a summary takes from a night."""

    key: str
    patient: str | None
    night_id: str
    start_local: str | None
    monitoring_h: float
    ahi_per_h: float | None
    adequacy: str
    rules_id: str


def summarize_patients(store: Store, *, patient_from: str = "code") -> None:
    """Write the table of patients anew.

    Parameters
    ----------
    store : Store
    patient_from : str
        ``"code"``, or ``"folder"``: files of one folder are one patient's.
    """
    nights = []
    for row in store.rows(QUERY):
        folder = os.path.dirname(row["file"])  # noqa: PTH120 - URLs too
        key = folder if patient_from == "folder" else row["patient"] or f"\0{row['file']}"
        nights.append(
            _Night(
                key,
                row["patient"],
                row["night_id"],
                row["start_local"],
                row["monitoring_h"],
                row["ahi_per_h"],
                row["adequacy"],
                row["rules_id"],
            )
        )
    nights.sort(key=lambda night: (night.key, night.start_local or "", night.night_id))
    rows = []
    members: list[tuple[int, str, str | None]] = []
    for number, (_, items) in enumerate(groupby(nights, key=lambda night: night.key), start=1):
        group = list(items)
        rows.append((number, *_summary(group)))
        members.extend((number, night.night_id, _why_excluded(night)) for night in group)
    store.write_patients(COLUMNS, rows, members)


def _why_excluded(night: _Night) -> str | None:
    if night.ahi_per_h is None:
        return "no AHI"
    return "too little time to judge" if night.adequacy == "inadequate" else None


def _summary(group: Sequence[_Night]) -> tuple[object, ...]:
    used = [night for night in group if _why_excluded(night) is None]
    rates = [night.ahi_per_h for night in used if night.ahi_per_h is not None]
    hours = sum(night.monitoring_h for night in used)
    events = sum(night.ahi_per_h * night.monitoring_h for night in used if night.ahi_per_h is not None)
    starts = sorted(night.start_local for night in group if night.start_local is not None)
    codes = sorted({night.patient for night in group if night.patient is not None})
    return (
        codes[0] if len(codes) == 1 else None,
        "code" if codes else "alone",
        len(used),
        len(group) - len(used),
        starts[0] if starts else None,
        starts[-1] if starts else None,
        hours,
        events / hours if hours else None,
        statistics.fmean(rates) if rates else None,
        statistics.median(rates) if rates else None,
        statistics.stdev(rates) if len(rates) > 1 else None,
        min(rates, default=None),
        max(rates, default=None),
        "; ".join(sorted({night.rules_id for night in group})),
        None,
    )
