"""Simulated nights as files: EDF+ and truth, the command, and the samples that come with the project.

Files are read back with pyedflib; the samples must be what the command in their README makes.
"""

import json
import shlex
from datetime import datetime
from pathlib import Path

import numpy as np
import pyedflib
import pytest

from hsat.cli.main import main
from hsat.errors import HsatError
from hsat.io import read_recording
from hsat.simulate import make_night, truth_document, write_edf

ROOT = Path(__file__).resolve().parents[1]
PROFILE_CHANNELS = ["thorax", "abdomen", "spo2", "pulse", "position"]


def read_digital(path):
    with pyedflib.EdfReader(str(path)) as reader:
        labels = reader.getSignalLabels()
        return labels, [reader.readSignal(i, digital=True) for i in range(len(labels))]


def test_edf_holds_the_stored_samples(tmp_path):
    night = make_night(
        seed=14,
        duration_h=0.5,
        flow_rate_hz=12.8,
        spo2_rate_hz=0.5,
        start_local=datetime(2028, 2, 28, 23, 50),
    )
    truth_path = write_edf(night, tmp_path / "night.edf")
    labels, digital = read_digital(tmp_path / "night.edf")
    assert labels == [signal.source_label for signal in night.recording.signals]
    for signal, values in zip(night.recording.signals, digital, strict=True):
        np.testing.assert_array_equal(values, signal.source.arrays[signal.source_index])
    with pyedflib.EdfReader(str(tmp_path / "night.edf")) as reader:
        assert reader.getStartdatetime() == datetime(2028, 2, 28, 23, 50)
        assert reader.file_duration == 1800
        assert reader.getPatientCode() == "SIM0001"
        assert reader.getPatientName() in ("", "X")
        assert reader.getSampleFrequencies().tolist() == [12.8, 10.0, 10.0, 0.5, 1.0, 1.0]
        physical = reader.readSignal(0)
    flow = night.recording.signals[0].values
    np.testing.assert_allclose(physical, flow, atol=1e-6 * np.ptp(flow))
    document = json.loads(truth_path.read_text(encoding="utf-8"))
    assert document == json.loads(json.dumps(truth_document(night.truth)))
    assert {"events", "near_misses", "excluded", "monitored_h", "ahi_1b_per_h", "ahi_1a_per_h"} <= set(
        document
    )


@pytest.mark.parametrize("sensor", ["flow", "nasal_pressure", "thermistor"])
def test_file_is_read_as_the_recording_in_memory(sensor, tmp_path):
    night = make_night(seed=15, duration_h=0.5, sensor=sensor, dropouts_per_h=20.0, is_inverted=True)
    write_edf(night, tmp_path / "night.edf")
    recording = read_recording(tmp_path / "night.edf")
    assert recording.device.profile == night.recording.device.profile == "simulated"
    assert recording.device.therapy == "none"
    assert recording.start_local == night.recording.start_local
    assert recording.notes == ()
    assert [signal.name for signal in recording.signals] == [sensor, *PROFILE_CHANNELS]
    for signal in night.recording.signals:
        again = recording.signal(signal.name)
        assert (again.rate_hz, again.unit) == (signal.rate_hz, signal.unit)
        np.testing.assert_allclose(again.values, signal.values, atol=1e-6 * np.nanmax(np.abs(signal.values)))


def test_header_holds_no_date_of_birth_and_no_name(tmp_path):
    write_edf(make_night(seed=14, duration_h=0.25), tmp_path / "night.edf")
    header = (tmp_path / "night.edf").read_bytes()[:256].decode("ascii")
    assert header[8:88].split() == ["SIM0001", "X", "X", "X"]
    assert header[88:168].split()[0] == "Startdate"


def test_samples_are_what_their_readme_command_makes(tmp_path):
    folder = ROOT / "data" / "samples"
    text = (folder / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("python3 -m hsat simulate")]
    words = shlex.split(line)[3:]
    words[words.index("--out") + 1] = str(tmp_path)
    assert main(words) == 0
    names = sorted(path.name for path in folder.iterdir() if path.name != "README.md")
    assert names == [f"night-{n}.{end}" for n in (1, 2, 3) for end in ("edf", "truth.json")]
    assert sum((folder / name).stat().st_size for name in names) < 12_000_000
    for name in names:
        if name.endswith(".json"):
            assert json.loads((folder / name).read_text()) == json.loads((tmp_path / name).read_text())
            continue
        (labels, values), (made_labels, made_values) = (
            read_digital(folder / name),
            read_digital(tmp_path / name),
        )
        assert labels == made_labels
        for channel, made in zip(values, made_values, strict=True):
            np.testing.assert_array_equal(channel, made)


def test_samples_lie_on_both_sides_of_a_class_border():
    truths = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "data/samples").glob("*.truth.json"))
    ]
    rates = [truth["ahi_1b_per_h"] for truth in truths]
    # Mild is 5 to under 15 per hour, moderate 15 to under 30.
    assert min(rates) < 15.0 <= max(rates)
    assert min(rates) >= 5.0
    assert max(rates) < 30.0


def test_unwritable_folder_is_one_line(tmp_path):
    with pytest.raises(HsatError, match="cannot be written"):
        write_edf(make_night(seed=1, duration_h=0.25), tmp_path / "missing" / "night.edf")


@pytest.mark.parametrize(
    "words",
    [
        ["--hours", "0"],
        ["--nights", "0"],
        ["--patient", "a b"],
        ["--start", "noon"],
        ["--patient", ""],
        ["--start", "9999-12-31", "--nights", "2"],
        ["--start", "9999-12-31T23:59"],
        ["--start", "0001-01-01"],
    ],
)
def test_command_refuses_wrong_options_with_exit_code_2(words, tmp_path, capsys):
    assert main(["simulate", "--seed", "1", "--hours", "0.25", "--out", str(tmp_path), *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_command_refuses_a_file_for_its_folder(tmp_path, capsys):
    path = tmp_path / "a.edf"
    path.write_text("x", encoding="utf-8")
    assert main(["simulate", "--seed", "1", "--hours", "0.25", "--out", str(path)]) == 2
    assert capsys.readouterr().err == f"hsat: --out {path}: expected a folder, got a file\n"
    assert path.read_text(encoding="utf-8") == "x"


def test_command_refuses_a_folder_that_takes_no_file(tmp_path, capsys, monkeypatch):
    def fail(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("hsat.cli.outputs.TemporaryFile", fail)
    assert main(["simulate", "--seed", "1", "--hours", "0.25", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"hsat: --out {tmp_path}: cannot be written: Permission denied\n"
    assert list(tmp_path.iterdir()) == []


def test_command_writes_nights_and_says_what_they_hold(tmp_path, capsys):
    words = ["simulate", "--seed", "5", "--nights", "2", "--hours", "1", "--ahi", "12", "--sensor-off", "3"]
    words += ["--sensor", "nasal_pressure", "--no-belts", "--out", str(tmp_path / "new")]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    document = json.loads((tmp_path / "new" / "night-2.truth.json").read_text())
    assert f"true AHI {document['ahi_1b_per_h']:.1f}/h" in lines[1]
    assert [span["cause"] for span in document["excluded"]] == ["cannula_off", "probe_off"]
    assert document["monitored_h"] == pytest.approx(1.0 - 6 / 60)
    labels, _ = read_digital(tmp_path / "new" / "night-1.edf")
    assert labels == ["Nasal Pressure", "SpO2", "Pulse", "Position"]
