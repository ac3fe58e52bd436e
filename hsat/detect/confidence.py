"""How far a candidate lies inside the limits of an event: a rank from 0 to 1."""

import math

from hsat.detect.candidates import Candidate
from hsat.kernels.reductions import CLOSED
from hsat.rules.model import ScoringRules

__all__ = ["rank_candidate", "rank_margin"]


def rank_margin(margin: float) -> float:
    """A signed distance from a limit as a rank.

    Parameters
    ----------
    margin : float
        In units of the clause's scale; 0 at the limit, above it inside.

    Returns
    -------
    float
        0.5 at the limit, 0.75 one unit inside, 0.25 one unit outside, towards 1 and 0 far away.
    """
    if math.isinf(margin):
        return 1.0 if margin > 0 else 0.0
    return 0.5 + 0.5 * margin / (1.0 + abs(margin))


def rank_candidate(candidate: Candidate, rules: ScoringRules) -> float | None:
    """Rank a candidate by its distance from the limits that decide whether it is an event.

    An event needs all clauses of the apnea, or all of the hypopnea: the smallest distance of each
    counts, and of the two the larger.

    Parameters
    ----------
    candidate : Candidate
    rules : ScoringRules
        ``[apnea]``, ``[hypopnea]``, ``[desaturation]`` and the scales of ``[confidence]``.

    Returns
    -------
    float or None
        From 0.5 on for what `hsat.detect.judging.judge` admits, below 0.5 for what it refuses. None
        where no distance decided: a fault of the sensor, no recovery, SpO2 missing.
    """
    if candidate.is_artifact or candidate.ending != CLOSED:
        return None
    apnea, scale = rules.apnea, rules.confidence
    as_apnea = (candidate.longest_apnea_s - apnea.min_duration_s) / scale.duration_scale_s
    as_hypopnea = _hypopnea_margin(candidate, rules)
    if as_apnea >= 0.0:
        excuse = _long_apnea_margin(candidate, rules)
        if excuse < 0.0:
            return _below_half(rank_margin(excuse))
        as_apnea = min(as_apnea, excuse)
    elif as_hypopnea is None:
        return None
    best = as_apnea if as_hypopnea is None else max(as_apnea, as_hypopnea)
    rank = rank_margin(best)
    return rank if best >= 0.0 else _below_half(rank)


def _hypopnea_margin(candidate: Candidate, rules: ScoringRules) -> float | None:
    """Smallest distance of the hypopnea's clauses; None where SpO2 alone would decide and is missing."""
    hypopnea, scale = rules.hypopnea, rules.confidence
    of_flow = min(
        (candidate.reduction_fraction - hypopnea.min_reduction_fraction) / scale.reduction_scale_fraction,
        (candidate.duration_s - hypopnea.min_duration_s) / scale.duration_scale_s,
    )
    if not hypopnea.needs_desaturation:
        return of_flow
    fall = candidate.desaturation
    if fall is None:
        return None if of_flow >= 0.0 else of_flow
    return min(
        of_flow, (fall.drop_points - hypopnea.min_desaturation_points) / scale.desaturation_scale_points
    )


def _long_apnea_margin(candidate: Candidate, rules: ScoringRules) -> float:
    """Distance from being too long an apnea for SpO2 that does not fall: either may excuse it."""
    fall, scale = candidate.desaturation, rules.confidence
    if fall is None:
        return math.inf
    least = rules.apnea.least_fall_points(candidate.longest_apnea_s, rules.desaturation.small_points)
    return max(
        (rules.apnea.longest_without_fall_s - candidate.longest_apnea_s) / scale.duration_scale_s,
        (fall.drop_points - least) / scale.desaturation_scale_points,
    )


def _below_half(rank: float) -> float:
    """Keep what was refused below the limit, where the distance is too small to show."""
    return min(rank, math.nextafter(0.5, 0.0))
