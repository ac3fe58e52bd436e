"""What is planted and when: falls of breathing, desaturations and artifacts, without a breath drawn yet."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from hsat.errors import SimulationError
from hsat.events import EventKind
from hsat.intervals import Spans, as_spans, invert_spans
from hsat.simulate.options import BreathingOptions

__all__ = [
    "Episode",
    "FallDraft",
    "PositionBlock",
    "calm_spans",
    "draw_episodes",
    "draw_positions",
    "place_episodes",
]

NEAR_MISS_FALLS = ("shallow", "no_desaturation", "three_points", "brief", "lone_desaturation")
LONE_DESATURATIONS = ("shallow", "brief", "lone_desaturation")
ARTIFACTS = ("movement", "sigh", "gain_step", "cannula_partial")
ARTIFACT_WEIGHTS = (0.40, 0.38, 0.14, 0.08)

HYPOPNEA_SHAPES = ("sharp", "smooth", "growing", "long", "ends_as_apnea")
HYPOPNEA_SHAPE_WEIGHTS = (0.40, 0.26, 0.14, 0.10, 0.10)

LEAST_CYCLES = 4
"""Cheyne-Stokes runs take at least three consecutive cycles (Berry 2012); one more is certain."""

SETTLE_S = 45.0
"""Quiet time after an episode: saturation recovers and 30 s of baseline pass before the next."""

CALM_S = 60.0
"""Breathing is even for this long around a desaturation that belongs to no event."""

BASELINE_S = 130.0
"""Time after a change of the sensor until two minutes of baseline lie behind it."""

FIRST_S = 150.0
"""Nothing is planted earlier: an event needs its two minutes of baseline."""

BREATH_S = 4.3
"""A breath, for estimates of how long an episode lasts; `SETTLE_S` takes up what they miss."""

SUPINE_WEIGHT = 2.0
"""Events are this much denser on the back: position-dependent apnea is the common form."""

HYPOPNEA_LIMIT = 0.30
APNEA_LIMIT = 0.90
"""Limits the plan keeps its margin from. The truth is measured with `hsat.simulate.TruthLimits`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FallDraft:
    """A fall of breathing as planned.

    Attributes
    ----------
    kind : EventKind or None
        None for a desaturation without a fall of breathing.
    cause : str or None
        The near miss that was planned; None for an event.
    shape : str
        ``"apnea"``, ``"sharp"``, ``"smooth"``, ``"growing"``, ``"ends_as_apnea"``,
        ``"cheyne_stokes"`` or ``"none"``.
    duration_s : float
        At least this long, except a brief one, which is at most this long.
    reduction_fraction : float
        Mean reduction of flow that is aimed at.
    drop_points : float
        Depth of the desaturation before the oximeter averages it.
    n_recovery_breaths : int
        Breaths until the next fall of the same episode.
    """

    kind: EventKind | None
    cause: str | None = None
    shape: str
    duration_s: float
    reduction_fraction: float
    drop_points: float
    n_recovery_breaths: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Falls that follow one another, or one artifact, with the time it needs in seconds."""

    falls: tuple[FallDraft, ...] = ()
    artifact: str | None = None
    duration_s: float
    settle_s: float = SETTLE_S
    start_s: float = 0.0

    @property
    def needed_s(self) -> float:
        """Seconds of the night that the episode takes up."""
        return self.duration_s + self.settle_s


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionBlock:
    """A stretch in one body position."""

    start_s: float
    stop_s: float
    position: str


def draw_positions(options: BreathingOptions, rng: Generator) -> tuple[PositionBlock, ...]:
    """Body positions through the night, with the upright spans that were asked for."""
    blocks: list[PositionBlock] = []
    lying = ("supine", "left", "right", "prone")
    upright = as_spans(np.array(options.upright_spans_s).reshape(-1, 2))
    previous = ""
    for start_s, stop_s in invert_spans(upright, 0.0, options.duration_s):
        at_s = float(start_s)
        while at_s < stop_s:
            weights = np.array([0.42, 0.25, 0.25, 0.08]) * [name != previous for name in lying]
            previous = str(rng.choice(lying, p=weights / weights.sum()))
            until_s = at_s + 60.0 * float(rng.uniform(25.0, 80.0))
            if stop_s - until_s < 600.0:
                until_s = float(stop_s)
            blocks.append(PositionBlock(start_s=at_s, stop_s=until_s, position=previous))
            at_s = until_s
    blocks.extend(PositionBlock(start_s=float(a), stop_s=float(b), position="upright") for a, b in upright)
    return tuple(sorted(blocks, key=lambda block: block.start_s))


def _draw_event(kind: EventKind, options: BreathingOptions, rng: Generator) -> FallDraft:
    """An apnea or hypopnea that is meant to be scored."""
    margin, deepest = options.margin_fraction, APNEA_LIMIT - options.margin_fraction
    least_drop = 4.1 + 9.0 * margin
    duration_s = float(np.clip(11.2 + rng.gamma(2.0, 5.5 - 0.025 * options.events_per_h), 11.2, 60.0))
    if kind.is_apnea:
        drop = least_drop + 0.6 + float(np.clip(rng.gamma(2.0, 1.3), 0.0, 9.0)) + 0.05 * (duration_s - 11.0)
        if rng.random() < 0.06:
            drop = float(rng.uniform(0.0, 2.0))
        return FallDraft(
            kind=kind, shape="apnea", duration_s=duration_s, reduction_fraction=0.98, drop_points=drop
        )
    shape = str(
        rng.choice(["sharp", "smooth", "growing", "long", "ends_as_apnea"], p=[0.4, 0.26, 0.14, 0.1, 0.1])
    )
    lowest = HYPOPNEA_LIMIT + margin
    reduction = lowest + (deepest - lowest) * float(rng.beta(1.7, 2.3))
    if shape == "long":
        shape, duration_s = "smooth", float(rng.uniform(60.0, 88.0))
    if shape == "ends_as_apnea":
        kind, duration_s = EventKind.OBSTRUCTIVE_APNEA, max(duration_s, 16.0) + 13.0
    if shape in ("smooth", "growing"):
        duration_s = max(duration_s, 16.0) + 2.0 * BREATH_S
    drop = least_drop + float(np.clip(rng.gamma(2.0, 1.1), 0.0, 7.0)) + 1.5 * (reduction - lowest)
    return FallDraft(
        kind=kind, shape=shape, duration_s=duration_s, reduction_fraction=reduction, drop_points=drop
    )


def _draw_near_miss(cause: str, options: BreathingOptions, rng: Generator) -> FallDraft:
    """A fall or desaturation that must not be scored with a limit of four points."""
    margin = options.margin_fraction
    deep = float(rng.uniform(HYPOPNEA_LIMIT + margin + 0.04, 0.75))
    fall_points = float(rng.uniform(5.0, 8.0))
    kind: EventKind | None = EventKind.HYPOPNEA
    shape, duration_s = str(rng.choice(["sharp", "smooth"])), float(rng.uniform(14.0, 42.0))
    if cause == "shallow":
        deep, shape, drop = float(rng.uniform(0.06, HYPOPNEA_LIMIT - margin - 0.03)), "sharp", fall_points
    elif cause == "no_desaturation":
        drop = float(rng.uniform(0.0, 1.7))
    elif cause == "three_points":
        # An even number of points falls through as many integer steps whatever the baseline;
        # the little more makes up for what the oximeter's averaging takes off the nadir.
        drop = 3.08
    elif cause == "brief":
        deep, shape, duration_s = float(rng.uniform(0.5, 0.97)), "sharp", float(rng.uniform(6.5, 8.9))
        drop = float(rng.choice([0.8, fall_points]))
    else:
        kind, deep, shape, duration_s, drop = None, 0.0, "none", float(rng.uniform(24.0, 32.0)), fall_points
    return FallDraft(
        kind=kind,
        cause=cause,
        shape=shape,
        duration_s=duration_s,
        reduction_fraction=deep,
        drop_points=drop,
    )


def _chain(falls: Sequence[FallDraft]) -> Episode:
    """One episode of falls in a row."""
    length_s = sum(fall.duration_s + (0.6 + fall.n_recovery_breaths) * BREATH_S for fall in falls)
    return Episode(falls=tuple(falls), duration_s=length_s)


def _in_cluster(fall: FallDraft, n_recovery_breaths: int) -> FallDraft:
    """The fall with its recovery; the less of it, the further saturation falls from the last nadir."""
    deeper = 1.0 + 0.3 / n_recovery_breaths
    return replace(fall, n_recovery_breaths=n_recovery_breaths, drop_points=fall.drop_points * deeper)


def _cheyne_stokes_run(n_cycles: int, rng: Generator) -> Episode:
    """Waxing and waning breathing around central apneas or hypopneas, at least 40 s a cycle."""
    cycle_s = float(rng.uniform(46.0, 70.0))
    is_apneic = bool(rng.random() < 0.7)
    falls = [
        FallDraft(
            kind=EventKind.CENTRAL_APNEA if is_apneic else EventKind.HYPOPNEA,
            shape="cheyne_stokes",
            duration_s=cycle_s,
            reduction_fraction=0.985 if is_apneic else float(rng.uniform(0.62, 0.78)),
            drop_points=float(rng.uniform(5.0, 8.0)),
        )
        for _ in range(n_cycles)
    ]
    return Episode(falls=tuple(falls), duration_s=n_cycles * (cycle_s + 1.0) + BREATH_S)


def _draw_falls(n_events: int, options: BreathingOptions, rng: Generator) -> list[Episode]:
    """Episodes with this many planned events: runs, clusters and single ones."""
    episodes: list[Episode] = []
    left = n_events
    n_periodic = round(options.cheyne_stokes_fraction * n_events)
    while n_periodic >= LEAST_CYCLES:
        n_cycles = min(n_periodic, int(rng.integers(5, 12)))
        if n_periodic - n_cycles < LEAST_CYCLES:
            n_cycles = n_periodic
        episodes.append(_cheyne_stokes_run(n_cycles, rng))
        n_periodic -= n_cycles
        left -= n_cycles
    kinds = [kind for kind, weight in options.kind_weights.items() if weight > 0]
    weights = np.array([options.kind_weights[kind] for kind in kinds])
    once_each = np.arange(min(len(kinds), left))
    others = rng.choice(len(kinds), size=left - len(once_each), p=weights / weights.sum())
    drawn = rng.permutation(np.concatenate((once_each, others)))
    falls = [_draw_event(kinds[i], options, rng) for i in drawn]
    clustered = min(0.96, 0.25 + options.events_per_h / 70.0)
    longest_cluster = 10 + int(options.events_per_h / 5.0)
    while falls:
        size = 1 if rng.random() > clustered else int(rng.integers(3, longest_cluster))
        members = [_in_cluster(fall, int(rng.integers(1, 4))) for fall in falls[:size]]
        falls = falls[size:]
        episodes.append(_chain(members))
    return episodes


def _draw_artifact(name: str, rng: Generator) -> Episode:
    """One artifact, with the time until events may follow it."""
    if name == "movement":
        return Episode(artifact=name, duration_s=float(rng.uniform(7.0, 24.0)), settle_s=SETTLE_S + 15.0)
    if name == "sigh":
        return Episode(artifact=name, duration_s=10.0, settle_s=SETTLE_S)
    if name == "gain_step":
        return Episode(artifact=name, duration_s=BASELINE_S, settle_s=10.0)
    return Episode(artifact=name, duration_s=float(rng.uniform(180.0, 380.0)), settle_s=BASELINE_S)


def draw_episodes(options: BreathingOptions, monitored_h: float, rng: Generator) -> list[Episode]:
    """Everything that is planted in the night, not yet placed.

    Parameters
    ----------
    options : BreathingOptions
    monitored_h : float
        Hours with all sensors on.
    rng : numpy.random.Generator

    Returns
    -------
    list of Episode
        ``start_s`` is still 0. Every near miss and artifact occurs before any occurs twice.
    """
    episodes = _draw_falls(round(options.events_per_h * monitored_h), options, rng)
    for i in range(round(options.near_misses_per_h * monitored_h)):
        cause = NEAR_MISS_FALLS[i % len(NEAR_MISS_FALLS)]
        episodes.append(_chain([_draw_near_miss(cause, options, rng)]))
    for i in range(round(options.artifacts_per_h * monitored_h)):
        name = ARTIFACTS[i] if i < len(ARTIFACTS) else str(rng.choice(ARTIFACTS, p=ARTIFACT_WEIGHTS))
        episodes.append(_draw_artifact(name, rng))
    return episodes


def calm_spans(episodes: Sequence[Episode]) -> Spans:
    """A minute around desaturations that belong to no event, shape (n, 2)."""
    return as_spans(
        [
            (episode.start_s - CALM_S, episode.start_s + episode.duration_s + CALM_S)
            for episode in episodes
            if any(fall.cause in LONE_DESATURATIONS for fall in episode.falls)
        ]
    )


def _zones(options: BreathingOptions, blocks: Sequence[PositionBlock]) -> tuple[Spans, list[float]]:
    """Stretches in which episodes may lie, and how densely events come there."""
    sensor_off = [*options.flow_off_spans_s, *options.probe_off_spans_s, *options.upright_spans_s]
    closed = [(start_s - 75.0, stop_s + BASELINE_S) for start_s, stop_s in sensor_off]
    closed += [(block.start_s - 20.0, block.start_s + 45.0) for block in blocks[1:]]
    closed += [(0.0, FIRST_S), (options.duration_s - 75.0, options.duration_s)]
    zones = invert_spans(as_spans(closed), 0.0, options.duration_s)
    zones = zones[zones[:, 1] - zones[:, 0] > 2 * SETTLE_S]
    weights = []
    for start_s, _ in zones:
        block = next(block for block in reversed(blocks) if block.start_s <= start_s)
        weights.append(SUPINE_WEIGHT if block.position == "supine" else 1.0)
    return zones, weights


def place_episodes(
    episodes: Sequence[Episode],
    options: BreathingOptions,
    blocks: Sequence[PositionBlock],
    rng: Generator,
) -> list[Episode]:
    """Give every episode its start, away from sensor-off spans and changes of position.

    Raises
    ------
    SimulationError
        Where the night is too short for what was asked.
    """
    zones, density = _zones(options, blocks)
    room_s = zones[:, 1] - zones[:, 0]
    members: list[list[Episode]] = [[] for _ in zones]
    shuffled = [episodes[i] for i in rng.permutation(len(episodes))]
    for episode in sorted(shuffled, key=lambda e: -e.needed_s):
        weights = np.where(room_s >= episode.needed_s, room_s * density, 0.0)
        if weights.sum() <= 0:
            raise SimulationError(
                f"simulate, events_per_h, near_misses_per_h, artifacts_per_h: got {options.events_per_h:g}, "
                f"{options.near_misses_per_h:g}, {options.artifacts_per_h:g}, allowed what fits into "
                f"{options.duration_h:g} h"
            )
        i = int(rng.choice(len(zones), p=weights / weights.sum()))
        members[i].append(episode)
        room_s[i] -= episode.needed_s
    placed: list[Episode] = []
    for (start_s, _), inside, slack_s in zip(zones, members, room_s, strict=True):
        gaps_s = slack_s * rng.dirichlet(np.ones(len(inside) + 1))
        at_s = float(start_s)
        for i in rng.permutation(len(inside)):
            at_s += float(gaps_s[i])
            placed.append(replace(inside[i], start_s=at_s))
            at_s += inside[i].needed_s
    return sorted(placed, key=lambda e: e.start_s)
