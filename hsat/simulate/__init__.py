"""Simulated nights whose truth is known: seeded, public, independent of every detector.

`make_night` gives one night; `simulate_breathing` and `record_night` split it into the sleeper
and the recorder, so that one night can be stored by several recorders; `make_patient` gives
several nights of one sleeper; `write_edf` stores a night as EDF+ with its truth beside it.
"""

from hsat.errors import SimulationError
from hsat.simulate.edf import truth_document, write_edf
from hsat.simulate.night import (
    DEFAULT_START,
    NIGHT_CV,
    SimulatedNight,
    make_night,
    make_patient,
    record_night,
)
from hsat.simulate.options import POSITION_CODES, SENSORS, BreathingOptions, Recorder
from hsat.simulate.physiology import Physiology, simulate_breathing
from hsat.simulate.truth import MeasuredDrop, NearMiss, NightTruth, OffSpan, TrueEvent, TruthLimits

__all__ = [
    "DEFAULT_START",
    "NIGHT_CV",
    "POSITION_CODES",
    "SENSORS",
    "BreathingOptions",
    "MeasuredDrop",
    "NearMiss",
    "NightTruth",
    "OffSpan",
    "Physiology",
    "Recorder",
    "SimulatedNight",
    "SimulationError",
    "TrueEvent",
    "TruthLimits",
    "make_night",
    "make_patient",
    "record_night",
    "simulate_breathing",
    "truth_document",
    "write_edf",
]
