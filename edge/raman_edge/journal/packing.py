"""Arrays of numbers, packed exactly and small.

Instruments write decimals or 32-bit floats; both are whole numbers in another form.
These are differenced until they are small. Their noise cannot be compressed and is stored
bit by bit, apart from the rest, which zlib compresses.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Whole = NDArray[np.int64]

MOST_DECIMALS = 9
BINARY32, BINARY64 = 32, 64
"""Forms beside the numbers of decimals, 0 to :data:`MOST_DECIMALS`: the bits of a float, as a whole number."""
POWERS = 10.0 ** np.arange(MOST_DECIMALS + 1)[:, np.newaxis]
FEW = 16
"""About so many values exclude the forms that do not fit."""
MEASURED = 512
"""About so many values estimate the size of the differences."""
MOST_ORDER = 3
"""Differences of differences of differences; more make noise larger."""
MOST_VALUES = 2**24
LEVEL = 4
"""Of zlib: 6 takes a quarter longer for one percent."""
HEADER = struct.Struct("<BBBBI")
"""Form, order of the differences, bits a value that are stored apart, bytes a value of the rest; number of values."""


class _Split(NamedTuple):
    """Numbers whose lowest bits are stored apart."""

    bits: int
    planes: int
    data: bytes


def pack(values: Array) -> bytes:
    """Return ``values`` (float64, finite, (n,)) as bytes; :func:`unpack` restores every bit."""
    form, whole = _whole(values)
    order, rest = _differenced(whole)
    folded = _folded(rest)
    split = _split(folded, _noisy_bits(folded))
    return HEADER.pack(form, order, split.bits, split.planes, values.size) + split.data


def unpack(data: bytes) -> Array:
    """Return the values; :class:`ValueError` for other bytes than those of :func:`pack`."""
    try:
        form, order, bits, planes, size = HEADER.unpack_from(data)
        if size > MOST_VALUES or planes > 8 or bits >= 64 or order > MOST_ORDER:  # noqa: PLR2004 - bytes and bits of a 64-bit number
            raise ValueError(f"no packed numbers: {size} values of {planes} bytes and {bits} bits, differenced {order} times")
        whole = _unfolded(_joined(data[HEADER.size :], size, bits, planes))
        for _ in range(order):
            whole = np.cumsum(whole, dtype=np.int64)
        return _values(form, whole)
    except (struct.error, zlib.error) as error:
        raise ValueError(f"no packed numbers: {error}") from error


def _whole(values: Array) -> tuple[int, Whole]:
    """Return the form and the whole numbers that stand for ``values``."""
    few = values[:: max(1, values.size // FEW)]
    for form in (*_decimals(few), BINARY32):
        if (whole := _exact(values, form)) is not None:
            return form, whole
    return BINARY64, values.view(np.int64)


def _decimals(few: Array) -> list[int]:
    """Return the numbers of decimals with which a few values are exact."""
    with np.errstate(over="ignore", invalid="ignore"):
        exact = (np.rint(few * POWERS) / POWERS == few).all(axis=1)
    return [int(form) for form in np.flatnonzero(exact)]


def _exact(values: Array, form: int) -> Whole | None:
    """Return the whole numbers that restore every bit of ``values`` in ``form``; None where none do."""
    with np.errstate(over="ignore", invalid="ignore"):
        if form == BINARY32:
            whole = values.astype(np.float32).view(np.int32).astype(np.int64)
        else:
            scaled = np.rint(values * 10.0**form)
            if not (np.abs(scaled) < 2.0**53).all():
                return None
            whole = scaled.astype(np.int64)
    same = np.array_equal(_values(form, whole).view(np.int64), values.view(np.int64))
    return whole if same else None


def _values(form: int, whole: Whole) -> Array:
    """Return the values of whole numbers; a decimal is the float nearest to it, as in a text reader."""
    if form == BINARY64:
        return whole.view(np.float64)
    if form == BINARY32:
        return whole.astype(np.int32).view(np.float32).astype(np.float64)
    if form > MOST_DECIMALS:
        raise ValueError(f"no packed numbers: form {form}")
    return whole / 10.0**form


def _differenced(whole: Whole) -> tuple[int, Whole]:
    """Return the order of differences that needs the fewest bits, and the differences; the first value is in front."""
    order, least = 0, _bits(whole)
    while order < MOST_ORDER:
        further = whole.copy()
        further[1:] -= whole[:-1]  # wraps around, and so does the sum that undoes it
        bits = _bits(further)
        if bits >= least:
            break
        order, least, whole = order + 1, bits, further
    return order, whole


def _bits(whole: Whole) -> float:
    """Estimate how many bits the numbers need, by some of them."""
    return float(np.log2(np.abs(whole[:: max(1, whole.size // MEASURED)].astype(np.float64)) + 1.0).sum())


def _folded(whole: Whole) -> NDArray[np.uint64]:
    """Return signed numbers as unsigned ones of the same size: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return ((whole << 1) ^ (whole >> 63)).view(np.uint64)


def _unfolded(folded: NDArray[np.uint64]) -> Whole:
    half = (folded >> np.uint64(1)).view(np.int64)
    return half ^ -(folded & np.uint64(1)).view(np.int64)


def _noisy_bits(folded: NDArray[np.uint64]) -> int:
    """Return how many of the lowest bits are noise: none where half the numbers are small, as of an even axis."""
    middle = folded.size // 2
    return max(0, int(np.log2(float(np.partition(folded, middle)[middle]) + 1.0)) - 1)


def _split(folded: NDArray[np.uint64], bits: int) -> _Split:
    """Return the lowest ``bits`` of every number as they are, then the rest by bytes of equal weight, compressed."""
    rest = folded >> np.uint64(bits)
    planes = (int(rest.max()).bit_length() + 7) // 8
    high = _bytes(rest)[:, :planes].T.tobytes()
    low = np.packbits(np.unpackbits(_bytes(folded), axis=1, count=bits, bitorder="little")).tobytes() if bits else b""
    # Without the noise there are runs of zeros and few repeats: matches would only cost bits.
    squeezed = zlib.compressobj(LEVEL, zlib.DEFLATED, -15, 9, zlib.Z_RLE if bits else zlib.Z_DEFAULT_STRATEGY)
    return _Split(bits, planes, low + squeezed.compress(high) + squeezed.flush())


def _joined(data: bytes, size: int, bits: int, planes: int) -> NDArray[np.uint64]:
    """Return the numbers of :func:`_split`."""
    apart = (size * bits + 7) // 8
    expected = size * planes
    squeezed = zlib.decompressobj(-15)
    high = squeezed.decompress(data[apart:], expected + 1)
    if len(data) < apart or len(high) != expected or not squeezed.eof or squeezed.unused_data:
        raise ValueError(f"no packed numbers: {len(high)} bytes of {expected}")
    rest = np.zeros((size, 8), dtype=np.uint8)
    rest[:, :planes] = np.frombuffer(high, dtype=np.uint8).reshape(planes, size).T
    whole = rest.view("<u8")[:, 0].astype(np.uint64) << np.uint64(bits)
    if not bits:
        return whole
    low = np.zeros((size, 64), dtype=np.uint8)
    low[:, :bits] = np.unpackbits(np.frombuffer(data, dtype=np.uint8, count=apart), count=size * bits).reshape(size, bits)
    joined: NDArray[np.uint64] = whole | np.packbits(low, axis=1, bitorder="little").view("<u8")[:, 0]
    return joined


def _bytes(numbers: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the bytes of each number, the lowest first, (n, 8)."""
    return numbers.astype("<u8").view(np.uint8).reshape(-1, 8)
