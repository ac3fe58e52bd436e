"""`compare_nights`: two scorings of one night."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hsat.agreement.estimates import Estimate, f1_estimate, wilson_estimate
from hsat.agreement.kappa import Grid, count_blocks, kappa_by_blocks, label_steps, to_two_classes
from hsat.agreement.matching import match_events, match_with_excuses
from hsat.agreement.rates import compare_ahi
from hsat.agreement.results import (
    EVENT_GROUPS,
    IOU_THRESHOLDS,
    EventAgreement,
    KindPair,
    NightAgreement,
    OverlapAgreement,
    TimeAgreement,
)
from hsat.errors import HsatError
from hsat.intervals import Spans, intersect_spans, overlaps_s
from hsat.recording import Note
from hsat.rules.load import load_rules
from hsat.rules.model import ScoringRules
from hsat.scorings import ScoredEvent, Scoring

__all__ = ["compare_nights"]

TYPED_GROUPS = ("obstructive_apnea", "central_apnea", "mixed_apnea")
SECOND_S = 1.0
MAX_DURATION_S = 14 * 86_400.0
"""Two weeks: no recording of one night; its seconds would fill the memory for nothing."""
DURATION_NOISE_S = 1.0
NO_DURATION = "neither scoring says how long the recording is"


def compare_nights(
    scored: Scoring,
    reference: Scoring,
    *,
    hours: float | None = None,
    epoch_s: float | None = None,
    rules: ScoringRules | None = None,
) -> NightAgreement:
    """Compare two scorings of one night.

    Parameters
    ----------
    scored, reference : Scoring
        From `hsat.read_scoring`. Only events that a scoring counts are compared. What the
        reference is uncertain of, or lists without counting it, counts neither way: a scored event
        that matches it is neither right nor wrong, and its time is left out of kappa.
    hours : float, optional
        Monitored hours for a scoring that does not say its own. By default those of the other
        scoring, and then only the events in that time enter the AHI.
    epoch_s : float, optional
        Also compare epochs of so many seconds, as suits a reference that labels epochs.
    rules : ScoringRules, optional
        Limits of the severity classes; those of ``aasm_1b`` by default.

    Returns
    -------
    NightAgreement

    Raises
    ------
    HsatError
        Where `hours` or `epoch_s` is no positive number, or millions of events overlap.

    Notes
    -----
    Events match one to one: as many pairs as possible, then the largest sum of intersection over
    union (IoU). Intervals within a night take its events, or its five-minute blocks, for a
    sample of such nights of the same sleeper; they say nothing about other people.
    """
    for name, value in (("hours", hours), ("epoch_s", epoch_s)):
        if value is not None and not (math.isfinite(value) and value > 0.0):
            raise HsatError(f"{name}: expected a number above 0, got {value}")
    rules = load_rules("aasm_1b") if rules is None else rules
    rates = compare_ahi(scored, reference, hours=hours, rules=rules)
    ignored_s = _ignored_spans(reference)
    not_compared = _not_compared(scored, reference)
    return NightAgreement(
        scored=scored,
        reference=reference,
        overlaps=tuple(
            _compare_events(scored, reference, ignored_s, not_compared, x) for x in IOU_THRESHOLDS
        ),
        times=tuple(_compare_times(scored, reference, ignored_s, epoch_s, not_compared.get("events"))),
        ahi=rates.ahi,
        not_measured=rates.not_measured,
        notes=(*rates.notes, *_reading_notes(scored, reference), *_notes(scored, reference, ignored_s)),
    )


def _reading_notes(scored: Scoring, reference: Scoring) -> list[Note]:
    """How each file was placed, and what of it was left out."""
    sides = (("SCORED", scored), ("REFERENCE", reference))
    return [Note(note.code, f"{side}: {note.text}") for side, scoring in sides for note in scoring.notes]


def _ignored_spans(reference: Scoring) -> Spans:
    uncounted = [event for event in reference.events if not event.is_counted]
    return np.concatenate([reference.ignored_spans_s, _spans(uncounted)])


def _spans(events: Sequence[ScoredEvent]) -> Spans:
    return np.array([(event.start_s, event.stop_s) for event in events], dtype=np.float64).reshape(-1, 2)


# ------------------------------------------------------------------------ events


def _compare_events(
    scored: Scoring,
    reference: Scoring,
    ignored_s: Spans,
    not_compared: Mapping[str, str],
    min_iou_fraction: float,
) -> OverlapAgreement:
    groups: dict[str, EventAgreement] = {}
    all_ours, all_theirs = scored.counted_events, reference.counted_events
    for name in (name for name in EVENT_GROUPS if name not in not_compared):
        ours = [event for event in all_ours if event.kind in EVENT_GROUPS[name]]
        theirs = [event for event in all_theirs if event.kind in EVENT_GROUPS[name]]
        pairs, excused = match_with_excuses(
            _spans(ours), _spans(theirs), ignored_s, min_iou_fraction=min_iou_fraction
        )
        groups[name] = event_agreement(
            len(pairs), len(ours) - len(pairs) - len(excused), len(theirs) - len(pairs), len(excused)
        )
    indices = match_events(_spans(all_ours), _spans(all_theirs), min_iou_fraction=min_iou_fraction)
    matched = [(all_ours[i], all_theirs[j]) for i, j in indices]
    kinds_of = Counter((theirs.kind, ours.kind) for ours, theirs in matched)
    ordered = sorted(kinds_of.items(), key=lambda item: (-item[1], item[0]))
    errors_s = _spans([ours for ours, _ in matched]) - _spans([theirs for _, theirs in matched])
    return OverlapAgreement(
        min_iou_fraction=min_iou_fraction,
        groups=groups,
        not_compared=not_compared,
        kind_pairs=tuple(KindPair(true, ours, n) for (true, ours), n in ordered),
        start_errors_s=errors_s[:, 0],
        stop_errors_s=errors_s[:, 1],
    )


def _not_compared(scored: Scoring, reference: Scoring) -> dict[str, str]:
    """Groups that one of the scorings could not tell: no event of them means nothing then."""
    reasons: dict[str, str] = {}
    for name, scoring in (("scoring", scored), ("reference", reference)):
        for group in ("apneas", "hypopneas"):
            if group in scoring.not_scored:
                reason = f"the {name} has no {group}: {scoring.not_scored[group]}"
                reasons.setdefault(group, reason)
                reasons.setdefault("events", reason)
    untyped = [_is_untyped(scoring) for scoring in (scored, reference)]
    for name, is_untyped in zip(("scoring", "reference"), untyped, strict=True):
        if is_untyped or "apneas" in reasons:
            reason = reasons.get("apneas", f"the {name} gives its apneas no type")
            for group in TYPED_GROUPS:
                reasons.setdefault(group, reason)
            if not all(untyped) or "apneas" in reasons:
                reasons.setdefault("unclassified_apnea", reason)
    return reasons


def _is_untyped(scoring: Scoring) -> bool:
    """Whether the scoring leaves all apneas unclassified: for want of belts, or of interest."""
    kinds = {event.kind for event in scoring.counted_events if event.kind.is_apnea}
    untyped = EVENT_GROUPS["unclassified_apnea"]
    return kinds <= untyped and (bool(kinds) or "apnea_types" in scoring.not_scored)


def event_agreement(
    n_matched: int, n_false_positives: int, n_false_negatives: int, n_excused: int
) -> EventAgreement:
    """Counts with precision, recall and F1; intervals take each event for a witness of its own."""
    n_unmatched = n_false_positives + n_false_negatives
    return EventAgreement(
        n_matched=n_matched,
        n_false_positives=n_false_positives,
        n_false_negatives=n_false_negatives,
        n_excused=n_excused,
        precision=wilson_estimate(n_matched, n_matched + n_false_positives, nothing="nothing was scored"),
        recall=wilson_estimate(
            n_matched, n_matched + n_false_negatives, nothing="the reference has no such event"
        ),
        f1=f1_estimate(n_matched, n_unmatched, nothing="neither scoring has such an event"),
    )


# ------------------------------------------------------------------------ time


def _compare_times(
    scored: Scoring,
    reference: Scoring,
    ignored_s: Spans,
    epoch_s: float | None,
    refusal: str | None,
) -> list[TimeAgreement]:
    known = [x.duration_s for x in (scored, reference) if x.duration_s is not None]
    monitored = [x.monitored_spans_s for x in (scored, reference) if x.monitored_spans_s is not None]
    steps = [(SECOND_S, False)] + ([] if epoch_s is None else [(epoch_s, True)])
    results = []
    for step_s, is_epoch in steps:
        reason = refusal or (NO_DURATION if not known else _why_no_grid(min(known), step_s))
        grid = Grid(step_s, 0 if reason else math.floor(min(known) / step_s + 1e-9), is_epoch)
        ours, theirs = (label_steps(x.counted_events, grid) for x in (scored, reference))
        is_compared = ~(
            grid.mask(ignored_s) | grid.middles_in(scored.gaps_s) | grid.middles_in(reference.gaps_s)
        )
        results.append(
            _time_agreement(count_blocks(theirs, ours, is_compared, grid), grid, reason, is_monitored=False)
        )
        if monitored:
            spans_s = intersect_spans(monitored[0], monitored[-1])
            is_compared &= grid.middles_in(spans_s)
        else:
            reason = reason or "neither scoring says when the recording was monitored"
            is_compared[:] = False
        results.append(
            _time_agreement(count_blocks(theirs, ours, is_compared, grid), grid, reason, is_monitored=True)
        )
    return results


def _why_no_grid(duration_s: float, step_s: float) -> str | None:
    if duration_s > MAX_DURATION_S:
        return f"a recording of {duration_s:.6g} s: time is compared up to {MAX_DURATION_S:g} s"
    if duration_s < step_s:
        return f"a recording of {duration_s:g} s is shorter than one step of {step_s:g} s"
    return None


def _time_agreement(
    blocks: NDArray[np.float64],
    grid: Grid,
    reason: str | None,
    *,
    is_monitored: bool,
) -> TimeAgreement:
    if reason is None and len(blocks) == 0:
        reason = "no time is left to compare"
    if reason is not None:
        nothing = Estimate.missing(reason)
        kappas = (nothing, nothing)
    else:
        kappas = (kappa_by_blocks(to_two_classes(blocks)), kappa_by_blocks(blocks))
    return TimeAgreement(
        step_s=grid.step_s,
        is_monitored_only=is_monitored,
        reason=reason,
        blocks=blocks,
        kappa=kappas[0],
        kappa_three_classes=kappas[1],
    )


# ------------------------------------------------------------------------ notes


def _notes(scored: Scoring, reference: Scoring, ignored_s: Spans) -> list[Note]:
    """What a reader of the figures has to know."""
    notes = []
    sums = (scored.recording_sha256, reference.recording_sha256)
    if None not in sums and sums[0] != sums[1]:
        notes.append(Note(code="other_recording", text="the two scorings name different recordings"))
    lengths = (scored.duration_s, reference.duration_s)
    if lengths[0] is not None and lengths[1] is not None and abs(lengths[0] - lengths[1]) > DURATION_NOISE_S:
        words = (
            f"the recording lasts {lengths[0]:.0f} s in the scoring and {lengths[1]:.0f} s in the reference"
        )
        notes.append(Note(code="other_duration", text=f"{words}; kappa is taken of the shorter"))
    notes += _late_events("reference", reference, scored)
    notes += _late_events("scored", scored, reference)
    if scored.monitored_spans_s is not None and reference.counted_events:
        rows = _spans(reference.counted_events)
        inside = overlaps_s(rows, scored.monitored_spans_s) > 0.0
        n_outside = int(np.count_nonzero(~inside))
        if n_outside:
            text = "reference events wholly in time that the scoring does not monitor, which count as missed"
            notes.append(Note(code="reference_not_monitored", text=f"{text}: {n_outside}"))
    if len(ignored_s):
        text = "reference events that count neither way, being uncertain or not counted there"
        notes.append(Note(code="ignored_events", text=f"{text}: {len(ignored_s)}"))
    return notes


def _late_events(name: str, scoring: Scoring, other: Scoring) -> list[Note]:
    """Events behind the end of the recording as the other scoring knows it: another night, or clock?"""
    if other.duration_s is None:
        return []
    n_late = sum(event.stop_s > other.duration_s + DURATION_NOISE_S for event in scoring.counted_events)
    if not n_late:
        return []
    text = f"{name} events that end after the recording does, at {other.duration_s:.0f} s: {n_late}"
    return [Note(code="events_after_end", text=f"{text}; is it the same night?")]
