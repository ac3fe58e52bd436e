"""A night as FHIR: valid by another library, the JSON's numbers, a reason for every null, nothing hostile."""

import json
import re
import warnings
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree

import pytest
from night_builder import make_recording, make_result
from test_report import HOSTILE, hostile_night

from benchmarks.edf_files import small_night, write_edf
from hsat.cli.main import main
from hsat.interop.fhir import night_to_fhir, night_to_fhir_json, nights_to_fhir_json
from hsat.interop.fhir_codes import LOINC, LOINC_TERMS, SYSTEMS, UCUM_UNITS
from hsat.recording import DeviceInfo, Note, Subject
from hsat.report.document import night_document
from hsat.report.failed import FailedNight
from hsat.report.rows import INDEX_ROWS
from hsat.results import CheyneStokes
from hsat.score import score_night
from hsat.simulate import make_night

with warnings.catch_warnings():  # of the library's own making, while it builds its models
    warnings.simplefilter("ignore")
    from fhir.resources.R4B.bundle import Bundle  # of R4B: the resources used here are those of R4

ROOT = Path(__file__).resolve().parents[1]
LOINC_SYSTEM = "http://loinc.org"
ABSENT_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def valid(text: str) -> dict:
    """The document, after the library has read it and written the same again."""
    parsed = json.loads(text)
    assert json.loads(Bundle.model_validate_json(text).model_dump_json()) == parsed
    return parsed


def resources(bundle: dict, kind: str) -> list[dict]:
    found = [entry["resource"] for entry in bundle["entry"]]
    return [resource for resource in found if resource["resourceType"] == kind]


def only(bundle: dict, kind: str) -> dict:
    (resource,) = resources(bundle, kind)
    return resource


