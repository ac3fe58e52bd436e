"""`estimate_ahi`: what several nights say of a patient's true mean AHI, and how sure one may be.

Models, priors and what was measured of them: docs/multi-night.md.
"""

from collections.abc import Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hsat.errors import NightsError, shown
from hsat.nights.fitting import Fit, Request, chain_nodes, class_limits_per_h, fit_model, severity_rule
from hsat.nights.further import firm_from, median_further_nights
from hsat.nights.marginal import Marginal, class_probabilities
from hsat.nights.predictive import count_interval, gamma_rates, next_rates
from hsat.nights.priors import independent_variation, load_prior, prior_names
from hsat.nights.scoring_error import ScoringError, widen
from hsat.patient import AhiPosterior

__all__ = ["MODELS", "SEVERITIES", "compare_priors", "estimate_ahi"]

Floats = NDArray[np.float64]

MODELS = ("default", "independent")
SEVERITIES = ("normal", "mild", "moderate", "severe")
COVERAGE = 0.95
MAX_NIGHTS = 10_000
MAX_HOURS = 1000.0
MAX_RATE_PER_H = 1000.0
"""More events than breaths: hours or counts were mixed up."""
MAX_DAY = 1_000_000
MAX_AGE_YEARS = 150.0


def estimate_ahi(
    counts: Sequence[float],
    hours: Sequence[float],
    days: Sequence[int] | None = None,
    *,
    prior: str | Path = "referral",
    model: str = "default",
    age_years: float | None = None,
    scoring_error: ScoringError | None = None,
) -> AhiPosterior:
    """Posterior of a patient's true mean AHI from the events and hours of some nights.

    Parameters
    ----------
    counts : sequence of float, shape (n,)
        Apneas and hypopneas of each night. Counts that are not whole (a device's rate, rounded, times
        hours) enter the same formula unrounded.
    hours : sequence of float, shape (n,)
        Monitored hours of each night.
    days : sequence of int, shape (n,), optional
        Calendar night of each, from any origin; in any order, several may share a night, gaps count as
        time. Without it the nights follow each other. The independent model does not look at it.
    prior : str or Path
        ``"referral"``, ``"community-men"``, ``"community-women"``, ``"flat"`` or the path of a TOML file.
    model : str
        ``"default"`` (correlated nights) or ``"independent"`` (negative binomial): docs/multi-night.md.
    age_years : float, optional
        Below the age of the severity rule (18 years) there is no adult class.
    scoring_error : ScoringError, optional
        A known error of the scoring, by which the posterior is widened. The interval of the next night
        stays: it is of the AHI as scored.

    Returns
    -------
    AhiPosterior

    Raises
    ------
    NightsError
        Nights, a model, an age or a scoring error that cannot be.
    PriorError
        No such prior, or a file that is none.
    """
    if model not in MODELS:
        raise NightsError(f"model: expected one of {', '.join(MODELS)}, got {shown(model)}")
    if scoring_error is not None and not isinstance(scoring_error, ScoringError):
        raise NightsError(f"scoring_error: expected a ScoringError, got {shown(scoring_error)}")
    age = None if age_years is None else _number("age_years", age_years, 0.0, MAX_AGE_YEARS)
    counts_, hours_, days_ = _checked_nights(counts, hours, days)
    request = Request(
        counts=counts_,
        hours=hours_,
        days=days_,
        prior=load_prior(prior),
        model=model,
        scoring_error=scoring_error,
    )
    fit = fit_model(request)
    marginal = fit.marginal
    if scoring_error is not None:
        marginal = widen(marginal, scoring_error, class_limits_per_h())
    return _describe(request, fit, marginal, age)


def compare_priors(
    counts: Sequence[float],
    hours: Sequence[float],
    days: Sequence[int] | None = None,
    *,
    model: str = "default",
    scoring_error: ScoringError | None = None,
) -> Mapping[str, Mapping[str, float]]:
    """Class probabilities of the same nights under every packaged prior: how much the prior decides.

    Parameters
    ----------
    counts, hours, days, model, scoring_error
        As in `estimate_ahi`.

    Returns
    -------
    mapping of str to mapping of str to float
        By prior, by class.
    """
    return {
        name: estimate_ahi(
            counts, hours, days, prior=name, model=model, scoring_error=scoring_error
        ).class_probability
        for name in prior_names()
    }


