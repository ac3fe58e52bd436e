"""``hsat score``: recordings to results."""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hsat.cli.compiling import announce_compilation
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
from hsat.cli.lights import lights_span_s, parse_time
from hsat.cli.nights import NightReading, report_failure
from hsat.cli.options import add_reading_arguments, add_subject_arguments, check_reading_options
from hsat.cli.outputs import FORMATS, PAGE_FORMATS, OutputFolder, check_terminal, render
from hsat.cli.paths import find_recordings
from hsat.errors import EventListError, HsatError, RulesError
from hsat.recording import Recording
from hsat.report.failed import FailedNight
from hsat.results import NightResult

if TYPE_CHECKING:
    from hsat.hypnogram import Hypnogram
    from hsat.rules.model import ScoringRules
    from hsat.scorings import Scoring

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="recordings, or folders of them")
    add_reading_arguments(parser)
    add_subject_arguments(parser)
    parser.add_argument(
        "--hypnogram", metavar="FILE", help="count in sleep alone: stages of this one night (CSV, EDF+)"
    )
    parser.add_argument(
        "--events", metavar="FILE", help="score a person's event list of this one night instead: any scoring"
    )
    parser.add_argument(
        "--oximetry", metavar="FILE", help="SpO2 and pulse of this one night from an oximeter's own file"
    )
    when = "HH:MM[:SS] or YYYY-MM-DDTHH:MM[:SS]"
    parser.add_argument("--lights-off", type=parse_time, metavar="TIME", help=f"count from here on: {when}")
    parser.add_argument("--lights-on", type=parse_time, metavar="TIME", help=f"count up to here: {when}")
    parser.add_argument("--format", choices=FORMATS, default="text", help="what to print (default: text)")
    parser.add_argument("--out", metavar="DIR", help="also write a file a night into this folder")


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What has come of the files so far."""

    results: list[NightResult | FailedNight]
    n_not_stored: int = 0
    page: str | bytes = ""

    @property
    def n_scored(self) -> int:
        return sum(isinstance(result, NightResult) for result in self.results)

    @property
    def exit_code(self) -> int:
        if self.n_scored == 0:
            return EXIT_NOTHING
        is_whole = self.n_scored == len(self.results) and not self.n_not_stored
        return EXIT_OK if is_whole else EXIT_SOME_FAILED


def run(arguments: argparse.Namespace) -> int:
    """Score every night and print the results; returns the exit code."""
    from hsat.rules.load import load_rules

    rules = load_rules(arguments.rules)
    check_reading_options(arguments)
    check_terminal(arguments.format, arguments.out)
    folder = None if arguments.out is None else OutputFolder(arguments.out, arguments.format)
    tally = _Tally(results=[])
    reading = NightReading(find_recordings(arguments.paths), arguments)
    for item in _checked(reading, arguments):
        if isinstance(item, FailedNight):
            tally.results.append(item)
        else:
            _process(item, arguments, rules, folder, tally)
    for line in reading.left_out_lines():
        complain(line)
    if arguments.map and reading.n_without_label and not reading.n_read:
        return _refuse_labels(arguments)
    if not tally.results:
        complain(f"no recording to score in {', '.join(arguments.paths)}")
    if folder is not None:
        _store(tally, lambda: folder.finish(tally.results))
    if tally.results or arguments.format == "json":
        write_result(tally.page or render(tally.results, arguments.format))
    return tally.exit_code


def _checked(reading: NightReading, arguments: argparse.Namespace) -> Iterable[Recording | FailedNight]:
    """The nights; a file that tells of one night cannot be meant for several."""
    files = {
        "--hypnogram": arguments.hypnogram,
        "--events": arguments.events,
        "--oximetry": arguments.oximetry,
    }
    given = [option for option, file in files.items() if file is not None]
    if not given and arguments.format in PAGE_FORMATS and arguments.out is None:
        given = [f"--format {arguments.format} without --out DIR"]
    if not given:
        return reading.nights()
    nights = list(reading.nights())
    if len(nights) > 1:
        raise UsageError(f"{given[0]}: expected one recording with it, got {len(nights)}")
    return nights


def _store(tally: _Tally, write: Callable[[], None]) -> None:
    """Write into the folder; a result that cannot be stored is still printed."""
    try:
        write()
    except HsatError as error:
        complain(one_line(error))
        tally.n_not_stored += 1


def _refuse_labels(arguments: argparse.Namespace) -> int:
    pairs = ", ".join(f"{name}={label}" for name, label in arguments.map)
    raise UsageError(f"--map {pairs}: no file has every one of these labels")


def _process(
    recording: Recording,
    arguments: argparse.Namespace,
    rules: "ScoringRules",
    folder: OutputFolder | None,
    tally: _Tally,
) -> None:
    """One night: its result, or its error as one line; the others go on."""
    path = recording.source.path
    try:
        recording = _join(recording, arguments)
        night = _score(recording, arguments, rules)
        tally.results.append(night)
    except (UsageError, RulesError):
        raise
    except REPORTED_ERRORS as error:
        if arguments.debug and not isinstance(error, HsatError):
            raise
        tally.results.append(report_failure(path, one_line(error)))
        return
    if folder is not None:
        _store(tally, lambda: folder.add_night(night, recording))
    elif arguments.format in PAGE_FORMATS:
        _store(tally, lambda: _keep_page(tally, arguments.format, night, recording))


def _keep_page(tally: _Tally, form: str, night: NightResult, recording: Recording) -> None:
    if form == "pdf":
        from hsat.report.pdf import render_night_pdf

        tally.page = render_night_pdf(night)
        return
    from hsat.report.page import render_page

    tally.page = render_page(night, recording)


def _join(recording: Recording, arguments: argparse.Namespace) -> Recording:
    if arguments.oximetry is None:
        return recording
    from hsat.io import read_recording
    from hsat.joining import join_oximetry

    try:
        return join_oximetry(recording, read_recording(arguments.oximetry))
    except HsatError as error:
        raise UsageError(f"--oximetry: {error}") from error


def _score(recording: Recording, arguments: argparse.Namespace, rules: "ScoringRules") -> NightResult:
    from hsat.score import score_night

    announce_compilation()
    lights_s = lights_span_s(recording, arguments.lights_off, arguments.lights_on)
    hypnogram = _hypnogram(recording, arguments)
    events = _events(recording, arguments)
    try:
        return score_night(recording, rules, lights_s=lights_s, hypnogram=hypnogram, events=events)
    except EventListError as error:
        raise UsageError(f"--events: {error}") from error


def _events(recording: Recording, arguments: argparse.Namespace) -> "Scoring | None":
    if arguments.events is None:
        return None
    from hsat.io.scorings import read_scoring

    try:
        return read_scoring(arguments.events, start_local=recording.start_local)
    except HsatError as error:
        raise UsageError(f"--events: {error}") from error


def _hypnogram(recording: Recording, arguments: argparse.Namespace) -> "Hypnogram | None":
    if arguments.hypnogram is None:
        return None
    from hsat.io.hypnograms import read_hypnogram

    try:
        return read_hypnogram(arguments.hypnogram, recording)
    except HsatError as error:
        raise UsageError(f"--hypnogram: {error}") from error
