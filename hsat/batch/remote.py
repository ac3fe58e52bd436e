"""Folders that fsspec reaches (``s3://bucket/nights``): listed there, read from copies made for the while."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hsat.errors import BatchError
from hsat.io.listing import ENDINGS

__all__ = ["RemoteFile", "is_remote", "list_remote", "staged"]

SEPARATOR = "://"


class RemoteFile(NamedTuple):
    """A file behind a URL, and what changes when its content does."""

    url: str
    n_bytes: int
    fingerprint: str


def is_remote(path: str) -> bool:
    """Whether a path is a URL such as ``s3://bucket/folder`` or ``file:///folder``."""
    scheme, separator, _ = path.partition(SEPARATOR)
    return bool(separator) and scheme.replace("+", "").isalnum()


def list_remote(url: str) -> list[RemoteFile]:
    """Recordings behind a URL, or in the folder that it names, in the order of names.

    Parameters
    ----------
    url : str

    Returns
    -------
    list of RemoteFile

    Raises
    ------
    HsatError
        As a `BatchError`, where the protocol is not known or the place cannot be listed.
    """
    filesystem, path = _filesystem(url)
    try:
        found: dict[str, dict[str, Any]] = filesystem.find(path, detail=True)
        files = [
            RemoteFile(
                filesystem.unstrip_protocol(name), int(details.get("size") or 0), str(filesystem.ukey(name))
            )
            for name, details in sorted(found.items())
            if name == path or name.lower().endswith(ENDINGS)
        ]
    except (OSError, ValueError, NotImplementedError) as error:
        raise BatchError(f"{url}: cannot be listed: {error}") from error
    return [file for file in files if not file.url.rpartition("/")[2].startswith(".")]


@contextmanager
def staged(urls: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Copies of remote files in a folder of their own, which is removed at the end.

    Parameters
    ----------
    urls : sequence of str

    Yields
    ------
    mapping of str to str
        URL to path of the copy.
    """
    with tempfile.TemporaryDirectory(prefix="hsat-") as folder:
        copies: dict[str, str] = {}
        for number, url in enumerate(urls):
            filesystem, path = _filesystem(url)
            ending = os.path.splitext(path)[1]  # noqa: PTH122 - of a URL
            copy = str(Path(folder) / f"{number}{ending}")
            filesystem.get_file(path, copy)
            copies[url] = copy
        yield copies


def _filesystem(url: str) -> tuple[Any, str]:
    try:
        import fsspec.core
    except ImportError as error:
        raise BatchError(f"{url}: needs fsspec: install hsat[cluster]") from error
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:  # an unknown protocol, or its package is missing
        raise BatchError(f"{url}: cannot be opened: {error}") from error
    return filesystem, str(path)
