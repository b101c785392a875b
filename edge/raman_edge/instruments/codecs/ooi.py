"""Ocean Optics' serial set from SAD500 to Flame: frames in binary behind ``STX``, acknowledgements of one byte.

SAD500 *Communications and Control* and Flame 225-00000-000-11: after ``02`` come ``FFFF``, header words, parameters of the
pixel mode, the points, ``FFFD`` and, where ``k`` was sent, a checksum; words are big-endian. What the header words mean
differs between models, so their names are given. Technical Note 3 is the checksum: the sum of the transmitted points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from raman_edge.instruments.codecs import delta8
from raman_edge.instruments.codecs.lines import Column, shown
from raman_edge.instruments.codecs.stream import CodecStream, Consumed, Discarded, RawFrame, Reply
from raman_edge.instruments.codecs.words import same_length, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


STX: Final = 0x02
ANSWERS: Final[Mapping[int, str]] = {0x06: "ack", 0x15: "nak", 0x03: "failed"}
"""Meaning of one byte outside of a frame; ``ETX`` is the answer to an acquisition that failed."""
MAGIC: Final = 0xFFFF
END: Final = 0xFFFD
START: Final = bytes((STX, 0xFF, 0xFF))
SAD500: Final = ("channel", "scan_number", "scans_in_memory", "integration_ms", "integration_counter", "pixel_mode")
FLAME: Final = ("size_flag", "scans", "integration_ms", "baseline_msw", "baseline_lsw", "pixel_mode")
EVERY_NTH, RANGE, LIST = 1, 3, 4
"""Pixel modes with parameters: a step; first, last, step; how many and which. Mode 5 is not documented well enough to be read."""
LISTED: Final = 10
"""Most pixels of mode 4."""


@dataclass(frozen=True, slots=True)
class OoiSettings:
    """What of a frame's form was agreed on before it came."""

    pixels: int
    """Points of a frame of all pixels."""
    header: tuple[str, ...] = FLAME
    """Names of the header words; ``size_flag`` 1 makes points double words, ``pixel_mode`` other than 0 leaves pixels out."""
    compressed: bool = False
    """Whether ``G 1`` was sent (Technical Note 1)."""
    checksum: bool = False
    """Whether ``k`` was sent (Technical Note 3)."""


def words(data: bytes | bytearray, start: int, count: int) -> list[int]:
    """Return so many big-endian words."""
    return [data[place] << 8 | data[place + 1] for place in range(start, start + 2 * count, 2)]


def selected(pixels: int, mode: int, given: list[int]) -> int | None:
    """Return how many points a pixel mode with these parameters sends; None where it cannot be."""
    if mode == 0:
        return pixels
    if mode == EVERY_NTH and given[0] > 0:
        return len(range(0, pixels, given[0]))
    if mode == RANGE and given[0] <= given[1] < pixels and given[2] > 0:
        return len(range(given[0], given[1] + 1, given[2]))
    if mode == LIST and 0 < given[0] <= LISTED:
        return given[0]
    return None


def parameters(mode: int, first: int) -> int:
    """Return how many words the parameters of a pixel mode are; ``first`` is the word behind the header."""
    return min({EVERY_NTH: 1, RANGE: 3, LIST: 1 + first}.get(mode, 0), LISTED + 1)


def announced(setup: OoiSettings, fields: dict[str, int], given: list[int]) -> tuple[int, str]:
    """Return how many points a header with these parameters announces, and why it cannot be; "" where it can."""
    mode, flag = fields.get("pixel_mode", 0), fields.get("size_flag", 0)
    count = selected(setup.pixels, mode, given)
    if count is None or flag > 1 or (flag and (setup.compressed or setup.checksum)):
        # How double words are compressed and summed is not documented.
        expected = "expected pixel mode 0, 1, 3 or 4, and size flag 1 only without compression and checksum"
        return 0, f"a header with pixel mode {mode} {given} and size flag {flag}; {expected}"
    fields.update({f"pixel_{number}": value for number, value in enumerate(given)})
    return count, ""


