"""Pauses that a sensor makes, not the patient: a signal that hangs, a belt that slips."""

import numpy as np
from numpy.typing import NDArray

from hsat.detect.respiratory import Reductions
from hsat.intervals import Spans, as_spans
from hsat.rules.model import ScoringRules
from hsat.rules.usable import SensorOffRule

__all__ = ["find_frozen", "find_slips"]

Samples = NDArray[np.float32]

SMALLEST_STEP_SHARE = np.float32(1e-4)
"""Recorders store 12 bits and more, steps of 1/4096 of the range: a change of less is a curve that fades."""

SAME_SHARE = np.float32(1e-6)
"""Means over equal samples differ by less than this share of the largest: the rounding of a float."""


def find_frozen(values: Samples, rate_hz: float, rule: SensorOffRule) -> Spans:
    """Time in which flow keeps one value from one moment to the next, and does so at no other time.

    Even in an apnea a sensor that works shows noise, and mostly the beat of the heart. One that shows
    neither at other times (coarse steps), or that comes to rest little by little (a slow thermistor),
    is left alone: there stillness says nothing.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        Flow as recorded, at the rate of analysis; NaN where missing.
    rate_hz : float
    rule : SensorOffRule
        The numbers from ``frozen_from_s`` to ``min_live_share_fraction`` are used.

    Returns
    -------
    ndarray, shape (k, 2)
    """
    nothing: Spans = np.empty((0, 2))
    second = max(int(rate_hz), 1)
    largest = np.fmax.reduce(np.abs(values[::second]), initial=0.0)
    limit = SAME_SHARE * largest
    # Whole seconds first: most nights hold no such stretch, and are done with that.
    longest = _runs(values[::second], limit)
    if not np.any(longest[:, 1] - longest[:, 0] >= int(rule.frozen_from_s) - 1):
        return nothing
    runs = _runs(values, limit)
    lasts_s = (runs[:, 1] - runs[:, 0]) / rate_hz
    is_frozen = lasts_s >= rule.frozen_from_s
    still_s = float(np.sum(lasts_s[~is_frozen & (lasts_s >= rule.still_from_s)]))
    live_s = np.count_nonzero(~np.isnan(values)) / rate_hz - float(np.sum(lasts_s[is_frozen]))
    if still_s > rule.max_still_share_fraction * live_s:
        return nothing
    frozen = [span for span in runs[is_frozen].tolist() if _is_live(values, span[0], rate_hz, largest, rule)]
    return as_spans(frozen) / rate_hz


def _is_live(values: Samples, start: int, rate_hz: float, largest: np.float32, rule: SensorOffRule) -> bool:
    """Whether the signal went up and down right before the sample."""
    first = start - int(rule.live_before_s * rate_hz)
    if first < 0:
        return False
    is_changing = np.abs(np.diff(values[first : start + 1])) > SMALLEST_STEP_SHARE * largest
    return bool(np.mean(is_changing) >= rule.min_live_share_fraction)


def _runs(values: Samples, limit: np.float32) -> NDArray[np.intp]:
    """First sample and one past the last of each run of equal samples, shape (k, 2)."""
    is_same = np.zeros(len(values) + 1, dtype=bool)
    is_same[1:-1] = np.abs(np.diff(values)) <= limit
    runs = np.flatnonzero(is_same[1:] != is_same[:-1]).reshape(-1, 2)
    runs[:, 1] += 1
    return runs


def find_slips(volume: Samples, reductions: Reductions, rules: ScoringRules) -> Spans:
    """Pauses on a belt that rests where no breath before them took it.

    Without breath the chest rests between full expiration and full inspiration. A belt that comes to
    rest well beyond either has slipped, or the body has turned.

    Parameters
    ----------
    volume : ndarray, shape (n_seconds,), float32
        The belt as recorded, once a second; NaN where missing.
    reductions : Reductions
        Found on it.
    rules : ScoringRules
        ``[belt_slip]``, ``[apnea]`` and ``[sampling]`` are used.

    Returns
    -------
    ndarray, shape (k, 2)
    """
    rule = rules.belt_slip
    slips: list[tuple[float, float]] = []
    for place in np.flatnonzero(reductions.longest_apnea_s >= rules.apnea.min_duration_s).tolist():
        start_s, stop_s = reductions.spans_s[place].tolist()
        core = reductions.apnea_core_spans_s[place].astype(np.int64)
        rest = volume[core[0] : core[1] + 1]
        # A step swings in what has lost its drift: the pause is seen later than the belt came to rest.
        breaths_to_s = max(start_s - rules.sampling.drift_window_s, 0.0)
        before = volume[max(int(breaths_to_s - rule.before_s), 0) : int(breaths_to_s)]
        rest, before = rest[~np.isnan(rest)], before[~np.isnan(before)]
        if len(rest) == 0 or len(before) < rule.before_s / 2:
            continue
        lowest, highest = np.quantile(
            before, (rule.edge_quantile_fraction, 1.0 - rule.edge_quantile_fraction)
        )
        level = float(np.median(rest))
        if max(lowest - level, level - highest) > rule.max_beyond_fraction * reductions.baselines[place]:
            slips.append((start_s, stop_s))
    return as_spans(slips)
