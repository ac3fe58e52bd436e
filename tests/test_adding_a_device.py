"""The guide for a new device does what it says: its example is taken from the page and run."""

import re
from pathlib import Path

import numpy as np
import pytest
from edf_bytes import Channel, Header, build

from hsat.cli.main import main
from hsat.io import list_profiles, read_recording
from hsat.io.channels import PositionCode
from hsat.io.devices import TABLES, load_profile

PAGE = Path(__file__).resolve().parents[1] / "docs" / "adding_a_device.md"
IDENTITY = ("-32768", "32767")


@pytest.fixture(autouse=True)
def _own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The page's profile, and a file of the recorder it describes."""
    monkeypatch.chdir(tmp_path)
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    Path("my_recorder.toml").write_text(toml, encoding="utf-8")
    rows = {
        "Kanal A": np.arange(40).reshape(4, 10),
        "Kanal B": np.arange(40).reshape(4, 10) + 100,
        "Sat": np.array([[96], [127], [0], [95]]),
        "Lage 4": np.array([[1], [2], [3], [4]]),
        "Kanal C": np.full((4, 1), 12),
    }
    channels = [Channel(label=label, stored=stored, physical=IDENTITY) for label, stored in rows.items()]
    Path("night.edf").write_bytes(build(Header(), channels))
    return tmp_path


def test_the_example_reads_its_recorder_as_the_page_says(example):
    recording = read_recording("night.edf", device="my_recorder.toml")
    assert recording.device.name == "My Recorder 3"
    assert [s.name for s in recording.signals] == ["nasal_pressure", "thorax", "spo2", "position"]
    np.testing.assert_array_equal(recording.signal("nasal_pressure").values, -np.arange(40.0))
    np.testing.assert_array_equal(recording.signal("spo2").values, [96.0, np.nan, np.nan, 95.0])
    expected = [PositionCode.SUPINE, PositionCode.LEFT, PositionCode.RIGHT, PositionCode.PRONE]
    np.testing.assert_array_equal(recording.signal("position").values, expected)


def test_inspect_says_what_is_known_from_the_literature_alone(example, capsys):
    assert main(["inspect", "night.edf", "--device", "my_recorder.toml"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "known from the literature, not from a file: 'Kanal B' as thorax" in text


def test_inspect_asks_about_a_rate_that_the_example_does_not_know(example, capsys):
    assert main(["inspect", "night.edf", "--device", "my_recorder.toml"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "'Kanal A' at 10 Hz (known: 32 or 64 Hz)" in text
    assert "'Sat' at" not in text


def test_the_example_without_its_profile_is_read_otherwise(example):
    names = {s.name for s in read_recording("night.edf").signals}
    assert "nasal_pressure" not in names


def test_every_table_and_every_profile_is_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    for table in TABLES:
        assert f"`[{table}]`" in page or f"`[[{table}]]`" in page, table
    for name in list_profiles():
        assert f"`{name}`" in page, name
        assert load_profile(name).name == name
