"""Tables of a rule set about the kinds of events and how sure they are; see `hsat.rules.model`."""

from dataclasses import dataclass

from hsat.rules.relations import check_above_zero

__all__ = ["CheyneStokesRule", "ConfidenceRule", "HypopneaTypeRule", "NasalPressureRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NasalPressureRule:
    """``[nasal_pressure]``: whether the cannula's pressure is flow already, or is turned into flow."""

    is_linearised: bool
    max_flow_dwell_ratio: float
    max_flow_kurtosis: float
    n_shape_breaths: int
    min_shape_breath_fraction: float
    passage_fraction: float
    n_shape_minutes: int
    shape_rate_hz: float
    min_shape_rate_hz: float

    def __post_init__(self) -> None:
        check_above_zero(self, "passage_fraction")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheyneStokesRule:
    """``[cheyne_stokes]``: when central events are Cheyne-Stokes breathing."""

    n_consecutive_events: int
    min_cycle_s: float
    max_cycle_s: float
    max_cycle_ratio: float
    max_breath_step_fraction: float
    min_events_per_h: float
    min_monitored_h: float

    def __post_init__(self) -> None:
        if self.max_cycle_s < self.min_cycle_s:
            raise ValueError(
                f"max_cycle_s: expected a number of at least min_cycle_s ({self.min_cycle_s:g}), "
                f"got {self.max_cycle_s:g}"
            )
        if self.n_consecutive_events < 2:
            raise ValueError(f"n_consecutive_events: expected at least 2, got {self.n_consecutive_events}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HypopneaTypeRule:
    """``[hypopnea_type]``: whether hypopneas are typed, and what shows an obstruction."""

    is_applied: bool
    is_snore_needed: bool
    snore_waveform_from_hz: float
    snore_quiet_quantile_fraction: float
    snore_loudest_quantile_fraction: float
    min_snore_ratio: float
    min_share_of_loudest_fraction: float
    min_snore_share_fraction: float
    min_snore_known_fraction: float
    n_event_breaths: int
    n_baseline_breaths: int
    unclear_flattening_fraction: float
    min_flattening_fraction: float
    min_paradox_degrees: float
    min_belt_movement_fraction: float
    min_belt_baseline_s: float

    def __post_init__(self) -> None:
        if self.min_flattening_fraction < self.unclear_flattening_fraction:
            raise ValueError(
                "min_flattening_fraction: expected a number of at least unclear_flattening_fraction "
                f"({self.unclear_flattening_fraction:g}), got {self.min_flattening_fraction:g}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceRule:
    """``[confidence]``: how far from a limit counts as far."""

    reduction_scale_fraction: float
    duration_scale_s: float
    desaturation_scale_points: float

    def __post_init__(self) -> None:
        for key in ("reduction_scale_fraction", "duration_scale_s", "desaturation_scale_points"):
            if getattr(self, key) <= 0:
                raise ValueError(f"{key}: expected a number above 0, got {getattr(self, key):g}")
