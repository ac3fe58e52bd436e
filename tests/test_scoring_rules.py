"""The rules of scoring, clause by clause: at, just below and just above each number.

Numbers come from the published rules (Berry 2012; Kapur 2017 and CMS for adequacy), the falls from
breathing drawn by hand. A fall drawn to the second is measured through a window of about a breath,
so nights test each limit from a little to either side, and `judge` tests it to the last bit.
"""

from dataclasses import asdict, replace
from math import inf, nextafter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from breathing_signals import (
    DELAY_S,
    PERIOD_S,
    Fall,
    breath_table,
    flow_channel,
    flow_curve,
    night_of,
    recording_of,
    signal_of,
    spo2_channel,
    spo2_curve,
)

import hsat
from hsat.detect.candidates import Candidate
from hsat.detect.judging import Verdict, judge
from hsat.events import Desaturation, EventKind
from hsat.grading import grade_adequacy, grade_severity
from hsat.kernels.reductions import CLOSED, INTERRUPTED, TOO_LONG
from hsat.recording import Recording
from hsat.results import NightResult
from hsat.rules.model import ScoringRules

STARTS_S = (400.0, 700.0, 1000.0, 1300.0)
RULES_1B = hsat.load_rules("aasm_1b")
RULES_1A = hsat.load_rules("aasm_1a")


def falls_of(duration_s: float, reduction: float, drop_points: float) -> list[Fall]:
    """The same fall four times, 5 minutes apart: far enough for each to have its own baseline."""
    return [Fall(start_s, duration_s, reduction, drop_points) for start_s in STARTS_S]


def kinds_of(night: NightResult) -> list[str]:
    return ["apnea" if event.kind.is_apnea else "hypopnea" for event in night.events]


def reasons_of(night: NightResult) -> list[str]:
    return [candidate.reason for candidate in night.rejected]


def candidate_of(**changes: Any) -> Candidate:
    """A hypopnea well inside every limit; `drop_points` sets its desaturation."""
    drop_points = changes.pop("drop_points", 6.0)
    fall = Desaturation(
        start_s=430.0, nadir_s=440.0, stop_s=450.0, baseline_percent=96.0, nadir_percent=96.0 - drop_points
    )
    plain: dict[str, Any] = {
        "start_s": 400.0,
        "stop_s": 420.0,
        "core_s": (401.0, 418.0),
        "apnea_core_s": (405.0, 415.0),
        "baseline": 1.0,
        "reduction_fraction": 0.5,
        "longest_apnea_s": 0.0,
        "ending": CLOSED,
        "desaturation": fall,
        "is_counted": True,
        "is_artifact": False,
        "sensor": "flow",
        "apnea_sensor": "flow",
    }
    return Candidate(**{**plain, **changes})


# apnea ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", [0.92, 0.95, 1.0])
def test_apnea_reduction_of_more_than_90_percent_needs_no_desaturation(reduction):
    night = hsat.score_night(night_of(falls_of(20.0, reduction, 0.0)))
    assert kinds_of(night) == ["apnea"] * 4


@pytest.mark.parametrize("reduction", [0.80, 0.88])
def test_apnea_reduction_of_less_than_90_percent_is_a_hypopnea(reduction):
    night = hsat.score_night(night_of(falls_of(20.0, reduction, 6.0)))
    assert kinds_of(night) == ["hypopnea"] * 4


@pytest.mark.parametrize(
    ("duration_s", "n_apneas"), [(7.0, 0), (7.4, 0), (10.0, 4), (10.5, 4), (11.0, 4), (12.0, 4)]
)
def test_apnea_lasts_at_least_10_s(duration_s, n_apneas):
    """Drawn from onset to onset; from the nadir before it, which counts, it is up to 1.9 s longer."""
    night = hsat.score_night(night_of(falls_of(duration_s, 1.0, 6.0)))
    assert kinds_of(night) == ["apnea"] * n_apneas
    assert len(night.rejected) == 4 - n_apneas


@pytest.mark.parametrize(
    ("longest_apnea_s", "is_apnea"),
    [(nextafter(10.0, 0.0), False), (10.0, True), (nextafter(10.0, inf), True)],
)
def test_apnea_duration_to_the_last_bit(longest_apnea_s, is_apnea):
    verdict = judge(candidate_of(longest_apnea_s=longest_apnea_s), RULES_1B, has_oximetry=True)
    assert verdict.is_apnea is is_apnea
    assert verdict.is_hypopnea is not is_apnea


