"""Reading EDF and BDF files: the odd ones, and small ones made here with one oddity each."""

import dataclasses
import pickle
import re
from datetime import datetime

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping

from hsat.errors import ReadError
from hsat.io.edf import read_edf

RNG = np.random.default_rng(7)
N_RECORDS = 12
RAMP = np.arange(N_RECORDS * 10).reshape(N_RECORDS, 10) * 37 - 2000


def written(tmp_path, header=None, channels=None, *, name="a.edf", is_bdf=False):
    path = tmp_path / name
    channels = [Channel(label="Flow", stored=RAMP)] if channels is None else channels
    path.write_bytes(build(header or Header(), channels, is_bdf=is_bdf))
    return path


def stored(edf, index):
    """All samples of a channel from its blocks, and the places they claim."""
    values, places = [], []
    for block in edf.source.blocks([index]):
        values.append(np.array(block.stored).reshape(-1))
        places.append(block.first_sample + np.arange(block.stored.size))
    return np.concatenate(values or [np.empty(0)]), np.concatenate(places or [np.empty(0)])


def codes(edf):
    return {note.code for note in edf.notes}


def odd_rows(shared_data):
    """Rows of the README's table: file name and the facts of its last column."""
    text = (shared_data / "odd" / "README.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): row[-1].strip() for row in rows}


def test_odd_files_give_what_their_table_says(shared_data):
    rows = odd_rows(shared_data)
    assert len(rows) == 34
    for name, facts in rows.items():
        path = shared_data / "odd" / name
        if facts == "nothing in it may pass as a signal":
            with pytest.raises(ReadError, match="re-encoded"):
                read_edf(path)
            continue
        edf = read_edf(path)
        form, rest = facts.split(",", 1)
        n_records, duration = re.search(r"(\d+) records of ([\d.]+) s", rest).groups()
        n_signals = int(re.search(r"(\d+) signal channels", rest).group(1))
        n_annotations = int(re.search(r"(\d+) annotations", rest).group(1))
        start = re.search(r"start ([^;]+)", rest).group(1)
        total_s = float(re.search(r"; duration ([\d.]+) s", rest).group(1))
        n_gaps = int(re.search(r"(\d+) gaps", rest).group(1))
        assert edf.format == form, name
        assert edf.n_records == int(n_records), name
        assert edf.record_duration_s == pytest.approx(float(duration), rel=1e-4), name
        n_shown = sum(not c.is_annotation for c in edf.channels)
        assert n_signals in (n_shown, sum(c.is_signal for c in edf.channels)), name
        assert len(edf.annotations) == n_annotations, name
        assert edf.duration_s == pytest.approx(total_s, rel=1e-5), name
        assert len(edf.gaps_s) == n_gaps, name
        if start == "unknown":
            assert edf.start_local is None, name
        else:
            assert edf.start_local.replace(microsecond=0) == datetime.fromisoformat(start), name


def test_gaps_of_the_discontinuous_night_are_kept(shared_data):
    edf = read_edf(shared_data / "odd" / "gaps-whole.edf")
    assert edf.gaps_s.tolist() == [[300.0, 900.0], [1500.0, 1502.0]]
    _, places = stored(edf, 0)
    expected = np.concatenate([np.arange(0, 300), np.arange(900, 1500), np.arange(1502, 1802)])
    np.testing.assert_array_equal(np.unique(places // 25), expected)


@pytest.mark.parametrize(
    "name",
    ["truncated-in-a-record.edf", "count-too-small.edf", "decimal-comma.edf", "edfize--invalid-date.edf",
     "Alvw-EdfLib--ekg.edf.vb2902fc", "resmed-cpaplib--20230822_224924_BRP.edf"],
)  # fmt: skip
def test_no_repair_is_silent(shared_data, name):
    assert read_edf(shared_data / "odd" / name).notes


def test_sane_file_needs_no_note(tmp_path):
    edf = read_edf(written(tmp_path))
    assert edf.notes == ()
    assert (edf.format, edf.n_records, edf.duration_s) == ("EDF", N_RECORDS, 12.0)
    assert edf.start_local == datetime(2026, 3, 3, 22, 30)
    np.testing.assert_array_equal(stored(edf, 0)[0], RAMP.reshape(-1))


def test_bdf_keeps_all_24_bits(tmp_path):
    extremes = np.array([[-8388608, 8388607, -1, 0, 1, 65536, -65537, 255]] * 3)
    path = written(
        tmp_path,
        Header(version=b"\xffBIOSEMI", reserved="24BIT"),
        [Channel(label="Flow", stored=extremes)],
        is_bdf=True,
    )
    edf = read_edf(path)
    assert edf.format == "BDF"
    np.testing.assert_array_equal(stored(edf, 0)[0], extremes.reshape(-1))


@pytest.mark.parametrize(
    ("count", "code"), [("-1", "record_count_unknown"), ("99", "truncated"), ("many", "record_count_unknown")]
)
def test_wrong_record_count_uses_what_is_there(tmp_path, count, code):
    edf = read_edf(written(tmp_path, Header(n_records=count)))
    assert edf.n_records == N_RECORDS
    assert code in codes(edf)


def test_count_too_small_follows_the_header_and_says_so(tmp_path):
    edf = read_edf(written(tmp_path, Header(n_records="5")))
    assert edf.n_records == 5
    note = next(note for note in edf.notes if note.code == "trailing_bytes")
    assert "7 more" in note.text


def test_cut_last_record_is_left_out(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-7])
    edf = read_edf(path)
    assert edf.n_records == N_RECORDS - 1
    assert {"truncated", "cut_record"} <= codes(edf)
    np.testing.assert_array_equal(stored(edf, 0)[0], RAMP[:-1].reshape(-1))


def test_header_alone_is_a_file_of_no_length(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:512])
    edf = read_edf(path)
    assert (edf.n_records, edf.duration_s) == (0, 0.0)
    assert "no_data" in codes(edf)
    assert list(edf.source.blocks([0])) == []


@pytest.mark.parametrize(
    ("date", "recording", "expected"),
    [
        pytest.param("31.12.84", "", datetime(2084, 12, 31, 22, 30), id="clipping-year-84"),
        pytest.param("31.12.85", "", datetime(1985, 12, 31, 22, 30), id="clipping-year-85"),
        pytest.param("29.02.28", "", datetime(2028, 2, 29, 22, 30), id="leap-day"),
        pytest.param("29.02.27", "", None, id="no-leap-day"),
        pytest.param("00.00.00", "", None, id="no-date"),
        pytest.param(
            "yy.yy.yy", "Startdate 05-MAY-2099 X X X", datetime(2099, 5, 5, 22, 30), id="edf-plus-date"
        ),
        pytest.param("05.05.99", "Startdate 05-MAY-2099 X X X", datetime(2099, 5, 5, 22, 30), id="full-year"),
        pytest.param("05.05.26", "Startdate 06-MAY-2026 X X X", datetime(2026, 5, 5, 22, 30), id="two-dates"),
    ],
)
def test_start_date(tmp_path, date, recording, expected):
    assert read_edf(written(tmp_path, Header(date=date, recording=recording))).start_local == expected


def test_colons_in_the_time_are_read_with_a_note(tmp_path):
    edf = read_edf(written(tmp_path, Header(time="22:30:01")))
    assert edf.start_local == datetime(2026, 3, 3, 22, 30, 1)
    assert "start_format" in codes(edf)


def test_impossible_time_leaves_the_start_unknown(tmp_path):
    edf = read_edf(written(tmp_path, Header(time="24.00.00")))
    assert edf.start_local is None
    assert "start_unknown" in codes(edf)


def test_decimal_commas_are_read_with_a_note(tmp_path):
    channel = Channel(label="Flow", stored=RAMP, physical=("-2,5", "3,5"))
    edf = read_edf(written(tmp_path, Header(duration="0,5"), [channel]))
    assert (edf.record_duration_s, edf.channels[0].physical_min, edf.channels[0].physical_max) == (
        0.5,
        -2.5,
        3.5,
    )
    assert "header_number" in codes(edf)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("Débit", "Débit", id="latin-1"),
        pytest.param("Débit".encode(), "Débit", id="utf-8"),
        pytest.param("Impédance élé".encode()[:16], "Impédance élé"[:14], id="utf-8-cut"),
        pytest.param(b"Flow\0junk", "Flow", id="nul"),
        pytest.param(b"Fl\x1b[31mow", "Fl?[31mow", id="escape"),
    ],
)
def test_label_bytes(tmp_path, raw, expected):
    edf = read_edf(written(tmp_path, channels=[Channel(label=raw, stored=RAMP)]))
    assert edf.channels[0].label == expected


