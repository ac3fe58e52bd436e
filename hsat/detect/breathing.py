"""Flow to breaths: drift removed, excursion measured, onsets found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.detect.bursts import find_bursts
from hsat.detect.pace import MINUTE_S, Pace, excursion_at_pace, find_pace
from hsat.detect.ventilation import ventilation_share
from hsat.kernels.breaths import find_breaths, measure_breaths, measure_way
from hsat.kernels.rolling import moving_mean, rolling_range, subtract_drift
from hsat.rules.model import ScoringRules

__all__ = [
    "Breathing",
    "excursion_of",
    "flow_from_pressure",
    "local_level",
    "measure_breathing",
    "measure_upright",
    "pressure_from_flow",
    "remove_drift",
    "roughness_of",
]

LEVEL_STEP_S = 10.0
"""Grid on which slow levels are computed; they change over minutes."""

NEIGHBOUR_STEP = 10
"""Breaths that share one neighbourhood, which holds many more."""

LEVEL_WINDOW_S, LEVEL_THINNING = 150.0, 5
"""A window of this length is sampled every fifth second and moved by `LEVEL_STEP_S`; a longer one in
proportion more coarsely, which gives the same quantile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breathing:
    """What the flow signal says of breathing.

    Attributes
    ----------
    rate_hz : float
        Samples per second of the arrays over time.
    is_missing : ndarray, shape (n,), bool
    ventilation_share : ndarray, shape (n,), float32, or None
        `hsat.detect.ventilation.ventilation_share`, where the rules judge apneas by it; never of nasal
        pressure.
    flow : ndarray, shape (n,), float32
        Flow without drift, inspiration upwards; 0 where missing.
    excursion : ndarray, shape (n,), float32
        Range of flow in a window of about one breath around each sample, at the pace that breathing
        has there; NaN where missing.
    level : ndarray, shape (n_steps,), float32
        What is usual in the surrounding minutes, one value every ``level_step_s``: a quantile of
        the range of flow over time without bursts of movement, or the median of the breaths where
        that is larger.
    level_step_s : float
    roughness : ndarray, shape (n_minutes,), float64
        Way of flow over its range, minute by minute: near 2.6 for breathing, above 4 for noise.
        The last value stands for the rest of the recording.
    pace : Pace
        Usual breath period of each part of the night, and with it the window of `excursion`.
    onsets : ndarray, shape (m,), int64
        Breath onsets, samples.
    breath_excursions : ndarray, shape (m,), float32
        Excursion of each breath in the window; NaN where flow is missing in its middle.
    breath_ranges : ndarray, shape (m,), float32
        Range of flow from each onset to the next, but for no more than the usual period: the
        breath alone, without its neighbours.
    """

    rate_hz: float
    is_missing: NDArray[np.bool_]
    ventilation_share: NDArray[np.float32] | None
    flow: NDArray[np.float32]
    excursion: NDArray[np.float32]
    level: NDArray[np.float32]
    level_step_s: float
    roughness: NDArray[np.float64]
    pace: Pace
    onsets: NDArray[np.int64]
    breath_excursions: NDArray[np.float32]
    breath_ranges: NDArray[np.float32]

    def level_at(self, samples: NDArray[np.int64]) -> NDArray[np.float32]:
        """The usual excursion around each of the samples."""
        steps = samples / (self.rate_hz * self.level_step_s)
        return self.level[np.minimum(steps.astype(np.int64), len(self.level) - 1)]

    def roughness_at(self, samples: NDArray[np.int64]) -> NDArray[np.float64]:
        """The roughness of the minute that each of the samples lies in; shape of `samples`."""
        minutes = samples // int(MINUTE_S * self.rate_hz)
        return self.roughness[np.minimum(minutes, len(self.roughness) - 1)]


def remove_drift(values: NDArray[np.float32], rules: ScoringRules, rate_hz: float) -> NDArray[np.float32]:
    """Smooth lightly and take away the slow drift; missing samples become 0.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        NaN where missing. Used as work space: its content is lost.
    rules : ScoringRules
        ``[sampling]`` is used.
    rate_hz : float

    Returns
    -------
    ndarray, shape (n,), float32
    """
    is_missing = np.isnan(values)
    if is_missing.all():
        return np.zeros_like(values)
    if is_missing.any():
        # The nearest value: no step where the signal goes or comes back, which the drift filter would
        # spread into a swing of flow that stands still.
        places = np.flatnonzero(is_missing)
        values[places] = values[_nearest_present(is_missing, places)]
    half_smooth = int(rules.sampling.smoothing_s * rate_hz / 2)
    smooth, rest = values, np.empty_like(values)
    if half_smooth > 0:
        moving_mean(values, half_smooth, rest)
        smooth, rest = rest, values
    subtract_drift(smooth, int(rules.sampling.drift_window_s * rate_hz / 2), rest)
    rest[is_missing] = 0.0
    return rest


