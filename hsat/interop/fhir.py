"""A night as HL7 FHIR: a Bundle with one DiagnosticReport and its Observations.

Release 4 (4.0.1), the one that hospital systems and national profiles speak; the resources used here
are the same in R4B. It is plain JSON without a library: the tests hold it against one.
"""

import hashlib
import html
import json
import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid5

from hsat.interop.fhir_codes import LOINC, LOINC_SYSTEM, NAMESPACE, SYSTEMS, UCUM_SYSTEM, UCUM_UNITS
from hsat.report.document import json_text
from hsat.report.failed import FailedNight
from hsat.report.plain import printable, shortened
from hsat.report.rows import INDEX_ROWS, NO_REASON, index_value, reason_for
from hsat.report.subject import absent_patient_reason
from hsat.report.view import PHYSICIAN, view_night
from hsat.results import NightResult

__all__ = ["night_to_fhir", "night_to_fhir_json", "nights_to_fhir_json"]

ABSENT_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ABSENT_EXTENSION = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
CATEGORY_SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
LONGEST_TEXT = 4000
"""Characters of a text that comes from a file: notes are sentences, labels have 16."""
STATUS = "preliminary"
"""Also of an edited night: final is what an authorized person has signed, which hsat cannot know."""
NOT_A_DIAGNOSIS = {
    "automatic": "Scored automatically; not reviewed, and not a diagnosis.",
    "edited": "Computed from an event list that a person edited; not signed, and not a diagnosis.",
}
GENDERS = {"F": "female", "M": "male"}


def night_to_fhir(night: NightResult) -> dict[str, Any]:
    """Describe a night as a FHIR R4 Bundle.

    Parameters
    ----------
    night : NightResult
        Its source file is read once more, for the identifier of the recording.

    Returns
    -------
    dict
        A Bundle of type ``collection``: a DiagnosticReport, the Patient, the recorder as a Device, and an
        Observation for every number of the JSON, with the same number; one that was not measured has the
        JSON's reason. The same night gives the same Bundle, ids included. Of identifiers it holds the
        patient's code as the JSON has it; no path, and a file's name only where a note names one.
    """
    conclusion = _conclusion(night)
    draft = _bundle(night, conclusion, "")
    digest = hashlib.sha256(json.dumps(draft, sort_keys=True).encode("ascii")).hexdigest()
    return _bundle(night, conclusion, digest)


def night_to_fhir_json(night: NightResult) -> str:
    """One night as FHIR JSON; see `night_to_fhir`."""
    return json_text(night_to_fhir(night))


def nights_to_fhir_json(results: Sequence[NightResult | FailedNight]) -> str:
    """Several nights as one Bundle of type ``collection``, each night a Bundle in it.

    Parameters
    ----------
    results : sequence of NightResult or FailedNight
        A file that failed is an OperationOutcome with its error.

    Returns
    -------
    str
    """
    resources = {
        resource["id"]: resource
        for resource in (
            _outcome(result) if isinstance(result, FailedNight) else night_to_fhir(result)
            for result in results
        )
    }  # the same file given twice is the same Bundle, and a Bundle may hold it once
    return json_text(
        {
            "resourceType": "Bundle",
            "id": str(uuid5(NAMESPACE, "nights/" + "/".join(resources))),
            "type": "collection",
            "entry": [_entry(resource) for resource in resources.values()],
        }
    )


def _outcome(failed: FailedNight) -> dict[str, Any]:
    error = _words(failed.error) or NO_REASON
    return {
        "resourceType": "OperationOutcome",
        "id": str(uuid5(NAMESPACE, f"outcome/{error}")),
        "issue": [{"severity": "error", "code": "processing", "diagnostics": error}],
    }


def _entry(resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}


def _bundle(night: NightResult, conclusion: str, digest: str) -> dict[str, Any]:
    """The Bundle with ids below a digest of its content."""
    patient, device = _patient(night), _device(night)
    shared = {
        "status": STATUS,
        "subject": _subject(night, patient["id"]),
        **_effective(night),
    }
    measured = shared | {"device": {"reference": f"urn:uuid:{device['id']}"}, "method": _method(night)}
    observations = [
        {
            "resourceType": "Observation",
            "id": str(uuid5(NAMESPACE, f"{digest}/{role}")),
            "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": "procedure"}]}],
            **measured,
            **content,
        }
        for role, content in _observations(night)
    ]
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "id": str(uuid5(NAMESPACE, f"{digest}/report")),
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{html.escape(conclusion)}</p></div>',
        },
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{_study_id(night)}"}],
        **shared,
        "code": _own("result", "home_sleep_apnea_test", "Home sleep apnea test"),
        "result": [{"reference": f"urn:uuid:{item['id']}"} for item in observations],
        "conclusion": conclusion,
    }
    if night.severity is not None:
        report["conclusionCode"] = [_own("severity", night.severity)]
    return {
        "resourceType": "Bundle",
        "id": str(uuid5(NAMESPACE, f"{digest}/bundle")),
        "type": "collection",
        "entry": [_entry(item) for item in (report, patient, device, *observations)],
    }


