"""Which nights are one patient's: codes, folders, cards, and what contradicts them."""

from dataclasses import replace
from datetime import datetime

import pytest

import hsat
from hsat.errors import HsatError
from hsat.nights.patients import group_patients
from hsat.patient import ScoredNight
from tests.night_builder import make_result
from tests.patient_nights import make_night


def night(file: str, *, patient: str | None = None, day: int = 1, **changes: object) -> ScoredNight:
    return make_night(day - 1, **{"file": file, "patient": patient, **changes})


def members(groups):
    return [group.members for group in groups]


def test_nights_with_one_code_are_one_patients_in_whatever_folder():
    groups = group_patients(
        [
            night("a/1.edf", patient="P-1"),
            night("b/1.edf", patient="P-2"),
            night("c/2.edf", patient="P-1", day=2),
        ]
    )
    assert members(groups) == [(0, 2), (1,)]
    assert [(g.patient, g.grouped_by) for g in groups] == [("P-1", "code"), ("P-2", "code")]
    assert not any(g.notes for g in groups)


def test_a_night_without_a_code_is_a_patient_of_its_own():
    groups = group_patients(
        [night("a/1.edf"), night("a/2.edf", day=2), night("a/3.edf", patient="P-1", day=3)]
    )
    assert members(groups) == [(0,), (1,), (2,)]
    assert [(g.patient, g.grouped_by) for g in groups] == [(None, "alone"), (None, "alone"), ("P-1", "code")]


def test_the_folder_makes_patients_where_the_user_says_so():
    nights = [night("x/anna/1.edf"), night("x/anna/2.edf", day=2), night("y/anna/1.edf"), night("x/b/1.edf")]
    groups = group_patients(nights, patient_from="folder")
    assert members(groups) == [(0, 1), (2,), (3,)]
    assert [g.patient for g in groups] == ["anna", "anna", "b"]


def test_two_codes_in_one_folder_are_told_where_the_folder_makes_the_patient():
    nights = [night("x/1.edf", patient="P-1"), night("x/2.edf", patient="P-2", day=2)]
    (group,) = group_patients(nights, patient_from="folder")
    (note,) = group.notes
    assert note.code == "patient_conflict"
    assert "P-1 (x/1.edf)" in note.text
    assert "P-2 (x/2.edf)" in note.text


def test_a_patient_named_by_the_user_takes_all_and_the_codes_are_told():
    nights = [
        night("x/1.edf", patient="P-1"),
        night("y/2.edf", patient="P-2", day=2),
        night("z/3.edf", day=3),
    ]
    (group,) = group_patients(nights, patient="trial-7")
    assert (group.patient, group.grouped_by, group.members) == ("trial-7", "given", (0, 1, 2))
    assert [note.code for note in group.notes] == ["patient_conflict"]


def test_nights_on_the_card_of_one_device_are_one_patients():
    card = {"is_card": True, "therapy": "pap"}
    nights = [
        night("c/20260301/a.edf", recorder="r1", **card),
        night("c/20260302/b.edf", recorder="r1", day=2, **card),
        night("d/20260302/b.edf", recorder="r2", day=2, **card),
    ]
    groups = group_patients(nights)
    assert members(groups) == [(0, 1), (2,)]
    assert [g.grouped_by for g in groups] == ["card", "card"]


def test_a_recorder_alone_makes_no_patient():
    nights = [night("a/1.edf", recorder="r1"), night("a/2.edf", recorder="r1", day=2)]
    assert members(group_patients(nights)) == [(0,), (1,)]


def test_one_recording_under_two_codes_is_told_on_both():
    nights = [night("a/1.edf", patient="P-1", recorder="r1"), night("b/1.edf", patient="P-2", recorder="r1")]
    groups = group_patients(nights)
    assert [[note.code for note in g.notes] for g in groups] == [["recording_conflict"]] * 2
    other = [nights[0], replace(nights[1], start_local=datetime(2026, 3, 1, 22, 31))]
    assert not any(g.notes for g in group_patients(other))


def test_two_sexes_under_one_code_are_told():
    nights = [night("a/1.edf", patient="P-1", sex="F"), night("a/2.edf", patient="P-1", sex="M", day=2)]
    (group,) = group_patients(nights)
    assert [note.code for note in group.notes] == ["sex_conflict"]


def test_results_and_their_recordings_group_alike():
    result = make_result()
    assert group_patients([result]) == group_patients([result.recording])
    assert group_patients([result])[0].patient == result.recording.subject.patient


def test_the_sample_nights_are_one_patient(samples):
    nights = [hsat.read_recording(path) for path in sorted(samples.glob("*.edf"))]
    infos = [make_result().recording for _ in nights]
    infos = [replace(info, subject=n.subject, source=n.source) for info, n in zip(infos, nights, strict=True)]
    assert members(group_patients(infos)) == [(0, 1, 2)]


def test_no_nights_are_no_patients():
    assert group_patients([]) == ()


def test_an_unknown_source_of_patients_is_refused():
    with pytest.raises(HsatError, match=r"patient_from: expected one of code, folder, got 'name'"):
        group_patients([], patient_from="name")
