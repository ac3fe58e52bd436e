"""The tables of a device profile, checked: each error names file, table and key, and what is allowed."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeGuard

from hsat.errors import RulesError, shown
from hsat.io.channels import CANONICAL_CHANNELS, PositionCode, simplify_label

__all__ = [
    "Companion",
    "DailyLabels",
    "canonical_names",
    "read_averaging_s",
    "read_companions",
    "read_daily_labels",
    "read_label_sets",
    "read_labels",
    "read_position_codes",
    "read_rates",
    "read_sentinels",
    "read_table",
    "read_text",
    "read_texts",
    "read_units",
    "refuse_unknown",
]

CANONICAL_NAMES = frozenset(row.name for row in CANONICAL_CHANNELS)
LARGEST_NUMBER = 1e15


class Companion(NamedTuple):
    """A kind of file that a recorder writes beside its signals, without anything to score.

    Attributes
    ----------
    kind : str
        The recorder's short name of the kind.
    file_suffixes : tuple of str
        Ends of the file name, without its extension.
    label_sets : tuple of tuple of str
        Simplified labels; a file that has all of a set, and no respiration or SpO2, is of this kind.
    text : str
        What the file is, in words.
    """

    kind: str
    file_suffixes: tuple[str, ...]
    label_sets: tuple[tuple[str, ...], ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyLabels:
    """Labels of the channels in which a device sums up each of its days; empty where it does not.

    Attributes
    ----------
    ahi_per_h, usage_min, day : tuple of str
        Simplified labels of the device's own AHI, of the minutes of use, and of the date in days
        since 1970-01-01.
    """

    ahi_per_h: tuple[str, ...] = ()
    usage_min: tuple[str, ...] = ()
    day: tuple[str, ...] = ()


def read_daily_labels(table: Mapping[str, object], where: str) -> DailyLabels:
    """``[daily]``: the labels of a device's daily summary."""
    names = ("ahi_per_h", "usage_min", "day")
    refuse_unknown(table, (*names, "source"), where)
    labels = {
        name: tuple(simplify_label(label) for label in read_texts(table, name, where)) for name in names
    }
    return DailyLabels(**labels)


LONGEST_AVERAGING_S = 60
"""Longer, and no fall of SpO2 would be left to see: no oximeter offers it."""


def refuse_unknown(table: Mapping[str, object], allowed: Iterable[str], where: str) -> None:
    """Refuse a key that the table may not have."""
    allowed = tuple(allowed)
    for key in table:
        if key not in allowed:
            raise RulesError(f"{where}: unknown key {key!r}; allowed: {', '.join(allowed)}")


def read_table(
    table: Mapping[str, object], key: str, where: str, *, is_required: bool = True
) -> dict[str, object]:
    """A table of the file; empty where it may be missing and is."""
    if key not in table and not is_required:
        return {}
    value = table.get(key)
    if not isinstance(value, dict):
        raise RulesError(f"{where}: [{key}] is missing" if value is None else f"{where}: [{key}] is no table")
    return value


def read_text(table: Mapping[str, object], key: str, where: str) -> str:
    """A text that is not empty."""
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise RulesError(f"{where}.{key}: expected a text, got {shown(value)}")
    return value


