"""The patients of a ledger: which nights are whose, and what they say together."""

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from sqlite3 import Row

from hsat import __version__
from hsat.batch.store import Store
from hsat.errors import HsatError
from hsat.nights.patients import group_patients
from hsat.nights.summary import summarize_nights
from hsat.patient import AhiPosterior, PatientGroup, PatientSummary, ScoredNight
from hsat.recording import Note

__all__ = ["PATIENT_COLUMNS", "summarize_patients"]

PATIENT_COLUMNS = (
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
    "posterior_mean_ahi_per_h",
    "posterior_low95_ahi_per_h",
    "posterior_high95_ahi_per_h",
    "severity",
    "p_normal",
    "p_mild",
    "p_moderate",
    "p_severe",
    "is_firm",
    "nights_needed",
    "prior",
    "rules_id",
    "notes",
    "error",
)
"""Columns of ``patients.csv``."""

COLUMNS = ("number", *PATIENT_COLUMNS, "content_id")

NIGHTS = """
    SELECT night_id, settings_id, patient, file, start_local, duration_s, is_card, sex, therapy, rules_id,
        scoring, denominator, monitoring_h, ahi_per_h, severity, adequacy, reasons, supine_h, non_supine_h,
        supine_ahi_per_h, non_supine_ahi_per_h, not_measured,
        (SELECT sha256 FROM night_files WHERE night_files.night_id = nights.night_id AND n_files = 1)
        AS sha256,
        (SELECT count(*) FROM events WHERE events.night_id = nights.night_id AND is_counted) AS n_counted
    FROM nights ORDER BY file, part
"""


def summarize_patients(store: Store, *, patient_from: str = "code") -> None:
    """Write the table of patients anew; those whose nights are as before keep their row.

    Parameters
    ----------
    store : Store
    patient_from : str
        ``"code"``, or ``"folder"``: files of one folder are one patient's.
    """
    ids: list[tuple[str, str]] = []
    nights: list[ScoredNight] = []
    for row in store.rows(NIGHTS):
        ids.append((row["night_id"], row["settings_id"]))
        nights.append(_scored_night(row))
    before = {
        row["content_id"]: dict(row) for row in store.rows("SELECT * FROM patients") if row["content_id"]
    }
    excluded = {
        (row["content_id"], row["night_id"]): row["excluded"]
        for row in store.rows(
            "SELECT content_id, night_id, excluded FROM patients JOIN patient_nights USING (number)"
        )
    }
    rows: list[tuple[object, ...]] = []
    members: list[tuple[int, str, str | None]] = []
    for number, group in enumerate(group_patients(nights, patient_from=patient_from), start=1):
        own = [nights[place] for place in group.members]
        content_id = _content_id(group, [ids[place] for place in group.members])
        if content_id in before:
            cells = before[content_id] | {"number": number}
            why = {ids[place][0]: excluded.get((content_id, ids[place][0])) for place in group.members}
        else:
            cells, reasons = _cells(group, own)
            cells |= {"number": number, "content_id": content_id}
            why = {ids[place][0]: reasons.get(nights[place].file) for place in group.members}
        rows.append(tuple(cells[name] for name in COLUMNS))
        members.extend((number, night_id, reason) for night_id, reason in why.items())
    store.write_patients(COLUMNS, rows, members)


def _content_id(group: PatientGroup, ids: Sequence[tuple[str, str]]) -> str:
    """The same as long as a patient has the same nights, scored in the same way, by the same version."""
    text = json.dumps([__version__, group.patient, group.grouped_by, sorted(ids)])
    return sha256(text.encode("utf-8")).hexdigest()[:16]


def _scored_night(row: Row) -> ScoredNight:
    reasons = json.loads(row["not_measured"])
    return ScoredNight(
        file=row["file"],
        start_local=None if row["start_local"] is None else datetime.fromisoformat(row["start_local"]),
        duration_s=row["duration_s"],
        patient=row["patient"],
        is_card=bool(row["is_card"]),
        sex=row["sex"],
        therapy=row["therapy"],
        rules_id=row["rules_id"],
        scoring=row["scoring"],
        denominator=row["denominator"],
        monitoring_h=row["monitoring_h"],
        n_events=None if row["ahi_per_h"] is None else row["n_counted"],
        ahi_per_h=row["ahi_per_h"],
        no_ahi_reason=reasons.get("indices.ahi_per_h"),
        severity=row["severity"],
        no_class_reason=reasons.get("severity"),
        adequacy=row["adequacy"],
        reasons=tuple(row["reasons"].split("; ")) if row["reasons"] else (),
        supine_h=row["supine_h"],
        non_supine_h=row["non_supine_h"],
        supine_ahi_per_h=row["supine_ahi_per_h"],
        non_supine_ahi_per_h=row["non_supine_ahi_per_h"],
        sha256=row["sha256"],
    )


def _cells(group: PatientGroup, nights: Sequence[ScoredNight]) -> tuple[dict[str, object], dict[str, str]]:
    """A patient's row, and why nights of the group are no part of the summary, by file."""
    cells: dict[str, object] = dict.fromkeys(COLUMNS)
    starts = sorted(night.start_local for night in nights if night.start_local is not None)
    cells |= {
        "patient": group.patient,
        "grouped_by": group.grouped_by,
        "n_nights": 0,
        "n_excluded": len(nights),
        "first_night_local": starts[0].isoformat() if starts else None,
        "last_night_local": starts[-1].isoformat() if starts else None,
        "rules_id": "; ".join(sorted({night.rules_id for night in nights if night.rules_id is not None})),
        "notes": _words(group.notes),
    }
    try:
        summary = summarize_nights(nights, patient=group.patient, compare_priors=False)
    except HsatError as error:  # such as nights of two rule sets, while a batch is half way through
        return cells | {"error": str(error)}, {}
    cells |= _numbers(summary) | {"notes": _words((*group.notes, *summary.notes))}
    if summary.posterior is not None:
        cells |= _belief(summary.posterior)
    return cells, {item.file: item.reason for item in summary.excluded}


def _words(notes: Sequence[Note]) -> str | None:
    return "; ".join(note.text for note in notes) or None


def _numbers(summary: PatientSummary) -> dict[str, object]:
    low, high = summary.range_ahi_per_h or (None, None)
    return {
        "n_nights": len(summary.nights),
        "n_excluded": len(summary.excluded),
        "monitoring_h": sum(night.monitoring_h for night in summary.nights),
        "pooled_ahi_per_h": summary.pooled_ahi_per_h,
        "mean_ahi_per_h": summary.mean_ahi_per_h,
        "median_ahi_per_h": summary.median_ahi_per_h,
        "sd_ahi_per_h": summary.sd_ahi_per_h,
        "min_ahi_per_h": low,
        "max_ahi_per_h": high,
    }


def _belief(posterior: AhiPosterior) -> dict[str, object]:
    low, high = posterior.ci95_ahi_per_h
    return {
        "posterior_mean_ahi_per_h": posterior.mean_ahi_per_h,
        "posterior_low95_ahi_per_h": low,
        "posterior_high95_ahi_per_h": high,
        "severity": posterior.severity,
        **{f"p_{name}": value for name, value in posterior.class_probability.items()},
        "is_firm": int(posterior.is_firm),
        "nights_needed": posterior.nights_needed,
        "prior": posterior.prior,
    }