class Ooi(CodecStream):
    """Frames, acknowledgements and refusals in binary mode."""

    def __init__(self, setup: OoiSettings) -> None:
        self._setup = setup
        self._header_end = len(START) + 2 * len(setup.header)
        super().__init__(self._header_end + 2 * (LISTED + 1) + 4 * setup.pixels + 4, START)

    def _moved(self) -> None:
        self._decoder: delta8.Delta8Decoder | None = None

    def _next(self) -> Consumed | Discarded | None:
        # While a frame is searched, a 06 or 15 may as well be part of a point.
        if not self._searching and self._kept[0] in ANSWERS:
            return Consumed(1, Reply(ANSWERS[self._kept[0]], bytes(self._kept[:1]), at=self._at))
        if lost := self._seek():
            return lost
        return self._begun() if len(self._kept) >= self._header_end + 2 else None

    def _begun(self) -> Consumed | Discarded | None:
        """Go on behind the header and the word after it, which may be the number of a list of pixels."""
        end, kept = self._header_end, self._kept
        fields = dict(zip(self._setup.header, words(kept, len(START), len(self._setup.header)), strict=True))
        start = end + 2 * parameters(fields.get("pixel_mode", 0), words(kept, end, 1)[0])
        if len(kept) < start:
            return None
        count, why = announced(self._setup, fields, words(kept, end, (start - end) // 2))
        if why:
            return self._bad(start, why)
        flag = fields.get("size_flag", 0)
        return self._compressed(start, count, fields) if self._setup.compressed else self._plain(start, count, 4 if flag else 2, fields)

    def _plain(self, start: int, count: int, size: int, fields: dict[str, int]) -> Consumed | Discarded | None:
        end = start + count * size
        if len(self._kept) < end + self._closing:
            return None
        points = np.frombuffer(bytes(self._kept[start:end]), ">u4" if size > 2 else ">u2").astype(np.int64)  # noqa: PLR2004 - a word
        return self._closed(end, points, int(points.sum()), fields)

    def _compressed(self, start: int, count: int, fields: dict[str, int]) -> Consumed | Discarded | None:
        if self._decoder is None:
            self._decoder = delta8.Delta8Decoder(start, first_raw=True)
        if why := self._decoder.resume(self._kept, count):
            return self._bad(self._decoder.place, why)
        if len(self._decoder.values) < count or len(self._kept) < self._decoder.place + self._closing:
            return None
        return self._closed(self._decoder.place, np.array(self._decoder.values, np.int64), self._decoder.total, fields)

    @property
    def _closing(self) -> int:
        return 4 if self._setup.checksum else 2

    def _closed(self, end: int, points: NDArray[np.int64], total: int, fields: dict[str, int]) -> Consumed | Discarded:
        length = end + self._closing
        close, *sent = words(self._kept, end, self._closing // 2)
        if close != END:
            return self._bad(length, f"{close:04X} after {points.size} points; expected {END:04X}: bytes are missing or too many")
        if sent and sent[0] != total & MAGIC:
            return self._bad(length, f"checksum {sent[0]:04X} of a frame; its points give {total & MAGIC:04X}")
        return Consumed(length, RawFrame(points, fields, self._at, length))

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the bytes of a frame, all zero in the header but ``fields``. Raises :class:`SpectrumError`.

        ``size_flag`` 1 sends double words; pixel modes other than 0 take their parameters from ``pixel_0``, ``pixel_1`` ….
        """
        head, points, wide = stated(self._setup, counts, fields or {})
        data = delta8.encode(points) if self._setup.compressed else points.astype(">u4" if wide else ">u2").tobytes()
        made = START + np.array(head, ">u2").tobytes() + data + END.to_bytes(2, "big")
        return made + (checksum(points, compressed=self._setup.compressed).to_bytes(2, "big") if self._setup.checksum else b"")


def stated(setup: OoiSettings, counts: ArrayLike, fields: Mapping[str, int | str]) -> tuple[list[int], NDArray[np.int64], bool]:
    """Return header and parameters, points, and whether these are double words; :class:`SpectrumError` where they do not fit."""
    known = {name: int(value) for name, value in fields.items()}
    given = [known[name] for name in sorted((name for name in known if name.startswith("pixel_") and name != "pixel_mode"), key=_number)]
    same_length(counts, selected(setup.pixels, known.get("pixel_mode", 0), given) or 0)
    wide = known.get("size_flag", 0) == 1
    return [known.get(name, 0) for name in setup.header] + given, whole(counts, 0, 2**32 - 1 if wide else MAGIC), wide


def checksum(points: ArrayLike, *, compressed: bool) -> int:
    """Return the sum of the transmitted points without its overflow (Technical Note 3), 0..65535."""
    return delta8.total(points) if compressed else int(np.sum(points)) & MAGIC


def _number(name: str) -> int:
    return int(name.removeprefix("pixel_"))


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
