"""Why a result names no patient: one choice for every form of report."""

from collections.abc import Iterable

from hsat.recording import Note

__all__ = ["absent_patient_reason", "absent_patient_words"]

NO_PSEUDONYM = "no_pseudonym"
"""Code of the note that the file has a code and no pseudonym could be made of it."""


def absent_patient_reason(notes: Iterable[Note]) -> str:
    """The reason in full, for documents.

    Parameters
    ----------
    notes : iterable of Note
        Of the night or of the inspected file.

    Returns
    -------
    str
        Whether the file holds no code, or its code could not be made a pseudonym, and why.
    """
    return next((note.text for note in notes if note.code == NO_PSEUDONYM), "the file holds no patient code")


def absent_patient_words(notes: Iterable[Note]) -> str:
    """The reason in a few words, for a line of a report that lists its notes too."""
    if any(note.code == NO_PSEUDONYM for note in notes):
        return "no pseudonym of the file's code (see notes)"
    return "no code in the file"
