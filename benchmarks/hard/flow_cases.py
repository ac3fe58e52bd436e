"""Cases of breathing and of airflow sensors. Each takes a seed and draws one night."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator, default_rng

from benchmarks.hard.checking import Drawn, draw
from benchmarks.hard.sensors import Airflow, Oximeter
from benchmarks.hard.sleep import Sleeper, join, smooth_sizes

RATES_HZ = (10.0, 12.8, 16.0, 25.0, 25.0, 32.0, 50.0, 100.0, 200.0)
SENSORS = (
    Airflow(sensor="flow"),
    Airflow(sensor="nasal_pressure", is_squared=True, noise=0.006),
    Airflow(sensor="nasal_pressure"),
)
"""Flow; pressure as it is; pressure with its root taken, which shows flow."""


def any_airflow(rng: Generator, **changes: object) -> Airflow:
    """One of the sensors at one of the rates, either way up, in some unit."""
    sensor = SENSORS[int(rng.integers(len(SENSORS)))]
    rate_hz = float(rng.choice(RATES_HZ))
    gain = float(rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(-2, 2))
    return replace(sensor, rate_hz=rate_hz, gain=gain, **changes)


def any_oximeter(rng: Generator, **changes: object) -> Oximeter:
    given = {"delay_s": rng.uniform(12.0, 30.0), "average_s": float(rng.choice([3.0, 4.0, 8.0]))}
    return Oximeter(**{**given, **changes})


def _apnea_or_hypopnea(sleeper: Sleeper, duration_s: float, drop_points: float, **more: float) -> None:
    kind = "obstructive_apnea" if sleeper.rng.random() < 0.5 else "hypopnea"
    sleeper.event(kind, duration_s, drop_points, **more)


def _mixed_bag(sleeper: Sleeper, n: int, calm_s: tuple[float, float] = (50.0, 140.0)) -> None:
    """Events of both sorts with breathing between."""
    rng = sleeper.rng
    for _ in range(n):
        _apnea_or_hypopnea(sleeper, rng.uniform(15, 40), rng.uniform(5.5, 9))
        sleeper.recover(int(rng.integers(1, 4)))
        sleeper.calm(rng.uniform(*calm_s))


def plain(seed: int) -> Drawn:
    """The yardstick: events of both sorts, nothing else."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared)
    sleeper.calm(200)
    _mixed_bag(sleeper, 15)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def long_smooth_hypopneas(seed: int) -> Drawn:
    """Hypopneas of 35 to 100 s that come and go over many breaths."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared)
    sleeper.calm(240)
    for _ in range(12):
        n = int(rng.uniform(35, 100) / sleeper.period_s)
        sizes = smooth_sizes(n, rng.uniform(0.30, 0.45), rng.uniform(0.20, 0.45))
        sleeper.shaped_event("hypopnea", sizes, rng.uniform(5.5, 9))
        sleeper.calm(rng.uniform(110, 200))
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def one_recovery_breath(seed: int) -> Drawn:
    """Runs of events with a single breath between them."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared)
    sleeper.calm(240)
    for _ in range(4):
        kind = "obstructive_apnea" if rng.random() < 0.5 else "hypopnea"
        for _ in range(int(rng.integers(5, 12))):
            drop = rng.uniform(5.5, 8)
            sleeper.event(kind, rng.uniform(20, 35), drop)
            sleeper.recover(1, 1.05, 1.4)
        sleeper.calm(rng.uniform(150, 250))
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng, average_s=3.0))


def waxing_sizes(
    sleeper: Sleeper, cycle_s: float, depth: float, low_s: float, peak: float = 1.25
) -> np.ndarray:
    """Sizes of one cycle from its peak: waning, the low part, waxing to the peak."""
    n_low = max(round(low_s / sleeper.period_s), 3)
    n_side = max(round((cycle_s - low_s) / 2 / sleeper.period_s), 3)
    side = depth + (peak - depth) * np.sin(np.pi / 2 * (np.arange(n_side) + 0.7) / n_side)
    return join(side[::-1], [depth] * n_low, side)


def _periodic(seed: int, *, is_apneic: bool) -> Drawn:
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared, variation=0.08)
    sleeper.calm(300)
    for _ in range(3):
        cycle_s = rng.uniform(50, 75)
        for _ in range(int(rng.integers(8, 14))):
            depth = rng.uniform(0.0, 0.02) if is_apneic else rng.uniform(0.30, 0.40)
            low_s = rng.uniform(17, 24)
            sizes = waxing_sizes(sleeper, cycle_s * rng.uniform(0.95, 1.05), depth, low_s)
            kind = "central_apnea" if is_apneic else "hypopnea"
            sleeper.shaped_event(kind, sizes, rng.uniform(5.5, 8))
        sleeper.calm(rng.uniform(240, 360))
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng, delay_s=rng.uniform(15, 40)))


def waxing_and_waning_apneas(seed: int) -> Drawn:
    """Crescendo-decrescendo breathing with central apneas."""
    return _periodic(seed, is_apneic=True)


