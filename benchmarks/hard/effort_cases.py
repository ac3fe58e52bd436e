"""Cases of effort belts. Each takes a seed and draws one night."""

import numpy as np
from numpy.random import Generator, default_rng

from benchmarks.hard.checking import Drawn, draw
from benchmarks.hard.sensors import Airflow, Oximeter, Points, belt
from benchmarks.hard.sleep import Night, Sleeper

APNEAS = ("obstructive_apnea", "central_apnea", "mixed_apnea")


def _sleep(
    rng: Generator, kinds: tuple[str, ...] = APNEAS, calm_s: tuple[float, float] = (60.0, 120.0)
) -> Sleeper:
    """Eighteen apneas, and a hypopnea after every third."""
    sleeper = Sleeper(rng=rng)
    sleeper.calm(240)
    for i in range(18):
        low = rng.uniform(0.5, 0.9)
        sleeper.event(
            kinds[i % len(kinds)],
            rng.uniform(26, 45),
            rng.uniform(5, 9),
            effort=(low, low + rng.uniform(0.1, 0.8)),
            absent_fraction=rng.uniform(0.4, 0.6),
            is_paradoxical=bool(rng.random() < 0.4),
        )
        sleeper.recover(2)
        sleeper.calm(rng.uniform(*calm_s))
        if i % 3 == 0:
            sleeper.event("hypopnea", rng.uniform(15, 40), rng.uniform(5.7, 9))
            sleeper.recover(2)
            sleeper.calm(rng.uniform(*calm_s))
    return sleeper


def _recorded(
    night: Night,
    rng: Generator,
    *,
    flow: Airflow | None = None,
    heart: float = 0.015,
    thorax: Points = (),
    abdomen: Points = (),
    has_abdomen: bool = True,
    noises: tuple[float, float] = (0.01, 0.01),
) -> Drawn:
    belts = [belt(night, "thorax", rng, gains=thorax, heart=heart, noise=noises[0])]
    if has_abdomen:
        belts.append(belt(night, "abdomen", rng, gains=abdomen, heart=heart, noise=noises[1], rate_hz=16.0))
    return draw(night, rng, flow=flow, oximeter=Oximeter(delay_s=rng.uniform(12, 30)), belts=belts)


def plain_kinds(seed: int) -> Drawn:
    """The yardstick: obstructive, central and mixed apneas on two good belts."""
    rng = default_rng(seed)
    return _recorded(_sleep(rng).night(), rng)


def growing_effort(seed: int) -> Drawn:
    """Obstructive apneas whose effort grows to three or four times what it was."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng)
    sleeper.calm(240)
    for _ in range(18):
        low = rng.uniform(0.45, 0.6)
        sleeper.event(
            "obstructive_apnea",
            rng.uniform(15, 60),
            rng.uniform(5, 9),
            effort=(low, low * rng.uniform(2.5, 4)),
            is_paradoxical=bool(rng.random() < 0.5),
        )
        sleeper.recover(int(rng.integers(1, 4)))
        sleeper.calm(rng.uniform(30, 120))
    return _recorded(sleeper.night(), rng)


def growing_effort_in_runs(seed: int) -> Drawn:
    """The same in runs with two breaths between: effort is hardly ever usual."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng)
    sleeper.calm(240)
    for _ in range(40):
        low = rng.uniform(0.6, 0.75)
        sleeper.event(
            "obstructive_apnea",
            rng.uniform(20, 40),
            rng.uniform(5, 8),
            effort=(low, low * rng.uniform(1.8, 2.6)),
        )
        sleeper.recover(2, 1.1, 1.5)
    sleeper.calm(100)
    return _recorded(sleeper.night(), rng)


