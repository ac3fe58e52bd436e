"""A model run over the grid that the nights ask for: the posterior of every node."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hsat.errors import PriorError
from hsat.nights.chain import ChainNodes, Filtered, Nights, run_filter
from hsat.nights.marginal import Marginal, choose_grid, from_grid, place
from hsat.nights.negative_binomial import log_likelihood
from hsat.nights.priors import MeanPrior, drifting_variation, independent_variation
from hsat.nights.scoring_error import ScoringError
from hsat.rules.load import load_rules
from hsat.rules.model import SeverityRule

__all__ = ["Fit", "Request", "chain_nodes", "class_limits_per_h", "fit_model", "severity_rule"]

Floats = NDArray[np.float64]

N_PILOT = 48
N_MU_DEFAULT, N_MU_INDEPENDENT = 56, 64
MAX_REFINEMENTS = 4
WIDEST_STEP_IN_SD = 0.5
"""A grid whose step is wider than that many SD of the result is laid again, finer."""
HALF_WIDTH_IN_SD = 8.0
SMALLEST_LOG = -1e300
"""In place of minus infinity where the difference of two is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `hsat.estimate_ahi` was asked, checked and in order of time; it can be hashed and pickled.

    Attributes
    ----------
    counts, hours : tuple of float
    days : tuple of int
    prior : MeanPrior
    model : str
    scoring_error : ScoringError or None
    """

    counts: tuple[float, ...]
    hours: tuple[float, ...]
    days: tuple[int, ...]
    prior: MeanPrior
    model: str
    scoring_error: ScoringError | None = None

    @property
    def nights(self) -> Nights:
        """The nights as arrays."""
        return Nights(np.array(self.counts), np.array(self.hours), np.array(self.days, dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A model run over its grid.

    Attributes
    ----------
    log_mu : ndarray, shape (n_mu,), float64
    marginal : Marginal
        Of the mean AHI as this scoring measures it.
    weights : ndarray, shape (..., n_mu), float64
        Posterior of the nodes, mu on the last axis; sums to 1.
    log_evidence : float
    filtered : Filtered or None
        None in the independent model.
    """

    log_mu: Floats
    marginal: Marginal
    weights: Floats
    log_evidence: float
    filtered: Filtered | None


@cache
def severity_rule() -> SeverityRule:
    """Limits of the classes and the age from which they apply.

    Returns
    -------
    SeverityRule
    """
    return load_rules("aasm_1b").severity


def class_limits_per_h() -> tuple[float, float, float]:
    """Where mild, moderate and severe begin.

    Returns
    -------
    (float, float, float)
    """
    rule = severity_rule()
    return rule.mild_from_per_h, rule.moderate_from_per_h, rule.severe_from_per_h


@cache
def chain_nodes() -> ChainNodes:
    """Nodes of the default model.

    Returns
    -------
    ChainNodes
    """
    variation = drifting_variation()
    sigma, weight = variation.nodes()
    shares, times = variation.drift_share_fraction, variation.drift_time_days
    spreads = tuple((float(s), w) for s in sigma for w in shares)
    per_spread = np.repeat(weight / len(shares), len(shares))
    weights = np.outer(per_spread, np.full(len(times), 1.0 / len(times)))
    return ChainNodes(spreads=spreads, drift_times_days=times, weights=weights)


@cache
def pilot_nodes() -> ChainNodes:
    """The widest of them at every other spread: they show where the posterior can lie."""
    variation = drifting_variation()
    sigma, weight = variation.nodes()
    spreads = tuple((float(s), variation.drift_share_fraction[-1]) for s in sigma[1::2])
    weights = weight[1::2, None] / float(weight[1::2].sum())
    return ChainNodes(spreads=spreads, drift_times_days=variation.drift_time_days[-1:], weights=weights)


@lru_cache(maxsize=1)  # whoever asks for further nights has just asked for the posterior
def fit_model(request: Request) -> Fit:
    """Run the model that was asked for.

    Parameters
    ----------
    request : Request

    Returns
    -------
    Fit
    """
    if request.model == "independent":
        return _fit_independent(request)
    return _fit_default(request)


def _fit_default(request: Request) -> Fit:
    nights, pilot, nodes = request.nights, pilot_nodes(), chain_nodes()

    def pilot_likelihood(log_mu: Floats) -> Floats:
        return _mix(run_filter(nights, log_mu, pilot).log_likelihood, pilot.weights)

    def joint(log_mu: Floats) -> tuple[Floats, Filtered]:
        filtered = run_filter(nights, log_mu, nodes)
        return filtered.log_likelihood + np.log(nodes.weights)[..., None], filtered

    return _lay_grid(request.prior, pilot_likelihood, joint, N_MU_DEFAULT)


def _fit_independent(request: Request) -> Fit:
    nights = request.nights
    cv, weight = independent_variation().nodes()
    few, few_weight = cv[1::5], weight[1::5]

    def pilot_likelihood(log_mu: Floats) -> Floats:
        return _mix(log_likelihood(nights, log_mu, few), few_weight)

    def joint(log_mu: Floats) -> tuple[Floats, None]:
        return log_likelihood(nights, log_mu, cv) + np.log(weight)[:, None], None

    return _lay_grid(request.prior, pilot_likelihood, joint, N_MU_INDEPENDENT)


def _lay_grid(
    prior: MeanPrior,
    pilot_likelihood: Callable[[Floats], Floats],
    joint: Callable[[Floats], tuple[Floats, Any]],
    n_mu: int,
) -> Fit:
    """Find where the posterior lies, compute it there, and again where the grid was too coarse."""
    low, high = choose_grid(lambda x: pilot_likelihood(x) + prior.log_density(x), prior.support, N_PILOT)
    limits = class_limits_per_h()
    for attempt in range(1, MAX_REFINEMENTS + 1):
        log_mu = place(low, high, n_mu, prior.support)
        step = float(log_mu[1] - log_mu[0])
        log_joint, filtered = joint(log_mu)
        log_joint = log_joint + prior.log_density(log_mu)
        top = float(log_joint.max())
        if top == -math.inf:
            raise PriorError(
                f"prior {prior.name}: expected one that allows such nights, got one that excludes them"
            )
        weights = np.exp(log_joint - top)
        density = weights.reshape(-1, n_mu).sum(axis=0)
        with np.errstate(divide="ignore"):
            marginal = from_grid(log_mu, np.log(density), limits)
        sd = marginal.sd_of_log()
        if step <= WIDEST_STEP_IN_SD * sd or attempt == MAX_REFINEMENTS:
            break
        centre = math.log(marginal.quantile(0.5))
        low, high = centre - HALF_WIDTH_IN_SD * sd, centre + HALF_WIDTH_IN_SD * sd
    total = float(weights.sum())
    return Fit(
        log_mu=log_mu,
        marginal=marginal,
        weights=weights / total,
        log_evidence=top + math.log(total * step),
        filtered=filtered,
    )


def _mix(log_likelihoods: Floats, weights: Floats) -> Floats:
    """Logarithm of the likelihood of each mu: nodes on the leading axes summed with their weights."""
    flat = (log_likelihoods + np.log(weights)[..., None]).reshape(-1, log_likelihoods.shape[-1])
    top = np.maximum(flat.max(axis=0), SMALLEST_LOG)
    with np.errstate(divide="ignore"):
        return np.asarray(top + np.log(np.exp(flat - top).sum(axis=0)))
