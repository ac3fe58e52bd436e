"""The rank of events and candidates by their distance from the limits that decided.

Distances are worked out by hand from the rules (30 %, 10 s, 4 points; units of 0.1, 2 s and 1 point).
"""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from breathing_signals import Fall, night_of

import hsat
from hsat.agreement import match_events
from hsat.detect.candidates import Candidate
from hsat.detect.confidence import rank_candidate, rank_margin
from hsat.detect.judging import is_admitted, judge
from hsat.errors import RulesError
from hsat.events import Desaturation
from hsat.kernels.reductions import CLOSED, INTERRUPTED, TOO_LONG

RULES = hsat.load_rules("aasm_1b")


def candidate_of(
    *, reduction: float = 0.5, duration_s: float = 14.0, drop_points: float | None = 6.0, **changes: Any
) -> Candidate:
    """By default each distance is two units."""
    fall = None
    if drop_points is not None:
        fall = Desaturation(
            start_s=430.0,
            nadir_s=440.0,
            stop_s=450.0,
            baseline_percent=96.0,
            nadir_percent=96.0 - drop_points,
        )
    candidate = Candidate(
        start_s=400.0,
        stop_s=400.0 + duration_s,
        core_s=(402.0, 398.0 + duration_s),
        apnea_core_s=(402.0, 402.0),
        baseline=1.0,
        reduction_fraction=reduction,
        longest_apnea_s=0.0,
        ending=CLOSED,
        desaturation=fall,
        is_counted=True,
        is_artifact=False,
        sensor="flow",
        apnea_sensor="flow",
    )
    return replace(candidate, **changes)


def rank(**changes: Any) -> float | None:
    return rank_candidate(candidate_of(**changes), RULES)


@pytest.mark.parametrize(
    ("margin", "expected"), [(0.0, 0.5), (1.0, 0.75), (-1.0, 0.25), (3.0, 0.875), (-3.0, 0.125)]
)
def test_a_distance_of_n_units_by_hand(margin, expected):
    assert rank_margin(margin) == expected


@pytest.mark.parametrize("drop_points", [None, 0.0, 0.5, 6.0])
def test_spo2_decides_nothing_where_no_fall_is_asked_for(drop_points):
    """14 s and 60 % less flow, asked are 10 s and 50 %: two and one units of distance."""
    rules = hsat.load_rules("resmed_75")
    candidate = candidate_of(reduction=0.6, drop_points=drop_points)
    assert judge(candidate, rules, has_oximetry=drop_points is not None).is_hypopnea
    assert rank_candidate(candidate, rules) == pytest.approx(0.75)


def test_far_away_is_towards_1_and_0():
    assert 1.0 - 1e-8 < rank_margin(1e9) < 1.0
    assert 0.0 < rank_margin(-1e9) < 1e-8
    assert (rank_margin(float("inf")), rank_margin(float("-inf"))) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 0.5 + 0.5 * 2 / 3),  # two units everywhere
        ({"drop_points": 5.0}, 0.75),  # 5 - 4 = 1 point
        ({"drop_points": 4.0}, 0.5),
        ({"drop_points": 3.0}, 0.25),
        ({"duration_s": 12.0}, 0.75),  # 2 s are one unit
        ({"duration_s": 10.0}, 0.5),
        ({"duration_s": 8.0}, 0.25),
        ({"reduction": 0.4}, 0.75),  # 0.1 is one unit
        ({"reduction": 0.3}, 0.5),
        ({"reduction": 0.2}, 0.25),
        ({"reduction": 0.2, "drop_points": 1.0}, 0.125),  # the worse of one and three units
        ({"duration_s": 30.0, "reduction": 0.8, "drop_points": 5.0}, 0.75),  # the smallest counts
    ],
)
def test_hypopneas_by_their_smallest_distance(changes, expected):
    assert rank(**changes) == pytest.approx(expected, abs=1e-12)


def test_an_apnea_needs_no_spo2_and_is_ranked_by_its_length():
    assert rank(longest_apnea_s=12.0, duration_s=20.0, drop_points=None) == 0.75
    assert rank(longest_apnea_s=10.0, duration_s=20.0, drop_points=None) == 0.5


def test_a_short_apnea_that_is_also_a_clear_hypopnea_is_a_sure_event():
    """Not to be an event it would have to fail both definitions."""
    assert rank(longest_apnea_s=10.0, duration_s=20.0, reduction=0.8, drop_points=7.0) == 0.5 + 0.5 * 3 / 4


def test_a_long_apnea_without_a_fall_of_spo2_lies_below_the_limit():
    """Refused beyond 60 s where SpO2 falls by less than 3 points, and 0.1 point more for each further
    second: 2 s and 1 point are one unit each.
    """
    assert rank(longest_apnea_s=62.0, duration_s=65.0, drop_points=0.0) == 0.25
    assert rank(longest_apnea_s=100.0, duration_s=110.0, drop_points=6.0) == pytest.approx(0.25)
    assert rank(longest_apnea_s=100.0, duration_s=110.0, drop_points=8.0, reduction=0.3) == pytest.approx(
        0.75
    )


@pytest.mark.parametrize(
    "changes",
    [{"is_artifact": True}, {"ending": TOO_LONG}, {"ending": INTERRUPTED}, {"drop_points": None}],
)
def test_no_rank_where_no_distance_decided(changes):
    assert rank(**changes) is None


