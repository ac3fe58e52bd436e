"""The shape of a rule set: one dataclass a table, no default numbers anywhere.

Every number a score depends on is a field here and a line with a source in a ``.toml`` file.
Fields carry their unit in their name; what each table means stands in the file and, rendered,
in ``docs/rules.md``.
"""

from dataclasses import dataclass
from itertools import pairwise

__all__ = [
    "AdequacyRule",
    "AirflowRule",
    "ApneaRule",
    "BaselineRule",
    "BreathRule",
    "DesaturationRule",
    "EffortRule",
    "EventSpanRule",
    "HypopneaRule",
    "HypoxicBurdenRule",
    "MovementRule",
    "OxygenDelayRule",
    "OxygenTimeRule",
    "OxygenValidityRule",
    "ProbeOffRule",
    "PulseResponseRule",
    "PulseValidityRule",
    "SamplingRule",
    "ScoringRules",
    "SensorOffRule",
    "SeverityRule",
    "VentilationRule",
    "VentilatoryBurdenRule",
]


MIN_WINDOW_S = 60.0
"""Shortest window that a usual level is taken over; below it a level is one breath."""
LONGEST_SEARCH_S = 3600.0
"""Longest window around an event that hypoxic burden is searched in."""
MIN_SAMPLES = 2.0
"""A window of fewer samples has no excursion."""


def _check_above_zero(rule: object, *keys: str) -> None:
    _check_at_least(rule, 0.0, *keys, or_equal=False)


def _check_at_least(rule: object, lowest: float, *keys: str, or_equal: bool = True) -> None:
    for key in keys:
        value = getattr(rule, key)
        if value < lowest or (value == lowest and not or_equal):
            words = "at least" if or_equal else "above"
            raise ValueError(f"{key}: expected a number {words} {lowest:g}, got {value:g}")