def _nearest_present(is_missing: NDArray[np.bool_], places: NDArray[np.intp]) -> NDArray[np.intp]:
    """The nearest sample that is there, of two the earlier, for each `places` that is missing; shape (m,)."""
    edges = np.flatnonzero(np.diff(is_missing, prepend=False, append=False)).reshape(-1, 2)
    n_each = edges[:, 1] - edges[:, 0]
    before, after = np.repeat(edges[:, 0] - 1, n_each), np.repeat(edges[:, 1], n_each)
    is_before = (places - before <= after - places) & (before >= 0) | (after == len(is_missing))
    return np.where(is_before, before, after)


def excursion_of(values: NDArray[np.float32], window_s: float, rate_hz: float) -> NDArray[np.float32]:
    """Range of the values in a window of `window_s` around each sample; shape (n,), float32."""
    ranges = np.empty_like(values)
    rolling_range(values, int(window_s * rate_hz / 2), ranges)
    return ranges


def local_level(
    excursion: NDArray[np.float32], rate_hz: float, window_s: float, quantile_fraction: float
) -> NDArray[np.float32]:
    """A quantile of the excursion over the surrounding minutes, every `LEVEL_STEP_S`.

    Parameters
    ----------
    excursion : ndarray, shape (n,), float32
        NaN where missing: left out.
    rate_hz : float
    window_s : float
        Whole width of the window, centred.
    quantile_fraction : float
        0 to 1.

    Returns
    -------
    ndarray, shape (ceil(n / step),), float32
        0 where the window holds nothing.
    """
    sampled = excursion[:: max(int(rate_hz), 1)]
    n_steps = -(-len(sampled) // int(LEVEL_STEP_S))
    # What a longer window gives changes more slowly, and needs no more of its seconds.
    scale = max(round(window_s / LEVEL_WINDOW_S), 1)
    step, half = int(LEVEL_STEP_S) * scale, int(window_s / 2)
    padded = np.full(half + len(sampled) + half + step, np.nan, np.float32)
    padded[half : half + len(sampled)] = sampled
    thinning = LEVEL_THINNING * scale
    shape, strides = (-(-len(sampled) // step), 2 * half // thinning + 1), (step, thinning)
    windows = np.ndarray(shape, np.float32, padded, strides=tuple(padded.itemsize * n for n in strides))
    ordered = np.sort(windows, axis=1)  # what is missing goes last
    n_valid = np.full(len(ordered), ordered.shape[1])
    has_missing = np.isnan(ordered[:, -1])
    n_valid[has_missing] = np.count_nonzero(~np.isnan(ordered[has_missing]), axis=1)
    places = (quantile_fraction * np.maximum(n_valid - 1, 0)).astype(np.int64)
    levels = ordered[np.arange(len(ordered)), places]
    return np.repeat(np.where(n_valid > 0, levels, np.float32(0.0)), scale)[:n_steps]


def _onsets(
    flow: NDArray[np.float32], wide: NDArray[np.float32], rules: ScoringRules, rate_hz: float
) -> NDArray[np.int64]:
    """Breath onsets, in samples; `wide` is the range within the search window, and is used up."""
    breath = rules.breath
    loudest = local_level(wide, rate_hz, breath.noise_floor_window_s, breath.noise_floor_quantile_fraction)
    floor = np.repeat(np.float32(breath.noise_floor_fraction) * loudest, int(LEVEL_STEP_S * rate_hz))
    wide *= np.float32(breath.hysteresis_fraction)
    hysteresis = np.maximum(wide, floor[: len(wide)], out=wide)
    # A large breath says nothing of the small one before it: what counts is the range around, or before.
    n_half = int(breath.search_window_s * rate_hz / 2)
    before = hysteresis[: max(len(hysteresis) - n_half, 0)].copy()
    np.minimum(hysteresis[n_half:], before, out=hysteresis[n_half:])
    onsets = np.empty(len(flow) // 2 + 1, np.int64)  # an onset needs a rise and a fall
    return onsets[: find_breaths(flow, hysteresis, onsets)].copy()


def _usual_of_breaths(
    onsets: NDArray[np.int64],
    breath_excursions: NDArray[np.float32],
    n_around: int,
    *,
    n_steps: int,
    step: float,
) -> NDArray[np.float32]:
    """Median excursion of the breaths around every step of the level grid; shape (n_steps,).

    Where long apneas leave single breaths, these are what is usual, however little time they take.
    """
    excursions = np.where(np.isnan(breath_excursions), np.float32(0.0), breath_excursions)
    if len(excursions) < n_around:
        return np.full(n_steps, np.median(excursions) if len(excursions) else 0.0, np.float32)
    shape = ((len(excursions) - n_around) // NEIGHBOUR_STEP + 1, n_around)
    strides = (NEIGHBOUR_STEP * excursions.itemsize, excursions.itemsize)
    around = np.ndarray(shape, np.float32, excursions, strides=strides)
    ordered = np.sort(around, axis=1)  # sorted rows give the median ten times as fast as np.median
    medians = (ordered[:, (n_around - 1) // 2] + ordered[:, n_around // 2]) / np.float32(2.0)
    nearest = np.searchsorted(onsets, (np.arange(n_steps) + 0.5) * step) - n_around // 2
    usual: NDArray[np.float32] = medians[np.clip(nearest // NEIGHBOUR_STEP, 0, len(medians) - 1)]
    return usual


def roughness_of(
    flow: NDArray[np.float32], excursion: NDArray[np.float32], pace: Pace, rate_hz: float
) -> NDArray[np.float64]:
    """Way that flow goes within the window, over its range there; one value a minute.

    A breath goes up and down once: about 2.6 for a window of 1.3 breaths. Noise goes to and fro.
    """
    n_minute = int(MINUTE_S * rate_hz)
    n_minutes = max(round(len(flow) / n_minute), 1)
    ways, reaches = np.empty(n_minutes), np.empty(n_minutes)
    measure_way(flow, excursion, n_minute, ways, reaches)
    windows_s = pace.windows_at((np.arange(n_minutes, dtype=np.float64) + 0.5) * MINUTE_S)
    return np.divide(ways * windows_s * rate_hz, reaches, out=np.zeros(n_minutes), where=reaches > 0)


def flow_from_pressure(pressure: NDArray[np.float32]) -> NDArray[np.float32]:
    """Square root of the size of nasal pressure, sign kept: proportional to flow; shape (n,), float32."""
    root = np.sqrt(np.abs(pressure))
    return np.copysign(root, pressure, out=root)


def pressure_from_flow(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """What `flow_from_pressure` was given; shape (n,), float32."""
    return flow * np.abs(flow)


def measure_breathing(
    values: NDArray[np.float32],
    rules: ScoringRules,
    *,
    is_pressure: bool = False,
) -> Breathing:
    """Find breaths and measure their excursion.

    Inspiration is turned upwards first: it is the shorter part of a breath. Scoring is thereby
    free of the sensor's polarity.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        Flow at ``rules.sampling.flow_rate_hz``; NaN where missing. Used as work space: its
        content is lost.
    rules : ScoringRules
        ``[sampling]``, ``[breath]`` and the outlier numbers of ``[baseline]`` are used.
    is_pressure : bool
        Nasal pressure: what flow is zero at, ventilation would have to be measured from, it does not
        say, with its root taken or not.

    Returns
    -------
    Breathing
    """
    rate_hz = rules.sampling.flow_rate_hz
    is_missing = np.isnan(values)
    share = None
    if rules.ventilation.window_s > 0 and not is_pressure:
        share = ventilation_share(values, rate_hz, rules.ventilation, rules.apnea.smoothing_s)
    flow = remove_drift(values, rules, rate_hz)
    if np.count_nonzero(flow > 0) > np.count_nonzero(flow < 0):
        np.negative(flow, out=flow)
    return measure_upright(flow, is_missing, rules, share)


def measure_upright(
    flow: NDArray[np.float32],
    is_missing: NDArray[np.bool_],
    rules: ScoringRules,
    share: NDArray[np.float32] | None = None,
) -> Breathing:
    """`measure_breathing` of flow that has lost its drift and has inspiration upwards.

    Parameters
    ----------
    flow : ndarray, shape (n,), float32
        At ``rules.sampling.flow_rate_hz``; 0 where missing. The result keeps it.
    is_missing : ndarray, shape (n,), bool
    rules : ScoringRules
        ``[breath]`` and the outlier numbers of ``[baseline]`` are used.
    share : ndarray, shape (n,), float32, or None
        The result's ventilation.

    Returns
    -------
    Breathing
    """
    rate_hz = rules.sampling.flow_rate_hz
    breath = rules.breath
    baseline = rules.baseline
    wide = excursion_of(flow, breath.search_window_s, rate_hz)
    by_second = wide[:: max(int(rate_hz), 1)].copy()
    onsets = _onsets(flow, wide, rules, rate_hz)
    pace = find_pace(onsets, rate_hz, breath)
    periods_s = pace.periods_at(onsets / rate_hz)
    excursion = excursion_at_pace(flow, pace, rate_hz)
    roughness = roughness_of(flow, excursion, pace, rate_hz)
    excursion[is_missing] = np.nan
    breath_ranges = np.empty(len(onsets), np.float32)
    measure_breaths(flow, onsets, (periods_s * rate_hz).astype(np.int64), breath_ranges)
    middles = np.minimum(onsets + (periods_s * rate_hz / 2).astype(np.int64), len(excursion) - 1)
    breath_excursions = excursion[middles]
    n_steps, step = -(-len(by_second) // int(LEVEL_STEP_S)), LEVEL_STEP_S * rate_hz
    n_around = baseline.n_outlier_breaths
    usual = _usual_of_breaths(onsets, breath_excursions, n_around, n_steps=n_steps, step=step)
    by_second[find_bursts(by_second, usual, int(LEVEL_STEP_S), baseline)] = np.nan
    level = local_level(by_second, 1.0, baseline.outlier_window_s, baseline.outlier_quantile_fraction)
    level = np.maximum(level, usual)
    return Breathing(
        rate_hz=rate_hz,
        is_missing=is_missing,
        ventilation_share=share,
        flow=flow,
        excursion=excursion,
        level=level,
        level_step_s=LEVEL_STEP_S,
        roughness=roughness,
        pace=pace,
        onsets=onsets,
        breath_excursions=breath_excursions,
        breath_ranges=breath_ranges,
    )
