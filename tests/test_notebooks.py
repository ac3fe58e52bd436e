"""Notebooks use the public interface alone, run, and show what they print today.

``HSAT_WRITE_NOTEBOOKS=1 python -m pytest tests/test_notebooks.py`` writes what they print and draw into them.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
IS_WRITING = os.environ.get("HSAT_WRITE_NOTEBOOKS") == "1"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUN = """
import json, sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", coalesce_streams=True).execute()
if len(sys.argv) > 2:
    for cell in notebook.cells:
        cell.metadata.clear()
    nbformat.write(notebook, sys.argv[1])
print(json.dumps([c.get("outputs", []) for c in notebook.cells]))
"""


def joined(outputs):
    """The texts of a cell; what one stream wrote in several pieces is one text, as a busy machine cuts it."""
    texts, last = [], None
    for output in outputs:
        stream, text = output.get("name"), "".join(output.get("text", ""))
        if stream is not None and stream == last:
            texts[-1] += text
        else:
            texts.append(text)
        last = stream
    return texts


def printed(cells):
    return [joined(cell.get("outputs", [])) for cell in cells]


def test_pieces_of_one_stream_are_one_text():
    out, figure = {"name": "stdout", "text": "a\n"}, {"output_type": "display_data", "data": {}}
    error = {"name": "stderr", "text": ["c"]}
    assert joined([out, {**out, "text": ["b", "\n"]}, figure, out, error]) == ["a\nb\n", "", "a\n", "c"]


def test_there_is_a_notebook_for_each_of_these():
    subjects = {"one_night", "rules_compared", "multi_night", "your_own_scorings", "cohort"}
    assert subjects <= {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in NOTEBOOKS])
def test_notebook_runs_and_prints_what_it_shows(path, tmp_path):
    """In a process of its own: the messaging of notebooks has warnings that are not ours."""
    process = subprocess.run(
        [sys.executable, "-c", RUN, str(path), *(["write"] if IS_WRITING else [])],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    shown = printed(json.loads(path.read_text(encoding="utf-8"))["cells"])
    assert [joined(outputs) for outputs in json.loads(process.stdout.splitlines()[-1])] == shown


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in NOTEBOOKS])
def test_notebook_uses_public_names_alone(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert "import hsat" in code
    assert not re.search(r"from hsat|import hsat\.|hsat\._|hsat\.(?!plot\.)\w+\.", code)
    assert path.stat().st_size < 200_000


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in NOTEBOOKS])
def test_notebook_shows_its_figures_and_no_place_of_a_machine(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [text for text in printed(cells) for words in text if "/tmp" in words or "/home" in words]
    for cell in cells:
        if cell["cell_type"] == "code" and ".plot" in cell["source"][-1]:
            assert any("image/png" in output.get("data", {}) for output in cell["outputs"])


def test_severity_limits_come_from_the_rules():
    """A notebook that needs the limits of the classes asks the rule set for them."""
    for path in NOTEBOOKS:
        code = "".join(
            "".join(cell["source"])
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
            if cell["cell_type"] == "code"
        )
        assert not re.search(r"\[\s*5(\.0)?\s*,\s*15(\.0)?\s*,\s*30(\.0)?\s*\]", code), path.name
