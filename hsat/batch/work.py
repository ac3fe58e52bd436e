"""A batch from its first look at the folders to the tables at its end."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from hsat import __version__
from hsat.batch.executor import Executor, TaskFault
from hsat.batch.exports import (
    TABLE_NAMES,
    read_tables,
    write_csv_tables,
    write_parquet_tables,
    write_workbook,
)
from hsat.batch.files import Listing, list_files
from hsat.batch.folder import BatchFolder, safe_name
from hsat.batch.outcome import PatientNights, PatientRow, StoredNight, Task, TaskOutcome
from hsat.batch.runner import BatchStep, Runner
from hsat.batch.settings import BatchSettings
from hsat.batch.store import FILE_NAME, Store
from hsat.errors import BatchError
from hsat.io.identity import site_key

__all__ = ["NIGHT_TIMEOUT_S", "Batch", "BatchOptions"]

NIGHT_TIMEOUT_S = 600.0
"""A night is scored in a fraction of a second, a very large one from a slow disk in minutes."""

MOST_PER_PROCESSOR = 4
"""A few workers a processor make up for a slow disk; more only cost memory."""
PAGES_FOLDER = "pages"
SHORT_ID = 8
FEW_PATIENTS = 8
"""So many patients, of some milliseconds each, are summed up without the workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """How the work is done, and what is written; no result depends on it.

    Attributes
    ----------
    out : str or None
        Folder of ledger and tables; None keeps the ledger in memory and writes nothing.
    n_workers : int or None
        Processes; None takes as many as there are processors.
    scheduler : str or None
        Address of a Dask scheduler, or ``"local"`` for one of its own; None: processes here.
    night_timeout_s : float
    is_retrying : bool
        Whether files that failed before are tried again.
    is_forgetting : bool
        Whether results of files that are gone are dropped.
    patient_from : str
        ``"code"`` or ``"folder"``: whose nights are one patient's.
    has_pages, has_parquet, has_workbook : bool
        What is written beside the tables.
    """

    out: str | None = None
    n_workers: int | None = None
    scheduler: str | None = None
    night_timeout_s: float = NIGHT_TIMEOUT_S
    is_retrying: bool = False
    is_forgetting: bool = False
    patient_from: str = "code"
    has_pages: bool = False
    has_parquet: bool = False
    has_workbook: bool = False


