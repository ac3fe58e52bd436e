"""SpO2: its levels, the time below limits, falls per hour, and the burdens."""

from collections.abc import Sequence

import numpy as np

from hsat.events import RespiratoryEvent
from hsat.indices.burden import desaturation_areas_percent_min, hypoxic_area_percent_min
from hsat.indices.measurements import NO_FLOW, NO_TIME, Floats, Found, NightMeasurements, valid_in
from hsat.intervals import overlaps_s
from hsat.rules.model import ScoringRules

__all__ = ["add_oxygen"]

SECONDS_PER_MINUTE = 60.0
MOST_RUNS_FRACTION = 0.1
"""With more runs of equal values a sample, putting them in order takes longer than `numpy.quantile`."""

_HYPOXIC_BURDEN = "hypoxic_burden_percent_min_per_h"
_DESATURATION_NAMES = ("odi3_per_h", "odi4_per_h", "desaturation_burden_percent_min_per_h")
_OXYGEN_NAMES = (
    *_DESATURATION_NAMES,
    "mean_spo2_percent",
    "median_spo2_percent",
    "min_spo2_percent",
    "max_spo2_percent",
    "baseline_spo2_percent",
    "t90_percent",
    "t90_min",
    "t88_percent",
    "t88_min",
    "t85_percent",
    "t85_min",
    _HYPOXIC_BURDEN,
)


def add_oxygen(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Levels of SpO2, time below limits, falls per hour and the burdens."""
    if night.spo2_percent is None:
        found.refuse(_OXYGEN_NAMES, night.why_no_spo2)
        return
    valid = valid_in(night.monitored.spo2_spans_s, night.spo2_percent, night.oximetry_rate_hz)
    if len(valid) == 0:
        found.refuse(_OXYGEN_NAMES, "no valid SpO2")
        return
    _add_levels(found, valid, night.oximetry_rate_hz, rules)
    _add_desaturations(found, night, night.spo2_percent, rules)
    if not night.has_flow:
        found.refuse([_HYPOXIC_BURDEN], f"{NO_FLOW}: the burden is that of events")
    elif night.monitored.monitoring_h < rules.adequacy.rate_from_h:
        found.refuse([_HYPOXIC_BURDEN], NO_TIME)
    else:
        stops_s = [event.stop_s for event in counted]
        area = hypoxic_area_percent_min(night.spo2_percent, night.oximetry_rate_hz, stops_s, rules)
        found.values[_HYPOXIC_BURDEN] = area / night.monitored.monitoring_h


def _add_levels(found: Found, valid: Floats, rate_hz: float, rules: ScoringRules) -> None:
    """Mean, quantiles and time below limits of valid SpO2."""
    found.values["mean_spo2_percent"] = float(np.mean(valid, dtype=np.float64))
    found.values["min_spo2_percent"] = float(np.min(valid))
    found.values["max_spo2_percent"] = float(np.max(valid))
    times = rules.oxygen_time
    median, baseline = quantiles_of_held(valid, (0.5, times.baseline_quantile_fraction))
    found.values["median_spo2_percent"] = median
    found.values["baseline_spo2_percent"] = baseline
    counts = {
        "t90": np.count_nonzero(valid < times.t90_below_percent),
        "t88": np.count_nonzero(valid <= times.t88_at_or_below_percent),
        "t85": np.count_nonzero(valid < times.t85_below_percent),
    }
    for name, count in counts.items():
        found.values[f"{name}_percent"] = int(count) / len(valid) * 100.0
        found.values[f"{name}_min"] = int(count) / rate_hz / SECONDS_PER_MINUTE


def quantiles_of_held(values: Floats, fractions: Sequence[float]) -> list[float]:
    """Quantiles, as `numpy.quantile` gives them, of a signal that stays at a value for many samples.

    The runs of equal values are put in order instead of the samples.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        At least one, none missing.
    fractions : sequence of float

    Returns
    -------
    list of float
    """
    firsts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    if len(firsts) > MOST_RUNS_FRACTION * len(values):
        return [float(quantile) for quantile in np.quantile(values, list(fractions))]
    held = values[firsts]
    order = np.argsort(held, kind="stable")
    ordered = held[order]
    reach = np.cumsum(np.diff(firsts, append=len(values))[order])
    found: list[float] = []
    for fraction in fractions:
        place = fraction * (len(values) - 1)
        first = int(place)
        part = place - first
        neighbours = [first, min(first + 1, len(values) - 1)]
        below, above = ordered[np.searchsorted(reach, neighbours, side="right")]
        step = float(above - below)
        found.append(float(below) + step * part if part < 0.5 else float(above) - step * (1.0 - part))
    return found


def _add_desaturations(found: Found, night: NightMeasurements, spo2: Floats, rules: ScoringRules) -> None:
    """Falls and their area per SpO2 hour; a fall counts where it goes down within that time."""
    hours = night.monitored.spo2_h
    if hours < rules.adequacy.rate_from_h:
        found.refuse(_DESATURATION_NAMES, "too little valid SpO2 for a rate")
        return
    falls = night.desaturations
    rows = np.column_stack(([fall.start_s for fall in falls], [fall.nadir_s for fall in falls]))
    is_counted = overlaps_s(rows, night.monitored.spo2_spans_s) > 0
    drops = np.array([fall.drop_points for fall in falls])[is_counted]
    areas = desaturation_areas_percent_min(spo2, night.oximetry_rate_hz, falls, rules)[is_counted]
    limits = rules.desaturation
    found.values["odi3_per_h"] = int(np.count_nonzero(drops >= limits.small_points)) / hours
    found.values["odi4_per_h"] = int(np.count_nonzero(drops >= limits.large_points)) / hours
    found.values["desaturation_burden_percent_min_per_h"] = float(np.sum(areas)) / hours
