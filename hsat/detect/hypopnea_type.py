"""Hypopneas typed as obstructive or central, from what shows an obstruction (optional rule)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hsat.detect.airflow import FlowReading
from hsat.detect.breathing import remove_drift
from hsat.detect.sampling import sample_signals
from hsat.detect.sensors import EFFORT_SENSORS, SHAPE_SENSORS
from hsat.detect.snoring import find_snoring
from hsat.events import EventKind, RespiratoryEvent
from hsat.intervals import Spans, as_spans, invert_spans
from hsat.recording import Recording
from hsat.rules.model import ScoringRules

__all__ = ["ObstructionSignals", "flattening_index", "measure_obstruction", "phase_degrees", "type_hypopneas"]

Samples = NDArray[np.float32]

N_SHAPE_POINTS = 32
"""Points an inspiration is drawn with before its shape is measured; flow has about 15 samples there."""

LEAST_INSPIRATION_S = 0.4
"""A rise of flow shorter than this is noise: nobody breathes in 75 times a minute."""

SIGNS = ("snoring", "flattening", "paradox")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObstructionSignals:
    """What can show that a hypopnea is obstructive; None where it was not recorded.

    Attributes
    ----------
    onsets_s : ndarray, shape (m,), float64
        Start of every breath.
    breath_ranges : ndarray, shape (m,), float32
    shapes : ndarray, shape (m, 32), float64, or None
        Every inspiration over its own time, mean 1; NaN where it cannot be measured.
    belt_rate_hz : float
    thorax, abdomen : ndarray, shape (n,), float32, or None
        Without drift, turned so that they move together for most of the night.
    is_snoring : ndarray, shape (n_seconds,), float64, or None
        1 with snoring, 0 without, NaN where unknown.
    """

    onsets_s: NDArray[np.float64]
    breath_ranges: Samples
    shapes: NDArray[np.float64] | None
    belt_rate_hz: float
    thorax: Samples | None
    abdomen: Samples | None
    is_snoring: NDArray[np.float64] | None


def measure_obstruction(recording: Recording, flow: FlowReading, rules: ScoringRules) -> ObstructionSignals:
    """Read the signals that can show an obstruction.

    Parameters
    ----------
    recording : Recording
        Belts and snoring are read from it once more.
    flow : FlowReading
    rules : ScoringRules

    Returns
    -------
    ObstructionSignals
    """
    shapes = None
    if flow.sensor in SHAPE_SENSORS:
        breathing, longest_s = flow.breathing, rules.breath.longest_period_s
        shapes = _inspirations(breathing.flow, breathing.onsets, breathing.rate_hz, longest_s)
    thorax = abdomen = None
    rate_hz = rules.sampling.effort_rate_hz
    if flow.sensor not in EFFORT_SENSORS and all(recording.has_signal(name) for name in EFFORT_SENSORS):
        sampled = sample_signals(recording, dict.fromkeys(EFFORT_SENSORS, rate_hz))
        thorax, abdomen = (remove_drift(sampled[name], rules, rate_hz) for name in EFFORT_SENSORS)
        if float(np.dot(thorax, abdomen)) < 0:
            np.negative(abdomen, out=abdomen)
    return ObstructionSignals(
        onsets_s=flow.breathing.onsets / flow.breathing.rate_hz,
        breath_ranges=flow.breathing.breath_ranges,
        shapes=shapes,
        belt_rate_hz=rate_hz,
        thorax=thorax,
        abdomen=abdomen,
        is_snoring=find_snoring(recording, rules.hypopnea_type),
    )


def _inspirations(
    flow: Samples, onsets: NDArray[np.int64], rate_hz: float, longest_s: float
) -> NDArray[np.float64]:
    """Flow from each breath's onset until it turns downwards through zero, drawn with as many points."""
    shapes = np.full((len(onsets), N_SHAPE_POINTS), np.nan)
    falls = np.flatnonzero((flow[:-1] > 0) & (flow[1:] <= 0)) + 1
    if len(falls) == 0 or len(onsets) == 0:
        return shapes
    after = np.searchsorted(falls, onsets, side="right")
    stops = falls[np.minimum(after, len(falls) - 1)]
    lengths = stops - onsets
    is_usable = (after < len(falls)) & (lengths >= LEAST_INSPIRATION_S * rate_hz)
    is_usable &= lengths <= longest_s * rate_hz
    middles = (np.arange(N_SHAPE_POINTS) + 0.5) / N_SHAPE_POINTS
    places = onsets[is_usable, None] + middles * lengths[is_usable, None]
    drawn = np.interp(places, np.arange(len(flow)), flow)
    means = drawn.mean(axis=1, keepdims=True)
    shapes[is_usable] = np.divide(drawn, means, out=np.full_like(drawn, np.nan), where=means > 0)
    return shapes


def flattening_index(shapes: NDArray[np.float64]) -> float | None:
    """How round the mean of inspirations is: smaller is flatter.

    Parameters
    ----------
    shapes : ndarray, shape (n_breaths, n_points), float64
        Inspirations over their own time, each scaled to a mean of 1.

    Returns
    -------
    float or None
        Root mean square distance from 1 of the middle half: 0 for a rectangle, 0.44 for half a sine.
        None without a breath.

    Notes
    -----
    After the index of Teschler 1996, which averages breaths and looks at the middle half in the same
    way. Its scale, on which a sine has 0.3, was not found in print: compare values of this function
    with each other only.
    """
    if len(shapes) == 0:
        return None
    mean = shapes.mean(axis=0)
    quarter = len(mean) // 4
    middle = mean[quarter : len(mean) - quarter] / mean.mean()
    return float(np.sqrt(np.mean((middle - 1.0) ** 2)))


