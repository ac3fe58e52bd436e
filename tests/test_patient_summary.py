"""Several nights summed up: numbers by hand, which nights enter, what is left out and why."""

import json
import math
from dataclasses import fields, replace
from datetime import datetime, timedelta

import pytest

import hsat
from hsat.errors import NightsError
from hsat.nights.scored import as_scored_night
from hsat.patient import PatientSummary
from hsat.recording import DeviceInfo, SourceFile
from hsat.rules.load import load_rules
from tests.night_builder import make_recording, make_result
from tests.patient_nights import FIRST, make_night, make_nights


def summarize(nights, **options) -> PatientSummary:
    return hsat.summarize_nights(nights, **{"compare_priors": False, **options})


def reasons(summary: PatientSummary) -> dict[str, str]:
    return {item.file: item.reason for item in summary.excluded}


# ------------------------------------------------------------------ by hand


def test_pooled_mean_median_sd_and_range_by_hand():
    # 20/4 = 5, 60/6 = 10, 144/8 = 18: pooled 224/18; mean 11, squares 36 + 1 + 49 = 86, SD sqrt(86/2)
    nights = [make_night(0, 20, 4.0), make_night(1, 60, 6.0), make_night(2, 144, 8.0)]
    summary = summarize(nights)
    assert summary.pooled_ahi_per_h == pytest.approx(224.0 / 18.0)
    assert summary.mean_ahi_per_h == pytest.approx(11.0)
    assert summary.median_ahi_per_h == 10.0
    assert summary.sd_ahi_per_h == pytest.approx(math.sqrt(43.0))
    assert summary.range_ahi_per_h == (5.0, 18.0)
    assert [night.severity for night in summary.nights] == ["mild", "mild", "moderate"]


def test_a_short_night_weighs_by_its_hours_in_the_pooled_ahi_alone():
    # 2 h at 30/h and 8 h at 10/h: (60 + 80) / 10 = 14, the plain mean is 20
    summary = summarize([make_night(0, 60, 2.0), make_night(1, 80, 8.0)])
    assert summary.pooled_ahi_per_h == pytest.approx(14.0)
    assert summary.mean_ahi_per_h == pytest.approx(20.0)
    assert [night.is_adequate for night in summary.nights] == [False, True]


def test_the_posterior_is_that_of_the_counts_hours_and_dates():
    nights = [make_night(4, 71, 6.9), make_night(0, 98, 7.0), make_night(1, 140, 7.1)]
    summary = summarize(nights)
    alone = hsat.estimate_ahi([98, 140, 71], [7.0, 7.1, 6.9], days=[0, 1, 4])
    assert [night.day for night in summary.nights] == [0, 1, 4]
    assert summary.posterior.mean_ahi_per_h == alone.mean_ahi_per_h
    assert summary.posterior.class_probability == alone.class_probability


def test_a_night_after_midnight_belongs_to_the_evening_before():
    nights = [make_night(0), make_night(1, start_local=datetime(2026, 3, 3, 0, 40), duration_s=25_000.0)]
    assert [night.day for night in summarize(nights).nights] == [0, 1]


def test_class_probabilities_are_told_under_every_other_prior():
    nights = make_nights([90, 80, 120])
    summary = hsat.summarize_nights(nights)
    assert list(summary.class_under_priors) == ["referral", "community-men", "community-women", "flat"]
    assert summary.class_under_priors["referral"] == summary.posterior.class_probability
    flat = hsat.estimate_ahi([90, 80, 120], [6.5] * 3, days=[0, 1, 2], prior="flat")
    assert summary.class_under_priors["flat"] == flat.class_probability


@pytest.mark.parametrize("model", ["default", "independent"])
def test_many_nights_under_other_priors_are_what_computing_them_anew_gives(model):
    counts = [100, 62, 85, 140, 77, 91, 120, 66, 88, 103, 97, 71, 115, 80, 109, 95]
    summary = hsat.summarize_nights(make_nights(counts), model=model)
    for name in ("community-men", "community-women", "flat"):
        anew = hsat.estimate_ahi(counts, [6.5] * len(counts), prior=name, model=model).class_probability
        assert summary.class_under_priors[name] == pytest.approx(dict(anew), abs=5e-3)


