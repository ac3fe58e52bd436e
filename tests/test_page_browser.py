"""The night's page in a real browser: it draws, zooms, jumps, tells, and asks no network for anything."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from night_builder import make_event, make_recording, make_result

from hsat.events import EventKind
from hsat.io.reading import read_recording
from hsat.recording import ArraySource, Recording, SourceFile, Subject
from hsat.report.page import render_page
from hsat.results import NightResult
from hsat.score import score_night
from hsat.simulate import make_night

DURATION_S = 5400.0
GIVEN_UP_S = 120.0
"""What takes longer hangs, however slow the machine."""
HOSTILE = "</script><script>window.harmed = 1</script><img src=x onerror='window.harmed = 2'>\x1b[31m\u202e"


@dataclass
class Opened:
    """A page that was opened, with everything it complained of and asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def view(self) -> tuple[float, float]:
        """The window of the night that is shown, once it is drawn."""
        return tuple(
            self.page.evaluate(
                "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => "
                "done([hsatPage.view.start_s, hsatPage.view.stop_s]))))"
            )
        )

    def length_s(self) -> float:
        start_s, stop_s = self.view()
        return stop_s - start_s

    def over(self, number: int = 1):
        """The drawn area of a panel; 1 is the airflow."""
        return self.page.locator(".u-over").nth(number)


def wait_until(page: Any, expression: str) -> None:
    """Until an expression is true; Playwright's own waiting needs what the page's policy forbids."""
    given_up_s = time.monotonic() + GIVEN_UP_S
    while not page.evaluate(expression):
        if time.monotonic() > given_up_s:
            pytest.fail(f"after {GIVEN_UP_S:g} s still not true: {expression}")
        page.wait_for_timeout(50)


def open_page(browser, path: Path, html: str, **options: Any) -> Opened:
    path.write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1200, "height": 900}, **options)
    page.set_default_timeout(GIVEN_UP_S * 1000.0)
    opened = Opened(page)
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("dialog", lambda dialog: opened.complaints.append(dialog.message))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=true]")
    return opened


@pytest.fixture(scope="module")
def recording() -> Recording:
    return make_night(
        seed=11, duration_h=DURATION_S / 3600.0, events_per_h=20.0, near_misses_per_h=8.0
    ).recording


@pytest.fixture(scope="module")
def night(recording) -> NightResult:
    return score_night(recording)


@pytest.fixture(scope="module")
def shared(browser, night, recording, tmp_path_factory) -> Iterator[Opened]:
    path = tmp_path_factory.mktemp("page") / "night.html"
    opened = open_page(browser, path, render_page(night, recording))
    yield opened
    opened.page.close()


@pytest.fixture
def opened(shared) -> Opened:
    """The page of a simulated night, showing all of it with nothing chosen."""
    shared.page.evaluate(
        "hsatPage.navigation.select(-1, false); hsatPage.navigation.showAll(); scrollTo(0, 0)"
    )
    return shared


def test_the_page_draws_every_recorded_signal_and_complains_of_nothing(opened, recording):
    titles = opened.page.locator(".panel-title").all_text_contents()
    assert [title.split(" (")[0] for title in titles] == [
        "Events",
        "Airflow",
        "Thorax",
        "Abdomen",
        "SpO2",
        "Pulse",
        "Position",
    ]
    n_colours = opened.page.evaluate(
        """() => hsatPage.panels.map(panel => {
            const {ctx, bbox} = panel.plot;
            const pixels = new Uint32Array(
                ctx.getImageData(bbox.left, bbox.top, bbox.width, bbox.height).data.buffer);
            return new Set(pixels).size;
        })"""
    )
    assert min(n_colours) >= 3  # paper, grid, and what is drawn
    assert opened.complaints == []


def test_the_page_asks_no_network_for_anything(opened):
    assert len(opened.requests) == 1
    assert opened.requests[0].startswith("file:")


def test_the_wheel_zooms_in_around_the_pointer_and_out_again(opened):
    box = opened.over().bounding_box()
    opened.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 10)
    opened.page.mouse.wheel(0, -100)
    start_s, stop_s = opened.view()
    assert stop_s - start_s == pytest.approx(0.75 * DURATION_S)
    assert start_s + 0.25 * (stop_s - start_s) == pytest.approx(0.25 * DURATION_S, abs=10.0)
    opened.page.mouse.wheel(0, 100)
    assert opened.view() == pytest.approx((0.0, DURATION_S), abs=1e-6)


def test_the_wheel_scrolls_the_page_where_there_is_nothing_to_zoom_out_of(opened):
    box = opened.over().bounding_box()
    opened.page.mouse.move(box["x"] + 100, box["y"] + 10)
    opened.page.mouse.wheel(0, 200)
    wait_until(opened.page, "scrollY > 0")
    assert opened.view() == (0.0, DURATION_S)


