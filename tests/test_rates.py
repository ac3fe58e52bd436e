"""Sampling rates of device profiles: what a file with other rates is told, and what they say of a tie."""

import numpy as np
import pytest
from edf_bytes import Channel, Header, build

from hsat.errors import ReadError, RulesError, UnknownDeviceError
from hsat.io import read_recording
from hsat.io.devices import identify_device, list_profiles, load_profile
from hsat.io.edf import read_edf

PROFILE = """
[device]
name = "mine"
title = "My recorder"
therapy = "none"
source = "its manual"
confidence = "sure"

[labels]
"Kanal 1" = "flow"
"Kanal 2" = "thorax"
"""


@pytest.fixture(autouse=True)
def _own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HSAT_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


def night(tmp_path, rates, *, duration="1", n_records=4):
    """A file with so many samples of each label a record."""
    path = tmp_path / "night.edf"
    channels = [
        Channel(label=label, stored=np.arange(n * n_records).reshape(n_records, n))
        for label, n in rates.items()
    ]
    path.write_bytes(build(Header(duration=duration), channels))
    return path


def profile(tmp_path, tables):
    path = tmp_path / "mine.toml"
    path.write_text(PROFILE + tables, encoding="utf-8")
    return str(path)


def rate_texts(recording):
    return [note.text for note in recording.notes if note.code == "rate_unusual"]


def test_a_resmed_flow_at_5_hz_asks_whether_it_was_resampled(tmp_path):
    (text,) = rate_texts(read_recording(night(tmp_path, {"Flow.40ms": 5, "SpO2.1s": 1})))
    assert "resmed_sd" in text
    assert "'Flow.40ms' at 5 Hz (known: 25 Hz)" in text
    assert "exported or resampled?" in text
    assert "SpO2" not in text


def test_a_resmed_flow_at_25_hz_says_nothing(tmp_path):
    assert rate_texts(read_recording(night(tmp_path, {"Flow.40ms": 25, "SpO2.1s": 1}))) == []


@pytest.mark.parametrize(
    ("n_samples", "is_told"),
    [(9899, True), (9900, False), (10000, False), (10100, False), (10101, True)],
)
def test_one_percent_more_or_less_is_the_same_rate(tmp_path, n_samples, is_told):
    device = profile(tmp_path, "[rates_hz]\nflow = 100\n")
    path = night(tmp_path, {"Kanal 1": n_samples}, duration="100", n_records=1)
    assert bool(rate_texts(read_recording(path, device=device))) is is_told


def test_any_of_several_rates_will_do(tmp_path):
    device = profile(tmp_path, "[rates_hz]\nflow = [25, 50]\n")
    assert rate_texts(read_recording(night(tmp_path, {"Kanal 1": 50}), device=device)) == []
    (text,) = rate_texts(read_recording(night(tmp_path, {"Kanal 1": 10}), device=device))
    assert "(known: 25 or 50 Hz)" in text
    assert "literature" not in text


def test_a_rate_from_the_literature_says_so_and_joins_those_seen(tmp_path):
    device = profile(tmp_path, "[rates_hz]\nflow = 25\n[rates_hz_from_literature]\nflow = 50\n")
    assert load_profile(device).rates_hz == {"flow": (25.0, 50.0)}
    assert rate_texts(read_recording(night(tmp_path, {"Kanal 1": 50}), device=device)) == []
    (text,) = rate_texts(read_recording(night(tmp_path, {"Kanal 1": 10}), device=device))
    assert "by the literature" in text


def test_unknown_rates_say_nothing(tmp_path):
    device = profile(tmp_path, "[rates_hz]\nspo2 = 1\n")
    assert rate_texts(read_recording(night(tmp_path, {"Kanal 1": 3, "Kanal 2": 7}), device=device)) == []


