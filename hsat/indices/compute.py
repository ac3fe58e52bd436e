"""`compute_indices`: every subject in turn, and a reason for what stays None."""

from dataclasses import fields

from hsat.indices.breathing import add_breathing, add_durations, add_hypopnea_types
from hsat.indices.measurements import Found, NightMeasurements
from hsat.indices.oxygen import add_oxygen
from hsat.indices.periodic import add_periodic
from hsat.indices.position import add_position
from hsat.indices.pulse import add_pulse
from hsat.indices.sleep import add_sleep
from hsat.indices.ventilation import add_snoring, add_ventilation
from hsat.results import NightIndices
from hsat.rules.model import ScoringRules

__all__ = ["compute_indices"]


def compute_indices(night: NightMeasurements, rules: ScoringRules) -> tuple[NightIndices, dict[str, str]]:
    """Compute every index the recording allows.

    Parameters
    ----------
    night : NightMeasurements
    rules : ScoringRules

    Returns
    -------
    indices : NightIndices
    not_measured : dict of str to str
        ``"indices.<name>"`` to the reason, for every index that is None.
    """
    found = Found(values={}, reasons={})
    counted = night.counted_events()
    add_breathing(found, night, counted, rules)
    add_hypopnea_types(found, night, counted, rules)
    add_durations(found, night, counted, rules)
    add_oxygen(found, night, counted, rules)
    add_ventilation(found, night, rules)
    add_snoring(found, night, rules)
    add_pulse(found, night, counted, rules)
    add_sleep(found, night, counted, rules)
    add_position(found, night, counted, rules)
    add_periodic(found, night)
    indices = NightIndices(**found.values)
    for field in fields(indices):
        if getattr(indices, field.name) is None:
            found.reasons.setdefault(f"indices.{field.name}", "not measurable in this recording")
    return indices, {name: found.reasons[name] for name in sorted(found.reasons)}
