"""Two scorings of one night: counts, intervals, kappa, AHI, notes. Expected numbers by hand, or as said."""

from dataclasses import replace

import numpy as np
import pytest

import hsat
from hsat.agreement.estimates import bootstrap_estimate, f1_estimate, wilson_estimate
from hsat.agreement.kappa import Grid, count_blocks, kappa, label_steps
from hsat.agreement.results import EVENT_GROUPS
from hsat.errors import HsatError
from hsat.events import EventKind
from hsat.scorings import ScoredEvent, Scoring, night_name

HOUR_S = 3600.0


def event(start_s, stop_s, kind="hypopnea", **changes):
    return ScoredEvent(kind=EventKind(kind), start_s=start_s, stop_s=stop_s, **changes)


def scoring(*events, **changes):
    made = [x if isinstance(x, ScoredEvent) else event(*x) for x in events]
    return Scoring(source_path="night.csv", format="event table", events=tuple(made), **changes)


def timed(*events, hours=2.0, **changes):
    """A scoring that knows its time, all of it monitored."""
    spans = {"monitored_spans_s": np.array([[0.0, hours * HOUR_S]]), "monitored_h": hours}
    own = {"duration_s": hours * HOUR_S, "ahi_per_h": len(events) / hours, **spans}
    return scoring(*events, **{**own, **changes})


def counts(night, group="events", at=1):
    found = night.overlaps[at].groups[group]
    return found.n_matched, found.n_false_positives, found.n_false_negatives


def note_codes(night):
    return [note.code for note in night.notes]


# ------------------------------------------------------------------------ events


def test_counts_at_the_three_thresholds():
    # Overlaps of 1, 5 and 20 s with unions of 39, 20 and 20 s: IoU 0.026, 0.25 and 1.
    reference = timed((100, 120), (200, 220), (300, 320), (400, 420))
    scored = timed((119, 139), (205, 210), (300, 320), (500, 520))
    night = hsat.compare_nights(scored, reference)
    assert [x.min_iou_fraction for x in night.overlaps] == [0.0, 0.2, 0.5]
    assert [counts(night, at=i) for i in range(3)] == [(3, 1, 1), (2, 2, 2), (1, 3, 3)]
    middle = night.overlaps[1].groups["events"]
    assert (middle.n_scored, middle.n_reference) == (4, 4)
    assert (middle.precision.value, middle.recall.value, middle.f1.value) == (0.5, 0.5, 0.5)


def test_groups_match_among_themselves():
    reference = timed((100, 120, "obstructive_apnea"), (200, 220, "hypopnea"), (300, 320, "mixed_apnea"))
    scored = timed((100, 120, "central_apnea"), (200, 220, "obstructive_hypopnea"), (300, 320, "hypopnea"))
    night = hsat.compare_nights(scored, reference)
    assert counts(night) == (3, 0, 0)
    assert counts(night, "apneas") == (1, 0, 1)
    assert counts(night, "obstructive_apnea") == (0, 0, 1)
    assert counts(night, "central_apnea") == (0, 1, 0)
    assert counts(night, "hypopneas") == (1, 1, 0)
    assert [(x.reference.value, x.scored.value, x.n) for x in night.overlaps[1].kind_pairs] == [
        ("hypopnea", "obstructive_hypopnea", 1),
        ("mixed_apnea", "hypopnea", 1),
        ("obstructive_apnea", "central_apnea", 1),
    ]


def test_every_kind_is_in_the_groups():
    assert EVENT_GROUPS["apneas"] | EVENT_GROUPS["hypopneas"] == EVENT_GROUPS["events"] == set(EventKind)


def test_shares_without_anything_to_share_have_a_reason():
    night = hsat.compare_nights(timed(), timed((100, 120)))
    group = night.overlaps[0].groups["events"]
    assert group.precision.value is None
    assert group.precision.reason == "nothing was scored"
    assert (group.recall.value, group.f1.value) == (0.0, 0.0)
    nothing = hsat.compare_nights(timed(), timed()).overlaps[0].groups["events"]
    assert nothing.recall.reason == "the reference has no such event"
    assert nothing.f1.reason == "neither scoring has such an event"


