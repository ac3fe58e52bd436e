"""`estimate_ahi` against integrals done in another way, by hand, and at the edges."""

import itertools
import math
import pickle

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import CubicSpline
from scipy.special import roots_genlaguerre
from scipy.stats import gamma, lognorm, multivariate_normal, nbinom, norm, poisson

import hsat
from hsat.errors import HsatError, NightsError, PriorError
from hsat.nights import further
from hsat.nights.fitting import fit_model
from hsat.nights.marginal import N_FINE, spline_matrix
from hsat.nights.posterior import compare_priors
from hsat.nights.priors import drifting_variation, independent_variation, load_prior, prior_names
from hsat.nights.scoring_error import ScoringError

LIMITS = (5.0, 15.0, 30.0)
SEVERITIES = ("normal", "mild", "moderate", "severe")
REFERRAL = lognorm(s=math.log(2.6), scale=12.0)
"""Written out, not read from the package."""


def summary_of(log_mu, density):
    """Class probabilities, mean and 95 % interval of a density over log mu, summed on a fine grid."""
    fine = np.linspace(log_mu[0], log_mu[-1], 40_001)
    weight = np.exp(CubicSpline(log_mu, np.log(np.maximum(density, 1e-300)))(fine))
    weight /= weight.sum()
    mu = np.exp(fine)
    edges = [0.0, *LIMITS, np.inf]
    probability = [float(weight[(mu >= a) & (mu < b)].sum()) for a, b in itertools.pairwise(edges)]
    cumulative = np.cumsum(weight)
    ci95 = [float(mu[np.searchsorted(cumulative, q)]) for q in (0.025, 0.975)]
    return probability, float((weight * mu).sum()), ci95


def assert_agrees(posterior, expected):
    """Every class probability to 1e-3, mean and interval to 0.5 %."""
    probability, mean, ci95 = expected
    found = [posterior.class_probability[name] for name in SEVERITIES]
    assert found == pytest.approx(probability, abs=1e-3)
    assert sum(found) == pytest.approx(1.0, abs=1e-12)
    assert posterior.mean_ahi_per_h == pytest.approx(mean, rel=5e-3)
    assert posterior.ci95_ahi_per_h == pytest.approx(ci95, rel=5e-3)


# --- the independent model, by scipy's own negative binomial and adaptive quadrature over phi


def independent_by_quadrature(counts, hours):
    table = independent_variation()
    phi_prior = lognorm(s=math.log(table.cv_geometric_sd), scale=table.cv_median)
    log_mu = np.linspace(math.log(0.05), math.log(400.0), 500)
    mean = np.exp(log_mu)[:, None] * np.asarray(hours)

    def likelihood(z):
        phi = phi_prior.median() * table.cv_geometric_sd**z
        a = phi**-2
        return norm.pdf(z) * np.exp(nbinom.logpmf(counts, a, a / (a + mean)).sum(axis=1))

    nodes, weights = np.polynomial.legendre.leggauss(80)
    total = sum(w * likelihood(4.5 * z) for z, w in zip(nodes, weights, strict=True))
    return summary_of(log_mu, total * REFERRAL.pdf(np.exp(log_mu)) * np.exp(log_mu))


@pytest.mark.parametrize(
    ("counts", "hours"),
    [
        pytest.param([0], [7.0], id="no events"),
        pytest.param([98], [7.0], id="one night"),
        pytest.param([98, 140, 71], [7.0, 7.1, 6.9], id="three nights"),
        pytest.param([3, 40, 9, 210, 80], [2.0, 7.0, 6.0, 8.0, 4.0], id="five unlike nights"),
    ],
)
def test_independent_model_agrees_with_quadrature(counts, hours):
    posterior = hsat.estimate_ahi(counts, hours, model="independent")
    assert_agrees(posterior, independent_by_quadrature(counts, hours))


# --- the default model, by integrating over the nights' rates themselves


