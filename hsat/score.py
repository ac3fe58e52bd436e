"""`score_night`: the ordered steps from a recording to a night's result, nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hsat import __version__
from hsat.detect.artifacts import (
    Flags,
    find_monitored_time,
    flag_oximetry,
    flag_upright,
)
from hsat.detect.breathing import Breathing
from hsat.detect.combining import combine_sensors
from hsat.detect.desaturations import (
    Oximetry,
    estimate_delay_s,
    find_desaturations,
)
from hsat.detect.hypopnea_type import measure_obstruction, type_hypopneas
from hsat.detect.judging import Candidate, gather_candidates, judge_candidates, note_disagreement
from hsat.detect.periodic import find_periodic_breathing
from hsat.detect.resaturation import split_at_resaturations
from hsat.detect.respiratory import Reductions
from hsat.detect.revision import listed_events, revise_events
from hsat.detect.sensors import EFFORT_SENSORS
from hsat.detect.signals import NightSignals, measure_signals
from hsat.detect.snoring import measure_sound_level_db
from hsat.detect.switching import Airflow, sensor_notes, sensor_times
from hsat.events import PeriodicRun, RejectedCandidate, RespiratoryEvent
from hsat.grading import grade_night
from hsat.hypnogram import Hypnogram
from hsat.indices import NightMeasurements, compute_indices, judge_cheyne_stokes
from hsat.intervals import as_spans, invert_spans
from hsat.quality import QualityFlag
from hsat.recording import Note, Recording
from hsat.results import Alternative, ChannelInfo, MonitoredTime, NightResult, Overview, RecordingInfo
from hsat.rules.load import load_rules
from hsat.rules.model import ScoringRules
from hsat.scorings import ScoredEvent, Scoring
from hsat.stability import JudgedNight, find_alternatives

__all__ = ["score_night"]

OVERVIEW_STEP_S = 10.0
"""Resolution of the trace a result keeps to draw itself; no number is computed from it."""

WHY_NO_ALTERNATIVE = "the events were scored by a person, not by a rule set"

Samples = NDArray[np.float32]


def score_night(
    recording: Recording,
    rules: ScoringRules | None = None,
    *,
    lights_s: tuple[float, float] | None = None,
    hypnogram: Hypnogram | None = None,
    events: Scoring | Iterable[ScoredEvent | RespiratoryEvent] | None = None,
) -> NightResult:
    """Score one night.

    Parameters
    ----------
    recording : Recording
        Needs an airflow, effort or SpO2 signal.
    rules : ScoringRules, optional
        From `hsat.load_rules`; ``aasm_1b`` where not given.
    lights_s : tuple of float, optional
        Lights off and lights on, seconds from the recording's start: time outside is not
        monitored.
    hypnogram : Hypnogram, optional
        From `hsat.read_hypnogram`: only sleep is monitored, and rates are per hour of sleep.
    events : Scoring, or iterable of ScoredEvent or RespiratoryEvent, optional
        A person's list, as from `hsat.read_scoring`: its events are scored in place of the
        automatic ones, and everything is computed from them.

    Returns
    -------
    NightResult
        An inadequate night is a result with reasons. What cannot be measured is None with a
        reason.

    Raises
    ------
    MissingChannelError
        Where the recording has neither airflow, effort nor SpO2, or no samples at all.
    ReadError
        Where it claims to last longer than a week.
    EventListError
        Where an item of the list is no event, or lies outside the recording.
    """
    rules = load_rules("aasm_1b") if rules is None else rules
    night, judged = _score(recording, rules, lights_s, hypnogram, events)

    def rescore(other: ScoringRules) -> NightResult:
        return _score(recording, other, lights_s, hypnogram)[0]

    alternatives = find_alternatives(judged, rules, rescore=rescore)
    if events is None:
        return replace(night, alternatives=alternatives)
    not_measured = dict(night.not_measured)
    return replace(night, alternatives=_withhold(alternatives, not_measured), not_measured=not_measured)


def _score(
    recording: Recording,
    rules: ScoringRules,
    lights_s: tuple[float, float] | None,
    hypnogram: Hypnogram | None,
    events: Scoring | Iterable[ScoredEvent | RespiratoryEvent] | None = None,
) -> tuple[NightResult, JudgedNight | None]:
    """The steps under one rule set, and what others judge again."""
    signals = measure_signals(recording, rules)
    airflow, oximetry = signals.airflow, signals.oximetry
    monitored = _monitored_time(recording, signals, rules, lights_s, hypnogram)
    found = _Respiration()
    if airflow is not None:
        found = _find_events(recording, signals, airflow, monitored, rules)
    if events is not None:
        found = _revise(found, events, recording, signals, monitored, rules)
    if airflow is not None:
        found = replace(found, runs=find_periodic_breathing(found.events, airflow.main.breathing, rules))
    measured = _measurements(recording, signals, found, monitored, rules)
    indices, not_measured = compute_indices(measured, rules)
    cheyne_stokes = None
    if airflow is not None:
        cheyne_stokes = judge_cheyne_stokes(indices, not_measured, measured, rules)
    grade = grade_night(recording, monitored, indices.ahi_per_h, rules)
    if grade.severity is None:
        not_measured["severity"] = grade.reasons[-1]
    if measured.why_no_effort:
        not_measured["effort_sensor"] = measured.why_no_effort
    night = NightResult(
        recording=_recording_info(recording),
        rules_id=rules.rules_id,
        hsat_version=__version__,
        monitored=monitored,
        flow_sensor=None if airflow is None else airflow.main.sensor,
        sensors=sensor_times(airflow, monitored.flow_spans_s),
        effort_sensor="+".join(signals.belts) or None,
        events=found.events,
        rejected=found.rejected,
        desaturations=tuple(measured.desaturations),
        indices=indices,
        not_measured=not_measured,
        severity=grade.severity,
        adequacy=grade.adequacy,
        reasons=grade.reasons,
        therapy=recording.device.therapy,
        scoring="automatic" if events is None else "edited",
        spo2_delay_s=found.delay_s,
        periodic_breathing=found.runs,
        cheyne_stokes=cheyne_stokes,
        overview=_overview(airflow, oximetry),
        notes=(
            *recording.notes,
            *_hypnogram_notes(hypnogram),
            *found.notes,
            *_sensor_notes(signals, recording, rules),
        ),
    )
    return night, _judged(recording, signals, found, monitored, rules)


def _monitored_time(
    recording: Recording,
    signals: NightSignals,
    rules: ScoringRules,
    lights_s: tuple[float, float] | None,
    hypnogram: Hypnogram | None,
) -> MonitoredTime:
    """When breathing and oxygen can be judged; with a hypnogram it says who sleeps, not the position."""
    position = signals.position if hypnogram is None else None
    return find_monitored_time(
        recording.duration_s,
        recording.gaps_s,
        flow_flags=None if signals.airflow is None else signals.airflow.flags,
        oximetry_flags=_oximetry_flags(recording, signals, rules),
        other_flags=_other_flags(recording, position, rules, lights_s),
        hypnogram=hypnogram,
    )


def _oximetry_flags(recording: Recording, signals: NightSignals, rules: ScoringRules) -> Flags | None:
    """Spans without SpO2; None where it limits nothing because nothing was measured beside flow."""
    if signals.oximetry is not None:
        return flag_oximetry(signals.oximetry, signals.pulse_bpm, rules)
    if signals.airflow is None:
        return {QualityFlag.SPO2_OFF: as_spans([(0.0, recording.duration_s)])}
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Respiration:
    """What breathing showed under the night's rules; empty without a flow signal."""

    events: tuple[RespiratoryEvent, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    runs: tuple[PeriodicRun, ...] = ()
    breath_onsets_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    breath_ranges: Samples = field(default_factory=lambda: np.empty(0, np.float32))
    breath_baselines: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    delay_s: float | None = None
    notes: tuple[Note, ...] = ()


def _find_events(
    recording: Recording,
    signals: NightSignals,
    airflow: Airflow,
    monitored: MonitoredTime,
    rules: ScoringRules,
) -> _Respiration:
    """The delay of SpO2, candidates with their falls, events with their kinds, periodic breathing."""
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
    return _Respiration(
        events=events,
        rejected=rejected,
        candidates=tuple(candidates),
        breath_onsets_s=breath_onsets_s,
        breath_ranges=breath_ranges,
        breath_baselines=breath_baselines,
        delay_s=delay_s,
        notes=(*notes, *note_disagreement(candidates, rules)),
    )


def _measurements(
    recording: Recording,
    signals: NightSignals,
    found: _Respiration,
    monitored: MonitoredTime,
    rules: ScoringRules,
) -> NightMeasurements:
    """All that the indices are computed from."""
    oximetry = signals.oximetry
    return NightMeasurements(
        monitored=monitored,
        events=found.events,
        desaturations=() if oximetry is None else tuple(find_desaturations(oximetry, rules)),
        periodic_runs=found.runs,
        has_flow=signals.airflow is not None,
        has_snore=recording.has_signal("snore"),
        sound_level_db=measure_sound_level_db(recording),
        why_no_effort=_why_no_effort(recording, signals),
        oximetry_rate_hz=rules.sampling.oximetry_rate_hz,
        spo2_percent=None if oximetry is None else oximetry.percent,
        why_no_spo2=_why_no_spo2(recording),
        pulse_bpm=signals.pulse_bpm,
        position=signals.position,
        breath_onsets_s=found.breath_onsets_s,
        breath_ranges=found.breath_ranges,
        breath_baselines=found.breath_baselines,
    )


def _revise(
    found: _Respiration,
    events: Scoring | Iterable[ScoredEvent | RespiratoryEvent],
    recording: Recording,
    signals: NightSignals,
    monitored: MonitoredTime,
    rules: ScoringRules,
) -> _Respiration:
    """A person's events in the place of the automatic ones."""
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


def _withhold(
    alternatives: Mapping[str, Alternative], not_measured: dict[str, str]
) -> dict[str, Alternative]:
    """No other rule set can say which events it would take from a person's list."""
    for name in alternatives:
        for key in ("ahi_per_h", "severity"):
            not_measured[f"alternatives.{name}.{key}"] = WHY_NO_ALTERNATIVE
    return {name: replace(other, ahi_per_h=None, severity=None) for name, other in alternatives.items()}


def _other_flags(
    recording: Recording, position: Samples | None, rules: ScoringRules, lights_s: tuple[float, float] | None
) -> Flags:
    flags: Flags = {}
    if position is not None:
        flags.update(flag_upright(position, rules.sampling.oximetry_rate_hz))
    if lights_s is not None:
        flags[QualityFlag.OUTSIDE_LIGHTS] = invert_spans(as_spans([lights_s]), 0.0, recording.duration_s)
    return flags


def _hypnogram_notes(hypnogram: Hypnogram | None) -> tuple[Note, ...]:
    return () if hypnogram is None else hypnogram.notes


def _reduction_by_second(breathing: Breathing, reductions: Reductions) -> Samples:
    """How far breathing is below its baseline in every second, 0 to 1; 0 where unknown."""
    step = int(breathing.rate_hz)
    excursion = breathing.excursion[::step]
    known = np.flatnonzero(~np.isnan(reductions.breath_baselines))
    if len(known) == 0:
        return np.zeros(len(excursion), np.float32)
    places = np.searchsorted(breathing.onsets[known], np.arange(len(excursion)) * step, side="right") - 1
    baselines = reductions.breath_baselines[known][np.maximum(places, 0)]
    return np.clip(np.nan_to_num(1.0 - excursion / baselines), 0.0, 1.0).astype(np.float32)


def _judged(
    recording: Recording,
    signals: NightSignals,
    found: _Respiration,
    monitored: MonitoredTime,
    rules: ScoringRules,
) -> JudgedNight | None:
    """What other rules judge again; None where no breathing can be judged."""
    if signals.airflow is None or not monitored.flow_h:
        return None
    return JudgedNight(
        recording=recording,
        monitored=monitored,
        airflow=signals.airflow,
        oximetry=signals.oximetry,
        delay_s=rules.oxygen_delay.assumed_s if found.delay_s is None else found.delay_s,
        candidates=found.candidates,
        n_events=sum(event.is_counted for event in found.events),
    )


def _why_no_effort(recording: Recording, signals: NightSignals) -> str:
    """Why no belt shows effort; empty where one does."""
    if signals.effort is not None:
        return ""
    if not any(recording.has_signal(name) for name in EFFORT_SENSORS):
        return "no effort belt"
    if signals.airflow is not None and signals.airflow.main.sensor in EFFORT_SENSORS:
        return "the one effort belt stands in for airflow"
    return "no effort belt that shows breathing"


def _why_no_spo2(recording: Recording) -> str:
    return "the SpO2 channel holds no valid value" if recording.has_signal("spo2") else "no SpO2 channel"


def _assumed_delay_note(rules: ScoringRules) -> Note:
    return Note(
        "spo2_delay_assumed",
        "the night shows no clear delay of SpO2 behind flow: "
        f"{rules.oxygen_delay.assumed_s:g} s were assumed",
    )


def _sensor_notes(signals: NightSignals, recording: Recording, rules: ScoringRules) -> list[Note]:
    notes = sensor_notes(signals.airflow, recording)
    if signals.oximetry is not None and signals.oximetry.spikes_s > 0:
        notes.append(
            Note(
                "spo2_spikes_removed",
                f"{signals.oximetry.spikes_s:.0f} s of SpO2 lie behind a change faster than blood "
                f"can show (over {rules.oxygen_validity.max_change_points_per_s:g} points/s): left out",
            )
        )
    if recording.subject.age_years is None:
        notes.append(Note("age_unknown", "age unknown: scored as an adult"))
    return notes


def _recording_info(recording: Recording) -> RecordingInfo:
    return RecordingInfo(
        source=recording.source,
        start_local=recording.start_local,
        duration_s=recording.duration_s,
        device=recording.device,
        subject=recording.subject,
        channels=tuple(
            ChannelInfo(
                name=signal.name,
                source_label=signal.source_label,
                rate_hz=signal.rate_hz,
                unit=signal.unit,
            )
            for signal in recording.signals
        ),
        gaps_s=recording.gaps_s,
    )


def _overview(airflow: Airflow | None, oximetry: Oximetry | None) -> Overview:
    excursion = spo2 = None
    if airflow is not None:
        breathing = airflow.main.breathing
        step = int(OVERVIEW_STEP_S * breathing.rate_hz)
        excursion = breathing.excursion[step // 2 :: step].copy()
    if oximetry is not None:
        step = int(OVERVIEW_STEP_S * oximetry.rate_hz)
        n_steps = len(oximetry.percent) // step
        blocks = oximetry.percent[: n_steps * step].reshape(n_steps, step)
        spo2 = np.fmin.reduce(blocks, axis=1)
    return Overview(step_s=OVERVIEW_STEP_S, flow_excursion=excursion, spo2_percent=spo2)
