"""A night as JSON, schema ``hsat.night/1``: unrounded, valid always, a reason for every null."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hsat.distribution import describe_distribution
from hsat.events import Desaturation, RejectedCandidate, RespiratoryEvent
from hsat.hypnogram import Hypnogram
from hsat.intervals import Spans
from hsat.report.failed import FailedNight
from hsat.report.plain import without_surrogates
from hsat.report.rows import INDEX_ROWS, NO_REASON, index_value, reason_for
from hsat.report.subject import absent_patient_reason
from hsat.results import MonitoredTime, NightResult, RecordingInfo, SensorTime

__all__ = ["SCHEMA", "json_text", "night_document", "night_json", "nights_json"]

SCHEMA = "hsat.night/1"


def night_json(night: NightResult) -> str:
    """One night as a JSON object; see `night_document`."""
    return json_text(night_document(night))


def nights_json(results: Sequence[NightResult | FailedNight]) -> str:
    """Several nights as a JSON list in the order given; a failed one as ``{file, error}``."""
    return json_text(
        [
            {"file": result.file, "error": result.error}
            if isinstance(result, FailedNight)
            else night_document(result)
            for result in results
        ]
    )


def json_text(document: Any) -> str:
    """JSON with one line a key or item of a list, two levels deep.

    Numbers are strict (no NaN) and all characters ASCII, so that it is valid in every encoding.
    """
    return _lines(_strict(document), "", depth=3 if isinstance(document, list) else 2) + "\n"


def _lines(value: Any, indent: str, *, depth: int) -> str:
    """Nested as far as people look, then one line an item: short, and fast to write."""
    if depth == 0 or not value or not isinstance(value, dict | list):
        return json.dumps(value, allow_nan=False)
    inner = indent + "  "
    if isinstance(value, dict):
        items = [
            f"{inner}{json.dumps(key)}: {_lines(item, inner, depth=depth - 1)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    items = [inner + _lines(item, inner, depth=depth - 1) for item in value]
    return "[\n" + ",\n".join(items) + f"\n{indent}]"


def _strict(value: Any) -> Any:
    """Texts without lone surrogates, which strict readers refuse."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {without_surrogates(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return value


def night_document(night: NightResult) -> dict[str, Any]:
    """The night as plain lists, dicts, texts and numbers.

    Parameters
    ----------
    night : NightResult
        Its source file is read once more for the checksum.

    Returns
    -------
    dict
        Keys of schema ``hsat.night/1`` in the schema's order; no number is rounded, none is NaN
        or infinite; ``not_measured`` names a reason for every null.
    """
    indices = {row.key: index_value(night.indices, row.key) for row in INDEX_ROWS}
    spread = describe_distribution(night)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "hsat_version": night.hsat_version,
        "rules_id": night.rules_id,
        "recording": _recording(night.recording),
        "denominator": night.monitored.denominator,
        "monitored": _monitored(night.monitored),
        "indices": indices,
        "severity": night.severity,
        "adequacy": night.adequacy,
        "is_adequate": night.is_adequate,
        "reasons": list(night.reasons),
        "therapy": night.therapy,
        "scoring": night.scoring,
        "flow_sensor": night.flow_sensor,
        "sensors": {
            "apneas": _sensor_times(night.sensors.apneas),
            "hypopneas": _sensor_times(night.sensors.hypopneas),
        },
        "effort_sensor": night.effort_sensor,
        "spo2_delay_s": _number(night.spo2_delay_s),
        "not_measured": {},
        "alternatives": {
            name: {
                "rules_id": other.rules_id,
                "ahi_per_h": _number(other.ahi_per_h),
                "severity": other.severity,
            }
            for name, other in night.alternatives.items()
        },
        "is_class_stable": night.is_class_stable,
        "cheyne_stokes": None if night.cheyne_stokes is None else asdict(night.cheyne_stokes),
        "periodic_breathing": [
            asdict(run) | {"duration_s": run.duration_s} for run in night.periodic_breathing
        ],
        "hours": [asdict(hour) for hour in spread.hours],
        "durations": [row._asdict() for row in spread.durations],
        "drops": [row._asdict() for row in spread.drops],
        "events": [_event(event) for event in night.events],
        "rejected": [_rejected(candidate) for candidate in night.rejected],
        "desaturations": [_desaturation(fall) for fall in night.desaturations],
        "notes": [{"code": note.code, "text": note.text} for note in night.notes],
    }
    document["not_measured"] = _reasons(night, document)
    return document


