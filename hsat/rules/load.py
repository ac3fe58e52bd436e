"""From a rule set's TOML to `ScoringRules`: nothing missing, nothing unknown, nothing mistyped.

A set is one file. Its tables are the dataclasses of `hsat.rules.model`; a number exists in the
file alone. A set may extend another and write only what differs.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from hsat.errors import RulesError, shown
from hsat.rules.check import (
    PROSE_KEYS,
    Layer,
    Value,
    check_layer,
    expected,
    field_types,
    refuse,
    setting_types,
    table_types,
    value_types,
)
from hsat.rules.model import ScoringRules

__all__ = ["RuleDocument", "RuleTable", "build_rules", "load_rules", "read_rules", "rule_set_names"]

Model = TypeVar("Model")

PACKAGED = Path(__file__).parent
MAX_BYTES = 262_144
"""A rule set has a few kilobytes; a recording given by mistake is refused before it is parsed."""
ID_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTable:
    """One table of a resolved set: a sentence, its source, and the values by key."""

    name: str
    meaning: str
    source: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDocument:
    """A rule set with everything it extends filled in.

    Attributes
    ----------
    file : str
        The set's own file, as named in errors.
    name, title, source : str
    extends : str or None
        The set it takes the rest from.
    settings : mapping of str to value
        Values above the tables, apart from the set's description.
    tables : tuple of RuleTable
        In the model's order.
    """

    file: str
    name: str
    title: str
    source: str
    extends: str | None
    settings: Mapping[str, Value]
    tables: tuple[RuleTable, ...]

    @property
    def rules_id(self) -> str:
        """``"name@"`` and the first twelve hexadecimal digits of the SHA-256 of all values."""
        content = {
            "settings": dict(self.settings),
            "tables": {table.name: dict(table.values) for table in self.tables},
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"{self.name}@{hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]}"


@cache
def rule_set_names() -> tuple[str, ...]:
    """Names of the rule sets that come with hsat, sorted."""
    return tuple(sorted(path.stem for path in PACKAGED.glob("*.toml")))


def load_rules(name_or_path: str | Path = "aasm_1b") -> ScoringRules:
    """Load a rule set.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a set that comes with hsat (``"aasm_1b"``), or the path of a TOML file.

    Returns
    -------
    ScoringRules
        Every number of the set; the same object at every call for a set that comes with hsat.

    Raises
    ------
    RulesError
        Where there is no such set, or a key is missing, unknown or mistyped; the message names
        file, table, key, what was found and what is allowed.
    """
    if isinstance(name_or_path, str) and name_or_path in rule_set_names():
        return _load_packaged(name_or_path)
    return build_rules(read_rules(name_or_path, ScoringRules), ScoringRules)


@cache
def _load_packaged(name: str) -> ScoringRules:
    return build_rules(read_rules(name, ScoringRules), ScoringRules)


@cache
def _parse_packaged(path: Path) -> dict[str, Any]:
    """Parsed once: several sets extend the same one, and parsing takes most of the time."""
    return _parse(path, path.name)


def read_rules(name_or_path: str | Path, model: type[Any]) -> RuleDocument:
    """Read a rule set and all it extends, and check it against a model.

    Parameters
    ----------
    name_or_path : str or Path
        As for `load_rules`.
    model : type
        A dataclass whose dataclass-typed fields are the tables; its other fields, apart from
        ``name``, ``title``, ``source`` and ``rules_id``, are settings above the tables.

    Returns
    -------
    RuleDocument

    Raises
    ------
    RulesError
        As for `load_rules`.
    """
    layers = _read_layers(name_or_path, model)
    own = layers[0]
    settings = {key: _find_setting(key, layers) for key in setting_types(model)}
    tables = tuple(_resolve_table(name, table, layers) for name, table in table_types(model).items())
    document = RuleDocument(
        file=own.file,
        name=own.head["name"],
        title=own.head["title"],
        source=own.head["source"],
        extends=own.head.get("extends"),
        settings=MappingProxyType(settings),
        tables=tables,
    )
    if name_or_path not in rule_set_names():
        _refuse_borrowed_name(document, model)
    return document


def _refuse_borrowed_name(document: RuleDocument, model: type[Any]) -> None:
    """Results carry the name: a user's set may not pass for one that comes with hsat."""
    name = document.name
    if name in rule_set_names() and document.rules_id != read_rules(name, model).rules_id:
        what = f"{shown(name)} belongs to a packaged set with other values: choose another name"
        refuse(document.file, "name", what)


