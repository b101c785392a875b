"""Galactic SPC files to test with, in every form there is, written from the specification."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LITTLE, BIG, OLD = 0x4B, 0x4C, 0x4D
SHORT, MULTI, ORDERED, LABELS, OWN_X, SHARED_X = 1, 4, 16, 32, 64, 128
FLOAT = -128


@dataclass(frozen=True, eq=False)
class SpcFile:
    """What a file is to hold; :meth:`made` writes it."""

    x: Sequence[NDArray[np.float64]]
    """One axis for all, or one each."""
    counts: Sequence[NDArray[np.float64]]
    version: int = LITTLE
    axis: Literal["even", "shared", "own"] = "even"
    form: Literal["float", "int32", "int16"] = "float"
    x_unit: int = 13
    y_unit: int = 4
    method: int = 0
    label: bytes = b""
    log: bytes = b""
    date: tuple[int, int, int, int, int] = (2021, 11, 18, 11, 30)
    comment: bytes = b"by hand"
    directory: bool = True
    z: Sequence[float] = ()
    z_step: float = 0.0
    flags: int = 0
    """Beside those that follow from the rest."""

    def made(self) -> bytes:
        """Return the file's bytes."""
        subfiles = [self._subfile(k) for k in range(len(self.counts))]
        if self.version == OLD:
            return self._old_header() + b"".join(subfiles)
        shared = np.asarray(self.x[0], self._kind("f4")).tobytes() if self.axis == "shared" else b""
        places = np.cumsum([512 + len(shared), *map(len, subfiles)])
        body = shared + b"".join(subfiles)
        listed = b""
        if self.axis == "own" and self.directory:
            listed = b"".join(self._pack("IIf", places[k], len(subfiles[k]), 0.0) for k in range(len(subfiles)))
        points = (512 + len(body) if listed else 0) if self.axis == "own" else len(self.counts[0])
        body += listed
        log = self._pack("5I44x", 64 + len(self.log) + 1, 4096, 64, 0, 0) + self.log + b"\0" if self.log else b""
        return self._new_header(points, 512 + len(body) if log else 0) + body + log

    @property
    def order(self) -> str:
        """Byte order as :mod:`struct` has it."""
        return ">" if self.version == BIG else "<"

    def _kind(self, name: str) -> np.dtype[np.generic]:
        return np.dtype(self.order + name)

    def _pack(self, form: str, *values: object) -> bytes:
        return struct.pack(self.order + form, *values)

    @property
    def _all_flags(self) -> int:
        flags = self.flags | {"even": 0, "shared": SHARED_X, "own": SHARED_X | OWN_X}[self.axis]
        flags |= SHORT * (self.form == "int16") | MULTI * (len(self.counts) > 1) | LABELS * bool(self.label)
        return flags | ORDERED * bool(self.z)

    def exponent(self, k: int) -> int:
        """Return the exponent of a subfile, the smallest that its counts fit in."""
        return FLOAT if self.form == "float" else math.frexp(float(np.abs(self.counts[k]).max()))[1] + 1

    def _new_header(self, points: int, log_at: int) -> bytes:
        year, month, day, hour, minute = self.date
        packed = year << 20 | month << 16 | day << 11 | hour << 6 | minute
        x = self.x[0]
        head = struct.pack("<BBBb", self._all_flags, self.version, self.method, self.exponent(0))
        head += self._pack("IddI", points, x[0], x[-1], len(self.counts))
        head += bytes([self.x_unit, self.y_unit, 5, 0]) + self._pack("I9s9sH32x", packed, b"4", b"a test", 0)
        head += self._pack("130s30sII", self.comment, self.label, log_at, 0)
        head += self._pack("BBHf48sf", 0, 0, 0, 0.0, b"", self.z_step)
        return head.ljust(512, b"\0")

    def _old_header(self) -> bytes:
        year, month, day, hour, minute = self.date
        x = self.x[0]
        exponent = 0x80 if self.form == "float" else self.exponent(0)
        head = struct.pack("<BBhfff", self._all_flags, self.version, exponent, len(self.counts[0]), x[0], x[-1])
        head += struct.pack("<BBHBBBB8sHH28x", self.x_unit, self.y_unit, year, month, day, hour, minute, b"4", 0, 0)
        return head + struct.pack("<130s30s", self.comment, self.label)

    def _subfile(self, k: int) -> bytes:
        z = self.z[k] if self.z else 0.0
        head = self._pack("BbHfffIIf4x", 0, self.exponent(k), k, z, z, 0.0, len(self.counts[k]) if self.axis == "own" else 0, 1, 0.0)
        own = np.asarray(self.x[k], self._kind("f4")).tobytes() if self.axis == "own" else b""
        return head + own + self._numbers(k)

    def _numbers(self, k: int) -> bytes:
        if self.form == "float":
            return np.asarray(self.counts[k], self._kind("f4")).tobytes()
        bits = 16 if self.form == "int16" else 32
        whole = np.round(np.ldexp(self.counts[k], bits - self.exponent(k)))
        if self.version == OLD and bits == 32:
            return np.asarray(whole, "<i4").view("<u2").reshape(-1, 2)[:, ::-1].tobytes()
        return np.asarray(whole, self._kind(f"i{bits // 8}")).tobytes()
