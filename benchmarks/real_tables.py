"""Figures and tables of the real recordings."""

from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks.figures import Figure, Table, number
from benchmarks.matching import Agreement
from benchmarks.planted_nights import f1_of
from benchmarks.real_nights import (
    AP,
    LARGEST_SET,
    RESMED,
    SLP60,
    UCD,
    EpochKappa,
    FallCounts,
    LabelledApnea,
    RealNight,
    ap_apneas,
    epoch_kappas,
    falls_and_events,
    match_apneas,
    recall_of,
    reference_rates,
    why_false,
    why_missed,
)

DEVICE_RULES, DEFAULT_RULES = "resmed_75", "aasm_1b"
FAR_PER_H = 5.0
"""A night whose rate differs by more is explained one by one."""

Nights = Sequence[RealNight]


def of_set(nights: Nights, folder: str) -> list[RealNight]:
    """The nights of one set."""
    return [night for night in nights if night.folder == folder]


def pooled(nights: Nights) -> Agreement:
    """Apneas of all nights together."""
    total = Agreement(0, 0, 0)
    for night in nights:
        total = total.plus(match_apneas(night).agreement)
    return total


def without_largest(nights: Nights) -> list[RealNight]:
    """All but the recording that holds most of the apneas."""
    return [night for night in nights if not night.name.startswith(LARGEST_SET)]


def real_figures(nights: Mapping[str, Nights]) -> list[Figure]:
    """Every figure that is asked of real nights; nights by rule set."""
    figures = []
    for rules, what, asked in ((DEVICE_RULES, "F1", 0.80), (DEFAULT_RULES, "recall", 0.70)):
        resmed = of_set(nights[rules], RESMED)
        for name, chosen in (
            (f"with {LARGEST_SET}", resmed),
            (f"without {LARGEST_SET}", without_largest(resmed)),
        ):
            if not chosen:
                continue
            x = pooled(chosen)
            n = x.n_true_positives + x.n_false_negatives
            estimate = f1_of(x) if what == "F1" else recall_of(x.n_true_positives, n)
            title = f"ResMed apneas, `{rules}`, {name}"
            figures.append(Figure(nights=title, what=what, estimate=estimate, asked=asked, n=f"{n} apneas"))
    default = nights[DEFAULT_RULES]
    if of_set(default, AP):
        figures += _ap_figures(ap_apneas(of_set(default, AP)))
    if of_set(default, UCD):
        figures += _fall_figures([falls_and_events(night) for night in of_set(default, UCD)])
    for night in of_set(default, SLP60):
        whole = epoch_kappas(night)[0]
        words = f"{whole.n_epochs} epochs"
        figures.append(Figure(nights="slp60", what="kappa", estimate=whole.kappa, asked=0.45, n=words))
    return figures


def _ap_figures(apneas: Sequence[LabelledApnea]) -> list[Figure]:
    n = len(apneas)
    scored, candidates = sum(x.is_scored for x in apneas), sum(x.is_candidate for x in apneas)
    return [
        Figure(
            nights="AP01 and AP03, labelled apneas",
            what=what,
            estimate=recall_of(hits, n),
            asked=asked,
            n=f"{n} apneas",
        )
        for what, hits, asked in (
            ("scored under any kind", scored, 0.80),
            ("at least a candidate with its reason", candidates, 0.90),
        )
    ]


def _fall_figures(counts: Sequence[FallCounts]) -> list[Figure]:
    n_events, with_fall, n_falls, with_event = (sum(column) for column in zip(*counts, strict=True))
    return [
        Figure(
            nights="UCD",
            what="human events with a fall of 3 points",
            estimate=recall_of(with_fall, n_events),
            asked=0.90,
            n=f"{n_events} events",
        ),
        Figure(
            nights="UCD",
            what="falls of 3 points with a human event",
            estimate=recall_of(with_event, n_falls),
            asked=0.60,
            n=f"{n_falls} falls",
        ),
    ]


# ------------------------------------------------------------------------ tables


