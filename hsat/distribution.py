"""How the events of a night are spread: over its hours, by length, by the depth of desaturations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from hsat.intervals import clip_spans, overlaps_s, total_s
from hsat.results import SECONDS_PER_HOUR, NightResult

__all__ = ["Distribution", "DropBin", "DurationBin", "HourOfNight", "describe_distribution"]

MIN_HOUR_H = 0.25
"""Least monitored time of an hour for a rate of its own. Ours: one event in fewer minutes would
already read as moderate."""

DURATION_EDGES_S = (0.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0)
"""Where bins of event lengths begin, seconds; the last has no end. 10 s is the shortest event of the AASM."""

DROP_EDGES_POINTS = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0, 20.0)
"""Where bins of desaturations begin, SpO2 points; the last has no end. 3 points are the ODI3's least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOfNight:
    """One hour: a whole one of the clock, or from the start where the clock is unknown.

    Attributes
    ----------
    start_s, stop_s : float
        Clipped to the recording.
    monitoring_h : float
        Monitored hours within.
    n_events : int
        Counted events that start within.
    ahi_per_h : float or None
        Their rate per monitored hour; None with less than a quarter of an hour, or without an AHI.
    """

    start_s: float
    stop_s: float
    monitoring_h: float
    n_events: int
    ahi_per_h: float | None


class DurationBin(NamedTuple):
    """Counted events at least as long as `from_s` and shorter than the next bin's."""

    from_s: float
    n_apneas: int
    n_hypopneas: int


class DropBin(NamedTuple):
    """Desaturations at least as deep as `from_points` and less than the next bin's."""

    from_points: float
    n_desaturations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The spread of a night's events.

    Attributes
    ----------
    hours : tuple of HourOfNight
        In order of time; empty where no airflow was recorded.
    durations : tuple of DurationBin
    drops : tuple of DropBin
        Desaturations that the ODI counts.
    """

    hours: tuple[HourOfNight, ...]
    durations: tuple[DurationBin, ...]
    drops: tuple[DropBin, ...]


def describe_distribution(night: NightResult) -> Distribution:
    """Spread the events of a night over hours, lengths and depths.

    Parameters
    ----------
    night : NightResult

    Returns
    -------
    Distribution
    """
    counted = [event for event in night.events if event.is_counted]
    apneas = _counts([e.duration_s for e in counted if e.kind.is_apnea], DURATION_EDGES_S)
    hypopneas = _counts([e.duration_s for e in counted if not e.kind.is_apnea], DURATION_EDGES_S)
    bins = zip(DURATION_EDGES_S, apneas, hypopneas, strict=True)
    return Distribution(
        hours=() if night.flow_sensor is None else tuple(_hours(night)),
        durations=tuple(DurationBin(*row) for row in bins),
        drops=tuple(
            DropBin(*row)
            for row in zip(DROP_EDGES_POINTS, _counts(_drops(night), DROP_EDGES_POINTS), strict=True)
        ),
    )


def _hours(night: NightResult) -> list[HourOfNight]:
    recording = night.recording
    starts_s = np.array([event.start_s for event in night.events if event.is_counted])
    hours = []
    edges_s = _hour_edges_s(night)
    for start_s, stop_s in pairwise(edges_s):
        monitoring_h = total_s(clip_spans(night.monitored.spans_s, start_s, stop_s)) / SECONDS_PER_HOUR
        is_last = stop_s >= recording.duration_s
        n_events = int(np.count_nonzero((starts_s >= start_s) & ((starts_s < stop_s) | is_last)))
        has_rate = monitoring_h >= MIN_HOUR_H and night.indices.ahi_per_h is not None
        hours.append(
            HourOfNight(
                start_s=start_s,
                stop_s=stop_s,
                monitoring_h=monitoring_h,
                n_events=n_events,
                ahi_per_h=n_events / monitoring_h if has_rate else None,
            )
        )
    return hours


def _hour_edges_s(night: NightResult) -> list[float]:
    """Whole hours of the clock within the recording, with its start and its end."""
    start, duration_s = night.recording.start_local, night.recording.duration_s
    into_hour_s = 0.0
    if start is not None:
        into_hour_s = start.minute * 60.0 + start.second + start.microsecond / 1e6
    n_hours = math.ceil((into_hour_s + duration_s) / SECONDS_PER_HOUR)
    whole = [n * SECONDS_PER_HOUR - into_hour_s for n in range(1, n_hours)]
    return [0.0, *(edge for edge in whole if 0.0 < edge < duration_s), duration_s]


def _drops(night: NightResult) -> list[float]:
    """Depths of the falls that the ODI counts: they go down, at least in part, in SpO2 time."""
    rows = np.array([(fall.start_s, fall.nadir_s) for fall in night.desaturations]).reshape(-1, 2)
    is_counted = overlaps_s(rows, night.monitored.spo2_spans_s) > 0.0
    return [fall.drop_points for fall, counts in zip(night.desaturations, is_counted, strict=True) if counts]


def _counts(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    """How many values lie in each bin; those below the first edge in none."""
    places = np.searchsorted(np.array(edges), np.array(values, dtype=np.float64), side="right") - 1
    counts: list[int] = np.bincount(places[places >= 0], minlength=len(edges)).tolist()
    return counts
