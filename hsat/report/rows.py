"""The numbers of a night in one table: keys, labels, units, order, and the only rounding there is."""

import math
from collections.abc import Collection
from typing import NamedTuple

from hsat.results import NightIndices, NightResult

__all__ = [
    "INDEX_ROWS",
    "NO_REASON",
    "PART",
    "IndexRow",
    "amount_words",
    "duration_words",
    "index_text",
    "index_value",
    "reason_for",
    "rounded",
]

NO_REASON = "no reason was recorded"
PART = "  "
"""How the label of a row begins that is a part of the row above."""
FLOAT_NOISE = 1e-9
"""Sums of seconds differ from what they should be by less than this share."""
LIMITED_KEYS = ("ahi_per_h", "cheyne_stokes_events_per_h")
"""What is held against limits: of the classes, and of the criterion of Cheyne-Stokes breathing."""
NOT_FINITE = "the computation gave no finite number"


class IndexRow(NamedTuple):
    """How one number of `NightIndices` is shown.

    Attributes
    ----------
    key : str
        Field of `NightIndices`, key in JSON, column in CSV.
    label : str
        With `PART` in front for a part of the nearest row above that has none.
    unit : str
    decimals : int
        Digits after the point in texts.
    section : str
        Title of the block it stands in; empty where another row shows it as ``beside``, or where
        texts show it as the events behind a rate.
    behind : str
        Which events are behind a rate: a kind, ``"all"``, ``"apneas"`` or ``"hypopneas"``.
    beside : str
        Key of a number that stands in the same line.
    """

    key: str
    label: str
    unit: str
    decimals: int
    section: str
    behind: str = ""
    beside: str = ""


INDEX_ROWS: tuple[IndexRow, ...] = (
    IndexRow("ahi_per_h", "Apneas + hypopneas (AHI)", "/h", 1, "Breathing", "all"),
    IndexRow("apnea_index_per_h", "Apneas", "/h", 1, "Breathing", "apneas"),
    IndexRow("obstructive_apnea_index_per_h", "  obstructive", "/h", 1, "Breathing", "obstructive_apnea"),
    IndexRow("central_apnea_index_per_h", "  central", "/h", 1, "Breathing", "central_apnea"),
    IndexRow("mixed_apnea_index_per_h", "  mixed", "/h", 1, "Breathing", "mixed_apnea"),
    IndexRow("unclassified_apnea_index_per_h", "  unclassified", "/h", 1, "Breathing", "unclassified_apnea"),
    IndexRow("hypopnea_index_per_h", "Hypopneas", "/h", 1, "Breathing", "hypopneas"),
    IndexRow(
        "obstructive_hypopnea_index_per_h", "  obstructive", "/h", 1, "Breathing", "obstructive_hypopnea"
    ),
    IndexRow("central_hypopnea_index_per_h", "  central", "/h", 1, "Breathing", "central_hypopnea"),
    IndexRow("unclassified_hypopnea_index_per_h", "  unclassified", "/h", 1, "Breathing", "hypopnea"),
    IndexRow("n_apneas", "Number of apneas", "", 0, ""),
    IndexRow("n_hypopneas", "Number of hypopneas", "", 0, ""),
    IndexRow("ventilatory_burden_percent", "Ventilatory burden", "% of breaths", 1, "Breathing"),
    IndexRow("snore_percent", "Time with snoring", "% of time", 1, "Breathing"),
    IndexRow("odi3_per_h", "Desaturations >= 3 points (ODI3)", "/h", 1, "Oxygen"),
    IndexRow("odi4_per_h", "Desaturations >= 4 points (ODI4)", "/h", 1, "Oxygen"),
    IndexRow("mean_spo2_percent", "Mean SpO2", "%", 1, "Oxygen"),
    IndexRow("median_spo2_percent", "Median SpO2", "%", 1, "Oxygen"),
    IndexRow("min_spo2_percent", "Lowest SpO2", "%", 0, "Oxygen"),
    IndexRow("max_spo2_percent", "Highest SpO2", "%", 0, "Oxygen"),
    IndexRow("baseline_spo2_percent", "Baseline SpO2", "%", 1, "Oxygen"),
    IndexRow("t90_percent", "Time below 90 % (T90)", "% of time", 1, "Oxygen", beside="t90_min"),
    IndexRow("t90_min", "Time below 90 % (T90)", "min", 1, ""),
    IndexRow("t88_percent", "Time at or below 88 % (T88)", "% of time", 1, "Oxygen", beside="t88_min"),
    IndexRow("t88_min", "Time at or below 88 % (T88)", "min", 1, ""),
    IndexRow("t85_percent", "Time below 85 % (T85)", "% of time", 1, "Oxygen", beside="t85_min"),
    IndexRow("t85_min", "Time below 85 % (T85)", "min", 1, ""),
    IndexRow("hypoxic_burden_percent_min_per_h", "Hypoxic burden", "%min/h", 1, "Oxygen"),
    IndexRow("desaturation_burden_percent_min_per_h", "Burden of all desaturations", "%min/h", 1, "Oxygen"),
    IndexRow("mean_pulse_bpm", "Mean pulse", "bpm", 0, "Pulse"),
    IndexRow("min_pulse_bpm", "Lowest pulse", "bpm", 0, "Pulse"),
    IndexRow("max_pulse_bpm", "Highest pulse", "bpm", 0, "Pulse"),
    IndexRow("pulse_response_bpm", "Pulse-rate response to events", "bpm", 1, "Pulse"),
    IndexRow("sleep_h", "Time asleep", "h", 2, "Sleep"),
    IndexRow("rem_ahi_per_h", "AHI in REM sleep", "/h", 1, "Sleep", beside="rem_h"),
    IndexRow("rem_h", "REM sleep that can be judged", "h", 1, ""),
    IndexRow("nrem_ahi_per_h", "AHI in NREM sleep", "/h", 1, "Sleep", beside="nrem_h"),
    IndexRow("nrem_h", "NREM sleep that can be judged", "h", 1, ""),
    IndexRow("supine_ahi_per_h", "AHI supine", "/h", 1, "Position"),
    IndexRow("non_supine_ahi_per_h", "AHI not supine", "/h", 1, "Position"),
    IndexRow("left_ahi_per_h", "  left side", "/h", 1, "Position"),
    IndexRow("right_ahi_per_h", "  right side", "/h", 1, "Position"),
    IndexRow("prone_ahi_per_h", "  prone", "/h", 1, "Position"),
    IndexRow("supine_h", "Time supine", "h", 2, "Position"),
    IndexRow("non_supine_h", "Time not supine", "h", 2, "Position"),
    IndexRow("left_h", "Time on the left side", "h", 2, "Position"),
    IndexRow("right_h", "Time on the right side", "h", 2, "Position"),
    IndexRow("prone_h", "Time prone", "h", 2, "Position"),
    IndexRow("upright_h", "Time upright, monitored or not", "h", 2, "Position"),
    IndexRow("mean_apnea_duration_s", "Mean apnea", "s", 1, "Length of events"),
    IndexRow("median_apnea_duration_s", "Median apnea", "s", 1, "Length of events"),
    IndexRow("longest_apnea_duration_s", "Longest apnea", "s", 1, "Length of events"),
    IndexRow("mean_hypopnea_duration_s", "Mean hypopnea", "s", 1, "Length of events"),
    IndexRow("median_hypopnea_duration_s", "Median hypopnea", "s", 1, "Length of events"),
    IndexRow("longest_hypopnea_duration_s", "Longest hypopnea", "s", 1, "Length of events"),
    IndexRow(
        "cheyne_stokes_percent",
        "Cheyne-Stokes breathing",
        "% of time",
        1,
        "Periodic breathing",
        beside="cheyne_stokes_min",
    ),
    IndexRow("cheyne_stokes_min", "Cheyne-Stokes breathing", "min", 1, ""),
    IndexRow("cheyne_stokes_cycle_s", "  mean cycle", "s", 0, "Periodic breathing"),
    IndexRow("cheyne_stokes_events_per_h", "  events in it", "/h", 1, "Periodic breathing"),
    IndexRow("periodic_breathing_min", "Periodic breathing of any type", "min", 1, "Periodic breathing"),
)
"""Every number of `NightIndices` in the order of the outputs."""


