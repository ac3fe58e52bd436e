"""From the files on the command line to nights, with a word on how far it is."""

import argparse
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from hsat.cli.faults import REPORTED_ERRORS, complain, one_line
from hsat.cli.paths import Candidate
from hsat.cli.progress import Progress
from hsat.errors import HsatError, MissingChannelError, RulesError
from hsat.recording import Recording
from hsat.report.failed import FailedNight
from hsat.report.plain import printable

if TYPE_CHECKING:
    from hsat.nights.grouping import LeftOut

__all__ = ["NightReading", "report_failure"]


def report_failure(path: str, line: str) -> FailedNight:
    """Print an error, which names its file, and keep it for the result."""
    line = line if printable(path) in line else f"{path}: {line}"
    complain(line)
    return FailedNight(file=path, error=line)


class NightReading:
    """Reads files and folders as nights, one after the other.

    Parameters
    ----------
    found : sequence of Candidate or FailedNight
        As `hsat.cli.paths.find_recordings` gives them.
    arguments : argparse.Namespace
        Those of ``hsat score``.

    Attributes
    ----------
    n_read, n_without_label : int
        Files read, and files without a label that ``--map`` asks for.
    """

    def __init__(self, found: Sequence[Candidate | FailedNight], arguments: argparse.Namespace) -> None:
        from hsat.io.duplicates import SeenFiles

        self.found = found
        self.arguments = arguments
        self._left_out: dict[tuple[str, str], list[LeftOut]] = {}
        self.n_read = self.n_without_label = 0
        self._seen = SeenFiles()
        self._n_files = sum(isinstance(item, Candidate) for item in found)
        self._progress = Progress(self._n_files)

    def nights(self) -> Iterator[Recording | FailedNight]:
        """Nights and failures in the order given; of a folder in the order of names."""
        for (_, is_single), items in groupby(self.found, key=_group_of):
            group = list(items)
            if not is_single:
                yield from self._nights_of_folder(
                    [item.path for item in group if isinstance(item, Candidate)]
                )
                continue
            for item in group:
                if isinstance(item, FailedNight):
                    complain(item.error)
                    yield item
                else:
                    yield from self._nights_of_file(item.path)

    def left_out_lines(self) -> Iterator[str]:
        """Files of folders that are in no night: one line for each reason."""
        for items in self._left_out.values():
            more = f" and {len(items) - 1} more" if len(items) > 1 else ""
            is_copy = items[0].original is not None
            and_so_on = " and so on" if is_copy and more else ""
            yield f"{items[0].path}{more}: {items[0].reason}{and_so_on}; left out"

    def _nights_of_file(self, path: str) -> Iterator[Recording | FailedNight]:
        from hsat.io.normalize import COMPANION_CODE
        from hsat.io.splitting import split_nights

        self._progress.announce(path)
        if self._n_files > 1:
            self._seen.original_of(path)
        try:
            recording = self._read(path)
            companion = next((note.text for note in recording.notes if note.code == COMPANION_CODE), None)
            if companion is not None:
                raise HsatError(f"{path}: no recording to score: {companion}")
        except RulesError:
            raise
        except HsatError as error:
            yield report_failure(path, one_line(error))
        else:
            yield from split_nights(recording)
        self._progress.count([path])

    def _nights_of_folder(self, paths: Sequence[str]) -> Iterator[Recording | FailedNight]:
        from hsat.folders import gather_nights

        gathered = gather_nights(paths, self._read_announced, seen=self._seen)
        for left in gathered.left_out:
            key = ("", left.reason)
            if left.original is not None:
                key = (os.path.dirname(left.path), os.path.dirname(left.original))  # noqa: PTH120 - as given
            self._left_out.setdefault(key, []).append(left)
        place = {path: number for number, path in enumerate(paths)}
        ordered: list[tuple[int, Recording | tuple[str, str]]] = [
            (min(place[path] for path in night.source.files), night) for night in gathered
        ]
        ordered.extend((place[item.path], (item.path, item.reason)) for item in gathered.failed)
        ordered.sort(key=lambda pair: pair[0])
        for _, item in ordered:
            if isinstance(item, Recording):
                yield item
                self._progress.count(item.source.files)
            else:
                yield report_failure(item[0], printable(item[1]))
        self._progress.count(paths)

    def _read_announced(self, path: str) -> Recording:
        self._progress.announce(path)
        return self._read(path)

    def _read(self, path: str) -> Recording:
        """Read one file; a fault of the program becomes an error of this file."""
        from hsat.io import read_recording

        arguments = self.arguments
        try:
            recording = read_recording(
                path,
                device=arguments.device,
                channel_map=dict(arguments.map),
                patient=arguments.patient,
                keep_identifiers=arguments.keep_identifiers,
                therapy=arguments.therapy,
                age_years=arguments.age,
                sex=arguments.sex,
            )
        except MissingChannelError:
            self.n_without_label += 1
            raise
        except REPORTED_ERRORS as error:
            if isinstance(error, HsatError) or arguments.debug:
                raise
            raise HsatError(f"{path}: {one_line(error)}") from error
        self.n_read += 1
        return recording


def _group_of(item: Candidate | FailedNight) -> tuple[str, bool]:
    """Files of one folder come together; named files and failures each alone."""
    if isinstance(item, Candidate) and not item.is_named:
        return os.path.dirname(item.path), False  # noqa: PTH120 - as the user wrote it
    return "", True
