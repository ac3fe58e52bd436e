"""What is true of a simulated night, and the definitions it is measured with."""

from collections.abc import Mapping
from dataclasses import dataclass

from hsat.events import EventKind
from hsat.simulate.options import Recorder

__all__ = ["MeasuredDrop", "NearMiss", "NightTruth", "OffSpan", "TrueEvent", "TruthLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthLimits:
    """The definitions that the truth is measured with, apart from the rule sets under test.

    Attributes
    ----------
    hypopnea_reduction_fraction, apnea_reduction_fraction : float
        Least fall of excursion (Berry 2012, J Clin Sleep Med 8:597: 30 % and 90 %).
    min_duration_s : float
        Least duration of an event, and of the apneic part of an apnea (Berry 2012: 10 s).
    drop_1b_points, drop_1a_points : float
        Least desaturation of a hypopnea (Berry 2012: 4 points, rule 1B; 3 points, rule 1A).
    baseline_s : float
        Breathing before the event that it is compared with (AASM 2007: 2 minutes).
    clear_reduction_fraction : float
        A breath is clearly reduced from here on (ours; Berry 2012 gives no number). For shallower
        falls `clear_share` of the deepest planted reduction, if that is less.
    clear_share : float
        See `clear_reduction_fraction`.
    doubt_fraction, doubt_s : float
        A verdict that changes when the limits on flow move by this share, or the limit on
        duration by these seconds, is uncertain (ours).
    held_s : float
        A peak of SpO2 counts as held after this long (the project's own rule).
    before_s, after_s : float
        SpO2 peaks are sought this long before the fall of an event arrives, nadirs until this
        long after its end has arrived (the project's own rule allows 60 s; the planted falls are
        over sooner).
    """

    hypopnea_reduction_fraction: float = 0.30
    apnea_reduction_fraction: float = 0.90
    min_duration_s: float = 10.0
    drop_1b_points: float = 4.0
    drop_1a_points: float = 3.0
    baseline_s: float = 120.0
    clear_reduction_fraction: float = 0.25
    clear_share: float = 0.6
    doubt_fraction: float = 0.03
    doubt_s: float = 0.5
    held_s: float = 3.0
    before_s: float = 30.0
    after_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDrop:
    """Fall of the stored SpO2, whole points: from its peak, and from the highest value held 3 s."""

    from_peak: float
    from_held_peak: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueEvent:
    """A planted event that is, or may be, scorable.

    Attributes
    ----------
    kind : EventKind
        As its effort was planted; ``unclassified_apnea`` where no belt was recorded.
    start_s, stop_s : float
        Onset of the first clearly reduced breath to onset of the first breath near baseline.
    flow_by_rule : str
        ``"apnea"``, ``"hypopnea"``, ``"none"`` or ``"uncertain"``: what the fall of flow makes it.
    flow_reduction_fraction : mapping of str to float
        Mean of the breaths, ``"recorded"`` and for nasal pressure ``"linearised"``.
    measured_drop_points : MeasuredDrop or None
        None without an oximeter, or with no valid value where the fall must be.
    scorable_1b, scorable_1a : str
        ``"yes"``, ``"no"`` or ``"uncertain"``.
    """

    kind: EventKind
    start_s: float
    stop_s: float
    flow_by_rule: str
    flow_reduction_fraction: Mapping[str, float]
    measured_drop_points: MeasuredDrop | None
    scorable_1b: str
    scorable_1a: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """Something that must not be scored under rule 1B; artifacts have no measures."""

    cause: str
    start_s: float
    stop_s: float
    flow_reduction_fraction: Mapping[str, float] | None = None
    measured_drop_points: MeasuredDrop | None = None
    scorable_1a: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffSpan:
    """Time that is not monitored: ``"cannula_off"``, ``"probe_off"`` or ``"upright"``."""

    cause: str
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NightTruth:
    """Everything that is true of a simulated night.

    Attributes
    ----------
    seed : int
    duration_s, monitored_h : float
    circulation_delay_s : float
        Planted lag of SpO2 behind breathing, without the oximeter's averaging.
    events : tuple of TrueEvent
    near_misses : tuple of NearMiss
    excluded : tuple of OffSpan
    recorder : Recorder
    """

    seed: int
    duration_s: float
    monitored_h: float
    circulation_delay_s: float
    events: tuple[TrueEvent, ...]
    near_misses: tuple[NearMiss, ...]
    excluded: tuple[OffSpan, ...]
    recorder: Recorder

    @property
    def ahi_1b_per_h(self) -> float:
        """Certain events with at least four points per monitored hour."""
        return sum(event.scorable_1b == "yes" for event in self.events) / self.monitored_h

    @property
    def ahi_1a_per_h(self) -> float:
        """Certain events with at least three points per monitored hour, near misses among them."""
        certain = sum(event.scorable_1a == "yes" for event in self.events)
        certain += sum(miss.scorable_1a == "yes" for miss in self.near_misses)
        return certain / self.monitored_h

    @property
    def n_uncertain_1b(self) -> int:
        """Events that count neither way under rule 1B."""
        return sum(event.scorable_1b == "uncertain" for event in self.events)
