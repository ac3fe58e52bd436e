"""What scoring gives: monitored time, indices, one night."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hsat.events import (
    EVENT_COLUMNS,
    Desaturation,
    PeriodicRun,
    RejectedCandidate,
    RespiratoryEvent,
    event_rows,
)
from hsat.hypnogram import SLEEP_STAGES, Hypnogram
from hsat.intervals import Spans, total_s
from hsat.quality import QualityFlag
from hsat.recording import DeviceInfo, Note, Recording, SourceFile, Subject

if TYPE_CHECKING:
    import mne
    import pandas
    from matplotlib.figure import Figure

__all__ = [
    "ROOTED_CODE",
    "AirflowSensors",
    "Alternative",
    "ChannelInfo",
    "CheyneStokes",
    "ExcludedTime",
    "MonitoredTime",
    "NightIndices",
    "NightResult",
    "Overview",
    "RecordingInfo",
    "SensorTime",
]

SECONDS_PER_HOUR = 3600.0

ROOTED_CODE = "nasal_pressure_rooted"
"""Code of the note by which nasal pressure was taken for flow, its root having been taken before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedTime:
    """Time that is not monitored for one cause: seconds and spans."""

    cause: QualityFlag
    spans_s: Spans

    @property
    def minutes(self) -> float:
        """Minutes excluded for this cause."""
        return total_s(self.spans_s) / 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredTime:
    """When breathing and oxygen could be judged.

    Attributes
    ----------
    spans_s : ndarray, shape (n, 2)
        Time in which events are counted: flow and, where recorded, SpO2 can be judged.
    flow_spans_s, spo2_spans_s : ndarray, shape (n, 2)
        Time in which flow, and SpO2, can be judged, each on its own. Empty without the channel.
    excluded : tuple of ExcludedTime
        The rest of the recording, every second booked under one cause.
    hypnogram : Hypnogram or None
        Sleep and wake within the recording, where they were given: monitored time is sleep then.
    """

    spans_s: Spans
    flow_spans_s: Spans
    spo2_spans_s: Spans
    excluded: tuple[ExcludedTime, ...]
    hypnogram: Hypnogram | None = None

    @property
    def denominator(self) -> str:
        """What rates are per hour of: ``"sleep"`` with a hypnogram, else ``"monitoring"``."""
        return "monitoring" if self.hypnogram is None else "sleep"

    @property
    def sleep_h(self) -> float | None:
        """Hours asleep by the hypnogram, whether they can be judged or not; None without one."""
        if self.hypnogram is None:
            return None
        return total_s(self.hypnogram.spans_s(*SLEEP_STAGES)) / SECONDS_PER_HOUR

    @property
    def monitoring_h(self) -> float:
        """Hours in which events are counted."""
        return total_s(self.spans_s) / SECONDS_PER_HOUR

    @property
    def flow_h(self) -> float:
        """Hours with flow that can be judged."""
        return total_s(self.flow_spans_s) / SECONDS_PER_HOUR

    @property
    def spo2_h(self) -> float:
        """Hours with SpO2 that can be judged."""
        return total_s(self.spo2_spans_s) / SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorTime:
    """Time in which breathing was judged on one sensor: canonical name and spans."""

    sensor: str
    spans_s: Spans

    @property
    def minutes(self) -> float:
        """Minutes judged on this sensor."""
        return total_s(self.spans_s) / 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowSensors:
    """Which sensor told of breathing when: for each purpose they add up to the flow time.

    Attributes
    ----------
    apneas, hypopneas : tuple of SensorTime
        In the order of preference; sensors that served no time are left out.
    """

    apneas: tuple[SensorTime, ...] = ()
    hypopneas: tuple[SensorTime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NightIndices:
    """The numbers of one night; None where a number cannot be measured (reason: `NightResult.not_measured`).

    Rates are events per monitored hour (``ahi_per_h`` and its parts) or per SpO2 hour (ODI); with a
    hypnogram these are hours of sleep.
    """

    ahi_per_h: float | None = None
    apnea_index_per_h: float | None = None
    hypopnea_index_per_h: float | None = None
    obstructive_apnea_index_per_h: float | None = None
    central_apnea_index_per_h: float | None = None
    mixed_apnea_index_per_h: float | None = None
    unclassified_apnea_index_per_h: float | None = None
    obstructive_hypopnea_index_per_h: float | None = None
    central_hypopnea_index_per_h: float | None = None
    unclassified_hypopnea_index_per_h: float | None = None
    n_apneas: int | None = None
    n_hypopneas: int | None = None
    odi3_per_h: float | None = None
    odi4_per_h: float | None = None
    mean_spo2_percent: float | None = None
    median_spo2_percent: float | None = None
    min_spo2_percent: float | None = None
    max_spo2_percent: float | None = None
    baseline_spo2_percent: float | None = None
    t90_percent: float | None = None
    t90_min: float | None = None
    t88_percent: float | None = None
    t88_min: float | None = None
    t85_percent: float | None = None
    t85_min: float | None = None
    hypoxic_burden_percent_min_per_h: float | None = None
    desaturation_burden_percent_min_per_h: float | None = None
    ventilatory_burden_percent: float | None = None
    pulse_response_bpm: float | None = None
    snore_percent: float | None = None
    mean_pulse_bpm: float | None = None
    min_pulse_bpm: float | None = None
    max_pulse_bpm: float | None = None
    sleep_h: float | None = None
    rem_ahi_per_h: float | None = None
    nrem_ahi_per_h: float | None = None
    rem_h: float | None = None
    nrem_h: float | None = None
    supine_ahi_per_h: float | None = None
    non_supine_ahi_per_h: float | None = None
    left_ahi_per_h: float | None = None
    right_ahi_per_h: float | None = None
    prone_ahi_per_h: float | None = None
    supine_h: float | None = None
    non_supine_h: float | None = None
    left_h: float | None = None
    right_h: float | None = None
    prone_h: float | None = None
    upright_h: float | None = None
    mean_apnea_duration_s: float | None = None
    median_apnea_duration_s: float | None = None
    longest_apnea_duration_s: float | None = None
    mean_hypopnea_duration_s: float | None = None
    median_hypopnea_duration_s: float | None = None
    longest_hypopnea_duration_s: float | None = None
    cheyne_stokes_min: float | None = None
    cheyne_stokes_percent: float | None = None
    cheyne_stokes_cycle_s: float | None = None
    cheyne_stokes_events_per_h: float | None = None
    periodic_breathing_min: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInfo:
    """A channel that was read: canonical name, label in the file, rate, unit."""

    name: str
    source_label: str
    rate_hz: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingInfo:
    """What a result keeps of the recording it came from."""

    source: SourceFile
    start_local: datetime | None
    duration_s: float
    device: DeviceInfo
    subject: Subject
    channels: tuple[ChannelInfo, ...]
    gaps_s: Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """The same night under another rule set."""

    rules_id: str
    ahi_per_h: float | None
    severity: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheyneStokes:
    """Whether the night as a whole shows Cheyne-Stokes breathing.

    Attributes
    ----------
    is_met : bool or None
        None where it cannot be told, see `reason`.
    criterion : str
        What the rule set asks for, in words.
    reason : str or None
        Why `is_met` is None.
    """

    is_met: bool | None
    criterion: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The night at a glance, one value every ``step_s`` seconds; NaN where nothing was measured.

    Attributes
    ----------
    step_s : float
        Seconds between values.
    flow_excursion : ndarray, shape (n,), float32, or None
        Mean breath excursion in the flow's unit as recorded.
    spo2_percent : ndarray, shape (n,), float32, or None
        Lowest SpO2 in the step.
    """

    step_s: float
    flow_excursion: NDArray[np.float32] | None
    spo2_percent: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NightResult:
    """One scored night.

    Attributes
    ----------
    recording : RecordingInfo
    rules_id : str
        ``"name@"`` and the first twelve hexadecimal digits of the rule set's content hash.
    hsat_version : str
    monitored : MonitoredTime
    flow_sensor, effort_sensor : str or None
        Canonical names of the signals that events were scored on; of several airflow sensors the
        one that most of the time was judged on for hypopneas.
    events : tuple of RespiratoryEvent
        In order of time.
    rejected : tuple of RejectedCandidate
        Stretches of reduced breathing that no rule admitted, each with its reason.
    desaturations : tuple of Desaturation
        Falls of at least the smaller ODI threshold.
    indices : NightIndices
    not_measured : mapping of str to str
        For every None in `indices` (``"indices.odi4_per_h"``) or in the result (``"severity"``):
        the reason.
    severity : str or None
        ``"normal"``, ``"mild"``, ``"moderate"`` or ``"severe"``.
    adequacy : str
        ``"adequate"``, ``"partial"`` or ``"inadequate"``.
    reasons : tuple of str
        Why the night is less than adequate, or has no severity.
    therapy : str
        ``"none"``, ``"pap"``, ``"appliance"`` or ``"unknown"``.
    scoring : str
        ``"automatic"`` or ``"edited"``.
    spo2_delay_s : float or None
        Delay of SpO2 behind flow that the night itself shows.
    alternatives : mapping of str to Alternative
        The same night under the sibling rule sets, and with the other reading of nasal pressure.
    periodic_breathing : tuple of PeriodicRun
        Runs of Cheyne-Stokes breathing, and of the same pattern with events of unknown type.
    cheyne_stokes : CheyneStokes or None
        None where breathing was not recorded.
    overview : Overview
    notes : tuple of Note
    sensors : AirflowSensors
        The time judged on each airflow sensor.
    """

    recording: RecordingInfo
    rules_id: str
    hsat_version: str
    monitored: MonitoredTime
    flow_sensor: str | None
    effort_sensor: str | None
    events: tuple[RespiratoryEvent, ...]
    rejected: tuple[RejectedCandidate, ...]
    desaturations: tuple[Desaturation, ...]
    indices: NightIndices
    not_measured: Mapping[str, str]
    severity: str | None
    adequacy: str
    reasons: tuple[str, ...]
    therapy: str
    scoring: str = "automatic"
    spo2_delay_s: float | None = None
    alternatives: Mapping[str, Alternative] = field(default_factory=dict)
    periodic_breathing: tuple[PeriodicRun, ...] = ()
    cheyne_stokes: CheyneStokes | None = None
    overview: Overview
    notes: tuple[Note, ...] = ()
    sensors: AirflowSensors = field(default_factory=AirflowSensors)

    @property
    def is_adequate(self) -> bool:
        """Whether enough time could be judged for a firm result (`adequacy` is "adequate")."""
        return self.adequacy == "adequate"

    @property
    def is_class_stable(self) -> bool | None:
        """Whether all `alternatives` give the night's own class; None where any class is missing."""
        classes = [self.severity, *(other.severity for other in self.alternatives.values())]
        if len(classes) == 1 or None in classes:
            return None
        return len(set(classes)) == 1

    @property
    def is_pressure_rooted(self) -> bool:
        """Whether nasal pressure was taken for flow, its root having been taken before."""
        return any(note.code == ROOTED_CODE for note in self.notes)

    def events_frame(self) -> "pandas.DataFrame":
        """The events as a table, one row an event.

        Returns
        -------
        pandas.DataFrame
            Columns `hsat.events.EVENT_COLUMNS`; times in seconds from the recording's start.
        """
        import pandas

        return pandas.DataFrame(event_rows(self.events), columns=list(EVENT_COLUMNS))

    def plot(self) -> "Figure":
        """Draw the night: see `hsat.report.plots.plot_night`."""
        from hsat.report.plots import plot_night

        return plot_night(self)

    def plot_event(
        self, index: int, recording: Recording | None = None, *, is_rejected: bool = False
    ) -> "Figure":
        """Draw one event, or a refused candidate, with its evidence: see `hsat.report.event_plot.plot_event`.

        A result keeps no samples: without the recording its file is read again, if it is still the
        one that was scored.
        """
        from hsat.report.event_plot import plot_event

        if recording is None:
            from hsat.io.rereading import read_again

            recording = read_again(self.recording)
        return plot_event(self, index, recording, is_rejected=is_rejected)

    def to_annotations(self, *, with_desaturations: bool = False) -> "mne.Annotations":
        """Bridge to MNE: see `hsat.interop.mne.night_to_annotations`."""
        from hsat.interop.mne import night_to_annotations

        return night_to_annotations(self, with_desaturations=with_desaturations)

    def to_fhir(self) -> dict[str, Any]:
        """Bridge to FHIR: see `hsat.interop.fhir.night_to_fhir`."""
        from hsat.interop.fhir import night_to_fhir

        return night_to_fhir(self)
