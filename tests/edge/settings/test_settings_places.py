"""Lines of a TOML document: the ones that its keys were written on."""

from __future__ import annotations

import tomllib

import pytest
import toml_documents
from hypothesis import given, settings
from raman_edge.settings.toml import places


@settings(deadline=None)
@given(toml_documents.documents())
def test_every_key_has_the_line_it_was_written_on(document: toml_documents.Writer) -> None:
    """Whatever a document holds, each of its keys, tables and elements has its own line, and nothing else has one."""
    found = places(document.text)
    assert found == document.lines
    assert set(found) == set(toml_documents.paths(tomllib.loads(document.text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# only a comment", {}),
        ("a = 1", {("a",): 1}),
        ('\n"a.b" = 1\n', {("a.b",): 2}),
        ('"\\u0061" = 1', {("a",): 1}),
        ("a.b.c = 1\na.d = 2", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1, ("a", "d"): 2}),
        ("a = '''\nb = 1\n'''\nc = 2", {("a",): 1, ("c",): 4}),
        ("[a]\nb = [\n 1, # ]\n 2,\n]\nc = 3", {("a",): 1, ("a", "b"): 2, ("a", "b", 0): 3, ("a", "b", 1): 4, ("a", "c"): 6}),
        ("[[a]]\n[a.b]\n[[a]]\nc = 1", {("a",): 1, ("a", 0): 1, ("a", 0, "b"): 2, ("a", 1): 3, ("a", 1, "c"): 4}),
        ("a = {b.c = 1,\td = [{e = 2}]}", {("a", *path): 1 for path in ((), ("b",), ("b", "c"), ("d",), ("d", 0), ("d", 0, "e"))}),
        ('a = """x"""""\nb = 1', {("a",): 1, ("b",): 2}),
    ],
)
def test_lines_of_known_documents(text: str, expected: dict[toml_documents.Path, int]) -> None:
    """Comments, quoted and dotted keys, texts over several lines, lists and inline tables."""
    tomllib.loads(text)
    assert places(text) == expected


def test_a_deep_document_is_not_followed_for_ever() -> None:
    """Nesting deeper than Python's own stack ends as tomllib's does."""
    with pytest.raises(RecursionError):
        places(f"a = {'[' * 100_000}")
