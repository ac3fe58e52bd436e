"""Agreement of two scorings as plain text for a terminal of 80 columns."""

from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap

from hsat import __version__
from hsat.agreement.cohort import SEVERITIES, CohortAgreement
from hsat.agreement.estimates import Estimate
from hsat.agreement.results import (
    NightAgreement,
    OverlapAgreement,
    Spread,
    TimeAgreement,
)
from hsat.events import EventKind
from hsat.recording import Note
from hsat.report.agreement_document import Comparison
from hsat.report.failed import FailedNight
from hsat.report.plain import printable
from hsat.report.rows import rounded
from hsat.scorings import Scoring

__all__ = ["comparison_text"]

WIDTH = 80
NOTHING = "-"
MAIN_IOU_FRACTION = 0.2
"""The threshold of headlines, tables of kinds and boundaries; all three are in the tables."""

SAID_FOR_ALL = ("ignored_events",)
"""Notes on single nights that figures over nights say themselves."""

GROUP_LABELS = {
    "events": "all events",
    "apneas": "apneas",
    "obstructive_apnea": " obstructive",
    "central_apnea": " central",
    "mixed_apnea": " mixed",
    "unclassified_apnea": " unclass.",
    "hypopneas": "hypopneas",
}
KIND_LABELS = {
    EventKind.OBSTRUCTIVE_APNEA: "obstr. apnea",
    EventKind.CENTRAL_APNEA: "central apnea",
    EventKind.MIXED_APNEA: "mixed apnea",
    EventKind.UNCLASSIFIED_APNEA: "unclass. apnea",
    EventKind.HYPOPNEA: "hypopnea",
    EventKind.OBSTRUCTIVE_HYPOPNEA: "obstr. hypopnea",
    EventKind.CENTRAL_HYPOPNEA: "central hypopnea",
}
HOW_MATCHED = (
    "Events match one to one where intersection over union (IoU) of their times reaches the threshold, as "
    "many pairs as possible; any overlap: however short. P precision, R recall."
)
OF_A_NIGHT = (
    "In square brackets: 95 % intervals, for this night alone (Wilson; kappa: bootstrap of blocks of "
    "5 min). They say nothing about other people."
)
OF_NIGHTS = (
    "In square brackets: 95 % intervals. Bias, limits (Bland and Altman 1999) and ICC(2,1) (McGraw and Wong "
    "1996) by formula, accuracy by Wilson's, the rest by bootstrap over patients."
)


def comparison_text(comparison: Comparison) -> str:
    """The comparison of two files, or of two folders.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        Lines of at most about 80 characters, no control characters but line ends.
    """
    if comparison.cohort is not None:
        lines = _cohort_lines(comparison.cohort, comparison.failed)
    else:
        lines = [line for night in comparison.nights for line in _night_lines(night)]
    if lines:
        lines += wrap(printable(f"Classes by {comparison.rules_id}; hsat {__version__}."), WIDTH)
    return "\n".join(line.rstrip() for line in lines) + "\n" if lines else ""


def _night_lines(night: NightAgreement) -> list[str]:
    head = f"{_headline(night.overlaps, night.times)}, AHI {_ahi(night.ahi.scored_per_h)}"
    head += f" against {_ahi(night.ahi.reference_per_h)} /h"
    return [
        head,
        "=" * min(len(head), WIDTH),
        *_file_lines("Scored", night.scored),
        *_file_lines("Reference", night.reference),
        "",
        *_ahi_lines(night),
        "",
        *_figure_lines(night.overlaps, night.times),
        *_note_lines(night.notes),
        "",
        *wrap(HOW_MATCHED, WIDTH),
        *wrap(OF_A_NIGHT, WIDTH),
    ]


def _headline(overlaps: Sequence[OverlapAgreement], times: Sequence[TimeAgreement]) -> str:
    main = _main(overlaps)
    kappas = [time.kappa.value for time in times if not time.is_monitored_only]
    if "events" not in main.groups and "apneas" in main.groups:
        return f"apneas: F1 {_share(main.groups['apneas'].f1.value)} ({_threshold(main)})"
    return f"F1 {_share(_f1(main))} ({_threshold(main)}), kappa {_share(kappas[0])}"


def _main(overlaps: Sequence[OverlapAgreement]) -> OverlapAgreement:
    return next(x for x in overlaps if x.min_iou_fraction == MAIN_IOU_FRACTION)


def _f1(overlap: OverlapAgreement) -> float | None:
    """F1 of all events, where they were compared."""
    return overlap.groups["events"].f1.value if "events" in overlap.groups else None


