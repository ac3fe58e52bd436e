"""What pages, sheets and estimates cost, beside reading and scoring the night that they show.

Run from the project's folder: ``python -m benchmarks.reports [--runs N] [--files FOLDER]``. Processor
time, the least of several runs after a first one, and as a ratio to reading and scoring.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs

import hsat
from benchmarks.edf_files import night_file
from hsat.report.page import render_page
from hsat.report.patient_page import render_patient_page
from hsat.report.pdf import render_night_pdf, render_patient_pdf

PAGE_LIMIT_MS, PDF_LIMIT_MS = 1500.0, 3000.0
WEEK = [98, 140, 71, 100, 120, 80, 66], [7.0, 7.1, 6.9, 7.0, 7.0, 7.0, 7.0]
"""Events and hours of seven nights."""


def least_ms(work: Callable[[], object], n_runs: int) -> float:
    """Processor time of the cheapest run, milliseconds; a first one that loads libraries is left out."""
    work()
    times = []
    for _ in range(n_runs):
        start_s = time.process_time()
        work()
        times.append(time.process_time() - start_s)
    return 1000.0 * min(times)


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    parser.add_argument("--files", type=Path, default=Path(platformdirs.user_cache_dir("hsat-benchmarks")))
    arguments = parser.parse_args(argv)
    path = str(night_file("small", arguments.files))
    recording = hsat.read_recording(path)
    night = hsat.score_night(recording)
    summary = hsat.summarize_nights([night], patient="A")
    scored_ms = least_ms(lambda: hsat.score_night(hsat.read_recording(path)), arguments.runs)
    rows: list[tuple[str, Callable[[], object], float | None]] = [
        ("page of a night", lambda: render_page(night, recording), PAGE_LIMIT_MS),
        ("PDF of a night", lambda: render_night_pdf(night), PDF_LIMIT_MS),
        ("page of a patient", lambda: render_patient_page(summary), PAGE_LIMIT_MS),
        ("PDF of a patient", lambda: render_patient_pdf(summary), PDF_LIMIT_MS),
        ("estimate from 7 nights", lambda: hsat.estimate_ahi(*WEEK), None),
        ("the same, nights independent", lambda: hsat.estimate_ahi(*WEEK, model="independent"), None),
    ]
    print("| what | processor time | over read + score | limit |\n|---|---|---|---|")
    is_kept = True
    for name, work, limit_ms in rows:
        took_ms = least_ms(work, arguments.runs)
        is_kept = is_kept and (limit_ms is None or took_ms <= limit_ms)
        limit = "" if limit_ms is None else f"{limit_ms:.0f} ms"
        print(f"| {name} | {took_ms:.1f} ms | {took_ms / scored_ms:.2f} | {limit} |")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
