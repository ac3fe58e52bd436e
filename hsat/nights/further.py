"""How many more nights until a class is firm: futures drawn from the posterior, and what they would teach.

Each future draws a patient and a drift from the posterior, and nights of that patient. What the model
would conclude after each of them is followed node by node: given sigma, w and tau the logarithm of the
mean rate and the drift are kept as a normal distribution, which a Poisson count updates (Laplace's
method), and the nodes by how well they foretold the count. That is the model itself with one
approximation, which the tests hold against its full grid.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hsat.nights.fitting import Fit, Request, chain_nodes, class_limits_per_h, fit_model
from hsat.nights.negative_binomial import log_likelihood_of_each
from hsat.nights.priors import firm_limits, independent_variation

__all__ = ["MAX_FURTHER_NIGHTS", "firm_from", "median_further_nights"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MAX_FURTHER_NIGHTS = 30
N_FUTURES = 200
SEED = 1
"""Any number: the same nights give the same answer."""
LEAST_WEIGHT = 1e-3
"""Nodes with less of the posterior than this are left out of the futures."""
MOST_STEPS = 6
CLOSE = 1e-2
"""Each of Halley's steps cubes what is missing: after one as small as this 1e-7 is left."""
LARGEST_MEAN = 1e6
"""Events a night that a future is cut at."""
LEAST_WANTED_FRACTION = 0.01
"""A bias that leaves less than that of the AHI is cut."""


def firm_from(n_nights: int) -> float:
    """Probability from which a class is firm: ``[firm_class]`` of variation.toml.

    Parameters
    ----------
    n_nights : int

    Returns
    -------
    float
    """
    limits = firm_limits()
    return limits.firm_from_few_fraction if n_nights <= limits.few_nights else limits.firm_from_fraction


@lru_cache(maxsize=1024)
def median_further_nights(request: Request) -> int | None:
    """Median number of further nights, one a day, until some class is firm.

    Parameters
    ----------
    request : Request
        What `hsat.estimate_ahi` was asked.

    Returns
    -------
    int or None
        None beyond `MAX_FURTHER_NIGHTS`.
    """
    fit = fit_model(request)
    rng = np.random.default_rng(SEED)
    follow = _independent_futures if fit.filtered is None else _drifting_futures
    is_open = np.ones(N_FUTURES, dtype=bool)
    for n, probabilities in enumerate(follow(fit, request, rng, is_open), start=1):
        is_open[is_open] = probabilities.max(axis=1) < firm_from(len(request.counts) + n)
        if 2 * int(is_open.sum()) <= N_FUTURES:
            return n
    return None


class Nodes(NamedTuple):
    """Parameters of the nodes that are followed, shape (n_nodes,) each."""

    sigma: Floats
    drift_sd: Floats
    own_variance: Floats
    a_day: Floats


@dataclass(slots=True, kw_only=True)
class Belief:
    """What is known in each future (rows) at each node (columns): a normal (log mu, z) and the node's weight.

    Every array has the shape (n_futures, n_nodes), with the futures that are still followed.
    """

    log_weight: Floats
    mu: Floats
    z: Floats
    mu_mu: Floats
    mu_z: Floats
    z_z: Floats

    def of(self, kept: NDArray[np.int64]) -> "Belief":
        """Some of the futures."""
        return Belief(**{item.name: getattr(self, item.name).take(kept, axis=0) for item in fields(self)})


def _drifting_futures(
    fit: Fit, request: Request, rng: np.random.Generator, is_open: Flags
) -> Iterator[Floats]:
    """Class probabilities after each further night of each open future in the default model.

    The caller closes futures between two nights, in `is_open`: what they would teach is not asked any more.
    """
    hours = float(np.mean(request.hours))
    nodes, belief, (of_node, log_mu, z) = _start(fit, rng)
    sigma, drift_sd, own_variance, a_day = (values[of_node] for values in nodes)
    followed = np.arange(N_FUTURES)
    for _ in range(MAX_FURTHER_NIGHTS):
        if len(followed) > is_open.sum():
            belief, followed = belief.of(np.flatnonzero(is_open[followed])), np.flatnonzero(is_open)
        z = a_day * z + np.sqrt(1.0 - a_day**2) * rng.standard_normal(N_FUTURES)
        own = np.sqrt(own_variance) * rng.standard_normal(N_FUTURES)
        rate = np.exp(log_mu - 0.5 * sigma**2 + drift_sd * z + own)
        counts = rng.poisson(np.minimum(rate * hours, LARGEST_MEAN)).astype(np.float64)
        _next_day(belief, nodes)
        _learn(belief, nodes, counts[followed, None], hours)
        yield _normal_classes(belief, request)


