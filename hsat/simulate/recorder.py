"""A recorder's view of a simulated night: sensed, quantised and stored at the recorder's rates."""

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from hsat.intervals import Spans
from hsat.recording import ArraySource, Calibration, Signal
from hsat.simulate.options import POSITION_CODES, Recorder
from hsat.simulate.oxygen import SATURATION_RATE_HZ
from hsat.simulate.physiology import Physiology
from hsat.simulate.waveforms import (
    THERMISTOR_LAG_S,
    THERMISTOR_RATE_HZ,
    belt_at,
    coupling_at,
    excursions,
    flow_at,
    movement_at,
    pressure_from_flow,
    thermistor_from_flow,
    undisturbed,
)

__all__ = ["PULSE_MISSING", "SPO2_MISSING", "record_signals", "sensed_breathing"]

SPO2_MISSING = 127
PULSE_MISSING = 511
"""What common oximeter modules write where they have no value; the simulated one does the same."""

RANGE_BREATHS = 4.0
"""The flow channel's range in median breaths, peak to peak: deep sighs and movements clip."""

LABELS = {
    "flow": "Flow",
    "nasal_pressure": "Nasal Pressure",
    "thermistor": "Thermistor",
    "thorax": "Thorax",
    "abdomen": "Abdomen",
    "spo2": "SpO2",
    "pulse": "Pulse",
    "position": "Position",
}

BELT_RANGE = 4.0
BELT_LEVELS = 4096
SENSE_RATE_HZ = 25.0
WANDER_WAVES = 6
MOVEMENT_BREATHS = 1.1
MOVEMENT_BELT_BREATHS = 1.5
"""Movements shake airflow by about this many median peak flows, belts by this many breaths."""

BELT_NOISE = 0.01
"""Standard deviation of a belt's own noise, in median breaths."""


def _times(duration_s: float, rate_hz: float) -> NDArray[np.float64]:
    return np.arange(round(duration_s * rate_hz)) / rate_hz


def sensed_breathing(night: Physiology, sensor: str, *, is_disturbed: bool) -> NDArray[np.float64]:
    """Excursion of every breath as an ideal sensor gives it.

    Parameters
    ----------
    night : Physiology
    sensor : str
        ``"flow"``, ``"nasal_pressure"`` or ``"thermistor"``.
    is_disturbed : bool
        With what is planted, or as breathing would have been without.

    Returns
    -------
    ndarray, shape (n_breaths,), float64
        Highest minus lowest value of each breath, in the sensor's unit; without movement,
        displaced cannula, zero-line wander, noise of the sensor and quantiser.
    """
    breaths = night.breaths if is_disturbed else undisturbed(night.breaths)
    wave = flow_at(night, _times(night.duration_s, SENSE_RATE_HZ), breaths=breaths)
    if sensor == "nasal_pressure":
        wave = pressure_from_flow(wave)
    if sensor == "thermistor":
        # Two time constants later most of the breath before has faded from a lagging sensor.
        return excursions(thermistor_from_flow(wave), SENSE_RATE_HZ, breaths, lag_s=2.0 * THERMISTOR_LAG_S)
    return excursions(wave, SENSE_RATE_HZ, breaths)


