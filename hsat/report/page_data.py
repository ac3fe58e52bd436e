"""What the script of a night's page draws: signals, events, excluded time, as one JSON document."""

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hsat.errors import HsatError
from hsat.hypnogram import Hypnogram
from hsat.recording import Recording
from hsat.report.clock import into_day_s
from hsat.report.event_view import EventLine
from hsat.report.limits import limits_of
from hsat.report.plain import printable, shortened, without_surrogates
from hsat.report.traces import Trace, code_spans, read_traces
from hsat.results import SECONDS_PER_HOUR, NightResult, Overview

__all__ = ["page_document", "script_json"]

SCHEMA = "hsat.page/1"
MISSING = -32_768
"""Stored for a missing sample; the others lie between -32,767 and 32,767."""
LARGEST_STORED = 32_767
LARGEST_VALUE = 1e30
"""Beyond this, and at infinity, a number is no measurement."""
POSITION_WORDS = {0: "supine", 1: "left", 2: "right", 3: "prone", 4: "upright"}
"""Words of the canonical position codes."""
SENSOR_WORDS = {
    "flow": "Airflow",
    "nasal_pressure": "Nasal pressure",
    "thermistor": "Thermistor",
    "rip_sum": "Belts, sum",
    "rip_flow": "Belts, flow",
    "thorax": "Thorax",
    "abdomen": "Abdomen",
    "spo2": "SpO2",
    "pulse": "Pulse",
    "snore": "Snore",
}
PAGE_BYTES = 4_700_000
"""What a page of 8 h should not exceed; longer nights may have more by their length."""
BUSY_PAGE_BYTES = 7_500_000
BUSY_FROM_PER_H = 60.0
"""From this many events an hour on, a page may be larger: their lines need the room."""
BUDGET_H = 8.0
LINE_BYTES = 1_300
"""Of one event in the table and in the data of the script, as measured on nights of 574 lines."""
FIXED_BYTES = 520_000
"""Scripts, styles and report, and SpO2, pulse and position at 1 Hz."""
BYTES_PER_SAMPLE = 8.0 / 3.0
"""16 bits as base64."""
MARKS = "<>&\u2028\u2029"
"""Characters that could end a script or a line of it: written as escapes."""

Document = dict[str, Any]


def page_document(
    night: NightResult, lines: Sequence[EventLine], recording: Recording | None = None
) -> Document:
    """What the page's script needs to draw a night.

    Parameters
    ----------
    night : NightResult
    lines : sequence of EventLine
        In the order of the page's table.
    recording : Recording, optional
        Its signals; where not given, the overview that the result keeps is drawn.

    Returns
    -------
    dict
        Ready for JSON. Spans in seconds from the start of the recording; samples as base64 of 16-bit
        little-endian integers with their scale.
    """
    start = night.recording.start_local
    traces: tuple[Trace, ...] = ()
    if recording is not None:
        traces = read_traces(recording, n_most=_wave_samples(night, len(lines)))
    waves = [trace for trace in traces if trace.name != "position"]
    position = next((trace for trace in traces if trace.name == "position"), None)
    return {
        "schema": SCHEMA,
        "duration_s": float(night.recording.duration_s),
        "into_day_s": None if start is None else into_day_s(start),
        "flow_sensor": night.flow_sensor,
        "traces": [_trace(trace) for trace in waves] if waves else list(_overview(night.overview)),
        "is_overview": not waves,
        "position": [] if position is None else list(_positions(position)),
        "stages": [] if night.monitored.hypnogram is None else _stages(night.monitored.hypnogram),
        "events": [_event(line) for line in lines],
        "desaturations": [
            [fall.start_s, fall.nadir_s, fall.stop_s, fall.baseline_percent, fall.nadir_percent]
            for fall in night.desaturations
        ],
        "excluded": [
            {
                "cause": item.cause.label,
                "words": item.cause.sentence,
                "spans_s": np.asarray(item.spans_s, np.float64).tolist(),
            }
            for item in night.monitored.excluded
            if item.minutes > 0.0
        ],
        "limits": limits_of(night.rules_id, is_pressure_rooted=night.is_pressure_rooted),
    }


