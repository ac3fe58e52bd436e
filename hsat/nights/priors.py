"""Priors: what is believed of a patient's mean AHI, and of nights, before any night is seen.

Every number is in a TOML file with its source: ``mean_priors/NAME.toml`` or the user's own file
for the mean, ``variation.toml`` for how much nights differ.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from hsat.errors import PriorError, shown

__all__ = [
    "DriftingVariation",
    "FirmLimits",
    "IndependentVariation",
    "MeanPrior",
    "TreatmentLimits",
    "drifting_variation",
    "firm_limits",
    "independent_variation",
    "load_prior",
    "prior_names",
    "treatment_limits",
]

Floats = NDArray[np.float64]

PACKAGED = Path(__file__).parent / "mean_priors"
VARIATION = Path(__file__).with_name("variation.toml")
MAX_BYTES = 65_536
"""A prior is a few lines; a recording given by mistake is refused before it is parsed."""

LARGEST_AHI_PER_H = 1000.0
"""Beyond any rate of breathing: a prior that reaches further is a mistake."""
GEOMETRIC_SD_LIMITS = (1.05, 100.0)
"""Half of the narrowest lies within 3.4 % of its median: nobody knows a mean AHI as well before a night."""
LEAST_TOP_PER_H = 0.1
LEAST_RATIO = 1.5
"""Of the ends of a uniform prior: a narrower one is an answer already, and too narrow for the grid."""
ROUNDING = 1e-9
"""A place at the end of the support lies inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanPrior:
    """Prior of the true mean AHI.

    Attributes
    ----------
    name : str
        Of a packaged prior, or the path as given.
    meaning, source : str
    log_median, log_sd : float or None
        Of a log-normal prior: mean and SD of the natural logarithm of the AHI per hour.
    from_ahi_per_h, to_ahi_per_h : float or None
        Of a uniform prior.
    """

    name: str
    meaning: str
    source: str
    log_median: float | None = None
    log_sd: float | None = None
    from_ahi_per_h: float | None = None
    to_ahi_per_h: float | None = None

    def log_density(self, log_mu: Floats) -> Floats:
        """Logarithm of the density over the natural logarithm of the AHI per hour.

        Parameters
        ----------
        log_mu : ndarray, float64

        Returns
        -------
        ndarray, float64
            Of the same shape; minus infinity where the prior excludes a value.
        """
        if self.log_median is not None and self.log_sd is not None:
            z = (log_mu - self.log_median) / self.log_sd
            return np.asarray(-0.5 * z * z - math.log(self.log_sd * math.sqrt(2.0 * math.pi)))
        low, high = self.from_ahi_per_h or 0.0, self.to_ahi_per_h or LARGEST_AHI_PER_H
        first, last = self.support
        is_inside = (log_mu >= first - ROUNDING) & (log_mu <= last + ROUNDING)
        return np.where(is_inside, log_mu - math.log(high - low), -np.inf)

    @property
    def support(self) -> tuple[float, float]:
        """Natural logarithms of the AHI between which all but one part in 10^9 of the prior lies."""
        if self.log_median is not None and self.log_sd is not None:
            return self.log_median - 6.0 * self.log_sd, self.log_median + 6.0 * self.log_sd
        low, high = self.from_ahi_per_h or 0.0, self.to_ahi_per_h or LARGEST_AHI_PER_H
        return math.log(max(low, high * 1e-9)), math.log(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndependentVariation:
    """``[independent]`` of variation.toml: log-normal coefficient of variation, on `n_nodes` nodes."""

    cv_median: float
    cv_geometric_sd: float
    n_nodes: int
    widest_z: float

    def nodes(self) -> tuple[Floats, Floats]:
        """Values of the coefficient of variation and their weights.

        Returns
        -------
        (ndarray, ndarray), float64
        """
        return log_normal_nodes(self.cv_median, self.cv_geometric_sd, self.n_nodes, self.widest_z)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftingVariation:
    """``[default]`` of variation.toml: spread of the logarithm, the share of it that drifts, how fast.

    The SD of the logarithm is uniform between its ends; share and time take each value equally often.
    """

    log_sd_from: float
    log_sd_to: float
    n_nodes: int
    drift_share_fraction: tuple[float, ...]
    drift_time_days: tuple[float, ...]

    def nodes(self) -> tuple[Floats, Floats]:
        """Values of the SD of the logarithm of a night's rate and their weights (Gauss-Legendre).

        Returns
        -------
        (ndarray, ndarray), float64
        """
        place, weights = np.polynomial.legendre.leggauss(self.n_nodes)
        half = 0.5 * (self.log_sd_to - self.log_sd_from)
        return self.log_sd_from + half * (1.0 + place), 0.5 * weights


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmLimits:
    """``[firm_class]`` of variation.toml: the probability from which a class is firm."""

    firm_from_fraction: float
    few_nights: int
    firm_from_few_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentLimits:
    """``[treatment]`` of variation.toml: when a response is named, and which part of the AHI left counts."""

    decided_from_fraction: float
    halved_fraction: float


@cache
def log_normal_nodes(
    median: float, geometric_sd: float, n_nodes: int, widest_z: float
) -> tuple[Floats, Floats]:
    """Equidistant nodes of the logarithm: the trapezoid rule for a log-normal cut at `widest_z` SD."""
    z = np.linspace(-widest_z, widest_z, n_nodes)
    weights = np.exp(-0.5 * z * z)
    return median * geometric_sd**z, weights / float(weights.sum())


@cache
def prior_names() -> tuple[str, ...]:
    """Names of the packaged priors of the mean.

    Returns
    -------
    tuple of str
        The default one first.
    """
    names = sorted(path.stem for path in PACKAGED.glob("*.toml"))
    return ("referral", *(name for name in names if name != "referral"))


@cache
def _packaged(name: str) -> MeanPrior:
    return _read(PACKAGED / f"{name}.toml", name)


def load_prior(prior: str | Path) -> MeanPrior:
    """A prior of the mean AHI by name or from a file.

    Parameters
    ----------
    prior : str or Path
        One of `prior_names`, or the path of a TOML file of the same keys.

    Returns
    -------
    MeanPrior

    Raises
    ------
    PriorError
        No such prior or file, or a key that is missing, unknown or out of range.
    """
    if isinstance(prior, str) and prior in prior_names():
        return _packaged(prior)
    allowed = f"expected one of {', '.join(prior_names())} or a TOML file"
    if not isinstance(prior, str | Path) or "\0" in str(prior):
        raise PriorError(f"prior: {allowed}, got {shown(prior)}")
    path = Path(prior)
    if path.suffix != ".toml" and not path.is_file():
        raise PriorError(f"prior: {allowed}, got {shown(str(prior))}")
    return _read(path, str(prior) if str(prior).isprintable() else shown(str(prior)))


def _read(path: Path, name: str) -> MeanPrior:
    """One prior from its file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PriorError(f"prior {name}: expected a TOML file of at most {MAX_BYTES} bytes, got more")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PriorError(f"prior {name}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = " ".join(str(error).split())
        raise PriorError(f"prior {name}: expected a TOML file, got something else ({reason})") from error
    kinds = {"lognormal": _log_normal, "prevalence": _from_prevalence, "uniform": _uniform}
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise PriorError(f"prior {name}, kind: expected one of {', '.join(kinds)}, got {shown(kind)}")
    keys = {
        "lognormal": ("median_ahi_per_h", "geometric_sd"),
        "prevalence": ("ahi_from_per_h", "prevalence_fraction"),
        "uniform": ("from_ahi_per_h", "to_ahi_per_h"),
    }[kind]
    allowed = ("kind", "meaning", "source", *keys)
    for key in table:
        if key not in allowed:
            raise PriorError(f"prior {name}: unknown key {shown(key)}, expected {', '.join(allowed)}")
    for key in ("meaning", "source"):
        if not isinstance(table.get(key), str):
            raise PriorError(f"prior {name}, {key}: expected a sentence, got {shown(table.get(key))}")
    return kinds[kind](name, table)


def _number(name: str, key: str, value: Any, low: float, high: float) -> float:
    """A finite number within limits, or an error that names the key."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        raise PriorError(
            f"prior {name}, {key}: expected a number from {low:g} to {high:g}, got {shown(value)}"
        )
    return float(value)


