"""`score_night`: the ordered steps from a recording to a night's result, nothing else."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat import __version__
from hsat.detect.artifacts import Flags, find_monitored_time, flag_flow, flag_oximetry, flag_upright
from hsat.detect.breathing import Breathing, measure_breathing
from hsat.detect.desaturations import (
    Oximetry,
    estimate_delay_s,
    find_desaturations,
    match_desaturations,
    measure_oximetry,
)
from hsat.detect.effort import Effort, measure_effort, read_effort
from hsat.detect.respiratory import Candidate, Reductions, find_candidates, judge
from hsat.detect.sampling import sample_signals
from hsat.detect.sensors import choose_flow_sensor, effort_sensors
from hsat.errors import MissingChannelError
from hsat.events import EventKind, RejectedCandidate, RespiratoryEvent
from hsat.indices import NightMeasurements, compute_indices, grade_adequacy, grade_severity
from hsat.intervals import Spans, as_spans, invert_spans, overlap_s, unite_spans
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signals:
    """The analysis copies of one night; None where a channel is missing."""

    flow_sensor: str | None
    effort_sensors: tuple[str, ...]
    flow: Samples | None
    belts: list[Samples]
    spo2: Samples | None
    pulse: Samples | None
    position: Samples | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """Events admitted and candidates refused under one rule set."""

    events: tuple[RespiratoryEvent, ...]
    rejected: tuple[RejectedCandidate, ...]


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
        Where the recording has neither airflow, effort nor SpO2.
    """
    rules = load_rules("aasm_1b") if rules is None else rules
    signals = _sample(recording, rules)
    breathing = None if signals.flow is None else measure_breathing(signals.flow, rules)
    oximetry = None if signals.spo2 is None else measure_oximetry(signals.spo2, rules)
    flow_flags = None if breathing is None else flag_flow(breathing, rules)
    monitored = find_monitored_time(
        recording.duration_s,
        recording.gaps_s,
        flow_flags=flow_flags,
        oximetry_flags=None if oximetry is None else flag_oximetry(oximetry, rules),
        other_flags=_other_flags(recording, signals, rules, lights_s),
    )
    desaturations = () if oximetry is None else tuple(find_desaturations(oximetry, rules))
    notes = list(recording.notes)
    delay_s: float | None = None
    judged = _Judged(events=(), rejected=())
    alternatives: dict[str, Alternative] = {}
    reductions: Reductions | None = None
    if breathing is not None:
        reductions = find_candidates(breathing, rules)
        if oximetry is not None:
            delay_s = estimate_delay_s(_reduction_by_second(breathing, reductions), oximetry, rules)
        candidates, kept = _candidates(reductions, oximetry, delay_s, monitored, rules)
        effort = measure_effort(signals.belts, breathing.window_s, rules) if signals.belts else None
        unusable = _sensor_artifacts(flow_flags or {})
        judged = _judge_all(candidates, reductions.core_spans_s[kept], effort, unusable, rules, oximetry)
        alternatives = _alternatives(candidates, unusable, recording, monitored, rules, oximetry)
        if oximetry is not None and delay_s is None:
            notes.append(_assumed_delay_note(rules))
    indices, not_measured = compute_indices(
        NightMeasurements(
            monitored=monitored,
            events=judged.events,
            desaturations=desaturations,
            has_flow=breathing is not None,
            oximetry_rate_hz=rules.sampling.oximetry_rate_hz,
            spo2_percent=None if oximetry is None else oximetry.percent,
            pulse_bpm=signals.pulse,
            position=signals.position,
            breath_onsets_s=np.empty(0) if breathing is None else breathing.onsets / breathing.rate_hz,
            breath_excursions=np.empty(0, np.float32) if breathing is None else breathing.breath_excursions,
            breath_baselines=np.empty(0) if reductions is None else reductions.breath_baselines,
        ),
        rules,
    )
    adequacy, severity, reasons = _grade(recording, signals, monitored, indices.ahi_per_h, rules)
    if severity is None:
        not_measured["severity"] = reasons[-1] if reasons else not_measured["indices.ahi_per_h"]
    return NightResult(
        recording=_recording_info(recording),
        rules_id=rules.rules_id,
        hsat_version=__version__,
        monitored=monitored,
        flow_sensor=signals.flow_sensor,
        effort_sensor="+".join(signals.effort_sensors) or None,
        events=judged.events,
        rejected=judged.rejected,
        desaturations=desaturations,
        indices=indices,
        not_measured=not_measured,
        severity=severity,
        adequacy=adequacy,
        reasons=tuple(reasons),
        therapy=recording.device.therapy,
        spo2_delay_s=delay_s,
        alternatives=alternatives,
        overview=_overview(breathing, oximetry),
        notes=tuple(notes + _sensor_notes(signals, recording)),
    )


