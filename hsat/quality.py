"""Why a stretch of a recording cannot be judged: one table of causes."""

from enum import Enum

__all__ = ["QualityFlag"]


class QualityFlag(Enum):
    """A cause for which time is excluded: its bit, its name in outputs, a sentence for people.

    The bits may be combined in one ``uint16`` a sample. Where causes coincide, excluded
    minutes are booked under the first in this table's order, so that they add up.
    """

    GAP = (1, "gap", "The device stored nothing here.")
    OUTSIDE_LIGHTS = (2, "outside_lights", "Outside the lights-off to lights-on span that was given.")
    AWAKE = (4, "awake", "Awake according to the hypnogram that was given.")
    UNSCORED = (2048, "unscored", "The hypnogram that was given tells neither sleep nor wake here.")
    UPRIGHT = (8, "upright", "The position sensor shows an upright body.")
    BEFORE_BREATHING = (16, "before_breathing", "Before the first valid breathing of the night.")
    AFTER_BREATHING = (32, "after_breathing", "After the last valid breathing of the night.")
    FLOW_OFF = (64, "flow_sensor_off", "The airflow sensor gives no breathing: detached or unplugged.")
    FLOW_MISSING = (128, "flow_missing", "The airflow channel holds no valid samples here.")
    MOVEMENT = (256, "movement", "A movement artifact hides the breathing.")
    NO_BASELINE = (1024, "no_baseline", "Too few breaths before to measure a reduction against.")
    SPO2_OFF = (512, "spo2_probe_off", "The oximeter probe is off or gives no valid value.")

    def __init__(self, bit: int, label: str, sentence: str) -> None:
        self.bit = bit
        self.label = label
        self.sentence = sentence
