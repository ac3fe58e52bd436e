"""The titled blocks of a night's report: what was recorded, the indices by subject, the time."""

import math
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from hsat.events import EventKind
from hsat.report.plain import file_words, printable
from hsat.report.rows import (
    INDEX_ROWS,
    amount_words,
    duration_words,
    index_text,
    index_value,
    reason_for,
    rounded,
)
from hsat.report.subject import absent_patient_words
from hsat.results import SECONDS_PER_HOUR, ChannelInfo, NightResult, SensorTime

__all__ = ["Row", "Section", "fact_section", "index_sections", "time_section"]

NONE_RECORDED = "none recorded"
UNKNOWN_AVERAGING = "averaging time not stated"
SUPPORTING = (("Heart rate", "pulse"), ("Position", "position"), ("Snoring", "snore"))
"""Sensors beside airflow, effort and oximetry that a report of a home test has to name."""


class Row(NamedTuple):
    """One line of a section: label, value with unit, remark; all ready to print."""

    label: str
    value: str
    remark: str = ""


class Section(NamedTuple):
    """A titled block of rows. ``text`` stands in where there are no rows."""

    title: str
    rows: tuple[Row, ...]
    text: str = ""


def fact_section(night: NightResult) -> Section:
    """File, time, patient, device and sensors."""
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
    rows.append(Row("Airflow", _sensor_words(night, night.flow_sensor)))
    if len({time.sensor for time in (*night.sensors.apneas, *night.sensors.hypopneas)}) > 1:
        rows.append(Row("  apneas", _sharing_words(night.sensors.apneas)))
        rows.append(Row("  hypopneas", _sharing_words(night.sensors.hypopneas)))
    why_no_effort = night.not_measured.get("effort_sensor", NONE_RECORDED)
    rows.append(Row("Effort", _sensor_words(night, night.effort_sensor, why_no_effort)))
    rows.append(_oximeter_row(night))
    for label, name in SUPPORTING:
        channel = _channel(night, name)
        rows.append(Row(label, NONE_RECORDED if channel is None else _channel_words(channel)))
    if night.spo2_delay_s is not None:
        rows.append(Row("SpO2 delay", f"{night.spo2_delay_s:.0f} s behind the airflow"))
    return Section("", tuple(rows))


def _oximeter_row(night: NightResult) -> Row:
    """The oximeter, with the time it averages over: a long one makes falls of SpO2 smaller."""
    channel = _channel(night, "spo2")
    if channel is None:
        return Row("Oximeter", NONE_RECORDED)
    averaging_s = night.recording.device.oximeter_averaging_s
    words = UNKNOWN_AVERAGING if averaging_s is None else f"averages over {averaging_s:g} s"
    return Row("Oximeter", _channel_words(channel), words)


def _channel(night: NightResult, name: str) -> ChannelInfo | None:
    return next((channel for channel in night.recording.channels if channel.name == name), None)


def _channel_words(channel: ChannelInfo) -> str:
    return printable(f"{channel.name} ({channel.source_label!r}, {channel.rate_hz:g} Hz)")


def _subject_words(night: NightResult) -> str:
    subject = night.recording.subject
    words = [subject.patient or absent_patient_words(night.notes)]
    if subject.age_years is not None:
        words.append(f"{math.floor(subject.age_years)} years")
    if subject.sex is not None:
        words.append({"F": "female", "M": "male"}.get(subject.sex, subject.sex))
    return printable(", ".join(words))


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


def index_sections(night: NightResult) -> list[Section]:
    """The indices by subject; a subject of which nothing was measured says why."""
    sections = [_index_section(night, title) for title in _section_titles(night)]
    return [section for section in sections if section.rows or section.text]


def _section_titles(night: NightResult) -> list[str]:
    """Blocks of the report; nobody expects one on sleep where no hypnogram was given."""
    titles = dict.fromkeys(row.section for row in INDEX_ROWS if row.section)
    if night.monitored.hypnogram is None:
        titles.pop("Sleep", None)
    return list(titles)


def _index_section(night: NightResult, title: str) -> Section:
    """The measured rows of one subject; where nothing was measured, why."""
    wanted = [row for row in INDEX_ROWS if row.section == title]
    counts = _event_counts(night)
    rows: list[Row] = []
    for row in wanted:
        value = index_value(night.indices, row.key)
        if value is not None:
            remark = amount_words(counts[row.behind], "event") if row.behind else _beside(night, row.beside)
            rows.append(Row(row.label, index_text(row, value), remark))
    if rows:
        return Section(title, tuple(rows))
    reasons = dict.fromkeys(reason_for(night, row.key) for row in wanted)
    return Section(title, (), f"not measured: {printable('; '.join(reasons))}")


def _beside(night: NightResult, key: str) -> str:
    row = next((row for row in INDEX_ROWS if row.key == key), None)
    value = index_value(night.indices, key) if row is not None else None
    return "" if row is None or value is None else index_text(row, value)


def _event_counts(night: NightResult) -> Counter[str]:
    """Counted events by kind, and the sums the table shows. Missing kinds count 0."""
    kinds = [event.kind for event in night.events if event.is_counted]
    counts: Counter[str] = Counter(kind.value for kind in kinds)
    n_apneas = sum(EventKind(kind).is_apnea for kind in kinds)
    counts.update({"all": len(kinds), "apneas": n_apneas, "hypopneas": len(kinds) - n_apneas})
    return counts


def time_section(night: NightResult) -> Section:
    """How long the night is, what of it counts, and what was left out."""
    monitored = night.monitored
    what, none_recorded = "events", ""
    if night.flow_sensor is None:
        what, none_recorded = "desaturations", NONE_RECORDED
    rows = [
        Row("Recorded", f"{night.recording.duration_s / SECONDS_PER_HOUR:.2f} h"),
        Row("Monitored", f"{rounded(monitored.monitoring_h, 2)} h", f"{what} are counted in it"),
        Row("Airflow can be judged", f"{rounded(monitored.flow_h, 2)} h", none_recorded),
        Row("SpO2 can be judged", f"{rounded(monitored.spo2_h, 2)} h"),
    ]
    excluded = [item for item in monitored.excluded if item.minutes > 0.0]
    rows.append(Row("Excluded", f"{sum(item.minutes for item in excluded):.1f} min"))
    rows += [
        Row(f"  {item.cause.label.replace('_', ' ')}", f"{item.minutes:.1f} min", item.cause.sentence)
        for item in excluded
    ]
    return Section("Time", tuple(rows))
