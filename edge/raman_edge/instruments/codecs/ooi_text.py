"""Ocean Optics' serial set after ``aA``: the same frames as in binary, every word a decimal number with CR or LF behind it.

The words are those of :mod:`raman_edge.instruments.codecs.ooi`: ``STX``, 65535, the header, the parameters of the pixel mode,
the points, 65533 and, where ``k`` was sent, the sum of the points. That the device sends back what it was sent is told
by ``echo`` of the profile; acknowledgements stay bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from raman_edge.instruments.codecs.columns import Column, shown
from raman_edge.instruments.codecs.events import RawFrame, Reply
from raman_edge.instruments.codecs.ooi import ANSWERS, END, LISTED, MAGIC, STX, OoiSettings, announced, checksum, parameters, stated
from raman_edge.instruments.codecs.stream import CodecStream, Consumed, Discarded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

DIGITS: Final = 10
"""Of the largest double word."""
LINE_ENDS: Final = b"\r\n"
HIGHEST: Final = 2**32 - 1


class OoiText(CodecStream):
    """Frames, acknowledgements and refusals in ASCII mode."""

    def __init__(self, setup: OoiSettings) -> None:
        self._setup = setup
        self._head = 1 + len(setup.header)
        words = self._head + LISTED + 1 + setup.pixels + 2
        super().__init__(1 + words * (DIGITS + len(LINE_ENDS)), bytes((STX,)))

    def _moved(self) -> None:
        self._column = Column(1, b"0-9")
        self._words: list[int] = []

    def _next(self) -> Consumed | Discarded | None:
        if not self._searching and self._kept[0] in ANSWERS:
            return Consumed(1, Reply(ANSWERS[self._kept[0]], bytes(self._kept[:1]), at=self._at))
        if not self._searching and self._kept[0] in LINE_ENDS:
            return Consumed(1)
        if lost := self._seek():
            return lost
        return self._header() if self._read(self._head + 1) else self._odd()

    def _read(self, count: int) -> bool:
        """Read until there are so many words; False where there are not, or one is none."""
        lines = self._column.lines
        self._line = self._column.resume(self._kept, count)
        new = lines[len(self._words) :]
        if max(map(len, new), default=0) > DIGITS:
            new = [line if len(line) <= DIGITS else b"%d" % (HIGHEST + 1) for line in new]
        self._words += map(int, new)
        return len(lines) >= count

    def _odd(self) -> Discarded | None:
        if self._line is None:
            return None
        why = f"word {len(self._words) + 1} of a frame is {shown(self._line)}; expected a number"
        return self._bad(self._column.place + 1, why)

    def _header(self) -> Consumed | Discarded | None:
        words, head = self._words, self._head
        if words[0] != MAGIC:
            return self._bad(self._column.place, f"a frame begins with {words[0]}; expected {MAGIC}")
        fields = dict(zip(self._setup.header, words[1:head], strict=True))
        start = head + parameters(fields.get("pixel_mode", 0), words[head])
        if not self._read(start):
            return self._odd()
        count, why = announced(self._setup, fields, words[head:start])
        if why:
            return self._bad(self._column.place, why)
        end = start + count
        return self._closed(start, end, fields) if self._read(end + 1 + self._setup.checksum) else self._odd()

    def _closed(self, start: int, end: int, fields: dict[str, int]) -> Consumed | Discarded:
        length, points, top = self._column.place, np.array(self._words[start:end], np.int64), HIGHEST if fields.get("size_flag") else MAGIC
        if points.max() > top:
            return self._bad(length, f"a point of {points.max()}; expected at most {top}")
        if (close := self._words[end]) != END:
            return self._bad(length, f"{close} after {points.size} points; expected {END}: a line is missing or too many")
        made = checksum(points, compressed=False)
        if self._setup.checksum and self._words[end + 1] != made:
            return self._bad(length, f"checksum {self._words[end + 1]} of a frame; its points give {made}")
        return Consumed(length, RawFrame(points, fields, self._at, length))

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the lines of a frame, with the same fields as in binary; raises :class:`SpectrumError` where the counts do not fit."""
        head, points, _ = stated(self._setup, counts, fields or {})
        sums = [checksum(points, compressed=False)] if self._setup.checksum else []
        words = [MAGIC, *head, *points.tolist(), END, *sums]
        return self.sync + b"".join(b"%d\r\n" % word for word in words)
