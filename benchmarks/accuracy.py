"""How right the scoring is: planted nights, fresh simulations, real recordings.

Run from the project's folder: ``python -m benchmarks.accuracy [--data FOLDER] [--json]
[--only planted|simulated|real]``. ``FOLDER`` holds ``planted`` and ``real``; without it only
simulations are measured.
"""

import argparse
import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import hsat
from benchmarks.matching import Agreement, PlantedEvaluation, evaluate_planted
from benchmarks.simulations import simulated_nights
from hsat.agreement import match_events
from hsat.simulate import truth_document

DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MIN_IOU_FRACTION = 0.2
DESATURATION_LAG_S = 60.0
"""How long after a human event a desaturation may begin and still be taken as its consequence."""


def counted(night: Any) -> list[tuple[float, float, str]]:
    """Events of a result that count in its indices, as plain tuples."""
    return [(e.start_s, e.stop_s, e.kind.value) for e in night.events if e.is_counted]


def evaluate_folder(folder: Path) -> dict[str, PlantedEvaluation]:
    """Score every planted night of a folder and compare it with its truth."""
    results = {}
    for path in sorted(folder.glob("*.edf")):
        truth = json.loads(path.with_suffix(".truth.json").read_text())
        night = hsat.score_night(hsat.read_recording(str(path)))
        results[path.stem] = evaluate_planted(truth, counted(night), ahi_per_h=night.indices.ahi_per_h)
    return results


def evaluate_simulations() -> dict[str, PlantedEvaluation]:
    """Score simulated nights in memory and compare them with their truth."""
    results = {}
    for name, simulated in simulated_nights():
        night = hsat.score_night(simulated.recording)
        truth = truth_document(simulated.truth)
        results[name] = evaluate_planted(truth, counted(night), ahi_per_h=night.indices.ahi_per_h)
    return results


