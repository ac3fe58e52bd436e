"""Breaths of a sleeper: who breathes, how quiet breathing varies, and which breaths a fall takes up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hsat.intervals import Spans
from hsat.simulate.options import BreathingOptions
from hsat.simulate.schedule import Episode, FallDraft

__all__ = ["Breaths", "PlantedFall", "Traits", "bind_falls", "draw_breaths", "draw_traits", "merge_breaths"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What stays the same over the nights of one sleeper.

    Attributes
    ----------
    period_s : float
        Median breath period.
    peak_flow_l_per_s : float
        Median peak inspiratory flow, litres per second.
    inspired_fraction : float
        Inspiratory share of a breath.
    flattening_fraction : float
        Flow limitation of quiet breathing, 0 (round) to 1 (flat).
    saturation_percent : float
        Resting oxygen saturation.
    pulse_bpm : float
        Resting pulse.
    circulation_delay_s : float
        Lag of SpO2 at the finger behind breathing.
    """

    period_s: float
    peak_flow_l_per_s: float
    inspired_fraction: float
    flattening_fraction: float
    saturation_percent: float
    pulse_bpm: float
    circulation_delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaths:
    """The breaths of a night: arrays of shape (n_breaths,), float64.

    Attributes
    ----------
    onset_s, period_s : ndarray
        Start of inspiration and length of each breath.
    inspired_fraction : ndarray
        Share of the breath that is inspiration.
    peak_flow_l_per_s : ndarray
        Peak inspiratory flow as it would be without anything planted.
    factor : ndarray
        What is planted, as a multiple of that; 1 where nothing is.
    flattening_fraction : ndarray
        Flow limitation, 0 to 1.
    pause_fraction : ndarray
        0 where expiration lasts until the next breath, 1 where it ends early and a pause follows.
    thorax_factor, abdomen_factor : ndarray
        Effort relative to quiet breathing; the thorax's is negative in paradox.
    """

    onset_s: NDArray[np.float64]
    period_s: NDArray[np.float64]
    inspired_fraction: NDArray[np.float64]
    peak_flow_l_per_s: NDArray[np.float64]
    factor: NDArray[np.float64]
    flattening_fraction: NDArray[np.float64]
    pause_fraction: NDArray[np.float64]
    thorax_factor: NDArray[np.float64]
    abdomen_factor: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFall:
    """A draft bound to the breaths ``first_breath`` to before ``stop_breath``."""

    draft: FallDraft
    first_breath: int
    stop_breath: int


def draw_traits(options: BreathingOptions, rng: Generator) -> Traits:
    """A sleeper; a delay that the options name replaces the drawn one."""
    delay_s = float(rng.uniform(12.0, 32.0))
    return Traits(
        period_s=float(rng.uniform(3.4, 4.5)),
        peak_flow_l_per_s=float(rng.uniform(0.35, 0.55)),
        inspired_fraction=float(rng.uniform(0.36, 0.43)),
        flattening_fraction=float(rng.uniform(0.1, 0.6)),
        saturation_percent=float(rng.uniform(94.2, 96.4)),
        pulse_bpm=float(rng.uniform(54.0, 72.0)),
        circulation_delay_s=delay_s if options.circulation_delay_s is None else options.circulation_delay_s,
    )


def _autoregressive(n: int, memory: float, rng: Generator) -> NDArray[np.float64]:
    """First-order autoregressive noise of unit variance, shape (n,)."""
    steps = rng.standard_normal(n) * np.sqrt(1.0 - memory**2)
    values = np.empty(n)
    value = float(rng.standard_normal())
    for i, step in enumerate(steps.tolist()):
        value = memory * value + step
        values[i] = value
    return values


def _is_restless(n: int, fraction: float, rng: Generator) -> NDArray[np.bool_]:
    """Breaths within irregular stretches of about 30 breaths, this share of all."""
    mask = np.zeros(n, dtype=bool)
    n_stretches = round(fraction * n / 30.0)
    for first in rng.integers(0, n, size=n_stretches):
        mask[first : first + int(rng.integers(15, 45))] = True
    return mask


