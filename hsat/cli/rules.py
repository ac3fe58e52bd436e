"""``hsat rules``: the rule sets in words."""

import argparse
from typing import Any

__all__ = ["add_arguments", "run"]

SCHEMA = "hsat.rules/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a rule set, or the path of a TOML file")
    parser.add_argument(
        "--format", choices=["text", "json"], default="text", help="what to print (default: text)"
    )


def run(arguments: argparse.Namespace) -> int:
    """List the sets, or show one; returns the exit code."""
    from hsat.cli.faults import EXIT_OK, write_result
    from hsat.report.document import json_text
    from hsat.rules.load import build_rules, read_rules
    from hsat.rules.model import ScoringRules
    from hsat.rules.words import describe_rules, list_rules, read_packaged_rules

    is_json = arguments.format == "json"
    if arguments.name is None:
        documents = read_packaged_rules()
        head = [
            {"name": d.name, "title": d.title, "source": d.source, "rules_id": d.rules_id} for d in documents
        ]
        text = json_text({"schema": SCHEMA, "sets": head}) if is_json else list_rules(documents)
    else:
        document = read_rules(arguments.name, ScoringRules)
        build_rules(document, ScoringRules)  # what scoring would refuse is refused here
        text = json_text(_set_document(document)) if is_json else describe_rules(document)
    write_result(text)
    return EXIT_OK


def _set_document(document: Any) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": document.name,
        "title": document.title,
        "source": document.source,
        "extends": document.extends,
        "rules_id": document.rules_id,
        "settings": dict(document.settings),
        "tables": {
            table.name: {"meaning": table.meaning, "source": table.source, "values": dict(table.values)}
            for table in document.tables
        },
    }