def strings(value: object) -> list[str]:
    """Every text and key in a document."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def own_code(resource: dict) -> str:
    return next(item["code"] for item in resource["code"]["coding"] if item["system"] == SYSTEMS["result"])


def observations(bundle: dict) -> dict[str, dict]:
    """By our own code; alternatives, of which there are several, by rule set."""
    found = {}
    for item in resources(bundle, "Observation"):
        key = own_code(item)
        key = f"{key} {item['method']['text']}" if key.startswith("alternative") else key
        assert key not in found
        found[key] = item
    return found


def value_of(item: dict) -> object:
    if "dataAbsentReason" in item:
        assert not [key for key in item if key.startswith("value")]
        return None
    (key,) = [key for key in item if key.startswith("value")]
    value = item[key]
    if key == "valueQuantity":
        return value["value"]
    return value["coding"][0]["code"] if key == "valueCodeableConcept" else value


@pytest.fixture(scope="module")
def simulated():
    return score_night(make_night(seed=7, duration_h=3.0).recording)


# ------------------------------------------------------------------ validity


def test_a_night_is_valid_fhir(simulated):
    bundle = valid(night_to_fhir_json(simulated))
    assert bundle["type"] == "collection"
    assert bundle["entry"][0]["resource"]["resourceType"] == "DiagnosticReport"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"severity": None, "therapy": "pap"}, id="on-therapy"),
        pytest.param({"scoring": "edited"}, id="edited"),
        pytest.param({"flow_sensor": None, "alternatives": {}}, id="no-airflow"),
        pytest.param({"recording": make_recording(start_local=None)}, id="start-unknown"),
        pytest.param({"recording": make_recording(subject=Subject())}, id="nobody"),
        pytest.param({"recording": make_recording(subject=Subject(patient=" \n"))}, id="blank-code"),
        pytest.param(
            {"notes": (Note(code="x", text=" "), Note(code="y", text="n" * 10_000))}, id="odd-notes"
        ),
        pytest.param(
            {"cheyne_stokes": CheyneStokes(is_met=None, criterion="c", reason="too short")}, id="untold"
        ),
    ],
)
def test_every_kind_of_night_is_valid_fhir(changes):
    valid(night_to_fhir_json(make_result(**changes)))


def test_the_library_refuses_what_is_wrong(simulated):
    """That the other tests can fail: a key that FHIR has not, a wrong type, a time of day without a zone."""
    for change in ({"rules": "aasm_1b"}, {"code": "x"}, {"effectivePeriod": {"start": "2026-03-03T22:30"}}):
        bundle = night_to_fhir(simulated)
        bundle["entry"][0]["resource"] |= change
        with pytest.raises(ValueError, match="validation error"):
            Bundle.model_validate_json(json.dumps(bundle))


def test_references_lead_to_entries_of_the_same_bundle(simulated):
    text = night_to_fhir_json(simulated)
    addresses = [entry["fullUrl"] for entry in json.loads(text)["entry"]]
    assert len(set(addresses)) == len(addresses)
    assert set(re.findall(r'"reference": "([^"]+)"', text)) <= set(addresses)
    for entry in json.loads(text)["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
        assert UUID(entry["resource"]["id"]).version == 5


# ------------------------------------------------------- the JSON's numbers


def test_numbers_are_those_of_the_json_and_every_null_has_its_reason(simulated):
    document = json.loads(json.dumps(night_document(simulated)))
    found = observations(valid(night_to_fhir_json(simulated)))
    n_null = 0
    for key, value in document["indices"].items():
        assert value_of(found[key]) == value, key
        if value is None:
            n_null += 1
            absent = found[key]["dataAbsentReason"]
            assert absent["coding"][0]["system"] == ABSENT_SYSTEM
            assert absent["text"] == document["not_measured"][f"indices.{key}"]
    assert n_null > 0
    assert len(document["indices"]) - n_null > 20
    for key in ("monitoring_h", "flow_h", "spo2_h"):
        assert value_of(found[key]) == document["monitored"][key]
    assert value_of(found["duration_s"]) == document["recording"]["duration_s"]
    for key in ("severity", "adequacy", "therapy", "flow_sensor", "effort_sensor"):
        assert value_of(found[key]) == document[key]
    assert value_of(found["is_cheyne_stokes"]) == document["cheyne_stokes"]["is_met"]


def test_excluded_time_is_told_by_cause():
    """300 s gap, 900 s upright, 3,120 s without a probe: the night was made with them."""
    item = observations(valid(night_to_fhir_json(make_result())))["excluded_min"]
    parts = {part["code"]["coding"][0]["code"]: part["valueQuantity"]["value"] for part in item["component"]}
    assert parts == {"gap": 5.0, "upright": 15.0, "spo2_probe_off": 52.0}


def test_alternatives_are_observations_with_their_own_rules(simulated):
    document = night_document(simulated)
    found = observations(valid(night_to_fhir_json(simulated)))
    assert document["alternatives"]
    for other in document["alternatives"].values():
        item = found[f"alternative_ahi_per_h rules {other['rules_id']}"]
        assert value_of(item) == other["ahi_per_h"]
        assert item["interpretation"][0]["coding"][0]["code"] == other["severity"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_absent(value):
    night = make_result()
    night = replace(night, indices=replace(night.indices, ahi_per_h=value))
    item = observations(valid(night_to_fhir_json(night)))["ahi_per_h"]
    assert item["dataAbsentReason"]["text"] == "the computation gave no finite number"


def test_units_are_ucum(simulated):
    found = observations(night_to_fhir(simulated))
    units = {row.key: row.unit for row in INDEX_ROWS}
    assert {unit for unit in units.values() if unit} == set(UCUM_UNITS)
    for key, code in (("ahi_per_h", "/h"), ("mean_spo2_percent", "%"), ("t90_min", "min")):
        quantity = found[key]["valueQuantity"]
        assert (quantity["system"], quantity["code"]) == ("http://unitsofmeasure.org", code)


# ------------------------------------------------------------- what it says


def test_severity_is_the_interpretation_of_the_ahi():
    bundle = valid(night_to_fhir_json(make_result(severity="moderate")))
    coding = observations(bundle)["ahi_per_h"]["interpretation"][0]["coding"][0]
    assert coding == {"system": SYSTEMS["severity"], "code": "moderate"}
    assert only(bundle, "DiagnosticReport")["conclusionCode"][0]["coding"] == [coding]


def test_without_a_class_nothing_is_interpreted_and_the_reason_is_given():
    bundle = valid(night_to_fhir_json(make_result(severity=None)))
    found = observations(bundle)
    assert "interpretation" not in found["ahi_per_h"]
    assert found["severity"]["dataAbsentReason"]["text"] == "less than 2 h monitored"
    assert "conclusionCode" not in only(bundle, "DiagnosticReport")


@pytest.mark.parametrize("scoring", ["automatic", "edited"])
def test_hsat_never_calls_a_night_final(scoring):
    bundle = valid(night_to_fhir_json(make_result(scoring=scoring)))
    report = only(bundle, "DiagnosticReport")
    items = resources(bundle, "Observation")
    assert {item["status"] for item in (report, *items)} == {"preliminary"}
    assert all(item["method"]["text"] for item in items)
    method = observations(bundle)["ahi_per_h"]["method"]
    assert [item["code"] for item in method["coding"]] == [scoring, "aasm_1b@0123456789ab"]
    assert method["text"] == f"{scoring} scoring, rules aasm_1b@0123456789ab, hsat 0.1.0"


@pytest.mark.parametrize(
    ("scoring", "words"),
    [("automatic", "Scored automatically; not reviewed"), ("edited", "an event list that a person edited")],
)
def test_the_conclusion_says_automatic_or_edited_and_not_a_diagnosis(scoring, words):
    report = only(night_to_fhir(make_result(scoring=scoring)), "DiagnosticReport")
    assert words in report["conclusion"]
    assert "not a diagnosis" in report["conclusion"]
    assert "Interpreting physician" not in report["conclusion"]
    read = ElementTree.fromstring(report["text"]["div"])
    assert "".join(read.itertext()) == report["conclusion"]


def test_days_are_dates_because_the_recorder_has_no_time_zone():
    """22:30 plus 8 h is the next day; FHIR R4 allows no time of day without a zone."""
    bundle = valid(night_to_fhir_json(make_result()))
    report, found = only(bundle, "DiagnosticReport"), observations(bundle)
    assert report["effectivePeriod"] == {"start": "2026-03-03", "end": "2026-03-04"}
    assert found["start_local"]["valueTime"] == "22:30:00"
    seconds = make_recording(start_local=datetime(2026, 3, 3, 0, 0, 5, 250_000))
    bundle = valid(night_to_fhir_json(make_result(recording=seconds)))
    assert observations(bundle)["start_local"]["valueTime"] == "00:00:05.250000"


def test_an_unknown_start_is_said_to_be_unknown():
    report = only(night_to_fhir(make_result(recording=make_recording(start_local=None))), "DiagnosticReport")
    assert "effectivePeriod" not in report
    assert report["_effectiveDateTime"]["extension"][0]["valueCode"] == "unknown"


def test_the_patient_is_the_pseudonym_and_the_device_its_model():
    device = DeviceInfo(profile="generic", name="Recorder 9", recorder="SN-4711", oximeter_averaging_s=3.0)
    bundle = valid(night_to_fhir_json(make_result(recording=make_recording(device=device))))
    patient = only(bundle, "Patient")
    assert patient["identifier"] == [{"system": SYSTEMS["patient"], "value": "p-0123456789ab"}]
    assert patient["gender"] == "female"
    assert set(patient) == {"resourceType", "id", "identifier", "gender"}
    recorder = only(bundle, "Device")
    assert recorder["deviceName"] == [{"name": "Recorder 9", "type": "model-name"}]
    assert recorder["property"][0]["valueQuantity"][0]["value"] == 3.0
    assert "4711" not in json.dumps(bundle)


def test_a_file_without_a_code_has_a_patient_of_its_own():
    nobody = make_recording(subject=Subject())
    bundle = valid(night_to_fhir_json(make_result(recording=nobody)))
    assert "identifier" not in only(bundle, "Patient")
    assert only(bundle, "DiagnosticReport")["subject"]["display"] == "the file holds no patient code"
    other = night_to_fhir(make_result(recording=replace(nobody, start_local=datetime(2026, 3, 9, 23, 0))))
    assert only(other, "Patient")["id"] != only(bundle, "Patient")["id"]


def test_rates_say_what_hour_they_are_per(simulated):
    found = observations(night_to_fhir(simulated))
    assert found["ahi_per_h"]["note"] == [{"text": "Per hour of monitored time, not of sleep."}]
    assert "note" not in found["mean_spo2_percent"]


# ------------------------------------------------------------- identifiers


def test_the_same_night_gives_the_same_bytes(simulated):
    assert night_to_fhir_json(simulated) == night_to_fhir_json(simulated)


def test_other_content_has_other_ids_and_the_study_keeps_its_identifier():
    first, second = night_to_fhir(make_result()), night_to_fhir(make_result(scoring="edited"))
    assert first["id"] != second["id"]
    reports = [only(bundle, "DiagnosticReport") for bundle in (first, second)]
    assert reports[0]["id"] != reports[1]["id"]
    assert reports[0]["identifier"] == reports[1]["identifier"]
    assert only(first, "Patient")["id"] == only(second, "Patient")["id"]


# ------------------------------------------------------------------- codes


def test_loinc_terms_are_those_that_were_looked_up(simulated):
    given = {
        own_code(item): coding
        for item in resources(night_to_fhir(simulated), "Observation")
        for coding in item["code"]["coding"]
        if coding["system"] == LOINC_SYSTEM
    }
    assert {key: coding["code"] for key, coding in given.items()} == {
        key: term.code for key, term in LOINC.items()
    }
    assert given["apnea_index_per_h"]["display"] == "Apnea index"
    assert given["odi3_per_h"] == given["odi4_per_h"]


@pytest.mark.parametrize("term", LOINC_TERMS, ids=lambda term: term.code)
def test_loinc_codes_have_their_check_digit_a_source_and_a_line_in_the_documentation(term):
    """The digit behind the hyphen is the Luhn sum of those before (LOINC Users' Guide): no typing error."""
    body, digit = term.code.split("-")
    doubled = [sum(divmod(2 * int(n), 10)) for n in body[::-1][::2]]
    total = sum(doubled) + sum(int(n) for n in body[::-1][1::2])
    assert (10 - total % 10) % 10 == int(digit)
    assert term.source
    assert term.is_exact == (not term.remark)
    lines = (ROOT / "docs" / "fhir.md").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith("|") and f"| {term.code} |" in line]
    assert term.display in line
    for key in (key for key, known in LOINC.items() if known is term):
        assert f"`{key}`" in line


