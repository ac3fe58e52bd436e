"""What the signals show at events that a person scored: measured as for those that were found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.detect.airflow import FlowReading
from hsat.detect.boundaries import nadirs_before
from hsat.detect.desaturations import match_desaturations
from hsat.detect.effort import measure_event_efforts
from hsat.detect.pauses import Pauses, measure_pauses
from hsat.detect.sensors import BELT_SENSORS
from hsat.detect.signals import NightSignals
from hsat.detect.switching import Airflow, lies_in
from hsat.events import Desaturation
from hsat.intervals import Spans
from hsat.kernels.depths import measure_reductions
from hsat.rules.model import ScoringRules
from hsat.scorings import ScoredEvent

__all__ = ["SAME_S", "Evidence", "measure_evidence"]

Bools = NDArray[np.bool_]
Places = NDArray[np.intp]

SAME_S = 0.05 + 1e-6
"""A list may have lost all digits but tenths of a second in another program, half a tenth in rounding and
what binary numbers miss that by; no person moves an edge by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the signals show at one event; None where they show nothing.

    Attributes
    ----------
    baseline_excursion : float or None
        The baseline in force at its start.
    reduction_fraction : float or None
        0 to 1; of an apnea over its pause, where there is one as long as an apnea.
    effort_fraction : float or None
    desaturation : Desaturation or None
    sensor : str or None
        Who serves at the time: of an apnea for apneas, else for hypopneas.
    """

    baseline_excursion: float | None
    reduction_fraction: float | None
    effort_fraction: float | None
    desaturation: Desaturation | None
    sensor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What airflow shows at k events, filled in sensor by sensor.

    Attributes
    ----------
    onsets_s : ndarray, shape (k,)
        Where breathing is reduced from.
    cores_s : ndarray, shape (k, 2)
        The part in which the whole measuring window lies.
    baselines, reductions : ndarray, shape (k,)
        NaN where nothing.
    sensors : list of str or None, length k
    """

    onsets_s: NDArray[np.float64]
    cores_s: Spans
    baselines: NDArray[np.float64]
    reductions: NDArray[np.float64]
    sensors: list[str | None]


def measure_evidence(
    scored: Sequence[ScoredEvent], signals: NightSignals, *, delay_s: float, rules: ScoringRules
) -> list[Evidence]:
    """Measure baseline, reduction, effort and desaturation of listed events.

    Parameters
    ----------
    scored : sequence of ScoredEvent
        In order of time, within the recording; may overlap each other.
    signals : NightSignals
    delay_s : float
        Delay of SpO2 behind flow.
    rules : ScoringRules
        ``[event_span]``, ``[apnea]``, ``[desaturation]`` and ``[effort]`` are used.

    Returns
    -------
    list of Evidence
        One for each event.
    """
    if not scored:
        return []
    spans_s = np.array([(event.start_s, event.stop_s) for event in scored])
    is_apnea = np.array([event.kind.is_apnea for event in scored])
    k = len(scored)
    shown = _Shown(
        onsets_s=spans_s[:, 0].copy(),
        cores_s=spans_s.copy(),
        baselines=np.full(k, np.nan),
        reductions=np.full(k, np.nan),
        sensors=[None] * k,
    )
    if signals.airflow is not None:
        for reading, places in _who_tells(spans_s, is_apnea, signals.airflow):
            _measure_flow(shown, spans_s, is_apnea, reading, places=places, rules=rules)
    efforts = [float("nan")] * k
    if signals.effort is not None:
        measured = measure_event_efforts(signals.effort, spans_s[:, 0], shown.cores_s, is_apnea, rules.effort)
        efforts = [effort.mean_fraction for effort in measured]
    falls: list[Desaturation | None] = [None] * k
    if signals.oximetry is not None:
        falls = match_desaturations(
            shown.onsets_s,
            spans_s[:, 1],
            np.ones(k, dtype=bool),
            signals.oximetry,
            delay_s=delay_s,
            rules=rules,
        )
    return [
        Evidence(
            baseline_excursion=_or_none(shown.baselines[i]),
            reduction_fraction=_or_none(np.clip(shown.reductions[i], 0.0, 1.0)),
            effort_fraction=_or_none(efforts[i]),
            desaturation=fall if fall is not None and fall.drop_points > 0 else None,
            sensor=shown.sensors[i],
        )
        for i, fall in enumerate(falls)
    ]