def test_names_are_gone_after_reading(tmp_path):
    header = Header(
        patient="MCH-0234 F 02-MAY-1951 Haagse_Harry",
        recording="Startdate 03-MAR-2026 PSG-1 NN_Tech Recorder_77",
    )
    edf = read_edf(written(tmp_path, header))
    assert (edf.subject.code, edf.subject.sex, edf.subject.age_years) == ("MCH-0234", "F", 74.0)
    assert edf.equipment == "Recorder_##"
    # What tells recorders apart is a keyed hash, made anew in each process: any digits may be in it.
    kept = pickle.dumps(dataclasses.replace(edf, path="a.edf", recorder=None))
    for secret in ("Haagse", "1951", "PSG-1", "NN_Tech", "77"):
        assert secret.encode() not in kept
    assert "MCH-0234" not in repr(edf)


# --- EDF+ clocks -----------------------------------------------------------------------------------


def plus(tmp_path, onsets, *, reserved="EDF+D", duration="1", texts=None, n_bytes=60):
    lists = texts or time_keeping(onsets)
    ramp = RAMP[: len(lists)]
    channels = [Channel(label="Flow", stored=ramp), annotation_channel(lists, n_bytes=n_bytes)]
    return written(tmp_path, Header(reserved=reserved, duration=duration), channels)


