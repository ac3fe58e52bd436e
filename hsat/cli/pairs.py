"""Which scoring of one folder belongs to which of another."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hsat.report.failed import FailedNight
from hsat.scorings import night_name

__all__ = ["FOLDER_ENDINGS", "Pair", "pair_scorings"]

FOLDER_ENDINGS = (".json", ".csv", ".xml", ".annot", ".events.edf", ".events.txt")
"""Files of a folder that are taken for scorings: recordings and other texts may lie there too."""

TRUTH_MARK = ".truth."
TABLES = frozenset({"nights.csv", "patients.csv", "failures.csv", "events.csv"})
"""Tables of many nights that hsat writes beside the files of single nights."""


class Pair(NamedTuple):
    """Two files of one night."""

    scored: str
    reference: str


def pair_scorings(scored: str, reference: str) -> list[Pair | FailedNight]:
    """Pair the scorings of two folders by the names of their nights.

    Parameters
    ----------
    scored, reference : str
        Folders, walked with everything below them for files with `FOLDER_ENDINGS`; they may be
        the same. Tables of many nights that hsat writes (``nights.csv`` and such) and hidden files
        are left out. Where a night has both in one folder, ``NAME.truth.*`` is a reference and
        anything else a scoring.

    Returns
    -------
    list of Pair or FailedNight
        In the order of names, ``n2`` before ``n10``. A scoring or reference alone, and a night with
        several of either, are failures that say so.
    """
    ours = _by_name(scored, is_reference=False)
    theirs = _by_name(reference, is_reference=True)
    found: list[Pair | FailedNight] = []
    for name in sorted(ours.keys() | theirs.keys(), key=_counting_order):
        left, right = ours.get(name, []), theirs.get(name, [])
        if len(left) == len(right) == 1:
            found.append(Pair(left[0], right[0]))
            continue
        for role, files, others in (("scoring", left, right), ("reference", right, left)):
            if len(files) > 1:
                text = f"expected one {role} of night {name}, got {len(files)}: {', '.join(files)}"
                found.append(FailedNight(file=files[0], error=f"{files[0]}: {text}"))
            elif files and not others:
                other = "reference" if role == "scoring" else "scoring"
                folder = reference if role == "scoring" else scored
                text = f"no {other} of night {name} in {folder}"
                found.append(FailedNight(file=files[0], error=f"{files[0]}: {text}"))
    return found


def _counting_order(name: str) -> list[str | int]:
    """``n2`` before ``n10``: texts and numbers in turn."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", name))]


def _by_name(folder: str, *, is_reference: bool) -> dict[str, list[str]]:
    """Files of a folder by the name of their night."""
    names: dict[str, list[str]] = {}
    for path in _files(folder):
        names.setdefault(night_name(path), []).append(path)
    for name, paths in names.items():
        fitting = [path for path in paths if (TRUTH_MARK in Path(path).name.lower()) is is_reference]
        names[name] = fitting or paths
    return names


def _files(folder: str) -> Iterator[str]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            is_table = name.lower() in TABLES or name.startswith(".")
            if not is_table and name.lower().endswith(FOLDER_ENDINGS):
                yield os.path.join(where, name)  # noqa: PTH118 - the path begins as the user wrote it
