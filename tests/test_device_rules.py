"""The rule set of a device maker: 75 % and 50 % less flow, no oximetry (AirSense S10 user guide).

Breathing is drawn by hand, so that depth and length of every fall are known.
"""

from dataclasses import replace
from math import inf, nextafter

import pytest
from breathing_signals import Fall, flow_channel, night_of, recording_of, signal_of
from test_scoring_rules import candidate_of

import hsat
from hsat.detect.judging import judge

DEVICE_RULES = hsat.load_rules("resmed_75")
RULES_1B = hsat.load_rules("aasm_1b")
STARTS_S = (400.0, 700.0, 1000.0, 1300.0)


def kinds_under(rules, reduction, duration_s, drop_points=6.0):
    falls = [Fall(start_s, duration_s, reduction, drop_points) for start_s in STARTS_S]
    night = hsat.score_night(night_of(falls), rules)
    return ["apnea" if event.kind.is_apnea else "hypopnea" for event in night.events]


def test_device_rules_state_that_they_are_for_comparison_only():
    document = hsat.rules.load.read_rules("resmed_75", hsat.rules.model.ScoringRules)
    tables = {table.name: table for table in document.tables}
    for name in ("apnea", "hypopnea"):
        assert tables[name].meaning.startswith("For comparison with devices only, not a diagnostic rule")
        assert "AirSense" in tables[name].source


def test_device_rules_differ_from_1b_in_depth_oximetry_and_the_measure_of_ventilation_alone():
    apnea = replace(
        RULES_1B.apnea,
        min_reduction_fraction=0.75,
        min_pressure_reduction_fraction=1.0 - 0.25**2,
        smoothing_s=0.5,
    )
    ventilation = replace(RULES_1B.ventilation, window_s=2.5, recent_s=60.0)
    hypopnea = replace(RULES_1B.hypopnea, min_reduction_fraction=0.50, min_desaturation_points=0.0)
    head = {name: getattr(DEVICE_RULES, name) for name in ("name", "title", "source", "rules_id")}
    changed = replace(RULES_1B, apnea=apnea, ventilation=ventilation, hypopnea=hypopnea, **head)
    assert changed == DEVICE_RULES


def test_a_fall_of_85_percent_for_14_s_is_an_apnea_on_a_device_and_a_hypopnea_under_1b():
    assert kinds_under(DEVICE_RULES, 0.85, 14.0) == ["apnea"] * 4
    assert kinds_under(RULES_1B, 0.85, 14.0) == ["hypopnea"] * 4


@pytest.mark.parametrize(("reduction", "kind"), [(0.70, "hypopnea"), (0.85, "apnea")])
def test_a_device_calls_75_percent_less_ventilation_an_apnea(reduction, kind):
    """Of 2.5 s: within a drawn breath, which breathes in for 1.2 s, it rises by a third over its mean."""
    assert kinds_under(DEVICE_RULES, reduction, 16.0) == [kind] * 4


@pytest.mark.parametrize(("reduction", "kind"), [(0.60, "hypopnea"), (0.85, "apnea")])
def test_on_nasal_pressure_the_fall_is_that_of_flow(reduction, kind):
    """Drawn as flow and squared: 60 % less flow are 84 % less pressure, and no apnea."""
    falls = [Fall(start_s, 16.0, reduction) for start_s in STARTS_S]
    flow = flow_channel(1800.0, falls, rate_hz=25.0)[2]
    night = hsat.score_night(recording_of(signal_of("nasal_pressure", flow * abs(flow), 25.0)), DEVICE_RULES)
    assert ["apnea" if event.kind.is_apnea else "hypopnea" for event in night.events] == [kind] * 4


@pytest.mark.parametrize(("reduction", "kind"), [(0.60, "hypopnea"), (0.70, "hypopnea"), (0.85, "apnea")])
@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_on_linearised_nasal_pressure_the_fall_is_that_of_flow(reduction, kind, offset):
    """60 and 70 % less flow are 84 and 91 % less pressure, and no apnea: pressure does not judge."""
    linearised = replace(DEVICE_RULES.nasal_pressure, is_linearised=True)
    falls = [Fall(start_s, 16.0, reduction) for start_s in STARTS_S]
    flow = flow_channel(1800.0, falls, rate_hz=25.0)[2]
    recording = recording_of(signal_of("nasal_pressure", flow * abs(flow) + offset, 25.0))
    night = hsat.score_night(recording, replace(DEVICE_RULES, nasal_pressure=linearised))
    assert ["apnea" if event.kind.is_apnea else "hypopnea" for event in night.events] == [kind] * 4


@pytest.mark.parametrize(("reduction", "n_events"), [(0.45, 0), (0.55, 4)])
def test_a_device_hypopnea_is_50_percent_less_flow_without_any_fall_of_spo2(reduction, n_events):
    assert kinds_under(DEVICE_RULES, reduction, 16.0, drop_points=0.0) == ["hypopnea"] * n_events
    assert kinds_under(RULES_1B, reduction, 16.0, drop_points=0.0) == []


@pytest.mark.parametrize(
    ("reduction_fraction", "is_event"),
    [(nextafter(0.50, 0.0), False), (0.50, True), (nextafter(0.50, inf), True)],
)
@pytest.mark.parametrize("has_oximetry", [False, True])
def test_device_hypopnea_to_the_last_bit_with_and_without_spo2(reduction_fraction, is_event, has_oximetry):
    candidate = candidate_of(reduction_fraction=reduction_fraction, desaturation=None)
    verdict = judge(candidate, DEVICE_RULES, has_oximetry=has_oximetry)
    assert verdict.is_hypopnea is is_event
    assert "SpO2 is asked for" in verdict.clause if is_event else "needs 50%" in verdict.clause


def test_a_device_recording_without_spo2_has_an_ahi_of_both_kinds():
    """Half an hour with two apneas and two hypopneas: 8 events an hour, and no AHI under 1B."""
    falls = [
        Fall(start_s, 16.0, depth) for start_s, depth in zip(STARTS_S, (0.9, 0.6, 0.9, 0.6), strict=True)
    ]
    recording = recording_of(flow_channel(1800.0, falls))
    night = hsat.score_night(recording, DEVICE_RULES)
    assert (night.indices.n_apneas, night.indices.n_hypopneas) == (2, 2)
    assert night.indices.ahi_per_h == pytest.approx(8.0, rel=0.02)
    assert night.indices.mean_hypopnea_duration_s == pytest.approx(16.0, abs=3.0)
    assert hsat.score_night(recording, RULES_1B).indices.ahi_per_h is None
