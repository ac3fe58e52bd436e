"""Agreement of scorings as JSON, schema ``hsat.compare/1``, and as CSV: unrounded."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from hsat import __version__
from hsat.agreement.cohort import SEVERITIES, CohortAgreement
from hsat.agreement.estimates import Estimate
from hsat.agreement.results import (
    EVENT_GROUPS,
    NightAgreement,
    OverlapAgreement,
    Spread,
    TimeAgreement,
)
from hsat.recording import Note
from hsat.report.document import json_text
from hsat.report.failed import FailedNight
from hsat.report.tables import csv_text
from hsat.scorings import Scoring

__all__ = ["SCHEMA", "Comparison", "comparison_csv", "comparison_document", "comparison_json"]

SCHEMA = "hsat.compare/1"
NO_PAIR = "no pair of events matches"
CSV_GROUPS = ("events", "apneas", "hypopneas")
AHI_ESTIMATES = (
    "bias_per_h",
    "lower_limit_per_h",
    "upper_limit_per_h",
    "mean_absolute_error_per_h",
    "mean_absolute_range_error_per_h",
    "icc",
)
TIME_CLASSES = ("nothing", "hypopnea", "apnea")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything one comparison has to tell.

    Attributes
    ----------
    nights : tuple of NightAgreement
    failed : tuple of FailedNight
        Files that were not compared: unpaired or unreadable.
    cohort : CohortAgreement or None
        None where two files, not two folders, were compared.
    rules_id : str
        Rule set whose limits the classes have.
    """

    nights: tuple[NightAgreement, ...]
    failed: tuple[FailedNight, ...]
    cohort: CohortAgreement | None
    rules_id: str


