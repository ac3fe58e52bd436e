"""The patients of a ledger: which nights are whose, and what they say together."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from sqlite3 import Row

from hsat import __version__
from hsat.batch.outcome import PatientNights, PatientRow
from hsat.batch.page_files import PageFiles
from hsat.batch.page_names import patient_stem
from hsat.batch.schema import FIRST_FILE, PATIENT_COLUMNS
from hsat.batch.settings import PageSettings
from hsat.batch.store import Store
from hsat.nights.patients import group_patients
from hsat.patient import ScoredNight

__all__ = ["summarize_here", "summarize_patients"]

COLUMNS = ("number", *PATIENT_COLUMNS, "content_id", "page", "page_id")
ID_DIGITS = 16

NIGHTS = f"""
    SELECT night_id, settings_id, page, patient, recorder, {FIRST_FILE} AS file, start_local, duration_s,
        is_card, sex, therapy, rules_id, scoring, denominator, monitoring_h, ahi_per_h, severity, adequacy,
        reasons,
        supine_h, non_supine_h, supine_ahi_per_h, non_supine_ahi_per_h, not_measured,
        (SELECT sha256 FROM night_files WHERE night_files.night_id = nights.night_id AND n_files = 1)
        AS sha256,
        (SELECT count(*) FROM events WHERE events.night_id = nights.night_id AND is_counted) AS n_counted
    FROM nights ORDER BY nights.file, part
"""


def summarize_here(
    patients: Iterable[PatientNights], pages: PageSettings | None = None
) -> Iterator[tuple[int, PatientRow]]:
    """Sum up patients one after the other in this process.

    Parameters
    ----------
    patients : iterable of PatientNights
    pages : PageSettings, optional
        Which pages to make.

    Yields
    ------
    (int, PatientRow)
        The place of each patient and its row.
    """
    from hsat.batch.summaries import summarize_patient

    for place, patient in enumerate(patients):
        yield place, summarize_patient(patient, pages)


def summarize_patients(
    store: Store,
    *,
    patient_from: str = "code",
    run: Callable[[Sequence[PatientNights]], Iterable[tuple[int, PatientRow]]] = summarize_here,
    pages: PageFiles | None = None,
) -> None:
    """Write the table of patients anew; those whose nights are as before keep their row and pages.

    Parameters
    ----------
    store : Store
    patient_from : str
        ``"code"``, or ``"folder"``: files of one folder are one patient's.
    run : callable
        Sums up patients, in any order; workers may.
    pages : PageFiles, optional
        Which pages each patient is to have; None leaves those that are there and up to date.
    """
    ledger = _Ledger(store, patient_from, pages)
    made: dict[int, PatientRow] = {}
    new = [place for place in range(len(ledger.patients)) if not ledger.is_as_before(place)]
    for number, row in run([ledger.patients[place] for place in new]):
        place = new[number]
        if pages is not None:
            pages.keep(row.page, row.pages, is_as_before=ledger.before(place) is not None)
        made[place] = replace(row, pages=())
    rows: list[tuple[object, ...]] = []
    members: list[tuple[int, str, str | None]] = []
    for place in range(len(ledger.patients)):
        cells, why = ledger.row(place, made.get(place))
        rows.append(tuple(cells[name] for name in COLUMNS))
        members.extend((place + 1, night_id, reason) for night_id, reason in why)
    store.write_patients(COLUMNS, rows, members)


class _Ledger:
    """The nights of a ledger by patient, and what an earlier run has made of them."""

    def __init__(self, store: Store, patient_from: str, pages: PageFiles | None) -> None:
        self.pages = pages
        self.night_ids: list[str] = []
        nights: list[ScoredNight] = []
        settings_ids: list[str] = []
        stems: list[str] = []
        night_pages: list[str | None] = []
        for row in store.rows(NIGHTS):
            night_id = row["night_id"]
            self.night_ids.append(night_id)
            settings_ids.append(row["settings_id"])
            nights.append(_scored_night(row))
            stems.append(patient_stem(dict(row), night_id=night_id, patient_from=patient_from))
            night_pages.append(row["page"])
        self._before = {
            row["content_id"]: dict(row) for row in store.rows("SELECT * FROM patients") if row["content_id"]
        }
        self._excluded = {
            (row["content_id"], row["night_id"]): row["excluded"]
            for row in store.rows(
                "SELECT content_id, night_id, excluded FROM patients JOIN patient_nights USING (number)"
            )
        }
        self.patients = [
            PatientNights(
                group=group,
                nights=tuple(nights[at] for at in group.members),
                page=None if pages is None else stems[group.members[0]],
                links=tuple(None if pages is None else pages.link(night_pages[at]) for at in group.members),
            )
            for group in group_patients(nights, patient_from=patient_from)
        ]
        self._content_ids = [
            _content_id(patient, [(self.night_ids[at], settings_ids[at]) for at in patient.group.members])
            for patient in self.patients
        ]

    def before(self, place: int) -> dict[str, object] | None:
        """A patient's row, where its nights are as they were."""
        return self._before.get(self._content_ids[place])

    def is_as_before(self, place: int) -> bool:
        """Whether row and pages are there, of the same nights."""
        row = self.before(place)
        if row is None or self.pages is None:
            return row is not None
        stem = str(row["page"]) if row["page"] is not None else None
        return row["page_id"] == _page_id(self.patients[place]) and self.pages.is_whole(stem)

    def row(
        self, place: int, made: PatientRow | None
    ) -> tuple[Mapping[str, object], Sequence[tuple[str, str | None]]]:
        """A patient's columns, and for each night why it does not count."""
        patient, content_id = self.patients[place], self._content_ids[place]
        ids = [self.night_ids[at] for at in patient.group.members]
        if made is not None:
            page_id = None if made.page is None else _page_id(patient)
            new = {"number": place + 1, "content_id": content_id, "page": made.page, "page_id": page_id}
            return {**made.cells, **new}, list(zip(ids, made.excluded, strict=True))
        excluded = [(night_id, self._excluded.get((content_id, night_id))) for night_id in ids]
        return {**self._before[content_id], "number": place + 1}, excluded


