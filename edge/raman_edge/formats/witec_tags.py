"""The tree of tags that a WITec project is: names, types and places, looked up on demand.

A tag is a name, a type, the bytes where its contents begin and end, and the contents: further tags, or
values. Little-endian. As documented with wit_io (J. T. Holmi), "README on WIT-tag format".
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.document import CUT_SHORT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from raman_edge.formats.document import BinaryFile, Number

_TREE, _REAL, _SINGLE, _LONG, _INT, _BYTES, _TRUTH, _TEXT = 0, 2, 3, 4, 5, 7, 8, 9
"""Types of contents."""
_NUMBERS: dict[int, tuple[Number, int]] = {
    _REAL: ("f8", 8),
    _SINGLE: ("f4", 4),
    _LONG: ("i8", 8),
    _INT: ("i4", 4),
    _BYTES: ("u1", 1),
    _TRUTH: ("u1", 1),
}
"""How the numbers of a type are kept, and their bytes."""
_LONGEST_NAME = 256
MOST_TAGS = 64
"""In one tag; a graph has 16."""
_MOST_VALUES = 65_536
"""Of one tag; only the counts are more, and they are not read here."""
_MOST_TEXT = 16_384


@dataclass(frozen=True)
class Tag:
    """One tag of a file."""

    file: BinaryFile
    kind: int
    """Type of the contents."""
    at: int
    end: int
    """Bytes where the contents begin, and end."""
    most: int = MOST_TAGS
    """Tags in it that are looked at."""

    @property
    def size(self) -> int:
        """Bytes of the contents."""
        return self.end - self.at

    @cached_property
    def children(self) -> dict[str, Tag]:
        """The tags in this one by name, the first of each name; walked once, however many data sets refer to it."""
        found: dict[str, Tag] = {}
        at = self.at
        if self.kind != _TREE:
            return found
        for _ in range(self.most):
            if at >= self.end:
                return found
            name, tag = read_tag(self.file, at, self.end)
            found.setdefault(name, tag)
            at = tag.end
        raise FormatError(
            kind="too many tags",
            place=f"byte {self.at}",
            got=f"a tag of more than {self.most} tags",
            expected="fewer",
            advice="Save a part of the project",
        )

    def numbers(self) -> NDArray[np.float64] | None:
        """Return the numbers in it, (n,); None where it holds none."""
        if self.kind not in _NUMBERS:
            return None
        dtype, size = _NUMBERS[self.kind]
        return self.file.array(dtype, self.at, min(self.size // size, _MOST_VALUES), "values of a tag")

    def text(self) -> str:
        """Return its text; empty where it is not text."""
        if self.kind != _TEXT or self.size < 4:  # noqa: PLR2004 - the length of a text
            return ""
        length = self.file.integer("I", self.at, "length of a text")
        return self.raw(self.at + 4, min(length, self.size - 4)).strip()

    def raw(self, at: int | None = None, size: int | None = None) -> str:
        """Return bytes as text, from the beginning of the contents by default."""
        begin = self.at if at is None else at
        end = self.end if size is None else begin + size
        return self.file.data[begin : min(end, begin + _MOST_TEXT)].decode("cp1252", "replace")


def read_tag(file: BinaryFile, at: int, end: int) -> tuple[str, Tag]:
    """Read the tag at byte ``at``, which has to end by byte ``end``; returns its name and it."""
    length = file.integer("I", at, "name of a tag")
    if length > _LONGEST_NAME:
        raise FormatError(
            kind="name too long", place=f"byte {at}", got=f"{length} bytes", expected=f"at most {_LONGEST_NAME}", advice=CUT_SHORT
        )
    place = at + 4 + length
    file.need(at + 4, length + 20, "tag")
    name = file.data[at + 4 : place].decode("cp1252", "replace")
    kind, begin, stop = struct.unpack_from("<IQQ", file.data, place)
    if begin != place + 20 or not begin <= stop:
        raise FormatError(
            kind="damaged tag",
            place=f"byte {place}",
            got=f"byte {begin} to byte {stop}",
            expected=f"byte {place + 20}",
            advice="The project is damaged: save it again",
        )
    if stop > end:
        file.need(begin, stop - begin, "contents of a tag")
        raise FormatError(
            kind="overlapping tags",
            place=f"byte {place}",
            got=f"a tag that ends at byte {stop}",
            expected=f"an end within byte {end}",
            advice="The project is damaged: save it again",
        )
    return name, Tag(file, kind, begin, stop)


def number(tags: dict[str, Tag], *names: str) -> float | None:
    """Return the first number of the first of these tags that has a finite one; None without."""
    for name in names:
        if name in tags and (found := tags[name].numbers()) is not None and found.size and math.isfinite(found[0]):
            return float(found[0])
    return None
