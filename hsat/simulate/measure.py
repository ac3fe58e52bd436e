"""Measures the truth on planted breaths and stored SpO2: never by a detector."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.events import EventKind
from hsat.recording import Signal
from hsat.simulate.breaths import PlantedFall
from hsat.simulate.options import Recorder
from hsat.simulate.physiology import Physiology
from hsat.simulate.recorder import sensed_breathing
from hsat.simulate.truth import MeasuredDrop, NearMiss, NightTruth, OffSpan, TrueEvent, TruthLimits

__all__ = ["measure_truth"]

BLUR_S = 6.0
"""The lag from lung to finger is not sharp: a peak may follow the arrival of a fall by this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measures:
    """One planted fall as measured."""

    start_s: float
    stop_s: float
    mean_reduction: Mapping[str, float]
    breath_reduction: Mapping[str, NDArray[np.float64]]
    onset_s: NDArray[np.float64]
    drop: MeasuredDrop | None
    is_drop_lost: bool


def _span_of(planted: NDArray[np.float64], limits: TruthLimits) -> tuple[int, int]:
    """First clearly reduced breath and first breath near baseline, within planted reductions."""
    deepest = int(np.argmax(planted))
    clear = min(limits.clear_reduction_fraction, limits.clear_share * float(planted[deepest]))
    reduced = np.flatnonzero(planted >= clear)
    if len(reduced) == 0 or planted[deepest] <= 0:
        return 0, len(planted)
    back = np.flatnonzero(planted[deepest:] < clear)
    return int(reduced[0]), deepest + int(back[0]) if len(back) else len(planted)


def _longest_s(is_apneic: NDArray[np.bool_], onset_s: NDArray[np.float64]) -> float:
    """Longest run of breaths in a row, in seconds; ``onset_s`` has one more entry."""
    longest_s, start_s = 0.0, None
    for i, apneic in enumerate(is_apneic.tolist()):
        if apneic:
            start_s = float(onset_s[i]) if start_s is None else start_s
            longest_s = max(longest_s, float(onset_s[i + 1]) - start_s)
        else:
            start_s = None
    return longest_s


def _readings(measures: _Measures, drop_points: float, limits: TruthLimits) -> tuple[set[str], set[bool]]:
    """Verdicts of every admissible reading: what flow makes of the fall, and whether it is scorable."""
    flow_verdicts: set[str] = set()
    scorable: set[bool] = set()
    desaturates = {False, True} if measures.is_drop_lost else {False}
    if measures.drop is not None:
        desaturates = {x >= drop_points for x in (measures.drop.from_peak, measures.drop.from_held_peak)}
    duration_s = measures.stop_s - measures.start_s
    doubts = itertools.product(
        measures.mean_reduction,
        (-limits.doubt_fraction, 0.0, limits.doubt_fraction),
        (-limits.doubt_s, 0.0, limits.doubt_s),
    )
    for name, shift, shift_s in doubts:
        least_s = limits.min_duration_s + shift_s
        apneic = measures.breath_reduction[name] >= limits.apnea_reduction_fraction + shift
        if _longest_s(apneic, measures.onset_s) >= least_s:
            verdict = "apnea"
        elif duration_s >= least_s and (
            measures.mean_reduction[name] >= limits.hypopnea_reduction_fraction + shift
        ):
            verdict = "hypopnea"
        else:
            verdict = "none"
        flow_verdicts.add(verdict)
        for has_fallen in desaturates:
            scorable.add(verdict == "apnea" or (verdict == "hypopnea" and has_fallen))
    return flow_verdicts, scorable


def _verdict(scorable: set[bool]) -> str:
    if len(scorable) > 1:
        return "uncertain"
    return "yes" if True in scorable else "no"


def _held_peak(values: NDArray[np.float64], n_held: int) -> float:
    """Highest value that ``n_held`` samples in a row reach; the lowest where none is held."""
    if len(values) < n_held:
        return float(np.min(values))
    windows = np.lib.stride_tricks.sliding_window_view(values, n_held)
    return float(windows.min(axis=1).max())