def default_by_quadrature(counts, hours, days):
    """Gauss-Laguerre over the nights' rates, whose logarithms are jointly normal; no filter, no grid of z."""
    table = drifting_variation()
    rules = [roots_genlaguerre(14, y - 1.0) for y in counts]  # weight x^(y-1) exp(-x), x = rate * hours
    log_rate = np.array(
        list(itertools.product(*(np.log(x / t) for (x, _), t in zip(rules, hours, strict=True))))
    )
    weight = np.array([math.prod(w) for w in itertools.product(*(w / w.sum() for _, w in rules))])
    log_mu = np.linspace(math.log(0.3), math.log(250.0), 90)
    gap = np.abs(np.subtract.outer(days, days))
    nodes, node_weights = np.polynomial.legendre.leggauss(8)
    total = np.zeros_like(log_mu)
    for node, node_weight in zip(nodes, node_weights, strict=True):
        sigma = table.log_sd_from + 0.5 * (1.0 + node) * (table.log_sd_to - table.log_sd_from)
        for share, days_ in itertools.product(table.drift_share_fraction, table.drift_time_days):
            covariance = sigma**2 * (share * np.exp(-gap / days_) + (1.0 - share) * np.eye(len(counts)))
            centred = log_rate[None, :, :] - (log_mu - 0.5 * sigma**2)[:, None, None]
            density = multivariate_normal(np.zeros(len(counts)), covariance).pdf(centred)
            total += node_weight * (np.reshape(density, centred.shape[:2]) @ weight)
    return summary_of(log_mu, total * REFERRAL.pdf(np.exp(log_mu)) * np.exp(log_mu))


@pytest.mark.parametrize(
    ("counts", "hours", "days"),
    [
        pytest.param([9], [7.0], [0], id="one night, few events"),
        pytest.param([98], [7.0], [0], id="one night"),
        pytest.param([40, 171], [6.0, 7.5], [0, 1], id="two nights"),
        pytest.param([40, 171], [6.0, 3.5], [3, 3], id="twice in one night"),
        pytest.param([35, 35], [7.0, 7.0], [0, 9], id="alike, nine days apart"),
        pytest.param([98, 140, 71], [7.0, 7.1, 6.9], [0, 1, 4], id="three nights with a gap"),
        pytest.param([2, 30, 11], [7.0, 7.1, 6.9], [0, 1, 2], id="three unlike nights"),
    ],
)
def test_default_model_agrees_with_quadrature(counts, hours, days):
    posterior = hsat.estimate_ahi(counts, hours, days)
    assert_agrees(posterior, default_by_quadrature(counts, hours, days))


def test_default_model_without_events_agrees_with_adaptive_quadrature():
    table = drifting_variation()
    log_mu = np.linspace(math.log(0.02), math.log(400.0), 90)
    nodes, node_weights = np.polynomial.legendre.leggauss(8)
    total = np.zeros_like(log_mu)
    for node, node_weight in zip(nodes, node_weights, strict=True):
        sigma = table.log_sd_from + 0.5 * (1.0 + node) * (table.log_sd_to - table.log_sd_from)
        for i, x in enumerate(log_mu):
            none = quad(
                lambda u, x=x, s=sigma: math.exp(-0.5 * u * u - 7.0 * math.exp(x + s * u - 0.5 * s * s)),
                -7.0,
                7.0,
                epsabs=1e-9,
            )[0]
            total[i] += node_weight * none
    expected = summary_of(log_mu, total * REFERRAL.pdf(np.exp(log_mu)) * np.exp(log_mu))
    assert_agrees(hsat.estimate_ahi([0], [7.0]), expected)


# --- the next night


def assert_shortest(interval, ahi, one_event_per_h):
    """The interval holds 95 % of the nights that were drawn, and none that does is much shorter."""
    inside = (ahi >= interval[0] - 1e-9) & (ahi <= interval[1] + 1e-9)
    assert inside.mean() == pytest.approx(0.95, abs=0.006)
    ahi = np.sort(ahi)
    n_inside = int(0.95 * len(ahi))
    shortest = (ahi[n_inside:] - ahi[:-n_inside]).min()
    assert interval[1] - interval[0] == pytest.approx(shortest, rel=0.03, abs=1.5 * one_event_per_h)


