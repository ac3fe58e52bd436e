"""Two scorings of many nights: limits of agreement, ICC, classes, pooled events; their figure."""

import io
from dataclasses import replace

import numpy as np
import pytest

import hsat
from hsat.agreement.concordance import bland_altman, intraclass_correlation
from hsat.events import EventKind
from hsat.scorings import ScoredEvent, Scoring

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Six subjects and four judges: Shrout and Fleiss 1979, Psychol Bull 86:420, table 2."""

TWO_RATERS = [
    [4.2, 9.1],
    [12.3, 6.9],
    [33.0, 20.5],
    [18.7, 29.2],
    [7.7, 6.4],
    [45.1, 58.9],
    [2.0, 9.1],
    [24.6, 14.0],
]


def night(scored_ahi, reference_ahi, *, spans=((100, 120),), found=((100, 120),), patient=None, **changes):
    """A compared night of ten hours."""

    def scoring(ahi, events):
        return Scoring(
            source_path="n.csv",
            format="event table",
            events=tuple(ScoredEvent(kind=EventKind.HYPOPNEA, start_s=a, stop_s=b) for a, b in events),
            duration_s=36_000.0,
            monitored_h=10.0,
            monitored_spans_s=np.array([[0.0, 36_000.0]]),
            ahi_per_h=ahi,
            no_ahi_reason="no SpO2" if ahi is None else None,
            patient=patient,
        )

    scored = replace(scoring(scored_ahi, found), **changes)
    return hsat.compare_nights(scored, scoring(reference_ahi, spans))


def cohort(pairs, **changes):
    return hsat.summarize_agreement([night(a, b, **changes) for a, b in pairs])


# ------------------------------------------------------------------------ Bland and Altman


def test_limits_of_agreement_by_hand():
    # Differences 1, 2, 3, 4, 5: mean 3, SD sqrt(2.5) = 1.5811388, t(4) = 2.7764451.
    found = bland_altman([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.bias.value == 3.0
    assert found.sd == pytest.approx(1.5811388)
    half = 2.7764451 * 1.5811388 / 5**0.5
    assert found.bias.ci95 == pytest.approx((3 - half, 3 + half))
    assert found.lower_limit.value == pytest.approx(3 - 1.959964 * 1.5811388)
    assert found.upper_limit.value == pytest.approx(3 + 1.959964 * 1.5811388)
    # sqrt(1/5 + 1.959964^2 / 8) = 0.8247316
    half = 2.7764451 * 1.5811388 * 0.8247316
    limit = 3 + 1.959964 * 1.5811388
    assert found.upper_limit.ci95 == pytest.approx((limit - half, limit + half))


@pytest.mark.parametrize(("n", "has_limits"), [(0, False), (1, False), (2, False), (3, True)])
def test_limits_need_three_nights(n, has_limits):
    found = bland_altman(np.arange(n, dtype=float))
    assert (found.bias.value is not None) == (n > 0)
    assert (found.sd is not None) == has_limits
    for estimate in (found.lower_limit, found.upper_limit):
        assert (estimate.value is not None) == has_limits
        assert (estimate.reason is None) == has_limits


# ------------------------------------------------------------------------ ICC


def test_icc_of_the_published_example():
    # Shrout and Fleiss 1979, table 4: ICC(2,1) = .29; interval by pingouin 0.7.0: [0.02, 0.76].
    icc = intraclass_correlation(SHROUT_FLEISS)
    assert icc.value == pytest.approx(0.28976378)  # pingouin 0.7.0, ICC(A,1)
    assert icc.ci95 == pytest.approx((0.02, 0.76), abs=0.005)


def test_icc_of_two_raters():
    icc = intraclass_correlation(TWO_RATERS)
    assert icc.value == pytest.approx(0.8418309463332807)  # pingouin 0.7.0, ICC(A,1)
    assert icc.ci95 == pytest.approx((0.38, 0.97), abs=0.005)


def test_icc_is_of_absolute_agreement():
    numbers = np.array([1.0, 5.0, 9.0, 20.0])
    assert intraclass_correlation(np.column_stack((numbers, numbers))).value == 1.0
    assert intraclass_correlation(np.column_stack((numbers, numbers + 5.0))).value < 0.9


def test_icc_that_cannot_be_has_a_reason():
    assert "needs 3" in intraclass_correlation([[1.0, 2.0], [3.0, 4.0]]).reason
    assert "all AHI are the same" in intraclass_correlation(np.full((5, 2), 3.0)).reason
    whole = intraclass_correlation([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]])
    assert whole.value == 1.0
    assert whole.ci95 is None
    assert "agree in full" in whole.ci95_reason
    # Every subject has the same mean: MSR 0, MSC 0, MSE 2, so (0 - 2) / (0 + 2 + 2 (0 - 2) / 3) = -3.
    crossed = intraclass_correlation([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])
    assert crossed.value == pytest.approx(-3.0)
    assert "no interval" in crossed.ci95_reason


def test_icc_far_below_zero_has_no_interval_rather_than_a_wrong_one():
    # The formula would give [-0.4011, -0.4011], which does not hold the ICC of -0.38.
    icc = intraclass_correlation([[-2.0, -13.3], [-9.5, -5.1], [-2.0, -16.6], [1.3, -16.6]])
    assert -0.39 < icc.value < -0.37
    assert icc.ci95 is None
    assert "so far below 0" in icc.ci95_reason


@pytest.mark.parametrize("seed", range(20))
def test_icc_of_equal_numbers_does_not_stumble_over_rounding(seed):
    numbers = np.random.default_rng(seed).uniform(0.0, 60.0, 7) / 3.0
    whole = intraclass_correlation(np.column_stack((numbers, numbers)))
    assert whole.value == pytest.approx(1.0)
    assert whole.ci95 is None
    same = intraclass_correlation(np.full((7, 2), numbers[0]))
    assert same.value is None


# ------------------------------------------------------------------------ cohort


def test_bias_and_errors_over_nights():
    found = cohort(TWO_RATERS).ahi
    differences = [-4.9, 5.4, 12.5, -10.5, 1.3, -13.8, -7.1, 10.6]
    assert found.bias_per_h.value == pytest.approx(sum(differences) / 8)
    assert found.sd_per_h == pytest.approx(9.778173580553199)  # numpy in another environment
    assert found.mean_absolute_error_per_h.value == pytest.approx(sum(map(abs, differences)) / 8)
    low, high = found.mean_absolute_error_per_h.ci95
    assert 4.0 < low < found.mean_absolute_error_per_h.value < high < 13.0
    assert found.icc.value == pytest.approx(0.8418309463332807)


def test_classes_of_nights():
    pairs = [(4.9, 5.0), (5.0, 5.0), (14.9, 15.0), (30.0, 29.9), (31.0, 45.0), (2.0, 1.0)]
    severity = cohort(pairs).severity
    assert severity.table.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]]
    assert severity.accuracy.value == 0.5
    assert severity.accuracy.ci95 is not None
    # By hand: three nights one class apart, 3/6; by chance rows (1, 2, 2, 1) x columns (2, 2, 0, 2) / 36 =
    # (0+1*2+3*2) + (2*(1*2+0+2*2)) + (2*(2*2+1*2+1*2)) + (3*2+2*2) = 8 + 12 + 16 + 10 = 46, 46/36.
    assert severity.kappa_linear.value == pytest.approx(1 - (3 / 6) / (46 / 36))
    # squares: (1*2+9*2) + 2*(2+4*2) + 2*(4*2+2+2) + (9*2+4*2) = 20 + 20 + 24 + 26 = 90
    assert severity.kappa_quadratic.value == pytest.approx(1 - (3 / 6) / (90 / 36))


def test_fewer_than_three_nights_have_reasons_in_place_of_figures():
    found = cohort(TWO_RATERS[:2])
    for estimate in (found.ahi.lower_limit_per_h, found.ahi.icc, found.severity.kappa_linear):
        assert estimate.value is None
        assert "needs 3" in estimate.reason
    assert found.ahi.bias_per_h.value == pytest.approx((-4.9 + 5.4) / 2)
    assert found.ahi.bias_per_h.ci95 is None
    assert found.overlaps[0].groups["events"].f1.value == 1.0


def test_nights_without_ahi_or_class_are_said_to_be_missing():
    nights = [night(*pair) for pair in TWO_RATERS[:3]]
    nights.append(night(None, 3.0))
    nights.append(night(20.0, 20.0, no_class_reason="on therapy"))
    found = hsat.summarize_agreement(nights)
    assert found.ahi.nights == (0, 1, 2, 4)
    assert found.severity.table.sum() == 3
    texts = [note.text for note in found.notes]
    assert "1 of 5 nights have no AHI from both scorings: not in its figures" in texts
    assert "2 of 5 nights have no class from both scorings: not in the table" in texts


def test_events_of_all_nights_are_summed():
    three = [(100, 120), (200, 220), (300, 320)]
    nights = [
        night(1, 1, spans=three, found=three[:1]),
        night(1, 1, spans=three[:1], found=three),
        night(1, 1, spans=three, found=three),
    ]
    group = hsat.summarize_agreement(nights).overlaps[1].groups["events"]
    assert (group.n_matched, group.n_false_positives, group.n_false_negatives) == (5, 2, 2)
    assert (group.precision.value, group.recall.value, group.f1.value) == (5 / 7, 5 / 7, 5 / 7)
    low, high = group.f1.ci95
    assert low >= 0.5  # no sum of these nights has a lower F1 than the first and the second alone
    assert high == 1.0


def test_a_group_is_that_of_the_nights_that_could_tell():
    silent = night(None, 1.0, found=(), not_scored={"hypopneas": "no SpO2 channel"})
    found = hsat.summarize_agreement([night(1, 1), silent])
    group = found.overlaps[0].groups["events"]
    assert (group.n_matched, group.n_false_negatives) == (1, 0)
    assert found.times[0].compared_h == 10.0
    assert "nights_without_events" in [note.code for note in found.notes]
    alone = hsat.summarize_agreement([silent])
    assert "events" in alone.overlaps[0].not_compared
    assert alone.times[0].kappa.value is None


def test_nights_of_one_patient_are_resampled_together():
    different = [night(a, b, patient=f"P{i}") for i, (a, b) in enumerate(TWO_RATERS)]
    same = [night(a, b, patient="P") for a, b in TWO_RATERS]
    assert hsat.summarize_agreement(different).n_patients == 8
    found = hsat.summarize_agreement(same)
    assert found.n_patients == 1
    assert found.ahi.mean_absolute_error_per_h.ci95 is None
    assert found.ahi.mean_absolute_error_per_h.ci95_reason == "1 patients: an interval needs 3"
    assert "repeated_nights" in [note.code for note in found.notes]
    assert cohort(TWO_RATERS).n_patients == 8


@pytest.mark.parametrize(("n", "is_noted"), [(19, True), (20, False)])
def test_few_patients_are_noted(n, is_noted):
    codes = [note.code for note in cohort([(1.0 + i, 2.0 + i) for i in range(n)]).notes]
    assert ("few_patients" in codes) == is_noted


def test_no_night_at_all():
    found = hsat.summarize_agreement([])
    assert found.ahi.bias_per_h.value is None
    assert found.severity.accuracy.value is None
    assert found.overlaps == ()


def test_nights_with_different_epochs_do_not_go_together():
    one = night(1, 1)
    other = hsat.compare_nights(one.scored, one.reference, epoch_s=30.0)
    with pytest.raises(ValueError, match="one epoch_s"):
        hsat.summarize_agreement([one, other])


# ------------------------------------------------------------------------ figure


def test_the_figure_shows_every_night_with_bias_and_limits():
    found = cohort(TWO_RATERS)
    figure = found.plot()
    (axes,) = figure.axes
    assert axes.get_xlabel() == "mean of scored and reference AHI (events/h)"
    assert axes.get_ylabel() == "scored minus reference AHI (events/h)"
    points = axes.collections[0].get_offsets()
    assert np.allclose(points, [[(a + b) / 2, a - b] for a, b in TWO_RATERS])
    levels = [line.get_ydata()[0] for line in axes.lines]
    ahi = found.ahi
    assert levels == [
        0.0,
        ahi.bias_per_h.value,
        ahi.upper_limit_per_h.value,
        ahi.lower_limit_per_h.value,
    ]
    assert [text.get_text() for text in axes.texts] == ["bias\n-0.8", "+1.96 SD\n+18.4", "-1.96 SD\n-20.0"]
    assert len({line.get_color() + line.get_linestyle() for line in axes.lines[1:]}) == 2
    figure.savefig(io.BytesIO(), format="png")


def test_the_figure_of_two_nights_says_why_there_are_no_limits():
    (axes,) = cohort(TWO_RATERS[:2]).plot().axes
    assert len(axes.lines) == 2
    assert "no limits of agreement: 2 nights with both AHI: needs 3" in axes.get_title(loc="left")
