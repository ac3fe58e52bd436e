"""The night's page as a file: its numbers are those of the JSON, nothing in it comes from outside."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from night_builder import make_event, make_recording, make_result
from test_report import HOSTILE, hostile_night

from benchmarks.edf_files import small_night, write_edf
from hsat.cli.main import main
from hsat.distribution import describe_distribution
from hsat.errors import HsatError
from hsat.events import EventKind
from hsat.recording import ArraySource, Calibration, DeviceInfo, Recording, Signal, SourceFile, Subject
from hsat.report.document import night_document
from hsat.report.limits import limits_of
from hsat.report.page import render_page
from hsat.report.page_charts import night_charts
from hsat.report.page_data import page_document, script_json
from hsat.report.text import night_text
from hsat.report.traces import code_spans, read_traces
from hsat.score import score_night
from hsat.simulate import make_night

STATIC = Path(__file__).resolve().parents[1] / "hsat" / "report" / "static"
MEGABYTE = 1_000_000


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def attributes(self) -> list[tuple[str, str, str]]:
        return [(tag, name, value or "") for tag, pairs in self.found for name, value in pairs.items()]


def embedded(html: str) -> dict:
    """The document that the page's script reads."""
    found = re.search(r'<script type="application/json" id="night-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def samples_of(trace: dict) -> np.ndarray:
    stored = np.frombuffer(base64.b64decode(trace["data"]), "<i2").astype(np.float64)
    assert len(stored) == trace["n"]
    return np.where(stored == -32_768, np.nan, trace["offset"] + trace["step"] * stored)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return make_night(seed=4, duration_h=2.5, events_per_h=25.0, near_misses_per_h=6.0).recording


@pytest.fixture(scope="module")
def night(recording):
    return score_night(recording)


@pytest.fixture(scope="module")
def html(night, recording) -> str:
    return render_page(night, recording)


# ---------------------------------------------------------------------------- numbers of the night


def test_events_of_the_page_are_those_of_the_json(night, html):
    document = night_document(night)
    data = embedded(html)["events"]
    keys = ("start_s", "stop_s")
    wanted = sorted(
        [
            (item["start_s"], item["stop_s"], item.get("kind", "candidate"), item["baseline_excursion"])
            for item in [*document["events"], *document["rejected"]]
        ]
    )
    assert len(document["rejected"]) > 0
    assert [(*(item[key] for key in keys), item["kind"], item["baseline"]) for item in data] == wanted
    falls = {item["start_s"]: item["desaturation"] for item in [*document["events"], *document["rejected"]]}
    for item in data:
        fall = falls[item["start_s"]]
        assert item["fall"] == (None if fall is None else list(fall.values()))


def test_numbers_at_the_head_are_those_of_the_json(night, html):
    """Rounded here by hand: one decimal for rates, none for SpO2 and pulse."""
    indices = night_document(night)["indices"]
    figures = dict(re.findall(r'class="label">([^<]+)</span> <span class="value">([^<]+)<', html))
    assert figures["AHI"] == f"{indices['ahi_per_h']:.1f} /h"
    assert figures["ODI4"] == f"{indices['odi4_per_h']:.1f} /h"
    assert figures["Lowest SpO2"] == f"{indices['min_spo2_percent']:.0f} %"
    assert figures["T90"] == f"{indices['t90_percent']:.1f} % of time"
    assert figures["Mean pulse"] == f"{indices['mean_pulse_bpm']:.0f} bpm"


def test_every_line_of_the_text_report_stands_in_the_page(night, html):
    """Both come from one view: labels, values and remarks of the text are looked for in the page."""
    flat = " ".join(re.sub(r"<[^>]+>", " ", html).split()).replace("&gt;", ">").replace("&#39;", "'")
    for line in night_text(night).splitlines():
        words = re.split(r"\s{2,}", line.strip(" -="))
        if len(words) == 2:
            assert words[0] in flat
            assert words[1].strip("()") in flat


def test_charts_have_the_numbers_of_the_json(night, html):
    document = night_document(night)
    table = html.split('id="chart-hours"')[1].split("</table>")[0]
    cells = re.findall(r"<td>([^<]+)</td>", table)
    assert [int(n) for n in cells[1::3]] == [hour["n_events"] for hour in document["hours"]]
    rates = [hour["ahi_per_h"] for hour in document["hours"]]
    assert [float(text.split()[0]) for text in cells[0::3]] == pytest.approx(rates, abs=0.051)
    table = html.split('id="chart-drops"')[1].split("</table>")[0]
    cells = re.findall(r"<td>([^<]+)</td>", table)
    assert [int(n) for n in cells] == [row["n_desaturations"] for row in document["drops"]]


def test_the_page_says_automatic_or_edited_rules_version_sensor_and_averaging(night, html):
    assert "automatic scoring" in html
    assert f"Rules {night.rules_id}; hsat {night.hsat_version}" in html
    assert "<dt>Airflow</dt><dd>flow (&#39;Flow&#39;, 25 Hz)</dd>" in html
    assert "averages over 3 s" in html
    assert "Interpreting physician: ____" in html
    assert "Edited scoring" not in html
    assert "Edited scoring: computed from an event list" in render_page(replace(night, scoring="edited"))
    unknown = replace(night, recording=replace(night.recording, device=DeviceInfo(profile="x", name="X")))
    assert "averaging time not stated" in render_page(unknown)


# -------------------------------------------------------------------------------------- the signals


def test_spo2_is_kept_to_the_sample(recording, html):
    trace = next(trace for trace in embedded(html)["traces"] if trace["name"] == "spo2")
    assert trace["step"] == 1.0
    np.testing.assert_array_equal(samples_of(trace), recording.signal("spo2").values)


def test_flow_is_kept_within_half_a_step(recording, html):
    trace = next(trace for trace in embedded(html)["traces"] if trace["name"] == "flow")
    values = recording.signal("flow").values
    assert trace["rate_hz"] == recording.signal("flow").rate_hz
    assert np.max(np.abs(samples_of(trace) - values)) <= 0.5001 * (values.max() - values.min()) / 65_534


def array_recording(duration_s: float = 100.0, **arrays: tuple[float, np.ndarray]) -> Recording:
    source = ArraySource(arrays=tuple(np.asarray(values, np.float32) for _, values in arrays.values()))
    signals = tuple(
        Signal(
            name=name,
            rate_hz=rate_hz,
            unit="au",
            n_samples=len(values),
            source_label=name,
            source=source,
            source_index=place,
        )
        for place, (name, (rate_hz, values)) in enumerate(arrays.items())
    )
    return Recording(
        signals=signals,
        start_local=None,
        duration_s=duration_s,
        gaps_s=np.empty((0, 2)),
        device=DeviceInfo(profile="generic", name="by hand"),
        subject=Subject(),
        source=SourceFile(path="hand", n_bytes=0, format="memory"),
    )


def test_a_copy_of_flow_has_the_means_of_its_bins():
    """64 Hz to 32 Hz: means of pairs; a pair that is missing is missing, of a half one the rest counts."""
    values = np.sin(np.arange(6400) / 20.0)
    values[100:102] = np.nan
    values[200] = np.nan
    (trace,) = read_traces(array_recording(flow=(64.0, values)))
    assert trace.rate_hz == 32.0
    expected = np.nanmean(np.ma.filled(values.astype(np.float32), np.nan).reshape(-1, 2)[60:], axis=1)
    np.testing.assert_allclose(trace.values[60:100], expected[:40], atol=1e-6)
    assert np.isnan(trace.values[50])
    assert trace.values[100] == pytest.approx(values[201], abs=1e-6)


def test_fast_spo2_is_the_sample_in_force_and_snore_the_span_of_each_step():
    spo2 = np.repeat(np.arange(100.0), 25)
    snore = np.zeros(100 * 100)
    snore[1000:1010] = np.tile([-3.0, 4.0], 5)
    traces = read_traces(array_recording(spo2=(25.0, spo2), snore=(100.0, snore)))
    spo2_trace, snore_trace = traces
    assert spo2_trace.rate_hz == 1.0
    np.testing.assert_array_equal(spo2_trace.values, np.arange(100.0))
    assert snore_trace.rate_hz == 2.0
    assert snore_trace.values[20] == 7.0
    assert np.count_nonzero(snore_trace.values) == 1


def test_a_sound_level_is_kept_by_its_highest():
    recording = array_recording(snore=(10.0, np.tile([40.0, 41.0, 62.0, 40.0, 40.0], 200)))
    (trace,) = read_traces(replace(recording, signals=(replace(recording.signals[0], unit="dB"),)))
    assert set(trace.values.tolist()) == {62.0}


def test_codes_that_mean_no_value_are_missing_in_the_copy():
    recording = array_recording(flow=(64.0, np.ones(6400)))
    signal = replace(recording.signals[0], calibration=Calibration(gain=2.0, missing_stored=(1.0,)))
    (trace,) = read_traces(replace(recording, signals=(signal,)))
    assert np.isnan(trace.values).all()


def test_position_becomes_stretches_of_one_code_without_gaps():
    codes = np.array([0.0] * 30 + [1.0] * 20 + [np.nan] * 10 + [1.0] * 40)
    (trace,) = read_traces(array_recording(position=(1.0, codes)))
    assert [(span.start_s, span.stop_s, span.code) for span in code_spans(trace)] == [
        (0.0, 30.0, 0),
        (30.0, 50.0, 1),
        (60.0, 100.0, 1),
    ]


@pytest.mark.parametrize(
    ("n_most", "rates"), [(10_000, (64.0, 32.0, 32.0)), (6000, (32.0, 10.0, 10.0)), (0, (1.0, 1.0, 1.0))]
)
def test_the_best_rates_are_taken_that_keep_to_the_samples_allowed(n_most, rates):
    """100 s: 96 samples a second make 9,600, 32 + 10 + 10 make 5,200."""
    flat = np.zeros(6400)
    recording = array_recording(flow=(64.0, flat), thorax=(64.0, flat), abdomen=(64.0, flat))
    found = read_traces(recording, n_most=n_most)
    assert tuple(trace.rate_hz for trace in found) == (min(rates[0], 32.0), *rates[1:])


def test_numbers_that_are_no_measurement_are_missing_in_the_page():
    flow = np.sin(np.arange(3200) / 10.0)
    flow[5], flow[6], flow[7] = np.inf, -np.inf, 1e35
    recording = array_recording(flow=(32.0, flow))
    document = page_document(make_result(), (), recording)
    values = samples_of(document["traces"][0])
    assert np.flatnonzero(np.isnan(values)).tolist() == [5, 6, 7]
    script_json(document)


def test_a_number_that_is_not_finite_never_reaches_the_page():
    with pytest.raises(HsatError, match="finite"):
        script_json({"value": float("nan")})


# ------------------------------------------------------------------------------- size, time, safety


def eight_hours(recording: Recording, n_times: int) -> Recording:
    """A night made of one that is repeated until it is 8 h long, airflow and belts stored n times as fast."""
    arrays = {}
    for signal in recording.signals:
        is_wave = signal.name in {"flow", "thorax", "abdomen"}
        rate_hz = signal.rate_hz * (n_times if is_wave else 1)
        values = np.repeat(signal.values, n_times) if is_wave else signal.values
        n_samples = round(8 * 3600 * rate_hz)
        arrays[signal.name] = (rate_hz, np.resize(values, n_samples))
    return array_recording(duration_s=8 * 3600.0, **arrays)


@pytest.mark.parametrize(
    ("seed", "events_per_h", "n_times", "most_bytes"),
    [(4, 25.0, 8, 5 * MEGABYTE), (5, 65.0, 1, 8 * MEGABYTE)],
)
def test_a_page_of_8_h_keeps_to_its_size(seed, events_per_h, n_times, most_bytes):
    """Airflow at 200 Hz and belts at 80 Hz; then 65 events an hour."""
    short = make_night(seed=seed, duration_h=1.0, events_per_h=events_per_h, near_misses_per_h=6.0).recording
    recording = eight_hours(short, n_times)
    night = score_night(recording)
    html = render_page(night, recording)
    assert len(night.events) > 0.8 * 8 * events_per_h
    assert MEGABYTE < len(html.encode()) < most_bytes


def test_only_the_pages_own_script_and_style_may_run(html):
    elements = Elements(html)
    policy = next(value for _, name, value in elements.attributes() if value.startswith("default-src"))
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives[directive] == f"'sha256-{digest}'"
    assert set(directives) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}


