"""Eight-hour EDF files for the speed measurements: plausible breathing, written fast.

The nights here only have to make the scoring do real work (hundreds of events, desaturations,
both effort belts); how right the scoring is, `benchmarks.accuracy` measures on other nights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NIGHT_S = 8 * 3600
RECORD_S = 1
BLOCK_RECORDS = 600
HEADER_FIELD_BYTES = 256

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel to write.

    Attributes
    ----------
    label, unit : str
        As they stand in the header.
    rate_hz : int
        Samples per second.
    limit : tuple of float
        Physical minimum and maximum, stored as -32767 and 32767.
    values : callable
        Gives physical values for times in seconds (n,), float64.
    """

    label: str
    unit: str
    rate_hz: int
    limit: tuple[float, float]
    values: Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Night:
    """Breathing, effort, oxygen and pulse of one made-up night as functions of time."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        n_breaths = NIGHT_S // 3
        self.breath_s = np.cumsum(rng.normal(4.0, 0.35, n_breaths).clip(2.8, 6.0)) - 4.0
        swing = rng.normal(0, 0.08, n_breaths)
        self.depth = 0.5 * np.exp(np.convolve(swing, [0.6, 0.3, 0.1], mode="same"))
        starts = np.arange(600, NIGHT_S - 600, 150.0)
        starts += rng.uniform(0, 60, len(starts))
        self.event_spans = np.column_stack((starts, starts + rng.uniform(12, 45, len(starts))))
        self.left_fraction = rng.choice([0.02, 0.05, 0.4, 0.5, 0.6], len(starts))
        self.is_central = rng.random(len(starts)) < 0.15
        self.drop_points = rng.uniform(2.0, 9.0, len(starts))

    def _breath(self, t: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        index = np.clip(np.searchsorted(self.breath_s, t, side="right") - 1, 0, len(self.breath_s) - 2)
        start = self.breath_s[index]
        return index, np.clip((t - start) / (self.breath_s[index + 1] - start), 0.0, 1.0)

    def _left(self, t: NDArray[np.float64], fractions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of breathing left at each time: 1 outside events."""
        index = np.clip(np.searchsorted(self.event_spans[:, 0], t, side="right") - 1, 0, None)
        is_inside = (t >= self.event_spans[index, 0]) & (t < self.event_spans[index, 1])
        return np.where(is_inside, fractions[index], 1.0)

    def flow(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Airflow in L/s: inspiration two fifths of the breath, expiration the rest."""
        index, phase = self._breath(t)
        inspired = np.sin(np.pi * phase / 0.4)
        expired = -0.667 * np.sin(np.pi * (phase - 0.4) / 0.6)
        return (
            self.depth[index] * self._left(t, self.left_fraction) * np.where(phase < 0.4, inspired, expired)
        )

    def belt(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Effort: volume-like, still only in central events."""
        index, phase = self._breath(t)
        left = self._left(t, np.where(self.is_central, 0.03, 0.8))
        return self.depth[index] * left * (0.5 - 0.5 * np.cos(2 * np.pi * phase))

    def spo2(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Whole percent: one dip an event, its lowest 25 s after the event's end."""
        values = np.full(len(t), 96.0)
        for (start, stop), drop in zip(self.event_spans, self.drop_points, strict=True):
            near = slice(*np.searchsorted(t, (start, stop + 60)))
            dip = np.interp(t[near], [start + 15, stop + 25, stop + 50], [0, drop, 0], left=0, right=0)
            values[near] -= dip
        return np.round(values)

    def pulse(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Beats per minute with a slow swing."""
        return np.round(62 + 5 * np.sin(t / 300) + 3 * np.sin(t / 17))

    def position(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Changes every forty minutes among four codes."""
        return np.floor(t / 2400) % 4


def noise(seed: int, scale: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Values of a channel that only takes room in the file."""
    rng = np.random.default_rng(seed)
    return lambda t: scale * rng.standard_normal(len(t), dtype=np.float32).astype(np.float64)


def respiratory(night: Night, *, flow_hz: int, belt_hz: int) -> list[Channel]:
    """The six channels that scoring wants."""
    return [
        Channel(label="Flow", unit="L/s", rate_hz=flow_hz, limit=(-3, 3), values=night.flow),
        Channel(label="Thorax", unit="au", rate_hz=belt_hz, limit=(-3, 3), values=night.belt),
        Channel(label="Abdomen", unit="au", rate_hz=belt_hz, limit=(-3, 3), values=night.belt),
        Channel(label="SpO2", unit="%", rate_hz=1, limit=(0, 100), values=night.spo2),
        Channel(label="Pulse", unit="bpm", rate_hz=1, limit=(0, 250), values=night.pulse),
        Channel(label="Position", unit="", rate_hz=1, limit=(0, 10), values=night.position),
    ]


def filler(labels: Sequence[str], rate_hz: int, unit: str = "uV") -> list[Channel]:
    """Channels of noise."""
    return [
        Channel(label=label, unit=unit, rate_hz=rate_hz, limit=(-500, 500), values=noise(i, 50.0))
        for i, label in enumerate(labels)
    ]


def small_night() -> list[Channel]:
    """Flow at 100 Hz with effort, SpO2, pulse and position."""
    return respiratory(Night(1), flow_hz=100, belt_hz=25)


def large_night() -> list[Channel]:
    """Fifteen channels: flow and belts at 200 Hz, snore at 500 Hz, the rest small."""
    extra = (
        filler(["Snore"], 500)
        + filler(["Pleth"], 75, "au")
        + filler(["Activity", "Light", "Battery"], 1, "au")
    )
    extra += filler(["X Axis", "Y Axis", "Z Axis", "Elevation"], 10, "g")
    return respiratory(Night(2), flow_hz=200, belt_hz=200) + extra


def psg_night() -> list[Channel]:
    """Fourteen channels, eight of them at 256 Hz."""
    fast = ["EEG C3-A2", "EEG C4-A1", "EEG O1-A2", "EEG O2-A1", "EOG Left", "EOG Right", "EMG Chin", "ECG"]
    return filler(fast, 256) + respiratory(Night(3), flow_hz=32, belt_hz=32)


def audio_night() -> list[Channel]:
    """The small night with sound at 10 kHz: 576 MB of a channel nobody scores."""
    return small_night() + filler(["Audio"], 10_000, "au")


SHAPES: dict[str, Callable[[], list[Channel]]] = {
    "small": small_night,
    "large": large_night,
    "psg": psg_night,
    "audio": audio_night,
}
"""Name of a file -> its channels."""


def write_edf(path: Path, channels: Sequence[Channel], *, duration_s: int = NIGHT_S) -> None:
    """Write a plain EDF file with records of one second, a block of records at a time."""
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        file.write(edf_header(channels, duration_s))
        for start_s in range(0, duration_s, BLOCK_RECORDS):
            n_records = min(BLOCK_RECORDS, duration_s - start_s)
            columns = [stored_samples(c, start_s, n_records).reshape(n_records, -1) for c in channels]
            file.write(np.ascontiguousarray(np.concatenate(columns, axis=1)).tobytes())
    partial.replace(path)


def stored_samples(channel: Channel, start_s: int, n_seconds: int) -> Samples:
    """Digital samples of one channel for whole seconds from ``start_s``."""
    low, high = channel.limit
    t = start_s + np.arange(n_seconds * channel.rate_hz) / channel.rate_hz
    scaled = (channel.values(t) - low) / (high - low) * 65534 - 32767
    return np.clip(np.round(scaled), -32767, 32767).astype("<i2")


def edf_header(channels: Sequence[Channel], duration_s: int) -> bytes:
    """Header of a plain EDF file (Kemp 1992): ASCII fields of fixed width."""
    n_bytes = HEADER_FIELD_BYTES * (1 + len(channels))
    fixed = [("0", 8), ("X X X X", 80), ("Startdate X X X X", 80), ("01.02.26", 8), ("22.30.00", 8)]
    fixed += [(n_bytes, 8), ("", 44), (duration_s // RECORD_S, 8), (RECORD_S, 8), (len(channels), 4)]
    per_channel = [
        ([c.label for c in channels], 16),
        (["" for _ in channels], 80),
        ([c.unit for c in channels], 8),
        ([f"{c.limit[0]:g}" for c in channels], 8),
        ([f"{c.limit[1]:g}" for c in channels], 8),
        ([-32767 for _ in channels], 8),
        ([32767 for _ in channels], 8),
        (["" for _ in channels], 80),
        ([c.rate_hz * RECORD_S for c in channels], 8),
        (["" for _ in channels], 32),
    ]
    fields = [*fixed, *((value, width) for values, width in per_channel for value in values)]
    return "".join(str(value).ljust(width) for value, width in fields).encode("ascii")


def night_file(shape: str, folder: Path) -> Path:
    """Path of a benchmark file, written first where it is not there yet."""
    path = folder / f"{shape}.edf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_edf(path, SHAPES[shape]())
    return path
