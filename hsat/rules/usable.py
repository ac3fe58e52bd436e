"""Tables of a rule set about when what a sensor gives can be used; see `hsat.rules.model`."""

from dataclasses import dataclass

from hsat.rules.relations import check_above_zero, check_order

__all__ = [
    "BeltSlipRule",
    "MovementRule",
    "OxygenValidityRule",
    "ProbeOffRule",
    "PulseValidityRule",
    "SensorOffRule",
]


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
    max_dropout_s: float
    frozen_from_s: float
    still_from_s: float
    max_still_share_fraction: float
    live_before_s: float
    min_live_share_fraction: float
    min_share_fraction: float

    def __post_init__(self) -> None:
        check_above_zero(self, "max_roughness", "min_duration_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class BeltSlipRule:
    """``[belt_slip]``: pauses on a belt in the place of airflow that the belt itself makes."""

    before_s: float
    edge_quantile_fraction: float
    max_beyond_fraction: float

    def __post_init__(self) -> None:
        check_above_zero(self, "before_s")


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
    plateau_from_s: float
    max_plateau_s: float
    resolution_points: float

    def __post_init__(self) -> None:
        check_order(self, "lowest_percent", "highest_percent")
        check_order(self, "plateau_from_s", "max_plateau_s")
        check_above_zero(self, "resolution_points")


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
        check_order(self, "lowest_bpm", "highest_bpm")
