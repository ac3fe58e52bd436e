"""The limits that a night was judged by, to be drawn beside the signals."""

from functools import cache
from typing import TypedDict

from hsat.rules.load import load_rules, rule_set_names

__all__ = ["Limits", "limits_of"]


class Limits(TypedDict):
    """Limits of a rule set, under the names of its keys."""

    apnea_min_reduction_fraction: float
    pressure_apnea_min_reduction_fraction: float
    hypopnea_min_reduction_fraction: float
    min_desaturation_points: float
    apnea_min_duration_s: float
    hypopnea_min_duration_s: float


@cache
def limits_of(rules_id: str, *, is_pressure_rooted: bool = False) -> Limits | None:
    """The limits of the rule set that a result names.

    Parameters
    ----------
    rules_id : str
        As in `hsat.results.NightResult`.
    is_pressure_rooted : bool
        `hsat.results.NightResult.is_pressure_rooted`: pressure is judged as flow.

    Returns
    -------
    Limits or None
        None for a rule set of the user's own: a result keeps its hash, not its numbers.
    """
    name = rules_id.partition("@")[0]
    if name not in rule_set_names():
        return None
    rules = load_rules(name)
    if rules.rules_id != rules_id:
        return None
    apnea = rules.apnea
    on_pressure = apnea.min_pressure_reduction_fraction
    if rules.nasal_pressure.is_linearised or is_pressure_rooted:
        on_pressure = apnea.min_reduction_fraction
    return Limits(
        apnea_min_reduction_fraction=apnea.min_reduction_fraction,
        pressure_apnea_min_reduction_fraction=on_pressure,
        hypopnea_min_reduction_fraction=rules.hypopnea.min_reduction_fraction,
        min_desaturation_points=rules.hypopnea.min_desaturation_points,
        apnea_min_duration_s=apnea.min_duration_s,
        hypopnea_min_duration_s=rules.hypopnea.min_duration_s,
    )
