"""From a file to a `Recording`: sentinels, units judged by the signal, subject, pseudonym."""

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping

from hsat.errors import HsatError, MissingChannelError
from hsat.io import read_recording

FLOW = np.arange(200).reshape(20, 10)


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    folder = tmp_path / "config"
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(folder))
    return folder


def recording_of(tmp_path, *channels, header=None, is_bdf=False, name="a.edf", **options):
    path = tmp_path / name
    path.write_bytes(build(header or Header(), channels, is_bdf=is_bdf))
    return read_recording(path, **options)


def oximetry(stored, *, label="SpO2", physical=("0", "127"), digital=("0", "127")):
    stored = np.asarray(stored).reshape(-1, 1)
    return Channel(label=label, stored=stored, physical=physical, digital=digital)


def codes(recording):
    return [note.code for note in recording.notes]


def test_oximeter_sentinels_are_missing_samples(tmp_path):
    """0 and 127 for SpO2, 0 and 511 for pulse: Nonin's documented "no value"."""
    recording = recording_of(
        tmp_path,
        oximetry([97, 0, 127, 96, 49, 101]),
        oximetry([60, 511, 0, 61, 255, 200], label="Pulse", physical=("0", "511"), digital=("0", "511")),
    )
    np.testing.assert_array_equal(recording.signal("spo2").values, [97, np.nan, np.nan, 96, 49, 101])
    np.testing.assert_array_equal(recording.signal("pulse").values, [60, np.nan, np.nan, 61, np.nan, 200])


def test_samples_outside_the_declared_range_are_missing(tmp_path):
    spo2 = oximetry([97, -1, 101, 100], digital=("0", "100"), physical=("0", "100"))
    np.testing.assert_array_equal(
        recording_of(tmp_path, spo2).signal("spo2").values, [97, np.nan, np.nan, 100]
    )


def test_waveforms_may_leave_their_declared_range(tmp_path):
    flow = Channel(
        label="Flow", stored=np.array([[5, 200, -300]] * 3), digital=("-100", "100"), physical=("-1", "1")
    )
    np.testing.assert_allclose(recording_of(tmp_path, flow).signal("flow").values, [0.05, 2, -3] * 3)


@pytest.mark.parametrize(
    ("stored", "physical", "digital", "expected"),
    [
        pytest.param(
            [970, 0, 1270, 905], ("0", "1.27"), ("0", "1270"), [97, np.nan, np.nan, 90.5], id="fraction"
        ),
        pytest.param(
            [970, 0, 905, 1000], ("0", "1270"), ("0", "1270"), [97, np.nan, 90.5, 100], id="per-mille"
        ),
        pytest.param(
            [9700, 0, 9050, 9999], ("0", "20000"), ("0", "20000"), [97, np.nan, 90.5, 99.99], id="hundredths"
        ),
        pytest.param([97, 90, 3, 100], ("0", "127"), ("0", "127"), [97, 90, 3, 100], id="percent"),
    ],
)
def test_scale_of_spo2_is_judged_by_its_samples(tmp_path, stored, physical, digital, expected):
    recording = recording_of(tmp_path, oximetry(stored * 5, physical=physical, digital=digital))
    np.testing.assert_allclose(recording.signal("spo2").values, expected * 5)
    assert recording.signal("spo2").unit == "%"
    assert ("spo2_scale" in codes(recording)) == (expected != stored)


def test_drop_outs_do_not_decide_the_scale(tmp_path):
    recording = recording_of(tmp_path, oximetry([0] * 70 + [1] * 5 + [96] * 25))
    assert "spo2_scale" not in codes(recording)
    assert np.nanmax(recording.signal("spo2").values) == 96


def test_a_state_of_zeros_and_ones_is_no_fraction(tmp_path):
    recording = recording_of(tmp_path, oximetry([0, 1, 1, 1] * 10))
    assert np.nanmax(recording.signal("spo2").values) == 1
    assert "no SpO2" in next(note.text for note in recording.notes if note.code == "spo2_scale")


@pytest.mark.parametrize(
    ("physical", "digital", "expected"),
    [
        pytest.param(("5", "5"), ("-100", "100"), np.arange(200.0), id="physical-equal"),
        pytest.param(("-1", "1"), ("7", "7"), np.arange(200.0), id="digital-equal"),
        pytest.param(("", "x"), ("-100", "100"), np.arange(200.0), id="physical-unreadable"),
    ],
)
def test_limits_that_define_no_gain(tmp_path, physical, digital, expected):
    recording = recording_of(tmp_path, Channel(label="Flow", stored=FLOW, physical=physical, digital=digital))
    np.testing.assert_array_equal(recording.signal("flow").values, expected)
    assert "no_calibration" in codes(recording)


