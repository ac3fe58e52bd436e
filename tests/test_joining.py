"""An oximeter beside a recording: where it is put, what is said of it, what is refused.

The offset of every case is planted: the same drawn night is cut for both devices, the oximeter's clock set
wrong by a known number of seconds.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from breathing_signals import recording_of, signal_of

import hsat
from hsat.cli.main import main
from hsat.errors import HsatError, MissingChannelError
from hsat.recording import SourceFile

START = datetime(2026, 8, 3, 22, 0)
HOURS = 6
N = HOURS * 3600
RNG = np.random.default_rng(8)


def smooth(values, width):
    return np.convolve(values, np.ones(width) / width, mode="same")


PULSE = np.round(62 + 12 * smooth(RNG.normal(size=N + 7200), 20)) + 6 * (RNG.random(N + 7200) < 0.02)
SPO2 = np.full(N + 7200, 96.0)
for at in RNG.integers(100, N, 80):
    SPO2[at : at + 25] -= 4.0


def night(*names, start=START):
    """The first six hours of the drawn night; the flow is a plain sine."""
    signals = [signal_of("flow", np.sin(np.arange(N * 10) * 2 * np.pi / 40), 10.0)]
    drawn = {"pulse": PULSE, "spo2": SPO2}
    signals += [signal_of(name, drawn[name][:N], 1.0) for name in names]
    return replace(recording_of(*signals), start_local=start)


def ring(
    true_start_s,
    clock_error_s=0,
    *,
    start=START,
    step_s=4,
    n_s=5 * 3600,
    pulse=PULSE,
    names=("spo2", "pulse"),
):
    """What an oximeter stores that starts some seconds after the recording, its clock wrong by some."""
    drawn = {"pulse": pulse, "spo2": SPO2}
    cut = slice(max(true_start_s, 0), max(true_start_s, 0) + n_s, step_s)
    signals = [signal_of(name, drawn[name][cut], 1.0 / step_s) for name in names]
    clock = None if start is None else start + timedelta(seconds=true_start_s + clock_error_s)
    return replace(
        recording_of(*signals), start_local=clock, source=SourceFile(path="ring.csv", n_bytes=1, format="CSV")
    )


def notes_of(recording):
    return {note.code: note.text for note in recording.notes if note.code.startswith("oximetry")}


@pytest.mark.parametrize("shared", ["pulse", "spo2"])
@pytest.mark.parametrize("error_s", [-43_200, -3600, -312, 45, 7, 3600])
def test_a_wrong_clock_is_found_from_what_both_hold(shared, error_s):
    joined = hsat.join_oximetry(night(shared), ring(1200, error_s))
    text = notes_of(joined)["oximetry_offset"]
    side = "ahead of" if error_s > 0 else "behind"
    said_s = int(text.split(" clock is ")[1].split(" s ")[0])
    assert abs(said_s - abs(error_s)) <= 2
    assert f" s {side} the recording's" in text
    values = joined.signal("spo2").values
    assert np.isnan(values[:1195]).all()
    assert np.isnan(values[1205 + 5 * 3600 :]).all()
    inner = slice(1300, 1200 + 5 * 3600 - 100)
    assert np.mean(values[inner] == SPO2[inner]) > 0.95


@pytest.mark.parametrize(
    ("error_s", "code"), [(0, "oximetry_clock"), (1, "oximetry_clock"), (5, "oximetry_offset")]
)
def test_clocks_that_agree_are_confirmed(error_s, code):
    assert code in notes_of(hsat.join_oximetry(night("pulse"), ring(1200, error_s, step_s=1)))


def test_without_a_clock_the_signals_place_it():
    joined = hsat.join_oximetry(night("pulse"), ring(1200, start=None, step_s=1))
    assert "starts 1200 s after the recording" in notes_of(joined)["oximetry_offset"]
    np.testing.assert_array_equal(
        joined.signal("spo2").values[1200 : 1200 + 5 * 3600], SPO2[1200 : 1200 + 5 * 3600]
    )


def test_the_pulse_of_another_night_moves_nothing():
    other = np.round(62 + 12 * smooth(np.random.default_rng(9).normal(size=N + 7200), 20))
    joined = hsat.join_oximetry(night("pulse"), ring(1200, 600, step_s=1, pulse=other))
    text = notes_of(joined)["oximetry_clock"]
    assert "unconfirmed" in text
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(joined.signal("spo2").values))[[0]], [1800])


def test_nothing_to_compare_is_said():
    joined = hsat.join_oximetry(night(), ring(1200, step_s=1))
    assert "unconfirmed: no pulse or SpO2 in both" in notes_of(joined)["oximetry_clock"]
    assert [s.name for s in joined.signals] == ["flow", "spo2", "pulse"]
    assert joined.duration_s == N


def test_the_recordings_own_spo2_is_left_aside_and_said():
    joined = hsat.join_oximetry(night("pulse", "spo2"), ring(1200))
    assert "pulse and spo2 of the recording itself" in notes_of(joined)["oximetry_replaced"]
    assert sorted(s.name for s in joined.signals) == ["flow", "pulse", "spo2"]


def test_the_averaging_named_is_that_of_the_oximeter_in_use():
    recorder, other = night("pulse", "spo2"), ring(1200)
    recorder = replace(recorder, device=replace(recorder.device, oximeter_averaging_s=3.0))
    assert hsat.join_oximetry(recorder, other).device.oximeter_averaging_s is None
    other = replace(other, device=replace(other.device, oximeter_averaging_s=4.0))
    assert hsat.join_oximetry(recorder, other).device.oximeter_averaging_s == 4.0


def test_an_oximeter_that_started_first_is_cut():
    joined = hsat.join_oximetry(
        night(), replace(ring(0, step_s=1), start_local=START - timedelta(seconds=600))
    )
    np.testing.assert_array_equal(joined.signal("spo2").values[: 4 * 3600], SPO2[600 : 600 + 4 * 3600])


@pytest.mark.parametrize(("overlap_s", "is_enough"), [(1799, False), (1800, True), (1801, True)])
def test_half_an_hour_together_is_needed(overlap_s, is_enough):
    late = replace(ring(0, step_s=1), start_local=START + timedelta(seconds=N - overlap_s))
    if is_enough:
        assert np.isfinite(hsat.join_oximetry(night(), late).signal("spo2").values).sum() == overlap_s
        return
    with pytest.raises(HsatError, match=r"ring.csv: shares 29 min with .*expected at least 30 min"):
        hsat.join_oximetry(night(), late)


def test_no_clock_and_nothing_to_compare_is_refused_in_one_line():
    with pytest.raises(HsatError, match=r"ring.csv knows no clock, and no pulse or SpO2 in both") as caught:
        hsat.join_oximetry(night(), ring(0, start=None))
    assert "\n" not in str(caught.value)
    with pytest.raises(MissingChannelError, match="no SpO2"):
        hsat.join_oximetry(night(), ring(0, names=("pulse",)))


# ------------------------------------------------------------------------ the command


def test_score_takes_the_oximeter_of_a_night(samples, tmp_path, capsys):
    """The SpO2 of a sample night written as a table, its clock 5 min ahead: the AHI stays what it was."""
    whole = hsat.read_recording(samples / "night-1.edf")
    spo2, pulse = (whole.signal(name).values for name in ("spo2", "pulse"))
    rate_hz = whole.signal("spo2").rate_hz
    assert rate_hz == whole.signal("pulse").rate_hz == 1.0
    rows = ["Time,Oxygen Level,Pulse Rate,Motion"]
    for i, (s, p) in enumerate(zip(spo2, pulse, strict=True)):
        stamp = whole.start_local + timedelta(seconds=300 + i)
        cells = "--,--" if np.isnan(s) or np.isnan(p) else f"{s:.0f},{p:.0f}"
        rows.append(f"{stamp:%H:%M:%S %d/%m/%Y},{cells},0")
    path = tmp_path / "ring.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    expected = hsat.score_night(whole)
    joined = hsat.join_oximetry(whole, hsat.read_recording(path))
    night = hsat.score_night(joined)
    assert "300 s ahead of" in notes_of(joined)["oximetry_offset"]
    assert night.indices.ahi_per_h == pytest.approx(expected.indices.ahi_per_h, rel=0.02)
    assert night.indices.odi3_per_h == pytest.approx(expected.indices.odi3_per_h, rel=0.02)
    assert main(["score", str(samples / "night-1.edf"), "--oximetry", str(path)]) == 0
    assert "300 s ahead of" in " ".join(capsys.readouterr().out.split())


def test_an_oximeter_belongs_to_one_recording_and_must_be_readable(samples, tmp_path, capsys):
    one, two = str(samples / "night-1.edf"), str(samples / "night-2.edf")
    assert main(["score", one, two, "--oximetry", "x.csv"]) == 2
    assert "--oximetry: expected one recording" in capsys.readouterr().err
    assert main(["score", one, "--oximetry", str(tmp_path / "no.csv")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--oximetry" in error


# ------------------------------------------------------------------------ a clock that drifts


def drifting(slope, *, step_s=1, start_s=0, n_s=HOURS * 3600):
    """An oximeter whose second lasts ``1 + slope`` seconds of the recording's clock."""
    at = np.minimum(start_s + np.arange(0, n_s, step_s) * (1 + slope), N - 1).round().astype(int)
    signals = [signal_of(name, drawn[at], 1.0 / step_s) for name, drawn in (("spo2", SPO2), ("pulse", PULSE))]
    return replace(
        recording_of(*signals),
        start_local=START + timedelta(seconds=start_s),
        source=SourceFile(path="ring.csv", n_bytes=1, format="CSV"),
    )


