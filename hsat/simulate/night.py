"""A night with its truth, and several nights of one sleeper."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.random import default_rng

from hsat.errors import SimulationError
from hsat.events import EventKind
from hsat.recording import DeviceInfo, Recording, SourceFile, Subject
from hsat.simulate.measure import measure_truth
from hsat.simulate.options import (
    LARGEST_SEED,
    MOST_EVENTS_PER_H,
    BreathingOptions,
    Recorder,
    check_option,
)
from hsat.simulate.physiology import Physiology, simulate_breathing
from hsat.simulate.recorder import record_signals
from hsat.simulate.truth import NightTruth, TruthLimits

__all__ = ["DEFAULT_START", "NIGHT_CV", "SimulatedNight", "make_night", "make_patient", "record_night"]

DEFAULT_START = datetime(2026, 3, 2, 22, 30)
"""Start of a simulated night where no other is asked for."""

NIGHT_CV = 0.33
"""Night-to-night coefficient of variation of the AHI: the median of the prior in use for patients."""

BREATHING_NAMES = tuple(option.name for option in fields(BreathingOptions))
RECORDER_NAMES = tuple(option.name for option in fields(Recorder))

SIMULATED_DEVICE = DeviceInfo(profile="simulated", name="hsat simulator", therapy="none")


class NightOptions(TypedDict, total=False):
    """Options of `make_night` for type checkers: `BreathingOptions` and `Recorder` explain them."""

    duration_h: float
    events_per_h: float
    kind_weights: Mapping[EventKind, float]
    cheyne_stokes_fraction: float
    near_misses_per_h: float
    artifacts_per_h: float
    margin_fraction: float
    restless_fraction: float
    circulation_delay_s: float | None
    flow_off_spans_s: tuple[tuple[float, float], ...]
    probe_off_spans_s: tuple[tuple[float, float], ...]
    upright_spans_s: tuple[tuple[float, float], ...]
    traits_seed: int | None
    sensor: str
    flow_rate_hz: float
    belt_rate_hz: float
    spo2_rate_hz: float
    n_levels: int
    gain: float
    unit: str | None
    is_inverted: bool
    has_belts: bool
    has_oximeter: bool
    has_position: bool
    averaging_s: float
    dropouts_per_h: float
    wander_fraction: float
    noise_fraction: float
    is_order_reversed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedNight:
    """A recording in memory with what is true of it."""

    recording: Recording
    truth: NightTruth


def record_night(
    night: Physiology,
    recorder: Recorder | None = None,
    *,
    limits: TruthLimits | None = None,
    start_local: datetime = DEFAULT_START,
    patient: str = "SIM0001",
) -> SimulatedNight:
    """Store a night with a recorder: the same night may be stored with several.

    Parameters
    ----------
    night : Physiology
    recorder : Recorder, optional
    limits : TruthLimits, optional
        Definitions that the truth is measured with.
    start_local : datetime
        Naive wall-clock start.
    patient : str
        Pseudonymous code.

    Returns
    -------
    SimulatedNight
    """
    recorder = Recorder() if recorder is None else recorder
    signals = record_signals(night, recorder)
    recording = Recording(
        signals=signals,
        start_local=start_local,
        duration_s=night.duration_s,
        gaps_s=np.empty((0, 2)),
        device=replace(SIMULATED_DEVICE, oximeter_averaging_s=recorder.averaging_s),
        subject=Subject(patient=patient),
        source=SourceFile(path=f"simulated night, seed {night.seed}", n_bytes=0, format="memory"),
    )
    truth = measure_truth(night, recorder, signals, TruthLimits() if limits is None else limits)
    return SimulatedNight(recording=recording, truth=truth)


def make_night(
    *,
    seed: int,
    start_local: datetime = DEFAULT_START,
    patient: str = "SIM0001",
    **options: Unpack[NightOptions],
) -> SimulatedNight:
    """Simulate a night and record it.

    Parameters
    ----------
    seed : int
        The same seed and options give the same night, sample for sample.
    start_local : datetime
        Naive wall-clock start.
    patient : str
        Pseudonymous code.
    **options
        Attributes of `BreathingOptions` (``duration_h``, ``events_per_h``, ``kind_weights``,
        ``flow_off_spans_s``, ...) and of `Recorder` (``sensor``, ``flow_rate_hz``, ``n_levels``,
        ``gain``, ``is_inverted``, ``has_belts``, ...), where their meaning and default is given.

    Returns
    -------
    SimulatedNight
        The recording, in memory, and its truth.

    Raises
    ------
    SimulationError
        Where an option is unknown or out of range, or the night too short for what was asked.
    """
    breathing: dict[str, Any] = {}
    storing: dict[str, Any] = {}
    for name, value in options.items():
        if name in BREATHING_NAMES:
            breathing[name] = value
        elif name in RECORDER_NAMES:
            storing[name] = value
        else:
            allowed = ", ".join((*BREATHING_NAMES, *RECORDER_NAMES))
            raise SimulationError(f"simulate, option: got {name!r}, allowed {allowed}")
    night = simulate_breathing(seed=seed, options=BreathingOptions(**breathing))
    return record_night(night, Recorder(**storing), start_local=start_local, patient=patient)


def _check_dates(first_start: datetime, n_nights: int) -> None:
    """Refuse nights of which one may lie, in part, beyond the dates that Python has."""
    try:
        first_start - timedelta(days=1), first_start + timedelta(days=n_nights + 1)
    except OverflowError as error:
        raise SimulationError(
            f"simulate, first_start: got {first_start:%Y-%m-%d} for {n_nights} nights, "
            "allowed dates with all nights within the years 1 to 9999"
        ) from error


def make_patient(
    *,
    seed: int,
    n_nights: int,
    options: BreathingOptions | None = None,
    recorder: Recorder | None = None,
    night_cv: float = NIGHT_CV,
    sensor_off_min: float = 0.0,
    first_start: datetime = DEFAULT_START,
    patient: str = "SIM0001",
) -> Iterator[SimulatedNight]:
    """Simulate nights of one sleeper, one after the other.

    Parameters
    ----------
    seed : int
        Seed of the sleeper and of all nights.
    n_nights : int
        1 to 366.
    options : BreathingOptions, optional
        ``events_per_h`` is the sleeper's mean; each night draws its own from a gamma
        distribution with that mean and the coefficient of variation ``night_cv``.
    recorder : Recorder, optional
    night_cv : float
        0 to 2.
    sensor_off_min : float
        Minutes for which the cannula is off in the first half of each night, and the oximeter
        probe in the second; 0 to 60.
    first_start : datetime
        The nights follow each other, each starting within 40 minutes of this time of day.
    patient : str
        Pseudonymous code.

    Yields
    ------
    SimulatedNight
        In order of time.

    Raises
    ------
    SimulationError
        Where an option is out of range.
    """
    check_option("seed", seed, 0, LARGEST_SEED)
    check_option("n_nights", n_nights, 1, 366)
    check_option("night_cv", night_cv, 0.0, 2.0)
    check_option("sensor_off_min", sensor_off_min, 0.0, 60.0)
    options = BreathingOptions() if options is None else options
    _check_dates(first_start, n_nights)
    rng, off_rng = default_rng([seed, 2]), default_rng([seed, 3])
    for number in range(n_nights):
        rate = options.events_per_h
        if night_cv > 0 and rate > 0:
            shape = 1.0 / night_cv**2
            rate *= float(rng.gamma(shape)) / shape
        minutes = int(rng.integers(-40, 41)) if number else 0
        tonight = replace(options, events_per_h=min(rate, MOST_EVENTS_PER_H), traits_seed=seed)
        if sensor_off_min > 0:
            # A generator of its own: the rates stay what they are without.
            flow_off_s, probe_off_s = np.rint(
                options.duration_s * off_rng.uniform((0.15, 0.55), (0.40, 0.80))
            )
            tonight = replace(
                tonight,
                flow_off_spans_s=((flow_off_s, flow_off_s + 60.0 * sensor_off_min),),
                probe_off_spans_s=((probe_off_s, probe_off_s + 60.0 * sensor_off_min),),
            )
        yield record_night(
            simulate_breathing(seed=seed * 1000 + number, options=tonight),
            recorder,
            start_local=first_start + timedelta(days=number, minutes=minutes),
            patient=patient,
        )
