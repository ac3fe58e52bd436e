"""A recording to what its signals show: breathing, effort, oxygen, pulse, position."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hsat.detect.airflow import FlowReading, measure_flow, sum_belts
from hsat.detect.desaturations import Oximetry, measure_oximetry
from hsat.detect.effort import Effort, measure_effort
from hsat.detect.excerpts import ExcerptSampler
from hsat.detect.sampling import HELD, sample_signals
from hsat.detect.sensors import (
    APNEA_SENSORS,
    BELT_SUM,
    EFFORT_SENSORS,
    HYPOPNEA_SENSORS,
    NASAL_PRESSURE,
    effort_sensors,
    recorded_sensors,
    stand_in,
)
from hsat.detect.silence import without_silence
from hsat.detect.switching import Airflow, divide_night
from hsat.errors import MissingChannelError, ReadError
from hsat.recording import Recording
from hsat.rules.model import ScoringRules

__all__ = ["NightSignals", "measure_signals"]

Samples = NDArray[np.float32]

LONGEST_RECORDING_S = 7 * 86_400.0
"""A week: longer is a wrong header, and memory would be given to what it claims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightSignals:
    """What was recorded, measured; None where a channel is missing or holds nothing.

    Attributes
    ----------
    airflow : Airflow or None
        Which sensors tell of breathing when.
    belts : tuple of str
        Belts that effort was judged on.
    effort : Effort or None
    oximetry : Oximetry or None
    pulse_bpm, position : ndarray, shape (n,), float32, or None
        At ``rules.sampling.oximetry_rate_hz``.
    """

    airflow: Airflow | None
    belts: tuple[str, ...]
    effort: Effort | None
    oximetry: Oximetry | None
    pulse_bpm: Samples | None
    position: Samples | None


def measure_signals(recording: Recording, rules: ScoringRules) -> NightSignals:
    """Read the copies for analysis and measure each.

    Parameters
    ----------
    recording : Recording
    rules : ScoringRules

    Returns
    -------
    NightSignals

    Raises
    ------
    MissingChannelError
        Where the recording has neither airflow, effort nor SpO2, or no samples at all.
    ReadError
        Where it claims to last longer than a week.
    """
    # A copy is handed over and gone: a night must fit beside many others.
    apnea_order = recorded_sensors(recording, APNEA_SENSORS)
    hypopnea_order = recorded_sensors(recording, HYPOPNEA_SENSORS)
    firsts = tuple(dict.fromkeys((*hypopnea_order[:1], *apnea_order[:1])))
    excerpts = _excerpt_samplers(recording, firsts, rules)
    samples = _sample(recording, firsts, effort_sensors(recording, firsts), excerpts, rules)
    oximetry = None
    if "spo2" in samples:
        oximetry = measure_oximetry(samples.pop("spo2"), recording.signal("spo2").rate_hz, rules)
        if bool(np.isnan(oximetry.percent).all()):
            oximetry = None
    airflow = None
    if firsts:
        copies = {name: samples.pop(name) for name in firsts if name in samples}
        readings = _Readings(recording, rules, copies, excerpts)
        airflow = _divide(recording, apnea_order, hypopnea_order, readings, rules)
    belts = effort_sensors(recording, () if airflow is None else airflow.sensors)
    effort = None
    if airflow is not None and belts:
        effort = measure_effort(
            [samples.pop(name) for name in belts if name in samples], airflow.main.breathing.pace, rules
        )
    return NightSignals(
        airflow=airflow,
        belts=belts if effort is not None else (),
        effort=effort,
        oximetry=oximetry,
        pulse_bpm=samples.pop("pulse", None),
        position=samples.pop("position", None),
    )