def test_uncertain_and_uncounted_reference_events_count_neither_way():
    ignored = np.array([[200.0, 220.0]])
    reference = timed((100, 120), event(300, 320, is_counted=False), ignored_spans_s=ignored)
    night = hsat.compare_nights(timed((100, 120), (200, 220), (300, 320), (400, 420)), reference)
    assert counts(night) == (1, 1, 0)
    assert night.overlaps[1].groups["events"].n_excused == 2
    assert "ignored_events" in note_codes(night)
    # 7,200 s less twice 20 s that count neither way
    assert night.times[0].compared_h == pytest.approx((7200 - 40) / HOUR_S)


def test_events_that_the_scoring_does_not_count_are_not_compared():
    night = hsat.compare_nights(timed((100, 120), event(200, 220, is_counted=False)), timed((200, 220)))
    assert counts(night) == (0, 1, 1)


def test_boundary_errors_are_scored_minus_reference():
    shifts = np.arange(-10.0, 11.0)  # 21 pairs: percentiles 5 and 95 are the second and the second last
    reference = timed(*[(200.0 * i + 50, 200.0 * i + 150) for i in range(21)])
    scored = timed(*[(200.0 * i + 50 + d, 200.0 * i + 150 + 2 * d) for i, d in enumerate(shifts)])
    at_half = hsat.compare_nights(scored, reference).overlaps[2]
    assert tuple(at_half.start_error) == pytest.approx((0.0, -9.0, 9.0))
    assert tuple(at_half.stop_error) == pytest.approx((0.0, -18.0, 18.0))
    assert hsat.compare_nights(timed(), reference).overlaps[0].start_error is None


# ------------------------------------------------------------------------ what a scoring cannot tell


def test_without_oximetry_hypopneas_and_all_events_are_not_compared():
    scored = timed((100, 120, "obstructive_apnea"), not_scored={"hypopneas": "no SpO2 channel"})
    night = hsat.compare_nights(scored, timed((100, 120, "obstructive_apnea"), (200, 220)))
    overlap = night.overlaps[0]
    assert set(overlap.not_compared) == {"hypopneas", "events"}
    assert overlap.not_compared["events"] == "the scoring has no hypopneas: no SpO2 channel"
    assert counts(night, "apneas") == (1, 0, 0)
    assert night.times[0].kappa.value is None
    assert night.times[0].kappa.reason == "the scoring has no hypopneas: no SpO2 channel"


def test_without_airflow_nothing_is_compared():
    silent = dict.fromkeys(["apneas", "hypopneas", "apnea_types"], "no airflow channel")
    overlap = hsat.compare_nights(timed(not_scored=silent), timed((100, 120, "mixed_apnea"))).overlaps[0]
    assert not overlap.groups
    assert set(overlap.not_compared) == set(EVENT_GROUPS)


def test_types_are_compared_only_where_both_have_them():
    typed = timed((100, 120, "central_apnea"), (300, 320, "unclassified_apnea"))
    untyped = timed((100, 120, "unclassified_apnea"))
    one = hsat.compare_nights(untyped, typed).overlaps[0]
    assert set(one.not_compared) == {
        "obstructive_apnea",
        "central_apnea",
        "mixed_apnea",
        "unclassified_apnea",
    }
    assert one.not_compared["central_apnea"] == "the scoring gives its apneas no type"
    both = hsat.compare_nights(untyped, untyped).overlaps[0]
    assert "unclassified_apnea" in both.groups
    assert not hsat.compare_nights(typed, typed).overlaps[0].not_compared


# ------------------------------------------------------------------------ intervals


@pytest.mark.parametrize(
    ("n_hits", "n", "low", "high"),
    [  # statsmodels 0.15.0, proportion_confint(..., method="wilson")
        (8, 10, 0.49016247153664183, 0.9433178485456247),
        (151, 153, 0.9535960513763885, 0.9964078641721229),
        (7, 7, 0.6456695649333125, 1.0),
        (0, 7, 0.0, 0.3543304350666875),
    ],
)
def test_wilson_interval(n_hits, n, low, high):
    estimate = wilson_estimate(n_hits, n, nothing="")
    assert estimate.value == n_hits / n
    assert estimate.ci95 == pytest.approx((low, high), abs=1e-12)
    assert 0.0 <= estimate.ci95[0] <= estimate.ci95[1] <= 1.0


def test_f1_interval_is_that_of_the_share_of_agreements():
    # J = 8/10 has the Wilson interval above; F1 = 2 J / (1 + J).
    estimate = f1_estimate(8, 2, nothing="")
    assert estimate.value == pytest.approx(16 / 18)
    low, high = 0.49016247153664183, 0.9433178485456247
    assert estimate.ci95 == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    assert f1_estimate(20, 0, nothing="").ci95[0] < 1.0


