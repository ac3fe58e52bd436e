"""Notebooks use the public interface alone, run, and show what they print today."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUN = """
import json, sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
print(json.dumps([[o.get("text", "") for o in c.get("outputs", [])] for c in notebook.cells]))
"""


def printed(cells):
    return [["".join(o.get("text", "")) for o in cell.get("outputs", [])] for cell in cells]


def test_there_is_a_notebook():
    assert "multi_night.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in NOTEBOOKS])
def test_notebook_runs_and_prints_what_it_shows(path):
    """In a process of its own: the messaging of notebooks has warnings that are not ours."""
    process = subprocess.run(
        [sys.executable, "-c", RUN, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    shown = printed(json.loads(path.read_text(encoding="utf-8"))["cells"])
    assert json.loads(process.stdout.splitlines()[-1]) == shown


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in NOTEBOOKS])
def test_notebook_uses_public_names_alone(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert "import hsat" in code
    assert not re.search(r"from hsat|import hsat\.|hsat\._|hsat\.\w+\.", code)
    assert path.stat().st_size < 200_000
