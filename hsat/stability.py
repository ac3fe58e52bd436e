"""Does the night's class hold under other rules: the same night judged again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from hsat.detect.airflow import FlowReading
from hsat.detect.breathing import flow_from_pressure, measure_upright, pressure_from_flow
from hsat.detect.candidates import Candidate, gather_candidates
from hsat.detect.combining import combine_sensors
from hsat.detect.desaturations import Oximetry
from hsat.detect.judging import is_admitted
from hsat.detect.respiratory import find_reduced_breathing
from hsat.detect.sensors import NASAL_PRESSURE
from hsat.detect.switching import Airflow, Service
from hsat.grading import grade_severity, why_no_class
from hsat.recording import Recording
from hsat.results import Alternative, MonitoredTime, NightResult
from hsat.rules.load import load_rules
from hsat.rules.model import ScoringRules

__all__ = ["SIBLING_RULES", "JudgedNight", "find_alternatives"]

SIBLING_RULES = ("aasm_1b", "aasm_1a", "cms")
"""Every night is also judged under the others of these."""

AFTER_CANDIDATES = frozenset(
    {
        "name",
        "title",
        "source",
        "rules_id",
        "severity",
        "adequacy",
        "oxygen_time",
        "hypoxic_burden",
        "ventilatory_burden",
        "pulse_response",
        "cheyne_stokes",
        "hypopnea_type",
        "confidence",
    }
)
"""Fields of a rule set that no candidate depends on; any other table may change what is found."""

BEFORE_CANDIDATES = tuple(
    field.name
    for field in fields(ScoringRules)
    if field.name not in AFTER_CANDIDATES and field.name != "hypopnea"
)
"""The others, but for the table whose fall of SpO2 is asked for last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedNight:
    """What is judged again.

    Attributes
    ----------
    recording : Recording
    monitored : MonitoredTime
    airflow : Airflow
    oximetry : Oximetry or None
    delay_s : float
        Delay of SpO2 behind flow, measured or assumed.
    candidates : sequence of Candidate
        Found under the night's own rules.
    n_events : int
        Events that count among them, under the night's own rules.
    """

    recording: Recording
    monitored: MonitoredTime
    airflow: Airflow
    oximetry: Oximetry | None
    delay_s: float
    candidates: Sequence[Candidate]
    n_events: int


def find_alternatives(
    night: JudgedNight | None, rules: ScoringRules, *, rescore: Callable[[ScoringRules], NightResult]
) -> dict[str, Alternative]:
    """AHI and class of the night under the sibling rules, and with the other reading of nasal pressure.

    Parameters
    ----------
    night : JudgedNight or None
        None where no breathing can be judged.
    rules : ScoringRules
        The night's own rules.
    rescore : callable
        Scores the recording anew under a rule set: for siblings that would find other candidates.

    Returns
    -------
    dict of str to Alternative
        By the name of the rule set, the night's own left out; ``NAME_linearised`` (or
        ``NAME_not_linearised``) on nasal pressure.
    """
    found: dict[str, Alternative] = {}
    if night is None:
        return found
    for name in SIBLING_RULES:
        if name == rules.name:
            continue
        sibling = load_rules(name)
        if _finds_the_same(rules, sibling):
            is_alike = sibling.hypopnea == rules.hypopnea
            n_events = night.n_events if is_alike else _count_events(night.candidates, sibling)
            found[name] = _graded(night, n_events, sibling, sibling.rules_id)
        else:
            other = rescore(sibling)
            found[name] = Alternative(
                rules_id=other.rules_id, ahi_per_h=other.indices.ahi_per_h, severity=other.severity
            )
    if NASAL_PRESSURE in night.airflow.sensors:
        services = (*night.airflow.hypopneas, *night.airflow.apneas)
        measured = next(s.reading for s in services if s.reading.sensor == NASAL_PRESSURE)
        word = "linearised" if measured.is_squared else "not_linearised"
        candidates = _candidates_of_other_reading(night, measured, rules)
        rules_id = f"{rules.rules_id}, {word.replace('_', ' ')}"
        found[f"{rules.name}_{word}"] = _graded(night, _count_events(candidates, rules), rules, rules_id)
    return found


def _finds_the_same(rules: ScoringRules, sibling: ScoringRules) -> bool:
    """Whether the sibling would judge the very candidates that were found under these rules."""
    points = sibling.hypopnea.min_desaturation_points
    hypopnea = replace(rules.hypopnea, min_desaturation_points=points)
    return hypopnea == sibling.hypopnea and all(
        getattr(rules, name) == getattr(sibling, name) for name in BEFORE_CANDIDATES
    )


def _candidates_of_other_reading(
    night: JudgedNight, measured: FlowReading, rules: ScoringRules
) -> Sequence[Candidate]:
    """Candidates with the square root of nasal pressure taken, or left out; all else as it was."""
    airflow = night.airflow
    other = _other_reading(measured, rules)

    def exchanged(of_purpose: tuple[Service, ...]) -> tuple[Service, ...]:
        return tuple(replace(s, reading=other) if s.reading is measured else s for s in of_purpose)

    return gather_candidates(
        combine_sensors(
            Airflow(apneas=exchanged(airflow.apneas), hypopneas=exchanged(airflow.hypopneas)), rules
        ),
        night.oximetry,
        night.delay_s,
        monitored_s=night.monitored.spans_s,
        rules=rules,
    )


def _other_reading(reading: FlowReading, rules: ScoringRules) -> FlowReading:
    """Nasal pressure with its root taken, or left out; when it cannot be judged stays as it was."""
    measured, is_squared = reading.breathing, not reading.is_squared
    flow = pressure_from_flow(measured.flow) if is_squared else flow_from_pressure(measured.flow)
    breathing = measure_upright(flow, measured.is_missing, rules)
    reductions = find_reduced_breathing(breathing, rules, is_pressure=is_squared)
    return replace(reading, breathing=breathing, reductions=reductions, is_squared=is_squared)


def _count_events(candidates: Sequence[Candidate], rules: ScoringRules) -> int:
    return sum(c.is_counted and is_admitted(c, rules) for c in candidates)


def _graded(night: JudgedNight, n_events: int, rules: ScoringRules, rules_id: str) -> Alternative:
    """AHI and class, where the night allows them."""
    ahi_per_h = severity = None
    hours = night.monitored.monitoring_h
    if night.monitored.spo2_h > 0 and hours >= rules.adequacy.rate_from_h:
        ahi_per_h = n_events / hours
    if ahi_per_h is not None and why_no_class(night.recording, night.monitored, rules) is None:
        severity = grade_severity(ahi_per_h, rules.severity)
    return Alternative(rules_id=rules_id, ahi_per_h=ahi_per_h, severity=severity)
