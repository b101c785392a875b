"""Numbers as text, a value a line: read as far as the bytes go, and gone on with when more have come."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from raman_edge.instruments.codecs.events import Counts

LINE_END = re.compile(rb"[\r\n]")
NUMBER = rb"-+.0-9eE \t"
"""What numbers are written with."""
PADDING = b"\0 \t\r\n"
"""What stands around a line and is none of it."""
_BLANK = re.compile(rb"[ \t]")
_WRITTEN = re.compile(rb"[%b]+" % NUMBER)
_WRITTEN_BROKEN = re.compile(rb"[.eE]")


class Column:
    """The lines of one spectrum, blank ones apart."""

    def __init__(self, place: int, characters: bytes = NUMBER) -> None:
        """Begin at ``place`` of the data; lines of nothing but ``characters``, a class of :mod:`re`, are taken."""
        self.lines: list[bytes] = []
        self.place = place
        """Where the next line begins."""
        self._numeric = re.compile(rb"[%b]+" % characters)
        self._all = re.compile(rb"[%b\r\n]*" % characters)

    def resume(self, data: bytearray, count: int) -> bytes | None:
        """Take whole lines until there are ``count``; returns the line that is no number, None where there is none."""
        end = max(data.rfind(b"\n", self.place), data.rfind(b"\r", self.place)) + 1
        if end <= self.place or len(self.lines) >= count:
            return None
        chunk = bytes(data[self.place : end])
        good = self._plain(chunk)
        if good:
            self._take(chunk[:good], count - len(self.lines))
        if len(self.lines) == count or good == len(chunk):
            return None
        return self._look(chunk[good:], count)

    def _plain(self, chunk: bytes) -> int:
        """Return how many bytes at its beginning are good lines without blanks in them."""
        found = self._all.match(chunk)
        end = found.end() if found else 0
        end = max(chunk.rfind(b"\n", 0, end), chunk.rfind(b"\r", 0, end)) + 1
        return 0 if _BLANK.search(chunk, 0, end) else end

    def _take(self, chunk: bytes, wanted: int) -> None:
        """Take lines of which each is good and has no blanks in it."""
        texts = chunk.split(None, wanted)
        head = chunk[: len(chunk) - len(texts[wanted])] if len(texts) > wanted else chunk
        self.lines += texts[:wanted]
        # However many line ends follow, the last line is over with the first of them.
        self.place += len(chunk) if len(texts) < wanted else len(head.rstrip(PADDING)) + 1

    def _look(self, chunk: bytes, count: int) -> bytes | None:
        """Take lines one by one."""
        taken = 0
        for part in LINE_END.split(chunk)[:-1]:
            line = part.strip(PADDING)
            if line and not self._numeric.fullmatch(line):
                self.place += taken
                return line
            taken += len(part) + 1
            if line:
                self.lines.append(line)
                if len(self.lines) == count:
                    break
        self.place += taken
        return None


def behind(data: bytearray, start: int, count: int) -> int:
    """Return where the line after ``count`` lines with something on them begins, counted from ``start``."""
    place = start
    while count and (found := LINE_END.search(data, place)):
        count -= bool(data[place : found.start()].strip(PADDING))
        place = found.end()
    return place


def shown(data: bytes) -> str:
    """Return what a device wrote for a message: printable, and not too long."""
    return repr(data[:40])[1:] + (" …" if len(data) > 40 else "")  # noqa: PLR2004 - half a line


def odd(cells: list[bytes]) -> str:
    """Return which values are no numbers, as in "value 101 of 512 is empty"; "" where all of them are."""
    found = [(place, why) for place, cell in enumerate(cells, start=1) if (why := _not_a_number(cell.strip(b" \t")))]
    if not found:
        return ""
    place, why = found[0]
    more = f", and {len(found) - 1} more are no numbers" if len(found) > 1 else ""
    return f"value {place} of {len(cells)} {why}{more}"


def _not_a_number(cell: bytes) -> str:
    """Return what a value is instead of a number; "" where it is one."""
    if not cell:
        return "is empty"
    try:
        value = float(cell)
    except ValueError:
        return f"is {shown(cell)}"
    if not math.isfinite(value):
        return f"is {shown(cell)}, which is not finite"
    return "" if _WRITTEN.fullmatch(cell) else f"is {shown(cell)}"


def numbers(texts: list[bytes]) -> Counts | None:
    """Return numbers whose bytes were looked at, integers where all are written so; None where one is none or is not finite."""
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        return None
    if not values.size or not np.isfinite(values).all():
        return None
    written_whole = not _WRITTEN_BROKEN.search(b" ".join(texts))
    return values.astype(np.int64) if written_whole and np.abs(values).max() < 2**53 else values
