"""Frames that are always as many bytes: ``sync``, header words, values, checksum, ``trailer``; each but the values may be absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.instruments.codecs.events import RawFrame
from raman_edge.instruments.codecs.stream import CodecStream, Consumed, Discarded
from raman_edge.instruments.codecs.words import RISING, CountScale, WordFormat, same_length

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from raman_edge.instruments.codecs.checksums import FrameChecksum


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """Where what stands in a frame."""

    count: int
    """Values of a spectrum."""
    words: WordFormat
    """How each is sent."""
    sync: bytes = b""
    """What a frame begins with; empty where silence alone parts frames."""
    header: tuple[tuple[str, WordFormat], ...] = ()
    """Names and types of the numbers before the values."""
    check: FrameChecksum | None = None
    check_all: bool = False
    """Whether the checksum is over everything before it; else over the values alone."""
    trailer: bytes = b""
    """What a frame ends with, after the checksum."""

    @property
    def payload(self) -> int:
        """Byte at which the values begin."""
        return len(self.sync) + sum(words.size for _, words in self.header)

    @property
    def end(self) -> int:
        """Byte after the last value."""
        return self.payload + self.count * self.words.size

    @property
    def size(self) -> int:
        """Bytes of a frame."""
        return self.end + (self.check.size if self.check else 0) + len(self.trailer)


class FixedCodec(CodecStream):
    """Frames of one length. Without ``sync``, whatever follows a bad frame is dropped until the line is silent."""

    def __init__(self, layout: FrameLayout, scale: CountScale = RISING) -> None:
        self._layout, self._scale = layout, scale
        super().__init__(layout.size, layout.sync)

    def _next(self) -> Consumed | Discarded | None:
        if lost := self._seek():
            return lost
        layout = self._layout
        if len(self._kept) < layout.size:
            return None
        frame = bytes(self._kept[: layout.size])
        if why := self._damage(frame):
            return self._bad(layout.size, why)
        values = layout.words.decode(frame[layout.payload : layout.end])
        if values is None:
            odd = layout.words.odd(frame[layout.payload : layout.end])
            return self._bad(layout.size, f"{odd}; expected finite numbers: bytes are missing or too many")
        if why := self._scale.misfit(values):
            return self._bad(layout.size, why)
        return Consumed(layout.size, RawFrame(self._scale.turned(values), self._fields(frame), self._at, layout.size))

    def _damage(self, frame: bytes) -> str:
        layout = self._layout
        ends = frame[layout.size - len(layout.trailer) :]
        if ends != layout.trailer:
            return f"a frame ends with {ends.hex(' ')}; expected {layout.trailer.hex(' ')}"
        if layout.check:
            got = frame[layout.end : layout.end + layout.check.size]
            made = layout.check(frame[0 if layout.check_all else layout.payload : layout.end])
            if got != made:
                return f"{layout.check.kind} of a frame is {got.hex()}; its bytes give {made.hex()}"
        return ""

    def _fields(self, frame: bytes) -> dict[str, int | str]:
        fields: dict[str, int | str] = {}
        place = len(self.sync)
        for name, words in self._layout.header:
            value = words.decode(frame[place : place + words.size])
            fields[name] = "not finite" if value is None else value[0].item() if words.dtype.kind != "f" else str(value[0])
            place += words.size
        return fields

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the bytes of a frame; header words that ``fields`` has not are 0. Raises :class:`SpectrumError`."""
        layout = self._layout
        same_length(counts, layout.count)
        given = fields or {}
        header = b"".join(words.encode([float(given.get(name, 0))]) for name, words in layout.header)
        made = self.sync + header + layout.words.encode(self._scale.turned(np.asarray(counts)))
        if layout.check:
            made += layout.check(made if layout.check_all else made[layout.payload :])
        return made + layout.trailer