def _start(
    fit: Fit, rng: np.random.Generator
) -> tuple[Nodes, Belief, tuple[NDArray[np.int64], Floats, Floats]]:
    """Nodes worth following, what is known now, and the true node, log mu and z of each future."""
    filtered = fit.filtered
    if filtered is None:
        raise TypeError("a fit of the default model is needed")
    model = chain_nodes()
    n_times = len(model.drift_times_days)
    per_node = fit.weights.reshape(-1, len(fit.log_mu))
    kept = np.flatnonzero(per_node.sum(axis=1) >= LEAST_WEIGHT)
    weight = per_node[kept] / per_node[kept].sum()
    state = filtered.state.reshape(len(per_node), len(fit.log_mu), -1)[kept]
    lattices = [filtered.lattices[k // n_times] for k in kept]
    z_grid = np.stack([lattice.z for lattice in lattices])
    of_node = weight.sum(axis=1)
    joint = weight[:, :, None] * state
    given = joint / of_node[:, None, None]
    of_mu, of_z = given.sum(axis=2), given.sum(axis=1)
    mu = of_mu @ fit.log_mu
    z = (of_z * z_grid).sum(axis=1)
    mu_mu = of_mu @ fit.log_mu**2 - mu**2
    z_z = (of_z * z_grid**2).sum(axis=1) - z**2
    mu_z = ((fit.log_mu @ given) * z_grid).sum(axis=1) - mu * z
    sigma = np.array([lattice.sigma for lattice in lattices])
    own_variance = np.array([lattice.own_sd**2 for lattice in lattices])
    a_day = np.exp(-1.0 / np.array(model.drift_times_days)[kept % n_times])
    nodes = Nodes(sigma, np.sqrt(sigma**2 - own_variance), own_variance, a_day)
    belief = Belief(
        **{
            name: np.tile(values, (N_FUTURES, 1))
            for name, values in (
                ("log_weight", np.log(of_node)),
                ("mu", mu),
                ("z", z),
                ("mu_mu", mu_mu),
                ("mu_z", mu_z),
                ("z_z", z_z),
            )
        }
    )
    drawn = _strata(joint.ravel(), rng)
    k, m, j = np.unravel_index(drawn, joint.shape)
    return nodes, belief, (k, fit.log_mu[m], z_grid[k, j])


def _strata(probability: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """One place for each future, drawn from equal parts of the distribution."""
    levels = (np.arange(N_FUTURES) + rng.random(N_FUTURES)) / N_FUTURES
    cumulative = np.cumsum(probability)
    return np.minimum(np.searchsorted(cumulative / cumulative[-1], levels), len(probability) - 1)


def _next_day(belief: Belief, nodes: Nodes) -> None:
    """The drift goes on for a day."""
    belief.z *= nodes.a_day
    belief.mu_z *= nodes.a_day
    belief.z_z *= nodes.a_day**2
    belief.z_z += 1.0 - nodes.a_day**2


def _learn(belief: Belief, nodes: Nodes, counts: Floats, hours: float) -> None:
    """A count, by Laplace's method in the logarithm of the night's rate."""
    cov_mu = belief.mu_mu + nodes.drift_sd * belief.mu_z
    cov_z = belief.mu_z + nodes.drift_sd * belief.z_z
    variance = cov_mu + nodes.drift_sd * cov_z + nodes.own_variance
    centre = belief.mu - 0.5 * nodes.sigma**2 + nodes.drift_sd * belief.z
    x = np.where(counts > 0.0, np.log((counts + 0.5) / hours), centre)
    x = (centre + x * counts * variance) / (1.0 + counts * variance)
    precision = 1.0 / variance
    for _ in range(MOST_STEPS):
        mean = hours * np.exp(x)
        left = 1.0 / (precision + mean)
        change = (counts - mean - (x - centre) * precision) * left
        change /= np.maximum(1.0 + 0.5 * change * mean * left, 0.5)
        np.clip(change, -2.0, 2.0, out=change)
        x += change
        if max(float(change.max()), -float(change.min())) < CLOSE:
            break
    mean = hours * np.exp(x)
    left = 1.0 / (precision + mean)
    off = x - centre
    belief.log_weight += counts * (x + math.log(hours)) - mean - 0.5 * off * off * precision
    belief.log_weight += 0.5 * np.log(left * precision)
    belief.log_weight -= belief.log_weight.max(axis=1, keepdims=True)
    shift = (off - 0.5 * left * left * mean) * precision
    belief.mu += cov_mu * shift
    belief.z += cov_z * shift
    shrink = (variance - left) * precision * precision
    of_mu, of_z = cov_mu * shrink, cov_z * shrink
    belief.mu_mu -= cov_mu * of_mu
    belief.mu_z -= cov_mu * of_z
    belief.z_z -= cov_z * of_z


def _normal_classes(belief: Belief, request: Request) -> Floats:
    """Class probabilities of each future, shape (n_futures, 4)."""
    weight = np.exp(belief.log_weight)
    weight /= weight.sum(axis=1, keepdims=True)
    centre, variance = belief.mu, belief.mu_mu
    if request.scoring_error is not None:
        measured = np.exp(centre)
        wanted = np.maximum(measured - request.scoring_error.bias_per_h, LEAST_WANTED_FRACTION * measured)
        variance = variance + (request.scoring_error.sd_at(measured) / wanted) ** 2
        centre = np.log(wanted)
    per_sd = 1.0 / np.sqrt(variance)
    below = [
        np.einsum("ij,ij->i", weight, ndtr((math.log(x) - centre) * per_sd)) for x in class_limits_per_h()
    ]
    return _between(below)


def _between(below: list[Floats]) -> Floats:
    """Probabilities of the classes from those of lying below each limit."""
    edges = np.stack([np.zeros_like(below[0]), *below, np.ones_like(below[0])])
    return np.diff(edges, axis=0).T


def _independent_futures(
    fit: Fit, request: Request, rng: np.random.Generator, is_open: Flags
) -> Iterator[Floats]:
    """The same in the independent model, on its grid itself."""
    hours = float(np.mean(request.hours))
    cv = independent_variation().nodes()[0]
    k, m = np.unravel_index(_strata(fit.weights.ravel(), rng), fit.weights.shape)
    shape, mu = cv[k] ** -2.0, np.exp(fit.log_mu[m])
    with np.errstate(divide="ignore"):
        log_weights = np.tile(np.log(fit.weights), (N_FUTURES, 1, 1))
    limits = class_limits_per_h()
    followed = np.arange(N_FUTURES)
    for _ in range(MAX_FURTHER_NIGHTS):
        if len(followed) > is_open.sum():
            log_weights, followed = log_weights[is_open[followed]], np.flatnonzero(is_open)
        rate = mu * rng.gamma(shape) / shape
        counts = rng.poisson(rate * hours).astype(np.float64)
        log_weights += log_likelihood_of_each(counts[followed], hours, fit.log_mu, cv)
        weights = np.exp(log_weights - log_weights.max(axis=(1, 2), keepdims=True)).sum(axis=1)
        yield _grid_classes(fit.log_mu, weights, request, limits)


def _grid_classes(
    log_mu: Floats, weights: Floats, request: Request, limits_per_h: tuple[float, ...]
) -> Floats:
    """Class probabilities of each future from weights on the grid of mu, each spread over its cell."""
    weights = weights / weights.sum(axis=1, keepdims=True)
    half_cell = 0.5 * (log_mu[1] - log_mu[0])
    below = []
    for limit in limits_per_h:
        if request.scoring_error is None:
            share = np.clip((math.log(limit) - log_mu + half_cell) / (2.0 * half_cell), 0.0, 1.0)
        else:
            measured = np.exp(log_mu)
            sd = np.maximum(request.scoring_error.sd_at(measured), half_cell * measured)
            share = ndtr((limit - measured + request.scoring_error.bias_per_h) / sd)
        below.append(weights @ share)
    return _between(below)
