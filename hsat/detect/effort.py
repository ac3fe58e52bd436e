"""Effort belts to the type of an apnea."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import (
    LEVEL_STEP_S,
    local_level,
    remove_drift,
    roughness_of,
)
from hsat.detect.pace import MINUTE_S, Pace, excursion_at_pace
from hsat.events import EventKind
from hsat.intervals import spans_from_mask
from hsat.rules.model import EffortRule, ScoringRules

__all__ = ["Effort", "EventEffort", "measure_effort", "measure_event_efforts", "type_apneas"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Respiratory effort over the night.

    Attributes
    ----------
    rate_hz : float
    strength : ndarray, shape (n,), float32
        Excursion over the usual excursion of the surrounding minutes, of the belt that shows more
        effort; NaN where no belt can be judged.
    """

    rate_hz: float
    strength: NDArray[np.float32]

    def largest_before(self, starts_s: NDArray[np.float64], before_s: float) -> NDArray[np.float32]:
        """Largest strength in the time before each event; NaN where no belt can be judged.

        Parameters
        ----------
        starts_s : ndarray, shape (k,), float64
            Starts of the events.
        before_s : float
            How far back to look.

        Returns
        -------
        ndarray, shape (k,), float32
        """
        n = len(self.strength)
        firsts = np.minimum((np.maximum(starts_s - before_s, 0.0) * self.rate_hz).astype(np.int64), n - 1)
        stops = np.clip((starts_s * self.rate_hz).astype(np.int64), firsts + 1, n)
        edges = np.column_stack((firsts, stops)).reshape(-1)  # every second piece lies between two events
        padded = np.append(self.strength, np.float32(np.nan))  # an event may begin at the very end
        largest: NDArray[np.float32] = np.fmax.reduceat(padded, edges)[::2]
        return largest

    def during(
        self, cores_s: NDArray[np.float64], largest_before: NDArray[np.float32], rule: EffortRule
    ) -> list[NDArray[np.float32]]:
        """Strength within each event, over that of the breaths before it where belts have slipped.

        Parameters
        ----------
        cores_s : ndarray, shape (k, 2), float64
            Part of each event in which no breath beside it reaches into the measuring window.
        largest_before : ndarray, shape (k,), float32
            From `largest_before`.
        rule : EffortRule

        Returns
        -------
        list of ndarray, shape (n,), float32
            Each of at least one sample; NaN where no belt can be judged.
        """
        n = len(self.strength)
        samples = (cores_s * self.rate_hz).astype(np.int64)
        firsts = np.clip(samples[:, 0], 0, n - 1)  # a short event at the very start has its middle before it
        strengths = _parts(self.strength, firsts, np.clip(samples[:, 1], firsts + 1, n))
        has_slipped = (largest_before >= rule.min_slipped_fraction) & (largest_before < 1.0)
        for i in np.flatnonzero(has_slipped).tolist():
            strengths[i] = strengths[i] / largest_before[i]
        return strengths


def _parts(
    values: NDArray[np.float32], firsts: NDArray[np.int64], stops: NDArray[np.int64]
) -> list[NDArray[np.float32]]:
    """What lies in each span."""
    return [values[first:stop] for first, stop in zip(firsts.tolist(), stops.tolist(), strict=True)]


class _Joined(NamedTuple):
    """Parts of at least one sample one behind the other, and where each of them lies."""

    values: NDArray[np.float32]
    firsts: NDArray[np.int64]
    stops: NDArray[np.int64]


def _joined(parts: Sequence[NDArray[np.float32]]) -> _Joined:
    """Sums over these need not go through the whole night."""
    lengths = np.array([len(part) for part in parts])
    stops = np.cumsum(lengths)
    return _Joined(np.concatenate(parts), stops - lengths, stops)


def measure_effort(belts: list[NDArray[np.float32]], pace: Pace, rules: ScoringRules) -> Effort | None:
    """Excursion of the belts over their usual excursion.

    Parameters
    ----------
    belts : list of ndarray, shape (n,), float32
        At least one, at ``rules.sampling.effort_rate_hz``; NaN where missing. Used as
        work space: their content is lost.
    pace : Pace
        That of breathing, with the window that flow was measured with.
    rules : ScoringRules
        ``[effort]`` and ``[sampling]`` are used.

    Returns
    -------
    Effort or None
        None where every belt is flat or shows noise instead of breathing.

    Notes
    -----
    One belt may slip or lie flat: effort is there where any belt shows it.
    """
    rate_hz, rule = rules.sampling.effort_rate_hz, rules.effort
    n_step = int(LEVEL_STEP_S * rate_hz)
    strongest: NDArray[np.float32] | None = None
    for values in belts:
        is_missing = np.isnan(values)
        movement = remove_drift(values, rules, rate_hz)
        excursion = excursion_at_pace(movement, pace, rate_hz)
        is_noise = _is_noise(roughness_of(movement, excursion, pace, rate_hz), rule)
        if is_noise.all():
            continue
        excursion[is_missing] = np.nan
        _blank_minutes(excursion, is_noise, int(MINUTE_S * rate_hz))
        if not np.nanmax(excursion, initial=0.0) > 0:
            continue
        # A belt shows volume: a slower breath is a larger one, and no measure of those at another pace.
        for start, stop, _ in pace.parts(len(excursion), rate_hz):
            part = excursion[start:stop]
            level = local_level(part, rate_hz, rule.level_window_s, rule.level_quantile_fraction)
            part /= np.repeat(np.where(level > 0, level, np.float32(np.nan)), n_step)[: len(part)]
        strongest = excursion if strongest is None else np.fmax(strongest, excursion)
    return None if strongest is None else Effort(rate_hz=rate_hz, strength=strongest)


