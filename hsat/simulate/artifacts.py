"""Disturbances that are no events: movements, sighs, a cannula that slips."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hsat.simulate.breaths import Breaths
from hsat.simulate.schedule import Episode, PositionBlock

__all__ = ["Artifact", "draw_artifacts", "sigh_breaths"]

N_WAVES = 7
"""Sinusoids that one movement artifact is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A disturbance that is no event: ``cause``, span, and what it does to the sensors.

    Attributes
    ----------
    cause : str
        ``"movement"``, ``"sigh"``, ``"gain_step"`` or ``"cannula_partial"``.
    start_s, stop_s : float
        Span in seconds. After a step in gain: until two minutes of the new gain have passed.
    coupling_factor : float
        What the airflow sensor's reading is multiplied with, from ``start_s`` on for a step in
        gain, and within the span for a cannula half out.
    waves : ndarray, shape (n, 3), float64
        Frequency in Hz, phase and relative amplitude of a movement's sinusoids.
    """

    cause: str
    start_s: float
    stop_s: float
    coupling_factor: float = 1.0
    waves: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)), repr=False)


def _movement_waves(rng: Generator) -> NDArray[np.float64]:
    """Sinusoids of a movement: the body turns slowly and the sensors are jolted."""
    frequency_hz = np.concatenate((rng.uniform(0.12, 0.6, 3), rng.uniform(0.6, 2.8, N_WAVES - 3)))
    amplitude = rng.uniform(0.4, 1.0, N_WAVES) / np.sqrt(frequency_hz / 0.3)
    return np.column_stack((frequency_hz, rng.uniform(0.0, 2.0 * np.pi, N_WAVES), amplitude))


def draw_artifacts(
    episodes: Sequence[Episode], blocks: Sequence[PositionBlock], breaths: Breaths, rng: Generator
) -> list[Artifact]:
    """Artifacts other than sighs, with a movement at every change of position."""
    artifacts: list[Artifact] = []
    is_reduced = False
    for episode in episodes:
        start_s, stop_s = episode.start_s, episode.start_s + episode.duration_s
        if episode.artifact == "movement":
            artifacts.append(
                Artifact(cause="movement", start_s=start_s, stop_s=stop_s, waves=_movement_waves(rng))
            )
        elif episode.artifact in ("gain_step", "cannula_partial"):
            first, last = np.searchsorted(breaths.onset_s, (start_s, stop_s))
            coupling = float(rng.uniform(0.45, 0.62))
            if episode.artifact == "gain_step":
                coupling = 1.0 / coupling if is_reduced else coupling
                is_reduced = not is_reduced
            artifacts.append(
                Artifact(
                    cause=episode.artifact,
                    start_s=float(breaths.onset_s[first]),
                    stop_s=float(breaths.onset_s[last]),
                    coupling_factor=coupling,
                )
            )
    for block in blocks[1:]:
        stop_s = block.start_s + float(rng.uniform(8.0, 20.0))
        artifacts.append(
            Artifact(cause="movement", start_s=block.start_s, stop_s=stop_s, waves=_movement_waves(rng))
        )
    return artifacts


def sigh_breaths(episodes: Sequence[Episode], onset_s: NDArray[np.float64]) -> list[int]:
    """Breaths that become sighs."""
    starts_s = [episode.start_s for episode in episodes if episode.artifact == "sigh"]
    return [int(i) for i in np.searchsorted(onset_s, starts_s)]
