"""Damaged files: only `HsatError` ever comes out, soon, and from little memory.

A few hundred of the cases of ``python -m benchmarks.fuzz``, and headers whose every field may hold
anything. That a file is read rightly, other tests show; here nothing else may happen than that it
is read or refused.
"""

import json
import time
import tracemalloc

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hsat
from benchmarks.fuzz import LARGEST_MIB, LONGEST_S, run_cases, try_file
from benchmarks.mutations import good_files, layout_of, mutated
from hsat.batch.warming import warm_up
from hsat.errors import HsatError
from hsat.io.edf import read_edf
from hsat.io.inspection import inspect_recording
from hsat.report.inspection import inspection_json

N_CASES = 200
SEED = 2


@pytest.fixture(autouse=True)
def _own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


@pytest.fixture(scope="module")
def files():
    return good_files()


def test_good_files_are_good(files, tmp_path):
    """Unharmed, each is read under its own format, without a note, with the gap it was given."""
    assert sorted(files) == ["BDF+C", "EDF", "EDF+C", "EDF+D", "small"]
    for name, raw in files.items():
        path = tmp_path / "good.edf"
        path.write_bytes(raw)
        edf = read_edf(path)
        assert edf.notes == ()
        assert edf.format == ("EDF+D" if name == "small" else name)
        gaps_s = np.diff(edf.gaps_s).reshape(-1)
        assert gaps_s.tolist() == ([60.0] if edf.format == "EDF+D" else [])
        assert layout_of(raw).record_bytes == edf.source.record_bytes


def test_cases_are_the_same_in_every_run(files):
    assert mutated(files, SEED, 5) == mutated(files, SEED, 5)
    assert mutated(files, SEED, 5) != mutated(files, SEED, 6)


def test_mutated_files_are_read_or_refused(files, tmp_path):
    warm_up()  # compiling the kernels is no part of a file's time
    outcomes = list(run_cases(files, SEED, range(N_CASES), tmp_path))
    assert [o for o in outcomes if o.what not in ("read", "repaired", "refused")] == []
    assert max(o.seconds for o in outcomes) < LONGEST_S
    whats = [o.what for o in outcomes]
    assert min(whats.count(what) for what in ("read", "repaired", "refused")) > N_CASES // 50
    assert sum(o.is_scored for o in outcomes) > N_CASES // 50


def test_an_escaping_exception_is_a_failure_of_the_run(files, tmp_path, monkeypatch):
    def broken(path):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(hsat, "read_recording", broken)
    (outcome,) = run_cases(files, SEED, [0], tmp_path)
    assert outcome.what == "failed"
    assert "ZeroDivisionError: planted" in outcome.detail


@pytest.mark.parametrize("message", ["no file named", "two\nlines {path}"])
def test_a_refusal_that_is_no_line_about_the_file_is_a_failure(tmp_path, monkeypatch, message):
    def broken(path):
        raise HsatError(message.format(path=path))

    monkeypatch.setattr(hsat, "read_recording", broken)
    assert try_file(tmp_path / "a.edf", is_to_score=False)[0] == "failed"


# --- headers made from nothing ---------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-10, 1_000_000).map(str),
    st.floats(allow_nan=True, allow_infinity=True, width=32).map(lambda x: f"{x:.8g}"),
    st.sampled_from(
        ["", "1", "0", "-1", "1,5", "1e3", "1e-3", "+5", "1.", "00", "nan", "inf", "1_0", "0x1", "\0", "\xb2"]
    ),
)
TEXTS = st.binary(max_size=80)
LABELS = st.one_of(
    st.binary(max_size=16),
    st.sampled_from([b"Flow", b"SpO2", b"Thorax", b"EDF Annotations", b"edf annotations", b"Crc16", b"Body"]),
)
STARTS = st.one_of(st.text(max_size=8, alphabet="0123456789.:-/ "), st.just("03.03.26"), st.just("22.30.00"))
ROWS = 6


