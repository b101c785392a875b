"""The blocks of a Bruker OPUS file: the directory that names them, and the parameters in some of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.binary import CUT_SHORT

if TYPE_CHECKING:
    from raman_edge.formats.binary import BinaryFile

STATUS, DIRECTORY = 1, 13
"""Kind of parameters: those of a block of numbers; kind of data: the directory."""
_ENTRY = 12
"""Bytes of a directory's entry."""
_MOST_BLOCKS = 512
"""OPUS makes room for 40, and for some hundred where there are more."""
_MOST_BYTES = 16_384
"""Bytes of a block of parameters that are looked at."""
_INTEGER, _REAL = 0, 1
"""Types of a parameter; the others are text."""

Parameters = dict[str, str | int | float]
"""Values by their three letters."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: what is in it and where."""

    code: int
    """What it holds, in bits."""
    at: int
    size: int
    """Bytes."""

    @property
    def part(self) -> int:
        """1 real, 2 imaginary, 3 amplitude."""
        return self.code & 3

    @property
    def channel(self) -> int:
        """1 sample, 2 reference, 3 ratio."""
        return self.code >> 2 & 3

    @property
    def parameters(self) -> int:
        """0 where the block holds no parameters."""
        return self.code >> 4 & 63

    @property
    def data(self) -> int:
        """Kind of data; 0 where it belongs to none."""
        return self.code >> 10 & 31

    @property
    def derivative(self) -> int:
        """0 where it is none."""
        return self.code >> 17 & 3

    @property
    def is_report(self) -> bool:
        """Whether it is the report of an evaluation, which is kept under the kind of data that was evaluated; bit 30 is no part of it."""
        return bool(self.code >> 22 & 0xFF)

    @property
    def form(self) -> int:
        """How the numbers are kept."""
        return self.code >> 19 & 7


def directory(file: BinaryFile) -> list[Block]:
    """Return the blocks of the directory; raises :class:`FormatError` where one is not all there."""
    start, most = file.integer("I", 12, "place of the directory"), file.integer("I", 16, "number of blocks")
    if not 0 < most <= _MOST_BLOCKS:
        raise FormatError(
            kind="damaged header",
            place="byte 16",
            got=f"a directory of {most} blocks",
            expected=f"1 to {_MOST_BLOCKS}",
            advice="Copy the file again",
        )
    file.need(start, most * _ENTRY, f"directory of {most} blocks")
    found: list[Block] = []
    for at in range(start, start + most * _ENTRY, _ENTRY):
        code, words, place = (file.integer("I", at + 4 * k, "directory") for k in range(3))
        if place == 0:
            break
        file.need(place, 4 * words, f"block {len(found) + 1}")
        found.append(Block(code, place, 4 * words))
    if sum(block.size for block in found) > file.size:
        raise FormatError(
            kind="overlapping blocks",
            place=f"byte {start}",
            got=f"blocks of more bytes than the {file.size} of the file",
            expected="consecutive blocks",
            advice=CUT_SHORT,
        )
    return found


def parameters(file: BinaryFile, block: Block) -> Parameters:
    """Return a block's parameters by their three letters, up to END or to what is none."""
    found: Parameters = {}
    at, stop = block.at, block.at + min(block.size, _MOST_BYTES)
    while at + 8 <= stop:
        name, kind, words = struct.unpack_from("<3sxHH", file.data, at)
        at += 8 + 2 * words
        if name == b"END" or at > stop or not name.isalnum():
            break
        found[name.decode("ascii", "replace")] = _value(file, kind, at - 2 * words, 2 * words)
    return found


def _value(file: BinaryFile, kind: int, at: int, size: int) -> str | int | float:
    if kind == _INTEGER and size >= 4:  # noqa: PLR2004 - its bytes
        return file.integer("i", at, "parameter")
    if kind == _REAL and size >= 8:  # noqa: PLR2004 - its bytes
        return file.real("d", at, "parameter")
    return file.text(at, size)