def _wave_samples(night: NightResult, n_lines: int) -> int:
    """How many samples of breathing the page has room for."""
    hours = max(night.recording.duration_s / SECONDS_PER_HOUR, BUDGET_H)
    is_busy = len(night.events) > BUSY_FROM_PER_H * night.recording.duration_s / SECONDS_PER_HOUR
    room = (BUSY_PAGE_BYTES if is_busy else PAGE_BYTES) * hours / BUDGET_H
    return int(max(room - FIXED_BYTES - n_lines * LINE_BYTES, room / 4.0) / BYTES_PER_SAMPLE)


def script_json(document: Document) -> str:
    """JSON that may stand in a script element: nothing in it can close the element.

    Raises
    ------
    HsatError
        Where a number is not finite.
    """
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    except ValueError as error:
        raise HsatError(f"night page: expected finite numbers: {error}") from error
    for mark in MARKS:
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _trace(trace: Trace) -> Document:
    signal = trace.signal
    unit = "" if signal.unit == "au" else printable(signal.unit)
    return {
        "name": trace.name,
        "title": SENSOR_WORDS.get(trace.name, trace.name),
        "unit": shortened(unit, 12),
        "source_label": shortened(printable(signal.source_label)),
        "recorded_rate_hz": float(signal.rate_hz),
        **_samples(trace.values, trace.rate_hz),
    }


def _samples(values: NDArray[np.float32], rate_hz: float) -> Document:
    """Values as 16-bit integers with the scale that brings them back."""
    with np.errstate(invalid="ignore", over="ignore"):
        is_there = np.abs(values) < LARGEST_VALUE  # False for NaN too
    there = values[is_there].astype(np.float64)
    lowest, highest = (float(there.min()), float(there.max())) if len(there) else (0.0, 0.0)
    offset = (highest + lowest) / 2.0
    step = (highest - lowest) / 2.0 / LARGEST_STORED or 1.0
    whole = {value for value in (lowest, highest) if value.is_integer()}
    if len(whole) == 2 and highest - lowest <= LARGEST_STORED and bool(np.all(there == np.rint(there))):
        offset, step = 0.0, 1.0  # whole percents and beats stay whole
    stored = np.full(len(values), MISSING, dtype="<i2")
    stored[is_there] = np.clip(np.rint((there - offset) / step), -LARGEST_STORED, LARGEST_STORED)
    return {
        "rate_hz": float(rate_hz),
        "n": len(values),
        "offset": offset,
        "step": step,
        "range": _usual_range(there),
        "data": base64.b64encode(stored.tobytes()).decode("ascii"),
    }


def _usual_range(there: NDArray[np.float64]) -> list[float]:
    """Between which values almost all samples lie: what an axis shows, so that no spike flattens it."""
    if len(there) == 0:
        return [0.0, 1.0]
    thinned = there[:: max(1, len(there) // 20_000)]
    low, high = np.quantile(thinned, [0.005, 0.995]).tolist()
    return [low, high]


def _overview(overview: Overview) -> Iterable[Document]:
    """What a result keeps of its signals, where the recording itself is not at hand."""
    rate_hz = 1.0 / overview.step_s
    for name, title, unit, values in (
        ("excursion", "Breath excursion", "", overview.flow_excursion),
        ("spo2", "SpO2", "%", overview.spo2_percent),
    ):
        if values is not None:
            described = {"name": name, "title": title, "unit": unit, "source_label": ""}
            yield {**described, "recorded_rate_hz": rate_hz, **_samples(values, rate_hz)}


def _positions(trace: Trace) -> Iterable[list[Any]]:
    for span in code_spans(trace):
        if span.code in POSITION_WORDS:
            yield [span.start_s, span.stop_s, POSITION_WORDS[span.code]]


def _stages(hypnogram: Hypnogram) -> list[list[Any]]:
    return [[float(span.start_s), float(span.stop_s), span.stage.value] for span in hypnogram.spans]


def _event(line: EventLine) -> Document:
    fall = line.desaturation
    return {
        "kind": line.kind,
        "words": line.words,
        "start_s": float(line.start_s),
        "stop_s": float(line.stop_s),
        "is_counted": line.is_counted,
        "sensor": None if line.sensor is None else without_surrogates(line.sensor),
        "baseline": line.baseline_excursion,
        "fall": None
        if fall is None
        else [fall.start_s, fall.nadir_s, fall.stop_s, fall.baseline_percent, fall.nadir_percent],
        "evidence": [[row.label, shortened(row.value)] for row in line.evidence],
    }
