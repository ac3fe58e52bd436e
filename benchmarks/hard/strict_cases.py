"""Cases near the limits of the rules, though clear of them, and of a night that is hard throughout."""

from dataclasses import replace

from numpy.random import default_rng

from benchmarks.hard.checking import Drawn, draw
from benchmarks.hard.flow_cases import any_airflow, any_oximeter, waxing_sizes
from benchmarks.hard.sensors import Airflow, Oximeter, airflow, pulse
from benchmarks.hard.sleep import Sleeper, join


def shallow_and_short(seed: int) -> Drawn:
    """Hypopneas by 38 to 45 % for 13 to 16 s, apneas by 93 to 96 % for 12 to 14 s."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, period_s=rng.uniform(3.0, 3.6), variation=0.08)
    sleeper.calm(240)
    for i in range(16):
        if i % 2:
            depth = rng.uniform(0.55, 0.60)
            sleeper.event("hypopnea", rng.uniform(13, 16), rng.uniform(5.2, 6), depth=depth, variation=0.04)
        else:
            sleeper.event("obstructive_apnea", rng.uniform(13, 15), rng.uniform(3, 6), depth=0.02)
        sleeper.recover(1, 0.97, 1.1)
        sleeper.calm(rng.uniform(60, 120))
    return draw(sleeper.night(), rng, flow=any_airflow(rng, is_squared=False), oximeter=any_oximeter(rng))


def _residue(seed: int, sensor: str) -> Drawn:
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, variation=0.08)
    sleeper.calm(240)
    for _ in range(12):
        depth = rng.uniform(0.045, 0.06)
        sleeper.event(
            "obstructive_apnea", rng.uniform(20, 35), rng.uniform(6, 8), depth=depth, variation=0.04
        )
        sleeper.recover(2, 1.0, 1.1)
        sleeper.calm(rng.uniform(80, 140))
    flow = Airflow(sensor=sensor, noise=0.003, heart=0.003)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def flow_with_a_residue(seed: int) -> Drawn:
    """Apneas that leave 4.5 to 6 % of the breath: a fall by 93 % and more."""
    return _residue(seed, "flow")


def rooted_pressure_with_a_residue(seed: int) -> Drawn:
    """The same on nasal pressure whose root was taken, so that it shows flow."""
    return _residue(seed, "nasal_pressure")


def near_misses(seed: int) -> Drawn:
    """Reductions by a fifth, reductions for 6 to 8 s, falls of 2.5 points: no rule admits them."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, period_s=rng.uniform(3.0, 3.8), variation=0.08)
    sleeper.calm(240)
    for i in range(24):
        if i % 3 == 0:
            sleeper.event("none", rng.uniform(15, 40), rng.uniform(5, 8), depth=rng.uniform(0.80, 0.85))
        elif i % 3 == 1:
            sleeper.event("none", 2 * sleeper.period_s, rng.uniform(5, 6), depth=rng.choice([0.02, 0.4]))
        else:
            sleeper.event("none", rng.uniform(15, 40), rng.uniform(1, 2.5), depth=rng.uniform(0.35, 0.6))
        sleeper.calm(rng.uniform(80, 140))
    flow = any_airflow(rng, is_squared=False)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def hypopneas_that_become_apneas(seed: int) -> Drawn:
    """By half for 10 to 20 s, then nothing for 15 to 25 s: the whole event is one apnea."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared, variation=0.10)
    sleeper.calm(240)
    for _ in range(14):
        n_low, n_none = (round(rng.uniform(a, b) / sleeper.period_s) for a, b in ((10, 20), (15, 25)))
        sizes = join([rng.uniform(0.35, 0.5)] * n_low, [0.01] * n_none)
        sleeper.shaped_event("obstructive_apnea", sizes, rng.uniform(6, 9))
        sleeper.recover(2)
        sleeper.calm(rng.uniform(70, 140))
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def an_hour_with_one_recovery_breath(seed: int) -> Drawn:
    """Hypopneas one after another, a single breath between, of very different sizes."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared, variation=0.08)
    sleeper.calm(180)
    while sleeper.now_s < 3600:
        sleeper.event("hypopnea", rng.uniform(22, 35), rng.uniform(6, 8), depth=rng.uniform(0.35, 0.45))
        sleeper.recover(1, 1.0, 1.25 if flow.is_squared else 1.5)
    sleeper.calm(120)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng, average_s=3.0))


