"""One rule file against the model: every key known, every value of its type and in its range."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from hsat.errors import RulesError, shown
from hsat.rules.units import unit_of

__all__ = [
    "PROSE_KEYS",
    "Layer",
    "Value",
    "check_layer",
    "expected",
    "field_types",
    "refuse",
    "setting_types",
    "table_types",
    "value_types",
]

Value = bool | int | float | str | tuple[Any, ...]

HEAD_KEYS = ("name", "title", "source", "extends")
"""Keys above the tables that describe the set and are no rule."""
PROSE_KEYS = ("meaning", "source")
"""Keys of a table that explain it and are no rule: not in the content hash."""
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
LARGEST = 2.0**53
"""Beyond this whole numbers are not exact any more; no rule comes near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One file as written, values checked against the model."""

    file: str
    head: Mapping[str, str]
    settings: Mapping[str, Value]
    tables: Mapping[str, Mapping[str, Value]]
    prose: Mapping[str, Mapping[str, str]]


def check_layer(file: str, raw: Mapping[str, Any], model: type[Any]) -> Layer:
    """Check one parsed file against the model.

    Parameters
    ----------
    file : str
        How errors name the file.
    raw : mapping
        The parsed TOML.
    model : type
        The dataclass with one dataclass-typed field a table.

    Returns
    -------
    Layer
        What the file writes; nothing filled in.

    Raises
    ------
    RulesError
        For an unknown table or key, a value of another type, or one its unit does not allow.
    """
    tables, settings = table_types(model), setting_types(model)
    known = (*HEAD_KEYS, *settings, *tables)
    for key in raw:
        if key not in known:
            what = "table" if isinstance(raw[key], dict) else "key"
            _refuse_unknown(file, f"[{key}]" if what == "table" else key, what, key, known)
    head = {key: _check_text(file, key, raw[key]) for key in HEAD_KEYS if key in raw}
    for key in ("name", "title", "source"):
        if key not in head:
            refuse(file, key, "missing; expected a text")
    if not NAME_PATTERN.fullmatch(head["name"]):
        refuse(file, "name", f"expected letters, digits, '_', '.' and '-', got {shown(head['name'])}")
    checked = {name: _check_table(file, name, raw[name], tables) for name in tables if name in raw}
    return Layer(
        file=file,
        head=head,
        settings={
            key: _check_value(file, key, key, raw[key], kind) for key, kind in settings.items() if key in raw
        },
        tables={name: values for name, (values, _) in checked.items()},
        prose={name: prose for name, (_, prose) in checked.items()},
    )


def _check_table(
    file: str, name: str, raw: Any, tables: Mapping[str, type[Any]]
) -> tuple[dict[str, Value], dict[str, str]]:
    if not isinstance(raw, dict):
        refuse(file, name, f"expected a table [{name}], got {shown(raw)}")
    kinds = value_types(tables[name])
    values: dict[str, Value] = {}
    prose: dict[str, str] = {}
    for key, value in raw.items():
        where = f"[{name}].{key}"
        if key in PROSE_KEYS:
            prose[key] = _check_text(file, where, value)
        elif key in kinds:
            values[key] = _check_value(file, where, key, value, kinds[key])
        else:
            homes = [other for other, table in tables.items() if key in value_types(table)]
            _refuse_unknown(file, where, "key", key, tuple(kinds), homes=homes)
    return values, prose


def _check_text(file: str, where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        refuse(file, where, f"expected a text, got {shown(value)}")
    text = " ".join(value.split())
    if not text.isprintable():
        refuse(file, where, f"expected a text without control characters, got {shown(value)}")
    return text


def _check_value(file: str, where: str, key: str, value: Any, kind: Any) -> Value:
    """The value as the model's type; refuses any other type and numbers the unit does not allow."""
    checked = _cast(value, kind)
    if checked is None:
        refuse(file, where, f"expected {_type_words(kind)}, got {shown(value)}")
    if not _is_allowed(key, checked):
        refuse(file, where, f"expected {expected(key, kind)}, got {shown(value)}")
    return checked


