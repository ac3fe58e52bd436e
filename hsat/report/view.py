"""What a night's report says, in words that are ready to print in any layout."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from hsat.events import REMOVED, EventKind
from hsat.recording import Note
from hsat.report.plain import file_words, printable
from hsat.report.rows import (
    INDEX_ROWS,
    NO_REASON,
    PART,
    IndexRow,
    duration_words,
    index_text,
    index_value,
    reason_for,
    rounded,
)
from hsat.report.subject import absent_patient_words
from hsat.results import SECONDS_PER_HOUR, NightResult, SensorTime

__all__ = ["NightView", "Row", "Section", "view_night"]

BELTS = ("thorax", "abdomen")
AIRFLOW = {"flow", "nasal_pressure", "thermistor"}
BELT_SUMS = "rip_"
"""How sensors begin that are computed from both belts."""
NONE_RECORDED = "none recorded"
OXIMETRY_ONLY = (
    "Oximetry alone shows desaturations and time at low SpO2. It cannot tell apneas and hypopneas, nor "
    "that there are none: the night is inadequate for a class of sleep apnea, however long it is."
)
NOT_A_DEVICE = (
    "hsat is no medical device. A qualified person must review the recording and this scoring "
    "before anything is decided on it."
)
SEVERITIES = ("normal", "mild", "moderate", "severe")
ONE_NIGHT = (
    "One night can mislead: when nights are repeated, 49 % of people change class at least once "
    "(Roeder 2020, Thorax, 3,250 people)."
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NightView:
    """A night ready to print: every text harmless, every number rounded.

    Attributes
    ----------
    headline : str
        AHI, class, rule set, adequacy and monitored hours on one line.
    remarks : tuple of str
        What belongs right under the headline: what the AHI stands for, why there is no class.
    facts : Section
        File, time, patient, device, sensors.
    sections : tuple of Section
        Indices by subject, monitored time.
    lists : tuple of (str, tuple of str)
        Titled lists: the other rule set, what was not measured, notes.
    closing : tuple of str
        How far one night can be trusted, rule set and version, who has to review it.
    """

    headline: str
    remarks: tuple[str, ...]
    facts: Section
    sections: tuple[Section, ...]
    lists: tuple[tuple[str, tuple[str, ...]], ...]
    closing: tuple[str, ...]


def view_night(night: NightResult) -> NightView:
    """Describe a night for people.

    Parameters
    ----------
    night : NightResult

    Returns
    -------
    NightView
    """
    sections = [_index_section(night, title) for title in _section_titles(night)]
    return NightView(
        headline=_headline(night),
        remarks=tuple(_remarks(night)),
        facts=_facts(night),
        sections=(*(section for section in sections if section.rows or section.text), _time_section(night)),
        lists=tuple((title, tuple(lines)) for title, lines in _lists(night) if lines),
        closing=tuple(_closing(night)),
    )


def _section_titles(night: NightResult) -> list[str]:
    """Blocks of the report; nobody expects one on sleep where no hypnogram was given."""
    titles = dict.fromkeys(row.section for row in INDEX_ROWS if row.section)
    if night.monitored.hypnogram is None:
        titles.pop("Sleep", None)
    return list(titles)


def _headline(night: NightResult) -> str:
    if night.flow_sensor is None:
        return _oximetry_headline(night)
    ahi = index_value(night.indices, "ahi_per_h")
    is_treated = night.therapy == "pap"
    is_sleep = night.monitored.denominator == "sleep"
    name = "Residual AHI on therapy" if is_treated else "AHI" if is_sleep else "AHI (REI)"
    grade = "no diagnostic class" if is_treated else night.severity or "no class"
    amount = "not measured" if ahi is None else f"{rounded(ahi, 1)} /h"
    hours = rounded(night.monitored.monitoring_h, 1)
    rules = printable(night.rules_id.partition("@")[0])
    verdict = night.adequacy + _missing_words(night)
    of_what = "of sleep monitored" if is_sleep else "monitored"
    return f"{name} {amount}, {grade}, {rules}, {verdict}: {hours} h {of_what}"


def _oximetry_headline(night: NightResult) -> str:
    """What oximetry alone can say, first of all that it is no AHI."""
    rates = [
        f"{name} {rounded(value, 1)} /h"
        for name, key in (("ODI3", "odi3_per_h"), ("ODI4", "odi4_per_h"))
        if (value := index_value(night.indices, key)) is not None
    ]
    found = ", ".join(rates) or "ODI not measured"
    rules, hours = printable(night.rules_id.partition("@")[0]), rounded(night.monitored.spo2_h, 1)
    grade = "no diagnostic class" if night.therapy == "pap" else "no class"
    return f"Oximetry only: AHI not measured, {found}, {grade}, {rules}, {night.adequacy}: {hours} h of SpO2"


def _missing_words(night: NightResult) -> str:
    """What no channel was recorded for, so that "inadequate" does not read as a bad recording."""
    has_spo2 = any(channel.name == "spo2" for channel in night.recording.channels)
    return "" if has_spo2 else " (no SpO2)"


def _is_belt(sensor: str | None) -> bool:
    if sensor is None:
        return False
    return sensor.startswith(BELT_SUMS) or all(name in BELTS for name in sensor.split("+"))


def _remarks(night: NightResult) -> Iterable[str]:
    if _is_belt(night.flow_sensor):
        names = {channel.name for channel in night.recording.channels}
        why = "shows breathing" if names & AIRFLOW else "was recorded"
        yield (
            f"No airflow sensor {why}: breathing was judged from the effort belts "
            f"({printable(str(night.flow_sensor))})."
        )
    has_ahi = index_value(night.indices, "ahi_per_h") is not None
    if not has_ahi:
        yield f"No AHI: {printable(reason_for(night, 'ahi_per_h'))}."
        if night.flow_sensor is None:
            yield OXIMETRY_ONLY
        apneas = index_value(night.indices, "apnea_index_per_h")
        if apneas is not None:
            yield f"Apneas alone: {rounded(apneas, 1)} /h."
    elif night.therapy == "pap":
        yield "Recorded under positive airway pressure: events that remain, not a diagnosis."
    elif night.monitored.denominator == "sleep":
        judged, asleep = night.monitored.monitoring_h, night.monitored.sleep_h or 0.0
        yield (
            "The AHI is events per hour of sleep, by the hypnogram that was given: "
            f"{rounded(judged, 2)} h that can be judged of {rounded(asleep, 2)} h asleep."
        )
    else:
        yield (
            "No EEG, so the AHI is the respiratory event index (REI): events per hour of monitored "
            "time, not of sleep."
        )
    if night.therapy == "appliance":
        yield "Recorded with an oral appliance in place."
    if night.severity is None and night.therapy != "pap" and has_ahi:
        yield f"No class: {printable(night.not_measured.get('severity', NO_REASON))}."
    if night.scoring == "edited":
        yield "Computed from an event list that a person edited."


def _facts(night: NightResult) -> Section:
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
    if night.spo2_delay_s is not None:
        rows.append(Row("SpO2 delay", f"{night.spo2_delay_s:.0f} s behind the airflow"))
    return Section("", tuple(rows))


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
    channel = next((channel for channel in night.recording.channels if channel.name == name), None)
    if channel is None:
        return printable(name)
    return printable(f"{name} ({channel.source_label!r}, {channel.rate_hz:g} Hz)")


def _sharing_words(times: Iterable[SensorTime]) -> str:
    """Each sensor with the time that was judged on it."""
    words = []
    for time in times:
        hours = time.minutes / 60.0
        amount = f"{rounded(hours, 1)} h" if hours >= 1.0 else f"{time.minutes:.0f} min"
        words.append(f"{time.sensor.replace('_', ' ')} {amount}")
    return printable(", ".join(words))


def _index_section(night: NightResult, title: str) -> Section:
    """The measured rows of one subject; where nothing was measured, why."""
    wanted = [row for row in INDEX_ROWS if row.section == title]
    counts = _event_counts(night)
    rows: list[Row] = []
    for row in wanted:
        value = index_value(night.indices, row.key)
        if value is not None:
            remark = _amount(counts[row.behind], "event") if row.behind else _beside(night, row.beside)
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


def _time_section(night: NightResult) -> Section:
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


def _lists(night: NightResult) -> Iterable[tuple[str, list[str]]]:
    yield f"Adequacy: {night.adequacy}", [printable(reason) for reason in night.reasons]
    yield "Under other rules", _alternative_lines(night)
    yield "Cheyne-Stokes criterion", _periodic_lines(night)
    yield "Not measured", _not_measured_lines(night)
    yield "Events and candidates", _candidate_lines(night)
    yield "Notes", _note_lines(night.notes)


def _alternative_lines(night: NightResult) -> list[str]:
    """The AHI under each other rule set; where there is none, why, said once."""
    lines = []
    without: dict[str, list[str]] = {}
    for name, other in night.alternatives.items():
        if other.ahi_per_h is None or not math.isfinite(other.ahi_per_h):
            without.setdefault(_why_no_alternative(night, name), []).append(name)
            continue
        verdict = "no class"
        if other.severity is not None and night.severity is not None:
            same = other.severity == night.severity
            verdict = f"{other.severity}: the class " + (
                "does not change" if same else f"changes from {night.severity} to {other.severity}"
            )
        elif other.severity is not None:
            verdict = other.severity
        lines.append(f"{printable(name)}: AHI {rounded(other.ahi_per_h, 1)} /h, {verdict}")
    stability = _stability_line(night)
    if stability:
        lines.append(stability)
    under_1a = night.alternatives.get("aasm_1a")
    has_1a = night.rules_id.startswith("aasm_1a@") and index_value(night.indices, "ahi_per_h") is not None
    if has_1a or (under_1a is not None and under_1a.ahi_per_h is not None):
        lines.append(
            "aasm_1a without arousals: desaturations only; hypopneas that end in an arousal are missed"
        )
    for reason, names in without.items():
        lines.append(printable(f"{', '.join(names)}: AHI not measured: {reason}"))
    return lines


def _why_no_alternative(night: NightResult, name: str) -> str:
    """What the result says, else what it says of the night's own AHI."""
    of_night = night.not_measured.get("indices.ahi_per_h", NO_REASON)
    return night.not_measured.get(f"alternatives.{name}.ahi_per_h", of_night)


