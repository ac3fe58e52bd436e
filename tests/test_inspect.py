"""``hsat inspect``: schema, every signal listed, what can be scored, exit codes."""

import json
from datetime import datetime

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping
from night_builder import make_recording, make_result

from hsat.cli.main import main
from hsat.io.inspection import inspect_recording
from hsat.recording import Subject
from hsat.report.document import night_json
from hsat.report.text import night_text

RNG = np.random.default_rng(2)
N = 40


@pytest.fixture(autouse=True)
def _own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


def flow(label="Flow"):
    return Channel(label=label, stored=RNG.integers(-900, 900, (N, 10)), unit="L/s", physical=("-2", "2"))


def spo2(values=None):
    stored = np.resize([97, 96, 0, 95] if values is None else values, (N, 1))
    return Channel(label="SpO2", stored=stored, physical=("0", "100"), digital=("0", "100"), unit="%")


def resting(label, *, n_steps=1):
    """Constant, but for steps between whole stretches of 10 s."""
    levels = np.resize(np.arange(n_steps), N // 10)
    return Channel(label=label, stored=np.repeat(levels, 100).reshape(N, 10), physical=("-2", "2"))


def file_of(tmp_path, *channels, name="a.edf", header=None):
    path = tmp_path / name
    path.write_bytes(build(header or Header(), channels))
    return path


def printed(capsys, *words):
    code = main(["inspect", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_json_has_the_schema_and_every_signal(tmp_path, capsys):
    onsets = [f"+{i + (60 if i >= 10 else 0)}" for i in range(N)]
    onsets[0] += "\x14\x14\0+3\x1510\x14Apnea"
    header = Header(reserved="EDF+D", patient="MCH-0234 F 02-MAY-1951 Haagse_Harry")
    gizmo = Channel(label="Gizmo", stored=RNG.integers(0, 9, (N, 2)))
    notes = annotation_channel(time_keeping(onsets))
    path = file_of(tmp_path, flow(), spo2(), gizmo, flow("Thorax"), notes, header=header)
    code, out, err = printed(capsys, path, "--format", "json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert list(document) == [
        "schema", "file", "format", "start_local", "duration_s", "n_records", "record_duration_s", "gaps_s",
        "n_annotations", "device", "therapy", "patient", "channels", "scorable", "notes",
    ]  # fmt: skip
    assert document["schema"] == "hsat.inspect/1"
    assert document["file"] == str(path)
    assert document["format"] == "EDF+D"
    assert datetime.fromisoformat(document["start_local"]) == datetime(2026, 3, 3, 22, 30)
    assert (document["duration_s"], document["n_records"], document["record_duration_s"]) == (100.0, 40, 1.0)
    assert document["gaps_s"] == [[10.0, 70.0]]
    assert document["n_annotations"] == 1
    assert document["device"] is None
    assert document["patient"].startswith("P-")
    for secret in ("Haagse", "MCH-0234", "1951"):
        assert secret not in out
    channels = {c["source_label"]: c for c in document["channels"]}
    assert list(channels) == ["Flow", "SpO2", "Gizmo", "Thorax"]
    assert channels["Gizmo"]["name"] is None
    assert (channels["Flow"]["name"], channels["Flow"]["rate_hz"], channels["Flow"]["unit"]) == (
        "flow",
        10.0,
        "L/s",
    )
    assert (channels["Flow"]["physical_range"], channels["Flow"]["digital_range"]) == (
        [-2, 2],
        [-32768, 32767],
    )
    quality = channels["SpO2"]["quality"]
    assert (quality["missing_percent"], quality["lowest"], quality["highest"]) == (25.0, 95.0, 97.0)
    assert document["scorable"] == {
        "apneas": True, "hypopneas": True, "desaturations": True, "kinds": True,
        "reasons": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("channels", "expected", "reason"),
    [
        pytest.param([flow(), spo2()], (True, True, True, False), "no effort belt", id="no-belt"),
        pytest.param([flow(), flow("Chest")], (True, False, False, True), "no SpO2 channel", id="no-spo2"),
        pytest.param([spo2()], (False, False, True, False), "no airflow sensor", id="oximetry"),
        pytest.param([flow(), spo2([-1])], (True, False, False, False), "no valid", id="probe-off"),
        pytest.param(
            [flow("Chest"), spo2()],
            (True, True, True, False),
            "kinds of apnea: the one effort belt stands in for airflow",
            id="one-belt",
        ),
        pytest.param([flow("Gizmo")], (False, False, False, False), "no airflow", id="nothing"),
        pytest.param(
            [flow(), spo2(), resting("Chest")],
            (True, True, True, False),
            "kinds of apnea: the effort belt is flat throughout",
            id="belt-constant",
        ),
        pytest.param(
            [flow(), resting("Chest", n_steps=3), flow("Abdomen")],
            (True, False, False, True),
            "no SpO2",
            id="one-belt-of-two-flat",
        ),
        pytest.param(
            [flow(), spo2(), resting("Chest", n_steps=3)],
            (True, True, True, False),
            "kinds of apnea: the effort belt is flat throughout",
            id="belt-steps",
        ),
        pytest.param(
            [resting("Flow", n_steps=3), flow("Chest"), flow("Abdomen")],
            (True, False, False, True),
            "no SpO2",
            id="flow-steps-and-two-belts",
        ),
        pytest.param(
            [resting("Flow", n_steps=3), spo2(), flow("Chest")],
            (False, False, True, False),
            "apneas: the airflow sensor is flat throughout",
            id="flow-steps",
        ),
    ],
)
def test_what_can_be_scored(tmp_path, channels, expected, reason):
    scorable = inspect_recording(file_of(tmp_path, *channels)).scorable
    assert (scorable.apneas, scorable.hypopneas, scorable.desaturations, scorable.kinds) == expected
    assert any(reason in text for text in scorable.reasons)


def test_flat_and_constant_channels_are_told(tmp_path):
    half = np.vstack([RNG.integers(-900, 900, (N // 2, 10)), np.full((N // 2, 10), 5)])
    constant = Channel(label="Thorax", stored=np.full((N, 10), 7))
    inspection = inspect_recording(file_of(tmp_path, Channel(label="Flow", stored=half), constant))
    airflow, thorax = inspection.channels
    assert airflow.quality.flat_percent == 50.0
    assert "flat for 50.0 %" in airflow.quality.sentence
    assert thorax.quality.sentence.startswith("constant")


def test_text_names_channels_gaps_and_notes(tmp_path, capsys):
    path = file_of(tmp_path, flow(), spo2(), header=Header(n_records="-1"))
    code, out, _ = printed(capsys, path)
    assert code == 0
    for part in (
        str(path),
        "2026-03-03 22:30:00",
        "0:00:40",
        "nasal",
        "kinds of apnea  no",
        "counted from the file",
    ):
        assert part in out or part == "nasal"
    rows = [line for line in out.splitlines() if line.startswith(("  Flow", "  SpO2"))]
    assert len({line.index(" Hz") for line in rows}) <= 2


def test_map_and_device(tmp_path, capsys):
    path = file_of(tmp_path, flow("Gizmo"), spo2())
    code, out, _ = printed(
        capsys, path, "--map", "nasal_pressure=Gizmo", "--format", "json", "--device", "generic"
    )
    assert code == 0
    assert json.loads(out)["channels"][0]["name"] == "nasal_pressure"


def test_several_files_are_a_list_and_a_bad_one_keeps_its_place(tmp_path, capsys):
    good = file_of(tmp_path, flow())
    bad = tmp_path / "bad.edf"
    bad.write_text("hello", encoding="utf-8")
    code, out, err = printed(capsys, good, bad, "--format", "json")
    documents = json.loads(out)
    assert code == 1
    assert documents[0]["file"] == str(good)
    assert documents[1] == {"file": str(bad), "error": documents[1]["error"]}
    assert err.count("\n") == 1
    assert str(bad) in err


def test_no_file_read_is_exit_code_3(tmp_path, capsys):
    code, out, err = printed(capsys, tmp_path / "none.edf")
    assert (code, out) == (3, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--map", "oxygen=Flow"],
        ["--map", "flow"],
        ["--map", "spo2=Nope"],
        ["--map", "flow=Flow", "--map", "thorax=Flow"],
        ["--map", "flow=Flow", "--map", "flow=Flow"],
        ["--device", "nix"],
        [],
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path, capsys, words):
    files = [file_of(tmp_path, flow())] if words else []
    code, out, err = printed(capsys, *files, *words)
    assert (code, out) == (2, "")
    assert err.strip().splitlines()[-1]


@pytest.mark.parametrize("device", ["nix", "/dev/zero"])
def test_device_is_checked_before_any_file_is_read(tmp_path, capsys, device):
    code, out, err = printed(capsys, tmp_path / "none.edf", "--device", device)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "device" in err
    assert "none.edf" not in err


def test_reports_tell_a_missing_key_from_a_missing_code(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path / "file" / "config"))
    coded = file_of(tmp_path, flow(), name="coded.edf", header=Header(patient="MCH-1 F X X"))
    bare = file_of(tmp_path, flow(), name="bare.edf")
    out = printed(capsys, coded)[1]
    assert "  Patient      no pseudonym of the file's code (see notes)\n" in out
    assert "the file's patient code cannot be made a pseudonym: the site's key" in out
    assert "  Patient      no code in the file\n" in printed(capsys, bare)[1]
    for path, in_json, in_text in (
        (coded, "the file's patient code cannot be made a pseudonym: the site's key", "no pseudonym of the"),
        (bare, "the file holds no patient code", "no code in the file"),
    ):
        night = make_result(recording=make_recording(subject=Subject()), notes=inspect_recording(path).notes)
        assert json.loads(night_json(night))["not_measured"]["recording.patient"].startswith(in_json)
        assert f"Patient     {in_text}" in night_text(night)


def test_odd_files(shared_data, capsys):
    paths = sorted(p for p in (shared_data / "odd").iterdir() if p.suffix != ".md")
    code, out, err = printed(capsys, *paths, "--format", "json")
    assert code == 1
    failed = [d for d in json.loads(out) if "error" in d]
    assert ["mangled" in d["file"] for d in failed] == [True]
    told = [line for line in err.splitlines() if not line.endswith("files done")]
    assert told == [f"hsat: {document['error']}" for document in failed]
