"""When breathing and oxygen can be judged, and why not elsewhere."""

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import Breathing
from hsat.detect.desaturations import Oximetry
from hsat.detect.pace import MINUTE_S
from hsat.hypnogram import SLEEP_STAGES, Hypnogram, SleepStage
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

__all__ = [
    "UPRIGHT_CODE",
    "find_monitored_time",
    "flag_flow",
    "flag_hypnogram",
    "flag_missing_baseline",
    "flag_oximetry",
    "flag_upright",
]

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
    rule = rules.sensor_off
    missing = lost = spans_from_mask(breathing.is_missing, rate_hz)
    if len(missing):  # pieces of flow too short to hold an event and its recovery
        pieces = invert_spans(missing, 0.0, duration_s)
        missing = unite_spans(missing, pieces[pieces[:, 1] - pieces[:, 0] < rule.min_piece_s])
    by_second = excursion[:: int(rate_hz)].copy()  # one behind the other: it is gone through often
    is_other = _by_sample(_is_no_breathing(breathing, rules), int(MINUTE_S * rate_hz), breathing.is_missing)
    present = by_second[~np.isnan(by_second)]
    loudest = _quantile(present, rule.loudest_quantile_fraction) if len(present) else np.float32(0.0)
    is_seen = (by_second > rule.min_share_of_loudest_fraction * loudest) & ~is_other[:: int(rate_hz)]
    if np.count_nonzero(is_seen) < rule.min_duration_s:
        return {QualityFlag.FLOW_OFF: as_spans([(0.0, duration_s)]), QualityFlag.FLOW_MISSING: missing}
    usual = _quantile(by_second[is_seen], rule.reference_quantile_fraction)
    is_quiet = (excursion <= rule.max_excursion_fraction * usual) | is_other
    quiet = spans_from_mask(is_quiet, rate_hz)
    # A pause is one between breaths: behind lost samples nobody knows what went before.
    comes_back = lost[lost[:, 1] - lost[:, 0] > rule.max_dropout_s, 1]
    lasts_s = quiet[:, 1] - quiet[:, 0]
    is_unknown = np.isin(quiet[:, 0], comes_back) & (lasts_s > breathing.pace.periods_at(quiet[:, 0]))
    off = quiet[(lasts_s >= rule.min_duration_s) | is_unknown]
    unusable = unite_spans(off, missing)
    flags: Flags = {}
    edges_s = breathing.pace.windows_at(np.array([0.0, duration_s]))
    if len(unusable) and unusable[0, 0] <= edges_s[0]:
        flags[QualityFlag.BEFORE_BREATHING] = as_spans([(0.0, unusable[0, 1])])
    if len(unusable) and unusable[-1, 1] >= duration_s - edges_s[1]:
        flags[QualityFlag.AFTER_BREATHING] = as_spans([(unusable[-1, 0], duration_s)])
    flags[QualityFlag.FLOW_OFF] = off
    flags[QualityFlag.FLOW_MISSING] = missing
    limits = np.repeat(breathing.level, int(breathing.level_step_s))[: len(by_second)]
    is_movement = (by_second > np.float32(rules.movement.min_excursion_ratio) * limits) & (by_second > 0)
    movement = clip_spans(spans_from_mask(is_movement, 1.0), 0.0, duration_s)
    flags[QualityFlag.MOVEMENT] = _at_least(movement, rules.movement.min_duration_s)
    return flags


