"""When the night can be judged: every cause by which time is left out, put together."""

import numpy as np
from numpy.typing import NDArray

from hsat.detect.artifacts import Flags, find_monitored_time, flag_oximetry, flag_upright
from hsat.detect.signals import NightSignals
from hsat.hypnogram import Hypnogram
from hsat.intervals import as_spans, invert_spans
from hsat.quality import QualityFlag
from hsat.recording import Recording
from hsat.results import MonitoredTime
from hsat.rules.model import ScoringRules

__all__ = ["measure_monitored_time"]

Samples = NDArray[np.float32]


def measure_monitored_time(
    recording: Recording,
    signals: NightSignals,
    rules: ScoringRules,
    lights_s: tuple[float, float] | None,
    hypnogram: Hypnogram | None,
) -> MonitoredTime:
    """When breathing and oxygen can be judged.

    Parameters
    ----------
    recording : Recording
    signals : NightSignals
    rules : ScoringRules
    lights_s : tuple of float or None
        Lights off and on, seconds from the recording's start.
    hypnogram : Hypnogram or None
        Where given, it says who sleeps, not the position.

    Returns
    -------
    MonitoredTime
    """
    position = signals.position if hypnogram is None else None
    return find_monitored_time(
        recording.duration_s,
        recording.gaps_s,
        flow_flags=None if signals.airflow is None else signals.airflow.flags,
        oximetry_flags=_oximetry_flags(recording, signals, rules),
        other_flags=_other_flags(recording, position, rules, lights_s),
        hypnogram=hypnogram,
    )


def _oximetry_flags(recording: Recording, signals: NightSignals, rules: ScoringRules) -> Flags | None:
    """Spans without SpO2; None where it limits nothing because nothing was measured beside flow."""
    if signals.oximetry is not None:
        return flag_oximetry(signals.oximetry, signals.pulse_bpm, rules)
    if signals.airflow is None:
        return {QualityFlag.SPO2_OFF: as_spans([(0.0, recording.duration_s)])}
    return None


def _other_flags(
    recording: Recording, position: Samples | None, rules: ScoringRules, lights_s: tuple[float, float] | None
) -> Flags:
    flags: Flags = {}
    if position is not None:
        flags.update(flag_upright(position, rules.sampling.oximetry_rate_hz))
    if lights_s is not None:
        flags[QualityFlag.OUTSIDE_LIGHTS] = invert_spans(as_spans([lights_s]), 0.0, recording.duration_s)
    return flags
