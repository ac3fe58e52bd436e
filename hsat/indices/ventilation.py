"""Ventilatory burden: the share of small breaths."""

import numpy as np

from hsat.indices.measurements import NO_FLOW, Found, NightMeasurements
from hsat.rules.model import ScoringRules

__all__ = ["add_ventilation"]


def add_ventilation(found: Found, night: NightMeasurements, rules: ScoringRules) -> None:
    """Share of breaths below half of the baseline, see ``[ventilatory_burden]``."""
    name = "ventilatory_burden_percent"
    if not night.has_flow:
        found.refuse([name], NO_FLOW)
        return
    is_inside = np.zeros(len(night.breath_onsets_s), dtype=bool)
    for start, stop in night.monitored.flow_spans_s:
        is_inside |= (night.breath_onsets_s >= start) & (night.breath_onsets_s < stop)
    ratio = night.breath_ranges[is_inside] / night.breath_baselines[is_inside]
    ratio = ratio[~np.isnan(ratio)]
    if len(ratio) == 0:
        found.refuse([name], "no breath with a baseline")
        return
    share = np.mean(ratio < rules.ventilatory_burden.small_breath_fraction)
    found.values[name] = float(share) * 100.0
