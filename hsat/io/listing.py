"""A folder and those in it, walked for recordings."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["ENDINGS", "UnlistedFolder", "walk_recordings"]

ENDINGS = (".edf", ".rec", ".bdf")
"""How names of recordings end, in any case."""


class UnlistedFolder(NamedTuple):
    """A folder that cannot be entered, and why."""

    path: str
    reason: str


def walk_recordings(folder: str) -> Iterator[str | UnlistedFolder]:
    """Files of a folder and of those in it that end as recordings do, in the order of names.

    Links are followed, circles of links survived, hidden files left out.

    Parameters
    ----------
    folder : str

    Yields
    ------
    str or UnlistedFolder
        Paths that begin with `folder` as given; the files of one folder come in a row.
    """
    failed: list[UnlistedFolder] = []

    def refuse(error: OSError) -> None:
        failed.append(UnlistedFolder(str(error.filename), str(error.strerror)))

    seen: set[tuple[int, int]] = set()
    for where, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        yield from failed
        failed.clear()
        place = _place(where)
        if place is None or place in seen:  # gone since it was listed, or walked already
            folders.clear()
            continue
        seen.add(place)
        if not os.access(where, os.X_OK):  # its names may be read, and nothing else
            folders.clear()
            yield UnlistedFolder(where, os.strerror(errno.EACCES))
            continue
        folders.sort()
        for name in sorted(files):
            path = os.path.join(where, name)  # noqa: PTH118 - Path would rewrite "./a" as "a"
            if name.lower().endswith(ENDINGS) and not name.startswith(".") and _may_be_file(path):
                yield path
    yield from failed


def _place(folder: str) -> tuple[int, int] | None:
    """Where a folder lies, whatever its name; None where it is not there any more."""
    try:
        status = Path(folder).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _may_be_file(path: str) -> bool:
    """Whether there is a file, or something that nobody may look at: opening it says why."""
    try:
        return Path(path).is_file()
    except PermissionError:
        return True
    except OSError:
        return False
