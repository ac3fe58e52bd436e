"""How far the work on many files is: each file by name on a terminal, every tenth of them elsewhere."""

import sys
from collections.abc import Iterable

from hsat.cli.faults import complain

__all__ = ["Progress"]

FILES_WITHOUT_PROGRESS = 20
"""Off a terminal, only more files than these say how far they are."""


class Progress:
    """Says on stderr how far it is.

    Parameters
    ----------
    n_files : int
        Files there are.
    """

    def __init__(self, n_files: int) -> None:
        self.n_files = n_files
        self._n_named = 0
        self._done: set[str] = set()

    def announce(self, path: str) -> None:
        """Say that a file's turn has come."""
        if self.n_files > 1 and _is_terminal():
            self._n_named += 1
            complain(f"{self._n_named}/{self.n_files} {path}")

    def count(self, paths: Iterable[str]) -> None:
        """Take files for done, and say so after each tenth of many."""
        n_before = len(self._done)
        self._done.update(paths)
        n_done = len(self._done)
        is_tenth = n_done * 10 // max(self.n_files, 1) > n_before * 10 // max(self.n_files, 1)
        if self.n_files > FILES_WITHOUT_PROGRESS and not _is_terminal() and is_tenth:
            complain(f"{n_done} of {self.n_files} files done")


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
