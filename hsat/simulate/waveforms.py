"""Airflow and belts as continuous curves: any recorder may sample them at its own rate."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hsat.simulate.artifacts import Artifact
from hsat.simulate.breaths import Breaths
from hsat.simulate.physiology import TURBULENCE_RATE_HZ, Physiology

__all__ = [
    "belt_at",
    "coupling_at",
    "excursions",
    "flow_at",
    "movement_at",
    "pressure_from_flow",
    "undisturbed",
]

N_TABLE = 2048
"""Points of the tables that breath shapes are read from."""

TURBULENCE_FRACTION = 0.006
CARDIOGENIC_FRACTION = 0.009
"""Irregular airflow and the heart's ripple on it, as shares of the median peak inspiratory flow."""

PRESSURE_CMH2O_PER_FLOW2 = 3.0
"""Pressure of a nasal cannula at 1 L/s, cmH2O: the square of flow (Montserrat 1997, AJRCCM 155:211)."""

THERMISTOR_LAG_S = 0.6
"""Time constant of an oronasal thermistor: of the order of those in Farre 1998, Eur Respir J 11:179."""

THERMISTOR_RATE_HZ = 25.0

_U = np.linspace(0.0, 1.0, N_TABLE)
_RISE, _END = np.clip(_U / 0.10, 0.0, 1.0) ** 0.8, np.clip((1.0 - _U) / 0.05, 0.0, 1.0) ** 0.7
_ROUND = np.sin(np.pi * _U) ** 0.8
_FLAT = _RISE * (1.0 - 0.22 * _U) * _END
"""Inspiration through an open airway, and limited by a narrow one."""


def _burst(peak: float) -> NDArray[np.float64]:
    """Early peak of expiration, then an exponential fall."""
    return np.asarray((_U / peak) * np.exp(1.0 - _U / peak))


_LINGERING = 0.55 * _burst(0.14) + 0.45 * np.sin(np.pi * _U**0.55) ** 1.5
_PAUSING = 0.75 * _burst(0.11) + 0.25 * np.sin(np.pi * np.clip(_U / 0.7, 0.0, 1.0)) ** 2
_LINGERING, _PAUSING = _LINGERING / _LINGERING.max(), _PAUSING / _PAUSING.max()
"""Expiration that lasts until the next breath, and expiration that ends early."""


def _mean(table: NDArray[np.float64]) -> float:
    return float(np.mean(table))


