"""File by file: what hsat, pyedflib, edfio and MNE make of odd and real recordings.

Run from the project's folder: ``python -m benchmarks.readers [--fuzz FILE] > docs/reading.md``, where
the recordings for measuring lie beside the project; FILE is what ``python -m benchmarks.fuzz``
printed. What is right comes from the table that came with the odd files; for real files, from their
headers and the onsets of their records, read here by the specification alone.
"""

import argparse
import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.mutations import layout_of, shared_odd_folder
from hsat.io.edf import read_edf

GAP_S = 0.5
"""A difference in duration, a gap or a shift of the start below half a second is not held against anyone."""

LONGEST_REASON = 60
LARGEST_HEADER_BYTES = 1 << 16
REAL_FILES = (
    "ap/AP01.edf",
    "ap/AP03.edf",
    "ucd/ucd020.edf",
    "slp60/*.edf",
    "resmed-joined/*.edf",
    "resmed-original/*/**/*BRP.edf",
)
MOST_OF_A_KIND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file holds, or what a reader says it holds; None where it was not looked at.

    Attributes
    ----------
    duration_s : float
        From the first record to the end of the last.
    n_gaps : int
        Gaps between records.
    start : datetime or None
        Whole seconds.
    n_signals : tuple of int
        Numbers of signals that are right (with and without checksum channels).
    n_samples : tuple of int
        Stored samples of each signal, without what stands in for gaps; empty where not looked at.
    other_duration_s : float or None
        A duration that is as right.
    """

    duration_s: float
    n_gaps: int
    start: datetime | None
    n_signals: tuple[int, ...]
    n_samples: tuple[int, ...] = ()
    other_duration_s: float | None = None


def odd_facts(folder: Path) -> dict[str, Facts | None]:
    """The table of the odd files by file name; None for files of which nothing may be read."""
    facts: dict[str, Facts | None] = {}
    for line in (folder / "README.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        cells = line.strip("|").split(" | ")
        name, text = cells[0].strip(" `"), cells[-1]
        if "records of" not in text:
            facts[name] = None
            continue
        has_checksum = b"Crc16" in (folder / name).read_bytes()[:LARGEST_HEADER_BYTES]
        start = re.search(r"start ([^;]+)", text)
        other = re.search(r"\(or ([\d.]+) s", text)
        n_signals = int(re.search(r"(\d+) signal channels", text)[1])
        facts[name] = Facts(
            duration_s=float(re.search(r"; duration ([\d.]+) s", text)[1]),
            other_duration_s=float(other[1]) if other else None,
            n_gaps=int(re.search(r"(\d+) gaps", text)[1]),
            start=datetime.fromisoformat(start[1]) if start and start[1] != "unknown" else None,
            n_signals=(n_signals, n_signals - 1) if has_checksum else (n_signals,),
        )
    return facts


def header_facts(path: Path) -> Facts | None:
    """What a sound file holds, by the specification; None where there are no records."""
    raw = path.read_bytes()
    layout, duration_s, n_records = layout_of(raw), float(raw[244:252]), int(raw[236:244])
    if n_records < 1:
        return None
    onsets_s = np.arange(n_records) * duration_s
    lists = layout.lists(len(raw))
    if b"+D" in raw[192:236] and len(lists) == n_records:
        onsets_s = np.array([float(raw[place].split(b"\x14")[0]) for place in lists])
    signals = [
        n
        for i, n in enumerate(layout.n_samples)
        if not layout.is_annotation[i] and raw[layout.field(0, i)].strip() != b"Crc16"
    ]
    return Facts(
        duration_s=float(onsets_s[-1] - onsets_s[0] + duration_s),
        n_gaps=int(np.count_nonzero(np.diff(onsets_s) > duration_s + 0.01)),
        start=datetime.strptime((raw[168:184]).decode("ascii"), "%d.%m.%y%H.%M.%S"),
        n_signals=(len(signals), len(signals) + 1),
        n_samples=tuple(n * n_records for n in signals),
    )


def _ours(path: Path) -> Facts:
    edf = read_edf(path)
    shown = [c for c in edf.channels if c.is_signal]
    counts = [sum(b.stored.size for b in edf.source.blocks([c.index])) for c in shown]
    start = edf.start_local.replace(microsecond=0) if edf.start_local else None
    return Facts(
        duration_s=edf.duration_s,
        n_gaps=len(edf.gaps_s),
        start=start,
        n_signals=(len(shown),),
        n_samples=tuple(counts),
    )


def _pyedflib(path: Path) -> Facts:
    import pyedflib

    with pyedflib.EdfReader(str(path)) as reader:
        labels = [label.strip() for label in reader.getSignalLabels()]
        counts = [int(n) for n, label in zip(reader.getNSamples(), labels, strict=True) if label != "Crc16"]
        return Facts(
            duration_s=float(reader.datarecords_in_file * reader.datarecord_duration),
            n_gaps=0,
            start=reader.getStartdatetime().replace(microsecond=0),
            n_signals=(len(counts),),
            n_samples=tuple(counts),
        )


def _edfio(path: Path) -> Facts:
    import edfio

    is_bdf = path.read_bytes()[:1] == b"\xff"
    edf = edfio.read_bdf(path) if is_bdf else edfio.read_edf(path)
    signals = [s for s in edf.signals if s.label != "Crc16"]
    try:
        start = datetime.combine(edf.startdate, edf.starttime).replace(microsecond=0)
    except ValueError:
        start = None
    return Facts(
        duration_s=float(edf.num_data_records * edf.data_record_duration),
        n_gaps=0,
        start=start,
        n_signals=(len(signals),),
        n_samples=tuple(len(s.digital) for s in signals),
    )


def _mne(path: Path) -> Facts:
    import mne

    is_bdf = path.suffix.lower() == ".bdf"
    raw = (mne.io.read_raw_bdf if is_bdf else mne.io.read_raw_edf)(path, preload=False, verbose="ERROR")
    date = raw.info["meas_date"]
    names = [name for name in raw.ch_names if name != "Crc16"]
    if names:
        raw.get_data(picks=[0])
    return Facts(
        duration_s=raw.n_times / raw.info["sfreq"],
        n_gaps=0,
        start=date.replace(tzinfo=None, microsecond=0) if date else None,
        n_signals=(len(names),),
        n_samples=(raw.n_times,) * len(names),
    )


READERS: dict[str, Callable[[Path], Facts]] = {
    "hsat": _ours,
    "pyedflib": _pyedflib,
    "edfio": _edfio,
    "MNE": _mne,
}


def judge(read: Callable[[Path], Facts], path: Path, right: Facts | None) -> str:
    """What a reader makes of a file, in a few words: ``"right"``, ``"refused: ..."``, or what is wrong."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            got = read(path)
    except Exception as error:  # noqa: BLE001 - other readers raise whatever they like
        reason = " ".join(str(error).replace(str(path), "").split()).strip(" :|")
        reason = reason.replace(str(path.parent), "").replace("|", "/")[:LONGEST_REASON]
        return f"refused: {type(error).__name__}: {reason}"
    if right is None:
        return "WRONG: reads samples that are destroyed"
    wrong = []
    if right.n_gaps and not got.n_gaps:
        wrong.append(f"{right.n_gaps} gaps closed")
    elif got.n_gaps != right.n_gaps:
        wrong.append(f"{got.n_gaps} gaps, not {right.n_gaps}")
    durations_s = (right.duration_s, right.other_duration_s or right.duration_s)
    if min(abs(got.duration_s - duration_s) for duration_s in durations_s) > GAP_S:
        wrong.append(f"duration {got.duration_s:g} s, not {right.duration_s:g} s")
    if got.start is None and right.start is not None:
        wrong.append("no start")
    elif got.start is not None and right.start is None:
        wrong.append(f"start {got.start}, though none is known")
    elif got.start and right.start and abs((got.start - right.start).total_seconds()) > 1:
        wrong.append(f"start {got.start}, not {right.start}")
    if got.n_signals[0] not in right.n_signals:
        wrong.append(f"{got.n_signals[0]} signals, not {right.n_signals[0]}")
    elif right.n_samples and sorted(got.n_samples)[-len(right.n_samples) :] != sorted(right.n_samples):
        wrong.append("samples resampled")
    return f"WRONG: {', '.join(wrong)}" if wrong else "right"


