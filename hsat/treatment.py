"""What nights before and after a treatment say of its effect."""

from collections.abc import Mapping
from dataclasses import dataclass

from hsat.patient import PatientSummary
from hsat.recording import Note

__all__ = ["TreatmentResponse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentResponse:
    """The effect of a treatment on the mean AHI of one patient.

    Everything but the two summaries comes from their posteriors, taken as independent of each other.

    Attributes
    ----------
    patient : str or None
    before, after : PatientSummary
    change_per_h : float or None
        Mean AHI after minus before: posterior mean. None where either side has no usable night.
    change_ci95_per_h : (float, float) or None
    change_percent : float or None
        Change relative to before: posterior median; -100 where nothing is left.
    change_ci95_percent : (float, float) or None
    residual_ahi_per_h : float or None
        Mean AHI over many nights on treatment.
    residual_ci95_per_h : (float, float) or None
    p_halved : float or None
        Probability that the mean AHI fell by 50 % or more.
    p_complete : float or None
        Probability that the mean AHI on treatment is below 5 per hour; None below 18 years.
    response : str or None
        What has a probability of 0.9: ``"complete"`` (below 5 per hour), ``"partial"`` (halved, not below
        5), ``"none"`` (not halved); None while open, or where the AHI was normal before.
    is_enough : bool
        Whether the nights suffice: both probabilities are at least 0.9 or at most 0.1.
    not_measured : mapping of str to str
        A reason for every None.
    notes : tuple of Note
    """

    patient: str | None
    before: PatientSummary
    after: PatientSummary
    change_per_h: float | None
    change_ci95_per_h: tuple[float, float] | None
    change_percent: float | None
    change_ci95_percent: tuple[float, float] | None
    residual_ahi_per_h: float | None
    residual_ci95_per_h: tuple[float, float] | None
    p_halved: float | None
    p_complete: float | None
    response: str | None
    is_enough: bool
    not_measured: Mapping[str, str]
    notes: tuple[Note, ...] = ()
