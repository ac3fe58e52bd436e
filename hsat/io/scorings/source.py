"""The bytes of a scoring file, as text or JSON, and an event with everything about it checked."""

import json
import math
import os
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn

from hsat.errors import ReadError, shown
from hsat.events import EventKind
from hsat.io.layout import EDF_STARTS
from hsat.io.texts import decode_text, read_text_file
from hsat.scorings import ScoredEvent

__all__ = ["LARGEST_S", "MAX_EVENTS", "EventChecker", "ScoringFile", "open_scoring", "wrong_value"]

MAX_BYTES = 16 << 20
"""Over ten times the JSON of a night with 2,000 events; a recording given by mistake is refused."""
MAX_EVENTS = 100_000
"""An event a second for a day: no night comes near."""
LARGEST_S = 1e7
"""Seconds from the start that no night comes near."""


def wrong_value(path: str, where: str, expected: str, got: object) -> ReadError:
    """The error, one line, of a file with something in it that is not allowed.

    Parameters
    ----------
    path : str
    where : str
        Row, column or key; empty for the file as a whole.
    expected : str
        What is allowed there.
    got : object
        What is there.

    Returns
    -------
    ReadError
    """
    place = f"{path}: {where}" if where else path
    return ReadError(f"{place}: expected {expected}, got {shown(got)}")


@dataclass(frozen=True)
class ScoringFile:
    """A file in memory.

    Attributes
    ----------
    path : str
        As the caller named it.
    data : bytes
        All of it; of EDF and BDF the first bytes.
    start_local : datetime or None
        Wall clock at the start of the recording, where the caller knows it.
    """

    path: str
    data: bytes
    start_local: datetime | None = None

    @property
    def is_edf(self) -> bool:
        """Whether the file begins as EDF or BDF does."""
        return self.data.startswith(EDF_STARTS)

    @property
    def is_xml(self) -> bool:
        """Whether the text begins as XML does."""
        return self.text[:1024].lstrip().startswith("<")

    @cached_property
    def text(self) -> str:
        """The content as text, as `hsat.io.texts.decode_text` reads it; a ReadError where it is none."""
        try:
            return decode_text(self.data)
        except UnicodeDecodeError:
            raise wrong_value(self.path, "", "text", self.data[:8]) from None

    @property
    def is_json(self) -> bool:
        """Whether the text begins as an object or list of JSON does."""
        return self.text[:1024].lstrip()[:1] in {"{", "["}

    @cached_property
    def document(self) -> Any:
        """The content as JSON; a list of one is that one. A ReadError where it is not JSON."""
        try:
            document = json.loads(self.text, parse_constant=_refuse_constant)
        except RecursionError as error:
            raise ReadError(f"{self.path}: expected the JSON of a scoring, got brackets too deep") from error
        except ValueError as error:
            raise ReadError(f"{self.path}: expected valid JSON, got an error: {error}") from error
        if isinstance(document, list):
            if len(document) != 1:
                raise ReadError(
                    f"{self.path}: expected one night, got a list of {len(document)}; "
                    "'hsat score --format json --out DIR' writes a file a night"
                )
            return document[0]
        return document

    @property
    def schema(self) -> str | None:
        """The ``schema`` of a JSON object; None for anything else."""
        if not self.is_json or not isinstance(self.document, dict):
            return None
        schema = self.document.get("schema")
        return schema if isinstance(schema, str) else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def open_scoring(path: str | os.PathLike[str], *, start_local: datetime | None = None) -> ScoringFile:
    """Read a file into memory, if it can be a scoring at all.

    Parameters
    ----------
    path : str or path-like
    start_local : datetime, optional
        Wall clock at the start of the recording.

    Returns
    -------
    ScoringFile

    Raises
    ------
    ReadError
        Where it cannot be opened, is no plain file, is empty or is larger than 16 MiB.
    """
    name = os.fspath(path)
    data = read_text_file(name, where=name, what="a scoring", most_bytes=MAX_BYTES)
    return ScoringFile(name, data, start_local)


@dataclass(slots=True)
class EventChecker:
    """Makes events of a file's values, each checked; refuses the second of two that are the same.

    Attributes
    ----------
    path : str
        The file, for errors.
    seen : dict
        Every event so far, with its place.
    """

    path: str
    seen: dict[tuple[float, float, str], str] = field(default_factory=dict)

    def event(
        self,
        place: str,
        *,
        kind: object,
        start_s: object,
        stop_s: object,
        is_counted: object = True,
        event_id: object = None,
        origin: object = None,
    ) -> ScoredEvent:
        """Check one event.

        Parameters
        ----------
        place : str
            Row or key of the event, as errors name it.
        kind, start_s, stop_s, is_counted, event_id, origin : object
            As found: numbers as float, the rest as text or bool.

        Returns
        -------
        ScoredEvent

        Raises
        ------
        ReadError
            Where a value is not allowed, or the same event was there before.
        """
        if not isinstance(is_counted, bool):
            raise wrong_value(self.path, f"{place}, is_counted", "true or false", is_counted)
        event = ScoredEvent(
            kind=self._kind(place, kind),
            start_s=self.seconds(f"{place}, start_s", start_s),
            stop_s=self.seconds(f"{place}, stop_s", stop_s),
            is_counted=is_counted,
            event_id=None if event_id is None else str(event_id),
            origin=None if origin is None else str(origin),
        )
        if event.stop_s <= event.start_s:
            raise wrong_value(
                self.path, f"{place}, stop_s", f"more than start_s {event.start_s:g}", event.stop_s
            )
        earlier = self.seen.setdefault((event.start_s, event.stop_s, event.kind.value), place)
        if len(self.seen) > MAX_EVENTS:
            raise wrong_value(self.path, "", f"at most {MAX_EVENTS:,} events", "more")
        if earlier != place:
            twin = f"the same {event.kind.value} as in {earlier}"
            raise ReadError(f"{self.path}: {place}: expected every event once, got {twin}")
        return event

    def seconds(self, where: str, value: object) -> float:
        """A time: a finite number from 0 on."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        try:
            number = float(value) if is_number else math.nan  # type: ignore[arg-type]
        except OverflowError:
            number = math.inf
        if not is_number or not math.isfinite(number) or number < 0.0:
            raise wrong_value(self.path, where, "seconds from the start, 0 or more", value)
        if number >= LARGEST_S:
            raise wrong_value(self.path, where, f"seconds from the start, below {LARGEST_S:g}", value)
        return number

    def _kind(self, place: str, value: object) -> EventKind:
        """The kind; capitals, spaces and hyphens do not matter."""
        word = value.strip().lower().replace(" ", "_").replace("-", "_") if isinstance(value, str) else value
        if not isinstance(word, str) or word not in set(EventKind):
            raise wrong_value(self.path, f"{place}, kind", f"one of {', '.join(EventKind)}", value)
        return EventKind(word)
