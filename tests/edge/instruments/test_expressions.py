"""Arithmetic of a profile against Python's own, and hostile text."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from raising import refused
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles.expressions import MAX_CHARACTERS, parse

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
        with refused(ConfigError, "division by zero"):
            parse(text).value(NAMES)
        return
    try:
        assert parse(text).value(NAMES) == expected
    except ConfigError as error:
        assert error.kind == "number too large"  # noqa: PT017 - the only refusal that is allowed


@given(TEXTS)
def test_names_are_those_that_stand_there(text: str) -> None:
    """Every name is returned, also one that does not change the value."""
    assume(len(text) <= MAX_CHARACTERS)
    assert parse(text).names() == {name for name in NAMES if name in text}


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Whatever the text is, the only error is a refusal with a kind."""
    try:
        parse(text).value(NAMES)
    except ConfigError as error:
        assert error.kind  # noqa: PT017 - any kind


PYTHON = st.text("abfilmnosx019._*/+-()[]{}:,=<>!@%^~'\"\\ \t\n#", max_size=40)


@given(PYTHON)
def test_what_is_accepted_is_arithmetic_alone(text: str) -> None:
    """Text made of the characters of Python is refused, or is numbers, names, the four operations and parentheses."""
    try:
        parse(text)
    except ConfigError:
        return
    assert re.fullmatch(r"[\sa-zA-Z0-9_.()+*/-]+", text)
    assert "**" not in text


@pytest.mark.parametrize("text", [" 1\n+ 2 ", "(1 +\n2)", "\t3", "3 ", "1+(2)", "-(-3)", "9 // 3", "0.1 * 30", "06/2.0"])
def test_blanks_and_line_ends_between_tokens(text: str) -> None:
    """Blanks stand anywhere between tokens; decimals are exact."""
    if text.startswith("06"):
        with refused(ConfigError, "not arithmetic"):  # Python has no such number
            parse(text)
    else:
        assert parse(text).value({}) == 3


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "the end"),
        ("1 +", "at character"),
        ("1 2", "'2' at character 3"),
        ("(1", "at character 1"),
        ("1)(2", "at character 2"),
        ("1)+(2", "at character 2"),
        ("2**3", "'2' at character 1"),
        ("1.5.2", "'1' at character 1"),
        ("1.", "'1' at character 1"),
        ("1e3", "'1' at character 1"),
        ("1j", "'1' at character 1"),
        ("1_000", "'1' at character 1"),
        ("0x10", "'0' at character 1"),
        ("1if a else 2", "'1' at character 1"),
        ("integration.real", "'.' at character 12"),
        ("__import__('os')", "at character 12"),
        ("abs(1)", "'a' at character 1"),
        ("(1)(2)", "'(' at character 1"),
        ("[1]", "'[' at character 1"),
        ("٣", "'٣' at character 1"),
        ("a if b else c", "'a' at character 1"),
        ("not a", "'n' at character 1"),
        ("a and b", "'a' at character 1"),
        ("a is b", "'a' at character 1"),
        ("lambda", "at character"),
        ("True", "'T' at character 1"),
        ("None", "'N' at character 1"),
        ("+1", "'+' at character 1"),
        ("1 % 2", "'%' at character 3"),
        ("a := 1", "':' at character 3"),
        ("1 # 2", "'#' at character 3"),
        ("1; 2", "';' at character 2"),
        ("1\\\n+ 2", "at character 2"),
        ("1\x00", "at character 2"),
        ("(" * 150, "at character"),
    ],
)
def test_text_that_is_not_arithmetic_is_refused_with_its_place(text: str, got: str) -> None:
    """Python's syntax beyond arithmetic is refused when the profile is read."""
    with refused(ConfigError, "not arithmetic", repr(text), got=got):
        parse(text)


@pytest.mark.parametrize(
    ("text", "kind"), [("(" * 5000, "expression too long"), ("9" * 30, "number too large"), ("0.1" + "1" * 30, "number too large")]
)
def test_size_is_bounded(text: str, kind: str) -> None:
    """Length and numbers are refused when the profile is read."""
    with refused(ConfigError, kind):
        parse(text)


@pytest.mark.parametrize("text", ["-" * 199 + "1", "1" + "+1" * 99, "(" * 99 + "1" + ")" * 99])
def test_the_longest_expressions_have_a_value(text: str) -> None:
    """The limit of characters bounds the depth: nothing that is accepted overflows the stack."""
    assert parse(text).value({}) in (-1, 1, 100)


@pytest.mark.parametrize(
    ("text", "kind", "place", "expected"),
    [
        ("1/0", "division by zero", "", ""),
        ("1//(averages - 3)", "division by zero", "", ""),
        ("__class__", "unknown name", "__class__", "averages, half, integration"),
        ("9999999999*9999999999", "number too large", "", "64 bits"),
        ("1/9999999999/9999999999", "number too large", "", "64 bits"),
    ],
)
def test_an_expression_without_a_value_is_refused(text: str, kind: str, place: str, expected: str) -> None:
    """Division by zero, unknown names and numbers that grow without end have no value."""
    with refused(ConfigError, kind, place, expected=expected):
        parse(text).value(NAMES)
