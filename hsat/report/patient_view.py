"""What the report on several nights of one patient says, ready to print in any layout."""

from collections import Counter
from collections.abc import Iterable, Sequence

from hsat import __version__
from hsat.patient import PatientNight, PatientSummary
from hsat.report.night_lines import describe_night
from hsat.report.patient_words import (
    CLASS_LIMITS,
    advice_words,
    class_words,
    interval_words,
    nights_words,
    percent_words,
)
from hsat.report.plain import printable
from hsat.report.rows import amount_words, rounded
from hsat.report.sections import Row, Section
from hsat.report.view import NOT_A_DEVICE, NightView

__all__ = ["MAX_NIGHTS", "dates_words", "excluded_lines", "view_patient"]

MAX_NIGHTS = 31
"""Nights that a page lists one by one; JSON and CSV have all."""
MAX_EXCLUDED = 20
HOURS_OF = {
    "monitoring": "No EEG, so the AHI is the respiratory event index (REI): events per monitored hour.",
    "sleep": "AHI: events per hour of sleep that could be judged.",
    "usage": "AHI: the device's own count per hour of use.",
}
TREATED = {"pap": "PAP", "appliance": "an appliance"}


def view_patient(summary: PatientSummary) -> NightView:
    """Describe several nights for people.

    Parameters
    ----------
    summary : PatientSummary

    Returns
    -------
    NightView
    """
    if not summary.nights:
        return NightView(
            headline="No night of this patient can be used",
            remarks=(),
            facts=Section("", (Row("Patient", _patient_words(summary)),)),
            sections=(),
            lists=tuple(_lists(summary)),
            closing=(_version_words(summary), NOT_A_DEVICE),
        )
    return NightView(
        headline=_headline(summary),
        remarks=tuple(_remarks(summary)),
        facts=_facts(summary),
        sections=tuple(_sections(summary)),
        lists=tuple(_lists(summary)),
        closing=tuple(_closing(summary)),
    )


def _headline(summary: PatientSummary) -> str:
    posterior = summary.posterior
    if posterior is None or summary.pooled_ahi_per_h is None:
        return "No night of this patient can be used"
    treated = TREATED.get(summary.therapy or "")
    name = f"Residual AHI on {treated}" if treated else "AHI"
    amount = f"{rounded(summary.pooled_ahi_per_h, 1)} /h over {nights_words(len(summary.nights))}"
    return f"{name} {amount}, {class_words(posterior)}"


def _remarks(summary: PatientSummary) -> Iterable[str]:
    advice = advice_words(summary)
    if advice:
        yield advice
    reason = summary.not_measured.get("posterior.severity")
    if reason is not None:
        yield f"No class: {printable(reason)}."
    yield HOURS_OF[summary.denominator or "monitoring"]


def _patient_words(summary: PatientSummary) -> str:
    return "no code in the files" if summary.patient is None else printable(summary.patient)


def _facts(summary: PatientSummary) -> Section:
    nights, posterior = summary.nights, summary.posterior
    rows = [Row("Patient", _patient_words(summary)), Row("Nights", dates_words(nights))]
    hours = sum(night.monitoring_h for night in nights)
    events = sum(night.n_events for night in nights)
    rows.append(Row("Judged", f"{amount_words(events, 'event')} in {rounded(hours, 1)} h"))
    rows.append(Row("Treatment", _therapy_words(summary.therapy)))
    if posterior is not None:
        rows.append(Row("Model", f"{posterior.model}; prior {printable(posterior.prior)}"))
    return Section("", tuple(rows))


def _therapy_words(therapy: str | None) -> str:
    return {"none": "none", "pap": "PAP", "appliance": "an appliance"}.get(therapy or "", "none known of")


def dates_words(nights: Sequence[PatientNight]) -> str:
    """``"3 nights, 2026-03-02 to 2026-03-04"``."""
    dated = [night.start_local for night in nights if night.start_local is not None]
    words = nights_words(len(nights))
    if not dated:
        return f"{words}, without dates"
    first, last = min(dated), max(dated)
    when = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"{words}, {when}"


def _sections(summary: PatientSummary) -> Iterable[Section]:
    yield _nights_section(summary.nights)
    yield _rates_section(summary)
    if summary.posterior is not None:
        yield _posterior_section(summary)
    yield Section("Position", _position_rows(summary), _position_text(summary))
    yield Section("Change over the nights", (), _trend_text(summary))
    named = summary.named_rule
    if named is not None:
        grade = named.severity or "no class"
        rows = (Row(named.name, f"{rounded(named.ahi_per_h, 1)} /h", f"would say {grade}"),)
        yield Section("Another rule, as asked for (not the result)", rows)


def _nights_section(nights: Sequence[PatientNight]) -> Section:
    shown = nights[-MAX_NIGHTS:]
    title = "Each night, with the class it would have given alone"
    if len(shown) < len(nights):
        title = f"The last {len(shown)} of {len(nights)} nights, with the class each would have given alone"
    return Section(title, tuple(_night_row(night) for night in shown))


def _night_row(night: PatientNight) -> Row:
    line = describe_night(night)
    parts = (f"{line.events} in {line.hours}", line.supine, *line.remarks, line.file)
    return Row(f"{line.when}  {line.severity}".rstrip(), line.ahi, ", ".join(part for part in parts if part))


