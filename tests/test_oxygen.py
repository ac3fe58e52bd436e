"""SpO2: what is valid, what is a desaturation, how late it comes. Curves are drawn by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
from breathing_signals import Fall, flow_channel, night_of, recording_of, signal_of, spo2_channel, spo2_curve

import hsat
from hsat.detect.desaturations import find_desaturations, measure_oximetry
from hsat.events import Desaturation
from hsat.indices.oxygen import quantiles_of_held
from hsat.recording import Calibration
from hsat.results import NightResult

RULES = hsat.load_rules("aasm_1b")
N_PER_S = 4
"""The oximeter's values are analysed four times a second."""


def spo2_night(percent: Sequence[float] | np.ndarray, rate_hz: float = 1.0) -> NightResult:
    return hsat.score_night(recording_of(signal_of("spo2", np.asarray(percent), rate_hz)))


def falls_in(percent: Sequence[float] | np.ndarray) -> list[Desaturation]:
    """Falls of values given once a second."""
    values = np.repeat(np.asarray(percent, dtype=np.float32), N_PER_S)
    return find_desaturations(measure_oximetry(values, 1.0, RULES), RULES)


def drops_in(percent: Sequence[float] | np.ndarray) -> list[float]:
    return [fall.drop_points for fall in falls_in(percent)]


def line(*points: tuple[float, float]) -> np.ndarray:
    """Whole percents once a second on straight lines between ``(time_s, percent)``."""
    times_s, values = zip(*points, strict=True)
    return np.rint(np.interp(np.arange(int(times_s[-1])), times_s, values))


def triangle(points: float, *, baseline: float = 96.0, half_s: float = 20.0, n: int = 1) -> np.ndarray:
    """A minute at the baseline, then `n` times down and up again with a minute after each."""
    corners = [(0.0, baseline), (60.0, baseline)]
    for _ in range(n):
        at_s = corners[-1][0]
        corners += [
            (at_s + half_s, baseline - points),
            (at_s + 2 * half_s, baseline),
            (at_s + 2 * half_s + 60.0, baseline),
        ]
    return line(*corners)


# falls ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 12.0])
def test_triangle_is_a_desaturation_from_3_points(points):
    assert drops_in(triangle(points)) == ([points] if points >= 3 else [])


def test_desaturation_has_the_drawn_corners():
    (fall,) = falls_in(triangle(6.0))
    assert (fall.baseline_percent, fall.nadir_percent) == (96.0, 90.0)
    assert fall.start_s == pytest.approx(60.0, abs=2.5)  # 96 ends where 95.5 is passed
    assert fall.nadir_s == pytest.approx(80.0, abs=2.5)
    assert fall.nadir_s < fall.stop_s < 100.0