def test_the_documentation_names_our_code_systems():
    text = (ROOT / "docs" / "fhir.md").read_text(encoding="utf-8")
    for name, system in SYSTEMS.items():
        assert f"| {name} | `{system}` |" in text


# ----------------------------------------------------------------- hostile


def test_hostile_texts_are_inert():
    night = hostile_night()
    night = replace(night, reasons=("<script>alert(1)</script>&\x00",), not_measured={**night.not_measured})
    text = night_to_fhir_json(night)
    bundle = valid(text)
    assert text.isascii()
    assert all(word.isprintable() for word in strings(bundle))
    div = only(bundle, "DiagnosticReport")["text"]["div"]
    assert [element.tag.rpartition("}")[2] for element in ElementTree.fromstring(div).iter()] == ["div", "p"]
    assert "&lt;script&gt;" in div
    assert only(bundle, "Patient")["identifier"][0]["value"].startswith(r"\x1b[31mred\x07\nnext")


# ------------------------------------------------------------ several, CLI


def test_several_nights_are_a_bundle_of_bundles_with_their_failures():
    other = make_result(recording=make_recording(start_local=datetime(2026, 3, 4, 22, 0)))
    failed = FailedNight(file="bad.edf", error=f"bad.edf: no EDF {HOSTILE}")
    bundle = valid(nights_to_fhir_json([make_result(), other, failed, make_result()]))
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds == ["Bundle", "Bundle", "OperationOutcome"]
    assert bundle["entry"][2]["resource"]["issue"][0]["diagnostics"].startswith("bad.edf: no EDF")
    for night in resources(bundle, "Bundle"):
        valid(json.dumps(night))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_edf(tmp_path / "night.edf", small_night(), duration_s=1800)
    return tmp_path


