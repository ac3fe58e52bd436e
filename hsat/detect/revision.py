"""A person's event list over the automatic one: what was kept, edited, added, removed, with evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from hsat.detect.evidence import SAME_S, Evidence, measure_evidence
from hsat.detect.signals import NightSignals
from hsat.errors import EventListError, shown
from hsat.events import REMOVED, EventKind, EventOrigin, RejectedCandidate, RespiratoryEvent
from hsat.intervals import Spans, overlaps_s
from hsat.recording import Note, Recording
from hsat.rules.model import ScoringRules
from hsat.scorings import ScoredEvent, Scoring

__all__ = ["CRITERION", "Revision", "listed_events", "revise_events"]

CRITERION = "scored by a person"
"""What stands in place of a rule's clause."""

MOSTLY = 0.5
"""A refused candidate that is covered by more than this share has become an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The night's events as a person has them.

    Attributes
    ----------
    events : tuple of RespiratoryEvent
        In order of time, with their origin.
    rejected : tuple of RejectedCandidate
        In order of time; automatic events that the person left out among them.
    n_kept, n_edited, n_added, n_removed : int
    """

    events: tuple[RespiratoryEvent, ...]
    rejected: tuple[RejectedCandidate, ...]
    n_kept: int
    n_edited: int
    n_added: int
    n_removed: int


def listed_events(
    events: Scoring | Iterable[ScoredEvent | RespiratoryEvent], recording: Recording, rules: ScoringRules
) -> tuple[tuple[ScoredEvent, ...], tuple[Note, ...]]:
    """The events of a list that lie in the recording, in order of time, and what is odd about them.

    Parameters
    ----------
    events : Scoring or iterable of ScoredEvent or RespiratoryEvent
    recording : Recording
    rules : ScoringRules
        What the night is scored under; a list made under others is noted.

    Returns
    -------
    events : tuple of ScoredEvent
        Cut to the recording.
    notes : tuple of Note

    Raises
    ------
    EventListError
        Where an item is no event, lies wholly outside the recording, or does not stop after it starts.
    """
    rows = events.events if isinstance(events, Scoring) else tuple(events)
    source = events.source_path if isinstance(events, Scoring) else "events"
    duration_s = recording.duration_s
    listed: list[ScoredEvent] = []
    n_cut = 0
    for row in rows:
        if not isinstance(row, ScoredEvent | RespiratoryEvent) or not isinstance(row.kind, EventKind):
            raise EventListError(
                f"{source}: expected ScoredEvent or RespiratoryEvent of a kind of EventKind (read_scoring "
                f"reads them from a file), got {shown(row)}"
            )
        if not (row.start_s < duration_s and row.stop_s > 0.0 and row.stop_s > row.start_s):
            raise EventListError(
                f"{source}: expected events within the recording, 0 s to {duration_s:g} s, "
                f"got one from {row.start_s:g} s to {row.stop_s:g} s"
            )
        start_s, stop_s = max(row.start_s, 0.0), min(row.stop_s, duration_s)
        n_cut += (start_s, stop_s) != (row.start_s, row.stop_s)
        listed.append(ScoredEvent(kind=row.kind, start_s=start_s, stop_s=stop_s, is_counted=row.is_counted))
    listed.sort(key=lambda event: (event.start_s, event.stop_s))
    notes = list(_source_notes(events, recording, rules)) if isinstance(events, Scoring) else []
    if n_cut:
        notes.append(Note("events_cut", f"listed events that reach out of the recording: {n_cut}; cut to it"))
    n_overlapping = sum(after.start_s < before.stop_s for before, after in pairwise(listed))
    if n_overlapping:
        text = f"listed events that begin before the one before has stopped: {n_overlapping}; each counts"
        notes.append(Note("events_overlap", text))
    return tuple(listed), tuple(notes)


def _source_notes(scoring: Scoring, recording: Recording, rules: ScoringRules) -> Iterable[Note]:
    """Whether the list was made from something else than what is scored now."""
    if scoring.rules_id is not None and scoring.rules_id != rules.rules_id:
        yield Note(
            "events_other_rules",
            f"the event list was scored under {scoring.rules_id}; what counts as automatic here is by "
            f"{rules.rules_id}",
        )
    if scoring.recording_sha256 is None:
        return
    try:
        checksum = recording.source.sha256()
    except OSError:  # moved or unplugged since it was read
        return
    if checksum is not None and checksum != scoring.recording_sha256:
        yield Note("events_other_file", "the event list was made from another file (its SHA-256 differs)")


