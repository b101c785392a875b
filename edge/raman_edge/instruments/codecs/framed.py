"""Lines of text that announce values, then the values in binary or a line each, then a line that closes the frame.

As the Teensy firmware for a TCD1304 sends them: ``FRAME COUNTER 7``, ``CRC 0x1f``, ``BINARY16 3694``, the words, ``END DATA``;
in its ASCII format ``DATA 3694`` and a number a line stand there instead. A checksum is over the words either way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import SpectrumError
from raman_edge.instruments.codecs.lines import Column, numbers, odd, shown
from raman_edge.instruments.codecs.stream import CodecStream, Consumed, Discarded, RawFrame, Reply, may_begin
from raman_edge.instruments.codecs.words import RISING, VALUES, CountScale, WordFormat, same_length

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from raman_edge.instruments.codecs.stream import Counts
    from raman_edge.instruments.codecs.words import FrameChecksum


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


LINE = 256
"""Bytes of the longest line of text."""
LF = 10
VALUE = 24
"""Bytes of the longest value that is a line."""
START, CHECK = "BINARY", "CHECKSUM"
"""Names that no field has: those of a profile are in lower case."""
_TEXT = re.compile(rb"[\x20-\x7E\t]*")
_WHOLE = re.compile(rb"[-+]?[0-9]{1,18}|0x[0-9A-Fa-f]{1,16}")


@dataclass(frozen=True, slots=True)
class Keywords:
    """What the lines begin with."""

    start: str
    """The line before the values; the rest of it is how many they are."""
    end: str
    """The line after the values."""
    header: Mapping[str, str] = field(default_factory=dict)
    """Name of a field → beginning of the line that holds it."""
    check: str = ""
    """The line that holds the checksum; empty where none does."""
    text: bool = False
    """Whether each value is a line with a decimal number."""

    @property
    def openings(self) -> tuple[bytes, ...]:
        """What the lines of a frame begin with, up to its values."""
        words = (self.start, *self.header.values(), self.check)
        return tuple(word.encode() for word in words if word)


class DelimitedCodec(CodecStream):
    """Frames between two lines; the lines before them give the fields and the checksum of the next frame."""

    def __init__(
        self, count: int, words: WordFormat, keywords: Keywords, check: FrameChecksum | None = None, scale: CountScale = RISING
    ) -> None:
        self._count, self._words, self._keywords, self._check, self._scale = count, words, keywords, check, scale
        self._openings = keywords.openings
        super().__init__(LINE * (2 + len(self._openings)) + count * (VALUE if keywords.text else words.size))

    def _moved(self) -> None:
        self._column = Column(0)
        self._header: dict[str, bytes] = {}
        self._place = 0
        self._first = 0

    def _next(self) -> Consumed | Discarded | None:
        if self._first:
            return self._frame(self._first)
        if self._searching and not self._place and (between := self._opens(0, len(self._kept))):
            return Discarded(between, "bytes between frames", is_fault=False)
        while (end := self._kept.find(b"\n", self._place, self._place + LINE) + 1) > 0:
            line = bytes(self._kept[self._place : end]).strip()
            name = self._name(line)
            if name == START:
                return self._announced(end, line)
            if name is None or name in self._header:
                return self._other(end, line)
            self._header[name] = line[len(self._keywords.header.get(name, self._keywords.check)) :].strip()
            self._place = end
        if len(self._kept) - self._place >= LINE:
            return Discarded(self._ahead(self._place + LINE), f"no end of line in {LINE} bytes")
        return None

    def _name(self, line: bytes) -> str | None:
        """Return which field the line gives, or that the values follow; None where it is neither."""
        if not _TEXT.fullmatch(line):
            return None
        named = {START: self._keywords.start, CHECK: self._keywords.check, **self._keywords.header}
        for name, keyword in named.items():
            if keyword and line.startswith(keyword.encode()):
                # A line that was cut off runs into the first one of the next frame.
                return None if any(opening in line[len(keyword) :] for opening in self._openings) else name
        return None

    def _other(self, end: int, line: bytes) -> Consumed | Discarded:
        if self._place:
            return Discarded(self._place, f"{len(self._header)} lines of a frame, then {line[:40]!r}; expected {self._keywords.start}")
        if not _TEXT.fullmatch(line):
            return self._bad(end, "a line that is no text")
        return Consumed(end, Reply("text", line, at=self._at) if line else None)

    def _announced(self, first: int, line: bytes) -> Consumed | Discarded | None:
        self._first = first
        self._column.place = first
        announced = line[len(self._keywords.start) :].strip()
        if announced != b"%d" % self._count:
            return self._bad(first, f"{announced[:20]!r} values are announced; expected {self._count}")
        return self._frame(first)

    def _frame(self, first: int) -> Consumed | Discarded | None:
        if not self._keywords.text:
            return self._closed(first, first + self._count * self._words.size)
        column = self._column
        if (line := column.resume(self._kept, self._count)) is not None:
            return self._bad(column.place + 1, f"value {len(column.lines) + 1} of {self._count} is {shown(line)}; expected a number")
        if len(column.lines) < self._count:
            return None
        # A line may end with CR LF, and the column with its CR.
        last = column.place
        if len(self._kept) <= last:
            return None
        return self._closed(first, last + (self._kept[last] == LF))

    def _closed(self, first: int, last: int) -> Consumed | Discarded | None:
        close = self._keywords.end.encode()
        longest = last + len(close) + len(b"\r\n")
        if not (length := self._kept.find(b"\n", last, longest) + 1):
            return self._bad(longest, "the line after the values does not end") if len(self._kept) >= longest else None
        closing = bytes(self._kept[last:length])
        if closing.rstrip() != close:
            return self._bad(length, f"{closing[:20]!r} after the values; expected {self._keywords.end}")
        return self._values(first, last, length)

    def _values(self, first: int, last: int, length: int) -> Consumed | Discarded:
        values = numbers(self._column.lines) if self._keywords.text else self._words.decode(bytes(self._kept[first:last]))
        if values is None:
            return self._bad(length, self._mistake(bytes(self._kept[first:last])))
        if why := self._damage(values) or self._scale.misfit(values):
            return self._bad(length, why)
        fields = {name: _value(text) for name, text in self._header.items() if name != CHECK}
        return Consumed(length, RawFrame(self._scale.turned(values), fields, self._at, length))

    def _mistake(self, payload: bytes) -> str:
        """Say which value is no number."""
        if self._keywords.text:
            return f"{odd(self._column.lines)}; expected a number"
        return f"{self._words.odd(payload)}; expected finite numbers: bytes are missing or too many"

    def _damage(self, values: Counts) -> str:
        text = self._header.get(CHECK)
        if self._check is None or text is None:
            return ""
        try:
            made, got = self._sum(values), _value(text)
        except SpectrumError as error:
            return str(error)
        return "" if got == made else f"{self._check.kind} of a frame is {str(got)[:20]}; its values give {made:#x}"

    def _sum(self, values: Counts) -> int:
        """Return the checksum of values as the device counts it: over its words, however they are sent."""
        if self._check is None:
            return 0
        if self._check.kind == "values":
            return int(values.sum()) & VALUES
        return int.from_bytes(self._check(self._words.encode(values)), self._check.order)

    def _ahead(self, end: int) -> int:
        # The lines of a frame that was refused must not lend themselves to a frame without them.
        return self._opens(max(1, self._first, self._place), end)

    def _opens(self, start: int, end: int) -> int:
        """Return the first place where a line of a frame begins, or its keyword may begin at the very end."""
        return min(may_begin(word, self._kept, start, end) for word in self._openings)

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the lines and values of a frame, with the fields that are given. Raises :class:`SpectrumError`."""
        same_length(counts, self._count)
        values = self._scale.turned(np.asarray(counts))
        payload = self._words.encode(values)
        if self._keywords.text:
            payload = b"".join(b"%b\r\n" % str(value).encode() for value in values.tolist())
        given = fields or {}
        lines = [f"{keyword} {given[name]}" for name, keyword in self._keywords.header.items() if name in given]
        if self._check and self._keywords.check:
            number = self._sum(values)
            lines.append(f"{self._keywords.check} {number if self._check.kind == 'values' else f'0x{number:0{2 * self._check.size}x}'}")
        lines.append(f"{self._keywords.start} {self._count}")
        return "".join(f"{line}\r\n" for line in lines).encode() + payload + f"{self._keywords.end}\r\n".encode()


def _value(text: bytes) -> int | str:
    if not _WHOLE.fullmatch(text):
        return text.decode("ascii")
    return int(text, 16 if text.startswith(b"0x") else 10)
