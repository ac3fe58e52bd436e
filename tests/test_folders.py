"""Folders as nights: what is joined, what is not, what is dropped, and that every sample stays in its place.

Expected values are those that `card_files` wrote, placed by hand from the start times.
"""

import hashlib
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from card_files import (
    RECORD_S,
    channel,
    flow_values,
    write_companion,
    write_file,
    write_plain,
    write_session,
)
from edf_bytes import annotation_channel

import hsat
from hsat.cli.main import main
from hsat.errors import ReadError
from hsat.sessions import night_of

EVENING = datetime(2026, 3, 3, 22, 30)


@pytest.fixture(autouse=True)
def _own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


def codes(recording) -> list[str]:
    return [note.code for note in recording.notes]


# ------------------------------------------------------------------------ side by side


def test_files_side_by_side_are_one_recording_on_the_clock_of_the_flow(tmp_path):
    write_session(tmp_path, EVENING, 20)
    (night,) = hsat.read_nights(tmp_path)
    assert [s.name for s in night.signals] == ["flow", "pulse", "spo2", "pressure", "leak"]
    assert (night.start_local, night.duration_s, len(night.gaps_s)) == (EVENING, 1200.0, 0)
    np.testing.assert_array_equal(night.signal("flow").values, flow_values(20, 1))
    # The oximeter's file began a second later: its first sample lies at 1 s, its last is cut off.
    expected = np.concatenate(([np.nan], 90.0 + np.arange(1199) % 7))
    np.testing.assert_array_equal(night.signal("spo2").values, expected)
    assert [Path(path).name[-7:-4] for path in night.source.files] == ["BRP", "SAD", "PLD"]
    assert "files_side_by_side" in codes(night)
    assert "device_companion" not in codes(night)


def test_oximetry_that_goes_on_where_the_flow_was_cut_off_is_kept(tmp_path):
    brp, _, _ = write_session(tmp_path, EVENING, 60)
    brp.write_bytes(brp.read_bytes()[: -20 * RECORD_S * 25 * 2])
    (night,) = hsat.read_nights(tmp_path)
    assert night.duration_s == 3601.0
    assert np.isnan(night.signal("flow").values[40 * 1500 :]).all()
    assert np.count_nonzero(~np.isnan(night.signal("spo2").values)) == 3600
    assert "truncated" in codes(night)


def test_a_file_that_overlaps_two_sessions_is_given_to_neither(tmp_path):
    write_session(tmp_path, EVENING, 30, kinds="BRP")
    write_session(tmp_path, EVENING + timedelta(minutes=40), 30, first=7, kinds="BRP")
    write_session(tmp_path, EVENING, 70, kinds="SAD")
    nights = hsat.read_nights(tmp_path)
    assert len(nights) == 3
    assert all("night_conflict" in codes(night) for night in nights)


# ------------------------------------------------------------------------ one after the other


def test_sessions_of_a_night_are_one_recording_with_the_pauses_as_gaps(tmp_path):
    write_session(tmp_path, EVENING, 30, first=1)
    write_session(tmp_path, EVENING + timedelta(hours=2), 60, first=9000)
    write_companion(tmp_path, EVENING)
    nights = hsat.read_nights(tmp_path)
    assert len(nights) == 1
    night = nights[0]
    assert (night.start_local, night.duration_s) == (EVENING, 10800.0)
    assert night.gaps_s.tolist() == [[1800.0, 7200.0]]
    flow = night.signal("flow").values
    np.testing.assert_array_equal(flow[: 1800 * 25], flow_values(30, 1))
    assert np.isnan(flow[1800 * 25 : 7200 * 25]).all()
    np.testing.assert_array_equal(flow[7200 * 25 :], flow_values(60, 9000))
    spo2 = night.signal("spo2").values
    assert np.isnan(spo2[[0, 1800, 7200]]).all()
    np.testing.assert_array_equal(spo2[7201:], 90 + np.arange(3599) % 7)
    assert len(night.source.parts) == 6
    note = next(note for note in night.notes if note.code == "sessions_joined")
    assert "2 recordings of one night joined" in note.text
    assert "90 min in all" in note.text
    assert ["(EVE)" in item.reason for item in nights.left_out] == [True]


