"""Clocks of oximeter tables: units, zones, summer time, clocks that were never set, several nights a file.

Rows are written here by hand; expected values are those that were written.
"""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest

import hsat
from hsat.cli.main import main
from hsat.errors import ReadError

START = datetime(2026, 8, 13, 23, 50)
N = 600


def read(tmp_path, header, rows, name="night.csv"):
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return hsat.read_recording(path)


def spo2_at(i):
    return 90 + i % 8


def clocks(form, *, n=N, step_s=4, start=START):
    return [(start + timedelta(seconds=step_s * i)).strftime(form) for i in range(n)]


def read_times(tmp_path, times, header="Time,SpO2,Pulse", **more):
    return read(tmp_path, header, [f"{t},{spo2_at(i)},60" for i, t in enumerate(times)], **more)


def note_texts(recording):
    return {note.code: note.text for note in recording.notes}


@pytest.mark.parametrize(
    ("name", "per_s", "word"),
    [
        ("Time (min)", 1 / 60, "minutes"),
        ("Elapsed minutes", 1 / 60, "minutes"),
        ("Time [h]", 1 / 3600, "hours"),
        ("time_ms", 1000, "milliseconds"),
        ("Time (ms)", 1000, "milliseconds"),
        ("Time (s)", 1, "seconds"),
        ("Time", 1, "seconds"),
    ],
)
def test_numbers_count_what_the_name_of_their_column_says(tmp_path, name, per_s, word):
    recording = read_times(tmp_path, [f"{4 * i * per_s:.9g}" for i in range(N)], f"{name},SpO2,Pulse")
    assert recording.duration_s == pytest.approx(4 * N)
    np.testing.assert_array_equal(recording.signal("spo2").values, [spo2_at(i) for i in range(N)])
    assert word in note_texts(recording)["start_unknown"]


def test_milliseconds_since_1970_keep_their_meaning_whatever_the_name(tmp_path):
    for name in ("Time", "Time (ms)"):
        times = [str(1_786_000_000_000 + 4000 * i) for i in range(N)]
        recording = read_times(tmp_path, times, f"{name},SpO2,Pulse")
        assert recording.duration_s == 4 * N
        assert "1970" in note_texts(recording)["start_unknown"]


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S UTC",
        "%Y-%m-%d %H:%M:%S GMT",
        "%Y-%m-%d %H:%M:%S CEST",
        "%m/%d/%Y %I:%M:%S %p EST",
        "%a %b %d %Y %H:%M:%S GMT+0200 (CEST)",
        "%H:%M:%S OCT 13 2026",  # no zone, though it looks like one
    ],
)
def test_names_of_zones_do_not_hide_the_clock(tmp_path, form):
    recording = read_times(tmp_path, clocks(form, n=100))
    month = 10 if "OCT" in form else 8
    assert recording.start_local == START.replace(month=month)
    assert recording.duration_s == 400


def test_a_clock_that_was_never_set_is_unknown(tmp_path):
    recording = read_times(tmp_path, clocks("%Y-%m-%d %H:%M:%S", start=datetime(1970, 1, 1, 0, 3)))
    assert recording.start_local is None
    assert "was not set" in note_texts(recording)["start_unknown"]
    assert recording.duration_s == 4 * N


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%H:%M:%S"])
def test_24_00_is_the_end_of_the_day_before(tmp_path, form):
    times = clocks(form)
    after = [i for i, t in enumerate(times) if " 00:" in f" {t}" and (" 00:0" in f" {t}")]
    for i in after:
        at = START + timedelta(seconds=4 * i)
        times[i] = (at - timedelta(days=1)).strftime(form.replace("%H", "24"))
    assert len(after) == 150  # from midnight to 00:10
    recording = read_times(tmp_path, times)
    assert (recording.duration_s, len(recording.gaps_s)) == (4 * N, 0)


def spring(before, after, *, n=500, step_s=4):
    """Rows up to ``before`` and rows from ``after`` on."""
    first = before - timedelta(seconds=step_s * (n - 1))
    form = "%Y-%m-%d %H:%M:%S"
    return clocks(form, n=n, step_s=step_s, start=first) + clocks(form, n=n, step_s=step_s, start=after)