def planted_rows(results: dict[str, PlantedEvaluation]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the planted table, the last row over all nights."""
    header = ["night", "AHI", "truth range", "error", "certain", "scored", "TP", "FP", "FN"]
    header += ["precision", "recall", "F1", "F1@0.5", "near misses", "detached"]
    rows = [planted_row(name, x) for name, x in results.items()]
    total = [total_agreement(results.values(), iou) for iou in (0.2, 0.5)]
    accepted, misses = near_miss_share(results.values())
    n_certain, n_scored, n_on_detached = (
        str(sum(counts))
        for counts in zip(
            *((x.n_certain, x.n_scored, x.n_on_detached) for x in results.values()), strict=True
        )
    )
    error = f"{mean_absolute_error(results.values()):.2f}"
    share = f"{accepted}/{misses} = {percent(accepted, misses)}"
    rows.append(["all", "", "", error, n_certain, n_scored, *agreement_cells(*total), share, n_on_detached])
    return header, rows


def planted_row(name: str, x: PlantedEvaluation) -> list[str]:
    """One night's row of the planted table."""
    ahi, error = (
        "null" if value is None else format(value, spec)
        for value, spec in ((x.ahi_per_h, ".2f"), (x.ahi_error_per_h, "+.2f"))
    )
    limits = "{:.2f}-{:.2f}".format(*x.ahi_range_per_h)
    cells = [name, ahi, limits, error, str(x.n_certain), str(x.n_scored)]
    cells += agreement_cells(x.agreement[0.2], x.agreement[0.5])
    return [*cells, f"{len(x.near_misses_accepted)}/{x.n_near_misses}", str(x.n_on_detached)]


def total_agreement(results: Iterable[PlantedEvaluation], min_iou_fraction: float) -> Agreement:
    """Counts over all nights."""
    total = Agreement(0, 0, 0)
    for result in results:
        total = total.plus(result.agreement[min_iou_fraction])
    return total


def mean_absolute_error(results: Iterable[PlantedEvaluation]) -> float:
    """Mean distance of the AHI to the truth's range, per hour."""
    errors = [abs(x.ahi_error_per_h) for x in results if x.ahi_error_per_h is not None]
    return sum(errors) / len(errors) if errors else math.nan


def near_miss_share(results: Iterable[PlantedEvaluation]) -> tuple[int, int]:
    """Near misses accepted, and all near misses."""
    pairs = [(len(x.near_misses_accepted), x.n_near_misses) for x in results]
    return sum(a for a, _ in pairs), sum(n for _, n in pairs)


def agreement_cells(main: Agreement, strict: Agreement) -> list[str]:
    """Cells TP, FP, FN, precision, recall, F1 and the F1 at the stricter threshold."""
    figures = [main.precision, main.recall, main.f1, strict.f1]
    return [str(count) for count in main] + [f"{x:.3f}" for x in figures]


def percent(part: int, whole: int) -> str:
    """Share in words."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a title, columns as wide as their content."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(f"\n{title}")
    for row in [header, *rows]:
        first, rest = row[0].ljust(widths[0]), zip(row[1:], widths[1:], strict=True)
        print("  ".join([first, *(cell.rjust(width) for cell, width in rest)]).rstrip())


def print_planted(title: str, results: dict[str, PlantedEvaluation]) -> None:
    """Print the table of planted nights with what went wrong below it."""
    print_table(title, *planted_rows(results))
    accepted = Counter(cause for x in results.values() for cause in x.near_misses_accepted)
    kinds = sum((Counter(x.kinds) for x in results.values()), Counter())
    is_same_class = sum(n for (a, b), n in kinds.items() if a.endswith("_apnea") == b.endswith("_apnea"))
    starts = sorted(e for x in results.values() for e in x.start_errors_s)
    stops = sorted(e for x in results.values() for e in x.stop_errors_s)
    print(f"near misses accepted by cause: {dict(accepted.most_common())}")
    print(f"apnea or hypopnea told apart: {percent(is_same_class, kinds.total())} of the matched;", end=" ")
    print(f"exact kind: {percent(sum(n for (a, b), n in kinds.items() if a == b), kinds.total())}")
    for (true, scored), n in kinds.most_common():
        if true != scored:
            print(f"  {true} scored as {scored}: {n}")
    if starts:
        print(f"scored minus true start_s, p5 p50 p95: {quantiles(starts)}; stop_s: {quantiles(stops)}")


def quantiles(ordered: list[float]) -> str:
    """5th, 50th and 95th percentile of a sorted list."""
    return " ".join(
        f"{ordered[min(int(p * len(ordered)), len(ordered) - 1)]:+.1f}" for p in (0.05, 0.5, 0.95)
    )


def read_truth_csv(path: Path) -> list[tuple[float, float, str]]:
    """Rows of a truth CSV ``start_s,stop_s,kind``."""
    with open(path, newline="") as file:
        return [(float(r["start_s"]), float(r["stop_s"]), r["kind"]) for r in csv.DictReader(file)]


def is_apnea(kind: str) -> bool:
    """Whether a kind is one of the apnea kinds."""
    return kind.endswith("_apnea")


def real_rows(folder: Path) -> tuple[list[str], list[list[str]]]:
    """Counts of every real recording that has a truth: apneas, and events with a desaturation."""
    header = ["recording", "hours", "AHI", "ODI3", "ODI4", "true apneas", "ours", "TP", "F1"]
    header += ["true events", "touched by ours", "followed by our desaturation"]
    rows = []
    for csv_path in sorted(folder.glob("*/*.truth.csv")):
        path = csv_path.with_name(csv_path.name.removesuffix(".truth.csv") + ".edf")
        truth = read_truth_csv(csv_path)
        night = hsat.score_night(hsat.read_recording(str(path)))
        ours = counted(night)
        true_apneas = [x[:2] for x in truth if is_apnea(x[2])]
        our_apneas = [x[:2] for x in ours if is_apnea(x[2])]
        pairs = match_events(our_apneas, true_apneas, min_iou_fraction=MIN_IOU_FRACTION)
        apneas = Agreement(len(pairs), len(our_apneas) - len(pairs), len(true_apneas) - len(pairs))
        touched = sum(any(a < stop and b > start for a, b, _ in ours) for start, stop, _ in truth)
        falls = [x.start_s for x in night.desaturations]
        followed = sum(any(a <= s < b + DESATURATION_LAG_S for s in falls) for a, b, _ in truth)
        rows.append(
            [f"{path.parent.name}/{path.stem}", f"{night.monitored.monitoring_h:.2f}"]
            + [
                number(x)
                for x in (night.indices.ahi_per_h, night.indices.odi3_per_h, night.indices.odi4_per_h)
            ]
            + [str(len(true_apneas)), str(len(our_apneas)), str(len(pairs)), f"{apneas.f1:.2f}"]
            + [str(len(truth)), str(touched), str(followed) if night.desaturations else "-"]
        )
    return header, rows


def number(value: float | None) -> str:
    """A rate with one decimal, ``null`` where it is not measured."""
    return "null" if value is None else f"{value:.1f}"


def evaluation_json(results: dict[str, PlantedEvaluation]) -> dict[str, Any]:
    """The figures of one set of nights as plain numbers."""
    total = total_agreement(results.values(), MIN_IOU_FRACTION)
    accepted, misses = near_miss_share(results.values())
    return {
        "mean_absolute_ahi_error_per_h": mean_absolute_error(results.values()),
        "precision": total.precision,
        "recall": total.recall,
        "f1": total.f1,
        "near_misses_accepted": accepted,
        "near_misses": misses,
        "n_on_detached": sum(x.n_on_detached for x in results.values()),
        "nights": {
            name: {
                "ahi_per_h": x.ahi_per_h,
                "range": x.ahi_range_per_h,
                "f1": None if math.isnan(x.f1) else x.f1,
            }
            for name, x in results.items()
        },
    }


def print_markdown(sets: dict[str, dict[str, PlantedEvaluation]]) -> None:
    """Print one row a set of nights, as README.md shows them."""
    print("| nights | events | mean AHI error | precision | recall | F1 (IoU 0.2) | near misses accepted |")
    print("|---|---|---|---|---|---|---|")
    for name, results in sets.items():
        total = total_agreement(results.values(), MIN_IOU_FRACTION)
        n_events = sum(x.n_certain for x in results.values())
        cells = [f"{len(results)} {name}", str(n_events), f"{mean_absolute_error(results.values()):.2f} /h"]
        cells += [f"{total.precision:.3f}", f"{total.recall:.3f}", f"{total.f1:.3f}"]
        print("| " + " | ".join([*cells, percent(*near_miss_share(results.values()))]) + " |")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--only", choices=["planted", "simulated", "real"])
    parser.add_argument(
        "--json", action="store_true", help="print figures of the nights with full truth as JSON"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table of README.md")
    options = parser.parse_args(argv)
    sets: dict[str, dict[str, PlantedEvaluation]] = {}
    if options.only in (None, "planted") and (options.data / "planted").is_dir():
        sets["planted nights"] = evaluate_folder(options.data / "planted")
    if options.only in (None, "simulated"):
        sets["fresh simulations"] = evaluate_simulations()
    if options.json:
        json.dump({name: evaluation_json(results) for name, results in sets.items()}, sys.stdout, indent=1)
        return 0
    if options.markdown:
        print_markdown(sets)
        return 0
    for name, results in sets.items():
        print_planted(name, results)
    if options.only in (None, "real") and (options.data / "real").is_dir():
        print_table("real recordings", *real_rows(options.data / "real"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
