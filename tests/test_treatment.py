"""Before and after a treatment: against distributions with closed forms, and what is refused."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import lognorm, norm

import hsat
from hsat.errors import NightsError
from hsat.nights.priors import treatment_limits
from hsat.nights.treatment import _effect, _verdict
from hsat.report.text import view_text
from hsat.report.treatment_document import treatment_json
from hsat.report.treatment_view import view_treatment
from tests.patient_nights import make_night, make_nights


def pap_nights(counts, first_day=10, **changes):
    made = {"therapy": "pap", "severity": None, "no_class_reason": "recorded on therapy (pap)", **changes}
    return [make_night(first_day + day, count, **made) for day, count in enumerate(counts)]


def log_normal_side(nights, median: float, log_sd: float):
    """A summary whose posterior is a log-normal density, in place of what the nights say."""
    summary = hsat.summarize_nights(nights, compare_priors=False)
    grid = median * np.exp(np.linspace(-8.0 * log_sd, 8.0 * log_sd, 2001))
    density = lognorm.pdf(grid, log_sd, scale=median)
    posterior = replace(
        summary.posterior,
        mean_ahi_per_h=median * math.exp(log_sd**2 / 2.0),
        grid_ahi_per_h=grid,
        density=density,
    )
    return replace(summary, posterior=posterior)


@pytest.mark.parametrize(
    ("before", "after"),
    [((30.0, 0.3), (4.0, 0.4)), ((20.0, 0.2), (12.0, 0.5)), ((8.0, 0.5), (9.0, 0.3))],
)
def test_log_normal_posteriors_give_what_the_ratio_of_log_normals_gives(before, after):
    # The ratio of two log-normals is log-normal: every figure but the difference has a closed form.
    sides = log_normal_side(make_nights([100]), *before), log_normal_side(pap_nights([20]), *after)
    found = _effect(*sides, None)
    ratio = norm(math.log(after[0] / before[0]), math.hypot(before[1], after[1]))
    assert found.p_halved == pytest.approx(ratio.cdf(math.log(0.5)), abs=2e-3)
    assert found.p_complete == pytest.approx(norm.cdf(math.log(5.0 / after[0]) / after[1]), abs=2e-3)
    assert found.change_percent == pytest.approx(100.0 * (math.exp(ratio.median()) - 1.0), abs=0.3)
    for limit, share in zip(found.change_ci95_percent, (0.025, 0.975), strict=True):
        assert limit == pytest.approx(100.0 * (math.exp(ratio.ppf(share)) - 1.0), rel=0.02)
    means = [median * math.exp(log_sd**2 / 2.0) for median, log_sd in (before, after)]
    assert found.change_per_h == pytest.approx(means[1] - means[0])
    rng = np.random.default_rng(1)
    draws = [median * np.exp(log_sd * rng.standard_normal(400_000)) for median, log_sd in (before, after)]
    low, high = np.quantile(draws[1] - draws[0], [0.025, 0.975])
    assert found.change_ci95_per_h == pytest.approx((low, high), abs=0.15)


def test_a_planted_cure_is_a_complete_response_and_enough():
    found = hsat.compare_treatment(make_nights([250, 230, 270]), pap_nights([8, 10, 6, 9, 7, 12, 8]))
    assert found.response == "complete"
    assert found.is_enough
    assert found.p_halved > 0.99
    assert found.change_ci95_percent[1] < -50.0
    assert found.after.posterior.prior == "pap-treated"


def test_an_unchanged_ahi_is_no_response():
    found = hsat.compare_treatment(make_nights([130] * 7), pap_nights([130] * 7))
    assert found.response == "none"
    assert found.p_halved < 0.1


def test_one_night_near_the_limit_leaves_it_open():
    found = hsat.compare_treatment(make_nights([130]), pap_nights([40]))
    assert found.response is None
    assert not found.is_enough
    assert found.not_measured["response"] == "the nights leave it open"
    assert "more nights" in view_text(view_treatment(found))


def test_who_was_normal_before_has_no_response():
    found = hsat.compare_treatment(make_nights([10] * 5), pap_nights([2] * 5))
    assert found.response is None
    assert "below 5 /h already" in found.not_measured["response"]


def test_below_18_years_there_is_no_complete_response():
    found = hsat.compare_treatment(make_nights([200] * 3), pap_nights([8] * 3), age_years=11.0)
    assert found.p_complete is None
    assert found.not_measured["p_complete"].startswith("age 11 is below 18 years")
    assert found.response == "partial"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (pap_nights([60], 0), pap_nights([9]), "expected two treatments, got nights on PAP on both sides"),
        (make_nights([60]) + pap_nights([9]), pap_nights([9], 20), "before: expected nights of one kind"),
        (
            make_nights([60]),
            pap_nights([9]) + make_nights([50] * 3)[2:],
            "after: expected nights of one kind",
        ),
        (pap_nights([9], 0), make_nights([60] * 5)[4:], "swapped sides?"),
        (make_nights([60]), make_nights([60]), "expected different nights, got the same in night-1.edf"),
        (make_nights([60]), pap_nights([9], patient="P-2"), "expected one patient, got 2: P-1"),
    ],
)
def test_sides_that_cannot_be_compared_are_refused_in_one_line(before, after, words):
    with pytest.raises(NightsError) as caught:
        hsat.compare_treatment(before, after)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nights_after_without_known_treatment_are_taken_as_treated_and_told():
    found = hsat.compare_treatment(make_nights([200] * 2), make_nights([20] * 4)[2:])
    assert "treated_as_given" in {note.code for note in found.notes}


def test_a_side_without_a_usable_night_has_reasons_for_every_null():
    found = hsat.compare_treatment(make_nights([60]), [make_night(9, 5, 1.0, therapy="pap")])
    document = json.loads(treatment_json(found))
    nulls = [name for name, value in document.items() if value is None]
    assert {"p_halved", "p_complete", "change_per_h"} <= set(nulls)
    assert set(nulls) <= set(document["not_measured"])
    assert document["not_measured"]["p_halved"] == "no night after the treatment can be used"
    assert "No effect can be told" in view_text(view_treatment(found))


def test_json_is_strict_and_holds_both_sides():
    found = hsat.compare_treatment(
        make_nights([200] * 3), pap_nights([8] * 3, rules_id=None, denominator="usage")
    )
    document = json.loads(treatment_json(found), parse_constant=pytest.fail)
    assert document["schema"] == "hsat.treatment/1"
    assert document["before"]["schema"] == document["after"]["schema"] == "hsat.patient/1"
    assert document["p_halved"] == found.p_halved
    codes = [note["code"] for note in document["notes"]]
    assert codes == ["different_rules", "different_hours"]
    for side in ("before", "after"):
        nulls = [name for name, value in document[side].items() if value is None]
        assert set(nulls) <= set(document[side]["not_measured"])


def test_a_response_is_named_from_the_probability_in_the_table_on():
    """At, just below and just above 0.9 and its opposite, as the table of limits has them."""
    limits = treatment_limits()
    assert (limits.decided_from_fraction, limits.halved_fraction) == (0.9, 0.5)
    assert _verdict(0.5, 0.9) == "complete"
    assert _verdict(0.5, 0.8999) is None
    assert _verdict(0.9, 0.05) == "partial"
    assert _verdict(0.8999, 0.05) is None
    assert _verdict(0.0999, 0.5) == "none"
    assert _verdict(0.1001, 0.5) is None
