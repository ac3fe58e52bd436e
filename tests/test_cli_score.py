"""`hsat score`: which files are read, what comes of each, where it is printed, how it ends.

Reading and scoring are stood in for: a file's text says what happens to it.
"""

import csv
import io
import json
import os
import sys
import types
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path

import numpy as np
import pytest
from night_builder import make_recording, make_result

from hsat.cli.lights import lights_span_s, parse_time
from hsat.cli.main import main
from hsat.cli.paths import Candidate, find_recordings
from hsat.errors import HsatError, MissingChannelError, ReadError
from hsat.recording import ArraySource, DeviceInfo, Note, Recording, Signal, SourceFile, Subject
from hsat.report.failed import FailedNight

TRUTH_OF_SHA256_OF_GOOD = "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c"
"""From ``printf good | sha256sum``."""


def make_unscored(path: str, **changes: object) -> Recording:
    values = np.zeros(10, np.float32)
    signal = Signal(
        name="flow",
        rate_hz=1.0,
        unit="au",
        n_samples=10,
        source_label="Flow",
        source=ArraySource(arrays=(values,)),
        source_index=0,
    )
    recording = Recording(
        signals=(signal,),
        start_local=datetime(2026, 3, 3, 22, 30),
        duration_s=8 * 3600.0,
        gaps_s=np.empty((0, 2)),
        device=DeviceInfo(profile="generic", name="Generic"),
        subject=Subject(),
        source=SourceFile(path=path, n_bytes=4, format="EDF"),
    )
    return replace(recording, **changes)


class Stage:
    """Stands in for reading and scoring, and remembers what they were asked."""

    def __init__(self) -> None:
        self.read_with: list[dict[str, object]] = []
        self.scored_with: list[dict[str, object]] = []

    def read_recording(self, path, **options):
        self.read_with.append({"path": path, **options})
        try:
            content = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise ReadError(f"{path}: cannot be read: {error.strerror}") from error
        if content == "bad":
            raise ReadError(f"{path}: expected an EDF header, got 3 bytes")
        if content == "bug":
            raise ZeroDivisionError("float division by zero")
        for name, label in options["channel_map"].items():
            if label not in ("Flow", content):
                raise MissingChannelError(f"{path}: no channel {label!r} for {name}")
        notes = (Note("device_companion", "device events, no signals"),) if content == "events" else ()
        return make_unscored(path, notes=notes)

    def score_night(self, recording, rules=None, *, lights_s=None, hypnogram=None, events=None):
        path = recording.source.path
        self.scored_with.append({"path": path, "rules": rules, "lights_s": lights_s})
        if Path(path).read_text(encoding="utf-8") == "silent":
            raise MissingChannelError(f"{path}: no airflow and no SpO2 channel; channels here: ECG")
        return make_result(recording=make_recording(source=recording.source))


@pytest.fixture
def stage(monkeypatch):
    stage = Stage()
    monkeypatch.setattr("hsat.cli.score.announce_compilation", lambda: None)
    monkeypatch.setattr("hsat.io.read_recording", stage.read_recording)
    module = types.ModuleType("hsat.score")
    module.score_night = stage.score_night
    monkeypatch.setitem(sys.modules, "hsat.score", module)
    return stage


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, content: str = "good") -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(content, encoding="utf-8")
    return name


def paths_read(stage: Stage) -> list[str]:
    return [str(options["path"]) for options in stage.read_with]


# ------------------------------------------------------------------------ results and exit codes