def test_a_channel_that_an_alias_or_the_user_named_has_no_known_rate(tmp_path):
    device = profile(tmp_path, "[rates_hz]\nspo2 = 1\nthorax = 10\n")
    path = night(tmp_path, {"Kanal 1": 10, "SpO2": 4, "Belt": 32})
    recording = read_recording(path, device=device, channel_map={"thorax": "Belt"})
    assert recording.signal("spo2").rate_hz == 4.0
    assert rate_texts(recording) == []


def test_rates_tell_in_a_tie_whose_they_are_and_leave_the_choice(tmp_path):
    both = {"Flow.40ms": 25, "THOR RES": 25, "ABDO RES": 25}
    with pytest.raises(UnknownDeviceError, match=r"nsrr_compumedics, resmed_sd.*are those of resmed_sd\)$"):
        identify_device(read_edf(night(tmp_path, both)))
    neither = {"Flow.40ms": 5, "THOR RES": 5, "ABDO RES": 5}
    with pytest.raises(UnknownDeviceError, match=r"choose one with --device$"):
        identify_device(read_edf(night(tmp_path, neither)))
    each = {"Flow.40ms": 25, "THOR RES": 10, "ABDO RES": 10}
    with pytest.raises(UnknownDeviceError, match=r"choose one with --device$"):
        identify_device(read_edf(night(tmp_path, each)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("flow = 0", r"\[rates_hz\].flow: expected samples a second above 0.*got 0"),
        ("flow = -25", r"\[rates_hz\].flow"),
        ("flow = []", r"\[rates_hz\].flow"),
        ('flow = "25"', r"\[rates_hz\].flow.*got '25'"),
        ("flow = [25, true]", r"\[rates_hz\].flow"),
        ("flow = nan", r"\[rates_hz\].flow"),
        ("flow = inf", r"\[rates_hz\].flow"),
        ("breath = 25", r"\[rates_hz\]: 'breath' is no channel name"),
    ],
)
def test_wrong_rates_are_refused_by_table_and_key(tmp_path, line, message):
    with pytest.raises(RulesError, match=message):
        load_profile(profile(tmp_path, f"[rates_hz]\n{line}\n"))


RATES_PUBLISHED = {
    # User guide of the ResMed S9, "Data storage": flow 25 Hz, leak and snore 1/2 Hz, oximetry 1 Hz.
    "resmed_sd": {"flow": 25, "leak": 0.5, "snore": 0.5, "spo2": 1, "pulse": 1},
    # Montage pages of the studies.
    "nsrr_compumedics": {"thorax": 10, "thermistor": 10, "flow": 32, "spo2": 1},
    "nsrr_mros": {"nasal_pressure": 64, "thorax": 16, "position": 4, "spo2": 1},
    "nsrr_cfs": {"nasal_pressure": 128, "snore": 256, "thorax": 32, "spo2": 1},
    "nsrr_hchs": {"nasal_pressure": 10, "spo2": 1, "activity": 10},
    "embla": {"nasal_pressure": 20, "thorax": 50, "rip_sum": 50, "spo2": 3},
}


@pytest.mark.parametrize("name", sorted(RATES_PUBLISHED))
def test_published_rates_are_in_the_profile(name):
    known = load_profile(name).rates_hz
    for channel, rate_hz in RATES_PUBLISHED[name].items():
        assert rate_hz in known[channel], channel


def test_rates_are_those_of_channels_that_the_profile_names():
    """A rate of a name that no label leads to would never be looked at."""
    for name in list_profiles():
        loaded = load_profile(name)
        assert set(loaded.rates_hz) <= set(loaded.labels.values()), name


def test_real_files_have_the_rates_of_their_profiles(shared_data):
    files = sorted((shared_data / "real").rglob("*.edf")) + sorted((shared_data / "odd").glob("*.edf"))
    rated = 0
    for path in files:
        try:
            recording = read_recording(path)
        except ReadError:  # an odd file that is refused
            continue
        rated += bool(load_profile(recording.device.profile).rates_hz)
        assert rate_texts(recording) == [], path
    assert rated > 50