def test_nothing_in_the_page_points_outside_or_acts_by_itself(html):
    for tag, name, value in Elements(html).attributes():
        assert not name.startswith("on"), f"{tag} {name}"
        assert name not in {"style", "src", "action", "formaction", "srcdoc"}, f"{tag} {name}"
        if name == "href":
            assert value.startswith("#")


def test_hostile_texts_are_inert_in_the_page():
    night = hostile_night()
    closing = "</script><!--<script>"
    night = replace(night, events=(make_event(EventKind.HYPOPNEA, 1.0, criterion=closing, sensor=closing),))
    html = render_page(night)
    assert [tag for tag, _ in Elements(html).found].count("script") == 2
    assert closing not in html
    for mark in ("\x1b", "\x07", "\u202e", "\x00", "\u2028"):
        assert mark not in html
    html.encode("utf-8")
    assert r"\x1b[31mred" in html
    assert HOSTILE not in html


def test_labels_below_bars_never_touch_and_bins_are_named_at_their_edges(night):
    """A figure is some 6 pixels wide there; a bar stands right of the edge that its label names."""
    for chart in night_charts(night, describe_distribution(night)):
        shown = chart.bars[:: chart.label_step]
        assert len(shown) > 1
        for left, right in pairwise(shown):
            half = 3.0 * (len(left.label) + len(right.label))
            assert right.label_x - left.label_x >= half
        if chart.key in ("durations", "drops"):
            assert all(bar.label_x < bar.x for bar in chart.bars)
        else:
            assert all(bar.label_x == bar.middle for bar in chart.bars)


