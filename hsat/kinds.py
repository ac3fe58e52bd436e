"""Kinds of events as numbers of the night: typed hypopneas, and Cheyne-Stokes breathing."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hsat.events import EventKind, PeriodicRun, RespiratoryEvent
from hsat.intervals import overlaps_s
from hsat.results import CheyneStokes, MonitoredTime, NightIndices
from hsat.rules.model import CheyneStokesRule, ScoringRules

__all__ = ["KindMeasurements", "add_kinds", "judge_cheyne_stokes"]

TYPED = {
    "obstructive_hypopnea_index_per_h": EventKind.OBSTRUCTIVE_HYPOPNEA,
    "central_hypopnea_index_per_h": EventKind.CENTRAL_HYPOPNEA,
}
CHEYNE_STOKES_NAMES = (
    "cheyne_stokes_min",
    "cheyne_stokes_percent",
    "cheyne_stokes_cycle_s",
    "cheyne_stokes_events_per_h",
)
PERIODIC_NAMES = (*CHEYNE_STOKES_NAMES, "periodic_breathing_min")
NOT_APPLIED = "hypopneas are not typed by this rule set (optional: aasm_1b_typed)"
NO_TYPES = "no effort belt that shows breathing: the type of the events is unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindMeasurements:
    """What these numbers are computed from.

    Attributes
    ----------
    monitored : MonitoredTime
    events : sequence of RespiratoryEvent
    runs : sequence of PeriodicRun
    has_effort : bool
    """

    monitored: MonitoredTime
    events: Sequence[RespiratoryEvent]
    runs: Sequence[PeriodicRun]
    has_effort: bool


def add_kinds(
    indices: NightIndices,
    not_measured: MutableMapping[str, str],
    night: KindMeasurements,
    rules: ScoringRules,
) -> NightIndices:
    """Add the numbers of typed hypopneas and of periodic breathing to a night's indices.

    Parameters
    ----------
    indices : NightIndices
        As computed from the events; what could not be measured there has its reason.
    not_measured : mutable mapping of str to str
        Reasons by ``"indices.<name>"``; those of this function's numbers are set or removed.
    night : KindMeasurements
    rules : ScoringRules

    Returns
    -------
    NightIndices
    """
    reasons: dict[str, str] = {}
    values: dict[str, Any] = {}
    refused = not_measured.get("indices.apnea_index_per_h")
    hours = night.monitored.monitoring_h
    for name, kind in TYPED.items():
        why = not_measured.get("indices.hypopnea_index_per_h")
        if not rules.hypopnea_type.is_applied:
            reasons[name] = NOT_APPLIED
        elif why is not None:
            reasons[name] = why
        else:
            values[name] = sum(e.kind is kind for e in night.events if e.is_counted) / hours
    if refused is not None:
        reasons |= dict.fromkeys(PERIODIC_NAMES, refused)
    else:
        _add_periodic(values, reasons, night)
    for name in (*TYPED, *PERIODIC_NAMES):
        not_measured.pop(f"indices.{name}", None)
        if name in reasons:
            not_measured[f"indices.{name}"] = reasons[name]
    return replace(indices, **values)


def _add_periodic(values: dict[str, Any], reasons: dict[str, str], night: KindMeasurements) -> None:
    """Minutes within monitored time, mean cycle, events per hour."""
    hours = night.monitored.monitoring_h
    values["periodic_breathing_min"] = _minutes(night.runs, night.monitored)
    if not night.has_effort:
        reasons |= dict.fromkeys(CHEYNE_STOKES_NAMES, NO_TYPES)
        return
    runs = [run for run in night.runs if run.is_cheyne_stokes]
    minutes = _minutes(runs, night.monitored)
    values["cheyne_stokes_min"] = minutes
    values["cheyne_stokes_percent"] = 100.0 * minutes / (60.0 * hours)
    values["cheyne_stokes_events_per_h"] = sum(run.n_events for run in runs) / hours
    if runs:
        n_cycles = sum(run.n_cycles for run in runs)
        values["cheyne_stokes_cycle_s"] = sum(run.cycle_length_s * run.n_cycles for run in runs) / n_cycles
    else:
        reasons["cheyne_stokes_cycle_s"] = "no run of Cheyne-Stokes breathing"


def _minutes(runs: Sequence[PeriodicRun], monitored: MonitoredTime) -> float:
    rows = np.array([(run.start_s, run.stop_s) for run in runs]).reshape(-1, 2)
    return float(overlaps_s(rows, monitored.spans_s).sum()) / 60.0


def judge_cheyne_stokes(
    indices: NightIndices, not_measured: Mapping[str, str], night: KindMeasurements, rules: ScoringRules
) -> CheyneStokes:
    """Whether the night as a whole shows Cheyne-Stokes breathing.

    Parameters
    ----------
    indices : NightIndices
        With the numbers of `add_kinds`.
    not_measured : mapping of str to str
    night : KindMeasurements
    rules : ScoringRules
        ``[cheyne_stokes]`` is used.

    Returns
    -------
    CheyneStokes
        ``is_met`` is None where events have no type, where less than the least time was monitored,
        and where events of unknown type would decide.
    """
    rule = rules.cheyne_stokes
    is_met: bool | None = None
    reason = ""
    rate_per_h = indices.cheyne_stokes_events_per_h
    hours = night.monitored.monitoring_h
    if rate_per_h is None:
        reason = not_measured["indices.cheyne_stokes_events_per_h"]
    elif hours < rule.min_monitored_h:
        reason = f"{hours:.2f} h monitored: the criterion needs {rule.min_monitored_h:g} h"
    elif rate_per_h >= rule.min_events_per_h:
        is_met = True
    elif sum(run.n_events for run in night.runs) / hours >= rule.min_events_per_h:
        reason = "events of unknown type (hypopneas that were not typed) would decide"
    else:
        is_met = False
    return CheyneStokes(is_met=is_met, criterion=_criterion_words(rule), reason=reason or None)


def _criterion_words(rule: CheyneStokesRule) -> str:
    return (
        f"runs of at least {rule.n_consecutive_events} consecutive central events with cycles of at least "
        f"{rule.min_cycle_s:g} s and breathing that waxes and wanes, with at least "
        f"{rule.min_events_per_h:g} of these events per monitored hour over at least "
        f"{rule.min_monitored_h:g} h"
    )
