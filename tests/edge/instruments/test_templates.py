"""Typed fields into bytes: against struct, and values that do not fit."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raising import refused
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import fields
from raman_edge.instruments.profiles.fields import NUMPY, literal, size_of

VALUES = {"n": Fraction(258), "t": Fraction(1, 8)}
STRUCT = {"u1": "B", "u2": "H", "u4": "I", "i2": "h", "i4": "i", "f4": "f"}
"""numpy's name of a type → struct's."""


def made(*texts: str) -> bytes:
    """Return the bytes of some fields."""
    return fields.request(texts, VALUES)


@given(st.sampled_from(sorted(NUMPY)), st.integers(-(2**33), 2**33))
def test_a_number_is_packed_as_struct_does_or_refused(dtype: str, value: int) -> None:
    """Every type has the bytes and the range that struct gives it."""
    code = NUMPY[dtype]
    form = (code[0] if code[0] in "<>" else ">") + STRUCT[code.lstrip("<>")]
    try:
        expected = struct.pack(form, value)
    except struct.error:
        with refused(ConfigError, "value does not fit", got=str(value), expected=f"for {dtype}"):
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
    ("field", "kind", "got", "expected"),
    [
        ("hex:0", "not hexadecimal", "'hex:0'", "two digits"),
        ("hex:zz", "not hexadecimal", "'hex:zz'", "two digits"),
        ("ascii:µ", "not ASCII", "µ", ""),
        ("ascii:{n", "unmatched brace", "'{n'", ""),
        ("ascii:}", "unmatched brace", "'}'", ""),
        ("ascii:{n:5}", "unmatched brace", "'{n:5}'", "{expression:03}"),
        ("ascii:{}", "not arithmetic", "the end", ""),
        ("u24be:1", "unknown type", "u24be", "u8, u16be"),
        ("u16:1", "unknown type", "u16", "u8, u16be"),
        ("u8:{n:03}", "digits in a binary number", "{n:03}", "{n}"),
        ("u8:{n} 1", "not arithmetic", "'{' at character 1", ""),
        ("u8:", "not arithmetic", "the end", ""),
        ("u16be:{t}", "not a whole number", "0.125", "u16be"),
        ("u8:{n}", "value does not fit", "258", "0 to 255 for u8"),
        ("i16be:{0 - 40000}", "value does not fit", "-40000", "-32768 to 32767 for i16be"),
        ("u8:{m}", "unknown name", "", "n, t"),
    ],
)
def test_a_wrong_field_is_refused(field: str, kind: str, got: str, expected: str) -> None:
    """The error has what was got and what the field holds."""
    with refused(ConfigError, kind, got=got, expected=expected):
        made(field)


def test_names_of_all_fields_are_reported() -> None:
    """Names stand in texts, in binary numbers, and nowhere in literal bytes and checksums."""
    assert fields.names(("ascii:{a} {b}", "u8:{c}", "hex:00", "xor8")) == {"a", "b", "c"}


@pytest.mark.parametrize(("text", "expected"), [("", b""), ("hex:06 0D", b"\x06\r"), ("hex:", b""), ("ascii:ACK\r\n", b"ACK\r\n")])
def test_literals(text: str, expected: bytes) -> None:
    """Bytes are written in hexadecimal or as text."""
    assert literal(text) == expected


@pytest.mark.parametrize("text", ["06", "hex:6", "ascii:µ", "HEX:06"])
def test_what_is_no_literal_is_refused(text: str) -> None:
    """Neither bare digits nor half a byte nor letters beyond ASCII are bytes."""
    with pytest.raises(ValueError, match=r"got|hex|ascii"):
        literal(text)
