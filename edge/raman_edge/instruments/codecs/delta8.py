"""Ocean Optics' data compression (Technical Note 1), and BTC100's frames made of nothing else.

One byte a pixel is the signed difference to the pixel before; ``80 hh ll`` is a value itself, so the
difference −128 does not exist. The first pixel of Ocean's frames is a bare word; BTC100 codes it
like the others and sends one value too many, which is dropped.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from raman_edge.instruments.codecs.stream import CodecStream, Consumed, Discarded, RawFrame
from raman_edge.instruments.codecs.words import RISING, CountScale, same_length, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

ESCAPE: Final = 0x80
WORD: Final = 0xFFFF
WORD_SIZE: Final = 2
LONGEST: Final = 3
"""Bytes of a value that is no difference."""


class Delta8Decoder:
    """Decodes one run of values, and goes on where the bytes ended."""

    def __init__(self, place: int, *, first_raw: bool) -> None:
        self.values: list[int] = []
        self.place = place
        """Where the next value begins."""
        self.total = 0
        """Sum of the transmitted points (Technical Note 3): ``80`` + value where it is escaped, else the byte."""
        self._first_raw = first_raw

    def resume(self, data: bytearray, count: int) -> str:
        """Decode until there are ``count`` values or no more bytes; returns what is wrong, empty where nothing is."""
        values, end = self.values, len(data)
        if self._first_raw and not values:
            if end - self.place < WORD_SIZE:
                return ""
            self._value(data, self.place, 0)
        while len(values) < count and self.place < end:
            if data[self.place] != ESCAPE:
                if why := self._run(data, count):
                    return why
            elif end - self.place >= LONGEST:
                self._value(data, self.place + 1, ESCAPE)
            else:
                break
        return ""

    def _value(self, data: bytearray, place: int, more: int) -> None:
        """Take the word at ``place``; ``more`` is what its escape adds to the checksum."""
        value = data[place] << 8 | data[place + 1]
        self.values.append(value)
        self.total += more + value
        self.place = place + WORD_SIZE

    def _run(self, data: bytearray, count: int) -> str:
        """Take the differences up to the next escape."""
        start, most = self.place, min(len(data), self.place + count - len(self.values))
        stop = data.find(ESCAPE, start, most)
        run = bytes(data[start : stop if stop >= 0 else most])
        walked = list(accumulate(memoryview(run).cast("b"), initial=self.values[-1] if self.values else 0))[1:]
        if min(walked) < 0 or max(walked) > WORD:
            first = next(at for at, value in enumerate(walked) if not 0 <= value <= WORD)
            self.place += first + 1
            return f"value {len(self.values) + first + 1} of {count} is {walked[first]} by its difference; expected 0..{WORD}"
        self.values += walked
        self.total += sum(run)
        self.place += len(run)
        return ""


def encode(values: ArrayLike, *, first_raw: bool = True) -> bytes:
    """Return values 0..65535 compressed; raises :class:`SpectrumError` where one does not fit."""
    made = bytearray()
    before: int | None = None
    for value in whole(values, 0, WORD).tolist():
        if before is None and first_raw:
            made += value.to_bytes(2, "big")
        elif before is not None and -ESCAPE < value - before < ESCAPE:
            made.append((value - before) & 0xFF)
        else:
            made += bytes((ESCAPE, value >> 8, value & 0xFF))
        before = value
    return bytes(made)


def total(values: ArrayLike, *, first_raw: bool = True) -> int:
    """Return the checksum of values sent compressed (Technical Note 3), 0..65535."""
    data = bytearray(encode(values, first_raw=first_raw))
    decoder = Delta8Decoder(0, first_raw=first_raw)
    decoder.resume(data, np.size(values))
    return decoder.total & WORD


class Delta8(CodecStream):
    """Frames of so many compressed values and nothing behind them, not even an end."""

    def __init__(self, pixels: int, *, sync: bytes = b"", first_raw: bool = False, leading: int = 1, scale: CountScale = RISING) -> None:
        """Expect ``leading`` values to drop and ``pixels`` counts behind ``sync``."""
        self._pixels, self._first_raw, self._leading, self._scale = pixels, first_raw, leading, scale
        super().__init__(len(sync) + LONGEST * (pixels + leading), sync)

    def _moved(self) -> None:
        self._decoder = Delta8Decoder(len(self.sync), first_raw=self._first_raw)

    def _next(self) -> Consumed | Discarded | None:
        if lost := self._seek():
            return lost
        if len(self._kept) < len(self.sync):
            return None
        count = self._pixels + self._leading
        decoder = self._decoder
        if why := decoder.resume(self._kept, count):
            return self._bad(decoder.place, why)
        if len(decoder.values) < count:
            return None
        counts = np.array(decoder.values[self._leading :], np.int64)
        if why := self._scale.misfit(counts):
            return self._bad(decoder.place, why)
        return Consumed(decoder.place, RawFrame(self._scale.turned(counts), at=self._at, length=decoder.place))

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the bytes of a frame; the values to drop are zeros. Raises :class:`SpectrumError` where a value does not fit."""
        _ = fields
        same_length(counts, self._pixels)
        values = np.concatenate([np.zeros(self._leading, np.int64), self._scale.turned(whole(counts, 0, WORD))])
        return self.sync + encode(values, first_raw=self._first_raw)
