"""Samples that a text program changed are refused, whether or not the size gives it away; others are not.

Files are written here from the specification, and damaged as the programs do it, byte by byte.
"""

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build

from hsat.errors import ReadError
from hsat.io.edf import read_edf

N = 1200
HEADER_BYTES = 512
TIME_S = np.arange(N * 25) / 25
RNG = np.random.default_rng(11)
BREATHING = 3000 * np.sin(2 * np.pi * TIME_S / 4) * (1 + 0.3 * np.sin(TIME_S / 50))
WAVE = (BREATHING + RNG.normal(0, 40, N * 25)).astype(int).reshape(N, 25)


def flow(stored=WAVE, **fields):
    return Channel(label="Flow", stored=stored, **fields)


def read(tmp_path, raw):
    path = tmp_path / "a.edf"
    path.write_bytes(raw)
    return read_edf(path)


def damaged(raw, change):
    return raw[:HEADER_BYTES] + change(raw[HEADER_BYTES:])


CHANGES = {
    "CR to LF": lambda b: b.replace(b"\r", b"\n"),
    "LF to CR": lambda b: b.replace(b"\n", b"\r"),
    "LF to CRLF": lambda b: b.replace(b"\n", b"\r\n"),
    "CR dropped": lambda b: b.replace(b"\r", b""),
    "zero bytes dropped": lambda b: b.replace(b"\0", b""),
    "zero bytes to spaces": lambda b: b.replace(b"\0", b" "),
    "seven bits": lambda b: bytes(x & 0x7F for x in b),
    "question marks": lambda b: bytes(x if x < 0x80 else 0x3F for x in b),
    "UTF-8": lambda b: b.decode("latin-1").encode(),
    "UTF-8 with replacement marks": lambda b: b.decode("utf-8", "replace").encode(),
}


@pytest.mark.parametrize("n_records", [str(N), "-1"])
@pytest.mark.parametrize("change", CHANGES)
def test_samples_changed_as_text_are_refused(tmp_path, change, n_records):
    raw = build(Header(n_records=n_records), [flow()])
    assert read(tmp_path, raw).n_records == N
    with pytest.raises(ReadError, match="samples are destroyed"):
        read(tmp_path, damaged(raw, CHANGES[change]))


@pytest.mark.parametrize("change", CHANGES)
def test_damage_is_found_where_any_size_would_fit(tmp_path, change):
    """One sample a record and no record count: two bytes more or less are a record."""
    raw = build(Header(n_records="-1", duration="0.04"), [flow(WAVE.reshape(-1, 1))])
    with pytest.raises(ReadError, match="samples are destroyed"):
        read(tmp_path, damaged(raw, CHANGES[change]))


def test_shortened_line_ends_are_found_by_the_pairs_that_are_absent(tmp_path):
    time_s = np.arange(7 * 3600 * 25) / 25
    wave = (
        9000 * np.sin(2 * np.pi * time_s / 4) * (1 + 0.3 * np.sin(time_s / 50))
        + np.random.default_rng(1).normal(0, 200, len(time_s))
    ).astype(int)
    raw = build(Header(duration="60"), [flow(wave.reshape(-1, 1500))])
    cut = raw[: len(raw) - 100_000]
    assert {n.code for n in read(tmp_path, cut).notes} == {"truncated", "cut_record"}
    for whole in (raw, cut):
        with pytest.raises(ReadError, match="line ends of two bytes became one"):
            read(tmp_path, damaged(whole, lambda b: b.replace(b"\r\n", b"\n")))


def test_annotations_in_utf8_are_no_damage(tmp_path):
    texts = [f"+{i}\x14\x14\0+{i}\x14Apnée, Schlafstörung, Entsättigung\x14\0".encode() for i in range(N)]
    quiet = flow(np.full((N, 25), 65))
    raw = build(
        Header(reserved="EDF+C", n_records=str(N + 3)), [quiet, annotation_channel(texts, n_bytes=80)]
    )
    assert read(tmp_path, raw).n_records == N