def _recording(recording: RecordingInfo) -> dict[str, Any]:
    start = recording.start_local
    return {
        "file": list(recording.source.parts) or recording.source.path,
        "sha256": _sha256(recording),
        "format": recording.source.format,
        "start_local": None if start is None else start.isoformat(),
        "duration_s": float(recording.duration_s),
        "device": recording.device.profile,
        "device_name": recording.device.name,
        "oximeter_averaging_s": _number(recording.device.oximeter_averaging_s),
        "patient": recording.subject.patient,
        "channels": [
            {
                "name": channel.name,
                "source_label": channel.source_label,
                "rate_hz": float(channel.rate_hz),
                "unit": channel.unit,
            }
            for channel in recording.channels
        ],
        "gaps_s": _spans(recording.gaps_s),
    }


def _sha256(recording: RecordingInfo) -> str | None:
    try:
        return recording.source.sha256()
    except OSError:  # moved or unplugged since it was read: no reason to lose the result
        return None


def _monitored(monitored: MonitoredTime) -> dict[str, Any]:
    return {
        "monitoring_h": monitored.monitoring_h,
        "flow_h": monitored.flow_h,
        "spo2_h": monitored.spo2_h,
        "spans_s": _spans(monitored.spans_s),
        "excluded": [
            {"cause": item.cause.label, "minutes": item.minutes, "spans_s": _spans(item.spans_s)}
            for item in monitored.excluded
        ],
        "hypnogram": None if monitored.hypnogram is None else _hypnogram(monitored.hypnogram),
    }


def _hypnogram(hypnogram: Hypnogram) -> dict[str, Any]:
    return {
        "file": hypnogram.source or None,
        "stages": [[float(span.start_s), float(span.stop_s), span.stage.value] for span in hypnogram.spans],
    }


def _sensor_times(times: Sequence[SensorTime]) -> list[dict[str, Any]]:
    return [
        {"sensor": time.sensor, "minutes": time.minutes, "spans_s": _spans(time.spans_s)} for time in times
    ]


def _event(event: RespiratoryEvent) -> dict[str, Any]:
    return {
        "kind": event.kind.value,
        "start_s": float(event.start_s),
        "stop_s": float(event.stop_s),
        "duration_s": float(event.duration_s),
        "flow_reduction_fraction": _number(event.flow_reduction_fraction),
        "baseline_excursion": _number(event.baseline_excursion),
        "effort_fraction": _number(event.effort_fraction),
        "criterion": event.criterion,
        "is_counted": event.is_counted,
        "origin": event.origin.value,
        "confidence_fraction": _number(event.confidence_fraction),
        "obstructive_signs": None if event.obstructive_signs is None else list(event.obstructive_signs),
        "desaturation_delay_s": _number(event.desaturation_delay_s),
        "sensor": event.sensor,
        "desaturation": None if event.desaturation is None else _desaturation(event.desaturation),
    }


def _rejected(candidate: RejectedCandidate) -> dict[str, Any]:
    fall = candidate.desaturation
    return {
        "start_s": float(candidate.start_s),
        "stop_s": float(candidate.stop_s),
        "duration_s": float(candidate.duration_s),
        "flow_reduction_fraction": _number(candidate.flow_reduction_fraction),
        "baseline_excursion": _number(candidate.baseline_excursion),
        "reason": candidate.reason,
        "confidence_fraction": _number(candidate.confidence_fraction),
        "sensor": candidate.sensor,
        "desaturation": None if fall is None else _desaturation(fall),
    }


def _desaturation(fall: Desaturation) -> dict[str, Any]:
    return {
        "start_s": float(fall.start_s),
        "nadir_s": float(fall.nadir_s),
        "stop_s": float(fall.stop_s),
        "baseline_percent": float(fall.baseline_percent),
        "nadir_percent": float(fall.nadir_percent),
    }