def _sample(recording: Recording, rules: ScoringRules) -> _Signals:
    """Step 1: choose sensors and read the copies for analysis in one pass."""
    flow_sensor = choose_flow_sensor(recording)
    belts = () if flow_sensor is None else effort_sensors(recording, flow_sensor)
    if flow_sensor is None and not recording.has_signal("spo2"):
        present = ", ".join(signal.source_label for signal in recording.signals) or "none"
        raise MissingChannelError(
            f"{recording.source.path}: nothing to score: needs airflow, effort or SpO2; "
            f"channels known here: {present} (--map CANONICAL=LABEL names others)"
        )
    names = [name for name in ("spo2", "pulse", "position") if recording.has_signal(name)]
    if flow_sensor is not None:
        names += [flow_sensor, *belts]
    sampled = sample_signals(
        recording,
        names,
        flow_rate_hz=rules.sampling.flow_rate_hz,
        oximetry_rate_hz=rules.sampling.oximetry_rate_hz,
    )
    spo2 = sampled.get("spo2")
    has_spo2 = spo2 is not None and not bool(np.isnan(spo2).all())
    return _Signals(
        flow_sensor=flow_sensor,
        effort_sensors=belts,
        flow=None if flow_sensor is None else sampled[flow_sensor],
        belts=[sampled[name] for name in belts],
        spo2=spo2 if has_spo2 else None,
        pulse=sampled.get("pulse"),
        position=sampled.get("position"),
    )


def _other_flags(
    recording: Recording, signals: _Signals, rules: ScoringRules, lights_s: tuple[float, float] | None
) -> Flags:
    flags: Flags = {}
    if signals.position is not None:
        flags.update(flag_upright(signals.position, rules.sampling.oximetry_rate_hz))
    if lights_s is not None:
        flags[QualityFlag.OUTSIDE_LIGHTS] = invert_spans(as_spans([lights_s]), 0.0, recording.duration_s)
    return flags


def _sensor_artifacts(flow_flags: Flags) -> Spans:
    """Time in which the flow signal shows the sensor, not the patient."""
    causes = (
        QualityFlag.FLOW_OFF,
        QualityFlag.MOVEMENT,
        QualityFlag.BEFORE_BREATHING,
        QualityFlag.AFTER_BREATHING,
    )
    return unite_spans(*[flow_flags[cause] for cause in causes if cause in flow_flags])


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


def _candidates(
    reductions: Reductions,
    oximetry: Oximetry | None,
    delay_s: float | None,
    monitored: MonitoredTime,
    rules: ScoringRules,
) -> tuple[list[Candidate], NDArray[np.int64]]:
    """Reductions long enough to be listed, each with its fall of SpO2."""
    spans = reductions.spans_s
    durations = spans[:, 1] - spans[:, 0]
    kept = np.flatnonzero(durations >= rules.event_span.min_listed_s)
    falls = dict.fromkeys(kept.tolist())
    if oximetry is not None:
        # Only what is long enough to be an event may claim a fall.
        shortest_s = min(rules.hypopnea.min_duration_s, rules.apnea.min_duration_s)
        long = np.flatnonzero(durations >= shortest_s)
        lag_s = rules.oxygen_delay.assumed_s if delay_s is None else delay_s
        matched = match_desaturations(spans[long, 0], spans[long, 1], oximetry, lag_s, rules)
        falls.update(zip(long.tolist(), matched, strict=True))
    share = rules.event_span.min_counted_share_fraction
    candidates = [
        Candidate(
            start_s=start_s,
            stop_s=stop_s,
            baseline=float(reductions.baselines[i]),
            reduction_fraction=min(max(float(reductions.reduction_fractions[i]), 0.0), 1.0),
            longest_apnea_s=float(reductions.longest_apnea_s[i]),
            ending=int(reductions.endings[i]),
            desaturation=falls[i],
            is_counted=overlap_s(start_s, stop_s, monitored.spans_s) >= share * (stop_s - start_s),
        )
        for i, (start_s, stop_s) in zip(kept.tolist(), spans[kept].tolist(), strict=True)
    ]
    return candidates, kept


