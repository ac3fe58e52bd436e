"""A person's event list over the automatic one: what was kept, edited, added, removed, with evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hsat.detect.airflow import FlowReading
from hsat.detect.boundaries import nadirs_before
from hsat.detect.desaturations import match_desaturations
from hsat.detect.sensors import BELT_SENSORS
from hsat.detect.signals import NightSignals
from hsat.errors import EventListError, shown
from hsat.events import REMOVED, Desaturation, EventKind, EventOrigin, RejectedCandidate, RespiratoryEvent
from hsat.intervals import Spans, overlaps_s
from hsat.kernels.depths import measure_reductions
from hsat.recording import Note, Recording
from hsat.rules.model import ScoringRules
from hsat.scorings import ScoredEvent, Scoring

__all__ = ["CRITERION", "Revision", "listed_events", "revise_events"]

CRITERION = "scored by a person"
"""What stands in place of a rule's clause."""

SAME_S = 0.05
"""A list that went through another program may have lost digits; no person moves an edge by less."""

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
        ``[event_span]`` and ``[desaturation]`` are used.

    Returns
    -------
    Revision
        An automatic event with the same span (to 0.05 s) and kind is kept with its evidence. One
        that overlaps a listed event of another span or kind, or that the list does not count, is
        edited: each listed event takes the place of the automatic one it overlaps most. The other
        listed events are added, the other automatic ones removed. A listed event counts where it
        lies in monitored time and the list does not say otherwise.
    """
    partners = _find_partners(scored, automatic)
    spans = np.array([(event.start_s, event.stop_s) for event in scored]).reshape(-1, 2)
    share = rules.event_span.min_counted_share_fraction
    is_counted = overlaps_s(spans, monitored_s) >= share * (spans[:, 1] - spans[:, 0])
    evidence = _Evidence.measure(spans, signals, delay_s, rules)
    events: list[RespiratoryEvent] = []
    n_kept = 0
    for i, (event, partner) in enumerate(zip(scored, partners, strict=True)):
        old = None if partner is None else automatic[partner]
        counts = bool(is_counted[i]) and event.is_counted
        if old is not None and _has_same_span(event, old):
            is_kept = old.kind is event.kind and (event.is_counted or not old.is_counted)
            n_kept += is_kept
            kept = replace(old, kind=event.kind, is_counted=counts)
            if not is_kept:
                kept = replace(kept, criterion=CRITERION, origin=EventOrigin.EDITED)
            events.append(kept)
            continue
        origin = EventOrigin.ADDED if old is None else EventOrigin.EDITED
        events.append(evidence.event(i, event, origin=origin, is_counted=counts))
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
        )
        for event in removed
    ]
    return tuple(sorted(kept, key=lambda candidate: candidate.start_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What the signals show at every listed event: arrays of length k, NaN where nothing."""

    baselines: NDArray[np.float64]
    reductions: NDArray[np.float64]
    efforts: NDArray[np.float64]
    falls: list[Desaturation | None]
    sensor: str | None

    @classmethod
    def measure(
        cls, spans_s: Spans, signals: NightSignals, delay_s: float, rules: ScoringRules
    ) -> "_Evidence":
        """Measure baseline, reduction, effort and desaturation of each span."""
        k = len(spans_s)
        baselines, reductions = np.full(k, np.nan), np.full(k, np.nan)
        cores_s, onsets_s = spans_s, spans_s[:, 0]
        if signals.airflow is not None and k:
            onsets_s = _onsets_s(spans_s[:, 0], signals.airflow.main, rules)
            cores_s = _cores_s(np.column_stack((onsets_s, spans_s[:, 1])), signals.airflow.main, rules)
            baselines, reductions = _measure_flow(spans_s, cores_s, signals.airflow.main)
        efforts = np.full(k, np.nan)
        if signals.effort is not None:
            strengths = [signals.effort.within(*core) for core in cores_s.tolist()]
            efforts = np.array([float(np.mean(strength, dtype=np.float64)) for strength in strengths])
        falls: list[Desaturation | None] = [None] * k
        if signals.oximetry is not None and k:
            are_events = np.ones(k, dtype=bool)
            falls = match_desaturations(
                onsets_s, spans_s[:, 1], are_events, signals.oximetry, delay_s=delay_s, rules=rules
            )
        sensor = None if signals.airflow is None else signals.airflow.main.sensor
        return cls(baselines=baselines, reductions=reductions, efforts=efforts, falls=falls, sensor=sensor)

    def event(
        self, i: int, scored: ScoredEvent, *, origin: EventOrigin, is_counted: bool
    ) -> RespiratoryEvent:
        """The listed event with its evidence."""
        fall = self.falls[i]
        reduction = _or_none(self.reductions[i])
        return RespiratoryEvent(
            kind=scored.kind,
            start_s=scored.start_s,
            stop_s=scored.stop_s,
            flow_reduction_fraction=None if reduction is None else min(max(reduction, 0.0), 1.0),
            baseline_excursion=_or_none(self.baselines[i]),
            effort_fraction=_or_none(self.efforts[i]),
            desaturation=fall if fall is not None and fall.drop_points > 0 else None,
            criterion=CRITERION,
            is_counted=is_counted,
            origin=origin,
            sensor=self.sensor,
        )


