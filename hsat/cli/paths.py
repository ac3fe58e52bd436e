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


def find_recordings(paths: Sequence[str]) -> tuple[list[Candidate], list[FailedNight]]:
    """The files to read, in the order given; folders are walked in the order of names.

    Parameters
    ----------
    paths : sequence of str
        Files, whatever their names, and folders, from which files that end in .edf, .rec or
        .bdf (in any case) are taken. Links are followed, circles of links survived, hidden
        files left out.

    Returns
    -------
    candidates : list of Candidate
        Each file once, its path beginning as the user wrote it.
    failed : list of FailedNight
        Folders that hold no recording or cannot be entered.
    """
    failed: list[FailedNight] = []
    found: dict[str, Candidate] = {}
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises on names too long
            candidates = [Candidate(path, True)]
        else:
            candidates = [Candidate(file, False) for file in _walk(path, failed)]
            if not candidates:
                failed.append(
                    FailedNight(file=path, error=f"{path}: no file in this folder ends in .edf, .rec or .bdf")
                )
        for candidate in candidates:
            identity = _identity(candidate.path)
            if identity not in found or (candidate.is_named and not found[identity].is_named):
                found[identity] = candidate
            elif candidate.is_named:
                complain(f"{candidate.path}: named twice, read once")
    return list(found.values()), failed


def _identity(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL, which no file has in its name: reading it will say so
        return path


def _walk(folder: str, failed: list[FailedNight]) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        name = str(error.filename)
        failed.append(FailedNight(file=name, error=f"{name}: cannot be listed: {error.strerror}"))

    seen: set[tuple[int, int]] = set()
    for where, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        status = Path(where).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        for name in sorted(files):
            path = os.path.join(where, name)  # noqa: PTH118 - Path would rewrite "./a" as "a"
            if name.lower().endswith(ENDINGS) and not name.startswith(".") and Path(path).is_file():
                yield path
