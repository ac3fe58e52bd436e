"""Decimation: stored samples summed into the bins of a slower clock."""

import numpy as np

from hsat.kernels import inner_kernel, kernel

__all__ = ["add_to_bins", "finish_bins"]


@inner_kernel
def _add_whole_bins(stored, whole, first_bin, sums):
    """Add each `whole` samples of each row up; as whole numbers, which is exact."""
    n_row_bins = stored.shape[1] // whole
    for row in range(stored.shape[0]):
        samples = stored[row]
        place = first_bin + row * n_row_bins
        out = sums[place : place + n_row_bins]
        for k in range(len(out)):
            of_bin = samples[k * whole : (k + 1) * whole]
            total = 0
            for i in range(whole):
                total += int(of_bin[i])
            out[k] += np.float32(total)


@kernel
def add_to_bins(stored, first_sample, ratio, is_checked, lowest, highest, missing, sums, weights):
    """Add a block of stored samples to the bins of a slower clock.

    Sample ``i`` covers ``[i / ratio, (i + 1) / ratio)`` in units of bins; a sample that straddles
    two bins is shared between them by length.

    Parameters
    ----------
    stored : ndarray, shape (n_records, n_columns), int16 or float32
        Samples in order of time, row after row; rows may lie apart in memory.
    first_sample : int
        Place of the first sample on the recording's clock.
    ratio : float
        Samples a bin, at least 1.
    is_checked : bool
        Whether samples may be missing: outside ``[lowest, highest]``, NaN, or listed.
    lowest, highest : float
        Range of valid stored values.
    missing : ndarray, shape (m,), float64
        Stored values that mean "no value".
    sums : ndarray, shape (n_bins,), float32
        Changed in place: sum of stored values times their share of the bin.
    weights : ndarray, shape (n_bins,), float32
        Changed in place: samples in the bin, shares counted as such.
    """
    n_bins = len(sums)
    n_columns = stored.shape[1]
    whole = int(ratio)
    is_aligned = whole == ratio and first_sample >= 0 and first_sample % whole == 0 and n_columns % whole == 0
    if is_aligned and not is_checked:  # whole numbers: what is not is always checked
        first_bin = first_sample // whole
        # Numbers that are written out let the compiler lay the innermost loop flat: recordings of 25,
        # 50 and 100 Hz are common.
        if whole == 10:
            _add_whole_bins(stored, 10, first_bin, sums)
        elif whole == 5:
            _add_whole_bins(stored, 5, first_bin, sums)
        else:
            _add_whole_bins(stored, whole, first_bin, sums)
        reached = weights[first_bin : first_bin + stored.shape[0] * (n_columns // whole)]
        for k in range(len(reached)):
            reached[k] += np.float32(whole)
        return
    per_sample = 1.0 / ratio
    for row in range(stored.shape[0]):
        place = first_sample + row * n_columns
        edge = place * per_sample
        this_bin = int(np.floor(edge))
        total = 0.0
        weight = 0.0
        for sample in stored[row]:
            place += 1
            next_edge = place * per_sample
            next_bin = int(np.floor(next_edge))
            value = float(sample)
            is_there = True
            if is_checked:
                is_there = lowest <= value <= highest
                for code in missing:
                    if value == code:
                        is_there = False
            if next_bin == this_bin:
                if is_there:
                    total += value
                    weight += 1.0
            else:  # the sample straddles the edge between two bins
                share = (next_bin - edge) * ratio if is_there else 0.0
                if 0 <= this_bin < n_bins:
                    sums[this_bin] += total + (value * share if is_there else 0.0)
                    weights[this_bin] += weight + share
                total = value * (1.0 - share) if is_there else 0.0
                weight = 1.0 - share if is_there else 0.0
                this_bin = next_bin
            edge = next_edge
        if 0 <= this_bin < n_bins:
            sums[this_bin] += total
            weights[this_bin] += weight


@kernel
def finish_bins(sums, weights, gain, offset):
    """Means of the bins, in physical units.

    Parameters
    ----------
    sums : ndarray, shape (n_bins,), float32
        Changed in place: from the sum of stored values to the physical value of their mean; NaN
        where the bin holds less than half a sample.
    weights : ndarray, shape (n_bins,), float32
        Samples in the bin.
    gain, offset : float32
        Of the line from stored to physical values.
    """
    for k in range(len(sums)):
        mean = sums[k] / max(weights[k], np.float32(0.5))
        value = mean * gain + offset
        sums[k] = value if weights[k] >= np.float32(0.5) else np.float32(np.nan)
