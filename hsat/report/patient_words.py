"""How sure a class is over several nights, in the words that every layout uses."""

from collections.abc import Mapping

from hsat.patient import AhiPosterior, PatientSummary
from hsat.report.rows import rounded

__all__ = [
    "CLASS_LIMITS",
    "SETTLED_FROM",
    "advice_words",
    "class_words",
    "interval_words",
    "likely_classes",
    "nights_words",
    "percent_words",
]

CLASS_LIMITS = {
    "normal": "below 5 /h",
    "mild": "5 to 15 /h",
    "moderate": "15 to 30 /h",
    "severe": "30 /h and more",
}
MAX_FURTHER = 30
"""Further nights that are looked at: `AhiPosterior.nights_needed` has none beyond."""
SETTLED_FROM = 0.9
"""Classes are named until they hold this probability together."""


def percent_words(probability: float) -> str:
    """``"62 %"``; never 0 % or 100 %, which no posterior gives."""
    if probability < 0.005:
        return "< 1 %"
    if probability > 0.995:
        return "> 99 %"
    percent = round(100.0 * probability)
    is_below_firm = probability < SETTLED_FROM and percent >= round(100.0 * SETTLED_FROM)
    return f"{100.0 * probability:.1f} %" if is_below_firm else f"{percent} %"


def likely_classes(probability: Mapping[str, float]) -> tuple[str, ...]:
    """The most probable classes that hold 0.9 of the probability together, in order of severity.

    At least two: this is for a class that is not firm, which with few nights may have more than 0.9.
    """
    ranked = sorted(CLASS_LIMITS, key=lambda name: -probability.get(name, 0.0))
    chosen: list[str] = []
    total = 0.0
    for name in ranked:
        if total >= SETTLED_FROM and len(chosen) > 1:
            break
        chosen.append(name)
        total += probability.get(name, 0.0)
    return tuple(name for name in CLASS_LIMITS if name in chosen)


def class_words(posterior: AhiPosterior) -> str:
    """``"moderate (96 %)"``, or ``"between mild and moderate (62 % / 36 %)"``, or ``"no class"``."""
    if posterior.severity is None:
        return "no class"
    if posterior.is_firm:
        return f"{posterior.severity} ({percent_words(posterior.class_probability[posterior.severity])})"
    names = likely_classes(posterior.class_probability)
    shares = " / ".join(percent_words(posterior.class_probability[name]) for name in names)
    *first, last = names
    return f"between {', '.join(first)} and {last} ({shares})"


def interval_words(interval: tuple[float, float]) -> str:
    """``"8.1 to 31.5"``."""
    low, high = interval
    return f"{low:.1f} to {high:.1f}"


def nights_words(n: int) -> str:
    """``"1 night"``, ``"3 nights"``."""
    return f"{n} night" if n == 1 else f"{n} nights"


def advice_words(summary: PatientSummary) -> str:
    """What the nights settle, and what to do where they do not, in plain sentences."""
    posterior = summary.posterior
    if posterior is None or posterior.severity is None or posterior.p_misclassified is None:
        return ""
    name, n = posterior.severity, len(summary.nights)
    wrong = percent_words(posterior.p_misclassified)
    nights = "This one night" if n == 1 else f"These {n} nights"
    if posterior.is_firm:
        return (
            f"{nights} {'settles' if n == 1 else 'settle'} the class. {_mean_words(posterior)}: "
            f"{_with_probability(posterior, name)}; the chance that another class is right is {wrong}."
        )
    classes = " or ".join(
        _with_probability(posterior, item) for item in likely_classes(posterior.class_probability)
    )
    needed = posterior.nights_needed
    more = (
        f"even {MAX_FURTHER} more are not likely to settle it, as {_why_never(summary)}"
        if needed is None
        else f"with {nights_words(needed)} more, half of the patients like this one have a firm class"
    )
    return (
        f"{nights} {'does' if n == 1 else 'do'} not settle the class. {_mean_words(posterior)}: "
        f"{classes}; to call it {name} now is wrong with a chance of {wrong}. Another night is recommended: "
        f"{more}."
    )


def _why_never(summary: PatientSummary) -> str:
    """What keeps a class from being firm: not always a mean close to a limit."""
    if any(note.code == "scoring_error" for note in summary.notes):
        return "the mean lies close to a limit between classes for a scoring with the known error"
    return "the mean lies close to a limit between classes for nights as long and as different as these"


def _mean_words(posterior: AhiPosterior) -> str:
    mean = f"{rounded(posterior.mean_ahi_per_h, 1)} /h"
    interval = interval_words(posterior.ci95_ahi_per_h)
    return f"Over many nights this patient's mean AHI is {mean} (95 % interval {interval})"


def _with_probability(posterior: AhiPosterior, name: str) -> str:
    share = percent_words(posterior.class_probability[name])
    return f"{name} ({CLASS_LIMITS[name]}) with a probability of {share}"