def test_odi3_and_odi4_by_hand():
    """Three falls of 3, two of 4, one of 5 and four of 2 points in a night of 1 h."""
    parts = [triangle(3.0, n=3), triangle(4.0, n=2), triangle(5.0), triangle(2.0, n=4)]
    percent = np.concatenate(parts)
    percent = np.concatenate((percent, 96.0 - (np.arange(3600 - len(percent)) // 120 % 2)))
    night = spo2_night(percent)
    assert night.monitored.spo2_h == 1.0
    assert night.indices.odi3_per_h == 6.0
    assert night.indices.odi4_per_h == 3.0
    assert len(night.desaturations) == 6


def test_odi_is_per_hour_of_valid_spo2():
    percent = np.concatenate((triangle(5.0, n=4), np.full(2000, np.nan)))
    night = spo2_night(percent)
    assert night.monitored.spo2_h == pytest.approx(len(triangle(5.0, n=4)) / 3600)
    assert night.indices.odi4_per_h == pytest.approx(4 / (len(triangle(5.0, n=4)) / 3600))


def test_staircase_is_one_fall():
    steps = np.repeat([96.0, 95.0, 94.0, 93.0, 92.0, 91.0], [60, 8, 8, 8, 8, 8])
    assert drops_in(np.concatenate((steps, np.full(60, 96.0)))) == [5.0]


def test_a_point_back_on_the_way_down_does_not_split_a_fall():
    assert drops_in(line((0, 96), (60, 96), (70, 93), (76, 94), (90, 90), (110, 96), (170, 96))) == [6.0]


def test_resaturation_by_2_points_ends_a_fall():
    """Down by 6, up by 3, down by 3 from there, back: two falls."""
    curve = line((0, 96), (60, 96), (80, 90), (86, 93), (92, 93), (104, 90), (120, 96), (180, 96))
    assert drops_in(curve) == [6.0, 3.0]


@pytest.mark.parametrize("minutes_a_point", [3.0, 4.0, 10.0])
def test_slow_drift_is_no_fall(minutes_a_point):
    seconds = 60 * 6 * minutes_a_point
    assert (
        drops_in(
            line(
                (0, 97),
                (60, 97),
                (60 + seconds, 91),
                (200 + seconds, 91),
                (230 + seconds, 97),
                (300 + seconds, 97),
            )
        )
        == []
    )


@pytest.mark.parametrize(("fall_s", "n_falls"), [(60.0, 1), (118.0, 1), (122.0, 0), (240.0, 0)])
def test_a_fall_takes_at_most_two_minutes(fall_s, n_falls):
    """From the last second at 96 to the first at 93."""
    steps = np.repeat([96.0, 95.0, 94.0, 93.0, 96.0], [61, round(fall_s / 2), round(fall_s / 2) - 1, 10, 60])
    assert len(drops_in(steps)) == n_falls


def test_a_fall_that_goes_on_is_closed_120_s_after_it_left_its_level_by_more_than_a_point():
    """95 is left at 75 s; at 195 s it is 89. The point in 75 s that follows is drift."""
    (fall,) = falls_in(line((0, 96), (60, 96), (120, 90), (495, 85), (520, 85)))
    assert (fall.baseline_percent, fall.nadir_percent) == (96.0, 89.0)
    assert fall.start_s == pytest.approx(65.0, abs=1.0)
    assert fall.nadir_s <= 195.5
    assert fall.stop_s == pytest.approx(195.0, abs=2.0)


def test_a_fall_from_a_level_reached_by_a_drift_counts():
    """97 to 94 within 100 s, 10 minutes at 94, then down by 6 and back to 94: one fall of 6."""
    curve = line((0, 97), (60, 97), (160, 94), (760, 94), (780, 88), (800, 94), (860, 94))
    assert 6.0 in drops_in(curve)


def test_back_to_back_falls_count_each():
    """Thirty falls with no level between them: a saw of 30 s."""
    corners = [(0.0, 96.0), (60.0, 96.0)]
    for i in range(30):
        corners += [(60.0 + 30 * i + 20, 90.0), (60.0 + 30 * i + 30, 96.0)]
    drops = drops_in(line(*corners, (1020.0, 96.0)))
    assert len(drops) == 30
    assert drops[0] == 6.0
    assert min(drops) >= 4.0


def test_a_peak_shorter_than_3_s_is_no_baseline():
    curve = np.full(200, 93.0)
    curve[60:62] = 97.0
    assert drops_in(curve) == []
    curve[58:66] = 97.0
    assert drops_in(curve) == [4.0]


def test_fall_at_the_very_end_counts():
    assert drops_in(line((0, 96), (60, 96), (80, 90), (84, 90))) == [6.0]


def test_fall_before_the_probe_comes_off_counts():
    falling = line((0, 96), (60, 96), (80, 90), (90, 90))
    assert drops_in(np.concatenate((falling, np.full(120, np.nan)))) == [6.0]


# what is valid ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [0.0, 1.0, 127.0, 255.0, 511.0, -1.0, -32768.0, 49.9, 100.1, 1e30, np.inf, -np.inf]
)
@pytest.mark.parametrize("length_s", [1, 5, 20, 45])
def test_impossible_values_are_no_desaturation(code, length_s):
    percent = np.full(600, 96.0)
    percent[100:120] = 95.0
    percent[300 : 300 + length_s] = code
    night = spo2_night(percent)
    assert night.desaturations == ()
    assert night.indices.min_spo2_percent == 95.0
    assert night.indices.t90_percent == 0.0
    excluded_s = length_s if length_s >= 30 else 0
    assert night.monitored.spo2_h == pytest.approx((600 - excluded_s) / 3600)


@pytest.mark.parametrize("lowest", [50.0, 51.0])
def test_50_percent_is_possible(lowest):
    """Reached over half a minute, held, and left as slowly."""
    night = spo2_night(line((0, 96), (60, 96), (90, lowest), (100, lowest), (130, 96), (300, 96)))
    assert night.indices.min_spo2_percent == lowest


@pytest.mark.parametrize(
    ("depth", "length_s", "is_spike"),
    [(5.0, 1, True), (20.0, 4, True), (20.0, 8, True), (5.0, 8, True), (20.0, 12, False), (4.0, 4, False)],
)
def test_spike_is_a_faster_change_than_4_points_a_second_there_and_back_within_8_s(depth, length_s, is_spike):
    percent = np.full(300, 96.0)
    percent[150 : 150 + length_s] -= depth
    assert drops_in(percent) == ([] if is_spike else [depth])


def plateau_of(length_s: int, *, depth=10.0, down_s=1, up_s=1, swing=0.0) -> np.ndarray:
    """An hour at 96 % with a plateau whose jumps take 1 s, or whose slopes take longer."""
    stop_s = 600 + length_s
    percent = line((0, 96), (600, 96), (600 + down_s, 96 - depth), (stop_s, 96 - depth), (stop_s + up_s, 96))
    percent = np.concatenate((percent, np.full(3600 - len(percent), 96.0)))
    level = percent <= 96 - depth
    percent[level] += swing * np.sin(np.arange(np.count_nonzero(level)) / 5.0)
    return np.rint(percent)


@pytest.mark.parametrize(
    ("plateau", "is_removed"),
    [
        ({"length_s": 60}, True),
        ({"length_s": 415}, True),
        ({"length_s": 600}, True),
        ({"length_s": 59}, False),  # an event may last as long
        ({"length_s": 601}, False),
        ({"length_s": 300, "depth": 5.0}, True),
        ({"length_s": 300, "depth": 4.0}, False),  # as fast as blood can change
        ({"length_s": 300, "down_s": 10}, False),  # blood falls and rises slowly
        ({"length_s": 300, "up_s": 10}, False),
        ({"length_s": 300, "swing": 2.0}, True),
        ({"length_s": 300, "swing": 2.6}, False),  # breathing goes on in it
    ],
)
def test_a_plateau_between_two_jumps_is_a_probe_without_a_pulse(plateau, is_removed):
    night = spo2_night(plateau_of(**plateau))
    assert (night.indices.t90_min == 0.0) is is_removed or plateau.get("depth", 10.0) < 6.0
    assert (night.indices.min_spo2_percent == 96.0) is is_removed
    assert (night.monitored.spo2_h < 1.0) is is_removed


def ramped_spike() -> np.ndarray:
    """12 points down and up again within a second each, as an oximeter of 4 Hz shows it."""
    percent = np.full(1200, 96.0)
    percent[600:603] = [93.0, 90.0, 87.0]
    percent[603:616] = 84.0
    percent[616:619] = [87.0, 90.0, 93.0]
    return percent


def test_spike_that_takes_several_samples_is_one():
    assert spo2_night(ramped_spike(), 4.0).desaturations == ()


@pytest.mark.parametrize("phase", [0, 1, 2, 3])
def test_spike_sampled_once_a_second_is_one(phase):
    """Where a sample fell on the flank, its 3 points are no faster than blood can be: they may stay."""
    night = spo2_night(ramped_spike()[phase::4])
    assert night.indices.odi4_per_h == 0.0
    assert night.indices.min_spo2_percent >= 93.0


@pytest.mark.parametrize("between_s", [0.25, 0.5, 0.75, 1.0, 1.25, 2.0, 5.0])
def test_spike_just_behind_another_is_one(between_s):
    """Of the second spike two samples lie below 50 %, of the time between both at least one is left."""
    percent = np.full(4 * 300, 96.0)
    percent[600:618] = 77.0
    second = 618 + int(4 * between_s)
    percent[second : second + 16] = [60.0, 26.0, 26.0, *[60.0] * 13]
    percent[second + 30 : second + 50] = 55.0
    night = spo2_night(percent, 4.0)
    assert night.indices.min_spo2_percent == 96.0
    assert night.desaturations == ()


@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 2.0, 4.0, 8.0, 25.0])
def test_falls_are_the_same_at_every_rate_of_the_oximeter(rate_hz):
    curve = triangle(6.0, n=5)
    times_s = np.arange(round(len(curve) * rate_hz)) / rate_hz
    night = spo2_night(curve[times_s.astype(int)], rate_hz)
    assert [fall.drop_points for fall in night.desaturations] == [6.0] * 5
    slow = spo2_night(curve, 1.0)
    for one, other in zip(night.desaturations, slow.desaturations, strict=True):
        assert one.nadir_s == pytest.approx(other.nadir_s, abs=2.0)


