"""`read_scoring`, and the table of formats that it knows."""

import os
from collections.abc import Callable
from typing import NamedTuple

from hsat.errors import ReadError, shown
from hsat.io.scorings.documents import (
    NIGHT_SCHEMA,
    PLANTED_SCHEMA,
    SIMULATED_SCHEMA,
    read_night_document,
    read_planted_truth,
)
from hsat.io.scorings.source import ScoringFile, open_scoring
from hsat.io.scorings.tables import EVENT_TABLE, read_event_table
from hsat.scorings import Scoring

__all__ = ["FORMATS", "ScoringFormat", "read_scoring"]


class ScoringFormat(NamedTuple):
    """One format: its name, how a file of it is known by its content, and who reads it."""

    name: str
    fits: Callable[[ScoringFile], bool]
    read: Callable[[ScoringFile], Scoring]


FORMATS: tuple[ScoringFormat, ...] = (
    ScoringFormat(NIGHT_SCHEMA, lambda file: file.schema == NIGHT_SCHEMA, read_night_document),
    ScoringFormat(PLANTED_SCHEMA, lambda file: file.schema == PLANTED_SCHEMA, read_planted_truth),
    ScoringFormat(SIMULATED_SCHEMA, lambda file: file.schema == SIMULATED_SCHEMA, read_planted_truth),
    ScoringFormat(EVENT_TABLE, lambda file: not file.is_json, read_event_table),
)
"""The formats in the order in which they are tried; the name of a file does not matter."""


def read_scoring(path: str | os.PathLike[str]) -> Scoring:
    """Read the events that a person or a program found in one night.

    Parameters
    ----------
    path : str or path-like
        JSON of schema ``hsat.night/1`` (one night, or a list with one), JSON of schema
        ``planted-night/1`` or ``hsat.simulated-night/1``, or CSV with the columns ``start_s``,
        ``stop_s`` and ``kind``. Known by content, whatever its name; at most 64 MiB.

    Returns
    -------
    Scoring

    Raises
    ------
    ReadError
        Where the file is none of these, or a value in it is not allowed: in one line file, row or
        key, what is allowed and what is there.
    """
    file = open_scoring(path)
    for known in FORMATS:
        if known.fits(file):
            return known.read(file)
    if isinstance(file.document, dict) and "error" in file.document and "schema" not in file.document:
        raise ReadError(
            f"{file.path}: expected a scored night, got one that failed: {file.document['error']}"
        )
    schemas = ", ".join(known.name for known in FORMATS if "/" in known.name)
    got = shown(file.schema) if file.schema is not None else "another JSON"
    raise ReadError(f"{file.path}: expected JSON of the schema {schemas}, or an event table, got {got}")
