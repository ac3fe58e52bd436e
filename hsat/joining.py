"""An oximeter of its own beside a recording of breathing: both on the recording's clock.

Clocks of two devices differ. Where both hold the same signal (pulse or SpO2), the offset is found from
it: the correlation of what varies within minutes, over all offsets at which enough of both overlaps.
It counts where it is high and alone; else the clocks are taken as they are, and a note says so. Where
three parts of the night fit at offsets that lie on a line, one clock is faster: that is corrected too.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.errors import HsatError, MissingChannelError
from hsat.recording import ArraySource, Note, Recording, Signal

__all__ = ["join_oximetry"]

JOINED = ("spo2", "pulse", "activity")
"""Signals that are taken from the oximeter."""
COMPARED = ("pulse", "spo2")
"""Signals by which two devices can be set against each other; pulse varies most."""

SHORTEST_OVERLAP_S = 1800.0
"""Less of a night together tells nothing of it, and too little to set two clocks by."""
COMPARED_HZ = 1.0
TREND_S = 600.0
"""What varies more slowly (the night's trend) is alike at many offsets."""
LOWEST_CORRELATION = 0.6
SMALLEST_LEAD = 0.15
"""The best offset leads every other by this: chance, over 50,000 offsets and half an hour together, gives
correlations up to about 0.4 (independent every 10 s or so, four standard errors)."""
PEAK_HALF_WIDTH_S = 120.0
"""Offsets this near belong to the same peak: pulse and SpO2 change over tens of seconds."""
AGREEMENT_S = 2.0
"""Clocks read to the second agree within this."""
DRIFT_PARTS = 3
"""Parts of the night in which the offset is looked for again; two would always lie on a line."""


class _Peak(NamedTuple):
    """The best offset by one signal: seconds, correlation there and elsewhere, seconds compared."""

    name: str
    start_s: float
    correlation: float
    elsewhere: float
    overlap_s: float

    @property
    def is_certain(self) -> bool:
        return self.correlation >= LOWEST_CORRELATION and self.correlation - self.elsewhere >= SMALLEST_LEAD


class _Drift(NamedTuple):
    """An offset that grows with time.

    Attributes
    ----------
    start_s, at_s : float
        Start of the oximeter after the recording's, as it is at this moment of the recording.
    slope : float
        Growth in seconds a second.
    total_s : float
        By how much the oximeter's clock gets ahead of the recording's in all.
    """

    start_s: float
    at_s: float
    slope: float
    total_s: float


def join_oximetry(recording: Recording, oximetry: Recording) -> Recording:
    """Put the SpO2, pulse and motion of an oximeter beside a recording of the same night.

    Parameters
    ----------
    recording : Recording
        Has the clock of the result. Its own SpO2, pulse and motion are left aside where the
        oximeter has them.
    oximetry : Recording
        Has SpO2.

    Returns
    -------
    Recording
        Of the recording's length. The joined signals hold NaN where the oximeter stored nothing;
        what it recorded before and after is left out. Notes say how it was placed, and by how much
        its clock differs.

    Raises
    ------
    MissingChannelError
        Where the oximeter has no SpO2.
    HsatError
        Where one of the two knows no clock and their signals do not tell the offset, or where both
        share less than half an hour.
    """
    other = oximetry.source.path
    if not oximetry.has_signal("spo2"):
        raise MissingChannelError(f"{other}: no SpO2 to join")
    clock_s = None
    if recording.start_local is not None and oximetry.start_local is not None:
        clock_s = (oximetry.start_local - recording.start_local).total_seconds()
    peaks = [_best_offset(recording, oximetry, name) for name in COMPARED]
    known = sorted((p for p in peaks if p is not None), key=lambda p: p.correlation, reverse=True)
    certain = next((peak for peak in known if peak.is_certain), None)
    if certain is not None:
        start_s = certain.start_s
    elif clock_s is not None:
        start_s = clock_s
    else:
        raise HsatError(
            f"{other}: cannot be placed beside {recording.source.path}: "
            f"{_without_clock(recording, oximetry)}, and {_why_uncertain(known)}"
        )
    overlap_s = min(start_s + oximetry.duration_s, recording.duration_s) - max(start_s, 0.0)
    if overlap_s < SHORTEST_OVERLAP_S:
        raise HsatError(
            f"{other}: shares {math.floor(max(overlap_s, 0.0) / 60.0)} min with {recording.source.path}: "
            f"expected at least {SHORTEST_OVERLAP_S / 60.0:.0f} min; by {_spans(recording, oximetry)}"
        )
    notes = [Note(n.code, f"oximeter: {n.text}") for n in oximetry.notes]
    hours = f"{overlap_s / 3600.0:.2f} h of {other} within the recording"
    notes.append(_placement_note(clock_s, certain, known, hours))
    drift = _Drift(start_s, 0.0, 0.0, 0.0)
    if certain is not None and (found := _find_drift(recording, oximetry, certain)) is not None:
        drift = found
        side = "slower" if drift.total_s < 0 else "faster"
        text = f"the oximeter's clock is {side} than the recording's, by {abs(drift.total_s):.0f} s over "
        notes.append(Note("oximetry_drift", f"{text}{overlap_s / 3600.0:.1f} h; corrected"))
    signals, replaced = _signals(recording, oximetry, drift)
    if replaced:
        text = f"{' and '.join(replaced)} of the recording itself left aside: the oximeter's are used"
        notes.append(Note("oximetry_replaced", text))
    averaging_s = recording.device.oximeter_averaging_s
    if any(signal.name == "spo2" for signal in oximetry.signals):
        averaging_s = oximetry.device.oximeter_averaging_s
    return replace(
        recording,
        signals=signals,
        device=replace(recording.device, oximeter_averaging_s=averaging_s),
        notes=(*recording.notes, *notes),
    )


def _placement_note(clock_s: float | None, certain: _Peak | None, known: Sequence[_Peak], hours: str) -> Note:
    """How the oximeter was placed, and what speaks for it."""
    if certain is None:
        text = f"the oximeter is placed by the clocks of both devices, unconfirmed: {_why_uncertain(known)}"
        doubt = "; if both sensors worked, these are two nights, or two people" if known else ""
        return Note("oximetry_clock", f"{text}{doubt}; {hours}")
    found = f"(correlation {certain.correlation:.2f}, elsewhere at most {certain.elsewhere:.2f}); {hours}"
    if clock_s is None:
        text = f"the oximeter starts {certain.start_s:.0f} s after the recording, found from the"
        return Note("oximetry_offset", f"{text} {certain.name} of both {found}")
    behind_s = certain.start_s - clock_s
    if abs(behind_s) <= AGREEMENT_S:
        return Note(
            "oximetry_clock", f"the clocks of both devices agree by the {certain.name} of both {found}"
        )
    side = "behind" if behind_s > 0 else "ahead of"
    text = f"the oximeter's clock is {abs(behind_s):.0f} s {side} the recording's, corrected: found from the"
    return Note("oximetry_offset", f"{text} {certain.name} of both {found}")


def _why_uncertain(known: Sequence[_Peak]) -> str:
    if not known:
        return "no pulse or SpO2 in both to compare for half an hour"
    best = known[0]
    return (
        f"the {best.name} of both fits no offset well and alone (best correlation {best.correlation:.2f}, "
        f"elsewhere {best.elsewhere:.2f}; needs {LOWEST_CORRELATION:g} and a lead of {SMALLEST_LEAD:g})"
    )


def _without_clock(recording: Recording, oximetry: Recording) -> str:
    names = [r.source.path for r in (recording, oximetry) if r.start_local is None]
    return f"{' and '.join(names)} {'knows' if len(names) == 1 else 'know'} no clock"


def _spans(recording: Recording, oximetry: Recording) -> str:
    if recording.start_local is None or oximetry.start_local is None:
        return "their signals"
    return (
        f"their clocks they start {oximetry.start_local:%Y-%m-%d %H:%M:%S} and "
        f"{recording.start_local:%Y-%m-%d %H:%M:%S}"
    )


def _signals(
    recording: Recording, oximetry: Recording, drift: _Drift
) -> tuple[tuple[Signal, ...], list[str]]:
    """All signals of the result, and the names of those that the oximeter's replace."""
    taken = [oximetry.signal(name) for name in JOINED if oximetry.has_signal(name)]
    names = {signal.name for signal in taken}
    kept = tuple(signal for signal in recording.signals if signal.name not in names)
    replaced = [signal.name for signal in recording.signals if signal.name in names]
    arrays: list[NDArray[np.float32]] = []
    rates_hz: list[float] = []
    for signal in taken:
        # Slow samples are repeated, so that the place of each is right to half a second.
        n_repeats = max(1, math.ceil(COMPARED_HZ / signal.rate_hz))
        rates_hz.append(signal.rate_hz * n_repeats)
        held = np.repeat(signal.values.astype(np.float32), n_repeats)
        arrays.append(_placed(held, rates_hz[-1], drift, int(recording.duration_s * rates_hz[-1])))
    source = ArraySource(arrays=tuple(arrays))
    joined = tuple(
        replace(
            signal,
            rate_hz=rates_hz[index],
            n_samples=len(arrays[index]),
            source=source,
            source_index=index,
            calibration=type(signal.calibration)(),
            mapped_by=f"--oximetry, {signal.mapped_by}",
        )
        for index, signal in enumerate(taken)
    )
    return (*kept, *joined), replaced


def _placed(
    values: NDArray[np.float32], rate_hz: float, drift: _Drift, n_samples: int
) -> NDArray[np.float32]:
    """At each place of the recording the oximeter's sample of that moment; NaN outside."""
    places = np.arange(n_samples)
    shifts = (drift.start_s + drift.slope * (places / rate_hz - drift.at_s)) * rate_hz
    own = places - np.round(shifts).astype(np.intp)
    is_inside = (own >= 0) & (own < len(values))
    out = np.full(n_samples, np.nan, dtype=np.float32)
    out[is_inside] = values[own[is_inside]]
    return out


def _best_offset(recording: Recording, oximetry: Recording, name: str) -> _Peak | None:
    """Where the oximeter's start fits best by one signal; None where that cannot be told."""
    if not (recording.has_signal(name) and oximetry.has_signal(name)):
        return None
    ours, theirs = (_every_second(r.signal(name)) for r in (recording, oximetry))
    correlations, n_shared = _correlations(_without_trend(ours), _without_trend(theirs))
    correlations[n_shared < SHORTEST_OVERLAP_S * COMPARED_HZ] = -np.inf
    best = int(np.argmax(correlations))
    if not np.isfinite(correlations[best]):
        return None
    width = int(PEAK_HALF_WIDTH_S * COMPARED_HZ)
    others = np.concatenate((correlations[: max(best - width, 0)], correlations[best + width + 1 :]))
    elsewhere = float(others.max()) if len(others) and np.isfinite(others.max()) else 0.0
    return _Peak(
        name=name,
        start_s=(best - (len(theirs) - 1)) / COMPARED_HZ,
        correlation=float(correlations[best]),
        elsewhere=elsewhere,
        overlap_s=float(n_shared[best]) / COMPARED_HZ,
    )


def _find_drift(recording: Recording, oximetry: Recording, certain: _Peak) -> _Drift | None:
    """How the offset changes over the night; None where it does not, or parts of the night do not tell."""
    pair = [r.signal(certain.name) for r in (recording, oximetry)]
    ours, theirs = (_without_trend(_every_second(signal)) for signal in pair)
    start = round(certain.start_s)
    first, stop = max(start, 0), min(start + len(theirs), len(ours))
    edges = np.linspace(first, stop, DRIFT_PARTS + 1).astype(int)
    centres_s, offsets_s = [], []
    for begin, end in pairwise(edges.tolist()):
        offset_s = _offset_within(ours[begin:end], theirs, begin - start)
        if offset_s is None:
            return None
        centres_s.append((begin + end) / 2.0)
        offsets_s.append(certain.start_s + offset_s)
    slope, at_zero_s = np.polyfit(centres_s, offsets_s, 1)
    off_line_s = np.abs(np.polyval((slope, at_zero_s), centres_s) - offsets_s).max()
    total_s = float(slope) * (stop - first)
    smallest_s = AGREEMENT_S + max(1.0 / signal.rate_hz for signal in pair)
    if abs(total_s) <= smallest_s or off_line_s > AGREEMENT_S:
        return None
    middle_s = (first + stop) / 2.0
    return _Drift(float(slope * middle_s + at_zero_s), middle_s, float(slope), -total_s)


def _offset_within(part: NDArray[np.float64], theirs: NDArray[np.float64], begin: int) -> float | None:
    """Offset of the best fit of a part that should begin at ``begin`` of theirs, by at most two minutes."""
    width = int(PEAK_HALF_WIDTH_S * COMPARED_HZ)
    padded = np.concatenate((np.full(width, np.nan), theirs, np.full(width, np.nan)))
    near = padded[begin : begin + len(part) + 2 * width]
    correlations, n_shared = _correlations(part, near)
    correlations[n_shared < SHORTEST_OVERLAP_S * COMPARED_HZ] = -np.inf
    middle = len(near) - 1 - width
    allowed = correlations[max(middle - width, 0) : middle + width + 1]
    best = int(np.argmax(allowed)) if len(allowed) else 0
    if len(allowed) < 2 * width + 1 or allowed[best] < LOWEST_CORRELATION:
        return None
    return (best - width) / COMPARED_HZ


def _every_second(signal: Signal) -> NDArray[np.float64]:
    """The sample in force at the middle of every second."""
    values = signal.values
    n_seconds = int(signal.n_samples / signal.rate_hz * COMPARED_HZ)
    places = ((np.arange(n_seconds) + 0.5) * signal.rate_hz / COMPARED_HZ).astype(np.intp)
    return values[np.minimum(places, max(len(values) - 1, 0))]


def _without_trend(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values less their mean over ten minutes; NaN stays NaN."""
    half = int(TREND_S * COMPARED_HZ / 2)
    is_known = np.isfinite(values)
    sums = np.concatenate(([0.0], np.cumsum(np.where(is_known, values, 0.0))))
    counts = np.concatenate(([0], np.cumsum(is_known)))
    stops = np.minimum(np.arange(len(values)) + half + 1, len(values))
    starts = np.maximum(np.arange(len(values)) - half, 0)
    means = (sums[stops] - sums[starts]) / np.maximum(counts[stops] - counts[starts], 1)
    without: NDArray[np.float64] = values - means
    return without


def _correlations(
    ours: NDArray[np.float64], theirs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pearson's correlation at every offset, over the seconds that both hold, and their number.

    Source: masked normalised correlation by Fourier transforms (Padfield 2012, IEEE Trans. Image
    Process. 21:2706). Place ``k`` is the offset ``k - (len(theirs) - 1)``.
    """
    n_places = max(len(ours) + len(theirs) - 1, 1)
    size = 1 << (n_places - 1).bit_length() if n_places > 1 else 1
    shape = np.zeros(n_places)
    if len(ours) == 0 or len(theirs) == 0:
        return np.full(n_places, -np.inf), shape

    def spectra(values: NDArray[np.float64]) -> list[NDArray[np.complex128]]:
        is_known = np.isfinite(values)
        filled = np.where(is_known, values, 0.0)
        return [np.fft.rfft(x, size) for x in (is_known.astype(np.float64), filled, filled**2)]

    ones, first, first_squared = spectra(ours)
    other_ones, second, second_squared = spectra(theirs[::-1])

    def correlate(x: NDArray[np.complex128], y: NDArray[np.complex128]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = np.fft.irfft(x * y, size)[:n_places]
        return result

    n_shared = np.round(correlate(ones, other_ones))
    n = np.maximum(n_shared, 1.0)
    mean_1, mean_2 = correlate(first, other_ones) / n, correlate(ones, second) / n
    covariance = correlate(first, second) / n - mean_1 * mean_2
    variance_1 = correlate(first_squared, other_ones) / n - mean_1**2
    variance_2 = correlate(ones, second_squared) / n - mean_2**2
    # A signal that rests tells nothing; its variance is only what the transform's rounding leaves.
    is_moving = (variance_1 > 1e-6) & (variance_2 > 1e-6)
    spread = np.sqrt(np.where(is_moving, variance_1 * variance_2, 1.0))
    correlations: NDArray[np.float64] = np.where(is_moving, covariance / spread, -np.inf)
    return correlations, n_shared
