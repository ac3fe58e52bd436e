"""What a batch is asked to do: what travels to the workers with each task, and what stays with the caller."""

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from hashlib import sha256

from hsat import __version__
from hsat.rules.model import ScoringRules

__all__ = ["NIGHT_TIMEOUT_S", "BatchOptions", "BatchSettings", "PageSettings"]

ID_DIGITS = 16
NIGHT_TIMEOUT_S = 600.0
"""A night is scored in a fraction of a second, a very large one from a slow disk in minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """Which reports of nights and patients are written as files, and by whom.

    Attributes
    ----------
    has_html : bool
        As HTML, text and JSON.
    has_pdf : bool
    patient_from : str
        ``"code"`` or ``"folder"``: whose nights are one patient's; a night's page leads to its patient's.
    folder : str or None
        Absolute path of the folder of results, which the workers write into; None where they may not
        see it, as on a cluster: they send the pages back.
    """

    has_html: bool = False
    has_pdf: bool = False
    patient_from: str = "code"
    folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchSettings:
    """How nights are read and scored; the one object of a batch goes with all its tasks.

    Attributes
    ----------
    rules : ScoringRules
    device, channel_map, patient, keep_identifiers, therapy, age_years, sex
        As for `hsat.read_recording`, for every file.
    site_key : bytes or None
        Key of the pseudonyms and of recorders' tokens, so that all workers make the same ones.
    pages : PageSettings or None
        None where no report is written out.
    has_results : bool
        Whether workers send the whole `NightResult` back.
    hsat_version : str
        Of the process that hands out the work.
    """

    rules: ScoringRules
    device: str | None = None
    channel_map: Mapping[str, str] = field(default_factory=dict)
    patient: str | None = None
    keep_identifiers: bool = False
    therapy: str | None = None
    age_years: float | None = None
    sex: str | None = None
    site_key: bytes | None = field(default=None, repr=False)
    pages: PageSettings | None = None
    has_results: bool = False
    hsat_version: str = __version__

    def __reduce__(self) -> tuple[Callable[[bytes], "BatchSettings"], tuple[bytes]]:
        """Packed once, and unpacked once in each worker, for as many tasks as there are."""
        return _unpacked, (_packed(self),)

    @property
    def settings_id(self) -> str:
        """The same for all settings under which a night gets the same result."""
        return sha256(self.as_json().encode("utf-8")).hexdigest()[:ID_DIGITS]

    def as_json(self) -> str:
        """What decides about results, as one line of JSON; the key is told by its hash alone."""
        return json.dumps(
            {
                "hsat_version": self.hsat_version,
                "rules_id": self.rules.rules_id,
                "device": self.device,
                "channel_map": dict(sorted(self.channel_map.items())),
                "patient": self.patient,
                "keep_identifiers": self.keep_identifiers,
                "therapy": self.therapy,
                "age_years": self.age_years,
                "sex": self.sex,
                "site_key": None if self.site_key is None else sha256(self.site_key).hexdigest()[:ID_DIGITS],
            },
            sort_keys=True,
        )


@lru_cache(maxsize=1)
def _packed(settings: BatchSettings) -> bytes:
    return pickle.dumps({item.name: getattr(settings, item.name) for item in fields(settings)})


@lru_cache(maxsize=1)
def _unpacked(content: bytes) -> BatchSettings:
    return BatchSettings(**pickle.loads(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """How the work is done, and what is written; no result depends on it.

    Attributes
    ----------
    out : str or None
        Folder of ledger and tables; None keeps the ledger in memory and writes nothing.
    n_workers : int or None
        Processes; None takes as many as there are processors.
    scheduler : str or None
        Address of a Dask scheduler, or ``"local"`` for one of its own; None: processes here.
    night_timeout_s : float
    is_retrying : bool
        Whether files that failed before are tried again.
    is_forgetting : bool
        Whether results of files that are gone are dropped.
    patient_from : str
        ``"code"`` or ``"folder"``: whose nights are one patient's.
    has_pages, has_pdf, has_parquet, has_workbook : bool
        What is written beside the tables.
    """

    out: str | None = None
    n_workers: int | None = None
    scheduler: str | None = None
    night_timeout_s: float = NIGHT_TIMEOUT_S
    is_retrying: bool = False
    is_forgetting: bool = False
    patient_from: str = "code"
    has_pages: bool = False
    has_pdf: bool = False
    has_parquet: bool = False
    has_workbook: bool = False
