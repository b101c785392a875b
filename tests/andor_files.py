"""Andor SIF files to test with: lines of text and counts."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

TAKEN = 1_628_171_392
"""2021-08-05 13:49:52 UTC."""


@dataclass(frozen=True, eq=False)
class SifFile:
    """What a file is to hold; :meth:`made` writes it."""

    frames: Sequence[Sequence[Sequence[Sequence[float]]]]
    """Counts, by frame, track, row and column."""
    polynomial: str = "789.7276708 0.1076981 -5.0062e-06 0"
    axis: str = "Raman shift"
    counts_in: str = "Counts"
    laser: str = "785"
    left: int = 1
    binned: int = 1
    """Pixels in a column."""
    version: int = 65_567
    user: bytes = b"\n65538 \x01 \x02 a line that is none\n11\nRaman shift6\nCounts12\nnot a name"
    signal: int = 1
    odd: bool = True
    """Whether bytes among the settings look like the end of a line."""
    more_times: bool = False
    """Whether a second number a frame stands behind the times."""
    tail: bytes = field(default=b"0\n0\n0\n", repr=False)

    def made(self) -> bytes:
        """Return the file's bytes."""
        tracks = [np.asarray(track, "<f4") for track in self.frames[0]]
        size = sum(track.size for track in tracks)
        wide = len(tracks[0][0]) * self.binned
        odd = b"\x0a" if self.odd else b"\x01"
        lines = [
            f"Andor Technology Multi-Channel File\n65538 {self.signal}\n{self.version} 0 0 1 {TAKEN} -60 ".encode(),
            b"\x04 %b \x00 \x02 \x00 0 9.99996 10.1015 10.1015 5 \x00 50.5074 3.0303e-05 0 1 0 0 0 1e-08 0 0 " % odd,
            b"%b \x00 1 0 4 0 0 0 0 0 0 0 0 0 1.625e-05 0 1 16308 0 1 8\n" % odd,
            b"DU420_BX2DD \n 1024 256 11\nby hand.sif \n",
            b"65538 %d\n" % len(self.user) + self.user,
            b"\n65538 \x01 \x02 \x03 \x00 0 0\n",
            *[b"65540 1 1 842.761 1 0 999.76 500nm\n0 10\n0 0 0\n0 KY193i\n0 10\n0 10\n0 0 \n65537 0 500 1200\n0 999 999\n\n"],
            *[b"65539 0 0 0 0 0 0 0 0\n", b"0 0 0 0\n" * 3, b"0 0 0\n\n-1\n65538 0 1024 256 1024 256 1 1 1 1\n"],
            b"65540 \x03 \x00 \x01 %b \x01 \x00\n" % odd,
            f"{self.polynomial}\n0 1 0 0\n0 1 0 0\n{self.laser}\n26\n26\n".encode() + b"1\n" * (self.version > 65_564),
            b"".join(b"%d\n%b" % (len(name), name.encode()) for name in (self.axis, self.counts_in, "Pixel number")),
            f"65541 {self.left} 256 {self.left + wide - 1} 1 {len(self.frames)} {len(tracks)} {size * len(self.frames)} {size}\n".encode(),
        ]
        for track in tracks:
            right = self.left + wide - 1
            lines.append(f"65538 {self.left} {len(track)} {right} 1 1 {self.binned} 0\n".encode())
        lines += [b"         0\n"] * len(self.frames)
        if self.version >= 65_560:
            lines.append(b"1\n" if self.more_times else b"0\n")
            lines += [b"             1122186\n"] * (len(self.frames) * self.more_times)
        counts = b"".join(struct.pack(f"<{track.size}f", *np.ravel(track)) for frame in self.frames for track in map(np.asarray, frame))
        return b"".join(lines) + counts + self.tail
