"""What is printed of a night: the schema's keys, rounding in texts alone, nothing active in a text.

Nights are made by hand (`night_builder`); keys come from the published schema, written out here.
"""

import csv
import io
import json
import math
from dataclasses import fields, replace
from datetime import datetime

import numpy as np
import pytest
from night_builder import make_event, make_recording, make_result

from hsat.events import EVENT_COLUMNS, EventKind, PeriodicRun
from hsat.quality import QualityFlag
from hsat.recording import DeviceInfo, Note, SourceFile, Subject
from hsat.report.document import json_text, night_json, nights_json
from hsat.report.failed import FailedNight
from hsat.report.plain import printable
from hsat.report.rows import INDEX_ROWS, duration_words, rounded
from hsat.report.tables import NIGHT_COLUMNS, events_csv, nights_csv
from hsat.report.text import night_text, nights_text
from hsat.results import Alternative, ChannelInfo, CheyneStokes, NightIndices
from hsat.score import score_night
from hsat.simulate import make_night

FAILED = FailedNight(file="b.edf", error="b.edf: expected an EDF header, got 12 bytes")
HOSTILE = "\x1b[31mred\x07\nnext\r\u202egnp\u2028\x00\udcff"

NIGHT_KEYS = [
    "schema",
    "hsat_version",
    "rules_id",
    "recording",
    "monitored",
    "indices",
    "severity",
    "adequacy",
    "is_adequate",
    "reasons",
    "therapy",
    "scoring",
    "not_measured",
    "alternatives",
    "events",
    "rejected",
    "desaturations",
    "notes",
]
RECORDING_KEYS = ["file", "sha256", "start_local", "duration_s", "device", "patient", "channels", "gaps_s"]
INDEX_KEYS = [
    "ahi_per_h",
    "apnea_index_per_h",
    "hypopnea_index_per_h",
    "obstructive_apnea_index_per_h",
    "central_apnea_index_per_h",
    "mixed_apnea_index_per_h",
    "unclassified_apnea_index_per_h",
    "odi3_per_h",
    "odi4_per_h",
    "mean_spo2_percent",
    "min_spo2_percent",
    "baseline_spo2_percent",
    "t90_percent",
    "t90_min",
    "t88_percent",
    "hypoxic_burden_percent_min_per_h",
    "ventilatory_burden_percent",
    "pulse_response_bpm",
    "mean_pulse_bpm",
    "supine_ahi_per_h",
    "non_supine_ahi_per_h",
]
EVENT_KEYS = [
    "kind",
    "start_s",
    "stop_s",
    "flow_reduction_fraction",
    "effort_fraction",
    "criterion",
    "desaturation",
]
FALL_KEYS = ["start_s", "nadir_s", "stop_s", "baseline_percent", "nadir_percent"]


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def parsed(text: str):
    return json.loads(text, parse_constant=refuse_constant)


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def line_with(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(start))


# ------------------------------------------------------------------------ the table of numbers


def test_every_number_of_a_night_has_one_row_in_the_table():
    assert sorted(row.key for row in INDEX_ROWS) == sorted(field.name for field in fields(NightIndices))


def test_a_part_that_was_not_measured_says_what_it_is_a_part_of():
    night = score_night(make_night(seed=1, duration_h=1.0).recording)
    lines = " ".join(night_text(night).split("Not measured\n")[1].split("\n\n")[0].split())
    assert "Hypopneas (obstructive), Hypopneas (central), Hypopneas (unclassified)" in lines
    assert "no run of Cheyne-Stokes breathing: Cheyne-Stokes breathing (mean cycle)" in lines


