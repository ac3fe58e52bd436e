"""The night under other rules, and with and without the square root of nasal pressure."""

from dataclasses import replace

import numpy as np
import pytest
from breathing_signals import (
    Fall,
    breath_table,
    flow_channel,
    flow_curve,
    recording_of,
    signal_of,
    spo2_channel,
)
from night_builder import make_result

import hsat
from hsat.detect.breathing import flow_from_pressure
from hsat.report.text import night_text
from hsat.results import Alternative

RULES = hsat.load_rules("aasm_1b")
LINEARISED = replace(RULES, nasal_pressure=replace(RULES.nasal_pressure, is_linearised=True))
DURATION_S = 9000.0
N_FALLS = 24


def pressure_night(reduction: float, *, gain: float = 1.0, offset: float = 0.0) -> hsat.Recording:
    """Flow falls by `reduction`; the cannula stores its square, with the sign of flow."""
    falls = [Fall(300.0 + 350.0 * i, 20.0, reduction, 6.0) for i in range(N_FALLS)]
    flow = flow_curve(breath_table(DURATION_S, falls), DURATION_S, 20.0)
    pressure = gain * flow * np.abs(flow) + offset
    return recording_of(signal_of("nasal_pressure", pressure, 20.0), spo2_channel(DURATION_S, falls))


@pytest.mark.parametrize(
    ("reduction", "n_plain", "n_linearised"),
    [
        (0.10, 0, 0),  # pressure falls by 1 - 0.9^2 = 19 %
        (0.23, N_FALLS, 0),  # by 41 %: a hypopnea in pressure, none in flow
        (0.45, N_FALLS, N_FALLS),  # by 70 %
    ],
)
@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (-0.02, 0.5)])
def test_the_square_root_decides_about_falls_of_30_percent(reduction, n_plain, n_linearised, gain, offset):
    recording = pressure_night(reduction, gain=gain, offset=offset)
    hours = DURATION_S / 3600.0
    plain, linearised = hsat.score_night(recording), hsat.score_night(recording, LINEARISED)
    assert plain.indices.ahi_per_h == n_plain / hours
    assert linearised.indices.ahi_per_h == n_linearised / hours
    # Each carries the other as its alternative.
    assert plain.alternatives["aasm_1b_linearised"].ahi_per_h == n_linearised / hours
    assert linearised.alternatives["aasm_1b_not_linearised"].ahi_per_h == n_plain / hours
    assert plain.alternatives["aasm_1b_linearised"].severity == linearised.severity
    assert linearised.alternatives["aasm_1b_not_linearised"].severity == plain.severity
    assert plain.is_class_stable is (n_plain == n_linearised)


def test_an_apnea_in_pressure_is_a_hypopnea_in_flow():
    """85 % of flow are 97.8 % of pressure, 1 - 0.15^2, of which an apnea needs 96 %."""
    recording = pressure_night(0.85)
    assert {e.kind.is_apnea for e in hsat.score_night(recording).events} == {True}
    assert {e.kind.is_apnea for e in hsat.score_night(recording, LINEARISED).events} == {False}


def test_only_nasal_pressure_is_linearised():
    falls = [Fall(300.0 + 350.0 * i, 20.0, 0.45, 6.0) for i in range(N_FALLS)]
    recording = recording_of(flow_channel(DURATION_S, falls), spo2_channel(DURATION_S, falls))
    plain, other = hsat.score_night(recording), hsat.score_night(recording, LINEARISED)
    assert set(plain.alternatives) == {"aasm_1a", "cms"}
    assert other.events == plain.events


def test_the_identity_of_the_other_reading_is_told_apart():
    found = hsat.score_night(pressure_night(0.45)).alternatives["aasm_1b_linearised"]
    assert found.rules_id == f"{RULES.rules_id}, linearised"


def test_the_signed_square_root_by_hand():
    values = np.array([-9.0, -0.25, 0.0, 4.0], np.float32)
    assert flow_from_pressure(values).tolist() == [-3.0, -0.5, 0.0, 2.0]
    assert values.tolist() == [-9.0, -0.25, 0.0, 4.0]


@pytest.mark.parametrize("name", ["aasm_1b", "aasm_1a", "cms", "aasm_1b_typed"])
def test_every_night_is_judged_under_the_three_published_sets_but_its_own(name):
    recording = pressure_night(0.45)
    night = hsat.score_night(recording, hsat.load_rules(name))
    others = [other for other in ("aasm_1b", "aasm_1a", "cms") if other != name]
    assert list(night.alternatives) == [*others, f"{name}_linearised"]
    for other in others:
        own = hsat.score_night(recording, hsat.load_rules(other))
        assert night.alternatives[other].ahi_per_h == own.indices.ahi_per_h
        assert night.alternatives[other].severity == own.severity


def others(*classes: str | None) -> dict[str, Alternative]:
    return {
        f"set{i}": Alternative(rules_id=f"set{i}@0", ahi_per_h=20.0, severity=severity)
        for i, severity in enumerate(classes)
    }


@pytest.mark.parametrize(
    ("severity", "classes", "is_stable", "line"),
    [
        ("moderate", ("moderate", "moderate"), True, "Stable: moderate under each of these rules"),
        ("moderate", ("moderate", "severe"), False, "Not stable: from moderate to severe"),
        ("moderate", ("severe", "mild"), False, "Not stable: from mild to severe"),
        ("moderate", ("moderate", None), None, None),
        (None, ("moderate",), None, None),
        ("moderate", (), None, None),
    ],
)
def test_the_report_says_whether_the_class_holds(severity, classes, is_stable, line):
    night = make_result(severity=severity, alternatives=others(*classes))
    assert night.is_class_stable is is_stable
    text = night_text(night)
    assert (line in text) if line else ("table: " not in text)
