"""The AHI of two scorings of one night, and its class."""

from dataclasses import dataclass, field, fields

import numpy as np

from hsat.agreement.results import AhiAgreement
from hsat.grading import grade_severity
from hsat.intervals import overlaps_s
from hsat.recording import Note
from hsat.rules.model import ScoringRules
from hsat.scorings import Scoring

__all__ = ["ComparedAhi", "compare_ahi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedAhi:
    """The figures, a reason for each None among them, and what was assumed."""

    ahi: AhiAgreement
    not_measured: dict[str, str]
    notes: tuple[Note, ...]


@dataclass(slots=True, kw_only=True)
class _Rate:
    """One scoring's AHI on its way. ``hours``: what its events are divided by, also the ignored ones."""

    per_h: float | None = None
    hours: float | None = None
    reason: str = ""
    notes: list[Note] = field(default_factory=list)


def compare_ahi(
    scored: Scoring, reference: Scoring, *, hours: float | None, rules: ScoringRules
) -> ComparedAhi:
    """Compare the AHI of two scorings.

    Parameters
    ----------
    scored, reference : Scoring
    hours : float or None
        Monitored hours for a scoring that does not say its own; by default those of the other one.
    rules : ScoringRules
        Limits of the classes, least time for a rate, least share of an event in monitored time.

    Returns
    -------
    ComparedAhi
    """
    ours = _rate("scoring", scored, reference, hours, rules)
    theirs = _rate("reference", reference, scored, hours, rules)
    difference = upper = error = None
    if theirs.per_h is not None:
        n_ignored = len(reference.ignored_spans_s)
        upper = theirs.per_h + (n_ignored / theirs.hours if n_ignored and theirs.hours else 0.0)
    if ours.per_h is not None and theirs.per_h is not None and upper is not None:
        difference = ours.per_h - theirs.per_h
        error = min(difference, 0.0) + max(ours.per_h - upper, 0.0)
    refusal = _why_no_class(scored, reference)
    classes = [
        None if rate.per_h is None or refusal else grade_severity(rate.per_h, rules.severity)
        for rate in (ours, theirs)
    ]
    ahi = AhiAgreement(
        scored_per_h=ours.per_h,
        reference_per_h=theirs.per_h,
        difference_per_h=difference,
        reference_upper_per_h=upper,
        range_error_per_h=error,
        scored_severity=classes[0],
        reference_severity=classes[1],
    )
    return ComparedAhi(
        ahi=ahi,
        not_measured=_reasons(ahi, ours, theirs, refusal),
        notes=(*ours.notes, *theirs.notes),
    )


def _rate(name: str, scoring: Scoring, other: Scoring, hours: float | None, rules: ScoringRules) -> _Rate:
    """The scoring's own AHI, else its events over somebody's hours, said in a note."""
    if scoring.ahi_per_h is not None:
        return _Rate(per_h=scoring.ahi_per_h, hours=scoring.monitored_h)
    if scoring.no_ahi_reason is not None:
        return _Rate(reason=f"the scoring gives no AHI: {scoring.no_ahi_reason}")
    n_events = n_all = len(scoring.counted_events)
    if scoring.monitored_h is not None:
        used_h, words = scoring.monitored_h, "over its own {:.2f} h"
    elif hours is not None:
        used_h, words = hours, "over the {:g} h given"
    elif other.monitored_h is not None:
        used_h, words = other.monitored_h, "over the {:.2f} h that the other file calls monitored"
        n_events = _n_monitored(scoring, other, rules)
    else:
        return _Rate(reason="neither file says how many hours were monitored, and none were given")
    if used_h < rules.adequacy.rate_from_h:
        return _Rate(reason=f"{used_h:.3g} h monitored: a rate needs {rules.adequacy.rate_from_h:g} h")
    which = "events" if n_events == n_all else f"of {n_all} events, those that lie in them,"
    note = Note(code="hours_assumed", text=f"AHI of the {name}: {n_events} {which} {words.format(used_h)}")
    return _Rate(per_h=n_events / used_h, hours=used_h, notes=[note])


def _n_monitored(scoring: Scoring, other: Scoring, rules: ScoringRules) -> int:
    """Events in the time that the other scoring calls monitored, by the rule set's own measure."""
    events = scoring.counted_events
    if other.monitored_spans_s is None or not events:
        return len(events)
    spans = np.array([(event.start_s, event.stop_s) for event in events])
    share = rules.event_span.min_counted_share_fraction
    is_inside = overlaps_s(spans, other.monitored_spans_s) >= share * (spans[:, 1] - spans[:, 0])
    return int(np.count_nonzero(is_inside))


def _why_no_class(scored: Scoring, reference: Scoring) -> str | None:
    """A night that gets no class gets none from the other scoring either: age, therapy, too short."""
    for scoring in (scored, reference):
        if scoring.no_class_reason is not None:
            return scoring.no_class_reason
    return None


def _reasons(ahi: AhiAgreement, ours: _Rate, theirs: _Rate, refusal: str | None) -> dict[str, str]:
    no_ours, no_theirs = ours.reason, theirs.reason
    reasons = {
        "scored_per_h": no_ours,
        "reference_per_h": no_theirs,
        "difference_per_h": no_ours or no_theirs,
        "reference_upper_per_h": no_theirs,
        "range_error_per_h": no_ours or no_theirs,
        "scored_severity": refusal or no_ours,
        "reference_severity": refusal or no_theirs,
    }
    names = [item.name for item in fields(ahi) if getattr(ahi, item.name) is None]
    return {f"ahi.{name}": reasons[name] for name in names}
