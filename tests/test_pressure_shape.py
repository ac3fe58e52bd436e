"""Nasal pressure whose root was taken before is told from pressure by how its breaths pass zero."""

from dataclasses import replace

import numpy as np
import pytest
from breathing_signals import Fall, breath_table, flow_curve, recording_of, signal_of, spo2_channel
from edf_bytes import Channel, Header, build

import hsat
from hsat.detect.breathing import measure_breathing
from hsat.detect.excerpts import MINUTE_S, Excerpts, ExcerptSampler
from hsat.detect.pressure_shape import PressureShape, measure_pressure_shape
from hsat.detect.sampling import sample_signals
from hsat.recording import ArraySource, Calibration, SampleBlock
from hsat.report.limits import limits_of
from hsat.results import ROOTED_CODE
from hsat.simulate import make_night

RULES = hsat.load_rules("aasm_1b")
RULE = RULES.nasal_pressure
PERIOD_S = 4.0


def squared(values):
    return values * np.abs(values)


def triangle(times_s):
    """Straight from peak to trough and back, a breath every 4 s, in first."""
    phase = (times_s / PERIOD_S) % 1.0
    return np.interp(phase, [0.0, 0.25, 0.75, 1.0], [0.0, 1.0, -1.0, 0.0])


def sine(times_s):
    return np.sin(2 * np.pi * times_s / PERIOD_S)


def channel_of(values, rate_hz, name="nasal_pressure"):
    return recording_of(signal_of(name, values, rate_hz))


def shape_of(values, rate_hz=25.0, rules=RULES):
    recording = channel_of(values, rate_hz)
    sampler = ExcerptSampler(
        recording.signal("nasal_pressure"),
        least_rate_hz=rules.nasal_pressure.shape_rate_hz,
        n_minutes=rules.nasal_pressure.n_shape_minutes,
        duration_s=recording.duration_s,
    )
    samples = sample_signals(recording, {"nasal_pressure": 10.0}, excerpts={"nasal_pressure": sampler})
    breathing = measure_breathing(samples["nasal_pressure"], rules, is_pressure=True)
    return measure_pressure_shape(breathing, sampler.finish(), rules)


def times_s(duration_s, rate_hz=25.0):
    return (np.arange(round(duration_s * rate_hz)) + 0.5) / rate_hz


# ------------------------------------------------------------------------------ the figures, by hand


@pytest.mark.parametrize("gain", [1.0, -1.0, 0.003, -400.0])
@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_a_triangle_passes_straight_and_its_square_lingers(gain, offset):
    """Levels go with time in a triangle: as much for each. In its square time goes with the root of the
    level: 2 * sqrt(0.1) for a tenth to either side of zero, sqrt(0.3) - sqrt(0.1) for as much around 0.2.
    Fourth moments: of x over 0 to 1 it is 1/5 and the second 1/3; of its square 1/9 and 1/5."""
    at_s = times_s(900.0)
    plain = shape_of(gain * triangle(at_s) + offset)
    assert plain.dwell_ratio == pytest.approx(1.0, abs=0.02)
    assert plain.kurtosis == pytest.approx((1 / 5) / (1 / 3) ** 2, abs=0.02)
    other = shape_of(gain * squared(triangle(at_s)) + offset)
    assert other.dwell_ratio == pytest.approx(2 * 0.1**0.5 / (0.3**0.5 - 0.1**0.5), rel=0.05)
    assert other.kurtosis == pytest.approx((1 / 9) / (1 / 5) ** 2, abs=0.03)


def test_the_kurtosis_of_a_sine_and_of_its_square():
    """Means of sin^4 and sin^2 are 3/8 and 1/2, of sin^8 and sin^4 35/128 and 3/8."""
    assert shape_of(sine(times_s(900.0))).kurtosis == pytest.approx((3 / 8) / (1 / 2) ** 2, abs=0.01)
    of_square = shape_of(squared(sine(times_s(900.0)))).kurtosis
    assert of_square == pytest.approx((35 / 128) / (3 / 8) ** 2, abs=0.01)


def test_the_noise_of_a_sensor_that_is_off_is_no_breath():
    """Three quarters of the time the cannula lies on the table: what is told is told by the rest."""
    noise = 0.005 * np.random.default_rng(4).standard_normal(len(times_s(2700.0)))
    for wave in (sine, lambda at_s: squared(sine(at_s))):
        worn = wave(times_s(900.0))
        alone, off = shape_of(worn), shape_of(np.concatenate((noise, worn)))
        assert off.kurtosis == pytest.approx(alone.kurtosis, abs=0.02)
        assert off.dwell_ratio == pytest.approx(alone.dwell_ratio, abs=0.05)


