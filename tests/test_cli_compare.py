"""``hsat compare``: files and folders, what it prints, exit codes, one line an error."""

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

import hsat
from benchmarks.matching import evaluate_planted
from benchmarks.planted_nights import counted
from hsat.cli.main import main
from hsat.report.document import night_document

HEADER = "start_s,stop_s,kind\n"
ROWS = "100,120,hypopnea\n200,230,obstructive_apnea\n"


def write(path: Path, content: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return str(path)


def night_json(events, *, hours=8.0, ahi=None, **recording) -> str:
    """The keys of ``hsat.night/1`` that comparing reads."""
    document = {
        "schema": "hsat.night/1",
        "rules_id": "aasm_1b@000000000000",
        "recording": {"duration_s": hours * 3600, "patient": None, **recording},
        "monitored": {"monitoring_h": hours, "spans_s": [[0.0, hours * 3600]]},
        "indices": {"ahi_per_h": len(events) / hours if ahi is None else ahi},
        "events": [{"start_s": a, "stop_s": b, "kind": kind, "is_counted": True} for a, b, kind in events],
    }
    return json.dumps(document)


@pytest.fixture
def folders(tmp_path):
    """Five nights in which the scoring misses a tenth of the events and adds one."""
    rng = np.random.default_rng(4)
    for i in range(5):
        truth = [(60.0 * k, 60.0 * k + 20, "hypopnea") for k in range(30 * (i + 1))]
        found = [x for x in truth if rng.random() < 0.9] + [(20_000.0, 20_030.0, "central_apnea")]
        write(tmp_path / "ours" / f"n{i}.night.json", night_json(found))
        rows = "".join(f"{a},{b},{kind}\n" for a, b, kind in truth)
        write(tmp_path / "theirs" / "deep" / f"n{i}.truth.csv", HEADER + rows)
    return str(tmp_path / "ours"), str(tmp_path / "theirs")


def run(capsys, *words):
    code = main(["compare", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def nulls(value, path=""):
    if value is None:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from nulls(item, f"{path}.{key}" if path else str(key))


# ------------------------------------------------------------------------ two files


def test_two_files_as_text(capsys, tmp_path):
    scored = write(tmp_path / "a.json", night_json([(100, 120, "hypopnea"), (400, 420, "mixed_apnea")]))
    reference = write(tmp_path / "a.truth.csv", HEADER + ROWS)
    code, out, err = run(capsys, scored, reference)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("F1 0.500 (IoU >= 0.2), kappa 0.")
    assert "all events      2      2 0.500 0.500 0.500" in out
    assert "hypopneas       1      1 1.000 1.000 1.000" in out
    assert "  each second, recording, 8.00 h" in out
    assert "AHI of the reference: 2 events over the 8.00 h that the other file calls" in out
    assert "IoU" in out
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)


def test_two_files_as_json(capsys, tmp_path):
    scored = write(tmp_path / "a.json", night_json([(100, 120, "hypopnea")]))
    reference = write(tmp_path / "a.truth.csv", HEADER + ROWS)
    code, out, _ = run(capsys, scored, reference, "--format", "json", "--epoch", "30")
    document = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert document["schema"] == "hsat.compare/1"
    assert document["cohort"] is None
    assert set(document["not_measured"]) == {"cohort"}
    (night,) = document["nights"]
    assert [x["min_iou_fraction"] for x in night["events"]] == [0.0, 0.2, 0.5]
    events = night["events"][1]["groups"]["events"]
    assert (events["n_matched"], events["n_false_positives"], events["n_false_negatives"]) == (1, 0, 1)
    assert events["recall"]["value"] == 0.5
    assert events["recall"]["ci95"][0] < 0.5 < events["recall"]["ci95"][1]
    assert [time["step_s"] for time in night["time"]] == [1.0, 1.0, 30.0, 30.0]
    assert night["ahi"]["reference_per_h"] == 0.25
    assert set(nulls(night)) == set(night["not_measured"])
    assert all(night["not_measured"].values())


def test_hours_given_are_used(capsys, tmp_path):
    files = [write(tmp_path / name, HEADER + ROWS) for name in ("a.csv", "b.csv")]
    _, out, _ = run(capsys, *files, "--hours", "4", "--format", "json")
    assert json.loads(out)["nights"][0]["ahi"]["scored_per_h"] == 0.5


@pytest.mark.parametrize(("form", "has_output"), [("text", False), ("json", True)])
def test_a_file_that_cannot_be_read_is_one_line_and_exit_code_3(capsys, tmp_path, form, has_output):
    good = write(tmp_path / "a.csv", HEADER + ROWS)
    bad = write(tmp_path / "b.csv", HEADER + "5,3,hypopnea\n")
    code, out, err = run(capsys, good, bad, "--format", form)
    assert code == 3
    assert err == f"hsat: {bad}: row 2, stop_s: expected more than start_s 5, got 3.0\n"
    assert bool(out) == has_output
    if has_output:
        assert json.loads(out)["failed"] == [{"file": good, "error": err[6:-1]}]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["{file}", "{folder}"], "expected two files or two folders, got a file and a folder"),
        (["{file}", "{file}", "--plot", "x.png"], "--plot: the Bland-Altman figure needs two folders"),
        (
            ["{file}", "{file}", "--hours", "0"],
            "argument --hours: expected hours above 0 and up to 72, got '0'",
        ),
        (["{file}", "{file}", "--hours", "nan"], "argument --hours"),
        (["{file}", "{file}", "--epoch", "-30"], "argument --epoch"),
        (["{file}", "{file}", "--rules", "none"], "no such rule set: 'none'"),
        (["{file}"], "the following arguments are required: REFERENCE"),
        (["{folder}", "{folder}", "--plot", "{folder}/x.nonsense"], "cannot be written"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(capsys, tmp_path, words, expected):
    places = {"file": write(tmp_path / "n.csv", HEADER + ROWS), "folder": str(tmp_path)}
    write(tmp_path / "n.truth.csv", HEADER + ROWS)
    code, out, err = run(capsys, *(word.format(**places) for word in words))
    assert (code, out) == (2, "")
    assert expected in err
    assert err.count("\n") == 1


# ------------------------------------------------------------------------ folders


def test_folders_are_paired_by_name(capsys, folders):
    code, out, err = run(capsys, *folders)
    assert (code, err) == (0, "")
    assert out.startswith("5 nights: AHI bias ")
    for title in ("AHI, scored minus reference (5 nights)", "ICC(2,1)", "Class of nights", "Kappa", "Notes"):
        assert title in out
    assert [line.split()[0] for line in out.splitlines()[3:8]] == ["n0", "n1", "n2", "n3", "n4"]


def test_folders_as_json_have_a_reason_for_every_null(capsys, folders):
    _, out, _ = run(capsys, *folders, "--format", "json")
    document = json.loads(out, parse_constant=pytest.fail)
    assert len(document["nights"]) == 5
    for part in (*document["nights"], document["cohort"]):
        assert set(nulls(part)) == set(part["not_measured"])
    ahi = document["cohort"]["ahi"]
    low, high = ahi["lower_limit_per_h"]["value"], ahi["upper_limit_per_h"]["value"]
    assert low < ahi["bias_per_h"]["value"] < high
    assert high - low == pytest.approx(2 * 1.959964 * ahi["sd_per_h"])
    assert document["cohort"]["n_nights"] == document["cohort"]["n_patients"] == 5
    assert sum(map(sum, document["cohort"]["severity"]["table"])) == 5


def test_folders_as_csv(capsys, folders, tmp_path):
    write(Path(folders[1]) / "alone.csv", HEADER)
    code, out, _ = run(capsys, *folders, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 1
    assert [row["name"] for row in rows[:5]] == ["n0", "n1", "n2", "n3", "n4"]
    assert float(rows[0]["ahi_reference_per_h"]) == 30 / 8
    assert int(rows[0]["events_iou20_n_matched"]) + int(rows[0]["events_iou20_n_false_negatives"]) == 30
    assert rows[5]["error"].endswith(f"no scoring of night alone in {folders[0]}")


def test_what_has_no_partner_is_a_failure_that_is_named(capsys, folders):
    ours, theirs = folders
    lonely = write(Path(ours) / "x.json", night_json([]))
    twice = write(Path(ours) / "again" / "n1.csv", HEADER)
    code, out, err = run(capsys, ours, theirs)
    assert code == 1
    assert f"hsat: {lonely}: no reference of night x in {theirs}\n" in err
    assert f"expected one scoring of night n1, got 2: {ours}/n1.night.json, {twice}" in err
    assert err.count("\n") == 2
    assert f"{lonely}: not compared" in out
    assert out.startswith("4 nights: ")


def test_a_bad_file_does_not_stop_the_others(capsys, folders):
    bad = write(Path(folders[0]) / "n2.night.json", "{}")
    code, out, err = run(capsys, *folders)
    assert code == 1
    assert err.startswith(f"hsat: {bad}: expected JSON of the schema hsat.night/1, ")
    assert out.startswith("4 nights: ")


def test_one_folder_may_hold_scorings_and_references(capsys, tmp_path):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.night.json", night_json([(100, 120, "hypopnea")]))
        write(tmp_path / f"{name}.truth.csv", HEADER + ROWS)
    write(tmp_path / "nights.csv", "file,patient\n")
    write(tmp_path / ".hidden.json", "{}")
    code, out, err = run(capsys, str(tmp_path), str(tmp_path), "--format", "json")
    assert (code, err) == (0, "")
    (first, _) = json.loads(out)["nights"]
    assert first["scored"]["format"] == "hsat.night/1"
    assert first["reference"]["format"] == "event table"


def test_folders_without_scorings_are_exit_code_3(capsys, tmp_path):
    code, out, err = run(capsys, str(tmp_path), str(tmp_path))
    assert (code, out) == (3, "")
    assert "expected files .json, .csv, .xml" in err


def test_two_nights_print_reasons_in_place_of_figures(capsys, folders):
    for i in (2, 3, 4):
        Path(folders[0], f"n{i}.night.json").unlink()
        Path(folders[1], "deep", f"n{i}.truth.csv").unlink()
    code, out, _ = run(capsys, *folders)
    assert code == 0
    assert "-: 2 nights with both AHI: needs 3" in out


def test_the_figure_is_written(capsys, folders, tmp_path):
    target = tmp_path / "figure.png"
    assert run(capsys, *folders, "--plot", str(target))[0] == 0
    assert target.read_bytes().startswith(b"\x89PNG")


def test_texts_of_files_are_harmless(capsys, tmp_path):
    folder = tmp_path / "a\x1b[31m"
    write(folder / "=x.json", night_json([(100, 120, "hypopnea")], patient="=cmd()"))
    write(folder / "=x.truth.csv", HEADER + ROWS)
    _, text, _ = run(capsys, str(folder), str(folder))
    assert "\x1b" not in text
    _, table, _ = run(capsys, str(folder), str(folder), "--format", "csv")
    row = next(csv.DictReader(io.StringIO(table)))
    assert row["name"] == "'=x"
    assert row["patient"] == "'=cmd()"


def test_forty_nights_stand_in_counting_order(capsys, tmp_path):
    rng = np.random.default_rng(6)
    for i in range(40):
        starts = np.arange(100) * 250.0 + rng.uniform(0, 100, 100)
        truth = [(a, a + 20, "hypopnea") for a in starts]
        found = [(a + rng.normal(0, 3), b + rng.normal(0, 3), kind) for a, b, kind in truth]
        write(tmp_path / "a" / f"n{i}.json", night_json(found))
        write(tmp_path / "b" / f"n{i}.csv", HEADER + "".join(f"{a},{b},{kind}\n" for a, b, kind in truth))
    code, out, _ = run(capsys, str(tmp_path / "a"), str(tmp_path / "b"))
    assert code == 0
    assert out.splitlines()[5].startswith("n2 ")


# ------------------------------------------------------------------------ what is known from elsewhere


def test_samples_give_the_figures_of_the_benchmark(capsys, samples, tmp_path):
    """The benchmark reads the truths by itself and judges results in memory, not files."""
    expected = {}
    for path in sorted(samples.glob("*.edf")):
        night = hsat.score_night(hsat.read_recording(str(path)))
        truth = json.loads(path.with_suffix(".truth.json").read_text(encoding="utf-8"))
        expected[path.stem] = evaluate_planted(truth, counted(night), ahi_per_h=night.indices.ahi_per_h)
        write(tmp_path / f"{path.stem}.night.json", json.dumps(night_document(night)))
    _, out, _ = run(capsys, str(tmp_path), str(samples), "--format", "json")
    document = json.loads(out)
    assert [night["name"] for night in document["nights"]] == list(expected) != []
    for night in document["nights"]:
        truth = expected[night["name"]]
        for overlap, at in zip(night["events"][1:], (0.2, 0.5), strict=True):
            group = overlap["groups"]["events"]
            found = (group["n_matched"], group["n_false_positives"], group["n_false_negatives"])
            assert found == tuple(truth.agreement[at])
            assert math.isclose(group["f1"]["value"], truth.agreement[at].f1)
        assert night["ahi"]["range_error_per_h"] == pytest.approx(truth.ahi_error_per_h, abs=1e-9)
        assert night["ahi"]["scored_per_h"] == truth.ahi_per_h
    assert document["cohort"]["n_patients"] == 1  # three nights of one simulated sleeper


def test_planted_nights_agree_with_their_truth(capsys, shared_data, tmp_path):
    path = shared_data / "planted" / "planted-dev-0.edf"
    write(tmp_path / "n.json", json.dumps(night_document(hsat.score_night(hsat.read_recording(str(path))))))
    _, out, _ = run(
        capsys, str(tmp_path / "n.json"), str(path.with_suffix(".truth.json")), "--format", "json"
    )
    (night,) = json.loads(out)["nights"]
    assert night["events"][1]["groups"]["events"]["f1"]["value"] >= 0.9
    assert night["time"][0]["kappa"]["value"] >= 0.8
