"""Cohen's kappa: of classes second by second, and of any table of two raters."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.agreement.estimates import Estimate, bootstrap_estimate
from hsat.intervals import Spans
from hsat.scorings import ScoredEvent

__all__ = ["Grid", "count_blocks", "kappa", "kappa_by_blocks", "label_steps", "to_two_classes"]

NOTHING, HYPOPNEA, APNEA = 0, 1, 2
N_CLASSES = 3
BLOCK_S = 300.0
"""Seconds of one event, and events of one run of them, go together. Within five minutes that stays as it
is: several times the longest usual event (a minute) and the cycle of periodic breathing (40 to 90 s)."""
MIN_BLOCKS = 10
NO_KAPPA = "kappa is not defined: both scorings have one and the same class all the time"


class Grid(NamedTuple):
    """Time cut into steps of one length.

    Attributes
    ----------
    step_s : float
    n_steps : int
    is_epoch : bool
        Whether a step belongs to an event that touches any part of it (scoring epochs), or only to
        one that covers its middle.
    """

    step_s: float
    n_steps: int
    is_epoch: bool

    def mask(self, spans_s: Spans) -> NDArray[np.bool_]:
        """Steps that belong to any of the spans, shape (n_steps,)."""
        steps = spans_s.reshape(-1, 2) / self.step_s
        if self.is_epoch:
            first, end = np.floor(steps[:, 0]), np.ceil(steps[:, 1])
        else:
            first, end = np.ceil(steps - 0.5).T
        edges = np.clip(np.stack((first, end)), 0, self.n_steps).astype(np.intp)
        opened, closed = (np.bincount(places, minlength=self.n_steps + 1) for places in edges)
        covered: NDArray[np.bool_] = np.cumsum(opened - closed)[: self.n_steps] > 0
        return covered

    def middles_in(self, spans_s: Spans) -> NDArray[np.bool_]:
        """Steps whose middle lies in any of the spans."""
        return self._replace(is_epoch=False).mask(spans_s)


def label_steps(events: tuple[ScoredEvent, ...], grid: Grid) -> NDArray[np.intp]:
    """The class of every step.

    Parameters
    ----------
    events : tuple of ScoredEvent
    grid : Grid

    Returns
    -------
    ndarray, shape (n_steps,), intp
        0 nothing, 1 hypopnea, 2 apnea; an apnea wins where both belong to a step.
    """
    labels = np.full(grid.n_steps, NOTHING, dtype=np.intp)
    for label, is_apnea in ((HYPOPNEA, False), (APNEA, True)):
        spans = [(event.start_s, event.stop_s) for event in events if event.kind.is_apnea is is_apnea]
        labels[grid.mask(np.array(spans, dtype=np.float64).reshape(-1, 2))] = label
    return labels


def count_blocks(
    reference: NDArray[np.intp], scored: NDArray[np.intp], is_compared: NDArray[np.bool_], grid: Grid
) -> NDArray[np.float64]:
    """Tables of reference class by scored class, one for each five minutes with anything to compare.

    Parameters
    ----------
    reference, scored : ndarray, shape (n_steps,), intp
        From `label_steps`.
    is_compared : ndarray of bool, shape (n_steps,)
    grid : Grid

    Returns
    -------
    ndarray, shape (n_blocks, 3, 3), float64
        Steps of each pair of classes: reference in rows, scored in columns.
    """
    n_in_block = max(round(BLOCK_S / grid.step_s), 1)
    block = np.arange(grid.n_steps) // n_in_block
    n_blocks = int(block[-1]) + 1 if grid.n_steps else 0
    cell = (block * N_CLASSES + reference) * N_CLASSES + scored
    counts = np.bincount(cell[is_compared], minlength=n_blocks * N_CLASSES**2).astype(np.float64)
    tables = counts.reshape(n_blocks, N_CLASSES, N_CLASSES)
    is_used = tables.sum(axis=(1, 2)) > 0
    used: NDArray[np.float64] = tables[is_used]
    return used


def to_two_classes(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tables of event or nothing from tables of apnea, hypopnea or nothing; shape (n, 2, 2)."""
    merged = np.add.reduceat(tables, [NOTHING, HYPOPNEA], axis=1)
    result: NDArray[np.float64] = np.add.reduceat(merged, [NOTHING, HYPOPNEA], axis=2)
    return result


def kappa(tables: NDArray[np.float64], *, power: int = 0) -> NDArray[np.float64]:
    """Cohen's kappa (Cohen 1960, Educ Psychol Meas 20:37; weighted: Cohen 1968, Psychol Bull 70:213).

    Parameters
    ----------
    tables : ndarray, shape (n, k, k), float64
        Counts of the one rater's class in rows by the other's in columns.
    power : int
        0: every disagreement weighs the same; 1: by its distance in classes; 2: by the square of it.

    Returns
    -------
    ndarray, shape (n,), float64
        NaN where chance alone would disagree never.
    """
    classes = np.arange(tables.shape[-1])
    distance = np.abs(classes[:, None] - classes[None, :])
    cost: NDArray[np.float64] = np.sign(distance) * distance.astype(np.float64) ** power
    total = tables.sum(axis=(1, 2))
    chance = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None, :]
    expected = (cost * chance).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        agreed: NDArray[np.float64] = 1.0 - (cost * tables).sum(axis=(1, 2)) * total / expected
    agreed[expected <= 0.0] = np.nan
    return agreed


def kappa_by_blocks(blocks: NDArray[np.float64]) -> Estimate:
    """Kappa of a night with an interval from its blocks of five minutes.

    Parameters
    ----------
    blocks : ndarray, shape (n_blocks, k, k), float64
        From `count_blocks`.

    Returns
    -------
    Estimate

    Notes
    -----
    Neighbouring seconds are no independent witnesses, and formulas that take them for such give
    intervals far too narrow. Resampled are whole blocks that do not overlap (Carlstein 1986,
    Ann Stat 14:1171). The interval tells how kappa might differ in as much again of the same night.
    """
    return bootstrap_estimate(blocks, kappa, nothing=NO_KAPPA, unit="blocks of 5 min", min_units=MIN_BLOCKS)
