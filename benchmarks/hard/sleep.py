"""Irregular breathing with planted events, breath by breath, and what an expert would score of it.

Nothing here is taken from the detector or from `hsat.simulate`: the truth is a second opinion. Every
planted event lies clear of the limits of the published rules, so that a miss is a miss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One planted event.

    Attributes
    ----------
    kind : str
        As in `hsat.events.EventKind`; ``"none"`` for a reduction that no rule admits.
    starts_s, stops_s : tuple of float
        Earliest and latest onset of the first clearly reduced, of the first recovered breath: the
        same where breathing changes from one breath to the next, apart where it does so slowly.
    drop_points : float
        Fall of SpO2 that follows, before the oximeter averages it.
    resaturation_fraction : float
        Part of the fall that is back before the next one begins.
    """

    kind: str
    starts_s: tuple[float, float]
    stops_s: tuple[float, float]
    drop_points: float
    resaturation_fraction: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaths:
    """Breaths of a night: arrays of length n (`onset_s`: n + 1, the last is the end).

    Attributes
    ----------
    onset_s : ndarray
    flow, thorax, abdomen : ndarray
        Size of each breath on each sensor; 1 is usual.
    """

    onset_s: Floats
    flow: Floats
    thorax: Floats
    abdomen: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A night as it was, before any sensor.

    Attributes
    ----------
    breaths : Breaths
    planted : tuple of Planted
        In order of time.
    period_s : float
        Usual length of a breath.
    inspiration_fraction : float
        Part of a breath taken by breathing in.
    duration_s : float
    """

    breaths: Breaths
    planted: tuple[Planted, ...]
    period_s: float
    inspiration_fraction: float
    duration_s: float


LIMIT_LOW, LIMIT_HIGH = 0.62, 0.88
"""A breath below the first is clearly reduced, one above the second clearly not: where breathing changes
slowly an expert sets the boundary between them."""


@dataclass(slots=True, kw_only=True)
class Sleeper:
    """Lays breath after breath; every size and length is drawn.

    Attributes
    ----------
    rng : numpy.random.Generator
    period_s : float or None
        Usual breath; None draws it from 3 to 5 s.
    variation : float or None
        Spread of breath sizes (log); None draws it from 0.08 to 0.15.
    is_squared : bool
        Whether a pressure sensor will square what flow does. What is left in an event is meant as the
        sensor shows it, since its excursion is what the rules judge.
    """

    rng: np.random.Generator
    period_s: float = 0.0
    variation: float = 0.0
    period_variation: float = 0.0
    inspiration_fraction: float = 0.0
    is_squared: bool = False
    rows: list[tuple[float, float, float, float]] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    now_s: float = 0.0
    memory: float = 0.0

    def __post_init__(self) -> None:
        rng = self.rng
        self.period_s = self.period_s or rng.uniform(3.0, 5.0)
        self.variation = self.variation or rng.uniform(0.08, 0.15)
        if self.is_squared:  # the variation, too, is meant as the sensor shows it
            self.variation /= 2
        self.period_variation = rng.uniform(0.05, 0.09)
        self.inspiration_fraction = rng.uniform(0.33, 0.42)

    def _variation(self, sd: float) -> float:
        """Size of the next breath: some memory of the one before, within two standard deviations."""
        self.memory = 0.3 * self.memory + np.sqrt(1 - 0.3**2) * self.rng.standard_normal()
        return float(np.exp(sd * np.clip(self.memory, -2.0, 2.0)))

    def lengths_s(self, duration_s: float) -> Floats:
        """Whole breaths that fill the duration."""
        n = max(round(duration_s / self.period_s), 1)
        lengths = np.exp(self.period_variation * np.clip(self.rng.standard_normal(n), -2.0, 2.0))
        return lengths * duration_s / lengths.sum()

    def _lay(self, length_s: float, flow: float, thorax: float, abdomen: float) -> None:
        self.rows.append((length_s, flow, thorax, abdomen))
        self.now_s += length_s

    def calm(self, duration_s: float, size: float = 1.0) -> None:
        """Undisturbed breathing; the first breath is no small one."""
        for i, length_s in enumerate(self.lengths_s(duration_s)):
            value = size * self._variation(self.variation)
            value = max(value, 0.97 * size) if i == 0 else value
            self._lay(length_s, value, value, value)

    def _steady(self) -> None:
        """The last breaths before an event are no small ones: where it begins is clear."""
        for i in range(max(len(self.rows) - 2, 0), len(self.rows)):
            length_s, *sizes = self.rows[i]
            if sizes[0] > 0.5:  # not where an event came just before
                self.rows[i] = (length_s, *(max(size, 0.97) for size in sizes))

    def recover(self, n_breaths: int, low: float = 1.0, high: float = 1.4) -> None:
        """Deep breaths after an event."""
        for length_s in self.lengths_s(n_breaths * self.period_s)[:n_breaths]:
            value = self.rng.uniform(low, high)
            self._lay(length_s, value, value, value)

    def sigh(self, size: float, pause_s: float = 0.0) -> None:
        """One deep breath, somewhat longer, and a pause after it."""
        self._lay(1.3 * self.period_s, size, size, size)
        if pause_s:
            self._lay(pause_s, 0.02, 0.02, 0.02)

    def event(  # one argument a property of the event
        self,
        kind: str,
        duration_s: float,
        drop_points: float,
        *,
        depth: float | None = None,
        resaturation_fraction: float = 1.0,
        effort: tuple[float, float] = (0.7, 1.3),
        absent_fraction: float = 0.5,
        is_paradoxical: bool = False,
        variation: float | None = None,
    ) -> None:
        """A reduction that begins and ends from one breath to the next.

        `depth` is what is left of flow, drawn where None; `effort` is its size at the start and at
        the end of an obstruction, of which a mixed apnea spends `absent_fraction` without any; the
        abdomen may move against the thorax. `variation` is the spread of its breaths.
        """
        self._steady()
        start_s = self.now_s
        is_apnea = kind.endswith("_apnea")
        if depth is None:
            depth = self.rng.uniform(0.0, 0.03) if is_apnea else self.rng.uniform(0.35, 0.52)
        depth = self._flow_of(depth)
        if variation is None:
            variation = min(self.variation, 0.05 if self.is_squared else 0.10)
        lengths = self.lengths_s(duration_s)
        n_absent = max(round(absent_fraction * len(lengths)), 2) if kind == "mixed_apnea" else 0
        for i, length_s in enumerate(lengths):
            flow = depth * self._variation(variation)
            part = (i + 0.5) / len(lengths)
            strength = effort[0] + (effort[1] - effort[0]) * part
            if kind == "central_apnea" or i < n_absent:
                strength = 0.0
            elif not is_apnea and kind != "none":
                strength = max(depth, 0.6)
            elif kind == "none":
                strength = depth
            strength *= self._variation(0.08)
            self._lay(length_s, flow, strength, -strength if is_paradoxical else strength)
        self._plant(kind, (start_s, start_s), (self.now_s, self.now_s), drop_points, resaturation_fraction)

    def shaped_event(
        self, kind: str, sizes: Floats, drop_points: float, resaturation_fraction: float = 1.0
    ) -> None:
        """A reduction with a size for each breath; boundaries lie where an expert may set them."""
        self._steady()
        onsets = [self.now_s]
        for size in sizes:
            length_s = float(self.lengths_s(self.period_s)[0] * np.exp(0.05 * self.rng.standard_normal()))
            effort = 0.0 if kind == "central_apnea" and size < 0.1 else max(size, 0.1)
            flow = self._flow_of(size) * self._variation(0.025 if self.is_squared else 0.05)
            self._lay(length_s, flow, effort, effort)
            onsets.append(self.now_s)
        low = np.flatnonzero(sizes < LIMIT_LOW)
        high = np.flatnonzero(sizes < LIMIT_HIGH)
        starts = (onsets[high[0]], onsets[low[0]])
        stops = (onsets[low[-1] + 1], onsets[high[-1] + 1])
        self._plant(kind, starts, stops, drop_points, resaturation_fraction)

    def _flow_of(self, excursion: float) -> float:
        """Flow that shows as this excursion; what is next to nothing stays so on every sensor."""
        return float(np.sqrt(excursion)) if self.is_squared and 0.1 < excursion < 1 else excursion

    def _plant(
        self,
        kind: str,
        starts_s: tuple[float, float],
        stops_s: tuple[float, float],
        drop_points: float,
        resaturation_fraction: float,
    ) -> None:
        self.planted.append(
            Planted(
                kind=kind,
                starts_s=starts_s,
                stops_s=stops_s,
                drop_points=drop_points,
                resaturation_fraction=resaturation_fraction,
            )
        )

    def night(self) -> Night:
        """All that was laid, with a whole number of seconds."""
        spare_s = np.ceil(self.now_s) - self.now_s
        if spare_s > 0:
            length_s, *sizes = self.rows[-1]
            self.rows[-1] = (length_s + spare_s, *sizes)
            self.now_s += spare_s
        table = np.array(self.rows)
        onset_s = np.concatenate(([0.0], np.cumsum(table[:, 0])))
        breaths = Breaths(onset_s=onset_s, flow=table[:, 1], thorax=table[:, 2], abdomen=table[:, 3])
        return Night(
            breaths=breaths,
            planted=tuple(self.planted),
            period_s=self.period_s,
            inspiration_fraction=self.inspiration_fraction,
            duration_s=float(round(self.now_s)),
        )


def smooth_sizes(n_breaths: int, depth: float, ramp_fraction: float) -> Floats:
    """Breath sizes that sink to `depth` and rise again along a cosine; ramps take a part of it each."""
    part = (np.arange(n_breaths) + 0.5) / n_breaths
    edge = np.clip(np.minimum(part, 1 - part) / ramp_fraction, 0.0, 1.0)
    return depth + (1 - depth) * (1 + np.cos(np.pi * edge)) / 2


def join(*parts: Sequence[float]) -> Floats:
    """Breath sizes one after another."""
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])
