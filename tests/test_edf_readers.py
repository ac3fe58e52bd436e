"""Sample for sample against three other readers, on whatever each of them can read."""

import warnings

import edfio
import mne
import numpy as np
import pyedflib
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping

from hsat.io.calibration import calibrate
from hsat.io.edf import read_edf

NOT_FOR_PYEDFLIB = {
    "EDF.jl--bdf_test.edf": "refuses EDF+C without an annotation channel",
    "EDF.jl--test_uneven_samp.edf": "refuses the date",
    "decimal-comma.edf": "refuses decimal commas",
    "gaps-whole.edf": "refuses EDF+D",
    "mne-python--test.bdf": "refuses the header",
    "pyedflib--test_legacy.edf": "takes annotations in plain EDF for a signal",
    "rsleep-noxturnal--subject1.edf": "refuses the header",
    "truncated-in-a-record.edf": "refuses cut files",
}
NOT_FOR_EDFIO = {
    "count-too-small.edf": "trusts the size, we the header",
    "decimal-comma.edf": "refuses decimal commas",
}
FOR_MNE = (
    "odd/EDF.jl--bdf_test.edf",
    "odd/edfio--test_subsecond.edf",
    "odd/mne-python--duplicate_channel_labels.edf",
    "odd/mne-python--test_edf_stim_channel.edf",
    "odd/pyedflib--test_legacy.edf",
    "odd/pyedflib--test_utf8.edf",
    "real/ucd/ucd020.edf",
)
"""Files whose channels all have one rate, so that MNE does not resample them."""


def ours(path):
    """Label, stored and physical values of every signal channel."""
    edf = read_edf(path)
    rows = []
    for channel in edf.channels:
        if not channel.is_signal:
            continue
        stored = np.concatenate([np.array(b.stored).reshape(-1) for b in edf.source.blocks([channel.index])])
        line = calibrate(channel, "", (), is_inverted=False, is_bdf=edf.format.startswith("BDF"), notes=[])
        rows.append((channel, stored, line.to_physical(stored)))
    return edf, rows


def assert_physical(physical, theirs, channel):
    span = abs(channel.physical_max - channel.physical_min)
    np.testing.assert_allclose(physical, theirs, rtol=0, atol=1e-6 * span)


def compare_with_pyedflib(path):
    _, rows = ours(path)
    with pyedflib.EdfReader(str(path)) as reader:
        labels = [reader.getLabel(i).strip() for i in range(reader.signals_in_file)]
        rows = [row for row in rows if row[0].label in labels]
        theirs = [i for i, label in enumerate(labels) if label != "Crc16"]
        assert len(rows) == len(theirs)
        for (channel, stored, physical), i in zip(rows, theirs, strict=True):
            np.testing.assert_array_equal(stored, reader.readSignal(i, digital=True))
            assert_physical(physical, reader.readSignal(i), channel)


def compare_with_edfio(path, read=edfio.read_edf):
    _, rows = ours(path)
    theirs = [s for s in read(str(path)).signals if s.label != "Crc16"]
    assert len(rows) == len(theirs)
    for (channel, stored, physical), signal in zip(rows, theirs, strict=True):
        np.testing.assert_array_equal(stored, signal.digital)
        assert_physical(physical, signal.data, channel)


def compare_with_mne(path):
    """Where all channels have one rate, so that MNE does not resample."""
    _, rows = ours(path)
    assert len({len(stored) for _, stored, _ in rows}) == 1
    read = mne.io.read_raw_bdf if path.suffix == ".bdf" else mne.io.read_raw_edf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = read(path, preload=True, verbose="ERROR")
    scale = {"uV": 1e-6, "mV": 1e-3}
    for row, (channel, _, physical) in zip(raw.get_data(), rows, strict=True):
        assert_physical(physical, row / scale.get(channel.unit, 1.0), channel)


# --- files made here ---------------------------------------------------------------------------------

RNG = np.random.default_rng(11)


