"""Sleep and wake of a night as somebody scored them: stages over time. No algorithms here."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from hsat.errors import HsatError
from hsat.intervals import Spans, as_spans
from hsat.recording import Note

__all__ = ["NREM_STAGES", "SLEEP_STAGES", "Hypnogram", "SleepStage", "StagedSpan"]


class SleepStage(StrEnum):
    """What a stretch of the night was scored as.

    ``sleep`` is sleep whose stage is not told, as from an actigraph; ``unknown`` was not scored.
    """

    WAKE = "wake"
    N1 = "n1"
    N2 = "n2"
    N3 = "n3"
    REM = "rem"
    SLEEP = "sleep"
    UNKNOWN = "unknown"


NREM_STAGES = (SleepStage.N1, SleepStage.N2, SleepStage.N3)
SLEEP_STAGES = (*NREM_STAGES, SleepStage.REM, SleepStage.SLEEP)


class StagedSpan(NamedTuple):
    """A stretch of one stage, half-open, seconds from the start of the recording."""

    start_s: float
    stop_s: float
    stage: SleepStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypnogram:
    """The stages of one night.

    Attributes
    ----------
    spans : tuple of StagedSpan
        In order of time, not overlapping; may leave time out and reach beyond the recording.
    source : str
        The file it came from, as the user gave it; empty where it came from none.
    notes : tuple of Note
        How it was placed on the recording's clock.

    Raises
    ------
    HsatError
        Where a span is empty or overlaps the one before.
    """

    spans: tuple[StagedSpan, ...]
    source: str = ""
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        for start_s, stop_s, _ in self.spans:
            if not (math.isfinite(start_s) and math.isfinite(stop_s) and stop_s > start_s):
                raise HsatError(
                    f"hypnogram: expected spans that stop after they start, got {start_s:g} s to {stop_s:g} s"
                )
        for before, after in pairwise(self.spans):
            if after.start_s < before.stop_s:
                raise HsatError(
                    f"hypnogram: expected spans in order of time, got one from {after.start_s:g} s "
                    f"after one that stops at {before.stop_s:g} s"
                )

    def clip(self, start_s: float, stop_s: float) -> "Hypnogram":
        """The part of it inside ``[start_s, stop_s)``."""
        inside = [
            StagedSpan(max(span.start_s, start_s), min(span.stop_s, stop_s), span.stage)
            for span in self.spans
        ]
        return replace(self, spans=tuple(span for span in inside if span.stop_s > span.start_s))

    def spans_s(self, *stages: SleepStage) -> Spans:
        """Time in any of the stages.

        Parameters
        ----------
        *stages : SleepStage

        Returns
        -------
        ndarray, shape (n, 2), float64
            Seconds from the start of the recording, in normal form.
        """
        return as_spans([(span.start_s, span.stop_s) for span in self.spans if span.stage in stages])
