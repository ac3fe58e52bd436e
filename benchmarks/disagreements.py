"""Real events where we and the reference differ, drawn: ``python -m benchmarks.disagreements --out DIR``.

The first disagreement of each type in each set of recordings, in order of recording and time; ``--all``
draws every one, ``--only`` some sets. The recordings may not be given away, and neither may the pictures.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

import hsat
from benchmarks.accuracy import DEFAULT_DATA
from benchmarks.real_nights import (
    AFTER_S,
    AP,
    BEFORE_S,
    EPOCH_S,
    FALL_POINTS,
    RESMED,
    SLP60,
    UCD,
    Label,
    RealNight,
    ap_apneas,
    match_apneas,
    read_nights,
    touched_epochs,
    why_false,
    why_missed,
)
from benchmarks.real_tables import DEFAULT_RULES
from hsat.detect.breathing import Breathing, measure_breathing
from hsat.detect.sampling import sample_signals
from hsat.events import RejectedCandidate, RespiratoryEvent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Item = Label | RespiratoryEvent | RejectedCandidate

PAD_S = 75.0
"""Shown before and after."""
FLOW_RATE_HZ, SPO2_RATE_HZ = 10.0, 4.0
BLUE, GREEN, ORANGE, VERMILION, GREY = "#0072B2", "#009E73", "#E69F00", "#D55E00", "#777777"
HYPOPNEA_SHARE, APNEA_SHARE = 0.7, 0.1
"""Of the baseline: the limits of the excursion that are drawn."""


class Disagreement(NamedTuple):
    """A span in which we and the reference differ, its type, and what there is to say."""

    night: RealNight
    start_s: float
    stop_s: float
    type: str
    words: str


def find_disagreements(nights: Sequence[RealNight]) -> Iterator[Disagreement]:
    """All of them, set by set, in order of recording and time within a type."""
    for night in nights:
        if night.folder == RESMED:
            yield from _of_device(night)
        elif night.folder == AP:
            yield from _of_laboratory(night)
        elif night.folder == UCD:
            yield from _of_oximetry(night)
        elif night.folder == SLP60:
            yield from _of_epochs(night)


def first_of_each_type(found: Iterator[Disagreement]) -> list[Disagreement]:
    """The rule by which few are chosen: the first of each type in each set."""
    chosen: dict[tuple[str, str], Disagreement] = {}
    for x in found:
        chosen.setdefault((x.night.folder, x.type), x)
    return list(chosen.values())


def _of_device(night: RealNight) -> Iterator[Disagreement]:
    match = match_apneas(night)
    for label in match.missed:
        yield Disagreement(
            night, label.start_s, label.stop_s, f"missed: {why_missed(night, label)}", label.kind
        )
    for event in match.false:
        words = f"{event.kind.value}: {event.criterion}"
        yield Disagreement(night, event.start_s, event.stop_s, f"only ours: {why_false(night, event)}", words)


def _of_laboratory(night: RealNight) -> Iterator[Disagreement]:
    for apnea in ap_apneas([night]):
        if not apnea.is_scored:
            label = apnea.label
            words = "; ".join(x.reason for x in apnea.rejected) or "no candidate"
            type_ = f"labelled apnea not scored: {why_missed(night, label)}"
            yield Disagreement(night, label.start_s, label.stop_s, type_, words)
    for event in night.counted:
        if not any(x.start_s < event.stop_s and x.stop_s > event.start_s for x in night.labels):
            words = f"{event.kind.value}: {event.criterion}"
            yield Disagreement(night, event.start_s, event.stop_s, "only ours", words)


def _of_oximetry(night: RealNight) -> Iterator[Disagreement]:
    falls = [x for x in night.result.desaturations if x.drop_points >= FALL_POINTS]
    nadirs_s = np.array([x.nadir_s for x in falls])
    stops_s = np.array([x.stop_s for x in night.labels])
    lag_s = nadirs_s[None, :] - stops_s[:, None]
    belongs = (lag_s >= -BEFORE_S) & (lag_s <= AFTER_S)
    for i in np.flatnonzero(~belongs.any(axis=1)):
        label = night.labels[i]
        yield Disagreement(night, label.start_s, label.stop_s, "human event without a fall", label.kind)
    for j in np.flatnonzero(~belongs.any(axis=0)):
        fall = falls[j]
        words = f"{fall.baseline_percent:.1f} to {fall.nadir_percent:.1f} %"
        yield Disagreement(night, fall.start_s, fall.stop_s, "fall without a human event", words)


def _of_epochs(night: RealNight) -> Iterator[Disagreement]:
    """Epochs of which no neighbour agrees either: an edge that lies a few seconds off is no finding."""
    n = int(night.result.recording.duration_s // EPOCH_S)
    starts_s = EPOCH_S * np.arange(n)
    ours, theirs = (touched_epochs(n, x) for x in (night.result.events, night.labels))
    for k in np.flatnonzero(ours != theirs):
        around = slice(max(k - 1, 0), k + 2)
        if (ours if theirs[k] else theirs)[around].any():
            continue
        type_ = "labelled epochs without an event" if theirs[k] else "event in epochs without a label"
        rejected = [
            x for x in night.result.rejected if x.start_s < starts_s[k] + EPOCH_S and x.stop_s > starts_s[k]
        ]
        words = "; ".join(x.reason for x in rejected) or "no candidate"
        yield Disagreement(night, float(starts_s[k]), float(starts_s[k] + EPOCH_S), type_, words)


# ------------------------------------------------------------------------ pictures


class Traces(NamedTuple):
    """Flow, or a belt, with what we measure on it, and SpO2; None where not recorded."""

    flow_name: str | None
    flow: NDArray[np.float32] | None
    breathing: Breathing | None
    spo2: NDArray[np.float32] | None


def read_traces(night: RealNight) -> Traces:
    """The signals of a recording as we judge them."""
    recording = hsat.read_recording(str(night.path))
    name = next(
        (x for x in ("flow", "thermistor", "nasal_pressure", "thorax") if recording.has_signal(x)), None
    )
    rates_hz = {} if name is None else {name: FLOW_RATE_HZ}
    if recording.has_signal("spo2"):
        rates_hz["spo2"] = SPO2_RATE_HZ
    samples = sample_signals(recording, rates_hz)
    if name is None:
        return Traces(None, None, None, samples["spo2"])
    breathing = measure_breathing(samples[name].copy(), night.rules)
    return Traces(name, samples[name], breathing, samples.get("spo2"))


def draw(x: Disagreement, traces: Traces, path: Path) -> None:
    """Save the picture of one disagreement."""
    from matplotlib.figure import Figure

    limits_s = max(x.start_s - PAD_S, 0.0), x.stop_s + PAD_S
    panels = [name for name, t in (("flow", traces.flow), ("spo2", traces.spo2)) if t is not None]
    heights = [2.0] * len(panels) + [1.0]
    figure = Figure(figsize=(12.0, 1.0 + 1.6 * sum(heights)), layout="constrained")
    rows = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for name, axes in zip(panels, rows, strict=False):
        (_draw_flow if name == "flow" else _draw_spo2)(axes, traces, x.night, limits_s)
        axes.axvspan(x.start_s, x.stop_s, color=ORANGE, alpha=0.18, linewidth=0)
    _draw_scorings(rows[-1], x.night, limits_s)
    rows[-1].set_xlim(*limits_s)
    rows[-1].set_xlabel("seconds from the start of the recording")
    title = f"{x.night.name}, {x.start_s:.0f} to {x.stop_s:.0f} s\n{x.type}\n{x.words}"
    rows[0].set_title(title.replace("$", r"\$"), fontsize="small", loc="left")
    figure.savefig(path, dpi=80)


def _piece(values: NDArray[np.float32], rate_hz: float, limits_s: tuple[float, float]) -> slice:
    start, stop = (int(limit_s * rate_hz) for limit_s in limits_s)
    return slice(start, min(stop, len(values)))


def _draw_flow(axes: "Axes", traces: Traces, night: RealNight, limits_s: tuple[float, float]) -> None:
    """Flow without its drift; the excursion, and the limits of the events and candidates by baseline."""
    breathing = traces.breathing
    if breathing is None:
        return
    piece = _piece(breathing.flow, FLOW_RATE_HZ, limits_s)
    times_s = np.arange(piece.start, piece.stop) / FLOW_RATE_HZ
    axes.plot(times_s, breathing.flow[piece], color=BLUE, linewidth=0.7)
    axes.set_ylabel(traces.flow_name)
    beside = axes.twinx()
    beside.plot(times_s, breathing.excursion[piece], color=VERMILION, linewidth=0.8)
    beside.set_ylabel("excursion", color=VERMILION)
    for item in (*night.result.events, *night.result.rejected):
        if item.baseline_excursion and item.start_s < limits_s[1] and item.stop_s > limits_s[0]:
            for level, style in ((1.0, "-"), (HYPOPNEA_SHARE, "--"), (APNEA_SHARE, ":")):
                height = level * item.baseline_excursion
                beside.hlines(height, item.start_s, item.stop_s, GREY, style, linewidth=1.0)
    beside.set_ylim(bottom=0.0)


def _draw_spo2(axes: "Axes", traces: Traces, night: RealNight, limits_s: tuple[float, float]) -> None:
    """SpO2 with the falls that we find."""
    if traces.spo2 is None:
        return
    piece = _piece(traces.spo2, SPO2_RATE_HZ, limits_s)
    times_s = np.arange(piece.start, piece.stop) / SPO2_RATE_HZ
    axes.plot(times_s, traces.spo2[piece], color=GREEN, linewidth=1.0)
    axes.set_ylabel("SpO2 (%)")
    for fall in night.result.desaturations:
        if fall.start_s < limits_s[1] and fall.stop_s > limits_s[0]:
            line = [fall.baseline_percent, fall.nadir_percent]
            axes.plot([fall.start_s, fall.nadir_s], line, color=GREY, linewidth=1.0)


def _draw_scorings(axes: "Axes", night: RealNight, limits_s: tuple[float, float]) -> None:
    """The reference's events, ours, and our rejected candidates, each in its row."""
    result = night.result
    rows: tuple[tuple[str, Sequence[Item], str], ...] = (
        ("candidate", result.rejected, GREY),
        ("ours", result.events, BLUE),
        ("reference", night.labels, VERMILION),
    )
    for height, (_, items, colour) in enumerate(rows):
        for item in items:
            start_s, stop_s = item.start_s, item.stop_s
            if start_s < limits_s[1] and stop_s > limits_s[0]:
                axes.broken_barh(
                    [(start_s, stop_s - start_s)], (height - 0.35, 0.7), facecolor=colour, alpha=0.7
                )
                axes.text(
                    max(start_s, limits_s[0]), height, _short(item), fontsize=7, va="center", clip_on=True
                )
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)


