"""Folders of nights for the tests of batches, and runs of the command on them."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.edf_files import small_night, write_edf
from hsat.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
LENGTH_S = 1800
GIVEN_UP_S = 300.0
"""What takes longer hangs: a machine under load that has to compile the kernels first is far quicker."""
HEADER_FIELD = 256
PATIENT, DATE = slice(8, 88), slice(168, 176)


@cache
def _night_bytes(length_s: int) -> tuple[bytes, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base.edf"
        write_edf(path, small_night(), duration_s=length_s)
        content = path.read_bytes()
    return content, HEADER_FIELD * (1 + int(content[252:256]))


def write_night(path: Path, number: int, *, patient: str = "X X X X", length_s: int = LENGTH_S) -> Path:
    """Breathing, half an hour of it; another number is another content, and another day."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content, n_header = _night_bytes(length_s)
    header = bytearray(content[:n_header])
    header[PATIENT] = patient.ljust(80).encode("ascii")
    header[DATE] = f"{1 + number % 28:02d}.03.26".encode("ascii")
    records = np.frombuffer(content[n_header:], np.uint8).reshape(length_s, -1)
    path.write_bytes(bytes(header) + np.roll(records, 97 * number, axis=0).tobytes())
    return path


def write_nights(folder: Path, n_nights: int) -> list[Path]:
    """Distinct nights of nobody in particular."""
    return [write_night(folder / f"night-{number:03d}.edf", number) for number in range(n_nights)]


def start_batch(
    *arguments: object,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    start_new_session: bool = False,
) -> "subprocess.Popen[str]":
    """``hsat batch`` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "hsat", "batch", *map(str, arguments)],
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=start_new_session,
    )


def run_batch(
    *arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """``hsat batch`` to its end."""
    process = start_batch(*arguments, env=env, cwd=cwd)
    out, err = process.communicate(timeout=GIVEN_UP_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def batch_here(*arguments: object) -> int:
    """``hsat batch`` in this process, whose server of workers stays; returns the exit code."""
    return main(["batch", *map(str, arguments)])


def rows(out: Path, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
    """Rows of the ledger in a folder of results."""
    address = f"{(out / 'hsat.sqlite').absolute().as_uri()}?mode=rw"  # never made by looking for it
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Look now and then until it is so."""
    given_up_s = time.monotonic() + GIVEN_UP_S
    while not is_so():
        if time.monotonic() > given_up_s:
            pytest.fail(f"after {GIVEN_UP_S:g} s still not: {what}")
        time.sleep(0.05)


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of every file of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def whole_ledger(out: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table but the list of runs, its rows in order: what two ledgers must have in common."""
    tables = [row[0] for row in rows(out, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        str(table): sorted(rows(out, f"SELECT * FROM {table}"), key=repr)
        for table in tables
        if table != "runs"
    }
