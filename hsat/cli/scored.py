"""From paths to scored nights: recordings are scored, stored results and daily summaries are read."""

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hsat.cli.compiling import announce_compilation
from hsat.cli.faults import REPORTED_ERRORS, UsageError, complain, one_line
from hsat.cli.nights import NightReading, report_failure
from hsat.cli.paths import find_recordings
from hsat.errors import HsatError, RulesError
from hsat.io.daily import is_daily_series, read_daily_series
from hsat.io.listing import UnlistedFolder, walk_recordings
from hsat.io.scored_nights import is_night_document, read_scored_nights
from hsat.patient import ExcludedNight, ScoredNight
from hsat.recording import Recording
from hsat.report.failed import FailedNight

if TYPE_CHECKING:
    from hsat.rules.model import ScoringRules

__all__ = ["GatheredNights", "gather_scored_nights"]

STORED_ENDING = ".night.json"


@dataclass(slots=True, kw_only=True)
class GatheredNights:
    """Nights of all paths, days that a device stored no value for, and files that failed."""

    nights: list[ScoredNight] = field(default_factory=list)
    unused_days: list[ExcludedNight] = field(default_factory=list)
    failed: list[FailedNight] = field(default_factory=list)


def gather_scored_nights(
    paths: Sequence[str], arguments: argparse.Namespace, rules: "ScoringRules"
) -> GatheredNights:
    """Score or read the nights of some paths.

    Parameters
    ----------
    paths : sequence of str
        Recordings, folders of them, JSON that ``hsat score`` wrote, or daily summaries of treatment
        devices. A folder without recordings may hold ``NAME.night.json``; where no night of a folder
        has an AHI under the rules, the daily summary in it is read.
    arguments : argparse.Namespace
        Those of `hsat.cli.options.add_reading_arguments`, and ``therapy`` and ``debug``.
    rules : ScoringRules

    Returns
    -------
    GatheredNights

    Raises
    ------
    HsatError
        As a `UsageError`, where no file has the labels that ``--map`` asks for.
    """
    found = GatheredNights()
    recordings: list[str] = []
    for path in paths:
        stored = _stored_nights(path)
        if stored:
            for document in stored:
                _read_document(document, found)
        elif not os.path.isdir(path) and is_daily_series(path):  # noqa: PTH112 - Path.is_dir raises
            _read_days(path, found)
        else:
            recordings.append(path)
    if recordings:
        _score_all(recordings, arguments, rules, found)
        for path in recordings:
            _fall_back_to_days(path, found, rules)
    return found


def _stored_nights(path: str) -> list[str]:
    """The JSON of scored nights that a path stands for; none where it is something else."""
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises on names too long
        return [path] if is_night_document(path) else []
    if next(walk_recordings(path), None) is not None:
        return []
    return sorted(
        os.path.join(where, name)  # noqa: PTH118 - the path begins as the user wrote it
        for where, _, names in os.walk(path)
        for name in names
        if name.lower().endswith(STORED_ENDING) and not name.startswith(".")
    )


def _read_document(path: str, found: GatheredNights) -> None:
    try:
        nights, failed = read_scored_nights(path)
    except HsatError as error:
        found.failed.append(report_failure(path, one_line(error)))
        return
    found.nights.extend(nights)
    found.failed.extend(report_failure(item.file, item.reason) for item in failed)


def _read_days(path: str, found: GatheredNights) -> None:
    try:
        series = read_daily_series(path)
    except HsatError as error:
        found.failed.append(report_failure(path, one_line(error)))
        return
    found.nights.extend(series.nights)
    found.unused_days.extend(series.excluded)


def _score_all(
    paths: Sequence[str], arguments: argparse.Namespace, rules: "ScoringRules", found: GatheredNights
) -> None:
    reading = NightReading(find_recordings(paths), arguments)
    for item in reading.nights():
        if isinstance(item, FailedNight):
            found.failed.append(item)
        else:
            _score(item, arguments, rules, found)
    for line in reading.left_out_lines():
        complain(line)
    if arguments.map and reading.n_without_label and not reading.n_read:
        pairs = ", ".join(f"{name}={label}" for name, label in arguments.map)
        raise UsageError(f"--map {pairs}: no file has every one of these labels")


def _score(
    recording: Recording, arguments: argparse.Namespace, rules: "ScoringRules", found: GatheredNights
) -> None:
    """One night, or its error as one line; the others go on."""
    from hsat.nights.scored import as_scored_night
    from hsat.score import score_night

    announce_compilation()
    try:
        found.nights.append(as_scored_night(score_night(recording, rules), rules.adequacy))
    except RulesError:
        raise
    except REPORTED_ERRORS as error:
        if arguments.debug and not isinstance(error, HsatError):
            raise
        found.failed.append(report_failure(recording.source.path, one_line(error)))


def _fall_back_to_days(path: str, found: GatheredNights, rules: "ScoringRules") -> None:
    """A treatment device's card whose nights have no AHI under the rules: the device's own count."""
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises on names too long
        return
    folder = os.path.join(path, "")  # noqa: PTH118 - the path begins as the user wrote it
    inside = [night for night in found.nights if night.file.startswith(folder)]
    if any(night.ahi_per_h is not None for night in inside):
        return
    for file in _files(path):
        if is_daily_series(file):
            complain(f"{file}: the device's own daily AHI is used: no night here has one under {rules.name}")
            _read_days(file, found)


def _files(path: str) -> Iterable[str]:
    return [item for item in walk_recordings(path) if not isinstance(item, UnlistedFolder)]
