"""What a report is called: the title of a page, the head of a sheet."""

from hsat.patient import PatientSummary
from hsat.report.plain import printable, shortened
from hsat.results import NightResult
from hsat.treatment import TreatmentResponse

__all__ = ["night_title", "patient_title", "treatment_title"]

LONGEST_CODE = 60


def night_title(night: NightResult) -> str:
    """``"Night of 2026-03-01, P-1"``."""
    start = night.recording.start_local
    when = "start unknown" if start is None else f"{start:%Y-%m-%d}"
    patient = night.recording.subject.patient
    return f"Night of {when}" + (f", {_code(patient)}" if patient else "")


def patient_title(summary: PatientSummary) -> str:
    """``"Patient P-1"``."""
    return _patient_words(summary.patient)


def treatment_title(response: TreatmentResponse) -> str:
    """``"Treatment of patient P-1"``."""
    words = _patient_words(response.patient)
    return f"Treatment of {words[:1].lower()}{words[1:]}"


def _patient_words(patient: str | None) -> str:
    return f"Patient {_code(patient)}" if patient else "Patient without a code"


def _code(text: str) -> str:
    return shortened(printable(text), LONGEST_CODE)
