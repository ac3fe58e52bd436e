"""Cheyne-Stokes breathing clause by clause (Berry 2012), on breaths drawn by hand and on simulations."""

from dataclasses import replace

import numpy as np
import pytest
from breathing_signals import flow_curve, recording_of, signal_of, spo2_channel
from index_builder import measured

import hsat
from hsat.detect.breathing import Breathing
from hsat.detect.pace import Pace
from hsat.detect.periodic import find_periodic_breathing
from hsat.errors import RulesError
from hsat.events import EventKind, PeriodicRun, RespiratoryEvent
from hsat.indices import NightMeasurements, compute_indices, judge_cheyne_stokes
from hsat.intervals import as_spans, intersect_spans, total_s
from hsat.results import MonitoredTime
from hsat.simulate.night import record_night
from hsat.simulate.options import BreathingOptions
from hsat.simulate.physiology import simulate_breathing

RULES = hsat.load_rules("aasm_1b")
FIRST_S = 100.0
WAXING = np.sin(np.pi * (np.arange(8) + 0.5) / 8)
"""Breaths between two events: 0.20, 0.56, 0.83, 0.98 and back."""


def breathing_of(onsets_s: np.ndarray, sizes: np.ndarray) -> Breathing:
    """Breaths alone; what is drawn over time is of no concern here."""
    nothing = np.empty(0, np.float32)
    return Breathing(
        rate_hz=10.0,
        is_missing=np.empty(0, bool),
        ventilation_share=None,
        flow=nothing,
        excursion=nothing,
        level=nothing,
        level_step_s=10.0,
        roughness=np.empty(0),
        pace=Pace(starts_s=np.zeros(1), periods_s=np.full(1, 4.0), window_periods=1.3),
        onsets=np.rint(onsets_s * 10.0).astype(np.int64),
        breath_excursions=sizes.astype(np.float32),
        breath_ranges=sizes.astype(np.float32),
    )


def apnea_at(
    start_s: float, duration_s: float, kind: EventKind = EventKind.CENTRAL_APNEA
) -> RespiratoryEvent:
    return RespiratoryEvent(
        kind=kind,
        start_s=start_s,
        stop_s=start_s + duration_s,
        flow_reduction_fraction=0.95,
        baseline_excursion=1.0,
        effort_fraction=None,
        desaturation=None,
        criterion="by hand",
    )


def runs_of(
    cycles_s: list[float],
    kinds: list[EventKind] | EventKind = EventKind.CENTRAL_APNEA,
    sizes: np.ndarray = WAXING,
) -> tuple[PeriodicRun, ...]:
    """Runs found in apneas at these cycles, each for 0.4 of its cycle, with these breaths in the rest."""
    starts_s = FIRST_S + np.concatenate(([0.0], np.cumsum(cycles_s)))
    if isinstance(kinds, EventKind):
        kinds = [kinds] * len(starts_s)
    lengths_s = [*cycles_s, cycles_s[-1]]
    events, onsets_s, drawn = [], [np.arange(0.0, 96.0, 4.0)], [np.ones(24)]
    for start_s, length_s, kind in zip(starts_s.tolist(), lengths_s, kinds, strict=True):
        events.append(apnea_at(start_s, 0.4 * length_s, kind))
        onsets_s.append(start_s + length_s * (0.4 + 0.6 * np.arange(len(sizes)) / len(sizes)))
        drawn.append(sizes)
    return find_periodic_breathing(
        events, breathing_of(np.concatenate(onsets_s), np.concatenate(drawn)), RULES
    )


@pytest.mark.parametrize(("cycle_s", "n_runs"), [(39.0, 0), (40.0, 1), (41.0, 1), (60.0, 1), (120.0, 1)])
def test_cycles_of_at_least_40_s(cycle_s, n_runs):
    runs = runs_of([cycle_s] * 5)
    assert len(runs) == n_runs
    for run in runs:
        assert run.cycle_length_s == pytest.approx(cycle_s, abs=1e-9)
        assert (run.n_events, run.n_cycles, run.is_cheyne_stokes) == (6, 5, True)
        assert run.start_s == FIRST_S
        assert run.stop_s == pytest.approx(FIRST_S + 5.4 * cycle_s)


