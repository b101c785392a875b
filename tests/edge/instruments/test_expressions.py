"""Arithmetic of a profile against Python's own, and what it says of hostile text."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles.expressions import MAX_CHARACTERS, MAX_DEPTH, parse

NAMES = {"integration": Fraction(100), "averages": Fraction(3), "half": Fraction(1, 2)}
LEAVES = st.one_of(st.integers(0, 99_999).map(str), st.decimals(0, 99, places=2).map(str), st.sampled_from(sorted(NAMES)))


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return texts made of smaller ones."""
    joined = st.tuples(inner, st.sampled_from(["+", " - ", "*", "/", " // "]), inner).map("".join)
    return st.one_of(joined, inner.map(lambda text: f"({text})"), inner.map(lambda text: f"-({text})"))


TEXTS = st.recursive(LEAVES, grown, max_leaves=8)


def of_python(text: str) -> Fraction:
    """Return what Python makes of the same text, every number in it a fraction."""
    exact = re.sub(r"[0-9]+(\.[0-9]+)?", lambda number: f"F('{number[0]}')", text)
    return Fraction(eval(exact, {"__builtins__": {}, "F": Fraction}, dict(NAMES)))  # noqa: S307 - the oracle, of text made above


@given(TEXTS)
def test_a_value_is_what_python_gives(text: str) -> None:
    """Precedence, grouping, signs and both divisions are Python's own, on exact fractions."""
    assume(len(text) <= MAX_CHARACTERS)
    try:
        expected = of_python(text)
    except ZeroDivisionError:
        with pytest.raises(ConfigError, match="divides by zero"):
            parse(text).value(NAMES)
        return
    try:
        assert parse(text).value(NAMES) == expected
    except ConfigError as error:
        assert "64 bits" in str(error)  # noqa: PT017 - only this refusal is allowed


@given(TEXTS)
def test_names_are_those_that_stand_there(text: str) -> None:
    """A name is told whether or not its value would matter."""
    assume(len(text) <= MAX_CHARACTERS)
    assert parse(text).names() == {name for name in NAMES if name in text}


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Whatever is written there, the only error is one that says what is wrong."""
    try:
        parse(text).value(NAMES)
    except ConfigError as error:
        assert str(error)  # noqa: PT017 - any refusal has words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got the end at character 1, expected a number, a name or \\("),
        ("1 +", "got the end at character 4"),
        ("1 2", "got '2' at character 3, expected an operator"),
        ("(1", "got the end at character 3, expected an operator .* or \\)"),
        ("2**3", "got '\\*' at character 3"),
        ("1.5.2", "got '.' at character 4"),
        ("integration.real", "got '.' at character 12"),
        ("__import__('os')", "got '\\(' at character 11"),
        ("[1]", "got '\\[' at character 1"),
        ("0x10", "got 'x10' at character 2"),
        ("٣", "got '٣' at character 1"),
        ("a if b else c", "got 'if' at character 3"),
        ("1\x00", "at character 2"),
        ("(" * 5000, "at most 200"),
        ("(" * 150, f"more than {MAX_DEPTH} parentheses"),
        ("-" * 150 + "1", f"more than {MAX_DEPTH} parentheses"),
        ("9" * 30, "more than 64 bits"),
    ],
)
def test_what_is_no_expression_is_told_with_its_place(text: str, said: str) -> None:
    """Python's own syntax beyond arithmetic, depth, length and huge numbers are refused when the profile is read."""
    with pytest.raises(ConfigError, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1/0", r"divides by zero \(1 / 0\)"),
        ("1//(averages - 3)", "divides by zero"),
        ("__class__", "__class__ is no name that is known here; known are averages, half, integration"),
        ("9999999999*9999999999", "more than 64 bits"),
        ("1/9999999999/9999999999", "more than 64 bits"),
    ],
)
def test_what_has_no_value_is_told(text: str, said: str) -> None:
    """Division by zero, names of Python's own and numbers that grow without end have no value."""
    with pytest.raises(ConfigError, match=said):
        parse(text).value(NAMES)
