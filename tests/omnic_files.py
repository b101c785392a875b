"""OMNIC files to test with: blocks and the directory of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RAMAN_SHIFT, WAVENUMBER, POINTS, NM, UM = 32, 1, 2, 3, 4
RAMAN, ABSORBANCE, VOLTS = 31, 17, 22
TAKEN = 3_752_732_557
"""2018-12-02 …, in seconds since the last day of 1899."""


@dataclass(frozen=True, eq=False)
class OmnicSpectrum:
    """One spectrum of a file."""

    x: NDArray[np.float64]
    counts: NDArray[np.float64]
    x_unit: int = RAMAN_SHIFT
    y_unit: int = RAMAN
    history: bytes = b"Raman laser frequency: 12738.6 cm-1\r\nExposure time: 2.00 sec\r\nResolution:\t 4.000\r\n"
    title: bytes = b""
    """Of a spectrum in a group."""

    def blocks(self) -> list[tuple[int, bytes]]:
        """Return its blocks by kind."""
        head = struct.pack("<IIBxxxBxxxff", 2, len(self.x), self.x_unit, self.y_unit, self.x[0], self.x[-1])
        head = (head.ljust(36, b"\0") + struct.pack("<I", 64)).ljust(80, b"\0") + struct.pack("<f", 15_798.3)
        made = [(2, head.ljust(140, b"\0"))]
        if self.title:
            made.append((107, self.title.ljust(256, b"\0") + struct.pack("<II", TAKEN, 0)))
        made.append((27, self.history + b"\0"))
        return [*made, (3, np.asarray(self.counts, "<f4").tobytes())]


def omnic(spectra: Sequence[OmnicSpectrum], others: Sequence[tuple[int, bytes]] = (), title: bytes = b"by hand") -> bytes:
    """Return a file of these spectra and other blocks."""
    blocks = [block for spectrum in spectra for block in spectrum.blocks()] + list(others)
    at = 304 + 16 * (len(blocks) + 2)
    entries = body = b""
    for kind, contents in blocks:
        entries += struct.pack("<BxII6x", kind, at + len(body), len(contents))
        body += contents
    head = (b"Spectral Data File\r\n".ljust(30, b"\0") + title).ljust(294, b"\0") + struct.pack("<HI", len(blocks), TAKEN)
    return head.ljust(304, b"\0") + entries + bytes(32) + body
