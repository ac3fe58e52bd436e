"""Home sleep apnea test analysis: EDF recordings to apneas, hypopneas, AHI and its certainty."""

__version__ = "0.1.0"
