"""Breaths: where they begin, how large they are, how flow goes to and fro."""

from hsat.kernels import kernel

__all__ = ["find_breaths", "measure_breaths", "measure_way"]


@kernel
def find_breaths(flow, hysteresis, onsets):
    """Find breath onsets: upward zero crossings after a swing to either side.

    Parameters
    ----------
    flow : ndarray, shape (n,), float32
        Flow without drift; finite.
    hysteresis : ndarray, shape (n,), float32
        An onset counts where flow exceeds ``+hysteresis`` having been below ``-hysteresis`` since
        the onset before.
    onsets : ndarray, shape (n,), int64
        Filled in place with the sample of the last upward zero crossing before each rise.

    Returns
    -------
    int
        Number of onsets.
    """
    count = 0
    has_fallen = False
    for i in range(1, len(flow)):
        if has_fallen and flow[i] > hysteresis[i]:
            crossing = i
            while flow[crossing - 1] > 0.0:
                crossing -= 1
            onsets[count] = crossing
            count += 1
            has_fallen = False
        elif flow[i] < -hysteresis[i]:
            has_fallen = True
    return count


@kernel
def measure_breaths(flow, onsets, n_longest, ranges):
    """Range of flow within each breath.

    Parameters
    ----------
    flow : ndarray, shape (n,), float32
    onsets : ndarray, shape (m,), int64
        Rising.
    n_longest : ndarray, shape (m,), int64
        A breath lasts to the next onset, but no more than this many samples.
    ranges : ndarray, shape (m,), float32
        Filled in place: largest minus smallest value, the last sample included.
    """
    for k in range(len(onsets)):
        stop = min(onsets[k] + n_longest[k], len(flow) - 1)
        if k + 1 < len(onsets):
            stop = min(stop, onsets[k + 1])
        breath = flow[onsets[k] : stop + 1]
        largest = smallest = breath[0]
        for i in range(len(breath)):
            largest = max(largest, breath[i])
            smallest = min(smallest, breath[i])
        ranges[k] = largest - smallest


@kernel
def measure_way(flow, excursion, n_block, ways, reaches):
    """Way that flow goes, and sum of its excursions, block by block.

    Parameters
    ----------
    flow, excursion : ndarray, shape (n,), float32
        Finite.
    n_block : int
        Samples a block; what is left over at the end belongs to the last.
    ways, reaches : ndarray, shape (k,), float64
        Filled in place: sum of the absolute differences between neighbouring samples, each
        counted where it ends, and sum of `excursion`. ``k`` is at least 1.
    """
    for block in range(len(ways)):
        way = 0.0
        reach = 0.0
        start = block * n_block
        stop = len(flow) if block == len(ways) - 1 else min(start + n_block, len(flow))
        if start == 0 and stop > 0:
            reach += excursion[0]
            start = 1
        here, before, ranges = flow[start:stop], flow[start - 1 : stop], excursion[start:stop]
        for i in range(len(here)):  # two sums at once take no longer than one
            reach += ranges[i]
            way += abs(here[i] - before[i])
        ways[block] = way
        reaches[block] = reach
