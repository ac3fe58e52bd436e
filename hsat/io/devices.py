"""Device profiles: what a recorder's labels and numbers mean, one ``.toml`` file each.

Nothing outside the profiles names a manufacturer. A profile is found by the recorder's name in
the header or by labels that no other recorder writes; where none fits, the profile ``generic``
holds, which trusts labels alone.
"""

import math
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeGuard

from hsat.errors import RulesError, UnknownDeviceError, shown
from hsat.io.channels import CANONICAL_CHANNELS, PositionCode, simplify_label
from hsat.io.edf import EdfFile

__all__ = ["Companion", "DeviceProfile", "identify_device", "list_profiles", "load_profile"]

GENERIC = "generic"
THERAPIES = ("none", "pap", "appliance", "unknown")
PROFILE_FOLDER = Path(__file__).parent / "profiles"
LARGEST_PROFILE_BYTES = 256 << 10
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
class DeviceProfile:
    """What is known of a recorder.

    Attributes
    ----------
    name, title : str
        Short name for ``--device``, and maker and model in words.
    therapy : str
        ``"none"``, ``"pap"``, ``"appliance"`` or ``"unknown"``.
    source, confidence : str
        Where the facts come from, and how sure they are.
    equipment : tuple of str
        Texts of the header's equipment field (digits as ``#``) that only this recorder writes.
    label_sets : tuple of tuple of str
        Sets of simplified labels that only this recorder writes together.
    labels : mapping of str to str
        Simplified label to canonical name; ``""`` for a channel that means none of them.
    unseen_labels : frozenset of str
        Those of `labels` that are known from the literature, and that no file has shown.
    units : mapping of str to str
        Canonical name to unit, where the header's is wrong or absent.
    sentinels : mapping of str to tuple of float
        Canonical name to the physical values that mean "no value".
    inverted : tuple of str
        Canonical names whose polarity is turned (stored downwards, meant upwards).
    position_codes : mapping of float to PositionCode
        Physical value of the position channel to its meaning; empty where unknown.
    companions : tuple of Companion
    parallel : tuple of str
        Ends of the names of the files that the recorder writes side by side, the one that sets the
        clock first; empty where it writes one file a recording.
    """

    name: str
    title: str
    therapy: str
    source: str
    confidence: str
    equipment: tuple[str, ...]
    label_sets: tuple[tuple[str, ...], ...]
    labels: Mapping[str, str]
    unseen_labels: frozenset[str]
    units: Mapping[str, str]
    sentinels: Mapping[str, tuple[float, ...]]
    inverted: tuple[str, ...]
    position_codes: Mapping[float, PositionCode]
    companions: tuple[Companion, ...]
    parallel: tuple[str, ...]

    def stream_of(self, path: str) -> int | None:
        """Which of the files written side by side this is, by its name; None where it is none of them."""
        stem = Path(path).stem.upper()
        return next((i for i, end in enumerate(self.parallel) if stem.endswith(end.upper())), None)


def list_profiles() -> tuple[str, ...]:
    """Names of the profiles that come with hsat, sorted."""
    return tuple(sorted(path.stem for path in PROFILE_FOLDER.glob("*.toml")))


def identify_device(edf: EdfFile, *, name_or_path: str | None = None) -> DeviceProfile:
    """The profile of the recorder that wrote a file.

    Parameters
    ----------
    edf : EdfFile
    name_or_path : str, optional
        Name of a profile, or path of a profile file; nothing is guessed then.

    Returns
    -------
    DeviceProfile
        ``generic`` where no other profile fits.

    Raises
    ------
    UnknownDeviceError
        Where no profile has the name, or several fit the file.
    RulesError
        Where the profile file is wrong.
    """
    if name_or_path is not None:
        return load_profile(name_or_path)
    labels = frozenset(simplify_label(channel.label) for channel in edf.channels)
    fitting = [p for p in _all_profiles() if p.name != GENERIC and _fits(p, labels, edf.equipment)]
    if len(fitting) > 1:
        names = ", ".join(profile.name for profile in fitting)
        raise UnknownDeviceError(
            f"{edf.path}: several device profiles fit ({names}); choose one with --device"
        )
    return fitting[0] if fitting else load_profile(GENERIC)


