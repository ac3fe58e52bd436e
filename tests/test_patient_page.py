"""The page of a patient: numbers of the JSON, links to pages that exist, opened in a real browser."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from night_builder import make_recording, make_result
from patient_nights import FIRST, make_night, make_nights
from test_page import Elements
from test_page_browser import Opened, open_page

from hsat.cli.main import main
from hsat.nights.summary import summarize_nights
from hsat.nights.treatment import compare_treatment
from hsat.patient import PatientSummary
from hsat.report.document import night_json
from hsat.report.drawing import Box, Dot, Drawing, Stroke, Words, value_ticks
from hsat.report.page import render_page
from hsat.report.page_links import find_night_pages
from hsat.report.patient_document import patient_document
from hsat.report.patient_drawings import (
    draw_classes,
    draw_nights,
    draw_positions,
    draw_posterior,
    draw_strip,
    draw_treatment,
)
from hsat.report.patient_page import render_patient_page, render_treatment_page
from hsat.report.patient_plots import mean_top_per_h
from hsat.report.patient_view import view_patient
from hsat.report.pdf_inks import FONTS, INKS
from hsat.treatment import TreatmentResponse

STATIC = Path(__file__).resolve().parents[1] / "hsat" / "report" / "static"
HOSTILE = "</script><script>window.harmed = 1</script><img src=x onerror='window.harmed = 2'>\x1b[31m\u202e"
POSITION = {"supine_h": 2.5, "non_supine_h": 4.0, "supine_ahi_per_h": 31.2, "non_supine_ahi_per_h": 9.1}


@pytest.fixture(scope="module")
def summary() -> PatientSummary:
    nights = [*make_nights([75, 123, 95, 140], **POSITION), make_night(4, 20, 3.0), make_night(5, 5, 1.0)]
    return summarize_nights(nights)


@pytest.fixture(scope="module")
def many() -> PatientSummary:
    return summarize_nights(make_nights([20 + 37 * i % 60 for i in range(60)]), compare_priors=False)


@pytest.fixture(scope="module")
def response() -> TreatmentResponse:
    after = [make_night(30 + day, n, therapy="pap", severity=None) for day, n in enumerate((12, 20, 15))]
    return compare_treatment(make_nights([203, 180, 220]), after)


def plain(html: str) -> str:
    """What a reader sees: no tags, one blank for white space."""
    body = re.sub(r"<(script|style)>.*?</\1>", "", html[html.index("<body>") :], flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", body)
    for mark, character in (("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&#34;", '"'), ("&amp;", "&")):
        text = text.replace(mark, character)
    return " ".join(text.split())


# ---------------------------------------------------------------------------------- words and numbers


def test_every_row_of_the_view_stands_in_the_page(summary):
    """But the rows of single nights, which have a table of their own."""
    text, view = plain(render_patient_page(summary)), view_patient(summary)
    for words in (view.headline, *view.remarks, *view.closing):
        assert " ".join(words.split()) in text
    for section in (view.facts, *view.sections[1:]):
        for row in section.rows:
            assert " ".join(f"{row.label} {row.value}".split()) in text
            assert row.remark in text
        assert section.text in text
    for title, items in view.lists:
        assert title in text
        for item in items:
            assert item in text


def test_numbers_are_those_of_the_json(summary):
    """Rounded here by hand."""
    html, document = render_patient_page(summary), patient_document(summary)
    text = plain(html)
    figures = dict(re.findall(r'class="label">([^<]+)</span> <span class="value">([^<]+)<', html))
    assert figures["Pooled AHI"] == f"{document['pooled_ahi_per_h']:.1f} /h"
    assert figures["Long-run mean"] == f"{document['posterior']['mean_ahi_per_h']:.1f} /h"
    assert figures["AHI supine"] == f"{document['position']['supine_ahi_per_h']:.1f} /h"
    assert ", between mild and moderate (" in text[: text.index("These")]
    for night in document["nights"]:
        when = night["start_local"].replace("T", " ")[:16]
        assert f"{when} {night['ahi_per_h']:.1f} /h {night['severity']} {night['n_events']} events" in text
    for name in ("mild", "moderate"):
        share = f"{100 * document['posterior']['class_probability'][name]:.0f} %"
        assert re.search(rf"{name}, \d+ to \d+ /h {share}", text)


def test_left_out_nights_have_their_reasons(summary):
    assert "night-6.edf: inadequate: less than 2 h that can be judged (1.00 h)" in plain(
        render_patient_page(summary)
    )


def test_a_patient_without_a_usable_night_has_a_page_that_says_why():
    text = plain(render_patient_page(summarize_nights([make_night(0, 5, 1.0)])))
    assert "No night of this patient can be used" in text
    assert "night-1.edf: inadequate" in text


def test_a_treatment_shows_both_sides_and_the_numbers_of_the_json(response):
    html = render_treatment_page(response)
    figures = dict(re.findall(r'class="label">([^<]+)</span> <span class="value">([^<]+)<', html))
    assert figures["Change"] == f"{response.change_per_h:+.1f} /h"
    assert figures["Relative change"] == f"{response.change_percent:+.0f} %"
    text = plain(html)
    assert "Nights before" in text
    assert "Nights on treatment" in text
    for night in (*response.before.nights, *response.after.nights):
        assert f"{night.start_local:%Y-%m-%d %H:%M} {night.ahi_per_h:.1f} /h" in text


# --------------------------------------------------------------------------------------------- links


def links_of(html: str) -> list[str]:
    return [value for tag, name, value in Elements(html).attributes() if tag == "a" and name == "href"][1:]


def test_each_night_leads_to_its_page_where_there_is_one(summary):
    html = render_patient_page(summary, ["a/night-1.night.html", None, None, "night-4.night.html", None])
    assert links_of(html) == ["./a/night-1.night.html", "./night-4.night.html"]
    assert links_of(render_patient_page(summary)) == []


@pytest.mark.parametrize(
    ("link", "reference"),
    [
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("//host/page", "./host/page"),
        ("../../etc/passwd", "./etc/passwd"),
        ("a b#c?d.html", "./a%20b%23c%3Fd.html"),
        ('"><script>', "./%22%3E%3Cscript%3E"),
    ],
)
def test_a_link_can_lead_nowhere_but_below(summary, link, reference):
    assert links_of(render_patient_page(summary, [link, None, None, None, None])) == [reference]


def test_links_for_other_nights_than_there_are_is_an_error(summary):
    with pytest.raises(ValueError, match="expected one a night, 5 nights, got 1"):
        render_patient_page(summary, ["a.html"])


def page_of(day: int) -> str:
    """A page of a night; 0 is the first of `make_nights`."""
    return render_page(make_result(recording=make_recording(start_local=FIRST + timedelta(days=day))))


def test_pages_are_found_by_name_and_only_of_the_same_date(summary, tmp_path):
    (tmp_path / "night-1.night.html").write_text(page_of(0), encoding="utf-8")
    (tmp_path / "night-2.night.html").write_text(page_of(7), encoding="utf-8")
    assert find_night_pages(summary.nights, tmp_path) == ("night-1.night.html", None, None, None, None)


def test_no_link_where_two_recordings_have_one_name(tmp_path):
    nights = summarize_nights([make_night(n, 70, file=f"{n}/night.edf") for n in range(2)]).nights
    (tmp_path / "night.night.html").write_text(page_of(0), encoding="utf-8")
    assert find_night_pages(nights, tmp_path) == (None, None)


# ------------------------------------------------------------------------------------------ drawings


def drawings_of(summary: PatientSummary, response: TreatmentResponse) -> list[Drawing]:
    found = [draw_nights(summary, 40.0), draw_posterior(summary), draw_classes(summary.posterior)]
    found += [draw_positions(summary), draw_treatment(response)]
    return [*found, *(draw_strip(night, 40.0, has_class=True) for night in summary.nights)]


def test_every_style_of_a_drawing_has_its_looks_on_paper_and_in_the_page(summary, response):
    css = (STATIC / "patient.css").read_text() + (STATIC / "night.css").read_text()
    shapes = [shape for drawing in drawings_of(summary, response) for shape in drawing.shapes]
    assert len(shapes) > 100
    for style in {shape.style for shape in shapes if isinstance(shape, Words)}:
        assert style in FONTS
    for style in {shape.style for shape in shapes if not isinstance(shape, Words)}:
        assert style in INKS
        assert any(f".{word}" in css for word in style.split()), style


def test_nights_stand_at_their_height_over_their_day():
    """40 /h over the 180 units between 202 (0) and 22: 10 /h are 45 units; days are equally far apart."""
    summary = summarize_nights([make_night(day, 65) for day in (0, 1, 3)])
    drawing = draw_nights(summary, 40.0)
    dots = [shape for shape in drawing.shapes if isinstance(shape, Dot)]
    assert [dot.y for dot in dots] == [pytest.approx(202.0 - 45.0)] * 3
    assert dots[2].x - dots[1].x == pytest.approx(2.0 * (dots[1].x - dots[0].x), abs=0.02)
    days = [shape.text for shape in drawing.shapes if isinstance(shape, Words) and " Mar" in shape.text]
    assert days == ["01 Mar", "02 Mar", "03 Mar", "04 Mar"]


def test_a_partial_night_is_drawn_open(summary):
    dots = [shape.style for shape in draw_nights(summary, 40.0).shapes if isinstance(shape, Dot)]
    assert dots == ["night"] * 4 + ["night partial"]
    bars = [
        shape
        for shape in draw_strip(summary.nights[4], 40.0, has_class=True).shapes
        if shape.style == "bar partial"
    ]
    assert [bar.width for bar in bars] == [pytest.approx(150.0 * 20 / 3.0 / 40.0, abs=0.01)]


def test_bars_of_classes_are_as_long_as_their_probability(summary):
    posterior = summary.posterior
    bars = [s for s in draw_classes(posterior).shapes if isinstance(s, Box) and s.style.startswith("bar")]
    tracks = [s for s in draw_classes(posterior).shapes if isinstance(s, Box) and s.style == "track"]
    shares = [bar.width / track.width for bar, track in zip(bars, tracks, strict=True)]
    assert shares == pytest.approx(list(posterior.class_probability.values()), abs=1e-3)
    assert [bar.style for bar in bars].index("bar main") == list(posterior.class_probability).index(
        posterior.severity
    )


def test_the_curve_is_highest_where_the_posterior_is(summary):
    (curve,) = [s for s in draw_posterior(summary).shapes if isinstance(s, Stroke) and s.style == "density"]
    x, _ = min(curve.points, key=lambda point: point[1])
    posterior = summary.posterior
    at = posterior.grid_ahi_per_h[posterior.density.argmax()]
    axis = max(x for x, _ in curve.points)
    assert (x - 34.0) / (axis - 34.0) * mean_top_per_h(posterior) == pytest.approx(at, abs=0.6)


@pytest.mark.parametrize(
    ("top", "ticks"), [(10.0, (0, 2, 4, 6, 8, 10)), (37.0, (0, 10, 20, 30)), (61.0, (0, 15, 30, 45, 60))]
)
def test_ticks_are_round(top, ticks):
    assert value_ticks(top) == ticks


# ------------------------------------------------------------------------------------------- safety


def test_only_the_pages_own_script_and_style_may_run_and_nothing_comes_from_outside(summary, response):
    for html in (render_patient_page(summary), render_treatment_page(response)):
        elements = Elements(html)
        policy = next(value for _, _, value in elements.attributes() if value.startswith("default-src"))
        for tag in ("script", "style"):
            (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
        for tag, name, value in elements.attributes():
            assert not name.startswith("on"), f"{tag} {name}"
            assert name not in {"style", "src", "action", "formaction", "srcdoc"}, f"{tag} {name}"
            if name == "href":
                assert value.startswith("#")


def hostile_summary() -> PatientSummary:
    long = HOSTILE + 10_000 * "x"
    nights = [
        make_night(
            day, 60 + day, patient=long, file=f"../../{HOSTILE}{day}", reasons=(long,), rules_id=HOSTILE
        )
        for day in range(3)
    ]
    return summarize_nights([*nights, make_night(4, 2, 0.5, patient=long, file=long, rules_id=HOSTILE)])


# ------------------------------------------------------------------------------------ a real browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory, summary) -> Path:
    folder = tmp_path_factory.mktemp("patient")
    (folder / "night-1.night.html").write_text(page_of(0), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def opened(browser, folder, summary) -> Iterator[Opened]:
    html = render_patient_page(summary, find_night_pages(summary.nights, folder))
    opened = open_page(browser, folder / "patient.html", html)
    yield opened
    opened.page.close()


def test_it_draws_complains_of_nothing_and_asks_no_network(opened):
    assert opened.page.locator("figure.chart svg").count() == 4
    sizes = opened.page.evaluate(
        "[...document.querySelectorAll('figure.chart svg')].map(svg => svg.getBoundingClientRect().height)"
    )
    assert min(sizes) > 50
    assert opened.complaints == []
    assert len(opened.requests) == 1


def test_the_keyboard_reaches_the_night_and_opens_its_page(browser, folder, summary):
    opened = open_page(
        browser,
        folder / "keys.html",
        render_patient_page(summary, find_night_pages(summary.nights, folder)),
    )
    for _ in range(4):  # skip link, theme, the region of the table, the first night
        opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.textContent") == "2026-03-01 22:30"
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_selector("#traces")
    assert opened.page.title().startswith("Night of 2026-03-01")
    opened.page.close()


def test_light_and_dark(opened):
    def paper() -> str:
        return opened.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    opened.page.emulate_media(color_scheme="light")
    assert paper() == "rgb(255, 255, 255)"
    opened.page.emulate_media(color_scheme="dark")
    assert paper() == "rgb(20, 24, 28)"
    given_up_s = time.monotonic() + 60.0
    while opened.page.inner_text("#theme") != "Light":  # the page hears of it a moment after the style does
        assert time.monotonic() < given_up_s
        time.sleep(0.02)
    opened.page.click("#theme")
    assert paper() == "rgb(255, 255, 255)"
    opened.page.click("#theme")
    opened.page.emulate_media(color_scheme="light")


def test_everything_that_is_drawn_has_a_name_and_every_table_its_heads(opened):
    assert opened.page.evaluate(
        "[...document.querySelectorAll('figure.chart svg')].every(svg => svg.getAttribute('aria-label'))"
    )
    assert opened.page.get_by_role("rowheader", name="2026-03-02 22:30").count() == 1
    assert opened.page.get_by_role("columnheader").count() == 8
    assert opened.page.get_by_role("heading", level=1).inner_text() == "Patient P-1"


@pytest.mark.parametrize("name", ["patient", "many", "treatment"])
def test_it_prints_on_one_sheet_and_fits_a_narrow_screen(browser, tmp_path, summary, many, response, name):
    html = {
        "patient": lambda: render_patient_page(summary),
        "many": lambda: render_patient_page(many),
        "treatment": lambda: render_treatment_page(response),
    }[name]()
    opened = open_page(browser, tmp_path / "page.html", html)
    assert opened.page.pdf(format="A4").count(b"/Type /Page\n") == 1
    opened.page.set_viewport_size({"width": 380, "height": 800})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 380
    assert opened.complaints == []
    opened.page.close()


def test_hostile_texts_do_nothing(browser, tmp_path):
    opened = open_page(browser, tmp_path / "p.html", render_patient_page(hostile_summary(), [HOSTILE] * 3))
    assert opened.page.evaluate("window.harmed") is None
    assert opened.page.locator("script").count() == 1
    assert opened.page.locator("img").count() == 0
    shown = opened.page.inner_text("body")
    assert "<script>window.harmed = 1</script>" in shown
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert max(len(word) for word in shown.split()) < 500
    assert opened.complaints == []
    assert len(opened.requests) == 1
    opened.page.close()


# ----------------------------------------------------------------------------------- the command line


def store(folder: Path, day: int) -> None:
    """A night whose AHI is that of its few counted events, as a stored night's has to be."""
    folder.mkdir(exist_ok=True)
    night = make_result(recording=make_recording(start_local=FIRST + timedelta(days=day)))
    n_counted = sum(event.is_counted for event in night.events)
    ahi_per_h = n_counted / night.monitored.monitoring_h
    night = replace(night, indices=replace(night.indices, ahi_per_h=ahi_per_h), severity="normal")
    (folder / f"n{day}.night.json").write_text(night_json(night), encoding="utf-8")


