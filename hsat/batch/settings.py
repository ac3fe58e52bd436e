"""What a batch is asked to do, the same for every night: it travels to the workers with each task."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from hsat import __version__
from hsat.rules.model import ScoringRules

__all__ = ["BatchSettings"]

ID_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """How nights are read and scored.

    Attributes
    ----------
    rules : ScoringRules
    device, channel_map, patient, keep_identifiers, therapy, age_years, sex
        As for `hsat.read_recording`, for every file.
    site_key : bytes or None
        Key of the pseudonyms and of recorders' tokens, so that all workers make the same ones.
    has_pages : bool
        Whether each night's report is written out.
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
    has_pages: bool = False
    has_results: bool = False
    hsat_version: str = __version__

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