@pytest.mark.parametrize(
    ("pause_s", "least_points"), [(60.1, 3.01), (62.5, 3.25), (90.0, 6.0), (120.0, 9.0), (145.0, 11.5)]
)
def test_a_pause_longer_than_60_s_needs_a_fall_of_spo2_that_grows_with_it(pause_s, least_points):
    """3 points, and 0.1 point more for every further second: the least points by hand."""

    def verdict(drop_points: float | None) -> Verdict:
        fall = {"desaturation": None} if drop_points is None else {"drop_points": drop_points}
        long = candidate_of(stop_s=400.0 + pause_s + 2.0, longest_apnea_s=pause_s, **fall)
        return judge(long, RULES_1B, has_oximetry=drop_points is not None)

    for drop_points in (0.0, 2.0, least_points - 0.01):
        assert verdict(drop_points).clause.startswith("apnea.longest_without_fall_s")
    for drop_points in (least_points + 0.01, 20.0, None):
        assert verdict(drop_points).is_apnea


@pytest.mark.parametrize("pause_s", [10.0, 59.9, 60.0])
def test_a_pause_up_to_60_s_needs_no_fall_of_spo2(pause_s):
    """However long the reduced breathing is that it lies in."""
    long = candidate_of(stop_s=540.0, longest_apnea_s=pause_s, drop_points=0.0)
    assert judge(long, RULES_1B, has_oximetry=True).is_apnea


def test_whole_event_rule_a_hypopnea_that_ends_as_an_apnea_is_one_apnea():
    falls = [
        fall for start_s in STARTS_S for fall in (Fall(start_s, 16, 0.5), Fall(start_s + 16, 14, 1.0, 6))
    ]
    night = hsat.score_night(night_of(falls))
    assert kinds_of(night) == ["apnea"] * 4
    assert not night.rejected
    for event, start_s in zip(night.events, STARTS_S, strict=True):
        assert event.stop_s == pytest.approx(start_s + 30.0, abs=PERIOD_S)


@pytest.mark.parametrize("reduction", [0.5, 0.6, 0.7])
def test_whole_event_rule_the_apnea_starts_with_its_first_reduced_breath(reduction):
    falls = [
        fall
        for start_s in STARTS_S
        for fall in (Fall(start_s, 16, reduction), Fall(start_s + 16, 14, 1.0, 6))
    ]
    night = hsat.score_night(night_of(falls))
    for event, start_s in zip(night.events, STARTS_S, strict=True):
        assert event.start_s == pytest.approx(start_s, abs=PERIOD_S)


def test_whole_event_rule_needs_10_s_of_apnea():
    falls = [fall for start_s in STARTS_S for fall in (Fall(start_s, 16, 0.6), Fall(start_s + 16, 7, 1.0, 6))]
    night = hsat.score_night(night_of(falls))
    assert kinds_of(night) == ["hypopnea"] * 4


def test_apnea_without_belts_is_unclassified():
    night = hsat.score_night(night_of(falls_of(20.0, 1.0, 6.0)))
    assert {event.kind for event in night.events} == {EventKind.UNCLASSIFIED_APNEA}
    assert night.indices.obstructive_apnea_index_per_h is None
    assert "effort" in night.not_measured["indices.obstructive_apnea_index_per_h"]


# hypopnea ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reduction", "n_events"), [(0.20, 0), (0.28, 0), (0.29, 0), (0.31, 4), (0.32, 4), (0.40, 4), (0.80, 4)]
)
def test_hypopnea_reduction_of_30_percent(reduction, n_events):
    night = hsat.score_night(night_of(falls_of(24.0, reduction, 6.0)))
    assert kinds_of(night) == ["hypopnea"] * n_events
    for event in night.events:
        assert event.flow_reduction_fraction == pytest.approx(reduction, abs=0.04)


@pytest.mark.parametrize(
    ("reduction_fraction", "is_event"),
    [(nextafter(0.30, 0.0), False), (0.30, True), (nextafter(0.30, inf), True)],
)
def test_hypopnea_reduction_to_the_last_bit(reduction_fraction, is_event):
    verdict = judge(candidate_of(reduction_fraction=reduction_fraction), RULES_1B, has_oximetry=True)
    assert verdict.is_event is is_event
    assert verdict.clause.startswith("hypopnea" if is_event else "hypopnea.min_reduction_fraction")


@pytest.mark.parametrize("reduction", [0.5, 0.7])
@pytest.mark.parametrize(("duration_s", "n_events"), [(7.0, 0), (7.8, 0), (9.0, 4), (11.0, 4)])
def test_hypopnea_lasts_at_least_10_s(duration_s, n_events, reduction):
    """Drawn from onset to onset; the nadir before, from which it counts, is 1.9 s earlier."""
    night = hsat.score_night(night_of(falls_of(duration_s, reduction, 6.0)))
    assert kinds_of(night) == ["hypopnea"] * n_events