def test_next_night_of_the_independent_model_by_simulation():
    """Posterior by brute force on a grid, a million next nights drawn from it."""
    rng = np.random.default_rng(3)
    counts, hours = np.array([98, 140, 71]), np.array([7.0, 7.1, 6.9])
    n = 400_000
    mu = REFERRAL.rvs(n, random_state=rng)
    phi = lognorm(s=math.log(1.6), scale=0.33).rvs(n, random_state=rng)
    a = phi[:, None] ** -2
    weight = np.exp(nbinom.logpmf(counts, a, a / (a + mu[:, None] * hours)).sum(axis=1))
    drawn = rng.choice(n, 400_000, p=weight / weight.sum())
    rate = gamma.rvs(phi[drawn] ** -2, scale=mu[drawn] * phi[drawn] ** 2, random_state=rng)
    ahi = poisson.rvs(rate * 7.0, random_state=rng) / 7.0
    assert_shortest(hsat.estimate_ahi(counts, hours, model="independent").next_night_ci95, ahi, 1.0 / 7.0)


def test_next_night_of_the_default_model_by_simulation():
    """Importance sampling from the prior: patients, drifts and nights drawn, weighted by the counts seen."""
    rng = np.random.default_rng(4)
    table = drifting_variation()
    n = 1_000_000
    mu = REFERRAL.rvs(n, random_state=rng)
    sigma = rng.uniform(table.log_sd_from, table.log_sd_to, n)
    share = rng.choice(table.drift_share_fraction, n)
    a_day = np.exp(-1.0 / rng.choice(table.drift_time_days, n))
    z1 = rng.standard_normal(n)
    z2 = a_day**3 * z1 + np.sqrt(1 - a_day**6) * rng.standard_normal(n)
    z3 = a_day * z2 + np.sqrt(1 - a_day**2) * rng.standard_normal(n)

    def rate(z):
        u = np.sqrt(share) * z + np.sqrt(1 - share) * rng.standard_normal(n)
        return mu * np.exp(sigma * u - 0.5 * sigma**2)

    weight = poisson.pmf(30, rate(z1) * 6.0) * poisson.pmf(45, rate(z2) * 6.0)
    drawn = rng.choice(n, 400_000, p=weight / weight.sum())
    ahi = poisson.rvs((rate(z3) * 6.0)[drawn], random_state=rng) / 6.0
    posterior = hsat.estimate_ahi([30, 45], [6.0, 6.0], [0, 3])
    assert_shortest(posterior.next_night_ci95, ahi, 1.0 / 6.0)
    assert posterior.mean_ahi_per_h == pytest.approx(np.average(mu, weights=weight), rel=0.02)
    cv = np.average(np.sqrt(np.expm1(sigma**2)), weights=weight)
    assert posterior.night_to_night_cv == pytest.approx(cv, rel=0.02)
    correlation = np.expm1(sigma**2 * share * a_day) / np.expm1(sigma**2)
    assert posterior.night_to_night_correlation == pytest.approx(
        np.average(correlation, weights=weight), rel=0.03
    )


def test_evidence_is_a_probability_distribution_of_the_next_count():
    """Probabilities of every count that a second night may have add up to 1."""
    first = hsat.estimate_ahi([5], [1.0]).log_evidence
    total = sum(math.exp(hsat.estimate_ahi([5, y], [1.0, 1.0]).log_evidence - first) for y in range(90))
    assert total == pytest.approx(1.0, abs=0.01)


# --- days


def test_nights_may_come_in_any_order():
    sorted_ = hsat.estimate_ahi([98, 140, 71], [7.0, 7.1, 6.9], [0, 1, 4])
    mixed = hsat.estimate_ahi([71, 98, 140], [6.9, 7.0, 7.1], [4, 0, 1])
    assert mixed.ci95_ahi_per_h == sorted_.ci95_ahi_per_h
    assert mixed.next_night_ci95 == sorted_.next_night_ci95


