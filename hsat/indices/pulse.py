"""Pulse rate over the night, and how it answers events."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hsat.events import RespiratoryEvent
from hsat.indices.aligned import align_at_ends, mean_curve, steps_to_peak
from hsat.indices.measurements import NO_FLOW, Floats, Found, NightMeasurements, valid_in
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
    is_valid = (night.pulse_bpm >= validity.lowest_bpm) & (night.pulse_bpm <= validity.highest_bpm)
    padded = np.full(len(is_valid) + 1, np.nan, np.float32)  # one more: an event may stop at the very end
    pulse = padded[:-1]
    np.copyto(pulse, night.pulse_bpm, where=is_valid)
    valid = valid_in(night.monitored.spans_s, pulse, night.oximetry_rate_hz)
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
    responses = _responses_bpm(padded, night.oximetry_rate_hz, counted, rules)
    if len(responses) == 0:
        found.refuse(["pulse_response_bpm"], "no valid pulse rate at any event")
    else:
        found.values["pulse_response_bpm"] = float(np.mean(responses, dtype=np.float64))


def _responses_bpm(
    padded: Floats, rate_hz: float, events: Sequence[RespiratoryEvent], rules: ScoringRules
) -> Floats:
    """Highest pulse in the night's own window minus the lowest within the event, where both are known.

    Of `padded` the last value is none.
    Azarbarzin 2021; the window as their program finds it (see ``docs/indices.md``).
    """
    starts = np.array([event.start_s for event in events])
    stops = np.array([event.stop_s for event in events])
    first_s, last_s = _window_s(padded[:-1], rate_hz, starts, stops, rules)
    lowest = _extreme(np.fmin, padded, starts, stops, rate_hz)
    highest = _extreme(np.fmax, padded, stops + first_s, stops + last_s, rate_hz)
    responses = highest - lowest
    known: Floats = responses[~np.isnan(responses)]
    return known


def _window_s(
    pulse: Floats,
    rate_hz: float,
    starts_s: NDArray[np.float64],
    stops_s: NDArray[np.float64],
    rules: ScoringRules,
) -> tuple[float, float]:
    """Where responses are looked for, in seconds from an event's end: between the troughs beside the peak."""
    rule = rules.pulse_response
    usual = (-float(np.mean(stops_s - starts_s)) / 2.0, rule.peak_within_s)
    curves = align_at_ends(pulse, rate_hz, stops_s, rule.search_before_s, rule.search_after_s)
    if np.count_nonzero(~np.isnan(curves).all(axis=1)) < rule.min_events:
        return usual
    mean = mean_curve(curves, rule.smoothing_s)
    curve = np.where(np.isnan(mean), np.inf, -mean)  # upside down: the peak becomes a dip
    end = int(rule.search_before_s)
    earliest, latest = end - int(rule.peak_from_s), end + int(rule.peak_within_s)
    peak = earliest + int(np.argmin(curve[earliest : latest + 1]))
    turn, share = rule.trough_prominence_fraction, rule.trough_share_fraction
    before = steps_to_peak(curve[peak::-1].tolist(), turn, share)
    after = steps_to_peak(curve[peak:].tolist(), turn, share)
    is_peak = before > 0 and after > 0 and curve[peak] == np.min(curve[max(peak - 1, 0) : peak + 2])
    if not is_peak:
        return usual
    return float(peak - before - end), float(peak + after - end)


def _extreme(
    function: np.ufunc,
    padded: Floats,
    starts_s: NDArray[np.float64],
    stops_s: NDArray[np.float64],
    rate_hz: float,
) -> Floats:
    """Smallest or largest valid value of each span; NaN where it holds none. The last value is none."""
    n = len(padded) - 1
    first = np.clip((starts_s * rate_hz).astype(np.int64), 0, n - 1)
    stop = np.clip((stops_s * rate_hz).astype(np.int64), first + 1, n)
    places = np.column_stack((first, stop)).reshape(-1)
    extremes: Floats = function.reduceat(padded, places)[::2]
    return extremes
