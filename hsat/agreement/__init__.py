"""Agreement of two scorings: of a night, and over nights."""

from hsat.agreement.cohort import summarize_agreement
from hsat.agreement.matching import match_events
from hsat.agreement.night import compare_nights

__all__ = ["compare_nights", "match_events", "summarize_agreement"]