def test_dragging_zooms_into_what_was_dragged_over(opened):
    box = opened.over().bounding_box()
    opened.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 25, steps=4)
    opened.page.mouse.up()
    assert opened.view() == pytest.approx((0.5 * DURATION_S, 0.6 * DURATION_S), abs=15.0)


def test_dragging_with_shift_moves_the_window(opened):
    opened.page.evaluate("hsatPage.navigation.show(1000, 2000)")
    opened.view()
    box = opened.over().bounding_box()
    opened.page.keyboard.down("Shift")
    opened.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 20, steps=4)
    opened.page.mouse.up()
    opened.page.keyboard.up("Shift")
    assert opened.view() == pytest.approx((1100.0, 2100.0), abs=5.0)


def test_a_double_click_shows_the_whole_night(opened):
    opened.page.evaluate("hsatPage.navigation.show(1000, 1200)")
    opened.view()
    opened.over().dblclick()
    assert opened.view() == (0.0, DURATION_S)


@pytest.mark.parametrize(
    ("words", "length_s"), [("1 h", 3600), ("10 min", 600), ("2 min", 120), ("30 s", 30)]
)
def test_buttons_choose_the_window(opened, words, length_s):
    opened.page.get_by_role("button", name=words, exact=True).click()
    assert opened.length_s() == pytest.approx(length_s)


def test_keys_zoom_move_and_go_back(opened):
    opened.page.focus("#panels")
    opened.page.keyboard.press("3")
    start_s, stop_s = opened.view()
    assert stop_s - start_s == pytest.approx(120.0)
    opened.page.keyboard.press("ArrowRight")
    assert opened.view() == pytest.approx((start_s + 30.0, stop_s + 30.0))
    opened.page.keyboard.press("+")
    assert opened.length_s() == pytest.approx(60.0)
    opened.page.keyboard.press("Home")
    assert opened.view() == (0.0, DURATION_S)


def test_at_30_s_every_sample_of_the_copy_is_drawn(opened):
    """25 samples a second: single breaths are drawn whole, two samples more at either edge at most."""
    opened.page.evaluate("hsatPage.navigation.show(1000, 1030)")
    opened.view()
    n_drawn, is_whole = opened.page.evaluate(
        "[hsatPage.panels[1].plot.data[0].length, hsatPage.panels[1].is_whole]"
    )
    assert is_whole
    assert 750 <= n_drawn <= 754


def test_what_is_drawn_are_the_recorded_values(opened, recording):
    """The copy keeps 25 Hz: drawn and recorded samples differ by half a step of 16 bits at most."""
    opened.page.evaluate("hsatPage.navigation.show(2000, 2030)")
    opened.view()
    seconds, values = opened.page.evaluate(
        "[hsatPage.panels[1].plot.data[0], hsatPage.panels[1].plot.data[1]]"
    )
    flow = recording.signal("flow")
    recorded = flow.values
    step = (recorded.max() - recorded.min()) / 65_534
    for second, value in list(zip(seconds, values, strict=True))[::50]:
        assert value == pytest.approx(recorded[int(second * flow.rate_hz)], abs=0.51 * step)


def test_a_line_of_the_table_jumps_to_its_trace_and_shows_its_evidence(opened, night):
    number, event = next((i, e) for i, e in enumerate(night.events) if e.kind.is_apnea)
    line = opened.page.locator(f'#events button[aria-label*="{event.kind.value.replace("_", " ")}"]').first
    line.click()
    start_s, stop_s = opened.view()
    assert start_s == pytest.approx(max(0.0, event.start_s - 60.0), abs=1.0)
    assert stop_s == pytest.approx(event.stop_s + 60.0, abs=1.0)
    assert event.criterion in opened.page.inner_text("#chosen")
    assert opened.page.evaluate("document.activeElement.id") == "panels"
    assert number == next(i for i, e in enumerate(night.events) if e.kind is event.kind)


def test_a_refused_candidate_is_reached_by_keys_and_says_what_refused_it(opened, night):
    (candidate, *_) = night.rejected
    before = [e for e in night.events if e.start_s < candidate.start_s]
    before += [c for c in night.rejected if c.start_s < candidate.start_s]
    opened.page.focus("#panels")
    for _ in range(len(before) + 1):
        opened.page.keyboard.press("n")
    opened.view()
    assert candidate.reason in opened.page.inner_text("#chosen")


