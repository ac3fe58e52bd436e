"""Apneas and hypopneas per hour, by kind, and how long they last."""

from collections.abc import Sequence

import numpy as np

from hsat.events import EventKind, RespiratoryEvent
from hsat.indices.measurements import NO_FLOW, NO_TIME, Found, NightMeasurements
from hsat.rules.model import ScoringRules

__all__ = ["add_breathing", "add_durations"]

_APNEA_KINDS = {
    EventKind.OBSTRUCTIVE_APNEA: "obstructive_apnea_index_per_h",
    EventKind.CENTRAL_APNEA: "central_apnea_index_per_h",
    EventKind.MIXED_APNEA: "mixed_apnea_index_per_h",
    EventKind.UNCLASSIFIED_APNEA: "unclassified_apnea_index_per_h",
}
_HYPOPNEA_NAMES = ("ahi_per_h", "hypopnea_index_per_h", "n_hypopneas")
_BREATHING_NAMES = (*_HYPOPNEA_NAMES, "apnea_index_per_h", "n_apneas", *_APNEA_KINDS.values())


def add_breathing(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Apneas, hypopneas and both per monitored hour, and apneas by kind."""
    if not night.has_flow:
        found.refuse(_BREATHING_NAMES, NO_FLOW)
        return
    hours = night.monitored.monitoring_h
    if hours < rules.adequacy.rate_from_h:
        found.refuse(_BREATHING_NAMES, NO_TIME)
        return
    n_apneas = sum(event.kind.is_apnea for event in counted)
    n_hypopneas = len(counted) - n_apneas
    found.values["n_apneas"] = n_apneas
    found.values["apnea_index_per_h"] = n_apneas / hours
    # A person tells kinds without belts, and hypopneas without SpO2; the program never does.
    is_typed = any(
        event.kind.is_apnea and event.kind is not EventKind.UNCLASSIFIED_APNEA for event in counted
    )
    for kind, name in _APNEA_KINDS.items():
        if night.has_effort or is_typed or kind is EventKind.UNCLASSIFIED_APNEA:
            found.values[name] = sum(event.kind is kind for event in counted) / hours
        else:
            found.refuse([name], "no effort belt that shows breathing: apneas stay unclassified")
    if night.spo2_percent is None and rules.hypopnea.needs_desaturation and not n_hypopneas:
        found.refuse(_HYPOPNEA_NAMES, f"{night.why_no_spo2}: a hypopnea needs a desaturation")
        return
    found.values["n_hypopneas"] = n_hypopneas
    found.values["hypopnea_index_per_h"] = n_hypopneas / hours
    found.values["ahi_per_h"] = len(counted) / hours


def add_durations(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Mean, median and longest apnea and hypopnea."""
    for word, is_apnea in (("apnea", True), ("hypopnea", False)):
        names = [f"{which}_{word}_duration_s" for which in ("mean", "median", "longest")]
        durations = [event.duration_s for event in counted if event.kind.is_apnea is is_apnea]
        if durations:
            statistics = (np.mean(durations), np.median(durations), np.max(durations))
            found.values.update({name: float(value) for name, value in zip(names, statistics, strict=True)})
        elif not night.has_flow:
            found.refuse(names, NO_FLOW)
        elif not is_apnea and night.spo2_percent is None and rules.hypopnea.needs_desaturation:
            found.refuse(names, f"{night.why_no_spo2}: a hypopnea needs a desaturation")
        else:
            found.refuse(names, f"no {word} was counted")
