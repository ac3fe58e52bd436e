"""A scored night as a summary over nights takes it."""

from dataclasses import replace

from hsat.patient import ScoredNight
from hsat.results import NightResult
from hsat.rules.model import AdequacyRule

__all__ = ["as_scored_night"]


def as_scored_night(night: NightResult | ScoredNight, rule: AdequacyRule) -> ScoredNight:
    """What a summary needs of a result.

    Parameters
    ----------
    night : NightResult or ScoredNight
    rule : AdequacyRule
        Grades nights whose AHI needs no SpO2, by rules of flow alone or by a device's own count: the
        adequacy of a `NightResult` also asks for SpO2.

    Returns
    -------
    ScoredNight
    """
    found = night if isinstance(night, ScoredNight) else _from_result(night)
    if not found.is_graded_by_hours:
        return found
    return replace(found, adequacy=_grade_hours(found.monitoring_h, rule))


def _from_result(night: NightResult) -> ScoredNight:
    recording, indices = night.recording, night.indices
    return ScoredNight(
        file=recording.source.path,
        start_local=recording.start_local,
        duration_s=recording.duration_s,
        patient=recording.subject.patient,
        recorder=recording.device.recorder,
        is_card=recording.source.stream is not None,
        sex=recording.subject.sex,
        therapy=night.therapy,
        rules_id=night.rules_id,
        scoring=night.scoring,
        denominator=night.monitored.denominator,
        monitoring_h=night.monitored.monitoring_h,
        n_events=None if indices.ahi_per_h is None else sum(event.is_counted for event in night.events),
        ahi_per_h=indices.ahi_per_h,
        no_ahi_reason=night.not_measured.get("indices.ahi_per_h"),
        severity=night.severity,
        no_class_reason=night.not_measured.get("severity"),
        adequacy=night.adequacy,
        is_graded_by_hours=indices.ahi_per_h is not None and night.monitored.spo2_h == 0.0,
        reasons=night.reasons,
        supine_h=indices.supine_h,
        non_supine_h=indices.non_supine_h,
        supine_ahi_per_h=indices.supine_ahi_per_h,
        non_supine_ahi_per_h=indices.non_supine_ahi_per_h,
        source=recording.source,
    )


def _grade_hours(hours: float, rule: AdequacyRule) -> str:
    """Adequacy by hours alone: ``"adequate"``, ``"partial"`` or ``"inadequate"``."""
    if hours >= rule.adequate_from_h:
        return "adequate"
    return "partial" if hours >= rule.partial_from_h else "inadequate"