def revise_events(
    scored: Sequence[ScoredEvent],
    automatic: Sequence[RespiratoryEvent],
    rejected: Sequence[RejectedCandidate],
    signals: NightSignals,
    *,
    delay_s: float,
    monitored_s: Spans,
    rules: ScoringRules,
) -> Revision:
    """Put a person's events in the place of the automatic ones.

    Parameters
    ----------
    scored : sequence of ScoredEvent
        In order of time, within the recording; may overlap each other.
    automatic : sequence of RespiratoryEvent
    rejected : sequence of RejectedCandidate
    signals : NightSignals
        What evidence is measured from.
    delay_s : float
        Delay of SpO2 behind flow.
    monitored_s : ndarray, shape (n, 2)
        Time in which events count.
    rules : ScoringRules
        ``[event_span]``, and what `hsat.detect.evidence.measure_evidence` uses.

    Returns
    -------
    Revision
        An automatic event with the same span (to 0.05 s) and kind is kept with its evidence. One
        that overlaps a listed event of another span or kind, or that the list does not count, is
        edited: each listed event takes the place of the automatic one it overlaps most, and keeps
        its evidence where only the type of apnea or hypopnea, or whether it counts, is another.
        The other listed events are added, the other automatic ones removed. A listed event counts
        where it lies in monitored time and the list does not say otherwise.
    """
    partners = _find_partners(scored, automatic)
    spans = np.array([(event.start_s, event.stop_s) for event in scored]).reshape(-1, 2)
    share = rules.event_span.min_counted_share_fraction
    is_counted = overlaps_s(spans, monitored_s) >= share * (spans[:, 1] - spans[:, 0])
    evidence = measure_evidence(scored, signals, delay_s=delay_s, rules=rules)
    events: list[RespiratoryEvent] = []
    n_kept = 0
    for i, (event, partner) in enumerate(zip(scored, partners, strict=True)):
        old = None if partner is None else automatic[partner]
        counts = bool(is_counted[i]) and event.is_counted
        is_alike = old is not None and old.kind.is_apnea == event.kind.is_apnea
        if old is not None and is_alike and _has_same_span(event, old):
            is_kept = old.kind is event.kind and (event.is_counted or not old.is_counted)
            n_kept += is_kept
            kept = replace(old, kind=event.kind, is_counted=counts)
            if not is_kept:
                kept = replace(kept, criterion=CRITERION, origin=EventOrigin.EDITED, confidence_fraction=None)
            events.append(kept)
            continue
        origin = EventOrigin.ADDED if old is None else EventOrigin.EDITED
        events.append(_new_event(event, evidence[i], origin=origin, is_counted=counts))
    removed = [event for i, event in enumerate(automatic) if i not in set(partners)]
    n_added = sum(partner is None for partner in partners)
    return Revision(
        events=tuple(events),
        rejected=_revise_rejected(
            rejected, removed, [e for e in events if e.origin is not EventOrigin.AUTOMATIC]
        ),
        n_kept=n_kept,
        n_edited=len(events) - n_kept - n_added,
        n_added=n_added,
        n_removed=len(removed),
    )


def _new_event(
    scored: ScoredEvent, evidence: Evidence, *, origin: EventOrigin, is_counted: bool
) -> RespiratoryEvent:
    """A listed event with what the signals show at it."""
    return RespiratoryEvent(
        kind=scored.kind,
        start_s=scored.start_s,
        stop_s=scored.stop_s,
        flow_reduction_fraction=evidence.reduction_fraction,
        baseline_excursion=evidence.baseline_excursion,
        effort_fraction=evidence.effort_fraction,
        desaturation=evidence.desaturation,
        criterion=CRITERION,
        is_counted=is_counted,
        origin=origin,
        sensor=evidence.sensor,
    )


def _has_same_span(event: ScoredEvent, old: RespiratoryEvent) -> bool:
    return abs(event.start_s - old.start_s) <= SAME_S and abs(event.stop_s - old.stop_s) <= SAME_S


def _find_partners(scored: Sequence[ScoredEvent], automatic: Sequence[RespiratoryEvent]) -> list[int | None]:
    """The automatic event that each listed one stands for: the same one first, then by overlap."""
    partners: list[int | None] = [None] * len(scored)
    if not scored or not automatic:
        return partners
    ours = np.array([(event.start_s, event.stop_s) for event in scored])
    theirs = np.array([(event.start_s, event.stop_s) for event in automatic])
    shared_s = np.minimum(ours[:, None, 1], theirs[:, 1]) - np.maximum(ours[:, None, 0], theirs[:, 0])
    pairs = np.argwhere(shared_s > 0).tolist()
    ranked = sorted(
        pairs,
        key=lambda pair: (
            not _has_same_span(scored[pair[0]], automatic[pair[1]]),
            scored[pair[0]].kind is not automatic[pair[1]].kind,
            -shared_s[pair[0], pair[1]],
        ),
    )
    taken: set[int] = set()
    for i, j in ranked:
        if partners[i] is None and j not in taken:
            partners[i] = j
            taken.add(j)
    return partners


def _revise_rejected(
    rejected: Sequence[RejectedCandidate],
    removed: Sequence[RespiratoryEvent],
    new: Sequence[RespiratoryEvent],
) -> tuple[RejectedCandidate, ...]:
    """Refused candidates without those that a person made events, and the events a person removed."""
    kept = [
        candidate
        for candidate in rejected
        if not any(
            min(candidate.stop_s, event.stop_s) - max(candidate.start_s, event.start_s)
            > MOSTLY * candidate.duration_s
            for event in new
        )
    ]
    kept += [
        RejectedCandidate(
            start_s=event.start_s,
            stop_s=event.stop_s,
            flow_reduction_fraction=event.flow_reduction_fraction,
            desaturation=event.desaturation,
            sensor=event.sensor,
            reason=f"{REMOVED} ({event.kind.value}; {event.criterion})",
            baseline_excursion=event.baseline_excursion,
        )
        for event in removed
    ]
    return tuple(sorted(kept, key=lambda candidate: candidate.start_s))
