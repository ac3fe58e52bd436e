"""Nights before and after a treatment compared: `compare_treatment`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hsat.errors import NightsError
from hsat.nights.priors import treatment_limits
from hsat.nights.scored import as_scored_nights
from hsat.nights.selecting import is_same_night, kind_words, therapy_kind
from hsat.nights.summary import summarize_nights
from hsat.patient import AhiPosterior, PatientSummary, ScoredNight
from hsat.recording import Note
from hsat.results import NightResult
from hsat.rules.load import load_rules
from hsat.treatment import TreatmentResponse

__all__ = ["compare_treatment"]

HALF = 0.5
"""Before the treatment the patient was more probably normal than not."""
N_QUANTILES = 1000
"""Equally probable values of each side: a million pairs."""

FIGURES = (
    "change_per_h",
    "change_ci95_per_h",
    "change_percent",
    "change_ci95_percent",
    "residual_ahi_per_h",
    "residual_ci95_per_h",
    "p_halved",
    "p_complete",
    "response",
)

Floats = NDArray[np.float64]


def compare_treatment(
    before: Sequence[NightResult | ScoredNight],
    after: Sequence[NightResult | ScoredNight],
    *,
    prior: str | Path = "referral",
    prior_after: str | Path | None = None,
    model: str = "default",
    patient: str | None = None,
    age_years: float | None = None,
) -> TreatmentResponse:
    """How the mean AHI of one patient changed with a treatment, and how sure that is.

    Parameters
    ----------
    before : sequence of NightResult or ScoredNight
        Nights before the treatment, or on an earlier one.
    after : sequence of NightResult or ScoredNight
        Nights on the treatment. A recorder does not know of an appliance: nights whose files tell of no
        treatment are taken as treated, with a note.
    prior, prior_after : str or Path
        Priors of the mean AHI before and after, as for `hsat.summarize_nights`.
    model : str
    patient : str, optional
        Code of the patient, whose nights these are whatever codes their files hold.
    age_years : float, optional
        Below 18 years there is no class, and no complete response.

    Returns
    -------
    TreatmentResponse

    Raises
    ------
    NightsError
        Where either side mixes treatments, both sides are on the same or have a night in common, the
        sides seem to be swapped, or the nights hold codes of two patients.
    """
    adequacy = load_rules("aasm_1b").adequacy
    sides = {
        "before": as_scored_nights(before, adequacy, "before"),
        "after": as_scored_nights(after, adequacy, "after"),
    }
    notes = _check_therapies(sides["before"], sides["after"])
    _refuse_shared(sides["before"], sides["after"])
    called, more = _one_patient(sides["before"], sides["after"], patient)
    given = {"patient": called, "model": model, "age_years": age_years, "compare_priors": False}
    first = summarize_nights(sides["before"], prior=prior, **given)  # type: ignore[arg-type]
    second = summarize_nights(sides["after"], prior=prior_after, **given)  # type: ignore[arg-type]
    response = _effect(first, second, _why_not_complete(first, second))
    return replace(response, notes=(*notes, *more, *_unlike(first, second), *response.notes))


def _check_therapies(before: Sequence[ScoredNight], after: Sequence[ScoredNight]) -> tuple[Note, ...]:
    kinds = {"before": _one_kind(before, "before"), "after": _one_kind(after, "after")}
    if kinds["before"] is not None and kinds["before"] == kinds["after"] != "diagnostic":
        words = kind_words(kinds["after"])
        raise NightsError(f"before and after: expected two treatments, got nights {words} on both sides")
    if kinds["after"] == "diagnostic" and kinds["before"] not in (None, "diagnostic"):
        words = kind_words(kinds["before"] or "")
        raise NightsError(f"before: expected nights before the treatment, got nights {words}; swapped sides?")
    if kinds["after"] == "diagnostic":
        text = "the files of the nights after tell of no treatment: taken as treated, as they were given"
        return (Note("treated_as_given", text),)
    return ()


def _refuse_shared(before: Sequence[ScoredNight], after: Sequence[ScoredNight]) -> None:
    for night in before:
        twin = next((other for other in after if is_same_night(night, other)), None)
        if twin is not None:
            raise NightsError(
                f"before and after: expected different nights, got the same in {night.file} and {twin.file}"
            )


def _one_kind(nights: Sequence[ScoredNight], side: str) -> str | None:
    kinds = {therapy_kind(night.therapy): night.file for night in reversed(nights)}
    if len(kinds) > 1:
        words = ", ".join(f"{kind_words(kind)} ({file})" for kind, file in kinds.items())
        raise NightsError(f"{side}: expected nights of one kind, got nights {words}")
    return next(iter(kinds), None)


def _one_patient(
    before: Sequence[ScoredNight], after: Sequence[ScoredNight], given: str | None
) -> tuple[str | None, tuple[Note, ...]]:
    """Nights without a code, as of a device's card, are the patient's they were given with."""
    codes: dict[str, str] = {}
    for night in (*before, *after):
        if night.patient is not None:
            codes.setdefault(night.patient, night.file)
    words = ", ".join(f"{code} ({file})" for code, file in codes.items())
    if given is None and len(codes) > 1:
        raise NightsError(
            f"nights: expected one patient, got {len(codes)}: {words}; name the patient if they are one"
        )
    if given is not None and len(codes) > 1:
        return given, (
            Note("patient_conflict", f"taken as one patient, as asked, though files hold {words}"),
        )
    return given or next(iter(codes), None), ()


def _unlike(before: PatientSummary, after: PatientSummary) -> tuple[Note, ...]:
    """What makes the two sides hard to compare."""
    if not before.nights or not after.nights:
        return ()
    notes = []
    last, first = _last_start(before), _first_start(after)
    if last is not None and first is not None and first < last:
        text = f"nights after are dated before the last night before ({first:%Y-%m-%d}, {last:%Y-%m-%d})"
        notes.append(Note("order_of_nights", text))
    if before.rules_id != after.rules_id:
        names = [summary.rules_id or "the device's own count" for summary in (before, after)]
        text = (
            f"scored differently: before by {names[0]}, after by {names[1]}; part of the change may be that"
        )
        notes.append(Note("different_rules", text))
    if before.denominator != after.denominator:
        text = (
            f"AHI per hour of {before.denominator} before and of {after.denominator} after: time awake "
            "counts differently"
        )
        notes.append(Note("different_hours", text))
    return tuple(notes)


def _last_start(summary: PatientSummary) -> datetime | None:
    return max((night.start_local for night in summary.nights if night.start_local is not None), default=None)


def _first_start(summary: PatientSummary) -> datetime | None:
    return min((night.start_local for night in summary.nights if night.start_local is not None), default=None)


def _why_not_complete(before: PatientSummary, after: PatientSummary) -> str | None:
    """A complete response is defined for adults; nights on a treatment have no class for another reason."""
    for summary in (before, after):
        reason = summary.not_measured.get("posterior.severity")
        if reason is not None and reason.startswith("age "):
            return reason
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """Equally probable values of the mean AHI before and after, shape (N_QUANTILES,) each."""

    before: Floats
    after: Floats

    @property
    def differences(self) -> Floats:
        return (self.after[None, :] - self.before[:, None]).reshape(-1)

    @property
    def percents(self) -> Floats:
        return (100.0 * (self.after[None, :] / self.before[:, None] - 1.0)).reshape(-1)

    @property
    def p_halved(self) -> float:
        """Share of the pairs in which half or less is left."""
        left = treatment_limits().halved_fraction * self.before
        return float(np.searchsorted(self.after, left, side="right").mean() / len(self.after))


def _effect(before: PatientSummary, after: PatientSummary, no_complete: str | None) -> TreatmentResponse:
    if before.posterior is None or after.posterior is None:
        side = "before" if before.posterior is None else "after"
        reason = f"no night {side} the treatment can be used"
        nothing: dict[str, None] = dict.fromkeys(FIGURES)
        return TreatmentResponse(
            patient=before.patient or after.patient,
            before=before,
            after=after,
            is_enough=False,
            not_measured=dict.fromkeys(FIGURES, reason),
            **nothing,  # type: ignore[arg-type]
        )
    change = _Change(before=_quantiles(before.posterior), after=_quantiles(after.posterior))
    limit_per_h = load_rules("aasm_1b").severity.mild_from_per_h
    p_complete = None if no_complete else _p_below(after.posterior, limit_per_h)
    was_normal = no_complete is None and _p_below(before.posterior, limit_per_h) >= HALF
    response = None if was_normal else _verdict(change.p_halved, p_complete)
    not_measured = {}
    if no_complete:
        not_measured["p_complete"] = no_complete
    if was_normal:
        not_measured["response"] = f"the AHI before was probably below {limit_per_h:g} /h already"
    elif response is None:
        not_measured["response"] = "the nights leave it open"
    if before.patient is None and after.patient is None:
        not_measured["patient"] = "no night holds a patient code"
    return TreatmentResponse(
        patient=before.patient or after.patient,
        before=before,
        after=after,
        change_per_h=after.posterior.mean_ahi_per_h - before.posterior.mean_ahi_per_h,
        change_ci95_per_h=_central(change.differences),
        change_percent=float(np.median(change.percents)),
        change_ci95_percent=_central(change.percents),
        residual_ahi_per_h=after.posterior.mean_ahi_per_h,
        residual_ci95_per_h=after.posterior.ci95_ahi_per_h,
        p_halved=change.p_halved,
        p_complete=p_complete,
        response=response,
        is_enough=_is_decided(change.p_halved) and (p_complete is None or _is_decided(p_complete)),
        not_measured=not_measured,
    )


def _verdict(p_halved: float, p_complete: float | None) -> str | None:
    """What is as probable as a verdict has to be; None while nothing is."""
    decided = treatment_limits().decided_from_fraction
    if p_complete is not None and p_complete >= decided:
        return "complete"
    if p_halved <= 1.0 - decided:
        return "none"
    if p_halved >= decided and (p_complete is None or p_complete <= 1.0 - decided):
        return "partial"
    return None


def _is_decided(probability: float) -> bool:
    decided = treatment_limits().decided_from_fraction
    return probability >= decided or probability <= 1.0 - decided


def _cumulative(posterior: AhiPosterior) -> tuple[Floats, Floats]:
    """Grid and distribution function of the mean AHI, by the trapezoid rule."""
    grid, density = posterior.grid_ahi_per_h, posterior.density
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(grid)
    reached = np.concatenate([[0.0], np.cumsum(steps)])
    return grid, reached / reached[-1]


def _quantiles(posterior: AhiPosterior) -> Floats:
    """Equally probable values of the mean AHI, rising, shape (N_QUANTILES,)."""
    grid, reached = _cumulative(posterior)
    middles = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    return np.asarray(np.interp(middles, reached, grid), dtype=np.float64)


def _p_below(posterior: AhiPosterior, limit_per_h: float) -> float:
    grid, reached = _cumulative(posterior)
    return float(np.interp(limit_per_h, grid, reached))


def _central(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
