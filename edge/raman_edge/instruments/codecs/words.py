"""Numbers in binary, counts of a detector, and checksums (sums, exclusive or, cyclic codes, MD5), as devices send them."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.instruments.profiles.fields import NUMPY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from raman_edge.instruments.codecs.stream import Counts


@dataclass(frozen=True, slots=True)
class WordFormat:
    """Numbers of one type on the wire."""

    name: str
    """``u16le`` and its relatives: a :data:`raman_edge.instruments.profiles.frame.Dtype`."""

    def __post_init__(self) -> None:
        if self.name not in NUMPY:
            msg = f"values of type {self.name!r}; expected one of {', '.join(NUMPY)}"
            raise ConfigError(msg)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The same type in memory, byte order included."""
        return np.dtype(NUMPY[self.name])

    @property
    def size(self) -> int:
        """Bytes of one value on the wire."""
        return self.dtype.itemsize

    def decode(self, data: bytes) -> Counts | None:
        """Return the values in ``data`` (n × size bytes), (n,); None where one is no finite number."""
        values = np.frombuffer(data, self.dtype)
        if self.dtype.kind != "f":
            return values.astype(np.int64)
        return values.astype(np.float64) if np.isfinite(values).all() else None

    def odd(self, data: bytes) -> str:
        """Return which value in ``data`` is not finite, as in "value 7 of 512 is nan"; "" where all are."""
        values = np.frombuffer(data, self.dtype)
        found = np.flatnonzero(~np.isfinite(values)) if self.dtype.kind == "f" else np.empty(0, np.int64)
        return f"value {found[0] + 1} of {values.size} is {values[found[0]]}" if found.size else ""

    def encode(self, values: ArrayLike) -> bytes:
        """Return ``values`` as a device sends them; raises :class:`SpectrumError` where one does not fit the type."""
        if self.dtype.kind == "f":
            return np.asarray(values).astype(self.dtype).tobytes()
        most = 8 * self.size - (self.dtype.kind == "i")
        return whole(values, -(1 << most) if self.dtype.kind == "i" else 0, (1 << most) - 1).astype(self.dtype).tobytes()


def whole(values: ArrayLike, low: int, high: int) -> NDArray[np.int64]:
    """Return ``values`` as integers; raises :class:`SpectrumError` where one is outside ``low..high`` or no whole number."""
    array = np.asarray(values)
    bad = np.flatnonzero(~((array >= low) & (array <= high) & (array == np.trunc(array))))
    if bad.size:
        msg = f"point {bad[0] + 1} is {array[bad[0]]}; expected whole numbers {low}..{high}: round and saturate the counts first"
        raise SpectrumError(msg)
    return array.astype(np.int64)


def same_length(counts: ArrayLike, expected: int) -> None:
    """Raise :class:`SpectrumError` where there are not as many counts as a frame has values."""
    if np.shape(counts) != (expected,):
        msg = f"counts of shape {np.shape(counts)}; expected ({expected},), the values of a frame"
        raise SpectrumError(msg)


@dataclass(frozen=True, slots=True)
class CountScale:
    """How the values of a detector become counts."""

    invert_from: int | None = None
    """Full scale of a detector whose values fall with light: counts are this minus the value; None where they rise."""

    def misfit(self, values: Counts) -> str:
        """Return why these values cannot be the detector's; empty where they can."""
        if self.invert_from is None or values.max() <= self.invert_from:
            return ""
        place = int(np.argmax(values > self.invert_from))
        which = f"value {place + 1} of {values.size} is {values[place]}"
        return f"{which}; expected at most {self.invert_from}, the full scale: bytes are missing or too many"

    def turned(self, values: Counts) -> Counts:
        """Return counts from values, or values from counts."""
        return values if self.invert_from is None else self.invert_from - values


RISING = CountScale()
"""Values that are counts."""


BYTE = 8
VALUES = 2**32 - 1
"""Highest sum of ``values``; it is sent as text, and its overflow is ignored."""


def sum8(data: bytes) -> int:
    """Return the sum of the bytes, modulo 2⁸."""
    return sum(data) & 0xFF


def sum16(data: bytes) -> int:
    """Return the sum of the bytes, modulo 2¹⁶."""
    return sum(data) & 0xFFFF


def xor8(data: bytes) -> int:
    """Return the exclusive or of the bytes."""
    return reduce(xor, data, 0)


@dataclass(frozen=True, slots=True)
class Crc:
    """A cyclic code by its parameters, as the Rocksoft model names them (R. N. Williams, 1993)."""

    width: int
    """Bits: 8 or 16."""
    poly: int
    init: int = 0
    refin: bool = False
    refout: bool = False
    xorout: int = 0

    def __call__(self, data: bytes) -> int:
        """Return the code of ``data``, 0..2^width − 1."""
        table = _table(self.width, self.poly, refin=self.refin)
        mask = (1 << self.width) - 1
        code = _mirrored(self.init, self.width) if self.refin else self.init
        if self.width == BYTE:  # each byte replaces the whole register, reflected or not
            for byte in data:
                code = table[code ^ byte]
        elif self.refin:
            for byte in data:
                code = table[(code ^ byte) & 0xFF] ^ (code >> BYTE)
        else:
            top = self.width - BYTE
            for byte in data:
                code = table[(code >> top) ^ byte] ^ ((code << BYTE) & mask)
        return (_mirrored(code, self.width) if self.refin != self.refout else code) ^ self.xorout


@functools.cache
def _table(width: int, poly: int, *, refin: bool) -> tuple[int, ...]:
    """Return the code of every byte, (256,)."""
    mask, top = (1 << width) - 1, 1 << (width - 1)
    codes = []
    for byte in range(256):
        code = (_mirrored(byte, BYTE) if refin else byte) << (width - BYTE)
        for _ in range(BYTE):
            code = ((code << 1) ^ (poly if code & top else 0)) & mask
        codes.append(_mirrored(code, width) if refin else code)
    return tuple(codes)


def _mirrored(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)


@dataclass(frozen=True, slots=True)
class FrameChecksum:
    """The checksum of a frame, and its bytes on the wire."""

    kind: Literal["sum8", "sum16", "values", "xor8", "crc8", "crc16", "md5"]
    order: Literal["little", "big"] = "little"
    """Byte order of a checksum of two bytes."""
    crc: Crc | None = None
    """The parameters of ``crc8`` and ``crc16``."""

    def __post_init__(self) -> None:
        if self.kind not in _SIZES:
            msg = f"a checksum {self.kind!r}; expected one of {', '.join(_SIZES)}"
            raise ConfigError(msg)
        wanted = {"crc8": 8, "crc16": 16}.get(self.kind)
        if wanted != (self.crc and self.crc.width):
            msg = f"a checksum {self.kind} with {self.crc}; expected {f'a code of {wanted} bits' if wanted else 'no code'}"
            raise ConfigError(msg)

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return _SIZES[self.kind]

    def __call__(self, data: bytes) -> bytes:
        """Return the checksum of ``data``, in the order of the wire."""
        if self.kind == "values":
            msg = "a checksum of values is over no bytes; it stands in a line of text, and there alone"
            raise ConfigError(msg)
        if self.kind == "md5":
            return hashlib.md5(data, usedforsecurity=False).digest()
        number = self.crc(data) if self.crc else {"sum8": sum8, "sum16": sum16, "xor8": xor8}[self.kind](data)
        return number.to_bytes(self.size, self.order)


_SIZES: Mapping[str, int] = {"sum8": 1, "sum16": 2, "values": 4, "xor8": 1, "crc8": 1, "crc16": 2, "md5": 16}
