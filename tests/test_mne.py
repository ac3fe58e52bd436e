"""The bridge to MNE: rates, gaps, annotations, the clock."""

from datetime import UTC, datetime

import mne
import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping

import hsat
from hsat.errors import HsatError, MissingChannelError
from hsat.interop.mne import CANONICAL_NAMES, NO_VALUES, recording_from_raw
from hsat.io import read_recording
from hsat.io.channels import CANONICAL_CHANNELS
from hsat.io.devices import load_profile

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


# ------------------------------------------------------------------------ a scored night as annotations


@pytest.fixture(scope="module")
def night(samples):
    return hsat.score_night(hsat.read_recording(samples / "night-1.edf"))


def test_events_and_excluded_time_become_annotations(night):
    found = night.to_annotations()
    start = night.recording.start_local.replace(tzinfo=UTC)
    events = [e for e in night.events if e.is_counted]
    rows = sorted((e.start_s, e.stop_s - e.start_s, e.kind.value) for e in events)
    shown = [
        row for row in zip(found.onset, found.duration, found.description, strict=True) if "BAD" not in row[2]
    ]
    assert len(rows) > 20
    assert [row[2] for row in shown] == [row[2] for row in rows]
    np.testing.assert_allclose([row[:2] for row in shown], [row[:2] for row in rows])
    bad_s = sum(
        d for d, text in zip(found.duration, found.description, strict=True) if text.startswith("BAD_")
    )
    assert bad_s == pytest.approx(night.recording.duration_s - night.monitored.monitoring_h * 3600)
    causes = {f"BAD_{excluded.cause.label}" for excluded in night.monitored.excluded}
    assert {text for text in found.description if text.startswith("BAD")} == causes
    assert causes
    assert found.orig_time == start


def test_desaturations_are_annotated_when_asked_for(night):
    texts = list(night.to_annotations(with_desaturations=True).description)
    assert texts.count("desaturation") == len(night.desaturations)
    assert "desaturation" not in night.to_annotations().description


def test_annotations_of_a_night_fit_its_raw(samples, night):
    raw = hsat.read_recording(samples / "night-1.edf").to_mne()
    raw.set_annotations(night.to_annotations())
    assert len(raw.annotations) == len(night.to_annotations())


# ------------------------------------------------------------------------ from MNE


def test_there_and_back_keeps_signals_gaps_annotations_and_clock(tmp_path):
    onsets = [f"+{i + (5 if i >= 10 else 0)}" for i in range(N)]
    onsets[0] += "\x14\x14\0+20\x153\x14Apnea"
    marks = annotation_channel(time_keeping(onsets))
    recording, raw = raw_of(tmp_path, Channel(label="Flow", stored=STORED), marks, reserved="EDF+D")
    back = recording_from_raw(raw, patient="p1")
    assert (back.start_local, back.duration_s) == (recording.start_local, recording.duration_s)
    np.testing.assert_array_equal(back.gaps_s, [[10.0, 15.0]])
    np.testing.assert_allclose(back.signal("flow").values, recording.signal("flow").values, rtol=1e-6)
    assert [(a.onset_s, a.duration_s, a.text) for a in back.annotations] == [(20.0, 3.0, "Apnea")]
    assert (back.source.format, back.subject.patient) == ("memory", "p1")


def test_a_night_scores_the_same_after_a_round_trip(samples, night):
    raw = hsat.read_recording(samples / "night-1.edf").to_mne()
    again = hsat.score_night(recording_from_raw(raw))
    assert again.indices.odi3_per_h == pytest.approx(night.indices.odi3_per_h)
    assert again.indices.ahi_per_h == pytest.approx(night.indices.ahi_per_h, rel=0.02)


def drawn(annotations=(), *, scale=1.0, names=("Nasal", "Sat"), first_samp=0):
    info = mne.create_info(list(names), 10.0, "misc")
    data = np.stack([np.sin(np.arange(600)), np.full(600, 96.0 * scale)])
    raw = mne.io.RawArray(data, info, first_samp=first_samp, verbose="ERROR")
    raw.set_meas_date(datetime(2026, 3, 3, 22, 0, tzinfo=UTC))
    if annotations:
        onsets, durations, texts = zip(*annotations, strict=True)
        raw.set_annotations(mne.Annotations(onsets, durations, texts, orig_time=None))
    return raw


MAP = {"flow": "Nasal", "spo2": "Sat"}


