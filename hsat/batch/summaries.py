"""What the nights of a patient say together: a row of the ledger and pages, made by the workers."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace

from hsat.batch.outcome import Cell, PatientNights, PatientRow
from hsat.batch.schema import PATIENT_COLUMNS
from hsat.batch.settings import PageSettings
from hsat.errors import HsatError
from hsat.nights.summary import summarize_nights
from hsat.patient import AhiPosterior, PatientNight, PatientSummary, ScoredNight
from hsat.recording import Note

__all__ = ["summarize_patient"]


def summarize_patient(patient: PatientNights, pages: PageSettings | None = None) -> PatientRow:
    """Sum up a patient, and make the pages that are asked for.

    Parameters
    ----------
    patient : PatientNights
    pages : PageSettings, optional

    Returns
    -------
    PatientRow
        Nights that contradict each other give a row with an error, not an exception, and a page that
        counts none of them and says why.

    Raises
    ------
    HsatError
        As an `UnwrittenError`, where a page cannot be written.
    """
    group, nights = patient.group, patient.nights
    cells: dict[str, Cell] = dict.fromkeys(PATIENT_COLUMNS)
    starts = sorted(night.start_local for night in nights if night.start_local is not None)
    cells |= {
        "patient": group.patient,
        "grouped_by": group.grouped_by,
        "n_nights": 0,
        "n_excluded": len(nights),
        "first_night_local": starts[0].isoformat() if starts else None,
        "last_night_local": starts[-1].isoformat() if starts else None,
        "rules_id": "; ".join(sorted({night.rules_id for night in nights if night.rules_id is not None})),
        "notes": _words(group.notes),
    }
    excluded: tuple[str | None, ...] = (None,) * len(nights)
    try:
        summary = summarize_nights(nights, patient=group.patient, compare_priors=pages is not None)
    except HsatError as error:  # such as nights of two rule sets, while a batch is half way through
        cells["error"] = str(error)
        summary = _without_nights(nights, group.patient, str(error))
    summary = replace(summary, notes=(*group.notes, *summary.notes))
    if cells["error"] is None:
        cells |= _numbers(summary) | {"notes": _words(summary.notes)}
        if summary.posterior is not None:
            cells |= _belief(summary.posterior)
        excluded = _excluded(nights, summary)
    row = PatientRow(cells=cells, excluded=excluded)
    if pages is None or patient.page is None:
        return row
    from hsat.batch.pages import make_patient_pages

    links = _links(patient, summary)
    unwritten = make_patient_pages(summary, links, patient.page, pages)
    return replace(row, page=patient.page, pages=unwritten)


def _without_nights(nights: Sequence[ScoredNight], patient: str | None, error: str) -> PatientSummary:
    """A summary of no night, which says why: the pages of the nights lead to its page."""
    refused = [replace(night, ahi_per_h=None, n_events=None, no_ahi_reason=error) for night in nights]
    return summarize_nights(refused, patient=patient)


def _excluded(nights: Sequence[ScoredNight], summary: PatientSummary) -> tuple[str | None, ...]:
    """For each night why it does not count; a file may hold several nights, of which some count."""
    counted = Counter(map(_identity, summary.nights))
    reasons: dict[str, deque[str]] = {}
    for item in summary.excluded:  # in the order of the nights
        reasons.setdefault(item.file, deque()).append(item.reason)
    found: list[str | None] = []
    for night in nights:
        identity = _identity(night)
        if counted[identity]:
            counted[identity] -= 1
            found.append(None)
        else:
            found.append(reasons[night.file].popleft())
    return tuple(found)


def _identity(night: ScoredNight | PatientNight) -> tuple[object, ...]:
    """Tells the nights of one file apart."""
    return night.file, night.start_local, night.monitoring_h, night.n_events


def _links(patient: PatientNights, summary: PatientSummary) -> tuple[str | None, ...]:
    """The pages of the nights, in the order of the summary."""
    pages = {_identity(night): link for night, link in zip(patient.nights, patient.links, strict=True)}
    return tuple(pages.get(_identity(night)) for night in summary.nights)


def _words(notes: Sequence[Note]) -> str | None:
    return "; ".join(note.text for note in notes) or None


def _numbers(summary: PatientSummary) -> dict[str, Cell]:
    low, high = summary.range_ahi_per_h or (None, None)
    return {
        "n_nights": len(summary.nights),
        "n_excluded": len(summary.excluded),
        "monitoring_h": sum(night.monitoring_h for night in summary.nights),
        "pooled_ahi_per_h": summary.pooled_ahi_per_h,
        "mean_ahi_per_h": summary.mean_ahi_per_h,
        "median_ahi_per_h": summary.median_ahi_per_h,
        "sd_ahi_per_h": summary.sd_ahi_per_h,
        "min_ahi_per_h": low,
        "max_ahi_per_h": high,
    }


def _belief(posterior: AhiPosterior) -> dict[str, Cell]:
    low, high = posterior.ci95_ahi_per_h
    return {
        "posterior_mean_ahi_per_h": posterior.mean_ahi_per_h,
        "posterior_low95_ahi_per_h": low,
        "posterior_high95_ahi_per_h": high,
        "severity": posterior.severity,
        **{f"p_{name}": value for name, value in posterior.class_probability.items()},
        "is_firm": int(posterior.is_firm),
        "nights_needed": posterior.nights_needed,
        "prior": posterior.prior,
    }
