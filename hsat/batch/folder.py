"""The folder of a batch: one batch at a time, files written whole or not at all, nothing outside it."""

import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from hsat.errors import BatchError

__all__ = ["BatchFolder", "UnwrittenError", "safe_name", "write_whole"]

LOCK_NAME = ".hsat-batch.lock"
LONGEST_NAME = 60
PART = ".part"
"""How the name of a file ends that is not whole yet; it begins with a dot."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class UnwrittenError(BatchError):
    """A file of results cannot be written, whatever night it is of: the batch has to stop."""


def safe_name(text: str) -> str:
    """A text as the beginning of a file's name on any system: letters, digits, ``.``, ``_`` and ``-``.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        At most 60 characters, at least one; never begins with a dot.
    """
    return UNSAFE.sub("_", text).strip("._-")[:LONGEST_NAME].rstrip("._-") or "night"


class BatchFolder:
    """A folder that is held by one batch.

    Parameters
    ----------
    path : str or path-like
        Made where it is missing.

    Raises
    ------
    HsatError
        As a `BatchError`, where the folder cannot be made or written, or another batch is at work
        in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not os.fspath(path):
            raise BatchError("expected a folder, got an empty name")
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise BatchError(f"{path}: expected a folder, got a file") from error
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            why = error.strerror if isinstance(error, OSError) else error
            raise BatchError(f"{path}: cannot be made: {why}") from error
        self._lock = FileLock(self.path / LOCK_NAME, timeout=0)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise BatchError(
                f"{path}: another hsat batch is at work in this folder: wait for its end, or choose another"
            ) from error
        except (OSError, NotImplementedError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BatchError(f"{path}: cannot be written: {reason}") from error

    def close(self) -> None:
        """Let others in; the operating system does so too when the process is killed."""
        self._lock.release()

    def write(self, name: str, fill: Callable[[IO[Any]], object], *, is_binary: bool = False) -> Path:
        """Write a file beside its place and put it there whole.

        Parameters
        ----------
        name : str
            In this folder, with one folder in front at most; made of `safe_name`.
        fill : callable
            Writes into the open file.
        is_binary : bool

        Returns
        -------
        Path

        Raises
        ------
        HsatError
            As an `UnwrittenError`; what was there before is still there.
        """
        target = self.path / name
        write_whole(target, fill, is_binary=is_binary)
        return target


def write_whole(target: Path, fill: Callable[[IO[Any]], object], *, is_binary: bool = False) -> None:
    """Write a file beside its place and put it there whole.

    Parameters
    ----------
    target : Path
        The folder that it lies in is made where it is missing.
    fill : callable
        Writes into the open file.
    is_binary : bool

    Raises
    ------
    HsatError
        As an `UnwrittenError`; what was there before is still there.
    """
    part = target.with_name(f".{target.name}{PART}")
    is_whole = False
    try:
        target.parent.mkdir(exist_ok=True)
        if is_binary:
            with open(part, "wb") as binary:
                fill(binary)
                _flush(binary)
        else:
            with open(part, "w", encoding="utf-8", newline="") as text:
                fill(text)
                _flush(text)
        part.replace(target)
        is_whole = True
    except BatchError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in FULL:
            reason = f"{reason}: what was finished before is kept; make room and run the same command again"
        raise UnwrittenError(f"{target}: cannot be written: {reason}") from error
    finally:
        if not is_whole:
            with suppress(OSError):  # what went wrong first is what the user has to know
                part.unlink(missing_ok=True)


def _flush(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