def test_fewer_breaths_than_asked_for_tell_nothing():
    values = sine(times_s(PERIOD_S * 32))
    found = shape_of(values, rules=replace(RULES, nasal_pressure=replace(RULE, n_shape_breaths=1)))
    assert 20 < found.n_breaths < 32  # none across the ends of a minute
    limit = replace(RULES, nasal_pressure=replace(RULE, n_shape_breaths=found.n_breaths))
    assert shape_of(values, rules=limit) == found
    beyond = replace(RULES, nasal_pressure=replace(RULE, n_shape_breaths=found.n_breaths + 1))
    assert shape_of(values, rules=beyond) is None


@pytest.mark.parametrize(
    ("dwell_ratio", "kurtosis", "is_flow"),
    [(1.02, 2.1, True), (1.0201, 2.1, False), (1.02, 2.1001, False), (0.9, 1.5, True)],
)
def test_both_figures_must_be_those_of_flow(dwell_ratio, kurtosis, is_flow):
    shape = PressureShape(dwell_ratio=dwell_ratio, kurtosis=kurtosis, n_breaths=100)
    assert shape.is_of_flow(RULE) is is_flow


def test_a_night_without_a_breath_tells_nothing():
    assert shape_of(np.zeros(25 * 900)) is None
    assert shape_of(np.full(25 * 900, np.nan)) is None


@pytest.mark.parametrize("sensor", ["flow", "nasal_pressure"])
@pytest.mark.parametrize("seed", range(2000, 2006))
def test_simulated_flow_and_pressure_are_told_apart(sensor, seed):
    """Other nights than those that the limits were chosen on."""
    rng = np.random.default_rng(seed)
    night = make_night(
        seed=seed,
        duration_h=1.0,
        events_per_h=float(rng.uniform(3.0, 25.0)),
        sensor=sensor,
        flow_rate_hz=float(rng.choice([25.0, 32.0, 50.0, 100.0])),
        n_levels=int(rng.choice([256, 4096, 65536])),
        is_inverted=bool(rng.random() < 0.5),
    )
    signal = night.recording.signal(sensor)
    shape = shape_of(signal.values, signal.rate_hz)
    assert shape.is_of_flow(RULE) is (sensor == "flow")


# ---------------------------------------------------------------------------------- excerpts


