"""``hsat inspect``: what is in files and folders, and what can be scored."""

import argparse
from typing import TYPE_CHECKING

from hsat.cli.faults import (
    EXIT_NOTHING,
    EXIT_OK,
    EXIT_SOME_FAILED,
    REPORTED_ERRORS,
    UsageError,
    complain,
    one_line,
    write_result,
)
from hsat.cli.nights import report_failure
from hsat.cli.paths import Candidate, find_recordings
from hsat.cli.progress import Progress
from hsat.errors import HsatError, MissingChannelError, RulesError, UnknownDeviceError
from hsat.report.failed import FailedNight

if TYPE_CHECKING:
    from hsat.inspection import Inspection

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="files, or folders with .edf, .rec and .bdf files in them"
    )
    parser.add_argument("--device", metavar="NAME|PATH", help="device profile (default: found from the file)")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="CANONICAL=LABEL",
        help="the channel with this label is flow, spo2, thorax, ... ; may be repeated",
    )
    parser.add_argument(
        "--format", choices=["text", "json"], default="text", help="what to print (default: text)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Inspect every file and print what was found; returns the exit code."""
    from hsat.inspection import Inspection
    from hsat.io.devices import load_profile
    from hsat.io.mapping import parse_channel_map

    try:
        channel_map = parse_channel_map(arguments.map)
        if arguments.device is not None:
            load_profile(arguments.device)
    except UnknownDeviceError as error:
        raise UsageError(f"--device: {error}") from error
    except RulesError:
        raise
    except HsatError as error:
        raise UsageError(str(error)) from error
    found = find_recordings(arguments.paths)
    progress = Progress(sum(isinstance(item, Candidate) for item in found))
    results: list[Inspection | FailedNight] = []
    n_without_label = 0
    for item in found:
        if isinstance(item, FailedNight):
            complain(item.error)
            results.append(item)
            continue
        progress.announce(item.path)
        try:
            results.append(_inspect(item.path, arguments, channel_map))
        except (UsageError, RulesError):
            raise
        except REPORTED_ERRORS as error:
            if arguments.debug and not isinstance(error, HsatError):
                raise
            n_without_label += isinstance(error, MissingChannelError)
            results.append(report_failure(item.path, one_line(error)))
        progress.count([item.path])
    n_read = sum(isinstance(result, Inspection) for result in results)
    if channel_map and n_without_label and not n_read:
        raise UsageError(f"--map {' '.join(arguments.map)}: no file has every one of these labels")
    _print(results, arguments.format)
    if n_read == 0:
        return EXIT_NOTHING
    return EXIT_OK if n_read == len(results) else EXIT_SOME_FAILED


def _inspect(path: str, arguments: argparse.Namespace, channel_map: dict[str, str]) -> "Inspection":
    from hsat.io.inspection import inspect_recording

    return inspect_recording(path, device=arguments.device, channel_map=channel_map)


def _print(results: "list[Inspection | FailedNight]", form: str) -> None:
    from hsat.inspection import Inspection
    from hsat.report.inspection import inspection_json, inspection_text, inspections_json, inspections_text

    if len(results) == 1 and isinstance(results[0], Inspection):
        only = results[0]
        write_result(inspection_json(only) if form == "json" else inspection_text(only))
    elif form == "json":
        write_result(inspections_json(results))
    else:
        shown = [result for result in results if isinstance(result, Inspection)]
        write_result(inspections_text(shown))
