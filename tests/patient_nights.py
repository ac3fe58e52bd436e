"""Scored nights made by hand, for tests of what several of them say together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hsat.patient import ScoredNight

FIRST = datetime(2026, 3, 1, 22, 30)
LIMITS = (("severe", 30.0), ("moderate", 15.0), ("mild", 5.0), ("normal", 0.0))


def make_night(day: int = 0, n_events: int = 65, hours: float = 6.5, **changes: Any) -> ScoredNight:
    """A night of some events in some hours; its class by the limits of AASM 1999, written down here."""
    ahi = n_events / hours
    is_adequate = hours >= 4.0
    made = ScoredNight(
        file=f"night-{day + 1}.edf",
        start_local=FIRST + timedelta(days=day),
        duration_s=hours * 3600.0 + 600.0,
        patient="P-1",
        therapy="none",
        rules_id="aasm_1b@0123456789ab",
        monitoring_h=hours,
        n_events=n_events,
        ahi_per_h=ahi,
        severity=next(name for name, limit in LIMITS if ahi >= limit),
        adequacy="adequate" if is_adequate else "partial" if hours >= 2.0 else "inadequate",
        reasons=() if is_adequate else ("too short",),
    )
    return replace(made, **changes)


def make_nights(counts: Sequence[int], hours: float = 6.5, **changes: Any) -> list[ScoredNight]:
    """Nights in a row."""
    return [make_night(day, count, hours, **changes) for day, count in enumerate(counts)]