def _who_tells(spans_s: Spans, is_apnea: Bools, airflow: Airflow) -> list[tuple[FlowReading, Places]]:
    """Each sensor, and the events that it tells of: those in whose middle it serves their kind."""
    if airflow.is_single:
        return [(airflow.main, np.arange(len(spans_s)))]
    middles_s = spans_s.mean(axis=1)
    parts: list[tuple[FlowReading, Places]] = []
    for is_kind, services in ((is_apnea, airflow.apneas), (~is_apnea, airflow.hypopneas)):
        for service in services:
            places = np.flatnonzero(is_kind & lies_in(middles_s, service.spans_s))
            if len(places):
                parts.append((service.reading, places))
    return parts


def _measure_flow(
    shown: _Shown,
    spans_s: Spans,
    is_apnea: Bools,
    reading: FlowReading,
    *,
    places: Places,
    rules: ScoringRules,
) -> None:
    """Fill in what one sensor shows at some of the events."""
    breathing = reading.breathing
    spans_s = spans_s[places]
    onsets_s = _onsets_s(spans_s[:, 0], reading, rules)
    cores_s = _cores_s(np.column_stack((onsets_s, spans_s[:, 1])), reading, rules)
    baselines = np.full(len(places), np.nan)
    if len(breathing.onsets):
        before = np.searchsorted(breathing.onsets, spans_s[:, 0] * breathing.rate_hz, side="right") - 1
        baselines = reading.reductions.breath_baselines[np.maximum(before, 0)]
        baselines = np.where(baselines > 0, baselines, np.nan)
    n = len(breathing.excursion)
    cores = np.rint(cores_s * breathing.rate_hz).astype(np.int64)
    cores[:, 0] = np.clip(cores[:, 0], 0, n - 1)
    cores[:, 1] = np.clip(cores[:, 1], cores[:, 0] + 1, n)
    reductions = np.empty(len(places), np.float64)
    measure_reductions(breathing.excursion, cores, baselines, reductions)
    apneas = np.flatnonzero(is_apnea[places] & ~np.isnan(baselines))
    for layer in _layers(cores[apneas]):
        chosen = apneas[layer]
        pauses = _pauses(cores[chosen], baselines[chosen], reading, rules)
        is_pause = pauses.durations_s >= rules.apnea.min_duration_s
        reductions[chosen[is_pause]] = pauses.reduction_fractions[is_pause]
        cores_s[chosen[is_pause]] = pauses.core_spans_s[is_pause]
    shown.onsets_s[places], shown.cores_s[places] = onsets_s, cores_s
    shown.baselines[places], shown.reductions[places] = baselines, reductions
    for i in places.tolist():
        shown.sensors[i] = reading.sensor


def _pauses(
    cores: NDArray[np.int64], baselines: NDArray[np.float64], reading: FlowReading, rules: ScoringRules
) -> Pauses:
    return measure_pauses(reading.breathing, cores, baselines, rules, is_pressure=reading.is_squared)


def _layers(spans: NDArray[np.int64]) -> list[Places]:
    """Places of the spans, in order of their starts, in as few sets as need be without overlap in any."""
    layers: list[list[int]] = []
    stops: list[int] = []
    for place, (start, stop) in enumerate(spans.tolist()):
        free = next((i for i, last in enumerate(stops) if last <= start), len(stops))
        if free == len(stops):
            layers.append([])
            stops.append(stop)
        layers[free].append(place)
        stops[free] = stop
    return [np.array(layer, dtype=np.intp) for layer in layers]


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


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
