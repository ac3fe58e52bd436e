"""The bridge to MNE: rates, gaps, annotations, the clock."""

from datetime import UTC, datetime

import mne
import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping

from hsat.errors import MissingChannelError
from hsat.io import read_recording

N = 30
STORED = np.random.default_rng(4).integers(-900, 900, (N, 20))


def raw_of(tmp_path, *channels, reserved=""):
    path = tmp_path / "a.edf"
    path.write_bytes(build(Header(reserved=reserved), channels))
    recording = read_recording(path)
    return recording, recording.to_mne()


def test_fastest_channel_is_unchanged_and_numbers_are_repeated(tmp_path):
    spo2 = Channel(
        label="SpO2", stored=90 + np.arange(N).reshape(N, 1) % 9, physical=("0", "100"), digital=("0", "100")
    )
    recording, raw = raw_of(tmp_path, Channel(label="Flow", stored=STORED), spo2)
    assert isinstance(raw, mne.io.RawArray)
    assert (raw.ch_names, raw.info["sfreq"], raw.n_times) == (["flow", "spo2"], 20.0, N * 20)
    np.testing.assert_array_equal(raw.get_data("flow")[0], recording.signal("flow").values)
    np.testing.assert_array_equal(raw.get_data("spo2")[0], np.repeat(90 + np.arange(N) % 9, 20))
    assert raw.info["meas_date"] == datetime(2026, 3, 3, 22, 30, tzinfo=UTC)


def test_slower_waveform_keeps_its_time(tmp_path):
    """A straight line sampled at 4 Hz is the same line at 20 Hz, half a sample's width included."""
    line = Channel(label="Thorax", stored=np.arange(N * 4).reshape(N, 4) * 10, physical=("-32768", "32767"))
    _, raw = raw_of(tmp_path, Channel(label="Flow", stored=STORED), line)
    middles_s = (np.arange(N * 20) + 0.5) / 20
    inner = slice(10, -10)
    np.testing.assert_allclose(raw.get_data("thorax")[0][inner], (middles_s * 4 - 0.5)[inner] * 10)


def test_gaps_are_nan_and_bad_annotations(tmp_path):
    onsets = [f"+{i + (5 if i >= 10 else 0)}" for i in range(N)]
    onsets[0] += "\x14\x14\0+20\x153\x14Apnea"
    _, raw = raw_of(
        tmp_path,
        Channel(label="Flow", stored=STORED),
        annotation_channel(time_keeping(onsets)),
        reserved="EDF+D",
    )
    found = [(a["description"], a["duration"]) for a in raw.annotations]
    assert found == [("BAD_gap", 5.0), ("Apnea", 3.0)]
    start = raw.info["meas_date"]
    onsets_s = [
        (a["onset"]) if isinstance(a["onset"], float) else (a["onset"] - start).total_seconds()
        for a in raw.annotations
    ]
    np.testing.assert_allclose(onsets_s, [10.0, 20.0])
    values = raw.get_data()[0]
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(values)), np.arange(200, 300))


def test_nothing_to_hand_over(tmp_path):
    with pytest.raises(MissingChannelError, match="no channel with samples"):
        raw_of(tmp_path, Channel(label="Gizmo", stored=STORED))
