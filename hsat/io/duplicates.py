"""Files with the same content, or its beginning, found without reading every file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hsat.errors import ReadError
from hsat.io.layout import FIXED_BYTES
from hsat.io.records import EdfSource
from hsat.recording import Recording

__all__ = ["FileHead", "SeenFiles", "head_of", "without_cut_copies"]

HEAD_BYTES = 4096
"""Files that agree in size and in these bytes (start date and time are among them) are compared whole."""
RECORD_COUNT = slice(236, 244)
"""The one field of the header that a recorder fills in at the end: a copy made before has another."""


class FileHead(NamedTuple):
    """What tells most files apart: the size, and the SHA-256 of the first bytes in hexadecimal digits.

    The number of records is not among these bytes, so that a copy that was broken off begins as the whole.
    """

    n_bytes: int
    sha256: str


def head_of(path: str) -> FileHead | None:
    """The beginning of a file; None where it cannot be read or is too short for a header.

    Parameters
    ----------
    path : str

    Returns
    -------
    FileHead or None
    """
    try:
        with Path(path).open("rb") as file:
            head = bytearray(file.read(HEAD_BYTES))
        n_bytes = Path(path).stat().st_size
    except (OSError, ValueError):
        return None
    if n_bytes < FIXED_BYTES:
        return None
    head[RECORD_COUNT] = b""
    return FileHead(n_bytes, hashlib.sha256(head).hexdigest())


@dataclass(slots=True)
class SeenFiles:
    """Files met so far, by size and first bytes, and by SHA-256 where those agree."""

    _by_head: dict[FileHead, list[str]] = field(default_factory=dict)
    _digests: dict[str, str] = field(default_factory=dict)

    def original_of(self, path: str) -> str | None:
        """The file met before with the same content; None where there is none, and this one is kept.

        Parameters
        ----------
        path : str
            Files that cannot be read, or are too short for a header, are not compared: reading
            them says what is wrong.

        Returns
        -------
        str or None
        """
        return self.original_by_head(path, head_of(path))

    def original_by_head(self, path: str, head: FileHead | None) -> str | None:
        """As `original_of`, for a file whose beginning is known already.

        Parameters
        ----------
        path : str
        head : FileHead or None
            From `head_of`, now or earlier; None for a file that is not compared.

        Returns
        -------
        str or None
        """
        if head is None:
            return None
        alike = self._by_head.setdefault(head, [])
        try:
            for other in alike:
                if self._digest(other) == self._digest(path):
                    return other
        except (OSError, ValueError):
            return None
        alike.append(path)
        return None

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            with Path(path).open("rb") as file:
                self._digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[path]


COMPARED_BYTES = 1 << 20


def without_cut_copies(recordings: Sequence[Recording]) -> tuple[list[Recording], list[tuple[str, str]]]:
    """Leave out recordings that are the beginning of another: copies that were broken off.

    Parameters
    ----------
    recordings : sequence of Recording
        Of one folder.

    Returns
    -------
    kept : list of Recording
    cut : list of (str, str)
        Files left out, each with the file that holds the whole.
    """
    alike: dict[tuple[object, ...], list[Recording]] = {}
    for recording in recordings:
        source = recording.signals[0].source if recording.signals else None
        if isinstance(source, EdfSource) and recording.start_local is not None:
            labels = tuple((s.name, s.source_label, s.rate_hz, s.unit) for s in recording.signals)
            key = (recording.start_local, recording.device, recording.subject, source.record_bytes, labels)
            alike.setdefault(key, []).append(recording)
    cut: dict[str, str] = {}
    for group in alike.values():
        longest = max(group, key=lambda r: r.source.n_bytes)
        for recording in group:
            if recording.source.n_bytes < longest.source.n_bytes and _begins(longest, recording):
                cut[recording.source.path] = longest.source.path
    return [r for r in recordings if r.source.path not in cut], list(cut.items())


def _begins(whole: Recording, part: Recording) -> bool:
    """Whether the data of one file, not empty, are the first data of the other."""
    sources = [recording.signals[0].source for recording in (whole, part)]
    starts = [source.data_start for source in sources if isinstance(source, EdfSource)]
    try:
        with Path(whole.source.path).open("rb") as one, Path(part.source.path).open("rb") as other:
            one.seek(starts[0])
            other.seek(starts[1])
            while data := other.read(COMPARED_BYTES):
                if one.read(len(data)) != data:
                    return False
    except OSError as error:
        raise ReadError(f"{part.source.path}: {error.strerror or error} while comparing") from error
    return part.duration_s > 0
