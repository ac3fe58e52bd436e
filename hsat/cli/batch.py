"""``hsat batch``: folders of recordings to tables, in parallel, going on where it stopped."""

import argparse
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from hsat.cli.batch_progress import BatchProgress
from hsat.cli.faults import (
    EXIT_INTERRUPTED,
    EXIT_NOTHING,
    EXIT_OK,
    EXIT_SOME_FAILED,
    UsageError,
    complain,
    one_line,
    write_result,
)
from hsat.cli.interrupts import Interrupts, noted_interrupts
from hsat.cli.options import add_reading_arguments, add_subject_arguments, check_reading_options
from hsat.errors import BatchError

if TYPE_CHECKING:
    from hsat.batch.files import Listing
    from hsat.batch.outcome import Failure
    from hsat.batch.runner import BatchStep
    from hsat.batch.work import Batch

__all__ = ["add_arguments", "run"]

FAILURES_SHOWN = 20
"""More than these are counted on stderr, and named in failures.csv."""
WATCH_INTERVAL_S = 10.0
MANY_PATIENTS = 50
"""Fewer are summed up before anybody wonders."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="recordings, folders of them, or URLs")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the results and of the ledger")
    parser.add_argument("--jobs", type=_count, metavar="N", help="processes (default: one a processor)")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="work on a Dask cluster; 'local' starts one on this machine"
    )
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed before")
    parser.add_argument(
        "--forget-removed", action="store_true", help="drop results of files that are not there any more"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=600.0, metavar="S", help="a night may take so long (default: 600)"
    )
    parser.add_argument(
        "--pages", action="store_true", help="also write each night and patient as a page, text and JSON"
    )
    parser.add_argument("--pdf", action="store_true", help="also write each night and patient as a PDF")
    parser.add_argument("--parquet", action="store_true", help="also write the tables as Parquet")
    parser.add_argument("--excel", action="store_true", help="also write a workbook, hsat.xlsx")
    parser.add_argument("--watch", action="store_true", help="go on and score new recordings as they appear")
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=WATCH_INTERVAL_S,
        metavar="S",
        help="with --watch: look again after so long (default: 10)",
    )
    parser.add_argument(
        "--patient-from",
        choices=("code", "folder"),
        default="code",
        help="whose nights are one patient's: by the file's code (default), or by folder",
    )
    add_reading_arguments(parser)
    add_subject_arguments(parser)


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) < 5 else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 9999, got {text!r}")
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds <= 1e6:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, up to 1000000, got {text!r}")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Score what is new, write the tables, print a summary; returns the exit code."""
    from hsat.batch.settings import BatchOptions, BatchSettings
    from hsat.batch.work import Batch
    from hsat.rules.load import load_rules

    settings = BatchSettings(
        rules=load_rules(arguments.rules),
        device=arguments.device,
        channel_map=dict(arguments.map),
        patient=arguments.patient,
        keep_identifiers=arguments.keep_identifiers,
        therapy=arguments.therapy,
        age_years=arguments.age,
        sex=arguments.sex,
    )
    check_reading_options(arguments)
    options = BatchOptions(
        out=arguments.out,
        n_workers=arguments.jobs,
        scheduler=arguments.scheduler,
        night_timeout_s=arguments.timeout,
        is_retrying=arguments.retry_failed,
        is_forgetting=arguments.forget_removed,
        patient_from=arguments.patient_from,
        has_pages=arguments.pages,
        has_pdf=arguments.pdf,
        has_parquet=arguments.parquet,
        has_workbook=arguments.excel,
    )
    try:
        batch = Batch(arguments.paths, settings, options)
    except BatchError as error:
        raise UsageError(str(error)) from error
    with noted_interrupts() as interrupts, ExitStack() as stack:
        try:
            work = stack.enter_context(batch)
        except BatchError as error:
            raise UsageError(f"--out {error}") from error
        if arguments.watch:
            return _watch(work, arguments, interrupts)
        return _work(work, work.list(), interrupts)


