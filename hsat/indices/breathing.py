"""Apneas and hypopneas per hour, by kind, and how long they last."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from hsat.events import UNTYPED_KINDS, EventKind, RespiratoryEvent
from hsat.indices.measurements import NO_FLOW, NO_TIME, Found, NightMeasurements
from hsat.rules.model import ScoringRules

__all__ = ["add_breathing", "add_durations", "add_hypopnea_types"]

_APNEA_KINDS = {
    EventKind.OBSTRUCTIVE_APNEA: "obstructive_apnea_index_per_h",
    EventKind.CENTRAL_APNEA: "central_apnea_index_per_h",
    EventKind.MIXED_APNEA: "mixed_apnea_index_per_h",
    EventKind.UNCLASSIFIED_APNEA: "unclassified_apnea_index_per_h",
}
_HYPOPNEA_KINDS = {
    EventKind.OBSTRUCTIVE_HYPOPNEA: "obstructive_hypopnea_index_per_h",
    EventKind.CENTRAL_HYPOPNEA: "central_hypopnea_index_per_h",
    EventKind.HYPOPNEA: "unclassified_hypopnea_index_per_h",
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
    kinds = [event.kind for event in counted]
    n_of = {kind: kinds.count(kind) for kind in _APNEA_KINDS}
    n_apneas = sum(n_of.values())
    n_hypopneas = len(counted) - n_apneas
    found.values["n_apneas"] = n_apneas
    found.values["apnea_index_per_h"] = n_apneas / hours
    # A person tells kinds without belts, and hypopneas without SpO2; the program never does.
    is_typed = n_apneas > n_of[EventKind.UNCLASSIFIED_APNEA]
    for kind, name in _APNEA_KINDS.items():
        if not night.why_no_effort or is_typed or kind is EventKind.UNCLASSIFIED_APNEA:
            found.values[name] = n_of[kind] / hours
        else:
            found.refuse([name], f"{night.why_no_effort}: apneas stay unclassified")
    if night.spo2_percent is None and rules.hypopnea.needs_desaturation and not n_hypopneas:
        found.refuse(_HYPOPNEA_NAMES, f"{night.why_no_spo2}: a hypopnea needs a desaturation")
        return
    found.values["n_hypopneas"] = n_hypopneas
    found.values["hypopnea_index_per_h"] = n_hypopneas / hours
    found.values["ahi_per_h"] = len(counted) / hours


def add_hypopnea_types(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Hypopneas by type, where the rules or a person give them one. After `add_breathing`.

    While some stay open, a type that none has is not known to be missing.
    """
    refused = found.reasons.get("indices.hypopnea_index_per_h")
    if refused is not None:
        found.refuse(list(_HYPOPNEA_KINDS.values()), refused)
        return
    counts = Counter(event.kind for event in counted if not event.kind.is_apnea)
    if not rules.hypopnea_type.is_applied and set(counts) <= UNTYPED_KINDS:
        reason = "hypopneas are not typed by this rule set (optional: aasm_1b_typed)"
        found.refuse(list(_HYPOPNEA_KINDS.values()), reason)
        return
    n_open = counts[EventKind.HYPOPNEA]
    for kind, name in _HYPOPNEA_KINDS.items():
        if n_open and not counts[kind]:
            reason = f"none was told, and the type of {n_open} of {counts.total()} hypopneas stays open"
            found.refuse([name], reason)
        else:
            found.values[name] = counts[kind] / night.monitored.monitoring_h


def add_durations(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Mean, median and longest apnea and hypopnea."""
    of_all: dict[bool, list[float]] = {True: [], False: []}
    for event in counted:
        of_all[event.kind.is_apnea].append(event.duration_s)
    for word, is_apnea in (("apnea", True), ("hypopnea", False)):
        names = [f"{which}_{word}_duration_s" for which in ("mean", "median", "longest")]
        durations = of_all[is_apnea]
        if durations:
            ordered = sorted(durations)
            median_s = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
            statistics = (float(np.mean(durations)), median_s, ordered[-1])
            found.values.update(zip(names, statistics, strict=True))
        elif not night.has_flow:
            found.refuse(names, NO_FLOW)
        elif not is_apnea and night.spo2_percent is None and rules.hypopnea.needs_desaturation:
            found.refuse(names, f"{night.why_no_spo2}: a hypopnea needs a desaturation")
        else:
            found.refuse(names, f"no {word} was counted")
