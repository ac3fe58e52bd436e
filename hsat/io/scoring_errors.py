"""How far a scoring is known to err, from the JSON that ``hsat compare`` of two folders prints."""

import os
from typing import NamedTuple

from hsat.errors import ReadError
from hsat.io.scorings.source import open_scoring, wrong_value

__all__ = ["KnownError", "read_scoring_error"]

COMPARE_SCHEMA = "hsat.compare/1"


class KnownError(NamedTuple):
    """Mean and SD of a scoring's AHI minus the reference's, events per hour."""

    bias_per_h: float
    sd_per_h: float


def read_scoring_error(path: str | os.PathLike[str]) -> KnownError:
    """Bias and SD of the AHI differences of two folders of scorings.

    Parameters
    ----------
    path : str or path-like
        JSON of schema ``hsat.compare/1``, from ``hsat compare SCORED REFERENCE --format json``.

    Returns
    -------
    KnownError

    Raises
    ------
    ReadError
        Where it is no such JSON, or compares too few nights for an SD.
    """
    file = open_scoring(path)
    if file.is_edf or file.schema != COMPARE_SCHEMA:
        raise ReadError(f"{file.path}: expected JSON of the schema {COMPARE_SCHEMA}, got something else")
    cohort = file.document.get("cohort")
    ahi = cohort.get("ahi") if isinstance(cohort, dict) else None
    if not isinstance(ahi, dict):
        raise ReadError(f"{file.path}: cohort.ahi: expected the comparison of two folders, got two files")
    bias = ahi.get("bias_per_h")
    value = bias.get("value") if isinstance(bias, dict) else bias
    return KnownError(
        _number(file.path, "cohort.ahi.bias_per_h", value),
        _number(file.path, "cohort.ahi.sd_per_h", ahi.get("sd_per_h")),
    )


def _number(path: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_value(path, key, "a number", value)
    return float(value)
