"""Scored events against known ones: one-to-one matching and the figures of a planted night.

Spans are half-open ``[start_s, stop_s)`` in seconds from the start of the recording. Two events
match where their intersection over union (IoU) reaches a threshold and no better partner claims
either of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.agreement.matching import Matching, match_with_excuses

IOU_THRESHOLDS = (0.2, 0.5)
CLASSES = ("apnea", "hypopnea")


class ScoredEvent(NamedTuple):
    """A counted event of a scoring; a plain ``(start_s, stop_s, kind)`` tuple will do as well."""

    start_s: float
    stop_s: float
    kind: str


class Agreement(NamedTuple):
    """Counts of one night, or sums over nights. Uncertain events are in none of them."""

    n_true_positives: int
    n_false_positives: int
    n_false_negatives: int

    @property
    def precision(self) -> float:
        """Share of the scored events that are true; NaN without scored events."""
        return _ratio(self.n_true_positives, self.n_true_positives + self.n_false_positives)

    @property
    def recall(self) -> float:
        """Share of the true events that were scored; NaN without true events."""
        return _ratio(self.n_true_positives, self.n_true_positives + self.n_false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN where there is nothing to find and nothing was found."""
        return _ratio(
            2 * self.n_true_positives,
            2 * self.n_true_positives + self.n_false_positives + self.n_false_negatives,
        )

    def plus(self, other: "Agreement") -> "Agreement":
        """Counts of two nights together."""
        return Agreement(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedEvaluation:
    """A scored planted night against its truth, under one of the two rules.

    Attributes
    ----------
    n_scored, n_certain, n_uncertain, n_near_misses : int
        Counted events of the scoring; events the truth calls certain and uncertain; near misses.
    agreement : dict of float to Agreement
        One entry an IoU threshold. An event matched with an uncertain one is neither right nor
        wrong; an uncertain event that was not scored is not missed.
    classes, stored_classes : dict of str to Agreement
        Apneas alone and hypopneas alone at the lowest threshold: a hypopnea scored where an apnea is
        true is a false hypopnea and a missed apnea. Uncertain events of either class excuse. So do,
        in `classes`, events that are certain but of which the truth cannot tell whether flow falls
        enough for an apnea (``flow_by_rule``: nasal pressure, linearised or not); `stored_classes`
        takes these for what their ``kind`` says.
    ahi_per_h : float or None
        The scoring's own AHI, or its counted events over the truth's monitored hours.
    ahi_range_per_h : tuple of float
        Certain, and certain plus uncertain, events per monitored hour.
    ahi_error_per_h : float or None
        Signed distance of ``ahi_per_h`` to that range, 0 inside it. None without an AHI.
    near_misses_accepted : tuple of str
        Causes of the near misses that any scored event touches which matches no certain or
        uncertain event at the lowest threshold.
    n_on_detached : int
        Scored events of which at least half lies where the cannula was off.
    missed, false : tuple of ScoredEvent
        False negatives and false positives at the lowest threshold, to look at.
    kinds, sure_kinds : dict of (str, str) to int
        True and scored kind of the pairs at the lowest threshold; and of those whose class is sure.
    start_errors_s, stop_errors_s : tuple of float
        Scored minus true boundary of those pairs.
    """

    n_scored: int
    n_certain: int
    n_uncertain: int
    n_near_misses: int
    agreement: Mapping[float, Agreement]
    classes: Mapping[str, Agreement]
    stored_classes: Mapping[str, Agreement]
    ahi_per_h: float | None
    ahi_range_per_h: tuple[float, float]
    ahi_error_per_h: float | None
    near_misses_accepted: tuple[str, ...]
    n_on_detached: int
    missed: tuple[ScoredEvent, ...]
    false: tuple[ScoredEvent, ...]
    kinds: Mapping[tuple[str, str], int]
    sure_kinds: Mapping[tuple[str, str], int]
    start_errors_s: tuple[float, ...]
    stop_errors_s: tuple[float, ...]

    @property
    def f1(self) -> float:
        """F1 at IoU 0.2."""
        return self.agreement[IOU_THRESHOLDS[0]].f1


def evaluate_planted(
    truth: Mapping[str, Any],
    events: Sequence[tuple[float, float, str]],
    *,
    ahi_per_h: float | None = None,
    rule: str = "1b",
) -> PlantedEvaluation:
    """Compare the counted events of a scoring with a planted night's truth.

    Parameters
    ----------
    truth : mapping
        Content of a ``*.truth.json`` of the schema ``planted-night/1``.
    events : sequence of (start_s, stop_s, kind)
        The scoring's counted events (``is_counted``), any order.
    ahi_per_h : float, optional
        The scoring's own AHI; by default its events over the truth's monitored hours.
    rule : {"1b", "1a"}
        Which of the truth's two judgements holds.
    """
    scored = sorted(ScoredEvent(float(s), float(e), str(k)) for s, e, k in events)
    certain, uncertain = (_true_events(truth, rule, word) for word in ("yes", "uncertain"))
    sure = _sure_events(truth, certain)
    pairs, excused = _match(scored, certain, uncertain, IOU_THRESHOLDS[0])
    partners = {i for i, _ in pairs} | excused
    false = tuple(event for i, event in enumerate(scored) if i not in partners)
    found = {j for _, j in pairs}
    hours = float(truth["monitored_h"])
    limits = (len(certain) / hours, (len(certain) + len(uncertain)) / hours)
    ahi = ahi_per_h if ahi_per_h is not None else len(scored) / hours
    detached = [(x["start_s"], x["stop_s"]) for x in truth["excluded"] if x["cause"] == "cannula_off"]
    return PlantedEvaluation(
        n_scored=len(scored),
        n_certain=len(certain),
        n_uncertain=len(uncertain),
        n_near_misses=len(truth["near_misses"]),
        agreement={x: _agreement(scored, certain, uncertain, x) for x in IOU_THRESHOLDS},
        classes={x: _class_agreement(scored, certain, uncertain, x, sure) for x in CLASSES},
        stored_classes={x: _class_agreement(scored, certain, uncertain, x) for x in CLASSES},
        ahi_per_h=ahi,
        ahi_range_per_h=limits,
        ahi_error_per_h=_distance_to_range(ahi, limits),
        near_misses_accepted=tuple(
            miss["cause"] for miss in truth["near_misses"] if any(_is_touched(miss, x) for x in false)
        ),
        n_on_detached=sum(
            2 * sum(max(0.0, min(x.stop_s, stop) - max(x.start_s, start)) for start, stop in detached)
            >= x.stop_s - x.start_s
            for x in scored
        ),
        missed=tuple(event for j, event in enumerate(certain) if j not in found),
        false=false,
        kinds=Counter((certain[j].kind, scored[i].kind) for i, j in pairs),
        sure_kinds=Counter((certain[j].kind, scored[i].kind) for i, j in pairs if certain[j] in sure),
        start_errors_s=tuple(scored[i].start_s - certain[j].start_s for i, j in pairs),
        stop_errors_s=tuple(scored[i].stop_s - certain[j].stop_s for i, j in pairs),
    )


def class_of(kind: str) -> str:
    """``"apnea"`` or ``"hypopnea"``, whatever its type."""
    return "apnea" if kind.endswith("_apnea") else "hypopnea"


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _distance_to_range(value: float, limits: tuple[float, float]) -> float:
    return min(value - limits[0], 0.0) + max(value - limits[1], 0.0)


def _true_events(truth: Mapping[str, Any], rule: str, word: str) -> list[ScoredEvent]:
    return [
        ScoredEvent(x["start_s"], x["stop_s"], x["kind"])
        for x in truth["events"]
        if x[f"scorable_{rule}"] == word
    ]


def _spans(events: Sequence[ScoredEvent]) -> NDArray[np.float64]:
    return np.array([event[:2] for event in events], dtype=np.float64).reshape(-1, 2)


def _match(
    scored: list[ScoredEvent],
    certain: list[ScoredEvent],
    uncertain: list[ScoredEvent],
    min_iou_fraction: float,
) -> Matching:
    return match_with_excuses(
        _spans(scored), _spans(certain), _spans(uncertain), min_iou_fraction=min_iou_fraction
    )


def _agreement(
    scored: list[ScoredEvent],
    certain: list[ScoredEvent],
    uncertain: list[ScoredEvent],
    min_iou_fraction: float,
) -> Agreement:
    pairs, excused = _match(scored, certain, uncertain, min_iou_fraction)
    return Agreement(len(pairs), len(scored) - len(pairs) - len(excused), len(certain) - len(pairs))


def _sure_events(truth: Mapping[str, Any], certain: Sequence[ScoredEvent]) -> set[ScoredEvent]:
    """Certain events whose fall of flow makes them an apnea, or a hypopnea, whatever the sensor."""
    unsure = {(x["start_s"], x["stop_s"]) for x in truth["events"] if x.get("flow_by_rule") == "uncertain"}
    return {event for event in certain if event[:2] not in unsure}


def _class_agreement(
    scored: list[ScoredEvent],
    certain: list[ScoredEvent],
    uncertain: list[ScoredEvent],
    name: str,
    sure: set[ScoredEvent] | None = None,
) -> Agreement:
    """Events of one class among themselves; certain ones that are not among the sure only excuse."""
    unsure = [] if sure is None else [x for x in certain if x not in sure]
    return _agreement(
        [x for x in scored if class_of(x.kind) == name],
        [x for x in certain if class_of(x.kind) == name and x not in unsure],
        [*uncertain, *unsure],
        IOU_THRESHOLDS[0],
    )


def _is_touched(miss: Mapping[str, Any], event: ScoredEvent) -> bool:
    return bool(event.start_s < miss["stop_s"] and event.stop_s > miss["start_s"])
