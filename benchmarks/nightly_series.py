"""Series of many nights: simulated ones that no model of ours made, and daily ones from treatment devices."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import edfio
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

__all__ = ["KINDS", "Series", "device_series", "simulated_series"]

Floats = NDArray[np.float64]

KINDS = ("gamma", "log-normal", "slow drift", "changed therapy")
VARIATIONS = (0.26, 0.5, 1.0, 2.0)
CORRELATIONS = (0.2, 0.5)
MEANS_PER_H = (2.5, 12.0)
N_DAYS = 150
SHARE_OF_DAYS = 0.75
SLOW_DAYS = 25.0
LEAST_MIN = 120.0
"""A night with less use is no night: the same limit as for a scored night (2 h)."""


class Series(NamedTuple):
    """Nights of one patient in order of time, shape (n,) each."""

    name: str
    counts: Floats
    hours: Floats
    days: NDArray[np.int64]
    ahi_per_h: Floats


def simulated_series(seed: int, n_each: int) -> Iterator[tuple[float, Series]]:
    """Series of every kind, variation, correlation and mean, with the coefficient of variation of each.

    Gamma-distributed rates with a variation of 2 are left out: two nights in five would have no event.
    """
    rng = np.random.default_rng(seed)
    for kind in KINDS:
        for cv in VARIATIONS:
            if kind == "gamma" and cv > 1.0:
                continue
            for correlation in CORRELATIONS:
                for mean in MEANS_PER_H:
                    for _ in range(n_each):
                        yield cv, _series(rng, kind, cv, correlation, mean)


def _autoregressive(rng: np.random.Generator, a_day: float) -> Floats:
    z = rng.standard_normal(N_DAYS)
    for i in range(1, N_DAYS):
        z[i] = a_day * z[i - 1] + np.sqrt(1.0 - a_day**2) * z[i]
    return z


def _series(rng: np.random.Generator, kind: str, cv: float, correlation: float, mean: float) -> Series:
    variance = np.log1p(cv**2)
    if kind == "gamma":
        level = np.clip(ndtr(_autoregressive(rng, correlation)), 1e-12, 1.0 - 1e-12)
        rate = mean * gammaincinv(cv**-2, level) * cv**2
    elif kind == "changed therapy":  # one step on one day, the nights around it independent
        sign = np.where(np.arange(N_DAYS) < N_DAYS * rng.uniform(0.3, 0.7), 1.0, -1.0)
        own = np.sqrt(1.0 - correlation) * rng.standard_normal(N_DAYS)
        rate = mean * np.exp(np.sqrt(variance) * (np.sqrt(correlation) * sign + own) - 0.5 * variance)
    else:
        if kind == "slow drift":
            z = np.sqrt(correlation) * _autoregressive(rng, np.exp(-1.0 / SLOW_DAYS))
            z = z + np.sqrt(1.0 - correlation) * rng.standard_normal(N_DAYS)
        else:
            z = _autoregressive(rng, correlation)
        rate = mean * np.exp(np.sqrt(variance) * z - 0.5 * variance)
    hours = np.clip(rng.normal(6.5, 1.5, N_DAYS), 2.0, 10.0)
    is_kept = rng.random(N_DAYS) < SHARE_OF_DAYS
    counts = rng.poisson(rate * hours)[is_kept].astype(np.float64)
    hours = hours[is_kept]
    return Series(kind, counts, hours, np.flatnonzero(is_kept), counts / hours)


def device_series(folder: Path) -> list[Series]:
    """Daily series of treatment cards (``*/STR.edf`` below a folder): one value a day.

    A day counts with an AHI of at least 0 (less means no value) and at least 2 h of use. The device gives
    the AHI to 0.1; counts are AHI times hours, rounded.
    """
    found = []
    for path in sorted(folder.rglob("STR.edf")):
        signals = {signal.label: signal.data for signal in edfio.read_edf(path).signals}
        if not {"AHI", "Duration"} <= set(signals):
            continue
        ahi, minutes = np.round(signals["AHI"], 1), signals["Duration"]
        is_valid = (ahi >= 0.0) & (minutes >= LEAST_MIN)
        hours = minutes[is_valid] / 60.0
        counts = np.round(ahi[is_valid] * hours)
        found.append(Series(path.parent.name, counts, hours, np.flatnonzero(is_valid), ahi[is_valid]))
    return found