def _pair(name: str, key: str, value: Any, low: float, high: float) -> tuple[float, float]:
    """Two numbers within limits."""
    if not isinstance(value, list) or len(value) != 2:
        raise PriorError(f"prior {name}, {key}: expected two numbers, got {shown(value)}")
    return _number(name, key, value[0], low, high), _number(name, key, value[1], low, high)


def _log_normal(name: str, table: Mapping[str, Any]) -> MeanPrior:
    median = _number(name, "median_ahi_per_h", table.get("median_ahi_per_h"), 0.01, 200.0)
    spread = _number(name, "geometric_sd", table.get("geometric_sd"), *GEOMETRIC_SD_LIMITS)
    return MeanPrior(
        name=name,
        meaning=table["meaning"],
        source=table["source"],
        log_median=math.log(median),
        log_sd=math.log(spread),
    )


def _from_prevalence(name: str, table: Mapping[str, Any]) -> MeanPrior:
    """The log-normal of which two given shares lie at or above two given values."""
    low, high = _pair(name, "ahi_from_per_h", table.get("ahi_from_per_h"), 0.01, 200.0)
    of_low, of_high = _pair(name, "prevalence_fraction", table.get("prevalence_fraction"), 1e-4, 1 - 1e-4)
    if not (low < high and of_low > of_high):
        raise PriorError(
            f"prior {name}: expected ahi_from_per_h to rise and prevalence_fraction to fall, "
            f"got {low:g}, {high:g} and {of_low:g}, {of_high:g}"
        )
    z_low, z_high = -float(ndtri(of_low)), -float(ndtri(of_high))
    least, largest = map(math.log, GEOMETRIC_SD_LIMITS)
    rise, steps = math.log(high / low), z_high - z_low
    if not least * steps <= rise <= largest * steps:
        raise PriorError(
            f"prior {name}, prevalence_fraction: expected a geometric SD from {GEOMETRIC_SD_LIMITS[0]:g} to "
            f"{GEOMETRIC_SD_LIMITS[1]:g}, got another from {of_low:g}, {of_high:g} at {low:g}, {high:g} /h"
        )
    log_sd = rise / steps
    return MeanPrior(
        name=name,
        meaning=table["meaning"],
        source=table["source"],
        log_median=math.log(low) - z_low * log_sd,
        log_sd=log_sd,
    )


