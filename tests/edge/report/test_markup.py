"""Text from outside becomes text on a page, whatever it contains."""

from __future__ import annotations

import html

import pages
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.report import markup

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


@pytest.mark.parametrize("text", HOSTILE)
def test_text_never_becomes_markup(text: str) -> None:
    """A child or an attribute with markup in it is shown as those characters, and makes no element."""
    taken = pages.Taken(markup.tag("p", text, title=text).text)
    assert taken.tags == ["p"]
    assert taken.values("title") == [taken.words[0]]
    assert [name for _, name, _ in taken.attributes] == ["title"]


@given(st.text(alphabet=st.characters(), max_size=60))
def test_any_text_prints_and_is_utf8(text: str) -> None:
    """Every string becomes one that UTF-8 can carry and in which nothing is a control character or a direction override."""
    escaped = markup.escaped(text)
    escaped.encode()
    assert not {"<", ">", '"', "'"} & set(escaped)
    assert all(character.isprintable() or character.isspace() for character in html.unescape(escaped))
    assert "\u202e" not in escaped


def test_a_datum_keeps_its_direction_to_itself() -> None:
    """A right-to-left name stands in an element that isolates it from the words around it."""
    assert markup.datum("قلقديس").text == "<bdi>قلقديس</bdi>"


def test_markup_is_not_escaped_twice() -> None:
    """An element inside an element goes in as it is."""
    assert markup.tag("p", markup.tag("b", "a & b"), " c", class_="x").text == '<p class="x"><b>a &amp; b</b> c</p>'


def test_long_geometry_is_never_cut() -> None:
    """The points of a curve are not text: ten thousand characters of them stay."""
    assert markup.path("m0+0 " * 2000, "curve").text.count("m0+0") == 2000


def test_facts_are_rows_with_their_names() -> None:
    """Names and values become a table in which each row is headed by its name."""
    taken = pages.Taken(markup.facts([("row", "7"), ("<b>", "&")]).text)
    assert taken.tags.count("tr") == 2
    assert taken.words == ["row", "7", "<b>", "&"]
