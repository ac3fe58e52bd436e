"""Hard breathing and airflow sensors: what was planted is found, in place, of its kind, and nothing else.

The truth comes from `benchmarks.hard`, which draws breaths one by one and shares nothing with the detector.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from breathing_signals import (
    PERIOD_S,
    Fall,
    breath_table,
    flow_curve,
    recording_of,
    signal_of,
    spo2_channel,
)
from hard_params import Case, nights

import hsat
from benchmarks.hard import flow_cases, strict_cases
from benchmarks.hard.checking import score_and_compare
from hsat.detect.breathing import measure_breathing
from hsat.recording import Recording


def check(case: Case, seed: int) -> None:
    """Every planted event is found with an IoU of 0.5 and its boundaries, kind and fall; no other is."""
    drawn = case(seed)
    assert drawn.truth or case.__name__ in ("no_event", "near_misses")
    outcome = score_and_compare(drawn)
    assert not outcome.problems, "\n".join(outcome.problems)
    assert outcome.n_matched == outcome.n_true == outcome.n_scored


@pytest.mark.parametrize(
    ("case", "seed"),
    [
        *nights(
            flow_cases.plain,
            flow_cases.long_smooth_hypopneas,
            flow_cases.waxing_and_waning_apneas,
            flow_cases.waxing_and_waning_hypopneas,
            flow_cases.gain_drift,
            flow_cases.sighs,
            flow_cases.mouth_breathing,
            flow_cases.partly_detached,
            flow_cases.movement,
            flow_cases.arousal_movement,
            flow_cases.slow_thermistor,
            flow_cases.pressure_squared,
            flow_cases.pressure_rooted,
            flow_cases.night_edges,
        ),
        *nights(flow_cases.one_recovery_breath, seeds=(0, 3)),
        *nights(flow_cases.one_recovery_breath, seeds=(2, 4)),
        *nights(flow_cases.one_recovery_breath, seeds=(1,)),
        *nights(flow_cases.one_recovery_breath, seeds=(7, 46)),
    ],
)
def test_breathing_and_airflow(case: Case, seed: int) -> None:
    check(case, seed)


@pytest.mark.parametrize(
    ("case", "seed"),
    [
        *nights(
            strict_cases.shallow_and_short,
            strict_cases.near_misses,
            strict_cases.hypopneas_that_become_apneas,
            strict_cases.waxing_and_waning_all_night,
            strict_cases.noisy_sensor,
            strict_cases.slow_and_fast_breathers,
            strict_cases.cannula_shifts_beside_events,
            strict_cases.sensor_put_right_during_an_event,
        ),
        *nights(strict_cases.flow_with_a_residue),
        *nights(strict_cases.rooted_pressure_with_a_residue),
        *nights(strict_cases.apneas_for_an_hour_with_one_recovery_breath, seeds=(2, 5)),
        *nights(strict_cases.apneas_for_an_hour_with_one_recovery_breath, seeds=(0, 1)),
        *nights(strict_cases.changing_pace, seeds=(0, 1, 2, 3, 12)),
        *nights(strict_cases.apneas_soon_after_a_shift),
        *nights(strict_cases.apneas_while_breathing_by_mouth),
        *nights(strict_cases.events_after_a_run, seeds=(0, 2, 3)),
        *nights(strict_cases.an_hour_with_one_recovery_breath, seeds=(0, 10, 15)),
        *nights(strict_cases.by_mouth_with_a_thermistor),
        *nights(strict_cases.restless_minutes, seeds=(0, 5, 6, 11, 21)),
    ],
)
def test_breathing_near_the_limits_of_the_rules(case: Case, seed: int) -> None:
    check(case, seed)


@pytest.mark.parametrize("seed", range(6))
def test_120_events_an_hour(seed: int) -> None:
    drawn = flow_cases.hundred_and_twenty_per_hour(seed)
    check(flow_cases.hundred_and_twenty_per_hour, seed)
    night = hsat.score_night(drawn.recording)
    assert len(drawn.truth) == 80
    assert night.indices.ahi_per_h == pytest.approx(80 / (drawn.recording.duration_s / 3600), rel=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_no_event_at_all(seed: int) -> None:
    """Two hours; AHI is a measured 0, and all of them are monitored."""
    drawn = flow_cases.no_event(seed)
    night = hsat.score_night(drawn.recording)
    assert drawn.truth == ()
    assert night.events == ()
    assert night.indices.ahi_per_h == 0.0
    assert night.monitored.monitoring_h == pytest.approx(drawn.recording.duration_s / 3600, rel=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_pressure_and_its_root_show_the_same_events(seed: int) -> None:
    """One night, stored as pressure and as flow: one scoring, boundaries within a breath."""
    squared, rooted = flow_cases.pressure_squared(seed), flow_cases.pressure_rooted(seed)
    one, other = hsat.score_night(squared.recording), hsat.score_night(rooted.recording)
    assert len(one.events) == len(other.events) == len(squared.truth)
    assert [event.kind for event in one.events] == [event.kind for event in other.events]
    for a, b in zip(one.events, other.events, strict=True):
        assert abs(a.start_s - b.start_s) <= squared.period_s
        assert abs(a.stop_s - b.stop_s) <= squared.period_s


def test_movement_is_there_to_be_told_from_breathing() -> None:
    """The bursts are more than twice as high as any breath: the case is what it says."""
    drawn = flow_cases.movement(0)
    values = np.abs(drawn.recording.signals[0].values)
    assert values.max() > 2 * np.quantile(values, 0.98)


def run_by_hand(
    sizes: Sequence[float], n_events: int = 30, n_reduced: int = 7
) -> tuple[Recording, list[Fall]]:
    """Hypopneas of 28 s by half, without noise, one recovery breath of one of the sizes between them."""
    rows = [(PERIOD_S * i, PERIOD_S, 1.0) for i in range(30)]
    falls = []
    for k in range(n_events):
        start_s = PERIOD_S * len(rows)
        rows += [(start_s + PERIOD_S * i, PERIOD_S, 0.5) for i in range(n_reduced)]
        falls.append(Fall(start_s, n_reduced * PERIOD_S, 0.5, 7.0))
        rows.append((falls[-1].stop_s, PERIOD_S, sizes[k % len(sizes)]))
    rows += [(PERIOD_S * (len(rows) + i), PERIOD_S, 1.0) for i in range(30)]
    duration_s = PERIOD_S * len(rows)
    flow = flow_curve(np.array(rows), duration_s, 20.0)
    return recording_of(signal_of("flow", flow, 20.0), spo2_channel(duration_s, falls)), falls


@pytest.mark.parametrize(
    "sizes",
    [
        (1.0,),
        (1.5,),
        (1.0, 1.2, 1.4),
        (1.1, 1.3, 1.5),
        (1.0, 1.2, 1.5),
    ],
)
def test_one_recovery_breath_of_any_size(sizes: Sequence[float]) -> None:
    """The smallest recovery breath is 0.77 of the three largest of two minutes, the events are 0.38."""
    recording, falls = run_by_hand(sizes)
    night = hsat.score_night(recording)
    assert len(night.events) == len(falls)
    for event, fall in zip(night.events, falls, strict=True):
        assert event.start_s == pytest.approx(fall.start_s, abs=1.25 * PERIOD_S)
        assert event.stop_s == pytest.approx(fall.stop_s, abs=1.25 * PERIOD_S)


@pytest.mark.parametrize("n_reduced", [10, 15, 20])
def test_one_recovery_breath_after_long_hypopneas(n_reduced: int) -> None:
    """40, 60 and 80 s: two or three breaths of two minutes are large, and no sighs."""
    recording, falls = run_by_hand((1.0, 1.2, 1.4), n_reduced=n_reduced)
    night = hsat.score_night(recording)
    assert len(night.events) == len(falls)
    for event, fall in zip(night.events, falls, strict=True):
        assert event.start_s == pytest.approx(fall.start_s, abs=1.25 * PERIOD_S)
        assert event.stop_s == pytest.approx(fall.stop_s, abs=1.25 * PERIOD_S)


@pytest.mark.parametrize("size", [1.0, 3.0, 4.0])
def test_a_large_breath_has_an_onset_of_its_own(size: float) -> None:
    """Six small breaths, then a large one: of four times the size, its range is ten small swings down."""
    rows = [(PERIOD_S * i, PERIOD_S, size if i % 7 == 6 else 1.0) for i in range(105)]
    duration_s = PERIOD_S * len(rows)
    rules = hsat.load_rules("aasm_1b")
    values = flow_curve(np.array(rows), duration_s, rules.sampling.flow_rate_hz).astype(np.float32)
    breathing = measure_breathing(values, rules)
    onsets_s = breathing.onsets / breathing.rate_hz
    for start_s, _, _ in rows[6:-1:7]:
        assert np.abs(onsets_s - start_s).min() <= 0.5


def test_a_recording_shorter_than_the_window_of_breaths_has_none() -> None:
    rules = hsat.load_rules("aasm_1b")
    assert len(measure_breathing(np.ones(30, np.float32), rules).onsets) == 0


@pytest.mark.parametrize("lead_s", [40.0, 80.0, 120.0])
def test_an_apnea_after_a_cannula_slipped_by_hand(lead_s: float) -> None:
    """Every breath half as high from 400 s on, without noise; an apnea of 28 s comes `lead_s` later."""
    fall = Fall(400.0 + lead_s, 28.0, 1.0, 6.0)
    values = flow_curve(breath_table(1200.0, [fall]), 1200.0, 20.0)
    values[400 * 20 :] *= 0.5
    night = hsat.score_night(recording_of(signal_of("flow", values, 20.0), spo2_channel(1200.0, [fall])))
    (event,) = night.events
    assert event.kind.is_apnea
    assert event.start_s == pytest.approx(fall.start_s, abs=1.25 * PERIOD_S)
    assert event.stop_s == pytest.approx(fall.stop_s, abs=1.25 * PERIOD_S)
