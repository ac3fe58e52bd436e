"""Bridge to MNE-Python: a recording as `mne.io.RawArray` and back, a night as annotations."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hsat.errors import HsatError, MissingChannelError, shown
from hsat.intervals import Spans, as_spans
from hsat.recording import (
    Annotation,
    ArraySource,
    DeviceInfo,
    Note,
    Recording,
    Signal,
    SourceFile,
    Subject,
)
from hsat.results import NightResult

if TYPE_CHECKING:
    import mne

__all__ = ["night_to_annotations", "recording_from_raw", "to_mne"]

BAD_GAP = "BAD_gap"
"""MNE leaves spans annotated ``BAD...`` out of its analyses."""

GAP_WORDS = ("BAD_ACQ_SKIP", BAD_GAP)
"""Annotations of time that was never recorded: MNE's own word, and ours."""
CANONICAL_NAMES = frozenset(
    [
        "flow",
        "nasal_pressure",
        "thermistor",
        "rip_flow",
        "rip_sum",
        "thorax",
        "abdomen",
        "spo2",
        "pulse",
        "position",
        "snore",
        "pressure",
        "leak",
        "activity",
        "ecg",
        "eeg",
        "emg",
        "eog",
        "audio",
    ]
)
"""Names that signals have in hsat; a test holds them against the channel table."""

UNITS = {"spo2": "%", "pulse": "bpm", "position": "code"}
NO_VALUES: Mapping[str, tuple[float, ...]] = {
    "spo2": (0.0, 127.0, 255.0, 511.0, -1.0),
    "pulse": (0.0, 255.0, 511.0, -1.0),
}
"""What oximeters write for "no value"; MNE hands it on as a number. A test holds it against the device
profile of unknown recorders."""
SEXES = {1: "M", 2: "F"}
"""As MNE codes them."""
LOWEST_USUAL_PERCENT = 50.0
"""A night whose middle SpO2 is lower is no night; MNE scales channels it takes for volts."""
EDGE_WORD = "EDGE"
"""How annotations of the seams begin that MNE leaves where it has joined pieces."""

DESATURATION = "desaturation"

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


def night_to_annotations(night: NightResult, *, with_desaturations: bool = False) -> "mne.Annotations":
    """Turn what was scored into MNE annotations, to be set on the recording's `to_mne`.

    Parameters
    ----------
    night : NightResult
    with_desaturations : bool
        Whether falls of SpO2 are annotated too, as ``desaturation``.

    Returns
    -------
    mne.Annotations
        Events that count under their kind (``obstructive_apnea``, ``hypopnea``, ...); time that was
        not judged as ``BAD_`` and its cause (``BAD_flow_sensor_off``, ``BAD_gap``), which MNE leaves
        out of its analyses. Onsets count from the recording's start.
    """
    import mne

    rows = [(e.start_s, e.stop_s, e.kind.value) for e in night.events if e.is_counted]
    if with_desaturations:
        rows += [(d.start_s, d.stop_s, DESATURATION) for d in night.desaturations]
    for excluded in night.monitored.excluded:
        rows += [
            (start_s, stop_s, f"BAD_{excluded.cause.label}") for start_s, stop_s in excluded.spans_s.tolist()
        ]
    rows.sort()
    start_local = night.recording.start_local
    return mne.Annotations(
        [start_s for start_s, _, _ in rows],
        [stop_s - start_s for start_s, stop_s, _ in rows],
        [text for _, _, text in rows],
        orig_time=None if start_local is None else start_local.replace(tzinfo=UTC),
    )


def recording_from_raw(
    raw: "mne.io.BaseRaw", *, channel_map: Mapping[str, str] | None = None, patient: str | None = None
) -> Recording:
    """Turn an MNE object into a recording that can be scored.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        Its measurement date counts as local wall clock, as `to_mne` writes it. Nothing of its subject but
        the sex is taken over.
    channel_map : mapping of str to str, optional
        Canonical name to channel (``{"flow": "Resp nasal", "spo2": "SaO2"}``). A channel whose own
        name is canonical, as after `to_mne`, needs no entry; others are left out.
    patient : str, optional
        Code that stands for the patient.

    Returns
    -------
    Recording
        Every signal at the rate of `raw`. What oximeters write for "no value" is missing. Time
        annotated ``BAD_ACQ_SKIP`` or ``BAD_gap`` is a gap; samples under other annotations that begin
        with ``bad`` are missing, as MNE leaves them out. Other annotations are kept. Notes tell of all
        that, and of the seams of joined pieces.

    Raises
    ------
    MissingChannelError
        Where `channel_map` names a channel that `raw` lacks, or no channel has a canonical name.
    HsatError
        Where `raw` is no Raw, `channel_map` has a name that is not canonical or one channel under two
        names, or SpO2 is neither in percent nor a fraction.
    """
    import mne

    if not isinstance(raw, mne.io.BaseRaw):
        raise HsatError(f"raw: expected an mne.io.Raw, got {type(raw).__name__}")
    rate_hz = float(raw.info["sfreq"])
    names = _named_channels(raw, channel_map or {})
    notes: list[Note] = []
    gaps_s, bad_s, annotations = _sorted_annotations(raw, notes)
    arrays: list[NDArray[np.float32]] = []
    for name, channel in names.items():
        values = raw.get_data(picks=[channel])[0]
        values[~np.isfinite(values)] = np.nan
        if name in NO_VALUES:
            values[np.isin(values, NO_VALUES[name])] = np.nan
        if name == "spo2":
            values = _to_percent(values, channel, notes)
        for start_s, stop_s in (*gaps_s.tolist(), *bad_s.tolist()):
            values[round(start_s * rate_hz) : round(stop_s * rate_hz)] = np.nan
        largest = float(np.finfo(np.float32).max)
        values[np.abs(values) > largest] = np.nan
        arrays.append(values.astype(np.float32))
    source = ArraySource(arrays=tuple(arrays))
    return Recording(
        signals=tuple(
            Signal(
                name=name,
                rate_hz=rate_hz,
                unit=UNITS.get(name, "au"),
                n_samples=int(raw.n_times),
                source_label=channel,
                source=source,
                source_index=index,
                mapped_by="channel_map" if channel_map and name in channel_map else "name in MNE",
            )
            for index, (name, channel) in enumerate(names.items())
        ),
        start_local=_start_local(raw),
        duration_s=int(raw.n_times) / rate_hz,
        gaps_s=gaps_s,
        device=DeviceInfo(profile="generic", name="unknown recorder, by MNE"),
        subject=Subject(patient=patient, sex=SEXES.get((raw.info["subject_info"] or {}).get("sex") or 0)),
        source=SourceFile(path="mne.io.Raw", n_bytes=0, format="memory"),
        annotations=annotations,
        notes=tuple(notes),
    )


