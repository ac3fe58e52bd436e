"""The patients of a ledger: which nights are whose, and what they say together."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from sqlite3 import Row

from hsat import __version__
from hsat.batch.outcome import PatientNights, PatientRow
from hsat.batch.store import Store
from hsat.batch.summaries import PATIENT_COLUMNS
from hsat.nights.patients import group_patients
from hsat.patient import ScoredNight

__all__ = ["summarize_here", "summarize_patients"]

COLUMNS = ("number", *PATIENT_COLUMNS, "content_id")

NIGHTS = """
    SELECT night_id, settings_id, patient, recorder, file, start_local, duration_s, is_card, sex, therapy,
        rules_id, scoring, denominator, monitoring_h, ahi_per_h, severity, adequacy, reasons,
        supine_h, non_supine_h, supine_ahi_per_h, non_supine_ahi_per_h, not_measured,
        (SELECT sha256 FROM night_files WHERE night_files.night_id = nights.night_id AND n_files = 1)
        AS sha256,
        (SELECT count(*) FROM events WHERE events.night_id = nights.night_id AND is_counted) AS n_counted
    FROM nights ORDER BY file, part
"""


def summarize_here(patients: Sequence[PatientNights]) -> list[PatientRow]:
    """Sum up patients one after the other in this process.

    Parameters
    ----------
    patients : sequence of PatientNights

    Returns
    -------
    list of PatientRow
    """
    if not patients:
        return []
    from hsat.batch.summaries import summarize_patient

    return [summarize_patient(patient) for patient in patients]


def summarize_patients(
    store: Store,
    *,
    patient_from: str = "code",
    run: Callable[[Sequence[PatientNights]], Sequence[PatientRow]] = summarize_here,
) -> None:
    """Write the table of patients anew; those whose nights are as before keep their row.

    Parameters
    ----------
    store : Store
    patient_from : str
        ``"code"``, or ``"folder"``: files of one folder are one patient's.
    run : callable
        Sums up patients, in their order; workers may.
    """
    ids: list[tuple[str, str]] = []
    nights: list[ScoredNight] = []
    for row in store.rows(NIGHTS):
        ids.append((row["night_id"], row["settings_id"]))
        nights.append(_scored_night(row))
    before = {
        row["content_id"]: dict(row) for row in store.rows("SELECT * FROM patients") if row["content_id"]
    }
    excluded = {
        (row["content_id"], row["night_id"]): row["excluded"]
        for row in store.rows(
            "SELECT content_id, night_id, excluded FROM patients JOIN patient_nights USING (number)"
        )
    }
    groups = group_patients(nights, patient_from=patient_from)
    own = [PatientNights(group=group, nights=tuple(nights[at] for at in group.members)) for group in groups]
    contents = [_content_id(patient, [ids[at] for at in patient.group.members]) for patient in own]
    new = [place for place, content_id in enumerate(contents) if content_id not in before]
    made = dict(zip(new, run([own[place] for place in new]), strict=True))
    rows: list[tuple[object, ...]] = []
    members: list[tuple[int, str, str | None]] = []
    for place, (group, content_id) in enumerate(zip(groups, contents, strict=True)):
        if place in made:
            cells: dict[str, object] = {**made[place].cells}
            why = {ids[at][0]: made[place].excluded.get(nights[at].file) for at in group.members}
        else:
            cells = dict(before[content_id])
            why = {ids[at][0]: excluded.get((content_id, ids[at][0])) for at in group.members}
        cells |= {"number": place + 1, "content_id": content_id}
        rows.append(tuple(cells[name] for name in COLUMNS))
        members.extend((place + 1, night_id, reason) for night_id, reason in why.items())
    store.write_patients(COLUMNS, rows, members)


def _content_id(patient: PatientNights, ids: Sequence[tuple[str, str]]) -> str:
    """The same as long as a patient has the same nights, with the same numbers, by the same version."""
    group = patient.group
    members = sorted((*names, repr(night)) for names, night in zip(ids, patient.nights, strict=True))
    notes = [note.text for note in group.notes]
    text = json.dumps([__version__, group.patient, group.grouped_by, notes, members])
    return sha256(text.encode("utf-8")).hexdigest()[:16]


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
