"""One night of several in words: the cells that text, page and sheet put together in their own way."""

from dataclasses import dataclass

from hsat.patient import PatientNight
from hsat.report.plain import printable
from hsat.report.rows import amount_words, rounded

__all__ = ["NightLine", "describe_night"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NightLine:
    """One night, ready to print.

    Attributes
    ----------
    when : str
        Date and clock, of a device's own days the date.
    severity : str
        The class that this night alone would have given; empty where there is none.
    ahi : str
    events, hours : str
        Events that count, and the hours they are counted in.
    supine : str
        Share of the time on the back; empty where it was not recorded.
    remarks : tuple of str
        What sets the night apart: partial, scored by a person.
    reasons : tuple of str
        Why it is less than adequate.
    file : str
        Empty for the days of a device, which lie in one file.
    """

    when: str
    severity: str
    ahi: str
    events: str
    hours: str
    supine: str
    remarks: tuple[str, ...]
    reasons: tuple[str, ...]
    file: str


def describe_night(night: PatientNight) -> NightLine:
    """One night of several for people."""
    is_of_device = night.scoring == "device"
    day = "%Y-%m-%d" if is_of_device else "%Y-%m-%d %H:%M"
    remarks = [] if night.is_adequate else [night.adequacy]
    if night.scoring == "edited":
        remarks.append("scored by a person")
    return NightLine(
        when="no date" if night.start_local is None else f"{night.start_local:{day}}",
        severity=night.severity or "",
        ahi=f"{rounded(night.ahi_per_h, 1)} /h",
        events=amount_words(night.n_events, "event"),
        hours=f"{rounded(night.monitoring_h, 1)} h",
        supine="" if night.supine_fraction is None else f"{round(100.0 * night.supine_fraction)} % supine",
        remarks=tuple(remarks),
        reasons=tuple(printable(reason) for reason in night.reasons),
        file="" if is_of_device else printable(night.file),
    )
