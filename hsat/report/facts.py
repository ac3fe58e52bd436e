"""What was recorded, when, of whom and with what: the rows at the head of a night's report."""

import math
from collections.abc import Iterable
from datetime import timedelta

from hsat.report.plain import file_words, printable
from hsat.report.rows import duration_words, rounded
from hsat.report.sections import Row
from hsat.report.subject import absent_patient_words
from hsat.results import ChannelInfo, NightResult, SensorTime

__all__ = ["NONE_RECORDED", "night_facts"]

NONE_RECORDED = "none recorded"
UNKNOWN_AVERAGING = "averaging time not stated"
SUPPORTING = (("Heart rate", "pulse"), ("Position", "position"), ("Snoring", "snore"))
"""Sensors beside airflow, effort and oximetry that a report of a home test has to name."""


def night_facts(night: NightResult) -> tuple[Row, ...]:
    """Rows on the recording and its sensors.

    Parameters
    ----------
    night : NightResult

    Returns
    -------
    tuple of Row
        File, time, patient, device and every sensor that a report of a home test names; a sensor
        that was not recorded says so.
    """
    recording = night.recording
    rows = [Row("File", file_words(recording.source), recording.source.format)]
    length = duration_words(recording.duration_s)
    if recording.start_local is None:
        rows.append(Row("Recorded", "start unknown", length))
    else:
        stop = recording.start_local + timedelta(seconds=recording.duration_s)
        day = "%Y-%m-%d %H:%M"
        rows.append(Row("Recorded", f"{recording.start_local:{day}} to {stop:{day}}", length))
    rows.append(Row("Patient", _subject_words(night)))
    rows.append(
        Row("Device", printable(recording.device.name), f"profile {printable(recording.device.profile)}")
    )
    rows += _airflow_rows(night)
    why_no_effort = night.not_measured.get("effort_sensor", NONE_RECORDED)
    rows.append(Row("Effort", _sensor_words(night, night.effort_sensor, why_no_effort)))
    rows.append(_oximeter_row(night))
    for label, name in SUPPORTING:
        rows.append(Row(label, _recorded_words(night, name)))
    if night.spo2_delay_s is not None:
        rows.append(Row("SpO2 delay", f"{night.spo2_delay_s:.0f} s behind the airflow"))
    return tuple(rows)


def _airflow_rows(night: NightResult) -> Iterable[Row]:
    yield Row("Airflow", _sensor_words(night, night.flow_sensor))
    if len({time.sensor for time in (*night.sensors.apneas, *night.sensors.hypopneas)}) > 1:
        yield Row("  apneas", _sharing_words(night.sensors.apneas))
        yield Row("  hypopneas", _sharing_words(night.sensors.hypopneas))


def _oximeter_row(night: NightResult) -> Row:
    """The oximeter, with the time it averages over: a long one makes falls of SpO2 smaller."""
    channel = _channel(night, "spo2")
    if channel is None:
        return Row("Oximeter", NONE_RECORDED)
    averaging_s = night.recording.device.oximeter_averaging_s
    words = UNKNOWN_AVERAGING if averaging_s is None else f"averages over {averaging_s:g} s"
    return Row("Oximeter", _channel_words(channel), words)


def _recorded_words(night: NightResult, name: str) -> str:
    channel = _channel(night, name)
    return NONE_RECORDED if channel is None else _channel_words(channel)


def _subject_words(night: NightResult) -> str:
    subject = night.recording.subject
    words = [subject.patient or absent_patient_words(night.notes)]
    if subject.age_years is not None:
        words.append(f"{math.floor(subject.age_years)} years")
    if subject.sex is not None:
        words.append({"F": "female", "M": "male"}.get(subject.sex, subject.sex))
    return printable(", ".join(words))


def _channel(night: NightResult, name: str) -> ChannelInfo | None:
    return next((channel for channel in night.recording.channels if channel.name == name), None)


def _channel_words(channel: ChannelInfo) -> str:
    return printable(f"{channel.name} ({channel.source_label!r}, {channel.rate_hz:g} Hz)")


def _sensor_words(night: NightResult, name: str | None, absent: str = NONE_RECORDED) -> str:
    if name is None:
        return printable(absent)
    channel = _channel(night, name)
    return printable(name) if channel is None else _channel_words(channel)


def _sharing_words(times: Iterable[SensorTime]) -> str:
    """Each sensor with the time that was judged on it."""
    words = []
    for time in times:
        hours = time.minutes / 60.0
        amount = f"{rounded(hours, 1)} h" if hours >= 1.0 else f"{time.minutes:.0f} min"
        words.append(f"{time.sensor.replace('_', ' ')} {amount}")
    return printable(", ".join(words))
