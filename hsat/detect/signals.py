"""A recording to what its signals show: breathing, effort, oxygen, pulse, position."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.detect.artifacts import Flags, flag_flow, flag_missing_baseline
from hsat.detect.breathing import Breathing, measure_breathing
from hsat.detect.desaturations import Oximetry, measure_oximetry
from hsat.detect.effort import Effort, measure_effort
from hsat.detect.respiratory import Reductions, find_reduced_breathing
from hsat.detect.sampling import HELD, sample_signals
from hsat.detect.sensors import NASAL_PRESSURE, effort_sensors, flow_sensors
from hsat.errors import MissingChannelError, ReadError
from hsat.intervals import total_s, unite_spans
from hsat.quality import QualityFlag
from hsat.recording import Recording
from hsat.rules.model import ScoringRules

__all__ = ["FlowReading", "NightSignals", "measure_signals"]

Samples = NDArray[np.float32]

LONGEST_RECORDING_S = 7 * 86_400.0
"""A week: longer is a wrong header, and memory would be given to what it claims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowReading:
    """Breathing on one sensor, where it is reduced, and when it cannot be judged.

    Attributes
    ----------
    sensor : str
        Canonical name.
    breathing : Breathing
    reductions : Reductions
    flags : dict of QualityFlag to ndarray, shape (n, 2)
    """

    sensor: str
    breathing: Breathing
    reductions: Reductions
    flags: Flags

    @property
    def judged_s(self) -> float:
        """Seconds in which this sensor shows breathing."""
        duration_s = len(self.breathing.excursion) / self.breathing.rate_hz
        return duration_s - total_s(unite_spans(*self.flags.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class NightSignals:
    """What was recorded, measured; None where a channel is missing or holds nothing.

    Attributes
    ----------
    flow : FlowReading or None
    given_up : tuple of str
        Better airflow sensors that show breathing for too little of the night.
    belts : tuple of str
        Belts that effort was judged on.
    effort : Effort or None
    oximetry : Oximetry or None
    pulse_bpm, position : ndarray, shape (n,), float32, or None
        At ``rules.sampling.oximetry_rate_hz``.
    """

    flow: FlowReading | None
    given_up: tuple[str, ...]
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
    sensors = flow_sensors(recording)
    first = sensors[0] if sensors else None
    samples = _sample(recording, first, effort_sensors(recording, first), rules)
    oximetry = None
    if "spo2" in samples:
        oximetry = measure_oximetry(samples.pop("spo2"), recording.signal("spo2").rate_hz, rules)
        if bool(np.isnan(oximetry.percent).all()):
            oximetry = None
    flow = None if first is None else _measure_flow(first, samples.pop(first), rules)
    given_up: list[str] = []
    for sensor in sensors[1:]:
        if flow is None or flow.judged_s >= rules.sensor_off.min_share_fraction * recording.duration_s:
            break
        copy = sample_signals(recording, {sensor: rules.sampling.flow_rate_hz})[sensor]
        other = _measure_flow(sensor, copy, rules)
        if other.judged_s > flow.judged_s:
            given_up.append(flow.sensor)
            flow = other
    belts = effort_sensors(recording, None if flow is None else flow.sensor)
    effort = None
    if flow is not None and belts:
        effort = measure_effort(
            [samples.pop(name) for name in belts if name in samples], flow.breathing.window_s, rules
        )
    return NightSignals(
        flow=flow,
        given_up=tuple(given_up),
        belts=belts if effort is not None else (),
        effort=effort,
        oximetry=oximetry,
        pulse_bpm=samples.pop("pulse", None),
        position=samples.pop("position", None),
    )


def _measure_flow(sensor: str, values: Samples, rules: ScoringRules) -> FlowReading:
    """Breaths, reductions and artifacts of one airflow sensor."""
    is_pressure = sensor == NASAL_PRESSURE
    is_linearised = is_pressure and rules.nasal_pressure.is_linearised
    breathing = measure_breathing(values, rules, is_linearised=is_linearised)
    reductions = find_reduced_breathing(breathing, rules, is_pressure=is_pressure and not is_linearised)
    flags = flag_flow(breathing, rules)
    flags[QualityFlag.NO_BASELINE] = flag_missing_baseline(
        breathing.onsets / breathing.rate_hz,
        reductions.breath_baselines,
        len(breathing.excursion) / breathing.rate_hz,
    )
    return FlowReading(sensor=sensor, breathing=breathing, reductions=reductions, flags=flags)


def _sample(
    recording: Recording, flow_sensor: str | None, belts: tuple[str, ...], rules: ScoringRules
) -> dict[str, Samples]:
    """Read the copies for analysis in one pass; SpO2 only where it holds a value."""
    if recording.duration_s <= 0:
        raise MissingChannelError(f"{recording.source.path}: nothing to score: the file holds no samples")
    if recording.duration_s > LONGEST_RECORDING_S:
        raise ReadError(
            f"{recording.source.path}: lasts {recording.duration_s / 3600:.0f} h: "
            f"expected a night, at most {LONGEST_RECORDING_S / 3600:.0f} h"
        )
    if flow_sensor is None and not recording.has_signal("spo2"):
        present = ", ".join(signal.source_label for signal in recording.signals) or "none"
        raise MissingChannelError(
            f"{recording.source.path}: nothing to score: needs airflow, effort or SpO2; "
            f"channels known here: {present} (--map CANONICAL=LABEL names others)"
        )
    sampling = rules.sampling
    rates_hz = {name: sampling.oximetry_rate_hz for name in HELD if recording.has_signal(name)}
    if flow_sensor is not None:
        rates_hz[flow_sensor] = sampling.flow_rate_hz
        rates_hz.update(dict.fromkeys(belts, sampling.effort_rate_hz))
    return sample_signals(recording, rates_hz)
