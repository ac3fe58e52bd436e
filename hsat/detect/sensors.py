"""Which recorded signals breathing and effort are judged on, in which order."""

from collections.abc import Collection, Sequence

from hsat.recording import Recording

__all__ = [
    "APNEA_SENSORS",
    "BELT_SENSORS",
    "BELT_SUM",
    "EFFORT_SENSORS",
    "HYPOPNEA_SENSORS",
    "NASAL_PRESSURE",
    "SHAPE_SENSORS",
    "VOLUME_SENSORS",
    "effort_sensors",
    "recorded_sensors",
    "stand_in",
]

APNEA_SENSORS = ("thermistor", "flow", "nasal_pressure", "rip_sum", "rip_flow")
"""Airflow sensors for apneas, best first: the order of Berry 2012. A ``flow`` of unstated kind is a
thermal sensor, a mask or a pneumotachograph: like the thermistor it sees what the mouth breathes."""

HYPOPNEA_SENSORS = ("nasal_pressure", "flow", "thermistor", "rip_sum", "rip_flow")
"""Airflow sensors for hypopneas, best first: the order of Berry 2012, with ``flow`` before the
thermistor, which follows flow less closely."""

EFFORT_SENSORS = ("thorax", "abdomen")

VOLUME_SENSORS = (*EFFORT_SENSORS, "rip_sum")
"""Sensors that, as they were recorded, show the volume of the chest; `BELT_SUM` has lost its level."""

NASAL_PRESSURE = "nasal_pressure"
"""The one sensor whose signal is the square of flow."""

SHAPE_SENSORS = (NASAL_PRESSURE, "flow")
"""Sensors that show the shape of an inspiration: a thermistor lags, belts show volume."""

BELT_SUM = "thorax+abdomen"
"""Name of the sum of both belts that is computed where airflow is missing."""

BELT_SENSORS = (*VOLUME_SENSORS, BELT_SUM)
"""Sensors that move with the volume of the chest, not with flow."""


def recorded_sensors(recording: Recording, order: Sequence[str]) -> tuple[str, ...]:
    """The sensors of `order` that were recorded; where none was, what the belts can give.

    A single belt stands in only where nothing else is: it goes on moving in obstructive apneas.
    """
    recorded = tuple(name for name in order if recording.has_signal(name))
    if recorded:
        return recorded
    if (belts := stand_in(recording)) is not None:
        return (belts,)
    return tuple(name for name in EFFORT_SENSORS if recording.has_signal(name))


def stand_in(recording: Recording) -> str | None:
    """`BELT_SUM` where both belts were recorded, else None."""
    return BELT_SUM if all(recording.has_signal(name) for name in EFFORT_SENSORS) else None


def effort_sensors(recording: Recording, flow_sensors: Collection[str]) -> tuple[str, ...]:
    """Effort belts recorded, without one that alone stands in for flow; none where nothing is flow."""
    if not flow_sensors:
        return ()
    return tuple(name for name in EFFORT_SENSORS if recording.has_signal(name) and name not in flow_sensors)
