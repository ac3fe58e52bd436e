"""Events that follow each other without a breath near baseline, told apart by the oxygen between them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hsat.detect.airflow import FlowReading
from hsat.detect.breathing import Breathing
from hsat.detect.desaturations import Oximetry
from hsat.detect.respiratory import Reductions, cut_reductions
from hsat.detect.sensors import BELT_SENSORS
from hsat.detect.switching import Airflow, Service
from hsat.kernels.oxygen import find_troughs
from hsat.kernels.reductions import CLOSED
from hsat.rules.model import EventSpanRule, ScoringRules

__all__ = ["split_at_resaturations"]

Samples = NDArray[np.float32]


def split_at_resaturations(
    airflow: Airflow, oximetry: Oximetry, delay_s: float, rules: ScoringRules
) -> Airflow:
    """Cut stretches of reduced breathing in which SpO2 comes back and falls again.

    Parameters
    ----------
    airflow : Airflow
    oximetry : Oximetry
    delay_s : float
        Delay of SpO2 behind flow.
    rules : ScoringRules
        ``[event_span]`` and ``[desaturation]`` are used.

    Returns
    -------
    Airflow
        The same where nothing is cut.

    Notes
    -----
    Berry 2012: where the baseline is unclear, an event ends at a clear sustained rise in breathing or
    at a resaturation of at least 2 points.
    """
    found: dict[int, FlowReading] = {}
    for service in (*airflow.apneas, *airflow.hypopneas):
        reading = service.reading
        if id(reading) not in found:
            found[id(reading)] = _split(reading, oximetry, delay_s, rules)
    if all(key == id(reading) for key, reading in found.items()):
        return airflow

    def renewed(services: tuple[Service, ...]) -> tuple[Service, ...]:
        return tuple(replace(service, reading=found[id(service.reading)]) for service in services)

    return replace(airflow, apneas=renewed(airflow.apneas), hypopneas=renewed(airflow.hypopneas))


def _split(reading: FlowReading, oximetry: Oximetry, delay_s: float, rules: ScoringRules) -> FlowReading:
    """One sensor's stretches, cut."""
    reductions, breathing = reading.reductions, reading.breathing
    cores = np.rint(reductions.core_spans_s * breathing.rate_hz).astype(np.int64)
    cuts: list[tuple[int, int, int]] = []
    for place, trough_s in _troughs(reductions, oximetry, delay_s, rules):
        start, stop = cores[place].tolist()
        if cuts and cuts[-1][0] == place:
            start = cuts[-1][2]
        edges = _edges_at(trough_s - delay_s, start, stop, breathing, rules)
        if edges is not None:
            cuts.append((place, *edges))
    if not cuts:
        return reading
    rows = np.array(cuts, np.int64)
    parts = cut_reductions(
        reductions,
        breathing,
        rows[:, 0],
        rows[:, 1:],
        rules,
        is_pressure=reading.is_squared,
        is_volume=reading.sensor in BELT_SENSORS,
    )
    return replace(reading, reductions=parts)


def _troughs(
    reductions: Reductions, oximetry: Oximetry, delay_s: float, rules: ScoringRules
) -> Iterator[tuple[int, float]]:
    """Stretches long enough for two events, and the time of each trough of SpO2 between two falls."""
    spans_s, rule = reductions.spans_s, rules.desaturation
    is_long = spans_s[:, 1] - spans_s[:, 0] >= 2.0 * _shortest_s(rules)
    long = np.flatnonzero((reductions.endings == CLOSED) & is_long)
    ends_s = spans_s[:, 1] + delay_s + rule.nadir_window_s
    ends_s[:-1] = np.minimum(ends_s[:-1], spans_s[1:, 0] + delay_s + rule.next_event_margin_s)
    windows_s = np.column_stack((spans_s[:, 0] + delay_s, ends_s))[long]
    windows = (windows_s * oximetry.rate_hz).astype(np.int64)
    n_most = int(np.maximum(windows[:, 1] - windows[:, 0], 0).sum()) // 2 + 1
    places, troughs = np.empty(n_most, np.int64), np.empty(n_most, np.int64)
    count = find_troughs(
        oximetry.percent, windows, rule.small_points, rule.resaturation_points, places, troughs
    )
    return zip(long[places[:count]].tolist(), (troughs[:count] / oximetry.rate_hz).tolist(), strict=True)


def _shortest_s(rules: ScoringRules) -> float:
    """The shortest event of any kind."""
    return min(rules.hypopnea.min_duration_s, rules.apnea.min_duration_s)


def _edges_at(
    time_s: float, start: int, stop: int, breathing: Breathing, rules: ScoringRules
) -> tuple[int, int] | None:
    """Last sample before and first after the largest breath near a time; None where a part is too short.

    The breath stands for the baseline on either side of it, as where a stretch ends.
    """
    rule, rate_hz = rules.event_span, breathing.rate_hz
    period_s = float(breathing.pace.periods_at(np.array([time_s]))[0])
    reach_s = rule.resaturation_within_periods * period_s
    first = max(int((time_s - reach_s) * rate_hz), start)
    last = min(int((time_s + reach_s) * rate_hz), stop)
    if last <= first:
        return None
    peak = first + int(np.argmax(breathing.excursion[first:last]))
    before = _below_rise(breathing.excursion[start : peak + 1], breathing.excursion[peak], rule)
    after = _below_rise(breathing.excursion[peak:stop], breathing.excursion[peak], rule)
    if len(before) == 0 or len(after) == 0:
        return None
    edges = start + int(before[-1]), peak + int(after[0])
    n_periods = breathing.pace.window_periods - rule.start_shift_periods - rule.stop_shift_periods
    shift_s = n_periods * period_s
    n_least = int((_shortest_s(rules) - shift_s) * rate_hz)
    return edges if min(edges[0] + 1 - start, stop - edges[1]) >= n_least else None


def _below_rise(excursion: Samples, top: np.float32, rule: EventSpanRule) -> NDArray[np.intp]:
    """Samples below the rise from the lowest of them to `top` that ends a stretch."""
    lowest = excursion.min()
    return np.flatnonzero(excursion < lowest + np.float32(rule.recovery_fraction) * (top - lowest))
