"""How right the kinds are: Cheyne-Stokes runs, typed hypopneas, and the rank of events.

Run from the project's folder: ``python -m benchmarks.kinds [--seeds N] [--data FOLDER]``. Runs and
types are measured on fresh simulations, whose truth is what was planted; the rank on the planted
nights of ``FOLDER``, where there is one.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import hsat
from benchmarks.accuracy import DEFAULT_DATA
from benchmarks.matching import IOU_THRESHOLDS
from hsat.agreement import match_events
from hsat.events import RespiratoryEvent
from hsat.intervals import as_spans, intersect_spans, overlaps_s, total_s
from hsat.simulate.night import record_night
from hsat.simulate.options import BreathingOptions, Recorder
from hsat.simulate.physiology import Physiology, simulate_breathing

FIRST_SEED = 9500
"""Seeds from here on serve nowhere else."""

SHARES = (0.0, 0.15, 0.8)
"""Shares of events planned as Cheyne-Stokes breathing."""

CYCLE_GAP_S = 10.0
"""Planted cycles nearer than this belong to one run."""

APNEIC_FRACTION = 0.9
FLAT_FRACTION = 0.8


def planted_runs(night: Physiology) -> list[tuple[float, float, bool]]:
    """Start, stop, and whether its events are apneas, of every planted run."""
    runs: list[tuple[float, float, bool]] = []
    onset_s = night.breaths.onset_s
    for fall in night.falls:
        if fall.draft.shape != "cheyne_stokes":
            continue
        start_s, stop_s = float(onset_s[fall.first_breath]), float(onset_s[fall.stop_breath])
        if runs and start_s - runs[-1][1] < CYCLE_GAP_S:
            runs[-1] = (runs[-1][0], stop_s, runs[-1][2])
        else:
            runs.append((start_s, stop_s, fall.draft.reduction_fraction > APNEIC_FRACTION))
    return runs


def measure_runs(n_seeds: int) -> None:
    """Print how many planted runs were found, and how many found runs were planted."""
    counts: Counter[str] = Counter()
    met: Counter[tuple[float, bool | None]] = Counter()
    seconds = np.zeros(3)
    for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
        for share in SHARES:
            options = BreathingOptions(duration_h=6.0, events_per_h=25.0, cheyne_stokes_fraction=share)
            night = simulate_breathing(seed=seed, options=options)
            result = hsat.score_night(record_night(night).recording)
            true = planted_runs(night)
            rows = np.array([run[:2] for run in true]).reshape(-1, 2)
            is_apneic = np.array([run[2] for run in true], dtype=bool)
            found = np.array([(r.start_s, r.stop_s) for r in result.periodic_breathing]).reshape(-1, 2)
            is_known = np.array([r.is_cheyne_stokes for r in result.periodic_breathing], dtype=bool)
            counts["planted"] += len(true)
            counts["planted, found"] += int((overlaps_s(rows, as_spans(found)) > 0).sum())
            counts["planted with central apneas"] += int(is_apneic.sum())
            known = as_spans(found[is_known])
            counts["planted with central apneas, called Cheyne-Stokes"] += int(
                (overlaps_s(rows[is_apneic], known) > 0).sum()
            )
            is_false = overlaps_s(found, as_spans(rows)) <= 0
            counts["found, not planted, type unknown"] += int((is_false & ~is_known).sum())
            counts["called Cheyne-Stokes, not planted"] += int((is_false & is_known).sum())
            both = total_s(intersect_spans(as_spans(found), as_spans(rows)))
            seconds += [total_s(as_spans(rows)), total_s(as_spans(found)), both]
            met[share, None if result.cheyne_stokes is None else result.cheyne_stokes.is_met] += 1
    print(f"periodic breathing, {n_seeds * len(SHARES)} nights of 6 h")
    for name, n in counts.items():
        print(f"  {name}: {n}")
    print(f"  time: recall {seconds[2] / seconds[0]:.3f}, precision {seconds[2] / seconds[1]:.3f}")
    for (share, verdict), n in sorted(met.items(), key=str):
        print(f"  share {share:g}: criterion met {verdict}: {n} nights")


def planted_type(night: Physiology, event: RespiratoryEvent) -> str:
    """What was planted where an event was scored: obstructive where flow was limited or belts opposed."""
    onset_s = night.breaths.onset_s
    spans = [
        (onset_s[fall.first_breath], onset_s[fall.stop_breath], fall)
        for fall in night.falls
        if fall.draft.kind is not None
    ]
    overlap_s, fall = max(
        ((min(stop, event.stop_s) - max(start, event.start_s), fall) for start, stop, fall in spans),
        key=lambda pair: pair[0],
    )
    if overlap_s <= 0:
        return "nothing"
    inside = slice(fall.first_breath, fall.stop_breath)
    is_flat = night.breaths.flattening_fraction[inside].mean() > FLAT_FRACTION
    is_opposed = np.median(night.breaths.thorax_factor[inside] * night.breaths.abdomen_factor[inside]) < 0
    return "obstructive" if is_flat or is_opposed else "central"


def measure_types(n_seeds: int) -> None:
    """Print planted against scored types of hypopneas; the simulator has no snoring."""
    rules = hsat.load_rules("aasm_1b_typed")
    rules = replace(rules, hypopnea_type=replace(rules.hypopnea_type, is_snore_needed=False))
    for sensor in ("flow", "nasal_pressure"):
        table: Counter[tuple[str, str]] = Counter()
        for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
            options = BreathingOptions(duration_h=6.0, events_per_h=20.0, cheyne_stokes_fraction=0.2)
            night = simulate_breathing(seed=seed, options=options)
            result = hsat.score_night(record_night(night, Recorder(sensor=sensor)).recording, rules)
            for event in result.events:
                if not event.kind.is_apnea:
                    table[planted_type(night, event), event.kind.value] += 1
        print(f"hypopneas on {sensor}, {n_seeds} nights of 6 h (planted, scored)")
        for (true, scored), n in sorted(table.items()):
            print(f"  {true} scored as {scored}: {n}")


def rank_area(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Share of pairs in which the first ranks above the second (area under the ROC curve)."""
    above = np.subtract.outer(np.array(higher), np.array(lower))
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def measure_ranks(folder: Path) -> None:
    """Print how the rank tells true from false events of the planted nights."""
    true: list[float] = []
    false: list[float] = []
    for path in sorted(folder.glob("*.edf")):
        truth = json.loads(path.with_suffix(".truth.json").read_text())["events"]
        events = [e for e in hsat.score_night(hsat.read_recording(str(path))).events if e.is_counted]
        rows = [(e.start_s, e.stop_s) for e in events]
        matched = {}
        for verdict in ("yes", "uncertain"):
            spans = [(t["start_s"], t["stop_s"]) for t in truth if t["scorable_1b"] == verdict]
            matched[verdict] = {i for i, _ in match_events(rows, spans, min_iou_fraction=IOU_THRESHOLDS[0])}
        for i, event in enumerate(events):
            if event.confidence_fraction is None:
                continue
            if i in matched["yes"]:
                true.append(event.confidence_fraction)
            elif i not in matched["uncertain"]:
                false.append(event.confidence_fraction)
    print(f"confidence on planted nights: {len(true)} true events, median {np.median(true):.2f};", end=" ")
    if false:
        print(f"{len(false)} false, median {np.median(false):.2f}; area {rank_area(true, false):.3f}")
    else:
        print("no false event")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    options = parser.parse_args(argv)
    measure_runs(options.seeds)
    measure_types(options.seeds)
    if (options.data / "planted").is_dir():
        measure_ranks(options.data / "planted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
