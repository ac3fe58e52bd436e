"""The effect of a treatment as JSON, schema ``hsat.treatment/1``: unrounded."""

from collections.abc import Sequence
from typing import Any

from hsat import __version__
from hsat.report.document import json_text
from hsat.report.failed import FailedNight
from hsat.report.patient_document import patient_document
from hsat.report.rows import NO_REASON
from hsat.treatment import TreatmentResponse

__all__ = ["SCHEMA", "treatment_document", "treatment_json"]

SCHEMA = "hsat.treatment/1"
INTERVALS = ("change_ci95_per_h", "change_ci95_percent", "residual_ci95_per_h")
FIGURES = (
    "change_per_h",
    "change_ci95_per_h",
    "change_percent",
    "change_ci95_percent",
    "residual_ahi_per_h",
    "residual_ci95_per_h",
    "p_halved",
    "p_complete",
    "response",
    "is_enough",
)


def treatment_json(response: TreatmentResponse, failed: Sequence[FailedNight] = ()) -> str:
    """The effect as a JSON object; see `treatment_document`."""
    return json_text(treatment_document(response, failed))


def treatment_document(response: TreatmentResponse, failed: Sequence[FailedNight] = ()) -> dict[str, Any]:
    """The effect as plain lists, dicts, texts and numbers.

    Parameters
    ----------
    response : TreatmentResponse
    failed : sequence of FailedNight
        Files that gave no night at all.

    Returns
    -------
    dict
        Keys of schema ``hsat.treatment/1``: ``before`` and ``after`` are of schema ``hsat.patient/1``; no
        number is rounded, ``not_measured`` names a reason for every null.
    """
    reasons = dict(response.not_measured)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "hsat_version": __version__,
        "patient": response.patient,
        **{name: getattr(response, name) for name in FIGURES},
        "before": patient_document(response.before),
        "after": patient_document(response.after),
        "failed": [{"file": item.file, "error": item.error} for item in failed],
        "not_measured": reasons,
        "notes": [{"code": note.code, "text": note.text} for note in response.notes],
    }
    for name in INTERVALS:
        if document[name] is not None:
            document[name] = list(document[name])
    for name, value in document.items():
        if value is None:
            reasons.setdefault(name, NO_REASON)
    return document
