"""How much the class hangs on the prior: the same nights under the others."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from hsat.nights.priors import load_prior
from hsat.patient import AhiPosterior
from hsat.rules.load import load_rules

__all__ = ["UNTREATED_PRIORS", "class_under_priors"]

UNTREATED_PRIORS = ("referral", "community-men", "community-women", "flat")
REWEIGHTED_FROM = 15
"""Nights from which the posterior is reweighted in place of computed anew: so many nights say so much
that every prior in use leaves it within the grid."""


def class_under_priors(
    posterior: AhiPosterior,
    prior: str | Path,
    n_nights: int,
    estimate: Callable[[str], AhiPosterior],
) -> Mapping[str, Mapping[str, float]]:
    """Class probabilities under the prior in use and under the other named ones.

    Parameters
    ----------
    posterior : AhiPosterior
    prior : str or Path
        Its prior.
    n_nights : int
    estimate : callable
        Gives the posterior of the same nights under another prior.

    Returns
    -------
    mapping of str to mapping of str to float
        By prior, by class.

    Notes
    -----
    A posterior divided by its prior is the likelihood, whatever the prior was: with many nights it is
    multiplied by the other prior instead of being computed anew.
    """
    found: dict[str, Mapping[str, float]] = {posterior.prior: posterior.class_probability}
    for name in UNTREATED_PRIORS:
        if name == posterior.prior:
            continue
        if n_nights >= REWEIGHTED_FROM:
            found[name] = _reweighted(posterior, prior, name)
        else:
            found[name] = estimate(name).class_probability
    return found


def _reweighted(posterior: AhiPosterior, prior: str | Path, other: str) -> Mapping[str, float]:
    grid = posterior.grid_ahi_per_h
    log_mu = np.log(grid)
    log_ratio = load_prior(other).log_density(log_mu) - load_prior(prior).log_density(log_mu)
    weight = np.exp(log_ratio - log_ratio[np.isfinite(log_ratio)].max()) * posterior.density
    steps = 0.5 * (weight[1:] + weight[:-1]) * np.diff(grid)
    reached = np.concatenate([[0.0], np.cumsum(steps)])
    rule = load_rules("aasm_1b").severity
    limits = [rule.mild_from_per_h, rule.moderate_from_per_h, rule.severe_from_per_h]
    below = np.interp(limits, grid, reached / reached[-1])
    shares = np.diff(np.concatenate([[0.0], below, [1.0]]))
    return dict(zip(("normal", "mild", "moderate", "severe"), shares.tolist(), strict=True))