def test_a_night_of_14_h_leaves_labels_out_and_none_from_the_table():
    """14 hours of 23 pixels each: a label of five figures takes more than one."""
    recording = make_night(seed=2, duration_h=14.0, events_per_h=10.0).recording
    chart = render_page(score_night(recording)).split('id="chart-hours"')[1].split("</figure>")[0]
    drawn, table = chart.split("<details>")
    assert 5 < drawn.count('class="tick"') < table.count('<th scope="row">')
    assert table.count('<th scope="row">') >= 14


def test_words_from_the_right_move_no_number_beside_them():
    """By hand: Hebrew alone is isolated; the blank and the number behind it keep their places."""
    label = "\u05d6\u05e8\u05d9\u05de\u05d4 \u05d0 1 <b>"
    night = make_result()
    channels = tuple(
        replace(c, source_label=label) if c.name == "flow" else c for c in night.recording.channels
    )
    html = render_page(replace(night, recording=replace(night.recording, channels=channels)))
    words = "<bdi>\u05d6\u05e8\u05d9\u05de\u05d4 \u05d0</bdi> 1 &lt;b&gt;&#39;, "
    assert f"flow (&#39;{words}" in html


def test_a_label_of_10_kb_is_cut_and_says_so():
    long = "L" * 10_000
    channels = tuple(replace(channel, source_label=long) for channel in make_recording().channels)
    html = render_page(make_result(recording=make_recording(channels=channels)))
    assert max(len(run) for run in re.findall("L+", html)) <= 300
    assert re.search(r"L\.\.\. \(1\d{4} characters\)", html)


