"""Typed fields into bytes: against struct, and what they say of a value that does not fit."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import fields
from raman_edge.instruments.profiles.fields import NUMPY, literal, size_of

VALUES = {"n": Fraction(258), "t": Fraction(1, 8)}
STRUCT = {"u1": "B", "u2": "H", "u4": "I", "i2": "h", "i4": "i", "f4": "f"}
"""numpy's name of a type → struct's."""


def made(*texts: str) -> bytes:
    """Return the bytes of some fields."""
    return fields.request(tuple(field for text in texts for field in fields.parse(text)), VALUES)


@given(st.sampled_from(sorted(NUMPY)), st.integers(-(2**33), 2**33))
def test_a_number_is_packed_as_struct_does_or_refused(dtype: str, value: int) -> None:
    """Every type has the bytes and the range that struct gives it."""
    code = NUMPY[dtype]
    form = (code[0] if code[0] in "<>" else ">") + STRUCT[code.lstrip("<>")]
    try:
        expected = struct.pack(form, value)
    except struct.error:
        with pytest.raises(ConfigError, match=f"gives {value}, and {dtype} holds"):
            made(f"{dtype}:{{{value}}}")
        return
    assert made(f"{dtype}:{value}") == expected
    assert len(expected) == size_of(dtype)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (("ascii:ER", "hex:0D 0a", "u8:7"), b"ER\r\n\x07"),
        (("ascii:#IT:{n:05}ms%",), b"#IT:00258ms%"),
        (("ascii:{t} {n/4} {0 - t}\n",), b"0.125 64.5 -0.125\n"),
        (("ascii:{1/3}",), b"0.333333333"),
        (("ascii:",), b""),
        (("u16be:{n}", "u16le:{ n }"), b"\x01\x02\x02\x01"),
        (("f32le:{t}",), struct.pack("<f", 0.125)),
        (("hex:01 02 ff", "sum8"), b"\x01\x02\xff\x02"),
        (("hex:ff ff", "sum16be", "u8:0"), b"\xff\xff\x01\xfe\x00"),
        (("hex:ff ff", "sum16le"), b"\xff\xff\xfe\x01"),
        (("hex:01 02 04", "xor8"), b"\x01\x02\x04\x07"),
        (("sum8",), b"\x00"),
    ],
)
def test_fields_become_these_bytes(fields: tuple[str, ...], expected: bytes) -> None:
    """Texts, literal bytes, numbers as text and in binary, and checksums over what came before."""
    assert made(*fields) == expected


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("hex:0", "two hexadecimal digits a byte"),
        ("hex:zz", "two hexadecimal digits a byte"),
        ("ascii:µ", "no ASCII"),
        ("ascii:{n", "a brace that belongs to no"),
        ("ascii:}", "a brace that belongs to no"),
        ("ascii:{n:5}", "a brace that belongs to no"),
        ("ascii:{}", "got the end at character 1"),
        ("u24be:1", "u24be is no type that is known"),
        ("u16:1", "u16 is no type that is known; known are u8, u16be"),
        ("u8:{n:03}", "only a text has digits to fill"),
        ("u8:{n} 1", "got '{' at character 1"),
        ("u8:", "got the end at character 1"),
        ("u16be:{t}", "gives 0.125, and u16be holds whole numbers: divide with //"),
        ("u8:{n}", "gives 258, and u8 holds 0 to 255"),
        ("i16be:{0 - 40000}", "gives -40000, and i16be holds -32768 to 32767"),
        ("u8:{m}", "m is no name that is known here; known are n, t"),
    ],
)
def test_a_wrong_field_says_what_is_wrong(field: str, said: str) -> None:
    """What was got and what the field holds stand in the message."""
    with pytest.raises(ConfigError, match=said):
        made(field)


def test_names_of_all_fields_are_told() -> None:
    """Names stand in texts, in binary numbers, and nowhere in literal bytes and checksums."""
    parsed = [field for text in ("ascii:{a} {b}", "u8:{c}", "hex:00", "xor8") for field in fields.parse(text)]
    assert fields.names(tuple(parsed)) == {"a", "b", "c"}


@pytest.mark.parametrize(("text", "expected"), [("", b""), ("hex:06 0D", b"\x06\r"), ("hex:", b""), ("ascii:ACK\r\n", b"ACK\r\n")])
def test_literals(text: str, expected: bytes) -> None:
    """Bytes are written in hexadecimal or as text."""
    assert literal(text) == expected


@pytest.mark.parametrize("text", ["06", "hex:6", "ascii:µ", "HEX:06"])
def test_what_is_no_literal_is_refused(text: str) -> None:
    """Neither bare digits nor half a byte nor letters beyond ASCII are bytes."""
    with pytest.raises(ValueError, match=r"got|hex|ascii"):
        literal(text)
