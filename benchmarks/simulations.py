"""The simulated nights that accuracy is measured on.

`simulated_nights` are twelve of named difficulties; they were scored over and over while the detector was
made. `fresh_nights` are sixty that nobody looked at: their seeds serve nowhere else, and what they are
follows from the seed alone.
"""

from collections.abc import Iterator, Sequence

import numpy as np

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

FIRST_FRESH_SEED, N_FRESH = 41_000, 60
FRESH_DURATION_H = 4.0

RATES_PER_H = ((0.0, 5.0), (5.0, 15.0), (15.0, 30.0), (30.0, 62.0))
"""Events planned an hour: as many nights in each severity class. The simulator cannot fit more than 65."""

FRESH_SENSORS = ("flow", "nasal_pressure", "thermistor")
FLOW_RATES_HZ = (8.0, 10.0, 16.0, 25.0, 32.0, 50.0, 100.0)
LEVELS = (256, 1024, 4096, 65536)
SPO2_RATES_HZ = (1.0, 1.0, 3.0, 4.0)
CHEYNE_STOKES_FRACTIONS = (0.0, 0.08, 0.3, 0.8)


def simulated_nights() -> Iterator[tuple[str, SimulatedNight]]:
    """Make the nights of named difficulties one after the other."""
    for name, seed, options in NIGHTS:
        yield name, make_night(seed=seed, duration_h=DURATION_H, **options)


def fresh_options(place: int) -> NightOptions:
    """What the fresh night at a place is: severity and sensor in turn, the rest drawn with its seed."""
    rng = np.random.default_rng([FIRST_FRESH_SEED, place])
    options: NightOptions = {
        "duration_h": FRESH_DURATION_H,
        "events_per_h": float(rng.uniform(*RATES_PER_H[place % len(RATES_PER_H)])),
        "sensor": FRESH_SENSORS[place % len(FRESH_SENSORS)],
        "flow_rate_hz": float(rng.choice(FLOW_RATES_HZ)),
        "n_levels": int(rng.choice(LEVELS)),
        "spo2_rate_hz": float(rng.choice(SPO2_RATES_HZ)),
        "cheyne_stokes_fraction": float(rng.choice(CHEYNE_STOKES_FRACTIONS)),
        "near_misses_per_h": float(rng.uniform(0.0, 6.0)),
        "artifacts_per_h": float(rng.uniform(0.0, 5.0)),
        "restless_fraction": float(rng.uniform(0.0, 0.4)),
        "wander_fraction": float(rng.uniform(0.0, 0.3)),
        "dropouts_per_h": float(rng.uniform(0.0, 4.0)),
        "has_belts": bool(rng.random() < 0.6),
        "is_inverted": bool(rng.random() < 0.5),
    }
    start_s = float(np.rint(rng.uniform(0.3, 0.7) * FRESH_DURATION_H * 3600.0))
    if place % 5 == 0:
        options["flow_off_spans_s"] = ((start_s, start_s + 900.0),)
    if place % 7 == 0:
        options["probe_off_spans_s"] = ((start_s - 2000.0, start_s - 1400.0),)
    return options


def fresh_nights(places: Sequence[int] = range(N_FRESH)) -> Iterator[tuple[str, SimulatedNight]]:
    """Make the sixty fresh nights, or those at some places, one after the other; called by their seeds."""
    for place in places:
        seed = FIRST_FRESH_SEED + place
        yield str(seed), make_night(seed=seed, **fresh_options(place))