@st.composite
def channels(draw):
    label = draw(LABELS)
    stored = np.frombuffer(draw(st.binary(min_size=2 * ROWS, max_size=2 * ROWS)), "<i2").reshape(ROWS, 1)
    if draw(st.booleans()):
        onsets = draw(st.lists(st.floats(-1e9, 1e9).map(lambda x: f"{x:+.6g}"), min_size=ROWS, max_size=ROWS))
        n_bytes = draw(st.sampled_from([2, 8, 24, 40]))
        return annotation_channel([text[:n_bytes] for text in time_keeping(onsets)], n_bytes=n_bytes)
    return Channel(
        label=label,
        stored=np.tile(stored, (1, draw(st.integers(1, 4)))),
        unit=draw(st.sampled_from(["", "%", "uV", "\xb5V"])),
        transducer=draw(TEXTS),
        physical=(draw(NUMBERS), draw(NUMBERS)),
        digital=(draw(NUMBERS), draw(NUMBERS)),
        n_samples=draw(st.one_of(st.none(), st.none(), NUMBERS)),
    )


HEADERS = st.builds(
    Header,
    version=st.sampled_from([b"0", b"0", b"0", b"\xffBIOSEMI", b"1", b""]),
    patient=TEXTS,
    recording=st.one_of(TEXTS, st.just(b"Startdate 31-DEC-9999 X X X")),
    date=STARTS,
    time=STARTS,
    header_bytes=st.one_of(st.none(), st.none(), NUMBERS),
    reserved=st.sampled_from(["", "EDF+C", "EDF+D", "EDF+D", "BDF+D", "24BIT", "edf +d", "?"]),
    n_records=st.one_of(st.none(), st.none(), NUMBERS),
    duration=st.one_of(st.just("1"), st.just("0"), NUMBERS),
    n_channels=st.one_of(st.none(), st.none(), NUMBERS.filter(bool)),
    extra=st.binary(max_size=40),
)


@given(header=HEADERS, parts=st.lists(channels(), max_size=5))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_header_is_read_or_refused(tmp_path, header, parts):
    raw = build(header, parts)
    path = tmp_path / "made.edf"
    path.write_bytes(raw)
    began = time.process_time()
    tracemalloc.start()
    try:
        inspection = inspect_recording(path)
        json.loads(inspection_json(inspection))
        assert len(inspection.channels) <= len(raw) / 256
        n_stored = sum(
            block.stored.size
            for index in range(len(read_edf(path).channels))
            for block in read_edf(path).source.blocks([index])
        )
        assert 2 * n_stored <= len(raw)
    except HsatError as error:
        line = str(error)
        assert "\n" not in line
        assert str(path) in line
    finally:
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < 20e6  # the buffers; a made file has a few kilobytes
    assert time.process_time() - began < LONGEST_S


def test_promise_of_two_gigabytes_in_a_kilobyte_costs_nothing(tmp_path):
    path = tmp_path / "promise.edf"
    empty = np.zeros((0, 1))
    header = Header(n_records="99999999", reserved="EDF+D")
    names = ("Flow", "SpO2", "EDF Annotations")
    path.write_bytes(build(header, [Channel(label=n, stored=empty, n_samples="9999999") for n in names]))
    assert path.stat().st_size == 1024
    tracemalloc.start()
    began = time.process_time()
    inspection = inspect_recording(path)
    seconds, peak_bytes = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (inspection.n_records, inspection.duration_s) == (0, 0.0)
    assert peak_bytes < 1e6 < LARGEST_MIB * 2**20
    assert seconds < 1.0


def test_a_gap_of_days_in_a_small_file_costs_nothing_to_read(tmp_path):
    """Two days of silence between two records of a megahertz: 2e11 places on the clock, 200 samples."""
    path = tmp_path / "gap.edf"
    lists = time_keeping(["+0", "+172800"])
    channels_ = [Channel(label="Flow", stored=np.ones((2, 100))), annotation_channel(lists)]
    path.write_bytes(build(Header(reserved="EDF+D", duration="0.0001"), channels_))
    tracemalloc.start()
    recording = hsat.read_recording(path)
    n_stored = sum(b.stored.size for s in recording.signals for b in s.source.blocks([s.source_index]))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_stored == 200
    assert peak_bytes < 5e6