def _stability_line(night: NightResult) -> str:
    """One sentence: does the class hold. Empty where a class is missing."""
    if night.is_class_stable is None:
        return ""
    if night.is_class_stable:
        return f"Stable: {night.severity} under each of these rules"
    classes = {other.severity for other in night.alternatives.values()} | {night.severity}
    ordered = [name for name in SEVERITIES if name in classes]
    return f"Not stable: from {ordered[0]} to {ordered[-1]}, depending on the rules"


def _periodic_lines(night: NightResult) -> list[str]:
    """What the runs amount to; nothing where there is none."""
    summary, runs = night.cheyne_stokes, night.periodic_breathing
    if summary is None or not runs:
        return []
    lines = []
    n_known = sum(run.is_cheyne_stokes for run in runs)
    if n_known:
        lines.append(f"{_amount(n_known, 'run')} of Cheyne-Stokes breathing")
    if n_known < len(runs):
        lines.append(
            f"{_amount(len(runs) - n_known, 'run')} of a periodic breathing pattern, type of events unknown"
        )
    verdict = {True: "meets", False: "does not meet", None: "cannot be held against"}[summary.is_met]
    lines.append(f"The night {verdict} the criterion of Cheyne-Stokes breathing: {summary.criterion}")
    if summary.reason:
        lines[-1] += f" ({printable(summary.reason)})"
    return lines


