"""Figures and tables of nights whose every event is known."""

from collections import Counter
from collections.abc import Collection, Mapping

from benchmarks.figures import PER_H, PERCENT, Figure, Table, number, share
from benchmarks.matching import Agreement, PlantedEvaluation
from benchmarks.planted_nights import (
    TrueNight,
    ahi_error_estimate,
    count_kinds,
    f1_of,
    kinds_estimate,
    mean_absolute_error,
    near_miss_share,
    total_agreement,
    total_class,
)
from hsat.agreement.estimates import Estimate, wilson_estimate

Nights = Mapping[str, TrueNight]


def evaluations(nights: Nights) -> Collection[PlantedEvaluation]:
    """The evaluations alone."""
    return [night.evaluation for night in nights.values()]


def truth_figures(title: str, nights: Nights) -> list[Figure]:
    """Every figure that is asked of nights with their truth."""
    results = evaluations(nights)
    n_events = f"{sum(x.n_certain for x in results)} events"
    accepted, n_misses = near_miss_share(results)
    kinds, n_typed = kinds_estimate(nights.values())
    n_detached = sum(x.n_on_detached for x in results)
    apneas, hypopneas = (total_class(results, name) for name in ("apnea", "hypopnea"))
    rows = [
        ("event F1, IoU 0.2", f1_of(total_agreement(results, 0.2)), 0.95, n_events),
        ("event F1, IoU 0.5", f1_of(total_agreement(results, 0.5)), 0.92, n_events),
        ("apneas alone, F1", f1_of(apneas), 0.96, f"{_n_true(apneas)} apneas"),
        ("hypopneas alone, F1", f1_of(hypopneas), 0.90, f"{_n_true(hypopneas)} hypopneas"),
    ]
    figures = [Figure(nights=title, what=w, estimate=e, asked=a, n=n) for w, e, a, n in rows]
    figures += [
        Figure(
            nights=title,
            what="mean absolute AHI error",
            estimate=ahi_error_estimate(results),
            asked=1.5,
            n=f"{len(nights)} nights",
            is_upper_limit=True,
            style=PER_H,
        ),
        Figure(
            nights=title,
            what="kind of apneas with belts",
            estimate=kinds,
            asked=0.95,
            n=f"{n_typed} apneas",
            style=PERCENT,
        ),
        Figure(
            nights=title,
            what="near misses accepted",
            estimate=wilson_estimate(accepted, n_misses, nothing="no near miss"),
            asked=0.03,
            n=f"{n_misses} near misses",
            is_upper_limit=True,
            style=PERCENT,
        ),
        Figure(
            nights=title,
            what="events on a detached cannula",
            estimate=Estimate(value=float(n_detached)),
            asked=0,
            n=f"{sum(x.n_scored for x in results)} scored",
            is_upper_limit=True,
            style="count",
        ),
    ]
    return figures


def severity_figures(title: str, nights: Nights) -> list[Figure]:
    """Share of nights in the class of their certain events, and in one that the truth allows."""
    n = len(nights)
    exact = sum(night.severity == night.true_severity for night in nights.values())
    allowed = sum(night.is_severity_right for night in nights.values())
    return [
        Figure(
            nights=title,
            what=what,
            estimate=wilson_estimate(hits, n, nothing="no night"),
            asked=0.92,
            n=f"{n} nights",
            style=PERCENT,
        )
        for what, hits in (
            ("severity right, uncertain events left out", exact),
            ("severity right, uncertain events either way", allowed),
        )
    ]


def _n_true(agreement: Agreement) -> int:
    return agreement.n_true_positives + agreement.n_false_negatives


def planted_table(nights: Nights) -> Table:
    """One row a night, the last over all."""
    header = ["night", "AHI", "truth range", "error", "certain", "scored", "TP", "FP", "FN"]
    header += ["precision", "recall", "F1", "F1@0.5", "near misses", "detached"]
    results = {name: night.evaluation for name, night in nights.items()}
    rows = [_planted_row(name, x) for name, x in results.items()]
    total = [total_agreement(results.values(), iou) for iou in (0.2, 0.5)]
    n_certain, n_scored, n_detached = (
        str(sum(counts))
        for counts in zip(
            *((x.n_certain, x.n_scored, x.n_on_detached) for x in results.values()), strict=True
        )
    )
    error = f"{mean_absolute_error(results.values()):.2f}"
    near = "/".join(str(n) for n in near_miss_share(results.values()))
    rows.append(["all", "", "", error, n_certain, n_scored, *_agreement_cells(*total), near, n_detached])
    return Table(header, rows)


def _planted_row(name: str, x: PlantedEvaluation) -> list[str]:
    error = number(x.ahi_error_per_h, "+.2f")
    limits = "{:.2f}-{:.2f}".format(*x.ahi_range_per_h)
    cells = [name, number(x.ahi_per_h, ".2f"), limits, error, str(x.n_certain), str(x.n_scored)]
    cells += _agreement_cells(x.agreement[0.2], x.agreement[0.5])
    return [*cells, f"{len(x.near_misses_accepted)}/{x.n_near_misses}", str(x.n_on_detached)]