def _file_lines(label: str, scoring: Scoring) -> list[str]:
    facts = [scoring.format, _amount(len(scoring.counted_events), "event")]
    n_uncounted = len(scoring.events) - len(scoring.counted_events)
    if n_uncounted:
        facts.append(f"{n_uncounted} not counted")
    if len(scoring.ignored_spans_s):
        facts.append(f"{len(scoring.ignored_spans_s)} uncertain")
    if scoring.monitored_h is not None:
        facts.append(f"{rounded(scoring.monitored_h, 2)} h monitored")
    return [f"{label:<10} {printable(scoring.source_path)}", f"{'':<10} {printable(', '.join(facts))}"]


# ------------------------------------------------------------------------ AHI


def _ahi_lines(night: NightAgreement) -> list[str]:
    ahi = night.ahi
    difference = NOTHING if ahi.difference_per_h is None else f"{ahi.difference_per_h:+.1f}"
    lines = [
        f"{'AHI':<10}{'scored':>10}{'reference':>12}{'difference':>12}",
        f"{'  per hour':<10}{_ahi(ahi.scored_per_h):>10}{_ahi(ahi.reference_per_h):>12}{difference:>12}",
        f"{'  class':<10}{ahi.scored_severity or NOTHING:>10}{ahi.reference_severity or NOTHING:>12}",
    ]
    if ahi.range_error_per_h is not None and ahi.reference_upper_per_h != ahi.reference_per_h:
        error = "inside" if ahi.range_error_per_h == 0.0 else f"{ahi.range_error_per_h:+.1f} from"
        text = f"With its uncertain events the reference has up to {_ahi(ahi.reference_upper_per_h)} /h"
        lines += _indented(f"{text}; the scored AHI is {error} that range.")
    for reason in dict.fromkeys(night.not_measured.values()):
        lines += _indented(printable(f"{NOTHING}: {reason}"))
    return lines


def _ahi(value: float | None) -> str:
    return NOTHING if value is None else rounded(value, 1)


# ------------------------------------------------------------------------ events and time


def _figure_lines(overlaps: Sequence[OverlapAgreement], times: Sequence[TimeAgreement]) -> list[str]:
    """What a night and many nights have in common."""
    main = _main(overlaps)
    return [
        *_event_lines(overlaps),
        *_interval_lines(overlaps),
        "",
        *_time_lines(times),
        *_kind_lines(main),
        *_boundary_lines(main),
    ]


def _threshold(overlap: OverlapAgreement) -> str:
    return f"IoU >= {overlap.min_iou_fraction:g}" if overlap.min_iou_fraction else "any overlap"


def _event_lines(overlaps: Sequence[OverlapAgreement]) -> list[str]:
    """Precision, recall, F1 at each threshold, a row for each group that either scoring has."""
    titles = " ".join(f"{_threshold(overlap):^18}" for overlap in overlaps)
    letters = " ".join([f"{'P':>6}{'R':>6}{'F1':>6}"] * len(overlaps))
    lines = [f"{'Events':<24}{titles}", f"{'':<12}{'ref':>5}{'scored':>7}{letters}"]
    for name in overlaps[0].groups:
        groups = [overlap.groups[name] for overlap in overlaps]
        n_reference, n_scored = groups[0].n_reference, groups[0].n_scored + groups[0].n_excused
        if not n_reference and not n_scored:
            continue
        cells = [x.value for group in groups for x in (group.precision, group.recall, group.f1)]
        shares = "".join((" " if i in (3, 6) else "") + f"{_share(x):>6}" for i, x in enumerate(cells))
        lines.append(f"{GROUP_LABELS[name]:<12}{n_reference:>5}{n_scored:>7}{shares}")
    if len(lines) == 2 and overlaps[0].groups:
        lines.append("neither scoring has an event")
    by_reason: dict[str, list[str]] = {}
    for name, reason in overlaps[0].not_compared.items():
        by_reason.setdefault(reason, []).append(GROUP_LABELS[name].strip())
    for reason, names in by_reason.items():
        lines += wrap(printable(f"Not compared: {', '.join(names)} ({reason})."), WIDTH)
    largest = "events" if "events" in overlaps[0].groups else "apneas"
    excused = [x.groups[largest].n_excused if largest in x.groups else 0 for x in overlaps]
    if any(excused):
        counts = ", ".join(f"{n} at {_threshold(x)}" for n, x in zip(excused, overlaps, strict=True))
        text = f"Scored events that match an uncertain one count neither way: {counts}."
        lines += wrap(text, WIDTH)
    return lines


