"""The kernel tests once more: as plain Python, and compiled with bounds checking."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.parametrize("mode", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_kernels_pass_in_mode(mode, tmp_path):
    # A cache of its own: numba would otherwise load kernels compiled without the check.
    env = {**os.environ, mode: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / "test_kernels.py")],
        cwd=TESTS.parent,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert " passed" in process.stdout


FULL_DISK = """
import resource

from hsat.kernels import kernel


@kernel
def twice(x):
    return 2 * x


resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
print(twice(21))
"""


def test_a_kernel_that_a_full_disk_does_not_let_be_kept_is_used_all_the_same(tmp_path):
    """Where no file may grow beyond a hundred bytes the cache is of no use, and in nobody's way."""
    path = tmp_path / "small.py"
    path.write_text(FULL_DISK, encoding="utf-8")
    process = subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.stdout, process.stderr) == ("42\n", "")
    assert not list(tmp_path.rglob("*.nbc"))
