"""Several nights of one patient summed up: `summarize_nights`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median, stdev

import numpy as np

from hsat.errors import NightsError, shown
from hsat.nights.named_rules import apply_named_rule, check_named_rule
from hsat.nights.positions import summarize_positions, supine_fraction
from hsat.nights.posterior import estimate_ahi
from hsat.nights.scored import as_scored_nights
from hsat.nights.scoring_error import ScoringError
from hsat.nights.selecting import Selection, select_nights
from hsat.nights.sensitivity import class_under_priors
from hsat.nights.trend import find_trend
from hsat.patient import AhiPosterior, PatientNight, PatientSummary, ScoredNight
from hsat.recording import Note
from hsat.results import NightResult
from hsat.rules.load import load_rules
from hsat.rules.model import ScoringRules
from hsat.sessions import night_of

__all__ = ["THERAPY_CHOICES", "summarize_nights"]

PRIOR_OF = {"pap": "pap-treated"}
"""Prior of nights on a treatment where none is named; else ``"referral"``."""
THERAPY_CHOICES = ("none", "pap", "appliance")
NO_NIGHT = "no night can be used"
MAX_AGE_YEARS = 150.0


def summarize_nights(
    nights: Sequence[NightResult | ScoredNight],
    *,
    prior: str | Path | None = None,
    model: str = "default",
    rule: str | None = None,
    patient: str | None = None,
    therapy: str | None = None,
    age_years: float | None = None,
    scoring_error: ScoringError | None = None,
    compare_priors: bool = True,
) -> PatientSummary:
    """Sum up several nights of one patient.

    Parameters
    ----------
    nights : sequence of NightResult or ScoredNight
        In any order. Nights that cannot be used are told with their reasons.
    prior : str or Path, optional
        ``"referral"``, ``"community-men"``, ``"community-women"``, ``"flat"``, ``"pap-treated"``, or the path
        of a TOML file; see `hsat.estimate_ahi`. By default ``"pap-treated"`` for nights on PAP, else
        ``"referral"``.
    model : str
        ``"default"`` or ``"independent"``.
    rule : str, optional
        Also tell what ``"worst-night"``, ``"first-night"`` or ``"mean-of-nights"`` would say.
    patient : str, optional
        Code of the patient, whose nights these are whatever codes their files hold.
    therapy : str, optional
        Which nights are meant where they differ: ``"none"``, ``"pap"`` or ``"appliance"``. By default
        those without treatment; where there are none, the larger of the treated groups.
    age_years : float, optional
        Age, where the nights do not tell; below 18 years there is no class.
    scoring_error : ScoringError, optional
        Known error of the scoring, as `hsat.estimate_ahi` takes it.
    compare_priors : bool
        Whether to tell the class probabilities under the other priors too, which takes four times as long.

    Returns
    -------
    PatientSummary

    Raises
    ------
    NightsError
        Where the nights hold codes of two patients and `patient` does not say that they are one, were
        scored by different rules, or an argument has a value that is not allowed.
    """
    if therapy is not None and therapy not in THERAPY_CHOICES:
        raise NightsError(f"therapy: expected one of {', '.join(THERAPY_CHOICES)}, got {therapy!r}")
    if rule is not None:
        check_named_rule(rule)
    if age_years is not None and not _is_age(age_years):
        raise NightsError(f"age_years: expected years from 0 to {MAX_AGE_YEARS:g}, got {shown(age_years)}")
    limits = load_rules("aasm_1b")
    scored = as_scored_nights(nights, limits.adequacy)
    called, notes = _patient(scored, patient)
    if scoring_error is not None:
        notes = (*notes, _scoring_error_note(scoring_error))
    chosen = select_nights(scored, therapy=therapy, adequacy=limits.adequacy)
    if not chosen.nights:
        return _empty(called, chosen, (*notes, *chosen.notes))
    days = _days(chosen.nights)
    no_class = _why_no_class(chosen.nights, age_years, limits)

    def estimate(name: str | Path) -> AhiPosterior:
        found = estimate_ahi(
            [night.n_events or 0 for night in chosen.nights],
            [night.monitoring_h for night in chosen.nights],
            days=days,
            prior=name,
            model=model,
            scoring_error=scoring_error,
        )
        return found if no_class is None else _without_class(found, no_class)

    summary = _numbers(called, chosen, days, (*notes, *chosen.notes))
    belief = prior or PRIOR_OF.get(summary.therapy or "", "referral")
    posterior = estimate(belief)
    not_measured = dict(summary.not_measured)
    not_measured |= {f"posterior.{name}": reason for name, reason in posterior.not_measured.items()}
    named = None
    if rule is not None:
        named = apply_named_rule(rule, chosen.nights, limits.severity, has_class=no_class is None)
    else:
        not_measured["named_rule"] = "none was asked for"
    others: Mapping[str, Mapping[str, float]] = {}
    if no_class is None and compare_priors:
        others = class_under_priors(posterior, belief, len(chosen.nights), estimate)
    return replace(
        summary,
        posterior=posterior,
        class_under_priors=others,
        named_rule=named,
        not_measured=not_measured,
    )


def _is_age(value: object) -> bool:
    return (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and 0.0 <= float(value) <= MAX_AGE_YEARS
    )


def _scoring_error_note(error: ScoringError) -> Note:
    """A result that was widened says so, and by what."""
    if not isinstance(error, ScoringError):
        raise NightsError(f"scoring_error: expected a ScoringError, got {shown(error)}")
    parts = [f"bias {error.bias_per_h:g} /h", f"SD {error.sd_per_h:g} /h"]
    if error.relative_sd_fraction:
        parts.append(f"SD {100.0 * error.relative_sd_fraction:g} % of the AHI")
    text = (
        f"mean AHI and classes are of a scoring known to err ({', '.join(parts)}): shifted and widened by it"
    )
    return Note("scoring_error", f"{text}; more nights do not average it out")


def _patient(nights: Sequence[ScoredNight], given: str | None) -> tuple[str | None, tuple[Note, ...]]:
    """Whose nights these are; two codes contradict each other unless the caller knows better."""
    codes: dict[str, str] = {}
    for night in nights:
        if night.patient is not None:
            codes.setdefault(night.patient, night.file)
    words = ", ".join(f"{code} ({file})" for code, file in codes.items())
    if given is not None:
        if len(codes) > 1:
            return given, (
                Note("patient_conflict", f"taken as one patient, as asked, though files hold {words}"),
            )
        return given, ()
    if len(codes) > 1:
        raise NightsError(
            f"nights: expected one patient, got {len(codes)}: {words}; name the patient if they are one"
        )
    uncoded = [night.file for night in nights if night.patient is None]
    called = next(iter(codes), None)
    is_one_card = len({night.recorder for night in nights if night.is_card}) == 1
    if len(nights) > 1 and uncoded and not (is_one_card and all(night.is_card for night in nights)):
        text = (
            f"{len(uncoded)} of {len(nights)} nights hold no patient code: taken as this patient's, as given"
        )
        return called, (Note("no_patient_code", text),)
    return called, ()


def _empty(called: str | None, chosen: Selection, notes: tuple[Note, ...]) -> PatientSummary:
    missing = (
        "rules_id pooled_ahi_per_h mean_ahi_per_h median_ahi_per_h sd_ahi_per_h range_ahi_per_h posterior "
        "therapy denominator position trend named_rule"
    )
    return PatientSummary(
        patient=called,
        rules_id=None,
        nights=(),
        excluded=chosen.excluded,
        pooled_ahi_per_h=None,
        mean_ahi_per_h=None,
        median_ahi_per_h=None,
        sd_ahi_per_h=None,
        range_ahi_per_h=None,
        posterior=None,
        not_measured=dict.fromkeys(missing.split(), NO_NIGHT),
        notes=notes,
    )


def _days(nights: Sequence[ScoredNight]) -> list[int] | None:
    """Calendar nights since the first; None where any night has no date."""
    evenings = [night_of(night.start_local) for night in nights if night.start_local is not None]
    if len(evenings) < len(nights):
        return None
    return [(evening - evenings[0]).days for evening in evenings]


def _why_no_class(nights: Sequence[ScoredNight], age_years: float | None, limits: ScoringRules) -> str | None:
    """Why adult classes do not apply; None where they do."""
    youngest = limits.severity.min_age_years
    if age_years is not None and age_years < youngest:
        return f"age {age_years:g} is below {youngest:g} years: adult severity classes do not apply"
    refused = next((night for night in nights if night.severity is None), None)
    if refused is None:
        return None
    return refused.no_class_reason or "the nights themselves have no class"


def _without_class(posterior: AhiPosterior, reason: str) -> AhiPosterior:
    names = ("class_probability", "severity", "p_misclassified", "nights_needed")
    return replace(
        posterior,
        class_probability={},
        severity=None,
        is_firm=False,
        p_misclassified=None,
        further_nights=None,
        not_measured={**posterior.not_measured, **dict.fromkeys(names, reason)},
    )


def _numbers(
    called: str | None, chosen: Selection, days: Sequence[int] | None, notes: tuple[Note, ...]
) -> PatientSummary:
    """Everything that needs no model."""
    nights = chosen.nights
    rates = [night.ahi_per_h for night in nights if night.ahi_per_h is not None]
    not_measured: dict[str, str] = {}
    if called is None:
        not_measured["patient"] = "no night holds a patient code"
    if len(nights) < 2:
        not_measured["sd_ahi_per_h"] = "one night has no spread"
    position = summarize_positions(nights)
    if position is None:
        not_measured["position"] = "no night tells the position"
    if nights[0].rules_id is None:
        not_measured["rules_id"] = "the nights do not tell their rule set"
    return PatientSummary(
        patient=called,
        rules_id=nights[0].rules_id,
        nights=tuple(
            _patient_night(night, None if days is None else days[place]) for place, night in enumerate(nights)
        ),
        excluded=chosen.excluded,
        pooled_ahi_per_h=sum(night.n_events or 0 for night in nights)
        / math.fsum(night.monitoring_h for night in nights),
        mean_ahi_per_h=fmean(rates),
        median_ahi_per_h=median(rates),
        sd_ahi_per_h=stdev(rates) if len(rates) > 1 else None,
        range_ahi_per_h=(min(rates), max(rates)),
        posterior=None,
        therapy=_therapy(nights),
        denominator=nights[0].denominator,
        position=position,
        trend=find_trend(rates, days),
        not_measured=not_measured,
        notes=notes,
    )


def _therapy(nights: Sequence[ScoredNight]) -> str:
    """The treatment; known ones before unknown."""
    return next((night.therapy for night in nights if night.therapy != "unknown"), "unknown")


def _patient_night(night: ScoredNight, day: int | None) -> PatientNight:
    return PatientNight(
        file=night.file,
        start_local=night.start_local,
        day=day,
        monitoring_h=night.monitoring_h,
        n_events=night.n_events or 0,
        ahi_per_h=night.ahi_per_h or 0.0,
        severity=night.severity,
        scoring=night.scoring,
        adequacy=night.adequacy,
        is_adequate=night.adequacy == "adequate",
        reasons=night.reasons,
        supine_fraction=supine_fraction(night),
        supine_ahi_per_h=night.supine_ahi_per_h,
        non_supine_ahi_per_h=night.non_supine_ahi_per_h,
        supine_h=night.supine_h,
        non_supine_h=night.non_supine_h,
    )
