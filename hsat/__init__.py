"""Home sleep apnea test analysis: EDF recordings to apneas, hypopneas, AHI and its certainty."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsat import batch as batch
    from hsat import plot as plot
    from hsat.agreement import compare_nights, summarize_agreement
    from hsat.folders import read_nights
    from hsat.hypnogram import Hypnogram
    from hsat.io import read_recording
    from hsat.io.hypnograms import read_hypnogram
    from hsat.io.scorings import read_scoring
    from hsat.io.scorings.writing import write_scoring
    from hsat.joining import join_oximetry
    from hsat.nights.posterior import estimate_ahi
    from hsat.nights.summary import summarize_nights
    from hsat.nights.treatment import compare_treatment
    from hsat.patient import PatientSummary
    from hsat.recording import Recording
    from hsat.results import NightResult
    from hsat.rules.load import load_rules
    from hsat.score import score_night
    from hsat.scorings import Scoring

__version__ = "0.1.0"

__all__ = [
    "Hypnogram",
    "NightResult",
    "PatientSummary",
    "Recording",
    "Scoring",
    "__version__",
    "batch",
    "compare_nights",
    "compare_treatment",
    "estimate_ahi",
    "join_oximetry",
    "load_rules",
    "plot",
    "read_hypnogram",
    "read_nights",
    "read_recording",
    "read_scoring",
    "score_night",
    "summarize_agreement",
    "summarize_nights",
    "write_scoring",
]

_HOMES = {
    "Hypnogram": "hsat.hypnogram",
    "NightResult": "hsat.results",
    "PatientSummary": "hsat.patient",
    "Recording": "hsat.recording",
    "Scoring": "hsat.scorings",
    "compare_nights": "hsat.agreement",
    "compare_treatment": "hsat.nights.treatment",
    "estimate_ahi": "hsat.nights.posterior",
    "join_oximetry": "hsat.joining",
    "load_rules": "hsat.rules.load",
    "read_hypnogram": "hsat.io.hypnograms",
    "read_nights": "hsat.folders",
    "read_recording": "hsat.io",
    "read_scoring": "hsat.io.scorings",
    "score_night": "hsat.score",
    "summarize_agreement": "hsat.agreement",
    "summarize_nights": "hsat.nights.summary",
    "write_scoring": "hsat.io.scorings.writing",
}


def __getattr__(name: str) -> Any:
    """Load public names on first use, so that ``import hsat`` stays light."""
    if name in {"batch", "plot"}:  # rooms: the first one can be called
        return import_module(f"hsat.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'hsat' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
