"""Agreement of two columns of numbers: Bland and Altman's limits, the intraclass correlation."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hsat.agreement.estimates import Z_975, Estimate

__all__ = ["MIN_NIGHTS", "BlandAltman", "bland_altman", "intraclass_correlation"]

FLOAT_NOISE = 1e-12
"""Sums of squares that should be 0 are less than this share of the whole."""
MIN_NIGHTS = 3
"""Two nights have no spread to speak of."""


class BlandAltman(NamedTuple):
    """Mean difference and limits of agreement.

    Attributes
    ----------
    bias : Estimate
        Mean of the differences.
    sd : float or None
        Their standard deviation, n - 1 in the denominator.
    lower_limit, upper_limit : Estimate
        Bias minus and plus 1.96 standard deviations.
    """

    bias: Estimate
    sd: float | None
    lower_limit: Estimate
    upper_limit: Estimate


def bland_altman(differences: ArrayLike) -> BlandAltman:
    """Limits between which 95 % of the differences are expected.

    Parameters
    ----------
    differences : array_like, shape (n,)
        One method minus the other.

    Returns
    -------
    BlandAltman
        Fewer than 3 differences give no limits and no interval, none not even a bias.

    Notes
    -----
    Bland and Altman 1986, Lancet 327:307. Intervals: bias ± t s / sqrt(n), and limit ± t s
    sqrt(1/n + 1.96² / (2 (n - 1))), t of n - 1 degrees of freedom; the second is the
    approximation of Bland and Altman 1999, Stat Methods Med Res 8:135, not the exact one of the
    noncentral t distribution. Differences are taken for normal and independent of each other.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n == 0:
        missing = Estimate.missing("no night has an AHI from both scorings")
        return BlandAltman(missing, None, missing, missing)
    bias = float(values.mean())
    if n < MIN_NIGHTS:
        reason = f"{n} nights with both AHI: needs {MIN_NIGHTS}"
        nothing = Estimate.missing(reason)
        return BlandAltman(Estimate(value=bias, ci95_reason=reason), None, nothing, nothing)
    from scipy.special import stdtrit

    sd = float(values.std(ddof=1))
    t = float(stdtrit(n - 1, 0.975))
    half_bias = t * sd / math.sqrt(n)
    half_limit = t * sd * math.sqrt(1.0 / n + Z_975**2 / (2.0 * (n - 1)))
    lower, upper = bias - Z_975 * sd, bias + Z_975 * sd
    return BlandAltman(
        bias=Estimate(value=bias, ci95=(bias - half_bias, bias + half_bias)),
        sd=sd,
        lower_limit=Estimate(value=lower, ci95=(lower - half_limit, lower + half_limit)),
        upper_limit=Estimate(value=upper, ci95=(upper - half_limit, upper + half_limit)),
    )


def intraclass_correlation(table: ArrayLike) -> Estimate:
    """ICC(2,1): two-way random effects, absolute agreement, a single rater.

    Parameters
    ----------
    table : array_like, shape (n, k)
        Subjects in rows, raters in columns.

    Returns
    -------
    Estimate
        None for fewer than 3 subjects and where all numbers are the same; no interval where the
        raters agree in full.

    Notes
    -----
    Shrout and Fleiss 1979, Psychol Bull 86:420. The interval is that of ICC(A,1) in McGraw and Wong
    1996, Psychol Methods 1:30, table 7, from the F distribution. It may be negative.
    """
    values = np.asarray(table, dtype=np.float64)
    n, k = values.shape
    if n < MIN_NIGHTS:
        return Estimate.missing(f"{n} nights with both AHI: needs {MIN_NIGHTS}")
    if np.ptp(values) <= FLOAT_NOISE * np.abs(values).max():
        return Estimate.missing("all AHI are the same: there is nothing to tell nights apart by")
    rows, columns, error = _mean_squares(values)
    whole = rows + (k - 1) * error + k * (columns - error) / n
    icc = (rows - error) / whole
    if 1.0 - icc <= FLOAT_NOISE:
        return Estimate(value=icc, ci95_reason="the scorings agree in full: the formula gives no interval")
    if rows <= FLOAT_NOISE * whole:
        return Estimate(value=icc, ci95_reason="nights do not differ: the formula gives no interval")
    low, high = _icc_interval(icc, (rows, columns, error), values.shape)
    if not low <= icc <= high:
        return Estimate(value=icc, ci95_reason="the formula gives no interval for an ICC so far below 0")
    return Estimate(value=icc, ci95=(low, high))


def _mean_squares(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean squares of subjects, raters and what is left."""
    n, k = values.shape
    mean = values.mean()
    by_row, by_column = values.mean(axis=1), values.mean(axis=0)
    rows = k * float(((by_row - mean) ** 2).sum()) / (n - 1)
    columns = n * float(((by_column - mean) ** 2).sum()) / (k - 1)
    rest = values - by_row[:, None] - by_column[None, :] + mean
    return rows, columns, float((rest**2).sum()) / ((n - 1) * (k - 1))


def _icc_interval(
    icc: float, mean_squares: tuple[float, float, float], shape: tuple[int, ...]
) -> tuple[float, float]:
    from scipy.special import fdtri

    rows, columns, error = mean_squares
    n, k = shape
    a = k * icc / (n * (1.0 - icc))
    b = 1.0 + k * icc * (n - 1) / (n * (1.0 - icc))
    freedom = (a * columns + b * error) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    )
    f_low = float(fdtri(n - 1, freedom, 0.975))
    f_high = float(fdtri(freedom, n - 1, 0.975))
    spread = k * columns + (k * n - k - n) * error
    low = n * (rows - f_low * error) / (f_low * spread + n * rows)
    high = n * (f_high * rows - error) / (spread + n * f_high * rows)
    return float(low), float(high)