def _study_id(night: NightResult) -> str:
    """The same for every scoring of a recording under one rule set, edited or not, wherever it lies."""
    recording = night.recording
    try:
        content = recording.source.sha256()
    except OSError:  # moved or unplugged since it was read
        content = None
    if content is None:
        content = f"{recording.subject.patient}/{recording.start_local}/{recording.duration_s}"
    return str(uuid5(NAMESPACE, f"study/{_words(content)}/{_words(night.rules_id.partition('@')[0])}"))


def _words(text: str) -> str:
    """A text as FHIR takes it: printable, single spaces, not endless; empty ones want no key at all."""
    return shortened(" ".join(printable(text).split()), LONGEST_TEXT)


def _own(system: str, code: str, display: str = "") -> dict[str, Any]:
    """A CodeableConcept of one of our own code systems."""
    coding = {"system": SYSTEMS[system], "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding], "text": display or code.replace("_", " ")}


def _patient(night: NightResult) -> dict[str, Any]:
    subject = night.recording.subject
    code = _words(subject.patient or "")
    who = f"patient/{code}" if code else f"patient-of/{_study_id(night)}"
    patient: dict[str, Any] = {"resourceType": "Patient", "id": str(uuid5(NAMESPACE, who))}
    if code:
        patient["identifier"] = [{"system": SYSTEMS["patient"], "value": code}]
    if subject.sex in GENDERS:
        patient["gender"] = GENDERS[subject.sex]
    return patient


def _subject(night: NightResult, patient_id: str) -> dict[str, Any]:
    reference = {"reference": f"urn:uuid:{patient_id}"}
    if not _words(night.recording.subject.patient or ""):
        reference["display"] = _words(absent_patient_reason(night.notes)) or NO_REASON
    return reference


def _device(night: NightResult) -> dict[str, Any]:
    """The model of the recorder; its serial number is not read."""
    info = night.recording.device
    name = _words(info.name) or "unknown recorder"
    averaging_s = info.oximeter_averaging_s
    device: dict[str, Any] = {
        "resourceType": "Device",
        "id": str(uuid5(NAMESPACE, f"device/{_words(info.profile)}/{name}/{averaging_s}")),
        "deviceName": [{"name": name, "type": "model-name"}],
    }
    if averaging_s is not None and math.isfinite(averaging_s):
        device["property"] = [
            {
                "type": _own("result", "oximeter_averaging_s", "Time that the oximeter averages over"),
                "valueQuantity": [_quantity(averaging_s, "s")],
            }
        ]
    return device


def _effective(night: NightResult) -> dict[str, Any]:
    """The days of start and end: a FHIR time of day needs a zone, and recorders know none."""
    start = night.recording.start_local
    if start is None:
        return {"_effectiveDateTime": {"extension": [{"url": ABSENT_EXTENSION, "valueCode": "unknown"}]}}
    stop = start + timedelta(seconds=night.recording.duration_s)
    return {"effectivePeriod": {"start": f"{start:%Y-%m-%d}", "end": f"{stop:%Y-%m-%d}"}}


def _method(night: NightResult) -> dict[str, Any]:
    rules = _words(night.rules_id)
    return {
        "coding": [
            {"system": SYSTEMS["scoring"], "code": night.scoring},
            {"system": SYSTEMS["rules"], "code": rules},
        ],
        "text": f"{night.scoring} scoring, rules {rules}, hsat {_words(night.hsat_version)}",
    }


def _conclusion(night: NightResult) -> str:
    view = view_night(night)
    closing = [line for line in view.closing if line != PHYSICIAN]
    verdict = NOT_A_DIAGNOSIS[night.scoring]
    reasons = [f"Night {night.adequacy}: {_words(reason)}." for reason in night.reasons]
    return " ".join([f"{view.headline}.", verdict, *view.remarks, *reasons, *closing])


def _observations(night: NightResult) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every result as role, and what of an Observation is its own."""
    per_h = {"sleep": "Per hour of sleep.", "monitoring": "Per hour of monitored time, not of sleep."}
    denominator = per_h[night.monitored.denominator]
    for row in INDEX_ROWS:
        content = _coded(row.key, row.label.strip())
        term = LOINC.get(row.key)
        if term is not None:
            coding = {"system": LOINC_SYSTEM, "code": term.code}
            content["code"]["coding"].append(coding | ({"display": term.display} if term.display else {}))
        value = index_value(night.indices, row.key)
        if value is None:
            content |= _absent(reason_for(night, row.key))
        elif isinstance(value, int):
            content["valueInteger"] = value
        else:
            content["valueQuantity"] = _quantity(value, row.unit)
        if row.unit == "/h":
            content["note"] = [{"text": denominator}]
        if row.key == "ahi_per_h" and night.severity is not None:
            content["interpretation"] = [_own("severity", night.severity)]
        yield row.key, content
    yield from _verdicts(night)
    yield from _times(night)
    yield from _sensors(night)
    for name in night.alternatives:
        yield f"alternatives.{_words(name)}.ahi_per_h", _alternative(night, name)


def _verdicts(night: NightResult) -> Iterator[tuple[str, dict[str, Any]]]:
    """Class, adequacy, therapy: what is no number."""
    severity = _coded("severity", "Class by AHI")
    if night.severity is None:
        severity |= _absent(night.not_measured.get("severity", NO_REASON))
    else:
        severity["valueCodeableConcept"] = _own("severity", night.severity)
    yield "severity", severity
    texts = [*night.reasons, *(note.text for note in night.notes)]
    adequacy = _coded("adequacy", "Adequacy of the night")
    adequacy["valueCodeableConcept"] = _own("adequacy", night.adequacy)
    notes = [{"text": words} for text in texts if (words := _words(text))]
    yield "adequacy", adequacy | ({"note": notes} if notes else {})
    therapy = _coded("therapy", "Treatment during the recording")
    yield "therapy", therapy | {"valueCodeableConcept": _own("therapy", night.therapy)}
    summary = night.cheyne_stokes
    periodic = _coded("is_cheyne_stokes", "Cheyne-Stokes breathing")
    if summary is None:
        periodic |= _absent("no airflow channel")
    elif summary.is_met is None:
        periodic |= _absent(summary.reason or NO_REASON)
    else:
        periodic["valueBoolean"] = summary.is_met
    yield "is_cheyne_stokes", periodic


def _times(night: NightResult) -> Iterator[tuple[str, dict[str, Any]]]:
    """When and how long was recorded, what of it counts, and why the rest does not."""
    start = night.recording.start_local
    clock = _coded("start_local", "Start by the recorder's clock, zone not known")
    if start is None:
        clock |= _absent("the file holds no valid start")
    else:
        clock["valueTime"] = start.time().isoformat()
    yield "start_local", clock
    monitored = night.monitored
    for key, label, value, unit in (
        ("duration_s", "Recorded, gaps included", float(night.recording.duration_s), "s"),
        ("monitoring_h", "Monitored", monitored.monitoring_h, "h"),
        ("flow_h", "Airflow can be judged", monitored.flow_h, "h"),
        ("spo2_h", "SpO2 can be judged", monitored.spo2_h, "h"),
    ):
        yield key, _coded(key, label) | {"valueQuantity": _quantity(value, unit)}
    excluded = _coded("excluded_min", "Time left out, by cause")
    parts = [
        {
            "code": _own("exclusion", item.cause.label, item.cause.label.replace("_", " ")),
            "valueQuantity": _quantity(item.minutes, "min"),
        }
        for item in monitored.excluded
    ]
    if parts:
        yield "excluded_min", excluded | {"component": parts}


def _sensors(night: NightResult) -> Iterator[tuple[str, dict[str, Any]]]:
    """Which sensors breathing was judged on, by their canonical names."""
    for key, label, name, reason in (
        ("flow_sensor", "Airflow judged on", night.flow_sensor, "no airflow channel"),
        (
            "effort_sensor",
            "Effort judged on",
            night.effort_sensor,
            night.not_measured.get("effort_sensor", NO_REASON),
        ),
    ):
        content = _coded(key, label)
        yield key, content | (_absent(reason) if name is None else {"valueString": _words(name)})


def _alternative(night: NightResult, name: str) -> dict[str, Any]:
    """The AHI under another rule set, which is this Observation's method."""
    other = night.alternatives[name]
    content = _coded("alternative_ahi_per_h", f"AHI under {_words(name)}")
    rules = _words(other.rules_id)
    content["method"] = {"coding": [{"system": SYSTEMS["rules"], "code": rules}], "text": f"rules {rules}"}
    if other.ahi_per_h is None or not math.isfinite(other.ahi_per_h):
        content |= _absent(night.not_measured.get("indices.ahi_per_h", NO_REASON))
    else:
        content["valueQuantity"] = _quantity(other.ahi_per_h, "/h")
    if other.severity is not None:
        content["interpretation"] = [_own("severity", other.severity)]
    return content


def _coded(key: str, label: str) -> dict[str, Any]:
    return {"code": _own("result", key, label)}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM_SYSTEM, "code": UCUM_UNITS[unit]}


def _absent(reason: str) -> dict[str, Any]:
    """Why an Observation has no value."""
    coding = {"system": ABSENT_SYSTEM, "code": "unknown", "display": "Unknown"}
    return {"dataAbsentReason": {"coding": [coding], "text": _words(reason) or NO_REASON}}
