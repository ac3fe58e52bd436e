"""Whether nasal pressure still is the square of flow, told by the shape of its breaths."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import Breathing
from hsat.detect.excerpts import Excerpts
from hsat.recording import Note
from hsat.results import ROOTED_CODE
from hsat.rules.kinds import NasalPressureRule
from hsat.rules.model import ScoringRules

__all__ = ["PressureReading", "PressureShape", "measure_pressure_shape", "read_pressure"]

Samples = NDArray[np.float32]
Numbers = NDArray[np.float64]

N_LEVELS = 20
"""Steps between the highest and the lowest level of a passage."""

EDGES = np.linspace(-1.0, 1.0, N_LEVELS + 1)

N_OFF = 5
"""Steps by which zero may lie off the mean of a breath: a square has another mean where in and out differ."""

N_ASIDE = 2
"""Steps from zero to the levels that it is compared with."""

N_MOST_BREATHS = 150
"""As many are looked at, spread over the excerpts; more change the figures in the second decimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureShape:
    """What breaths look like on a channel of nasal pressure.

    Attributes
    ----------
    dwell_ratio : float
        Time that breaths take to pass the levels around zero, over the longer of the times for as many
        levels to either side, in the direction where that is less: at most 1 where they pass as flow
        does, above where they linger, as the square of flow does.
    kurtosis : float
        Fourth moment of a breath over the square of its second, the median of the breaths: 1.5 for
        a sine, 1.94 for its square.
    n_breaths : int
        Breaths that were looked at.
    """

    dwell_ratio: float
    kurtosis: float
    n_breaths: int

    def is_of_flow(self, rule: NasalPressureRule) -> bool:
        """Whether the root must have been taken before: by both figures."""
        return self.dwell_ratio <= rule.max_flow_dwell_ratio and self.kurtosis <= rule.max_flow_kurtosis

    def is_of_square(self, rule: NasalPressureRule) -> bool:
        """Whether it cannot have been taken: by both figures, too."""
        return self.dwell_ratio > rule.max_flow_dwell_ratio and self.kurtosis > rule.max_flow_kurtosis


def measure_pressure_shape(
    breathing: Breathing, excerpts: Excerpts, rules: ScoringRules
) -> PressureShape | None:
    """Look at the usual breaths of the night.

    Parameters
    ----------
    breathing : Breathing
        Of the channel as recorded, no root taken.
    excerpts : Excerpts
        The same channel.
    rules : ScoringRules
        ``[nasal_pressure]``, ``[baseline]``, ``[breath]`` and ``[sensor_off]`` are used.

    Returns
    -------
    PressureShape or None
        None where there are fewer than ``n_shape_breaths``.

    Notes
    -----
    Flow passes zero at its fastest. Its square with the sign kept has a slope of zero there, whatever
    the shape of the breath, and lingers. Levels are shares of each breath's own height; zero is taken
    where the time is longest in the sum of all breaths. Of the two directions one may linger in flow,
    too: breathing rests before it goes in.
    """
    rule = rules.nasal_pressure
    waves = _waves(excerpts, *_usual_breaths(breathing, excerpts, rules))
    if len(waves.values) < rule.n_shape_breaths:
        return None
    there, turns = _passages(waves.values, rule.passage_fraction)
    # From where each has turned on, a breath that goes out before it goes in: the way back.
    turned_s = waves.starts_s + turns / excerpts.rate_hz
    is_held = excerpts.holds(turned_s, turned_s + waves.n_samples / excerpts.rate_hz)
    back, _ = _passages(
        _waves(excerpts, turned_s[is_held], waves.n_samples[is_held]).values, rule.passage_fraction
    )
    ratios = [_dwell_ratio(way) for way in (there, back) if len(way) >= rule.n_shape_breaths]
    if not ratios:
        return None
    return PressureShape(dwell_ratio=min(ratios), kurtosis=_kurtosis(waves), n_breaths=len(waves.values))


