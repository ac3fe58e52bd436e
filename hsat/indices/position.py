"""Events and hours lying on the back and otherwise."""

from collections.abc import Mapping, Sequence

import numpy as np

from hsat.events import RespiratoryEvent
from hsat.indices.measurements import SUPINE_CODE, Found, NightMeasurements
from hsat.indices.parts import add_rates_within
from hsat.intervals import Spans, intersect_spans, overlaps_s, spans_from_mask, total_s
from hsat.results import SECONDS_PER_HOUR
from hsat.rules.model import ScoringRules

__all__ = ["POSITION_CODES", "add_position"]

POSITION_CODES = {"left": 1, "right": 2, "prone": 3, "upright": 4}
"""Canonical position codes beside `SUPINE_CODE`, see `hsat.io.channels`."""

SIDE_WORDS = {"left": "time on the left side", "right": "time on the right side", "prone": "prone time"}
"""Positions beside supine with a rate of their own, and what reasons call them. Nobody sleeps upright
in monitored time but by a hypnogram."""

_POSITION_NAMES = (
    "supine_ahi_per_h",
    "non_supine_ahi_per_h",
    "supine_h",
    "non_supine_h",
    *(f"{name}_h" for name in POSITION_CODES),
    *(f"{name}_ahi_per_h" for name in SIDE_WORDS),
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
    sides = {
        name: spans_from_mask(night.position == code, night.oximetry_rate_hz)
        for name, code in POSITION_CODES.items()
    }
    for name, there in sides.items():
        counts = there if name == "upright" else intersect_spans(there, night.monitored.spans_s)
        found.values[f"{name}_h"] = total_s(counts) / SECONDS_PER_HOUR
    _add_sides(found, counted, rules, spans, sides)
    add_rates_within(
        found,
        night,
        counted,
        rules,
        parts=spans,
        words={"supine": "supine time", "non_supine": "non-supine time"},
    )


def _add_sides(
    found: Found,
    counted: Sequence[RespiratoryEvent],
    rules: ScoringRules,
    parts: Mapping[str, Spans],
    sides: Mapping[str, Spans],
) -> None:
    """Rates on the sides and prone: an event that is not supine belongs where most of it lies."""
    rows = np.array([(event.start_s, event.stop_s) for event in counted]).reshape(-1, 2)
    is_supine = overlaps_s(rows, parts["supine"]) > overlaps_s(rows, parts["non_supine"])
    inside = np.array([overlaps_s(rows, spans) for spans in sides.values()])
    places = np.where(is_supine | (inside.max(axis=0) == 0.0), -1, inside.argmax(axis=0))
    for place, name in enumerate(sides):
        if name not in SIDE_WORDS:
            continue
        rate, hours = f"{name}_ahi_per_h", found.values[f"{name}_h"]
        if "indices.ahi_per_h" in found.reasons:
            found.refuse([rate], found.reasons["indices.ahi_per_h"])
        elif hours < rules.adequacy.rate_from_h:
            found.refuse([rate], f"{'no' if hours == 0 else 'too little'} {SIDE_WORDS[name]}")
        else:
            found.values[rate] = int(np.count_nonzero(places == place)) / hours