def test_only_the_days_between_nights_count():
    here = hsat.estimate_ahi([98, 140], [7.0, 7.0], [0, 3])
    there = hsat.estimate_ahi([98, 140], [7.0, 7.0], [20_000, 20_003])
    assert there.ci95_ahi_per_h == here.ci95_ahi_per_h


def test_without_days_nights_follow_each_other():
    given = hsat.estimate_ahi([98, 140, 71], [7.0, 7.1, 6.9], [0, 1, 2])
    assert hsat.estimate_ahi([98, 140, 71], [7.0, 7.1, 6.9]).ci95_ahi_per_h == given.ci95_ahi_per_h


def test_nights_far_apart_say_more_than_a_week():
    """Correlated nights repeat each other in part."""
    week = hsat.estimate_ahi([84] * 7, [7.0] * 7, list(range(7))).ci95_ahi_per_h
    months = hsat.estimate_ahi([84] * 7, [7.0] * 7, list(range(0, 210, 30))).ci95_ahi_per_h
    assert months[1] - months[0] < 0.95 * (week[1] - week[0])


def test_independent_model_does_not_look_at_days():
    near = hsat.estimate_ahi([98, 140], [7.0, 7.0], [0, 1], model="independent")
    far = hsat.estimate_ahi([98, 140], [7.0, 7.0], [0, 99], model="independent")
    assert near.ci95_ahi_per_h == far.ci95_ahi_per_h


# --- priors


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        pytest.param("community-men", (0.24, 0.09), id="men"),
        pytest.param("community-women", (0.09, 0.04), id="women"),
    ],
)
def test_community_priors_have_the_prevalences_of_wisconsin_1993(name, shares):
    prior = load_prior(name)
    distribution = norm(prior.log_median, prior.log_sd)
    assert distribution.sf(np.log([5.0, 15.0])) == pytest.approx(shares, abs=1e-12)
    log_mu = np.linspace(*prior.support, 20_001)
    assert np.trapezoid(np.exp(prior.log_density(log_mu)), log_mu) == pytest.approx(1.0, abs=1e-6)


def test_referral_prior_has_median_12_and_geometric_sd_2_6():
    log_mu = np.linspace(-2.0, 5.0, 15)
    expected = REFERRAL.logpdf(np.exp(log_mu)) + log_mu
    assert load_prior("referral").log_density(log_mu) == pytest.approx(expected)


def test_flat_prior_is_uniform_over_the_ahi():
    """Uniform density of 1/250 over the AHI is AHI/250 over its logarithm, and nothing above 250."""
    assert load_prior("flat").log_density(np.log([250.1]))[0] == -np.inf
    assert load_prior("flat").log_density(np.log([10.0]))[0] == pytest.approx(math.log(10.0 / 250.0))


def test_the_default_prior_comes_first_in_the_list():
    assert prior_names()[0] == "referral"
    assert set(prior_names()) == {"referral", "community-men", "community-women", "flat", "pap-treated"}


def test_other_priors_give_other_probabilities():
    by_prior = compare_priors([98], [7.0])
    assert set(by_prior) == set(prior_names())
    assert by_prior["community-men"]["normal"] > by_prior["referral"]["normal"] > by_prior["flat"]["normal"]
    assert by_prior["referral"] == hsat.estimate_ahi([98], [7.0]).class_probability


def test_a_users_prior_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'kind = "lognormal"\nmeaning = "m"\nsource = "s"\nmedian_ahi_per_h = 12.0\ngeometric_sd = 2.6\n'
    )
    mine = hsat.estimate_ahi([98], [7.0], prior=path)
    assert mine.prior == str(path)
    assert mine.class_probability == hsat.estimate_ahi([98], [7.0]).class_probability