def _uniform(name: str, table: Mapping[str, Any]) -> MeanPrior:
    low = _number(name, "from_ahi_per_h", table.get("from_ahi_per_h"), 0.0, LARGEST_AHI_PER_H)
    high = _number(name, "to_ahi_per_h", table.get("to_ahi_per_h"), LEAST_TOP_PER_H, LARGEST_AHI_PER_H)
    if high < LEAST_RATIO * low:
        raise PriorError(
            f"prior {name}, to_ahi_per_h: expected at least {LEAST_RATIO:g} times from_ahi_per_h ({low:g}), "
            f"got {high:g}"
        )
    return MeanPrior(
        name=name, meaning=table["meaning"], source=table["source"], from_ahi_per_h=low, to_ahi_per_h=high
    )


@cache
def _variation() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(VARIATION.read_text(encoding="utf-8"))


@cache
def independent_variation() -> IndependentVariation:
    """How much nights differ in the independent model.

    Returns
    -------
    IndependentVariation
    """
    table = {k: v for k, v in _variation()["independent"].items() if k not in ("meaning", "source")}
    return IndependentVariation(**table)


@cache
def drifting_variation() -> DriftingVariation:
    """How much nights differ, and drift, in the default model.

    Returns
    -------
    DriftingVariation
    """
    table = _variation()["default"]
    return DriftingVariation(
        log_sd_from=table["log_sd_from"],
        log_sd_to=table["log_sd_to"],
        n_nodes=table["n_nodes"],
        drift_share_fraction=tuple(table["drift_share_fraction"]),
        drift_time_days=tuple(table["drift_time_days"]),
    )


@cache
def firm_limits() -> FirmLimits:
    """How probable a class has to be to be called firm.

    Returns
    -------
    FirmLimits
    """
    table = {k: v for k, v in _variation()["firm_class"].items() if k not in ("meaning", "source")}
    return FirmLimits(**table)


@cache
def treatment_limits() -> TreatmentLimits:
    """When a treatment has worked, and how sure that has to be.

    Returns
    -------
    TreatmentLimits
    """
    table = _variation()["treatment"]
    return TreatmentLimits(
        decided_from_fraction=table["decided_from_fraction"], halved_fraction=table["halved_fraction"]
    )
