"""Simulated nights: the same seed gives the same night, and the truth is what the stored signals hold.

Expected numbers are recomputed from stored samples by plain means (loops, maxima, counts), from the
published limits written out here, or are set by an option; never by the simulator's own measures.
"""

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from hsat.errors import SimulationError
from hsat.events import EventKind
from hsat.simulate import (
    BreathingOptions,
    Recorder,
    make_night,
    make_patient,
    record_night,
    simulate_breathing,
    write_edf,
)

ROOT = Path(__file__).resolve().parents[1]
APNEAS = {EventKind.OBSTRUCTIVE_APNEA, EventKind.CENTRAL_APNEA, EventKind.MIXED_APNEA}
NOTHING_ELSE = {"artifacts_per_h": 0.0, "cheyne_stokes_fraction": 0.0}
CLEAN = {"wander_fraction": 0.0, "noise_fraction": 0.0, "dropouts_per_h": 0.0}


def stored(night):
    return {s.name: s.source.arrays[s.source_index] for s in night.recording.signals}


def samples_of(night, name, start_s, stop_s):
    signal = night.recording.signal(name)
    return signal.values[round(start_s * signal.rate_hz) : round(stop_s * signal.rate_hz)]


def peak_to_peak(values):
    return float(np.max(values) - np.min(values))


@pytest.fixture(scope="module")
def default_night():
    return make_night(seed=1)


@pytest.fixture(scope="module")
def clean_night():
    """Even breathing, isolated falls, an ideal sensor: what was planted can be read off the signal."""
    options = BreathingOptions(
        duration_h=6.0,
        events_per_h=7.0,
        artifacts_per_h=0.0,
        restless_fraction=0.0,
        cheyne_stokes_fraction=0.0,
    )
    return record_night(simulate_breathing(seed=21, options=options), Recorder(**CLEAN))


@pytest.fixture(scope="module")
def one_physiology():
    return simulate_breathing(seed=5, options=BreathingOptions(duration_h=1.0))


def isolated(night, *, apart_s=120.0):
    """Measured spans with no other planted fall, desaturation or movement near."""
    rows = [*night.truth.events, *night.truth.near_misses]
    for row in rows:
        others = [x for x in rows if x is not row]
        if row.flow_reduction_fraction is not None and all(
            x.start_s > row.stop_s + apart_s or x.stop_s < row.start_s - apart_s for x in others
        ):
            yield row


# The same seed, the same night


def test_same_seed_gives_the_same_samples_and_truth():
    first, second = make_night(seed=7, duration_h=0.5), make_night(seed=7, duration_h=0.5)
    for name, values in stored(first).items():
        np.testing.assert_array_equal(values, stored(second)[name])
    assert first.truth == second.truth


def test_another_seed_gives_another_night():
    first, second = make_night(seed=7, duration_h=0.5), make_night(seed=8, duration_h=0.5)
    assert not np.array_equal(stored(first)["flow"], stored(second)["flow"])
    assert first.truth.events != second.truth.events


def test_files_have_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_edf(make_night(seed=7, duration_h=0.5), tmp_path / f"{name}.edf")
    assert (tmp_path / "a.edf").read_bytes() == (tmp_path / "b.edf").read_bytes()
    assert (tmp_path / "a.truth.json").read_bytes() == (tmp_path / "b.truth.json").read_bytes()


def test_make_night_takes_every_option_of_sleeper_and_recorder():
    from hsat.simulate.night import NightOptions

    named = {field.name for kind in (BreathingOptions, Recorder) for field in dataclasses.fields(kind)}
    assert set(NightOptions.__annotations__) == named


# What is planted


def test_defaults_plant_every_kind_and_every_near_miss(default_night):
    truth = default_night.truth
    assert {event.kind for event in truth.events} == APNEAS | {EventKind.HYPOPNEA}
    falls = {"shallow", "no_desaturation", "three_points", "brief", "lone_desaturation"}
    artifacts = {"movement", "sigh", "gain_step", "cannula_partial"}
    assert {miss.cause for miss in truth.near_misses} == falls | artifacts


