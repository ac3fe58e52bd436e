"""A scoring: the events that a person or a program found in one night, and what it says of the time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath

import numpy as np

from hsat.events import EventKind
from hsat.intervals import Spans
from hsat.recording import Note

__all__ = ["ScoredEvent", "Scoring", "night_name"]

FILE_ENDINGS = (".json", ".csv", ".xml", ".annot", ".edf", ".txt")
ROLE_ENDINGS = (".night", ".events", ".truth")
"""``hsat score`` writes ``NAME.night.json`` and ``NAME.events.csv``; ``NAME.truth.*`` is a reference."""
ARCHIVE_MARK = re.compile(r"-(nsrr|profusion)(?=\.xml$)", re.IGNORECASE)
"""The archive of the NSRR has ``NAME-nsrr.xml`` and ``NAME-profusion.xml`` beside ``NAME.edf``."""


def night_name(path: str) -> str:
    """What a scoring's file calls its night: ``NAME`` of ``folder/NAME.night.json`` and ``NAME.csv``.

    Parameters
    ----------
    path : str

    Returns
    -------
    str
    """
    name = ARCHIVE_MARK.sub("", PurePath(path).name)
    for endings in (FILE_ENDINGS, ROLE_ENDINGS):
        stem, dot, ending = name.rpartition(".")
        if stem and f"{dot}{ending}".lower() in endings:
            name = stem
    return name


def _no_spans() -> Spans:
    return np.empty((0, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredEvent:
    """An event of a scoring.

    Attributes
    ----------
    kind : EventKind
    start_s, stop_s : float
        Half-open span, seconds from the start of the recording, gaps counted; ``0 <= start_s < stop_s``.
    is_counted : bool
        False where the scoring lists the event without counting it in its AHI.
    event_id, origin : str or None
        What the scoring calls the event, and who or what put it there, if it says so.
    """

    kind: EventKind
    start_s: float
    stop_s: float
    is_counted: bool = True
    event_id: str | None = None
    origin: str | None = None

    @property
    def duration_s(self) -> float:
        """Length of the event in seconds."""
        return self.stop_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scoring:
    """The events of one night as one file tells them; see `hsat.io.scorings.read_scoring`.

    What a format does not tell is None: a bare list of events has neither duration nor hours.

    Attributes
    ----------
    source_path : str
        The file, as the caller named it.
    format : str
        Name of the format, as `hsat.io.scorings.FORMATS` has it: ``"hsat.night/1"``, ``"event table"``.
    events : tuple of ScoredEvent
        In order of time.
    duration_s : float or None
        Length of the recording, gaps included.
    gaps_s : ndarray, shape (n, 2)
        Spans in which the device stored nothing, as far as the file tells.
    monitored_h : float or None
        Hours in which the scoring counts events: the denominator of its AHI.
    monitored_spans_s : ndarray, shape (n, 2), or None
        Those hours as spans.
    ahi_per_h : float or None
        The scoring's own AHI.
    no_ahi_reason : str or None
        Why the scoring gives no AHI, where it says that it gives none.
    no_class_reason : str or None
        Why the scoring gives the night no severity class, where it says that it gives none.
    not_scored : mapping of str to str
        What the scoring could not tell, with the reason: ``"apneas"``, ``"hypopneas"``,
        ``"apnea_types"``. No event of such a kind means nothing then.
    ignored_spans_s : ndarray, shape (n, 2)
        One row for each event that the scoring itself calls uncertain: it counts neither way.
    patient : str or None
        Pseudonymous code.
    recording_sha256 : str or None
        Checksum of the recording that was scored.
    rules_id : str or None
        Rule set of an automatic scoring.
    start_local : datetime or None
        Wall clock at 0 s, without time zone.
    notes : tuple of Note
        How it was placed on the recording, and what of the file is not here.
    """

    source_path: str
    format: str
    events: tuple[ScoredEvent, ...]
    duration_s: float | None = None
    gaps_s: Spans = field(default_factory=_no_spans)
    monitored_h: float | None = None
    monitored_spans_s: Spans | None = None
    ahi_per_h: float | None = None
    no_ahi_reason: str | None = None
    no_class_reason: str | None = None
    not_scored: Mapping[str, str] = field(default_factory=dict)
    ignored_spans_s: Spans = field(default_factory=_no_spans)
    patient: str | None = None
    recording_sha256: str | None = None
    rules_id: str | None = None
    start_local: datetime | None = None
    notes: tuple[Note, ...] = ()

    @property
    def name(self) -> str:
        """What the scored night is called: the file's name without folder and endings."""
        return night_name(self.source_path)

    @property
    def counted_events(self) -> tuple[ScoredEvent, ...]:
        """The events that the scoring counts, in order of time."""
        return tuple(event for event in self.events if event.is_counted)