def test_a_cycle_beyond_120_s_joins_no_events():
    assert runs_of([121.0] * 5) == ()


@pytest.mark.parametrize(("n_events", "n_runs"), [(2, 0), (3, 1), (4, 1)])
def test_at_least_three_consecutive_events(n_events, n_runs):
    assert len(runs_of([55.0] * (n_events - 1))) == n_runs


def test_breathing_that_comes_back_at_once_is_no_crescendo():
    """As after an obstruction: the first breath is the largest. The same events, the same cycles."""
    assert runs_of([55.0] * 5, sizes=np.array([1.4, 1.2, 1.1, 1.0, 1.0, 1.0, 1.0, 1.0])) == ()
    assert runs_of([55.0] * 5, sizes=np.ones(8)) == ()


def test_breathing_has_to_wane_too():
    assert runs_of([55.0] * 5, sizes=np.linspace(0.1, 1.0, 8)) == ()


@pytest.mark.parametrize(("first", "n_runs"), [(0.60, 1), (0.64, 1), (0.66, 0), (0.9, 0)])
def test_no_breath_steps_by_more_than_60_percent_of_the_way(first, n_runs):
    """What is left in an apnea is 0.05 here, the largest breath 1.05: a step of 0.6 ends at 0.65."""
    sizes = np.array([first, 0.8, 1.0, 1.05, 1.0, 0.8, 0.6, 0.3])
    assert len(runs_of([55.0] * 5, sizes=sizes)) == n_runs


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EventKind.CENTRAL_APNEA, [True]),
        (EventKind.CENTRAL_HYPOPNEA, [True]),
        (EventKind.UNCLASSIFIED_APNEA, [False]),
        (EventKind.HYPOPNEA, [False]),
        (EventKind.OBSTRUCTIVE_APNEA, []),
        (EventKind.MIXED_APNEA, []),
        (EventKind.OBSTRUCTIVE_HYPOPNEA, []),
    ],
)
def test_only_central_events_are_cheyne_stokes(kind, expected):
    """Events of unknown type show the pattern alone, obstructive and mixed ones not even that."""
    assert [run.is_cheyne_stokes for run in runs_of([55.0] * 5, kind)] == expected


@pytest.mark.parametrize(("n_central", "is_cheyne_stokes"), [(2, False), (3, True)])
def test_three_events_of_a_run_have_to_be_known_as_central(n_central, is_cheyne_stokes):
    kinds = [EventKind.CENTRAL_APNEA] * n_central + [EventKind.HYPOPNEA] * (6 - n_central)
    (run,) = runs_of([55.0] * 5, kinds)
    assert (run.n_events, run.n_central_events) == (6, n_central)
    assert run.is_cheyne_stokes is is_cheyne_stokes


def test_an_obstructive_event_ends_a_run():
    kinds = [EventKind.CENTRAL_APNEA] * 7
    kinds[3] = EventKind.OBSTRUCTIVE_APNEA
    assert [run.n_events for run in runs_of([55.0] * 6, kinds)] == [3, 3]
    kinds[4] = EventKind.OBSTRUCTIVE_APNEA
    assert [run.n_events for run in runs_of([55.0] * 6, kinds)] == [3]


@pytest.mark.parametrize(("odd_s", "n_events"), [(89.0, [8]), (91.0, [4, 4])])
def test_cycles_are_even(odd_s, n_events):
    """1.5 times the run's mean of 60 s are 90 s."""
    runs = runs_of([60.0, 60.0, 60.0, odd_s, 60.0, 60.0, 60.0])
    assert [run.n_events for run in runs] == n_events


def test_events_outside_monitored_time_make_no_run():
    starts_s = FIRST_S + 55.0 * np.arange(6)
    onsets_s = np.concatenate([start + 55.0 * (0.4 + 0.6 * np.arange(8) / 8) for start in starts_s])
    breathing = breathing_of(onsets_s, np.tile(WAXING, 6))
    events = [apnea_at(float(start_s), 22.0) for start_s in starts_s]
    assert len(find_periodic_breathing(events, breathing, RULES)) == 1
    outside = [replace(event, is_counted=False) for event in events]
    assert find_periodic_breathing(outside, breathing, RULES) == ()
    assert find_periodic_breathing([], breathing, RULES) == ()