def test_bootstrap_of_a_mean_is_the_normal_interval_for_many_units():
    values = np.random.default_rng(3).normal(10.0, 4.0, 400)
    sums = np.column_stack((values, np.ones(400)))
    estimate = bootstrap_estimate(sums, lambda x: x[:, 0] / x[:, 1], nothing="", unit="nights")
    half = 1.96 * values.std(ddof=1) / 20.0
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.ci95 == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)
    again = bootstrap_estimate(sums, lambda x: x[:, 0] / x[:, 1], nothing="", unit="nights")
    assert again == estimate


@pytest.mark.parametrize(("n", "has_interval"), [(2, False), (3, True)])
def test_bootstrap_needs_three_units(n, has_interval):
    sums = np.column_stack((np.arange(n, dtype=float), np.ones(n)))
    estimate = bootstrap_estimate(sums, lambda x: x[:, 0] / x[:, 1], nothing="", unit="nights")
    assert estimate.value == pytest.approx((n - 1) / 2)
    assert (estimate.ci95 is not None) == has_interval
    assert has_interval or estimate.ci95_reason == "2 nights: an interval needs 3"


def test_bootstrap_of_units_that_are_all_alike_gives_no_interval():
    estimate = bootstrap_estimate(
        np.full((9, 2), 0.1), lambda x: x[:, 0] / x[:, 1], nothing="", unit="nights"
    )
    assert estimate.value == pytest.approx(1.0)
    assert estimate.ci95 is None
    assert estimate.ci95_reason == "every resample of the nights gives the same figure"


# ------------------------------------------------------------------------ kappa


@pytest.mark.parametrize(
    ("power", "expected"),
    # scikit-learn 1.9.1, cohen_kappa_score(reference, scored, weights=None, "linear", "quadratic")
    [(0, 0.3902439024390243), (1, 0.462915601023018), (2, 0.52443857331572)],
)
def test_kappa_of_a_table(power, expected):
    reference = [0] * 20 + [1] * 5 + [2] * 3 + [3] * 2
    scored = [0] * 15 + [1] * 4 + [2] + [0] * 2 + [1] * 2 + [3] + [2] * 2 + [1] + [3] + [0]
    table = np.zeros((1, 4, 4))
    np.add.at(table[0], (reference, scored), 1)
    assert kappa(table, power=power)[0] == pytest.approx(expected)


def test_kappa_of_seconds_by_hand():
    # 7,200 s; both 20 s, scored alone 20 s, reference alone 60 s.
    night = hsat.compare_nights(timed((100, 140)), timed((120, 200)))
    observed = (7200 - 80) / 7200
    chance = (40 * 80 + 7160 * 7120) / 7200**2
    time = night.times[0]
    assert time.kappa.value == pytest.approx((observed - chance) / (1 - chance))
    assert time.compared_h == 2.0
    assert time.blocks.sum(axis=0).tolist() == [[7100, 20, 0], [60, 20, 0], [0, 0, 0]]
    assert time.blocks.shape == (24, 3, 3)


def test_kappa_tells_apneas_from_hypopneas_only_with_three_classes():
    night = hsat.compare_nights(timed((100, 200, "hypopnea")), timed((100, 200, "central_apnea")))
    two, three = night.times[0].kappa, night.times[0].kappa_three_classes
    assert two.value == 1.0
    # 7,100 of 7,200 s agree, and by chance only "nothing" can.
    assert three.value == pytest.approx((7100 / 7200 - (7100 / 7200) ** 2) / (1 - (7100 / 7200) ** 2))


def test_a_second_belongs_to_the_event_that_covers_its_middle():
    grid = Grid(1.0, 10, False)
    assert np.flatnonzero(label_steps((event(2.5, 4.5),), grid)).tolist() == [2, 3]
    assert np.flatnonzero(label_steps((event(2.51, 4.51),), grid)).tolist() == [3, 4]


def test_an_epoch_belongs_to_every_event_that_touches_it():
    grid = Grid(30.0, 5, True)
    assert np.flatnonzero(label_steps((event(59.9, 90.0),), grid)).tolist() == [1, 2]
    assert np.flatnonzero(label_steps((event(60.0, 90.1),), grid)).tolist() == [2, 3]


def test_an_apnea_wins_where_both_belong_to_a_step():
    labels = label_steps((event(30, 50, "mixed_apnea"), event(50, 70, "hypopnea")), Grid(30.0, 3, True))
    assert labels.tolist() == [0, 2, 1]


