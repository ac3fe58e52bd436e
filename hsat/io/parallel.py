"""Files that a device writes side by side, flow and oximetry apart, become one recording a session."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hsat.io.normalize import COMPANION_CODE
from hsat.recording import Note, Recording
from hsat.sessions import join_side_by_side

__all__ = ["join_parallel"]


def join_parallel(recordings: Sequence[Recording]) -> list[Recording]:
    """Join what one recorder stored side by side, by the times in the headers.

    A file that overlaps one file of the kind that sets the clock belongs to it. One that overlaps
    several, or none, stays on its own; nothing is guessed.

    Parameters
    ----------
    recordings : sequence of Recording
        Of one folder. Those whose device writes one file a recording, and those without a start or
        without data, are handed back as they are.

    Returns
    -------
    list of Recording
        In the order in which their first files came; of joined ones `source.parts` names all files,
        and a note says so.
    """
    is_timed = [
        r.source.stream is not None and r.start_local is not None and r.duration_s > 0 for r in recordings
    ]
    leaders = [r for r, timed in zip(recordings, is_timed, strict=True) if timed and r.source.stream == 0]
    followers: dict[int, list[Recording]] = {}
    joined: list[Recording] = []
    alone: set[int] = set()
    for recording, timed in zip(recordings, is_timed, strict=True):
        if not timed or recording.source.stream == 0:
            continue
        own = [leader for leader in leaders if _is_same_recorder(leader, recording)]
        own = [leader for leader in own if _overlap_s(leader, recording) > 0]
        if len(own) == 1 and _is_first_of_kind(followers.get(id(own[0]), ()), recording):
            followers.setdefault(id(own[0]), []).append(recording)
        else:
            alone.add(id(recording))
    for recording, timed in zip(recordings, is_timed, strict=True):
        if not timed or id(recording) in alone:
            joined.append(recording)
        elif recording.source.stream == 0:
            beside = sorted(followers.get(id(recording), []), key=lambda r: r.source.stream or 0)
            joined.append(_join(recording, beside))
    return joined


def _is_same_recorder(one: Recording, other: Recording) -> bool:
    return (one.device.profile, one.device.recorder, one.subject.patient) == (
        other.device.profile,
        other.device.recorder,
        other.subject.patient,
    )


def _is_first_of_kind(taken: Iterable[Recording], recording: Recording) -> bool:
    return all(other.source.stream != recording.source.stream for other in taken)


def _overlap_s(one: Recording, other: Recording) -> float:
    (start, stop), (other_start, other_stop) = _times(one), _times(other)
    return (min(stop, other_stop) - max(start, other_start)).total_seconds()


def _times(recording: Recording) -> tuple[datetime, datetime]:
    start = recording.start_local or datetime.min
    return start, start + timedelta(seconds=recording.duration_s)


def _join(leader: Recording, beside: Sequence[Recording]) -> Recording:
    if not beside:
        return leader
    plain = [
        replace(r, notes=tuple(note for note in r.notes if note.code != COMPANION_CODE))
        for r in (leader, *beside)
    ]
    kinds = ", ".join(Path(r.source.path).stem.rsplit("_")[-1] for r in plain)
    joined = join_side_by_side(plain)
    note = Note("files_side_by_side", f"files that the device recorded side by side are joined: {kinds}")
    return replace(joined, notes=(*joined.notes, note))
