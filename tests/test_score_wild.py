"""Whatever a file may hold: a result with finite numbers and valid JSON, or an error of ours."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from breathing_signals import recording_of, signal_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hsat
from hsat.errors import HsatError, MissingChannelError
from hsat.recording import Recording
from hsat.report.document import json_text, night_document
from hsat.results import NightResult

RULES = hsat.load_rules("aasm_1b")
CHANNELS = ("flow", "nasal_pressure", "thorax", "abdomen", "spo2", "pulse", "position")
RATES_HZ = (0.5, 1.0, 1 / 3, 4.0, 10.0, 12.8, 25.0, 100.0, 256.0, 2000.0)
MOST_SAMPLES = 60_000


def curve(name: str, n: int, seed: int) -> np.ndarray:
    """`n` samples of something that no sensor should give."""
    rng = np.random.default_rng(seed)
    ramp = np.arange(n, dtype=np.float64)
    if name == "blocks":
        return rng.choice([0.0, 1.0, 96.0, 127.0, np.nan, -np.inf, 1e30], 50)[
            (ramp * 50 / max(n, 1)).astype(int)
        ]
    kinds = {
        "nan": np.full(n, np.nan),
        "zero": np.zeros(n),
        "constant": np.full(n, 96.0),
        "infinite": np.full(n, np.inf),
        "minus-infinite": np.full(n, -np.inf),
        "mixed-infinite": np.where(ramp % 2 == 0, np.inf, -np.inf),
        "ramp": ramp,
        "steep-ramp": 1e25 * ramp,
        "falling-ramp": 100.0 - ramp / 60.0,
        "noise": rng.standard_normal(n),
        "tiny-noise": 1e-38 * rng.standard_normal(n),
        "huge-noise": 1e30 * rng.uniform(-1, 1, n),
        "percent": rng.uniform(40.0, 110.0, n),
        "whole-percent": rng.integers(85, 100, n).astype(float),
        "sparse": np.where(rng.random(n) < 0.9, np.nan, rng.uniform(0.0, 100.0, n)),
        "one-value": np.where(ramp == n // 2, 97.0, np.nan),
        "impulse": np.where(ramp == n // 2, 1e6, 0.0),
        "square": np.where(ramp // 50 % 2 == 0, 1.0, -1.0),
        "sine": np.sin(ramp),
        "codes": rng.integers(-2, 9, n).astype(float),
    }
    return kinds[name]


CURVES = [
    "nan",
    "zero",
    "constant",
    "infinite",
    "minus-infinite",
    "mixed-infinite",
    "ramp",
    "steep-ramp",
    "falling-ramp",
    "noise",
    "tiny-noise",
    "huge-noise",
    "percent",
    "whole-percent",
    "sparse",
    "one-value",
    "impulse",
    "square",
    "sine",
    "codes",
    "blocks",
]


def check_result(night: NightResult) -> None:
    """What holds of every result."""
    for name, value in asdict(night.indices).items():
        assert value is None or ((math.isfinite(value) and value >= 0) or name == "pulse_response_bpm"), name
        assert (value is None) <= (f"indices.{name}" in night.not_measured), name
    for name in ("t90_percent", "t88_percent", "t85_percent", "ventilatory_burden_percent"):
        share = getattr(night.indices, name)
        assert share is None or 0.0 <= share <= 100.0
    hours = night.monitored
    assert 0.0 <= hours.monitoring_h <= night.recording.duration_s / 3600 + 1e-9
    excluded_h = sum(item.minutes for item in hours.excluded) / 60
    assert excluded_h + hours.monitoring_h == pytest.approx(night.recording.duration_s / 3600, abs=1e-9)
    for event in night.events:
        assert 0.0 <= event.start_s < event.stop_s
        assert 0.0 <= event.flow_reduction_fraction <= 1.0
    for fall in night.desaturations:
        assert 50.0 <= fall.nadir_percent < fall.baseline_percent <= 100.0
        assert 0.0 <= fall.start_s <= fall.nadir_s <= fall.stop_s <= night.recording.duration_s
    document = night_document(night)
    text = json_text(document)

    def refuse(constant: str) -> None:
        raise AssertionError(f"not JSON: {constant}")

    assert json.loads(text, parse_constant=refuse) == json.loads(json.dumps(document))


def score_or_refuse(recording: Recording, lights_s: tuple[float, float] | None = None) -> NightResult | None:
    """The result; None where hsat refuses. Warnings are errors in this suite."""
    try:
        return hsat.score_night(recording, RULES, lights_s=lights_s)
    except HsatError:
        return None


channels = st.tuples(
    st.sampled_from(CHANNELS),
    st.sampled_from(CURVES),
    st.sampled_from(RATES_HZ),
    st.integers(0, 2**16),
)


@settings(max_examples=150)
@given(
    chosen=st.lists(channels, min_size=1, max_size=5, unique_by=lambda channel: channel[0]),
    duration_s=st.sampled_from([0.01, 0.3, 1.0, 2.0, 7.3, 60.0, 61.7, 600.0, 1799.9]),
    is_cut=st.booleans(),
    lights=st.none() | st.tuples(st.floats(-10, 2000), st.floats(-10, 2000)),
)
@example(chosen=[("nasal_pressure", "blocks", 256.0, 1)], duration_s=60.0, is_cut=False, lights=None)
@example(chosen=[("nasal_pressure", "mixed-infinite", 256.0, 1)], duration_s=60.0, is_cut=False, lights=None)
def test_any_signals(chosen, duration_s, is_cut, lights):
    rows = []
    for name, kind, rate_hz, seed in chosen:
        n = min(max(round(duration_s * rate_hz), 1), MOST_SAMPLES)
        rows.append(signal_of(name, curve(kind, n, seed), rate_hz))
    recording = recording_of(*rows, duration_s=None if is_cut else duration_s)
    night = score_or_refuse(recording, lights)
    if night is None:
        names = {name for name, *_ in chosen}
        assert not names & {"flow", "nasal_pressure", "thorax", "abdomen", "spo2"}
    else:
        check_result(night)


@pytest.mark.parametrize("kind", CURVES)
def test_the_same_wild_curve_everywhere(kind):
    rows = [signal_of(name, curve(kind, 6000, 1), 10.0) for name in ("flow", "thorax", "abdomen")]
    rows += [signal_of(name, curve(kind, 600, 2), 1.0) for name in ("spo2", "pulse", "position")]
    night = score_or_refuse(recording_of(*rows))
    assert night is not None
    check_result(night)


def test_values_at_the_end_of_single_precision():
    flow = np.random.default_rng(1).uniform(-1e38, 1e38, 6000)
    night = score_or_refuse(recording_of(signal_of("flow", flow, 10.0)))
    assert night is not None
    check_result(night)


@pytest.mark.parametrize("name", ["flow", "spo2"])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("n_samples", [1, 2, 3, 5])
def test_a_few_samples_at_any_rate(name, rate_hz, n_samples):
    night = score_or_refuse(recording_of(signal_of(name, np.full(n_samples, 95.0), rate_hz)))
    assert night is not None
    check_result(night)
    assert night.events == ()
    assert night.severity is None


@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 5.0, 256.0, 2000.0])
def test_breathing_at_absurd_rates(rate_hz):
    """Too slow to show breaths, or far too fast: a result all the same."""
    times_s = np.arange(round(120 * rate_hz)) / rate_hz
    flow = np.cos(2 * np.pi * times_s / 4.0)  # a sine would be nothing but rounding at 0.5 Hz
    night = score_or_refuse(
        recording_of(signal_of("flow", flow, rate_hz), signal_of("spo2", np.full(120, 96.0), 1.0))
    )
    assert night is not None
    check_result(night)
    assert night.events == ()


def test_no_samples_at_all_is_refused():
    recording = recording_of(signal_of("flow", np.empty(0), 10.0), signal_of("spo2", np.empty(0), 1.0))
    with pytest.raises(MissingChannelError, match="the file holds no samples"):
        hsat.score_night(recording)


@settings(max_examples=60)
@given(percent=st.lists(st.integers(0, 260) | st.integers(80, 100), min_size=1, max_size=400))
def test_any_spo2(percent):
    values = np.array(percent, dtype=np.float64)
    night = score_or_refuse(recording_of(signal_of("spo2", values, 1.0)))
    assert night is not None
    check_result(night)
    valid = values[(values >= 50) & (values <= 100)]
    if night.indices.min_spo2_percent is not None:
        assert night.indices.min_spo2_percent >= valid.min()
    assert all(fall.drop_points <= np.ptp(valid) for fall in night.desaturations)


@settings(max_examples=60)
@given(
    sizes=st.lists(st.floats(0.0, 3.0), min_size=30, max_size=120),
    rate_hz=st.sampled_from([5.0, 10.0, 16.0, 50.0]),
    drop=st.floats(0.0, 30.0),
)
def test_any_breath_sizes(sizes, rate_hz, drop):
    """Breath after breath of any size, with SpO2 that wanders."""
    n_each = round(4 * rate_hz)
    wave = np.sin(2 * np.pi * (np.arange(n_each) + 0.5) / n_each)
    flow = np.concatenate([size * wave for size in sizes])
    spo2 = np.rint(97.0 - drop * np.abs(np.sin(np.arange(4 * len(sizes)) / 25.0)))
    night = score_or_refuse(recording_of(signal_of("flow", flow, rate_hz), signal_of("spo2", spo2, 1.0)))
    assert night is not None
    check_result(night)
    spans = [(event.start_s, event.stop_s) for event in night.events]
    assert spans == sorted(spans)
    assert all(event.duration_s >= 9.0 for event in night.events)
    assert all(a.stop_s <= b.start_s + 4.0 for a, b in zip(night.events, night.events[1:], strict=False))