def amount_words(n: int, one: str, several: str | None = None) -> str:
    """A number of things: ``"1 event"``, ``"2 events"``, ``"3 stretches"``."""
    return f"{n} {one if n == 1 else several or one + 's'}"


def rounded(value: float, decimals: int, limits: Collection[float] | None = None) -> str:
    """A number for people; never rounded up to a limit that it lies below.

    Parameters
    ----------
    value : float
        Finite: a rate, or hours.
    decimals : int
        Digits after the point.
    limits : collection of float, optional
        The whole numbers that it is held against. By default every whole number may be one, as in a rule
        set of the user's own.

    Returns
    -------
    str
        14.96 with one decimal is ``"14.96"``: as ``"15.0"`` it would contradict its class "mild".
    """
    plain = f"{value:.{decimals}f}"
    whole = float(plain)
    is_limit = whole.is_integer() if limits is None else whole in limits
    if decimals == 0 or not is_limit or value >= whole * (1.0 - FLOAT_NOISE):
        return plain
    return next(text for n in range(decimals, 20) if float(text := f"{value:.{n}f}") < whole)


def index_text(row: IndexRow, value: float) -> str:
    """A number of the night with its unit, rounded as its row says."""
    number = f"{value:.{row.decimals}f}"
    if row.key in LIMITED_KEYS:
        number = rounded(value, row.decimals)
    return f"{number} {row.unit}"


def duration_words(seconds: float) -> str:
    """``"6 h 48 min"``; minutes are cut, not rounded up, so that no limit seems to be reached."""
    minutes = math.floor(seconds / 60.0 + 1e-9)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{seconds / 60.0:.1f} min"


def index_value(indices: NightIndices, key: str) -> float | int | None:
    """One number of the night unrounded; None where it was not measured or is not finite."""
    value: float | int | None = getattr(indices, key)
    if value is None or not math.isfinite(value):
        return None
    return int(value) if key.startswith("n_") else float(value)


def reason_for(night: NightResult, key: str) -> str:
    """Why a number of `NightIndices` is missing."""
    if getattr(night.indices, key) is not None:
        return NOT_FINITE
    return night.not_measured.get(f"indices.{key}", NO_REASON)
