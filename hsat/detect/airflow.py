"""One airflow sensor measured over the night, and the sum of the belts that can stand in for one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.detect.artifacts import Flags, flag_flow, flag_missing_baseline
from hsat.detect.breathing import (
    Breathing,
    flow_from_pressure,
    measure_breathing,
    measure_upright,
    remove_drift,
    roughness_of,
)
from hsat.detect.excerpts import Excerpts
from hsat.detect.faults import find_frozen, find_slips
from hsat.detect.pace import assumed_pace, excursion_at_pace
from hsat.detect.pressure_shape import PressureReading, read_pressure
from hsat.detect.respiratory import Reductions, find_reduced_breathing
from hsat.detect.sensors import BELT_SENSORS, BELT_SUM, NASAL_PRESSURE, VOLUME_SENSORS
from hsat.intervals import Spans, total_s, unite_spans
from hsat.quality import QualityFlag
from hsat.rules.model import ScoringRules

__all__ = ["FlowReading", "measure_flow", "sum_belts"]

Samples = NDArray[np.float32]

SENSOR_CAUSES = (
    QualityFlag.FLOW_OFF,
    QualityFlag.FLOW_MISSING,
    QualityFlag.BEFORE_BREATHING,
    QualityFlag.AFTER_BREATHING,
    QualityFlag.NO_BASELINE,
)
"""Causes that lie with the sensor, so that another one may do better; a movement shakes them all."""

ARTIFACT_CAUSES = (
    QualityFlag.FLOW_OFF,
    QualityFlag.MOVEMENT,
    QualityFlag.BEFORE_BREATHING,
    QualityFlag.AFTER_BREATHING,
)
"""Causes by which a signal shows the sensor, not the patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowReading:
    """Breathing on one sensor, where it is reduced, and when it cannot be judged.

    Attributes
    ----------
    sensor : str
        Canonical name, or `hsat.detect.sensors.BELT_SUM`.
    breathing : Breathing
    reductions : Reductions
    flags : dict of QualityFlag to ndarray, shape (n, 2)
    is_squared : bool
        Whether breathing is that of the square of flow: of pressure without a root taken.
    pressure : PressureReading or None
        How nasal pressure is taken; None of other sensors.
    """

    sensor: str
    breathing: Breathing
    reductions: Reductions
    flags: Flags
    is_squared: bool
    pressure: PressureReading | None

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return len(self.breathing.excursion) / self.breathing.rate_hz

    @property
    def judged_s(self) -> float:
        """Seconds in which this sensor shows breathing."""
        return self.duration_s - total_s(unite_spans(*self.flags.values()))

    def failing_s(self) -> Spans:
        """Time in which this sensor cannot be judged for a cause of its own, shape (n, 2)."""
        return unite_spans(*[self.flags[cause] for cause in SENSOR_CAUSES if cause in self.flags])

    def artifacts_s(self) -> Spans:
        """Time in which the signal shows the sensor, not the patient, shape (n, 2)."""
        return unite_spans(*[self.flags[cause] for cause in ARTIFACT_CAUSES if cause in self.flags])


def measure_flow(
    sensor: str,
    values: Samples,
    rules: ScoringRules,
    *,
    excerpts: Excerpts | None = None,
    rooted_by: str = "",
) -> FlowReading:
    """Find breaths, reductions and artifacts of one airflow sensor.

    Parameters
    ----------
    sensor : str
        Its name in the results.
    values : ndarray, shape (n,), float32
        At ``rules.sampling.flow_rate_hz``; NaN where missing. Used as work space: its content is
        lost.
    rules : ScoringRules
    excerpts : Excerpts, optional
        Of nasal pressure: what its breaths look like.
    rooted_by : str, optional
        Of nasal pressure: `hsat.recording.Signal.rooted_by`.

    Returns
    -------
    FlowReading
    """
    is_pressure = sensor == NASAL_PRESSURE
    volume = values[:: int(rules.sampling.flow_rate_hz)].copy() if sensor in VOLUME_SENSORS else None
    frozen_s = find_frozen(values, rules.sampling.flow_rate_hz, rules.sensor_off)
    breathing = measure_breathing(values, rules, is_pressure=is_pressure)
    pressure = read_pressure(breathing, excerpts, rules, rooted_by=rooted_by) if is_pressure else None
    is_squared = pressure is not None and not pressure.is_flow
    if is_squared and rules.nasal_pressure.is_linearised:
        breathing = measure_upright(flow_from_pressure(breathing.flow), breathing.is_missing, rules)
        is_squared = False
    reductions = find_reduced_breathing(
        breathing, rules, is_pressure=is_squared, is_volume=sensor in BELT_SENSORS
    )
    flags = flag_flow(breathing, rules)
    flags[QualityFlag.FLOW_OFF] = unite_spans(flags[QualityFlag.FLOW_OFF], frozen_s)
    if volume is not None:
        slips_s = find_slips(volume, reductions, rules)
        flags[QualityFlag.FLOW_OFF] = unite_spans(flags[QualityFlag.FLOW_OFF], slips_s)
    flags[QualityFlag.NO_BASELINE] = flag_missing_baseline(
        breathing.onsets / breathing.rate_hz,
        reductions.breath_baselines,
        len(breathing.excursion) / breathing.rate_hz,
    )
    return FlowReading(
        sensor=sensor,
        breathing=breathing,
        reductions=reductions,
        flags=flags,
        is_squared=is_squared,
        pressure=pressure,
    )


def sum_belts(belts: dict[str, Samples], rules: ScoringRules) -> tuple[str, Samples]:
    """Add the belts up as a stand-in for airflow.

    Parameters
    ----------
    belts : dict of str to ndarray, shape (n,), float32
        Canonical names and movement at ``rules.sampling.flow_rate_hz``; NaN where missing. Used as
        work space: their content is lost.
    rules : ScoringRules
        ``[sampling]``, ``[breath]``, ``[effort]`` and ``[sensor_off]`` are used.

    Returns
    -------
    sensor : str
        `BELT_SUM`, or the one belt that moves with breathing where the others show noise or nothing.
    values : ndarray, shape (n,), float32
        NaN where any belt that was added is missing.

    Notes
    -----
    The sum is uncalibrated: each belt is divided by its own usual swing, and one that moves
    against the first over the night is turned round, so that gain and polarity of a recorder do not
    matter. It falls where the belts move against each other for a while, as in obstructive apneas.
    """
    rate_hz = rules.sampling.flow_rate_hz
    pace = assumed_pace(rules.breath)
    total: Samples | None = None
    is_missing: NDArray[np.bool_] | None = None
    names: list[str] = []
    for name, values in belts.items():
        is_gone = np.isnan(values)
        movement = remove_drift(values, rules, rate_hz)
        excursion = excursion_at_pace(movement, pace, rate_hz)
        usual = float(np.quantile(excursion, rules.sensor_off.reference_quantile_fraction))
        roughness = roughness_of(movement, excursion, pace, rate_hz)
        if usual <= 0 or float(np.median(roughness)) > rules.effort.max_roughness:
            continue
        movement /= np.float32(usual)
        if total is None or is_missing is None:
            total, is_missing = movement, is_gone
        else:
            total += movement if float(np.dot(total, movement)) >= 0 else -movement
            is_missing |= is_gone
        names.append(name)
    if total is None:
        first = next(iter(belts))
        return first, np.full(len(belts[first]), np.nan, np.float32)
    total[is_missing] = np.nan
    return BELT_SUM if len(names) > 1 else names[0], total
