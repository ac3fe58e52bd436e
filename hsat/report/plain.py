"""Texts from files, made harmless: a label or path may hold anything, also what steers a terminal."""

import unicodedata
from collections.abc import Container
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hsat.recording import SourceFile

__all__ = ["drawable", "file_words", "printable", "shortened", "told", "without_surrogates"]

LONGEST_SHOWN = 300
"""Characters of a text of a file that a page shows: labels of EDF have 16, criteria some 100."""
LONGEST_TOLD = 2000
"""Characters of a sentence or list of ours that a page shows; it may hold words of a file."""

RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
"""Classes of Unicode's bidirectional algorithm (UAX 9) that are not written from the left."""
NOT_DRAWN = frozenset({"Mn", "Mc", "Me", "Co", "Cn"})
"""Marks that belong over or around other letters, and characters that mean something in one font only."""


def printable(text: str) -> str:
    """The text on one line with everything that does not print written as an escape.

    Parameters
    ----------
    text : str
        From a file, a path or a user.

    Returns
    -------
    str
        Control characters, line ends, ANSI escapes, marks that reverse the direction of writing
        and undecodable bytes of file names appear as ``\\x1b``, ``\\n``, ``\\u202e``, ``\\udcff``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def drawable(text: str, glyphs: Container[int]) -> str:
    """The text for a medium that sets one glyph after the other from the left.

    Parameters
    ----------
    text : str
    glyphs : container of int
        The characters that its font has.

    Returns
    -------
    str
        What would be an empty box, or stand in the wrong order or place (Arabic, Hebrew, Devanagari), as
        escapes like ``\\u05d0``, which can be looked up.
    """
    composed = unicodedata.normalize("NFC", text)
    if composed.isascii():
        return composed
    return "".join(
        c if _is_drawn(c, glyphs) else c.encode("unicode_escape").decode("ascii") for c in composed
    )


def _is_drawn(c: str, glyphs: Container[int]) -> bool:
    if c.isascii():
        return True
    is_known = ord(c) in glyphs and unicodedata.category(c) not in NOT_DRAWN
    return is_known and unicodedata.bidirectional(c) not in RIGHT_TO_LEFT


def without_surrogates(text: str) -> str:
    """The text with undecodable bytes of a file name written out, so that strict JSON readers take it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def file_words(source: "SourceFile") -> str:
    """The file of a recording, printable; of several the first, and how many more there are."""
    n_more = len(source.files) - 1
    more = f" and {n_more} more" if n_more else ""
    return f"{printable(source.path)}{more}"


def shortened(text: str, n_most: int = LONGEST_SHOWN) -> str:
    """A text cut where no layout could hold it, with how long it was."""
    if len(text) <= n_most:
        return text
    return f"{text[:n_most]}... ({len(text)} characters)"


def told(text: str) -> str:
    """A sentence of ours in full: only words that no layout could hold are cut.

    Parameters
    ----------
    text : str
        Such as a list of everything that was not measured, or a note that quotes a label.

    Returns
    -------
    str
    """
    words = " ".join(shortened(word) for word in text.split(" "))
    return shortened(words, LONGEST_TOLD)
