"""``--start``: when the recording of a scoring began."""

import argparse
from datetime import datetime

from hsat.cli.lights import parse_time

__all__ = ["add_start_argument"]


def add_start_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--start",
        type=_moment,
        metavar="TIME",
        help="start of the recording, for scorings that tell clock times: YYYY-MM-DDTHH:MM[:SS]",
    )


def _moment(text: str) -> datetime:
    moment = parse_time(text)
    if not isinstance(moment, datetime):
        raise argparse.ArgumentTypeError(f"expected a date with time, YYYY-MM-DDTHH:MM:SS, got {text!r}")
    return moment
