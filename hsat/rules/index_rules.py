"""The tables of a rule set that indices are computed by: times, burdens, the pulse response."""

from dataclasses import dataclass

from hsat.rules.relations import check_above_zero, check_order

__all__ = [
    "DesaturationBurdenRule",
    "HypoxicBurdenRule",
    "OxygenTimeRule",
    "PulseResponseRule",
    "SnoringRule",
    "VentilatoryBurdenRule",
]

LONGEST_SEARCH_S = 3600.0
"""Longest window around an event that a response to it is searched in."""


def _check_searches(rule: object, *keys: str) -> None:
    """Refuse windows around events so long that one row of each would fill the memory."""
    for key in keys:
        window_s = getattr(rule, key)
        if window_s > LONGEST_SEARCH_S:
            raise ValueError(f"{key}: expected a number up to {LONGEST_SEARCH_S:g}, got {window_s:g}")


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
    peak_share_fraction: float

    def __post_init__(self) -> None:
        check_order(self, "nadir_from_s", "search_before_s", or_equal=True)
        _check_searches(self, "baseline_window_s", "search_before_s", "search_after_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class DesaturationBurdenRule:
    """``[desaturation_burden]``: how long a fall is followed back to its baseline."""

    max_recovery_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoringRule:
    """``[snoring]``: from which sound level on a second counts as snoring."""

    above_level_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VentilatoryBurdenRule:
    """``[ventilatory_burden]``: which breaths count as small, and which as missing."""

    small_breath_fraction: float
    pause_from_s: float

    def __post_init__(self) -> None:
        check_above_zero(self, "pause_from_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseResponseRule:
    """``[pulse_response]``: where the peak after an event is looked for."""

    search_before_s: float
    peak_from_s: float
    peak_within_s: float
    search_after_s: float
    smoothing_s: float
    trough_prominence_fraction: float
    trough_share_fraction: float
    min_events: int

    def __post_init__(self) -> None:
        check_order(self, "peak_from_s", "search_before_s")
        check_order(self, "peak_within_s", "search_after_s")
        _check_searches(self, "search_before_s", "search_after_s")
