"""The rule that no test is skipped unnoticed, tried out on a small suite of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LISTED = "recordings for measuring are not here (they may not be redistributed)"


@pytest.mark.parametrize(
    ("body", "options", "is_failed"),
    [
        pytest.param(f"pytest.skip({LISTED!r})", [], False, id="listed"),
        pytest.param(f"pytest.skip({LISTED + ' today'!r})", [], True, id="unlisted"),
        pytest.param(f"pytest.skip({LISTED + ' today'!r})", ["-n", "1"], True, id="unlisted-in-a-worker"),
        pytest.param("pytest.importorskip('no_such_module')", [], True, id="missing-module"),
        pytest.param("pytest.xfail('known')", [], False, id="expected-failure"),
    ],
)
def test_only_listed_skips_pass(tmp_path, body, options, is_failed):
    for name in ("conftest.py", "allowed_skips.txt"):
        shutil.copy(TESTS / name, tmp_path)
    (tmp_path / "test_some.py").write_text(
        f"import pytest\ndef test_a(): pass\ndef test_b(): {body}\n", encoding="utf-8"
    )
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == (1 if is_failed else 0), process.stdout + process.stderr
    assert ("not in tests/allowed_skips.txt" in process.stdout) == is_failed
