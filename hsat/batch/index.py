"""The ledger as ``index.html``, and further pages where there are many nights."""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import quote

from hsat.batch.exports import TABLE_NAMES, WORKBOOK
from hsat.batch.folder import BatchFolder
from hsat.batch.page_names import existing_pages
from hsat.batch.schema import FIRST_FILE
from hsat.batch.store import Store
from hsat.report.index_page import (
    IndexFact,
    IndexFile,
    IndexLink,
    IndexNight,
    IndexPage,
    IndexPatient,
    index_night,
    render_index,
)
from hsat.report.plain import printable
from hsat.report.rows import duration_words, rounded

__all__ = ["write_index"]

NIGHTS_PER_PAGE = 500
FILES_SHOWN = 200
S_PER_H = 3600.0
LEFT_OUT = "recordings WHERE fate IN ('copy', 'left_out')"
CLASSES = ("normal", "mild", "moderate", "severe")
LABELS = {"html": "report", "txt": "text", "json": "data", "pdf": "PDF"}
ALONE = "alone"
UNCODED = {"card": "Card without a patient code"}
GONE = "the file is not there any more"

NIGHTS = f"""
    SELECT patients.number AS number, patients.patient AS patient, grouped_by, n_nights, pooled_ahi_per_h,
        posterior_low95_ahi_per_h, posterior_high95_ahi_per_h, p_normal, p_mild, p_moderate, p_severe,
        is_firm, patients.severity AS patient_severity, patients.error AS patient_error,
        patients.monitoring_h AS patient_h,
        {FIRST_FILE} AS file, n_files, start_local, therapy, nights.severity AS severity, adequacy,
        nights.monitoring_h AS monitoring_h, ahi_per_h, odi4_per_h, t90_percent,
        min_spo2_percent, reasons, nights.page AS page, patients.page AS patient_page, is_present,
        excluded
    FROM patients JOIN patient_nights USING (number) JOIN nights USING (night_id)
    ORDER BY number, start_local, nights.file, part LIMIT ? OFFSET ?
"""


