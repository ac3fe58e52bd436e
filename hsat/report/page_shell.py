"""What every page shares: templates, the styles and scripts inside it, the policy that lets no other run."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hsat.report.plain import shortened, told, without_surrogates

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["Banner", "KeyFigure", "PageLink", "fill_page", "static_text"]

FOLDER = Path(__file__).parent
RIGHT = r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]+"
FROM_THE_RIGHT = re.compile(rf"{RIGHT}(?:\s+{RIGHT})*")
"""Runs of words of the blocks of Unicode that are written from the right: Hebrew, Arabic and others."""


class KeyFigure(NamedTuple):
    """A number at the head of the page; `reason` where it was not measured."""

    label: str
    value: str
    reason: str


class Banner(NamedTuple):
    """What nobody may overlook: its style, and its words."""

    style: str
    words: str


class PageLink(NamedTuple):
    """Another page: what to call it, and where it is as seen from this one, ready to stand in a link."""

    label: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """A style sheet or script as it stands in the page, with its hash for the page's policy."""

    text: str

    @property
    def hash_source(self) -> str:
        """The source expression of the content security policy that lets exactly this text run."""
        digest = hashlib.sha256(self.text.encode("utf-8")).digest()
        return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def fill_page(template: str, *, styles: Sequence[str], scripts: Sequence[str], **values: Any) -> str:
    """A page from its template.

    Parameters
    ----------
    template : str
        Name of the template; it writes ``policy``, ``style`` and ``script``.
    styles, scripts : sequence of str
        Names of files in ``static``, in the order in which they count or run.
    **values
        What else the template writes; every text is escaped.

    Returns
    -------
    str
        HTML that runs no other script or style than these, and loads nothing.
    """
    style = Inline(text="\n".join(static_text(name) for name in styles))
    script = Inline(text="\n".join(static_text(name) for name in scripts))
    policy = (
        f"default-src 'none'; script-src {script.hash_source}; style-src {style.hash_source}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    return page.render(policy=policy, style=style.text, script=script.text, **values)


@cache
def static_text(name: str) -> str:
    """A file of ``static``, as it is."""
    return (FOLDER / "static" / name).read_text(encoding="utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = lambda text: _isolated(shortened(without_surrogates(str(text))))
    environment.filters["told"] = lambda text: _isolated(told(without_surrogates(str(text))))
    return environment


def _isolated(text: str) -> "Markup | str":
    """Words written from the right each in an element of their own: they move no number beside them."""
    if text.isascii() or not FROM_THE_RIGHT.search(text):
        return text
    from markupsafe import Markup, escape

    return Markup(FROM_THE_RIGHT.sub(r"<bdi>\g<0></bdi>", str(escape(text))))
