"""What the header says twice mends itself; onsets that contradict each other; other files' names.

All files are written here from the specification, so what a right reader has to give is known.
"""

from datetime import datetime

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping

from hsat.errors import ReadError
from hsat.io.edf import read_edf

N = 30
STORED = np.random.default_rng(5).integers(-2000, 2000, (N, 10))
SECONDS = [f"+{i}" for i in range(N)]
LATE = [f"+{i + (100 if i >= 20 else 0)}" for i in range(N)]


def flow(**fields):
    return Channel(**{"label": "Flow", "stored": STORED, **fields})


def read(tmp_path, raw, name="a.edf"):
    path = tmp_path / name
    path.write_bytes(raw)
    return read_edf(path)


def plus(lists, *, reserved="EDF+D", duration="1", label="EDF Annotations"):
    channels = [flow(stored=STORED[: len(lists)]), annotation_channel(lists, label=label)]
    return build(Header(reserved=reserved, duration=duration), channels)


def codes(edf):
    return {note.code for note in edf.notes}


def samples(edf, index=0):
    blocks = [np.array(b.stored).reshape(-1) for b in edf.source.blocks([index])]
    return np.concatenate(blocks or [np.empty(0)])


# --- the header ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", ["0", "-1", "2", "9999", "x", ""])
def test_wrong_channel_count_is_mended_by_the_header_size(tmp_path, count):
    raw = bytearray(build(Header(), [flow()]))
    raw[252:256] = count.encode().ljust(4)
    edf = read(tmp_path, bytes(raw))
    assert "channel_count" in codes(edf)
    np.testing.assert_array_equal(samples(edf), STORED.reshape(-1))


@pytest.mark.parametrize("size", ["0", "256", "511", "513", "99999999", "-1", "abc"])
def test_wrong_header_size_is_mended_by_the_channel_count(tmp_path, size):
    edf = read(tmp_path, build(Header(header_bytes=size), [flow()]))
    assert "header_size" in codes(edf)
    np.testing.assert_array_equal(samples(edf), STORED.reshape(-1))


@pytest.mark.parametrize("count", [str(N), "-1", str(N + 9)])
def test_text_behind_the_channel_fields_is_header_whatever_the_record_count(tmp_path, count):
    raw = build(Header(header_bytes="768", n_records=count), [flow()])
    edf = read(tmp_path, raw[:512] + b"made by hand".ljust(256) + raw[512:])
    assert "header_size" in codes(edf)
    np.testing.assert_array_equal(samples(edf), STORED.reshape(-1))


def test_count_of_zero_with_data_reads_the_data(tmp_path):
    edf = read(tmp_path, build(Header(n_records="0"), [flow()]))
    assert edf.n_records == N
    assert "record_count_unknown" in codes(edf)


def test_count_of_zero_without_data_is_no_data(tmp_path):
    edf = read(tmp_path, build(Header(n_records="0"), [flow()])[:512])
    assert (edf.n_records, codes(edf)) == (0, {"no_data"})


WIDE = np.random.default_rng(6).integers(-8_000_000, 8_000_000, (N, 10))
WIDE_LIMITS = ("-8388608", "8388607")


def test_samples_of_24_bits_under_an_edf_version(tmp_path):
    raw = build(Header(), [flow(stored=WIDE, digital=WIDE_LIMITS)], is_bdf=True)
    edf = read(tmp_path, raw)
    assert (edf.format, codes(edf)) == ("BDF", {"sample_size"})
    np.testing.assert_array_equal(samples(edf), WIDE.reshape(-1))


def test_samples_of_16_bits_under_a_bdf_version(tmp_path):
    edf = read(tmp_path, build(Header(version=b"\xffBIOSEMI"), [flow()]))
    assert (edf.format, codes(edf)) == ("EDF", {"sample_size"})
    np.testing.assert_array_equal(samples(edf), STORED.reshape(-1))


def test_file_cut_to_two_thirds_does_not_become_16_bits(tmp_path):
    raw = build(Header(version=b"\xffBIOSEMI"), [flow(stored=WIDE, digital=WIDE_LIMITS)], is_bdf=True)
    edf = read(tmp_path, raw[: 512 + N * 20])
    assert (edf.format, edf.n_records) == ("BDF", 20)
    np.testing.assert_array_equal(samples(edf), WIDE[:20].reshape(-1))


def test_count_of_two_thirds_does_not_become_24_bits(tmp_path):
    edf = read(tmp_path, build(Header(n_records="20"), [flow()]))
    assert (edf.format, edf.n_records) == ("EDF", 20)


