"""Device profiles: which fits, what it says, and errors that name file, table and key."""

import os

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build

from hsat.errors import RulesError, UnknownDeviceError
from hsat.io import read_recording
from hsat.io.channels import PositionCode
from hsat.io.devices import identify_device, list_profiles, load_profile
from hsat.io.edf import read_edf

STORED = np.arange(40).reshape(4, 10)

PROFILE = """
[device]
name = "mine"
title = "My recorder"
therapy = "none"
source = "its manual"
confidence = "sure"

[match]
label_sets = [["Kanal 1", "Kanal 2"]]

[labels]
"Kanal 1" = "flow"
"Kanal 2" = "position"

[units]
flow = "mL/s"

[sentinels]
spo2 = [77]

[polarity]
inverted = ["flow"]

[position]
supine = 4
left = 1
"""


@pytest.fixture(autouse=True)
def _own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


def edf_of(tmp_path, *labels, recording="Startdate 03-MAR-2026 X X X", name="a.edf", channels=()):
    path = tmp_path / name
    channels = [*(Channel(label=label, stored=STORED) for label in labels), *channels]
    path.write_bytes(build(Header(recording=recording), channels))
    return path


def test_all_profiles_load_and_tell_their_source():
    assert {"generic", "resmed_sd", "somnomedics", "nox", "nsrr_compumedics"} <= set(list_profiles())
    for name in list_profiles():
        profile = load_profile(name)
        assert profile.name == name
        assert profile.source
        assert profile.confidence


@pytest.mark.parametrize(
    ("labels", "recording", "expected"),
    [
        pytest.param(["Flow", "SpO2"], "Startdate 03-MAR-2026 X X X", "generic", id="none"),
        pytest.param(["Flow.40ms"], "Startdate 03-MAR-2026 X X X", "resmed_sd", id="by-label"),
        pytest.param(
            ["Airflow"], "Startdate 03-MAR-2026 X X NoxMedical.A1Device:992", "nox", id="by-equipment"
        ),
        pytest.param(["THOR RES", "ABDO RES", "SaO2"], "", "nsrr_compumedics", id="by-labels"),
        pytest.param(
            ["Flow"], "Startdate 03-MAR-2026 X NoxMedical X", "generic", id="technician-is-no-device"
        ),
    ],
)
def test_profile_that_fits(tmp_path, labels, recording, expected):
    assert identify_device(read_edf(edf_of(tmp_path, *labels, recording=recording))).name == expected