@pytest.mark.parametrize(("day", "hour"), [((2026, 3, 29), 2), ((2026, 3, 8), 2), ((2026, 3, 29), 1)])
def test_the_hour_that_summer_time_leaves_out_is_no_gap(tmp_path, day, hour):
    full = datetime(*day, hour)
    recording = read_times(tmp_path, spring(full - timedelta(seconds=4), full + timedelta(hours=1)))
    assert (recording.duration_s, len(recording.gaps_s)) == (4000.0, 0)
    assert "clock_turned_forward" in note_texts(recording)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (datetime(2026, 3, 30, 1, 59, 56), datetime(2026, 3, 30, 3, 0)),  # a Monday
        (datetime(2026, 3, 29, 1, 39, 56), datetime(2026, 3, 29, 2, 40)),  # no full hour
        (datetime(2026, 3, 29, 4, 59, 56), datetime(2026, 3, 29, 6, 0)),  # no hour at which clocks turn
        (datetime(2026, 3, 29, 1, 59, 56), datetime(2026, 3, 29, 3, 0, 20)),  # longer than an hour
    ],
)
def test_any_other_hour_without_rows_is_a_gap(tmp_path, before, after):
    recording = read_times(tmp_path, spring(before, after))
    assert len(recording.gaps_s) == 1
    assert "clock_turned_forward" not in note_texts(recording)


def test_a_table_of_several_nights_is_a_recording_a_night(tmp_path):
    rows = []
    for day in range(3):
        times = clocks("%Y-%m-%d %H:%M:%S", n=3000, start=START + timedelta(days=day))
        rows += [f"{t},{91 + day},60" for i, t in enumerate(times) if not 100 <= i < 110]
    read(tmp_path, "Time,SpO2,Pulse", rows)
    nights = hsat.read_nights(tmp_path / "night.csv")
    assert [night.start_local for night in nights] == [START + timedelta(days=day) for day in range(3)]
    for day, night in enumerate(nights):
        assert (night.duration_s, night.gaps_s.tolist()) == (12_000.0, [[400.0, 440.0]])
        spo2 = night.signal("spo2").values
        assert np.flatnonzero(np.isnan(spo2)).tolist() == list(range(100, 110))
        assert set(spo2[np.isfinite(spo2)]) == {91.0 + day}
        assert note_texts(night)["split_at_noon"].endswith(f"night {day + 1} of 3")


@pytest.mark.parametrize("decimals", ["5", "05", "50", "00"])
def test_decimal_commas_between_commas_are_refused_not_read_as_the_next_column(tmp_path, decimals):
    rows = [
        f"{t},95,{decimals if i % 5 else '07'},6{i % 9},2" for i, t in enumerate(clocks("%Y-%m-%d %H:%M:%S"))
    ]
    with pytest.raises(ReadError, match="decimal commas between commas"):
        read(tmp_path, "Time,SpO2,Pulse", rows)


@pytest.mark.parametrize("last", ["0", "1", ""])
def test_a_column_without_a_name_behind_the_others_does_no_harm(tmp_path, last):
    rows = [f"{t},{spo2_at(i)},60,{last}" for i, t in enumerate(clocks("%Y-%m-%d %H:%M:%S"))]
    recording = read(tmp_path, "Time,SpO2,Pulse", rows)
    assert set(recording.signal("pulse").values) == {60.0}


def test_zeros_and_ones_are_no_fractions(tmp_path):
    rows = [f"{t},{i % 2},60" for i, t in enumerate(clocks("%Y-%m-%d %H:%M:%S"))]
    recording = read(tmp_path, "Time,SpO2,Pulse", rows)
    assert np.nanmax(recording.signal("spo2").values) == 1.0
    assert "spo2_scale" not in note_texts(recording)


@pytest.mark.parametrize("n_decimals", [3, 4, 5])
def test_times_of_few_decimals_do_not_change_the_interval(tmp_path, n_decimals):
    times = [
        f"{4 * i / 60:.{n_decimals}f}" for i in range(6000)
    ]  # steps of 4.02 and 3.96 s, written in minutes
    recording = read_times(tmp_path, times, "Time (min),SpO2,Pulse")
    assert recording.signal("spo2").rate_hz == 0.25
    np.testing.assert_array_equal(recording.signal("spo2").values, [spo2_at(i) for i in range(6000)])


def test_inspection_counts_no_gap_as_missing(tmp_path, capsys):
    first, second = (
        clocks("%Y-%m-%d %H:%M:%S", n=300),
        clocks("%Y-%m-%d %H:%M:%S", n=300, start=START.replace(hour=23, minute=59) + timedelta(hours=2)),
    )
    rows = [f"{t},{'--' if i < 30 else spo2_at(i)},60" for i, t in enumerate(first + second)]
    read(tmp_path, "Time,SpO2,Pulse", rows)
    assert main(["inspect", str(tmp_path / "night.csv"), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["n_records"], len(shown["gaps_s"])) == (600, 1)
    assert [c["quality"]["missing_percent"] for c in shown["channels"]] == [5.0, 0.0]  # 30 of 600 rows