def test_hovering_over_an_event_shows_its_evidence(opened, night):
    event = night.events[0]
    opened.page.evaluate(f"hsatPage.navigation.show({event.start_s - 30}, {event.stop_s + 30})")
    start_s, stop_s = opened.view()
    box = opened.over().bounding_box()
    share = ((event.start_s + event.stop_s) / 2 - start_s) / (stop_s - start_s)
    opened.page.mouse.move(box["x"] + share * box["width"], box["y"] + 20)
    opened.page.wait_for_selector("#tip", state="visible")
    assert event.criterion in opened.page.inner_text("#tip")
    opened.page.keyboard.press("Escape")
    assert not opened.page.is_visible("#tip")


def test_hovering_over_time_that_is_not_monitored_says_why(browser, tmp_path):
    opened = open_page(browser, tmp_path / "night.html", render_page(make_result()))
    box = opened.over().bounding_box()
    opened.page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + 20)  # after 25,680 s of 28,800 s
    opened.page.wait_for_selector("#tip", state="visible")
    assert "The oximeter probe is off or gives no valid value." in opened.page.inner_text("#tip")
    opened.page.close()


def test_focus_on_a_line_shows_its_evidence_without_moving(opened, night):
    opened.page.focus("#text")
    for _ in range(10):  # the region of the table, eight heads, the first line
        opened.page.keyboard.press("Tab")
    first = min([*night.events, *night.rejected], key=lambda found: found.start_s)
    words = first.criterion if hasattr(first, "criterion") else first.reason
    assert words in opened.page.inner_text("#chosen")
    assert opened.view() == (0.0, DURATION_S)


def column(opened, number: int) -> list[str]:
    return opened.page.locator(f"#events tbody tr:not([hidden]) td:nth-child({number})").all_text_contents()


def test_the_table_sorts_by_any_column_and_says_so(opened, night):
    head = opened.page.get_by_role("columnheader", name="Length")
    head.get_by_role("button").click()
    lengths = [float(text.split()[0]) for text in column(opened, 3)]
    assert lengths == sorted(lengths)
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    lengths = [float(text.split()[0]) for text in column(opened, 3)]
    assert lengths == sorted(lengths, reverse=True)
    opened.page.get_by_role("columnheader", name="Start").get_by_role("button").click()


def test_the_table_sorts_by_rank_so_that_doubtful_ones_can_be_looked_at_first(opened, night):
    head = opened.page.get_by_role("columnheader", name="Rank")
    head.get_by_role("button").click()
    ranks = [found.confidence_fraction for found in (*night.events, *night.rejected)]
    known = sorted(rank for rank in ranks if rank is not None)
    assert len(known) > 10
    assert column(opened, 7) == [*(f"{rank:.2f}" for rank in known), *["-"] * (len(ranks) - len(known))]
    opened.page.get_by_role("columnheader", name="Start").get_by_role("button").click()


def test_the_filter_leaves_lines_of_one_kind_and_says_how_many(opened, night):
    opened.page.select_option("#kind", "candidate")
    assert set(column(opened, 1)) == {"not an event"}
    n_all = len(night.events) + len(night.rejected)
    assert opened.page.inner_text("#shown") == f"{len(night.rejected)} of {n_all} lines shown"
    opened.page.select_option("#kind", "")
    opened.page.fill("#text", "no such words")
    assert column(opened, 1) == []
    assert opened.page.is_visible("#none")
    opened.page.fill("#text", "")
    assert len(column(opened, 1)) == n_all


def test_light_and_dark(opened):
    def paper() -> str:
        return opened.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    opened.page.emulate_media(color_scheme="light")
    assert paper() == "rgb(255, 255, 255)"
    opened.page.emulate_media(color_scheme="dark")
    assert paper() == "rgb(20, 24, 28)"
    opened.page.click("#theme")
    assert paper() == "rgb(255, 255, 255)"
    opened.page.emulate_media(color_scheme="light")


def test_it_prints_on_two_sheets_with_the_traces_inside_and_without_buttons(opened):
    opened.page.emulate_media(media="print")
    assert not opened.page.is_visible(".tools")
    assert not opened.page.is_visible("#events")
    opened.page.emulate_media(media="null")
    sheet = opened.page.pdf(format="A4")
    assert sheet.count(b"/Type /Page\n") == 2
    widths = opened.page.evaluate("hsatPage.panels.map(panel => panel.plot.width)")
    assert min(widths) > 1000  # as wide as the window again


def test_a_whole_night_with_all_sensors_prints_on_two_sheets(browser, samples, tmp_path):
    recording = read_recording(samples / "night-1.edf")
    opened = open_page(browser, tmp_path / "n.html", render_page(score_night(recording), recording))
    assert opened.page.pdf(format="A4").count(b"/Type /Page\n") == 2
    opened.page.close()


