"""Hand-made breathing and SpO2, free of noise: every fall of either is known to the second.

A breath is a half sine in, a longer and flatter half sine out, and a pause at the end. The curves
are functions of time, so that one night can be sampled at any rate.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.recording import ArraySource, Calibration, DeviceInfo, Recording, Signal, SourceFile, Subject

PERIOD_S = 4.0
BREATH_IN, BREATH_OUT = 0.30, 0.45
"""Shares of a breath; the rest is pause. In and out move the same volume."""

DELAY_S = 20.0
BASELINE_PERCENT = 96.0


class Fall(NamedTuple):
    """Reduced breathing from `start_s` on, as whole breaths, with a fall of SpO2 that follows it."""

    start_s: float
    duration_s: float
    reduction: float
    drop_points: float = 0.0

    @property
    def stop_s(self) -> float:
        return self.start_s + self.duration_s


def breath_table(duration_s: float, falls: Sequence[Fall] = ()) -> NDArray[np.float64]:
    """Onset, length and size of every breath, shape (n, 3); breaths start where falls do."""
    edges = [0.0, *[edge for fall in falls for edge in (fall.start_s, fall.stop_s)], duration_s]
    sizes = [1.0, *[size for fall in falls for size in (1.0 - fall.reduction, 1.0)]]
    rows: list[tuple[float, float, float]] = []
    for start_s, stop_s, size in zip(edges[:-1], edges[1:], sizes, strict=True):
        n_breaths = max(round((stop_s - start_s) / PERIOD_S), 1) if stop_s > start_s else 0
        for i in range(n_breaths):
            length_s = (stop_s - start_s) / n_breaths
            rows.append((start_s + i * length_s, length_s, size))
    return np.array(rows)


def flow_curve(table: NDArray[np.float64], duration_s: float, rate_hz: float) -> NDArray[np.float64]:
    """Flow of the breaths at the samples of a recorder; a full breath peaks at 1."""
    times_s = (np.arange(round(duration_s * rate_hz)) + 0.5) / rate_hz
    breath = np.searchsorted(table[:, 0], times_s, side="right") - 1
    onset_s, length_s, size = table[breath].T
    phase = (times_s - onset_s) / length_s
    breathing_in = np.sin(np.pi * np.minimum(phase / BREATH_IN, 1.0))
    out = np.clip((phase - BREATH_IN) / BREATH_OUT, 0.0, 1.0)
    return size * (breathing_in - BREATH_IN / BREATH_OUT * np.sin(np.pi * out))


def spo2_curve(
    duration_s: float,
    falls: Iterable[Fall] = (),
    *,
    delay_s: float = DELAY_S,
    baseline_percent: float = BASELINE_PERCENT,
) -> NDArray[np.float64]:
    """SpO2 once a second in whole percents: falls for as long as breathing does, back in 10 s.

    A second one point higher every 5 minutes shows that the probe is alive; too short to be a level.
    """
    times_s = np.arange(round(duration_s)) + 0.5
    percent = np.full(len(times_s), baseline_percent)
    for fall in falls:
        shape = np.interp(times_s - delay_s, [fall.start_s, fall.stop_s, fall.stop_s + 10.0], [0.0, 1.0, 0.0])
        percent -= fall.drop_points * shape
    percent = np.rint(percent)
    for fall in falls:  # the nadir lasts 2 s, so that the whole depth is seen
        nadir = int(fall.stop_s + delay_s)
        percent[nadir : nadir + 2] = np.minimum(
            percent[nadir : nadir + 2], baseline_percent - fall.drop_points
        )
    percent[30::300] += np.where(percent[30::300] == baseline_percent, 1.0, 0.0)
    return percent


def signal_of(
    name: str, values: NDArray[np.floating], rate_hz: float
) -> tuple[str, float, NDArray[np.float32]]:
    """A channel for `recording_of`."""
    return name, rate_hz, np.asarray(values, dtype=np.float32)


def recording_of(
    *channels: tuple[str, float, NDArray[np.float32]],
    duration_s: float | None = None,
    age_years: float | None = 50.0,
    therapy: str = "none",
    gaps_s: Sequence[tuple[float, float]] = (),
    calibrations: dict[str, Calibration] | None = None,
) -> Recording:
    """A recording in memory of ``(name, rate_hz, values)`` channels."""
    source = ArraySource(arrays=tuple(values for _, _, values in channels))
    signals = tuple(
        Signal(
            name=name,
            rate_hz=rate_hz,
            unit="%" if name == "spo2" else "au",
            n_samples=len(values),
            source_label=name,
            source=source,
            source_index=i,
            calibration=(calibrations or {}).get(name, Calibration()),
        )
        for i, (name, rate_hz, values) in enumerate(channels)
    )
    if duration_s is None:
        duration_s = max(len(values) / rate_hz for _, rate_hz, values in channels)
    return Recording(
        signals=signals,
        start_local=datetime(2026, 3, 3, 22, 30),
        duration_s=duration_s,
        gaps_s=np.array(gaps_s, dtype=np.float64).reshape(-1, 2),
        device=DeviceInfo(profile="generic", name="by hand", therapy=therapy),
        subject=Subject(patient="p-1", age_years=age_years, sex="F"),
        source=SourceFile(path="by hand", n_bytes=0, format="memory"),
    )


def flow_channel(
    duration_s: float, falls: Sequence[Fall] = (), *, rate_hz: float = 20.0, name: str = "flow"
) -> tuple[str, float, NDArray[np.float32]]:
    """The flow of a night with these falls."""
    return signal_of(name, flow_curve(breath_table(duration_s, falls), duration_s, rate_hz), rate_hz)


def spo2_channel(
    duration_s: float, falls: Sequence[Fall] = (), *, delay_s: float = DELAY_S
) -> tuple[str, float, NDArray[np.float32]]:
    """The SpO2 that follows these falls."""
    return signal_of("spo2", spo2_curve(duration_s, falls, delay_s=delay_s), 1.0)


def night_of(
    falls: Sequence[Fall],
    *,
    duration_s: float = 1800.0,
    rate_hz: float = 20.0,
    delay_s: float = DELAY_S,
    age_years: float | None = 50.0,
    therapy: str = "none",
) -> Recording:
    """Flow and SpO2 of a night with these falls."""
    return recording_of(
        flow_channel(duration_s, falls, rate_hz=rate_hz),
        spo2_channel(duration_s, falls, delay_s=delay_s),
        age_years=age_years,
        therapy=therapy,
    )
