"""How right the scoring has to be, on nights whose truth is known from elsewhere.

The samples and the fresh simulations carry the truth that was planted in them; the planted nights
are real breathing with planted events. The floors on the first two are never skipped.
"""

from functools import cache
from pathlib import Path

import pytest

import hsat
from benchmarks.matching import PlantedEvaluation, evaluate_planted
from benchmarks.planted_nights import (
    counted,
    evaluate_folder,
    mean_absolute_error,
    near_miss_share,
    total_agreement,
)
from hsat.simulate import make_night, truth_document

FRESH_NIGHTS = {
    "mild": (71, {"events_per_h": 8.0}),
    "moderate-pressure": (72, {"events_per_h": 20.0, "sensor": "nasal_pressure", "is_inverted": True}),
    "severe-no-belts": (73, {"events_per_h": 45.0, "has_belts": False, "flow_rate_hz": 10.0}),
}
MIN_F1 = 0.90
MIN_F1_OF_A_NIGHT = 0.80
MAX_AHI_ERROR_PER_H = 3.0
MAX_NEAR_MISSES_FRACTION = 0.06


@cache
def fresh_nights() -> dict[str, PlantedEvaluation]:
    results = {}
    for name, (seed, options) in FRESH_NIGHTS.items():
        simulated = make_night(seed=seed, duration_h=4.0, **options)
        night = hsat.score_night(simulated.recording)
        results[name] = evaluate_planted(
            truth_document(simulated.truth), counted(night), ahi_per_h=night.indices.ahi_per_h
        )
    return results


@cache
def scored_folder(folder: Path) -> dict[str, PlantedEvaluation]:
    return evaluate_folder(folder)


def check_floors(results: dict[str, PlantedEvaluation]) -> None:
    """The floors of the project, over all nights of a set and on each."""
    accepted, misses = near_miss_share(results.values())
    assert total_agreement(results.values(), 0.2).f1 >= MIN_F1
    assert mean_absolute_error(results.values()) <= MAX_AHI_ERROR_PER_H
    assert accepted <= MAX_NEAR_MISSES_FRACTION * misses
    assert sum(x.n_on_detached for x in results.values()) == 0
    for name, result in results.items():
        assert result.n_certain < 20 or result.f1 >= MIN_F1_OF_A_NIGHT, name


def test_fresh_simulations_keep_the_floors():
    check_floors(fresh_nights())


def test_samples_keep_the_floors(samples):
    results = scored_folder(samples)
    assert len(results) == 3
    check_floors(results)


def test_planted_nights_keep_the_floors(shared_data):
    results = scored_folder(shared_data / "planted")
    assert len(results) == 6
    check_floors(results)


def test_no_event_where_the_sensor_was_off():
    off_s = (4000.0, 5200.0)
    simulated = make_night(seed=74, duration_h=3.0, events_per_h=15.0, flow_off_spans_s=(off_s,))
    night = hsat.score_night(simulated.recording)
    inside = [x for x in night.events if x.start_s < off_s[1] - 5 and x.stop_s > off_s[0] + 5]
    assert not [x for x in inside if x.is_counted]
    assert night.monitored.monitoring_h == pytest.approx(simulated.truth.monitored_h, abs=0.05)
