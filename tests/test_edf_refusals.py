"""Files that are refused: one line, with the file and the reason; and headers damaged at random."""

import os
import time
import tracemalloc

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hsat.errors import HsatError, ReadError
from hsat.io.edf import read_edf
from hsat.io.reading import read_recording

STORED = np.random.default_rng(3).integers(-2000, 2000, (40, 25))
GOOD = build(
    Header(reserved="EDF+D", patient="P7 F 02-MAY-1951 X"),
    [
        Channel(label="Flow", stored=STORED),
        Channel(label="SpO2", stored=STORED[:, :1] % 8 + 90, physical=("0", "100"), digital=("0", "100")),
        annotation_channel(time_keeping([f"+{i + (100 if i > 20 else 0)}" for i in range(40)])),
    ],
)


@pytest.fixture(autouse=True)
def _own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


def refusal(path):
    with pytest.raises(ReadError) as caught:
        read_edf(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"0       ", "too short", id="eight-bytes"),
        pytest.param(b"time,spo2\n" * 100, "no EDF", id="csv"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(400), "no EDF", id="png"),
        pytest.param(bytes(4096), "no EDF", id="zeros"),
        pytest.param(b"0".ljust(256), "number of channels", id="blank-header"),
        pytest.param(GOOD[:700], "promises 3 channels", id="header-cut"),
    ],
)
def test_content_that_is_no_recording(tmp_path, content, reason):
    path = tmp_path / "a.edf"
    path.write_bytes(content)
    assert reason in refusal(path)


def test_missing_file_and_folder(tmp_path):
    assert "No such file" in refusal(tmp_path / "none.edf")
    assert "folder" in refusal(tmp_path)


def test_pipe_is_refused_without_waiting(tmp_path):
    path = tmp_path / "pipe.edf"
    os.mkfifo(path)
    assert "no regular file" in refusal(path)


@pytest.mark.parametrize(
    ("header", "channel", "reason"),
    [
        pytest.param(Header(duration="-1"), {}, "duration", id="negative-duration"),
        pytest.param(Header(duration="abc"), {}, "duration", id="no-duration"),
        pytest.param(Header(duration="0"), {}, "no rate", id="no-rate"),
        pytest.param(Header(duration="1e-300"), {}, "duration", id="no-duration-to-speak-of"),
        pytest.param(Header(duration="inf"), {}, "duration", id="infinite-duration"),
        pytest.param(Header(n_channels="0", header_bytes="256"), {}, "number of channels", id="no-channels"),
        pytest.param(Header(), {"n_samples": "-5"}, "not a count", id="negative-samples"),
        pytest.param(Header(), {"n_samples": "1.5"}, "not a count", id="broken-samples"),
        pytest.param(Header(), {"n_samples": "0"}, "at least one sample", id="no-samples"),
    ],
)
def test_header_without_a_layout(tmp_path, header, channel, reason):
    path = tmp_path / "a.edf"
    path.write_bytes(build(header, [Channel(label="Flow", stored=STORED, **channel)]))
    assert reason in refusal(path)


@pytest.mark.parametrize(
    ("header", "n_samples"),
    [(Header(duration="Meier"), "25"), (Header(n_channels="Mei"), "25"), (Header(), "Meier")],
)
def test_refusals_quote_no_name_where_the_header_is_shifted(tmp_path, header, n_samples):
    header.header_bytes = "Hans"
    path = tmp_path / "a.edf"
    path.write_bytes(build(header, [Channel(label="Flow", stored=STORED, n_samples=n_samples)]))
    line = refusal(path)
    assert "Mei" not in line
    assert "'???" in line


def test_promises_of_the_header_cost_nothing(tmp_path):
    path = tmp_path / "a.edf"
    raw = build(
        Header(n_records="99999999"),
        [Channel(label="Flow", stored=np.zeros((0, 1)), n_samples="99999999")] * 3,
    )
    path.write_bytes(raw)
    tracemalloc.start()
    edf = read_edf(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert edf.n_records == 0
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda data: data.decode("latin-1").encode("utf-8"), "UTF-8", id="latin-1-to-utf-8"),
        pytest.param(lambda data: data.decode("utf-8", "replace").encode("utf-8"), "UTF-8", id="replaced"),
        pytest.param(lambda data: data.replace(b"\n", b"\r\n"), "line end", id="crlf"),
    ],
)
def test_samples_that_a_text_program_destroyed(tmp_path, spoil, reason):
    noise = np.random.default_rng(1).integers(-30000, 30000, (400, 50))
    raw = build(Header(), [Channel(label="Flow", stored=noise)])
    path = tmp_path / "a.edf"
    path.write_bytes(raw[:512] + spoil(raw[512:]))
    assert reason in refusal(path)


def test_utf8_annotations_are_no_damage(tmp_path):
    lists = [b"+%d\x14\x14\0" % i + "+0\x14呼吸暂停呼吸\x14\0".encode() for i in range(300)]
    small = np.full((300, 1), 97)
    raw = build(Header(reserved="EDF+C"), [Channel(label="SpO2", stored=small), annotation_channel(lists)])
    path = tmp_path / "a.edf"
    path.write_bytes(raw[:-10])
    assert len(read_edf(path).annotations) == 299


@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, len(GOOD) - 1),
            st.sampled_from(
                [
                    b"0",
                    b"9",
                    b"-",
                    b"1",
                    b".",
                    b" ",
                    b",",
                    b"\0",
                    b"\xff",
                    b"+",
                    b"\x14",
                    b"X",
                    b"99999999",
                    b"1e9",
                ]
            ),
        ),
        min_size=1,
        max_size=6,
    ),
    cut=st.one_of(st.none(), st.integers(0, len(GOOD))),
)
@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_damaged_files_are_read_or_refused(tmp_path, edits, cut):
    raw = bytearray(GOOD)
    for at, piece in edits:
        place = at if at % 3 else at % 1024  # two thirds anywhere, one third in the header
        raw[place : place + len(piece)] = piece
    path = tmp_path / "damaged.edf"
    path.write_bytes(bytes(raw[:cut]))
    refusals = []
    began = time.process_time()
    tracemalloc.start()
    try:
        recording = read_recording(path)
        n_samples = sum(
            block.stored.size
            for signal in recording.signals
            for block in signal.source.blocks([signal.source_index])
        )
        assert n_samples * 2 <= len(raw)
        assert all(signal.n_samples < 50_000_000 for signal in recording.signals)
    except HsatError as error:
        refusals.append(str(error))
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert all("\n" not in line for line in refusals)
    assert peak < 20_000_000
    assert time.process_time() - began < 2.0
