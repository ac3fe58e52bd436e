"""Parts of documents that are written by a program: text between two marks, and its replacement."""

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["read_blocks", "write_blocks"]

BLOCK = re.compile(
    r"<!-- begin (?P<name>[\w-]+)(?P<words>[^>]*) -->\n(?P<body>.*?)<!-- end (?P=name) -->", re.DOTALL
)
"""A mark may say more than its name: what writes the part."""


def read_blocks(path: Path) -> dict[str, str]:
    """The marked parts of a document by name.

    Raises
    ------
    ValueError
        Where a name stands twice, or a mark is not closed.
    """
    text = path.read_text(encoding="utf-8")
    blocks: dict[str, str] = {}
    for match in BLOCK.finditer(text):
        if match["name"] in blocks:
            raise ValueError(f"{path.name}: part {match['name']!r} stands twice")
        blocks[match["name"]] = match["body"].strip("\n")
    n_marks = text.count("<!-- begin ")
    if n_marks != len(blocks):
        raise ValueError(f"{path.name}: {n_marks} marks open a part, {len(blocks)} parts are closed")
    return blocks


def write_blocks(path: Path, blocks: Mapping[str, str]) -> list[str]:
    """Replace the marked parts that are given; the names of those that the document has and that changed."""
    text = path.read_text(encoding="utf-8")
    old = read_blocks(path)

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        body = blocks.get(name, old[name]).strip("\n")
        return f"<!-- begin {name}{match['words']} -->\n{body}\n<!-- end {name} -->"

    path.write_text(BLOCK.sub(replaced, text), encoding="utf-8")
    return [name for name in old if name in blocks and blocks[name].strip("\n") != old[name]]