def test_position_is_pooled_by_hand():
    # supine 10 + 30 events in 1 + 2 h, not supine 20 + 5 in 4 + 1 h; the third night tells nothing
    one = {"supine_h": 1.0, "supine_ahi_per_h": 10.0, "non_supine_h": 4.0, "non_supine_ahi_per_h": 5.0}
    two = {"supine_h": 2.0, "supine_ahi_per_h": 15.0, "non_supine_h": 1.0, "non_supine_ahi_per_h": 5.0}
    summary = summarize([make_night(0, **one), make_night(1, **two), make_night(2)])
    position = summary.position
    assert position.supine_ahi_per_h == pytest.approx(40.0 / 3.0)
    assert position.non_supine_ahi_per_h == pytest.approx(5.0)
    assert position.supine_fraction == pytest.approx(3.0 / 8.0)
    assert position.n_nights == 2
    assert [night.supine_fraction for night in summary.nights] == [
        pytest.approx(0.2),
        pytest.approx(2 / 3),
        None,
    ]


def test_time_too_short_for_a_rate_adds_nothing_to_the_rate():
    part = {"supine_h": 0.01, "supine_ahi_per_h": None, "non_supine_h": 5.0, "non_supine_ahi_per_h": 7.0}
    position = summarize([make_night(0, **part)]).position
    assert position.supine_ahi_per_h is None
    assert position.non_supine_ahi_per_h == pytest.approx(7.0)


# ------------------------------------------------------------------ which nights


@pytest.mark.parametrize(("hours", "enters"), [(1.99, False), (2.0, True), (3.99, True), (4.0, True)])
def test_a_night_enters_from_two_hours_on(hours, enters):
    short = make_night(1, 20, hours)
    summary = summarize([make_night(0), short])
    assert (len(summary.nights) == 2) is enters
    if enters:
        assert summary.nights[1].adequacy == ("adequate" if hours >= 4.0 else "partial")
    else:
        assert reasons(summary) == {
            short.file: f"inadequate: less than 2 h that can be judged ({hours:.2f} h)"
        }


def test_a_night_without_an_ahi_is_left_out_with_its_reason():
    blind = replace(
        make_night(1), ahi_per_h=None, n_events=None, no_ahi_reason="no SpO2 channel", adequacy="inadequate"
    )
    assert reasons(summarize([make_night(0), blind])) == {blind.file: "no AHI: no SpO2 channel"}


def test_treated_nights_are_left_out_of_diagnostic_ones_however_many():
    nights = [make_night(0), *[make_night(day, therapy="pap", severity=None) for day in range(1, 5)]]
    summary = summarize(nights)
    assert [night.file for night in summary.nights] == [nights[0].file]
    assert set(reasons(summary).values()) == {"recorded on PAP: not mixed with nights without treatment"}
    assert summary.therapy == "none"


def test_treated_nights_are_summed_up_where_they_are_meant():
    nights = [make_night(0), *[make_night(day, therapy="pap", severity=None) for day in range(1, 5)]]
    summary = summarize(nights, therapy="pap")
    assert len(summary.nights) == 4
    assert reasons(summary) == {nights[0].file: "recorded without treatment: not mixed with nights on PAP"}
    assert summary.posterior.prior == "pap-treated"
    assert summary.posterior.severity is None


def test_of_treated_nights_alone_the_larger_group_is_taken():
    nights = [make_night(0, therapy="appliance")] + [make_night(day, therapy="pap") for day in (1, 2)]
    assert {night.file for night in summarize(nights).nights} == {nights[1].file, nights[2].file}


def test_nights_of_unknown_treatment_count_as_diagnostic_and_are_told():
    summary = summarize([make_night(0), make_night(1, therapy="unknown")])
    assert len(summary.nights) == 2
    assert [note.code for note in summary.notes] == ["therapy_unknown"]


def test_two_rule_sets_are_refused_in_one_line():
    nights = [make_night(0), make_night(1, rules_id="aasm_1a@ffffffffffff")]
    with pytest.raises(
        NightsError, match=r"expected one rule set, got 2: aasm_1b@0123456789ab \(night-1.edf\), "
    ):
        summarize(nights)


def test_a_rule_set_of_a_night_that_is_left_out_anyway_is_no_mixture():
    nights = [make_night(0), make_night(1, 10, 1.0, rules_id="aasm_1a@ffffffffffff")]
    assert len(summarize(nights).nights) == 1


