"""What `estimate_ahi` is given: columns of any kind, and a user's own prior, held against plain sums."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom, norm, poisson

import hsat
from hsat.errors import HsatError, NightsError, PriorError

WORDS = 'meaning = "a test"\nsource = "a test"\n'
LIMITS = (5.0, 15.0, 30.0)


def own_prior(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(WORDS + text)
    return path


def uniform(tmp_path, low, high):
    return own_prior(tmp_path, f'kind = "uniform"\nfrom_ahi_per_h = {low}\nto_ahi_per_h = {high}\n')


# --- a user's uniform prior: its ends cut the grid


def likelihood_of_one_night(count, hours, mu, model):
    """Of every mu, summed over the night's own rate: Gauss-Hermite, or scipy's negative binomial."""
    if model == "independent":
        z = np.linspace(-4.4, 4.4, 401)
        shape = (0.33 * 1.6**z) ** -2.0
        return (norm.pdf(z) * nbinom.pmf(count, shape, shape / (shape + mu[:, None] * hours))).sum(axis=1)
    z = np.linspace(-6.0, 6.0, 241)
    total = np.zeros(len(mu))
    for sigma in np.linspace(0.1, 1.2, 111):
        rate = mu[:, None] * np.exp(sigma * z - 0.5 * sigma**2)
        weight = 0.5 if sigma in (0.1, 1.2) else 1.0
        total += weight * (norm.pdf(z) * poisson.pmf(count, rate * hours)).sum(axis=1)
    return total


@pytest.mark.parametrize("model", ["default", "independent"])
@pytest.mark.parametrize(
    ("count", "low", "high"), [(98, 20.0, 40.0), (98, 5.0, 50.0), (98, 10.0, 15.0), (300, 0.0, 30.0)]
)
def test_uniform_prior_agrees_with_plain_sums(tmp_path, model, count, low, high):
    mu = low + (high - low) * (np.arange(2000) + 0.5) / 2000.0
    weight = likelihood_of_one_night(count, 7.0, mu, model)
    weight /= weight.sum()
    edges = [0.0, *LIMITS, math.inf]
    expected = [weight[(mu >= a) & (mu < b)].sum() for a, b in itertools.pairwise(edges)]
    found = hsat.estimate_ahi([count], [7.0], prior=uniform(tmp_path, low, high), model=model)
    assert list(found.class_probability.values()) == pytest.approx(expected, abs=1e-3)
    assert found.mean_ahi_per_h == pytest.approx(weight @ mu, rel=2e-3)
    ends = np.interp([0.025, 0.975], np.cumsum(weight), mu)
    assert found.ci95_ahi_per_h == pytest.approx(ends, rel=3e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kind = "uniform"\nfrom_ahi_per_h = 10\nto_ahi_per_h = 14.9', "at least 1.5 times from_ahi_per_h"),
        ('kind = "uniform"\nfrom_ahi_per_h = 0\nto_ahi_per_h = 0.09', "from 0.1 to 1000, got 0.09"),
        ('kind = "lognormal"\nmedian_ahi_per_h = 9\ngeometric_sd = 1.04', "from 1.05 to 100, got 1.04"),
        (
            'kind = "prevalence"\nahi_from_per_h = [5, 5.01]\nprevalence_fraction = [0.5, 0.1]',
            "geometric SD from 1.05 to 100",
        ),
        (
            'kind = "prevalence"\nahi_from_per_h = [1, 200]\nprevalence_fraction = [0.5, 0.4999999999]',
            "geometric SD from 1.05 to 100",
        ),
    ],
)
def test_a_prior_too_narrow_or_too_wide_is_refused_in_one_line(tmp_path, text, words):
    with pytest.raises(PriorError) as caught:
        hsat.estimate_ahi([98], [7.0], prior=own_prior(tmp_path, text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'kind = "uniform"\nfrom_ahi_per_h = 10\nto_ahi_per_h = 15',
        'kind = "uniform"\nfrom_ahi_per_h = 0\nto_ahi_per_h = 0.1',
        'kind = "lognormal"\nmedian_ahi_per_h = 9\ngeometric_sd = 1.05',
    ],
)
def test_the_narrowest_priors_that_are_allowed_keep_the_mean_inside(tmp_path, text):
    found = hsat.estimate_ahi([98], [7.0], prior=own_prior(tmp_path, text))
    numbers = [value for line in text.splitlines()[1:] for value in [float(line.split("=")[1])]]
    low, high = numbers if "uniform" in text else (numbers[0] / 1.4, numbers[0] * 1.4)
    assert low <= found.ci95_ahi_per_h[0] < found.ci95_ahi_per_h[1] <= high + 1e-9


def test_a_prior_that_excludes_the_nights_is_one_line(tmp_path):
    path = own_prior(tmp_path, 'kind = "lognormal"\nmedian_ahi_per_h = 0.01\ngeometric_sd = 1.1')
    with pytest.raises(PriorError, match="expected one that allows such nights"):
        hsat.estimate_ahi([1400] * 7, [7.0] * 7, prior=path)


def test_a_prior_whose_name_has_a_line_end_is_one_line():
    with pytest.raises(PriorError) as caught:
        hsat.estimate_ahi([98], [7.0], prior="a\nb.toml")
    assert "\n" not in str(caught.value)


# --- columns


def test_columns_of_a_table_are_taken_in_their_order_not_by_label():
    table = pd.DataFrame({"n": [20, 98, 140], "h": [6.0, 7.0, 7.1], "day": [9, 0, 3]}).iloc[[2, 1]]
    expected = hsat.estimate_ahi([140, 98], [7.1, 7.0], [3, 0])
    found = hsat.estimate_ahi(table["n"], [7.1, 7.0], table["day"])
    assert found.ci95_ahi_per_h == expected.ci95_ahi_per_h
    found = hsat.estimate_ahi(table["n"], table["h"], table["day"].to_numpy())
    assert found.ci95_ahi_per_h == expected.ci95_ahi_per_h


@pytest.mark.parametrize("wrong", [None, 3, "98", {98: 7}, {98}, np.array(98), np.ones((1, 1)), iter([98])])
def test_what_is_no_row_of_numbers_is_one_line_that_names_the_argument(wrong):
    for arguments, name in (((wrong, [7.0]), "counts"), (([98], wrong), "hours")):
        with pytest.raises(NightsError) as caught:
            hsat.estimate_ahi(*arguments)
        assert str(caught.value).startswith(f"{name}: expected a sequence of numbers, got ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("day", [3.5, np.float64(3.5), math.nan, None, np.datetime64("2026-03-02")])
def test_a_day_that_is_no_whole_number_is_refused(day):
    with pytest.raises(HsatError, match="days, night 2: expected a"):
        hsat.estimate_ahi([98, 90], [7.0, 7.0], np.array([0, day], dtype=object))
