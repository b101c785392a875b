"""Numbers and texts at places in a file's bytes, each checked against how many bytes there are."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError

if TYPE_CHECKING:
    from typing import Any, Literal

    from numpy.typing import NDArray

    Number = Literal["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4"]
    """Types of the numbers in an array, as numpy calls them."""

CUT_SHORT = "The file is cut short or still being written: copy it again"
"""Advice of every error about missing bytes."""


@dataclass(frozen=True, eq=False)
class BinaryFile:
    """A file's bytes, read in one byte order."""

    data: bytes
    order: Literal["<", ">"] = "<"
    """``<`` is little-endian, ``>`` big-endian."""

    @cached_property
    def size(self) -> int:
        """Bytes there are."""
        return len(self.data)

    def need(self, at: int, size: int, what: str) -> None:
        """Raise :class:`FormatError` unless there are ``size`` bytes from byte ``at``, which are to hold ``what``."""
        if at < 0 or size < 0 or at + size > self.size:
            raise FormatError(
                kind="file cut short",
                place=f"byte {at}",
                got=f"{self.size} bytes in all",
                expected=f"{what} of {size} bytes here",
                advice=CUT_SHORT,
            )

    def integer(self, code: Literal["b", "B", "h", "H", "i", "I", "q", "Q"], at: int, what: str) -> int:
        """Return the integer of a :mod:`struct` code at byte ``at``."""
        self.need(at, struct.calcsize(code), what)
        return int(struct.unpack_from(self.order + code, self.data, at)[0])

    def real(self, code: Literal["f", "d"], at: int, what: str) -> float:
        """Return the number of 4 or 8 bytes at byte ``at``; it may be infinite or NaN."""
        self.need(at, struct.calcsize(code), what)
        return float(struct.unpack_from(self.order + code, self.data, at)[0])

    def array(self, dtype: Number, at: int, count: int, what: str) -> NDArray[np.float64]:
        """Return ``count`` numbers from byte ``at``, (count,), as float64; NaN where they are not finite."""
        kind = np.dtype(self.order + dtype)
        self.need(at, count * kind.itemsize, what)
        with np.errstate(invalid="ignore"):  # a signalling NaN in a damaged file
            values = np.frombuffer(self.data, kind, count, at).astype(np.float64)
        if kind.kind == "f" and not (math.isfinite(values.max(initial=0.0)) and math.isfinite(values.min(initial=0.0))):
            values[~np.isfinite(values)] = np.nan
        return values

    def view(self, dtype: Literal["f4", "u8"], at: int, count: int, what: str) -> NDArray[Any]:
        """Return ``count`` numbers from byte ``at`` as the file has them, (count,), read-only."""
        kind = np.dtype(self.order + dtype)
        self.need(at, count * kind.itemsize, what)
        return np.frombuffer(self.data, kind, count, at)

    def text(self, at: int, size: int) -> str:
        """Return the text in at most ``size`` bytes from byte ``at``, up to the first zero; shorter where the file ends."""
        raw = self.data[max(at, 0) : at + size].split(b"\0", 1)[0]
        try:
            return raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            return raw.decode("cp1252", "replace").strip()
