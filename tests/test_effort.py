"""Apneas typed by the effort drawn into the belts."""

import numpy as np
import pytest
from breathing_signals import (
    BASELINE_PERCENT,
    Fall,
    breath_table,
    flow_channel,
    flow_curve,
    recording_of,
    signal_of,
    spo2_channel,
)

import hsat
from hsat.detect.effort import Effort, measure_event_efforts, type_apneas
from hsat.events import EventKind
from hsat.results import NightResult

RULE = hsat.load_rules("aasm_1b").effort
DURATION_S = 1800.0
LENGTH_S = 24.0
STARTS_S = (400.0, 700.0, 1000.0, 1300.0)
APNEAS = [Fall(start_s, LENGTH_S, 1.0, 6.0) for start_s in STARTS_S]
WITHOUT_EFFORT = [Fall(start_s, LENGTH_S, 1.0) for start_s in STARTS_S]
EFFORT_LATER = [Fall(start_s, LENGTH_S / 2, 1.0) for start_s in STARTS_S]
REDUCED_EFFORT = [Fall(start_s, LENGTH_S, 0.5) for start_s in STARTS_S]


def belt_of(falls: list[Fall] | None = None, rate_hz: float = 10.0) -> np.ndarray:
    """A belt in volume: breathing as drawn, less where effort falls."""
    flow = flow_curve(breath_table(DURATION_S, falls or []), DURATION_S, rate_hz)
    return np.cumsum(flow) / rate_hz


def score(*belts: np.ndarray, flow: list[Fall] | None = None) -> NightResult:
    falls = APNEAS if flow is None else flow
    channels = [signal_of(name, belt, 10.0) for name, belt in zip(("thorax", "abdomen"), belts, strict=False)]
    return hsat.score_night(
        recording_of(flow_channel(DURATION_S, falls), spo2_channel(DURATION_S, falls), *channels)
    )


def kinds(night: NightResult) -> set[str]:
    assert len(night.events) == len(STARTS_S)
    return {event.kind.value for event in night.events}


@pytest.mark.parametrize(
    ("effort", "kind", "least", "most"),
    [
        ([], "obstructive_apnea", 0.9, 1.2),
        (REDUCED_EFFORT, "obstructive_apnea", 0.4, 0.7),
        (WITHOUT_EFFORT, "central_apnea", 0.0, 0.15),
        (EFFORT_LATER, "mixed_apnea", 0.3, 0.8),
    ],
)
def test_effort_throughout_none_or_later(effort, kind, least, most):
    night = score(belt_of(effort), belt_of(effort))
    assert kinds(night) == {kind}
    assert all(least <= event.effort_fraction <= most for event in night.events)
    index = getattr(night.indices, f"{kind}_index_per_h")
    assert index == pytest.approx(8.0)
    assert night.indices.apnea_index_per_h == pytest.approx(8.0)
    assert night.indices.unclassified_apnea_index_per_h == 0.0


def test_belts_may_move_against_each_other():
    """Paradox, as in obstruction: the sum of the belts would show nothing."""
    night = score(belt_of(), -belt_of())
    assert kinds(night) == {"obstructive_apnea"}


@pytest.mark.parametrize("gain", [-1.0, 0.001, 1000.0])
def test_gain_and_polarity_of_a_belt_do_not_matter(gain):
    for effort, kind in (
        ([], "obstructive_apnea"),
        (WITHOUT_EFFORT, "central_apnea"),
        (EFFORT_LATER, "mixed_apnea"),
    ):
        assert kinds(score(gain * belt_of(effort), belt_of(effort))) == {kind}


def test_without_belts_apneas_are_unclassified():
    assert kinds(score()) == {"unclassified_apnea"}


@pytest.mark.parametrize(
    ("effort", "kind"),
    [([], "obstructive_apnea"), (WITHOUT_EFFORT, "central_apnea"), (EFFORT_LATER, "mixed_apnea")],
)
def test_one_belt_alone_or_beside_a_flat_one(effort, kind):
    flat = np.full(len(belt_of()), 0.3)
    assert kinds(score(belt_of(effort))) == {kind}
    assert kinds(score(flat, belt_of(effort))) == {kind}
    assert kinds(score(belt_of(effort), flat)) == {kind}


@pytest.mark.parametrize("dead", [0.0, np.nan])
def test_two_dead_belts_are_unclassified(dead):
    flat = np.full(len(belt_of()), dead)
    night = score(flat, flat)
    assert kinds(night) == {"unclassified_apnea"}
    assert all(event.effort_fraction is None for event in night.events)


def test_a_belt_that_slips_around_the_apnea_does_not_make_it_central():
    slipping = belt_of(
        [Fall(start_s - 60, 300 if i == 3 else 120, 0.85) for i, start_s in enumerate(STARTS_S)]
    )
    assert kinds(score(slipping, belt_of())) == {"obstructive_apnea"}


def test_a_belt_that_slips_for_the_rest_of_the_night():
    """What it still shows of breathing is a twentieth."""
    loose = np.where(np.arange(len(belt_of())) < 6000, 1.0, 0.05)
    assert kinds(score(loose * belt_of(WITHOUT_EFFORT), belt_of(WITHOUT_EFFORT))) == {"central_apnea"}
    assert kinds(score(loose * belt_of(), belt_of())) == {"obstructive_apnea"}


