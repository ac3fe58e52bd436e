"""``hsat patient`` and ``hsat treatment``: paths, options, exit codes, one line an error."""

import csv
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hsat.cli.main import main
from hsat.events import EventKind
from hsat.recording import DeviceInfo, Subject
from hsat.report.document import night_json, nights_json
from hsat.report.failed import FailedNight
from tests.night_builder import make_event, make_recording, make_result
from tests.test_daily import DAY_0, write_summary

FIRST = datetime(2026, 3, 3, 22, 30)


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path / "configuration"))


def scored(day: int, n_events: int, *, patient: str | None = "P-1", therapy: str = "none", **changes):
    """A result of some events in 6.8 h."""
    recording = make_recording(
        start_local=FIRST + timedelta(days=day),
        subject=Subject(patient=patient),
        device=DeviceInfo(profile="generic", name="Generic recorder", therapy=therapy),
    )
    night = make_result(
        recording=recording,
        therapy=therapy,
        events=tuple(make_event(EventKind.HYPOPNEA, 900.0 + 60.0 * i) for i in range(n_events)),
        severity="mild",
        **changes,
    )
    return replace(night, indices=replace(night.indices, ahi_per_h=n_events / 6.8))


def store(folder: Path, day: int, n_events: int, **changes) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"n{day}.night.json"
    path.write_text(night_json(scored(day, n_events, **changes)), encoding="utf-8")
    return str(path)