def _volume(table: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.cumsum(table)
    return np.asarray((total - total[0]) / (total[-1] - total[0]))


_FILL = _volume(0.6 * _ROUND + 0.4 * _FLAT)
_EMPTY = 1.0 - _volume(_LINGERING + _PAUSING)


def _read(table: NDArray[np.float64], phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of a table over [0, 1] by linear interpolation."""
    place = phase * (N_TABLE - 1)
    index = np.minimum(place.astype(np.int64), N_TABLE - 2)
    share = place - index
    return np.asarray(table[index] * (1.0 - share) + table[index + 1] * share)


def _phase(
    breaths: Breaths, times_s: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float64]]:
    """Breath of each time, whether it is inspiration, and the place within that half, 0 to 1."""
    edges = np.searchsorted(times_s, breaths.onset_s)
    counts = np.diff(np.append(edges, len(times_s)))
    index = np.repeat(np.arange(len(breaths.onset_s)), counts)
    phase = (times_s - breaths.onset_s[index]) / breaths.period_s[index]
    inspired = breaths.inspired_fraction[index]
    is_in = phase < inspired
    place = np.where(is_in, phase / inspired, (phase - inspired) / (1.0 - inspired))
    return index, is_in, np.clip(place, 0.0, 1.0)


def flow_at(
    night: Physiology, times_s: NDArray[np.float64], *, breaths: Breaths | None = None
) -> NDArray[np.float64]:
    """Airflow in litres per second, inspiration positive.

    Parameters
    ----------
    night : Physiology
    times_s : ndarray, shape (n,), float64
        Ascending, from 0 on.
    breaths : Breaths, optional
        Other breaths in place of the night's, as `undisturbed`.

    Returns
    -------
    ndarray, shape (n,), float64
        With the irregular part and the heart's ripple, without movement and without a sensor.
    """
    breaths = night.breaths if breaths is None else breaths
    index, is_in, place = _phase(breaths, times_s)
    flat, pause = breaths.flattening_fraction, breaths.pause_fraction
    # What goes in comes out: expiration is scaled to the volume of the breath.
    filled = ((1.0 - flat) * _mean(_ROUND) + flat * _mean(_FLAT)) * breaths.inspired_fraction
    emptied = (1.0 - pause) * _mean(_LINGERING) + pause * _mean(_PAUSING)
    ratio = filled / (emptied * (1.0 - breaths.inspired_fraction))
    inflow = (1.0 - flat[index]) * _read(_ROUND, place) + flat[index] * _read(_FLAT, place)
    outflow = (1.0 - pause[index]) * _read(_LINGERING, place) + pause[index] * _read(_PAUSING, place)
    flow = np.where(is_in, inflow, -ratio[index] * outflow)
    flow *= (breaths.peak_flow_l_per_s * breaths.factor)[index]
    grid_s = np.arange(len(night.turbulence)) / TURBULENCE_RATE_HZ
    rough = TURBULENCE_FRACTION * np.interp(times_s, grid_s, night.turbulence)
    rough += CARDIOGENIC_FRACTION * _heart(night, times_s)
    return np.asarray(flow + night.traits.peak_flow_l_per_s * rough)


def _heart(night: Physiology, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The heart beat as a ripple of height one."""
    beats = np.concatenate(([0.0], np.cumsum(night.pulse_bpm) / 60.0))
    phase = 2.0 * np.pi * np.interp(times_s, np.arange(len(beats), dtype=np.float64), beats)
    return np.asarray(np.sin(phase) + 0.4 * np.sin(2.0 * phase + 0.6))


def undisturbed(breaths: Breaths) -> Breaths:
    """The same breaths with nothing planted."""
    return replace(breaths, factor=np.ones_like(breaths.factor))


def belt_at(night: Physiology, times_s: NDArray[np.float64], *, belt: str) -> NDArray[np.float64]:
    """Volume under the ``"thorax"`` or ``"abdomen"`` belt, 1 in a median breath, shape (n,).

    The mean is taken out slowly, as a recorder's coupling does.
    """
    breaths = night.breaths
    effort = breaths.thorax_factor if belt == "thorax" else breaths.abdomen_factor
    volume = breaths.peak_flow_l_per_s * breaths.period_s
    height = effort * (volume / np.median(volume)) ** 0.8
    index, is_in, place = _phase(breaths, times_s)
    curve = np.where(is_in, _read(_FILL, place), _read(_EMPTY, place)) * height[index]
    middle_s = breaths.onset_s + 0.5 * breaths.period_s
    level, levels = 0.4 * float(height[0]), np.empty(len(height))
    for i, target in enumerate((0.4 * height).tolist()):
        level += 0.35 * (target - level)
        levels[i] = level
    curve -= np.interp(times_s, middle_s, levels)
    return np.asarray(curve + 0.008 * _heart(night, times_s))


def movement_at(
    artifacts: tuple[Artifact, ...], times_s: NDArray[np.float64], *, channel: int
) -> NDArray[np.float64]:
    """Additive disturbance by movements, of the order of a breath; each channel has its own."""
    total = np.zeros(len(times_s))
    for artifact in artifacts:
        if artifact.cause != "movement":
            continue
        first, last = np.searchsorted(times_s, (artifact.start_s, artifact.stop_s))
        t_s = times_s[first:last] - artifact.start_s
        window = np.sin(np.pi * np.clip(t_s / (artifact.stop_s - artifact.start_s), 0.0, 1.0)) ** 0.5
        for i, (frequency_hz, phase, amplitude) in enumerate(artifact.waves.tolist()):
            shift = phase * (1.0 + 0.37 * channel) + 1.7 * i * channel
            total[first:last] += amplitude * window * np.sin(2.0 * np.pi * frequency_hz * t_s + shift)
    return total


def coupling_at(artifacts: tuple[Artifact, ...], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the airflow sensor's reading is multiplied with, shape (n,)."""
    coupling = np.ones(len(times_s))
    for artifact in artifacts:
        first, last = np.searchsorted(times_s, (artifact.start_s, artifact.stop_s))
        if artifact.cause == "gain_step":
            coupling[first:] *= artifact.coupling_factor
        elif artifact.cause == "cannula_partial":
            coupling[first:last] *= artifact.coupling_factor
    return coupling


def pressure_from_flow(flow_l_per_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nasal pressure in cmH2O: the square of flow with the sign of flow."""
    return np.asarray(PRESSURE_CMH2O_PER_FLOW2 * flow_l_per_s * np.abs(flow_l_per_s))


def thermistor_from_flow(flow: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flow at `THERMISTOR_RATE_HZ` through a first-order lag."""
    n = int(6.0 * THERMISTOR_LAG_S * THERMISTOR_RATE_HZ)
    kernel = np.exp(-np.arange(n) / (THERMISTOR_LAG_S * THERMISTOR_RATE_HZ))
    return np.convolve(flow, kernel / kernel.sum())[: len(flow)]


def excursions(
    wave: NDArray[np.float64], rate_hz: float, breaths: Breaths, *, lag_s: float = 0.0
) -> NDArray[np.float64]:
    """Highest minus lowest value of each breath, shape (n_breaths,), NaN beyond the wave."""
    edges = np.ceil((breaths.onset_s + lag_s) * rate_hz).astype(np.int64)
    edges = np.clip(np.append(edges, edges[-1] + 1), 0, len(wave))
    spans = np.full(len(breaths.onset_s), np.nan)
    inside = np.flatnonzero(edges[1:] > edges[:-1])
    starts = edges[inside]
    spans[inside] = np.maximum.reduceat(wave, starts) - np.minimum.reduceat(wave, starts)
    return spans
