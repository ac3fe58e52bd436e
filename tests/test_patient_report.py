"""What is printed of several nights: words, JSON without unexplained nulls, CSV, the figure."""

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

import hsat
from hsat.report.patient_document import PATIENT_COLUMNS, patient_csv, patient_json, patient_row
from hsat.report.patient_plots import count_interval_per_h
from hsat.report.patient_view import view_patient
from hsat.report.patient_words import class_words, likely_classes, percent_words
from hsat.report.text import view_text
from tests.patient_nights import make_night, make_nights

THREE = [75, 122, 95]


def text_of(summary) -> str:
    return view_text(view_patient(summary))


def nulls(value, path=""):
    """Paths of every null; items of lists share one."""
    if value is None:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from nulls(item, f"{path}.{key}" if path else key)
    if isinstance(value, list):
        for item in value:
            yield from nulls(item, path)


SUMMARIES = {
    "three": lambda: hsat.summarize_nights(make_nights(THREE), rule="worst-night"),
    "one": lambda: hsat.summarize_nights([make_night(0, supine_h=0.0, non_supine_h=6.0)]),
    "none": lambda: hsat.summarize_nights([make_night(0, 1, 0.1)]),
    "child": lambda: hsat.summarize_nights(make_nights(THREE), age_years=7.0, rule="first-night"),
    "pap": lambda: hsat.summarize_nights(make_nights([9, 4], therapy="pap", severity=None, patient=None)),
    "undated": lambda: hsat.summarize_nights(make_nights(THREE, start_local=None), model="independent"),
    "week": lambda: hsat.summarize_nights(make_nights([60, 70, 80, 90, 100, 120, 150, 180])),
}


@pytest.fixture(scope="module", params=list(SUMMARIES))
def summary(request):
    return SUMMARIES[request.param]()


def test_json_is_strict_and_every_null_has_a_reason(summary):
    document = json.loads(patient_json(summary), parse_constant=pytest.fail)
    assert document["schema"] == "hsat.patient/1"
    missing = {path for path in nulls(document) if not path.startswith("not_measured")}
    assert missing <= set(document["not_measured"])
    assert all(document["not_measured"].values())
    assert "no reason was recorded" not in document["not_measured"].values()


def test_text_is_printable_and_80_columns_but_for_names(summary):
    lines = text_of(summary).splitlines()
    assert all(line.isprintable() for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_json_holds_the_keys_that_scripts_rely_on():
    summary = hsat.summarize_nights(make_nights(THREE))
    document = json.loads(patient_json(summary))
    night_keys = [
        "file",
        "start_local",
        "monitoring_h",
        "n_events",
        "ahi_per_h",
        "severity",
        "is_adequate",
        "reasons",
    ]
    assert set(night_keys) <= set(document["nights"][0])
    posterior_keys = [
        "prior",
        "model",
        "mean_ahi_per_h",
        "ci95_ahi_per_h",
        "class_probability",
        "severity",
        "is_firm",
        "p_misclassified",
        "night_to_night_cv",
        "next_night_ci95",
        "nights_needed",
    ]
    assert set(posterior_keys) <= set(document["posterior"])
    assert document["posterior"]["class_probability"] == summary.posterior.class_probability
    assert document["pooled_ahi_per_h"] == summary.pooled_ahi_per_h


# ------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.0, "< 1 %"),
        (0.0049, "< 1 %"),
        (0.62, "62 %"),
        (0.8999, "90.0 %"),
        (0.9, "90 %"),
        (0.9951, "> 99 %"),
    ],
)
def test_probabilities_in_words_are_never_certain(probability, words):
    assert percent_words(probability) == words


def posterior_with(**shares):
    posterior = hsat.summarize_nights(make_nights(THREE), compare_priors=False).posterior
    probability = {name: shares.get(name, 0.0) for name in ("normal", "mild", "moderate", "severe")}
    severity = max(probability, key=lambda name: probability[name])
    return replace(
        posterior, class_probability=probability, severity=severity, is_firm=probability[severity] >= 0.9
    )


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"mild": 0.62, "moderate": 0.36, "severe": 0.02}, "between mild and moderate (62 % / 36 %)"),
        ({"moderate": 0.9, "mild": 0.1}, "moderate (90 %)"),
        ({"moderate": 0.89, "severe": 0.11}, "between moderate and severe (89 % / 11 %)"),
        (
            {"normal": 0.3, "mild": 0.4, "moderate": 0.25, "severe": 0.05},
            "between normal, mild and moderate (30 % / 40 % / 25 %)",
        ),
    ],
)
def test_a_class_is_firm_from_090_on_and_a_range_below(shares, words):
    assert class_words(posterior_with(**shares)) == words


