"""The simulated nights that accuracy is measured on: their seeds serve nowhere else."""

from collections.abc import Iterator

from hsat.simulate import SimulatedNight, make_night
from hsat.simulate.night import NightOptions

NIGHTS: tuple[tuple[str, int, NightOptions], ...] = (
    ("normal", 9000, {"events_per_h": 2.0}),
    ("mild", 9001, {"events_per_h": 9.0, "flow_rate_hz": 10.0}),
    ("mild-pressure", 9002, {"events_per_h": 10.0, "sensor": "nasal_pressure", "is_inverted": True}),
    ("moderate", 9003, {"events_per_h": 20.0, "flow_rate_hz": 100.0, "n_levels": 65536}),
    ("moderate-no-belts", 9004, {"events_per_h": 22.0, "has_belts": False, "spo2_rate_hz": 4.0}),
    ("coarse-quantiser", 9005, {"events_per_h": 18.0, "n_levels": 256, "flow_rate_hz": 8.0}),
    ("cheyne-stokes", 9006, {"events_per_h": 25.0, "cheyne_stokes_fraction": 0.8}),
    ("restless", 9007, {"events_per_h": 25.0, "restless_fraction": 0.4, "artifacts_per_h": 6.0}),
    ("near-misses", 9008, {"events_per_h": 6.0, "near_misses_per_h": 12.0}),
    ("severe", 9009, {"events_per_h": 45.0, "wander_fraction": 0.3}),
    ("very-severe", 9010, {"events_per_h": 60.0, "sensor": "nasal_pressure"}),
    (
        "sensors-off",
        9011,
        {
            "events_per_h": 15.0,
            "flow_off_spans_s": ((7000.0, 8200.0),),
            "probe_off_spans_s": ((12000.0, 12900.0),),
        },
    ),
)
"""Name, seed and what is not the simulator's default; all last six hours."""

DURATION_H = 6.0


def simulated_nights() -> Iterator[tuple[str, SimulatedNight]]:
    """Make the nights one after the other."""
    for name, seed, options in NIGHTS:
        yield name, make_night(seed=seed, duration_h=DURATION_H, **options)
