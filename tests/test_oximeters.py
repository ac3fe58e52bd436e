"""Tables of oximeters: layouts as the apps write them, their clocks, their holes, and what is refused.

Rows are written here by hand or by `table`, from the layouts that people have published; expected values
are those that were written.
"""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import hsat
from hsat.cli.main import main
from hsat.errors import HsatError, MissingChannelError, ReadError

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 8, 13, 23, 59, 40)
SPO2 = [97, 96, 95, 94, 93, 92, 91, 90, 92, 94, 96, 97]
PULSE = [60, 61, 62, 63, 64, 65, 66, 67, 66, 65, 64, 63]
HOLE = {5: ("--", "--")}


def stamps(form, n=12, step_s=4, start=START):
    return [(start + timedelta(seconds=step_s * i)).strftime(form) for i in range(n)]


def table(
    tmp_path, header, times, *, row="{t},{s},{p},0", name="night.csv", values=None, end="\n", encoding="utf-8"
):
    cells = dict(enumerate(zip(SPO2 * 9, PULSE * 9, strict=True))) | (values or {})
    rows = [row.format(t=t, s=cells[i][0], p=cells[i][1]) for i, t in enumerate(times)]
    path = tmp_path / name
    path.write_bytes((end.join([*header.splitlines(), *rows]) + end).encode(encoding))
    return path


def spo2_of(recording):
    return recording.signal("spo2").values


def codes(recording):
    return [note.code for note in recording.notes]