def waxing_and_waning_hypopneas(seed: int) -> Drawn:
    """Crescendo-decrescendo breathing that never stops."""
    return _periodic(seed, is_apneic=False)


def gain_drift(seed: int) -> Drawn:
    """The sensor's gain goes down or up by a factor of 2 to 3 within 12 to 25 min."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared)
    sleeper.calm(300)
    _mixed_bag(sleeper, 20, (70.0, 150.0))
    night = sleeper.night()
    levels = [(0.0, 0.0)]
    while levels[-1][0] < night.duration_s:
        at_s, level = levels[-1]
        levels.append((at_s + 60 * rng.uniform(12, 25), 0.0 if level < 0 else -np.log(rng.uniform(2, 3))))
    times_s = np.arange(0.0, night.duration_s, 10.0)
    gains = list(zip(times_s, np.exp(np.interp(times_s, *np.array(levels).T)), strict=True))
    return draw(night, rng, flow=replace(flow, gains=gains), oximeter=any_oximeter(rng))


LONGEST_FROM_NADIR_S = 8.5
"""An apnea lasts from the nadir before it (Berry 2012), which in a sigh lies seconds before its end: a pause
that shall be none is so long from there at most."""

SIGH_PERIODS, NADIR_OF_EXPIRATION = 1.3, 0.15
"""Length of a sigh (`Sleeper.sigh`), and where breathing out of `breath_curve` is at its strongest."""


def sighs(seed: int) -> Drawn:
    """Sighs of 1.8 to 3 breaths, some with a pause too short for an apnea, and reductions by 15 to 20 %."""
    rng = default_rng(seed)
    flow = any_airflow(rng, is_squared=False)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared, period_s=rng.uniform(3.0, 4.5), variation=0.08)
    out_s = SIGH_PERIODS * sleeper.period_s * (1 - sleeper.inspiration_fraction)
    longest_s = LONGEST_FROM_NADIR_S - out_s * (1 - NADIR_OF_EXPIRATION)
    sleeper.calm(200)
    for i in range(14):
        for _ in range(int(rng.integers(1, 4))):
            size, pause_s = rng.uniform(1.8, 2.8), rng.uniform(5.0, 7.5) if rng.random() < 0.4 else 0.0
            sleeper.sigh(size, min(pause_s, longest_s))
            sleeper.calm(rng.uniform(25, 60))
        if i % 2:
            _apnea_or_hypopnea(sleeper, rng.uniform(15, 35), rng.uniform(5.5, 9))
            sleeper.recover(2)
        else:
            sleeper.event("none", rng.uniform(20, 40), rng.uniform(5, 7), depth=rng.uniform(0.86, 0.92))
        sleeper.calm(rng.uniform(60, 120))
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def mouth_breathing(seed: int) -> Drawn:
    """A cannula that sees a quarter of the breath for 5 to 12 min, or half of it for a minute or two."""
    rng = default_rng(seed)
    flow = any_airflow(rng, sensor="nasal_pressure", heart=0.005)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared)
    gains = [(0.0, 1.0)]
    sleeper.calm(240)

    def by_mouth(share: float) -> None:
        gains.append((sleeper.now_s, gains[-1][1]))
        gains.append((sleeper.now_s + 6.0, share))

    for _ in range(3):
        _mixed_bag(sleeper, 2)
        by_mouth(rng.uniform(0.22, 0.35))
        sleeper.calm(rng.uniform(260, 330))
        _mixed_bag(sleeper, int(rng.integers(1, 4)), (90.0, 150.0))
        sleeper.calm(90)
        by_mouth(1.0)
        sleeper.calm(200)
        by_mouth(rng.uniform(0.4, 0.6))  # no fall of SpO2: not an event
        sleeper.calm(rng.uniform(40, 110))
        by_mouth(1.0)
        sleeper.calm(200)
    night = sleeper.night()
    gains.append((night.duration_s, gains[-1][1]))
    return draw(night, rng, flow=replace(flow, gains=gains), oximeter=any_oximeter(rng))


def partly_detached(seed: int) -> Drawn:
    """A cannula that slips: the gain falls at once to a quarter or half, and is put back later."""
    rng = default_rng(seed)
    flow = any_airflow(rng, heart=0.005)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared)
    gains = [(0.0, 1.0)]
    sleeper.calm(240)
    for _ in range(4):
        _mixed_bag(sleeper, 2)
        gains += [(sleeper.now_s, 1.0), (sleeper.now_s + 0.5, rng.uniform(0.25, 0.5))]
        sleeper.calm(300)
        _mixed_bag(sleeper, 3, (90.0, 150.0))
        sleeper.calm(60)
        gains += [(sleeper.now_s, gains[-1][1]), (sleeper.now_s + 0.5, 1.0)]
        sleeper.calm(240)
    night = sleeper.night()
    gains.append((night.duration_s, 1.0))
    return draw(night, rng, flow=replace(flow, gains=gains), oximeter=any_oximeter(rng))


def movement(seed: int) -> Drawn:
    """Bursts of 5 to 25 s and 3 to 8 breaths high, with or without motion in the oximeter."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared)
    sleeper.calm(240)
    bursts = []
    for _ in range(8):
        _mixed_bag(sleeper, 1)
        length_s = rng.uniform(5, 25)
        bursts.append((sleeper.now_s, length_s, rng.uniform(2, 5)))
        sleeper.calm(rng.uniform(100, 200))
        _mixed_bag(sleeper, 1)
    return draw(
        sleeper.night(), rng, flow=replace(flow, bursts=bursts), oximeter=any_oximeter(rng, n_spikes=4)
    )


