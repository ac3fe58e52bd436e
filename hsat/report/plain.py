"""Texts from files, made harmless: a label or path may hold anything, also what steers a terminal."""

from hsat.recording import SourceFile

__all__ = ["file_words", "printable", "shortened", "told", "without_surrogates"]

LONGEST_SHOWN = 300
"""Characters of a text of a file that a page shows: labels of EDF have 16, criteria some 100."""
LONGEST_TOLD = 2000
"""Characters of a sentence or list of ours that a page shows; it may hold words of a file."""


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


def without_surrogates(text: str) -> str:
    """The text with undecodable bytes of a file name written out, so that strict JSON readers take it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def file_words(source: SourceFile) -> str:
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