def type_hypopneas(
    events: Sequence[RespiratoryEvent], signals: ObstructionSignals, rules: ScoringRules
) -> tuple[RespiratoryEvent, ...]:
    """Give every hypopnea its type, where the signals allow one.

    Parameters
    ----------
    events : sequence of RespiratoryEvent
        All of the night, in order of time.
    signals : ObstructionSignals
    rules : ScoringRules
        ``[hypopnea_type]`` and the window of ``[baseline]`` are used.

    Returns
    -------
    tuple of RespiratoryEvent
        Apneas as they were. A hypopnea is obstructive if any sign shows, central if all could be
        judged and none shows, else it keeps its kind; the criterion says which.
    """
    spans = as_spans([(event.start_s, event.stop_s) for event in events])
    return tuple(event if event.kind.is_apnea else _typed(event, spans, signals, rules) for event in events)


def _typed(
    event: RespiratoryEvent, events_s: Spans, signals: ObstructionSignals, rules: ScoringRules
) -> RespiratoryEvent:
    before_s = invert_spans(events_s, max(event.start_s - rules.baseline.window_s, 0.0), event.start_s)
    found = {
        "snoring": _shows_snoring(event, signals, rules),
        "flattening": _shows_flattening(event, before_s, signals, rules),
        "paradox": _shows_paradox(event, before_s, signals, rules),
    }
    shown = tuple(sign for sign in SIGNS if found[sign])
    is_needed = {"snoring": rules.hypopnea_type.is_snore_needed}
    unknown = [sign for sign in SIGNS if found[sign] is None and is_needed.get(sign, True)]
    kind, words = EventKind.CENTRAL_HYPOPNEA, "central: no sign of an obstruction"
    if shown:
        kind, words = EventKind.OBSTRUCTIVE_HYPOPNEA, f"obstructive: {', '.join(shown)}"
    elif unknown:
        kind, words = EventKind.HYPOPNEA, f"type open: {', '.join(unknown)} cannot be judged"
    return replace(event, kind=kind, obstructive_signs=shown, criterion=f"{event.criterion}; {words}")


def _shows_snoring(event: RespiratoryEvent, signals: ObstructionSignals, rules: ScoringRules) -> bool | None:
    if signals.is_snoring is None:
        return None
    inside = signals.is_snoring[int(event.start_s) : int(np.ceil(event.stop_s))]
    known = inside[~np.isnan(inside)]
    if len(known) == 0 or len(known) < rules.hypopnea_type.min_snore_known_fraction * len(inside):
        return None
    return bool(known.mean() >= rules.hypopnea_type.min_snore_share_fraction)


def _shows_flattening(
    event: RespiratoryEvent, before_s: Spans, signals: ObstructionSignals, rules: ScoringRules
) -> bool | None:
    if signals.shapes is None or event.baseline_excursion is None:
        return None
    rule = rules.hypopnea_type
    whole = event.baseline_excursion * (1.0 - rules.hypopnea.min_reduction_fraction)
    usual = _breaths_within(before_s, signals)
    usual = usual[signals.breath_ranges[usual] >= whole]
    inside = _breaths_within(np.array([[event.start_s, event.stop_s]]), signals)
    if len(usual) < rule.n_baseline_breaths or len(inside) < rule.n_event_breaths:
        return None
    before, during = flattening_index(signals.shapes[usual]), flattening_index(signals.shapes[inside])
    if before is None or during is None:
        return None
    if during <= (1.0 - rule.min_flattening_fraction) * before:
        return True
    return None if during < (1.0 - rule.unclear_flattening_fraction) * before else False


def _breaths_within(spans_s: Spans, signals: ObstructionSignals) -> NDArray[np.int64]:
    """Breaths that start in the spans and whose inspiration could be measured."""
    edges = np.searchsorted(signals.onsets_s, spans_s)
    places = np.concatenate([np.arange(first, stop) for first, stop in edges.tolist()] or [np.empty(0)])
    breaths = places.astype(np.int64)
    if signals.shapes is None:
        return breaths
    measured: NDArray[np.int64] = breaths[~np.isnan(signals.shapes[breaths, 0])]
    return measured


def _shows_paradox(
    event: RespiratoryEvent, before_s: Spans, signals: ObstructionSignals, rules: ScoringRules
) -> bool | None:
    if signals.thorax is None or signals.abdomen is None:
        return None
    rule = rules.hypopnea_type
    inside = np.array([[event.start_s, event.stop_s]])
    during = [_samples_within(inside, belt, signals) for belt in (signals.thorax, signals.abdomen)]
    before = [_samples_within(before_s, belt, signals) for belt in (signals.thorax, signals.abdomen)]
    if len(before[0]) < rule.min_belt_baseline_s * signals.belt_rate_hz or len(during[0]) < 2:
        return None
    reaches = [(float(np.std(a)), float(np.std(b))) for a, b in zip(during, before, strict=True)]
    if any(usual == 0.0 for _, usual in reaches):
        return None
    if any(reach < rule.min_belt_movement_fraction * usual for reach, usual in reaches):
        return False
    limit = rule.min_paradox_degrees
    return phase_degrees(*during) >= limit > phase_degrees(*before)


def _samples_within(spans_s: Spans, belt: Samples, signals: ObstructionSignals) -> Samples:
    edges = np.rint(spans_s * signals.belt_rate_hz).astype(np.int64)
    return np.concatenate([belt[first:stop] for first, stop in edges.tolist()] or [belt[:0]])


def phase_degrees(a: Samples, b: Samples) -> float:
    """Phase between two belts, 0 to 180: the angle whose cosine is their correlation."""
    correlation = float(np.corrcoef(a, b)[0, 1])
    return float(np.degrees(np.arccos(np.clip(correlation, -1.0, 1.0))))
