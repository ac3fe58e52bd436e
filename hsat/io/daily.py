"""The daily summary on the card of a treatment device: the device's AHI and hours of use, day by day."""

import os
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hsat.errors import HsatError, ReadError
from hsat.io.calibration import calibrate
from hsat.io.channels import simplify_label
from hsat.io.devices import DeviceProfile, identify_device
from hsat.io.edf import EdfFile, read_edf
from hsat.io.header import EdfChannel
from hsat.patient import DailySeries, ExcludedNight, ScoredNight
from hsat.sessions import NOON_H

__all__ = ["is_daily_series", "read_daily_series"]

DAY_S = 86_400.0
EPOCH = date(1970, 1, 1)
LATEST_DAY = (date(2200, 1, 1) - EPOCH).days
MINUTES_PER_HOUR = 60.0
MAX_USAGE_H = 24.0
RATE_DECIMALS = 6
"""The calibration of a stored 6 makes 0.6000000000000001: devices store tenths."""


def is_daily_series(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a device's daily summary; False for one that cannot be read."""
    if not Path(path).name.lower().endswith(".edf"):
        return False
    try:
        edf = read_edf(path)
        return _channels(edf, identify_device(edf)) is not None
    except HsatError:
        return False


def read_daily_series(path: str | os.PathLike[str]) -> DailySeries:
    """Read the daily AHI of a treatment device.

    Parameters
    ----------
    path : str or path-like
        EDF with one record a day, as `hsat.io.profiles` describe it under ``[daily]``: ``STR.edf``.

    Returns
    -------
    DailySeries
        A day lasts from noon to noon. `n_events` is the device's rounded AHI times its hours of use,
        rounded to a whole number; `ahi_per_h` is the device's number itself.

    Raises
    ------
    ReadError
        Where the file cannot be read, or holds no such summary.
    """
    edf = read_edf(path)
    profile = identify_device(edf)
    found = _channels(edf, profile)
    if found is None:
        raise ReadError(
            f"{edf.path}: expected the daily summary of a treatment device, got none (no daily AHI)"
        )
    ahi, usage, day = (_values(edf, channel) for channel in found)
    nights: list[ScoredNight] = []
    excluded: list[ExcludedNight] = []
    for rate, minutes, number in zip(ahi, usage, day, strict=True):
        evening = EPOCH + timedelta(days=int(number)) if 0 < number < LATEST_DAY else None
        name = edf.path if evening is None else f"{edf.path} {evening.isoformat()}"
        reason = _why_no_night(evening, rate, minutes)
        if reason is not None or evening is None:
            excluded.append(ExcludedNight(file=name, reason=reason or "no date"))
            continue
        hours = float(minutes) / MINUTES_PER_HOUR
        nights.append(
            ScoredNight(
                file=name,
                start_local=datetime.combine(evening, time(NOON_H)),
                duration_s=DAY_S,
                recorder=edf.recorder,
                is_card=True,
                therapy=profile.therapy,
                scoring="device",
                denominator="usage",
                monitoring_h=hours,
                n_events=round(float(rate) * hours),
                ahi_per_h=round(float(rate), RATE_DECIMALS),
                no_class_reason=(
                    f"recorded on therapy ({profile.therapy}): the residual AHI has no diagnostic class"
                ),
                adequacy="adequate",
                is_graded_by_hours=True,
            )
        )
    nights.sort(key=lambda night: night.start_local or datetime.min)
    return DailySeries(file=edf.path, nights=tuple(nights), excluded=tuple(excluded))


def _channels(edf: EdfFile, profile: DeviceProfile) -> tuple[EdfChannel, EdfChannel, EdfChannel] | None:
    """The channels of AHI, minutes of use and date; None where the file has not all of them."""
    daily = profile.daily
    found = [_channel(edf.channels, labels) for labels in (daily.ahi_per_h, daily.usage_min, daily.day)]
    ahi, usage, day = found
    return None if ahi is None or usage is None or day is None else (ahi, usage, day)


def _channel(channels: Sequence[EdfChannel], labels: Sequence[str]) -> EdfChannel | None:
    fitting = [c for c in channels if c.n_samples_per_record == 1 and simplify_label(c.label) in labels]
    return fitting[0] if fitting else None


def _values(edf: EdfFile, channel: EdfChannel) -> NDArray[np.float64]:
    """One number a day, shape (n_records,)."""
    line = calibrate(channel, "", (), is_inverted=False, is_bdf=edf.format.startswith("BDF"), notes=[])
    blocks = [line.to_physical(block.stored).reshape(-1) for block in edf.source.blocks([channel.index])]
    return np.concatenate(blocks) if blocks else np.empty(0)


def _why_no_night(evening: date | None, ahi_per_h: float, minutes: float) -> str | None:
    """Why a day counts as no night; None where it counts."""
    if evening is None:
        return "the device stored no date"
    if minutes < 0.0 or ahi_per_h < 0.0:
        return "the device stored no value: not used on this day"
    if minutes == 0.0:
        return "not used on this day"
    if minutes > MAX_USAGE_H * MINUTES_PER_HOUR:
        return f"{minutes / MINUTES_PER_HOUR:.1f} h of use in one day"
    return None
