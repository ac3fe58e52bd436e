"""The site: built with every warning an error, nothing of it from a network, and nothing left out of it."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import hsat
from hsat import errors
from hsat.cli.main import COMMANDS, main
from hsat.io import list_profiles
from hsat.io.channels import CANONICAL_CHANNELS
from hsat.quality import QualityFlag
from hsat.rules.load import rule_set_names

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Built as CONTRIBUTING says, into a folder of the test's own."""
    (line,) = re.findall(r"python3 (-m sphinx .*?)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    *arguments, folder = line.split()
    assert "-W" in arguments
    assert folder == "build/site"
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, *arguments, "-q", "-d", str(target / "trees"), str(target / "site")]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return target / "site"


class Loaded(HTMLParser):
    """What a page loads or leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.resources: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in {"script", "img", "iframe", "source"} and named.get("src"):
            self.resources.append(named["src"] or "")
        if tag == "link" and named.get("rel") in {"stylesheet", "icon", "preload"}:
            self.resources.append(named.get("href") or "")
        if tag == "a" and named.get("href"):
            self.links.append(named["href"] or "")


def pages(site: Path) -> dict[Path, Loaded]:
    found = {}
    for path in site.rglob("*.html"):
        found[path] = Loaded()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def test_pages_load_nothing_from_a_network_and_links_lead_to_files(site):
    built = pages(site)
    assert {site / "index.html", site / "docs" / "api.html", site / "notebooks" / "cohort.html"} <= set(built)
    for path, loaded in built.items():
        assert loaded.resources or path == site / "index.html"
        outside = [url for url in loaded.resources if "//" in url.split("?")[0]]
        assert not outside, path.name
        local = [url.split("#")[0].split("?")[0] for url in loaded.links if not re.match(r"\w+:|#", url)]
        missing = [url for url in local if url and not (path.parent / url).exists()]
        assert not missing, path.name


def test_style_sheets_fetch_nothing(site):
    sheets = list(site.rglob("*.css"))
    assert sheets
    for path in sheets:
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", path.read_text(encoding="utf-8")), (
            path.name
        )


def test_every_document_is_on_the_site(site):
    for path in [*DOCS.glob("*.md"), *(DOCS / "start").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]:
        assert (site / path.relative_to(ROOT).with_suffix(".html")).exists(), path.name


def test_the_site_opens_in_a_browser_and_asks_no_network(site, browser):
    page = browser.new_page()
    page.set_default_timeout(120_000)
    asked, faults = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto((site / "index.html").as_uri())
    page.wait_for_url("**/docs/index.html")
    assert page.locator("h1").first.inner_text().startswith("hsat")
    page.goto((site / "search.html").as_uri() + "?q=desaturation")
    page.wait_for_selector("#search-results li")
    assert not faults
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
    page.close()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_and_option_is_documented(command, capsys):
    """The program's own help says which options there are."""
    sections = re.split(r"^## hsat ", read("commands.md"), flags=re.MULTILINE)
    (section,) = [text for text in sections if text.split("\n")[0].strip() == command]
    assert main([command, "--help"]) == 0
    options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    options -= {"--help", "--debug"}
    assert options
    assert not {name for name in options if not re.search(rf"`{name}(?![a-z-])", section)}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_named_in_a_guide_or_the_readme(command):
    texts = [
        path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(DOCS / "start").glob("*.md")]
    ]
    assert any(f"hsat {command}" in text for text in texts)


def test_lists_are_those_of_the_code():
    process = subprocess.run(
        [sys.executable, "docs/lists.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == read("lists.md"), "PYTHONPATH=. python3 docs/lists.py > docs/lists.md"


def test_every_channel_cause_device_and_rule_set_is_documented():
    text = read("lists.md")
    names = {row.name for row in CANONICAL_CHANNELS} | {flag.label for flag in QualityFlag}
    names |= set(list_profiles()) | set(rule_set_names())
    assert len(names) > 40
    assert not {name for name in names if f"| `{name}` |" not in text}
    assert not {name for name in rule_set_names() if f"## {name}\n" not in read("rules.md")}


def test_every_public_name_is_in_the_reference():
    text = read("api.md")
    listed = set(re.findall(r"auto(?:function|class):: hsat\.(\w+)$", text, re.MULTILINE))
    modules = {"plot": "automodule:: hsat.plot", "batch": "autofunction:: hsat.batch.calling.batch"}
    assert set(hsat.__all__) - {"__version__"} == listed | set(modules)
    assert all(words in text for words in modules.values())
    assert "automodule:: hsat.errors\n   :members:" in text
    assert not [name for name in hsat.plot.__all__ if f"hsat.plot.{name}\n" not in text]
    assert len(errors.__all__) > 5


def test_figures_are_reached_from_the_package():
    assert callable(hsat.plot.plot_night)
    assert set(hsat.plot.__all__) == {"plot_agreement", "plot_event", "plot_night", "plot_patient"}


@pytest.mark.parametrize("width", [390, 800, 1200, 1440, 1560, 1670, 1920])
def test_no_page_of_the_site_scrolls_sideways(site, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    for name in ("docs/index.html", "README.html", "docs/rules.html", "docs/start/technician.html"):
        page.goto((site / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
    page.close()
