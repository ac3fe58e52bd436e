"""From the paths on the command line to the recordings to read."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hsat.cli.faults import complain
from hsat.report.failed import FailedNight

__all__ = ["Candidate", "find_recordings"]

ENDINGS = (".edf", ".rec", ".bdf")


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
    nothing = FailedNight(file=path, error=f"{path}: no file in this folder ends in .edf, .rec or .bdf")
    return list(_walk(path)) or [nothing]


def _identity(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL, which no file has in its name: reading it will say so
        return path


def _walk(folder: str) -> Iterator[Candidate | FailedNight]:
    failed: list[FailedNight] = []

    def refuse(error: OSError) -> None:
        name = str(error.filename)
        failed.append(FailedNight(file=name, error=f"{name}: cannot be listed: {error.strerror}"))

    seen: set[tuple[int, int]] = set()
    for where, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        yield from failed
        failed.clear()
        status = Path(where).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        for name in sorted(files):
            path = os.path.join(where, name)  # noqa: PTH118 - Path would rewrite "./a" as "a"
            if name.lower().endswith(ENDINGS) and not name.startswith(".") and Path(path).is_file():
                yield Candidate(path, False)
    yield from failed
