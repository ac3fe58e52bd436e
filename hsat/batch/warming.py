"""Loads the scoring code and its compiled kernels into a process, once: importing this module is the work.

A server that forks workers imports it before the first fork, and every worker has it from then on.
Where the kernels have never been compiled, one line on stderr says that this takes its time.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import hsat.batch.tasks  # noqa: F401 - and with it all that a task needs
from hsat.intervals import as_spans
from hsat.kernels import is_compiled
from hsat.recording import Calibration, DeviceInfo, Recording, SampleBlock, Signal, SourceFile, Subject
from hsat.score import score_night

__all__ = ["warm_up"]

RATE_HZ = {"flow": 10, "thorax": 10, "abdomen": 10, "spo2": 1, "pulse": 1, "position": 1}
UNITS = {"spo2": "%", "pulse": "bpm"}
LENGTH_S = 1200
BREATH_S = 4.0
STEPS_PER_UNIT = 100
"""Stored whole numbers in a physical unit."""


@dataclass(frozen=True, slots=True)
class _StoredSamples:
    """Samples as a file hands them out: columns of a table of whole numbers, a row a second."""

    table: NDArray[np.int16]

    def blocks(self, indices: Sequence[int]) -> Iterator[SampleBlock]:
        """Yield each channel as one block."""
        starts = np.cumsum([0, *RATE_HZ.values()])
        for position, index in enumerate(indices):
            yield SampleBlock(position, 0, self.table[:, starts[index] : starts[index + 1]])


def warm_up() -> None:
    """Score twenty minutes of made-up breathing, so that every usual kernel is loaded, or compiled."""
    if not is_compiled() and sys.stderr is not None:
        print("hsat: first use: compiling the scoring kernels once, some seconds", file=sys.stderr)
    columns = [
        _values(name, np.arange(LENGTH_S * rate) / rate).reshape(-1, rate) for name, rate in RATE_HZ.items()
    ]
    table = np.round(np.concatenate(columns, axis=1) * STEPS_PER_UNIT).astype(np.int16)
    source = _StoredSamples(table)
    recording = Recording(
        signals=tuple(
            Signal(
                name=name,
                rate_hz=float(rate),
                unit=UNITS.get(name, "au"),
                n_samples=LENGTH_S * rate,
                source_label=name,
                source=source,
                source_index=index,
                calibration=Calibration(gain=1.0 / STEPS_PER_UNIT),
            )
            for index, (name, rate) in enumerate(RATE_HZ.items())
        ),
        start_local=None,
        duration_s=float(LENGTH_S),
        gaps_s=as_spans([]),
        device=DeviceInfo(profile="generic", name="generic"),
        subject=Subject(),
        source=SourceFile(path="warming", n_bytes=0, format="memory"),
    )
    score_night(recording)


def _values(name: str, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Breathing with a pause every two minutes, and what follows from it."""
    phase_s = t % 120.0
    dip_points = np.clip(6.0 - np.abs(phase_s - 100.0) / 2.0, 0.0, 6.0)
    if name == "position":
        return np.zeros_like(t)
    if name in UNITS:
        return {"spo2": 96.0, "pulse": 60.0}[name] - dip_points
    is_paused = (phase_s > 60.0) & (phase_s < 80.0)
    breath: NDArray[np.float64] = np.sin(2.0 * np.pi * t / BREATH_S) * np.where(is_paused, 0.02, 1.0)
    return breath


warm_up()