def test_likely_classes_hold_nine_tenths_in_order_of_severity():
    assert likely_classes({"normal": 0.05, "mild": 0.5, "moderate": 0.1, "severe": 0.35}) == (
        "mild",
        "moderate",
        "severe",
    )


def test_nights_that_disagree_are_open_and_another_is_recommended():
    text = text_of(hsat.summarize_nights(make_nights(THREE)))
    assert "do not settle the class" in " ".join(text.split())
    assert "Another night is recommended" in " ".join(text.split())
    assert "Of the single nights, 2 would say mild, 1 would say moderate." in text
    assert "By prior: referral" in text


def test_nights_that_agree_are_firm_and_none_is_recommended():
    text = " ".join(text_of(hsat.summarize_nights(make_nights([390] * 7))).split())
    assert "These 7 nights settle the class" in text
    assert "Another night is recommended" not in text
    assert "severe (> 99 %)" in text


def test_below_18_years_no_class_is_printed():
    text = text_of(hsat.summarize_nights(make_nights(THREE), age_years=7.0))
    assert "no class" in text.splitlines()[0]
    assert "age 7 is below 18 years" in text
    assert "Another night" not in text


def test_a_worst_night_is_shown_with_its_warning_and_never_as_the_result():
    text = text_of(hsat.summarize_nights(make_nights(THREE), rule="worst-night"))
    assert "worst-night                        18.8 /h   would say moderate" in text  # 122 / 6.5
    assert "36 % after 7" in " ".join(text.split())
    assert "18.8" not in text.splitlines()[0]


def test_texts_from_files_cannot_steer_the_terminal():
    night = make_night(0, file="a\x1b[31m\n.edf", patient="P\u202e1")
    summary = hsat.summarize_nights(
        [night, replace(night, file="b\x07.edf", monitoring_h=1.0, adequacy="inadequate")]
    )
    assert all(line.isprintable() for line in text_of(summary).splitlines())


def test_many_nights_are_cut_in_the_text_and_whole_in_json():
    summary = hsat.summarize_nights(make_nights([60 + day % 30 for day in range(40)]), compare_priors=False)
    assert "The last 31 of 40 nights" in text_of(summary)
    assert len(json.loads(patient_json(summary))["nights"]) == 40


# ------------------------------------------------------------------ CSV


def test_csv_has_a_row_for_each_night_used_or_left_out():
    summary = hsat.summarize_nights([*make_nights(THREE), make_night(5, 3, 1.0, file="=cmd.edf")])
    rows = list(csv.DictReader(io.StringIO(patient_csv(summary))))
    assert [row["is_used"] for row in rows] == ["true"] * 3 + ["false"]
    assert rows[3]["file"] == "'=cmd.edf"
    assert "less than 2 h" in rows[3]["excluded_reason"]
    assert float(rows[0]["ahi_per_h"]) == 75 / 6.5
    assert {float(row["patient_pooled_ahi_per_h"]) for row in rows} == {summary.pooled_ahi_per_h}


def test_a_patient_is_one_row_with_the_named_columns(summary):
    row = patient_row(summary)
    assert tuple(row) == PATIENT_COLUMNS
    assert not [value for value in row.values() if isinstance(value, float) and not math.isfinite(value)]


# ------------------------------------------------------------------ the figure


@pytest.mark.parametrize("n", [5, 12, 75, 400])
def test_the_interval_of_a_count_is_near_the_exact_poisson_limits(n):
    # Garwood 1936: half the chi-square quantiles with 2n and 2n + 2 degrees of freedom.
    low, high = count_interval_per_h(n, 1.0)
    assert low == pytest.approx(chi2.ppf(0.025, 2 * n) / 2.0, rel=0.01)
    assert high == pytest.approx(chi2.ppf(0.975, 2 * n + 2) / 2.0, rel=0.01)


def test_no_events_reach_down_to_zero_and_up_to_four():
    low, high = count_interval_per_h(0, 2.0)
    assert low == 0.0
    assert high == pytest.approx(3.69 / 2.0, rel=0.03)  # the exact limit of no event is 3.69


def test_the_figure_shows_every_night_and_the_words(summary, tmp_path):
    figure = summary.plot()
    figure.savefig(tmp_path / "figure.png", dpi=40)
    left, right = figure.axes
    if not summary.nights:
        assert "No night" in left.get_title(loc="left")
        return
    points = np.concatenate([item.get_offsets() for item in left.collections if len(item.get_offsets()) > 0])
    drawn = sorted(float(y) for _, y in points if y > 0)
    assert drawn == pytest.approx(sorted(night.ahi_per_h for night in summary.nights))
    words = "\n".join(text.get_text() for text in right.texts).splitlines()
    assert len(words) == (4 if summary.posterior.class_probability else 0)
    assert left.get_title(loc="left").startswith(f"{len(summary.nights)} night")
