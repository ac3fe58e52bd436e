"""What a night's report says, in words that are ready to print in any layout."""

from collections.abc import Iterable
from dataclasses import dataclass

from hsat.report.lists import titled_lists
from hsat.report.plain import printable
from hsat.report.rows import NO_REASON, index_value, reason_for, rounded
from hsat.report.sections import Section, fact_section, index_sections, time_section
from hsat.results import NightResult

__all__ = ["NightView", "view_night"]

BELTS = ("thorax", "abdomen")
AIRFLOW = {"flow", "nasal_pressure", "thermistor"}
BELT_SUMS = "rip_"
"""How sensors begin that are computed from both belts."""
OXIMETRY_ONLY = (
    "Oximetry alone shows desaturations and time at low SpO2. It cannot tell apneas and hypopneas, nor "
    "that there are none: the night is inadequate for a class of sleep apnea, however long it is."
)
NOT_A_DEVICE = (
    "hsat is no medical device. A qualified person must review the recording and this scoring "
    "before anything is decided on it."
)
PHYSICIAN = "Interpreting physician: ______________________________  Date: ________________"
"""Where who reads the report signs it: the AASM asks for a name on the interpretation."""
ONE_NIGHT = (
    "One night can mislead: when nights are repeated, 49 % of people change class at least once "
    "(Roeder 2020, Thorax, 3,250 people)."
)


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
    return NightView(
        headline=_headline(night),
        remarks=tuple(_remarks(night)),
        facts=fact_section(night),
        sections=(*index_sections(night), time_section(night)),
        lists=tuple((title, tuple(lines)) for title, lines in titled_lists(night) if lines),
        closing=tuple(_closing(night)),
    )


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
        sensor = str(night.flow_sensor)
        belts = "effort belt" if sensor in BELTS else "effort belts"
        yield f"No airflow sensor {why}: breathing was judged from the {belts} ({printable(sensor)})."
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


def _closing(night: NightResult) -> Iterable[str]:
    if night.therapy != "pap":
        yield ONE_NIGHT
    yield f"Rules {printable(night.rules_id)}; hsat {printable(night.hsat_version)}; {night.scoring} scoring."
    yield NOT_A_DEVICE
    yield PHYSICIAN