def test_rate_of_certain_events_is_near_the_planned_rate(default_night):
    # 20 per hour are planned; some turn out uncertain or too small a desaturation.
    assert 17.0 <= default_night.truth.ahi_1b_per_h <= 20.0


def test_ahi_is_the_count_over_monitored_hours(default_night):
    truth = default_night.truth
    yes_1b = len([e for e in truth.events if e.scorable_1b == "yes"])
    yes_1a = len([e for e in [*truth.events, *truth.near_misses] if e.scorable_1a == "yes"])
    assert truth.monitored_h == 8.0
    assert truth.ahi_1b_per_h == yes_1b / 8.0
    assert truth.ahi_1a_per_h == yes_1a / 8.0
    assert truth.ahi_1a_per_h > truth.ahi_1b_per_h
    assert truth.n_uncertain_1b == len([e for e in truth.events if e.scorable_1b == "uncertain"])


def test_kind_weights_choose_the_kinds():
    only = {EventKind.CENTRAL_APNEA: 1.0}
    night = make_night(seed=3, duration_h=1.0, kind_weights=only, cheyne_stokes_fraction=0.0)
    assert {event.kind for event in night.truth.events} == {EventKind.CENTRAL_APNEA}


def test_without_belts_apneas_have_no_type():
    night = make_night(seed=1, duration_h=1.0, has_belts=False)
    assert {e.kind for e in night.truth.events} == {EventKind.UNCLASSIFIED_APNEA, EventKind.HYPOPNEA}
    assert not night.recording.has_signal("thorax")


def test_cheyne_stokes_cycles_last_at_least_40_s():
    # Berry 2012: cycle length at least 40 s, central events.
    night = make_night(
        seed=6, duration_h=3.0, cheyne_stokes_fraction=1.0, near_misses_per_h=0.0, artifacts_per_h=0.0
    )
    starts_s = np.array([event.start_s for event in night.truth.events])
    gaps_s = np.diff(starts_s)
    assert len(starts_s) > 40
    assert gaps_s.min() >= 40.0
    assert np.median(gaps_s) < 80.0
    assert {e.kind for e in night.truth.events} <= {EventKind.CENTRAL_APNEA, EventKind.HYPOPNEA}


# The truth against the limits of Berry 2012, written out


def test_certain_events_meet_the_limits(default_night):
    for event in default_night.truth.events:
        assert event.stop_s - event.start_s <= 100.0
        if event.scorable_1b != "yes":
            continue
        assert event.stop_s - event.start_s >= 10.5
        if event.flow_by_rule == "hypopnea":
            assert event.flow_reduction_fraction["recorded"] >= 0.33
            drop = event.measured_drop_points
            assert min(drop.from_peak, drop.from_held_peak) >= 4
            assert event.scorable_1a == "yes"


def test_near_misses_miss_the_limit_they_are_named_after(default_night):
    seen = set()
    for miss in default_night.truth.near_misses:
        duration_s, drop = miss.stop_s - miss.start_s, miss.measured_drop_points
        seen.add(miss.cause)
        if miss.cause == "brief":
            assert duration_s < 9.5
        elif miss.cause == "shallow":
            assert miss.flow_reduction_fraction["recorded"] < 0.27
        elif miss.cause == "three_points":
            assert drop.from_peak == 3
            assert miss.scorable_1a in {"yes", "uncertain"}
        elif miss.cause == "no_desaturation":
            assert drop.from_peak < 3
            assert miss.scorable_1a == "no"
        elif miss.cause == "lone_desaturation":
            assert drop.from_peak >= 4
            assert miss.flow_reduction_fraction["recorded"] < 0.27
            assert miss.scorable_1a == "no"
    assert {"brief", "shallow", "three_points", "no_desaturation", "lone_desaturation"} <= seen


def test_one_verdict_for_recorded_and_one_for_linearised_pressure_is_uncertain():
    night = make_night(seed=2, duration_h=4.0, sensor="nasal_pressure", margin_fraction=0.0)
    split = [
        event
        for event in night.truth.events
        if event.flow_by_rule == "uncertain"
        and event.flow_reduction_fraction["recorded"] > 0.34
        and event.flow_reduction_fraction["linearised"] < 0.26
    ]
    assert split
    assert {event.scorable_1b for event in split} == {"uncertain"}


