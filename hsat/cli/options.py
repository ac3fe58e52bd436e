"""Options on how recordings are read, which several commands have."""

import argparse
import math

from hsat.cli.faults import UsageError
from hsat.errors import HsatError, UnknownDeviceError

__all__ = [
    "THERAPIES",
    "add_reading_arguments",
    "add_subject_arguments",
    "check_reading_options",
    "parse_age",
    "parse_code",
    "parse_mapping",
]

THERAPIES = ("none", "pap", "appliance", "unknown")


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what commands that score nights need: rules, device, channels, age, sex, codes."""
    parser.add_argument(
        "--rules", default="aasm_1b", metavar="NAME|PATH", help="rule set (default: aasm_1b; see hsat rules)"
    )
    parser.add_argument("--device", metavar="NAME|PATH", help="device profile (default: found from the file)")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        type=parse_mapping,
        metavar="CANONICAL=LABEL",
        help="the channel with this label is flow, spo2, thorax, ... ; may be repeated",
    )
    parser.add_argument("--age", type=parse_age, metavar="N", help="age in years (default: from the file)")
    parser.add_argument("--sex", choices=["F", "M"], help="sex (default: from the file)")
    parser.add_argument(
        "--keep-identifiers", action="store_true", help="show the file's own patient code, no pseudonym"
    )


def add_subject_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what commands on single nights say of all their files: treatment, and whose they are."""
    parser.add_argument("--therapy", choices=THERAPIES, help="treatment during the recording")
    parser.add_argument("--patient", type=parse_code, metavar="CODE", help="code that stands for the patient")


def parse_mapping(text: str) -> tuple[str, str]:
    """``flow=Airflow`` as name and label."""
    name, separator, label = text.partition("=")
    if not separator or not name.strip() or not label.strip():
        raise argparse.ArgumentTypeError(f"expected CANONICAL=LABEL as in flow=Airflow, got {text!r}")
    return name.strip(), label.strip()


def parse_age(text: str) -> float:
    """Years that somebody may have lived."""
    from hsat.io.reading import MOST_YEARS

    try:
        age_years = float(text)
    except ValueError:
        age_years = math.nan
    if not 0.0 <= age_years <= MOST_YEARS:
        raise argparse.ArgumentTypeError(f"expected years from 0 to {MOST_YEARS:g}, got {text!r}")
    return age_years


def parse_code(text: str) -> str:
    """A patient's code: printable, not empty."""
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"expected a code of printable characters, got {text!r}")
    return text.strip()


def check_reading_options(arguments: argparse.Namespace) -> None:
    """What is wrong for every file is said once, before any is read; a `UsageError`."""
    from hsat.io.devices import load_profile
    from hsat.io.mapping import parse_channel_map

    try:
        parse_channel_map([f"{name}={label}" for name, label in arguments.map])
    except HsatError as error:
        raise UsageError(str(error)) from error
    try:
        if arguments.device is not None:
            load_profile(arguments.device)
    except UnknownDeviceError as error:
        raise UsageError(f"--device: {error}") from error
