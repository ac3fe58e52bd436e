"""Real recordings with labels: our scoring beside what a device or a person marked.

A label is a row ``start_s,stop_s,kind`` of a ``*.truth.csv``. Events and labels are matched one to one
at any overlap: the stamps of devices and of older laboratories are seconds off.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import hsat
from benchmarks.matching import Agreement
from hsat.agreement import match_events
from hsat.agreement.estimates import Estimate, wilson_estimate
from hsat.agreement.kappa import Grid
from hsat.agreement.night import compare_nights
from hsat.events import EventKind, RejectedCandidate, RespiratoryEvent
from hsat.hypnogram import SLEEP_STAGES, Hypnogram
from hsat.intervals import overlaps_s, total_s
from hsat.results import NightResult
from hsat.rules.model import ScoringRules
from hsat.scorings import ScoredEvent, Scoring

__all__ = [
    "ApneaMatch",
    "Label",
    "RealNight",
    "ap_apneas",
    "epoch_kappas",
    "falls_and_events",
    "hypnogram_of",
    "match_apneas",
    "read_labels",
    "read_nights",
    "reference_rates",
    "touched_epochs",
    "why_missed",
]

RESMED, AP, UCD, SLP60 = "resmed-joined", "ap", "ucd", "slp60"
LARGEST_SET = "cpappy"
"""One recording holds two thirds of the device's apneas: everything is given with and without it."""

FALL_POINTS = 3.0
BEFORE_S, AFTER_S = 5.0, 50.0
"""A fall belongs to a human event where its nadir lies from 5 s before to 50 s after the event's end."""

EPOCH_S = 30.0
SHIFTS_S = (-10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)


class Label(NamedTuple):
    """An event that somebody else marked."""

    start_s: float
    stop_s: float
    kind: str

    @property
    def is_apnea(self) -> bool:
        """Whether the kind is one of the apnea kinds."""
        return self.kind.endswith("_apnea")


@dataclass(frozen=True, kw_only=True)
class RealNight:
    """A recording with labels, scored.

    Attributes
    ----------
    folder, name : str
        Which set, which recording.
    path : Path
    labels : tuple of Label
    rules : ScoringRules
    """

    folder: str
    name: str
    path: Path
    labels: tuple[Label, ...]
    rules: ScoringRules

    @cached_property
    def result(self) -> NightResult:
        """Our scoring."""
        return hsat.score_night(hsat.read_recording(str(self.path)), self.rules)

    @property
    def recorded_h(self) -> float:
        """Hours that were recorded, gaps left out."""
        recording = self.result.recording
        return (recording.duration_s - total_s(recording.gaps_s)) / 3600.0

    @property
    def counted(self) -> list[RespiratoryEvent]:
        """Our events that count."""
        return [event for event in self.result.events if event.is_counted]

    @property
    def apneas(self) -> list[RespiratoryEvent]:
        """Our apneas that count."""
        return [event for event in self.counted if event.kind.is_apnea]

    @property
    def labelled_apneas(self) -> list[Label]:
        """Labels that are apneas."""
        return [label for label in self.labels if label.is_apnea]

    def near(self, label: Label) -> tuple[list[RespiratoryEvent], list[RejectedCandidate]]:
        """Our counted events and our rejected candidates that a label touches."""
        events = [x for x in self.counted if x.start_s < label.stop_s and x.stop_s > label.start_s]
        rejected = [x for x in self.result.rejected if x.start_s < label.stop_s and x.stop_s > label.start_s]
        return events, rejected


def read_labels(path: Path) -> tuple[Label, ...]:
    """Rows of a file ``start_s,stop_s,kind``."""
    with open(path, newline="") as file:
        return tuple(Label(float(r["start_s"]), float(r["stop_s"]), r["kind"]) for r in csv.DictReader(file))


def read_nights(folder: Path, rules: str = "aasm_1b", *, only: str = "*") -> list[RealNight]:
    """All recordings with labels of the sets in a folder, scored when first asked."""
    loaded = hsat.load_rules(rules)
    nights = []
    for path in sorted(folder.glob(f"{only}/*.truth.csv")):
        name = path.name.removesuffix(".truth.csv")
        nights.append(
            RealNight(
                folder=path.parent.name,
                name=name,
                path=path.with_name(f"{name}.edf"),
                labels=read_labels(path),
                rules=loaded,
            )
        )
    return nights


# ------------------------------------------------------------------------ apneas of a device


class ApneaMatch(NamedTuple):
    """Our apneas against labelled ones; pairs by row."""

    pairs: list[tuple[int, int]]
    missed: list[Label]
    false: list[RespiratoryEvent]

    @property
    def agreement(self) -> Agreement:
        """Counts."""
        return Agreement(len(self.pairs), len(self.false), len(self.missed))