# time at low SpO2 -------------------------------------------------------------------------------

LEVELS = {95.0: 600, 90.0: 500, 89.0: 400, 88.0: 300, 87.0: 200, 85.0: 100, 84.0: 60}
"""Seconds at each value; 2160 in all."""


def stairs() -> np.ndarray:
    return np.concatenate([np.full(seconds, level) for level, seconds in LEVELS.items()])


def check_oxygen_time(night: NightResult) -> None:
    indices = night.indices
    assert indices.t90_min == pytest.approx((400 + 300 + 200 + 100 + 60) / 60)  # below 90
    assert indices.t88_min == pytest.approx((300 + 200 + 100 + 60) / 60)  # 88 and below
    assert indices.t85_min == pytest.approx(60 / 60)  # below 85
    assert indices.t90_percent == pytest.approx(100 * 1060 / 2160)
    assert indices.t88_percent == pytest.approx(100 * 660 / 2160)
    assert indices.t85_percent == pytest.approx(100 * 60 / 2160)


def test_t90_is_below_90_t88_at_or_below_88_t85_below_85():
    night = spo2_night(stairs())
    check_oxygen_time(night)
    assert night.indices.min_spo2_percent == 84.0
    assert night.indices.median_spo2_percent == 90.0  # 1060 s below, 600 s above
    assert night.indices.mean_spo2_percent == pytest.approx(sum(k * v for k, v in LEVELS.items()) / 2160)


