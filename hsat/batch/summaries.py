"""What the nights of a patient say together, as a row of the ledger; made by the workers, as nights are."""

from collections.abc import Sequence

from hsat.batch.outcome import Cell, PatientNights, PatientRow
from hsat.errors import HsatError
from hsat.nights.summary import summarize_nights
from hsat.patient import AhiPosterior, PatientSummary
from hsat.recording import Note

__all__ = ["PATIENT_COLUMNS", "summarize_patient"]

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


def summarize_patient(patient: PatientNights) -> PatientRow:
    """Sum up a patient.

    Parameters
    ----------
    patient : PatientNights

    Returns
    -------
    PatientRow
        Nights that contradict each other give a row with an error, not an exception.
    """
    group, nights = patient.group, patient.nights
    cells: dict[str, Cell] = dict.fromkeys(PATIENT_COLUMNS)
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
        return PatientRow(cells=cells | {"error": str(error)})
    cells |= _numbers(summary) | {"notes": _words((*group.notes, *summary.notes))}
    if summary.posterior is not None:
        cells |= _belief(summary.posterior)
    return PatientRow(cells=cells, excluded={item.file: item.reason for item in summary.excluded})


def _words(notes: Sequence[Note]) -> str | None:
    return "; ".join(note.text for note in notes) or None


def _numbers(summary: PatientSummary) -> dict[str, Cell]:
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


def _belief(posterior: AhiPosterior) -> dict[str, Cell]:
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