def _named_channels(raw: "mne.io.BaseRaw", channel_map: Mapping[str, str]) -> dict[str, str]:
    """Canonical name to channel, in the order of the channels."""
    for name, channel in channel_map.items():
        if name not in CANONICAL_NAMES:
            allowed = ", ".join(sorted(CANONICAL_NAMES))
            raise HsatError(f"channel_map: expected canonical names ({allowed}), got {shown(name)}")
        if channel not in raw.ch_names:
            present = ", ".join(raw.ch_names)
            raise MissingChannelError(
                f"channel_map {name}={channel}: not in the Raw; channels here: {present}"
            )
    named = {channel: name for name, channel in channel_map.items()}
    if len(named) < len(channel_map):
        twice = sorted(name for name, channel in channel_map.items() if named[channel] != name)
        raise HsatError(f"channel_map: expected a channel under one name, got several for that of {twice[0]}")
    for channel in raw.ch_names:
        if channel in CANONICAL_NAMES and channel not in channel_map:
            named.setdefault(channel, channel)
    if not named:
        raise MissingChannelError(
            f"no channel of the Raw has a canonical name ({', '.join(raw.ch_names)}): give channel_map"
        )
    return {named[channel]: channel for channel in raw.ch_names if channel in named}


def _start_local(raw: "mne.io.BaseRaw") -> datetime | None:
    date = raw.info["meas_date"]
    if date is None:
        return None
    start: datetime = date.replace(tzinfo=None) + timedelta(seconds=float(raw.first_time))
    return start


def _sorted_annotations(
    raw: "mne.io.BaseRaw", notes: list[Note]
) -> tuple[Spans, Spans, tuple[Annotation, ...]]:
    """Gaps, spans marked as bad, and all other annotations, in seconds from the first sample."""
    gaps: list[tuple[float, float]] = []
    bad: list[tuple[float, float]] = []
    kept: list[Annotation] = []
    n_seams = 0
    for onset, duration, text in zip(
        raw.annotations.onset, raw.annotations.duration, raw.annotations.description, strict=True
    ):
        start_s = float(onset) - float(raw.first_time)
        stop_s = start_s + float(duration)
        span = (max(start_s, 0.0), min(stop_s, raw.n_times / float(raw.info["sfreq"])))
        if text in GAP_WORDS:
            gaps.append(span)
        elif text.upper().startswith("BAD"):
            bad.append(span)
        elif not text.upper().startswith(EDGE_WORD):
            kept.append(Annotation(start_s, float(duration) or None, str(text)))
        n_seams += text.upper().startswith(EDGE_WORD)
    if n_seams:
        text = f"pieces were joined at {n_seams} seams; what lay between them is not known, no gap is kept"
        notes.append(Note("joined_pieces", text))
    bad_s = as_spans(bad)
    if len(bad_s):
        minutes = float((bad_s[:, 1] - bad_s[:, 0]).sum()) / 60.0
        notes.append(Note("marked_bad", f"{minutes:.1f} min annotated as bad are left out"))
    return as_spans(gaps), bad_s, tuple(kept)


def _to_percent(values: NDArray[np.float64], channel: str, notes: list[Note]) -> NDArray[np.float64]:
    usual = float(np.nanmedian(values)) if np.isfinite(values).any() else 100.0
    if usual > LOWEST_USUAL_PERCENT:
        return values
    if 100.0 * usual > LOWEST_USUAL_PERCENT:
        notes.append(Note("spo2_scale", f"channel {channel!r} holds fractions; times 100"))
        scaled: NDArray[np.float64] = values * 100.0
        return scaled
    raise HsatError(f"channel {channel!r}: expected SpO2 in percent or as a fraction, usual value {usual:g}")
