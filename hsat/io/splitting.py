"""A file that spans several nights becomes a recording a night, cut at noon."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from hsat.intervals import Spans, intersect_spans
from hsat.io.clock import ONSET_TOLERANCE_S, Segment
from hsat.io.normalize import COMPANION_CODE
from hsat.io.records import EdfSource
from hsat.recording import ArraySource, Note, Recording, Signal
from hsat.sessions import NOON_H, night_of

__all__ = ["split_nights"]

LONGEST_NIGHT_S = 86400.0
"""A file of a day or less is one night, whenever it began."""


def split_nights(recording: Recording) -> tuple[Recording, ...]:
    """Cut a recording of more than a day at every noon.

    Parameters
    ----------
    recording : Recording
        As `hsat.io.read_recording` gives it.

    Returns
    -------
    tuple of Recording
        One a night, in order; the recording itself where it is a day or shorter, has no start or no
        signals, or is what a device writes beside its recordings. Cuts lie between data records: the
        record that holds noon belongs to the night before. Gaps at a cut belong to no night. No
        sample is read or moved.
    """
    start = recording.start_local
    if start is None or recording.duration_s <= LONGEST_NIGHT_S or not recording.signals:
        return (recording,)
    if any(note.code == COMPANION_CODE for note in recording.notes):
        return (recording,)
    source = recording.signals[0].source
    if isinstance(source, ArraySource):
        return _split_arrays(recording, start, source)
    if not isinstance(source, EdfSource):
        return (recording,)
    nights: dict[datetime, list[Segment]] = {}
    for segment in source.segments:
        for piece in _cut(segment, start, source.record_duration_s):
            noon = _noon_before(start + timedelta(seconds=piece.start_s))
            nights.setdefault(noon, []).append(piece)
    if len(nights) == 1:
        return (recording,)
    return tuple(
        _night(recording, source, segments, f"{number} of {len(nights)}")
        for number, segments in enumerate(nights.values(), start=1)
    )


def _noon_before(moment: datetime) -> datetime:
    evening = night_of(moment)
    return datetime(evening.year, evening.month, evening.day, NOON_H)


def _cut(segment: Segment, start: datetime, record_s: float) -> list[Segment]:
    """Pieces of a segment, cut where a record begins at noon or is the first to begin after it."""
    pieces: list[Segment] = []
    done = 0
    while done < segment.n_records:
        at_s = segment.start_s + done * record_s
        begins = start + timedelta(seconds=at_s)
        left_s = (_noon_before(begins) + timedelta(days=1) - begins).total_seconds()
        n_records = min(max(int(np.ceil(left_s / record_s)), 1), segment.n_records - done)
        pieces.append(Segment(segment.first_record + done, n_records, at_s))
        done += n_records
    return pieces


def _night(recording: Recording, source: EdfSource, segments: Sequence[Segment], which: str) -> Recording:
    """The part of a recording that the segments cover, on a clock of its own."""
    record_s = source.record_duration_s
    start_s = segments[0].start_s
    stop_s = segments[-1].start_s + segments[-1].n_records * record_s
    own = replace(
        source, segments=tuple(segment._replace(start_s=segment.start_s - start_s) for segment in segments)
    )
    signals = tuple(
        replace(signal, source=own, n_samples=own.n_samples(signal.source_index))
        for signal in recording.signals
    )
    return _part(recording, signals, (start_s, stop_s), _gaps_s(own), which)


def _split_arrays(recording: Recording, start: datetime, source: ArraySource) -> tuple[Recording, ...]:
    """A table of an oximeter, whose signals have one rate, cut before the first sample from noon on."""
    rate_hz = recording.signals[0].rate_hz
    n_samples = recording.signals[0].n_samples
    if any((s.rate_hz, s.n_samples, s.source) != (rate_hz, n_samples, source) for s in recording.signals):
        return (recording,)
    noon = _noon_before(start) + timedelta(days=1)
    cuts = [0]
    while (at := int(np.ceil((noon - start).total_seconds() * rate_hz))) < n_samples:
        cuts.append(at)
        noon += timedelta(days=1)
    is_recorded = np.ones(n_samples, dtype=bool)
    for gap_start_s, gap_stop_s in recording.gaps_s * rate_hz:
        is_recorded[round(gap_start_s) : round(gap_stop_s)] = False
    spans: list[tuple[int, int]] = []
    for first, stop in pairwise([*cuts, n_samples]):
        held = np.flatnonzero(is_recorded[first:stop])
        if len(held):
            spans.append((first + int(held[0]), first + int(held[-1]) + 1))
    if len(spans) == 1:
        return (recording,)
    nights: list[Recording] = []
    for number, (first, stop) in enumerate(spans, start=1):
        own = ArraySource(arrays=tuple(array[first:stop] for array in source.arrays))
        signals = tuple(replace(s, source=own, n_samples=stop - first) for s in recording.signals)
        start_s, stop_s = first / rate_hz, stop / rate_hz
        gaps_s = intersect_spans(recording.gaps_s, np.array([[start_s, stop_s]])) - start_s
        nights.append(_part(recording, signals, (start_s, stop_s), gaps_s, f"{number} of {len(spans)}"))
    return tuple(nights)


def _part(
    recording: Recording,
    signals: tuple[Signal, ...],
    span_s: tuple[float, float],
    gaps_s: Spans,
    which: str,
) -> Recording:
    """What lies in one span of a recording, on a clock of its own."""
    start_s, stop_s = span_s
    start = recording.start_local
    text = f"the file lasts {recording.duration_s / 3600:.1f} h and was cut at noon: night {which}"
    notes = [note for note in recording.notes if note.code != "long_recording"]
    return replace(
        recording,
        signals=signals,
        start_local=None if start is None else start + timedelta(seconds=start_s),
        duration_s=stop_s - start_s,
        gaps_s=gaps_s,
        annotations=tuple(
            annotation._replace(onset_s=annotation.onset_s - start_s)
            for annotation in recording.annotations
            if start_s <= annotation.onset_s < stop_s
        ),
        notes=(*notes, Note("split_at_noon", text)),
    )


def _gaps_s(source: EdfSource) -> Spans:
    stops = [s.start_s + s.n_records * source.record_duration_s for s in source.segments[:-1]]
    starts = [s.start_s for s in source.segments[1:]]
    rows = [(a, b) for a, b in zip(stops, starts, strict=True) if b - a > ONSET_TOLERANCE_S]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)