KINDS = {
    "as it is": lambda x, s: np.round(x),
    "codes skipped": lambda x, s: np.round(np.round(x) * (1 + s / 10)),
    "coarse": lambda x, s: np.round(x / (1 + s * 19)) * (1 + s * 19),
    "twelve bits": lambda x, s: np.round(x / 16) * 16,
    "odd numbers": lambda x, s: np.round(x / 2) * 2 + 1,
    "never below zero": lambda x, s: np.abs(np.round(x)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_waveforms_of_any_size_and_resolution_are_read(tmp_path, kind):
    rng = np.random.default_rng(sum(kind.encode()))
    for n_records in ("300", "-1", "305") * 8:
        x = 10 ** rng.uniform(0.5, 4.4) * np.sin(2 * np.pi * TIME_S[: 300 * 25] / rng.uniform(2, 6))
        x += rng.normal(0, np.abs(x).max() * rng.choice([0, 0.01, 0.1]), len(x))
        stored = np.clip(KINDS[kind](x, rng.random()), -32768, 32767).astype(int).reshape(300, 25)
        assert read(tmp_path, build(Header(n_records=n_records), [flow(stored)])).n_records == 300


@pytest.mark.parametrize("value", [-22077, 2573, 0, 32767, -1])  # C3 A9 is UTF-8, 0D 0A a line end
def test_a_flat_line_is_no_text(tmp_path, value):
    raw = build(Header(), [flow(np.full((N, 25), value))])
    assert read(tmp_path, raw).n_records == N


# --- numbers without a sign ----------------------------------------------------------------------------

RISING = np.arange(300).reshape(30, 10) + 32_700  # passes 32768, where the sign would turn


def as_signed(numbers, n_bits):
    return (numbers + 2 ** (n_bits - 1)) % 2**n_bits - 2 ** (n_bits - 1)


def stored_of(edf):
    return np.concatenate([np.array(b.stored).reshape(-1) for b in edf.source.blocks([0])])


@pytest.mark.parametrize("is_bdf", [False, True])
def test_limits_beyond_the_sign_mean_numbers_without_one(tmp_path, is_bdf):
    n_bits = 24 if is_bdf else 16
    numbers = RISING - 32_768 + 2 ** (n_bits - 1)
    channel = flow(as_signed(numbers, n_bits), digital=("0", str(2**n_bits - 1)))
    header = Header(version=b"\xffBIOSEMI") if is_bdf else Header()
    edf = read(tmp_path, build(header, [channel], is_bdf=is_bdf))
    np.testing.assert_array_equal(stored_of(edf), numbers.reshape(-1))
    np.testing.assert_array_equal(edf.source.peek(0), numbers.reshape(-1))
    assert ["without a sign" in note.text for note in edf.notes] == [True]


def test_samples_that_run_through_zero_keep_their_sign_whatever_the_limits(tmp_path):
    edf = read(tmp_path, build(Header(), [flow(digital=("0", "65535"))]))
    np.testing.assert_array_equal(stored_of(edf), WAVE.reshape(-1))
    assert ["numbers with a sign" in note.text for note in edf.notes] == [True]


@pytest.mark.parametrize("digital", [("0", "32767"), ("0", "65536"), ("-1", "65535"), ("0", "32768")])
def test_other_limits_mean_numbers_with_a_sign(tmp_path, digital):
    stored = as_signed(RISING, 16)
    edf = read(tmp_path, build(Header(), [flow(stored, digital=digital)]))
    np.testing.assert_array_equal(stored_of(edf), stored.reshape(-1))


# --- commas in whole numbers ----------------------------------------------------------------------------


def test_a_count_with_a_comma_is_not_guessed(tmp_path):
    stored = RNG.integers(-9, 9, (3, 1000))
    assert read(tmp_path, build(Header(n_records="0,003"), [flow(stored)])).n_records == 3  # by the size
    with pytest.raises(ReadError, match=r"not a count: '1,000'"):
        read(tmp_path, build(Header(), [flow(stored, n_samples="1,000")]))


@pytest.mark.parametrize(
    ("digital", "read_as"),
    [
        (("-32,768", "32,767"), (-32768.0, 32767.0)),  # whole numbers, in groups
        (("-100,000", "100,000"), (-100.0, 100.0)),  # no sample reaches 100000
        (("-100,00", "100,00"), (-100.0, 100.0)),
    ],
)
def test_digital_limits_with_commas_are_whole_numbers_that_a_sample_can_hold(tmp_path, digital, read_as):
    edf = read(tmp_path, build(Header(), [flow(digital=digital)]))
    assert (edf.channels[0].digital_min, edf.channels[0].digital_max) == read_as
    assert [note.code for note in edf.notes] == ["header_number"] * 2
