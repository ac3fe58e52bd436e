"""What the next night will show: from the rates it may have to an interval of its AHI."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, gammaln

from hsat.nights.chain import Filtered, Lattice, transitions

__all__ = ["count_interval", "gamma_rates", "next_rates"]

Floats = NDArray[np.float64]

RATE_STEP = 0.04
"""Step of the logarithm of the rate: far below the width of any night's own spread."""
LEAST_WEIGHT = 1e-6
"""Nodes and rates with less of the probability are left out."""
SMALLEST_RATE = 1e-12
SMALLEST_PROBABILITY = 1e-300
N_PLACES = 96
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
    return np.asarray(np.log(np.maximum(gammaincinv(shape, GAMMA_QUANTILES) / shape, SMALLEST_RATE)))


def count_interval(
    rates_per_h: Floats, probability: Floats, hours: float, coverage: float
) -> tuple[float, float]:
    """Shortest interval of the AHI that a night of some length will show.

    Shortest and not central: what nights may show is skewed, and a central interval leaves out the
    good nights that are likelier than the bad ones it holds.

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
    kept = probability > LEAST_WEIGHT
    mean, share = rates_per_h[kept] * hours, probability[kept] / probability[kept].sum()
    places = _count_places(mean)
    log_mean = np.log(mean)
    of_places = np.exp(np.outer(places, log_mean) - mean - gammaln(places + 1.0)[:, None]) @ share
    counts = np.arange(places[0], places[-1] + 1.0)
    of_count = np.exp(np.interp(counts, places, np.log(np.maximum(of_places, SMALLEST_PROBABILITY))))
    cumulative = np.concatenate([[0.0], np.cumsum(of_count)])
    cumulative /= cumulative[-1]
    stop = np.searchsorted(cumulative, cumulative[:-1] + coverage - 1e-12)
    possible = np.flatnonzero(stop < len(cumulative))
    width = stop[possible] - possible
    first = int(possible[np.argmin(width)])
    return float(counts[first]) / hours, float(counts[stop[first] - 1]) / hours


def _count_places(mean: Floats) -> Floats:
    """Counts to compute probabilities at, close together where small; between them they are smooth."""
    low = max(0.0, math.floor(mean[0] - 6.0 * math.sqrt(mean[0]) - 6.0))
    high = math.ceil(mean[-1] + 6.0 * math.sqrt(mean[-1]) + 6.0)
    even = np.linspace(low, high, N_PLACES)
    geometric = np.geomspace(1.0, high + 1.0 - low, N_PLACES) - 1.0 + low
    return np.unique(np.round(np.concatenate([even, geometric])))
