"""Events and monitored time to the numbers of one night: one module a subject."""

from hsat.indices.compute import compute_indices
from hsat.indices.measurements import SUPINE_CODE, NightMeasurements
from hsat.indices.periodic import judge_cheyne_stokes

__all__ = ["SUPINE_CODE", "NightMeasurements", "compute_indices", "judge_cheyne_stokes"]