def test_truth_without_oximeter_scores_only_apneas():
    night = make_night(seed=1, duration_h=2.0, has_oximeter=False)
    assert {event.measured_drop_points for event in night.truth.events} == {None}
    assert {e.flow_by_rule for e in night.truth.events if e.scorable_1b == "yes"} == {"apnea"}
    assert "no_oximetry" in {miss.cause for miss in night.truth.near_misses}


# The truth against the stored samples


def test_drop_is_what_the_stored_saturation_shows(clean_night):
    lag_s = clean_night.truth.circulation_delay_s
    checked = 0
    for row in isolated(clean_night):
        before = samples_of(clean_night, "spo2", row.start_s + lag_s - 25, row.start_s + lag_s + 5)
        after = samples_of(clean_night, "spo2", row.start_s + lag_s, row.stop_s + lag_s + 25)
        assert set(np.mod(before, 1)) == {0.0}
        held = max(min(before[i : i + 3]) for i in range(len(before) - 2))
        drop = row.measured_drop_points
        assert drop.from_peak == pytest.approx(max(before) - min(after), abs=1.0)
        assert drop.from_held_peak == held - min(after)
        checked += 1
    assert checked >= 10


def test_reduction_is_what_the_stored_flow_shows(clean_night):
    checked = 0
    for row in isolated(clean_night):
        planted = row.flow_reduction_fraction["recorded"]
        if row.stop_s - row.start_s < 9.0 or row.start_s < 200.0:
            continue
        # Windows of one long breath: each holds an inspiration and an expiration.
        inside = samples_of(clean_night, "flow", row.start_s, row.stop_s).tolist()
        before = samples_of(clean_night, "flow", row.start_s - 120.0, row.start_s).tolist()
        width = 25 * 5
        within = [peak_to_peak(inside[i : i + width]) for i in range(0, len(inside) - width + 1, 25)]
        quiet = [peak_to_peak(before[i : i + width]) for i in range(0, len(before) - width + 1, 25)]
        if not within:
            continue
        assert planted == pytest.approx(1.0 - np.mean(within) / np.mean(quiet), abs=0.09)
        checked += 1
    assert checked >= 10


def test_event_starts_and_stops_with_a_breath(clean_night):
    # At the onset of inspiration flow passes through zero from below.
    flow = clean_night.recording.signal("flow").values
    scale = np.percentile(np.abs(flow), 90)
    hypopneas = [e for e in clean_night.truth.events if e.kind is EventKind.HYPOPNEA]
    for event in hypopneas:
        for edge_s in (event.start_s, event.stop_s):
            at = round(edge_s * 25)
            assert abs(flow[at]) < 0.35 * scale
            assert flow[at + 10] > 0


def test_apnea_lasts_from_the_first_to_the_last_missing_breath(clean_night):
    usual = peak_to_peak(np.percentile(clean_night.recording.signal("flow").values, [5, 95]))

    def size(start_s, stop_s):
        return peak_to_peak(samples_of(clean_night, "flow", start_s, stop_s)) / usual

    checked = 0
    for event in isolated(clean_night, apart_s=30.0):
        if event.flow_reduction_fraction["recorded"] < 0.93 or event.stop_s - event.start_s < 10.0:
            continue
        # No breath of this sleeper lasts longer than 6 s.
        assert size(event.start_s - 6.0, event.start_s) > 0.6
        assert size(event.start_s + 0.2, event.start_s + 2.0) < 0.2
        assert size(event.stop_s - 2.0, event.stop_s - 0.2) < 0.2
        assert size(event.stop_s, event.stop_s + 6.0) > 0.6
        checked += 1
    assert checked >= 3


def test_saturation_follows_breathing_by_the_delay_asked_for():
    nadirs = {}
    for delay_s in (12.0, 32.0):
        night = make_night(
            seed=4,
            duration_h=3.0,
            events_per_h=6.0,
            circulation_delay_s=delay_s,
            near_misses_per_h=0.0,
            **CLEAN,
        )
        lags = []
        for row in isolated(night):
            values = samples_of(night, "spo2", row.stop_s, row.stop_s + 60.0)
            lags.append(float(np.mean(np.flatnonzero(values == values.min()))))
        assert len(lags) >= 4
        nadirs[delay_s] = float(np.median(lags))
    assert nadirs[32.0] - nadirs[12.0] == pytest.approx(20.0, abs=2.5)