def test_different_calibrations_are_joined_as_physical_values(tmp_path):
    write_session(tmp_path, EVENING, 20, kinds="BRP")
    doubled = channel("Flow.40ms", flow_values(20, 5), 25)
    doubled.physical = ("-65536", "65534")
    start = EVENING + timedelta(hours=1)
    write_file(tmp_path / f"{start:%Y%m%d_%H%M%S}_BRP.edf", start, [doubled])
    (night,) = hsat.read_nights(tmp_path)
    flow = night.signal("flow").values
    np.testing.assert_array_equal(flow[: 1200 * 25], flow_values(20, 1))
    np.testing.assert_array_equal(flow[3600 * 25 :], 2.0 * flow_values(20, 5))


@pytest.mark.parametrize(
    ("start", "evening"),
    [
        (datetime(2026, 3, 4, 11, 59, 59), (2026, 3, 3)),
        (datetime(2026, 3, 4, 12, 0), (2026, 3, 4)),
        (datetime(2026, 3, 5, 0, 0), (2026, 3, 4)),
    ],
)
def test_a_night_lasts_from_noon_to_noon(start, evening):
    day = night_of(start)
    assert (day.year, day.month, day.day) == evening


def test_sessions_before_and_after_noon_are_two_nights(tmp_path):
    noon = datetime(2026, 3, 4, 12, 0)
    write_session(tmp_path, noon - timedelta(minutes=30), 15)
    write_session(tmp_path, noon, 15, first=7)
    assert [night.duration_s for night in hsat.read_nights(tmp_path)] == [900.0, 900.0]


@pytest.mark.parametrize(("n_minutes", "n_dropped"), [(9, 1), (10, 0), (11, 0)])
def test_less_than_ten_minutes_before_the_night_are_a_test(tmp_path, n_minutes, n_dropped):
    write_session(tmp_path, EVENING - timedelta(hours=3), n_minutes)
    write_session(tmp_path, EVENING, 30)
    nights = hsat.read_nights(tmp_path)
    (night,) = nights
    assert codes(night).count("test_fragment") == n_dropped
    assert (night.start_local == EVENING) == bool(n_dropped)
    files = {path.name for path in tmp_path.rglob("*.edf")}
    inside, outside = (
        {Path(path).name for path in night.source.files},
        {Path(x.path).name for x in nights.left_out},
    )
    assert inside | outside == files
    assert not inside & outside
    assert bool(outside) == bool(n_dropped)


def test_a_short_session_between_two_long_ones_is_kept(tmp_path):
    for hours, minutes in ((0, 30), (1, 3), (2, 30)):
        write_session(tmp_path, EVENING + timedelta(hours=hours), minutes)
    (night,) = hsat.read_nights(tmp_path)
    assert night.gaps_s.tolist() == [[1800.0, 3600.0], [3780.0, 7200.0]]


def test_a_night_of_tests_alone_is_left_out_and_named(tmp_path):
    write_session(tmp_path / "a", EVENING, 2)
    write_session(tmp_path / "b", EVENING + timedelta(days=1), 20)
    nights = hsat.read_nights(tmp_path)
    assert [night.start_local for night in nights] == [EVENING + timedelta(days=1)]
    assert {item.path for item in nights.left_out} == {str(path) for path in (tmp_path / "a").glob("*.edf")}
    assert all("less than 10 min" in item.reason for item in nights.left_out)


