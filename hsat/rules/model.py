"""The shape of a rule set: one dataclass a table, no default numbers anywhere.

Every number a score depends on is a field here and a line with a source in a ``.toml`` file.
Fields carry their unit in their name; what each table means stands in the file and, rendered,
in ``docs/rules.md``.
"""

from dataclasses import dataclass

from hsat.rules.index_rules import (
    DesaturationBurdenRule,
    HypoxicBurdenRule,
    OxygenTimeRule,
    PulseResponseRule,
    SnoringRule,
    VentilatoryBurdenRule,
)
from hsat.rules.kinds import CheyneStokesRule, ConfidenceRule, HypopneaTypeRule, NasalPressureRule
from hsat.rules.relations import check_above_zero, check_at_least, check_order
from hsat.rules.usable import (
    BeltSlipRule,
    MovementRule,
    OxygenValidityRule,
    ProbeOffRule,
    PulseValidityRule,
    SensorOffRule,
)

__all__ = [
    "AdequacyRule",
    "AirflowRule",
    "ApneaRule",
    "BaselineRule",
    "BeltSlipRule",
    "BreathRule",
    "CheyneStokesRule",
    "ConfidenceRule",
    "DesaturationBurdenRule",
    "DesaturationRule",
    "EffortRule",
    "EventSpanRule",
    "HypopneaRule",
    "HypopneaTypeRule",
    "HypoxicBurdenRule",
    "MovementRule",
    "NasalPressureRule",
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
    "SnoringRule",
    "VentilationRule",
    "VentilatoryBurdenRule",
]


MIN_WINDOW_S = 60.0
"""Shortest window that a usual level is taken over; below it a level is one breath."""
MIN_SAMPLES = 2.0
"""A window of fewer samples has no excursion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApneaRule:
    """``[apnea]``: how deep and how long breathing must fall."""

    min_reduction_fraction: float
    min_pressure_reduction_fraction: float
    min_duration_s: float
    smoothing_s: float
    window_periods: float
    max_beating_fraction: float
    min_still_periods: float
    longest_without_fall_s: float
    further_fall_points_per_s: float

    def least_fall_points(self, pause_s: float, first_points: float) -> float:
        """Fall of SpO2 that a pause of more than ``longest_without_fall_s`` must cost.

        Parameters
        ----------
        pause_s : float
        first_points : float
            What the shortest such pause must.

        Returns
        -------
        float
        """
        return first_points + self.further_fall_points_per_s * max(pause_s - self.longest_without_fall_s, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class VentilationRule:
    """``[ventilation]``: apneas told by the power of flow, as devices do; 0 s: not used."""

    window_s: float
    recent_s: float

    def __post_init__(self) -> None:
        check_above_zero(self, "recent_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class HypopneaRule:
    """``[hypopnea]``: how deep, how long, and with what fall of SpO2."""

    min_reduction_fraction: float
    min_duration_s: float
    min_desaturation_points: float

    @property
    def needs_desaturation(self) -> bool:
        """Whether a hypopnea is judged by SpO2 at all: not where a fall of 0 points is asked for."""
        return self.min_desaturation_points > 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRule:
    """``[baseline]``: the pre-event breathing that a reduction is measured against."""

    window_s: float
    oldest_s: float
    n_largest_breaths: int
    max_stable_variation_fraction: float
    max_stable_pressure_variation_fraction: float
    sigh_ratio: float
    max_sigh_share_fraction: float
    outlier_ratio: float
    outlier_window_s: float
    outlier_quantile_fraction: float
    n_outlier_breaths: int
    burst_ratio: float
    max_burst_s: float
    n_run_breaths: int
    max_run_reduction_s: float
    min_breath_fraction: float

    def __post_init__(self) -> None:
        check_above_zero(self, "window_s")
        check_order(self, "window_s", "oldest_s", or_equal=True)
        check_at_least(self, MIN_WINDOW_S, "outlier_window_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpanRule:
    """``[event_span]``: where a candidate starts and stops."""

    recovery_fraction: float
    min_recovery_s: float
    settled_after_periods: float
    max_duration_s: float
    start_shift_periods: float
    stop_shift_periods: float
    nadir_within_periods: float
    nadir_rise_fraction: float
    level_floor_fraction: float
    resaturation_within_periods: float
    min_listed_s: float
    min_counted_share_fraction: float

    def __post_init__(self) -> None:
        check_above_zero(self, "min_recovery_s", "max_duration_s")
        check_order(self, "min_recovery_s", "max_duration_s", or_equal=True)


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
    n_pace_breaths: int

    def __post_init__(self) -> None:
        check_at_least(self, MIN_WINDOW_S, "noise_floor_window_s")
        check_above_zero(
            self, "search_window_s", "excursion_window_periods", "shortest_period_s", "fastest_per_min"
        )
        check_order(self, "shortest_period_s", "assumed_period_s", "longest_period_s", or_equal=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowRule:
    """``[airflow]``: how several airflow sensors share the night."""

    shortest_service_s: float
    min_overlap_fraction: float

    def __post_init__(self) -> None:
        check_above_zero(self, "shortest_service_s")


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
        check_order(self, "shortest_s", "longest_s", or_equal=True)
        check_at_least(self, 1.0, "slope_span_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class DesaturationRule:
    """``[desaturation]``: falls of SpO2, of events and for the ODI."""

    baseline_window_s: float
    baseline_hold_s: float
    nadir_window_s: float
    next_event_margin_s: float
    late_fall_margin_s: float
    small_points: float
    large_points: float
    resaturation_points: float
    level_tolerance_points: float
    max_fall_s: float
    recovered_fraction: float
    min_valid_share_fraction: float

    def __post_init__(self) -> None:
        check_above_zero(self, "baseline_hold_s", "max_fall_s", "small_points", "resaturation_points")
        check_order(self, "small_points", "large_points", or_equal=True)


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
    before_s: float
    min_slipped_fraction: float
    noise_window_s: float
    max_roughness: float

    def __post_init__(self) -> None:
        check_at_least(self, MIN_WINDOW_S, "level_window_s")
        check_above_zero(self, "max_roughness")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRule:
    """``[severity]``: adult classes by unrounded AHI."""

    mild_from_per_h: float
    moderate_from_per_h: float
    severe_from_per_h: float
    min_age_years: float

    def __post_init__(self) -> None:
        check_order(self, "mild_from_per_h", "moderate_from_per_h", "severe_from_per_h")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdequacyRule:
    """``[adequacy]``: how much judged time a night needs."""

    adequate_from_h: float
    partial_from_h: float
    rate_from_h: float

    def __post_init__(self) -> None:
        check_order(self, "partial_from_h", "adequate_from_h", or_equal=True)


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
    belt_slip: BeltSlipRule
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
    desaturation_burden: DesaturationBurdenRule
    ventilatory_burden: VentilatoryBurdenRule
    snoring: SnoringRule
    pulse_response: PulseResponseRule
    nasal_pressure: NasalPressureRule
    cheyne_stokes: CheyneStokesRule
    hypopnea_type: HypopneaTypeRule
    confidence: ConfidenceRule

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
