"""Hours and AHI of parts of the night: positions of the body, kinds of sleep."""

from collections.abc import Mapping, Sequence

import numpy as np

from hsat.events import RespiratoryEvent
from hsat.indices.measurements import Found, NightMeasurements
from hsat.intervals import Spans, intersect_spans, overlaps_s, total_s
from hsat.results import SECONDS_PER_HOUR
from hsat.rules.model import ScoringRules

__all__ = ["add_rates_within"]


def add_rates_within(
    found: Found,
    night: NightMeasurements,
    counted: Sequence[RespiratoryEvent],
    rules: ScoringRules,
    *,
    parts: Mapping[str, Spans],
    words: Mapping[str, str],
) -> None:
    """Monitored hours and AHI of two parts of the night.

    Parameters
    ----------
    found : Found
        Gets ``PART_h`` and ``PART_ahi_per_h`` of both.
    night : NightMeasurements
    counted : sequence of RespiratoryEvent
        Each belongs to the part it lies more in; to none where it touches neither.
    rules : ScoringRules
        ``[adequacy]`` is used.
    parts : mapping of str to ndarray, shape (n, 2)
        Name and time of the two parts, which do not overlap.
    words : mapping of str to str
        What reasons call them: ``"supine time"``.
    """
    first, second = parts
    rows = np.array([(event.start_s, event.stop_s) for event in counted]).reshape(-1, 2)
    inside = {name: overlaps_s(rows, spans) for name, spans in parts.items()}
    is_first = inside[first] > inside[second]
    is_known = inside[first] + inside[second] > 0
    counts = {first: is_known & is_first, second: is_known & ~is_first}
    for name, is_mine in counts.items():
        hours = total_s(intersect_spans(parts[name], night.monitored.spans_s)) / SECONDS_PER_HOUR
        found.values[f"{name}_h"] = hours
        rate = f"{name}_ahi_per_h"
        if "indices.ahi_per_h" in found.reasons:
            found.refuse([rate], found.reasons["indices.ahi_per_h"])
        elif hours < rules.adequacy.rate_from_h:
            found.refuse([rate], f"{'no' if hours == 0 else 'too little'} {words[name]}")
        else:
            found.values[rate] = int(np.count_nonzero(is_mine)) / hours
