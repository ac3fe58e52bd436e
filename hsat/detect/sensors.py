"""Which recorded signals breathing and effort are judged on."""

from hsat.recording import Recording

__all__ = ["EFFORT_SENSORS", "FLOW_SENSORS", "choose_flow_sensor", "effort_sensors"]

FLOW_SENSORS = ("nasal_pressure", "flow", "thermistor", "rip_flow", "rip_sum", "thorax", "abdomen")
"""Sensors for hypopneas and apneas in the order of Berry 2012; a single belt comes last, as a
stand-in for the RIP sum that the manual asks for."""

EFFORT_SENSORS = ("thorax", "abdomen")


def choose_flow_sensor(recording: Recording) -> str | None:
    """Canonical name of the best airflow sensor recorded, or None without any."""
    return next((name for name in FLOW_SENSORS if recording.has_signal(name)), None)


def effort_sensors(recording: Recording, flow_sensor: str | None) -> tuple[str, ...]:
    """Effort belts recorded, without the one that stands in for flow; none where nothing does."""
    if flow_sensor is None:
        return ()
    return tuple(name for name in EFFORT_SENSORS if recording.has_signal(name) and name != flow_sensor)
