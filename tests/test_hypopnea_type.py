"""Hypopneas typed by what is drawn into flow, belts and snoring (Berry 2012, optional rule)."""

from dataclasses import replace
from math import pi, sqrt

import numpy as np
import pytest
from breathing_signals import (
    BREATH_IN,
    BREATH_OUT,
    Fall,
    breath_table,
    recording_of,
    signal_of,
    spo2_channel,
)

import hsat
from hsat.detect.hypopnea_type import flattening_index, phase_degrees
from hsat.detect.snoring import find_snoring, measure_sound_level_db
from hsat.events import EventKind
from hsat.recording import Calibration
from hsat.rules.model import ScoringRules

TYPED = hsat.load_rules("aasm_1b_typed")
WITHOUT_SNORE = replace(TYPED, hypopnea_type=replace(TYPED.hypopnea_type, is_snore_needed=False))
DURATION_S = 1800.0
STARTS_S = (400.0, 700.0, 1000.0, 1300.0)
LENGTH_S = 24.0
FALLS = [Fall(start_s, LENGTH_S, 0.5, 6.0) for start_s in STARTS_S]
TABLE = breath_table(DURATION_S, FALLS)


def within(times_s: np.ndarray, before_s: float = 0.0) -> np.ndarray:
    """Which times lie in a hypopnea, or up to `before_s` before one."""
    return np.any([(times_s >= s - before_s) & (times_s < s + LENGTH_S) for s in STARTS_S], axis=0)


def flow_of(rate_hz: float = 20.0, *, is_flat: bool) -> np.ndarray:
    """Breaths as half sines; in hypopneas inspiration is a plateau where flow is limited."""
    times_s = (np.arange(round(DURATION_S * rate_hz)) + 0.5) / rate_hz
    onset_s, length_s, size = TABLE[np.searchsorted(TABLE[:, 0], times_s, side="right") - 1].T
    phase = (times_s - onset_s) / length_s
    place = np.minimum(phase / BREATH_IN, 1.0)
    inflow = np.sin(np.pi * place)
    plateau = np.clip(np.minimum(place, 1.0 - place) / 0.12, 0.0, 1.0)
    inflow = np.where(within(times_s) & is_flat, plateau, inflow)
    out = np.clip((phase - BREATH_IN) / BREATH_OUT, 0.0, 1.0)
    return size * (inflow - BREATH_IN / BREATH_OUT * np.sin(np.pi * out))