def test_numbers_that_stand_beside_another_exist():
    keys = {row.key for row in INDEX_ROWS}
    assert {row.beside for row in INDEX_ROWS} - {""} <= keys
    in_text = {row.key for row in INDEX_ROWS if row.section} | {row.beside for row in INDEX_ROWS}
    assert keys - in_text == {"n_apneas", "n_hypopneas"}


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (17.3456, 1, "17.3"),
        (14.94, 1, "14.9"),
        (14.96, 1, "14.96"),
        (14.9996, 1, "14.9996"),
        (15.0, 1, "15.0"),
        (15.04, 1, "15.0"),
        (3.996, 1, "3.996"),
        (80.6, 0, "81"),
        (4.9999999999999, 2, "5.00"),
        (-0.2, 1, "-0.2"),
        (0.0, 1, "0.0"),
    ],
)
def test_rounding_never_reaches_a_limit_from_below(value, decimals, text):
    assert rounded(value, decimals) == text


@pytest.mark.parametrize(
    ("value", "text"), [(9.96, "9.96"), (10.0, "10.0"), (20.98, "21.0"), (29.98, "29.98")]
)
def test_rounding_reaches_whole_numbers_that_are_no_limits(value, text):
    assert rounded(value, 1, {10.0, 30.0}) == text


def test_only_numbers_with_limits_keep_more_digits():
    night = make_result()
    indices = replace(
        night.indices, mean_apnea_duration_s=23.98, t90_percent=2.97, odi3_per_h=4.97, ahi_per_h=4.97
    )
    text = night_text(replace(night, indices=indices))
    assert line_with(text, "Mean apnea").split()[-2:] == ["24.0", "s"]
    assert line_with(text, "Time below 90 %").split()[5] == "3.0"
    assert line_with(text, "Desaturations >= 3").split()[-2:] == ["5.0", "/h"]  # no class has a limit there
    assert "4.97 /h" in line_with(text, "Apneas + hypopneas (AHI)")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(28_800.0, "8 h 00 min"), (14_399.0, "3 h 59 min"), (90.0, "1.5 min"), (3600.0, "1 h 00 min")],
)
def test_lengths_in_words(seconds, words):
    assert duration_words(seconds) == words


# ------------------------------------------------------------------------ JSON


def test_json_has_every_key_of_the_schema():
    document = parsed(night_json(make_result()))
    assert document["schema"] == "hsat.night/1"
    assert set(NIGHT_KEYS) <= set(document)
    assert set(RECORDING_KEYS) <= set(document["recording"])
    assert {"monitoring_h", "flow_h", "spo2_h", "excluded"} <= set(document["monitored"])
    assert set(INDEX_KEYS) <= set(document["indices"])
    assert set(EVENT_KEYS) <= set(document["events"][0])
    assert set(FALL_KEYS) == set(document["events"][0]["desaturation"])
    assert set(FALL_KEYS) == set(document["desaturations"][0])
    assert {"start_s", "stop_s", "flow_reduction_fraction", "reason"} <= set(document["rejected"][0])
    assert set(document["recording"]["channels"][0]) == {"name", "source_label", "rate_hz", "unit"}
    assert set(document["alternatives"]["aasm_1a"]) >= {"ahi_per_h", "severity"}
    assert document["notes"] == [
        {"code": "truncated", "text": "the last record is cut: 12 of 60 s were read"}
    ]


def test_json_numbers_are_not_rounded():
    document = parsed(night_json(make_result()))
    assert document["indices"]["ahi_per_h"] == 17.3456789
    assert document["indices"]["mean_spo2_percent"] == 94.123456
    # 6,120 + ... : 28,800 s less 300 s, 900 s and 3,120 s
    assert document["monitored"]["monitoring_h"] == pytest.approx(24_480 / 3600, abs=1e-12)
    assert document["recording"]["gaps_s"] == [[20_000.0, 20_300.0]]
    excluded = {item["cause"]: item["minutes"] for item in document["monitored"]["excluded"]}
    assert excluded == {"gap": 5.0, "upright": 15.0, "spo2_probe_off": 52.0}


def test_json_events_keep_kind_span_and_desaturation():
    first, second, third, fourth = parsed(night_json(make_result()))["events"]
    assert (first["kind"], first["start_s"], first["stop_s"]) == ("obstructive_apnea", 3600.0, 3620.0)
    assert first["desaturation"]["nadir_percent"] == 89.0
    assert (second["desaturation"], second["effort_fraction"]) == (None, None)
    assert third["flow_reduction_fraction"] == 0.5
    assert fourth["is_counted"] is False


