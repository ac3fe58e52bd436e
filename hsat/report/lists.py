"""The lists below a night's blocks: other rules, what was not measured, candidates, notes."""

import math
from collections import Counter
from collections.abc import Iterable

from hsat.events import REMOVED
from hsat.recording import Note
from hsat.report.plain import printable
from hsat.report.rows import (
    INDEX_ROWS,
    NO_REASON,
    PART,
    IndexRow,
    amount_words,
    index_value,
    reason_for,
    rounded,
)
from hsat.results import NightResult

__all__ = ["titled_lists"]

SEVERITIES = ("normal", "mild", "moderate", "severe")

ROOT_WORDS = {
    "_not_linearised": "with nasal pressure as it is",  # before the ending that it ends in
    "_linearised": "with the square root of nasal pressure",
}
"""Alternatives that are no rule set of their own, by the ending of their key."""


def titled_lists(night: NightResult) -> Iterable[tuple[str, list[str]]]:
    """Title and lines of each list, those without a line among them."""
    yield f"Adequacy: {night.adequacy}", [printable(reason) for reason in night.reasons]
    yield "Under other rules", _alternative_lines(night)
    yield "Cheyne-Stokes criterion", _periodic_lines(night)
    yield "Not measured", _not_measured_lines(night)
    yield "Events and candidates", _candidate_lines(night)
    yield "Notes", _note_lines(night.notes)


def _alternative_lines(night: NightResult) -> list[str]:
    """The AHI under each other rule set; where there is none, why, said once."""
    lines = []
    without: dict[str, list[str]] = {}
    for name, other in night.alternatives.items():
        if other.ahi_per_h is None or not math.isfinite(other.ahi_per_h):
            without.setdefault(_why_no_alternative(night, name), []).append(name)
            continue
        verdict = "no class"
        if other.severity is not None and night.severity is not None:
            same = other.severity == night.severity
            verdict = f"{other.severity}: the class " + (
                "does not change" if same else f"changes from {night.severity} to {other.severity}"
            )
        elif other.severity is not None:
            verdict = other.severity
        lines.append(f"{_rules_words(name)}: AHI {rounded(other.ahi_per_h, 1)} /h, {verdict}")
    stability = _stability_line(night)
    if stability:
        lines.append(stability)
    under_1a = night.alternatives.get("aasm_1a")
    has_1a = night.rules_id.startswith("aasm_1a@") and index_value(night.indices, "ahi_per_h") is not None
    if has_1a or (under_1a is not None and under_1a.ahi_per_h is not None):
        lines.append(
            "aasm_1a without arousals: desaturations only; hypopneas that end in an arousal are missed"
        )
    for reason, names in without.items():
        words = ", ".join(_rules_words(name) for name in names)
        lines.append(f"{words}: AHI not measured: {printable(reason)}")
    return lines


def _rules_words(name: str) -> str:
    """A rule set as ``--rules`` knows it, and what was done otherwise."""
    for ending, words in ROOT_WORDS.items():
        if name.endswith(ending):
            return f"{printable(name.removesuffix(ending))} {words}"
    return printable(name)


def _why_no_alternative(night: NightResult, name: str) -> str:
    """What the result says, else what it says of the night's own AHI."""
    of_night = night.not_measured.get("indices.ahi_per_h", NO_REASON)
    return night.not_measured.get(f"alternatives.{name}.ahi_per_h", of_night)


def _stability_line(night: NightResult) -> str:
    """One sentence: does the class hold. Empty where a class is missing."""
    if night.is_class_stable is None:
        return ""
    if night.is_class_stable:
        return f"Stable: {night.severity} under each of these rules"
    classes = {other.severity for other in night.alternatives.values()} | {night.severity}
    ordered = [name for name in SEVERITIES if name in classes]
    return f"Not stable: from {ordered[0]} to {ordered[-1]}, depending on the rules"


def _periodic_lines(night: NightResult) -> list[str]:
    """What the runs amount to; nothing where there is none."""
    summary, runs = night.cheyne_stokes, night.periodic_breathing
    if summary is None or not runs:
        return []
    lines = []
    n_known = sum(run.is_cheyne_stokes for run in runs)
    if n_known:
        lines.append(f"{amount_words(n_known, 'run')} of Cheyne-Stokes breathing")
    if n_known < len(runs):
        others = amount_words(len(runs) - n_known, "run")
        lines.append(f"{others} of a periodic breathing pattern, type of events unknown")
    verdict = {True: "meets", False: "does not meet", None: "cannot be held against"}[summary.is_met]
    lines.append(f"The night {verdict} the criterion of Cheyne-Stokes breathing: {summary.criterion}")
    if summary.reason:
        lines[-1] += f" ({printable(summary.reason)})"
    return lines


def _not_measured_lines(night: NightResult) -> list[str]:
    """One line a reason, with what is missing for it; blocks that are missing whole say so themselves."""
    by_reason: dict[str, list[str]] = {}
    measured = {row.section for row in INDEX_ROWS if index_value(night.indices, row.key) is not None}
    for row in INDEX_ROWS:
        if row.section in measured and row.section and index_value(night.indices, row.key) is None:
            labels = by_reason.setdefault(reason_for(night, row.key), [])
            if (label := _whole_label(row)) not in labels:
                labels.append(label)
    known = {f"indices.{row.key}" for row in INDEX_ROWS} | {"severity", "effort_sensor"}
    for key, reason in night.not_measured.items():
        if key not in known and not key.startswith("alternatives."):
            by_reason.setdefault(reason, []).append(key)
    return [printable(f"{reason}: {', '.join(labels)}") for reason, labels in by_reason.items()]


def _whole_label(row: IndexRow) -> str:
    """The label where a row stands alone: that of a part tells what it is a part of."""
    if not row.label.startswith(PART):
        return row.label
    whole = next(
        above.label
        for above in reversed(INDEX_ROWS[: INDEX_ROWS.index(row)])
        if above.section and not above.label.startswith(PART)
    )
    return f"{whole} ({row.label.strip()})"


def _candidate_lines(night: NightResult) -> list[str]:
    lines = []
    n_outside = sum(not event.is_counted for event in night.events)
    if n_outside:
        where = "outside the monitored time"
        if night.scoring == "edited":
            where += ", or not counted by the list"
        lines.append(f"{amount_words(n_outside, 'event')} {where}: listed, in no index")
    n_removed = sum(candidate.reason.startswith(REMOVED) for candidate in night.rejected)
    if n_removed:
        lines.append(f"{amount_words(n_removed, 'automatic event')} removed by the scorer: in the JSON")
    n_refused = len(night.rejected) - n_removed
    if n_refused:
        lines.append(
            f"{amount_words(n_refused, 'stretch', 'stretches')} of reduced breathing met no rule: "
            "each with its reason on the page for a browser and in the JSON"
        )
    return lines


def _note_lines(notes: Iterable[Note]) -> list[str]:
    counts = Counter(note.text for note in notes)
    return [printable(text) + (f" ({n} times)" if n > 1 else "") for text, n in counts.items()]
