"""The cosine of a spectrum's embedding to every reference, as one product of integers.

The whole library is read for each spectrum, so that memory traffic sets the time: as float32 the default library has
13 MB, which no small processor keeps in its caches, as int8 a quarter of that. numpy does not multiply int8; onnxruntime does, so
the library is the one constant of a graph with one node.

The result is as precise: references are stored as int8 anyway, and the embedding of a spectrum is split into three digits of seven
bits. Digits stay below 128, so that two products fit into 16 bits also on a processor with nothing better than
AVX2's saturating instruction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import LibraryError
from raman_edge.model import check
from raman_edge.model.runtime import brief, open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL_SCALE = 127
"""The largest component of a reference, as an integer."""
BITS = 7
"""Bits of one digit of a spectrum's embedding."""
DIGITS = 3
"""Cosines are right to two millionths, records have four digits."""
ZERO = 1 << BITS - 1
"""Digits are signed; this is zero in the unsigned numbers that the product takes."""
WEIGHTS = float(1 << BITS) ** np.arange(DIGITS)
"""Value of each digit, the lowest first."""
LARGEST = float((WEIGHTS * (ZERO - 1)).sum())
"""The largest component of a spectrum's embedding, as an integer."""
TRIED = 64
"""References for which the product is computed twice before it is trusted."""
UINT8, INT8, INT32 = 2, 3, 6
"""Types of tensors in onnx.proto."""
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

        Raises :class:`LibraryError` where onnxruntime and numpy compute different products.
        """
        self._codes = codes
        self._per_length = 1.0 / lengths(codes)
        self._session = open_session(_graph(np.ascontiguousarray(codes.T)), threads=1, gpu=False).session
        digits = _digits(np.cos(np.arange(codes.shape[1])))
        expected = (digits.astype(np.int32) - ZERO) @ codes[:TRIED].T.astype(np.int32)
        if not np.array_equal(self._products(digits)[:, :TRIED], expected):
            raise LibraryError(
                kind="wrong products", place="library search", got="other products of integers from onnxruntime than from numpy",
                advice="No library can be searched on this machine: report the output of `raman-edge doctor`",
            )  # fmt: skip

    def __reduce__(self) -> tuple[type[Search], tuple[object, ...]]:
        """Reopen the session in the other process when pickled."""
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
            raise LibraryError(kind="cannot be searched", place="library", cause=f"onnxruntime: {brief(error)}") from error
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
    """Return an ONNX file that multiplies digits (rows, e) with ``columns``, (e, n)."""
    node = {"op_type": "MatMulInteger", "input": ["digits", "columns", "zero"], "output": ["products"]}
    zero = {"name": "zero", "data_type": UINT8, "raw_data": bytes([ZERO])}
    constant = {"name": "columns", "data_type": INT8, "dims": columns.shape, "raw_data": columns.tobytes()}
    digits, products = (
        {"name": name, "type": {"tensor_type": {"elem_type": kind, "shape": {"dim": [{"dim_param": "rows"}, {"dim_value": width}]}}}}
        for name, kind, width in (("digits", UINT8, columns.shape[0]), ("products", INT32, columns.shape[1]))
    )
    graph = {"name": "search", "node": [node], "initializer": [zero, constant], "input": [digits], "output": [products]}
    return check.serialize(ir_version=IR_VERSION, opset_import=[{"version": OPSET}], graph=graph)
