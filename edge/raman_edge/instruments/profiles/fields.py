r"""Typed fields: the bytes of a request, as a profile writes them.

==========================  ====================================================
``hex:45 52``               these bytes
``ascii:ER``                this text
``ascii:I {averages}\r``     a text with decimal numbers in it; ``{averages:03}`` has at least 3 digits
``u32be:{integration*2}``   a number in binary, also ``u8``, ``u16le``, ``i16be``, ``f32le`` …
``u8:0``                    the same for a constant
``sum8``, ``xor8``          one byte over all bytes before it, also ``sum16be``, ``sum16le``
==========================  ====================================================
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import xor
from typing import TYPE_CHECKING, Annotated
from typing import Literal as OneOf

from msgspec import Meta

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import expressions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from raman_edge.instruments.profiles.expressions import Expression, Values

Dtype = OneOf["u8", "u16be", "u16le", "u32be", "u32le", "i16be", "i16le", "i32be", "i32le", "f32be", "f32le"]
"""A number in binary: unsigned, signed or IEEE 754, its bits, and which end comes first."""
NUMPY = {
    "u8": "u1",
    "u16be": ">u2",
    "u16le": "<u2",
    "u32be": ">u4",
    "u32le": "<u4",
    "i16be": ">i2",
    "i16le": "<i2",
    "i32be": ">i4",
    "i32le": "<i4",
    "f32be": ">f4",
    "f32le": "<f4",
}
""":data:`Dtype` → numpy's name of it."""
Literal = Annotated[
    str,
    Meta(
        pattern=r"\A((hex:( *[0-9A-Fa-f]{2})* *|ascii:[\x00-\x7F]*))?\Z",
        description='bytes as "hex:06 0D" or "ascii:ACK", or "" for none',
        examples=["hex:06"],
    ),
]
"""Bytes as they go over the wire; "" is none."""
Template = Annotated[
    str,
    Meta(
        pattern=r"(?s)\A(hex:|ascii:|([ui](8|16|32)|f32)([bl]e)?:|(sum8|xor8|sum16be|sum16le)\Z)",
        description='a field: "hex:0D", "ascii:TEXT {NAME}", "u8:1", "u32be:{EXPRESSION}" …, or "sum8", "xor8", "sum16be", "sum16le"',
        examples=["u16be:{integration}"],
    ),
]
HOLE = re.compile(r"\{([^{}:]*)(?::0([1-9]))?\}")
"""``{expression}``, or ``{expression:03}`` for at least three digits."""
DECIMALS = 9
"""Most decimals of a number in a text."""
CHECKSUMS: dict[str, tuple[int, OneOf["big", "little"]]] = {
    "sum8": (1, "big"),
    "sum16be": (2, "big"),
    "sum16le": (2, "little"),
    "xor8": (1, "big"),
}
"""Kind → bytes, byte order."""


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a request."""

    kind: str
    """``bytes``, ``text`` (a decimal number), a :data:`Dtype`, or a key of :data:`CHECKSUMS`."""
    data: bytes = b""
    """For ``bytes``."""
    expression: Expression | None = None
    """For a number."""
    digits: int = 1
    """Least digits of a decimal number."""

    def names(self) -> frozenset[str]:
        """Return the names that its expression uses."""
        return frozenset() if self.expression is None else self.expression.names()

    def encoded(self, values: Values, before: bytes) -> bytes:
        """Return its bytes behind those ``before``; :class:`ConfigError` where a value does not fit."""
        if self.kind in CHECKSUMS:
            size, order = CHECKSUMS[self.kind]
            total = reduce(xor, before, 0) if self.kind == "xor8" else sum(before) % 2 ** (8 * size)
            return total.to_bytes(size, order)
        if self.expression is None:
            return self.data
        value = self.expression.value(values)
        return decimal(value, self.digits) if self.kind == "text" else packed(value, self.kind)


def literal(text: str) -> bytes:
    """Return the bytes of a :data:`Literal`; ``ValueError`` where it is none."""
    kind, _, rest = text.partition(":")
    if kind == "hex":
        return bytes.fromhex(rest)
    if kind == "ascii":
        return rest.encode("ascii")
    if text:
        msg = f'got {text!r}, expected bytes as "hex:06 0D" or "ascii:ACK"'
        raise ValueError(msg)
    return b""


def size_of(dtype: str) -> int:
    """Return how many bytes a number of a :data:`Dtype` takes."""
    return int("".join(filter(str.isdigit, dtype))) // 8


def decimal(value: Fraction, digits: int) -> bytes:
    """Return a number as decimal text, without trailing zeros of its decimals."""
    whole, rest = divmod(round(abs(value) * 10**DECIMALS), 10**DECIMALS)
    decimals = f".{rest:0{DECIMALS}}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 else ''}{whole:0{digits}}{decimals}".encode("ascii")


def packed(value: Fraction, dtype: str) -> bytes:
    """Return a number in binary; :class:`ConfigError` where the type does not hold it."""
    if dtype.startswith("f"):
        return struct.pack(">f" if dtype.endswith("be") else "<f", float(value))
    size, signed = size_of(dtype), dtype.startswith("i")
    low, high = (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1) if signed else (0, 2 ** (8 * size) - 1)
    if value.denominator != 1:
        advice = "Divide with //"
        raise ConfigError(kind="not a whole number", got=f"{float(value):g}", expected=f"a whole number for {dtype}", advice=advice)
    if not low <= value <= high:
        advice = "Narrow the range, or take a wider type"
        raise ConfigError(kind="value does not fit", got=str(value), expected=f"{low} to {high} for {dtype}", advice=advice)
    return int(value).to_bytes(size, "little" if dtype.endswith("le") else "big", signed=signed)


@lru_cache(maxsize=256)
def parse(text: str) -> tuple[Field, ...]:
    """Parse a :data:`Template`; :class:`ConfigError` where it is none."""
    kind, _, rest = text.partition(":")
    if kind in CHECKSUMS:
        return (Field(kind),)
    if kind == "hex":
        try:
            return (Field("bytes", bytes.fromhex(rest)),)
        except ValueError as error:
            raise ConfigError(kind="not hexadecimal", got=repr(text), expected='two digits for each byte, such as "hex:06 0D"') from error
    if kind == "ascii":
        parts: list[Field] = []
        end = 0
        for hole in HOLE.finditer(rest):
            parts += [_constant(rest[end : hole.start()]), Field("text", b"", expressions.parse(hole[1]), int(hole[2] or 1))]
            end = hole.end()
        return (*parts, _constant(rest[end:]))
    if kind not in NUMPY:
        raise ConfigError(kind="unknown type", got=kind, expected=f"one of {', '.join(NUMPY)}")
    whole = HOLE.fullmatch(rest)
    if whole and whole[2]:
        raise ConfigError(kind="digits in a binary number", got=rest, expected=f"{{{whole[1]}}}, as only a text has digits to fill")
    return (Field(kind, b"", expressions.parse(whole[1] if whole else rest)),)


def request(templates: Iterable[str], values: Values) -> bytes:
    """Return the bytes of templates, one after the other; :class:`ConfigError` where a value does not fit."""
    sent = b""
    for template in templates:
        for field in parse(template):
            sent += field.encoded(values, sent)
    return sent


def names(templates: Iterable[str]) -> frozenset[str]:
    """Return the names that templates use."""
    return frozenset[str]().union(*(field.names() for template in templates for field in parse(template)))


def _constant(text: str) -> Field:
    if not text.isascii():
        raise ConfigError(kind="not ASCII", got=repr(text), advice="Write the bytes with hex:")
    if "{" in text or "}" in text:
        advice = "A brace itself is hex:7B or hex:7D"
        raise ConfigError(kind="unmatched brace", got=repr(text), expected='"{expression}" or "{expression:03}"', advice=advice)
    return Field("bytes", text.encode("ascii"))
