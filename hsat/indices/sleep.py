"""Hours asleep, and events per hour of REM and of NREM sleep."""

from collections.abc import Sequence

from hsat.events import RespiratoryEvent
from hsat.hypnogram import NREM_STAGES, SleepStage
from hsat.indices.measurements import Found, NightMeasurements
from hsat.indices.parts import add_rates_within
from hsat.rules.model import ScoringRules

__all__ = ["add_sleep"]

_SLEEP_NAMES = ("sleep_h", "rem_ahi_per_h", "nrem_ahi_per_h", "rem_h", "nrem_h")


def add_sleep(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Hours of sleep by the hypnogram; hours that can be judged and AHI in REM and in NREM."""
    hypnogram = night.monitored.hypnogram
    if hypnogram is None:
        found.refuse(_SLEEP_NAMES, "no hypnogram was given")
        return
    found.values["sleep_h"] = night.monitored.sleep_h
    parts = {"rem": hypnogram.spans_s(SleepStage.REM), "nrem": hypnogram.spans_s(*NREM_STAGES)}
    add_rates_within(
        found, night, counted, rules, parts=parts, words={"rem": "REM sleep", "nrem": "NREM sleep"}
    )
