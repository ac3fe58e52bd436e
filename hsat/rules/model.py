"""The shape of a rule set: one dataclass a table, no default numbers anywhere.

Every number a score depends on is a field here and a line with a source in a ``.toml`` file.
Fields carry their unit in their name; what each table means stands in the file and, rendered,
in ``docs/rules.md``.
"""

from dataclasses import dataclass

__all__ = [
    "AdequacyRule",
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
    "VentilatoryBurdenRule",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApneaRule:
    """``[apnea]``: how deep and how long breathing must fall."""

    min_reduction_fraction: float
    min_duration_s: float
    longest_without_fall_s: float


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
    min_breath_fraction: float


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRule:
    """``[sampling]``: rates and filters of the copies that are analysed."""

    flow_rate_hz: float
    effort_rate_hz: float
    oximetry_rate_hz: float
    smoothing_s: float
    drift_window_s: float


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRule:
    """``[severity]``: adult classes by unrounded AHI."""

    mild_from_per_h: float
    moderate_from_per_h: float
    severe_from_per_h: float
    min_age_years: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AdequacyRule:
    """``[adequacy]``: how much judged time a night needs."""

    adequate_from_h: float
    partial_from_h: float
    rate_from_h: float


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
    hypopnea: HypopneaRule
    baseline: BaselineRule
    event_span: EventSpanRule
    sampling: SamplingRule
    breath: BreathRule
    sensor_off: SensorOffRule
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
