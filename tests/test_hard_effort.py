"""Hard effort belts: obstructive, central and mixed apneas keep their kinds."""

import pytest
from hard_params import Case, nights

from benchmarks.hard import effort_cases
from benchmarks.hard.checking import score_and_compare


@pytest.mark.parametrize(
    ("case", "seed"),
    [
        *nights(
            effort_cases.plain_kinds,
            effort_cases.growing_effort,
            effort_cases.growing_effort_in_runs,
            effort_cases.heart_beat_in_central_apneas,
            effort_cases.one_belt_slips,
            effort_cases.both_belts_slip,
            effort_cases.belts_invert,
            effort_cases.belt_drift,
        ),
        *nights(effort_cases.both_belts_slip_just_before),
        *nights(effort_cases.a_belt_is_dead, seeds=(1, 3)),
        *nights(effort_cases.a_belt_is_dead, seeds=(0, 2)),
    ],
)
def test_kinds(case: Case, seed: int) -> None:
    """Every planted apnea is found and has its kind; there is no other event."""
    drawn = case(seed)
    assert drawn.has_belts
    outcome = score_and_compare(drawn)
    assert not outcome.problems, "\n".join(outcome.problems)
    assert outcome.n_matched == outcome.n_true == outcome.n_scored


@pytest.mark.parametrize("seed", range(3))
def test_the_heart_in_a_central_apnea_is_neither_breath_nor_effort(seed: int) -> None:
    """One event each, not several between heart beats."""
    drawn = effort_cases.heart_beat_in_central_apneas(seed)
    outcome = score_and_compare(drawn)
    n_central = sum(planted.kind == "central_apnea" for planted in drawn.truth)
    assert n_central == 18
    assert outcome.n_kinds == 0
    assert outcome.n_scored == outcome.n_matched == len(drawn.truth)
