"""Nights that hsat scored before, from their JSON: nothing is scored again."""

import json
import os
from collections.abc import Mapping
from typing import Any

from hsat.errors import ReadError
from hsat.io.scorings.documents import NIGHT_SCHEMA, read_night_document
from hsat.io.scorings.source import ScoringFile, open_scoring, wrong_value
from hsat.patient import ExcludedNight, ScoredNight

__all__ = ["is_night_document", "read_scored_nights"]

DOCUMENT_ENDING = ".json"
THERAPIES = ("none", "pap", "appliance", "unknown")
SCORINGS = ("automatic", "edited")
DENOMINATORS = ("monitoring", "sleep")
ADEQUACIES = ("adequate", "partial", "inadequate")
COUNT_TOLERANCE = 0.01
"""Events by which rate times hours may miss their number: a rate or hours that were rounded somewhat."""
SEVERITIES = ("normal", "mild", "moderate", "severe")


def is_night_document(path: str) -> bool:
    """Whether a path is to be read as the JSON of scored nights, by its name alone."""
    return path.lower().endswith(DOCUMENT_ENDING)


def read_scored_nights(
    path: str | os.PathLike[str],
) -> tuple[tuple[ScoredNight, ...], tuple[ExcludedNight, ...]]:
    """Read what a summary over nights needs of nights that ``hsat score --format json`` wrote.

    Parameters
    ----------
    path : str or path-like
        JSON of schema ``hsat.night/1``: a night, or a list of nights.

    Returns
    -------
    nights : tuple of ScoredNight
        `file` is `path`; of a list `path` and the recording's own.
    failed : tuple of ExcludedNight
        Entries of the list for files that could not be scored.

    Raises
    ------
    ReadError
        Where the file is no such JSON, or a value in it is not allowed: file, key, what is allowed
        and what is there.
    """
    file = open_scoring(path)
    items = _items(file)
    nights: list[ScoredNight] = []
    failed: list[ExcludedNight] = []
    for item in items:
        if isinstance(item, dict) and "error" in item and "schema" not in item:
            failed.append(ExcludedNight(file=str(item.get("file", file.path)), reason=str(item["error"])))
            continue
        if not isinstance(item, dict) or item.get("schema") != NIGHT_SCHEMA:
            got = item.get("schema") if isinstance(item, dict) else item
            raise wrong_value(file.path, "", f"nights of the schema {NIGHT_SCHEMA}", got)
        nights.append(_night(file.path, item, is_alone=len(items) == 1))
    return tuple(nights), tuple(failed)


def _items(file: ScoringFile) -> list[Any]:
    """The nights of the document, as JSON."""
    if file.is_edf or not file.is_json:
        raise ReadError(f"{file.path}: expected JSON of the schema {NIGHT_SCHEMA}, got something else")
    try:
        document = json.loads(file.text)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{file.path}: expected valid JSON, got an error: {error}") from error
    return document if isinstance(document, list) else [document]


def _night(path: str, document: Mapping[str, Any], *, is_alone: bool) -> ScoredNight:
    single = ScoringFile(path, json.dumps(document).encode("utf-8"))
    scoring = read_night_document(single)
    indices = _table(path, document, "indices")
    recording = _table(path, document, "recording")
    monitored = _table(path, document, "monitored")
    if scoring.monitored_h is None or scoring.duration_s is None:
        key = "monitored.monitoring_h" if scoring.monitored_h is None else "recording.duration_s"
        raise wrong_value(path, key, "a number, 0 or more", None)
    own = recording.get("file")
    name = own[0] if isinstance(own, list) and own else own
    ahi_per_h = scoring.ahi_per_h
    n_events = None if ahi_per_h is None else len(scoring.counted_events)
    if ahi_per_h is not None and abs(ahi_per_h * scoring.monitored_h - (n_events or 0)) > COUNT_TOLERANCE:
        expected = f"the rate of its {n_events} events in {scoring.monitored_h:g} h"
        raise wrong_value(path, "indices.ahi_per_h", expected, ahi_per_h)
    return ScoredNight(
        file=path if is_alone or not isinstance(name, str) else f"{path}: {name}",
        start_local=scoring.start_local,
        duration_s=scoring.duration_s,
        patient=scoring.patient,
        therapy=_word(path, document, "therapy", THERAPIES),
        rules_id=scoring.rules_id,
        scoring=_word(path, document, "scoring", SCORINGS),
        denominator=_word(path, document, "denominator", DENOMINATORS),
        monitoring_h=scoring.monitored_h,
        n_events=n_events,
        ahi_per_h=ahi_per_h,
        no_ahi_reason=scoring.no_ahi_reason,
        severity=None if document.get("severity") is None else _word(path, document, "severity", SEVERITIES),
        no_class_reason=scoring.no_class_reason,
        adequacy=_word(path, document, "adequacy", ADEQUACIES),
        is_graded_by_hours=ahi_per_h is not None and monitored.get("spo2_h") == 0.0,
        reasons=_reasons(path, document),
        sha256=scoring.recording_sha256,
        supine_h=_position(path, indices, "supine_h"),
        non_supine_h=_position(path, indices, "non_supine_h"),
        supine_ahi_per_h=_position(path, indices, "supine_ahi_per_h"),
        non_supine_ahi_per_h=_position(path, indices, "non_supine_ahi_per_h"),
    )


def _position(path: str, indices: Mapping[str, Any], key: str) -> float | None:
    value = indices.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < float("inf"):
        raise wrong_value(path, f"indices.{key}", "a number, 0 or more, or null", value)
    return float(value)


def _reasons(path: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    found = document.get("reasons", [])
    if not isinstance(found, list):
        raise wrong_value(path, "reasons", "a list of texts", found)
    return tuple(str(reason) for reason in found)


def _table(path: str, document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise wrong_value(path, key, "an object", value)
    return value


def _word(path: str, document: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = document.get(key)
    if value not in allowed:
        raise wrong_value(path, key, f"one of {', '.join(allowed)}", value)
    return str(value)