def test_json_events_carry_all_their_evidence():
    """The event of `make_event`: 20 s from 3600 s on, its nadir at 3640 s, 20 s after its end."""
    night = make_result(
        events=(
            make_event(EventKind.OBSTRUCTIVE_APNEA, 3600.0, confidence_fraction=0.75),
            make_event(EventKind.HYPOPNEA, 5400.0, desaturation=None, obstructive_signs=("paradox",)),
        ),
    )
    document = parsed(night_json(night))
    first, second = document["events"]
    assert (first["duration_s"], first["baseline_excursion"]) == (20.0, 1.25)
    assert (first["confidence_fraction"], first["desaturation_delay_s"]) == (0.75, 20.0)
    assert (first["obstructive_signs"], second["obstructive_signs"]) == (None, ["paradox"])
    assert (second["confidence_fraction"], second["desaturation_delay_s"]) == (None, None)
    (candidate,) = document["rejected"]
    assert candidate["duration_s"] == 12.0
    assert {"reason", "baseline_excursion", "confidence_fraction"} <= set(candidate)
    assert {
        "events.confidence_fraction",
        "events.desaturation_delay_s",
        "events.obstructive_signs",
        "rejected.confidence_fraction",
        "rejected.baseline_excursion",
        "cheyne_stokes",
    } <= set(document["not_measured"])


def test_csv_and_frame_carry_the_evidence_too():
    night = make_result(
        events=(make_event(EventKind.HYPOPNEA, 3600.0, confidence_fraction=0.6, obstructive_signs=()),)
    )
    (row,) = csv.DictReader(io.StringIO(events_csv(night)))
    assert (row["confidence_fraction"], row["baseline_excursion"]) == ("0.6", "1.25")
    assert (row["desaturation_drop_points"], row["desaturation_delay_s"]) == ("7.0", "20.0")
    assert row["obstructive_signs"] == "none"
    frame = night.events_frame()
    assert frame["desaturation_delay_s"].tolist() == [20.0]


def test_periodic_breathing_is_reported_with_its_criterion():
    run = PeriodicRun(
        start_s=3600.0,
        stop_s=4200.0,
        n_cycles=10,
        cycle_length_s=58.0,
        n_events=11,
        n_central_events=11,
        is_cheyne_stokes=True,
    )
    unknown = replace(run, start_s=9000.0, stop_s=9300.0, n_central_events=0, is_cheyne_stokes=False)
    summary = CheyneStokes(is_met=None, criterion="five per hour", reason="no belt")
    night = make_result(periodic_breathing=(run, unknown), cheyne_stokes=summary)
    text = night_text(night)
    assert "1 run of Cheyne-Stokes breathing" in text
    assert "1 run of a periodic breathing pattern, type of events unknown" in text
    assert "five per hour (no belt)" in " ".join(text.split())
    document = parsed(night_json(night))
    assert document["cheyne_stokes"] == {"is_met": None, "criterion": "five per hour", "reason": "no belt"}
    assert document["not_measured"]["cheyne_stokes.is_met"] == "no belt"
    assert [item["duration_s"] for item in document["periodic_breathing"]] == [600.0, 300.0]
    (row,) = csv.DictReader(io.StringIO(nights_csv([night])))
    assert row["is_cheyne_stokes"] == ""


