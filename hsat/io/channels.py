"""The canonical channels: one table of names, units, meanings, and the labels recorders give them."""

from dataclasses import dataclass
from enum import IntEnum

from hsat.errors import HsatError

__all__ = [
    "CANONICAL_CHANNELS",
    "CanonicalChannel",
    "PositionCode",
    "canonical_channel",
    "simplify_label",
]


class PositionCode(IntEnum):
    """Meaning of the numbers of a ``position`` signal."""

    SUPINE = 0
    LEFT = 1
    RIGHT = 2
    PRONE = 3
    UPRIGHT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalChannel:
    """One row of the channel table.

    Attributes
    ----------
    name : str
        Canonical name.
    unit : str
        Unit where the file gives none; ``"au"`` where any unit serves (scoring is free of gain).
    meaning : str
        What the sensor is, for people.
    aliases : tuple of str
        Labels that mean this channel, as simplified by `simplify_label`.
    words : tuple of tuple of str
        Sets of words; a label that holds all words of a set means this channel.
    slowest_hz : float
        Below this rate a channel cannot be what its label says.
    """

    name: str
    unit: str
    meaning: str
    aliases: tuple[str, ...] = ()
    words: tuple[tuple[str, ...], ...] = ()
    slowest_hz: float = 0.0


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _sets(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(part.split("+")) for part in _split(text))