def _wander(night: Physiology, times_s: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    """A zero line that wanders with periods of 45 to 260 s, standard deviation about 1."""
    total = np.zeros(len(times_s))
    for period_s in rng.uniform(45.0, 260.0, WANDER_WAVES):
        # A slow change of each wave's height keeps the curve from repeating.
        swell = 1.0 + 0.5 * np.sin(2.0 * np.pi * times_s / (period_s * 6.3))
        total += swell * np.sin(2.0 * np.pi * (times_s / period_s + rng.random()))
    return np.asarray(total / np.sqrt(WANDER_WAVES / 2.0))


def _sense_flow(night: Physiology, recorder: Recorder, breath: float) -> NDArray[np.float64]:
    """Airflow channel before gain and quantiser; ``breath`` is its median excursion."""
    times_s = _times(night.duration_s, recorder.flow_rate_hz)
    thermistor = recorder.sensor == "thermistor"
    at_s = _times(night.duration_s, THERMISTOR_RATE_HZ) if thermistor else times_s
    flow = flow_at(night, at_s)
    shake = MOVEMENT_BREATHS * night.traits.peak_flow_l_per_s
    flow += shake * movement_at(night.artifacts, at_s, channel=0)
    for start_s, stop_s in night.flow_off_s:
        first, last = np.searchsorted(at_s, (start_s, stop_s))
        flow[first:last] = 0.0
    if recorder.sensor == "nasal_pressure":
        flow = pressure_from_flow(flow)
    if thermistor:
        flow = np.interp(times_s, at_s, thermistor_from_flow(flow))
    flow *= coupling_at(night.artifacts, times_s)
    if recorder.wander_fraction > 0:
        flow += recorder.wander_fraction * breath * _wander(night, times_s, default_rng([night.seed, 77]))
    noise = default_rng([night.seed, 78]).standard_normal(len(flow))
    return flow + recorder.noise_fraction * breath * noise


def _header_number(value: float) -> float:
    """The nearest number that EDF can write, with its sign, in 8 characters."""
    for digits in range(6, -1, -1):
        text = f"{-abs(value):.{digits}f}"
        if len(text) <= 8:
            return abs(float(text))
    return float(f"{abs(value):.0f}")


class _Channels:
    """Collects channels in the order they are stored."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, str, NDArray[np.float32], Calibration]] = []

    def add(
        self, name: str, rate_hz: float, unit: str, stored: NDArray[np.float64], calibration: Calibration
    ) -> None:
        clipped = np.clip(np.rint(stored), calibration.lowest_stored, calibration.highest_stored)
        self.rows.append((name, rate_hz, unit, clipped.astype(np.float32), calibration))

    def signals(self, *, is_order_reversed: bool) -> tuple[Signal, ...]:
        rows = self.rows[::-1] if is_order_reversed else self.rows
        source = ArraySource(arrays=tuple(row[3] for row in rows))
        return tuple(
            Signal(
                name=name,
                rate_hz=rate_hz,
                unit=unit,
                n_samples=len(stored),
                source_label=LABELS[name],
                source=source,
                source_index=i,
                calibration=calibration,
                mapped_by="simulated",
            )
            for i, (name, rate_hz, unit, stored, calibration) in enumerate(rows)
        )


def _linear(physical_max: float, n_levels: int) -> Calibration:
    """A quantiser with ``n_levels`` over ``[-physical_max, physical_max]``."""
    highest = n_levels // 2 - 1
    lowest = highest - n_levels + 1
    gain = 2.0 * physical_max / (highest - lowest)
    return Calibration(
        gain=gain, offset=physical_max - gain * highest, lowest_stored=lowest, highest_stored=highest
    )


def _mark_missing(
    stored: NDArray[np.float64], rate_hz: float, missing: int, lost_s: Spans, off_s: Spans
) -> NDArray[np.float64]:
    """Write the device's code for "no value" into lost readings and probe-off spans."""
    for start_s, stop_s in [*lost_s, *off_s]:
        stored[round(start_s * rate_hz) : round(stop_s * rate_hz)] = missing
    return stored


def _store_belts(night: Physiology, recorder: Recorder, channels: _Channels) -> None:
    """Thorax and abdomen, with their own share of every movement."""
    times_s = _times(night.duration_s, recorder.belt_rate_hz)
    quantiser = _linear(BELT_RANGE, BELT_LEVELS)
    for number, belt in enumerate(("thorax", "abdomen"), start=1):
        curve = belt_at(night, times_s, belt=belt)
        curve += MOVEMENT_BELT_BREATHS * movement_at(night.artifacts, times_s, channel=number)
        curve += BELT_NOISE * default_rng([night.seed, 80 + number]).standard_normal(len(curve))
        stored = (curve - quantiser.offset) / quantiser.gain
        channels.add(belt, recorder.belt_rate_hz, "au", stored, quantiser)


def _store_oximetry(night: Physiology, recorder: Recorder, channels: _Channels) -> None:
    """SpO2 in whole percent behind the oximeter's moving mean, and pulse."""
    rng = default_rng([night.seed, 79])
    n_lost = int(rng.poisson(recorder.dropouts_per_h * night.duration_s / 3600.0))
    starts_s = rng.uniform(0.0, night.duration_s - 5.0, n_lost)
    lost_s = np.column_stack((starts_s, starts_s + rng.uniform(1.0, 4.0, n_lost)))
    width = max(1, round(recorder.averaging_s * SATURATION_RATE_HZ))
    padded = np.concatenate((np.full(width - 1, night.saturation_percent[0]), night.saturation_percent))
    averaged = np.convolve(padded, np.ones(width) / width, mode="valid")
    rate_hz = recorder.spo2_rate_hz
    times_s = _times(night.duration_s, rate_hz)
    # An oximeter shows its last value until the next: no interpolation between whole percents.
    index = np.minimum((times_s * SATURATION_RATE_HZ).astype(np.int64), len(averaged) - 1)
    spo2 = _mark_missing(np.rint(averaged[index]), rate_hz, SPO2_MISSING, lost_s, night.probe_off_s)
    channels.add(
        "spo2",
        rate_hz,
        "%",
        spo2,
        Calibration(lowest_stored=0, highest_stored=255, missing_stored=(SPO2_MISSING,)),
    )
    pulse = _mark_missing(np.rint(night.pulse_bpm), 1.0, PULSE_MISSING, lost_s, night.probe_off_s)
    channels.add(
        "pulse",
        1.0,
        "bpm",
        pulse,
        Calibration(lowest_stored=0, highest_stored=1023, missing_stored=(PULSE_MISSING,)),
    )


def record_signals(night: Physiology, recorder: Recorder) -> tuple[Signal, ...]:
    """Sense, quantise and store a night.

    Parameters
    ----------
    night : Physiology
    recorder : Recorder

    Returns
    -------
    tuple of Signal
        Stored samples are whole numbers, as an EDF file would hold them.
    """
    channels = _Channels()
    breath = float(np.nanmedian(sensed_breathing(night, recorder.sensor, is_disturbed=False)))
    flow = _sense_flow(night, recorder, breath) * (recorder.gain * (-1.0 if recorder.is_inverted else 1.0))
    quantiser = _linear(_header_number(0.5 * RANGE_BREATHS * breath * recorder.gain), recorder.n_levels)
    stored = (flow - quantiser.offset) / quantiser.gain
    channels.add(recorder.sensor, recorder.flow_rate_hz, recorder.flow_unit, stored, quantiser)
    if recorder.has_belts:
        _store_belts(night, recorder, channels)
    if recorder.has_oximeter:
        _store_oximetry(night, recorder, channels)
    if recorder.has_position:
        codes = np.zeros(round(night.duration_s))
        for block in night.positions:
            codes[round(block.start_s) : round(block.stop_s)] = POSITION_CODES[block.position]
        channels.add("position", 1.0, "code", codes, Calibration(lowest_stored=0, highest_stored=7))
    return channels.signals(is_order_reversed=recorder.is_order_reversed)