def test_json_gives_a_reason_for_every_null():
    empty = make_result(
        indices=NightIndices(),
        severity=None,
        recording=make_recording(start_local=None, subject=Subject()),
        flow_sensor=None,
        spo2_delay_s=None,
        alternatives={"aasm_1a": Alternative(rules_id="aasm_1a@0", ahi_per_h=None, severity=None)},
    )
    document = parsed(night_json(empty))

    def nulls(value, path):
        if value is None:
            yield path
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from nulls(item, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for item in value:
                yield from nulls(item, path)

    missing = set(nulls(document, ""))
    assert {
        "severity",
        "indices.ahi_per_h",
        "recording.start_local",
        "alternatives.aasm_1a.severity",
    } <= missing
    assert missing - {"rejected.desaturation"} <= set(document["not_measured"])
    assert all(document["not_measured"].values())
    assert document["not_measured"]["severity"] == "less than 2 h monitored"


def test_json_gives_no_reason_for_what_was_measured():
    reasons = parsed(night_json(make_result()))["not_measured"]
    assert "indices.ahi_per_h" not in reasons
    assert "severity" not in reasons


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_is_valid_whatever_scoring_returns(value):
    night = make_result()
    indices = replace(night.indices, ahi_per_h=value)
    event = make_event(EventKind.HYPOPNEA, 1.0, effort_fraction=value)
    document = parsed(night_json(replace(night, indices=indices, events=(event,), spo2_delay_s=value)))
    assert document["indices"]["ahi_per_h"] is None
    assert document["not_measured"]["indices.ahi_per_h"] == "the computation gave no finite number"
    assert document["events"][0]["effort_fraction"] is None
    assert document["spo2_delay_s"] is None


def test_json_takes_numpy_numbers():
    night = make_result()
    indices = replace(night.indices, ahi_per_h=np.float32(2.5), n_apneas=np.int64(7))
    document = parsed(night_json(replace(night, indices=indices)))
    assert (document["indices"]["ahi_per_h"], document["indices"]["n_apneas"]) == (2.5, 7)


def test_json_file_is_the_path_as_given_and_sha256_of_its_bytes(tmp_path):
    path = tmp_path / "n.edf"
    path.write_bytes(b"abc")
    source = SourceFile(path=str(path), n_bytes=3, format="EDF")
    document = parsed(night_json(make_result(recording=make_recording(source=source))))
    assert document["recording"]["file"] == str(path)
    # FIPS 180-2, appendix B.1: the digest of "abc"
    assert document["recording"]["sha256"] == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_json_of_a_file_that_has_gone_keeps_the_result(tmp_path):
    source = SourceFile(path=str(tmp_path / "gone.edf"), n_bytes=3, format="EDF")
    document = parsed(night_json(make_result(recording=make_recording(source=source))))
    assert document["recording"]["sha256"] is None
    assert document["not_measured"]["recording.sha256"] == "the file could not be read again"


def test_json_of_several_is_a_list_with_failures_in_their_place():
    documents = parsed(nights_json([make_result(), FAILED]))
    assert documents[0]["schema"] == "hsat.night/1"
    assert documents[1] == {"file": "b.edf", "error": "b.edf: expected an EDF header, got 12 bytes"}


def test_json_is_ascii_and_strict_with_hostile_texts():
    night = make_result(notes=(Note(code="x", text=HOSTILE),), reasons=(HOSTILE,))
    text = night_json(night)
    assert text.isascii()
    assert "\x1b" not in text
    note = parsed(text)["notes"][0]["text"]
    note.encode("utf-8")  # a lone surrogate would raise
    assert note.startswith("\x1b[31mred\x07\nnext")


@pytest.mark.parametrize("value", [{}, [], {"a": []}, {"a": {"b": {"c": [1, {"d": None}]}}}, [[1], [2, [3]]]])
def test_json_layout_changes_no_value(value):
    assert json.loads(json_text(value)) == value


# ------------------------------------------------------------------------ text


def test_headline_says_ahi_class_rules_and_adequacy():
    assert night_text(make_result()).splitlines()[0] == (
        "AHI (REI) 17.3 /h, moderate, aasm_1b, adequate: 6.8 h monitored"
    )


def test_text_says_what_the_ahi_stands_for_and_who_must_review_it():
    text = " ".join(night_text(make_result()).split())
    assert "the AHI is the respiratory event index (REI): events per hour of monitored time" in text
    assert "49 % of people change class at least once (Roeder 2020" in text
    assert "hsat is no medical device. A qualified person must review" in text
    assert "Rules aasm_1b@0123456789ab; hsat 0.1.0; automatic scoring." in text


def test_text_fits_eighty_columns():
    assert max(len(line) for line in night_text(make_result()).splitlines()) <= 80


def test_text_counts_only_events_in_monitored_time():
    text = night_text(make_result())
    assert line_with(text, "Apneas + hypopneas").split()[-4:] == ["17.3", "/h", "3", "events"]
    assert line_with(text, "Hypopneas").split()[-4:] == ["11.8", "/h", "1", "event"]
    assert line_with(text, "obstructive").split() == ["obstructive", "4.0", "/h", "1", "event"]
    assert "1 event outside the monitored time: listed, in no index" in text


def test_text_books_every_excluded_minute():
    text = night_text(make_result())
    assert line_with(text, "Excluded").split()[1:] == ["72.0", "min"]
    assert line_with(text, "gap").split()[1:3] == ["5.0", "min"]
    assert line_with(text, "spo2 probe off").split()[3:5] == ["52.0", "min"]
    assert line_with(text, "Airflow can be judged").split()[-2:] == ["7.67", "h"]
    assert line_with(text, "SpO2 can be judged").split()[-2:] == ["7.05", "h"]


def test_text_groups_what_was_not_measured_by_reason():
    text = night_text(make_result())
    block = text.split("Not measured\n")[1].split("\n\n")[0]
    assert block.count("  - ") == 1
    assert block.count("too few events") == 1
    assert "Median SpO2" in block
    # a block that is missing whole says so once, in its place
    assert "Position\n  not measured: no position channel\n" in text
    assert "supine" not in block


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [
        ("severe", "severe: the class changes from moderate to severe"),
        ("moderate", "moderate: the class does not change"),
        (None, "no class"),
    ],
)
def test_text_says_whether_the_other_rule_changes_the_class(severity, verdict):
    other = Alternative(rules_id="aasm_1a@0", ahi_per_h=28.04, severity=severity)
    text = night_text(make_result(alternatives={"aasm_1a": other}))
    assert f"  - aasm_1a: AHI 28.0 /h, {verdict}\n" in text