def _short(item: Item) -> str:
    if isinstance(item, Label):
        return item.kind[:7]
    if isinstance(item, RespiratoryEvent):
        return item.kind.value[:7]
    return item.reason.split(":")[0].split(".")[-1]


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the disagreements; exit status 0, 1 where there are no recordings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--rules", default=DEFAULT_RULES)
    parser.add_argument("--only", choices=(RESMED, AP, UCD, SLP60), nargs="+")
    parser.add_argument("--all", action="store_true", help="not only the first of each type")
    options = parser.parse_args(argv)
    nights = read_nights(options.data / "real", options.rules)
    nights = [night for night in nights if not options.only or night.folder in options.only]
    if not nights:
        print(f"{options.data}: no recordings with labels in real/*/", file=sys.stderr)
        return 1
    found = find_disagreements(nights)
    chosen = list(found) if options.all else first_of_each_type(found)
    options.out.mkdir(parents=True, exist_ok=True)
    traces: dict[str, Traces] = {}
    for x in chosen:
        if x.night.name not in traces:
            traces = {x.night.name: read_traces(x.night)}  # one night in memory
        words = "".join(c if c.isalnum() else "-" for c in x.type)
        name = f"{x.night.folder}-{x.night.name}-{x.start_s:05.0f}-{words}.png"
        draw(x, traces[x.night.name], options.out / name)
        print(f"{name}: {x.words}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
