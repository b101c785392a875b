r"""Requests as a profile writes them: typed fields that become bytes.

==========================  ====================================================
``hex:45 52``               these bytes
``ascii:ER``                this text
``ascii:I {averages}\r``     a text with numbers in it, decimal; ``{averages:03}`` has 3 digits at least
``u32be:{integration*2}``   a number in binary, also ``u8``, ``u16le``, ``i16be``, ``f32le`` …
``u8:0``                    the same of a number that never changes
``sum8``, ``xor8``          one byte over all bytes before it, also ``sum16be``, ``sum16le``
==========================  ====================================================
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Annotated, Protocol

from msgspec import Meta

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import expressions
from raman_edge.instruments.profiles.frame import NUMPY, size_of
from raman_edge.instruments.profiles.literals import literal

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.expressions import Expression, Values

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
DIGITS = 9
"""Decimals that a text shows of a number that is not whole."""
CHECKS = {"sum8": (1, "big"), "sum16be": (2, "big"), "sum16le": (2, "little"), "xor8": (1, "big")}


class Field(Protocol):
    """A parsed field."""

    def names(self) -> frozenset[str]:
        """Return the names that stand in it."""

    def encoded(self, values: Values, before: bytes) -> bytes:
        """Return its bytes, after those ``before``; :class:`ConfigError` where a value does not fit."""


@dataclass(frozen=True, slots=True)
class FixedField:
    """Bytes that are always the same."""

    data: bytes

    def names(self) -> frozenset[str]:
        """Return no names."""
        return frozenset()

    def encoded(self, values: Values, before: bytes) -> bytes:  # noqa: ARG002 - they are always the same
        """Return the bytes."""
        return self.data


@dataclass(frozen=True, slots=True)
class DecimalField:
    """A number as decimal text."""

    expression: Expression
    digits: int

    def names(self) -> frozenset[str]:
        """Return the names of the expression."""
        return self.expression.names()

    def encoded(self, values: Values, before: bytes) -> bytes:  # noqa: ARG002 - a text knows no checksum
        """Return the number's digits, without zeros at the end of its decimals."""
        value = self.expression.value(values)
        sign = "-" if value < 0 else ""
        whole, rest = divmod(round(abs(value) * 10**DIGITS), 10**DIGITS)
        decimals = f".{rest:0{DIGITS}}".rstrip("0").rstrip(".")
        return f"{sign}{whole:0{self.digits}}{decimals}".encode("ascii")


@dataclass(frozen=True, slots=True)
class BinaryField:
    """A number in binary."""

    dtype: str
    expression: Expression

    def names(self) -> frozenset[str]:
        """Return the names of the expression."""
        return self.expression.names()

    def encoded(self, values: Values, before: bytes) -> bytes:  # noqa: ARG002 - a number knows no checksum
        """Return the number's bytes."""
        value = self.expression.value(values)
        if self.dtype.startswith("f"):
            return struct.pack(">f" if self.dtype.endswith("be") else "<f", float(value))
        size, signed = size_of(self.dtype), self.dtype.startswith("i")
        low, high = (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1) if signed else (0, 2 ** (8 * size) - 1)
        if value.denominator != 1:
            msg = f"gives {float(value):g}, and {self.dtype} holds whole numbers: divide with //"
            raise ConfigError(msg)
        if not low <= value <= high:
            msg = f"gives {value}, and {self.dtype} holds {low} to {high}: narrow the range or take a wider type"
            raise ConfigError(msg)
        return int(value).to_bytes(size, "little" if self.dtype.endswith("le") else "big", signed=signed)


@dataclass(frozen=True, slots=True)
class ChecksumField:
    """A checksum over what comes before it."""

    kind: str

    def names(self) -> frozenset[str]:
        """Return no names."""
        return frozenset()

    def encoded(self, values: Values, before: bytes) -> bytes:  # noqa: ARG002 - of the bytes alone
        """Return the checksum of ``before``."""
        size, order = CHECKS[self.kind]
        total = reduce(xor, before, 0) if self.kind == "xor8" else sum(before) % 2 ** (8 * size)
        return total.to_bytes(size, "little" if order == "little" else "big")


def parse(text: str) -> tuple[Field, ...]:
    """Take a :data:`Template` apart; :class:`ConfigError` says what is wrong with it."""
    kind, _, rest = text.partition(":")
    if kind in CHECKS:
        return (ChecksumField(kind),)
    if kind == "hex":
        return (FixedField(_literal(text)),)
    if kind == "ascii":
        return tuple(_text(rest))
    if kind not in NUMPY:
        msg = f"{kind} is no type that is known; known are {', '.join(NUMPY)}"
        raise ConfigError(msg)
    hole = HOLE.fullmatch(rest)
    if hole and hole[2]:
        msg = f"got {rest}: only a text has digits to fill; write {{{hole[1]}}}"
        raise ConfigError(msg)
    return (BinaryField(kind, expressions.parse(hole[1] if hole else rest)),)


def request(fields: tuple[Field, ...], values: Values) -> bytes:
    """Return the bytes of the fields, one after the other; :class:`ConfigError` where a value does not fit."""
    sent = b""
    for field in fields:
        sent += field.encoded(values, sent)
    return sent


def names(fields: tuple[Field, ...]) -> frozenset[str]:
    """Return the names that stand in the fields."""
    return frozenset[str]().union(*(field.names() for field in fields))


def _text(text: str) -> list[Field]:
    """Return the parts of a text: what stands there, and numbers in braces."""
    parts: list[Field] = []
    end = 0
    for hole in HOLE.finditer(text):
        parts += [_fixed(text[end : hole.start()]), DecimalField(expressions.parse(hole[1]), int(hole[2] or 1))]
        end = hole.end()
    return [*parts, _fixed(text[end:])]


def _fixed(text: str) -> FixedField:
    if not text.isascii():
        msg = f"got {text!r}, which is no ASCII: write the bytes with hex:"
        raise ConfigError(msg)
    if "{" in text or "}" in text:
        msg = f'got a brace that belongs to no "{{expression}}" or "{{expression:03}}" in {text!r}; a brace itself is hex:7B or hex:7D'
        raise ConfigError(msg)
    return FixedField(text.encode("ascii"))


def _literal(text: str) -> bytes:
    try:
        return literal(text)
    except ValueError as error:
        msg = f'got {text!r}, expected two hexadecimal digits a byte, such as "hex:06 0D"'
        raise ConfigError(msg) from error
