"""``hsat treatment``: nights before and after a treatment."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hsat.cli.faults import EXIT_NOTHING, EXIT_OK, EXIT_SOME_FAILED, UsageError, complain, write_result
from hsat.cli.options import add_reading_arguments, check_reading_options, parse_code
from hsat.cli.outputs import PAGE_FORMATS, check_terminal, make_folder, write_whole
from hsat.cli.patient import add_patient_model
from hsat.cli.scored import GatheredNights, gather_scored_nights
from hsat.errors import HsatError, NightsError, PriorError
from hsat.report.failed import FailedNight
from hsat.treatment import TreatmentResponse

__all__ = ["add_arguments", "run"]

ENDINGS = {"text": "txt", "json": "json", "html": "html", "pdf": "pdf"}
TREATMENTS = ("pap", "appliance")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    what = "recordings, folders, JSON of hsat score, or the daily summary of a treatment device"
    parser.add_argument("--before", nargs="+", required=True, metavar="PATH", help=f"nights before: {what}")
    parser.add_argument(
        "--after", nargs="+", required=True, metavar="PATH", help="nights on treatment: the same"
    )
    parser.add_argument(
        "--treatment",
        choices=TREATMENTS,
        help="what the recordings after were made on (default: from the files)",
    )
    add_patient_model(parser)
    parser.add_argument(
        "--prior-after",
        metavar="NAME|PATH",
        help="prior of the AHI on treatment (default: pap-treated on PAP, else referral)",
    )
    add_reading_arguments(parser)
    parser.add_argument("--patient", type=parse_code, metavar="CODE", help="all nights are this patient's")
    parser.add_argument(
        "--format", choices=tuple(ENDINGS), default="text", help="what to print (default: text)"
    )
    parser.add_argument("--out", metavar="DIR", help="also write the result into this folder")


def run(arguments: argparse.Namespace) -> int:
    """Compare both sides and print the effect; returns the exit code."""
    from hsat.nights.treatment import compare_treatment
    from hsat.rules.load import load_rules

    rules = load_rules(arguments.rules)
    check_reading_options(arguments)
    check_terminal(arguments.format, arguments.out)
    folder = None if arguments.out is None else make_folder(arguments.out)
    given, arguments.patient = arguments.patient, None  # the files' own codes are compared
    sides: dict[str, GatheredNights] = {}
    for side, paths, therapy in (
        ("before", arguments.before, None),
        ("after", arguments.after, arguments.treatment),
    ):
        arguments.therapy = therapy
        sides[side] = gather_scored_nights(paths, arguments, rules)
        if not sides[side].nights:
            complain(f"--{side}: no night in {', '.join(paths)}")
            return EXIT_NOTHING
    try:
        response = compare_treatment(
            sides["before"].nights,
            sides["after"].nights,
            prior=arguments.prior or "referral",
            prior_after=arguments.prior_after,
            model=arguments.model,
            patient=given,
            age_years=arguments.age,
        )
    except (NightsError, PriorError) as error:
        raise UsageError(str(error)) from error
    response = _with_unused_days(response, sides)
    failed = [*sides["before"].failed, *sides["after"].failed]
    result = _render(response, arguments.format, failed, folder)
    is_filed = folder is not None and arguments.format in PAGE_FORMATS
    write_result(_render(response, "text", failed, None) if is_filed else result)
    if folder is not None and not _store(folder / f"treatment.{ENDINGS[arguments.format]}", result):
        return EXIT_SOME_FAILED
    return EXIT_SOME_FAILED if failed else EXIT_OK


def _store(target: Path, result: str | bytes) -> bool:
    """Write the result; whether it could be stored. What is printed is printed by then."""
    try:
        write_whole(target, result if isinstance(result, bytes) else result.encode("utf-8"))
    except HsatError as error:
        complain(str(error))
        return False
    return True


def _render(
    response: TreatmentResponse, form: str, failed: Sequence[FailedNight], folder: Path | None
) -> str | bytes:
    if form == "json":
        from hsat.report.treatment_document import treatment_json

        return treatment_json(response, failed)
    if form == "html":
        from hsat.report.page_links import find_night_pages
        from hsat.report.patient_page import render_treatment_page

        sides = (response.before.nights, response.after.nights)
        links = [() if folder is None else find_night_pages(nights, folder) for nights in sides]
        return render_treatment_page(response, *links)
    if form == "pdf":
        from hsat.report.pdf import render_treatment_pdf

        return render_treatment_pdf(response)
    from hsat.report.text import view_text
    from hsat.report.treatment_view import view_treatment

    return view_text(view_treatment(response))


def _with_unused_days(response: TreatmentResponse, sides: dict[str, GatheredNights]) -> TreatmentResponse:
    before, after = (
        replace(summary, excluded=(*summary.excluded, *sides[side].unused_days))
        for side, summary in (("before", response.before), ("after", response.after))
    )
    return replace(response, before=before, after=after)