class Batch:
    """Work on one folder of results; to be used in a ``with`` statement.

    Parameters
    ----------
    paths : sequence of str
        Files, folders, URLs.
    settings : BatchSettings
    options : BatchOptions

    Raises
    ------
    HsatError
        As a `BatchError`, where the folder cannot be used, or no worker can be started.
    """

    def __init__(self, paths: Sequence[str], settings: BatchSettings, options: BatchOptions) -> None:
        self.paths = tuple(paths)
        self.options = options
        self.settings = replace(
            settings,
            site_key=_key(settings),
            has_pages=options.has_pages and options.out is not None,
        )
        self.folder: BatchFolder | None = None
        self.store: Store | None = None
        self._executor: Executor | None = None
        self.n_scored = self.n_failed = 0
        self._run_id = self._n_files = 0
        self._is_changed = True
        self._exported: str | None = None

    def __enter__(self) -> Self:
        try:
            if self.options.out is not None:
                self._check_roots(self.options.out)
                self.folder = BatchFolder(self.options.out)
            self.store = Store(":memory:" if self.folder is None else self.folder.path / FILE_NAME)
        except BatchError:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End workers, ledger and lock, in this order; what was finished is kept."""
        self.stop_workers()
        if self.store is not None:
            self.store.close()
            self.store = None
        if self.folder is not None:
            self.folder.close()
            self.folder = None

    def stop_workers(self) -> None:
        """End the workers; they are started anew when there is work."""
        if self._executor is not None:
            executor, self._executor = self._executor, None
            executor.stop()

    def list(self) -> Listing:
        """Walk the paths; what lies in the folder of results is no recording of anybody."""
        listing = list_files(self.paths)
        if self.folder is None:
            return listing
        own = os.path.realpath(self.folder.path) + os.sep
        files = tuple(
            file for file in listing.files if file.is_named or not os.path.realpath(file.path).startswith(own)
        )
        return listing._replace(files=files)

    def _check_roots(self, out: str) -> None:
        """Results beside the recordings could not be told from them: they get a folder of their own."""
        if not out or "\0" in out:  # the folder itself refuses these
            return
        own = os.path.realpath(out) + os.sep
        for path in self.paths:
            if os.path.isdir(path) and (os.path.realpath(path) + os.sep).startswith(own):  # noqa: PTH112 - long names
                raise BatchError(f"{out}: holds the recordings ({path}): choose a folder of its own")

    def run(self, listing: Listing) -> Iterator[BatchStep]:
        """Score what the listing holds and the ledger does not.

        Parameters
        ----------
        listing : Listing

        Yields
        ------
        BatchStep

        Raises
        ------
        HsatError
            As a `BatchError`, where results cannot be kept, or no worker can work.
        """
        store = self._open_store()
        before, self._exported = store.snapshot(), store.exported()
        self._is_changed = True
        n_steps = 0
        run_id = self._run_id = store.begin_run(self.settings, listing.files, listing.roots, listing.failures)
        self.n_scored = self.n_failed = 0
        self._n_files = max(len(listing.files), self._n_files)
        for failure in listing.failures:
            self.n_failed += 1
            yield BatchStep(failure=failure)
        is_complete = False
        try:
            runner = Runner(
                store,
                self.settings,
                _LazyExecutor(self),
                is_retrying=self.options.is_retrying,
                write_page=self._write_pages if self.settings.has_pages else None,
            )
            for step in runner.run(listing):
                n_steps += step.night is not None or step.failure is not None or step.left_out is not None
                self.n_scored += step.night is not None
                self.n_failed += step.failure is not None
                yield step
            store.forget_moved()
            if self.options.is_forgetting:
                store.forget_gone()
            self._is_changed = bool(n_steps) or store.snapshot() != before
            is_complete = True
        finally:
            if not is_complete:
                self.stop_workers()
            store.end_run(run_id, n_scored=self.n_scored, n_failed=self.n_failed, is_complete=is_complete)

    def export(self) -> None:
        """Summarise the patients and write all tables, each whole or not at all.

        Raises
        ------
        HsatError
            As a `BatchError`, where a file cannot be written; the others are written all the same.
        """
        options = self.options
        wanted = f"{options.patient_from} {options.has_parquet} {options.has_workbook} {__version__}"
        store = self._open_store()
        if not self._is_changed and self._exported == wanted and self._has_tables():
            store.note_exported(self._run_id, wanted)
            return
        self._write_tables(store)
        store.note_exported(self._run_id, wanted)

    def _has_tables(self) -> bool:
        if self.folder is None:
            return True
        names = [f"{name}.csv" for name in TABLE_NAMES] + ["index.html"]
        names += [f"{name}.parquet" for name in TABLE_NAMES] if self.options.has_parquet else []
        names += ["hsat.xlsx"] if self.options.has_workbook else []
        return all((self.folder.path / name).is_file() for name in names)

    def _write_tables(self, store: Store) -> None:
        from hsat.batch.index import write_index
        from hsat.batch.patients import summarize_patients

        summarize_patients(store, patient_from=self.options.patient_from, run=self._summarize)
        folder = self.folder
        if folder is None:
            return
        tables = read_tables(store)
        jobs: list[Callable[[], None]] = [
            lambda: write_csv_tables(folder, tables),
            lambda: write_index(folder, store),
        ]
        if self.options.has_parquet:
            jobs.append(lambda: write_parquet_tables(folder, tables))
        if self.options.has_workbook:
            jobs.append(lambda: write_workbook(folder, tables))
        errors: list[BatchError] = []
        for job in jobs:
            try:
                job()
            except BatchError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _summarize(self, patients: Sequence[PatientNights]) -> Sequence[PatientRow]:
        """By the workers, where they are there and many patients wait."""
        if self._executor is not None and len(patients) > FEW_PATIENTS and not self._executor.n_running:
            from hsat.batch.pooling import summarize_with

            return summarize_with(self._executor, self.settings, patients)
        from hsat.batch.patients import summarize_here

        return summarize_here(patients)

    def counts(self) -> tuple[int, int]:
        """Nights and failures that the ledger holds."""
        store = self._open_store()
        n_nights, n_failures = (
            int(next(store.rows(f"SELECT count(*) FROM {table}"))[0]) for table in ("nights", "failures")
        )
        return n_nights, n_failures

    def executor(self) -> Executor:
        """The workers, started at first need."""
        if self._executor is None:
            self._executor = _start_executor(self.options, self._n_files)
        return self._executor

    def _open_store(self) -> Store:
        if self.store is None:
            raise BatchError("the batch is closed: use it in a with statement")
        return self.store

    def _write_pages(self, night: StoredNight) -> str | None:
        """Write a night's pages; the name says little, and its end makes it unique."""
        if self.folder is None:
            return None
        stem = safe_name(os.path.splitext(os.path.basename(night.files[0]))[0])  # noqa: PTH119, PTH122 - URLs too
        names = []
        for page in night.pages:
            name = f"{PAGES_FOLDER}/{stem}-{night.night_id[:SHORT_ID]}{page.ending}"
            self.folder.write(name, lambda file, page=page: file.write(page.content), is_binary=True)  # type: ignore[misc]
            names.append(name)
        return names[0] if names else None


class _LazyExecutor:
    """Starts the workers with the first task: a batch with nothing to do starts none."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._executor: Executor | None = None

    @property
    def n_running(self) -> int:
        return 0 if self._executor is None else self._executor.n_running

    @property
    def has_room(self) -> bool:
        return self._executor is None or self._executor.has_room

    def submit(self, number: int, task: Task) -> None:
        if self._executor is None:
            self._executor = self._batch.executor()
        self._executor.submit(number, task)

    def collect(self) -> list[tuple[int, TaskOutcome | TaskFault]]:
        return [] if self._executor is None else self._executor.collect()

    def stop(self) -> None:
        self._batch.stop_workers()


def _start_executor(options: BatchOptions, n_files: int) -> Executor:
    """Workers, no more than could have something to do."""
    from hsat.batch.processes import ProcessExecutor, available_processors

    n_processors = available_processors()
    n_workers = min(options.n_workers or n_processors, MOST_PER_PROCESSOR * n_processors, max(n_files, 1))
    if options.scheduler is None:
        return ProcessExecutor(n_workers, night_timeout_s=options.night_timeout_s)
    from hsat.batch.cluster import ClusterExecutor

    return ClusterExecutor(options.scheduler, n_workers, night_timeout_s=options.night_timeout_s)


def _key(settings: BatchSettings) -> bytes | None:
    """The site's key, for pseudonyms and recorders; None where none is needed, or workers say why not."""
    if settings.patient is not None:
        return None
    try:
        return site_key()
    except OSError:
        return None
