"""Pulse rate over the night, and how it answers events."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hsat.events import RespiratoryEvent
from hsat.indices.measurements import NO_FLOW, Floats, Found, NightMeasurements, mask_of
from hsat.rules.model import ScoringRules

__all__ = ["add_pulse"]

_PULSE_NAMES = ("mean_pulse_bpm", "min_pulse_bpm", "max_pulse_bpm", "pulse_response_bpm")


def add_pulse(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Mean, lowest and highest pulse in monitored time, and the response to events."""
    if night.pulse_bpm is None:
        found.refuse(_PULSE_NAMES, "no pulse channel")
        return
    validity = rules.pulse_validity
    inside = mask_of(night.monitored.spans_s, len(night.pulse_bpm), night.oximetry_rate_hz)
    is_valid = (night.pulse_bpm >= validity.lowest_bpm) & (night.pulse_bpm <= validity.highest_bpm)
    pulse = np.where(is_valid, night.pulse_bpm, np.float32(np.nan))
    valid = pulse[is_valid & inside]
    if len(valid) == 0:
        found.refuse(_PULSE_NAMES, "no valid pulse rate in monitored time")
        return
    found.values["mean_pulse_bpm"] = float(np.mean(valid, dtype=np.float64))
    found.values["min_pulse_bpm"] = float(np.min(valid))
    found.values["max_pulse_bpm"] = float(np.max(valid))
    if not night.has_flow:
        found.refuse(["pulse_response_bpm"], NO_FLOW)
        return
    if not counted:
        found.refuse(["pulse_response_bpm"], "no event was counted")
        return
    starts = np.array([event.start_s for event in counted])
    stops = np.array([event.stop_s for event in counted])
    lowest = _extreme(np.fmin, pulse, starts, stops, night.oximetry_rate_hz)
    after = stops + rules.pulse_response.search_after_s
    highest = _extreme(np.fmax, pulse, stops, after, night.oximetry_rate_hz)
    responses = highest - lowest
    responses = responses[~np.isnan(responses)]
    if len(responses) == 0:
        found.refuse(["pulse_response_bpm"], "no valid pulse rate at any event")
    else:
        found.values["pulse_response_bpm"] = float(np.mean(responses, dtype=np.float64))


def _extreme(
    function: np.ufunc,
    values: Floats,
    starts_s: NDArray[np.float64],
    stops_s: NDArray[np.float64],
    rate_hz: float,
) -> Floats:
    """Smallest or largest valid value of each span; NaN where it holds none."""
    last = len(values) - 1
    first = np.clip((starts_s * rate_hz).astype(np.int64), 0, last)
    stop = np.clip((stops_s * rate_hz).astype(np.int64), first + 1, len(values))
    places = np.column_stack((first, stop)).reshape(-1)
    padded = np.append(values, np.float32(np.nan))  # a span may stop at the very end
    extremes: Floats = function.reduceat(padded, places)[::2]
    return extremes
