"""``hsat patient``: several nights of one patient."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hsat.cli.faults import EXIT_NOTHING, EXIT_OK, EXIT_SOME_FAILED, UsageError, complain, write_result
from hsat.cli.options import (
    THERAPIES,
    add_reading_arguments,
    check_reading_options,
    parse_code,
)
from hsat.cli.outputs import PAGE_FORMATS, check_terminal, make_folder, write_whole
from hsat.cli.scored import gather_scored_nights
from hsat.errors import HsatError, NightsError, PriorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsat.nights.scoring_error import ScoringError
    from hsat.patient import PatientGroup, PatientSummary, ScoredNight
    from hsat.report.failed import FailedNight

__all__ = ["add_arguments", "run"]

ENDINGS = {"text": "txt", "json": "json", "csv": "csv", "html": "html", "pdf": "pdf"}
MAX_NAMED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="recordings, folders of them, JSON of hsat score, or the daily summary of a treatment device",
    )
    add_patient_model(parser)
    parser.add_argument(
        "--rule",
        metavar="NAME",
        help="also show what worst-night, first-night or mean-of-nights would say",
    )
    parser.add_argument(
        "--nights-on",
        choices=["none", "pap", "appliance"],
        help="which nights are meant where some are treated (default: those without treatment)",
    )
    parser.add_argument(
        "--scoring-error",
        metavar="BIAS,SD|FILE",
        help="widen by a known error of the scoring, per hour, or by the JSON of hsat compare of two folders",
    )
    add_reading_arguments(parser)
    parser.add_argument("--therapy", choices=THERAPIES, help="treatment during all recordings")
    parser.add_argument("--patient", type=parse_code, metavar="CODE", help="all nights are this patient's")
    parser.add_argument(
        "--patient-from", choices=["code", "folder"], default="code", help="what tells patients apart"
    )
    parser.add_argument(
        "--format", choices=tuple(ENDINGS), default="text", help="what to print (default: text)"
    )
    parser.add_argument("--out", metavar="DIR", help="also write the result into this folder")


def add_patient_model(parser: argparse.ArgumentParser) -> None:
    """Declare prior and model, as ``hsat treatment`` has them too."""
    parser.add_argument(
        "--prior",
        metavar="NAME|PATH",
        help="referral, community-men, community-women, flat, pap-treated, or a TOML file "
        "(default: referral, on PAP pap-treated)",
    )
    parser.add_argument(
        "--model",
        choices=["default", "independent"],
        default="default",
        help="of the nights (default: default)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Sum up the nights and print what they say; returns the exit code."""
    from hsat.nights.summary import summarize_nights
    from hsat.rules.load import load_rules

    rules = load_rules(arguments.rules)
    check_reading_options(arguments)
    check_terminal(arguments.format, arguments.out)
    error_of_scoring = _scoring_error(arguments.scoring_error)
    folder = None if arguments.out is None else make_folder(arguments.out)
    given, arguments.patient = arguments.patient, None  # the files' own codes are compared
    found = gather_scored_nights(arguments.paths, arguments, rules)
    if not found.nights and not found.unused_days:
        complain(f"no night to sum up in {', '.join(arguments.paths)}")
        return EXIT_NOTHING
    group = one_patient(found.nights, given, arguments.patient_from)
    try:
        summary = summarize_nights(
            found.nights,
            prior=arguments.prior,
            model=arguments.model,
            rule=arguments.rule,
            patient=None if group is None else group.patient,
            therapy=arguments.nights_on,
            age_years=arguments.age,
            scoring_error=error_of_scoring,
        )
    except (NightsError, PriorError) as error:
        raise UsageError(str(error)) from error
    summary = replace(summary, excluded=(*summary.excluded, *found.unused_days))
    if group is not None:
        told = {note.code for note in summary.notes}
        more = tuple(note for note in group.notes if note.code not in told)
        summary = replace(summary, notes=(*summary.notes, *more))
    result = _render(summary, arguments.format, found.failed, folder)
    is_filed = folder is not None and arguments.format in PAGE_FORMATS
    write_result(_render(summary, "text", found.failed, None) if is_filed else result)
    if folder is not None and not _store(folder, arguments.format, result, summary):
        return EXIT_SOME_FAILED
    return EXIT_SOME_FAILED if found.failed else EXIT_OK


