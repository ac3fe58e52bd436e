"""A batch from its first look at the folders to its end: folder, ledger and workers held together."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hsat.batch.executor import Executor, TaskFault
from hsat.batch.files import Listing, list_files
from hsat.batch.folder import BatchFolder
from hsat.batch.outcome import PatientNights, PatientRow, Task, TaskOutcome
from hsat.batch.remote import is_remote
from hsat.batch.runner import BatchStep, Runner
from hsat.batch.settings import BatchOptions, BatchSettings, PageSettings
from hsat.batch.store import FILE_NAME, Store
from hsat.errors import BatchError
from hsat.io.identity import site_key

if TYPE_CHECKING:
    from hsat.batch.page_files import PageFiles

__all__ = ["Batch"]

MOST_PER_PROCESSOR = 4
"""A few workers a processor make up for a slow disk; more only cost memory."""
FEW_PATIENTS = 8
"""So many patients, of some milliseconds each, are summed up without the workers."""


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
        As a `BatchError`, where the address is none of a scheduler, the folder cannot be used, or no
        worker can be started.
    """

    def __init__(self, paths: Sequence[str], settings: BatchSettings, options: BatchOptions) -> None:
        if options.scheduler is not None:
            from hsat.batch.cluster import check_scheduler

            check_scheduler(options.scheduler)
        self.paths = tuple(paths)
        self.options = options
        self.settings = replace(
            settings,
            site_key=_key(settings),
            pages=_page_settings(options),
        )
        self.folder: BatchFolder | None = None
        self.store: Store | None = None
        self._executor: Executor | None = None
        self.n_scored = self.n_failed = 0
        self._run_id = self._n_files = 0
        self._is_changed = True
        self._is_complete = False
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
        if is_remote(out):
            raise BatchError(f"{out}: expected a folder of this machine, got a URL")
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
        run_id = self._run_id = store.begin_run(self.settings, listing)
        self.n_scored = self.n_failed = 0
        self._n_files = max(len(listing.files), self._n_files)
        self._is_complete = False
        try:
            for failure in listing.failures:
                self.n_failed += 1
                yield BatchStep(failure=failure)
            for step in self._steps(store, listing):
                n_steps += step.night is not None or step.failure is not None or step.left_out is not None
                self.n_scored += step.night is not None
                self.n_failed += step.failure is not None
                yield step
            self._is_changed = bool(n_steps) or store.snapshot() != before
            self._is_complete = True
        finally:
            if not self._is_complete:
                self.stop_workers()
            store.end_run(
                run_id, n_scored=self.n_scored, n_failed=self.n_failed, is_complete=self._is_complete
            )

    def _steps(self, store: Store, listing: Listing) -> Iterator[BatchStep]:
        """One pass over the files, and another where nights are dropped of which some files are left."""
        workers, pages = _LazyExecutor(self), self._pages()
        runner = Runner(store, self.settings, workers, is_retrying=self.options.is_retrying, pages=pages)
        yield from runner.run(listing)
        has_rest = store.forget_moved()
        if self.options.is_forgetting:
            has_rest = store.forget_gone() or has_rest
        if has_rest:
            for step in Runner(store, self.settings, workers, pages=pages).run(listing):
                yield replace(step, n_files=0, n_known=0)  # they are counted already

    def export(self, tell: Callable[[int, int], None] | None = None) -> None:
        """Summarise the patients and write all tables, each whole or not at all.

        After a run that was broken off patients get no new pages: the next run makes them.

        Parameters
        ----------
        tell : callable, optional
            Is told, after each patient, how many are summed up and how many there are to sum up.

        Raises
        ------
        HsatError
            As a `BatchError`, where a file cannot be written; the others are written all the same.
        """
        from hsat.batch.publishing import has_tables, publish, tables_words

        store, folder = self._open_store(), self.folder
        if folder is None:
            return
        pages = self._pages() if self._is_complete else None
        wanted = tables_words(self.options)
        is_as_before = not self._is_changed and self._exported == wanted
        is_there = has_tables(folder, self.options) and (pages is None or pages.has_all_patients(store))
        if not (is_as_before and is_there):

            def summarize(patients: Sequence[PatientNights]) -> Iterator[tuple[int, PatientRow]]:
                for n_done, item in enumerate(self._summarize(patients), start=1):
                    if tell is not None:
                        tell(n_done, len(patients))
                    yield item

            lines = self._event_lines(store)
            is_written = False
            try:
                publish(store, folder, self.options, summarize=summarize, event_lines=lines, pages=pages)
                is_written = True
            finally:
                if not is_written:  # what they are still at is nobody's, and no result of a later run
                    self.stop_workers()
        store.note_exported(self._run_id, wanted if self._is_complete else None)

    def _pages(self) -> "PageFiles | None":
        """The pages that are asked for."""
        if self.folder is None or self.settings.pages is None:
            return None
        from hsat.batch.page_files import PageFiles

        return PageFiles(self.folder.path, self.settings.pages)

    def _summarize(self, patients: Sequence[PatientNights]) -> Iterable[tuple[int, PatientRow]]:
        """By the workers, where many patients wait and workers are there, or pages are to be made."""
        from hsat.batch.patients import summarize_here

        is_worth_it = self._executor is not None or (self._is_complete and self.settings.pages is not None)
        if len(patients) <= FEW_PATIENTS or not is_worth_it:
            return summarize_here(patients, self.settings.pages if self._is_complete else None)
        from hsat.batch.pooling import summarize_with

        return summarize_with(self.executor(), self.settings, patients)

    def _event_lines(self, store: Store) -> Iterator[bytes]:
        """By the workers, where they are there and see the ledger: its events are most of the tables."""
        from hsat.batch.event_lines import lines_here, lines_with

        if self._executor is None or self.options.scheduler is not None:
            return lines_here(store)
        return lines_with(self._executor, self.settings, store, os.path.abspath(store.name))  # noqa: PTH100

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


def _page_settings(options: BatchOptions) -> PageSettings | None:
    """Workers of this machine write pages themselves; those of a cluster may not see the folder."""
    if options.out is None or not (options.has_pages or options.has_pdf):
        return None
    return PageSettings(
        has_html=options.has_pages,
        has_pdf=options.has_pdf,
        patient_from=options.patient_from,
        folder=os.path.abspath(options.out) if options.scheduler is None else None,  # noqa: PTH100 - no links
    )


def _key(settings: BatchSettings) -> bytes | None:
    """The site's key, for pseudonyms and recorders; None where none is needed, or workers say why not."""
    if settings.patient is not None:
        return None
    try:
        return site_key()
    except OSError:
        return None
