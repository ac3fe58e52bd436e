"""A figure with its 95 % interval, and the two ways to such an interval: Wilson's formula, the bootstrap."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "bootstrap_estimate", "f1_estimate", "resampling_weights", "wilson_estimate"]

Z_975 = 1.959963984540054
"""97.5th percentile of the standard normal distribution."""
N_RESAMPLES = 2000
"""Efron and Tibshirani 1993, An Introduction to the Bootstrap: 1,000 or more for percentile intervals."""
SEED = 20120
"""Any number: the same input gives the same interval."""
FLOAT_NOISE = 1e-9
"""Sums in another order differ by less than this share."""
MIN_UNITS = 3
"""Fewer units than these cannot stand for the ones that were not recorded."""
MAX_UNDEFINED_FRACTION = 0.05
"""More resamples than this without a figure would leave more of a tail out than the interval does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure, its 95 % interval, and the reason for each that is missing.

    Attributes
    ----------
    value : float or None
    ci95 : tuple of float, or None
        Lower and upper end.
    reason : str or None
        Why there is no value; None where there is one.
    ci95_reason : str or None
        Why there is no interval; None where there is one.
    """

    value: float | None
    ci95: tuple[float, float] | None = None
    reason: str | None = None
    ci95_reason: str | None = None

    @classmethod
    def missing(cls, reason: str) -> "Estimate":
        """Neither figure nor interval, for one reason."""
        return cls(value=None, reason=reason, ci95_reason=reason)


def wilson_estimate(n_hits: int, n: int, *, nothing: str) -> Estimate:
    """A share with Wilson's score interval (Wilson 1927, J Am Stat Assoc 22:209).

    Parameters
    ----------
    n_hits, n : int
        The share is ``n_hits / n``.
    nothing : str
        Reason to give where ``n`` is 0.

    Returns
    -------
    Estimate
    """
    if n == 0:
        return Estimate.missing(nothing)
    return Estimate(value=n_hits / n, ci95=_wilson(n_hits, n))


def f1_estimate(n_matched: int, n_unmatched: int, *, nothing: str) -> Estimate:
    """F1, the harmonic mean of precision and recall, with an interval by formula.

    Parameters
    ----------
    n_matched : int
        True positives.
    n_unmatched : int
        False positives and false negatives together.
    nothing : str
        Reason to give where both are 0.

    Returns
    -------
    Estimate

    Notes
    -----
    F1 is ``2 J / (1 + J)`` of the share J of true positives among true positives, false positives and
    false negatives together. J is a plain share: the ends of its Wilson interval give those of F1. A
    bootstrap would shrink to a point where nothing disagrees.
    """
    n = n_matched + n_unmatched
    if n == 0:
        return Estimate.missing(nothing)
    low, high = (2.0 * end / (1.0 + end) for end in _wilson(n_matched, n))
    return Estimate(value=2.0 * n_matched / (2.0 * n_matched + n_unmatched), ci95=(low, high))


def _wilson(n_hits: int, n: int) -> tuple[float, float]:
    share = n_hits / n
    spread = Z_975**2 / n
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = math.sqrt(share * (1.0 - share) * spread + spread**2 / 4.0) / (1.0 + spread)
    # The ends are 0 and 1 exactly where nothing, or everything, is a hit.
    low = 0.0 if n_hits == 0 else max(centre - half, 0.0)
    high = 1.0 if n_hits == n else min(centre + half, 1.0)
    return low, high


@lru_cache(maxsize=8)
def resampling_weights(n_units: int) -> NDArray[np.float64]:
    """How often each unit is drawn in each resample: ``n_units`` draws with replacement.

    Parameters
    ----------
    n_units : int

    Returns
    -------
    ndarray, shape (2000, n_units), float64
        Read-only; the same for the same number of units.
    """
    rng = np.random.default_rng(SEED)
    weights = rng.multinomial(n_units, np.full(n_units, 1.0 / n_units), size=N_RESAMPLES).astype(np.float64)
    weights.flags.writeable = False
    return weights


def bootstrap_estimate(
    sums: NDArray[np.float64],
    figure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    nothing: str,
    unit: str,
    min_units: int = MIN_UNITS,
) -> Estimate:
    """A figure of sums over units, with the percentile interval of a bootstrap over the units.

    Parameters
    ----------
    sums : ndarray, shape (n_units, ...), float64
        What each unit (a patient, a block of time) adds.
    figure : callable
        From sums, shape (n, ...), to the figure of each, shape (n,); NaN where it is not defined.
    nothing : str
        Reason to give where the figure is not defined.
    unit : str
        What a unit is, in the plural, for reasons.
    min_units : int
        Fewer give no interval.

    Returns
    -------
    Estimate
        No interval where the resamples all have the same figure: a bootstrap cannot tell how much
        more there would be to see.

    Notes
    -----
    Efron and Tibshirani 1993, chapter 13: 2,000 resamples, 2.5th and 97.5th percentile, fixed seed.
    """
    value = float(figure(sums.sum(axis=0, keepdims=True))[0])
    if not math.isfinite(value):
        return Estimate.missing(nothing)
    n_units = len(sums)
    if n_units < min_units:
        return Estimate(value=value, ci95_reason=f"{n_units} {unit}: an interval needs {min_units}")
    # Not the threads of a matrix product: so little work is done before they have woken up.
    drawn = np.einsum("ru,uc->rc", resampling_weights(n_units), sums.reshape(n_units, -1))
    figures = figure(drawn.reshape(-1, *sums.shape[1:]))
    figures = figures[np.isfinite(figures)]
    if len(figures) < (1.0 - MAX_UNDEFINED_FRACTION) * N_RESAMPLES:
        return Estimate(value=value, ci95_reason=f"too few {unit} with anything to compare")
    low, high = np.percentile(figures, [2.5, 97.5])
    if math.isclose(low, high, rel_tol=FLOAT_NOISE):
        return Estimate(value=value, ci95_reason=f"every resample of the {unit} gives the same figure")
    return Estimate(value=value, ci95=(float(low), float(high)))
