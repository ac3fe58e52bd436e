"""`estimate_ahi`: what several nights say of a patient's true mean AHI, and how sure one may be."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from hsat.errors import NightsError, shown
from hsat.nights.chain import ChainNodes, Filtered, Nights, run_filter
from hsat.nights.marginal import (
    MAX_REFINEMENTS,
    N_PILOT,
    WIDEST_STEP_IN_SD,
    HALF_WIDTH_IN_SD,
    Marginal,
    choose_grid,
    class_probabilities,
    from_grid,
    place,
)
from hsat.nights.negative_binomial import log_likelihood
from hsat.nights.predictive import count_interval, gamma_rates, next_rates
from hsat.nights.priors import MeanPrior, drifting_variation, independent_variation, load_prior
from hsat.patient import AhiPosterior
from hsat.rules.load import load_rules
from hsat.rules.model import SeverityRule

__all__ = ["MODELS", "estimate_ahi"]

Floats = NDArray[np.float64]

MODELS = ("default", "independent")
SEVERITIES = ("normal", "mild", "moderate", "severe")
FIRM_FROM = 0.9
"""A class is firm from this probability on: multi-night reports say so."""
COVERAGE = 0.95
N_MU = {"default": 56, "independent": 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A model run over its grid.

    `weights` is the posterior of the nodes, mu on the last axis, and sums to 1.
    """

    log_mu: Floats
    marginal: Marginal
    weights: Floats
    log_evidence: float
    filtered: Filtered | None = None


def estimate_ahi(
    counts: Sequence[float],
    hours: Sequence[float],
    days: Sequence[int] | None = None,
    prior: str | Path = "referral",
    model: str = "default",
    age_years: float | None = None,
) -> AhiPosterior:
    """Posterior of a patient's true mean AHI from the events and hours of some nights.

    Parameters
    ----------
    counts : sequence of float, shape (n,)
        Apneas and hypopneas of each night. Counts that are not whole (a rate that was rounded, times
        hours) enter the same formula.
    hours : sequence of float, shape (n,)
        Monitored hours.
    days : sequence of int, shape (n,), optional
        Calendar night of each; any order, several may share a night, gaps count as time. Without it
        the nights follow each other.
    prior : str or Path
        ``"referral"``, ``"community-men"``, ``"community-women"``, ``"flat"`` or a TOML file.
    model : str
        ``"default"`` or ``"independent"``.
    age_years : float, optional
        Below the age of the severity rule (18 years) there is no adult class.

    Returns
    -------
    AhiPosterior

    Raises
    ------
    NightsError
        Nights, a model or an age that cannot be.
    PriorError
        No such prior.
    """
    nights = check_nights(counts, hours, days)
    if model not in MODELS:
        raise NightsError(f"model: expected one of {', '.join(MODELS)}, got {shown(model)}")
    belief = load_prior(prior)
    rule = severity_rule()
    limits = (rule.mild_from_per_h, rule.moderate_from_per_h, rule.severe_from_per_h)
    fit = fit_independent(nights, belief, limits) if model == "independent" else fit_default(nights, belief, limits)
    marginal = fit.marginal
    probability = class_probabilities(marginal, limits, SEVERITIES)
    severity = max(SEVERITIES, key=lambda name: probability[name])
    cv, correlation = variation_of(fit)
    rates, shares = predicted_rates(fit)
    mu = np.exp(marginal.log_mu)
    return AhiPosterior(
        prior=belief.name,
        model=model,
        mean_ahi_per_h=marginal.mean,
        median_ahi_per_h=marginal.quantile(0.5),
        ci95_ahi_per_h=(marginal.quantile(0.5 - COVERAGE / 2), marginal.quantile(0.5 + COVERAGE / 2)),
        class_probability=probability,
        severity=severity,
        is_firm=probability[severity] >= FIRM_FROM,
        p_misclassified=1.0 - probability[severity],
        night_to_night_cv=cv,
        night_to_night_correlation=correlation,
        next_night_ci95=count_interval(rates, shares, float(nights.hours.mean()), COVERAGE),
        nights_needed=None,
        log_evidence=fit.log_evidence,
        grid_ahi_per_h=mu,
        density=marginal.density / mu,
    )


@cache
def severity_rule() -> SeverityRule:
    """Limits of the classes and the age from which they apply."""
    return load_rules("aasm_1b").severity


def check_nights(counts: Sequence[float], hours: Sequence[float], days: Sequence[int] | None) -> Nights:
    y, t = np.asarray(counts, dtype=np.float64), np.asarray(hours, dtype=np.float64)
    d = np.arange(len(y)) if days is None else np.asarray(days)
    order = np.argsort(d, kind="stable")
    return Nights(y[order], t[order], d[order].astype(np.int64))


@cache
def chain_nodes() -> ChainNodes:
    """Nodes of the default model."""
    variation = drifting_variation()
    sigma, weight = variation.nodes()
    shares, times = variation.drift_share_fraction, variation.drift_time_days
    spreads = tuple((float(s), w) for s in sigma for w in shares)
    weights = np.repeat(weight / len(shares), len(shares))[:, None] / len(times) * np.ones(len(times))
    return ChainNodes(spreads=spreads, drift_times_days=times, weights=weights)