def belts_of(
    *, is_paradoxical: bool, before_s: float = 0.0, gain: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Two belts that move together, or in hypopneas against each other."""
    volume = np.cumsum(flow_of(10.0, is_flat=False)) / 10.0
    volume -= np.linspace(volume[0], volume[-1], len(volume))
    times_s = np.arange(len(volume)) / 10.0
    sign = np.where(within(times_s, before_s) & is_paradoxical, -1.0, 1.0)
    return volume, gain * sign * volume


def snore_of(rate_hz: float, *, is_snoring: bool, gain: float = 1.0, offset: float = 0.0) -> np.ndarray:
    """A microphone's vibration above 50 Hz, else a level; noise where nobody snores."""
    times_s = np.arange(round(DURATION_S * rate_hz)) / rate_hz
    rng = np.random.default_rng(5)
    loud = within(times_s) & (np.mod(times_s, 4.0) < 1.5) & is_snoring
    if rate_hz >= 50.0:
        values = 0.02 * rng.standard_normal(len(times_s)) + loud * np.sin(2 * np.pi * 31.0 * times_s)
    else:
        values = 0.02 * np.abs(rng.standard_normal(len(times_s))) + loud
    return gain * values + offset


def score(
    rules: ScoringRules = TYPED,
    *,
    is_flat: bool = False,
    belts: tuple[np.ndarray, np.ndarray] | None = None,
    snore: tuple[float, np.ndarray] | None = None,
    sensor: str = "flow",
) -> hsat.NightResult:
    channels = [signal_of(sensor, flow_of(is_flat=is_flat), 20.0), spo2_channel(DURATION_S, FALLS)]
    if belts is not None:
        channels += [
            signal_of(name, belt, 10.0) for name, belt in zip(("thorax", "abdomen"), belts, strict=True)
        ]
    if snore is not None:
        channels.append(signal_of("snore", snore[1], snore[0]))
    night = hsat.score_night(recording_of(*channels))
    typed = hsat.score_night(recording_of(*channels), rules)
    assert len(typed.events) == len(FALLS)
    # Types change nothing else.
    spans = [[(e.start_s, e.stop_s, e.desaturation) for e in x.events] for x in (night, typed)]
    assert spans[0] == spans[1]
    assert night.indices.ahi_per_h == typed.indices.ahi_per_h
    assert night.indices.hypopnea_index_per_h == typed.indices.hypopnea_index_per_h
    return typed


IN_PHASE, PARADOX = belts_of(is_paradoxical=False), belts_of(is_paradoxical=True)
QUIET, SNORING = (200.0, snore_of(200.0, is_snoring=False)), (200.0, snore_of(200.0, is_snoring=True))


def kinds(night: hsat.NightResult) -> set[str]:
    return {event.kind.value for event in night.events}


def signs(night: hsat.NightResult) -> set[tuple[str, ...] | None]:
    return {event.obstructive_signs for event in night.events}


@pytest.mark.parametrize("is_flat", [False, True])
@pytest.mark.parametrize("belts", [IN_PHASE, PARADOX])
@pytest.mark.parametrize("snore", [QUIET, SNORING])
def test_obstructive_if_any_sign_shows_and_central_if_none_does(is_flat, belts, snore):
    night = score(is_flat=is_flat, belts=belts, snore=snore)
    shown = {"snoring": snore is SNORING, "flattening": is_flat, "paradox": belts is PARADOX}
    expected = tuple(name for name, is_shown in shown.items() if is_shown)
    assert signs(night) == {expected}
    assert kinds(night) == {"obstructive_hypopnea" if expected else "central_hypopnea"}
    words = f"obstructive: {', '.join(expected)}" if expected else "central: no sign of an obstruction"
    assert all(event.criterion.endswith(words) for event in night.events)
    rates = (night.indices.obstructive_hypopnea_index_per_h, night.indices.central_hypopnea_index_per_h)
    assert rates == ((8.0, 0.0) if expected else (0.0, 8.0))
    assert night.indices.unclassified_hypopnea_index_per_h == 0.0
    assert night.indices.n_hypopneas == 4


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"belts": IN_PHASE}, "snoring"),
        ({"snore": QUIET}, "paradox"),
        ({}, "snoring, paradox"),
        ({"belts": IN_PHASE, "snore": QUIET, "sensor": "thermistor"}, "flattening"),
    ],
)
def test_the_type_stays_open_where_a_sign_could_not_be_judged(given, missing):
    night = score(**given)
    assert kinds(night) == {"hypopnea"}
    assert signs(night) == {()}
    assert all(event.criterion.endswith(f"type open: {missing} cannot be judged") for event in night.events)
    assert night.indices.unclassified_hypopnea_index_per_h == 8.0
    for name in ("obstructive_hypopnea_index_per_h", "central_hypopnea_index_per_h"):
        assert getattr(night.indices, name) is None  # 0 would say that there was none
        assert "4 of 4 hypopneas stays open" in night.not_measured[f"indices.{name}"]


def test_one_sign_is_enough_whatever_else_is_missing():
    assert kinds(score(is_flat=True)) == {"obstructive_hypopnea"}
    assert kinds(score(snore=SNORING)) == {"obstructive_hypopnea"}
    assert kinds(score(belts=PARADOX)) == {"obstructive_hypopnea"}


def test_a_laboratory_may_do_without_a_snore_channel():
    assert kinds(score(WITHOUT_SNORE, belts=IN_PHASE)) == {"central_hypopnea"}
    assert kinds(score(WITHOUT_SNORE)) == {"hypopnea"}
    assert kinds(score(WITHOUT_SNORE, belts=IN_PHASE, snore=SNORING)) == {"obstructive_hypopnea"}


def test_paradox_that_was_there_before_is_no_sign():
    """Berry 2012: paradox during the event but not before it."""
    before = belts_of(is_paradoxical=True, before_s=150.0)
    assert signs(score(WITHOUT_SNORE, belts=before)) == {()}


@pytest.mark.parametrize("gain", [-1.0, 0.01, -500.0])
def test_gain_and_polarity_of_a_belt_do_not_matter(gain):
    for is_paradoxical, expected in ((False, ()), (True, ("paradox",))):
        belts = belts_of(is_paradoxical=is_paradoxical, gain=gain)
        assert signs(score(WITHOUT_SNORE, belts=belts)) == {expected}


def test_a_dead_belt_cannot_show_paradox():
    night = score(belts=(IN_PHASE[0], np.zeros_like(IN_PHASE[1])), snore=QUIET)
    assert kinds(night) == {"hypopnea"}


@pytest.mark.parametrize(
    ("rate_hz", "gain", "offset"),
    [(200.0, 1.0, 0.0), (200.0, 1e-3, 5.0), (200.0, -40.0, 0.0), (1.0, 1.0, 0.0), (5.0, 300.0, 40.0)],
)
def test_snoring_is_relative_to_the_quiet_of_the_night(rate_hz, gain, offset):
    """A microphone or a level, whatever its unit and zero."""
    for is_snoring, expected in ((False, ()), (True, ("snoring",))):
        snore = snore_of(rate_hz, is_snoring=is_snoring, gain=gain, offset=offset)
        assert signs(score(snore=(rate_hz, snore))) == {expected}


