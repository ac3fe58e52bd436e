"""How fast and how lean: reading and scoring three shapes of an eight-hour night.

Run from the project's folder: ``python -m benchmarks.speed [--runs N] [--json] [--files FOLDER]``.
Each figure is the median of N runs, taken in turn with what it is compared with, so that a busy
machine slows both. The files (about 790 MB with the one that holds sound) are made once and kept.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import edfio
import platformdirs

import hsat
from benchmarks.edf_files import night_file

ROOT = Path(__file__).resolve().parents[1]
IMPORT_LINE = "import numpy, numba"
HEAVY = ("pandas", "mne", "matplotlib", "scipy.signal", "pyedflib")
READ_AND_SCORE_LIMIT = {"small": 2.5, "large": 1.25, "psg": 3.75}
"""A quarter above what one sensor under one rule set had to keep: several sensors and rules now take part."""
READ_AND_SCORE_AIM = {"small": 1.0, "large": 0.6, "psg": 2.0}
PROCESS_LIMIT, PROCESS_AIM = 3.75, 2.0
MEMORY_LIMIT_MIB = 75.0
FIRST_RUN_LIMIT_S = 15.0

PEAK_MEMORY = """
def peak_kib():
    # VmHWM belongs to this program alone; ru_maxrss also remembers the process that started it.
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    except OSError:
        import resource, sys
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured line: the value, what it is compared with, their ratio, the limit on it."""

    what: str
    value: float
    unit: str
    reference: float | None = None
    ratio: float | None = None
    limit: float | None = None
    aim: float | None = None
    remark: str = ""

    @property
    def is_within(self) -> bool | None:
        """Whether the ratio (or the value, where there is none) keeps the limit."""
        if self.limit is None:
            return None
        return (self.value if self.ratio is None else self.ratio) <= self.limit


def median_times(runs: int, *jobs: Callable[[], Any]) -> list[float]:
    """Median seconds of each job, the jobs taken in turn after one turn that does not count."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for turn in range(runs + 1):
        for job, times in zip(jobs, seconds, strict=True):
            begin = time.perf_counter()
            job()
            if turn:
                times.append(time.perf_counter() - begin)
    return [statistics.median(times) for times in seconds]


def channels_asked_for(path: Path) -> list[int]:
    """Signals of the file that scoring asks the reader for, by their place in the file."""
    recording = hsat.read_recording(str(path))
    source_type = type(recording.signals[0].source)
    asked: set[int] = set()
    original = source_type.blocks

    def spy(self: Any, indices: Sequence[int]) -> Iterator[Any]:
        asked.update(indices)
        return original(self, indices)

    source_type.blocks = spy
    try:
        hsat.score_night(recording)
    finally:
        source_type.blocks = original
    return sorted(asked)


def read_with_edfio(path: Path, channels: Sequence[int]) -> None:
    """Physical values of the channels with edfio's lazy reader."""
    signals = edfio.read_edf(path).signals
    for index in channels:
        signals[index].data  # noqa: B018


def measure_in_process(shape: str, path: Path, runs: int) -> list[Figure]:
    """Read plus score against edfio's reading of the same channels; and where the time goes."""
    channels = channels_asked_for(path)
    recording = hsat.read_recording(str(path))
    both, edfio_s, read_s, score_s = median_times(
        runs,
        lambda: hsat.score_night(hsat.read_recording(str(path))),
        lambda: read_with_edfio(path, channels),
        lambda: hsat.read_recording(str(path)),
        lambda: hsat.score_night(recording),
    )
    labels = [edfio.read_edf(path).signals[i].label for i in channels]
    night = hsat.score_night(recording)
    return [
        Figure(
            what=f"{shape}: read + score",
            value=1000 * both,
            unit="ms",
            reference=1000 * edfio_s,
            ratio=both / edfio_s,
            limit=READ_AND_SCORE_LIMIT[shape],
            aim=READ_AND_SCORE_AIM[shape],
            remark=f"edfio reads {', '.join(labels)}; {len(night.events)} events",
        ),
        Figure(what=f"{shape}: open alone", value=1000 * read_s, unit="ms"),
        Figure(what=f"{shape}: score alone", value=1000 * score_s, unit="ms"),
    ]


def hsat_command() -> list[str]:
    """The installed ``hsat`` beside this interpreter, or the module where there is none."""
    script = Path(sys.executable).with_name("hsat")
    return [str(script)] if script.exists() else [sys.executable, "-m", "hsat"]


