"""The night's time divided among the airflow sensors, for apneas and for hypopneas."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hsat.detect.airflow import SENSOR_CAUSES, FlowReading
from hsat.detect.artifacts import Flags
from hsat.detect.sensors import APNEA_SENSORS, BELT_SUM, EFFORT_SENSORS
from hsat.intervals import (
    Spans,
    as_spans,
    intersect_spans,
    invert_spans,
    subtract_spans,
    total_s,
    unite_spans,
)
from hsat.quality import QualityFlag
from hsat.recording import Note, Recording
from hsat.results import AirflowSensors, SensorTime

__all__ = ["Airflow", "Service", "divide_night", "lies_in", "sensor_notes", "sensor_times"]

Measure = Callable[[str], FlowReading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One sensor and the time in which it serves one purpose.

    Attributes
    ----------
    reading : FlowReading
    spans_s : ndarray, shape (n, 2), float64
        In normal form.
    failing_s : ndarray, shape (n, 2), float64
        Time in which it cannot be judged and another sensor was asked for.
    """

    reading: FlowReading
    spans_s: Spans
    failing_s: Spans


Doubt = Callable[[FlowReading, Sequence[Service]], FlowReading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Airflow:
    """Who tells of breathing when.

    Attributes
    ----------
    apneas, hypopneas : tuple of Service
        Every sensor that was asked, best first; the time they serve is the whole recording, each
        moment once. Time that no sensor can judge is the one's that serves longest.
    """

    apneas: tuple[Service, ...]
    hypopneas: tuple[Service, ...]

    @property
    def main(self) -> FlowReading:
        """The sensor that serves most of the time for hypopneas."""
        return _longest(self.hypopneas).reading

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of the sensors that serve, those for hypopneas first."""
        serving = (*self.hypopneas, *self.apneas)
        return tuple(dict.fromkeys(service.reading.sensor for service in serving if len(service.spans_s)))

    @property
    def judged_s(self) -> float:
        """Seconds in which breathing can be judged."""
        return self.main.duration_s - total_s(unite_spans(*self.flags.values()))

    @property
    def is_single(self) -> bool:
        """Whether one sensor serves for all of the night and both purposes."""
        return len(self.sensors) == 1

    @property
    def flags(self) -> Flags:
        """When breathing cannot be judged, by cause: that of the sensor that serves hypopneas."""
        if self.is_single:
            return self.main.flags
        by_cause: dict[QualityFlag, list[Spans]] = {}
        for service in self.hypopneas:
            for cause, spans in service.reading.flags.items():
                by_cause.setdefault(cause, []).append(intersect_spans(spans, service.spans_s))
        return {cause: unite_spans(*spans) for cause, spans in by_cause.items()}

    def breaths(self) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]]:
        """Onsets in seconds, ranges of flow and baselines of all breaths, from who serves hypopneas."""
        parts = []
        for service in self.hypopneas:
            breathing, reductions = service.reading.breathing, service.reading.reductions
            onsets_s = breathing.onsets / breathing.rate_hz
            chosen: slice | NDArray[np.bool_] = slice(None)
            if not self.is_single:
                chosen = lies_in(onsets_s, service.spans_s)
            elif service.reading is not self.main:
                continue
            parts.append(
                (onsets_s[chosen], breathing.breath_ranges[chosen], reductions.breath_baselines[chosen])
            )
        if len(parts) == 1:
            return parts[0]
        onsets, ranges, baselines = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(onsets, kind="stable")
        return onsets[order], ranges[order], baselines[order]


def lies_in(times_s: NDArray[np.float64], spans_s: Spans) -> NDArray[np.bool_]:
    """Whether each time lies in one of the spans (in normal form)."""
    is_inside: NDArray[np.bool_] = np.searchsorted(spans_s.reshape(-1), times_s, side="right") % 2 == 1
    return is_inside


def divide_night(
    apnea_order: Sequence[str],
    hypopnea_order: Sequence[str],
    measure: Measure,
    doubt: Doubt,
    *,
    duration_s: float,
    gaps_s: Spans,
    shortest_s: float,
) -> Airflow:
    """Give every moment to the first sensor in the order that can be judged there.

    Parameters
    ----------
    apnea_order, hypopnea_order : sequence of str
        Recorded sensors, best first; at least one each.
    measure : callable
        Gives the reading of a sensor; asked only where a better one fails. Two purposes may ask
        for the same one.
    doubt : callable
        Gives the reading of a sensor for hypopneas as it is to be taken beside those for apneas.
    duration_s : float
    gaps_s : ndarray, shape (n, 2)
        Where the device stored nothing: no sensor is asked for these.
    shortest_s : float
        Nobody serves, and nobody is asked, for less.

    Returns
    -------
    Airflow
    """
    whole = as_spans([(0.0, duration_s)])
    needed = invert_spans(gaps_s, 0.0, duration_s)
    apneas = _divide(apnea_order, measure, whole, needed, shortest_s)
    taken: dict[str, FlowReading] = {}

    def doubted(sensor: str) -> FlowReading:
        taken[sensor] = doubt(measure(sensor), apneas)
        return taken[sensor]

    hypopneas = _divide(hypopnea_order, doubted, whole, needed, shortest_s)
    names = [service.reading.sensor for service in apneas]
    by_name = {reading.sensor: reading for reading in taken.values() if reading.sensor in names}
    apneas = tuple(
        replace(service, reading=by_name.get(service.reading.sensor, service.reading)) for service in apneas
    )
    return Airflow(apneas=apneas, hypopneas=hypopneas)


def _divide(
    order: Sequence[str], measure: Measure, whole: Spans, needed: Spans, shortest_s: float
) -> tuple[Service, ...]:
    if len(order) == 1:
        return (Service(reading=measure(order[0]), spans_s=whole, failing_s=whole[:0]),)
    services: list[Service] = []
    left = whole
    for sensor in order:
        reading = measure(sensor)
        failing = _at_least(intersect_spans(reading.failing_s(), needed), shortest_s)
        usable = _at_least(subtract_spans(whole, failing), shortest_s)
        spans = _at_least(intersect_spans(left, usable), shortest_s)
        left = _at_least(subtract_spans(left, spans), shortest_s)
        services.append(Service(reading=reading, spans_s=spans, failing_s=left))
        if len(left) == 0:
            break
    rest = subtract_spans(whole, unite_spans(*[service.spans_s for service in services]))
    if len(rest):
        main = _longest(services)
        place = next(i for i, service in enumerate(services) if service is main)
        services[place] = replace(main, spans_s=unite_spans(main.spans_s, rest))
    return tuple(services)


def _longest(services: Sequence[Service]) -> Service:
    """Who serves most of the time; the better one where two serve as long."""
    return max(services, key=lambda service: total_s(service.spans_s))


def _at_least(spans: Spans, shortest_s: float) -> Spans:
    return spans[spans[:, 1] - spans[:, 0] >= shortest_s]


def sensor_times(airflow: Airflow | None, judged_s: Spans) -> AirflowSensors:
    """The time that was judged on each sensor.

    Parameters
    ----------
    airflow : Airflow or None
    judged_s : ndarray, shape (n, 2)
        Time in which flow can be judged.

    Returns
    -------
    AirflowSensors
    """
    if airflow is None:
        return AirflowSensors()

    def times(services: Sequence[Service]) -> tuple[SensorTime, ...]:
        spans = [(service.reading.sensor, intersect_spans(service.spans_s, judged_s)) for service in services]
        return tuple(SensorTime(sensor=name, spans_s=rows) for name, rows in spans if len(rows))

    return AirflowSensors(apneas=times(airflow.apneas), hypopneas=times(airflow.hypopneas))


def sensor_notes(airflow: Airflow | None, recording: Recording) -> list[Note]:
    """What a reader has to know of the sensors: who failed, who took over, what nasal pressure is taken
    for, where belts stand in.

    Parameters
    ----------
    airflow : Airflow or None
    recording : Recording

    Returns
    -------
    list of Note
    """
    if airflow is None:
        return []
    purposes: dict[str, list[str]] = {}
    for purpose, services in (("apneas", airflow.apneas), ("hypopneas", airflow.hypopneas)):
        for place, service in enumerate(services):
            if words := _failure_words(service, services[place + 1 :]):
                purposes.setdefault(words, []).append(purpose)
    notes = [
        Note("flow_sensor_fallback", words.format(purposes=" and ".join(names)))
        for words, names in purposes.items()
    ]
    readings = {s.reading.sensor: s.reading for s in (*airflow.hypopneas, *airflow.apneas) if len(s.spans_s)}
    notes += [reading.pressure.note for reading in readings.values() if reading.pressure is not None]
    belts = [
        name for name in airflow.sensors if name in (BELT_SUM, *EFFORT_SENSORS) or name.startswith("rip_")
    ]
    if belts:
        has_airflow = any(recording.has_signal(name) for name in APNEA_SENSORS if name not in belts)
        why = "no airflow sensor shows breathing" if has_airflow else "no airflow sensor"
        notes.append(
            Note(
                "flow_from_effort",
                f"{why}: breathing was judged on {', '.join(belts)}, which does not fall in "
                "obstructive events as airflow does"
                + ("; the sum of the belts is uncalibrated" if BELT_SUM in belts else ""),
            )
        )
    return notes


def _failure_words(failing: Service, others: Sequence[Service]) -> str:
    """Why and for how long a sensor gave way, and to whom; empty where nobody took over."""
    taken = [(s.reading.sensor, intersect_spans(failing.failing_s, s.spans_s)) for s in others]
    names = [name for name, spans in taken if len(spans)]
    if not names:
        return ""
    left = unite_spans(*[spans for _, spans in taken])
    causes: list[str] = []
    for cause in SENSOR_CAUSES:
        spans = intersect_spans(failing.reading.flags.get(cause, left[:0]), left)
        if len(spans):
            left = subtract_spans(left, spans)
            causes.append(f"{cause.label.replace('_', ' ')} for {total_s(spans) / 60.0:.0f} min")
    return (
        f"{failing.reading.sensor}: {', '.join(causes)}; {{purposes}} were judged there "
        f"on {' and '.join(names)}"
    )
