"""From the paths on the command line to the recordings to read."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hsat.cli.faults import complain
from hsat.io.listing import UnlistedFolder, walk_recordings
from hsat.report.failed import FailedNight

__all__ = ["Candidate", "find_recordings"]


class Candidate(NamedTuple):
    """A file to read. ``is_named``: on the command line itself, not found in a folder."""

    path: str
    is_named: bool


def find_recordings(paths: Sequence[str]) -> list[Candidate | FailedNight]:
    """What the paths stand for, in the order given; folders are walked in the order of names.

    Parameters
    ----------
    paths : sequence of str
        Files, whatever their names, and folders, from which files that end in .edf, .rec or
        .bdf (in any case) are taken. Links are followed, circles of links survived, hidden
        files left out.

    Returns
    -------
    list of Candidate or FailedNight
        Each file once, its path beginning as the user wrote it; folders that hold no recording or
        cannot be entered, and empty names.
    """
    found: list[Candidate | FailedNight] = []
    places: dict[str, int] = {}
    named: set[str] = set()
    for item in (item for path in paths for item in _items_of(path)):
        if isinstance(item, FailedNight):
            found.append(item)
            continue
        identity = _identity(item.path)
        if identity not in places:
            places[identity] = len(found)
            found.append(item)
        elif item.is_named and identity in named:
            complain(f"{item.path}: named twice, read once")
        elif item.is_named:
            found[places[identity]] = item
        if item.is_named:
            named.add(identity)
    return found


def _items_of(path: str) -> list[Candidate | FailedNight]:
    """What one path of the command line stands for."""
    if not path:
        return [FailedNight(file=path, error="empty name: expected a file or a folder")]
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises on names too long
        return [Candidate(path, True)]
    nothing = FailedNight(
        file=path,
        error=f"{path}: no file in this folder ends in .edf, .rec or .bdf "
        "(tables of oximeters are read if named)",
    )
    return list(_walk(path)) or [nothing]


def _identity(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL, which no file has in its name: reading it will say so
        return path


def _walk(folder: str) -> Iterator[Candidate | FailedNight]:
    for item in walk_recordings(folder):
        if isinstance(item, UnlistedFolder):
            yield FailedNight(file=item.path, error=f"{item.path}: cannot be listed: {item.reason}")
        else:
            yield Candidate(item, False)
