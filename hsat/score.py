"""`score_night`: the ordered steps from a recording to a night's result, nothing else."""

from collections.abc import Sequence
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
from hsat.detect.effort import Effort
from hsat.detect.judging import (
    Candidate,
    gather_candidates,
    judge,
    judge_candidates,
    note_disagreement,
)
from hsat.detect.respiratory import Reductions
from hsat.detect.signals import NightSignals, measure_signals
from hsat.detect.switching import Airflow, sensor_notes, sensor_times
from hsat.events import RejectedCandidate, RespiratoryEvent
from hsat.grading import grade_night, grade_severity, why_no_class
from hsat.indices import NightMeasurements, compute_indices
from hsat.intervals import as_spans, invert_spans
from hsat.quality import QualityFlag
from hsat.recording import Note, Recording
from hsat.results import Alternative, ChannelInfo, MonitoredTime, NightResult, Overview, RecordingInfo
from hsat.rules.load import load_rules
from hsat.rules.model import ScoringRules

__all__ = ["score_night"]

SIBLING_RULES = ("aasm_1b", "aasm_1a")
"""Every night is also scored under the other of these two, so that a change of class shows."""

OVERVIEW_STEP_S = 10.0
"""Resolution of the trace a result keeps to draw itself; no number is computed from it."""

Samples = NDArray[np.float32]


def score_night(
    recording: Recording, rules: ScoringRules | None = None, *, lights_s: tuple[float, float] | None = None
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
    """
    rules = load_rules("aasm_1b") if rules is None else rules
    signals = measure_signals(recording, rules)
    airflow, oximetry = signals.airflow, signals.oximetry
    monitored = find_monitored_time(
        recording.duration_s,
        recording.gaps_s,
        flow_flags=None if airflow is None else airflow.flags,
        oximetry_flags=_oximetry_flags(recording, signals, rules),
        other_flags=_other_flags(recording, signals.position, rules, lights_s),
    )
    desaturations = () if oximetry is None else tuple(find_desaturations(oximetry, rules))
    found = _Respiration()
    if airflow is not None:
        found = _find_events(airflow, oximetry, signals.effort, monitored, rules)
    measured = NightMeasurements(
        monitored=monitored,
        events=found.events,
        desaturations=desaturations,
        has_flow=airflow is not None,
        has_effort=signals.effort is not None,
        oximetry_rate_hz=rules.sampling.oximetry_rate_hz,
        spo2_percent=None if oximetry is None else oximetry.percent,
        why_no_spo2=_why_no_spo2(recording),
        pulse_bpm=signals.pulse_bpm,
        position=signals.position,
        breath_onsets_s=found.breath_onsets_s,
        breath_ranges=found.breath_ranges,
        breath_baselines=found.breath_baselines,
    )
    indices, not_measured = compute_indices(measured, rules)
    grade = grade_night(recording, monitored, indices.ahi_per_h, rules)
    if grade.severity is None:
        not_measured["severity"] = grade.reasons[-1]
    return NightResult(
        recording=_recording_info(recording),
        rules_id=rules.rules_id,
        hsat_version=__version__,
        monitored=monitored,
        flow_sensor=None if airflow is None else airflow.main.sensor,
        sensors=sensor_times(airflow, monitored.flow_spans_s),
        effort_sensor="+".join(signals.belts) or None,
        events=found.events,
        rejected=found.rejected,
        desaturations=desaturations,
        indices=indices,
        not_measured=not_measured,
        severity=grade.severity,
        adequacy=grade.adequacy,
        reasons=grade.reasons,
        therapy=recording.device.therapy,
        spo2_delay_s=found.delay_s,
        alternatives=_alternatives(found.candidates, recording, monitored, rules),
        overview=_overview(airflow, oximetry),
        notes=(*recording.notes, *found.notes, *_sensor_notes(signals, recording, rules)),
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
    breath_onsets_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    breath_ranges: Samples = field(default_factory=lambda: np.empty(0, np.float32))
    breath_baselines: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    delay_s: float | None = None
    notes: tuple[Note, ...] = ()


def _find_events(
    airflow: Airflow,
    oximetry: Oximetry | None,
    effort: Effort | None,
    monitored: MonitoredTime,
    rules: ScoringRules,
) -> _Respiration:
    """The delay of SpO2, candidates with their falls, events."""
    breathing, reductions = airflow.main.breathing, airflow.main.reductions
    delay_s: float | None = None
    notes: tuple[Note, ...] = ()
    if oximetry is not None:
        if len(reductions.spans_s) >= rules.oxygen_delay.min_reductions:
            delay_s = estimate_delay_s(_reduction_by_second(breathing, reductions), oximetry, rules)
        if delay_s is None:
            notes = (_assumed_delay_note(rules),)
    candidates = gather_candidates(
        combine_sensors(airflow, rules),
        oximetry,
        rules.oxygen_delay.assumed_s if delay_s is None else delay_s,
        monitored_s=monitored.spans_s,
        rules=rules,
    )
    breath_onsets_s, breath_ranges, breath_baselines = airflow.breaths()
    events, rejected = judge_candidates(candidates, effort, rules, has_oximetry=oximetry is not None)
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


def _other_flags(
    recording: Recording, position: Samples | None, rules: ScoringRules, lights_s: tuple[float, float] | None
) -> Flags:
    flags: Flags = {}
    if position is not None:
        flags.update(flag_upright(position, rules.sampling.oximetry_rate_hz))
    if lights_s is not None:
        flags[QualityFlag.OUTSIDE_LIGHTS] = invert_spans(as_spans([lights_s]), 0.0, recording.duration_s)
    return flags


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


def _alternatives(
    candidates: Sequence[Candidate], recording: Recording, monitored: MonitoredTime, rules: ScoringRules
) -> dict[str, Alternative]:
    """AHI and class of this night's candidates under the sibling rules for apneas and hypopneas."""
    found: dict[str, Alternative] = {}
    if not monitored.flow_h:
        return found
    has_oximetry = monitored.spo2_h > 0
    for name in SIBLING_RULES:
        if name == rules.name:
            continue
        sibling = load_rules(name)
        if not _same_candidates(rules, sibling):
            continue
        ahi_per_h = severity = None
        if has_oximetry and monitored.monitoring_h >= rules.adequacy.rate_from_h:
            verdicts = [judge(c, sibling, has_oximetry=True) for c in candidates if c.is_counted]
            ahi_per_h = sum(verdict.is_event for verdict in verdicts) / monitored.monitoring_h
        if ahi_per_h is not None and why_no_class(recording, monitored, rules) is None:
            severity = grade_severity(ahi_per_h, sibling.severity)
        found[name] = Alternative(rules_id=sibling.rules_id, ahi_per_h=ahi_per_h, severity=severity)
    return found


def _same_candidates(rules: ScoringRules, sibling: ScoringRules) -> bool:
    """Whether the sibling would judge the very candidates that were found under these rules."""
    identity = {field: getattr(sibling, field) for field in ("name", "title", "source", "rules_id")}
    points = sibling.hypopnea.min_desaturation_points
    hypopnea = replace(rules.hypopnea, min_desaturation_points=points)
    return replace(rules, hypopnea=hypopnea, **identity) == sibling


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
                f"{signals.oximetry.spikes_s:.0f} s of SpO2 change faster than blood can "
                f"(over {rules.oxygen_validity.max_change_points_per_s:g} points/s) and were left out",
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