CANONICAL_CHANNELS: tuple[CanonicalChannel, ...] = (
    CanonicalChannel(
        name="snore",
        unit="au",
        meaning="snoring",
        aliases=_split("snore, snoring, snor, snore 2s, snore sensor, schnarchen, snore mic, snoring volume"),
        words=_sets("snore, snoring"),
    ),
    CanonicalChannel(
        name="leak",
        unit="au",
        meaning="mask leak of a PAP device",
        aliases=_split("leak, leak 2s, leakage, mask leak, leak flow, total leak"),
        words=_sets("leak, leakage"),
    ),
    CanonicalChannel(
        name="nasal_pressure",
        unit="au",
        meaning="nasal pressure cannula",
        slowest_hz=1.0,
        aliases=_split(
            "nasal pressure, pressure flow, cannula flow, cannulaflow, flow cannula, ptaf, nasalp, "
            "pnasal, p nasal, nasal pres, nasal press, nas pres, nasalpressure, pres nasal, nasal "
            "cannula, cannula, nasal prong, nasal flow, nasalflow, npt, npaf, npress, nasal"
        ),
        words=_sets(
            "nasal+pressure, nasal+pres, nasal+press, cannula, ptaf, nasal+flow, nasal+airflow, prongs"
        ),
    ),
    CanonicalChannel(
        name="thermistor",
        unit="au",
        meaning="oronasal thermal airflow sensor",
        slowest_hz=1.0,
        aliases=_split(
            "therm, thermistor, thermal airflow, thermal flow, airflow thermal, thermocouple, oronasal, "
            "oro nasal, airflow thermistor, flow th, flow therm, nasal therm, oral therm, resp oro "
            "nasal, naf, mouth flow"
        ),
        words=_sets("thermistor, thermocouple, therm, thermal, oronasal, oro+nasal, nasal+oral"),
    ),
    CanonicalChannel(
        name="rip_sum",
        unit="au",
        meaning="sum of chest and abdominal inductance belts",
        slowest_hz=1.0,
        aliases=_split(
            "rip sum, sum, xsum, ripsum, effort sum, sum effort, sum rip, rip sum cal, crip sum, resp sum"
        ),
        words=_sets("rip+sum, effort+sum, resp+sum"),
    ),
    CanonicalChannel(
        name="rip_flow",
        unit="au",
        meaning="flow derived from the inductance belts",
        slowest_hz=1.0,
        aliases=_split("rip flow, xflow, ripflow, rip flow cal, crip flow, flow rip"),
        words=_sets("rip+flow"),
    ),
    CanonicalChannel(
        name="flow",
        unit="au",
        meaning="airflow; the kind of sensor is not stated",
        slowest_hz=1.0,
        aliases=_split(
            "flow, airflow, air flow, resp flow, flow 40ms, respflow, respiratory flow, resp airflow, "
            "flow patient, patient flow, mask flow, maskflow, cpap flow, pap flow, device flow, flow "
            "rate, breathing flow, resp air flow, new air, newair"
        ),
        words=_sets("airflow, air+flow, resp+flow, flow"),
    ),
    CanonicalChannel(
        name="thorax",
        unit="au",
        meaning="chest effort belt",
        slowest_hz=1.0,
        aliases=_split(
            "thorax, chest, tho, thor, thx, resp thorax, thor res, chest effort, effort tho, effort "
            "thorax, thorax effort, thoracic, thoracic effort, rip thorax, rip thora, thorax rip, "
            "inductance thorax, inductance thora, effort thor, resp thor, resp chest, chest belt, "
            "thorax belt, effort chest, belt thorax, rib cage, ribcage, rip tho, thoracic belt, resp "
            "effort thorax"
        ),
        words=_sets("thorax, chest, thoracic, thor, thora, tho, ribcage"),
    ),
    CanonicalChannel(
        name="abdomen",
        unit="au",
        meaning="abdominal effort belt",
        slowest_hz=1.0,
        aliases=_split(
            "abdomen, abdo, abd, abdom, resp abdomen, abdo res, abdo effort, effort abd, effort "
            "abdomen, abdomen effort, abdominal, abdominal effort, rip abdomen, rip abdom, abdomen rip, "
            "inductance abdomen, inductance abdom, effort abdo, resp abdo, resp abd, abdomen belt, belt "
            "abdomen, resp abdominal, rip abd, abdominal belt, resp effort abdomen"
        ),
        words=_sets("abdomen, abdominal, abdo, abdom, abd"),
    ),
    CanonicalChannel(
        name="spo2",
        unit="%",
        meaning="oxygen saturation by pulse oximetry",
        slowest_hz=0.05,
        aliases=_split(
            "spo2, sao2, spo2 1s, spo 2, sao 2, o2sat, o2 sat, osat, sat, saturation, oxygen "
            "saturation, sa o2, sp o2, spo2 finger, sao2 finger, sat o2, spo2 avg, spo2 bb, spo2 b b, "
            "oxysat, oximetry, o2 saturation, %spo2, so2"
        ),
        words=_sets("spo2, sao2, saturation, o2sat, osat"),
    ),
    CanonicalChannel(
        name="pulse",
        unit="bpm",
        meaning="pulse or heart rate",
        slowest_hz=0.05,
        aliases=_split(
            "pulse, pr, hr, h r, heartrate, heart rate, pulse 1s, pulserate, pulse rate, puls, ecg hr, "
            "bpm, p r, pulse bpm, heart rate bpm, hrate, dhr, pulsrate"
        ),
        words=_sets("pulse+rate, heart+rate, pulse, hr, heartrate, pulserate"),
    ),
    CanonicalChannel(
        name="position",
        unit="code",
        meaning="body position, coded as PositionCode",
        aliases=_split("position, pos, body position, body pos, bodypos, body, bpos, position sensor, lage"),
        words=_sets("body+position, position"),
    ),
    CanonicalChannel(
        name="pressure",
        unit="cmH2O",
        meaning="mask pressure of a PAP device",
        aliases=_split(
            "press 40ms, maskpress 2s, maskpress, mask pressure, mask pres, cpap, cpap pressure, pap "
            "pressure, press, pres, pressure, mask press, pmask, press 2s, cpap pres, therapy pressure"
        ),
        words=_sets("mask+pressure, cpap+pressure, pap+pressure, cpap, mask+press"),
    ),
    CanonicalChannel(
        name="activity",
        unit="au",
        meaning="actigraphy",
        aliases=_split("activity, actigraphy, actigraph, movement, motion, act, acti, body movement"),
        words=_sets("activity, actigraphy"),
    ),
    CanonicalChannel(
        name="ecg",
        unit="au",
        meaning="electrocardiogram",
        aliases=_split("ecg, ekg, ecg 1, ecg 2, ecg i, ecg ii, ekg 1, ecgi, ecgii, ecg1, ecg2, ecg l, ecg r"),
        words=_sets("ecg, ekg"),
    ),
    CanonicalChannel(
        name="eeg",
        unit="au",
        meaning="electroencephalogram",
        aliases=_split(
            "eeg, eeg sec, c3, c4, o1, o2, f3, f4, c3 m2, c4 m1, o1 m2, o2 m1, f3 m2, f4 m1, c3 a2, c4 "
            "a1, o1 a2, o2 a1"
        ),
        words=_sets("eeg"),
    ),
    CanonicalChannel(
        name="emg",
        unit="au",
        meaning="electromyogram",
        aliases=_split("emg, chin, chin emg, emg chin, leg, leg l, leg r, right leg, left leg, chin1, chin2"),
        words=_sets("emg, chin"),
    ),
    CanonicalChannel(
        name="eog",
        unit="au",
        meaning="electrooculogram",
        aliases=_split("eog, eog l, eog r, loc, roc, e1, e2, e1 m2, e2 m1, e2 m2, e1 m1"),
        words=_sets("eog"),
    ),
    CanonicalChannel(
        name="audio",
        unit="au",
        meaning="sound",
        aliases=_split("audio, sound, microphone, mic, audio volume, volume audio, audio volume db"),
        words=_sets("audio, microphone, sound"),
    ),
)
"""The channel table. Where a label's words fit several rows, the first row wins."""

_BY_NAME = {row.name: row for row in CANONICAL_CHANNELS}


def canonical_channel(name: str) -> CanonicalChannel:
    """The row of the channel table with this name.

    Raises
    ------
    HsatError
        Where there is none.
    """
    row = _BY_NAME.get(name)
    if row is None:
        raise HsatError(f"channel name {name!r} is unknown; allowed: {', '.join(_BY_NAME)}")
    return row


def simplify_label(label: str) -> str:
    """A label in lower case, with every run of anything but letters, digits and % as one space."""
    plain = label.casefold().replace("\u2082", "2")  # SpO2 with its subscript
    return " ".join("".join(c if c.isalnum() or c == "%" else " " for c in plain).split())
