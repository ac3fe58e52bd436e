"""Copies of the signals at the rates of analysis, made in one pass over the recording."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hsat.detect.excerpts import ExcerptSampler
from hsat.kernels.sampling import add_to_bins, finish_bins
from hsat.recording import Recording, SampleBlock, Signal

__all__ = ["HELD", "sample_signals"]

Samples = NDArray[np.float32]

HELD = ("spo2", "pulse", "position")
"""Signals of whole numbers and codes: a mean of two of them would be neither."""


class _MeanSampler:
    """Mean of the samples in each bin of the slower clock, for flow and effort."""

    def __init__(self, signal: Signal, rate_hz: float, duration_s: float) -> None:
        self.calibration = signal.calibration
        self.ratio = signal.rate_hz / rate_hz
        n_bins = int(np.ceil(duration_s * rate_hz))
        self.sums = np.zeros(n_bins, np.float32)
        self.weights = np.zeros(n_bins, np.float32)
        self.missing = np.asarray(self.calibration.missing_stored, dtype=np.float64)
        self.is_range_open = bool(
            np.isinf(self.calibration.lowest_stored) and np.isinf(self.calibration.highest_stored)
        )

    def add(self, block: SampleBlock) -> None:
        stored = block.stored
        if stored.size == 0:
            return
        is_checked = not self.is_range_open or len(self.missing) > 0 or stored.dtype.kind == "f"
        add_to_bins(
            stored,
            block.first_sample,
            self.ratio,
            is_checked,
            self.calibration.lowest_stored,
            self.calibration.highest_stored,
            self.missing,
            self.sums,
            self.weights,
        )

    def finish(self) -> Samples:
        finish_bins(
            self.sums, self.weights, np.float32(self.calibration.gain), np.float32(self.calibration.offset)
        )
        return self.sums


class _NativeSampler:
    """Every sample at the rate it was recorded at."""

    def __init__(self, signal: Signal) -> None:
        self.calibration = signal.calibration
        self.stored = np.full(signal.n_samples, np.nan, np.float32)

    def add(self, block: SampleBlock) -> None:
        first = max(block.first_sample, 0)
        stop = min(block.first_sample + block.stored.size, len(self.stored))
        if stop > first:
            flat = block.stored.reshape(-1)
            self.stored[first:stop] = flat[first - block.first_sample : stop - block.first_sample]

    def finish(self) -> Samples:
        return self.calibration.to_physical(self.stored).astype(np.float32)


class _HoldSampler:
    """The sample in force at each tick of the clock, for oximetry and position.

    A signal recorded no faster than analysed is kept whole and spread at the end; of a faster
    one only the samples in force are kept.
    """

    def __init__(self, signal: Signal, rate_hz: float, duration_s: float) -> None:
        self.signal = signal
        self.ratio = signal.rate_hz / rate_hz
        self.n_ticks = int(np.ceil(duration_s * rate_hz))
        self.native = _NativeSampler(signal) if self.ratio <= 1 else None
        self.values = np.full(0 if self.native else self.n_ticks, np.nan, np.float32)

    def add(self, block: SampleBlock) -> None:
        if self.native is not None:
            self.native.add(block)
            return
        first, stop = block.first_sample, block.first_sample + block.stored.size
        first_tick = max(int(np.ceil(first / self.ratio)), 0)
        ticks = np.arange(first_tick, min(int(np.ceil(stop / self.ratio)), self.n_ticks))
        places = np.clip((ticks * self.ratio).astype(np.int64) - first, 0, block.stored.size - 1)
        n_columns = block.stored.shape[1]
        chosen = block.stored[places // n_columns, places % n_columns]
        self.values[first_tick : first_tick + len(ticks)] = self.signal.calibration.to_physical(chosen)

    def finish(self) -> Samples:
        if self.native is None:
            return self.values
        values = self.native.finish()
        if len(values) == 0:
            return np.full(self.n_ticks, np.nan, np.float32)
        n_each = round(1 / self.ratio)
        if n_each * self.ratio == 1:
            held = np.repeat(values, n_each)[: self.n_ticks]
            missing = np.full(self.n_ticks - len(held), np.nan, np.float32)
            return np.concatenate((held, missing)) if len(missing) else held
        places = (np.arange(self.n_ticks) * self.ratio).astype(np.int64)
        return values[np.minimum(places, len(values) - 1)]


class _LineSampler:
    """Straight lines between samples, for flow and effort recorded slower than analysed."""

    def __init__(self, signal: Signal, rate_hz: float, duration_s: float) -> None:
        self.rate_hz = rate_hz
        self.duration_s = duration_s
        self.native_rate_hz = signal.rate_hz
        self.native = _NativeSampler(signal)

    def add(self, block: SampleBlock) -> None:
        self.native.add(block)

    def finish(self) -> Samples:
        values = self.native.finish()
        n_ticks = int(np.ceil(self.duration_s * self.rate_hz))
        # Middle of each bin on the clock of the samples' middles; NaN spreads to its neighbours.
        places = (np.arange(n_ticks) + 0.5) * (self.native_rate_hz / self.rate_hz) - 0.5
        if len(values) == 0:
            return np.full(n_ticks, np.nan, np.float32)
        line: Samples = np.interp(places, np.arange(len(values)), values).astype(np.float32)
        return line


LARGEST_VALUE = np.float32(1e30)
"""Beyond this, and at infinity, a number is no measurement and its square no float."""


KEPT_BYTES = 1 << 24
"""A block that no copy of a usual night exceeds; all copies of one together are below twice of it."""


@cache
def _keep_memory() -> None:
    """Have the C library keep a few megabytes between arrays, and from night to night.

    By its own rule glibc gives arrays of a night back to the system at once, which clears each page
    that is asked for again: a tenth of the time that a night takes. It learns the size of what is
    freed, keeps blocks up to that, and twice as much of free memory in all (``M_MMAP_THRESHOLD``
    and ``M_TRIM_THRESHOLD`` in mallopt(3)). Elsewhere this does nothing.
    """
    np.empty(KEPT_BYTES, np.uint8)


def sample_signals(
    recording: Recording,
    rates_hz: Mapping[str, float],
    *,
    excerpts: Mapping[str, ExcerptSampler] = MappingProxyType({}),
) -> dict[str, Samples]:
    """Read the named signals in one pass and bring each to its rate of analysis.

    Flow and effort become means over bins of the copy (straight lines between samples where
    recorded slower); SpO2, pulse and position keep the sample in force, so that whole
    percents and codes stay what they were.

    Parameters
    ----------
    recording : Recording
    rates_hz : mapping of str to float
        Canonical names, each in the recording, and the rate of each copy.
    excerpts : mapping of str to ExcerptSampler
        Some of the names; these are filled in the same pass.

    Returns
    -------
    dict of str to ndarray, shape (n_samples,), float32
        Physical values from the recording's start to its end; NaN where missing or in a gap.
    """
    _keep_memory()
    samplers: list[_MeanSampler | _HoldSampler | _LineSampler] = []
    by_source: dict[int, tuple[Signal, list[int]]] = {}
    names = list(rates_hz)
    for i, (name, rate_hz) in enumerate(rates_hz.items()):
        signal = recording.signal(name)
        if name in HELD:
            samplers.append(_HoldSampler(signal, rate_hz, recording.duration_s))
        elif signal.rate_hz < rate_hz:
            samplers.append(_LineSampler(signal, rate_hz, recording.duration_s))
        else:
            samplers.append(_MeanSampler(signal, rate_hz, recording.duration_s))
        by_source.setdefault(id(signal.source), (signal, []))[1].append(i)
    for first_signal, places in by_source.values():
        indices = [recording.signal(names[i]).source_index for i in places]
        for block in first_signal.source.blocks(indices):
            place = places[block.position]
            samplers[place].add(block)
            if names[place] in excerpts:
                excerpts[names[place]].add(block)
    sampled = {name: sampler.finish() for name, sampler in zip(names, samplers, strict=True)}
    for values in sampled.values():
        if np.fmax.reduce(values) > LARGEST_VALUE or np.fmin.reduce(values) < -LARGEST_VALUE:
            values[np.abs(values) > LARGEST_VALUE] = np.nan
    return sampled