def test_the_plotting_library_is_the_one_that_its_readme_names():
    table = (STATIC / "uplot" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `([^`]+)` \| `([0-9a-f]{64})` \|", table)
    assert len(rows) == 3
    for name, digest in rows:
        assert hashlib.sha256((STATIC / "uplot" / name).read_bytes()).hexdigest() == digest


def test_the_page_carries_the_licence_of_the_plotting_library(html):
    assert "Copyright (c) 2022 Leon Sorokin" in html
    assert "Permission is hereby granted, free of charge" in html


# -------------------------------------------------------------------------------------- empty states


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"events": (), "rejected": ()}, "No event was counted."),
        ({"flow_sensor": None, "events": (), "rejected": ()}, "No airflow was recorded"),
        ({"adequacy": "inadequate", "reasons": ("too short",)}, "Night inadequate: too short."),
        ({"therapy": "pap"}, "Recorded under positive airway pressure"),
        ({}, "the traces are an overview in steps"),
        ({"recording": make_recording(start_local=None)}, "Night of start unknown"),
    ],
)
def test_what_a_night_lacks_is_said(changes, words):
    assert words in render_page(make_result(**changes))


def test_without_a_clock_times_count_from_the_start():
    html = render_page(make_result(recording=make_recording(start_local=None)))
    assert ">+1:00:00</button>" in html


def test_an_event_that_is_not_counted_says_so():
    html = render_page(make_result())
    (row,) = re.findall(r'<tr data-index="\d+" data-kind="hypopnea" class="uncounted">', html)
    assert row


# -------------------------------------------------------------------------------------------- limits


def test_limits_are_those_of_the_rule_set_that_is_named(night):
    limits = limits_of(night.rules_id)
    assert limits is not None
    assert (limits["hypopnea_min_reduction_fraction"], limits["min_desaturation_points"]) == (0.3, 4.0)
    assert limits["apnea_min_reduction_fraction"] == 0.9
    assert (limits["apnea_min_duration_s"], limits["hypopnea_min_duration_s"]) == (10.0, 10.0)


@pytest.mark.parametrize("rules_id", ["mine@0123456789ab", "aasm_1b@0123456789ab", "../../etc/passwd", ""])
def test_limits_of_other_rules_are_unknown(rules_id):
    assert limits_of(rules_id) is None


# --------------------------------------------------------------------------------- the command line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_edf(tmp_path / "night.edf", small_night(), duration_s=1800)
    return tmp_path


def test_format_html_prints_the_page_of_one_night(folder, capsys):
    assert main(["score", "night.edf", "--format", "html"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("<!DOCTYPE html>")
    assert not embedded(out)["is_overview"]


def test_format_html_writes_a_page_a_night_and_prints_the_table(folder, capsys):
    Path("other.edf").write_bytes(Path("night.edf").read_bytes())
    assert main(["score", "night.edf", "other.edf", "--format", "html", "--out", "pages"]) == 0
    assert sorted(path.name for path in Path("pages").iterdir()) == ["night.night.html", "other.night.html"]
    assert "2 of 2 files scored" in capsys.readouterr().out


def test_several_pages_need_a_folder(folder, capsys):
    Path("other.edf").write_bytes(Path("night.edf").read_bytes())
    assert main(["score", "night.edf", "other.edf", "--format", "html"]) == 2
    err = capsys.readouterr().err
    assert err == "hsat: --format html without --out DIR: expected one recording with it, got 2\n"


def test_a_page_is_not_poured_onto_a_terminal(folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["score", "night.edf", "--format", "html"]) == 2
    assert "--out DIR" in capsys.readouterr().err
