"""A night of oximetry alone: desaturations and time at low SpO2, no AHI, no class, and it says so.

Six hours of SpO2 at 96 % drawn by hand with 30 falls by 5 points: ODI3 = ODI4 = 5 an hour. Every third
fall goes down by 3 points in a second recording: ODI3 5, ODI4 3.33 an hour.
"""

import csv
import json

import numpy as np
import pytest
from breathing_signals import Fall, recording_of, signal_of, spo2_channel

import hsat
from hsat.report.document import night_document
from hsat.report.tables import nights_csv
from hsat.report.text import night_text, nights_text

HOURS = 6.0
STARTS_S = [300.0 + 700.0 * i for i in range(30)]


@pytest.fixture(scope="module")
def night():
    falls = [Fall(start_s, 30.0, 0.0, 5.0) for start_s in STARTS_S]
    return hsat.score_night(recording_of(spo2_channel(HOURS * 3600.0, falls)))


def test_odi_and_oxygen_are_measured(night):
    assert night.indices.odi3_per_h == night.indices.odi4_per_h == pytest.approx(5.0)
    assert night.monitored.spo2_h == pytest.approx(HOURS)
    assert night.indices.min_spo2_percent == 91.0
    assert night.indices.t90_percent == 0.0


def test_odi3_and_odi4_differ_by_the_falls_of_3_points():
    falls = [Fall(start_s, 30.0, 0.0, 3.0 if i % 3 == 0 else 5.0) for i, start_s in enumerate(STARTS_S)]
    indices = hsat.score_night(recording_of(spo2_channel(HOURS * 3600.0, falls))).indices
    assert (indices.odi3_per_h, indices.odi4_per_h) == (pytest.approx(5.0), pytest.approx(20 / HOURS))


def test_there_is_no_ahi_no_class_and_a_reason_for_both(night):
    assert night.indices.ahi_per_h is None
    assert night.severity is None
    assert night.adequacy == "inadequate"
    assert night.not_measured["indices.ahi_per_h"] == "no airflow or effort channel"
    reason = "no airflow or effort that can be judged: oximetry alone gives no class, however long "
    reason += "(6.00 h of SpO2)"
    assert night.not_measured["severity"] == reason
    assert night.reasons[-1] == reason


def test_reports_say_oximetry_only_first(night):
    text = night_text(night)
    headline = text.splitlines()[0]
    assert headline.startswith("Oximetry only: AHI not measured, ODI3 5.0 /h, ODI4 5.0 /h, no class, ")
    assert headline.endswith(", inadequate: 6.0 h of SpO2")
    words = " ".join(text.split())
    assert "No AHI: no airflow or effort channel." in words
    assert "cannot tell apneas and hypopneas, nor that there are none" in words
    assert "desaturations are counted in it" in words
    assert "0.00 h none recorded" in words
    assert "REI" not in words
    assert " 0.0 /h" not in text.split("Oxygen")[0]
    assert nights_text([night, night]).splitlines()[1].split()[:3] == ["-", "no", "class"]


def test_json_and_csv_have_nulls_with_reasons_and_no_zero(night):
    document = night_document(night)
    for key in ("ahi_per_h", "apnea_index_per_h", "n_apneas", "ventilatory_burden_percent"):
        assert document["indices"][key] is None
        assert document["not_measured"][f"indices.{key}"] == "no airflow or effort channel"
    assert document["events"] == document["rejected"] == []
    assert len(document["desaturations"]) == 30
    json.dumps(document, allow_nan=False)
    cells = next(csv.DictReader(nights_csv([night]).splitlines()))
    assert (cells["ahi_per_h"], cells["n_apneas"], cells["severity"]) == ("", "", "")


def test_a_flow_sensor_that_was_off_all_night_is_no_oximetry_only_recording():
    falls = [Fall(start_s, 30.0, 0.0, 5.0) for start_s in STARTS_S]
    dead = signal_of("flow", np.zeros(int(HOURS * 36_000)), 10.0)
    night = hsat.score_night(recording_of(dead, spo2_channel(HOURS * 3600.0, falls)))
    assert night_text(night).startswith(
        "AHI (REI) not measured, no class, aasm_1b, inadequate: 0.0 h monitored"
    )
    assert night.not_measured["severity"].startswith("no airflow or effort that can be judged")


@pytest.mark.parametrize("number", ["020", "027"])
def test_real_oximetry_alone(shared_data, number):
    night = hsat.score_night(hsat.read_recording(shared_data / "real" / "ucd" / f"ucd{number}.edf"))
    assert night.indices.ahi_per_h is None
    assert night.indices.odi4_per_h > 5.0
    assert night_text(night).startswith("Oximetry only: AHI not measured, ODI3 ")