@pytest.mark.parametrize(
    ("stop_s", "is_event"), [(nextafter(410.0, 0.0), False), (410.0, True), (nextafter(410.0, inf), True)]
)
def test_hypopnea_duration_to_the_last_bit(stop_s, is_event):
    verdict = judge(candidate_of(start_s=400.0, stop_s=stop_s), RULES_1B, has_oximetry=True)
    assert verdict.is_event is is_event


@pytest.mark.parametrize("rules", [RULES_1B, RULES_1A], ids=lambda rules: rules.name)
@pytest.mark.parametrize("drop_points", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_hypopnea_desaturation_4_points_under_1b_and_3_under_1a(rules, drop_points):
    needed = {"aasm_1b": 4.0, "aasm_1a": 3.0}[rules.name]
    night = hsat.score_night(night_of(falls_of(20.0, 0.5, drop_points)), rules)
    if drop_points >= needed:
        assert kinds_of(night) == ["hypopnea"] * 4
        assert [event.desaturation.drop_points for event in night.events] == [drop_points] * 4
    else:
        assert not night.events
        assert len(night.rejected) == 4
        for reason in reasons_of(night):
            assert reason.startswith("hypopnea.min_desaturation_points")
            assert f"{drop_points:.1f} points" in reason
            assert f"needs {needed:g}" in reason


@pytest.mark.parametrize(
    ("rules", "drop_points", "is_event"),
    [
        (RULES_1B, 3.999, False),
        (RULES_1B, 4.0, True),
        (RULES_1B, 4.001, True),
        (RULES_1A, 2.999, False),
        (RULES_1A, 3.0, True),
        (RULES_1A, 3.001, True),
    ],
)
def test_hypopnea_desaturation_at_its_limit(rules, drop_points, is_event):
    assert judge(candidate_of(drop_points=drop_points), rules, has_oximetry=True).is_event is is_event


def test_hypopnea_has_the_desaturation_that_was_drawn():
    falls = falls_of(20.0, 0.5, 6.0)
    night = hsat.score_night(night_of(falls))
    for event, fall in zip(night.events, falls, strict=True):
        found = event.desaturation
        assert (found.baseline_percent, found.nadir_percent) == (96.0, 90.0)
        assert found.nadir_s == pytest.approx(fall.stop_s + DELAY_S, abs=3.0)  # whole percents
        assert found.start_s == pytest.approx(fall.start_s + DELAY_S, abs=3.0)
        assert found.start_s < found.nadir_s < found.stop_s <= fall.stop_s + DELAY_S + 10.0


# one fall of SpO2, one event --------------------------------------------------------------------

PLAIN = tuple(Fall(start_s, 16, 0.5, 5) for start_s in (200.0, 400.0, 600.0, 800.0))
"""Falls that tell the night's delay."""


@pytest.mark.parametrize("owner", [0, 1], ids=["first", "second"])
def test_one_desaturation_does_not_serve_two_hypopneas(owner):
    pair = [Fall(1200, 16, 0.5), Fall(1228, 16, 0.5)]
    with_spo2 = [*PLAIN, pair[owner]._replace(drop_points=5.0)]
    recording = recording_of(
        flow_channel(1800.0, [*PLAIN, *pair]),
        signal_of("spo2", spo2_curve(1800.0, with_spo2), 1.0),
    )
    night = hsat.score_night(recording)
    late = [event for event in night.events if event.start_s > 1100]
    assert len(late) == 1
    assert late[0].start_s == pytest.approx(pair[owner].start_s, abs=PERIOD_S)
    assert len(night.rejected) == 1
    assert night.rejected[0].start_s == pytest.approx(pair[1 - owner].start_s, abs=PERIOD_S)
    assert reasons_of(night)[0].startswith("hypopnea.min_desaturation_points")


def test_two_hypopneas_with_a_desaturation_each_are_two():
    pair = [Fall(1200, 16, 0.5, 5), Fall(1228, 16, 0.5, 5)]
    night = hsat.score_night(night_of([*PLAIN, *pair]))
    late = [event.desaturation for event in night.events if event.start_s > 1100]
    assert len(late) == 2
    assert late[0].stop_s <= late[1].start_s + 1.0


def pair_on(*corners: tuple[float, float]) -> NightResult:
    """Hypopneas from 1200 to 1216 and from 1220 to 1236 s, over SpO2 on a line from 1220 s on."""
    pair = [Fall(1200, 16, 0.5), Fall(1220, 16, 0.5)]
    percent = spo2_curve(1800.0, PLAIN)
    times_s = np.arange(1220, int(corners[-1][0]))
    percent[1220 : int(corners[-1][0])] = np.rint(np.interp(times_s, *zip(*corners, strict=True)))
    flow = flow_channel(1800.0, [*PLAIN, *pair])
    return hsat.score_night(recording_of(flow, signal_of("spo2", percent, 1.0)))


def test_one_fall_that_goes_on_is_divided_between_two_hypopneas():
    """96 to 91 until the second one's begins at 1240 s, on to 82: 14 points, enough for both."""
    night = pair_on((1220, 96), (1240, 91), (1256, 82), (1258, 82), (1268, 96))
    late = [event for event in night.events if event.start_s > 1100]
    assert len(late) == 2
    first, second = (event.desaturation for event in late)
    assert first.baseline_percent == 96.0
    assert second.nadir_percent == 82.0
    assert first.nadir_percent >= second.baseline_percent
    assert first.drop_points + second.drop_points <= 14.0


def test_a_fall_too_small_for_two_hypopneas_is_not_counted_twice():
    """96 to 91 in all."""
    night = pair_on((1220, 96), (1240, 93), (1256, 91), (1258, 91), (1268, 96))
    assert len([event for event in night.events if event.start_s > 1100]) <= 1


def test_a_desaturation_long_after_the_event_is_not_its_own():
    flow = flow_channel(1800.0, [*PLAIN, Fall(1200, 16, 0.5)])
    late_fall = spo2_channel(1800.0, [*PLAIN, Fall(1290, 16, 0.0, 6)])
    night = hsat.score_night(recording_of(flow, late_fall))
    assert not [event for event in night.events if event.start_s > 1100]


def test_a_level_held_before_the_last_nadir_is_no_baseline():
    """Down by 8 after the first event, back by 4 only, down by 1 after the second: that one fell by 1."""
    pair = [Fall(1200, 16, 0.5), Fall(1228, 16, 0.5)]
    percent = spo2_curve(1800.0, PLAIN)
    corners = [(1222, 96), (1236, 88), (1240, 92), (1254, 92), (1262, 91), (1270, 91), (1290, 96)]
    percent[1222:1290] = np.rint(np.interp(np.arange(1222, 1290), *zip(*corners, strict=True)))
    night = hsat.score_night(
        recording_of(flow_channel(1800.0, [*PLAIN, *pair]), signal_of("spo2", percent, 1.0))
    )
    # From the nadir before the breath at 1200 s.
    assert [event.start_s for event in night.events if event.start_s > 1100] == pytest.approx(
        [1198.1], abs=0.5
    )
    assert len(night.rejected) == 1
    assert "falls by 1.0 points" in reasons_of(night)[0]


def test_a_brief_reduction_takes_no_desaturation_away():
    """8 s of it, too short for any event, lie between the hypopnea and its late nadir."""
    flow = flow_channel(1800.0, [*PLAIN, Fall(1200, 16, 0.5), Fall(1224, 8, 0.6)])
    spo2 = spo2_channel(1800.0, [*PLAIN, Fall(1200, 36, 0.5, 4)])
    night = hsat.score_night(recording_of(flow, spo2))
    late = [event for event in night.events if event.start_s > 1100]
    assert [event.desaturation.drop_points for event in late] == [4.0]
    assert [candidate.reason[:23] for candidate in night.rejected] == ["hypopnea.min_duration_s"]


# event span -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", [0.35, 0.5, 0.7, 0.93, 1.0])
@pytest.mark.parametrize("duration_s", [12.0, 18.0, 30.0, 60.0])
def test_event_span_is_the_drawn_one_within_a_breath(duration_s, reduction):
    falls = falls_of(duration_s, reduction, 6.0)
    night = hsat.score_night(night_of(falls))
    assert len(night.events) == 4
    for event, fall in zip(night.events, falls, strict=True):
        assert event.start_s == pytest.approx(fall.start_s, abs=PERIOD_S / 2)
        assert event.stop_s == pytest.approx(fall.stop_s, abs=PERIOD_S / 2)


def test_event_ends_at_a_clear_sustained_rise():
    """Two breaths that come back to 80 % between two falls make two events."""
    falls = [Fall(1000, 16, 0.6, 5), Fall(1016, 8, 0.2), Fall(1024, 16, 0.6, 5)]
    night = hsat.score_night(night_of([*PLAIN, *falls]))
    late = [event for event in night.events if event.start_s > 900]
    assert [round(event.start_s / PERIOD_S) for event in late] == [250, 256]


@pytest.mark.parametrize("n_breaths", [1, 2, 3])
def test_recovery_breaths_however_few_separate_events(n_breaths):
    cycle_s = 16 + PERIOD_S * n_breaths
    falls = [Fall(600 + cycle_s * i, 16, 1.0) for i in range(8)]
    night = hsat.score_night(night_of(falls))
    assert kinds_of(night) == ["apnea"] * 8
    for event, fall in zip(night.events, falls, strict=True):
        assert event.start_s == pytest.approx(fall.start_s, abs=PERIOD_S / 2)
        assert event.stop_s == pytest.approx(fall.stop_s, abs=PERIOD_S / 2)


def test_long_reduction_without_recovery_is_no_event():
    night = hsat.score_night(night_of([*PLAIN, Fall(1100, 300, 0.6, 6)]))
    assert len(night.events) == len(PLAIN)
    assert reasons_of(night)
    assert all(reason.startswith("event_span.max_duration_s") for reason in reasons_of(night))
    assert "150 s" in reasons_of(night)[0]


def test_reduction_of_two_minutes_that_recovers_is_an_event():
    night = hsat.score_night(night_of([*PLAIN, Fall(1100, 120, 0.6, 6)]))
    assert len(night.events) == len(PLAIN) + 1


def test_reduction_that_runs_into_the_end_is_no_event():
    night = hsat.score_night(night_of([*PLAIN, Fall(1760, 40, 0.6, 6)]))
    assert len(night.events) == len(PLAIN)
    assert reasons_of(night) == ["event_span: the flow signal stops before breathing recovers"]


@pytest.mark.parametrize(
    ("changes", "clause", "numbers"),
    [
        ({"stop_s": 409.5}, "hypopnea.min_duration_s", ("9.5 s", "10 s")),
        ({"reduction_fraction": 0.25}, "hypopnea.min_reduction_fraction", ("25.0%", "30%")),
        ({"drop_points": 3.0}, "hypopnea.min_desaturation_points", ("3.0 points", "4")),
        ({"desaturation": None}, "hypopnea.min_desaturation_points", ("missing",)),
        ({"ending": TOO_LONG}, "event_span.max_duration_s", ("150 s",)),
        ({"ending": INTERRUPTED}, "event_span", ("stops",)),
        ({"is_artifact": True, "longest_apnea_s": 30.0}, "artifact", ("sensor",)),
    ],
)
def test_rejected_candidates_name_clause_measured_and_required_value(changes, clause, numbers):
    verdict = judge(candidate_of(**changes), RULES_1B, has_oximetry=True)
    assert not verdict.is_event
    assert verdict.clause.startswith(clause)
    assert all(number in verdict.clause for number in numbers)


def test_brief_reductions_are_listed_with_their_length():
    night = hsat.score_night(night_of(falls_of(8.0, 0.6, 6.0)))
    assert len(night.rejected) == 4
    for candidate, start_s in zip(night.rejected, STARTS_S, strict=True):
        assert candidate.start_s == pytest.approx(start_s, abs=PERIOD_S / 2)
        assert candidate.reason.startswith("hypopnea.min_duration_s")
        assert f"{candidate.duration_s:.1f} s" in candidate.reason


def test_reduction_below_30_percent_on_average_is_rejected_with_its_clause():
    """Falls by 33 % at either end and by 22 % between: 26 % on average, never back in between."""
    parts = [Fall(1000, 4, 0.33), Fall(1004, 24, 0.22), Fall(1028, 4, 0.33, 6)]
    night = hsat.score_night(night_of([*PLAIN, *parts]))
    assert len(night.events) == len(PLAIN)


# baseline ---------------------------------------------------------------------------------------


def test_baseline_is_the_two_minutes_before():
    """Half the breathing of 5 minutes ago is no event where the last 2 minutes were the same."""
    duration_s = 1800.0
    flow = flow_channel(duration_s, [Fall(400, 500, 0.5)])
    night = hsat.score_night(recording_of(flow, spo2_channel(duration_s)))
    assert not night.events
    assert not [candidate for candidate in night.rejected if candidate.start_s > 400 + 160]


def test_baseline_follows_smaller_breathing():
    """Half as large for 15 minutes; within, a fall by 50 % of that is an event as any other."""
    duration_s = 1800.0
    falls = [Fall(t, 16, 0.75, 6) for t in (900.0, 1100.0)]
    table = breath_table(
        duration_s, [Fall(600, 296, 0.5), falls[0], Fall(916, 184, 0.5), falls[1], Fall(1116, 300, 0.5)]
    )
    flow = flow_curve(table, duration_s, 20.0)
    night = hsat.score_night(recording_of(signal_of("flow", flow, 20.0), spo2_channel(duration_s, falls)))
    assert [event.start_s for event in night.events] == pytest.approx([898.1, 1098.1], abs=0.5)
    for event in night.events:
        assert event.flow_reduction_fraction == pytest.approx(0.5, abs=0.05)


def test_events_do_not_lower_the_baseline_of_the_next():
    """Sixteen hypopneas in a row with four breaths between: the last is as deep as the first."""
    falls = [Fall(400 + 36 * i, 20, 0.5, 5) for i in range(16)]
    night = hsat.score_night(night_of(falls))
    assert kinds_of(night) == ["hypopnea"] * 16
    reductions = [event.flow_reduction_fraction for event in night.events]
    assert max(reductions) - min(reductions) < 0.05


@pytest.mark.parametrize("size", [1.5, 1.9, 2.5, 3.5])
@pytest.mark.parametrize("n_sighs", [1, 2, 3])
def test_sighs_do_not_raise_the_baseline(n_sighs, size):
    """A sigh every 40 s, 10 minutes apart from anything else: what follows is no reduction."""
    flow = flow_channel(1800.0)
    for i in range(n_sighs):
        place = slice(round((900 + 40 * i) * 20), round((904 + 40 * i) * 20))
        flow[2][place] *= size
    night = hsat.score_night(recording_of(flow, spo2_channel(1800.0)))
    assert not night.events
    assert not night.rejected


def test_a_fall_by_27_percent_after_sighs_is_no_event():
    """With the sighs in the mean of 2 minutes it would be one by more than 30 %."""
    falls = [Fall(1000.0, 20.0, 0.27, 6.0)]
    flow = flow_channel(1800.0, falls)
    for start_s in (900, 932, 964):
        flow[2][start_s * 20 : (start_s + 4) * 20] *= 1.9
    night = hsat.score_night(recording_of(flow, spo2_channel(1800.0, falls)))
    assert not night.events


# severity and adequacy --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit_per_h", "below", "at"),
    [(5.0, "normal", "mild"), (15.0, "mild", "moderate"), (30.0, "moderate", "severe")],
)
def test_severity_limits_unrounded(limit_per_h, below, at):
    rule = RULES_1B.severity
    assert grade_severity(nextafter(limit_per_h, 0.0), rule) == below
    assert grade_severity(limit_per_h, rule) == at
    assert grade_severity(nextafter(limit_per_h, inf), rule) == at