# the night as a whole -------------------------------------------------------------------------


def night_with(
    n_events: int, hours: float, *, has_effort: bool = True, is_cheyne_stokes: bool = True
) -> NightMeasurements:
    spans = as_spans([(0.0, hours * 3600.0)])
    monitored = MonitoredTime(spans_s=spans, flow_spans_s=spans, spo2_spans_s=spans, excluded=())
    run = PeriodicRun(
        start_s=600.0,
        stop_s=600.0 + 60.0 * n_events,
        n_cycles=n_events - 1,
        cycle_length_s=60.0,
        n_events=n_events,
        n_central_events=n_events if is_cheyne_stokes else 0,
        is_cheyne_stokes=is_cheyne_stokes,
    )
    why_no_effort = "" if has_effort else "no effort belt"
    return measured(monitored=monitored, periodic_runs=(run,), why_no_effort=why_no_effort)


@pytest.mark.parametrize(
    ("n_events", "hours", "is_met"),
    [(10, 2.0, True), (9, 2.0, False), (40, 8.0, True), (39, 8.0, False), (100, 1.99, None)],
)
def test_five_events_per_hour_over_two_hours(n_events, hours, is_met):
    night = night_with(n_events, hours)
    indices, reasons = compute_indices(night, RULES)
    found = judge_cheyne_stokes(indices, reasons, night, RULES)
    assert found.is_met is is_met
    assert (found.reason is None) == (is_met is not None)
    assert indices.cheyne_stokes_events_per_h == n_events / hours
    assert indices.cheyne_stokes_min == pytest.approx(n_events)
    assert indices.cheyne_stokes_percent == pytest.approx(100.0 * n_events / (60.0 * hours))
    assert indices.cheyne_stokes_cycle_s == 60.0


def test_without_belts_the_pattern_has_minutes_and_nothing_is_called_cheyne_stokes():
    night = night_with(40, 4.0, has_effort=False, is_cheyne_stokes=False)
    indices, reasons = compute_indices(night, RULES)
    assert indices.periodic_breathing_min == 40.0
    assert indices.cheyne_stokes_min is None
    assert "effort belt" in reasons["indices.cheyne_stokes_min"]
    found = judge_cheyne_stokes(indices, reasons, night, RULES)
    assert found.is_met is None
    assert "effort belt" in found.reason


def test_events_of_unknown_type_that_would_decide_leave_it_open():
    night = night_with(40, 4.0, is_cheyne_stokes=False)
    indices, reasons = compute_indices(night, RULES)
    found = judge_cheyne_stokes(indices, reasons, night, RULES)
    assert indices.cheyne_stokes_min == 0.0
    assert (found.is_met, "unknown type" in found.reason) == (None, True)


# from the signal ------------------------------------------------------------------------------

PERIOD_S = 4.0


