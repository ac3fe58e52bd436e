"""What several nights say of one patient: the nights, the posterior, the summary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hsat.recording import Note, SourceFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "AhiPosterior",
    "AhiTrend",
    "DailySeries",
    "ExcludedNight",
    "NamedRule",
    "PatientGroup",
    "PatientNight",
    "PatientSummary",
    "PositionSummary",
    "ScoredNight",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredNight:
    """What a summary over nights needs of one of them, from a result or from its stored document.

    Attributes
    ----------
    file : str
        As given by the user; of several files the first.
    start_local : datetime or None
    duration_s : float
        Length of the recording, gaps included.
    patient : str or None
        Pseudonym, or the code that the user gave.
    recorder : str or None
        Same for two files of one recorder, within one process or one batch's ledger; never shown.
    is_card : bool
        Whether the file lies on a card that a device writes for one patient.
    sex : str or None
        ``"F"`` or ``"M"``.
    therapy : str
        ``"none"``, ``"pap"``, ``"appliance"`` or ``"unknown"``.
    rules_id : str or None
    scoring : str
        ``"automatic"``, ``"edited"``, or ``"device"`` where the device itself counted.
    denominator : str
        ``"monitoring"``, ``"sleep"``, or ``"usage"`` of a treatment device.
    monitoring_h : float
        Hours that events could be judged in: the denominator of the AHI.
    n_events : int or None
        Apneas and hypopneas that count; None without an AHI.
    ahi_per_h : float or None
    no_ahi_reason : str or None
        Why there is no AHI.
    severity : str or None
    no_class_reason : str or None
        Why there is no class.
    adequacy : str
    is_graded_by_hours : bool
        Whether the hours alone decide on adequacy, as where the AHI needs no SpO2.
    reasons : tuple of str
        Why the night is less than adequate, or has no class.
    supine_h, non_supine_h, supine_ahi_per_h, non_supine_ahi_per_h : float or None
    source : SourceFile or None
        The files, where they are at hand: two nights that may be copies are compared by content.
    sha256 : str or None
        Checksum of the recording, where it is known already.
    """

    file: str
    start_local: datetime | None
    duration_s: float
    patient: str | None = None
    recorder: str | None = field(default=None, repr=False)
    is_card: bool = False
    sex: str | None = None
    therapy: str = "unknown"
    rules_id: str | None = None
    scoring: str = "automatic"
    denominator: str = "monitoring"
    monitoring_h: float
    n_events: int | None
    ahi_per_h: float | None
    no_ahi_reason: str | None = None
    severity: str | None = None
    no_class_reason: str | None = None
    adequacy: str
    is_graded_by_hours: bool = False
    reasons: tuple[str, ...] = ()
    supine_h: float | None = None
    non_supine_h: float | None = None
    supine_ahi_per_h: float | None = None
    non_supine_ahi_per_h: float | None = None
    source: SourceFile | None = field(default=None, repr=False)
    sha256: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientGroup:
    """The nights of one patient among many nights.

    Attributes
    ----------
    patient : str or None
        What to call the patient: the code that was given, the pseudonym of the header's code, or the
        name of the folder. None where nothing names the patient.
    grouped_by : str
        Why these nights are one patient's: ``"given"`` (the user named the patient), ``"code"``
        (the header's), ``"folder"``, ``"card"`` (a device writes it for one patient), or
        ``"alone"`` (nothing says whose night it is).
    members : tuple of int
        Places of the nights in the sequence that was grouped, in their order.
    notes : tuple of Note
        What contradicts the grouping.
    """

    patient: str | None
    grouped_by: str
    members: tuple[int, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientNight:
    """One night as it enters the summary of a patient.

    Attributes
    ----------
    file : str
        As given by the user.
    start_local : datetime or None
    day : int or None
        Calendar nights (noon to noon) since the first night of the summary; None without a date.
    monitoring_h : float
        Hours that events could be judged in: the denominator of the night's AHI.
    n_events : int
        Apneas and hypopneas.
    ahi_per_h : float
    severity : str or None
        The class that this night alone would have given.
    scoring : str
        ``"automatic"``, ``"edited"``, or ``"device"``.
    adequacy : str
        ``"adequate"`` or ``"partial"``; inadequate nights are excluded.
    is_adequate : bool
    reasons : tuple of str
        Why the night is less than adequate.
    supine_fraction : float or None
        Share of the judged time in a known position that was spent supine; None without a position channel.
    supine_ahi_per_h, non_supine_ahi_per_h : float or None
    supine_h, non_supine_h : float or None
    """

    file: str
    start_local: datetime | None
    day: int | None
    monitoring_h: float
    n_events: int
    ahi_per_h: float
    severity: str | None
    scoring: str = "automatic"
    adequacy: str
    is_adequate: bool
    reasons: tuple[str, ...] = ()
    supine_fraction: float | None = None
    supine_ahi_per_h: float | None = None
    non_supine_ahi_per_h: float | None = None
    supine_h: float | None = None
    non_supine_h: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedNight:
    """A night that is no part of the summary, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DailySeries:
    """The days that a treatment device sums up on its card.

    Attributes
    ----------
    file : str
        As given by the user.
    nights : tuple of ScoredNight
        Days with an AHI, in order of time: the device's own count, per hour of use.
    excluded : tuple of ExcludedNight
        Days without.
    """

    file: str
    nights: tuple[ScoredNight, ...]
    excluded: tuple[ExcludedNight, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AhiPosterior:
    """What the nights say of the patient's true mean AHI.

    Attributes
    ----------
    prior : str
        Name of the prior.
    model : str
        ``"default"`` or ``"independent"``.
    mean_ahi_per_h : float
        Posterior mean of the true mean AHI, events per hour.
    median_ahi_per_h : float
    ci95_ahi_per_h : (float, float)
        Central 95 % credible interval.
    class_probability : mapping of str to float
        ``"normal"``, ``"mild"``, ``"moderate"``, ``"severe"``; sums to 1. Empty where adult classes do not
        apply.
    severity : str or None
        The most probable class; None where adult classes do not apply.
    is_firm : bool
        Whether that class has a probability of at least 0.9; of 0.95 with one or two nights.
    p_misclassified : float or None
        Probability that another class is the true one.
    night_to_night_cv : float
        Posterior mean of the coefficient of variation between nights.
    night_to_night_correlation : float or None
        Posterior mean of the correlation of one night with the next; None in the independent model.
    log_evidence : float
        Natural logarithm of the probability of the counts under prior and model: the difference of two
        such figures, with a night and without, is the log score of that night's prediction.
    grid_ahi_per_h, density : ndarray, shape (n,), float64
        The posterior itself, a density over AHI (per unit of AHI), for drawing.
    next_night : callable
        Computes `next_night_ci95` when it is asked for.
    further_nights : callable or None
        Computes `nights_needed` when it is asked for; None where adult classes do not apply.
    not_measured : mapping of str to str
        A reason for every None and for an empty `class_probability`.
    """

    prior: str
    model: str
    mean_ahi_per_h: float
    median_ahi_per_h: float
    ci95_ahi_per_h: tuple[float, float]
    class_probability: Mapping[str, float]
    severity: str | None
    is_firm: bool
    p_misclassified: float | None
    night_to_night_cv: float
    night_to_night_correlation: float | None
    log_evidence: float
    grid_ahi_per_h: NDArray[np.float64]
    density: NDArray[np.float64]
    next_night: Callable[[], tuple[float, float]] = field(repr=False, compare=False)
    further_nights: Callable[[], int | None] | None = field(default=None, repr=False, compare=False)
    not_measured: Mapping[str, str] = field(default_factory=dict)

    @property
    def next_night_ci95(self) -> tuple[float, float]:
        """Shortest 95 % predictive interval of the observed AHI of a night on the next day.

        The night is meant to have the mean length. Computed when asked for: it takes as long as everything
        that precedes it.
        """
        return self.next_night()

    @property
    def nights_needed(self) -> int | None:
        """Median number of further nights until some class is firm.

        Consecutive nights of the mean length are meant. 0 where a class has it already; None where
        the median lies beyond 30 nights or adult classes do not apply. Computed when first asked for,
        since it takes longer than everything else together.
        """
        if self.further_nights is None:
            return None
        return 0 if self.is_firm else self.further_nights()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSummary:
    """AHI by position over all nights that tell the position.

    Attributes
    ----------
    n_nights : int
        Nights with a position channel.
    supine_h, non_supine_h : float
        Judged hours.
    supine_fraction : float or None
        Share of the hours in a known position that was supine; None without such hours.
    supine_ahi_per_h, non_supine_ahi_per_h : float or None
        All events in the position over all hours in it; None where no night had enough time in it.
    """

    n_nights: int
    supine_h: float
    non_supine_h: float
    supine_fraction: float | None
    supine_ahi_per_h: float | None
    non_supine_ahi_per_h: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AhiTrend:
    """Whether the AHI rises or falls over the nights, beyond what correlated nights do by chance.

    Attributes
    ----------
    direction : str or None
        ``"rising"``, ``"falling"``, or None where no trend is shown.
    p_value : float or None
        How often correlated nights without a trend look as much like one; None where it was not tested.
    rank_correlation : float or None
        Spearman's, of AHI with date.
    reason : str or None
        Why it was not tested.
    """

    direction: str | None
    p_value: float | None
    rank_correlation: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRule:
    """What another way to sum up the nights would say: shown on request, beside the posterior.

    Attributes
    ----------
    name : str
        ``"worst-night"``, ``"first-night"`` or ``"mean-of-nights"``.
    ahi_per_h : float
    severity : str or None
        None where adult classes do not apply.
    warning : str
        What is known of its mistakes.
    """

    name: str
    ahi_per_h: float
    severity: str | None
    warning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientSummary:
    """Several nights of one patient.

    Attributes
    ----------
    patient : str or None
        Pseudonym, or the code that the user gave.
    rules_id : str or None
        The rule set that every night was scored by.
    nights : tuple of PatientNight
        In order of time.
    excluded : tuple of ExcludedNight
    pooled_ahi_per_h : float or None
        All events over all hours; None without a night.
    mean_ahi_per_h, median_ahi_per_h, sd_ahi_per_h : float or None
        Of the nights, each counting once; the SD from two nights on.
    range_ahi_per_h : (float, float) or None
    posterior : AhiPosterior or None
        None without a night.
    therapy : str or None
        Treatment on the nights, which are all alike in it: ``"none"``, ``"pap"``, ``"appliance"`` or
        ``"unknown"``; None without a night.
    denominator : str or None
        What the AHI is per hour of: ``"monitoring"``, ``"sleep"`` or ``"usage"``.
    class_under_priors : mapping of str to (mapping of str to float)
        The probability of each class under each prior: how much the answer hangs on it.
    position : PositionSummary or None
        None where no night tells the position.
    trend : AhiTrend or None
        None without a night.
    named_rule : NamedRule or None
        None where none was asked for.
    not_measured : mapping of str to str
        A reason for every None.
    notes : tuple of Note
    """

    patient: str | None
    rules_id: str | None
    nights: tuple[PatientNight, ...]
    excluded: tuple[ExcludedNight, ...]
    pooled_ahi_per_h: float | None
    mean_ahi_per_h: float | None
    median_ahi_per_h: float | None
    sd_ahi_per_h: float | None
    range_ahi_per_h: tuple[float, float] | None
    posterior: AhiPosterior | None
    therapy: str | None = None
    denominator: str | None = None
    class_under_priors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    position: PositionSummary | None = None
    trend: AhiTrend | None = None
    named_rule: NamedRule | None = None
    not_measured: Mapping[str, str]
    notes: tuple[Note, ...] = ()

    def plot(self) -> "Figure":
        """Draw the nights beside the posterior: see `hsat.report.patient_plots.plot_patient`."""
        from hsat.report.patient_plots import plot_patient

        return plot_patient(self)