def apneas(n: int, duration_s: float) -> list[Fall]:
    """So many apneas of 16 s, spread over the night."""
    return [Fall(round(200 + i * (duration_s - 300) / n), 16.0, 1.0, 5.0) for i in range(n)]


@pytest.mark.parametrize(
    ("n_events", "severity"),
    [
        (0, "normal"),
        (19, "normal"),
        (20, "mild"),
        (59, "mild"),
        (60, "moderate"),
        (119, "moderate"),
        (120, "severe"),
    ],
)
def test_severity_of_a_night_of_exactly_4_h(n_events, severity):
    night = hsat.score_night(night_of(apneas(n_events, 14_400.0), duration_s=14_400.0, rate_hz=10.0))
    assert night.monitored.monitoring_h == 4.0
    assert night.indices.ahi_per_h == n_events / 4.0
    assert night.severity == severity


@pytest.mark.parametrize(
    ("judged_h", "adequacy"),
    [
        (0.0, "inadequate"),
        (nextafter(2.0, 0.0), "inadequate"),
        (2.0, "partial"),
        (nextafter(4.0, 0.0), "partial"),
        (4.0, "adequate"),
        (9.0, "adequate"),
    ],
)
def test_adequacy_limits(judged_h, adequacy):
    assert grade_adequacy(judged_h, RULES_1B.adequacy) == adequacy


