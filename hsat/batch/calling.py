"""`hsat.batch`: a batch as a generator, for notebooks and programs."""

import os
from collections.abc import Iterable, Iterator, Mapping

from hsat.batch.settings import NIGHT_TIMEOUT_S, BatchOptions, BatchSettings
from hsat.batch.work import Batch
from hsat.errors import BatchError
from hsat.io.reading import check_patient
from hsat.nights.patients import PATIENT_SOURCES
from hsat.report.failed import FailedNight
from hsat.results import NightResult
from hsat.rules.load import load_rules
from hsat.rules.model import ScoringRules

__all__ = ["batch"]


def batch(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str] | None = None,
    rules: ScoringRules | str = "aasm_1b",
    jobs: int | None = None,
    scheduler: str | None = None,
    retry_failed: bool = False,
    night_timeout_s: float = NIGHT_TIMEOUT_S,
    device: str | None = None,
    channel_map: Mapping[str, str] | None = None,
    patient: str | None = None,
    keep_identifiers: bool = False,
    therapy: str | None = None,
    age_years: float | None = None,
    sex: str | None = None,
    patient_from: str = "code",
) -> Iterator[NightResult | FailedNight]:
    """Score folders of nights in parallel and yield each result as it comes.

    Parameters
    ----------
    paths : str, path-like, or iterable of them
        Files, folders, or URLs that fsspec knows.
    out : str or path-like, optional
        Folder for ledger and tables, as with ``hsat batch --out``: what an earlier call has finished
        there is not scored again, and not yielded again. Without it nothing is written.
    rules : ScoringRules or str
        From `hsat.load_rules`, or what it takes.
    jobs : int, optional
        Processes; as many as there are processors where not given.
    scheduler : str, optional
        Address of a Dask scheduler, or ``"local"``.
    retry_failed : bool
        Whether files that failed before are tried again.
    night_timeout_s : float
        A night that takes longer fails.
    device, channel_map, patient, keep_identifiers, therapy, age_years, sex
        As for `hsat.read_recording`, for every file.
    patient_from : str
        ``"code"`` or ``"folder"``: what tells whose nights are one patient's, in the tables of `out`.

    Yields
    ------
    NightResult or FailedNight
        In the order in which they are finished. Files that are left out, such as copies, yield nothing.

    Raises
    ------
    RulesError
        Where the rule set is wrong.
    HsatError
        Where an option is not allowed, which is said at once and not of every file, the folder of results
        cannot be used, or no worker can work.
    """
    if jobs is not None and not (isinstance(jobs, int) and jobs >= 1):
        raise BatchError(f"jobs: expected a whole number, 1 or more, got {jobs!r}")
    if not night_timeout_s > 0:
        raise BatchError(f"night_timeout_s: expected seconds above 0, got {night_timeout_s!r}")
    if patient_from not in PATIENT_SOURCES:
        raise BatchError(f"patient_from: expected one of {', '.join(PATIENT_SOURCES)}, got {patient_from!r}")
    check_patient(patient=patient, age_years=age_years, sex=sex, therapy=therapy)
    _check_channels(device, channel_map or {})
    names = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    settings = BatchSettings(
        rules=rules if isinstance(rules, ScoringRules) else load_rules(rules),
        device=device,
        channel_map=dict(channel_map or {}),
        patient=patient,
        keep_identifiers=keep_identifiers,
        therapy=therapy,
        age_years=age_years,
        sex=sex,
        has_results=True,
    )
    options = BatchOptions(
        out=None if out is None else os.fspath(out),
        n_workers=jobs,
        scheduler=scheduler,
        night_timeout_s=night_timeout_s,
        is_retrying=retry_failed,
        patient_from=patient_from,
    )
    return _results([os.fspath(name) for name in names], settings, options)


def _check_channels(device: str | None, channel_map: Mapping[str, str]) -> None:
    """What is wrong for every file is said once, before any is read."""
    from hsat.io.channels import canonical_channel
    from hsat.io.devices import load_profile

    if device is not None:
        load_profile(device)
    for name in channel_map:
        canonical_channel(name)


def _results(
    paths: list[str], settings: BatchSettings, options: BatchOptions
) -> Iterator[NightResult | FailedNight]:
    with Batch(paths, settings, options) as work:
        for step in work.run(work.list()):
            if step.night is not None and step.night.result is not None:
                yield step.night.result
            if step.failure is not None:
                yield FailedNight(file=step.failure.files[0], error=step.failure.error)
        work.export()