def test_text_of_a_night_on_pap_gives_a_residual_ahi_and_no_class():
    night = make_result(
        therapy="pap", severity=None, not_measured={"severity": "on therapy"}, alternatives={}
    )
    text = night_text(night)
    assert text.startswith(
        "Residual AHI on therapy 17.3 /h, no diagnostic class, aasm_1b, adequate: 6.8 h monitored\n"
    )
    assert "not a diagnosis" in text
    assert "moderate" not in text
    assert "49 %" not in text


def test_text_without_an_ahi_says_why():
    indices = replace(make_result().indices, ahi_per_h=None)
    reasons = {"indices.ahi_per_h": "no airflow channel", "severity": "no airflow channel"}
    text = night_text(make_result(indices=indices, severity=None, not_measured=reasons))
    assert text.splitlines()[0] == "AHI (REI) not measured, no class, aasm_1b, adequate: 6.8 h monitored"
    assert "No AHI: no airflow channel.\nApneas alone: 5.5 /h.\n" in text


def test_text_of_an_inadequate_night_gives_its_reasons():
    text = night_text(
        make_result(adequacy="inadequate", severity=None, reasons=("1.4 h monitored, at least 2 h needed",))
    )
    assert "no class, aasm_1b, inadequate: 6.8 h" in text.splitlines()[0]
    assert "No class: less than 2 h monitored." in text
    assert "Adequacy: inadequate\n  - 1.4 h monitored, at least 2 h needed\n" in text


SPO2 = ChannelInfo(name="spo2", source_label="SpO2", rate_hz=1.0, unit="%")
FLOW = ChannelInfo(name="flow", source_label="Airflow", rate_hz=25.0, unit="L/min")


@pytest.mark.parametrize(
    ("sensor", "channels", "words"),
    [
        ("flow", (FLOW, SPO2), "inadequate: 6.8 h monitored"),
        ("flow", (FLOW,), "inadequate (no SpO2): 6.8 h monitored"),
        (None, (SPO2,), "no class, aasm_1b, inadequate: 7.0 h of SpO2"),
    ],
)
def test_headline_names_what_was_not_recorded(sensor, channels, words):
    night = make_result(
        adequacy="inadequate", flow_sensor=sensor, recording=make_recording(channels=channels)
    )
    assert night_text(night).splitlines()[0].endswith(f", {words}")