PUBLISHED = {
    # Montage pages of the NSRR studies and public channel lists; what each channel is stands there too.
    "nsrr_mros": {
        "Position": "",
        "C3": "eeg",
        "Airflow": "thermistor",
        "SUM": "rip_sum",
        "Thoracic": "thorax",
        "Abdominal": "abdomen",
        "STAT": "",
        "HR": "pulse",
        "SAO2": "spo2",
        "Cannula Flow": "nasal_pressure",
        "DHR": "",
    },
    "nsrr_cfs": {
        "Airflow": "thermistor",
        "Thor Effort": "thorax",
        "Abdo Effort": "abdomen",
        "Sum": "rip_sum",
        "Snore": "snore",
        "Position": "",
        "Ox Status": "",
        "Pulse": "pulse",
        "SpO2": "spo2",
        "Nasal Pres": "nasal_pressure",
        "PlethWV": "",
    },
    "nsrr_compumedics": {
        "EKG": "ecg",
        "Flow": "flow",
        "Snore": "snore",
        "Thor": "thorax",
        "Abdo": "abdomen",
        "Aux_AC": "thermistor",
        "Pos": "",
        "Pleth": "",
        "OxStatus": "",
        "SpO2": "spo2",
        "HR": "pulse",
        "DHR": "",
    },
    "nsrr_hchs": {
        "A-Pulse": "pulse",
        "A-SpO2": "spo2",
        "A-Snore": "snore",
        "A-Flow": "nasal_pressure",
        "HMov": "activity",
        "HPos": "",
        "FVP/A-Effort": "",
    },
    "embla": {
        "Snore": "snore",
        "Sum": "rip_sum",
        "Pulse": "pulse",
        "SpO2": "spo2",
        "Activity": "activity",
        "Nasal": "nasal_pressure",
        "EKG": "ecg",
        "Thorax": "thorax",
        "Abdomen": "abdomen",
        "RD-Pleth": "",
        "Thermistor": "thermistor",
        "SpO2-BB": "",
        "SpO2-Quality": "",
        "RD-Quality": "",
        "Position": "",
        "Phase": "",
        "RMI": "",
        "RR": "",
        "XFlow": "rip_flow",
    },
    "philips_alice": {
        "EMG Chin": "emg",
        "ECG I": "ecg",
        "RR": "",
        "Snore": "snore",
        "Flow Patient": "flow",
        "Effort THO": "thorax",
        "Effort ABD": "abdomen",
        "SpO2": "spo2",
        "Pleth": "",
        "Body": "",
        "xPAP CPAP": "pressure",
        "Leak Total": "leak",
        "PulseRate": "pulse",
        "Technical": "",
    },
    "somnomedics": {
        "SPO2": "spo2",
        "Snore": "snore",
        "Pressure Snore": "",
        "Pulse": "pulse",
        "Pleth": "",
        "Pos.": "",
        "Sum Effort": "rip_sum",
        "Abdomen": "abdomen",
        "Pressure Flow": "nasal_pressure",
        "Flow Th": "thermistor",
        "Thorax": "thorax",
        "Battery": "",
    },
    "nox": {
        "Abdomen Fast": "",
        "ECG": "ecg",
        "Mask Pressure": "pressure",
        "Nasal Pressure": "nasal_pressure",
        "Snore": "snore",
        "Thorax Fast": "",
        "Abdomen CaL": "",
        "Abdomen": "abdomen",
        "cRIP Flow": "rip_flow",
        "cRIP Sum": "rip_sum",
        "RIP Flow": "",
        "RIP Sum": "",
        "Chest": "thorax",
        "PosAngle": "",
        "Heart Rate": "",
        "Pulse": "pulse",
        "Saturation": "spo2",
        "SpO2 B-B": "",
    },
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_channels_get_their_profile_and_names(tmp_path, name):
    recording = read_recording(edf_of(tmp_path, *PUBLISHED[name]))
    assert recording.device.profile == name
    named = {signal.source_label: signal.name for signal in recording.signals}
    assert named == {label: canonical for label, canonical in PUBLISHED[name].items() if canonical}


def test_labels_from_the_literature_are_named_in_a_note_and_in_what_mapped_them(tmp_path):
    recording = read_recording(edf_of(tmp_path, *PUBLISHED["nsrr_mros"]))
    note = next(note for note in recording.notes if note.code == "labels_unverified")
    assert "'Cannula Flow' as nasal_pressure" in note.text
    assert recording.signal("nasal_pressure").mapped_by == "device profile, from the literature"
    # Of a recorder whose header was seen, only labels that header did not have.
    seen = read_recording(edf_of(tmp_path, "Flow.40ms", "SpO2.1s"))
    assert "labels_unverified" not in {note.code for note in seen.notes}
    assert seen.signal("flow").mapped_by == "device profile"


def test_a_label_is_seen_or_from_the_literature_not_both(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(PROFILE + '[labels_from_literature]\n"kanal-1" = "flow"\n', encoding="utf-8")
    with pytest.raises(RulesError, match=r"\[labels_from_literature\].kanal 1: already in \[labels\]"):
        load_profile(str(path))


def test_an_unknown_recorder_is_read_by_aliases(tmp_path):
    recording = read_recording(edf_of(tmp_path, "Resp Flow", "Effort Thorax", "SaO2", "Nonsense"))
    assert recording.device.profile == "generic"
    assert [signal.name for signal in recording.signals] == ["flow", "thorax", "spo2"]


def test_a_technician_called_alice_is_no_recorder(tmp_path):
    edf = edf_of(tmp_path, "Flow", recording="Startdate 03-MAR-2026 X X Alice")
    assert identify_device(read_edf(edf)).name == "generic"
    edf = edf_of(tmp_path, "Flow", recording="Startdate 03-MAR-2026 X X Alice 6")
    assert identify_device(read_edf(edf)).name == "philips_alice"


def test_two_fitting_profiles_are_named(tmp_path):
    edf = read_edf(edf_of(tmp_path, "Flow.40ms", "THOR RES", "ABDO RES"))
    with pytest.raises(UnknownDeviceError, match="nsrr_compumedics, resmed_sd"):
        identify_device(edf)
    assert identify_device(edf, name_or_path="resmed_sd").name == "resmed_sd"


def test_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(UnknownDeviceError, match=r"'nix'.*resmed_sd"):
        read_recording(edf_of(tmp_path, "Flow"), device="nix")


@pytest.mark.parametrize(("line", "averaging_s"), [("oximeter_averaging_s = 3\n", 3.0), ("", None)])
def test_a_profile_may_tell_what_the_oximeter_averages_over(tmp_path, line, averaging_s):
    profile = tmp_path / "mine.toml"
    profile.write_text(PROFILE.replace('title = "My', f'{line}title = "My'), encoding="utf-8")
    recording = read_recording(edf_of(tmp_path, "Flow"), device=str(profile))
    assert recording.device.oximeter_averaging_s == averaging_s


def test_own_profile_by_path(tmp_path):
    profile = tmp_path / "mine.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    codes = np.array([[4, 1, 9, 4]] * 3)
    flow = Channel(label="Kanal 1", stored=STORED[:3], physical=("-32768", "32767"))
    turned = Channel(label="Kanal 2", stored=codes, physical=("-32768", "32767"))
    recording = read_recording(edf_of(tmp_path, channels=[flow, turned]), device=str(profile))
    assert (recording.device.name, recording.device.therapy) == ("My recorder", "none")
    assert recording.signal("flow").unit == "mL/s"
    np.testing.assert_allclose(recording.signal("flow").values, -np.arange(30.0))
    expected = [PositionCode.SUPINE, PositionCode.LEFT, np.nan, PositionCode.SUPINE] * 3
    np.testing.assert_array_equal(recording.signal("position").values, expected)


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('therapy = "none"', 'therapy = "pills"', [r"\[device\]", "therapy", "pap", "pills"]),
        ('title = "My recorder"\n', "", [r"\[device\]", "title"]),
        ('confidence = "sure"', 'confidence = "sure"\ncolour = "red"', [r"\[device\]", "colour"]),
        (
            'title = "My',
            'oximeter_averaging_s = 61\ntitle = "My',
            [r"\[device\]", "oximeter_averaging_s", "61"],
        ),
        ('title = "My', 'oximeter_averaging_s = "3"\ntitle = "My', [r"\[device\]", "oximeter_averaging_s"]),
        ("[units]", "[unit]", ["unit"]),
        ('flow = "mL/s"', "flow = 3", [r"\[units\]", "flow"]),
        ("spo2 = [77]", 'spo2 = ["77"]', [r"\[sentinels\]", "spo2"]),
        ("spo2 = [77]", "oxygen = [77]", [r"\[sentinels\]", "oxygen"]),
        ('"Kanal 1" = "flow"', '"Kanal 1" = "wind"', [r"\[labels\]", "wind"]),
        ("supine = 4", 'supine = "4"', [r"\[position\]", "supine"]),
        ("supine = 4", "upside_down = 4", [r"\[position\]", "upside_down"]),
        ('[["Kanal 1", "Kanal 2"]]', '["Kanal 1"]', [r"\[match\]", "label_sets"]),
        ("[device]", "[device", ["no TOML"]),
        ("left = 1", "left = 4.0", [r"\[position\]", "left", "supine"]),
        ("supine = 4", "supine = nan", [r"\[position\]", "supine", "nan"]),
        ("spo2 = [77]", "spo2 = [inf]", [r"\[sentinels\]", "spo2", "inf"]),
        ("spo2 = [77]", f"spo2 = [{'9' * 300}]", [r"\[sentinels\]", "spo2", "999..."]),
        ("spo2 = [77]", f"spo2 = [{'9' * 5000}]", ["too large"]),
        ("spo2 = [77]", f"spo2 = 0x{'f' * 9000}", ["a whole number beyond 2"]),
        ("spo2 = [77]", f"spo2 = {'[' * 5000}{']' * 5000}", ["too large"]),
        ("spo2 = [77]", f"spo2 = [77] #{' ' * (256 << 10)}", ["larger than 256 KiB"]),
        ('"My recorder"', '"My \udcff recorder"', ["no UTF-8"]),
    ],
)
def test_wrong_profile_names_file_table_and_key(tmp_path, old, new, names):
    path = tmp_path / "mine.toml"
    assert old in PROFILE
    path.write_text(PROFILE.replace(old, new), encoding="utf-8", errors="surrogateescape")
    with pytest.raises(RulesError) as caught:
        load_profile(str(path))
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 400
    for part in ("mine.toml", *names):
        assert part.replace("\\", "") in line