STORED_16_BIT = Calibration(gain=100.0 / 65535, offset=100.0 * 32768 / 65535)
"""Whole percents as many EDF files hold them: 0 to 100 % over all 16 bits, so none is exact."""


def stored_16_bit(percent: np.ndarray) -> np.ndarray:
    return np.rint((percent - STORED_16_BIT.offset) / STORED_16_BIT.gain)


def test_t90_is_the_same_where_whole_percents_are_stored_over_16_bits():
    recording = recording_of(
        signal_of("spo2", stored_16_bit(stairs()), 1.0), calibrations={"spo2": STORED_16_BIT}
    )
    check_oxygen_time(hsat.score_night(recording))


@pytest.mark.parametrize("points", [3.0, 4.0])
def test_points_are_points_where_whole_percents_are_stored_over_16_bits(points):
    for baseline in (93.0, 94.0, 95.0, 96.0, 97.0, 98.0):
        stored = stored_16_bit(triangle(points, baseline=baseline, n=5))
        recording = recording_of(signal_of("spo2", stored, 1.0), calibrations={"spo2": STORED_16_BIT})
        indices = hsat.score_night(recording).indices
        exact = spo2_night(triangle(points, baseline=baseline, n=5)).indices
        assert (indices.odi3_per_h, indices.odi4_per_h) == (exact.odi3_per_h, exact.odi4_per_h)


