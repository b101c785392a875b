"""Text from outside on a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.terminal.theme import MOST_CHARACTERS, safe_text
from rich.cells import cell_len

ANY = st.text(st.characters(exclude_categories=()), max_size=60)
"""Every code point there is, lone surrogates too."""


@given(ANY, st.none() | st.integers(-3, 70), st.booleans())
def test_nothing_that_a_terminal_obeys_comes_out(text: str, width: int | None, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever goes in, no control, format, surrogate or unassigned character comes out."""
    shown = safe_text(text, width, ascii_only=ascii_only)
    assert shown.isprintable()
    assert not any(unicodedata.category(character).startswith("C") for character in shown)
    shown.encode("ascii" if ascii_only else "utf-8")


@given(ANY, st.integers(-3, 70), st.booleans())
def test_a_text_is_never_wider_than_requested(text: str, width: int, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Cut text takes at most the cells it was given, counted as the terminal counts them."""
    assert cell_len(safe_text(text, width, ascii_only=ascii_only)) <= max(0, width)


@given(ANY)
def test_safe_text_stays_as_it_is(text: str) -> None:
    """What is safe already is not escaped again."""
    once = safe_text(text)
    assert safe_text(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("exe\u202etxt", r"exe\u202etxt"),
        ("caf\udce9.txt", r"caf\xe9.txt"),
        ("\ud800", r"\ud800"),
        ("e\u0301", "é"),
        ("\u0301x", r"\u0301x"),
        ("☺\ufe0f", r"☺\ufe0f"),
        ("a\u00a0b", "a b"),
        ("[bold]石英[/]", "[bold]石英[/]"),
    ],
)
def test_every_kind_of_danger_becomes_visible(text: str, shown: str) -> None:
    """Escape codes, direction overrides, undecodable bytes and loose marks are shown as what they are; names are not."""
    assert safe_text(text) == shown


def test_marks_do_not_pile_up() -> None:
    """A letter carries three combining marks; the fourth is shown as an escape."""
    assert safe_text("q" + "\u0316" * 5) == "q" + "\u0316" * 3 + r"\u0316\u0316"


@pytest.mark.parametrize(
    ("width", "shown"),
    [(8, "石英.txt"), (7, "石英.t…"), (6, "石英.…"), (5, "石英…"), (4, "石 …"), (3, "石…"), (2, " …"), (1, "…"), (0, "")],
)
def test_wide_characters_are_cut_in_cells(width: int, shown: str) -> None:
    """A Chinese character takes two cells; half of one is a blank."""
    assert safe_text("石英.txt", width) == shown


def test_ascii_shows_our_own_signs_in_words() -> None:
    """Where only ASCII can be shown, units stay readable and other letters become escapes."""
    assert safe_text("≥ 3 cm⁻¹ · 石", ascii_only=True) == r">= 3 cm-1 - \u77f3"


def test_endless_text_is_cut_before_it_is_looked_at() -> None:
    """A megabyte of label costs no more than a long line."""
    assert len(safe_text("\x1b" * 10**6)) <= 4 * MOST_CHARACTERS