@pytest.mark.parametrize(
    ("duration_s", "adequacy"),
    [(7190.0, "inadequate"), (7200.0, "partial"), (14_390.0, "partial"), (14_400.0, "adequate")],
)
def test_adequacy_of_a_night(duration_s, adequacy):
    night = hsat.score_night(night_of(apneas(20, duration_s), duration_s=duration_s, rate_hz=10.0))
    assert night.adequacy == adequacy
    assert night.is_adequate is (adequacy == "adequate")
    assert (night.severity is None) is (adequacy == "inadequate")
    assert bool(night.reasons) is (adequacy != "adequate")
    if adequacy == "inadequate":
        assert night.indices.ahi_per_h == pytest.approx(20 / (duration_s / 3600))
        assert "2 h" in night.not_measured["severity"]


def test_adequacy_needs_flow_and_oximetry_at_the_same_time():
    """6 h of flow and 6 h of SpO2, but only 3 h of both."""
    duration_s = 9 * 3600.0
    _, _, flow = flow_channel(duration_s, apneas(90, duration_s), rate_hz=10.0)
    _, _, spo2 = spo2_channel(duration_s, apneas(90, duration_s))
    flow[6 * 36_000 :] = np.nan
    spo2[: 3 * 3600] = np.nan
    night = hsat.score_night(recording_of(signal_of("flow", flow, 10.0), signal_of("spo2", spo2, 1.0)))
    assert night.monitored.flow_h == pytest.approx(6.0, abs=0.01)
    assert night.monitored.spo2_h == pytest.approx(6.0, abs=0.01)
    assert night.monitored.monitoring_h == pytest.approx(3.0, abs=0.02)
    assert night.adequacy == "partial"