def _describe(request: Request, fit: Fit, marginal: Marginal, age_years: float | None) -> AhiPosterior:
    """The numbers of a posterior."""
    probability = class_probabilities(marginal, class_limits_per_h(), SEVERITIES)
    severity: str | None = max(SEVERITIES, key=lambda name: probability[name])
    not_measured = {}
    youngest = severity_rule().min_age_years
    is_adult = age_years is None or age_years >= youngest
    if not is_adult:
        reason = f"age {age_years:g} is below {youngest:g} years: adult severity classes do not apply"
        names = ("class_probability", "severity", "p_misclassified", "nights_needed")
        not_measured = dict.fromkeys(names, reason)
        probability, severity = {}, None
    cv, correlation = _variation(fit)
    if correlation is None:
        not_measured["night_to_night_correlation"] = "the independent model has none"
    mu = np.exp(marginal.log_mu)
    p_class = None if severity is None else probability[severity]
    return AhiPosterior(
        prior=request.prior.name,
        model=request.model,
        mean_ahi_per_h=marginal.mean,
        median_ahi_per_h=marginal.quantile(0.5),
        ci95_ahi_per_h=(marginal.quantile(0.5 - COVERAGE / 2), marginal.quantile(0.5 + COVERAGE / 2)),
        class_probability=probability,
        severity=severity,
        is_firm=p_class is not None and p_class >= firm_from(len(request.counts)),
        p_misclassified=None if p_class is None else max(0.0, 1.0 - p_class),
        night_to_night_cv=cv,
        night_to_night_correlation=correlation,
        next_night=partial(_next_interval, fit, float(np.mean(request.hours))),
        log_evidence=fit.log_evidence,
        grid_ahi_per_h=mu,
        density=marginal.density / mu,
        further_nights=partial(median_further_nights, request) if is_adult else None,
        not_measured=not_measured,
    )


def _variation(fit: Fit) -> tuple[float, float | None]:
    """Posterior means of the coefficient of variation and of the correlation of a night with the next."""
    of_node = fit.weights.sum(axis=-1)
    if fit.filtered is None:
        return float(of_node @ independent_variation().nodes()[0]), None
    nodes = chain_nodes()
    variance = np.array([sigma**2 for sigma, _ in nodes.spreads])
    share = np.array([w for _, w in nodes.spreads])
    a_day = np.exp(-1.0 / np.array(nodes.drift_times_days))
    relative_variance = np.expm1(variance)
    correlation = np.expm1(np.outer(variance * share, a_day)) / relative_variance[:, None]
    cv = float(of_node.sum(axis=1) @ np.sqrt(relative_variance))
    return cv, float((of_node * correlation).sum())


def _next_interval(fit: Fit, hours: float) -> tuple[float, float]:
    """Shortest interval of the AHI of the next night, if it has so many hours."""
    rates_per_h, shares = _next_rates(fit)
    return count_interval(rates_per_h, shares, hours, COVERAGE)


def _next_rates(fit: Fit) -> tuple[Floats, Floats]:
    """Rates that the next night may have, and their probabilities."""
    if fit.filtered is None:
        return gamma_rates(fit.log_mu, independent_variation().nodes()[0], fit.weights)
    return next_rates(fit.filtered, fit.weights, chain_nodes().drift_times_days)


def _checked_nights(
    counts: Sequence[float], hours: Sequence[float], days: Sequence[int] | None
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[int, ...]]:
    """Nights in order of time, or an error that names the one that cannot be."""
    counts, hours = _listed("counts", counts), _listed("hours", hours)
    days = None if days is None else _listed("days", days)
    n = len(counts)
    if not 1 <= n <= MAX_NIGHTS:
        raise NightsError(f"counts: expected 1 to {MAX_NIGHTS} nights, got {n}")
    if len(hours) != n:
        raise NightsError(f"hours: expected one number for each of {n} counts, got {len(hours)}")
    if days is not None and len(days) != n:
        raise NightsError(f"days: expected one number for each of {n} counts, got {len(days)}")
    rows = []
    for i in range(n):
        time_h = _number(f"hours, night {i + 1}", hours[i], 1e-3, MAX_HOURS)
        count = _number(f"counts, night {i + 1}", counts[i], 0.0, MAX_RATE_PER_H * time_h)
        day = i if days is None else _number(f"days, night {i + 1}", days[i], -MAX_DAY, MAX_DAY)
        if int(day) != day:
            raise NightsError(f"days, night {i + 1}: expected a whole number, got {day:g}")
        rows.append((int(day), i, count, time_h))
    rows.sort()
    return tuple(r[2] for r in rows), tuple(r[3] for r in rows), tuple(r[0] for r in rows)


def _listed(name: str, values: Any) -> list[Any]:
    """The values in their order: a pandas column is asked for values, not for labels."""
    has_order = hasattr(values, "__len__") and not isinstance(values, str | bytes | Mapping | Set)
    if not has_order or getattr(values, "ndim", 1) != 1:
        raise NightsError(f"{name}: expected a sequence of numbers, got {shown(values)}")
    return list(values)


def _number(where: str, value: object, low: float, high: float) -> float:
    """A finite number within limits."""
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # type: ignore[operator]
        raise NightsError(f"{where}: expected a number from {low:g} to {high:g}, got {shown(value)}")
    return float(value)  # type: ignore[arg-type]