def write_index(folder: BatchFolder, store: Store) -> None:
    """Write the pages of the index.

    Parameters
    ----------
    folder : BatchFolder
    store : Store
        With its patients, see `hsat.batch.patients`.
    """
    n_nights = _count(store, "nights")
    n_pages = max(-(-n_nights // NIGHTS_PER_PAGE), 1)
    names = tuple("index.html" if n == 1 else f"index-{n}.html" for n in range(1, n_pages + 1))
    failures = _files(store, "SELECT file, error FROM failures ORDER BY file, part LIMIT ?")
    left_out = _files(store, f"SELECT path, reason FROM {LEFT_OUT} ORDER BY path LIMIT ?")
    n_failures, n_left_out = _count(store, "failures"), _count(store, LEFT_OUT)
    rules = tuple(row[0] for row in store.rows("SELECT DISTINCT rules_id FROM nights ORDER BY 1"))
    versions = tuple(row[0] for row in store.rows("SELECT DISTINCT hsat_version FROM nights ORDER BY 1"))
    for number, name in enumerate(names, start=1):
        is_first = number == 1
        page = IndexPage(
            number=number,
            n_pages=n_pages,
            page_names=names,
            facts=_facts(store, n_nights, n_failures),
            rules=tuple(map(printable, rules)),
            versions=versions,
            tables=_tables(folder),
            failures=failures if is_first else (),
            n_more_failures=n_failures - len(failures) if is_first else 0,
            left_out=left_out if is_first else (),
            n_more_left_out=n_left_out - len(left_out) if is_first else 0,
            patients=tuple(_patients(folder, store, (number - 1) * NIGHTS_PER_PAGE)),
        )
        text = render_index(page)
        folder.write(name, lambda file, text=text: file.write(text))  # type: ignore[misc]


def _files(store: Store, query: str) -> tuple[IndexFile, ...]:
    """The first files of a query, and why they have no result."""
    return tuple(
        IndexFile(printable(file), printable((reason or "").removeprefix(f"{file}: ")))
        for file, reason in store.rows(query, (FILES_SHOWN,))
    )


def _tables(folder: BatchFolder) -> tuple[str, ...]:
    """The tables for people; those that are always written, and those that are there."""
    others = [WORKBOOK, *(f"{table}.parquet" for table in TABLE_NAMES)]
    there = [name for name in others if (folder.path / name).is_file()]
    return (*(f"{table}.csv" for table in TABLE_NAMES), *there)


def _facts(store: Store, n_nights: int, n_failures: int) -> tuple[IndexFact, ...]:
    severity = {
        row[0]: row[1] for row in store.rows("SELECT severity, count(*) FROM nights GROUP BY severity")
    }
    n_patients = _count(store, "patients")
    facts = [
        IndexFact(str(n_nights), "night scored" if n_nights == 1 else "nights scored"),
        IndexFact(str(n_patients), "patient" if n_patients == 1 else "patients"),
        *(IndexFact(str(severity[name]), name) for name in CLASSES if name in severity),
    ]
    if None in severity:
        facts.append(IndexFact(str(severity[None]), "without a class"))
    return (*facts, IndexFact(str(n_failures), "not scored"))


def _count(store: Store, table: str) -> int:
    return int(next(store.rows(f"SELECT count(*) FROM {table}"))[0])


def _patients(folder: BatchFolder, store: Store, offset: int) -> Iterator[IndexPatient]:
    rows = store.rows(NIGHTS, (NIGHTS_PER_PAGE, offset))
    for _, items in groupby(rows, key=lambda row: ALONE if row["grouped_by"] == ALONE else row["number"]):
        group = list(items)
        first = group[0]
        is_alone = first["grouped_by"] == ALONE
        links = () if is_alone else _links(folder, first["patient_page"])
        yield IndexPatient(
            title=printable(first["patient"] or UNCODED.get(first["grouped_by"], "No patient code")),
            remark="" if is_alone else _remark(first),
            nights=tuple(_night(folder, row, is_alone=is_alone) for row in group),
            links=links,
        )


def _night(folder: BatchFolder, row: sqlite3.Row, *, is_alone: bool) -> IndexNight:
    return index_night(
        file=row["file"] if row["n_files"] == 1 else f"{row['file']} and {row['n_files'] - 1} more",
        start_local=row["start_local"],
        therapy=row["therapy"],
        severity=row["severity"],
        adequacy=row["adequacy"],
        monitoring_h=row["monitoring_h"],
        ahi_per_h=row["ahi_per_h"],
        odi4_per_h=row["odi4_per_h"],
        t90_percent=row["t90_percent"],
        min_spo2_percent=row["min_spo2_percent"],
        remark="; ".join(_remarks(row, is_alone=is_alone)),
        links=_links(folder, row["page"]),
        patient_links=_links(folder, row["patient_page"]) if is_alone else (),
    )


def _remarks(row: sqlite3.Row, *, is_alone: bool) -> Iterator[str]:
    """What there is to say of a night beside its numbers."""
    if row["reasons"]:
        yield row["reasons"]
    if row["excluded"] and row["n_nights"]:
        yield f"not counted among the patient's nights: {printable(row['excluded'])}"
    if is_alone and row["patient_error"]:
        yield printable(row["patient_error"])
    if not row["is_present"]:
        yield GONE


def _remark(row: sqlite3.Row) -> str:
    """What the nights of a patient say together, where there are several."""
    if row["patient_error"]:
        return printable(row["patient_error"])
    if row["n_nights"] < 2 or row["pooled_ahi_per_h"] is None:
        return ""
    text = (
        f"{row['n_nights']} nights together: AHI {rounded(row['pooled_ahi_per_h'], 1)} /h over "
        f"{duration_words(row['patient_h'] * S_PER_H)}"
    )
    if row["patient_severity"] is None:
        return text
    likely = sorted(((row[f"p_{name}"] or 0.0, name) for name in CLASSES), reverse=True)
    words = f"{likely[0][1]} ({100 * likely[0][0]:.0f} %)"
    if not row["is_firm"]:
        words = f"not firm: {words} or {likely[1][1]} ({100 * likely[1][0]:.0f} %)"
    low, high = row["posterior_low95_ahi_per_h"], row["posterior_high95_ahi_per_h"]
    return f"{text}; {words}; the true mean is within {rounded(low, 1)} to {rounded(high, 1)} /h with 95 %"


def _links(folder: BatchFolder, stem: str | None) -> tuple[IndexLink, ...]:
    """Links to those pages of a night or patient that are there."""
    return tuple(
        IndexLink(quote(name), LABELS[name.rpartition(".")[2]]) for name in existing_pages(folder.path, stem)
    )