def _store(folder: Path, form: str, result: str | bytes, summary: "PatientSummary") -> bool:
    """Write result and figure; whether they could be stored. What is printed is printed by then."""
    try:
        data = result if isinstance(result, bytes) else result.encode("utf-8")
        write_whole(folder / f"patient.{ENDINGS[form]}", data)
        if form not in PAGE_FORMATS:  # these have their figures inside
            write_whole(folder / "patient.png", _figure(summary))
    except HsatError as error:
        complain(str(error))
        return False
    return True


def _scoring_error(text: str | None) -> "ScoringError | None":
    """``BIAS,SD`` in events per hour, or the file of a comparison."""
    from hsat.io.scoring_errors import KnownError, read_scoring_error
    from hsat.nights.scoring_error import ScoringError

    if text is None:
        return None
    try:
        known = KnownError(*map(float, text.split(","))) if "," in text else read_scoring_error(text)
        return ScoringError(bias_per_h=known.bias_per_h, sd_per_h=known.sd_per_h)
    except HsatError as error:
        raise UsageError(f"--scoring-error: {error}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"--scoring-error: expected BIAS,SD in events per hour, or a file, got {text!r}"
        ) from error


def one_patient(
    nights: "Sequence[ScoredNight]", patient: str | None, patient_from: str
) -> "PatientGroup | None":
    """The one patient that all nights are of.

    Parameters
    ----------
    nights : sequence of ScoredNight
    patient : str or None
        Code that the user gave.
    patient_from : str
        ``"code"`` or ``"folder"``.

    Returns
    -------
    PatientGroup or None
        None without a night.

    Raises
    ------
    HsatError
        As a `UsageError`, where the nights may be of several patients.
    """
    from hsat.nights.patients import group_patients

    groups = group_patients(nights, patient=patient, patient_from=patient_from)
    if len(groups) <= 1:
        return groups[0] if groups else None
    what = "nights in one folder" if patient_from == "folder" else "nights of one patient"
    named = [f"{group.patient} ({nights[group.members[0]].file})" for group in groups if group.patient]
    alone = [nights[group.members[0]].file for group in groups if group.patient is None]
    parts = []
    if named:
        parts.append(f"{len(named)}: {_first_few(named)}")
    if alone:
        parts.append(f"{len(alone)} without a patient code: {_first_few(alone)}")
    raise UsageError(f"expected {what}, got {'; and '.join(parts)}; --patient CODE says that they are one")


def _first_few(words: "Sequence[str]") -> str:
    return ", ".join(words[:MAX_NAMED]) + (", ..." if len(words) > MAX_NAMED else "")


def _render(
    summary: "PatientSummary", form: str, failed: "Sequence[FailedNight]", folder: Path | None
) -> str | bytes:
    if form == "html":
        from hsat.report.page_links import find_night_pages
        from hsat.report.patient_page import render_patient_page

        links = () if folder is None else find_night_pages(summary.nights, folder)
        return render_patient_page(summary, links)
    if form == "pdf":
        from hsat.report.pdf import render_patient_pdf

        return render_patient_pdf(summary)
    if form == "text":
        from hsat.report.patient_view import view_patient
        from hsat.report.text import view_text

        return view_text(view_patient(summary))
    from hsat.report.patient_document import patient_csv, patient_json

    return patient_json(summary, failed) if form == "json" else patient_csv(summary, failed)


def _figure(summary: "PatientSummary") -> bytes:
    from io import BytesIO

    stream = BytesIO()
    summary.plot().savefig(stream, format="png", dpi=150)
    return stream.getvalue()
