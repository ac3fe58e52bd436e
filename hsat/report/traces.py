"""Copies of the recorded signals for looking at: small enough for a page, true to single breaths.

No number of a result is computed from them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hsat.kernels.sampling import add_to_bins
from hsat.recording import Recording, SampleBlock, Signal

__all__ = ["CodeSpan", "Trace", "code_spans", "read_traces"]

WAVES = ("flow", "nasal_pressure", "thermistor", "rip_sum", "rip_flow", "thorax", "abdomen")
LEVELS = ("spo2", "pulse", "position")
SOUND = "snore"

AIRFLOW = WAVES[:5]
WAVE_RATES_HZ = (
    (32.0, 32.0),
    (32.0, 16.0),
    (32.0, 10.0),
    (25.0, 10.0),
    (16.0, 10.0),
    (10.0, 10.0),
    (8.0, 8.0),
    (5.0, 5.0),
    (4.0, 4.0),
    (2.0, 2.0),
    (1.0, 1.0),
)
"""Rates of copies of airflow and of belts, best first; the first is taken that stays within the samples
allowed. 32 Hz keep every recorder's edges, 10 Hz the shape of each breath, 4 Hz its size."""
MOST_WAVE_SAMPLES = 1_300_000
"""Samples of all copies of breathing together where nothing else is asked for."""
LEVEL_RATE_HZ = 4.0
"""SpO2, pulse and position recorded no faster are kept whole; faster ones hold repeats, and 1 Hz is kept."""
SOUND_RATE_HZ = 2.0
SOUND_LEVEL_UNIT = "db"

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A copy of one signal.

    Attributes
    ----------
    signal : Signal
        What it is a copy of.
    rate_hz : float
        Samples per second of the copy.
    values : ndarray, shape (n,), float32
        In the signal's unit, from the start of the recording; NaN where missing. Of a snore channel
        the span from the lowest to the highest sample in each step, of a sound level in dB the highest.
    """

    signal: Signal
    rate_hz: float
    values: Samples

    @property
    def name(self) -> str:
        """Canonical name."""
        return self.signal.name


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSpan:
    """A stretch with one value of a coded signal."""

    start_s: float
    stop_s: float
    code: int


def read_traces(
    recording: Recording,
    *,
    names: Sequence[str] | None = None,
    n_most: int = MOST_WAVE_SAMPLES,
) -> tuple[Trace, ...]:
    """Read copies of the signals that a person looks at, in one pass over the recording.

    Parameters
    ----------
    recording : Recording
    names : sequence of str, optional
        Canonical names; those that were not recorded are left out. Airflow, belts, SpO2, pulse,
        position and snore where not given.
    n_most : int, optional
        Samples that all copies of airflow and belts may have together: they get the best rates that
        keep to it. Signals recorded slower keep their rate.

    Returns
    -------
    tuple of Trace
        In the order in which people read them: airflow, belts, SpO2, pulse, position, snore.
    """
    wanted = (*WAVES, *LEVELS, SOUND) if names is None else names
    signals = [recording.signal(name) for name in wanted if recording.has_signal(name)]
    waves = [signal for signal in signals if signal.name in WAVES]
    rates_hz = _wave_rates_hz(waves, recording.duration_s, n_most)
    copies = [_Copy(signal, _copy_rate_hz(signal, rates_hz), recording.duration_s) for signal in signals]
    by_source: dict[int, list[_Copy]] = {}
    for copy in copies:
        by_source.setdefault(id(copy.signal.source), []).append(copy)
    for group in by_source.values():
        for block in group[0].signal.source.blocks([copy.signal.source_index for copy in group]):
            group[block.position].add(block)
    return tuple(Trace(signal=copy.signal, rate_hz=copy.rate_hz, values=copy.finish()) for copy in copies)


def _copy_rate_hz(signal: Signal, wave_rates_hz: tuple[float, float]) -> float:
    if signal.name in WAVES:
        return min(signal.rate_hz, wave_rates_hz[signal.name not in AIRFLOW])
    if signal.name == SOUND:
        return min(signal.rate_hz, SOUND_RATE_HZ)
    return signal.rate_hz if signal.rate_hz <= LEVEL_RATE_HZ else 1.0


def _wave_rates_hz(waves: Sequence[Signal], duration_s: float, n_most: int) -> tuple[float, float]:
    """The best rates that keep to the samples allowed; the least where none do."""
    for rates_hz in WAVE_RATES_HZ:
        if sum(_copy_rate_hz(signal, rates_hz) for signal in waves) * duration_s <= n_most:
            return rates_hz
    return WAVE_RATES_HZ[-1]


class _Copy:
    """Gathers the blocks of one signal at the rate of its copy."""

    def __init__(self, signal: Signal, rate_hz: float, duration_s: float) -> None:
        self.signal = signal
        self.rate_hz = rate_hz
        self.ratio = signal.rate_hz / rate_hz
        self.is_sound = signal.name == SOUND and self.ratio > 1.0
        self.is_mean = signal.name in WAVES and self.ratio > 1.0
        n_bins = int(np.ceil(duration_s * rate_hz - 1e-6))
        fill = 0.0 if self.is_mean else np.nan
        self.values = np.full(n_bins, fill, np.float32)
        self.weights = np.zeros(n_bins if self.is_mean else 0, np.float32)
        self.missing = np.asarray(signal.calibration.missing_stored, dtype=np.float64)

    def add(self, block: SampleBlock) -> None:
        if block.stored.size == 0:
            return
        if self.is_mean:
            self._add_mean(block)
        elif self.is_sound:
            self._add_span(block)
        else:
            self._add_held(block)

    def _add_mean(self, block: SampleBlock) -> None:
        calibration = self.signal.calibration
        is_open = bool(np.isinf(calibration.lowest_stored) and np.isinf(calibration.highest_stored))
        is_checked = not is_open or len(self.missing) > 0 or block.stored.dtype.kind == "f"
        add_to_bins(
            block.stored,
            block.first_sample,
            self.ratio,
            is_checked,
            calibration.lowest_stored,
            calibration.highest_stored,
            self.missing,
            self.values,
            self.weights,
        )

    def _add_held(self, block: SampleBlock) -> None:
        """The sample in force in the middle of each bin of the copy."""
        first, n_stored = block.first_sample, block.stored.size
        first_bin = max(int(np.ceil(first / self.ratio - 0.5)), 0)
        stop_bin = min(int(np.ceil((first + n_stored) / self.ratio - 0.5)), len(self.values))
        if stop_bin <= first_bin:
            return
        places = np.clip(
            ((np.arange(first_bin, stop_bin) + 0.5) * self.ratio).astype(np.int64) - first, 0, n_stored - 1
        )
        n_columns = block.stored.shape[1]
        chosen = block.stored[places // n_columns, places % n_columns]
        self.values[first_bin:stop_bin] = self.signal.calibration.to_physical(chosen)

    def _add_span(self, block: SampleBlock) -> None:
        """Highest minus lowest sample of each bin, of a level the highest; of a shared bin the larger."""
        first, n_stored = block.first_sample, block.stored.size
        bins = ((np.arange(first, first + n_stored) + 0.5) / self.ratio).astype(np.int64)
        begins = np.flatnonzero(np.concatenate(([True], bins[1:] != bins[:-1])))
        physical = self.signal.calibration.to_physical(block.stored.reshape(-1))
        spans = np.fmax.reduceat(physical, begins)
        if not self.signal.unit.casefold().startswith(
            SOUND_LEVEL_UNIT
        ):  # a level is its own size, a sound its swing
            spans -= np.fmin.reduceat(physical, begins)
        targets = bins[begins]
        is_inside = (targets >= 0) & (targets < len(self.values))
        targets = targets[is_inside]
        self.values[targets] = np.fmax(self.values[targets], spans[is_inside].astype(np.float32))

    def finish(self) -> Samples:
        if not self.is_mean:
            return self.values
        is_empty = self.weights < 0.5  # less than half a sample: a gap, or nothing valid
        self.weights[is_empty] = 1.0
        values = self.values
        values /= self.weights
        values *= np.float32(self.signal.calibration.gain)
        values += np.float32(self.signal.calibration.offset)
        values[is_empty] = np.nan
        return values


def code_spans(trace: Trace) -> Iterable[CodeSpan]:
    """Stretches of one value of a coded signal, such as the position of the body; gaps left out."""
    values = trace.values
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1  # a NaN differs from itself, and is left out
    for first, stop in pairwise([0, *changes.tolist(), len(values)]):
        if stop > first and np.isfinite(values[first]):
            yield CodeSpan(
                start_s=first / trace.rate_hz, stop_s=stop / trace.rate_hz, code=round(float(values[first]))
            )