def apneas_for_an_hour_with_one_recovery_breath(seed: int) -> Drawn:
    """The same with apneas."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared, variation=0.08)
    sleeper.calm(180)
    while sleeper.now_s < 3600:
        sleeper.event("obstructive_apnea", rng.uniform(20, 50), rng.uniform(6, 9))
        sleeper.recover(1, 1.0, 1.25 if flow.is_squared else 1.5)
    sleeper.calm(120)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng, average_s=3.0))


def waxing_and_waning_all_night(seed: int) -> Drawn:
    """Cycle after cycle from the first minute on, at one pace: no steady breath to compare with."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared, variation=0.08)
    sleeper.calm(30)
    cycle_s = rng.uniform(50, 70)
    for _ in range(40):
        sizes = waxing_sizes(sleeper, cycle_s * rng.uniform(0.97, 1.03), 0.01, rng.uniform(17, 24), peak=1.1)
        sleeper.shaped_event("central_apnea", sizes, rng.uniform(5.5, 8))
    sleeper.calm(60)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng, delay_s=rng.uniform(10, 40)))


def noisy_sensor(seed: int) -> Drawn:
    """White noise of 4 to 8 % of a breath's peak on a recorder with 8 bits."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng)
    sleeper.calm(240)
    for _ in range(14):
        kind = "obstructive_apnea" if rng.random() < 0.5 else "hypopnea"
        sleeper.event(kind, rng.uniform(15, 40), rng.uniform(5.7, 9))
        sleeper.recover(2)
        sleeper.calm(rng.uniform(60, 130))
    rate_hz = float(rng.choice([50.0, 100.0, 200.0]))
    flow = Airflow(noise=rng.uniform(0.04, 0.08), n_levels=256, rate_hz=rate_hz)
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def slow_and_fast_breathers(seed: int) -> Drawn:
    """A breath takes 2.4 s, or 5.6 to 6.4 s."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    period_s = rng.uniform(2.2, 2.6) if seed % 2 else rng.uniform(5.6, 6.4)
    sleeper = Sleeper(rng=rng, period_s=period_s, is_squared=flow.is_squared)
    sleeper.calm(240)
    for _ in range(14):
        kind = "obstructive_apnea" if rng.random() < 0.5 else "hypopnea"
        sleeper.event(kind, rng.uniform(22, 45), rng.uniform(5.7, 9))
        sleeper.recover(2)
        sleeper.calm(rng.uniform(80, 150))
    return draw(sleeper.night(), rng, flow=flow, oximeter=any_oximeter(rng))


def by_mouth_with_a_thermistor(seed: int) -> Drawn:
    """The cannula is blind for 40 to 80 s while the thermistor shows breathing: no apnea.

    Berry 2012 scores apneas on the oronasal thermal sensor where there is one.
    """
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, period_s=rng.uniform(3.0, 4.5))
    sleeper.calm(240)
    gains = [(0.0, 1.0)]
    for _ in range(8):
        sleeper.event("obstructive_apnea", rng.uniform(20, 40), rng.uniform(5.5, 9))
        sleeper.recover(2)
        sleeper.calm(120)
        start_s = sleeper.now_s
        sleeper.calm(rng.uniform(40, 80))
        gains += [(start_s - 1, 1.0), (start_s, 0.02), (sleeper.now_s - 1, 0.02), (sleeper.now_s, 1.0)]
        sleeper.calm(120)
    night = sleeper.night()
    gains.append((night.duration_s, 1.0))
    cannula = Airflow(sensor="nasal_pressure", gains=gains, heart=0.002, noise=0.004)
    thermistor = airflow(night, Airflow(sensor="thermistor", time_constant_s=0.6), rng)
    return draw(night, rng, flow=cannula, oximeter=any_oximeter(rng), others=[thermistor])


