"""Copies without names: what is gone, what stays byte for byte, and that no file is ever overwritten."""

from dataclasses import replace

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping

import hsat
from hsat.cli.main import main
from hsat.errors import HsatError, ReadError
from hsat.io.deidentification import deidentify_file
from hsat.io.edf import read_edf

N = 12
SAMPLES = np.random.default_rng(3).integers(-30000, 30000, (N, 50))
PATIENT = "MCH-0234567 F 02-MAY-1951 Müller-Lüdenscheidt_Anna"
RECORDING = "Startdate 03-MAR-2026 PSG-4711 Dr_Schmitz NoxMedical_A1_SN98765432"
SECRETS = ["Müller", "Lüdenscheidt", "Anna", "0234567", "MCH", "1951", "4711", "Schmitz", "98765432", "A1"]


def texts_of(secrets):
    """Every secret in the spellings and encodings in which its bytes could stand in a file."""
    for secret in secrets:
        for text in {
            secret,
            secret.upper(),
            secret.lower(),
            secret.replace("ü", "ue"),
            secret.replace("ü", "u"),
        }:
            yield text.encode("utf-8")
            yield text.encode("latin-1")


def write(tmp_path, texts=(), *, name="night.edf", header=None, is_bdf=False, flow=None):
    lists = time_keeping([f"+{i}" for i in range(N)])
    for i, text in enumerate(texts):
        raw = text if isinstance(text, bytes) else text.encode("utf-8")
        lists[i] += b"+%d\x152\x14" % i + raw + b"\x14\0"
    path = tmp_path / name
    header = header or Header(patient=PATIENT, recording=RECORDING, reserved="EDF+C")
    channels = [flow or Channel(label="Flow", stored=SAMPLES), annotation_channel(lists, n_bytes=90)]
    path.write_bytes(build(header, channels, is_bdf=is_bdf))
    return path


def copy_of(path, tmp_path, **options):
    (tmp_path / "out").mkdir()
    done = deidentify_file(path, tmp_path / "out", **options)
    with open(done.path, "rb") as file:
        return done, file.read()


ANNOTATIONS = [
    "Apnea Anna snores",
    "call Dr. Schmitz",
    "MUELLER-LUEDENSCHEIDT, ANNA",
    "muller ludenscheidt",
    "born 02.05.1951",
    "DOB 1951-05-02 / 5/2/1951",
    "code MCH 0234567",
    "device sn98765432",
    "started 03.03.2026",
    "Sleep stage N2",
    "M\u00fcller".encode("latin-1"),
    "annotation of an Annapurna tour",
]


def test_names_birth_dates_and_codes_are_nowhere_in_the_copy(tmp_path):
    path = write(tmp_path, ANNOTATIONS)
    before = path.read_bytes()
    _, copy = copy_of(path, tmp_path)
    folded = copy.lower()
    secrets = [s for s in SECRETS if s not in {"Anna", "A1"}]
    assert [s for s in texts_of(secrets) if s.lower() in folded] == []
    assert path.read_bytes() == before
    shown = [a.text for a in read_edf(tmp_path / "out" / "night.edf").annotations]
    assert shown[0] == "Apnea XXXX snores"
    assert shown[1] in {"call XX. XXXXXXX", "call XXXXXXXXXXX"}
    assert shown[9] == "Sleep stage N2"
    assert shown[11] == "annotation of an Annapurna tour"
    assert len(shown) == 12


def test_samples_are_byte_identical_and_nothing_moves(tmp_path):
    path = write(tmp_path, ANNOTATIONS)
    _, copy = copy_of(path, tmp_path)
    before = path.read_bytes()
    assert len(copy) == len(before)
    n_header, n_record = 256 * 3, 100 + 90
    for record in range(N):
        samples = slice(n_header + record * n_record, n_header + record * n_record + 100)
        assert copy[samples] == before[samples]
    old, new = read_edf(path), read_edf(tmp_path / "out" / "night.edf")
    assert [(a.onset_s, a.duration_s) for a in new.annotations] == [
        (a.onset_s, a.duration_s) for a in old.annotations
    ]
    assert (new.format, new.n_records, new.channels) == (old.format, old.n_records, old.channels)


def test_fields_are_those_that_edf_plus_asks_for(tmp_path):
    done, copy = copy_of(write(tmp_path), tmp_path)
    assert copy[8:88] == b"X X X X".ljust(80)
    assert copy[88:168] == b"Startdate X X X NoxMedical".ljust(80)
    assert copy[168:184] == b"01.01.8522.30.00"
    assert copy[192:197] == b"EDF+C"
    assert "start date set to 01.01.85" in done.changes