def _measure_drops(
    spans_s: Sequence[tuple[float, float]], spo2: Signal | None, lag_s: float, limits: TruthLimits
) -> list[MeasuredDrop | None]:
    """Fall of the stored SpO2 that belongs to each span, by the planted lag."""
    if spo2 is None:
        return [None] * len(spans_s)
    values, rate_hz = spo2.values, spo2.rate_hz
    n_held = max(1, round(limits.held_s * rate_hz))
    drops: list[MeasuredDrop | None] = []
    not_before_s = 0.0
    for i, (start_s, stop_s) in enumerate(spans_s):
        next_s = spans_s[i + 1][0] if i + 1 < len(spans_s) else np.inf
        arrival_s = start_s + lag_s
        peak = values[
            round(max(arrival_s - limits.before_s, not_before_s) * rate_hz) : round(
                (arrival_s + BLUR_S) * rate_hz
            )
        ]
        first = round(arrival_s * rate_hz)
        end_s = min(stop_s + lag_s + limits.after_s, next_s + lag_s + BLUR_S)
        trough = values[first : max(round(end_s * rate_hz), first + 1)]
        if np.isnan(peak).all() or np.isnan(trough).all():
            drops.append(None)
            continue
        lowest = float(np.nanmin(trough))
        not_before_s = (first + int(np.nanargmin(trough))) / rate_hz
        known = peak[~np.isnan(peak)]
        drops.append(
            MeasuredDrop(
                from_peak=max(float(known.max()) - lowest, 0.0),
                from_held_peak=max(_held_peak(known, n_held) - lowest, 0.0),
            )
        )
    return drops


def _measure_falls(
    night: Physiology, recorder: Recorder, spo2: Signal | None, limits: TruthLimits
) -> list[_Measures]:
    """Measure every planted fall, and every desaturation without one."""
    breaths = night.breaths
    sensors = {"recorded": recorder.sensor}
    if recorder.sensor == "nasal_pressure":
        sensors["linearised"] = "flow"
    planted = {name: sensed_breathing(night, sensor, is_disturbed=True) for name, sensor in sensors.items()}
    quiet = {name: sensed_breathing(night, sensor, is_disturbed=False) for name, sensor in sensors.items()}
    spans: list[tuple[int, int]] = []
    for fall in night.falls:
        first, last = _span_of(1.0 - breaths.factor[fall.first_breath : fall.stop_breath], limits)
        spans.append((fall.first_breath + first, fall.first_breath + last))
    spans_s = [(float(breaths.onset_s[a]), float(breaths.onset_s[b])) for a, b in spans]
    lag_s = night.traits.circulation_delay_s + 0.5 * recorder.averaging_s
    drops = _measure_drops(spans_s, spo2, lag_s, limits)
    measures: list[_Measures] = []
    for (a, b), (start_s, stop_s), drop in zip(spans, spans_s, drops, strict=True):
        before = slice(int(np.searchsorted(breaths.onset_s, start_s - limits.baseline_s)), a)
        reduction = {name: 1.0 - planted[name][a:b] / np.mean(quiet[name][before]) for name in sensors}
        measures.append(
            _Measures(
                start_s=start_s,
                stop_s=stop_s,
                mean_reduction={name: float(np.mean(values)) for name, values in reduction.items()},
                breath_reduction=reduction,
                onset_s=breaths.onset_s[a : b + 1],
                drop=drop,
                is_drop_lost=drop is None and spo2 is not None,
            )
        )
    return measures


def _near_miss_cause(
    planned: str | None, measures: _Measures, flow_verdicts: set[str], limits: TruthLimits
) -> str:
    """Why a fall is not scorable under rule 1B, by what was measured."""
    if planned == "lone_desaturation":
        return planned
    if measures.stop_s - measures.start_s < limits.min_duration_s:
        return "brief"
    if "none" in flow_verdicts:
        return "shallow"
    drop = measures.drop
    if drop is None:
        return "no_oximetry"
    return "three_points" if drop.from_peak == limits.drop_1a_points else "no_desaturation"


