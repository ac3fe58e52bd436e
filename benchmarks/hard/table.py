"""How right the scoring is on hard cases.

``python -m benchmarks.hard.table [--seeds N] [--first-seed N] [--only NAME]``. The cases were made, and
the detector was mended, with seeds from 0 to 6999: take others to see how it does on nights nobody looked at.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.hard.checking import Drawn, Outcome, score_and_compare
from benchmarks.hard.effort_cases import EFFORT_CASES
from benchmarks.hard.flow_cases import FLOW_CASES
from benchmarks.hard.oxygen_cases import OXYGEN_CASES
from benchmarks.hard.strict_cases import STRICT_CASES

ALL_CASES: tuple[Callable[[int], Drawn], ...] = (*FLOW_CASES, *OXYGEN_CASES, *EFFORT_CASES, *STRICT_CASES)

COLUMNS = (
    *("case", "planted", "scored", "recall", "precision"),
    *("start p95 s", "stop p95 s", "fall p95 points", "boundaries off", "kind wrong", "fall wrong"),
    *("falls from 4 points", "missed", "false"),
)
"""Falls from 4 points are those of the ODI4, whatever breathing did."""


def evaluate(case: Callable[[int], Drawn], n_seeds: int, first_seed: int = 0) -> Outcome:
    """All nights of a case."""
    total = Outcome()
    for seed in range(first_seed, first_seed + n_seeds):
        outcome = score_and_compare(case(seed))
        outcome.problems = [f"seed {seed}: {text}" for text in outcome.problems + outcome.fall_problems]
        total.add(outcome)
    return total


def row(name: str, x: Outcome) -> str:
    """One line of the table."""
    recall = f"{x.n_matched / x.n_true:.3f}" if x.n_true else "-"
    precision = f"{x.n_matched / x.n_scored:.3f}" if x.n_scored else "-"
    errors = [
        f"{np.percentile(np.abs(values), 95):.1f}" if values else "-"
        for values in (x.start_errors_s, x.stop_errors_s, x.drop_errors_points)
    ]
    cells = [name, x.n_true, x.n_scored, recall, precision, *errors, x.n_boundaries, x.n_kinds, x.n_drops]
    cells += [x.n_falls, x.n_falls_missed, x.n_falls_false]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(
    n_seeds: int, first_seed: int, only: Sequence[str] | None = None, *, is_verbose: bool = False
) -> Iterator[str]:
    """Lines of the table, each as soon as its case is done; with what went wrong where asked for."""
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|" + "---|" * len(COLUMNS)
    total = Outcome()
    for case in ALL_CASES:
        if only and case.__name__ not in only:
            continue
        outcome = evaluate(case, n_seeds, first_seed)
        yield row(case.__name__.replace("_", " "), outcome)
        if is_verbose:
            yield from outcome.problems
        total.add(outcome)
    yield row("all", total)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; with --verbose what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(argv)
    for line in table(options.seeds, options.first_seed, options.only, is_verbose=options.verbose):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
