"""The paths of a batch as files to score: walked, and each with what changes when its content does."""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hsat.batch.outcome import Failure, FailureKind
from hsat.batch.remote import is_remote, list_remote
from hsat.errors import BatchError
from hsat.io.listing import UnlistedFolder, walk_recordings

__all__ = ["FoundFile", "Listing", "list_files"]


class FoundFile(NamedTuple):
    """A file as the walk finds it.

    Attributes
    ----------
    path : str
        Begins as the user wrote it.
    folder : str
        Files of one folder may be joined. Of a named file the file itself: it stands alone.
    is_named : bool
    n_bytes : int
    fingerprint : str
        Size, times and place on the disk; empty where the file cannot be looked at.
    changed_ns : int
        Time of the last change, nanoseconds of the system's clock; 0 where it is not known.
    """

    path: str
    folder: str
    is_named: bool
    n_bytes: int
    fingerprint: str
    changed_ns: int = 0


class Listing(NamedTuple):
    """What the paths hold.

    Attributes
    ----------
    files : tuple of FoundFile
        In order.
    failures : tuple of Failure
        Folders that could not be listed.
    roots : tuple of str
        Folders that were walked.
    growing : tuple of FoundFile
        Files that are there and are left for later.
    unlisted : tuple of str
        Folders below the roots that could not be listed: nobody knows what has gone from them.
    """

    files: tuple[FoundFile, ...]
    failures: tuple[Failure, ...]
    roots: tuple[str, ...]
    growing: tuple[FoundFile, ...] = ()
    unlisted: tuple[str, ...] = ()


def list_files(paths: Sequence[str]) -> Listing:
    """Walk the paths.

    Parameters
    ----------
    paths : sequence of str
        Files, folders, and URLs that fsspec knows.

    Returns
    -------
    Listing
        Each file once, folders in the order of names. A file that is named and lies in a folder
        that is named too counts as named.
    """
    found: dict[str, FoundFile] = {}
    failures: list[Failure] = []
    roots: list[str] = []
    unlisted: list[str] = []
    for path in paths:
        for item in _items_of(path, roots, unlisted):
            if isinstance(item, Failure):
                failures.append(item)
                continue
            identity = _identity(item.path)
            if identity not in found or item.is_named:
                found[identity] = item
    files = sorted(found.values(), key=lambda file: file.folder) if len(paths) > 1 else list(found.values())
    return Listing(tuple(files), tuple(failures), tuple(roots), unlisted=tuple(unlisted))


def _identity(path: str) -> str:
    if is_remote(path) or "\0" in path:
        return path
    return os.path.realpath(path)


def _items_of(path: str, roots: list[str], unlisted: list[str]) -> Iterator[FoundFile | Failure]:
    if is_remote(path):
        yield from _remote_items(path, roots)
        return
    if not path:
        yield _failed(path, "expected a file or a folder, got an empty name")
        return
    if "\0" in path or not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises on long names
        yield _looked_at(path, path, is_named=True)
        return
    roots.append(path)
    is_empty = True
    for item in walk_recordings(path):
        is_empty = False
        if isinstance(item, UnlistedFolder):
            unlisted.append(item.path)
            yield _failed(item.path, f"{item.path}: cannot be listed: {item.reason}")
        else:
            yield _looked_at(item, os.path.dirname(item), is_named=False)  # noqa: PTH120 - as given
    if is_empty:
        yield _failed(
            path, f"{path}: no file in this folder ends in .edf, .rec or .bdf (tables are read if named)"
        )


def _remote_items(url: str, roots: list[str]) -> Iterator[FoundFile | Failure]:
    try:
        files = list_remote(url)
    except BatchError as error:
        yield _failed(url, str(error))
        return
    roots.append(url)
    if not files:
        yield _failed(url, f"{url}: no file here ends in .edf, .rec or .bdf")
    for file in files:
        folder = file.url.rpartition("/")[0]
        yield FoundFile(file.url, folder, file.url == url, file.n_bytes, file.fingerprint)


def _looked_at(path: str, folder: str, *, is_named: bool) -> FoundFile:
    try:
        status = os.stat(path)  # noqa: PTH116 - Path would rewrite the name
    except (OSError, ValueError):  # opening it says why
        return FoundFile(path, folder, is_named, 0, "")
    if not stat.S_ISREG(status.st_mode):  # a pipe would keep whoever reads it waiting
        return FoundFile(path, folder, is_named, 0, "")
    fingerprint = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    return FoundFile(
        path, folder, is_named, status.st_size, fingerprint, max(status.st_mtime_ns, status.st_ctime_ns)
    )


def _failed(path: str, error: str) -> Failure:
    return Failure(files=(path,), kind=FailureKind.FOLDER, error=error)