def measure_truth(
    night: Physiology, recorder: Recorder, signals: Sequence[Signal], limits: TruthLimits
) -> NightTruth:
    """Measure what a night holds, from planted breaths and stored SpO2.

    Parameters
    ----------
    night : Physiology
    recorder : Recorder
    signals : sequence of Signal
        As `record_signals` stored them; only SpO2 is looked at.
    limits : TruthLimits

    Returns
    -------
    NightTruth
        The baseline of a fall is the mean excursion, over the two minutes before it, that the
        same breaths have without anything planted: in a cluster a scorer has to infer it from
        the largest breaths, here it is known.
    """
    spo2 = next((signal for signal in signals if signal.name == "spo2"), None)
    events: list[TrueEvent] = []
    misses = [
        NearMiss(cause=artifact.cause, start_s=artifact.start_s, stop_s=artifact.stop_s)
        for artifact in night.artifacts
    ]
    for fall, measures in zip(night.falls, _measure_falls(night, recorder, spo2, limits), strict=True):
        judged = _judge(fall, measures, limits, has_belts=recorder.has_belts)
        if isinstance(judged, TrueEvent):
            events.append(judged)
        else:
            misses.append(judged)
    return NightTruth(
        seed=night.seed,
        duration_s=night.duration_s,
        monitored_h=night.monitored_h,
        circulation_delay_s=night.traits.circulation_delay_s,
        events=tuple(events),
        near_misses=tuple(sorted(misses, key=lambda miss: miss.start_s)),
        excluded=_excluded(night),
        recorder=recorder,
    )


def _judge(
    fall: PlantedFall, measures: _Measures, limits: TruthLimits, *, has_belts: bool
) -> TrueEvent | NearMiss:
    """An event where the fall is, or may be, scorable under rule 1B."""
    flow_verdicts, scorable = _readings(measures, limits.drop_1b_points, limits)
    verdict_1b = _verdict(scorable)
    verdict_1a = _verdict(_readings(measures, limits.drop_1a_points, limits)[1])
    kind = fall.draft.kind
    if fall.draft.cause is None and verdict_1b == "no" and "none" in flow_verdicts:
        # Planted as an event, but too shallow or short against irregular breathing: open to judgement.
        verdict_1b = verdict_1a = "uncertain"
    if kind is None or verdict_1b == "no":
        return NearMiss(
            cause=_near_miss_cause(fall.draft.cause, measures, flow_verdicts, limits),
            start_s=measures.start_s,
            stop_s=measures.stop_s,
            flow_reduction_fraction=measures.mean_reduction,
            measured_drop_points=measures.drop,
            scorable_1a=verdict_1a,
        )
    return TrueEvent(
        kind=_kind(kind, measures, limits, has_belts=has_belts),
        start_s=measures.start_s,
        stop_s=measures.stop_s,
        flow_by_rule=flow_verdicts.pop() if len(flow_verdicts) == 1 else "uncertain",
        flow_reduction_fraction=measures.mean_reduction,
        measured_drop_points=measures.drop,
        scorable_1b=verdict_1b,
        scorable_1a=verdict_1a,
    )


def _kind(planned: EventKind, measures: _Measures, limits: TruthLimits, *, has_belts: bool) -> EventKind:
    """The kind as it was rendered: ten seconds of apneic breaths as recorded make an apnea."""
    apneic = measures.breath_reduction["recorded"] >= limits.apnea_reduction_fraction
    if _longest_s(apneic, measures.onset_s) < limits.min_duration_s:
        return EventKind.HYPOPNEA
    if not has_belts:
        return EventKind.UNCLASSIFIED_APNEA
    # A hypopnea that the square of nasal pressure turns into an apnea keeps its effort.
    return planned if planned.is_apnea else EventKind.OBSTRUCTIVE_APNEA


def _excluded(night: Physiology) -> tuple[OffSpan, ...]:
    spans = [
        OffSpan(cause=cause, start_s=float(start_s), stop_s=float(stop_s))
        for cause, rows in (
            ("cannula_off", night.flow_off_s),
            ("probe_off", night.probe_off_s),
            ("upright", night.upright_s),
        )
        for start_s, stop_s in rows
    ]
    return tuple(sorted(spans, key=lambda span: span.start_s))
