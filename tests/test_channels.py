"""Labels to canonical names: exact aliases, then whole words, never parts of words."""

import pytest

from hsat.errors import HsatError, MissingChannelError
from hsat.io.channels import CANONICAL_CHANNELS, canonical_channel, simplify_label
from hsat.io.mapping import ChannelCandidate, map_channels, parse_channel_map

LABELS = {
    "flow": ["Flow", "Airflow", "Flow.40ms", "Resp Flow", "FLOW"],
    "nasal_pressure": [
        "Nasal Pressure",
        "Pressure Flow",
        "Cannula Flow",
        "CannulaFlow",
        "PTAF",
        "NasalP",
        "Pnasal",
        "Nasal Pres",
        "Nasal Pressure (cm)",
    ],
    "thermistor": ["Therm", "Thermistor", "Thermal Airflow"],
    "rip_sum": ["RIP Sum", "Sum", "XSum"],
    "rip_flow": ["RIP Flow"],
    "thorax": [
        "Thorax",
        "Chest",
        "Effort THO",
        "Tho",
        "Thor",
        "Resp Thorax",
        "THOR RES",
        "Chest Effort",
        "Resp",
    ],
    "abdomen": ["Abdomen", "Effort ABD", "ABDO RES", "Resp Abdomen"],
    "spo2": ["SpO2", "SaO2", "SpO2.1s", "O2Sat", "SaO2 finger"],
    "pulse": ["Pulse", "PR", "HR", "H.R.", "HeartRate", "Pulse.1s", "PulseRate", "Heart Rate"],
    "position": ["Body Position"],
    "snore": ["Snore"],
    "pressure": ["Press.40ms", "MaskPress.2s", "CPAP"],
    "leak": ["Leak.2s", "Mask Leak Flow"],
    "activity": ["Activity"],
    "ecg": ["ECG II"],
    "eeg": ["EEG Fpz-Cz"],
    "emg": ["EMG submental"],
    "eog": ["EOG(L)"],
}


def names_of(*labels, channel_map=None, profile_labels=None, notes=None, rates=None, transducers=None):
    rates = rates or [10.0] * len(labels)
    transducers = transducers or [""] * len(labels)
    candidates = [
        ChannelCandidate(i, label, transducer, rate)
        for i, (label, transducer, rate) in enumerate(zip(labels, transducers, rates, strict=True))
    ]
    matches = map_channels(
        candidates,
        channel_map=channel_map or {},
        profile_labels=profile_labels or {},
        path="a.edf",
        notes=[] if notes is None else notes,
    )
    found = dict.fromkeys(labels)
    found.update({labels[match.channel]: match.name for match in matches})
    return [found[label] for label in labels]


@pytest.mark.parametrize(
    ("label", "name"), [(label, name) for name, labels in LABELS.items() for label in labels]
)
def test_label_has_its_name(label, name):
    assert names_of(label) == [name]


@pytest.mark.parametrize(
    "label",
    ["SpO2 Quality", "OX stat", "Pulse Waveform", "Pleth", "Flow Limitation", "FlowLim.2s", "Resp Rate",
     "PTT",      "Abdomen Impédance", "ECG (Imp)", "Light", "PulseAmp", "Prone",
     "Temp rectal", "Event marker", "xflowx", ""],
)  # fmt: skip
def test_label_that_is_about_something_else_has_none(label):
    assert names_of(label) == [None]


@pytest.mark.parametrize(("label", "name"), [("O2", "eeg"), ("EEG O2-A1", "eeg"), ("Pres", "pressure")])
def test_parts_of_words_never_count(label, name):
    """The traps named in the house style: "o2" hits an EEG lead, "pr" hits "pres"."""
    assert names_of(label) == [name]


def test_every_alias_is_simplified_and_belongs_to_one_row():
    aliases = [alias for row in CANONICAL_CHANNELS for alias in row.aliases]
    assert [simplify_label(alias) for alias in aliases] == aliases
    assert len(set(aliases)) == len(aliases)


def test_belts_and_their_sum_are_different_sensors():
    assert names_of("Thorax", "Abdomen", "RIP Sum") == ["thorax", "abdomen", "rip_sum"]