@pytest.fixture(params=["edf", "edf+c", "negative-gain", "narrow", "bdf"])
def made(request, tmp_path):
    is_bdf = request.param == "bdf"
    top = 8_000_000 if is_bdf else 32_000
    stored = [RNG.integers(-top, top, (9, n)) for n in (50, 7, 1)]
    limits = ("-8388608", "8388607") if is_bdf else ("-32768", "32767")
    physical = {"negative-gain": ("3.3", "-1.7"), "narrow": ("0.001", "0.0011")}.get(
        request.param, ("-187.5", "212.25")
    )
    channels = [
        Channel(label=label, stored=s, digital=limits, physical=physical, unit="uV")
        for label, s in zip(("Flow", "Thorax", "Pulse"), stored, strict=True)
    ]
    header = Header(
        duration="0.5", version=b"\xffBIOSEMI" if is_bdf else b"0", reserved="24BIT" if is_bdf else ""
    )
    if request.param == "edf+c":
        header.reserved = "EDF+C"
        channels.append(annotation_channel(time_keeping([f"+{i * 0.5:g}" for i in range(9)])))
    path = tmp_path / ("a.bdf" if is_bdf else "a.edf")
    path.write_bytes(build(header, channels, is_bdf=is_bdf))
    return path


def test_same_samples_as_pyedflib(made):
    compare_with_pyedflib(made)


def test_same_samples_as_edfio(made):
    compare_with_edfio(made, edfio.read_bdf if made.suffix == ".bdf" else edfio.read_edf)


def test_same_samples_as_mne(tmp_path):
    stored = RNG.integers(-32000, 32000, (5, 100))
    channels = [Channel(label=label, stored=stored + i, unit="uV") for i, label in enumerate(("A", "B"))]
    path = tmp_path / "a.edf"
    path.write_bytes(build(Header(), channels))
    compare_with_mne(path)


def test_same_annotations_as_edfio_writes(tmp_path):
    signal = edfio.EdfSignal(RNG.normal(size=3000), 100, label="Flow", physical_range=(-9, 9))
    written = [edfio.EdfAnnotation(0.5, 12.25, "Obstructive apnea"), edfio.EdfAnnotation(29, None, "lights")]
    edfio.Edf([signal], annotations=written).write(tmp_path / "a.edf")
    edf, ((channel, stored, physical),) = ours(tmp_path / "a.edf")
    assert [tuple(a) for a in edf.annotations] == [(0.5, 12.25, "Obstructive apnea"), (29.0, None, "lights")]
    np.testing.assert_array_equal(stored, signal.digital)
    assert_physical(physical, signal.data, channel)


# --- recordings for measuring ------------------------------------------------------------------------


def recordings(shared_data):
    paths = [p for p in sorted((shared_data / "odd").iterdir()) if p.suffix in (".edf", ".bdf")]
    paths += sorted((shared_data / "planted").glob("*-[13].edf"))
    paths += [shared_data / "real" / "ap" / "AP03.edf", shared_data / "real" / "ucd" / "ucd020.edf"]
    return [p for p in paths if "mangled" not in p.name]


def has_signals(path):
    edf = read_edf(path)
    return edf.n_records > 0 and any(c.is_signal for c in edf.channels)


def test_recordings_same_as_pyedflib(shared_data):
    paths = [p for p in recordings(shared_data) if has_signals(p) and p.name not in NOT_FOR_PYEDFLIB]
    assert len(paths) >= 20
    for path in paths:
        compare_with_pyedflib(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_recordings_same_as_edfio(shared_data):
    paths = [p for p in recordings(shared_data) if has_signals(p) and p.name not in NOT_FOR_EDFIO]
    assert len(paths) >= 26
    for path in paths:
        compare_with_edfio(path, edfio.read_bdf if path.suffix == ".bdf" else edfio.read_edf)


@pytest.mark.parametrize("name", FOR_MNE)
def test_recordings_same_as_mne(shared_data, name):
    compare_with_mne(shared_data / name)
