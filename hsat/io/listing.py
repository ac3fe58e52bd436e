"""A folder and those in it, walked for recordings."""

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
    yield from failed
