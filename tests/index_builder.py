"""What indices are computed from, made by hand: 2 h of 96 %, with what a test changes."""

from dataclasses import replace
from typing import Any

import numpy as np

import hsat
from hsat.events import Desaturation, EventKind, RespiratoryEvent
from hsat.indices import NightMeasurements, compute_indices
from hsat.intervals import as_spans
from hsat.results import MonitoredTime, NightIndices

RULES = hsat.load_rules("aasm_1b")
RATE_HZ = 4.0
HOURS = 2.0
DURATION_S = HOURS * 3600.0


def event_at(
    start_s: float, length_s: float = 20.0, kind: EventKind = EventKind.HYPOPNEA, **changes: Any
) -> RespiratoryEvent:
    event = RespiratoryEvent(
        kind=kind,
        start_s=start_s,
        stop_s=start_s + length_s,
        flow_reduction_fraction=0.5,
        baseline_excursion=1.0,
        effort_fraction=None,
        desaturation=None,
        criterion="by hand",
    )
    return replace(event, **changes)


def fall_at(start_s: float, points: float) -> Desaturation:
    return Desaturation(
        start_s=start_s,
        nadir_s=start_s + 20,
        stop_s=start_s + 30,
        baseline_percent=96.0,
        nadir_percent=96.0 - points,
    )


def monitored_of(*spans: tuple[float, float], **changes: Any) -> MonitoredTime:
    rows = as_spans(spans or [(0.0, DURATION_S)])
    return replace(MonitoredTime(spans_s=rows, flow_spans_s=rows, spo2_spans_s=rows, excluded=()), **changes)


def quarter_seconds(values: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(np.float32), int(RATE_HZ))


def measured(**changes: Any) -> NightMeasurements:
    plain: dict[str, Any] = {
        "monitored": monitored_of(),
        "events": (),
        "desaturations": (),
        "has_flow": True,
        "why_no_effort": "",
        "periodic_runs": (),
        "has_snore": False,
        "sound_level_db": None,
        "oximetry_rate_hz": RATE_HZ,
        "spo2_percent": quarter_seconds(np.full(int(DURATION_S), 96.0)),
        "why_no_spo2": "no SpO2 channel",
        "pulse_bpm": None,
        "position": None,
        "breath_onsets_s": np.arange(0.0, DURATION_S, 4.0),
        "breath_ranges": np.full(1800, 1.0, np.float32),
        "breath_baselines": np.full(1800, 1.0),
    }
    return NightMeasurements(**{**plain, **changes})


def indices_of(**changes: Any) -> NightIndices:
    return compute_indices(measured(**changes), RULES)[0]
