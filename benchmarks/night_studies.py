"""Simulation studies of `hsat.estimate_ahi`: patients whose true mean is known, and series of nights."""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

import hsat
from benchmarks.nightly_series import Series, simulated_series
from hsat.nights.priors import drifting_variation, independent_variation, load_prior

__all__ = ["NIGHTS", "TRUTHS", "Judged", "Window", "judge_series", "run_patients", "run_simulated_series"]

Floats = NDArray[np.float64]
Row = TypeVar("Row")

NIGHTS = (1, 2, 3, 5, 7, 14)
WINDOWS = (1, 3, 7)
SEVERITIES = ("normal", "mild", "moderate", "severe")
LIMITS_PER_H = np.array([5.0, 15.0, 30.0])
CHUNK = 50
"""Patients a process takes at a time."""


class Judged(NamedTuple):
    """What was said after some nights of one patient, beside the truth; one row of a study."""

    n_nights: int
    is_covered: bool
    p_misclassified: float
    is_wrong: bool
    is_firm: bool
    is_pooled_wrong: bool
    is_mean_wrong: bool
    is_worst_wrong: bool
    is_next_covered: bool
    p_normal: float
    p_mild: float
    p_moderate: float
    p_severe: float
    true_class: int


class Truth(NamedTuple):
    """Where true patients come from: mean AHI and rates of some nights."""

    words: str
    mean: Callable[[np.random.Generator], float]
    rates: Callable[[np.random.Generator, int], Floats]


def _prior_mean(rng: np.random.Generator, name: str) -> float:
    prior = load_prior(name)
    return math.exp((prior.log_median or 0.0) + (prior.log_sd or 0.0) * rng.standard_normal())


def _drifting(
    rng: np.random.Generator,
    n: int,
    *,
    factor: float = 1.0,
    share: float | None = None,
    time: float | None = None,
) -> Floats:
    """Rates of consecutive nights relative to the mean, as the default model has them, or wilder."""
    table = drifting_variation()
    sigma = factor * rng.uniform(table.log_sd_from, table.log_sd_to)
    w = share if share is not None else rng.choice(table.drift_share_fraction)
    a_day = math.exp(-1.0 / (time if time is not None else rng.choice(table.drift_time_days)))
    z = np.empty(n)
    z[0] = rng.standard_normal()
    for i in range(1, n):
        z[i] = a_day * z[i - 1] + math.sqrt(1.0 - a_day**2) * rng.standard_normal()
    u = math.sqrt(w) * z + math.sqrt(1.0 - w) * rng.standard_normal(n)
    return np.exp(sigma * u - 0.5 * sigma**2)


def _independent(rng: np.random.Generator, n: int) -> Floats:
    table = independent_variation()
    shape = (table.cv_median * table.cv_geometric_sd ** rng.standard_normal()) ** -2.0
    return rng.gamma(shape, size=n) / shape


TRUTHS = {
    "own": Truth("its own prior", partial(_prior_mean, name="referral"), _drifting),
    "community": Truth(
        "patients from the community (men), prior referral",
        partial(_prior_mean, name="community-men"),
        _drifting,
    ),
    "double": Truth(
        "SD between nights twice as large",
        partial(_prior_mean, name="referral"),
        partial(_drifting, factor=2.0),
    ),
    "slow": Truth(
        "nine tenths of the variance drift over 30 days",
        partial(_prior_mean, name="referral"),
        partial(_drifting, share=0.9, time=30.0),
    ),
    "steady": Truth(
        "independent nights, CV around 0.33", partial(_prior_mean, name="referral"), _independent
    ),
}


