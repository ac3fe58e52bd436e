"""Which recordings make one night, and what of them is only a test of the device."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hsat.recording import Note, Recording
from hsat.sessions import SHORTEST_GAP_S, join_in_a_row, night_of

__all__ = ["TEST_FRAGMENT_S", "GroupedNights", "LeftOut", "group_nights"]

TEST_FRAGMENT_S = 600.0
"""Before the first and after the last longer session of a night, less than this is a test of the
device: nobody falls asleep, breathes steadily for a baseline and gets up again within 10 min. Between
two longer sessions the patient is in bed, and however little was recorded is kept."""


MOST_NAMES = 12
"""Files that a note names; `source.files` has them all."""


class LeftOut(NamedTuple):
    """A file that is no part of any night, and why; of a copy the file it is a copy of."""

    path: str
    reason: str
    original: str | None = None


class GroupedNights(NamedTuple):
    """Recordings, one a night, and what is in none of them."""

    nights: tuple[Recording, ...]
    left_out: tuple[LeftOut, ...]


class _Key(NamedTuple):
    """What recordings share that may be joined."""

    folder: str
    profile: str
    recorder: str | None
    patient: str | None
    layout: tuple[tuple[str, str, float, str], ...]
    night: date


def group_nights(recordings: Sequence[Recording]) -> GroupedNights:
    """Join the sessions of each night, from noon to noon, the pauses kept as gaps.

    Joined is only what lies in one folder and has the same device, the same recorder by its header
    and the same patient: a patient's code, or a card that a device writes for one patient. Files of
    a device that writes one file a recording also need the same channels. Sessions that overlap
    contradict each other: each stays on its own, with a note.

    Parameters
    ----------
    recordings : sequence of Recording
        Each of one session.

    Returns
    -------
    GroupedNights
        Nights in the order in which their first files came. What was joined, left out or in
        conflict is a note of its night.
    """
    groups: dict[_Key | int, list[Recording]] = {}
    for place, recording in enumerate(recordings):
        groups.setdefault(_key(recording) or place, []).append(recording)
    nights: list[Recording] = []
    left_out: list[LeftOut] = []
    for members in groups.values():
        members.sort(key=lambda r: r.start_local.timestamp() if r.start_local else 0.0)
        clashes = _clashes(members)
        if clashes:
            nights.extend(_with_clash(recording, clashes) for recording in members)
            continue
        kept, tests = _trim(members)
        left_out.extend(LeftOut(path, _test_words(test)) for test in tests for path in test.source.files)
        if kept:
            nights.append(_night(kept, tests))
    return GroupedNights(tuple(nights), tuple(left_out))


def _key(recording: Recording) -> _Key | None:
    """None where a recording cannot be joined with any other."""
    is_card = recording.source.stream is not None
    patient = recording.subject.patient
    if recording.start_local is None or recording.duration_s <= 0 or (patient is None and not is_card):
        return None
    if any(note.code == "split_at_noon" for note in recording.notes):
        return None
    layout = sorted((s.name, s.source_label, s.rate_hz, s.unit) for s in recording.signals)
    return _Key(
        folder=str(Path(recording.source.path).parent),
        profile=recording.device.profile,
        recorder=recording.device.recorder,
        patient=patient,
        layout=() if is_card else tuple(layout),
        night=night_of(recording.start_local),
    )


def _clashes(members: Sequence[Recording]) -> list[tuple[Recording, Recording]]:
    """Neighbours in time that overlap."""
    clashes: list[tuple[Recording, Recording]] = []
    longest = members[0]
    for recording in members[1:]:
        if _pause_s(longest, recording) < -SHORTEST_GAP_S:
            clashes.append((longest, recording))
        if _pause_s(longest, recording) > -recording.duration_s:
            longest = recording
    return clashes


def _pause_s(before: Recording, after: Recording) -> float:
    if before.start_local is None or after.start_local is None:
        return 0.0
    return (after.start_local - before.start_local - timedelta(seconds=before.duration_s)).total_seconds()


def _with_clash(recording: Recording, clashes: Sequence[tuple[Recording, Recording]]) -> Recording:
    one, other = clashes[0]
    text = (
        f"not joined with the other files of this night: {_name(one)} and {_name(other)} overlap in time, "
        "which one recorder cannot do"
    )
    return replace(recording, notes=(*recording.notes, Note("night_conflict", text)))


def _trim(members: Sequence[Recording]) -> tuple[list[Recording], list[Recording]]:
    """Sessions of the night, and the short ones before the first and after the last longer one."""
    long = [i for i, recording in enumerate(members) if recording.duration_s >= TEST_FRAGMENT_S]
    if long:
        kept = list(members[long[0] : long[-1] + 1])
        return kept, [*members[: long[0]], *members[long[-1] + 1 :]]
    is_card = members[0].source.stream is not None
    return ([], list(members)) if is_card else (list(members), [])


def _night(kept: Sequence[Recording], tests: Sequence[Recording]) -> Recording:
    night = join_in_a_row(kept)
    notes = list(night.notes)
    if len(kept) > 1:
        pauses_s = [_pause_s(before, after) for before, after in pairwise(kept)]
        names = ", ".join(_name(recording) for recording in kept[:MOST_NAMES])
        names += f" and {len(kept) - MOST_NAMES} more" if len(kept) > MOST_NAMES else ""
        notes.append(
            Note(
                "sessions_joined",
                f"{len(kept)} recordings of one night joined ({names}); the pauses between them, "
                f"{sum(pauses_s) / 60:.0f} min in all, are kept as gaps",
            )
        )
    notes.extend(Note("test_fragment", f"{_name(test)}: {_test_words(test)}") for test in tests)
    return replace(night, notes=tuple(notes))


def _test_words(recording: Recording) -> str:
    return (
        f"{recording.duration_s / 60:.1f} min, less than {TEST_FRAGMENT_S / 60:.0f} min at the edge of a "
        "night: taken for a test of the device"
    )


def _name(recording: Recording) -> str:
    return Path(recording.source.path).name
