"""Errors a caller can act on.

Every message is one line that says what, where, got and allowed. Each class also
subclasses the built-in error a plain Python caller would catch.
"""

__all__ = [
    "FAULTS",
    "BatchError",
    "EventListError",
    "HsatError",
    "MissingChannelError",
    "NightsError",
    "PriorError",
    "ReadError",
    "RulesError",
    "SimulationError",
    "StartNeededError",
    "UnknownDeviceError",
    "shown",
]

LONGEST_SHOWN = 60
LARGEST_EXACT = 2**53
"""Longer whole numbers are no measurement, and Python refuses to write out very long ones."""


class HsatError(Exception):
    """Base of every error that hsat raises on purpose."""


class ReadError(HsatError, OSError):
    """A file cannot be read as a recording: try another file."""


class EventListError(HsatError, ValueError):
    """A list of events does not fit the recording: mend the event it names."""


class StartNeededError(ReadError):
    """A file tells clock times alone: give the start of the recording."""


class UnknownDeviceError(HsatError, LookupError):
    """No device profile, or more than one, fits: name one with ``--device``."""


class MissingChannelError(HsatError, LookupError):
    """A channel that was asked for, or that scoring needs, is not in the file: use ``--map``."""


class RulesError(HsatError, ValueError):
    """A rule set or device profile is wrong: mend the file, table and key it names."""


class PriorError(HsatError, ValueError):
    """A prior of the mean AHI does not exist or is wrong: mend the file and key it names."""


class NightsError(HsatError, ValueError):
    """Counts, hours or days of nights cannot be: mend the one it names."""


class BatchError(HsatError, OSError):
    """The folder of a batch cannot take results: free it, make room or choose another; nothing is lost."""


class SimulationError(HsatError, ValueError):
    """An option of the simulator is out of range: choose another value."""


def shown(value: object) -> str:
    """A value that is not allowed, as an error repeats it: short, on one line, nothing in it active."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > LARGEST_EXACT:
        return "a whole number beyond 2^53"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # such a number inside a list, or lists in lists without end
        return "a value too large to show"
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


FAULTS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What faults of the program or the machine look like: one file's, which must not stop the others."""