def test_hours_of_sleep_and_of_monitoring_are_refused_in_one_line():
    with pytest.raises(NightsError, match="expected an AHI per hour of one thing"):
        summarize([make_night(0), make_night(1, denominator="sleep")])


def test_two_patients_are_refused_naming_both():
    nights = [make_night(0), make_night(1, patient="P-2")]
    with pytest.raises(NightsError, match=r"got 2: P-1 \(night-1.edf\), P-2 \(night-2.edf\)"):
        summarize(nights)
    summary = summarize(nights, patient="trial-7")
    assert summary.patient == "trial-7"
    assert [note.code for note in summary.notes] == ["patient_conflict"]


def test_nights_without_a_code_are_taken_as_given_and_told():
    summary = summarize([make_night(0), make_night(1, patient=None)])
    assert summary.patient == "P-1"
    assert [note.code for note in summary.notes] == ["no_patient_code"]


# ------------------------------------------------------------------ once each


def test_one_night_scored_twice_counts_once_and_the_edited_one_counts():
    edited = make_night(0, 90, file="edited.json", scoring="edited")
    summary = summarize([make_night(0), edited])
    assert [night.file for night in summary.nights] == ["edited.json"]
    assert reasons(summary) == {"night-1.edf": "the same recording as edited.json: a night counts once"}


@pytest.mark.parametrize(("minutes", "n_used"), [(60.5, 2), (58.0, 1)])
def test_recordings_that_share_more_than_a_minute_count_once(minutes, n_used):
    # the first lasts 1 h 0 min; the second begins `minutes` after its start
    first = make_night(0, 20, 4.0, duration_s=3660.0)
    second = make_night(0, 30, 5.0, file="other.edf", start_local=FIRST + timedelta(minutes=minutes))
    summary = summarize([first, second])
    assert len(summary.nights) == n_used
    if n_used == 1:
        assert summary.nights[0].file == "other.edf"  # it has more hours
        assert "overlaps other.edf by 3 min" in reasons(summary)["night-1.edf"]


def test_two_sessions_of_one_night_both_enter_on_one_day():
    late = make_night(0, 20, 2.5, file="late.edf", start_local=FIRST + timedelta(hours=7))
    summary = summarize([make_night(0), late])
    assert [night.day for night in summary.nights] == [0, 0]


def test_undated_copies_are_known_by_their_content(tmp_path):
    data = {"a.edf": b"one", "b.edf": b"one", "c.edf": b"two"}
    nights = []
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
        source = SourceFile(path=str(tmp_path / name), n_bytes=3, format="EDF")
        nights.append(make_night(0, file=name, start_local=None, source=source))
    summary = summarize(nights)
    assert [night.file for night in summary.nights] == ["a.edf", "c.edf"]
    assert list(reasons(summary)) == ["b.edf"]
    assert [note.code for note in summary.notes] == ["undated_nights"]
    assert [night.day for night in summary.nights] == [None, None]
    assert summary.trend.reason == "nights without dates"


# ------------------------------------------------------------------ classes


def test_below_18_years_there_is_no_class_by_age_or_by_the_nights_own_word():
    by_age = summarize(make_nights([65, 70]), age_years=12.0)
    why = "age 9 is below 18 years: adult severity classes do not apply"
    by_nights = summarize(make_nights([65, 70], severity=None, no_class_reason=why))
    for summary, text in ((by_age, "age 12 is below 18 years"), (by_nights, "age 9 is below 18 years")):
        posterior = summary.posterior
        assert (posterior.severity, posterior.p_misclassified, posterior.nights_needed) == (None, None, None)
        assert dict(posterior.class_probability) == {}
        assert posterior.is_firm is False
        assert summary.class_under_priors == {}
        assert summary.not_measured["posterior.severity"].startswith(text)
        assert posterior.mean_ahi_per_h > 5.0


def test_at_18_years_there_is_a_class():
    assert summarize(make_nights([65, 70]), age_years=18.0).posterior.severity is not None


def test_named_rules_by_hand():
    nights = [make_night(0, 20, 4.0), make_night(1, 60, 6.0), make_night(2, 144, 8.0)]  # 5, 10, 18
    found = {
        name: summarize(nights, rule=name).named_rule
        for name in ("worst-night", "first-night", "mean-of-nights")
    }
    assert [(rule.ahi_per_h, rule.severity) for rule in found.values()] == [
        (18.0, "moderate"),
        (5.0, "mild"),
        (pytest.approx(11.0), "mild"),
    ]
    assert "36 %" in found["worst-night"].warning


