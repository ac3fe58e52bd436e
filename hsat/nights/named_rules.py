"""Other ways to sum up nights, by name: what they would say, and what is known of their mistakes."""

from collections.abc import Sequence
from statistics import fmean

from hsat.errors import NightsError
from hsat.grading import grade_severity
from hsat.patient import NamedRule, ScoredNight
from hsat.rules.model import SeverityRule

__all__ = ["NAMED_RULES", "apply_named_rule", "check_named_rule"]

NAMED_RULES: dict[str, str] = {
    "worst-night": (
        "the highest of several nights is high by chance, and the more so the more nights there are: in "
        "simulation it gives the wrong class to 25 % of patients after 3 nights and to 36 % after 7, where "
        "the pooled AHI is wrong in 14 % and 9 %"
    ),
    "first-night": (
        "one night of the several is used: about 20 % of mild and moderate patients get another class on "
        "it than on three nights (Punjabi 2020), and half change class at least once between nights "
        "(Roeder 2020)"
    ),
    "mean-of-nights": (
        "a short night counts as much as a long one, though it tells less; the pooled AHI weighs nights by "
        "their hours"
    ),
}
"""Each rule with what is known of its mistakes. Simulation: variation between nights of 30 %, nights
independent."""


def apply_named_rule(
    name: str, nights: Sequence[ScoredNight], rule: SeverityRule, *, has_class: bool
) -> NamedRule:
    """What a named rule says of the nights.

    Parameters
    ----------
    name : str
        One of `NAMED_RULES`.
    nights : sequence of ScoredNight
        In order of time, at least one, each with an AHI.
    rule : SeverityRule
    has_class : bool
        Whether adult classes apply.

    Returns
    -------
    NamedRule

    Raises
    ------
    NightsError
        Where there is no such rule.
    """
    check_named_rule(name)
    rates = [night.ahi_per_h for night in nights if night.ahi_per_h is not None]
    ahi_per_h = {"worst-night": max(rates), "first-night": rates[0], "mean-of-nights": fmean(rates)}[name]
    severity = grade_severity(ahi_per_h, rule) if has_class else None
    return NamedRule(name=name, ahi_per_h=ahi_per_h, severity=severity, warning=NAMED_RULES[name])


def check_named_rule(name: str) -> None:
    """Refuse a name that is none of `NAMED_RULES`; a `NightsError` then."""
    if name not in NAMED_RULES:
        raise NightsError(f"rule: expected one of {', '.join(NAMED_RULES)}, got {name!r}")
