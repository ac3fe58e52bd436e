"""Files with the same content, found without reading every file."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from hsat.io.layout import FIXED_BYTES

__all__ = ["SeenFiles"]

HEAD_BYTES = 4096
"""Files that agree in size and in these bytes (start date and time are among them) are compared whole."""


@dataclass(slots=True)
class SeenFiles:
    """Files met so far, by size and first bytes, and by SHA-256 where those agree."""

    _by_head: dict[tuple[int, bytes], list[str]] = field(default_factory=dict)
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
        try:
            with Path(path).open("rb") as file:
                head = file.read(HEAD_BYTES)
            size = Path(path).stat().st_size
            if size < FIXED_BYTES:
                return None
            alike = self._by_head.setdefault((size, hashlib.sha256(head).digest()), [])
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
