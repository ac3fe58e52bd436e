"""Tables of a laboratory's labels: what stands in the place of each, and where only we have an event."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

import hsat
from benchmarks.figures import Table
from benchmarks.real_nights import (
    EPOCH_S,
    Label,
    RealNight,
    ap_apneas,
    hypnogram_of,
    touched_epochs,
    why_missed,
)
from hsat.events import RespiratoryEvent
from hsat.hypnogram import SleepStage
from hsat.intervals import overlaps_s

Nights = Sequence[RealNight]

THREE_POINT_RULES = "aasm_1a"


def ap_missed_table(nights: Nights) -> Table:
    """Labelled apneas of AP01 and AP03 that are not scored."""
    header = [
        "recording",
        "label s",
        "lasts s",
        "kind",
        "our candidate s",
        "lasts s",
        "reduced",
        "refused by",
    ]
    rows = []
    for apnea in ap_apneas(nights):
        if apnea.is_scored:
            continue
        label = apnea.label
        cells = [apnea.night, f"{label.start_s:.0f}", f"{label.stop_s - label.start_s:.0f}"]
        cells.append(label.kind.replace("_", " "))
        if apnea.rejected:
            best = max(
                apnea.rejected, key=lambda x: min(x.stop_s, label.stop_s) - max(x.start_s, label.start_s)
            )
            reduction = best.flow_reduction_fraction
            cells += [f"{best.start_s:.0f}", f"{best.duration_s:.0f}"]
            cells += ["-" if reduction is None else f"{100 * reduction:.0f} %", best.reason]
        else:
            cells += ["-", "-", "-", "no candidate"]
        rows.append(cells)
    return Table(header, rows)


def ap_table(nights: Nights) -> Table:
    """Labelled apneas of each recording and what became of them."""
    header = [
        "recording",
        "labelled apneas",
        "scored",
        "of them as an apnea",
        "candidate with a reason",
        "neither",
    ]
    header.append(f"scored under `{THREE_POINT_RULES}`")
    rules = hsat.load_rules(THREE_POINT_RULES)
    rows = []
    for night in nights:
        apneas = ap_apneas([night])
        scored = [x for x in apneas if x.is_scored]
        as_apnea = sum(any(e.kind.is_apnea for e in x.events) for x in scored)
        candidates = sum(x.is_candidate for x in apneas)
        by_three = sum(x.is_scored for x in ap_apneas([replace(night, rules=rules)]))
        counts = (len(apneas), len(scored), as_apnea, candidates - len(scored), len(apneas) - candidates)
        rows.append([night.name, *(str(n) for n in (*counts, by_three))])
    return Table(header, rows)


def place_table(nights: Nights) -> Table:
    """What stands where the laboratory labelled an apnea, and a hypopnea."""
    header = ["in its place", *(f"{night.name} {x}" for night in nights for x in ("apneas", "hypopneas"))]
    columns = [
        Counter(_place(night, label) for label in night.labels if label.is_apnea is is_apnea)
        for night in nights
        for is_apnea in (True, False)
    ]
    return Table(header, _count_rows(columns))


def _place(night: RealNight, label: Label) -> str:
    events, _ = night.near(label)
    return "an event of ours" if events else why_missed(night, label)


def stage_table(nights: Nights) -> Table:
    """Where our events lie that touch no label, by the laboratory's stages."""
    columns = [
        Counter(_stage(night, event) for event in night.counted if not _is_labelled(night, event))
        for night in nights
    ]
    return Table(["our events without a label, in", *(night.name for night in nights)], _count_rows(columns))


def _is_labelled(night: RealNight, event: RespiratoryEvent) -> bool:
    return any(x.start_s < event.stop_s and x.stop_s > event.start_s for x in night.labels)


def _stage(night: RealNight, event: RespiratoryEvent) -> str:
    """Wake, sleep, or no stage, at the start of an event."""
    hypnogram = hypnogram_of(night)
    if hypnogram is None:
        return "no stage known"
    stages = [x.stage for x in hypnogram.spans if x.start_s <= event.start_s < x.stop_s]
    if not stages or stages[0] is SleepStage.UNKNOWN:
        return "no stage known"
    return "wake" if stages[0] is SleepStage.WAKE else "sleep"


def _count_rows(columns: Sequence[Counter[str]]) -> list[list[str]]:
    total = sum(columns, Counter())
    return [[name, *(str(column[name]) for column in columns)] for name, _ in total.most_common()]


def disagreement_table(night: RealNight) -> Table:
    """Epochs of slp60 that only one of us calls an event, by where they lie."""
    n = int(night.result.recording.duration_s // EPOCH_S)
    starts_s = EPOCH_S * np.arange(n)
    ours, theirs = (touched_epochs(n, x) for x in (night.result.events, night.labels))
    rows_s = np.column_stack((starts_s, starts_s + EPOCH_S))
    is_judged = overlaps_s(rows_s, night.result.monitored.spans_s) > EPOCH_S / 2
    rows = [["both", str(int((ours & theirs).sum())), "", "", ""]]
    for name, mine, other in (("labelled alone", theirs, ours), ("ours alone", ours, theirs)):
        alone = mine & ~other
        beside = alone & (np.append(other[1:], False) | np.append(False, other[:-1]))
        counts = (alone, beside, alone & ~beside & ~is_judged, alone & ~beside & is_judged)
        rows.append([name, *(str(int(x.sum())) for x in counts)])
    rows.append(["neither", str(int((~ours & ~theirs).sum())), "", "", ""])
    return Table(["epochs", "all", "next to one of the other's", "not judged by us", "the rest"], rows)
