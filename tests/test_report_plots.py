"""The figure of a night: its panels, units, axis and marks. No window, no pyplot."""

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from night_builder import make_recording, make_result

import hsat
from hsat.hypnogram import Hypnogram, SleepStage, StagedSpan
from hsat.results import ChannelInfo


@pytest.fixture(scope="module")
def figure():
    return make_result().plot()


def labels(axes) -> list[str]:
    return [text.get_text() for text in axes.get_xticklabels()]


def bars(axes) -> int:
    return sum(len(collection.get_paths()) for collection in axes.collections)


def test_panels_have_units(figure):
    flow, spo2, events = figure.axes
    assert flow.get_ylabel() == "breath excursion\n(L/min)"
    assert spo2.get_ylabel() == "SpO2 (%)"
    assert [text.get_text() for text in events.get_yticklabels()] == [
        "hypopnea",
        "apnea, unclassified",
        "mixed apnea",
        "central apnea",
        "obstructive apnea",
    ]


def test_axis_is_the_clock_where_the_start_is_known(figure):
    events = figure.axes[-1]
    assert labels(events)[:4] == ["22:30", "23:00", "23:30", "00:00"]
    assert events.get_xticks()[3] == pytest.approx(1.5)
    assert events.get_xlim() == (0.0, 8.0)


def test_ticks_fall_on_whole_hours_of_the_clock():
    start = make_recording().start_local.replace(minute=50, second=30)
    events = make_result(recording=make_recording(start_local=start)).plot().axes[-1]
    assert labels(events)[0] == "23:00"
    assert events.get_xticks()[0] == pytest.approx(570.0 / 3600.0)


def test_axis_is_hours_where_it_is_not():
    events = make_result(recording=make_recording(start_local=None)).plot().axes[-1]
    assert events.get_xlabel().startswith("hours from the start")


def test_every_event_is_marked_and_every_excluded_span_shaded(figure):
    flow, _, events = figure.axes
    assert bars(events) == 4
    assert len(flow.patches) == len(events.patches) == 3


def test_a_missing_channel_leaves_its_panel_out():
    night = make_result()
    night = replace(night, overview=replace(night.overview, spo2_percent=None))
    assert len(night.plot().axes) == 2
    night = replace(night, overview=replace(night.overview, flow_excursion=None))
    assert len(night.plot().axes) == 1


def test_a_hostile_unit_and_an_empty_night_are_drawn(tmp_path):
    channel = ChannelInfo(name="flow", source_label="x", rate_hz=1.0, unit="$\\frac{\x1b")
    night = make_result(recording=make_recording(channels=(channel,), duration_s=0.0), events=())
    night = replace(night, overview=replace(night.overview, flow_excursion=np.full(3, np.nan, np.float32)))
    night.plot().savefig(tmp_path / "night.png", dpi=40)
    assert (tmp_path / "night.png").stat().st_size > 1000


def test_drawing_needs_no_pyplot():
    code = (
        "import night_builder, sys\n"
        "night_builder.make_result().plot()\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    tests = Path(__file__).parent
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tests,
        env={**os.environ, "PYTHONPATH": str(tests.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.strip() == "False", process.stderr


def test_oximetry_alone_shows_desaturations_in_the_place_of_events():
    night = make_result(flow_sensor=None)
    figure = replace(night, overview=replace(night.overview, flow_excursion=None)).plot()
    assert len(figure.axes) == 2
    panel = figure.axes[-1]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["desaturation"]
    falls = panel.collections[0].get_paths()
    assert len(falls) == len(night.desaturations) == 1
    edges_h = falls[0].vertices[:, 0]
    assert edges_h.min() == pytest.approx(night.desaturations[0].start_s / 3600.0)
    assert edges_h.max() == pytest.approx(night.desaturations[0].stop_s / 3600.0)
    assert figure.axes[0].get_title(loc="left").startswith("Oximetry only: AHI not measured, ODI3 20.2 /h")


def test_a_hypnogram_is_drawn_above_all_else():
    night = make_result()
    spans = (StagedSpan(0.0, 3600.0, SleepStage.WAKE), StagedSpan(3600.0, 9000.0, SleepStage.REM))
    monitored = replace(night.monitored, hypnogram=Hypnogram(spans=spans))
    figure = replace(night, monitored=monitored).plot()
    assert len(figure.axes) == 4
    panel = figure.axes[0]
    rows = [text.get_text() for text in panel.get_yticklabels()]
    assert rows == ["N3", "N2", "N1", "REM", "sleep", "wake"]
    drawn = {
        rows[i]: [tuple(np.unique(path.vertices[:, 0])) for path in panel.collections[i].get_paths()]
        for i in range(len(rows))
    }
    assert {name: bars for name, bars in drawn.items() if bars} == {"wake": [(0.0, 1.0)], "REM": [(1.0, 2.5)]}


def test_a_notebook_shows_the_figure_with_its_colours_kept():
    """Read back by Pillow: what Jupyter asks for is a small PNG in which rare colours are not lost."""
    from PIL import Image

    figure = make_result().plot()
    shown, full = figure._repr_png_(), io.BytesIO()
    figure.savefig(full, dpi=75.0)
    with Image.open(full) as image, Image.open(io.BytesIO(shown)) as small:
        assert small.format == "PNG"
        assert small.size == image.size
        drawn = image.convert("RGB").getcolors(1 << 20)
        kept = np.array([colour for _, colour in small.convert("RGB").getcolors(1 << 20)])
    assert len(shown) < len(full.getvalue())
    assert len(kept) <= 128
    for n_pixels, colour in drawn:
        if n_pixels >= 20:
            assert np.abs(kept - np.array(colour)).sum(axis=1).min() < 24, colour


def test_figures_are_gathered_in_one_module():
    night = make_result()
    figure = hsat.plot.plot_night(night)
    assert [axes.get_ylabel() for axes in figure.axes] == [axes.get_ylabel() for axes in night.plot().axes]