def heart_beat_in_central_apneas(seed: int) -> Drawn:
    """Central apneas in which flow shows the heart, 4 to 6 % of a breath from peak to peak."""
    rng = default_rng(seed)
    night = _sleep(rng, ("central_apnea",)).night()
    rate_hz = float(rng.choice([10.0, 25.0, 100.0]))
    flow = Airflow(heart=rng.uniform(0.03, 0.045), noise=0.005, rate_hz=rate_hz)
    return _recorded(night, rng, flow=flow, heart=rng.uniform(0.03, 0.06))


def _step(at_s: float, before: float, after: float, night: Night, within_s: float = 2.0) -> Points:
    return [(0.0, before), (at_s, before), (at_s + within_s, after), (night.duration_s, after)]


def one_belt_slips(seed: int) -> Drawn:
    """A belt loses 70 to 90 % of its swing in the middle of the night; the other does not."""
    rng = default_rng(seed)
    night = _sleep(rng).night()
    slip = _step(rng.uniform(0.3, 0.7) * night.duration_s, 1.0, rng.uniform(0.1, 0.3), night)
    on_thorax = bool(rng.random() < 0.5)
    return _recorded(night, rng, thorax=slip if on_thorax else (), abdomen=() if on_thorax else slip)


def both_belts_slip(seed: int) -> Drawn:
    """Both lose 65 to 80 % at once, three minutes before the next apnea."""
    rng = default_rng(seed)
    return _slip(rng, 180.0)


def both_belts_slip_just_before(seed: int) -> Drawn:
    """The same, 40 s before the next apnea."""
    rng = default_rng(seed)
    return _slip(rng, 40.0)


def _slip(rng: Generator, before_s: float) -> Drawn:
    sleeper = Sleeper(rng=rng)
    sleeper.calm(240)
    gains = [(0.0, 1.0)]
    for i in range(12):
        if i % 2:
            low = rng.uniform(0.20, 0.35)
            gains += [(sleeper.now_s, gains[-1][1]), (sleeper.now_s + 2.0, 1.0 if gains[-1][1] < 1 else low)]
            sleeper.calm(before_s)
        sleeper.event("obstructive_apnea", rng.uniform(20, 40), rng.uniform(5, 9), effort=(0.8, 1.3))
        sleeper.recover(2)
        sleeper.calm(240)
    night = sleeper.night()
    gains.append((night.duration_s, gains[-1][1]))
    return _recorded(night, rng, thorax=gains, abdomen=gains)


def belts_invert(seed: int) -> Drawn:
    """One belt turns over in the middle of the night, or both do."""
    rng = default_rng(seed)
    night = _sleep(rng).night()
    over = _step(rng.uniform(0.3, 0.7) * night.duration_s, 1.0, -1.0, night)
    return _recorded(night, rng, thorax=over, abdomen=over if seed % 2 else ())


def a_belt_is_dead(seed: int) -> Drawn:
    """One belt stores noise alone, from the start or from the middle on."""
    rng = default_rng(seed)
    night = _sleep(rng).night()
    at_s = 1.0 if seed % 2 else 0.5 * night.duration_s
    return _recorded(night, rng, abdomen=_step(at_s, 1.0, 0.0, night), noises=(0.01, 0.02))


def belt_drift(seed: int) -> Drawn:
    """The gain of both belts wanders by a factor of 3 over half an hour."""
    rng = default_rng(seed)
    night = _sleep(rng).night()
    times_s = np.arange(0.0, night.duration_s + 10, 10.0)
    gains = [
        list(zip(times_s, np.exp(0.55 * np.sin(2 * np.pi * times_s / period_s)), strict=True))
        for period_s in rng.uniform(1500, 2500, 2)
    ]
    return _recorded(night, rng, thorax=gains[0], abdomen=gains[1])


EFFORT_CASES = (
    plain_kinds,
    growing_effort,
    growing_effort_in_runs,
    heart_beat_in_central_apneas,
    one_belt_slips,
    both_belts_slip,
    both_belts_slip_just_before,
    belts_invert,
    a_belt_is_dead,
    belt_drift,
)