def test_a_snore_channel_that_holds_nothing_is_none():
    rule = TYPED.hypopnea_type
    for values in (np.zeros(1800), np.full(1800, np.nan), np.full(1800, 3.0)):
        assert find_snoring(recording_of(signal_of("snore", values, 1.0)), rule) is None
    assert find_snoring(recording_of(spo2_channel(100.0)), rule) is None


def test_a_slow_level_holds_until_its_next_sample():
    levels = np.zeros(60)
    levels[20] = 5.0
    found = find_snoring(recording_of(signal_of("snore", levels, 0.5)), TYPED.hypopnea_type)
    assert np.flatnonzero(found == 1).tolist() == [40, 41]


def test_a_microphone_that_fails_in_the_event_leaves_snoring_open():
    snore = snore_of(1.0, is_snoring=True)
    snore[within(np.arange(len(snore)))] = np.nan
    night = score(belts=IN_PHASE, snore=(1.0, snore))
    assert all(event.criterion.endswith("type open: snoring cannot be judged") for event in night.events)


def test_without_the_rule_hypopneas_keep_their_kind():
    channels = [
        signal_of("flow", flow_of(is_flat=True), 20.0),
        spo2_channel(DURATION_S, FALLS),
        *[signal_of(name, belt, 10.0) for name, belt in zip(("thorax", "abdomen"), PARADOX, strict=True)],
    ]
    night = hsat.score_night(recording_of(*channels))
    assert kinds(night) == {"hypopnea"}
    assert signs(night) == {None}
    for name in ("obstructive_hypopnea_index_per_h", "central_hypopnea_index_per_h"):
        assert getattr(night.indices, name) is None
        assert "not typed" in night.not_measured[f"indices.{name}"]


def test_apneas_are_not_touched():
    falls = [Fall(start_s, LENGTH_S, 1.0, 6.0) for start_s in STARTS_S]
    night = hsat.score_night(
        recording_of(signal_of("flow", flow_of(is_flat=False), 20.0), spo2_channel(DURATION_S, falls)), TYPED
    )
    assert all(event.obstructive_signs is None for event in night.events if event.kind.is_apnea)
    assert EventKind.HYPOPNEA in {event.kind for event in night.events}


def test_the_flattening_index_by_hand():
    """A rectangle has 0. Half a sine of mean 1 is pi/2 sin: over its middle half the mean of sin is
    2 sqrt(2) / pi and that of its square 1/2 + 1/pi.
    """
    half_sine = np.sin(np.pi * (np.arange(400) + 0.5) / 400)
    by_hand = sqrt(pi**2 / 4 * (1 / 2 + 1 / pi) - pi * (2 * sqrt(2) / pi) + 1)
    assert flattening_index(np.ones((3, 400))) == 0.0
    assert flattening_index(half_sine[None] * pi / 2) == pytest.approx(by_hand, abs=1e-3)
    assert by_hand == pytest.approx(0.437, abs=1e-3)
    assert flattening_index(np.empty((0, 400))) is None


@pytest.mark.parametrize("degrees", [0.0, 30.0, 60.0, 89.0, 91.0, 120.0, 180.0])
def test_the_phase_of_two_sines(degrees):
    times = np.arange(4000) / 4000 * 10 * 2 * np.pi
    shifted = np.sin(times + np.radians(degrees)).astype(np.float32)
    assert phase_degrees(np.sin(times).astype(np.float32), shifted) == pytest.approx(degrees, abs=0.1)


def test_types_of_hypopneas_alone_do_not_tell_cheyne_stokes_breathing_without_belts():
    night = score(snore=(1.0, snore_of(1.0, is_snoring=True)))
    assert kinds(night) == {"obstructive_hypopnea"}
    assert night.indices.cheyne_stokes_min is None
    assert night.cheyne_stokes.is_met is None


@pytest.mark.parametrize(
    ("unit", "is_level"),
    [("dB", True), ("dBA", True), ("dB(A)", True), ("au", False), ("V", False), ("", False)],
)
def test_a_snore_channel_is_a_sound_level_by_its_unit(unit, is_level):
    levels = np.array([33.0, 61.0, 35.0, 34.0], dtype=np.float32)
    recording = recording_of(signal_of("snore", levels, 2.0), spo2_channel(100.0))
    snore = replace(recording.signal("snore"), unit=unit)
    others = tuple(signal for signal in recording.signals if signal.name != "snore")
    recording = replace(recording, signals=(snore, *others))
    found = measure_sound_level_db(recording)
    assert (found is not None) is is_level
    if found is not None:
        assert found[:2].tolist() == [61.0, 35.0]
        assert np.isnan(found[2:]).all()
    below_zero = replace(snore, calibration=Calibration(offset=-100.0))
    assert measure_sound_level_db(replace(recording, signals=(below_zero, *others))) is None
