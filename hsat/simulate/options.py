"""What a simulated night may be asked to be: the breathing planted, and the recorder that stores it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hsat.errors import SimulationError
from hsat.events import EventKind
from hsat.io.channels import PositionCode

__all__ = [
    "DEFAULT_KIND_WEIGHTS",
    "POSITION_CODES",
    "SENSORS",
    "BreathingOptions",
    "Recorder",
]

DEFAULT_KIND_WEIGHTS: Mapping[EventKind, float] = MappingProxyType(
    {
        EventKind.HYPOPNEA: 0.60,
        EventKind.OBSTRUCTIVE_APNEA: 0.22,
        EventKind.CENTRAL_APNEA: 0.10,
        EventKind.MIXED_APNEA: 0.08,
    }
)
"""Shares of planted events by kind, Cheyne-Stokes runs aside."""

SENSOR_UNITS: Mapping[str, str] = MappingProxyType(
    {"flow": "L/s", "nasal_pressure": "cmH2O", "thermistor": "au"}
)
SENSORS = tuple(SENSOR_UNITS)
"""Airflow sensors that can be simulated, by canonical channel name, and their units."""

POSITION_CODES: Mapping[str, int] = MappingProxyType({code.name.lower(): code.value for code in PositionCode})
"""Stored values of the position channel of the ``simulated`` device."""

RECORD_S = 10.0
"""Nights are whole multiples of this, so that every rate in steps of 0.1 Hz fits whole records."""

MOST_EVENTS_PER_H = 65.0
"""More do not fit beside near misses and artifacts."""

LARGEST_SEED = 2**31
"""Any larger one would do; a limit keeps seeds readable."""

MOST_LEVELS = 65536
"""EDF stores 16 bits a sample."""


def check_option(name: str, value: float, lowest: float, highest: float) -> None:
    """Refuse an option outside ``[lowest, highest]``, naming it."""
    if not (lowest <= value <= highest):
        raise SimulationError(f"simulate, {name}: got {value!r}, allowed {lowest:g} to {highest:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BreathingOptions:
    """What the sleeper does, whatever records it.

    Attributes
    ----------
    duration_h : float
        Length of the night, 0.25 to 24 hours; rounded to 10 s.
    events_per_h : float
        Apneas and hypopneas planted per monitored hour. The AHI of the truth is a little lower:
        some planted events turn out to be uncertain.
    kind_weights : mapping of EventKind to float
        Shares of hypopneas and of obstructive, central and mixed apneas.
    cheyne_stokes_fraction : float
        Share of the events that come in Cheyne-Stokes runs.
    near_misses_per_h : float
        Shallow, brief and desaturation-free falls, falls with three points, lone desaturations.
    artifacts_per_h : float
        Movements, sighs, steps in sensor gain, a cannula half out.
    margin_fraction : float
        Planned distance of hypopneas and of shallow falls from the limits on flow reduction.
    restless_fraction : float
        Share of the night in which breathing is irregular.
    circulation_delay_s : float or None
        Lag of SpO2 behind breathing, 5 to 60 s; None draws one between 12 and 32 s.
    flow_off_spans_s, probe_off_spans_s, upright_spans_s : tuple of (float, float)
        Spans in which the cannula is off, the oximeter probe is off, the sleeper is up.
    traits_seed : int or None
        Seed of what stays the same over the nights of one patient; None takes the night's.
    """

    duration_h: float = 8.0
    events_per_h: float = 20.0
    kind_weights: Mapping[EventKind, float] = field(default_factory=lambda: DEFAULT_KIND_WEIGHTS)
    cheyne_stokes_fraction: float = 0.08
    near_misses_per_h: float = 3.0
    artifacts_per_h: float = 2.0
    margin_fraction: float = 0.06
    restless_fraction: float = 0.10
    circulation_delay_s: float | None = None
    flow_off_spans_s: tuple[tuple[float, float], ...] = ()
    probe_off_spans_s: tuple[tuple[float, float], ...] = ()
    upright_spans_s: tuple[tuple[float, float], ...] = ()
    traits_seed: int | None = None

    def __post_init__(self) -> None:
        check_option("duration_h", self.duration_h, 0.25, 24.0)
        check_option("events_per_h", self.events_per_h, 0.0, MOST_EVENTS_PER_H)
        check_option("near_misses_per_h", self.near_misses_per_h, 0.0, 30.0)
        check_option("artifacts_per_h", self.artifacts_per_h, 0.0, 30.0)
        check_option("margin_fraction", self.margin_fraction, 0.0, 0.15)
        for name in ("cheyne_stokes_fraction", "restless_fraction"):
            check_option(name, getattr(self, name), 0.0, 1.0)
        if self.circulation_delay_s is not None:
            check_option("circulation_delay_s", self.circulation_delay_s, 5.0, 60.0)
        unknown = [str(kind) for kind in self.kind_weights if kind not in DEFAULT_KIND_WEIGHTS]
        if unknown or sum(self.kind_weights.values()) <= 0 or min(self.kind_weights.values()) < 0:
            allowed = ", ".join(DEFAULT_KIND_WEIGHTS)
            raise SimulationError(
                f"simulate, kind_weights: got {dict(self.kind_weights)}, allowed weights >= 0 of {allowed}"
            )
        for name in ("flow_off_spans_s", "probe_off_spans_s", "upright_spans_s"):
            for start_s, stop_s in getattr(self, name):
                if not 0 <= start_s < stop_s <= self.duration_s:
                    raise SimulationError(
                        f"simulate, {name}: got [{start_s}, {stop_s}), "
                        f"allowed within [0, {self.duration_s:g})"
                    )

    @property
    def duration_s(self) -> float:
        """Length of the night in seconds, a multiple of `RECORD_S`."""
        return round(self.duration_h * 3600.0 / RECORD_S) * RECORD_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """How a recorder senses and stores a night.

    Attributes
    ----------
    sensor : str
        ``"flow"`` (pneumotachograph, proportional to flow), ``"nasal_pressure"`` (signed square
        of flow) or ``"thermistor"`` (flow, lagged).
    flow_rate_hz, belt_rate_hz, spo2_rate_hz : float
        Samples per second, 0.1 to 512, in steps of 0.1. Pulse has 1 Hz, position 1 Hz.
    n_levels : int
        Levels of the flow quantiser, 16 to 65536, over four median breaths.
    gain : float
        Stored physical value of one litre per second (``"flow"``), of one cmH2O
        (``"nasal_pressure"``) or of one litre per second's warmth (``"thermistor"``).
    unit : str or None
        Unit written beside it; None takes L/s, cmH2O or au.
    is_inverted : bool
        Whether inspiration goes down.
    has_belts, has_oximeter, has_position : bool
        Which channels there are beside airflow.
    averaging_s : float
        Moving mean of the oximeter, 0 to 20 s.
    dropouts_per_h : float
        Lost oximeter readings of 1 to 4 s.
    wander_fraction : float
        Wandering zero line of the flow channel, as a share of a median breath.
    noise_fraction : float
        Standard deviation of the sensor's own noise, as a share of a median breath.
    is_order_reversed : bool
        Stores the channels in the opposite order.
    """

    sensor: str = "flow"
    flow_rate_hz: float = 25.0
    belt_rate_hz: float = 10.0
    spo2_rate_hz: float = 1.0
    n_levels: int = 4096
    gain: float = 1.0
    unit: str | None = None
    is_inverted: bool = False
    has_belts: bool = True
    has_oximeter: bool = True
    has_position: bool = True
    averaging_s: float = 3.0
    dropouts_per_h: float = 1.0
    wander_fraction: float = 0.10
    noise_fraction: float = 0.002
    is_order_reversed: bool = False

    def __post_init__(self) -> None:
        if self.sensor not in SENSORS:
            raise SimulationError(f"simulate, sensor: got {self.sensor!r}, allowed {', '.join(SENSORS)}")
        for name in ("flow_rate_hz", "belt_rate_hz", "spo2_rate_hz"):
            rate_hz = getattr(self, name)
            check_option(name, rate_hz, 0.1, 512.0)
            if not math.isclose(rate_hz * RECORD_S, round(rate_hz * RECORD_S), rel_tol=1e-9):
                raise SimulationError(f"simulate, {name}: got {rate_hz!r}, allowed multiples of 0.1")
        check_option("n_levels", self.n_levels, 16, MOST_LEVELS)
        check_option("gain", self.gain, 1e-4, 1e4)
        check_option("averaging_s", self.averaging_s, 0.0, 20.0)
        check_option("dropouts_per_h", self.dropouts_per_h, 0.0, 60.0)
        check_option("wander_fraction", self.wander_fraction, 0.0, 1.0)
        check_option("noise_fraction", self.noise_fraction, 0.0, 0.2)

    @property
    def flow_unit(self) -> str:
        """Unit of the airflow channel."""
        return SENSOR_UNITS[self.sensor] if self.unit is None else self.unit
