"""``hsat treatment``: nights before and after a treatment."""

import argparse
from dataclasses import replace

from hsat.cli.faults import EXIT_NOTHING, EXIT_OK, EXIT_SOME_FAILED, UsageError, complain, write_result
from hsat.cli.options import add_reading_arguments, check_reading_options, parse_code
from hsat.cli.patient import add_patient_model
from hsat.cli.scored import GatheredNights, gather_scored_nights
from hsat.errors import NightsError, PriorError
from hsat.treatment import TreatmentResponse

__all__ = ["add_arguments", "run"]

FORMATS = ("text", "json")
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
    parser.add_argument("--format", choices=FORMATS, default="text", help="what to print (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Compare both sides and print the effect; returns the exit code."""
    from hsat.nights.treatment import compare_treatment
    from hsat.rules.load import load_rules

    rules = load_rules(arguments.rules)
    check_reading_options(arguments)
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
    if arguments.format == "json":
        from hsat.report.treatment_document import treatment_json

        write_result(treatment_json(response, failed))
    else:
        from hsat.report.text import view_text
        from hsat.report.treatment_view import view_treatment

        write_result(view_text(view_treatment(response)))
    return EXIT_SOME_FAILED if failed else EXIT_OK


def _with_unused_days(response: TreatmentResponse, sides: dict[str, GatheredNights]) -> TreatmentResponse:
    before, after = (
        replace(summary, excluded=(*summary.excluded, *sides[side].unused_days))
        for side, summary in (("before", response.before), ("after", response.after))
    )
    return replace(response, before=before, after=after)
