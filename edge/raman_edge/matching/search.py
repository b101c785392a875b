"""The cosine of a spectrum's embedding to every reference, as one product of integers.

A library is read as a whole for each spectrum, and what that costs is memory traffic: as float32 the default library is
13 MB, which no small processor keeps beside it, as int8 a quarter of that. numpy multiplies no int8; onnxruntime does, so
the library is made the one constant of a graph with one node. The graph is written here because the edge does not import onnx.

Nothing is lost by it: references are stored as int8 anyway, and a spectrum's embedding is split into three digits of seven
bits. Those stay below 128, so that two products fit into 16 bits also where a processor has no better instruction than
AVX2's saturating one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import LibraryError
from raman_edge.model.check.wire import SPAN, VARINT
from raman_edge.model.runtime import brief, open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL_SCALE = 127
"""The largest component of a reference, as an integer."""
BITS = 7
"""Of one digit of a spectrum's embedding."""
DIGITS = 3
"""Cosines are right to two millionths, records have four digits."""
ZERO = 1 << BITS - 1
"""Digits are signed; as the unsigned numbers that the product takes, this is nought."""
WEIGHTS = float(1 << BITS) ** np.arange(DIGITS)
"""What each digit counts, the lowest first."""
LARGEST = float((WEIGHTS * (ZERO - 1)).sum())
"""The largest component of a spectrum's embedding, as an integer."""
TRIED = 64
"""References for which the product is computed twice before it is trusted."""
UINT8, INT8, INT32 = 2, 3, 6
"""onnx.proto's types of numbers."""
IR_VERSION, OPSET = 8, 13
"""Old enough for every onnxruntime that runs int8 models."""


def encode(embedding: NDArray[np.floating]) -> NDArray[np.int8]:
    """Return rows (n, e) as integers, the largest component of each at full scale; a row of zeros stays one."""
    peak = np.maximum(np.abs(embedding).max(axis=1, keepdims=True, initial=0.0), np.finfo(np.float32).tiny)
    codes: NDArray[np.int8] = np.rint(embedding / peak * FULL_SCALE).astype(np.int8)
    return codes


def lengths(codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the length of each row of integers, (n,); 1 for a row of zeros."""
    squares: NDArray[np.int32] = np.einsum("ne,ne->n", codes, codes, dtype=np.int32, casting="safe")
    return np.maximum(np.sqrt(squares.astype(np.float64)), 1.0)


class Search:
    """References that are searched together."""

    def __init__(self, codes: NDArray[np.int8]) -> None:
        """Take references as :func:`encode` gives them, (n, e).

        Raises :class:`LibraryError` where onnxruntime multiplies them to anything else than numpy does.
        """
        self._codes = codes
        self._per_length = 1.0 / lengths(codes)
        self._session = open_session(_graph(np.ascontiguousarray(codes.T)), threads=1, gpu=False).session
        digits = _digits(np.cos(np.arange(codes.shape[1])))
        expected = (digits.astype(np.int32) - ZERO) @ codes[:TRIED].T.astype(np.int32)
        if not np.array_equal(self._products(digits)[:, :TRIED], expected):
            msg = "onnxruntime multiplies integers wrongly here, so no library can be searched: report what `raman-edge doctor` says"
            raise LibraryError(msg)

    def __reduce__(self) -> tuple[type[Search], tuple[object, ...]]:
        """Let it go to another process of ours, where its session is opened anew."""
        return type(self), (self._codes,)

    def cosines(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosine of each row of ``embedding``, (b, e), unit norm, to each reference, (b, n); NaN where a row is not finite."""
        peak = np.abs(embedding).max(axis=1, keepdims=True).astype(np.float64)
        usable = np.isfinite(peak) & (peak > 0)
        digits = _digits(np.divide(embedding, peak, out=np.zeros(embedding.shape), where=usable))
        products = self._products(digits.reshape(-1, embedding.shape[1])).reshape(len(embedding), DIGITS, -1)
        scale = np.where(usable, peak / LARGEST, np.where(peak == 0, 0.0, np.nan))
        low, middle, high = products.transpose(1, 0, 2)
        cosines: NDArray[np.float32] = ((high * WEIGHTS[2] + (middle * WEIGHTS[1] + low)) * (self._per_length * scale)).astype(np.float32)
        return cosines

    def _products(self, digits: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return the sum over e of digit times reference, (rows, n), for digits (rows, e)."""
        try:
            (products,) = self._session.run(["products"], {"digits": digits})
        except Exception as error:
            msg = f"the library cannot be searched; onnxruntime says: {brief(error)}"
            raise LibraryError(msg) from error
        made: NDArray[np.int32] = products
        return made


def _digits(scaled: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return numbers in -1..1, (..., e), as their digits, the lowest first, (..., DIGITS, e), each above :data:`ZERO` by its value."""
    whole = np.rint(scaled * LARGEST).astype(np.int32)
    digits = np.empty((*scaled.shape[:-1], DIGITS, scaled.shape[-1]), dtype=np.uint8)
    for place in range(DIGITS):
        digit = (whole + ZERO & (2 * ZERO - 1)) - ZERO
        digits[..., place, :] = digit + ZERO
        whole = (whole - digit) >> BITS
    return digits


def _graph(columns: NDArray[np.int8]) -> bytes:
    """Return an ONNX file that multiplies digits (rows, e) with ``columns``, (e, n), which stand at its end.

    Field numbers are those of onnx.proto, as in :mod:`raman_edge.model.check.messages`.
    """
    (e, n), size = columns.shape, columns.nbytes
    node = _span(1, b"digits") + _span(1, b"columns") + _span(1, b"zero") + _span(2, b"products") + _span(4, b"MatMulInteger")
    zero = _number(2, UINT8) + _span(8, b"zero") + _span(9, bytes([ZERO]))
    constant = _number(1, e) + _number(1, n) + _number(2, INT8) + _span(8, b"columns") + _span(9, b"", more=size)
    values = _span(11, _value(b"digits", UINT8, e)) + _span(12, _value(b"products", INT32, n))
    graph = _span(1, node) + _span(2, b"search") + _span(5, zero) + values + _span(5, constant, more=size)
    head = _number(1, IR_VERSION) + _span(8, _span(1, b"") + _number(2, OPSET)) + _span(7, graph, more=size)
    return b"".join((head, columns.data))


def _value(name: bytes, kind: int, width: int) -> bytes:
    """Declare a tensor (rows, width)."""
    shape = _span(1, _span(2, b"rows")) + _span(1, _number(1, width))
    return _span(1, name) + _span(2, _span(1, _number(1, kind) + _span(2, shape)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | VARINT) + _varint(value)


def _span(field: int, content: bytes, *, more: int = 0) -> bytes:
    """``more`` bytes of its content follow."""
    return _varint(field << 3 | SPAN) + _varint(len(content) + more) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first, the eighth set where more follow."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
