"""Cheyne-Stokes breathing: runs of central events with breathing that waxes and wanes between them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import Breathing
from hsat.events import UNTYPED_KINDS, EventKind, PeriodicRun, RespiratoryEvent
from hsat.rules.model import CheyneStokesRule, ScoringRules

__all__ = ["find_periodic_breathing"]

CENTRAL = frozenset({EventKind.CENTRAL_APNEA, EventKind.CENTRAL_HYPOPNEA})
MAY_BE_CENTRAL = CENTRAL | UNTYPED_KINDS


def find_periodic_breathing(
    events: Sequence[RespiratoryEvent], breathing: Breathing, rules: ScoringRules
) -> tuple[PeriodicRun, ...]:
    """Find runs of periodic breathing, and say which are Cheyne-Stokes breathing.

    Parameters
    ----------
    events : sequence of RespiratoryEvent
        In order of time. Those that do not count are left out.
    breathing : Breathing
        The breaths that the events were scored on.
    rules : ScoringRules
        ``[cheyne_stokes]`` is used.

    Returns
    -------
    tuple of PeriodicRun
        In order of time, without common events.

    Notes
    -----
    Berry 2012: at least 3 consecutive central apneas or hypopneas, separated by a crescendo and
    decrescendo of breathing, with a cycle of at least 40 s. The cycle is taken from the start of an
    event to the start of the next. An obstructive or mixed event ends a run.
    """
    rule = rules.cheyne_stokes
    usable = [event for event in events if event.is_counted]
    if len(usable) < rule.n_consecutive_events:
        return ()
    may_be_central = np.array([event.kind in MAY_BE_CENTRAL for event in usable])
    starts_s = np.array([event.start_s for event in usable])
    is_link = may_be_central[:-1] & may_be_central[1:] & (np.diff(starts_s) <= rule.max_cycle_s)
    if not is_link.any():
        return ()
    is_link &= _waxes_and_wanes(usable, breathing, rule.max_breath_step_fraction)
    found = [_run(usable[first : last + 1], rule) for first, last in _chains(is_link, starts_s, rule)]
    return tuple(run for run in found if run.cycle_length_s >= rule.min_cycle_s)


def _left_of(event: RespiratoryEvent) -> float:
    """Excursion left within an event; NaN where flow does not show what a person scored."""
    if event.flow_reduction_fraction is None or event.baseline_excursion is None:
        return math.nan
    return (1.0 - event.flow_reduction_fraction) * event.baseline_excursion


def _waxes_and_wanes(
    events: Sequence[RespiratoryEvent], breathing: Breathing, max_step_fraction: float
) -> NDArray[np.bool_]:
    """Whether breaths grow and shrink little by little from each event's middle to the next one's.

    In an apnea there may be no breath at all: what is left of breathing stands in its middle.
    """
    middles_s = np.array([(event.start_s + event.stop_s) / 2 for event in events])
    left = np.array([_left_of(event) for event in events])
    places = np.searchsorted(breathing.onsets / breathing.rate_hz, middles_s)
    sizes = np.insert(breathing.breath_ranges.astype(np.float64), places, left)
    marks = places + np.arange(len(events))
    steps = np.append(np.abs(np.diff(sizes)), 0.0)  # a mark may be the last place
    largest_step = np.maximum.reduceat(steps, marks)[:-1]
    # Both ends belong to a cycle: the event's own middle, and the next one's.
    largest = np.maximum(np.maximum.reduceat(sizes, marks)[:-1], sizes[marks[1:]])
    smallest = np.minimum(np.minimum.reduceat(sizes, marks)[:-1], sizes[marks[1:]])
    is_gradual: NDArray[np.bool_] = largest_step <= max_step_fraction * (largest - smallest)
    return is_gradual


def _chains(
    is_link: NDArray[np.bool_], starts_s: NDArray[np.float64], rule: CheyneStokesRule
) -> list[tuple[int, int]]:
    """First and last event of every chain of links with even cycles that is long enough."""
    cycles_s = np.diff(starts_s).tolist()
    chains: list[tuple[int, int]] = []
    first = 0
    for i, cycle_s in enumerate([*cycles_s, 0.0]):
        is_joined = i < len(cycles_s) and bool(is_link[i])
        if is_joined and i > first:
            mean_s = (starts_s[i] - starts_s[first]) / (i - first)
            is_joined = mean_s / rule.max_cycle_ratio <= cycle_s <= mean_s * rule.max_cycle_ratio
        if not is_joined:
            if i - first + 1 >= rule.n_consecutive_events:
                chains.append((first, i))
            first = i + 1
    return chains


def _run(events: Sequence[RespiratoryEvent], rule: CheyneStokesRule) -> PeriodicRun:
    n_central = sum(event.kind in CENTRAL for event in events)
    return PeriodicRun(
        start_s=events[0].start_s,
        stop_s=events[-1].stop_s,
        n_cycles=len(events) - 1,
        cycle_length_s=(events[-1].start_s - events[0].start_s) / (len(events) - 1),
        n_events=len(events),
        n_central_events=n_central,
        is_cheyne_stokes=n_central >= rule.n_consecutive_events,
    )