def read_texts(table: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    """A list of texts; empty where the key is missing."""
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise RulesError(f"{where}.{key}: expected a list of texts, got {shown(value)}")
    return tuple(value)


def read_label_sets(table: Mapping[str, object], where: str) -> tuple[tuple[str, ...], ...]:
    """Lists of labels, simplified."""
    value = table.get("label_sets", [])
    if not isinstance(value, list) or not all(
        isinstance(items, list) and items and all(isinstance(item, str) for item in items) for items in value
    ):
        raise RulesError(f"{where}.label_sets: expected a list of lists of labels, got {shown(value)}")
    return tuple(tuple(simplify_label(item) for item in items) for items in value)


def canonical_names(names: Iterable[str], where: str) -> tuple[str, ...]:
    """The names, each one of the channel table."""
    names = tuple(names)
    for name in names:
        if name not in CANONICAL_NAMES:
            raise RulesError(
                f"{where}: {name!r} is no channel name; allowed: {', '.join(sorted(CANONICAL_NAMES))}"
            )
    return names


def read_labels(table: Mapping[str, object], where: str, key: str) -> dict[str, str]:
    """Simplified label to canonical name, ``""`` for none."""
    labels: dict[str, str] = {}
    for label, name in table.items():
        if not isinstance(name, str):
            raise RulesError(
                f"{where}, [{key}].{label}: expected a canonical channel name, got {shown(name)}"
            )
        if name:
            canonical_names([name], f"{where}, [{key}].{label}")
        labels[simplify_label(label)] = name
    return labels


def read_units(table: Mapping[str, object], where: str) -> dict[str, str]:
    """Canonical name to unit."""
    canonical_names(table, f"{where}, [units]")
    return {name: read_text(table, name, f"{where}, [units]") for name in table}


def read_sentinels(table: Mapping[str, object], where: str) -> dict[str, tuple[float, ...]]:
    """Canonical name to physical values that mean "no value"."""
    canonical_names(table, f"{where}, [sentinels]")
    sentinels: dict[str, tuple[float, ...]] = {}
    for name, values in table.items():
        if not isinstance(values, list) or not all(_is_number(value) for value in values):
            raise RulesError(
                f"{where}, [sentinels].{name}: expected a list of finite numbers below 1e15, "
                f"got {shown(values)}"
            )
        sentinels[name] = tuple(float(value) for value in values)
    return sentinels


def read_rates(table: Mapping[str, object], where: str, key: str) -> dict[str, tuple[float, ...]]:
    """Canonical name to sampling rates."""
    canonical_names(table, f"{where}, [{key}]")
    rates: dict[str, tuple[float, ...]] = {}
    for name, value in table.items():
        values: list[object] = value if isinstance(value, list) else [value]
        if not values or not all(_is_number(rate) and rate > 0 for rate in values):
            raise RulesError(
                f"{where}, [{key}].{name}: expected samples a second above 0, one number or a list, "
                f"got {shown(value)}"
            )
        rates[name] = tuple(float(rate) for rate in values if _is_number(rate))
    return rates


def _is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number that a sample can have."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and abs(value) <= LARGEST_NUMBER


def read_averaging_s(table: Mapping[str, object], key: str, where: str) -> float | None:
    """Seconds that an oximeter averages over; None where the table does not say."""
    value = table.get(key)
    if value is None:
        return None
    if not _is_number(value) or not 0 <= value <= LONGEST_AVERAGING_S:
        raise RulesError(
            f"{where}.{key}: expected seconds from 0 to {LONGEST_AVERAGING_S}, got {shown(value)}"
        )
    return float(value)


def read_position_codes(table: Mapping[str, object], where: str) -> dict[float, PositionCode]:
    """Physical value to the position it means."""
    codes: dict[float, PositionCode] = {}
    for name, value in table.items():
        if name.upper() not in PositionCode.__members__:
            allowed = ", ".join(code.name.lower() for code in PositionCode)
            raise RulesError(f"{where}, [position]: unknown key {name!r}; allowed: {allowed}")
        if not _is_number(value):
            raise RulesError(
                f"{where}, [position].{name}: expected a finite number below 1e15, got {shown(value)}"
            )
        if float(value) in codes:
            meaning = codes[float(value)].name.lower()
            raise RulesError(f"{where}, [position].{name}: {value:g} already means {meaning}")
        codes[float(value)] = PositionCode[name.upper()]
    return codes


def read_companions(value: object, where: str) -> tuple[Companion, ...]:
    """The kinds of files without anything to score."""
    if not isinstance(value, list):
        raise RulesError(f"{where}: [[companion]] is no list of tables")
    companions: list[Companion] = []
    for number, table in enumerate(value, start=1):
        at = f"{where}, [[companion]] {number}"
        if not isinstance(table, dict):
            raise RulesError(f"{at}: expected a table, got {shown(table)}")
        refuse_unknown(table, ("kind", "file_suffixes", "label_sets", "text"), at)
        companions.append(
            Companion(
                kind=read_text(table, "kind", at),
                file_suffixes=read_texts(table, "file_suffixes", at),
                label_sets=read_label_sets(table, at),
                text=read_text(table, "text", at),
            )
        )
    return tuple(companions)
