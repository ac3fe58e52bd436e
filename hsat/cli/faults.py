"""Exit codes, and an error as the one line that goes to stderr."""

import sys

from hsat.errors import FAULTS, HsatError
from hsat.report.plain import printable

__all__ = [
    "EXIT_INTERRUPTED",
    "EXIT_NOTHING",
    "EXIT_OK",
    "EXIT_PIPE_CLOSED",
    "EXIT_SOME_FAILED",
    "EXIT_USAGE",
    "REPORTED_ERRORS",
    "OutputError",
    "UsageError",
    "complain",
    "one_line",
    "write_result",
]

EXIT_OK = 0
EXIT_SOME_FAILED = 1
EXIT_USAGE = 2
EXIT_NOTHING = 3
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141

REPORTED_ERRORS: tuple[type[Exception], ...] = (HsatError, *FAULTS)
"""Ours, and what faults of the program or the machine look like: one bad file must not stop the others."""


class UsageError(HsatError, ValueError):
    """The command line asks for something that cannot be: exit code 2."""


class OutputError(HsatError):
    """Standard output takes no results: exit code 3."""


def one_line(error: BaseException) -> str:
    """An error as one printable line.

    Parameters
    ----------
    error : BaseException
        A `HsatError` speaks for itself; anything else is a fault of the program.

    Returns
    -------
    str
    """
    if isinstance(error, HsatError):
        return printable(str(error))
    detail = printable(f"{type(error).__name__}: {error}")
    return f"internal error ({detail}); run with --debug to see where"


def complain(text: str) -> None:
    """Print one line on stderr."""
    if sys.stderr is not None:  # closed: print() would take stdout in its place
        print(f"hsat: {printable(text)}", file=sys.stderr)


def write_result(result: str | bytes) -> None:
    """Write results to stdout at once.

    Parameters
    ----------
    result : str or bytes

    Raises
    ------
    HsatError
        As an `OutputError`, where stdout cannot be written, as on a full disk.
    BrokenPipeError
        Where whoever reads stdout has closed it.
    """
    try:
        if isinstance(result, bytes):
            sys.stdout.buffer.write(result)
        else:
            sys.stdout.write(result)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error