def test_format_html_writes_a_page_with_links_to_pages_beside_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for day in range(2):
        store(Path("scored"), day)
    Path("pages").mkdir()
    assert main(["patient", "scored", "--format", "html", "--out", "pages"]) == 0
    assert [path.name for path in Path("pages").iterdir()] == ["patient.html"]
    out = capsys.readouterr().out
    assert out.startswith("AHI ")
    html = Path("pages/patient.html").read_text(encoding="utf-8")
    assert links_of(html) == []
    assert main(["patient", "scored", "--format", "html"]) == 0
    assert capsys.readouterr().out == html


def test_links_on_the_command_line_are_to_pages_of_these_nights(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sample = Path(__file__).resolve().parents[1] / "data" / "samples" / "night-1.edf"
    assert main(["score", str(sample), "--format", "html", "--out", "pages"]) == 0
    assert main(["score", str(sample), "--format", "json", "--out", "scored"]) == 0
    assert main(["patient", "scored", "--format", "html", "--out", "pages"]) == 0
    assert links_of(Path("pages/patient.html").read_text(encoding="utf-8")) == ["./night-1.night.html"]
    capsys.readouterr()
    assert main(["patient", "scored", "--format", "json"]) == 0
    pooled = json.loads(capsys.readouterr().out)["pooled_ahi_per_h"]
    assert f"{pooled:.1f} /h" in Path("pages/patient.html").read_text(encoding="utf-8")


def test_a_treatment_is_written_as_asked(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for day in range(3):
        store(Path("scored"), day)
    words = ["treatment", "--before", "scored/n0.night.json", "scored/n1.night.json"]
    words += ["--after", "scored/n2.night.json", "--treatment", "appliance"]
    for form, ending in (("text", "txt"), ("json", "json"), ("html", "html")):
        assert main([*words, "--format", form, "--out", "out"]) == 0
        stored = Path(f"out/treatment.{ending}").read_text(encoding="utf-8")
        printed = capsys.readouterr().out
        assert (printed == stored) == (form != "html")
        assert "Mean AHI" in stored or json.loads(stored)["schema"] == "hsat.treatment/1"