def test_profile_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + PROFILE.replace("\n", "\r\n").encode())
    assert load_profile(str(path)).title == "My recorder"


def test_profile_that_never_ends_is_refused_without_reading(tmp_path):
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/zero"):
        with pytest.raises(RulesError, match="no regular file"):
            load_profile(str(path))


@pytest.mark.parametrize("name", ["", ".", "a\0b", "x" * 5000])
def test_no_file_at_all(name):
    with pytest.raises(UnknownDeviceError, match="no readable file"):
        load_profile(name)


@pytest.mark.parametrize(
    ("name", "labels", "kind"),
    [
        ("20230822_001107_EVE.edf", ["Crc16"], "EVE"),
        ("20230822_001107_CSL.edf", ["Crc16"], "CSL"),
        ("renamed.edf", ["Crc16"], "EVE or CSL"),
        ("20230822_001107_PLD.edf", ["MaskPress.2s", "Leak.2s"], "PLD"),
        ("STR.edf", ["MaskOn", "MaskOff", "Crc16"], "STR"),
    ],
)
def test_companion_files_are_named_for_what_they_are(tmp_path, name, labels, kind):
    path = edf_of(tmp_path, *labels, name=name, channels=[annotation_channel([b"+0\x14\x14\0"] * 4)])
    recording = read_recording(path)
    note = next(note for note in recording.notes if note.code == "device_companion")
    assert f"({kind})" in note.text
    assert recording.device.therapy == "pap"


def test_recording_with_flow_is_no_companion(tmp_path):
    notes = read_recording(edf_of(tmp_path, "Flow.40ms", "Crc16", name="x_EVE.edf")).notes
    assert "device_companion" not in {note.code for note in notes}


def test_cards_of_a_pap_device(shared_data):
    """Every file of three real cards is recognised; what holds no respiration or SpO2 is a companion."""
    folder = shared_data / "real" / "resmed-original"
    kinds = {"_EVE": "(EVE)", "_CSL": "(CSL)", "_PLD": "(PLD)", "STR": "(STR)"}
    paths = sorted(folder.rglob("*.edf"))[::5]
    assert len(paths) > 40
    for path in paths:
        recording = read_recording(path)
        assert recording.device.profile == "resmed_sd", path.name
        texts = [note.text for note in recording.notes if note.code == "device_companion"]
        kind = next((text for end, text in kinds.items() if path.stem.endswith(end)), None)
        assert (kind is None) == (texts == []), path.name
        assert kind is None or kind in texts[0], path.name
