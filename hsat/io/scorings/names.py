"""What an event's name in somebody's scoring means; the names are data, in ``names.toml``."""

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from hsat.events import EventKind

__all__ = ["Meaning", "find_meaning"]

TABLE = "names.toml"

KINDS: dict[tuple[str, str | None], EventKind] = {
    ("apnea", "obstructive"): EventKind.OBSTRUCTIVE_APNEA,
    ("apnea", "central"): EventKind.CENTRAL_APNEA,
    ("apnea", "mixed"): EventKind.MIXED_APNEA,
    ("apnea", None): EventKind.UNCLASSIFIED_APNEA,
    ("hypopnea", "obstructive"): EventKind.OBSTRUCTIVE_HYPOPNEA,
    ("hypopnea", "central"): EventKind.CENTRAL_HYPOPNEA,
    ("hypopnea", None): EventKind.HYPOPNEA,
}
"""Class and type of an event, as words tell them, to its kind."""

ACCENTED = str.maketrans({"ø": "o", "æ": "ae", "ð": "d", "þ": "th", "ł": "l"})
"""Letters that are no letter with an accent for Unicode."""


class Meaning(NamedTuple):
    """A respiratory event. ``kind`` is None where the name leaves it open, with `is_uncertain`."""

    kind: EventKind | None
    is_uncertain: bool


class _Table(NamedTuple):
    words: dict[str, frozenset[str]]
    names: dict[str, EventKind]


@cache
def _table() -> _Table:
    text = (files("hsat.io.scorings") / TABLE).read_text(encoding="utf-8")
    document = tomllib.loads(text)
    return _Table(
        words={name: frozenset(entry["words"]) for name, entry in document["words"].items()},
        names={name: EventKind(kind) for kind, entry in document["names"].items() for name in entry["names"]},
    )


def find_meaning(text: str) -> Meaning | None:
    """What a name means.

    Parameters
    ----------
    text : str
        As a file has it: ``"Obstructive apnea|Obstructive Apnea"``, ``"A. gemischt"``,
        ``"apnea_central"``.

    Returns
    -------
    Meaning or None
        None where the name is that of no respiratory event.
    """
    table = _table()
    words = _words(text)
    name = " ".join(words)
    if name in table.names:
        return Meaning(table.names[name], False)
    found = {group for group, known in table.words.items() if not known.isdisjoint(words)}
    if "other" in found:
        return None
    classes = found & {"apnea", "hypopnea"}
    if "uncertain" in found:
        return Meaning(None, True) if classes or set(words) <= table.words["uncertain"] else None
    if len(classes) != 1:  # "apnea or hypopnea": something happened, nobody says what
        return Meaning(None, True) if classes else None
    types = found & {"obstructive", "central", "mixed"}
    of_type = types.pop() if len(types) == 1 else None
    (of_class,) = classes
    return Meaning(KINDS.get((of_class, of_type), KINDS[of_class, None]), False)


def _words(text: str) -> list[str]:
    """Words in lower case without accents, and without digits at their end (``hypopnea30``)."""
    spread = unicodedata.normalize("NFKD", text.casefold().translate(ACCENTED))
    plain = "".join(letter for letter in spread if not unicodedata.combining(letter))
    words = (word.rstrip("0123456789") for word in re.split(r"[^0-9a-z]+", plain))
    return [word for word in words if word]