def test_a_header_without_data_is_left_out_and_no_failure(tmp_path, capsys):
    brp, _, _ = write_session(tmp_path, EVENING, 20)
    start = EVENING - timedelta(minutes=5)
    content = bytearray(brp.read_bytes()[: 256 * 2])
    content[176:184] = f"{start:%H.%M.%S}".encode()
    content[236:244] = b"-1      "
    (tmp_path / f"{start:%Y%m%d_%H%M%S}_BRP.edf").write_bytes(content)
    assert main(["score", str(tmp_path), "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["recording"]["duration_s"] == 1200.0
    assert "_BRP.edf: a header without data" in captured.err


def test_an_unreadable_file_of_a_card_fails_and_the_night_goes_on(tmp_path, capsys):
    write_session(tmp_path, EVENING, 20)
    bad = tmp_path / "20260304_010000_BRP.edf"
    bad.write_bytes(b"0       " + b"?" * 300)
    assert main(["score", str(tmp_path), "--format", "json"]) == 1
    captured = capsys.readouterr()
    results = json.loads(captured.out)
    assert [result.get("error") is None for result in results] == [True, False]
    assert results[1]["file"] == str(bad)
    assert captured.err.count(str(bad)) == 1


# ------------------------------------------------------------------------ never joined


def test_sessions_that_overlap_stay_apart_and_say_so(tmp_path):
    write_session(tmp_path, EVENING, 30, kinds="BRP")
    write_session(tmp_path, EVENING + timedelta(minutes=20), 30, first=7, kinds="BRP")
    nights = hsat.read_nights(tmp_path)
    assert [night.duration_s for night in nights] == [1800.0, 1800.0]
    for night in nights:
        text = next(note.text for note in night.notes if note.code == "night_conflict")
        assert "20260303_223000_BRP.edf" in text
        assert "20260303_225000_BRP.edf" in text


def test_cards_of_two_recorders_in_one_folder_stay_apart(tmp_path):
    write_session(tmp_path, EVENING, 20, kinds="BRP")
    values = channel("Flow.40ms", flow_values(20, 5), 25)
    start = EVENING + timedelta(hours=1)
    other = "SRN=22222222222  MID=36  VID=39"
    write_file(tmp_path / f"{start:%Y%m%d_%H%M%S}_BRP.edf", start, [values], recorder=other)
    assert len(hsat.read_nights(tmp_path)) == 2


def test_cards_in_two_folders_stay_apart(tmp_path):
    write_session(tmp_path / "one", EVENING, 20)
    write_session(tmp_path / "two", EVENING + timedelta(hours=1), 20)
    assert len(hsat.read_nights(tmp_path)) == 2


@pytest.mark.parametrize(
    ("changes", "n_nights"),
    [
        pytest.param({}, 1, id="same-patient-device-and-channels"),
        pytest.param({"patient": "P0043 F X X"}, 2, id="another-patient"),
        pytest.param({"patient": "X X X X"}, 2, id="patient-unknown"),
        pytest.param({"recorder": "MyRecorder-8"}, 2, id="another-serial-number"),
        pytest.param({"rate_hz": 20}, 2, id="another-rate"),
        pytest.param({"label": "Thorax"}, 2, id="another-channel"),
    ],
)
def test_plain_files_are_joined_only_where_patient_device_and_channels_agree(tmp_path, changes, n_nights):
    write_plain(tmp_path / "a.edf", EVENING, 30)
    write_plain(tmp_path / "b.edf", EVENING + timedelta(hours=1), 30, **changes)
    nights = hsat.read_nights(tmp_path)
    assert len(nights) == n_nights
    if n_nights == 1:
        assert nights[0].gaps_s.tolist() == [[1800.0, 3600.0]]


def test_files_of_unknown_patients_are_never_joined(tmp_path):
    for name, hours in (("a", 0), ("b", 1)):
        write_plain(tmp_path / f"{name}.edf", EVENING + timedelta(hours=hours), 30, patient="X X X X")
    assert len(hsat.read_nights(tmp_path)) == 2
    # A code for all files says that they are one patient's.
    assert len(hsat.read_nights(tmp_path, patient="A1")) == 1


def test_a_plain_file_alone_is_kept_however_short(tmp_path):
    write_plain(tmp_path / "a.edf", EVENING, 2)
    assert [night.duration_s for night in hsat.read_nights(tmp_path)] == [120.0]


# ------------------------------------------------------------------------ copies


def test_a_copy_is_left_out_and_named_with_its_original(tmp_path, capsys):
    write_plain(tmp_path / "a.edf", EVENING, 30)
    shutil.copy(tmp_path / "a.edf", tmp_path / "b.edf")
    nights = hsat.read_nights(tmp_path)
    assert [night.source.path for night in nights] == [str(tmp_path / "a.edf")]
    assert nights.left_out[0][:2] == (str(tmp_path / "b.edf"), f"the same content as {tmp_path / 'a.edf'}")
    assert main(["score", str(tmp_path), "--format", "json"]) == 0
    assert (
        f"{tmp_path / 'b.edf'}: the same content as {tmp_path / 'a.edf'}; left out" in capsys.readouterr().err
    )


def test_one_other_sample_is_no_copy(tmp_path):
    path = write_plain(tmp_path / "a.edf", EVENING, 30, patient="X X X X")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    (tmp_path / "b.edf").write_bytes(content)
    assert len(hsat.read_nights(tmp_path)) == 2


def test_a_copied_card_is_one_line_a_folder(tmp_path, capsys):
    write_session(tmp_path / "card", EVENING, 20)
    shutil.copytree(tmp_path / "card", tmp_path / "card copy")
    assert main(["score", str(tmp_path), "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["recording"]["file"]) == 3
    (line,) = [line for line in captured.err.splitlines() if "the same content" in line]
    assert "_BRP.edf and 2 more: the same content as" in line


# ------------------------------------------------------------------------ files of several nights


@pytest.mark.parametrize(("n_hours", "n_nights"), [(23, 1), (24, 1), (25, 2), (50, 3)])
def test_a_file_of_more_than_a_day_is_cut_at_noon(tmp_path, n_hours, n_nights):
    values = np.arange(n_hours * 3600) % 30_000
    path = write_file(
        tmp_path / "long.edf", EVENING, [channel("Flow", values, 1)], patient="P0042 F X X", recorder="R"
    )
    nights = hsat.read_nights(path)
    assert len(nights) == n_nights
    np.testing.assert_array_equal(np.concatenate([n.signal("flow").values for n in nights]), values)
    if n_nights > 1:
        # 22:30 to noon is 13.5 h.
        assert nights[0].duration_s == 13.5 * 3600
        assert nights[1].start_local == datetime(2026, 3, 4, 12, 0)
        assert all("split_at_noon" in codes(night) for night in nights)


def test_gaps_and_annotations_of_a_cut_file_lie_on_the_clock_of_their_night(tmp_path):
    # Records of an hour: ten from 22:30, then from 14:30 on the next day (16 h later) another twelve.
    onsets = [*range(10), *range(16, 28)]
    texts = [f"+{h * 3600}\x14\x14\0+{h * 3600 + 5}\x14hour {h}\x14\0".encode() for h in onsets]
    flow = channel("Flow", np.arange(22 * 3600) % 30_000, 1, duration_s=3600)
    path = write_file(tmp_path / "long.edf", EVENING, [flow, annotation_channel(texts)], duration_s=3600)
    content = bytearray(path.read_bytes())
    content[192:197] = b"EDF+D"
    path.write_bytes(content)
    first, second = hsat.read_nights(path)
    assert (first.duration_s, second.duration_s) == (36000.0, 12 * 3600.0)
    assert (len(first.gaps_s), len(second.gaps_s)) == (0, 0)
    assert second.start_local == EVENING + timedelta(hours=16)
    assert second.annotations[0] == (5.0, None, "hour 16")
    assert second.signal("flow").values[0] == 36000 % 30_000


# ------------------------------------------------------------------------ command line, errors


def test_a_card_is_one_result_whose_file_lists_the_parts(tmp_path, capsys):
    paths = write_session(tmp_path, EVENING, 30, kinds="BRP SAD")
    paths += write_session(tmp_path, EVENING + timedelta(hours=1), 30, first=9, kinds="BRP SAD")
    assert main(["score", str(tmp_path), "--format", "json"]) == 0
    recording = json.loads(capsys.readouterr().out)["recording"]
    assert recording["file"] == [str(path) for path in paths]
    whole = tmp_path / "all.bin"
    whole.write_bytes(b"".join(path.read_bytes() for path in paths))
    assert recording["sha256"] == hashlib.sha256(whole.read_bytes()).hexdigest()
    assert recording["gaps_s"] == [[1800.0, 3600.0]]
    assert main(["score", str(tmp_path)]) == 0
    assert f"{paths[0]} and 3 more" in capsys.readouterr().out
    assert main(["score", str(tmp_path), "--format", "csv"]) == 0
    assert "; ".join(str(path) for path in paths) in capsys.readouterr().out


def test_a_named_file_of_a_card_is_read_alone(tmp_path, capsys):
    paths = write_session(tmp_path, EVENING, 30)
    assert main(["score", str(paths[0]), "--format", "json"]) == 0
    recording = json.loads(capsys.readouterr().out)["recording"]
    assert recording["file"] == str(paths[0])
    assert [c["name"] for c in recording["channels"]] == ["flow"]


def test_a_folder_of_one_night_takes_an_event_list(tmp_path, capsys):
    write_session(tmp_path, EVENING, 30)
    events = tmp_path / "e.csv"
    events.write_text("start_s,stop_s,kind\n100,120,obstructive_apnea\n", encoding="utf-8")
    assert main(["score", str(tmp_path), "--events", str(events), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["scoring"] == "edited"


def test_a_folder_without_recordings_is_one_line(tmp_path):
    with pytest.raises(ReadError, match="no recording in this folder"):
        hsat.read_nights(tmp_path)
    with pytest.raises(ReadError, match="No such file"):
        hsat.read_nights(tmp_path / "nowhere")


def test_a_serial_number_is_kept_nowhere(tmp_path):
    write_session(tmp_path, EVENING, 20)
    (night,) = hsat.read_nights(tmp_path)
    assert "11111" not in repr(night)
    assert "11111" not in str(night.device.recorder)


# ------------------------------------------------------------------------ real cards


def test_nights_of_real_cards_equal_those_joined_by_somebody_else(shared_data):
    """The same nights joined by another program: same clock, gaps and flow, sample for sample."""
    folder = shared_data / "real"
    nights = {
        night.start_local: night
        for card in ("resmed-cpaplib", "resmed-cpappy", "resmed-snore")
        for night in hsat.read_nights(folder / "resmed-original" / card)
    }
    compared = 0
    for path in sorted((folder / "resmed-joined").glob("*.edf")):
        joined = hsat.read_recording(path)
        night = nights.get(joined.start_local)
        if night is None:
            continue  # not among the originals, or begins with a test of a minute that is dropped here
        compared += 1
        assert night.duration_s == joined.duration_s, path.name
        np.testing.assert_array_equal(night.gaps_s, joined.gaps_s)
        np.testing.assert_array_equal(night.signal("flow").values, joined.signal("flow").values)
    assert compared == 9


def test_a_note_names_a_dozen_of_many_joined_files(tmp_path):
    for i in range(30):
        write_plain(tmp_path / f"part{i:02d}.edf", EVENING + timedelta(minutes=12 * i), 11)
    (night,) = hsat.read_nights(tmp_path)
    (text,) = [note.text for note in night.notes if note.code == "sessions_joined"]
    assert text.startswith("30 recordings of one night joined (part00.edf, ")
    assert "part11.edf and 18 more)" in text
    assert len(night.source.files) == 30


def test_a_copy_that_was_broken_off_is_left_out(tmp_path):
    whole = write_plain(tmp_path / "b.edf", EVENING, 60)
    raw = whole.read_bytes()
    (tmp_path / "a.edf").write_bytes(raw[: len(raw) // 2])
    nights = hsat.read_nights(tmp_path)
    assert [Path(night.source.path).name for night in nights] == ["b.edf"]
    assert [(Path(left.path).name, Path(left.original).name) for left in nights.left_out] == [
        ("a.edf", "b.edf")
    ]


@pytest.mark.parametrize("change", ["a sample", "the patient", "the start", "the recorder"])
def test_a_shorter_file_that_differs_is_no_copy(tmp_path, change):
    write_plain(tmp_path / "b.edf", EVENING, 60)
    other = {
        "a sample": {"first": 2},
        "the patient": {"patient": "P0043 F X X"},
        "the start": {},
        "the recorder": {"recorder": "OtherRecorder-2"},
    }[change]
    start = EVENING + timedelta(minutes=1) if change == "the start" else EVENING
    write_plain(tmp_path / "a.edf", start, 30, **other)
    nights = hsat.read_nights(tmp_path)
    assert len(nights) == 2
    assert not nights.left_out


def test_tables_of_oximeters_beside_recordings_are_named(tmp_path, capsys):
    write_plain(tmp_path / "a.edf", EVENING, 30)
    (tmp_path / "ring.csv").write_text("Time,Oxygen Level,Pulse Rate\n22:30:00 03/03/2026,96,60\n")
    (tmp_path / "events.csv").write_text("start_s,stop_s,kind\n10,20,hypopnea\n")
    (tmp_path / ".hidden.csv").write_text("Time,SpO2\n1,96\n")
    (tmp_path / "folder.csv").mkdir()
    nights = hsat.read_nights(tmp_path)
    assert [Path(left.path).name for left in nights.left_out] == ["ring.csv"]
    assert main(["score", str(tmp_path)]) == 0
    assert (
        "ring.csv: a table of an oximeter, which is read if named, or joined with --oximetry; left out"
        in (capsys.readouterr().err)
    )