def _agreement_cells(main: Agreement, strict: Agreement) -> list[str]:
    figures = [main.precision, main.recall, main.f1, strict.f1]
    return [str(count) for count in main] + [f"{x:.3f}" for x in figures]


def class_table(nights: Nights) -> Table:
    """One row a night: its class and the truth's."""
    header = ["seed", "what", "true AHI", "AHI", "true class", "class", "F1", "near misses"]
    rows = []
    for name, night in nights.items():
        x = night.evaluation
        low, high = (f"{limit:.1f}" for limit in x.ahi_range_per_h)
        true_class = night.true_severity
        if night.upper_severity != true_class:
            true_class += f" (to {night.upper_severity})"
        ours = night.severity or "-"
        ours = ours if night.severity == night.true_severity else f"**{ours}**"
        near = f"{len(x.near_misses_accepted)}/{x.n_near_misses}"
        limits = low if low == high else f"{low} to {high}"
        rows.append([name, night.words, limits, number(x.ahi_per_h), true_class, ours, f"{x.f1:.3f}", near])
    return Table(header, rows)


def summary_lines(nights: Nights) -> list[str]:
    """What went wrong, in sentences: near misses by cause, kinds, boundaries, classes."""
    results = evaluations(nights)
    accepted = Counter(cause for x in results for cause in x.near_misses_accepted)
    kinds = count_kinds(nights.values())
    starts = sorted(e for x in results for e in x.start_errors_s)
    stops = sorted(e for x in results for e in x.stop_errors_s)
    wrong = [f"{true} scored as {ours}: {n}" for (true, ours), n in kinds.most_common() if true != ours]
    matched = sum((Counter(x.kinds) for x in results), Counter())
    same = sum(n for (a, b), n in matched.items() if a.endswith("_apnea") == b.endswith("_apnea"))
    lines = [
        "Near misses accepted, by cause: "
        + (", ".join(f"{cause} {n}" for cause, n in accepted.most_common()) or "none")
        + ".",
        f"Apnea told from hypopnea: {share(same, matched.total())} of {matched.total()} matched events.",
        "Kinds that are wrong, of apneas with belts: " + (", ".join(wrong) or "none") + ".",
        _stored_line(nights),
    ]
    if starts:
        lines.append(
            f"Scored minus true start, 5th, 50th and 95th percentile: {_quantiles(starts)} s; "
            f"stop: {_quantiles(stops)} s."
        )
    return lines


def _stored_line(nights: Nights) -> str:
    """The figures of kind and class with events whose class the truth is not sure of."""
    kinds, n = kinds_estimate(nights.values(), is_stored=True)
    apneas, hypopneas = (
        f1_of(total_class(evaluations(nights), name, is_stored=True)) for name in ("apnea", "hypopnea")
    )
    right = "-" if kinds.value is None else f"{100 * kinds.value:.1f} % of {n}"
    return (
        "With the events whose class the truth leaves open taken for what it stores: "
        f"apneas F1 {number(apneas.value, '.3f')}, hypopneas F1 {number(hypopneas.value, '.3f')}, "
        f"kind of apneas with belts {right}."
    )


def severity_lines(nights: Nights) -> list[str]:
    """Nights that are in another class, and whether uncertain events explain it."""
    wrong = {name: x for name, x in nights.items() if x.severity != x.true_severity}
    explained = [name for name, x in wrong.items() if x.is_severity_right]
    listed = "; ".join(
        f"{name}: {x.true_severity} ({x.evaluation.ahi_range_per_h[0]:.2f} /h) scored {x.severity} "
        f"({number(x.evaluation.ahi_per_h, '.2f')} /h)"
        for name, x in wrong.items()
    )
    return [
        f"In another class than their certain events: {len(wrong)} of {len(nights)}"
        + (f" ({listed})." if wrong else "."),
        f"Of these, the truth's uncertain events reach our class in {len(explained)}.",
    ]


def _quantiles(ordered: list[float]) -> str:
    return ", ".join(
        f"{ordered[min(int(p * len(ordered)), len(ordered) - 1)]:+.1f}" for p in (0.05, 0.5, 0.95)
    )


def readme_table(sets: Mapping[str, Nights]) -> Table:
    """One row a set of nights, as README.md shows them."""
    header = [
        "nights",
        "events",
        "mean AHI error",
        "precision",
        "recall",
        "F1 (IoU 0.2)",
        "near misses accepted",
    ]
    rows = []
    for name, nights in sets.items():
        results = evaluations(nights)
        total = total_agreement(results, 0.2)
        n_events = sum(x.n_certain for x in results)
        cells = [f"{len(nights)} {name}", str(n_events), f"{mean_absolute_error(results):.2f} /h"]
        cells += [f"{x:.3f}" for x in (total.precision, total.recall, total.f1)]
        rows.append([*cells, share(*near_miss_share(results))])
    return Table(header, rows)