def draw_breaths(options: BreathingOptions, traits: Traits, calm_spans_s: Spans, rng: Generator) -> Breaths:
    """Undisturbed breathing with the correlated variability of sleep.

    Parameters
    ----------
    options : BreathingOptions
    traits : Traits
    calm_spans_s : ndarray, shape (n, 2), float64
        Where breathing stays even: a desaturation without its event must not meet a chance fall.
    rng : numpy.random.Generator

    Returns
    -------
    Breaths
        From just before the night's start to just after its end.
    """
    n = int(options.duration_s / traits.period_s * 1.6) + 50
    restless = np.where(_is_restless(n, options.restless_fraction, rng), 1.0, 0.0)
    period_s = traits.period_s * np.exp(
        _autoregressive(n, 0.5, rng) * (0.045 + 0.11 * restless) + 0.05 * _autoregressive(n, 0.99, rng)
    )
    onset_s = np.concatenate(([0.0], np.cumsum(period_s)[:-1])) - 0.37 * traits.period_s
    for start_s, stop_s in calm_spans_s:
        restless[(onset_s >= start_s) & (onset_s < stop_s)] = 0.0
    peak = traits.peak_flow_l_per_s * np.exp(
        _autoregressive(n, 0.45, rng) * (0.075 + 0.15 * restless) + 0.07 * _autoregressive(n, 0.99, rng)
    )
    inspired = traits.inspired_fraction + 0.012 * _autoregressive(n, 0.6, rng)
    flattening = np.clip(traits.flattening_fraction + 0.12 * _autoregressive(n, 0.9, rng), 0.0, 0.9)
    pause = np.clip(0.5 + 0.3 * _autoregressive(n, 0.8, rng), 0.0, 1.0)
    keep = onset_s < options.duration_s + traits.period_s
    ones = np.ones(int(keep.sum()))
    return Breaths(
        onset_s=onset_s[keep],
        period_s=period_s[keep],
        inspired_fraction=inspired[keep],
        peak_flow_l_per_s=peak[keep],
        factor=ones,
        flattening_fraction=flattening[keep],
        pause_fraction=pause[keep],
        thorax_factor=ones,
        abdomen_factor=ones,
    )


def merge_breaths(breaths: Breaths, firsts: Sequence[int]) -> Breaths:
    """Let each named breath last until the end of the one after it, as a sigh does."""
    keep = np.ones(len(breaths.onset_s), dtype=bool)
    period_s = breaths.period_s.copy()
    for first in firsts:
        period_s[first] += period_s[first + 1]
        keep[first + 1] = False
    return Breaths(
        onset_s=breaths.onset_s[keep],
        period_s=period_s[keep],
        inspired_fraction=breaths.inspired_fraction[keep],
        peak_flow_l_per_s=breaths.peak_flow_l_per_s[keep],
        factor=breaths.factor[keep],
        flattening_fraction=breaths.flattening_fraction[keep],
        pause_fraction=breaths.pause_fraction[keep],
        thorax_factor=breaths.thorax_factor[keep],
        abdomen_factor=breaths.abdomen_factor[keep],
    )


def bind_falls(episodes: Sequence[Episode], onset_s: NDArray[np.float64]) -> list[PlantedFall]:
    """Turn planned seconds into whole breaths."""
    falls: list[PlantedFall] = []
    for episode in episodes:
        first = int(np.searchsorted(onset_s, episode.start_s))
        for draft in episode.falls:
            until_s = onset_s[first] + draft.duration_s
            if draft.cause == "brief":
                stop = max(first + 1, int(np.searchsorted(onset_s, until_s, side="right")) - 1)
            else:
                stop = int(np.searchsorted(onset_s, until_s))
            falls.append(PlantedFall(draft=draft, first_breath=first, stop_breath=stop))
            first = stop + draft.n_recovery_breaths
    return falls
