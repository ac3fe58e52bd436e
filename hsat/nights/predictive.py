"""What the next night will show: from the rates it may have to an interval of its AHI."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, gammaincinv

from hsat.nights.chain import Filtered, Lattice, transitions

__all__ = ["count_interval", "gamma_rates", "next_rates"]

Floats = NDArray[np.float64]

RATE_STEP = 0.04
"""Step of the logarithm of the rate: far below the width of any night's own spread."""
LEAST_WEIGHT = 1e-6
"""Nodes and rates with less of the probability are left out."""
SMALLEST_RATE = 1e-12
GAMMA_QUANTILES = (np.arange(48) + 0.5) / 48.0


def next_rates(filtered: Filtered, weights: Floats, times_days: Sequence[float]) -> tuple[Floats, Floats]:
    """Rates that the night of the next day may have in the default model, and their probabilities.

    Parameters
    ----------
    filtered : Filtered
        After the last night.
    weights : ndarray, shape (n_spreads, n_times, n_mu), float64
        Posterior of the nodes; sums to 1.
    times_days : sequence of float

    Returns
    -------
    (ndarray, ndarray), shape (n,), float64
        Rates per hour, rising; probabilities, which sum to 1.
    """
    state = filtered.state @ transitions(filtered.lattices, times_days, 1)
    state *= weights[..., None]
    of_place = state.sum(axis=1)
    spans = [_spread(filtered, lattice, of_place[k]) for k, lattice in enumerate(filtered.lattices)]
    log_rate = np.concatenate([rate for rate, _ in spans])
    probability = np.concatenate([p for _, p in spans])
    return _rebin(log_rate, probability)


def _spread(filtered: Filtered, lattice: Lattice, of_place: Floats) -> tuple[Floats, Floats]:
    """Log rates of one pair (sigma, w): mu and drift on their lattice, then the night's own deviation."""
    n_mu, n_z = of_place.shape
    index = np.arange(n_mu)[:, None] * lattice.mu_stride + np.arange(n_z) * lattice.z_stride
    on_lattice = np.bincount(index.ravel(), of_place.ravel())
    probability = np.convolve(on_lattice, lattice.own_weights)
    first = filtered.log_mu[0] - 0.5 * lattice.sigma**2
    first -= (n_z // 2) * lattice.z_stride * lattice.q + (len(lattice.own_weights) // 2) * lattice.q
    return first + np.arange(len(probability)) * lattice.q, probability


def _rebin(log_rate: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """The same mass on one grid, each part shared between its two neighbours."""
    low = float(log_rate.min())
    place = (log_rate - low) / RATE_STEP
    index = place.astype(np.int64)
    upper = probability * (place - index)
    n = int(index.max()) + 2
    mass = np.bincount(index, probability - upper, n) + np.bincount(index + 1, upper, n)
    return np.exp(low + RATE_STEP * np.arange(n)), mass / float(mass.sum())


def gamma_rates(log_mu: Floats, cv: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Rates that the next night may have in the independent model: equal parts of each gamma distribution.

    Parameters
    ----------
    log_mu : ndarray, shape (n_mu,), float64
    cv : ndarray, shape (n_cv,), float64
    weights : ndarray, shape (n_cv, n_mu), float64
        Posterior of the nodes; sums to 1.

    Returns
    -------
    (ndarray, ndarray), shape (n,), float64
        Rates per hour, rising; probabilities, which sum to 1.
    """
    quantiles = log_unit_gamma(tuple(cv.tolist()))
    k, m = np.nonzero(weights > LEAST_WEIGHT)
    log_rate = log_mu[m][:, None] + quantiles[k]
    share = np.repeat(weights[k, m] / quantiles.shape[1], quantiles.shape[1])
    return _rebin(log_rate.ravel(), share)


@lru_cache(maxsize=8)
def log_unit_gamma(cv: tuple[float, ...]) -> Floats:
    """Logarithms of quantiles of gamma distributions of mean 1, a row a coefficient of variation."""
    shape = np.asarray(cv)[:, None] ** -2.0
    return np.log(np.maximum(gammaincinv(shape, GAMMA_QUANTILES) / shape, SMALLEST_RATE))


def count_interval(
    rates_per_h: Floats, probability: Floats, hours: float, coverage: float
) -> tuple[float, float]:
    """Central interval of the AHI that a night of some length will show.

    Parameters
    ----------
    rates_per_h, probability : ndarray, shape (n,), float64
        Rates and their probabilities.
    hours : float
    coverage : float
        Probability inside the interval, at least.

    Returns
    -------
    (float, float)
        Events per hour: whole counts over the hours.
    """
    tail = 0.5 * (1.0 - coverage)
    kept = probability > LEAST_WEIGHT
    mean, share = rates_per_h[kept] * hours, probability[kept] / probability[kept].sum()
    cumulative = np.cumsum(share)
    low, high = (_first_count(mean, share, cumulative, fraction) for fraction in (tail, 1.0 - tail))
    return low / hours, high / hours


def _first_count(mean: Floats, share: Floats, cumulative: Floats, fraction: float) -> int:
    """Smallest count whose cumulative probability reaches a fraction."""

    def is_reached(count: int) -> bool:
        return float(share @ gammaincc(count + 1.0, mean)) >= fraction

    start = float(mean[min(int(np.searchsorted(cumulative, fraction)), len(mean) - 1)])
    step = max(1, math.ceil(0.5 * math.sqrt(start)))
    high = math.floor(start)
    while not is_reached(high):
        high, step = high + step, 2 * step
    low, step = high, max(1, math.ceil(0.5 * math.sqrt(start)))
    while low >= 0 and is_reached(low):
        high, low, step = low, low - step, 2 * step
    low = max(low, -1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_reached(middle) else (middle, high)
    return high
