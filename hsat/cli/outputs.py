"""What ``hsat score`` prints, and the files it writes with ``--out``."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from hsat.cli.faults import UsageError
from hsat.errors import HsatError
from hsat.recording import Recording
from hsat.report.failed import FailedNight
from hsat.report.plain import printable
from hsat.results import NightResult

__all__ = [
    "FORMATS",
    "PAGE_FORMATS",
    "OutputFolder",
    "check_terminal",
    "make_folder",
    "render",
    "write_whole",
]

FORMATS = ("text", "json", "csv", "html", "pdf", "fhir")

MAX_STEM_BYTES = 220
"""File systems take names of 255 bytes; the rest is for what stands behind: ``-2.night.html.part``."""

PAGE_FORMATS = ("html", "pdf")
"""Formats for a browser or a printer: files, nothing that a terminal could show."""


def render(results: Sequence[NightResult | FailedNight], form: str) -> str:
    """What goes to stdout: one night's result, or a table or list of several.

    Parameters
    ----------
    results : sequence of NightResult or FailedNight
    form : str
        One of `FORMATS`; pages are made where the recording is at hand, so that ``"html"`` and
        ``"pdf"`` give the text that goes with them.

    Returns
    -------
    str
        Empty for a single file that failed, but for JSON: its error is on stderr.
    """
    from hsat.report.document import night_json, nights_json
    from hsat.report.tables import nights_csv
    from hsat.report.text import night_text, nights_text

    if len(results) == 1 and isinstance(results[0], FailedNight) and form != "json":
        return ""
    if form == "csv":
        return nights_csv(results)
    if form == "fhir":
        return _render_fhir(results)
    if len(results) == 1 and isinstance(results[0], NightResult):
        return night_json(results[0]) if form == "json" else night_text(results[0])
    return nights_json(results) if form == "json" else nights_text(results)


def _render_fhir(results: Sequence[NightResult | FailedNight]) -> str:
    from hsat.interop.fhir import night_to_fhir_json, nights_to_fhir_json

    night = results[0]
    if len(results) == 1 and isinstance(night, NightResult):
        return night_to_fhir_json(night)
    return nights_to_fhir_json(results)


def check_terminal(form: str, out: str | None) -> None:
    """A page or a sheet is for a file or a program, not for a terminal.

    Parameters
    ----------
    form : str
    out : str or None
        The folder that the user named.

    Raises
    ------
    HsatError
        As a `UsageError`, where a page would go to a terminal.
    """
    if form in PAGE_FORMATS and out is None and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError(
            f"--format {form}: expected --out DIR, or standard output sent to a file, got a terminal"
        )


def make_folder(path: str) -> Path:
    """Make a folder where it is missing, and try it before the work whose results go there.

    Parameters
    ----------
    path : str

    Returns
    -------
    Path

    Raises
    ------
    HsatError
        As a `UsageError`, where the folder cannot be made, or takes no file.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"--out {path}: expected a folder, got a file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--out {path}: cannot be made: {reason}") from error
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--out {path}: cannot be written: {error.strerror}") from error
    return folder


class OutputFolder:
    """A folder that takes one file a night, and a table of all nights as CSV.

    Parameters
    ----------
    path : str
        Made where it does not exist.
    form : str
        One of `FORMATS`: ``NAME.night.txt``, ``NAME.night.json``, ``NAME.night.html``,
        ``NAME.night.pdf``, ``NAME.fhir.json``, or ``NAME.events.csv`` with one ``nights.csv``. Two
        recordings of one name become ``NAME`` and ``NAME-2``.

    Raises
    ------
    HsatError
        As a `UsageError`, where the folder cannot be made, or takes no file.
    """

    def __init__(self, path: str, form: str) -> None:
        self.path = make_folder(path)
        self.form = form
        self.taken: set[str] = set()

    def add_night(self, night: NightResult, recording: Recording) -> None:
        """Write one night's file."""
        from hsat.report.document import night_json
        from hsat.report.tables import events_csv
        from hsat.report.text import night_text

        name = self._free_name(night.recording.source.path)
        if self.form == "json":
            self._write(f"{name}.night.json", night_json(night))
        elif self.form == "csv":
            self._write(f"{name}.events.csv", events_csv(night))
        elif self.form == "fhir":
            from hsat.interop.fhir import night_to_fhir_json

            self._write(f"{name}.fhir.json", night_to_fhir_json(night))
        elif self.form == "html":
            from hsat.report.page import render_page

            self._write(f"{name}.night.html", render_page(night, recording))
        elif self.form == "pdf":
            from hsat.report.pdf import render_night_pdf

            write_whole(self.path / f"{name}.night.pdf", render_night_pdf(night))
        else:
            self._write(f"{name}.night.txt", night_text(night))

    def finish(self, results: Sequence[NightResult | FailedNight]) -> None:
        """Write the table of all nights, where the format has one."""
        from hsat.report.tables import nights_csv

        if self.form == "csv":
            self._write("nights.csv", nights_csv(results))

    def _free_name(self, source_path: str) -> str:
        stem = printable(Path(source_path).stem).replace("\\", "_")
        stem = stem.encode("utf-8")[:MAX_STEM_BYTES].decode("utf-8", "ignore")
        name, n = stem, 1
        while name.casefold() in self.taken:
            n += 1
            name = f"{stem}-{n}"
        self.taken.add(name.casefold())
        return name

    def _write(self, name: str, text: str) -> None:
        write_whole(self.path / name, text.encode("utf-8"))


def write_whole(target: Path, data: bytes) -> None:
    """Write a file beside its place and put it there whole, so that a full disk leaves no half file.

    Parameters
    ----------
    target : Path
    data : bytes

    Raises
    ------
    HsatError
        Where it cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        with suppress(OSError):  # what went wrong first is what the user has to know
            part.unlink(missing_ok=True)
        raise HsatError(f"{target}: cannot be written: {error.strerror}") from error