def _judge_all(
    candidates: list[Candidate],
    core_spans_s: Spans,
    effort: Effort | None,
    unusable: Spans,
    rules: ScoringRules,
    oximetry: Oximetry | None,
) -> _Judged:
    events: list[RespiratoryEvent] = []
    rejected: list[RejectedCandidate] = []
    share = rules.event_span.min_counted_share_fraction
    for candidate, (core_start_s, core_stop_s) in zip(candidates, core_spans_s.tolist(), strict=True):
        verdict = judge(candidate, rules, has_oximetry=oximetry is not None)
        hidden_s = overlap_s(candidate.start_s, candidate.stop_s, unusable)
        is_hidden = hidden_s > share * candidate.duration_s
        if is_hidden or not (verdict.is_apnea or verdict.is_hypopnea):
            reason = "artifact: the airflow sensor is off or moved" if is_hidden else verdict.clause
            rejected.append(
                RejectedCandidate(
                    start_s=candidate.start_s,
                    stop_s=candidate.stop_s,
                    flow_reduction_fraction=candidate.reduction_fraction,
                    desaturation=candidate.desaturation,
                    reason=reason,
                )
            )
            continue
        kind, effort_fraction = EventKind.HYPOPNEA, None
        if effort is not None:
            reading = read_effort(effort, core_start_s, core_stop_s, rules)
            effort_fraction = reading.effort_fraction
            kind = reading.kind if verdict.is_apnea else EventKind.HYPOPNEA
        elif verdict.is_apnea:
            kind = EventKind.UNCLASSIFIED_APNEA
        events.append(
            RespiratoryEvent(
                kind=kind,
                start_s=candidate.start_s,
                stop_s=candidate.stop_s,
                flow_reduction_fraction=candidate.reduction_fraction,
                baseline_excursion=candidate.baseline,
                effort_fraction=effort_fraction,
                desaturation=_own_fall(candidate),
                criterion=verdict.clause,
                is_counted=candidate.is_counted,
            )
        )
    return _Judged(events=tuple(events), rejected=tuple(rejected))


def _own_fall(candidate: Candidate):  # type: ignore[no-untyped-def]
    """The candidate's fall of SpO2, or None where SpO2 does not fall at all."""
    fall = candidate.desaturation
    return fall if fall is not None and fall.drop_points > 0 else None


def _alternatives(
    candidates: list[Candidate],
    unusable: Spans,
    recording: Recording,
    monitored: MonitoredTime,
    rules: ScoringRules,
    oximetry: Oximetry | None,
) -> dict[str, Alternative]:
    """AHI and class under the sibling rule sets: their apnea and hypopnea rules, this night's candidates."""
    found: dict[str, Alternative] = {}
    share = rules.event_span.min_counted_share_fraction
    usable = [
        candidate
        for candidate in candidates
        if candidate.is_counted
        and overlap_s(candidate.start_s, candidate.stop_s, unusable) <= share * candidate.duration_s
    ]
    for name in SIBLING_RULES:
        if name == rules.name:
            continue
        sibling = load_rules(name)
        ahi_per_h = None
        if oximetry is not None and monitored.monitoring_h > 0:
            verdicts = [judge(candidate, sibling, has_oximetry=True) for candidate in usable]
            ahi_per_h = sum(v.is_apnea or v.is_hypopnea for v in verdicts) / monitored.monitoring_h
        severity = None
        if ahi_per_h is not None and not _why_no_class(recording, monitored, rules):
            severity = grade_severity(ahi_per_h, sibling.severity)
        found[name] = Alternative(rules_id=sibling.rules_id, ahi_per_h=ahi_per_h, severity=severity)
    return found