def _check_order(rule: object, *keys: str, or_equal: bool = False) -> None:
    """Refuse values that do not rise from key to key."""
    for lower, upper in pairwise(keys):
        low, high = getattr(rule, lower), getattr(rule, upper)
        if high < low or (high == low and not or_equal):
            words = "at least" if or_equal else "above"
            raise ValueError(f"{upper}: expected a number {words} {lower} ({low:g}), got {high:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApneaRule:
    """``[apnea]``: how deep and how long breathing must fall."""

    min_reduction_fraction: float
    min_pressure_reduction_fraction: float
    min_duration_s: float
    smoothing_s: float
    window_periods: float
    nadir_within_periods: float
    nadir_rise_fraction: float
    longest_without_fall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VentilationRule:
    """``[ventilation]``: apneas told by the power of flow, as devices do; 0 s: not used."""

    window_s: float
    recent_s: float

    def __post_init__(self) -> None:
        _check_above_zero(self, "recent_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class HypopneaRule:
    """``[hypopnea]``: how deep, how long, and with what fall of SpO2."""

    min_reduction_fraction: float
    min_duration_s: float
    min_desaturation_points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRule:
    """``[baseline]``: the pre-event breathing that a reduction is measured against."""

    window_s: float
    oldest_s: float
    n_largest_breaths: int
    max_stable_variation_fraction: float
    sigh_ratio: float
    outlier_ratio: float
    outlier_window_s: float
    outlier_quantile_fraction: float
    n_outlier_breaths: int
    min_breath_fraction: float

    def __post_init__(self) -> None:
        _check_above_zero(self, "window_s")
        _check_order(self, "window_s", "oldest_s", or_equal=True)
        _check_at_least(self, MIN_WINDOW_S, "outlier_window_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpanRule:
    """``[event_span]``: where a candidate starts and stops."""

    recovery_fraction: float
    min_recovery_s: float
    max_duration_s: float
    start_shift_periods: float
    stop_shift_periods: float
    level_floor_fraction: float
    min_listed_s: float
    min_counted_share_fraction: float

    def __post_init__(self) -> None:
        _check_above_zero(self, "min_recovery_s", "max_duration_s")
        _check_order(self, "min_recovery_s", "max_duration_s", or_equal=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRule:
    """``[sampling]``: rates and filters of the copies that are analysed."""

    flow_rate_hz: float
    effort_rate_hz: float
    oximetry_rate_hz: float
    smoothing_s: float
    drift_window_s: float

    def __post_init__(self) -> None:
        for key in ("flow_rate_hz", "effort_rate_hz", "oximetry_rate_hz"):
            rate_hz = getattr(self, key)
            if rate_hz < 1.0 or not float(rate_hz).is_integer():
                raise ValueError(f"{key}: expected a whole number of Hz from 1 on, got {rate_hz:g}")
            if key != "oximetry_rate_hz" and self.drift_window_s * rate_hz < 1.0:
                raise ValueError(
                    f"drift_window_s: expected one sample or more at {rate_hz:g} Hz, "
                    f"got {self.drift_window_s:g}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class BreathRule:
    """``[breath]``: how breaths and their excursion are measured."""

    search_window_s: float
    hysteresis_fraction: float
    noise_floor_fraction: float
    noise_floor_quantile_fraction: float
    noise_floor_window_s: float
    excursion_window_periods: float
    shortest_period_s: float
    longest_period_s: float
    assumed_period_s: float
    fastest_per_min: float
    min_breaths: int

    def __post_init__(self) -> None:
        _check_at_least(self, MIN_WINDOW_S, "noise_floor_window_s")
        _check_above_zero(
            self, "search_window_s", "excursion_window_periods", "shortest_period_s", "fastest_per_min"
        )
        _check_order(self, "shortest_period_s", "assumed_period_s", "longest_period_s", or_equal=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorOffRule:
    """``[sensor_off]``: when the airflow sensor counts as detached."""

    max_excursion_fraction: float
    reference_quantile_fraction: float
    loudest_quantile_fraction: float
    min_share_of_loudest_fraction: float
    max_roughness: float
    max_peak_ratio: float
    slowest_per_min: float
    min_duration_s: float
    min_piece_s: float
    min_share_fraction: float

    def __post_init__(self) -> None:
        _check_above_zero(self, "max_roughness", "min_duration_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowRule:
    """``[airflow]``: how several airflow sensors share the night."""

    shortest_service_s: float
    min_overlap_fraction: float

    def __post_init__(self) -> None:
        _check_above_zero(self, "shortest_service_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementRule:
    """``[movement]``: when an excursion is too large to be breathing."""

    min_excursion_ratio: float
    min_duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OxygenValidityRule:
    """``[oxygen_validity]``: which SpO2 values are possible."""

    lowest_percent: float
    highest_percent: float
    max_change_points_per_s: float
    max_spike_s: float
    resolution_points: float

    def __post_init__(self) -> None:
        _check_order(self, "lowest_percent", "highest_percent")
        _check_above_zero(self, "resolution_points")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOffRule:
    """``[probe_off]``: when missing SpO2 counts as a probe that is off."""

    min_duration_s: float
    max_held_s: float
    max_held_alone_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseValidityRule:
    """``[pulse_validity]``: which pulse rates are possible."""

    lowest_bpm: float
    highest_bpm: float

    def __post_init__(self) -> None:
        _check_order(self, "lowest_bpm", "highest_bpm")


@dataclass(frozen=True, slots=True, kw_only=True)
class OxygenDelayRule:
    """``[oxygen_delay]``: how the delay of SpO2 behind flow is found."""

    shortest_s: float
    longest_s: float
    slope_span_s: float
    max_slope_points: float
    assumed_s: float
    min_correlation_fraction: float
    min_reductions: int

    def __post_init__(self) -> None:
        _check_order(self, "shortest_s", "longest_s", or_equal=True)
        _check_at_least(self, 1.0, "slope_span_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class DesaturationRule:
    """``[desaturation]``: falls of SpO2, of events and for the ODI."""

    baseline_window_s: float
    baseline_hold_s: float
    nadir_window_s: float
    next_event_margin_s: float
    small_points: float
    large_points: float
    resaturation_points: float
    max_fall_s: float
    recovered_fraction: float
    min_valid_share_fraction: float

    def __post_init__(self) -> None:
        _check_above_zero(self, "baseline_hold_s", "max_fall_s", "small_points", "resaturation_points")
        _check_order(self, "small_points", "large_points", or_equal=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortRule:
    """``[effort]``: when a belt shows effort, and how that types an apnea."""

    level_window_s: float
    level_quantile_fraction: float
    min_effort_fraction: float
    edge_margin_s: float
    max_central_effort_share_fraction: float
    min_mixed_absence_s: float
    mixed_absence_by_s: float
    max_roughness: float

    def __post_init__(self) -> None:
        _check_at_least(self, MIN_WINDOW_S, "level_window_s")
        _check_above_zero(self, "max_roughness")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRule:
    """``[severity]``: adult classes by unrounded AHI."""

    mild_from_per_h: float
    moderate_from_per_h: float
    severe_from_per_h: float
    min_age_years: float

    def __post_init__(self) -> None:
        _check_order(self, "mild_from_per_h", "moderate_from_per_h", "severe_from_per_h")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdequacyRule:
    """``[adequacy]``: how much judged time a night needs."""

    adequate_from_h: float
    partial_from_h: float
    rate_from_h: float

    def __post_init__(self) -> None:
        _check_order(self, "partial_from_h", "adequate_from_h", or_equal=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class OxygenTimeRule:
    """``[oxygen_time]``: thresholds of T90, T88 and T85."""

    t90_below_percent: float
    t88_at_or_below_percent: float
    t85_below_percent: float
    baseline_quantile_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HypoxicBurdenRule:
    """``[hypoxic_burden]``: baseline and window of the area under the events."""

    baseline_window_s: float
    search_before_s: float
    nadir_from_s: float
    nadir_within_s: float
    search_after_s: float
    smoothing_s: float
    peak_prominence_fraction: float

    def __post_init__(self) -> None:
        _check_order(self, "nadir_from_s", "search_before_s", or_equal=True)
        for key in ("baseline_window_s", "search_before_s", "search_after_s"):
            window_s = getattr(self, key)
            if window_s > LONGEST_SEARCH_S:  # one row of this length is kept for every event
                raise ValueError(f"{key}: expected a number up to {LONGEST_SEARCH_S:g}, got {window_s:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VentilatoryBurdenRule:
    """``[ventilatory_burden]``: which breaths count as small."""

    small_breath_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseResponseRule:
    """``[pulse_response]``: where the peak after an event is looked for."""

    search_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRules:
    """One rule set: a published definition with every number it needs.

    Attributes
    ----------
    name, title, source : str
        Short name, what it is in words, where it is published.
    rules_id : str
        ``name`` and the first twelve hexadecimal digits of the content's SHA-256.
    """

    name: str
    title: str
    source: str
    rules_id: str
    apnea: ApneaRule
    ventilation: VentilationRule
    hypopnea: HypopneaRule
    baseline: BaselineRule
    event_span: EventSpanRule
    sampling: SamplingRule
    breath: BreathRule
    sensor_off: SensorOffRule
    airflow: AirflowRule
    movement: MovementRule
    oxygen_validity: OxygenValidityRule
    probe_off: ProbeOffRule
    pulse_validity: PulseValidityRule
    oxygen_delay: OxygenDelayRule
    desaturation: DesaturationRule
    effort: EffortRule
    severity: SeverityRule
    adequacy: AdequacyRule
    oxygen_time: OxygenTimeRule
    hypoxic_burden: HypoxicBurdenRule
    ventilatory_burden: VentilatoryBurdenRule
    pulse_response: PulseResponseRule

    def __post_init__(self) -> None:
        window_s = self.breath.excursion_window_periods * self.breath.shortest_period_s
        rate_hz = min(self.sampling.flow_rate_hz, self.sampling.effort_rate_hz)
        if window_s * rate_hz < MIN_SAMPLES:
            raise ValueError(
                "[breath].excursion_window_periods times shortest_period_s: expected at least "
                f"{MIN_SAMPLES:g} samples at {rate_hz:g} Hz, got {window_s:g} s"
            )
        hold_s, oximetry_hz = self.desaturation.baseline_hold_s, self.sampling.oximetry_rate_hz
        if hold_s * oximetry_hz < 1.0:
            raise ValueError(
                f"[desaturation].baseline_hold_s: expected a sample or more "
                f"at {oximetry_hz:g} Hz, got {hold_s:g}"
            )
