"""A device's card for tests: files side by side, several sessions a night, sample by sample known."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from edf_bytes import Channel, Header, annotation_channel, build

RECORD_S = 60
RECORDER = "SRN=11111111111  MID=36  VID=39"
IDENTITY = ("-32768", "32767")
"""Physical limits equal to the digital ones: physical values are the stored numbers."""


def write_file(
    path: Path,
    start: datetime,
    channels: Sequence[Channel],
    *,
    recorder: str = RECORDER,
    patient: str = "X X X X",
    duration_s: int = RECORD_S,
) -> Path:
    """An EDF file with these channels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = Header(
        patient=patient,
        recording=f"Startdate {start:%d-%b-%Y} X X {recorder}".upper().replace("STARTDATE", "Startdate"),
        date=f"{start:%d.%m.%y}",
        time=f"{start:%H.%M.%S}",
        duration=str(duration_s),
    )
    path.write_bytes(build(header, channels))
    return path


def channel(label: str, values: np.ndarray, rate_hz: float, *, duration_s: int = RECORD_S) -> Channel:
    """A channel whose physical values are the given whole numbers."""
    return Channel(label=label, stored=values.reshape(-1, round(rate_hz * duration_s)), physical=IDENTITY)


def flow_values(n_minutes: int, first: int) -> np.ndarray:
    """A different value at every place: no sample can stand in for another."""
    return (first + np.arange(n_minutes * RECORD_S * 25)) % 30_000


def write_session(
    folder: Path,
    start: datetime,
    n_minutes: int,
    *,
    first: int = 1,
    lag_s: int = 1,
    kinds: str = "BRP SAD PLD",
) -> list[Path]:
    """One session of a PAP device: flow at 25 Hz, oximetry at 1 Hz a second later, slow channels."""
    later = start + timedelta(seconds=lag_s)
    n_s = n_minutes * RECORD_S
    made = {
        "BRP": (start, [channel("Flow.40ms", flow_values(n_minutes, first), 25)]),
        "SAD": (
            later,
            [
                channel("Pulse.1s", 60 + np.arange(n_s) % 9, 1),
                channel("SpO2.1s", 90 + np.arange(n_s) % 7, 1),
            ],
        ),
        "PLD": (
            later,
            [
                channel("MaskPress.2s", np.full(n_s // 2, 8), 0.5),
                channel("Leak.2s", np.arange(n_s // 2) % 5, 0.5),
            ],
        ),
    }
    return [
        write_file(folder / f"{made[kind][0]:%Y%m%d_%H%M%S}_{kind}.edf", *made[kind])
        for kind in kinds.split()
    ]


def write_companion(folder: Path, start: datetime, kind: str = "EVE") -> Path:
    """A file of device events beside a session."""
    return write_file(
        folder / f"{start:%Y%m%d_%H%M%S}_{kind}.edf",
        start,
        [Channel(label="Crc16", stored=np.zeros((1, 1), int)), annotation_channel([b"+0\x14\x14\0"])],
    )


def write_plain(
    path: Path,
    start: datetime,
    n_minutes: int,
    *,
    patient: str = "P0042 F X X",
    recorder: str = "MyRecorder-7",
    first: int = 1,
    rate_hz: int = 10,
    label: str = "Flow",
) -> Path:
    """A recording of a device that writes one file a recording."""
    values = (first + np.arange(n_minutes * 60 * rate_hz)) % 30_000
    return write_file(path, start, [channel(label, values, rate_hz)], patient=patient, recorder=recorder)
