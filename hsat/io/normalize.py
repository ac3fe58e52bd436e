"""An EDF file and a device profile become a `Recording`: canonical names, physical values, one clock."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hsat.io.calibration import calibrate, scale_to_percent
from hsat.io.channels import canonical_channel, simplify_label
from hsat.io.devices import DeviceProfile
from hsat.io.edf import EdfFile
from hsat.io.header import EdfChannel
from hsat.io.linearisation import root_taken_by
from hsat.io.mapping import BY_PROFILE, ChannelCandidate, ChannelMatch, map_channels
from hsat.io.rates import RatedChannel, rate_notes
from hsat.io.records import EdfSource, Recoding
from hsat.recording import DeviceInfo, Note, Recording, Signal, SourceFile, Subject

__all__ = ["COMPANION_CODE", "NormalizedFile", "normalize"]

COMPANION_CODE = "device_companion"
"""Code of the note on a file that a device writes beside its recordings: events, settings, summaries."""

RESPIRATION_NAMES = frozenset(
    ("flow", "nasal_pressure", "thermistor", "rip_sum", "rip_flow", "thorax", "abdomen")
)
LONGEST_NIGHT_S = 7 * 86400.0


class NormalizedFile(NamedTuple):
    """A recording, and which channel of the file became which signal.

    Attributes
    ----------
    recording : Recording
    matches : tuple of ChannelMatch
        One for every channel that has a canonical name, signals or not.
    """

    recording: Recording
    matches: tuple[ChannelMatch, ...]


def normalize(
    edf: EdfFile,
    profile: DeviceProfile,
    *,
    channel_map: Mapping[str, str],
    subject: Subject,
    therapy: str | None = None,
    notes: tuple[Note, ...] = (),
) -> NormalizedFile:
    """Bring a file under canonical names, units and one clock.

    Parameters
    ----------
    edf : EdfFile
    profile : DeviceProfile
    channel_map : mapping of str to str
        Canonical name to label, from the user.
    subject : Subject
    therapy : str, optional
        Instead of the profile's.
    notes : tuple of Note
        Put between the file's own notes and those made here.

    Returns
    -------
    NormalizedFile

    Raises
    ------
    HsatError
        Where `channel_map` holds an unknown canonical name.
    MissingChannelError
        Where `channel_map` asks for a label that is not in the file.
    """
    made: list[Note] = list(notes)
    candidates = [
        ChannelCandidate(c.index, c.label, c.transducer, edf.source.rate_hz(c.index))
        for c in edf.channels
        if c.is_signal and c.n_samples_per_record > 0
    ]
    _note_duplicates(candidates, made)
    matches = map_channels(
        candidates, channel_map=channel_map, profile_labels=profile.labels, path=edf.path, notes=made
    )
    made.extend(rate_notes(profile, _rated(matches, edf)))
    matches = _mark_unseen(matches, edf, profile, made)
    source, left_out = _source(edf, profile, matches, made)
    signals = tuple(
        _signal(edf, profile, match, source, made) for match in matches if match.name not in left_out
    )
    made.extend(_companion_notes(edf, profile, signals))
    if edf.duration_s > LONGEST_NIGHT_S and signals:
        made.append(
            Note("long_recording", f"{edf.duration_s / 86400.0:.1f} days in one file; a night is expected")
        )
    recording = Recording(
        signals=signals,
        start_local=edf.start_local,
        duration_s=edf.duration_s,
        gaps_s=edf.gaps_s,
        device=DeviceInfo(
            profile=profile.name,
            name=profile.title,
            therapy=therapy or profile.therapy,
            recorder=edf.recorder,
            oximeter_averaging_s=profile.oximeter_averaging_s,
        ),
        subject=subject,
        source=SourceFile(
            path=edf.path, n_bytes=edf.n_bytes, format=edf.format, stream=profile.stream_of(edf.path)
        ),
        annotations=edf.annotations,
        notes=(*edf.notes, *made),
    )
    return NormalizedFile(recording=recording, matches=matches)


def _note_duplicates(candidates: list[ChannelCandidate], notes: list[Note]) -> None:
    counts: dict[str, int] = {}
    for candidate in candidates:
        counts[candidate.label] = counts.get(candidate.label, 0) + 1
    for label, count in counts.items():
        if count > 1:
            notes.append(Note("duplicate_label", f"{count} channels are labelled {label!r}"))


def _rated(matches: tuple[ChannelMatch, ...], edf: EdfFile) -> list[RatedChannel]:
    """Channels whose name, and so whose rate, is the profile's word."""
    return [
        RatedChannel(edf.channels[match.channel].label, match.name, edf.source.rate_hz(match.channel))
        for match in matches
        if match.mapped_by == BY_PROFILE
    ]


