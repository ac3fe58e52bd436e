"""Fixtures that several test files use, and the rule that no test is skipped unnoticed."""

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The same examples in every run: a test that fails today failed yesterday.
settings.register_profile("hsat", derandomize=True, deadline=None, database=None)
settings.load_profile("hsat")

# A shell starts what runs in its background deaf to Ctrl-C, and its children with it.
signal.signal(signal.SIGINT, signal.default_int_handler)

ALLOWED_SKIPS = Path(__file__).with_name("allowed_skips.txt")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recordings for measuring; they may not be given away with the project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("recordings for measuring are not here (they may not be redistributed)")
    return folder


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of committed sample nights; it is always there, so nothing is skipped."""
    folder = Path(__file__).resolve().parents[1] / "data" / "samples"
    if not folder.is_dir():
        pytest.fail(f"{folder}: the sample nights are part of the project and have to be here")
    return folder


CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LAUNCHING_MS = 180_000.0
"""The first launch reads some hundred megabytes from the disk."""


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A headless Chromium of the system, shared by the tests of a file.

    Not by the whole run: while Playwright's loop is alive no other test may run one of its own.
    """
    path = next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium is here to open pages in")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=path, args=list(CHROMIUM_ARGUMENTS), timeout=LAUNCHING_MS
        )
        yield opened
        opened.close()


def allowed_skip_reasons() -> frozenset[str]:
    """Reasons on the committed list; comments and empty lines left out."""
    lines = (line.strip() for line in ALLOWED_SKIPS.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


class SkipGuard:
    """Fails a run in which a test was skipped for a reason that is not on the list."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self.allowed = allowed
        self.unlisted: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._look_at(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look_at(report)

    def _look_at(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        # An expected failure also counts as skipped for pytest; it has its own strict rule.
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason not in self.allowed:
            self.unlisted[reason] += 1

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        if self.unlisted and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for reason, n_tests in sorted(self.unlisted.items()):
            terminalreporter.write_line(
                f"ERROR {n_tests} skipped for a reason that is not in tests/{ALLOWED_SKIPS.name}: {reason}",
                red=True,
            )


def pytest_configure(config: pytest.Config) -> None:
    """Install the guard where the reports arrive: in the one process that prints the summary."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipGuard(allowed_skip_reasons()), "hsat-skip-guard")
