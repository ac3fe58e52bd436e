"""The snore channel, of whatever kind and unit, to seconds with snoring."""

import numpy as np
from numpy.typing import NDArray

from hsat.recording import Recording
from hsat.rules.model import HypopneaTypeRule

__all__ = ["find_snoring", "measure_sound_level_db"]

SNORE = "snore"

SOUND_LEVEL_UNITS = ("db", "dba", "db(a)", "db a", "db spl", "dbspl")
"""How headers write a sound level, in small letters."""


def find_snoring(recording: Recording, rule: HypopneaTypeRule) -> NDArray[np.float64] | None:
    """Seconds in which the snore channel is much louder than usual.

    Recorders store snoring in units of their own: only the level relative to the same night is used.
    Somebody who snores for most of the night is missed.

    Parameters
    ----------
    recording : Recording
    rule : HypopneaTypeRule

    Returns
    -------
    ndarray, shape (n_seconds,), float64, or None
        1 with snoring, 0 without, NaN where the channel holds nothing. None without a snore channel, or where
        it holds nothing or one value only.
    """
    if not recording.has_signal(SNORE):
        return None
    lowest, highest = _extremes_by_second(recording)
    is_valid = np.isfinite(lowest)
    if not is_valid.any():
        return None
    rate_hz = recording.signal(SNORE).rate_hz
    floor = lowest if rate_hz >= rule.snore_waveform_from_hz else np.min(lowest[is_valid])
    level = np.where(is_valid, highest - floor, 0.0)
    if np.ptp(level[is_valid]) == 0:
        return None
    quantiles = [rule.snore_quiet_quantile_fraction, 0.5, rule.snore_loudest_quantile_fraction]
    quiet, usual, loudest = np.quantile(level[is_valid], quantiles)
    limit = max(usual + rule.min_snore_ratio * (usual - quiet), rule.min_share_of_loudest_fraction * loudest)
    is_loud: NDArray[np.float64] = np.where(is_valid, level > limit, np.nan)
    return is_loud


def measure_sound_level_db(recording: Recording) -> NDArray[np.float64] | None:
    """Highest sound level of every second, where the recorder stores snoring in decibels.

    Parameters
    ----------
    recording : Recording

    Returns
    -------
    ndarray, shape (n_seconds,), float64, or None
        NaN where the channel holds nothing. None without a snore channel, where its unit is another, and
        where no level is above 0 dB: such a scale counts down from the loudest there can be, not up from
        what can be heard.
    """
    if not recording.has_signal(SNORE):
        return None
    if recording.signal(SNORE).unit.strip().lower() not in SOUND_LEVEL_UNITS:
        return None
    _, highest = _extremes_by_second(recording)
    if not (highest > 0).any():
        return None
    return np.where(np.isfinite(highest), highest, np.nan)


def _extremes_by_second(recording: Recording) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest physical value of every second; infinite where there is none.

    A channel slower than 1 Hz keeps its value until the next sample.
    """
    signal = recording.signal(SNORE)
    n_seconds = int(np.ceil(recording.duration_s))
    lowest, highest = np.full(n_seconds, np.inf), np.full(n_seconds, -np.inf)
    n_held = max(int(1.0 / signal.rate_hz), 1)
    for block in signal.source.blocks([signal.source_index]):
        values = signal.calibration.to_physical(block.stored).reshape(-1)
        seconds = ((block.first_sample + np.arange(len(values))) / signal.rate_hz).astype(np.int64)
        is_usable = ~np.isnan(values) & (seconds >= 0)
        for later in range(n_held):
            places = seconds[is_usable] + later
            inside = places < n_seconds
            np.minimum.at(lowest, places[inside], values[is_usable][inside])
            np.maximum.at(highest, places[inside], values[is_usable][inside])
    return lowest, highest
