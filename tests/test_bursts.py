"""What counts as a burst of movement, and what only looks like one: ranges written down second by second."""

import numpy as np
import pytest
from numpy.typing import NDArray

import hsat
from hsat.detect.bursts import find_bursts

RULE = hsat.load_rules("aasm_1b").baseline
STEP_S = 10


def bursts_in(by_second: NDArray[np.float32], usual: float = 1.0) -> NDArray[np.bool_]:
    n_steps = -(-len(by_second) // STEP_S)
    return find_bursts(by_second, np.full(n_steps, usual, np.float32), STEP_S, RULE)


def calm(duration_s: int) -> NDArray[np.float32]:
    return np.ones(duration_s, np.float32)


@pytest.mark.parametrize(("size", "is_burst"), [(2.9, False), (3.0, False), (3.1, True)])
def test_a_burst_is_more_than_3_times_what_is_around(size: float, is_burst: bool) -> None:
    values = calm(1800)
    values[900:920] = size
    expected = np.zeros(1800, bool)
    expected[900:920] = is_burst
    assert (bursts_in(values) == expected).all()


@pytest.mark.parametrize(("length_s", "is_burst"), [(59, True), (60, True), (61, False)])
def test_a_burst_lasts_60_s_at_most(length_s: int, is_burst: bool) -> None:
    values = calm(1800)
    values[900 : 900 + length_s] = 5.0
    assert np.count_nonzero(bursts_in(values)) == (length_s if is_burst else 0)


def test_many_bursts_are_found_as_single_ones_are() -> None:
    """Two of 20 s within a minute, then 2 min of breathing: a fifth of an hour."""
    values = calm(3600)
    for start in range(120, 3540, 180):
        values[start : start + 20] = 8.0
        values[start + 40 : start + 60] = 8.0
    assert (bursts_in(values) == (values > 1)).all()


@pytest.mark.parametrize("reduced_s", [20, 45, 70])
def test_large_breaths_that_come_back_are_none_however_small_the_others(reduced_s: int) -> None:
    """Half an hour of hypopneas to a tenth with 15 s of full breaths between: most breaths are small."""
    values = calm(1800)
    for start in range(0, 1800, reduced_s + 15):
        values[start : start + reduced_s] = 0.1
    assert not bursts_in(values, usual=0.1).any()


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_a_sensor_that_shows_more_or_less_from_some_time_on_has_none(factor: float) -> None:
    values = calm(1800)
    values[900:] *= factor
    assert not find_bursts(values, values[::STEP_S], STEP_S, RULE).any()
    assert not bursts_in(values, usual=0.1).any()


def test_what_few_breaths_are_is_no_measure_where_most_are_larger() -> None:
    """Pauses of two minutes: nothing comes back in 90 s, but the median breath is what comes back."""
    values = np.zeros(1800, np.float32)
    for start in range(100, 1800, 150):
        values[start : start + 15] = 1.0
    assert not bursts_in(values, usual=1.0).any()


def test_a_burst_beside_lost_flow_is_told_from_the_breathing_that_is_there() -> None:
    """600 s of flow between lost ones; where there is no other flow at all, nothing can be told."""
    values = np.zeros(3000, np.float32)
    values[1200:1800] = 1.0
    values[1500:1520] = 9.0
    assert np.flatnonzero(bursts_in(values, usual=0.0)).tolist() == list(range(1500, 1520))
    assert not bursts_in(np.zeros(300, np.float32), usual=0.0).any()
    alone = np.zeros(3000, np.float32)
    alone[1500:1520] = 9.0
    assert not bursts_in(alone, usual=0.0).any()


def test_the_last_step_may_be_shorter() -> None:
    """And large breathing at the very end may be another level: nothing small follows it."""
    values = calm(1795)
    values[1500:1510] = values[1785:] = 4.0
    assert len(bursts_in(values)) == 1795
    assert np.flatnonzero(bursts_in(values)).tolist() == list(range(1500, 1510))
