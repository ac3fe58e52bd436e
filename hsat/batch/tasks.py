"""What the workers do: open files, join them, score a night, flatten the result, and write its pages."""

import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path

from hsat import __version__
from hsat.batch.folder import UnwrittenError
from hsat.batch.outcome import Failure, FailureKind, StoredNight, Task, TaskOutcome, WaitingNight
from hsat.batch.remote import is_remote, staged
from hsat.batch.rows import stored_night
from hsat.batch.settings import BatchSettings
from hsat.errors import FAULTS, BatchError, HsatError
from hsat.folders import FolderNights, gather_nights
from hsat.io import read_recording
from hsat.io.digest import RunningDigest
from hsat.io.identity import use_site_key
from hsat.io.normalize import COMPANION_CODE
from hsat.io.records import EdfSource
from hsat.io.splitting import split_nights
from hsat.recording import Recording
from hsat.score import score_night

__all__ = ["do_task"]

CHANGED = "the file changed while it was scored; it will be scored anew when the batch runs again"


def do_task(task: Task) -> TaskOutcome:
    """Do one task in a worker process.

    Parameters
    ----------
    task : Task

    Returns
    -------
    TaskOutcome
        Faults of files and of the program are failures in it; nothing is raised for them.

    Raises
    ------
    HsatError
        As a `BatchError`, where this worker runs another version than the process that handed out
        the task, or a page cannot be written: that is wrong for every night.
    """
    if task.settings.hsat_version != __version__:
        raise BatchError(f"a worker runs hsat {__version__}, this is {task.settings.hsat_version}")
    if task.patients:
        from hsat.batch.summaries import summarize_patient

        return TaskOutcome(
            patients=tuple(summarize_patient(patient, task.settings.pages) for patient in task.patients)
        )
    if task.events_of is not None:
        from hsat.batch.event_lines import lines_from_ledger

        return TaskOutcome(event_lines=lines_from_ledger(task.events_of))
    use_site_key(task.settings.site_key)
    try:
        if task.waiting is not None:
            recording = pickle.loads(task.waiting.recording)
            return _scored_outcome(recording, task.waiting.part, task.settings)
        with _local_files(task) as read:
            return _open(task, read)
    except UnwrittenError:
        raise
    except HsatError as error:
        return _failed(task.files, FailureKind.READING, error)
    except FAULTS as error:
        return _failed(task.files, FailureKind.READING, _as_hsat_error(error, task.files[0]))


Reader = Callable[[str], Recording]


@contextmanager
def _local_files(task: Task) -> Iterator[Reader]:
    """How to read the files: where they lie, or from copies that are taken away again."""
    settings = task.settings
    if not is_remote(task.files[0]):
        yield lambda path: _read(path, settings)
        return
    with staged(task.files) as copies:

        def read(path: str) -> Recording:
            recording = _read(copies[path], settings)
            return replace(recording, source=replace(recording.source, path=path))

        yield read


def _read(path: str, settings: BatchSettings) -> Recording:
    return read_recording(
        path,
        device=settings.device,
        channel_map=settings.channel_map,
        patient=settings.patient,
        keep_identifiers=settings.keep_identifiers,
        therapy=settings.therapy,
        age_years=settings.age_years,
        sex=settings.sex,
    )


def _open(task: Task, read: Reader) -> TaskOutcome:
    """Open files and score them, unless they may belong to others or hold several nights."""
    if task.known_sha256 and _is_as_known(task):
        return TaskOutcome(is_unchanged=True)
    remembered: dict[str, Recording] = {}
    if not (task.is_whole or task.is_named):
        path = task.files[0]
        recording = read(path)
        group_key = _group_key(recording) or task.alike_key
        if group_key is not None:
            return TaskOutcome(group_key=group_key)
        remembered[path] = recording
    gathered = _gather(task, lambda path: remembered[path] if path in remembered else read(path))
    failures = tuple(
        Failure(files=(item.path,), kind=FailureKind.READING, error=item.reason) for item in gathered.failed
    )
    found = TaskOutcome(left_out=gathered.left_out, failures=failures)
    parts = _parts(gathered)
    if len(parts) > 1 and not is_remote(task.files[0]):
        return replace(found, waiting=_waiting(gathered, parts))
    for recording, part in zip(gathered, parts, strict=True):  # several only where copies go away
        scored = _scored_outcome(recording, part, task.settings)
        found = replace(
            found, nights=(*found.nights, *scored.nights), failures=(*found.failures, *scored.failures)
        )
    return found


