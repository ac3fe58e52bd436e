"""Recordings put on one clock: side by side, or one after the other. Samples stay in their files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hsat.errors import HsatError
from hsat.intervals import Spans, invert_spans, unite_spans
from hsat.recording import (
    Annotation,
    Calibration,
    Note,
    Recording,
    SampleBlock,
    SampleSource,
    Signal,
    SourceFile,
)

__all__ = ["NOON_H", "JoinedSource", "join_in_a_row", "join_side_by_side", "night_of"]

NOON_H = 12
"""A night lasts from noon to noon, as sleep laboratories and PAP devices count it."""

EDGE_S = 60.0
"""Files of one session start and end within seconds of each other (a record of 60 s at most): what
sticks out of the file that sets the clock is cut; more than this is a file that was cut off."""

SHORTEST_GAP_S = 1.5
"""Clocks in headers are whole seconds: sessions closer than this follow on without a gap."""


def night_of(start_local: datetime) -> date:
    """The evening of the night that a moment belongs to: from noon on that day to noon on the next."""
    return (start_local - timedelta(hours=NOON_H)).date()


class _Piece(NamedTuple):
    """One channel of a part on the joined clock.

    Attributes
    ----------
    channel : int
        Channel of the part's source.
    first_sample : int
        Place of its sample 0 on the joined clock; negative where it began before.
    lowest, stop : int
        Places on the joined clock that may be filled.
    calibration : Calibration or None
        To physical values, where the parts store numbers of different meaning.
    """

    channel: int
    first_sample: int
    lowest: int
    stop: int
    calibration: Calibration | None


class _Part(NamedTuple):
    """A source and what each joined channel takes from it; None where it takes nothing."""

    source: SampleSource
    pieces: tuple[_Piece | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedSource:
    """Samples of several sources on one clock; a `hsat.recording.SampleSource`.

    Attributes
    ----------
    parts : tuple
        In order of time.
    """

    parts: tuple[_Part, ...] = field(repr=False)

    def blocks(self, indices: Sequence[int]) -> Iterator[SampleBlock]:
        """Yield the samples of the named channels, each in order of time, part after part."""
        for part in self.parts:
            wanted = [(position, part.pieces[index]) for position, index in enumerate(indices)]
            chosen = [(position, piece) for position, piece in wanted if piece is not None]
            if not chosen:
                continue
            for block in part.source.blocks([piece.channel for _, piece in chosen]):
                position, piece = chosen[block.position]
                placed = _place(block, piece, position)
                if placed is not None:
                    yield placed


def _place(block: SampleBlock, piece: _Piece, position: int) -> SampleBlock | None:
    """A block on the joined clock; None where nothing of it lies there."""
    stored = block.stored
    if piece.calibration is not None:
        stored = piece.calibration.to_physical(stored).astype(np.float32)
    first = block.first_sample + piece.first_sample
    stop = first + stored.size
    if first >= piece.lowest and stop <= piece.stop:
        return SampleBlock(position, first, stored)
    start, stop = max(first, piece.lowest), min(stop, piece.stop)
    if stop <= start:
        return None
    inside = stored.reshape(-1)[start - first : stop - first]
    return SampleBlock(position, start, inside.reshape(1, -1))


def join_side_by_side(recordings: Sequence[Recording]) -> Recording:
    """Recordings that one device made at the same time, in one.

    Parameters
    ----------
    recordings : sequence of Recording
        Each with a start. The first sets the clock: the rest is cut to it, unless one ends more
        than a minute later. Of signals with one name the fastest is taken.

    Returns
    -------
    Recording
        The first one itself where it is alone.

    Raises
    ------
    HsatError
        Where a recording has no start.
    """
    first = recordings[0]
    if len(recordings) == 1:
        return first
    offsets_s = _offsets_s(first, recordings)
    duration_s = first.duration_s
    spans_s = [_recorded_s(first, 0.0)]
    for recording, offset_s in zip(recordings[1:], offsets_s[1:], strict=True):
        if offset_s + recording.duration_s > first.duration_s + EDGE_S:
            duration_s = max(duration_s, offset_s + recording.duration_s)
            spans_s.append(_recorded_s(recording, max(offset_s, 0.0)))
    chosen: dict[str, Signal] = {}
    for signal in (signal for recording in recordings for signal in recording.signals):
        if signal.name not in chosen or signal.rate_hz > chosen[signal.name].rate_hz:
            chosen[signal.name] = signal
    return _joined(recordings, offsets_s, tuple(chosen.values()), duration_s, spans_s)


def join_in_a_row(recordings: Sequence[Recording]) -> Recording:
    """Recordings that one device made one after the other, in one, the pauses kept as gaps.

    Parameters
    ----------
    recordings : sequence of Recording
        Each with a start, in order of time, not overlapping.

    Returns
    -------
    Recording
        The first one itself where it is alone. A signal that differs in rate or unit from the
        longest one of its name is left out of its part, with a note.

    Raises
    ------
    HsatError
        Where a recording has no start, or overlaps the one before.
    """
    first = recordings[0]
    if len(recordings) == 1:
        return first
    offsets_s = _offsets_s(first, recordings)
    for before, after, offset_s, next_s in zip(
        recordings[:-1], recordings[1:], offsets_s[:-1], offsets_s[1:], strict=True
    ):
        if next_s < offset_s + before.duration_s - SHORTEST_GAP_S:
            raise HsatError(f"{after.source.path}: overlaps {before.source.path} in time: cannot be joined")
    longest: dict[str, Signal] = {}
    for signal in (signal for recording in recordings for signal in recording.signals):
        if signal.name not in longest or signal.n_samples > longest[signal.name].n_samples:
            longest[signal.name] = signal
    spans_s = [
        _recorded_s(recording, offset_s) for recording, offset_s in zip(recordings, offsets_s, strict=True)
    ]
    duration_s = max(float(spans[-1, 1]) for spans in spans_s if len(spans))
    return _joined(recordings, offsets_s, tuple(longest.values()), duration_s, spans_s)


def _offsets_s(first: Recording, recordings: Sequence[Recording]) -> list[float]:
    offsets_s: list[float] = []
    for recording in recordings:
        if recording.start_local is None or first.start_local is None:
            raise HsatError(f"{recording.source.path}: cannot be joined: its start is unknown")
        offsets_s.append((recording.start_local - first.start_local).total_seconds())
    return offsets_s


def _recorded_s(recording: Recording, offset_s: float) -> Spans:
    """Spans with samples on the joined clock, shape (n, 2)."""
    return invert_spans(recording.gaps_s, 0.0, recording.duration_s) + offset_s


def _joined(
    recordings: Sequence[Recording],
    offsets_s: Sequence[float],
    models: Sequence[Signal],
    duration_s: float,
    spans_s: Sequence[Spans],
) -> Recording:
    """The joined recording; `models` say rate, unit and label of each joined signal."""
    notes: list[Note] = []
    calibrations = [_shared_calibration(model, recordings) for model in models]
    lengths = [_length(model, duration_s) for model in models]
    stops = [0] * len(models)
    parts: list[_Part] = []
    for recording, offset_s in zip(recordings, offsets_s, strict=True):
        by_source: dict[int, tuple[SampleSource, list[_Piece | None]]] = {}
        for signal in recording.signals:
            at = next((i for i, model in enumerate(models) if model.name == signal.name), None)
            if at is None:
                continue
            if (signal.rate_hz, signal.unit) != (models[at].rate_hz, models[at].unit):
                notes.extend(_difference(recording, signal, models[at]))
                continue
            own = None if calibrations[at] is not None else signal.calibration
            first_sample = round(offset_s * signal.rate_hz)
            first_sample = max(first_sample, stops[at]) if offset_s > 0 else first_sample
            piece = _Piece(signal.source_index, first_sample, stops[at], lengths[at], own)
            stops[at] = max(stops[at], min(first_sample + signal.n_samples, lengths[at]))
            empty: list[_Piece | None] = [None] * len(models)
            by_source.setdefault(id(signal.source), (signal.source, empty))[1][at] = piece
        parts.extend(_Part(source, tuple(pieces)) for source, pieces in by_source.values())
    source = JoinedSource(parts=tuple(parts))
    signals = tuple(
        replace(model, n_samples=length, source=source, source_index=at, calibration=shared or Calibration())
        for at, (model, length, shared) in enumerate(zip(models, lengths, calibrations, strict=True))
    )
    return replace(
        recordings[0],
        signals=signals,
        duration_s=duration_s,
        gaps_s=_gaps_s(spans_s, duration_s),
        source=_source_file(recordings),
        annotations=_annotations(recordings, offsets_s),
        notes=(*_shared_notes(recordings), *notes),
    )


def _shared_calibration(model: Signal, recordings: Sequence[Recording]) -> Calibration | None:
    """The calibration of all signals of one name; None where they differ."""
    for recording in recordings:
        for signal in recording.signals:
            if signal.name == model.name and signal.calibration != model.calibration:
                return None
    return model.calibration


def _length(model: Signal, duration_s: float) -> int:
    return round(duration_s * model.rate_hz)


def _difference(recording: Recording, signal: Signal, model: Signal) -> list[Note]:
    """A note on a signal that cannot be joined, unless a faster one of the same file set is used."""
    if any(signal.name == other.name and other is not signal for other in recording.signals):
        return []
    if recording.source.stream is not None and signal.rate_hz < model.rate_hz:
        return []
    return [
        Note(
            "part_differs",
            f"{_name(recording)}: {signal.name} has {signal.rate_hz:g} Hz in {signal.unit}, the night "
            f"{model.rate_hz:g} Hz in {model.unit}; left out",
        )
    ]


def _gaps_s(spans_s: Sequence[Spans], duration_s: float) -> Spans:
    gaps = invert_spans(unite_spans(*spans_s), 0.0, duration_s)
    return gaps[gaps[:, 1] - gaps[:, 0] >= SHORTEST_GAP_S]


def _source_file(recordings: Sequence[Recording]) -> SourceFile:
    return replace(
        recordings[0].source,
        n_bytes=sum(recording.source.n_bytes for recording in recordings),
        parts=tuple(path for recording in recordings for path in recording.source.files),
    )


def _annotations(recordings: Sequence[Recording], offsets_s: Sequence[float]) -> tuple[Annotation, ...]:
    return tuple(
        annotation._replace(onset_s=annotation.onset_s + offset_s)
        for recording, offset_s in zip(recordings, offsets_s, strict=True)
        for annotation in recording.annotations
    )


def _shared_notes(recordings: Sequence[Recording]) -> tuple[Note, ...]:
    """Notes of the parts: once where several have the same, with the file's name where one has it."""
    holders: dict[Note, list[Recording]] = {}
    for recording in recordings:
        for note in dict.fromkeys(recording.notes):
            holders.setdefault(note, []).append(recording)
    return tuple(
        note._replace(text=f"{note.text} (in {len(having)} of {len(recordings)} parts)")
        if len(having) > 1
        else note._replace(text=f"{_name(having[0])}: {note.text}")
        for note, having in holders.items()
    )


def _name(recording: Recording) -> str:
    return Path(recording.source.path).name
