"""Figures for notebooks: a night, one event of it, the nights of a patient, agreement with a reference.

Each function gives a `matplotlib.figure.Figure` that belongs to no window: a notebook shows it, and
``figure.savefig("night.png")`` writes it. Results draw themselves by the same functions: ``night.plot()``,
``night.plot_event(i)``, ``patient.plot()`` and ``agreement.plot()``.
"""

from hsat.report.agreement_plots import plot_bland_altman as plot_agreement
from hsat.report.event_plot import plot_event
from hsat.report.patient_plots import plot_patient
from hsat.report.plots import plot_night

__all__ = ["plot_agreement", "plot_event", "plot_night", "plot_patient"]