def _mark_unseen(
    matches: tuple[ChannelMatch, ...], edf: EdfFile, profile: DeviceProfile, notes: list[Note]
) -> tuple[ChannelMatch, ...]:
    """Say of channels that got their name by a label from the literature alone that they did."""
    marked: list[ChannelMatch] = []
    unseen: list[str] = []
    for match in matches:
        label = edf.channels[match.channel].label
        is_unseen = match.mapped_by == BY_PROFILE and simplify_label(label) in profile.unseen_labels
        marked.append(match._replace(mapped_by=f"{BY_PROFILE}, from the literature") if is_unseen else match)
        if is_unseen:
            unseen.append(f"{label!r} as {match.name}")
    if unseen:
        notes.append(
            Note(
                "labels_unverified",
                f"device profile {profile.name}: known from the literature, not from a file: "
                f"{', '.join(unseen)}; check them (hsat inspect), --map corrects",
            )
        )
    return tuple(marked)


def _source(
    edf: EdfFile, profile: DeviceProfile, matches: tuple[ChannelMatch, ...], notes: list[Note]
) -> tuple[EdfSource, frozenset[str]]:
    """The samples, position numbers replaced by codes; and the names that cannot be signals."""
    position = next((match for match in matches if match.name == "position"), None)
    if position is None:
        return edf.source, frozenset()
    channel = edf.channels[position.channel]
    if not profile.position_codes:
        notes.append(
            Note(
                "position_unknown",
                f"channel {channel.label!r}: the numbers of this body position are not known; left out",
            )
        )
        return edf.source, frozenset(("position",))
    line = calibrate(
        channel, "position", (), is_inverted=False, is_bdf=edf.format.startswith("BDF"), notes=notes
    )
    stored = tuple(float(round((value - line.offset) / line.gain)) for value in profile.position_codes)
    codes = tuple(float(code) for code in profile.position_codes.values())
    return replace(edf.source, recodings=(Recoding(position.channel, stored, codes),)), frozenset()


def _signal(
    edf: EdfFile, profile: DeviceProfile, match: ChannelMatch, source: EdfSource, notes: list[Note]
) -> Signal:
    channel = edf.channels[match.channel]
    sentinels = profile.sentinels.get(match.name, ())
    calibration = calibrate(
        channel,
        match.name,
        sentinels,
        is_inverted=match.name in profile.inverted,
        is_bdf=edf.format.startswith("BDF"),
        notes=notes,
    )
    if match.name == "spo2":
        calibration = scale_to_percent(
            calibration, source.peek(match.channel), sentinels, channel.label, notes
        )
    if any(recoding.channel == match.channel for recoding in source.recodings):
        calibration = replace(calibration, gain=1.0, offset=0.0)
    unit = _unit(channel, profile, match.name)
    return Signal(
        name=match.name,
        rate_hz=source.rate_hz(match.channel),
        unit=unit,
        n_samples=source.n_samples(match.channel),
        source_label=channel.label,
        source=source,
        source_index=match.channel,
        calibration=calibration,
        mapped_by=match.mapped_by,
        rooted_by=root_taken_by(channel, unit) if match.name == "nasal_pressure" else "",
    )


def _unit(channel: EdfChannel, profile: DeviceProfile, name: str) -> str:
    """The profile's unit, else the channel table's where it is fixed, else the header's."""
    if name in profile.units:
        return profile.units[name]
    fixed = canonical_channel(name).unit
    if fixed in ("%", "bpm", "code"):
        return fixed
    return channel.unit or fixed


def _companion_notes(edf: EdfFile, profile: DeviceProfile, signals: tuple[Signal, ...]) -> list[Note]:
    """What the file is, where it is one of the recorder's files without anything to score."""
    if any(signal.name in RESPIRATION_NAMES or signal.name == "spo2" for signal in signals):
        return []
    stem = Path(edf.path).stem.upper()
    labels = frozenset(simplify_label(channel.label) for channel in edf.channels)
    for companion in profile.companions:
        by_name = any(stem.endswith(suffix.upper()) for suffix in companion.file_suffixes)
        if by_name or any(labels.issuperset(needed) for needed in companion.label_sets):
            return [Note(COMPANION_CODE, companion.text)]
    if not any(channel.is_signal for channel in edf.channels) and edf.annotations:
        return [Note("annotations_only", "the file holds annotations and no signals: nothing to score")]
    return []
