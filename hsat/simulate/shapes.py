"""How deep each breath of a planted fall is."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hsat.simulate.breaths import Breaths, PlantedFall
from hsat.simulate.schedule import FallDraft

__all__ = ["plant_factors"]

APNEA_PART_S = 13.0
"""A hypopnea that ends as an apnea has at least ten seconds of it; whole breaths need some more."""

CREST = 1.35
"""Breathing between two apneas of a Cheyne-Stokes run rises above quiet breathing."""


def _ramp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth step from 0 at ``x <= 0`` to 1 at ``x >= 1``."""
    y = np.clip(x, 0.0, 1.0)
    return y * y * (3.0 - 2.0 * y)


def _cheyne_stokes(draft: FallDraft, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """One cycle, waning, still or shallow, waxing; ``middle`` runs from 0 to 1."""
    wave = np.cos(2.0 * np.pi * (middle - 0.32))
    if draft.reduction_fraction > 0.9:
        return np.clip(0.66 - 1.0 * wave, 1.0 - draft.reduction_fraction, CREST)
    lowest = 1.0 - draft.reduction_fraction
    return lowest + (1.2 - lowest) * 0.5 * (1.0 - wave)


def fall_factors(
    draft: FallDraft,
    middle: NDArray[np.float64],
    period_s: NDArray[np.float64],
    rng: Generator,
) -> NDArray[np.float64]:
    """Multiples of the undisturbed peak flow within one fall.

    Parameters
    ----------
    draft : FallDraft
    middle : ndarray, shape (n,)
        Place of each breath's middle within the fall, 0 to 1.
    period_s : ndarray, shape (n,)
    rng : Generator

    Returns
    -------
    ndarray, shape (n,), float64
    """
    n = len(middle)
    reduction = draft.reduction_fraction
    if draft.shape == "cheyne_stokes":
        return _cheyne_stokes(draft, middle)
    if draft.shape == "apnea":
        return rng.uniform(0.0, 0.045, n)
    if draft.shape == "smooth":
        # The ramps take 30 % of each side; without them the mean would miss the aim by a fifth.
        depth = min(reduction * 1.16, 0.88) * _ramp(np.minimum(middle, 1.0 - middle) / 0.3)
    elif draft.shape == "growing":
        depth = np.minimum(reduction * (0.45 + 1.1 * middle), 0.88)
    elif draft.shape == "ends_as_apnea":
        left_s = np.cumsum(period_s[::-1])[::-1]
        depth = np.where(left_s <= APNEA_PART_S + period_s, 0.975, reduction)
    else:
        depth = np.full(n, reduction)
    factor = 1.0 - depth
    return np.asarray(factor * (1.0 + 0.05 * rng.standard_normal(n) * (factor > 0.05)))


def plant_factors(
    breaths: Breaths, falls: Sequence[PlantedFall], sighs: Sequence[int], rng: Generator
) -> NDArray[np.float64]:
    """Multiples of the undisturbed peak flow, shape (n_breaths,)."""
    factor = np.ones(len(breaths.onset_s))
    next_first = [*(fall.first_breath for fall in falls), len(factor)][1:]
    for fall, following in zip(falls, next_first, strict=True):
        if fall.draft.kind is None:
            continue
        a, b = fall.first_breath, fall.stop_breath
        middle = (breaths.onset_s[a:b] + 0.5 * breaths.period_s[a:b] - breaths.onset_s[a]) / (
            breaths.onset_s[b] - breaths.onset_s[a]
        )
        factor[a:b] = fall_factors(fall.draft, middle, breaths.period_s[a:b], rng)
        if fall.draft.shape == "cheyne_stokes" or fall.draft.cause == "shallow":
            continue
        overshoot = float(rng.uniform(0.10, 0.55)) * min(1.0, 0.3 + fall.draft.reduction_fraction)
        for k in range(b, min(b + 3, following)):
            factor[k] = 1.0 + overshoot * 0.5 ** (k - b)
    for breath in sighs:
        factor[breath] = float(rng.uniform(1.4, 1.9))
    return factor