def test_a_noisy_unplugged_belt_does_not_hide_a_central_apnea():
    """Noise is no effort: its excursion is as usual in an apnea as anywhere."""
    noise = 0.001 * np.random.default_rng(3).standard_normal(len(belt_of()))
    assert kinds(score(noise, belt_of(WITHOUT_EFFORT))) == {"central_apnea"}


def test_two_noisy_unplugged_belts_are_no_effort_channel():
    rng = np.random.default_rng(3)
    belts = (0.001 * rng.standard_normal(len(belt_of())) for _ in range(2))
    night = score(*belts)
    assert kinds(night) == {"unclassified_apnea"}
    assert night.effort_sensor is None
    assert night.indices.central_apnea_index_per_h is None


def test_hypopneas_are_not_typed_but_carry_their_effort():
    falls = [fall._replace(reduction=0.6) for fall in APNEAS]
    night = score(belt_of(), belt_of(), flow=falls)
    assert kinds(night) == {"hypopnea"}
    assert all(event.effort_fraction == pytest.approx(1.0, abs=0.1) for event in night.events)
    assert night.indices.apnea_index_per_h == 0.0


def test_a_belt_that_stands_in_for_flow_does_not_type():
    """One belt is all there is: its fall is breathing, not effort."""
    belt = belt_of(WITHOUT_EFFORT)
    night = hsat.score_night(recording_of(signal_of("thorax", belt, 10.0), spo2_channel(DURATION_S, APNEAS)))
    assert night.flow_sensor == "thorax"
    assert night.effort_sensor is None
    assert kinds(night) == {"unclassified_apnea"}
    assert "flow_from_effort" in [note.code for note in night.notes]
    assert night.indices.baseline_spo2_percent == pytest.approx(BASELINE_PERCENT, abs=1.0)


# the limits -------------------------------------------------------------------------------------

RATE_HZ = 10.0


def strength_of(*parts: tuple[float, float]) -> np.ndarray:
    """Effort in ``(seconds, strength)``, with the second at either end that is not looked at."""
    inner = np.concatenate([np.full(round(seconds * RATE_HZ), value) for seconds, value in parts])
    edge = np.ones(10)
    return np.concatenate((edge, inner, edge)).astype(np.float32)


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([(20.0, 0.29)], EventKind.CENTRAL_APNEA),
        ([(20.0, 0.31)], EventKind.OBSTRUCTIVE_APNEA),
        ([(16.2, 0.0), (3.8, 1.0)], EventKind.CENTRAL_APNEA),
        ([(16.0, 0.0), (4.0, 1.0)], EventKind.MIXED_APNEA),
        ([(3.0, 0.0), (17.0, 1.0)], EventKind.MIXED_APNEA),
        ([(2.9, 0.0), (17.1, 1.0)], EventKind.OBSTRUCTIVE_APNEA),
        ([(2.9, 1.0), (8.0, 0.0), (9.1, 1.0)], EventKind.MIXED_APNEA),
        ([(3.2, 1.0), (8.0, 0.0), (8.8, 1.0)], EventKind.OBSTRUCTIVE_APNEA),
    ],
)
def test_limits_of_effort(parts, kind):
    """30 % of the usual is effort; less than 20 % of the time with it is none; 3 s without, from the first
    3 s on, make it mixed.
    """
    assert type_apneas([strength_of(*parts)], RATE_HZ, RULE) == [kind]


def test_mixed_means_no_effort_first():
    """Berry 2012: absent effort in the initial portion, resumed in the second; not the other way round."""
    assert type_apneas([strength_of((14.0, 1.0), (6.0, 0.0))], RATE_HZ, RULE) != [EventKind.MIXED_APNEA]


def test_efforts_of_many_events_are_those_of_each():
    """Against the mean of the samples of each event, sliced one by one; also beyond the night's end."""
    rng = np.random.default_rng(5)
    strength = rng.gamma(2.0, 0.3, 3000).astype(np.float32)
    strength[1500:] *= np.float32(0.3)  # belts that have slipped
    strength[1000:1010] = np.nan
    effort = Effort(rate_hz=5.0, strength=strength)
    starts_s = np.sort(rng.uniform(0.0, 598.0, 200))
    cores_s = np.column_stack((starts_s, starts_s + rng.choice([0.0, 0.1, 10.0, 45.0], 200)))
    cores_s[-1] = (599.9, 700.0)
    found = measure_event_efforts(effort, starts_s, cores_s, np.arange(200) % 2 == 0, RULE)
    n_slipped = 0
    for start_s, (first_s, stop_s), event in zip(starts_s, cores_s, found, strict=True):
        first = min(int(first_s * 5), 2999)
        inside = strength[first : max(int(stop_s * 5), first + 1)]
        begin = int(max(start_s - RULE.before_s, 0.0) * 5)
        largest = np.nanmax(strength[begin : max(int(start_s * 5), begin + 1)], initial=0.0)
        if RULE.min_slipped_fraction <= largest < 1.0:
            n_slipped += 1
            inside = inside / largest
        np.testing.assert_allclose(event.mean_fraction, np.mean(inside, dtype=np.float64), rtol=1e-6)
    assert 0 < n_slipped < 200
    assert {event.apnea_kind for event in found[1::2]} == {EventKind.UNCLASSIFIED_APNEA}
    assert EventKind.OBSTRUCTIVE_APNEA in {event.apnea_kind for event in found[::2]}