def run(capsys, *words):
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_stored_results_of_a_folder_are_summed_up(capsys, tmp_path):
    for day, n_events in enumerate((70, 90, 120)):
        store(tmp_path / "scored", day, n_events)
    code, out, err = run(capsys, "patient", tmp_path / "scored", "--format", "json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert [night["n_events"] for night in document["nights"]] == [70, 90, 120]
    assert document["pooled_ahi_per_h"] == pytest.approx(280 / (3 * 6.8))
    assert document["patient"] == "P-1"


def test_a_stored_list_is_summed_up_and_its_failures_are_named(capsys, tmp_path):
    path = tmp_path / "all.json"
    nights = [scored(0, 70), FailedNight(file="bad.edf", error="bad.edf: no EDF"), scored(1, 90)]
    path.write_text(nights_json(nights), encoding="utf-8")
    code, out, err = run(capsys, "patient", path, "--format", "json")
    document = json.loads(out)
    assert code == 1
    assert "bad.edf: no EDF" in err
    assert document["failed"] == [{"file": "bad.edf", "error": "bad.edf: no EDF"}]
    assert len(document["nights"]) == 2


def test_recordings_are_scored_and_give_what_their_stored_results_give(capsys, tmp_path, samples):
    assert run(capsys, "score", samples, "--format", "json", "--out", tmp_path / "out")[0] == 0
    fresh = json.loads(run(capsys, "patient", samples, "--format", "json")[1])
    stored = json.loads(run(capsys, "patient", tmp_path / "out", "--format", "json")[1])
    for document in (fresh, stored):
        for night in document["nights"]:
            night.pop("file")
    assert fresh == stored
    assert len(fresh["nights"]) == 3


def test_csv_and_text_and_files(capsys, tmp_path):
    paths = [store(tmp_path, day, 80) for day in range(2)]
    code, out, _ = run(capsys, "patient", *paths, "--format", "csv", "--out", tmp_path / "out")
    assert code == 0
    assert len(list(csv.DictReader(io.StringIO(out)))) == 2
    assert (tmp_path / "out" / "patient.csv").read_text(encoding="utf-8") == out
    assert (tmp_path / "out" / "patient.png").read_bytes().startswith(b"\x89PNG")
    assert run(capsys, "patient", *paths)[1].startswith("AHI ")


def test_a_result_that_cannot_be_stored_is_printed_all_the_same(capsys, tmp_path):
    (tmp_path / "out" / "patient.png").mkdir(parents=True)
    code, out, err = run(capsys, "patient", store(tmp_path, 0, 80), "--out", tmp_path / "out")
    assert code == 1
    assert out.startswith("AHI ")
    assert "patient.png: cannot be written" in err
    assert run(capsys, "patient", tmp_path / "n0.night.json", "--out", tmp_path / "n0.night.json")[0] == 2


def test_two_patients_are_wrong_usage_naming_both_unless_they_are_one(capsys, tmp_path):
    paths = [store(tmp_path, 0, 80), store(tmp_path, 1, 90, patient="P-2")]
    code, out, err = run(capsys, "patient", *paths)
    assert (code, out) == (2, "")
    assert "P-1" in err
    assert "P-2" in err
    assert len(err.splitlines()) == 1
    code, out, _ = run(capsys, "patient", *paths, "--patient", "trial-7", "--format", "json")
    document = json.loads(out)
    assert (code, document["patient"]) == (0, "trial-7")
    assert [note["code"] for note in document["notes"]] == ["patient_conflict"]


def test_nights_without_a_code_are_not_guessed_to_be_one_patients(capsys, tmp_path):
    paths = [store(tmp_path / "anna", day, 80, patient=None) for day in range(2)]
    code, _, err = run(capsys, "patient", *paths)
    assert code == 2
    assert "got 2 without a patient code" in err
    code, out, _ = run(capsys, "patient", *paths, "--patient-from", "folder", "--format", "json")
    assert (code, json.loads(out)["patient"]) == (0, "anna")
    assert run(capsys, "patient", paths[0])[0] == 0


def test_two_folders_are_told_as_folders_though_they_hold_one_code(capsys, tmp_path):
    paths = [store(tmp_path / "anna", 0, 80), store(tmp_path / "bert", 1, 80)]
    code, _, err = run(capsys, "patient", *paths, "--patient-from", "folder")
    assert code == 2
    assert f"expected nights in one folder, got 2: P-1 ({paths[0]}), P-1 ({paths[1]}); --patient" in err


def test_a_night_with_a_code_and_one_without_are_not_guessed_to_be_one_patients(capsys, tmp_path):
    paths = [store(tmp_path, 0, 80), store(tmp_path, 1, 80, patient=None)]
    code, _, err = run(capsys, "patient", *paths)
    assert code == 2
    assert f"got 1: P-1 ({paths[0]}); and 1 without a patient code: {paths[1]}; --patient" in err


@pytest.mark.parametrize(
    "options",
    [
        ["--rule", "best-night"],
        ["--prior", "nobody"],
        ["--model", "other"],
        ["--nights-on", "diet"],
        ["--age", "abc"],
    ],
)
def test_wrong_options_are_one_line_and_exit_2(capsys, tmp_path, options):
    code, out, err = run(capsys, "patient", store(tmp_path, 0, 80), *options)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_two_rule_sets_are_one_line_and_exit_2(capsys, tmp_path):
    paths = [store(tmp_path, 0, 80), store(tmp_path, 1, 80, rules_id="aasm_1a@ffffffffffff")]
    code, out, err = run(capsys, "patient", *paths)
    assert (code, out) == (2, "")
    assert "expected one rule set, got 2" in err


def test_a_file_that_fails_is_named_and_the_others_count(capsys, tmp_path):
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    good = store(tmp_path, 0, 80)
    code, out, err = run(capsys, "patient", good, tmp_path / "broken.json", tmp_path / "absent.edf")
    assert code == 1
    assert out.startswith("AHI ")
    assert len(err.splitlines()) == 2
    assert "broken.json" in err
    assert "absent.edf" in err
    code, out, err = run(capsys, "patient", tmp_path / "broken.json")
    assert (code, out) == (3, "")


def test_inadequate_nights_are_a_result(capsys, tmp_path):
    path = store(tmp_path, 0, 0, adequacy="inadequate", reasons=("no SpO2",))
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    document["monitored"]["monitoring_h"] = 0.5
    Path(path).write_text(json.dumps(document), encoding="utf-8")
    code, out, _ = run(capsys, "patient", path, "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert (found["posterior"], found["nights"]) == (None, [])
    assert found["excluded"] == [
        {"file": path, "reason": "inadequate: less than 2 h that can be judged (0.50 h)"}
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [("therapy", "diet"), ("adequacy", None), ("scoring", 3), ("severity", "grave"), ("indices", [])],
)
def test_a_wrong_value_in_a_stored_result_is_one_line(capsys, tmp_path, key, value):
    path = Path(store(tmp_path, 0, 80))
    document = json.loads(path.read_text(encoding="utf-8"))
    document[key] = value
    path.write_text(json.dumps(document), encoding="utf-8")
    code, _, err = run(capsys, "patient", path)
    assert code == 3
    assert err.splitlines()[0].startswith(f"hsat: {path}: {key}: expected ")


def test_the_days_of_a_device_are_summed_up(capsys, tmp_path):
    path = write_summary(
        tmp_path / "STR.edf", [(20, 400, DAY_0 + i) for i in range(5)] + [(-1, -1, DAY_0 + 5)]
    )
    code, out, _ = run(capsys, "patient", path, "--format", "json")
    document = json.loads(out)
    assert code == 0
    assert len(document["nights"]) == 5
    assert document["denominator"] == "usage"
    assert document["posterior"]["severity"] is None
    assert "not used" in document["excluded"][0]["reason"]


def test_a_known_error_of_the_scoring_widens_the_interval(capsys, tmp_path):
    paths = [store(tmp_path, day, 100) for day in range(3)]
    comparison = tmp_path / "compare.json"
    ahi = {"bias_per_h": {"value": 2.0, "ci95": None}, "sd_per_h": 5.0}
    comparison.write_text(json.dumps({"schema": "hsat.compare/1", "cohort": {"ahi": ahi}}), encoding="utf-8")
    documents = {}
    for option in (None, "2.0,5.0", comparison):
        words = [] if option is None else ["--scoring-error", option]
        code, out, _ = run(capsys, "patient", *paths, "--format", "json", *words)
        assert code == 0
        documents[str(option)] = json.loads(out)["posterior"]
    plain, given, read = documents.values()
    assert given == read
    widths = [high - low for low, high in (plain["ci95_ahi_per_h"], given["ci95_ahi_per_h"])]
    assert widths[1] > widths[0]


@pytest.mark.parametrize("value", ["2.0", "a,b", "1,2,3", "0,-1", "absent.json"])
def test_a_scoring_error_that_cannot_be_is_one_line_and_exit_2(capsys, tmp_path, value):
    code, out, err = run(capsys, "patient", store(tmp_path, 0, 80), "--scoring-error", value)
    assert (code, out) == (2, "")
    assert err.startswith("hsat: --scoring-error: ")
    assert len(err.splitlines()) == 1


# ------------------------------------------------------------------ treatment


def test_treatment_of_stored_nights_and_days_of_a_device(capsys, tmp_path):
    before = [store(tmp_path, day, 300) for day in range(3)]
    after = write_summary(tmp_path / "STR.edf", [(12, 420, DAY_0 + 40 + i) for i in range(14)])
    code, out, err = run(capsys, "treatment", "--before", *before, "--after", after, "--format", "json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["schema"] == "hsat.treatment/1"
    assert document["response"] == "complete"
    assert document["residual_ahi_per_h"] < 2.5
    assert len(document["after"]["nights"]) == 14
    code, out, _ = run(capsys, "treatment", "--before", *before, "--after", after)
    assert "complete response" in out.splitlines()[0]


def test_the_same_treatment_on_both_sides_is_one_line_and_exit_2(capsys, tmp_path):
    one, other = (store(tmp_path, day, 10, therapy="pap") for day in (0, 1))
    code, out, err = run(capsys, "treatment", "--before", one, "--after", other)
    assert (code, out) == (2, "")
    assert "nights on PAP on both sides" in err
    assert len(err.splitlines()) == 1


def test_a_side_without_any_night_is_exit_3(capsys, tmp_path):
    code, out, err = run(
        capsys, "treatment", "--before", store(tmp_path, 0, 80), "--after", tmp_path / "no.edf"
    )
    assert (code, out) == (3, "")
    assert "--after: no night in" in err


def test_treatment_needs_both_sides(capsys, tmp_path):
    assert run(capsys, "treatment", "--before", store(tmp_path, 0, 80))[0] == 2


def test_a_card_without_an_ahi_under_the_rules_gives_the_devices_own(capsys, shared_data):
    card = shared_data / "real" / "resmed-original" / "resmed-cpaplib"
    code, out, err = run(capsys, "patient", card, "--format", "json")
    document = json.loads(out)
    assert code == 0
    assert {night["scoring"] for night in document["nights"]} == {"device"}
    assert "the device's own daily AHI is used" in err
    assert document["pooled_ahi_per_h"] < 1.0
