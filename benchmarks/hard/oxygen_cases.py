"""Cases of oximeters and of saturation. Each takes a seed and draws one night."""

from numpy.random import Generator, default_rng

from benchmarks.hard.checking import Drawn, draw
from benchmarks.hard.sensors import Airflow, Oximeter, pulse
from benchmarks.hard.sleep import Night, Sleeper

STEPS_POINTS = (1.0, 0.1, 0.125, 100 / 255)
"""Whole percents; tenths; three bits after the point; 0 to 100 % over a byte."""

COARSE_POINTS = 3.0
"""Eight levels, three bits in all, from 76 to 97 %."""


def _sleep(rng: Generator, points: tuple[float, float], calm_s: tuple[float, float] = (70.0, 140.0)) -> Night:
    """Fourteen events, every third reduction with a fall that is too small."""
    sleeper = Sleeper(rng=rng)
    sleeper.calm(220)
    for i in range(14):
        sleeper.event("hypopnea" if i % 2 else "obstructive_apnea", rng.uniform(22, 40), rng.uniform(*points))
        sleeper.recover(2)
        sleeper.calm(rng.uniform(*calm_s))
        if i % 3 == 0:
            sleeper.event("none", rng.uniform(15, 40), rng.uniform(0.3, 2.3), depth=rng.uniform(0.4, 0.55))
            sleeper.recover(2)
            sleeper.calm(rng.uniform(*calm_s))
    return sleeper.night()


def night_of_oximeter(
    seed: int, oximeter: Oximeter | None = None, points: tuple[float, float] = (5.7, 9.0), **changes: object
) -> Drawn:
    """A night of clear events on this oximeter, or on any with these properties."""
    rng = default_rng(seed)
    night = _sleep(rng, points)
    given = {"delay_s": rng.uniform(12.0, 30.0), "step_points": rng.choice(STEPS_POINTS), **changes}
    return draw(night, rng, oximeter=oximeter or Oximeter(**given), others=[pulse(night, rng)])


def resolution(seed: int) -> Drawn:
    """1 point, 0.1 point, an eighth of a point, 100/255 points."""
    return night_of_oximeter(seed, step_points=STEPS_POINTS[seed % 4])


def eight_levels(seed: int) -> Drawn:
    """Three bits in all: falls of 7.5 to 10 points read 6 to 12."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng)
    sleeper.calm(220)
    for i in range(14):
        sleeper.event("hypopnea" if i % 2 else "obstructive_apnea", rng.uniform(22, 40), rng.uniform(7.8, 10))
        sleeper.recover(2)
        sleeper.calm(rng.uniform(70, 140))
    night = sleeper.night()
    oximeter = Oximeter(step_points=COARSE_POINTS, baseline_percent=96.2)
    return draw(night, rng, oximeter=oximeter, others=[pulse(night, rng)])


def averaging(seed: int) -> Drawn:
    """The mean of 3, 8, 12 or 16 s; falls are still of 5 points or more after it."""
    average_s = (3.0, 8.0, 12.0, 16.0)[seed % 4]
    return night_of_oximeter(seed, points=(6.5 + average_s / 8, 11.0), average_s=average_s)


def held_values(seed: int) -> Drawn:
    """A new value every 2 to 6 s."""
    return night_of_oximeter(
        seed, held_s=(2.0, 3.0, 4.0, 6.0)[seed % 4], rate_hz=(1.0, 3.0, 4.0, 25.0)[seed // 4 % 4]
    )


def motion_spikes(seed: int) -> Drawn:
    """Twenty spikes of 1 to 4 s down by 8 to 35 points, and codes for no value."""
    return night_of_oximeter(seed, n_spikes=20, codes=(0.0, 127.0, 255.0, 0.0, 127.0), step_points=1.0)


def delays(seed: int) -> Drawn:
    """SpO2 is 8 to 45 s late."""
    return night_of_oximeter(seed, delay_s=(8.0, 15.0, 30.0, 38.0, 45.0)[seed % 5])


def overlapping_falls(seed: int) -> Drawn:
    """Runs in which SpO2 is only half or three quarters back when it falls again."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, period_s=rng.uniform(3.0, 4.5))
    sleeper.calm(240)
    for _ in range(5):
        kind = "obstructive_apnea" if rng.random() < 0.5 else "hypopnea"
        for _ in range(int(rng.integers(4, 7))):
            resat = rng.uniform(0.6, 0.85)
            sleeper.event(kind, rng.uniform(18, 35), rng.uniform(6, 8), resaturation_fraction=resat)
            sleeper.recover(int(rng.integers(2, 4)))
        sleeper.event(kind, rng.uniform(18, 35), rng.uniform(6, 8))
        sleeper.calm(rng.uniform(200, 300))
    night = sleeper.night()
    oximeter = Oximeter(delay_s=rng.uniform(10, 35), step_points=rng.choice(STEPS_POINTS))
    return draw(night, rng, oximeter=oximeter, others=[pulse(night, rng)])


def wandering_baseline(seed: int) -> Drawn:
    """The baseline goes up and down by 2 to 3 points over minutes."""
    return night_of_oximeter(
        seed, points=(6.0, 9.0), wander_points=(1.5, 2.0)[seed % 2], baseline_percent=93.0
    )


def low_baseline(seed: int) -> Drawn:
    """A baseline of 76 to 89 %."""
    return night_of_oximeter(seed, baseline_percent=(89.0, 86.0, 82.0, 76.0)[seed % 4], wander_points=0.6)


def falls_without_events(seed: int) -> Drawn:
    """SpO2 falls by 5 to 8 points while breathing goes on as usual; reductions have no fall."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng)
    sleeper.calm(240)
    for _ in range(15):
        sleeper.event("none", rng.uniform(20, 40), rng.uniform(5, 8), depth=1.0)
        sleeper.calm(rng.uniform(120, 160))
        sleeper.event("none", rng.uniform(15, 40), rng.uniform(0, 1.5), depth=rng.uniform(0.4, 0.55))
        sleeper.calm(rng.uniform(120, 160))
    night = sleeper.night()
    return draw(night, rng, flow=Airflow(), oximeter=Oximeter(), others=[pulse(night, rng)])


OXYGEN_CASES = (
    resolution,
    eight_levels,
    averaging,
    held_values,
    motion_spikes,
    delays,
    overlapping_falls,
    wandering_baseline,
    low_baseline,
    falls_without_events,
)