def _work(work: "Batch", listing: "Listing", interrupts: Interrupts) -> int:
    """One pass over the files: score, write the tables, say what came of it."""
    is_interrupted = is_broken_off = False
    error: BatchError | None = None
    tally = _Tally()
    with BatchProgress(len(listing.files)) as progress:
        try:
            for step in work.run(listing):
                tally.add(step)
                if step.failure is not None:
                    tally.tell(step.failure, progress)
                progress.advance(step.n_files, n_known=step.n_known)
                interrupts.check()
        except KeyboardInterrupt:
            is_interrupted = is_broken_off = True
        except BatchError as fault:
            error, is_broken_off = fault, True
    try:
        _export(work)
    except BatchError as fault:
        error = error or fault
    work.stop_workers()
    if error is not None:
        complain(one_line(error))
    n_nights, n_failures = work.counts()
    write_result(tally.summary(work, n_nights, n_failures, is_broken_off=is_broken_off))
    if is_interrupted:
        complain("interrupted: what was finished is kept; the same command goes on from here")
        return EXIT_INTERRUPTED
    if n_nights == 0:
        return EXIT_NOTHING
    return EXIT_SOME_FAILED if n_failures or error is not None else EXIT_OK


def _export(work: "Batch") -> None:
    """Write the tables; where many patients are summed up first, show how far that is."""
    with ExitStack() as stack:
        bars: list[BatchProgress] = []

        def tell(_: int, n_patients: int) -> None:
            if n_patients < MANY_PATIENTS:
                return
            if not bars:
                bars.append(stack.enter_context(BatchProgress(n_patients, "patients")))
            bars[0].advance(1, n_known=0)

        work.export(tell)


class _Tally:
    """What a pass has done."""

    def __init__(self) -> None:
        self.began_s = time.monotonic()
        self.n_scored = self.n_known = self.n_left_out = self.n_failed = 0

    def add(self, step: "BatchStep") -> None:
        self.n_scored += step.night is not None
        self.n_known += step.n_known
        self.n_left_out += step.left_out is not None
        self.n_failed += step.failure is not None

    def tell(self, failure: "Failure", progress: BatchProgress) -> None:
        """Name a failure, until there are many."""
        file = failure.files[0]
        line = failure.error if file in failure.error else f"{file}: {failure.error}"
        if self.n_failed <= FAILURES_SHOWN:
            progress.fail(line)
        elif self.n_failed == FAILURES_SHOWN + 1:
            progress.fail("more failures are named in failures.csv")

    def summary(self, work: "Batch", n_nights: int, n_failures: int, *, is_broken_off: bool) -> str:
        """What stands on stdout at the end."""
        seconds = time.monotonic() - self.began_s
        parts = [f"{_counted(self.n_scored, 'night')} scored in {seconds:.1f} s"]
        if self.n_known:
            parts.append(f"{_counted(self.n_known, 'file')} done before")
        if self.n_left_out:
            parts.append(f"{_counted(self.n_left_out, 'file')} left out")
        parts.append(f"{self.n_failed} failed")
        total = f"{_counted(n_nights, 'night')} and {_counted(n_failures, 'failure')} in {work.options.out}"
        return f"{', '.join(parts)}. Now {total}{' (not finished)' if is_broken_off else ''}.\n"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _watch(work: "Batch", arguments: argparse.Namespace, interrupts: Interrupts) -> int:
    """Pass after pass, until Ctrl-C: each takes the files that have not changed since the last look."""
    from hsat.batch.watching import StableFiles

    stable = StableFiles(arguments.interval)
    code = EXIT_NOTHING
    is_first = True
    try:
        while True:
            listing = stable.look(work.list())
            if is_first or stable.has_news:
                code = _work(work, listing, interrupts)
                if code == EXIT_INTERRUPTED:
                    return code
                is_first = False
                complain(f"watching {', '.join(arguments.paths)}; Ctrl-C ends")
            interrupts.check()
            time.sleep(arguments.interval)
    except KeyboardInterrupt:
        complain("stopped watching")
        return EXIT_OK if code == EXIT_NOTHING else code
