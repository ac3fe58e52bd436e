"""The comparison with planted truth notices what it is there to notice."""

from dataclasses import replace

import pytest

import hsat
from benchmarks.hard import effort_cases, flow_cases
from benchmarks.hard.checking import Drawn, Outcome, compare, score_and_compare
from benchmarks.hard.sleep import Planted, smooth_sizes

DRAWN = flow_cases.plain(0)


def with_first(drawn: Drawn, **changes: object) -> Outcome:
    """The night scored against a truth that differs in its first event."""
    truth = (replace(drawn.truth[0], **changes), *drawn.truth[1:])
    return score_and_compare(replace(drawn, truth=truth))


def test_what_is_right_is_right():
    outcome = score_and_compare(DRAWN)
    assert outcome.problems == []
    assert outcome.n_matched == outcome.n_true == outcome.n_scored == 15


def test_a_false_event_is_noticed():
    outcome = score_and_compare(replace(DRAWN, truth=DRAWN.truth[1:], drops_points=DRAWN.drops_points[1:]))
    (problem,) = outcome.problems
    assert problem.startswith("false")


def test_a_missed_event_is_noticed():
    missing = Planted(kind="hypopnea", starts_s=(20.0, 20.0), stops_s=(40.0, 40.0), drop_points=5.0)
    drawn = replace(DRAWN, truth=(missing, *DRAWN.truth), drops_points=(5.0, *DRAWN.drops_points))
    (problem,) = score_and_compare(drawn).problems
    assert problem.startswith("missed")


@pytest.mark.parametrize(("shift_breaths", "n_wrong"), [(-2.0, 1), (-0.5, 0), (0.5, 0), (2.0, 1)])
def test_a_boundary_that_is_off_is_noticed(shift_breaths, n_wrong):
    night = hsat.score_night(DRAWN.recording)
    at_s = night.events[0].stop_s + shift_breaths * DRAWN.period_s
    truth = (replace(DRAWN.truth[0], stops_s=(at_s, at_s)), *DRAWN.truth[1:])
    outcome = compare(replace(DRAWN, truth=truth), night)
    assert outcome.n_boundaries == n_wrong


def test_a_wrong_kind_is_noticed():
    other = "hypopnea" if DRAWN.truth[0].kind.endswith("_apnea") else "obstructive_apnea"
    assert with_first(DRAWN, kind=other).n_kinds == 1
    belts = effort_cases.plain_kinds(0)
    assert belts.truth[0].kind == "obstructive_apnea"
    assert with_first(belts, kind="central_apnea").n_kinds == 1


@pytest.mark.parametrize(("more_points", "n_wrong"), [(0.0, 0), (4.0, 1), (-4.0, 1)])
def test_a_wrong_fall_is_noticed(more_points, n_wrong):
    drops = (DRAWN.drops_points[0] + more_points, *DRAWN.drops_points[1:])
    assert score_and_compare(replace(DRAWN, drops_points=drops)).n_drops == n_wrong


def test_the_same_seed_draws_the_same_night():
    again = flow_cases.plain(0)
    assert again.truth == DRAWN.truth
    assert (again.recording.signals[0].values == DRAWN.recording.signals[0].values).all()
    assert flow_cases.plain(1).truth != DRAWN.truth


def test_a_smooth_reduction_by_hand():
    """Eight breaths, ramps of half each: middles at 1/16, 3/16, ... of the whole."""
    sizes = smooth_sizes(8, 0.4, 0.5)
    assert sizes.tolist() == pytest.approx(sizes[::-1].tolist())
    assert sizes[0] == pytest.approx(0.4 + 0.6 * (1 + 0.92388) / 2, abs=1e-4)  # cosine of pi / 8
    assert sizes[3] == pytest.approx(0.4 + 0.6 * (1 - 0.92388) / 2, abs=1e-4)
