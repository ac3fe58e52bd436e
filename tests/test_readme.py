"""README.md and the guides show what really happens: their commands are run, their output is compared.

``HSAT_WRITE_README=1 python -m pytest tests/test_readme.py`` writes real output into the files; look
at the difference before committing it. A block that ends in a line of three dots shows the
beginning of the output. The examples of a guide run in one folder, in their order; the samples are
its folder ``downloads``.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs" / "start").glob("*.md"))
IS_WRITING = os.environ.get("HSAT_WRITE_README") == "1"
SHOWN_LINES = 31
"""Lines of output that writing keeps before the three dots."""

BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


PSEUDONYM = re.compile(r"P-[0-9a-f]{16}")
"""Each site has its own key, so that pseudonyms differ between machines."""


class Example(NamedTuple):
    """Something to run, the output the file shows for it, and where that output stands."""

    code: str
    shown: str
    place: tuple[int, int]
    page: Path = README


def blocks(language: str, page: Path = README) -> list[re.Match[str]]:
    return [m for m in BLOCK.finditer(page.read_text(encoding="utf-8")) if m["language"] == language]


def console_examples(page: Path = README) -> list[Example]:
    """Every ``$ command`` of a console block with the lines under it."""
    examples = []
    for block in blocks("console", page):
        command, shown = block["body"].split("\n", 1)
        assert command.startswith("$ "), command
        start = block.start("body") + len(command) + 1
        examples.append(Example(command[2:], shown, (start, block.end("body")), page))
    return examples


def python_examples(page: Path = README) -> list[Example]:
    """Every Python block with the text block that follows it."""
    texts = blocks("text", page)
    examples = []
    for block in blocks("python", page):
        output = next(t for t in texts if t.start() > block.end())
        examples.append(Example(block["body"], output["body"], output.span("body"), page))
    return examples


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch):
    """Pseudonyms need a key of the site; the tests make one of their own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def run_hsat(command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run an ``hsat ...`` line with this interpreter."""
    program, *arguments = shlex.split(command)
    assert program == "hsat", command
    return subprocess.run(
        [sys.executable, "-m", "hsat", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def compare(example: Example, real: str) -> None:
    """Shown and real output are equal, up to the three dots where there are any."""
    real = PSEUDONYM.sub("P-...", real)
    if IS_WRITING:
        lines = real.rstrip("\n").split("\n")
        kept = lines if len(lines) <= SHOWN_LINES else [*lines[:SHOWN_LINES], "..."]
        text = example.page.read_text(encoding="utf-8")
        start, stop = example.place
        example.page.write_text(f"{text[:start]}{chr(10).join(kept)}\n{text[stop:]}", encoding="utf-8")
        return
    shown = example.shown.rstrip("\n").split("\n")
    lines = real.rstrip("\n").split("\n")
    if shown[-1] == "...":
        shown, lines = shown[:-1], lines[: len(shown) - 1]
        assert shown, f"{example.page.name}: three dots alone show nothing"
    assert [x.rstrip() for x in shown] == [x.rstrip() for x in lines]


@pytest.mark.parametrize("number", range(len(console_examples())))
def test_commands_print_what_the_readme_shows(number):
    example = console_examples()[number]
    process = run_hsat(example.code)
    assert process.returncode == 0, process.stderr
    compare(example, process.stdout)


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in GUIDES])
def test_guides_print_what_they_show(page, tmp_path, monkeypatch):
    """Commands and Python in the order of the page; the number of blocks does not change by writing."""
    desk = tmp_path / "desk"  # beside the folder of settings, which is called as the package is
    desk.mkdir()
    (desk / "downloads").symlink_to(ROOT / "data" / "samples", target_is_directory=True)
    monkeypatch.chdir(desk)
    names: dict[str, object] = {}
    for number in range(len(in_order(page))):
        example, is_command = in_order(page)[number]
        if is_command:
            process = run_hsat(example.code, desk)
            assert process.returncode == 0, f"{example.code}: {process.stderr}"
            if example.shown:  # a block of `sh` shows none
                compare(example, process.stdout)
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(example.code, page.name, "exec"), names)
        compare(example, printed.getvalue())


def in_order(page: Path) -> list[tuple[Example, bool]]:
    """Examples of a page from above, and whether each is a command."""
    examples = [(x, True) for x in console_examples(page)] + [(x, False) for x in python_examples(page)]
    examples += [(Example(m["body"].strip(), "", m.span("body"), page), True) for m in blocks("sh", page)]
    return sorted(examples, key=lambda pair: pair[0].place)


@pytest.mark.parametrize("number", range(len(python_examples())))
def test_python_examples_print_what_the_readme_shows(number, monkeypatch):
    monkeypatch.chdir(ROOT)
    example = python_examples()[number]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example.code, "README.md", "exec"), {})
    compare(example, printed.getvalue())


def test_the_install_line_runs_the_first_example():
    install, test_line = (block["body"].strip() for block in blocks("sh"))
    assert install.startswith("python3 -m pip install . && python3 -m hsat ")
    assert install.split("python3 -m ")[-1] == console_examples()[0].code
    assert test_line == 'python3 -m pip install -e ".[test]" && python3 -m pytest -n 2'


def test_ci_finds_the_test_line():
    text = README.read_text(encoding="utf-8")
    marker = "<!-- the line that .ci/run runs -->\n```sh\n"
    assert text.count(marker) == 1
    assert text.split(marker)[1].startswith("python3 -m pip install -e ")


def test_every_command_of_the_table_exists():
    commands = re.findall(r"^\| `hsat (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        assert run_hsat(f"hsat {command} --help").returncode == 0, command


def test_links_lead_to_files():
    targets = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    missing = [t for t in targets if "://" not in t and not (ROOT / t).exists()]
    assert not missing


def test_readme_says_that_it_is_no_medical_device():
    text = " ".join(README.read_text(encoding="utf-8").replace(">", "").split())
    assert "Not a medical device" in text
    assert "A qualified person must review the scoring" in text