LAYOUTS = {
    "ViHealth": ("Time,Oxygen Level,Pulse Rate,Motion", "%H:%M:%S %d/%m/%Y", "{t},{s},{p},29"),
    "Checkme": (
        "Time,Oxygen Level,Pulse Rate,Motion,O2 Reminder,PR Reminder",
        "%H:%M:%S %b %d %Y",
        "{t},{s},{p},29,0,0",
    ),
    "O2 Insight Pro": (
        "Time,SpO2(%),Pulse Rate(bpm),Motion,SpO2 Reminder,PR Reminder,",
        "%I:%M:%S%p %b %d, %Y",
        '"{t}",{s},{p},29,0,0,',
    ),
    "date and time apart": ("Date,Time,SpO2(%),PR(bpm),Motion", "%m/%d/%Y,%I:%M:%S %p", "{t},{s},{p},29"),
    "ISO": ("timestamp;spo2;pulse;motion", "%Y-%m-%dT%H:%M:%S", "{t};{s};{p};29"),
    "ISO with zone": ("Time\tSpO2\tHR\tMotion", "%Y-%m-%d %H:%M:%S+0200", "{t}\t{s}\t{p}\t29"),
    "German": ("Datum;Uhrzeit;SpO2 [%];Puls [bpm];Bewegung", "%d.%m.%Y;%H:%M:%S", "{t};{s},0;{p},0;29"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_that_apps_write(tmp_path, layout):
    header, form, row = LAYOUTS[layout]
    recording = hsat.read_recording(table(tmp_path, header, stamps(form), row=row))
    np.testing.assert_array_equal(spo2_of(recording), SPO2)
    np.testing.assert_array_equal(recording.signal("pulse").values, PULSE)
    np.testing.assert_array_equal(recording.signal("activity").values, [29] * 12)
    assert recording.start_local == START
    assert (recording.signal("spo2").rate_hz, recording.duration_s) == (0.25, 48.0)
    assert (recording.source.format, recording.signal("spo2").unit) == ("CSV", "%")
    assert len(recording.gaps_s) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path, encoding, end):
    path = table(tmp_path, "Jürgen\nTime,SpO2,Pulse", stamps("%Y-%m-%d %H:%M:%S"), end=end, encoding=encoding)
    recording = hsat.read_recording(path)
    np.testing.assert_array_equal(spo2_of(recording), SPO2)


@pytest.mark.parametrize("text", ["--", "", "0", "127", "255", "511", "65535", "nan", "101", "-1"])
def test_what_stands_for_no_value_is_missing(tmp_path, text):
    path = table(tmp_path, "Time,SpO2,Pulse", stamps("%Y-%m-%d %H:%M:%S"), values={5: (text, 60)})
    expected = np.array(SPO2, dtype=float)
    expected[5] = np.nan
    recording = hsat.read_recording(path)
    np.testing.assert_array_equal(spo2_of(recording), expected)
    assert len(recording.gaps_s) == 0


@pytest.mark.parametrize(
    ("number", "is_value"), [(127, True), (254, True), (255, False), (300, True), (301, False), (0, False)]
)
def test_pulse_of_127_is_a_pulse(tmp_path, number, is_value):
    path = table(tmp_path, "Time,SpO2,Pulse", stamps("%Y-%m-%d %H:%M:%S"), values={5: (96, number)})
    assert np.isfinite(hsat.read_recording(path).signal("pulse").values[5]) == is_value


def test_fractions_become_percent(tmp_path):
    path = table(
        tmp_path,
        "Time,SpO2,Pulse",
        stamps("%Y-%m-%d %H:%M:%S"),
        row="{t},0.{s},{p}",
    )
    recording = hsat.read_recording(path)
    np.testing.assert_allclose(spo2_of(recording), SPO2, rtol=1e-6)
    assert "spo2_scale" in codes(recording)


# ------------------------------------------------------------------------ dates


def order_of(tmp_path, texts, name="night.csv"):
    recording = hsat.read_recording(table(tmp_path, "Time,SpO2,Pulse", texts, name=name))
    return recording, [note.text for note in recording.notes if note.code == "date_order"]


def test_a_day_after_the_12th_settles_the_order_without_a_note(tmp_path):
    assert order_of(tmp_path, stamps("%d/%m/%Y %H:%M:%S"))[1] == []
    assert order_of(tmp_path, stamps("%m/%d/%Y %H:%M:%S"))[0].start_local == START


@pytest.mark.parametrize(("form", "month", "day"), [("%d/%m/%Y %H:%M:%S", 8, 3), ("%m/%d/%Y %H:%M:%S", 8, 3)])
def test_midnight_settles_the_order(tmp_path, form, month, day):
    """3 and 4 August are a night; 8 March and 8 April are not."""
    start = datetime(2026, month, day, 23, 59, 40)
    recording, notes = order_of(tmp_path, stamps(form, start=start))
    assert recording.start_local == start
    assert len(notes) == 1
    assert "follow each other" in notes[0]


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"])
@pytest.mark.parametrize(
    "name", ["O2Ring_20260803220000.csv", "O2Ring 0009_1785794400000.csv", "2026-08-03.csv"]
)
def test_the_name_of_the_file_settles_the_order(tmp_path, form, name):
    """1785794400 is 2026-08-03T22:00:00Z by `date -u -d @1785794400`."""
    start = datetime(2026, 8, 3, 22, 0)
    recording, notes = order_of(tmp_path, stamps(form, start=start), name=name)
    assert recording.start_local == start
    assert "name" in notes[0]


@pytest.mark.parametrize(
    ("form", "expected"),
    [("%m/%d/%Y %I:%M:%S %p", (8, 3)), ("%d.%m.%Y %H:%M:%S", (8, 3)), ("%d/%m/%Y %H:%M:%S", (8, 3))],
)
def test_an_order_that_nothing_settles_is_said(tmp_path, form, expected):
    recording, notes = order_of(tmp_path, stamps(form, start=datetime(2026, 8, 3, 22, 0)))
    assert (recording.start_local.month, recording.start_local.day) == expected
    assert len(notes) == 1


def test_times_without_a_date_cross_midnight_and_know_no_day(tmp_path):
    recording = hsat.read_recording(table(tmp_path, "Time,SpO2,Pulse", stamps("%H:%M:%S")))
    np.testing.assert_array_equal(spo2_of(recording), SPO2)
    assert recording.start_local is None
    assert "start_unknown" in codes(recording)
    named = hsat.read_recording(table(tmp_path, "Time,SpO2,Pulse", stamps("%H:%M:%S"), name="x_20260813.csv"))
    assert named.start_local == START
    assert "start_date" in codes(named)


@pytest.mark.parametrize("first", [0, 1_755_000_000, 1_755_000_000_000])
def test_seconds_and_epochs_know_no_local_clock(tmp_path, first):
    scale = 1000 if first > 1e12 else 1
    texts = [str(first + 4 * scale * i) for i in range(12)]
    recording = hsat.read_recording(table(tmp_path, "Time,SpO2,Pulse", texts))
    np.testing.assert_array_equal(spo2_of(recording), SPO2)
    assert recording.start_local is None
    assert "start_unknown" in codes(recording)


def test_the_end_of_summer_time_closes_no_hour_and_opens_none(tmp_path):
    times = stamps("%Y-%m-%d %H:%M:%S", 6, start=datetime(2026, 10, 25, 2, 59, 36))
    times += stamps("%Y-%m-%d %H:%M:%S", 6, start=datetime(2026, 10, 25, 2, 0, 0))
    recording = hsat.read_recording(table(tmp_path, "Time,SpO2,Pulse", times))
    np.testing.assert_array_equal(spo2_of(recording), SPO2)
    assert "clock_turned_back" in codes(recording)


# ------------------------------------------------------------------------ holes and disorder


def with_rows(tmp_path, seconds, **more):
    texts = [(START + timedelta(seconds=s)).strftime("%Y-%m-%d %H:%M:%S") for s in seconds]
    return hsat.read_recording(table(tmp_path, "Time,SpO2,Pulse", texts, **more))


def test_one_lost_row_is_a_missing_sample_two_are_a_gap(tmp_path):
    one = with_rows(tmp_path, [0, 4, 8, 16, 20, 24, 28, 32, 36, 40, 44])
    assert np.flatnonzero(np.isnan(spo2_of(one))).tolist() == [3]
    assert len(one.gaps_s) == 0
    assert "rows_missing" in codes(one)
    two = with_rows(tmp_path, [0, 4, 8, 20, 24, 28, 32, 36, 40, 44, 48])
    assert np.flatnonzero(np.isnan(spo2_of(two))).tolist() == [3, 4]
    np.testing.assert_array_equal(two.gaps_s, [[12.0, 20.0]])
    np.testing.assert_array_equal(spo2_of(two)[[2, 5]], SPO2[2:4])


def test_repeated_backward_and_stray_rows_are_left_out_and_said(tmp_path):
    seconds = [4 * i for i in range(60)]
    seconds[10] = seconds[9]
    repeated = with_rows(tmp_path, seconds)
    assert np.flatnonzero(np.isnan(spo2_of(repeated))).tolist() == [10]
    assert "rows_repeated" in codes(repeated)
    for wrong in (seconds[0], 90_000):
        seconds = [4 * i for i in range(60)]
        seconds[10] = wrong
        recording = with_rows(tmp_path, seconds)
        assert np.flatnonzero(np.isnan(spo2_of(recording))).tolist() == [10]
        assert recording.duration_s == 240.0
        assert "rows_left_out" in codes(recording)


def test_newest_first_is_turned(tmp_path):
    recording = with_rows(tmp_path, [4 * i for i in range(12)][::-1])
    np.testing.assert_array_equal(spo2_of(recording), SPO2[::-1])
    assert recording.start_local == START
    assert "rows_turned" in codes(recording)


def test_irregular_rows_are_placed_and_nothing_is_filled_in(tmp_path):
    seconds = [0, 1, 3, 6, 7, 9, 13, 14, 16, 19, 20]
    recording = with_rows(tmp_path, seconds)
    values = spo2_of(recording)
    assert "irregular" in codes(recording)
    assert set(values[np.isfinite(values)]) <= set(SPO2)
    assert np.count_nonzero(np.isfinite(values)) <= len(seconds)


def test_a_row_cut_off_at_the_end_is_left_out(tmp_path):
    path = table(tmp_path, "Time,SpO2,Pulse", stamps("%Y-%m-%d %H:%M:%S"), row="{t},{s},{p}")
    path.write_bytes(path.read_bytes() + b"2026-08-14 00:00:28,9")
    assert hsat.read_recording(path).duration_s == 48.0


def test_columns_without_names_are_told_by_their_values(tmp_path):
    recording = hsat.read_recording(table(tmp_path, "", stamps("%Y-%m-%d %H:%M:%S"), row="{t};{p};{s}"))
    np.testing.assert_array_equal(spo2_of(recording), SPO2)
    np.testing.assert_array_equal(recording.signal("pulse").values, PULSE)
    assert "column_names" in codes(recording)


def test_map_names_a_column(tmp_path):
    path = table(tmp_path, "Time,SpO2,A,B", stamps("%Y-%m-%d %H:%M:%S"), row="{t},1,{p},{s}")
    recording = hsat.read_recording(path, channel_map={"spo2": "B", "pulse": "A"}, patient="p7", sex="F")
    np.testing.assert_array_equal(spo2_of(recording), SPO2)
    assert recording.subject == hsat.recording.Subject(patient="p7", sex="F")
    with pytest.raises(MissingChannelError, match="no column 'C'"):
        hsat.read_recording(path, channel_map={"spo2": "C"})
    with pytest.raises(HsatError, match="flow"):
        hsat.read_recording(path, channel_map={"flow": "A"})


# ------------------------------------------------------------------------ refusals and the command


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("a,b\n1,2\n", "no EDF or BDF file and no table"),
        ("Time,Pulse\n" + "23:00:00,60\n" * 20, "no EDF or BDF file and no table"),
        ("Time,SpO2\n23:00:00,96\n", "at least 10 rows"),
        ("Time,SpO2\n" + "x,96\n" * 20, "expected a time in every row"),
        ("Time,SpO2\n" + "23:00:00,x\n" * 20, "at least 10 rows"),
        ("Time,SpO2\n" + "".join(f"23:00:{i},x\n" for i in range(10, 40)), "expected numbers"),
        ("Time,SpO2\n" + "".join(f"23:{i}:00,96\n" for i in range(10, 40)), "every 60 s"),
        ("Time,SpO2\n" + "23:10,96\n" * 30 + "23:11,96\n" * 30, "times to the second"),
        ("Time,SpO2\n" + "".join(f"23:00:{i},96\n23:00:{60 - i},96\n" for i in range(10, 30)), "in order"),
        ("Time,SpO2\n" + "".join(f"2026-{i}-01 23:00:00,96\n" for i in range(1, 13)), "7 days"),
        ("Time,SpO2\n" + "".join(f"{i}e-5,96\n" for i in range(30)), "at most one every 0.01 s"),
        (
            "Time,SpO2\n" + "".join(f"{i / 50},96\n" for i in range(30)) + "600000,96\n",
            "at most 5,000,000 places",
        ),
        ("Time,SpO2\n" + "".join(f"9999-12-31 23:59:{i},96\n" for i in range(10, 40)), "no date"),
        ("Time,SpO2\n" + "31/13/2026 23:00:00,96\n13/31/2026 23:00:01,96\n" * 9, "contradict each other"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, capsys, content, words):
    path = tmp_path / "x.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ReadError, match=words) as caught:
        hsat.read_recording(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert main(["score", str(path)]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_a_table_of_another_name_is_known_by_its_content(tmp_path):
    path = table(tmp_path, "Time,SpO2,Pulse", stamps("%Y-%m-%d %H:%M:%S"), name="export.dat")
    assert hsat.read_recording(path).has_signal("spo2")


def test_score_and_inspect_take_a_table(tmp_path, capsys):
    """Six hours at 96 % with a fall by 6 points every 6 minutes: 60 falls, 10 an hour."""
    values = {i: (90 if 40 <= i % 90 < 48 else 96, 60) for i in range(5400)}
    path = tmp_path / "ring.csv"
    rows = [f"{t},{values[i][0]},60,0" for i, t in enumerate(stamps("%H:%M:%S %b %d %Y", 5400))]
    path.write_text("\n".join(["Time,Oxygen Level,Pulse Rate,Motion", *rows]), encoding="utf-8")
    night = hsat.score_night(hsat.read_recording(path))
    assert night.indices.odi3_per_h == pytest.approx(10.0)
    assert night.indices.min_spo2_percent == 90.0
    assert night.indices.ahi_per_h is None
    assert main(["score", str(path)]) == 0
    assert capsys.readouterr().out.startswith("Oximetry only: AHI not measured, ODI3 10.0 /h")
    assert main(["inspect", str(path)]) == 0
    page = capsys.readouterr().out
    assert "Oxygen Level" in page
    assert "CSV" in page


def test_a_recording_is_scored_without_loading_the_reader_of_tables(samples):
    code = (
        "import sys\nfrom hsat.io import read_recording\n"
        f"read_recording({str(samples / 'night-1.edf')!r})\n"
        "sys.exit(any(name.startswith('hsat.io.oximeters') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