def _not_measured_lines(night: NightResult) -> list[str]:
    """One line a reason, with what is missing for it; blocks that are missing whole say so themselves."""
    by_reason: dict[str, list[str]] = {}
    measured = {row.section for row in INDEX_ROWS if index_value(night.indices, row.key) is not None}
    for row in INDEX_ROWS:
        if row.section in measured and row.section and index_value(night.indices, row.key) is None:
            labels = by_reason.setdefault(reason_for(night, row.key), [])
            if (label := _whole_label(row)) not in labels:
                labels.append(label)
    known = {f"indices.{row.key}" for row in INDEX_ROWS} | {"severity", "effort_sensor"}
    for key, reason in night.not_measured.items():
        if key not in known and not key.startswith("alternatives."):
            by_reason.setdefault(reason, []).append(key)
    return [printable(f"{reason}: {', '.join(labels)}") for reason, labels in by_reason.items()]


def _whole_label(row: IndexRow) -> str:
    """The label where a row stands alone: that of a part tells what it is a part of."""
    if not row.label.startswith(PART):
        return row.label
    whole = next(
        above.label
        for above in reversed(INDEX_ROWS[: INDEX_ROWS.index(row)])
        if above.section and not above.label.startswith(PART)
    )
    return f"{whole} ({row.label.strip()})"


def _candidate_lines(night: NightResult) -> list[str]:
    lines = []
    n_outside = sum(not event.is_counted for event in night.events)
    if n_outside:
        where = "outside the monitored time"
        if night.scoring == "edited":
            where += ", or not counted by the list"
        lines.append(f"{_amount(n_outside, 'event')} {where}: listed, in no index")
    n_removed = sum(candidate.reason.startswith(REMOVED) for candidate in night.rejected)
    if n_removed:
        lines.append(f"{_amount(n_removed, 'automatic event')} removed by the scorer: in the JSON")
    n_refused = len(night.rejected) - n_removed
    if n_refused:
        lines.append(
            f"{_amount(n_refused, 'stretch', 'stretches')} of reduced breathing met no rule: "
            "each with its reason in the JSON"
        )
    return lines


def _amount(n: int, one: str, several: str | None = None) -> str:
    return f"{n} {one if n == 1 else several or one + 's'}"


def _note_lines(notes: Iterable[Note]) -> list[str]:
    counts = Counter(note.text for note in notes)
    return [printable(text) + (f" ({n} times)" if n > 1 else "") for text, n in counts.items()]


def _closing(night: NightResult) -> Iterable[str]:
    if night.therapy != "pap":
        yield ONE_NIGHT
    yield f"Rules {printable(night.rules_id)}; hsat {printable(night.hsat_version)}; {night.scoring} scoring."
    yield NOT_A_DEVICE
