"""The ``hsat`` command: finds the command's file, runs it, turns errors into a line and an exit code.

A command is a module ``hsat.cli.NAME`` with ``add_arguments(parser)`` and ``run(arguments)``, which
returns the exit code. Only the chosen one is imported.
"""

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from hsat import __version__
from hsat.cli.faults import (
    EXIT_INTERRUPTED,
    EXIT_NOTHING,
    EXIT_OK,
    EXIT_PIPE_CLOSED,
    EXIT_USAGE,
    REPORTED_ERRORS,
    OutputError,
    UsageError,
    complain,
    one_line,
    write_result,
)
from hsat.errors import HsatError, RulesError

__all__ = ["COMMANDS", "main"]

COMMANDS: dict[str, str] = {
    "score": "score recordings: apneas, hypopneas, AHI, oxygen",
    "inspect": "show what is in recordings and what can be scored, without scoring",
    "batch": "score folders of recordings in parallel, going on where it stopped",
    "patient": "sum up several nights of one patient: how severe, how sure, how many more nights",
    "treatment": "compare nights before and after a treatment",
    "compare": "compare two scorings, or two folders of them",
    "deidentify": "copy recordings without names, dates of birth and codes",
    "export": "write a scoring for other programs: EDF+ annotations, CSV, XML, Luna",
    "rules": "list the rule sets, or show one in words",
    "simulate": "write synthetic nights with their true events",
}
"""Commands in the order of ``hsat --help``, with their help lines."""


class _Parser(argparse.ArgumentParser):
    """Wrong usage is one line and exit code 2, not a page of usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see '{self.prog} --help')")

    def _print_message(self, message: str, file: object = None) -> None:
        """Help and version: argparse would pass over a stdout that cannot be written."""
        write_result(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process where left out.

    Returns
    -------
    int
        0 every file gave a result, 1 some failed, 2 wrong usage or rules, 3 no file gave a result.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    is_debug = "--debug" in words
    try:
        return _guarded(words, is_debug=is_debug, is_own=argv is None)
    except KeyboardInterrupt:  # another one, while the first was dealt with
        if is_debug:
            raise
        _end_undisturbed(is_own=argv is None)
        return EXIT_INTERRUPTED


def _guarded(words: list[str], *, is_debug: bool, is_own: bool) -> int:
    """Run the command line; an error becomes a line and an exit code."""
    if sys.stdout is None:
        complain("standard output is closed: results have nowhere to go")
        return EXIT_NOTHING
    _make_streams_safe()
    try:
        code = _run(words)
        if code == EXIT_INTERRUPTED:
            _end_undisturbed(is_own=is_own)
        write_result("")  # what a command left in the buffer
    except BrokenPipeError:
        _drop_stdout()
        return EXIT_PIPE_CLOSED
    except KeyboardInterrupt:
        if is_debug:
            raise
        return _interrupted(is_own=is_own)
    except OutputError as error:
        _drop_stdout()
        complain(str(error))
        return EXIT_NOTHING
    except REPORTED_ERRORS as error:
        is_usage = isinstance(error, UsageError | RulesError)
        if is_debug and not is_usage:
            raise
        if not isinstance(error, HsatError) and _comes_of_ctrl_c(error):
            return _interrupted(is_own=is_own)
        complain(one_line(error))
        return EXIT_USAGE if is_usage else EXIT_NOTHING
    return code


def _interrupted(*, is_own: bool) -> int:
    _end_undisturbed(is_own=is_own)
    complain("interrupted")
    return EXIT_INTERRUPTED


def _end_undisturbed(*, is_own: bool) -> None:
    """Ignore further Ctrl-C in a process that ends for one: its end would tell of it with a traceback."""
    if is_own:  # else the process is its caller's
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _comes_of_ctrl_c(error: BaseException) -> bool:
    """Whether Ctrl-C came where Python made another error of it, as while it made a class."""
    before = error.__cause__ or error.__context__
    return before is not None and (isinstance(before, KeyboardInterrupt) or _comes_of_ctrl_c(before))


def _run(words: list[str]) -> int:
    chosen = next((word for word in words if not word.startswith("-")), None)
    parser = _Parser(
        prog="hsat",
        description="Home sleep apnea tests: from EDF recordings to apneas, hypopneas, AHI.",
        epilog="hsat COMMAND --help tells more. hsat is no medical device: a qualified person must review "
        "what it says.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hsat {__version__}")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, help_line in COMMANDS.items():
        command = commands.add_parser(name, help=help_line, description=help_line, allow_abbrev=False)
        command.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show where an error came from"
        )
        if name == chosen:
            import_module(f"hsat.cli.{name}").add_arguments(command)
    try:
        arguments = parser.parse_args(words)
    except SystemExit as stop:  # --help and --version have printed what was asked for
        return int(stop.code or EXIT_OK)
    if arguments.command is None:
        raise UsageError(f"a command is needed: {', '.join(COMMANDS)} (see 'hsat --help')")
    code: int = import_module(f"hsat.cli.{arguments.command}").run(arguments)
    return code


def _make_streams_safe() -> None:
    """A character the terminal cannot show is written as an escape instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_stdout() -> None:
    """Nobody takes the results: what is still buffered must not raise again when Python ends."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
