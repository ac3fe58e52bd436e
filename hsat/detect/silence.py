"""Where one airflow sensor stands still while another shows breathing: the mouth, or a fault."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hsat.detect.airflow import FlowReading
from hsat.detect.switching import Service
from hsat.intervals import Spans, as_spans, intersect_spans, overlaps_s, subtract_spans, unite_spans
from hsat.quality import QualityFlag
from hsat.rules.model import ScoringRules

__all__ = ["without_silence"]


def without_silence(reading: FlowReading, others: Sequence[Service], rules: ScoringRules) -> FlowReading:
    """Take a sensor for off where it stands still for long and another one goes on.

    Parameters
    ----------
    reading : FlowReading
        Of a sensor for hypopneas.
    others : sequence of Service
        The sensors for apneas, with the time they serve.
    rules : ScoringRules
        ``[apnea]`` says from when on a pause is long, ``[airflow]`` how much of it the other sensor must
        show as breathing that is not reduced.

    Returns
    -------
    FlowReading
        The same one where nothing is to be taken out.
    """
    pauses_s = _long_pauses_s(reading, rules)
    silent = np.zeros(len(pauses_s), dtype=bool)
    for service in others:
        if len(pauses_s) == 0 or service.reading.sensor == reading.sensor:
            continue
        other = service.reading
        judged_s = subtract_spans(service.spans_s, unite_spans(other.failing_s(), other.artifacts_s()))
        reduced_s = unite_spans(as_spans(other.reductions.spans_s))
        breathing_s = overlaps_s(pauses_s, subtract_spans(judged_s, reduced_s))
        silent |= breathing_s >= rules.airflow.min_overlap_fraction * (pauses_s[:, 1] - pauses_s[:, 0])
    if not silent.any():
        return reading
    off_s = intersect_spans(unite_spans(pauses_s[silent]), as_spans([(0.0, reading.duration_s)]))
    flags = dict(reading.flags)
    flags[QualityFlag.FLOW_OFF] = unite_spans(flags.get(QualityFlag.FLOW_OFF, off_s[:0]), off_s)
    return replace(reading, flags=flags)


def _long_pauses_s(reading: FlowReading, rules: ScoringRules) -> Spans:
    """The pauses that are longer than blood bears unchanged, where the sensor does not fail; shape (n, 2)."""
    reductions = reading.reductions
    places = np.flatnonzero(reductions.longest_apnea_s > rules.apnea.longest_without_fall_s)
    cores_s = reductions.apnea_core_spans_s[places]
    half_s = reading.breathing.pace.windows_at(cores_s) / 2
    pauses_s: Spans = cores_s + half_s * np.array([-1.0, 1.0])
    return pauses_s[overlaps_s(pauses_s, reading.failing_s()) <= 0.0]
