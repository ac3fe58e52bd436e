"""Text files that people and programs hand us: opened without waiting, bounded, in any usual encoding."""

import codecs
import os
import stat
from contextlib import suppress

from hsat.errors import ReadError
from hsat.io.layout import EDF_STARTS

__all__ = ["decode_text", "read_text_file"]

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UTF16_FRACTION = 0.4
"""Text in UTF-16 without a mark: in Western letters nearly every second byte is 0."""
LOOKED_AT_BYTES = 1024


def read_text_file(path: str | os.PathLike[str], *, where: str, what: str, most_bytes: int) -> bytes:
    """Bytes of a file that may be a text, or the first bytes of one that begins as EDF or BDF does.

    Parameters
    ----------
    path : str or path-like
    where : str
        The file, as errors name it.
    what : str
        What is expected, with its article, for errors.
    most_bytes : int
        Size up to which a text is read; EDF and BDF may be larger.

    Returns
    -------
    bytes

    Raises
    ------
    ReadError
        Where it cannot be opened, is no plain file, is empty or is too large.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                got = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
                raise ReadError(f"{where}: expected {what}, got {got}")
            data = file.read(len(EDF_STARTS[0]))  # a whole recording is not read into memory
            if data.startswith(EDF_STARTS):
                return data
            data += b"" if status.st_size > most_bytes else file.read(most_bytes + 1)
    except ReadError:
        raise
    except IsADirectoryError as error:
        raise ReadError(f"{where}: expected {what}, got a folder") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise ReadError(f"{where}: cannot be read: {reason}") from error
    n_bytes = max(status.st_size, len(data))
    if n_bytes > most_bytes:
        raise ReadError(
            f"{where}: expected {what} of at most {most_bytes / 2**20:g} MiB, got {n_bytes / 2**20:.1f} MiB"
        )
    if not data.strip():
        raise ReadError(f"{where}: expected {what}, got an empty file")
    return data


def _open_without_waiting(path: str, flags: int) -> int:
    """A pipe without a writer would keep the reader waiting for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def decode_text(data: bytes) -> str:
    """Text of bytes: UTF-8 or UTF-16 with their marks or without, else Latin-1, which takes anything.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    str

    Raises
    ------
    UnicodeDecodeError
        Where the bytes begin with the mark of UTF-16 and are none.
    """
    if data.startswith(UTF16_MARKS):
        return data.decode("utf-16")
    head = data[:LOOKED_AT_BYTES]
    n_zeros = [head[i::2].count(0) for i in (0, 1)]
    if max(n_zeros) > UTF16_FRACTION * len(head):
        with suppress(UnicodeDecodeError):
            return data.decode("utf-16-le" if n_zeros[1] > n_zeros[0] else "utf-16-be")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
