"""Device profiles: what a recorder's labels and numbers mean, one ``.toml`` file each.

Nothing outside the profiles names a manufacturer. A profile is found by the recorder's name in
the header or by labels that no other recorder writes; where none fits, the profile ``generic``
holds, which trusts labels alone.
"""

import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from hsat.errors import RulesError, UnknownDeviceError, shown
from hsat.io.channels import PositionCode, simplify_label
from hsat.io.edf import EdfFile
from hsat.io.profile_tables import (
    Companion,
    DailyLabels,
    canonical_names,
    read_averaging_s,
    read_companions,
    read_daily_labels,
    read_label_sets,
    read_labels,
    read_position_codes,
    read_rates,
    read_sentinels,
    read_table,
    read_text,
    read_texts,
    read_units,
    refuse_unknown,
)
from hsat.io.rates import RatedChannel, has_known_rates

__all__ = ["Companion", "DeviceProfile", "identify_device", "list_profiles", "load_profile"]

GENERIC = "generic"
THERAPIES = ("none", "pap", "appliance", "unknown")
PROFILE_FOLDER = Path(__file__).parent / "profiles"
LARGEST_PROFILE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProfile:
    """What is known of a recorder.

    Attributes
    ----------
    name, title : str
        Short name for ``--device``, and maker and model in words.
    therapy : str
        ``"none"``, ``"pap"``, ``"appliance"`` or ``"unknown"``.
    oximeter_averaging_s : float or None
        Time over which its oximeter averages SpO2; None where nobody has told.
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
    rates_hz : mapping of str to tuple of float
        Canonical name to the sampling rates that the recorder is known to write; names that are
        missing may have any.
    unseen_rates : frozenset of str
        Those of `rates_hz` of which some rates are known from the literature alone.
    inverted : tuple of str
        Canonical names whose polarity is turned (stored downwards, meant upwards).
    position_codes : mapping of float to PositionCode
        Physical value of the position channel to its meaning; empty where unknown.
    companions : tuple of Companion
    parallel : tuple of str
        Ends of the names of the files that the recorder writes side by side, the one that sets the
        clock first; empty where it writes one file a recording.
    daily : DailyLabels
    """

    name: str
    title: str
    therapy: str
    oximeter_averaging_s: float | None
    source: str
    confidence: str
    equipment: tuple[str, ...]
    label_sets: tuple[tuple[str, ...], ...]
    labels: Mapping[str, str]
    unseen_labels: frozenset[str]
    units: Mapping[str, str]
    sentinels: Mapping[str, tuple[float, ...]]
    rates_hz: Mapping[str, tuple[float, ...]]
    unseen_rates: frozenset[str]
    inverted: tuple[str, ...]
    position_codes: Mapping[float, PositionCode]
    companions: tuple[Companion, ...]
    parallel: tuple[str, ...]
    daily: DailyLabels = field(default=DailyLabels())

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
        by_rates = [p.name for p in fitting if has_known_rates(p.rates_hz, _rated_channels(p, edf))]
        # A hint, no choice: other sentinels and another polarity would follow from it in silence.
        hint = f" (the sampling rates are those of {by_rates[0]})" if len(by_rates) == 1 else ""
        raise UnknownDeviceError(
            f"{edf.path}: several device profiles fit ({names}); choose one with --device{hint}"
        )
    return fitting[0] if fitting else load_profile(GENERIC)


def _fits(profile: DeviceProfile, labels: frozenset[str], equipment: str) -> bool:
    by_name = any(text in equipment for text in profile.equipment)
    return by_name or any(labels.issuperset(needed) for needed in profile.label_sets)


def _rated_channels(profile: DeviceProfile, edf: EdfFile) -> list[RatedChannel]:
    """The channels that a profile names, as they would be if it were the one."""
    named = ((channel, profile.labels.get(simplify_label(channel.label))) for channel in edf.channels)
    return [
        RatedChannel(channel.label, name, edf.source.rate_hz(channel.index))
        for channel, name in named
        if name
    ]


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


AVERAGING = "oximeter_averaging_s"
LITERATURE = "labels_from_literature"
RATES, RATES_LITERATURE = "rates_hz", "rates_hz_from_literature"
TABLES = (
    "device",
    "match",
    "labels",
    LITERATURE,
    "units",
    "sentinels",
    RATES,
    RATES_LITERATURE,
    "polarity",
    "position",
    "folder",
    "companion",
    "daily",
)


def _profile(table: dict[str, object], where: str) -> DeviceProfile:
    refuse_unknown(table, TABLES, where)
    device = read_table(table, "device", where)
    at = f"{where}, [device]"
    refuse_unknown(device, ("name", "title", "therapy", "source", "confidence", AVERAGING), at)
    therapy = read_text(device, "therapy", at)
    if therapy not in THERAPIES:
        raise RulesError(f"{at}.therapy: expected one of {', '.join(THERAPIES)}, got {shown(therapy)}")
    match = read_table(table, "match", where, is_required=False)
    refuse_unknown(match, ("equipment", "label_sets"), f"{where}, [match]")
    polarity = read_table(table, "polarity", where, is_required=False)
    refuse_unknown(polarity, ("inverted",), f"{where}, [polarity]")
    folder = read_table(table, "folder", where, is_required=False)
    refuse_unknown(folder, ("parallel",), f"{where}, [folder]")
    labels, unseen = (
        read_labels(read_table(table, key, where, is_required=False), where, key)
        for key in ("labels", LITERATURE)
    )
    for label in labels.keys() & unseen.keys():
        raise RulesError(f"{where}, [{LITERATURE}].{label}: already in [labels]; expected in one of them")
    seen_hz, unseen_hz = (
        read_rates(read_table(table, key, where, is_required=False), where, key)
        for key in (RATES, RATES_LITERATURE)
    )
    return DeviceProfile(
        name=read_text(device, "name", at),
        title=read_text(device, "title", at),
        therapy=therapy,
        oximeter_averaging_s=read_averaging_s(device, AVERAGING, at),
        source=read_text(device, "source", at),
        confidence=read_text(device, "confidence", at),
        equipment=read_texts(match, "equipment", f"{where}, [match]"),
        label_sets=read_label_sets(match, f"{where}, [match]"),
        labels=labels | unseen,
        unseen_labels=frozenset(unseen),
        units=read_units(read_table(table, "units", where, is_required=False), where),
        sentinels=read_sentinels(read_table(table, "sentinels", where, is_required=False), where),
        rates_hz={
            name: tuple(sorted({*seen_hz.get(name, ()), *unseen_hz.get(name, ())}))
            for name in {**seen_hz, **unseen_hz}
        },
        unseen_rates=frozenset(unseen_hz),
        inverted=canonical_names(
            read_texts(polarity, "inverted", f"{where}, [polarity]"), f"{where}, [polarity].inverted"
        ),
        position_codes=read_position_codes(read_table(table, "position", where, is_required=False), where),
        companions=read_companions(table.get("companion", []), where),
        parallel=read_texts(folder, "parallel", f"{where}, [folder]"),
        daily=read_daily_labels(read_table(table, "daily", where, is_required=False), f"{where}, [daily]"),
    )