def test_without_spo2_a_stretch_too_short_or_too_shallow_is_ranked():
    assert rank(drop_points=None, duration_s=8.0) == 0.25
    assert rank(drop_points=None, reduction=0.2) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("reduction", np.linspace(0.0, 1.0, 41)),
        ("duration_s", np.linspace(2.0, 80.0, 79)),
        ("drop_points", np.linspace(0.0, 20.0, 81)),
    ],
)
def test_the_rank_never_falls_as_a_distance_grows(name, values):
    others = {"reduction": 0.9, "duration_s": 80.0, "drop_points": 20.0}
    ranks = [rank(**(others | {name: float(value)})) for value in values]
    assert np.all(np.diff(ranks) >= 0)
    assert ranks[0] < 0.5 < ranks[-1]


def test_ranks_from_one_half_on_are_events_and_below_are_not():
    """Against `judge`, on 3,000 drawn candidates, many of them on a limit."""
    rng = np.random.default_rng(7)
    n_ranked = 0
    for _ in range(3000):
        duration_s = float(rng.choice([8.0, 10.0, 12.5, 60.0, 60.5, 80.0, 100.0]))
        candidate = candidate_of(
            reduction=float(rng.choice([0.1, 0.3, 0.30000000000000004, 0.29999999999999999, 0.6, 0.95])),
            duration_s=duration_s,
            drop_points=[None, 0.0, 2.0, 3.0, 4.0, 5.0][rng.integers(6)],
            longest_apnea_s=min(float(rng.choice([0.0, 9.9, 10.0, 60.0, 60.5, 80.0])), duration_s),
        )
        found = rank_candidate(candidate, RULES)
        verdict = judge(candidate, RULES, has_oximetry=True)
        if found is not None:
            n_ranked += 1
            assert (found >= 0.5) == verdict.is_event
        else:
            assert "SpO2 is missing" in verdict.clause
    assert n_ranked > 2000


def test_what_is_counted_without_words_is_what_is_judged():
    """`is_admitted` against `judge`, on 3,000 drawn candidates, many of them on a limit."""
    rng = np.random.default_rng(8)
    rule_sets = [hsat.load_rules(name) for name in ("aasm_1b", "aasm_1a", "cms")]
    n_admitted = 0
    for _ in range(3000):
        duration_s = float(rng.choice([8.0, 9.9, 10.0, 12.5, 60.0, 60.5, 80.0, 100.0]))
        candidate = candidate_of(
            reduction=float(rng.choice([0.1, 0.3, 0.29999999999999999, 0.6, 0.95])),
            duration_s=duration_s,
            drop_points=[None, 0.0, 2.0, 3.0, 4.0, 5.0][rng.integers(6)],
            longest_apnea_s=min(float(rng.choice([0.0, 9.9, 10.0, 60.0, 60.5, 80.0])), duration_s),
            is_contradicted=bool(rng.integers(2)),
            is_artifact=bool(rng.random() < 0.1),
            ending=int(rng.choice([CLOSED, CLOSED, CLOSED, TOO_LONG, INTERRUPTED])),
        )
        rules = rule_sets[rng.integers(3)]
        verdict = judge(candidate, rules, has_oximetry=True)
        assert is_admitted(candidate, rules) == verdict.is_event, verdict.clause
        n_admitted += verdict.is_event
    assert 500 < n_admitted < 2500


def test_scored_nights_carry_the_rank_of_events_and_candidates():
    falls = [Fall(400, 20, 0.6, 8), Fall(700, 20, 0.6, 4), Fall(1000, 20, 0.6, 2), Fall(1300, 16, 0.5, 1)]
    night = hsat.score_night(night_of(falls))
    ranks = [event.confidence_fraction for event in night.events]
    assert len(ranks) == 2
    assert ranks[0] > ranks[1] == 0.5  # a fall of exactly 4 points lies on the limit
    refused = [candidate.confidence_fraction for candidate in night.rejected]
    assert refused == pytest.approx([0.5 - 0.5 * 2 / 3, 0.125])  # 2 and 3 points short
    assert all(candidate.baseline_excursion > 0 for candidate in night.rejected)


def test_scales_have_to_be_above_zero(tmp_path):
    file = tmp_path / "ours.toml"
    head = 'name = "ours"\ntitle = "t"\nsource = "s"\nextends = "aasm_1b"\n'
    file.write_text(f"{head}[confidence]\nduration_scale_s = 0\n")
    with pytest.raises(RulesError, match=r"\[confidence\].*duration_scale_s: expected a number above 0"):
        hsat.load_rules(file)


def test_false_events_on_planted_nights_rank_below_true_ones(shared_data):
    """Planted truth; the floor is well below the 0.89 measured when this was written, with 11 false."""
    true, false = [], []
    for path in sorted((shared_data / "planted").glob("*.edf")):
        truth = json.loads(path.with_suffix(".truth.json").read_text())["events"]
        events = [e for e in hsat.score_night(hsat.read_recording(str(path))).events if e.is_counted]
        rows = [(e.start_s, e.stop_s) for e in events]
        matched = {
            verdict: {
                i
                for i, _ in match_events(
                    rows,
                    [(t["start_s"], t["stop_s"]) for t in truth if t["scorable_1b"] == verdict],
                    min_iou_fraction=0.2,
                )
            }
            for verdict in ("yes", "uncertain")
        }
        for i, event in enumerate(events):
            if i in matched["yes"]:
                true.append(event.confidence_fraction)
            elif i not in matched["uncertain"]:
                false.append(event.confidence_fraction)
    assert len(true) > 500
    if false:
        above = np.subtract.outer(np.array(true), np.array(false))
        assert np.mean((above > 0) + 0.5 * (above == 0)) > 0.65
