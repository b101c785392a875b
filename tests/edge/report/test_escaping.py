"""Text from outside stays text on a page, whatever it contains."""

from __future__ import annotations

import html

import pytest
import report_pages
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.report import ENVIRONMENT
from raman_edge.terminal.theme import safe_text

HOSTILE = (
    "<script>alert(1)</script>",
    "\"onload='alert(1)'",
    "</title></style><img src=x onerror=alert(1)>",
    "a\x00b\x1b[31mc\r\n\u2028d",
    "\u202egnp.exe",
    "\ud800 half of a pair",
    "file-\udce9.csv",
    "&lt;&amp;",
    "]]> <!-- -->",
    "石英",
    "e" + "\u0301" * 50,
)


TEMPLATE = ENVIRONMENT.from_string("{% from 'macros.html' import datum %}<p title=\"{{ text }}\">{{ text }}{{ datum(text) }}</p>")


@pytest.mark.parametrize("text", HOSTILE)
def test_text_never_becomes_markup(text: str) -> None:
    """Text with markup in it is shown as those characters, between tags, in an attribute and in a macro, and makes no element."""
    taken = report_pages.Taken(TEMPLATE.render(text=text))
    assert taken.tags == ["p", "bdi"]
    assert taken.words == [safe_text(text)] * 2
    assert taken.attributes == [("p", "title", safe_text(text))]


@given(st.text(alphabet=st.characters(), max_size=60))
def test_any_text_prints_and_is_utf8(text: str) -> None:
    """Every string becomes one that UTF-8 can carry, without control characters and direction overrides."""
    shown = ENVIRONMENT.from_string("{{ text }}").render(text=text)
    shown.encode()
    assert not {"<", ">", '"', "'"} & set(shown)
    assert all(character.isprintable() or character.isspace() for character in html.unescape(shown))
    assert "\u202e" not in shown


@pytest.mark.parametrize("name", ENVIRONMENT.list_templates(["html"]))
def test_a_template_marks_only_geometry_as_safe(name: str) -> None:
    """`safe` stands once, at path data that is computed here; nothing joins text with `~` or switches escaping off."""
    source, _, _ = ENVIRONMENT.loader.get_source(ENVIRONMENT, name)  # type: ignore[union-attr]  # it has a loader
    assert source.count("|safe") == source.count("part.d|safe") == (name == "macros.html")
    assert "~" not in source
    assert "autoescape" not in source


def test_long_geometry_is_never_cut() -> None:
    """The points of a curve are not text: a path longer than the limit on text is complete."""
    dense = report_pages.text(report_pages.subject(report_pages.result(), report_pages.spectrum(), report_pages.at_hand()))
    assert max(map(len, report_pages.Taken(dense).values("d"))) > 2000
