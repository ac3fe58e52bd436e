"""Pulse rate and its response to events, worked out on paper."""

import numpy as np
import pytest
from index_builder import DURATION_S, RULES, event_at, indices_of, measured, quarter_seconds

from hsat.indices import compute_indices


def pulse_of(*parts: tuple[float, float, float]) -> np.ndarray:
    """60 a minute, and `bpm` from `start_s` to `stop_s`."""
    seconds = np.full(int(DURATION_S), 60.0)
    for start_s, stop_s, bpm in parts:
        seconds[int(start_s) : int(stop_s)] = bpm
    return quarter_seconds(seconds)


def test_pulse_response_of_two_events():
    """Too few for a window of their own: from half the event, 10 s, before the end to 50 s after.

    Event 1: 52 within, 75 after: 23. Event 2: 60 within, 70 after, 90 beyond 50 s: 10. The 45 that
    ends where event 1 begins is not within it.
    """
    pulse = pulse_of((1005, 1009, 52), (1030, 1034, 75), (2025, 2030, 70), (2071, 2080, 90), (995, 1000, 45))
    found = indices_of(events=[event_at(1000.0), event_at(2000.0)], pulse_bpm=pulse)
    assert found.pulse_response_bpm == (23 + 10) / 2
    assert (found.min_pulse_bpm, found.max_pulse_bpm) == (45.0, 90.0)


@pytest.mark.parametrize(
    ("offset_s", "response"), [(-12, 0.0), (-11, 0.0), (-10, 20.0), (49, 20.0), (50, 0.0), (51, 0.0)]
)
def test_pulse_response_window_of_one_event_of_20_s(offset_s, response):
    """One second at 80, so many seconds from the event's end: within half the event to 50 s."""
    pulse = pulse_of((1020 + offset_s, 1020 + offset_s + 1, 80))
    assert indices_of(events=[event_at(1000.0)], pulse_bpm=pulse).pulse_response_bpm == response


STARTS_S = tuple(500.0 + 900.0 * i for i in range(6))
STOPS_S = tuple(start_s + 20.0 for start_s in STARTS_S)


def response_to(*parts: tuple[float, float, float], n_events: int = 6, also: tuple = ()) -> float:
    """Every event answered alike: `bpm` from and to seconds around its end."""
    pulse = pulse_of(*[(stop + a, stop + b, bpm) for stop in STOPS_S for a, b, bpm in parts], *also)
    events = [event_at(start_s) for start_s in STARTS_S[:n_events]]
    return indices_of(events=events, pulse_bpm=pulse).pulse_response_bpm


def test_pulse_response_is_the_peak_less_the_lowest_within_the_event():
    assert response_to((-15, -10, 54), (10, 15, 75)) == 75 - 54


def test_the_lowest_pulse_is_looked_for_in_the_event_alone():
    """50 before the event and after it; 57 within."""
    assert response_to((-30, -20, 50), (-15, -10, 57), (5, 12, 78), (20, 30, 50)) == 78 - 57


@pytest.mark.parametrize(("peak_s", "response"), [(3, 20.0), (30, 20.0), (43, 20.0), (56, 0.0)])
def test_late_answers_are_found_to_50_s(peak_s, response):
    assert response_to((peak_s, peak_s + 5, 80)) == response


def test_what_follows_the_trough_after_the_peak_is_not_the_answer():
    """Once, 40 s after an end, the pulse is 90: the mean curve rises again there, so it is outside."""
    late = (STOPS_S[0] + 40, STOPS_S[0] + 45, 90)
    assert response_to((-15, -10, 54), (10, 15, 75), also=(late,)) == 21.0


@pytest.mark.parametrize(("n_events", "response"), [(4, (36 + 21 * 3) / 4), (5, 21.0)])
def test_an_own_window_takes_five_events(n_events, response):
    """With four the window runs to 50 s and meets the 90 after the first event: 90 - 54."""
    late = (STOPS_S[0] + 40, STOPS_S[0] + 45, 90)
    parts = ((-15, -10, 54), (10, 15, 75))
    assert response_to(*parts, n_events=n_events, also=(late,)) == response


def test_pulse_response_of_six_events_half_a_minute_apart():
    """Each cycle: 50 for 20 s of event, 80 for 5 s after it, 60 until the next."""
    starts_s = [1000.0 + 30 * i for i in range(6)]
    parts = [(s, s + 20, 50) for s in starts_s] + [(s + 22, s + 27, 80) for s in starts_s]
    found = indices_of(events=[event_at(s) for s in starts_s], pulse_bpm=pulse_of(*parts))
    assert found.pulse_response_bpm == 30.0


def test_pulse_response_leaves_out_events_without_a_pulse():
    """The second of six has none from its start to 60 s after its end."""
    parts = ((-15, -10, 54), (10, 15, 75))
    assert response_to(*parts, also=((STARTS_S[1], STOPS_S[1] + 60, np.nan),)) == 21.0
    higher = (STOPS_S[2] + 10, STOPS_S[2] + 15, 80)
    assert response_to(*parts, also=((STARTS_S[1], STOPS_S[1] + 60, np.nan), higher)) == (21 * 4 + 26) / 5


def test_pulse_response_at_the_end_of_the_recording():
    """The answer to the last event was not recorded: 54 within it, 60 in the 3 s left."""
    last = DURATION_S - 3.0
    parts = [(stop + a, stop + b, bpm) for stop in STOPS_S for a, b, bpm in ((-15, -10, 54), (10, 15, 75))]
    pulse = pulse_of(*parts, (last - 15, last - 10, 54))
    events = [event_at(start_s) for start_s in (*STARTS_S, last - 20.0)]
    assert indices_of(events=events, pulse_bpm=pulse).pulse_response_bpm == (21 * 6 + 6) / 7


def test_pulse_leaves_out_impossible_values():
    pulse = pulse_of((100, 200, 511), (300, 400, 0), (500, 600, 24), (700, 800, 221), (1025, 1030, np.nan))
    pulse[:10] = (25.0, 220.0, *[60.0] * 8)
    found = indices_of(events=[event_at(1000.0)], pulse_bpm=pulse)
    assert (found.min_pulse_bpm, found.max_pulse_bpm) == (25.0, 220.0)
    assert found.mean_pulse_bpm == pytest.approx(60.0, abs=0.01)
    assert found.pulse_response_bpm == 0.0


def test_mean_pulse():
    assert indices_of(pulse_bpm=pulse_of((0, 1800, 80))).mean_pulse_bpm == 65.0


def test_pulse_without_values_at_any_event():
    indices, reasons = compute_indices(
        measured(events=[event_at(1000.0)], pulse_bpm=pulse_of((900, 1100, np.nan))), RULES
    )
    assert indices.pulse_response_bpm is None
    assert reasons["indices.pulse_response_bpm"] == "no valid pulse rate at any event"
    assert indices.mean_pulse_bpm == 60.0