@cache
def pilot_nodes() -> ChainNodes:
    """A few of them, to find where the posterior lies: every other spread, the middle share, the slowest drift."""
    variation = drifting_variation()
    sigma, weight = variation.nodes()
    shares, times = variation.drift_share_fraction, variation.drift_time_days
    spreads = tuple((float(s), shares[-1]) for s in sigma[1::2])
    weights = weight[1::2, None] / float(weight[1::2].sum())
    return ChainNodes(spreads=spreads, drift_times_days=(times[-1],), weights=weights)


def mix(log_likelihood: Floats, weights: Floats) -> Floats:
    """Logarithm of the likelihood of each mu: nodes on the leading axes summed with their weights."""
    flat = (log_likelihood + np.log(weights)[..., None]).reshape(-1, log_likelihood.shape[-1])
    return np.asarray(logsumexp(flat, axis=0))


def fit_default(nights: Nights, prior: MeanPrior, limits: Sequence[float]) -> Fit:
    """The default model on its grid, laid again where it was too coarse."""
    pilot = pilot_nodes()

    def pilot_density(log_mu: Floats) -> Floats:
        return mix(run_filter(nights, log_mu, pilot).log_likelihood, pilot.weights) + prior.log_density(log_mu)

    low, high = choose_grid(pilot_density, prior.support, N_PILOT)
    nodes = chain_nodes()
    for _ in range(MAX_REFINEMENTS):
        log_mu = place(low, high, N_MU["default"], prior.support)
        filtered = run_filter(nights, log_mu, nodes)
        joint = filtered.log_likelihood + np.log(nodes.weights)[..., None] + prior.log_density(log_mu)
        marginal, weights, evidence = normalise(log_mu, joint, limits)
        sd = marginal.sd_of_log()
        if log_mu[1] - log_mu[0] <= WIDEST_STEP_IN_SD * sd:
            break
        centre = math.log(marginal.quantile(0.5))
        low, high = centre - HALF_WIDTH_IN_SD * sd, centre + HALF_WIDTH_IN_SD * sd
    return Fit(log_mu=log_mu, marginal=marginal, weights=weights, log_evidence=evidence, filtered=filtered)


def fit_independent(nights: Nights, prior: MeanPrior, limits: Sequence[float]) -> Fit:
    """The independent model on its grid."""
    cv, weight = independent_variation().nodes()

    def pilot_density(log_mu: Floats) -> Floats:
        wide = slice(1, None, 5)
        return mix(log_likelihood(nights, log_mu, cv[wide]), weight[wide]) + prior.log_density(log_mu)

    low, high = choose_grid(pilot_density, prior.support, N_PILOT)
    for _ in range(MAX_REFINEMENTS):
        log_mu = place(low, high, N_MU["independent"], prior.support)
        joint = log_likelihood(nights, log_mu, cv) + np.log(weight)[:, None] + prior.log_density(log_mu)
        marginal, weights, evidence = normalise(log_mu, joint, limits)
        sd = marginal.sd_of_log()
        if log_mu[1] - log_mu[0] <= WIDEST_STEP_IN_SD * sd:
            break
        centre = math.log(marginal.quantile(0.5))
        low, high = centre - HALF_WIDTH_IN_SD * sd, centre + HALF_WIDTH_IN_SD * sd
    return Fit(log_mu=log_mu, marginal=marginal, weights=weights, log_evidence=evidence)


def normalise(log_mu: Floats, joint: Floats, limits: Sequence[float]) -> tuple[Marginal, Floats, float]:
    """Marginal of mu, posterior of the nodes, log evidence."""
    top = float(joint.max())
    weights = np.exp(joint - top)
    total = float(weights.sum())
    with np.errstate(divide="ignore"):
        log_density = np.log(weights.reshape(-1, len(log_mu)).sum(axis=0))
    marginal = from_grid(log_mu, log_density, limits)
    return marginal, weights / total, top + math.log(total * float(log_mu[1] - log_mu[0]))


def variation_of(fit: Fit) -> tuple[float, float | None]:
    """Posterior means of the coefficient of variation and of the correlation of a night with the next."""
    if fit.filtered is None:
        cv, _ = independent_variation().nodes()
        return float(fit.weights.sum(axis=-1) @ cv), None
    nodes = chain_nodes()
    variance = np.array([sigma**2 for sigma, _ in nodes.spreads])
    share = np.array([w for _, w in nodes.spreads])
    weights = fit.weights.sum(axis=-1)
    relative_variance = np.expm1(variance)
    lag = np.exp(-1.0 / np.array(nodes.drift_times_days))
    correlation = np.expm1((variance * share)[:, None] * lag) / relative_variance[:, None]
    return float(weights.sum(axis=1) @ np.sqrt(relative_variance)), float((weights * correlation).sum())


def predicted_rates(fit: Fit) -> tuple[Floats, Floats]:
    """Rates of the next night and their probabilities."""
    if fit.filtered is None:
        return gamma_rates(fit.log_mu, independent_variation().nodes()[0], fit.weights)
    return next_rates(fit.filtered, fit.weights, chain_nodes().drift_times_days)
