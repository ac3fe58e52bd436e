"""Minutes of a signal at nearly the rate it was recorded at, spread evenly over the night."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hsat.kernels.sampling import add_to_bins
from hsat.recording import SampleBlock, Signal

__all__ = ["ExcerptSampler", "Excerpts"]

MINUTE_S = 60.0
"""Length of each excerpt: a dozen breaths or more."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpts:
    """Minutes of one signal.

    Attributes
    ----------
    rate_hz : float
    stride_s : float
        From the start of one minute to that of the next; the first begins with the recording.
    values : ndarray, shape (n_minutes, n), float32
        NaN where missing.
    """

    rate_hz: float
    stride_s: float
    values: Samples

    def holds(self, starts_s: NDArray[np.float64], stops_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each span lies in one of the minutes as a whole, shape (k,)."""
        minutes = np.floor(starts_s / self.stride_s)
        return (stops_s - minutes * self.stride_s <= MINUTE_S) & (minutes < len(self.values))

    def cut(self, starts_s: NDArray[np.float64], n_samples: NDArray[np.int64]) -> Samples:
        """Spans that `holds` is true of, one below the other, 0 behind their ends; shape (k, longest)."""
        minutes = (starts_s / self.stride_s).astype(np.int64)
        firsts = np.rint((starts_s - minutes * self.stride_s) * self.rate_hz).astype(np.int64)
        steps = np.arange(n_samples.max(initial=0))
        places = np.minimum(firsts[:, None] + steps, self.values.shape[1] - 1)
        places += minutes[:, None] * self.values.shape[1]
        spans: Samples = self.values.reshape(-1).take(places)
        spans[steps >= n_samples[:, None]] = 0.0
        return spans


class ExcerptSampler:
    """Takes its minutes out of the blocks of one pass over the recording.

    Parameters
    ----------
    signal : Signal
    least_rate_hz : float
        Neighbouring samples of a faster signal are averaged, as many as leave this rate.
    n_minutes : int
        At most so many.
    duration_s : float
        Of the recording.
    """

    def __init__(self, signal: Signal, *, least_rate_hz: float, n_minutes: int, duration_s: float) -> None:
        self.calibration = signal.calibration
        self.n_averaged = max(int(signal.rate_hz / least_rate_hz), 1)
        self.rate_hz = signal.rate_hz / self.n_averaged
        in_all = max(int(duration_s / MINUTE_S), 1)
        stride = -(-in_all // n_minutes)
        self.stride_s = stride * MINUTE_S
        shape = -(-in_all // stride), int(MINUTE_S * self.rate_hz)
        self.sums, self.weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.missing = np.asarray(self.calibration.missing_stored, dtype=np.float64)

    def add(self, block: SampleBlock) -> None:
        """Take what lies in one of the minutes."""
        stored, first = block.stored, block.first_sample
        n_columns = stored.shape[1]
        if stored.size == 0:
            return
        n_minute = self.sums.shape[1] * self.n_averaged
        for minute, (sums, weights) in enumerate(zip(self.sums, self.weights, strict=True)):
            start = round(minute * self.stride_s * self.rate_hz) * self.n_averaged
            if start >= first + stored.size:
                break
            low, high = max(start - first, 0), min(start + n_minute - first, stored.size)
            if high <= low:
                continue
            if len(stored) == 1:
                part, at = stored[:, low:high], first + low
            else:
                row = low // n_columns
                part, at = stored[row : -(-high // n_columns)], first + row * n_columns
            add_to_bins(
                part,
                at - start,
                float(self.n_averaged),
                True,
                self.calibration.lowest_stored,
                self.calibration.highest_stored,
                self.missing,
                sums,
                weights,
            )

    def finish(self) -> Excerpts:
        """What was taken, as physical values."""
        is_empty = self.weights < 0.5
        self.weights[is_empty] = 1.0
        values: Samples = self.sums / self.weights
        values *= np.float32(self.calibration.gain)
        values += np.float32(self.calibration.offset)
        values[is_empty] = np.nan
        return Excerpts(rate_hz=self.rate_hz, stride_s=self.stride_s, values=values)
