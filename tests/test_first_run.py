"""The first run ever, from an installation that cannot be written to."""

import subprocess
import sys

from benchmarks.edf_files import small_night, write_edf
from benchmarks.speed import fresh_installation


def test_first_run_says_once_that_it_compiles_and_caches_in_the_users_folder(tmp_path):
    path = tmp_path / "night.edf"
    write_edf(path, small_night(), duration_s=3600)
    with fresh_installation() as (folder, env):
        runs = [
            subprocess.run(
                [sys.executable, "-P", "-m", "hsat", "score", str(path)],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            for _ in range(2)
        ]
        assert list((folder / "cache").rglob("*.nbi"))
        assert not list((folder / "site").rglob("*.nbi"))
    first, second = runs
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert len([line for line in first.stderr.splitlines() if "compil" in line]) == 1
    assert second.stderr == ""
