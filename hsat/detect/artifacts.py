"""When breathing and oxygen can be judged, and why not elsewhere."""

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import Breathing
from hsat.detect.desaturations import Oximetry
from hsat.intervals import (
    Spans,
    as_spans,
    clip_spans,
    intersect_spans,
    invert_spans,
    spans_from_mask,
    subtract_spans,
    unite_spans,
)
from hsat.quality import QualityFlag
from hsat.results import ExcludedTime, MonitoredTime
from hsat.rules.model import ScoringRules

__all__ = ["UPRIGHT_CODE", "find_monitored_time", "flag_flow", "flag_oximetry", "flag_upright"]

UPRIGHT_CODE = 4
"""Canonical position code of an upright body, see `hsat.io.channels`."""

Flags = dict[QualityFlag, Spans]


def _at_least(spans: Spans, shortest_s: float) -> Spans:
    return spans[spans[:, 1] - spans[:, 0] >= shortest_s]


def flag_flow(breathing: Breathing, rules: ScoringRules) -> Flags:
    """Spans in which flow cannot be judged, by cause.

    Parameters
    ----------
    breathing : Breathing
    rules : ScoringRules
        ``[sensor_off]`` and ``[movement]`` are used.

    Returns
    -------
    dict of QualityFlag to ndarray, shape (n, 2)
        Causes may overlap. A detached sensor or missing flow at either edge of the recording is
        the time before the first or after the last valid breathing.
    """
    rate_hz, excursion = breathing.rate_hz, breathing.excursion
    duration_s = len(excursion) / rate_hz
    missing = spans_from_mask(breathing.is_missing, rate_hz)
    by_second = excursion[:: int(rate_hz)]
    present = by_second[~np.isnan(by_second)]
    if len(present) == 0 or float(np.max(present)) == 0.0:
        return {QualityFlag.FLOW_OFF: as_spans([(0.0, duration_s)]), QualityFlag.FLOW_MISSING: missing}
    off_rule = rules.sensor_off
    usual = float(np.quantile(present, off_rule.reference_quantile_fraction))
    # Where flow is missing the sensor cannot be seen to be off: the run goes on across it.
    is_quiet = ~(excursion > off_rule.max_excursion_fraction * usual)
    quiet = _at_least(spans_from_mask(is_quiet, rate_hz), off_rule.min_duration_s)
    off = subtract_spans(quiet, missing)
    unusable = unite_spans(off, missing)
    flags: Flags = {}
    if len(unusable) and unusable[0, 0] <= breathing.window_s:
        flags[QualityFlag.BEFORE_BREATHING] = as_spans([(0.0, unusable[0, 1])])
    if len(unusable) and unusable[-1, 1] >= duration_s - breathing.window_s:
        flags[QualityFlag.AFTER_BREATHING] = as_spans([(unusable[-1, 0], duration_s)])
    flags[QualityFlag.FLOW_OFF] = off
    flags[QualityFlag.FLOW_MISSING] = missing
    limits = np.repeat(breathing.level, int(breathing.level_step_s))[: len(by_second)]
    is_movement = (by_second > rules.movement.min_excursion_ratio * limits) & (by_second > 0)
    movement = clip_spans(spans_from_mask(is_movement, 1.0), 0.0, duration_s)
    flags[QualityFlag.MOVEMENT] = _at_least(movement, rules.movement.min_duration_s)
    return flags


def flag_oximetry(oximetry: Oximetry, rules: ScoringRules) -> Flags:
    """Spans in which SpO2 cannot be judged: missing, or held too long to be alive.

    Parameters
    ----------
    oximetry : Oximetry
    rules : ScoringRules
        ``[probe_off]`` is used.

    Returns
    -------
    dict of QualityFlag to ndarray, shape (n, 2)
    """
    missing = spans_from_mask(np.isnan(oximetry.percent), oximetry.rate_hz)
    is_held = np.zeros(len(oximetry.percent), dtype=bool)
    is_held[1:] = oximetry.percent[1:] == oximetry.percent[:-1]
    held = _at_least(spans_from_mask(is_held, oximetry.rate_hz), rules.probe_off.max_held_s)
    return {QualityFlag.SPO2_OFF: unite_spans(_at_least(missing, rules.probe_off.min_duration_s), held)}


def flag_upright(position: NDArray[np.float32], rate_hz: float) -> Flags:
    """Spans in which the position sensor says upright.

    Parameters
    ----------
    position : ndarray, shape (n,), float32
        Canonical position codes.
    rate_hz : float

    Returns
    -------
    dict of QualityFlag to ndarray, shape (n, 2)
    """
    return {QualityFlag.UPRIGHT: spans_from_mask(position == UPRIGHT_CODE, rate_hz)}


def find_monitored_time(
    duration_s: float,
    gaps_s: Spans,
    *,
    flow_flags: Flags | None,
    oximetry_flags: Flags | None,
    other_flags: Flags,
) -> MonitoredTime:
    """Put the causes together: the time in which events are counted, and the rest by cause.

    Parameters
    ----------
    duration_s : float
    gaps_s : ndarray, shape (n, 2)
    flow_flags, oximetry_flags : dict of QualityFlag to ndarray, or None
        None where there is no such channel: it then limits nothing.
    other_flags : dict of QualityFlag to ndarray
        Lights, position.

    Returns
    -------
    MonitoredTime
        Every excluded second is booked once, under the first cause in `QualityFlag`'s order.
    """
    general: Flags = {QualityFlag.GAP: as_spans(gaps_s), **other_flags}
    flags: Flags = {}
    for group in (general, flow_flags or {}, oximetry_flags or {}):
        flags.update(group)
    excluded: list[ExcludedTime] = []
    taken = np.empty((0, 2))
    for cause in QualityFlag:
        spans = clip_spans(flags.get(cause, np.empty((0, 2))), 0.0, duration_s)
        fresh = subtract_spans(spans, taken)
        if len(fresh):
            excluded.append(ExcludedTime(cause=cause, spans_s=fresh))
            taken = unite_spans(taken, fresh)
    usable = invert_spans(unite_spans(*general.values()), 0.0, duration_s)
    nothing = np.empty((0, 2))

    def judged(channel: Flags | None) -> Spans:
        if channel is None:
            return nothing
        return subtract_spans(usable, unite_spans(*channel.values())) if channel else usable

    flow_spans, spo2_spans = judged(flow_flags), judged(oximetry_flags)
    if flow_flags is None or oximetry_flags is None:
        spans_s = spo2_spans if flow_flags is None else flow_spans
    else:
        spans_s = intersect_spans(flow_spans, spo2_spans)
    return MonitoredTime(
        spans_s=spans_s, flow_spans_s=flow_spans, spo2_spans_s=spo2_spans, excluded=tuple(excluded)
    )
