"""``hsat deidentify``: copies of recordings without names, dates of birth and codes."""

import argparse

from hsat.cli.faults import (
    EXIT_NOTHING,
    EXIT_OK,
    EXIT_SOME_FAILED,
    REPORTED_ERRORS,
    UsageError,
    complain,
    one_line,
    write_result,
)
from hsat.errors import HsatError
from hsat.report.plain import printable

__all__ = ["add_arguments", "run"]

LARGEST_SHIFT_DAYS = 36_500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="EDF or BDF files; they stay as they are")
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder for the copies, made where missing"
    )
    parser.add_argument(
        "--shift-days",
        type=_days,
        metavar="N",
        help="move the start date by N days, e.g. -100 (default: no date, 01.01.85 as EDF+ asks)",
    )
    parser.add_argument("--patient", metavar="CODE", help="code to write in the place of the patient's own")
    parser.add_argument(
        "--term", action="append", default=[], metavar="TEXT", help="also blank this text; may be repeated"
    )


def _days(text: str) -> int:
    try:
        days = int(text)
    except ValueError:
        days = LARGEST_SHIFT_DAYS + 1
    if abs(days) > LARGEST_SHIFT_DAYS or days == 0:
        raise argparse.ArgumentTypeError(f"expected whole days, not 0, at most 100 years, got {text!r}")
    return days


def run(arguments: argparse.Namespace) -> int:
    """Copy every file and print what was changed; returns the exit code."""
    from hsat.cli.outputs import make_folder
    from hsat.io.deidentification import check_code, deidentify_file

    try:
        check_code(arguments.patient)
    except HsatError as error:
        raise UsageError(f"--{error}") from error
    if any(len(term.strip()) < 2 for term in arguments.term):
        raise UsageError("--term: expected at least two characters")
    folder = make_folder(arguments.out)
    n_done = 0
    for path in arguments.files:
        try:
            copy = deidentify_file(
                path,
                folder,
                shift_days=arguments.shift_days,
                patient=arguments.patient,
                terms=arguments.term,
            )
        except REPORTED_ERRORS as error:
            if arguments.debug and not isinstance(error, HsatError):
                raise
            line = one_line(error)
            complain(line if printable(path) in line else f"{path}: {line}")
            continue
        n_done += 1
        write_result(f"{printable(copy.path)}: {', '.join(copy.changes)}\n")
    if n_done == 0:
        return EXIT_NOTHING
    return EXIT_OK if n_done == len(arguments.files) else EXIT_SOME_FAILED