def test_pulse_rises_after_events(clean_night):
    rises = []
    for event in isolated(clean_night):
        if event.flow_reduction_fraction["recorded"] > 0.4:
            pulse = samples_of(clean_night, "pulse", event.stop_s - 20, event.stop_s + 15)
            rises.append(np.max(pulse[22:32]) - np.median(pulse[:20]))
    assert np.mean(rises) > 4.0


def test_belts_tell_the_types_of_apnea_apart():
    night = make_night(
        seed=9,
        duration_h=6.0,
        kind_weights=dict.fromkeys(APNEAS, 1.0),
        cheyne_stokes_fraction=0.0,
        artifacts_per_h=0.0,
    )
    usual = peak_to_peak(np.percentile(night.recording.signal("abdomen").values, [5, 95]))
    seen = set()
    for event in night.truth.events:
        if event.kind not in APNEAS or event.stop_s - event.start_s < 18.0:
            continue
        seen.add(event.kind)
        thorax = samples_of(night, "thorax", event.start_s, event.stop_s)
        abdomen = samples_of(night, "abdomen", event.start_s, event.stop_s)
        half = len(abdomen) // 2
        if event.kind is EventKind.CENTRAL_APNEA:
            assert np.std(abdomen - np.mean(abdomen)) < 0.25 * usual
            # Coupling lets the zero line drift; breath by breath the belt is still.
            assert np.max(np.abs(np.diff(abdomen[::10]))) < 0.25 * usual
        elif event.kind is EventKind.OBSTRUCTIVE_APNEA:
            assert np.corrcoef(thorax, abdomen)[0, 1] < -0.3
            assert peak_to_peak(abdomen[half:]) > peak_to_peak(abdomen[:half])
        else:
            third = len(abdomen) // 3
            early = np.max(np.abs(np.diff(abdomen[10:third:5])))
            late = np.max(np.abs(np.diff(abdomen[-third::5])))
            assert late > 2.0 * early
    assert seen == APNEAS


# Spans without a sensor


def test_sensor_off_spans_are_excluded_and_empty():
    flow_off, probe_off, upright = (1800.0, 2400.0), (2300.0, 2600.0), (5000.0, 5300.0)
    night = make_night(
        seed=11,
        duration_h=2.0,
        flow_off_spans_s=(flow_off,),
        probe_off_spans_s=(probe_off,),
        upright_spans_s=(upright,),
    )
    # 7200 s, less 1800..2600 together, less 300 s upright.
    assert night.truth.monitored_h == pytest.approx((7200 - 800 - 300) / 3600)
    assert [(x.cause, x.start_s, x.stop_s) for x in night.truth.excluded] == [
        ("cannula_off", *flow_off),
        ("probe_off", *probe_off),
        ("upright", *upright),
    ]
    for event in night.truth.events:
        assert event.stop_s <= 1800 or event.start_s >= 2600
        assert event.stop_s <= 5000 or event.start_s >= 5300
    assert np.isnan(samples_of(night, "spo2", *probe_off)).all()
    assert np.isnan(samples_of(night, "pulse", *probe_off)).all()
    breaths = np.std(np.diff(samples_of(night, "flow", 600, 1200)))
    assert np.std(np.diff(samples_of(night, "flow", *flow_off))) < 0.1 * breaths
    assert set(samples_of(night, "position", *upright)) == {4.0}


def test_dropouts_are_missing_samples():
    night = make_night(seed=12, duration_h=1.0, dropouts_per_h=40.0)
    lost = np.isnan(night.recording.signal("spo2").values)
    assert 20 <= lost.sum() <= 160
    assert 127 in stored(night)["spo2"]


# One sleeper, several recorders