def table(cases: Sequence[tuple[str, Path, Facts | None]]) -> tuple[list[str], dict[str, dict[str, int]]]:
    """Rows of the table, and how often each reader was right, refused, or wrong."""
    rows = [f"| file | {' | '.join(READERS)} |", f"|---|{'---|' * len(READERS)}"]
    counts = {name: {"right": 0, "refused": 0, "WRONG": 0} for name in READERS}
    for name, path, right in cases:
        cells = []
        for reader, read in READERS.items():
            verdict = judge(read, path, right)
            counts[reader][verdict.partition(":")[0]] += 1
            cells.append(verdict)
        rows.append(f"| `{name}` | {' | '.join(cells)} |")
    return rows, counts


def cases_of(odd: Path) -> list[tuple[str, Path, Facts | None]]:
    """The odd files with what their table says, and real ones with what their headers say."""
    cases = [(name, odd / name, right) for name, right in odd_facts(odd).items()]
    real = odd.parent / "real"
    for pattern in REAL_FILES:
        paths = [path for path in sorted(real.glob(pattern)) if header_facts(path) is not None]
        cases += [
            (f"real/{path.relative_to(real)}", path, header_facts(path)) for path in paths[:MOST_OF_A_KIND]
        ]
    return cases


PAGE = """# Reading imperfect files

Made by `python -m benchmarks.readers --fuzz FILE > docs/reading.md`; do not edit.

Every repair is a note in the result (`notes` in the JSON, "Notes" in the text), every refusal one line
with the file and the reason, and no other exception leaves the reader.

## File by file

pyedflib {pyedflib}, edfio {edfio}, MNE {mne}, by default settings. *Right* is: duration, gaps, start, number
of signals, and for real files the number of samples, are those of the table that came with the odd files,
or, for real files, of their headers and of the onsets of their records. *Refused* may be right too, where a
file holds nothing to read. *WRONG* is what a user has to notice himself: the file opens. Warnings are not
counted, and MNE resamples slower channels by design.

{summary}

{rows}

## Damaged files by the thousand

`python -m benchmarks.fuzz` spoils good files (bytes flipped, inserted, lost; fields swapped, shifted, made
huge or absurd; annotation lists of rubbish; records moved; sent as text; the end missing) and reads, inspects
and scores them in processes of limited memory.

```
{fuzz}
```
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fuzz", type=Path, help="what python -m benchmarks.fuzz printed")
    options = parser.parse_args(argv)
    # Libraries in C write to the standard output past Python: the page goes elsewhere meanwhile.
    page = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    rows, counts = table(cases_of(shared_odd_folder()))
    summary = ["| reader | right | refused | wrong |", "|---|---|---|---|"]
    summary += [f"| {name} | {n['right']} | {n['refused']} | {n['WRONG']} |" for name, n in counts.items()]
    fuzz = options.fuzz.read_text(encoding="utf-8").strip() if options.fuzz else "not run"
    print(
        PAGE.format(
            **{name: version(name) for name in ("pyedflib", "edfio", "mne")},
            summary="\n".join(summary),
            rows="\n".join(rows),
            fuzz=fuzz,
        ),
        end="",
        file=page,
    )
    page.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