@pytest.mark.parametrize(
    "options",
    [
        {"rule": "best-night"},
        {"therapy": "diagnostic"},
        {"model": "other"},
        {"age_years": math.nan},
        {"patient": "x", "rule": ""},
    ],
)
def test_what_is_not_allowed_is_refused_in_one_line(options):
    with pytest.raises(NightsError) as caught:
        summarize(make_nights([65]), **options)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ degenerate


def check_finite(summary: PatientSummary) -> None:
    posterior = summary.posterior
    numbers = [getattr(posterior, field.name) for field in fields(posterior)]
    flat = [x for value in numbers for x in (value if isinstance(value, tuple) else (value,))]
    assert all(math.isfinite(x) for x in flat if isinstance(x, float))
    assert sum(posterior.class_probability.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "nights",
    [
        make_nights([0]),
        make_nights([0, 0, 0]),
        make_nights([65]),
        make_nights([1300]),
        make_nights([65] * 7),
        make_nights([30 + (7 * day) % 60 for day in range(300)]),
    ],
    ids=["zero", "zeros", "one", "200 per hour", "identical", "300 nights"],
)
def test_degenerate_nights_give_finite_numbers(nights):
    summary = summarize(nights)
    check_finite(summary)
    assert len(summary.nights) == len(nights)


def test_a_tenth_of_an_hour_is_no_night():
    summary = summarize([make_night(0, 1, 0.1)])
    assert summary.posterior is None
    assert summary.nights == ()
    assert summary.not_measured["posterior"] == "no night can be used"


def test_no_nights_give_an_empty_summary():
    summary = summarize([])
    assert (summary.pooled_ahi_per_h, summary.posterior, summary.nights) == (None, None, ())


def test_one_night_has_no_spread():
    summary = summarize(make_nights([65]))
    assert summary.sd_ahi_per_h is None
    assert summary.not_measured["sd_ahi_per_h"] == "one night has no spread"


# ------------------------------------------------------------------ from results


def test_a_result_gives_its_counted_events_and_hours():
    night = as_scored_night(make_result(), load_rules("aasm_1b").adequacy)
    assert (night.n_events, night.monitoring_h) == (3, pytest.approx(6.8))  # one of four is not counted
    assert night.patient == "p-0123456789ab"


def test_a_night_by_flow_alone_is_graded_by_its_hours():
    result = make_result(adequacy="inadequate")
    blind = replace(
        result, monitored=replace(result.monitored, spo2_spans_s=result.monitored.spo2_spans_s[:0])
    )
    assert as_scored_night(blind, load_rules("aasm_1b").adequacy).adequacy == "adequate"
    assert as_scored_night(result, load_rules("aasm_1b").adequacy).adequacy == "inadequate"


def test_results_on_pap_have_no_class():
    device = DeviceInfo(profile="generic", name="Generic recorder", therapy="pap")
    why = {"severity": "recorded on therapy (pap): the residual AHI has no diagnostic class"}
    night = make_result(
        recording=make_recording(device=device), therapy="pap", severity=None, not_measured=why
    )
    summary = summarize([night])
    assert summary.posterior.severity is None
    assert summary.not_measured["posterior.severity"] == why["severity"]


def test_the_sample_nights_pool_to_events_over_hours(samples):
    nights = [hsat.score_night(hsat.read_recording(path)) for path in sorted(samples.glob("*.edf"))]
    summary = summarize(nights)
    counts = [sum(event.is_counted for event in night.events) for night in nights]
    hours = [night.monitored.monitoring_h for night in nights]
    assert summary.pooled_ahi_per_h == pytest.approx(sum(counts) / sum(hours))
    assert [night.ahi_per_h for night in summary.nights] == [night.indices.ahi_per_h for night in nights]
    assert summary.patient == nights[0].recording.subject.patient
    truths = [json.loads(path.read_text()) for path in sorted(samples.glob("*.truth.json"))]
    planted = sum(truth["ahi_1b_per_h"] * truth["monitored_h"] for truth in truths)
    assert summary.pooled_ahi_per_h == pytest.approx(
        planted / sum(truth["monitored_h"] for truth in truths), abs=0.3
    )