class EventEffort(NamedTuple):
    """Mean effort within an event, NaN where no belt can be judged; and the type that an apnea has by it."""

    mean_fraction: float
    apnea_kind: EventKind


def measure_event_efforts(
    effort: Effort,
    starts_s: NDArray[np.float64],
    cores_s: NDArray[np.float64],
    is_apnea: NDArray[np.bool_],
    rule: EffortRule,
) -> list[EventEffort]:
    """Effort within events.

    Parameters
    ----------
    effort : Effort
    starts_s : ndarray, shape (k,), float64
    cores_s : ndarray, shape (k, 2), float64
        Part of each event in which no breath beside it reaches into the measuring window.
    is_apnea : ndarray, shape (k,), bool
        Others get no type.
    rule : EffortRule

    Returns
    -------
    list of EventEffort, length k
    """
    largest_before = effort.largest_before(starts_s, rule.before_s)
    strengths = effort.during(cores_s, largest_before, rule)
    values, firsts, stops = _joined(strengths)
    means = np.add.reduceat(values, firsts, dtype=np.float64) / (stops - firsts)
    kinds = [EventKind.UNCLASSIFIED_APNEA] * len(means)
    apneas = np.flatnonzero(is_apnea).tolist()
    types = type_apneas([strengths[i] for i in apneas], effort.rate_hz, rule)
    for i, kind in zip(apneas, types, strict=True):
        kinds[i] = kind
    return list(map(EventEffort, means.tolist(), kinds))


def _is_noise(roughness: NDArray[np.float64], rule: EffortRule) -> NDArray[np.bool_]:
    """Minutes in whose surroundings a belt shows noise: the median, as a pause in effort is rough too."""
    if not np.any(roughness > rule.max_roughness):  # nor can a median be, and most belts show none
        return np.zeros(len(roughness), dtype=bool)
    n_around = min(2 * int(rule.noise_window_s / MINUTE_S / 2) + 1, 2 * ((len(roughness) - 1) // 2) + 1)
    padded = np.pad(roughness, n_around // 2, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, n_around)
    # The window is odd: the middle of a sorted row is its median, and takes a fifth of np.median's time.
    is_noise: NDArray[np.bool_] = np.sort(around, axis=1)[:, n_around // 2] > rule.max_roughness
    return is_noise


def _blank_minutes(values: NDArray[np.float32], is_blank: NDArray[np.bool_], n_minute: int) -> None:
    """Set the values of some minutes to NaN; the last minute stands for the rest."""
    for minute in np.flatnonzero(is_blank).tolist():
        stop = len(values) if minute == len(is_blank) - 1 else (minute + 1) * n_minute
        values[minute * n_minute : stop] = np.nan


def type_apneas(
    strengths: Sequence[NDArray[np.float32]], rate_hz: float, rule: EffortRule
) -> list[EventKind]:
    """Type of apneas from the effort within them.

    Parameters
    ----------
    strengths : sequence of ndarray, shape (n,), float32
        Of each apnea `Effort.during` the part in which the whole measuring window is reduced, so
        that breaths before and after do not count as effort; at least one sample.
    rate_hz : float
    rule : EffortRule

    Returns
    -------
    list of EventKind
        ``UNCLASSIFIED_APNEA`` where no belt can be judged.
    """
    if not strengths:
        return []
    values, firsts, stops = _joined(strengths)
    is_unknown = np.isnan(np.maximum.reduceat(values, firsts))  # the largest is NaN where any is
    margin = int(rule.edge_margin_s * rate_hz)
    margins = np.where(stops - firsts > 2 * margin + 1, margin, 0)
    firsts, stops = firsts + margins, stops - margins
    has_effort = values >= rule.min_effort_fraction
    n_until = np.concatenate(([0], np.cumsum(has_effort)))
    n_effort = n_until[stops] - n_until[firsts]
    is_central = n_effort < rule.max_central_effort_share_fraction * (stops - firsts)
    is_obstructive = n_effort == stops - firsts
    central, obstructive = EventKind.CENTRAL_APNEA, EventKind.OBSTRUCTIVE_APNEA
    kinds = [central if is_it else obstructive for is_it in is_central.tolist()]
    for i in np.flatnonzero(is_unknown).tolist():
        kinds[i] = EventKind.UNCLASSIFIED_APNEA
    for i in np.flatnonzero(~(is_unknown | is_central | is_obstructive)).tolist():
        if _is_absent_first(has_effort[firsts[i] : stops[i]], rate_hz, rule):
            kinds[i] = EventKind.MIXED_APNEA
    return kinds


def _is_absent_first(has_effort: NDArray[np.bool_], rate_hz: float, rule: EffortRule) -> bool:
    """Whether effort is missing for long from the first part of an apnea on, and comes back."""
    absences = spans_from_mask(~has_effort, rate_hz)
    is_long = absences[:, 1] - absences[:, 0] >= rule.min_mixed_absence_s
    is_first = (absences[:, 0] <= rule.mixed_absence_by_s) & (absences[:, 1] < len(has_effort) / rate_hz)
    return bool((is_long & is_first).any())
