"""How right the scoring is: planted nights, simulations, real recordings, beside what is asked.

Run from the project's folder: ``python -m benchmarks.accuracy [--data FOLDER] [--only SET...]
[--json | --markdown | --write]``. ``FOLDER`` holds ``planted`` and ``real``; what is absent is skipped.
``--write`` puts every table into the marked parts of ``docs/accuracy.md`` and ``README.md``.
"""

import argparse
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.document import write_blocks
from benchmarks.figures import Figure, Table, figure_table
from benchmarks.hard.table import table as hard_table
from benchmarks.label_tables import ap_missed_table, ap_table, disagreement_table, place_table, stage_table
from benchmarks.planted_nights import TrueNight, evaluate_fresh, evaluate_simulations, planted_nights
from benchmarks.planted_tables import (
    class_table,
    planted_table,
    readme_table,
    severity_figures,
    severity_lines,
    summary_lines,
    truth_figures,
)
from benchmarks.real_nights import AP, RESMED, SLP60, UCD, RealNight, epoch_kappas, read_nights
from benchmarks.real_tables import (
    DEFAULT_RULES,
    DEVICE_RULES,
    epoch_table,
    fall_table,
    of_set,
    rate_table,
    real_figures,
    resmed_reasons,
    resmed_table,
)
from benchmarks.simulations import N_FRESH

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_DATA = ROOT.parent / "shared" / "data"
DOCUMENTS = (ROOT / "docs" / "accuracy.md", ROOT / "README.md")

PLANTED, SIMULATED, FRESH, REAL, HARD = "planted", "simulated", "fresh", "real", "hard"
SETS = (PLANTED, SIMULATED, FRESH, REAL, HARD)
TITLES = {
    PLANTED: "planted nights",
    SIMULATED: "simulations of named difficulties",
    FRESH: "fresh simulations",
}

HARD_FIRST_SEED, N_HARD_SEEDS = 90000, 20
"""Seeds of the hard cases that were not used while the detector was made: some of 0 to 6999 were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured.

    Attributes
    ----------
    truth : mapping of str to mapping of str to TrueNight
        Nights by name, by set: planted, simulated, fresh.
    real : mapping of str to list of RealNight
        By rule set; empty where there are none.
    hard : list of str
        Lines of the table of hard cases.
    """

    truth: Mapping[str, Mapping[str, TrueNight]] = field(default_factory=dict)
    real: Mapping[str, Sequence[RealNight]] = field(default_factory=dict)
    hard: Sequence[str] = ()


def measure(data: Path, sets: Collection[str], fresh: range = range(N_FRESH)) -> Measured:
    """Score what is asked for and there.

    Parameters
    ----------
    data : Path
        Folder with ``planted`` and ``real``.
    sets : collection of str
        Of `SETS`.
    fresh : range
        Which of the fresh simulations.
    """
    truth: dict[str, dict[str, TrueNight]] = {}
    real: dict[str, list[RealNight]] = {}
    if PLANTED in sets and (data / "planted").is_dir():
        truth[PLANTED] = planted_nights(data / "planted")
    if SIMULATED in sets:
        truth[SIMULATED] = evaluate_simulations()
    if FRESH in sets:
        truth[FRESH] = evaluate_fresh(fresh)
    if REAL in sets and (data / "real").is_dir():
        real = {rules: read_nights(data / "real", rules) for rules in (DEVICE_RULES, DEFAULT_RULES)}
    hard = list(hard_table(N_HARD_SEEDS, HARD_FIRST_SEED)) if HARD in sets else []
    return Measured(truth=truth, real=real, hard=hard)


def all_figures(measured: Measured) -> list[Figure]:
    """Everything that is asked, measured or not."""
    figures = []
    for name, nights in measured.truth.items():
        figures += truth_figures(TITLES[name], nights)
        if name == FRESH:
            figures += severity_figures(TITLES[name], nights)
    if measured.real:
        figures += real_figures(measured.real)
    return figures


