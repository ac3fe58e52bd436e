"""What sensors make of a night: cannula, thermistor, belts and oximeter, with their faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from benchmarks.hard.sleep import Breaths, Floats, Night
from hsat.recording import ArraySource, DeviceInfo, Recording, Signal, SourceFile, Subject

Channel = tuple[str, float, NDArray[np.float32]]
Points = Sequence[tuple[float, float]]
"""``(time_s, value)``, straight lines between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Airflow:
    """An airflow sensor.

    Attributes
    ----------
    sensor : str
        Canonical name.
    is_squared : bool
        Pressure as it is: the signed square of flow.
    rate_hz : float
    noise : float
        Standard deviation, of a breath's peak.
    heart : float
        Amplitude of cardiogenic oscillation, of a breath's peak.
    time_constant_s : float
        First-order response of a thermistor; 0 where it follows at once.
    gains : sequence of (time_s, gain)
        Drift, mouth breathing, a cannula that comes off partly.
    bursts : sequence of (start_s, length_s, size)
        Movement.
    gain, offset, n_levels
        Unit (negative: inverted), and steps of the recorder over 8 breaths' peaks.
    """

    sensor: str = "flow"
    is_squared: bool = False
    rate_hz: float = 25.0
    noise: float = 0.01
    heart: float = 0.01
    time_constant_s: float = 0.0
    gains: Points = ()
    bursts: Sequence[tuple[float, float, float]] = ()
    gain: float = 1.0
    offset: float = 0.0
    n_levels: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Oximeter:
    """An oximeter.

    Attributes
    ----------
    delay_s : float
        From the breath to the finger.
    step_points : float
        Resolution.
    average_s : float
        Trailing mean.
    rate_hz : float
    held_s : float
        A new value only so often; 0 with every sample.
    baseline_percent, wander_points : float
    n_spikes : int
        Motion spikes of 1 to 4 s.
    codes : sequence of float
        Values for "none", written for 2 to 5 s each.
    """

    delay_s: float = 20.0
    step_points: float = 1.0
    average_s: float = 3.0
    rate_hz: float = 1.0
    held_s: float = 0.0
    baseline_percent: float = 95.6
    wander_points: float = 0.3
    n_spikes: int = 0
    codes: Sequence[float] = ()


def middles_s(duration_s: float, rate_hz: float) -> Floats:
    """Times of samples."""
    return (np.arange(round(duration_s * rate_hz)) + 0.5) / rate_hz


def breath_curve(night: Night, sizes: Floats, times_s: Floats) -> Floats:
    """Flow of breaths: a rounded rise in, a longer decay out that moves the same volume."""
    breaths = night.breaths
    i = np.clip(np.searchsorted(breaths.onset_s, times_s, side="right") - 1, 0, len(sizes) - 1)
    phase = (times_s - breaths.onset_s[i]) / np.diff(breaths.onset_s)[i]
    share = night.inspiration_fraction
    breathing_in = np.sin(np.pi * np.clip(phase / share, 0.0, 1.0)) ** 0.8
    out = np.clip((phase - share) / (1 - share), 0.0, 1.0)
    decay = out**0.5 * np.exp(-3.0 * out) * (1 - out) ** 0.3
    ticks = (np.arange(200) + 0.5) / 200
    volume_in = share * np.mean(np.sin(np.pi * ticks) ** 0.8)
    volume_out = (1 - share) * np.mean(ticks**0.5 * np.exp(-3.0 * ticks) * (1 - ticks) ** 0.3)
    return sizes[i] * np.where(phase < share, breathing_in, -decay * volume_in / volume_out)


def low_pass(values: Floats, time_constant_s: float, rate_hz: float) -> Floats:
    """First-order response, as of a bead that warms and cools."""
    decay = np.exp(-1 / (time_constant_s * rate_hz))
    slow = np.empty_like(values)
    state = values[0]
    for i, value in enumerate(values.tolist()):
        state = decay * state + (1 - decay) * value
        slow[i] = state
    return slow


def heart_beat(times_s: Floats, rng: np.random.Generator) -> Floats:
    """Cardiogenic oscillation: 60 to 80 beats a minute, wandering in rate and size."""
    rate_hz = rng.uniform(1.0, 1.3) * (1 + 0.05 * np.sin(2 * np.pi * times_s / rng.uniform(15, 40)))
    phase = 2 * np.pi * np.cumsum(rate_hz) * (times_s[1] - times_s[0])
    size = 1 + 0.2 * np.sin(2 * np.pi * times_s / rng.uniform(7, 12))
    return size * (0.8 * np.sin(phase) + 0.2 * np.sin(2 * phase))


