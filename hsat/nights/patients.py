"""Which nights are one patient's: by code, folder or card, never by a name; contradictions are told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from hsat.errors import HsatError
from hsat.patient import PatientGroup, ScoredNight
from hsat.recording import Note
from hsat.results import NightResult, RecordingInfo

__all__ = ["PATIENT_SOURCES", "group_patients", "overlap_s", "patient_key"]

PATIENT_SOURCES = ("code", "folder")
"""What may tell one patient's nights from another's."""

Night = NightResult | ScoredNight | RecordingInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clues:
    """What tells whose night it is."""

    file: str
    patient: str | None
    recorder: str | None
    is_card: bool
    sex: str | None
    start_local: datetime | None
    duration_s: float


def group_patients(
    nights: Sequence[Night], *, patient: str | None = None, patient_from: str = "code"
) -> tuple[PatientGroup, ...]:
    """Sort nights by patient.

    One patient's are the nights with one patient code, and those on cards of one device, which
    writes them for one patient. A recorder that writes one file a recording goes from patient to
    patient and says nothing. A night that nothing belongs to is a patient of its own.

    Parameters
    ----------
    nights : sequence of NightResult, ScoredNight or RecordingInfo
    patient : str, optional
        All nights are this patient's.
    patient_from : str
        ``"code"``, or ``"folder"``: files of one folder are one patient's, whatever their codes.

    Returns
    -------
    tuple of PatientGroup
        In the order of their first nights. Each night is in one of them.

    Raises
    ------
    HsatError
        Where `patient_from` has another value.

    Notes
    -----
    Names are not looked at: they are spelled in many ways, and dropped on reading. Recorders are
    compared within one process, or one ledger of a batch, alone, see `hsat.recording.DeviceInfo`.
    """
    if patient_from not in PATIENT_SOURCES:
        raise HsatError(f"patient_from: expected one of {', '.join(PATIENT_SOURCES)}, got {patient_from!r}")
    clues = [_clues(night) for night in nights]
    found: dict[tuple[str, str], list[int]] = {}
    for place, item in enumerate(clues):
        key = ("given", patient) if patient is not None else _key(item, place, patient_from)
        found.setdefault(key, []).append(place)
    groups = [
        PatientGroup(
            patient=_called(why, key, [clues[place] for place in members]),
            grouped_by=why,
            members=tuple(members),
            notes=tuple(_contradictions([clues[place] for place in members])),
        )
        for (why, key), members in found.items()
    ]
    return tuple(_with_shared_recordings(groups, clues))


def _clues(night: Night) -> _Clues:
    if isinstance(night, ScoredNight):
        return _Clues(
            file=night.file,
            patient=night.patient,
            recorder=night.recorder,
            is_card=night.is_card,
            sex=night.sex,
            start_local=night.start_local,
            duration_s=night.duration_s,
        )
    recording = night.recording if isinstance(night, NightResult) else night
    return _Clues(
        file=recording.source.path,
        patient=recording.subject.patient,
        recorder=recording.device.recorder,
        is_card=recording.source.stream is not None,
        sex=recording.subject.sex,
        start_local=recording.start_local,
        duration_s=recording.duration_s,
    )


def patient_key(
    *, file: str, patient: str | None, recorder: str | None, is_card: bool, patient_from: str
) -> tuple[str, str] | None:
    """Why and by what a night belongs to others, as `group_patients` sorts it.

    Parameters
    ----------
    file, patient, recorder, is_card
        As of `hsat.patient.ScoredNight`.
    patient_from : str
        ``"code"`` or ``"folder"``.

    Returns
    -------
    (str, str) or None
        ``"card"``, ``"folder"`` or ``"code"``, and what the nights of one patient have in common; None
        where nothing says whose night it is.
    """
    if is_card and recorder is not None and patient is None:
        return "card", recorder  # its files lie in a folder for each date
    if patient_from == "folder":
        return "folder", str(Path(file).parent)
    if patient is not None:
        return "code", patient
    return None


def _key(item: _Clues, place: int, patient_from: str) -> tuple[str, str]:
    key = patient_key(
        file=item.file,
        patient=item.patient,
        recorder=item.recorder,
        is_card=item.is_card,
        patient_from=patient_from,
    )
    return ("alone", str(place)) if key is None else key


def _called(why: str, key: str, members: Sequence[_Clues]) -> str | None:
    if why in ("given", "code"):
        return key
    codes = sorted({item.patient for item in members if item.patient is not None})
    if why == "folder":
        return codes[0] if len(codes) == 1 else Path(key).name or None
    return None


def _contradictions(members: Sequence[_Clues]) -> Iterator[Note]:
    """What speaks against one patient."""
    codes = _first_files({item.patient: item.file for item in reversed(members)})
    if len(codes) > 1:
        words = ", ".join(f"{code} ({file})" for code, file in codes)
        yield Note("patient_conflict", f"taken as one patient, as asked, though the files hold {words}")
    sexes = _first_files({item.sex: item.file for item in reversed(members)})
    if len(sexes) > 1:
        words = ", ".join(f"{sex} ({file})" for sex, file in sexes)
        yield Note("sex_conflict", f"nights of one patient whose files give different sexes: {words}")


def _first_files(files: dict[str | None, str]) -> list[tuple[str, str]]:
    return sorted((key, file) for key, file in files.items() if key is not None)


def _with_shared_recordings(groups: Sequence[PatientGroup], clues: Sequence[_Clues]) -> list[PatientGroup]:
    """A recording that lies under two patients is noted on both: same recorder, start and length."""
    group_of = {place: number for number, group in enumerate(groups) for place in group.members}
    same: dict[tuple[str, datetime, float], list[int]] = {}
    for place, item in enumerate(clues):
        if item.recorder is not None and item.start_local is not None:
            same.setdefault((item.recorder, item.start_local, item.duration_s), []).append(place)
    told: dict[int, list[Note]] = {}
    for places in same.values():
        numbers = sorted({group_of[place] for place in places})
        if len(numbers) > 1:
            files = ", ".join(clues[place].file for place in places)
            text = f"one recording under {len(numbers)} patients, by its recorder and clock: {files}"
            for number in numbers:
                told.setdefault(number, []).append(Note("recording_conflict", text))
    return [
        replace(group, notes=(*group.notes, *told[number])) if number in told else group
        for number, group in enumerate(groups)
    ]


def overlap_s(one: "_Clues | ScoredNight", other: "_Clues | ScoredNight") -> float:
    """Seconds that two recordings have in common by their clocks; 0 where either has none."""
    if one.start_local is None or other.start_local is None:
        return 0.0
    start = max(one.start_local, other.start_local)
    stop = min(
        one.start_local + timedelta(seconds=one.duration_s),
        other.start_local + timedelta(seconds=other.duration_s),
    )
    return max((stop - start).total_seconds(), 0.0)
