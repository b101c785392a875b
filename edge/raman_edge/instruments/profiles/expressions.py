"""Arithmetic in a profile: ``+ - * / // ( )``, whole and decimal numbers, names; parsed to a tree, never evaluated as Python.

::

    sum      = product (("+" | "-") product)*
    product  = factor (("*" | "//" | "/") factor)*
    factor   = "-" factor | number | name | "(" sum ")"

Values are exact fractions: ``/`` loses nothing and ``//`` rounds down, as Python's own do on fractions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

Values = Mapping[str, Fraction]
"""What names stand for."""

MAX_CHARACTERS = 200
"""A longer expression is refused: no register of a spectrometer needs one."""
MAX_DEPTH = 20
"""Parentheses and signs inside of each other."""
MAX_MAGNITUDE = 2**64
"""Neither numerator nor denominator of any value on the way may reach this."""
TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>//|[-+*/()])|(?P<end>\Z)|(?P<other>.))"
)
"""Whatever the text is, one of these fits at every place."""


class Expression(Protocol):
    """A parsed expression."""

    def names(self) -> frozenset[str]:
        """Return the names that stand in it."""

    def value(self, values: Values) -> Fraction:
        """Return its value; :class:`ConfigError` on division by zero, an unknown name, or a number beyond 64 bits."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole or decimal number."""

    exact: Fraction

    def names(self) -> frozenset[str]:
        """Return no names."""
        return frozenset()

    def value(self, values: Values) -> Fraction:  # noqa: ARG002 - a number needs none
        """Return the number."""
        return self.exact


@dataclass(frozen=True, slots=True)
class ExpressionName:
    """What a name stands for when the bytes are made."""

    name: str

    def names(self) -> frozenset[str]:
        """Return the name."""
        return frozenset((self.name,))

    def value(self, values: Values) -> Fraction:
        """Return what the name stands for."""
        if self.name not in values:
            msg = f"{self.name} is no name that is known here; known are {', '.join(sorted(values))}"
            raise ConfigError(msg)
        return values[self.name]


@dataclass(frozen=True, slots=True)
class Operation:
    """Two expressions and what is done with them."""

    left: Expression
    sign: str
    right: Expression

    def names(self) -> frozenset[str]:
        """Return the names of both sides."""
        return self.left.names() | self.right.names()

    def value(self, values: Values) -> Fraction:
        """Return the result."""
        return _bounded(_operated(self.left.value(values), self.sign, self.right.value(values)))


def parse(text: str) -> Expression:
    """Parse an expression; :class:`ConfigError` says at which character it goes wrong."""
    if len(text) > MAX_CHARACTERS:
        msg = f"an expression of {len(text)} characters: write at most {MAX_CHARACTERS}"
        raise ConfigError(msg)
    return _Parser(text).whole()


def _operated(left: Fraction, sign: str, right: Fraction) -> Fraction:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if not right:
        msg = f"divides by zero ({left} {sign} 0): write an expression that cannot become 0 there"
        raise ConfigError(msg)
    return left / right if sign == "/" else Fraction(left // right)


def _bounded(value: Fraction) -> Fraction:
    if max(abs(value.numerator), value.denominator) >= MAX_MAGNITUDE:
        msg = "a number of more than 64 bits on the way: no field of a request holds it"
        raise ConfigError(msg)
    return value


class _Parser:
    """A place in the text, and how deep it is in parentheses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._gots = TOKEN.finditer(text)
        self._depth = 0
        self._next()

    def whole(self) -> Expression:
        tree = self._sum()
        if self._kind != "end":
            raise self._unexpected("an operator (+ - * / //) or the end")
        return tree

    def _sum(self) -> Expression:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Expression:
        return self._chain(("*", "/", "//"), self._factor)

    def _chain(self, signs: tuple[str, ...], operand: Callable[[], Expression]) -> Expression:
        tree = operand()
        while self._kind == "mark" and self._got in signs:
            sign = self._take()
            tree = Operation(tree, sign, operand())
        return tree

    def _factor(self) -> Expression:
        if self._kind == "number":
            return Number(_bounded(Fraction(self._take())))
        if self._kind == "name":
            return ExpressionName(self._take())
        if self._got not in {"-", "("}:
            raise self._unexpected("a number, a name or (")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            msg = f"more than {MAX_DEPTH} parentheses or signs inside of each other: write it flat"
            raise ConfigError(msg)
        tree = self._negated() if self._take() == "-" else self._closed()
        self._depth -= 1
        return tree

    def _negated(self) -> Expression:
        return Operation(Number(Fraction(0)), "-", self._factor())

    def _closed(self) -> Expression:
        tree = self._sum()
        if self._got != ")":
            raise self._unexpected("an operator (+ - * / //) or )")
        self._next()
        return tree

    def _take(self) -> str:
        token = self._got
        self._next()
        return token

    def _next(self) -> None:
        found = next(self._gots)
        self._kind = found.lastgroup
        self._got = found[self._kind or 0]
        self._at = found.start(self._kind or 0)

    def _unexpected(self, expected: str) -> ConfigError:
        got = repr(self._got) if self._got else "the end"
        return ConfigError(f"{self._text!r}: got {got} at character {self._at + 1}, expected {expected}")
