"""Is the night enough, and how severe is it: adequacy and severity, each with its reasons."""

from dataclasses import dataclass

from hsat.recording import Recording
from hsat.results import MonitoredTime
from hsat.rules.model import AdequacyRule, ScoringRules, SeverityRule

__all__ = ["Grade", "grade_adequacy", "grade_night", "grade_severity", "why_no_class"]

TREATED = ("pap", "appliance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Adequacy and severity of a night, and the reasons for what is missing of either."""

    adequacy: str
    severity: str | None
    reasons: tuple[str, ...]


def grade_severity(ahi_per_h: float, rule: SeverityRule) -> str:
    """Adult severity class of an unrounded AHI: normal, mild, moderate or severe."""
    if ahi_per_h >= rule.severe_from_per_h:
        return "severe"
    if ahi_per_h >= rule.moderate_from_per_h:
        return "moderate"
    return "mild" if ahi_per_h >= rule.mild_from_per_h else "normal"


def grade_adequacy(judged_h: float, rule: AdequacyRule) -> str:
    """Adequacy by the hours in which flow and oximetry can both be judged."""
    if judged_h >= rule.adequate_from_h:
        return "adequate"
    return "partial" if judged_h >= rule.partial_from_h else "inadequate"


def _judged_words(monitored: MonitoredTime) -> str:
    """The hours that were judged, and what they are hours of."""
    of_sleep = " of sleep" if monitored.denominator == "sleep" else ""
    return f"{_judged_h(monitored):.2f} h{of_sleep} with flow and SpO2 that can be judged"


def _judged_h(monitored: MonitoredTime) -> float:
    """Hours in which flow and oximetry can both be judged: what adequacy asks for."""
    if monitored.flow_h == 0 or monitored.spo2_h == 0:
        return 0.0
    return monitored.monitoring_h


def why_no_class(recording: Recording, monitored: MonitoredTime, rules: ScoringRules) -> str | None:
    """Why this night gets no adult severity class, in words; None where it gets one."""
    age_years = recording.subject.age_years
    youngest = rules.severity.min_age_years
    if recording.device.therapy in TREATED:
        return f"recorded on therapy ({recording.device.therapy}): the residual AHI has no diagnostic class"
    if age_years is not None and age_years < youngest:
        return f"age {age_years:g} is below {youngest:g} years: adult severity classes do not apply"
    if monitored.flow_h == 0.0 and monitored.spo2_h > 0.0:
        return (
            "no airflow or effort that can be judged: oximetry alone gives no class, however long "
            f"({monitored.spo2_h:.2f} h of SpO2)"
        )
    if monitored.spo2_h == 0.0 and monitored.flow_h > 0.0:
        least_h = rules.adequacy.partial_from_h
        return f"no SpO2 that can be judged: a class needs {least_h:g} h with flow and SpO2"
    judged_h = _judged_h(monitored)
    if grade_adequacy(judged_h, rules.adequacy) == "inadequate":
        return f"{_judged_words(monitored)}: a class needs {rules.adequacy.partial_from_h:g} h"
    return None


def grade_night(
    recording: Recording, monitored: MonitoredTime, ahi_per_h: float | None, rules: ScoringRules
) -> Grade:
    """Grade one night.

    Parameters
    ----------
    recording : Recording
    monitored : MonitoredTime
    ahi_per_h : float or None
    rules : ScoringRules
        ``[severity]`` and ``[adequacy]`` are used.

    Returns
    -------
    Grade
        Severity is None on therapy, below the adult age, without an AHI, and where the night is
        inadequate.
    """
    reasons: list[str] = []
    judged_h = _judged_h(monitored)
    adequacy = grade_adequacy(judged_h, rules.adequacy)
    if ahi_per_h is None:
        reasons.append("no AHI: it needs airflow or effort, and valid SpO2, at the same time")
    if adequacy == "partial":
        reasons.append(
            f"{_judged_words(monitored)}; an adequate night has {rules.adequacy.adequate_from_h:g} h"
        )
    refusal = why_no_class(recording, monitored, rules)
    if refusal is not None:
        reasons.append(refusal)
    severity = None
    if ahi_per_h is not None and refusal is None:
        severity = grade_severity(ahi_per_h, rules.severity)
    return Grade(adequacy=adequacy, severity=severity, reasons=tuple(reasons))