def _cast(value: Any, kind: Any) -> Value | None:
    """The value as the type asks, or None where it is another type. A bool is no number."""
    if get_origin(kind) is tuple:
        return _cast_list(value, get_args(kind))
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    if get_origin(kind) is Literal:
        is_right = isinstance(value, str) and value in get_args(kind)
    elif kind is float:
        is_right = is_number
    elif kind is int:
        is_right = is_number and isinstance(value, int)
    elif kind is bool:
        is_right = isinstance(value, bool)
    elif kind is str:
        is_right = isinstance(value, str) and value.isprintable()
    else:
        raise TypeError(f"no rule can have the type {kind!r}")
    if not is_right:
        return None
    return float(value) if kind is float else value


def _cast_list(value: Any, kinds: tuple[Any, ...]) -> tuple[Value, ...] | None:
    if not isinstance(value, list):
        return None
    is_open = kinds[-1] is Ellipsis
    if not is_open and len(kinds) != len(value):
        return None
    wanted = [kinds[0]] * len(value) if is_open else kinds
    items = [_cast(item, kind) for item, kind in zip(value, wanted, strict=True)]
    cast = tuple(item for item in items if item is not None)
    return cast if len(cast) == len(items) else None


def _is_allowed(key: str, value: Value) -> bool:
    if isinstance(value, tuple):
        return all(_is_allowed(key, item) for item in value)
    if isinstance(value, str | bool):
        return True
    unit = unit_of(key)
    return (unit.lowest is None or value >= unit.lowest) and (unit.highest is None or value <= unit.highest)


def _type_words(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in inner)
    if origin is tuple:
        length = "" if inner[-1] is Ellipsis else f" of {len(inner)}"
        return f"a list{length}, each {_type_words(inner[0])}"
    return {bool: "true or false", str: "a text on one line", int: "a whole number", float: "a number"}[kind]


def expected(key: str, kind: Any) -> str:
    """What a key may hold, in words: its type and the range its unit allows."""
    is_number = kind in (int, float) or (get_origin(kind) is tuple and get_args(kind)[0] in (int, float))
    return _type_words(kind) + (unit_of(key).range_words() if is_number else "")


def refuse(file: str, where: str, what: str) -> NoReturn:
    """Raise the RulesError that names file, place and fault."""
    where = where if where.isprintable() else ascii(where)
    raise RulesError(f"rules {file}, {where}: {what}")


def _refuse_unknown(
    file: str, where: str, what: str, key: str, known: tuple[str, ...], *, homes: Sequence[str] = ()
) -> NoReturn:
    """Name what is meant: the tables that have the key, else the nearest of what is known here."""
    from difflib import get_close_matches

    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "allowed: " + ", ".join(known)
    if homes:
        hint = "it belongs to " + " or ".join(f"[{home}]" for home in homes)
    refuse(file, where, f"unknown {what}; {hint}")


FIELD_TYPES: dict[type[Any], dict[str, Any]] = {}
"""What `field_types` found before: a model's types do not change while the program runs."""


def field_types(model: type[Any]) -> dict[str, Any]:
    """Every field of a dataclass and its type, in order."""
    if model not in FIELD_TYPES:
        hints = get_type_hints(model)
        FIELD_TYPES[model] = {field.name: hints[field.name] for field in fields(model)}
    return FIELD_TYPES[model]


def table_types(model: type[Any]) -> dict[str, type[Any]]:
    """The model's tables: its fields that are dataclasses themselves."""
    return {
        name: kind
        for name, kind in field_types(model).items()
        if isinstance(kind, type) and is_dataclass(kind)
    }


def setting_types(model: type[Any]) -> dict[str, Any]:
    """The model's values above the tables, apart from what describes the set."""
    described = (*HEAD_KEYS, "rules_id")
    return {
        name: kind
        for name, kind in field_types(model).items()
        if not is_dataclass(kind) and name not in described
    }


def value_types(table: type[Any]) -> dict[str, Any]:
    """A table's values, apart from its prose."""
    return {name: kind for name, kind in field_types(table).items() if name not in PROSE_KEYS}