def match_apneas(night: RealNight) -> ApneaMatch:
    """Apneas against labelled apneas, one to one, any overlap."""
    ours, theirs = night.apneas, night.labelled_apneas
    pairs = match_events(_spans(ours), _spans(theirs), min_iou_fraction=0.0)
    used, found = {i for i, _ in pairs}, {j for _, j in pairs}
    return ApneaMatch(
        pairs,
        [x for j, x in enumerate(theirs) if j not in found],
        [x for i, x in enumerate(ours) if i not in used],
    )


def _spans(events: Iterable[Label | RespiratoryEvent]) -> list[tuple[float, float]]:
    return [(event.start_s, event.stop_s) for event in events]


def why_missed(night: RealNight, label: Label) -> str:
    """What stands in the place of a label that has no apnea of ours: the clause, without its values."""
    events, rejected = night.near(label)
    if events:
        return "its event is matched with a neighbour" if any(x.kind.is_apnea for x in events) else "hypopnea"
    if rejected:
        longest = max(rejected, key=lambda x: min(x.stop_s, label.stop_s) - max(x.start_s, label.start_s))
        return longest.reason.split(":")[0].split(" ")[0].rstrip(",;")
    return "no candidate"


def why_false(night: RealNight, event: RespiratoryEvent) -> str:
    """What the labels say where an apnea of ours has no partner."""
    near = {x.kind for x in night.labels if x.start_s < event.stop_s and x.stop_s > event.start_s}
    if not near:
        return "nothing labelled"
    return (
        "a second apnea within one label" if any(x.endswith("_apnea") for x in near) else "a hypopnea there"
    )


# ------------------------------------------------------------------------ labelled apneas of a laboratory


class LabelledApnea(NamedTuple):
    """A labelled apnea and what we make of its place."""

    night: str
    label: Label
    events: list[RespiratoryEvent]
    rejected: list[RejectedCandidate]

    @property
    def is_scored(self) -> bool:
        """Whether any event of ours that counts touches it."""
        return bool(self.events)

    @property
    def is_candidate(self) -> bool:
        """Whether it is scored, or refused with a reason."""
        return bool(self.events or self.rejected)


def ap_apneas(nights: Sequence[RealNight]) -> list[LabelledApnea]:
    """Every labelled apnea of the nights."""
    return [
        LabelledApnea(night.name, label, *night.near(label))
        for night in nights
        for label in night.labelled_apneas
    ]


# ------------------------------------------------------------------------ human events and falls of SpO2


class FallCounts(NamedTuple):
    """Human events, those with a fall of ours; our falls, those with a human event."""

    n_events: int
    n_events_with_fall: int
    n_falls: int
    n_falls_with_event: int


def falls_and_events(night: RealNight, min_drop_points: float = FALL_POINTS) -> FallCounts:
    """Falls whose nadir lies about the end of a human event, and the reverse."""
    nadirs_s = np.array([x.nadir_s for x in night.result.desaturations if x.drop_points >= min_drop_points])
    stops_s = np.array([label.stop_s for label in night.labels])
    lag_s = nadirs_s[None, :] - stops_s[:, None]
    belongs = (lag_s >= -BEFORE_S) & (lag_s <= AFTER_S)
    return FallCounts(
        len(stops_s), int(belongs.any(axis=1).sum()), len(nadirs_s), int(belongs.any(axis=0).sum())
    )


# ------------------------------------------------------------------------ epochs


def touched_epochs(n_epochs: int, events: Iterable[Label | RespiratoryEvent]) -> NDArray[np.bool_]:
    """Epochs of 30 s that any of the events touches, shape (n_epochs,)."""
    return Grid(EPOCH_S, n_epochs, is_epoch=True).mask(np.array(_spans(events), dtype=np.float64))


class EpochKappa(NamedTuple):
    """A way to call an epoch ours, and Cohen's kappa with the labelled epochs."""

    mapping: str
    kappa: Estimate
    n_epochs: int
    n_ours: int
    n_theirs: int


def epoch_kappas(night: RealNight) -> list[EpochKappa]:
    """Kappa of 30 s epochs: every epoch, judged ones, with the consequence, and shifted in time."""
    listed, counted = night.result.events, night.counted
    whole = [_scored(event) for event in listed]
    to_nadir = [
        _scored(x, stop_s=max(x.stop_s, x.desaturation.nadir_s) if x.desaturation else x.stop_s)
        for x in listed
    ]
    rows = [
        _kappa(night, whole, "an event touches the epoch", is_judged=False),
        _kappa(
            night, [_scored(x) for x in counted], "the same, events in judged time alone", is_judged=False
        ),
        _kappa(night, whole, "the same, epochs in judged time alone", is_judged=True),
        _kappa(night, to_nadir, "the event or its fall of SpO2, up to the nadir", is_judged=False),
        _kappa(night, to_nadir, "the same, epochs in judged time alone", is_judged=True),
    ]
    shifted = [
        _kappa(
            night, [_scored(x, shift_s=s) for x in listed], f"an event, shifted by {s:+g} s", is_judged=False
        )
        for s in SHIFTS_S
    ]
    return rows + shifted


