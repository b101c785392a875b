"""Renishaw WDF files to test with: a header and blocks."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

FILETIME = 133_056_426_175_172_208
"""2022-08-22 11:50:17.517220 UTC."""
TIME, X, Y, Z = 11, 3, 4, 5
MICRON, TICKS = 5, 24


def block(name: str, contents: bytes, uid: int = 0) -> bytes:
    """Return a block with its own header."""
    return struct.pack("<4sIQ", name.encode(), uid, 16 + len(contents)) + contents


def named(key: int, name: str) -> bytes:
    """Return the item of a property set that names a key."""
    return struct.pack("<ccHI", b"k", b"\0", key, len(name)) + name.encode()


def integer(key: int, value: int) -> bytes:
    """Return an integer item of a property set."""
    return struct.pack("<ccHi", b"i", b"\0", key, value)


def properties(items: bytes) -> bytes:
    """Return a property set."""
    return b"PSET" + struct.pack("<I", len(items)) + items


@dataclass(frozen=True, eq=False)
class WdfFile:
    """What a file is to hold; :meth:`made` writes it."""

    x: NDArray[np.float64]
    counts: Sequence[NDArray[np.float64]]
    capacity: int | None = None
    """Spectra there is room for; those that were collected where None."""
    unit: int = 1
    laser: float = 12_738.6
    flags: int = 0
    y_list: int = 1
    started: int = FILETIME
    origins: Mapping[int, tuple[int, Sequence[float]]] = field(default_factory=dict)
    """Unit and values by type."""
    measured: bytes = b""
    """Contents of the block on how it was measured."""
    title: bytes = b"by hand"
    user: bytes = "Müller".encode("cp1252")
    leave_out: str = ""
    """Name of a block that is not written."""

    @property
    def room(self) -> int:
        """Spectra there is room for."""
        return len(self.counts) if self.capacity is None else self.capacity

    def made(self) -> bytes:
        """Return the file's bytes."""
        rows = np.zeros((self.room, len(self.x)), "<f4")
        for k, row in enumerate(self.counts):
            rows[k] = row
        blocks = {
            "DATA": rows.tobytes(),
            "YLST": struct.pack("<IIf", 4, 16, 23.0),
            "XLST": struct.pack("<II", 1, self.unit) + np.asarray(self.x, "<f4").tobytes(),
            "ORGN": self._origins(),
            "TEXT": b"a comment",
            "WXDM": self.measured,
        }
        kept = [block(name, contents) for name, contents in blocks.items() if name != self.leave_out and contents]
        return self._header() + b"".join(kept)

    def _header(self) -> bytes:
        points = len(self.x)
        head = struct.pack("<4sIQQ16s20x", b"WDF1", 1, 512, self.flags, b"0123456789abcdef")
        head += struct.pack("<IQQIIII", points, self.room, len(self.counts), 2, self.y_list, points // self.y_list, len(self.origins))
        head += struct.pack("<24s4HIIQQIf48x", b"WiRE", 5, 5, 0, 21_066, 1, 1, self.started, self.started, 6, self.laser)
        return (head + struct.pack("<32s160s", self.user, self.title)).ljust(512, b"\0")

    def _origins(self) -> bytes:
        made = struct.pack("<I", len(self.origins))
        for kind, (unit, values) in self.origins.items():
            made += struct.pack("<II16s", kind | 1 << 31, unit, b"name")
            form = "<Q" if kind == TIME else "<d"
            made += b"".join(struct.pack(form, values[k] if k < len(values) else 0) for k in range(self.room))
        return made
