"""Which recorded signals breathing and effort are judged on."""

from hsat.recording import Recording

__all__ = [
    "EFFORT_SENSORS",
    "FLOW_SENSORS",
    "NASAL_PRESSURE",
    "SHAPE_SENSORS",
    "effort_sensors",
    "flow_sensors",
]

FLOW_SENSORS = ("nasal_pressure", "flow", "thermistor", "rip_flow", "rip_sum", "thorax", "abdomen")
"""Sensors breathing is judged on, best first: the order of Berry 2012 for hypopneas. One sensor
serves apneas too, although the manual prefers the thermistor for them. A single belt comes last,
as a stand-in for the RIP sum."""

EFFORT_SENSORS = ("thorax", "abdomen")

NASAL_PRESSURE = "nasal_pressure"
"""The one sensor whose signal is the square of flow."""

SHAPE_SENSORS = (NASAL_PRESSURE, "flow")
"""Sensors that show the shape of an inspiration: a thermistor lags, belts show volume."""


def flow_sensors(recording: Recording) -> tuple[str, ...]:
    """Canonical names of the recorded signals that can show airflow, best first.

    A single belt is among them only where nothing else is: it goes on moving in obstructive apneas.
    """
    recorded = tuple(name for name in FLOW_SENSORS if recording.has_signal(name))
    better = tuple(name for name in recorded if name not in EFFORT_SENSORS)
    return better or recorded


def effort_sensors(recording: Recording, flow_sensor: str | None) -> tuple[str, ...]:
    """Effort belts recorded, without the one that stands in for flow; none where nothing does."""
    if flow_sensor is None:
        return ()
    return tuple(name for name in EFFORT_SENSORS if recording.has_signal(name) and name != flow_sensor)
