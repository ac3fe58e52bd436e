"""Events and hours lying on the back and otherwise."""

from collections.abc import Sequence

import numpy as np

from hsat.events import RespiratoryEvent
from hsat.indices.measurements import SUPINE_CODE, Found, NightMeasurements
from hsat.intervals import intersect_spans, overlaps_s, spans_from_mask, total_s
from hsat.results import SECONDS_PER_HOUR
from hsat.rules.model import ScoringRules

__all__ = ["add_position"]

_POSITION_NAMES = ("supine_ahi_per_h", "non_supine_ahi_per_h", "supine_h", "non_supine_h")


def add_position(
    found: Found, night: NightMeasurements, counted: Sequence[RespiratoryEvent], rules: ScoringRules
) -> None:
    """Hours and events per hour on the back and otherwise; an event belongs where most of it lies."""
    if night.position is None:
        found.refuse(_POSITION_NAMES, "no position channel with a known coding")
        return
    spans = {
        "supine": spans_from_mask(night.position == SUPINE_CODE, night.oximetry_rate_hz),
        "non_supine": spans_from_mask(
            ~np.isnan(night.position) & (night.position != SUPINE_CODE), night.oximetry_rate_hz
        ),
    }
    rows = np.array([(event.start_s, event.stop_s) for event in counted]).reshape(-1, 2)
    is_supine = overlaps_s(rows, spans["supine"]) > overlaps_s(rows, spans["non_supine"])
    is_known = overlaps_s(rows, spans["supine"]) + overlaps_s(rows, spans["non_supine"]) > 0
    counts = {"supine": is_known & is_supine, "non_supine": is_known & ~is_supine}
    for word, is_mine in counts.items():
        hours = total_s(intersect_spans(spans[word], night.monitored.spans_s)) / SECONDS_PER_HOUR
        found.values[f"{word}_h"] = hours
        name = f"{word}_ahi_per_h"
        if "indices.ahi_per_h" in found.reasons:
            found.refuse([name], found.reasons["indices.ahi_per_h"])
        elif hours < rules.adequacy.rate_from_h:
            amount = "no" if hours == 0 else "too little"
            found.refuse([name], f"{amount} {word.replace('_', '-')} time")
        else:
            found.values[name] = int(np.count_nonzero(is_mine)) / hours
