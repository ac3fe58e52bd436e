"""A scoring that is known to err: how far its AHI lies from the AHI one wants to know."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hsat.errors import NightsError, shown
from hsat.nights.marginal import N_FINE, Marginal, from_density

__all__ = ["ScoringError", "widen"]

Floats = NDArray[np.float64]

LARGEST_BIAS_PER_H = 100.0
REACH_IN_SD = 6.0
SMALLEST_SHARE = 1e-4
"""The widened curve starts at that share of the median where the error reaches below 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringError:
    """Error of a patient's mean AHI that more nights do not average out.

    Wanted AHI = AHI by this scoring - `bias_per_h` + a normal error. `hsat compare` of two folders
    gives the first two: bias and SD of the AHI differences (Bland and Altman).

    Attributes
    ----------
    bias_per_h : float
        Mean of this scoring's AHI minus the wanted one.
    sd_per_h : float
        SD of that difference.
    relative_sd_fraction : float
        SD as a share of the AHI, added in quadrature.
    """

    bias_per_h: float = 0.0
    sd_per_h: float = 0.0
    relative_sd_fraction: float = 0.0

    def __post_init__(self) -> None:
        limits = {
            "bias_per_h": (-LARGEST_BIAS_PER_H, LARGEST_BIAS_PER_H),
            "sd_per_h": (0.0, LARGEST_BIAS_PER_H),
            "relative_sd_fraction": (0.0, 1.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not low <= value <= high:
                raise NightsError(
                    f"scoring error, {name}: expected a number from {low:g} to {high:g}, got {shown(value)}"
                )

    def sd_at(self, ahi_per_h: Floats) -> Floats:
        """SD of the error at some AHI.

        Parameters
        ----------
        ahi_per_h : ndarray, float64

        Returns
        -------
        ndarray, float64
        """
        return np.hypot(self.sd_per_h, self.relative_sd_fraction * ahi_per_h)


def widen(marginal: Marginal, error: ScoringError, limits_per_h: Sequence[float]) -> Marginal:
    """The posterior of the wanted mean AHI from that of the AHI by this scoring.

    Parameters
    ----------
    marginal : Marginal
    error : ScoringError
        A wanted AHI below 0 is impossible; the rest is scaled up for it.
    limits_per_h : sequence of float

    Returns
    -------
    Marginal
    """
    measured = np.exp(marginal.log_mu)
    step = np.gradient(marginal.log_mu)
    share = marginal.density * step
    sd = np.maximum(error.sd_at(measured), measured * step)  # never finer than the curve itself
    centre = measured - error.bias_per_h
    low = float((centre - REACH_IN_SD * sd).min())
    high = float((centre + REACH_IN_SD * sd).max())
    if high <= 0.0:
        raise NightsError(
            f"scoring error, bias_per_h: expected less than the nights' own AHI, got {error.bias_per_h:g}"
        )
    low = max(low, SMALLEST_SHARE * min(marginal.quantile(0.5), high))
    log_wanted = np.linspace(math.log(low), math.log(high), N_FINE)
    log_wanted = np.sort(
        np.concatenate([log_wanted, [x for x in np.log(limits_per_h) if log_wanted[0] < x < log_wanted[-1]]])
    )
    wanted = np.exp(log_wanted)
    z = (wanted[:, None] - centre) / sd
    possible = np.maximum(ndtr(centre / sd), 1e-300)
    kernel = np.exp(-0.5 * z * z) / (sd * possible)
    return from_density(log_wanted, (kernel @ share) * wanted)