def test_steps_after_the_end_are_left_out():
    grid = Grid(1.0, 10, False)
    assert grid.mask(np.array([[8.0, 50.0], [20.0, 30.0]])).tolist() == [False] * 8 + [True] * 2


def test_blocks_are_five_minutes():
    grid = Grid(1.0, 1000, False)
    labels = np.zeros(1000, dtype=np.intp)
    assert count_blocks(labels, labels, np.ones(1000, bool), grid).sum(axis=(1, 2)).tolist() == [
        300,
        300,
        300,
        100,
    ]
    only = np.arange(1000) >= 700
    assert count_blocks(labels, labels, only, grid).sum(axis=(1, 2)).tolist() == [200, 100]


def test_epochs_only_where_asked_for():
    reference = timed((30, 60), (120, 150))
    night = hsat.compare_nights(timed((40, 55), (125, 145)), reference, epoch_s=30.0)
    assert [(x.step_s, x.is_monitored_only) for x in night.times] == [
        (1.0, False),
        (1.0, True),
        (30.0, False),
        (30.0, True),
    ]
    assert night.times[2].kappa.value == 1.0
    assert night.times[0].kappa.value < 0.8


def test_monitored_time_is_what_both_call_monitored():
    first = timed((100, 120), monitored_spans_s=np.array([[0.0, 3600.0]]))
    second = timed((100, 120), monitored_spans_s=np.array([[1800.0, 7200.0]]))
    time = hsat.compare_nights(first, second).times[1]
    assert time.is_monitored_only
    assert time.compared_h == 0.5
    assert time.kappa.reason.startswith("kappa is not defined")
    bare = hsat.compare_nights(first, scoring((100, 120))).times[1]
    assert bare.compared_h == 1.0


def test_gaps_are_no_time_to_agree_in():
    gaps = np.array([[3000.0, 4000.0]])
    for pair in ((timed((100, 120), gaps_s=gaps), timed()), (timed(), timed((100, 120), gaps_s=gaps))):
        time = hsat.compare_nights(*pair).times[0]
        assert time.compared_h == pytest.approx(6200 / HOUR_S)


def test_kappa_interval_is_wider_than_that_of_independent_seconds():
    rng = np.random.default_rng(8)
    reference = timed(*[(60.0 * i, 60.0 * i + 25) for i in range(480)], hours=8.0)
    found = [i for i in range(480) if rng.random() < 0.8]
    scored = timed(*[(60.0 * i, 60.0 * i + 25) for i in found], hours=8.0)
    time = hsat.compare_nights(scored, reference).times[0]
    low, high = time.kappa.ci95
    n, agreed = 28800, 28800 - 25 * (480 - len(found))
    chance = (1 - agreed / n) / (1 - time.kappa.value)  # 1 - expected agreement
    naive = 2 * 1.96 * np.sqrt(agreed / n * (1 - agreed / n) / n) / chance
    assert low < time.kappa.value < high
    assert high - low > 3 * naive


def test_without_any_duration_there_is_no_kappa():
    time = hsat.compare_nights(scoring((100, 120)), scoring((100, 120))).times[0]
    assert time.kappa.value is None
    assert time.kappa.reason == "neither scoring says how long the recording is"


@pytest.mark.parametrize(("duration_s", "is_compared"), [(14 * 86_400.0, True), (1e12, False), (0.5, False)])
def test_durations_that_no_night_has_are_not_cut_into_seconds(duration_s, is_compared):
    night = hsat.compare_nights(scoring((100, 120), duration_s=duration_s), scoring((100, 120)))
    assert (night.times[0].kappa.value is not None) == is_compared


# ------------------------------------------------------------------------ AHI


def test_each_scoring_has_its_own_ahi_and_the_class_is_that_of_the_rules():
    night = hsat.compare_nights(timed(ahi_per_h=14.99), timed(ahi_per_h=15.0))
    ahi = night.ahi
    assert ahi.difference_per_h == pytest.approx(-0.01)
    assert (ahi.scored_severity, ahi.reference_severity) == ("mild", "moderate")
    assert not night.not_measured