def arousal_movement(seed: int) -> Drawn:
    """Each event ends with a movement of 3 to 5 s, as arousals do."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared)
    sleeper.calm(240)
    bursts = []
    for _ in range(15):
        _apnea_or_hypopnea(sleeper, rng.uniform(15, 40), rng.uniform(5.5, 9))
        bursts.append((sleeper.now_s, rng.uniform(3, 5), rng.uniform(1.0, 2.0)))
        sleeper.recover(2, 1.1, 1.6)
        sleeper.calm(rng.uniform(60, 120))
    return draw(sleeper.night(), rng, flow=replace(flow, bursts=bursts), oximeter=any_oximeter(rng))


def slow_thermistor(seed: int) -> Drawn:
    """A bead with a time constant of 0.5 to 2 s."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, variation=0.08)
    sleeper.calm(240)
    for _ in range(14):
        _apnea_or_hypopnea(sleeper, rng.uniform(24, 45), rng.uniform(5.5, 9))
        sleeper.recover(2)
        sleeper.calm(rng.uniform(70, 140))
    flow = Airflow(
        sensor="thermistor",
        time_constant_s=rng.uniform(0.5, 2.0),
        heart=0.0,
        gain=float(rng.choice([-1.0, 1.0])),
    )
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def _pressure(seed: int, *, is_squared: bool) -> Drawn:
    """The same night, on pressure as it is and with its root taken."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, variation=rng.uniform(0.05, 0.075))
    sleeper.calm(240)
    for _ in range(15):
        kind = "obstructive_apnea" if rng.random() < 0.5 else "hypopnea"
        depth = 0.02 if kind == "obstructive_apnea" else rng.uniform(0.48, 0.58)  # 0.23 to 0.34 as pressure
        sleeper.event(kind, rng.uniform(15, 40), rng.uniform(5.5, 9), depth=depth)
        sleeper.recover(int(rng.integers(1, 4)))
        sleeper.calm(rng.uniform(50, 140))
    flow = Airflow(sensor="nasal_pressure", is_squared=is_squared, noise=0.006)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def pressure_squared(seed: int) -> Drawn:
    """Nasal pressure as it is: the signed square of flow."""
    return _pressure(seed, is_squared=True)


def pressure_rooted(seed: int) -> Drawn:
    """Nasal pressure with its root taken."""
    return _pressure(seed, is_squared=False)


def night_edges(seed: int) -> Drawn:
    """Apneas that begin with the first breaths, and that end a few breaths before the recording does."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared, variation=0.10)
    sleeper.calm(rng.choice([8.0, 20.0, 40.0]))
    sleeper.event("obstructive_apnea", rng.uniform(15, 30), rng.uniform(6, 9))
    sleeper.recover(3)
    sleeper.calm(100)
    _mixed_bag(sleeper, 4)
    sleeper.event("obstructive_apnea", rng.uniform(15, 30), rng.uniform(6, 9))
    sleeper.recover(int(rng.integers(2, 5)))
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def hundred_and_twenty_per_hour(seed: int) -> Drawn:
    """An event every 30 s for 40 min."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared, period_s=rng.uniform(3.0, 4.2), variation=0.10)
    sleeper.calm(180)
    is_apneic = bool(rng.random() < 0.5)
    for _ in range(80):
        n = int(rng.integers(2, 4))
        kind = "obstructive_apnea" if is_apneic else "hypopnea"
        resat = rng.uniform(0.9, 1.0)
        sleeper.event(kind, 30.0 - n * sleeper.period_s, rng.uniform(5.5, 7.5), resaturation_fraction=resat)
        sleeper.recover(n, 1.0, 1.3)
    sleeper.calm(120)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng, average_s=3.0))


def no_event(seed: int) -> Drawn:
    """Two hours of breathing with sighs, an odd fall of SpO2 by itself, and nothing to score."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared)
    while sleeper.now_s < 7200:
        sleeper.calm(rng.uniform(200, 500))
        if rng.random() < 0.5:
            sleeper.sigh(rng.uniform(1.6, 2.5))
        if rng.random() < 0.3:
            sleeper.event("none", rng.uniform(20, 40), rng.uniform(5, 6), depth=1.0)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng, wander_points=0.8))


FLOW_CASES = (
    plain,
    long_smooth_hypopneas,
    one_recovery_breath,
    waxing_and_waning_apneas,
    waxing_and_waning_hypopneas,
    gain_drift,
    sighs,
    mouth_breathing,
    partly_detached,
    movement,
    arousal_movement,
    slow_thermistor,
    pressure_squared,
    pressure_rooted,
    night_edges,
    hundred_and_twenty_per_hour,
    no_event,
)
