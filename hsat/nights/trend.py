"""Does the AHI rise or fall over the nights: a test that a rate which wanders does not set off."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hsat.nights.priors import drifting_variation
from hsat.patient import AhiTrend

__all__ = ["MIN_NIGHTS", "find_trend"]

MIN_NIGHTS = 7
"""With fewer, chance alone puts correlated nights in order too often for any order to mean something."""

LEAST_SHARE = 0.6
"""Share of the variation that wanders, at least: with the slowest drift of the model a night then
resembles the next by 0.53, above the 0.21 to 0.50 of real nightly series."""

LEVEL = 0.05
N_DRAWS = 2000
ROUNDING = 1e-12
SEED = 20_260_302


def find_trend(ahi_per_h: Sequence[float], days: Sequence[int] | None) -> AhiTrend:
    """Test for a trend over the nights.

    Parameters
    ----------
    ahi_per_h : sequence of float
        AHI of each night.
    days : sequence of int or None
        Calendar night of each, from 0; None where nights have no dates.

    Returns
    -------
    AhiTrend
        `direction` is None unless correlated nights without a trend look as much like one in at
        most 5 % of cases.

    Notes
    -----
    The statistic is Spearman's rank correlation of AHI with date. It is compared with 2,000 series
    without a trend on the same dates, drawn from the default model of `hsat.estimate_ahi`: a rate that
    wanders around the patient's own, some of it anew each night. More of it wanders than the model
    thinks likely, and of its speeds the one counts under which the nights look least unusual. Ranks do
    not depend on how much nights vary; chance in the counts only makes them less alike than those drawn.
    """
    if days is None:
        return AhiTrend(direction=None, p_value=None, rank_correlation=None, reason="nights without dates")
    if len(ahi_per_h) < MIN_NIGHTS:
        n = len(ahi_per_h)
        reason = f"{n} night{'' if n == 1 else 's'}: a trend is looked for from {MIN_NIGHTS} on"
        return AhiTrend(direction=None, p_value=None, rank_correlation=None, reason=reason)
    if len(set(days)) < MIN_NIGHTS:
        n = len(set(days))
        reason = f"nights of {n} date{'' if n == 1 else 's'}: a trend is looked for from {MIN_NIGHTS} on"
        return AhiTrend(direction=None, p_value=None, rank_correlation=None, reason=reason)
    dates = np.asarray(days, dtype=np.float64)
    if len(set(ahi_per_h)) == 1:
        return AhiTrend(direction=None, p_value=1.0, rank_correlation=0.0)
    observed = float(_correlation(_ranks(dates), _ranks(np.asarray(ahi_per_h, dtype=np.float64))))
    as_extreme = np.count_nonzero(_by_chance(tuple(days)) >= abs(observed) - ROUNDING, axis=1)
    p_value = float((1 + as_extreme.max()) / (N_DRAWS + 1))
    direction = None
    if p_value <= LEVEL:
        direction = "rising" if observed > 0.0 else "falling"
    return AhiTrend(direction=direction, p_value=p_value, rank_correlation=observed)


@lru_cache(maxsize=16)
def _by_chance(days: tuple[int, ...]) -> NDArray[np.float64]:
    """Absolute rank correlations with date of series without a trend, shape (n_speeds, N_DRAWS)."""
    dates = np.asarray(days, dtype=np.float64)
    apart = np.abs(dates[:, None] - dates[None, :])
    variation = drifting_variation()
    share = max(LEAST_SHARE, *variation.drift_share_fraction)
    draws = np.random.default_rng(SEED).standard_normal((N_DRAWS, len(dates)))
    found = []
    for time_days in variation.drift_time_days:
        covariance = share * np.exp(-apart / time_days) + (1.0 - share) * np.eye(len(dates))
        series = draws @ np.linalg.cholesky(covariance).T
        ranks = np.empty_like(series)
        places = np.broadcast_to(np.arange(len(dates), dtype=np.float64), series.shape)
        np.put_along_axis(ranks, series.argsort(axis=1), places, axis=1)
        found.append(np.abs(_correlation(_ranks(dates), ranks)))
    return np.array(found)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0; equal values share their mean rank. Shape (n,)."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_ranks = last - (counts + 1) / 2.0
    return np.asarray(mean_ranks[places], dtype=np.float64)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's, of one row of shape (n,) with each row of shape (..., n)."""
    x = one - one.mean()
    y = other - other.mean(axis=-1, keepdims=True)
    return np.asarray((y @ x) / np.sqrt((x @ x) * (y * y).sum(axis=-1)), dtype=np.float64)