@pytest.mark.parametrize(
    ("days", "plus", "short"),
    [
        (-3, b"28-FEB-2026", b"28.02.26"),
        (300, b"28-DEC-2026", b"28.12.26"),
        (-9862, b"03-MAR-1999", b"03.03.99"),
    ],
)
def test_the_date_is_moved_by_days(tmp_path, days, plus, short):
    """3 March 2026 less 3 days is 28 February; 300 days on is 28 December (365 - 31 - 28 - 3 = 303 left, by
    a calendar); 9,862 days back is 3 March 1999 (27 years with 7 leap days: 27 * 365 + 7)."""
    path = write(tmp_path)
    _, copy = copy_of(path, tmp_path, shift_days=days, patient="P-07")
    assert copy[8:88] == b"P-07 X X X".ljust(80)
    assert copy[88:168].startswith(b"Startdate " + plus + b" X X ")
    assert copy[168:176] == short
    moved = hsat.read_recording(tmp_path / "out" / "night.edf").start_local
    assert (moved - hsat.read_recording(path).start_local).days == days


@pytest.mark.parametrize(
    ("days", "written"), [(-15_036, b"01.01.85"), (-15_037, None), (21_488, b"31.12.84"), (21_489, None)]
)
def test_a_date_that_two_digits_cannot_say_is_refused(tmp_path, days, written):
    """3 March 2026 less 41 * 365 + 10 + 61 days is 1 January 1985; 58 * 365 + 15 + 303 on ends 2084."""
    path = write(tmp_path)
    if written is not None:
        assert copy_of(path, tmp_path, shift_days=days)[1][168:176] == written
        return
    with pytest.raises(HsatError, match="expected a start between 1985 and 2084"):
        copy_of(path, tmp_path, shift_days=days)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_kind_of_recorder_is_still_known(tmp_path):
    path = write(tmp_path)
    copy_of(path, tmp_path)
    old, new = hsat.read_recording(path), hsat.read_recording(tmp_path / "out" / "night.edf")
    # Its kind is known; the single recorder, told apart by a hash of its serial number, is not.
    assert replace(new.device, recorder=old.device.recorder) == old.device
    assert new.device.recorder != old.device.recorder
    assert new.device.profile == "nox"


def test_plain_edf_with_a_name_in_free_text(tmp_path):
    header = Header(patient="Doe, John 45 years", recording="Ward 7 technician Smith", date="03.03.26")
    path = write(tmp_path, ["John woke", "doe left", "45 s of apnea"], header=header)
    _, copy = copy_of(path, tmp_path)
    for word in (b"Doe", b"doe", b"John", b"Smith"):
        assert word not in copy
    shown = [a.text for a in read_edf(tmp_path / "out" / "night.edf").annotations]
    assert shown == ["XXXX woke", "XXX left", "45 s of apnea"]