def build_rules(document: RuleDocument, model: type[Model]) -> Model:
    """Fill a model with the values of a resolved set.

    Parameters
    ----------
    document : RuleDocument
    model : type
        The dataclass that the document was read against.

    Returns
    -------
    model instance

    Raises
    ------
    RulesError
        Where the model itself refuses a combination of values (a ValueError of its own).
    """
    types = table_types(model)
    head = {"name": document.name, "title": document.title, "source": document.source}
    head["rules_id"] = document.rules_id
    arguments: dict[str, Any] = {key: head[key] for key in field_types(model) if key in head}
    arguments |= document.settings
    for table in document.tables:
        prose = {"meaning": table.meaning, "source": table.source}
        inside = {key: prose[key] for key in field_types(types[table.name]) if key in prose}
        arguments[table.name] = _construct(
            types[table.name], dict(table.values) | inside, f"{document.file}, [{table.name}]"
        )
    return _construct(model, arguments, document.file)


def _construct(model: type[Model], arguments: Mapping[str, Any], where: str) -> Model:
    try:
        return model(**arguments)
    except ValueError as error:
        raise RulesError(f"rules {where}: {error}") from error


def _read_layers(name_or_path: str | Path, model: type[Any]) -> list[Layer]:
    """The set's own layer first, then what it extends, in order."""
    layers: list[Layer] = []
    seen: list[Path] = []
    path, file = _locate(name_or_path, beside=None, asked_by=None)
    while True:
        if path.resolve() in seen:
            chain = " -> ".join([*(layer.file for layer in layers), file])
            refuse(layers[-1].file, "extends", f"goes round in a circle: {chain}")
        seen.append(path.resolve())
        raw = _parse_packaged(path) if path.parent == PACKAGED else _parse(path, file)
        layer = check_layer(file, raw, model)
        layers.append(layer)
        parent = layer.head.get("extends")
        if parent is None:
            return layers
        path, file = _locate(parent, beside=path.parent, asked_by=file)


def _locate(reference: str | Path, *, beside: Path | None, asked_by: str | None) -> tuple[Path, str]:
    """Where a set lies, and how errors name it."""
    text = str(reference)
    if isinstance(reference, str) and text in rule_set_names():
        return PACKAGED / f"{text}.toml", f"{text}.toml"
    path = Path(reference) if beside is None else beside / reference
    if _is_file(path):
        return path, str(path)
    if text and _is_folder(path):
        if asked_by is not None:
            refuse(asked_by, "extends", f"expected a TOML file, got the folder {shown(text)}")
        raise RulesError(f"rules {text}: expected a TOML file, got a folder")
    sets = ", ".join(rule_set_names())
    looks_like_path = isinstance(reference, Path) or text.endswith(".toml") or "/" in text or "\\" in text
    wanted = "no such file" if looks_like_path else "no such rule set"
    message = f"{wanted}: {shown(text)}; sets that come with hsat: {sets}"
    if asked_by is not None:
        refuse(asked_by, "extends", message)
    raise RulesError(f"rules: {message}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, a folder that may not be entered, a NUL
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _parse(path: Path, file: str) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise RulesError(f"rules {file}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise RulesError(f"rules {file}: expected a TOML file of at most {MAX_BYTES} bytes, got more")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RulesError(f"rules {file}: expected a TOML file, got: {error}") from error


def _find_setting(key: str, layers: list[Layer]) -> Value:
    holder = next((layer for layer in layers if key in layer.settings), None)
    if holder is None:
        refuse(layers[0].file, key, "missing")
    return holder.settings[key]


def _resolve_table(name: str, table: type[Any], layers: list[Layer]) -> RuleTable:
    """Merge a table over the layers: the set's own values win."""
    own = layers[0].file
    if not any(name in layer.tables for layer in layers):
        refuse(own, f"[{name}]", "missing table")
    merged: dict[str, Value] = {}
    prose: dict[str, str] = {}
    for layer in reversed(layers):
        merged |= layer.tables.get(name, {})
        prose |= layer.prose.get(name, {})
    for key in PROSE_KEYS:
        if key not in prose:
            refuse(own, f"[{name}].{key}", "missing; expected one plain sentence")
    kinds = value_types(table)
    for key, kind in kinds.items():
        if key not in merged:
            refuse(own, f"[{name}].{key}", f"missing; expected {expected(key, kind)}")
    values = MappingProxyType({key: merged[key] for key in kinds})
    return RuleTable(name=name, meaning=prose["meaning"], source=prose["source"], values=values)
