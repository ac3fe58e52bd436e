"""Nights whose every event is known, planted or simulated: scored, and compared with their truth."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import hsat
from benchmarks.matching import Agreement, PlantedEvaluation, evaluate_planted
from benchmarks.simulations import fresh_nights, fresh_options, simulated_nights
from hsat.agreement.estimates import Estimate, bootstrap_estimate, f1_estimate, wilson_estimate
from hsat.grading import grade_severity
from hsat.results import NightResult
from hsat.rules.load import load_rules
from hsat.simulate import SimulatedNight, truth_document

__all__ = [
    "TrueNight",
    "ahi_error_estimate",
    "count_kinds",
    "counted",
    "evaluate_folder",
    "evaluate_fresh",
    "evaluate_simulations",
    "f1_of",
    "mean_absolute_error",
    "near_miss_share",
    "planted_nights",
    "total_agreement",
    "total_class",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueNight:
    """A scored night with its truth.

    Attributes
    ----------
    evaluation : PlantedEvaluation
    severity : str or None
        Our class.
    true_severity, upper_severity : str
        Class of the certain events per hour, and of the certain and uncertain ones together.
    has_belts : bool
        Whether the truth gives its apneas a type.
    words : str
        What the night is, for a table.
    """

    evaluation: PlantedEvaluation
    severity: str | None
    true_severity: str
    upper_severity: str
    has_belts: bool
    words: str = ""

    @property
    def is_severity_right(self) -> bool:
        """Whether our class is that of the certain events, or reached by some of the uncertain ones."""
        return self.severity in (self.true_severity, self.upper_severity)


def counted(night: NightResult) -> list[tuple[float, float, str]]:
    """Events of a result that count in its indices, as plain tuples."""
    return [(e.start_s, e.stop_s, e.kind.value) for e in night.events if e.is_counted]


def compare_with_truth(truth: Mapping[str, Any], night: NightResult, words: str = "") -> TrueNight:
    """One scored night against its truth document."""
    evaluation = evaluate_planted(truth, counted(night), ahi_per_h=night.indices.ahi_per_h)
    rule = load_rules("aasm_1b").severity
    low, high = (grade_severity(x, rule) for x in evaluation.ahi_range_per_h)
    apneas = [x["kind"] for x in truth["events"] if x["kind"].endswith("_apnea")]
    return TrueNight(
        evaluation=evaluation,
        severity=night.severity,
        true_severity=low,
        upper_severity=high,
        has_belts=night.effort_sensor is not None and "unclassified_apnea" not in apneas,
        words=words,
    )


def planted_nights(folder: Path) -> dict[str, TrueNight]:
    """Score every planted night of a folder and compare it with its truth."""
    results = {}
    for path in sorted(folder.glob("*.edf")):
        truth = json.loads(path.with_suffix(".truth.json").read_text())
        results[path.stem] = compare_with_truth(truth, hsat.score_night(hsat.read_recording(str(path))))
    return results


def evaluate_folder(folder: Path) -> dict[str, PlantedEvaluation]:
    """`planted_nights`, the evaluations alone."""
    return {name: night.evaluation for name, night in planted_nights(folder).items()}


def _score_simulated(nights: Iterable[tuple[str, SimulatedNight]]) -> Iterator[tuple[str, TrueNight]]:
    for name, simulated in nights:
        night = hsat.score_night(simulated.recording)
        yield name, compare_with_truth(truth_document(simulated.truth), night)


def evaluate_simulations() -> dict[str, TrueNight]:
    """Score the nights of named difficulties in memory."""
    return dict(_score_simulated(simulated_nights()))


def evaluate_fresh(places: range) -> dict[str, TrueNight]:
    """Score fresh nights in memory, with words on what each is."""
    results = {}
    for place in places:
        ((name, simulated),) = fresh_nights([place])
        night = hsat.score_night(simulated.recording)
        truth = truth_document(simulated.truth)
        results[name] = compare_with_truth(truth, night, words=_words(place))
    return results


def _words(place: int) -> str:
    """Sensor, rate, and what is out of the ordinary of a fresh night."""
    options = fresh_options(place)
    parts = [f"{options['sensor'].replace('_', ' ')} {options['flow_rate_hz']:g} Hz"]
    parts += ["belts"] if options["has_belts"] else []
    if options["cheyne_stokes_fraction"] > 0.1:
        parts.append(f"Cheyne-Stokes {100 * options['cheyne_stokes_fraction']:.0f} %")
    parts += ["cannula off"] if "flow_off_spans_s" in options else []
    parts += ["probe off"] if "probe_off_spans_s" in options else []
    return ", ".join(parts)


# ------------------------------------------------------------------------ sums over nights


def total_agreement(results: Iterable[PlantedEvaluation], min_iou_fraction: float) -> Agreement:
    """Counts over all nights."""
    return _total(x.agreement[min_iou_fraction] for x in results)


def total_class(results: Iterable[PlantedEvaluation], name: str, *, is_stored: bool = False) -> Agreement:
    """Counts of apneas alone, or of hypopneas alone, over all nights; see `PlantedEvaluation.classes`."""
    return _total((x.stored_classes if is_stored else x.classes)[name] for x in results)


def _total(agreements: Iterable[Agreement]) -> Agreement:
    total = Agreement(0, 0, 0)
    for agreement in agreements:
        total = total.plus(agreement)
    return total


def f1_of(agreement: Agreement) -> Estimate:
    """F1 with its interval."""
    n_wrong = agreement.n_false_positives + agreement.n_false_negatives
    return f1_estimate(agreement.n_true_positives, n_wrong, nothing="nothing to find and nothing found")


def mean_absolute_error(results: Iterable[PlantedEvaluation]) -> float:
    """Mean distance of the AHI to the truth's range, per hour."""
    errors = [abs(x.ahi_error_per_h) for x in results if x.ahi_error_per_h is not None]
    return sum(errors) / len(errors) if errors else math.nan


def ahi_error_estimate(results: Iterable[PlantedEvaluation]) -> Estimate:
    """`mean_absolute_error` with an interval by a bootstrap over the nights."""
    errors = [abs(x.ahi_error_per_h) for x in results if x.ahi_error_per_h is not None]
    sums = np.array([(error, 1.0) for error in errors]).reshape(-1, 2)
    return bootstrap_estimate(sums, lambda s: s[:, 0] / s[:, 1], nothing="no AHI", unit="nights")


def near_miss_share(results: Iterable[PlantedEvaluation]) -> tuple[int, int]:
    """Near misses accepted, and all near misses."""
    pairs = [(len(x.near_misses_accepted), x.n_near_misses) for x in results]
    return sum(a for a, _ in pairs), sum(n for _, n in pairs)


def count_kinds(nights: Iterable[TrueNight], *, is_stored: bool = False) -> Counter[tuple[str, str]]:
    """True and scored kind of every matched pair of nights with belts whose true event is an apnea.

    Without `is_stored` only of apneas that the truth is sure of.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for night in nights:
        if night.has_belts:
            kinds = night.evaluation.kinds if is_stored else night.evaluation.sure_kinds
            pairs.update({k: n for k, n in kinds.items() if k[0].endswith("_apnea")})
    return pairs


def kinds_estimate(nights: Iterable[TrueNight], *, is_stored: bool = False) -> tuple[Estimate, int]:
    """Share of the matched apneas with belts whose kind is right, and their number."""
    pairs = count_kinds(nights, is_stored=is_stored)
    right = sum(n for (true, scored), n in pairs.items() if true == scored)
    return wilson_estimate(right, pairs.total(), nothing="no apnea with belts"), pairs.total()