def _interval_lines(overlaps: Sequence[OverlapAgreement]) -> list[str]:
    """Figures of all events, or of all apneas where only those were compared, with intervals."""
    name = next((name for name in ("events", "apneas") if name in overlaps[0].groups), None)
    if name is None:
        return []
    groups = [overlap.groups[name] for overlap in overlaps]
    lines = [
        "",
        f"{GROUP_LABELS[name].capitalize():<14}"
        + "".join(f"{_threshold(overlap):<22}" for overlap in overlaps),
    ]
    for label, figures in (
        ("precision", [group.precision for group in groups]),
        ("recall", [group.recall for group in groups]),
        ("F1", [group.f1 for group in groups]),
    ):
        lines.append(f"  {label:<12}" + "".join(f"{_with_interval(x):<22}" for x in figures))
    return [*lines, *_reason_lines(x for group in groups for x in (group.precision, group.recall, group.f1))]


def _time_lines(times: Sequence[TimeAgreement]) -> list[str]:
    lines = [f"{'Kappa':<35}{'event or nothing':<22}{'apnea/hypopnea/nothing'}"]
    for time in times:
        step = "each second" if time.step_s == 1.0 else f"{time.step_s:g} s epochs"
        where = "monitored" if time.is_monitored_only else "recording"
        label = f"  {step}, {where}, {time.compared_h:.2f} h"
        lines.append(f"{label:<35}{_with_interval(time.kappa):<22}{_with_interval(time.kappa_three_classes)}")
    estimates = [x for time in times for x in (time.kappa, time.kappa_three_classes)]
    return [*lines, *_reason_lines(estimates)]


def _kind_lines(overlap: OverlapAgreement) -> list[str]:
    """Kinds of the matched pairs as a table; nothing to show where there are no pairs."""
    pairs = overlap.kind_pairs
    if not pairs:
        return []
    columns = [kind for kind in EventKind if any(pair.scored == kind for pair in pairs)]
    rows = [kind for kind in EventKind if any(pair.reference == kind for pair in pairs)]
    counts = {(pair.reference, pair.scored): pair.n for pair in pairs}
    widths = [max(len(word) for word in KIND_LABELS[kind].split()) + 2 for kind in columns]
    words = [KIND_LABELS[kind].split() for kind in columns]
    title = f"Kinds of pairs, {_threshold(overlap)}"
    lines = ["", f"{title:<27}scored as"]
    for i in (0, 1):
        label = "  reference" if i else ""
        cells = [(["", *names] if len(names) == 1 else names)[i] for names in words]
        lines.append(f"{label:<25}" + _row_of(cells, widths))
    for row in rows:
        cells = [str(counts.get((row, column), 0)) for column in columns]
        lines.append(f"  {KIND_LABELS[row]:<23}" + _row_of(cells, widths))
    return lines


