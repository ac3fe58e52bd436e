"""Hypnogram files: every way of writing the same night gives the same stages; bad rows are one line.

The night: from 22:30:00 wake for 60 s, N1 30 s, N2 60 s, N3 30 s, REM 60 s, 30 s not scored, wake 30 s.
Written out by hand in each format.
"""

import os
from dataclasses import replace
from datetime import datetime

import pytest
from breathing_signals import flow_channel, recording_of
from edf_bytes import Header, annotation_channel, build

import hsat
from hsat.errors import HsatError, ReadError
from hsat.hypnogram import Hypnogram, SleepStage, StagedSpan
from hsat.io.stages import find_stage
from hsat.recording import Recording

EXPECTED = (
    (0, 60, "wake"),
    (60, 90, "n1"),
    (90, 150, "n2"),
    (150, 180, "n3"),
    (180, 240, "rem"),
    (240, 270, "unknown"),
    (270, 300, "wake"),
)
EPOCHS = ["W", "W", "N1", "N2", "N2", "N3", "R", "R", "?", "W"]


def recording_from(start_local: datetime | None = datetime(2026, 3, 3, 22, 30)) -> Recording:
    return replace(recording_of(flow_channel(300.0)), start_local=start_local)


def read(
    tmp_path, content: str | bytes, recording: Recording | None = None, name: str = "h.csv"
) -> Hypnogram:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return hsat.read_hypnogram(path, recording)


