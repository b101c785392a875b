"""The strings in an array of Python objects, read without unpickling: nothing in the file is executed.

NumPy writes an array of objects as a pickle, and a pickle is a program. This reads the program's text: it goes on
only while that is, word for word, the one that NumPy writes for a one-dimensional array of strings.
"""

from __future__ import annotations

import pickletools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Token = tuple[str, object]
"""An opcode's name and its argument; every way to write a string is ``("text", …)``, a whole number ``("int", …)``."""

_TEXT = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"})
_WHOLE = frozenset({"BININT", "BININT1", "BININT2"})
_STORE = frozenset({"MEMOIZE", "BINPUT", "LONG_BINPUT"})
_FETCH = frozenset({"BINGET", "LONG_BINGET"})
_OTHERS = frozenset(
    {
        "SHORT_BINBYTES", "NONE", "NEWTRUE", "NEWFALSE", "MARK", "EMPTY_LIST", "APPEND", "APPENDS",
        "TUPLE", "TUPLE1", "TUPLE3", "STACK_GLOBAL", "REDUCE", "BUILD", "STOP",
    }
)  # fmt: skip
_NOTHING: Token = ("", None)
_STACK_GLOBAL: Token = ("STACK_GLOBAL", None)
_KIND = {str: "text", int: "int", bytes: "SHORT_BINBYTES"}
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '\|O', 'fortran_order': False, 'shape': \((?P<count>[0-9]{1,9}),\), \} *\n", re.DOTALL
)
MOST_BYTES = 16 * 1024 * 1024
"""More than any labels need."""


class NotStringsError(ValueError):
    """The bytes are not those of a one-dimensional array of strings."""


def read(data: bytes) -> list[str]:
    """Return the strings of a ``.npy`` file of dtype object; :class:`NotStringsError` for anything else."""
    if len(data) > MOST_BYTES:
        msg = f"{len(data)} bytes of labels, expected at most {MOST_BYTES}"
        raise NotStringsError(msg)
    header = _HEADER.match(data)
    if header is None:
        msg = f"it begins {data[:80]!r}, expected NumPy's header of an array of objects with one dimension"
        raise NotStringsError(msg)
    try:
        return _strings(list(_tokens(data[header.end() :])), int(header["count"]))
    except NotStringsError:
        raise
    except ValueError as error:  # genops' own (truncated, unknown opcode), or text that is none
        msg = f"not NumPy's array of strings: {error}"
        raise NotStringsError(msg) from error


def _tokens(program: bytes) -> Iterator[Token]:
    """Yield the opcodes of a pickle, none of them executed; refuse every one that strings do not need."""
    memo: dict[int, Token] = {}
    last = _NOTHING
    for opcode, argument, place in pickletools.genops(program):
        if opcode.name in _STORE:
            memo[len(memo) if argument is None else int(argument)] = last
        elif opcode.name == "GLOBAL":  # protocol 3 has module and name in one
            yield from (("text", part) for part in str(argument).split(" ", 1))
            yield (last := _STACK_GLOBAL)
        elif opcode.name not in {"PROTO", "FRAME"}:
            last = memo.get(int(str(argument)), _NOTHING) if opcode.name in _FETCH else _token(opcode.name, argument, place)
            yield last


def _token(name: str, argument: object, place: int | None) -> Token:
    if name in _TEXT:
        return "text", argument
    if name in _WHOLE:
        return "int", argument
    if name in _OTHERS:
        return name, argument
    msg = f"opcode {name} at byte {place}"
    raise NotStringsError(msg)


def _preamble(module: str, count: int) -> list[Token]:
    """Return what NumPy writes before the strings: ``_reconstruct(ndarray, (0,), b'b')``, then its state up to the list.

    The state is version 1, the shape, ``dtype("O8", False, True)`` with a state of its own, and "not in Fortran's order".
    """
    made = [module, "_reconstruct", _STACK_GLOBAL, "numpy", "ndarray", _STACK_GLOBAL, 0, *_bare("TUPLE1"), b"b", *_bare("TUPLE3 REDUCE")]
    kind = ["numpy", "dtype", _STACK_GLOBAL, "O8", *_bare("NEWFALSE NEWTRUE TUPLE3 REDUCE")]
    kind_state = [*_bare("MARK"), 3, "|", *_bare("NONE NONE NONE"), -1, -1, 63, *_bare("TUPLE BUILD")]
    state = [*_bare("MARK"), 1, count, *_bare("TUPLE1"), *kind, *kind_state, *_bare("NEWFALSE EMPTY_LIST")]
    return [item if isinstance(item, tuple) else (_KIND[type(item)], item) for item in [*made, *state]]


def _bare(names: str) -> list[Token]:
    """Return opcodes without an argument."""
    return [(name, None) for name in names.split()]


def _strings(tokens: list[Token], count: int) -> list[str]:
    """Return the strings between NumPy's literal beginning and its literal end."""
    beginnings = [_preamble(module, count) for module in ("numpy._core.multiarray", "numpy.core.multiarray")]
    size = len(beginnings[0])
    end = [("TUPLE", None), ("BUILD", None), ("STOP", None)]
    if tokens[:size] not in beginnings or tokens[-len(end) :] != end:
        msg = "the pickle does not begin and end as NumPy's array of strings does"
        raise NotStringsError(msg)
    body = tokens[size : -len(end)]
    strings = [str(value) for name, value in body if name == "text"]
    "".join(strings).encode()  # a lone surrogate is no text; its UnicodeEncodeError is told by read
    if len(strings) != count or any(name not in {"text", "MARK", "APPEND", "APPENDS"} for name, _ in body):
        msg = f"{len(strings)} strings among {len(body)} opcodes, expected {count} strings and nothing else"
        raise NotStringsError(msg)
    return strings
