"""Events and monitored time to the numbers of one night."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hsat.events import Desaturation, EventKind, RespiratoryEvent
from hsat.intervals import Spans, intersect_spans, overlaps_s, spans_from_mask, total_s
from hsat.results import SECONDS_PER_HOUR, MonitoredTime, NightIndices
from hsat.rules.model import ScoringRules

__all__ = ["SUPINE_CODE", "NightMeasurements", "compute_indices"]

SUPINE_CODE = 0
"""Canonical position code of lying on the back, see `hsat.io.channels`."""

NO_FLOW = "no airflow or effort channel"
NO_TIME = "too little monitored time"

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class NightMeasurements:
    """What the indices are computed from.

    Attributes
    ----------
    monitored : MonitoredTime
    events : sequence of RespiratoryEvent
        All of the night; only those with ``is_counted`` enter.
    desaturations : sequence of Desaturation
    has_flow, has_effort : bool
    oximetry_rate_hz : float
        Rate of the three arrays that follow.
    spo2_percent : ndarray, shape (n,), float32, or None
        Valid SpO2, NaN where missing; None where there is none.
    why_no_spo2 : str
        The reason to give where `spo2_percent` is None.
    pulse_bpm, position : ndarray, shape (n,), float32, or None
        Likewise; position as canonical codes.
    breath_onsets_s : ndarray, shape (m,), float64
    breath_ranges, breath_baselines : ndarray, shape (m,)
        Range of flow within every breath and the baseline in force.
    """

    monitored: MonitoredTime
    events: Sequence[RespiratoryEvent]
    desaturations: Sequence[Desaturation]
    has_flow: bool
    has_effort: bool
    oximetry_rate_hz: float
    spo2_percent: Floats | None
    why_no_spo2: str
    pulse_bpm: Floats | None
    position: Floats | None
    breath_onsets_s: NDArray[np.float64]
    breath_ranges: Floats
    breath_baselines: NDArray[np.float64]


@dataclass(slots=True)
class _Found:
    """Values found so far, and the reason for each that could not be."""

    values: dict[str, Any]
    reasons: dict[str, str]

    def refuse(self, names: Sequence[str], reason: str) -> None:
        for name in names:
            self.reasons[f"indices.{name}"] = reason


def compute_indices(night: NightMeasurements, rules: ScoringRules) -> tuple[NightIndices, dict[str, str]]:
    """Compute every index the recording allows.

    Parameters
    ----------
    night : NightMeasurements
    rules : ScoringRules

    Returns
    -------
    indices : NightIndices
    not_measured : dict of str to str
        ``"indices.<name>"`` to the reason, for every index that is None.
    """
    found = _Found(values={}, reasons={})
    counted = [event for event in night.events if event.is_counted]
    _add_breathing(found, night, counted, rules)
    _add_durations(found, night, counted)
    _add_oxygen(found, night, counted, rules)
    _add_ventilation(found, night, rules)
    _add_pulse(found, night, counted, rules)
    _add_position(found, night, counted, rules)
    indices = NightIndices(**found.values)
    for name, value in asdict(indices).items():
        if value is None:
            found.reasons.setdefault(f"indices.{name}", "not measurable in this recording")
    return indices, {name: found.reasons[name] for name in sorted(found.reasons)}


_APNEA_KINDS = {
    EventKind.OBSTRUCTIVE_APNEA: "obstructive_apnea_index_per_h",
    EventKind.CENTRAL_APNEA: "central_apnea_index_per_h",
    EventKind.MIXED_APNEA: "mixed_apnea_index_per_h",
    EventKind.UNCLASSIFIED_APNEA: "unclassified_apnea_index_per_h",
}
_HYPOPNEA_NAMES = ("ahi_per_h", "hypopnea_index_per_h", "n_hypopneas")
_BREATHING_NAMES = (*_HYPOPNEA_NAMES, "apnea_index_per_h", "n_apneas", *_APNEA_KINDS.values())


def _add_breathing(
    found: _Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    if not night.has_flow:
        found.refuse(_BREATHING_NAMES, NO_FLOW)
        return
    hours = night.monitored.monitoring_h
    if hours < rules.adequacy.rate_from_h:
        found.refuse(_BREATHING_NAMES, NO_TIME)
        return
    n_apneas = sum(event.kind.is_apnea for event in counted)
    n_hypopneas = len(counted) - n_apneas
    found.values["n_apneas"] = n_apneas
    found.values["apnea_index_per_h"] = n_apneas / hours
    for kind, name in _APNEA_KINDS.items():
        if night.has_effort or kind is EventKind.UNCLASSIFIED_APNEA:
            found.values[name] = sum(event.kind is kind for event in counted) / hours
        else:
            found.refuse([name], "no effort belt that shows breathing: apneas stay unclassified")
    if night.spo2_percent is None:
        found.refuse(_HYPOPNEA_NAMES, f"{night.why_no_spo2}: a hypopnea needs a desaturation")
        return
    found.values["n_hypopneas"] = n_hypopneas
    found.values["hypopnea_index_per_h"] = n_hypopneas / hours
    found.values["ahi_per_h"] = len(counted) / hours


def _add_durations(found: _Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent]) -> None:
    for word, is_apnea in (("apnea", True), ("hypopnea", False)):
        names = [f"{which}_{word}_duration_s" for which in ("mean", "median", "longest")]
        durations = [event.duration_s for event in counted if event.kind.is_apnea is is_apnea]
        if durations:
            statistics = (np.mean(durations), np.median(durations), np.max(durations))
            found.values.update({name: float(value) for name, value in zip(names, statistics, strict=True)})
        elif not night.has_flow:
            found.refuse(names, NO_FLOW)
        elif not is_apnea and night.spo2_percent is None:
            found.refuse(names, f"{night.why_no_spo2}: a hypopnea needs a desaturation")
        else:
            found.refuse(names, f"no {word} was counted")


_OXYGEN_NAMES = (
    "odi3_per_h",
    "odi4_per_h",
    "mean_spo2_percent",
    "median_spo2_percent",
    "min_spo2_percent",
    "baseline_spo2_percent",
    "t90_percent",
    "t90_min",
    "t88_percent",
    "t88_min",
    "t85_percent",
    "t85_min",
    "hypoxic_burden_percent_min_per_h",
)


def _mask(spans: Spans, n_samples: int, rate_hz: float) -> NDArray[np.bool_]:
    mask = np.zeros(n_samples, dtype=bool)
    for start, stop in np.rint(spans * rate_hz).astype(np.int64).tolist():
        mask[start:stop] = True
    return mask


def _add_oxygen(
    found: _Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    if night.spo2_percent is None:
        found.refuse(_OXYGEN_NAMES, night.why_no_spo2)
        return
    spans = night.monitored.spo2_spans_s
    valid = night.spo2_percent[_mask(spans, len(night.spo2_percent), night.oximetry_rate_hz)]
    valid = valid[~np.isnan(valid)]
    if len(valid) == 0:
        found.refuse(_OXYGEN_NAMES, "no valid SpO2")
        return
    hours = night.monitored.spo2_h
    rows = np.array([(fall.start_s, fall.nadir_s) for fall in night.desaturations]).reshape(-1, 2)
    drops = np.array([fall.drop_points for fall in night.desaturations])[overlaps_s(rows, spans) > 0]
    limits = rules.desaturation
    if hours < rules.adequacy.rate_from_h:
        found.refuse(["odi3_per_h", "odi4_per_h"], "too little valid SpO2 for a rate")
    else:
        found.values["odi3_per_h"] = int(np.count_nonzero(drops >= limits.small_points)) / hours
        found.values["odi4_per_h"] = int(np.count_nonzero(drops >= limits.large_points)) / hours
    found.values["mean_spo2_percent"] = float(np.mean(valid, dtype=np.float64))
    found.values["min_spo2_percent"] = float(np.min(valid))
    times = rules.oxygen_time
    median, baseline = np.quantile(valid, [0.5, times.baseline_quantile_fraction]).tolist()
    found.values["median_spo2_percent"] = median
    found.values["baseline_spo2_percent"] = baseline
    shares = {
        "t90": np.mean(valid < times.t90_below_percent),
        "t88": np.mean(valid <= times.t88_at_or_below_percent),
        "t85": np.mean(valid < times.t85_below_percent),
    }
    valid_min = len(valid) / night.oximetry_rate_hz / 60.0
    for name, share in shares.items():
        found.values[f"{name}_percent"] = float(share) * 100.0
        found.values[f"{name}_min"] = float(share) * valid_min
    if not night.has_flow:
        found.refuse(["hypoxic_burden_percent_min_per_h"], f"{NO_FLOW}: the burden is that of events")
    elif night.monitored.monitoring_h < rules.adequacy.rate_from_h:
        found.refuse(["hypoxic_burden_percent_min_per_h"], NO_TIME)
    else:
        area = _hypoxic_area_percent_min(
            night.spo2_percent, night.oximetry_rate_hz, [event.stop_s for event in counted], rules
        )
        found.values["hypoxic_burden_percent_min_per_h"] = area / night.monitored.monitoring_h


def _hypoxic_area_percent_min(
    spo2_percent: Floats, rate_hz: float, stops_s: Sequence[float], rules: ScoringRules
) -> float:
    """Area between baseline and SpO2 over the night's own window, summed over events.

    Azarbarzin 2019: baseline is the maximum of the window before the event's end; the window
    comes from the mean curve aligned at event ends. Overlapping windows each count.
    """
    if not stops_s:
        return 0.0
    rule = rules.hypoxic_burden
    seconds = spo2_percent[:: int(rate_hz)]
    reach = int(max(rule.baseline_window_s, rule.search_before_s, rule.search_after_s))
    padded = np.concatenate((np.full(reach, np.nan), seconds, np.full(reach, np.nan))).astype(np.float64)
    ends = np.rint(np.asarray(stops_s)).astype(np.int64) + reach
    offsets = np.arange(-int(rule.search_before_s), int(rule.search_after_s) + 1)
    curves = padded[np.minimum(ends[:, None] + offsets, len(padded) - 1)]
    is_valid = ~np.isnan(curves)
    n_valid = is_valid.sum(axis=0)
    if n_valid.max() == 0:
        return 0.0
    mean = np.where(n_valid > 0, np.where(is_valid, curves, 0.0).sum(axis=0) / np.maximum(n_valid, 1), np.inf)
    end = int(rule.search_before_s)
    half = int(rule.smoothing_s / 2)
    around = np.pad(mean, half, mode="edge")
    smooth = np.mean(np.lib.stride_tricks.sliding_window_view(around, 2 * half + 1), axis=1)
    earliest = end - int(rule.nadir_from_s)
    nadir = earliest + int(np.argmin(smooth[earliest : end + int(rule.nadir_within_s) + 1]))
    first = nadir - _peak_beside(smooth[nadir::-1], rule.peak_prominence_fraction)
    last = nadir + _peak_beside(smooth[nadir:], rule.peak_prominence_fraction)
    before = padded[ends[:, None] + np.arange(-int(rule.baseline_window_s), 1)]
    baselines = np.max(np.where(np.isnan(before), -np.inf, before), axis=1)
    depth = np.nan_to_num(baselines[:, None] - curves[:, first : last + 1], nan=0.0, neginf=0.0)
    return float(np.sum(np.maximum(depth, 0.0))) / 60.0


def _peak_beside(curve: NDArray[np.float64], prominence_fraction: float) -> int:
    """Steps from a dip at the start of the curve to the first peak beside it.

    The curve must fall again from the peak by `prominence_fraction` of the rise from the dip to
    it; where it never does, the highest point is the peak.
    """
    highest = 0
    for i in range(1, len(curve)):
        if not np.isfinite(curve[i]):
            break
        if curve[i] > curve[highest]:
            highest = i
        elif curve[highest] - curve[i] > prominence_fraction * (curve[highest] - curve[0]):
            break
    return highest


def _add_ventilation(found: _Found, night: NightMeasurements, rules: ScoringRules) -> None:
    name = "ventilatory_burden_percent"
    if not night.has_flow:
        found.refuse([name], NO_FLOW)
        return
    is_inside = np.zeros(len(night.breath_onsets_s), dtype=bool)
    for start, stop in night.monitored.flow_spans_s:
        is_inside |= (night.breath_onsets_s >= start) & (night.breath_onsets_s < stop)
    ratio = night.breath_ranges[is_inside] / night.breath_baselines[is_inside]
    ratio = ratio[~np.isnan(ratio)]
    if len(ratio) == 0:
        found.refuse([name], "no breath with a baseline")
        return
    share = np.mean(ratio < rules.ventilatory_burden.small_breath_fraction)
    found.values[name] = float(share) * 100.0


_PULSE_NAMES = ("mean_pulse_bpm", "min_pulse_bpm", "max_pulse_bpm", "pulse_response_bpm")


def _add_pulse(
    found: _Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    if night.pulse_bpm is None:
        found.refuse(_PULSE_NAMES, "no pulse channel")
        return
    validity = rules.pulse_validity
    inside = _mask(night.monitored.spans_s, len(night.pulse_bpm), night.oximetry_rate_hz)
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


_POSITION_NAMES = ("supine_ahi_per_h", "non_supine_ahi_per_h", "supine_h", "non_supine_h")


def _add_position(
    found: _Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    if night.position is None:
        found.refuse(_POSITION_NAMES, "no position channel with a known coding")
        return
    spans = {
        "supine": spans_from_mask(night.position == SUPINE_CODE, night.oximetry_rate_hz),
        "non_supine": spans_from_mask(
            ~np.isnan(night.position) & (night.position != SUPINE_CODE), night.oximetry_rate_hz
        ),
    }
    rows = np.array([(event.start_s, event.stop_s) for event in counted]).reshape(-1, 2)
    is_supine = overlaps_s(rows, spans["supine"]) > overlaps_s(rows, spans["non_supine"])
    is_known = overlaps_s(rows, spans["supine"]) + overlaps_s(rows, spans["non_supine"]) > 0
    counts = {"supine": is_known & is_supine, "non_supine": is_known & ~is_supine}
    for word, is_mine in counts.items():
        hours = total_s(intersect_spans(spans[word], night.monitored.spans_s)) / SECONDS_PER_HOUR
        found.values[f"{word}_h"] = hours
        name = f"{word}_ahi_per_h"
        if "indices.ahi_per_h" in found.reasons:
            found.refuse([name], found.reasons["indices.ahi_per_h"])
        elif hours < rules.adequacy.rate_from_h:
            amount = "no" if hours == 0 else "too little"
            found.refuse([name], f"{amount} {word.replace('_', '-')} time")
        else:
            found.values[name] = int(np.count_nonzero(is_mine)) / hours
