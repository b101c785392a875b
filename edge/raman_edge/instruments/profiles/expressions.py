"""Arithmetic in a profile: ``+ - * / // ( )``, whole and decimal numbers, names.

Python's parser builds the tree, and an allow-list of its nodes decides what is arithmetic; nothing is compiled or run.
Values are exact fractions: ``/`` loses nothing, ``//`` rounds down, as with Python's own fractions.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from raman_edge.errors import ConfigError

Values = Mapping[str, Fraction]
"""Name → its value."""

MAX_CHARACTERS = 200
"""Longest expression; it bounds the depth of the tree, too."""
MAX_MAGNITUDE = 2**64
"""Numerator and denominator of every intermediate value stay below this."""
TOKEN = re.compile(r"\s*(?:[0-9]+(?:\.[0-9]+)?(?![.\w])|[A-Za-z_][A-Za-z0-9_]*|//|[-+*/()])", re.ASCII)
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression."""

    text: str
    tree: ast.expr

    def names(self) -> frozenset[str]:
        """Return the names that it uses."""
        return frozenset(node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name))

    def value(self, values: Values) -> Fraction:
        """Return its value; :class:`ConfigError` on division by zero, an unknown name, or a number of more than 64 bits."""
        return self._value(self.tree, values)

    def _value(self, node: ast.AST, values: Values) -> Fraction:
        match node:
            case ast.Name(id=name):
                if name not in values:
                    known = f"one of {', '.join(sorted(values))}" if values else "no name"
                    raise ConfigError(kind="unknown name", place=name, expected=known)
                return values[name]
            case ast.UnaryOp(operand=operand):
                return -self._value(operand, values)
            case ast.BinOp(left=left, op=sign, right=right):
                one, other = self._value(left, values), self._value(right, values)
                if not other and isinstance(sign, ast.Div | ast.FloorDiv):
                    raise ConfigError(kind="division by zero", got=self.text, advice="Write a divisor that cannot become 0")
                value = Fraction(OPERATORS[type(sign)](one, other))
            case ast.Constant(col_offset=start, end_col_offset=end):
                value = Fraction(self.text[start:end])  # the text: a float would not be exact
            case _:  # parse lets nothing else in
                raise _not_arithmetic(self.text, 0)
        if max(abs(value.numerator), value.denominator) >= MAX_MAGNITUDE:
            raise ConfigError(kind="number too large", got=self.text, expected="at most 64 bits in every step")
        return value


@lru_cache(maxsize=256)
def parse(text: str) -> Expression:
    """Parse an expression; :class:`ConfigError` where it is too long, or not arithmetic, and at which character."""
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(kind="expression too long", got=f"{len(text)} characters", expected=f"at most {MAX_CHARACTERS}")
    end = 0
    while found := TOKEN.match(text, end):
        end = found.end()
    flat = re.sub(r"\s", " ", text).rstrip()
    if flat[end:].strip():
        raise _not_arithmetic(text, end + len(flat[end:]) - len(flat[end:].lstrip()))
    start = len(flat) - len(flat.lstrip())
    try:
        tree = ast.parse(flat[start:], mode="eval").body
    except SyntaxError as error:
        raise _not_arithmetic(text, start + (error.offset or 1) - 1) from error
    for node in ast.walk(tree):
        if not _allowed(node):
            raise _not_arithmetic(text, start + getattr(node, "col_offset", 0))
    expression = Expression(flat[start:], tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            expression._value(node, {})  # noqa: SLF001 - refuses a number that is too large here, and not with the first request
    return expression


def _allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.BinOp(op=sign):
            return type(sign) in OPERATORS
        case ast.UnaryOp(op=sign):
            return isinstance(sign, ast.USub)
    return isinstance(node, ast.Name | ast.Load | ast.operator | ast.USub)


def _not_arithmetic(text: str, at: int) -> ConfigError:
    """Return the error for what stands at this index."""
    got = f"{text[at:][:1]!r} at character {at + 1}" if at < len(text) else "the end"
    return ConfigError(kind="not arithmetic", place=repr(text), got=got, expected="numbers and names with + - * / // ( )")