def test_negative_gain(tmp_path):
    flow = Channel(label="Flow", stored=FLOW, physical=("100", "-100"), digital=("-100", "100"))
    np.testing.assert_allclose(recording_of(tmp_path, flow).signal("flow").values, -np.arange(200.0))


def test_bdf_values(tmp_path):
    flow = Channel(label="Flow", stored=np.array([[-8388608, 8388607]] * 3), digital=("-8388608", "8388607"))
    recording = recording_of(tmp_path, flow, header=Header(version=b"\xffBIOSEMI"), is_bdf=True, name="a.bdf")
    np.testing.assert_allclose(recording.signal("flow").values, [-100, 100] * 3)


def test_gaps_are_nan_on_the_clock(tmp_path):
    onsets = [f"+{i + (7 if i >= 3 else 0)}" for i in range(20)]
    recording = recording_of(
        tmp_path,
        Channel(label="Flow", stored=FLOW, physical=("-32768", "32767")),
        annotation_channel(time_keeping(onsets)),
        header=Header(reserved="EDF+D"),
    )
    values = recording.signal("flow").values
    assert recording.gaps_s.tolist() == [[3.0, 10.0]]
    assert (recording.duration_s, len(values)) == (27.0, 270)
    np.testing.assert_allclose(values[:30], np.arange(30))
    assert np.isnan(values[30:100]).all()
    np.testing.assert_allclose(values[100:], np.arange(30, 200))


def test_position_of_an_unknown_recorder_is_left_out(tmp_path):
    recording = recording_of(tmp_path, Channel(label="Position", stored=FLOW), oximetry([97] * 20))
    assert not recording.has_signal("position")
    assert "position_unknown" in codes(recording)


def test_checksums_and_annotations_are_no_signals(tmp_path):
    recording = recording_of(
        tmp_path, Channel(label="Crc16", stored=FLOW[:, :1]), annotation_channel([b"+0\x14\x14\0"] * 20)
    )
    assert recording.signals == ()


def test_header_alone_is_a_recording_of_no_length(tmp_path):
    recording = recording_of(tmp_path, Channel(label="Flow", stored=FLOW[:0]))
    assert (recording.duration_s, recording.signal("flow").n_samples) == (0.0, 0)
    assert len(recording.signal("flow").values) == 0
    assert "no_data" in codes(recording)


@pytest.mark.parametrize(
    "shifted",
    [
        Header(date="Meier Ha", recording="X"),
        Header(date="Meier Ha"),
        Header(time="Meier Ha", recording="X"),
        Header(n_records="Meier"),
        Header(header_bytes="Meier"),
    ],
)
def test_notes_quote_no_name_where_the_header_is_shifted(tmp_path, shifted):
    notes = recording_of(tmp_path, oximetry([97]), header=shifted).notes
    assert "Meier" not in repr(notes)
    assert "?????" in repr(notes)


def test_transducer_text_stays_in_the_file(tmp_path):
    flow = Channel(label="Flow", stored=FLOW, transducer="sn 23192837465 cannula Meier")
    signal = recording_of(tmp_path, flow).signal("nasal_pressure")
    assert signal.mapped_by == "alias 'flow', transducer 'cannula'"


# --- subject -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "has_code", "sex", "age_years"),
    [
        pytest.param("X X X X", False, None, None, id="anonymous"),
        pytest.param("", False, None, None, id="empty"),
        pytest.param("X F X Female_33yr", False, "F", None, id="sex-only"),
        pytest.param("MCH-1 M 04-MAR-1976 Name", True, "M", 49.0, id="day-before-birthday"),
        pytest.param("MCH-1 M 03-MAR-1976 Name", True, "M", 50.0, id="birthday"),
        pytest.param("-1 X 30-DEC-1899 Name", False, None, None, id="null-date"),
        pytest.param("M X X", False, "M", None, id="code-removed"),
        pytest.param("John Doe", False, None, None, id="free-text-name"),
        pytest.param("P0042 night two", True, None, None, id="free-text-code"),
        pytest.param("mch-1 f 03-MAR-1976 Name", True, "F", 50.0, id="lower-case"),
        pytest.param("m x x", False, "M", None, id="lower-case-code-removed"),
    ],
)
def test_subject_of_the_header(tmp_path, field, has_code, sex, age_years):
    subject = recording_of(tmp_path, oximetry([97]), header=Header(patient=field)).subject
    assert (subject.patient is not None, subject.sex, subject.age_years) == (has_code, sex, age_years)


