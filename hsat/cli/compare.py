"""``hsat compare``: how well two scorings agree."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

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
from hsat.cli.pairs import FOLDER_ENDINGS, Pair, pair_scorings
from hsat.cli.starts import add_start_argument
from hsat.errors import HsatError, RulesError
from hsat.report.failed import FailedNight
from hsat.report.plain import printable

if TYPE_CHECKING:
    from hsat.agreement.results import NightAgreement
    from hsat.report.agreement_document import Comparison
    from hsat.rules.model import ScoringRules

__all__ = ["add_arguments", "run"]

FORMATS = ("text", "json", "csv")
MAX_HOURS = 72.0
"""A night has fewer; a figure in minutes or seconds is more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    what = "a file, or a folder of them: JSON of hsat score, event table, EDF+, XML, exports of others"
    parser.add_argument("scored", metavar="SCORED", help=f"the scoring to judge: {what}")
    parser.add_argument("reference", metavar="REFERENCE", help="what it is judged by: the same")
    parser.add_argument(
        "--hours",
        type=_hours,
        metavar="H",
        help="monitored hours for a file that does not say its own (default: those of the other file)",
    )
    parser.add_argument(
        "--epoch",
        type=_seconds,
        metavar="S",
        help="also compare epochs of S seconds, as suits a reference that labels epochs",
    )
    add_start_argument(parser)
    parser.add_argument(
        "--rules",
        default="aasm_1b",
        metavar="NAME|PATH",
        help="rule set with the limits of the severity classes (default: aasm_1b)",
    )
    parser.add_argument(
        "--plot", metavar="FILE", help="write the Bland-Altman figure of folders: .png, .svg, .pdf"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="what to print (default: text)")


def _positive(text: str, unit: str, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value <= most:
        raise argparse.ArgumentTypeError(f"expected {unit} above 0 and up to {most:g}, got {text!r}")
    return value


def _hours(text: str) -> float:
    return _positive(text, "hours", MAX_HOURS)


def _seconds(text: str) -> float:
    return _positive(text, "seconds", 3600.0)


def run(arguments: argparse.Namespace) -> int:
    """Compare every pair and print the agreement; returns the exit code."""
    from hsat.rules.load import load_rules

    rules = load_rules(arguments.rules)
    is_folder = _are_folders(arguments.scored, arguments.reference)
    if arguments.plot is not None and not is_folder:
        raise UsageError("--plot: the Bland-Altman figure needs two folders, got two files")
    pairs: list[Pair | FailedNight] = [Pair(arguments.scored, arguments.reference)]
    if is_folder:
        pairs = pair_scorings(arguments.scored, arguments.reference)
        if not pairs:
            endings = ", ".join(FOLDER_ENDINGS)
            complain(f"no scoring in {arguments.scored} or {arguments.reference}: expected files {endings}")
    nights: list[NightAgreement] = []
    failed: list[FailedNight] = []
    for pair in pairs:
        result = pair if isinstance(pair, FailedNight) else _compare(pair, arguments, rules)
        if isinstance(result, FailedNight):
            complain(result.error)
            failed.append(result)
        else:
            nights.append(result)
    comparison = _comparison(nights, failed, rules, is_folder=is_folder)
    if arguments.plot is not None and nights:
        _draw(comparison, arguments.plot)
    write_result(_render(comparison, arguments.format))
    if not nights:
        return EXIT_NOTHING
    return EXIT_SOME_FAILED if failed else EXIT_OK


def _are_folders(scored: str, reference: str) -> bool:
    try:
        kinds = [Path(path).is_dir() for path in (scored, reference)]
    except (OSError, ValueError):  # a name too long, or with a NUL: reading will say so
        return False
    if kinds[0] != kinds[1]:
        words = ["a folder" if is_folder else "a file" for is_folder in kinds]
        raise UsageError(
            f"SCORED and REFERENCE: expected two files or two folders, got {words[0]} and {words[1]}"
        )
    return kinds[0]


def _compare(
    pair: Pair, arguments: argparse.Namespace, rules: "ScoringRules"
) -> "NightAgreement | FailedNight":
    """One pair: its agreement, or its error as one line; the other pairs go on."""
    from hsat.agreement import compare_nights
    from hsat.io.scorings import read_scoring_pair

    try:
        scored, reference = read_scoring_pair(pair.scored, pair.reference, start_local=arguments.start)
        return compare_nights(scored, reference, hours=arguments.hours, epoch_s=arguments.epoch, rules=rules)
    except (UsageError, RulesError):
        raise
    except REPORTED_ERRORS as error:
        if arguments.debug and not isinstance(error, HsatError):
            raise
        line = one_line(error)
        is_named = any(printable(path) in line for path in pair)
        return FailedNight(file=pair.scored, error=line if is_named else f"{pair.scored}: {line}")


def _comparison(
    nights: "list[NightAgreement]", failed: list[FailedNight], rules: "ScoringRules", *, is_folder: bool
) -> "Comparison":
    from hsat.agreement import summarize_agreement
    from hsat.report.agreement_document import Comparison

    return Comparison(
        nights=tuple(nights),
        failed=tuple(failed),
        cohort=summarize_agreement(nights) if is_folder else None,
        rules_id=rules.rules_id,
    )


def _render(comparison: "Comparison", form: str) -> str:
    from hsat.report.agreement import comparison_text
    from hsat.report.agreement_document import comparison_csv, comparison_json

    if form == "json":
        return comparison_json(comparison)
    return comparison_csv(comparison) if form == "csv" else comparison_text(comparison)


def _draw(comparison: "Comparison", path: str) -> None:
    if comparison.cohort is None:
        return
    try:
        comparison.cohort.plot().savefig(path)
    except (OSError, ValueError) as error:  # ValueError: an ending that matplotlib does not know
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--plot {path}: cannot be written: {reason}") from error
