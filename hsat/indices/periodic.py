"""Periodic breathing: minutes, cycles and events per hour, and the night's criterion of Cheyne-Stokes."""

from collections.abc import Mapping, Sequence

import numpy as np

from hsat.events import PeriodicRun
from hsat.indices.measurements import Found, NightMeasurements
from hsat.intervals import overlaps_s
from hsat.results import CheyneStokes, MonitoredTime, NightIndices
from hsat.rules.model import CheyneStokesRule, ScoringRules

__all__ = ["add_periodic", "judge_cheyne_stokes"]

_CHEYNE_STOKES_NAMES = (
    "cheyne_stokes_min",
    "cheyne_stokes_percent",
    "cheyne_stokes_cycle_s",
    "cheyne_stokes_events_per_h",
)
_PERIODIC_NAMES = (*_CHEYNE_STOKES_NAMES, "periodic_breathing_min")


def add_periodic(found: Found, night: NightMeasurements) -> None:
    """Minutes within monitored time, mean cycle, events per hour. After `add_breathing`."""
    if "indices.apnea_index_per_h" in found.reasons:
        found.refuse(_PERIODIC_NAMES, found.reasons["indices.apnea_index_per_h"])
        return
    found.values["periodic_breathing_min"] = _minutes(night.periodic_runs, night.monitored)
    if not night.has_types:
        found.refuse(_CHEYNE_STOKES_NAMES, f"{night.why_no_effort}: the type of the events is unknown")
        return
    hours = night.monitored.monitoring_h
    runs = [run for run in night.periodic_runs if run.is_cheyne_stokes]
    minutes = _minutes(runs, night.monitored)
    found.values["cheyne_stokes_min"] = minutes
    found.values["cheyne_stokes_percent"] = 100.0 * minutes / (60.0 * hours)
    found.values["cheyne_stokes_events_per_h"] = sum(run.n_events for run in runs) / hours
    if runs:
        n_cycles = sum(run.n_cycles for run in runs)
        of_all_s = sum(run.cycle_length_s * run.n_cycles for run in runs)
        found.values["cheyne_stokes_cycle_s"] = of_all_s / n_cycles
    else:
        found.refuse(["cheyne_stokes_cycle_s"], "no run of Cheyne-Stokes breathing")


def _minutes(runs: Sequence[PeriodicRun], monitored: MonitoredTime) -> float:
    rows = np.array([(run.start_s, run.stop_s) for run in runs]).reshape(-1, 2)
    return float(overlaps_s(rows, monitored.spans_s).sum()) / 60.0


def judge_cheyne_stokes(
    indices: NightIndices, not_measured: Mapping[str, str], night: NightMeasurements, rules: ScoringRules
) -> CheyneStokes:
    """Whether the night as a whole shows Cheyne-Stokes breathing.

    Parameters
    ----------
    indices : NightIndices
        Computed from this night.
    not_measured : mapping of str to str
        ``"indices.<name>"`` to the reason, for every index that is None.
    night : NightMeasurements
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
    elif sum(run.n_events for run in night.periodic_runs) / hours >= rule.min_events_per_h:
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