def is_closed(night: Night, times_s: Floats) -> NDArray[np.bool_]:
    """Whether the airway is shut, so that the heart does not reach the nose."""
    closed = np.zeros(len(times_s), dtype=bool)
    for planted in night.planted:
        if planted.kind == "obstructive_apnea":
            closed |= (times_s >= planted.starts_s[0]) & (times_s < planted.stops_s[1])
    return closed


def airflow(night: Night, sensor: Airflow, rng: np.random.Generator) -> Channel:
    """The airflow channel as stored."""
    times_s = middles_s(night.duration_s, sensor.rate_hz)
    values = breath_curve(night, night.breaths.flow, times_s)
    if sensor.is_squared:
        values = values * np.abs(values)
    values = values + sensor.heart * heart_beat(times_s, rng) * ~is_closed(night, times_s)
    if sensor.gains:
        values = values * np.interp(times_s, *np.array(sensor.gains).T)
    if sensor.time_constant_s:
        values = low_pass(values, sensor.time_constant_s, sensor.rate_hz)
        values = values / np.quantile(np.abs(values), 0.95)
    values = values + sensor.noise * rng.standard_normal(len(values))
    values = values + 0.05 * np.sin(2 * np.pi * times_s / rng.uniform(40, 90) + rng.uniform(0, 6))
    for start_s, length_s, size in sensor.bursts:
        inside = (times_s >= start_s) & (times_s < start_s + length_s)
        at_s = times_s[inside] - start_s
        tones_hz = rng.uniform(0.3, 3.0, 5)
        wave = sum(np.sin(2 * np.pi * f * at_s + rng.uniform(0, 6)) for f in tones_hz) / 2
        values[inside] += size * wave * np.sin(np.pi * at_s / length_s) ** 0.3
    step = 8.0 / sensor.n_levels
    values = np.rint(np.clip(values, -4.0, 4.0) / step) * step
    return sensor.sensor, sensor.rate_hz, (sensor.gain * values + sensor.offset).astype(np.float32)


def belt(
    night: Night,
    name: str,
    rng: np.random.Generator,
    *,
    rate_hz: float = 10.0,
    gains: Points = (),
    noise: float = 0.01,
    heart: float = 0.01,
) -> Channel:
    """An effort belt: the volume of the breaths, with the heart beat on it."""
    times_s = middles_s(night.duration_s, rate_hz)
    breaths: Breaths = night.breaths
    sizes = breaths.thorax if name == "thorax" else breaths.abdomen
    flow = breath_curve(night, sizes, times_s)
    i = np.clip(np.searchsorted(breaths.onset_s, times_s, side="right") - 1, 0, len(sizes) - 1)
    volume = np.cumsum(flow) / rate_hz
    starts = np.searchsorted(times_s, breaths.onset_s[:-1])
    volume = volume - volume[np.clip(starts, 0, len(volume) - 1)][i]  # every breath ends where it began
    values = volume + heart * heart_beat(times_s, rng)
    if gains:
        values = values * np.interp(times_s, *np.array(gains).T)
    values = values + noise * rng.standard_normal(len(values))
    values = values + 0.2 * np.sin(2 * np.pi * times_s / rng.uniform(100, 200))
    return name, rate_hz, (np.rint(values * 500) / 500).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """SpO2 of the finger at 10 Hz, before and after what the oximeter does, and the true falls.

    Attributes
    ----------
    percent : ndarray
        What the oximeter shows, at its own rate.
    drops_points : tuple of float
        Fall of each planted event after averaging, without wander.
    nadirs_s : tuple of float
    """

    percent: NDArray[np.float32]
    drops_points: tuple[float, ...]
    nadirs_s: tuple[float, ...]