def blocks_of(values, n_records, n_columns, first=0):
    return [
        SampleBlock(0, first + i * n_records * n_columns, part.reshape(-1, n_columns))
        for i, part in enumerate(np.split(values, len(values) // (n_records * n_columns)))
    ]


@pytest.mark.parametrize(("n_records", "n_columns"), [(1, 12_000), (10, 100), (7, 50), (600, 20), (1, 1)])
def test_excerpts_are_the_minutes_whatever_the_blocks(n_records, n_columns):
    rate_hz, n_minutes = 10.0, 7
    values = np.random.default_rng(1).standard_normal(84_000).astype(np.float32)
    values = values[: len(values) // (n_records * n_columns) * n_records * n_columns]
    signal = replace(channel_of(values, rate_hz).signals[0], calibration=Calibration(gain=-2.0, offset=5.0))
    sampler = ExcerptSampler(signal, least_rate_hz=5.0, n_minutes=n_minutes, duration_s=8400.0)
    for block in blocks_of(values, n_records, n_columns):
        sampler.add(block)
    found = sampler.finish()
    assert (found.rate_hz, found.stride_s, found.values.shape) == (5.0, 1200.0, (7, 300))
    for minute in range(7):
        part = values[minute * 12_000 : minute * 12_000 + 600]
        expected = 5.0 - 2.0 * part.reshape(-1, 2).mean(axis=1)
        np.testing.assert_allclose(found.values[minute, : len(expected)], expected, rtol=1e-5, atol=1e-5)
        assert np.isnan(found.values[minute, len(expected) :]).all()


def test_a_gap_and_a_code_for_no_value_are_missing():
    values = np.arange(1200, dtype=np.float32)
    signal = replace(channel_of(values, 10.0).signals[0], calibration=Calibration(missing_stored=(7.0,)))
    sampler = ExcerptSampler(signal, least_rate_hz=10.0, n_minutes=2, duration_s=120.0)
    sampler.add(SampleBlock(0, 0, values[None, :500]))
    sampler.add(SampleBlock(0, 600, values[None, 600:]))
    found = sampler.finish().values
    assert np.flatnonzero(np.isnan(found[0])).tolist() == [7, *range(500, 600)]
    np.testing.assert_array_equal(found[1], values[600:])


def test_spans_lie_in_a_minute_or_not():
    excerpts = Excerpts(rate_hz=2.0, stride_s=180.0, values=np.arange(240, dtype=np.float32).reshape(2, 120))
    starts_s = np.array([0.0, 55.0, 56.0, 100.0, 180.0, 239.0, 360.0])
    held = excerpts.holds(starts_s, starts_s + 5.0)
    assert held.tolist() == [True, True, False, False, True, False, False]
    assert MINUTE_S == 60.0
    cut = excerpts.cut(np.array([1.0, 181.0]), np.array([2, 3]))
    np.testing.assert_array_equal(cut, [[2.0, 3.0, 0.0], [122.0, 123.0, 124.0]])


# --------------------------------------------------------------------------------- whole nights

N_FALLS = 8
DURATION_S = 3600.0


def restless_curve(table, rate_hz):
    """Half a sine in, a longer and flatter one out, no pause: of kurtosis 1.75 (by the means of sin^4)."""
    at_s = times_s(DURATION_S, rate_hz)
    onset_s, length_s, size = table[np.searchsorted(table[:, 0], at_s, side="right") - 1].T
    phase = (at_s - onset_s) / length_s
    breathing_in, out = np.sin(np.pi * phase / 0.4), np.sin(np.pi * (phase - 0.4) / 0.6)
    return size * np.where(phase < 0.4, breathing_in, -2 / 3 * out)


def night_of(rate_hz=25.0, *, is_squared=False, gain=1.0, offset=0.0, reduction=0.93, name="nasal_pressure"):
    """Flow falls by 93 % for 20 s: an apnea of flow (90 %), none of pressure that fell so (96 %)."""
    falls = [Fall(400.0 + 380.0 * i, 20.0, reduction, 6.0) for i in range(N_FALLS)]
    flow = restless_curve(breath_table(DURATION_S, falls), rate_hz)
    values = squared(flow) if is_squared else flow
    return recording_of(signal_of(name, gain * values + offset, rate_hz), spo2_channel(DURATION_S, falls))


def kinds(night):
    return [event.kind.is_apnea for event in night.events]


def note_of(night):
    (note,) = [note for note in night.notes if note.code.startswith("nasal_pressure_")]
    return note


@pytest.mark.parametrize("rate_hz", [20.0, 25.0, 32.0, 50.0, 64.0, 100.0, 200.0])
@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (-0.02, 0.5)])
def test_a_fall_of_flow_by_93_percent_is_an_apnea_where_the_root_was_taken(rate_hz, gain, offset):
    night = hsat.score_night(night_of(rate_hz, gain=gain, offset=offset))
    assert kinds(night) == [True] * N_FALLS
    assert note_of(night).code == ROOTED_CODE
    assert night.is_pressure_rooted


def test_the_same_events_as_of_a_channel_named_flow():
    rooted, flow = hsat.score_night(night_of()), hsat.score_night(night_of(name="flow"))
    assert [(e.kind, e.start_s, e.stop_s, e.flow_reduction_fraction) for e in rooted.events] == [
        (e.kind, e.start_s, e.stop_s, e.flow_reduction_fraction) for e in flow.events
    ]
    assert not flow.is_pressure_rooted


@pytest.mark.parametrize(("reduction", "is_apnea"), [(0.93, True), (0.75, False)])
def test_pressure_needs_96_percent_as_before(reduction, is_apnea):
    """Flow that falls by 75 % is pressure that falls by 94 %, by 93 % by 99.5 %."""
    night = hsat.score_night(night_of(is_squared=True, reduction=reduction))
    assert kinds(night) == [is_apnea] * N_FALLS
    assert note_of(night).code == "nasal_pressure_squared"
    assert not night.is_pressure_rooted
    assert "aasm_1b_linearised" in night.alternatives


def test_below_20_hz_it_cannot_be_told():
    night = hsat.score_night(night_of(19.0))
    assert kinds(night) == [False] * N_FALLS
    assert note_of(night).code == "nasal_pressure_squared"
    assert "recorded below 20 Hz" in note_of(night).text
    assert "--map flow=LABEL" in note_of(night).text


def test_the_other_reading_of_a_rooted_channel_is_its_square():
    """85 % of flow are a hypopnea, and an apnea in pressure: 97.8 %."""
    rooted = hsat.score_night(night_of(reduction=0.85))
    of_pressure = hsat.score_night(night_of(reduction=0.85, is_squared=True))
    assert set(kinds(rooted)) == {False}
    assert set(kinds(of_pressure)) == {True}
    assert list(rooted.alternatives) == ["aasm_1a", "cms", "aasm_1b_not_linearised"]
    other = rooted.alternatives["aasm_1b_not_linearised"]
    assert other.ahi_per_h == of_pressure.indices.ahi_per_h
    assert other.rules_id == f"{RULES.rules_id}, not linearised"


def test_no_root_is_taken_of_a_root():
    linearising = replace(RULES, nasal_pressure=replace(RULE, is_linearised=True))
    plain, rooted = hsat.score_night(night_of()), hsat.score_night(night_of(), linearising)
    assert rooted.events == plain.events
    squared_night = hsat.score_night(night_of(is_squared=True), linearising)
    assert kinds(squared_night) == [True] * N_FALLS
    assert "its root taken here" in note_of(squared_night).text


def test_limits_drawn_on_a_rooted_channel_are_those_of_flow():
    assert limits_of(RULES.rules_id)["pressure_apnea_min_reduction_fraction"] == 0.96
    rooted = limits_of(RULES.rules_id, is_pressure_rooted=True)
    assert rooted["pressure_apnea_min_reduction_fraction"] == 0.90


def test_breathing_that_pauses_is_not_known_for_flow_by_its_shape():
    """Pauses of a quarter of the breath: kurtosis 2.33, between flow without and its square."""
    curve = flow_curve(breath_table(DURATION_S), DURATION_S, 25.0)
    shape = shape_of(curve)
    assert shape.kurtosis == pytest.approx(2.33, abs=0.02)
    assert shape.dwell_ratio < RULE.max_flow_dwell_ratio
    assert not shape.is_of_flow(RULE)


def test_a_pressure_that_never_serves_has_no_note():
    recording = night_of(name="thermistor")
    dead = signal_of("nasal_pressure", np.zeros(round(DURATION_S * 25)), 25.0)
    names = [(s.name, s.rate_hz, s.source.arrays[s.source_index]) for s in recording.signals]
    night = hsat.score_night(recording_of(dead, *names))
    assert not [note for note in night.notes if note.code.startswith("nasal_pressure_")]


# ------------------------------------------------------------------------------- what headers say


@pytest.mark.parametrize(
    ("label", "unit", "prefilter", "words"),
    [
        ("Nasal Pressure", "cmH2O", "HP:DC LP:15Hz", ""),
        ("Nasal Pressure", "V", "", ""),
        ("Nasal Pressure", "cmH2O", "HP:DC SQRT", "prefilter with 'sqrt'"),
        ("Nasal Pressure", "cmH2O", "square-root", "prefilter with 'square root'"),
        ("Nasal Pressure", "cmH2O", "Linearized", "prefilter with 'linearized'"),
        ("Nasal Pressure", "cmH2O", "SQRT off", ""),
        ("Nasal Pressure", "cmH2O", "not linearised", ""),
        ("Nas Press sqrt", "au", "", "label with 'sqrt'"),
        ("Nasal Pressure", "L/min", "", "unit 'L/min'"),
        ("Nasal Pressure", "l/s", "", "unit 'l/s'"),
    ],
)
def test_the_header_may_say_that_the_root_was_taken(tmp_path, label, unit, prefilter, words):
    path = tmp_path / "night.edf"
    stored = np.arange(1000).reshape(20, 50)
    channel = Channel(label=label, unit=unit, prefilter=prefilter, stored=stored)
    path.write_bytes(build(Header(), [channel]))
    (signal,) = hsat.read_recording(path, channel_map={"nasal_pressure": label}).signals
    assert signal.rooted_by == words


def test_words_of_the_header_are_for_nasal_pressure_alone(tmp_path):
    path = tmp_path / "night.edf"
    channel = Channel(label="Flow", unit="L/s", prefilter="sqrt", stored=np.arange(1000).reshape(20, 50))
    path.write_bytes(build(Header(), [channel]))
    (signal,) = hsat.read_recording(path).signals
    assert (signal.name, signal.rooted_by) == ("flow", "")


@pytest.mark.parametrize("rate_hz", [10.0, 25.0])
def test_what_the_header_says_decides_at_every_rate(rate_hz):
    recording = night_of(rate_hz)
    signals = tuple(
        replace(signal, rooted_by="unit 'L/min'") if signal.name == "nasal_pressure" else signal
        for signal in recording.signals
    )
    assert isinstance(signals[0].source, ArraySource)
    night = hsat.score_night(replace(recording, signals=signals))
    assert kinds(night) == [True] * N_FALLS
    assert "the header says so (unit 'L/min')" in note_of(night).text


@pytest.mark.parametrize("is_squared", [False, True])
def test_a_header_is_not_believed_against_both_figures(is_squared):
    """The square of a breath without a pause halts at zero, and has a kurtosis of 2.7: no flow."""
    recording = night_of(is_squared=is_squared, reduction=0.75)
    signals = tuple(
        replace(signal, rooted_by="unit 'L/min'") if signal.name == "nasal_pressure" else signal
        for signal in recording.signals
    )
    night = hsat.score_night(replace(recording, signals=signals))
    assert night.is_pressure_rooted is not is_squared
    assert ("the header says otherwise" in note_of(night).text) is is_squared