def test_one_night_prints_its_report(stage, folder, capsys):
    assert main(["score", put("a.edf")]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("AHI (REI) 17.3 /h, moderate, aasm_1b, adequate: 6.8 h monitored\n")
    assert captured.err == ""


def test_one_night_as_json_is_an_object_with_path_and_checksum(stage, folder, capsys):
    assert main(["score", put("./sub/a.edf"), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "hsat.night/1"
    assert document["recording"]["file"] == "./sub/a.edf"
    assert document["recording"]["sha256"] == TRUTH_OF_SHA256_OF_GOOD


def test_several_nights_print_a_table(stage, folder, capsys):
    assert main(["score", put("a.edf"), put("b.edf")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[:3]] == ["file", "a.edf", "b.edf"]


def test_a_bad_file_is_one_line_and_the_others_go_on(stage, folder, capsys):
    words = ["score", put("a.edf"), put("b.edf", "bad"), put("c.edf"), "--format", "json"]
    assert main(words) == 1
    captured = capsys.readouterr()
    documents = json.loads(captured.out)
    assert [d.get("schema") for d in documents] == ["hsat.night/1", None, "hsat.night/1"]
    assert documents[1] == {"file": "b.edf", "error": "b.edf: expected an EDF header, got 3 bytes"}
    assert captured.err == "hsat: b.edf: expected an EDF header, got 3 bytes\n"


@pytest.mark.parametrize("form", ["text", "csv"])
def test_a_single_bad_file_is_exit_code_3_and_nothing_on_stdout(stage, folder, capsys, form):
    assert main(["score", put("b.edf", "bad"), "--format", form]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "hsat: b.edf: expected an EDF header, got 3 bytes\n"


def test_a_single_bad_file_as_json_is_a_list_with_the_failure(stage, folder, capsys):
    assert main(["score", "none.edf", "--format", "json"]) == 3
    error = "none.edf: cannot be read: No such file or directory"
    assert json.loads(capsys.readouterr().out) == [{"file": "none.edf", "error": error}]


def test_no_recording_at_all_as_json_is_an_empty_list(stage, folder, capsys):
    assert main(["score", put("d/1_EVE.edf", "events").partition("/")[0], "--format", "json"]) == 3
    assert json.loads(capsys.readouterr().out) == []


def test_an_empty_name_is_called_one(stage, folder, capsys):
    assert main(["score", "", put("a.edf")]) == 1
    assert capsys.readouterr().err == "hsat: empty name: expected a file or a folder\n"


def test_folders_without_a_result_keep_their_place(stage, folder, capsys):
    for name in ["d1", "d2"]:
        Path(name).mkdir()
    assert main(["score", put("a.edf"), "d1", put("b.edf"), "d2", "--format", "json"]) == 1
    documents = json.loads(capsys.readouterr().out)
    files = [d["file"] if "file" in d else d["recording"]["file"] for d in documents]
    assert files == ["a.edf", "d1", "b.edf", "d2"]


def test_a_usage_error_has_no_traceback_with_debug(stage, folder, capsys):
    assert main(["score", put("a.edf"), "--debug", "--rules", "aasm_9"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["score", "a.edf", "--debug", "--format", "parchment"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_all_bad_files_are_exit_code_3_with_every_failure_listed(stage, folder, capsys):
    assert main(["score", put("a.edf", "bad"), put("b.edf", "silent"), "--format", "csv"]) == 3
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["file"] for row in rows] == ["a.edf", "b.edf"]
    assert "no airflow and no SpO2" in rows[1]["error"]


def test_a_file_that_does_not_exist(stage, folder, capsys):
    assert main(["score", "none.edf"]) == 3
    assert capsys.readouterr().err == "hsat: none.edf: cannot be read: No such file or directory\n"


def test_a_fault_in_one_file_does_not_stop_the_others(stage, folder, capsys):
    assert main(["score", put("a.edf", "bug"), put("b.edf")]) == 1
    err = capsys.readouterr().err
    assert err == (
        "hsat: a.edf: internal error (ZeroDivisionError: float division by zero); "
        "run with --debug to see where\n"
    )
    with pytest.raises(ZeroDivisionError):
        main(["score", "a.edf", "b.edf", "--debug"])


def test_a_hostile_file_name_stays_on_one_line(stage, folder, capsys):
    assert main(["score", put("a\n\x1b[31m.edf", "bad")]) == 3
    assert capsys.readouterr().err == "hsat: a\\n\\x1b[31m.edf: expected an EDF header, got 3 bytes\n"


# ------------------------------------------------------------------------ options


def test_options_reach_reading_and_scoring(stage, folder, capsys):
    words = ["score", put("a.edf"), "--rules", "aasm_1a", "--map", "flow=Flow", "--age", "61", "--sex", "M"]
    words += ["--therapy", "pap", "--patient", "P7", "--keep-identifiers", "--device", "generic"]
    words += ["--lights-off", "23:00", "--lights-on", "06:00:30"]
    assert main(words) == 0
    assert stage.read_with == [
        {
            "path": "a.edf",
            "device": "generic",
            "channel_map": {"flow": "Flow"},
            "patient": "P7",
            "keep_identifiers": True,
            "therapy": "pap",
            "age_years": 61.0,
            "sex": "M",
        }
    ]
    assert stage.scored_with[0]["rules"].name == "aasm_1a"
    assert stage.scored_with[0]["lights_s"] == (1800.0, 27_030.0)


def test_without_options_the_file_speaks_for_itself(stage, folder, capsys):
    assert main(["score", put("a.edf")]) == 0
    options = stage.read_with[0]
    assert [options[key] for key in ("device", "patient", "therapy", "age_years", "sex")] == [None] * 5
    assert options["keep_identifiers"] is False
    assert stage.scored_with[0]["rules"].name == "aasm_1b"
    assert stage.scored_with[0]["lights_s"] is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--rules", "aasm_9"], "hsat: rules: no such rule set: 'aasm_9'"),
        (
            ["--rules", "own.toml"],
            "hsat: rules own.toml, [apnea].min_duration_s: expected a number, got '10s'",
        ),
        (["--device", "no-such-device"], "hsat: --device: device 'no-such-device'"),
        (["--map", "nose=Flow"], "hsat: --map: channel name 'nose' is unknown"),
        (["--map", "flow=A", "--map", "flow=B"], "hsat: --map: expected each canonical name once"),
        (["--map", "flow=A", "--map", "thorax=A"], "hsat: --map: expected each label once"),
        (["--out", "a.edf/x"], "hsat: --out a.edf/x: cannot be made"),
    ],
)
def test_wrong_options_are_exit_code_2_before_any_file_is_read(stage, folder, capsys, words, expected):
    own = 'name = "o"\ntitle = "t"\nsource = "s"\nextends = "aasm_1b"\n[apnea]\nmin_duration_s = "10s"\n'
    put("own.toml", own)
    assert main(["score", put("a.edf"), *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith(expected)
    assert err.count("\n") == 1
    assert stage.read_with == []


def test_a_label_that_no_file_has_is_exit_code_2(stage, folder, capsys):
    assert main(["score", put("a.edf"), put("b.edf"), "--map", "spo2=Sat"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == "hsat: --map spo2=Sat: no file has every one of these labels"


def test_a_label_that_one_file_has_fails_the_others_alone(stage, folder, capsys):
    assert main(["score", put("a.edf"), put("b.edf", "Sat"), "--map", "spo2=Sat"]) == 1
    assert capsys.readouterr().err == "hsat: a.edf: no channel 'Sat' for spo2\n"


# ------------------------------------------------------------------------ folders


def test_a_folder_is_walked_in_order_whatever_the_case_of_the_ending(stage, folder, capsys):
    for name in ["d/b.EDF", "d/a.rec", "d/c/x.Bdf", "d/notes.txt", "d/._a.edf", "d/.hidden.edf"]:
        put(name)
    assert main(["score", "d"]) == 0
    assert paths_read(stage) == ["d/a.rec", "d/b.EDF", "d/c/x.Bdf"]


def test_paths_keep_the_beginning_the_user_wrote(stage, folder, capsys):
    put("d/a.edf")
    main(["score", "./d/"])
    assert paths_read(stage) == ["./d/a.edf"]


def test_a_circle_of_links_is_survived(stage, folder, capsys):
    put("d/e/a.edf")
    Path("d/e/up").symlink_to("..")
    Path("d/broken.edf").symlink_to("nowhere")
    assert main(["score", "d"]) == 0
    assert paths_read(stage) == ["d/e/a.edf"]


def test_a_fifo_in_a_folder_is_left_alone(stage, folder, capsys):
    put("d/a.edf")
    os.mkfifo("d/b.edf")
    assert main(["score", "d"]) == 0
    assert paths_read(stage) == ["d/a.edf"]


def test_a_file_in_a_named_folder_and_named_itself_is_read_once(stage, folder, capsys):
    put("d/a.edf")
    put("d/b.edf")
    assert main(["score", "d", "d/a.edf", "d/a.edf"]) == 0
    assert sorted(paths_read(stage)) == ["d/a.edf", "d/b.edf"]
    assert capsys.readouterr().err == "hsat: d/a.edf: named twice, read once\n"


def test_a_named_file_needs_no_ending(stage, folder, capsys):
    assert main(["score", put("recording.vb29")]) == 0


def test_an_empty_folder_is_exit_code_3(stage, folder, capsys):
    Path("d").mkdir()
    assert main(["score", "d"]) == 3
    line = (
        "hsat: d: no file in this folder ends in .edf, .rec or .bdf (tables of oximeters are read if named)\n"
    )
    assert capsys.readouterr().err == line


def test_companions_in_a_folder_are_named_and_no_failure(stage, folder, capsys):
    put("d/1_EVE.edf", "events")
    put("d/2_BRP.edf")
    assert main(["score", "d", "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["recording"]["file"] == "d/2_BRP.edf"
    assert captured.err == "hsat: d/1_EVE.edf: device events, no signals; left out\n"


def test_many_companions_of_one_kind_are_one_line(stage, folder, capsys):
    for name in ["d/1_EVE.edf", "d/2_EVE.edf", "d/3_EVE.edf"]:
        put(name, "events")
    put("d/4_BRP.edf")
    assert main(["score", "d"]) == 0
    assert capsys.readouterr().err == "hsat: d/1_EVE.edf and 2 more: device events, no signals; left out\n"


def test_a_companion_named_itself_is_a_failure(stage, folder, capsys):
    assert main(["score", put("1_EVE.edf", "events")]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "hsat: 1_EVE.edf: no recording to score: device events, no signals\n"


def test_a_folder_of_companions_alone_gives_no_result(stage, folder, capsys):
    put("d/1_EVE.edf", "events")
    assert main(["score", "d"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == "hsat: no recording to score in d"


def test_a_folder_that_cannot_be_entered_is_a_failure(folder, monkeypatch):
    put("d/a.edf")

    def walk(top, followlinks, onerror):
        onerror(PermissionError(13, "Permission denied", "d/closed"))
        yield "d", [], ["a.edf"]

    monkeypatch.setattr("hsat.cli.paths.os.walk", walk)
    closed = FailedNight(file="d/closed", error="d/closed: cannot be listed: Permission denied")
    assert find_recordings(["d"]) == [closed, Candidate("d/a.edf", False)]


def test_a_folder_that_cannot_be_listed_counts_once(folder, monkeypatch):
    Path("d").mkdir()

    def walk(top, followlinks, onerror):
        onerror(PermissionError(13, "Permission denied", "d"))
        return iter(())

    monkeypatch.setattr("hsat.cli.paths.os.walk", walk)
    assert find_recordings(["d"]) == [FailedNight(file="d", error="d: cannot be listed: Permission denied")]


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b"])
def test_a_path_that_cannot_be_is_a_file_to_fail_on(path):
    assert find_recordings([path]) == [Candidate(path, True)]


# ------------------------------------------------------------------------ progress, --out


def test_progress_shows_on_a_terminal(stage, folder, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    main(["score", put("a.edf"), put("b.edf")])
    assert capsys.readouterr().err.splitlines() == ["hsat: 1/2 a.edf", "hsat: 2/2 b.edf"]


@pytest.mark.parametrize("n_files", [2, 20])
def test_progress_is_silent_elsewhere(stage, folder, capsys, n_files):
    main(["score", *[put(f"{n}.edf") for n in range(n_files)]])
    assert capsys.readouterr().err == ""


def test_progress_of_many_files_is_a_plain_line_every_tenth(stage, folder, capsys):
    main(["score", *[put(f"{n}.edf") for n in range(25)]])
    counts = [3, 5, 8, 10, 13, 15, 18, 20, 23, 25]
    assert capsys.readouterr().err.splitlines() == [f"hsat: {n} of 25 files done" for n in counts]


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("text", ["a-2.night.txt", "a.night.txt"]),
        ("json", ["a-2.night.json", "a.night.json"]),
        ("csv", ["a-2.events.csv", "a.events.csv", "nights.csv"]),
    ],
)
def test_out_writes_a_file_a_night_and_stdout_stays_the_same(stage, folder, capsys, form, files):
    words = ["score", put("x/a.edf"), put("y/A.rec".lower()), put("bad.edf", "bad"), "--format", form]
    assert main(words) == 1
    without = capsys.readouterr().out
    assert main([*words, "--out", "new/out"]) == 1
    assert capsys.readouterr().out == without
    assert sorted(path.name for path in Path("new/out").iterdir()) == files


def test_out_holds_what_stdout_shows(stage, folder, capsys):
    assert main(["score", put("a.edf"), "--format", "json", "--out", "o"]) == 0
    assert Path("o/a.night.json").read_text(encoding="utf-8") == capsys.readouterr().out
    assert main(["score", "a.edf", "--format", "csv", "--out", "o"]) == 0
    assert Path("o/nights.csv").read_text(encoding="utf-8") == capsys.readouterr().out
    assert len(Path("o/a.events.csv").read_text(encoding="utf-8").splitlines()) == 5


def test_a_result_that_cannot_be_stored_is_still_printed(stage, folder, capsys):
    Path("o/a.night.txt").mkdir(parents=True)
    assert main(["score", put("a.edf"), "--out", "o"]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("AHI (REI) 17.3 /h")
    assert captured.err == "hsat: o/a.night.txt: cannot be written: Is a directory\n"
    assert [path.name for path in Path("o").iterdir()] == ["a.night.txt"]


def test_a_table_that_cannot_be_stored_is_still_printed(stage, folder, capsys):
    Path("o/nights.csv").mkdir(parents=True)
    assert main(["score", put("a.edf"), "--out", "o", "--format", "csv"]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert captured.err == "hsat: o/nights.csv: cannot be written: Is a directory\n"


def test_a_clean_up_that_fails_adds_no_second_error(stage, folder, capsys, monkeypatch):
    def fail(self, *words, **options):
        raise OSError(30, "Read-only file system")

    put("a.edf")
    Path("o").mkdir()
    monkeypatch.setattr(Path, "write_bytes", fail)
    monkeypatch.setattr(Path, "unlink", fail)
    assert main(["score", "a.edf", "--out", "o", "--debug"]) == 1
    assert capsys.readouterr().err == "hsat: o/a.night.txt: cannot be written: Read-only file system\n"


@pytest.mark.parametrize(
    ("out", "error"),
    [("a.edf", "expected a folder, got a file"), ("o", "cannot be written: No space left on device")],
)
def test_out_is_tried_before_anything_is_read(stage, folder, capsys, monkeypatch, out, error):
    def fail(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hsat.cli.outputs.TemporaryFile", fail)
    assert main(["score", put("a.edf"), "--out", out]) == 2
    assert capsys.readouterr().err == f"hsat: --out {out}: {error}\n"
    assert stage.read_with == []


# ------------------------------------------------------------------------ lights off and on


@pytest.mark.parametrize(
    ("off", "on", "expected"),
    [
        ("23:00", "06:00", (1800.0, 27_000.0)),
        ("00:10", None, (6000.0, 28_800.0)),
        (None, "06:29:59", (0.0, 28_799.0)),
        ("22:00", "05:30", (0.0, 25_200.0)),  # lights off before the recorder started
        ("23:00", "08:00", (1800.0, 28_800.0)),  # lights on after it ended
        ("22:30", "06:30", (0.0, 28_800.0)),
        ("2026-03-03T23:00", "2026-03-04 06:00:00", (1800.0, 27_000.0)),
        ("2026-03-03T23:00", "06:00", (1800.0, 27_000.0)),
        (None, None, None),
    ],
)
def test_lights_in_seconds_from_the_start(off, on, expected):
    recording = make_unscored("a.edf")  # 22:30 to 06:30
    span = lights_span_s(recording, off and parse_time(off), on and parse_time(on))
    assert span == expected


def test_lights_off_late_in_a_long_recording():
    recording = make_unscored("a.edf", start_local=datetime(2026, 3, 3, 10, 0), duration_s=22 * 3600.0)
    assert lights_span_s(recording, time(23), time(7)) == (13 * 3600.0, 21 * 3600.0)


@pytest.mark.parametrize(
    ("off", "on"), [("2026-03-05T23:00", "2026-03-06T06:00"), ("20:00", "21:00"), ("23:00", "23:00")]
)
def test_lights_that_miss_the_recording_are_an_error(off, on):
    with pytest.raises(
        HsatError, match=r"^a\.edf: lights off .* is no time within the recording, 2026-03-03 22:30"
    ):
        lights_span_s(make_unscored("a.edf"), parse_time(off), parse_time(on))


def test_lights_need_a_clock(stage, folder, capsys):
    with pytest.raises(HsatError, match="the file holds no valid start"):
        lights_span_s(make_unscored("a.edf", start_local=None), time(23), None)
