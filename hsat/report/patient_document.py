"""Several nights of one patient as JSON, schema ``hsat.patient/1``, and as CSV: unrounded."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hsat import __version__
from hsat.patient import AhiPosterior, ExcludedNight, PatientNight, PatientSummary
from hsat.report.document import json_text
from hsat.report.failed import FailedNight
from hsat.report.patient_words import CLASS_LIMITS
from hsat.report.rows import NO_REASON
from hsat.report.tables import csv_text

__all__ = [
    "PATIENT_COLUMNS",
    "SCHEMA",
    "patient_csv",
    "patient_document",
    "patient_json",
    "patient_row",
    "posterior_document",
]

SCHEMA = "hsat.patient/1"

PATIENT_COLUMNS: tuple[str, ...] = (
    "patient",
    "rules_id",
    "therapy",
    "denominator",
    "n_nights",
    "n_excluded",
    "first_night",
    "last_night",
    "monitoring_h",
    "n_events",
    "pooled_ahi_per_h",
    "mean_ahi_per_h",
    "median_ahi_per_h",
    "sd_ahi_per_h",
    "lowest_ahi_per_h",
    "highest_ahi_per_h",
    "prior",
    "model",
    "posterior_mean_ahi_per_h",
    "posterior_low_ahi_per_h",
    "posterior_high_ahi_per_h",
    *(f"p_{name}" for name in CLASS_LIMITS),
    "severity",
    "is_firm",
    "p_misclassified",
    "night_to_night_cv",
    "night_to_night_correlation",
    "next_night_low_ahi_per_h",
    "next_night_high_ahi_per_h",
    "nights_needed",
    "supine_fraction",
    "supine_ahi_per_h",
    "non_supine_ahi_per_h",
    "trend",
    "notes",
)
"""Columns of a table with one row a patient."""

NIGHT_KEYS = (
    "file",
    "start_local",
    "day",
    "monitoring_h",
    "n_events",
    "ahi_per_h",
    "severity",
    "scoring",
    "adequacy",
    "is_adequate",
    "reasons",
    "supine_fraction",
    "supine_ahi_per_h",
    "non_supine_ahi_per_h",
    "supine_h",
    "non_supine_h",
)


def patient_json(summary: PatientSummary, failed: Sequence[FailedNight] = ()) -> str:
    """The summary as a JSON object; see `patient_document`."""
    return json_text(patient_document(summary, failed))


def patient_document(summary: PatientSummary, failed: Sequence[FailedNight] = ()) -> dict[str, Any]:
    """The summary as plain lists, dicts, texts and numbers.

    Parameters
    ----------
    summary : PatientSummary
    failed : sequence of FailedNight
        Files that gave no night at all.

    Returns
    -------
    dict
        Keys of schema ``hsat.patient/1``; no number is rounded, none is NaN or infinite;
        ``not_measured`` names a reason for every null by its path.
    """
    reasons = dict(summary.not_measured)
    posterior, trend = summary.posterior, summary.trend
    document = {
        "schema": SCHEMA,
        "hsat_version": __version__,
        "rules_id": summary.rules_id,
        "patient": summary.patient,
        "therapy": summary.therapy,
        "denominator": summary.denominator,
        "nights": [_night(night) for night in summary.nights],
        "excluded": [{"file": item.file, "reason": item.reason} for item in summary.excluded],
        "failed": [{"file": item.file, "error": item.error} for item in failed],
        "pooled_ahi_per_h": summary.pooled_ahi_per_h,
        "mean_ahi_per_h": summary.mean_ahi_per_h,
        "median_ahi_per_h": summary.median_ahi_per_h,
        "sd_ahi_per_h": summary.sd_ahi_per_h,
        "range_ahi_per_h": None if summary.range_ahi_per_h is None else list(summary.range_ahi_per_h),
        "posterior": None if posterior is None else posterior_document(posterior),
        "class_under_priors": {name: dict(shares) for name, shares in summary.class_under_priors.items()},
        "position": None if summary.position is None else asdict(summary.position),
        "trend": None if trend is None else asdict(trend),
        "named_rule": None if summary.named_rule is None else asdict(summary.named_rule),
        "not_measured": {},
        "notes": [{"code": note.code, "text": note.text} for note in summary.notes],
    }
    _explain(document, summary, reasons)
    document["not_measured"] = reasons
    return document


def _night(night: PatientNight) -> dict[str, Any]:
    row = {key: getattr(night, key) for key in NIGHT_KEYS}
    row["start_local"] = None if night.start_local is None else night.start_local.isoformat()
    row["reasons"] = list(night.reasons)
    return row


def posterior_document(posterior: AhiPosterior) -> dict[str, Any]:
    """The posterior as plain lists, dicts, texts and numbers; the drawn curve is left out.

    Parameters
    ----------
    posterior : AhiPosterior

    Returns
    -------
    dict
        ``class_probability`` is null where adult classes do not apply.
    """
    return {
        "prior": posterior.prior,
        "model": posterior.model,
        "mean_ahi_per_h": posterior.mean_ahi_per_h,
        "median_ahi_per_h": posterior.median_ahi_per_h,
        "ci95_ahi_per_h": list(posterior.ci95_ahi_per_h),
        "class_probability": dict(posterior.class_probability) or None,
        "severity": posterior.severity,
        "is_firm": posterior.is_firm,
        "p_misclassified": posterior.p_misclassified,
        "night_to_night_cv": posterior.night_to_night_cv,
        "night_to_night_correlation": posterior.night_to_night_correlation,
        "next_night_ci95": list(posterior.next_night_ci95),
        "nights_needed": posterior.nights_needed,
    }


def _explain(document: dict[str, Any], summary: PatientSummary, reasons: dict[str, str]) -> None:
    """Add a reason for every null that has none yet; those of single nights share one path each."""
    fallbacks = {
        "nights.start_local": "the file holds no valid start",
        "nights.day": "a night without a date",
        "nights.severity": summary.not_measured.get("posterior.severity", "the night alone has no class"),
        "nights.supine_fraction": "no position channel with a known coding, or no time in a known position",
        "nights.supine_h": "no position channel with a known coding",
        "nights.non_supine_h": "no position channel with a known coding",
        "nights.supine_ahi_per_h": "position not recorded, or too little time in it",
        "nights.non_supine_ahi_per_h": "position not recorded, or too little time in it",
        "position.supine_ahi_per_h": "too little supine time",
        "position.non_supine_ahi_per_h": "too little non-supine time",
        "position.supine_fraction": "no time in a known position",
        "posterior.nights_needed": "more than 30",
        "posterior.night_to_night_correlation": "the independent model has none",
        "trend.direction": "no trend beyond chance",
        "trend.reason": "the trend was tested",
        "named_rule.severity": summary.not_measured.get("posterior.severity", NO_REASON),
    }
    if summary.trend is not None and summary.trend.reason is not None:
        fallbacks |= dict.fromkeys(
            ("trend.direction", "trend.p_value", "trend.rank_correlation"), summary.trend.reason
        )
    for key in ("position", "posterior", "trend", "named_rule"):
        for name, value in (document[key] or {}).items():
            if value is None:
                reasons.setdefault(f"{key}.{name}", fallbacks.get(f"{key}.{name}", NO_REASON))
    for row in document["nights"]:
        for name, value in row.items():
            if value is None:
                reasons.setdefault(f"nights.{name}", fallbacks.get(f"nights.{name}", NO_REASON))
    for name, value in document.items():
        if value is None:
            reasons.setdefault(name, NO_REASON)


# ------------------------------------------------------------------------ CSV


def patient_csv(summary: PatientSummary, failed: Sequence[FailedNight] = ()) -> str:
    """One row a night: those that entered, those left out with their reasons, files that failed.

    Parameters
    ----------
    summary : PatientSummary
    failed : sequence of FailedNight

    Returns
    -------
    str
        The night's columns, then those of `PATIENT_COLUMNS` with ``patient_`` in front, the same in every
        row. A cell without a value is empty.
    """
    shared = {
        f"patient_{name.removeprefix('patient_')}": value for name, value in patient_row(summary).items()
    }
    shared["patient"] = shared.pop("patient_patient")
    columns = ["patient", "file", "is_used", "excluded_reason", "error"]
    columns += [key for key in NIGHT_KEYS if key != "file"]
    columns += [name for name in shared if name != "patient"]
    rows: list[dict[str, object]] = [
        {**shared, **_night(night), "reasons": "; ".join(night.reasons), "is_used": True}
        for night in summary.nights
    ]
    rows += [_left_out(item, shared) for item in summary.excluded]
    rows += [{**shared, "file": item.file, "is_used": False, "error": item.error} for item in failed]
    return csv_text(columns, rows)


def _left_out(item: ExcludedNight, shared: dict[str, object]) -> dict[str, object]:
    return {**shared, "file": item.file, "is_used": False, "excluded_reason": item.reason}


def patient_row(summary: PatientSummary) -> dict[str, object]:
    """One patient as a row of a table.

    Parameters
    ----------
    summary : PatientSummary

    Returns
    -------
    dict
        Keys `PATIENT_COLUMNS`; None for a cell without a value.
    """
    nights, posterior, position = summary.nights, summary.posterior, summary.position
    dated = [night.start_local for night in nights if night.start_local is not None]
    row: dict[str, object] = dict.fromkeys(PATIENT_COLUMNS)
    row |= {
        "patient": summary.patient,
        "rules_id": summary.rules_id,
        "therapy": summary.therapy,
        "denominator": summary.denominator,
        "n_nights": len(nights),
        "n_excluded": len(summary.excluded),
        "first_night": min(dated).isoformat() if dated else None,
        "last_night": max(dated).isoformat() if dated else None,
        "monitoring_h": float(sum(night.monitoring_h for night in nights)),
        "n_events": sum(night.n_events for night in nights),
        "pooled_ahi_per_h": summary.pooled_ahi_per_h,
        "mean_ahi_per_h": summary.mean_ahi_per_h,
        "median_ahi_per_h": summary.median_ahi_per_h,
        "sd_ahi_per_h": summary.sd_ahi_per_h,
        "trend": None if summary.trend is None else summary.trend.direction,
        "notes": "; ".join(note.text for note in summary.notes),
    }
    if summary.range_ahi_per_h is not None:
        row["lowest_ahi_per_h"], row["highest_ahi_per_h"] = summary.range_ahi_per_h
    if position is not None:
        row["supine_fraction"] = position.supine_fraction
        row["supine_ahi_per_h"] = position.supine_ahi_per_h
        row["non_supine_ahi_per_h"] = position.non_supine_ahi_per_h
    if posterior is not None:
        row |= _posterior_row(posterior)
    return row


def _posterior_row(posterior: AhiPosterior) -> dict[str, object]:
    row: dict[str, object] = {
        "prior": posterior.prior,
        "model": posterior.model,
        "posterior_mean_ahi_per_h": posterior.mean_ahi_per_h,
        "severity": posterior.severity,
        "is_firm": posterior.is_firm,
        "p_misclassified": posterior.p_misclassified,
        "night_to_night_cv": posterior.night_to_night_cv,
        "night_to_night_correlation": posterior.night_to_night_correlation,
        "nights_needed": posterior.nights_needed,
    }
    row["posterior_low_ahi_per_h"], row["posterior_high_ahi_per_h"] = posterior.ci95_ahi_per_h
    row["next_night_low_ahi_per_h"], row["next_night_high_ahi_per_h"] = posterior.next_night_ci95
    return row | {f"p_{name}": share for name, share in posterior.class_probability.items()}