PROSE = 'meaning = "m"\nsource = "s"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("kind = [", "expected a TOML file", id="not TOML"),
        pytest.param(PROSE, "kind: expected one of", id="no kind"),
        pytest.param(PROSE + 'kind = "beta"\n', "kind: expected one of", id="unknown kind"),
        pytest.param(
            PROSE + 'kind = "lognormal"\nmedian_ahi_per_h = "12"\ngeometric_sd = 2.0\n',
            "median_ahi_per_h: expected a number",
            id="text",
        ),
        pytest.param(
            PROSE + 'kind = "lognormal"\nmedian_ahi_per_h = 12.0\n',
            "geometric_sd: expected",
            id="missing key",
        ),
        pytest.param(
            PROSE + 'kind = "lognormal"\nmedian_ahi_per_h = nan\ngeometric_sd = 2.0\n',
            "median_ahi_per_h: expected",
            id="nan",
        ),
        pytest.param(
            PROSE + 'kind = "uniform"\nfrom_ahi_per_h = 9.0\nto_ahi_per_h = 9.0\n',
            "to_ahi_per_h: expected at least 1.5 times",
            id="empty span",
        ),
        pytest.param(
            PROSE + 'kind = "prevalence"\nahi_from_per_h = [5.0, 15.0]\nprevalence_fraction = [0.1, 0.2]\n',
            "prevalence_fraction to fall",
            id="rising prevalence",
        ),
        pytest.param(
            PROSE + 'kind = "uniform"\nfrom_ahi_per_h = 0\nto_ahi_per_h = 9\ntop = 1\n',
            "unknown key 'top'",
            id="unknown key",
        ),
        pytest.param(
            'kind = "uniform"\nfrom_ahi_per_h = 0\nto_ahi_per_h = 9\n', "meaning: expected", id="no words"
        ),
    ],
)
def test_a_wrong_prior_is_one_line_that_names_the_key(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(PriorError, match=r"mine\.toml") as caught:
        load_prior(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_prior_names_the_known_ones():
    with pytest.raises(PriorError, match=r"expected one of referral, .* got 'Referral'"):
        load_prior("Referral")


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(PriorError, match="cannot be read"):
        load_prior(tmp_path / "none.toml")


# --- a known scoring error


def test_no_scoring_error_changes_nothing():
    plain = hsat.estimate_ahi([98, 140], [7.0, 7.0])
    same = hsat.estimate_ahi([98, 140], [7.0, 7.0], scoring_error=ScoringError())
    assert same.class_probability == pytest.approx(plain.class_probability, abs=2e-3)
    assert same.mean_ahi_per_h == pytest.approx(plain.mean_ahi_per_h, rel=2e-3)


def test_bias_shifts_the_mean_and_sd_adds_its_variance():
    """A wanted AHI is the measured one minus the bias plus a normal error: means and variances add."""
    plain = hsat.estimate_ahi([280] * 5, [7.0] * 5)
    wide = hsat.estimate_ahi([280] * 5, [7.0] * 5, scoring_error=ScoringError(bias_per_h=3.0, sd_per_h=4.0))

    def variance(posterior):
        x, p = posterior.grid_ahi_per_h, posterior.density
        mean = np.trapezoid(x * p, x)
        return np.trapezoid((x - mean) ** 2 * p, x)

    assert wide.mean_ahi_per_h == pytest.approx(plain.mean_ahi_per_h - 3.0, abs=0.05)
    assert variance(wide) == pytest.approx(variance(plain) + 16.0, rel=0.02)
    assert wide.next_night_ci95 == plain.next_night_ci95


def test_relative_error_widens_in_proportion():
    plain = hsat.estimate_ahi([280] * 5, [7.0] * 5)
    wide = hsat.estimate_ahi([280] * 5, [7.0] * 5, scoring_error=ScoringError(relative_sd_fraction=0.1))
    x, p = wide.grid_ahi_per_h, wide.density
    variance = np.trapezoid((x - wide.mean_ahi_per_h) ** 2 * p, x)
    y, q = plain.grid_ahi_per_h, plain.density
    second_moment = np.trapezoid(y**2 * q, y)
    expected = np.trapezoid((y - plain.mean_ahi_per_h) ** 2 * q, y) + 0.01 * second_moment
    assert variance == pytest.approx(expected, rel=0.03)


def test_error_below_zero_leaves_a_curve_above_zero():
    posterior = hsat.estimate_ahi([7], [7.0], scoring_error=ScoringError(bias_per_h=1.0, sd_per_h=3.0))
    assert posterior.ci95_ahi_per_h[0] > 0.0
    assert sum(posterior.class_probability.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, "2", True])
def test_a_wrong_scoring_error_is_refused(value):
    with pytest.raises(NightsError, match="sd_per_h"):
        ScoringError(sd_per_h=value)


# --- what cannot be, and the edges of what can


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"counts": None, "hours": [7.0]}, "counts: expected a sequence", id="nothing"),
        pytest.param({"counts": 3, "hours": 7.0}, "counts: expected a sequence", id="one number"),
        pytest.param({"counts": [3], "hours": [7.0], "days": np.array([0.5])}, "days, night 1", id="array"),
        pytest.param({"counts": [3], "hours": [7.0], "prior": None}, "prior: expected one of", id="no prior"),
        pytest.param({"counts": [], "hours": []}, "counts: expected 1 to", id="no night"),
        pytest.param(
            {"counts": [1, 2], "hours": [7.0]}, "hours: expected one number for each", id="hours missing"
        ),
        pytest.param(
            {"counts": [1], "hours": [7.0], "days": [1, 2]}, "days: expected one", id="too many days"
        ),
        pytest.param({"counts": [-1], "hours": [7.0]}, "counts, night 1", id="negative count"),
        pytest.param({"counts": [math.nan], "hours": [7.0]}, "counts, night 1", id="nan count"),
        pytest.param({"counts": ["3"], "hours": [7.0]}, "counts, night 1", id="text"),
        pytest.param({"counts": [3, 4], "hours": [7.0, 0.0]}, "hours, night 2", id="no hours"),
        pytest.param({"counts": [3], "hours": [math.inf]}, "hours, night 1", id="endless night"),
        pytest.param({"counts": [5000], "hours": [1.0]}, "counts, night 1", id="5000 per hour"),
        pytest.param({"counts": [3], "hours": [7.0], "days": [0.5]}, "days, night 1", id="half a day"),
        pytest.param({"counts": [3], "hours": [7.0], "model": "best"}, "model: expected one of", id="model"),
        pytest.param({"counts": [3], "hours": [7.0], "age_years": -3}, "age_years", id="age"),
        pytest.param({"counts": [3], "hours": [7.0], "prior": "none"}, "prior: expected one of", id="prior"),
        pytest.param(
            {"counts": [3], "hours": [7.0], "scoring_error": 0.2}, "scoring_error", id="scoring error"
        ),
    ],
)
def test_what_cannot_be_is_one_line(arguments, words):
    with pytest.raises(HsatError) as caught:
        hsat.estimate_ahi(**arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


EDGES = [
    pytest.param([0], [7.0], id="no event"),
    pytest.param([0], [0.1], id="no event in 6 minutes"),
    pytest.param([20], [0.1], id="200 per hour for 6 minutes"),
    pytest.param([1600], [8.0], id="200 per hour"),
    pytest.param([1600] * 7, [8.0] * 7, id="200 per hour, identical nights"),
    pytest.param([0, 1600] * 4, [8.0] * 8, id="nothing and 200 per hour in turn"),
    pytest.param([7] * 60 + [1600], [8.0] * 61, id="one night a hundred times worse"),
    pytest.param([3.7, 0.2], [7.0, 6.0], id="counts that are not whole"),
]


@pytest.mark.parametrize("prior", ["referral", "community-women", "flat"])
@pytest.mark.parametrize("model", ["default", "independent"])
@pytest.mark.parametrize(("counts", "hours"), EDGES)
def test_edges_are_finite_and_in_order(counts, hours, model, prior):
    assert_in_order(hsat.estimate_ahi(counts, hours, model=model, prior=prior))


@pytest.mark.parametrize("model", ["default", "independent"])
@pytest.mark.parametrize("count", [0, 70])
def test_300_identical_nights_are_finite_and_in_order(count, model):
    posterior = hsat.estimate_ahi([count] * 300, [7.0] * 300, model=model)
    assert_in_order(posterior)
    assert posterior.is_firm
    assert posterior.severity == ("normal" if count == 0 else "mild")


def assert_in_order(posterior):
    """No NaN, no infinity, nothing outside its range, quantiles in order, a density of area 1."""
    low, high = posterior.ci95_ahi_per_h
    numbers = [posterior.mean_ahi_per_h, posterior.log_evidence, posterior.night_to_night_cv, low, high]
    assert np.isfinite([*numbers, *posterior.next_night_ci95, *posterior.class_probability.values()]).all()
    assert 0.0 <= low <= posterior.median_ahi_per_h <= high
    assert posterior.next_night_ci95[0] <= posterior.next_night_ci95[1]
    assert sum(posterior.class_probability.values()) == pytest.approx(1.0)
    assert all(0.0 <= p <= 1.0 for p in posterior.class_probability.values())
    x, p = posterior.grid_ahi_per_h, posterior.density
    assert np.isfinite(p).all()
    assert (np.diff(x) > 0).all()
    assert np.trapezoid(p, x) == pytest.approx(1.0, abs=5e-3)


@pytest.mark.parametrize("model", ["default", "independent"])
@pytest.mark.parametrize(
    ("rate_per_h", "severity"),
    [(2.0, "normal"), (9.0, "mild"), (21.0, "moderate"), (45.0, "severe"), (200.0, "severe")],
)
def test_many_nights_settle_on_their_own_mean(model, rate_per_h, severity):
    posterior = hsat.estimate_ahi([round(rate_per_h * 7)] * 60, [7.0] * 60, model=model)
    assert posterior.severity == severity
    assert posterior.is_firm
    assert posterior.median_ahi_per_h == pytest.approx(rate_per_h, rel=0.1)
    assert posterior.nights_needed == 0


def test_more_hours_weigh_more():
    """A short bad night moves the mean less than a long one."""
    short = hsat.estimate_ahi([70, 80], [7.0, 2.0], model="independent")
    long = hsat.estimate_ahi([70, 280], [7.0, 7.0], model="independent")
    assert short.mean_ahi_per_h < long.mean_ahi_per_h


# --- children


@pytest.mark.parametrize(("age", "is_adult"), [(17.9, False), (18.0, True), (None, True), (0, False)])
def test_no_adult_class_below_18_years(age, is_adult):
    posterior = hsat.estimate_ahi([98] * 9, [7.0] * 9, age_years=age)
    assert (posterior.severity is not None) == is_adult
    assert bool(posterior.class_probability) == is_adult
    assert (posterior.p_misclassified is not None) == is_adult
    assert posterior.mean_ahi_per_h > 0.0
    if not is_adult:
        assert not posterior.is_firm
        assert posterior.nights_needed is None
        for name in ("class_probability", "severity", "p_misclassified", "nights_needed"):
            assert "below 18 years" in posterior.not_measured[name]


# --- what a consumer may do with it


@pytest.mark.parametrize("further_counts", [(90, 120, 60), (20, 250, 0), (400, 380, 500)])
def test_futures_learn_what_the_full_grid_would(monkeypatch, further_counts):
    """The normal approximation that futures are followed by, against the model's own grid, night by night."""
    monkeypatch.setattr(further, "N_FUTURES", 1)
    counts, hours = [98, 140, 71], [7.0, 7.0, 7.0]
    posterior = hsat.estimate_ahi(counts, hours)
    (request,) = posterior.further_nights.args
    fit = fit_model(request)
    nodes, belief, _ = further._start(fit, np.random.default_rng(0))
    for n, count in enumerate(further_counts, start=1):
        further._next_day(belief, nodes)
        further._learn(belief, nodes, np.array([[float(count)]]), 7.0)
        followed = further._normal_classes(belief, request)[0]
        full = hsat.estimate_ahi([*counts, *further_counts[:n]], [7.0] * (3 + n)).class_probability
        assert followed == pytest.approx(list(full.values()), abs=0.02)


@pytest.mark.parametrize(("n_nights", "limit"), [(1, 0.95), (2, 0.95), (3, 0.9), (4, 0.9), (300, 0.9)])
def test_firm_from_0_9_and_from_0_95_with_one_or_two_nights(n_nights, limit):
    assert further.firm_from(n_nights) == limit


@pytest.mark.parametrize("n_nights", [1, 2, 3])
def test_a_class_is_firm_at_its_limit_and_not_below(n_nights):
    """Rates from 0 to 24 per hour in the community: firm where a probability reaches its limit."""
    limit = 0.9 if n_nights > 2 else 0.95
    seen = set()
    for rate in range(25):
        said = hsat.estimate_ahi([7 * rate] * n_nights, [7.0] * n_nights, prior="community-men")
        assert said.is_firm == (max(said.class_probability.values()) >= limit)
        seen.add(said.is_firm)
    assert seen == {True, False}


def test_nights_needed_fall_where_a_class_is_nearly_firm():
    """An AHI of 9 lies in the middle of mild: a few nights do; one of 15.0 lies on a limit: none do."""
    middle = hsat.estimate_ahi([63] * 5, [7.0] * 5, model="independent")
    limit = hsat.estimate_ahi([105] * 5, [7.0] * 5, model="independent")
    assert middle.nights_needed is not None
    assert middle.nights_needed < 5
    assert limit.nights_needed is None or limit.nights_needed > 8


@pytest.mark.parametrize("model", ["default", "independent"])
def test_nights_needed_do_not_depend_on_chance(model):
    answers = []
    for _ in range(2):
        further.median_further_nights.cache_clear()
        answers.append(hsat.estimate_ahi([60, 70], [7.0, 7.0], model=model).nights_needed)
    assert answers[0] == answers[1]


def test_nights_needed_by_trying_it():
    """Patients drawn from the posterior by brute force, nights added until a class is firm."""
    said = hsat.estimate_ahi([150, 120], [7.0, 7.0], model="independent")
    rng = np.random.default_rng(8)
    n = 200_000
    mu = REFERRAL.rvs(n, random_state=rng)
    a = lognorm(s=math.log(1.6), scale=0.33).rvs(n, random_state=rng) ** -2
    mean = mu[:, None] * 7.0
    weight = np.exp(nbinom.logpmf([150, 120], a[:, None], a[:, None] / (a[:, None] + mean)).sum(axis=1))
    needed = []
    for k in rng.choice(n, 41, p=weight / weight.sum()):
        counts = [150, 120]
        while len(counts) < 32:
            counts.append(int(rng.poisson(mu[k] * 7.0 * rng.gamma(a[k]) / a[k])))
            if hsat.estimate_ahi(counts, [7.0] * len(counts), model="independent").is_firm:
                break
        needed.append(len(counts) - 2)
    low, high = np.quantile(needed, [0.3, 0.7])
    assert low <= said.nights_needed <= high


def test_posterior_can_be_pickled_and_still_counts_nights():
    posterior = hsat.estimate_ahi([98, 140, 71], [7.0, 7.1, 6.9], model="independent")
    assert pickle.loads(pickle.dumps(posterior)).nights_needed == posterior.nights_needed


def test_most_probable_class_and_its_doubt_belong_together():
    posterior = hsat.estimate_ahi([98, 140, 71], [7.0, 7.1, 6.9])
    assert posterior.severity == max(SEVERITIES, key=posterior.class_probability.__getitem__)
    assert posterior.p_misclassified == pytest.approx(1.0 - posterior.class_probability[posterior.severity])
    assert not posterior.is_firm


@pytest.mark.parametrize("n", [4, 48, 56, 64])
def test_the_spline_of_the_grid_is_that_of_scipy(n):
    values = np.random.default_rng(n).normal(0.0, 30.0, n)
    expected = CubicSpline(np.arange(n), values)(np.linspace(0, n - 1, N_FINE))
    np.testing.assert_allclose(spline_matrix(n) @ values, expected, rtol=0.0, atol=1e-11)