def _patient(seed: int, truth: str, model: str) -> list[Judged]:
    """One patient after 1, 2, 3, 5, 7 and 14 consecutive nights."""
    rng = np.random.default_rng(seed)
    source = TRUTHS[truth]
    mean, n = source.mean(rng), max(NIGHTS) + 1
    hours = np.clip(rng.normal(6.5, 1.3, n), 2.0, 10.0)
    counts = rng.poisson(np.minimum(mean * source.rates(rng, n), 900.0) * hours).astype(np.float64)
    true_class = int(np.searchsorted(LIMITS_PER_H, mean, side="right"))

    def is_wrong(ahi: float) -> bool:
        return int(np.searchsorted(LIMITS_PER_H, ahi, side="right")) != true_class

    rows = []
    for k in NIGHTS:
        y, t = counts[:k], hours[:k]
        said = hsat.estimate_ahi(y, t, model=model)
        low, high = said.next_night_ci95
        next_ahi = counts[k] / hours[k]
        rows.append(
            Judged(
                k,
                said.ci95_ahi_per_h[0] <= mean <= said.ci95_ahi_per_h[1],
                said.p_misclassified or 0.0,
                said.severity != SEVERITIES[true_class],
                said.is_firm,
                is_wrong(y.sum() / t.sum()),
                is_wrong(float((y / t).mean())),
                is_wrong(float((y / t).max())),
                low <= next_ahi <= high,
                *(said.class_probability[name] for name in SEVERITIES),
                true_class,
            )
        )
    return rows


def _chunk(seeds: Sequence[int], truth: str, model: str) -> list[Judged]:
    return [row for seed in seeds for row in _patient(seed, truth, model)]


def run_patients(truth: str, model: str, n_patients: int, *, jobs: int = 1, seed: int = 0) -> list[Judged]:
    """Judge simulated patients after each number of nights; the same seed gives the same rows."""
    seeds = [range(seed + i, seed + min(i + CHUNK, n_patients)) for i in range(0, n_patients, CHUNK)]
    work = partial(_chunk, truth=truth, model=model)
    return [row for rows in _spread(work, seeds, jobs) for row in rows]


def _spread(work: Callable[[Any], list[Row]], items: Iterable[Any], jobs: int) -> list[list[Row]]:
    """Do the work here, or in some processes; results in order."""
    if jobs <= 1:
        return [work(item) for item in items]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, items))


class Window(NamedTuple):
    """What some consecutive nights of a series said of its mean and of its next night."""

    cv: float
    n_nights: int
    model: str
    is_mean_covered: bool
    mean_width_per_h: float
    is_next_covered: bool
    next_width_per_h: float
    log_score: float
    is_class_right: bool


def judge_series(series: Series, starts: Sequence[int], *, cv: float = math.nan) -> list[Window]:
    """Windows of 1, 3 and 7 nights of one series by both models; the truth is the mean of all its nights."""
    mean = float(series.ahi_per_h.mean())
    true_class = SEVERITIES[int(np.searchsorted(LIMITS_PER_H, mean, side="right"))]
    rows = []
    for k in WINDOWS:
        for start in starts:
            if start + k >= len(series.counts):
                continue
            seen, more = slice(start, start + k), slice(start, start + k + 1)
            next_ahi = float(series.ahi_per_h[start + k])
            for model in ("default", "independent"):
                said = hsat.estimate_ahi(
                    series.counts[seen], series.hours[seen], series.days[seen], model=model
                )
                then = hsat.estimate_ahi(
                    series.counts[more], series.hours[more], series.days[more], model=model
                )
                (low, high), (next_low, next_high) = said.ci95_ahi_per_h, said.next_night_ci95
                rows.append(
                    Window(
                        cv,
                        k,
                        model,
                        low <= mean <= high,
                        high - low,
                        next_low <= next_ahi <= next_high,
                        next_high - next_low,
                        then.log_evidence - said.log_evidence,
                        said.severity == true_class,
                    )
                )
    return rows


N_WINDOWS = 3
"""Windows of each length drawn from a simulated series."""


def _judge_simulated(item: tuple[int, float, Series]) -> list[Window]:
    seed, cv, series = item
    starts = np.random.default_rng(seed).integers(0, len(series.counts) - 8, N_WINDOWS)
    return judge_series(series, [int(s) for s in starts], cv=cv)


def run_simulated_series(n_each: int, *, jobs: int = 1, seed: int = 1) -> list[Window]:
    """Both models on simulated series of other kinds than either model."""
    items = [(i, cv, series) for i, (cv, series) in enumerate(simulated_series(seed, n_each))]
    return [row for rows in _spread(_judge_simulated, items, jobs) for row in rows]
