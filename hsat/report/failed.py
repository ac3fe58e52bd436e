"""A file that gave no result: it keeps its place in tables of several nights."""

from dataclasses import dataclass

__all__ = ["FailedNight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedNight:
    """A file that could not be scored, and the error in one line."""

    file: str
    error: str
