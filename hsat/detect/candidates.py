"""Stretches of reduced breathing long enough to be mentioned, each with its fall of SpO2."""

from dataclasses import dataclass

import numpy as np

from hsat.detect.combining import Stretches
from hsat.detect.desaturations import Oximetry, match_desaturations
from hsat.detect.respiratory import Reductions
from hsat.events import Desaturation, from_columns
from hsat.intervals import Spans, overlaps_s
from hsat.kernels.reductions import CLOSED
from hsat.rules.model import ScoringRules

__all__ = ["Candidate", "gather_candidates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One stretch of reduced breathing with all that a rule asks about it.

    Attributes
    ----------
    start_s, stop_s : float
        See `hsat.detect.respiratory.Reductions`, `spans_s`.
    core_s, apnea_core_s : tuple of float
        Start and stop of the part in which the whole measuring window is reduced, and of the
        longest one in which it is as deep as an apnea.
    baseline : float
        Pre-event baseline excursion in the unit of flow.
    reduction_fraction : float
    longest_apnea_s : float
        Longest part that is deep enough for an apnea.
    ending : int
        How it ended, see `hsat.kernels.reductions.find_reductions`.
    desaturation : Desaturation or None
        The fall of SpO2 that belongs to it; None where SpO2 is missing.
    is_counted : bool
        Whether it lies in monitored time.
    is_artifact : bool
        Whether the airflow sensor is off or moved here.
    sensor, apnea_sensor : str
        Who shows it, and who says whether it is an apnea.
    unconfirmed_apnea_s : float
        Longest part that is deep enough for an apnea on the first, where the second shows none.
    is_contradicted : bool
        Whether an apnea is shown by the second alone, while the first shows breathing that goes on.
    """

    start_s: float
    stop_s: float
    core_s: tuple[float, float]
    apnea_core_s: tuple[float, float]
    baseline: float
    reduction_fraction: float
    longest_apnea_s: float
    ending: int
    desaturation: Desaturation | None
    is_counted: bool
    is_artifact: bool
    sensor: str
    apnea_sensor: str
    unconfirmed_apnea_s: float = 0.0
    is_contradicted: bool = False

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.stop_s - self.start_s


def gather_candidates(
    stretches: Stretches,
    oximetry: Oximetry | None,
    delay_s: float,
    *,
    monitored_s: Spans,
    rules: ScoringRules,
) -> list[Candidate]:
    """List the reductions long enough to be mentioned, each with its fall of SpO2.

    Parameters
    ----------
    stretches : Stretches
    oximetry : Oximetry or None
    delay_s : float
        Delay of SpO2 behind flow.
    monitored_s : ndarray, shape (n, 2)
        Time in which events count.
    rules : ScoringRules
        ``[event_span]``, ``[desaturation]`` and the durations of ``[apnea]``, ``[hypopnea]``.

    Returns
    -------
    list of Candidate
        In order of time.
    """
    reductions = stretches.reductions
    spans = reductions.spans_s
    durations = spans[:, 1] - spans[:, 0]
    kept = np.flatnonzero(durations >= rules.event_span.min_listed_s)
    falls: dict[int, Desaturation | None] = {}
    if oximetry is not None:
        falls = _match_falls(reductions, oximetry, delay_s, rules)
    share = rules.event_span.min_counted_share_fraction
    is_counted = overlaps_s(spans, monitored_s) >= share * durations
    places = kept.tolist()
    return from_columns(
        Candidate,
        start_s=spans[kept, 0].tolist(),
        stop_s=spans[kept, 1].tolist(),
        core_s=list(map(tuple, reductions.core_spans_s[kept].tolist())),
        apnea_core_s=list(map(tuple, reductions.apnea_core_spans_s[kept].tolist())),
        baseline=reductions.baselines[kept].tolist(),
        reduction_fraction=np.clip(reductions.reduction_fractions[kept], 0.0, 1.0).tolist(),
        longest_apnea_s=np.minimum(reductions.longest_apnea_s, durations)[kept].tolist(),
        ending=reductions.endings[kept].tolist(),
        desaturation=[falls.get(i) for i in places],
        is_counted=is_counted[kept].tolist(),
        is_artifact=stretches.is_artifact[kept].tolist(),
        sensor=[stretches.sensors[i] for i in places],
        apnea_sensor=[stretches.apnea_sensors[i] for i in places],
        unconfirmed_apnea_s=stretches.unconfirmed_apnea_s[kept].tolist(),
        is_contradicted=stretches.is_contradicted[kept].tolist(),
    )


def _match_falls(
    reductions: Reductions, oximetry: Oximetry, delay_s: float, rules: ScoringRules
) -> dict[int, Desaturation | None]:
    """The fall of SpO2 of each reduction that is long enough to be an event and has recovered."""
    spans = reductions.spans_s
    shortest_s = min(rules.hypopnea.min_duration_s, rules.apnea.min_duration_s)
    long = np.flatnonzero((spans[:, 1] - spans[:, 0] >= shortest_s) & (reductions.endings == CLOSED))
    is_apnea = reductions.longest_apnea_s[long] >= rules.apnea.min_duration_s
    matched = match_desaturations(
        reductions.reduced_from_s[long], spans[long, 1], is_apnea, oximetry, delay_s=delay_s, rules=rules
    )
    return dict(zip(long.tolist(), matched, strict=True))
