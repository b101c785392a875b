"""How a device writes one number in binary, and how counts become what it sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.instruments.profiles.fields import NUMPY

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from raman_edge.instruments.codecs.events import Counts


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
    """What the values of a detector mean."""

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
