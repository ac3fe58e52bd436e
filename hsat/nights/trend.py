"""Does the AHI rise or fall over the nights: a test that neighbouring nights which resemble each
other do not set off."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hsat.patient import AhiTrend

__all__ = ["MIN_NIGHTS", "find_trend"]

MIN_NIGHTS = 7
"""With fewer, chance alone puts correlated nights in order too often for any order to mean something."""

NULL_CORRELATION = 0.6
"""Correlation of a night with the next that the test allows for without a trend: above .21 to .50, which
real nightly series show from one night to the next, since what is slow in them counts for most."""

LEVEL = 0.05
N_DRAWS = 4000
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
    The statistic is Spearman's rank correlation of AHI with date. Its distribution without a trend
    is that of 4,000 drawn series on the same dates, Gaussian with correlation 0.6 to the power of the
    days between two nights. Ranks do not depend on how much the nights vary, nor in which shape;
    chance in the counts makes real nights less alike than those drawn, and the test stricter.
    """
    if days is None:
        return AhiTrend(direction=None, p_value=None, rank_correlation=None, reason="nights without dates")
    if len(ahi_per_h) < MIN_NIGHTS:
        reason = f"{len(ahi_per_h)} nights: a trend is looked for from {MIN_NIGHTS} on"
        return AhiTrend(direction=None, p_value=None, rank_correlation=None, reason=reason)
    if len(set(days)) < MIN_NIGHTS:
        reason = f"nights of {len(set(days))} dates: a trend is looked for from {MIN_NIGHTS} on"
        return AhiTrend(direction=None, p_value=None, rank_correlation=None, reason=reason)
    dates = np.asarray(days, dtype=np.float64)
    if len(set(ahi_per_h)) == 1:
        return AhiTrend(direction=None, p_value=1.0, rank_correlation=0.0)
    observed = float(_correlation(_ranks(dates), _ranks(np.asarray(ahi_per_h, dtype=np.float64))))
    p_value = float((1 + np.count_nonzero(_by_chance(tuple(days)) >= abs(observed) - 1e-12)) / (N_DRAWS + 1))
    direction = None
    if p_value <= LEVEL:
        direction = "rising" if observed > 0.0 else "falling"
    return AhiTrend(direction=direction, p_value=p_value, rank_correlation=observed)


@lru_cache(maxsize=16)
def _by_chance(days: tuple[int, ...]) -> NDArray[np.float64]:
    """Absolute rank correlations with date of drawn series without a trend, shape (N_DRAWS,)."""
    dates = np.asarray(days, dtype=np.float64)
    apart = np.abs(dates[:, None] - dates[None, :])
    covariance = NULL_CORRELATION**apart + 1e-9 * np.eye(len(dates))
    draws = np.random.default_rng(SEED).standard_normal((N_DRAWS, len(dates)))
    series = draws @ np.linalg.cholesky(covariance).T
    ranks = series.argsort(axis=1).argsort(axis=1).astype(np.float64)
    return np.abs(_correlation(_ranks(dates), ranks))


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