def test_a_plain_resp_gives_way_to_a_named_belt():
    assert names_of("Resp", "Chest") == [None, "thorax"]
    assert names_of("Resp", "Abdomen") == [None, "abdomen"]


@pytest.mark.parametrize(
    ("transducer", "name"),
    [
        ("Thermistor", "thermistor"),
        ("nasal cannula", "nasal_pressure"),
        ("pneumotachograph", "flow"),
        ("", "flow"),
    ],
)
def test_transducer_tells_what_flow_is(transducer, name):
    assert names_of("Flow", transducers=[transducer]) == [name]


def test_exact_alias_beats_words_and_the_choice_is_noted():
    notes = []
    assert names_of("Chest belt upper", "Chest", notes=notes) == [None, "thorax"]
    assert [note.code for note in notes] == ["channel_choice"]


def test_faster_channel_wins_between_equals_then_the_first():
    assert names_of("SpO2", "SaO2", rates=[1.0, 4.0]) == [None, "spo2"]
    assert names_of("SpO2", "SaO2", rates=[4.0, 4.0]) == ["spo2", None]


@pytest.mark.parametrize(("label", "rate_hz"), [("Flow", 0.5), ("SpO2", 0.01)])
def test_channel_too_slow_for_its_label_has_no_name(label, rate_hz):
    assert names_of(label, rates=[rate_hz]) == [None]


@pytest.mark.parametrize(
    "found_by", [{}, {"profile_labels": {"spo2": "spo2"}}, {"channel_map": {"spo2": "SpO2"}}]
)
def test_channel_too_slow_is_dropped_with_a_note_whoever_named_it(found_by):
    notes = []
    assert names_of("SpO2", rates=[1 / 30], notes=notes, **found_by) == [None]
    assert [note.code for note in notes] == ["channel_too_slow"]
    for part in ("'SpO2'", "0.0333 Hz", "0.05 Hz"):
        assert part in notes[0].text


def test_nothing_stands_in_for_a_slow_channel_the_user_named():
    assert names_of("A", "Flow", channel_map={"flow": "A"}, rates=[0.5, 25.0]) == [None, None]


def test_map_comes_before_everything():
    assert names_of("Flow", "Channel 7", channel_map={"flow": "Channel 7"}) == [None, "flow"]
    assert names_of("Flow", "SpO2", channel_map={"thermistor": "Flow"}) == ["thermistor", "spo2"]
    assert names_of("Flow ", channel_map={"thorax": "flow"}) == ["thorax"]


@pytest.mark.parametrize("other", ["Flow", "flow "])
def test_map_of_one_channel_to_two_names(other):
    with pytest.raises(HsatError, match=r"flow and thorax") as caught:
        names_of("Flow", channel_map={"flow": "Flow", "thorax": other})
    assert "\n" not in str(caught.value)


def test_map_to_a_label_that_is_not_there():
    with pytest.raises(MissingChannelError, match=r"'Nope'.*'Flow'"):
        names_of("Flow", channel_map={"spo2": "Nope"})


def test_map_of_an_unknown_name_lists_the_allowed_ones():
    with pytest.raises(HsatError, match=r"'oxygen' is unknown; allowed: .*spo2"):
        names_of("Flow", channel_map={"oxygen": "Flow"})


def test_profile_labels_come_before_aliases():
    assert names_of("Flow", profile_labels={"flow": "thermistor"}) == ["thermistor"]
    assert names_of("Flow", profile_labels={"flow": ""}) == [None]


def test_parse_channel_map():
    assert parse_channel_map(["flow=A=B", "spo2= SaO2 "]) == {"flow": "A=B", "spo2": "SaO2"}
    for wrong in (
        ["flow"],
        ["flow="],
        ["oxygen=SpO2"],
        ["flow=A", "flow=B"],
        ["flow=A", "thorax=A"],
    ):
        with pytest.raises(HsatError, match="--map"):
            parse_channel_map(wrong)


def test_units_of_the_table():
    assert (canonical_channel("spo2").unit, canonical_channel("pulse").unit) == ("%", "bpm")


def test_the_subscript_of_spo2_is_a_two():
    assert simplify_label("SpO\u2082 (%)") == simplify_label("SpO2 (%)")