def test_gaps_stay_gaps(tmp_path):
    edf = read_edf(plus(tmp_path, ["+0", "+1", "+2", "+7", "+8", "+100.25"]))
    assert edf.gaps_s.tolist() == [[3.0, 7.0], [9.0, 100.25]]
    values, places = stored(edf, 0)
    np.testing.assert_array_equal(values, RAMP[:6].reshape(-1))
    np.testing.assert_array_equal(places[::10], [0, 10, 20, 70, 80, 1002])


def test_no_block_spans_a_gap_and_blocks_do_not_overlap(tmp_path):
    edf = read_edf(plus(tmp_path, ["+0", "+1.005", "+2.0", "+3.3", "+4.3", "+10.01", "+11.02"]))
    stops = 0
    for block in edf.source.blocks([0]):
        assert block.first_sample >= stops
        stops = block.first_sample + block.stored.size
    assert stops == edf.source.n_samples(0)


def test_jitter_of_hundredths_is_no_gap(tmp_path):
    assert len(read_edf(plus(tmp_path, ["+0", "+1.004", "+1.996", "+3.01"])).gaps_s) == 0


def test_slow_drift_does_not_add_up(tmp_path):
    edf = read_edf(plus(tmp_path, [f"+{i * 1.004:.3f}" for i in range(12)]))
    last = edf.segments[-1]
    assert last.start_s + (last.n_records - 1) == pytest.approx(11 * 1.004, abs=0.0101)


def test_repeated_record_is_left_out_with_a_note(tmp_path):
    edf = read_edf(plus(tmp_path, ["+0", "+1", "+2", "+2", "+3", "+4"]))
    assert "records_overlap" in codes(edf)
    np.testing.assert_array_equal(stored(edf, 0)[0], RAMP[[0, 1, 2, 4, 5]].reshape(-1))


def test_onsets_that_run_backwards_are_refused(tmp_path):
    with pytest.raises(ReadError, match="onsets"):
        read_edf(plus(tmp_path, ["+50", "+40", "+30", "+20", "+10", "+0"]))


def test_absurd_onset_costs_its_own_record_and_allocates_nothing(tmp_path):
    edf = read_edf(plus(tmp_path, ["+0", "+1", "+99999999999", "+3", "+4"]))
    assert "records_overlap" in codes(edf)
    assert edf.duration_s == 5.0
    assert edf.source.n_samples(0) == 50


@pytest.mark.parametrize(("gap_s", "is_kept"), [(259_199.99, True), (259_200, True), (259_200.02, False)])
def test_record_more_than_three_days_later_is_left_out(tmp_path, gap_s, is_kept):
    edf = read_edf(plus(tmp_path, ["+0", "+1", f"+{2 + gap_s:.2f}"]))
    assert ("records_far_away" in codes(edf)) is not is_kept
    assert edf.duration_s == pytest.approx(3.0 + gap_s if is_kept else 2.0)


def test_first_onset_below_a_second_moves_the_start(tmp_path):
    edf = read_edf(plus(tmp_path, ["+0.394531", "+1.394531"], reserved="EDF+C"))
    assert edf.start_local == datetime(2026, 3, 3, 22, 30, 0, 394531)
    assert (edf.duration_s, len(edf.gaps_s)) == (2.0, 0)


def test_annotations_count_from_the_first_record(tmp_path):
    texts = [
        b"+0.5\x14\x14\0+1.25\x1510.5\x14Apn\xc3\xa9e\x14second\x14\0",
        b"+1.5\x14\x14\0",
        b"+2.5\x14lights off\x14\0",
    ]
    edf = read_edf(plus(tmp_path, [], texts=texts, reserved="EDF+C"))
    assert [tuple(a) for a in edf.annotations] == [
        (0.75, 10.5, "Apnée"), (0.75, 10.5, "second"), (2.0, None, "lights off")
    ]  # fmt: skip


