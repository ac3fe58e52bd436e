"""What comparing two scorings gives, for a night."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hsat.agreement.estimates import Estimate
from hsat.events import EventKind
from hsat.recording import Note
from hsat.scorings import Scoring

__all__ = [
    "EVENT_GROUPS",
    "IOU_THRESHOLDS",
    "AhiAgreement",
    "EventAgreement",
    "KindPair",
    "NightAgreement",
    "OverlapAgreement",
    "Spread",
    "TimeAgreement",
]

IOU_THRESHOLDS = (0.0, 0.2, 0.5)
"""Least intersection over union of a pair of events; 0: any overlap."""

EVENT_GROUPS: Mapping[str, frozenset[EventKind]] = {
    "events": frozenset(EventKind),
    "apneas": frozenset(kind for kind in EventKind if kind.is_apnea),
    "obstructive_apnea": frozenset({EventKind.OBSTRUCTIVE_APNEA}),
    "central_apnea": frozenset({EventKind.CENTRAL_APNEA}),
    "mixed_apnea": frozenset({EventKind.MIXED_APNEA}),
    "unclassified_apnea": frozenset({EventKind.UNCLASSIFIED_APNEA}),
    "hypopneas": frozenset(kind for kind in EventKind if not kind.is_apnea),
}
"""Kinds that are compared together; within a group a kind does not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAgreement:
    """Events of one group, matched one to one among themselves.

    Attributes
    ----------
    n_matched : int
        True positives: pairs.
    n_false_positives, n_false_negatives : int
        Scored events without a reference event, and the reverse.
    n_excused : int
        Scored events that match no reference event but one that counts neither way; in no other count.
    precision, recall, f1 : Estimate
        Share of the scored events that are in the reference, of the reference events that were
        scored, and the harmonic mean of both.
    """

    n_matched: int
    n_false_positives: int
    n_false_negatives: int
    n_excused: int
    precision: Estimate
    recall: Estimate
    f1: Estimate

    @property
    def n_scored(self) -> int:
        """Scored events, the excused left out."""
        return self.n_matched + self.n_false_positives

    @property
    def n_reference(self) -> int:
        """Reference events."""
        return self.n_matched + self.n_false_negatives


class KindPair(NamedTuple):
    """How many matched pairs have this kind in the reference and that in the scoring."""

    reference: EventKind
    scored: EventKind
    n: int


class Spread(NamedTuple):
    """Median, 5th and 95th percentile, seconds."""

    median_s: float
    p5_s: float
    p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OverlapAgreement:
    """Events matched at one threshold.

    Attributes
    ----------
    min_iou_fraction : float
        Least intersection over union of a pair; 0: any overlap.
    groups : mapping of str to EventAgreement
        By the names in `EVENT_GROUPS`; only what both scorings could tell.
    not_compared : mapping of str to str
        The other groups, each with the reason.
    kind_pairs : tuple of KindPair
        All events matched whatever their kind: the pairs by their two kinds, most frequent first.
    start_errors_s, stop_errors_s : ndarray, shape (n_matched,), float64
        Scored minus reference boundary of those pairs, in order of the scored events.
    """

    min_iou_fraction: float
    groups: Mapping[str, EventAgreement]
    not_compared: Mapping[str, str]
    kind_pairs: tuple[KindPair, ...]
    start_errors_s: NDArray[np.float64]
    stop_errors_s: NDArray[np.float64]

    @property
    def start_error(self) -> Spread | None:
        """How far scored starts lie behind those of the reference; None without a pair."""
        return _spread(self.start_errors_s)

    @property
    def stop_error(self) -> Spread | None:
        """How far scored ends lie behind those of the reference; None without a pair."""
        return _spread(self.stop_errors_s)


def _spread(errors_s: NDArray[np.float64]) -> Spread | None:
    if len(errors_s) == 0:
        return None
    median, low, high = np.percentile(errors_s, [50.0, 5.0, 95.0]).tolist()
    return Spread(median, low, high)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeAgreement:
    """Classes of time compared step by step.

    Attributes
    ----------
    step_s : float
        1 s, or the length of an epoch.
    is_monitored_only : bool
        Whether only time is compared that is monitored in every scoring that says when.
    reason : str or None
        Why no time is compared; None where some is.
    blocks : ndarray, shape (n_blocks, 3, 3), float64
        Steps with nothing, hypopnea, apnea in the reference (rows) and the scoring (columns), for
        each five minutes.
    kappa : Estimate
        Cohen's kappa of event or nothing.
    kappa_three_classes : Estimate
        Cohen's kappa of apnea, hypopnea or nothing.
    """

    step_s: float
    is_monitored_only: bool
    reason: str | None
    blocks: NDArray[np.float64]
    kappa: Estimate
    kappa_three_classes: Estimate

    @property
    def compared_h(self) -> float:
        """Hours compared."""
        return float(self.blocks.sum()) * self.step_s / 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AhiAgreement:
    """The AHI of both scorings.

    Attributes
    ----------
    scored_per_h, reference_per_h : float or None
    difference_per_h : float or None
        Scored minus reference.
    reference_upper_per_h : float or None
        The reference's AHI with the events that count neither way.
    range_error_per_h : float or None
        Signed distance of the scored AHI to the range from ``reference_per_h`` to
        ``reference_upper_per_h``; 0 inside it.
    scored_severity, reference_severity : str or None
        Classes of the two AHIs by one rule set.
    """

    scored_per_h: float | None
    reference_per_h: float | None
    difference_per_h: float | None
    reference_upper_per_h: float | None
    range_error_per_h: float | None
    scored_severity: str | None
    reference_severity: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NightAgreement:
    """Two scorings of one night compared.

    Attributes
    ----------
    scored, reference : Scoring
    overlaps : tuple of OverlapAgreement
        One for each of `IOU_THRESHOLDS`.
    times : tuple of TimeAgreement
        Seconds of the whole recording and of monitored time, then, where asked for, epochs of both.
    ahi : AhiAgreement
    not_measured : mapping of str to str
        A reason for each None in `ahi`, by its path (``"ahi.scored_per_h"``).
    notes : tuple of Note
        What was assumed, and what looks odd.
    """

    scored: Scoring
    reference: Scoring
    overlaps: tuple[OverlapAgreement, ...]
    times: tuple[TimeAgreement, ...]
    ahi: AhiAgreement
    not_measured: Mapping[str, str]
    notes: tuple[Note, ...]

    @property
    def name(self) -> str:
        """What the night is called: the name of the scored file."""
        return self.scored.name

    @property
    def patient(self) -> str | None:
        """Pseudonymous code of the patient, if either scoring has one."""
        return self.scored.patient or self.reference.patient