def _fits(profile: DeviceProfile, labels: frozenset[str], equipment: str) -> bool:
    by_name = any(text in equipment for text in profile.equipment)
    return by_name or any(labels.issuperset(needed) for needed in profile.label_sets)


@cache
def _all_profiles() -> tuple[DeviceProfile, ...]:
    return tuple(load_profile(name) for name in list_profiles())


@cache
def load_profile(name_or_path: str) -> DeviceProfile:
    """Load a device profile by name, or from a file by path.

    Raises
    ------
    UnknownDeviceError
        Where there is no such profile or file.
    RulesError
        Where the file is no regular file, larger than 256 KiB or no TOML, or a key is missing,
        unknown or mistyped; names file, table, key.
    """
    own = PROFILE_FOLDER / f"{name_or_path}.toml"
    path = own if name_or_path in list_profiles() else Path(name_or_path)
    try:
        text = _read_regular(path)
    except OSError as error:
        known = ", ".join(list_profiles())
        raise UnknownDeviceError(
            f"device {name_or_path!r}: no profile of this name ({known}) and no readable file"
        ) from error
    try:
        return _profile(tomllib.loads(text), f"device profile {path.name}")
    except RulesError:
        raise
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"device profile {path}: no TOML: {' '.join(str(error).split())}") from error
    except (ValueError, OverflowError, RecursionError) as error:
        # Numbers and nesting beyond what Python can hold or print.
        raise RulesError(f"device profile {path}: a number or a list in it is too large to read") from error


