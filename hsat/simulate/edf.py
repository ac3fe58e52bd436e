"""Simulated nights as files: EDF+ beside JSON."""

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hsat.errors import HsatError, SimulationError
from hsat.recording import Recording, Signal
from hsat.simulate.night import SimulatedNight
from hsat.simulate.options import RECORD_S, Recorder
from hsat.simulate.truth import MeasuredDrop, NightTruth

__all__ = ["truth_document", "write_edf"]

TRUTH_SCHEMA = "hsat.simulated-night/1"

EQUIPMENT = "hsat_simulator"
"""What the header names as the recorder, and the device profile ``simulated`` is found by."""


def _drop(drop: MeasuredDrop | None) -> object:
    return None if drop is None else {"from_peak": drop.from_peak, "from_held_peak": drop.from_held_peak}


def _reduction(reduction: Mapping[str, float] | None) -> object:
    return None if reduction is None else {name: round(value, 3) for name, value in reduction.items()}


def _recorder(recorder: Recorder) -> dict[str, object]:
    """The recorder's traits that a reader of the truth wants to sort nights by."""
    return {
        "sensor": recorder.sensor,
        "rate_hz": recorder.flow_rate_hz,
        "levels": recorder.n_levels,
        "unit": recorder.flow_unit,
        "is_inverted": recorder.is_inverted,
        "has_belts": recorder.has_belts,
        "spo2_rate_hz": recorder.spo2_rate_hz if recorder.has_oximeter else None,
        "averaging_s": recorder.averaging_s,
    }


def truth_document(truth: NightTruth) -> dict[str, object]:
    """The truth as JSON values: times in seconds to the hundredth, no NaN."""
    events = [
        {
            "kind": event.kind.value,
            "start_s": round(event.start_s, 2),
            "stop_s": round(event.stop_s, 2),
            "flow_by_rule": event.flow_by_rule,
            "flow_reduction": _reduction(event.flow_reduction_fraction),
            "measured_drop_points": _drop(event.measured_drop_points),
            "scorable_1b": event.scorable_1b,
            "scorable_1a": event.scorable_1a,
        }
        for event in truth.events
    ]
    misses = []
    for miss in truth.near_misses:
        row: dict[str, object] = {
            "cause": miss.cause,
            "start_s": round(miss.start_s, 2),
            "stop_s": round(miss.stop_s, 2),
        }
        if miss.flow_reduction_fraction is not None:
            row["flow_reduction"] = _reduction(miss.flow_reduction_fraction)
            row["measured_drop_points"] = _drop(miss.measured_drop_points)
            row["scorable_1a"] = miss.scorable_1a
        misses.append(row)
    return {
        "schema": TRUTH_SCHEMA,
        "seed": truth.seed,
        "duration_s": truth.duration_s,
        "monitored_h": truth.monitored_h,
        "ahi_1b_per_h": truth.ahi_1b_per_h,
        "ahi_1a_per_h": truth.ahi_1a_per_h,
        "n_uncertain_1b": truth.n_uncertain_1b,
        "circulation_delay_s": round(truth.circulation_delay_s, 2),
        "events": events,
        "near_misses": misses,
        "excluded": [asdict(span) for span in truth.excluded],
        "recorder": _recorder(truth.recorder),
    }


def _signal_header(signal: Signal) -> dict[str, str | int | float | None]:
    """Header fields by pyedflib's names, physical limits without the calibration's rounding noise."""
    calibration = signal.calibration
    limits = np.array([calibration.lowest_stored, calibration.highest_stored])
    lowest, highest = (float(f"{value:.7g}") for value in calibration.gain * limits + calibration.offset)
    return {
        "label": signal.source_label,
        "dimension": signal.unit,
        "sample_frequency": signal.rate_hz,
        "physical_min": lowest,
        "physical_max": highest,
        "digital_min": int(calibration.lowest_stored),
        "digital_max": int(calibration.highest_stored),
        "transducer": "simulated",
        "prefilter": "",
    }


def _stored_samples(signal: Signal) -> NDArray[np.int32]:
    """The whole numbers that the recorder stored."""
    (block,) = signal.source.blocks([signal.source_index])
    return block.stored.reshape(-1).astype(np.int32)


def _write_signals(recording: Recording, patient: str, path: Path) -> None:
    """Write the signals through pyedflib."""
    import pyedflib

    signals = recording.signals
    with pyedflib.EdfWriter(str(path), len(signals), file_type=pyedflib.FILETYPE_EDFPLUS) as writer:
        writer.setPatientCode(patient)
        writer.setPatientName("X")
        writer.setEquipment(EQUIPMENT)
        if recording.start_local is not None:
            writer.setStartdatetime(recording.start_local)
        with warnings.catch_warnings():
            # The warning is about rates that the records cannot hold; `Recorder` refuses those.
            warnings.simplefilter("ignore", UserWarning)
            writer.setDatarecordDuration(RECORD_S)
        for i, signal in enumerate(signals):
            writer.setSignalHeader(i, _signal_header(signal))
        writer.writeSamples([_stored_samples(signal) for signal in signals], digital=True)


def write_edf(night: SimulatedNight, path: Path | str) -> Path:
    """Write a night as EDF+ and its truth as ``NAME.truth.json`` beside it.

    Parameters
    ----------
    night : SimulatedNight
    path : Path or str
        Where the EDF goes; the folder must exist. The same night gives the same bytes.

    Returns
    -------
    Path
        The truth file.

    Raises
    ------
    SimulationError
        Where the patient code does not fit an EDF header.
    HsatError
        Where the file cannot be written.

    Notes
    -----
    Records last 10 s. The header holds the pseudonymous code and no name, sex or birth date.
    """
    path = Path(path)
    patient = night.recording.subject.patient or "X"
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", patient):
        raise SimulationError(
            f"{path}: patient code: got {patient!r}, allowed 1 to 40 letters, digits and ._-"
        )
    truth_path = path.with_suffix(".truth.json")
    text = json.dumps(truth_document(night.truth), indent=1, allow_nan=False)
    try:
        _write_signals(night.recording, patient, path)
        truth_path.write_text(text + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise HsatError(f"{path}: cannot be written ({error.strerror or error})") from error
    return truth_path