def test_a_hypopnea_with_4_points_stays_one_where_whole_percents_are_stored_over_16_bits():
    falls = [Fall(start_s, 20, 0.5, 4) for start_s in (400.0, 700.0, 1000.0, 1300.0)]
    for baseline in (93.0, 94.0, 95.0, 96.0, 97.0, 98.0):
        stored = stored_16_bit(spo2_curve(1800.0, falls, baseline_percent=baseline))
        night = hsat.score_night(
            recording_of(
                flow_channel(1800.0, falls),
                signal_of("spo2", stored, 1.0),
                calibrations={"spo2": STORED_16_BIT},
            )
        )
        assert len(night.events) == 4


def test_missing_values_are_in_no_share():
    percent = stairs()
    percent[:600] = np.nan
    night = spo2_night(percent)
    assert night.indices.t90_percent == pytest.approx(100 * 1060 / 1560)
    assert night.indices.t90_min == pytest.approx(1060 / 60)


def test_baseline_is_the_90th_percentile():
    percent = np.concatenate((np.full(850, 93.0), np.full(150, 98.0)))
    assert spo2_night(percent).indices.baseline_spo2_percent == 98.0
    percent = np.concatenate((np.full(950, 93.0), np.full(50, 98.0)))
    percent[::100] = 92.0
    assert spo2_night(percent).indices.baseline_spo2_percent == 93.0


# delay ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", [0.5, 1.0])
@pytest.mark.parametrize("delay_s", [8.0, 15.0, 25.0, 45.0])
def test_delay_is_found_within_3_s(delay_s, reduction):
    falls = [Fall(300.0 + 131 * i, 16 + i, reduction, 5) for i in range(11)]
    night = hsat.score_night(night_of(falls, delay_s=delay_s))
    assert night.spo2_delay_s == pytest.approx(delay_s, abs=3.0)
    assert len(night.events) == len(falls)
    assert [event.desaturation.drop_points for event in night.events] == [5.0] * len(falls)


@pytest.mark.parametrize("delay_s", [8.0, 15.0, 25.0, 45.0])
def test_delay_is_found_in_a_run_of_events(delay_s):
    """A fall every 40 s: the delay may not be a cycle off."""
    falls = [Fall(300.0 + 40 * i, 24, 0.7, 5) for i in range(30)]
    night = hsat.score_night(night_of(falls, delay_s=delay_s))
    assert night.spo2_delay_s == pytest.approx(delay_s, abs=3.0)
    assert len(night.events) == len(falls)


def test_no_delay_is_invented():
    """Neither events nor falls: the delay is not known, and the one assumed is told."""
    night = hsat.score_night(night_of([]))
    assert night.spo2_delay_s is None
    assert [note.code for note in night.notes if "delay" in note.code] == ["spo2_delay_assumed"]
    assert "20 s" in next(note.text for note in night.notes if note.code == "spo2_delay_assumed")


def test_delay_is_not_moved_by_missing_values():
    falls = [Fall(300.0 + 131 * i, 20, 0.7, 5) for i in range(11)]
    channel = spo2_channel(1800.0, falls)
    channel[2][::37] = np.nan
    channel[2][800:860] = 127.0
    night = hsat.score_night(recording_of(flow_channel(1800.0, falls), channel))
    assert night.spo2_delay_s == pytest.approx(20.0, abs=3.0)


@pytest.mark.parametrize("n_values", [1, 2, 3, 10, 101, 4000])
@pytest.mark.parametrize("longest_hold", [1, 60])
def test_quantiles_of_values_that_are_held_are_those_of_all_samples(n_values, longest_hold):
    """Against `numpy.quantile`, for values that change at every sample and for some that are held long."""
    rng = np.random.default_rng(n_values)
    values = np.round(rng.normal(94.0, 2.0, n_values), 1).astype(np.float32)
    held = np.repeat(values, rng.integers(1, longest_hold + 1, n_values))
    fractions = [0.0, 0.05, 0.5, 0.9, 0.999, 1.0]
    assert quantiles_of_held(held, fractions) == np.quantile(held, fractions).tolist()