@pytest.mark.parametrize(
    ("sensor", "belts"),
    [
        ("thorax", "effort belt"),
        ("thorax+abdomen", "effort belts"),
        ("rip_sum", "effort belts"),
        ("rip_flow", "effort belts"),
    ],
)
def test_text_says_where_belts_stand_in_for_airflow(sensor, belts):
    for channels, why in (((SPO2,), "was recorded"), ((FLOW, SPO2), "shows breathing")):
        night = make_result(flow_sensor=sensor, recording=make_recording(channels=channels))
        said = " ".join(night_text(night).splitlines()[2:4])
        assert said.startswith(f"No airflow sensor {why}: breathing was judged from the {belts} ({sensor}).")
    assert "No airflow sensor" not in night_text(make_result())


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("aasm_1a", "aasm_1a: AHI 20.0 /h"),
        ("aasm_1b_linearised", "aasm_1b with the square root of nasal pressure: AHI 20.0 /h"),
        ("aasm_1b_not_linearised", "aasm_1b with nasal pressure as it is: AHI 20.0 /h"),
    ],
)
def test_other_rules_are_named_as_the_option_knows_them(key, words):
    """No rule set of the name `aasm_1b_linearised` can be asked for."""
    other = Alternative(rules_id="x@0", ahi_per_h=20.0, severity="moderate")
    said = " ".join(night_text(make_result(alternatives={key: other})).split())
    assert words in said


def test_text_shows_patient_sensor_and_notes_once():
    note = Note(code="n", text="one record was repaired")
    text = night_text(make_result(notes=(note, note, note)))
    assert "Patient     p-0123456789ab, 54 years, female" in text
    assert "Airflow     flow ('Airflow', 25 Hz)" in text
    assert "  - one record was repaired (3 times)\n" in text


def test_text_without_a_clock_or_patient():
    text = night_text(make_result(recording=make_recording(start_local=None, subject=Subject())))
    assert "Recorded    start unknown  (8 h 00 min)" in text
    assert "Patient     no code in the file" in text


def hostile_night():
    recording = make_recording(
        source=SourceFile(path=f"dir/{HOSTILE}.edf", n_bytes=1, format="memory"),
        device=DeviceInfo(profile=HOSTILE, name=HOSTILE),
        subject=Subject(patient=HOSTILE, sex=HOSTILE),
        channels=(ChannelInfo(name="flow", source_label=HOSTILE, rate_hz=25.0, unit=HOSTILE),),
    )
    return make_result(
        recording=recording,
        reasons=(HOSTILE,),
        notes=(Note(code=HOSTILE, text=HOSTILE),),
        rules_id=HOSTILE,
        hsat_version=HOSTILE,
        not_measured={"indices.mean_pulse_bpm": HOSTILE, HOSTILE: HOSTILE},
        alternatives={HOSTILE: Alternative(rules_id=HOSTILE, ahi_per_h=1.0, severity=None)},
        events=(make_event(EventKind.HYPOPNEA, 1.0, criterion=HOSTILE),),
    )


def test_hostile_texts_are_inert_in_text_and_csv():
    night = hostile_night()
    failed = FailedNight(file=HOSTILE, error=HOSTILE)
    for text in (
        night_text(night),
        nights_text([night, failed]),
        nights_csv([night, failed]),
        events_csv(night),
    ):
        assert all(line.isprintable() for line in text.split("\n"))
        text.encode("utf-8")
        assert r"\x1b[31mred\x07\nnext" in text


def test_printable_escapes_and_leaves_the_rest_alone():
    assert printable("Müller µ 日本 SpO₂") == "Müller µ 日本 SpO₂"
    assert printable(HOSTILE) == r"\x1b[31mred\x07\nnext\r\u202egnp\u2028\x00\udcff"


