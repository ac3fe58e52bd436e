"""How a label in a file finds its row of the channel table.

A label is compared as a whole first ("SpO2" is in the alias list of ``spo2``), then by whole words
("Thermal Airflow" holds the words "thermal" and "airflow"), never by parts of words: "o2" is also
in the EEG lead "O2", and "pr" in "Pres".
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hsat.errors import HsatError, MissingChannelError
from hsat.io.channels import CANONICAL_CHANNELS, canonical_channel, simplify_label
from hsat.recording import Note

__all__ = ["BY_PROFILE", "ChannelCandidate", "ChannelMatch", "map_channels", "parse_channel_map"]

BY_PROFILE = "device profile"
"""Why a channel has its name, where the device's profile knows its label."""


class ChannelCandidate(NamedTuple):
    """A channel of a file that may get a canonical name."""

    channel: int
    label: str
    transducer: str
    rate_hz: float


class ChannelMatch(NamedTuple):
    """A channel of a file and the name it got; ``mapped_by`` says why, in words."""

    channel: int
    name: str
    mapped_by: str


VETO_WORDS = frozenset(
    [
        "imp",
        "impedance",
        "impédance",
        "quality",
        "qual",
        "status",
        "stat",
        "valid",
        "limitation",
        "flowlim",
        "lim",
        "phase",
        "waveform",
        "wave",
        "pleth",
        "pletho",
        "ppg",
        "plethysmogram",
        "battery",
        "amplitude",
        "index",
        "ratio",
        "event",
        "events",
        "marker",
        "limit",
        "alarm",
        "temperature",
        "gain",
        "delta",
        "envelope",
        "light",
        "stage",
        "angle",
    ]
)
"""Words of channels that are *about* another one (its quality, impedance, waveform), not it."""

LAST_RESORT = {
    "resp": "thorax",
    "resp 1": "thorax",
    "respiration": "thorax",
    "effort": "thorax",
    "resp effort": "thorax",
}
"""Labels that do not name their sensor; taken for a chest belt where nothing better is there."""

TRANSDUCER_WORDS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset(("thermistor", "thermistors", "thermocouple", "thermal")), "thermistor"),
    (frozenset(("cannula", "prongs")), "nasal_pressure"),
)
"""What a transducer text adds to a label that says no more than "flow"."""

LAST_RESORT_RANK = 3

_BY_ALIAS = {alias: row.name for row in CANONICAL_CHANNELS for alias in row.aliases}


def parse_channel_map(entries: Sequence[str]) -> dict[str, str]:
    """Turn ``CANONICAL=LABEL`` texts into a mapping.

    Raises
    ------
    HsatError
        Where an entry has no ``=`` or an unknown canonical name, or where a name or a label is
        given twice.
    """
    mapping: dict[str, str] = {}
    for entry in entries:
        name, separator, label = entry.partition("=")
        if not separator or not label.strip():
            raise HsatError(f"--map {entry!r}: expected CANONICAL=LABEL, such as spo2=SaO2")
        name, label = name.strip(), label.strip()
        try:
            canonical_channel(name)
        except HsatError as error:
            raise HsatError(f"--map: {error}") from error
        if name in mapping:
            raise HsatError(f"--map: expected each canonical name once, got {name} twice")
        mapping[name] = label
    _refuse_shared_labels(mapping)
    return mapping


def _refuse_shared_labels(channel_map: Mapping[str, str]) -> None:
    """One sensor under two names would be counted as two that agree."""
    first: dict[str, str] = {}
    for name, label in channel_map.items():
        if label in first:
            raise HsatError(f"--map: expected each label once, got {label!r} for {first[label]} and {name}")
        first[label] = name


