"""Scorings in JSON: our own nights, and the truth of planted ones."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from hsat.intervals import Spans, as_spans, invert_spans
from hsat.io.scorings.source import EventChecker, ScoringFile, wrong_value
from hsat.scorings import ScoredEvent, Scoring

__all__ = ["NIGHT_SCHEMA", "PLANTED_SCHEMA", "SIMULATED_SCHEMA", "read_night_document", "read_planted_truth"]

NIGHT_SCHEMA = "hsat.night/1"
PLANTED_SCHEMA = "planted-night/1"
SIMULATED_SCHEMA = "hsat.simulated-night/1"
WORDS = ("yes", "no", "uncertain")


def read_night_document(file: ScoringFile) -> Scoring:
    """Read a night that hsat scored.

    Parameters
    ----------
    file : ScoringFile
        JSON of schema ``hsat.night/1``: the night itself, or a list that holds it alone.

    Returns
    -------
    Scoring

    Raises
    ------
    ReadError
        Naming the key, what is allowed and what is there.
    """
    path, document = file.path, file.document
    recording = _mapping(path, "recording", document.get("recording", {}))
    monitored = _mapping(path, "monitored", document.get("monitored", {}))
    indices = _mapping(path, "indices", document.get("indices", {}))
    reasons = _mapping(path, "not_measured", document.get("not_measured", {}))
    checker = EventChecker(path)
    events = []
    for i, item in enumerate(_list(path, "events", document.get("events"))):
        row = _mapping(path, f"events[{i}]", item)
        events.append(
            checker.event(
                f"events[{i}]",
                kind=row.get("kind"),
                start_s=row.get("start_s"),
                stop_s=row.get("stop_s"),
                is_counted=row.get("is_counted", True),
                event_id=row.get("event_id"),
                origin=row.get("origin"),
            )
        )
    spans = monitored.get("spans_s")
    return Scoring(
        source_path=path,
        format=NIGHT_SCHEMA,
        events=_in_order(events),
        duration_s=_amount(path, "recording.duration_s", recording.get("duration_s")),
        gaps_s=_spans(checker, "recording.gaps_s", recording.get("gaps_s", [])),
        monitored_h=_amount(path, "monitored.monitoring_h", monitored.get("monitoring_h")),
        monitored_spans_s=None if spans is None else _spans(checker, "monitored.spans_s", spans),
        ahi_per_h=_amount(path, "indices.ahi_per_h", indices.get("ahi_per_h")),
        not_scored=_not_scored(indices, reasons),
        no_ahi_reason=_why_null(indices, "ahi_per_h", reasons.get("indices.ahi_per_h")),
        no_class_reason=_why_null(document, "severity", reasons.get("severity")),
        patient=_text(path, "recording.patient", recording.get("patient")),
        recording_sha256=_text(path, "recording.sha256", recording.get("sha256")),
        rules_id=_text(path, "rules_id", document.get("rules_id")),
        start_local=_moment(path, "recording.start_local", recording.get("start_local")),
    )


def read_planted_truth(file: ScoringFile) -> Scoring:
    """Read the truth of a planted or simulated night under rule 1B.

    Parameters
    ----------
    file : ScoringFile
        JSON of schema ``planted-night/1`` or, the same with more keys, ``hsat.simulated-night/1``.

    Returns
    -------
    Scoring
        Events the truth calls certain; those it calls uncertain are ignored spans.

    Raises
    ------
    ReadError
        Naming the key, what is allowed and what is there.
    """
    path, document = file.path, file.document
    checker = EventChecker(path)
    events: list[ScoredEvent] = []
    ignored: list[tuple[float, float]] = []
    for i, item in enumerate(_list(path, "events", document.get("events"))):
        place = f"events[{i}]"
        row = _mapping(path, place, item)
        word = row.get("scorable_1b")
        if word not in WORDS:
            raise wrong_value(path, f"{place}, scorable_1b", f"one of {', '.join(WORDS)}", word)
        event = checker.event(
            place, kind=row.get("kind"), start_s=row.get("start_s"), stop_s=row.get("stop_s")
        )
        if word == "yes":
            events.append(event)
        elif word == "uncertain":
            ignored.append((event.start_s, event.stop_s))
    duration_s = checker.seconds("duration_s", document.get("duration_s"))
    excluded = [
        _mapping(path, f"excluded[{i}]", item)
        for i, item in enumerate(_list(path, "excluded", document.get("excluded", [])))
    ]
    off = _spans(checker, "excluded", [[row.get("start_s"), row.get("stop_s")] for row in excluded])
    monitored_h = _amount(path, "monitored_h", document.get("monitored_h"))
    return Scoring(
        source_path=path,
        format=file.schema or PLANTED_SCHEMA,
        events=_in_order(events),
        duration_s=duration_s,
        monitored_h=monitored_h,
        monitored_spans_s=invert_spans(off, 0.0, duration_s),
        ahi_per_h=len(events) / monitored_h if monitored_h else None,
        ignored_spans_s=np.array(sorted(ignored), dtype=np.float64).reshape(-1, 2),
    )


def _in_order(events: list[ScoredEvent]) -> tuple[ScoredEvent, ...]:
    return tuple(sorted(events, key=lambda event: (event.start_s, event.stop_s)))


def _why_null(values: Mapping[str, Any], key: str, reason: object) -> str | None:
    """The reason for a null; None where there is a value, or the file does not know the key."""
    if key not in values or values[key] is not None:
        return None
    return str(reason) if reason else "the file gives no reason"


SILENT_INDICES = {
    "apneas": "n_apneas",
    "hypopneas": "n_hypopneas",
    "apnea_types": "obstructive_apnea_index_per_h",
}
"""The index that is null where the recording did not show this at all."""


def _not_scored(indices: Mapping[str, Any], reasons: Mapping[str, Any]) -> dict[str, str]:
    found = {
        name: _why_null(indices, key, reasons.get(f"indices.{key}")) for name, key in SILENT_INDICES.items()
    }
    return {name: reason for name, reason in found.items() if reason is not None}


def _mapping(path: str, key: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise wrong_value(path, key, "an object", value)
    return value


def _list(path: str, key: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise wrong_value(path, key, "a list", value)
    return value


def _text(path: str, key: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise wrong_value(path, key, "text or null", value)
    return value


def _moment(path: str, key: str, value: object) -> datetime | None:
    text = _text(path, key, value)
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise wrong_value(path, key, "a date with time, or null", value) from None
    return None if moment is None else moment.replace(tzinfo=None)


def _amount(path: str, key: str, value: object) -> float | None:
    """A finite number from 0 on, or null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < math.inf:
        raise wrong_value(path, key, "a number, 0 or more, or null", value)
    return float(value)


def _spans(checker: EventChecker, key: str, value: object) -> Spans:
    """Pairs of seconds, in normal form."""
    pairs = []
    for i, pair in enumerate(_list(checker.path, key, value)):
        if not isinstance(pair, list) or len(pair) != 2:
            raise wrong_value(checker.path, f"{key}[{i}]", "a pair of seconds", pair)
        start_s, stop_s = (checker.seconds(f"{key}[{i}]", end) for end in pair)
        if stop_s < start_s:
            raise wrong_value(checker.path, f"{key}[{i}]", f"a stop from {start_s:g} on", stop_s)
        pairs.append((start_s, stop_s))
    return as_spans(np.array(pairs, dtype=np.float64).reshape(-1, 2))