@pytest.mark.parametrize("name", ["flow", "spo2"])
def test_adequacy_needs_both_channels(name):
    channel = flow_channel(18_000.0, rate_hz=10.0) if name == "flow" else spo2_channel(18_000.0)
    night = hsat.score_night(recording_of(channel))
    assert night.monitored.monitoring_h == 5.0
    assert night.adequacy == "inadequate"
    assert night.severity is None
    assert night.reasons


def test_no_class_below_18_years():
    recording = night_of(apneas(20, 14_400.0), duration_s=14_400.0, rate_hz=10.0, age_years=17.99)
    night = hsat.score_night(recording)
    assert night.indices.ahi_per_h == 5.0
    assert night.severity is None
    assert night.alternatives["aasm_1a"].severity is None
    assert "18" in night.not_measured["severity"]
    assert any("18" in reason for reason in night.reasons)
    grown = replace(recording, subject=replace(recording.subject, age_years=18.0))
    assert hsat.score_night(grown).severity == "mild"


@pytest.mark.parametrize("therapy", ["pap", "appliance"])
def test_no_class_on_therapy(therapy):
    night = hsat.score_night(
        night_of(apneas(20, 14_400.0), duration_s=14_400.0, rate_hz=10.0, therapy=therapy)
    )
    assert night.indices.ahi_per_h == 5.0
    assert night.severity is None
    assert night.therapy == therapy
    assert "therapy" in night.not_measured["severity"]
    assert "residual AHI" in night.not_measured["severity"]


