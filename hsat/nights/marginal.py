"""The posterior of the true mean AHI as a curve: from a coarse grid of its logarithm to numbers."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Marginal", "choose_grid", "class_probabilities", "from_density", "from_grid", "place"]

Floats = NDArray[np.float64]

N_FINE = 601
LOWEST = -700.0
"""Logarithm of what counts as nothing: exp of less would be 0."""
DEPTH = 12.0
"""The grid ends where the density is below exp(-12) of its peak: some 1e-5 of the probability."""
LARGEST_STEP = 0.25
FINER = 8
STEP_RATIO = 2.0**0.25
"""Steps come from a ladder, so that what depends on the step alone is computed once."""


class Marginal(NamedTuple):
    """Density of the logarithm of the mean AHI on a fine grid, and its distribution function."""

    log_mu: Floats
    density: Floats
    cumulative: Floats

    @property
    def mean(self) -> float:
        """Mean of the AHI itself."""
        return float(np.trapezoid(np.exp(self.log_mu) * self.density, self.log_mu))

    def quantile(self, fraction: float) -> float:
        """AHI per hour below which a fraction lies."""
        return float(np.exp(np.interp(fraction, self.cumulative, self.log_mu)))

    def below(self, ahi_per_h: float) -> float:
        """Probability of less than an AHI; exact at the limits that `from_grid` was given."""
        return float(np.interp(np.log(ahi_per_h), self.log_mu, self.cumulative))

    def sd_of_log(self) -> float:
        """SD of the logarithm of the mean AHI."""
        mean = np.trapezoid(self.log_mu * self.density, self.log_mu)
        return float(np.sqrt(np.trapezoid((self.log_mu - mean) ** 2 * self.density, self.log_mu)))


def from_grid(log_mu: Floats, log_density: Floats, limits_per_h: Sequence[float]) -> Marginal:
    """A density given at equidistant places, filled in between and normalised.

    Parameters
    ----------
    log_mu : ndarray, shape (n,), float64
    log_density : ndarray, shape (n,), float64
        Logarithm of the density over `log_mu`, up to a constant.
    limits_per_h : sequence of float
        AHI that become points of the fine grid, so that their probabilities are not interpolated.

    Returns
    -------
    Marginal
    """
    top = float(log_density.max())
    smooth = spline_matrix(len(log_mu)) @ np.maximum(log_density - top, LOWEST)
    fine = np.linspace(log_mu[0], log_mu[-1], N_FINE)
    inside = [x for x in np.log(limits_per_h) if log_mu[0] < x < log_mu[-1]]
    places = np.sort(np.concatenate([fine, inside]))
    return from_density(places, np.exp(np.interp(places, fine, smooth)))


@lru_cache(maxsize=8)
def spline_matrix(n: int) -> Floats:
    """Weights that take values at n equidistant places to those of their cubic spline on the fine grid."""
    # A spline by its second derivatives, which are solved for. At either end the third derivative stays
    # as it is across the first inner place ("not a knot"). Written out: SciPy's takes longer to import
    # than all of this takes to compute.
    equations = np.diag(np.full(n, 4.0)) + np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)
    differences = np.zeros((n, n))
    differences[1:-1] = 6.0 * np.diff(np.eye(n), 2, axis=0)
    equations[[0, -1]] = 0.0
    equations[0, :3] = equations[-1, -3:] = (1.0, -2.0, 1.0)
    bends = np.linalg.solve(equations, differences)
    at = np.linspace(0, n - 1, N_FINE)
    left = np.minimum(at.astype(np.int64), n - 2)
    after = (at - left)[:, None]
    before = 1.0 - after
    values = np.eye(n)
    return np.asarray(
        before * values[left]
        + after * values[left + 1]
        + (before**3 - before) / 6.0 * bends[left]
        + (after**3 - after) / 6.0 * bends[left + 1]
    )


def from_density(log_mu: Floats, density: Floats) -> Marginal:
    """A density on a fine grid, normalised, with its distribution function.

    Parameters
    ----------
    log_mu, density : ndarray, shape (n,), float64
        Of the logarithm of the AHI; the density up to a factor.

    Returns
    -------
    Marginal
    """
    parts = 0.5 * (density[1:] + density[:-1]) * np.diff(log_mu)
    cumulative = np.concatenate([[0.0], np.cumsum(parts)])
    total = float(cumulative[-1])
    return Marginal(log_mu, density / total, cumulative / total)


def choose_grid(
    log_density: Callable[[Floats], Floats], support: tuple[float, float], n: int
) -> tuple[float, float]:
    """Ends of the part of the support that matters, found on a coarse grid.

    Parameters
    ----------
    log_density : callable
        From equidistant places to the logarithm of a density that is as wide as the posterior, or wider.
    support : (float, float)
    n : int
        Number of places to look at.

    Returns
    -------
    (float, float)
    """
    coarse = np.linspace(*support, n)
    values = log_density(coarse)
    fine = np.linspace(*support, FINER * n)
    curve = np.interp(fine, coarse, np.maximum(values, values.max() - 2.0 * DEPTH))
    kept = np.flatnonzero(curve >= curve.max() - DEPTH)
    step = float(fine[1] - fine[0])
    low, high = float(fine[kept[0]]) - step, float(fine[kept[-1]]) + step
    return max(low, support[0]), min(high, support[1])


def place(low: float, high: float, n: int, support: tuple[float, float]) -> Floats:
    """Equidistant places that cover a span and stay in the support.

    Parameters
    ----------
    low, high : float
    n : int
    support : (float, float)

    Returns
    -------
    ndarray, shape (n,), float64
        The step is one of a ladder, the narrowest that covers the span; a support narrower than that is
        covered from end to end.
    """
    wanted = (high - low) / (n - 1)
    rungs = np.floor(np.log(LARGEST_STEP / wanted) / np.log(STEP_RATIO))
    step = min(float(LARGEST_STEP / STEP_RATIO**rungs), (support[1] - support[0]) / (n - 1))
    start = 0.5 * (low + high - step * (n - 1))
    start = min(max(start, support[0]), support[1] - step * (n - 1))
    return start + step * np.arange(n, dtype=np.float64)


def class_probabilities(
    marginal: Marginal, limits_per_h: Sequence[float], names: Sequence[str]
) -> Mapping[str, float]:
    """Probability of each class between the limits, in order."""
    below = [0.0, *(marginal.below(limit) for limit in limits_per_h), 1.0]
    return {name: below[i + 1] - below[i] for i, name in enumerate(names)}