def test_skipped_time_is_a_gap_bad_time_is_missing_and_seams_are_told():
    marks = [
        (10.0, 5.0, "BAD_ACQ_SKIP"),
        (30.0, 2.0, "bad cough"),
        (40.0, 0.0, "EDGE boundary"),
        (50.0, 3.0, "note"),
    ]
    recording = recording_from_raw(drawn(marks), channel_map=MAP)
    np.testing.assert_array_equal(recording.gaps_s, [[10.0, 15.0]])
    missing = np.flatnonzero(np.isnan(recording.signal("flow").values))
    np.testing.assert_array_equal(missing, [*range(100, 150), *range(300, 320)])
    assert [a.text for a in recording.annotations] == ["note"]
    assert {note.code for note in recording.notes} == {"joined_pieces", "marked_bad"}


def test_a_cropped_raw_keeps_its_clock():
    raw = drawn([(30.0, 2.0, "note")]).crop(20.0)
    recording = recording_from_raw(raw, channel_map=MAP)
    assert recording.start_local == datetime(2026, 3, 3, 22, 0, 20)
    assert [a.onset_s for a in recording.annotations] == [10.0]


@pytest.mark.parametrize(("scale", "is_scaled"), [(1.0, False), (0.01, True)])
def test_spo2_as_a_fraction_becomes_percent(scale, is_scaled):
    recording = recording_from_raw(drawn(scale=scale), channel_map=MAP)
    np.testing.assert_allclose(recording.signal("spo2").values, 96.0, rtol=1e-6)
    assert bool(recording.notes) == is_scaled


def test_spo2_in_volts_and_unknown_channels_are_refused():
    with pytest.raises(HsatError, match="expected SpO2 in percent or as a fraction"):
        recording_from_raw(drawn(scale=1e-6), channel_map=MAP)
    with pytest.raises(MissingChannelError, match="flow=Nose: not in the Raw"):
        recording_from_raw(drawn(), channel_map={"flow": "Nose"})
    with pytest.raises(MissingChannelError, match="give channel_map"):
        recording_from_raw(drawn())


def test_the_names_are_those_of_the_channel_table():
    assert {row.name for row in CANONICAL_CHANNELS} == CANONICAL_NAMES


def single(name, values):
    info = mne.create_info([name], 10.0, "misc", verbose="ERROR")
    return mne.io.RawArray(np.atleast_2d(np.asarray(values, dtype=float)), info, verbose="ERROR")


@pytest.mark.parametrize("name", sorted(NO_VALUES))
def test_what_an_oximeter_writes_for_no_value_is_missing(name):
    """MNE hands sentinels on as numbers: a night would have a lowest SpO2 of 0 and a highest of 127."""
    assert set(NO_VALUES[name]) == set(load_profile("generic").sentinels[name])
    values = [*NO_VALUES[name], *[70.0] * 20]
    recording = recording_from_raw(single(name, values))
    n = len(NO_VALUES[name])
    np.testing.assert_array_equal(recording.signal(name).values, [*[np.nan] * n, *[70.0] * 20])


def test_a_night_half_of_zeros_is_still_told_to_be_fractions():
    recording = recording_from_raw(single("spo2", [0.0] * 60 + [0.96] * 50))
    np.testing.assert_allclose(recording.signal("spo2").values[60:], 96.0, rtol=1e-6)
    assert [note.code for note in recording.notes] == ["spo2_scale"]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300, -1e300])
def test_numbers_that_no_sample_can_have_are_missing(value):
    recording = recording_from_raw(single("flow", [value, 1.0]))
    np.testing.assert_array_equal(recording.signal("flow").values, [np.nan, 1.0])


def test_wrong_maps_and_other_objects_are_one_line():
    with pytest.raises(HsatError, match=r"expected canonical names \(abdomen, .*got 'airflow'"):
        recording_from_raw(drawn(), channel_map={"airflow": "Nasal"})
    with pytest.raises(HsatError, match="under one name, got several for that of flow"):
        recording_from_raw(drawn(), channel_map={"flow": "Nasal", "thorax": "Nasal"})
    with pytest.raises(HsatError, match=r"expected an mne.io.Raw, got str"):
        recording_from_raw("night.edf")


def test_counts_and_lengths_are_plain_numbers():
    recording = recording_from_raw(drawn(), channel_map=MAP)
    assert type(recording.duration_s) is float
    assert {type(signal.n_samples) for signal in recording.signals} == {int}
