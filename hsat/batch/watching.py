"""Files that are still being written are left alone until they have stopped growing."""

import time

from hsat.batch.files import FoundFile, Listing

__all__ = ["StableFiles"]

NS_PER_S = 1e9


class StableFiles:
    """Remembers how files looked the last time.

    Parameters
    ----------
    quiet_s : float
        A file is whole when it looks as it did at the last look, or has not changed for so long.

    Attributes
    ----------
    has_news : bool
        Whether the last look found files, stable ones, that no earlier look had given, or another
        set of files.
    """

    def __init__(self, quiet_s: float) -> None:
        self.quiet_s = quiet_s
        self.has_news = False
        self._looked: dict[str, str] = {}
        self._given: dict[str, str] = {}

    def look(self, listing: Listing) -> Listing:
        """Those files of a listing that are stable.

        Parameters
        ----------
        listing : Listing

        Returns
        -------
        Listing
            A file that was given before and is changing now is among the growing ones too.
        """
        files = tuple(file for file in listing.files if self._is_stable(file))
        self._looked = {file.path: file.fingerprint for file in listing.files}
        given = {file.path: file.fingerprint for file in files}
        self.has_news = given != self._given
        self._given = given
        growing = tuple(file for file in listing.files if file.path not in given)
        return listing._replace(files=files, growing=growing)

    def _is_stable(self, file: FoundFile) -> bool:
        if self._looked.get(file.path) == file.fingerprint:
            return True
        return 0 < file.changed_ns < time.time_ns() - self.quiet_s * NS_PER_S