def _onsets_s(starts_s: NDArray[np.float64], flow: FlowReading, rules: ScoringRules) -> NDArray[np.float64]:
    """Onset of the first breath of each event that starts between the nadir before a breath and its onset.

    Other starts stay where they are: a person may count from the onset, as other programs do.
    """
    breathing = flow.breathing
    if flow.sensor in BELT_SENSORS or len(breathing.onsets) == 0:
        return starts_s
    places = np.searchsorted(breathing.onsets, starts_s * breathing.rate_hz)
    places = np.minimum(places, len(breathing.onsets) - 1)
    onsets_s = breathing.onsets[places] / breathing.rate_hz
    nadirs_s = nadirs_before(onsets_s, flow.reductions.breath_baselines[places], breathing, rules)
    is_between = (starts_s >= nadirs_s - SAME_S) & (starts_s < onsets_s)
    return np.where(is_between, onsets_s, starts_s)


def _cores_s(spans_s: Spans, flow: FlowReading, rules: ScoringRules) -> Spans:
    """The part of each span, from an onset on, in which the whole measuring window lies; or its middle.

    The excursion is that of a window, so an event is seen later and shorter than its breaths say, by
    the very shifts with which `hsat.detect.respiratory` turns what is seen into breath onsets.
    """
    breathing, rule = flow.breathing, rules.event_span
    periods_s, windows_s = breathing.pace.periods_at(spans_s), breathing.pace.windows_at(spans_s)
    starts_s = spans_s[:, 0] + windows_s[:, 0] / 2 - rule.start_shift_periods * periods_s[:, 0]
    stops_s = spans_s[:, 1] - windows_s[:, 1] / 2 + rule.stop_shift_periods * periods_s[:, 1]
    middles_s = (starts_s + stops_s) / 2
    return np.column_stack((np.minimum(starts_s, middles_s), np.maximum(stops_s, middles_s)))


def _measure_flow(
    spans_s: Spans, cores_s: Spans, flow: FlowReading
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Baseline in force at the start of each span, and the reduction of its core against it."""
    breathing = flow.breathing
    excursion, rate_hz = breathing.excursion, breathing.rate_hz
    baselines = np.full(len(spans_s), np.nan)
    if len(breathing.onsets):
        places = np.searchsorted(breathing.onsets, spans_s[:, 0] * rate_hz, side="right") - 1
        baselines = flow.reductions.breath_baselines[np.maximum(places, 0)]
        baselines = np.where(baselines > 0, baselines, np.nan)
    first = np.clip(np.rint(cores_s[:, 0] * rate_hz).astype(np.int64), 0, len(excursion) - 1)
    stop = np.clip(np.rint(cores_s[:, 1] * rate_hz).astype(np.int64), first + 1, len(excursion))
    reductions = np.empty(len(spans_s), np.float64)
    measure_reductions(excursion, np.column_stack((first, stop)), baselines, reductions)
    return baselines, reductions


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
