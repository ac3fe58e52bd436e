"""Matching, and the judge of the benchmarks, are judged by hand-made cases and by brute force."""

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from benchmarks.matching import Agreement, evaluate_planted
from hsat.agreement import match_events
from hsat.agreement import matching as matching_module
from hsat.agreement.matching import match_with_excuses
from hsat.errors import HsatError


def iou_matrix(a, b):
    """Intersection over union of every span with every other, by the definition."""
    iou = np.zeros((len(a), len(b)))
    for i, (start_a, stop_a) in enumerate(a):
        for j, (start_b, stop_b) in enumerate(b):
            shared = min(stop_a, stop_b) - max(start_a, start_b)
            union = max(stop_a, stop_b) - min(start_a, start_b)
            iou[i, j] = shared / union if shared > 0 else 0.0
    return iou


def truth(events=(), near_misses=(), excluded=(), monitored_h=5.0):
    return {
        "monitored_h": monitored_h,
        "events": [
            {"kind": kind, "start_s": start, "stop_s": stop, "scorable_1b": word, "scorable_1a": "yes"}
            for start, stop, kind, word in events
        ],
        "near_misses": [{"cause": cause, "start_s": a, "stop_s": b} for a, b, cause in near_misses],
        "excluded": [{"cause": cause, "start_s": a, "stop_s": b} for a, b, cause in excluded],
    }


def test_iou_of_known_spans():
    iou = iou_matrix([(0, 10), (0, 1)], [(5, 15), (10, 20), (0, 10)])
    assert iou[0] == pytest.approx([5 / 15, 0, 1])
    assert iou[1] == pytest.approx([0, 0, 0.1])


def test_empty_sets_match_nothing():
    assert match_events([], [], min_iou_fraction=0.2) == []
    assert match_events([(0, 10)], [], min_iou_fraction=0.2) == []
    assert match_events(np.empty((0, 2)), [(0, 10)], min_iou_fraction=0.2) == []


@pytest.mark.parametrize(("stop_s", "n_pairs"), [(10 / 0.2, 1), (10 / 0.2 + 0.01, 0)])
def test_match_at_and_just_below_the_threshold(stop_s, n_pairs):
    assert len(match_events([(0, 10)], [(0, stop_s)], min_iou_fraction=0.2)) == n_pairs


def test_one_long_event_is_one_pair_not_two():
    assert match_events([(0, 40)], [(0, 20), (20, 40)], min_iou_fraction=0.2) in ([(0, 0)], [(0, 1)])


def test_more_pairs_beat_a_better_overlap():
    # (0, 30) fits the first best, but then (20, 60) would stay alone.
    a, b = [(0, 30), (0, 12)], [(0, 28), (20, 60)]
    assert match_events(a, b, min_iou_fraction=0.15) == [(0, 1), (1, 0)]


def _best_by_brute_force(a, b, min_iou_fraction):
    iou = iou_matrix(a, b)
    longer = range(max(iou.shape))
    best = (0, 0.0)
    for order in permutations(longer, min(iou.shape)):
        cells = [(i, j) if iou.shape[0] <= iou.shape[1] else (j, i) for i, j in enumerate(order)]
        chosen = [iou[c] for c in cells if iou[c] >= min_iou_fraction]
        best = max(best, (len(chosen), sum(chosen)))
    return best


def test_matching_is_the_best_of_all_matchings():
    rng = np.random.default_rng(11)
    for _ in range(100):
        starts = [np.sort(rng.uniform(0, 100, rng.integers(1, 6))) for _ in range(2)]
        a, b = (np.column_stack((x, x + rng.uniform(5, 50, len(x)))) for x in starts)
        pairs = match_events(a, b, min_iou_fraction=0.2)
        iou = iou_matrix(a, b)
        n_pairs, iou_sum = _best_by_brute_force(a, b, 0.2)
        assert len(pairs) == n_pairs
        assert sum(iou[p] for p in pairs) == pytest.approx(iou_sum)


@pytest.mark.parametrize("min_iou_fraction", [0.0, 0.2, 0.5])
def test_groups_solved_apart_are_as_good_as_one_assignment_over_all(min_iou_fraction):
    rng = np.random.default_rng(12)
    for _ in range(60):
        n = rng.integers(0, 60, 2)
        a, b = (
            np.column_stack((x, x + rng.uniform(1, 60, len(x)))) for x in (rng.uniform(0, 900, m) for m in n)
        )
        iou = iou_matrix(a, b)
        allowed = (iou > 0) & (iou >= min_iou_fraction)
        weight = np.where(allowed, 100.0 + iou, 0.0)
        cells = [c for c in zip(*linear_sum_assignment(weight, maximize=True), strict=True) if allowed[c]]
        pairs = match_events(a, b, min_iou_fraction=min_iou_fraction)
        assert len(pairs) == len(cells)
        assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
        assert all(allowed[p] for p in pairs)
        assert sum(iou[p] for p in pairs) == pytest.approx(sum(iou[c] for c in cells))


def test_any_overlap_is_one_of_positive_length():
    assert match_events([(0, 10)], [(10, 20)], min_iou_fraction=0.0) == []
    assert match_events([(0, 10)], [(9.99, 2000)], min_iou_fraction=0.0) == [(0, 0)]


