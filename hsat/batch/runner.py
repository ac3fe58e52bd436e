"""From a listing of files to results in the ledger: what has to be done, and what came of it."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from hsat.batch.executor import Executor, TaskFault
from hsat.batch.files import FoundFile, Listing
from hsat.batch.outcome import Failure, StoredNight, Task, TaskOutcome, WaitingNight
from hsat.batch.page_files import PageFiles, Unpaged
from hsat.batch.remote import is_remote
from hsat.batch.settings import BatchSettings
from hsat.batch.store import KnownFile, Store
from hsat.batch.writing import FileFate
from hsat.io.duplicates import FileHead, SeenFiles, head_of
from hsat.nights.grouping import LeftOut

__all__ = ["BatchStep", "Runner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStep:
    """Something has come of files.

    Attributes
    ----------
    n_files : int
        Files that are finished with this step.
    n_known : int
        Those of them that an earlier run had finished.
    night : StoredNight or None
    failure : Failure or None
    left_out : LeftOut or None
    """

    n_files: int = 0
    n_known: int = 0
    night: StoredNight | None = None
    failure: Failure | None = None
    left_out: LeftOut | None = None


@dataclass(slots=True, kw_only=True)
class _Folder:
    """Files of one folder that wait for each other, because some of them may make one night."""

    n_opening: int = 0
    is_listed: bool = False
    members: dict[str, list[FoundFile]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class _Unit:
    """Files that are dealt with together: one file, or those of one device and patient in a folder."""

    files: tuple[FoundFile, ...]
    folder: _Folder | None = None
    group_key: str | None = None
    n_open: int = 0
    kept: set[str] = field(default_factory=set)
    scored: set[str] = field(default_factory=set)
    left_out: list[LeftOut] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


class Runner:
    """Brings the ledger up to date with a listing.

    Parameters
    ----------
    store : Store
    settings : BatchSettings
    executor : Executor
    is_retrying : bool
        Whether files that failed before are tried again.
    pages : PageFiles, optional
        Which reports are to be there as files; None where none are asked for.
    """

    def __init__(
        self,
        store: Store,
        settings: BatchSettings,
        executor: Executor,
        *,
        is_retrying: bool = False,
        pages: PageFiles | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.settings_id = settings.settings_id
        self.executor = executor
        self.is_retrying = is_retrying
        self.pages = pages
        self._unpaged = Unpaged()
        self._ready: deque[tuple[_Unit, Task]] = deque()
        self._submitted: dict[int, tuple[_Unit, Task]] = {}
        self._n_submitted = 0
        self._files: dict[str, FoundFile] = {}
        self._places: dict[str, int] = {}
        self._unchanged: set[str] = set()
        self._passed: set[str] = set()
        self._heads: dict[str, FileHead] = {}

    def run(self, listing: Listing) -> Iterator[BatchStep]:
        """Do what is to be done.

        Parameters
        ----------
        listing : Listing
            After `Store.begin_run` with it.

        Yields
        ------
        BatchStep
            As files are finished, in no order.

        Raises
        ------
        HsatError
            As a `BatchError`, where the ledger cannot be written, or no worker can work.
        """
        self._files = {file.path: file for file in listing.files}
        self._places = {path: place for place, path in enumerate(self._files)}
        source = self._open_files(listing.files)
        is_listed = False
        while True:
            while self.executor.has_room and (self._ready or not is_listed):
                if self._ready:
                    self._submit(*self._ready.popleft())
                    continue
                item = next(source, None)
                if item is None:
                    is_listed = True
                elif item.n_files:
                    yield item
            if self.executor.n_running:
                for number, result in self.executor.collect():
                    unit, task = self._submitted.pop(number)
                    yield from self._take(unit, task, result)
            elif is_listed and not self._ready:
                return

    def _submit(self, unit: _Unit, task: Task) -> None:
        self._n_submitted += 1
        self._submitted[self._n_submitted] = (unit, task)
        self.executor.submit(self._n_submitted, task)

    def _open_files(self, files: Sequence[FoundFile]) -> Iterator[BatchStep]:
        """What is known already is passed over; the rest is put in line, a task a file."""
        known = self.store.known_files()
        self._unchanged = {
            path for path, before in known.items() if before.fingerprint == self._files[path].fingerprint
        }
        if self.pages is not None:
            self._unpaged = self.pages.unpaged(self.store)
        seen, anew = SeenFiles(), dict[str, FileHead]()
        for _, items in groupby(files, key=lambda file: file.folder):
            folder = _Folder()
            members = list(items)
            heads = [self._head(file, known.get(file.path)) for file in members]
            counts = Counter(head.sha256 for head in heads if head is not None)
            for file, head in zip(members, heads, strict=True):
                before = known.get(file.path)
                alike_key = None
                if head is not None and counts[head.sha256] > 1 and not file.is_named:
                    alike_key = f"head {head.sha256}"
                if self._is_settled(file, before):
                    if before is not None and before.head_sha256 is None and head is not None:
                        anew[file.path] = head
                    if before is not None and before.fate != "copy":
                        seen.original_by_head(file.path, head)
                    group_key = alike_key if before is None else before.group_key or alike_key
                    if group_key is not None and before is not None and before.fate != "copy":
                        folder.members.setdefault(group_key, []).append(file)
                    self._passed.add(file.path)
                    yield BatchStep(n_files=1, n_known=1)
                    continue
                original = None if file.is_named else seen.original_by_head(file.path, head)
                if original is not None:
                    yield self._leave_copy(file, original, head)
                    continue
                if head is not None:
                    self._heads[file.path] = head
                self._line_up(file, before, folder, alike_key)
                yield BatchStep()
            folder.is_listed = True
            self._join_files(folder)
        if anew:  # read once, not in every run
            self.store.note_heads(anew)

    def _head(self, file: FoundFile, before: KnownFile | None) -> FileHead | None:
        if is_remote(file.path) or not file.fingerprint:
            return None
        if before is not None and before.fingerprint == file.fingerprint and before.head_sha256 is not None:
            return FileHead(before.n_bytes, before.head_sha256)
        return head_of(file.path)

    def _is_settled(self, file: FoundFile, before: KnownFile | None) -> bool:
        """Whether an earlier run has said all there is to say of a file."""
        if before is None or not file.fingerprint or before.fingerprint != file.fingerprint:
            return False
        if before.settings_id != self.settings_id or file.path in self._unpaged.paths:
            return False
        if before.fate == "failed":
            return not self.is_retrying
        if before.fate == "copy":
            return not file.is_named and before.original in self._unchanged
        return before.fate == "scored" or not file.is_named

    def _leave_copy(self, file: FoundFile, original: str, head: FileHead | None) -> BatchStep:
        left_out = LeftOut(file.path, f"the same content as {original}", original)
        fate = FileFate(file, "copy", left_out.reason, original, None, None if head is None else head.sha256)
        self.store.settle([fate], self.settings_id)
        return BatchStep(n_files=1, left_out=left_out)

    def _line_up(
        self, file: FoundFile, before: KnownFile | None, folder: _Folder, alike_key: str | None
    ) -> None:
        folder.n_opening += 1
        unit = _Unit(files=(file,), folder=folder, n_open=1)
        known_sha256: dict[str, str] = {}
        if (
            before is not None
            and before.sha256 is not None
            and before.fate == "scored"
            and before.settings_id == self.settings_id
            and before.n_bytes == file.n_bytes
            and file.path not in self._unpaged.paths
        ):
            known_sha256 = {file.path: before.sha256}
            unit.group_key = before.group_key or alike_key
        task = Task(
            files=(file.path,),
            settings=self.settings,
            alike_key=alike_key,
            is_named=file.is_named,
            known_sha256=known_sha256,
        )
        self._ready.append((unit, task))

    def _join_files(self, folder: _Folder) -> None:
        """Once all files of a folder are opened: those that may belong together, a task a group."""
        if not folder.is_listed or folder.n_opening:
            return
        for key in sorted(folder.changed):
            files = tuple(sorted(folder.members[key], key=lambda file: self._places[file.path]))
            unit = _Unit(files=files, group_key=key, n_open=1)
            task = Task(files=tuple(file.path for file in files), settings=self.settings, is_whole=True)
            self._ready.append((unit, task))
        folder.changed.clear()

    def _take(self, unit: _Unit, task: Task, result: TaskOutcome | TaskFault) -> Iterator[BatchStep]:
        """What came of a task."""
        outcome = self._as_outcome(task, result) if isinstance(result, TaskFault) else result
        folder, unit.folder = unit.folder, None
        if folder is not None:
            folder.n_opening -= 1
        if outcome.group_key is not None and folder is not None:
            folder.members.setdefault(outcome.group_key, []).append(unit.files[0])
            folder.changed.add(outcome.group_key)
        elif outcome.is_unchanged:
            self.store.refresh(unit.files)
            if unit.group_key is not None and folder is not None:
                folder.members.setdefault(unit.group_key, []).append(unit.files[0])
            yield BatchStep(n_files=len(unit.files), n_known=len(unit.files))
        else:
            yield from self._keep(unit, outcome)
        if folder is not None:
            self._join_files(folder)

    def _as_outcome(self, task: Task, fault: TaskFault) -> TaskOutcome:
        files, part = task.files, 0
        if task.waiting is not None:
            files, part = task.waiting.files, task.waiting.part
        error = f"{files[0]}: {fault.reason}"
        return TaskOutcome(failures=(Failure(files=files, kind=fault.kind, error=error, part=part),))

    def _keep(self, unit: _Unit, outcome: TaskOutcome) -> Iterator[BatchStep]:
        """Put nights and failures into the ledger, the files' fates with the last of them."""
        unit.n_open -= 1
        unit.left_out.extend(outcome.left_out)
        unit.failures.extend(outcome.failures)
        for waiting in outcome.waiting:
            if self._is_scored(waiting):
                unit.kept.add(waiting.night_id)
                unit.scored.update(waiting.files)
                continue
            unit.n_open += 1
            task = Task(files=waiting.files, settings=self.settings, waiting=waiting)
            self._ready.appendleft((unit, task))
        is_last = unit.n_open == 0
        for number, night in enumerate(outcome.nights, start=1):
            unit.kept.add(night.night_id)
            unit.scored.update(night.files)
            is_end = is_last and number == len(outcome.nights) and not unit.failures and len(unit.kept) == 1
            self._store_night(night, self._fates(unit) if is_end else ())
            yield BatchStep(night=replace(night, pages=()))
            if is_end:
                yield from self._finish(unit)
                return
        if is_last:
            self._settle(unit)
            yield from self._finish(unit)

    def _is_scored(self, night: WaitingNight) -> bool:
        if night.night_id in self._unpaged.night_ids:
            return False
        return self.store.is_scored(night.night_id, self._fingerprint(night.files), self.settings_id)

    def _store_night(self, night: StoredNight, fates: Sequence[FileFate]) -> None:
        fingerprint = self._fingerprint(night.files)
        if self.pages is not None:
            is_as_before = (
                self.store.is_scored(night.night_id, fingerprint, self.settings_id)
                and self.store.patient_page(night.night_id) == night.patient_page
            )
            self.pages.keep(night.page, night.pages, is_as_before=is_as_before)
        self.store.record_night(night, fingerprint=fingerprint, settings_id=self.settings_id, fates=fates)

    def _fingerprint(self, files: Sequence[str]) -> str:
        return "|".join(self._files[path].fingerprint for path in files)

    def _settle(self, unit: _Unit) -> None:
        """Fates of files without a result, or with several; results of files that are gone are kept."""
        if not any(file.fingerprint for file in unit.files):
            self.store.note_missing([file.path for file in unit.files], unit.failures)
            return
        self.store.settle(self._fates(unit), self.settings_id, kept=unit.kept, failures=unit.failures)

    def _fates(self, unit: _Unit) -> list[FileFate]:
        why = {left.path: left for left in unit.left_out}
        errors = {path: failure.error for failure in unit.failures for path in failure.files}
        fates = []
        for file in unit.files:
            head = self._heads.pop(file.path, None)
            fate, reason, original = "scored", None, None
            if file.path in errors:  # one of several nights may have failed: the file may be tried again
                fate, reason = "failed", errors[file.path]
            elif file.path not in unit.scored:
                if file.path in why:
                    fate, reason, original = "left_out", why[file.path].reason, why[file.path].original
                else:
                    fate, reason = "left_out", "part of no night"
            fates.append(
                FileFate(file, fate, reason, original, unit.group_key, None if head is None else head.sha256)
            )
        return fates

    def _finish(self, unit: _Unit) -> Iterator[BatchStep]:
        for failure in unit.failures:
            yield BatchStep(failure=failure)
        for left_out in unit.left_out:
            yield BatchStep(left_out=left_out)
        n_files = sum(file.path not in self._passed for file in unit.files)  # the others are counted already
        yield BatchStep(n_files=n_files)