def _judged_h(monitored: MonitoredTime) -> float:
    """Hours in which flow and oximetry can both be judged: what adequacy asks for."""
    if monitored.flow_h == 0 or monitored.spo2_h == 0:
        return 0.0
    return monitored.monitoring_h


def _why_no_class(recording: Recording, monitored: MonitoredTime, rules: ScoringRules) -> str | None:
    """Why this night gets no adult severity class, or None."""
    age = recording.subject.age_years
    if recording.device.therapy in ("pap", "appliance"):
        return f"recorded on therapy ({recording.device.therapy}): the residual AHI has no diagnostic class"
    if age is not None and age < rules.severity.min_age_years:
        return f"age {age:g} is below {rules.severity.min_age_years:g} years: adult severity classes do not apply"
    if grade_adequacy(_judged_h(monitored), rules.adequacy) == "inadequate":
        return (
            f"{_judged_h(monitored):.2f} h with flow and SpO2 that can be judged: "
            f"a class needs {rules.adequacy.partial_from_h:g} h"
        )
    return None


def _grade(
    recording: Recording,
    signals: _Signals,
    monitored: MonitoredTime,
    ahi_per_h: float | None,
    rules: ScoringRules,
) -> tuple[str, str | None, list[str]]:
    """Adequacy, severity and the reasons for what is missing of either."""
    reasons: list[str] = []
    judged_h = _judged_h(monitored)
    adequacy = grade_adequacy(judged_h, rules.adequacy)
    if signals.flow is None:
        reasons.append("no airflow or effort channel: no AHI")
    if signals.spo2 is None:
        has_channel = recording.has_signal("spo2")
        why = "the SpO2 channel holds no valid value" if has_channel else "no SpO2 channel"
        reasons.append(f"{why}: hypopneas cannot be scored")
    if adequacy == "partial":
        reasons.append(
            f"{judged_h:.2f} h with flow and SpO2 that can be judged; "
            f"an adequate night has {rules.adequacy.adequate_from_h:g} h"
        )
    why_no_class = _why_no_class(recording, monitored, rules)
    if why_no_class is not None:
        reasons.append(why_no_class)
    if ahi_per_h is None or why_no_class is not None:
        return adequacy, None, reasons
    return adequacy, grade_severity(ahi_per_h, rules.severity), reasons


def _assumed_delay_note(rules: ScoringRules) -> Note:
    return Note(
        "spo2_delay_assumed",
        "the night shows no clear delay of SpO2 behind flow: "
        f"{rules.oxygen_delay.assumed_s:g} s were assumed",
    )


def _sensor_notes(signals: _Signals, recording: Recording) -> list[Note]:
    notes: list[Note] = []
    if signals.flow_sensor in ("thorax", "abdomen", "rip_sum"):
        notes.append(
            Note(
                "flow_from_effort",
                f"no airflow sensor: breathing was judged on {signals.flow_sensor} movement, "
                "which does not fall in obstructive events as airflow does",
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


def _overview(breathing: Breathing | None, oximetry: Oximetry | None) -> Overview:
    flow = spo2 = None
    if breathing is not None:
        step = int(OVERVIEW_STEP_S * breathing.rate_hz)
        flow = breathing.excursion[step // 2 :: step].copy()
    if oximetry is not None:
        step = int(OVERVIEW_STEP_S * oximetry.rate_hz)
        n_steps = len(oximetry.percent) // step
        blocks = oximetry.percent[: n_steps * step].reshape(n_steps, step)
        spo2 = np.fmin.reduce(blocks, axis=1)
    return Overview(step_s=OVERVIEW_STEP_S, flow_excursion=flow, spo2_percent=spo2)