def _page_id(patient: PatientNights) -> str:
    """The same as long as a patient's page has the same name and leads to the same pages of nights."""
    text = json.dumps([patient.page, patient.links])
    return sha256(text.encode("utf-8")).hexdigest()[:ID_DIGITS]


def _content_id(patient: PatientNights, ids: Sequence[tuple[str, str]]) -> str:
    """The same as long as a patient has the same nights, with the same numbers, by the same version."""
    group = patient.group
    members = sorted((*names, repr(night)) for names, night in zip(ids, patient.nights, strict=True))
    notes = [note.text for note in group.notes]
    text = json.dumps([__version__, group.patient, group.grouped_by, notes, members])
    return sha256(text.encode("utf-8")).hexdigest()[:ID_DIGITS]


def _scored_night(row: Row) -> ScoredNight:
    reasons = json.loads(row["not_measured"])
    return ScoredNight(
        file=row["file"],
        start_local=None if row["start_local"] is None else datetime.fromisoformat(row["start_local"]),
        duration_s=row["duration_s"],
        patient=row["patient"],
        recorder=row["recorder"],
        is_card=bool(row["is_card"]),
        sex=row["sex"],
        therapy=row["therapy"],
        rules_id=row["rules_id"],
        scoring=row["scoring"],
        denominator=row["denominator"],
        monitoring_h=row["monitoring_h"],
        n_events=None if row["ahi_per_h"] is None else row["n_counted"],
        ahi_per_h=row["ahi_per_h"],
        no_ahi_reason=reasons.get("indices.ahi_per_h"),
        severity=row["severity"],
        no_class_reason=reasons.get("severity"),
        adequacy=row["adequacy"],
        reasons=tuple(row["reasons"].split("; ")) if row["reasons"] else (),
        supine_h=row["supine_h"],
        non_supine_h=row["non_supine_h"],
        supine_ahi_per_h=row["supine_ahi_per_h"],
        non_supine_ahi_per_h=row["non_supine_ahi_per_h"],
        sha256=row["sha256"],
    )
