"""What chest and abdomen do while breathing falls: go on, stand still, or the one after the other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hsat.events import EventKind
from hsat.simulate.breaths import Breaths, PlantedFall

__all__ = ["plant_effort"]

OBSTRUCTIVE_SHARE = 0.7
"""Share of hypopneas, Cheyne-Stokes runs aside, in which a narrow airway takes the flow, not the drive."""

STILL = 0.012
"""Effort that belts show in a central apnea, relative to quiet breathing."""


def _obstructed(n: int, rng: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Effort against a closed airway: growing, chest and abdomen out of phase."""
    growth = np.linspace(float(rng.uniform(0.45, 0.65)), float(rng.uniform(0.95, 1.3)), n)
    paradox = -float(rng.uniform(0.65, 1.0))
    return growth * paradox * np.exp(0.08 * rng.standard_normal(n)), growth


def plant_effort(
    breaths: Breaths, factor: NDArray[np.float64], falls: Sequence[PlantedFall], rng: Generator
) -> Breaths:
    """Breaths with the planted falls in airflow, flow limitation and effort.

    Parameters
    ----------
    breaths : Breaths
        Undisturbed.
    factor : ndarray, shape (n_breaths,), float64
        Planted multiples of peak flow.
    falls : sequence of PlantedFall
    rng : numpy.random.Generator

    Returns
    -------
    Breaths
        Thorax and abdomen factors follow airflow, except where the airway is narrow or closed.
    """
    thorax, abdomen = factor.copy(), factor.copy()
    flattening = breaths.flattening_fraction.copy()
    for fall in falls:
        a, b = fall.first_breath, fall.stop_breath
        kind, shape = fall.draft.kind, fall.draft.shape
        if kind is None or shape == "cheyne_stokes":
            continue
        if kind is EventKind.CENTRAL_APNEA:
            thorax[a:b] = abdomen[a:b] = STILL
        elif kind in (EventKind.OBSTRUCTIVE_APNEA, EventKind.MIXED_APNEA) and shape != "ends_as_apnea":
            thorax[a:b], abdomen[a:b] = _obstructed(b - a, rng)
            if kind is EventKind.MIXED_APNEA:
                still = max(1, min(round((b - a) * float(rng.uniform(0.4, 0.6))), b - a - 1))
                thorax[a : a + still] = abdomen[a : a + still] = STILL
        elif shape == "ends_as_apnea":
            # The drive goes on and grows; only the airway closes further.
            thorax[a:b], abdomen[a:b] = _obstructed(b - a, rng)
            partly = factor[a:b] > 0.1
            thorax[a:b] = np.where(partly, 0.75, thorax[a:b])
            flattening[a:b] = np.where(partly, 0.9, flattening[a:b])
        elif rng.random() < OBSTRUCTIVE_SHARE:
            drive = factor[a:b] ** float(rng.uniform(0.25, 0.7))
            phase = float(rng.uniform(-0.4, 1.0))
            thorax[a:b], abdomen[a:b] = drive * np.where(factor[a:b] < 0.8, phase, 1.0), drive
            flattening[a:b] = np.maximum(flattening[a:b], 0.85)
    return replace(
        breaths,
        factor=factor,
        thorax_factor=thorax,
        abdomen_factor=abdomen,
        flattening_fraction=flattening,
    )
