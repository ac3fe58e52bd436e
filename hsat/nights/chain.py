"""The default model: nights of one patient whose rates drift from day to day, on a grid.

The rate of night j on day d is ``lambda_j = mu exp(sigma u_j - sigma^2 / 2)`` with
``u_j = sqrt(w) z(d) + sqrt(1 - w) e_j``: z a stationary Gaussian process whose correlation falls by
``exp(-1 / tau)`` a day, e_j new every night; both standard normal, so that mu is the mean rate. The
count is Poisson with mean ``lambda_j T_j``. For every node (sigma, w, tau) and every mu a forward
filter over a grid of z adds up the likelihood; e_j is integrated out in a table that all mu share.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["ChainNodes", "Filtered", "Nights", "run_filter"]

Floats = NDArray[np.float64]

Z_STEP = 0.28
"""Step of the drift grid, in SD: the trapezoid rule is exact to 1e-6 for anything wider than 0.25."""
LEAST_STEP = 0.9 * Z_STEP
HALF_Z = 16
"""Points on either side of 0: the grid ends beyond 4 SD."""
STEP_PER_SD = 1.25
"""Widest step of a sum over a bell-shaped function, in its SD, for an error of 1e-5."""
WIDEST_E = 5.0
"""How many SD of a night's own deviation are integrated over."""


class Nights(NamedTuple):
    """What was observed, in order of time: events, hours and day of every night, shape (n,) each."""

    counts: Floats
    hours: Floats
    days: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainNodes:
    """Values of sigma, w and tau that the model runs over, and their prior weights.

    Attributes
    ----------
    spreads : tuple of (float, float)
        Pairs (sigma, w).
    drift_times_days : tuple of float
        Every pair is combined with each.
    weights : ndarray, shape (n_spreads, n_times), float64
        Sum to 1.
    """

    spreads: tuple[tuple[float, float], ...]
    drift_times_days: tuple[float, ...]
    weights: Floats


class Lattice(NamedTuple):
    """Where mu and z lie on one lattice of log rates, ``log mu_0 + i a q + j m q``, for a pair (sigma, w)."""

    q: float
    mu_stride: int
    z_stride: int
    z: Floats
    sigma: float
    own_sd: float
    own_weights: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """The filter after the last night.

    Attributes
    ----------
    log_mu : ndarray, shape (n_mu,), float64
    log_likelihood : ndarray, shape (n_spreads, n_times, n_mu), float64
        Logarithm of the probability of all counts.
    state : ndarray, shape (n_spreads, n_times, n_mu, n_z), float64
        Distribution of z on the last day; sums to 1 over the last axis.
    lattices : tuple of Lattice
        One a pair (sigma, w).
    """

    log_mu: Floats
    log_likelihood: Floats
    state: Floats
    lattices: tuple[Lattice, ...]


def run_filter(nights: Nights, log_mu: Floats, nodes: ChainNodes) -> Filtered:
    """Likelihood of the counts at every node of the grid.

    Parameters
    ----------
    nights : Nights
        Sorted by day.
    log_mu : ndarray, shape (n_mu,), float64
        Equidistant.
    nodes : ChainNodes

    Returns
    -------
    Filtered
    """
    step = float(log_mu[1] - log_mu[0])
    lattices = tuple(
        make_lattice(step, sigma, share, float(nights.counts.max())) for sigma, share in nodes.spreads
    )
    n_mu, n_z = len(log_mu), 2 * HALF_Z + 1
    start = np.stack([stationary(lattice.z) for lattice in lattices])
    # Until the first day has passed all drift times are alike: one stands for them.
    state = np.repeat(start[:, None, None, :], n_mu, axis=2)
    log_likelihood = np.zeros(state.shape[:3])
    gaps_days = np.diff(nights.days, prepend=nights.days[0]).tolist()
    moves = {gap: transitions(lattices, nodes.drift_times_days, gap) for gap in set(gaps_days) if gap}
    for count, hours, gap in zip(nights.counts.tolist(), nights.hours.tolist(), gaps_days, strict=True):
        if gap:
            state = state @ moves[gap]
        for k, table in enumerate(night_tables(count, hours, float(log_mu[0]), n_mu, lattices)):
            state[k] *= table
        total = state.sum(axis=-1)
        is_possible = total > 0.0
        with np.errstate(divide="ignore"):
            log_likelihood = log_likelihood + np.log(total)
        state /= np.where(is_possible, total, 1.0)[..., None]
        if not is_possible.all():
            state[~is_possible] = 1.0 / n_z
        log_likelihood += log_scale(count, hours)
    shape = (len(lattices), len(nodes.drift_times_days), n_mu, n_z)
    return Filtered(
        log_mu=log_mu,
        log_likelihood=np.broadcast_to(log_likelihood, shape[:3]),
        state=np.broadcast_to(state, shape),
        lattices=lattices,
    )


