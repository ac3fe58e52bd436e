"""Events and hours lying on the back and otherwise."""

from collections.abc import Sequence

import numpy as np

from hsat.events import RespiratoryEvent
from hsat.indices.measurements import SUPINE_CODE, Found, NightMeasurements
from hsat.indices.parts import add_rates_within
from hsat.intervals import intersect_spans, spans_from_mask, total_s
from hsat.results import SECONDS_PER_HOUR
from hsat.rules.model import ScoringRules

__all__ = ["POSITION_CODES", "add_position"]

POSITION_CODES = {"left": 1, "right": 2, "prone": 3, "upright": 4}
"""Canonical position codes beside `SUPINE_CODE`, see `hsat.io.channels`."""

_POSITION_NAMES = (
    "supine_ahi_per_h",
    "non_supine_ahi_per_h",
    "supine_h",
    "non_supine_h",
    *(f"{name}_h" for name in POSITION_CODES),
)


def add_position(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Hours and events per hour on the back and otherwise; an event belongs where most of it lies.

    Hours are monitored ones, but for upright ones, which monitored time leaves out.
    """
    if night.position is None:
        found.refuse(_POSITION_NAMES, "no position channel with a known coding")
        return
    spans = {
        "supine": spans_from_mask(night.position == SUPINE_CODE, night.oximetry_rate_hz),
        "non_supine": spans_from_mask(
            ~np.isnan(night.position) & (night.position != SUPINE_CODE), night.oximetry_rate_hz
        ),
    }
    for name, code in POSITION_CODES.items():
        there = spans_from_mask(night.position == code, night.oximetry_rate_hz)
        if name != "upright":
            there = intersect_spans(there, night.monitored.spans_s)
        found.values[f"{name}_h"] = total_s(there) / SECONDS_PER_HOUR
    add_rates_within(
        found,
        night,
        counted,
        rules,
        parts=spans,
        words={"supine": "supine time", "non_supine": "non-supine time"},
    )
