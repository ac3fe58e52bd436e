"""Damaged files by the thousand: what the reader does with them, how long it takes, how much memory.

Run from the project's folder: ``python -m benchmarks.fuzz [--n 20000] [--seed S] [--jobs 2]``.
Each file is read, inspected to text and JSON, and, one in four, scored. Case N again, with its
traceback: ``--case N``. Exit status 1 where anything but an `HsatError` came out, a file took more
than 10 s, or a process more than 300 MiB.
"""

import argparse
import faulthandler
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import hsat
from benchmarks.mutations import good_files, mutated, shared_odd_folder
from hsat.errors import HsatError
from hsat.io.identity import CONFIG_DIR_VARIABLE
from hsat.io.inspection import inspect_recording
from hsat.report.inspection import inspection_json, inspection_text

LONGEST_S = 10.0
LARGEST_MIB = 300.0
SCORED_ONE_IN = 4
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one damaged file.

    Attributes
    ----------
    number : int
        The case.
    what : str
        ``"read"``, ``"repaired"``, ``"refused"``, ``"failed"`` or ``"crashed"``.
    seconds : float
        Wall time.
    detail : str
        Mutations, and the error or what was wrong with it.
    is_scored : bool
        Whether a night came out of it.
    """

    number: int
    what: str
    seconds: float
    detail: str = ""
    is_scored: bool = False


def try_file(path: Path, *, is_to_score: bool) -> tuple[str, str, bool]:
    """Read, inspect and perhaps score one file: what became of it, why, whether it was scored.

    Any exception but `HsatError` escapes.
    """
    try:
        recording = hsat.read_recording(path)
        inspection = inspect_recording(path)
    except HsatError as error:
        return _judge_refusal(error, path)
    text, document = inspection_text(inspection), json.loads(inspection_json(inspection))
    if not text or document["schema"] != "hsat.inspect/1":
        return "failed", "inspection without content", False
    what = "repaired" if recording.notes else "read"
    if not is_to_score:
        return what, "", False
    try:
        hsat.score_night(recording)
    except HsatError as error:
        return (
            (what, "", False)
            if _judge_refusal(error, path)[0] == "refused"
            else ("failed", str(error), False)
        )
    return what, "", True


def _judge_refusal(error: HsatError, path: Path) -> tuple[str, str, bool]:
    line = str(error)
    is_right = "\n" not in line and str(path) in line and len(line) < 2000
    return "refused" if is_right else "failed", line, False


def run_cases(files: dict[str, bytes], seed: int, numbers: Sequence[int], folder: Path) -> Iterator[Outcome]:
    """Outcomes of cases in this process; an exception that escapes is an outcome."""
    for number in numbers:
        detail, raw = mutated(files, seed, number)
        path = folder / f"case-{number}.edf"
        path.write_bytes(raw)
        begin = time.perf_counter()
        is_scored = False
        try:
            # A warning of a library would reach the user as lines nobody wrote.
            with warnings.catch_warnings(action="error"):
                what, why, is_scored = try_file(path, is_to_score=number % SCORED_ONE_IN == 0)
        except Exception as error:  # noqa: BLE001 - to find them is what this program is for
            what, why = "failed", f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - begin
        path.unlink()
        shown = f"{detail}: {why}" if what == "failed" else detail
        yield Outcome(number=number, what=what, seconds=seconds, detail=shown, is_scored=is_scored)


def peak_mib() -> float:
    """Peak resident memory of this process."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def _work(seed: int, numbers: Sequence[int], target: Path) -> None:
    """One process: cases to a file of JSON lines; memory limited, hangs end the process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ[CONFIG_DIR_VARIABLE] = str(folder)
        files = good_files(shared_odd_folder())
        # Compiled code is loaded before the memory is measured and limited.
        for raw in files.values():
            (folder / "good.edf").write_bytes(raw)
            try_file(folder / "good.edf", is_to_score=True)
        base_mib = peak_mib()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + int(LARGEST_MIB * MIB)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        with target.open("w", encoding="utf-8") as lines:
            faulthandler.dump_traceback_later(2 * LONGEST_S, exit=True)
            for outcome in run_cases(files, seed, numbers, folder):
                lines.write(json.dumps(asdict(outcome)) + "\n")
                lines.flush()
                faulthandler.dump_traceback_later(2 * LONGEST_S, exit=True)
            faulthandler.cancel_dump_traceback_later()
            lines.write(json.dumps({"base_mib": base_mib, "peak_mib": peak_mib()}) + "\n")


def measure(seed: int, n_cases: int, n_jobs: int) -> tuple[list[Outcome], float, float]:
    """Outcomes of all cases, and the memory of a process before and at its peak (MiB)."""
    outcomes: list[Outcome] = []
    memory: list[tuple[float, float]] = []
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        waiting = [list(range(job, n_cases, n_jobs)) for job in range(n_jobs)]
        while any(waiting):
            running = []
            for job, numbers in enumerate(waiting):
                target = Path(name) / f"{job}-{len(outcomes)}.jsonl"
                process = context.Process(target=_work, args=(seed, numbers, target))
                process.start()
                running.append((process, numbers, target))
            waiting = []
            for process, numbers, target in running:
                process.join()
                if not target.exists():
                    raise SystemExit("a process did not get as far as its first damaged file")
                done, figures = _outcomes(target)
                memory += figures
                left = numbers[len(done) :]
                outcomes += done
                if left and not figures:  # it died within the first case that is missing
                    why = f"process ended with {process.exitcode}"
                    outcomes.append(Outcome(number=left[0], what="crashed", seconds=0.0, detail=why))
                    waiting.append(left[1:])
    return outcomes, max(m[0] for m in memory), max(m[1] for m in memory)


def _outcomes(target: Path) -> tuple[list[Outcome], list[tuple[float, float]]]:
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    figures = [(row["base_mib"], row["peak_mib"]) for row in rows if "base_mib" in row]
    return [Outcome(**row) for row in rows if "base_mib" not in row], figures


def show_case(seed: int, number: int, keep: Path | None) -> int:
    """Try one case here and show what comes out, with the traceback of whatever escapes."""
    detail, raw = mutated(good_files(shared_odd_folder()), seed, number)
    print(f"case {number} of seed {seed}: {detail}; {len(raw)} bytes")
    with tempfile.TemporaryDirectory() as name:
        path = keep if keep is not None else Path(name) / f"case-{number}.edf"
        path.write_bytes(raw)
        try:
            print(*try_file(path, is_to_score=True))
        except Exception:  # noqa: BLE001 - shown, not swallowed
            traceback.print_exc()
            return 1
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=20_000, help="files (default 20,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--case", type=int, help="try this case alone and show it")
    parser.add_argument("--keep", type=Path, help="with --case: write the file here")
    options = parser.parse_args(argv)
    if options.case is not None:
        return show_case(options.seed, options.case, options.keep)
    outcomes, base_mib, largest_mib = measure(options.seed, options.n, options.jobs)
    counts = Counter(outcome.what for outcome in outcomes)
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    bad = [outcome for outcome in outcomes if outcome.what in ("failed", "crashed")]
    print(f"{len(outcomes)} damaged files, seed {options.seed}\n")
    for what, meaning in (
        ("read", "read without a note"),
        ("repaired", "read, with notes on what was repaired"),
        ("refused", "refused in one line that names file and reason"),
        ("failed", "any other exception, a warning, or a wrong refusal"),
        ("crashed", "process ended, or hung"),
    ):
        print(f"{counts[what]:8d}  {meaning}")
    print(f"{sum(outcome.is_scored for outcome in outcomes):8d}  scored (one in {SCORED_ONE_IN} is tried)")
    median_ms = 1000 * statistics.median(outcome.seconds for outcome in outcomes)
    print(f"\nmedian {median_ms:.1f} ms, slowest {slowest.seconds:.2f} s", end=" ")
    print(f"(case {slowest.number}: {slowest.detail})")
    print(f"peak memory {largest_mib:.0f} MiB, of which {base_mib:.0f} MiB before the first damaged file")
    for outcome in bad[:40]:
        print(f"case {outcome.number}: {outcome.what}: {outcome.detail}")
    return 1 if bad or slowest.seconds > LONGEST_S or largest_mib > LARGEST_MIB else 0


if __name__ == "__main__":
    sys.exit(main())