def comparison_json(comparison: Comparison) -> str:
    """The comparison as a JSON object; see `comparison_document`."""
    return json_text(comparison_document(comparison))


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain lists, dicts, texts and numbers.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    dict
        Keys of schema ``hsat.compare/1``. A figure is ``{value, ci95}``, or null; each night and the
        cohort have their ``not_measured`` with a reason for every null by its path.
    """
    cohort = comparison.cohort
    return {
        "schema": SCHEMA,
        "hsat_version": __version__,
        "rules_id": comparison.rules_id,
        "nights": [_night(night) for night in comparison.nights],
        "failed": [{"file": item.file, "error": item.error} for item in comparison.failed],
        "cohort": None if cohort is None else _cohort(cohort),
        "not_measured": {"cohort": "two files were compared, not two folders"} if cohort is None else {},
    }


@dataclass(slots=True)
class _Writer:
    """Writes figures, and notes down why any of them is missing."""

    reasons: dict[str, str]

    def estimate(self, path: str, estimate: Estimate) -> dict[str, Any] | None:
        if estimate.value is None:
            self.reasons[path] = str(estimate.reason)
            return None
        if estimate.ci95 is None:
            self.reasons[f"{path}.ci95"] = str(estimate.ci95_reason)
        return {"value": estimate.value, "ci95": None if estimate.ci95 is None else list(estimate.ci95)}

    def optional(self, path: str, value: Any, reason: str) -> Any:
        if value is None:
            self.reasons[path] = reason
        return value

    def spread(self, path: str, spread: Spread | None) -> Any:
        return self.optional(path, None if spread is None else spread._asdict(), NO_PAIR)

    def overlaps(self, overlaps: Sequence[OverlapAgreement]) -> list[dict[str, Any]]:
        return [
            {
                "min_iou_fraction": overlap.min_iou_fraction,
                "groups": {
                    name: self.group(f"events.{i}.groups.{name}", overlap, name) for name in EVENT_GROUPS
                },
                "kind_pairs": [
                    {"reference": pair.reference.value, "scored": pair.scored.value, "n": pair.n}
                    for pair in overlap.kind_pairs
                ],
                "start_error": self.spread(f"events.{i}.start_error", overlap.start_error),
                "stop_error": self.spread(f"events.{i}.stop_error", overlap.stop_error),
            }
            for i, overlap in enumerate(overlaps)
        ]

    def group(self, path: str, overlap: OverlapAgreement, name: str) -> dict[str, Any] | None:
        if name in overlap.not_compared:
            self.reasons[path] = overlap.not_compared[name]
            return None
        group = overlap.groups[name]
        return {
            "n_scored": group.n_scored,
            "n_reference": group.n_reference,
            "n_matched": group.n_matched,
            "n_false_positives": group.n_false_positives,
            "n_false_negatives": group.n_false_negatives,
            "n_excused": group.n_excused,
            "precision": self.estimate(f"{path}.precision", group.precision),
            "recall": self.estimate(f"{path}.recall", group.recall),
            "f1": self.estimate(f"{path}.f1", group.f1),
        }

    def times(self, times: Sequence[TimeAgreement]) -> list[dict[str, Any]]:
        return [
            {
                "step_s": time.step_s,
                "is_monitored_only": time.is_monitored_only,
                "compared_h": time.compared_h,
                "classes": list(TIME_CLASSES),
                "n_steps": time.blocks.sum(axis=0).astype(int).tolist(),
                "kappa": self.estimate(f"time.{i}.kappa", time.kappa),
                "kappa_three_classes": self.estimate(
                    f"time.{i}.kappa_three_classes", time.kappa_three_classes
                ),
            }
            for i, time in enumerate(times)
        ]


def _night(night: NightAgreement) -> dict[str, Any]:
    writer = _Writer(dict(night.not_measured))
    scorings = {name: _scoring(writer, name, getattr(night, name)) for name in ("scored", "reference")}
    return {
        "name": night.name,
        "patient": writer.optional("patient", night.patient, "neither file names a patient"),
        **scorings,
        "ahi": {item.name: getattr(night.ahi, item.name) for item in fields(night.ahi)},
        "events": writer.overlaps(night.overlaps),
        "time": writer.times(night.times),
        "not_measured": writer.reasons,
        "notes": _notes(night.notes),
    }


def _scoring(writer: _Writer, name: str, scoring: Scoring) -> dict[str, Any]:
    silent = "the file does not say"
    return {
        "file": scoring.source_path,
        "format": scoring.format,
        "n_events": len(scoring.counted_events),
        "n_not_counted": len(scoring.events) - len(scoring.counted_events),
        "n_ignored": len(scoring.ignored_spans_s),
        "duration_s": writer.optional(f"{name}.duration_s", scoring.duration_s, silent),
        "monitored_h": writer.optional(f"{name}.monitored_h", scoring.monitored_h, silent),
        "rules_id": writer.optional(f"{name}.rules_id", scoring.rules_id, silent),
    }


def _cohort(cohort: CohortAgreement) -> dict[str, Any]:
    writer = _Writer({})
    ahi, severity = cohort.ahi, cohort.severity
    too_few = str(ahi.lower_limit_per_h.reason)
    return {
        "n_nights": len(cohort.nights),
        "n_patients": cohort.n_patients,
        "ahi": {
            "n_nights": len(ahi.nights),
            **{name: writer.estimate(f"ahi.{name}", getattr(ahi, name)) for name in AHI_ESTIMATES},
            "sd_per_h": writer.optional("ahi.sd_per_h", ahi.sd_per_h, too_few),
        },
        "severity": {
            "n_nights": int(severity.table.sum()),
            "classes": list(SEVERITIES),
            "table": severity.table.tolist(),
            "accuracy": writer.estimate("severity.accuracy", severity.accuracy),
            "kappa_linear": writer.estimate("severity.kappa_linear", severity.kappa_linear),
            "kappa_quadratic": writer.estimate("severity.kappa_quadratic", severity.kappa_quadratic),
        },
        "events": writer.overlaps(cohort.overlaps),
        "time": writer.times(cohort.times),
        "not_measured": writer.reasons,
        "notes": _notes(cohort.notes),
    }


def _notes(notes: Sequence[Note]) -> list[dict[str, str]]:
    return [{"code": note.code, "text": note.text} for note in notes]


# ------------------------------------------------------------------------ CSV


def comparison_csv(comparison: Comparison) -> str:
    """One row a night, then one a file that failed.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        Names, the AHI of both with their classes, kappas, and counts with precision, recall and F1
        of events, apneas and hypopneas at each threshold. Intervals, and figures over nights, are
        in the JSON. A cell without a value is empty.
    """
    rows = [_row(night) for night in comparison.nights]
    columns = list(dict.fromkeys(column for row in rows for column in row)) or ["name"]
    failed: list[dict[str, object]] = [{"name": item.file, "error": item.error} for item in comparison.failed]
    return csv_text([*columns, "error"], [*rows, *failed])


def _row(night: NightAgreement) -> dict[str, object]:
    row: dict[str, object] = {
        "name": night.name,
        "scored_file": night.scored.source_path,
        "reference_file": night.reference.source_path,
        "patient": night.patient,
    }
    row |= {f"ahi_{item.name}": getattr(night.ahi, item.name) for item in fields(night.ahi)}
    for time in night.times:
        name = f"{time.step_s:g}s_{'monitored' if time.is_monitored_only else 'recording'}"
        row |= {
            f"kappa_{name}": time.kappa.value,
            f"kappa_three_classes_{name}": time.kappa_three_classes.value,
            f"compared_h_{name}": time.compared_h,
        }
    for overlap in night.overlaps:
        at = "any" if overlap.min_iou_fraction == 0.0 else f"iou{round(100 * overlap.min_iou_fraction)}"
        for name in CSV_GROUPS:
            group = overlap.groups.get(name)
            counts = ("n_matched", "n_false_positives", "n_false_negatives", "n_excused")
            shares = ("precision", "recall", "f1")
            row |= {f"{name}_{at}_{x}": None if group is None else getattr(group, x) for x in counts}
            row |= {f"{name}_{at}_{x}": None if group is None else getattr(group, x).value for x in shares}
    return row