def tables(measured: Measured) -> dict[str, Table]:
    """Every table by the name of its part in the document."""
    found: dict[str, Table] = {}
    for name, nights in measured.truth.items():
        found[name] = class_table(nights) if name == FRESH else planted_table(nights)
    if measured.real:
        default = measured.real[DEFAULT_RULES]
        found["rates"] = rate_table(default)
        if of_set(default, RESMED):
            found["resmed"] = resmed_table(measured.real)
            found["resmed-reasons"] = resmed_reasons(measured.real)
        if of_set(default, AP):
            found["ap"] = ap_table(of_set(default, AP))
            found["ap-missed"] = ap_missed_table(of_set(default, AP))
            found["ap-places"] = place_table(of_set(default, AP))
            found["ap-ours"] = stage_table(of_set(default, AP))
        if of_set(default, UCD):
            found["ucd"] = fall_table(of_set(default, UCD))
        for night in of_set(default, SLP60):
            found["slp60"] = epoch_table(epoch_kappas(night))
            found["slp60-epochs"] = disagreement_table(night)
    return found


def sentences(measured: Measured) -> dict[str, list[str]]:
    """What is said below a table of nights with their truth, by the name of the part."""
    found = {f"{name}-summary": summary_lines(nights) for name, nights in measured.truth.items()}
    if FRESH in measured.truth:
        found[f"{FRESH}-classes"] = severity_lines(measured.truth[FRESH])
    return found


def blocks(measured: Measured) -> dict[str, str]:
    """Every part of the documents that can be written from what was measured."""
    parts = {name: table.as_markdown() for name, table in tables(measured).items()}
    parts |= {name: "\n".join(f"- {line}" for line in lines) for name, lines in sentences(measured).items()}
    if set(TITLES) <= measured.truth.keys() and measured.real:  # a part of the figures is no such table
        parts["targets"] = figure_table(all_figures(measured)).as_markdown()
    if measured.hard:
        parts[HARD] = "\n".join(measured.hard)
    if {PLANTED, FRESH} <= measured.truth.keys():
        chosen = {TITLES[name]: measured.truth[name] for name in (PLANTED, FRESH)}
        parts["accuracy"] = readme_table(chosen).as_markdown()
    return parts


def figures_json(measured: Measured) -> list[dict[str, Any]]:
    """The figures unrounded."""
    return [
        {
            "nights": x.nights,
            "what": x.what,
            "value": x.estimate.value,
            "ci95": x.estimate.ci95,
            "reason": x.estimate.reason,
            "asked": x.asked,
            "is_upper_limit": x.is_upper_limit,
            "of": x.n,
            "is_met": x.is_met,
        }
        for x in all_figures(measured)
    ]


def print_all(measured: Measured) -> None:
    """Tables as text, the one of what is asked last."""
    said = sentences(measured)
    for name, table in tables(measured).items():
        print(f"\n{name}\n{table.as_text()}")
        for lines in (said.get(f"{name}-summary", []), said.get(f"{name}-classes", [])):
            print(*lines, sep="\n")
    if measured.hard:
        print("", HARD, *measured.hard, sep="\n")
    if figures := all_figures(measured):
        print(f"\nmeasured and asked\n{figure_table(figures).as_text()}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print or write; exit status 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--only", choices=SETS, nargs="+", help="sets to measure; by default all but hard")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print the figures unrounded")
    how.add_argument("--markdown", action="store_true", help="print the parts of the documents")
    how.add_argument("--write", action="store_true", help="rewrite the documents with what is measured")
    options = parser.parse_args(argv)
    default = SETS if options.write else [name for name in SETS if name != HARD]
    measured = measure(options.data, options.only or default)
    if options.json:
        json.dump(figures_json(measured), sys.stdout, indent=1)
        print()
    elif options.write:
        for path in DOCUMENTS:
            changed = write_blocks(path, blocks(measured))
            print(f"{path.relative_to(ROOT)}: {', '.join(changed) or 'nothing'} changed")
    elif options.markdown:
        for name, body in blocks(measured).items():
            print(f"<!-- begin {name} -->\n{body}\n<!-- end {name} -->\n")
    else:
        print_all(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
