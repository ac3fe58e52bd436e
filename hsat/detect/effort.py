"""Effort belts to the type of an apnea."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import excursion_of, remove_drift
from hsat.events import EventKind
from hsat.rules.model import ScoringRules

__all__ = ["Effort", "EffortReading", "measure_effort", "read_effort"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Respiratory effort over the night.

    Attributes
    ----------
    rate_hz : float
    window_s : float
        Window of the excursions.
    belts : tuple of ndarray, shape (n,), float32
        Excursion of each belt; NaN where missing.
    """

    rate_hz: float
    window_s: float
    belts: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortReading:
    """What the belts say of one event: its kind, and mean effort over the pre-event effort."""

    kind: EventKind
    effort_fraction: float | None


def measure_effort(belts: list[NDArray[np.float32]], window_s: float, rules: ScoringRules) -> Effort:
    """Excursion of each belt in a window of about one breath.

    Parameters
    ----------
    belts : list of ndarray, shape (n,), float32
        At ``rules.sampling.flow_rate_hz``; NaN where missing.
    window_s : float
        The window flow was measured with.
    rules : ScoringRules
    """
    rate_hz = rules.sampling.flow_rate_hz
    excursions = []
    for values in belts:
        excursion = excursion_of(remove_drift(values, rules, rate_hz), window_s, rate_hz)
        excursion[np.isnan(values)] = np.nan
        excursions.append(excursion)
    return Effort(rate_hz=rate_hz, window_s=window_s, belts=tuple(excursions))


def read_effort(effort: Effort, start_s: float, stop_s: float, rules: ScoringRules) -> EffortReading:
    """Type an apnea by the belts.

    Parameters
    ----------
    effort : Effort
    start_s, stop_s : float
        The part of the apnea in which the whole measuring window is reduced, so that breaths
        before and after it do not count as effort.
    rules : ScoringRules
        ``[effort]`` is used.

    Returns
    -------
    EffortReading
        ``unclassified_apnea`` and None where no belt can be judged.
    """
    rule = rules.effort
    first, stop = (
        int(start_s * effort.rate_hz),
        max(int(stop_s * effort.rate_hz), int(start_s * effort.rate_hz) + 1),
    )
    before = slice(max(first - int(rule.baseline_window_s * effort.rate_hz), 0), first)
    fractions = []
    for belt in effort.belts:
        earlier = belt[before]
        earlier = earlier[~np.isnan(earlier)]
        within = belt[first:stop]
        if len(earlier) == 0 or len(within) == 0 or np.isnan(within).all():
            continue
        usual = float(np.quantile(earlier, rule.baseline_quantile_fraction))
        if usual > 0:
            fractions.append(np.nan_to_num(within) / usual)
    if not fractions:
        return EffortReading(kind=EventKind.UNCLASSIFIED_APNEA, effort_fraction=None)
    # One belt may slip: effort is there where any belt shows it.
    strongest = np.max(fractions, axis=0)
    has_effort = strongest >= rule.min_effort_fraction
    share = float(np.mean(has_effort))
    fraction = float(np.mean(strongest))
    if share < rule.max_central_effort_share_fraction:
        kind = EventKind.CENTRAL_APNEA
    elif not has_effort[0] and int(np.argmax(has_effort)) >= rule.min_mixed_absence_s * effort.rate_hz:
        kind = EventKind.MIXED_APNEA
    else:
        kind = EventKind.OBSTRUCTIVE_APNEA
    return EffortReading(kind=kind, effort_fraction=fraction)