def cannula_shifts_beside_events(seed: int) -> Drawn:
    """The gain falls to half or rises back 20 s after an event, while SpO2 is still coming back."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, variation=0.09)
    sleeper.calm(240)
    gains = [(0.0, 1.0)]
    for i in range(12):
        kind = "obstructive_apnea" if rng.random() < 0.5 else "hypopnea"
        sleeper.event(kind, rng.uniform(20, 40), rng.uniform(6, 9))
        sleeper.recover(2, 1.0, 1.15)
        sleeper.calm(20)
        gains += [
            (sleeper.now_s, gains[-1][1]),
            (sleeper.now_s + 0.5, 1.0 if i % 2 else rng.uniform(0.45, 0.55)),
        ]
        sleeper.calm(280)
    night = sleeper.night()
    gains.append((night.duration_s, gains[-1][1]))
    flow = any_airflow(rng, is_squared=False, gains=gains, heart=0.005)
    return draw(night, rng, flow=flow, oximeter=any_oximeter(rng))


def spikes_on_the_way(seed: int) -> Drawn:
    """Motion of 2 to 4 s while SpO2 falls or comes back, and motion that ends in a lost signal."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng)
    sleeper.calm(220)
    for i in range(12):
        sleeper.event("hypopnea" if i % 2 else "obstructive_apnea", rng.uniform(25, 40), rng.uniform(8, 11))
        sleeper.recover(2)
        sleeper.calm(rng.uniform(100, 140))
    night = sleeper.night()
    delay_s = rng.uniform(12, 30)
    drawn = draw(night, rng, oximeter=Oximeter(delay_s=delay_s), others=[pulse(night, rng)])
    percent = drawn.recording.signal("spo2").source.arrays[1]
    for i, planted in enumerate(night.planted):
        at_s = planted.stops_s[0] + delay_s
        start = round(at_s + (rng.uniform(-12, -6), rng.uniform(2, 5), 60.0)[i % 3])
        length = int(rng.integers(2, 5))
        percent[start : start + length] = 60.0
        if i % 3 == 2:  # in quiet breathing, and then nothing for a while
            percent[start + length : start + length + int(rng.integers(8, 20))] = 127.0
    return drawn


def events_after_a_run(seed: int) -> Drawn:
    """A run whose recovery breaths are 1.5 to 1.9 usual ones, usual breathing for 100 to 200 s, an event."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, variation=0.08)
    sleeper.calm(240)
    for _ in range(6):
        for _ in range(5):
            sleeper.event("obstructive_apnea", rng.uniform(20, 35), rng.uniform(6, 8))
            sleeper.recover(2, 1.5, 1.9)
        sleeper.calm(rng.uniform(100, 200))
        kind = "obstructive_apnea" if rng.random() < 0.5 else "hypopnea"
        sleeper.event(kind, rng.uniform(20, 40), rng.uniform(6, 8))
        sleeper.recover(2, 1.0, 1.1)
        sleeper.calm(200)
    return draw(sleeper.night(), rng, flow=any_airflow(rng, is_squared=False), oximeter=any_oximeter(rng))


def sensor_put_right_during_an_event(seed: int) -> Drawn:
    """A cannula that saw half of the breath sees all of it from the middle of every second event on."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, variation=0.08)
    sleeper.calm(240)
    gains = [(0.0, 1.0)]
    for _ in range(6):
        gains += [(sleeper.now_s, 1.0), (sleeper.now_s + 0.5, rng.uniform(0.5, 0.6))]
        sleeper.calm(300)
        start_s = sleeper.now_s
        sleeper.event("obstructive_apnea", rng.uniform(24, 40), rng.uniform(6, 8))
        middle_s = (start_s + sleeper.now_s) / 2
        gains += [(middle_s, gains[-1][1]), (middle_s + 0.5, 1.0)]
        sleeper.recover(2, 1.0, 1.2)
        sleeper.calm(200)
        sleeper.event("hypopnea", rng.uniform(20, 40), rng.uniform(6, 8))
        sleeper.recover(2, 1.0, 1.2)
        sleeper.calm(120)
    night = sleeper.night()
    gains.append((night.duration_s, 1.0))
    flow = any_airflow(rng, is_squared=False, gains=gains, heart=0.005)
    return draw(night, rng, flow=flow, oximeter=any_oximeter(rng))