@pytest.mark.parametrize("version", [b"1", b"\0", b"0.0", b"00", b"junk"])
def test_unknown_version_before_a_sound_header(tmp_path, version):
    edf = read(tmp_path, build(Header(version=version), [flow()]))
    assert (edf.format, codes(edf)) == ("EDF", {"version"})
    np.testing.assert_array_equal(samples(edf), STORED.reshape(-1))


def test_digital_limits_beyond_the_sample_are_told(tmp_path):
    edf = read(tmp_path, build(Header(), [flow(digital=("0", "65535"))]))
    assert "digital_range" in codes(edf)
    assert "digital_range" not in codes(read(tmp_path, build(Header(), [flow(digital=("-32768", "32768"))])))


def test_hundreds_of_repaired_numbers_are_a_few_notes(tmp_path):
    channels = [flow(label=f"c{i}", physical=("-1,5", "1,5")) for i in range(300)]
    edf = read(tmp_path, build(Header(), channels))
    assert len(edf.channels) == 300
    assert 1 < len(edf.notes) < 20
    assert "592 more" in edf.notes[-1].text  # 2 a channel, 8 of them told


@pytest.mark.parametrize("time", ["22:30:00", "22-30-00", "22/30/00", "22,30,00", "22 30 00"])
def test_other_separators_in_the_time_are_a_note(tmp_path, time):
    edf = read(tmp_path, build(Header(time=time), [flow()]))
    assert edf.start_local == datetime(2026, 3, 3, 22, 30)
    assert codes(edf) == {"start_format"}


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"version https://git-lfs.github.com/spec/v1", "git LFS"),
        (b"\xef\xbb\xbf0       ", "byte-order mark"),
        (b"\xc3\xbfBIOSEMI", "UTF-8"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"<!DOCTYPE html>", "web page"),
    ],
)
@pytest.mark.parametrize("size", [60, 3000])
def test_other_kinds_of_file_are_named(tmp_path, start, reason, size):
    with pytest.raises(ReadError, match=reason) as caught:
        read(tmp_path, start.ljust(size, b" "))
    assert str(tmp_path / "a.edf") in str(caught.value)


# --- onsets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["EDF+ D", "edf+d", "+D", "EDF +D", "  EDF+D", "EDF+D\0\0"])
def test_misspelt_format_mark(tmp_path, mark):
    edf = read(tmp_path, plus(time_keeping(LATE), reserved=mark))
    assert edf.format == "EDF+D"
    assert edf.gaps_s.tolist() == [[20.0, 120.0]]


@pytest.mark.parametrize("label", ["EDF annotations", "EDF ANNOTATIONS", "EDFAnnotations", "EDF Annotation"])
def test_misspelt_annotation_label(tmp_path, label):
    edf = read(tmp_path, plus(time_keeping(LATE), label=label))
    assert edf.gaps_s.tolist() == [[20.0, 120.0]]
    assert codes(edf) == {"annotation_label"}


@pytest.mark.parametrize("reserved", ["", "EDF", "EDF+", "vendor text"])
def test_onsets_in_every_record_place_them_though_the_header_is_plain(tmp_path, reserved):
    edf = read(tmp_path, plus(time_keeping(LATE), reserved=reserved))
    assert edf.gaps_s.tolist() == [[20.0, 120.0]]
    assert "hidden_gaps" in codes(edf)


def test_plain_edf_whose_lists_hold_only_some_onsets_stays_continuous(tmp_path):
    edf = read(tmp_path, plus([b"+0\x14\x14\0", *[b""] * 28, b"+900\x14\x14\0"], reserved=""))
    assert (edf.duration_s, len(edf.gaps_s)) == (30.0, 0)


@pytest.mark.parametrize("reserved", ["EDF+C", "EDF+D"])
@pytest.mark.parametrize("place", [0, 7, N - 1])
@pytest.mark.parametrize("text", [b"+500\x1510\x14Apnea\x14\0", b"+500\x14Apnea\x14\0"])
def test_annotation_in_place_of_a_time_stamp_is_no_onset(tmp_path, reserved, place, text):
    lists = time_keeping(SECONDS)
    lists[place] = text
    edf = read(tmp_path, plus(lists, reserved=reserved))
    assert (edf.duration_s, len(edf.gaps_s)) == (30.0, 0)
    assert edf.start_local == datetime(2026, 3, 3, 22, 30)
    assert [(a.onset_s, a.text) for a in edf.annotations] == [(500.0, "Apnea")]


