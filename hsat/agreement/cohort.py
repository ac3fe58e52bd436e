"""`summarize_agreement`: two scorings compared over many nights."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hsat.agreement.concordance import MIN_NIGHTS, bland_altman, intraclass_correlation
from hsat.agreement.estimates import Estimate, bootstrap_estimate, wilson_estimate
from hsat.agreement.kappa import NO_KAPPA, kappa, to_two_classes
from hsat.agreement.results import (
    EVENT_GROUPS,
    EventAgreement,
    KindPair,
    NightAgreement,
    OverlapAgreement,
    TimeAgreement,
)
from hsat.events import EventKind
from hsat.recording import Note

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["SEVERITIES", "AhiCohort", "CohortAgreement", "SeverityCohort", "summarize_agreement"]

SEVERITIES = ("normal", "mild", "moderate", "severe")
ONE_CLASS = "kappa is not defined: both scorings give every night one and the same class"
FEW_PATIENTS = 20
"""Ours: percentile intervals from fewer units are known to come out too narrow."""

Figure = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From sums over units, a row a resample, to the figure of each row."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AhiCohort:
    """The AHI over the nights that have one from both scorings.

    Attributes
    ----------
    nights : tuple of int
        Which nights these are: places in `CohortAgreement.nights`.
    scored_per_h, reference_per_h : ndarray, shape (n,), float64
    bias_per_h : Estimate
        Mean of scored minus reference.
    sd_per_h : float or None
        Standard deviation of the differences.
    lower_limit_per_h, upper_limit_per_h : Estimate
        95 % limits of agreement.
    mean_absolute_error_per_h : Estimate
    mean_absolute_range_error_per_h : Estimate
        The same of `AhiAgreement.range_error_per_h`: events that count neither way cost nothing.
    icc : Estimate
        ICC(2,1), absolute agreement.
    """

    nights: tuple[int, ...]
    scored_per_h: NDArray[np.float64]
    reference_per_h: NDArray[np.float64]
    bias_per_h: Estimate
    sd_per_h: float | None
    lower_limit_per_h: Estimate
    upper_limit_per_h: Estimate
    mean_absolute_error_per_h: Estimate
    mean_absolute_range_error_per_h: Estimate
    icc: Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeverityCohort:
    """The class over the nights that have one from both scorings.

    Attributes
    ----------
    table : ndarray, shape (4, 4), int64
        Nights by class in the reference (rows) and the scoring (columns), in order of `SEVERITIES`.
    accuracy : Estimate
        Share of nights with the same class.
    kappa_linear, kappa_quadratic : Estimate
        Cohen's kappa weighted by the distance in classes, and by its square.
    """

    table: NDArray[np.int64]
    accuracy: Estimate
    kappa_linear: Estimate
    kappa_quadratic: Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CohortAgreement:
    """Two scorings compared over many nights.

    Attributes
    ----------
    nights : tuple of NightAgreement
    n_patients : int
        What was resampled: patients where a scoring names them, each other night on its own.
    ahi : AhiCohort
    severity : SeverityCohort
    overlaps : tuple of OverlapAgreement
        Events of all nights together, one for each threshold; a group is that of the nights in
        which it was compared.
    times : tuple of TimeAgreement
        Time of all nights together; ``blocks`` holds one table a patient.
    notes : tuple of Note
        How far the intervals can be trusted, and which nights are missing from what.
    """

    nights: tuple[NightAgreement, ...]
    n_patients: int
    ahi: AhiCohort
    severity: SeverityCohort
    overlaps: tuple[OverlapAgreement, ...]
    times: tuple[TimeAgreement, ...]
    notes: tuple[Note, ...]

    def plot(self) -> "Drawing":
        """Draw the differences of the AHI: see `hsat.report.agreement_plots.plot_bland_altman`."""
        from hsat.report.agreement_plots import plot_bland_altman

        return plot_bland_altman(self)


def summarize_agreement(nights: Sequence[NightAgreement]) -> CohortAgreement:
    """Summarize nights that were compared one by one.

    Parameters
    ----------
    nights : sequence of NightAgreement
        From `compare_nights`, all with the same ``epoch_s``.

    Returns
    -------
    CohortAgreement
        A figure that needs more nights than there are is None with its reason.

    Raises
    ------
    ValueError
        Where `nights` were compared with different epochs.

    Notes
    -----
    Intervals of MAE, kappas and pooled event figures come from a bootstrap over patients, because
    the events of a night, and the nights of a patient, resemble each other. Those of bias, limits
    and ICC come from formulas that take every night for independent.
    """
    nights = tuple(nights)
    if len({tuple(time.step_s for time in night.times) for night in nights}) > 1:
        raise ValueError("nights: expected all compared with one epoch_s, got several")
    patients = _patients(nights)
    ahi = _ahi(nights, patients)
    severity = _severity(nights, patients)
    return CohortAgreement(
        nights=nights,
        n_patients=len(set(patients)),
        ahi=ahi,
        severity=severity,
        overlaps=tuple(
            _pool_overlaps(at_one, patients) for at_one in zip(*(x.overlaps for x in nights), strict=True)
        ),
        times=tuple(_pool_times(at_one, patients) for at_one in zip(*(x.times for x in nights), strict=True)),
        notes=tuple(_notes(nights, patients, ahi, severity)),
    )


def _patients(nights: Sequence[NightAgreement]) -> list[int]:
    """A number for the patient of each night; a night without a code is a patient of its own."""
    numbers: dict[str | int, int] = {}
    keys = [i if night.patient is None else night.patient for i, night in enumerate(nights)]
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _sums_by_patient(rows: NDArray[np.float64], patients: Sequence[int]) -> NDArray[np.float64]:
    """Sums of the rows (one a night) of each patient."""
    _, places = np.unique(np.asarray(patients, dtype=np.intp), return_inverse=True)
    sums = np.zeros((int(places.max()) + 1 if len(places) else 0, *rows.shape[1:]))
    np.add.at(sums, places, rows)
    return sums


# ------------------------------------------------------------------------ AHI and class


def _ahi(nights: Sequence[NightAgreement], patients: Sequence[int]) -> AhiCohort:
    used = tuple(i for i, night in enumerate(nights) if night.ahi.difference_per_h is not None)
    pairs = [(nights[i].ahi.scored_per_h, nights[i].ahi.reference_per_h) for i in used]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    differences = table[:, 0] - table[:, 1]
    limits = bland_altman(differences)
    range_errors = np.array([nights[i].ahi.range_error_per_h for i in used], dtype=np.float64)
    columns = np.abs(np.column_stack((differences, range_errors, np.ones(len(used)))))
    sums = _sums_by_patient(columns, [patients[i] for i in used])
    errors = [
        bootstrap_estimate(
            sums,
            _share(column, {2: 1.0}),
            nothing="no night has an AHI from both scorings",
            unit="patients",
        )
        for column in (0, 1)
    ]
    return AhiCohort(
        nights=used,
        scored_per_h=table[:, 0],
        reference_per_h=table[:, 1],
        bias_per_h=limits.bias,
        sd_per_h=limits.sd,
        lower_limit_per_h=limits.lower_limit,
        upper_limit_per_h=limits.upper_limit,
        mean_absolute_error_per_h=errors[0],
        mean_absolute_range_error_per_h=errors[1],
        icc=intraclass_correlation(table),
    )


def _severity(nights: Sequence[NightAgreement], patients: Sequence[int]) -> SeverityCohort:
    graded = [
        (SEVERITIES.index(night.ahi.reference_severity), SEVERITIES.index(night.ahi.scored_severity), patient)
        for night, patient in zip(nights, patients, strict=True)
        if night.ahi.reference_severity is not None and night.ahi.scored_severity is not None
    ]
    rows = np.zeros((len(graded), len(SEVERITIES), len(SEVERITIES)))
    for i, (true, ours, _) in enumerate(graded):
        rows[i, true, ours] = 1.0
    table = rows.sum(axis=0).astype(np.int64)
    sums = _sums_by_patient(rows, [patient for _, _, patient in graded])
    nothing = "no night has a class from both scorings"
    kappas = [Estimate.missing(f"{len(graded)} nights with both classes: needs {MIN_NIGHTS}")] * 2
    if len(graded) >= MIN_NIGHTS:
        kappas = [
            bootstrap_estimate(sums, partial(kappa, power=power), nothing=ONE_CLASS, unit="patients")
            for power in (1, 2)
        ]
    return SeverityCohort(
        table=table,
        accuracy=wilson_estimate(int(np.trace(table)), len(graded), nothing=nothing),
        kappa_linear=kappas[0],
        kappa_quadratic=kappas[1],
    )


# ------------------------------------------------------------------------ events and time together


def _share(part: int, whole: Mapping[int, float]) -> Figure:
    """Figure: a column over a weighted sum of columns, NaN where that is 0."""

    def figure(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        total = sums[:, list(whole)] @ np.array(list(whole.values()))
        with np.errstate(invalid="ignore", divide="ignore"):
            share: NDArray[np.float64] = np.where(total > 0.0, sums[:, part] / total, np.nan)
        return share

    return figure


def _pool_overlaps(nights: Sequence[OverlapAgreement], patients: Sequence[int]) -> OverlapAgreement:
    groups, not_compared = {}, {}
    for name in EVENT_GROUPS:
        used = [i for i, night in enumerate(nights) if name in night.groups]
        if not used:
            not_compared[name] = nights[0].not_compared[name]
            continue
        ours = [nights[i].groups[name] for i in used]
        counts = np.array([(x.n_matched, x.n_false_positives, x.n_false_negatives) for x in ours])
        groups[name] = _pooled_group(counts, sum(x.n_excused for x in ours), [patients[i] for i in used])
    pairs: Counter[tuple[EventKind, EventKind]] = Counter()
    for night in nights:
        pairs.update({(pair.reference, pair.scored): pair.n for pair in night.kind_pairs})
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return OverlapAgreement(
        min_iou_fraction=nights[0].min_iou_fraction,
        groups=groups,
        not_compared=not_compared,
        kind_pairs=tuple(KindPair(true, ours, n) for (true, ours), n in ordered),
        start_errors_s=np.concatenate([night.start_errors_s for night in nights]),
        stop_errors_s=np.concatenate([night.stop_errors_s for night in nights]),
    )


def _pooled_group(counts: NDArray[np.int64], n_excused: int, patients: Sequence[int]) -> EventAgreement:
    matched, false_positives, false_negatives = (int(n) for n in counts.sum(axis=0))
    sums = _sums_by_patient(counts.astype(np.float64), patients)
    figures = {
        "precision": (_share(0, {0: 1.0, 1: 1.0}), "nothing was scored"),
        "recall": (_share(0, {0: 1.0, 2: 1.0}), "the reference has no such event"),
        "f1": (_share(0, {0: 1.0, 1: 0.5, 2: 0.5}), "neither scoring has such an event"),
    }
    return EventAgreement(
        n_matched=matched,
        n_false_positives=false_positives,
        n_false_negatives=false_negatives,
        n_excused=n_excused,
        **{
            name: bootstrap_estimate(sums, figure, nothing=nothing, unit="patients")
            for name, (figure, nothing) in figures.items()
        },
    )


def _pool_times(nights: Sequence[TimeAgreement], patients: Sequence[int]) -> TimeAgreement:
    """One table a patient in place of one each five minutes; nights without time compared are left out."""
    rows = np.array([night.blocks.sum(axis=0) for night in nights])
    sums = _sums_by_patient(rows, patients)
    sums = sums[sums.sum(axis=(1, 2)) > 0]
    reason = None if len(sums) else nights[0].reason or "no time is left to compare"
    if reason is not None:
        kappas = [Estimate.missing(reason)] * 2
    else:
        kappas = [
            bootstrap_estimate(tables, kappa, nothing=NO_KAPPA, unit="patients")
            for tables in (to_two_classes(sums), sums)
        ]
    return TimeAgreement(
        step_s=nights[0].step_s,
        is_monitored_only=nights[0].is_monitored_only,
        reason=reason,
        blocks=sums,
        kappa=kappas[0],
        kappa_three_classes=kappas[1],
    )


# ------------------------------------------------------------------------ notes


def _notes(
    nights: Sequence[NightAgreement], patients: Sequence[int], ahi: AhiCohort, severity: SeverityCohort
) -> list[Note]:
    notes = []
    n_nights, n_patients = len(nights), len(set(patients))
    if n_patients < n_nights:
        text = (
            f"{n_nights} nights of {n_patients} patients: bias, limits, ICC and share of classes take nights"
        )
        text += " for independent, and their intervals come out too narrow"
        notes.append(Note(code="repeated_nights", text=text))
    with_events = [i for i, night in enumerate(nights) if "events" in night.overlaps[0].groups]
    used = [len({patients[i] for i in places}) for places in (ahi.nights, with_events)]
    if any(MIN_NIGHTS <= n < FEW_PATIENTS for n in used):
        text = f"{used[0]} patients with AHI, {used[1]} with events from both scorings"
        text += ": intervals by bootstrap are rough, and rather too narrow"
        notes.append(Note(code="few_patients", text=text))
    n_doubtful = sum(len(night.reference.ignored_spans_s) > 0 for night in nights)
    if n_doubtful:
        text = f"uncertain events of the reference ({n_doubtful} nights) are not in its AHI"
        notes.append(
            Note(code="uncertain_events", text=f"{text}: where they were scored they raise the bias")
        )
    n_without_events = n_nights - len(with_events)
    if n_without_events:
        text = f"{n_without_events} of {n_nights} nights: a scoring could not tell apneas or hypopneas"
        notes.append(Note(code="nights_without_events", text=f"{text}; not in the figures of all events"))
    n_without_ahi = n_nights - len(ahi.nights)
    if n_without_ahi:
        text = f"{n_without_ahi} of {n_nights} nights have no AHI from both scorings: not in its figures"
        notes.append(Note(code="nights_without_ahi", text=text))
    n_without_class = n_nights - int(severity.table.sum())
    if n_without_class:
        text = f"{n_without_class} of {n_nights} nights have no class from both scorings: not in the table"
        notes.append(Note(code="nights_without_class", text=text))
    return notes