def test_table_says_no_class_where_there_is_none():
    assert "  no class  " in nights_text([make_result(severity=None), FAILED]).splitlines()[1]


def test_json_gives_a_reason_for_a_rejected_candidate_without_a_fall():
    night = make_result()
    (candidate, *_) = night.rejected
    path = "rejected.desaturation"
    without = parsed(night_json(replace(night, rejected=(replace(candidate, desaturation=None),))))
    assert without["rejected"][0]["desaturation"] is None
    assert without["not_measured"][path] == "no fall of SpO2 belongs to the stretch"
    fall = night.events[0].desaturation
    assert fall is not None
    with_fall = parsed(night_json(replace(night, rejected=(replace(candidate, desaturation=fall),))))
    assert path not in with_fall["not_measured"]


def test_table_of_several_nights_has_one_row_each():
    pap = make_result(therapy="pap", severity=None)
    lines = nights_text([make_result(), FAILED, pap]).splitlines()
    assert lines[0].split() == [
        "AHI/h",
        "class",
        "adequacy",
        "hours",
        "ODI4/h",
        "T90",
        "%",
        "min",
        "SpO2",
        "start",
        "file",
    ]
    assert lines[1].split() == [
        "17.3",
        "moderate",
        "adequate",
        "6.8",
        "14.1",
        "3.1",
        "81",
        "2026-03-03",
        "22:30",
        "night.edf",
    ]
    assert lines[2].split() == ["-", "failed", *["-"] * 6, "b.edf"]
    assert lines[3].split()[:4] == ["17.3", "on", "therapy", "adequate"]
    assert "2 of 3 files scored, 1 failed." in lines
    assert "no medical device" in " ".join(lines)


# ------------------------------------------------------------------------ CSV


def test_csv_of_nights_is_unrounded_and_complete():
    (row, failed) = csv_rows(nights_csv([make_result(), FAILED]))
    assert list(row) == [*NIGHT_COLUMNS[:-1], "aasm_1a_ahi_per_h", "aasm_1a_severity", "error"]
    assert row["ahi_per_h"] == "17.3456789"
    assert row["start_local"] == datetime(2026, 3, 3, 22, 30).isoformat()
    assert (row["excluded_gap_min"], row["excluded_movement_min"]) == ("5.0", "0.0")
    assert (row["mean_pulse_bpm"], row["is_adequate"], row["n_apneas"]) == ("", "true", "2")
    assert (row["aasm_1a_ahi_per_h"], row["aasm_1a_severity"]) == ("31.5", "severe")
    assert failed["error"].startswith("b.edf: expected an EDF header")
    assert failed["ahi_per_h"] == ""


def test_csv_of_nights_has_a_column_for_every_number_and_cause():
    assert {field.name for field in fields(NightIndices)} <= set(NIGHT_COLUMNS)
    assert {f"excluded_{flag.label}_min" for flag in QualityFlag} <= set(NIGHT_COLUMNS)


def test_csv_of_events_has_the_pinned_columns():
    rows = csv_rows(events_csv(make_result()))
    assert tuple(rows[0]) == EVENT_COLUMNS
    assert [row["kind"] for row in rows] == ["obstructive_apnea", "central_apnea", "hypopnea", "hypopnea"]
    assert (rows[0]["duration_s"], rows[1]["desaturation_nadir_s"]) == ("20.0", "")
    assert [row["is_counted"] for row in rows] == ["true", "true", "true", "false"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "-night.edf"])
def test_csv_texts_never_start_a_formula(text):
    (row,) = csv_rows(nights_csv([FailedNight(file=text, error="x")]))
    assert row["file"].startswith(("'", "\\"))


def test_csv_negative_numbers_stay_numbers():
    night = make_result()
    (row,) = csv_rows(nights_csv([replace(night, indices=replace(night.indices, pulse_response_bpm=-1.5))]))
    assert row["pulse_response_bpm"] == "-1.5"


def test_csv_quotes_what_holds_a_comma():
    (row,) = csv_rows(nights_csv([FailedNight(file='a,"b".edf', error="x")]))
    assert row["file"] == 'a,"b".edf'