def _row_of(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _boundary_lines(overlap: OverlapAgreement) -> list[str]:
    start, stop = overlap.start_error, overlap.stop_error
    if start is None or stop is None:
        return []
    title = f"Boundaries, {_threshold(overlap)}"
    return [
        "",
        f"{title:<27}scored minus reference: median (5th, 95th centile)",
        f"{'  start':<27}{_spread(start)}",
        f"{'  stop':<27}{_spread(stop)}",
    ]


def _spread(spread: Spread) -> str:
    return f"{spread.median_s:+.1f} s ({spread.p5_s:+.1f}, {spread.p95_s:+.1f})"


# ------------------------------------------------------------------------ many nights


def _cohort_lines(cohort: CohortAgreement, failed: Sequence[FailedNight]) -> list[str]:
    if not cohort.nights:
        return []
    nights = _amount(len(cohort.nights), "night")
    bias = _signed(cohort.ahi.bias_per_h.value)
    head = f"{nights}: AHI bias {bias} /h, ICC(2,1) {_share(cohort.ahi.icc.value)}"
    head = f"{head}, {_headline(cohort.overlaps, cohort.times)}"
    return [
        head,
        "=" * min(len(head), WIDTH),
        *_table_lines(cohort.nights),
        *[f"{printable(item.file)}: not compared" for item in failed],
        "",
        *_cohort_ahi_lines(cohort),
        "",
        *_severity_lines(cohort),
        "",
        *_figure_lines(cohort.overlaps, cohort.times),
        *_note_lines([*cohort.notes, *_notes_of_nights(cohort.nights)]),
        "",
        *wrap(HOW_MATCHED, WIDTH),
        *wrap(OF_NIGHTS, WIDTH),
    ]


def _table_lines(nights: Sequence[NightAgreement]) -> list[str]:
    """A row a night."""
    width = max(len("night"), *(len(printable(night.name)) for night in nights))
    header = f"{'night':<{width}}  AHI/h    ref   diff  class     ref       events   ref     F1  kappa"
    lines = [header]
    for night in nights:
        ahi, f1 = night.ahi, _f1(_main(night.overlaps))
        difference = NOTHING if ahi.difference_per_h is None else f"{ahi.difference_per_h:+.1f}"
        classes = f"{ahi.scored_severity or NOTHING:<9} {ahi.reference_severity or NOTHING:<9}"
        lines.append(
            f"{printable(night.name):<{width}} {_ahi(ahi.scored_per_h):>6} {_ahi(ahi.reference_per_h):>6}"
            f" {difference:>6}  {classes} {len(night.scored.counted_events):>6}"
            f" {len(night.reference.counted_events):>5} {_share(f1):>6}"
            f" {_share(night.times[0].kappa.value):>6}"
        )
    return lines


def _cohort_ahi_lines(cohort: CohortAgreement) -> list[str]:
    ahi = cohort.ahi
    lines = [f"AHI, scored minus reference ({_amount(len(ahi.nights), 'night')})"]
    rows = [
        ("bias", ahi.bias_per_h, "+.1f"),
        ("lower limit of agreement", ahi.lower_limit_per_h, "+.1f"),
        ("upper limit of agreement", ahi.upper_limit_per_h, "+.1f"),
        ("mean absolute error", ahi.mean_absolute_error_per_h, ".1f"),
    ]
    if any(len(night.reference.ignored_spans_s) for night in cohort.nights):
        rows.append(("  beyond the uncertain range", ahi.mean_absolute_range_error_per_h, ".1f"))
    lines += [f"  {label:<30}{_rate_with_interval(estimate, form)}" for label, estimate, form in rows]
    lines.append(f"  {'ICC(2,1)':<30}{_with_interval(ahi.icc)}")
    return [*lines, *_reason_lines([*(row[1] for row in rows), ahi.icc])]


def _severity_lines(cohort: CohortAgreement) -> list[str]:
    severity = cohort.severity
    lines = [
        f"{'Class of nights':<20}scored as",
        "  reference" + "".join(f"{name:>10}" for name in SEVERITIES),
    ]
    for name, row in zip(SEVERITIES, severity.table.tolist(), strict=True):
        lines.append(f"  {name:<9}" + "".join(f"{n:>10}" for n in row))
    figures = [
        ("same class", severity.accuracy),
        ("kappa, linear weights", severity.kappa_linear),
        ("kappa, quadratic weights", severity.kappa_quadratic),
    ]
    lines += [f"  {label:<30}{_with_interval(estimate)}" for label, estimate in figures]
    return [*lines, *_reason_lines([estimate for _, estimate in figures])]


def _notes_of_nights(nights: Sequence[NightAgreement]) -> Iterable[Note]:
    """What was assumed in single nights, once each with how many."""
    codes: dict[str, list[str]] = {}
    for night in nights:
        for note in (note for note in night.notes if note.code not in SAID_FOR_ALL):
            codes.setdefault(note.code, []).append(f"{night.name}: {note.text}")
    for code, texts in codes.items():
        more = f" (nights with this: {len(texts)})" if len(texts) > 1 else ""
        yield Note(code=code, text=f"{texts[0]}{more}")


# ------------------------------------------------------------------------ words


def _share(value: float | None) -> str:
    """Three decimals; what is not quite 1 does not read 1.000."""
    if value is None:
        return NOTHING
    return "0.999" if 0.999 < value < 1.0 else f"{value:.3f}"


def _with_interval(estimate: Estimate) -> str:
    return _figure(estimate, _share)


def _rate_with_interval(estimate: Estimate, form: str) -> str:
    return _figure(estimate, lambda value: f"{value:{form}}") + ("" if estimate.value is None else " /h")


def _figure(estimate: Estimate, words: Callable[[float], str]) -> str:
    if estimate.value is None:
        return NOTHING
    ends = "" if estimate.ci95 is None else f" [{', '.join(words(end) for end in estimate.ci95)}]"
    return words(estimate.value) + ends


def _signed(value: float | None) -> str:
    return NOTHING if value is None else f"{value:+.1f}"


def _reason_lines(estimates: Iterable[Estimate]) -> list[str]:
    """Why a figure, or its interval, is missing; each reason once."""
    reasons: dict[str, None] = {}
    for estimate in estimates:
        if estimate.reason is not None:
            reasons[f"{NOTHING}: {estimate.reason}"] = None
        elif estimate.ci95_reason is not None:
            reasons[f"no interval: {estimate.ci95_reason}"] = None
    return [line for reason in reasons for line in _indented(printable(reason))]


def _indented(text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _note_lines(notes: Sequence[Note]) -> list[str]:
    texts = [printable(note.text) for note in notes]
    lines = [
        line for text in texts for line in wrap(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    ]
    return ["", "Notes", *lines] if lines else []


def _amount(n: int, one: str) -> str:
    return f"{n} {one if n == 1 else one + 's'}"