def _finger(night: Night, oximeter: Oximeter, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Falls below the baseline at 10 Hz; onset and nadir of each, shape (k, 2)."""
    corners: list[tuple[float, float]] = [(-100.0, 0.0)]
    level = 0.0
    spans = []
    for p in night.planted:
        start_s, stop_s = np.mean(p.starts_s), np.mean(p.stops_s)
        begin_s = start_s + oximeter.delay_s + min(rng.uniform(0.1, 0.3) * (stop_s - start_s), 7.0)
        spans.append((begin_s, stop_s + oximeter.delay_s + rng.uniform(-0.5, 1.5), p))
    for k, (begin_s, nadir_s, p) in enumerate(spans):
        corners.append((max(begin_s, corners[-1][0] + 0.5), level))
        corners.append((nadir_s, level - p.drop_points))
        is_back = p.resaturation_fraction >= 1
        level = 0.0 if is_back else level - p.drop_points * (1 - p.resaturation_fraction)
        back_s = nadir_s + rng.uniform(8.0, 16.0)
        if k + 1 < len(spans):
            back_s = min(back_s, spans[k + 1][0] - 0.5)
        corners.append((max(back_s, nadir_s + 3.0), level))
    if level < 0:
        corners.append((corners[-1][0] + 20.0, 0.0))
    corners.append((night.duration_s + 100.0, 0.0))
    table = np.array(corners)
    times_s = middles_s(night.duration_s, 10.0)
    i = np.searchsorted(table[:, 0], times_s, side="right") - 1
    part = (times_s - table[i, 0]) / (table[i + 1, 0] - table[i, 0])
    rise = (1 - np.cos(np.pi * part)) / 2
    return table[i, 1] + (table[i + 1, 1] - table[i, 1]) * rise, np.array(
        [span[:2] for span in spans]
    ).reshape(-1, 2)


def _averaged(values: Floats, average_s: float) -> Floats:
    n = max(round(average_s * 10), 1)
    padded = np.concatenate((np.full(n - 1, values[0]), values))
    return np.convolve(padded, np.ones(n) / n, mode="valid")


def saturation(night: Night, oximeter: Oximeter, rng: np.random.Generator) -> Saturation:
    """What the oximeter shows, and the falls that are in it."""
    finger, spans_s = _finger(night, oximeter, rng)
    clean = _averaged(finger, oximeter.average_s)
    times_s = middles_s(night.duration_s, 10.0)
    wander = np.sin(2 * np.pi * times_s / rng.uniform(700, 1500) + rng.uniform(0, 6))
    wander += 0.5 * np.sin(2 * np.pi * times_s / rng.uniform(500, 900) + rng.uniform(0, 6))
    wander *= oximeter.wander_points
    drops, lows_s = [], []
    for k, (begin_s, nadir_s) in enumerate(spans_s):
        # From the peak since the fall before to the nadir, which an average shows later.
        first = round((lows_s[-1] if k else max(begin_s - 60.0, 0.0)) * 10)
        stop_s = spans_s[k + 1, 1] if k + 1 < len(spans_s) else np.inf
        late = round(min(nadir_s + oximeter.average_s + 3.0, stop_s) * 10)
        part = clean[round(nadir_s * 10) - 20 : late]
        if len(part) == 0:  # the night ends before
            drops.append(float("nan"))
            lows_s.append(float(nadir_s))
            continue
        low = round(nadir_s * 10) - 20 + int(np.argmin(part))
        top = round(begin_s * 10)
        lows_s.append(low / 10)
        drops.append(float(clean[first : low + 1].max() - clean[low] + wander[top] - wander[low]))
    noise = _averaged(rng.standard_normal(len(times_s) + 60), 6.0)[60:]
    shown = oximeter.baseline_percent + clean + wander + 0.8 * noise
    shown = np.minimum(np.rint(shown / oximeter.step_points) * oximeter.step_points, 100.0)
    ticks_s = np.arange(round(night.duration_s * oximeter.rate_hz)) / oximeter.rate_hz
    places_s = ticks_s if not oximeter.held_s else np.floor(ticks_s / oximeter.held_s) * oximeter.held_s
    percent = shown[np.minimum((places_s * 10).astype(int), len(shown) - 1)].astype(np.float32)
    for start_s in rng.uniform(60, night.duration_s - 60, oximeter.n_spikes):
        inside = (ticks_s >= start_s) & (ticks_s < start_s + rng.uniform(1.0, 4.0))
        percent[inside] = np.maximum(percent[inside] - rng.uniform(8, 35), 51.0).round()
    for code in oximeter.codes:
        start_s = rng.uniform(60, night.duration_s - 60)
        percent[(ticks_s >= start_s) & (ticks_s < start_s + rng.uniform(2.0, 5.0))] = code
    return Saturation(percent=percent, drops_points=tuple(drops), nadirs_s=tuple(lows_s))


def pulse(night: Night, rng: np.random.Generator) -> Channel:
    """A pulse that is alive."""
    n = round(night.duration_s)
    slow = _averaged(rng.standard_normal(10 * n + 80), 8.0)[80::10]
    return "pulse", 1.0, np.rint(64 + 20 * slow).astype(np.float32)


def recording_of(channels: Sequence[Channel], duration_s: float) -> Recording:
    """A recording in memory."""
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
        )
        for i, (name, rate_hz, values) in enumerate(channels)
    )
    return Recording(
        signals=signals,
        start_local=datetime(2026, 3, 3, 22, 30),
        duration_s=duration_s,
        gaps_s=np.empty((0, 2)),
        device=DeviceInfo(profile="generic", name="drawn", therapy="none"),
        subject=Subject(patient="p-1", age_years=50.0, sex="M"),
        source=SourceFile(path="drawn", n_bytes=0, format="memory"),
    )