@pytest.mark.parametrize(
    "recorder",
    [
        pytest.param(Recorder(flow_rate_hz=rate_hz), id=f"{rate_hz}-Hz")
        for rate_hz in (8.0, 10.0, 32.0, 50.0, 200.0)
    ]
    + [pytest.param(Recorder(n_levels=levels), id=f"{levels}-levels") for levels in (256, 1024, 65536)]
    + [
        pytest.param(Recorder(gain=60.0, unit="L/min"), id="gain-60"),
        pytest.param(Recorder(is_inverted=True), id="inverted"),
        pytest.param(Recorder(is_order_reversed=True), id="order-reversed"),
    ],
)
def test_truth_is_the_same_for_every_recorder(one_physiology, recorder):
    usual, other = record_night(one_physiology), record_night(one_physiology, recorder)
    assert other.truth.events == usual.truth.events
    assert other.truth.near_misses == usual.truth.near_misses
    a, b = usual.recording.signal("flow"), other.recording.signal("flow")
    sign = -1.0 if recorder.is_inverted else 1.0
    times_s = np.arange(600, 3000, 0.5)
    first = a.values[np.round(times_s * a.rate_hz).astype(int)]
    second = sign * b.values[np.round(times_s * b.rate_hz).astype(int)] / recorder.gain
    assert np.corrcoef(first, second)[0, 1] > 0.995
    assert np.std(second) == pytest.approx(np.std(first), rel=0.02)


def test_quantiser_has_no_more_levels_than_asked_for(one_physiology):
    night = record_night(one_physiology, Recorder(n_levels=64))
    flow = stored(night)["flow"]
    assert 40 < len(np.unique(flow)) <= 64
    assert flow.min() >= -32
    assert flow.max() <= 31


def test_order_of_channels_can_be_reversed(one_physiology):
    usual = [s.name for s in record_night(one_physiology).recording.signals]
    reverse = [
        s.name for s in record_night(one_physiology, Recorder(is_order_reversed=True)).recording.signals
    ]
    assert reverse == usual[::-1]


def test_nasal_pressure_is_the_signed_square_of_flow():
    options = BreathingOptions(duration_h=1.0, artifacts_per_h=0.0)
    physiology = simulate_breathing(seed=13, options=options)
    flow = record_night(physiology, Recorder(n_levels=65536, **CLEAN)).recording.signal("flow").values
    pressure_night = record_night(physiology, Recorder(sensor="nasal_pressure", n_levels=65536, **CLEAN))
    pressure = pressure_night.recording.signal("nasal_pressure").values
    within = np.abs(flow) < 0.6 * np.max(np.abs(flow))
    root = np.sign(pressure) * np.sqrt(np.abs(pressure))
    slope = root[within] @ flow[within] / (flow[within] @ flow[within])
    np.testing.assert_allclose(root[within], slope * flow[within], atol=0.01)
    event = pressure_night.truth.events[0].flow_reduction_fraction
    assert event["recorded"] > event["linearised"] > 0


def test_thermistor_lags_flow():
    physiology = simulate_breathing(seed=13, options=BreathingOptions(duration_h=0.5, events_per_h=0.0))
    flow = record_night(physiology, Recorder(**CLEAN)).recording.signal("flow").values[2500:25000]
    warm = record_night(physiology, Recorder(sensor="thermistor", **CLEAN))
    warmth = warm.recording.signal("thermistor").values[2500:25000]
    match = [
        np.corrcoef(flow[: -100 or None], warmth[lag : len(warmth) - 100 + lag])[0, 1] for lag in range(50)
    ]
    assert 0.2 <= int(np.argmax(match)) / 25.0 <= 0.8


@pytest.mark.parametrize("artifacts_per_h", [0.0, 4.0])
def test_a_night_may_hold_neither_events_nor_near_misses(artifacts_per_h):
    truth = make_night(
        seed=5, duration_h=0.5, events_per_h=0.0, near_misses_per_h=0.0, artifacts_per_h=artifacts_per_h
    ).truth
    assert truth.events == ()
    # What artifacts look like is listed with the near misses; no fall of breathing is.
    assert {miss.cause for miss in truth.near_misses} <= {"movement", "gain_step", "sigh", "cannula_partial"}