def _reasons(night: NightResult, document: dict[str, Any]) -> dict[str, str]:
    """A reason for every null of the document, by its dotted path.

    The nulls of single events share one path each (``events.effort_fraction``).
    """
    reasons = dict(night.not_measured)
    for row in INDEX_ROWS:
        if document["indices"][row.key] is None:
            reasons[f"indices.{row.key}"] = reason_for(night, row.key)
    recording = document["recording"]
    missing = {
        "severity": (night.severity is None, NO_REASON),
        "recording.sha256": (
            recording["sha256"] is None,
            "the recording did not come from a file"
            if recording["format"] == "memory"
            else "the file could not be read again",
        ),
        "recording.start_local": (recording["start_local"] is None, "the file holds no valid start"),
        "recording.oximeter_averaging_s": (
            recording["oximeter_averaging_s"] is None,
            "neither the file nor the device profile tells it",
        ),
        "hours.ahi_per_h": (
            any(hour["ahi_per_h"] is None for hour in document["hours"]),
            reasons.get("indices.ahi_per_h", "less than a quarter of the hour is monitored"),
        ),
        "recording.patient": (recording["patient"] is None, absent_patient_reason(night.notes)),
        "monitored.hypnogram": (night.monitored.hypnogram is None, "no hypnogram was given"),
        "monitored.hypnogram.file": (
            night.monitored.hypnogram is not None and not night.monitored.hypnogram.source,
            "the hypnogram did not come from a file",
        ),
        "flow_sensor": (night.flow_sensor is None, "no airflow channel"),
        "effort_sensor": (night.effort_sensor is None, NO_REASON),
        "spo2_delay_s": (document["spo2_delay_s"] is None, "the night does not show a delay"),
    }
    missing |= _list_reasons(night, document)
    missing |= _kind_reasons(night, document)
    for name, other in document["alternatives"].items():
        for key, fallback in (("ahi_per_h", "indices.ahi_per_h"), ("severity", "severity")):
            reason = reasons.get(fallback, NO_REASON)
            missing[f"alternatives.{name}.{key}"] = (other[key] is None, reason)
    for path, (is_missing, reason) in missing.items():
        if is_missing:
            reasons.setdefault(path, reason)
    return reasons


def _list_reasons(night: NightResult, document: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    """Reasons about single events and rejected candidates, by path, with whether each is needed."""
    reasons = {
        "events.effort_fraction": (
            night.not_measured.get("effort_sensor", NO_REASON)
            if night.effort_sensor is None
            else "effort cannot be judged in the event"
        ),
        "events.desaturation": "no fall of SpO2 belongs to the event",
        "events.flow_reduction_fraction": "no airflow to measure against in an event that a person scored",
        "events.sensor": "nothing says which sensor the event was judged on",
        "rejected.flow_reduction_fraction": "no airflow to measure against",
        "rejected.sensor": "nothing says which sensor the stretch was judged on",
        "rejected.desaturation": "no fall of SpO2 belongs to the stretch",
    }
    found = {}
    for path, reason in reasons.items():
        where, key = path.split(".")
        found[path] = (any(item[key] is None for item in document[where]), reason)
    return found


def _kind_reasons(night: NightResult, document: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    """Reasons about kinds, confidence and stability, by path, with whether each is needed."""
    summary = night.cheyne_stokes
    events, rejected = document["events"], document["rejected"]
    unranked = "no distance from a limit decided"
    return {
        "is_class_stable": (night.is_class_stable is None, "the night, or another rule set, gives no class"),
        "cheyne_stokes": (summary is None, "no airflow channel"),
        "cheyne_stokes.is_met": (
            summary is not None and summary.is_met is None,
            NO_REASON if summary is None or summary.reason is None else summary.reason,
        ),
        "cheyne_stokes.reason": (
            summary is not None and summary.reason is None,
            "cheyne_stokes.is_met has its answer",
        ),
        "events.desaturation_delay_s": (
            any(event["desaturation_delay_s"] is None for event in events),
            "no fall of SpO2 belongs to the event",
        ),
        "events.obstructive_signs": (
            any(event["obstructive_signs"] is None for event in events),
            "an apnea, an event that a person scored, or hypopneas are not typed by this rule set",
        ),
        "events.confidence_fraction": (any(e["confidence_fraction"] is None for e in events), unranked),
        "rejected.confidence_fraction": (
            any(e["confidence_fraction"] is None for e in rejected),
            f"{unranked}: a fault of the sensor, no recovery, or SpO2 missing",
        ),
        "rejected.baseline_excursion": (any(e["baseline_excursion"] is None for e in rejected), NO_REASON),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _spans(spans_s: Spans) -> list[list[float]]:
    return [[float(start), float(stop)] for start, stop in spans_s]
