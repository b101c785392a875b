"""HTML and SVG from values: text becomes markup in one place only, and there it is escaped.

A child that is :class:`Html` was made here and goes in as it is; a child or an attribute that is text is data, whatever it
contains: what does not print becomes a visible escape (:func:`raman_edge.terminal.safe.safe_text`), then markup characters do.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.terminal.safe import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that may stand in a page as it is."""

    text: str


NOTHING = Html("")
Child = Html | str
Value = str | int


def escaped(text: str) -> str:
    """Return ``text`` as it may stand between tags and between double quotes."""
    return html.escape(safe_text(text))


def tag(name: str, *children: Child, **attributes: Value) -> Html:
    """Return an element; ``class_`` stands for ``class``, ``aria_label`` for ``aria-label``."""
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value))}"' for key, value in attributes.items())
    return Html(f"<{name}{said}>{joined(children).text}</{name}>")


def path(geometry: str, class_: str) -> Html:
    """Return a line of a picture; its geometry was computed here, holds no text from outside, and may be long."""
    return Html(f'<path class="{class_}" d="{geometry}"/>')


def joined(children: Iterable[Child]) -> Html:
    """Return one piece of markup after the other."""
    return Html("".join(child.text if isinstance(child, Html) else escaped(child) for child in children))


def datum(text: str) -> Html:
    """Return text from outside, whose direction of writing stays its own: it cannot turn the words around it."""
    return tag("bdi", text)


def facts(rows: Iterable[tuple[str, Child]]) -> Html:
    """Return names and values as a table."""
    return tag("table", *(tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows), class_="facts")


def section(title: str, *children: Child, **attributes: Value) -> Html:
    """Return a part of a page under its heading."""
    return tag("section", tag("h3", title), *children, **attributes)