class _Waves(NamedTuple):
    """Breaths: starts in seconds, samples of each, and these about their means, upwards first.

    The values have a row a breath and are 0 behind its end.
    """

    starts_s: Numbers
    n_samples: NDArray[np.int64]
    values: Samples


def _usual_breaths(
    breathing: Breathing, excerpts: Excerpts, rules: ScoringRules
) -> tuple[Numbers, NDArray[np.int64]]:
    """Starts in seconds, and samples of an excerpt, of breaths of usual size that lie in one."""
    onsets, sizes = breathing.onsets[:-1], breathing.breath_excursions[:-1]
    starts_s, lengths_s = onsets / breathing.rate_hz, np.diff(breathing.onsets) / breathing.rate_hz
    usual = breathing.level_at(onsets)
    places = np.flatnonzero(
        (sizes >= rules.nasal_pressure.min_shape_breath_fraction * usual)
        & (sizes <= rules.baseline.outlier_ratio * usual)
        & (lengths_s <= rules.breath.longest_period_s)
        & (breathing.roughness_at(onsets) <= rules.sensor_off.max_roughness)
        & excerpts.holds(starts_s, starts_s + lengths_s)
    )
    if len(places) > N_MOST_BREATHS:
        places = places[np.arange(N_MOST_BREATHS) * len(places) // N_MOST_BREATHS]
    return starts_s[places], np.rint(lengths_s[places] * excerpts.rate_hz).astype(np.int64)


def _waves(excerpts: Excerpts, starts_s: Numbers, n_samples: NDArray[np.int64]) -> _Waves:
    """Those of the spans that hold every sample and move."""
    values = excerpts.cut(starts_s, n_samples)
    is_inside = np.arange(values.shape[1]) < n_samples[:, None]
    with np.errstate(invalid="ignore"):
        means = np.sum(values, axis=1) / np.maximum(n_samples, 1)
    means[~np.isfinite(means)] = np.nan  # what is infinite is missing, too
    values -= means[:, None].astype(np.float32)
    values *= is_inside
    is_whole = np.any(values > 0, axis=1)  # never where a sample is missing: all are NaN then
    values, starts_s, n_samples = values[is_whole], starts_s[is_whole], n_samples[is_whole]
    quarter = np.arange(values.shape[1]) < n_samples[:, None] / 4
    if np.sum(values, where=quarter) < 0:
        np.negative(values, out=values)
    return _Waves(starts_s, n_samples, values)


def _kurtosis(waves: _Waves) -> float:
    squares = waves.values.astype(np.float64) ** 2
    fourth = np.einsum("ij,ij->i", squares, squares)
    return float(np.median(fourth * waves.n_samples / np.sum(squares, axis=1) ** 2))


def _passages(values: Samples, passage_fraction: float) -> tuple[Numbers, NDArray[np.int64]]:
    """Share of its way down that each wave spends at each level, and the first sample below zero.

    The way goes from a share of the smaller of peak and trough above the mean to as much below; waves
    that do not go all of it are left out of the first array, shape (n, N_LEVELS).
    """
    steps = np.arange(values.shape[1])
    peaks = np.argmax(values, axis=1)
    is_behind = steps > peaks[:, None]
    turns = np.argmax(is_behind & (values <= 0), axis=1)
    behind = np.where(is_behind, values, np.float32(0.0))
    highest = values[np.arange(len(values)), peaks]
    reach = np.float32(passage_fraction) * np.minimum(highest, -np.min(behind, axis=1, initial=0.0))
    is_passing = reach > 0
    levels = values[is_passing] / reach[is_passing, None]
    stops = np.argmax(is_behind[is_passing] & (levels <= -1.0), axis=1)
    is_above = (levels >= 1.0) & (steps < stops[:, None])
    starts = len(steps) - 1 - np.argmax(is_above[:, ::-1], axis=1)
    n_each = stops - starts
    rows = np.repeat(np.arange(len(levels)), n_each)
    firsts = np.cumsum(n_each) - n_each
    places = np.arange(len(rows)) + (starts - firsts)[rows]
    here, there = levels[rows, places].astype(np.float64), levels[rows, places + 1].astype(np.float64)
    lower = np.minimum(here, there)[:, None]
    way = np.maximum(np.abs(there - here), np.finfo(np.float32).eps)[:, None]
    # Between two samples lies a straight line: as much time for each level in between.
    shares = np.diff(np.clip((EDGES - lower) / way, 0.0, 1.0), axis=1)
    times = np.add.reduceat(shares, firsts, axis=0) if len(rows) else shares
    return times / np.sum(times, axis=1, keepdims=True), turns


def _dwell_ratio(times: Numbers) -> float:
    """Largest ratio of the time around a level near the middle to the longer of those beside it.

    Of all waves together. Where a breath only gets slower or faster at a level, no ratio is above 1.
    """
    total = np.sum(times, axis=0)
    pairs = total[1:] + total[:-1]
    near = np.arange(-N_OFF, N_OFF + 1) + len(pairs) // 2
    beside = np.maximum(pairs[near - N_ASIDE], pairs[near + N_ASIDE])
    return float(np.max(pairs[near] / np.maximum(beside, np.finfo(np.float64).tiny)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureReading:
    """How a channel of nasal pressure is taken.

    Attributes
    ----------
    is_flow : bool
        The root of the pressure was taken before; else it is the square of flow.
    note : Note
        The same in words, and why.
    """

    is_flow: bool
    note: Note


def read_pressure(
    breathing: Breathing, excerpts: Excerpts | None, rules: ScoringRules, *, rooted_by: str = ""
) -> PressureReading:
    """Decide whether nasal pressure is flow already.

    Parameters
    ----------
    breathing : Breathing
        Of the channel as recorded, no root taken.
    excerpts : Excerpts or None
        The same channel; None where it was recorded too slowly to tell.
    rules : ScoringRules
        As in `measure_pressure_shape`.
    rooted_by : str
        Words of the header that say so: believed unless both figures of the breaths are those of a
        square. Empty where it says nothing, and the breaths decide.

    Returns
    -------
    PressureReading
        What cannot be told is taken for the square, as it was recorded.
    """
    rule = rules.nasal_pressure
    shape = None if excerpts is None else measure_pressure_shape(breathing, excerpts, rules)
    if shape is not None:
        why = (
            f"{shape.n_breaths} breaths stay {shape.dwell_ratio:.2f} times as long at zero as beside it, "
            f"with a kurtosis of {shape.kurtosis:.2f}; breaths of flow at most "
            f"{rule.max_flow_dwell_ratio:g} times, with at most {rule.max_flow_kurtosis:g}"
        )
    elif excerpts is not None:
        why = f"fewer than {rule.n_shape_breaths} usual breaths to tell by"
    else:
        why = f"recorded below {rule.min_shape_rate_hz:g} Hz, too slowly to see the shape of its breaths"
    is_flow = shape is not None and shape.is_of_flow(rule)
    if rooted_by and shape is not None and shape.is_of_square(rule):
        why = f"the header says otherwise ({rooted_by}), but {why}"
    elif rooted_by:
        is_flow, why = True, f"the header says so ({rooted_by})"
    if is_flow:
        return PressureReading(
            is_flow=True,
            note=Note(ROOTED_CODE, f"nasal pressure is taken for flow, its root taken before: {why}"),
        )
    taken = "for the square of flow" + (", its root taken here" if rule.is_linearised else "")
    return PressureReading(
        is_flow=False,
        note=Note(
            "nasal_pressure_squared",
            f"nasal pressure is taken {taken}: {why} (--map flow=LABEL for a channel that is flow already)",
        ),
    )
