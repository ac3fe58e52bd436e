"""``hsat inspect`` on folders: every file on its own, a broken one stops nothing, exit codes as for files."""

import json

import numpy as np
import pytest
from edf_bytes import Channel, Header, build

from hsat.cli.main import main
from hsat.io.listing import UnlistedFolder

FLOW = Channel(label="Flow", stored=np.arange(60).reshape(6, 10), unit="L/s", physical=("-2", "2"))
SPO2 = Channel(label="SpO2", stored=np.full((6, 1), 96), physical=("-32768", "32767"), unit="%")
GOOD = build(Header(), [FLOW, SPO2])
BROKEN = GOOD[:300]


@pytest.fixture(autouse=True)
def _own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two good files, one in a folder below, a broken one between, and what is no recording."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card" / "b").mkdir(parents=True)
    (tmp_path / "card" / "a.EDF").write_bytes(GOOD)
    (tmp_path / "card" / "bad.edf").write_bytes(BROKEN)
    (tmp_path / "card" / "b" / "c.rec").write_bytes(GOOD)
    (tmp_path / "card" / "notes.txt").write_text("no recording", encoding="utf-8")
    (tmp_path / "card" / ".hidden.edf").write_bytes(GOOD)
    return tmp_path


def printed(capsys, *words):
    code = main(["inspect", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_json_of_a_folder_lists_every_file_and_the_broken_one_with_its_error(folder, capsys):
    code, out, err = printed(capsys, "card", "--format", "json")
    documents = json.loads(out)
    assert code == 1
    assert [document["file"] for document in documents] == ["card/a.EDF", "card/bad.edf", "card/b/c.rec"]
    assert [document.get("schema") for document in documents] == ["hsat.inspect/1", None, "hsat.inspect/1"]
    assert documents[0]["duration_s"] == documents[2]["duration_s"] == 6.0
    assert documents[1]["error"].startswith("card/bad.edf: the header promises 2 channels")
    assert err == f"hsat: {documents[1]['error']}\n"


def test_text_of_a_folder_has_a_page_for_each_file_that_can_be_read(folder, capsys):
    code, out, err = printed(capsys, "card")
    assert code == 1
    assert [line for line in out.splitlines() if line.startswith("card/")] == ["card/a.EDF", "card/b/c.rec"]
    assert err.count("\n") == 1


def test_a_file_named_and_in_its_folder_is_shown_once(folder, capsys):
    code, out, _ = printed(capsys, "card/b", "card/b/c.rec", "--format", "json")
    assert code == 0
    assert json.loads(out)["file"] == "card/b/c.rec"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_folder_without_recordings_is_exit_code_3(tmp_path, monkeypatch, capsys, form):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    code, out, err = printed(capsys, "empty", "--format", form)
    tables = "(tables of oximeters are read if named)"
    message = f"empty: no file in this folder ends in .edf, .rec or .bdf {tables}"
    assert code == 3
    assert err == f"hsat: {message}\n"
    assert (json.loads(out) if out else None) == (
        [{"file": "empty", "error": message}] if form == "json" else None
    )


def test_an_empty_folder_beside_a_good_file_is_exit_code_1(folder, capsys):
    (folder / "empty").mkdir()
    code, out, _ = printed(capsys, "empty", "card/a.EDF", "--format", "json")
    assert code == 1
    assert [document["file"] for document in json.loads(out)] == ["empty", "card/a.EDF"]


def test_a_folder_that_cannot_be_entered_is_named(folder, capsys, monkeypatch):
    def walk(path):
        return iter([UnlistedFolder(f"{path}/b", "Permission denied")])

    monkeypatch.setattr("hsat.cli.paths.walk_recordings", walk)
    code, out, err = printed(capsys, "card/a.EDF", "card", "--format", "json")
    assert code == 1
    assert err == "hsat: card/b: cannot be listed: Permission denied\n"
    assert [document["file"] for document in json.loads(out)] == ["card/a.EDF", "card/b"]


def test_many_files_say_how_far_they_are(folder, capsys):
    for number in range(21):
        (folder / "card" / "b" / f"{number:02d}.edf").write_bytes(GOOD)
    code, out, err = printed(capsys, "card/b", "--format", "json")
    assert code == 0
    assert len(json.loads(out)) == 22
    assert err.splitlines()[-1] == "hsat: 22 of 22 files done"


def test_map_holds_for_the_files_of_a_folder_that_have_the_label(folder, capsys):
    other = Channel(label="Kanal 7", stored=np.arange(60).reshape(6, 10))
    (folder / "card" / "b" / "d.edf").write_bytes(build(Header(), [other]))
    code, out, _ = printed(capsys, "card/b", "--map", "thorax=Kanal 7", "--format", "json")
    documents = json.loads(out)
    assert code == 1
    assert "Kanal 7" in documents[0]["error"]
    assert documents[1]["channels"][0]["name"] == "thorax"
    assert printed(capsys, "card/b", "--map", "thorax=Nothing")[0] == 2


def test_a_real_card_is_shown_file_by_file(shared_data, capsys):
    card = shared_data / "real" / "resmed-original" / "resmed-cpappy"
    code, out, _ = printed(capsys, str(card), "--format", "json")
    files = [path for path in card.rglob("*") if path.suffix.lower() == ".edf"]
    documents = json.loads(out)
    assert code == 0
    assert sorted(document["file"] for document in documents) == sorted(map(str, files))
    assert {document["device"] for document in documents} == {"ResMed AirSense / AirCurve SD card"}