def log_scale(count: float, hours: float) -> float:
    """Largest log probability that a Poisson variable gives this count: tables are relative to it."""
    if count == 0.0:
        return 0.0
    return count * math.log(count) - count - float(gammaln(count + 1.0))


def make_lattice(step: float, sigma: float, share: float, max_count: float) -> Lattice:
    """The coarsest lattice on which log mu, z and the night's own deviation are all fine enough."""
    drift_sd, own_sd = sigma * math.sqrt(share), sigma * math.sqrt(1.0 - share)
    widest = STEP_PER_SD / math.sqrt(max_count + 1.0 + own_sd**-2)
    stride = max(1, math.ceil(step / min(widest, Z_STEP * drift_sd)))
    return lattice_from(stride, step, sigma, drift_sd, own_sd)


@lru_cache(maxsize=1024)
def lattice_from(stride: int, step: float, sigma: float, drift_sd: float, own_sd: float) -> Lattice:
    """The coarsest lattice with so many places a step of mu, or more: most counts share it with others."""
    while True:
        q = step / stride
        z_stride = math.floor(Z_STEP * drift_sd / q + 1e-9)
        if z_stride >= 1 and z_stride * q / drift_sd >= LEAST_STEP:
            z = np.arange(-HALF_Z, HALF_Z + 1, dtype=np.float64) * (z_stride * q / drift_sd)
            n_own = math.ceil(WIDEST_E * own_sd / q)
            own_weights = stationary(np.arange(-n_own, n_own + 1, dtype=np.float64) * (q / own_sd))
            return Lattice(q, stride, z_stride, z, sigma, own_sd, own_weights)
        stride += 1


def stationary(z: Floats) -> Floats:
    """Standard normal weights on a grid."""
    weights = np.exp(-0.5 * z * z)
    return weights / float(weights.sum())


@lru_cache(maxsize=256)
def transition(first: float, last: float, n: int, correlation: float) -> Floats:
    """Probability of each z some days later, a row a start."""
    z = np.linspace(first, last, n)
    if correlation < 1e-12:
        return np.tile(stationary(z), (n, 1))
    deviation = z[None, :] - correlation * z[:, None]
    matrix = np.exp(-0.5 * deviation**2 / (1.0 - correlation**2))
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def transitions(lattices: Sequence[Lattice], times_days: Sequence[float], n_days: int) -> Floats:
    """Transition matrices of every node, shape (n_spreads, n_times, n_z, n_z)."""
    return np.stack(
        [
            [transition(x.z[0], x.z[-1], len(x.z), math.exp(-n_days / time)) for time in times_days]
            for x in lattices
        ]
    )


def night_tables(
    count: float, hours: float, first_log_mu: float, n_mu: int, lattices: Sequence[Lattice]
) -> Iterator[Floats]:
    """Probability of a count at every (mu, z) over `log_scale`: a view of shape (n_mu, n_z) a pair."""
    for lattice in lattices:
        n_own = len(lattice.own_weights) // 2
        reach = HALF_Z * lattice.z_stride + n_own
        n = (n_mu - 1) * lattice.mu_stride + 2 * reach + 1
        log_rate = first_log_mu - 0.5 * lattice.sigma**2 + (np.arange(n) - reach) * lattice.q
        log_ratio = log_rate + math.log(hours)
        log_poisson = -np.exp(log_ratio)
        if count > 0.0:
            log_poisson += count * (log_ratio - math.log(count) + 1.0)
        poisson = np.exp(log_poisson)
        table = np.convolve(poisson, lattice.own_weights, mode="valid")
        strides = (lattice.mu_stride * table.itemsize, lattice.z_stride * table.itemsize)
        yield np.ndarray((n_mu, 2 * HALF_Z + 1), table.dtype, table, strides=strides)
