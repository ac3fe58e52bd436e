"""SpO2: what is valid, the night's delay behind flow, and its falls."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hsat.events import Desaturation, from_columns
from hsat.kernels.oxygen import find_falls, match_falls, remove_plateaus, remove_spikes
from hsat.kernels.rolling import held_level
from hsat.rules.model import ScoringRules

__all__ = ["Oximetry", "estimate_delay_s", "find_desaturations", "match_desaturations", "measure_oximetry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Oximetry:
    """Valid SpO2 and the levels it holds.

    Attributes
    ----------
    rate_hz : float
    percent : ndarray, shape (n,), float32
        SpO2, NaN where missing or impossible.
    held_percent : ndarray, shape (n,), float32
        Level held from each sample on for ``rules.desaturation.baseline_hold_s``; NaN where none.
    spikes_s : float
        Seconds removed as spikes and plateaus.
    """

    rate_hz: float
    percent: NDArray[np.float32]
    held_percent: NDArray[np.float32]
    spikes_s: float


def measure_oximetry(values: NDArray[np.float32], recorded_rate_hz: float, rules: ScoringRules) -> Oximetry:
    """Set impossible SpO2 to missing.

    Parameters
    ----------
    values : ndarray, shape (n,), float32
        Percent at ``rules.sampling.oximetry_rate_hz``; NaN where missing.
    recorded_rate_hz : float
        Rate the device stored; decides how fast a change between two samples is.
    rules : ScoringRules
        ``[oxygen_validity]`` and ``[desaturation]`` are used.

    Returns
    -------
    Oximetry
    """
    rate_hz = rules.sampling.oximetry_rate_hz
    validity = rules.oxygen_validity
    percent = values.copy()
    percent[~((percent >= validity.lowest_percent) & (percent <= validity.highest_percent))] = np.nan
    resolution = np.float32(validity.resolution_points)
    percent /= resolution
    np.rint(percent, out=percent)
    percent *= resolution
    n_valid = int(np.count_nonzero(~np.isnan(percent)))
    interval_s = max(1.0 / recorded_rate_hz, 1.0)
    remove_spikes(
        percent,
        int(validity.max_spike_s * rate_hz),
        int(interval_s * rate_hz),
        validity.max_change_points_per_s * interval_s,
    )
    remove_plateaus(
        percent,
        int(validity.plateau_from_s * rate_hz),
        int(validity.max_plateau_s * rate_hz),
        int(interval_s * rate_hz),
        validity.max_change_points_per_s * interval_s,
    )
    held = np.empty_like(percent)
    held_level(percent, int(rules.desaturation.baseline_hold_s * rate_hz), held)
    removed_s = (n_valid - int(np.count_nonzero(~np.isnan(percent)))) / rate_hz
    return Oximetry(rate_hz=rate_hz, percent=percent, held_percent=held, spikes_s=removed_s)


def estimate_delay_s(reduction: NDArray[np.float32], oximetry: Oximetry, rules: ScoringRules) -> float | None:
    """Lag at which SpO2 falls when breathing is reduced, from the whole night.

    Parameters
    ----------
    reduction : ndarray, shape (n_seconds,), float32
        Reduction of breathing in every second, 0 (none or unknown) to 1.
    oximetry : Oximetry
    rules : ScoringRules
        ``[oxygen_delay]`` is used.

    Returns
    -------
    float or None
        Seconds; None where no lag shows a relation strong enough.
    """
    delay = rules.oxygen_delay
    per_second = int(oximetry.rate_hz)
    n = min(len(reduction), len(oximetry.percent) // per_second)
    span = int(delay.slope_span_s)
    longest = int(delay.longest_s)
    if n <= longest + span:
        return None
    spo2 = oximetry.percent[: n * per_second : per_second]
    fall = np.zeros(n, np.float32)
    half = span // 2
    fall[half : n - (span - half)] = spo2[: n - span] - spo2[span:]
    fall[np.isnan(fall)] = 0.0
    np.clip(fall, -delay.max_slope_points, delay.max_slope_points, out=fall)
    centred = reduction[:n] - np.mean(reduction[:n])
    spread = float(np.linalg.norm(centred) * np.linalg.norm(fall - fall.mean()))
    if spread == 0.0:
        return None
    lags = np.arange(int(delay.shortest_s), longest + 1)
    products = np.array([float(np.dot(centred[: n - lag], fall[lag:])) for lag in lags])
    best = int(np.argmax(products))
    if products[best] / spread < delay.min_correlation_fraction:
        return None
    return float(lags[best])


def _as_desaturations(
    falls: NDArray[np.signedinteger[Any]], levels: NDArray[np.float32], rate_hz: float
) -> list[Desaturation]:
    starts_s, nadirs_s, stops_s = (falls.T / rate_hz).tolist()
    baselines, lowest = levels.T.tolist()
    return from_columns(
        Desaturation,
        start_s=starts_s,
        nadir_s=nadirs_s,
        stop_s=stops_s,
        baseline_percent=baselines,
        nadir_percent=lowest,
    )


def find_desaturations(oximetry: Oximetry, rules: ScoringRules) -> list[Desaturation]:
    """Every fall of at least the smaller ODI limit, whatever breathing did.

    Returns
    -------
    list of Desaturation
        In order of time.

    Notes
    -----
    No algorithm is standard; this one is stated in ``[desaturation]`` of the rule set. Karhu 2022
    shows how far others move the ODI.
    """
    rule = rules.desaturation
    n = len(oximetry.percent)
    falls = np.empty((n // 2 + 1, 3), np.int32)
    levels = np.empty((n // 2 + 1, 2), np.float32)
    count = find_falls(
        oximetry.percent,
        oximetry.held_percent,
        rule.small_points,
        rule.resaturation_points,
        rule.level_tolerance_points,
        int(rule.baseline_window_s * oximetry.rate_hz),
        int(rule.max_fall_s * oximetry.rate_hz),
        int(rules.probe_off.min_duration_s * oximetry.rate_hz),
        falls,
        levels,
    )
    return _as_desaturations(falls[:count], levels[:count], oximetry.rate_hz)


def match_desaturations(
    starts_s: NDArray[np.float64],
    stops_s: NDArray[np.float64],
    is_apnea: NDArray[np.bool_],
    oximetry: Oximetry,
    *,
    delay_s: float,
    rules: ScoringRules,
) -> list[Desaturation | None]:
    """The fall of SpO2 that belongs to each event.

    An event's fall ends where the next one's begins. A hypopnea that turns out to have no fall of
    its own ends nobody's: it is left out of a second round.

    Parameters
    ----------
    starts_s, stops_s : ndarray, shape (k,), float64
        Candidates in order of time.
    is_apnea : ndarray, shape (k,), bool
        Which of them are events whatever SpO2 does.
    oximetry : Oximetry
    delay_s : float
        Delay of SpO2 behind flow.
    rules : ScoringRules
        ``[desaturation]`` is used.

    Returns
    -------
    list of (Desaturation or None), length k
        None where SpO2 is missing. A fall may be of 0 points.
    """
    falls, levels = _match(starts_s, stops_s, oximetry, delay_s, rules)
    has_own = ~(levels[:, 0] - levels[:, 1] < rules.desaturation.small_points)  # also where unknown
    own = np.flatnonzero(has_own | is_apnea)
    falls[own], levels[own] = _match(starts_s[own], stops_s[own], oximetry, delay_s, rules)
    found = _as_desaturations(falls, levels, oximetry.rate_hz)
    return [fall if place >= 0 else None for fall, place in zip(found, falls[:, 0].tolist(), strict=True)]


def _match(
    starts_s: NDArray[np.float64],
    stops_s: NDArray[np.float64],
    oximetry: Oximetry,
    delay_s: float,
    rules: ScoringRules,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """One round: samples and levels of each event's fall, see `hsat.kernels.oxygen.match_falls`."""
    rule = rules.desaturation
    rate_hz = oximetry.rate_hz
    ends_s = stops_s + delay_s + rule.nadir_window_s
    if len(starts_s) > 1:
        next_s = starts_s[1:] + delay_s + rule.next_event_margin_s
        ends_s[:-1] = np.minimum(ends_s[:-1], next_s)
    windows = (np.column_stack((starts_s + delay_s, ends_s)) * rate_hz).astype(np.int64)
    latest = ((stops_s + delay_s + rule.late_fall_margin_s) * rate_hz).astype(np.int64)
    falls = np.empty((len(windows), 3), np.int64)
    levels = np.empty((len(windows), 2), np.float32)
    match_falls(
        oximetry.percent,
        oximetry.held_percent,
        windows,
        latest,
        int(rule.baseline_window_s * rate_hz),
        rule.recovered_fraction,
        rule.min_valid_share_fraction,
        falls,
        levels,
    )
    return falls, levels