def table(header: str, rows: list[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


def shifted_clock(seconds: int) -> str:
    hours, rest = divmod(23 * 3600 + 58 * 60 + seconds, 3600)
    return f"{hours % 24:02d}:{rest // 60:02d}:{rest % 60:02d}"


WAYS = {
    "start, stop": table("start_s,stop_s,stage", [f"{a},{b},{c}" for a, b, c in EXPECTED]),
    "start, duration": table("start_s,duration_s,stage", [f"{a},{b - a},{c}" for a, b, c in EXPECTED]),
    "decimal comma": table("start_s;stop_s;stage", [f"{a},0;{b},00;{c}" for a, b, c in EXPECTED]),
    "start alone": table("start_s;stage", [f"{a};{c}" for a, b, c in EXPECTED]),
    "onset, duration, description": table(
        "onset,duration,description",
        [f"{30 * i},30,Sleep stage {stage.removeprefix('N')}" for i, stage in enumerate(EPOCHS)],
    ),
    "other order, other columns": table(
        "stage\tscorer\tstop_s\tstart_s", [f"{c}\tA\t{b}\t{a}" for a, b, c in EXPECTED]
    ),
    "rows out of order": table("start_s,stop_s,stage", [f"{a},{b},{c}" for a, b, c in reversed(EXPECTED)]),
    "a stage a line": "\n".join(EPOCHS),
    "a stage a line, header, end of lines": "stage\r\n" + "\r\n".join(EPOCHS) + "\r\n\r\n",
    "numbers": "\n".join(["0", "0", "1", "2", "2", "3", "5", "5", "9", "0"]),
    "Rechtschaffen and Kales": "\n".join(["W", "W", "S1", "S2", "S2", "S4", "REM", "REM", "MT", "W"]),
    "epochs from 0": table("epoch,stage", [f"{i},{stage}" for i, stage in enumerate(EPOCHS)]),
    "epochs from 1": "\n".join(f"{i + 1},{stage}" for i, stage in enumerate(EPOCHS)),
}


@pytest.mark.parametrize(
    ("stop_s", "minutes"), [(300.0, None), (330.0, None), (331.0, "0.5"), (900.0, "10.0")]
)
def test_more_than_an_epoch_outside_the_recording_is_noted(tmp_path, stop_s, minutes):
    """The recording lasts 300 s."""
    hypnogram = read(tmp_path, f"start_s,stop_s,stage\n0,{stop_s:g},N2\n", recording_from())
    texts = [note.text for note in hypnogram.notes if note.code == "hypnogram_outside"]
    expected = [f"{minutes} min of the hypnogram lie outside the recording and were left out"]
    assert texts == ([] if minutes is None else expected)


@pytest.mark.parametrize("content", WAYS.values(), ids=WAYS)
def test_every_way_of_writing_a_night_gives_its_stages(tmp_path, content):
    hypnogram = read(tmp_path, content)
    found = [(start_s, stop_s, stage.value) for start_s, stop_s, stage in hypnogram.spans]
    assert found == list(EXPECTED)
    assert [note.code for note in hypnogram.notes] == ["hypnogram_from_start"]


def test_what_an_epoch_list_leaves_out_is_not_scored(tmp_path):
    hypnogram = read(
        tmp_path, table("epoch,stage", [f"{i},{stage}" for i, stage in enumerate(EPOCHS) if stage != "?"])
    )
    assert [tuple(span) for span in hypnogram.spans] == [row for row in EXPECTED if row[2] != "unknown"]


@pytest.mark.parametrize(
    ("rows", "start"),
    [
        (
            [f"{shifted_clock(a)},{shifted_clock(b)},{c}" for a, b, c in EXPECTED],
            datetime(2026, 3, 3, 23, 58),
        ),
        (
            [
                f"2026-03-03T22:{30 + a // 60}:{a % 60:02d},2026-03-03 22:{30 + b // 60}:{b % 60:02d},{c}"
                for a, b, c in EXPECTED
            ],
            datetime(2026, 3, 3, 22, 30),
        ),
    ],
    ids=["clock times over midnight", "dates with time"],
)
def test_clock_times_are_placed_by_the_recording(tmp_path, rows, start):
    hypnogram = read(tmp_path, table("start,stop,stage", rows), recording_from(start))
    assert [tuple(span) for span in hypnogram.spans] == list(EXPECTED)
    assert [note.code for note in hypnogram.notes] == ["hypnogram_by_clock"]


def test_a_clock_before_the_recording_is_the_evening_and_not_the_next_one(tmp_path):
    content = table("time,stage", ["22:29:00,W", "22:31:30,N2", "22:34:00,W"])
    hypnogram = read(tmp_path, content, recording_from())
    assert [tuple(span) for span in hypnogram.spans] == [
        (-60.0, 90.0, "wake"),
        (90.0, 240.0, "n2"),
        (240.0, 270.0, "wake"),
    ]


def test_an_exported_sleep_profile(tmp_path):
    lines = ["Signal ID: SchlafProfil\\profil", "Start Time: 3/3/2026 10:29:30 PM", "Rate: 30 s", ""]
    lines += [
        f"03.03.2026 22:{29 + (i + 1) // 2}:{(i + 1) % 2 * 30:02d},000; {stage}"
        for i, stage in enumerate(["Wake", "N1", "REM", "Movement", "A"])
    ]
    hypnogram = read(tmp_path, "\r\n".join(lines), recording_from(), "profile.txt")
    assert [tuple(span) for span in hypnogram.spans] == [
        (-30.0, 0.0, "wake"),
        (0.0, 30.0, "n1"),
        (30.0, 60.0, "rem"),
        (60.0, 120.0, "unknown"),
    ]


def edf_hypnogram(time: str = "22.29.00") -> bytes:
    texts = [b"+0\x14\x14\0"]
    texts += [
        f"+{a + 60}\x15{b - a}\x14Sleep stage {word}\x14\0".encode()
        for (a, b, _), word in zip(EXPECTED, "W123R?W", strict=True)
    ]
    texts += [b"+70\x15\x31\x32\x14Obstructive apnea\x14\0", b"+80\x14Recording starts\x14\0"]
    header = Header(
        reserved="EDF+C", duration="0", date="03.03.26", time=time, recording="Startdate 03-MAR-2026 X X X"
    )
    return build(header, [annotation_channel([b"".join(texts)], n_bytes=600)])


def test_edf_annotations_are_placed_by_both_clocks(tmp_path):
    hypnogram = read(tmp_path, edf_hypnogram(), recording_from(), "h.edf")
    assert [tuple(span) for span in hypnogram.spans] == list(EXPECTED)
    assert hypnogram.notes[0].code == "hypnogram_by_clock"
    assert "1.0 min before" in hypnogram.notes[0].text


def test_edf_annotations_without_a_clock_begin_with_the_recording(tmp_path):
    hypnogram = read(tmp_path, edf_hypnogram(), recording_from(None), "h.edf")
    assert [tuple(span) for span in hypnogram.spans] == [(a + 60, b + 60, c) for a, b, c in EXPECTED]
    assert hypnogram.notes[0].code == "hypnogram_from_start"


@pytest.mark.parametrize(
    ("words", "stage"),
    [
        ("W wake Awake 0", "wake"),
        ("N1 S1 1 nrem1", "n1"),
        ("n2 s2 2", "n2"),
        ("N3 N4 S3 S4 3 4", "n3"),
        ("R REM rem 5", "rem"),
        ("sleep", "sleep"),
        ("? M MT -1 6 9", "unknown"),
    ],
)
def test_words_of_every_vocabulary(words, stage):
    for word in words.split():
        assert find_stage(word) is SleepStage(stage)
        assert find_stage(f" Sleep_stage  {word} ") is SleepStage(stage)


@pytest.mark.parametrize("word", ["", "N5", "7", "apnea", "stage", "sleep stage", "W1", "nan"])
def test_any_other_word_is_no_stage(word):
    assert find_stage(word) is None


def test_a_4_without_a_5_may_be_rem_elsewhere_and_is_noted(tmp_path):
    assert "hypnogram_coding" in [note.code for note in read(tmp_path, "0\n2\n4\n").notes]
    assert "hypnogram_coding" not in [note.code for note in read(tmp_path, "0\n4\n5\n").notes]


BAD = {
    "": "got an empty file",
    "a,b,c\n1,2,3\n": "line 1: expected a header line with start_s",
    "stop_s,stage\n1,W\n": "line 1: expected a column start_s",
    "start_s,stop_s,stage\n": "expected rows below the header line",
    "start_s,stop_s,stage\n0,30,W\n30,60,foo\n": "line 3: expected a stage such as W, N1, N2, N3, R or ?",
    "start_s,stop_s,stage\n0,30,W\n30,x,N1\n": "line 3: expected seconds, HH:MM:SS",
    "start_s,stop_s,stage\n0,30,W\n30,nan,N1\n": "line 3: expected seconds, HH:MM:SS",
    "start_s,stop_s,stage\n0,30,W\n30,30,N1\n": "line 3: expected a stop after the start",
    "start_s,stop_s,stage\n0,30,W\n28,60,N1\n": "line 3: expected a start from 30 s on",
    "start_s,stop_s,stage\n0,30,W\n30\n": "line 3: expected 3 cells, got 1",
    "start_s,duration_s,stage\n0,0:30,W\n": "line 2: expected a number of seconds, got '0:30'",
    "start,stop,stage\n22:30:00,22:31:00,W\n60,90,W\n": "line 3: expected a time written as in",
    "start,stage\n22:31:00,W\n22:30:00,N1\n": "line 3: expected clock times in order",
    "start,stage\n25:00:00,W\n": "line 2: expected seconds, HH:MM:SS",
    "start,stage\n2026-03-03T22:30:00+01:00,W\n": "without time zone",
    "start_s,stage\n400,W\n": "lies outside the recording: from 400 s to 430 s",
    "start_s,stop_s,stage\n-90,0,W\n": "lies outside the recording",
    "W\n\nN1\n": "line 2: expected a stage, got an empty line",
    "epoch,stage\n1,W\n1,N1\n": "line 3: expected a start from 30 s on",
    "epoch,stage\n1.5,W\n": "line 2: expected the number of an epoch, got '1.5'",
    f"epoch,stage\n{'9' * 5000},W\n": "line 2: expected the number of an epoch, got '999",
    "Signal ID: x\nRate: 30 s\n": "expected rows such as 'DD.MM.YYYY",
}


@pytest.mark.parametrize(("content", "message"), BAD.items())
def test_a_bad_row_is_one_line_with_file_line_and_what_is_allowed(tmp_path, content, message):
    with pytest.raises(ReadError) as caught:
        read(tmp_path, content, recording_from())
    text = str(caught.value)
    assert text.startswith(f"hypnogram {tmp_path / 'h.csv'}")
    assert message in text
    assert "\n" not in text
    assert len(text) < 300 + len(str(tmp_path))


def test_clock_times_need_a_recording_that_knows_its_start(tmp_path):
    for recording in (None, recording_from(None)):
        with pytest.raises(ReadError, match="needs the clock of a recording"):
            read(tmp_path, "start,stage\n22:30:00,W\n", recording)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.csv", "No such file or directory"),
        (".", "got a folder"),
        ("pipe", "got no regular file"),
        ("long.csv", "of at most 4 MiB, got 4.0 MiB"),
        ("a\0b.csv", "null"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, name, message):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long.csv").write_bytes(b"W\n" * 2_097_153)
    with pytest.raises(ReadError, match=message) as caught:
        hsat.read_hypnogram(f"{tmp_path}/{name}")
    assert str(caught.value).startswith("hypnogram ")


def test_a_recording_given_for_a_hypnogram_is_one_line(tmp_path):
    with pytest.raises(ReadError, match=r"h\.csv, line \d: expected a stage") as caught:
        read(tmp_path, bytes(range(256)) * 40)
    assert str(caught.value).isprintable()


def test_a_table_as_spreadsheets_save_it_in_utf16(tmp_path):
    hypnogram = read(tmp_path, WAYS["start, stop"].replace(",", "\t").encode("utf-16"))
    assert [tuple(span) for span in hypnogram.spans] == list(EXPECTED)


def test_an_edf_without_stages_says_what_is_missing(tmp_path):
    content = build(Header(reserved="EDF+C", duration="0"), [annotation_channel([b"+0\x14\x14\0"])])
    with pytest.raises(ReadError, match="expected EDF\\+ annotations such as 'Sleep stage N2', got none"):
        read(tmp_path, content, None, "h.edf")


def test_spans_made_in_python_are_checked():
    wake = StagedSpan(0.0, 30.0, SleepStage.WAKE)
    with pytest.raises(HsatError, match="in order of time"):
        Hypnogram(spans=(wake, StagedSpan(29.0, 60.0, SleepStage.N1)))
    with pytest.raises(HsatError, match="stop after they start"):
        Hypnogram(spans=(StagedSpan(0.0, float("nan"), SleepStage.N1),))


@pytest.mark.parametrize(("number", "n_epochs"), [("AP01", 912), ("AP03", 850)])
def test_an_exported_profile_lies_on_its_recording(shared_data, number, n_epochs):
    """The files list one stage every 30 s; AP01 starts with its recording, AP03 in the epoch before."""
    folder = shared_data / "real" / "ap"
    path = next(folder.glob(f"{number} Sleep profile*"))
    recording = hsat.read_recording(folder / f"{number}.edf")
    hypnogram = hsat.read_hypnogram(path, recording)
    assert -30.0 < hypnogram.spans[0].start_s <= 0.0
    assert hypnogram.spans[-1].stop_s == pytest.approx(recording.duration_s, abs=30.0)
    assert sum(span.stop_s - span.start_s for span in hypnogram.spans) == 30.0 * n_epochs


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_any_usual_encoding_is_read_with_its_mark_or_without(tmp_path, encoding):
    hypnogram = read(tmp_path, WAYS["start, stop"].encode(encoding))
    assert [tuple(span) for span in hypnogram.spans] == list(EXPECTED)


def test_broken_utf16_is_one_line(tmp_path):
    with pytest.raises(ReadError, match=r"h\.csv: expected text, got broken UTF-16$"):
        read(tmp_path, b"\xff\xfe" + "start_s;stage".encode("utf-16-le") + b"\x00\xd8\x41")


def test_more_rows_than_any_night_has_are_refused_at_once(tmp_path):
    with pytest.raises(ReadError, match=r"h\.csv: expected at most 100,000 rows, got 100,001"):
        read(tmp_path, "W\n" * 100_001)
