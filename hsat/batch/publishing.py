"""The end of a batch: patients summed up, then every table and page that is made from the ledger."""

from collections.abc import Callable, Iterable, Sequence

from hsat import __version__
from hsat.batch.exports import (
    TABLE_NAMES,
    WORKBOOK,
    read_tables,
    write_csv_tables,
    write_parquet_tables,
    write_workbook,
)
from hsat.batch.folder import BatchFolder
from hsat.batch.index import write_index
from hsat.batch.outcome import PatientNights, PatientRow
from hsat.batch.page_files import PageFiles, sweep_pages
from hsat.batch.patients import summarize_patients
from hsat.batch.settings import BatchOptions
from hsat.batch.store import Store
from hsat.errors import BatchError

__all__ = ["has_tables", "publish", "tables_words"]


def tables_words(options: BatchOptions) -> str:
    """What decides about tables, as the ledger keeps it: another text asks for new ones.

    Parameters
    ----------
    options : BatchOptions

    Returns
    -------
    str
    """
    forms = (options.has_pages, options.has_pdf, options.has_parquet, options.has_workbook)
    return " ".join([options.patient_from, *map(str, forms), __version__])


def has_tables(folder: BatchFolder, options: BatchOptions) -> bool:
    """Whether every table that is asked for is there.

    Parameters
    ----------
    folder : BatchFolder
    options : BatchOptions

    Returns
    -------
    bool
    """
    names = [f"{name}.csv" for name in TABLE_NAMES] + ["index.html"]
    names += [f"{name}.parquet" for name in TABLE_NAMES] if options.has_parquet else []
    names += [WORKBOOK] if options.has_workbook else []
    return all((folder.path / name).is_file() for name in names)


def publish(
    store: Store,
    folder: BatchFolder,
    options: BatchOptions,
    *,
    summarize: Callable[[Sequence[PatientNights]], Iterable[tuple[int, PatientRow]]],
    event_lines: Iterable[bytes],
    pages: PageFiles | None,
) -> None:
    """Sum up the patients and write all tables, each whole or not at all.

    Parameters
    ----------
    store : Store
    folder : BatchFolder
    options : BatchOptions
    summarize : callable
        Sums up patients, see `hsat.batch.patients.summarize_patients`.
    event_lines : iterable of bytes
        The whole of ``events.csv``, made as it is asked for.
    pages : PageFiles or None
        Which pages each patient is to have.

    Raises
    ------
    HsatError
        As a `BatchError`, where a file cannot be written; the others are written all the same.
    """
    summarize_patients(store, patient_from=options.patient_from, run=summarize, pages=pages)
    tables = read_tables(store)
    jobs: list[Callable[[], None]] = [lambda: write_csv_tables(folder, tables, event_lines)]
    if options.has_parquet:
        jobs.append(lambda: write_parquet_tables(folder, tables))
    if options.has_workbook:
        jobs.append(lambda: write_workbook(folder, tables, WORKBOOK))
    jobs.append(lambda: write_index(folder, store))  # it links the tables that are there
    errors: list[BatchError] = []
    for job in jobs:
        try:
            job()
        except BatchError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    sweep_pages(folder.path, store)  # last: the index that led to them is gone
