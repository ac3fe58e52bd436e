"""`read_scoring`, `read_scoring_pair`, and the table of formats that it knows."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from hsat.errors import ReadError, StartNeededError, shown
from hsat.io.scorings.documents import (
    NIGHT_SCHEMA,
    PLANTED_SCHEMA,
    SIMULATED_SCHEMA,
    read_night_document,
    read_planted_truth,
)
from hsat.io.scorings.domino import DOMINO_TEXT, is_domino_text, read_domino_text
from hsat.io.scorings.edf_annotations import EDF_ANNOTATIONS, read_edf_annotations
from hsat.io.scorings.luna import LUNA_ANNOT, is_luna_annot, read_luna_annot
from hsat.io.scorings.noxturnal import NOXTURNAL_CSV, is_noxturnal_csv, read_noxturnal_csv
from hsat.io.scorings.source import ScoringFile, open_scoring
from hsat.io.scorings.tables import EVENT_TABLE, is_event_table, read_event_table
from hsat.io.scorings.xml_events import NSRR_XML, PROFUSION_XML, read_xml_events
from hsat.scorings import Scoring

__all__ = ["FORMATS", "ScoringFormat", "read_scoring", "read_scoring_pair"]


class ScoringFormat(NamedTuple):
    """One format: its name, how a file of it is known by its content, and who reads it."""

    name: str
    fits: Callable[[ScoringFile], bool]
    read: Callable[[ScoringFile], Scoring]


FORMATS: tuple[ScoringFormat, ...] = (
    ScoringFormat(EDF_ANNOTATIONS, lambda file: file.is_edf, read_edf_annotations),
    ScoringFormat(NIGHT_SCHEMA, lambda file: file.schema == NIGHT_SCHEMA, read_night_document),
    ScoringFormat(PLANTED_SCHEMA, lambda file: file.schema == PLANTED_SCHEMA, read_planted_truth),
    ScoringFormat(SIMULATED_SCHEMA, lambda file: file.schema == SIMULATED_SCHEMA, read_planted_truth),
    ScoringFormat(f"{NSRR_XML} or {PROFUSION_XML}", lambda file: file.is_xml, read_xml_events),
    ScoringFormat(DOMINO_TEXT, is_domino_text, read_domino_text),
    ScoringFormat(EVENT_TABLE, is_event_table, read_event_table),
    ScoringFormat(LUNA_ANNOT, lambda file: not file.is_json and is_luna_annot(file), read_luna_annot),
    ScoringFormat(
        NOXTURNAL_CSV, lambda file: not file.is_json and is_noxturnal_csv(file), read_noxturnal_csv
    ),
    # A text that is none of these is told what an event table needs.
    ScoringFormat(EVENT_TABLE, lambda file: not file.is_json, read_event_table),
)
"""The formats in the order in which they are tried; the name of a file does not matter."""


def read_scoring(path: str | os.PathLike[str], *, start_local: datetime | None = None) -> Scoring:
    """Read the events that a person or a program found in one night.

    Parameters
    ----------
    path : str or path-like
        Known by content, whatever its name; at most 16 MiB, EDF excepted. One of these:

        - JSON of schema ``hsat.night/1`` (one night, or a list with one), ``planted-night/1`` or
          ``hsat.simulated-night/1``;
        - CSV with the columns ``start_s``, ``stop_s`` and ``kind``;
        - EDF+ or BDF+ with annotations, among them the event files (EVE) of ResMed devices;
        - XML of the NSRR (``PSGAnnotation``) or of Profusion (``CMPStudyConfig``);
        - an event list of SOMNOmedics DOMINO as text;
        - an event table of Nox Noxturnal as CSV;
        - an annotation file of Luna (``.annot``).

        In the formats of others, names are read as ``hsat/io/scorings/names.toml`` lists them.
    start_local : datetime, optional
        Wall clock at the start of the recording, without time zone: what files with clock times,
        or with a start of their own, are placed on.

    Returns
    -------
    Scoring
        Its notes say how it was placed and what of the file was left out.

    Raises
    ------
    StartNeededError
        Where the file tells clock times alone and no start is given.
    ReadError
        Where the file is none of these, or a value in it is not allowed: in one line file, row or
        key, what is allowed and what is there.
    """
    file = open_scoring(path, start_local=start_local)
    for known in FORMATS:
        if known.fits(file):
            scoring = known.read(file)
            return scoring if scoring.start_local is not None else replace(scoring, start_local=start_local)
    if isinstance(file.document, dict) and "error" in file.document and "schema" not in file.document:
        raise ReadError(
            f"{file.path}: expected a scored night, got one that failed: {file.document['error']}"
        )
    schemas = ", ".join(known.name for known in FORMATS if "/" in known.name)
    got = shown(file.schema) if file.schema is not None else "another JSON"
    raise ReadError(f"{file.path}: expected JSON of the schema {schemas}, or an event table, got {got}")


def read_scoring_pair(
    scored: str | os.PathLike[str], reference: str | os.PathLike[str], *, start_local: datetime | None = None
) -> tuple[Scoring, Scoring]:
    """Read two scorings of one night on one clock.

    Parameters
    ----------
    scored, reference : str or path-like
    start_local : datetime, optional
        Wall clock at the start of the recording. By default it is that of a night that hsat scored,
        else what the first knows of it, else what the second does.

    Returns
    -------
    scored, reference : Scoring

    Raises
    ------
    StartNeededError
        Where a file tells clock times alone and nothing says when the recording started.
    ReadError
        As `read_scoring`.
    """
    paths = (scored, reference)
    found: list[Scoring | None] = [None, None]
    if start_local is None:
        found = [_read_alone(path) for path in paths]
        known = [x for x in found if x is not None and x.start_local is not None]
        # A scored recording knows when the recording started; others when their own list or file did.
        known.sort(key=lambda x: x.format != NIGHT_SCHEMA)
        start_local = known[0].start_local if known else None
    both = [
        x if x is not None and x.start_local == start_local else read_scoring(path, start_local=start_local)
        for x, path in zip(found, paths, strict=True)
    ]
    return both[0], both[1]


def _read_alone(path: str | os.PathLike[str]) -> Scoring | None:
    try:
        return read_scoring(path)
    except StartNeededError:
        return None