def _is_as_known(task: Task) -> bool:
    """Whether the files hold what an earlier run has scored."""
    with suppress(OSError):  # reading the file says why
        return all(_sha256(path) == task.known_sha256.get(path) for path in task.files)
    return False


def _gather(task: Task, read: Reader) -> FolderNights:
    """A file that the user named is a night by itself, or several; it is never left out in silence."""
    if not task.is_named:
        return gather_nights(task.files, read, is_whole_folder=False)
    recording = read(task.files[0])
    companion = next((note.text for note in recording.notes if note.code == COMPANION_CODE), None)
    if companion is not None:
        raise HsatError(f"{task.files[0]}: no recording to score: {companion}")
    return FolderNights(recordings=split_nights(recording))


def _group_key(recording: Recording) -> str | None:
    """What files of one folder share that may be joined: a device's profile and a patient, or a card.

    Files with different keys are never joined, see `hsat.nights.grouping` and `hsat.io.parallel`.
    """
    patient = recording.subject.patient
    if patient is None and recording.source.stream is None:
        return None
    return f"{recording.device.profile} {patient or ''}"


def _parts(nights: Sequence[Recording]) -> list[int]:
    """Which night of its files each is, from 1."""
    counts: Counter[tuple[str, ...]] = Counter()
    parts = []
    for night in nights:
        counts[night.source.files] += 1
        parts.append(counts[night.source.files])
    return parts


def _waiting(nights: Sequence[Recording], parts: Sequence[int]) -> tuple[WaitingNight, ...]:
    return tuple(
        WaitingNight(files=night.source.files, part=part, recording=pickle.dumps(night))
        for night, part in zip(nights, parts, strict=True)
    )


def _scored_outcome(recording: Recording, part: int, settings: BatchSettings) -> TaskOutcome:
    files = recording.source.files
    try:
        return TaskOutcome(nights=(_score(recording, part, settings),))
    except UnwrittenError:
        raise
    except HsatError as error:
        return _failed(files, FailureKind.SCORING, error, part)
    except FAULTS as error:
        return _failed(files, FailureKind.SCORING, _as_hsat_error(error, files[0]), part)


def _score(recording: Recording, part: int, settings: BatchSettings) -> StoredNight:
    files = recording.source.files
    before = [_stamp(path) for path in files]
    recording, digests = _followed(recording)
    night = score_night(recording, settings.rules)
    sha256 = {path: digest for path in files if (digest := _sha256(path, digests)) is not None}
    stored = stored_night(night, part=part, sha256=sha256, has_lasting_tokens=settings.site_key is not None)
    if settings.pages is not None:
        from hsat.batch.pages import with_pages

        stored = with_pages(stored, night, recording, settings.pages)
    if before != [_stamp(path) for path in files]:
        raise HsatError(f"{files[0]}: {CHANGED}")
    return replace(stored, result=night) if settings.has_results else stored


def _stamp(path: str) -> tuple[int, int] | None:
    if is_remote(path):
        return None
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


def _followed(recording: Recording) -> tuple[Recording, dict[str, RunningDigest]]:
    """The recording, and for each of its files whose samples it reads itself, a digest that follows."""
    sources: dict[int, EdfSource] = {}
    for signal in recording.signals:
        source = signal.source
        if (
            isinstance(source, EdfSource)
            and source.path in recording.source.files
            and not is_remote(source.path)
        ):
            sources[id(source)] = source
    digests: dict[str, RunningDigest] = {}
    for key, source in sources.items():
        digest = digests.setdefault(source.path, RunningDigest(source.path))
        sources[key] = replace(source, digest=digest)
        with suppress(OSError):  # reading the samples says why
            digest.start(source.data_start)
    signals = tuple(
        replace(signal, source=sources.get(id(signal.source), signal.source)) for signal in recording.signals
    )
    return replace(recording, signals=signals), digests


def _sha256(path: str, digests: Mapping[str, RunningDigest] | None = None) -> str | None:
    if is_remote(path):
        return None
    if digests is not None and path in digests:
        return digests[path].hexdigest()
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _failed(files: tuple[str, ...], kind: FailureKind, error: HsatError, part: int = 0) -> TaskOutcome:
    return TaskOutcome(failures=(Failure(files=files, kind=kind, error=str(error), part=part),))


def _as_hsat_error(error: Exception, path: str) -> HsatError:
    if isinstance(error, OSError) and error.strerror:  # it went away, or its disk did
        return HsatError(f"{path}: {error.strerror} while it was scored")
    return HsatError(f"{path}: internal error ({type(error).__name__}: {error})")