def test_every_control_has_a_name_and_the_traces_say_where_the_numbers_are(opened):
    nameless = opened.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, canvas[tabindex], [role=img]')]
            .filter(e => !(e.innerText || '').trim() && !e.getAttribute('aria-label') && !e.closest('label'))
            .filter(e => e.offsetParent).map(e => e.outerHTML)"""
    )
    assert nameless == []
    said = opened.page.inner_text("#window")
    opened.page.get_by_role("button", name="10 min", exact=True).click()
    opened.view()
    assert opened.page.inner_text("#window") != said
    assert opened.page.get_attribute("#window", "aria-live") == "polite"


def test_a_narrow_screen_does_not_scroll_sideways(browser, night, recording, tmp_path):
    opened = open_page(browser, tmp_path / "n.html", render_page(night, recording))
    opened.page.set_viewport_size({"width": 400, "height": 800})
    wait_until(opened.page, "hsatPage.panels[0].plot.width < 400")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 400
    assert opened.complaints == []
    opened.page.close()


def empty_states() -> dict[str, NightResult]:
    night = make_result()
    indices = replace(night.indices, ahi_per_h=None, apnea_index_per_h=None)
    oximetry = replace(night.overview, flow_excursion=None)
    nothing = replace(night.overview, flow_excursion=None, spo2_percent=None)
    child = make_recording(subject=Subject(age_years=9.0))
    return {
        "no signals at hand": night,
        "no events": make_result(events=(), rejected=(), desaturations=()),
        "no clock": make_result(recording=make_recording(start_local=None)),
        "oximetry alone": make_result(
            flow_sensor=None, events=(), rejected=(), indices=indices, severity=None, overview=oximetry
        ),
        "nothing to draw": make_result(overview=nothing),
        "inadequate": make_result(adequacy="inadequate", reasons=("1.2 h monitored",), severity=None),
        "edited": make_result(scoring="edited"),
        "child": make_result(recording=child, severity=None),
    }


@pytest.mark.parametrize("name", list(empty_states()))
def test_nights_that_lack_something_open_without_complaint(browser, tmp_path, name):
    opened = open_page(browser, tmp_path / "night.html", render_page(empty_states()[name]))
    opened.page.keyboard.press("Tab")
    opened.page.focus("#panels")
    opened.page.keyboard.press("n")
    opened.page.keyboard.press("2")
    opened.view()
    assert opened.complaints == []
    opened.page.close()


def missing(n_samples: int) -> ArraySource:
    return ArraySource(arrays=(np.full(n_samples, np.nan, np.float32),))


def test_a_trace_without_a_valid_value_takes_no_panel_and_is_named(browser, tmp_path):
    """As on the card of a treatment device without an oximeter: SpO2 and pulse are there and say nothing."""
    recording = make_night(seed=5, duration_h=0.5, events_per_h=20.0).recording
    signals = tuple(
        replace(signal, source=missing(signal.n_samples), source_index=0)
        if signal.name in ("spo2", "pulse")
        else signal
        for signal in recording.signals
    )
    silent = replace(recording, signals=signals)
    opened = open_page(browser, tmp_path / "n.html", render_page(score_night(silent), silent))
    titles = [text.split(" (")[0] for text in opened.page.locator(".panel-title").all_text_contents()]
    assert "Airflow" in titles
    assert not {"SpO2", "Pulse"} & set(titles)
    words = opened.page.inner_text("#panels > p")
    assert words == "Recorded without a valid value: SpO2 (SpO2), Pulse (Pulse)."
    assert opened.complaints == []
    opened.page.close()


def test_hostile_texts_of_a_file_do_nothing(browser, tmp_path):
    long = HOSTILE + 10_000 * "x"
    channels = tuple(
        replace(channel, source_label=long, unit=HOSTILE) for channel in make_recording().channels
    )
    recording = make_recording(
        source=SourceFile(path=f"../../{HOSTILE}", n_bytes=1, format="memory"),
        subject=Subject(patient=long, sex=HOSTILE),
        channels=channels,
    )
    night = make_result(
        recording=recording,
        rules_id=f"../../{HOSTILE}",
        hsat_version=HOSTILE,
        reasons=(long,),
        not_measured={HOSTILE: long},
        events=(make_event(EventKind.HYPOPNEA, 3600.0, criterion=long, sensor=HOSTILE),),
    )
    opened = open_page(browser, tmp_path / "night.html", render_page(night))
    opened.page.focus("#panels")
    opened.page.keyboard.press("n")
    opened.view()
    assert opened.page.evaluate("window.harmed") is None
    assert opened.page.locator("script").count() == 2
    assert opened.page.locator("img").count() == 0
    shown = opened.page.inner_text("body")
    assert "<script>window.harmed = 1</script>" in shown  # as a text, for all to see
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert max(len(word) for word in shown.split()) < 500
    assert opened.complaints == []
    assert len(opened.requests) == 1
    opened.page.close()
