"""How far several nights may be trusted: calibration in simulation, and daily series of treated patients.

    python3 -m benchmarks.nights [--write] [--jobs 2] [--patients 3000] [--data FOLDER]

prints the tables of docs/multi-night.md, or writes them with their plot (--write). Simulations need no
data. The series are ``FOLDER/**/STR.edf``; without them that table stays as it is.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # processes do the work in parallel, not the threads of each

import numpy as np  # noqa: E402

from benchmarks.document import write_blocks  # noqa: E402
from benchmarks.figures import Table  # noqa: E402
from benchmarks.night_studies import (  # noqa: E402
    NIGHTS,
    TRUTHS,
    WINDOWS,
    Judged,
    Window,
    judge_series,
    run_patients,
    run_simulated_series,
)
from benchmarks.nightly_series import VARIATIONS, Series, device_series  # noqa: E402

__all__ = ["calibration_table", "main", "naive_table", "series_table", "simulated_table", "truth_table"]

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "multi-night.md"
PLOT = ROOT / "docs" / "multi-night-calibration.png"
DEFAULT_DATA = ROOT.parent / "shared" / "data" / "real"
N_WRONG_SHARE = 0.15
"""Part of the patients that each of the wrong priors is tried on."""
N_SERIES_EACH = 3
LEAST_NIGHTS = 60
N_BINS = 10


def _share(rows: Sequence[Judged], key: Callable[[Judged], float]) -> float:
    return float(np.mean([key(row) for row in rows])) if rows else float("nan")


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100.0 * value:.1f} %"


def _by_nights(rows: Sequence[Judged]) -> dict[int, list[Judged]]:
    return {k: [row for row in rows if row.n_nights == k] for k in NIGHTS}


def calibration_table(rows: Sequence[Judged]) -> Table:
    """Coverage, predicted and actual misclassification, firm calls, by number of nights."""
    header = [
        "nights",
        "95 % interval covers",
        "next night in its interval",
        "misclassified, predicted",
        "actual",
        "difference, points",
        "firm",
        "firm and right",
        "patients",
    ]
    cells = []
    for k, group in _by_nights(rows).items():
        predicted, actual = _share(group, lambda r: r.p_misclassified), _share(group, lambda r: r.is_wrong)
        firm = [row for row in group if row.is_firm]
        cells.append(
            [
                str(k),
                _percent(_share(group, lambda r: r.is_covered)),
                _percent(_share(group, lambda r: r.is_next_covered)),
                _percent(predicted),
                _percent(actual),
                f"{100.0 * (predicted - actual):+.1f}",
                _percent(len(firm) / len(group)),
                _percent(_share(firm, lambda r: not r.is_wrong)),
                str(len(group)),
            ]
        )
    return Table(header, cells)


def naive_table(rows: Sequence[Judged]) -> Table:
    """How often each rule gives another class than the true one."""
    header = ["nights", "posterior", "pooled AHI", "mean of nights", "worst night"]
    cells = [
        [
            str(k),
            *(
                _percent(_share(group, key))
                for key in (
                    lambda r: r.is_wrong,
                    lambda r: r.is_pooled_wrong,
                    lambda r: r.is_mean_wrong,
                    lambda r: r.is_worst_wrong,
                )
            ),
        ]
        for k, group in _by_nights(rows).items()
    ]
    return Table(header, cells)


def truth_table(studies: dict[tuple[str, str], list[Judged]]) -> Table:
    """The same under truths that are not the prior, at 1, 3 and 7 nights."""
    header = [
        "truth",
        "model",
        "nights",
        "95 % interval covers",
        "next night",
        "misclassified, predicted",
        "actual",
        "firm",
        "firm and right",
    ]
    cells = []
    for (truth, model), rows in studies.items():
        table = calibration_table(rows)
        for row in table.rows:
            if int(row[0]) in WINDOWS:
                cells.append(
                    [TRUTHS[truth].words, model, row[0], row[1], row[2], row[3], row[4], row[6], row[7]]
                )
    return Table(header, cells)


def _window_cells(rows: Sequence[Window]) -> list[str]:
    """Coverage, widths and scores of the default model beside the independent one."""

    def of(model: str, key: Callable[[Window], float]) -> np.ndarray:
        return np.array([key(row) for row in rows if row.model == model], dtype=np.float64)

    def both(key: Callable[[Window], float], spec: str, scale: float = 1.0) -> str:
        means = (scale * of(model, key).mean() for model in ("default", "independent"))
        return " / ".join(format(value, spec) for value in means)

    def ratio(key: Callable[[Window], float]) -> str:
        return f"{np.median(of('default', key)) / np.median(of('independent', key)):.2f}"

    return [
        both(lambda w: w.is_mean_covered, ".0f", 100.0),
        ratio(lambda w: w.mean_width_per_h),
        both(lambda w: w.is_next_covered, ".0f", 100.0),
        ratio(lambda w: w.next_width_per_h),
        both(lambda w: w.log_score, ".2f"),
        both(lambda w: w.is_class_right, ".0f", 100.0),
    ]


WINDOW_HEADER = [
    "long-run mean covered, %",
    "width, times",
    "next night covered, %",
    "width, times",
    "log score of the next night",
    "long-run class called, %",
]


def series_table(series: Sequence[Series]) -> Table:
    """Every window of consecutive nights of the devices' series: default / independent."""
    cells = []
    for one in series:
        rows = judge_series(one, range(len(one.counts)))
        cv = one.ahi_per_h.std(ddof=1) / one.ahi_per_h.mean()
        for k in WINDOWS:
            chosen = [row for row in rows if row.n_nights == k]
            if chosen:
                words = (
                    f"{one.name}: {len(one.counts)} nights, mean {one.ahi_per_h.mean():.1f} /h, CV {cv:.1f}"
                )
                words += "" if len(one.counts) >= LEAST_NIGHTS else " (too short to be asked)"
                cells.append([words, str(k), *_window_cells(chosen)])
    return Table(["series", "nights seen", *WINDOW_HEADER], cells)


