"""``hsat score --hypnogram`` and ``--events``: files of one night; wrong usage where there are several."""

import json
from pathlib import Path

import pytest

from benchmarks.edf_files import small_night, write_edf
from hsat.cli.main import main
from hsat.events import EVENT_COLUMNS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_edf(tmp_path / "night.edf", small_night(), duration_s=1800)
    return tmp_path


def test_a_hypnogram_is_read_and_named_in_the_result(folder, capsys):
    Path("h.csv").write_text("W\n" * 20 + "N2\n" * 40, encoding="utf-8")
    assert main(["score", "night.edf", "--hypnogram", "h.csv", "--format", "json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["denominator"] == "sleep"
    assert document["indices"]["sleep_h"] == pytest.approx(20 / 60)
    assert document["monitored"]["hypnogram"]["file"] == "h.csv"
    awake = next(item for item in document["monitored"]["excluded"] if item["cause"] == "awake")
    assert awake["minutes"] == pytest.approx(10.0)
    assert "hypnogram_from_start" in [note["code"] for note in document["notes"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "hypnogram h.csv: cannot be read: No such file or directory"),
        ("W\nN9\n", "hypnogram h.csv, line 2: expected a stage such as"),
        ("start_s,stage\n5000,W\n", "hypnogram h.csv: lies outside the recording"),
    ],
)
def test_a_bad_hypnogram_is_one_line_and_exit_code_2(folder, capsys, content, message):
    if content is not None:
        Path("h.csv").write_text(content, encoding="utf-8")
    assert main(["score", "night.edf", "--hypnogram", "h.csv"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"hsat: --hypnogram: {message}")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("option", ["--hypnogram", "--events"])
def test_a_file_of_one_night_for_several_is_wrong_usage(folder, capsys, option):
    Path("other.edf").write_bytes(Path("night.edf").read_bytes())
    assert main(["score", "night.edf", "other.edf", option, "h.csv"]) == 2
    assert capsys.readouterr() == ("", f"hsat: {option}: expected one recording with it, got 2\n")


def scored(capsys, *words: str) -> dict:
    assert main(["score", "night.edf", "--format", "json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_scored_again_gives_identical_indices_and_origins(folder, capsys):
    automatic = scored(capsys)
    Path("a.json").write_text(json.dumps(automatic), encoding="utf-8")
    again = scored(capsys, "--events", "a.json")
    assert len(again["events"]) >= 5
    assert again["indices"] == automatic["indices"]
    assert again["events"] == automatic["events"]
    assert {event["origin"] for event in again["events"]} == {"automatic"}
    assert (automatic["scoring"], again["scoring"]) == ("automatic", "edited")
    assert not [note for note in again["notes"] if note["code"] == "events_other_file"]


def test_a_row_taken_out_of_the_table_is_one_event_less(folder, capsys):
    automatic = scored(capsys)
    assert main(["score", "night.edf", "--format", "csv", "--out", "o"]) == 0
    capsys.readouterr()
    lines = Path("o/night.events.csv").read_text(encoding="utf-8").splitlines()
    assert lines[2].split(",")[EVENT_COLUMNS.index("is_counted")] == "true"
    Path("edited.csv").write_text("\n".join(lines[:2] + lines[3:]) + "\n", encoding="utf-8")
    edited = scored(capsys, "--events", "edited.csv")
    hours = automatic["monitored"]["monitoring_h"]
    assert edited["monitored"]["monitoring_h"] == hours
    fewer = automatic["indices"]["ahi_per_h"] - edited["indices"]["ahi_per_h"]
    assert fewer == pytest.approx(1 / hours)
    assert sum(item["reason"].startswith("removed by the scorer") for item in edited["rejected"]) == 1


def test_a_list_from_another_file_is_noted(folder, capsys):
    automatic = scored(capsys)
    automatic["recording"]["sha256"] = "0" * 64
    Path("a.json").write_text(json.dumps(automatic), encoding="utf-8")
    assert "events_other_file" in [note["code"] for note in scored(capsys, "--events", "a.json")["notes"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("start_s,stop_s,kind\n1,2,foo\n", "row 2, kind: expected one of"),
    ],
)
def test_a_bad_event_list_is_one_line_and_exit_code_2(folder, capsys, content, message):
    if content is not None:
        Path("e.csv").write_text(content, encoding="utf-8")
    assert main(["score", "night.edf", "--events", "e.csv"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("hsat: --events: e.csv")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_events_of_another_night_are_wrong_usage_in_one_line(folder, capsys):
    Path("e.csv").write_text("start_s,stop_s,kind\n9000,9020,hypopnea\n", encoding="utf-8")
    assert main(["score", "night.edf", "--events", "e.csv"]) == 2
    assert "e.csv: expected events within the recording, 0 s to 1800 s" in capsys.readouterr().err