def test_a_bare_list_takes_the_hours_of_the_other_and_the_events_in_them():
    spans = np.array([[0.0, 3600.0]])
    scored = timed((100, 120), monitored_spans_s=spans, monitored_h=1.0)
    # Half of the second lies in the monitored time and counts; a little less of the third does not.
    reference = scoring((100, 120), (3590, 3610), (3590.1, 3610.1), (5000, 5020))
    night = hsat.compare_nights(scored, reference)
    assert night.ahi.reference_per_h == 2.0
    text = next(note.text for note in night.notes if note.code == "hours_assumed")
    assert text == (
        "AHI of the reference: 2 of 4 events, those that lie in them, over the 1.00 h that the other file "
        "calls monitored"
    )
    assert "reference_not_monitored" in note_codes(night)


def test_hours_given_count_every_event_of_a_bare_list():
    night = hsat.compare_nights(timed((100, 120)), scoring((100, 120), (9000, 9020)), hours=4.0)
    assert night.ahi.reference_per_h == 0.5
    assert night.ahi.scored_per_h == 0.5  # its own


def test_without_hours_there_is_no_ahi():
    night = hsat.compare_nights(scoring((100, 120)), scoring((100, 120)))
    assert night.ahi.scored_per_h is None
    assert set(night.not_measured) == {f"ahi.{name}" for name in night.ahi.__slots__}
    assert all("hours" in reason for reason in night.not_measured.values())


def test_a_scoring_that_gives_no_ahi_is_not_given_one():
    scored = timed((100, 120), ahi_per_h=None, no_ahi_reason="no SpO2 channel")
    night = hsat.compare_nights(scored, timed())
    assert night.ahi.scored_per_h is None
    assert night.not_measured["ahi.difference_per_h"] == "the scoring gives no AHI: no SpO2 channel"


def test_minutes_are_too_short_for_a_rate():
    least_h = hsat.load_rules("aasm_1b").adequacy.rate_from_h
    at = hsat.compare_nights(scoring((100, 120)), scoring(), hours=least_h)
    below = hsat.compare_nights(scoring((100, 120)), scoring(), hours=least_h * 0.99)
    assert at.ahi.scored_per_h == pytest.approx(1 / least_h)
    assert below.ahi.scored_per_h is None


def test_a_night_without_a_class_gets_none_from_the_reference_either():
    scored = timed(ahi_per_h=20.0, no_class_reason="recorded on therapy (pap)")
    night = hsat.compare_nights(scored, timed(ahi_per_h=22.0))
    assert (night.ahi.scored_severity, night.ahi.reference_severity) == (None, None)
    assert night.not_measured["ahi.reference_severity"] == "recorded on therapy (pap)"
    assert night.ahi.difference_per_h == -2.0


@pytest.mark.parametrize(("ahi", "error"), [(9.0, -1.0), (10.0, 0.0), (11.0, 0.0), (12.0, 1.0)])
def test_uncertain_events_make_the_reference_a_range(ahi, error):
    ignored = np.array([[100.0, 120.0], [200.0, 220.0]])
    reference = timed(ahi_per_h=10.0, ignored_spans_s=ignored)
    found = hsat.compare_nights(timed(ahi_per_h=ahi), reference).ahi
    assert found.reference_upper_per_h == 11.0
    assert found.range_error_per_h == error
    assert found.difference_per_h == ahi - 10.0


# ------------------------------------------------------------------------ notes, arguments


def test_what_looks_odd_is_noted():
    first = timed((100, 120), recording_sha256="a")
    second = timed((100, 120), (7300, 7320), recording_sha256="b", duration_s=8000.0)
    codes = note_codes(hsat.compare_nights(first, second))
    assert {"other_recording", "other_duration", "events_after_end"} <= set(codes)
    assert note_codes(hsat.compare_nights(first, replace(first))) == []


@pytest.mark.parametrize("name", ["hours", "epoch_s"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_hours_and_epochs_are_positive_numbers(name, value):
    with pytest.raises(HsatError, match=f"{name}: expected a number above 0"):
        hsat.compare_nights(scoring(), scoring(), **{name: value})


@pytest.mark.parametrize(
    "path",
    [
        "a/N-1.night.json",
        "N-1.json",
        "b.c/N-1.csv",
        "N-1.events.csv",
        "N-1.truth.json",
        "N-1.TRUTH.CSV",
        "N-1",
    ],
)
def test_the_name_of_a_night_has_no_endings(path):
    assert night_name(path) == "N-1"


def test_only_known_endings_are_taken_off():
    assert night_name("a.b.json") == "a.b"
    assert night_name(".json") == ".json"
    assert night_name("night.json") == "night"
    assert night_name("truth.csv") == "truth"
