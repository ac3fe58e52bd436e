"""Where an event starts and stops: at which breath, and at which point of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hsat.detect.breathing import Breathing
from hsat.detect.pauses import rest_of
from hsat.intervals import Spans
from hsat.kernels.pauses import find_nadirs
from hsat.rules.model import ScoringRules

__all__ = ["first_reduced_onsets", "nadirs_before", "without_overlap"]


def first_reduced_onsets(
    starts_s: NDArray[np.float64],
    stops: NDArray[np.int64],
    mean_breaths: NDArray[np.float64],
    breathing: Breathing,
    rules: ScoringRules,
) -> NDArray[np.float64]:
    """Move each start to the onset of the breath before it, where that one rises by less than it should.

    A breath of half an inspiration and a whole expiration fills the measuring window as a whole breath
    does. Its rise, from the nadir before it to its peak, tells them apart. One that does not fill the
    window is small to the window too, which had its reasons to leave it out. No start moves across a
    breath that is whole by its rise and by itself.

    Parameters
    ----------
    starts_s : ndarray, shape (k,), float64
        Where breathing is reduced from, as the measuring window shows it; rising.
    stops : ndarray, shape (k,), int64
        First sample behind each stretch. A breath whose nadir lies in the stretch before is left alone:
        what follows a shallow breath starts from a shallow nadir.
    mean_breaths : ndarray, shape (k,), float64
        Mean breath before each.
    breathing : Breathing
    rules : ScoringRules
        ``[hypopnea]`` says by how much a breath must fall, ``[breath]`` how long it may last.

    Returns
    -------
    ndarray, shape (k,), float64
        None is later than in `starts_s`.
    """
    onsets, rate_hz = breathing.onsets, breathing.rate_hz
    if len(onsets) < 3 or len(starts_s) == 0:
        return starts_s
    nearest = np.searchsorted((onsets[1:] + onsets[:-1]) / 2, starts_s * rate_hz)
    before = np.maximum(nearest - 1, 1)
    n_period = (breathing.pace.periods_at(starts_s) * rate_hz).astype(np.int64)
    limits = rest_of(rules.hypopnea.min_reduction_fraction) * mean_breaths
    spans = _rising_spans(before, n_period, breathing)
    is_reduced = (_rises(spans, breathing) <= limits) & (breathing.breath_excursions[before] > limits)
    is_reduced &= nearest > 1
    is_reduced &= onsets[nearest] - onsets[before] <= rules.breath.longest_period_s * rate_hz
    is_reduced[1:] &= spans[1:, 0] >= stops[:-1]
    if breathing.is_missing.any():
        is_reduced &= ~_over(np.logical_or, breathing.is_missing, spans[:, 0], spans[:, 2])
    # Small breaths may have no onset of their own: then the nearest is that of the last whole breath.
    is_whole = _rises(_rising_spans(nearest, n_period, breathing), breathing) > limits
    is_reduced &= ~(is_whole & (breathing.breath_ranges[nearest] > limits))
    return np.where(is_reduced, np.minimum(starts_s, onsets[before] / rate_hz), starts_s)


def _rising_spans(
    places: NDArray[np.int64], n_period: NDArray[np.int64], breathing: Breathing
) -> NDArray[np.int64]:
    """From where the nadir of each breath is looked for, its onset, and to where its peak is; shape (k, 3).

    No further than the breath before and the next, and the usual period.
    """
    onsets = np.append(breathing.onsets, len(breathing.flow))
    at = onsets[places]
    froms = np.maximum(onsets[np.maximum(places - 1, 0)], at - n_period)
    return np.column_stack((froms, at, np.maximum(np.minimum(onsets[places + 1], at + n_period), at + 1)))


def _rises(spans: NDArray[np.int64], breathing: Breathing) -> NDArray[np.float32]:
    """Rise of flow in each of `_rising_spans`, from the nadir before the onset to the peak behind it."""
    froms, onsets, tos = spans.T
    lowest = _over(np.minimum, breathing.flow, froms, onsets + 1)
    rises: NDArray[np.float32] = _over(np.maximum, breathing.flow, onsets, tos) - lowest
    return rises


def _over(
    reduce: np.ufunc, values: NDArray[Any], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[Any]:
    """`reduce` over ``values[start:stop]`` of each pair, of which none is empty; shape (k,)."""
    edges = np.column_stack((starts, np.minimum(stops, len(values) - 1))).reshape(-1)
    over: NDArray[Any] = reduce.reduceat(values, edges)[::2]
    return over


def nadirs_before(
    onsets_s: NDArray[np.float64],
    mean_breaths: NDArray[np.float64],
    breathing: Breathing,
    rules: ScoringRules,
) -> NDArray[np.float64]:
    """The nadir of flow before each of some breaths.

    Parameters
    ----------
    onsets_s : ndarray, shape (k,), float64
    mean_breaths : ndarray, shape (k,), float64
        Mean breath before each.
    breathing : Breathing
    rules : ScoringRules
        ``[event_span]`` says how far back it may lie and by how much flow rises from it.

    Returns
    -------
    ndarray, shape (k,), float64
        None is later than in `onsets_s`.
    """
    rule, rate_hz = rules.event_span, breathing.rate_hz
    starts = np.rint(onsets_s * rate_hz).astype(np.int64).clip(0, len(breathing.flow) - 1)
    n_back = (rule.nadir_within_periods * breathing.pace.periods_at(onsets_s) * rate_hz).astype(np.int64)
    nadirs = np.empty(len(starts), np.int64)
    rises = rule.nadir_rise_fraction * mean_breaths
    find_nadirs(breathing.flow, breathing.is_missing, starts, n_back, rises, nadirs)
    return np.minimum(onsets_s, nadirs / rate_hz)


def without_overlap(spans_s: Spans, missing_s: Spans, duration_s: float) -> Spans:
    """Keep each span behind the one before, inside the recording and out of missing flow.

    Parameters
    ----------
    spans_s : ndarray, shape (k, 2)
        In order of their starts.
    missing_s : ndarray, shape (n, 2)
        In normal form; no span reaches across one.
    duration_s : float

    Returns
    -------
    ndarray, shape (k, 2)
    """
    starts, stops = spans_s[:, 0].clip(0.0), spans_s[:, 1].clip(max=duration_s)
    if len(missing_s):
        middles = (spans_s[:, 0] + spans_s[:, 1]) / 2
        after = np.searchsorted(missing_s[:, 0], middles)
        edges = np.concatenate(([0.0], missing_s[:, 1])), np.concatenate((missing_s[:, 0], [duration_s]))
        starts, stops = np.maximum(starts, edges[0][after]), np.minimum(stops, edges[1][after])
    starts[1:] = np.maximum(starts[1:], stops[:-1])
    return np.column_stack((starts, np.maximum(stops, starts)))
