"""``hsat export``: a scoring for other programs."""

import argparse
from pathlib import Path

from hsat.cli.faults import EXIT_OK, UsageError, complain, write_result
from hsat.cli.starts import add_start_argument

__all__ = ["add_arguments", "run"]

FORMATS = ("edf", "csv", "xml", "annot")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "scoring", metavar="SCORING", help="JSON of hsat score, or any scoring that hsat compare reads"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        required=True,
        help="EDF+ with annotations, event table, XML as the NSRR has it, Luna's .annot",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="file to write (default: standard output; EDF+ needs it)"
    )
    add_start_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the scoring and write it; returns the exit code."""
    from hsat.io.scorings import read_scoring
    from hsat.io.scorings.writing import render_scoring, write_scoring

    if arguments.out is None and arguments.format == "edf":
        raise UsageError("--format edf: expected --out FILE with it, got none")
    scoring = read_scoring(arguments.scoring, start_local=arguments.start)
    if arguments.out is not None and _is_same(arguments.scoring, arguments.out):
        raise UsageError(f"--out {arguments.out}: expected another file than SCORING, got the same")
    for note in scoring.notes:
        complain(f"{arguments.scoring}: {note.text}")
    n_not_counted = len(scoring.events) - len(scoring.counted_events)
    if n_not_counted and arguments.format != "csv":
        complain(f"{arguments.scoring}: {n_not_counted} events that do not count are left out")
    if arguments.out is None:
        write_result(render_scoring(scoring, arguments.format).decode("utf-8"))
    else:
        write_scoring(scoring, arguments.out, form=arguments.format)
    return EXIT_OK


def _is_same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):  # no such file yet, or no name of a file
        return False
