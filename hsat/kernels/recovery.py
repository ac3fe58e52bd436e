"""Recovery breaths: single large ones that come back again and again, reduced breathing between."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.kernels import inner_kernel, kernel

__all__ = ["RunLimits", "find_recovery_breaths"]


class RunLimits(NamedTuple):
    """Numbers of a run of reductions with single breaths between, times in samples.

    Attributes
    ----------
    reduced_fraction : float
        A breath below this fraction of another is reduced against it.
    n_breath : ndarray, shape (m,), int64
        The usual breath around each.
    n_shortest, n_longest : int
        Reduced breathing between a recovery breath and the next.
    n_recoveries : int
        Recovery breaths that make a run.
    """

    reduced_fraction: float
    n_breath: NDArray[np.int64]
    n_shortest: int
    n_longest: int
    n_recoveries: int


@inner_kernel
def _count_recoveries(i, step, onsets, sizes, limits):
    """Single breaths as large as breath `i`, one after another from it on; -1 where it is none itself.

    `step` is 1 or -1: later or earlier. No more are counted than make a run.
    """
    least = limits.reduced_fraction * sizes[i]
    count = 0
    last = i
    k = i + step
    while 0 <= k < len(onsets) and not np.isnan(sizes[k]):
        n_between = abs(onsets[k] - onsets[last]) - limits.n_breath[min(k, last)]
        if n_between > limits.n_longest:
            break
        if sizes[k] >= least:
            if n_between < limits.n_shortest:  # `last` was not alone: breathing that goes on
                return count - 1
            if count + 1 >= limits.n_recoveries:
                break
            count += 1
            last = k
        k += step
    return count


@kernel
def find_recovery_breaths(onsets, sizes, limits, is_recovery):
    """Find single breaths that come back again and again between stretches of reduced breathing.

    From one recovery breath to the next, every breath is reduced against the first, for ``n_shortest`` to
    ``n_longest`` samples; ``n_recoveries`` of them in a row make a run.

    Parameters
    ----------
    onsets : ndarray, shape (m,), int64
        Breath onsets in samples, rising.
    sizes : ndarray, shape (m,), float32
        Excursion of each breath; NaN where flow is missing, which no run reaches across.
    limits : RunLimits
    is_recovery : ndarray, shape (m,), bool
        Filled in place: True for the recovery breaths of a run.
    """
    for i in range(len(onsets)):
        is_recovery[i] = False
        if np.isnan(sizes[i]):
            continue
        n_after = _count_recoveries(i, 1, onsets, sizes, limits)
        if n_after < 0:
            continue
        n_before = _count_recoveries(i, -1, onsets, sizes, limits)
        is_recovery[i] = n_before >= 0 and n_before + 1 + n_after >= limits.n_recoveries
