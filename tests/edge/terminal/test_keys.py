"""Bytes of a keyboard become names of keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.terminal.keyboard import LONGEST, Decoder


def keys(*pieces: bytes) -> list[str]:
    """Return the keys of bytes that come in these pieces, and then no more."""
    decoder = Decoder()
    return [key for piece in pieces for key in decoder.feed(piece)] + decoder.rest()


@pytest.mark.parametrize(
    ("data", "pressed"),
    [
        (b"q", ["q"]),
        (b" p", ["space", "p"]),
        (b"\r\n", ["enter", "enter"]),
        (b"\x1b[D\x1b[C\x1bOA\x1bOB", ["left", "right", "up", "down"]),
        (b"\x1b", ["escape"]),
        (b"\x1b\x1b", ["escape", "escape"]),
        (b"\x1b\x1b[D", ["escape", "left"]),
    ],
)
def test_keys_have_names(data: bytes, pressed: list[str]) -> None:
    """Characters are named by themselves; arrows come in both of their forms."""
    assert keys(data) == pressed


@pytest.mark.parametrize(
    "noise",
    [
        b"\x1b[1;5D",  # Ctrl and an arrow
        b"\x1b[15~",  # F5
        b"\x1bOP",  # F1
        b"\x1bq",  # Alt and q
        b"\x1b[200~",  # a paste begins
        b"\x1b[<0;12;7M",  # a mouse
        b"\x1b[?62;22c",  # what kind of terminal it is
        b"\x1b]11;rgb:0000/0000/0000\x1b\\",  # its background
        b"\x1b]0;quit\x07",
        b"\x1bP1+r436f\x1b\\",
        b"\xc3\xbc",  # a letter that is not ASCII
        b"\x00\x7f\t",
    ],
)
def test_what_is_no_key_of_ours_is_swallowed_whole(noise: bytes) -> None:
    """No piece of a function key, of an answer of the terminal or of a foreign letter is taken for a key."""
    assert keys(b"a" + noise + b"b") == ["a", "b"]


PIECES = st.lists(
    st.sampled_from([b"q", b" ", b"\x1b[D", b"\x1bOC", b"\x1b[15~", b"\x1b[1;2A", b"\xe7\x9f\xb3", b"\x1b]0;q\x07", b"z"]), max_size=12
)


@given(PIECES, st.data())
def test_any_cut_gives_the_same_keys(pieces: list[bytes], data: st.DataObject) -> None:
    """However the bytes were cut on their way, the keys are the same."""
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert keys(*parts) == keys(whole)


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    """Whatever comes, keys are names that this screen knows or single characters, and nothing is kept for ever."""
    decoder = Decoder()
    named = {"space", "enter", "escape", "left", "right", "up", "down"}
    pressed = [key for piece in pieces for key in decoder.feed(piece)]
    assert all(key in named or (len(key) == 1 and key.isascii() and key.isprintable()) for key in pressed)
    decoder.feed(b"x" * 10 * LONGEST + b"\x07" + b"x" * 10 * LONGEST)
    assert not decoder.waits


def test_a_sequence_without_an_end_is_given_up() -> None:
    """A broken sequence swallows a bounded number of keys."""
    assert keys(b"\x1b[" + b"1" * (LONGEST - 2), b"q") == ["q"]
    assert keys(b"\x1b]" + b"1" * 8 * LONGEST, b"q") == ["q"]


def test_an_escape_waits_for_what_follows() -> None:
    """An escape alone is a key only once nothing follows it."""
    decoder = Decoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.waits
    assert decoder.feed(b"[") == []
    assert decoder.feed(b"C") == ["right"]
    assert not decoder.waits
