"""Decimation: stored samples summed into the bins of a slower clock."""

import numpy as np

from hsat.kernels import kernel

__all__ = ["add_to_bins"]


@kernel
def add_to_bins(stored, n_columns, first_sample, ratio, is_checked, lowest, highest, missing, sums, weights):
    """Add a block of stored samples to the bins of a slower clock.

    Sample ``i`` covers ``[i / ratio, (i + 1) / ratio)`` in units of bins; a sample that straddles
    two bins is shared between them by length.

    Parameters
    ----------
    stored : ndarray, shape (n_records, n_row), int16 or float32, C order
        Only the first `n_columns` of every row are read.
    n_columns : int
        Samples a record.
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
    whole = int(ratio)
    is_aligned = whole == ratio and first_sample >= 0 and first_sample % whole == 0 and n_columns % whole == 0
    if is_aligned and not is_checked:
        n_row_bins = n_columns // whole
        for row in range(stored.shape[0]):
            samples = stored[row]
            first_bin = (first_sample + row * n_columns) // whole
            for k in range(min(n_row_bins, n_bins - first_bin)):
                total = 0.0
                for sample in samples[k * whole : (k + 1) * whole]:
                    total += sample
                sums[first_bin + k] += total
                weights[first_bin + k] += whole
        return
    for row in range(stored.shape[0]):
        for column in range(n_columns):
            value = float(stored[row, column])
            if is_checked:
                is_missing = not (lowest <= value <= highest)
                for code in missing:
                    if value == code:
                        is_missing = True
                if is_missing:
                    continue
            sample = first_sample + row * n_columns + column
            start = sample / ratio
            stop = (sample + 1) / ratio
            first_bin = int(np.floor(start))
            last_bin = int(np.floor(stop))
            if stop <= first_bin + 1:
                if 0 <= first_bin < n_bins:
                    sums[first_bin] += value
                    weights[first_bin] += 1.0
            else:
                share = (last_bin - start) / (stop - start)
                if 0 <= first_bin < n_bins:
                    sums[first_bin] += value * share
                    weights[first_bin] += share
                if 0 <= last_bin < n_bins:
                    sums[last_bin] += value * (1.0 - share)
                    weights[last_bin] += 1.0 - share