def test_unknown_age_is_scored_as_an_adult_and_said():
    night = hsat.score_night(
        night_of(apneas(20, 14_400.0), duration_s=14_400.0, rate_hz=10.0, age_years=None)
    )
    assert night.severity == "mild"
    assert any("adult" in note.text for note in night.notes)


# alternatives -----------------------------------------------------------------------------------


def test_alternative_1a_counts_falls_of_3_points_and_may_change_the_class():
    n = 40
    falls = [Fall(200 + 350 * i, 16.0, 0.5, 4.0 if i % 4 == 0 else 3.0) for i in range(n)]
    recording = night_of(falls, duration_s=14_400.0, rate_hz=10.0)
    night = hsat.score_night(recording)
    assert night.indices.ahi_per_h == 10 / 4.0
    assert night.severity == "normal"
    assert night.alternatives["aasm_1a"].ahi_per_h == 40 / 4.0
    assert night.alternatives["aasm_1a"].severity == "mild"
    assert set(night.alternatives) == {"aasm_1a", "cms"}
    assert night.alternatives["cms"].ahi_per_h == 10 / 4.0
    other = hsat.score_night(recording, RULES_1A)
    assert other.indices.ahi_per_h == 40 / 4.0
    assert other.severity == "mild"
    assert (other.alternatives["aasm_1b"].ahi_per_h, other.alternatives["aasm_1b"].severity) == (
        2.5,
        "normal",
    )


def ours(tmp_path: Path, changes: str) -> ScoringRules:
    file = tmp_path / "ours.toml"
    file.write_text(f'name = "ours"\ntitle = "Ours"\nsource = "handbook"\nextends = "aasm_1b"\n\n{changes}\n')
    return hsat.load_rules(file)


def test_alternatives_of_rules_that_differ_in_desaturation_points(tmp_path):
    """Their candidates are those of 1B and 1A."""
    rules = ours(tmp_path, "[hypopnea]\nmin_desaturation_points = 5.0")
    night = hsat.score_night(night_of([*PLAIN, Fall(1200, 16, 0.5, 3), Fall(1400, 16, 0.5, 6)]), rules)
    assert night.indices.n_hypopneas == 5
    assert {name: found.ahi_per_h for name, found in night.alternatives.items()} == {
        "aasm_1b": 5 / 0.5,
        "aasm_1a": 6 / 0.5,
        "cms": 5 / 0.5,
    }


@pytest.mark.parametrize(
    "changes",
    [
        "[apnea]\nmin_duration_s = 12.0",
        "[hypopnea]\nmin_reduction_fraction = 0.7",
        "[hypopnea]\nmin_desaturation_points = 3.0\nmin_duration_s = 60.0",
        "[baseline]\nwindow_s = 100.0",
        "[desaturation]\nnadir_window_s = 30.0",
        "[severity]\nmild_from_per_h = 6.0",
    ],
)
def test_alternatives_of_rules_that_differ_in_more_are_scored_anew(tmp_path, changes):
    """What these rules find is not what 1B and 1A would have found: those score the night themselves."""
    recording = night_of([*PLAIN, Fall(1200, 16, 0.5, 3), Fall(1400, 16, 0.5, 6)])
    found = hsat.score_night(recording, ours(tmp_path, changes)).alternatives
    assert list(found) == ["aasm_1b", "aasm_1a", "cms"]
    for name, other in found.items():
        own = hsat.score_night(recording, hsat.load_rules(name))
        assert (other.rules_id, other.ahi_per_h, other.severity) == (
            own.rules_id,
            own.indices.ahi_per_h,
            own.severity,
        )