def _by_sample(
    is_of_minute: NDArray[np.bool_], n_minute: int, is_missing: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Samples that are not missing, of such minutes; the last minute stands for the rest."""
    is_such = np.zeros(len(is_missing), dtype=bool)
    for minute in np.flatnonzero(is_of_minute).tolist():
        stop = len(is_such) if minute == len(is_of_minute) - 1 else (minute + 1) * n_minute
        is_such[minute * n_minute : stop] = True
    return is_such & ~is_missing


def _quantile(values: NDArray[np.float32], fraction: float) -> np.float32:
    """What `np.quantile` gives for values from 0 up of which none is NaN, in half of its time."""
    place = fraction * (len(values) - 1)
    first = int(place)
    after = min(first + 1, len(values) - 1)
    # The bits of such numbers, read as whole numbers, rise as they do, and need no test for NaN.
    ordered = np.partition(values.view(np.int32), (first, after)).view(np.float32)
    share, step = place - first, ordered[after] - ordered[first]
    # From the nearer one of both, as numpy does it: to the last bit.
    near = ordered[first] + step * share if share < 0.5 else ordered[after] - step * (1 - share)
    return np.float32(near)


def _is_no_breathing(breathing: Breathing, rules: ScoringRules) -> NDArray[np.bool_]:
    """Minutes whose swings are no breaths: noise, or drift without a pause; as `roughness`."""
    rule = rules.sensor_off
    n_minute = int(MINUTE_S * breathing.rate_hz)
    n_minutes = len(breathing.roughness)
    minutes = np.minimum(breathing.onsets // n_minute, n_minutes - 1)
    per_min = np.bincount(minutes, minlength=n_minutes)
    is_no_breathing = np.zeros(n_minutes, dtype=bool)
    is_rough = breathing.roughness > rule.max_roughness
    for minute in np.flatnonzero(is_rough | (per_min < rule.slowest_per_min)).tolist():
        piece = breathing.excursion[minute * n_minute : (minute + 1) * n_minute]
        piece = piece[~np.isnan(piece)]
        if len(piece) <= n_minute / 2:
            continue
        # Breaths between apneas stand out from what lies between them; noise and drift go on alike.
        mean = float(np.mean(piece, dtype=np.float64))
        is_no_breathing[minute] = float(np.max(piece)) < rule.max_peak_ratio * mean
    return is_no_breathing


def flag_missing_baseline(
    onsets_s: NDArray[np.float64], baselines: NDArray[np.float64], duration_s: float
) -> Spans:
    """Time in which no baseline is in force: nothing could be scored there.

    Parameters
    ----------
    onsets_s : ndarray, shape (m,), float64
        Breath onsets.
    baselines : ndarray, shape (m,), float64
        Baseline in force from each on; NaN where there is none.
    duration_s : float

    Returns
    -------
    ndarray, shape (n, 2)
    """
    starts = np.concatenate(([0.0], onsets_s))
    stops = np.concatenate((onsets_s, [duration_s]))
    is_without = np.concatenate(([len(baselines) == 0 or np.isnan(baselines[0])], np.isnan(baselines)))
    return as_spans(np.column_stack((starts, stops))[is_without])


def flag_oximetry(oximetry: Oximetry, pulse_bpm: NDArray[np.float32] | None, rules: ScoringRules) -> Flags:
    """Spans in which SpO2 cannot be judged: missing, or held too long to be alive.

    Parameters
    ----------
    oximetry : Oximetry
    pulse_bpm : ndarray, shape (n,), float32, or None
        Pulse rate at the rate of `oximetry`; NaN where missing.
    rules : ScoringRules
        ``[probe_off]`` is used.

    Returns
    -------
    dict of QualityFlag to ndarray, shape (n, 2)
    """
    rule, rate_hz = rules.probe_off, oximetry.rate_hz
    missing = _at_least(spans_from_mask(np.isnan(oximetry.percent), rate_hz), rule.min_duration_s)
    held = _at_least(spans_from_mask(_is_held(oximetry.percent), rate_hz), rule.max_held_s)
    if pulse_bpm is None:
        held = _at_least(held, rule.max_held_alone_s)
    else:
        is_dead = np.isnan(pulse_bpm) | _is_held(pulse_bpm)
        dead = _at_least(spans_from_mask(is_dead, rate_hz), rule.max_held_s)
        held = _at_least(intersect_spans(held, dead), rule.max_held_s)
    return {QualityFlag.SPO2_OFF: unite_spans(missing, held)}


def _is_held(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each sample equals the one before."""
    is_held = np.zeros(len(values), dtype=bool)
    is_held[1:] = values[1:] == values[:-1]
    return is_held


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


def flag_hypnogram(hypnogram: Hypnogram, duration_s: float) -> Flags:
    """Time that is no sleep: awake, or not scored by the hypnogram.

    Parameters
    ----------
    hypnogram : Hypnogram
    duration_s : float
        Length of the recording; what the hypnogram leaves out of it was not scored.

    Returns
    -------
    dict of QualityFlag to ndarray, shape (n, 2)
    """
    wake = hypnogram.spans_s(SleepStage.WAKE)
    scored = unite_spans(wake, hypnogram.spans_s(*SLEEP_STAGES))
    return {
        QualityFlag.AWAKE: clip_spans(wake, 0.0, duration_s),
        QualityFlag.UNSCORED: invert_spans(scored, 0.0, duration_s),
    }


def find_monitored_time(
    duration_s: float,
    gaps_s: Spans,
    *,
    flow_flags: Flags | None,
    oximetry_flags: Flags | None,
    other_flags: Flags,
    hypnogram: Hypnogram | None = None,
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
    hypnogram : Hypnogram, optional
        Only sleep is monitored then.

    Returns
    -------
    MonitoredTime
        Every excluded second is booked once, under the first cause in `QualityFlag`'s order.
    """
    general: Flags = {QualityFlag.GAP: as_spans(gaps_s), **other_flags}
    if hypnogram is not None:
        general.update(flag_hypnogram(hypnogram, duration_s))
    flags: Flags = {}
    for group in (general, flow_flags or {}, oximetry_flags or {}):
        flags.update(group)
    excluded: list[ExcludedTime] = []
    taken = np.empty((0, 2))
    for cause in sorted(flags, key=list(QualityFlag).index):
        spans = clip_spans(flags[cause], 0.0, duration_s)
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
        spans_s=spans_s,
        flow_spans_s=flow_spans,
        spo2_spans_s=spo2_spans,
        excluded=tuple(excluded),
        hypnogram=None if hypnogram is None else hypnogram.clip(0.0, duration_s),
    )
