"""What the indices are computed from, and where the found values and reasons are gathered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hsat.events import UNTYPED_KINDS, Desaturation, EventOrigin, PeriodicRun, RespiratoryEvent
from hsat.intervals import Spans
from hsat.results import MonitoredTime

__all__ = [
    "NO_FLOW",
    "NO_TIME",
    "SUPINE_CODE",
    "Floats",
    "Found",
    "NightMeasurements",
    "valid_in",
]

SUPINE_CODE = 0
"""Canonical position code of lying on the back, see `hsat.io.channels`."""

NO_FLOW = "no airflow or effort channel"
NO_TIME = "too little monitored time"

Floats = NDArray[np.float32]
Number = TypeVar("Number", np.float32, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class NightMeasurements:
    """What the indices are computed from.

    Attributes
    ----------
    monitored : MonitoredTime
    events : sequence of RespiratoryEvent
        All of the night; only those with ``is_counted`` enter.
    desaturations : sequence of Desaturation
        In order of time.
    periodic_runs : sequence of PeriodicRun
        In order of time.
    has_flow, has_snore : bool
    sound_level_db : ndarray, shape (n_seconds,), float64, or None
        Highest level of every second, NaN where unknown; None where snoring is not stored in dB.
    why_no_effort : str
        Why effort says nothing of the type of events; empty where it does.
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
    periodic_runs: Sequence[PeriodicRun]
    has_flow: bool
    has_snore: bool
    sound_level_db: NDArray[np.float64] | None
    why_no_effort: str
    oximetry_rate_hz: float
    spo2_percent: Floats | None
    why_no_spo2: str
    pulse_bpm: Floats | None
    position: Floats | None
    breath_onsets_s: NDArray[np.float64]
    breath_ranges: Floats
    breath_baselines: NDArray[np.float64]

    def counted_events(self) -> list[RespiratoryEvent]:
        """Events within monitored time: the ones that indices count."""
        return [event for event in self.events if event.is_counted]

    @property
    def has_types(self) -> bool:
        """Whether types are known: from effort, or because a person gave a counted event one."""
        if not self.why_no_effort:
            return True
        return any(
            event.is_counted and event.kind not in UNTYPED_KINDS and event.origin is not EventOrigin.AUTOMATIC
            for event in self.events
        )


@dataclass(slots=True)
class Found:
    """Values found so far, and the reason for each that could not be."""

    values: dict[str, Any]
    reasons: dict[str, str]

    def refuse(self, names: Sequence[str], reason: str) -> None:
        """Give one reason for several indices that stay None."""
        for name in names:
            self.reasons[f"indices.{name}"] = reason


def valid_in(spans: Spans, values: NDArray[Number], rate_hz: float) -> NDArray[Number]:
    """The values in the spans, which are in normal form, without those that are missing."""
    parts = [values[:0]]  # at least one
    for start, stop in np.rint(spans * rate_hz).astype(np.int64).tolist():
        parts.append(values[start:stop])
    inside = parts[1] if len(parts) == 2 else np.concatenate(parts)
    is_missing = np.isnan(inside)
    return inside[~is_missing] if is_missing.any() else inside