def run(command: Sequence[str], *, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in the project's folder; a failure shows what it printed."""
    process = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\n{process.stdout}{process.stderr}")
    return process


def measure_process(shape: str, path: Path, runs: int) -> Figure:
    """A whole ``hsat score`` process against importing numpy and numba."""
    score = [*hsat_command(), "score", str(path)]
    ours, imports = median_times(runs, lambda: run(score), lambda: run([sys.executable, "-c", IMPORT_LINE]))
    return Figure(
        what=f"{shape}: hsat score, whole process",
        value=1000 * ours,
        unit="ms",
        reference=1000 * imports,
        ratio=ours / imports,
        limit=PROCESS_LIMIT,
        aim=PROCESS_AIM,
        remark=f'against python -c "{IMPORT_LINE}"',
    )


def in_fresh_process(code: str) -> Any:
    """What a fresh interpreter prints as JSON in its last line."""
    return json.loads(run([sys.executable, "-c", code]).stdout.splitlines()[-1])


def score_code(path: Path) -> str:
    """Python text that scores a file through the command line, its table thrown away."""
    return (
        "import contextlib, io, json, sys\n"
        "from hsat.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    main(['score', {str(path)!r}])\n"
    )


def heavy_modules(path: Path) -> list[str]:
    """Heavy libraries that ``hsat score`` has loaded by its end: none, it is hoped."""
    loaded = in_fresh_process(score_code(path) + "print(json.dumps(sorted(sys.modules)))")
    return [name for name in loaded if name in HEAVY]


def measure_memory(shapes: dict[str, Path]) -> list[Figure]:
    """Peak memory of ``hsat score`` above that of importing numpy and numba."""
    report = "print(__import__('json').dumps(peak_kib()))"
    base = in_fresh_process(f"{PEAK_MEMORY}\n{IMPORT_LINE}\n{report}") / 1024
    figures = []
    for shape, path in shapes.items():
        peak = in_fresh_process(f"{PEAK_MEMORY}\n{score_code(path)}{report}") / 1024
        figures.append(
            Figure(
                what=f"{shape}: peak memory above imports",
                value=peak - base,
                unit="MiB",
                reference=base,
                limit=MEMORY_LIMIT_MIB,
                remark=f"{path.stat().st_size / 1e6:.0f} MB file",
            )
        )
    return figures


@contextmanager
def fresh_installation() -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the package that cannot be written to, and an environment without any cache.

    Permissions do not stop an administrator, so files lie where the cache folders would be made.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = folder / "site" / "hsat"
        shutil.copytree(ROOT / "hsat", package, ignore=shutil.ignore_patterns("__pycache__"))
        for inner in (package, *package.rglob("*")):
            if inner.is_dir():
                (inner / "__pycache__").touch()
        homes = {"HOME": "home", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config"}
        env = {key: str(folder / value) for key, value in homes.items()}
        yield folder, {**env, "PYTHONPATH": str(folder / "site"), "PYTHONDONTWRITEBYTECODE": "1"}


def measure_first_run(path: Path) -> list[Figure]:
    """The first run ever, from a read-only installation with an empty cache, and the second."""
    with fresh_installation() as (folder, env):
        # -P: the copy has to win over the tree that lies in the working folder.
        score = f"import sys; from hsat.cli.main import main; sys.exit(main(['score', {str(path)!r}]))"
        seconds, said = [], []
        for _ in range(2):
            begin = time.perf_counter()
            process = run([sys.executable, "-P", "-c", score], env=env)
            seconds.append(time.perf_counter() - begin)
            said.append([line for line in process.stderr.splitlines() if "compil" in line.lower()])
        n_cached = sum(1 for _ in (folder / "cache").rglob("*.nbi"))
    remark = f"said so {len(said[0])} time(s), then {len(said[1])}; {n_cached} kernels in the user's cache"
    first, second = seconds
    return [
        Figure(what="first run ever", value=first, unit="s", limit=FIRST_RUN_LIMIT_S, remark=remark),
        Figure(what="second run", value=second, unit="s"),
    ]


def print_figures(figures: Sequence[Figure], heavy: Sequence[str]) -> None:
    """Print one line a figure."""
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}\n")
    print(f"{'':38}{'value':>12}{'reference':>12}{'ratio':>8}{'limit':>8}{'aim':>6}")
    for x in figures:
        cells = [f"{x.value:.1f} {x.unit}".rjust(12)]
        cells += [("" if x.reference is None else f"{x.reference:.1f}").rjust(12)]
        cells += [("" if x.ratio is None else f"{x.ratio:.2f}").rjust(8)]
        cells += [("" if y is None else f"{y:g}").rjust(w) for y, w in ((x.limit, 8), (x.aim, 6))]
        verdict = {True: "  ok", False: "  TOO MUCH", None: ""}[x.is_within]
        print(f"{x.what:38}{''.join(cells)}{verdict}{'  ' + x.remark if x.remark else ''}")
    print(f"\nheavy libraries loaded by hsat score: {', '.join(heavy) or 'none'}")


def print_markdown(figures: Sequence[Figure]) -> None:
    """Print the figures that have a limit, as README.md shows them."""
    print("| eight-hour night | measured | compared with | ratio | limit |")
    print("|---|---|---|---|---|")
    for x in figures:
        if x.limit is None:
            continue
        reference = "" if x.reference is None else f"{x.reference:.0f} {x.unit}"
        ratio = "" if x.ratio is None else f"{x.ratio:.2f}"
        print(f"| {x.what} | {x.value:.0f} {x.unit} | {reference} | {ratio} | {x.limit:g} |")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 where a limit is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=9, help="runs whose median counts (default 9)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="print the table of README.md")
    parser.add_argument("--files", type=Path, default=Path(platformdirs.user_cache_dir("hsat-benchmarks")))
    parser.add_argument("--only", choices=["in-process", "process", "memory", "first-run"])
    options = parser.parse_args(argv)

    def is_wanted(part: str) -> bool:
        return options.only in (None, part)

    paths = {shape: night_file(shape, options.files) for shape in READ_AND_SCORE_LIMIT}
    figures: list[Figure] = []
    if is_wanted("in-process"):
        for shape, path in paths.items():
            figures += measure_in_process(shape, path, options.runs)
    if is_wanted("process"):
        figures += [measure_process(shape, path, options.runs) for shape, path in paths.items()]
    if is_wanted("memory"):
        figures += measure_memory({**paths, "audio": night_file("audio", options.files)})
    if is_wanted("first-run"):
        figures += measure_first_run(paths["small"])
    heavy = heavy_modules(paths["small"])
    if options.json:
        json.dump({"figures": [asdict(x) for x in figures], "heavy_modules": heavy}, sys.stdout, indent=1)
    elif options.markdown:
        print_markdown(figures)
    else:
        print_figures(figures, heavy)
    return 1 if heavy or any(x.is_within is False for x in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