def test_format_fhir_prints_one_night_and_agrees_with_its_json(folder, capsys):
    assert main(["score", "night.edf", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main(["score", "night.edf", "--format", "fhir"]) == 0
    found = observations(valid(capsys.readouterr().out))
    assert {row.key: value_of(found[row.key]) for row in INDEX_ROWS} == document["indices"]


def test_format_fhir_writes_a_file_a_night(folder, capsys):
    data = bytearray(Path("night.edf").read_bytes())
    data[168:176] = b"04.03.26"  # the start's date of the header: another night
    Path("other.edf").write_bytes(data)
    Path("bad.edf").write_bytes(b"0")
    files = ["night.edf", "other.edf", "bad.edf"]
    assert main(["score", *files, "--format", "fhir", "--out", "out"]) == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["night.fhir.json", "other.fhir.json"]
    for path in Path("out").iterdir():
        valid(path.read_text(encoding="ascii"))
    kinds = [entry["resource"]["resourceType"] for entry in valid(capsys.readouterr().out)["entry"]]
    assert kinds == ["Bundle", "Bundle", "OperationOutcome"]


def test_keep_identifiers_shows_the_files_own_code(folder, capsys):
    data = bytearray(Path("night.edf").read_bytes())
    data[8:88] = b"MRN-0815 F 02-MAY-1951 Jane_Doe".ljust(80)
    Path("night.edf").write_bytes(data)
    assert main(["score", "night.edf", "--format", "fhir"]) == 0
    text = capsys.readouterr().out
    assert not [word for word in ("0815", "Doe", "1951", "night.edf") if word in text]
    assert main(["score", "night.edf", "--format", "fhir", "--keep-identifiers"]) == 0
    text = capsys.readouterr().out
    assert only(valid(text), "Patient")["identifier"][0]["value"] == "MRN-0815"
    assert not [word for word in ("Doe", "1951") if word in text]


def test_a_night_bridges_to_fhir(simulated):
    assert simulated.to_fhir() == night_to_fhir(simulated)