def simulated_table(rows: Sequence[Window]) -> Table:
    """The same on simulated series, by variation."""
    cells = []
    for cv in VARIATIONS:
        for k in WINDOWS:
            cells.append(
                [f"{cv:g}", str(k), *_window_cells([r for r in rows if r.cv == cv and r.n_nights == k])]
            )
    return Table(["CV of the rates", "nights seen", *WINDOW_HEADER], cells)


def draw(rows: Sequence[Judged], path: Path) -> None:
    """Stated against actual probability of the classes, and wrong classes by number of nights."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.8), layout="constrained")
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    colours = {1: "#0072B2", 3: "#009E73", 7: "#E69F00", 14: "#D55E00"}
    for k, colour in colours.items():
        group = [row for row in rows if row.n_nights == k]
        stated = np.array([[r.p_normal, r.p_mild, r.p_moderate, r.p_severe] for r in group]).ravel()
        truly = np.eye(4)[[r.true_class for r in group]].ravel()
        bins = np.minimum((stated * N_BINS).astype(int), N_BINS - 1)
        x = [stated[bins == b].mean() for b in range(N_BINS) if (bins == b).any()]
        y = [truly[bins == b].mean() for b in range(N_BINS) if (bins == b).any()]
        left.plot(
            x, y, "o-", color=colour, markersize=4, linewidth=1, label=f"{k} night{'s' if k > 1 else ''}"
        )
    left.set(
        xlabel="stated probability of a class", ylabel="share of patients in it", title="Class probabilities"
    )
    left.legend(frameon=False)
    groups = _by_nights(rows)
    for words, colour, marker, key in (
        ("worst night", "#D55E00", "v", lambda r: r.is_worst_wrong),
        ("mean of nights", "#E69F00", "s", lambda r: r.is_mean_wrong),
        ("posterior", "#0072B2", "o", lambda r: r.is_wrong),
        ("posterior says so itself", "0.3", "x", lambda r: r.p_misclassified),
    ):
        values = [100.0 * _share(group, key) for group in groups.values()]
        style = "--" if marker == "x" else "-"
        right.plot(range(len(NIGHTS)), values, style, marker=marker, color=colour, markersize=5, label=words)
    right.set_xticks(range(len(NIGHTS)), [str(k) for k in NIGHTS])
    right.set(xlabel="nights", ylabel="wrong class, %", title="Misclassified patients", ylim=(0, None))
    right.legend(frameon=False)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    """Print or write the tables; exit status 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--patients", type=int, default=3000, help="simulated patients of the own prior")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="rewrite docs/multi-night.md and its plot")
    options = parser.parse_args(argv)
    own = run_patients("own", "default", options.patients, jobs=options.jobs)
    n_wrong = max(1, int(N_WRONG_SHARE * options.patients))
    others = {
        (truth, model): run_patients(truth, model, n_wrong, jobs=options.jobs)
        for truth, model in (
            ("community", "default"),
            ("double", "default"),
            ("slow", "default"),
            ("steady", "default"),
            ("steady", "independent"),
            ("own", "independent"),
        )
    }
    tables = {
        "calibration": calibration_table(own),
        "rules": naive_table(own),
        "wrong-priors": truth_table(others),
        "simulated-series": simulated_table(run_simulated_series(N_SERIES_EACH, jobs=options.jobs)),
    }
    series = device_series(options.data) if options.data.is_dir() else []
    if series:
        tables["device-series"] = series_table(series)
    if options.write:
        changed = write_blocks(DOCUMENT, {name: table.as_markdown() for name, table in tables.items()})
        draw(own, PLOT)
        print(f"{DOCUMENT.relative_to(ROOT)}: {', '.join(changed) or 'nothing'} changed")
    else:
        for name, table in tables.items():
            print(f"{name}\n{table.as_text()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