def changing_pace(seed: int) -> Drawn:
    """Breaths of 3 s for one half of the night, of 5.5 s for the other."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, period_s=3.0)
    sleeper.calm(240)
    for i in range(16):
        if i == 8:
            sleeper.period_s = 5.5
            sleeper.calm(240)
        kind = "obstructive_apnea" if rng.random() < 0.5 else "hypopnea"
        sleeper.event(kind, rng.uniform(22, 40), rng.uniform(6, 9))
        sleeper.recover(2)
        sleeper.calm(rng.uniform(70, 130))
    return draw(sleeper.night(), rng, flow=any_airflow(rng, is_squared=False), oximeter=any_oximeter(rng))


def apneas_soon_after_a_shift(seed: int) -> Drawn:
    """A cannula slips to 40 to 65 % of its gain; 40 to 130 s later comes an apnea, whatever the baseline."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, variation=0.08)
    sleeper.calm(240)
    gains = [(0.0, 1.0)]
    for _ in range(8):
        gains += [(sleeper.now_s, 1.0), (sleeper.now_s + 0.5, rng.uniform(0.4, 0.65))]
        sleeper.calm(rng.uniform(40, 130))
        sleeper.event("obstructive_apnea", rng.uniform(20, 40), rng.uniform(6, 8))
        sleeper.recover(2, 1.0, 1.15)
        sleeper.calm(300)
        gains += [(sleeper.now_s, gains[-1][1]), (sleeper.now_s + 0.5, 1.0)]
        sleeper.calm(240)
    night = sleeper.night()
    gains.append((night.duration_s, 1.0))
    flow = any_airflow(rng, is_squared=False, gains=gains, heart=0.005)
    return draw(night, rng, flow=flow, oximeter=any_oximeter(rng))


def restless_minutes(seed: int) -> Drawn:
    """Two bursts of 18 to 25 s within a minute, then 3 to 5 min with two events, ten times."""
    rng = default_rng(seed)
    flow = any_airflow(rng)
    sleeper = Sleeper(rng=rng, is_squared=flow.is_squared, variation=0.08)
    sleeper.calm(240)
    bursts = []
    for _ in range(10):
        for _ in range(2):
            bursts.append((sleeper.now_s, rng.uniform(18, 25), rng.uniform(4, 6)))
            sleeper.calm(bursts[-1][1] + rng.uniform(12, 20))
        for _ in range(2):
            sleeper.calm(rng.uniform(40, 70))
            kind = "hypopnea" if rng.random() < 0.5 else "obstructive_apnea"
            sleeper.event(kind, rng.uniform(15, 30), rng.uniform(5.5, 9))
            sleeper.recover(2, 1.0, 1.3)
        sleeper.calm(rng.uniform(40, 60))
    sleeper.calm(180)
    return draw(sleeper.night(), rng, flow=replace(flow, bursts=bursts), oximeter=any_oximeter(rng))


def apneas_while_breathing_by_mouth(seed: int) -> Drawn:
    """Mouth breathing leaves a fifth to a third of the swing; apneas come 30 to 100 s into it and later."""
    rng = default_rng(seed)
    sleeper = Sleeper(rng=rng, variation=0.08)
    sleeper.calm(240)
    gains = [(0.0, 1.0)]
    for _ in range(5):
        gains += [(sleeper.now_s, 1.0), (sleeper.now_s + 6.0, rng.uniform(0.22, 0.33))]
        sleeper.calm(rng.uniform(30, 100))
        for _ in range(3):
            sleeper.event("obstructive_apnea", rng.uniform(20, 40), rng.uniform(6, 8), depth=0.005)
            sleeper.recover(2, 1.0, 1.15)
            sleeper.calm(rng.uniform(60, 140))
        gains += [(sleeper.now_s, gains[-1][1]), (sleeper.now_s + 6.0, 1.0)]
        sleeper.calm(240)
    night = sleeper.night()
    gains.append((night.duration_s, 1.0))
    flow = any_airflow(rng, sensor="nasal_pressure", is_squared=False, gains=gains, heart=0.003)
    return draw(night, rng, flow=replace(flow, noise=0.004), oximeter=any_oximeter(rng))


STRICT_CASES = (
    restless_minutes,
    apneas_soon_after_a_shift,
    apneas_while_breathing_by_mouth,
    events_after_a_run,
    sensor_put_right_during_an_event,
    changing_pace,
    shallow_and_short,
    flow_with_a_residue,
    rooted_pressure_with_a_residue,
    near_misses,
    hypopneas_that_become_apneas,
    an_hour_with_one_recovery_breath,
    apneas_for_an_hour_with_one_recovery_breath,
    waxing_and_waning_all_night,
    noisy_sensor,
    slow_and_fast_breathers,
    by_mouth_with_a_thermistor,
    cannula_shifts_beside_events,
    spikes_on_the_way,
)
