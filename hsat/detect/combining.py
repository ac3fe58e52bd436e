"""What several airflow sensors show, put together: every stretch of reduced breathing once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from hsat.detect.airflow import FlowReading
from hsat.detect.respiratory import Reductions
from hsat.detect.switching import Airflow, Service, lies_in
from hsat.intervals import Spans, as_spans, overlaps_s, unite_spans
from hsat.kernels.depths import measure_reductions
from hsat.kernels.reductions import CLOSED
from hsat.rules.model import ScoringRules

__all__ = ["Stretches", "combine_sensors"]

Bools = NDArray[np.bool_]
Places = NDArray[np.intp]

BREATH_FIELDS = ("breath_baselines",)
"""Fields of `Reductions` that have a value a breath, not a stretch."""

FLOAT_NOISE = 1e-9
"""Spans that were cut and added up differ from the whole by less than this share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretches:
    """Stretches of reduced breathing in order of time, none of them twice, of length k.

    Attributes
    ----------
    reductions : Reductions
        Apnea parts are those that the sensor for apneas shows.
    sensors, apnea_sensors : sequence of str, length k
        Who shows the stretch, and who says whether it is an apnea.
    unconfirmed_apnea_s : ndarray, shape (k,), float64
        Longest part that is deep enough for an apnea on the first, where the second shows none.
    is_artifact : ndarray, shape (k,), bool
        Whether the sensor is off or moved there.
    is_contradicted : ndarray, shape (k,), bool
        An apnea in which the sensor for hypopneas shows breathing that goes on.
    """

    reductions: Reductions
    sensors: Sequence[str]
    apnea_sensors: Sequence[str]
    unconfirmed_apnea_s: NDArray[np.float64]
    is_artifact: Bools
    is_contradicted: Bools


def combine_sensors(airflow: Airflow, rules: ScoringRules) -> Stretches:
    """Put together what the sensors show in the time they serve.

    Parameters
    ----------
    airflow : Airflow
    rules : ScoringRules
        ``[airflow]``, ``[apnea]``, ``[hypopnea]`` and ``[event_span]`` are used.

    Returns
    -------
    Stretches

    Notes
    -----
    Stretches come from the sensor that serves hypopneas at the time, with its boundaries. Whether
    one is an apnea is said by the sensor that serves apneas there. See ``[airflow]``.
    """
    if airflow.is_single:
        return _of_one(airflow.main, rules)
    found = _hypopnea_stretches(airflow, rules)
    return _with_apneas(found, airflow, rules)


def _of_one(reading: FlowReading, rules: ScoringRules) -> Stretches:
    """Every stretch that one sensor shows."""
    reductions = reading.reductions
    names = (reading.sensor,) * len(reductions.spans_s)
    return Stretches(
        reductions=reductions,
        sensors=names,
        apnea_sensors=names,
        unconfirmed_apnea_s=np.zeros(len(names)),
        is_artifact=_are_artifacts(reading, rules),
        is_contradicted=np.zeros(len(names), dtype=bool),
    )


def _are_artifacts(reading: FlowReading, rules: ScoringRules) -> Bools:
    spans = reading.reductions.spans_s
    durations = spans[:, 1] - spans[:, 0]
    share = rules.event_span.min_counted_share_fraction
    is_artifact: Bools = overlaps_s(spans, reading.artifacts_s()) > share * durations
    return is_artifact