def resmed_table(nights: Mapping[str, Nights]) -> Table:
    """Apneas of each ResMed night under both rule sets."""
    header = ["recording", "hours", "device's apneas"]
    for rules in (DEVICE_RULES, DEFAULT_RULES):
        header += [f"`{rules}`: ours", "matched", "F1"]
    pairs = list(
        zip(of_set(nights[DEVICE_RULES], RESMED), of_set(nights[DEFAULT_RULES], RESMED), strict=True)
    )
    rows = []
    for both in pairs:
        cells = [both[0].name, f"{both[0].recorded_h:.1f}", str(len(both[0].labelled_apneas))]
        for night in both:
            cells += _apnea_cells(match_apneas(night).agreement)
        rows.append(cells)
    for name, chosen in (
        ("all", pairs),
        (f"without {LARGEST_SET}", [p for p in pairs if without_largest(p)]),
    ):
        totals = [pooled([pair[i] for pair in chosen]) for i in (0, 1)]
        n = totals[0].n_true_positives + totals[0].n_false_negatives
        hours = sum(pair[0].recorded_h for pair in chosen)
        rows.append([name, f"{hours:.1f}", str(n), *_apnea_cells(totals[0]), *_apnea_cells(totals[1])])
    return Table(header, rows)


def _apnea_cells(x: Agreement) -> list[str]:
    n_ours = x.n_true_positives + x.n_false_positives
    has_any = n_ours + x.n_false_negatives > 0
    return [str(n_ours), str(x.n_true_positives), f"{x.f1:.2f}" if has_any else "-"]


def resmed_reasons(nights: Mapping[str, Nights]) -> Table:
    """What became of the device's apneas that we miss, and what the device says where only we see one."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for rules in (DEVICE_RULES, DEFAULT_RULES):
        for night in of_set(nights[rules], RESMED):
            match = match_apneas(night)
            rows = [("missed", why_missed(night, x)) for x in match.missed]
            rows += [("only ours", why_false(night, x)) for x in match.false]
            for row in rows:
                counts.setdefault(row, Counter())[rules] += 1
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], -item[1].total(), item[0][1]))
    return Table(
        ["which", "what stands there", f"`{DEVICE_RULES}`", f"`{DEFAULT_RULES}`"],
        [[*key, str(n[DEVICE_RULES]), str(n[DEFAULT_RULES])] for key, n in ordered],
    )


def fall_table(nights: Nights) -> Table:
    """Human events and our falls, recording by recording."""
    header = [
        "recording",
        "human events",
        "with a fall",
        "share",
        "falls from 3 points",
        "with an event",
        "share",
    ]
    counts = [falls_and_events(night) for night in nights]
    total = FallCounts(*(sum(column) for column in zip(*counts, strict=True)))
    rows = []
    for name, x in zip([*(night.name for night in nights), "both"], [*counts, total], strict=True):
        cells = [name, str(x.n_events), str(x.n_events_with_fall), f"{x.n_events_with_fall / x.n_events:.3f}"]
        cells += [str(x.n_falls), str(x.n_falls_with_event), f"{x.n_falls_with_event / x.n_falls:.3f}"]
        rows.append(cells)
    return Table(header, rows)


def epoch_table(kappas: Sequence[EpochKappa]) -> Table:
    """Kappa of the epochs, mapping by mapping."""
    header = ["an epoch counts as ours where", "kappa", "95 % interval", "epochs", "ours", "labelled"]
    rows = []
    for x in kappas:
        interval = "-" if x.kappa.ci95 is None else "{:.2f} to {:.2f}".format(*x.kappa.ci95)
        cells = [x.mapping, number(x.kappa.value, ".3f"), interval]
        rows.append([*cells, str(x.n_epochs), str(x.n_ours), str(x.n_theirs)])
    return Table(header, rows)


def rate_table(nights: Nights) -> Table:
    """Rates of every recording beside those of its reference; far ones in bold."""
    header = ["recording", "compared", "reference /h", "ours /h", "difference /h"]
    rows = []
    for x in reference_rates(nights):
        difference = x.difference_per_h
        cell = number(difference, "+.1f")
        is_far = difference is None or abs(difference) > FAR_PER_H
        cells = [x.night.name, x.what, f"{x.reference_per_h:.1f}", number(x.ours_per_h)]
        rows.append([*cells, f"**{cell}**" if is_far else cell])
    return Table(header, rows)
