"""What a summary over nights refuses, and what it says of a scoring that is known to err."""

import json
import math

import numpy as np
import pytest
from patient_nights import make_night, make_nights

import hsat
from hsat.cli.main import main
from hsat.errors import NightsError
from hsat.nights.scoring_error import ScoringError
from hsat.report.document import night_json
from hsat.report.patient_words import advice_words, class_words


@pytest.mark.parametrize("wrong", [None, 3, "ab", [1], [None], make_night()])
def test_what_is_no_list_of_nights_is_one_line(wrong):
    for call, name in (
        (lambda: hsat.summarize_nights(wrong), "nights"),
        (lambda: hsat.compare_treatment(wrong, make_nights([9])), "before"),
        (lambda: hsat.compare_treatment(make_nights([9]), wrong), "after"),
    ):
        with pytest.raises(NightsError) as caught:
            call()
        assert str(caught.value).startswith(name)
        assert "expected results of hsat.score_night in a list, got " in str(caught.value)
        assert "P-1" not in str(caught.value)


@pytest.mark.parametrize("age", ["40", True, math.nan, -1, 151])
def test_an_age_that_is_none_is_one_line(age):
    with pytest.raises(NightsError, match="age_years: expected years from 0 to 150"):
        hsat.summarize_nights(make_nights([9]), age_years=age)


@pytest.mark.parametrize("age", [17, 17.99, np.float64(17.0), np.int64(17)])
def test_below_18_years_there_is_no_class_whatever_kind_of_number(age):
    assert hsat.summarize_nights(make_nights([65]), age_years=age).posterior.severity is None


def test_a_result_widened_by_a_scoring_error_says_so_and_does_not_blame_the_mean_alone():
    nights = make_nights([75, 123, 95])
    error = ScoringError(bias_per_h=3.0, sd_per_h=5.0, relative_sd_fraction=0.1)
    widened = hsat.summarize_nights(nights, scoring_error=error)
    notes = [note.text for note in widened.notes if note.code == "scoring_error"]
    assert len(notes) == 1
    assert "bias 3 /h, SD 5 /h, SD 10 % of the AHI" in notes[0]
    assert widened.posterior.nights_needed is None
    assert "for a scoring with the known error" in advice_words(widened)
    plain = hsat.summarize_nights(nights)
    assert not [note for note in plain.notes if note.code == "scoring_error"]
    assert "known error" not in advice_words(plain)


def test_one_night_is_one_in_the_reason_why_no_trend_is_told():
    assert hsat.summarize_nights(make_nights([9])).trend.reason == "1 night: a trend is looked for from 7 on"


@pytest.mark.parametrize("hours", [2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
def test_a_class_that_is_not_firm_never_stands_alone(hours):
    for n_nights in (1, 2, 3):
        summary = hsat.summarize_nights(make_nights([1] * n_nights, hours), compare_priors=False)
        text = class_words(summary.posterior)
        assert text.startswith("between normal and mild (") is not summary.posterior.is_firm


@pytest.mark.parametrize(
    ("n_events", "hours", "name", "words"),
    [
        (0, 20.0, "normal", "between normal and mild (91 %"),
        (1400, 7.0, "severe", "between moderate and severe ("),
    ],
)
def test_a_class_above_90_percent_that_one_night_does_not_make_firm_is_told_with_the_next(
    n_events, hours, name, words
):
    posterior = hsat.summarize_nights([make_night(0, n_events, hours)], compare_priors=False).posterior
    assert 0.9 <= posterior.class_probability[name] < 0.95
    assert not posterior.is_firm
    assert class_words(posterior).startswith(words)


# --- JSON of scored nights


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """A simulated night as hsat score stores it."""
    folder = tmp_path_factory.mktemp("stored")
    assert main(["simulate", "--seed", "5", "--out", str(folder)]) == 0
    recording = next(iter(folder.glob("*.edf")))
    night = hsat.score_night(hsat.read_recording(str(recording)))
    return json.loads(night_json(night))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"indices": {"ahi_per_h": 50.0}}, "indices.ahi_per_h: expected the rate of its "),
        ({"reasons": 5}, "reasons: expected a list of texts, got 5"),
        ({"reasons": "short"}, "reasons: expected a list of texts, got 'short'"),
    ],
)
def test_a_stored_night_that_contradicts_itself_is_one_line(tmp_path, capsys, document, change, words):
    changed = {
        key: {**value, **change[key]} if isinstance(change.get(key), dict) else change.get(key, value)
        for key, value in document.items()
    }
    path = tmp_path / "night.json"
    path.write_text(json.dumps(changed))
    assert main(["patient", str(path)]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err.splitlines()[0]
    path.write_text(json.dumps(document))
    assert main(["patient", str(path)]) == 0