def _hypopnea_stretches(airflow: Airflow, rules: ScoringRules) -> Stretches:
    """Stretches of the sensors that serve hypopneas, each in its time.

    One at a switch may be seen by both sensors, by the one that comes or goes in part. That of a
    sensor that is there throughout goes first, then that which fills more of its sensor's own time.
    """
    services = [service for service in airflow.hypopneas if len(service.spans_s)]
    inner: list[tuple[FlowReading, Places]] = []
    parts: list[Spans] = []
    for service in services:
        reductions = service.reading.reductions
        own_s = overlaps_s(reductions.spans_s, service.spans_s)
        is_inner = overlaps_s(reductions.spans_s, _without_edges(service)) >= own_s * (1.0 - FLOAT_NOISE)
        inner.append((service.reading, np.flatnonzero((own_s > 0) & is_inner)))
        is_part = _are_parts(service.reading) | (reductions.endings != CLOSED)
        parts.append(reductions.spans_s[(own_s > 0) & ~is_inner & is_part])
    outer: list[tuple[bool, float, FlowReading, int]] = []
    for service, (reading, places) in zip(services, inner, strict=True):
        spans = reading.reductions.spans_s
        own_s = overlaps_s(spans, service.spans_s)
        is_asked = (own_s > 0) | (overlaps_s(spans, unite_spans(*parts)) > 0)
        is_asked &= (reading.reductions.endings == CLOSED) & (spans[:, 1] > spans[:, 0])
        is_asked[places] = False
        is_part = _are_parts(reading)
        outer += [(bool(is_part[i]), -float(own_s[i]), reading, i) for i in np.flatnonzero(is_asked).tolist()]
    taken = [span for reading, places in inner for span in reading.reductions.spans_s[places].tolist()]
    for *_, reading, place in sorted(outer, key=lambda item: item[:2]):
        span = reading.reductions.spans_s[place].tolist()
        if not any(_is_same(span, other, rules) for other in taken):
            taken.append(span)
            inner.append((reading, np.array([place])))
    return _in_order([_taken(reading, places, rules) for reading, places in inner])


def _are_parts(reading: FlowReading) -> Bools:
    """Which stretches reach to where the sensor fails: there may have been more of them."""
    spans_s = reading.reductions.spans_s
    reach_s = reading.breathing.pace.windows_at(spans_s) / 2 * np.array([-1.0, 1.0])
    is_part: Bools = overlaps_s(spans_s + reach_s, reading.failing_s()) > 0
    return is_part


def _without_edges(service: Service) -> Spans:
    """The time a sensor serves, less a measuring window at every switch."""
    duration_s = service.reading.duration_s
    edges_s = service.reading.breathing.pace.windows_at(service.spans_s) * np.array([1.0, -1.0])
    inner = service.spans_s + edges_s
    inner[service.spans_s[:, 0] <= 0.0, 0] = 0.0
    inner[service.spans_s[:, 1] >= duration_s, 1] = duration_s
    return as_spans(inner)


def _is_same(a: Sequence[float], b: Sequence[float], rules: ScoringRules) -> bool:
    """Whether two stretches cover each other by so much that they are one."""
    shared_s, shorter_s = _shared_s(a, b), min(a[1] - a[0], b[1] - b[0])
    return shared_s > 0 and shared_s >= rules.airflow.min_overlap_fraction * shorter_s


def _taken(reading: FlowReading, places: Places, rules: ScoringRules) -> Stretches:
    """Some of a sensor's stretches."""
    of_all = _of_one(reading, rules)
    names = (reading.sensor,) * len(places)
    return Stretches(
        reductions=_rows(of_all.reductions, places),
        sensors=names,
        apnea_sensors=names,
        unconfirmed_apnea_s=of_all.unconfirmed_apnea_s[places],
        is_artifact=of_all.is_artifact[places],
        is_contradicted=of_all.is_contradicted[places],
    )


def _rows(reductions: Reductions, places: Places | Bools) -> Reductions:
    """Some of the stretches; what belongs to breaths stays."""
    names = [field.name for field in fields(Reductions) if field.name not in BREATH_FIELDS]
    return replace(reductions, **{name: getattr(reductions, name)[places] for name in names})


