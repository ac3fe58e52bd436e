"""From signals to the night's apneas and hypopneas: the steps in their order."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import Breathing
from hsat.detect.candidates import Candidate, gather_candidates
from hsat.detect.combining import combine_sensors
from hsat.detect.desaturations import estimate_delay_s
from hsat.detect.hypopnea_type import measure_obstruction, type_hypopneas
from hsat.detect.judging import judge_candidates, note_disagreement
from hsat.detect.resaturation import split_at_resaturations
from hsat.detect.respiratory import Reductions
from hsat.detect.revision import listed_events, revise_events
from hsat.detect.signals import NightSignals
from hsat.events import PeriodicRun, RejectedCandidate, RespiratoryEvent
from hsat.recording import Note, Recording
from hsat.results import MonitoredTime
from hsat.rules.model import ScoringRules
from hsat.scorings import ScoredEvent, Scoring

__all__ = ["Respiration", "find_respiration", "revise_respiration"]

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Respiration:
    """What breathing showed under the night's rules; empty without a flow signal.

    Attributes
    ----------
    events : tuple of RespiratoryEvent
    rejected : tuple of RejectedCandidate
    candidates : tuple of Candidate
        What the rules were asked about; others may be.
    runs : tuple of PeriodicRun
    breath_onsets_s, breath_ranges, breath_baselines : ndarray, shape (m,)
        Every breath, the range of flow in it and the baseline in force.
    delay_s : float or None
        Delay of SpO2 behind flow; None where it is not known.
    notes : tuple of Note
    """

    events: tuple[RespiratoryEvent, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    runs: tuple[PeriodicRun, ...] = ()
    breath_onsets_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    breath_ranges: Samples = field(default_factory=lambda: np.empty(0, np.float32))
    breath_baselines: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    delay_s: float | None = None
    notes: tuple[Note, ...] = ()


def find_respiration(
    recording: Recording, signals: NightSignals, monitored: MonitoredTime, rules: ScoringRules
) -> Respiration:
    """The delay of SpO2, candidates with their falls, events with their kinds.

    Parameters
    ----------
    recording : Recording
    signals : NightSignals
    monitored : MonitoredTime
    rules : ScoringRules

    Returns
    -------
    Respiration
        Without periodic breathing, which a person's list may change.
    """
    airflow = signals.airflow
    if airflow is None:
        return Respiration()
    oximetry = signals.oximetry
    breathing, reductions = airflow.main.breathing, airflow.main.reductions
    delay_s: float | None = None
    notes: tuple[Note, ...] = ()
    if oximetry is not None:
        if len(reductions.spans_s) >= rules.oxygen_delay.min_reductions:
            delay_s = estimate_delay_s(_reduction_by_second(breathing, reductions), oximetry, rules)
        if delay_s is None:
            notes = (_assumed_delay_note(rules),)
    if oximetry is not None and delay_s is not None and rules.hypopnea.needs_desaturation:
        airflow = split_at_resaturations(airflow, oximetry, delay_s, rules)
    candidates = gather_candidates(
        combine_sensors(airflow, rules),
        oximetry,
        rules.oxygen_delay.assumed_s if delay_s is None else delay_s,
        monitored_s=monitored.spans_s,
        rules=rules,
    )
    events, rejected = judge_candidates(candidates, signals.effort, rules, has_oximetry=oximetry is not None)
    if rules.hypopnea_type.is_applied:
        events = type_hypopneas(events, measure_obstruction(recording, airflow.main, rules), rules)
    breath_onsets_s, breath_ranges, breath_baselines = airflow.breaths()
    return Respiration(
        events=events,
        rejected=rejected,
        candidates=tuple(candidates),
        breath_onsets_s=breath_onsets_s,
        breath_ranges=breath_ranges,
        breath_baselines=breath_baselines,
        delay_s=delay_s,
        notes=(*notes, *note_disagreement(candidates, rules)),
    )


def revise_respiration(
    found: Respiration,
    events: Scoring | Iterable[ScoredEvent | RespiratoryEvent],
    recording: Recording,
    signals: NightSignals,
    *,
    monitored: MonitoredTime,
    rules: ScoringRules,
) -> Respiration:
    """A person's events in the place of the automatic ones.

    Parameters
    ----------
    found : Respiration
    events : Scoring, or iterable of ScoredEvent or RespiratoryEvent
    recording : Recording
    signals : NightSignals
    monitored : MonitoredTime
    rules : ScoringRules

    Returns
    -------
    Respiration

    Raises
    ------
    EventListError
        Where an item of the list is no event, or lies outside the recording.
    """
    listed, notes = listed_events(events, recording, rules)
    revision = revise_events(
        listed,
        found.events,
        found.rejected,
        signals,
        delay_s=rules.oxygen_delay.assumed_s if found.delay_s is None else found.delay_s,
        monitored_s=monitored.spans_s,
        rules=rules,
    )
    text = (
        f"event list of a person: {revision.n_kept} automatic events kept, {revision.n_edited} edited, "
        f"{revision.n_added} added, {revision.n_removed} removed"
    )
    origins = events.notes if isinstance(events, Scoring) else ()
    return replace(
        found,
        events=revision.events,
        rejected=revision.rejected,
        notes=(*found.notes, Note("events_edited", text), *origins, *notes),
    )


def _reduction_by_second(breathing: Breathing, reductions: Reductions) -> Samples:
    """How far breathing is below its baseline in every second, 0 to 1; 0 where unknown."""
    step = int(breathing.rate_hz)
    excursion = breathing.excursion[::step]
    known = np.flatnonzero(~np.isnan(reductions.breath_baselines))
    if len(known) == 0:
        return np.zeros(len(excursion), np.float32)
    first_seconds = np.minimum(-(-breathing.onsets[known] // step), len(excursion))
    edges = np.concatenate(([0], first_seconds[1:], [len(excursion)]))
    baselines = np.repeat(reductions.breath_baselines[known], np.diff(edges))
    reduction: Samples = np.clip(1.0 - excursion / baselines, 0.0, 1.0).astype(np.float32)
    reduction[np.isnan(reduction)] = 0.0
    return reduction


def _assumed_delay_note(rules: ScoringRules) -> Note:
    return Note(
        "spo2_delay_assumed",
        "the night shows no clear delay of SpO2 behind flow: "
        f"{rules.oxygen_delay.assumed_s:g} s were assumed",
    )
