"""Events of two scorings matched one to one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hsat.errors import HsatError
from hsat.intervals import Spans

__all__ = ["Matching", "match_events", "match_with_excuses"]

MAX_CANDIDATES = 1_000_000
"""Pairs looked at in one go; memory, not the result, depends on it."""
MAX_OVERLAPS = 4_000_000
"""Pairs that overlap: 2,000 events all on top of 2,000 others. No scoring of a night comes near it."""


class Matching(NamedTuple):
    """Which events belong together.

    Attributes
    ----------
    pairs : list of (int, int)
        Rows of the scored and of the reference events, in order of the scored ones.
    excused : set of int
        Scored events without a partner that match a span which counts neither way.
    """

    pairs: list[tuple[int, int]]
    excused: set[int]


def match_events(a: ArrayLike, b: ArrayLike, *, min_iou_fraction: float) -> list[tuple[int, int]]:
    """Pair spans one to one: as many pairs as possible, and among those the largest sum of IoU.

    Parameters
    ----------
    a, b : array_like, shape (n, 2) and (m, 2)
        Spans in seconds, ``start < stop``, in any order; they may overlap within one set.
    min_iou_fraction : float
        Least intersection over union of a pair, 0 to 1; at 0 any overlap of positive length will do.

    Returns
    -------
    list of (int, int)
        Rows of ``a`` and ``b`` that belong together, in order of ``a``.

    Raises
    ------
    HsatError
        Where more than four million pairs of spans overlap.

    Notes
    -----
    Spans only meet their neighbours in time, so the pairs that are allowed fall apart into small
    groups, each solved as an assignment of its own; the result is that of one assignment over all.
    """
    spans_a, spans_b = _rows(a), _rows(b)
    if len(spans_a) == 0 or len(spans_b) == 0:
        return []
    # In order of time, so that a tie is broken the same way whatever the order of the rows.
    order_a, order_b = (np.lexsort((spans[:, 1], spans[:, 0])) for spans in (spans_a, spans_b))
    i, j, iou = _overlapping_pairs(spans_a[order_a], spans_b[order_b])
    is_allowed = iou >= min_iou_fraction
    i, j, iou = i[is_allowed], j[is_allowed], iou[is_allowed]
    is_alone = (np.bincount(i)[i] == 1) & (np.bincount(j)[j] == 1)
    chosen = np.column_stack((i[is_alone], j[is_alone])).tolist()
    if not is_alone.all():
        i, j, iou = i[~is_alone], j[~is_alone], iou[~is_alone]
        group = _groups(i, j)
        order = np.argsort(group, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
            chosen += _assign(i[rows], j[rows], iou[rows])
    return sorted((int(order_a[i]), int(order_b[j])) for i, j in chosen)


def match_with_excuses(
    scored: ArrayLike, reference: ArrayLike, ignored: ArrayLike, *, min_iou_fraction: float
) -> Matching:
    """Match scored with reference events, then see which of the rest ignored spans excuse.

    Parameters
    ----------
    scored, reference, ignored : array_like, shape (n, 2)
        Spans in seconds. ``ignored`` are events that count neither way.
    min_iou_fraction : float
        As for `match_events`; holds for excuses, too.

    Returns
    -------
    Matching
    """
    rows = _rows(scored)
    pairs = match_events(rows, reference, min_iou_fraction=min_iou_fraction)
    taken = {i for i, _ in pairs}
    rest = [i for i in range(len(rows)) if i not in taken]
    excuses = match_events(rows[rest], ignored, min_iou_fraction=min_iou_fraction)
    return Matching(pairs, {rest[i] for i, _ in excuses})


def _rows(spans: ArrayLike) -> Spans:
    return np.asarray(spans, dtype=np.float64).reshape(-1, 2)


def _overlapping_pairs(a: Spans, b: Spans) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Rows of ``a`` and of ``b``, both in order of their starts, that overlap, and their IoU."""
    first = np.searchsorted(np.maximum.accumulate(b[:, 1]), a[:, 0], side="right")
    last = np.searchsorted(b[:, 0], a[:, 1], side="left")
    n_candidates = np.maximum(last - first, 0)
    found_i, found_j, found_iou = [], [], []
    n_found = 0
    chunk = np.cumsum(n_candidates) // MAX_CANDIDATES
    for rows in np.split(np.arange(len(a)), np.flatnonzero(np.diff(chunk)) + 1):
        counts = n_candidates[rows]
        i = np.repeat(rows, counts)
        within = np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts)
        j = np.repeat(first[rows], counts) + within
        shared_s = np.minimum(a[i, 1], b[j, 1]) - np.maximum(a[i, 0], b[j, 0])
        covered_s = (a[i, 1] - a[i, 0]) + (b[j, 1] - b[j, 0]) - shared_s
        meets = shared_s > 0.0
        n_found += int(np.count_nonzero(meets))
        if n_found > MAX_OVERLAPS:
            raise HsatError(
                f"matching of events: expected at most {MAX_OVERLAPS} pairs that overlap, got more: "
                "the events of a scoring lie on top of each other"
            )
        found_i.append(i[meets])
        found_j.append(j[meets])
        found_iou.append(shared_s[meets] / covered_s[meets])
    return np.concatenate(found_i), np.concatenate(found_j), np.concatenate(found_iou)


def _groups(i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.int32]:
    """A number for each pair, the same for pairs that compete for events, even by way of others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = int(i.max()) + 1
    size = n + int(j.max()) + 1
    graph = coo_array((np.ones(len(i), dtype=np.int8), (i, n + j)), shape=(size, size))
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels[i]


def _assign(i: NDArray[np.intp], j: NDArray[np.intp], iou: NDArray[np.float64]) -> list[list[int]]:
    """The best pairs of one group."""
    from scipy.optimize import linear_sum_assignment

    rows, row = np.unique(i, return_inverse=True)
    columns, column = np.unique(j, return_inverse=True)
    weight = np.zeros((len(rows), len(columns)))
    # Any pair weighs more than every gain of IoU together: pairs first, IoU second.
    weight[row, column] = min(weight.shape) + 1.0 + iou
    chosen = zip(*linear_sum_assignment(weight, maximize=True), strict=True)
    return [[int(rows[r]), int(columns[c])] for r, c in chosen if weight[r, c] > 0.0]