@pytest.mark.parametrize("raw", [PATIENT.encode("utf-8"), PATIENT.encode("latin-1")])
@pytest.mark.parametrize("text", ["M\u00fcller", "Mu\u0308ller", "M\u00dcLLER", "Mueller", "Muller"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_accents_in_any_encoding(tmp_path, raw, text, encoding):
    if encoding == "latin-1" and "\u0308" in text:
        text = "M\u00fcller"
    header = Header(patient=raw, recording=RECORDING, reserved="EDF+C")
    path = write(tmp_path, [b"so " + text.encode(encoding) + b" slept"], header=header)
    _, copy = copy_of(path, tmp_path)
    assert text.encode(encoding) not in copy
    (shown,) = [a.text for a in read_edf(tmp_path / "out" / "night.edf").annotations]
    assert shown.startswith("so X")
    assert shown.endswith(" slept")
    assert "ller" not in shown


def test_a_name_written_out_finds_the_umlaut(tmp_path):
    header = Header(patient="X F X Mueller_Joerg", recording="Startdate X X X X", reserved="EDF+C")
    copy_of(write(tmp_path, ["M\u00fcller J\u00f6rg"], header=header), tmp_path)
    (shown,) = [a.text for a in read_edf(tmp_path / "out" / "night.edf").annotations]
    assert set(shown) <= {"X", " "}


def test_terms_of_the_user_and_labels_that_hold_a_name(tmp_path):
    flow = Channel(label="Flow Anna", stored=SAMPLES, transducer="cannula of Anna, SN98765432")
    path = write(tmp_path, ["Aunt Hilde visits"], flow=flow)
    done, copy = copy_of(path, tmp_path, terms=["Hilde"])
    assert b"Hilde" not in copy
    assert b"Anna" not in copy
    assert b"98765432" not in copy
    assert b"Flow XXXX" in copy
    assert "2 more header fields blanked in part" in done.changes


def test_a_name_in_the_name_of_the_file_is_blanked(tmp_path):
    done, _ = copy_of(write(tmp_path, name="Müller Anna 2026-03-03 20260303T2230.edf"), tmp_path)
    stem = done.path.rsplit("/", 1)[-1]
    assert set(stem.removesuffix(".edf")) <= set("X -T2230")
    assert "2026" not in stem


def test_bdf(tmp_path):
    header = Header(version=b"\xffBIOSEMI", patient=PATIENT, recording=RECORDING, reserved="BDF+C")
    lists = time_keeping([f"+{i}" for i in range(N)])
    lists[0] += b"+0\x14Anna turns\x14\0"
    raw = b"".join(text.ljust(90, b"\0") for text in lists)
    numbers = np.array([int.from_bytes(raw[i : i + 3], "little", signed=True) for i in range(0, len(raw), 3)])
    marks = Channel(label="BDF Annotations", stored=numbers.reshape(N, 30))
    path = tmp_path / "night.bdf"
    path.write_bytes(build(header, [Channel(label="Flow", stored=SAMPLES * 200), marks], is_bdf=True))
    _, copy = copy_of(path, tmp_path)
    assert b"Anna" not in copy
    assert [a.text for a in read_edf(tmp_path / "out" / "night.bdf").annotations] == ["XXXX turns"]
    old, new = hsat.read_recording(path), hsat.read_recording(tmp_path / "out" / "night.bdf")
    np.testing.assert_array_equal(old.signal("flow").values, new.signal("flow").values)


@pytest.mark.parametrize("n_cut", [1, 60, 95, 250])
def test_a_file_cut_off_is_copied_cut_off(tmp_path, n_cut):
    path = write(tmp_path, ["quiet"] * 11 + ["Anna snores"])
    path.write_bytes(path.read_bytes()[:-n_cut])
    _, copy = copy_of(path, tmp_path)
    assert len(copy) == path.stat().st_size
    assert b"Anna" not in copy
    assert read_edf(path).n_records == read_edf(tmp_path / "out" / "night.edf").n_records


def test_what_a_vendor_appends_is_blanked_too(tmp_path):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes() + "<name>Müller-Lüdenscheidt</name>".encode())
    _, copy = copy_of(path, tmp_path)
    assert copy.endswith(b"</name>")
    assert "üdenscheidt".encode() not in copy


def test_no_file_is_ever_overwritten(tmp_path):
    path = write(tmp_path)
    before = path.read_bytes()
    with pytest.raises(HsatError, match="exists; copies never overwrite"):
        deidentify_file(path, tmp_path)
    copy_of(path, tmp_path)
    with pytest.raises(HsatError, match="exists; copies never overwrite"):
        deidentify_file(path, tmp_path / "out")
    assert path.read_bytes() == before


def test_what_is_no_edf_is_refused_in_one_line(tmp_path):
    for content in (b"", b"x" * 5000, write(tmp_path).read_bytes()[:300]):
        path = tmp_path / "x.edf"
        path.write_bytes(content)
        with pytest.raises(ReadError) as caught:
            deidentify_file(path, tmp_path)
        assert "\n" not in str(caught.value)
        assert "ller" not in str(caught.value)


# ------------------------------------------------------------------------ the command


def test_the_command_lists_changes_and_no_identifier(tmp_path, capsys):
    path = write(tmp_path, ANNOTATIONS)
    bad = tmp_path / "bad.edf"
    bad.write_bytes(b"no")
    out = tmp_path / "made" / "here"
    assert main(["deidentify", str(path), "--out", str(out), "--shift-days", "-100", "--patient", "P1"]) == 0
    text = capsys.readouterr().out
    assert "patient field, recording field" in text
    assert "moved by -100 days" in text
    assert "annotations blanked in part" in text
    assert [s for s in SECRETS if s in text] == []
    again = ["deidentify", str(path), str(bad), "--out", str(out)]
    assert main(again) == 3
    assert main(["deidentify", str(path), str(bad), "--out", str(tmp_path / "two")]) == 1
    assert capsys.readouterr().err.count("\n") == 3


@pytest.mark.parametrize(
    "options",
    [
        ["--shift-days", "0"],
        ["--shift-days", "x"],
        ["--patient", "A B"],
        ["--patient", ""],
        ["--term", "a"],
        [],
    ],
)
def test_wrong_usage(tmp_path, capsys, options):
    path = write(tmp_path)
    words = ["deidentify", str(path), *options] + (["--out", str(tmp_path / "o")] if options else [])
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "o").exists()
