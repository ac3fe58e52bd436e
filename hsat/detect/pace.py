"""How fast breathing goes, and when that changes: the usual breath of each part of the night."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.kernels.rolling import rolling_range
from hsat.rules.model import BreathRule

__all__ = ["MINUTE_S", "Pace", "assumed_pace", "excursion_at_pace", "find_pace"]

MINUTE_S = 60.0
"""Length of the pieces whose character is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The usual breath of each part of a night, as arrays of length p, at least 1.

    Attributes
    ----------
    starts_s : ndarray, shape (p,), float64
        Where each part starts, the first at 0; it lasts to the next.
    periods_s : ndarray, shape (p,), float64
        Usual breath period of each.
    window_periods : float
        Breaths that the measuring window spans.
    """

    starts_s: NDArray[np.float64]
    periods_s: NDArray[np.float64]
    window_periods: float

    def places_at(self, times_s: NDArray[np.float64]) -> NDArray[np.intp]:
        """Part that each of the times lies in; shape of `times_s`."""
        return np.maximum(np.searchsorted(self.starts_s, times_s, side="right") - 1, 0)

    def periods_at(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Usual breath period around each of the times; shape of `times_s`."""
        periods_s: NDArray[np.float64] = self.periods_s[self.places_at(times_s)]
        return periods_s

    def windows_at(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Width of the measuring window around each of the times; shape of `times_s`."""
        return self.window_periods * self.periods_at(times_s)

    def parts(self, n_samples: int, rate_hz: float) -> Iterator[tuple[int, int, float]]:
        """First and stop sample of each part, and its usual breath period in seconds."""
        starts = np.minimum(np.rint(self.starts_s * rate_hz).astype(np.int64), n_samples)
        yield from zip(
            starts.tolist(), [*starts[1:].tolist(), n_samples], self.periods_s.tolist(), strict=True
        )


def assumed_pace(rule: BreathRule) -> Pace:
    """What is assumed where breaths do not tell."""
    return Pace(
        starts_s=np.zeros(1),
        periods_s=np.array([rule.assumed_period_s]),
        window_periods=rule.excursion_window_periods,
    )


def find_pace(onsets: NDArray[np.int64], rate_hz: float, rule: BreathRule) -> Pace:
    """Usual breath of the night, and of the parts of it in which breathing goes at another pace.

    Parameters
    ----------
    onsets : ndarray, shape (m,), int64
        Breath onsets in samples, rising.
    rate_hz : float
    rule : BreathRule

    Returns
    -------
    Pace

    Notes
    -----
    A median of the breaths around, not of the time around: where apneas leave few breaths, it reaches
    further. It keeps the edge of a change. Whether it lies beyond a limit is counted without sorting: it
    does where more than half of the breaths do.
    """
    intervals_s = np.diff(onsets) / rate_hz
    minutes = (onsets[:-1] / (rate_hz * MINUTE_S)).astype(np.int64)
    is_noise = np.bincount(minutes)[minutes] > rule.fastest_per_min if len(minutes) else minutes > 0
    places = np.flatnonzero(~is_noise & (intervals_s <= rule.longest_period_s))
    if len(places) < rule.min_breaths:
        return assumed_pace(rule)
    usual_s = np.empty(len(places))
    _divide(intervals_s[places], rule, usual_s)
    changes = np.flatnonzero(np.diff(usual_s)) + 1
    return Pace(
        starts_s=np.concatenate(([0.0], onsets[places[changes]] / rate_hz)),
        periods_s=np.maximum(usual_s[np.concatenate(([0], changes))], rule.shortest_period_s),
        window_periods=rule.excursion_window_periods,
    )


def _divide(intervals_s: NDArray[np.float64], rule: BreathRule, usual_s: NDArray[np.float64]) -> None:
    """Write the median into `usual_s`, and that of each stretch at another pace over its part of it."""
    usual_s[:] = usual = _median(intervals_s)
    n_around = rule.n_pace_breaths
    if len(intervals_s) < n_around:
        return
    window_s = rule.excursion_window_periods * usual
    for is_other in (intervals_s > window_s, 2 * intervals_s < window_s):
        total = np.concatenate(([0], np.cumsum(is_other)))
        is_most = 2 * (total[n_around:] - total[:-n_around]) > n_around
        if not is_most.any():
            continue
        is_most = is_most[np.clip(np.arange(len(intervals_s)) - n_around // 2, 0, len(is_most) - 1)]
        edges = np.flatnonzero(np.diff(is_most, prepend=False, append=False)).reshape(-1, 2)
        for start, stop in edges.tolist():
            if n_around // 2 < stop - start < len(intervals_s):
                _divide(intervals_s[start:stop], rule, usual_s[start:stop])


def _median(values: NDArray[np.float64]) -> float:
    """`numpy.median` of values of which none is NaN, in half of its time."""
    below, above = (len(values) - 1) // 2, len(values) // 2
    ordered = np.partition(values, (below, above))
    return float(ordered[below] + ordered[above]) / 2.0


def excursion_at_pace(values: NDArray[np.float32], pace: Pace, rate_hz: float) -> NDArray[np.float32]:
    """Range of the values in the measuring window around each sample; shape (n,), float32."""
    ranges = np.empty_like(values)
    n = len(values)
    for start, stop, period_s in pace.parts(n, rate_hz):
        half = int(pace.window_periods * period_s * rate_hz / 2)
        first, last = max(start - half, 0), min(stop + half, n)
        if (first, last) == (start, stop):
            rolling_range(values[start:stop], half, ranges[start:stop])
        else:
            around = np.empty(last - first, np.float32)
            rolling_range(values[first:last], half, around)
            ranges[start:stop] = around[start - first : stop - first]
    return ranges
