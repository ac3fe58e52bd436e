"""SHA-256 of a file from the bytes that are read for another purpose, so that none is read twice."""

import hashlib

__all__ = ["RunningDigest"]

READ_BYTES = 1 << 18
"""Bytes that are read at a time where nobody else has read them; `hashlib` itself uses as much."""


class RunningDigest:
    """Follows what is read of a file from its start on; the rest is read when the digest is asked for.

    Parameters
    ----------
    path : str
    """

    __slots__ = ("_digest", "_n_bytes", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._digest = hashlib.sha256()
        self._n_bytes = 0

    def start(self, n_bytes: int) -> None:
        """Read the first bytes of the file: those before what will be followed.

        Parameters
        ----------
        n_bytes : int

        Raises
        ------
        OSError
            Where the file cannot be read.
        """
        with open(self.path, "rb") as file:
            self.follow(0, file.read(n_bytes))

    def follow(self, first_byte: int, content: bytes | memoryview) -> None:
        """Take in what was read, if it goes on where the digest stands; else it is read later.

        Parameters
        ----------
        first_byte : int
            Place in the file.
        content : bytes or memoryview
        """
        if first_byte == self._n_bytes:
            self._digest.update(content)
            self._n_bytes += len(content)

    def hexdigest(self) -> str:
        """SHA-256 of the whole file as hexadecimal text; what was not followed is read now.

        Raises
        ------
        OSError
            Where the file cannot be read.
        """
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self._n_bytes)
            while content := file.read(READ_BYTES):
                self.follow(self._n_bytes, content)
        return self._digest.hexdigest()
