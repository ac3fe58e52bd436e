"""Oxygen saturation and pulse at the finger, as they follow planted breathing."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hsat.simulate.artifacts import Artifact
from hsat.simulate.breaths import Breaths, PlantedFall, Traits

__all__ = ["SATURATION_RATE_HZ", "simulate_pulse", "simulate_saturation"]

SATURATION_RATE_HZ = 4.0
"""Values a second of the saturation at the finger, before an oximeter."""

RECOVERY_S = 5.0
"""Time constant of resaturation once breathing is back."""

RECOVERING_REDUCTION = 0.35
"""Ventilation that is reduced by less than this share of the deepest reduction resaturates."""

AROUSING_REDUCTION = 0.30
"""Falls of flow from here on are followed by a rise of the pulse."""

DISPERSION_S = 2.0
"""Standard deviation of the spread of transit times from lung to finger."""

RESPONSE_S = 60.0
"""A fall of saturation is over this long after its event."""

WANDER_STEP_S = 20.0
"""Grid of the wandering baseline."""


def _unit_response(
    reduction: NDArray[np.float64], edges_s: NDArray[np.float64], times_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Shape of one desaturation at the lung, highest value 1.

    Saturation falls in proportion to the ventilation that is missing, breath after breath, and
    recovers from the first breath on that is near to quiet breathing.
    """
    missing_s = np.concatenate(([0.0], np.cumsum(reduction * np.diff(edges_s))))
    depth = np.interp(times_s, edges_s, missing_s)
    back = int(np.flatnonzero(reduction >= RECOVERING_REDUCTION * reduction.max())[-1]) + 1
    after_s = np.maximum(times_s - edges_s[back], 0.0)
    depth = depth * np.exp(-((after_s / RECOVERY_S) ** 1.3))
    width = int(4 * DISPERSION_S * SATURATION_RATE_HZ)
    kernel = np.exp(-0.5 * (np.arange(-width, width + 1) / (DISPERSION_S * SATURATION_RATE_HZ)) ** 2)
    smooth = np.convolve(depth, kernel / kernel.sum(), mode="same")
    return np.asarray(smooth / smooth.max())


def _wander(duration_s: float, sd: float, memory: float, rng: Generator) -> NDArray[np.float64]:
    """A slow random curve at `SATURATION_RATE_HZ`."""
    n = int(duration_s / WANDER_STEP_S) + 2
    level, levels = float(rng.standard_normal()), np.empty(n)
    for i in range(n):
        level = memory * level + float(rng.standard_normal()) * float(np.sqrt(1.0 - memory**2))
        levels[i] = level
    times_s = np.arange(round(duration_s * SATURATION_RATE_HZ)) / SATURATION_RATE_HZ
    return sd * np.interp(times_s, np.arange(n) * WANDER_STEP_S, levels)


def simulate_saturation(
    breaths: Breaths,
    falls: Sequence[PlantedFall],
    traits: Traits,
    duration_s: float,
    rng: Generator,
) -> NDArray[np.float64]:
    """Oxygen saturation at the finger.

    Parameters
    ----------
    breaths : Breaths
    falls : sequence of PlantedFall
        Each brings its own depth; those of a cluster add up where the first has not recovered.
    traits : Traits
    duration_s : float
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (4 * duration_s,), float64
        Percent, at most 99.4.
    """
    saturation = traits.saturation_percent + _wander(duration_s, 0.45, 0.93, rng)
    ripple = rng.standard_normal(len(saturation) + 7)
    saturation += 0.14 * np.convolve(ripple, np.ones(8) / np.sqrt(8.0), mode="valid")
    for fall in falls:
        edges_s = breaths.onset_s[fall.first_breath : fall.stop_breath + 1]
        if fall.draft.kind is None:
            reduction = np.ones(len(edges_s) - 1)
        else:
            reduction = np.clip(1.0 - breaths.factor[fall.first_breath : fall.stop_breath], 0.0, 1.0)
        if not reduction.any():
            continue
        first = int((edges_s[0] + traits.circulation_delay_s) * SATURATION_RATE_HZ)
        last = int((edges_s[-1] + traits.circulation_delay_s + RESPONSE_S) * SATURATION_RATE_HZ)
        times_s = np.arange(first, last) / SATURATION_RATE_HZ - traits.circulation_delay_s
        drop = fall.draft.drop_points * _unit_response(reduction, edges_s, times_s)
        last = min(last, len(saturation))
        saturation[first:last] -= drop[: last - first]
    return np.clip(saturation, 40.0, 99.4)


def simulate_pulse(
    breaths: Breaths,
    falls: Sequence[PlantedFall],
    artifacts: Sequence[Artifact],
    traits: Traits,
    *,
    duration_s: float,
    rng: Generator,
) -> NDArray[np.float64]:
    """Pulse at one value a second, in beats a minute, shape (duration_s,), float64.

    It rises by 4 to 14 beats a minute after an event and with movement, and drifts by itself.
    """
    n = round(duration_s)
    times_s = np.arange(n, dtype=np.float64)
    slow = _wander(duration_s, 2.2, 0.9, rng)[:: int(SATURATION_RATE_HZ)][:n]
    pulse = traits.pulse_bpm + slow + 0.9 * rng.standard_normal(n)
    rises = [
        (float(breaths.onset_s[fall.stop_breath]), float(rng.uniform(4.0, 14.0)))
        for fall in falls
        if fall.draft.kind is not None and fall.draft.reduction_fraction >= AROUSING_REDUCTION
    ]
    rises += [(a.start_s, float(rng.uniform(6.0, 16.0))) for a in artifacts if a.cause == "movement"]
    for at_s, height in rises:
        first, last = int(at_s), min(int(at_s) + 40, n)
        since_s = np.maximum(times_s[first:last] - at_s, 0.0) / 5.0
        pulse[first:last] += height * since_s**2 * np.exp(2.0 * (1.0 - since_s))
    return pulse
