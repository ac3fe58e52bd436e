"""A sleeper's night, breath by breath, before any recorder: seeded, the same for every sensor."""

from dataclasses import dataclass, field

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray

from hsat.intervals import Spans, as_spans, invert_spans, total_s, unite_spans
from hsat.simulate.artifacts import Artifact, draw_artifacts, sigh_breaths
from hsat.simulate.breaths import (
    Breaths,
    PlantedFall,
    Traits,
    bind_falls,
    draw_breaths,
    draw_traits,
    merge_breaths,
)
from hsat.simulate.effort import plant_effort
from hsat.simulate.options import LARGEST_SEED, BreathingOptions, check_option
from hsat.simulate.oxygen import simulate_pulse, simulate_saturation
from hsat.simulate.schedule import PositionBlock, calm_spans, draw_episodes, draw_positions, place_episodes
from hsat.simulate.shapes import plant_factors

__all__ = ["Physiology", "simulate_breathing"]

TURBULENCE_RATE_HZ = 10.0
"""Grid of the irregular part of airflow; between its points it is interpolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Physiology:
    """Everything about a night that no recorder changes.

    Attributes
    ----------
    seed : int
    duration_s : float
    traits : Traits
    breaths : Breaths
    falls : tuple of PlantedFall
        In order of time; desaturations without a fall of breathing among them.
    artifacts : tuple of Artifact
    positions : tuple of PositionBlock
    turbulence : ndarray, shape (n,), float64
        Irregular airflow at 10 Hz, in units of the median peak flow.
    saturation_percent : ndarray, shape (n,), float64
        Oxygen saturation at the finger, four values a second.
    pulse_bpm : ndarray, shape (n,), float64
        Pulse, one value a second.
    flow_off_s, probe_off_s, upright_s : ndarray, shape (n, 2)
        When the cannula was off, the oximeter probe was off, the sleeper was up.
    """

    seed: int
    duration_s: float
    traits: Traits
    breaths: Breaths = field(repr=False)
    falls: tuple[PlantedFall, ...] = field(repr=False)
    artifacts: tuple[Artifact, ...] = field(repr=False)
    positions: tuple[PositionBlock, ...] = field(repr=False)
    turbulence: NDArray[np.float64] = field(repr=False)
    saturation_percent: NDArray[np.float64] = field(repr=False)
    pulse_bpm: NDArray[np.float64] = field(repr=False)
    flow_off_s: Spans
    probe_off_s: Spans
    upright_s: Spans

    @property
    def monitored_h(self) -> float:
        """Hours with the cannula on, the probe on and the sleeper in bed."""
        off = unite_spans(self.flow_off_s, self.probe_off_s, self.upright_s)
        return total_s(invert_spans(off, 0.0, self.duration_s)) / 3600.0


def simulate_breathing(*, seed: int, options: BreathingOptions | None = None) -> Physiology:
    """Draw a sleeper's night.

    Parameters
    ----------
    seed : int
        The same seed and options give the same night.
    options : BreathingOptions, optional
        What to plant.

    Returns
    -------
    Physiology
        To be stored by `hsat.simulate.record_night`, as often as there are recorders.

    Raises
    ------
    SimulationError
        Where the night is too short for what was asked.
    """
    check_option("seed", seed, 0, LARGEST_SEED * 1000)
    options = BreathingOptions() if options is None else options
    streams = [default_rng(child) for child in SeedSequence(seed).spawn(8)]
    traits_rng = streams[0] if options.traits_seed is None else default_rng([options.traits_seed, 1])
    traits = draw_traits(options, traits_rng)
    off = [as_spans(spans) for spans in (options.flow_off_spans_s, options.probe_off_spans_s)]
    upright = as_spans(options.upright_spans_s)
    monitored_s = total_s(invert_spans(unite_spans(*off, upright), 0.0, options.duration_s))
    blocks = draw_positions(options, streams[1])
    episodes = draw_episodes(options, monitored_s / 3600.0, streams[2])
    placed = place_episodes(episodes, options, blocks, streams[3])
    quiet = draw_breaths(options, traits, calm_spans(placed), streams[4])
    quiet = merge_breaths(quiet, sigh_breaths(placed, quiet.onset_s))
    sighs = sigh_breaths(placed, quiet.onset_s)
    falls = bind_falls(placed, quiet.onset_s)
    breaths = plant_effort(quiet, plant_factors(quiet, falls, sighs, streams[5]), falls, streams[5])
    artifacts = draw_artifacts(placed, blocks, breaths, streams[5])
    artifacts += [
        Artifact(cause="sigh", start_s=float(breaths.onset_s[i]), stop_s=float(breaths.onset_s[i + 1]))
        for i in sighs
    ]
    return Physiology(
        seed=seed,
        duration_s=options.duration_s,
        traits=traits,
        breaths=breaths,
        falls=tuple(falls),
        artifacts=tuple(sorted(artifacts, key=lambda artifact: artifact.start_s)),
        positions=blocks,
        turbulence=streams[6].standard_normal(int(options.duration_s * TURBULENCE_RATE_HZ) + 1),
        saturation_percent=simulate_saturation(breaths, falls, traits, options.duration_s, streams[7]),
        pulse_bpm=simulate_pulse(
            breaths, falls, artifacts, traits, duration_s=options.duration_s, rng=streams[7]
        ),
        flow_off_s=off[0],
        probe_off_s=off[1],
        upright_s=upright,
    )
