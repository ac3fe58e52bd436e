"""The studies behind docs/multi-night.md, small and seeded, and the figures that the document holds."""

import math

import numpy as np
import pytest

from benchmarks.document import read_blocks
from benchmarks.night_studies import NIGHTS, WINDOWS, judge_series, run_patients
from benchmarks.nightly_series import device_series, simulated_series
from benchmarks.nights import DOCUMENT, LEAST_NIGHTS, PLOT

N_PATIENTS = 70


@pytest.fixture(scope="module")
def own():
    """Patients drawn from the default model's own prior."""
    return run_patients("own", "default", N_PATIENTS, seed=5000)


def mean_and_error(values):
    values = np.asarray(values, dtype=float)
    return values.mean(), values.std(ddof=1) / math.sqrt(len(values))


@pytest.mark.parametrize("n_nights", NIGHTS)
def test_intervals_cover_under_their_own_prior(own, n_nights):
    """93.5 to 96.5 % is asked; so few patients add three standard errors of a share of 95 %."""
    share = np.mean([row.is_covered for row in own if row.n_nights == n_nights])
    assert abs(share - 0.95) <= 0.015 + 3.0 * math.sqrt(0.95 * 0.05 / N_PATIENTS)


@pytest.mark.parametrize("n_nights", NIGHTS)
def test_stated_and_actual_misclassification_agree_under_their_own_prior(own, n_nights):
    rows = [row for row in own if row.n_nights == n_nights]
    difference, error = mean_and_error([row.p_misclassified - row.is_wrong for row in rows])
    assert abs(difference) <= 0.015 + 3.0 * error


def test_firm_calls_are_right_under_their_own_prior(own):
    firm = [row for row in own if row.is_firm]
    share, error = mean_and_error([not row.is_wrong for row in firm])
    assert len(firm) > 25
    assert share >= 0.95 - 3.0 * error


def test_the_posterior_beats_the_worst_night(own):
    """The rule that takes the worst of 14 nights calls far more patients wrongly."""
    rows = [row for row in own if row.n_nights == 14]
    assert np.mean([r.is_worst_wrong for r in rows]) > np.mean([r.is_wrong for r in rows]) + 0.1


def test_simulated_series_vary_as_they_should():
    """Mean, variation and correlation of the log-normal kind, over many series, near what was asked for."""
    chosen = [s for cv, s in simulated_series(3, 8) if s.name == "log-normal" and cv == 0.5]
    means = np.array([s.ahi_per_h.mean() for s in chosen])
    assert np.sort(means)[: len(means) // 2].mean() == pytest.approx(2.5, rel=0.1)
    assert np.sort(means)[len(means) // 2 :].mean() == pytest.approx(12.0, rel=0.1)
    high = [s for s in chosen if s.ahi_per_h.mean() > 6.0]
    cvs = [math.sqrt(s.ahi_per_h.var() - (s.ahi_per_h / s.hours).mean()) / s.ahi_per_h.mean() for s in high]
    assert np.mean(cvs) == pytest.approx(0.5, rel=0.1)


def test_daily_series_of_devices(shared_data):
    """Every eighth window of each series of at least 60 nights; the document has every window."""
    long = [s for s in device_series(shared_data / "real") if len(s.counts) >= LEAST_NIGHTS]
    assert long
    for series in long:
        rows = judge_series(series, range(0, len(series.counts), 8))
        for n_nights in WINDOWS:
            ours, simple = (
                [row for row in rows if row.n_nights == n_nights and row.model == model]
                for model in ("default", "independent")
            )
            chance = 1.0 / len(ours)  # one window more or less
            assert np.mean([row.is_mean_covered for row in ours]) >= 0.85 - chance
            assert np.mean([row.is_next_covered for row in ours]) >= 0.90 - chance
            assert np.mean([r.log_score for r in ours]) > np.mean([r.log_score for r in simple])
            for width in ("mean_width_per_h", "next_width_per_h"):
                default, independent = (np.median([getattr(r, width) for r in x]) for x in (ours, simple))
                assert default <= 2.5 * independent * (1.0 + chance)


def test_the_document_holds_what_is_asked_of_the_own_prior():
    """Numbers of the written table; where no call was firm none can be right."""
    lines = [x for x in read_blocks(DOCUMENT)["calibration"].splitlines() if x.startswith("|")][2:]
    rows = [[cell.strip(" %") for cell in line.strip("|").split("|")] for line in lines]
    assert [int(row[0]) for row in rows] == list(NIGHTS)
    for _, covered, _, predicted, actual, difference, firm, right, n_patients in rows:
        assert 93.5 <= float(covered) <= 96.5
        assert abs(float(predicted) - float(actual)) <= 1.5
        assert abs(float(difference)) <= 1.5
        assert float(firm) == 0.0 if right == "-" else float(right) >= 95.0
        assert int(n_patients) >= 2000


def test_the_document_has_its_plot():
    assert PLOT.is_file()
    assert PLOT.name in DOCUMENT.read_text(encoding="utf-8")