# what is missing --------------------------------------------------------------------------------


def no_spo2() -> Recording:
    return recording_of(flow_channel(1800.0, falls_of(20.0, 1.0, 6.0)))


def no_flow() -> Recording:
    return recording_of(spo2_channel(1800.0, falls_of(20.0, 1.0, 6.0)))


def test_no_spo2_apneas_are_scored_but_there_is_no_ahi():
    night = hsat.score_night(no_spo2())
    assert kinds_of(night) == ["apnea"] * 4
    assert night.monitored.monitoring_h == 0.5
    assert night.indices.apnea_index_per_h == 8.0
    for name in (
        "ahi_per_h",
        "hypopnea_index_per_h",
        "n_hypopneas",
        "odi4_per_h",
        "t90_percent",
        "min_spo2_percent",
    ):
        assert getattr(night.indices, name) is None
        assert "SpO2" in night.not_measured[f"indices.{name}"]
    assert night.severity is None
    assert night.adequacy == "inadequate"
    assert night.alternatives["aasm_1a"].ahi_per_h is None


def test_no_spo2_a_fall_of_flow_is_no_hypopnea():
    night = hsat.score_night(recording_of(flow_channel(1800.0, falls_of(20.0, 0.6, 0.0))))
    assert not night.events
    assert reasons_of(night) == ["hypopnea.min_desaturation_points: the recording has no SpO2"] * 4


@pytest.mark.parametrize("sentinel", [127.0, 0.0, -1.0, 255.0, np.nan])
def test_spo2_without_any_valid_value_is_no_oximetry(sentinel):
    """The probe was never put on: monitored time is the flow time, as without the channel."""
    dead = signal_of("spo2", np.full(1800, sentinel), 1.0)
    night = hsat.score_night(recording_of(flow_channel(1800.0, falls_of(20.0, 1.0, 6.0)), dead))
    assert night.indices.ahi_per_h is None
    assert "SpO2" in night.not_measured["indices.ahi_per_h"]
    assert night.indices.odi4_per_h is None
    assert night.indices.apnea_index_per_h == 8.0


def test_no_flow_no_ahi_but_an_odi():
    night = hsat.score_night(no_flow())
    assert night.indices.ahi_per_h is None
    assert "flow" in night.not_measured["indices.ahi_per_h"]
    assert night.indices.odi4_per_h == 8.0
    assert not night.events
    assert night.severity is None


def test_nothing_to_score_is_an_error():
    recording = recording_of(signal_of("pulse", np.full(600, 60.0), 1.0))
    with pytest.raises(
        hsat.errors.MissingChannelError, match="nothing to score: needs airflow, effort or SpO2"
    ):
        hsat.score_night(recording)


def test_events_outside_monitored_time_are_listed_but_not_counted():
    falls = falls_of(20.0, 1.0, 6.0)
    night = hsat.score_night(night_of(falls), lights_s=(600.0, 1200.0))
    assert [event.is_counted for event in night.events] == [False, True, True, False]
    assert night.indices.n_apneas == 2
    assert night.indices.ahi_per_h == pytest.approx(2 / (600 / 3600))
    assert night.alternatives["aasm_1a"].ahi_per_h == night.indices.ahi_per_h


@pytest.mark.parametrize(
    "recording",
    [
        night_of(falls_of(20.0, 0.5, 6.0)),
        night_of([]),
        no_spo2(),
        no_flow(),
        recording_of(flow_channel(600.0), signal_of("pulse", np.full(600, 511.0), 1.0)),
        recording_of(signal_of("flow", np.full(6000, np.nan), 10.0), spo2_channel(600.0)),
        recording_of(signal_of("flow", np.zeros(6000), 10.0)),
        recording_of(flow_channel(600.0), signal_of("position", np.full(600, 4.0), 1.0)),
    ],
    ids=["whole", "no-events", "no-spo2", "no-flow", "pulse-missing", "flow-nan", "flow-flat", "upright"],
)
def test_every_none_has_a_reason_and_nothing_else_has(recording):
    night = hsat.score_night(recording)
    missing = {f"indices.{name}" for name, value in asdict(night.indices).items() if value is None}
    if night.severity is None:
        missing.add("severity")
    if night.effort_sensor is None:
        missing.add("effort_sensor")
    assert set(night.not_measured) == missing
    assert all(reason.strip() for reason in night.not_measured.values())
    assert "not measurable in this recording" not in night.not_measured.values()