def _read_regular(path: Path) -> str:
    """Text of a regular file of bounded size: a pipe or a device may never end."""
    if "\0" in str(path):
        raise FileNotFoundError
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError
    if not stat.S_ISREG(status.st_mode):
        raise RulesError(f"device profile {path}: no regular file")
    with path.open("rb") as file:
        content = file.read(LARGEST_PROFILE_BYTES + 1)
    if len(content) > LARGEST_PROFILE_BYTES:
        raise RulesError(
            f"device profile {path}: larger than {LARGEST_PROFILE_BYTES >> 10} KiB, which no profile is"
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise RulesError(f"device profile {path}: no TOML: no UTF-8 text ({error.reason})") from error


LITERATURE = "labels_from_literature"
TABLES = (
    "device",
    "match",
    "labels",
    LITERATURE,
    "units",
    "sentinels",
    "polarity",
    "position",
    "folder",
    "companion",
)
CANONICAL_NAMES = frozenset(row.name for row in CANONICAL_CHANNELS)


def _profile(table: dict[str, object], where: str) -> DeviceProfile:
    _refuse_unknown(table, TABLES, where)
    device = _table(table, "device", where)
    at = f"{where}, [device]"
    _refuse_unknown(device, ("name", "title", "therapy", "source", "confidence"), at)
    therapy = _text(device, "therapy", at)
    if therapy not in THERAPIES:
        raise RulesError(f"{at}.therapy: expected one of {', '.join(THERAPIES)}, got {shown(therapy)}")
    match = _table(table, "match", where, is_required=False)
    _refuse_unknown(match, ("equipment", "label_sets"), f"{where}, [match]")
    polarity = _table(table, "polarity", where, is_required=False)
    _refuse_unknown(polarity, ("inverted",), f"{where}, [polarity]")
    folder = _table(table, "folder", where, is_required=False)
    _refuse_unknown(folder, ("parallel",), f"{where}, [folder]")
    labels, unseen = (
        _labels(_table(table, key, where, is_required=False), where, key) for key in ("labels", LITERATURE)
    )
    for label in labels.keys() & unseen.keys():
        raise RulesError(f"{where}, [{LITERATURE}].{label}: already in [labels]; expected in one of them")
    return DeviceProfile(
        name=_text(device, "name", at),
        title=_text(device, "title", at),
        therapy=therapy,
        source=_text(device, "source", at),
        confidence=_text(device, "confidence", at),
        equipment=_texts(match, "equipment", f"{where}, [match]"),
        label_sets=_label_sets(match, f"{where}, [match]"),
        labels=labels | unseen,
        unseen_labels=frozenset(unseen),
        units=_units(_table(table, "units", where, is_required=False), where),
        sentinels=_sentinels(_table(table, "sentinels", where, is_required=False), where),
        inverted=_canonical_names(
            _texts(polarity, "inverted", f"{where}, [polarity]"), f"{where}, [polarity].inverted"
        ),
        position_codes=_position_codes(_table(table, "position", where, is_required=False), where),
        companions=_companions(table.get("companion", []), where),
        parallel=_texts(folder, "parallel", f"{where}, [folder]"),
    )


def _refuse_unknown(table: Mapping[str, object], allowed: Iterable[str], where: str) -> None:
    allowed = tuple(allowed)
    for key in table:
        if key not in allowed:
            raise RulesError(f"{where}: unknown key {key!r}; allowed: {', '.join(allowed)}")


def _table(
    table: Mapping[str, object], key: str, where: str, *, is_required: bool = True
) -> dict[str, object]:
    if key not in table and not is_required:
        return {}
    value = table.get(key)
    if not isinstance(value, dict):
        raise RulesError(f"{where}: [{key}] is missing" if value is None else f"{where}: [{key}] is no table")
    return value


def _text(table: Mapping[str, object], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise RulesError(f"{where}.{key}: expected a text, got {shown(value)}")
    return value


def _texts(table: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise RulesError(f"{where}.{key}: expected a list of texts, got {shown(value)}")
    return tuple(value)


def _label_sets(table: Mapping[str, object], where: str) -> tuple[tuple[str, ...], ...]:
    value = table.get("label_sets", [])
    if not isinstance(value, list) or not all(
        isinstance(items, list) and items and all(isinstance(item, str) for item in items) for items in value
    ):
        raise RulesError(f"{where}.label_sets: expected a list of lists of labels, got {shown(value)}")
    return tuple(tuple(simplify_label(item) for item in items) for items in value)


def _canonical_names(names: Iterable[str], where: str) -> tuple[str, ...]:
    names = tuple(names)
    for name in names:
        if name not in CANONICAL_NAMES:
            raise RulesError(
                f"{where}: {name!r} is no channel name; allowed: {', '.join(sorted(CANONICAL_NAMES))}"
            )
    return names


def _labels(table: Mapping[str, object], where: str, key: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for label, name in table.items():
        if not isinstance(name, str):
            raise RulesError(
                f"{where}, [{key}].{label}: expected a canonical channel name, got {shown(name)}"
            )
        if name:
            _canonical_names([name], f"{where}, [{key}].{label}")
        labels[simplify_label(label)] = name
    return labels


def _units(table: Mapping[str, object], where: str) -> dict[str, str]:
    _canonical_names(table, f"{where}, [units]")
    return {name: _text(table, name, f"{where}, [units]") for name in table}


def _sentinels(table: Mapping[str, object], where: str) -> dict[str, tuple[float, ...]]:
    _canonical_names(table, f"{where}, [sentinels]")
    sentinels: dict[str, tuple[float, ...]] = {}
    for name, values in table.items():
        if not isinstance(values, list) or not all(_is_number(value) for value in values):
            raise RulesError(
                f"{where}, [sentinels].{name}: expected a list of finite numbers below 1e15, "
                f"got {shown(values)}"
            )
        sentinels[name] = tuple(float(value) for value in values)
    return sentinels


def _is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number that a sample can have."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and abs(value) <= LARGEST_NUMBER


def _position_codes(table: Mapping[str, object], where: str) -> dict[float, PositionCode]:
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


def _companions(value: object, where: str) -> tuple[Companion, ...]:
    if not isinstance(value, list):
        raise RulesError(f"{where}: [[companion]] is no list of tables")
    companions: list[Companion] = []
    for number, table in enumerate(value, start=1):
        at = f"{where}, [[companion]] {number}"
        if not isinstance(table, dict):
            raise RulesError(f"{at}: expected a table, got {shown(table)}")
        _refuse_unknown(table, ("kind", "file_suffixes", "label_sets", "text"), at)
        companions.append(
            Companion(
                kind=_text(table, "kind", at),
                file_suffixes=_texts(table, "file_suffixes", at),
                label_sets=_label_sets(table, at),
                text=_text(table, "text", at),
            )
        )
    return tuple(companions)