def map_channels(
    candidates: Sequence[ChannelCandidate],
    *,
    channel_map: Mapping[str, str],
    profile_labels: Mapping[str, str],
    path: str,
    notes: list[Note],
) -> tuple[ChannelMatch, ...]:
    """Give canonical names to the channels of a file, each name at most once.

    The order: the user's map, the device profile's labels, aliases of the whole label, words.
    Among channels with the same claim the faster one wins, then the first; a note names the others.
    A channel too slow for its name gets none, whoever gave it, and a note.

    Parameters
    ----------
    candidates : sequence of ChannelCandidate
        Signal channels of the file.
    channel_map : mapping of str to str
        Canonical name to label, from the user.
    profile_labels : mapping of str to str
        Simplified label to canonical name, from the device profile; ``""`` means none.
    path : str
        For error messages.
    notes : list of Note
        Choices between several channels, and channels that are too slow, are added here.

    Returns
    -------
    tuple of ChannelMatch
        In the file's order.

    Raises
    ------
    HsatError
        Where `channel_map` holds an unknown canonical name, or one channel under two names.
    MissingChannelError
        Where `channel_map` asks for a label that is not in the file.
    """
    _refuse_shared_labels(channel_map)
    chosen = _by_map(candidates, channel_map, path, notes)
    taken = {match.channel for match in chosen.values()}
    claims: dict[str, list[tuple[int, float, int, ChannelMatch]]] = {}
    for candidate in candidates:
        claim = _claim(candidate, profile_labels) if candidate.channel not in taken else None
        if claim is None or _is_too_slow(candidate, claim[1].name, notes):
            continue
        rank, match = claim
        claims.setdefault(match.name, []).append((rank, -candidate.rate_hz, candidate.channel, match))
    labels = {candidate.channel: candidate.label for candidate in candidates}
    for name, rivals in claims.items():
        rivals.sort(key=lambda rival: rival[:3])
        if name in chosen:
            continue
        if rivals[0][0] == LAST_RESORT_RANK and any(other in claims for other in ("abdomen", "rip_sum")):
            continue
        chosen[name] = rivals[0][3]
        if len(rivals) > 1 and canonical_channel(name).slowest_hz > 0:
            others = ", ".join(repr(labels[rival[2]]) for rival in rivals[1:])
            notes.append(
                Note(
                    "channel_choice",
                    f"{name} is read from {labels[rivals[0][2]]!r} (channel {rivals[0][2] + 1}), "
                    f"not from {others}",
                )
            )
    # Nothing stands in for a channel the user named, not even where that one is too slow.
    by_channel = {candidate.channel: candidate for candidate in candidates}
    for name in channel_map:
        if _is_too_slow(by_channel[chosen[name].channel], name, notes):
            del chosen[name]
    return tuple(sorted(chosen.values()))


def _by_map(
    candidates: Sequence[ChannelCandidate], channel_map: Mapping[str, str], path: str, notes: list[Note]
) -> dict[str, ChannelMatch]:
    """The channels that the user named, by canonical name."""
    chosen: dict[str, ChannelMatch] = {}
    names: dict[int, str] = {}
    for name, label in channel_map.items():
        canonical_channel(name)
        index = _find_label(candidates, label, path, notes)
        if index in names:
            raise HsatError(f"{path}: --map: {names[index]} and {name} are the same channel, {label!r}")
        names[index] = name
        chosen[name] = ChannelMatch(index, name, "--map")
    return chosen


def _is_too_slow(candidate: ChannelCandidate, name: str, notes: list[Note]) -> bool:
    """Whether a channel cannot be what it is called; a note says so."""
    slowest_hz = canonical_channel(name).slowest_hz
    if not 0.0 < candidate.rate_hz < slowest_hz:
        return False
    notes.append(
        Note(
            "channel_too_slow",
            f"channel {candidate.label!r} has {candidate.rate_hz:.3g} Hz; {name} needs {slowest_hz:g} Hz "
            "or more; left out",
        )
    )
    return True


def _find_label(candidates: Sequence[ChannelCandidate], label: str, path: str, notes: list[Note]) -> int:
    """Channel with this label: exactly, else simplified."""
    found = [c.channel for c in candidates if c.label == label]
    found = found or [c.channel for c in candidates if simplify_label(c.label) == simplify_label(label)]
    if not found:
        present = ", ".join(repr(c.label) for c in candidates[:40]) or "none"
        raise MissingChannelError(f"{path}: --map: no channel is labelled {label!r}; labels here: {present}")
    if len(found) > 1:
        notes.append(
            Note("duplicate_label", f"{len(found)} channels are labelled {label!r}; the first is used")
        )
    return found[0]


def _claim(candidate: ChannelCandidate, profile_labels: Mapping[str, str]) -> tuple[int, ChannelMatch] | None:
    """Rank (0 is best) and match of one channel; None where nothing fits."""
    simple = simplify_label(candidate.label)
    if simple in profile_labels:
        name = profile_labels[simple]
        return (0, ChannelMatch(candidate.channel, name, BY_PROFILE)) if name else None
    name = _BY_ALIAS.get(simple, "")
    rank, why = 1, f"alias '{simple}'"
    if not name:
        words = simple.split()
        name = _by_words(frozenset(words))
        rank, why = 2, f"words of '{simple}'"
    if not name and simple in LAST_RESORT:
        name, rank, why = LAST_RESORT[simple], LAST_RESORT_RANK, f"'{simple}', for want of a better channel"
    if not name:
        return None
    if name == "flow":
        name, why = _refine_flow(candidate.transducer, why)
    return rank, ChannelMatch(candidate.channel, name, why)


def _by_words(words: frozenset[str]) -> str:
    if words & VETO_WORDS:
        return ""
    for row in CANONICAL_CHANNELS:
        for needed in row.words:
            if words.issuperset(needed):
                return row.name
    return ""


def _refine_flow(transducer: str, why: str) -> tuple[str, str]:
    words = frozenset(simplify_label(transducer).split())
    for needed, name in TRANSDUCER_WORDS:
        # The word alone: recorders write serial numbers, and people write names, beside it.
        word = min(words & needed, default="")
        if word:
            return name, f"{why}, transducer '{word}'"
    return "flow", why