@pytest.mark.parametrize("place", [0, 2, 13])
@pytest.mark.parametrize("onset", ["+500", "-500", "+0.25", "+28.5"])
def test_one_wrong_onset_costs_one_record(tmp_path, place, onset):
    onsets = list(SECONDS)
    onsets[place] = onset
    edf = read(tmp_path, plus(time_keeping(onsets)))
    if (place, onset) in ((0, "+0.25"), (0, "-500")):  # these fit: the row begins there
        assert sum(s.n_records for s in edf.segments) == N
        return
    assert "records_overlap" in codes(edf)
    kept = [i for i in range(N) if i != place]
    np.testing.assert_array_equal(samples(edf), STORED[kept].reshape(-1))


def test_clock_set_back_keeps_the_longer_part(tmp_path):
    onsets = [f"+{i}" for i in range(100, 110)] + [f"+{i}" for i in range(20)]
    edf = read(tmp_path, plus(time_keeping(onsets)))
    np.testing.assert_array_equal(samples(edf), STORED[10:].reshape(-1))
    assert edf.duration_s == 20.0


def test_overlaps_do_not_add_up(tmp_path):
    """Records of 1 s every 0.6 s: nothing may lie later than half a record after its onset."""
    onsets_s = [0.6 * i for i in range(N)]
    edf = read(tmp_path, plus(time_keeping([f"+{t:.1f}" for t in onsets_s])))
    for segment in edf.segments:
        for i in range(segment.n_records):
            assert segment.start_s + i - onsets_s[segment.first_record + i] <= 0.5 + 1e-9


def test_time_kept_by_the_second_annotation_channel(tmp_path):
    channels = [flow(), annotation_channel([b"+7\x14x\x14\0"] * N), annotation_channel(time_keeping(LATE))]
    edf = read(tmp_path, build(Header(reserved="EDF+D"), channels))
    assert edf.gaps_s.tolist() == [[20.0, 120.0]]
    assert len(edf.annotations) == N


def test_records_without_length_have_no_gaps(tmp_path):
    lists = [f"+{i}\x14\x14\0+{i}\x14lights\x14\0".encode() for i in (0, 5, 9)]
    edf = read(tmp_path, build(Header(reserved="EDF+D", duration="0"), [annotation_channel(lists)]))
    assert (edf.n_records, edf.duration_s, len(edf.gaps_s)) == (3, 0.0, 0)
    assert [a.onset_s for a in edf.annotations] == [0.0, 5.0, 9.0]


# --- onsets without their sign -----------------------------------------------------------------------


@pytest.mark.parametrize("reserved", ["EDF+D", "EDF+C"])
def test_onsets_without_a_sign_keep_their_gaps(tmp_path, reserved):
    edf = read(tmp_path, plus(time_keeping([onset[1:] for onset in LATE]), reserved=reserved))
    assert edf.gaps_s.tolist() == [[20.0, 120.0]]
    (note,) = [note for note in edf.notes if note.code == "onset_sign"]
    assert note.text.startswith(f"{N} onsets")


def test_annotations_without_a_sign_are_read_as_positive(tmp_path):
    lists = [f"{i}\x14\x14\0{i}.25\x151,5\x14Apnea\x14\0".encode() for i in range(N)]
    edf = read(tmp_path, plus(lists))
    assert [(a.onset_s, a.duration_s, a.text) for a in edf.annotations] == [
        (i + 0.25, 1.5, "Apnea") for i in range(N)
    ]
    assert "onset_sign" in codes(edf)


@pytest.mark.parametrize("onset", ["1e2", "1.2.3", " 12", "0x1F", "12a", "1_0", "++1", "."])
def test_what_is_no_plain_number_is_no_onset(tmp_path, onset):
    edf = read(tmp_path, plus([f"+{i}\x14\x14\0{onset}\x14Apnea\x14\0".encode() for i in range(N)]))
    assert not edf.annotations
    assert {"annotations_unreadable"} == codes(edf)


@pytest.mark.parametrize("ending", ["\x14\0", "\x14Apnea\x14\0", "\x1510\x14\x14\0", "\0"])
def test_a_bare_number_without_both_marks_keeps_no_time(tmp_path, ending):
    edf = read(tmp_path, plus([f"{onset[1:]}{ending}".encode() for onset in LATE]))
    assert len(edf.gaps_s) == 0
    assert "record_onsets" in codes(edf)
