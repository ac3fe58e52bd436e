"""How fast and how lean a batch is: 200 distinct eight-hour nights, on one process and on several.

Run from the project's folder: ``python -m benchmarks.batch [--nights N] [--runs N] [--pages] [--files DIR]``.
The nights are the "small" shape of `benchmarks.speed`, each turned by some minutes against the
others and with another start, so that no two are alike (about 9 MB each, made once and kept).
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

from benchmarks.edf_files import night_file
from benchmarks.speed import channels_asked_for, read_with_edfio

HEADER_BYTES = 256
N_SIGNALS = slice(252, 256)
START_DATE = slice(168, 176)
TURN_RECORDS = 97
"""Seconds by which each night is turned against the one before: a prime, so that breaths differ too."""
SAMPLED_S = 0.05
MANY_NIGHTS = 100_000
MS_LIMIT, MS_AIM, SPEED_UP_LIMIT, MEMORY_LIMIT_MIB = 20.0, 10.0, 1.8, 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRun:
    """One measured run: seconds of the whole command, seconds of a run with nothing to do, peak memory."""

    n_nights: int
    seconds: float
    start_s: float
    peak_mib: float

    @property
    def ms_per_night(self) -> float:
        """Milliseconds a night beyond start-up."""
        return 1000.0 * (self.seconds - self.start_s) / self.n_nights


def make_nights(folder: Path, n_nights: int) -> list[Path]:
    """Distinct nights, made where they are missing."""
    base = night_file("small", folder).read_bytes()
    n_header = HEADER_BYTES * (1 + int(base[N_SIGNALS]))
    header = bytearray(base[:n_header])
    n_records = int(bytes(header[236:244]))
    records = np.frombuffer(base[n_header:], dtype=np.uint8).reshape(n_records, -1)
    paths = []
    nights = folder / "batch"
    nights.mkdir(parents=True, exist_ok=True)
    for number in range(n_nights):
        path = nights / f"night-{number:05d}.edf"
        paths.append(path)
        if path.exists():
            continue
        header[START_DATE] = f"{1 + number % 28:02d}.{1 + number // 28 % 12:02d}.26".encode("ascii")
        path.write_bytes(bytes(header) + np.roll(records, number * TURN_RECORDS, axis=0).tobytes())
    return paths


def family_mib(pid: int) -> float:
    """Memory of a process and of those that it has started: shared pages counted once (PSS)."""
    import psutil

    total = 0.0
    try:
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            total += getattr(member.memory_full_info(), "pss", member.memory_info().rss) / 2**20
    except psutil.Error:  # it has ended meanwhile
        return total
    return total


def run_batch(
    paths: Sequence[str], out: str, n_workers: int, *, is_watched: bool, options: Sequence[str] = ()
) -> tuple[float, float]:
    """Seconds of ``hsat batch``, and the peak of its memory where it is watched."""
    command = [
        sys.executable,
        "-m",
        "hsat",
        "batch",
        *paths,
        "--out",
        out,
        "--jobs",
        str(n_workers),
        *options,
    ]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        peak = 0.0
        while is_watched and process.poll() is None:
            peak = max(peak, family_mib(process.pid))
            time.sleep(SAMPLED_S)
        _, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\n{said}")
    return time.perf_counter() - begin, peak


def measure(folder: Path, n_nights: int, n_workers: int, runs: int, options: Sequence[str] = ()) -> BatchRun:
    """The best of some runs: other work on the machine only ever adds."""
    paths = [str(path) for path in make_nights(folder, n_nights)]
    whole, start = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as out:
            whole.append(run_batch(paths, out, n_workers, is_watched=False, options=options)[0])
        with tempfile.TemporaryDirectory() as out:
            start.append(run_batch(paths[:1], out, n_workers, is_watched=False, options=options)[0])
    with tempfile.TemporaryDirectory() as out:
        peak_mib = run_batch(paths, out, n_workers, is_watched=True, options=options)[1]
    return BatchRun(n_nights=n_nights, seconds=min(whole), start_s=min(start), peak_mib=peak_mib)


def reading_ms(paths: Sequence[Path]) -> float:
    """Milliseconds that edfio takes to read what scoring asks for, in one process."""
    channels = channels_asked_for(paths[0])
    times = []
    for path in paths[:20]:
        begin = time.perf_counter()
        read_with_edfio(path, channels)
        times.append(time.perf_counter() - begin)
    return 1000.0 * statistics.median(times)


def again_s(folder: Path, n_nights: int) -> float:
    """Seconds of a run that finds everything done."""
    paths = [str(path) for path in make_nights(folder, n_nights)]
    with tempfile.TemporaryDirectory() as out:
        run_batch(paths, out, os.cpu_count() or 1, is_watched=False)
        return min(run_batch(paths, out, 1, is_watched=False)[0] for _ in range(2))


def markdown(one: BatchRun, many: BatchRun, few: BatchRun, n_workers: int) -> str:
    """The table of docs/scaling.md: measured, and computed from it for many nights."""
    hours = many.ms_per_night * MANY_NIGHTS / 3.6e6
    one_hours = one.ms_per_night * MANY_NIGHTS / 3.6e6
    rows = [
        (f"| {os.cpu_count()} processors, Python {platform.python_version()}", f"{many.n_nights} nights"),
        ("|---", "---"),
        (f"| wall time, {n_workers} processes", f"{many.ms_per_night:.1f} ms a night"),
        ("| wall time, one process", f"{one.ms_per_night:.1f} ms a night"),
        ("| start-up and end", f"{many.start_s:.1f} s"),
        ("| memory of all processes", f"{few.peak_mib:.0f} MiB with {few.n_nights}, {many.peak_mib:.0f} MiB"),
    ]
    computed = [
        "computed for 100,000",
        "---",
        f"{hours:.2f} h",
        f"{one_hours:.2f} h",
        "the same",
        "not measured",
    ]
    return "\n".join(
        f"{name} | {value} | {more} |" for (name, value), more in zip(rows, computed, strict=True)
    )


def measure_pages(folder: Path, n_nights: int, n_workers: int, runs: int) -> int:
    """What the pages cost: each night is a patient of its own, with eight files."""
    for options in (("--pages",), ("--pages", "--pdf")):
        many = measure(folder, n_nights, n_workers, runs, options)
        few = measure(folder, max(n_nights // 4, 1), n_workers, 1, options)
        print(
            f"{' '.join(options)}: {many.ms_per_night:.0f} ms a night with its patient beyond start-up "
            f"({1000.0 / many.ms_per_night:.1f} nights/s, {n_workers} processes); start-up and end "
            f"{many.start_s:.1f} s; peak memory {many.peak_mib:.0f} MiB, with {few.n_nights} nights "
            f"{few.peak_mib:.0f} MiB"
        )
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 where a limit is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3, help="runs whose best counts (default 3)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--markdown", action="store_true", help="print a table for docs/scaling.md")
    parser.add_argument("--files", type=Path, default=Path(platformdirs.user_cache_dir("hsat-benchmarks")))
    parser.add_argument(
        "--pages", action="store_true", help="measure pages and PDFs of nights and patients instead"
    )
    options = parser.parse_args(argv)
    if options.pages:
        return measure_pages(options.files, options.nights, options.workers, options.runs)
    one = measure(options.files, options.nights, 1, options.runs)
    many = measure(options.files, options.nights, options.workers, options.runs)
    few = measure(options.files, max(options.nights // 4, 1), options.workers, 1)
    read_ms = reading_ms(make_nights(options.files, options.nights))
    speed_up = one.ms_per_night / many.ms_per_night
    is_within = (
        many.ms_per_night <= MS_LIMIT and speed_up >= SPEED_UP_LIMIT and many.peak_mib <= MEMORY_LIMIT_MIB
    )
    if options.markdown:
        print(markdown(one, many, few, options.workers))
        return 0 if is_within else 1
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(
        f"{options.nights} nights, {options.workers} processes: "
        f"{many.ms_per_night:.1f} ms a night beyond start-up"
    )
    print(f"  limit {MS_LIMIT:g}, aim {MS_AIM:g}; start-up and end {many.start_s:.1f} s")
    print(f"one process: {one.ms_per_night:.1f} ms a night; {speed_up:.2f} times (limit {SPEED_UP_LIMIT:g})")
    print(
        f"edfio reading the same channels, one process: {read_ms:.1f} ms; "
        f"ratio {many.ms_per_night / read_ms:.2f}"
    )
    print(
        f"peak memory of all processes: {many.peak_mib:.0f} MiB, with a quarter of the nights "
        f"{few.peak_mib:.0f} MiB (limit {MEMORY_LIMIT_MIB:g})"
    )
    print(f"the same again, nothing to do: {again_s(options.files, options.nights):.2f} s")
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main())
