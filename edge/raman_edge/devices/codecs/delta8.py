"""Ocean Optics' data compression (Technical Note 1), and BTC100's frames made of nothing else.

One byte a pixel is the signed difference to the pixel before; ``80 hh ll`` is a value itself, so the
difference −128 does not exist. The first pixel of Ocean's frames is a bare word; BTC100 codes it
like the others and sends one value too many, which is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from raman_edge.devices.codecs.events import RawFrame
from raman_edge.devices.codecs.stream import Lost, Stream, Took
from raman_edge.devices.codecs.words import RISING, Scale, same_length, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

ESCAPE: Final = 0x80
WORD: Final = 0xFFFF
LONGEST = 3
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
        values, place, total, end = self.values, self.place, self.total, len(data)
        if self._first_raw and not values and end - place >= 2:  # noqa: PLR2004 - a word
            values.append(data[place] << 8 | data[place + 1])
            total += values[0]
            place += 2
        value = values[-1] if values else 0
        while len(values) < count and place < end and (values or not self._first_raw):
            byte = data[place]
            if byte != ESCAPE:
                value += byte - ((byte & ESCAPE) << 1)
                if not 0 <= value <= WORD:
                    self.place = place + 1
                    return f"value {len(values) + 1} of {count} is {value} by its difference; expected 0..{WORD}"
                total += byte
                place += 1
            elif end - place >= LONGEST:
                value = data[place + 1] << 8 | data[place + 2]
                total += ESCAPE + value
                place += LONGEST
            else:
                break
            values.append(value)
        self.place, self.total = place, total
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


class Delta8(Stream):
    """Frames of so many compressed values and nothing behind them, not even an end."""

    def __init__(self, pixels: int, *, sync: bytes = b"", first_raw: bool = False, leading: int = 1, scale: Scale = RISING) -> None:
        """Expect ``leading`` values to drop and ``pixels`` counts behind ``sync``."""
        self._pixels, self._first_raw, self._leading, self._scale = pixels, first_raw, leading, scale
        super().__init__(len(sync) + LONGEST * (pixels + leading), sync)

    def _moved(self) -> None:
        self._decoder = Delta8Decoder(len(self.sync), first_raw=self._first_raw)

    def _next(self) -> Took | Lost | None:
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
        return Took(decoder.place, RawFrame(self._scale.turned(counts), at=self._at, length=decoder.place))

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the bytes of a frame; the values to drop are zeros. Raises :class:`SpectrumError` where a value does not fit."""
        _ = fields
        same_length(counts, self._pixels)
        values = np.concatenate([np.zeros(self._leading, np.int64), self._scale.turned(whole(counts, 0, WORD))])
        return self.sync + encode(values, first_raw=self._first_raw)
