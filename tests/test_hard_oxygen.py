"""Hard oximeters, hard saturation: each event has its own fall, and the night's falls are counted right."""

from itertools import pairwise

import numpy as np
import pytest
from hard_params import Case, nights

import hsat
from benchmarks.hard import oxygen_cases, strict_cases
from benchmarks.hard.checking import score_and_compare
from benchmarks.hard.sensors import Oximeter, recording_of


@pytest.mark.parametrize(
    ("case", "seed"),
    [
        *nights(
            oxygen_cases.resolution,
            oxygen_cases.eight_levels,
            oxygen_cases.averaging,
            oxygen_cases.held_values,
            oxygen_cases.wandering_baseline,
            oxygen_cases.low_baseline,
            seeds=(0, 1, 2, 3),
        ),
        *nights(oxygen_cases.delays, oxygen_cases.overlapping_falls, seeds=(0, 1, 2, 3, 4)),
        *nights(oxygen_cases.motion_spikes, seeds=(0, 1, 2, 3, 15)),
        *nights(strict_cases.spikes_on_the_way, seeds=(2, 3, 6)),
    ],
)
def test_events_and_their_falls(case: Case, seed: int) -> None:
    """Every fall is within a point of the true one (and half a point each for two rounded values)."""
    drawn = case(seed)
    assert len(drawn.truth) >= 12
    outcome = score_and_compare(drawn)
    assert not outcome.problems, "\n".join(outcome.problems)
    assert outcome.n_matched == outcome.n_true == outcome.n_scored
    assert len(outcome.drop_errors_points) == outcome.n_true


@pytest.mark.parametrize("seed", range(3))
def test_falls_without_reduced_breathing_are_no_events(seed: int) -> None:
    drawn = oxygen_cases.falls_without_events(seed)
    night = hsat.score_night(drawn.recording)
    assert night.events == ()
    assert sum(fall.drop_points >= 4 for fall in night.desaturations) == 15


@pytest.mark.parametrize("seed", range(5))
def test_overlapping_falls_each_event_has_its_own(seed: int) -> None:
    """From one's baseline to its nadir no other's runs; falls and nadirs differ."""
    night = hsat.score_night(oxygen_cases.overlapping_falls(seed).recording)
    falls = [event.desaturation for event in night.events]
    assert len(falls) > 20
    for one, other in pairwise(falls):
        assert one is not None
        assert other is not None
        assert one.nadir_s <= other.start_s
        assert one.start_s < one.nadir_s < other.nadir_s
    assert sum(fall.drop_points >= 4 for fall in night.desaturations) == len(falls)


@pytest.mark.parametrize(
    ("case", "seed"),
    [
        *nights(
            oxygen_cases.resolution,
            oxygen_cases.eight_levels,
            oxygen_cases.averaging,
            oxygen_cases.overlapping_falls,
            seeds=(0, 1, 2, 3),
        ),
        *nights(oxygen_cases.held_values, seeds=(0, 2, 3, 4)),
        *nights(oxygen_cases.delays, seeds=(1, 2, 3, 4)),
        *nights(oxygen_cases.low_baseline, seeds=(1, 2, 3, 4)),
        *nights(oxygen_cases.held_values, seeds=(1, 5, 9)),
        *nights(oxygen_cases.delays, seeds=(0, 10)),
        *nights(oxygen_cases.low_baseline, seeds=(0, 10)),
        *nights(oxygen_cases.resolution, seeds=(10,)),
        *nights(oxygen_cases.averaging, seeds=(10, 19)),
    ],
)
def test_odi4_counts_the_planted_falls(case: Case, seed: int) -> None:
    """All of 5 points and more, each once and of its depth; those of 2.3 points and less are none."""
    outcome = score_and_compare(case(seed))
    assert outcome.n_falls >= 14
    assert not outcome.fall_problems, "\n".join(outcome.fall_problems)


@pytest.mark.parametrize("before_s", [60.0, 100.0, 115.0])
def test_a_fall_after_a_blip_by_hand(before_s: float) -> None:
    """97 for 4 s, then 96; two minutes after the blip SpO2 is on its way from 96 to 86 in 30 s."""
    percent = np.full(600, 96.0, dtype=np.float32)
    percent[200:204] = 97.0
    start = 204 + round(before_s)
    percent[start : start + 30] = np.rint(np.linspace(96.0, 86.0, 30))
    percent[start + 30 : start + 45] = np.rint(np.linspace(86.0, 96.0, 15))
    night = hsat.score_night(recording_of([("spo2", 1.0, percent)], 600.0))
    (fall,) = [fall for fall in night.desaturations if fall.drop_points >= 4]
    assert fall.nadir_percent == 86.0
    assert fall.nadir_s == pytest.approx(start + 29, abs=2.0)
    assert fall.drop_points == pytest.approx(10.0, abs=1.0)


@pytest.mark.parametrize("average_s", [3.0, 8.0, 16.0])
@pytest.mark.parametrize("delay_s", [8.0, 15.0, 30.0, 45.0])
def test_delay_is_found_on_irregular_breathing(delay_s: float, average_s: float) -> None:
    """Within 5 s; an average of n s shows every fall n / 2 s later."""
    drawn = oxygen_cases.night_of_oximeter(
        3, Oximeter(delay_s=delay_s, average_s=average_s), points=(8.0, 11.0)
    )
    night = hsat.score_night(drawn.recording)
    assert night.spo2_delay_s == pytest.approx(delay_s + average_s / 2, abs=5.0)


@pytest.mark.parametrize("lost_s", [8, 15])
@pytest.mark.parametrize("spike_s", [1, 3, 4])
def test_motion_before_a_lost_signal_is_no_saturation(spike_s: int, lost_s: int) -> None:
    """96 %, then 60 % for a moment, nothing for a while, 96 % again: no blood falls by 36 points in 1 s."""
    percent = np.where(np.arange(3600) // 240 % 2, 96.0, 95.0).astype(np.float32)
    percent[1800 : 1800 + spike_s] = 60.0
    percent[1800 + spike_s : 1800 + spike_s + lost_s] = 127.0
    night = hsat.score_night(recording_of([("spo2", 1.0, percent)], 3600.0))
    assert night.desaturations == ()
    assert night.indices.min_spo2_percent == 95.0