def test_artifacts_change_the_airflow_but_not_the_breathing(default_night):
    truth = default_night.truth
    steps = [miss for miss in truth.near_misses if miss.cause == "gain_step"]
    movements = [miss for miss in truth.near_misses if miss.cause == "movement"]
    assert steps
    assert len(movements) >= 5
    for step in steps:
        before = np.std(np.diff(samples_of(default_night, "flow", step.start_s - 40, step.start_s)))
        after = np.std(np.diff(samples_of(default_night, "flow", step.start_s, step.start_s + 40)))
        assert not 0.75 < after / before < 1.33
        chest = [
            np.std(samples_of(default_night, "thorax", *span))
            for span in ((step.start_s - 40, step.start_s), (step.start_s, step.start_s + 40))
        ]
        assert 0.6 < chest[1] / chest[0] < 1.6
    for movement in movements:
        middle_s = 0.5 * (movement.start_s + movement.stop_s)
        jolt = np.std(np.diff(samples_of(default_night, "thorax", middle_s - 3, middle_s + 3)))
        assert jolt > 2.0 * np.std(np.diff(default_night.recording.signal("thorax").values)[:2000])


# Several nights


def test_nights_of_a_patient_follow_each_other():
    options = BreathingOptions(duration_h=0.5, events_per_h=12.0)
    start = datetime(2027, 12, 30, 23, 0)
    nights = list(make_patient(seed=3, n_nights=4, options=options, first_start=start, patient="SIM0042"))
    starts = [night.recording.start_local for night in nights]
    assert starts[0] == start
    for number, found in enumerate(starts):
        assert abs(found - start - timedelta(days=number)) <= timedelta(minutes=40)
    assert starts[2].year == 2028
    assert {night.recording.subject.patient for night in nights} == {"SIM0042"}
    assert len({night.truth.circulation_delay_s for night in nights}) == 1
    assert len({night.truth.seed for night in nights}) == 4


def test_nights_vary_as_asked():
    def planned(night_cv):
        options = BreathingOptions(
            duration_h=0.5,
            events_per_h=30.0,
            near_misses_per_h=0.0,
            artifacts_per_h=0.0,
            cheyne_stokes_fraction=0.0,
        )
        nights = make_patient(seed=17, n_nights=40, options=options, night_cv=night_cv)
        truths = [night.truth for night in nights]
        # Every planned fall is an event or, where its desaturation is small, a near miss.
        falls = [[m for m in t.near_misses if m.flow_reduction_fraction is not None] for t in truths]
        return np.array([len(t.events) + len(f) for t, f in zip(truths, falls, strict=True)]) / 0.5

    assert set(planned(0.0)) == {30.0}
    rates = planned(0.33)
    # 40 draws: the mean is within three standard errors, 3 * 10 / sqrt(40), the CV within a third.
    assert np.mean(rates) == pytest.approx(30.0, abs=4.7)
    assert np.std(rates) / np.mean(rates) == pytest.approx(0.33, abs=0.11)


# Wrong options


@pytest.mark.parametrize(
    "options",
    [
        {"duration_h": 0.1},
        {"duration_h": float("nan")},
        {"events_per_h": -1.0},
        {"events_per_h": 76.0},
        {"sensor": "snore"},
        {"flow_rate_hz": 0.0},
        {"flow_rate_hz": 25.33},
        {"n_levels": 100_000},
        {"circulation_delay_s": 4.0},
        {"kind_weights": {EventKind.UNCLASSIFIED_APNEA: 1.0}},
        {"kind_weights": {EventKind.HYPOPNEA: 0.0}},
        {"flow_off_spans_s": ((3000.0, 4000.0),)},
        {"flow_off_spans_s": ((400.0, 300.0),)},
        {"near_misses_per_h": 30.0, "events_per_h": 60.0},
        {"colour": "blue"},
    ],
)
def test_wrong_option_is_named_in_one_line(options):
    with pytest.raises(SimulationError) as caught:
        make_night(seed=1, **{"duration_h": 1.0, **options})
    assert "allowed" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert any(name in str(caught.value) for name in options)


def test_negative_seed_is_refused():
    with pytest.raises(SimulationError, match="seed"):
        make_night(seed=-1, duration_h=0.5)
