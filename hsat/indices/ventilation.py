"""Ventilatory burden, the share of small breaths, and the share of snoring."""

import numpy as np
from numpy.typing import NDArray

from hsat.indices.measurements import NO_FLOW, Found, NightMeasurements, valid_in
from hsat.rules.model import ScoringRules

__all__ = ["add_snoring", "add_ventilation"]


def add_ventilation(found: Found, night: NightMeasurements, rules: ScoringRules) -> None:
    """Share of breaths below half of the baseline, see ``[ventilatory_burden]``."""
    name = "ventilatory_burden_percent"
    if not night.has_flow:
        found.refuse([name], NO_FLOW)
        return
    onsets_s = night.breath_onsets_s
    ratios = night.breath_ranges / night.breath_baselines
    missing_s, is_judged = _missing_breaths(onsets_s, ~np.isnan(ratios), rules)
    is_inside = _is_inside(onsets_s, night.monitored.flow_spans_s)
    n_missing = int(np.count_nonzero(is_judged & _is_inside(missing_s, night.monitored.flow_spans_s)))
    ratios = ratios[is_inside & ~np.isnan(ratios)]
    n_breaths = len(ratios) + n_missing
    if n_breaths == 0:
        found.refuse([name], "no breath with a baseline")
        return
    n_small = int(np.count_nonzero(ratios < rules.ventilatory_burden.small_breath_fraction)) + n_missing
    found.values[name] = 100.0 * n_small / n_breaths


def add_snoring(found: Found, night: NightMeasurements, rules: ScoringRules) -> None:
    """Share of monitored time that is louder than a limit, see ``[snoring]``."""
    name = "snore_percent"
    if night.sound_level_db is None:
        reason = "no snore channel"
        if night.has_snore:
            reason = "snoring is recorded in the device's own unit, for which no limit is published"
        found.refuse([name], reason)
        return
    levels_db = valid_in(night.monitored.spans_s, night.sound_level_db, 1.0)
    if len(levels_db) == 0:
        found.refuse([name], "no sound level in monitored time")
        return
    n_loud = int(np.count_nonzero(levels_db > rules.snoring.above_level_db))
    found.values[name] = 100.0 * n_loud / len(levels_db)


def _is_inside(times_s: NDArray[np.float64], spans_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    is_inside = np.zeros(len(times_s), dtype=bool)
    for start, stop in spans_s:
        is_inside |= (times_s >= start) & (times_s < stop)
    return is_inside


def _missing_breaths(
    onsets_s: NDArray[np.float64], has_baseline: NDArray[np.bool_], rules: ScoringRules
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """When breaths of the usual length would have begun in pauses, and which have a baseline in force."""
    gaps_s = np.diff(onsets_s)
    is_pause = gaps_s >= rules.ventilatory_burden.pause_from_s
    if not is_pause.any():
        return np.empty(0), np.empty(0, dtype=bool)
    breaths_s = gaps_s[gaps_s <= rules.breath.longest_period_s]
    is_known = len(breaths_s) >= rules.breath.min_breaths
    usual_s = float(np.median(breaths_s)) if is_known else rules.breath.assumed_period_s
    usual_s = max(usual_s, rules.breath.shortest_period_s)
    before = np.flatnonzero(is_pause)
    counts = np.maximum(np.rint(gaps_s[before] / usual_s).astype(np.int64) - 1, 0)
    owners = np.repeat(before, counts)
    places = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    return onsets_s[owners] + places * usual_s, has_baseline[owners]
