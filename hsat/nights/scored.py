"""A scored night as a summary over nights takes it."""

from collections.abc import Iterable
from dataclasses import replace

from hsat.errors import NightsError
from hsat.patient import ScoredNight
from hsat.results import NightResult
from hsat.rules.model import AdequacyRule

__all__ = ["as_scored_night", "as_scored_nights"]


def as_scored_nights(
    nights: Iterable[NightResult | ScoredNight], rule: AdequacyRule, name: str = "nights"
) -> list[ScoredNight]:
    """What a summary needs of several results.

    Parameters
    ----------
    nights : iterable of NightResult or ScoredNight
    rule : AdequacyRule
        As for `as_scored_night`.
    name : str
        What an error calls them.

    Returns
    -------
    list of ScoredNight

    Raises
    ------
    NightsError
        Where they are something else. Their type is told, not what they hold.
    """
    expected = "expected results of hsat.score_night in a list"
    if not isinstance(nights, Iterable):
        raise NightsError(f"{name}: {expected}, got {type(nights).__name__}")
    found = []
    for place, night in enumerate(nights, start=1):
        if not isinstance(night, NightResult | ScoredNight):
            raise NightsError(f"{name}, night {place}: {expected}, got {type(night).__name__}")
        found.append(as_scored_night(night, rule))
    return found


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