@pytest.mark.parametrize(
    "code",
    [
        "0000",
        "00-00",
        "7",
        "x",
        "N/A",
        "na",
        "nn",
        "NULL",
        "Kein_Code",
        "Not_specified",
        "xx",
        "XXXXX",
        "Unknown",
        "unbekannt",
        "none",
        "(none)",
        "Anonymous",
        "anonym",
        "test",
        "TEST-01",
        "02.05.1951",
        "2.5.51",
        "1951-05-02",
        "02-MAY-1951",
        "2mai1951",
        "19510502",
        "02051951",
        "02/05/1951",
    ],
)
def test_placeholder_or_birth_date_is_no_code(tmp_path, code):
    """Strangers share them, and would become one patient."""
    for patient in (f"{code} F X X", f"{code} someone"):
        recording = recording_of(tmp_path, oximetry([97]), header=Header(patient=patient))
        assert recording.subject.patient is None


@pytest.mark.parametrize("code", ["10", "NA12", "X7", "12345678", "2024-017-3", "AB-1951", "12-ABC-45"])
def test_real_codes_are_kept(tmp_path, code):
    recording = recording_of(tmp_path, oximetry([97]), header=Header(patient=f"{code} F X X"))
    assert recording.subject.patient is not None


def test_pseudonym_is_stable_and_keyed(tmp_path, config, monkeypatch):
    header = Header(patient="MCH-0234 F 02-MAY-1951 Haagse_Harry")
    first = recording_of(tmp_path, oximetry([97]), header=header).subject.patient
    again = recording_of(tmp_path, oximetry([95]), header=header, name="b.edf").subject.patient
    other = recording_of(tmp_path, oximetry([97]), header=Header(patient="MCH-0235 F X X")).subject.patient
    assert first == again
    assert first != other
    assert "MCH" not in first
    assert (config / "site.key").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path / "elsewhere"))
    assert recording_of(tmp_path, oximetry([97]), header=header).subject.patient != first


def test_without_a_place_for_the_key_there_is_no_pseudonym(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path / "file" / "config"))
    recording = recording_of(tmp_path, oximetry([97]), header=Header(patient="MCH-1 F X X"))
    assert recording.subject.patient is None
    assert "no_pseudonym" in codes(recording)


def test_a_file_without_a_code_needs_no_key(tmp_path, config):
    recording_of(tmp_path, oximetry([97]))
    assert not config.exists()


def test_what_the_caller_says_comes_first(tmp_path):
    recording = recording_of(
        tmp_path, oximetry([97]), header=Header(patient="MCH-1 F 03-MAR-1976 X"),
        patient="study 7", age_years=12.0, sex="M", therapy="appliance",
    )  # fmt: skip
    subject = recording.subject
    assert (subject.patient, subject.age_years, subject.sex) == ("study 7", 12.0, "M")
    assert recording.device.therapy == "appliance"
    kept = recording_of(tmp_path, oximetry([97]), header=Header(patient="MCH-1 F X X"), keep_identifiers=True)
    assert kept.subject.patient == "MCH-1"


@pytest.mark.parametrize("option", [{"therapy": "pills"}, {"sex": "x"}, {"channel_map": {"oxygen": "SpO2"}}])
def test_values_that_are_not_allowed(tmp_path, option):
    with pytest.raises(HsatError, match=r"allowed|expected one of"):
        recording_of(tmp_path, oximetry([97]), **option)


def test_map_to_a_missing_label(tmp_path):
    with pytest.raises(MissingChannelError):
        recording_of(tmp_path, oximetry([97]), channel_map={"flow": "Nope"})


def test_path_is_kept_as_given(tmp_path, monkeypatch):
    recording_of(tmp_path, oximetry([97]))
    monkeypatch.chdir(tmp_path)
    assert read_recording("./a.edf").source.path == "./a.edf"


def test_oximeter_that_was_not_plugged_in(shared_data):
    recording = read_recording(shared_data / "odd" / "resmed-cpaplib--20230822_001119_SAD.edf")
    assert np.isnan(recording.signal("spo2").values).all()
    assert np.isnan(recording.signal("pulse").values).all()
