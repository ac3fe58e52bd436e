"""Figures of real recordings, on nights made by hand so that each count can be told beforehand."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.disagreements import find_disagreements, first_of_each_type
from benchmarks.disagreements import main as draw_disagreements
from benchmarks.figures import Figure, Table
from benchmarks.hard import table as hard_table
from benchmarks.hard.checking import Outcome
from benchmarks.matching import Agreement, evaluate_planted
from benchmarks.real_nights import (
    AP,
    RESMED,
    SLP60,
    UCD,
    Label,
    RealNight,
    ap_apneas,
    epoch_kappas,
    falls_and_events,
    match_apneas,
    reference_rates,
    touched_epochs,
    why_false,
    why_missed,
)
from benchmarks.real_tables import resmed_reasons
from hsat.agreement.estimates import Estimate
from hsat.events import Desaturation, EventKind, RejectedCandidate, RespiratoryEvent
from hsat.rules.load import load_rules

APNEA, HYPOPNEA = EventKind.OBSTRUCTIVE_APNEA, EventKind.HYPOPNEA


def event(start_s, stop_s, kind=APNEA, *, is_counted=True, nadir_s=None):
    fall = None if nadir_s is None else falling(nadir_s)
    return RespiratoryEvent(
        kind=kind,
        start_s=start_s,
        stop_s=stop_s,
        flow_reduction_fraction=0.9,
        baseline_excursion=1.0,
        effort_fraction=None,
        desaturation=fall,
        criterion="apnea: by hand",
        is_counted=is_counted,
    )


def falling(nadir_s, drop_points=4.0):
    return Desaturation(
        start_s=nadir_s - 10,
        nadir_s=nadir_s,
        stop_s=nadir_s + 10,
        baseline_percent=96.0,
        nadir_percent=96.0 - drop_points,
    )


def refused(start_s, stop_s, reason="hypopnea.min_duration_s: lasts 9.1 s, needs 10 s"):
    return RejectedCandidate(
        start_s=start_s, stop_s=stop_s, flow_reduction_fraction=0.6, desaturation=None, reason=reason
    )


def night(folder=RESMED, labels=(), events=(), rejected=(), falls=(), duration_s=3600.0, **indices):
    """A night whose result is given, not scored."""
    made = RealNight(
        folder=folder,
        name="made",
        path=Path("nowhere/made.edf"),
        labels=tuple(Label(*x) for x in labels),
        rules=load_rules("aasm_1b"),
    )
    made.__dict__["result"] = SimpleNamespace(
        events=tuple(events),
        rejected=tuple(rejected),
        desaturations=tuple(falls),
        indices=SimpleNamespace(**indices),
        recording=SimpleNamespace(duration_s=duration_s, gaps_s=np.empty((0, 2))),
        monitored=SimpleNamespace(monitoring_h=duration_s / 3600, spans_s=np.array([[0.0, duration_s]])),
    )
    return made


def test_apneas_match_one_to_one_at_any_overlap_and_hypopneas_do_not():
    made = night(
        labels=[(100, 112, "central_apnea"), (113, 125, "central_apnea"), (300, 320, "hypopnea")],
        events=[
            event(98, 126),
            event(300, 320, HYPOPNEA),
            event(500, 512),
            event(600, 612, is_counted=False),
        ],
    )
    match = match_apneas(made)
    assert match.agreement == Agreement(1, 1, 1)
    assert [x.start_s for x in match.false] == [500]
    assert why_missed(made, match.missed[0]) == "its event is matched with a neighbour"


def test_what_stands_in_the_place_of_a_missed_label_is_named_by_its_clause():
    labels = [(100, 112, "central_apnea"), (200, 212, "central_apnea"), (300, 312, "central_apnea")]
    made = night(
        labels=labels,
        events=[event(100, 112, HYPOPNEA)],
        rejected=[refused(195, 201, "apnea.other: x"), refused(200, 209)],
    )
    assert [why_missed(made, x) for x in made.labels] == [
        "hypopnea",
        "hypopnea.min_duration_s",
        "no candidate",
    ]


def test_what_the_device_says_where_only_we_have_an_apnea():
    made = night(
        labels=[(100, 112, "hypopnea"), (200, 240, "central_apnea")],
        events=[event(100, 112), event(200, 212), event(214, 230), event(400, 412)],
    )
    words = [why_false(made, x) for x in match_apneas(made).false]
    assert sorted(words) == ["a hypopnea there", "a second apnea within one label", "nothing labelled"]


def test_reasons_are_counted_for_both_rule_sets():
    made = night(labels=[(100, 112, "central_apnea")], events=[event(400, 412)])
    table = resmed_reasons({"resmed_75": [made, made], "aasm_1b": [made]})
    assert table.rows == [["missed", "no candidate", "2", "1"], ["only ours", "nothing labelled", "2", "1"]]


def test_a_labelled_apnea_counts_as_scored_under_any_kind_and_as_candidate_with_a_reason():
    made = night(
        AP,
        labels=[
            (100, 112, "mixed_apnea"),
            (200, 212, "mixed_apnea"),
            (300, 312, "mixed_apnea"),
            (1, 9, "hypopnea"),
        ],
        events=[event(111, 130, HYPOPNEA)],
        rejected=[refused(211, 215)],
    )
    apneas = ap_apneas([made])
    assert [x.is_scored for x in apneas] == [True, False, False]
    assert [x.is_candidate for x in apneas] == [True, True, False]


@pytest.mark.parametrize(("nadir_s", "n"), [(94.9, 0), (95.0, 1), (150.0, 1), (150.1, 0)])
def test_a_fall_belongs_to_an_event_from_5_s_before_to_50_s_after_its_end(nadir_s, n):
    made = night(UCD, labels=[(80, 100, "hypopnea")], falls=[falling(nadir_s)])
    assert falls_and_events(made) == (1, n, 1, n)


@pytest.mark.parametrize(("drop_points", "n_falls"), [(2.99, 0), (3.0, 1)])
def test_falls_count_from_3_points(drop_points, n_falls):
    made = night(UCD, labels=[(80, 100, "hypopnea")], falls=[falling(110, drop_points)])
    assert falls_and_events(made) == (1, n_falls, n_falls, n_falls)


def test_events_touch_the_epochs_they_reach_into():
    touched = touched_epochs(5, [Label(30.0, 60.0, "hypopnea"), Label(119.0, 121.0, "hypopnea")])
    assert touched.tolist() == [False, True, False, True, True]


def test_kappa_of_epochs_by_hand():
    # 120 epochs. Labelled 0..29, ours 15..44: 15 both, 15 + 15 alone, 75 neither.
    # Observed 90/120, by chance (30 * 30 + 90 * 90) / 120**2 = 0.625: kappa = (0.75 - 0.625) / 0.375.
    labels = [(30.0 * k, 30.0 * k + 30, "hypopnea") for k in range(30)]
    events = [event(30.0 * k + 5, 30.0 * k + 20) for k in range(15, 45)]
    whole = epoch_kappas(night(SLP60, labels, events))[0]
    assert whole.kappa.value == pytest.approx(1 / 3)
    assert (whole.n_epochs, whole.n_ours, whole.n_theirs) == (120, 30, 30)


def test_shift_and_consequence_bring_late_labels_together():
    labels = [(300.0 * k + 30, 300.0 * k + 60, "hypopnea") for k in range(12)]
    events = [event(300.0 * k + 5, 300.0 * k + 25, nadir_s=300.0 * k + 40) for k in range(12)]
    kappas = {x.mapping: x.kappa.value for x in epoch_kappas(night(SLP60, labels, events))}
    assert kappas["an event touches the epoch"] < 0
    assert kappas["an event, shifted by +30 s"] == pytest.approx(1.0)
    assert 0.5 < kappas["the event or its fall of SpO2, up to the nadir"] < 0.8


def test_rates_are_per_recorded_hour_and_compare_what_can_be():
    made = night(UCD, labels=[(1, 2, "hypopnea")] * 3, duration_s=7200.0, odi3_per_h=4.0, ahi_per_h=None)
    (rates,) = reference_rates([made])
    assert (rates.reference_per_h, rates.ours_per_h, rates.difference_per_h) == (1.5, 4.0, 2.5)


def test_disagreements_are_the_first_of_each_type():
    made = night(
        labels=[(100, 112, "central_apnea"), (200, 212, "central_apnea"), (300, 312, "central_apnea")],
        rejected=[refused(200, 209)],
        events=[event(500, 512), event(600, 612)],
    )
    found = list(find_disagreements([made]))
    assert len(found) == 5
    assert [(x.start_s, x.type) for x in first_of_each_type(iter(found))] == [
        (100, "missed: no candidate"),
        (200, "missed: hypopnea.min_duration_s"),
        (500, "only ours: nothing labelled"),
    ]


def test_epochs_that_border_on_agreement_are_no_disagreement():
    made = night(
        SLP60,
        labels=[(30, 60, "hypopnea"), (300, 330, "hypopnea")],
        events=[event(65, 80), event(605, 620)],
    )
    found = [(x.start_s, x.type) for x in find_disagreements([made])]
    assert found == [(300, "labelled epochs without an event"), (600, "event in epochs without a label")]


def test_pictures_are_drawn(shared_data, tmp_path, capsys):
    assert draw_disagreements(["--out", str(tmp_path), "--data", str(shared_data), "--only", "slp60"]) == 0
    pictures = sorted(tmp_path.glob("*.png"))
    assert len(pictures) == 2
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_without_recordings_nothing_is_drawn(tmp_path, capsys):
    assert draw_disagreements(["--out", str(tmp_path / "out"), "--data", str(tmp_path)]) == 1
    assert "no recordings with labels" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------ figures and classes


@pytest.mark.parametrize(("value", "is_met"), [(0.9499, False), (0.95, True), (0.9501, True)])
def test_a_figure_is_met_at_what_is_asked(value, is_met):
    figure = Figure(nights="n", what="w", estimate=Estimate(value=value), asked=0.95, n="1 event")
    assert figure.is_met is is_met


@pytest.mark.parametrize(("value", "is_met"), [(1.49, True), (1.5, True), (1.51, False)])
def test_an_upper_limit_is_met_up_to_it(value, is_met):
    figure = Figure(
        nights="n", what="w", estimate=Estimate(value=value), asked=1.5, n="1 night", is_upper_limit=True
    )
    assert figure.is_met is is_met


def test_what_was_not_measured_is_not_met_and_not_missed():
    figure = Figure(nights="n", what="w", estimate=Estimate.missing("nothing"), asked=0.9, n="0 events")
    assert figure.is_met is None
    assert figure.cells() == ["n", "w", "-", "-", "at least 0.9", "0 events", "not measured"]


def test_a_table_as_text_and_as_markdown():
    table = Table(["a", "b"], [["long", "1"]])
    assert table.as_text() == "a     b\nlong  1"
    assert table.as_markdown() == "| a | b |\n|---|---|\n| long | 1 |"


def planted(*events):
    names = ("start_s", "stop_s", "kind", "scorable_1b", "flow_by_rule")
    rows = [dict(zip(names, x, strict=True)) for x in events]
    return {"monitored_h": 5.0, "events": rows, "near_misses": [], "excluded": []}


def test_the_other_class_is_false_there_and_missed_here():
    result = evaluate_planted(planted((100, 120, "central_apnea", "yes", "apnea")), [(100, 120, "hypopnea")])
    assert result.agreement[0.2] == Agreement(1, 0, 0)
    assert result.classes == {"apnea": Agreement(0, 0, 1), "hypopnea": Agreement(0, 1, 0)}
    assert result.stored_classes == result.classes
    assert result.sure_kinds == {("central_apnea", "hypopnea"): 1}


def test_a_class_that_the_truth_leaves_open_excuses_but_not_as_stored():
    truth = planted((100, 120, "obstructive_apnea", "yes", "uncertain"))
    result = evaluate_planted(truth, [(100, 120, "hypopnea")])
    assert result.agreement[0.2] == Agreement(1, 0, 0)
    assert result.classes == {"apnea": Agreement(0, 0, 0), "hypopnea": Agreement(0, 0, 0)}
    assert result.stored_classes == {"apnea": Agreement(0, 0, 1), "hypopnea": Agreement(0, 1, 0)}
    assert result.sure_kinds == {}
    assert result.kinds == {("obstructive_apnea", "hypopnea"): 1}


def test_an_uncertain_event_of_either_class_excuses():
    truth = planted((100, 120, "hypopnea", "uncertain", "hypopnea"))
    result = evaluate_planted(truth, [(100, 120, "central_apnea")])
    assert result.classes == {"apnea": Agreement(0, 0, 0), "hypopnea": Agreement(0, 0, 0)}


def test_hard_cases_start_at_the_seed_that_is_asked_for(monkeypatch):
    seeds = []
    monkeypatch.setattr(hard_table, "score_and_compare", lambda drawn: Outcome(n_true=1))
    total = hard_table.evaluate(seeds.append, 3, 1000)
    assert seeds == [1000, 1001, 1002]
    assert total.n_true == 3
