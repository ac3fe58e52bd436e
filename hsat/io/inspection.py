"""`inspect_recording`: what a file holds, looked at sample by sample, and what can be scored."""

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hsat.inspection import ChannelQuality, InspectedChannel, Inspection, Scorable
from hsat.intervals import total_s
from hsat.io.calibration import calibrate
from hsat.io.edf import EdfFile
from hsat.io.header import EdfChannel
from hsat.io.normalize import NormalizedFile
from hsat.io.reading import is_table, read_normalized, read_recording
from hsat.recording import Calibration, Note, Recording, SampleBlock

__all__ = ["inspect_recording"]

STRETCH_S = 10.0
"""A breathing signal that rests for 10 s shows no breathing; shorter rests are normal."""

NUMBER_NAMES = frozenset(("spo2", "pulse", "position", "pressure", "leak", "snore"))
"""Channels that hold numbers or states, which may rest for long."""

FLAT_THROUGHOUT_PERCENT = 99.0
"""A waveform that rests in all but a few stretches was not connected; plugging it in moves it once."""

AIRFLOW_NAMES = ("nasal_pressure", "flow", "thermistor", "rip_flow", "rip_sum")
BELT_NAMES = ("thorax", "abdomen")


class _Tally:
    """Counts over the samples of one channel."""

    def __init__(self, calibration: Calibration, rate_hz: float, *, is_number: bool) -> None:
        self.calibration = calibration
        self.n_stretch = 0 if is_number else max(2, round(STRETCH_S * rate_hz))
        self.n_samples = self.n_missing = self.n_stretches = self.n_flat = 0
        self.lowest, self.highest = np.inf, -np.inf

    def add(self, block: SampleBlock) -> None:
        stored = block.stored.reshape(-1)
        self.n_samples += len(stored)
        if 0 < self.n_stretch <= len(stored):
            n_whole = len(stored) // self.n_stretch
            stretches = stored[: n_whole * self.n_stretch].reshape(n_whole, self.n_stretch)
            self.n_stretches += n_whole
            self.n_flat += int(np.count_nonzero(stretches.max(axis=1) == stretches.min(axis=1)))
        valid = stored[self._is_valid(stored)] if self._has_missing or stored.dtype.kind == "f" else stored
        self.n_missing += len(stored) - len(valid)
        if len(valid):
            self.lowest = min(self.lowest, float(valid.min()))
            self.highest = max(self.highest, float(valid.max()))

    @property
    def _has_missing(self) -> bool:
        calibration = self.calibration
        return bool(calibration.missing_stored) or np.isfinite(calibration.lowest_stored)

    def _is_valid(self, stored: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.isfinite(self.calibration.to_physical(stored))

    def finish(self, unit: str) -> ChannelQuality:
        """Shares and extremes, and the sentence about them."""
        if self.n_samples == 0:
            return ChannelQuality(
                missing_percent=None, flat_percent=None, lowest=None, highest=None, sentence="no samples"
            )
        missing_percent = 100.0 * self.n_missing / self.n_samples
        flat_percent = 100.0 * self.n_flat / self.n_stretches if self.n_stretches else None
        lowest: float | None = None
        highest: float | None = None
        if self.n_missing < self.n_samples:
            ends = self.calibration.gain * np.array([self.lowest, self.highest]) + self.calibration.offset
            lowest, highest = float(ends.min()), float(ends.max())
        return ChannelQuality(
            missing_percent=missing_percent,
            flat_percent=flat_percent,
            lowest=lowest,
            highest=highest,
            sentence=_sentence(missing_percent, flat_percent, lowest, highest, unit),
        )


def _sentence(
    missing_percent: float, flat_percent: float | None, lowest: float | None, highest: float | None, unit: str
) -> str:
    if lowest is None or highest is None:
        return "no valid sample: sensor not connected"
    if lowest == highest:
        return f"constant at {lowest:.4g} {unit}".rstrip()
    parts = [f"{lowest:.4g} to {highest:.4g} {unit}".rstrip()]
    if missing_percent >= 0.05:
        parts.append(f"{missing_percent:.1f} % missing")
    if flat_percent is not None and flat_percent >= 0.05:
        parts.append(f"flat for {flat_percent:.1f} % of the time")
    return ", ".join(parts)


def inspect_recording(
    path: str | os.PathLike[str], *, device: str | None = None, channel_map: Mapping[str, str] | None = None
) -> Inspection:
    """Look at a file: channels, mapping, device, gaps, clock, quality, repairs; nothing is scored.

    Parameters
    ----------
    path : str or path-like
    device : str, optional
        Name or path of a device profile.
    channel_map : mapping of str to str, optional
        Canonical name to label.

    Returns
    -------
    Inspection

    Raises
    ------
    ReadError
        Where the file cannot be read as a recording.
    HsatError
        For the rest as `hsat.io.read_recording`.
    """
    if is_table(path):
        return _inspect_table(read_recording(path, device=device, channel_map=channel_map))
    normalized, edf, _ = read_normalized(path, device=device, channel_map=channel_map)
    recording = normalized.recording
    channels = _channels(normalized, edf)
    return Inspection(
        file=edf.path,
        format=edf.format,
        start_local=edf.start_local,
        duration_s=edf.duration_s,
        n_records=edf.n_records,
        record_duration_s=edf.record_duration_s,
        gaps_s=edf.gaps_s,
        n_annotations=len(edf.annotations),
        device=recording.device,
        patient=recording.subject.patient,
        channels=channels,
        scorable=_scorable(recording, channels),
        notes=recording.notes,
    )


def _inspect_table(recording: Recording) -> Inspection:
    """The same of an oximeter's table: a row is a data record."""
    channels: list[InspectedChannel] = []
    for signal in recording.signals:
        tally = _Tally(signal.calibration, signal.rate_hz, is_number=True)
        for block in signal.source.blocks([signal.source_index]):
            tally.add(block)
        n_in_gaps = round(total_s(recording.gaps_s) * signal.rate_hz)  # no sample was stored there
        tally.n_samples -= n_in_gaps
        tally.n_missing -= n_in_gaps
        channels.append(
            InspectedChannel(
                source_label=signal.source_label,
                name=signal.name,
                rate_hz=signal.rate_hz,
                unit=signal.unit,
                physical_range=(None, None),
                digital_range=(None, None),
                mapped_by=signal.mapped_by,
                quality=tally.finish(signal.unit),
            )
        )
    first = recording.signals[0]
    return Inspection(
        file=recording.source.path,
        format=recording.source.format,
        start_local=recording.start_local,
        duration_s=recording.duration_s,
        n_records=first.n_samples - round(total_s(recording.gaps_s) * first.rate_hz),
        record_duration_s=1.0 / first.rate_hz,
        gaps_s=recording.gaps_s,
        n_annotations=0,
        device=recording.device,
        patient=recording.subject.patient,
        channels=tuple(channels),
        scorable=_scorable(recording, tuple(channels)),
        notes=recording.notes,
    )


def _channels(normalized: NormalizedFile, edf: EdfFile) -> tuple[InspectedChannel, ...]:
    matches = {match.channel: match for match in normalized.matches}
    signals = {signal.source_index: signal for signal in normalized.recording.signals}
    shown = [channel for channel in edf.channels if channel.is_signal]
    source = next((s.source for s in signals.values()), edf.source)
    tallies: list[_Tally] = []
    units: list[str] = []
    for channel in shown:
        signal = signals.get(channel.index)
        name = signal.name if signal else ""
        calibration = signal.calibration if signal else _header_calibration(channel, edf)
        rate_hz = edf.source.rate_hz(channel.index)
        tallies.append(_Tally(calibration, rate_hz, is_number=name in NUMBER_NAMES or rate_hz < 1.0))
        units.append(signal.unit if signal else channel.unit)
    for block in source.blocks([channel.index for channel in shown]):
        tallies[block.position].add(block)
    inspected: list[InspectedChannel] = []
    for channel, tally, unit in zip(shown, tallies, units, strict=True):
        match = matches.get(channel.index)
        is_used = channel.index in signals
        inspected.append(
            InspectedChannel(
                source_label=channel.label,
                name=match.name if match else None,
                rate_hz=edf.source.rate_hz(channel.index) or None,
                unit=unit,
                physical_range=(channel.physical_min, channel.physical_max),
                digital_range=(channel.digital_min, channel.digital_max),
                mapped_by=None
                if match is None
                else match.mapped_by
                if is_used
                else f"{match.mapped_by}; not used",
                quality=tally.finish(unit),
            )
        )
    return tuple(inspected)


def _header_calibration(channel: EdfChannel, edf: EdfFile) -> Calibration:
    repairs: list[Note] = []
    return calibrate(channel, "", (), is_inverted=False, is_bdf=edf.format.startswith("BDF"), notes=repairs)


def _scorable(recording: Recording, channels: tuple[InspectedChannel, ...]) -> Scorable:
    """What the channels allow; a channel without a valid sample, or flat throughout, allows nothing."""
    qualities = {c.name: c.quality for c in channels if c.name is not None and recording.has_signal(c.name)}
    # A belt stands in for airflow only where no sensor of it was recorded, the sum of both also
    # where none shows breathing, as in scoring.
    airflow_names = tuple(name for name in AIRFLOW_NAMES if name in qualities) or BELT_NAMES
    airflow = next((name for name in airflow_names if _is_moving(qualities.get(name))), None)
    if all(_is_moving(qualities.get(name)) for name in BELT_NAMES) and airflow in (None, *BELT_NAMES):
        airflow = "+".join(BELT_NAMES)
    belt_names = tuple(name for name in BELT_NAMES if name != airflow)
    has_belts = any(_is_moving(qualities.get(name)) for name in belt_names)
    has_spo2 = "spo2" in qualities and qualities["spo2"].lowest is not None
    reasons = [note.text for note in recording.notes if note.code == "device_companion"]
    if airflow is None:
        what = "airflow sensor" if airflow_names != BELT_NAMES else "airflow sensor or effort belt"
        reasons.append(f"apneas: {_absence(recording, qualities, airflow_names, what)}")
        reasons.append("hypopneas: no airflow to see them in")
    if not has_spo2:
        reason = _absence(recording, qualities, ("spo2",), "SpO2 channel")
        if airflow is not None:
            reasons.append(f"hypopneas: {reason}, and they need a desaturation")
        reasons.append(f"desaturations: {reason}")
    if airflow is not None and not has_belts:
        reason = "the one effort belt stands in for airflow"
        if airflow not in BELT_NAMES:
            reason = _absence(recording, qualities, belt_names, "effort belt")
        reasons.append(f"kinds of apnea: {reason}, and nothing else tells obstructive from central")
    return Scorable(
        apneas=airflow is not None,
        hypopneas=airflow is not None and has_spo2,
        desaturations=has_spo2,
        kinds=airflow is not None and has_belts,
        reasons=tuple(reasons),
    )


def _is_moving(quality: ChannelQuality | None) -> bool:
    """Whether a waveform is there, and not flat throughout."""
    if quality is None or quality.lowest is None or quality.lowest == quality.highest:
        return False
    return quality.flat_percent is None or quality.flat_percent < FLAT_THROUGHOUT_PERCENT


def _absence(
    recording: Recording, qualities: Mapping[str, ChannelQuality], names: tuple[str, ...], what: str
) -> str:
    """Why none of the named channels can be used."""
    present = [qualities[name] for name in names if name in qualities]
    if not present:
        return f"no {what} in the file"
    if not recording.duration_s > 0:
        return "the file holds no data"
    if all(quality.lowest is None for quality in present):
        return f"the {what} holds no valid sample"
    return f"the {what} is flat throughout"
