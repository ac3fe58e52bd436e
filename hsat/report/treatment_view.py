"""What the report on a treatment says, ready to print in any layout."""

from collections.abc import Iterable

from hsat import __version__
from hsat.patient import PatientSummary
from hsat.report.patient_view import dates_words, excluded_lines
from hsat.report.patient_words import interval_words, percent_words
from hsat.report.plain import printable
from hsat.report.rows import rounded
from hsat.report.sections import Row, Section
from hsat.report.view import NOT_A_DEVICE, NightView
from hsat.treatment import TreatmentResponse

__all__ = ["view_treatment"]

RESPONSES = {
    "complete": "complete response: on treatment the mean AHI is below 5 /h",
    "partial": "partial response: the AHI fell by half or more, and is not below 5 /h",
    "none": "no response: the AHI did not fall by half",
}
LEAST_LIMIT_PER_H = 0.1
TREATMENTS = {"pap": "on PAP", "appliance": "with an appliance", "none": "none", "unknown": "none known of"}
NOT_PER_NIGHT = ("therapy_unknown", "no_patient_code")


def view_treatment(response: TreatmentResponse) -> NightView:
    """Describe the effect of a treatment for people.

    Parameters
    ----------
    response : TreatmentResponse

    Returns
    -------
    NightView
    """
    patient = "no code in the files" if response.patient is None else printable(response.patient)
    facts = [Row("Patient", patient)]
    facts += [
        Row(side, _nights_line(summary))
        for side, summary in (("Before", response.before), ("After", response.after))
    ]
    sections = () if response.p_halved is None else tuple(_sections(response))
    return NightView(
        headline=_headline(response),
        remarks=tuple(_remarks(response)),
        facts=Section("", tuple(facts)),
        sections=sections,
        lists=tuple(_lists(response)),
        closing=(f"hsat {__version__}.", NOT_A_DEVICE),
    )


def _headline(response: TreatmentResponse) -> str:
    before, after = response.before.posterior, response.after.posterior
    if before is None or after is None:
        return "No effect can be told: one side has no night that can be used"
    change = "" if response.change_percent is None else f" ({_signed(response.change_percent, '%')})"
    amounts = f"{rounded(before.mean_ahi_per_h, 1)} -> {rounded(after.mean_ahi_per_h, 1)} /h{change}"
    verdict = "open" if response.response is None else f"{response.response} response".replace("none", "no")
    return f"Mean AHI {amounts}, {verdict}"


def _remarks(response: TreatmentResponse) -> Iterable[str]:
    if response.p_halved is None:
        yield f"{_sentence(response.not_measured['response'])}."
        return
    if response.response is not None:
        yield f"{_sentence(RESPONSES[response.response])} (probability of at least 90 %)."
    else:
        yield f"No verdict: {printable(response.not_measured['response'])}."
    if response.is_enough:
        yield "The nights suffice: each of the two probabilities is at least 90 % or at most 10 %."
    else:
        yield f"The nights do not suffice to tell: more nights {_wider_side(response)} are recommended."


def _nights_line(summary: PatientSummary) -> str:
    if not summary.nights:
        return "no night that can be used"
    how = (summary.rules_id or "the device's own count").partition("@")[0]
    treated = TREATMENTS.get(summary.therapy or "unknown", "unknown")
    return f"{dates_words(summary.nights)}; treatment {treated}; {printable(how)}"


def _sentence(text: str) -> str:
    return printable(text[:1].upper() + text[1:])


def _wider_side(response: TreatmentResponse) -> str:
    """The side whose interval is the wider one, as a factor."""
    before, after = response.before.posterior, response.after.posterior
    if before is None or after is None:
        return ""
    factors = [
        high / max(low, LEAST_LIMIT_PER_H) for low, high in (before.ci95_ahi_per_h, after.ci95_ahi_per_h)
    ]
    return "before treatment" if factors[0] > factors[1] else "on treatment"


def _sections(response: TreatmentResponse) -> Iterable[Section]:
    for title, summary in (("Before", response.before), ("After", response.after)):
        yield Section(title, tuple(_side_rows(summary)))
    yield Section("Effect", tuple(_effect_rows(response)))


def _side_rows(summary: PatientSummary) -> Iterable[Row]:
    posterior = summary.posterior
    if posterior is None or summary.pooled_ahi_per_h is None:
        return
    hours = rounded(sum(night.monitoring_h for night in summary.nights), 1)
    n_events = sum(night.n_events for night in summary.nights)
    yield Row("Pooled AHI", f"{rounded(summary.pooled_ahi_per_h, 1)} /h", f"{n_events} events in {hours} h")
    if summary.range_ahi_per_h is not None and len(summary.nights) > 1:
        low, high = summary.range_ahi_per_h
        yield Row(
            "Median of nights",
            f"{rounded(summary.median_ahi_per_h or 0.0, 1)} /h",
            f"{rounded(low, 1)} to {rounded(high, 1)}",
        )
    yield Row(
        "Mean AHI over many nights",
        f"{rounded(posterior.mean_ahi_per_h, 1)} /h",
        f"95 % interval {interval_words(posterior.ci95_ahi_per_h)}; prior {printable(posterior.prior)}",
    )


def _effect_rows(response: TreatmentResponse) -> Iterable[Row]:
    if (
        response.change_per_h is None
        or response.change_ci95_per_h is None
        or response.change_percent is None
        or response.change_ci95_percent is None
        or response.p_halved is None
    ):
        return
    yield Row(
        "Change",
        _signed(response.change_per_h, "/h"),
        f"95 % interval {_signed_interval(response.change_ci95_per_h)}",
    )
    yield Row(
        "Relative change",
        _signed(response.change_percent, "%"),
        f"95 % interval {_signed_interval(response.change_ci95_percent)}",
    )
    yield Row("AHI fell by 50 % or more", percent_words(response.p_halved), "probability")
    if response.p_complete is None:
        yield Row("AHI below 5 /h", "-", printable(response.not_measured["p_complete"]))
    else:
        yield Row("AHI on treatment below 5 /h", percent_words(response.p_complete), "probability")


def _signed(value: float, unit: str) -> str:
    decimals = 0 if unit == "%" else 1
    return f"{value:+.{decimals}f} {unit}"


def _signed_interval(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{low:+.1f} to {high:+.1f}"


def _lists(response: TreatmentResponse) -> Iterable[tuple[str, tuple[str, ...]]]:
    excluded = [
        f"{side}: {line}"
        for side, summary in (("before", response.before), ("after", response.after))
        for line in excluded_lines(summary)
    ]
    if excluded:
        yield "Nights left out", tuple(excluded)
    notes = [note.text for note in response.notes]
    notes += [
        f"{side}: {note.text}"
        for side, summary in (("before", response.before), ("after", response.after))
        for note in summary.notes
        if note.code not in NOT_PER_NIGHT
    ]
    if notes:
        yield "Notes", tuple(printable(note) for note in notes)
