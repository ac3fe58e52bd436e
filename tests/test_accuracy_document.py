"""docs/accuracy.md holds what the benchmark measures today, and reads every night that is far off.

The expected tables come from measuring again; on recordings that are not here nothing is compared.
"""

import re
from pathlib import Path

import pytest

from benchmarks.accuracy import DOCUMENTS, PLANTED, REAL, all_figures, blocks, measure
from benchmarks.document import read_blocks, write_blocks
from benchmarks.figures import figure_table
from benchmarks.planted_nights import evaluate_fresh
from benchmarks.planted_tables import class_table, readme_table
from benchmarks.real_tables import FAR_PER_H
from benchmarks.simulations import FRESH_SENSORS, N_FRESH, RATES_PER_H, fresh_options

DOCUMENT, README = DOCUMENTS
NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
WRITE = "stale: run python3 -m benchmarks.accuracy --write and look at the difference"


def rows_of(block: str) -> list[list[str]]:
    """Cells of a Markdown table below its header."""
    lines = [line for line in block.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def assert_same(shown: str, measured: str, where: str) -> None:
    """The same words, and numbers that differ by no more than one in their last place."""
    shown_parts, measured_parts = NUMBER.split(shown), NUMBER.split(measured)
    assert shown_parts[::2] == measured_parts[::2], f"{where}: {WRITE}"
    for a, b in zip(shown_parts[1::2], measured_parts[1::2], strict=True):
        step = 10.0 ** -len(a.partition(".")[2]) if "." in a else 0.0
        assert abs(float(a) - float(b)) <= 1.001 * step, f"{where}: {a} is now {b}; {WRITE}"


def test_planted_and_real_figures_are_those_of_today(shared_data):
    measured = measure(shared_data, {PLANTED, REAL})
    now, shown = blocks(measured), read_blocks(DOCUMENT)
    assert "targets" not in now  # only some of the sets were measured
    targets = rows_of(figure_table(all_figures(measured)).as_markdown())
    assert len(targets) >= 15
    for name in now:
        assert_same(shown[name], now[name], name)
    stands = {(row[0], row[1]): row for row in rows_of(shown["targets"])}
    for row in targets:
        assert_same(" | ".join(stands[row[0], row[1]]), " | ".join(row), "targets")
    planted = readme_table({"planted nights": measured.truth[PLANTED]}).rows[0]
    assert_same(" | ".join(rows_of(read_blocks(README)["accuracy"])[0]), " | ".join(planted), "README.md")


def test_fresh_nights_are_scored_as_the_document_shows():
    stands = {row[0]: row for row in rows_of(read_blocks(DOCUMENT)["fresh"])}
    assert len(stands) == N_FRESH
    for row in class_table(evaluate_fresh(range(3))).rows:
        assert_same(" | ".join(stands[row[0]]), " | ".join(row), "fresh")


def test_every_part_of_the_documents_is_written():
    parts = {path.name: read_blocks(path) for path in DOCUMENTS}
    assert set(parts["README.md"]) == {"accuracy"}
    empty = [name for blocks_of in parts.values() for name, body in blocks_of.items() if not body.strip()]
    assert not empty, f"{empty}: {WRITE}"
    assert {"targets", "planted", "fresh", "hard", "resmed", "ap", "ucd", "slp60"} <= set(
        parts[DOCUMENT.name]
    )


def test_every_figure_that_is_not_met_is_explained_below_the_table():
    text = DOCUMENT.read_text(encoding="utf-8")
    explained = text.split("What is not met")[1].split("\n## ")[0]
    missed = [row for row in rows_of(read_blocks(DOCUMENT)["targets"]) if row[-1] != "yes"]
    for row in missed:
        key = {"kappa": "Kappa", "scored under any kind": "Labelled apneas"}.get(row[1], row[1].split(",")[0])
        assert key.lower() in explained.lower().replace("**", ""), f"{row[:2]}: no word on why it is not met"


def test_every_night_far_from_its_reference_has_its_reading():
    text = DOCUMENT.read_text(encoding="utf-8")
    readings = text.split("## Nights that differ by more than 5 events an hour")[1].split("\n## ")[0]
    rows = rows_of(read_blocks(DOCUMENT)["rates"])
    far = {row[0] for row in rows if abs(float(row[-1].strip("*"))) > FAR_PER_H}
    assert far
    missing = [name for name in far if not re.search(rf"^- .*\*\*{name}\*\*", readings, re.MULTILINE)]
    assert not missing, f"{missing}: differ by more than {FAR_PER_H:g} events/h, and nothing is said of why"


def test_at_least_five_real_events_are_read():
    text = DOCUMENT.read_text(encoding="utf-8").split("## Five and more real events")[1].split("\n## ")[0]
    assert len(re.findall(r"^\d+\. \*\*\S", text, re.MULTILINE)) >= 5


def test_fresh_nights_take_severities_and_sensors_in_turn():
    options = [fresh_options(place) for place in range(N_FRESH)]
    assert options == [fresh_options(place) for place in range(N_FRESH)]
    for low, high in RATES_PER_H:
        assert sum(low <= x["events_per_h"] < high for x in options) == N_FRESH // len(RATES_PER_H)
    for sensor in FRESH_SENSORS:
        assert sum(x["sensor"] == sensor for x in options) == N_FRESH // len(FRESH_SENSORS)
    assert {x["has_belts"] for x in options} == {True, False}


def document(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_writing_replaces_marked_parts_alone_and_twice_is_once(tmp_path):
    path = document(
        tmp_path / "a.md",
        "one\n<!-- begin x: by hand -->\nold\n<!-- end x -->\ntwo\n<!-- begin y -->\n<!-- end y -->\n",
    )
    assert write_blocks(path, {"x": "new \\1", "z": "nowhere"}) == ["x"]
    expected = (
        "one\n<!-- begin x: by hand -->\nnew \\1\n<!-- end x -->\ntwo\n<!-- begin y -->\n\n<!-- end y -->\n"
    )
    assert path.read_text(encoding="utf-8") == expected
    assert write_blocks(path, {"x": "new \\1"}) == []
    assert path.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(
    "text",
    [
        "<!-- begin x -->\n<!-- end x -->\n<!-- begin x -->\n<!-- end x -->\n",
        "<!-- begin x -->\nand no end\n",
        "<!-- begin x -->\n<!-- end y -->\n",
    ],
)
def test_a_part_that_stands_twice_or_is_not_closed_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match=r"a\.md: "):
        read_blocks(document(tmp_path / "a.md", text))
