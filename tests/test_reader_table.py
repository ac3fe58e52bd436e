"""The table of readers: it calls right what is right, and sees each thing that can be wrong."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from edf_bytes import Channel, Header, annotation_channel, build, time_keeping

from benchmarks.readers import READERS, Facts, header_facts, judge, odd_facts

START = datetime(2026, 3, 3, 22, 30)
RIGHT = Facts(duration_s=42.0, n_gaps=1, start=START, n_signals=(2,), n_samples=(400, 40))


@pytest.fixture
def path(tmp_path):
    """Two signals, forty records of one second, two seconds of silence in the middle."""
    ramp = np.arange(400).reshape(40, 10)
    lists = time_keeping([f"+{i + 2 * (i >= 20)}" for i in range(40)])
    channels = [
        Channel(label="Flow", stored=ramp),
        Channel(label="SpO2", stored=ramp[:, :1]),
        annotation_channel(lists),
    ]
    path = tmp_path / "gap.edf"
    path.write_bytes(build(Header(reserved="EDF+D"), channels))
    return path


def test_header_facts_of_a_made_file(path):
    assert header_facts(path) == replace(RIGHT, n_signals=(2, 3))


def test_verdicts_of_the_four_readers_on_a_gap(path):
    verdicts = {name: judge(read, path, RIGHT) for name, read in READERS.items()}
    assert verdicts["hsat"] == "right"
    assert verdicts["pyedflib"].startswith("refused: OSError")
    assert verdicts["edfio"] == "WRONG: 1 gaps closed, duration 40 s, not 42 s"
    assert verdicts["MNE"].startswith("WRONG: 1 gaps closed, duration 40 s, not 42 s")


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "right"),
        ({"duration_s": 42.5}, "right"),
        ({"duration_s": 42.6}, "WRONG: duration 42.6 s, not 42 s"),
        ({"n_gaps": 2}, "WRONG: 2 gaps, not 1"),
        ({"start": None}, "WRONG: no start"),
        ({"start": START + timedelta(seconds=60)}, f"WRONG: start 2026-03-03 22:31:00, not {START}"),
        ({"n_signals": (3,)}, "WRONG: 3 signals, not 2"),
        ({"n_samples": (400, 400)}, "WRONG: samples resampled"),
    ],
)
def test_each_thing_that_can_be_wrong(path, change, verdict):
    assert judge(lambda _: replace(RIGHT, **change), path, RIGHT) == verdict


def test_samples_that_are_destroyed_must_not_be_read(path):
    assert judge(lambda _: RIGHT, path, None).startswith("WRONG")


def test_hsat_is_never_wrong_on_the_odd_files(shared_data):
    folder = shared_data / "odd"
    facts = odd_facts(folder)
    assert len(facts) == 34
    verdicts = {name: judge(READERS["hsat"], folder / name, right) for name, right in facts.items()}
    assert {name for name, verdict in verdicts.items() if verdict != "right"} == {
        name for name, right in facts.items() if right is None
    }