def _scored(event: RespiratoryEvent, *, stop_s: float | None = None, shift_s: float = 0.0) -> ScoredEvent:
    stop_s = event.stop_s if stop_s is None else stop_s
    start_s = max(event.start_s + shift_s, 0.0)
    return ScoredEvent(kind=event.kind, start_s=start_s, stop_s=max(stop_s + shift_s, start_s + 0.01))


def _kappa(night: RealNight, events: Sequence[ScoredEvent], mapping: str, *, is_judged: bool) -> EpochKappa:
    labels = [
        ScoredEvent(kind=EventKind(label.kind), start_s=label.start_s, stop_s=label.stop_s)
        for label in night.labels
    ]
    result = night.result
    ours = Scoring(
        source_path=night.name,
        format="memory",
        events=tuple(events),
        duration_s=result.recording.duration_s,
        monitored_h=result.monitored.monitoring_h,
        monitored_spans_s=result.monitored.spans_s,
    )
    theirs = Scoring(
        source_path=night.name,
        format="epoch labels",
        events=tuple(labels),
        duration_s=result.recording.duration_s,
    )
    times = compare_nights(ours, theirs, epoch_s=EPOCH_S).times
    time = next(x for x in times if x.step_s == EPOCH_S and x.is_monitored_only is is_judged)
    counts = time.blocks.sum(axis=0)
    return EpochKappa(
        mapping,
        time.kappa,
        int(counts.sum()),
        int(counts[:, 1:].sum()),
        int(counts[1:, :].sum()),
    )


# ------------------------------------------------------------------------ rates


class Rates(NamedTuple):
    """Labelled events an hour beside ours."""

    night: RealNight
    what: str
    reference_per_h: float
    ours_per_h: float | None

    @property
    def difference_per_h(self) -> float | None:
        """Ours minus the reference."""
        return None if self.ours_per_h is None else self.ours_per_h - self.reference_per_h


def reference_rates(nights: Sequence[RealNight]) -> list[Rates]:
    """The rate that can be compared in each recording: apneas, falls of 3 points, or all events.

    Where the laboratory's hypnogram is there, events an hour of sleep, too.
    """
    rates = []
    for night in nights:
        indices = night.result.indices
        if night.folder == RESMED:
            n, what, ours = len(night.labelled_apneas), "device's / our apneas", indices.apnea_index_per_h
        elif night.folder == UCD:
            n, what, ours = len(night.labels), "human events / our ODI3", indices.odi3_per_h
        elif night.folder == SLP60:
            n, what, ours = len(night.labels), "labelled epochs / our AHI", indices.ahi_per_h
        else:
            n, what, ours = len(night.labels), "labelled events / our AHI", indices.ahi_per_h
        rates.append(Rates(night, what, n / night.recorded_h, ours))
        rates += _rates_of_sleep(night)
    return rates


def hypnogram_of(night: RealNight) -> Hypnogram | None:
    """The stages that a laboratory exported beside its recording; None where it exported none."""
    paths = sorted(night.path.parent.glob(f"{night.name} Sleep profile*"))
    return hsat.read_hypnogram(paths[0], hsat.read_recording(str(night.path))) if paths else None


def _rates_of_sleep(night: RealNight) -> list[Rates]:
    """Events an hour of sleep, by the stages that a laboratory exported beside its recording."""
    hypnogram = hypnogram_of(night)
    if hypnogram is None:
        return []
    result = hsat.score_night(hsat.read_recording(str(night.path)), night.rules, hypnogram=hypnogram)
    sleep_s = hypnogram.spans_s(*SLEEP_STAGES)
    n_asleep = int((overlaps_s(np.array(_spans(night.labels)), sleep_s) > 0.0).sum())
    what = "the same per hour of sleep"
    return [Rates(night, what, 3600.0 * n_asleep / total_s(sleep_s), result.indices.ahi_per_h)]


def recall_of(hits: int, n: int) -> Estimate:
    """A share with Wilson's interval."""
    return wilson_estimate(hits, n, nothing="no such event")


def count_reasons(reasons: Iterable[str]) -> str:
    """Reasons with their numbers, most frequent first."""
    return ", ".join(f"{n} {reason}" for reason, n in Counter(reasons).most_common()) or "none"