def test_order_of_the_spans_does_not_matter():
    rng = np.random.default_rng(13)
    starts = np.sort(rng.uniform(0, 3000, 100))
    a = np.column_stack((starts, starts + 20))
    b = a + rng.normal(0, 4, a.shape)
    turn_a, turn_b = rng.permutation(100), rng.permutation(100)
    pairs = match_events(a, b, min_iou_fraction=0.2)
    turned = match_events(a[turn_a], b[turn_b], min_iou_fraction=0.2)
    assert sorted((turn_a[i], turn_b[j]) for i, j in turned) == pairs


def test_looking_at_candidates_in_pieces_changes_nothing(monkeypatch):
    rng = np.random.default_rng(14)
    a, b = (np.column_stack((x, x + 30)) for x in rng.uniform(0, 600, (2, 50)))
    whole = match_events(a, b, min_iou_fraction=0.2)
    monkeypatch.setattr(matching_module, "MAX_CANDIDATES", 7)
    assert match_events(a, b, min_iou_fraction=0.2) == whole


def test_events_that_all_overlap_beyond_reason_are_refused(monkeypatch):
    monkeypatch.setattr(matching_module, "MAX_OVERLAPS", 100)
    piled = [(0.0, 10.0)] * 11
    with pytest.raises(HsatError, match="at most 100 pairs that overlap"):
        match_events(piled, piled, min_iou_fraction=0.2)
    assert len(match_events(piled[:10], piled[:10], min_iou_fraction=0.2)) == 10


def test_seven_hundred_events_are_matched():
    rng = np.random.default_rng(15)
    starts = np.arange(700) * 40.0
    a = np.column_stack((starts, starts + 25.0))
    b = a + rng.normal(0, 3, a.shape)
    assert len(match_events(a, b, min_iou_fraction=0.2)) == 700


def test_a_span_that_counts_neither_way_excuses_one_event_that_has_no_partner():
    scored = [(0, 20), (100, 120), (102, 122), (200, 220)]
    found = match_with_excuses(scored, [(0, 20)], [(1, 19), (100, 121)], min_iou_fraction=0.2)
    assert found.pairs == [(0, 0)]
    assert found.excused == {1}


def test_uncertain_events_count_neither_way():
    night = truth([(100, 120, "hypopnea", "yes"), (200, 220, "hypopnea", "uncertain")])
    without = evaluate_planted(night, [(100, 120, "hypopnea")])
    with_it = evaluate_planted(night, [(100, 120, "hypopnea"), (201, 219, "hypopnea")])
    for result in (without, with_it):
        assert result.agreement[0.2] == Agreement(1, 0, 0)
        assert result.f1 == 1.0
        assert result.ahi_error_per_h == 0.0
    assert without.ahi_range_per_h == pytest.approx((0.2, 0.4))


def test_a_certain_event_is_preferred_to_an_uncertain_one():
    night = truth([(100, 140, "hypopnea", "yes"), (110, 135, "hypopnea", "uncertain")])
    assert evaluate_planted(night, [(110, 136, "hypopnea")]).agreement[0.2] == Agreement(1, 0, 0)


def test_counts_of_found_missed_and_false_events():
    night = truth([(100, 120, "central_apnea", "yes"), (300, 320, "hypopnea", "yes")])
    result = evaluate_planted(night, [(500, 520, "hypopnea"), (102, 119, "hypopnea")])
    assert result.agreement[0.2] == Agreement(1, 1, 1)
    assert result.agreement[0.2].precision == 0.5
    assert result.agreement[0.2].recall == 0.5
    assert [x.start_s for x in result.missed] == [300]
    assert [x.start_s for x in result.false] == [500]
    assert result.kinds == {("central_apnea", "hypopnea"): 1}
    assert result.start_errors_s == (2.0,)
    assert result.stop_errors_s == (-1.0,)


@pytest.mark.parametrize(("ahi", "error"), [(1.0, -1.0), (2.0, 0.0), (2.9, 0.0), (3.5, 0.5)])
def test_ahi_error_is_the_signed_distance_to_the_range(ahi, error):
    night = truth([(i * 100, i * 100 + 20, "hypopnea", "yes") for i in range(10)])
    night["events"] += truth([(5000, 5020, "hypopnea", "uncertain")] * 5)["events"]
    assert evaluate_planted(night, [], ahi_per_h=ahi).ahi_error_per_h == pytest.approx(error)


def test_near_miss_is_accepted_only_by_an_event_that_matches_nothing():
    night = truth([(100, 120, "hypopnea", "yes")], [(118, 130, "sigh"), (400, 410, "brief")])
    assert evaluate_planted(night, [(100, 125, "hypopnea")]).near_misses_accepted == ()
    assert evaluate_planted(night, [(409, 430, "hypopnea")]).near_misses_accepted == ("brief",)
    assert evaluate_planted(night, [(410, 430, "hypopnea")]).near_misses_accepted == ()


def test_events_on_a_detached_cannula_are_counted_and_probe_off_is_not_one():
    night = truth(excluded=[(1000, 1300, "cannula_off"), (2000, 2300, "probe_off")])
    events = [(1100, 1120, "unclassified_apnea"), (990, 1020, "hypopnea"), (2100, 2120, "hypopnea")]
    assert evaluate_planted(night, events).n_on_detached == 2
    assert evaluate_planted(night, [(970, 1010, "hypopnea")]).n_on_detached == 0


def test_the_other_rule_has_its_own_truth():
    night = truth([(100, 120, "hypopnea", "no")])
    assert evaluate_planted(night, [(100, 120, "hypopnea")]).agreement[0.2] == Agreement(0, 1, 0)
    assert evaluate_planted(night, [(100, 120, "hypopnea")], rule="1a").agreement[0.2] == Agreement(1, 0, 0)