@dataclass(slots=True)
class _Readings:
    """Measures a sensor when it is first asked for, and keeps what it found."""

    recording: Recording
    rules: ScoringRules
    copies: dict[str, Samples]
    excerpts: dict[str, ExcerptSampler]
    found: dict[str, FlowReading] = field(default_factory=dict)

    def of(self, sensor: str) -> FlowReading:
        if sensor not in self.found:
            self.found[sensor] = self._measured(sensor)
        return self.found[sensor]

    def _measured(self, sensor: str) -> FlowReading:
        if sensor == BELT_SUM:
            return measure_flow(*sum_belts(self._sampled(*EFFORT_SENSORS), self.rules), self.rules)
        values = self.copies.pop(sensor, None)
        if values is None:
            self.excerpts.update(_excerpt_samplers(self.recording, (sensor,), self.rules))
            values = self._sampled(sensor)[sensor]
        excerpts = self.excerpts.pop(sensor, None)
        return measure_flow(
            sensor,
            values,
            self.rules,
            excerpts=None if excerpts is None else excerpts.finish(),
            rooted_by=self.recording.signal(sensor).rooted_by,
        )

    def _sampled(self, *names: str) -> dict[str, Samples]:
        rates_hz = dict.fromkeys(names, self.rules.sampling.flow_rate_hz)
        return sample_signals(self.recording, rates_hz, excerpts=self.excerpts)


def _divide(
    recording: Recording,
    apnea_order: tuple[str, ...],
    hypopnea_order: tuple[str, ...],
    readings: _Readings,
    rules: ScoringRules,
) -> Airflow:
    """Divide the night among the recorded sensors; where they leave most of it, the belts help out."""

    def divide(*more: str) -> Airflow:
        return divide_night(
            (*apnea_order, *more),
            (*hypopnea_order, *more),
            readings.of,
            lambda reading, others: without_silence(reading, others, rules),
            duration_s=recording.duration_s,
            gaps_s=recording.gaps_s,
            shortest_s=rules.airflow.shortest_service_s,
        )

    airflow = divide()
    belts = stand_in(recording)
    enough_s = rules.sensor_off.min_share_fraction * recording.duration_s
    if belts is None or belts in hypopnea_order or airflow.judged_s >= enough_s:
        return airflow
    if readings.of(belts).sensor == BELT_SUM and readings.of(belts).judged_s > airflow.judged_s:
        return divide(belts)
    return airflow


def _excerpt_samplers(
    recording: Recording, flow_sensors: tuple[str, ...], rules: ScoringRules
) -> dict[str, ExcerptSampler]:
    """What takes excerpts of nasal pressure, where it is among the sensors and these can tell anything."""
    rule = rules.nasal_pressure
    if NASAL_PRESSURE not in flow_sensors:
        return {}
    signal = recording.signal(NASAL_PRESSURE)
    if signal.rate_hz < rule.min_shape_rate_hz:
        return {}
    sampler = ExcerptSampler(
        signal,
        least_rate_hz=rule.shape_rate_hz,
        n_minutes=rule.n_shape_minutes,
        duration_s=recording.duration_s,
    )
    return {NASAL_PRESSURE: sampler}


def _sample(
    recording: Recording,
    flow_sensors: tuple[str, ...],
    belts: tuple[str, ...],
    excerpts: dict[str, ExcerptSampler],
    rules: ScoringRules,
) -> dict[str, Samples]:
    """Read the copies for analysis in one pass; SpO2 only where it holds a value."""
    if recording.duration_s <= 0:
        raise MissingChannelError(f"{recording.source.path}: nothing to score: the file holds no samples")
    if recording.duration_s > LONGEST_RECORDING_S:
        raise ReadError(
            f"{recording.source.path}: lasts {recording.duration_s / 3600:.0f} h: "
            f"expected a night, at most {LONGEST_RECORDING_S / 3600:.0f} h"
        )
    if not flow_sensors and not recording.has_signal("spo2"):
        present = ", ".join(signal.source_label for signal in recording.signals) or "none"
        raise MissingChannelError(
            f"{recording.source.path}: nothing to score: needs airflow, effort or SpO2; "
            f"channels known here: {present} (--map CANONICAL=LABEL names others)"
        )
    sampling = rules.sampling
    rates_hz = {name: sampling.oximetry_rate_hz for name in HELD if recording.has_signal(name)}
    rates_hz.update((name, sampling.flow_rate_hz) for name in flow_sensors if name != BELT_SUM)
    rates_hz.update(dict.fromkeys(belts, sampling.effort_rate_hz))
    return sample_signals(recording, rates_hz, excerpts=excerpts)