def drawn_night(sizes_of_cycle: np.ndarray, hours: float, *, belts: str | None) -> hsat.NightResult:
    """Cycles of these breaths, 4 s each, after 4 minutes of quiet; belts follow breathing or go on."""
    duration_s = hours * 3600.0
    n = round(duration_s / PERIOD_S)
    sizes = np.concatenate((np.ones(60), np.tile(sizes_of_cycle, n // len(sizes_of_cycle))))[:n]
    sizes[-30:] = 1.0
    sizes = np.pad(sizes, (0, n - len(sizes)), constant_values=1.0)
    table = np.column_stack((np.arange(n) * PERIOD_S, np.full(n, PERIOD_S), sizes))
    flow = flow_curve(table, duration_s, 10.0)
    channels = [signal_of("flow", flow, 10.0), spo2_channel(duration_s)]
    if belts is not None:
        table[:, 2] = np.where(sizes < 0.2, 0.6, sizes) if belts == "go on" else sizes
        volume = np.cumsum(flow_curve(table, duration_s, 10.0)) / 10.0
        channels += [signal_of(name, volume, 10.0) for name in ("thorax", "abdomen")]
    return hsat.score_night(recording_of(*channels))


CHEYNE_STOKES = np.concatenate((np.zeros(5), [0.25, 0.55, 0.85, 1.1, 1.2, 1.1, 0.85, 0.55, 0.25]))
OBSTRUCTED = np.concatenate((np.zeros(6), [1.3, 1.15, 1.05, 1.0, 1.0, 1.0, 1.0, 1.0]))
"""Both 14 breaths, 56 s a cycle."""


def test_waxing_and_waning_around_central_apneas_meets_the_criterion():
    night = drawn_night(CHEYNE_STOKES, 2.5, belts="follow")
    assert {event.kind for event in night.events} == {EventKind.CENTRAL_APNEA}
    assert night.cheyne_stokes.is_met is True
    assert sum(run.n_events for run in night.periodic_breathing) >= 0.9 * len(night.events)
    assert night.indices.cheyne_stokes_cycle_s == pytest.approx(56.0, abs=0.5)
    assert night.indices.cheyne_stokes_percent > 85.0


def test_less_than_two_hours_cannot_meet_it():
    night = drawn_night(CHEYNE_STOKES, 1.5, belts="follow")
    assert night.indices.cheyne_stokes_events_per_h > 30.0
    assert night.cheyne_stokes.is_met is None
    assert "1.5" in night.cheyne_stokes.reason


def test_the_same_breathing_without_belts_is_a_pattern_of_unknown_type():
    night = drawn_night(CHEYNE_STOKES, 1.0, belts=None)
    assert night.periodic_breathing
    assert not any(run.is_cheyne_stokes for run in night.periodic_breathing)
    assert night.indices.periodic_breathing_min > 40.0
    assert night.indices.cheyne_stokes_percent is None
    assert night.cheyne_stokes.is_met is None


@pytest.mark.parametrize("belts", ["go on", "follow", None])
def test_obstructive_clusters_with_the_same_cycle_are_not_periodic_breathing(belts):
    """Told by their kind, and where belts are missing or deceive, by breathing that comes back at once."""
    night = drawn_night(OBSTRUCTED, 1.0, belts=belts)
    assert len(night.events) > 40
    assert night.periodic_breathing == ()


@pytest.mark.parametrize("seed", [41, 42])
def test_simulated_runs_are_found_and_nothing_else_is_cheyne_stokes(seed):
    """Planted runs; time within them. Floors well below what was measured (0.9 and 0.99)."""
    for share, is_met in ((0.8, True), (0.0, False)):
        options = BreathingOptions(duration_h=4.0, events_per_h=20.0, cheyne_stokes_fraction=share)
        physiology = simulate_breathing(seed=seed, options=options)
        onset_s = physiology.breaths.onset_s
        planted = as_spans(
            [
                (onset_s[fall.first_breath], onset_s[fall.stop_breath] + 10.0)
                for fall in physiology.falls
                if fall.draft.shape == "cheyne_stokes"
            ]
        )
        night = hsat.score_night(record_night(physiology).recording)
        found = as_spans([(run.start_s, run.stop_s) for run in night.periodic_breathing])
        known = as_spans(
            [(run.start_s, run.stop_s) for run in night.periodic_breathing if run.is_cheyne_stokes]
        )
        both_s = total_s(intersect_spans(found, planted))
        assert night.cheyne_stokes.is_met is is_met
        assert both_s >= 0.75 * total_s(planted)
        assert total_s(intersect_spans(known, planted)) >= 0.9 * total_s(known)
        if not share:
            assert total_s(known) == 0.0


def test_rules_that_make_no_sense_are_refused(tmp_path):
    file = tmp_path / "ours.toml"
    head = 'name = "ours"\ntitle = "t"\nsource = "s"\nextends = "aasm_1b"\n[cheyne_stokes]\n'
    for line, what in (("max_cycle_s = 30", "min_cycle_s"), ("n_consecutive_events = 1", "at least 2")):
        file.write_text(f"{head}{line}\n")
        with pytest.raises(RulesError, match=what):
            hsat.load_rules(file)
