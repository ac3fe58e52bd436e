"""Errors a caller can act on.

Every message is one line that says what, where, got and allowed. Each class also
subclasses the built-in error a plain Python caller would catch.
"""

__all__ = [
    "EventListError",
    "HsatError",
    "MissingChannelError",
    "ReadError",
    "RulesError",
    "SimulationError",
    "UnknownDeviceError",
]


class HsatError(Exception):
    """Base of every error that hsat raises on purpose."""


class ReadError(HsatError, OSError):
    """A file cannot be read as a recording: try another file."""


class EventListError(HsatError, ValueError):
    """A list of events does not fit the recording: mend the event it names."""


class UnknownDeviceError(HsatError, LookupError):
    """No device profile, or more than one, fits: name one with ``--device``."""


class MissingChannelError(HsatError, LookupError):
    """A channel that was asked for, or that scoring needs, is not in the file: use ``--map``."""


class RulesError(HsatError, ValueError):
    """A rule set or device profile is wrong: mend the file, table and key it names."""


class SimulationError(HsatError, ValueError):
    """An option of the simulator is out of range: choose another value."""
