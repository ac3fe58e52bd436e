"""The trend test: silent below seven nights, not set off by a rate that wanders, seeing real falls."""

import numpy as np
import pytest

from hsat.nights.priors import drifting_variation
from hsat.nights.trend import MIN_NIGHTS, find_trend

N_SERIES = 300
ROOM = 0.05 + 2.0 * np.sqrt(0.05 * 0.95 / N_SERIES)
"""A rate of false alarms of 5 % is seen this high in 97.5 % of runs of 300 series."""


def wandering(rng, n, *, share, time_days, log_sd=0.5, mean_per_h=15.0, hours=7.0):
    """AHI of nights in a row whose rate wanders around its mean, as docs/multi-night.md writes it."""
    drift = np.empty(n)
    drift[0] = rng.standard_normal()
    keeps = np.exp(-1.0 / time_days)
    for i in range(1, n):
        drift[i] = keeps * drift[i - 1] + np.sqrt(1.0 - keeps**2) * rng.standard_normal()
    own = rng.standard_normal(n)
    log_rate = log_sd * (np.sqrt(share) * drift + np.sqrt(1.0 - share) * own) - log_sd**2 / 2.0
    return rng.poisson(mean_per_h * np.exp(log_rate) * hours) / hours


@pytest.mark.parametrize("n", [7, 14, 30, 90])
@pytest.mark.parametrize("share", [*drifting_variation().drift_share_fraction, 0.57])
@pytest.mark.parametrize("time_days", drifting_variation().drift_time_days)
def test_nights_that_wander_without_a_trend_set_off_at_most_five_percent(n, share, time_days):
    rng = np.random.default_rng([n, round(100 * share), round(time_days)])
    alarms = [
        find_trend(wandering(rng, n, share=share, time_days=time_days), range(n)).direction is not None
        for _ in range(N_SERIES)
    ]
    assert np.mean(alarms) <= ROOM


def test_a_fall_to_a_quarter_is_seen_in_two_weeks():
    rng = np.random.default_rng(8)
    falls = np.geomspace(40.0, 10.0, 14)
    found = [find_trend(rng.poisson(falls * 7.0) / 7.0, range(14)).direction for _ in range(50)]
    assert found.count("falling") >= 48
    assert "rising" not in found


@pytest.mark.parametrize(("n", "is_tested"), [(MIN_NIGHTS - 1, False), (MIN_NIGHTS, True)])
def test_nothing_is_said_of_fewer_than_seven_nights(n, is_tested):
    trend = find_trend([float(i) for i in range(n)], range(n))
    assert (trend.p_value is not None) is is_tested
    assert (trend.direction == "rising") is is_tested
    if not is_tested:
        assert trend.reason == "6 nights: a trend is looked for from 7 on"


def test_the_rank_correlation_is_spearmans():
    from scipy.stats import spearmanr

    rates, days = [5.0, 9.0, 9.0, 4.0, 12.0, 8.0, 30.0, 8.0], [0, 1, 2, 4, 4, 9, 11, 20]
    assert find_trend(rates, days).rank_correlation == pytest.approx(spearmanr(days, rates).statistic)


def test_nights_of_one_date_or_of_one_rate_show_no_trend():
    assert (
        find_trend([float(i) for i in range(9)], [0] * 9).reason
        == "nights of 1 date: a trend is looked for from 7 on"
    )
    flat = find_trend([4.0] * 9, range(9))
    assert (flat.direction, flat.p_value) == (None, 1.0)


def test_the_same_nights_give_the_same_answer():
    rates = [3.0, 5.0, 4.0, 8.0, 9.0, 7.0, 12.0]
    assert find_trend(rates, range(7)) == find_trend(rates, range(7))
