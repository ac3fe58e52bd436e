"""SpO2: its levels, the time below limits, falls per hour, and the burdens."""

from collections.abc import Sequence

import numpy as np

from hsat.events import RespiratoryEvent
from hsat.indices.burden import hypoxic_area_percent_min
from hsat.indices.measurements import NO_FLOW, NO_TIME, Found, NightMeasurements, mask_of
from hsat.intervals import overlaps_s
from hsat.rules.model import ScoringRules

__all__ = ["add_oxygen"]

_OXYGEN_NAMES = (
    "odi3_per_h",
    "odi4_per_h",
    "mean_spo2_percent",
    "median_spo2_percent",
    "min_spo2_percent",
    "baseline_spo2_percent",
    "t90_percent",
    "t90_min",
    "t88_percent",
    "t88_min",
    "t85_percent",
    "t85_min",
    "hypoxic_burden_percent_min_per_h",
)


def add_oxygen(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Levels of SpO2, time below limits, falls per hour and the burdens."""
    if night.spo2_percent is None:
        found.refuse(_OXYGEN_NAMES, night.why_no_spo2)
        return
    spans = night.monitored.spo2_spans_s
    valid = night.spo2_percent[mask_of(spans, len(night.spo2_percent), night.oximetry_rate_hz)]
    valid = valid[~np.isnan(valid)]
    if len(valid) == 0:
        found.refuse(_OXYGEN_NAMES, "no valid SpO2")
        return
    hours = night.monitored.spo2_h
    rows = np.array([(fall.start_s, fall.nadir_s) for fall in night.desaturations]).reshape(-1, 2)
    drops = np.array([fall.drop_points for fall in night.desaturations])[overlaps_s(rows, spans) > 0]
    limits = rules.desaturation
    if hours < rules.adequacy.rate_from_h:
        found.refuse(["odi3_per_h", "odi4_per_h"], "too little valid SpO2 for a rate")
    else:
        found.values["odi3_per_h"] = int(np.count_nonzero(drops >= limits.small_points)) / hours
        found.values["odi4_per_h"] = int(np.count_nonzero(drops >= limits.large_points)) / hours
    found.values["mean_spo2_percent"] = float(np.mean(valid, dtype=np.float64))
    found.values["min_spo2_percent"] = float(np.min(valid))
    times = rules.oxygen_time
    median, baseline = np.quantile(valid, [0.5, times.baseline_quantile_fraction]).tolist()
    found.values["median_spo2_percent"] = median
    found.values["baseline_spo2_percent"] = baseline
    shares = {
        "t90": np.mean(valid < times.t90_below_percent),
        "t88": np.mean(valid <= times.t88_at_or_below_percent),
        "t85": np.mean(valid < times.t85_below_percent),
    }
    valid_min = len(valid) / night.oximetry_rate_hz / 60.0
    for name, share in shares.items():
        found.values[f"{name}_percent"] = float(share) * 100.0
        found.values[f"{name}_min"] = float(share) * valid_min
    if not night.has_flow:
        found.refuse(["hypoxic_burden_percent_min_per_h"], f"{NO_FLOW}: the burden is that of events")
    elif night.monitored.monitoring_h < rules.adequacy.rate_from_h:
        found.refuse(["hypoxic_burden_percent_min_per_h"], NO_TIME)
    else:
        area = hypoxic_area_percent_min(
            night.spo2_percent, night.oximetry_rate_hz, [event.stop_s for event in counted], rules
        )
        found.values["hypoxic_burden_percent_min_per_h"] = area / night.monitored.monitoring_h