def _rates_section(summary: PatientSummary) -> Section:
    rows: list[Row] = []
    if summary.pooled_ahi_per_h is not None:
        rows.append(
            Row("Pooled AHI", f"{rounded(summary.pooled_ahi_per_h, 1)} /h", "all events over all hours")
        )
    if summary.mean_ahi_per_h is not None:
        rows.append(Row("Mean of nights", f"{rounded(summary.mean_ahi_per_h, 1)} /h"))
    if summary.median_ahi_per_h is not None:
        rows.append(Row("Median of nights", f"{rounded(summary.median_ahi_per_h, 1)} /h"))
    if summary.sd_ahi_per_h is not None:
        rows.append(Row("SD between nights", f"{summary.sd_ahi_per_h:.1f} /h"))
    if summary.range_ahi_per_h is not None and len(summary.nights) > 1:
        low, high = summary.range_ahi_per_h
        rows.append(Row("Lowest night", f"{rounded(low, 1)} /h"))
        rows.append(Row("Highest night", f"{rounded(high, 1)} /h"))
    alone = Counter(night.severity for night in summary.nights if night.severity is not None)
    text = ""
    if len(summary.nights) > 1 and alone:
        words = ", ".join(f"{alone[name]} would say {name}" for name in CLASS_LIMITS if alone[name])
        text = f"Of the single nights, {words}."
    return Section("The nights as they are", tuple(rows), text)


def _posterior_section(summary: PatientSummary) -> Section:
    posterior = summary.posterior
    if posterior is None:
        return Section("", ())
    rows = [
        Row(
            "Mean AHI over many nights",
            f"{rounded(posterior.mean_ahi_per_h, 1)} /h",
            f"95 % interval {interval_words(posterior.ci95_ahi_per_h)}",
        )
    ]
    rows += [
        Row(f"  {name}", percent_words(posterior.class_probability[name]), CLASS_LIMITS[name])
        for name in CLASS_LIMITS
        if name in posterior.class_probability
    ]
    correlation = posterior.night_to_night_correlation
    rows += [
        Row(
            "Variation between nights",
            f"{round(100.0 * posterior.night_to_night_cv)} %",
            "" if correlation is None else f"correlation of a night with the next {correlation:.2f}",
        ),
        Row("Next night, 95 %", f"{interval_words(posterior.next_night_ci95)} /h", "for a night as long"),
    ]
    if posterior.severity is not None:
        needed = posterior.nights_needed
        value = "more than 30" if needed is None else str(needed)
        rows.append(Row("Further nights to a firm class", value, "median; firm: one class has 90 %"))
    return Section("What they say of the patient", tuple(rows))


def _position_rows(summary: PatientSummary) -> tuple[Row, ...]:
    position = summary.position
    if position is None:
        return ()
    parts = (
        ("AHI supine", position.supine_ahi_per_h, position.supine_h),
        ("AHI not supine", position.non_supine_ahi_per_h, position.non_supine_h),
    )
    return tuple(
        Row(
            label,
            "-" if rate is None else f"{rounded(rate, 1)} /h",
            f"{rounded(hours, 1)} h over {nights_words(position.n_nights)}",
        )
        for label, rate, hours in parts
    )


def _position_text(summary: PatientSummary) -> str:
    return "Not recorded." if summary.position is None else ""


def _trend_text(summary: PatientSummary) -> str:
    trend = summary.trend
    if trend is None:
        return ""
    if trend.p_value is None:
        return f"Not tested: {trend.reason}."
    if trend.direction is None:
        return f"No trend: correlated nights look like this by chance (p = {trend.p_value:.2f})."
    p_words = "p < 0.01" if trend.p_value < 0.01 else f"p = {trend.p_value:.2f}"
    return (
        f"The AHI is {trend.direction} over the nights, more than correlated nights do by chance ({p_words})."
    )


def _lists(summary: PatientSummary) -> Iterable[tuple[str, tuple[str, ...]]]:
    if summary.named_rule is not None:
        name, warning = summary.named_rule.name, summary.named_rule.warning
        yield "Beware", (f"{name}: {warning}",)
    if summary.excluded:
        yield "Nights left out", excluded_lines(summary)
    if summary.notes:
        yield "Notes", tuple(printable(note.text) for note in summary.notes)


def excluded_lines(summary: PatientSummary) -> tuple[str, ...]:
    """One line a night left out; where they are many, one line a reason."""
    if len(summary.excluded) <= MAX_EXCLUDED:
        return tuple(f"{printable(item.file)}: {printable(item.reason)}" for item in summary.excluded)
    counted = Counter(item.reason.partition(" (")[0] for item in summary.excluded)
    return tuple(f"{nights_words(n)}: {printable(reason)}" for reason, n in counted.most_common())


def _closing(summary: PatientSummary) -> Iterable[str]:
    sensitivity = _sensitivity_words(summary)
    if sensitivity:
        yield sensitivity
    if summary.posterior is not None and summary.posterior.night_to_night_correlation is not None:
        yield (
            "Nights that follow each other resemble each other: the model takes them as correlated, and how "
            "much they vary as unknown."
        )
    yield _version_words(summary)
    yield NOT_A_DEVICE


def _sensitivity_words(summary: PatientSummary) -> str:
    """The most probable class under each prior, on one line."""
    parts = []
    for name, probability in summary.class_under_priors.items():
        best = max(probability, key=lambda item: probability[item])
        parts.append(f"{printable(name)} {best} {percent_words(probability[best])}")
    return f"By prior: {', '.join(parts)}." if parts else ""


def _version_words(summary: PatientSummary) -> str:
    if summary.rules_id is None:
        return f"hsat {__version__}."
    return f"rules {printable(summary.rules_id)}; hsat {__version__}."