def test_time_keeping_is_no_annotation_even_with_many_records(tmp_path):
    lists = time_keeping([f"+{i}" for i in range(3000)])
    lists[2000] = lists[2000] + b"+5\x14mark\x14\0"
    channels = [Channel(label="Flow", stored=np.zeros((3000, 1))), annotation_channel(lists, n_bytes=24)]
    edf = read_edf(written(tmp_path, Header(reserved="EDF+C"), channels))
    assert [tuple(a) for a in edf.annotations] == [(5.0, None, "mark")]


def test_annotation_list_that_fills_its_record(tmp_path):
    lists = [b"+0\x14\x14\0+0\x14abcd\x14\0", b"+1\x14\x14\0+1\x14efghi\x14"]
    edf = read_edf(plus(tmp_path, [], texts=lists, reserved="EDF+C", n_bytes=14))
    assert [a.text for a in edf.annotations] == ["abcd", "efghi"]


def test_hidden_gap_in_a_file_that_says_continuous(tmp_path):
    edf = read_edf(plus(tmp_path, ["+0", "+1", "+60", "+61"], reserved="EDF+C"))
    assert edf.gaps_s.tolist() == [[2.0, 60.0]]
    assert "hidden_gaps" in codes(edf)


def test_discontinuous_without_onsets_is_noted(tmp_path):
    edf = read_edf(written(tmp_path, Header(reserved="EDF+D")))
    assert edf.duration_s == 12.0
    assert "record_onsets" in codes(edf)


def test_annotations_in_plain_edf_are_read(tmp_path):
    edf = read_edf(plus(tmp_path, [], texts=[b"+0\x14\x14\0+1\x14x\x14\0", b"+1\x14\x14\0"], reserved=""))
    assert edf.format == "EDF"
    assert len(edf.annotations) == 1


def test_records_without_duration_take_it_from_their_onsets(tmp_path):
    edf = read_edf(plus(tmp_path, ["+0", "+2", "+4", "+6"], duration="0"))
    assert edf.record_duration_s == 2.0
    assert "record_duration" in codes(edf)


# --- blocks ----------------------------------------------------------------------------------------


def test_channels_beside_a_huge_one_are_read_alone(tmp_path):
    """One channel takes nearly the whole record: both ways of reading give the same samples."""
    channels = [
        Channel(label="Flow", stored=RAMP),
        Channel(label="Audio", stored=RNG.integers(-30000, 30000, (N_RECORDS, 40_000))),
        Channel(label="SpO2", stored=RAMP[:, :3] + 1),
    ]
    edf = read_edf(written(tmp_path, channels=channels))
    blocks = [(b.position, np.array(b.stored)) for b in edf.source.blocks([2, 0])]
    np.testing.assert_array_equal(np.concatenate([b for p, b in blocks if p == 0]), channels[2].stored)
    np.testing.assert_array_equal(np.concatenate([b for p, b in blocks if p == 1]), RAMP)
    np.testing.assert_array_equal(stored(edf, 1)[0], channels[1].stored.reshape(-1))


@pytest.mark.parametrize("is_bdf", [False, True])
def test_record_larger_than_the_buffer(tmp_path, is_bdf):
    large = RNG.integers(-30000, 30000, (2, 700_001 if not is_bdf else 400_001))
    header = Header(version=b"\xffBIOSEMI" if is_bdf else b"0", duration="1000")
    edf = read_edf(written(tmp_path, header, [Channel(label="Flow", stored=large)], is_bdf=is_bdf))
    values, places = stored(edf, 0)
    np.testing.assert_array_equal(values, large.reshape(-1))
    np.testing.assert_array_equal(places, np.arange(large.size))


def test_blocks_of_many_records_are_views_of_bounded_size(tmp_path):
    many = RNG.integers(-99, 99, (40_000, 20)).astype(np.int16)
    edf = read_edf(
        written(tmp_path, channels=[Channel(label="Flow", stored=many), Channel(label="X", stored=many)])
    )
    sizes = [b.stored.nbytes for b in edf.source.blocks([1])]
    assert len(sizes) > 1
    assert max(sizes) <= 1 << 20
    np.testing.assert_array_equal(stored(edf, 1)[0], many.reshape(-1))


def test_source_survives_pickling_and_closes_its_file(tmp_path):
    edf = read_edf(written(tmp_path))
    copy = pickle.loads(pickle.dumps(edf))
    np.testing.assert_array_equal(stored(copy, 0)[0], RAMP.reshape(-1))
    blocks = edf.source.blocks([0])
    next(blocks)
    blocks.close()  # an unclosed file would be a ResourceWarning, and warnings are errors


def test_file_that_shrinks_while_read_is_an_error(tmp_path):
    path = written(tmp_path)
    edf = read_edf(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ReadError, match="shorter"):
        list(edf.source.blocks([0]))
    path.unlink()
    with pytest.raises(ReadError, match="No such file"):
        list(edf.source.blocks([0]))
