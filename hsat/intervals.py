"""Arithmetic on half-open spans of time.

A set of spans is an array of shape (n, 2), float64, seconds from the start of the
recording; each row is ``[start_s, stop_s)``. Functions that return spans return them
sorted, disjoint and without empty rows ("normal form").
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Spans",
    "as_spans",
    "clip_spans",
    "intersect_spans",
    "invert_spans",
    "overlaps_s",
    "spans_from_mask",
    "subtract_spans",
    "total_s",
    "unite_spans",
]

Spans = NDArray[np.float64]
"""Spans of time: shape (n, 2), float64, seconds, half-open."""


def as_spans(pairs: ArrayLike | Iterable[tuple[float, float]]) -> Spans:
    """Bring pairs of seconds into normal form: sorted, touching and overlapping rows united.

    Parameters
    ----------
    pairs : array_like, shape (n, 2)
        Start and stop of each span in seconds. Rows with ``stop <= start`` are dropped.

    Returns
    -------
    ndarray, shape (m, 2), float64
        The same time covered, in normal form.
    """
    rows = np.asarray(pairs if isinstance(pairs, np.ndarray) else list(pairs), dtype=np.float64)  # type: ignore[arg-type]
    rows = rows.reshape(-1, 2)
    if len(rows) == 0:
        return rows
    rows = rows[rows[:, 1] > rows[:, 0]]
    if len(rows) < 2 or (rows[1:, 0] > rows[:-1, 1]).all():
        return rows
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    reach = np.maximum.accumulate(rows[:, 1])
    is_first = np.concatenate(([True], rows[1:, 0] > reach[:-1]))
    first = np.flatnonzero(is_first)
    last = np.concatenate((first[1:] - 1, [len(rows) - 1]))
    return np.column_stack((rows[first, 0], reach[last]))


def unite_spans(*sets: Spans) -> Spans:
    """Time covered by at least one of the sets of spans."""
    if not sets:
        return np.empty((0, 2))
    return as_spans(np.concatenate([np.asarray(s, dtype=np.float64).reshape(-1, 2) for s in sets]))


def invert_spans(spans: Spans, start_s: float, stop_s: float) -> Spans:
    """Time within ``[start_s, stop_s)`` that no span covers."""
    inner = clip_spans(spans, start_s, stop_s)
    edges = np.concatenate(([start_s], inner.reshape(-1), [stop_s]))  # of what lies between
    return as_spans(edges.reshape(-1, 2))


def clip_spans(spans: Spans, start_s: float, stop_s: float) -> Spans:
    """The part of the spans inside ``[start_s, stop_s)``."""
    return as_spans(np.minimum(np.maximum(as_spans(spans), start_s), stop_s))


def subtract_spans(spans: Spans, minus: Spans) -> Spans:
    """Time in ``spans`` that is not in ``minus``."""
    rows = as_spans(spans)
    if len(rows) == 0:
        return rows
    return intersect_spans(rows, invert_spans(minus, rows[0, 0], rows[-1, 1]))


def intersect_spans(a: Spans, b: Spans) -> Spans:
    """Time covered by both sets of spans."""
    rows_a, rows_b = as_spans(a).tolist(), as_spans(b).tolist()
    pieces: list[tuple[float, float]] = []
    i = j = 0
    while i < len(rows_a) and j < len(rows_b):
        (start_a, stop_a), (start_b, stop_b) = rows_a[i], rows_b[j]
        start, stop = max(start_a, start_b), min(stop_a, stop_b)
        if stop > start:
            pieces.append((start, stop))
        if stop_a <= stop_b:
            i += 1
        else:
            j += 1
    return np.array(pieces, dtype=np.float64).reshape(-1, 2)


def total_s(spans: Spans) -> float:
    """Seconds covered by the spans, overlapping time counted once."""
    rows = as_spans(spans)
    return float((rows[:, 1] - rows[:, 0]).sum())


def overlaps_s(rows: Spans, spans: Spans) -> NDArray[np.float64]:
    """Seconds of each row that the spans cover.

    Parameters
    ----------
    rows : ndarray, shape (n, 2), float64
        Any spans, in any order; they may overlap each other.
    spans : ndarray, shape (m, 2), float64
        In normal form.

    Returns
    -------
    ndarray, shape (n,), float64
    """
    if len(spans) == 0:
        return np.zeros(len(rows))
    edges = spans.reshape(-1)
    lengths = spans[:, 1] - spans[:, 0]
    covered = np.zeros(len(edges))
    covered[1::2] = np.cumsum(lengths)
    covered[2::2] = covered[1:-1:2]
    before = np.interp(rows, edges, covered)
    overlaps: NDArray[np.float64] = before[:, 1] - before[:, 0]
    return overlaps


def spans_from_mask(mask: NDArray[np.bool_], rate_hz: float, *, start_s: float = 0.0) -> Spans:
    """Turn a mask over regular samples into spans.

    Parameters
    ----------
    mask : ndarray of bool, shape (n_samples,)
        True where the span covers the sample. Sample ``i`` lasts from ``i / rate_hz`` to
        ``(i + 1) / rate_hz``.
    rate_hz : float
        Samples per second.
    start_s : float
        Time of the first sample.

    Returns
    -------
    ndarray, shape (m, 2), float64
        One row a run of True.
    """
    if not np.any(mask):  # often so, and much sooner told than edges are found
        return np.empty((0, 2))
    padded = np.concatenate(([False], np.asarray(mask, dtype=bool), [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return start_s + edges.reshape(-1, 2) / rate_hz
