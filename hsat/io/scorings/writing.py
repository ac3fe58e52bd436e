"""Scorings out: EDF+ with annotations, CSV, XML as the NSRR has it, and Luna's ``.annot``."""

import csv
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hsat.errors import HsatError
from hsat.events import EventKind, EventOrigin
from hsat.io.scorings.edf_writing import edf_bytes
from hsat.results import NightResult
from hsat.scorings import ScoredEvent, Scoring

__all__ = ["EXPORT_FORMATS", "render_scoring", "write_scoring"]


class _Names(NamedTuple):
    """What a kind is called in each format."""

    text: str
    concept: str
    annot: str


NAMES: dict[EventKind, _Names] = {
    EventKind.OBSTRUCTIVE_APNEA: _Names(
        "Obstructive apnea", "Obstructive apnea|Obstructive Apnea", "apnea_obstructive"
    ),
    EventKind.CENTRAL_APNEA: _Names("Central apnea", "Central apnea|Central Apnea", "apnea_central"),
    EventKind.MIXED_APNEA: _Names("Mixed apnea", "Mixed apnea|Mixed Apnea", "apnea_mixed"),
    EventKind.UNCLASSIFIED_APNEA: _Names("Apnea", "Apnea|Apnea", "apnea"),
    EventKind.HYPOPNEA: _Names("Hypopnea", "Hypopnea|Hypopnea", "hypopnea"),
    EventKind.OBSTRUCTIVE_HYPOPNEA: _Names(
        "Obstructive hypopnea", "Obstructive hypopnea|Obstructive Hypopnea", "hypopnea_obstructive"
    ),
    EventKind.CENTRAL_HYPOPNEA: _Names(
        "Central hypopnea", "Central hypopnea|Central Hypopnea", "hypopnea_central"
    ),
}
"""EDF+ standard texts; concepts of the NSRR's XML; classes of the NSRR's harmonized annotations. The
NSRR has no concept for apneas without type and for typed hypopneas: those are built like its others."""


def render_scoring(scoring: Scoring | NightResult, form: str) -> bytes:
    """A scoring in a format for other programs.

    Times are seconds from the start of the recording, to the microsecond at least. Events that do not
    count are in the CSV, marked so, and left out elsewhere, where a reader could not tell. Nothing but
    times and kinds is passed on: no names, no codes, no texts of a file.

    Parameters
    ----------
    scoring : Scoring or NightResult
        Events, start and duration are used.
    form : str
        One of `EXPORT_FORMATS`.

    Returns
    -------
    bytes
        The whole file.

    Raises
    ------
    HsatError
        Where there is no such format, or the scoring is too long for EDF+ (two weeks).
    """
    if form not in EXPORT_FORMATS:
        raise HsatError(f"format: expected one of {', '.join(EXPORT_FORMATS)}, got {form!r}")
    return EXPORT_FORMATS[form](scoring if isinstance(scoring, Scoring) else _scoring_of(scoring))


def write_scoring(
    scoring: Scoring | NightResult, path: str | os.PathLike[str], *, form: str | None = None
) -> None:
    """Write a scoring for other programs.

    Parameters
    ----------
    scoring : Scoring or NightResult
    path : str or path-like
        Replaced whole, or not at all.
    form : str, optional
        One of ``"edf"``, ``"csv"``, ``"xml"``, ``"annot"``; by default what the path ends in.

    Raises
    ------
    HsatError
        Where there is no such format, or the file cannot be written.

    Notes
    -----
    What is left out, and how times are written: see `render_scoring`.
    """
    target = Path(os.fspath(path))
    content = render_scoring(scoring, target.suffix.removeprefix(".").lower() if form is None else form)
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_bytes(content)
        part.replace(target)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        with suppress(OSError, ValueError):
            part.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) else error
        raise HsatError(f"{path}: cannot be written: {reason}") from error


def _scoring_of(night: NightResult) -> Scoring:
    recording = night.recording
    return Scoring(
        source_path=recording.source.path,
        format="memory",
        events=tuple(
            ScoredEvent(
                kind=event.kind,
                start_s=event.start_s,
                stop_s=event.stop_s,
                is_counted=event.is_counted,
                origin=event.origin.value,
            )
            for event in night.events
        ),
        duration_s=recording.duration_s,
        start_local=recording.start_local,
    )


def _edf(scoring: Scoring) -> bytes:
    events = scoring.counted_events
    return edf_bytes(scoring, events, [NAMES[event.kind].text for event in events])


def _csv(scoring: Scoring) -> bytes:
    """An event table; of the texts of a file only those that are ours, so no formula gets in."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("start_s", "stop_s", "kind", "is_counted", "origin"))
    ours = set(EventOrigin)
    for event in scoring.events:
        counted = "true" if event.is_counted else "false"
        origin = event.origin if event.origin in ours else ""
        writer.writerow(
            (repr(float(event.start_s)), repr(float(event.stop_s)), event.kind.value, counted, origin)
        )
    return stream.getvalue().encode("utf-8")


def _xml(scoring: Scoring) -> bytes:
    """``PSGAnnotation``; the clock time without its date, as the NSRR has it."""
    entries = []
    if scoring.duration_s is not None:
        clock = "" if scoring.start_local is None else f"{scoring.start_local:%H.%M.%S}"
        clock_time = f"\n<ClockTime>00.00.00 {clock}</ClockTime>" if clock else ""
        entries.append(
            "<ScoredEvent>\n<EventType/>\n<EventConcept>Recording Start Time</EventConcept>\n"
            f"<Start>0</Start>\n<Duration>{scoring.duration_s:.6f}</Duration>{clock_time}\n</ScoredEvent>\n"
        )
    for event in scoring.counted_events:
        concept = NAMES[event.kind].concept
        entries.append(
            "<ScoredEvent>\n<EventType>Respiratory|Respiratory</EventType>\n"
            f"<EventConcept>{concept}</EventConcept>\n<Start>{event.start_s:.6f}</Start>\n"
            f"<Duration>{event.duration_s:.6f}</Duration>\n</ScoredEvent>\n"
        )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<PSGAnnotation>\n<SoftwareVersion>hsat</SoftwareVersion>\n'
        f"<EpochLength>30</EpochLength>\n<ScoredEvents>\n{''.join(entries)}</ScoredEvents>\n</PSGAnnotation>\n"
    )
    return text.encode("utf-8")


def _annot(scoring: Scoring) -> bytes:
    """Six columns apart by tabs; lines above name the classes."""
    events = scoring.counted_events
    classes = [f"# {names.annot} | {names.text}\n" for names in NAMES.values()]
    rows = [
        f"{NAMES[event.kind].annot}\t.\t.\t{event.start_s:.6f}\t{event.stop_s:.6f}\t.\n" for event in events
    ]
    return "".join([*classes, "class\tinstance\tchannel\tstart\tstop\tmeta\n", *rows]).encode("utf-8")


EXPORT_FORMATS: dict[str, Callable[[Scoring], bytes]] = {
    "edf": _edf,
    "csv": _csv,
    "xml": _xml,
    "annot": _annot,
}
"""Formats that are written, by the ending of their files."""