def _in_order(parts: Sequence[Stretches]) -> Stretches:
    """Stretches of several sensors by their starts, each cut where the one before stops."""
    names = [field.name for field in fields(Reductions) if field.name not in BREATH_FIELDS]
    columns = {name: np.concatenate([getattr(p.reductions, name) for p in parts]) for name in names}
    order = np.argsort(columns["spans_s"][:, 0], kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    spans = columns["spans_s"]
    before = np.maximum.accumulate(spans[:, 1])[:-1]
    spans[1:, 0] = np.minimum(np.maximum(spans[1:, 0], before), spans[1:, 1])
    sensors = [name for p in parts for name in p.sensors]
    apnea_sensors = [name for p in parts for name in p.apnea_sensors]
    return Stretches(
        reductions=replace(parts[0].reductions, **columns),
        sensors=[sensors[i] for i in order],
        apnea_sensors=[apnea_sensors[i] for i in order],
        unconfirmed_apnea_s=np.concatenate([p.unconfirmed_apnea_s for p in parts])[order],
        is_artifact=np.concatenate([p.is_artifact for p in parts])[order],
        is_contradicted=np.concatenate([p.is_contradicted for p in parts])[order],
    )


def _with_apneas(found: Stretches, airflow: Airflow, rules: ScoringRules) -> Stretches:
    """Let the sensors for apneas say which stretches are apneas, and add those of their own."""
    judges = _judges(found, airflow)
    is_own = judges == np.array(found.sensors, dtype=object)
    is_carrier = ~is_own & ~found.is_artifact & (found.reductions.endings == CLOSED)
    said = _unsaid(found.reductions, ~is_own)
    is_kept = np.ones(len(is_own), dtype=bool)
    parts: list[Stretches] = []
    for service in airflow.apneas:
        reading = service.reading
        is_judged = is_carrier & (judges == reading.sensor)
        _confirm_by_depth(said, found.reductions, is_judged, reading, rules)
        told = _untold(said, found.reductions, is_judged, reading, rules)
        judges[told] = np.array(found.sensors, dtype=object)[told]
        own = _confirm_by_apneas(said, is_judged, service, airflow, rules)
        if own:
            parts.append(_own_apneas(reading, np.array(own), airflow, rules))
            is_apnea = said.longest_apnea_s >= rules.apnea.min_duration_s
            is_kept &= is_apnea | ~_are_covered(said.spans_s, reading.reductions.spans_s[own], rules)
    unconfirmed_s = np.where(said.longest_apnea_s > 0, 0.0, found.reductions.longest_apnea_s)
    found = Stretches(
        reductions=_rows(said, is_kept),
        sensors=[name for name, kept in zip(found.sensors, is_kept, strict=True) if kept],
        apnea_sensors=judges[is_kept].tolist(),
        unconfirmed_apnea_s=unconfirmed_s[is_kept],
        is_artifact=found.is_artifact[is_kept],
        is_contradicted=found.is_contradicted[is_kept],
    )
    return _in_order([found, *parts])


def _judges(found: Stretches, airflow: Airflow) -> NDArray[np.object_]:
    """Name of the sensor that serves apneas in the middle of each stretch."""
    judges = np.array(found.sensors, dtype=object)
    middles_s = found.reductions.spans_s.mean(axis=1)
    for service in airflow.apneas:
        judges[lies_in(middles_s, service.spans_s)] = service.reading.sensor
    return judges


def _unsaid(reductions: Reductions, is_open: Bools) -> Reductions:
    """A copy to be filled in, in which the open stretches are no apneas."""
    longest_s, cores = reductions.longest_apnea_s.copy(), reductions.apnea_core_spans_s.copy()
    longest_s[is_open] = 0.0
    cores[is_open, 1] = cores[is_open, 0]
    return replace(
        reductions,
        longest_apnea_s=longest_s,
        apnea_core_spans_s=cores,
        baselines=reductions.baselines.copy(),
        reduction_fractions=reductions.reduction_fractions.copy(),
    )


def _reach(start_s: float, stop_s: float, spans: Spans) -> range:
    """Places of the spans, ordered and disjoint, that share time with one."""
    first = int(np.searchsorted(spans[:, 1], start_s, side="right"))
    return range(first, int(np.searchsorted(spans[:, 0], stop_s, side="left")))


def _shared_s(a: Sequence[float], b: Sequence[float]) -> float:
    return min(a[1], b[1]) - max(a[0], b[0])


def _confirm_by_depth(
    said: Reductions, shown: Reductions, is_judged: Bools, reading: FlowReading, rules: ScoringRules
) -> None:
    """Confirm the apneas of the one sensor in which the other falls as far, though its own are cut.

    A slow sensor does not see a single breath between two apneas, and dies away late. The length is
    that of the sensor that shows the boundaries.
    """
    theirs, rate_hz = reading.reductions, reading.breathing.rate_hz
    is_shown = is_judged & (shown.longest_apnea_s >= rules.apnea.min_duration_s)
    pairs: list[tuple[int, int]] = []
    for i in np.flatnonzero(is_shown).tolist():
        span = said.spans_s[i].tolist()
        reach = _reach(span[0], span[1], theirs.spans_s)
        if len(reach):
            pairs.append((i, max((_shared_s(span, theirs.spans_s[k]), k) for k in reach)[1]))
    if not pairs:
        return
    stretches, rows = np.array(pairs).T
    cores = np.rint(shown.apnea_core_spans_s[stretches] * rate_hz).astype(np.int64)
    cores[:, 1] = np.maximum(cores[:, 1], cores[:, 0] + 1)
    cores = np.clip(cores, 0, len(reading.breathing.excursion))
    fractions = np.empty(len(cores), np.float64)
    measure_reductions(reading.breathing.excursion, cores, theirs.baselines[rows], fractions)
    is_deep = fractions >= rules.apnea.min_reduction_fraction
    deep = stretches[is_deep]
    said.longest_apnea_s[deep] = shown.longest_apnea_s[deep]
    said.apnea_core_spans_s[deep] = shown.apnea_core_spans_s[deep]
    said.baselines[deep] = theirs.baselines[rows[is_deep]]
    said.reduction_fractions[deep] = fractions[is_deep]


def _untold(
    said: Reductions, shown: Reductions, is_judged: Bools, reading: FlowReading, rules: ScoringRules
) -> Places:
    """Apneas of the one sensor of which the other says nothing: it falls too, to what is only its noise.

    A sensor whose noise alone is more than an apnea leaves can neither confirm one nor deny it. They
    stay apneas of the sensor that shows them; their places are returned.
    """
    breathing, rate_hz = reading.breathing, reading.breathing.rate_hz
    windows_s = breathing.pace.windows_at(shown.apnea_core_spans_s[:, 0])
    is_open = is_judged & (said.longest_apnea_s < rules.apnea.min_duration_s)
    is_open &= shown.longest_apnea_s >= rules.apnea.min_duration_s
    untold: list[int] = []
    for i in np.flatnonzero(is_open).tolist():
        start_s, stop_s = shown.apnea_core_spans_s[i].tolist()
        first, last = int(start_s * rate_hz), max(int(stop_s * rate_hz), int(start_s * rate_hz) + 2)
        reach = float(np.mean(breathing.excursion[first:last], dtype=np.float64))
        way = float(np.mean(np.abs(np.diff(breathing.flow[first:last])), dtype=np.float64))
        left = _share_of_baseline(reading, start_s, stop_s)
        is_noise = way * windows_s[i] * rate_hz > rules.sensor_off.max_roughness * reach
        if is_noise and left <= 1.0 - rules.hypopnea.min_reduction_fraction:
            untold.append(i)
    places = np.array(untold, dtype=np.intp)
    said.longest_apnea_s[places] = shown.longest_apnea_s[places]
    said.apnea_core_spans_s[places] = shown.apnea_core_spans_s[places]
    return places


def _confirm_by_apneas(
    said: Reductions, is_judged: Bools, service: Service, airflow: Airflow, rules: ScoringRules
) -> list[int]:
    """Give the sensor's apneas to the stretches they lie in; return the places of the others."""
    theirs, shortest_s = service.reading.reductions, rules.apnea.min_duration_s
    own: list[int] = []
    for place, part_s in _apnea_parts(service, airflow, rules):
        needed_s = rules.airflow.min_overlap_fraction * (part_s[1] - part_s[0])
        told_s, best_s, best = 0.0, 0.0, -1
        for i in _reach(*part_s, said.spans_s):
            shared_s = _shared_s(part_s, said.spans_s[i])
            if is_judged[i] and said.longest_apnea_s[i] >= shortest_s:
                told_s += shared_s
            elif is_judged[i] and shared_s > best_s and said.spans_s[i, 1] - said.spans_s[i, 0] >= shortest_s:
                best_s, best = shared_s, i
        if told_s >= needed_s:
            continue
        if best_s >= needed_s:
            said.longest_apnea_s[best] = theirs.longest_apnea_s[place]
            said.apnea_core_spans_s[best] = theirs.apnea_core_spans_s[place]
            said.baselines[best] = theirs.baselines[place]
            said.reduction_fractions[best] = theirs.reduction_fractions[place]
        else:
            own.append(place)
    return own


def _apnea_parts(
    service: Service, airflow: Airflow, rules: ScoringRules
) -> Iterable[tuple[int, tuple[float, float]]]:
    """Apneas of a sensor while it serves apneas alone: the stretch, and its part that is an apnea."""
    reading = service.reading
    theirs = reading.reductions
    windows_s = reading.breathing.pace.windows_at(theirs.core_spans_s[:, 0])
    stops_s = theirs.apnea_core_spans_s[:, 1] + windows_s / 2
    starts_s = stops_s - theirs.longest_apnea_s
    middles_s = (starts_s + stops_s) / 2
    is_apnea = (theirs.longest_apnea_s >= rules.apnea.min_duration_s) & (theirs.endings == CLOSED)
    is_apnea &= lies_in(middles_s, service.spans_s) & ~_are_artifacts(reading, rules)
    for other in airflow.hypopneas:
        if other.reading is reading:
            is_apnea &= ~lies_in(middles_s, other.spans_s)
    for place in np.flatnonzero(is_apnea).tolist():
        yield place, (float(starts_s[place]), float(stops_s[place]))


def _are_covered(spans: Spans, by: Spans, rules: ScoringRules) -> Bools:
    """Which of the spans are the same stretch as one of the others."""
    is_covered = np.zeros(len(spans), dtype=bool)
    for other in by.tolist():
        for i in _reach(other[0], other[1], spans):
            is_covered[i] |= _is_same(other, spans[i], rules)
    return is_covered


def _own_apneas(reading: FlowReading, places: Places, airflow: Airflow, rules: ScoringRules) -> Stretches:
    """Apneas that lie in no stretch of the sensor for hypopneas, with what that one shows instead."""
    own = _taken(reading, places, rules)
    cores = own.reductions.apnea_core_spans_s
    is_contradicted = np.zeros(len(places), dtype=bool)
    for service in airflow.hypopneas:
        for i in np.flatnonzero(lies_in(cores.mean(axis=1), service.spans_s)).tolist():
            left = _share_of_baseline(service.reading, cores[i, 0], cores[i, 1])
            is_contradicted[i] = left > 1.0 - rules.hypopnea.min_reduction_fraction
    return replace(own, is_contradicted=is_contradicted)


def _share_of_baseline(reading: FlowReading, start_s: float, stop_s: float) -> float:
    """Mean excursion within a span over the baseline before it; NaN where unknown."""
    breathing = reading.breathing
    first, last = int(start_s * breathing.rate_hz), int(stop_s * breathing.rate_hz)
    before = int(np.searchsorted(breathing.onsets, first, side="right")) - 1
    if before < 0:
        return float("nan")
    mean = float(np.mean(breathing.excursion[first : max(last, first + 1)], dtype=np.float64))
    return mean / float(reading.reductions.breath_baselines[before])
