"""Writes the lists that the code keeps: ``PYTHONPATH=. python3 docs/lists.py > docs/lists.md``."""

from collections.abc import Iterable, Sequence

from hsat.events import EventKind
from hsat.io import list_profiles
from hsat.io.channels import CANONICAL_CHANNELS, PositionCode
from hsat.io.devices import load_profile
from hsat.quality import QualityFlag
from hsat.rules.load import load_rules, rule_set_names

HEAD = """# Channels, causes, devices, rule sets

Every name that a result or an option may hold.

Made by `PYTHONPATH=. python3 docs/lists.py > docs/lists.md`; do not edit."""


def main() -> None:
    """Print the page."""
    print(HEAD)
    section(
        "Channels",
        "What `--map NAME=LABEL` takes, and what the labels of a file are read as. A unit of `au` means that "
        "any unit serves: the signal is compared with itself. Labels are compared without case and signs.",
        ("channel", "unit", "is", "labels it is known by"),
        ((f"`{c.name}`", c.unit, c.meaning, labels(c.aliases)) for c in CANONICAL_CHANNELS),
    )
    section(
        "Positions",
        "The numbers of a `position` signal, after the device's own have been translated.",
        ("number", "position"),
        ((str(code.value), code.name.lower()) for code in PositionCode),
    )
    section(
        "Kinds of events",
        "As they stand in the JSON, the event tables and `events_frame()`.",
        ("kind",),
        ((f"`{kind.value}`",) for kind in EventKind),
    )
    section(
        "Why time is excluded",
        "Each second that is not monitored has one cause. Where several hold, it is booked under the first "
        "of this list.",
        ("cause", "means"),
        ((f"`{flag.label}`", flag.sentence) for flag in QualityFlag),
    )
    profiles = [load_profile(name) for name in list_profiles()]
    section(
        "Devices",
        "Profiles that come with hsat, for `--device`; by default the profile is found from the file. "
        "[Yours is not here?](adding_a_device.md)",
        ("profile", "recorder", "treatment", "how sure"),
        ((f"`{p.name}`", p.title, p.therapy, p.confidence) for p in profiles),
    )
    section(
        "Rule sets",
        "For `--rules` and `hsat.load_rules`; [every number with its source](rules.md).",
        ("rule set", "is"),
        ((f"`{name}`", load_rules(name).title) for name in rule_set_names()),
    )


def section(title: str, words: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a heading, what the table is, and the table."""
    print(f"\n## {title}\n\n{words}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |")


def labels(aliases: Sequence[str]) -> str:
    """The first labels, and how many more there are."""
    n_shown = 8
    more = f" and {len(aliases) - n_shown} more" if len(aliases) > n_shown else ""
    return ", ".join(aliases[:n_shown]) + more


if __name__ == "__main__":
    main()
