"""A scored night made by hand, for tests of what is printed: no detector has a part in it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from hsat.events import Desaturation, EventKind, RejectedCandidate, RespiratoryEvent
from hsat.quality import QualityFlag
from hsat.recording import DeviceInfo, Note, SourceFile, Subject
from hsat.results import (
    Alternative,
    ChannelInfo,
    ExcludedTime,
    MonitoredTime,
    NightIndices,
    NightResult,
    Overview,
    RecordingInfo,
)

DURATION_S = 28_800.0  # 8 h
FALL = Desaturation(start_s=3612.0, nadir_s=3640.0, stop_s=3655.0, baseline_percent=96.0, nadir_percent=89.0)


def spans(*pairs: tuple[float, float]) -> np.ndarray:
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def make_event(kind: EventKind, start_s: float, **changes: Any) -> RespiratoryEvent:
    event = RespiratoryEvent(
        kind=kind,
        start_s=start_s,
        stop_s=start_s + 20.0,
        flow_reduction_fraction=0.95,
        baseline_excursion=1.25,
        effort_fraction=0.8,
        desaturation=FALL,
        criterion="apnea.min_reduction_fraction 0.95 >= 0.90",
    )
    return replace(event, **changes)


def make_recording(**changes: Any) -> RecordingInfo:
    info = RecordingInfo(
        source=SourceFile(path="night.edf", n_bytes=1000, format="memory"),
        start_local=datetime(2026, 3, 3, 22, 30),
        duration_s=DURATION_S,
        device=DeviceInfo(profile="generic", name="Generic recorder", therapy="none"),
        subject=Subject(patient="p-0123456789ab", age_years=54.7, sex="F"),
        channels=(
            ChannelInfo(name="flow", source_label="Airflow", rate_hz=25.0, unit="L/min"),
            ChannelInfo(name="spo2", source_label="SpO2", rate_hz=1.0, unit="%"),
        ),
        gaps_s=spans((20_000.0, 20_300.0)),
    )
    return replace(info, **changes)


def make_result(**changes: Any) -> NightResult:
    """8 h recorded, 6.8 h monitored: 300 s gap, 900 s upright, 3,120 s probe off; three events counted."""
    excluded = (
        ExcludedTime(cause=QualityFlag.GAP, spans_s=spans((20_000.0, 20_300.0))),
        ExcludedTime(cause=QualityFlag.UPRIGHT, spans_s=spans((0.0, 900.0))),
        ExcludedTime(cause=QualityFlag.SPO2_OFF, spans_s=spans((25_680.0, 28_800.0))),
    )
    monitored = MonitoredTime(
        spans_s=spans((900.0, 20_000.0), (20_300.0, 25_680.0)),
        flow_spans_s=spans((900.0, 20_000.0), (20_300.0, 28_800.0)),
        spo2_spans_s=spans((0.0, 20_000.0), (20_300.0, 25_680.0)),
        excluded=excluded,
    )
    indices = NightIndices(
        ahi_per_h=17.3456789,
        apnea_index_per_h=5.5,
        hypopnea_index_per_h=11.8456789,
        obstructive_apnea_index_per_h=4.0,
        central_apnea_index_per_h=1.5,
        mixed_apnea_index_per_h=0.0,
        n_apneas=2,
        n_hypopneas=1,
        odi3_per_h=20.25,
        odi4_per_h=14.125,
        mean_spo2_percent=94.123456,
        min_spo2_percent=81.0,
        t90_percent=3.14159,
        t90_min=12.5,
        hypoxic_burden_percent_min_per_h=41.5,
        mean_apnea_duration_s=20.0,
    )
    night = NightResult(
        recording=make_recording(),
        rules_id="aasm_1b@0123456789ab",
        hsat_version="0.1.0",
        monitored=monitored,
        flow_sensor="flow",
        effort_sensor=None,
        events=(
            make_event(EventKind.OBSTRUCTIVE_APNEA, 3600.0),
            make_event(EventKind.CENTRAL_APNEA, 5400.0, desaturation=None, effort_fraction=None),
            make_event(EventKind.HYPOPNEA, 7200.0, flow_reduction_fraction=0.5),
            make_event(EventKind.HYPOPNEA, 26_000.0, is_counted=False),
        ),
        rejected=(
            RejectedCandidate(
                start_s=100.0,
                stop_s=112.0,
                flow_reduction_fraction=0.35,
                desaturation=None,
                reason="hypopnea.min_desaturation_points: 3 < 4",
            ),
        ),
        desaturations=(FALL,),
        indices=indices,
        not_measured={},
        severity="moderate",
        adequacy="adequate",
        reasons=(),
        therapy="none",
        spo2_delay_s=21.0,
        alternatives={
            "aasm_1a": Alternative(rules_id="aasm_1a@ba9876543210", ahi_per_h=31.5, severity="severe")
        },
        overview=Overview(
            step_s=60.0,
            flow_excursion=np.linspace(0.5, 1.5, 480, dtype=np.float32),
            spo2_percent=np.full(480, 94.0, dtype=np.float32),
        ),
        notes=(Note(code="truncated", text="the last record is cut: 12 of 60 s were read"),),
    )
    night = replace(night, **changes)
    return replace(night, not_measured={**reasons_for(night), **night.not_measured})


POSITION_NAMES = (
    *(f"{name}_ahi_per_h" for name in ("supine", "non_supine", "left", "right", "prone")),
    *(f"{name}_h" for name in ("supine", "non_supine", "left", "right", "prone", "upright")),
)


def reasons_for(night: NightResult) -> dict[str, str]:
    """A reason for every None in the indices, as scoring gives it."""
    reasons = {}
    for name in NightIndices.__dataclass_fields__:
        if getattr(night.indices, name) is None:
            reasons[f"indices.{name}"] = "no position channel" if name in POSITION_NAMES else "too few events"
    if night.severity is None:
        reasons["severity"] = "less than 2 h monitored"
    return reasons