@pytest.mark.parametrize(("slope", "side"), [(5e-4, "slower"), (1e-3, "slower"), (-5e-4, "faster")])
def test_a_clock_that_runs_faster_or_slower_is_followed(slope, side):
    joined = hsat.join_oximetry(night("pulse", "spo2"), drifting(slope))
    text = notes_of(joined)["oximetry_drift"]
    assert f"is {side} than the recording's" in text
    assert abs(float(text.split(" by ")[1].split(" s ")[0]) - abs(slope) * N) <= 2
    spo2 = joined.signal("spo2").values
    known = np.isfinite(spo2)
    # Sample by sample within a second: an edge of a desaturation may lie one place off.
    is_right = (spo2 == SPO2[:N]) | (spo2 == np.roll(SPO2[:N], 1)) | (spo2 == np.roll(SPO2[:N], -1))
    assert known.mean() > 0.99
    assert is_right[known].mean() > 0.999


@pytest.mark.parametrize(("slope", "step_s"), [(0.0, 1), (0.0, 4), (5e-5, 1)])
def test_clocks_that_agree_within_seconds_are_left_alone(slope, step_s):
    joined = hsat.join_oximetry(night("pulse", "spo2"), drifting(slope, step_s=step_s))
    assert "oximetry_drift" not in notes_of(joined)


def test_too_short_a_night_tells_no_drift():
    joined = hsat.join_oximetry(night("pulse", "spo2"), drifting(2e-3, n_s=4800))
    assert "oximetry_offset" in notes_of(joined) or "oximetry_clock" in notes_of(joined)
    assert "oximetry_drift" not in notes_of(joined)


def test_two_sensors_that_contradict_each_other_are_said_to_be_two_nights():
    other = np.round(62 + 12 * smooth(np.random.default_rng(5).normal(size=N + 7200), 20))
    joined = hsat.join_oximetry(night("pulse"), ring(600, pulse=other))
    assert "two nights, or two people" in notes_of(joined)["oximetry_clock"]
    alone = hsat.join_oximetry(night(), ring(600))
    assert "two people" not in notes_of(alone)["oximetry_clock"]
