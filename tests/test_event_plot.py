"""The figure of one event: signals, baseline, limits, fall, evidence; and where its samples come from."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import hsat
from hsat.errors import EventListError, ReadError
from hsat.events import EventKind
from hsat.score import score_night
from hsat.simulate import make_night
from hsat.simulate.edf import write_edf


@pytest.fixture(scope="module")
def simulated():
    return make_night(seed=4, duration_h=1.5, events_per_h=20.0, near_misses_per_h=6.0)


@pytest.fixture(scope="module")
def night(simulated):
    return score_night(simulated.recording)


@pytest.fixture(scope="module")
def apnea(night) -> int:
    return next(i for i, e in enumerate(night.events) if e.kind.is_apnea and e.desaturation)


def levels(axes, label: str) -> list[float]:
    """Heights of the horizontal lines that carry a label."""
    lines = next(item for item in axes.collections if item.get_label() == label)
    return sorted({float(y) for segment in lines.get_segments() for y in segment[:, 1]})


def test_panels_are_airflow_belts_and_spo2_with_units(night, apnea, simulated):
    figure = night.plot_event(apnea, simulated.recording)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["flow\n(L/s)", "thorax\n(au)", "abdomen\n(au)", "SpO2 (%)"]


def test_the_axis_is_the_clock(night, apnea, simulated):
    axes = night.plot_event(apnea, simulated.recording).axes[-1]
    event = night.events[apnea]
    assert axes.get_xlabel() == "clock time"
    low, high = axes.get_xlim()
    assert low == pytest.approx(event.start_s - 60.0)
    assert high >= event.stop_s + 60.0
    start = simulated.recording.start_local.replace(hour=0, minute=0, second=0)
    into_day_s = (simulated.recording.start_local - start).total_seconds()
    for second, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True):
        hours, minutes, seconds = (int(part) for part in label.get_text().split(":"))
        assert (hours * 3600 + minutes * 60 + seconds) % 86_400 == (round(second + into_day_s)) % 86_400


def test_baseline_and_limit_of_an_apnea_are_a_tenth_apart(night, apnea, simulated):
    """The limit leaves 10 % of the baseline's excursion, both around the same middle."""
    flow = night.plot_event(apnea, simulated.recording).axes[0]
    low, high = levels(flow, "baseline")
    assert high - low == pytest.approx(night.events[apnea].baseline_excursion)
    least, most = levels(flow, "apnea limit")
    assert most - least == pytest.approx(0.1 * night.events[apnea].baseline_excursion)
    assert (least + most) / 2 == pytest.approx((low + high) / 2)


def test_a_hypopnea_has_its_own_limit(night, simulated):
    number = next(i for i, e in enumerate(night.events) if not e.kind.is_apnea)
    flow = night.plot_event(number, simulated.recording).axes[0]
    least, most = levels(flow, "hypopnea limit")
    assert most - least == pytest.approx(0.7 * night.events[number].baseline_excursion)
    assert "apnea limit" not in [item.get_label() for item in flow.collections]


def test_the_fall_of_spo2_is_drawn_with_the_limit_that_a_hypopnea_has(night, simulated):
    number = next(i for i, e in enumerate(night.events) if e.kind is EventKind.HYPOPNEA)
    spo2 = night.plot_event(number, simulated.recording).axes[-1]
    fall = night.events[number].desaturation
    drawn = next(line for line in spo2.lines if line.get_label() == "fall")
    assert drawn.get_ydata().tolist() == [fall.baseline_percent, fall.baseline_percent, fall.nadir_percent]
    assert levels(spo2, "limit: 4 points") == [fall.baseline_percent - 4.0]


def test_the_fall_of_an_apnea_has_no_limit_to_reach(night, apnea, simulated):
    spo2 = night.plot_event(apnea, simulated.recording).axes[-1]
    assert "fall" in [line.get_label() for line in spo2.lines]
    assert [item for item in spo2.collections if str(item.get_label()).startswith("limit")] == []


def test_evidence_stands_below(night, apnea, simulated):
    figure = night.plot_event(apnea, simulated.recording)
    assert night.events[apnea].criterion in figure.get_supxlabel().replace("\n", " ")


def test_a_refused_candidate_is_drawn_with_both_limits(night, simulated):
    figure = night.plot_event(0, simulated.recording, is_rejected=True)
    labels = {item.get_label() for item in figure.axes[0].collections}
    assert {"baseline", "hypopnea limit", "apnea limit"} <= labels
    assert night.rejected[0].reason in figure.get_supxlabel().replace("\n", " ")


def test_a_refused_candidate_does_not_look_like_an_event(night, apnea, simulated):
    def shade(figure):
        return figure.axes[0].patches[0].get_facecolor()[:3]

    event = shade(night.plot_event(apnea, simulated.recording))
    refused = shade(night.plot_event(0, simulated.recording, is_rejected=True))
    assert event == pytest.approx((0xD5 / 255, 0x5E / 255, 0.0))
    assert refused == pytest.approx((0x55 / 255,) * 3)


def test_a_fall_of_nothing_is_not_drawn(night, simulated):
    """SpO2 that stays where it is has a nadir all the same; it is no fall."""
    flat = next(
        i
        for i, candidate in enumerate(night.rejected)
        if candidate.desaturation and candidate.desaturation.drop_points == 0.0
    )
    spo2 = night.plot_event(flat, simulated.recording, is_rejected=True).axes[-1]
    assert [line.get_label() for line in spo2.lines if line.get_label() == "fall"] == []
    assert spo2.get_legend() is None


def test_times_below_do_not_touch(night, apnea, simulated):
    figure = night.plot_event(apnea, simulated.recording)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[-1].get_xticklabels() if label.get_text()]
    assert len(boxes) > 4
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_flow_is_drawn_as_recorded(night, apnea, simulated):
    flow = night.plot_event(apnea, simulated.recording).axes[0].lines[0]
    signal = simulated.recording.signal("flow")
    places = (np.asarray(flow.get_xdata()) * signal.rate_hz).astype(int)
    np.testing.assert_allclose(flow.get_ydata(), signal.values[places], rtol=1e-6)


@pytest.mark.parametrize(
    ("index", "is_rejected", "word"), [(10_000, False, "events"), (-10_000, True, "rejected")]
)
def test_a_number_that_the_night_does_not_have_is_one_line(night, simulated, index, is_rejected, word):
    with pytest.raises(EventListError, match=rf"^{word}\[{index}\]: the night has \d+ {word}$"):
        night.plot_event(index, simulated.recording, is_rejected=is_rejected)


def test_without_a_recording_the_file_is_read_again(simulated, tmp_path):
    path = tmp_path / "night.edf"
    write_edf(simulated, path)
    night = hsat.score_night(hsat.read_recording(path))
    assert len(night.plot_event(0).axes) == 4


def test_a_file_that_is_no_longer_what_was_scored_is_refused(simulated, tmp_path):
    path = tmp_path / "night.edf"
    write_edf(simulated, path)
    night = hsat.score_night(hsat.read_recording(path))
    other = replace(night, recording=replace(night.recording, channels=night.recording.channels[:2]))
    with pytest.raises(ReadError, match=r"no longer what was scored \(channels\); give the recording itself"):
        other.plot_event(0)
    path.write_bytes(path.read_bytes()[:-30_000])
    with pytest.raises(ReadError, match=r"no longer what was scored \(size\)"):
        night.plot_event(0)
    path.unlink()
    with pytest.raises(ReadError):
        night.plot_event(0)


def test_a_night_from_memory_needs_its_recording(night):
    with pytest.raises(ReadError, match="came from memory; give the recording itself"):
        night.plot_event(0)
