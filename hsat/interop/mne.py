"""Bridge to MNE-Python: a recording as `mne.io.RawArray`."""

from datetime import UTC
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hsat.errors import MissingChannelError
from hsat.recording import Recording, Signal

if TYPE_CHECKING:
    import mne

__all__ = ["to_mne"]

BAD_GAP = "BAD_gap"
"""MNE leaves spans annotated ``BAD...`` out of its analyses."""

STEPPED_NAMES = frozenset(("spo2", "pulse", "position"))
"""Numbers that hold until the next one comes: repeated, never interpolated."""


def to_mne(recording: Recording) -> "mne.io.RawArray":
    """Turn a recording into an MNE object for further analysis.

    MNE knows one rate for all channels, so every signal is brought to the highest one here:
    waveforms by straight lines between the middles of their samples, numbers (SpO2, pulse,
    position) by repeating them. The fastest signals keep their samples unchanged. All channels
    have the type ``misc`` and keep the recording's units; nothing is scaled to volts.

    Parameters
    ----------
    recording : Recording

    Returns
    -------
    mne.io.RawArray
        One channel a signal, under its canonical name. Gaps hold NaN and are annotated
        ``BAD_gap``; the file's annotations follow. `meas_date` is the local wall clock written
        as UTC, because recorders store no time zone; None where the start is unknown.

    Raises
    ------
    MissingChannelError
        Where the recording has no signal with samples.
    """
    import mne

    signals = [signal for signal in recording.signals if signal.n_samples > 0 and signal.rate_hz > 0]
    if not signals:
        raise MissingChannelError(f"{recording.source.path}: no channel with samples to hand to MNE")
    rate_hz = max(signal.rate_hz for signal in signals)
    n_samples = max(signal.n_samples for signal in signals if signal.rate_hz == rate_hz)
    data = np.vstack([_at_rate(signal, rate_hz, n_samples) for signal in signals])
    info = mne.create_info([signal.name for signal in signals], rate_hz, "misc", verbose="ERROR")
    raw = mne.io.RawArray(data, info, verbose="ERROR")
    start = None
    if recording.start_local is not None:
        start = recording.start_local.replace(tzinfo=UTC)
        raw.set_meas_date(start)
    raw.set_annotations(_annotations(recording, rate_hz, n_samples), verbose="ERROR")
    return raw


def _at_rate(signal: Signal, rate_hz: float, n_samples: int) -> NDArray[np.float64]:
    values = signal.values
    if signal.rate_hz == rate_hz:
        out = np.full(n_samples, np.nan)
        out[: len(values)] = values[:n_samples]
        return out
    middles = (np.arange(n_samples) + 0.5) * (signal.rate_hz / rate_hz)
    if signal.name in STEPPED_NAMES:
        return values[np.minimum(middles.astype(np.int64), len(values) - 1)]
    # NaN spreads to the two stretches beside it, as it must: nothing is known there.
    line: NDArray[np.float64] = np.interp(middles - 0.5, np.arange(len(values)), values)
    return line


def _annotations(recording: Recording, rate_hz: float, n_samples: int) -> "mne.Annotations":
    import mne

    end_s = n_samples / rate_hz
    onsets_s = [float(start_s) for start_s, _ in recording.gaps_s]
    durations_s = [float(stop_s - start_s) for start_s, stop_s in recording.gaps_s]
    texts = [BAD_GAP] * len(onsets_s)
    for annotation in recording.annotations:
        if 0.0 <= annotation.onset_s < end_s:
            onsets_s.append(annotation.onset_s)
            durations_s.append(min(annotation.duration_s or 0.0, end_s - annotation.onset_s))
            texts.append(annotation.text)
    start = None if recording.start_local is None else recording.start_local.replace(tzinfo=UTC)
    return mne.Annotations(onsets_s, durations_s, texts, orig_time=start)
