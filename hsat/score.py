"""`score_night`: the ordered steps from a recording to a night's result, nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hsat import __version__
from hsat.detect.desaturations import Oximetry, find_desaturations
from hsat.detect.monitoring import measure_monitored_time
from hsat.detect.periodic import find_periodic_breathing
from hsat.detect.respiration import Respiration, find_respiration, revise_respiration
from hsat.detect.sensors import EFFORT_SENSORS
from hsat.detect.signals import NightSignals, measure_signals
from hsat.detect.snoring import measure_sound_level_db
from hsat.detect.switching import Airflow, sensor_notes, sensor_times
from hsat.errors import RulesError, shown
from hsat.events import RespiratoryEvent
from hsat.grading import grade_night
from hsat.hypnogram import Hypnogram
from hsat.indices import NightMeasurements, compute_indices, judge_cheyne_stokes
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
    RulesError
        Where the rules are none, such as the name of a set that was not loaded.
    """
    rules = load_rules("aasm_1b") if rules is None else rules
    if not isinstance(rules, ScoringRules):
        raise RulesError(f"rules: expected a rule set from hsat.load_rules, got {shown(rules)}")
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
    monitored = measure_monitored_time(recording, signals, rules, lights_s, hypnogram)
    found = find_respiration(recording, signals, monitored, rules)
    if events is not None:
        found = revise_respiration(found, events, recording, signals, monitored=monitored, rules=rules)
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


def _measurements(
    recording: Recording,
    signals: NightSignals,
    found: Respiration,
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


def _withhold(
    alternatives: Mapping[str, Alternative], not_measured: dict[str, str]
) -> dict[str, Alternative]:
    """No other rule set can say which events it would take from a person's list."""
    for name in alternatives:
        for key in ("ahi_per_h", "severity"):
            not_measured[f"alternatives.{name}.{key}"] = WHY_NO_ALTERNATIVE
    return {name: replace(other, ahi_per_h=None, severity=None) for name, other in alternatives.items()}


def _hypnogram_notes(hypnogram: Hypnogram | None) -> tuple[Note, ...]:
    return () if hypnogram is None else hypnogram.notes


def _judged(
    recording: Recording,
    signals: NightSignals,
    found: Respiration,
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
        n_covered = len(oximetry.percent) // step * step
        spo2 = np.fmin.reduceat(oximetry.percent[:n_covered], np.arange(0, n_covered, step))
    return Overview(step_s=OVERVIEW_STEP_S, flow_excursion=excursion, spo2_percent=spo2)
