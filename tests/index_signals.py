"""SpO2 and pulse as formulas, one value a second, on which other programs were run once."""

from collections.abc import Callable

import numpy as np

N_SECONDS = 7200

Drawn = tuple[np.ndarray, list[tuple[float, float]]]
"""SpO2 in whole percent, and events as pairs of start and stop in seconds."""


def _dip(at_s: float, down_s: float, up_s: float, points: float) -> np.ndarray:
    """Points below the baseline: a triangle."""
    corners = [at_s, at_s + down_s, at_s + down_s + up_s]
    return np.interp(np.arange(N_SECONDS), corners, [0.0, points, 0.0], left=0, right=0)


def isolated() -> Drawn:
    """Fifteen dips of 4 to 9 points, 420 s apart, and at the end one of 2 points without an event."""
    stops = [500 + 420 * k for k in range(15)]
    percent = np.full(N_SECONDS, 96.0) - _dip(6900, 20, 20, 2)
    for k, stop in enumerate(stops):
        percent -= _dip(stop - 5, 20 + 2 * (k % 3), 24, 4 + k % 6)
    return np.round(percent), [(stop - 25.0, float(stop)) for stop in stops]


def regular() -> Drawn:
    """Seventy dips of 4 to 9 points and 46 s, one every 90 s."""
    stops = [500 + 90 * k for k in range(70)]
    percent = np.full(N_SECONDS, 96.0)
    for k, stop in enumerate(stops):
        percent -= _dip(stop - 5, 20, 26, 4 + k % 6)
    return np.round(percent), [(stop - 25.0, float(stop)) for stop in stops]


def wandering() -> Drawn:
    """Dips of 3 to 9 points about every 155 s on a baseline that goes 2 points up and down in 50 min."""
    stops = [500 + 150 * k + 10 * (k % 4) for k in range(42)]
    percent = 95.0 + 2.0 * np.sin(2 * np.pi * np.arange(N_SECONDS) / 3000.0)
    for k, stop in enumerate(stops):
        percent -= _dip(stop - 8 + k % 5, 18, 26, 3 + k % 7)
    return np.round(percent), [(stop - 20.0 - k % 7, float(stop)) for k, stop in enumerate(stops)]


def periodic() -> Drawn:
    """A dip every 48 s for 96 min, as in Cheyne-Stokes breathing."""
    stops = [500 + 48 * k for k in range(120)]
    percent = np.full(N_SECONDS, 95.0)
    for k, stop in enumerate(stops):
        percent -= _dip(stop - 4, 22, 22, 5 + k % 4)
    return np.round(percent), [(stop - 24.0, float(stop)) for stop in stops]


def crowded() -> Drawn:
    """Dips 40, 75, 55 and 130 s apart: the window of the mean curve overlaps the next event's."""
    stops, at = [], 400
    while at < 6900:
        stops.append(at)
        at += (40, 75, 55, 130)[len(stops) % 4]
    percent = np.full(N_SECONDS, 96.0)
    for k, stop in enumerate(stops):
        percent -= _dip(stop - 6, 20, 20 + 5 * (k % 3), 4 + k % 5)
    return np.round(percent), [(stop - 22.0, float(stop)) for stop in stops]


SIGNALS: dict[str, Callable[[], Drawn]] = {
    function.__name__: function for function in (isolated, regular, wandering, periodic, crowded)
}


def answering_pulse(events: list[tuple[float, float]]) -> np.ndarray:
    """Pulse of 60: 54 for 6 s from the middle of each event, 70 to 74 from 3 to 9 s after its end."""
    bpm = np.full(N_SECONDS, 60.0)
    for k, (start, stop) in enumerate(events):
        middle = int((start + stop) / 2)
        bpm[middle : middle + 6] = 54.0
        bpm[int(stop) + 3 : int(stop) + 9] = 70.0 + k % 5
    return bpm
