"""AHI by position over several nights: how much of the variation between nights lies in it."""

from collections.abc import Sequence

from hsat.patient import PositionSummary, ScoredNight

__all__ = ["summarize_positions", "supine_fraction"]


def supine_fraction(night: ScoredNight) -> float | None:
    """Share of the judged time in a known position that was supine; None where none is known."""
    if night.supine_h is None or night.non_supine_h is None:
        return None
    known_h = night.supine_h + night.non_supine_h
    return night.supine_h / known_h if known_h > 0.0 else None


def summarize_positions(nights: Sequence[ScoredNight]) -> PositionSummary | None:
    """Pool supine and non-supine events and hours.

    Parameters
    ----------
    nights : sequence of ScoredNight

    Returns
    -------
    PositionSummary or None
        None where no night tells the position. A night with too little time in a position for a
        rate adds neither events nor hours to that position's AHI.
    """
    told = [night for night in nights if night.supine_h is not None and night.non_supine_h is not None]
    if not told:
        return None
    supine_h = sum(night.supine_h or 0.0 for night in told)
    non_supine_h = sum(night.non_supine_h or 0.0 for night in told)
    known_h = supine_h + non_supine_h
    return PositionSummary(
        n_nights=len(told),
        supine_h=supine_h,
        non_supine_h=non_supine_h,
        supine_fraction=supine_h / known_h if known_h > 0.0 else None,
        supine_ahi_per_h=_pooled([(night.supine_ahi_per_h, night.supine_h) for night in told]),
        non_supine_ahi_per_h=_pooled([(night.non_supine_ahi_per_h, night.non_supine_h) for night in told]),
    )


def _pooled(parts: Sequence[tuple[float | None, float | None]]) -> float | None:
    """Events over hours of the nights that have a rate there."""
    rated = [(rate, hours) for rate, hours in parts if rate is not None and hours]
    hours = sum(h for _, h in rated)
    return sum(rate * h for rate, h in rated) / hours if hours > 0.0 else None
