"""``hsat simulate``: synthetic nights of one sleeper, as EDF+ with their truth beside them."""

import argparse
from datetime import datetime

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from hsat.simulate import DEFAULT_START, NIGHT_CV, SENSORS, BreathingOptions, Recorder

    breathing, recorder = BreathingOptions(), Recorder()
    add = parser.add_argument
    add("--seed", type=int, required=True, metavar="N", help="the same seed gives the same bytes")
    add("--out", required=True, metavar="DIR", help="folder for the files, made where missing")
    add("--nights", type=int, default=1, metavar="K", help="nights in a row (default: %(default)s)")
    add(
        "--hours",
        type=float,
        default=breathing.duration_h,
        metavar="H",
        help="length of each night (default: %(default)g)",
    )
    add(
        "--ahi",
        type=float,
        default=breathing.events_per_h,
        metavar="X",
        help="planned events per hour, mean of the sleeper, around which nights vary (default: %(default)g)",
    )
    add(
        "--night-cv",
        type=float,
        default=NIGHT_CV,
        metavar="F",
        help="coefficient of variation from night to night, 0 for none (default: %(default)g)",
    )
    add(
        "--sensor-off",
        type=float,
        default=0.0,
        metavar="MIN",
        help="minutes of each night without cannula, and again without oximeter probe (default: %(default)g)",
    )
    add("--sensor", default=recorder.sensor, choices=SENSORS, help="airflow sensor (default: %(default)s)")
    add(
        "--flow-rate",
        type=float,
        default=recorder.flow_rate_hz,
        metavar="HZ",
        help="samples of airflow a second (default: %(default)g)",
    )
    add("--no-belts", action="store_true", help="leave the effort belts out")
    add(
        "--patient",
        type=_code,
        default="SIM0001",
        metavar="CODE",
        help="pseudonymous code (default: %(default)s)",
    )
    add(
        "--start",
        type=_local_time,
        default=DEFAULT_START.isoformat(timespec="minutes"),
        metavar="TIME",
        help="start of the first night (default: %(default)s)",
    )


def _code(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed 1 to 40 letters, digits and ._-")
    return text


def _local_time(text: str) -> datetime:
    """A wall-clock time without a zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed a local time like 2026-03-02T22:30")
    return time.replace(microsecond=0)


def run(arguments: argparse.Namespace) -> int:
    """Write the nights and print what each holds; returns the exit code."""
    from hsat.cli.faults import EXIT_OK, UsageError, write_result
    from hsat.cli.outputs import make_folder
    from hsat.errors import SimulationError
    from hsat.simulate import BreathingOptions, Recorder, make_patient, write_edf

    try:
        nights = make_patient(
            seed=arguments.seed,
            n_nights=arguments.nights,
            options=BreathingOptions(duration_h=arguments.hours, events_per_h=arguments.ahi),
            recorder=Recorder(
                sensor=arguments.sensor,
                flow_rate_hz=arguments.flow_rate,
                has_belts=not arguments.no_belts,
            ),
            night_cv=arguments.night_cv,
            sensor_off_min=arguments.sensor_off,
            first_start=arguments.start,
            patient=arguments.patient,
        )
        for number, night in enumerate(nights, start=1):
            path = make_folder(arguments.out) / f"night-{number}.edf"
            write_edf(night, path)
            truth = night.truth
            write_result(
                f"{path}: {truth.duration_s / 3600.0:.2f} h, {len(truth.events)} events, "
                f"true AHI {truth.ahi_1b_per_h:.1f}/h (rule 1B), {truth.ahi_1a_per_h:.1f}/h (rule 1A)\n"
            )
    except SimulationError as error:
        raise UsageError(str(error)) from error
    return EXIT_OK
